/* Frames of a Gemini stream: server-sent events, or one JSON array whose elements are given one by one. */
/* Must not know what is in a chunk. */
#include "wire/gemini/stream.h"

enum { TAPE_PER_BYTE = 96, ARENA_AT_LEAST = 1 << 20, MOST_EVENT_BYTES = 1 << 30 };

int gw_gm_reader_init(void *state, size_t max_event_bytes)
{
    gw_gm_reader *r = state;
    size_t max = max_event_bytes > MOST_EVENT_BYTES ? MOST_EVENT_BYTES : max_event_bytes;
    gw_gm_turn_init(&r->turn, max, false);
    gw_sse_init(&r->sse, max);
    gw_buf_init(&r->element, max);
    r->arena = gw_arena_new(max * TAPE_PER_BYTE + ARENA_AT_LEAST);
    return r->arena == NULL ? AIGW_E_NOMEM : AIGW_OK;
}

void gw_gm_reader_free(void *state)
{
    gw_gm_reader *r = state;
    gw_gm_turn_free(&r->turn);
    gw_sse_free(&r->sse);
    gw_buf_free(&r->element);
    gw_arena_free(r->arena);
    r->arena = NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool all_blank(aigw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_blank(s.data[i]))
            return false;
    }
    return true;
}

/* One chunk, or a list of them: errors come so. */
static int on_data(gw_gm_reader *r, aigw_slice data)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    gw_json_doc doc;
    if (all_blank(data) || gw_eq(data, GW_S("[DONE]")))
        return AIGW_OK;
    gw_arena_reset(r->arena);
    int rc = gw_json_parse(r->arena, data, &lenient, &doc, NULL);
    if (rc == AIGW_E_NOMEM)
        return rc;
    if (rc != AIGW_OK)
        return gw_gm_turn_broken(&r->turn, "The provider sent something that is no JSON.");
    if (gw_json_typeof(&doc, 0) != GW_JSON_ARRAY)
        return gw_gm_turn_chunk(&r->turn, &doc, 0);
    gw_json_ref ref = gw_json_first(&doc, 0);
    for (rc = AIGW_OK; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(&doc, ref))
        rc = gw_gm_turn_chunk(&r->turn, &doc, ref);
    return rc;
}

static int on_event(void *user, const gw_sse_event *event)
{
    return event->has_data ? on_data(user, event->data) : AIGW_OK;
}

/* Between elements: white space, a comma, the end of the array, or the begin of the next one. */
static int between(gw_gm_reader *r, char c, bool *begins)
{
    *begins = false;
    if (is_blank(c) || (c == ',' && r->framing == GW_GM_ARRAY && !r->closed))
        return AIGW_OK;
    if (c == ']' && r->framing == GW_GM_ARRAY && !r->closed) {
        r->closed = true;
        return AIGW_OK;
    }
    if (c != '{' || r->closed)
        return gw_gm_turn_broken(&r->turn, "The provider sent something between chunks.");
    *begins = true;
    return AIGW_OK;
}

/* One byte of an element; true when the element is complete with it. */
static bool scan(gw_gm_reader *r, char c)
{
    if (r->in_string) {
        if (r->escaped)
            r->escaped = false;
        else if (c == '\\')
            r->escaped = true;
        else if (c == '"')
            r->in_string = false;
        return false;
    }
    if (c == '"')
        r->in_string = true;
    else if (c == '{' || c == '[')
        r->depth++;
    else if (c == '}' || c == ']')
        return --r->depth == 0;
    return false;
}

static int keep(gw_gm_reader *r, aigw_slice piece)
{
    if (piece.len > r->element.max - gw_buf_len(&r->element))
        return gw_gm_turn_broken(&r->turn, "The provider sent a chunk that is too large.");
    return gw_buf_add(&r->element, piece) ? AIGW_OK : AIGW_E_NOMEM;
}

/* The end of an element: all of it in this feed, or its last piece. */
static int complete(gw_gm_reader *r, aigw_slice piece)
{
    bool whole = gw_buf_len(&r->element) == 0 && piece.len <= r->element.max;
    int rc = whole ? AIGW_OK : keep(r, piece);
    if (rc != AIGW_OK)
        return rc;
    rc = on_data(r, whole ? piece : gw_buf_slice(&r->element));
    gw_buf_clear(&r->element);
    r->closed = r->framing == GW_GM_OBJECT;
    return rc;
}

static int feed_elements(gw_gm_reader *r, aigw_slice bytes)
{
    size_t start = 0;
    int rc = AIGW_OK;
    for (size_t i = 0; i < bytes.len && rc == AIGW_OK; i++) {
        if (r->depth == 0) {
            bool begins;
            rc = between(r, bytes.data[i], &begins);
            start = i;
            r->depth = begins && rc == AIGW_OK ? 1 : 0;
            continue;
        }
        if (scan(r, bytes.data[i]))
            rc = complete(r, gw_slice(bytes.data + start, i + 1 - start));
    }
    if (rc == AIGW_OK && r->depth > 0)
        rc = keep(r, gw_skip(bytes, start));
    return rc;
}

/* Takes what stands before the first byte that decides. */
static aigw_slice decide(gw_gm_reader *r, aigw_slice bytes)
{
    while (bytes.len > 0 && r->framing == GW_GM_UNDECIDED) {
        char c = bytes.data[0];
        if (c == '{') {
            r->framing = GW_GM_OBJECT;
        } else if (!is_blank(c) && c != '[') {
            r->framing = GW_GM_SSE;
        } else {
            r->framing = c == '[' ? GW_GM_ARRAY : GW_GM_UNDECIDED;
            bytes = gw_skip(bytes, 1);
        }
    }
    return bytes;
}

static int begin(gw_gm_reader *r, const gw_event_sink *sink, aigw_error *err)
{
    if (r->failed)
        return gw_fail(err, AIGW_E_UPSTREAM, "broken_stream", "the provider's stream has failed");
    r->turn.sink = sink;
    r->turn.err = err;
    r->turn.arena = r->arena;
    r->err = err;
    return AIGW_OK;
}

static int settle(gw_gm_reader *r, int rc)
{
    if (rc == AIGW_E_LIMIT && r->sse.failed && !r->turn.failed)
        rc = gw_gm_turn_broken(&r->turn, "The provider sent an event that is too large.");
    if (rc == AIGW_E_NOMEM)
        gw_fail_nomem(r->err);
    r->failed = rc != AIGW_OK;
    return rc;
}

int gw_gm_reader_feed(void *state, aigw_slice bytes, const gw_event_sink *sink, aigw_error *err)
{
    gw_gm_reader *r = state;
    int rc = begin(r, sink, err);
    if (rc != AIGW_OK)
        return rc;
    bytes = decide(r, bytes);
    if (bytes.len == 0)
        return AIGW_OK;
    return settle(r, r->framing == GW_GM_SSE ? gw_sse_feed(&r->sse, bytes, on_event, r)
                                             : feed_elements(r, bytes));
}

int gw_gm_reader_end(void *state, const gw_event_sink *sink, aigw_error *err)
{
    gw_gm_reader *r = state;
    int rc = begin(r, sink, err);
    if (rc != AIGW_OK)
        return rc;
    if (r->framing == GW_GM_SSE)
        rc = gw_sse_end(&r->sse, on_event, r);
    else if (r->framing != GW_GM_UNDECIDED && !r->closed)
        rc = gw_gm_turn_broken(&r->turn, "The provider's stream broke off.");
    if (rc == AIGW_OK) {
        gw_arena_reset(r->arena);
        rc = gw_gm_turn_end(&r->turn);
    }
    return settle(r, rc);
}
