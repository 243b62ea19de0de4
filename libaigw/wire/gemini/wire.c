/* The table entry of the Gemini format, its tap, and the counting of tokens. */
/* Must not know any other format. */
#include "wire/gemini/stream.h"

static const gw_json_limits lenient = {.lone_surrogates = true};

static gw_arena *parse(aigw_slice text, gw_json_doc *doc)
{
    enum { TAPE_PER_BYTE = 48, AT_LEAST = 64 * 1024 };
    gw_arena *arena = gw_arena_new(text.len * TAPE_PER_BYTE + AT_LEAST);
    if (arena != NULL && gw_json_parse(arena, text, &lenient, doc, NULL) == AIGW_OK)
        return arena;
    gw_arena_free(arena);
    return NULL;
}

static void tap_init(void *state, bool hide_usage)
{
    gw_gm_tap *t = state;
    (void)hide_usage; /* usage belongs to every stream of this API */
    *t = (gw_gm_tap){.usage = gw_usage_unknown()};
}

/* The last one wins, but the largest count of the prompt stays. */
static void take_usage(gw_gm_tap *t, const gw_json_doc *doc, gw_json_ref root, aigw_usage *usage)
{
    aigw_usage found;
    if (!gw_gm_usage_read(doc, gw_gm_get(doc, root, "usageMetadata"), &found))
        return;
    if (found.input_tokens < t->usage.input_tokens)
        found.input_tokens = t->usage.input_tokens;
    gw_usage_merge(&t->usage, &found);
    gw_usage_merge(usage, &t->usage);
}

static bool has_ended(const gw_json_doc *doc, gw_json_ref root)
{
    gw_json_ref candidates = gw_gm_get(doc, root, "candidates");
    gw_json_ref ref = gw_json_typeof(doc, candidates) == GW_JSON_ARRAY
                          ? gw_json_first(doc, candidates)
                          : GW_JSON_ABSENT;
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        gw_jstr word = gw_gm_string_of(doc, ref, "finishReason");
        if (word.inner.len > 0 && !gw_jstr_is(word, "FINISH_REASON_UNSPECIFIED"))
            return true;
    }
    gw_json_ref feedback = gw_gm_get(doc, root, "promptFeedback");
    return gw_gm_string_of(doc, feedback, "blockReason").inner.len > 0;
}

static gw_tap_verdict tap_event(void *state, const gw_sse_event *event, aigw_usage *usage)
{
    gw_gm_tap *t = state;
    gw_json_doc doc;
    if (!event->has_data || event->data.len == 0)
        return GW_TAP_PASS;
    gw_arena *arena = parse(event->data, &doc);
    if (arena == NULL)
        return GW_TAP_BROKEN;
    gw_json_ref root = gw_json_typeof(&doc, 0) == GW_JSON_ARRAY ? gw_json_first(&doc, 0) : 0;
    gw_tap_verdict verdict = GW_TAP_PASS;
    if (root == GW_JSON_ABSENT || gw_json_typeof(&doc, root) != GW_JSON_OBJECT) {
        verdict = GW_TAP_BROKEN;
    } else if (!gw_json_is_null(&doc, gw_gm_get(&doc, root, "error"))) {
        verdict = GW_TAP_ERROR;
    } else {
        take_usage(t, &doc, root, usage);
        t->finished = t->finished || has_ended(&doc, root);
    }
    gw_arena_free(arena);
    return verdict;
}

/* Is it an answer document at all? */
static bool is_answer(const gw_json_doc *doc)
{
    return gw_json_is_null(doc, gw_gm_get(doc, 0, "error")) &&
           (gw_json_typeof(doc, gw_gm_get(doc, 0, "candidates")) == GW_JSON_ARRAY ||
            gw_json_typeof(doc, gw_gm_get(doc, 0, "promptFeedback")) == GW_JSON_OBJECT ||
            gw_json_typeof(doc, gw_gm_get(doc, 0, "usageMetadata")) == GW_JSON_OBJECT);
}

static bool tap_answer(aigw_slice body, aigw_usage *usage)
{
    gw_json_doc doc;
    aigw_usage found;
    gw_arena *arena = parse(body, &doc);
    if (arena == NULL)
        return false;
    bool answer = is_answer(&doc);
    if (answer && gw_gm_usage_read(&doc, gw_gm_get(&doc, 0, "usageMetadata"), &found)) {
        if (found.output_tokens < 0) /* no candidate, no thought: nothing was said */
            found.output_tokens = 0;
        gw_usage_merge(usage, &found);
    }
    gw_arena_free(arena);
    return answer;
}

static bool tap_complete(const void *state)
{
    const gw_gm_tap *t = state;
    return t->finished;
}

static bool read_count(const gw_json_doc *doc, int64_t *tokens)
{
    int64_t n;
    if (!gw_json_i64(doc, gw_gm_get(doc, 0, "totalTokens"), &n) || n < 0)
        return false;
    *tokens = n;
    return true;
}

static void write_count(int64_t tokens, gw_buf *out)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "totalTokens");
    gw_jw_int(&w, tokens);
    gw_jw_object_end(&w);
}

const gw_wire gw_wire_gemini = {
    .name = "gemini",
    .format = AIGW_FORMAT_GEMINI,
    .stream_type = "text/event-stream",
    .model_in_path = true,
    .array_streams = true,
    .opens_url = gw_gm_opens_url,
    .read_request = gw_gm_read_request,
    .write_request = gw_gm_write_request,
    .mend_request = gw_gm_mend_request,
    .read_answer = gw_gm_read_answer,
    .write_answer = gw_gm_write_answer,
    .read_error = gw_gm_read_error,
    .write_error = gw_gm_write_error,
    .read_count_request = gw_gm_read_count_request,
    .write_count_request = gw_gm_write_count_request,
    .read_count = read_count,
    .write_count = write_count,
    .reader_size = sizeof(gw_gm_reader),
    .reader_init = gw_gm_reader_init,
    .reader_free = gw_gm_reader_free,
    .reader_feed = gw_gm_reader_feed,
    .reader_end = gw_gm_reader_end,
    .writer_size = sizeof(gw_gm_writer),
    .writer_init = gw_gm_writer_init,
    .writer_free = gw_gm_writer_free,
    .writer_event = gw_gm_writer_event,
    .tap_size = sizeof(gw_gm_tap),
    .tap_init = tap_init,
    .tap_event = tap_event,
    .tap_answer = tap_answer,
    .tap_complete = tap_complete,
};
