/* Looks at OpenAI chat answers that are forwarded as they are: usage, errors, and the end. */
/* Must not change a byte, and must cost next to nothing for an ordinary chunk. */
#include "wire/openai_chat/stream.h"

#include "base/text.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static aigw_slice trim(aigw_slice s)
{
    while (s.len > 0 && is_blank(s.data[s.len - 1]))
        s.len--;
    while (s.len > 0 && is_blank(s.data[0]))
        s = gw_skip(s, 1);
    return s;
}

/* Is there `name` (with its quotes), a colon, and a value that is not null? */
static bool says(aigw_slice data, aigw_slice name)
{
    for (const char *hit; (hit = gw_find(data, name)) != NULL;) {
        data = gw_skip(data, (size_t)(hit - data.data) + name.len);
        aigw_slice rest = trim(data);
        if (rest.len == 0 || rest.data[0] != ':')
            continue;
        rest = trim(gw_skip(rest, 1));
        if (!gw_starts(rest, GW_S("null")))
            return true;
    }
    return false;
}

static gw_arena *arena_for(aigw_slice text)
{
    return gw_arena_new(((size_t)1 << 20) + text.len * 64);
}

static gw_tap_verdict look_inside(const gw_oc_tap *tap, gw_arena *arena, aigw_slice data,
                                  aigw_usage *usage)
{
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    aigw_usage found;
    int rc = gw_json_parse(arena, data, &limits, &doc, NULL);
    if (rc != AIGW_OK)
        return rc == AIGW_E_NOMEM ? GW_TAP_PASS : GW_TAP_BROKEN;
    if (gw_oc_error_in(&doc, 0) != GW_JSON_ABSENT)
        return GW_TAP_ERROR;
    if (!gw_oc_read_usage(&doc, gw_oc_usage_of(&doc, 0), &found))
        return GW_TAP_PASS;
    gw_usage_merge(usage, &found);
    gw_json_ref choices = gw_json_get(&doc, 0, "choices");
    bool only_usage = choices == GW_JSON_ABSENT || gw_json_count(&doc, choices) == 0;
    return tap->hide_usage && only_usage ? GW_TAP_DROP : GW_TAP_PASS;
}

void gw_oc_tap_init(void *tap, bool hide_usage)
{
    *(gw_oc_tap *)tap = (gw_oc_tap){.hide_usage = hide_usage};
}

gw_tap_verdict gw_oc_tap_event(void *tap_state, const gw_sse_event *event, aigw_usage *usage)
{
    gw_oc_tap *tap = tap_state;
    if (!event->has_data)
        return GW_TAP_PASS;
    aigw_slice data = trim(event->data);
    if (data.len == 0)
        return GW_TAP_PASS;
    if (gw_eq(data, GW_S("[DONE]"))) {
        tap->done = true;
        return GW_TAP_LAST;
    }
    if (data.data[0] != '{')
        return GW_TAP_BROKEN;
    if (gw_eq(event->type, GW_S("error")))
        return GW_TAP_ERROR;
    if (!tap->finished && says(data, GW_S("\"finish_reason\"")))
        tap->finished = true;
    if (tap->head_len == 0)
        gw_oc_tap_keep_head(tap, data);
    bool look =
        gw_find(data, GW_S("\"tool_calls\"")) != NULL || gw_find(data, GW_S("\"role\"")) != NULL;
    bool odd = look && !gw_oc_tap_is_plain(tap, data);
    if (!says(data, GW_S("\"usage\"")) && !says(data, GW_S("\"error\"")))
        return odd ? GW_TAP_REPAIR : GW_TAP_PASS;
    gw_arena *arena = arena_for(data);
    if (arena == NULL)
        return GW_TAP_PASS;
    gw_tap_verdict verdict = look_inside(tap, arena, data, usage);
    gw_arena_free(arena);
    return odd && verdict == GW_TAP_PASS ? GW_TAP_REPAIR : verdict;
}

bool gw_oc_tap_answer(aigw_slice body, aigw_usage *usage)
{
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    aigw_usage found;
    bool answer = false;
    gw_arena *arena = arena_for(body);
    if (arena != NULL && gw_json_parse(arena, body, &limits, &doc, NULL) == AIGW_OK &&
        gw_json_typeof(&doc, 0) == GW_JSON_OBJECT) {
        answer = gw_json_typeof(&doc, gw_json_get(&doc, 0, "choices")) == GW_JSON_ARRAY &&
                 gw_oc_error_in(&doc, 0) == GW_JSON_ABSENT;
        if (answer && gw_oc_read_usage(&doc, gw_oc_usage_of(&doc, 0), &found))
            gw_usage_merge(usage, &found);
    }
    gw_arena_free(arena);
    return answer;
}

bool gw_oc_tap_complete(const void *tap_state)
{
    const gw_oc_tap *tap = tap_state;
    return tap->done || tap->finished;
}
