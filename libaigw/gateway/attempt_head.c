/* What an upstream's head says: which fields the client gets, when to come again, stream or document.
 * Must not decide what is done about it. */
#include "base/text.h"
#include "gateway/state.h"
#include "proto/http1_field.h"

typedef struct kept_name {
    aigw_slice name;
    bool prefix;
} kept_name;

#define NAME(text)                                                                                 \
    {                                                                                              \
        {text, sizeof(text) - 1}, false                                                            \
    }
#define PREFIX(text)                                                                               \
    {                                                                                              \
        {text, sizeof(text) - 1}, true                                                             \
    }

/* Clients steer their own retries by these; nothing else of an upstream's head is theirs to see. */
static const kept_name kept_names[] = {
    NAME("retry-after"),    NAME("retry-after-ms"),         NAME("x-should-retry"),
    PREFIX("x-ratelimit-"), PREFIX("anthropic-ratelimit-"),
};

static bool is_kept(aigw_slice name)
{
    for (size_t i = 0; i < sizeof kept_names / sizeof *kept_names; i++) {
        const kept_name *k = &kept_names[i];
        if (k->prefix ? gw_starts_nocase(name, k->name) : gw_eq_nocase(name, k->name))
            return true;
    }
    return false;
}

/* What must not stand in a field, though some transports let it pass. */
static bool is_field(aigw_slice name, aigw_slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (!gw_http1_value_char(value.data[i]))
            return false;
    }
    return gw_http1_is_token(name);
}

bool gw_head_keep(aigw_exchange *x, aigw_slice name, aigw_slice value)
{
    gw_attempt *a = &x->attempt;
    if (a->kept_count == GW_KEPT_MAX || !is_field(name, value))
        return true;
    aigw_header *h = &a->kept[a->kept_count];
    h->name = gw_arena_copy(x->arena, name);
    h->value = gw_arena_copy(x->arena, value);
    if (!h->name.data || !h->value.data)
        return false;
    if (a->status >= 400)
        gw_conceal(a->upstream, (char *)(uintptr_t)h->value.data, h->value.len);
    a->kept_count++;
    return true;
}

static void read_field(gw_attempt *a, const aigw_header *h)
{
    uint64_t n;
    if (gw_eq_nocase(h->name, GW_S("content-type"))) {
        a->sse_type = gw_starts_nocase(h->value, GW_S("text/event-stream"));
        a->frames_type = gw_starts_nocase(h->value, GW_S("application/vnd.amazon.eventstream"));
    } else if (gw_eq_nocase(h->name, GW_S("content-length"))) {
        if (gw_parse_u64(h->value, &n) && n < INT64_MAX)
            a->length = (int64_t)n;
    } else if (gw_eq_nocase(h->name, GW_S("retry-after-ms"))) {
        if (gw_parse_u64(h->value, &n) && n < INT32_MAX)
            a->retry_after_s = (int)((n + 999) / 1000);
    } else if (gw_eq_nocase(h->name, GW_S("retry-after"))) {
        if (a->retry_after_s < 0 && gw_parse_u64(h->value, &n) && n < INT32_MAX)
            a->retry_after_s = (int)n;
    } else if (gw_eq_nocase(h->name, GW_S("x-should-retry"))) {
        a->should_retry = gw_eq_nocase(h->value, GW_S("true"))    ? 1
                          : gw_eq_nocase(h->value, GW_S("false")) ? 0
                                                                  : -1;
    }
}

/* The names of a provider's own id, the best first; -1: no such name. Azure sends two. */
static int id_rank(aigw_slice name)
{
    static const char *const names[] = {"x-request-id", "request-id", "x-amzn-requestid",
                                        "apim-request-id"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (gw_eq_nocase(name, aigw_slice_of(names[i])))
            return i;
    }
    return -1;
}

bool gw_head_take(aigw_exchange *x, int status, const aigw_header *headers, size_t count)
{
    gw_attempt *a = &x->attempt;
    aigw_slice id = {NULL, 0};
    int best = INT32_MAX;
    a->status = status;
    for (size_t i = 0; i < count; i++) {
        const aigw_header *h = &headers[i];
        int rank = id_rank(h->name);
        read_field(a, h);
        if (rank >= 0 && rank < best) {
            id = h->value;
            best = rank;
        } else if (rank < 0 && is_kept(h->name) && !gw_head_keep(x, h->name, h->value)) {
            return false;
        }
    }
    return !id.data || gw_head_keep(x, GW_S("x-aigw-upstream-request-id"), id);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool gw_head_is_stream(aigw_exchange *x, aigw_slice bytes)
{
    gw_attempt *a = &x->attempt;
    a->unsse = a->frames_type;
    if (a->frames_type)
        return true;
    if (gw_starts(bytes, GW_S("\xef\xbb\xbf")))
        bytes = gw_skip(bytes, 3);
    while (bytes.len && blank(*bytes.data))
        bytes = gw_skip(bytes, 1);
    if (bytes.len == 0)
        return a->sse_type;
    if (a->sse_type)
        return *bytes.data != '{';
    /* Some streams may be one array; an error in it is for its reader too. */
    a->unsse = x->stream && *bytes.data == '[' && a->wire->array_streams;
    return a->unsse ||
           strchr(":deir", *bytes.data) != NULL; /* a comment, data, event, id, retry; never JSON */
}

static bool keep_text(aigw_exchange *x, gw_jstr *text)
{
    if (!gw_has(*text))
        return true;
    text->inner = gw_arena_copy(x->arena, text->inner);
    if (gw_has(*text))
        gw_conceal(x->attempt.upstream, (char *)(uintptr_t)text->inner.data, text->inner.len);
    return gw_has(*text);
}

bool gw_head_keep_error(aigw_exchange *x, const gw_api_error *error, gw_api_error *out)
{
    *out = *error;
    return keep_text(x, &out->message) && keep_text(x, &out->type) && keep_text(x, &out->code) &&
           keep_text(x, &out->param) && keep_text(x, &out->request_id);
}
