/* Walks a JSON body once over its tape and gives every string the class that its place in the schema has.
 * Must not know the signatures. */
#include "base/text.h"
#include "gate/waf/parts.h"
#include "gate/waf/place.h"
#include "gate/waf/url.h"

static bool identifier_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':' || c == '/' || c == '@';
}

static bool is_identifier(aigw_slice text)
{
    if (text.len > 256 || gw_starts(text, GW_S("/")) || gw_starts(text, GW_S(".")))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!identifier_char(text.data[i]) || (i && text.data[i] == '.' && text.data[i - 1] == '.'))
            return false;
    }
    return true;
}

static bool plain_key(aigw_slice key)
{
    if (key.len > 24)
        return false;
    for (size_t i = 0; i < key.len; i++) {
        if (!identifier_char(key.data[i]) || key.data[i] == '/' || key.data[i] == ':' ||
            key.data[i] == '@' || key.data[i] == '.')
            return false;
    }
    return true;
}

typedef struct walk {
    gw_waf_scan *scan;
    const gw_waf_view *view;
    const gw_json_doc *doc;
} walk;

static void describe(const void *of, uint32_t at, char *out, size_t size)
{
    gw_json_pointer(of, at, out, size);
}

/* A string as a field. Its pointer is made only if it is told: that walks the document. */
static gw_waf_field field_of(const walk *w, gw_json_ref at, aigw_slice text, uint32_t except)
{
    return (gw_waf_field){.component = AIGW_WAF_BODY,
                          .where = "json",
                          .describe = describe,
                          .of = w->doc,
                          .at = at,
                          .text = text,
                          .url = true,
                          .except = except};
}

static void look(walk *w, gw_json_ref at, aigw_slice text, uint32_t except)
{
    gw_waf_field field = field_of(w, at, text, except);
    gw_waf_scan_field(w->scan, &field);
}

/* A rule that is code, at a place; its pointer is made once. */
static void tell(walk *w, unsigned rule, gw_json_ref at)
{
    char where[96];
    if (rule == GW_WAF_NO_RULE || (w->scan->hits[rule].seen && !w->scan->each))
        return;
    gw_json_pointer(w->doc, at, where, sizeof where);
    gw_waf_scan_rule(w->scan, rule, AIGW_WAF_BODY, "json", aigw_slice_of(where));
}

static void look_at_url(walk *w, gw_json_ref at, aigw_slice url)
{
    gw_waf_host host = gw_waf_url_host(url);
    unsigned rule = w->scan->index->code[GW_WAF_R_URL_FIELD];
    if (host == GW_WAF_HOST_FINE ||
        (host == GW_WAF_HOST_PRIVATE && w->view->options->allow_private_urls))
        return;
    if (host == GW_WAF_HOST_METADATA || host == GW_WAF_HOST_LOOPBACK)
        rule = w->scan->index->family[GW_WAF_SSRF][AIGW_WAF_BODY];
    tell(w, rule, at);
}

/* What no name of a model, a role or a tool holds, and every injection does. */
static bool hostile_identifier(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || memchr("<>'\"`;|&$(){}\\*!^%=", c, 19))
            return true;
    }
    return false;
}

static void look_at_identifier(walk *w, gw_json_ref key, gw_json_ref at, aigw_slice text)
{
    bool model = gw_json_key_is(w->doc, key, "model");
    if (is_identifier(text) && !model)
        return;
    /* A model is chosen by us: a strict name. Other identifiers may be titles that people gave. */
    if (model && hostile_identifier(text))
        tell(w, w->scan->index->code[GW_WAF_R_IDENTIFIER], at);
    look(w, at, text, 0);
}

static void look_at_prompt(walk *w, gw_json_ref at, aigw_slice text)
{
    if (w->view->content != AIGW_WAF_CONTENT_SKIP)
        gw_waf_read_content(w->scan, w->view, field_of(w, at, text, 0));
}

/* Whether this string needs to be read at all: prompt text is skipped without even unescaping it. */
static void string(walk *w, gw_json_ref key, gw_json_ref at, gw_place where, bool url)
{
    bool named = key != GW_JSON_ABSENT && where != GW_PLACE_FREE;
    bool identifier = named && gw_place_identifier(w->doc, key);
    if (where != GW_PLACE_PLAIN && !identifier && !url && w->view->content == AIGW_WAF_CONTENT_SKIP)
        return;
    aigw_slice inner = gw_json_inner(w->doc, at);
    if (url && gw_starts(inner, GW_S("data:")))
        return;
    aigw_slice text = gw_json_text(w->scan->arena, w->doc, at);
    if (!text.data) {
        w->scan->failed = AIGW_E_NOMEM;
        return;
    }
    if (url)
        look_at_url(w, at, text);
    if (identifier)
        look_at_identifier(w, key, at, text);
    else if (where == GW_PLACE_PLAIN)
        look(w, at, text, url ? GW_WAF_EXCEPT(GW_WAF_RFI) : 0);
    else if (!url)
        look_at_prompt(w, at, text);
}

static void look_at_key(walk *w, gw_json_ref key, gw_place where)
{
    aigw_slice inner = gw_json_inner(w->doc, key);
    if (plain_key(inner))
        return;
    aigw_slice text = gw_json_text(w->scan->arena, w->doc, key);
    if (!text.data)
        w->scan->failed = AIGW_E_NOMEM;
    else if (where == GW_PLACE_FREE)
        look_at_prompt(w, key, text);
    else
        look(w, key, text, 0);
}

/* As deep as the parser allows (128). url: strings here are URLs, as in {"image_url": {"url": ..}}. */
static void value(walk *w, gw_json_ref key, gw_json_ref at, gw_place where, bool url)
{
    gw_json_type type = gw_json_typeof(w->doc, at);
    bool root = at == 0;
    if (w->scan->failed)
        return;
    if (type == GW_JSON_STRING) {
        string(w, key, at, where, url && where != GW_PLACE_FREE);
    } else if (type == GW_JSON_ARRAY) {
        for (gw_json_ref r = gw_json_first(w->doc, at); r != GW_JSON_ABSENT;
             r = gw_json_next(w->doc, r))
            value(w, GW_JSON_ABSENT, r, where, url);
    } else if (type == GW_JSON_OBJECT) {
        for (gw_json_ref r = gw_json_first(w->doc, at); r != GW_JSON_ABSENT;
             r = gw_json_next(w->doc, r)) {
            look_at_key(w, r, where);
            value(w, r, gw_json_value(w->doc, r),
                  gw_place_below(w->doc, w->view->route, r, where, root),
                  gw_place_url(gw_json_inner(w->doc, r)));
        }
    }
}

void gw_waf_read_json(gw_waf_scan *scan, const gw_waf_view *view, const gw_json_doc *doc)
{
    walk w = {scan, view, doc};
    value(&w, GW_JSON_ABSENT, 0, GW_PLACE_PLAIN, false);
}
