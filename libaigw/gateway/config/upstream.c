/* Resolves providers: address, credential and headers become a prepared target.
 * Must not keep a key: it goes into the target, and what was in between is wiped. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"
#include "gateway/config/schema.h"

#define KEY_BYTES   ((size_t)16 * 1024)
#define MAX_HEADERS 48

/* What a provider's target is made of, until it is made. */
typedef struct parts {
    gw_secret key;
    gw_buf url;
    gw_buf credential; /* "Bearer K" */
    aigw_header headers[MAX_HEADERS];
    size_t count;
} parts;

/* Wipes the credential on the way. */
static void free_parts(parts *p)
{
    gw_secret_free(&p->key);
    if (p->credential.data)
        gw_wipe(p->credential.data, p->credential.cap);
    gw_buf_free(&p->credential);
    gw_buf_free(&p->url);
}

static int check_name(gw_cfg_build *b, const gw_cfg_provider *raw, aigw_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '_' || c == '.'))
            return gw_cfg_fail_key(b->err, raw->node, "name", "bad_name",
                                   "expected letters, digits, '-', '_' and '.' only");
    }
    for (size_t i = 0; i < b->config->upstream_count; i++) {
        if (gw_eq(b->config->upstreams[i].name, name))
            return gw_cfg_fail_key(b->err, raw->node, "name", "duplicate",
                                   "two providers have this name; give one a \"name\" of its own");
    }
    return AIGW_OK;
}

/* Joins without a double slash, and without saying the version twice (".../v1", "/v1/messages"). */
static int make_url(gw_cfg_build *b, const gw_cfg_provider *raw, const gw_provider *row, parts *p,
                    aigw_slice *host)
{
    aigw_slice base = raw->base_url.len ? raw->base_url : aigw_slice_of(row->base_url);
    gw_cfg_url url;
    const char *fault = gw_cfg_url_parse(base, &url);
    if (!fault && !url.https && !url.loopback && !raw->allow_http)
        fault = "expected https:// (http beyond loopback needs allow_http: true)";
    if (fault)
        return gw_cfg_fail_key(b->err, raw->node, "base_url", "bad_url", "%s", fault);
    while (base.len > 0 && base.data[base.len - 1] == '/')
        base.len--;
    if (gw_ends(base, GW_S("/v1")) && gw_starts(aigw_slice_of(row->chat_path), GW_S("/v1/")))
        base.len -= 3;
    gw_buf_init(&p->url, 2048);
    gw_buf_add(&p->url, base);
    gw_buf_puts(&p->url, row->chat_path);
    if (p->url.failed)
        return gw_fail_nomem(b->err);
    return gw_cfg_keep(b, url.host, host);
}

/* A value that cannot break out of its line (RFC 9110 clause 5.5), nor be half a credential. */
static bool is_key(aigw_slice key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] <= 0x20 || key.data[i] >= 0x7f)
            return false;
    }
    return key.len > 0;
}

static int read_key(gw_cfg_build *b, const gw_cfg_provider *raw, const gw_provider *row, parts *p)
{
    const char *from = raw->api_key_file.len ? "api_key_file" : "api_key";
    if (raw->auth.token.node && (raw->api_key.len > 0 || raw->api_key_file.len > 0))
        return gw_cfg_fail_key(b->err, raw->node, from, "conflict",
                               "expected only one of %s and auth.token", from);
    if (raw->api_key.len > 0 && raw->api_key_file.len > 0)
        return gw_cfg_fail_key(b->err, raw->node, "api_key_file", "conflict",
                               "expected only one of api_key and api_key_file");
    if (raw->api_key.len > 0 && !gw_secret_set(&p->key, raw->api_key))
        return gw_fail_nomem(b->err);
    if (raw->api_key_file.len > 0) {
        int code = gw_cfg_read_file(b, raw->node, from, raw->api_key_file, KEY_BYTES, &p->key);
        if (code != AIGW_OK)
            return code;
        while (p->key.len > 0 && strchr("\r\n", p->key.data[p->key.len - 1]))
            p->key.data[--p->key.len] = '\0';
    } else if (raw->api_key.len == 0) {
        if (raw->auth.token.node)
            return AIGW_OK;
        /* A host of one's own may need no key, or have it in a header; the vendor's needs one. */
        if (raw->base_url.len > 0 || raw->headers.count > 0)
            return AIGW_OK;
        return gw_cfg_fail(b->err, raw->node, "missing_key",
                           "%s needs a key: write api_key: ${%s}, or api_key_file", row->base_url,
                           row->key_env);
    }
    if (!is_key(gw_slice(p->key.data, p->key.len)))
        return gw_cfg_fail_key(b->err, raw->node, from, "bad_key",
                               "the key is empty, or has white space or other characters that no "
                               "key has");
    return AIGW_OK;
}

static int add_header(gw_cfg_build *b, parts *p, aigw_slice name, aigw_slice value)
{
    if (p->count >= MAX_HEADERS)
        return gw_fail(b->err, AIGW_E_INVALID, "too_many", "too many headers");
    p->headers[p->count++] = (aigw_header){name, value};
    return AIGW_OK;
}

static int add_credential(gw_cfg_build *b, const gw_provider *row, parts *p)
{
    aigw_slice key = gw_slice(p->key.data, p->key.len);
    if (key.len == 0 || row->auth == GW_AUTH_NONE)
        return AIGW_OK;
    if (row->auth == GW_AUTH_X_API_KEY)
        return add_header(b, p, GW_S("x-api-key"), key);
    /* Reserved at once: growing would leave copies of the key behind. */
    gw_buf_init(&p->credential, KEY_BYTES + 16);
    if (!gw_buf_reserve(&p->credential, key.len + 16))
        return gw_fail_nomem(b->err);
    gw_buf_puts(&p->credential, "Bearer ");
    gw_buf_add(&p->credential, key);
    return add_header(b, p, GW_S("authorization"), gw_buf_slice(&p->credential));
}

/* NULL: fine. */
static const char *check_header(const parts *p, const aigw_header *header)
{
    static const char *const ours[] = {"host",    "content-length", "content-type",
                                       "te",      "connection",     "transfer-encoding",
                                       "upgrade", "expect",         "trailer",
                                       "accept",  "accept-encoding"};
    for (size_t i = 0; i < header->name.len; i++) {
        char c = header->name.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              strchr("!#$%&'*+-.^_`|~", c)))
            return "expected a header name (RFC 9110: letters, digits, '-')";
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (gw_eq_nocase(header->name, aigw_slice_of(ours[i])))
            return "this header is the gateway's own";
    }
    if (gw_header_get(p->headers, p->count, header->name).data)
        return "this header stands twice (api_key makes one too)";
    for (size_t i = 0; i < header->value.len; i++) {
        unsigned char c = (unsigned char)header->value.data[i];
        if ((c < 0x20 && c != '\t') || c >= 0x7f)
            return "expected a header value of printable ASCII";
    }
    return NULL;
}

static int add_headers(gw_cfg_build *b, const gw_cfg_provider *raw, const gw_provider *row,
                       parts *p)
{
    int code = add_credential(b, row, p);
    const gw_cfg_node *n = raw->headers.node ? raw->headers.node->first : NULL;
    for (size_t i = 0; i < raw->headers.count && code == AIGW_OK; i++, n = n->next) {
        const char *fault = check_header(p, &raw->headers.items[i]);
        if (!fault && raw->auth.token.node &&
            gw_eq_nocase(raw->headers.items[i].name, GW_S("authorization")))
            fault = "auth.token makes this header";
        if (fault)
            return gw_cfg_fail(b->err, n, "bad_header", "%s", fault);
        code = add_header(b, p, raw->headers.items[i].name, raw->headers.items[i].value);
    }
    for (const aigw_header *h = row->headers; h && h->name.len && code == AIGW_OK; h++) {
        if (!gw_header_get(p->headers, p->count, h->name).data)
            code = add_header(b, p, h->name, h->value);
    }
    /* What every request says the same is built once, not per request. */
    const aigw_header same[] = {{GW_S("content-type"), GW_S("application/json")},
                                {GW_S("accept"), GW_S("application/json, text/event-stream")},
                                {GW_S("user-agent"), GW_S("aigw/" AIGW_VERSION)}};
    for (size_t i = 0; i < sizeof same / sizeof *same && code == AIGW_OK; i++) {
        if (!gw_header_get(p->headers, p->count, same[i].name).data)
            code = add_header(b, p, same[i].name, same[i].value);
    }
    return code;
}

static int make_target(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up)
{
    parts p = {0};
    int code = make_url(b, raw, up->provider, &p, &up->host);
    if (code == AIGW_OK)
        code = read_key(b, raw, up->provider, &p);
    if (code == AIGW_OK)
        code = add_headers(b, raw, up->provider, &p);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, gw_header_get(p.headers, p.count, GW_S("anthropic-beta")), &up->beta);
    if (code == AIGW_OK) {
        gw_http_target_options options = {
            .url = gw_buf_slice(&p.url),
            .headers = p.headers,
            .header_count = p.count,
            .ca_file = raw->ca_file.data,
            .connect_timeout_ms = (int)raw->timeouts.connect_ms,
            .insecure_http_ok = raw->allow_http,
        };
        code = gw_http_target_new(&options, &up->target, b->err);
        if (code != AIGW_OK)
            code = gw_cfg_place(b->err, raw->node, code);
    }
    free_parts(&p);
    if (code == AIGW_OK && raw->auth.token.node)
        code = gw_cfg_make_token(b, &raw->auth.token, &up->token);
    return code;
}

/* What makes no sense for a provider that answers in process. NULL: nothing. */
static const char *useless_key(const gw_cfg_provider *raw)
{
    if (raw->base_url.len > 0)
        return "base_url";
    if (raw->api_key.len > 0)
        return "api_key";
    if (raw->api_key_file.len > 0)
        return "api_key_file";
    if (raw->headers.count > 0)
        return "headers";
    if (raw->auth.token.node)
        return "auth";
    return raw->ca_file.len > 0 ? "ca_file" : NULL;
}

static int build_upstream(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up)
{
    aigw_slice type = aigw_slice_of(gw_cfg_provider_types[raw->type]);
    aigw_slice name = raw->name.len ? raw->name : type;
    up->provider = gw_provider_named(type);
    if (!up->provider)
        return gw_cfg_fail_key(b->err, raw->node, "type", "unknown_word", "no such provider");
    int code = check_name(b, raw, name);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, name, &up->name);
    if (code != AIGW_OK)
        return code;
    up->connect_timeout_ms = (int)raw->timeouts.connect_ms;
    up->first_byte_timeout_ms = (int)raw->timeouts.first_byte_ms;
    up->first_event_timeout_ms = (int)raw->timeouts.first_event_ms;
    up->idle_timeout_ms = (int)raw->timeouts.idle_ms;
    up->total_timeout_ms = (int)raw->timeouts.total_ms;
    up->max_retries = (int)raw->max_retries;
    up->max_tokens_legacy = raw->max_tokens_field == 1 || up->provider->max_tokens_legacy;
    up->default_max_tokens = raw->default_max_tokens;
    if (!up->provider->answer)
        return make_target(b, raw, up);
    const char *useless = useless_key(raw);
    if (useless)
        return gw_cfg_fail_key(b->err, raw->node, useless, "conflict",
                               "this provider answers in process and has no %s", useless);
    up->host = GW_S("in-process");
    return AIGW_OK;
}

int gw_cfg_build_upstreams(gw_cfg_build *b)
{
    const gw_cfg_list *list = &b->raw->providers;
    const gw_cfg_provider *raw = list->items;
    gw_config *c = b->config;
    /* One more than needed: gw_config_free looks one past the last that was made. */
    c->upstreams = gw_arena_calloc(c->arena, list->count + 1, sizeof *c->upstreams);
    if (!c->upstreams)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < list->count; i++) {
        int code = build_upstream(b, &raw[i], &c->upstreams[i]);
        if (code != AIGW_OK)
            return code;
        c->upstream_count++;
    }
    return AIGW_OK;
}
