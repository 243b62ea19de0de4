/* A folded answer as an OpenAI Responses document. */
/* Must not know streams, nor which format the other end speaks. */
#include "wire/openai_responses/items.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/openai_chat/openai_chat.h"

enum { MAX_OUTPUT_BYTES = 256 * 1024 * 1024 };

typedef struct answer_writing {
    gw_arena *arena;
    const gw_choice *choice;
    gw_or_place place;
    gw_jw w; /* of the items */
    gw_buf *items;
    gw_buf *content; /* of the message at hand */
    const char *reason;
    gw_raw logprobs; /* go with the first text */
    bool refused;
} answer_writing;

static void write_text(answer_writing *aw, gw_jw *content, const gw_block *block)
{
    gw_buf annotations;
    gw_buf_init(&annotations, MAX_OUTPUT_BYTES);
    gw_jw list = gw_jw_on(&annotations);
    gw_or_write_citations(aw->arena, &list, block->raw, gw_oc_code_points(block->text));
    gw_raw probs;
    if (gw_or_logprobs_list(aw->arena, aw->logprobs, &probs) != AIGW_OK)
        aw->items->failed = true;
    aigw_slice inside = {NULL, 0};
    if (gw_has_raw(probs))
        inside = (aigw_slice){probs.json.data + 1, probs.json.len - 2};
    aw->logprobs = (gw_raw){{NULL, 0}};
    gw_or_part_text(content, block->text, gw_buf_slice(&annotations), inside);
    aw->items->failed = aw->items->failed || annotations.failed;
    gw_buf_free(&annotations);
}

/* The part of the answer that a limit or a filter cut off is the last one. */
static const char *status_of(const answer_writing *aw, size_t next)
{
    return aw->reason != NULL && next >= aw->choice->block_count ? "incomplete" : "completed";
}

/* One message of the texts from *at on. */
static void write_message(answer_writing *aw, size_t *at)
{
    const gw_choice *choice = aw->choice;
    gw_buf_clear(aw->content);
    gw_jw content = gw_jw_on(aw->content);
    size_t i = *at;
    for (; i < choice->block_count; i++) {
        const gw_block *block = &choice->blocks[i];
        if (block->kind == GW_BLOCK_TEXT && (i == *at || !gw_has(block->signature)))
            write_text(aw, &content, block);
        else if (block->kind == GW_BLOCK_REFUSAL)
            gw_or_part_refusal(&content, block->text);
        else
            break;
        aw->refused = aw->refused || block->kind == GW_BLOCK_REFUSAL;
    }
    *at = i;
    aw->items->failed = aw->items->failed || aw->content->failed;
    gw_or_item_message(&aw->w, &aw->place, status_of(aw, i), gw_buf_slice(aw->content));
    aw->place.index++;
}

static void write_carrier(answer_writing *aw, const gw_block *block)
{
    gw_block carrier = {
        .kind = GW_BLOCK_THINKING, .signature = block->signature, .origin = block->origin};
    gw_or_item_reasoning(&aw->w, &aw->place, "completed", &carrier);
    aw->place.index++;
}

static void write_block(answer_writing *aw, size_t *at)
{
    const gw_block *block = &aw->choice->blocks[*at];
    if (gw_or_needs_carrier(block->kind, block->signature))
        write_carrier(aw, block);
    switch (block->kind) {
    case GW_BLOCK_TEXT:
    case GW_BLOCK_REFUSAL:
        write_message(aw, at);
        return;
    case GW_BLOCK_TOOL_CALL:
        gw_or_item_call(&aw->w, &aw->place, status_of(aw, *at + 1), block);
        aw->place.call++;
        break;
    case GW_BLOCK_NATIVE:
        if (!gw_or_own_native(block->origin, block->raw)) {
            *at += 1;
            return;
        }
        gw_jw_raw(&aw->w, block->raw.json);
        break;
    default:
        gw_or_item_reasoning(&aw->w, &aw->place, "completed", block);
        break;
    }
    aw->place.index++;
    *at += 1;
}

/* An explanation that came with the refusal, in no block. */
static void write_explanation(answer_writing *aw)
{
    if (aw->refused || !gw_has(aw->choice->refusal))
        return;
    gw_buf_clear(aw->content);
    gw_jw content = gw_jw_on(aw->content);
    gw_or_part_refusal(&content, aw->choice->refusal);
    aw->items->failed = aw->items->failed || aw->content->failed;
    gw_or_item_message(&aw->w, &aw->place, aw->reason != NULL ? "incomplete" : "completed",
                       gw_buf_slice(aw->content));
    aw->place.index++;
}

int gw_or_write_answer(gw_arena *arena, const gw_answer *answer, const gw_answer_options *options,
                       gw_buf *out, aigw_error *err)
{
    static const gw_choice silent = {.finished = true, .finish = GW_FINISH_STOP};
    const gw_choice *choice = answer->choice_count > 0 ? &answer->choices[0] : &silent;
    gw_buf items, content;
    gw_buf_init(&items, MAX_OUTPUT_BYTES);
    gw_buf_init(&content, MAX_OUTPUT_BYTES);
    answer_writing aw = {.arena = arena,
                         .choice = choice,
                         .place = {options->id_seed, 0, 0, false},
                         .w = gw_jw_on(&items),
                         .items = &items,
                         .content = &content,
                         .reason =
                             choice->finished ? gw_or_incomplete_reason(choice->finish) : NULL,
                         .logprobs = choice->logprobs};
    for (size_t i = 0; i < choice->block_count;)
        write_block(&aw, &i);
    write_explanation(&aw);
    gw_or_envelope e = {.options = options,
                        .id = answer->id,
                        .model = answer->model,
                        .service_tier = answer->service_tier,
                        .created = answer->created,
                        .status = aw.reason != NULL ? "incomplete" : "completed",
                        .incomplete_reason = aw.reason,
                        .output = gw_buf_slice(&items),
                        .usage = &answer->usage,
                        .usage_raw = answer->usage_raw};
    gw_jw w = gw_jw_on(out);
    gw_or_write_envelope(&w, &e);
    bool failed = out->failed || items.failed;
    gw_buf_free(&items);
    gw_buf_free(&content);
    return failed ? gw_fail(err, AIGW_E_LIMIT, "answer_too_large", "the answer is too large")
                  : AIGW_OK;
}
