/* The input of an OpenAI Responses request: items, read into neutral messages. */
/* Must not know how another format would say them. */
#include "wire/openai_responses/openai_responses.h"

#include "base/error.h"
#include "base/text.h"
#include "chat/seal.h"
#include "wire/read.h"

typedef int read_item(gw_or_reading *rd, gw_json_ref ref);

/* The slot of an id, or the empty one where it belongs. `plain` is unescaped. */
static gw_jstr *id_slot(const gw_hash_key *key, gw_jstr *ids, size_t slots, aigw_slice plain)
{
    size_t i = (size_t)gw_hash(key, plain) & (slots - 1);
    while (gw_has(ids[i]) && !gw_eq(ids[i].inner, plain))
        i = (i + 1) & (slots - 1);
    return &ids[i];
}

static int remember_id(gw_or_reading *rd, gw_jstr id)
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

static bool known_id(const gw_or_reading *rd, gw_jstr id)
{
    aigw_slice plain = gw_jstr_text(rd->arena, id);
    return plain.data != NULL && rd->slots > 0 &&
           gw_has(*id_slot(&rd->id_key, rd->ids, rd->slots, plain));
}

static gw_message *last_message(const gw_or_reading *rd)
{
    const gw_chat_request *out = rd->out;
    return out->message_count > 0 ? &out->messages[out->message_count - 1] : NULL;
}

/* What has been read of an assistant's turn is complete. */
static void close_message(gw_or_reading *rd)
{
    gw_message *last = last_message(rd);
    if (last != NULL)
        gw_message_join_signatures(last);
}

/* A message of the role with room for `more` parts: the last one if it may be continued. */
static int open_message(gw_or_reading *rd, gw_role role, bool join, gw_json_ref at, size_t more)
{
    gw_message *last = last_message(rd);
    if (!join || last == NULL || last->role != role) {
        close_message(rd);
        last = &rd->out->messages[rd->out->message_count++];
        *last = (gw_message){.role = role, .at = at};
        rd->part_cap = 0;
    }
    if (last->part_count + more <= rd->part_cap)
        return AIGW_OK;
    size_t cap = last->part_count * 2 + more;
    gw_part *parts = gw_arena_calloc(rd->arena, cap, sizeof(*parts));
    if (parts == NULL)
        return gw_fail_nomem(rd->err);
    if (last->part_count > 0)
        memcpy(parts, last->parts, last->part_count * sizeof(*parts));
    last->parts = parts;
    rd->part_cap = cap;
    return AIGW_OK;
}

static gw_part *add_part(const gw_or_reading *rd)
{
    gw_message *last = last_message(rd);
    return &last->parts[last->part_count++];
}

/* A string or an array of parts, appended to `parts`, which have the room. */
static int read_content(const gw_or_reading *rd, gw_json_ref content, gw_part *parts, size_t *count)
{
    if (gw_json_typeof(rd->doc, content) == GW_JSON_STRING) {
        parts[(*count)++] =
            (gw_part){.kind = GW_PART_TEXT, .at = content, .text = gw_jstr_of(rd->doc, content)};
        return AIGW_OK;
    }
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(rd->doc, content);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(rd->doc, ref))
        rc = gw_or_read_part(rd, ref, &parts[(*count)++]);
    return rc;
}

static int check_content(const gw_or_reading *rd, gw_json_ref item, const char *name,
                         gw_json_ref *out, size_t *count)
{
    gw_json_ref content = gw_json_get(rd->doc, item, name);
    gw_json_type type = gw_json_typeof(rd->doc, content);
    *out = content;
    *count = type == GW_JSON_ARRAY ? gw_json_count(rd->doc, content) : 1;
    if (type == GW_JSON_STRING || type == GW_JSON_ARRAY)
        return AIGW_OK;
    return gw_or_lacks(rd, item, content, name, "a string or an array of content parts");
}

static bool is_role(gw_jstr word, gw_role *out)
{
    static const struct {
        const char *word;
        gw_role role;
    } roles[] = {{"system", GW_ROLE_SYSTEM},
                 {"developer", GW_ROLE_DEVELOPER},
                 {"user", GW_ROLE_USER},
                 {"assistant", GW_ROLE_ASSISTANT}};
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (gw_jstr_is(word, roles[i].word)) {
            *out = roles[i].role;
            return true;
        }
    }
    return false;
}

static int read_message(gw_or_reading *rd, gw_json_ref ref)
{
    gw_jstr word, id = {{NULL, 0}}, phase = {{NULL, 0}};
    gw_json_ref content;
    gw_role role = GW_ROLE_USER;
    size_t count = 0;
    int rc = gw_or_string(rd, ref, "role", &word);
    if (rc == AIGW_OK && !is_role(word, &role))
        rc = gw_or_unknown(rd, ref, "role", "system, developer, user or assistant");
    if (rc == AIGW_OK)
        rc = check_content(rd, ref, "content", &content, &count);
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, ref, "id", &id);
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, ref, "phase", &phase);
    bool assistant = role == GW_ROLE_ASSISTANT;
    if (rc == AIGW_OK)
        rc = open_message(rd, role, assistant, ref, count);
    if (rc != AIGW_OK)
        return rc;
    gw_message *message = last_message(rd);
    size_t first = message->part_count;
    rc = read_content(rd, content, message->parts, &message->part_count);
    for (size_t i = first; i < message->part_count && assistant; i++) {
        message->parts[i].id = id;
        message->parts[i].detail = phase;
    }
    return rc;
}

static int read_call(gw_or_reading *rd, gw_json_ref ref, bool custom)
{
    gw_part part = {.kind = GW_PART_TOOL_CALL, .at = ref, .custom = custom};
    int rc = gw_or_string(rd, ref, "call_id", &part.id);
    if (rc == AIGW_OK)
        rc = gw_or_string(rd, ref, "name", &part.tool_name);
    if (rc == AIGW_OK)
        rc = gw_or_string(rd, ref, custom ? "input" : "arguments", &part.args_text);
    if (rc == AIGW_OK && part.id.inner.len == 0)
        rc = gw_or_wrong(rd, gw_json_get(rd->doc, ref, "call_id"), "call_id", "an id");
    if (rc == AIGW_OK)
        rc = open_message(rd, GW_ROLE_ASSISTANT, true, ref, 1);
    if (rc != AIGW_OK)
        return rc;
    part.raw = gw_raw_of(rd->doc, ref);
    *add_part(rd) = part;
    return remember_id(rd, part.id);
}

static int read_function_call(gw_or_reading *rd, gw_json_ref ref)
{
    return read_call(rd, ref, false);
}

static int read_custom_call(gw_or_reading *rd, gw_json_ref ref)
{
    return read_call(rd, ref, true);
}

static int read_output(gw_or_reading *rd, gw_json_ref ref)
{
    gw_part part = {.kind = GW_PART_TOOL_RESULT, .at = ref};
    gw_json_ref output;
    size_t count = 0;
    int rc = gw_or_string(rd, ref, "call_id", &part.id);
    if (rc == AIGW_OK)
        rc = check_content(rd, ref, "output", &output, &count);
    if (rc != AIGW_OK)
        return rc;
    if (!rd->has_state && !known_id(rd, part.id))
        return gw_json_fail(rd->err, rd->doc, gw_json_get(rd->doc, ref, "call_id"), AIGW_E_PARSE,
                            "unknown_tool_call", "this output answers no earlier call");
    part.parts = gw_arena_calloc(rd->arena, count + 1, sizeof(*part.parts));
    if (part.parts == NULL)
        return gw_fail_nomem(rd->err);
    rc = read_content(rd, output, part.parts, &part.part_count);
    if (rc == AIGW_OK)
        rc = open_message(rd, GW_ROLE_TOOL, true, ref, 1);
    if (rc != AIGW_OK)
        return rc;
    part.raw = gw_raw_of(rd->doc, ref);
    *add_part(rd) = part;
    return AIGW_OK;
}

static int check_texts(const gw_or_reading *rd, gw_json_ref item, const char *name)
{
    gw_json_ref list;
    gw_jstr text;
    int rc = gw_or_opt(rd, item, name, GW_JSON_ARRAY, &list);
    gw_json_ref ref = gw_json_first(rd->doc, list);
    for (; rc == AIGW_OK && ref != GW_JSON_ABSENT; ref = gw_json_next(rd->doc, ref)) {
        if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
            return gw_or_wrong(rd, ref, "a part of the reasoning", "an object");
        rc = gw_or_string(rd, ref, "text", &text);
    }
    return rc;
}

static int read_reasoning(gw_or_reading *rd, gw_json_ref ref)
{
    gw_part part = {.kind = GW_PART_THINKING, .at = ref, .origin = AIGW_FORMAT_OPENAI_RESPONSES};
    gw_jstr id = {{NULL, 0}}, encrypted = {{NULL, 0}};
    gw_sealed sealed;
    int rc = gw_or_opt_string(rd, ref, "id", &id);
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, ref, "encrypted_content", &encrypted);
    if (rc == AIGW_OK)
        rc = check_texts(rd, ref, "summary");
    if (rc == AIGW_OK)
        rc = check_texts(rd, ref, "content");
    if (rc == AIGW_OK)
        rc = open_message(rd, GW_ROLE_ASSISTANT, true, ref, 1);
    if (rc != AIGW_OK)
        return rc;
    if (gw_or_reasoning_text(rd->arena, rd->doc, ref, &part.text) != AIGW_OK)
        return gw_fail_nomem(rd->err);
    if (!gw_has(part.text))
        part.text = gw_jstr_lit("");
    if (gw_has(encrypted) && gw_unseal(rd->arena, encrypted, &sealed)) {
        part.origin = sealed.origin;
        part.kind = sealed.redacted ? GW_PART_REDACTED_THINKING : GW_PART_THINKING;
        if (sealed.redacted)
            part.data = sealed.text;
        else if (sealed.text.inner.len > 0)
            part.signature = sealed.text;
    } else {
        part.raw = gw_raw_of(rd->doc, ref);
        if (encrypted.inner.len > 0)
            part.signature = gw_or_pack_signature(rd->arena, id, encrypted);
        if (encrypted.inner.len > 0 && !gw_has(part.signature))
            return gw_fail_nomem(rd->err);
    }
    *add_part(rd) = part;
    return AIGW_OK;
}

/* Hosted tools' items, approvals, and whatever is newer than this code. */
static int read_native(gw_or_reading *rd, gw_json_ref ref)
{
    int rc = open_message(rd, GW_ROLE_ASSISTANT, true, ref, 1);
    if (rc == AIGW_OK)
        *add_part(rd) =
            (gw_part){.kind = GW_PART_NATIVE, .at = ref, .raw = gw_raw_of(rd->doc, ref)};
    return rc;
}

static int read_reference(gw_or_reading *rd, gw_json_ref ref)
{
    gw_jstr id;
    int rc = gw_or_string(rd, ref, "id", &id);
    if (rc != AIGW_OK)
        return rc;
    gw_or_set_stateful(rd, ref);
    return read_native(rd, ref);
}

static int read_any_item(gw_or_reading *rd, gw_json_ref ref)
{
    static const struct {
        const char *type;
        read_item *read;
    } types[] = {{"message", read_message},
                 {"function_call", read_function_call},
                 {"function_call_output", read_output},
                 {"custom_tool_call", read_custom_call},
                 {"custom_tool_call_output", read_output},
                 {"reasoning", read_reasoning},
                 {"item_reference", read_reference}};
    if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
        return gw_or_wrong(rd, ref, "an input item", "an object");
    gw_jstr type = {{NULL, 0}};
    int rc = gw_or_opt_string(rd, ref, "type", &type);
    if (rc != AIGW_OK)
        return rc;
    if (!gw_has(type)) {
        bool message = gw_json_get(rd->doc, ref, "role") != GW_JSON_ABSENT;
        bool named = gw_json_get(rd->doc, ref, "id") != GW_JSON_ABSENT;
        return message || !named ? read_message(rd, ref) : read_reference(rd, ref);
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (gw_jstr_is(type, types[i].type))
            return types[i].read(rd, ref);
    }
    return read_native(rd, ref);
}

static int read_instructions(gw_or_reading *rd)
{
    if (rd->instructions == GW_JSON_ABSENT || gw_json_raw(rd->doc, rd->instructions).len <= 2)
        return AIGW_OK;
    int rc = open_message(rd, GW_ROLE_SYSTEM, false, rd->instructions, 1);
    if (rc == AIGW_OK)
        *add_part(rd) = (gw_part){.kind = GW_PART_TEXT,
                                  .at = rd->instructions,
                                  .text = gw_jstr_of(rd->doc, rd->instructions)};
    return rc;
}

static int read_string_input(gw_or_reading *rd)
{
    int rc = open_message(rd, GW_ROLE_USER, false, rd->input, 1);
    if (rc == AIGW_OK)
        *add_part(rd) = (gw_part){
            .kind = GW_PART_TEXT, .at = rd->input, .text = gw_jstr_of(rd->doc, rd->input)};
    return rc;
}

int gw_or_read_input(gw_or_reading *rd)
{
    gw_json_type type = gw_json_typeof(rd->doc, rd->input);
    size_t items = type == GW_JSON_ARRAY ? gw_json_count(rd->doc, rd->input) : 1;
    if (type == GW_JSON_NONE && !rd->has_state)
        return gw_read_missing(rd->err, rd->doc, 0, "input");
    if (type != GW_JSON_NONE && type != GW_JSON_STRING && type != GW_JSON_ARRAY)
        return gw_or_wrong(rd, rd->input, "input", "a string or an array of items");
    if (items == 0 && !rd->has_state)
        return gw_or_wrong(rd, rd->input, "input", "a string or an array of at least one item");
    rd->out->messages = gw_arena_calloc(rd->arena, items + 2, sizeof(*rd->out->messages));
    if (rd->out->messages == NULL)
        return gw_fail_nomem(rd->err);
    int rc = read_instructions(rd);
    if (rc == AIGW_OK && type == GW_JSON_STRING)
        return read_string_input(rd);
    gw_json_ref ref = type == GW_JSON_ARRAY ? gw_json_first(rd->doc, rd->input) : GW_JSON_ABSENT;
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(rd->doc, ref))
        rc = read_any_item(rd, ref);
    close_message(rd);
    return rc;
}
