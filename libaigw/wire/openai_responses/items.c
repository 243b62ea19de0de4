/* Output items and content parts of OpenAI Responses, written one at a time. */
/* Must not know whether they go into a whole answer or into a stream. */
#include "wire/openai_responses/items.h"

#include "base/text.h"
#include "wire/openai_chat/openai_chat.h"

static void put_str(gw_jw *w, const char *key, const char *value)
{
    gw_jw_key(w, key);
    gw_jw_str(w, value);
}

static void put_list(gw_jw *w, const char *key, aigw_slice elements)
{
    gw_jw_key(w, key);
    gw_jw_array(w);
    if (elements.len > 0)
        gw_jw_raw(w, elements);
    gw_jw_array_end(w);
}

void gw_or_item_message(gw_jw *w, const gw_or_place *place, const char *status, aigw_slice content)
{
    gw_jw_object(w);
    put_str(w, "type", "message");
    gw_jw_key(w, "id");
    gw_or_write_item_id(w, "msg_", place->seed, place->index);
    put_str(w, "status", status);
    put_str(w, "role", "assistant");
    put_list(w, "content", content);
    gw_jw_object_end(w);
}

/* The id of a call, made where the provider gave none; of the item that holds it. */
static void write_call_id(gw_jw *w, const gw_or_place *place, gw_jstr id)
{
    char made[26];
    if (id.inner.len > 0) {
        gw_jw_jstr(w, id);
        return;
    }
    gw_oc_make_call_id(made, place->seed, 0, place->call);
    gw_jw_str(w, made);
}

static void write_call_item_id(gw_jw *w, const gw_or_place *place, bool custom)
{
    gw_or_write_item_id(w, custom ? "ctc_" : "fc_", place->seed, place->index);
}

void gw_or_item_call(gw_jw *w, const gw_or_place *place, const char *status, const gw_block *block)
{
    bool custom = block->custom;
    bool empty = !custom && block->text.inner.len == 0 && strcmp(status, "in_progress") != 0;
    gw_jw_object(w);
    put_str(w, "type", custom ? "custom_tool_call" : "function_call");
    gw_jw_key(w, "id");
    write_call_item_id(w, place, custom);
    put_str(w, "status", status);
    gw_jw_key(w, "call_id");
    write_call_id(w, place, block->call_id);
    gw_jw_key(w, "name");
    gw_jw_jstr(w, block->tool_name);
    gw_jw_key(w, custom ? "input" : "arguments");
    gw_jw_jstr(w, empty ? gw_jstr_lit("{}") : block->text);
    gw_jw_object_end(w);
}

/* OpenAI's own reasoning keeps its id in whole answers: it belongs to what is encrypted. */
static void write_reasoning_id(gw_jw *w, const gw_or_place *place, const gw_block *block)
{
    gw_jstr id = {{NULL, 0}}, encrypted;
    if (!place->made_ids && block->origin == AIGW_FORMAT_OPENAI_RESPONSES)
        gw_or_unpack_signature(block->signature, &id, &encrypted);
    if (id.inner.len > 0)
        gw_jw_jstr(w, id);
    else
        gw_or_write_item_id(w, "rs_", place->seed, place->index);
}

void gw_or_item_reasoning(gw_jw *w, const gw_or_place *place, const char *status,
                          const gw_block *block)
{
    bool open = strcmp(status, "in_progress") == 0;
    gw_jw_object(w);
    put_str(w, "type", "reasoning");
    gw_jw_key(w, "id");
    write_reasoning_id(w, place, block);
    gw_jw_key(w, "summary");
    gw_jw_array(w);
    if (!open && block->kind == GW_BLOCK_THINKING && block->text.inner.len > 0)
        gw_or_part_summary(w, block->text);
    gw_jw_array_end(w);
    if (!open) {
        gw_jw_key(w, "encrypted_content");
        gw_or_write_encrypted(w, block);
    }
    gw_jw_object_end(w);
}

void gw_or_part_text(gw_jw *w, gw_jstr text, aigw_slice annotations, aigw_slice logprobs)
{
    gw_jw_object(w);
    put_str(w, "type", "output_text");
    put_list(w, "annotations", annotations);
    put_list(w, "logprobs", logprobs);
    gw_jw_key(w, "text");
    gw_jw_jstr(w, text);
    gw_jw_object_end(w);
}

void gw_or_part_refusal(gw_jw *w, gw_jstr text)
{
    gw_jw_object(w);
    put_str(w, "type", "refusal");
    gw_jw_key(w, "refusal");
    gw_jw_jstr(w, text);
    gw_jw_object_end(w);
}

void gw_or_part_summary(gw_jw *w, gw_jstr text)
{
    gw_jw_object(w);
    put_str(w, "type", "summary_text");
    gw_jw_key(w, "text");
    gw_jw_jstr(w, text);
    gw_jw_object_end(w);
}

bool gw_or_own_native(aigw_format origin, gw_raw raw)
{
    return origin == AIGW_FORMAT_OPENAI_RESPONSES && raw.json.len > 0 && raw.json.data[0] == '{';
}

bool gw_or_needs_carrier(gw_block_kind kind, gw_jstr signature)
{
    return (kind == GW_BLOCK_TEXT || kind == GW_BLOCK_TOOL_CALL) && signature.inner.len > 0;
}
