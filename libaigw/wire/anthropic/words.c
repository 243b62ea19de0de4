/*
 * The words that answers, streams and taps of the Messages API share: usage, stop reasons, own blocks.
 * Knows neither whole answers nor streams.
 */
#include "wire/anthropic/anthropic.h"

void gw_anthropic_usage_init(gw_anthropic_usage *u)
{
    *u = (gw_anthropic_usage){-1, -1, -1, -1, -1};
}

static void take(int64_t *into, const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    int64_t n;
    if (gw_json_i64(doc, gw_json_get(doc, object, name), &n) && n >= 0) {
        *into = n;
    }
}

void gw_anthropic_usage_read(gw_anthropic_usage *u, const gw_json_doc *doc, gw_json_ref object)
{
    if (gw_json_typeof(doc, object) != GW_JSON_OBJECT) {
        return;
    }
    take(&u->input, doc, object, "input_tokens");
    take(&u->cache_creation, doc, object, "cache_creation_input_tokens");
    take(&u->cache_read, doc, object, "cache_read_input_tokens");
    take(&u->output, doc, object, "output_tokens");
    gw_json_ref details = gw_json_get(doc, object, "output_tokens_details");
    if (gw_json_typeof(doc, details) == GW_JSON_OBJECT) {
        take(&u->thinking, doc, details, "thinking_tokens");
    }
}

static int64_t add_known(int64_t a, int64_t b)
{
    int64_t sum;
    if (b < 0) {
        return a;
    }
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

aigw_usage gw_anthropic_usage_neutral(const gw_anthropic_usage *u)
{
    aigw_usage n = gw_usage_unknown();
    if (u->input >= 0) {
        n.input_tokens = add_known(add_known(u->input, u->cache_creation), u->cache_read);
    }
    n.output_tokens = u->output;
    n.cached_tokens = u->cache_read;
    n.cache_write_tokens = u->cache_creation;
    n.reasoning_tokens = u->thinking;
    return n;
}

static int64_t at_least_zero(int64_t n)
{
    return n < 0 ? 0 : n;
}

/* input_tokens of this API does not contain the cached ones. */
static int64_t uncached(const aigw_usage *u)
{
    int64_t n = at_least_zero(u->input_tokens);
    n -= at_least_zero(u->cached_tokens);
    n = at_least_zero(n) - at_least_zero(u->cache_write_tokens);
    return at_least_zero(n);
}

static const char *tier_word(gw_jstr tier)
{
    static const char *const own[] = {"standard", "priority", "batch"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (gw_jstr_is(tier, own[i])) {
            return own[i];
        }
    }
    return gw_jstr_is(tier, "default") ? "standard" : NULL;
}

void gw_anthropic_usage_write(gw_jw *w, const aigw_usage *u, gw_jstr service_tier)
{
    gw_jw_object(w);
    gw_jw_key(w, "input_tokens");
    gw_jw_int(w, uncached(u));
    gw_jw_key(w, "cache_creation_input_tokens");
    gw_jw_int(w, at_least_zero(u->cache_write_tokens));
    gw_jw_key(w, "cache_read_input_tokens");
    gw_jw_int(w, at_least_zero(u->cached_tokens));
    gw_jw_key(w, "output_tokens");
    gw_jw_int(w, at_least_zero(u->output_tokens));
    if (u->reasoning_tokens >= 0) {
        gw_jw_key(w, "output_tokens_details");
        gw_jw_object(w);
        gw_jw_key(w, "thinking_tokens");
        gw_jw_int(w, u->reasoning_tokens);
        gw_jw_object_end(w);
    }
    const char *tier = tier_word(service_tier);
    if (tier != NULL) {
        gw_jw_key(w, "service_tier");
        gw_jw_str(w, tier);
    }
    gw_jw_object_end(w);
}

static const struct {
    const char *word;
    gw_finish finish;
} stop_words[] = {
    {"end_turn", GW_FINISH_STOP},
    {"stop_sequence", GW_FINISH_STOP_SEQUENCE},
    {"max_tokens", GW_FINISH_LENGTH},
    {"tool_use", GW_FINISH_TOOL_CALLS},
    {"refusal", GW_FINISH_CONTENT_FILTER},
    {"pause_turn", GW_FINISH_PAUSE},
    {"model_context_window_exceeded", GW_FINISH_CONTEXT},
};

void gw_anthropic_finish_read(const gw_json_doc *doc, gw_json_ref owner, gw_event *finish)
{
    gw_json_ref reason = gw_json_get(doc, owner, "stop_reason");
    finish->finish = GW_FINISH_STOP; /* a word that is not known, or none */
    finish->native_finish = gw_jstr_of(doc, reason);
    for (size_t i = 0; i < sizeof stop_words / sizeof stop_words[0]; i++) {
        if (gw_json_is(doc, reason, stop_words[i].word)) {
            finish->finish = stop_words[i].finish;
        }
    }
    finish->stop_sequence = gw_jstr_of(doc, gw_json_get(doc, owner, "stop_sequence"));
    gw_json_ref details = gw_json_get(doc, owner, "stop_details");
    if (gw_json_typeof(doc, details) == GW_JSON_OBJECT) {
        finish->refusal = gw_jstr_of(doc, gw_json_get(doc, details, "explanation"));
    }
}

static const char *stop_word(const gw_anthropic_stop *stop)
{
    gw_finish finish = stop->finish;
    if (finish == GW_FINISH_STOP_SEQUENCE && !gw_has(stop->stop_sequence)) {
        finish = GW_FINISH_STOP;
    }
    if (finish == GW_FINISH_STOP && stop->has_calls) {
        finish = GW_FINISH_TOOL_CALLS; /* some hosts say "stop" after calls */
    }
    for (size_t i = 0; i < sizeof stop_words / sizeof stop_words[0]; i++) {
        if (stop_words[i].finish == finish) {
            return stop_words[i].word;
        }
    }
    return "end_turn";
}

void gw_anthropic_finish_write(gw_jw *w, const gw_anthropic_stop *stop)
{
    gw_jw_key(w, "stop_reason");
    gw_jw_str(w, stop_word(stop));
    gw_jw_key(w, "stop_sequence");
    if (stop->finish == GW_FINISH_STOP_SEQUENCE && gw_has(stop->stop_sequence)) {
        gw_jw_jstr(w, stop->stop_sequence);
    } else {
        gw_jw_null(w);
    }
    if (stop->finish == GW_FINISH_CONTENT_FILTER && gw_has(stop->refusal)) {
        gw_jw_key(w, "stop_details");
        gw_jw_object(w);
        gw_jw_key(w, "type");
        gw_jw_str(w, "refusal");
        gw_jw_key(w, "category");
        gw_jw_null(w);
        gw_jw_key(w, "explanation");
        gw_jw_jstr(w, stop->refusal);
        gw_jw_object_end(w);
    }
}

/* The member "type" of an object in JSON; data NULL if there is none. Looks at the top level only. */
static aigw_slice type_of(aigw_slice json)
{
    aigw_slice none = {NULL, 0};
    int depth = 0;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.data[i];
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (c != '"') {
            continue;
        }
        size_t start = ++i;
        while (i < json.len && json.data[i] != '"') {
            i += json.data[i] == '\\' ? 2 : 1;
        }
        size_t end = i;
        bool key =
            depth == 1 && end - start == 4 && gw_eq(gw_slice(&json.data[start], 4), GW_S("type"));
        size_t colon = end + 1;
        while (colon < json.len && (json.data[colon] == ' ' || json.data[colon] == '\n' ||
                                    json.data[colon] == '\t' || json.data[colon] == '\r')) {
            colon++;
        }
        if (!key || colon >= json.len || json.data[colon] != ':') {
            continue;
        }
        const char *open = gw_find(gw_skip(json, colon), GW_S("\""));
        if (open == NULL) {
            return none;
        }
        aigw_slice rest = gw_skip(json, (size_t)(open + 1 - json.data));
        const char *close = gw_find(rest, GW_S("\""));
        return close == NULL ? none : gw_slice(rest.data, (size_t)(close - rest.data));
    }
    return none;
}

bool gw_anthropic_own_block(aigw_slice raw)
{
    static const char *const words[] = {"server_tool_use", "mcp_tool_use", "container_upload",
                                        "search_result", "compaction"};
    aigw_slice type = type_of(raw);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (gw_eq(type, aigw_slice_of(words[i]))) {
            return true;
        }
    }
    return gw_ends(type, GW_S("_tool_result"));
}

void gw_anthropic_escape_json(gw_buf *out, aigw_slice json)
{
    bool in_string = false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.data[i];
        if (!in_string && (c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
            continue;
        }
        if (c == '"') {
            in_string = !in_string;
        }
        if (c == '"' || c == '\\') {
            gw_buf_putc(out, '\\');
        }
        gw_buf_putc(out, c);
        if (c == '\\' && i + 1 < json.len) { /* its partner opens or closes nothing */
            char next = json.data[++i];
            if (next == '"' || next == '\\') {
                gw_buf_putc(out, '\\');
            }
            gw_buf_putc(out, next);
        }
    }
}

void gw_anthropic_write_id(gw_jw *w, gw_jstr id, const char *prefix, aigw_slice seed,
                           int64_t number)
{
    if (id.inner.len > 0) {
        gw_jw_jstr(w, id);
        return;
    }
    gw_jw_begin_string(w);
    gw_jw_part(w, aigw_slice_of(prefix));
    gw_jw_part(w, seed);
    if (number >= 0) {
        char digits[24];
        size_t n = sizeof digits;
        do {
            digits[--n] = (char)('0' + number % 10);
            number /= 10;
        } while (number > 0);
        gw_jw_part(w, GW_S("_"));
        gw_jw_part(w, gw_slice(&digits[n], sizeof digits - n));
    }
    gw_jw_end_string(w);
}
