/*
 * What a Converse request must decide before it is written: whose model it is, what that takes, and how
 * JSON is asked for. Knows no JSON syntax.
 */
#include "wire/bedrock/bedrock.h"

static bool has(aigw_slice name, const char *word)
{
    return gw_find(name, aigw_slice_of(word)) != NULL;
}

static bool has_any(aigw_slice name, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (has(name, *words)) {
            return true;
        }
    }
    return false;
}

/* Vendors whose models have structured output (user guide, "Get validated JSON results"). */
static bool is_structured(aigw_slice name, const gw_bedrock_model *m)
{
    static const char *const families[] = {"deepseek.v3",    "google.gemma-3", "minimax.",
                                           "magistral",      "ministral-3",    "mistral-large-3",
                                           "voxtral",        "moonshot",       "nvidia.nemotron",
                                           "openai.gpt-oss", "qwen.qwen3",     NULL};
    if (m->claude) {
        return gw_anthropic_model_of(name).structured && !has(name, "opus-4-1");
    }
    return has_any(name, families);
}

static gw_bedrock_model model_of(aigw_slice name)
{
    static const char *const vendors[] = {
        "amazon.", "meta.",      "mistral.",    "cohere.", "deepseek.", "qwen.",
        "ai21.",   "google.",    "openai.",     "minimax", "moonshot",  "nvidia.",
        "writer.", "stability.", "twelvelabs.", "zai.",    NULL};
    gw_bedrock_model m = {.claude = has(name, "claude"), .nova = has(name, "amazon.nova")};
    m.nova2 = m.nova && has(name, "nova-2");
    m.openai = has(name, "openai.");
    m.known = m.claude || has_any(name, vendors);
    bool full = m.claude || m.nova || !m.known;
    m.choice_any = full || has(name, "mistral.");
    m.choice_named = full;
    m.status = full;
    m.cache = full;
    m.cache_tools = m.claude || !m.known;
    m.cache_1h = (m.claude && gw_anthropic_model_of(name).structured) || !m.known;
    m.structured = is_structured(name, &m);
    return m;
}

int gw_bedrock_note(gw_bedrock_out *o, gw_json_ref at, const char *reason)
{
    return gw_note_add(o->notes, o->r->doc, at, reason, o->err);
}

int gw_bedrock_note_member(gw_bedrock_out *o, const char *members, const char *reason)
{
    const gw_json_doc *doc = o->r->doc;
    gw_json_ref at = GW_JSON_ABSENT;
    aigw_slice rest = aigw_slice_of(members);
    while (at == GW_JSON_ABSENT && rest.data != NULL && doc != NULL) {
        char name[64] = {0};
        aigw_slice word = gw_cut(&rest, ' ');
        if (word.len < sizeof name && gw_json_typeof(doc, 0) == GW_JSON_OBJECT) {
            memcpy(name, word.data, word.len);
            at = gw_json_get(doc, 0, name);
        }
    }
    return gw_bedrock_note(o, at, reason);
}

int gw_bedrock_note_value(gw_bedrock_out *o, aigw_slice bytes, const char *reason)
{
    return gw_bedrock_note(o, o->r->doc == NULL ? GW_JSON_ABSENT : gw_ref_of(o->r->doc, bytes),
                           reason);
}

static bool on(gw_thinking kind)
{
    return kind != GW_THINKING_UNSAID && kind != GW_THINKING_OFF;
}

bool gw_bedrock_thinks(const gw_bedrock_out *o)
{
    return o->model.claude && on(o->claude.thinking);
}

/* The same model thinks alike wherever it runs: the Messages codec decides. */
static int decide_claude(gw_bedrock_out *o)
{
    gw_anthropic_out a = {
        .arena = o->arena, .r = o->r, .options = o->options, .notes = o->notes, .err = o->err};
    int rc = gw_anthropic_decide(&a);
    o->claude = a.plan;
    return rc;
}

static bool is_object_schema(const gw_bedrock_out *o)
{
    gw_json_doc doc;
    return gw_json_parse(o->arena, o->r->schema.json, NULL, &doc, NULL) == AIGW_OK &&
           gw_json_typeof(&doc, 0) == GW_JSON_OBJECT &&
           gw_json_is(&doc, gw_json_get(&doc, 0, "type"), "object");
}

static void decide_shape(gw_bedrock_out *o)
{
    const gw_chat_request *r = o->r;
    bool schema = r->shape == GW_SHAPE_SCHEMA && gw_has_raw(r->schema);
    o->text_format = schema && o->model.structured;
    o->json_tool = schema && !o->text_format && r->tool_count == 0 && !o->has_calls &&
                   o->model.known && o->model.choice_named && !gw_bedrock_thinks(o) &&
                   is_object_schema(o);
    o->json_words = r->shape != GW_SHAPE_TEXT && !o->text_format && !o->json_tool;
}

int gw_bedrock_decide(gw_bedrock_out *o)
{
    const gw_chat_request *r = o->r;
    aigw_slice name = o->options->model;
    if (name.len == 0) {
        name = gw_jstr_text(o->arena, r->model);
        if (name.data == NULL) {
            return gw_fail_nomem(o->err);
        }
    }
    o->model = model_of(name);
    o->same = r->format == AIGW_FORMAT_BEDROCK;
    for (size_t m = 0; m < r->message_count; m++) {
        for (size_t i = 0; i < r->messages[m].part_count; i++) {
            o->has_calls = o->has_calls || r->messages[m].parts[i].kind == GW_PART_TOOL_CALL;
        }
    }
    if (o->same) {
        return AIGW_OK; /* its members stand as they stood */
    }
    int rc = o->model.claude ? decide_claude(o) : AIGW_OK;
    if (rc == AIGW_OK) {
        decide_shape(o);
    }
    return rc;
}
