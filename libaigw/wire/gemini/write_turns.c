/* Writes systemInstruction and contents: two roles in turns, results of calls together and in order. */
/* Must not know a part's members. */
#include "wire/gemini/gemini.h"

#define NONE UINT32_MAX

typedef struct item {
    const gw_part *part;
    uint32_t call; /* of a result: the call it answers, NONE otherwise */
} item;

typedef struct turn {
    bool model;
    size_t first, count; /* in items */
} turn;

typedef struct turns {
    turn *list;
    size_t count;
    item *items, *spare;
    size_t used;
} turns;

static bool is_system(const gw_message *m)
{
    return m->role == GW_ROLE_SYSTEM || m->role == GW_ROLE_DEVELOPER;
}

/* Contents must not be empty: of system messages alone, the last one is the user's. */
static size_t alone(const gw_chat_request *r)
{
    for (size_t i = 0; i < r->message_count; i++) {
        if (!is_system(&r->messages[i]))
            return SIZE_MAX;
    }
    return r->message_count > 0 ? r->message_count - 1 : SIZE_MAX;
}

static int write_system_message(gw_gm_out *o, const gw_message *message, bool *open)
{
    gw_jw *w = &o->w;
    int rc = AIGW_OK;
    for (size_t i = 0; i < message->part_count && rc == AIGW_OK; i++) {
        const gw_part *part = &message->parts[i];
        if (part->kind != GW_PART_TEXT)
            return gw_json_fail(o->err, o->r->doc, part->at, AIGW_E_UNSUPPORTED, "unsupported_part",
                                "a system instruction holds text only");
        if (part->text.inner.len == 0 && !o->same)
            continue;
        if (!*open) {
            gw_jw_key(w, "systemInstruction");
            gw_jw_object(w);
            gw_jw_key(w, "parts");
            gw_jw_array(w);
            *open = true;
        }
        rc = gw_gm_write_part(o, part);
    }
    return rc;
}

static void write_json_words(gw_gm_out *o, bool *open)
{
    gw_jw *w = &o->w;
    if (!*open) {
        gw_jw_key(w, "systemInstruction");
        gw_jw_object(w);
        gw_jw_key(w, "parts");
        gw_jw_array(w);
        *open = true;
    }
    gw_jw_object(w);
    gw_jw_key(w, "text");
    gw_jw_begin_string(w);
    gw_jw_part(w, GW_S("Unless you call a tool, answer with one valid JSON object and nothing "
                       "else."));
    if (gw_has_raw(o->r->schema)) {
        gw_jw_part(w, GW_S("\n\nThe JSON object must fit this JSON Schema:\n"));
        gw_jw_part(w, o->r->schema.json);
    }
    gw_jw_end_string(w);
    gw_jw_object_end(w);
}

int gw_gm_write_system(gw_gm_out *o)
{
    const gw_chat_request *r = o->r;
    size_t last = alone(r);
    bool open = false, begun = false;
    int rc = AIGW_OK;
    for (size_t i = 0; i < r->message_count && rc == AIGW_OK; i++) {
        const gw_message *message = &r->messages[i];
        if (!is_system(message) || i == last) {
            begun = true;
            continue;
        }
        if (begun)
            rc = gw_gm_note(o, message->at,
                            "a system message within the conversation went to its start");
        if (rc == AIGW_OK)
            rc = write_system_message(o, message, &open);
    }
    if (rc == AIGW_OK && o->json_words) {
        static const char *const names[] = {"response_format", "text", "output_config", NULL};
        rc = gw_gm_note_member(o, names,
                               "asked for in the system instruction: this model takes "
                               "no schema beside tools");
        write_json_words(o, &open);
    }
    if (open) {
        gw_jw_array_end(&o->w);
        gw_jw_object_end(&o->w);
    }
    return rc;
}

/* Does the part say anything to Gemini? What does not is noted, unless it is merely empty. */
static int is_said(gw_gm_out *o, const gw_part *part, bool *said)
{
    bool own = part->origin == AIGW_FORMAT_GEMINI || (part->origin == 0 && o->same);
    *said = true;
    switch (part->kind) {
    case GW_PART_TEXT:
    case GW_PART_REFUSAL:
        *said = part->text.inner.len > 0 || o->same || (own && part->signature.inner.len > 0);
        return AIGW_OK;
    case GW_PART_THINKING:
        *said = own && (part->text.inner.len > 0 || part->signature.inner.len > 0);
        break;
    case GW_PART_REDACTED_THINKING:
        *said = false;
        break;
    case GW_PART_NATIVE:
        *said = o->same && gw_has_raw(part->raw);
        break;
    default:
        return AIGW_OK;
    }
    if (*said)
        return AIGW_OK;
    return gw_gm_note(o, part->at,
                      part->kind == GW_PART_NATIVE ? "Gemini has no part for this"
                                                   : "Gemini takes back no thinking but its own");
}

static void push(turns *t, const gw_part *part, uint32_t call)
{
    t->items[t->used++] = (item){part, call};
    t->list[t->count - 1].count++;
}

/* Media of a result, for a model that takes none within it, stands behind the results. */
static void push_media(gw_gm_out *o, turns *t, const gw_part *result)
{
    if (o->same || o->family == GW_GM_3)
        return;
    for (size_t i = 0; i < result->part_count; i++) {
        const gw_part *part = &result->parts[i];
        bool media = part->kind == GW_PART_IMAGE || part->kind == GW_PART_AUDIO ||
                     (part->kind == GW_PART_DOCUMENT && !gw_has(part->text));
        if (media)
            push(t, part, NONE);
    }
}

static int note_result(gw_gm_out *o, const gw_part *result)
{
    int rc = AIGW_OK;
    for (size_t i = 0; i < result->part_count && rc == AIGW_OK; i++) {
        if (result->parts[i].kind == GW_PART_NATIVE)
            rc = gw_gm_note(o, result->parts[i].at, "Gemini has no part for this");
    }
    return rc;
}

static int add_part(gw_gm_out *o, turns *t, const gw_part *part)
{
    bool said;
    int rc = is_said(o, part, &said);
    if (rc != AIGW_OK || !said)
        return rc;
    if (part->kind == GW_PART_TOOL_CALL) {
        gw_jstr id = part->id;
        rc = gw_gm_calls_add(&o->calls, o->arena, &id, part->tool_name);
        push(t, part, NONE);
        return rc == AIGW_OK ? rc : gw_fail_nomem(o->err);
    }
    if (part->kind != GW_PART_TOOL_RESULT) {
        push(t, part, NONE);
        return AIGW_OK;
    }
    uint32_t call = gw_gm_calls_find(&o->calls, part->id);
    gw_part *named = gw_arena_alloc(o->arena, sizeof *named);
    if (named == NULL)
        return gw_fail_nomem(o->err);
    if (call == NONE)
        return gw_json_fail(o->err, o->r->doc, part->at, AIGW_E_PARSE, "unknown_tool_call",
                            "this result answers no earlier tool call");
    *named = *part;
    named->tool_name = o->calls.items[call].name; /* results of others have an id only */
    push(t, named, call);
    push_media(o, t, part);
    return note_result(o, part);
}

/* The results of a turn in the order of their calls, then the rest as it stood. A merge sort: the order
 * is the client's choice, and so is the number. */
static void order_results(turns *t, const turn *one)
{
    item *from = t->items + one->first, *to = t->spare;
    for (size_t width = 1; width < one->count; width *= 2) {
        for (size_t low = 0; low < one->count; low += 2 * width) {
            size_t mid = low + width < one->count ? low + width : one->count;
            size_t high = mid + width < one->count ? mid + width : one->count;
            for (size_t a = low, b = mid, n = low; n < high; n++) {
                bool left = a < mid && (b >= high || from[a].call <= from[b].call);
                to[n] = left ? from[a++] : from[b++];
            }
        }
        memcpy(from, to, one->count * sizeof *from);
    }
}

static int collect(gw_gm_out *o, turns *t)
{
    const gw_chat_request *r = o->r;
    size_t last = alone(r);
    int rc = AIGW_OK;
    for (size_t m = 0; m < r->message_count && rc == AIGW_OK; m++) {
        const gw_message *message = &r->messages[m];
        if (is_system(message) && m != last)
            continue;
        bool model = message->role == GW_ROLE_ASSISTANT;
        if (t->count == 0 || t->list[t->count - 1].model != model)
            t->list[t->count++] = (turn){.model = model, .first = t->used};
        if (gw_has(message->name))
            rc = gw_gm_note(o, message->at, "Gemini has no name of who speaks");
        for (size_t i = 0; i < message->part_count && rc == AIGW_OK; i++)
            rc = add_part(o, t, &message->parts[i]);
        turn *now = &t->list[t->count - 1];
        if (now->count == 0 && !o->same) /* nothing of it was said */
            t->count--;
    }
    return rc;
}

static int write_turn(gw_gm_out *o, const turns *t, const turn *one)
{
    gw_jw *w = &o->w;
    int rc = AIGW_OK;
    gw_jw_object(w);
    gw_jw_key(w, "role");
    gw_jw_str(w, one->model ? "model" : "user");
    gw_jw_key(w, "parts");
    gw_jw_array(w);
    for (size_t i = 0; i < one->count && rc == AIGW_OK; i++)
        rc = gw_gm_write_part(o, t->items[one->first + i].part);
    gw_jw_array_end(w);
    gw_jw_object_end(w);
    return rc;
}

int gw_gm_write_contents(gw_gm_out *o)
{
    const gw_chat_request *r = o->r;
    size_t parts = 0, calls = 0;
    for (size_t m = 0; m < r->message_count; m++) {
        parts += r->messages[m].part_count;
        for (size_t i = 0; i < r->messages[m].part_count; i++) {
            calls += r->messages[m].parts[i].kind == GW_PART_TOOL_CALL;
            parts += r->messages[m].parts[i].part_count;
        }
    }
    turns t = {.list = gw_arena_calloc(o->arena, r->message_count + 1, sizeof(turn)),
               .items = gw_arena_calloc(o->arena, parts + 1, sizeof(item)),
               .spare = gw_arena_calloc(o->arena, parts + 1, sizeof(item))};
    if (t.list == NULL || t.items == NULL || t.spare == NULL ||
        gw_gm_calls_init(&o->calls, o->arena, (uint32_t)calls) != AIGW_OK)
        return gw_fail_nomem(o->err);
    int rc = collect(o, &t);
    if (rc == AIGW_OK && t.count == 0)
        return gw_json_fail(o->err, r->doc, gw_request_end(r), AIGW_E_UNSUPPORTED,
                            "empty_conversation",
                            "nothing of the conversation can be said to Gemini");
    gw_jw_key(&o->w, "contents");
    gw_jw_array(&o->w);
    for (size_t i = 0; i < t.count && rc == AIGW_OK; i++) {
        if (!t.list[i].model)
            order_results(&t, &t.list[i]);
        rc = write_turn(o, &t, &t.list[i]);
    }
    gw_jw_array_end(&o->w);
    return rc;
}
