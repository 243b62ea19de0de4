/*
 * The words that answers and streams of the Converse API share: usage, stop reasons, tiers, ids, own
 * blocks, signatures. Knows neither whole answers nor streams.
 */
#include "chat/seal.h"
#include "chat/wrap.h"
#include "wire/bedrock/bedrock.h"

static int64_t number(const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    int64_t n;
    return gw_json_i64(doc, gw_json_get(doc, object, name), &n) && n >= 0 ? n : -1;
}

static int64_t add_known(int64_t a, int64_t b)
{
    int64_t sum;
    if (b < 0) {
        return a;
    }
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

aigw_usage gw_bedrock_usage_read(const gw_json_doc *doc, gw_json_ref object)
{
    aigw_usage u = gw_usage_unknown();
    if (gw_json_typeof(doc, object) != GW_JSON_OBJECT) {
        return u;
    }
    u.input_tokens = number(doc, object, "inputTokens");
    u.output_tokens = number(doc, object, "outputTokens");
    u.cached_tokens = number(doc, object, "cacheReadInputTokens");
    u.cache_write_tokens = number(doc, object, "cacheWriteInputTokens");
    if (u.input_tokens >= 0) {
        u.input_tokens =
            add_known(add_known(u.input_tokens, u.cached_tokens), u.cache_write_tokens);
    }
    return u;
}

static int64_t at_least_zero(int64_t n)
{
    return n < 0 ? 0 : n;
}

void gw_bedrock_usage_write(gw_jw *w, const aigw_usage *u)
{
    int64_t cached = at_least_zero(u->cached_tokens), put = at_least_zero(u->cache_write_tokens);
    int64_t input = at_least_zero(at_least_zero(at_least_zero(u->input_tokens) - cached) - put);
    int64_t output = at_least_zero(u->output_tokens);
    gw_jw_object(w);
    gw_jw_key(w, "inputTokens");
    gw_jw_int(w, input);
    gw_jw_key(w, "outputTokens");
    gw_jw_int(w, output);
    gw_jw_key(w, "totalTokens");
    gw_jw_int(w, add_known(add_known(add_known(input, cached), put), output));
    if (u->cached_tokens >= 0) {
        gw_jw_key(w, "cacheReadInputTokens");
        gw_jw_int(w, cached);
    }
    if (u->cache_write_tokens >= 0) {
        gw_jw_key(w, "cacheWriteInputTokens");
        gw_jw_int(w, put);
    }
    gw_jw_object_end(w);
}

static const struct {
    const char *word;
    gw_finish finish;
} stop_words[] = {
    {"end_turn", GW_FINISH_STOP},
    {"tool_use", GW_FINISH_TOOL_CALLS},
    {"max_tokens", GW_FINISH_LENGTH},
    {"stop_sequence", GW_FINISH_STOP_SEQUENCE},
    {"content_filtered", GW_FINISH_CONTENT_FILTER},
    {"guardrail_intervened", GW_FINISH_CONTENT_FILTER},
    {"model_context_window_exceeded", GW_FINISH_CONTEXT},
};

void gw_bedrock_finish_read(const gw_json_doc *doc, gw_json_ref owner, gw_event *finish)
{
    gw_json_ref reason = gw_json_get(doc, owner, "stopReason");
    finish->finish = GW_FINISH_STOP; /* a word that is not known, or none */
    finish->native_finish = gw_jstr_of(doc, reason);
    for (size_t i = 0; i < sizeof stop_words / sizeof stop_words[0]; i++) {
        if (gw_json_is(doc, reason, stop_words[i].word)) {
            finish->finish = stop_words[i].finish;
        }
    }
    gw_json_ref fields = gw_json_get(doc, owner, "additionalModelResponseFields");
    if (gw_json_typeof(doc, fields) == GW_JSON_OBJECT) { /* a Claude tells it when asked to */
        finish->stop_sequence = gw_jstr_of(doc, gw_json_get(doc, fields, "stop_sequence"));
    }
}

bool gw_bedrock_malformed(const gw_json_doc *doc, gw_json_ref owner)
{
    gw_json_ref reason = gw_json_get(doc, owner, "stopReason");
    return gw_json_is(doc, reason, "malformed_model_output") ||
           gw_json_is(doc, reason, "malformed_tool_use");
}

const char *gw_bedrock_stop_word(gw_finish finish, bool has_calls)
{
    if (finish == GW_FINISH_STOP && has_calls) {
        finish = GW_FINISH_TOOL_CALLS; /* some hosts say "stop" after calls */
    }
    for (size_t i = 0; i < sizeof stop_words / sizeof stop_words[0]; i++) {
        if (stop_words[i].finish == finish) {
            return stop_words[i].word;
        }
    }
    return "end_turn";
}

/* The end of the string whose opening quote is at `at`: its closing quote. */
static size_t string_end(aigw_slice json, size_t at)
{
    for (at++; at < json.len && json.data[at] != '"'; at++) {
        at += json.data[at] == '\\';
    }
    return at;
}

/* Is there such a member in the object (or in the first object of the array)? Valid JSON is the caller's
 * promise; top level only. */
static bool has_member(aigw_slice json, const char *name)
{
    aigw_slice wanted = aigw_slice_of(name);
    int depth = 0, level = json.len > 0 && json.data[0] == '[' ? 2 : 1;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.data[i];
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (c != '"') {
            continue;
        }
        size_t end = string_end(json, i), next = end + 1;
        while (next < json.len && strchr(" \n\r\t", json.data[next]) != NULL) {
            next++;
        }
        bool key = depth == level && next < json.len && json.data[next] == ':';
        if (key && end < json.len && gw_eq(gw_slice(json.data + i + 1, end - i - 1), wanted)) {
            return true;
        }
        i = end;
    }
    return false;
}

bool gw_bedrock_own_block(aigw_slice raw)
{
    static const char *const names[] = {"toolUse", "toolResult", "image",        "audio",
                                        "video",   "document",   "guardContent", "searchResult"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (has_member(raw, names[i])) {
            return !has_member(raw, "type"); /* every other API's blocks have one */
        }
    }
    return false;
}

bool gw_bedrock_own_citation(aigw_slice raw)
{
    return has_member(raw, "location") && !has_member(raw, "type");
}

void gw_bedrock_write_id(gw_jw *w, gw_jstr id, aigw_slice seed, int64_t number_of_call)
{
    if (id.inner.len > 0) {
        gw_jw_tool_name(w, id, GW_TOOL_NAME_SHORT);
        return;
    }
    gw_jw_begin_string(w);
    gw_jw_part(w, GW_S("tooluse_"));
    gw_jw_part(w, seed);
    gw_jw_part(w, GW_S("_"));
    gw_buf_int(w->buf, number_of_call);
    gw_jw_end_string(w);
}

/* Two formats name the same maker. */
static aigw_format maker(aigw_format origin)
{
    return origin == AIGW_FORMAT_BEDROCK || origin == 0 ? GW_BEDROCK_ORIGIN : origin;
}

void gw_bedrock_write_signature(gw_jw *w, gw_jstr signature, aigw_format origin)
{
    if (signature.inner.len > 0) {
        gw_jw_key(w, "signature");
        gw_jw_slot(w, GW_BEDROCK_ORIGIN, maker(origin), false, signature);
    }
}

void gw_bedrock_write_redacted(gw_jw *w, gw_jstr data, aigw_format origin)
{
    gw_jw_key(w, "redactedContent");
    gw_jw_slot(w, GW_BEDROCK_ORIGIN, maker(origin), true, data);
}

bool gw_bedrock_write_tier(gw_jw *w, gw_jstr tier)
{
    static const char *const words[][2] = {{"default", "default"},  {"priority", "priority"},
                                           {"flex", "flex"},        {"reserved", "reserved"},
                                           {"standard", "default"}, {"standard_only", "default"},
                                           {"fast", "priority"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (gw_jstr_is(tier, words[i][0])) {
            gw_jw_key(w, "serviceTier");
            gw_jw_object(w);
            gw_jw_key(w, "type");
            gw_jw_str(w, words[i][1]);
            gw_jw_object_end(w);
            return true;
        }
    }
    return false;
}
