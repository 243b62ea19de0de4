/*
 * Verifying one RS256 token of the shape of a Cognito M2M token, five ways in turn, in one run: the bare
 * OpenSSL verification with a parsed key, our verifier from bytes to verdict, the gate without and with its
 * cache, and libjwt's jwt_decode. Prints CPU microseconds (median of the rounds), ratios and allocations.
 *
 * Usage: bench_jwt [ROUNDS]
 */
#include "base/text.h"
#include "gate/gate.h"
#include <aigw/issuer.h>
#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { WAYS = 5, MAX_ROUNDS = 99 };

static EVP_PKEY *pkey;
static char public_pem[2048];
static aigw_slice token;
static aigw_jwks *jwks;
static unsigned char signature[512];
static size_t signature_len, signed_len;
static int64_t now;
static gw_arena *arena;
static gw_gate cold_gate, warm_gate;
static char *authorization; /* "Bearer " and the token, NUL-terminated as libjwt needs it */
static long allocations;

static const aigw_slice scope = {"https://gateway.internal/invoke", 31};
static gw_gate_issuer trusted;

static void *counting_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    allocations++;
    return realloc(ptr, bytes);
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static aigw_slice pem_of(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    return (aigw_slice){data, (size_t)len};
}

static void prepare(void)
{
    BIO *private = BIO_new(BIO_s_mem()), *public = BIO_new(BIO_s_mem());
    pkey = EVP_RSA_gen(2048);
    CHECK(pkey && PEM_write_bio_PrivateKey(private, pkey, NULL, NULL, 0, NULL, NULL) &&
          PEM_write_bio_PUBKEY(public, pkey));
    aigw_slice pem = pem_of(public);
    CHECK(pem.len < sizeof public_pem);
    memcpy(public_pem, pem.data, pem.len);

    aigw_issuer_client client = {.id = GW_S("4qk1example2client3id4567"),
                                 .secret = GW_S("a secret that nobody uses, 0123456789"),
                                 .scopes = &scope,
                                 .scope_count = 1,
                                 .team = GW_S("team-a")};
    aigw_issuer_options options = {.size = sizeof options,
                                   .issuer = GW_S("https://gateway.internal"),
                                   .private_key_pem = pem_of(private),
                                   .clients = &client,
                                   .client_count = 1};
    aigw_issuer *issuer;
    CHECK(aigw_issuer_new(&options, NULL, &issuer, NULL) == AIGW_OK);
    CHECK(aigw_issuer_mint(issuer, client.id, scope, &token, NULL) == AIGW_OK);
    CHECK(aigw_jwks_parse(aigw_issuer_jwks(issuer), &jwks, NULL) == AIGW_OK);
    aigw_issuer_free(issuer);
    BIO_free(private);
    BIO_free(public);
    now = (int64_t)time(NULL);

    signed_len = (size_t)((const char *)memrchr(token.data, '.', token.len) - token.data);
    ptrdiff_t n = gw_base64url_decode(gw_skip(token, signed_len + 1), signature);
    CHECK(n == 256);
    signature_len = (size_t)n;

    authorization = calloc(1, token.len + 8);
    CHECK(authorization);
    memcpy(authorization, "Bearer ", 7);
    memcpy(authorization + 7, token.data, token.len);
    trusted.issuer = GW_S("https://gateway.internal");
    trusted.policy = (aigw_policy){.size = sizeof trusted.policy,
                                   .issuer = trusted.issuer,
                                   .scopes = &scope,
                                   .scope_count = 1,
                                   .leeway_s = -1};
    cold_gate = (gw_gate){.jwt_enabled = true,
                          .issuers = &trusted,
                          .issuer_count = 1,
                          .insufficient_scope_status = 401};
    warm_gate = cold_gate;
    warm_gate.cache = gw_jwt_cache_new(8192);
    arena = gw_arena_new(1 << 20);
    CHECK(warm_gate.cache && arena);
}

static void bare_openssl(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CHECK(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, pkey) == 1 &&
          EVP_DigestVerify(context, signature, signature_len, (const unsigned char *)token.data,
                           signed_len) == 1);
    EVP_MD_CTX_free(context);
}

static void cold(void)
{
    CHECK(aigw_jwt_verify(jwks, token, &trusted.policy, now, NULL, NULL) == AIGW_OK);
}

static const aigw_jwks *keys(void *user, size_t issuer)
{
    (void)user;
    (void)issuer;
    return jwks;
}

static void through(const gw_gate *gate, bool hit)
{
    aigw_header header = {GW_S("authorization"), {authorization, token.len + 7}};
    gw_gate_result result;
    gw_arena_reset(arena);
    gw_gate_check(gate, &header, 1, keys, NULL, now, false, arena, &result);
    CHECK(result.verdict == GW_GATE_PASS && result.cache_hit == hit);
}

static void gate_cold(void)
{
    through(&cold_gate, false);
}

static void gate_hit(void)
{
    through(&warm_gate, true);
}

static void libjwt(void)
{
    const unsigned char *pem = (const unsigned char *)public_pem;
    jwt_t *jwt;
    CHECK(jwt_decode(&jwt, authorization + 7, pem, (int)strlen(public_pem)) == 0);
    jwt_free(jwt);
}

static const struct {
    const char *name;
    void (*run)(void);
    long times;
} ways[WAYS] = {
    {"bare OpenSSL verification, parsed key", bare_openssl, 2000},
    {"our verifier, bytes to verdict (cold)", cold, 2000},
    {"the gate, cold", gate_cold, 2000},
    {"the gate, cache hit", gate_hit, 60000},
    {"libjwt jwt_decode", libjwt, 300},
};

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double samples[WAYS][MAX_ROUNDS];
    long made[WAYS] = {0};
    int rounds = argc > 1 ? atoi(argv[1]) : 9;
    if (rounds < 1 || rounds > MAX_ROUNDS)
        return 1;
    aigw_set_allocator(&(aigw_allocator){counting_realloc, counting_free, NULL});
    prepare();
    gw_gate_result first;
    aigw_header header = {GW_S("authorization"), {authorization, token.len + 7}};
    gw_gate_check(&warm_gate, &header, 1, keys, NULL, now, false, arena, &first);
    for (int round = 0; round < rounds; round++) {
        for (int way = 0; way < WAYS; way++) {
            double start = cpu_us();
            long before = allocations;
            for (long i = 0; i < ways[way].times; i++)
                ways[way].run();
            samples[way][round] = (cpu_us() - start) / (double)ways[way].times;
            made[way] = allocations - before;
        }
    }
    printf("%zu-byte RS256 token, 2048-bit key, %d rounds in turn, medians\n", token.len, rounds);
    printf("%-40s %9s %11s %13s %12s\n", "", "CPU us", "/ OpenSSL", "libjwt / it", "allocations");
    for (int way = 0; way < WAYS; way++)
        qsort(samples[way], (size_t)rounds, sizeof(double), compare);
    for (int way = 0; way < WAYS; way++) {
        double median = samples[way][rounds / 2];
        bool ours = way > 0 && way < WAYS - 1;
        printf("%-40s %9.2f %11.2f %13.1f ", ways[way].name, median,
               median / samples[0][rounds / 2], samples[WAYS - 1][rounds / 2] / median);
        if (ours)
            printf("%12.1f\n", (double)made[way] / (double)ways[way].times);
        else
            printf("%12s\n", "-");
    }
    printf("a cache hit is %.1f times faster than the cold gate, %.1f times faster than the cold "
           "verifier\n",
           samples[2][rounds / 2] / samples[3][rounds / 2],
           samples[1][rounds / 2] / samples[3][rounds / 2]);
    return 0;
}
