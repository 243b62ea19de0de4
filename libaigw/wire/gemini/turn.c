/* Chunks of an answer as neutral events: blocks, usage, sources, and how it ended. */
/* Must not know framing: server-sent events, arrays and whole answers are all chunks here. */
#include "wire/gemini/turn.h"

enum { MAX_CHOICES = 128, WORDS_MAX = 64 << 10, TEXT_KEPT = 256 << 10 };

void gw_gm_turn_init(gw_gm_turn *t, size_t max_bytes, bool whole)
{
    *t = (gw_gm_turn){.max_bytes = max_bytes, .whole = whole, .usage = gw_usage_unknown()};
    gw_buf_init(&t->id, WORDS_MAX);
}

void gw_gm_turn_free(gw_gm_turn *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        gw_gm_choice *c = &t->choices[i];
        gw_buf *const all[] = {&c->native, &c->refusal, &c->text, &c->grounding, &c->citation};
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
            gw_buf_free(all[k]);
        gw_arena_free(c->args_arena);
    }
    gw_free(t->choices);
    gw_buf_free(&t->id);
    t->choices = NULL;
    t->count = 0;
}

static int fail_with(gw_gm_turn *t, const gw_api_error *error, const char *reason)
{
    t->failed = true;
    if (!t->whole) {
        gw_event ev = {.kind = GW_EV_ERROR, .usage = gw_usage_unknown(), .error = *error};
        int rc = gw_emit(t->sink, &ev);
        if (rc != AIGW_OK)
            return rc;
    }
    gw_fail(t->err, AIGW_E_UPSTREAM, reason, "the provider's %s failed",
            t->whole ? "answer" : "stream");
    if (t->err != NULL)
        t->err->http_status = error->status != 0 ? error->status : gw_api_error_status(error->kind);
    return AIGW_E_UPSTREAM;
}

int gw_gm_turn_broken(gw_gm_turn *t, const char *why)
{
    gw_api_error error = {.kind = GW_ERR_UPSTREAM, .message = gw_jstr_lit(why)};
    int rc = fail_with(t, &error, t->whole ? "bad_answer" : "broken_stream");
    if (t->whole && t->err != NULL) {
        gw_fail(t->err, AIGW_E_UPSTREAM, "bad_answer", "%s", why);
        t->err->http_status = 502;
    }
    return rc;
}

gw_event gw_gm_turn_event(const gw_gm_turn *t, const gw_gm_choice *c, gw_event_kind kind)
{
    return (gw_event){.kind = kind,
                      .choice = (uint32_t)(c - t->choices),
                      .block = c->next_block,
                      .block_kind = c->open_kind,
                      .usage = gw_usage_unknown()};
}

int gw_gm_turn_open(gw_gm_turn *t, gw_gm_choice *c, gw_event *start)
{
    c->open = true;
    c->open_kind = start->block_kind;
    return gw_emit(t->sink, start);
}

int gw_gm_turn_close(gw_gm_turn *t, gw_gm_choice *c)
{
    if (!c->open)
        return AIGW_OK;
    gw_event ev = gw_gm_turn_event(t, c, GW_EV_BLOCK_STOP);
    c->open = false;
    c->next_block++;
    return gw_emit(t->sink, &ev);
}

static int turn_keep(gw_gm_turn *t, gw_buf *buf, aigw_slice bytes)
{
    gw_buf_clear(buf);
    if (bytes.len > buf->max)
        return gw_gm_turn_broken(t, "The provider sent something that is too large.");
    return gw_buf_add(buf, bytes) ? AIGW_OK : AIGW_E_NOMEM;
}

static int choice_at(gw_gm_turn *t, int64_t index, gw_gm_choice **out)
{
    if (index < 0 || index >= MAX_CHOICES)
        return gw_gm_turn_broken(t, "The provider sent a candidate of an impossible number.");
    if ((uint64_t)index >= t->cap) {
        uint32_t cap = t->cap == 0 ? 1 : t->cap * 2;
        while (cap <= (uint32_t)index)
            cap *= 2;
        gw_gm_choice *more = gw_realloc(t->choices, cap * sizeof *more);
        if (more == NULL)
            return AIGW_E_NOMEM;
        t->choices = more;
        t->cap = cap;
    }
    while (t->count <= (uint32_t)index) {
        gw_gm_choice *c = &t->choices[t->count++];
        *c = (gw_gm_choice){0};
        gw_buf_init(&c->native, WORDS_MAX);
        gw_buf_init(&c->refusal, WORDS_MAX);
        gw_buf_init(&c->text, TEXT_KEPT);
        gw_buf_init(&c->grounding, t->max_bytes);
        gw_buf_init(&c->citation, t->max_bytes);
    }
    *out = &t->choices[index];
    (*out)->seen = true;
    return AIGW_OK;
}

/* A block of this kind that text can be added to: the open one, or a new one. */
static int ensure(gw_gm_turn *t, gw_gm_choice *c, gw_block_kind kind, gw_jstr signature)
{
    if (c->open && c->open_kind == kind && !gw_has(signature))
        return AIGW_OK;
    int rc = gw_gm_turn_close(t, c);
    gw_event ev = gw_gm_turn_event(t, c, GW_EV_BLOCK_START);
    ev.block_kind = kind;
    ev.signature = signature;
    ev.origin = gw_has(signature) || kind == GW_BLOCK_THINKING ? AIGW_FORMAT_GEMINI : 0;
    return rc == AIGW_OK ? gw_gm_turn_open(t, c, &ev) : rc;
}

static int delta(gw_gm_turn *t, gw_gm_choice *c, gw_jstr text, gw_jstr signature)
{
    gw_event ev = gw_gm_turn_event(t, c, GW_EV_DELTA);
    ev.delta = text;
    ev.signature = signature;
    ev.origin = gw_has(signature) ? AIGW_FORMAT_GEMINI : 0;
    if (ev.block_kind == GW_BLOCK_TEXT) {
        ev.logprobs = t->logprobs;
        t->logprobs = (gw_raw){{NULL, 0}};
    }
    return gw_emit(t->sink, &ev);
}

/* A thought, signed or not. What has a signature and no text is one of its own, whatever it stands in. */
static int thought(gw_gm_turn *t, gw_gm_choice *c, gw_jstr text, gw_jstr signature, bool own)
{
    static const gw_jstr none = {{NULL, 0}};
    int rc = own ? gw_gm_turn_close(t, c) : AIGW_OK;
    if (rc == AIGW_OK)
        rc = ensure(t, c, GW_BLOCK_THINKING, none);
    if (rc == AIGW_OK)
        rc = delta(t, c, text, signature);
    return rc == AIGW_OK && gw_has(signature) ? gw_gm_turn_close(t, c) : rc;
}

static int text_part(gw_gm_turn *t, gw_gm_choice *c, gw_json_ref part, gw_jstr signature)
{
    static const gw_jstr none = {{NULL, 0}};
    gw_jstr text = gw_gm_string_of(t->doc, part, "text");
    bool is_thought = gw_json_typeof(t->doc, gw_gm_get(t->doc, part, "thought")) == GW_JSON_TRUE;
    if (text.inner.len == 0 && !gw_has(signature))
        return AIGW_OK;
    if (is_thought)
        return thought(t, c, text, signature, false);
    if (text.inner.len == 0)
        return thought(t, c, text, signature, true);
    c->usable = true;
    if (text.inner.len <= c->text.max - gw_buf_len(&c->text))
        gw_buf_add(&c->text, text.inner);
    /* The signature is this part's: what comes after it is another block. */
    int rc = ensure(t, c, GW_BLOCK_TEXT, signature);
    if (rc == AIGW_OK)
        rc = delta(t, c, text, none);
    return rc == AIGW_OK && gw_has(signature) ? gw_gm_turn_close(t, c) : rc;
}

static int native_part(gw_gm_turn *t, gw_gm_choice *c, gw_json_ref part)
{
    int rc = gw_gm_turn_close(t, c);
    gw_event ev = gw_gm_turn_event(t, c, GW_EV_BLOCK_START);
    ev.block_kind = GW_BLOCK_NATIVE;
    ev.raw = gw_raw_of(t->doc, part);
    c->usable = true;
    if (rc == AIGW_OK)
        rc = gw_gm_turn_open(t, c, &ev);
    return rc == AIGW_OK ? gw_gm_turn_close(t, c) : rc;
}

static int one_part(gw_gm_turn *t, gw_gm_choice *c, gw_json_ref part)
{
    if (gw_json_typeof(t->doc, part) != GW_JSON_OBJECT)
        return gw_gm_turn_broken(t, "The provider sent a part that is no object.");
    gw_jstr signature = gw_gm_string_of(t->doc, part, "thoughtSignature");
    if (signature.inner.len == 0)
        signature = (gw_jstr){{NULL, 0}};
    gw_json_ref call = gw_gm_get(t->doc, part, "functionCall");
    if (call != GW_JSON_ABSENT)
        return gw_gm_turn_call(t, c, call, signature);
    int rc = gw_gm_turn_end_call(t, c);
    if (rc != AIGW_OK)
        return rc;
    if (gw_json_typeof(t->doc, gw_gm_get(t->doc, part, "text")) == GW_JSON_STRING)
        return text_part(t, c, part, signature);
    bool only_signature = gw_has(signature) && gw_json_count(t->doc, part) == 1;
    if (only_signature)
        return thought(t, c, gw_jstr_lit(""), signature, true);
    return gw_json_count(t->doc, part) == 0 ? AIGW_OK : native_part(t, c, part);
}

static int parts_of(gw_gm_turn *t, gw_gm_choice *c, gw_json_ref candidate)
{
    gw_json_ref parts = gw_gm_get(t->doc, gw_gm_get(t->doc, candidate, "content"), "parts");
    if (gw_json_typeof(t->doc, parts) != GW_JSON_ARRAY || gw_json_count(t->doc, parts) == 0)
        return AIGW_OK;
    c->many = c->many || c->start_count > 0;
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(t->doc, parts);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(t->doc, ref)) {
        if (!c->many && c->start_count < GW_GM_PARTS_KNOWN)
            c->starts[c->start_count++] = (uint32_t)gw_buf_len(&c->text);
        rc = one_part(t, c, ref);
    }
    return rc;
}

/* Kept until the end: the last one holds what those before it did. */
static int keep_metadata(gw_gm_turn *t, gw_gm_choice *c, gw_json_ref candidate)
{
    gw_json_ref grounding = gw_gm_get(t->doc, candidate, "groundingMetadata");
    gw_json_ref citation = gw_gm_get(t->doc, candidate, "citationMetadata");
    int rc = AIGW_OK;
    if (gw_json_count(t->doc, grounding) > 0)
        rc = turn_keep(t, &c->grounding, gw_json_raw(t->doc, grounding));
    if (rc == AIGW_OK && gw_json_count(t->doc, citation) > 0)
        rc = turn_keep(t, &c->citation, gw_json_raw(t->doc, citation));
    return rc;
}

static int keep_finish(gw_gm_turn *t, gw_gm_choice *c, gw_jstr word, gw_jstr message)
{
    if (word.inner.len == 0 || gw_jstr_is(word, "FINISH_REASON_UNSPECIFIED"))
        return AIGW_OK;
    c->has_finish = true;
    int rc = turn_keep(t, &c->native, word.inner);
    if (rc == AIGW_OK && message.inner.len > 0)
        rc = turn_keep(t, &c->refusal, message.inner);
    return rc;
}

/* Log probabilities that no text took: of a chunk with nothing but them. */
static int left_logprobs(gw_gm_turn *t, gw_gm_choice *c)
{
    static const gw_jstr none = {{NULL, 0}};
    if (!gw_has_raw(t->logprobs) || !c->open || c->open_kind != GW_BLOCK_TEXT)
        return AIGW_OK;
    return delta(t, c, none, none);
}

static int candidate_of(gw_gm_turn *t, gw_json_ref candidate, uint32_t position)
{
    int64_t index = position;
    gw_gm_choice *c = NULL;
    if (gw_json_typeof(t->doc, candidate) != GW_JSON_OBJECT)
        return gw_gm_turn_broken(t, "The provider sent a candidate that is no object.");
    gw_json_i64(t->doc, gw_gm_get(t->doc, candidate, "index"), &index);
    int rc = choice_at(t, index, &c);
    if (rc != AIGW_OK)
        return rc;
    t->has_candidates = true;
    t->logprobs = gw_gm_logprobs_read(t->arena, t->doc, candidate);
    rc = parts_of(t, c, candidate);
    if (rc == AIGW_OK)
        rc = left_logprobs(t, c);
    if (rc == AIGW_OK)
        rc = keep_metadata(t, c, candidate);
    return rc == AIGW_OK ? keep_finish(t, c, gw_gm_string_of(t->doc, candidate, "finishReason"),
                                       gw_gm_string_of(t->doc, candidate, "finishMessage"))
                         : rc;
}

static int start(gw_gm_turn *t, gw_json_ref root)
{
    if (t->started)
        return AIGW_OK;
    t->started = true;
    gw_event ev = {.kind = GW_EV_START, .usage = gw_usage_unknown()};
    gw_json_ref usage = gw_gm_get(t->doc, root, "usageMetadata");
    ev.id = gw_gm_string_of(t->doc, root, "responseId");
    ev.model = gw_gm_string_of(t->doc, root, "modelVersion");
    if (gw_has(ev.model))
        ev.model.inner = gw_gm_model_name(ev.model.inner);
    ev.created = gw_gm_time_of(gw_gm_string_of(t->doc, root, "createTime").inner);
    ev.service_tier = gw_gm_string_of(t->doc, usage, "serviceTier");
    int rc = gw_has(ev.id) ? turn_keep(t, &t->id, ev.id.inner) : AIGW_OK;
    return rc == AIGW_OK ? gw_emit(t->sink, &ev) : rc;
}

/* The last one wins, but the largest count of the prompt stays. */
static int usage_of(gw_gm_turn *t, gw_json_ref root)
{
    gw_json_ref ref = gw_gm_get(t->doc, root, "usageMetadata");
    gw_event ev = {.kind = GW_EV_USAGE, .usage = gw_usage_unknown()};
    if (!gw_gm_usage_read(t->doc, ref, &ev.usage))
        return AIGW_OK;
    if (ev.usage.input_tokens < t->usage.input_tokens)
        ev.usage.input_tokens = t->usage.input_tokens;
    t->has_usage = true;
    gw_usage_merge(&t->usage, &ev.usage);
    ev.usage_raw = gw_raw_of(t->doc, ref);
    return gw_emit(t->sink, &ev);
}

static int feedback_of(gw_gm_turn *t, gw_json_ref root)
{
    gw_json_ref feedback = gw_gm_get(t->doc, root, "promptFeedback");
    gw_jstr reason = gw_gm_string_of(t->doc, feedback, "blockReason");
    gw_gm_choice *c = NULL;
    if (reason.inner.len == 0 || t->has_candidates ||
        gw_jstr_is(reason, "BLOCKED_REASON_UNSPECIFIED"))
        return AIGW_OK;
    int rc = choice_at(t, 0, &c);
    t->blocked = true;
    return rc == AIGW_OK
               ? keep_finish(t, c, reason, gw_gm_string_of(t->doc, feedback, "blockReasonMessage"))
               : rc;
}

int gw_gm_turn_chunk(gw_gm_turn *t, const gw_json_doc *doc, gw_json_ref root)
{
    t->doc = doc;
    if (gw_json_typeof(doc, root) != GW_JSON_OBJECT)
        return gw_gm_turn_broken(t, "The provider sent something that is not of this API.");
    if (!gw_json_is_null(doc, gw_gm_get(doc, root, "error"))) {
        gw_api_error error;
        gw_gm_error_of(t->arena, doc, root, 0, &error);
        return fail_with(t, &error, "upstream_error");
    }
    gw_json_ref candidates = gw_gm_get(doc, root, "candidates");
    bool listed = gw_json_typeof(doc, candidates) == GW_JSON_ARRAY;
    if (!listed && gw_json_typeof(doc, gw_gm_get(doc, root, "promptFeedback")) != GW_JSON_OBJECT &&
        gw_json_typeof(doc, gw_gm_get(doc, root, "usageMetadata")) != GW_JSON_OBJECT)
        return t->whole ? gw_gm_turn_broken(t, "The provider's body is no answer.") : AIGW_OK;
    int rc = start(t, root);
    uint32_t position = 0;
    gw_json_ref ref = listed ? gw_json_first(doc, candidates) : GW_JSON_ABSENT;
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(doc, ref))
        rc = candidate_of(t, ref, position++);
    if (rc == AIGW_OK)
        rc = feedback_of(t, root);
    return rc == AIGW_OK ? usage_of(t, root) : rc;
}

/* The sources of all of the text, on its block. */
static int flush_sources(gw_gm_turn *t, gw_gm_choice *c)
{
    static const gw_jstr none = {{NULL, 0}};
    const gw_gm_text text = {gw_buf_slice(&c->text), c->starts, c->many ? 0 : c->start_count};
    const struct {
        const char *member;
        const gw_buf *json;
    } kept[] = {{"groundingMetadata", &c->grounding}, {"citationMetadata", &c->citation}};
    int rc = AIGW_OK;
    for (size_t i = 0; i < 2 && rc == AIGW_OK; i++) {
        if (gw_buf_len(kept[i].json) == 0)
            continue;
        gw_raw raw =
            gw_gm_citations_read(t->arena, kept[i].member, gw_buf_slice(kept[i].json), &text);
        if (!gw_has_raw(raw))
            continue;
        rc = ensure(t, c, GW_BLOCK_TEXT, none);
        gw_event ev = gw_gm_turn_event(t, c, GW_EV_DELTA);
        ev.raw = raw;
        if (rc == AIGW_OK)
            rc = gw_emit(t->sink, &ev);
    }
    return rc;
}

/* Nothing but a reason that nobody can use is a failure, and no empty answer. */
static int check_usable(gw_gm_turn *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        gw_finish finish;
        const gw_gm_choice *c = &t->choices[i];
        if (c->seen && c->has_finish && !c->usable &&
            !gw_gm_finish_of((gw_jstr){gw_buf_slice(&c->native)}, &finish))
            return gw_gm_turn_broken(
                t, "The model made a call that cannot be read, and nothing else.");
    }
    return AIGW_OK;
}

static gw_finish finish_of(const gw_gm_turn *t, const gw_gm_choice *c)
{
    gw_finish finish = GW_FINISH_STOP;
    if (t->blocked && !t->has_candidates)
        return GW_FINISH_CONTENT_FILTER;
    if (!t->has_candidates) /* nothing at all: what was spent went into thoughts */
        return t->usage.reasoning_tokens > 0 ? GW_FINISH_LENGTH : GW_FINISH_STOP;
    gw_gm_finish_of((gw_jstr){gw_buf_slice(&c->native)}, &finish);
    return finish == GW_FINISH_STOP && c->called ? GW_FINISH_TOOL_CALLS : finish;
}

static int finish_choice(gw_gm_turn *t, gw_gm_choice *c)
{
    gw_finish finish = finish_of(t, c);
    if (c->args != NULL && finish != GW_FINISH_LENGTH)
        return gw_gm_turn_broken(t, "The provider's stream ended within the arguments of a call.");
    int rc = gw_gm_turn_end_call(t, c);
    if (rc == AIGW_OK)
        rc = flush_sources(t, c);
    if (rc == AIGW_OK)
        rc = gw_gm_turn_close(t, c);
    if (rc != AIGW_OK)
        return rc;
    gw_event ev = gw_gm_turn_event(t, c, GW_EV_FINISH);
    ev.block = 0;
    ev.block_kind = GW_BLOCK_TEXT;
    ev.finish = finish;
    if (c->has_finish)
        ev.native_finish.inner = gw_buf_slice(&c->native);
    if (gw_buf_len(&c->refusal) > 0 && finish == GW_FINISH_CONTENT_FILTER)
        ev.refusal.inner = gw_buf_slice(&c->refusal);
    return gw_emit(t->sink, &ev);
}

static bool is_over(const gw_gm_turn *t)
{
    bool over = t->blocked;
    for (uint32_t i = 0; i < t->count; i++)
        over = over || t->choices[i].has_finish;
    return over;
}

int gw_gm_turn_end(gw_gm_turn *t)
{
    gw_gm_choice *c = NULL;
    if (!t->started)
        return gw_gm_turn_broken(t, t->whole ? "The provider's body is no answer."
                                             : "The provider's stream was empty.");
    if (!t->whole && !is_over(t))
        return gw_gm_turn_broken(t, "The provider's stream broke off.");
    int rc = t->count == 0 ? choice_at(t, 0, &c) : AIGW_OK;
    if (rc == AIGW_OK)
        rc = check_usable(t);
    for (uint32_t i = 0; i < t->count && rc == AIGW_OK; i++) {
        if (t->choices[i].seen)
            rc = finish_choice(t, &t->choices[i]);
    }
    if (rc == AIGW_OK && t->has_usage) {
        if (t->usage.output_tokens < 0)
            t->usage.output_tokens = 0;
        gw_event ev = {.kind = GW_EV_USAGE, .usage = t->usage};
        rc = gw_emit(t->sink, &ev);
    }
    gw_event end = {.kind = GW_EV_END, .usage = gw_usage_unknown()};
    t->finished = rc == AIGW_OK;
    return rc == AIGW_OK ? gw_emit(t->sink, &end) : rc;
}
