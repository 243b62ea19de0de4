/* Error bodies: OpenAI's and those of the hosts that resemble it are read, OpenAI's is written. */
/* Must not put anything into a message that came as no JSON (HTML pages, stack traces). */
#include "wire/openai_chat/openai_chat.h"

#include "base/text.h"

#include <stdio.h>

static gw_jstr number_as_text(gw_arena *arena, int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)number);
    return (gw_jstr){gw_arena_copy(arena, gw_slice(digits, (size_t)len))};
}

static gw_jstr generic_message(gw_arena *arena, int status)
{
    char text[80];
    int len = status >= 400
                  ? snprintf(text, sizeof(text), "The provider answered with status %d.", status)
                  : snprintf(text, sizeof(text), "The provider failed.");
    aigw_slice copy = gw_arena_copy(arena, gw_slice(text, (size_t)len));
    return copy.data != NULL ? (gw_jstr){copy} : gw_jstr_lit("The provider failed.");
}

/* Words that say more than the status does. `word` is a type or a code. */
static bool kind_of_word(gw_jstr word, gw_api_error_kind *out)
{
    static const struct {
        const char *word;
        gw_api_error_kind kind;
    } words[] = {{"insufficient_quota", GW_ERR_QUOTA},
                 {"billing_not_active", GW_ERR_QUOTA},
                 {"model_not_found", GW_ERR_NOT_FOUND},
                 {"DeploymentNotFound", GW_ERR_NOT_FOUND},
                 {"rate_limit_exceeded", GW_ERR_RATE_LIMIT},
                 {"rate_limit_error", GW_ERR_RATE_LIMIT},
                 {"requests", GW_ERR_RATE_LIMIT},
                 {"tokens", GW_ERR_RATE_LIMIT},
                 {"invalid_api_key", GW_ERR_AUTHENTICATION},
                 {"authentication_error", GW_ERR_AUTHENTICATION},
                 {"permission_error", GW_ERR_PERMISSION},
                 {"overloaded_error", GW_ERR_OVERLOADED},
                 {"overloaded", GW_ERR_OVERLOADED},
                 {"context_length_exceeded", GW_ERR_INVALID_REQUEST},
                 {"content_filter", GW_ERR_INVALID_REQUEST},
                 {"invalid_request_error", GW_ERR_INVALID_REQUEST},
                 {"server_error", GW_ERR_SERVER},
                 {"internal_server_error", GW_ERR_SERVER},
                 {"timeout", GW_ERR_TIMEOUT}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (gw_jstr_is(word, words[i].word)) {
            *out = words[i].kind;
            return true;
        }
    }
    return false;
}

static void set_kind(gw_api_error *out)
{
    gw_api_error_kind kind;
    bool status = out->status >= 400;
    out->kind = gw_api_error_kind_of(out->status);
    bool plain = out->kind == GW_ERR_INVALID_REQUEST || out->kind == GW_ERR_RATE_LIMIT ||
                 out->kind == GW_ERR_SERVER;
    if (status && !plain)
        return;
    if (!kind_of_word(out->code, &kind) && !kind_of_word(out->type, &kind))
        return;
    /* Under a status, a word may only be more exact, never turn the failure into another one. */
    if (!status || (kind == GW_ERR_QUOTA && out->status == 429) ||
        (kind == GW_ERR_NOT_FOUND && out->status == 400) ||
        (kind == GW_ERR_OVERLOADED && out->status >= 500))
        out->kind = kind;
}

/* Where hosts that are no OpenAI put their words: a string, or the first of a list. */
static gw_jstr other_message(const gw_json_doc *doc, gw_json_ref object)
{
    static const char *const names[] = {"detail", "message", "errors", "error_message", "msg"};
    static const char *const inner[] = {"msg", "message", "detail"};
    gw_jstr found = {{NULL, 0}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        gw_json_ref ref = gw_json_get(doc, object, names[i]);
        for (int depth = 0; depth < 4 && !gw_has(found) && ref != GW_JSON_ABSENT; depth++) {
            found = gw_jstr_of(doc, ref);
            gw_json_ref next = GW_JSON_ABSENT;
            if (gw_json_typeof(doc, ref) == GW_JSON_ARRAY)
                next = gw_json_first(doc, ref);
            for (size_t k = 0; k < sizeof(inner) / sizeof(inner[0]) && next == GW_JSON_ABSENT;
                 k++) {
                if (gw_json_typeof(doc, ref) == GW_JSON_OBJECT)
                    next = gw_json_get(doc, ref, inner[k]);
            }
            ref = next;
        }
        if (gw_has(found))
            return found;
    }
    return found;
}

/* Azure says inside of the error that its filter refused. */
static bool is_filtered(const gw_json_doc *doc, gw_json_ref error)
{
    gw_json_ref inner = gw_json_get(doc, error, "innererror");
    return gw_json_typeof(doc, inner) == GW_JSON_OBJECT &&
           (gw_json_get(doc, inner, "content_filter_result") != GW_JSON_ABSENT ||
            gw_json_is(doc, gw_json_get(doc, inner, "code"), "ResponsibleAIPolicyViolation"));
}

void gw_oc_error_of(gw_arena *arena, const gw_json_doc *doc, gw_json_ref root, int status,
                    gw_api_error *out)
{
    gw_json_ref error = gw_oc_error_in(doc, root);
    int64_t number = 0;
    *out = (gw_api_error){.status = status >= 400 && status < 600 ? status : 0};
    if (gw_json_typeof(doc, error) == GW_JSON_STRING) {
        out->message = gw_jstr_of(doc, error);
        error = GW_JSON_ABSENT;
    } else if (error == GW_JSON_ABSENT) {
        error = root; /* {"statusCode":401,"message":...}, {"detail":...} */
    }
    if (error != GW_JSON_ABSENT && gw_json_typeof(doc, error) == GW_JSON_OBJECT) {
        gw_json_ref code = gw_json_get(doc, error, "code");
        out->message = gw_jstr_of(doc, gw_json_get(doc, error, "message"));
        if (!gw_has(out->message))
            out->message = other_message(doc, error);
        out->type = gw_jstr_of(doc, gw_json_get(doc, error, "type"));
        out->param = gw_jstr_of(doc, gw_json_get(doc, error, "param"));
        out->code = gw_jstr_of(doc, code);
        if (code != GW_JSON_ABSENT && gw_json_i64(doc, code, &number))
            out->code = number_as_text(arena, number);
        else if (gw_has(out->code) && !gw_parse_i64(out->code.inner, &number))
            number = 0;
        if (!gw_has(out->code) && is_filtered(doc, error))
            out->code = gw_jstr_lit("content_filter");
    }
    if (out->status == 0 && number >= 400 && number < 600)
        out->status = (int)number;
    set_kind(out);
    if (out->message.inner.len == 0)
        out->message = generic_message(arena, out->status);
}

gw_json_ref gw_oc_error_in(const gw_json_doc *doc, gw_json_ref root)
{
    if (gw_json_typeof(doc, root) != GW_JSON_OBJECT)
        return GW_JSON_ABSENT;
    gw_json_ref error = gw_json_get(doc, root, "error");
    if (!gw_json_is_null(doc, error))
        return error;
    gw_json_ref choices = gw_json_get(doc, root, "choices");
    if (gw_json_typeof(doc, choices) != GW_JSON_ARRAY)
        return GW_JSON_ABSENT;
    gw_json_ref choice = gw_json_first(doc, choices);
    for (; choice != GW_JSON_ABSENT; choice = gw_json_next(doc, choice)) {
        if (gw_json_typeof(doc, choice) != GW_JSON_OBJECT)
            continue;
        error = gw_json_get(doc, choice, "error");
        if (!gw_json_is_null(doc, error))
            return error;
    }
    return GW_JSON_ABSENT;
}

void gw_oc_read_error(gw_arena *arena, int status, aigw_slice body, gw_api_error *out)
{
    gw_json_limits limits = {32, 10000, true};
    gw_json_doc doc;
    gw_json_ref root = 0;
    if (body.len > 0 && gw_json_parse(arena, body, &limits, &doc, NULL) == AIGW_OK) {
        if (gw_json_typeof(&doc, 0) == GW_JSON_ARRAY)
            root = gw_json_first(&doc, 0);
        if (root != GW_JSON_ABSENT && gw_json_typeof(&doc, root) == GW_JSON_OBJECT) {
            gw_oc_error_of(arena, &doc, root, status, out);
            return;
        }
    }
    *out = (gw_api_error){.status = status >= 400 && status < 600 ? status : 0};
    out->kind = gw_api_error_kind_of(status);
    out->message = generic_message(arena, status);
}

typedef struct error_words {
    const char *type, *code;
} error_words;

static error_words words_of(gw_api_error_kind kind)
{
    switch (kind) {
    case GW_ERR_INVALID_REQUEST:
    case GW_ERR_NOT_FOUND:
        return (error_words){"invalid_request_error", NULL};
    case GW_ERR_AUTHENTICATION:
        return (error_words){"invalid_request_error", "invalid_api_key"};
    case GW_ERR_PERMISSION:
        return (error_words){"permission_error", NULL};
    case GW_ERR_CONFLICT:
        return (error_words){"conflict", NULL};
    case GW_ERR_TOO_LARGE:
        return (error_words){"invalid_request_error", "request_too_large"};
    case GW_ERR_RATE_LIMIT:
        return (error_words){"rate_limit_error", "rate_limit_exceeded"};
    case GW_ERR_QUOTA:
        return (error_words){"insufficient_quota", "insufficient_quota"};
    case GW_ERR_OVERLOADED:
        return (error_words){"server_error", "overloaded"};
    case GW_ERR_UNAVAILABLE:
        return (error_words){"server_error", "service_unavailable"};
    case GW_ERR_TIMEOUT:
        return (error_words){"timeout", "timeout"};
    case GW_ERR_UPSTREAM:
        return (error_words){"server_error", "upstream_error"};
    case GW_ERR_SERVER:
        break;
    }
    return (error_words){"server_error", NULL};
}

static void put_word(gw_jw *w, const char *key, gw_jstr said, const char *otherwise)
{
    gw_jw_key(w, key);
    if (gw_has(said))
        gw_jw_jstr(w, said);
    else if (otherwise != NULL)
        gw_jw_str(w, otherwise);
    else
        gw_jw_null(w);
}

void gw_oc_write_error(const gw_api_error *error, const gw_answer_options *options, gw_buf *out,
                       int *status)
{
    static const char *const kept[] = {"requests", "tokens", "insufficient_quota", "server_error"};
    (void)options; /* this dialect carries the request id in a header only */
    error_words words = words_of(error->kind);
    const char *type = words.type;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (gw_jstr_is(error->type, kept[i]))
            type = kept[i];
    }
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "error");
    gw_jw_object(&w);
    gw_jw_key(&w, "message");
    gw_jw_jstr(&w, error->message);
    gw_jw_key(&w, "type");
    gw_jw_str(&w, type);
    put_word(&w, "param", error->param, NULL);
    put_word(&w, "code", error->code, words.code);
    gw_jw_object_end(&w);
    gw_jw_object_end(&w);
    int answered = error->status;
    if (answered < 400 || answered > 599 || answered == 529)
        answered = gw_api_error_status(error->kind);
    if (status != NULL)
        *status = answered;
}
