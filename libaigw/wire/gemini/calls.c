/* The tool calls of a conversation by id and by name: results of this API may name a tool only. */
/* Must not know JSON documents. */
#include "wire/gemini/gemini.h"

#include <stdio.h>

#define NONE UINT32_MAX

int gw_gm_calls_init(gw_gm_calls *calls, gw_arena *arena, uint32_t room)
{
    uint32_t slots = 4;
    while (slots < room * 2 && slots < (1u << 30))
        slots *= 2;
    *calls = (gw_gm_calls){.cap = room, .slots = slots};
    gw_hash_key_for(&calls->key, slots);
    calls->items = gw_arena_calloc(arena, (size_t)room + 1, sizeof *calls->items);
    calls->by_id = gw_arena_calloc(arena, slots, sizeof *calls->by_id);
    calls->by_name = gw_arena_calloc(arena, slots, sizeof *calls->by_name);
    bool ok = calls->items != NULL && calls->by_id != NULL && calls->by_name != NULL;
    return ok ? AIGW_OK : AIGW_E_NOMEM;
}

/* The slot of `key`, or the empty one where it would stand. */
static uint32_t *slot_of(const gw_gm_calls *calls, uint32_t *table, aigw_slice key)
{
    uint32_t at = (uint32_t)gw_hash(&calls->key, key) & (calls->slots - 1);
    for (;; at = (at + 1) & (calls->slots - 1)) {
        if (table[at] == 0)
            return &table[at];
        const gw_gm_call *call = &calls->items[table[at] - 1];
        if (gw_eq(table == calls->by_id ? call->id.inner : call->name.inner, key))
            return &table[at];
    }
}

static gw_jstr make_id(const gw_gm_calls *calls, gw_arena *arena)
{
    char text[32];
    for (uint32_t n = calls->count;; n += calls->cap + 1) { /* no id that the client said */
        int len = snprintf(text, sizeof text, "call_gm_%u", (unsigned)n);
        aigw_slice made = gw_slice(text, (size_t)len);
        if (*slot_of(calls, calls->by_id, made) == 0)
            return (gw_jstr){gw_arena_copy(arena, made)};
    }
}

int gw_gm_calls_add(gw_gm_calls *calls, gw_arena *arena, gw_jstr *id, gw_jstr name)
{
    bool given = gw_has(*id);
    if (!given)
        *id = make_id(calls, arena);
    if (!gw_has(*id) || calls->count >= calls->cap)
        return AIGW_E_NOMEM;
    uint32_t index = calls->count++;
    calls->items[index] = (gw_gm_call){.id = *id, .name = name, .given = given, .next = NONE};
    *slot_of(calls, calls->by_id, id->inner) = index + 1;
    /* by_name leads to the first call of the name that may be open; that one knows the last. */
    uint32_t *head = slot_of(calls, calls->by_name, name.inner);
    calls->items[index].last = index;
    gw_gm_call *first = *head == 0 ? NULL : &calls->items[*head - 1];
    if (first == NULL || (first->answered && first->next == NONE)) {
        *head = index + 1;
        return AIGW_OK;
    }
    calls->items[first->last].next = index;
    first->last = index;
    return AIGW_OK;
}

uint32_t gw_gm_calls_find(const gw_gm_calls *calls, gw_jstr id)
{
    uint32_t found = calls->count == 0 ? 0 : *slot_of(calls, calls->by_id, id.inner);
    return found == 0 ? NONE : found - 1;
}

uint32_t gw_gm_calls_open(gw_gm_calls *calls, gw_jstr name)
{
    if (calls->count == 0)
        return NONE;
    uint32_t *head = slot_of(calls, calls->by_name, name.inner);
    if (*head == 0)
        return NONE;
    uint32_t at = *head - 1;
    while (calls->items[at].answered && calls->items[at].next != NONE)
        at = calls->items[at].next;
    calls->items[at].last = calls->items[*head - 1].last;
    *head = at + 1; /* what was answered is not looked at again */
    return calls->items[at].answered ? NONE : at;
}
