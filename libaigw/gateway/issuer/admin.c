/* The admin API of the issuer: what a JSON body asks for, done to the store, told as JSON.
 * Must not know who may do it, nor HTTP. */
#include "base/error.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/text.h"
#include "gateway/issuer/issuer.h"

#define MAX_BODY_BYTES  65536
#define MAX_SCOPES      64
#define DEFAULT_GRACE_S 86400

static const gw_json_limits limits = {.max_depth = 4, .max_nodes = 1000};

typedef struct job {
    aigw_issuer *issuer;
    aigw_issuer_store *store;
    gw_arena *arena;
    gw_buf *out;
    aigw_slice id, body;
} job;

/* ---- Reading ---- */

/* An object; *out is untouched (no document) when the body is empty. */
static int read_body(const job *j, gw_json_doc *out, bool *there, aigw_error *err)
{
    *there = j->body.len > 0;
    if (!*there)
        return AIGW_OK;
    if (j->body.len > MAX_BODY_BYTES) {
        int code = gw_fail(err, AIGW_E_LIMIT, "body_too_large", "the body is too large");
        if (err)
            err->http_status = 413;
        return code;
    }
    int code = gw_json_parse(j->arena, j->body, &limits, out, err);
    if (code == AIGW_OK && gw_json_typeof(out, 0) != GW_JSON_OBJECT)
        code = gw_json_fail(err, out, 0, AIGW_E_PARSE, "not_an_object", "expected an object");
    return code;
}

static int read_text(const job *j, const gw_json_doc *doc, gw_json_ref value, aigw_slice *out,
                     aigw_error *err)
{
    if (gw_json_is_null(doc, value))
        return AIGW_OK;
    *out = gw_json_text(j->arena, doc, value);
    if (out->data)
        return AIGW_OK;
    if (gw_json_typeof(doc, value) == GW_JSON_STRING)
        return gw_fail_nomem(err);
    return gw_json_fail(err, doc, value, AIGW_E_PARSE, "wrong_type", "expected a string");
}

static int read_scopes(const job *j, const gw_json_doc *doc, gw_json_ref value,
                       aigw_client_spec *spec, aigw_error *err)
{
    aigw_slice *scopes = gw_arena_calloc(j->arena, MAX_SCOPES, sizeof *scopes);
    if (!scopes)
        return gw_fail_nomem(err);
    if (gw_json_typeof(doc, value) != GW_JSON_ARRAY || gw_json_count(doc, value) == 0 ||
        gw_json_count(doc, value) > MAX_SCOPES)
        return gw_json_fail(err, doc, value, AIGW_E_PARSE, "wrong_type",
                            "expected an array of 1 to 32 strings");
    for (gw_json_ref r = gw_json_first(doc, value); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        aigw_slice *scope = &scopes[spec->scope_count];
        if (gw_json_typeof(doc, r) != GW_JSON_STRING)
            return gw_json_fail(err, doc, r, AIGW_E_PARSE, "wrong_type", "expected a string");
        int code = read_text(j, doc, r, scope, err);
        if (code != AIGW_OK)
            return code;
        spec->scope_count++;
    }
    spec->scopes = scopes;
    return AIGW_OK;
}

static int read_seconds(const gw_json_doc *doc, gw_json_ref value, int64_t *out, aigw_error *err)
{
    return gw_json_i64(doc, value, out) && *out >= 0
               ? AIGW_OK
               : gw_json_fail(err, doc, value, AIGW_E_PARSE, "wrong_type",
                              "expected a whole number of seconds");
}

static int read_spec(const job *j, aigw_client_spec *spec, aigw_error *err)
{
    gw_json_doc doc;
    bool there;
    int code = read_body(j, &doc, &there, err);
    gw_json_ref key = code == AIGW_OK && there ? gw_json_first(&doc, 0) : GW_JSON_ABSENT;
    for (; code == AIGW_OK && key != GW_JSON_ABSENT; key = gw_json_next(&doc, key)) {
        gw_json_ref value = gw_json_value(&doc, key);
        if (gw_json_key_is(&doc, key, "id"))
            code = read_text(j, &doc, value, &spec->id, err);
        else if (gw_json_key_is(&doc, key, "team"))
            code = read_text(j, &doc, value, &spec->team, err);
        else if (gw_json_key_is(&doc, key, "tenant_tier"))
            code = read_text(j, &doc, value, &spec->tenant_tier, err);
        else if (gw_json_key_is(&doc, key, "scopes"))
            code = read_scopes(j, &doc, value, spec, err);
        else if (gw_json_key_is(&doc, key, "token_lifetime_s"))
            code = read_seconds(&doc, value, &spec->token_lifetime_s, err);
        else
            code = gw_json_fail(err, &doc, value, AIGW_E_PARSE, "unknown_member",
                                "a client has id, team, tenant_tier, scopes, token_lifetime_s");
    }
    return code;
}

static int read_grace(const job *j, int64_t *grace_s, aigw_error *err)
{
    gw_json_doc doc;
    bool there;
    int code = read_body(j, &doc, &there, err);
    gw_json_ref key = code == AIGW_OK && there ? gw_json_first(&doc, 0) : GW_JSON_ABSENT;
    for (; code == AIGW_OK && key != GW_JSON_ABSENT; key = gw_json_next(&doc, key)) {
        gw_json_ref value = gw_json_value(&doc, key);
        code = gw_json_key_is(&doc, key, "grace_s")
                   ? read_seconds(&doc, value, grace_s, err)
                   : gw_json_fail(err, &doc, value, AIGW_E_PARSE, "unknown_member",
                                  "a rotation has grace_s");
    }
    return code;
}

/* ---- Telling ---- */

/* The client as it is now, and the secret, which is shown this once. */
static int tell_client(const job *j, aigw_slice id, const char *secret, aigw_error *err)
{
    aigw_slice json;
    int code = aigw_issuer_store_describe(j->store, id, &json, err);
    if (code != AIGW_OK)
        return code;
    gw_buf_append(j->out, json.data, json.len - 1); /* without its brace */
    if (secret) {
        gw_buf_puts(j->out, ",\"client_secret\":\"");
        gw_buf_puts(j->out, secret);
        gw_buf_putc(j->out, '"');
    }
    gw_buf_putc(j->out, '}');
    aigw_bytes_free(json);
    return AIGW_OK;
}

static int tell_all(const job *j, aigw_error *err)
{
    aigw_slice json;
    int code = aigw_issuer_store_describe(j->store, GW_S(""), &json, err);
    if (code != AIGW_OK)
        return code;
    bool any = json.len > sizeof "{\"clients\":[]}" - 1;
    gw_buf_append(j->out, json.data, json.len - 2);
    for (size_t i = 0; i < j->issuer->client_count; i++) {
        if (any || i)
            gw_buf_putc(j->out, ',');
        gw_issuer_describe(&j->issuer->clients[i], j->out);
    }
    gw_buf_puts(j->out, "]}");
    aigw_bytes_free(json);
    return AIGW_OK;
}

/* ---- Doing ---- */

static int fail_of_config(aigw_error *err)
{
    int code = gw_fail(err, AIGW_E_INVALID, "client_of_config",
                       "this client stands in the config document: change it there");
    if (err)
        err->http_status = 409;
    return code;
}

static int add(const job *j, aigw_slice *who, aigw_error *err)
{
    aigw_client_spec spec = {.size = sizeof spec};
    char id[AIGW_CLIENT_ID_SIZE], secret[AIGW_CLIENT_SECRET_SIZE];
    int code = read_spec(j, &spec, err);
    if (code == AIGW_OK && spec.id.len && gw_issuer_find(j->issuer, spec.id))
        code = fail_of_config(err);
    if (code == AIGW_OK)
        code = aigw_issuer_store_add(j->store, &spec, id, secret, err);
    if (code != AIGW_OK)
        return code;
    *who = gw_arena_copy(j->arena, aigw_slice_of(id));
    code = tell_client(j, aigw_slice_of(id), secret, err);
    gw_wipe(secret, sizeof secret);
    return code;
}

static int rotate(const job *j, aigw_error *err)
{
    int64_t grace_s = DEFAULT_GRACE_S;
    char secret[AIGW_CLIENT_SECRET_SIZE];
    int code = read_grace(j, &grace_s, err);
    if (code == AIGW_OK)
        code = aigw_issuer_store_rotate(j->store, j->id, grace_s, secret, err);
    if (code != AIGW_OK)
        return code;
    code = tell_client(j, j->id, secret, err);
    gw_wipe(secret, sizeof secret);
    return code;
}

static int set_disabled(const job *j, bool disabled, aigw_error *err)
{
    int code = aigw_issuer_store_set_disabled(j->store, j->id, disabled, err);
    return code == AIGW_OK ? tell_client(j, j->id, NULL, err) : code;
}

static int drop(const job *j, aigw_error *err)
{
    int code = aigw_issuer_store_remove(j->store, j->id, err);
    gw_jw w = gw_jw_on(j->out);
    if (code != AIGW_OK)
        return code;
    gw_jw_object(&w);
    gw_jw_key(&w, "id");
    gw_jw_text(&w, j->id);
    gw_jw_key(&w, "removed");
    gw_jw_bool(&w, true);
    gw_jw_object_end(&w);
    return AIGW_OK;
}

static int rotate_keys(const job *j, aigw_slice *who, aigw_error *err)
{
    int code = aigw_issuer_store_rotate_keys(j->store, err);
    if (code != AIGW_OK)
        return code;
    gw_issuer_keys *keys = gw_issuer_keys_now(j->issuer);
    gw_jw w = gw_jw_on(j->out);
    gw_jw_object(&w);
    gw_jw_key(&w, "current_kid");
    gw_jw_str(&w, keys->kid);
    gw_jw_key(&w, "published");
    gw_jw_int(&w, (int64_t)aigw_jwks_count(keys->jwks));
    gw_jw_object_end(&w);
    *who = gw_arena_copy(j->arena, aigw_slice_of(keys->kid));
    gw_issuer_keys_free(keys);
    return AIGW_OK;
}

int gw_issuer_admin(aigw_issuer *issuer, gw_admin_action action, aigw_slice id, aigw_slice body,
                    gw_arena *arena, gw_buf *out, aigw_slice *who, aigw_error *err)
{
    job j = {issuer, issuer->store, arena, out, id, body};
    int code = AIGW_E_INVALID;
    *who = id;
    if (!issuer->store)
        return gw_fail(err, AIGW_E_INVALID, "no_store", "this issuer has no database");
    if (id.len && gw_issuer_find(issuer, id))
        return fail_of_config(err);
    switch (action) {
    case GW_ADMIN_LIST:
        code = tell_all(&j, err);
        break;
    case GW_ADMIN_ADD:
        code = add(&j, who, err);
        break;
    case GW_ADMIN_ROTATE:
        code = rotate(&j, err);
        break;
    case GW_ADMIN_DISABLE:
    case GW_ADMIN_ENABLE:
        code = set_disabled(&j, action == GW_ADMIN_DISABLE, err);
        break;
    case GW_ADMIN_REMOVE:
        code = drop(&j, err);
        break;
    case GW_ADMIN_ROTATE_KEYS:
        code = rotate_keys(&j, who, err);
        break;
    }
    if (code == AIGW_OK && (out->failed || (who->len && !who->data)))
        code = gw_fail_nomem(err);
    return code;
}
