/* Same format on both ends: the top-level members of a request that the host at hand does not take. */
/* Must not look into messages, nor cost anything where the host takes all. */
#include "wire/openai_chat/mend.h"

#include "base/text.h"

static gw_json_ref said(const gw_oc_mending *m, const char *name)
{
    gw_json_ref ref = gw_json_get(m->doc, 0, name);
    return gw_json_is_null(m->doc, ref) ? GW_JSON_ABSENT : ref;
}

static void put(gw_oc_mending *m, const char *member, aigw_slice value)
{
    if (*m->count < GW_MEND_MAX)
        m->out[(*m->count)++] = (gw_patch){.member = member, .value = value};
}

static void take_away(gw_oc_mending *m, const char *member)
{
    if (*m->count < GW_MEND_MAX)
        m->out[(*m->count)++] = (gw_patch){.member = member, .remove = true};
}

/* What the host refuses, whatever it says: names by the quirk that takes them away. */
static void take_all_away(gw_oc_mending *m)
{
    static const struct {
        gw_quirk quirk;
        const char *member;
    } list[] = {{GW_QUIRK_NO_PARALLEL_FLAG, "parallel_tool_calls"},
                {GW_QUIRK_NO_REASONING, "reasoning_effort"},
                {GW_QUIRK_NO_METADATA, "metadata"},
                {GW_QUIRK_NO_METADATA, "store"},
                {GW_QUIRK_NO_METADATA, "service_tier"},
                {GW_QUIRK_NO_METADATA, "user"},
                {GW_QUIRK_NO_METADATA, "safety_identifier"},
                {GW_QUIRK_NO_METADATA, "prompt_cache_key"},
                {GW_QUIRK_NO_PENALTIES, "presence_penalty"},
                {GW_QUIRK_NO_PENALTIES, "frequency_penalty"},
                {GW_QUIRK_NO_LOGPROBS, "logprobs"},
                {GW_QUIRK_NO_LOGPROBS, "top_logprobs"}};
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        if (gw_oc_mends(m, list[i].quirk) &&
            gw_json_get(m->doc, 0, list[i].member) != GW_JSON_ABSENT)
            take_away(m, list[i].member);
    }
    /* Also where the client says nothing: the gateway itself asks for usage otherwise. */
    if (gw_oc_mends(m, GW_QUIRK_NO_USAGE_OPTION))
        take_away(m, "stream_options");
}

static void mend_max_tokens(gw_oc_mending *m)
{
    if (!gw_oc_mends(m, GW_QUIRK_MAX_TOKENS) ||
        gw_json_get(m->doc, 0, "max_completion_tokens") == GW_JSON_ABSENT)
        return;
    gw_json_ref max = said(m, "max_completion_tokens"); /* it wins over the other one */
    if (max != GW_JSON_ABSENT)
        put(m, "max_tokens", gw_json_raw(m->doc, max));
    take_away(m, "max_completion_tokens");
}

static void mend_choice(gw_oc_mending *m)
{
    gw_json_ref choice = said(m, "tool_choice");
    if (!gw_oc_mends(m, GW_QUIRK_NO_NAMED_CHOICE) ||
        gw_json_typeof(m->doc, choice) != GW_JSON_OBJECT)
        return;
    gw_json_ref allowed = gw_json_get(m->doc, choice, "allowed_tools");
    bool may = gw_json_typeof(m->doc, allowed) == GW_JSON_OBJECT &&
               gw_json_is(m->doc, gw_json_get(m->doc, allowed, "mode"), "auto");
    put(m, "tool_choice", may ? GW_S("\"auto\"") : GW_S("\"required\""));
}

/* {"type":"function","function":{...,"strict":true}} without strict; the same for response_format. */
static void write_without_strict(gw_jw *w, const gw_json_doc *doc, gw_json_ref object,
                                 const char *body)
{
    gw_json_ref inner = gw_json_get(doc, object, body);
    gw_jw_object(w);
    for (gw_json_ref key = gw_json_first(doc, object); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        gw_jw_key_inner(w, gw_json_inner(doc, key));
        if (value != inner) {
            gw_jw_raw(w, gw_json_raw(doc, value));
            continue;
        }
        gw_jw_object(w);
        for (gw_json_ref k = gw_json_first(doc, inner); k != GW_JSON_ABSENT;
             k = gw_json_next(doc, k)) {
            if (gw_json_key_is(doc, k, "strict"))
                continue;
            gw_jw_key_inner(w, gw_json_inner(doc, k));
            gw_jw_raw(w, gw_json_raw(doc, gw_json_value(doc, k)));
        }
        gw_jw_object_end(w);
    }
    gw_jw_object_end(w);
}

static bool is_strict(const gw_json_doc *doc, gw_json_ref object, const char *body)
{
    if (gw_json_typeof(doc, object) != GW_JSON_OBJECT)
        return false;
    gw_json_ref inner = gw_json_get(doc, object, body);
    return gw_json_typeof(doc, inner) == GW_JSON_OBJECT &&
           gw_json_get(doc, inner, "strict") != GW_JSON_ABSENT;
}

/* Keeps what the buffer holds as the value of a member. */
int gw_oc_mend_keep(gw_oc_mending *m, const char *member, gw_buf *buf)
{
    aigw_slice value = {NULL, 0};
    if (!buf->failed)
        value = gw_arena_copy(m->arena, gw_buf_slice(buf));
    gw_buf_free(buf);
    if (value.data == NULL)
        return AIGW_E_NOMEM;
    put(m, member, value);
    return AIGW_OK;
}

static int mend_tools(gw_oc_mending *m)
{
    const gw_json_doc *doc = m->doc;
    gw_json_ref tools = said(m, "tools");
    size_t found = 0;
    if (!gw_oc_mends(m, GW_QUIRK_NO_STRICT) || gw_json_typeof(doc, tools) != GW_JSON_ARRAY)
        return AIGW_OK;
    for (gw_json_ref r = gw_json_first(doc, tools); r != GW_JSON_ABSENT; r = gw_json_next(doc, r))
        found += is_strict(doc, r, "function");
    if (found == 0)
        return AIGW_OK;
    gw_buf buf;
    gw_buf_init(&buf, gw_json_raw(doc, tools).len + 64);
    gw_jw w = gw_jw_on(&buf);
    gw_jw_array(&w);
    for (gw_json_ref r = gw_json_first(doc, tools); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        if (is_strict(doc, r, "function"))
            write_without_strict(&w, doc, r, "function");
        else
            gw_jw_raw(&w, gw_json_raw(doc, r));
    }
    gw_jw_array_end(&w);
    return gw_oc_mend_keep(m, "tools", &buf);
}

static int mend_format(gw_oc_mending *m)
{
    const gw_json_doc *doc = m->doc;
    gw_json_ref format = said(m, "response_format");
    if (gw_json_typeof(doc, format) != GW_JSON_OBJECT ||
        !gw_json_is(doc, gw_json_get(doc, format, "type"), "json_schema"))
        return AIGW_OK;
    if (gw_oc_mends(m, GW_QUIRK_NO_JSON_SCHEMA)) {
        gw_json_ref body = gw_json_get(doc, format, "json_schema");
        if (gw_json_typeof(doc, body) == GW_JSON_OBJECT)
            m->schema = gw_raw_of(doc, gw_json_get(doc, body, "schema"));
        m->schema_in_words = true;
        put(m, "response_format", GW_S("{\"type\":\"json_object\"}"));
        return AIGW_OK;
    }
    if (!gw_oc_mends(m, GW_QUIRK_NO_STRICT) || !is_strict(doc, format, "json_schema"))
        return AIGW_OK;
    gw_buf buf;
    gw_buf_init(&buf, gw_json_raw(doc, format).len + 64);
    gw_jw w = gw_jw_on(&buf);
    write_without_strict(&w, doc, format, "json_schema");
    return gw_oc_mend_keep(m, "response_format", &buf);
}

int gw_oc_mend_request(gw_arena *arena, const gw_json_doc *doc, const gw_write_options *options,
                       gw_patch out[GW_MEND_MAX], size_t *count)
{
    gw_oc_mending m = {
        .arena = arena, .doc = doc, .quirks = options->quirks, .out = out, .count = count};
    int rc = AIGW_OK;
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return AIGW_OK;
    if ((options->quirks & ~(unsigned)(GW_QUIRK_OPENAI | GW_QUIRK_REASONING_REPLAY)) != 0) {
        take_all_away(&m);
        mend_max_tokens(&m);
        mend_choice(&m);
        rc = mend_tools(&m);
        if (rc == AIGW_OK)
            rc = mend_format(&m);
    }
    return rc == AIGW_OK ? gw_oc_mend_messages(&m) : rc;
}
