/* What all files of the Gemini codec read and write with: members in both spellings, usage, time. */
/* Must not know requests or streams. */
#include "wire/gemini/gemini.h"
#include "wire/read.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 64 };

static bool snake_of(const char *name, char to[NAME_MAX_BYTES])
{
    size_t n = 0;
    bool differs = false;
    for (const char *p = name; *p != '\0' && n + 2 < NAME_MAX_BYTES; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            to[n++] = '_';
            to[n++] = (char)(*p | 32);
            differs = true;
        } else {
            to[n++] = *p;
        }
    }
    to[n] = '\0';
    return differs;
}

gw_json_ref gw_gm_get(const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    if (gw_json_typeof(doc, object) != GW_JSON_OBJECT)
        return GW_JSON_ABSENT;
    char snake[NAME_MAX_BYTES];
    gw_json_ref ref = gw_json_get(doc, object, name);
    if (ref == GW_JSON_ABSENT && snake_of(name, snake))
        ref = gw_json_get(doc, object, snake);
    return ref;
}

gw_jstr gw_gm_string_of(const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    return gw_jstr_of(doc, gw_gm_get(doc, object, name));
}

aigw_slice gw_gm_model_name(aigw_slice model)
{
    for (size_t i = model.len; i > 0; i--) {
        if (model.data[i - 1] == '/')
            return gw_skip(model, i);
    }
    return model;
}

gw_json_ref gw_gm_member(gw_gm_in *in, gw_json_ref object, const char *name)
{
    char snake[NAME_MAX_BYTES];
    gw_json_ref ref = gw_gm_get(in->doc, object, name);
    if (ref != GW_JSON_ABSENT && snake_of(name, snake)) {
        gw_json_ref other = gw_json_get(in->doc, object, snake);
        if (other != GW_JSON_ABSENT && other != ref)
            in->twice = other;
    }
    return ref;
}

int gw_gm_wrong(const gw_gm_in *in, gw_json_ref ref, const char *expected)
{
    return gw_json_fail(in->err, in->doc, ref, AIGW_E_PARSE, "wrong_type", "expected %s", expected);
}

int gw_gm_missing(const gw_gm_in *in, gw_json_ref parent, const char *name)
{
    return gw_read_missing(in->err, in->doc, parent, name);
}

static const char *word_of(gw_json_type type)
{
    switch (type) {
    case GW_JSON_OBJECT:
        return "an object";
    case GW_JSON_ARRAY:
        return "an array";
    case GW_JSON_NUMBER:
        return "a number";
    default:
        return "a string";
    }
}

int gw_gm_opt(gw_gm_in *in, gw_json_ref object, const char *name, gw_json_type type,
              gw_json_ref *out)
{
    gw_json_ref ref = gw_gm_member(in, object, name);
    *out = GW_JSON_ABSENT;
    if (gw_json_is_null(in->doc, ref))
        return AIGW_OK;
    if (gw_json_typeof(in->doc, ref) != type)
        return gw_gm_wrong(in, ref, word_of(type));
    *out = ref;
    return AIGW_OK;
}

int gw_gm_opt_string(gw_gm_in *in, gw_json_ref object, const char *name, gw_jstr *out)
{
    gw_json_ref ref;
    int rc = gw_gm_opt(in, object, name, GW_JSON_STRING, &ref);
    if (rc == AIGW_OK && ref != GW_JSON_ABSENT)
        *out = gw_jstr_of(in->doc, ref);
    return rc;
}

int gw_gm_string(gw_gm_in *in, gw_json_ref object, const char *name, gw_jstr *out)
{
    gw_json_ref ref;
    int rc = gw_gm_opt(in, object, name, GW_JSON_STRING, &ref);
    if (rc == AIGW_OK && ref == GW_JSON_ABSENT)
        return gw_gm_missing(in, object, name);
    if (rc == AIGW_OK)
        *out = gw_jstr_of(in->doc, ref);
    return rc;
}

int gw_gm_opt_bool(gw_gm_in *in, gw_json_ref object, const char *name, bool *out)
{
    gw_json_ref ref = gw_gm_member(in, object, name);
    if (gw_json_is_null(in->doc, ref) || gw_json_bool(in->doc, ref, out))
        return AIGW_OK;
    return gw_gm_wrong(in, ref, "true or false");
}

static int64_t count_of(const gw_json_doc *doc, gw_json_ref usage, const char *name)
{
    int64_t n = -1;
    gw_json_ref ref = gw_gm_get(doc, usage, name);
    return gw_json_i64(doc, ref, &n) && n >= 0 && n < INT64_MAX / 4 ? n : -1;
}

static int64_t sum_of(int64_t a, int64_t b)
{
    if (a < 0)
        return b;
    return b < 0 ? a : a + b;
}

bool gw_gm_usage_read(const gw_json_doc *doc, gw_json_ref usage, aigw_usage *out)
{
    if (gw_json_typeof(doc, usage) != GW_JSON_OBJECT)
        return false;
    aigw_usage found = gw_usage_unknown();
    found.input_tokens = sum_of(count_of(doc, usage, "promptTokenCount"),
                                count_of(doc, usage, "toolUsePromptTokenCount"));
    found.reasoning_tokens = count_of(doc, usage, "thoughtsTokenCount");
    int64_t said = count_of(doc, usage, "candidatesTokenCount");
    if (said < 0) /* Vertex, in some answers */
        said = count_of(doc, usage, "responseTokenCount");
    found.output_tokens = sum_of(said, found.reasoning_tokens);
    found.cached_tokens = count_of(doc, usage, "cachedContentTokenCount");
    if (found.input_tokens < 0 && found.output_tokens < 0)
        return false;
    *out = found;
    return true;
}

static void put_count(gw_jw *w, const char *name, int64_t n)
{
    if (n < 0)
        return;
    gw_jw_key(w, name);
    gw_jw_int(w, n);
}

bool gw_gm_usage_write(gw_jw *w, const aigw_usage *usage, gw_jstr service_tier)
{
    static const char *const tiers[][2] = {{"standard", "standard"},
                                           {"default", "standard"},
                                           {"standard_only", "standard"},
                                           {"flex", "flex"},
                                           {"priority", "priority"}};
    if (usage->input_tokens < 0 && usage->output_tokens < 0)
        return false;
    int64_t input = usage->input_tokens < 0 ? 0 : usage->input_tokens;
    int64_t output = usage->output_tokens < 0 ? 0 : usage->output_tokens;
    int64_t thoughts = usage->reasoning_tokens;
    if (thoughts > output)
        thoughts = output;
    gw_jw_key(w, "usageMetadata");
    gw_jw_object(w);
    put_count(w, "promptTokenCount", input);
    put_count(w, "candidatesTokenCount", thoughts > 0 ? output - thoughts : output);
    put_count(w, "totalTokenCount", input + output);
    put_count(w, "cachedContentTokenCount", usage->cached_tokens > 0 ? usage->cached_tokens : -1);
    put_count(w, "thoughtsTokenCount", thoughts > 0 ? thoughts : -1);
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++) {
        if (gw_jstr_is(service_tier, tiers[i][0])) {
            gw_jw_key(w, "serviceTier");
            gw_jw_str(w, tiers[i][1]);
        }
    }
    gw_jw_object_end(w);
    return true;
}

static const struct {
    const char *word;
    gw_finish finish;
    bool broken;
} finishes[] = {
    {"STOP", GW_FINISH_STOP, false},
    {"MAX_TOKENS", GW_FINISH_LENGTH, false},
    {"CONTINUATION", GW_FINISH_LENGTH, false},
    {"SAFETY", GW_FINISH_CONTENT_FILTER, false},
    {"RECITATION", GW_FINISH_CONTENT_FILTER, false},
    {"BLOCKLIST", GW_FINISH_CONTENT_FILTER, false},
    {"PROHIBITED_CONTENT", GW_FINISH_CONTENT_FILTER, false},
    {"SPII", GW_FINISH_CONTENT_FILTER, false},
    {"IMAGE_SAFETY", GW_FINISH_CONTENT_FILTER, false},
    {"IMAGE_PROHIBITED_CONTENT", GW_FINISH_CONTENT_FILTER, false},
    {"IMAGE_RECITATION", GW_FINISH_CONTENT_FILTER, false},
    {"MODEL_ARMOR", GW_FINISH_CONTENT_FILTER, false},
    {"LANGUAGE", GW_FINISH_STOP, false},
    {"OTHER", GW_FINISH_STOP, false},
    {"NO_IMAGE", GW_FINISH_STOP, false},
    {"IMAGE_OTHER", GW_FINISH_STOP, false},
    {"MALFORMED_FUNCTION_CALL", GW_FINISH_STOP, true},
    {"UNEXPECTED_TOOL_CALL", GW_FINISH_STOP, true},
    {"TOO_MANY_TOOL_CALLS", GW_FINISH_STOP, true},
    {"MALFORMED_RESPONSE", GW_FINISH_STOP, true},
};

bool gw_gm_finish_of(gw_jstr word, gw_finish *out)
{
    *out = GW_FINISH_STOP; /* the enum is open: what is new is no failure */
    for (size_t i = 0; i < sizeof finishes / sizeof finishes[0]; i++) {
        if (gw_jstr_is(word, finishes[i].word)) {
            *out = finishes[i].finish;
            return !finishes[i].broken;
        }
    }
    return true;
}

static const char *finish_word(gw_finish finish, gw_jstr native)
{
    for (size_t i = 0; i < sizeof finishes / sizeof finishes[0]; i++) {
        if (gw_jstr_is(native, finishes[i].word) && finishes[i].finish == finish)
            return finishes[i].word;
    }
    switch (finish) {
    case GW_FINISH_LENGTH:
    case GW_FINISH_CONTEXT:
        return "MAX_TOKENS";
    case GW_FINISH_CONTENT_FILTER:
        return "SAFETY";
    default:
        return "STOP";
    }
}

void gw_gm_finish_write(gw_jw *w, gw_finish finish, gw_jstr native, gw_jstr refusal)
{
    gw_jw_key(w, "finishReason");
    gw_jw_str(w, finish_word(finish, native));
    if (refusal.inner.len > 0) {
        gw_jw_key(w, "finishMessage");
        gw_jw_jstr(w, refusal);
    }
}

/* Days since 1970-01-01 of a date in the Gregorian calendar. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int64_t gw_gm_time_of(aigw_slice text)
{
    static const char form[] = "0000-00-00T00:00:00";
    int64_t v[6] = {0};
    size_t field = 0;
    if (text.len < sizeof form || text.data[text.len - 1] != 'Z')
        return 0;
    for (size_t i = 0; i < sizeof form - 1; i++) {
        char c = text.data[i];
        if (form[i] != '0') {
            if (c != form[i])
                return 0;
            field++;
        } else if (c < '0' || c > '9') {
            return 0;
        } else {
            v[field] = v[field] * 10 + (c - '0');
        }
    }
    if (v[0] < 1970 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31)
        return 0;
    return days_of(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5];
}

void gw_gm_time_write(gw_jw *w, int64_t unix_s)
{
    int64_t days = unix_s / 86400, rest = unix_s % 86400, z = days + 719468;
    int64_t era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    char text[96];
    snprintf(text, sizeof text, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lldZ", (long long)year,
             (long long)month, (long long)(doy - (153 * mp + 2) / 5 + 1), (long long)(rest / 3600),
             (long long)(rest / 60 % 60), (long long)(rest % 60));
    gw_jw_str(w, text);
}

bool gw_gm_own_part(aigw_slice raw)
{
    static const char *const own[] = {"\"executableCode\"",
                                      "\"executable_code\"",
                                      "\"codeExecutionResult\"",
                                      "\"code_execution_result\"",
                                      "\"inlineData\"",
                                      "\"inline_data\"",
                                      "\"fileData\"",
                                      "\"file_data\"",
                                      "\"toolCall\"",
                                      "\"tool_call\"",
                                      "\"toolResponse\"",
                                      "\"tool_response\"",
                                      "\"functionResponse\"",
                                      "\"videoMetadata\""};
    aigw_slice head = gw_slice(raw.data, raw.len < 4096 ? raw.len : 4096);
    if (raw.len < 2 || raw.data[0] != '{' || gw_find(head, GW_S("\"type\"")) != NULL)
        return false;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (gw_find(raw, aigw_slice_of(own[i])) != NULL)
            return true;
    }
    return false;
}

void gw_gm_escape_json(gw_buf *out, aigw_slice json)
{
    bool in_string = false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.data[i];
        if (!in_string && (c == ' ' || c == '\n' || c == '\r' || c == '\t'))
            continue;
        if (c == '"')
            in_string = !in_string;
        if (c == '"' || c == '\\')
            gw_buf_putc(out, '\\');
        gw_buf_putc(out, c);
        if (c == '\\' && i + 1 < json.len) { /* its partner opens or closes nothing */
            c = json.data[++i];
            if (c == '"' || c == '\\')
                gw_buf_putc(out, '\\');
            gw_buf_putc(out, c);
        }
    }
}
