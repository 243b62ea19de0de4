/* What aigw-token is to ask, and as whom: options, environment, files. Must not ask anything. */
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET_BYTES  ((size_t)16 * 1024)
#define KEY_BYTES     ((size_t)64 * 1024)
#define MAX_TIMEOUT_S 600
#define MAX_TTL_S     (366 * 24 * 3600)

static const char *const auth_names[] = {"client_secret_post", "client_secret_basic",
                                         "private_key_jwt", "tls_client_auth"};

size_t settings_table(settings *s, opt table[SETTINGS_OPTIONS])
{
    aigw_token_options *o = &s->options;
    const opt options[] = {
        {"scope", "SCOPES", "ask for these scopes, separated by spaces", &o->scope, NULL},
        {"audience", "TEXT", "ask for a token for this audience", &o->audience, NULL},
        {"resource", "URI", "ask for a token for this resource (RFC 8707)", &o->resource, NULL},
        {"auth-method", "METHOD",
         "client_secret_post (default), client_secret_basic,\n"
         "                           private_key_jwt or tls_client_auth",
         &s->auth_method, NULL},
        {"client-secret-file", "FILE", "read the secret from this file", &s->secret_file, NULL},
        {"private-key-file", "FILE", "sign with this RSA key (PEM): private_key_jwt", &s->key_file,
         NULL},
        {"key-id", "KID", "the kid of that key", &o->key_id, NULL},
        {"client-cert", "FILE", "client certificate for TLS (PEM)", &o->client_cert_file, NULL},
        {"client-key", "FILE", "its key (PEM), if not in the same file", &o->client_key_file, NULL},
        {"ca-file", "FILE", "trust these certificates (PEM), none else", &o->ca_file, NULL},
        {"proxy", "URL", "ask through this proxy", &o->proxy, NULL},
        {"timeout", "SECONDS", "give up after this time (default 15)", &s->timeout, NULL},
        {"allow-http", NULL, "accept http to other than loopback", NULL, &o->allow_http},
        {"public-only", NULL, "ask no private address that the endpoint's name leads to", NULL,
         &o->public_only},
        {"allow-private", "NETWORKS", "with --public-only: but these (CIDR, with commas)",
         &o->allow_private, NULL},
        {"no-cache", NULL, "neither read nor write the cache file", NULL, &s->no_cache},
        {"force", NULL, "fetch a new token even if a good one is kept", NULL, &s->force},
        {"min-ttl", "SECONDS", "a kept token must have so much life left", &s->min_ttl, NULL},
    };

    memcpy(table, options, sizeof options);
    return sizeof options / sizeof options[0];
}

bool read_number(const char *text, int64_t max, int64_t *out)
{
    int64_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > max)
            return false;
        value = value * 10 + (*text - '0');
    }
    *out = value;
    return value <= max;
}

void wipe_free(char *text, size_t len)
{
    if (text)
        explicit_bzero(text, len);
    free(text);
}

char *read_file(const char *path, size_t max, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *data = fd >= 0 ? malloc(max + 2) : NULL;
    size_t have = 0;
    ssize_t n = -1;

    while (data && have <= max) {
        n = read(fd, data + have, max + 1 - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    int why = have > max ? EFBIG : errno;
    if (fd >= 0)
        close(fd);
    if (!data || n < 0 || have > max) {
        wipe_free(data, data ? max + 2 : 0);
        errno = why;
        return NULL;
    }
    data[have] = '\0';
    *len = have;
    return data;
}

/* A text of a file without the newline at its end; NULL: it has been said why. */
static char *read_text(const char *option, const char *path, size_t max)
{
    size_t len = 0;
    char *text = read_file(path, max, &len);

    if (!text) {
        fprintf(stderr, "aigw-token: --%s: %s\n", option, strerror(errno));
        return NULL;
    }
    if (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    if (len > 0 && text[len - 1] == '\r')
        text[--len] = '\0';
    if (len == 0 || strlen(text) != len) {
        fprintf(stderr, "aigw-token: --%s: the file is empty or has a NUL in it\n", option);
        wipe_free(text, max + 2);
        return NULL;
    }
    return text;
}

static bool choose_method(settings *s)
{
    if (!s->auth_method) {
        s->options.auth_method = s->key_file ? AIGW_TOKEN_PRIVATE_KEY_JWT : AIGW_TOKEN_SECRET_POST;
        return true;
    }
    for (size_t i = 0; i < sizeof auth_names / sizeof auth_names[0]; i++) {
        if (strcmp(s->auth_method, auth_names[i]) == 0) {
            s->options.auth_method = (aigw_token_auth)i;
            return true;
        }
    }
    fputs("aigw-token: --auth-method: expected client_secret_post, client_secret_basic, "
          "private_key_jwt or tls_client_auth\n",
          stderr);
    return false;
}

static bool read_values(settings *s)
{
    aigw_token_options *o = &s->options;
    int64_t seconds = 0;
    const char *wrong = NULL;

    s->min_ttl_s = -1;
    if (s->timeout && (!read_number(s->timeout, MAX_TIMEOUT_S, &seconds) || seconds == 0))
        wrong = "--timeout: expected seconds, 1 to 600";
    o->timeout_ms = (int)seconds * 1000;
    if (seconds > 0 && seconds < 5)
        o->connect_timeout_ms = o->timeout_ms;
    if (s->min_ttl && !read_number(s->min_ttl, MAX_TTL_S, &s->min_ttl_s))
        wrong = "--min-ttl: expected seconds";
    if (o->proxy && strchr(o->proxy, '@'))
        wrong = "--proxy: no credentials here; put them into the variable https_proxy";
    if (o->client_key_file && !o->client_cert_file)
        wrong = "--client-key needs --client-cert";
    if (o->auth_method == AIGW_TOKEN_PRIVATE_KEY_JWT && !s->key_file)
        wrong = "private_key_jwt needs --private-key-file";
    if (s->key_file && o->auth_method != AIGW_TOKEN_PRIVATE_KEY_JWT)
        wrong = "--private-key-file goes with private_key_jwt only";
    if (o->key_id && !s->key_file)
        wrong = "--key-id needs --private-key-file";
    if (o->auth_method == AIGW_TOKEN_TLS_CLIENT && !o->client_cert_file)
        wrong = "tls_client_auth needs --client-cert";
    if (wrong)
        fprintf(stderr, "aigw-token: %s\n", wrong);
    return !wrong;
}

static bool read_files(settings *s)
{
    if (s->secret_file) {
        s->secret = read_text("client-secret-file", s->secret_file, SECRET_BYTES);
        if (!s->secret)
            return false;
        s->options.client_secret = s->secret;
    }
    if (s->key_file) {
        s->pem = read_text("private-key-file", s->key_file, KEY_BYTES);
        if (!s->pem)
            return false;
        s->options.private_key_pem = s->pem;
    }
    return true;
}

static bool read_environment(settings *s)
{
    aigw_token_options *o = &s->options;
    bool by_secret =
        o->auth_method == AIGW_TOKEN_SECRET_POST || o->auth_method == AIGW_TOKEN_SECRET_BASIC;
    const struct {
        const char *name, **value;
        bool needed;
    } variables[] = {{"GATEWAY_CLIENT_ID", &o->client_id, true},
                     {"GATEWAY_CLIENT_SECRET", &o->client_secret, by_secret && !s->secret_file},
                     {"GATEWAY_TOKEN_ENDPOINT", &o->endpoint, true}};
    bool complete = true;

    s->variable = getenv("GATEWAY_CLIENT_SECRET");
    for (int i = 0; i < 3; i++) {
        if (!variables[i].needed)
            continue;
        const char *value = getenv(variables[i].name);
        *variables[i].value = value;
        if (value && *value)
            continue;
        fprintf(stderr, "aigw-token: %s is not set or empty\n", variables[i].name);
        complete = false;
    }
    if (!complete)
        fputs("Hint: export GATEWAY_CLIENT_ID, GATEWAY_CLIENT_SECRET and GATEWAY_TOKEN_ENDPOINT, "
              "then run aigw-token again.\n",
              stderr);
    return complete;
}

bool settings_read(settings *s)
{
    s->options.size = sizeof s->options;
    return choose_method(s) && read_values(s) && read_environment(s) && read_files(s);
}

void settings_free(settings *s)
{
    wipe_free(s->secret, s->secret ? strlen(s->secret) : 0);
    wipe_free(s->pem, s->pem ? strlen(s->pem) : 0);
    if (s->variable)
        explicit_bzero(s->variable, strlen(s->variable));
    s->secret = s->pem = s->variable = NULL;
}
