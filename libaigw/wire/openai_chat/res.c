/* Whole OpenAI chat answers: a document as events, and a folded answer as a document. */
/* Must not know streams, nor which format the other end speaks. */
#include "wire/openai_chat/openai_chat.h"

#include "base/error.h"
#include "base/text.h"
#include "chat/seal.h"

typedef struct answer_reading {
    gw_arena *arena;
    const gw_json_doc *doc;
    const gw_event_sink *sink;
    gw_jstr id;
    uint32_t choice, block, calls;
    gw_raw logprobs; /* goes out with the first text or refusal, else with FINISH */
} answer_reading;

static gw_event event_of(const answer_reading *ar, gw_event_kind kind)
{
    return (gw_event){.kind = kind, .choice = ar->choice, .block = ar->block};
}

/* BLOCK_START, a DELTA if there is anything to say, BLOCK_STOP. `ev` holds what both carry. */
static int emit_block(answer_reading *ar, const gw_event *open, const gw_event *delta)
{
    int rc = gw_emit(ar->sink, open);
    if (rc == AIGW_OK && delta != NULL)
        rc = gw_emit(ar->sink, delta);
    gw_event stop = event_of(ar, GW_EV_BLOCK_STOP);
    stop.block_kind = open->block_kind;
    if (rc == AIGW_OK)
        rc = gw_emit(ar->sink, &stop);
    ar->block++;
    return rc;
}

static int emit_text(answer_reading *ar, gw_block_kind kind, gw_jstr text, gw_raw citations)
{
    gw_event open = event_of(ar, GW_EV_BLOCK_START), delta = event_of(ar, GW_EV_DELTA);
    open.block_kind = delta.block_kind = kind;
    delta.delta = text;
    delta.raw = citations;
    if (kind != GW_BLOCK_THINKING) {
        delta.logprobs = ar->logprobs;
        ar->logprobs = (gw_raw){{NULL, 0}};
    }
    return emit_block(ar, &open, &delta);
}

static int emit_thought(answer_reading *ar, const gw_oc_thought *thought)
{
    gw_event open = event_of(ar, GW_EV_BLOCK_START), delta = event_of(ar, GW_EV_DELTA);
    open.block_kind = delta.block_kind =
        thought->redacted ? GW_BLOCK_REDACTED_THINKING : GW_BLOCK_THINKING;
    open.origin = delta.origin = thought->origin;
    if (thought->redacted) {
        open.delta = thought->text;
        return emit_block(ar, &open, NULL);
    }
    delta.delta = thought->text;
    delta.signature = thought->signature;
    return emit_block(ar, &open, &delta);
}

static int read_thinking_blocks(answer_reading *ar, gw_json_ref list, gw_jstr reasoning)
{
    const gw_json_doc *doc = ar->doc;
    bool single = gw_json_count(doc, list) == 1;
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(doc, list);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(doc, ref)) {
        gw_oc_thought thought;
        if (!gw_oc_read_thought(ar->arena, doc, ref, &thought))
            continue;
        if (!thought.redacted && thought.text.inner.len == 0 && single)
            thought.text = reasoning;
        rc = emit_thought(ar, &thought);
    }
    return rc;
}

static int read_reasoning(answer_reading *ar, gw_json_ref message)
{
    const gw_raw none = {{NULL, 0}};
    gw_json_ref blocks = gw_json_get(ar->doc, message, "thinking_blocks");
    gw_jstr text = gw_oc_reasoning_of(ar->arena, ar->doc, message);
    if (gw_json_typeof(ar->doc, blocks) == GW_JSON_ARRAY && gw_json_count(ar->doc, blocks) > 0)
        return read_thinking_blocks(ar, blocks, text);
    return text.inner.len > 0 ? emit_text(ar, GW_BLOCK_THINKING, text, none) : AIGW_OK;
}

/* A string, or Mistral's list of text and thinking parts. */
static int read_content(answer_reading *ar, gw_json_ref content, gw_raw citations)
{
    const gw_json_doc *doc = ar->doc;
    gw_jstr text = gw_jstr_of(doc, content);
    if (text.inner.len > 0)
        return emit_text(ar, GW_BLOCK_TEXT, text, citations);
    if (gw_json_typeof(doc, content) != GW_JSON_ARRAY)
        return AIGW_OK;
    int rc = AIGW_OK;
    gw_json_ref part = gw_json_first(doc, content);
    for (; part != GW_JSON_ABSENT && rc == AIGW_OK; part = gw_json_next(doc, part)) {
        if (gw_json_typeof(doc, part) != GW_JSON_OBJECT)
            continue;
        bool thinking = gw_json_is(doc, gw_json_get(doc, part, "type"), "thinking");
        text = thinking ? gw_oc_thinking_text(ar->arena, doc, part)
                        : gw_jstr_of(doc, gw_json_get(doc, part, "text"));
        if (text.inner.len == 0)
            continue;
        rc = emit_text(ar, thinking ? GW_BLOCK_THINKING : GW_BLOCK_TEXT, text,
                       thinking ? (gw_raw){{NULL, 0}} : citations);
        if (!thinking)
            citations = (gw_raw){{NULL, 0}};
    }
    return rc;
}

/* From the answer's id. Without one it would be the same in every turn: then the writer makes it. */
static gw_jstr make_call_id(const answer_reading *ar, char made[26])
{
    if (ar->id.inner.len == 0)
        return (gw_jstr){{NULL, 0}};
    gw_oc_make_call_id(made, ar->id.inner, ar->choice, ar->calls);
    return gw_jstr_lit(made);
}

static int read_call(answer_reading *ar, gw_json_ref call)
{
    const gw_json_doc *doc = ar->doc;
    char made[26];
    gw_event open = event_of(ar, GW_EV_BLOCK_START), delta = event_of(ar, GW_EV_DELTA);
    open.block_kind = delta.block_kind = GW_BLOCK_TOOL_CALL;
    gw_json_ref body = gw_json_get(doc, call, "custom");
    open.custom = gw_json_typeof(doc, body) == GW_JSON_OBJECT;
    if (!open.custom)
        body = gw_json_get(doc, call, "function");
    if (gw_json_typeof(doc, body) != GW_JSON_OBJECT)
        return AIGW_OK; /* no call that anybody could make */
    open.call_id = gw_jstr_of(doc, gw_json_get(doc, call, "id"));
    if (open.call_id.inner.len == 0)
        open.call_id = make_call_id(ar, made);
    open.tool_name = gw_jstr_of(doc, gw_json_get(doc, body, "name"));
    gw_json_ref args = gw_json_get(doc, body, open.custom ? "input" : "arguments");
    gw_part part = {.args_text = gw_jstr_of(doc, args), .custom = open.custom};
    if (gw_json_typeof(doc, args) == GW_JSON_OBJECT)
        part.args = gw_raw_of(doc, args);
    delta.delta = part.args_text;
    if (gw_has_raw(part.args) && gw_part_args_text(ar->arena, &part, &delta.delta, NULL) != AIGW_OK)
        return AIGW_E_NOMEM;
    gw_sealed sealed; /* of a gateway like this one */
    if (gw_unseal_id(ar->arena, open.call_id, &open.call_id, &sealed)) {
        open.signature = sealed.text;
        open.origin = sealed.origin;
    }
    gw_oc_read_call_signature(ar->arena, doc, call, &open);
    ar->calls++;
    return emit_block(ar, &open, delta.delta.inner.len > 0 ? &delta : NULL);
}

static int read_calls(answer_reading *ar, gw_json_ref message)
{
    gw_json_ref calls = gw_json_get(ar->doc, message, "tool_calls");
    gw_json_ref single = gw_json_get(ar->doc, message, "function_call");
    int rc = AIGW_OK;
    if (gw_json_typeof(ar->doc, calls) == GW_JSON_ARRAY) {
        gw_json_ref call = gw_json_first(ar->doc, calls);
        for (; call != GW_JSON_ABSENT && rc == AIGW_OK; call = gw_json_next(ar->doc, call)) {
            if (gw_json_typeof(ar->doc, call) == GW_JSON_OBJECT)
                rc = read_call(ar, call);
        }
    } else if (gw_json_typeof(ar->doc, single) == GW_JSON_OBJECT) {
        char made[26];
        gw_event open = event_of(ar, GW_EV_BLOCK_START), delta = event_of(ar, GW_EV_DELTA);
        open.block_kind = delta.block_kind = GW_BLOCK_TOOL_CALL;
        open.call_id = make_call_id(ar, made);
        ar->calls++;
        open.tool_name = gw_jstr_of(ar->doc, gw_json_get(ar->doc, single, "name"));
        delta.delta = gw_jstr_of(ar->doc, gw_json_get(ar->doc, single, "arguments"));
        rc = emit_block(ar, &open, &delta);
    }
    return rc;
}

static int read_natives(answer_reading *ar, gw_json_ref message)
{
    int rc = AIGW_OK;
    for (size_t i = 0; gw_oc_native_members[i] != NULL && rc == AIGW_OK; i++) {
        gw_json_ref ref = gw_json_get(ar->doc, message, gw_oc_native_members[i]);
        if (gw_json_count(ar->doc, ref) == 0)
            continue;
        gw_event open = event_of(ar, GW_EV_BLOCK_START);
        open.block_kind = GW_BLOCK_NATIVE;
        open.tool_name = gw_jstr_lit(gw_oc_native_members[i]);
        open.raw = gw_raw_of(ar->doc, ref);
        rc = emit_block(ar, &open, NULL);
    }
    return rc;
}

static int read_message(answer_reading *ar, gw_json_ref message)
{
    const gw_json_doc *doc = ar->doc;
    gw_raw citations = {{NULL, 0}};
    gw_json_ref annotations = gw_json_get(doc, message, "annotations");
    if (gw_json_typeof(doc, annotations) == GW_JSON_ARRAY && gw_json_count(doc, annotations) > 0)
        citations = gw_raw_of(doc, annotations);
    int rc = read_reasoning(ar, message);
    if (rc == AIGW_OK)
        rc = read_content(ar, gw_json_get(doc, message, "content"), citations);
    gw_jstr refusal = gw_jstr_of(doc, gw_json_get(doc, message, "refusal"));
    if (rc == AIGW_OK && refusal.inner.len > 0)
        rc = emit_text(ar, GW_BLOCK_REFUSAL, refusal, (gw_raw){{NULL, 0}});
    if (rc == AIGW_OK)
        rc = read_natives(ar, message);
    return rc == AIGW_OK ? read_calls(ar, message) : rc;
}

static int read_choice(answer_reading *ar, gw_json_ref choice)
{
    const gw_json_doc *doc = ar->doc;
    gw_json_ref message = gw_json_get(doc, choice, "message");
    gw_json_ref logprobs = gw_json_get(doc, choice, "logprobs");
    ar->block = ar->calls = 0;
    ar->logprobs = (gw_raw){{NULL, 0}};
    if (gw_json_typeof(doc, logprobs) == GW_JSON_OBJECT)
        ar->logprobs = gw_raw_of(doc, logprobs);
    int rc = AIGW_OK;
    if (gw_json_typeof(doc, message) == GW_JSON_OBJECT)
        rc = read_message(ar, message);
    if (rc != AIGW_OK)
        return rc;
    gw_event ev = event_of(ar, GW_EV_FINISH);
    gw_jstr word = gw_jstr_of(doc, gw_json_get(doc, choice, "finish_reason"));
    if (gw_jstr_is(word, "error")) {
        ev.kind = GW_EV_ERROR;
        ev.error.kind = GW_ERR_UPSTREAM;
        ev.error.message = gw_jstr_lit("The provider broke off with an error.");
        rc = gw_emit(ar->sink, &ev);
        return rc == AIGW_OK ? AIGW_E_UPSTREAM : rc;
    }
    ev.block = 0;
    ev.finish = gw_oc_finish_of(word, ar->calls > 0);
    ev.native_finish = gw_jstr_of(doc, gw_json_get(doc, choice, "native_finish_reason"));
    if (!gw_has(ev.native_finish))
        ev.native_finish = word;
    ev.logprobs = ar->logprobs;
    return gw_emit(ar->sink, &ev);
}

static int emit_start(answer_reading *ar)
{
    const gw_json_doc *doc = ar->doc;
    gw_event ev = {.kind = GW_EV_START};
    ev.id = ar->id = gw_jstr_of(doc, gw_json_get(doc, 0, "id"));
    ev.model = gw_jstr_of(doc, gw_json_get(doc, 0, "model"));
    ev.service_tier = gw_jstr_of(doc, gw_json_get(doc, 0, "service_tier"));
    ev.fingerprint = gw_jstr_of(doc, gw_json_get(doc, 0, "system_fingerprint"));
    gw_json_ref created = gw_json_get(doc, 0, "created");
    if (created != GW_JSON_ABSENT)
        gw_json_i64(doc, created, &ev.created);
    return gw_emit(ar->sink, &ev);
}

static int emit_error(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                      aigw_error *err)
{
    gw_event ev = {.kind = GW_EV_ERROR};
    gw_oc_error_of(arena, doc, 0, 0, &ev.error);
    int rc = gw_emit(sink, &ev);
    if (rc != AIGW_OK)
        return rc;
    gw_fail(err, AIGW_E_UPSTREAM, "provider_error", "the provider answered with an error");
    if (err != NULL)
        err->http_status = ev.error.status;
    return AIGW_E_UPSTREAM;
}

/* Does every choice say its own place? Then the order of the list means nothing. */
static bool says_places(const gw_json_doc *doc, gw_json_ref choices)
{
    uint64_t seen[2] = {0, 0};
    gw_json_ref choice = gw_json_first(doc, choices);
    for (; choice != GW_JSON_ABSENT; choice = gw_json_next(doc, choice)) {
        int64_t place = -1;
        if (gw_json_typeof(doc, choice) != GW_JSON_OBJECT ||
            !gw_json_i64(doc, gw_json_get(doc, choice, "index"), &place) || place < 0 ||
            place >= (int64_t)gw_json_count(doc, choices) || place >= 128)
            return false;
        uint64_t bit = (uint64_t)1 << (place & 63);
        if ((seen[place >> 6] & bit) != 0)
            return false;
        seen[place >> 6] |= bit;
    }
    return true;
}

int gw_oc_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                      aigw_error *err)
{
    answer_reading ar = {.arena = arena, .doc = doc, .sink = sink};
    if (gw_oc_error_in(doc, 0) != GW_JSON_ABSENT)
        return emit_error(arena, doc, sink, err);
    gw_json_ref choices = GW_JSON_ABSENT;
    if (gw_json_typeof(doc, 0) == GW_JSON_OBJECT)
        choices = gw_json_get(doc, 0, "choices");
    if (gw_json_typeof(doc, choices) != GW_JSON_ARRAY || gw_json_count(doc, choices) == 0)
        return gw_fail(err, AIGW_E_UPSTREAM, "no_answer", "the provider's document has no choices");
    int rc = emit_start(&ar);
    bool places = says_places(doc, choices);
    uint32_t ordinal = 0; /* hosts leave `index` out */
    gw_json_ref choice = gw_json_first(doc, choices);
    for (; choice != GW_JSON_ABSENT && rc == AIGW_OK; choice = gw_json_next(doc, choice)) {
        if (gw_json_typeof(doc, choice) != GW_JSON_OBJECT)
            return gw_fail(err, AIGW_E_UPSTREAM, "no_answer", "a choice is no object");
        int64_t place = ordinal++;
        if (places)
            gw_json_i64(doc, gw_json_get(doc, choice, "index"), &place);
        ar.choice = (uint32_t)place;
        rc = read_choice(&ar, choice);
    }
    gw_event ev = {.kind = GW_EV_USAGE};
    gw_json_ref usage = gw_oc_usage_of(doc, 0);
    if (rc == AIGW_OK && gw_oc_read_usage(doc, usage, &ev.usage)) {
        ev.usage_raw = gw_raw_of(doc, usage);
        rc = gw_emit(sink, &ev);
    }
    ev = (gw_event){.kind = GW_EV_END};
    return rc == AIGW_OK ? gw_emit(sink, &ev) : rc;
}

static bool has_text(const gw_choice *choice, gw_block_kind kind)
{
    for (size_t i = 0; i < choice->block_count; i++) {
        if (choice->blocks[i].kind == kind && choice->blocks[i].text.inner.len > 0)
            return true;
    }
    return false;
}

static size_t count_blocks(const gw_choice *choice, gw_block_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < choice->block_count; i++)
        n += choice->blocks[i].kind == kind ? 1 : 0;
    return n;
}

/* All texts of one kind as one string. */
static void write_texts(gw_jw *w, const gw_choice *choice, gw_block_kind kind)
{
    gw_jw_begin_string(w);
    for (size_t i = 0; i < choice->block_count; i++) {
        if (choice->blocks[i].kind == kind)
            gw_jw_part_inner(w, choice->blocks[i].text.inner);
    }
    gw_jw_end_string(w);
}

static void write_refusal(gw_jw *w, const gw_choice *choice)
{
    gw_jw_key(w, "refusal");
    if (has_text(choice, GW_BLOCK_REFUSAL))
        write_texts(w, choice, GW_BLOCK_REFUSAL);
    else if (gw_has(choice->refusal))
        gw_jw_jstr(w, choice->refusal);
    else
        gw_jw_null(w);
}

static bool is_thinking(const gw_block *block)
{
    return block->kind == GW_BLOCK_THINKING || block->kind == GW_BLOCK_REDACTED_THINKING;
}

/* A signature that has its place in thinking_blocks: a text's goes there on its own, as nothing else holds it. */
static bool carries_signature(const gw_block *block)
{
    return (block->kind == GW_BLOCK_THINKING || block->kind == GW_BLOCK_TEXT) &&
           gw_has(block->signature);
}

static void write_thinking(gw_jw *w, const gw_choice *choice)
{
    if (has_text(choice, GW_BLOCK_THINKING)) {
        gw_jw_key(w, "reasoning_content");
        write_texts(w, choice, GW_BLOCK_THINKING);
    }
    size_t blocks = count_blocks(choice, GW_BLOCK_THINKING);
    bool structured = blocks > 1 || count_blocks(choice, GW_BLOCK_REDACTED_THINKING) > 0;
    for (size_t i = 0; i < choice->block_count; i++)
        structured = structured || carries_signature(&choice->blocks[i]);
    if (!structured)
        return;
    gw_jw_key(w, "thinking_blocks");
    gw_jw_array(w);
    for (size_t i = 0; i < choice->block_count; i++) {
        const gw_block *block = &choice->blocks[i];
        gw_oc_thought thought = {block->kind == GW_BLOCK_REDACTED_THINKING, block->text,
                                 block->signature, block->origin};
        if (block->kind == GW_BLOCK_TEXT)
            thought.text = (gw_jstr){{NULL, 0}};
        if (is_thinking(block) || carries_signature(block))
            gw_oc_write_thought(w, &thought, -1);
    }
    gw_jw_array_end(w);
}

static void write_calls(gw_jw *w, const gw_choice *choice, aigw_slice seed, uint32_t index)
{
    uint32_t ordinal = 0;
    if (count_blocks(choice, GW_BLOCK_TOOL_CALL) == 0)
        return;
    gw_jw_key(w, "tool_calls");
    gw_jw_array(w);
    for (size_t i = 0; i < choice->block_count; i++) {
        const gw_block *block = &choice->blocks[i];
        if (block->kind != GW_BLOCK_TOOL_CALL)
            continue;
        const char *type = block->custom ? "custom" : "function";
        bool empty = block->text.inner.len == 0 && !block->custom;
        gw_jw_object(w);
        gw_jw_key(w, "id");
        gw_oc_thought signature = {.signature = block->signature, .origin = block->origin};
        gw_oc_write_sealed_id(w, block->call_id, seed, index, ordinal++, &signature);
        gw_jw_key(w, "type");
        gw_jw_str(w, type);
        gw_jw_key(w, type);
        gw_jw_object(w);
        gw_jw_key(w, "name");
        gw_jw_jstr(w, block->tool_name);
        gw_jw_key(w, block->custom ? "input" : "arguments");
        gw_jw_jstr(w, empty ? gw_jstr_lit("{}") : block->text);
        gw_jw_object_end(w);
        gw_oc_write_call_signature(w, block->origin, block->signature);
        gw_jw_object_end(w);
    }
    gw_jw_array_end(w);
}

/* The first call, as the deprecated functions have it. */
static void write_function_call(gw_jw *w, const gw_choice *choice)
{
    for (size_t i = 0; i < choice->block_count; i++) {
        const gw_block *block = &choice->blocks[i];
        if (block->kind != GW_BLOCK_TOOL_CALL)
            continue;
        gw_jw_key(w, "function_call");
        gw_jw_object(w);
        gw_jw_key(w, "name");
        gw_jw_jstr(w, block->tool_name);
        gw_jw_key(w, "arguments");
        gw_jw_jstr(w, block->text.inner.len == 0 ? gw_jstr_lit("{}") : block->text);
        gw_jw_object_end(w);
        return;
    }
}

/* Indexes count code points of the joined content. */
static void write_annotations(gw_arena *arena, gw_jw *w, const gw_choice *choice)
{
    int64_t start = 0;
    bool any = false;
    for (size_t i = 0; i < choice->block_count; i++)
        any = any || (choice->blocks[i].kind == GW_BLOCK_TEXT && gw_has_raw(choice->blocks[i].raw));
    if (!any)
        return;
    gw_jw_key(w, "annotations");
    gw_jw_array(w);
    for (size_t i = 0; i < choice->block_count; i++) {
        const gw_block *block = &choice->blocks[i];
        if (block->kind != GW_BLOCK_TEXT)
            continue;
        int64_t end = start + gw_oc_code_points(block->text);
        gw_oc_write_annotations(arena, w, block->raw, start, end);
        start = end;
    }
    gw_jw_array_end(w);
}

static void write_natives(gw_jw *w, const gw_choice *choice)
{
    for (size_t n = 0; gw_oc_native_members[n] != NULL; n++) {
        for (size_t i = 0; i < choice->block_count; i++) {
            const gw_block *block = &choice->blocks[i];
            if (block->kind != GW_BLOCK_NATIVE || !gw_has_raw(block->raw) ||
                !gw_jstr_is(block->tool_name, gw_oc_native_members[n]))
                continue;
            gw_jw_key(w, gw_oc_native_members[n]);
            gw_jw_raw(w, block->raw.json);
            break;
        }
    }
}

typedef struct choice_writing {
    gw_arena *arena;
    aigw_slice seed;
    uint32_t index;
    bool legacy;
} choice_writing;

static void write_message(const choice_writing *cw, gw_jw *w, const gw_choice *choice)
{
    bool calls = count_blocks(choice, GW_BLOCK_TOOL_CALL) > 0;
    bool refused = has_text(choice, GW_BLOCK_REFUSAL) || gw_has(choice->refusal);
    gw_jw_object(w);
    gw_jw_key(w, "role");
    gw_jw_str(w, "assistant");
    gw_jw_key(w, "content");
    if (!has_text(choice, GW_BLOCK_TEXT) && (calls || refused))
        gw_jw_null(w);
    else
        write_texts(w, choice, GW_BLOCK_TEXT);
    write_refusal(w, choice);
    write_thinking(w, choice);
    write_annotations(cw->arena, w, choice);
    write_natives(w, choice);
    if (cw->legacy)
        write_function_call(w, choice);
    else
        write_calls(w, choice, cw->seed, cw->index);
    gw_jw_object_end(w);
}

static void write_choice(const choice_writing *cw, gw_jw *w, const gw_choice *choice)
{
    bool calls = count_blocks(choice, GW_BLOCK_TOOL_CALL) > 0;
    const char *word = gw_oc_finish_word(choice->finished ? choice->finish : GW_FINISH_STOP, calls);
    if (cw->legacy && strcmp(word, "tool_calls") == 0)
        word = "function_call";
    gw_jw_object(w);
    gw_jw_key(w, "index");
    gw_jw_int(w, cw->index);
    gw_jw_key(w, "message");
    write_message(cw, w, choice);
    gw_jw_key(w, "logprobs");
    if (gw_has_raw(choice->logprobs))
        gw_jw_raw(w, choice->logprobs.json);
    else
        gw_jw_null(w);
    gw_jw_key(w, "finish_reason");
    gw_jw_str(w, word);
    if (gw_has(choice->native_finish) && !gw_jstr_is(choice->native_finish, word)) {
        gw_jw_key(w, "native_finish_reason");
        gw_jw_jstr(w, choice->native_finish);
    }
    gw_jw_object_end(w);
}

int gw_oc_write_answer(gw_arena *arena, const gw_answer *answer, const gw_answer_options *options,
                       gw_buf *out, aigw_error *err)
{
    static const gw_choice silent = {.finished = true, .finish = GW_FINISH_STOP};
    gw_jw jw = gw_jw_on(out), *w = &jw;
    gw_jw_object(w);
    gw_jw_key(w, "id");
    gw_jw_begin_string(w);
    if (answer->id.inner.len > 0) {
        gw_jw_part_inner(w, answer->id.inner);
    } else {
        gw_jw_part(w, GW_S("chatcmpl-"));
        gw_jw_part(w, options->id_seed);
    }
    gw_jw_end_string(w);
    gw_jw_key(w, "object");
    gw_jw_str(w, "chat.completion");
    gw_jw_key(w, "created");
    gw_jw_int(w, answer->created > 0 ? answer->created : options->created);
    gw_jw_key(w, "model");
    gw_jw_jstr(w, answer->model);
    gw_jw_key(w, "choices");
    gw_jw_array(w);
    choice_writing cw = {arena, options->id_seed, 0, gw_oc_is_legacy(options)};
    for (; cw.index < answer->choice_count; cw.index++)
        write_choice(&cw, w, &answer->choices[cw.index]);
    if (answer->choice_count == 0)
        write_choice(&cw, w, &silent); /* clients read choices[0] unasked */
    gw_jw_array_end(w);
    gw_oc_write_usage(w, "usage", &answer->usage, answer->usage_raw);
    if (gw_has(answer->service_tier)) {
        gw_jw_key(w, "service_tier");
        gw_jw_jstr(w, gw_oc_tier_of(answer->service_tier));
    }
    if (gw_has(answer->fingerprint)) {
        gw_jw_key(w, "system_fingerprint");
        gw_jw_jstr(w, answer->fingerprint);
    }
    gw_jw_object_end(w);
    return out->failed ? gw_fail(err, AIGW_E_LIMIT, "answer_too_large", "the answer is too large")
                       : AIGW_OK;
}
