/* The usage in an answer that was passed through: images, embeddings, transcriptions, messages.
 * Must not know exchanges. What is not surely a count of tokens of this request is left alone. */
#include "gateway/pass.h"

static int64_t number(const gw_json_doc *doc, gw_json_ref at, const char *key)
{
    int64_t n;
    gw_json_ref value = gw_json_get(doc, at, key);
    return gw_json_i64(doc, value, &n) && n >= 0 ? n : -1;
}

static int64_t either(int64_t a, int64_t b)
{
    return a >= 0 ? a : b;
}

/* {"prompt_tokens", "completion_tokens"} or {"input_tokens", "output_tokens"}, with details. */
static void read_openai(const gw_json_doc *doc, gw_json_ref usage, aigw_usage *out)
{
    gw_json_ref in = gw_json_get(doc, usage, "prompt_tokens_details");
    gw_json_ref made = gw_json_get(doc, usage, "completion_tokens_details");
    if (in == GW_JSON_ABSENT)
        in = gw_json_get(doc, usage, "input_tokens_details");
    if (made == GW_JSON_ABSENT)
        made = gw_json_get(doc, usage, "output_tokens_details");
    out->input_tokens =
        either(number(doc, usage, "input_tokens"), number(doc, usage, "prompt_tokens"));
    out->output_tokens =
        either(number(doc, usage, "output_tokens"), number(doc, usage, "completion_tokens"));
    out->cached_tokens = number(doc, in, "cached_tokens");
    out->reasoning_tokens = number(doc, made, "reasoning_tokens");
}

/* Here the cached ones are not among the input tokens. */
static void read_anthropic(const gw_json_doc *doc, gw_json_ref usage, aigw_usage *out)
{
    int64_t plain = number(doc, usage, "input_tokens");
    out->cached_tokens = number(doc, usage, "cache_read_input_tokens");
    out->cache_write_tokens = number(doc, usage, "cache_creation_input_tokens");
    out->output_tokens = number(doc, usage, "output_tokens");
    if (plain < 0 || plain > INT64_MAX / 4 || out->cached_tokens > INT64_MAX / 4 ||
        out->cache_write_tokens > INT64_MAX / 4)
        return;
    out->input_tokens = plain + (out->cached_tokens > 0 ? out->cached_tokens : 0) +
                        (out->cache_write_tokens > 0 ? out->cache_write_tokens : 0);
}

/* Thinking is counted beside the candidates. */
static void read_gemini(const gw_json_doc *doc, gw_json_ref usage, aigw_usage *out)
{
    int64_t made = number(doc, usage, "candidatesTokenCount");
    out->input_tokens = number(doc, usage, "promptTokenCount");
    out->cached_tokens = number(doc, usage, "cachedContentTokenCount");
    out->reasoning_tokens = number(doc, usage, "thoughtsTokenCount");
    if (made >= 0 && made < INT64_MAX / 4 && out->reasoning_tokens < INT64_MAX / 4)
        made += out->reasoning_tokens > 0 ? out->reasoning_tokens : 0;
    out->output_tokens = made;
}

bool gw_pass_usage(gw_arena *arena, aigw_format format, aigw_slice body, aigw_usage *out)
{
    gw_json_doc doc;
    aigw_usage got = gw_usage_unknown();
    if (gw_json_parse(arena, body, NULL, &doc, NULL) != AIGW_OK ||
        gw_json_typeof(&doc, 0) != GW_JSON_OBJECT)
        return false;
    bool gemini = format == AIGW_FORMAT_GEMINI;
    gw_json_ref usage = gw_json_get(&doc, 0, gemini ? "usageMetadata" : "usage");
    if (gw_json_typeof(&doc, usage) != GW_JSON_OBJECT)
        return false;
    if (gemini)
        read_gemini(&doc, usage, &got);
    else if (format == AIGW_FORMAT_ANTHROPIC)
        read_anthropic(&doc, usage, &got);
    else
        read_openai(&doc, usage, &got);
    if (got.input_tokens < 0 && got.output_tokens < 0)
        return false; /* seconds of audio, search units */
    *out = got;
    return true;
}
