/* Which class a string of a request's JSON has, by its place in the schemas of the APIs.
 * Must not know what is made of it: the WAF looks at settings, guardrails at prompts. */
#include "gate/waf/place.h"
#include "base/text.h"

#define R(route) (1u << AIGW_WAF_ROUTE_##route)
#define ALL      (R(CHAT) | R(MESSAGES) | R(RESPONSES) | R(GEMINI) | R(BEDROCK) | R(EMBEDDINGS))

/* Members of the root that hold prompt text, by route. */
static const struct {
    const char *name;
    unsigned routes;
    gw_place below;
} roots[] = {
    {"messages", ALL, GW_PLACE_PROMPT},
    {"input", R(RESPONSES) | R(EMBEDDINGS) | R(CHAT) | R(BEDROCK), GW_PLACE_PROMPT},
    {"system", R(MESSAGES) | R(BEDROCK), GW_PLACE_PROMPT},
    {"instructions", R(RESPONSES) | R(EMBEDDINGS), GW_PLACE_PROMPT},
    {"prompt", R(CHAT) | R(RESPONSES) | R(MESSAGES), GW_PLACE_PROMPT},
    {"suffix", R(CHAT), GW_PLACE_PROMPT},
    {"prediction", R(CHAT), GW_PLACE_PROMPT},
    {"contents", R(GEMINI) | R(EMBEDDINGS), GW_PLACE_PROMPT},
    {"content", R(GEMINI) | R(EMBEDDINGS), GW_PLACE_PROMPT},
    {"requests", R(GEMINI) | R(EMBEDDINGS) | R(MESSAGES), GW_PLACE_PROMPT},
    {"query", R(RESPONSES), GW_PLACE_PROMPT},
    {"instances", R(GEMINI) | R(EMBEDDINGS), GW_PLACE_PROMPT},
    {"generateContentRequest", R(GEMINI), GW_PLACE_PROMPT},
    {"systemInstruction", R(GEMINI), GW_PLACE_PROMPT},
    {"system_instruction", R(GEMINI), GW_PLACE_PROMPT},
    {"generationConfig", R(GEMINI), GW_PLACE_PROMPT},
    {"generation_config", R(GEMINI), GW_PLACE_PROMPT},
    {"documents", ALL, GW_PLACE_PROMPT},
    {"tools", ALL, GW_PLACE_PROMPT},
    {"functions", R(CHAT), GW_PLACE_PROMPT},
    {"tool_choice", R(CHAT) | R(MESSAGES) | R(RESPONSES), GW_PLACE_PROMPT},
    {"function_call", R(CHAT), GW_PLACE_PROMPT},
    {"toolConfig", R(GEMINI) | R(BEDROCK), GW_PLACE_PROMPT},
    {"tool_config", R(GEMINI), GW_PLACE_PROMPT},
    {"mcp_servers", R(MESSAGES), GW_PLACE_PROMPT},
    {"stop", R(CHAT), GW_PLACE_PROMPT},
    {"stop_sequences", R(MESSAGES), GW_PLACE_PROMPT},
    {"inferenceConfig", R(BEDROCK), GW_PLACE_PROMPT},
    {"promptVariables", R(BEDROCK), GW_PLACE_FREE},
    {"additionalModelRequestFields", R(BEDROCK), GW_PLACE_FREE},
    {"outputConfig", R(BEDROCK), GW_PLACE_FREE},
    {"inputText", R(BEDROCK) | R(EMBEDDINGS), GW_PLACE_PROMPT},
    {"title", R(EMBEDDINGS), GW_PLACE_PROMPT}, /* of the document, as Gemini takes it */
    {"response_format", R(CHAT), GW_PLACE_FREE},
    {"guided_json", R(CHAT), GW_PLACE_FREE}, /* what an answer must look like, as vLLM takes it */
    {"guided_regex", R(CHAT), GW_PLACE_FREE},
    {"guided_choice", R(CHAT), GW_PLACE_FREE},
    {"guided_grammar", R(CHAT), GW_PLACE_FREE},
    {"structured_outputs", R(CHAT), GW_PLACE_FREE},
    {"output_config", R(MESSAGES), GW_PLACE_FREE},
    {"output_format", R(MESSAGES), GW_PLACE_FREE},
    {"text", R(RESPONSES), GW_PLACE_FREE}};

/* Below these the author's own data stands: names there mean nothing to us. */
static const char *const free_names[] = {"arguments",
                                         "args",
                                         "input",
                                         "input_schema",
                                         "inputSchema",
                                         "parameters",
                                         "schema",
                                         "properties",
                                         "response",
                                         "output",
                                         "json",
                                         "result",
                                         "responseSchema",
                                         "responseJsonSchema",
                                         "response_schema",
                                         "parametersJsonSchema",
                                         "structuredContent",
                                         "logit_bias"};

static const char *const identifiers[] = {
    "model",        "role",      "type",      "id",         "name",     "tool_call_id",
    "tool_use_id",  "toolUseId", "call_id",   "media_type", "mimeType", "mime_type",
    "format",       "detail",    "status",    "effort",     "object",   "encoding",
    "service_tier", "file_id",   "container", "ttl"};

static bool listed(const gw_json_doc *doc, gw_json_ref key, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_json_key_is(doc, key, names[i]))
            return true;
    }
    return false;
}
#define LISTED(doc, key, names) listed((doc), (key), (names), sizeof(names) / sizeof((names)[0]))

bool gw_place_identifier(const gw_json_doc *doc, gw_json_ref key)
{
    return LISTED(doc, key, identifiers);
}

/* "url", "uri", and what ends in them. */
bool gw_place_url(aigw_slice key)
{
    if (key.len < 3)
        return false;
    aigw_slice end = gw_skip(key, key.len - 3);
    bool whole = key.len == 3;
    bool joined = !whole && (key.data[key.len - 4] == '_' || key.data[key.len - 4] == '-' ||
                             (end.data[0] == 'U' && (end.data[1] | 0x20) == 'r'));
    return (gw_eq_nocase(end, GW_S("url")) || gw_eq_nocase(end, GW_S("uri"))) && (whole || joined);
}

gw_place gw_place_below(const gw_json_doc *doc, aigw_waf_route route, gw_json_ref key,
                        gw_place where, bool root)
{
    for (size_t i = 0; root && i < sizeof roots / sizeof roots[0]; i++) {
        if ((roots[i].routes >> route & 1) && gw_json_key_is(doc, key, roots[i].name))
            return roots[i].below;
    }
    return where == GW_PLACE_PROMPT && LISTED(doc, key, free_names) ? GW_PLACE_FREE : where;
}
