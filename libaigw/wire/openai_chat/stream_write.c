/* Writes events as a stream of OpenAI chat chunks. */
/* Must not know where the events come from. */
#include "wire/openai_chat/stream.h"

#include "base/text.h"

enum {
    MAX_CHOICES = 128,
    HEAD_MAX = 64 * 1024,
    USAGE_MAX = 64 * 1024,
    CITATIONS_MAX = 1 << 20,
    THINKING_MAX = 4 << 20
};

static gw_oc_out_choice *choice_at(gw_oc_writer *wr, uint32_t index)
{
    if (index >= MAX_CHOICES)
        return NULL;
    if (index >= wr->choice_cap) {
        size_t cap = wr->choice_cap == 0 ? 1 : wr->choice_cap * 2;
        while (cap <= index)
            cap *= 2;
        gw_oc_out_choice *choices = gw_realloc(wr->choices, cap * sizeof(*choices));
        if (choices == NULL)
            return NULL;
        memset(choices + wr->choice_cap, 0, (cap - wr->choice_cap) * sizeof(*choices));
        wr->choices = choices;
        wr->choice_cap = cap;
    }
    for (; wr->choice_count <= index; wr->choice_count++) {
        gw_buf_init(&wr->choices[wr->choice_count].citations, CITATIONS_MAX);
        gw_buf_init(&wr->choices[wr->choice_count].annotations, CITATIONS_MAX);
        gw_buf_init(&wr->choices[wr->choice_count].thinking, THINKING_MAX);
    }
    wr->choices[index].seen = true;
    return &wr->choices[index];
}

/* The members that all chunks share. */
static void make_head(gw_oc_writer *wr, const gw_event *ev)
{
    gw_jw w = {&wr->head, true};
    gw_buf_puts(&wr->head, "\"id\":");
    w.comma = false;
    gw_jw_begin_string(&w);
    if (ev->id.inner.len > 0) {
        gw_jw_part_inner(&w, ev->id.inner);
    } else {
        gw_jw_part(&w, GW_S("chatcmpl-"));
        gw_jw_part(&w, gw_slice(wr->id_seed, wr->id_seed_len));
    }
    gw_jw_end_string(&w);
    w.comma = true;
    gw_jw_key(&w, "object");
    gw_jw_str(&w, "chat.completion.chunk");
    gw_jw_key(&w, "created");
    gw_jw_int(&w, ev->created > 0 ? ev->created : wr->created);
    gw_jw_key(&w, "model");
    gw_jw_jstr(&w, ev->model);
    if (gw_has(ev->service_tier)) {
        gw_jw_key(&w, "service_tier");
        gw_jw_jstr(&w, gw_oc_tier_of(ev->service_tier));
    }
    if (gw_has(ev->fingerprint)) {
        gw_jw_key(&w, "system_fingerprint");
        gw_jw_jstr(&w, ev->fingerprint);
    }
    wr->started = true;
}

/* data: {<head>,"choices":[{"index":N,"delta":{   ... chunk_end closes what this opens. */
static gw_jw chunk_begin(gw_oc_writer *wr, uint32_t choice, gw_buf *out)
{
    gw_buf_puts(out, "data: {");
    gw_buf_add(out, gw_buf_slice(&wr->head));
    gw_buf_puts(out, ",\"choices\":[{\"index\":");
    gw_buf_int(out, choice);
    gw_buf_puts(out, ",\"delta\":{");
    return gw_jw_on(out);
}

static void chunk_end(const gw_oc_writer *wr, const char *finish, gw_jstr native, gw_raw logprobs,
                      gw_buf *out)
{
    gw_jw w = {out, true};
    gw_buf_putc(out, '}');
    if (gw_has_raw(logprobs)) {
        gw_jw_key(&w, "logprobs");
        gw_jw_raw(&w, logprobs.json);
    }
    gw_jw_key(&w, "finish_reason");
    if (finish == NULL) {
        gw_jw_null(&w);
    } else {
        gw_jw_str(&w, finish);
        if (gw_has(native) && !gw_jstr_is(native, finish)) {
            gw_jw_key(&w, "native_finish_reason");
            gw_jw_jstr(&w, native);
        }
    }
    gw_buf_puts(out, wr->include_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n");
}

static void plain_end(const gw_oc_writer *wr, gw_buf *out)
{
    chunk_end(wr, NULL, (gw_jstr){{NULL, 0}}, (gw_raw){{NULL, 0}}, out);
}

static void send_role(gw_oc_writer *wr, gw_oc_out_choice *choice, uint32_t index, bool null_content,
                      gw_buf *out)
{
    if (choice->role_sent)
        return;
    choice->role_sent = true;
    chunk_begin(wr, index, out);
    gw_buf_puts(out, null_content ? "\"role\":\"assistant\",\"content\":null"
                                  : "\"role\":\"assistant\",\"content\":\"\"");
    plain_end(wr, out);
}

static gw_oc_out_call *open_call(gw_oc_out_choice *choice, uint32_t block)
{
    for (size_t i = choice->open_count; i > 0; i--) {
        if (choice->open[i - 1].block == block)
            return &choice->open[i - 1];
    }
    return NULL;
}

/* As the deprecated functions have it: one call, without id; `name` is absent in its fragments. */
static void function_call(gw_oc_writer *wr, uint32_t index, const gw_event *ev, gw_jstr name,
                          gw_jstr args, gw_buf *out)
{
    if (index > 0)
        return;
    gw_jw w = chunk_begin(wr, ev->choice, out);
    gw_jw_key(&w, "function_call");
    gw_jw_object(&w);
    if (gw_has(name)) {
        gw_jw_key(&w, "name");
        gw_jw_jstr(&w, name);
    }
    gw_jw_key(&w, "arguments");
    gw_jw_jstr(&w, args);
    gw_jw_object_end(&w);
    plain_end(wr, out);
}

static int start_call(gw_oc_writer *wr, gw_oc_out_choice *choice, const gw_event *ev, gw_buf *out)
{
    if (choice->open_count == choice->open_cap) {
        size_t cap = choice->open_cap == 0 ? 4 : choice->open_cap * 2;
        gw_oc_out_call *open = gw_realloc(choice->open, cap * sizeof(*open));
        if (open == NULL)
            return AIGW_E_NOMEM;
        choice->open = open;
        choice->open_cap = cap;
    }
    uint32_t index = choice->calls++;
    choice->open[choice->open_count++] = (gw_oc_out_call){ev->block, index, ev->custom, false};
    if (wr->legacy) {
        function_call(wr, index, ev, ev->tool_name, gw_jstr_lit(""), out);
        return AIGW_OK;
    }
    const char *type = ev->custom ? "custom" : "function";
    gw_jw w = chunk_begin(wr, ev->choice, out);
    gw_jw_key(&w, "tool_calls");
    gw_jw_array(&w);
    gw_jw_object(&w);
    gw_jw_key(&w, "index");
    gw_jw_int(&w, index);
    gw_jw_key(&w, "id");
    gw_oc_thought signature = {.signature = ev->signature, .origin = ev->origin};
    gw_oc_write_sealed_id(&w, ev->call_id, gw_slice(wr->id_seed, wr->id_seed_len), ev->choice,
                          index, &signature);
    gw_jw_key(&w, "type");
    gw_jw_str(&w, type);
    gw_jw_key(&w, type);
    gw_jw_object(&w);
    gw_jw_key(&w, "name");
    gw_jw_jstr(&w, ev->tool_name);
    gw_jw_key(&w, ev->custom ? "input" : "arguments");
    gw_jw_str(&w, "");
    gw_jw_object_end(&w);
    gw_oc_write_call_signature(&w, ev->origin, ev->signature);
    gw_jw_object_end(&w);
    gw_jw_array_end(&w);
    plain_end(wr, out);
    return AIGW_OK;
}

static void call_fragment(gw_oc_writer *wr, const gw_oc_out_call *call, const gw_event *ev,
                          gw_jstr args, gw_buf *out)
{
    if (wr->legacy) {
        function_call(wr, call->index, ev, (gw_jstr){{NULL, 0}}, args, out);
        return;
    }
    gw_jw w = chunk_begin(wr, ev->choice, out);
    gw_jw_key(&w, "tool_calls");
    gw_jw_array(&w);
    gw_jw_object(&w);
    gw_jw_key(&w, "index");
    gw_jw_int(&w, call->index);
    gw_jw_key(&w, call->custom ? "custom" : "function");
    gw_jw_object(&w);
    gw_jw_key(&w, call->custom ? "input" : "arguments");
    gw_jw_jstr(&w, args);
    gw_jw_object_end(&w);
    gw_oc_write_call_signature(&w, ev->origin, ev->signature);
    gw_jw_object_end(&w);
    gw_jw_array_end(&w);
    plain_end(wr, out);
}

/* A whole block, text included: what is replayed must be what was signed. The index is for clients that
 * join the lists of deltas by it. */
static void thinking_block(gw_oc_writer *wr, gw_oc_out_choice *choice, const gw_event *ev,
                           gw_buf *out)
{
    bool redacted = ev->block_kind == GW_BLOCK_REDACTED_THINKING;
    gw_oc_thought thought = {redacted, ev->delta, ev->signature, ev->origin};
    if (!redacted) /* of a text the signature alone */
        thought.text.inner =
            ev->block_kind == GW_BLOCK_THINKING ? gw_buf_slice(&choice->thinking) : GW_S("");
    gw_jw w = chunk_begin(wr, ev->choice, out);
    gw_jw_key(&w, "thinking_blocks");
    gw_jw_array(&w);
    gw_oc_write_thought(&w, &thought, choice->thinking_blocks++);
    gw_jw_array_end(&w);
    plain_end(wr, out);
}

static void native_block(gw_oc_writer *wr, const gw_event *ev, gw_buf *out)
{
    for (size_t i = 0; gw_oc_native_members[i] != NULL; i++) {
        if (!gw_jstr_is(ev->tool_name, gw_oc_native_members[i]) || !gw_has_raw(ev->raw))
            continue;
        gw_jw w = chunk_begin(wr, ev->choice, out);
        gw_jw_key(&w, gw_oc_native_members[i]);
        gw_jw_raw(&w, ev->raw.json);
        plain_end(wr, out);
    }
}

/* One citation or a list of them waits for the end of its block: the indexes span the block's text,
 * and Anthropic sends citations before the text that they are for. */
static void keep_citations(gw_oc_out_choice *choice, gw_raw raw)
{
    gw_buf *kept = &choice->citations;
    if (!gw_has_raw(raw))
        return;
    aigw_slice list = raw.json;
    if (list.len >= 2 && list.data[0] == '[')
        list = gw_slice(list.data + 1, list.len - 2);
    size_t blank = 0;
    while (blank < list.len && strchr(" \t\r\n", list.data[blank]) != NULL)
        blank++;
    if (blank == list.len)
        return;
    size_t before = gw_buf_len(kept);
    gw_buf_putc(kept, before > 0 ? ',' : '[');
    gw_buf_add(kept, list);
}

/* The end of a block: its citations become annotations. */
static int take_citations(gw_oc_writer *wr, gw_oc_out_choice *choice)
{
    gw_buf *kept = &choice->citations;
    if (gw_buf_len(kept) == 0)
        return AIGW_OK;
    gw_buf_putc(kept, ']');
    if (kept->failed)
        return AIGW_E_LIMIT;
    if (wr->arena == NULL)
        wr->arena = gw_arena_new((size_t)64 << 20);
    if (wr->arena == NULL)
        return AIGW_E_NOMEM;
    gw_arena_reset(wr->arena);
    gw_jw w = {&choice->annotations, gw_buf_len(&choice->annotations) > 0};
    gw_oc_write_annotations(wr->arena, &w, (gw_raw){gw_buf_slice(kept)}, choice->block_start,
                            choice->code_points);
    gw_buf_clear(kept);
    return choice->annotations.failed ? AIGW_E_LIMIT : AIGW_OK;
}

/* One chunk holds all: clients do not join lists of two chunks, some even fail on it. */
static void send_annotations(gw_oc_writer *wr, gw_oc_out_choice *choice, uint32_t index,
                             gw_buf *out)
{
    if (gw_buf_len(&choice->annotations) == 0)
        return;
    gw_jw w = chunk_begin(wr, index, out);
    gw_jw_key(&w, "annotations");
    gw_jw_array(&w);
    gw_buf_add(out, gw_buf_slice(&choice->annotations));
    gw_jw_array_end(&w);
    plain_end(wr, out);
}

static void text_chunk(gw_oc_writer *wr, const char *member, const gw_event *ev, gw_buf *out)
{
    if (ev->delta.inner.len == 0 && !gw_has_raw(ev->logprobs))
        return;
    gw_jw w = chunk_begin(wr, ev->choice, out);
    gw_jw_key(&w, member);
    gw_jw_jstr(&w, ev->delta);
    chunk_end(wr, NULL, (gw_jstr){{NULL, 0}}, ev->logprobs, out);
}

static int block_start(gw_oc_writer *wr, gw_oc_out_choice *choice, const gw_event *ev, gw_buf *out)
{
    bool call = ev->block_kind == GW_BLOCK_TOOL_CALL;
    send_role(wr, choice, ev->choice, call, out);
    choice->block_start = choice->code_points;
    gw_buf_clear(&choice->thinking);
    if (call)
        return start_call(wr, choice, ev, out);
    if (ev->block_kind == GW_BLOCK_REDACTED_THINKING)
        thinking_block(wr, choice, ev, out);
    else if (ev->block_kind == GW_BLOCK_NATIVE)
        native_block(wr, ev, out);
    else if (ev->block_kind == GW_BLOCK_TEXT)
        keep_citations(choice, ev->raw);
    if (ev->block_kind == GW_BLOCK_TEXT && ev->signature.inner.len > 0)
        thinking_block(wr, choice, ev, out);
    return AIGW_OK;
}

static int block_delta(gw_oc_writer *wr, gw_oc_out_choice *choice, const gw_event *ev, gw_buf *out)
{
    gw_oc_out_call *call;
    switch (ev->block_kind) {
    case GW_BLOCK_TEXT:
        text_chunk(wr, "content", ev, out);
        choice->code_points += gw_oc_code_points(ev->delta);
        keep_citations(choice, ev->raw);
        if (ev->signature.inner.len > 0)
            thinking_block(wr, choice, ev, out);
        return AIGW_OK;
    case GW_BLOCK_REFUSAL:
        text_chunk(wr, "refusal", ev, out);
        return AIGW_OK;
    case GW_BLOCK_THINKING:
        text_chunk(wr, "reasoning_content", ev, out);
        gw_buf_add(&choice->thinking, ev->delta.inner);
        if (choice->thinking.failed)
            gw_buf_clear(&choice->thinking); /* too much to keep: the signature alone must do */
        if (ev->signature.inner.len > 0)
            thinking_block(wr, choice, ev, out);
        return AIGW_OK;
    case GW_BLOCK_TOOL_CALL:
        call = open_call(choice, ev->block);
        if (call == NULL)
            return AIGW_E_INVALID;
        call->any_args = call->any_args || ev->delta.inner.len > 0;
        if (ev->delta.inner.len > 0 || gw_has(ev->signature))
            call_fragment(wr, call, ev, ev->delta, out);
        return AIGW_OK;
    default:
        return AIGW_OK;
    }
}

/* No arguments at all mean {}: what a client joins must be JSON. */
static int block_stop(gw_oc_writer *wr, gw_oc_out_choice *choice, const gw_event *ev, gw_buf *out)
{
    if (ev->block_kind != GW_BLOCK_TOOL_CALL)
        return take_citations(wr, choice);
    gw_oc_out_call *call = open_call(choice, ev->block);
    if (call == NULL)
        return AIGW_E_INVALID;
    if (!call->any_args && !call->custom)
        call_fragment(wr, call, ev, gw_jstr_lit("{}"), out);
    *call = choice->open[--choice->open_count];
    return AIGW_OK;
}

static void finish(gw_oc_writer *wr, gw_oc_out_choice *choice, const gw_event *ev, gw_buf *out)
{
    send_role(wr, choice, ev->choice, false, out);
    send_annotations(wr, choice, ev->choice, out);
    if (gw_has(ev->refusal)) {
        gw_jw w = chunk_begin(wr, ev->choice, out);
        gw_jw_key(&w, "refusal");
        gw_jw_jstr(&w, ev->refusal);
        plain_end(wr, out);
    }
    const char *word = gw_oc_finish_word(ev->finish, choice->calls > 0);
    if (wr->legacy && strcmp(word, "tool_calls") == 0)
        word = "function_call";
    chunk_begin(wr, ev->choice, out);
    chunk_end(wr, word, ev->native_finish, ev->logprobs, out);
    choice->finished = true;
}

static int take_usage(gw_oc_writer *wr, const gw_event *ev)
{
    gw_usage_merge(&wr->usage, &ev->usage);
    if (!gw_has_raw(ev->usage_raw))
        return AIGW_OK;
    gw_buf_clear(&wr->usage_raw);
    gw_buf_add(&wr->usage_raw, ev->usage_raw.json);
    if (wr->usage_raw.failed)
        gw_buf_clear(&wr->usage_raw); /* too large to keep: the numbers will do */
    return AIGW_OK;
}

static void end(gw_oc_writer *wr, gw_buf *out)
{
    if (wr->choice_count == 0)
        choice_at(wr, 0);
    for (size_t i = 0; i < wr->choice_count; i++) {
        gw_event ev = {.kind = GW_EV_FINISH, .choice = (uint32_t)i, .finish = GW_FINISH_STOP};
        if (wr->choices[i].seen && !wr->choices[i].finished)
            finish(wr, &wr->choices[i], &ev, out);
    }
    if (wr->include_usage) {
        size_t before = gw_buf_len(out);
        gw_buf_puts(out, "data: {");
        gw_buf_add(out, gw_buf_slice(&wr->head));
        gw_buf_puts(out, ",\"choices\":[]");
        gw_jw w = {out, true};
        gw_raw raw = {{NULL, 0}};
        if (gw_buf_len(&wr->usage_raw) > 0)
            raw.json = gw_buf_slice(&wr->usage_raw);
        if (gw_oc_write_usage(&w, "usage", &wr->usage, raw))
            gw_buf_puts(out, "}\n\n");
        else
            gw_buf_truncate(out, before);
    }
    gw_buf_puts(out, "data: [DONE]\n\n");
    wr->ended = true;
}

static void error_chunk(gw_oc_writer *wr, const gw_event *ev, gw_buf *out)
{
    gw_answer_options options = {0};
    gw_buf_puts(out, "data: ");
    gw_oc_write_error(&ev->error, &options, out, NULL);
    gw_buf_puts(out, "\n\n");
    wr->ended = true;
}

static int choice_event(gw_oc_writer *wr, const gw_event *ev, gw_buf *out)
{
    gw_oc_out_choice *choice = choice_at(wr, ev->choice);
    if (choice == NULL)
        return ev->choice >= MAX_CHOICES ? AIGW_E_LIMIT : AIGW_E_NOMEM;
    if (choice->finished)
        return AIGW_E_INVALID;
    switch (ev->kind) {
    case GW_EV_BLOCK_START:
        return block_start(wr, choice, ev, out);
    case GW_EV_DELTA:
        return block_delta(wr, choice, ev, out);
    case GW_EV_BLOCK_STOP:
        return block_stop(wr, choice, ev, out);
    default:
        finish(wr, choice, ev, out);
        return AIGW_OK;
    }
}

int gw_oc_writer_init(void *writer, const gw_answer_options *options)
{
    gw_oc_writer *wr = writer;
    *wr = (gw_oc_writer){.created = options->created, .include_usage = options->include_usage};
    wr->usage = gw_usage_unknown();
    wr->legacy = gw_oc_is_legacy(options);
    gw_buf_init(&wr->head, HEAD_MAX);
    gw_buf_init(&wr->usage_raw, USAGE_MAX);
    wr->id_seed_len =
        options->id_seed.len < sizeof(wr->id_seed) ? options->id_seed.len : sizeof(wr->id_seed);
    if (wr->id_seed_len > 0)
        memcpy(wr->id_seed, options->id_seed.data, wr->id_seed_len);
    return AIGW_OK;
}

void gw_oc_writer_free(void *writer)
{
    gw_oc_writer *wr = writer;
    for (size_t i = 0; i < wr->choice_count; i++) {
        gw_free(wr->choices[i].open);
        gw_buf_free(&wr->choices[i].citations);
        gw_buf_free(&wr->choices[i].annotations);
        gw_buf_free(&wr->choices[i].thinking);
    }
    gw_free(wr->choices);
    gw_arena_free(wr->arena);
    gw_buf_free(&wr->head);
    gw_buf_free(&wr->usage_raw);
    *wr = (gw_oc_writer){0};
}

int gw_oc_writer_event(void *writer, const gw_event *event, gw_buf *out)
{
    gw_oc_writer *wr = writer;
    static const gw_event nobody = {.kind = GW_EV_START};
    int rc = AIGW_OK;
    if (wr->ended)
        return AIGW_E_INVALID;
    if (!wr->started && event->kind != GW_EV_PING && event->kind != GW_EV_ERROR)
        make_head(wr, event->kind == GW_EV_START ? event : &nobody);
    switch (event->kind) {
    case GW_EV_START:
        break; /* the role chunk waits for the first block: it says whether content is null */
    case GW_EV_USAGE:
        rc = take_usage(wr, event);
        break;
    case GW_EV_PING:
        gw_buf_puts(out, ": ping\n\n");
        break;
    case GW_EV_ERROR:
        error_chunk(wr, event, out);
        break;
    case GW_EV_END:
        end(wr, out);
        break;
    default:
        rc = choice_event(wr, event, out);
        break;
    }
    if (rc == AIGW_OK && (out->failed || wr->head.failed))
        rc = AIGW_E_LIMIT;
    return rc;
}
