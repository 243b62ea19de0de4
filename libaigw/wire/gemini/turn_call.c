/* Tool calls of an answer: whole ones, and those whose arguments come in pieces. */
/* Must not know text or framing. */
#include "wire/gemini/turn.h"

#include <stdio.h>

enum { ARGS_ARENA = 32 << 20, ARGS_MOST = 8 << 20, ID_BYTES = 32 };

/* From what is this answer's own: its id, and the place of the call. Without an id none is made here; the
 * writer has one from the exchange. */
static gw_jstr make_id(const gw_gm_turn *t, const gw_gm_choice *c, char to[ID_BYTES])
{
    aigw_slice id = gw_buf_slice(&t->id);
    uint64_t h = 14695981039346656037u;
    if (id.len == 0)
        return (gw_jstr){{NULL, 0}};
    for (size_t i = 0; i < id.len; i++)
        h = (h ^ (unsigned char)id.data[i]) * 1099511628211u;
    h ^= (uint64_t)(c - t->choices) << 48;
    int len = snprintf(to, ID_BYTES, "call_%016llx%04x", (unsigned long long)h,
                       (unsigned)(c->calls & 0xffff));
    return (gw_jstr){gw_slice(to, (size_t)len)};
}

static int open_call(gw_gm_turn *t, gw_gm_choice *c, gw_json_ref call, gw_jstr signature)
{
    char made[ID_BYTES];
    gw_event ev = gw_gm_turn_event(t, c, GW_EV_BLOCK_START);
    ev.block_kind = GW_BLOCK_TOOL_CALL;
    ev.tool_name = gw_gm_string_of(t->doc, call, "name");
    ev.call_id = gw_gm_string_of(t->doc, call, "id");
    if (ev.call_id.inner.len == 0)
        ev.call_id = make_id(t, c, made);
    ev.signature = signature;
    ev.origin = gw_has(signature) ? AIGW_FORMAT_GEMINI : 0;
    c->calls++;
    c->called = c->usable = true;
    return gw_gm_turn_open(t, c, &ev);
}

static int emit_args(gw_gm_turn *t, gw_gm_choice *c, aigw_slice json)
{
    gw_event ev = gw_gm_turn_event(t, c, GW_EV_DELTA);
    gw_part part = {.kind = GW_PART_TOOL_CALL, .at = GW_JSON_ABSENT, .args = {json}};
    int rc = gw_part_args_text(t->arena, &part, &ev.delta, t->err);
    if (rc == AIGW_OK)
        rc = gw_emit(t->sink, &ev);
    return rc == AIGW_OK ? gw_gm_turn_close(t, c) : rc;
}

static void drop_args(gw_gm_choice *c)
{
    gw_arena_free(c->args_arena);
    c->args_arena = NULL;
    c->args = NULL;
}

int gw_gm_turn_end_call(gw_gm_turn *t, gw_gm_choice *c)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    if (c->args == NULL)
        return AIGW_OK;
    gw_buf json;
    gw_json_doc doc;
    gw_buf_init(&json, ARGS_MOST);
    gw_jw w = gw_jw_on(&json);
    gw_gm_args_write(c->args, &w);
    int rc = json.failed ? AIGW_E_NOMEM
                         : gw_json_parse(t->arena, gw_buf_slice(&json), &lenient, &doc, NULL);
    if (rc == AIGW_OK)
        rc = emit_args(t, c, gw_buf_slice(&json));
    else if (rc != AIGW_E_NOMEM)
        rc = gw_gm_turn_broken(t, "The provider called a tool with arguments that are no JSON.");
    gw_buf_free(&json);
    drop_args(c);
    return rc;
}

static int add_pieces(gw_gm_turn *t, gw_gm_choice *c, gw_json_ref call)
{
    gw_json_ref pieces = gw_gm_get(t->doc, call, "partialArgs");
    if (gw_json_typeof(t->doc, pieces) != GW_JSON_ARRAY)
        return AIGW_OK;
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(t->doc, pieces);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(t->doc, ref))
        rc = gw_gm_args_add(c->args, t->doc, ref);
    return rc == AIGW_E_UPSTREAM
               ? gw_gm_turn_broken(t, "The provider sent arguments that do not fit together.")
               : rc;
}

static bool continues(const gw_gm_turn *t, gw_json_ref call)
{
    return gw_json_typeof(t->doc, gw_gm_get(t->doc, call, "willContinue")) == GW_JSON_TRUE;
}

static int begin_pieces(gw_gm_choice *c)
{
    c->args_arena = gw_arena_new(ARGS_ARENA);
    c->args = c->args_arena == NULL ? NULL : gw_gm_args_new(c->args_arena);
    if (c->args != NULL)
        return AIGW_OK;
    drop_args(c);
    return AIGW_E_NOMEM;
}

int gw_gm_turn_call(gw_gm_turn *t, gw_gm_choice *c, gw_json_ref call, gw_jstr signature)
{
    int rc = AIGW_OK;
    if (gw_json_typeof(t->doc, call) != GW_JSON_OBJECT)
        return gw_gm_turn_broken(t, "The provider sent a functionCall that is no object.");
    bool named = gw_gm_string_of(t->doc, call, "name").inner.len > 0;
    if (named) {
        rc = gw_gm_turn_end_call(t, c);
        if (rc == AIGW_OK)
            rc = gw_gm_turn_close(t, c);
        if (rc == AIGW_OK)
            rc = open_call(t, c, call, signature);
        bool pieces =
            continues(t, call) || gw_gm_get(t->doc, call, "partialArgs") != GW_JSON_ABSENT;
        gw_json_ref args = gw_gm_get(t->doc, call, "args");
        if (rc == AIGW_OK && !pieces)
            return emit_args(t, c,
                             gw_json_typeof(t->doc, args) == GW_JSON_OBJECT
                                 ? gw_json_raw(t->doc, args)
                                 : GW_S("{}"));
        if (rc == AIGW_OK)
            rc = begin_pieces(c);
    } else if (c->args == NULL) {
        return gw_json_count(t->doc, call) == 0
                   ? AIGW_OK /* the end of a call that is over already */
                   : gw_gm_turn_broken(t, "The provider called a tool without a name.");
    }
    if (rc == AIGW_OK)
        rc = add_pieces(t, c, call);
    return rc == AIGW_OK && !continues(t, call) ? gw_gm_turn_end_call(t, c) : rc;
}
