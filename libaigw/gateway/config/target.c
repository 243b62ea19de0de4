/* Where an upstream is: address, key and constant headers become a prepared target.
 * Must not keep a key but in the target and where it is looked for in answers; what was in between is wiped. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"
#include "rim/http_field.h"

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

/* ---- the address ---- */

static int default_base(gw_cfg_build *b, const gw_cfg_provider *raw, const gw_upstream *up,
                        gw_buf *out)
{
    const gw_provider *row = up->provider;
    if (row->base_url)
        gw_buf_puts(out, row->base_url);
    else if (!row->base)
        return gw_cfg_fail(b->err, raw->node, "missing_key",
                           "%s needs base_url: the address of your resource", row->name);
    else if (!row->base(&up->site, out))
        return gw_cfg_fail(b->err, raw->node, "missing_key", "%s needs region, or base_url",
                           row->name);
    return out->failed ? gw_fail_nomem(b->err) : AIGW_OK;
}

/* Without a slash at its end, and without what the paths say again (".../v1", "/v1/messages"). */
static int trim_base(gw_cfg_build *b, gw_upstream *up, aigw_slice *base)
{
    const gw_provider *row = up->provider;
    while (base->len > 0 && base->data[base->len - 1] == '/')
        base->len--;
    for (const char *const *ending = row->base_endings; ending && *ending; ending++) {
        aigw_slice text = aigw_slice_of(*ending);
        if (!gw_ends(*base, text))
            continue;
        base->len -= text.len;
        while (base->len > 0 && base->data[base->len - 1] == '/')
            base->len--;
        if (row->version_in_base && up->site.api_version.len == 0)
            return gw_cfg_keep(b, gw_skip(text, 1), &up->site.api_version);
        break;
    }
    return AIGW_OK;
}

/* host[:port], the port only where it is not the usual one: what the transports send as Host. */
static int keep_authority(gw_cfg_build *b, const gw_cfg_url *url, aigw_slice base, gw_upstream *up)
{
    aigw_slice rest = gw_skip(base, url->https ? 8 : 7);
    aigw_slice authority = gw_cut(&rest, '/'), usual = url->https ? GW_S(":443") : GW_S(":80");
    if (gw_ends(authority, usual))
        authority.len -= usual.len;
    int code = gw_cfg_keep(b, authority, &up->authority);
    if (code == AIGW_OK && rest.len > 0)
        code = gw_cfg_keep(b, gw_slice(rest.data - 1, rest.len + 1), &up->base_path);
    return code == AIGW_OK ? gw_cfg_keep(b, url->host, &up->host) : code;
}

static int make_url(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up, parts *p)
{
    gw_buf made;
    gw_cfg_url url;
    int code = AIGW_OK;
    gw_buf_init(&made, 2048);
    gw_buf_init(&p->url, 2048);
    if (raw->base_url.len == 0)
        code = default_base(b, raw, up, &made);
    aigw_slice base = raw->base_url.len ? raw->base_url : gw_buf_slice(&made);
    const char *fault = code == AIGW_OK ? gw_cfg_url_parse(base, &url) : NULL;
    if (code == AIGW_OK && !fault && !url.https && !url.loopback && !raw->allow_http)
        fault = "expected https:// (http beyond loopback needs allow_http: true)";
    if (fault)
        code = gw_cfg_fail_key(b->err, raw->node, "base_url", "bad_url", "%s", fault);
    if (code == AIGW_OK)
        code = trim_base(b, up, &base);
    if (code == AIGW_OK)
        code = keep_authority(b, &url, base, up);
    up->private_host = raw->base_url.len > 0;
    if (code == AIGW_OK && up->base_path.len > 0 && !gw_http_path_ok(up->base_path))
        code = gw_cfg_fail_key(b->err, raw->node, "base_url", "bad_url",
                               "expected a path without empty segments, '.' and '..'");
    if (code == AIGW_OK && !gw_buf_add(&p->url, base))
        code = gw_fail_nomem(b->err);
    gw_buf_free(&made);
    return code;
}

/* ---- the key ---- */

/* A value that cannot break out of its line (RFC 9110 clause 5.5), nor be half a credential. */
static bool is_key(aigw_slice key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] <= 0x20 || key.data[i] >= 0x7f)
            return false;
    }
    return key.len > 0;
}

/* No key: fine where the credential is another one, and where a host may want none. */
static int no_key(gw_cfg_build *b, const gw_cfg_provider *raw, const gw_upstream *up)
{
    const gw_provider *row = up->provider;
    const char *other = row->uses & GW_USES_AWS      ? ", or auth.aws"
                        : row->uses & GW_USES_GOOGLE ? ", or auth.google"
                        : row->uses & GW_USES_ENTRA  ? ", or auth.entra"
                                                     : "";
    if (up->token || up->key_pair.access_key_id.len > 0 || !row->key_env)
        return AIGW_OK;
    /* A host of one's own may need no key, or have it in a header; the vendor's needs one. */
    if ((raw->base_url.len > 0 && (row->base_url || row->base)) || raw->headers.count > 0)
        return AIGW_OK;
    return gw_cfg_fail(b->err, raw->node, "missing_key",
                       "%s needs a key: write api_key: ${%s}, or api_key_file%s",
                       row->base_url ? row->base_url : row->name, row->key_env, other);
}

static int read_key(gw_cfg_build *b, const gw_cfg_provider *raw, const gw_upstream *up, parts *p)
{
    const char *from = raw->api_key_file.len ? "api_key_file" : "api_key";
    bool other = up->token || up->key_pair.access_key_id.len > 0;
    if (other && (raw->api_key.len > 0 || raw->api_key_file.len > 0))
        return gw_cfg_fail_key(b->err, raw->node, from, "conflict",
                               "expected only one of %s and %s", from,
                               raw->auth.token.node ? "auth.token" : "a section of auth");
    if (raw->api_key.len > 0 && raw->api_key_file.len > 0)
        return gw_cfg_fail_key(b->err, raw->node, "api_key_file", "conflict",
                               "expected only one of api_key and api_key_file");
    if (raw->api_key.len == 0 && raw->api_key_file.len == 0)
        return no_key(b, raw, up);
    if (raw->api_key.len > 0 && !gw_secret_set(&p->key, raw->api_key))
        return gw_fail_nomem(b->err);
    if (raw->api_key_file.len > 0) {
        int code = gw_cfg_read_file(b, raw->node, from, raw->api_key_file, KEY_BYTES, &p->key);
        if (code != AIGW_OK)
            return code;
        while (p->key.len > 0 && strchr("\r\n", p->key.data[p->key.len - 1]))
            p->key.data[--p->key.len] = '\0';
    }
    if (!is_key(gw_slice(p->key.data, p->key.len)))
        return gw_cfg_fail_key(b->err, raw->node, from, "bad_key",
                               "the key is empty, or has white space or other characters that no "
                               "key has");
    return AIGW_OK;
}

/* ---- headers ---- */

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
    if (key.len == 0)
        return AIGW_OK;
    switch (row->auth) {
    case GW_AUTH_NONE:
        return AIGW_OK;
    case GW_AUTH_X_API_KEY:
        return add_header(b, p, GW_S("x-api-key"), key);
    case GW_AUTH_API_KEY:
        return add_header(b, p, GW_S("api-key"), key);
    case GW_AUTH_GOOG_API_KEY:
        return add_header(b, p, GW_S("x-goog-api-key"), key);
    case GW_AUTH_BEARER:
        break;
    }
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

/* Fields that each request gets anew. NULL: none of them. */
static const char *made_per_request(const gw_upstream *up, aigw_slice name)
{
    bool bearer = up->token || up->key_pair.access_key_id.len > 0;
    if (bearer && gw_eq_nocase(name, GW_S("authorization")))
        return up->token ? "auth.token makes this header" : "auth.aws makes this header";
    if (up->key_pair.access_key_id.len > 0 && gw_starts_nocase(name, GW_S("x-amz-")))
        return "auth.aws makes this header";
    return NULL;
}

static bool is_credential(aigw_slice name)
{
    static const char *const words[] = {"auth", "key", "token", "secret", "cookie"};
    char lower[64];
    size_t n = name.len < sizeof lower ? name.len : sizeof lower;
    for (size_t i = 0; i < n; i++)
        lower[i] =
            (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] | 0x20 : name.data[i]);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (gw_find(gw_slice(lower, n), aigw_slice_of(words[i])))
            return true;
    }
    return false;
}

/* Without its scheme ("Bearer"), where it can be looked for in what the provider says. */
static bool remember_credential(gw_upstream *up, aigw_slice value)
{
    for (size_t i = value.len; i > 0; i--) {
        if (value.data[i - 1] == ' ') {
            value = gw_skip(value, i);
            break;
        }
    }
    for (size_t i = 0; i < sizeof up->key_secrets / sizeof *up->key_secrets; i++) {
        if (!up->key_secrets[i].data)
            return value.len == 0 || gw_secret_set(&up->key_secrets[i], value);
    }
    return true;
}

static int add_own_headers(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up, parts *p)
{
    int code = AIGW_OK;
    const gw_cfg_node *n = raw->headers.node ? raw->headers.node->first : NULL;
    for (size_t i = 0; i < raw->headers.count && code == AIGW_OK; i++, n = n->next) {
        const char *fault = check_header(p, &raw->headers.items[i]);
        if (!fault)
            fault = made_per_request(up, raw->headers.items[i].name);
        if (fault)
            return gw_cfg_fail(b->err, n, "bad_header", "%s", fault);
        code = add_header(b, p, raw->headers.items[i].name, raw->headers.items[i].value);
        if (code == AIGW_OK && is_credential(raw->headers.items[i].name) &&
            !remember_credential(up, raw->headers.items[i].value))
            code = gw_fail_nomem(b->err);
    }
    return code;
}

static int add_headers(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up, parts *p)
{
    const gw_provider *row = up->provider;
    int code = add_credential(b, row, p);
    if (code == AIGW_OK && p->key.len > 0 &&
        !remember_credential(up, gw_slice(p->key.data, p->key.len)))
        code = gw_fail_nomem(b->err);
    if (code == AIGW_OK)
        code = add_own_headers(b, raw, up, p);
    aigw_slice version = aigw_slice_of(row->version_header);
    if (code == AIGW_OK && version.len > 0 && up->site.api_version.len > 0 &&
        !gw_header_get(p->headers, p->count, version).data)
        code = add_header(b, p, version, up->site.api_version);
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

int gw_cfg_make_target(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up)
{
    parts p = {0};
    int code = make_url(b, raw, up, &p);
    if (code == AIGW_OK)
        code = read_key(b, raw, up, &p);
    if (code == AIGW_OK)
        code = add_headers(b, raw, up, &p);
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
            .egress = &b->config->egress,
        };
        code = gw_http_target_new(&options, &up->target, b->err);
        if (code != AIGW_OK)
            code = gw_cfg_place(b->err, raw->node, code);
        else
            code = gw_cfg_make_pass(b, raw, up, &options);
    }
    free_parts(&p);
    return code;
}
