/*
 * Ids of tool calls as the API takes them: [a-zA-Z0-9_-], and no id twice in a conversation. Hosts that
 * count from zero in each turn give the same one again and again. Knows nothing of blocks.
 */
#include "wire/anthropic/anthropic.h"

#include <string.h>

/* An id as it is written, how often calls had it, and which of them the next result answers. */
typedef struct gw_anthropic_id {
    aigw_slice id; /* data NULL: a free slot */
    size_t calls, answered;
    size_t turn; /* of the last call */
} gw_anthropic_id;

static aigw_slice clean(gw_anthropic_out *o, gw_jstr id)
{
    size_t len = id.inner.len;
    char *to = gw_arena_alloc(o->arena, len + 1);
    if (to == NULL) {
        return (aigw_slice){NULL, 0};
    }
    for (size_t i = 0; i < len; i++) {
        char c = id.inner.data[i];
        bool fine =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        to[i] = fine ? c : '_';
    }
    return (aigw_slice){to, len};
}

static gw_anthropic_id *slot_of(const gw_hash_key *key, gw_anthropic_id *ids, size_t slots,
                                aigw_slice id)
{
    size_t at = (size_t)gw_hash(key, id) & (slots - 1);
    while (ids[at].id.data != NULL && !gw_eq(ids[at].id, id)) {
        at = (at + 1) & (slots - 1);
    }
    return &ids[at];
}

/* At most half of the slots are taken. */
static bool make_room(gw_anthropic_out *o)
{
    if (2 * (o->id_count + 1) <= o->id_slots) {
        return true;
    }
    size_t slots = o->id_slots == 0 ? 32 : o->id_slots * 2;
    gw_anthropic_id *ids = gw_arena_calloc(o->arena, slots, sizeof *ids);
    if (ids == NULL) {
        return false;
    }
    gw_hash_key key = o->id_key;
    gw_hash_key_for(&key, slots);
    for (size_t i = 0; i < o->id_slots; i++) {
        if (o->ids[i].id.data != NULL) {
            *slot_of(&key, ids, slots, o->ids[i].id) = o->ids[i];
        }
    }
    o->ids = ids;
    o->id_slots = slots;
    o->id_key = key;
    return true;
}

static gw_anthropic_id *look_up(gw_anthropic_out *o, gw_jstr id)
{
    aigw_slice plain = clean(o, id);
    if (plain.data == NULL || !make_room(o)) {
        return NULL;
    }
    gw_anthropic_id *slot = slot_of(&o->id_key, o->ids, o->id_slots, plain);
    if (slot->id.data == NULL) {
        *slot = (gw_anthropic_id){.id = plain};
        o->id_count++;
    }
    return slot;
}

/* The first call keeps its id, the second gets _2 behind it. */
static void write_id(gw_anthropic_out *o, const char *key, aigw_slice id, size_t number)
{
    gw_jw_key(&o->w, key);
    gw_jw_begin_string(&o->w);
    gw_jw_part_inner(&o->w, id);
    if (number > 1) {
        gw_jw_part_inner(&o->w, GW_S("_"));
        gw_buf_int(o->w.buf, (int64_t)number);
    }
    gw_jw_end_string(&o->w);
}

int gw_anthropic_write_call_id(gw_anthropic_out *o, gw_jstr id)
{
    gw_anthropic_id *known = look_up(o, id);
    if (known == NULL) {
        return gw_fail_nomem(o->err);
    }
    if (known->turn != o->turn) {
        known->answered = known->calls; /* what an earlier turn asked is not answered any more */
    }
    known->turn = o->turn;
    write_id(o, "id", known->id, ++known->calls);
    return AIGW_OK;
}

int gw_anthropic_write_result_id(gw_anthropic_out *o, gw_jstr id)
{
    gw_anthropic_id *known = look_up(o, id);
    if (known == NULL) {
        return gw_fail_nomem(o->err);
    }
    if (known->answered < known->calls) {
        known->answered++;
    }
    write_id(o, "tool_use_id", known->id, known->answered);
    return AIGW_OK;
}
