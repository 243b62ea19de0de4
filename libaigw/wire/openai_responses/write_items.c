/* Neutral messages as the input of an OpenAI Responses request. */
/* Must not know which format they came from, except whether it was this one. */
#include "wire/openai_responses/openai_responses.h"

#include "base/error.h"
#include "base/text.h"
#include "chat/wrap.h"

#include <stdlib.h>

static void put_jstr(gw_jw *w, const char *key, gw_jstr value)
{
    gw_jw_key(w, key);
    gw_jw_jstr(w, value);
}

static void put_str(gw_jw *w, const char *key, const char *value)
{
    gw_jw_key(w, key);
    gw_jw_str(w, value);
}

static aigw_format origin_of(const gw_or_writing *wr, const gw_part *part)
{
    return part->origin != 0 ? part->origin : wr->request->format;
}

/* A signature on text or a call is another vendor's: there is no place for it, nor for its citations. */
static int note_marks(gw_or_writing *wr, const gw_part *part)
{
    int rc = AIGW_OK;
    if (gw_has(part->signature) && part->kind != GW_PART_THINKING)
        rc = gw_or_note(wr, part->at, "only its maker takes this signature back");
    if (rc == AIGW_OK && gw_has_raw(part->citations) && !wr->same)
        rc = gw_or_note(wr, part->at, "citations of another provider are not sent on");
    return rc;
}

static bool is_text(const gw_part *part)
{
    return part->kind == GW_PART_TEXT || part->kind == GW_PART_REFUSAL;
}

/* Parts of the same message item. The slices stand in the client's document. */
static bool same_item(const gw_part *a, const gw_part *b)
{
    return a->id.inner.data == b->id.inner.data && a->detail.inner.data == b->detail.inner.data;
}

static void write_output_part(gw_or_writing *wr, const gw_part *part)
{
    gw_jw *w = &wr->w;
    bool refusal = part->kind == GW_PART_REFUSAL;
    if (wr->same && gw_has_raw(part->raw)) {
        gw_jw_raw(w, part->raw.json);
        return;
    }
    gw_jw_object(w);
    put_str(w, "type", refusal ? "refusal" : "output_text");
    put_jstr(w, refusal ? "refusal" : "text", part->text);
    if (!refusal) {
        gw_jw_key(w, "annotations");
        gw_jw_raw(w, GW_S("[]"));
    }
    gw_jw_object_end(w);
}

/* One message item of the texts from *at on; *at goes to the first part that is not in it. */
static int write_texts(gw_or_writing *wr, const gw_message *m, size_t *at)
{
    const gw_part *first = &m->parts[*at];
    gw_jw *w = &wr->w;
    size_t end = *at, said = 0;
    for (; end < m->part_count && is_text(&m->parts[end]); end++) {
        if (wr->same && !same_item(first, &m->parts[end]))
            break;
        said += wr->same || m->parts[end].text.inner.len > 0;
    }
    size_t from = *at;
    *at = end;
    if (said == 0)
        return AIGW_OK; /* an empty text beside calls: nothing was said */
    gw_jw_object(w);
    put_str(w, "type", "message");
    put_str(w, "role", "assistant");
    if (wr->same && gw_has(first->id)) {
        put_jstr(w, "id", first->id);
        put_str(w, "status", "completed");
    }
    if (wr->same && gw_has(first->detail))
        put_jstr(w, "phase", first->detail);
    gw_jw_key(w, "content");
    bool raw = wr->same && gw_has_raw(first->raw);
    if (end - from == 1 && first->kind == GW_PART_TEXT && !raw) {
        gw_jw_jstr(w, first->text);
        gw_jw_object_end(w);
        return note_marks(wr, first);
    }
    int rc = AIGW_OK;
    gw_jw_array(w);
    for (size_t i = from; i < end && rc == AIGW_OK; i++) {
        if (wr->same || m->parts[i].text.inner.len > 0)
            write_output_part(wr, &m->parts[i]);
        rc = note_marks(wr, &m->parts[i]);
    }
    gw_jw_array_end(w);
    gw_jw_object_end(w);
    return rc;
}

static int write_call(gw_or_writing *wr, const gw_part *part)
{
    gw_jw *w = &wr->w;
    gw_jstr args = part->args_text;
    int rc = note_marks(wr, part);
    if (rc == AIGW_OK && wr->same && gw_has_raw(part->raw)) {
        gw_jw_raw(w, part->raw.json);
        return AIGW_OK;
    }
    if (rc == AIGW_OK && !part->custom)
        rc = gw_part_args_text(wr->arena, part, &args, wr->err);
    if (rc != AIGW_OK)
        return rc;
    gw_jw_object(w);
    put_str(w, "type", part->custom ? "custom_tool_call" : "function_call");
    put_jstr(w, "call_id", part->id);
    gw_jw_key(w, "name");
    if (wr->same)
        gw_jw_jstr(w, part->tool_name);
    else
        gw_jw_tool_name(w, part->tool_name, GW_TOOL_NAME_SHORT);
    put_jstr(w, part->custom ? "input" : "arguments", args);
    gw_jw_object_end(w);
    return AIGW_OK;
}

/* Only what OpenAI encrypted is taken back; text alone is none of its reasoning. */
static int write_reasoning(gw_or_writing *wr, const gw_part *part)
{
    gw_jw *w = &wr->w;
    gw_jstr id, encrypted;
    bool own = origin_of(wr, part) == AIGW_FORMAT_OPENAI_RESPONSES;
    if (own && wr->same && gw_has_raw(part->raw)) {
        gw_jw_raw(w, part->raw.json);
        return AIGW_OK;
    }
    gw_or_unpack_signature(part->signature, &id, &encrypted);
    if (!own || part->kind == GW_PART_REDACTED_THINKING || encrypted.inner.len == 0)
        return gw_or_note(wr, part->at, "OpenAI takes back no reasoning but its own");
    gw_jw_object(w);
    put_str(w, "type", "reasoning");
    if (gw_has(id))
        put_jstr(w, "id", id);
    gw_jw_key(w, "summary");
    gw_jw_array(w);
    if (part->text.inner.len > 0) {
        gw_jw_object(w);
        put_str(w, "type", "summary_text");
        put_jstr(w, "text", part->text);
        gw_jw_object_end(w);
    }
    gw_jw_array_end(w);
    put_jstr(w, "encrypted_content", encrypted);
    gw_jw_object_end(w);
    return AIGW_OK;
}

static int write_native(gw_or_writing *wr, const gw_part *part)
{
    if (!wr->same)
        return gw_or_note(wr, part->at, "the Responses API has no such content");
    gw_jw_raw(&wr->w, part->raw.json);
    return AIGW_OK;
}

static int write_assistant(gw_or_writing *wr, const gw_message *m)
{
    int rc = AIGW_OK;
    for (size_t i = 0; i < m->part_count && rc == AIGW_OK;) {
        const gw_part *part = &m->parts[i];
        if (is_text(part)) {
            rc = write_texts(wr, m, &i);
            continue;
        }
        i++;
        if (part->kind == GW_PART_TOOL_CALL)
            rc = write_call(wr, part);
        else if (part->kind == GW_PART_THINKING || part->kind == GW_PART_REDACTED_THINKING)
            rc = write_reasoning(wr, part);
        else if (part->kind == GW_PART_NATIVE)
            rc = write_native(wr, part);
        else
            rc = gw_or_note(wr, part->at, "an assistant's turn of the Responses API is text");
    }
    return rc;
}

static int write_parts(gw_or_writing *wr, const gw_part *parts, size_t count)
{
    int rc = AIGW_OK;
    gw_jw_array(&wr->w);
    for (size_t i = 0; i < count && rc == AIGW_OK; i++) {
        bool can = false;
        rc = gw_or_can_write_part(wr, &parts[i], &can);
        if (rc == AIGW_OK && can)
            rc = gw_or_write_part(wr, &parts[i]);
    }
    gw_jw_array_end(&wr->w);
    return rc;
}

static bool is_one_text(const gw_or_writing *wr, const gw_part *parts, size_t count)
{
    return count == 1 && parts[0].kind == GW_PART_TEXT && parts[0].cache == GW_CACHE_NONE &&
           !(wr->same && gw_has_raw(parts[0].raw));
}

static int write_message(gw_or_writing *wr, const gw_message *m)
{
    static const char *const roles[] = {
        [GW_ROLE_SYSTEM] = "system", [GW_ROLE_DEVELOPER] = "developer", [GW_ROLE_USER] = "user"};
    gw_jw *w = &wr->w;
    bool plain = m->role == GW_ROLE_DEVELOPER && (wr->options->quirks & GW_QUIRK_NO_DEVELOPER) != 0;
    int rc = AIGW_OK;
    gw_jw_object(w);
    put_str(w, "type", "message");
    put_str(w, "role", plain ? "system" : roles[m->role]);
    gw_jw_key(w, "content");
    if (is_one_text(wr, m->parts, m->part_count))
        gw_jw_jstr(w, m->parts[0].text);
    else
        rc = write_parts(wr, m->parts, m->part_count);
    gw_jw_object_end(w);
    if (rc == AIGW_OK && gw_has(m->name))
        rc = gw_or_note(wr, m->at, "messages of the Responses API have no names");
    return rc;
}

/* By id, and those of one id in the order of the request: its parts lie in it one behind the other. */
static int by_id(const void *left, const void *right)
{
    const gw_part *a = *(const gw_part *const *)left, *b = *(const gw_part *const *)right;
    aigw_slice x = a->id.inner, y = b->id.inner;
    size_t n = x.len < y.len ? x.len : y.len;
    int order = n > 0 ? memcmp(x.data, y.data, n) : 0;
    if (order == 0)
        order = (x.len > y.len) - (x.len < y.len);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

/* How many calls there are; they are put to `out` unless that is NULL. */
static size_t list_calls(const gw_chat_request *r, const gw_part **out, bool *custom)
{
    size_t n = 0;
    for (size_t m = 0; m < r->message_count; m++) {
        const gw_part *part = r->messages[m].parts;
        for (size_t i = 0; i < r->messages[m].part_count; i++, part++) {
            if (part->kind != GW_PART_TOOL_CALL)
                continue;
            *custom = *custom || part->custom;
            if (out != NULL)
                out[n] = part;
            n++;
        }
    }
    return n;
}

/* Without a custom call there is nothing to look for. */
static int find_calls(gw_or_writing *wr)
{
    bool custom = false;
    size_t count = list_calls(wr->request, NULL, &custom);
    wr->calls_known = true;
    if (!custom)
        return AIGW_OK;
    wr->calls = gw_arena_alloc(wr->arena, count * sizeof(*wr->calls));
    if (wr->calls == NULL)
        return gw_fail_nomem(wr->err);
    wr->call_count = list_calls(wr->request, wr->calls, &custom);
    qsort(wr->calls, count, sizeof(*wr->calls), by_id);
    return AIGW_OK;
}

/* The kind of the call that a result answers: the last one with its id. */
static bool answers_custom(const gw_or_writing *wr, gw_jstr id)
{
    const gw_part wanted = {.id = id, .at = GW_JSON_ABSENT};
    const gw_part *key = &wanted;
    size_t low = 0, high = wr->call_count;
    while (low < high) { /* to the first that is behind all of this id */
        size_t middle = low + (high - low) / 2;
        if (by_id(&wr->calls[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && gw_eq(wr->calls[low - 1]->id.inner, id.inner) && wr->calls[low - 1]->custom;
}

/* One text. There is no mark for a failure: the model reads it, as it would in OpenAI chat. */
static void write_output_text(gw_jw *w, const gw_part *part)
{
    gw_jw_begin_string(w);
    if (part->is_error)
        gw_jw_part(w, GW_S("Error: "));
    if (part->part_count > 0)
        gw_jw_part_inner(w, part->parts[0].text.inner);
    gw_jw_end_string(w);
}

static int write_result(gw_or_writing *wr, const gw_part *part)
{
    gw_jw *w = &wr->w;
    int rc = AIGW_OK;
    if (wr->same && gw_has_raw(part->raw)) {
        gw_jw_raw(w, part->raw.json);
        return AIGW_OK;
    }
    if (part->kind != GW_PART_TOOL_RESULT)
        return gw_or_note(wr, part->at, "this is no result of a tool");
    if (!wr->calls_known && find_calls(wr) != AIGW_OK)
        return AIGW_E_NOMEM;
    gw_jw_object(w);
    put_str(w, "type",
            answers_custom(wr, part->id) ? "custom_tool_call_output" : "function_call_output");
    put_jstr(w, "call_id", part->id);
    gw_jw_key(w, "output");
    if (part->part_count == 0 || is_one_text(wr, part->parts, part->part_count))
        write_output_text(w, part);
    else
        rc = write_parts(wr, part->parts, part->part_count);
    gw_jw_object_end(w);
    if (rc == AIGW_OK && part->is_error)
        rc = gw_or_note(wr, part->at, "the Responses API has no mark for results of failed tools");
    return rc;
}

static int write_results(gw_or_writing *wr, const gw_message *m)
{
    int rc = AIGW_OK;
    for (size_t i = 0; i < m->part_count && rc == AIGW_OK; i++)
        rc = write_result(wr, &m->parts[i]);
    return rc;
}

/* The first message as `instructions`: what was that before, or the plain system message of others. */
static bool is_instructions(const gw_or_writing *wr, const gw_message *m)
{
    const gw_chat_request *r = wr->request;
    if (m->role != GW_ROLE_SYSTEM || !is_one_text(wr, m->parts, m->part_count))
        return false;
    if (wr->same)
        return m->at == gw_json_get(r->doc, 0, "instructions");
    return r->message_count > 1;
}

int gw_or_write_input(gw_or_writing *wr)
{
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    size_t i = 0;
    int rc = AIGW_OK;
    if (r->message_count > 0 && is_instructions(wr, &r->messages[0]))
        put_jstr(w, "instructions", r->messages[i++].parts[0].text);
    if (i == r->message_count && wr->same &&
        gw_json_is_null(r->doc, gw_json_get(r->doc, 0, "input")))
        return AIGW_OK; /* the provider knows the conversation */
    gw_jw_key(w, "input");
    gw_jw_array(w);
    size_t before = gw_buf_len(w->buf);
    for (; i < r->message_count && rc == AIGW_OK; i++) {
        const gw_message *m = &r->messages[i];
        if (m->role == GW_ROLE_ASSISTANT)
            rc = write_assistant(wr, m);
        else if (m->role == GW_ROLE_TOOL)
            rc = write_results(wr, m);
        else if (m->part_count > 0 || wr->same)
            rc = write_message(wr, m);
    }
    bool silent = !w->buf->failed && gw_buf_len(w->buf) == before;
    if (rc == AIGW_OK && silent && r->stateful == GW_JSON_ABSENT)
        return gw_json_fail(wr->err, r->doc, gw_request_end(r), AIGW_E_UNSUPPORTED, "no_messages",
                            "there is no message with content");
    gw_jw_array_end(w);
    return rc;
}
