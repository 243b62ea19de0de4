/* Looks at OpenAI Responses answers that are forwarded as they are: usage, errors, and the end. */
/* Must not change a byte, and must cost next to nothing for an ordinary event. */
#include "wire/openai_responses/stream.h"

#include "base/text.h"
#include "chat/seal.h"

static aigw_slice trim(aigw_slice s)
{
    while (s.len > 0 && strchr(" \t\r\n", s.data[s.len - 1]) != NULL)
        s.len--;
    while (s.len > 0 && strchr(" \t\r\n", s.data[0]) != NULL)
        s = gw_skip(s, 1);
    return s;
}

static gw_arena *arena_for(aigw_slice text)
{
    return gw_arena_new(((size_t)1 << 20) + text.len * 64);
}

/* The types of events that end a stream, in quotes as they stand in the data. */
static const struct {
    aigw_slice quoted;
    gw_tap_verdict verdict;
} ends[] = {{{"\"response.completed\"", 20}, GW_TAP_LAST},
            {{"\"response.incomplete\"", 21}, GW_TAP_LAST},
            {{"\"response.failed\"", 17}, GW_TAP_ERROR},
            {{"\"response.cancelled\"", 20}, GW_TAP_ERROR},
            {{"\"error\"", 7}, GW_TAP_ERROR}};

static gw_tap_verdict verdict_of(aigw_slice type)
{
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        aigw_slice bare = {ends[i].quoted.data + 1, ends[i].quoted.len - 2};
        if (gw_eq(type, bare))
            return ends[i].verdict;
    }
    return GW_TAP_PASS;
}

/* Text of a model cannot hold these words in bare quotes: only an event that names them has to be read. */
static bool may_end(aigw_slice data)
{
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (gw_find(data, ends[i].quoted) != NULL)
            return true;
    }
    return false;
}

static gw_tap_verdict look_inside(gw_arena *arena, const gw_sse_event *event, aigw_slice data,
                                  aigw_usage *usage)
{
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    aigw_usage found;
    int rc = gw_json_parse(arena, data, &limits, &doc, NULL);
    if (rc != AIGW_OK)
        return rc == AIGW_E_NOMEM ? GW_TAP_PASS : GW_TAP_BROKEN;
    gw_json_ref type = gw_json_get(&doc, 0, "type");
    gw_tap_verdict verdict = gw_json_typeof(&doc, type) == GW_JSON_STRING
                                 ? verdict_of(gw_json_text(arena, &doc, type))
                                 : verdict_of(event->type);
    if (gw_json_typeof(&doc, type) != GW_JSON_STRING &&
        !gw_json_is_null(&doc, gw_json_get(&doc, 0, "error")))
        verdict = GW_TAP_ERROR;
    gw_json_ref response = gw_json_get(&doc, 0, "response");
    if (verdict == GW_TAP_PASS || gw_json_typeof(&doc, response) != GW_JSON_OBJECT)
        return verdict;
    if (gw_or_read_usage(&doc, gw_json_get(&doc, response, "usage"), &found))
        gw_usage_merge(usage, &found);
    bool failed = gw_json_is(&doc, gw_json_get(&doc, response, "status"), "failed") ||
                  !gw_json_is_null(&doc, gw_json_get(&doc, response, "error"));
    return failed ? GW_TAP_ERROR : verdict;
}

void gw_or_tap_init(void *tap, bool hide_usage)
{
    (void)hide_usage; /* streams of this format always end with their usage */
    *(gw_or_tap *)tap = (gw_or_tap){false};
}

gw_tap_verdict gw_or_tap_event(void *tap_state, const gw_sse_event *event, aigw_usage *usage)
{
    gw_or_tap *tap = tap_state;
    aigw_slice data = event->has_data ? trim(event->data) : (aigw_slice){NULL, 0};
    if (data.len == 0 || gw_eq(data, GW_S("[DONE]")))
        return GW_TAP_PASS;
    if (data.data[0] != '{')
        return GW_TAP_BROKEN;
    bool look = event->type.len > 0 ? verdict_of(event->type) != GW_TAP_PASS : may_end(data);
    if (!look)
        return GW_TAP_PASS;
    gw_arena *arena = arena_for(data);
    if (arena == NULL)
        return GW_TAP_PASS;
    gw_tap_verdict verdict = look_inside(arena, event, data, usage);
    gw_arena_free(arena);
    tap->done = tap->done || verdict == GW_TAP_LAST;
    return verdict;
}

bool gw_or_tap_answer(aigw_slice body, aigw_usage *usage)
{
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    aigw_usage found;
    bool answer = false;
    gw_arena *arena = arena_for(body);
    if (arena != NULL && gw_json_parse(arena, body, &limits, &doc, NULL) == AIGW_OK &&
        gw_json_typeof(&doc, 0) == GW_JSON_OBJECT) {
        answer = gw_json_typeof(&doc, gw_json_get(&doc, 0, "output")) == GW_JSON_ARRAY &&
                 gw_json_is_null(&doc, gw_json_get(&doc, 0, "error"));
        if (answer && gw_or_read_usage(&doc, gw_json_get(&doc, 0, "usage"), &found))
            gw_usage_merge(usage, &found);
    }
    gw_arena_free(arena);
    return answer;
}

bool gw_or_tap_complete(const void *tap_state)
{
    return ((const gw_or_tap *)tap_state)->done;
}

/* Reasoning of another vendor, that this gateway sealed: OpenAI could not decrypt it. */
static bool is_foreign(gw_arena *arena, const gw_json_doc *doc, gw_json_ref item)
{
    gw_sealed sealed;
    if (gw_json_typeof(doc, item) != GW_JSON_OBJECT ||
        !gw_json_is(doc, gw_json_get(doc, item, "type"), "reasoning"))
        return false;
    gw_jstr encrypted = gw_jstr_of(doc, gw_json_get(doc, item, "encrypted_content"));
    return gw_has(encrypted) && gw_unseal(arena, encrypted, &sealed);
}

int gw_or_mend_request(gw_arena *arena, const gw_json_doc *doc, const gw_write_options *options,
                       gw_patch out[GW_MEND_MAX], size_t *count)
{
    gw_json_ref input = GW_JSON_ABSENT;
    size_t found = 0;
    (void)options;
    if (gw_json_typeof(doc, 0) == GW_JSON_OBJECT)
        input = gw_json_get(doc, 0, "input");
    if (gw_json_typeof(doc, input) != GW_JSON_ARRAY)
        return AIGW_OK;
    gw_json_ref item = gw_json_first(doc, input);
    for (; item != GW_JSON_ABSENT; item = gw_json_next(doc, item))
        found += is_foreign(arena, doc, item);
    if (found == 0)
        return AIGW_OK;
    gw_buf buf;
    gw_buf_init(&buf, gw_json_raw(doc, input).len + 2);
    gw_jw w = gw_jw_on(&buf);
    gw_jw_array(&w);
    for (item = gw_json_first(doc, input); item != GW_JSON_ABSENT; item = gw_json_next(doc, item)) {
        if (!is_foreign(arena, doc, item))
            gw_jw_raw(&w, gw_json_raw(doc, item));
    }
    gw_jw_array_end(&w);
    aigw_slice value = {NULL, 0};
    if (!buf.failed)
        value = gw_arena_copy(arena, gw_buf_slice(&buf));
    gw_buf_free(&buf);
    if (value.data == NULL)
        return AIGW_E_NOMEM;
    out[(*count)++] = (gw_patch){.member = "input", .value = value};
    return AIGW_OK;
}
