/*
 * Reading a Messages request: top-level members into the neutral request. Refuses every wrong type with
 * a JSON pointer. Knows no provider and no other format.
 */
#include "wire/read.h"
#include "wire/anthropic/anthropic.h"

static int read_number(const gw_anthropic_in *in, gw_json_ref ref, gw_raw *out)
{
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (!gw_read_finite(in->doc, ref)) {
        return gw_anthropic_wrong(in, ref, "a number");
    }
    *out = gw_raw_of(in->doc, ref);
    return AIGW_OK;
}

static int read_flag(const gw_anthropic_in *in, gw_json_ref ref, bool *out)
{
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    return gw_json_bool(in->doc, ref, out) ? AIGW_OK : gw_anthropic_wrong(in, ref, "true or false");
}

static int read_stop(const gw_anthropic_in *in, gw_json_ref ref, gw_chat_request *out)
{
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (gw_json_typeof(in->doc, ref) != GW_JSON_ARRAY) {
        return gw_anthropic_wrong(in, ref, "an array of strings");
    }
    out->stop = gw_arena_calloc(in->arena, gw_json_count(in->doc, ref) + 1, sizeof *out->stop);
    if (out->stop == NULL) {
        return gw_fail_nomem(in->err);
    }
    for (gw_json_ref r = gw_json_first(in->doc, ref); r != GW_JSON_ABSENT;
         r = gw_json_next(in->doc, r)) {
        if (gw_json_typeof(in->doc, r) != GW_JSON_STRING) {
            return gw_anthropic_wrong(in, r, "a string");
        }
        out->stop[out->stop_count++] = gw_jstr_of(in->doc, r);
    }
    return AIGW_OK;
}

static int read_max_tokens(const gw_anthropic_in *in, gw_json_ref ref, gw_chat_request *out)
{
    if (!gw_read_integer(in->doc, ref, &out->max_tokens) || out->max_tokens < 0) {
        return gw_anthropic_wrong(in, ref, "a non-negative integer");
    }
    return AIGW_OK;
}

static int read_thinking(const gw_anthropic_in *in, gw_json_ref ref, gw_chat_request *out)
{
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, ref, "an object");
    }
    gw_json_ref type = gw_json_get(in->doc, ref, "type");
    gw_json_ref budget = gw_json_get(in->doc, ref, "budget_tokens");
    if (gw_json_is(in->doc, type, "enabled")) {
        out->thinking = GW_THINKING_BUDGET;
        if (budget == GW_JSON_ABSENT) {
            return gw_anthropic_missing(in, ref, "budget_tokens");
        }
        if (!gw_read_integer(in->doc, budget, &out->thinking_budget) || out->thinking_budget < 0) {
            return gw_anthropic_wrong(in, budget, "a non-negative integer");
        }
    } else if (gw_json_is(in->doc, type, "disabled")) {
        out->thinking = GW_THINKING_OFF;
    } else if (gw_json_is(in->doc, type, "adaptive")) {
        out->thinking = GW_THINKING_ADAPTIVE;
    } else if (gw_json_is(in->doc, type, "between_tools")) {
        out->thinking = GW_THINKING_BETWEEN_TOOLS;
    } else if (type == GW_JSON_ABSENT) {
        return gw_anthropic_missing(in, ref, "type");
    } else {
        return gw_anthropic_unknown(in, type, "enabled, disabled, adaptive or between_tools");
    }
    gw_jstr display = {{NULL, 0}};
    int rc = gw_anthropic_string(in, ref, "display", false, &display);
    out->thinking_hidden = gw_jstr_is(display, "omitted");
    if (gw_jstr_is(display, "summarized")) {
        out->thinking_summary = gw_jstr_lit("auto");
    }
    return rc;
}

static int read_format(const gw_anthropic_in *in, gw_json_ref ref, gw_chat_request *out)
{
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, ref, "an object");
    }
    gw_json_ref type = gw_json_get(in->doc, ref, "type");
    if (!gw_json_is(in->doc, type, "json_schema")) {
        return type == GW_JSON_ABSENT ? gw_anthropic_missing(in, ref, "type")
                                      : gw_anthropic_unknown(in, type, "\"json_schema\"");
    }
    gw_json_ref schema = gw_json_get(in->doc, ref, "schema");
    if (gw_json_typeof(in->doc, schema) != GW_JSON_OBJECT) {
        return schema == GW_JSON_ABSENT ? gw_anthropic_missing(in, ref, "schema")
                                        : gw_anthropic_wrong(in, schema, "an object");
    }
    out->shape = GW_SHAPE_SCHEMA;
    out->schema = gw_raw_of(in->doc, schema);
    return AIGW_OK;
}

static int read_output_config(const gw_anthropic_in *in, gw_json_ref ref, gw_chat_request *out)
{
    static const struct {
        const char *word;
        gw_effort effort;
    } efforts[] = {{"low", GW_EFFORT_LOW},
                   {"medium", GW_EFFORT_MEDIUM},
                   {"high", GW_EFFORT_HIGH},
                   {"xhigh", GW_EFFORT_XHIGH},
                   {"max", GW_EFFORT_MAX}};
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, ref, "an object");
    }
    gw_json_ref effort = gw_json_get(in->doc, ref, "effort");
    if (!gw_json_is_null(in->doc, effort)) {
        for (size_t i = 0; i < sizeof efforts / sizeof efforts[0]; i++) {
            if (gw_json_is(in->doc, effort, efforts[i].word)) {
                out->effort = efforts[i].effort;
            }
        }
        if (out->effort == GW_EFFORT_UNSAID) {
            return gw_anthropic_unknown(in, effort, "low, medium, high, xhigh or max");
        }
    }
    return read_format(in, gw_json_get(in->doc, ref, "format"), out);
}

static int read_system(const gw_anthropic_in *in, gw_json_ref ref, gw_chat_request *out)
{
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    gw_message *message = &out->messages[0];
    message->role = GW_ROLE_SYSTEM;
    message->at = ref;
    int rc =
        gw_anthropic_read_content(in, ref, GW_ROLE_SYSTEM, &message->parts, &message->part_count);
    if (rc == AIGW_OK && message->part_count > 0) {
        out->message_count = 1;
    }
    return rc;
}

static int read_conversation(const gw_anthropic_in *in, gw_chat_request *out)
{
    gw_json_ref array = gw_json_get(in->doc, 0, "messages");
    if (array == GW_JSON_ABSENT) {
        return gw_anthropic_missing(in, 0, "messages");
    }
    if (gw_json_typeof(in->doc, array) != GW_JSON_ARRAY) {
        return gw_anthropic_wrong(in, array, "an array");
    }
    if (gw_json_count(in->doc, array) == 0) {
        return gw_anthropic_wrong(in, array, "at least one message");
    }
    /* One for `system`; a user turn may become a tool message and a user message. */
    size_t room = 1 + 2 * (size_t)gw_json_count(in->doc, array);
    out->messages = gw_arena_calloc(in->arena, room, sizeof *out->messages);
    if (out->messages == NULL) {
        return gw_fail_nomem(in->err);
    }
    int rc = read_system(in, gw_json_get(in->doc, 0, "system"), out);
    return rc != AIGW_OK ? rc : gw_anthropic_read_messages(in, array, out);
}

static int read_metadata(const gw_anthropic_in *in, gw_json_ref ref, gw_chat_request *out)
{
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, ref, "an object");
    }
    return gw_anthropic_string(in, ref, "user_id", false, &out->user_id);
}

static int read_extra(const gw_anthropic_in *in, gw_json_ref key, gw_chat_request *out)
{
    out->extras[out->extra_count++] = (gw_extra){key, gw_json_value(in->doc, key)};
    return AIGW_OK;
}

static int read_member(const gw_anthropic_in *in, gw_json_ref key, gw_chat_request *out)
{
    const gw_json_doc *doc = in->doc;
    gw_json_ref value = gw_json_value(doc, key);
    static const char *const elsewhere[] = {"model",       "messages",     "system", "tools",
                                            "tool_choice", "service_tier", NULL};
    for (size_t i = 0; elsewhere[i] != NULL; i++) {
        if (gw_json_key_is(doc, key, elsewhere[i])) {
            return AIGW_OK;
        }
    }
    if (gw_json_key_is(doc, key, "max_tokens")) {
        return read_max_tokens(in, value, out);
    }
    if (gw_json_key_is(doc, key, "stop_sequences")) {
        return read_stop(in, value, out);
    }
    if (gw_json_key_is(doc, key, "temperature")) {
        return read_number(in, value, &out->temperature);
    }
    if (gw_json_key_is(doc, key, "top_p")) {
        return read_number(in, value, &out->top_p);
    }
    if (gw_json_key_is(doc, key, "top_k")) {
        return read_number(in, value, &out->top_k);
    }
    if (gw_json_key_is(doc, key, "metadata")) {
        return read_metadata(in, value, out);
    }
    if (gw_json_key_is(doc, key, "thinking")) {
        return read_thinking(in, value, out);
    }
    if (gw_json_key_is(doc, key, "output_config")) {
        return read_output_config(in, value, out);
    }
    if (gw_json_key_is(doc, key, "output_format")) {
        return read_format(in, value, out);
    }
    if (gw_json_key_is(doc, key, "stream")) {
        return read_flag(in, value, &out->stream);
    }
    return read_extra(in, key, out);
}

static int read_any_request(gw_arena *arena, const gw_json_doc *doc, bool counting,
                            gw_chat_request *out, aigw_error *err)
{
    gw_anthropic_in in = {arena, doc, err};
    gw_chat_request r;
    gw_chat_request_init(&r, doc);
    r.format = AIGW_FORMAT_ANTHROPIC;
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(&in, 0, "an object");
    }
    r.extras = gw_arena_calloc(arena, gw_json_count(doc, 0) + 1, sizeof *r.extras);
    if (r.extras == NULL) {
        return gw_fail_nomem(err);
    }
    int rc = gw_anthropic_string(&in, 0, "model", true, &r.model);
    if (rc == AIGW_OK) {
        rc = read_conversation(&in, &r);
    }
    if (rc == AIGW_OK && !counting && gw_json_get(doc, 0, "max_tokens") == GW_JSON_ABSENT) {
        rc = gw_anthropic_missing(&in, 0, "max_tokens");
    }
    for (gw_json_ref key = gw_json_first(doc, 0); rc == AIGW_OK && key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        rc = read_member(&in, key, &r);
    }
    if (rc == AIGW_OK) {
        rc = gw_anthropic_string(&in, 0, "service_tier", false, &r.service_tier);
    }
    if (rc == AIGW_OK) {
        rc = gw_anthropic_read_tools(&in, &r);
    }
    const gw_read_places places = {.tools = gw_json_get(doc, 0, "tools"),
                                   .tool_choice = gw_json_get(doc, 0, "tool_choice"),
                                   .unique_names = true,
                                   .answered_calls = true};
    if (rc == AIGW_OK) {
        rc = gw_read_check(arena, &r, &places, err);
    }
    if (rc == AIGW_OK) {
        r.include_usage = true; /* this API always tells usage */
        *out = r;
    }
    return rc;
}

int gw_anthropic_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                              aigw_error *err)
{
    return read_any_request(arena, doc, false, out, err);
}

int gw_anthropic_read_count_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                                    aigw_error *err)
{
    return read_any_request(arena, doc, true, out, err);
}

bool gw_anthropic_read_count(const gw_json_doc *doc, int64_t *tokens)
{
    int64_t n = -1;
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT ||
        !gw_json_i64(doc, gw_json_get(doc, 0, "input_tokens"), &n) || n < 0) {
        return false;
    }
    *tokens = n;
    return true;
}
