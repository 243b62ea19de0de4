/* The table of formats, the natural statuses of failures, and the patch of a same-format request. */
/* Must not know any format's fields. */
#include "wire/wire.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

enum { MAX_PATCHES = 32 };

const gw_wire *const gw_wires[] = {&gw_wire_openai_chat,      &gw_wire_anthropic,
                                   &gw_wire_openai_responses, &gw_wire_bedrock,
                                   &gw_wire_gemini,           NULL};

/* A format may take any text for arguments; no other has to. */
static int check_arguments(gw_arena *arena, const gw_chat_request *r, aigw_error *err)
{
    aigw_slice object;
    int rc = AIGW_OK;
    for (size_t m = 0; m < r->message_count && rc == AIGW_OK; m++) {
        for (size_t i = 0; i < r->messages[m].part_count && rc == AIGW_OK; i++) {
            const gw_part *part = &r->messages[m].parts[i];
            if (part->kind == GW_PART_TOOL_CALL && !part->custom && !gw_has_raw(part->args))
                rc = gw_part_args_object(arena, r->doc, part, &object, err);
        }
    }
    return rc;
}

/* Whatever calls a tool calls it with an object. */
static int check_roots(const gw_chat_request *r, aigw_error *err)
{
    for (size_t i = 0; i < r->tool_count; i++) {
        gw_json_ref root = gw_ref_of(r->doc, r->tools[i].schema.json);
        gw_json_ref type = gw_json_get(r->doc, root, "type");
        if (!r->tools[i].native && gw_json_typeof(r->doc, type) == GW_JSON_STRING &&
            !gw_json_is(r->doc, type, "object"))
            return gw_json_fail(err, r->doc, type, AIGW_E_UNSUPPORTED, "not_object",
                                "the parameters of a tool must be of type \"object\"");
    }
    return AIGW_OK;
}

int gw_wire_request(const gw_wire *to, gw_arena *arena, const gw_chat_request *request,
                    const gw_write_options *options, gw_buf *out, gw_notes *notes, aigw_error *err)
{
    if (request->stateful != GW_JSON_ABSENT && request->format != to->format)
        return gw_json_fail(err, request->doc, request->stateful, AIGW_E_UNSUPPORTED, "stateful",
                            "this needs state that its provider holds, and the request goes to "
                            "another one");
    int rc = AIGW_OK;
    if (request->format != to->format)
        rc = check_arguments(arena, request, err);
    if (request->format != to->format && rc == AIGW_OK)
        rc = check_roots(request, err);
    return rc == AIGW_OK ? to->write_request(arena, request, options, out, notes, err) : rc;
}

const gw_wire *gw_wire_of(aigw_format format)
{
    for (const gw_wire *const *wire = gw_wires; *wire != NULL; wire++) {
        if ((*wire)->format == format)
            return *wire;
    }
    return NULL;
}

int gw_api_error_status(gw_api_error_kind kind)
{
    switch (kind) {
    case GW_ERR_INVALID_REQUEST:
        return 400;
    case GW_ERR_AUTHENTICATION:
        return 401;
    case GW_ERR_PERMISSION:
        return 403;
    case GW_ERR_NOT_FOUND:
        return 404;
    case GW_ERR_CONFLICT:
        return 409;
    case GW_ERR_TOO_LARGE:
        return 413;
    case GW_ERR_RATE_LIMIT:
    case GW_ERR_QUOTA:
        return 429;
    case GW_ERR_SERVER:
        return 500;
    case GW_ERR_OVERLOADED:
    case GW_ERR_UNAVAILABLE:
        return 503;
    case GW_ERR_TIMEOUT:
        return 504;
    case GW_ERR_UPSTREAM:
        break;
    }
    return 502;
}

gw_api_error_kind gw_api_error_kind_of(int status)
{
    switch (status) {
    case 401:
        return GW_ERR_AUTHENTICATION;
    case 402:
        return GW_ERR_QUOTA;
    case 403:
        return GW_ERR_PERMISSION;
    case 404:
        return GW_ERR_NOT_FOUND;
    case 408:
    case 504:
        return GW_ERR_TIMEOUT;
    case 409:
        return GW_ERR_CONFLICT;
    case 413:
        return GW_ERR_TOO_LARGE;
    case 429:
        return GW_ERR_RATE_LIMIT;
    case 502:
        return GW_ERR_UPSTREAM;
    case 503:
    case 529:
        return GW_ERR_OVERLOADED;
    default:
        break;
    }
    if (status >= 400 && status < 500)
        return GW_ERR_INVALID_REQUEST;
    return status >= 500 && status < 600 ? GW_ERR_SERVER : GW_ERR_UPSTREAM;
}

static size_t patch_of_key(const gw_json_doc *doc, gw_json_ref key, const gw_patch *patches,
                           size_t count)
{
    for (size_t i = count; i > 0; i--) {
        if (gw_json_key_is(doc, key, patches[i - 1].member))
            return i - 1;
    }
    return count;
}

/* Is there a later patch of the same member? */
static bool is_overruled(const gw_patch *patches, size_t count, size_t i)
{
    for (size_t later = i + 1; later < count; later++) {
        if (strcmp(patches[later].member, patches[i].member) == 0)
            return true;
    }
    return false;
}

/* Where the patched document goes, part by part: copied into a buffer, or listed. */
typedef struct parts {
    gw_buf *buf; /* NULL: listed */
    gw_arena *arena;
    aigw_slice *items;
    size_t count, cap;
    bool failed;
} parts;

static void list_part(parts *p, aigw_slice part)
{
    if (p->count > 0 && p->items[p->count - 1].data + p->items[p->count - 1].len == part.data) {
        p->items[p->count - 1].len += part.len;
        return;
    }
    if (p->count == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 16;
        aigw_slice *items = gw_arena_alloc(p->arena, cap * sizeof *items);
        if (items == NULL) {
            p->failed = true;
            return;
        }
        if (p->count > 0)
            memcpy(items, p->items, p->count * sizeof *items);
        p->items = items;
        p->cap = cap;
    }
    p->items[p->count++] = part;
}

static void put(parts *p, aigw_slice part)
{
    if (p->buf != NULL)
        gw_buf_add(p->buf, part);
    else if (part.len > 0 && !p->failed)
        list_part(p, part);
}

static void insert_absent(const gw_patch *patches, size_t count, const bool *found, bool empty,
                          parts *out)
{
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (found[i] || patches[i].remove || is_overruled(patches, count, i))
            continue;
        put(out, first ? GW_S("\"") : GW_S(",\""));
        first = false;
        put(out, aigw_slice_of(patches[i].member));
        put(out, GW_S("\":"));
        put(out, patches[i].value);
    }
    if (!first && !empty)
        put(out, GW_S(","));
}

/* A member is to go: the others are set in order anew, since a comma goes with it. */
static void rebuild(const gw_json_doc *doc, const gw_patch *patches, size_t count, parts *out)
{
    bool first = true; /* what stands before it ends with its comma, if there is one */
    for (gw_json_ref key = gw_json_first(doc, 0); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        size_t i = patch_of_key(doc, key, patches, count);
        if (i < count && patches[i].remove)
            continue;
        if (!first)
            put(out, GW_S(","));
        first = false;
        put(out, gw_json_raw(doc, key));
        put(out, GW_S(":"));
        put(out, i < count ? patches[i].value : gw_json_raw(doc, gw_json_value(doc, key)));
    }
    put(out, GW_S("}"));
}

static void replace_in_place(const gw_json_doc *doc, const gw_patch *patches, size_t count,
                             size_t done, parts *out)
{
    const char *text = doc->text.data;
    for (gw_json_ref key = gw_json_first(doc, 0); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        size_t i = patch_of_key(doc, key, patches, count);
        if (i == count)
            continue;
        aigw_slice old = gw_json_raw(doc, gw_json_value(doc, key));
        put(out, gw_slice(text + done, (size_t)(old.data - text) - done));
        put(out, patches[i].value);
        done = (size_t)(old.data - text) + old.len;
    }
    put(out, gw_slice(text + done, doc->text.len - done));
}

static int patch(const gw_json_doc *doc, const gw_patch *patches, size_t count, parts *out,
                 aigw_error *err)
{
    bool found[MAX_PATCHES] = {false};
    if (count > MAX_PATCHES)
        return gw_fail(err, AIGW_E_INVALID, "too_many_patches", "at most %d patches", MAX_PATCHES);
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return gw_json_fail(err, doc, 0, AIGW_E_PARSE, "not_an_object",
                            "the body must be a JSON object");
    uint32_t kept = gw_json_count(doc, 0);
    for (gw_json_ref key = gw_json_first(doc, 0); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        size_t i = patch_of_key(doc, key, patches, count);
        if (i == count)
            continue;
        found[i] = true;
        kept -= patches[i].remove;
    }
    /* What stands before and the opening brace. */
    size_t done = (size_t)(gw_json_raw(doc, 0).data - doc->text.data) + 1;
    put(out, gw_slice(doc->text.data, done));
    insert_absent(patches, count, found, kept == 0, out);
    if (kept < gw_json_count(doc, 0))
        rebuild(doc, patches, count, out);
    else
        replace_in_place(doc, patches, count, done, out);
    return AIGW_OK;
}

int gw_patch_body(const gw_json_doc *doc, const gw_patch *patches, size_t count, gw_buf *out,
                  aigw_error *err)
{
    parts copied = {.buf = out};
    int rc = patch(doc, patches, count, &copied, err);
    if (rc == AIGW_OK && out->failed)
        return gw_fail(err, AIGW_E_LIMIT, "body_too_large", "the patched body is too large");
    return rc;
}

int gw_patch_pieces(const gw_json_doc *doc, const gw_patch *patches, size_t count, gw_arena *arena,
                    const aigw_slice **out, size_t *out_count, aigw_error *err)
{
    parts listed = {.arena = arena};
    int rc = patch(doc, patches, count, &listed, err);
    if (rc == AIGW_OK && listed.failed)
        return gw_fail_nomem(err);
    if (rc == AIGW_OK) {
        *out = listed.items;
        *out_count = listed.count;
    }
    return rc;
}
