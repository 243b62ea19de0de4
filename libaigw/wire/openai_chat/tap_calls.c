/* Tool calls and ends of a stream that is forwarded, where a host writes them as no client expects them. */
/* Must not change anything else, and not be asked about ordinary text. */
#include "wire/openai_chat/stream.h"

#include "base/text.h"

static gw_arena *parse(aigw_slice data, gw_json_doc *doc)
{
    gw_json_limits limits = {0, 0, true};
    gw_arena *arena = gw_arena_new(((size_t)1 << 20) + data.len * 64);
    if (arena != NULL && gw_json_parse(arena, data, &limits, doc, NULL) == AIGW_OK &&
        gw_json_typeof(doc, 0) == GW_JSON_OBJECT)
        return arena;
    gw_arena_free(arena);
    return NULL;
}

static int64_t number_at(const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    int64_t n = -1;
    gw_json_i64(doc, gw_json_get(doc, object, name), &n);
    return n < 0 ? -1 : n;
}

static gw_json_ref member(const gw_json_doc *doc, gw_json_ref object, const char *name,
                          gw_json_type type)
{
    gw_json_ref ref = GW_JSON_ABSENT;
    if (gw_json_typeof(doc, object) == GW_JSON_OBJECT)
        ref = gw_json_get(doc, object, name);
    return gw_json_typeof(doc, ref) == type ? ref : GW_JSON_ABSENT;
}

/* A place in a chunk: one call of one choice. */
typedef struct place {
    gw_json_ref choice, call;
} place;

static gw_json_ref calls_of(const gw_json_doc *doc, gw_json_ref choice)
{
    gw_json_ref delta = member(doc, choice, "delta", GW_JSON_OBJECT);
    return member(doc, delta, "tool_calls", GW_JSON_ARRAY);
}

/* The next call of the chunk; false behind the last. Starts with both ABSENT. */
static bool next_call(const gw_json_doc *doc, place *at)
{
    if (at->call != GW_JSON_ABSENT)
        at->call = gw_json_next(doc, at->call);
    while (at->call == GW_JSON_ABSENT) {
        at->choice = at->choice == GW_JSON_ABSENT
                         ? gw_json_first(doc, member(doc, 0, "choices", GW_JSON_ARRAY))
                         : gw_json_next(doc, at->choice);
        if (at->choice == GW_JSON_ABSENT)
            return false;
        at->call = gw_json_first(doc, calls_of(doc, at->choice));
    }
    return true;
}

static uint64_t hash_of(aigw_slice id)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.data[i]) * 1099511628211u;
    return id.len == 0 ? 0 : hash | 1;
}

/* As in the reader of streams: a new id is a new call, and so is a name where nothing else tells. */
static gw_oc_tap_call *find_call(gw_oc_tap *tap, const gw_oc_tap_call *f, bool named)
{
    for (size_t i = tap->call_count; i > 0; i--) {
        gw_oc_tap_call *call = &tap->calls[i - 1];
        if (call->choice != f->choice || (f->index >= 0 && call->index != f->index))
            continue;
        if (f->id != 0 && call->id != f->id && (f->index < 0 || named))
            return NULL;
        return f->id == 0 && f->index < 0 && named ? NULL : call;
    }
    return NULL;
}

/* How clients expect the call at hand; false when there are more than are kept in mind. */
static bool want(gw_oc_tap *tap, const gw_json_doc *doc, const place *at)
{
    if (gw_json_typeof(doc, at->call) != GW_JSON_OBJECT || tap->wanted_count == GW_OC_TAP_CALLS)
        return false;
    gw_json_ref body = member(doc, at->call, "function", GW_JSON_OBJECT);
    if (body == GW_JSON_ABSENT)
        body = member(doc, at->call, "custom", GW_JSON_OBJECT);
    bool named = gw_json_inner(doc, member(doc, body, "name", GW_JSON_STRING)).len > 0;
    gw_oc_tap_call f = {.choice = number_at(doc, at->choice, "index"),
                        .index = number_at(doc, at->call, "index"),
                        .id = hash_of(gw_json_inner(doc, gw_json_get(doc, at->call, "id")))};
    gw_oc_tap_call *call = find_call(tap, &f, named);
    if (call == NULL) {
        if (tap->call_count == GW_OC_TAP_CALLS)
            return false;
        for (size_t i = 0; i < tap->call_count; i++)
            f.dense += tap->calls[i].choice == f.choice ? 1 : 0;
        call = &tap->calls[tap->call_count++];
        *call = (gw_oc_tap_call){.choice = f.choice, .index = f.index, .dense = f.dense};
    }
    size_t n = tap->wanted_count++;
    tap->wanted[n].index = call->dense;
    tap->wanted[n].id_again = f.id != 0 && call->id != 0;
    tap->wanted[n].name_again = named && call->named;
    call->id = call->id == 0 ? f.id : call->id;
    call->named = call->named || named;
    return true;
}

static uint64_t bit_of(const gw_json_doc *doc, gw_json_ref choice)
{
    int64_t index = number_at(doc, choice, "index");
    return (uint64_t)1 << (index < 0 ? 0 : index & 63);
}

static void look_at_roles(gw_oc_tap *tap, const gw_json_doc *doc)
{
    gw_json_ref choice = gw_json_first(doc, member(doc, 0, "choices", GW_JSON_ARRAY));
    tap->roles_again = 0;
    for (; choice != GW_JSON_ABSENT; choice = gw_json_next(doc, choice)) {
        gw_json_ref delta = member(doc, choice, "delta", GW_JSON_OBJECT);
        if (gw_json_inner(doc, member(doc, delta, "role", GW_JSON_STRING)).len == 0)
            continue;
        tap->roles_again |= tap->roles & bit_of(doc, choice);
        tap->roles |= bit_of(doc, choice);
    }
}

bool gw_oc_tap_is_plain(gw_oc_tap *tap, aigw_slice data)
{
    gw_json_doc doc;
    gw_arena *arena = parse(data, &doc);
    place at = {GW_JSON_ABSENT, GW_JSON_ABSENT};
    bool plain = true, known = true;
    tap->wanted_count = 0;
    if (arena == NULL)
        return true;
    look_at_roles(tap, &doc);
    while (next_call(&doc, &at) && known) {
        known = want(tap, &doc, &at);
        size_t n = tap->wanted_count;
        plain = plain && known && !tap->wanted[n - 1].id_again && !tap->wanted[n - 1].name_again &&
                number_at(&doc, at.call, "index") == (int64_t)tap->wanted[n - 1].index;
    }
    gw_arena_free(arena);
    return !known || (plain && tap->roles_again == 0);
}

void gw_oc_tap_keep_head(gw_oc_tap *tap, aigw_slice data)
{
    static const char *const names[] = {"id", "created", "model"};
    gw_json_doc doc;
    gw_arena *arena = parse(data, &doc);
    gw_buf head;
    gw_buf_init(&head, GW_OC_TAP_HEAD);
    if (arena != NULL && gw_json_count(&doc, gw_json_get(&doc, 0, "choices")) > 0) {
        gw_buf_puts(&head, "\"object\":\"chat.completion.chunk\"");
        gw_jw w = {&head, true};
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            gw_json_ref ref = gw_json_get(&doc, 0, names[i]);
            if (ref != GW_JSON_ABSENT) {
                gw_jw_key(&w, names[i]);
                gw_jw_raw(&w, gw_json_raw(&doc, ref));
            }
        }
        aigw_slice said = gw_buf_slice(&head);
        tap->head_len = head.failed ? 0 : said.len;
        if (tap->head_len > 0)
            memcpy(tap->head, said.data, said.len);
    }
    gw_buf_free(&head);
    gw_arena_free(arena);
}

/* One chunk written anew: every value as it stood but those that the tap wants otherwise. */
typedef struct rewriting {
    const gw_oc_tap *tap;
    const gw_json_doc *doc;
    gw_jw w;
    size_t calls; /* so far */
} rewriting;

static void write_raw(rewriting *rw, gw_json_ref key)
{
    gw_jw_key_inner(&rw->w, gw_json_inner(rw->doc, key));
    gw_jw_raw(&rw->w, gw_json_raw(rw->doc, gw_json_value(rw->doc, key)));
}

static void write_body(rewriting *rw, gw_json_ref body, bool name_again)
{
    gw_jw_object(&rw->w);
    gw_json_ref key = gw_json_first(rw->doc, body);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(rw->doc, key)) {
        if (!name_again || !gw_json_key_is(rw->doc, key, "name"))
            write_raw(rw, key);
    }
    gw_jw_object_end(&rw->w);
}

static void write_call(rewriting *rw, gw_json_ref call)
{
    const gw_json_doc *doc = rw->doc;
    size_t n = rw->calls++;
    gw_jw_object(&rw->w);
    gw_jw_key(&rw->w, "index");
    gw_jw_int(&rw->w, rw->tap->wanted[n].index);
    gw_json_ref key = gw_json_first(doc, call);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        bool body = gw_json_typeof(doc, value) == GW_JSON_OBJECT &&
                    (gw_json_key_is(doc, key, "function") || gw_json_key_is(doc, key, "custom"));
        if (gw_json_key_is(doc, key, "index") ||
            (rw->tap->wanted[n].id_again && gw_json_key_is(doc, key, "id")))
            continue;
        if (!body) {
            write_raw(rw, key);
            continue;
        }
        gw_jw_key_inner(&rw->w, gw_json_inner(doc, key));
        write_body(rw, value, rw->tap->wanted[n].name_again);
    }
    gw_jw_object_end(&rw->w);
}

static void write_delta(rewriting *rw, gw_json_ref delta, bool role_again)
{
    const gw_json_doc *doc = rw->doc;
    gw_jw_object(&rw->w);
    gw_json_ref key = gw_json_first(doc, delta);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        if (role_again && gw_json_key_is(doc, key, "role"))
            continue;
        if (!gw_json_key_is(doc, key, "tool_calls") ||
            gw_json_typeof(doc, value) != GW_JSON_ARRAY) {
            write_raw(rw, key);
            continue;
        }
        gw_jw_key_inner(&rw->w, gw_json_inner(doc, key));
        gw_jw_array(&rw->w);
        gw_json_ref call = gw_json_first(doc, value);
        for (; call != GW_JSON_ABSENT; call = gw_json_next(doc, call))
            write_call(rw, call);
        gw_jw_array_end(&rw->w);
    }
    gw_jw_object_end(&rw->w);
}

static void write_choice(rewriting *rw, gw_json_ref choice)
{
    const gw_json_doc *doc = rw->doc;
    if (gw_json_typeof(doc, choice) != GW_JSON_OBJECT) {
        gw_jw_raw(&rw->w, gw_json_raw(doc, choice));
        return;
    }
    bool role_again = (rw->tap->roles_again & bit_of(doc, choice)) != 0;
    gw_jw_object(&rw->w);
    gw_json_ref key = gw_json_first(doc, choice);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        if (!gw_json_key_is(doc, key, "delta") || gw_json_typeof(doc, value) != GW_JSON_OBJECT) {
            write_raw(rw, key);
            continue;
        }
        gw_jw_key_inner(&rw->w, gw_json_inner(doc, key));
        write_delta(rw, value, role_again);
    }
    gw_jw_object_end(&rw->w);
}

static void write_chunk(rewriting *rw)
{
    const gw_json_doc *doc = rw->doc;
    gw_jw_object(&rw->w);
    gw_json_ref key = gw_json_first(doc, 0);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        if (!gw_json_key_is(doc, key, "choices") || gw_json_typeof(doc, value) != GW_JSON_ARRAY) {
            write_raw(rw, key);
            continue;
        }
        gw_jw_key_inner(&rw->w, gw_json_inner(doc, key));
        gw_jw_array(&rw->w);
        gw_json_ref choice = gw_json_first(doc, value);
        for (; choice != GW_JSON_ABSENT; choice = gw_json_next(doc, choice))
            write_choice(rw, choice);
        gw_jw_array_end(&rw->w);
    }
    gw_jw_object_end(&rw->w);
}

/* The host ended without a finish reason. */
static void write_finish(const gw_oc_tap *tap, gw_buf *out)
{
    gw_buf_puts(out, "data: {");
    gw_buf_append(out, tap->head, tap->head_len);
    gw_buf_puts(out, ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"");
    gw_buf_puts(out, tap->call_count > 0 ? "tool_calls" : "stop");
    gw_buf_puts(out, "\"}]}\n\n");
}

bool gw_oc_tap_repair(const void *tap_state, const gw_sse_event *event, gw_tap_verdict verdict,
                      gw_buf *out)
{
    const gw_oc_tap *tap = tap_state;
    aigw_slice raw = event->raw;
    gw_json_doc doc;
    size_t lead = 0; /* a line end that belongs to the event before */
    while (lead < raw.len && (raw.data[lead] == '\r' || raw.data[lead] == '\n'))
        lead++;
    if (verdict == GW_TAP_LAST) {
        /* Clients know the word only as it is, without white space around it. */
        bool plain = gw_eq(event->data, GW_S("[DONE]"));
        bool unfinished = !tap->finished && tap->head_len > 0;
        if (plain && !unfinished)
            return false;
        gw_buf_append(out, raw.data, lead);
        if (unfinished)
            write_finish(tap, out);
        gw_buf_add(out, plain ? gw_skip(raw, lead) : GW_S("data: [DONE]\n\n"));
        return true;
    }
    gw_arena *arena = parse(event->data, &doc);
    if (arena == NULL)
        return false;
    rewriting rw = {tap, &doc, gw_jw_on(out), 0};
    bool inside =
        event->data.data >= raw.data && event->data.data + event->data.len <= raw.data + raw.len;
    if (inside) {
        size_t from = (size_t)(event->data.data - raw.data);
        gw_buf_append(out, raw.data, from);
        write_chunk(&rw);
        gw_buf_add(out, gw_skip(raw, from + event->data.len));
    } else { /* of several lines */
        gw_buf_append(out, raw.data, lead);
        gw_buf_puts(out, "data: ");
        write_chunk(&rw);
        gw_buf_puts(out, "\n\n");
    }
    gw_arena_free(arena);
    return true;
}
