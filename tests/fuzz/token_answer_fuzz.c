/* Fuzzes what a token endpoint answers, and the decoding of a token to show: no token that could break
 * out of a header, no life beyond ten years. */
#include "base/text.h"
#include "rim/token_answer.h"
#include <aigw/token.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(aigw_slice body)
{
    gw_secret token = {0};
    int64_t life_s = 0;
    aigw_error err;
    int code = gw_token_answer_parse(body, 1700000000, &token, &life_s, &err);
    if (code != AIGW_OK) {
        if (token.data || err.code != code)
            abort();
        return;
    }
    if (token.len == 0 || strlen(token.data) != token.len || life_s < 0 ||
        life_s > 10LL * 366 * 24 * 3600 || !gw_find(body, GW_S("{")))
        abort();
    for (size_t i = 0; i < token.len; i++) {
        if ((unsigned char)token.data[i] < ' ' || token.data[i] == 0x7f)
            abort(); /* it would break out of a header */
    }
    gw_secret_free(&token);
}

static void check_decode(aigw_slice token)
{
    aigw_slice header, claims;
    int64_t expires;
    if (aigw_token_decode(token, &header, &claims, &expires, NULL) != AIGW_OK)
        return;
    if (claims.data != header.data + header.len || header.len < 2 || claims.len < 2)
        abort();
    aigw_bytes_free(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    aigw_slice text = gw_slice((const char *)data, size);
    check_answer(text);
    check_decode(text);
    return 0;
}
