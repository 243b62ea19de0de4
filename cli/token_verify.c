/* aigw-token verify: a token on stdin against a key set; the answer is the exit status. */
/* Must not print a byte of a token that is rejected. */
#include "token.h"

#include <aigw/verify.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOKEN_BYTES   16384
#define RAW_BYTES     ((size_t)1024 * 1024)
#define KEYS_BYTES    ((size_t)150 * 1024)
#define MAX_WORDS     32
#define MAX_TIMEOUT_S 600
#define MAX_LEEWAY_S  300

static const char notes[] =
    "The token comes from standard input; one newline at its end is fine.\n"
    "exit status: 0 accepted; 4 rejected, and the reason is on stderr; 1 the command line\n"
    "is wrong; 2 there is no key set; 3 the key set is not JSON.\n";

typedef struct wish {
    const char *jwks, *issuer, *audience, *scope, *algorithms, *ca_file, *timeout, *leeway;
    bool raw;
} wish;

/* Cuts a list; the number of words, or -1 when there are too many or an empty one. */
static int cut(const char *list, char separator, aigw_slice words[MAX_WORDS])
{
    int count = 0;

    while (list) {
        const char *end = strchr(list, separator);
        size_t len = end ? (size_t)(end - list) : strlen(list);
        if (count == MAX_WORDS || len == 0)
            return -1;
        words[count++] = (aigw_slice){list, len};
        list = end ? end + 1 : NULL;
    }
    return count;
}

static bool is_url(const char *text)
{
    return strncasecmp(text, "https://", 8) == 0 || strncasecmp(text, "http://", 7) == 0;
}

/* ---- the key set ---- */

static int load_keys(const wish *w, aigw_slice *out)
{
    aigw_error err = {0};
    int64_t seconds = 0;
    size_t len = 0;

    if (w->timeout)
        read_number(w->timeout, MAX_TIMEOUT_S, &seconds);
    if (is_url(w->jwks)) {
        if (aigw_jwks_fetch(w->jwks, w->ca_file, (int)seconds * 1000, out, &err) == AIGW_OK)
            return EXIT_SUCCESS;
        fprintf(stderr, "aigw-token: --jwks: %s\n", err.message);
        return EXIT_ENDPOINT;
    }
    char *text = read_file(w->jwks, KEYS_BYTES, &len);
    if (!text) {
        fprintf(stderr, "aigw-token: --jwks: %s\n", strerror(errno));
        return EXIT_ENDPOINT;
    }
    *out = (aigw_slice){text, len};
    return EXIT_SUCCESS;
}

/* JSON that holds no set has no key for any token: that is a rejection, and *keys stays NULL. */
static int parse_keys(const wish *w, aigw_jwks **keys)
{
    aigw_slice text = {NULL, 0};
    aigw_error err = {0};
    int status = load_keys(w, &text);

    if (status != EXIT_SUCCESS)
        return status;
    int code = aigw_jwks_parse(text, keys, &err);
    if (is_url(w->jwks))
        aigw_bytes_free(text);
    else
        free((char *)(uintptr_t)text.data);
    if (code == AIGW_OK)
        return EXIT_SUCCESS;
    fprintf(stderr, "aigw-token: %s: %s\n",
            code == AIGW_E_PARSE && strcmp(err.reason, "not_a_jwks") == 0 ? "rejected" : "--jwks",
            err.message);
    if (code == AIGW_E_PARSE && strcmp(err.reason, "not_a_jwks") == 0)
        return EXIT_REJECTED;
    return code == AIGW_E_NOMEM ? EXIT_ENDPOINT : EXIT_ANSWER;
}

/* ---- the token ---- */

static int reject(const char *reason)
{
    fprintf(stderr, "aigw-token: rejected: %s\n", reason);
    return EXIT_REJECTED;
}

static int verdict(int code, const aigw_error *err)
{
    if (code == AIGW_E_DENIED)
        return reject(err->reason);
    fprintf(stderr, "aigw-token: %s\n", err->message);
    return code == AIGW_E_INVALID ? EXIT_USAGE : EXIT_REJECTED;
}

static int check_raw(const aigw_jwks *keys, aigw_slice token, const aigw_slice *algorithms,
                     size_t count)
{
    aigw_slice payload = {NULL, 0};
    aigw_error err = {0};
    int code = aigw_jws_verify(keys, token, algorithms, count, &payload, &err);

    if (code != AIGW_OK)
        return verdict(code, &err);
    int status = print_bytes(payload.data, payload.len);
    aigw_bytes_free(payload);
    return status;
}

static int check(const aigw_jwks *keys, aigw_slice token, const aigw_policy *policy)
{
    aigw_error err = {0};
    int code = aigw_jwt_verify(keys, token, policy, unix_now(), NULL, &err);

    return code == AIGW_OK ? EXIT_SUCCESS : verdict(code, &err);
}

static int read_and_check(const wish *w, const aigw_jwks *keys, const aigw_policy *policy)
{
    size_t max = w->raw ? RAW_BYTES : TOKEN_BYTES, len = 0;
    char *token = read_stdin(max, &len);
    int status;

    if (!token) {
        fprintf(stderr, "aigw-token: standard input: %s\n", strerror(errno));
        return EXIT_USAGE;
    }
    if (len > max)
        status = reject("token_too_large");
    else if (w->raw)
        status =
            check_raw(keys, (aigw_slice){token, len}, policy->algorithms, policy->algorithm_count);
    else
        status = check(keys, (aigw_slice){token, len}, policy);
    wipe_free(token, max + 2);
    return status;
}

/* ---- the command line ---- */

static bool known(const aigw_slice *algorithms, int count)
{
    static const char *const names[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                        "PS512", "ES256", "ES384", "ES512", "EdDSA"};

    for (int i = 0; i < count; i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof names / sizeof names[0] && !found; k++)
            found = algorithms[i].len == strlen(names[k]) &&
                    memcmp(algorithms[i].data, names[k], algorithms[i].len) == 0;
        if (!found)
            return false;
    }
    return true;
}

static const char *fault(const wish *w, int algorithms, bool algorithms_known, int scopes,
                         int64_t *leeway)
{
    int64_t seconds;

    if (!w->jwks || !*w->jwks)
        return "expected --jwks FILE or --jwks URL";
    if (algorithms < 0 || !algorithms_known)
        return "--allow-alg: expected names of RS256, RS384, RS512, PS256, PS384, PS512, ES256, "
               "ES384, ES512, EdDSA, separated by commas";
    if (scopes < 0)
        return "--scope: expected scopes separated by single spaces";
    if (w->timeout && (!read_number(w->timeout, MAX_TIMEOUT_S, &seconds) || seconds == 0))
        return "--timeout: expected seconds, 1 to 600";
    if (w->leeway && !read_number(w->leeway, MAX_LEEWAY_S, leeway))
        return "--leeway: expected seconds, 0 to 300";
    if (w->raw && (w->issuer || w->audience || w->scope || w->leeway))
        return "--raw looks at no claim: no --issuer, --audience, --scope or --leeway with it";
    return NULL;
}

static int run(const wish *w)
{
    aigw_slice algorithms[MAX_WORDS], scopes[MAX_WORDS];
    aigw_slice audience = aigw_slice_of(w->audience);
    int algorithm_count = cut(w->algorithms, ',', algorithms);
    int scope_count = cut(w->scope, ' ', scopes);
    int64_t leeway = -1;
    const char *wrong =
        fault(w, algorithm_count, known(algorithms, algorithm_count), scope_count, &leeway);
    aigw_jwks *keys = NULL;

    if (wrong) {
        fprintf(stderr, "aigw-token: verify: %s\n", wrong);
        return EXIT_USAGE;
    }
    aigw_policy policy = {.size = sizeof policy,
                          .issuer = aigw_slice_of(w->issuer),
                          .scopes = scopes,
                          .scope_count = (size_t)scope_count,
                          .scopes_all = 1,
                          .audiences = &audience,
                          .audience_count = w->audience ? 1 : 0,
                          .leeway_s = (int)leeway,
                          .algorithms = algorithms,
                          .algorithm_count = (size_t)algorithm_count};
    int status = parse_keys(w, &keys);
    if (status == EXIT_SUCCESS)
        status = read_and_check(w, keys, &policy);
    aigw_jwks_free(keys);
    return status;
}

int verify_main(int argc, char **argv)
{
    wish w = {0};
    const opt table[] = {
        {"jwks", "FILE|URL", "the key set; a URL is https, or on loopback", &w.jwks, NULL},
        {"issuer", "TEXT", "the exact iss claim", &w.issuer, NULL},
        {"audience", "TEXT", "aud is this, or holds it", &w.audience, NULL},
        {"scope", "SCOPES", "the token has all of these scopes", &w.scope, NULL},
        {"allow-alg", "A,B", "accepted algorithms (default RS256)", &w.algorithms, NULL},
        {"leeway", "SECONDS", "tolerated difference of clocks (default 60)", &w.leeway, NULL},
        {"raw", NULL, "check the JWS layer alone and print the payload", NULL, &w.raw},
        {"ca-file", "FILE", "trust these certificates (PEM), none else", &w.ca_file, NULL},
        {"timeout", "SECONDS", "for the key set (default 15)", &w.timeout, NULL},
    };
    const opt_program program = {"aigw-token verify", "Checks a token against a key set.", notes,
                                 table, sizeof table / sizeof table[0]};
    opt_result parsed = opt_parse(&program, argc, argv);

    if (parsed != OPT_RUN)
        return parsed == OPT_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    return run(&w);
}
