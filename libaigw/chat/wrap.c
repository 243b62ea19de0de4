/* Names that a provider takes, and answers in which the wrapped things are what the client asked for. */
/* Must not know any format's field names. */
#include "chat/wrap.h"

#include "base/text.h"

enum { HASH_DIGITS = 8, MAX_OPEN = 1024, MAX_ARGS_BYTES = 16 << 20, TAPE_PER_BYTE = 80 };

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool good_name(aigw_slice name, size_t max)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!name_char(name.data[i]))
            return false;
    }
    return name.len > 0 && name.len <= max;
}

/* `to` holds GW_TOOL_NAME_LONG bytes: what can be kept of the name, and a hash of all of it. */
static aigw_slice make_name(aigw_slice name, size_t max, char *to)
{
    size_t n = 0;
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < name.len; i++) {
        hash = (hash ^ (unsigned char)name.data[i]) * 1099511628211u;
        if (n < max - HASH_DIGITS - 1)
            to[n++] = name.data[i];
        if (n > 0 && !name_char(to[n - 1]))
            to[n - 1] = '_';
    }
    to[n++] = '_';
    for (size_t i = 0; i < HASH_DIGITS; i++, hash >>= 4)
        to[n++] = "0123456789abcdef"[hash & 15];
    return gw_slice(to, n);
}

void gw_jw_tool_name(gw_jw *w, gw_jstr name, size_t max)
{
    char made[GW_TOOL_NAME_LONG];
    if (good_name(name.inner, max))
        gw_jw_jstr(w, name);
    else
        gw_jw_text(w, make_name(name.inner, max, made));
}

/* Does a name begin as a provider with letters in front wants it? */
static bool lettered(aigw_slice name)
{
    char c = name.len > 0 ? name.data[0] : '\0';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

void gw_jw_tool_name_lettered(gw_jw *w, gw_jstr name, size_t max)
{
    char made[GW_TOOL_NAME_LONG];
    if (lettered(name.inner)) {
        gw_jw_tool_name(w, name, max);
        return;
    }
    bool good = good_name(name.inner, max - 1);
    gw_jw_begin_string(w);
    gw_jw_part(w, GW_S("_"));
    gw_jw_part(w, good ? name.inner : make_name(name.inner, max - 1, made));
    gw_jw_end_string(w);
}

static bool stands_for(aigw_slice name, aigw_slice said, size_t max)
{
    char made[GW_TOOL_NAME_LONG];
    return !good_name(name, max) && gw_eq(make_name(name, max, made), said);
}

/* As gw_jw_tool_name_lettered makes it, at either length. */
static bool stands_lettered(aigw_slice name, aigw_slice said)
{
    if (lettered(name) || said.len < 2 || said.data[0] != '_')
        return false;
    said = gw_skip(said, 1);
    return (good_name(name, GW_TOOL_NAME_LONG - 1) && gw_eq(name, said)) ||
           stands_for(name, said, GW_TOOL_NAME_SHORT - 1) ||
           stands_for(name, said, GW_TOOL_NAME_LONG - 1);
}

/* The client's tool that the provider calls by this name; NULL if there is none. */
static const gw_tool *tool_of(const gw_chat_request *r, aigw_slice said)
{
    for (size_t i = 0; i < r->tool_count; i++) {
        if (gw_has(r->tools[i].name) && gw_eq(r->tools[i].name.inner, said))
            return &r->tools[i];
    }
    for (size_t i = 0; i < r->tool_count; i++) {
        aigw_slice name = r->tools[i].name.inner;
        if (name.data != NULL && (stands_for(name, said, GW_TOOL_NAME_SHORT) ||
                                  stands_for(name, said, GW_TOOL_NAME_LONG) ||
                                  stands_lettered(name, said)))
            return &r->tools[i];
    }
    return NULL;
}

bool gw_unwrap_needed(const gw_chat_request *request)
{
    if (request->shape == GW_SHAPE_SCHEMA)
        return true;
    for (size_t i = 0; i < request->tool_count; i++) {
        const gw_tool *tool = &request->tools[i];
        if (tool->custom ||
            (gw_has(tool->name) && (!good_name(tool->name.inner, GW_TOOL_NAME_SHORT) ||
                                    !lettered(tool->name.inner))))
            return true;
    }
    return false;
}

void gw_unwrap_init(gw_unwrap *u, const gw_chat_request *request, gw_event_sink next)
{
    *u = (gw_unwrap){.request = request, .next = next};
}

void gw_unwrap_free(gw_unwrap *u)
{
    for (size_t i = 0; i < u->count; i++)
        gw_buf_free(&u->open[i].args);
    gw_free(u->open);
    gw_arena_free(u->arena);
    *u = (gw_unwrap){0};
}

static gw_unwrapped *find(gw_unwrap *u, const gw_event *ev)
{
    for (size_t i = 0; i < u->count; i++) {
        if (u->open[i].choice == ev->choice && u->open[i].block == ev->block)
            return &u->open[i];
    }
    return NULL;
}

static int add(gw_unwrap *u, const gw_event *ev, bool json)
{
    if (u->count >= MAX_OPEN)
        return AIGW_E_LIMIT;
    if (u->count == u->cap) {
        size_t cap = u->cap == 0 ? 4 : u->cap * 2;
        gw_unwrapped *open = gw_realloc(u->open, cap * sizeof(*open));
        if (open == NULL)
            return AIGW_E_NOMEM;
        u->open = open;
        u->cap = cap;
    }
    gw_unwrapped *one = &u->open[u->count++];
    *one = (gw_unwrapped){.choice = ev->choice, .block = ev->block, .json = json};
    gw_buf_init(&one->args, MAX_ARGS_BYTES);
    return AIGW_OK;
}

static void set_bit(uint64_t bits[2], uint32_t choice)
{
    bits[(choice >> 6) & 1] |= (uint64_t)1 << (choice & 63);
}

static bool has_bit(const uint64_t bits[2], uint32_t choice)
{
    return (bits[(choice >> 6) & 1] >> (choice & 63) & 1) != 0;
}

static int on_start(gw_unwrap *u, const gw_event *event)
{
    gw_event ev = *event;
    const gw_tool *tool = tool_of(u->request, ev.tool_name.inner);
    bool json = tool == NULL && u->request->shape == GW_SHAPE_SCHEMA &&
                gw_jstr_is(ev.tool_name, GW_JSON_TOOL);
    set_bit(json ? u->has_json : u->has_calls, ev.choice);
    int rc = AIGW_OK;
    if (json || (tool != NULL && tool->custom && !ev.custom))
        rc = add(u, &ev, json);
    if (tool != NULL) {
        ev.custom = ev.custom || tool->custom;
        ev.tool_name = tool->name;
    }
    if (json) {
        ev.block_kind = GW_BLOCK_TEXT;
        ev.call_id = ev.tool_name = (gw_jstr){{NULL, 0}};
    }
    return rc == AIGW_OK ? gw_emit(&u->next, &ev) : rc;
}

/* The member "input" of the arguments; whatever else the provider made of them as it is. */
static int input_of(gw_unwrap *u, aigw_slice args, gw_jstr *out)
{
    gw_json_limits lenient = {.lone_surrogates = true};
    gw_json_doc doc;
    *out = (gw_jstr){args};
    if (args.len == 0)
        return AIGW_OK;
    if (u->arena == NULL)
        u->arena = gw_arena_new((size_t)MAX_ARGS_BYTES * TAPE_PER_BYTE);
    if (u->arena == NULL)
        return AIGW_E_NOMEM;
    gw_arena_reset(u->arena);
    aigw_slice json = gw_json_unescape(u->arena, args);
    int rc = json.data == NULL ? AIGW_E_NOMEM : gw_json_parse(u->arena, json, &lenient, &doc, NULL);
    if (rc != AIGW_OK || gw_json_typeof(&doc, 0) != GW_JSON_OBJECT)
        return rc == AIGW_E_NOMEM ? rc : AIGW_OK;
    gw_jstr input = gw_jstr_of(&doc, gw_json_get(&doc, 0, "input"));
    if (gw_has(input))
        *out = input;
    return AIGW_OK;
}

static int on_stop(gw_unwrap *u, gw_unwrapped *one, const gw_event *event)
{
    gw_event delta = {.kind = GW_EV_DELTA,
                      .choice = event->choice,
                      .block = event->block,
                      .block_kind = GW_BLOCK_TOOL_CALL};
    gw_event stop = *event;
    int rc = AIGW_OK;
    if (one->json)
        stop.block_kind = GW_BLOCK_TEXT;
    else
        rc = input_of(u, gw_buf_slice(&one->args), &delta.delta);
    if (rc == AIGW_OK && delta.delta.inner.len > 0)
        rc = gw_emit(&u->next, &delta);
    gw_buf_free(&one->args);
    *one = u->open[--u->count];
    return rc == AIGW_OK ? gw_emit(&u->next, &stop) : rc;
}

static int on_delta(gw_unwrap *u, gw_unwrapped *one, const gw_event *event)
{
    gw_event ev = *event;
    if (one->json) {
        ev.block_kind = GW_BLOCK_TEXT;
        ev.signature = (gw_jstr){{NULL, 0}};
        return gw_emit(&u->next, &ev);
    }
    if (!gw_buf_add(&one->args, ev.delta.inner))
        return AIGW_E_LIMIT;
    ev.delta = (gw_jstr){{NULL, 0}};
    return gw_has(ev.signature) ? gw_emit(&u->next, &ev) : AIGW_OK;
}

/* Calls of the tool that stands for the schema are no calls to the client. */
static int on_finish(gw_unwrap *u, const gw_event *event)
{
    gw_event ev = *event;
    if (ev.finish == GW_FINISH_TOOL_CALLS && has_bit(u->has_json, ev.choice) &&
        !has_bit(u->has_calls, ev.choice)) {
        ev.finish = GW_FINISH_STOP;
    }
    return gw_emit(&u->next, &ev);
}

int gw_unwrap_event(void *unwrap, const gw_event *event)
{
    gw_unwrap *u = unwrap;
    if (event->kind == GW_EV_FINISH)
        return on_finish(u, event);
    if (event->block_kind != GW_BLOCK_TOOL_CALL)
        return gw_emit(&u->next, event);
    if (event->kind == GW_EV_BLOCK_START)
        return on_start(u, event);
    gw_unwrapped *one = find(u, event);
    if (one != NULL && event->kind == GW_EV_DELTA)
        return on_delta(u, one, event);
    if (one != NULL && event->kind == GW_EV_BLOCK_STOP)
        return on_stop(u, one, event);
    return gw_emit(&u->next, event);
}
