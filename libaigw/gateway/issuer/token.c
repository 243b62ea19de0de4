/* The token endpoint: client_credentials (RFC 6749 clauses 2.3, 4.4 and 5), refusals and all.
 * Must not know how a token is made or signed. */
#include "base/error.h"
#include "base/json_write.h"
#include "base/text.h"
#include "gateway/form.h"
#include "gateway/issuer/issuer.h"

#define MAX_AUTHORIZATION_BYTES 4096
#define MAX_TOKEN_BYTES         16384
#define MAX_BODY_BYTES          (MAX_TOKEN_BYTES + 1024)
#define CHALLENGE               "Basic realm=\"aigw\", charset=\"UTF-8\""

/* Who asks; the room behind the texts is wiped when dropped. */
typedef struct credentials {
    char *room;
    size_t room_len;
    aigw_slice id, secret;
} credentials;

/* What is wrong with a request: a word of RFC 6749 clause 5.2, or NULL. */
typedef const char *refusal;

static int answer_refusal(const aigw_issuer *issuer, refusal word, bool by_header,
                          aigw_issuer_answer *out, aigw_error *err)
{
    gw_buf body;
    gw_buf_init(&body, 256);
    gw_jw w = gw_jw_on(&body);
    gw_jw_object(&w);
    gw_jw_key(&w, "error");
    gw_jw_str(&w, word);
    gw_jw_object_end(&w);
    if (body.failed) {
        gw_buf_free(&body);
        return gw_fail_nomem(err);
    }
    /* 401 answers a client that tried the Authorization field (clause 5.2). */
    bool unauthorized = by_header && !issuer->cognito_compat && strcmp(word, "invalid_client") == 0;
    out->retry_after_s = 0;
    out->status = unauthorized ? 401 : 400;
    out->www_authenticate = unauthorized ? CHALLENGE : NULL;
    out->body = gw_buf_steal(&body);
    return AIGW_OK;
}

static int answer_token(const gw_issuer_client *client, aigw_slice token, aigw_issuer_answer *out,
                        aigw_error *err)
{
    gw_buf body;
    gw_buf_init(&body, MAX_BODY_BYTES);
    gw_jw w = gw_jw_on(&body);
    gw_jw_object(&w);
    gw_jw_key(&w, "access_token");
    gw_jw_text(&w, token);
    gw_jw_key(&w, "expires_in");
    gw_jw_int(&w, client->token_lifetime_s);
    gw_jw_key(&w, "token_type");
    gw_jw_str(&w, "Bearer");
    gw_jw_object_end(&w);
    if (body.failed) {
        gw_buf_free(&body);
        return gw_fail_nomem(err);
    }
    out->retry_after_s = 0;
    out->status = 200;
    out->www_authenticate = NULL;
    out->body = gw_buf_steal(&body);
    return AIGW_OK;
}

/* Decodes one half of a Basic credential where it stands (clause 2.3.1: each half is
 * form-encoded). */
static bool decode_half(char *at, size_t len, aigw_slice *out)
{
    ptrdiff_t n = gw_form_decode(gw_slice(at, len), at);
    *out = gw_slice(at, n < 0 ? 0 : (size_t)n);
    return n >= 0;
}

static int read_basic(aigw_slice authorization, credentials *out, refusal *word)
{
    aigw_slice value = gw_trim(authorization);
    *word = "invalid_client";
    if (!gw_starts_nocase(value, GW_S("Basic ")) || value.len > MAX_AUTHORIZATION_BYTES)
        return AIGW_OK;
    aigw_slice encoded = gw_trim(gw_skip(value, sizeof "Basic " - 1));
    out->room_len = encoded.len / 4 * 3 + 3;
    out->room = gw_alloc(out->room_len);
    if (!out->room)
        return AIGW_E_NOMEM;
    ptrdiff_t len = gw_base64_decode(encoded, (uint8_t *)out->room);
    char *colon = len > 0 ? memchr(out->room, ':', (size_t)len) : NULL;
    if (colon && decode_half(colon + 1, (size_t)(out->room + len - colon) - 1, &out->secret) &&
        decode_half(out->room, (size_t)(colon - out->room), &out->id))
        *word = NULL;
    return AIGW_OK;
}

static void drop(credentials *c)
{
    if (c->room)
        gw_wipe(c->room, c->room_len);
    gw_free(c->room);
}

/* One method, not two (clause 2.3). A client_id beside Basic only names who it is; it must
 * agree. */
static int read_credentials(aigw_slice authorization, const gw_form *form, credentials *out,
                            refusal *word)
{
    aigw_slice id = gw_form_get(form, "client_id"), secret = gw_form_get(form, "client_secret");
    *word = NULL;
    if (authorization.len == 0) {
        out->id = id;
        out->secret = secret;
        return AIGW_OK;
    }
    if (secret.len) {
        *word = "invalid_request";
        return AIGW_OK;
    }
    int code = read_basic(authorization, out, word);
    if (code == AIGW_OK && !*word && id.len && !gw_eq(id, out->id))
        *word = "invalid_request";
    return code;
}

/* ---- One request ---- */

typedef struct visit {
    aigw_issuer *issuer;
    gw_arena *arena;
    const gw_form *form;
    aigw_slice authorization, peer;
} visit;

static int answer_later(int64_t wait_s, aigw_issuer_answer *out, aigw_error *err)
{
    gw_buf body;
    gw_buf_init(&body, 256);
    gw_buf_puts(&body, "{\"error\":\"temporarily_unavailable\",\"error_description\":"
                       "\"too many failed attempts, try again later\"}");
    if (body.failed) {
        gw_buf_free(&body);
        return gw_fail_nomem(err);
    }
    *out =
        (aigw_issuer_answer){.status = 429, .body = gw_buf_steal(&body), .retry_after_s = wait_s};
    return AIGW_OK;
}

static int grant(const visit *v, const gw_issuer_client *client, aigw_issuer_answer *out,
                 aigw_error *err)
{
    bool by_header = v->authorization.len > 0;
    if (!gw_eq(gw_form_get(v->form, "grant_type"), GW_S("client_credentials")))
        return answer_refusal(v->issuer, "unsupported_grant_type", by_header, out, err);
    gw_buf token;
    gw_buf_init(&token, MAX_TOKEN_BYTES);
    int code = gw_issuer_sign(v->issuer, client, gw_form_get(v->form, "scope"), &token, err);
    if (code == AIGW_E_DENIED)
        code = answer_refusal(v->issuer, "invalid_scope", by_header, out, err);
    else if (code == AIGW_OK)
        code = answer_token(client, gw_buf_slice(&token), out, err);
    gw_buf_free(&token);
    return code;
}

/* *client stays NULL for a refusal; *wait_s is set when it is to try again later. */
static int identify(const visit *v, const credentials *c, const gw_issuer_client **client,
                    int64_t *wait_s, aigw_error *err)
{
    gw_guard *guard = v->issuer->guard;
    int64_t now_ms = gw_now_ms(&v->issuer->clock);
    bool later = false;
    *wait_s = guard ? gw_guard_wait_s(guard, c->id, v->peer, now_ms) : 0;
    if (*wait_s)
        return AIGW_OK;
    int code = gw_issuer_authenticate(v->issuer, c->id, c->secret, v->arena, client, &later, err);
    if (code == AIGW_OK && later)
        *wait_s = 1;
    else if (code == AIGW_OK && guard && *client)
        gw_guard_passed(guard, c->id, v->peer, now_ms);
    else if (code == AIGW_OK && guard && c->id.len && c->secret.len) /* nothing tried, no guess */
        gw_guard_failed(guard, c->id, v->peer, now_ms);
    return code;
}

static int answer_form(const visit *v, aigw_issuer_answer *out, aigw_error *err)
{
    credentials c = {NULL, 0, GW_S(""), GW_S("")};
    refusal word = NULL;
    const gw_issuer_client *client = NULL;
    int64_t wait_s = 0;
    int code = AIGW_OK;
    if (gw_form_get(v->form, "grant_type").len == 0)
        word = "invalid_request";
    else if (read_credentials(v->authorization, v->form, &c, &word) != AIGW_OK)
        code = gw_fail_nomem(err);
    if (code == AIGW_OK && !word)
        code = identify(v, &c, &client, &wait_s, err);
    drop(&c);
    if (code != AIGW_OK)
        return code;
    if (wait_s)
        return answer_later(wait_s, out, err);
    if (!word && !client)
        word = "invalid_client";
    if (word)
        return answer_refusal(v->issuer, word, v->authorization.len > 0, out, err);
    return grant(v, client, out, err);
}

int aigw_issuer_token_from(aigw_issuer *issuer, aigw_slice authorization, aigw_slice form,
                           aigw_slice peer, aigw_issuer_answer *out, aigw_error *err)
{
    gw_form fields;
    if (!issuer || !out)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument",
                       "no issuer, or no place for the answer");
    int code = gw_form_parse(form, &fields);
    if (code == AIGW_E_NOMEM)
        return gw_fail_nomem(err);
    if (code != AIGW_OK)
        return answer_refusal(issuer, "invalid_request", authorization.len > 0, out, err);
    gw_issuer_rotate_if_due(issuer);
    visit v = {issuer, gw_arena_new(GW_ISSUER_ARENA_BYTES), &fields, authorization, peer};
    code = v.arena ? answer_form(&v, out, err) : gw_fail_nomem(err);
    gw_arena_free(v.arena);
    gw_form_free(&fields);
    return code;
}

int aigw_issuer_token(aigw_issuer *issuer, aigw_slice authorization, aigw_slice form,
                      aigw_issuer_answer *out, aigw_error *err)
{
    return aigw_issuer_token_from(issuer, authorization, form, GW_S(""), out, err);
}
