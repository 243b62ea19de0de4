/* A token from the cache file, or fetched and put there. Must not know how it is shown. */
#include "token.h"
#include "token_cache.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_MS 15000

int64_t unix_now(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

static int report(aigw_token_source *source, const aigw_error *err)
{
    fprintf(stderr, "aigw-token: %s\n", err->message);
    if (err->code == AIGW_E_PARSE)
        return EXIT_ANSWER;
    aigw_slice body = aigw_token_last_body(source);
    print_safely(body);
    aigw_bytes_free(body);
    return EXIT_ENDPOINT;
}

static int fetch(aigw_token_source *source, held *out)
{
    aigw_token token = {0};
    aigw_error err = {0};

    if (aigw_token_get(source, &token, &err) != AIGW_OK)
        return report(source, &err);
    out->value = strdup(token.value);
    out->expires_unix_s = token.expires_unix_s;
    aigw_token_free(&token);
    if (!out->value)
        fputs("aigw-token: out of memory\n", stderr);
    return out->value ? EXIT_SUCCESS : EXIT_ENDPOINT;
}

/* Good without the lock, since a file is replaced at once; looked at again with it, since another
 * process may have fetched meanwhile. */
static int get(const settings *s, aigw_token_source *source, cache *c, held *out)
{
    int wait_ms = s->options.timeout_ms > 0 ? s->options.timeout_ms : TIMEOUT_MS;
    bool locked = false;

    for (int look = 0; look < 2 && c; look++) {
        if (!s->force)
            out->value = cache_read(c, s->min_ttl_s, &out->expires_unix_s);
        if (out->value)
            return EXIT_SUCCESS;
        if (look == 0 && !(locked = cache_lock(c, wait_ms)))
            break;
    }
    int status = fetch(source, out);
    if (status == EXIT_SUCCESS && locked && out->expires_unix_s > 0)
        cache_write(c, out->value, out->expires_unix_s);
    return status;
}

int held_get(const settings *s, held *out)
{
    aigw_token_source *source = NULL;
    aigw_error err = {0};
    cache c;

    if (aigw_token_source_new(&s->options, NULL, &source, &err) != AIGW_OK) {
        if (err.code == AIGW_E_INVALID) {
            fprintf(stderr, "aigw-token: %s\n", err.message);
            return EXIT_USAGE;
        }
        fprintf(stderr, "aigw-token: GATEWAY_TOKEN_ENDPOINT: %s\n", err.message);
        if (strcmp(err.reason, "insecure_url") == 0)
            fputs("aigw-token: --allow-http sends the secret over http nevertheless\n", stderr);
        return EXIT_ENDPOINT;
    }
    bool cached = !s->no_cache && cache_open(&c, aigw_token_source_fingerprint(source));
    int status = get(s, source, cached ? &c : NULL, out);
    if (cached)
        cache_close(&c);
    aigw_token_source_free(source);
    return status;
}

void held_free(held *h)
{
    wipe_free(h->value, h->value ? strlen(h->value) : 0);
    h->value = NULL;
}
