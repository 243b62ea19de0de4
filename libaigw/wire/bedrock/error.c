/*
 * Errors of the Bedrock Runtime API: exceptions by name, read and written.
 * Knows neither answers nor streams.
 */
#include "wire/bedrock/bedrock.h"

/* The first one of a kind is the one that is written. */
static const struct exception {
    const char *name;
    gw_api_error_kind kind;
    int status;
} exceptions[] = {
    {"ValidationException", GW_ERR_INVALID_REQUEST, 400},
    {"UnrecognizedClientException", GW_ERR_AUTHENTICATION, 403},
    {"AccessDeniedException", GW_ERR_PERMISSION, 403},
    {"ResourceNotFoundException", GW_ERR_NOT_FOUND, 404},
    {"ConflictException", GW_ERR_CONFLICT, 409},
    {"RequestEntityTooLargeException", GW_ERR_TOO_LARGE, 413},
    {"ThrottlingException", GW_ERR_RATE_LIMIT, 429},
    {"ServiceQuotaExceededException", GW_ERR_QUOTA, 400},
    {"InternalServerException", GW_ERR_SERVER, 500},
    {"ServiceUnavailableException", GW_ERR_OVERLOADED, 503},
    {"ServiceUnavailableException", GW_ERR_UNAVAILABLE, 503},
    {"ModelTimeoutException", GW_ERR_TIMEOUT, 408},
    {"ModelErrorException", GW_ERR_UPSTREAM, 424},
    {"ModelStreamErrorException", GW_ERR_UPSTREAM, 424},
    {"ModelNotReadyException", GW_ERR_OVERLOADED, 429},
    {"UnknownOperationException", GW_ERR_NOT_FOUND, 404},
    {"ExpiredTokenException", GW_ERR_AUTHENTICATION, 403},
    {"InvalidSignatureException", GW_ERR_AUTHENTICATION, 403},
    {"IncompleteSignatureException", GW_ERR_AUTHENTICATION, 400},
    {"MissingAuthenticationTokenException", GW_ERR_AUTHENTICATION, 403},
    {"InvalidClientTokenId", GW_ERR_AUTHENTICATION, 403},
    {"RequestExpired", GW_ERR_AUTHENTICATION, 400},
    {"SerializationException", GW_ERR_INVALID_REQUEST, 400},
};

enum { EXCEPTION_COUNT = sizeof exceptions / sizeof exceptions[0] };

/* "com.amazon.coral.service#ThrottlingException", "throttlingException:http://...": the name only. */
static aigw_slice bare_name(aigw_slice type)
{
    for (size_t i = type.len; i > 0; i--) {
        if (type.data[i - 1] == '#') {
            type = gw_skip(type, i);
            break;
        }
    }
    return gw_cut(&type, ':');
}

/* The exception's name for a kind ("ThrottlingException"), and its status. */
static const char *exception_name(gw_api_error_kind kind, int *status)
{
    for (size_t i = 0; i < EXCEPTION_COUNT; i++) {
        if (exceptions[i].kind == kind) {
            *status = exceptions[i].status;
            return exceptions[i].name;
        }
    }
    *status = 500;
    return "InternalServerException";
}

static gw_jstr string(const gw_json_doc *doc, gw_json_ref object, const char *name,
                      const char *other)
{
    gw_json_ref ref = gw_json_get(doc, object, name);
    return gw_jstr_of(doc, ref != GW_JSON_ABSENT ? ref : gw_json_get(doc, object, other));
}

void gw_bedrock_error_read(const gw_json_doc *doc, gw_json_ref object, aigw_slice type, int status,
                           gw_api_error *out)
{
    *out = (gw_api_error){.kind = status >= 400 ? gw_api_error_kind_of(status) : GW_ERR_UPSTREAM,
                          .status = status >= 400 && status < 600 ? status : 0};
    if (gw_json_typeof(doc, object) == GW_JSON_OBJECT) {
        out->message = string(doc, object, "message", "Message");
        gw_jstr said = string(doc, object, "__type", "code");
        if (type.len == 0 && gw_has(said)) {
            type = said.inner;
        }
    }
    type = bare_name(type);
    if (type.len == 0) {
        return;
    }
    out->type = (gw_jstr){type};
    for (size_t i = 0; i < EXCEPTION_COUNT; i++) {
        if (gw_eq_nocase(type, aigw_slice_of(exceptions[i].name))) {
            out->kind = exceptions[i].kind;
            break;
        }
    }
    /* The one limit that clients look for by its code. */
    if (out->kind == GW_ERR_INVALID_REQUEST && gw_has(out->message) &&
        gw_find(out->message.inner, GW_S("is too long")) != NULL) {
        out->code = gw_jstr_lit("context_length_exceeded");
    }
}

void gw_bedrock_read_error(gw_arena *arena, int status, aigw_slice body, gw_api_error *out)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    static const gw_json_doc nothing;
    gw_json_doc doc;
    if (gw_json_parse(arena, body, &lenient, &doc, NULL) == AIGW_OK &&
        gw_json_typeof(&doc, 0) == GW_JSON_OBJECT) {
        gw_bedrock_error_read(&doc, 0, GW_S(""), status, out);
    } else {
        gw_bedrock_error_read(&nothing, GW_JSON_ABSENT, GW_S(""), status, out);
    }
    if (gw_jstr_blank(out->message)) {
        out->message = gw_jstr_lit("The provider answered with an error that says nothing.");
    }
}

void gw_bedrock_write_error(const gw_api_error *error, const gw_answer_options *options,
                            gw_buf *out, int *status)
{
    int natural;
    const char *name = exception_name(error->kind, &natural);
    gw_jstr message = error->message;
    (void)options; /* request ids stand in a header of this API */
    /* 401 and 529 are other APIs' own, and a fault of the client's never has a status of ours. */
    bool other = error->status < 400 || error->status == 401 || error->status == 529 ||
                 (natural < 500 && error->status >= 500);
    *status = other ? natural : error->status;
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "message");
    gw_jw_begin_string(&w);
    if (gw_has(error->param) && gw_starts(error->param.inner, GW_S("/"))) {
        gw_jw_part_inner(&w, error->param.inner); /* this API has no member for it */
        gw_jw_part(&w, GW_S(": "));
    }
    gw_jw_part_inner(&w, gw_has(message) ? message.inner : GW_S("Something went wrong."));
    gw_jw_end_string(&w);
    gw_jw_key(&w, "__type");
    gw_jw_str(&w, name);
    gw_jw_object_end(&w);
}
