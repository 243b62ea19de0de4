/*
 * Error bodies of the Messages API, read and written.
 * Source: the API's error page; {"type":"error","error":{"type","message"},"request_id"}.
 */
#include "wire/anthropic/anthropic.h"

static const struct {
    const char *type;
    gw_api_error_kind kind;
    int status;
} kinds[] = {
    {"invalid_request_error", GW_ERR_INVALID_REQUEST, 400},
    {"authentication_error", GW_ERR_AUTHENTICATION, 401},
    {"billing_error", GW_ERR_QUOTA, 402},
    {"permission_error", GW_ERR_PERMISSION, 403},
    {"not_found_error", GW_ERR_NOT_FOUND, 404},
    {"conflict_error", GW_ERR_CONFLICT, 409},
    {"request_too_large", GW_ERR_TOO_LARGE, 413},
    {"rate_limit_error", GW_ERR_RATE_LIMIT, 429},
    {"api_error", GW_ERR_SERVER, 500},
    {"api_error", GW_ERR_UPSTREAM, 0},
    {"api_error", GW_ERR_UNAVAILABLE, 0},
    {"timeout_error", GW_ERR_TIMEOUT, 504},
    {"overloaded_error", GW_ERR_OVERLOADED, 529},
};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

void gw_anthropic_error_read(const gw_json_doc *doc, gw_json_ref object, int status,
                             gw_api_error *out)
{
    *out = (gw_api_error){.kind = status >= 400 ? gw_api_error_kind_of(status) : GW_ERR_UPSTREAM};
    /* 529 is this API's own; the kind says the same to every dialect. */
    out->status = status >= 400 && status != 529 ? status : 0;
    if (gw_json_typeof(doc, object) == GW_JSON_STRING) {
        out->message = gw_jstr_of(doc, object);
        return;
    }
    if (gw_json_typeof(doc, object) != GW_JSON_OBJECT) {
        return;
    }
    gw_json_ref type = gw_json_get(doc, object, "type");
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (gw_json_is(doc, type, kinds[i].type)) {
            out->kind = kinds[i].kind;
            break;
        }
    }
    out->type = gw_jstr_of(doc, type);
    out->message = gw_jstr_of(doc, gw_json_get(doc, object, "message"));
    out->param = gw_jstr_of(doc, gw_json_get(doc, object, "param"));
    out->code = gw_jstr_of(doc, gw_json_get(doc, object, "code"));
    gw_json_ref details = gw_json_get(doc, object, "details");
    if (gw_json_typeof(doc, details) == GW_JSON_OBJECT) {
        gw_jstr code = gw_jstr_of(doc, gw_json_get(doc, details, "error_code"));
        out->code = gw_has(code) ? code : out->code;
    }
}

void gw_anthropic_read_error(gw_arena *arena, int status, aigw_slice body, gw_api_error *out)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    static const gw_json_doc nothing;
    gw_json_doc doc;
    bool parsed = gw_json_parse(arena, body, &lenient, &doc, NULL) == AIGW_OK;
    gw_json_ref root = 0;
    if (parsed && gw_json_typeof(&doc, 0) == GW_JSON_ARRAY) {
        root = gw_json_first(&doc, 0);
    }
    if (!parsed || gw_json_typeof(&doc, root) != GW_JSON_OBJECT) {
        gw_anthropic_error_read(&nothing, GW_JSON_ABSENT, status, out);
    } else {
        gw_json_ref object = gw_json_get(&doc, root, "error");
        gw_anthropic_error_read(&doc, object == GW_JSON_ABSENT ? root : object, status, out);
        out->request_id = gw_jstr_of(&doc, gw_json_get(&doc, root, "request_id"));
        if (gw_jstr_blank(out->message)) { /* of a host in between */
            gw_jstr detail = gw_jstr_of(&doc, gw_json_get(&doc, root, "detail"));
            out->message =
                gw_has(detail) ? detail : gw_jstr_of(&doc, gw_json_get(&doc, root, "message"));
        }
    }
    if (gw_jstr_blank(out->message)) {
        out->message = gw_jstr_lit("The provider answered with an error that says nothing.");
    }
}

/* This dialect has no member for the place of a fault: our pointers stand in front of the message. */
static void write_message(gw_jw *w, const gw_api_error *error)
{
    gw_jstr message =
        gw_has(error->message) ? error->message : gw_jstr_lit("Something went wrong.");
    if (!gw_has(error->param) || !gw_starts(error->param.inner, GW_S("/"))) {
        gw_jw_jstr(w, message);
        return;
    }
    gw_jw_begin_string(w);
    gw_jw_part_inner(w, error->param.inner);
    gw_jw_part(w, aigw_slice_of(": "));
    gw_jw_part_inner(w, message.inner);
    gw_jw_end_string(w);
}

void gw_anthropic_write_error(const gw_api_error *error, const gw_answer_options *options,
                              gw_buf *out, int *status)
{
    const char *type = "api_error";
    int natural = 0;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].kind == error->kind) {
            type = kinds[i].type;
            natural = kinds[i].status;
        }
    }
    /* Overload and an empty account have statuses of their own in this dialect. */
    bool own = error->kind == GW_ERR_OVERLOADED || error->kind == GW_ERR_QUOTA;
    if (!own && error->status >= 400 && error->status < 600) {
        natural = error->status;
    }
    *status = natural != 0 ? natural : gw_api_error_status(error->kind);
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "type");
    gw_jw_str(&w, "error");
    gw_jw_key(&w, "error");
    gw_jw_object(&w);
    gw_jw_key(&w, "type");
    gw_jw_str(&w, type);
    gw_jw_key(&w, "message");
    write_message(&w, error);
    gw_jw_object_end(&w);
    if (options != NULL && options->request_id.len > 0) {
        gw_jw_key(&w, "request_id");
        gw_jw_text(&w, options->request_id);
    } else if (gw_has(error->request_id)) {
        gw_jw_key(&w, "request_id");
        gw_jw_jstr(&w, error->request_id);
    }
    gw_jw_object_end(&w);
}
