/* Tool calls in a stream of OpenAI chat chunks: which call a fragment belongs to, and its end. */
/* Must not know anything of the stream but the choice at hand. */
#include "wire/openai_chat/stream.h"

#include "base/error.h"
#include "base/text.h"
#include "chat/seal.h"

enum { MAX_CALLS = 1024 };

/* Follows the arguments' JSON through its still escaped fragments: \" is a quote, \\ a backslash. */
static void follow_args(gw_oc_call *call, gw_jstr fragment)
{
    aigw_slice s = fragment.inner;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (c == '\\' && i + 1 < s.len) {
            c = s.data[++i];
            if (c != '"' && c != '\\' && c != '/')
                c = ' '; /* a control character or a code unit: none of those looked for */
        }
        if (call->in_string) {
            if (call->escaped)
                call->escaped = false;
            else if (c == '\\')
                call->escaped = true;
            else if (c == '"')
                call->in_string = false;
        } else if (c == '"') {
            call->in_string = true;
        } else if (c == '{' || c == '[') {
            call->depth++;
        } else if (c == '}' || c == ']') {
            call->depth--;
            call->complete = call->depth == 0;
        }
    }
}

static bool same_id(gw_jstr a, gw_jstr b)
{
    return gw_has(a) && gw_has(b) && gw_eq(a.inner, b.inner);
}

typedef struct call_fragment {
    int64_t index; /* -1: none */
    gw_jstr id, name, args, signature;
    aigw_format origin; /* of the signature */
    bool custom;
} call_fragment;

/* Is it a call whose arguments are not complete, and are there more of them? */
static bool is_going_on(const gw_oc_call *call, const call_fragment *f)
{
    return call->opened && !call->closed && !call->complete && f->args.inner.len > 0;
}

/*
 * Which call a fragment belongs to; NULL: a new one. Hosts give every call the index 0, or none, or no
 * id, so a new id is a new call whatever its index, and so is a name after arguments where there are
 * no ids at all.
 */
static gw_oc_call *find_call(gw_oc_choice *choice, const call_fragment *f)
{
    for (size_t i = choice->call_count; i > 0; i--) {
        gw_oc_call *call = &choice->calls[i - 1];
        if (f->index >= 0 && call->index != f->index)
            continue;
        if (gw_has(f->id)) {
            if (same_id(call->id, f->id))
                return call;
            if (f->index < 0)
                continue;
            /* Some hosts make a new id for each fragment; a new call has a name. */
            bool goes_on = f->name.inner.len == 0 && (!gw_has(call->id) || is_going_on(call, f));
            return goes_on ? call : NULL;
        }
        bool fresh =
            f->name.inner.len > 0 && (f->index < 0 || (!gw_has(call->id) && call->any_args));
        return fresh ? NULL : call;
    }
    return NULL;
}

static gw_oc_call *add_call(gw_oc_choice *choice, const call_fragment *f)
{
    if (choice->call_count == choice->call_cap) {
        size_t cap = choice->call_cap == 0 ? 4 : choice->call_cap * 2;
        gw_oc_call *calls = gw_realloc(choice->calls, cap * sizeof(*calls));
        if (calls == NULL)
            return NULL;
        choice->calls = calls;
        choice->call_cap = cap;
    }
    gw_oc_call *call = &choice->calls[choice->call_count];
    *call = (gw_oc_call){.index = f->index, .custom = f->custom};
    if (gw_has(f->id)) {
        char *copy = gw_strdup(f->id.inner);
        if (copy == NULL)
            return NULL;
        call->id.inner = (aigw_slice){copy, f->id.inner.len};
    }
    choice->call_count++;
    return call;
}

static int open_call(const gw_oc_chunk *cr, gw_oc_call *call, const call_fragment *f)
{
    gw_oc_choice *choice = cr->choice;
    char made[26];
    int rc = gw_oc_stream_close_plain(cr);
    if (rc == AIGW_OK)
        rc = gw_oc_stream_close_calls(
            cr, true); /* a complete call need not stay open beside the next one */
    if (rc != AIGW_OK)
        return rc;
    call->opened = true;
    call->is_signed = gw_has(f->signature);
    call->block = choice->next_block++;
    choice->open_calls++;
    choice->opened_calls++;
    gw_event ev = {.kind = GW_EV_BLOCK_START, .block_kind = GW_BLOCK_TOOL_CALL};
    ev.choice = choice->index;
    ev.block = call->block;
    ev.call_id = call->id;
    if (!gw_has(call->id) && cr->r->seed_len > 0) { /* else the writer makes it */
        gw_oc_make_call_id(made, gw_slice(cr->r->seed, cr->r->seed_len), choice->index,
                           (uint32_t)(call - choice->calls));
        ev.call_id = gw_jstr_lit(made);
    }
    ev.tool_name = f->name;
    ev.custom = call->custom;
    ev.signature = f->signature;
    ev.origin = f->origin;
    return gw_emit(cr->sink, &ev);
}

static int call_delta(const gw_oc_chunk *cr, gw_oc_call *call, const call_fragment *f)
{
    bool late = gw_has(f->signature) && !call->is_signed;
    if (f->args.inner.len == 0 && !late)
        return AIGW_OK;
    if (call->closed)
        return gw_jstr_blank(f->args)
                   ? AIGW_OK
                   : gw_oc_stream_broken(cr, "The provider went on with a finished tool call.");
    call->any_args = call->any_args || f->args.inner.len > 0;
    if (!call->custom)
        follow_args(call, f->args);
    gw_event ev = {.kind = GW_EV_DELTA, .block_kind = GW_BLOCK_TOOL_CALL};
    ev.choice = cr->choice->index;
    ev.block = call->block;
    ev.delta = f->args;
    if (late) {
        call->is_signed = true;
        ev.signature = f->signature;
        ev.origin = f->origin;
    }
    return gw_emit(cr->sink, &ev);
}

static int read_fragment(const gw_oc_chunk *cr, gw_json_ref ref, call_fragment *f)
{
    const gw_json_doc *doc = cr->doc;
    gw_json_ref body = gw_json_get(doc, ref, "custom"), index = gw_json_get(doc, ref, "index");
    f->custom = gw_json_typeof(doc, body) == GW_JSON_OBJECT;
    if (!f->custom)
        body = gw_json_get(doc, ref, "function");
    if (index == GW_JSON_ABSENT || !gw_json_i64(doc, index, &f->index) || f->index < 0)
        f->index = -1;
    f->id = gw_jstr_of(doc, gw_json_get(doc, ref, "id"));
    if (f->id.inner.len == 0)
        f->id = (gw_jstr){{NULL, 0}};
    gw_sealed sealed;
    gw_event beside = {.kind = GW_EV_DELTA};
    if (gw_unseal_id(cr->r->arena, f->id, &f->id, &sealed)) { /* of a gateway like this one */
        beside.signature = sealed.text;
        beside.origin = sealed.origin;
    }
    gw_oc_read_call_signature(cr->r->arena, doc, ref, &beside);
    f->signature = beside.signature;
    f->origin = beside.origin;
    if (gw_json_typeof(doc, body) != GW_JSON_OBJECT)
        return AIGW_OK;
    f->name = gw_jstr_of(doc, gw_json_get(doc, body, "name"));
    gw_json_ref args = gw_json_get(doc, body, f->custom ? "input" : "arguments");
    f->args = gw_jstr_of(doc, args);
    gw_part part = {.args = gw_raw_of(doc, args)};
    if (gw_json_typeof(doc, args) == GW_JSON_OBJECT)
        return gw_part_args_text(cr->r->arena, &part, &f->args, cr->err);
    return AIGW_OK;
}

static int read_call(const gw_oc_chunk *cr, gw_json_ref ref)
{
    call_fragment f = {0};
    gw_oc_choice *choice = cr->choice;
    if (gw_json_typeof(cr->doc, ref) != GW_JSON_OBJECT)
        return AIGW_OK;
    int rc = read_fragment(cr, ref, &f);
    if (rc != AIGW_OK)
        return rc;
    gw_oc_call *call = find_call(choice, &f);
    if (call == NULL) {
        if (choice->call_count >= MAX_CALLS)
            return gw_oc_stream_broken(cr, "The provider made too many tool calls.");
        call = add_call(choice, &f);
        if (call == NULL)
            return gw_fail_nomem(cr->err);
    }
    if (!call->opened) {
        /* Some hosts send the id first and the name in a later chunk. */
        if (f.name.inner.len == 0 && f.args.inner.len == 0)
            return AIGW_OK;
        rc = open_call(cr, call, &f);
    }
    return rc == AIGW_OK ? call_delta(cr, call, &f) : rc;
}

int gw_oc_stream_read_calls(const gw_oc_chunk *cr, gw_json_ref delta)
{
    const gw_json_doc *doc = cr->doc;
    gw_json_ref calls = gw_json_get(doc, delta, "tool_calls");
    gw_json_ref single = gw_json_get(doc, delta, "function_call");
    int rc = AIGW_OK;
    if (gw_json_typeof(doc, calls) == GW_JSON_ARRAY) {
        gw_json_ref ref = gw_json_first(doc, calls);
        for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(doc, ref))
            rc = read_call(cr, ref);
    } else if (gw_json_typeof(doc, single) == GW_JSON_OBJECT) {
        call_fragment f = {.index = 0};
        f.name = gw_jstr_of(doc, gw_json_get(doc, single, "name"));
        f.args = gw_jstr_of(doc, gw_json_get(doc, single, "arguments"));
        gw_oc_call *call =
            cr->choice->call_count > 0 ? cr->choice->calls : add_call(cr->choice, &f);
        if (call == NULL)
            return gw_fail_nomem(cr->err);
        if (!call->opened)
            rc = open_call(cr, call, &f);
        if (rc == AIGW_OK)
            rc = call_delta(cr, call, &f);
    }
    return rc;
}

int gw_oc_stream_close_calls(const gw_oc_chunk *cr, bool complete_only)
{
    gw_oc_choice *choice = cr->choice;
    int rc = AIGW_OK;
    for (size_t i = 0; i < choice->call_count && choice->open_calls > 0 && rc == AIGW_OK; i++) {
        gw_oc_call *call = &choice->calls[i];
        if (!call->opened || call->closed || (complete_only && !call->complete))
            continue;
        call->closed = true;
        choice->open_calls--;
        rc = gw_oc_stream_emit(cr, GW_EV_BLOCK_STOP, GW_BLOCK_TOOL_CALL, call->block);
    }
    return rc;
}
