/* Reads the contents of a generateContent request: turns and their parts. */
/* Must not know tools, settings or any other format. */
#include "wire/gemini/gemini.h"

#include "base/crypto.h"
#include "chat/seal.h"
#include "wire/read.h"

#define NONE UINT32_MAX

/* The signature of a part, and whose it is. */
static int read_signature(gw_gm_in *in, gw_json_ref ref, gw_part *part, bool *redacted)
{
    gw_sealed sealed;
    *redacted = false;
    int rc = gw_gm_opt_string(in, ref, "thoughtSignature", &part->signature);
    if (rc != AIGW_OK || !gw_has(part->signature))
        return rc;
    part->origin = AIGW_FORMAT_GEMINI;
    if (gw_unseal(in->arena, part->signature, &sealed)) {
        part->signature = sealed.text;
        part->origin = sealed.origin;
        *redacted = sealed.redacted;
    }
    return AIGW_OK;
}

static gw_part_kind kind_of_type(gw_jstr type)
{
    if (gw_starts_nocase(type.inner, GW_S("image/")))
        return GW_PART_IMAGE;
    return gw_starts_nocase(type.inner, GW_S("audio/")) ? GW_PART_AUDIO : GW_PART_DOCUMENT;
}

/* Text that came as base64: other formats have a place for text documents, and none for such bytes. */
static void decode_text(gw_gm_in *in, gw_part *part)
{
    if (!gw_starts_nocase(part->media_type.inner, GW_S("text/")))
        return;
    size_t len = part->data.inner.len / 4 * 3 + 3;
    uint8_t *plain = gw_arena_alloc(in->arena, len);
    ptrdiff_t got = plain == NULL ? -1 : gw_base64_decode(part->data.inner, plain);
    if (got < 0 || !gw_utf8_valid(gw_slice((char *)plain, (size_t)got)))
        return;
    gw_jstr text = gw_jstr_plain(in->arena, gw_slice((char *)plain, (size_t)got));
    if (!gw_has(text))
        return;
    part->text = text;
    part->data = (gw_jstr){{NULL, 0}};
}

static int read_inline(gw_gm_in *in, gw_json_ref blob, gw_part *part)
{
    if (gw_json_typeof(in->doc, blob) != GW_JSON_OBJECT)
        return gw_gm_wrong(in, blob, "an object");
    int rc = gw_gm_string(in, blob, "mimeType", &part->media_type);
    if (rc == AIGW_OK)
        rc = gw_read_media_type(in->err, in->doc, gw_gm_get(in->doc, blob, "mimeType"),
                                part->media_type);
    if (rc == AIGW_OK)
        rc = gw_gm_string(in, blob, "data", &part->data);
    if (rc == AIGW_OK)
        rc = gw_gm_opt_string(in, blob, "displayName", &part->name);
    if (rc != AIGW_OK)
        return rc;
    rc = gw_read_base64(in->arena, in->doc, gw_gm_get(in->doc, blob, "data"), &part->data, in->err);
    if (rc != AIGW_OK)
        return rc;
    part->kind = kind_of_type(part->media_type);
    if (part->kind == GW_PART_DOCUMENT)
        decode_text(in, part);
    return AIGW_OK;
}

/* What only Google can open is a file of its own, everything else a URL. */
static bool is_file_of_ours(aigw_slice uri)
{
    return gw_starts(uri, GW_S("gs://")) || gw_starts(uri, GW_S("files/")) ||
           gw_starts_nocase(uri, GW_S("https://generativelanguage.googleapis.com/"));
}

static int read_file(gw_gm_in *in, gw_json_ref file, gw_part *part)
{
    gw_jstr uri = {{NULL, 0}};
    if (gw_json_typeof(in->doc, file) != GW_JSON_OBJECT)
        return gw_gm_wrong(in, file, "an object");
    int rc = gw_gm_opt_string(in, file, "mimeType", &part->media_type);
    if (rc == AIGW_OK)
        rc = gw_gm_string(in, file, "fileUri", &uri);
    if (rc == AIGW_OK)
        rc = gw_gm_opt_string(in, file, "displayName", &part->name);
    if (rc != AIGW_OK)
        return rc;
    part->kind = kind_of_type(part->media_type);
    if (is_file_of_ours(uri.inner))
        part->file_id = uri;
    else
        part->url = uri;
    return AIGW_OK;
}

static int read_call(gw_gm_in *in, gw_json_ref call, gw_part *part)
{
    gw_json_ref args;
    part->kind = GW_PART_TOOL_CALL;
    if (gw_json_typeof(in->doc, call) != GW_JSON_OBJECT)
        return gw_gm_wrong(in, call, "an object");
    int rc = gw_gm_string(in, call, "name", &part->tool_name);
    if (rc == AIGW_OK)
        rc = gw_gm_opt_string(in, call, "id", &part->id);
    if (rc == AIGW_OK)
        rc = gw_gm_opt(in, call, "args", GW_JSON_OBJECT, &args);
    if (rc != AIGW_OK)
        return rc;
    if (part->id.inner.len == 0)
        part->id = (gw_jstr){{NULL, 0}};
    part->args = args == GW_JSON_ABSENT ? (gw_raw){GW_S("{}")} : gw_raw_of(in->doc, args);
    return gw_gm_calls_add(&in->calls, in->arena, &part->id, part->tool_name) == AIGW_OK
               ? AIGW_OK
               : gw_fail_nomem(in->err);
}

/* {"output":"..."} and {"error":"..."} say their text; any other object is text that holds JSON. */
static int read_response(gw_gm_in *in, gw_json_ref response, gw_part *part)
{
    gw_part *text = &part->parts[part->part_count++];
    gw_json_ref key = gw_json_first(in->doc, response);
    bool only = gw_json_count(in->doc, response) == 1;
    gw_json_ref value = only ? gw_json_value(in->doc, key) : GW_JSON_ABSENT;
    bool is_error = only && gw_json_key_is(in->doc, key, "error");
    *text = (gw_part){.kind = GW_PART_TEXT, .at = response};
    if (gw_json_typeof(in->doc, value) == GW_JSON_STRING &&
        (is_error || gw_json_key_is(in->doc, key, "output"))) {
        part->is_error = is_error;
        text->text = gw_jstr_of(in->doc, value);
        return AIGW_OK;
    }
    gw_buf compact;
    aigw_slice raw = gw_json_raw(in->doc, response);
    gw_buf_init(&compact, raw.len * 2 + 16);
    gw_gm_escape_json(&compact, raw);
    text->text.inner = gw_arena_copy(in->arena, gw_buf_slice(&compact));
    bool ok = !compact.failed && gw_has(text->text);
    gw_buf_free(&compact);
    return ok ? AIGW_OK : gw_fail_nomem(in->err);
}

static int read_response_parts(gw_gm_in *in, gw_json_ref parts, gw_part *part)
{
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(in->doc, parts);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(in->doc, ref)) {
        gw_part *inner = &part->parts[part->part_count];
        gw_json_ref blob = gw_gm_member(in, ref, "inlineData");
        gw_json_ref file = gw_gm_member(in, ref, "fileData");
        *inner = (gw_part){.at = ref, .raw = gw_raw_of(in->doc, ref)};
        if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT ||
            (blob == GW_JSON_ABSENT) == (file == GW_JSON_ABSENT))
            return gw_gm_wrong(in, ref, "an object with inlineData or fileData");
        rc = blob != GW_JSON_ABSENT ? read_inline(in, blob, inner) : read_file(in, file, inner);
        part->part_count++;
    }
    return rc;
}

/* Which call it answers: that of its id, else the first open one of its name. */
static int find_call(gw_gm_in *in, gw_json_ref ref, gw_jstr id, gw_part *part)
{
    uint32_t at = id.inner.len > 0 ? gw_gm_calls_find(&in->calls, id) : NONE;
    if (at != NONE && !gw_eq(in->calls.items[at].name.inner, part->tool_name.inner))
        return gw_json_fail(in->err, in->doc, gw_gm_get(in->doc, ref, "name"), AIGW_E_PARSE,
                            "unknown_tool_call", "the call of this id has another name");
    if (at == NONE) {
        at = gw_gm_calls_open(&in->calls, part->tool_name);
        /* An id that no call has may answer only a call without one. */
        if (at != NONE && id.inner.len > 0 && in->calls.items[at].given)
            at = NONE;
    }
    if (at == NONE)
        return gw_json_fail(in->err, in->doc, ref, AIGW_E_PARSE, "unknown_tool_call",
                            "this functionResponse answers no earlier functionCall");
    in->calls.items[at].answered = true;
    part->id = in->calls.items[at].id;
    return AIGW_OK;
}

static int read_result(gw_gm_in *in, gw_json_ref ref, gw_part *part)
{
    gw_jstr id = {{NULL, 0}};
    gw_json_ref response, parts;
    part->kind = GW_PART_TOOL_RESULT;
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT)
        return gw_gm_wrong(in, ref, "an object");
    int rc = gw_gm_string(in, ref, "name", &part->tool_name);
    if (rc == AIGW_OK)
        rc = gw_gm_opt_string(in, ref, "id", &id);
    if (rc == AIGW_OK)
        rc = gw_gm_opt(in, ref, "response", GW_JSON_OBJECT, &response);
    if (rc == AIGW_OK)
        rc = gw_gm_opt(in, ref, "parts", GW_JSON_ARRAY, &parts);
    if (rc != AIGW_OK)
        return rc;
    if (response == GW_JSON_ABSENT)
        return gw_gm_missing(in, ref, "response");
    part->parts =
        gw_arena_calloc(in->arena, 1 + (size_t)gw_json_count(in->doc, parts), sizeof(gw_part));
    if (part->parts == NULL)
        return gw_fail_nomem(in->err);
    rc = find_call(in, ref, id, part);
    if (rc == AIGW_OK)
        rc = read_response(in, response, part);
    return rc == AIGW_OK ? read_response_parts(in, parts, part) : rc;
}

/* Text: an answer's, a thought, or nothing but a signature. */
static int read_text(gw_gm_in *in, gw_json_ref ref, gw_part *part, bool redacted)
{
    bool thought = false;
    int rc = gw_gm_opt_bool(in, ref, "thought", &thought);
    if (rc == AIGW_OK)
        rc = gw_gm_string(in, ref, "text", &part->text);
    if (rc != AIGW_OK)
        return rc;
    bool only_signature = part->text.inner.len == 0 && gw_has(part->signature);
    part->kind = thought || only_signature ? GW_PART_THINKING : GW_PART_TEXT;
    if (redacted) {
        part->kind = GW_PART_REDACTED_THINKING;
        part->data = part->signature;
        part->signature = (gw_jstr){{NULL, 0}};
    }
    return AIGW_OK;
}

static int read_part(gw_gm_in *in, gw_json_ref ref, gw_role role, gw_part *part)
{
    bool redacted;
    *part = (gw_part){.at = ref, .raw = gw_raw_of(in->doc, ref)};
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT)
        return gw_gm_wrong(in, ref, "an object");
    int rc = read_signature(in, ref, part, &redacted);
    if (rc != AIGW_OK)
        return rc;
    static const char *const members[] = {"text", "inlineData", "fileData", "functionCall",
                                          "functionResponse"};
    gw_json_ref found[5];
    int count = 0;
    for (size_t i = 0; i < 5; i++) {
        found[i] = gw_gm_member(in, ref, members[i]);
        count += found[i] != GW_JSON_ABSENT;
    }
    if (count > 1)
        return gw_gm_wrong(in, ref, "one kind of data in a part");
    if (found[0] != GW_JSON_ABSENT)
        return read_text(in, ref, part, redacted);
    if (found[1] != GW_JSON_ABSENT)
        return read_inline(in, found[1], part);
    if (found[2] != GW_JSON_ABSENT)
        return read_file(in, found[2], part);
    if (found[3] != GW_JSON_ABSENT)
        return role == GW_ROLE_ASSISTANT
                   ? read_call(in, found[3], part)
                   : gw_gm_wrong(in, found[3], "functionCall in a model turn");
    if (found[4] != GW_JSON_ABSENT)
        return role != GW_ROLE_ASSISTANT
                   ? read_result(in, found[4], part)
                   : gw_gm_wrong(in, found[4], "functionResponse in a user turn");
    if (gw_json_count(in->doc, ref) == 0)
        return gw_gm_wrong(in, ref, "a part that holds something");
    part->kind = GW_PART_NATIVE;
    return AIGW_OK;
}

static bool is_thought(const gw_part *part)
{
    return part->kind == GW_PART_THINKING && gw_has_raw(part->raw);
}

/* A client of a stream keeps a thought in the pieces it came in, the signature on the last: one again. */
static int join_thoughts(gw_gm_in *in, gw_message *message)
{
    size_t to = 0;
    for (size_t i = 0; i < message->part_count;) {
        gw_part *first = &message->parts[i];
        size_t end = i + 1, len = first->text.inner.len;
        if (is_thought(first) && !gw_has(first->signature)) {
            bool own = true, done = false;
            for (; end < message->part_count && is_thought(&message->parts[end]) && !done; end++) {
                const gw_part *next = &message->parts[end];
                bool thought = false;
                gw_json_bool(in->doc, gw_gm_get(in->doc, next->at, "thought"), &thought);
                own = thought;
                if (!own)
                    break;
                len += next->text.inner.len;
                done = gw_has(next->signature);
            }
        }
        gw_part joined = *first;
        if (end > i + 1) {
            char *text = gw_arena_alloc(in->arena, len + 1);
            if (text == NULL)
                return gw_fail_nomem(in->err);
            joined.text.inner = gw_slice(text, len);
            for (size_t k = i; k < end; k++) {
                aigw_slice piece = message->parts[k].text.inner;
                if (piece.len > 0)
                    memcpy(text, piece.data, piece.len);
                text += piece.len;
            }
            joined.signature = message->parts[end - 1].signature;
            joined.origin = message->parts[end - 1].origin;
        }
        message->parts[to++] = joined;
        i = end;
    }
    message->part_count = to;
    return AIGW_OK;
}

static int read_parts(gw_gm_in *in, gw_json_ref content, gw_message *message)
{
    gw_json_ref parts;
    int rc = gw_gm_opt(in, content, "parts", GW_JSON_ARRAY, &parts);
    if (rc != AIGW_OK)
        return rc;
    message->parts =
        gw_arena_calloc(in->arena, 1 + (size_t)gw_json_count(in->doc, parts), sizeof(gw_part));
    if (message->parts == NULL)
        return gw_fail_nomem(in->err);
    gw_json_ref ref = gw_json_first(in->doc, parts);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(in->doc, ref))
        rc = read_part(in, ref, message->role, &message->parts[message->part_count++]);
    return rc == AIGW_OK ? join_thoughts(in, message) : rc;
}

/* A user turn with results becomes a tool message of them, and a user message of the rest. */
static int add_user_turn(gw_gm_in *in, const gw_message *turn)
{
    gw_chat_request *out = in->out;
    size_t results = 0, rest = 0;
    for (size_t i = 0; i < turn->part_count; i++)
        results += turn->parts[i].kind == GW_PART_TOOL_RESULT;
    if (results == 0) {
        out->messages[out->message_count++] = *turn;
        return AIGW_OK;
    }
    gw_message *tool = &out->messages[out->message_count++];
    *tool = *turn;
    tool->role = GW_ROLE_TOOL;
    tool->part_count = 0;
    tool->parts = gw_arena_calloc(in->arena, results, sizeof(gw_part));
    if (tool->parts == NULL)
        return gw_fail_nomem(in->err);
    for (size_t i = 0; i < turn->part_count; i++) {
        if (turn->parts[i].kind == GW_PART_TOOL_RESULT)
            tool->parts[tool->part_count++] = turn->parts[i];
        else
            turn->parts[rest++] = turn->parts[i];
    }
    if (rest == 0)
        return AIGW_OK;
    gw_message *user = &out->messages[out->message_count++];
    *user = *turn;
    user->part_count = rest;
    return AIGW_OK;
}

static int read_content(gw_gm_in *in, gw_json_ref ref)
{
    gw_jstr role = {{NULL, 0}};
    gw_message turn = {.at = ref, .role = GW_ROLE_USER};
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT)
        return gw_gm_wrong(in, ref, "an object");
    int rc = gw_gm_opt_string(in, ref, "role", &role);
    if (rc != AIGW_OK)
        return rc;
    if (gw_jstr_is(role, "model"))
        turn.role = GW_ROLE_ASSISTANT;
    else if (gw_has(role) && !gw_jstr_is(role, "user") && !gw_jstr_is(role, "function"))
        return gw_read_unknown(in->err, in->doc, gw_gm_get(in->doc, ref, "role"), "role",
                               "user or model");
    rc = read_parts(in, ref, &turn);
    if (rc != AIGW_OK)
        return rc;
    if (turn.role == GW_ROLE_USER)
        return add_user_turn(in, &turn);
    in->out->messages[in->out->message_count++] = turn;
    return AIGW_OK;
}

static int read_system(gw_gm_in *in)
{
    gw_json_ref ref;
    gw_chat_request *out = in->out;
    int rc = gw_gm_opt(in, in->root, "systemInstruction", GW_JSON_OBJECT, &ref);
    if (rc != AIGW_OK || ref == GW_JSON_ABSENT)
        return rc;
    gw_message *message = &out->messages[0];
    *message = (gw_message){.role = GW_ROLE_SYSTEM, .at = ref};
    rc = read_parts(in, ref, message);
    for (size_t i = 0; i < message->part_count && rc == AIGW_OK; i++) {
        if (message->parts[i].kind != GW_PART_TEXT)
            rc = gw_gm_wrong(in, message->parts[i].at, "a part of text");
    }
    if (rc == AIGW_OK && message->part_count > 0)
        out->message_count = 1;
    return rc;
}

int gw_gm_read_contents(gw_gm_in *in)
{
    gw_json_ref contents;
    int rc = gw_gm_opt(in, in->root, "contents", GW_JSON_ARRAY, &contents);
    if (rc != AIGW_OK)
        return rc;
    if (contents == GW_JSON_ABSENT)
        return gw_gm_missing(in, in->root, "contents");
    if (gw_json_count(in->doc, contents) == 0)
        return gw_gm_wrong(in, contents, "at least one content");
    uint32_t turns = gw_json_count(in->doc, contents), most = 0;
    gw_json_ref ref = gw_json_first(in->doc, contents);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(in->doc, ref))
        most += gw_json_count(in->doc, gw_gm_get(in->doc, ref, "parts"));
    in->out->messages = gw_arena_calloc(in->arena, 1 + 2 * (size_t)turns, sizeof(gw_message));
    if (in->out->messages == NULL || gw_gm_calls_init(&in->calls, in->arena, most) != AIGW_OK)
        return gw_fail_nomem(in->err);
    rc = read_system(in);
    ref = gw_json_first(in->doc, contents);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(in->doc, ref))
        rc = read_content(in, ref);
    return rc;
}
