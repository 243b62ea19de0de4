/* What a token endpoint is asked: the form, the client's proof of who it is, the prepared target. */
/* Must not know when it is asked, nor what is answered. */
#include "rim/token_parts.h"

#include "base/error.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include <stdlib.h>

#define CONNECT_MS          5000
#define ASSERTION_LIFE_S    240 /* RFC 7523 leaves it open; five minutes is what servers take */
#define ASSERTION_BYTES     16384
#define MAX_CREDENTIAL      ((size_t)64 * 1024)
#define FINGERPRINT_VERSION "aigw-token-1"

static const char assertion_member[] =
    "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    "&client_assertion=";
static const char grant_type[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
static const char grant_member[] = "&assertion=";

static void wipe_buf(gw_buf *buf)
{
    if (buf->data)
        gw_wipe(buf->data, buf->cap);
    gw_buf_free(buf);
}

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

static void member(gw_buf *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    gw_buf_putc(out, '&');
    gw_buf_puts(out, name);
    gw_buf_putc(out, '=');
    form_text(out, value);
}

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

/* Reserved in one piece, so that no copy is left behind. */
static int build_form(const gw_token_options *o, gw_secret *out, aigw_error *err)
{
    bool post = o->auth == AIGW_TOKEN_SECRET_POST;
    bool grant = o->auth == AIGW_TOKEN_JWT_BEARER; /* everything else is in its claims */
    size_t max = 128 + 3 * (length(o->client_id) + length(o->client_secret) + length(o->scope) +
                            length(o->audience) + length(o->resource));
    gw_buf buf;

    gw_buf_init(&buf, max);
    if (!gw_buf_reserve(&buf, max))
        return gw_fail_nomem(err);
    gw_buf_puts(&buf, grant ? grant_type : "grant_type=client_credentials");
    if (!grant &&
        o->auth != AIGW_TOKEN_SECRET_BASIC) /* one way to authenticate only: RFC 6749 clause 2.3 */
        member(&buf, "client_id", o->client_id);
    if (post) {
        gw_buf_puts(&buf, "&client_secret=");
        form_text(&buf, o->client_secret);
    }
    if (!grant)
        member(&buf, "scope", o->scope);
    member(&buf, "audience", o->audience);
    member(&buf, "resource", o->resource);
    bool ok = !buf.failed && gw_secret_set(out, gw_buf_slice(&buf));
    wipe_buf(&buf);
    return ok ? AIGW_OK : gw_fail_nomem(err);
}

/* ---- client_secret_basic: RFC 6749 clause 2.3.1 ---- */

static void base64(gw_buf *out, aigw_slice data)
{
    size_t from = out->end;

    gw_base64url_encode(out, data.data, data.len);
    for (size_t i = from; i < out->end; i++) {
        char c = out->data[i];
        out->data[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    for (size_t i = data.len % 3; i > 0 && i < 3; i++)
        gw_buf_putc(out, '=');
}

static int build_basic(const gw_token_options *o, gw_buf *out, aigw_error *err)
{
    size_t plain = 3 * (length(o->client_id) + length(o->client_secret)) + 2;
    size_t max = plain / 3 * 4 + 16;
    gw_buf pair;

    gw_buf_init(&pair, plain);
    gw_buf_init(out, max);
    if (!gw_buf_reserve(&pair, plain) || !gw_buf_reserve(out, max)) {
        gw_buf_free(&pair);
        return gw_fail_nomem(err);
    }
    form_text(&pair, o->client_id);
    gw_buf_putc(&pair, ':');
    form_text(&pair, o->client_secret);
    gw_buf_puts(out, "Basic ");
    base64(out, gw_buf_slice(&pair));
    bool ok = !pair.failed && !out->failed;
    wipe_buf(&pair);
    return ok ? AIGW_OK : gw_fail_nomem(err);
}

/* ---- private_key_jwt and jwt-bearer: RFC 7523 clause 3 ---- */

/* https://developers.google.com/identity/protocols/oauth2/service-account: the scope is a claim, and sub
 * would be a user to act for. */
static void write_subject(const gw_token_request *r, gw_jw *w)
{
    if (!r->grant) {
        gw_jw_key(w, "sub");
        gw_jw_str(w, r->client_id);
    } else if (r->scope) {
        gw_jw_key(w, "scope");
        gw_jw_str(w, r->scope);
    }
}

static int write_claims(const gw_token_request *r, int64_t now, gw_buf *out, aigw_error *err)
{
    char jti[32];

    if (!gw_random_hex(jti, sizeof jti))
        return gw_fail(err, AIGW_E_IO, "random", "the system gives no random numbers");
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "iss");
    gw_jw_str(&w, r->client_id);
    write_subject(r, &w);
    gw_jw_key(&w, "aud");
    gw_jw_str(&w, r->endpoint);
    gw_jw_key(&w, "jti");
    gw_jw_text(&w, gw_slice(jti, sizeof jti));
    gw_jw_key(&w, "iat");
    gw_jw_int(&w, now);
    gw_jw_key(&w, "exp");
    gw_jw_int(&w, now + ASSERTION_LIFE_S);
    gw_jw_object_end(&w);
    return out->failed ? gw_fail_nomem(err) : AIGW_OK;
}

int gw_token_request_body(const gw_token_request *r, int64_t now_unix_s, gw_secret *own,
                          aigw_slice *body, aigw_error *err)
{
    gw_buf claims, all;

    *body = gw_slice(r->form.data, r->form.len);
    if (!r->sign)
        return AIGW_OK;
    gw_buf_init(&claims, ASSERTION_BYTES);
    gw_buf_init(&all, r->form.len + sizeof assertion_member + ASSERTION_BYTES);
    gw_buf_add(&all, *body);
    gw_buf_puts(&all, r->grant ? grant_member : assertion_member);
    int code = write_claims(r, now_unix_s, &claims, err);
    if (code == AIGW_OK)
        code = r->sign(r->sign_user, gw_buf_slice(&claims), &all, err);
    if (code == AIGW_OK && (all.failed || !gw_secret_set(own, gw_buf_slice(&all))))
        code = gw_fail_nomem(err);
    if (code == AIGW_OK)
        *body = gw_slice(own->data, own->len);
    gw_buf_free(&claims);
    wipe_buf(&all);
    return code;
}

/* ---- the target ---- */

static const char *host_env(const aigw_host *host, const char *name)
{
    const char *value;

    if (host && host->size >= offsetof(aigw_host, env) + sizeof host->env && host->env)
        value = host->env(host->user, name);
    else
        value = getenv(name);
    return value && *value ? value : NULL;
}

const char *gw_token_ca_file(const char *ca_file, const aigw_host *host)
{
    if (!ca_file)
        ca_file = host_env(host, "CURL_CA_BUNDLE");
    return ca_file ? ca_file : host_env(host, "SSL_CERT_FILE");
}

static int make_target(const gw_token_options *o, gw_http_target **out, aigw_error *err)
{
    gw_buf basic = {0};
    aigw_header headers[] = {
        {GW_S("content-type"), GW_S("application/x-www-form-urlencoded")},
        {GW_S("accept"), GW_S("application/json")},
        {GW_S("user-agent"), GW_S("aigw/" AIGW_VERSION)}, /* firewalls want one */
        {GW_S("authorization"), {NULL, 0}},
    };
    gw_http_target_options target = {
        .url = aigw_slice_of(o->endpoint),
        .headers = headers,
        .header_count = 3,
        .ca_file = gw_token_ca_file(o->ca_file, o->host),
        .proxy = o->proxy,
        .connect_timeout_ms = o->connect_timeout_ms > 0 ? o->connect_timeout_ms : CONNECT_MS,
        .insecure_http_ok = o->allow_http,
        .client_cert_file = o->client_cert_file,
        .client_key_file = o->client_key_file,
        .egress = o->egress};
    int code = AIGW_OK;

    if (o->auth == AIGW_TOKEN_SECRET_BASIC) {
        code = build_basic(o, &basic, err);
        headers[3].value = gw_buf_slice(&basic);
        target.header_count = 4;
    }
    if (code == AIGW_OK)
        code = gw_http_target_new(&target, out, err);
    wipe_buf(&basic);
    return code;
}

/* ---- the whole ---- */

/* Every part with its length in front, so that no two sets of parts read the same. */
static bool fingerprint(const gw_token_options *o, char *out)
{
    const aigw_slice parts[] = {
        GW_S(FINGERPRINT_VERSION),          aigw_slice_of(o->endpoint),
        aigw_slice_of(o->client_id),        aigw_slice_of(o->scope),
        aigw_slice_of(o->client_secret),    aigw_slice_of(o->audience),
        aigw_slice_of(o->resource),         o->key_material,
        aigw_slice_of(o->client_cert_file),
    };
    static const char hex[] = "0123456789abcdef";
    uint8_t digest[GW_SHA256_BYTES];
    size_t count = sizeof parts / sizeof *parts, max = 16;
    gw_buf all;

    for (size_t i = 0; i < count; i++)
        max += parts[i].len + 24;
    gw_buf_init(&all, max);
    if (!gw_buf_reserve(&all, max))
        return false;
    gw_buf_int(&all, (int64_t)o->auth);
    for (size_t i = 0; i < count; i++) {
        gw_buf_putc(&all, ';');
        gw_buf_int(&all, (int64_t)parts[i].len);
        gw_buf_putc(&all, ':');
        gw_buf_add(&all, parts[i]);
    }
    gw_sha256(gw_buf_slice(&all), digest);
    wipe_buf(&all);
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[GW_TOKEN_FINGERPRINT] = '\0';
    return true;
}

static bool signs(const gw_token_options *o)
{
    return o->auth == AIGW_TOKEN_PRIVATE_KEY_JWT || o->auth == AIGW_TOKEN_JWT_BEARER;
}

static int check(const gw_token_options *o, aigw_error *err)
{
    const char *missing = NULL;
    bool secret = o->auth == AIGW_TOKEN_SECRET_POST || o->auth == AIGW_TOKEN_SECRET_BASIC;

    if (!o->endpoint || !o->client_id)
        missing = "endpoint and client_id are needed";
    else if (secret && !o->client_secret)
        missing = "this way to authenticate needs client_secret";
    else if (signs(o) && !o->sign)
        missing = "this way to authenticate needs a private key";
    else if (o->auth == AIGW_TOKEN_TLS_CLIENT && !o->client_cert_file)
        missing = "tls_client_auth needs a client certificate";
    else if (o->auth < AIGW_TOKEN_SECRET_POST || o->auth > AIGW_TOKEN_JWT_BEARER)
        missing = "no such way to authenticate";
    else if (length(o->client_id) + length(o->client_secret) > MAX_CREDENTIAL)
        missing = "the client's id or secret is too long";
    return missing ? gw_fail(err, AIGW_E_INVALID, "argument", "%s", missing) : AIGW_OK;
}

int gw_token_request_make(const gw_token_options *o, gw_token_request *out, aigw_error *err)
{
    gw_token_request r = {0};
    int code = check(o, err);

    if (code == AIGW_OK)
        code = make_target(o, &r.target, err);
    if (code == AIGW_OK)
        code = build_form(o, &r.form, err);
    if (code == AIGW_OK) {
        r.client_id = gw_strdup(aigw_slice_of(o->client_id));
        r.endpoint = gw_strdup(aigw_slice_of(o->endpoint));
        r.grant = o->auth == AIGW_TOKEN_JWT_BEARER;
        if (r.grant && o->scope && *o->scope) {
            r.scope = gw_strdup(aigw_slice_of(o->scope));
            code = r.scope ? AIGW_OK : gw_fail_nomem(err);
        }
        if (!r.client_id || !r.endpoint || !fingerprint(o, r.fingerprint))
            code = gw_fail_nomem(err);
    }
    if (code != AIGW_OK) {
        gw_token_request_clear(&r);
        return code;
    }
    if (signs(o))
        r.sign = o->sign;
    r.sign_free = o->sign_free;
    r.sign_user = o->sign_user;
    *out = r;
    return AIGW_OK;
}

void gw_token_request_clear(gw_token_request *r)
{
    gw_http_target_free(r->target);
    gw_secret_free(&r->form);
    gw_free(r->client_id);
    gw_free(r->endpoint);
    gw_free(r->scope);
    if (r->sign_free)
        r->sign_free(r->sign_user);
    *r = (gw_token_request){0};
}
