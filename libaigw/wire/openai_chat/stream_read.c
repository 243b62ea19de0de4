/* Reads a stream of OpenAI chat chunks, and what compatible hosts make of it, into events. */
/* Must not know who reads the events; holds the order of chat/event.h against every host. */
#include "wire/openai_chat/stream.h"

#include "base/error.h"
#include "base/text.h"

enum { MAX_CHOICES = 128 };

static int emit_usage(const gw_oc_chunk *cr)
{
    gw_event ev = {.kind = GW_EV_USAGE};
    gw_json_ref usage = gw_oc_usage_of(cr->doc, 0);
    if (!gw_oc_read_usage(cr->doc, usage, &ev.usage))
        return AIGW_OK;
    ev.usage_raw = gw_raw_of(cr->doc, usage);
    return gw_emit(cr->sink, &ev);
}

static int provider_error(const gw_oc_chunk *cr)
{
    gw_event ev = {.kind = GW_EV_ERROR};
    gw_oc_error_of(cr->r->arena, cr->doc, 0, 0, &ev.error);
    cr->r->failed = true;
    int rc = cr->r->started ? emit_usage(cr) : AIGW_OK; /* what was used is paid for all the same */
    if (rc == AIGW_OK)
        rc = gw_emit(cr->sink, &ev);
    if (rc != AIGW_OK)
        return rc;
    gw_fail(cr->err, AIGW_E_UPSTREAM, "provider_error", "the provider sent an error in the stream");
    if (cr->err != NULL)
        cr->err->http_status = ev.error.status;
    return AIGW_E_UPSTREAM;
}

/* Makes a block of that kind the open one. */
static int open_plain(const gw_oc_chunk *cr, gw_block_kind kind)
{
    gw_oc_choice *choice = cr->choice;
    if (choice->open && choice->open_kind == kind)
        return AIGW_OK;
    int rc = gw_oc_stream_close_plain(cr);
    if (rc == AIGW_OK)
        rc = gw_oc_stream_close_calls(cr, false);
    if (rc != AIGW_OK)
        return rc;
    choice->open = true;
    choice->open_kind = kind;
    choice->open_block = choice->next_block++;
    return gw_oc_stream_emit(cr, GW_EV_BLOCK_START, kind, choice->open_block);
}

typedef struct said {
    gw_jstr text, signature;
    aigw_format origin;
    gw_raw citations, logprobs;
} said;

static int say(const gw_oc_chunk *cr, gw_block_kind kind, const said *what)
{
    bool more =
        gw_has(what->signature) || gw_has_raw(what->citations) || gw_has_raw(what->logprobs);
    if (what->text.inner.len == 0 && !more)
        return AIGW_OK;
    /* White space between fragments of arguments is noise of the host, not a text of its own. */
    if (cr->choice->open_calls > 0 && !gw_has(what->signature) && gw_jstr_blank(what->text))
        return AIGW_OK;
    int rc = open_plain(cr, kind);
    if (rc != AIGW_OK)
        return rc;
    gw_event ev = {.kind = GW_EV_DELTA, .block_kind = kind};
    ev.choice = cr->choice->index;
    ev.block = cr->choice->open_block;
    ev.delta = what->text;
    ev.signature = what->signature;
    ev.origin = what->origin;
    ev.raw = what->citations;
    ev.logprobs = what->logprobs;
    return gw_emit(cr->sink, &ev);
}

/* A block that is there as a whole. */
static int say_whole(const gw_oc_chunk *cr, gw_event ev)
{
    int rc = gw_oc_stream_close_plain(cr);
    if (rc == AIGW_OK)
        rc = gw_oc_stream_close_calls(cr, false);
    if (rc != AIGW_OK)
        return rc;
    ev.kind = GW_EV_BLOCK_START;
    ev.choice = cr->choice->index;
    ev.block = cr->choice->next_block++;
    rc = gw_emit(cr->sink, &ev);
    return rc == AIGW_OK ? gw_oc_stream_emit(cr, GW_EV_BLOCK_STOP, ev.block_kind, ev.block) : rc;
}

/* Our extension, which others use too. Where the text comes beside it, only signatures are taken. */
static int read_thinking_blocks(const gw_oc_chunk *cr, gw_json_ref blocks, bool text_beside)
{
    const gw_json_doc *doc = cr->doc;
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(doc, blocks);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(doc, ref)) {
        gw_oc_thought thought;
        if (!gw_oc_read_thought(cr->r->arena, doc, ref, &thought))
            continue;
        if (thought.redacted) {
            rc = say_whole(cr, (gw_event){.block_kind = GW_BLOCK_REDACTED_THINKING,
                                          .delta = thought.text,
                                          .origin = thought.origin});
            continue;
        }
        said what = {
            .text = gw_jstr_lit(""), .signature = thought.signature, .origin = thought.origin};
        /* What signs an open block repeats the text that has been said. */
        bool signs = what.signature.inner.len > 0 && cr->choice->open &&
                     cr->choice->open_kind == GW_BLOCK_THINKING;
        if (!text_beside && !signs)
            what.text = thought.text;
        rc = say(cr, GW_BLOCK_THINKING, &what);
        if (rc == AIGW_OK && gw_has(what.signature))
            rc = gw_oc_stream_close_plain(
                cr); /* it ends a thinking block: the next text is another one */
    }
    return rc;
}

static int read_reasoning(const gw_oc_chunk *cr, gw_json_ref delta)
{
    said what = {.text = gw_oc_reasoning_of(cr->r->arena, cr->doc, delta)};
    bool text = what.text.inner.len > 0;
    int rc = say(cr, GW_BLOCK_THINKING, &what);
    gw_json_ref blocks = gw_json_get(cr->doc, delta, "thinking_blocks");
    if (rc == AIGW_OK && gw_json_typeof(cr->doc, blocks) == GW_JSON_ARRAY)
        rc = read_thinking_blocks(cr, blocks, text);
    return rc;
}

static int read_content_list(const gw_oc_chunk *cr, gw_json_ref list)
{
    const gw_json_doc *doc = cr->doc;
    int rc = AIGW_OK;
    gw_json_ref part = gw_json_first(doc, list);
    for (; part != GW_JSON_ABSENT && rc == AIGW_OK; part = gw_json_next(doc, part)) {
        if (gw_json_typeof(doc, part) != GW_JSON_OBJECT)
            continue;
        bool thinking = gw_json_is(doc, gw_json_get(doc, part, "type"), "thinking");
        said what = {.text = thinking ? gw_oc_thinking_text(cr->r->arena, doc, part)
                                      : gw_jstr_of(doc, gw_json_get(doc, part, "text"))};
        rc = say(cr, thinking ? GW_BLOCK_THINKING : GW_BLOCK_TEXT, &what);
    }
    return rc;
}

static int read_texts(const gw_oc_chunk *cr, gw_json_ref delta, gw_raw logprobs)
{
    const gw_json_doc *doc = cr->doc;
    gw_json_ref content = gw_json_get(doc, delta, "content");
    gw_json_ref notes = gw_json_get(doc, delta, "annotations");
    said text = {.text = gw_jstr_of(doc, content)};
    said refusal = {.text = gw_jstr_of(doc, gw_json_get(doc, delta, "refusal"))};
    if (gw_json_typeof(doc, notes) == GW_JSON_ARRAY && gw_json_count(doc, notes) > 0)
        text.citations = gw_raw_of(doc, notes);
    if (refusal.text.inner.len > 0)
        refusal.logprobs = logprobs;
    else
        text.logprobs = logprobs;
    int rc = read_reasoning(cr, delta);
    if (rc == AIGW_OK && gw_json_typeof(doc, content) == GW_JSON_ARRAY)
        rc = read_content_list(cr, content);
    if (rc == AIGW_OK)
        rc = say(cr, GW_BLOCK_TEXT, &text);
    if (rc == AIGW_OK)
        rc = say(cr, GW_BLOCK_REFUSAL, &refusal);
    return rc;
}

static int read_natives(const gw_oc_chunk *cr, gw_json_ref delta)
{
    int rc = AIGW_OK;
    for (size_t i = 0; gw_oc_native_members[i] != NULL && rc == AIGW_OK; i++) {
        gw_json_ref ref = gw_json_get(cr->doc, delta, gw_oc_native_members[i]);
        if (gw_json_count(cr->doc, ref) == 0)
            continue;
        gw_event ev = {.block_kind = GW_BLOCK_NATIVE, .raw = gw_raw_of(cr->doc, ref)};
        ev.tool_name = gw_jstr_lit(gw_oc_native_members[i]);
        rc = say_whole(cr, ev);
    }
    return rc;
}

/* Hosts repeat finish reasons: a later plain stop takes nothing back. */
static int read_finish(const gw_oc_chunk *cr, gw_json_ref ref)
{
    gw_oc_choice *choice = cr->choice;
    gw_jstr word = gw_jstr_of(cr->doc, gw_json_get(cr->doc, ref, "finish_reason"));
    if (word.inner.len == 0)
        return AIGW_OK;
    if (gw_jstr_is(word, "error"))
        return gw_oc_stream_broken(cr, "The provider broke off with an error.");
    gw_finish finish = gw_oc_finish_of(word, choice->opened_calls > 0);
    bool weaker = finish == GW_FINISH_STOP || finish == GW_FINISH_TOOL_CALLS;
    if (!choice->finished || !weaker || choice->finish == GW_FINISH_STOP) {
        gw_jstr native = gw_jstr_of(cr->doc, gw_json_get(cr->doc, ref, "native_finish_reason"));
        aigw_slice kept = gw_has(native) ? native.inner : word.inner;
        bool fits = kept.len <= sizeof(choice->native) && memchr(kept.data, '\\', kept.len) == NULL;
        choice->native_len = fits ? kept.len : 0;
        memcpy(choice->native, kept.data, choice->native_len);
        choice->finish = finish;
    }
    choice->finished = true;
    int rc = gw_oc_stream_close_plain(cr);
    return rc == AIGW_OK ? gw_oc_stream_close_calls(cr, false) : rc;
}

static int choice_at(gw_oc_chunk *cr, int64_t index)
{
    gw_oc_reader *r = cr->r;
    for (size_t i = 0; i < r->choice_count; i++) {
        if (r->choices[i].index == (uint32_t)index) {
            cr->choice = &r->choices[i];
            return AIGW_OK;
        }
    }
    if (index < 0 || index >= MAX_CHOICES)
        return gw_oc_stream_broken(cr, "The provider sent a choice out of range.");
    if (r->choice_count == r->choice_cap) {
        size_t cap = r->choice_cap == 0 ? 1 : r->choice_cap * 2;
        gw_oc_choice *choices = gw_realloc(r->choices, cap * sizeof(*choices));
        if (choices == NULL)
            return gw_fail_nomem(cr->err);
        r->choices = choices;
        r->choice_cap = cap;
    }
    cr->choice = &r->choices[r->choice_count++];
    *cr->choice = (gw_oc_choice){.index = (uint32_t)index};
    return AIGW_OK;
}

static int read_choice(gw_oc_chunk *cr, gw_json_ref ref)
{
    const gw_json_doc *doc = cr->doc;
    int64_t index = 0;
    if (gw_json_typeof(doc, ref) != GW_JSON_OBJECT)
        return gw_oc_stream_broken(cr, "The provider sent a choice that is no object.");
    gw_json_ref at = gw_json_get(doc, ref, "index");
    if (at != GW_JSON_ABSENT)
        gw_json_i64(doc, at, &index);
    int rc = choice_at(cr, index);
    if (rc != AIGW_OK)
        return rc;
    gw_json_ref delta = gw_json_get(doc, ref, "delta");
    gw_json_ref logprobs = gw_json_get(doc, ref, "logprobs");
    gw_raw probabilities = {{NULL, 0}};
    if (gw_json_typeof(doc, logprobs) == GW_JSON_OBJECT)
        probabilities = gw_raw_of(doc, logprobs);
    if (gw_json_typeof(doc, delta) == GW_JSON_OBJECT) {
        rc = read_texts(cr, delta, probabilities);
        if (rc == AIGW_OK)
            rc = read_natives(cr, delta);
        if (rc == AIGW_OK)
            rc = gw_oc_stream_read_calls(cr, delta);
    }
    return rc == AIGW_OK ? read_finish(cr, ref) : rc;
}

/* START waits for a chunk that says something: Azure's first one has neither id nor model. */
static int read_start(const gw_oc_chunk *cr, gw_json_ref choices)
{
    const gw_json_doc *doc = cr->doc;
    gw_oc_reader *r = cr->r;
    gw_event ev = {.kind = GW_EV_START};
    ev.id = gw_jstr_of(doc, gw_json_get(doc, 0, "id"));
    if (r->started || (ev.id.inner.len == 0 && gw_json_count(doc, choices) == 0))
        return AIGW_OK;
    ev.model = gw_jstr_of(doc, gw_json_get(doc, 0, "model"));
    ev.service_tier = gw_jstr_of(doc, gw_json_get(doc, 0, "service_tier"));
    ev.fingerprint = gw_jstr_of(doc, gw_json_get(doc, 0, "system_fingerprint"));
    gw_json_ref created = gw_json_get(doc, 0, "created");
    if (created != GW_JSON_ABSENT)
        gw_json_i64(doc, created, &ev.created);
    r->started = true;
    r->seed_len = ev.id.inner.len < sizeof(r->seed) ? ev.id.inner.len : sizeof(r->seed);
    if (r->seed_len > 0)
        memcpy(r->seed, ev.id.inner.data, r->seed_len);
    return gw_emit(cr->sink, &ev);
}

static int read_chunk(gw_oc_chunk *cr)
{
    const gw_json_doc *doc = cr->doc;
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return gw_oc_stream_broken(cr, "The provider sent a chunk that is no JSON object.");
    if (gw_oc_error_in(doc, 0) != GW_JSON_ABSENT)
        return provider_error(cr);
    gw_json_ref choices = gw_json_get(doc, 0, "choices");
    int rc = read_start(cr, choices);
    if (rc == AIGW_OK && gw_json_typeof(doc, choices) == GW_JSON_ARRAY) {
        gw_json_ref ref = gw_json_first(doc, choices);
        for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(doc, ref))
            rc = read_choice(cr, ref);
    }
    return rc == AIGW_OK && cr->r->started ? emit_usage(cr) : rc;
}

/* The stream is complete: what is open is closed, every choice finishes, END. */
static int complete(gw_oc_chunk *cr)
{
    gw_oc_reader *r = cr->r;
    if (!r->started)
        return gw_oc_stream_broken(cr, "The provider ended the stream without an answer.");
    r->done = true;
    int rc = r->choice_count == 0 ? choice_at(cr, 0) : AIGW_OK;
    for (size_t i = 0; i < r->choice_count && rc == AIGW_OK; i++) {
        gw_oc_choice *choice = cr->choice = &r->choices[i];
        rc = gw_oc_stream_close_plain(cr);
        if (rc == AIGW_OK)
            rc = gw_oc_stream_close_calls(cr, false);
        gw_event ev = {.kind = GW_EV_FINISH, .choice = choice->index};
        ev.finish = choice->finished ? choice->finish : GW_FINISH_STOP;
        if (ev.finish == GW_FINISH_STOP && choice->opened_calls > 0)
            ev.finish = GW_FINISH_TOOL_CALLS;
        if (choice->native_len > 0)
            ev.native_finish.inner = gw_slice(choice->native, choice->native_len);
        if (rc == AIGW_OK)
            rc = gw_emit(cr->sink, &ev);
    }
    gw_event end = {.kind = GW_EV_END};
    return rc == AIGW_OK ? gw_emit(cr->sink, &end) : rc;
}

/* Hosts indent: " data: {...}" is no field of the SSE grammar, but it is meant as one. */
static aigw_slice data_of(const gw_sse_event *event)
{
    aigw_slice rest = event->raw;
    if (event->has_data)
        return event->data;
    while (rest.data != NULL && rest.len > 0) {
        aigw_slice line = gw_trim(gw_cut(&rest, '\n'));
        if (gw_starts(line, GW_S("data:")))
            return gw_skip(line, 5);
        if (gw_starts(line, GW_S("{\"error\"")))
            return line; /* an error body, as it would come with a bad status */
    }
    return (aigw_slice){NULL, 0};
}

static aigw_slice trim(aigw_slice s)
{
    while (s.len > 0 && strchr(" \t\r\n", s.data[s.len - 1]) != NULL)
        s.len--;
    while (s.len > 0 && strchr(" \t\r\n", s.data[0]) != NULL)
        s = gw_skip(s, 1);
    return s;
}

static int on_event(void *user, const gw_sse_event *event)
{
    gw_oc_chunk *cr = user;
    gw_oc_reader *r = cr->r;
    if (r->done)
        return AIGW_OK;
    aigw_slice data = data_of(event);
    if (data.data == NULL) {
        gw_event ping = {.kind = GW_EV_PING};
        return r->started ? gw_emit(cr->sink, &ping) : AIGW_OK;
    }
    data = trim(data);
    if (data.len == 0)
        return AIGW_OK;
    if (gw_eq(data, GW_S("[DONE]")))
        return complete(cr);
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    gw_arena_reset(r->arena);
    int rc = gw_json_parse(r->arena, data, &limits, &doc, cr->err);
    if (rc == AIGW_E_NOMEM)
        return rc;
    if (rc != AIGW_OK)
        return gw_oc_stream_broken(cr, "The provider sent a chunk that is no JSON.");
    cr->doc = &doc;
    if (gw_eq(event->type, GW_S("error")))
        return provider_error(cr);
    return read_chunk(cr);
}

int gw_oc_reader_init(void *reader, size_t max_event_bytes)
{
    gw_oc_reader *r = reader;
    *r = (gw_oc_reader){0};
    gw_sse_init(&r->sse, max_event_bytes);
    /* The tape of a chunk is at most some 20 times its bytes, and is copied as it grows. */
    r->arena = gw_arena_new(((size_t)1 << 20) + max_event_bytes * 64);
    return r->arena == NULL ? AIGW_E_NOMEM : AIGW_OK;
}

void gw_oc_reader_free(void *reader)
{
    gw_oc_reader *r = reader;
    for (size_t i = 0; i < r->choice_count; i++) {
        for (size_t j = 0; j < r->choices[i].call_count; j++)
            gw_free((void *)(uintptr_t)r->choices[i].calls[j].id.inner.data);
        gw_free(r->choices[i].calls);
    }
    gw_free(r->choices);
    gw_arena_free(r->arena);
    gw_sse_free(&r->sse);
    *r = (gw_oc_reader){0};
}

int gw_oc_reader_feed(void *reader, aigw_slice bytes, const gw_event_sink *sink, aigw_error *err)
{
    gw_oc_reader *r = reader;
    gw_oc_chunk cr = {r, sink, err, NULL, NULL};
    if (r->failed)
        return gw_fail(err, AIGW_E_UPSTREAM, "broken_stream", "the stream has failed before");
    int rc = gw_sse_feed(&r->sse, bytes, on_event, &cr);
    if (rc == AIGW_E_LIMIT && r->sse.failed)
        return gw_oc_stream_broken(&cr, "The provider sent an event that is too large.");
    return rc;
}

int gw_oc_reader_end(void *reader, const gw_event_sink *sink, aigw_error *err)
{
    gw_oc_reader *r = reader;
    gw_oc_chunk cr = {r, sink, err, NULL, NULL};
    if (r->failed)
        return gw_fail(err, AIGW_E_UPSTREAM, "broken_stream", "the stream has failed before");
    int rc = gw_sse_end(&r->sse, on_event, &cr);
    if (rc != AIGW_OK || r->done)
        return rc;
    /* Many hosts send no [DONE]: a finish reason for each choice will do. */
    bool finished = r->choice_count > 0;
    for (size_t i = 0; i < r->choice_count; i++)
        finished = finished && r->choices[i].finished;
    return finished ? complete(&cr) : gw_oc_stream_broken(&cr, "The provider's stream broke off.");
}
