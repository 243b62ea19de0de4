/* Paths of the pass-through: what passes has no dot segment and no second slash in any reading, stays below
 * the base, and a Location that is told leads back to where it came from. */
#include "base/text.h"
#include "gateway/pass.h"
#include "rim/http_field.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static int digit(char c)
{
    const char *at = c ? strchr("0123456789abcdef", c | 0x20) : NULL;
    return at ? (int)(at - "0123456789abcdef") : -1;
}

/* As a careless server would: everything decoded, then read as a file's path. */
static void check_reading(aigw_slice path, int rounds)
{
    char *text = malloc(path.len + 1);
    size_t n = 0;
    check(text != NULL);
    for (size_t i = 0; i < path.len; i++) {
        bool escape = rounds > 0 && path.data[i] == '%' && i + 2 < path.len &&
                      digit(path.data[i + 1]) >= 0 && digit(path.data[i + 2]) >= 0;
        text[n++] =
            escape ? (char)(digit(path.data[i + 1]) * 16 + digit(path.data[i + 2])) : path.data[i];
        i += escape ? 2 : 0;
    }
    text[n] = '\0';
    check(!memchr(text, '\\', n) && !memchr(text, '\0', n) && !memchr(text, '\n', n));
    check(!strstr(text, "//") && !strstr(text, "/../") && !strstr(text, "/./") &&
          !strstr(text, "/..;"));
    check(n < 3 || memcmp(text + n - 3, "/..", 3) != 0);
    if (rounds > 0)
        check_reading(gw_slice(text, n), rounds - 1);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const bases[] = {"", "/v1", "/openai/v1"};
    if (size == 0)
        return 0;
    aigw_slice text = {(const char *)data + 1, size - 1};
    gw_upstream up = {.name = GW_S("up"),
                      .authority = GW_S("api.example.com"),
                      .base_path = aigw_slice_of(bases[data[0] % 3])};
    gw_buf out;
    gw_buf_init(&out, 4 * GW_PASS_PATH_MAX);
    gw_pass_query_has_key(text);
    if (!gw_pass_path_fault(text)) {
        check_reading(text, 3);
        gw_pass_join(up.base_path, text, &out);
        check(gw_starts(gw_buf_slice(&out), up.base_path));
        check(gw_http_path_ok(gw_buf_slice(&out)));
        gw_buf_clear(&out);
    }
    if (gw_pass_location(&up, text, &out)) {
        gw_buf again;
        aigw_slice query = gw_skip(gw_buf_slice(&out), sizeof "/pass/up" - 1);
        aigw_slice rest = gw_cut(&query, '?');
        check(gw_starts(gw_buf_slice(&out), GW_S("/pass/up/")));
        check(!gw_pass_path_fault(rest));
        gw_buf_init(&again, 4 * GW_PASS_PATH_MAX);
        gw_pass_join(up.base_path, rest, &again);
        check(gw_find(text, gw_buf_slice(&again)) != NULL);
        gw_buf_free(&again);
    }
    gw_buf_free(&out);
    return 0;
}
