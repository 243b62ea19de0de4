/* Walks a request's JSON and gives out what of it is prompt text.
 * Must not know what is looked for there. */
#include "gate/waf/texts.h"
#include "base/text.h"

#define OPAQUE_FROM 64 /* shorter runs of letters may be words */

typedef struct walk {
    const gw_json_doc *doc;
    aigw_waf_route route;
    gw_text_fn *fn;
    void *user;
} walk;

/* Where a value stands. */
typedef struct spot {
    gw_json_ref object, key; /* ABSENT in a list */
    gw_place where;          /* of the value itself */
    gw_place around;         /* of what holds it */
    bool fixed;
    bool schema; /* names and words of a schema: only what describes is text */
} spot;

static bool one_of(const gw_json_doc *doc, gw_json_ref key, const char *const *names)
{
    for (; key != GW_JSON_ABSENT && *names; names++) {
        if (gw_json_key_is(doc, key, *names))
            return true;
    }
    return false;
}

/* Settings that stand among the prompt's members: changed, they would mean nothing. */
static bool is_setting(const walk *w, gw_json_ref key)
{
    static const char *const names[] = {
        "stop",        "stop_sequences",   "tool_choice",       "function_call",   "toolChoice",
        "tool_config", "generationConfig", "generation_config", "inferenceConfig", "mcp_servers",
        NULL};
    if (w->route == AIGW_WAF_ROUTE_GEMINI && gw_json_key_is(w->doc, key, "toolConfig"))
        return true; /* Bedrock's has the tools in it */
    return one_of(w->doc, key, names);
}

/* Below these stands a JSON schema, or something else that is no author's text. */
static bool is_schema(const gw_json_doc *doc, gw_json_ref key)
{
    static const char *const names[] = {"parameters",
                                        "input_schema",
                                        "inputSchema",
                                        "responseSchema",
                                        "response_schema",
                                        "responseJsonSchema",
                                        "schema",
                                        "parametersJsonSchema",
                                        "response_format",
                                        "structured_outputs",
                                        "output_config",
                                        "output_format",
                                        "guided_json",
                                        "guided_regex",
                                        "guided_grammar",
                                        "guided_choice",
                                        "logit_bias",
                                        "text",
                                        NULL};
    return one_of(doc, key, names);
}

static bool describes(const gw_json_doc *doc, gw_json_ref key)
{
    static const char *const names[] = {"description", "title", "$comment", NULL};
    return one_of(doc, key, names);
}

/* What only its maker reads. */
static bool is_opaque(const gw_json_doc *doc, gw_json_ref key)
{
    static const char *const names[] = {"signature",
                                        "thoughtSignature",
                                        "thought_signature",
                                        "encrypted_content",
                                        "encrypted_index",
                                        "redactedContent",
                                        NULL};
    return one_of(doc, key, names);
}

static bool is_base64(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/' || c == '=' || c == '-' || c == '_' || c == '\\'))
            return false;
    }
    return true;
}

/* Bytes of an image, a file, a sound. A document that says it is text is text. */
static bool is_data(const walk *w, const spot *s, aigw_slice inner)
{
    static const char *const names[] = {"data", "bytes", "file_data", "b64_json", "blob", NULL};
    if (gw_starts(inner, GW_S("data:")))
        return gw_find(gw_slice(inner.data, inner.len < 256 ? inner.len : 256), GW_S(";base64,")) !=
               NULL;
    if (inner.len < OPAQUE_FROM || !one_of(w->doc, s->key, names) ||
        gw_json_is(w->doc, gw_json_get(w->doc, s->object, "type"), "text"))
        return false;
    return is_base64(inner);
}

/* Thinking that its maker has signed is refused when it has changed. */
static bool is_signed(const walk *w, const spot *s)
{
    static const char *const names[] = {"thinking", "text", NULL};
    return s->object != GW_JSON_ABSENT && one_of(w->doc, s->key, names) &&
           gw_json_inner(w->doc, gw_json_get(w->doc, s->object, "signature")).len > 0;
}

static int string(const walk *w, gw_json_ref at, const spot *s)
{
    aigw_slice inner = gw_json_inner(w->doc, at);
    bool named = s->key != GW_JSON_ABSENT;
    gw_text_kind kind = s->fixed ? GW_TEXT_FIXED : GW_TEXT_PLAIN;
    if (inner.len == 0 || is_data(w, s, inner))
        return AIGW_OK;
    if (s->where == GW_PLACE_PROMPT && named) {
        if (is_opaque(w->doc, s->key))
            return AIGW_OK;
        bool name = gw_json_key_is(w->doc, s->key, "name");
        if (gw_place_identifier(w->doc, s->key) && !name)
            return AIGW_OK;
        if (name || is_signed(w, s))
            kind = GW_TEXT_FIXED;
    }
    if (s->schema && !describes(w->doc, s->key))
        kind = GW_TEXT_FIXED;
    if (kind == GW_TEXT_PLAIN && s->around == GW_PLACE_PROMPT && named &&
        gw_json_key_is(w->doc, s->key, "arguments"))
        kind = GW_TEXT_NESTED;
    return w->fn(w->user, w->doc, at, kind);
}

static int value(const walk *w, gw_json_ref at, const spot *s);

static int member(const walk *w, gw_json_ref object, gw_json_ref key, const spot *s)
{
    gw_json_ref at = gw_json_value(w->doc, key);
    spot below = {.object = object, .key = key, .around = s->where, .fixed = s->fixed};
    below.where = gw_place_below(w->doc, w->route, key, s->where, object == 0);
    if (s->where != GW_PLACE_FREE)
        below.fixed = s->fixed || is_setting(w, key);
    if (below.where == GW_PLACE_FREE)
        below.fixed = false;
    below.schema = s->schema || (s->where != GW_PLACE_FREE && below.where == GW_PLACE_FREE &&
                                 is_schema(w->doc, key));
    if (s->where == GW_PLACE_FREE && !s->schema) {
        int rc = w->fn(w->user, w->doc, key, GW_TEXT_KEY);
        if (rc != AIGW_OK)
            return rc;
    }
    return value(w, at, &below);
}

/* As deep as the parser allows (128). */
static int value(const walk *w, gw_json_ref at, const spot *s)
{
    gw_json_type type = gw_json_typeof(w->doc, at);
    int rc = AIGW_OK;
    if (type == GW_JSON_STRING)
        return s->where == GW_PLACE_PLAIN ? AIGW_OK : string(w, at, s);
    if (type == GW_JSON_NUMBER)
        return s->where == GW_PLACE_FREE && !s->schema ? w->fn(w->user, w->doc, at, GW_TEXT_NUMBER)
                                                       : AIGW_OK;
    if (type == GW_JSON_ARRAY) {
        const spot inside = {.object = GW_JSON_ABSENT,
                             .key = GW_JSON_ABSENT,
                             .where = s->where,
                             .around = s->where,
                             .fixed = s->fixed,
                             .schema = s->schema};
        for (gw_json_ref r = gw_json_first(w->doc, at); r != GW_JSON_ABSENT && rc == AIGW_OK;
             r = gw_json_next(w->doc, r))
            rc = value(w, r, &inside);
    } else if (type == GW_JSON_OBJECT) {
        for (gw_json_ref r = gw_json_first(w->doc, at); r != GW_JSON_ABSENT && rc == AIGW_OK;
             r = gw_json_next(w->doc, r))
            rc = member(w, at, r, s);
    }
    return rc;
}

int gw_waf_texts(const gw_json_doc *doc, aigw_waf_route route, gw_text_fn *fn, void *user)
{
    const walk w = {doc, route, fn, user};
    const spot root = {.object = GW_JSON_ABSENT, .key = GW_JSON_ABSENT, .where = GW_PLACE_PLAIN};
    return value(&w, 0, &root);
}

int gw_waf_value_texts(const gw_json_doc *doc, gw_text_fn *fn, void *user)
{
    const walk w = {doc, AIGW_WAF_ROUTE_OTHER, fn, user};
    const spot root = {.object = GW_JSON_ABSENT,
                       .key = GW_JSON_ABSENT,
                       .where = GW_PLACE_FREE,
                       .around = GW_PLACE_FREE};
    return value(&w, 0, &root);
}
