/* Writes neutral messages as the messages of an OpenAI chat request. */
/* Must not know which format they came from, except whether it was this one. */
#include "wire/openai_chat/openai_chat.h"

#include "base/error.h"
#include "base/text.h"

static void write_role(gw_jw *w, const char *role)
{
    gw_jw_key(w, "role");
    gw_jw_str(w, role);
}

/* Is this part said inside of `content`? The others have members of their own. */
static bool in_content(const gw_oc_writing *wr, const gw_part *part)
{
    switch (part->kind) {
    case GW_PART_TOOL_CALL:
    case GW_PART_TOOL_RESULT:
    case GW_PART_THINKING:
    case GW_PART_REDACTED_THINKING:
        return false;
    case GW_PART_REFUSAL:
        return wr->same && gw_has_raw(part->raw);
    case GW_PART_NATIVE:
        return !gw_has(part->name) && gw_oc_can_write_part(wr, part);
    default:
        return gw_oc_can_write_part(wr, part);
    }
}

static bool is_text(const gw_part *part)
{
    return part->kind == GW_PART_TEXT;
}

typedef struct content_shape {
    size_t count; /* parts that go into content */
    bool only_text;
    bool plain; /* one string says it all: no part has anything beside its text */
} content_shape;

static content_shape shape_of(const gw_oc_writing *wr, const gw_part *parts, size_t count)
{
    content_shape shape = {0, true, true};
    for (size_t i = 0; i < count; i++) {
        const gw_part *part = &parts[i];
        if (!in_content(wr, part))
            continue;
        shape.count++;
        if (!is_text(part))
            shape.only_text = false;
        bool marked = part->cache != GW_CACHE_NONE && gw_oc_takes_marks(wr);
        if (!is_text(part) || marked || (wr->same && gw_has_raw(part->raw)))
            shape.plain = false;
    }
    return shape;
}

/* Text parts as one string. Compatible hosts often take nothing but a string. */
static void write_joined(gw_oc_writing *wr, const gw_part *parts, size_t count)
{
    gw_jw *w = &wr->w;
    bool first = true;
    gw_jw_begin_string(w);
    for (size_t i = 0; i < count; i++) {
        if (!in_content(wr, &parts[i]))
            continue;
        if (!first)
            gw_jw_part_inner(w, GW_S("\\n\\n"));
        first = false;
        gw_jw_part_inner(w, parts[i].text.inner);
    }
    gw_jw_end_string(w);
}

static int write_content(gw_oc_writing *wr, const gw_part *parts, size_t count)
{
    content_shape shape = shape_of(wr, parts, count);
    bool join = shape.only_text && gw_oc_has_quirk(wr, GW_QUIRK_TEXT_ONLY);
    if (shape.count == 0 || join || (shape.count == 1 && shape.plain)) {
        write_joined(wr, parts, count);
        return AIGW_OK;
    }
    int rc = AIGW_OK;
    gw_jw_array(&wr->w);
    for (size_t i = 0; i < count && rc == AIGW_OK; i++) {
        if (in_content(wr, &parts[i]))
            rc = gw_oc_write_part(wr, &parts[i]);
    }
    gw_jw_array_end(&wr->w);
    return rc;
}

/* An image or a file that the client wants to be seen is not left out in silence. */
static int leave_out(gw_oc_writing *wr, const gw_part *part)
{
    bool video = gw_starts_nocase(part->media_type.inner, GW_S("video/"));
    if (part->kind == GW_PART_IMAGE || part->kind == GW_PART_DOCUMENT)
        return gw_json_fail(wr->err, wr->request->doc, part->at, AIGW_E_UNSUPPORTED,
                            "unsupported_part", "%s",
                            video                   ? "OpenAI chat takes no video"
                            : gw_has(part->file_id) ? "the file is kept by another provider"
                                                    : "this provider takes no document by its URL");
    return gw_oc_note(wr, part->at, "OpenAI chat has no content part for this");
}

/* Notes every part that is said neither in content nor in a member of its own. */
static int note_dropped(gw_oc_writing *wr, const gw_message *message)
{
    bool assistant = message->role == GW_ROLE_ASSISTANT;
    bool marks = wr->same || (gw_oc_takes_marks(wr) && !gw_oc_has_quirk(wr, GW_QUIRK_TEXT_ONLY));
    int rc = AIGW_OK;
    for (size_t i = 0; i < message->part_count && rc == AIGW_OK; i++) {
        const gw_part *part = &message->parts[i];
        bool own_member =
            assistant && (part->kind == GW_PART_TOOL_CALL || part->kind == GW_PART_THINKING ||
                          part->kind == GW_PART_REDACTED_THINKING ||
                          part->kind == GW_PART_REFUSAL || (wr->same && gw_has(part->name)));
        if (!own_member && !in_content(wr, part))
            rc = leave_out(wr, part);
        if (rc == AIGW_OK && gw_has_raw(part->citations) && !wr->same)
            rc = gw_oc_note(wr, part->at, "OpenAI chat takes no citations in a request");
        if (rc == AIGW_OK && !marks && part->cache != GW_CACHE_NONE)
            rc = gw_oc_note(wr, part->at, "cache marks are not sent to this host");
    }
    return rc;
}

/* Has the user spoken since? Hosts want their reasoning back within a tool loop, and not after it. */
static bool is_over(const gw_oc_writing *wr, const gw_message *message)
{
    const gw_chat_request *r = wr->request;
    for (const gw_message *m = message + 1; m < r->messages + r->message_count; m++) {
        if (m->role == GW_ROLE_USER)
            return true;
    }
    return false;
}

static bool is_thinking(const gw_part *part)
{
    return part->kind == GW_PART_THINKING || part->kind == GW_PART_REDACTED_THINKING;
}

/* thinking_blocks go back to the host that gave them, which is no OpenAI. */
static bool keeps_block(const gw_oc_writing *wr, const gw_part *part)
{
    return wr->same && !gw_oc_has_quirk(wr, GW_QUIRK_OPENAI) && is_thinking(part) &&
           part->origin == AIGW_FORMAT_ANTHROPIC;
}

/* reasoning_content: to hosts that want it back, or to whom the client itself wrote it. */
static bool says_thinking(const gw_oc_writing *wr, const gw_message *message, const gw_part *part)
{
    if (part->kind != GW_PART_THINKING || part->text.inner.len == 0)
        return false;
    if (wr->same)
        return !gw_oc_has_quirk(wr, GW_QUIRK_OPENAI);
    return gw_oc_has_quirk(wr, GW_QUIRK_REASONING_REPLAY) && !is_over(wr, message);
}

static int note_thinking(gw_oc_writing *wr, const gw_message *message)
{
    int rc = AIGW_OK;
    for (size_t i = 0; i < message->part_count && rc == AIGW_OK; i++) {
        const gw_part *part = &message->parts[i];
        bool said = says_thinking(wr, message, part), kept = keeps_block(wr, part);
        if (is_thinking(part) && !said && !kept)
            rc = gw_oc_note(wr, part->at, "this host takes no thinking of earlier turns");
        else if (said && !kept && part->signature.inner.len > 0)
            rc = gw_oc_note(wr, part->at, "the signature of the thinking is its maker's only");
        else if (part->kind == GW_PART_TEXT && part->signature.inner.len > 0)
            rc = gw_oc_note(wr, part->at, "the signature of the text is its maker's only");
    }
    return rc;
}

/* reasoning_content for hosts that read text; thinking_blocks where text alone would lose something. */
static int write_thinking(gw_oc_writing *wr, const gw_message *message)
{
    size_t texts = 0, blocks = 0;
    gw_jw *w = &wr->w;
    int rc = note_thinking(wr, message);
    for (size_t i = 0; i < message->part_count; i++) {
        texts += says_thinking(wr, message, &message->parts[i]);
        blocks += keeps_block(wr, &message->parts[i]);
    }
    if (texts > 0) {
        gw_jw_key(w, "reasoning_content");
        gw_jw_begin_string(w);
        for (size_t i = 0; i < message->part_count; i++) {
            if (says_thinking(wr, message, &message->parts[i]))
                gw_jw_part_inner(w, message->parts[i].text.inner);
        }
        gw_jw_end_string(w);
    }
    if (blocks == 0)
        return rc;
    /* All of it then, or the text of one block would be taken for that of another's signature. */
    gw_jw_key(w, "thinking_blocks");
    gw_jw_array(w);
    for (size_t i = 0; i < message->part_count; i++) {
        const gw_part *part = &message->parts[i];
        bool redacted = part->kind == GW_PART_REDACTED_THINKING, kept = keeps_block(wr, part);
        gw_oc_thought thought = {redacted, redacted ? part->data : part->text,
                                 kept ? part->signature : (gw_jstr){{NULL, 0}}, part->origin};
        if (kept || says_thinking(wr, message, part))
            gw_oc_write_thought(w, &thought, -1);
    }
    gw_jw_array_end(w);
    return rc;
}

/* Gemini's own hosts speak this dialect too: what their client brought goes back as it came. */
static int write_signature(gw_oc_writing *wr, const gw_part *call)
{
    if (call->signature.inner.len == 0)
        return AIGW_OK;
    if (!wr->same || gw_oc_has_quirk(wr, GW_QUIRK_OPENAI) || call->origin != AIGW_FORMAT_GEMINI)
        return gw_oc_note(wr, call->at, "the signature of the call is its maker's only");
    gw_oc_write_call_signature(&wr->w, call->origin, call->signature);
    return AIGW_OK;
}

static int write_call(gw_oc_writing *wr, const gw_part *part)
{
    gw_jw *w = &wr->w;
    gw_jstr args;
    int rc = gw_part_args_text(wr->arena, part, &args, wr->err);
    if (rc != AIGW_OK)
        return rc;
    const char *type = part->custom ? "custom" : "function";
    gw_jw_object(w);
    gw_jw_key(w, "id");
    gw_jw_jstr(w, part->id);
    gw_jw_key(w, "type");
    gw_jw_str(w, type);
    gw_jw_key(w, type);
    gw_jw_object(w);
    gw_oc_write_tool_name(wr, part->tool_name);
    gw_jw_key(w, part->custom ? "input" : "arguments");
    gw_jw_jstr(w, args);
    gw_jw_object_end(w);
    rc = write_signature(wr, part);
    gw_jw_object_end(w);
    return rc;
}

static size_t count_kind(const gw_message *message, gw_part_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < message->part_count; i++)
        n += message->parts[i].kind == kind ? 1 : 0;
    return n;
}

static int write_calls(gw_oc_writing *wr, const gw_message *message)
{
    if (count_kind(message, GW_PART_TOOL_CALL) == 0)
        return AIGW_OK;
    int rc = AIGW_OK;
    gw_jw_key(&wr->w, "tool_calls");
    gw_jw_array(&wr->w);
    for (size_t i = 0; i < message->part_count && rc == AIGW_OK; i++) {
        if (message->parts[i].kind == GW_PART_TOOL_CALL)
            rc = write_call(wr, &message->parts[i]);
    }
    gw_jw_array_end(&wr->w);
    return rc;
}

/* Members of an assistant message that stand beside content: one refusal, natives by name. */
static void write_members(gw_oc_writing *wr, const gw_message *message)
{
    bool refused = false;
    for (size_t i = 0; i < message->part_count; i++) {
        const gw_part *part = &message->parts[i];
        if (part->kind == GW_PART_REFUSAL && !in_content(wr, part) && !refused) {
            refused = true;
            gw_jw_key(&wr->w, "refusal");
            gw_jw_jstr(&wr->w, part->text);
        } else if (part->kind == GW_PART_NATIVE && wr->same && gw_has(part->name)) {
            gw_jw_key_inner(&wr->w, part->name.inner);
            gw_jw_raw(&wr->w, part->raw.json);
        }
    }
}

static int write_assistant(gw_oc_writing *wr, const gw_message *message)
{
    gw_jw *w = &wr->w;
    content_shape shape = shape_of(wr, message->parts, message->part_count);
    bool null = shape.count == 0 && (wr->same || count_kind(message, GW_PART_TOOL_CALL) > 0 ||
                                     count_kind(message, GW_PART_REFUSAL) > 0);
    int rc = AIGW_OK;
    gw_jw_key(w, "content");
    if (null)
        gw_jw_null(w);
    else
        rc = write_content(wr, message->parts, message->part_count);
    if (rc != AIGW_OK)
        return rc;
    write_members(wr, message);
    rc = write_thinking(wr, message);
    return rc == AIGW_OK ? write_calls(wr, message) : rc;
}

static int write_message(gw_oc_writing *wr, const gw_message *message)
{
    static const char *const roles[] = {[GW_ROLE_SYSTEM] = "system",
                                        [GW_ROLE_DEVELOPER] = "developer",
                                        [GW_ROLE_USER] = "user",
                                        [GW_ROLE_ASSISTANT] = "assistant"};
    gw_jw *w = &wr->w;
    const char *role = roles[message->role];
    if (message->role == GW_ROLE_DEVELOPER && gw_oc_has_quirk(wr, GW_QUIRK_NO_DEVELOPER))
        role = "system"; /* what it means there: nothing is lost */
    int rc = note_dropped(wr, message);
    if (rc != AIGW_OK)
        return rc;
    gw_jw_object(w);
    write_role(w, role);
    if (gw_has(message->name)) {
        gw_jw_key(w, "name");
        gw_jw_jstr(w, message->name);
    }
    if (message->role == GW_ROLE_ASSISTANT)
        rc = write_assistant(wr, message);
    else {
        gw_jw_key(w, "content");
        rc = write_content(wr, message->parts, message->part_count);
    }
    gw_jw_object_end(w);
    return rc;
}

/* A tool message holds text only: what else a result has goes into a user message behind all results. */
static bool moves_behind(const gw_oc_writing *wr, const gw_part *part)
{
    return !(wr->same && gw_has_raw(part->raw)) && !is_text(part) &&
           gw_oc_can_write_part(wr, part) &&
           !(part->kind == GW_PART_DOCUMENT && gw_has(part->text));
}

static aigw_slice placeholder(const gw_part *part)
{
    switch (part->kind) {
    case GW_PART_IMAGE:
        return GW_S("[image: see the next user message]");
    case GW_PART_AUDIO:
        return GW_S("[audio: see the next user message]");
    default:
        return GW_S("[document: see the next user message]");
    }
}

static int write_result_text(gw_oc_writing *wr, const gw_part *result)
{
    gw_jw *w = &wr->w;
    bool first = true;
    int rc = AIGW_OK;
    gw_jw_begin_string(w);
    if (result->is_error)
        gw_jw_part(w, GW_S("Error: "));
    for (size_t i = 0; i < result->part_count && rc == AIGW_OK; i++) {
        const gw_part *part = &result->parts[i];
        if (!gw_oc_can_write_part(wr, part)) {
            rc = leave_out(wr, part);
            continue;
        }
        if (!first)
            gw_jw_part_inner(w, GW_S("\\n"));
        first = false;
        if (moves_behind(wr, part))
            gw_jw_part(w, placeholder(part));
        else
            gw_oc_write_text_inside(w, part);
    }
    gw_jw_end_string(w);
    return rc;
}

static int write_result(gw_oc_writing *wr, const gw_part *result)
{
    gw_jw *w = &wr->w;
    gw_jw_object(w);
    write_role(w, "tool");
    gw_jw_key(w, "tool_call_id");
    gw_jw_jstr(w, result->id);
    gw_jw_key(w, "content");
    bool as_it_stood = wr->same && result->part_count > 0 && gw_has_raw(result->parts[0].raw);
    int rc = as_it_stood ? write_content(wr, result->parts, result->part_count)
                         : write_result_text(wr, result);
    gw_jw_object_end(w);
    if (rc == AIGW_OK && result->cache != GW_CACHE_NONE && !wr->same)
        rc = gw_oc_note(wr, result->at, "OpenAI chat has no cache marks on results");
    return rc;
}

static int write_moved(gw_oc_writing *wr, const gw_message *message)
{
    gw_jw *w = &wr->w;
    int rc = AIGW_OK;
    gw_jw_object(w);
    write_role(w, "user");
    gw_jw_key(w, "content");
    gw_jw_array(w);
    for (size_t i = 0; i < message->part_count; i++) {
        const gw_part *result = &message->parts[i];
        bool named = false;
        for (size_t j = 0; j < result->part_count && rc == AIGW_OK; j++) {
            if (!moves_behind(wr, &result->parts[j]))
                continue;
            if (!named) {
                gw_jw_object(w);
                gw_jw_key(w, "type");
                gw_jw_str(w, "text");
                gw_jw_key(w, "text");
                gw_jw_begin_string(w);
                gw_jw_part(w, GW_S("From the result of tool call "));
                gw_jw_part_inner(w, result->id.inner);
                gw_jw_part(w, GW_S(":"));
                gw_jw_end_string(w);
                gw_jw_object_end(w);
            }
            named = true;
            rc = gw_oc_write_part(wr, &result->parts[j]);
        }
    }
    gw_jw_array_end(w);
    gw_jw_object_end(w);
    return rc;
}

static int write_results(gw_oc_writing *wr, const gw_message *message)
{
    bool moved = false;
    int rc = AIGW_OK;
    for (size_t i = 0; i < message->part_count && rc == AIGW_OK; i++) {
        const gw_part *result = &message->parts[i];
        rc = write_result(wr, result);
        for (size_t j = 0; j < result->part_count; j++)
            moved = moved || moves_behind(wr, &result->parts[j]);
    }
    return rc == AIGW_OK && moved ? write_moved(wr, message) : rc;
}

/* The schema of the answer, where the host takes none: in words. */
static int write_schema_words(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    if (r->shape != GW_SHAPE_SCHEMA || !gw_oc_has_quirk(wr, GW_QUIRK_NO_JSON_SCHEMA))
        return AIGW_OK;
    gw_jw_object(w);
    write_role(w, "system");
    gw_jw_key(w, "content");
    gw_oc_write_schema_words(w, r->schema);
    gw_jw_object_end(w);
    return gw_oc_note_value(wr, r->schema.json, "asked for in the prompt");
}

int gw_oc_write_messages(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    gw_jw_key(&wr->w, "messages");
    gw_jw_array(&wr->w);
    int rc = write_schema_words(wr);
    for (size_t i = 0; i < r->message_count && rc == AIGW_OK; i++) {
        const gw_message *message = &r->messages[i];
        rc =
            message->role == GW_ROLE_TOOL ? write_results(wr, message) : write_message(wr, message);
    }
    gw_jw_array_end(&wr->w);
    return rc;
}
