/* Reads the messages of an OpenAI chat request into neutral messages. */
/* Must not know how another format would say them. */
#include "wire/openai_chat/openai_chat.h"

#include "base/error.h"
#include "base/text.h"
#include "chat/seal.h"
#include "wire/read.h"

#include <stdio.h>

/* The slot of an id, or the empty one where it belongs. `plain` is unescaped. */
static gw_jstr *id_slot(const gw_hash_key *key, gw_jstr *ids, size_t slots, aigw_slice plain)
{
    size_t i = (size_t)gw_hash(key, plain) & (slots - 1);
    while (gw_has(ids[i]) && !gw_eq(ids[i].inner, plain))
        i = (i + 1) & (slots - 1);
    return &ids[i];
}

static int remember_id(gw_oc_reading *rd, gw_jstr id)
{
    aigw_slice plain = gw_jstr_text(rd->arena, id);
    if (plain.data == NULL)
        return gw_fail_nomem(rd->err);
    if (rd->id_count * 2 >= rd->slots) {
        size_t slots = rd->slots == 0 ? 16 : rd->slots * 2;
        gw_jstr *ids = gw_arena_calloc(rd->arena, slots, sizeof(*ids));
        if (ids == NULL)
            return gw_fail_nomem(rd->err);
        gw_hash_key key = rd->id_key;
        gw_hash_key_for(&key, slots);
        for (size_t i = 0; i < rd->slots; i++) {
            if (gw_has(rd->ids[i]))
                *id_slot(&key, ids, slots, rd->ids[i].inner) = rd->ids[i];
        }
        rd->ids = ids;
        rd->slots = slots;
        rd->id_key = key;
    }
    gw_jstr *slot = id_slot(&rd->id_key, rd->ids, rd->slots, plain);
    if (!gw_has(*slot))
        rd->id_count++;
    slot->inner = plain;
    return AIGW_OK;
}

static bool known_id(const gw_oc_reading *rd, gw_jstr id)
{
    aigw_slice plain = gw_jstr_text(rd->arena, id);
    return plain.data != NULL && rd->slots > 0 &&
           gw_has(*id_slot(&rd->id_key, rd->ids, rd->slots, plain));
}

/* Room for `more` parts behind those that are there. */
static int reserve_parts(const gw_oc_reading *rd, gw_part **parts, size_t count, size_t more)
{
    gw_part *fresh = gw_arena_calloc(rd->arena, count + more, sizeof(*fresh));
    if (fresh == NULL)
        return gw_fail_nomem(rd->err);
    if (count > 0)
        memcpy(fresh, *parts, count * sizeof(*fresh));
    *parts = fresh;
    return AIGW_OK;
}

/* A string or a list of parts; anything else adds nothing. Appends to parts, which have the room. */
static int read_content(const gw_oc_reading *rd, gw_json_ref content, gw_part *parts, size_t *count)
{
    const gw_json_doc *doc = rd->doc;
    if (gw_json_typeof(doc, content) == GW_JSON_STRING) {
        gw_part *part = &parts[(*count)++];
        *part = (gw_part){.kind = GW_PART_TEXT, .at = content, .text = gw_jstr_of(doc, content)};
        return AIGW_OK;
    }
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(doc, content);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(doc, ref))
        rc = gw_oc_read_part(rd, ref, &parts[(*count)++]);
    return rc;
}

static size_t content_parts(const gw_oc_reading *rd, gw_json_ref content)
{
    return gw_json_typeof(rd->doc, content) == GW_JSON_ARRAY ? gw_json_count(rd->doc, content) : 1;
}

static int check_content(const gw_oc_reading *rd, gw_json_ref message, bool optional,
                         gw_json_ref *out)
{
    gw_json_ref content = gw_json_get(rd->doc, message, "content");
    gw_json_type type = gw_json_typeof(rd->doc, content);
    *out = content;
    if (type == GW_JSON_STRING || type == GW_JSON_ARRAY)
        return AIGW_OK;
    if (optional && (type == GW_JSON_NULL || type == GW_JSON_NONE))
        return AIGW_OK;
    return gw_oc_lacks(rd, message, content, "content", "a string or an array of content parts");
}

/* A cache mark on the message itself stands for one on its last part. */
static int message_cache(const gw_oc_reading *rd, gw_json_ref ref, gw_message *out)
{
    gw_cache_mark mark = GW_CACHE_NONE;
    int rc = gw_oc_read_cache(rd, ref, &mark);
    if (rc == AIGW_OK && mark != GW_CACHE_NONE && out->part_count > 0)
        out->parts[out->part_count - 1].cache = mark;
    return rc;
}

static int read_plain(const gw_oc_reading *rd, gw_json_ref ref, gw_message *out)
{
    gw_json_ref content;
    int rc = check_content(rd, ref, false, &content);
    if (rc == AIGW_OK)
        rc = reserve_parts(rd, &out->parts, 0, content_parts(rd, content) + 1);
    if (rc == AIGW_OK)
        rc = read_content(rd, content, out->parts, &out->part_count);
    return rc == AIGW_OK ? message_cache(rd, ref, out) : rc;
}

/* The list is Anthropic's in shape: what stands in it bare is Anthropic's own. */
static void take_seal(gw_sealed sealed, gw_part *out)
{
    out->origin = sealed.origin;
    out->kind = sealed.redacted ? GW_PART_REDACTED_THINKING : GW_PART_THINKING;
    if (sealed.redacted)
        out->data = sealed.text;
    else
        out->signature = sealed.text;
}

static int read_thinking_block(const gw_oc_reading *rd, gw_json_ref ref, gw_part *out)
{
    gw_jstr type;
    *out = (gw_part){.kind = GW_PART_THINKING, .at = ref};
    if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, ref, "a thinking block", "an object");
    int rc = gw_oc_string(rd, ref, "type", &type);
    if (rc != AIGW_OK)
        return rc;
    bool redacted = gw_jstr_is(type, "redacted_thinking");
    gw_jstr slot = {{NULL, 0}};
    if (!redacted && !gw_jstr_is(type, "thinking"))
        return gw_read_unknown(rd->err, rd->doc, gw_json_get(rd->doc, ref, "type"), "type",
                               "\"thinking\" or \"redacted_thinking\"");
    rc = redacted ? gw_oc_string(rd, ref, "data", &slot)
                  : gw_oc_string(rd, ref, "thinking", &out->text);
    if (rc == AIGW_OK && !redacted)
        rc = gw_oc_opt_string(rd, ref, "signature", &slot);
    if (rc == AIGW_OK && (redacted || slot.inner.len > 0))
        take_seal(gw_seal_open(rd->arena, slot, AIGW_FORMAT_ANTHROPIC, redacted), out);
    return rc;
}

/* thinking_blocks win over reasoning_content: only they can be replayed. A client that joined the deltas
 * of our stream may have the text in reasoning_content and one block with nothing but the signature;
 * Gemini's there signs what follows. */
static int read_thinking(const gw_oc_reading *rd, gw_json_ref ref, gw_message *out)
{
    const gw_json_doc *doc = rd->doc;
    gw_json_ref blocks;
    gw_jstr text = {{NULL, 0}};
    int rc = gw_oc_opt(rd, ref, "thinking_blocks", GW_JSON_ARRAY, &blocks);
    if (rc == AIGW_OK)
        rc = gw_oc_opt_string(rd, ref, "reasoning_content", &text);
    size_t first = out->part_count, texts = 0;
    gw_json_ref block = gw_json_first(doc, blocks);
    out->part_count += text.inner.len > 0; /* the text on its own goes first */
    for (; block != GW_JSON_ABSENT && rc == AIGW_OK; block = gw_json_next(doc, block)) {
        gw_part *part = &out->parts[out->part_count++];
        rc = read_thinking_block(rd, block, part);
        texts += part->text.inner.len > 0 || part->origin != AIGW_FORMAT_GEMINI;
    }
    if (rc != AIGW_OK || text.inner.len == 0)
        return rc;
    out->parts[first] = (gw_part){
        .kind = GW_PART_THINKING, .at = gw_json_get(doc, ref, "reasoning_content"), .text = text};
    if (texts == 0)
        return AIGW_OK;
    gw_part *only = &out->parts[first + 1];
    if (out->part_count == first + 2 && only->kind == GW_PART_THINKING && only->text.inner.len == 0)
        only->text = text;
    out->part_count--;
    memmove(&out->parts[first], only, (out->part_count - first) * sizeof(*only));
    return AIGW_OK;
}

/* Clients replay what compatible hosts gave them: null, nothing, or the object itself. */
static int read_args(const gw_oc_reading *rd, gw_json_ref body, gw_part *out)
{
    if (out->custom)
        return gw_oc_string(rd, body, "input", &out->args_text);
    gw_json_ref args = gw_json_get(rd->doc, body, "arguments");
    out->args_text = gw_jstr_lit("");
    if (gw_json_is_null(rd->doc, args))
        return AIGW_OK;
    if (gw_json_typeof(rd->doc, args) != GW_JSON_OBJECT)
        return gw_oc_string(rd, body, "arguments", &out->args_text);
    out->args_text = (gw_jstr){{NULL, 0}};
    out->args = gw_raw_of(rd->doc, args);
    return AIGW_OK;
}

static int read_call(gw_oc_reading *rd, gw_json_ref ref, gw_part *out)
{
    gw_jstr type = gw_jstr_lit("function");
    *out = (gw_part){.kind = GW_PART_TOOL_CALL, .at = ref};
    if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, ref, "a tool call", "an object");
    int rc = gw_oc_string(rd, ref, "id", &out->id);
    if (rc == AIGW_OK)
        rc = gw_oc_opt_string(rd, ref, "type", &type);
    if (rc != AIGW_OK)
        return rc;
    out->custom = gw_jstr_is(type, "custom");
    const char *key = out->custom ? "custom" : "function";
    if (!gw_jstr_is(type, key))
        return gw_read_unknown(rd->err, rd->doc, gw_json_get(rd->doc, ref, "type"), "type",
                               "\"function\" or \"custom\"");
    gw_json_ref body = gw_json_get(rd->doc, ref, key);
    if (gw_json_typeof(rd->doc, body) != GW_JSON_OBJECT)
        return gw_oc_lacks(rd, ref, body, key, "an object");
    rc = gw_oc_string(rd, body, "name", &out->tool_name);
    if (rc == AIGW_OK)
        rc = read_args(rd, body, out);
    gw_sealed sealed;
    if (gw_unseal_id(rd->arena, out->id, &out->id, &sealed)) {
        out->signature = sealed.text;
        out->origin = sealed.origin;
    }
    gw_jstr beside = gw_oc_call_signature(rd->doc, ref);
    if (beside.inner.len > 0) {
        sealed = gw_seal_open(rd->arena, beside, AIGW_FORMAT_GEMINI, false);
        out->signature = sealed.text;
        out->origin = sealed.origin;
    }
    return rc == AIGW_OK ? remember_id(rd, out->id) : rc;
}

static int read_function_call(gw_oc_reading *rd, gw_json_ref ref, gw_part *out)
{
    char id[40];
    *out = (gw_part){.kind = GW_PART_TOOL_CALL, .at = ref};
    int len = snprintf(id, sizeof(id), "call_function_%zu", rd->synthesised++);
    out->id.inner = gw_arena_copy(rd->arena, gw_slice(id, (size_t)len));
    if (!gw_has(out->id))
        return gw_fail_nomem(rd->err);
    int rc = gw_oc_string(rd, ref, "name", &out->tool_name);
    if (rc == AIGW_OK)
        rc = gw_oc_string(rd, ref, "arguments", &out->args_text);
    return rc == AIGW_OK ? remember_id(rd, out->id) : rc;
}

static int read_calls(gw_oc_reading *rd, gw_json_ref calls, gw_json_ref function_call,
                      gw_message *out)
{
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(rd->doc, calls);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(rd->doc, ref))
        rc = read_call(rd, ref, &out->parts[out->part_count++]);
    if (rc == AIGW_OK && function_call != GW_JSON_ABSENT)
        rc = read_function_call(rd, function_call, &out->parts[out->part_count++]);
    return rc;
}

static int read_assistant(gw_oc_reading *rd, gw_json_ref ref, gw_message *out)
{
    const gw_json_doc *doc = rd->doc;
    gw_json_ref content, calls, function_call, audio;
    gw_jstr refusal = {{NULL, 0}};
    int rc = check_content(rd, ref, true, &content);
    if (rc == AIGW_OK)
        rc = gw_oc_opt(rd, ref, "tool_calls", GW_JSON_ARRAY, &calls);
    if (rc == AIGW_OK)
        rc = gw_oc_opt(rd, ref, "function_call", GW_JSON_OBJECT, &function_call);
    if (rc == AIGW_OK)
        rc = gw_oc_opt(rd, ref, "audio", GW_JSON_OBJECT, &audio);
    if (rc == AIGW_OK)
        rc = gw_oc_opt_string(rd, ref, "refusal", &refusal);
    if (rc != AIGW_OK)
        return rc;
    size_t most = content_parts(rd, content) + gw_json_count(doc, calls) + 4 +
                  gw_json_count(doc, gw_json_get(doc, ref, "thinking_blocks"));
    rc = reserve_parts(rd, &out->parts, 0, most);
    if (rc == AIGW_OK)
        rc = read_thinking(rd, ref, out);
    if (rc == AIGW_OK)
        rc = read_content(rd, content, out->parts, &out->part_count);
    if (rc == AIGW_OK)
        rc = message_cache(rd, ref, out);
    if (rc == AIGW_OK && gw_has(refusal))
        out->parts[out->part_count++] = (gw_part){
            .kind = GW_PART_REFUSAL, .at = gw_json_get(doc, ref, "refusal"), .text = refusal};
    if (rc == AIGW_OK && audio != GW_JSON_ABSENT)
        out->parts[out->part_count++] = (gw_part){.kind = GW_PART_NATIVE,
                                                  .at = audio,
                                                  .name = gw_jstr_lit("audio"),
                                                  .raw = gw_raw_of(doc, audio)};
    if (rc == AIGW_OK)
        rc = read_calls(rd, calls, function_call, out);
    gw_message_join_signatures(out);
    return rc;
}

/* The last call of that name: the deprecated function role names no id. */
static gw_jstr id_of_function(const gw_oc_reading *rd, gw_jstr name)
{
    for (size_t m = rd->out->message_count; m > 0; m--) {
        const gw_message *message = &rd->out->messages[m - 1];
        for (size_t i = message->part_count; i > 0; i--) {
            const gw_part *part = &message->parts[i - 1];
            if (part->kind == GW_PART_TOOL_CALL && gw_eq(part->tool_name.inner, name.inner))
                return part->id;
        }
        if (message->role == GW_ROLE_ASSISTANT)
            break; /* a function message answers the assistant turn before it */
    }
    return (gw_jstr){{NULL, 0}};
}

static int read_result(gw_oc_reading *rd, gw_json_ref ref, bool function, gw_part *out)
{
    gw_json_ref content;
    gw_jstr name;
    *out = (gw_part){.kind = GW_PART_TOOL_RESULT, .at = ref};
    int rc = check_content(rd, ref, function, &content);
    if (rc == AIGW_OK)
        rc = gw_oc_string(rd, ref, function ? "name" : "tool_call_id", function ? &name : &out->id);
    if (rc != AIGW_OK)
        return rc;
    gw_sealed sealed; /* what the id carries is the call's */
    if (function)
        out->id = id_of_function(rd, name);
    else
        gw_unseal_id(rd->arena, out->id, &out->id, &sealed);
    if (!gw_has(out->id) || !known_id(rd, out->id))
        return gw_json_fail(
            rd->err, rd->doc, function ? ref : gw_json_get(rd->doc, ref, "tool_call_id"),
            AIGW_E_PARSE, "unknown_tool_call", "this result answers no earlier tool call");
    rc = reserve_parts(rd, &out->parts, 0, content_parts(rd, content) + 1);
    if (rc == AIGW_OK)
        rc = read_content(rd, content, out->parts, &out->part_count);
    return rc == AIGW_OK ? gw_oc_read_cache(rd, ref, &out->cache) : rc;
}

/* How many tool messages follow each other from here on. */
static size_t run_of_results(const gw_oc_reading *rd, gw_json_ref ref)
{
    size_t n = 0;
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(rd->doc, ref)) {
        gw_json_ref role = gw_json_get(rd->doc, ref, "role");
        if (!gw_json_is(rd->doc, role, "tool") && !gw_json_is(rd->doc, role, "function"))
            break;
        n++;
    }
    return n;
}

/* Consecutive tool messages become one; the parts are reserved when the first of them is seen. */
static int read_tool_message(gw_oc_reading *rd, gw_json_ref ref, bool function)
{
    gw_chat_request *out = rd->out;
    gw_message *last = out->message_count > 0 ? &out->messages[out->message_count - 1] : NULL;
    if (last == NULL || last->role != GW_ROLE_TOOL) {
        gw_part *parts = NULL;
        int rc = reserve_parts(rd, &parts, 0, run_of_results(rd, ref));
        if (rc != AIGW_OK)
            return rc;
        last = &out->messages[out->message_count++];
        *last = (gw_message){.role = GW_ROLE_TOOL, .at = ref, .parts = parts};
    }
    gw_part result;
    if (function)
        out->message_count--; /* the search for the call starts before this message */
    int rc = read_result(rd, ref, function, &result);
    if (function)
        out->message_count++;
    if (rc == AIGW_OK)
        last->parts[last->part_count++] = result;
    return rc;
}

static int read_message(gw_oc_reading *rd, gw_json_ref ref)
{
    static const struct {
        const char *word;
        gw_role role;
    } roles[] = {{"system", GW_ROLE_SYSTEM},
                 {"developer", GW_ROLE_DEVELOPER},
                 {"user", GW_ROLE_USER},
                 {"assistant", GW_ROLE_ASSISTANT}};
    gw_chat_request *out = rd->out;
    gw_jstr role;
    if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, ref, "a message", "an object");
    int rc = gw_oc_string(rd, ref, "role", &role);
    if (rc != AIGW_OK)
        return rc;
    if (gw_jstr_is(role, "tool") || gw_jstr_is(role, "function"))
        return read_tool_message(rd, ref, gw_jstr_is(role, "function"));
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (!gw_jstr_is(role, roles[i].word))
            continue;
        gw_message *message = &out->messages[out->message_count];
        *message = (gw_message){.role = roles[i].role, .at = ref};
        rc = gw_oc_opt_string(rd, ref, "name", &message->name);
        if (rc == AIGW_OK)
            rc = message->role == GW_ROLE_ASSISTANT ? read_assistant(rd, ref, message)
                                                    : read_plain(rd, ref, message);
        if (rc == AIGW_OK)
            out->message_count++;
        return rc;
    }
    return gw_read_unknown(rd->err, rd->doc, gw_json_get(rd->doc, ref, "role"), "role",
                           "system, developer, user, assistant or tool");
}

int gw_oc_read_messages(gw_oc_reading *rd)
{
    if (gw_json_typeof(rd->doc, rd->messages) != GW_JSON_ARRAY ||
        gw_json_count(rd->doc, rd->messages) == 0)
        return gw_oc_lacks(rd, 0, rd->messages, "messages", "an array with at least one message");
    rd->out->messages = gw_arena_calloc(rd->arena, gw_json_count(rd->doc, rd->messages),
                                        sizeof(*rd->out->messages));
    if (rd->out->messages == NULL)
        return gw_fail_nomem(rd->err);
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(rd->doc, rd->messages);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(rd->doc, ref))
        rc = read_message(rd, ref);
    return rc;
}
