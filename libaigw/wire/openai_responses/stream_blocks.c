/* The events of each block of an OpenAI Responses stream, from added to done. */
/* Must not know in which order blocks come. */
#include "wire/openai_responses/stream_blocks.h"

#include "base/text.h"
#include "wire/openai_chat/openai_chat.h"

enum { ARENA_BYTES = 64 * 1024 * 1024 };

gw_jw gw_or_out_begin(gw_or_writer *s, gw_buf *out, const char *type)
{
    gw_buf_puts(out, "event: ");
    gw_buf_puts(out, type);
    gw_buf_puts(out, "\ndata: ");
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "type");
    gw_jw_str(&w, type);
    gw_jw_key(&w, "sequence_number");
    gw_jw_int(&w, s->sequence++);
    return w;
}

void gw_or_out_end(gw_jw *w)
{
    gw_jw_object_end(w);
    gw_buf_puts(w->buf, "\n\n");
}

static void put_int(gw_jw *w, const char *key, int64_t value)
{
    gw_jw_key(w, key);
    gw_jw_int(w, value);
}

static void put_jstr(gw_jw *w, const char *key, gw_jstr value)
{
    gw_jw_key(w, key);
    gw_jw_jstr(w, value);
}

static gw_or_place place_of(const gw_or_writer *s, uint32_t index, uint32_t call)
{
    return (gw_or_place){s->options.id_seed, index, call, true};
}

/* An event of an item: its place, and its id by the prefix. */
static gw_jw begin_at(gw_or_writer *s, gw_buf *out, const char *type, uint32_t index,
                      const char *prefix)
{
    gw_jw w = gw_or_out_begin(s, out, type);
    put_int(&w, "output_index", index);
    gw_jw_key(&w, "item_id");
    gw_or_write_item_id(&w, prefix, s->options.id_seed, index);
    return w;
}

static gw_jw begin_item(gw_or_writer *s, gw_buf *out, const char *type, uint32_t index)
{
    gw_jw w = gw_or_out_begin(s, out, type);
    put_int(&w, "output_index", index);
    gw_jw_key(&w, "item");
    return w;
}

/* An item that is done goes out, and into the output of the last event. `item` is a buffer of the caller. */
static int item_done(gw_or_writer *s, uint32_t index, gw_buf *item, gw_buf *out)
{
    if (item->failed)
        return AIGW_E_LIMIT;
    gw_jw w = begin_item(s, out, "response.output_item.done", index);
    gw_jw_raw(&w, gw_buf_slice(item));
    gw_or_out_end(&w);
    if (gw_buf_len(&s->items) > 0)
        gw_buf_putc(&s->items, ',');
    gw_buf_add(&s->items, gw_buf_slice(item));
    return s->items.failed ? AIGW_E_LIMIT : AIGW_OK;
}

static void add_elements(gw_buf *list, aigw_slice elements)
{
    if (gw_buf_len(list) > 0 && elements.len > 0)
        gw_buf_putc(list, ',');
    gw_buf_add(list, elements);
}

static void open_message(gw_or_writer *s, gw_buf *out)
{
    if (s->message)
        return;
    s->message = true;
    s->message_index = s->next_index++;
    s->content_index = 0;
    gw_buf_clear(&s->content);
    gw_or_place place = place_of(s, s->message_index, 0);
    gw_jw w = begin_item(s, out, "response.output_item.added", s->message_index);
    gw_or_item_message(&w, &place, "in_progress", (aigw_slice){NULL, 0});
    gw_or_out_end(&w);
}

static gw_jw begin_part(gw_or_writer *s, gw_buf *out, const char *type)
{
    gw_jw w = begin_at(s, out, type, s->message_index, "msg_");
    put_int(&w, "content_index", s->content_index);
    return w;
}

static void write_part(gw_jw *w, gw_or_writer *s, const gw_or_open *b)
{
    gw_jstr text = {gw_buf_slice(&b->text)};
    if (b->kind == GW_BLOCK_REFUSAL)
        gw_or_part_refusal(w, text);
    else
        gw_or_part_text(w, text, gw_buf_slice(&s->annotations), gw_buf_slice(&s->logprobs));
}

void gw_or_out_part_added(gw_or_writer *s, gw_or_open *b, gw_buf *out)
{
    open_message(s, out);
    b->index = s->message_index;
    gw_buf_clear(&s->annotations);
    gw_buf_clear(&s->logprobs);
    gw_buf_clear(&s->citations);
    gw_jw w = begin_part(s, out, "response.content_part.added");
    gw_jw_key(&w, "part");
    write_part(&w, s, b);
    gw_or_out_end(&w);
}

static gw_arena *arena_of(gw_or_writer *s)
{
    if (s->arena == NULL)
        s->arena = gw_arena_new(ARENA_BYTES);
    else
        gw_arena_reset(s->arena);
    return s->arena;
}

/* They may come before the text that they stand for: they wait until all of it is there. */
static void keep_citations(gw_or_writer *s, aigw_slice raw)
{
    while (raw.len > 0 && strchr(" \t\r\n", raw.data[0]) != NULL)
        raw = gw_skip(raw, 1);
    while (raw.len > 0 && strchr(" \t\r\n", raw.data[raw.len - 1]) != NULL)
        raw.len--;
    if (raw.len >= 2 && raw.data[0] == '[')
        raw = gw_slice(raw.data + 1, raw.len - 2);
    add_elements(&s->citations, raw);
}

/* Each citation in an event of its own. */
static int write_citations(gw_or_writer *s, const gw_or_open *b, gw_buf *out)
{
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    gw_buf list;
    if (gw_buf_len(&s->citations) == 0)
        return AIGW_OK;
    gw_arena *arena = arena_of(s);
    if (arena == NULL)
        return AIGW_E_NOMEM;
    gw_buf_init(&list, s->annotations.max);
    gw_buf_putc(&list, '[');
    gw_buf_add(&list, gw_buf_slice(&s->citations));
    gw_buf_putc(&list, ']');
    gw_jw elements = gw_jw_on(&s->annotations);
    gw_or_write_citations(arena, &elements, (gw_raw){gw_buf_slice(&list)},
                          gw_oc_code_points((gw_jstr){gw_buf_slice(&b->text)}));
    gw_buf_clear(&list);
    gw_buf_putc(&list, '[');
    gw_buf_add(&list, gw_buf_slice(&s->annotations));
    gw_buf_putc(&list, ']');
    bool failed = list.failed || s->annotations.failed;
    int rc = failed ? AIGW_E_LIMIT : gw_json_parse(arena, gw_buf_slice(&list), &limits, &doc, NULL);
    gw_json_ref ref = rc == AIGW_OK ? gw_json_first(&doc, 0) : GW_JSON_ABSENT;
    for (int64_t i = 0; ref != GW_JSON_ABSENT; ref = gw_json_next(&doc, ref)) {
        gw_jw w = begin_part(s, out, "response.output_text.annotation.added");
        put_int(&w, "annotation_index", i++);
        gw_jw_key(&w, "annotation");
        gw_jw_raw(&w, gw_json_raw(&doc, ref));
        gw_or_out_end(&w);
    }
    gw_buf_free(&list);
    return rc;
}

int gw_or_out_text_delta(gw_or_writer *s, gw_or_open *b, const gw_event *event, gw_buf *out)
{
    gw_raw probs = {{NULL, 0}};
    if (gw_has_raw(event->logprobs)) {
        gw_arena *arena = arena_of(s);
        if (arena == NULL)
            return AIGW_E_NOMEM;
        int rc = gw_or_logprobs_list(arena, event->logprobs, &probs);
        if (rc != AIGW_OK)
            return rc;
    }
    if (event->delta.inner.len > 0 || gw_has_raw(probs)) {
        gw_jw w = begin_part(s, out, "response.output_text.delta");
        put_jstr(&w, "delta", event->delta);
        gw_jw_key(&w, "logprobs");
        gw_jw_raw(&w, gw_has_raw(probs) ? probs.json : GW_S("[]"));
        gw_or_out_end(&w);
        gw_buf_add(&b->text, event->delta.inner);
    }
    if (gw_has_raw(probs))
        add_elements(&s->logprobs, gw_slice(probs.json.data + 1, probs.json.len - 2));
    if (gw_has_raw(event->raw))
        keep_citations(s, event->raw.json);
    return b->text.failed || s->citations.failed ? AIGW_E_LIMIT : AIGW_OK;
}

int gw_or_out_part_done(gw_or_writer *s, gw_or_open *b, gw_buf *out)
{
    bool refusal = b->kind == GW_BLOCK_REFUSAL;
    int rc = write_citations(s, b, out);
    if (rc != AIGW_OK)
        return rc;
    gw_jw w = begin_part(s, out, refusal ? "response.refusal.done" : "response.output_text.done");
    put_jstr(&w, refusal ? "refusal" : "text", (gw_jstr){gw_buf_slice(&b->text)});
    if (!refusal) {
        gw_jw_key(&w, "logprobs");
        gw_jw_array(&w);
        if (gw_buf_len(&s->logprobs) > 0)
            gw_jw_raw(&w, gw_buf_slice(&s->logprobs));
        gw_jw_array_end(&w);
    }
    gw_or_out_end(&w);
    w = begin_part(s, out, "response.content_part.done");
    gw_jw_key(&w, "part");
    write_part(&w, s, b);
    gw_or_out_end(&w);
    if (gw_buf_len(&s->content) > 0)
        gw_buf_putc(&s->content, ',');
    gw_jw content = gw_jw_on(&s->content);
    write_part(&content, s, b);
    s->content_index++;
    return s->content.failed ? AIGW_E_LIMIT : AIGW_OK;
}

int gw_or_out_message_done(gw_or_writer *s, const char *status, gw_buf *out)
{
    if (!s->message)
        return AIGW_OK;
    gw_or_place place = place_of(s, s->message_index, 0);
    gw_buf item;
    s->message = false;
    gw_buf_init(&item, s->items.max);
    gw_jw w = gw_jw_on(&item);
    gw_or_item_message(&w, &place, status, gw_buf_slice(&s->content));
    int rc = item_done(s, s->message_index, &item, out);
    gw_buf_free(&item);
    return rc;
}

static gw_block call_block(const gw_or_open *b)
{
    aigw_slice words = gw_buf_slice(&b->words);
    gw_block block = {.kind = GW_BLOCK_TOOL_CALL, .custom = b->custom};
    block.text.inner = gw_buf_slice(&b->text);
    block.call_id.inner = gw_slice(words.data, b->id_len);
    block.tool_name.inner =
        gw_slice(words.len > b->id_len ? words.data + b->id_len : NULL, words.len - b->id_len);
    return block;
}

int gw_or_out_call_added(gw_or_writer *s, gw_or_open *b, const gw_event *event, gw_buf *out)
{
    b->index = s->next_index++;
    b->call = s->calls++;
    b->id_len = event->call_id.inner.len;
    gw_buf_add(&b->words, event->call_id.inner);
    gw_buf_add(&b->words, event->tool_name.inner);
    if (b->words.failed) {
        b->id_len = 0;
        return AIGW_E_LIMIT;
    }
    gw_or_place place = place_of(s, b->index, b->call);
    gw_block block = call_block(b);
    gw_jw w = begin_item(s, out, "response.output_item.added", b->index);
    gw_or_item_call(&w, &place, "in_progress", &block);
    gw_or_out_end(&w);
    return AIGW_OK;
}

static const char *call_prefix(const gw_or_open *b)
{
    return b->custom ? "ctc_" : "fc_";
}

void gw_or_out_plain_delta(gw_or_writer *s, gw_or_open *b, gw_jstr delta, gw_buf *out)
{
    gw_jw w;
    if (b->kind == GW_BLOCK_REFUSAL)
        w = begin_part(s, out, "response.refusal.delta");
    else
        w = begin_at(s, out,
                     b->custom ? "response.custom_tool_call_input.delta"
                               : "response.function_call_arguments.delta",
                     b->index, call_prefix(b));
    put_jstr(&w, "delta", delta);
    gw_or_out_end(&w);
    gw_buf_add(&b->text, delta.inner);
}

int gw_or_out_call_done(gw_or_writer *s, gw_or_open *b, const char *status, gw_buf *out)
{
    gw_buf item;
    if (!b->custom && gw_buf_len(&b->text) == 0)
        gw_or_out_plain_delta(s, b, gw_jstr_lit("{}"), out); /* what clients join must be JSON */
    gw_block block = call_block(b);
    gw_jw w = begin_at(s, out,
                       b->custom ? "response.custom_tool_call_input.done"
                                 : "response.function_call_arguments.done",
                       b->index, call_prefix(b));
    put_jstr(&w, b->custom ? "input" : "arguments", block.text);
    if (!b->custom)
        put_jstr(&w, "name", block.tool_name);
    gw_or_out_end(&w);
    gw_or_place place = place_of(s, b->index, b->call);
    gw_buf_init(&item, s->items.max);
    gw_jw body = gw_jw_on(&item);
    gw_or_item_call(&body, &place, status, &block);
    int rc = item_done(s, b->index, &item, out);
    gw_buf_free(&item);
    return rc;
}

static void reasoning_added(gw_or_writer *s, uint32_t index, gw_buf *out)
{
    static const gw_block nothing = {.kind = GW_BLOCK_THINKING};
    gw_or_place place = place_of(s, index, 0);
    gw_jw w = begin_item(s, out, "response.output_item.added", index);
    gw_or_item_reasoning(&w, &place, "in_progress", &nothing);
    gw_or_out_end(&w);
}

static int reasoning_done(gw_or_writer *s, uint32_t index, const gw_block *block, gw_buf *out)
{
    gw_or_place place = place_of(s, index, 0);
    gw_buf item;
    gw_buf_init(&item, s->items.max);
    gw_jw w = gw_jw_on(&item);
    gw_or_item_reasoning(&w, &place, "completed", block);
    int rc = item_done(s, index, &item, out);
    gw_buf_free(&item);
    return rc;
}

void gw_or_out_thinking_added(gw_or_writer *s, gw_or_open *b, gw_buf *out)
{
    b->index = s->next_index++;
    reasoning_added(s, b->index, out);
}

static gw_jw begin_summary(gw_or_writer *s, const gw_or_open *b, const char *type, gw_buf *out)
{
    gw_jw w = begin_at(s, out, type, b->index, "rs_");
    put_int(&w, "summary_index", 0);
    return w;
}

static void write_summary_part(gw_or_writer *s, const gw_or_open *b, const char *type, gw_buf *out)
{
    gw_jw w = begin_summary(s, b, type, out);
    gw_jw_key(&w, "part");
    gw_or_part_summary(&w, (gw_jstr){gw_buf_slice(&b->text)});
    gw_or_out_end(&w);
}

void gw_or_out_thinking_delta(gw_or_writer *s, gw_or_open *b, const gw_event *event, gw_buf *out)
{
    if (gw_has(event->signature)) {
        gw_buf_clear(&b->words);
        gw_buf_add(&b->words, event->signature.inner);
        b->has_signature = true;
        if (event->origin != 0)
            b->origin = event->origin;
    }
    if (event->delta.inner.len == 0)
        return;
    if (!b->any)
        write_summary_part(s, b, "response.reasoning_summary_part.added", out);
    b->any = true;
    gw_jw w = begin_summary(s, b, "response.reasoning_summary_text.delta", out);
    put_jstr(&w, "delta", event->delta);
    gw_or_out_end(&w);
    gw_buf_add(&b->text, event->delta.inner);
}

int gw_or_out_thinking_done(gw_or_writer *s, gw_or_open *b, gw_buf *out)
{
    gw_block block = {.kind = GW_BLOCK_THINKING, .origin = b->origin};
    block.text.inner = gw_buf_slice(&b->text);
    if (b->has_signature)
        block.signature.inner = gw_buf_slice(&b->words);
    if (b->any) {
        gw_jw w = begin_summary(s, b, "response.reasoning_summary_text.done", out);
        put_jstr(&w, "text", block.text);
        gw_or_out_end(&w);
        write_summary_part(s, b, "response.reasoning_summary_part.done", out);
    }
    return reasoning_done(s, b->index, &block, out);
}

int gw_or_out_carrier(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    gw_block block = {
        .kind = GW_BLOCK_THINKING, .signature = event->signature, .origin = event->origin};
    uint32_t index = s->next_index++;
    reasoning_added(s, index, out);
    return reasoning_done(s, index, &block, out);
}

int gw_or_out_whole_item(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    uint32_t index = s->next_index++;
    if (event->block_kind == GW_BLOCK_REDACTED_THINKING) {
        gw_block block = {
            .kind = GW_BLOCK_REDACTED_THINKING, .text = event->delta, .origin = event->origin};
        reasoning_added(s, index, out);
        return reasoning_done(s, index, &block, out);
    }
    gw_buf item;
    gw_buf_init(&item, s->items.max);
    gw_buf_add(&item, event->raw.json);
    gw_jw w = begin_item(s, out, "response.output_item.added", index);
    gw_jw_raw(&w, event->raw.json);
    gw_or_out_end(&w);
    int rc = item_done(s, index, &item, out);
    gw_buf_free(&item);
    return rc;
}
