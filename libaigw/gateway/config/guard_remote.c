/* Resolves whom a guardrail asks: an address of its own, or that of a provider with its credential.
 * Must not keep a secret: the target does, and what was in between is wiped. */
#include "gateway/config/guard_build.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"
#include "rim/http_field.h"
#include <stdlib.h>

#define SECRET_BYTES ((size_t)16 * 1024)
#define MAX_HEADERS  24
#define URL_BYTES    ((size_t)2048)

/* ---- an address of its own ---- */

typedef struct own_target {
    const gw_cfg_node *node;
    const char *url_key, *key_key, *file_key;
    aigw_slice url, key, file;
    const char *path; /* behind it */
    const gw_cfg_pairs *headers;
    aigw_slice ca_file;
    bool allow_http;
} own_target;

static bool is_word(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f)
            return false;
    }
    return text.len > 0;
}

static int read_secret(gw_cfg_build *b, const own_target *t, gw_secret *out)
{
    int code = AIGW_OK;
    if (t->key.len > 0 && t->file.len > 0)
        return gw_cfg_fail_key(b->err, t->node, t->file_key, "conflict",
                               "expected only one of %s and %s", t->key_key, t->file_key);
    if (t->key.len > 0 && !gw_secret_set(out, t->key))
        return gw_fail_nomem(b->err);
    if (t->file.len > 0)
        code = gw_cfg_read_file(b, t->node, t->file_key, t->file, SECRET_BYTES, out);
    while (code == AIGW_OK && out->len > 0 && strchr("\r\n", out->data[out->len - 1]))
        out->data[--out->len] = '\0';
    if (code == AIGW_OK && out->data && !is_word(gw_slice(out->data, out->len)))
        code = gw_cfg_fail_key(b->err, t->node, t->file.len ? t->file_key : t->key_key, "bad_key",
                               "it is empty, or has white space or other characters that no key "
                               "has");
    return code;
}

/* NULL: fine. */
static const char *header_fault(const aigw_header *headers, size_t count, const aigw_header *h)
{
    static const char *const ours[] = {"host",    "content-length", "content-type",
                                       "te",      "connection",     "transfer-encoding",
                                       "upgrade", "expect",         "trailer",
                                       "accept",  "accept-encoding"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (gw_eq_nocase(h->name, aigw_slice_of(ours[i])))
            return "this header is the gateway's own";
    }
    if (gw_header_get(headers, count, h->name).data)
        return "this header stands twice (secret makes one too)";
    for (size_t i = 0; i < h->name.len; i++) {
        if (!gw_find(GW_S("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
                     gw_slice(h->name.data + i, 1)))
            return "expected a header name (letters, digits, '-')";
    }
    for (size_t i = 0; i < h->value.len; i++) {
        unsigned char c = (unsigned char)h->value.data[i];
        if ((c < 0x20 && c != '\t') || c >= 0x7f)
            return "expected a header value of printable ASCII";
    }
    return NULL;
}

static int add_headers(gw_cfg_build *b, const own_target *t, aigw_header *headers, size_t *count)
{
    const gw_cfg_node *n = t->headers && t->headers->node ? t->headers->node->first : NULL;
    for (size_t i = 0; t->headers && i < t->headers->count; i++, n = n->next) {
        const char *fault = header_fault(headers, *count, &t->headers->items[i]);
        if (fault)
            return gw_cfg_fail(b->err, n, "bad_header", "%s", fault);
        headers[(*count)++] = t->headers->items[i];
    }
    return AIGW_OK;
}

static int check_url(gw_cfg_build *b, const own_target *t)
{
    gw_cfg_url url;
    const char *fault = gw_cfg_url_parse(t->url, &url);
    if (fault)
        return gw_cfg_fail_key(b->err, t->node, t->url_key, "bad_url", "%s", fault);
    if (!url.https && !url.loopback && !t->allow_http)
        return gw_cfg_fail_key(b->err, t->node, t->url_key, "clear_text",
                               "prompts would go out in clear text: expected https, or allow_http: "
                               "true");
    return AIGW_OK;
}

static int make_target(gw_cfg_build *b, const own_target *t, const gw_buf *url,
                       const gw_secret *secret, gw_http_target **out)
{
    aigw_header headers[MAX_HEADERS] = {
        {GW_S("content-type"), GW_S("application/json")},
        {GW_S("accept"), GW_S("application/json")},
    };
    size_t count = 2;
    gw_buf bearer;
    gw_buf_init(&bearer, SECRET_BYTES + 8);
    if (secret->len > 0) {
        if (gw_buf_reserve(&bearer, secret->len + 8)) { /* at once: no copies left behind */
            gw_buf_puts(&bearer, "Bearer ");
            gw_buf_append(&bearer, secret->data, secret->len);
        }
        headers[count++] = (aigw_header){GW_S("authorization"), gw_buf_slice(&bearer)};
    }
    int code = bearer.failed ? gw_fail_nomem(b->err) : add_headers(b, t, headers, &count);
    if (code == AIGW_OK) {
        const gw_http_target_options options = {.url = gw_buf_slice(url),
                                                .headers = headers,
                                                .header_count = count,
                                                .ca_file = t->ca_file.data,
                                                .insecure_http_ok = t->allow_http,
                                                .egress = &b->config->egress};
        code = gw_http_target_new(&options, out, b->err);
        if (code != AIGW_OK)
            code = gw_cfg_place(b->err, t->node, code);
    }
    if (bearer.data)
        gw_wipe(bearer.data, bearer.cap);
    gw_buf_free(&bearer);
    return code;
}

static int make_own(gw_cfg_build *b, const own_target *t, gw_http_target **out)
{
    gw_secret secret = {0};
    gw_buf url;
    gw_buf_init(&url, URL_BYTES);
    aigw_slice base = t->url;
    while (*t->path && base.len > 0 && base.data[base.len - 1] == '/')
        base.len--;
    gw_buf_add(&url, base);
    gw_buf_puts(&url, t->path);
    int code = check_url(b, t);
    if (code == AIGW_OK)
        code = read_secret(b, t, &secret);
    if (code == AIGW_OK && url.failed)
        code = gw_fail_nomem(b->err);
    if (code == AIGW_OK)
        code = make_target(b, t, &url, &secret, out);
    gw_secret_free(&secret);
    gw_buf_free(&url);
    return code;
}

/* ---- that of a provider ---- */

static int find_upstream(gw_cfg_build *b, const gw_cfg_node *node, aigw_slice name,
                         const gw_upstream **out)
{
    for (size_t i = 0; i < b->config->upstream_count; i++) {
        if (gw_eq(b->config->upstreams[i].name, name)) {
            *out = &b->config->upstreams[i];
            return AIGW_OK;
        }
    }
    return gw_cfg_fail_key(b->err, node, "provider", "unknown_provider",
                           "expected the name of one of the providers");
}

static int keep_path(gw_cfg_build *b, const gw_buf *path, aigw_slice *out)
{
    if (path->failed)
        return gw_fail_nomem(b->err);
    return gw_cfg_keep(b, gw_buf_slice(path), out);
}

/* ---- the three ---- */

static int make_webhook(gw_cfg_build *b, const gw_cfg_webhook *raw, gw_guard_remote *out)
{
    const own_target t = {.node = raw->node,
                          .url_key = "url",
                          .key_key = "secret",
                          .file_key = "secret_file",
                          .url = raw->url,
                          .key = raw->secret,
                          .file = raw->secret_file,
                          .path = "",
                          .headers = &raw->headers,
                          .ca_file = raw->ca_file,
                          .allow_http = raw->allow_http};
    out->asks = GW_ASKS_WEBHOOK;
    out->timeout_ms = (int)raw->timeout_ms;
    out->policy = (gw_remote_policy)raw->on_fail;
    return make_own(b, &t, &out->own);
}

static int read_score(aigw_slice text, double *out)
{
    char *end = NULL;
    if (text.len == 0 || text.len > 20 || !gw_find(GW_S("0123456789."), gw_slice(text.data, 1)))
        return AIGW_E_CONFIG;
    *out = strtod(text.data, &end); /* texts of the tree end with a NUL */
    return end == text.data + text.len && *out >= 0 && *out <= 1 ? AIGW_OK : AIGW_E_CONFIG;
}

static int keep_limits(gw_cfg_build *b, const gw_cfg_pairs *raw, gw_guard_remote *out)
{
    gw_moderation_limit *limits = gw_arena_calloc(b->config->arena, raw->count + 1, sizeof *limits);
    const gw_cfg_node *n = raw->node ? raw->node->first : NULL;
    if (!limits)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < raw->count; i++, n = n->next) {
        aigw_slice name = {"", 0};
        if (read_score(raw->items[i].value, &limits[i].score) != AIGW_OK)
            return gw_cfg_fail(b->err, n, "bad_value", "expected a score from 0 to 1");
        int code = gw_cfg_keep(b, raw->items[i].name, &name);
        if (code != AIGW_OK)
            return code;
        limits[i].category = name.data;
    }
    out->limits = limits;
    out->limit_count = raw->count;
    return AIGW_OK;
}

static int moderation_of_provider(gw_cfg_build *b, const gw_cfg_moderation *raw,
                                  gw_guard_remote *out)
{
    gw_buf path;
    int code = find_upstream(b, raw->node, raw->provider, &out->upstream);
    if (code != AIGW_OK)
        return code;
    const gw_upstream *up = out->upstream;
    bool speaks = false;
    for (size_t i = 0; up->formats[i]; i++)
        speaks = speaks || up->formats[i] == AIGW_FORMAT_OPENAI_CHAT;
    if (!speaks || !up->target || up->token || up->provider->auth != GW_AUTH_BEARER)
        return gw_cfg_fail_key(b->err, raw->node, "provider", "conflict",
                               "expected a provider of type openai, or a compatible one, with a "
                               "key");
    gw_buf_init(&path, URL_BYTES);
    gw_buf_add(&path, up->base_path);
    gw_buf_puts(&path, "/moderations");
    code = keep_path(b, &path, &out->path);
    gw_buf_free(&path);
    return code;
}

static int make_moderation(gw_cfg_build *b, const gw_cfg_moderation *raw, gw_guard_remote *out)
{
    const own_target t = {.node = raw->node,
                          .url_key = "base_url",
                          .key_key = "api_key",
                          .file_key = "api_key_file",
                          .url = raw->base_url,
                          .key = raw->api_key,
                          .file = raw->api_key_file,
                          .path = "/moderations",
                          .ca_file = raw->ca_file,
                          .allow_http = raw->allow_http};
    bool own = raw->base_url.len > 0;
    out->asks = GW_ASKS_MODERATION;
    out->timeout_ms = (int)raw->timeout_ms;
    out->policy = (gw_remote_policy)raw->on_fail;
    if (own == (raw->provider.len > 0))
        return gw_cfg_fail(b->err, raw->node, "missing_key",
                           "expected either provider or base_url");
    if (!own && (raw->api_key.len > 0 || raw->api_key_file.len > 0))
        return gw_cfg_fail_key(b->err, raw->node, raw->api_key.len ? "api_key" : "api_key_file",
                               "conflict", "the provider has a key");
    int code = keep_limits(b, &raw->categories, out);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, raw->model, &out->model);
    if (code != AIGW_OK)
        return code;
    return own ? make_own(b, &t, &out->own) : moderation_of_provider(b, raw, out);
}

static int make_apply(gw_cfg_build *b, const gw_cfg_apply *raw, gw_guard_remote *out)
{
    gw_buf path;
    int code = find_upstream(b, raw->node, raw->provider, &out->upstream);
    if (code != AIGW_OK)
        return code;
    out->asks = GW_ASKS_BEDROCK;
    out->timeout_ms = (int)raw->timeout_ms;
    out->policy = (gw_remote_policy)raw->on_fail;
    const gw_upstream *up = out->upstream;
    if (!up->provider->sign || !up->target || up->token)
        return gw_cfg_fail_key(b->err, raw->node, "provider", "conflict",
                               "expected a provider of type bedrock");
    gw_buf_init(&path, 2 * URL_BYTES + 4096);
    gw_buf_add(&path, up->base_path);
    if (!gw_apply_guardrail_path(&path, raw->id, raw->version))
        code = gw_cfg_fail_key(b->err, raw->node, "id", "bad_value",
                               "expected the id or the ARN of a guardrail, and a version");
    if (code == AIGW_OK)
        code = keep_path(b, &path, &out->path);
    gw_buf_free(&path);
    return code;
}

int gw_cfg_make_guard_remote(gw_cfg_build *b, const gw_cfg_guardrail *raw, gw_guardrail *out)
{
    int asked = (raw->webhook.node != NULL) + (raw->openai_moderation.node != NULL) +
                (raw->bedrock_guardrail.node != NULL);
    if (asked > 1)
        return gw_cfg_fail(b->err, raw->node, "conflict",
                           "expected only one of webhook, openai_moderation and "
                           "bedrock_guardrail; make it two guardrails");
    if (raw->webhook.node)
        return make_webhook(b, &raw->webhook, &out->remote);
    if (raw->openai_moderation.node)
        return make_moderation(b, &raw->openai_moderation, &out->remote);
    return raw->bedrock_guardrail.node ? make_apply(b, &raw->bedrock_guardrail, &out->remote)
                                       : AIGW_OK;
}
