/* The neutral request: its empty form, notes on what was lost, and the arguments of tool calls. */
/* Must not know any format's field names. */
#include "chat/request.h"

#include "base/error.h"
#include "base/text.h"

static bool json_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Compact JSON as the inside of a JSON string, in one pass; `to` holds twice the length. */
static size_t compact_escaped(aigw_slice json, char *to)
{
    size_t n = 0;
    bool in_string = false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.data[i];
        if (!in_string && json_space(c))
            continue;
        if (c == '"')
            in_string = !in_string;
        if (c == '"' || c == '\\')
            to[n++] = '\\';
        to[n++] = c;
        if (c == '\\' && in_string && i + 1 < json.len) {
            c = json.data[++i]; /* the escaped character, never a quote that ends the string */
            if (c == '"' || c == '\\')
                to[n++] = '\\';
            to[n++] = c;
        }
    }
    return n;
}

static int custom_input(gw_arena *arena, gw_jstr input, aigw_slice *out, aigw_error *err)
{
    static const char head[] = "{\"input\":\"";
    size_t head_len = sizeof(head) - 1, len = head_len + input.inner.len + 2;
    char *to = gw_arena_alloc(arena, len);
    if (to == NULL)
        return gw_fail_nomem(err);
    memcpy(to, head, head_len);
    if (input.inner.len > 0)
        memcpy(to + head_len, input.inner.data, input.inner.len);
    memcpy(to + len - 2, "\"}", 2);
    *out = (aigw_slice){to, len};
    return AIGW_OK;
}

void gw_chat_request_init(gw_chat_request *r, const gw_json_doc *doc)
{
    memset(r, 0, sizeof(*r));
    r->doc = doc;
    r->parallel_tool_calls = -1;
    r->max_tokens = -1;
    r->n = -1;
    r->schema_strict = -1;
    r->thinking_budget = -1;
    r->top_logprobs = -1;
    r->store = -1;
    r->stateful = GW_JSON_ABSENT;
}

gw_json_ref gw_request_end(const gw_chat_request *r)
{
    return r->message_count > 0 ? r->messages[r->message_count - 1].at : 0;
}

int gw_note_add(gw_notes *notes, const gw_json_doc *doc, gw_json_ref at, const char *reason,
                aigw_error *err)
{
    bool placed = doc != NULL && at != GW_JSON_ABSENT;
    if (notes->strict) {
        if (placed)
            return gw_json_fail(err, doc, at, AIGW_E_UNSUPPORTED, "unsupported", "%s", reason);
        gw_fail(err, AIGW_E_UNSUPPORTED, "unsupported", "%s", reason);
        if (err != NULL)
            err->http_status = 400;
        return AIGW_E_UNSUPPORTED;
    }
    if (notes->count == notes->cap) {
        size_t cap = notes->cap == 0 ? 8 : notes->cap * 2;
        gw_note *items = gw_arena_calloc(notes->arena, cap, sizeof(*items));
        if (items == NULL)
            return gw_fail_nomem(err);
        if (notes->count > 0)
            memcpy(items, notes->items, notes->count * sizeof(*items));
        notes->items = items;
        notes->cap = cap;
    }
    gw_note note = {{"", 0}, reason};
    if (placed) {
        char pointer[160];
        gw_json_pointer_along(&notes->trail, doc, at, pointer, sizeof(pointer));
        note.pointer = gw_arena_copy(notes->arena, aigw_slice_of(pointer));
        if (note.pointer.data == NULL)
            return gw_fail_nomem(err);
    }
    notes->items[notes->count++] = note;
    return AIGW_OK;
}

static bool carries_signature(const gw_part *part)
{
    return part->kind == GW_PART_THINKING && part->text.inner.len == 0 &&
           part->signature.inner.len > 0 && part->origin == AIGW_FORMAT_GEMINI;
}

static bool takes_signature(const gw_part *part)
{
    return part->kind != GW_PART_THINKING && part->kind != GW_PART_REDACTED_THINKING &&
           part->signature.inner.len == 0;
}

void gw_message_join_signatures(gw_message *m)
{
    size_t kept = 0;
    if (m->role != GW_ROLE_ASSISTANT)
        return;
    for (size_t i = 0; i < m->part_count; i++) {
        gw_part *part = &m->parts[i];
        if (i + 1 < m->part_count && carries_signature(part) && takes_signature(part + 1)) {
            part[1].signature = part->signature;
            part[1].origin = part->origin;
            continue;
        }
        if (kept != i)
            m->parts[kept] = *part;
        kept++;
    }
    m->part_count = kept;
}

int gw_part_args_object(gw_arena *arena, const gw_json_doc *doc, const gw_part *part,
                        aigw_slice *out, aigw_error *err)
{
    if (part->custom)
        return custom_input(arena, part->args_text, out, err);
    if (gw_has_raw(part->args)) {
        *out = part->args.json;
        return AIGW_OK;
    }
    aigw_slice text = gw_jstr_text(arena, part->args_text);
    if (text.data == NULL)
        return gw_fail_nomem(err);
    size_t i = 0;
    while (i < text.len && json_space(text.data[i]))
        i++;
    if (i == text.len) {
        *out = GW_S("{}");
        return AIGW_OK;
    }
    gw_json_doc parsed;
    int rc = gw_json_parse(arena, text, NULL, &parsed, NULL);
    if (rc == AIGW_E_NOMEM)
        return gw_fail_nomem(err);
    if (rc == AIGW_OK && gw_json_typeof(&parsed, 0) == GW_JSON_NULL) {
        *out = GW_S("{}"); /* some hosts' word for no arguments */
        return AIGW_OK;
    }
    if (rc == AIGW_OK && gw_json_typeof(&parsed, 0) == GW_JSON_OBJECT) {
        *out = gw_json_raw(&parsed, 0);
        return AIGW_OK;
    }
    static const char why[] = "the arguments of a tool call must be one JSON object";
    gw_json_ref at = gw_ref_of(doc, part->args_text.inner);
    at = at == GW_JSON_ABSENT ? part->at : at;
    if (doc != NULL && at != GW_JSON_ABSENT)
        return gw_json_fail(err, doc, at, AIGW_E_PARSE, "bad_arguments", "%s", why);
    gw_fail(err, AIGW_E_PARSE, "bad_arguments", "%s", why);
    if (err != NULL)
        err->http_status = 400;
    return AIGW_E_PARSE;
}

int gw_part_args_text(gw_arena *arena, const gw_part *part, gw_jstr *out, aigw_error *err)
{
    if (gw_has(part->args_text) || !gw_has_raw(part->args)) {
        bool empty = part->args_text.inner.len == 0 && !part->custom;
        *out = empty ? gw_jstr_lit("{}") : part->args_text;
        return AIGW_OK;
    }
    char *to = gw_arena_alloc(arena, part->args.json.len * 2 + 1);
    if (to == NULL)
        return gw_fail_nomem(err);
    *out = (gw_jstr){{to, compact_escaped(part->args.json, to)}};
    return AIGW_OK;
}
