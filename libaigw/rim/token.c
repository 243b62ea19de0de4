/*
 * An OAuth2 client_credentials token source: one fetch at a time, its result shared and kept.
 *
 * Must not know what a token says, nor who uses it.
 */
#include "rim/token_answer.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "rim/http.h"
#include <aigw/token.h>
#include <pthread.h>
#include <stdlib.h>

#define CONNECT_MS 5000
#define TOTAL_MS   15000
#define MARGIN_S   60 /* a token is renewed this long before its end, or a quarter of its life */
#define LAST_USE_S                                                                                 \
    5 /* while renewing fails, the old one is handed out until this close to its end */
#define BACKOFF_MAX_S 30

struct aigw_token_source {
    pthread_mutex_t lock;
    pthread_cond_t done;
    gw_clock clock;
    gw_http_target *target;
    gw_secret form; /* the whole request body: it holds the client's secret */
    int timeout_ms;
    bool fetching;
    uint64_t rounds; /* fetches that have ended */
    int last_code;   /* of the last round */
    aigw_error last_error;
    gw_secret token;       /* unset: none */
    gw_secret round_token; /* of the last round, for those who waited on it; life may be unknown */
    int64_t round_expires_unix_s;
    int64_t expires_unix_s, renew_unix_s;
    int64_t retry_unix_s; /* after a failed renewal */
    int64_t backoff_s;
    gw_buf last_body; /* of the last answer that was not 2xx */
};

/* One fetch on a loop of its own. */
typedef struct exchange {
    gw_buf body;
    int status;
    bool over;
    gw_http_failure failure;
} exchange;

/* ---- the form ---- */

static void form_text(gw_buf *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (!plain)
            gw_buf_putc(out, '%');
        gw_buf_putc(out, plain ? (char)c : hex[c >> 4]);
        if (!plain)
            gw_buf_putc(out, hex[c & 15]);
    }
}

static void wipe_buf(gw_buf *buf)
{
    if (buf->data)
        gw_wipe(buf->data, buf->cap);
    gw_buf_free(buf);
}

/* client_secret_post (RFC 6749 clause 2.3.1). Reserved in one piece, so that no copy is left behind. */
static int build_form(const aigw_token_options *options, gw_secret *out, aigw_error *err)
{
    const char *scope = options->scope ? options->scope : "";
    size_t max =
        128 + 3 * (strlen(options->client_id) + strlen(options->client_secret) + strlen(scope));
    gw_buf buf;

    gw_buf_init(&buf, max);
    if (!gw_buf_reserve(&buf, max))
        return gw_fail_nomem(err);
    gw_buf_puts(&buf, "grant_type=client_credentials&client_id=");
    form_text(&buf, options->client_id);
    gw_buf_puts(&buf, "&client_secret=");
    form_text(&buf, options->client_secret);
    if (*scope) {
        gw_buf_puts(&buf, "&scope=");
        form_text(&buf, scope);
    }
    bool ok = !buf.failed && gw_secret_set(out, gw_buf_slice(&buf));
    wipe_buf(&buf);
    return ok ? AIGW_OK : gw_fail_nomem(err);
}

/* ---- one fetch ---- */

static void on_head(void *user, int status, const aigw_header *headers, size_t header_count)
{
    exchange *x = user;

    (void)headers;
    (void)header_count;
    x->status = status;
}

static bool on_data(void *user, aigw_slice bytes)
{
    exchange *x = user;
    size_t room = x->body.max - gw_buf_len(&x->body);

    gw_buf_append(&x->body, bytes.data, bytes.len < room ? bytes.len : room);
    return true;
}

static void on_end(void *user, gw_http_failure failure, bool sent)
{
    exchange *x = user;

    (void)sent;
    x->failure = failure;
    x->over = true;
}

static int transport_error(const exchange *x, aigw_error *err)
{
    static const char *const texts[] = {
        [GW_HTTP_OK] = "no error",
        [GW_HTTP_DNS] = "the token endpoint's name could not be resolved",
        [GW_HTTP_CONNECT] = "the token endpoint refused the connection",
        [GW_HTTP_TLS] = "no trusted TLS connection to the token endpoint",
        [GW_HTTP_TIMEOUT] = "the token endpoint did not answer in time",
        [GW_HTTP_BROKEN] = "the token endpoint broke off its answer",
        [GW_HTTP_TOO_LARGE] = "the token endpoint's answer is too large",
        [GW_HTTP_OTHER] = "the exchange with the token endpoint failed"};

    return gw_fail(err, x->failure == GW_HTTP_TIMEOUT ? AIGW_E_TIMEOUT : AIGW_E_UPSTREAM,
                   gw_http_failure_name(x->failure), "%s", texts[x->failure]);
}

/* AIGW_OK: there is an answer with a status; *x is filled. */
static int post(const aigw_token_source *source, exchange *x, aigw_error *err)
{
    static const gw_http_handler handler = {on_head, on_data, on_end};
    gw_http_request request = {.target = source->target,
                               .method = "POST",
                               .body = {source->form.data, source->form.len},
                               .total_timeout_ms = source->timeout_ms,
                               .max_body_bytes = GW_TOKEN_MAX_ANSWER_BYTES};
    gw_clock clock = gw_clock_of(NULL); /* waiting is real, whatever time the host shows */
    gw_http *http = NULL;
    gw_transfer *transfer;
    gw_loop *loop = gw_loop_new(&clock);
    int code = loop ? gw_http_new(loop, &http, err) : gw_fail_nomem(err);

    if (code == AIGW_OK)
        code = gw_http_transport.start(http, &request, &handler, x, &transfer, err);
    while (code == AIGW_OK && !x->over)
        gw_loop_wait(loop, -1);
    gw_http_free(http);
    gw_loop_free(loop);
    bool answered = x->failure == GW_HTTP_OK || (x->failure == GW_HTTP_TOO_LARGE && x->status > 0);
    return code != AIGW_OK ? code : answered ? AIGW_OK : transport_error(x, err);
}

/* Fetches once; *token is set on AIGW_OK. *refused gets the body of an answer that was not 2xx. */
static int fetch(const aigw_token_source *source, gw_secret *token, int64_t *life_s,
                 gw_buf *refused, aigw_error *err)
{
    exchange x = {.failure = GW_HTTP_OK};

    gw_buf_init(&x.body, GW_TOKEN_MAX_ANSWER_BYTES);
    if (!gw_buf_reserve(&x.body, GW_TOKEN_MAX_ANSWER_BYTES))
        return gw_fail_nomem(err);
    int code = post(source, &x, err);
    if (code == AIGW_OK && (x.status < 200 || x.status > 299)) {
        code = gw_fail(err, AIGW_E_UPSTREAM, "token_status",
                       "the token endpoint answered with status %d", x.status);
        if (err)
            err->http_status = x.status;
        gw_buf_add(refused, gw_buf_slice(&x.body));
    } else if (code == AIGW_OK && x.failure == GW_HTTP_TOO_LARGE) {
        code =
            gw_fail(err, AIGW_E_PARSE, "token_answer", "the token endpoint's answer is too large");
    } else if (code == AIGW_OK) {
        code = gw_token_answer_parse(gw_buf_slice(&x.body), token, life_s, err);
    }
    wipe_buf(&x.body);
    return code;
}

/* ---- keeping ---- */

/* With the lock held: the outcome of a round. Takes *token over on AIGW_OK. */
static void store(aigw_token_source *source, int code, const aigw_error *error, gw_secret *token,
                  int64_t life_s)
{
    int64_t now = gw_unix_s(&source->clock);

    source->rounds++;
    source->last_code = code;
    source->last_error = *error;
    gw_secret_free(&source->round_token);
    if (code != AIGW_OK) {
        int64_t next = source->backoff_s * 2;
        source->backoff_s = next < 1 ? 1 : next > BACKOFF_MAX_S ? BACKOFF_MAX_S : next;
        source->retry_unix_s = now + source->backoff_s;
        return;
    }
    source->backoff_s = 0;
    source->retry_unix_s = 0;
    source->round_expires_unix_s = life_s > 0 ? now + life_s : 0;
    gw_secret_free(&source->token);
    if (life_s > 0 && gw_secret_set(&source->token, gw_slice(token->data, token->len))) {
        int64_t margin = life_s / 4 > MARGIN_S ? life_s / 4 : MARGIN_S;
        source->expires_unix_s = now + life_s;
        source->renew_unix_s = now + life_s - (margin < life_s / 2 ? margin : life_s / 2);
    }
    source->round_token = *token;
    *token = (gw_secret){0};
}

static int hand_out(const gw_secret *token, int64_t expires_unix_s, aigw_token *out,
                    aigw_error *err)
{
    char *copy = gw_alloc(token->len + 1);

    if (!copy)
        return gw_fail_nomem(err);
    memcpy(copy, token->data, token->len);
    copy[token->len] = '\0';
    *out = (aigw_token){copy, expires_unix_s};
    return AIGW_OK;
}

/* With the lock held: may the kept token be handed out, though a newer one would be better? */
static bool still_good(const aigw_token_source *source, int64_t now)
{
    return source->token.data && now + LAST_USE_S < source->expires_unix_s;
}

static bool fresh(const aigw_token_source *source, int64_t now)
{
    if (!source->token.data)
        return false;
    if (now < source->renew_unix_s)
        return true;
    return still_good(source, now) && (source->fetching || now < source->retry_unix_s);
}

/* With the lock held, given up meanwhile. */
static void run_round(aigw_token_source *source)
{
    gw_secret token = {0};
    int64_t life_s = 0;
    aigw_error error = {0};

    source->fetching = true;
    gw_buf_clear(&source->last_body);
    pthread_mutex_unlock(&source->lock);
    gw_buf refused;
    gw_buf_init(&refused, GW_TOKEN_MAX_ANSWER_BYTES);
    int code = fetch(source, &token, &life_s, &refused, &error);
    pthread_mutex_lock(&source->lock);
    gw_buf_free(&source->last_body);
    source->last_body = refused;
    store(source, code, &error, &token, life_s);
    source->fetching = false;
    pthread_cond_broadcast(&source->done);
}

/* ---- public ---- */

static const char *host_env(const aigw_host *host, const char *name)
{
    const char *value;

    if (host && host->size >= offsetof(aigw_host, env) + sizeof host->env && host->env)
        value = host->env(host->user, name);
    else
        value = getenv(name);
    return value && *value ? value : NULL;
}

static int make_target(const aigw_token_options *options, const aigw_host *host,
                       gw_http_target **out, aigw_error *err)
{
    const aigw_header headers[] = {
        {GW_S("content-type"), GW_S("application/x-www-form-urlencoded")},
        {GW_S("accept"), GW_S("application/json")},
    };
    const char *ca_file = options->ca_file;

    if (!ca_file)
        ca_file = host_env(host, "CURL_CA_BUNDLE");
    if (!ca_file)
        ca_file = host_env(host, "SSL_CERT_FILE");
    gw_http_target_options target = {.url = aigw_slice_of(options->endpoint),
                                     .headers = headers,
                                     .header_count = 2,
                                     .ca_file = ca_file,
                                     .connect_timeout_ms = options->connect_timeout_ms > 0
                                                               ? options->connect_timeout_ms
                                                               : CONNECT_MS,
                                     .insecure_http_ok = options->allow_http};
    return gw_http_target_new(&target, out, err);
}

int aigw_token_source_new(const aigw_token_options *options, const aigw_host *host,
                          aigw_token_source **out, aigw_error *err)
{
    if (!options || !out || options->size < sizeof *options || !options->endpoint ||
        !options->client_id || !options->client_secret)
        return gw_fail(err, AIGW_E_INVALID, "argument",
                       "endpoint, client_id and client_secret are needed");
    aigw_token_source *source = gw_calloc(1, sizeof *source);
    if (!source)
        return gw_fail_nomem(err);
    pthread_mutex_init(&source->lock, NULL);
    pthread_cond_init(&source->done, NULL);
    gw_buf_init(&source->last_body, GW_TOKEN_MAX_ANSWER_BYTES);
    source->clock = gw_clock_of(host);
    source->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TOTAL_MS;
    int code = make_target(options, host, &source->target, err);
    if (code == AIGW_OK)
        code = build_form(options, &source->form, err);
    if (code != AIGW_OK) {
        aigw_token_source_free(source);
        return code;
    }
    *out = source;
    return AIGW_OK;
}

int aigw_token_get(aigw_token_source *source, aigw_token *out, aigw_error *err)
{
    if (!source || !out)
        return gw_fail(err, AIGW_E_INVALID, "argument", "aigw_token_get wants a source and an out");
    pthread_mutex_lock(&source->lock);
    int code = AIGW_OK;
    if (fresh(source, gw_unix_s(&source->clock))) {
        code = hand_out(&source->token, source->expires_unix_s, out, err);
    } else {
        uint64_t round = source->rounds;
        if (!source->fetching)
            run_round(source);
        while (source->rounds == round) /* bounded by the transfer's own timeout */
            pthread_cond_wait(&source->done, &source->lock);
        if (source->last_code == AIGW_OK) {
            code = hand_out(&source->round_token, source->round_expires_unix_s, out, err);
        } else if (still_good(source, gw_unix_s(&source->clock))) {
            code = hand_out(&source->token, source->expires_unix_s, out, err);
        } else {
            code = source->last_code;
            if (err)
                *err = source->last_error;
        }
    }
    pthread_mutex_unlock(&source->lock);
    return code;
}

aigw_slice aigw_token_last_body(aigw_token_source *source)
{
    aigw_slice body = {NULL, 0};

    pthread_mutex_lock(&source->lock);
    aigw_slice kept = gw_buf_slice(&source->last_body);
    char *copy = kept.len > 0 ? gw_alloc(kept.len) : NULL;
    if (copy) {
        memcpy(copy, kept.data, kept.len);
        body = gw_slice(copy, kept.len);
    }
    pthread_mutex_unlock(&source->lock);
    return body;
}

void aigw_token_free(aigw_token *token)
{
    if (!token || !token->value)
        return;
    gw_wipe(token->value, strlen(token->value));
    gw_free(token->value);
    token->value = NULL;
}

void aigw_token_source_free(aigw_token_source *source)
{
    if (!source)
        return;
    pthread_mutex_destroy(&source->lock);
    pthread_cond_destroy(&source->done);
    gw_http_target_free(source->target);
    gw_secret_free(&source->form);
    gw_secret_free(&source->token);
    gw_secret_free(&source->round_token);
    gw_buf_free(&source->last_body);
    gw_free(source);
}
