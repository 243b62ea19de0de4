/*
 * Fuzzes the token endpoint: the first line of the input is the Authorization field, the rest the
 * form. Nobody here knows the secret, so that no answer may be a token.
 */
#include "base/text.h"
#include <aigw/issuer.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static aigw_issuer *make_issuer(void)
{
    static const aigw_slice scopes[] = {{"a", 1}};
    static const aigw_issuer_client client = {.id = {"c", 1},
                                              .secret = {"5ae0e1c1f1a64f0d5ae0e1c1f1a64f0d", 32},
                                              .scopes = scopes,
                                              .scope_count = 1};
    aigw_issuer_options options = {.size = sizeof options,
                                   .issuer = GW_S("i"),
                                   .clients = &client,
                                   .client_count = 1,
                                   .max_failures = -1};
    aigw_issuer *issuer = NULL;
    if (aigw_issuer_new(&options, NULL, &issuer, NULL) != AIGW_OK)
        abort();
    return issuer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static aigw_issuer *issuer;
    if (!issuer)
        issuer = make_issuer();
    aigw_slice form = gw_slice((const char *)data, size);
    aigw_slice authorization = gw_cut(&form, '\n');
    aigw_issuer_answer answer;
    if (aigw_issuer_token(issuer, authorization, form, &answer, NULL) != AIGW_OK)
        return 0;
    if ((answer.status != 400 && answer.status != 401) ||
        (answer.status == 401) != (answer.www_authenticate != NULL) ||
        !gw_starts(answer.body, GW_S("{\"error\":\"")))
        abort();
    aigw_bytes_free(answer.body);
    return 0;
}
