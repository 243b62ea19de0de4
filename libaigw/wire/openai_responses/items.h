/*
 * Output items of OpenAI Responses, written: what whole answers and streams have in common.
 */
#ifndef GW_WIRE_OPENAI_RESPONSES_ITEMS_H
#define GW_WIRE_OPENAI_RESPONSES_ITEMS_H

#include "wire/openai_responses/openai_responses.h"

/* Where an item stands: its ids are made of it. */
typedef struct gw_or_place {
    aigw_slice seed;
    uint32_t index; /* in the output */
    uint32_t call;  /* among the tool calls */
    bool made_ids;  /* reasoning has an id of ours too: its own came too late */
} gw_or_place;

/* {"type":"message",...}; `content` are the elements of its list. */
void gw_or_item_message(gw_jw *w, const gw_or_place *place, const char *status, aigw_slice content);
/* A function_call or custom_tool_call with its arguments so far. */
void gw_or_item_call(gw_jw *w, const gw_or_place *place, const char *status, const gw_block *block);
/* A reasoning item. With `status` "in_progress" it is empty yet; otherwise the status is not said. */
void gw_or_item_reasoning(gw_jw *w, const gw_or_place *place, const char *status,
                          const gw_block *block);
/* {"type":"output_text",...}; annotations and logprobs are the elements of their lists. */
void gw_or_part_text(gw_jw *w, gw_jstr text, aigw_slice annotations, aigw_slice logprobs);
void gw_or_part_refusal(gw_jw *w, gw_jstr text);
void gw_or_part_summary(gw_jw *w, gw_jstr text);
/* Is the native block one of this format? */
bool gw_or_own_native(aigw_format origin, gw_raw raw);
/* Does a block carry another vendor's signature that needs an item of its own before it? */
bool gw_or_needs_carrier(gw_block_kind kind, gw_jstr signature);

#endif
