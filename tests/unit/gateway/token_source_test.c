/* The public door to token sources: structs of other ages, keys that sign or do not, decoding. */
#include "gateway/token_source.h"
#include "unit/gate/mint.h"

static const char *no_env(void *user, const char *name)
{
    (void)user;
    (void)name;
    return NULL;
}

static const aigw_host host = {.size = sizeof(aigw_host), .env = no_env};

static aigw_token_options whole(void)
{
    return (aigw_token_options){.size = sizeof(aigw_token_options),
                                .endpoint = "https://issuer.example/token",
                                .client_id = "agent",
                                .client_secret = "s"};
}

static int make(const aigw_token_options *options, char fingerprint[65])
{
    aigw_token_source *source = NULL;
    int code = aigw_token_source_new(options, &host, &source, NULL);
    if (code == AIGW_OK)
        memcpy(fingerprint, aigw_token_source_fingerprint(source), 65);
    aigw_token_source_free(source);
    return code;
}

static void a_caller_of_another_age(void **state)
{
    (void)state;
    char now[65], old[65], newer[65];
    aigw_token_options options = whole();
    assert_int_equal(make(&options, now), AIGW_OK);
    /* As the first header had it: what lies behind is not the caller's. */
    options.size = offsetof(aigw_token_options, audience);
    assert_int_equal(options.size, 64);
    options.audience = (const char *)1;
    options.auth_method = (aigw_token_auth)77;
    assert_int_equal(make(&options, old), AIGW_OK);
    assert_string_equal(now, old);
    struct {
        aigw_token_options options;
        char more[64];
    } later = {whole(), {0}};
    later.options.size = sizeof later;
    assert_int_equal(make(&later.options, newer), AIGW_OK);
    assert_string_equal(now, newer);
    options = whole();
    options.size = offsetof(aigw_token_options, allow_http);
    assert_int_equal(make(&options, old), AIGW_E_INVALID);
    assert_int_equal(make(NULL, old), AIGW_E_INVALID);
}

static void every_way_needs_what_it_needs(void **state)
{
    (void)state;
    char print[65];
    for (int method = -1; method < 6; method++) {
        aigw_token_options options = whole();
        options.auth_method = (aigw_token_auth)method;
        bool secret = method == AIGW_TOKEN_SECRET_POST || method == AIGW_TOKEN_SECRET_BASIC;
        assert_int_equal(make(&options, print), secret ? AIGW_OK : AIGW_E_INVALID);
        options.client_secret = NULL;
        assert_int_equal(make(&options, print), AIGW_E_INVALID);
    }
    aigw_token_options options = whole();
    options.auth_method = AIGW_TOKEN_TLS_CLIENT;
    options.client_secret = NULL;
    options.client_cert_file = "/x.pem";
    assert_int_equal(make(&options, print), AIGW_OK);
}

static void keys_that_sign_and_keys_that_do_not(void **state)
{
    (void)state;
    EVP_PKEY *rsa = mint_rsa(2048), *other = mint_rsa(2048), *ec = mint_p256();
    char *pem = mint_pem(rsa, true), *other_pem = mint_pem(other, true),
         *ec_pem = mint_pem(ec, true);
    char first[65], second[65];
    aigw_token_options options = whole();
    options.auth_method = AIGW_TOKEN_PRIVATE_KEY_JWT;
    options.client_secret = NULL;
    options.private_key_pem = pem;
    assert_int_equal(make(&options, first), AIGW_OK);
    options.private_key_pem = other_pem;
    assert_int_equal(make(&options, second), AIGW_OK);
    assert_string_not_equal(first, second);
    const char *bad[] = {"", "junk", ec_pem,
                         "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        options.private_key_pem = bad[i];
        assert_int_equal(make(&options, first), AIGW_E_INVALID);
    }
    free(pem);
    free(other_pem);
    free(ec_pem);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other);
    EVP_PKEY_free(ec);
}

static void decoding(void **state)
{
    (void)state;
    aigw_slice header, claims;
    int64_t expires = -1;
    /* {"alg":"none"} . {"exp":5,"a":"b"} . anything */
    aigw_slice token = aigw_slice_of("eyJhbGciOiJub25lIn0.eyJleHAiOjUsImEiOiJiIn0.%%%");
    assert_int_equal(aigw_token_decode(token, &header, &claims, &expires, NULL), AIGW_OK);
    assert_int_equal(header.len, 14);
    assert_memory_equal(header.data, "{\"alg\":\"none\"}", 14);
    assert_memory_equal(claims.data, "{\"exp\":5,\"a\":\"b\"}", claims.len);
    assert_int_equal(expires, 5);
    aigw_bytes_free(header);
    static const char *const bad[] = {"",
                                      "a",
                                      "a.b",
                                      "..",
                                      "e30.e30",
                                      "e30.e30.x.y",
                                      "W10.e30.x",
                                      "e30.W10.x",
                                      "e31.e30.x",
                                      "e30=.e30.x",
                                      /* {"a":1,"a":2} */ "e30.eyJhIjoxLCJhIjoyfQ.x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(aigw_token_decode(aigw_slice_of(bad[i]), &header, &claims, &expires, NULL),
                         AIGW_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caller_of_another_age),
        cmocka_unit_test(every_way_needs_what_it_needs),
        cmocka_unit_test(keys_that_sign_and_keys_that_do_not),
        cmocka_unit_test(decoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
