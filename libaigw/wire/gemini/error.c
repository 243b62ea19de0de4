/* Error bodies of the Gemini API, read and written. */
/* Must not put anything into a message that came as no JSON (HTML pages, stack traces). */
#include "wire/gemini/gemini.h"

#include <stdio.h>

static const struct {
    const char *word;
    gw_api_error_kind kind;
    int status;
} statuses[] = {
    {"INVALID_ARGUMENT", GW_ERR_INVALID_REQUEST, 400},
    {"FAILED_PRECONDITION", GW_ERR_INVALID_REQUEST, 400},
    {"OUT_OF_RANGE", GW_ERR_INVALID_REQUEST, 400},
    {"UNAUTHENTICATED", GW_ERR_AUTHENTICATION, 401},
    {"PERMISSION_DENIED", GW_ERR_PERMISSION, 403},
    {"NOT_FOUND", GW_ERR_NOT_FOUND, 404},
    {"ABORTED", GW_ERR_CONFLICT, 409},
    {"ALREADY_EXISTS", GW_ERR_CONFLICT, 409},
    {"RESOURCE_EXHAUSTED", GW_ERR_RATE_LIMIT, 429},
    {"CANCELLED", GW_ERR_SERVER, 499},
    {"INTERNAL", GW_ERR_SERVER, 500},
    {"UNKNOWN", GW_ERR_SERVER, 500},
    {"DATA_LOSS", GW_ERR_SERVER, 500},
    {"UNIMPLEMENTED", GW_ERR_INVALID_REQUEST, 501},
    {"UNAVAILABLE", GW_ERR_OVERLOADED, 503},
    {"DEADLINE_EXCEEDED", GW_ERR_TIMEOUT, 504},
};

/* "34.4s" in whole seconds, rounded up. */
static int seconds_of(aigw_slice text)
{
    int64_t s = 0;
    size_t i = 0;
    bool more = false;
    for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9' && s < 1000000; i++)
        s = s * 10 + (text.data[i] - '0');
    if (i < text.len && text.data[i] == '.') {
        for (i++; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
            more = more || text.data[i] != '0';
    }
    if (i + 1 != text.len || text.data[i] != 's')
        return 0;
    return (int)(s + more);
}

static bool is_detail(const gw_json_doc *doc, gw_json_ref detail, const char *name)
{
    aigw_slice type = gw_gm_string_of(doc, detail, "@type").inner;
    return gw_ends(type, aigw_slice_of(name));
}

static void read_details(const gw_json_doc *doc, gw_json_ref details, gw_api_error *out)
{
    gw_json_ref ref = gw_json_typeof(doc, details) == GW_JSON_ARRAY ? gw_json_first(doc, details)
                                                                    : GW_JSON_ABSENT;
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        if (is_detail(doc, ref, "google.rpc.RetryInfo")) {
            out->retry_after_s = seconds_of(gw_gm_string_of(doc, ref, "retryDelay").inner);
        } else if (is_detail(doc, ref, "google.rpc.ErrorInfo")) {
            out->code = gw_gm_string_of(doc, ref, "reason");
        } else if (is_detail(doc, ref, "google.rpc.BadRequest")) {
            gw_json_ref list = gw_gm_get(doc, ref, "fieldViolations");
            if (gw_json_typeof(doc, list) == GW_JSON_ARRAY && gw_json_count(doc, list) > 0)
                out->param = gw_gm_string_of(doc, gw_json_first(doc, list), "field");
        }
    }
}

static gw_jstr generic_message(gw_arena *arena, int status)
{
    char text[80];
    int len = snprintf(text, sizeof text, "The provider answered with status %d.", status);
    aigw_slice copy = {NULL, 0};
    if (status >= 400)
        copy = gw_arena_copy(arena, gw_slice(text, (size_t)len));
    return copy.data != NULL ? (gw_jstr){copy} : gw_jstr_lit("The provider failed.");
}

void gw_gm_error_of(gw_arena *arena, const gw_json_doc *doc, gw_json_ref root, int status,
                    gw_api_error *out)
{
    gw_json_ref error = gw_gm_get(doc, root, "error");
    int64_t code = 0;
    *out = (gw_api_error){.status = status >= 400 && status < 600 ? status : 0};
    if (gw_json_typeof(doc, error) == GW_JSON_STRING)
        out->message = gw_jstr_of(doc, error);
    else
        out->message = gw_gm_string_of(doc, error, "message");
    out->type = gw_gm_string_of(doc, error, "status");
    gw_json_i64(doc, gw_gm_get(doc, error, "code"), &code);
    read_details(doc, gw_gm_get(doc, error, "details"), out);
    bool told = out->status != 0; /* the status it came with is nearer than the one it names */
    if (!told && code >= 400 && code < 600)
        out->status = (int)code;
    out->kind = gw_api_error_kind_of(out->status);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (!gw_jstr_is(out->type, statuses[i].word))
            continue;
        if (out->status == 0)
            out->status = statuses[i].status == 499 ? 500 : statuses[i].status;
        if (!told || out->status == statuses[i].status)
            out->kind = statuses[i].kind;
    }
    if (gw_jstr_is(out->code, "API_KEY_INVALID") || gw_jstr_is(out->code, "API_KEY_EXPIRED")) {
        out->kind = GW_ERR_AUTHENTICATION;
        out->status = 401;
    }
    if (gw_jstr_blank(out->message))
        out->message = generic_message(arena, out->status);
}

void gw_gm_read_error(gw_arena *arena, int status, aigw_slice body, gw_api_error *out)
{
    gw_json_limits limits = {32, 10000, true};
    gw_json_doc doc;
    gw_json_ref root = 0;
    if (body.len > 0 && gw_json_parse(arena, body, &limits, &doc, NULL) == AIGW_OK) {
        if (gw_json_typeof(&doc, 0) == GW_JSON_ARRAY) /* a stream that is no SSE wraps it */
            root = gw_json_first(&doc, 0);
        if (root != GW_JSON_ABSENT && gw_json_typeof(&doc, root) == GW_JSON_OBJECT) {
            gw_gm_error_of(arena, &doc, root, status, out);
            return;
        }
    }
    *out = (gw_api_error){.status = status >= 400 && status < 600 ? status : 0};
    out->kind = gw_api_error_kind_of(status);
    out->message = generic_message(arena, status);
}

static const char *word_of(gw_api_error_kind kind)
{
    switch (kind) {
    case GW_ERR_INVALID_REQUEST:
    case GW_ERR_TOO_LARGE:
        return "INVALID_ARGUMENT";
    case GW_ERR_AUTHENTICATION:
        return "UNAUTHENTICATED";
    case GW_ERR_PERMISSION:
        return "PERMISSION_DENIED";
    case GW_ERR_NOT_FOUND:
        return "NOT_FOUND";
    case GW_ERR_CONFLICT:
        return "ABORTED";
    case GW_ERR_RATE_LIMIT:
    case GW_ERR_QUOTA:
        return "RESOURCE_EXHAUSTED";
    case GW_ERR_OVERLOADED:
    case GW_ERR_UNAVAILABLE:
        return "UNAVAILABLE";
    case GW_ERR_TIMEOUT:
        return "DEADLINE_EXCEEDED";
    default:
        return "INTERNAL";
    }
}

static void write_violation(gw_jw *w, const gw_api_error *error)
{
    gw_jw_object(w);
    gw_jw_key(w, "@type");
    gw_jw_str(w, "type.googleapis.com/google.rpc.BadRequest");
    gw_jw_key(w, "fieldViolations");
    gw_jw_array(w);
    gw_jw_object(w);
    gw_jw_key(w, "field");
    gw_jw_jstr(w, error->param);
    gw_jw_key(w, "description");
    gw_jw_jstr(w, error->message);
    gw_jw_object_end(w);
    gw_jw_array_end(w);
    gw_jw_object_end(w);
}

static void write_details(gw_jw *w, const gw_api_error *error)
{
    char delay[24];
    bool param = error->param.inner.len > 0;
    if (!param && error->retry_after_s <= 0)
        return;
    gw_jw_key(w, "details");
    gw_jw_array(w);
    if (param)
        write_violation(w, error);
    if (error->retry_after_s > 0) {
        snprintf(delay, sizeof delay, "%ds", error->retry_after_s);
        gw_jw_object(w);
        gw_jw_key(w, "@type");
        gw_jw_str(w, "type.googleapis.com/google.rpc.RetryInfo");
        gw_jw_key(w, "retryDelay");
        gw_jw_str(w, delay);
        gw_jw_object_end(w);
    }
    gw_jw_array_end(w);
}

void gw_gm_write_error(const gw_api_error *error, const gw_answer_options *options, gw_buf *out,
                       int *status)
{
    (void)options; /* this dialect carries the request id in a header only */
    int answered = error->status;
    if (answered < 400 || answered > 599 || answered == 529)
        answered = gw_api_error_status(error->kind);
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "error");
    gw_jw_object(&w);
    gw_jw_key(&w, "code");
    gw_jw_int(&w, answered);
    gw_jw_key(&w, "message");
    gw_jw_jstr(&w, gw_has(error->message) ? error->message : gw_jstr_lit("Something went wrong."));
    gw_jw_key(&w, "status");
    gw_jw_str(&w, word_of(error->kind));
    write_details(&w, error);
    gw_jw_object_end(&w);
    gw_jw_object_end(&w);
    if (status != NULL)
        *status = answered;
}
