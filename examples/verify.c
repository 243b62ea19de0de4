/*
 * Verifying tokens and nothing else: no gateway, no network. To have a token to look at, the program
 * makes a small issuer first; yours would read the key set of its real issuer from a file.
 */
#include <aigw/issuer.h>
#include <aigw/verify.h>
#include <stdio.h>
#include <time.h>

static void check(const aigw_jwks *keys, aigw_slice token, const char *scope, long long now)
{
    aigw_slice wanted = aigw_slice_of(scope);
    aigw_policy policy = {.size = sizeof policy,
                          .issuer = aigw_slice_of("https://issuer.example"),
                          .scopes = &wanted,
                          .scope_count = 1,
                          .leeway_s = -1};
    aigw_claims *claims;
    aigw_error err;
    if (aigw_jwt_verify(keys, token, &policy, now, &claims, &err) == AIGW_OK) {
        aigw_slice who = aigw_claims_string(claims, "client_id");
        printf("accepted: %.*s\n", (int)who.len, who.data);
        aigw_claims_free(claims);
    } else {
        printf("refused: %s\n", err.reason);
    }
}

int main(void)
{
    aigw_slice scope = aigw_slice_of("read");
    aigw_issuer_client client = {.id = aigw_slice_of("team-a"),
                                 .secret = aigw_slice_of("only for this example"),
                                 .scopes = &scope,
                                 .scope_count = 1};
    aigw_issuer_options options = {.size = sizeof options,
                                   .issuer = aigw_slice_of("https://issuer.example"),
                                   .clients = &client,
                                   .client_count = 1};
    aigw_issuer *issuer = NULL;
    aigw_jwks *keys = NULL;
    aigw_slice token = {NULL, 0};
    aigw_error err;
    int rc = aigw_issuer_new(&options, NULL, &issuer, &err);
    if (rc == AIGW_OK)
        rc = aigw_issuer_mint(issuer, client.id, scope, &token, &err);
    if (rc == AIGW_OK)
        rc = aigw_jwks_parse(aigw_issuer_jwks(issuer), &keys, &err);
    if (rc == AIGW_OK) {
        long long now = (long long)time(NULL);
        check(keys, token, "read", now);
        check(keys, token, "write", now);
        check(keys, token, "read", now + 100000);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    aigw_jwks_free(keys);
    aigw_bytes_free(token);
    aigw_issuer_free(issuer);
    return rc == AIGW_OK ? 0 : 1;
}
