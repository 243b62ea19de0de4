/*
 * Reading the content blocks and turns of a Converse request into neutral parts and messages.
 * Knows nothing of tools' definitions or of other top-level members.
 */
#include "chat/seal.h"
#include "wire/bedrock/bedrock.h"
#include "wire/read.h"

/* The texts of an array of {"text"}, put together; false: something else is among them. */
static bool join_texts(const gw_bedrock_in *in, gw_json_ref array, gw_jstr *out)
{
    size_t len = 0, at = 0;
    for (gw_json_ref r = gw_json_first(in->doc, array); r != GW_JSON_ABSENT;
         r = gw_json_next(in->doc, r)) {
        gw_json_ref text = gw_json_typeof(in->doc, r) == GW_JSON_OBJECT
                               ? gw_json_get(in->doc, r, "text")
                               : GW_JSON_ABSENT;
        if (gw_json_typeof(in->doc, text) != GW_JSON_STRING) {
            return false;
        }
        len += gw_json_inner(in->doc, text).len;
    }
    char *to = gw_arena_alloc(in->arena, len + 1);
    for (gw_json_ref r = gw_json_first(in->doc, array); to != NULL && r != GW_JSON_ABSENT;
         r = gw_json_next(in->doc, r)) {
        aigw_slice text = gw_json_inner(in->doc, gw_json_get(in->doc, r, "text"));
        memcpy(to + at, text.data, text.len);
        at += text.len;
    }
    *out = (gw_jstr){{to, len}};
    return to != NULL;
}

static int read_text(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    part->kind = GW_PART_TEXT;
    if (gw_json_typeof(in->doc, value) != GW_JSON_STRING) {
        return gw_bedrock_wrong(in, value, "a string");
    }
    part->text = gw_jstr_of(in->doc, value);
    return AIGW_OK;
}

/* bytes, s3Location, and of documents text and content. */
static int read_source(const gw_bedrock_in *in, gw_json_ref block, gw_part *part)
{
    gw_json_ref source, key;
    int rc = gw_bedrock_object(in, block, "source", true, &source);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_union(in, source, &key);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_json_ref value = gw_json_value(in->doc, key);
    if (gw_json_key_is(in->doc, key, "bytes")) {
        rc = gw_bedrock_string(in, source, "bytes", true, &part->data);
        return rc != AIGW_OK ? rc : gw_read_base64(in->arena, in->doc, value, &part->data, in->err);
    }
    if (gw_json_key_is(in->doc, key, "s3Location")) {
        return gw_json_typeof(in->doc, value) == GW_JSON_OBJECT
                   ? gw_bedrock_string(in, value, "uri", true, &part->url)
                   : gw_bedrock_wrong(in, value, "an object");
    }
    if (part->kind == GW_PART_DOCUMENT && gw_json_key_is(in->doc, key, "text")) {
        return gw_bedrock_string(in, source, "text", true, &part->text);
    }
    if (part->kind == GW_PART_DOCUMENT && gw_json_key_is(in->doc, key, "content") &&
        gw_json_typeof(in->doc, value) == GW_JSON_ARRAY) {
        if (!join_texts(in, value, &part->text)) {
            part->kind = GW_PART_NATIVE;
        }
        return AIGW_OK;
    }
    return gw_json_fail(in->err, in->doc, source, AIGW_E_UNSUPPORTED, "unknown_value",
                        "expected a known kind of source");
}

static int read_media(const gw_bedrock_in *in, gw_json_ref value, gw_bedrock_media kind,
                      gw_part *part)
{
    gw_jstr format = {{NULL, 0}};
    if (gw_json_typeof(in->doc, value) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, value, "an object");
    }
    int rc = gw_bedrock_string(in, value, "format", kind != GW_BEDROCK_DOCUMENT, &format);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (gw_has(format)) {
        const char *mime = gw_bedrock_mime(kind, format);
        if (mime == NULL) {
            return gw_read_unknown(in->err, in->doc, gw_json_get(in->doc, value, "format"),
                                   "format", "a known format");
        }
        part->media_type = gw_jstr_lit(mime);
    }
    return read_source(in, value, part);
}

static int read_image(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    part->kind = GW_PART_IMAGE;
    return read_media(in, value, GW_BEDROCK_IMAGE, part);
}

static int read_audio(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    part->kind = GW_PART_AUDIO;
    return read_media(in, value, GW_BEDROCK_AUDIO, part);
}

static int read_video(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    part->kind = GW_PART_DOCUMENT;
    return read_media(in, value, GW_BEDROCK_VIDEO, part);
}

static int read_document(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    part->kind = GW_PART_DOCUMENT;
    int rc = read_media(in, value, GW_BEDROCK_DOCUMENT, part);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, value, "name", true, &part->name);
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, value, "context", false, &part->detail);
    }
    gw_json_ref citations = gw_json_get(in->doc, value, "citations");
    bool enabled = false;
    if (rc == AIGW_OK && gw_json_typeof(in->doc, citations) == GW_JSON_OBJECT &&
        gw_json_bool(in->doc, gw_json_get(in->doc, citations, "enabled"), &enabled) && enabled) {
        part->citations = gw_raw_of(in->doc, citations);
    }
    return rc;
}

/* A tool that the provider runs by itself; its calls and results are no client's. */
static bool is_hosted(const gw_bedrock_in *in, gw_json_ref value)
{
    return gw_json_is(in->doc, gw_json_get(in->doc, value, "type"), "server_tool_use");
}

static int read_tool_use(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    gw_json_ref input = GW_JSON_ABSENT;
    part->kind = GW_PART_TOOL_CALL;
    if (gw_json_typeof(in->doc, value) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, value, "an object");
    }
    if (is_hosted(in, value)) {
        part->kind = GW_PART_NATIVE;
        return AIGW_OK;
    }
    int rc = gw_bedrock_string(in, value, "toolUseId", true, &part->id);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, value, "name", true, &part->tool_name);
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_object(in, value, "input", true, &input);
    }
    part->args = gw_raw_of(in->doc, input);
    return rc;
}

static int read_content(const gw_bedrock_in *in, gw_json_ref array, gw_role role, gw_part **parts,
                        size_t *count);

static int read_tool_result(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    gw_jstr status = {{NULL, 0}};
    gw_json_ref content;
    part->kind = GW_PART_TOOL_RESULT;
    if (gw_json_typeof(in->doc, value) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, value, "an object");
    }
    int rc = gw_bedrock_string(in, value, "toolUseId", true, &part->id);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, value, "status", false, &status);
    }
    if (rc == AIGW_OK && gw_has(status) && !gw_jstr_is(status, "success") &&
        !gw_jstr_is(status, "error")) {
        rc = gw_read_unknown(in->err, in->doc, gw_json_get(in->doc, value, "status"), "status",
                             "success or error");
    }
    part->is_error = gw_jstr_is(status, "error");
    if (rc == AIGW_OK) {
        rc = gw_bedrock_array(in, value, "content", true, &content);
    }
    return rc != AIGW_OK ? rc
                         : read_content(in, content, GW_ROLE_TOOL, &part->parts, &part->part_count);
}

/* To another format a JSON result is the text of it. */
static int read_json(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    gw_part holder = {.kind = GW_PART_TOOL_CALL, .args = gw_raw_of(in->doc, value)};
    part->kind = GW_PART_TEXT;
    return gw_part_args_text(in->arena, &holder, &part->text, in->err);
}

/* Whose it is, and which of the two kinds: what we sealed may stand in either slot. */
static void open_slot(const gw_bedrock_in *in, gw_jstr slot, bool redacted, gw_part *part)
{
    gw_sealed opened = gw_seal_open(in->arena, slot, GW_BEDROCK_ORIGIN, redacted);
    part->origin = opened.origin;
    part->kind = opened.redacted ? GW_PART_REDACTED_THINKING : GW_PART_THINKING;
    if (opened.redacted) {
        part->data = opened.text;
    } else {
        part->signature = opened.text;
    }
}

static int read_reasoning(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    gw_json_ref key, text;
    gw_jstr slot = {{NULL, 0}};
    int rc = gw_bedrock_union(in, value, &key);
    if (rc != AIGW_OK) {
        return rc;
    }
    part->origin = GW_BEDROCK_ORIGIN;
    if (gw_json_key_is(in->doc, key, "redactedContent")) {
        rc = gw_bedrock_string(in, value, "redactedContent", true, &slot);
        if (rc == AIGW_OK) {
            open_slot(in, slot, true, part);
        }
        return rc;
    }
    part->kind = GW_PART_THINKING;
    if (!gw_json_key_is(in->doc, key, "reasoningText")) {
        part->kind = GW_PART_NATIVE;
        return AIGW_OK;
    }
    rc = gw_bedrock_object(in, value, "reasoningText", true, &text);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, text, "text", true, &part->text);
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, text, "signature", false, &slot);
    }
    if (rc == AIGW_OK && gw_has(slot)) {
        open_slot(in, slot, false, part);
    }
    return rc;
}

static int read_cited(const gw_bedrock_in *in, gw_json_ref value, gw_part *part)
{
    gw_json_ref content, citations;
    part->kind = GW_PART_TEXT;
    if (gw_json_typeof(in->doc, value) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, value, "an object");
    }
    int rc = gw_bedrock_array(in, value, "content", false, &content);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_array(in, value, "citations", false, &citations);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    if (!join_texts(in, content, &part->text)) {
        part->kind = GW_PART_NATIVE;
        return AIGW_OK;
    }
    part->citations = gw_raw_of(in->doc, citations);
    return AIGW_OK;
}

/* Where a block may stand, as bits of (1 << role); TOOL means inside of a tool result. */
#define IN(role)     (1u << (role))
#define IN_USER      (IN(GW_ROLE_USER))
#define IN_ASSISTANT (IN(GW_ROLE_ASSISTANT))
#define IN_RESULT    (IN(GW_ROLE_TOOL))
#define IN_SYSTEM    (IN(GW_ROLE_SYSTEM))

static const struct block_reader {
    const char *name;
    unsigned roles;
    int (*read)(const gw_bedrock_in *in, gw_json_ref value, gw_part *part);
} block_readers[] = {
    {"text", IN_SYSTEM | IN_USER | IN_ASSISTANT | IN_RESULT, read_text},
    {"image", IN_USER | IN_ASSISTANT | IN_RESULT, read_image},
    {"document", IN_USER | IN_RESULT, read_document},
    {"video", IN_USER | IN_RESULT, read_video},
    {"audio", IN_USER | IN_ASSISTANT, read_audio},
    {"toolUse", IN_ASSISTANT, read_tool_use},
    {"toolResult", IN_USER, read_tool_result},
    {"json", IN_RESULT, read_json},
    {"reasoningContent", IN_ASSISTANT, read_reasoning},
    {"citationsContent", IN_USER | IN_ASSISTANT, read_cited},
};

static int read_block(const gw_bedrock_in *in, gw_json_ref block, gw_json_ref key, gw_role role,
                      gw_part *part)
{
    part->at = block;
    part->raw = gw_raw_of(in->doc, block);
    for (size_t i = 0; i < sizeof block_readers / sizeof block_readers[0]; i++) {
        if (!gw_json_key_is(in->doc, key, block_readers[i].name)) {
            continue;
        }
        if ((block_readers[i].roles & IN(role)) == 0) {
            /* What a provider's own tool gave stands in the assistant's turn. */
            part->kind = GW_PART_NATIVE;
            return gw_json_key_is(in->doc, key, "toolResult") && role == GW_ROLE_ASSISTANT
                       ? AIGW_OK
                       : gw_bedrock_wrong(in, block, "a block that may stand in this place");
        }
        return block_readers[i].read(in, gw_json_value(in->doc, key), part);
    }
    part->kind = GW_PART_NATIVE;
    return AIGW_OK;
}

/* The blocks of `array`. `role` says which may stand there; GW_ROLE_TOOL: inside of a tool result. */
static int read_content(const gw_bedrock_in *in, gw_json_ref array, gw_role role, gw_part **parts,
                        size_t *count)
{
    gw_part *list = gw_arena_calloc(in->arena, gw_json_count(in->doc, array) + 1, sizeof *list);
    size_t n = 0;
    if (list == NULL) {
        return gw_fail_nomem(in->err);
    }
    for (gw_json_ref r = gw_json_first(in->doc, array); r != GW_JSON_ABSENT;
         r = gw_json_next(in->doc, r)) {
        gw_json_ref key;
        int rc = gw_bedrock_union(in, r, &key);
        bool point = rc == AIGW_OK && gw_json_key_is(in->doc, key, "cachePoint");
        if (point && n == 0) { /* a part of its own: nothing but the mark */
            list[n++] = (gw_part){.kind = GW_PART_NATIVE, .at = r};
        }
        if (point) { /* it marks what stands before it */
            rc = gw_bedrock_read_cache(in, gw_json_value(in->doc, key), &list[n - 1].cache);
        } else if (rc == AIGW_OK) {
            rc = read_block(in, r, key, role, &list[n++]);
        }
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    *parts = list;
    *count = n;
    return AIGW_OK;
}

/* A user turn with tool results is two messages here: the results, then what the user says. */
static int add_user_turn(const gw_bedrock_in *in, const gw_message *turn, gw_chat_request *out)
{
    size_t results = 0;
    for (size_t i = 0; i < turn->part_count; i++) {
        results += turn->parts[i].kind == GW_PART_TOOL_RESULT;
    }
    if (results == 0) {
        out->messages[out->message_count++] = *turn;
        return AIGW_OK;
    }
    gw_part *sorted = gw_arena_calloc(in->arena, turn->part_count, sizeof *sorted);
    if (sorted == NULL) {
        return gw_fail_nomem(in->err);
    }
    size_t at[2] = {0, results};
    for (size_t i = 0; i < turn->part_count; i++) {
        sorted[at[turn->parts[i].kind != GW_PART_TOOL_RESULT]++] = turn->parts[i];
    }
    out->messages[out->message_count++] =
        (gw_message){.role = GW_ROLE_TOOL, .at = turn->at, .parts = sorted, .part_count = results};
    if (results < turn->part_count) {
        gw_message rest = *turn;
        rest.parts = sorted + results;
        rest.part_count = turn->part_count - results;
        out->messages[out->message_count++] = rest;
    }
    return AIGW_OK;
}

/* Every result answers an earlier call; the API says 400 otherwise. */
static int check_ids(const gw_bedrock_in *in, const gw_message *turn, gw_bedrock_ids *ids)
{
    for (size_t i = 0; i < turn->part_count; i++) {
        const gw_part *part = &turn->parts[i];
        bool call = part->kind == GW_PART_TOOL_CALL;
        if (!call && part->kind != GW_PART_TOOL_RESULT) {
            continue;
        }
        gw_bedrock_id *id = gw_bedrock_id_of(in->arena, ids, part->id.inner);
        if (id == NULL) {
            return gw_fail_nomem(in->err);
        }
        id->calls += call;
        if (id->calls == 0) {
            return gw_json_fail(in->err, in->doc, part->at, AIGW_E_PARSE, "unknown_tool_use_id",
                                "no earlier toolUse has this id");
        }
    }
    return AIGW_OK;
}

static int read_turn(const gw_bedrock_in *in, gw_json_ref ref, gw_bedrock_ids *ids,
                     gw_chat_request *out)
{
    gw_json_ref content;
    gw_message turn = {.at = ref};
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, ref, "an object");
    }
    gw_json_ref role = gw_json_get(in->doc, ref, "role");
    if (gw_json_is(in->doc, role, "user")) {
        turn.role = GW_ROLE_USER;
    } else if (gw_json_is(in->doc, role, "assistant")) {
        turn.role = GW_ROLE_ASSISTANT;
    } else if (gw_json_is(in->doc, role, "system")) {
        turn.role = GW_ROLE_SYSTEM;
    } else {
        return role == GW_JSON_ABSENT
                   ? gw_bedrock_missing(in, ref, "role")
                   : gw_read_unknown(in->err, in->doc, role, "role", "user, assistant or system");
    }
    int rc = gw_bedrock_array(in, ref, "content", true, &content);
    if (rc == AIGW_OK) {
        rc = read_content(in, content, turn.role, &turn.parts, &turn.part_count);
    }
    if (rc == AIGW_OK) {
        rc = check_ids(in, &turn, ids);
    }
    if (rc == AIGW_OK && turn.role == GW_ROLE_USER) {
        return add_user_turn(in, &turn, out);
    }
    if (rc == AIGW_OK) {
        gw_message_join_signatures(&turn);
        out->messages[out->message_count++] = turn;
    }
    return rc;
}

int gw_bedrock_read_messages(const gw_bedrock_in *in, gw_chat_request *out)
{
    gw_bedrock_ids ids = {0};
    gw_json_ref system, array;
    int rc = gw_bedrock_array(in, in->root, "system", false, &system);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_array(in, in->root, "messages", true, &array);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    if (gw_json_count(in->doc, array) == 0) {
        return gw_bedrock_wrong(in, array, "at least one message");
    }
    /* One for `system`; a user turn may become a tool message and a user message. */
    size_t room = 1 + 2 * (size_t)gw_json_count(in->doc, array);
    out->messages = gw_arena_calloc(in->arena, room, sizeof *out->messages);
    if (out->messages == NULL) {
        return gw_fail_nomem(in->err);
    }
    if (gw_json_count(in->doc, system) > 0) {
        gw_message *message = &out->messages[out->message_count++];
        *message = (gw_message){.role = GW_ROLE_SYSTEM, .at = system};
        rc = read_content(in, system, GW_ROLE_SYSTEM, &message->parts, &message->part_count);
    }
    for (gw_json_ref r = gw_json_first(in->doc, array); rc == AIGW_OK && r != GW_JSON_ABSENT;
         r = gw_json_next(in->doc, r)) {
        rc = read_turn(in, r, &ids, out);
    }
    return rc;
}
