/* One guard over texts, JSON values and request bodies; what is not changed stays byte for byte.
 * Must not know an exchange. */
#include "gateway/guard/run.h"

#include "base/text.h"

int gw_guard_pass_begin(gw_guard_reading *p, const aigw_guard *guard, gw_arena *arena, size_t max)
{
    *p = (gw_guard_reading){.arena = arena};
    gw_buf_init(&p->scratch, max);
    return aigw_guard_stream_new(guard, AIGW_GUARD_JSON, &p->stream, NULL);
}

aigw_guard_action gw_guard_pass_end(gw_guard_reading *p)
{
    aigw_guard_action action =
        p->stream ? aigw_guard_stream_verdict(p->stream)->action : AIGW_GUARD_NONE;
    aigw_guard_stream_free(p->stream);
    gw_buf_free(&p->scratch);
    p->stream = NULL;
    return action;
}

int gw_guard_pass_text(gw_guard_reading *p, aigw_slice inner, gw_buf *out)
{
    aigw_slice given = {NULL, 0};
    size_t before = gw_buf_len(out);
    int rc = aigw_guard_stream_feed(p->stream, inner, &given, NULL);
    if (rc == AIGW_OK || rc == AIGW_E_DENIED)
        gw_buf_add(out, given);
    if (rc == AIGW_OK) {
        rc = aigw_guard_stream_end(p->stream, &given, NULL);
        if (rc == AIGW_OK || rc == AIGW_E_DENIED)
            gw_buf_add(out, given);
    }
    if (out->failed)
        return AIGW_E_NOMEM;
    if (rc == AIGW_OK)
        p->changed = p->changed || !gw_eq(gw_skip(gw_buf_slice(out), before), inner);
    return rc;
}

/* ---- rewriting a document: gaps as they stood, texts as they may go on ---- */

typedef struct rewriting {
    gw_guard_reading *pass;
    size_t at; /* everything before it is in out */
    gw_buf *out;
    bool changed;
} rewriting;

static int apply(gw_guard_reading *p, aigw_slice text, gw_text_kind kind, gw_buf *into)
{
    if (kind == GW_TEXT_NESTED)
        return gw_guard_pass_nested(p, text, into);
    int rc = gw_guard_pass_text(p, text, into);
    if (rc != AIGW_OK || kind != GW_TEXT_NUMBER || gw_eq(gw_buf_slice(into), text))
        return rc;
    /* A number of which a part is masked is one no more: a string. */
    aigw_slice masked = gw_arena_copy(p->arena, gw_buf_slice(into));
    gw_buf_clear(into);
    gw_buf_putc(into, '"');
    gw_buf_add(into, masked);
    gw_buf_putc(into, '"');
    return masked.data && !into->failed ? AIGW_OK : AIGW_E_NOMEM;
}

static int on_text(void *user, const gw_json_doc *doc, gw_json_ref at, gw_text_kind kind)
{
    rewriting *r = user;
    aigw_slice text = kind == GW_TEXT_NUMBER ? gw_json_raw(doc, at) : gw_json_inner(doc, at);
    size_t start = (size_t)(text.data - doc->text.data);
    gw_buf into;
    if (text.len == 0)
        return AIGW_OK;
    /* Texts do not lie within each other, but the arguments of a call are gone over with a buffer of their own. */
    into = r->pass->scratch;
    gw_buf_init(&r->pass->scratch, into.max);
    gw_buf_clear(&into);
    int rc = apply(r->pass, text, kind, &into);
    if (rc == AIGW_OK && kind != GW_TEXT_FIXED && !gw_eq(gw_buf_slice(&into), text)) {
        gw_buf_add(r->out, gw_slice(doc->text.data + r->at, start - r->at));
        gw_buf_add(r->out, gw_buf_slice(&into));
        r->at = start + text.len;
        r->changed = true;
        rc = r->out->failed ? AIGW_E_NOMEM : AIGW_OK;
    }
    gw_buf_free(&r->pass->scratch);
    r->pass->scratch = into;
    return rc;
}

static int finish(rewriting *r, const gw_json_doc *doc, bool whole)
{
    r->pass->changed = r->changed;
    if (r->changed || whole)
        gw_buf_add(r->out, gw_skip(doc->text, r->at));
    return r->out->failed ? AIGW_E_NOMEM : AIGW_OK;
}

int gw_guard_pass_body(gw_guard_reading *p, const gw_json_doc *doc, aigw_waf_route route,
                       gw_buf *out)
{
    rewriting r = {.pass = p, .out = out};
    int rc = gw_waf_texts(doc, route, on_text, &r);
    return rc == AIGW_OK ? finish(&r, doc, false) : rc;
}

int gw_guard_pass_value(gw_guard_reading *p, aigw_slice json, gw_buf *out)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    rewriting r = {.pass = p, .out = out};
    gw_json_doc doc;
    int rc = gw_json_parse(p->arena, json, &lenient, &doc, NULL);
    if (rc != AIGW_OK)
        return rc == AIGW_E_NOMEM ? rc : AIGW_E_PARSE;
    rc = gw_waf_value_texts(&doc, on_text, &r);
    return rc == AIGW_OK ? finish(&r, &doc, true) : rc;
}

int gw_guard_pass_nested(gw_guard_reading *p, aigw_slice inner, gw_buf *out)
{
    gw_buf value;
    aigw_slice plain = gw_json_unescape(p->arena, inner);
    if (!plain.data)
        return AIGW_E_NOMEM;
    aigw_slice trimmed = gw_trim(plain);
    if (!gw_starts(trimmed, GW_S("{")) && !gw_starts(trimmed, GW_S("[")))
        return gw_guard_pass_text(p, inner, out);
    gw_buf_init(&value, p->scratch.max);
    int rc = gw_guard_pass_value(p, plain, &value);
    if (rc == AIGW_OK && p->changed)
        gw_json_escape(out, gw_buf_slice(&value));
    else if (rc == AIGW_OK)
        gw_buf_add(out, inner);
    gw_buf_free(&value);
    if (rc == AIGW_E_PARSE) /* cut off, or never JSON: a text like others */
        return gw_guard_pass_text(p, inner, out);
    return rc == AIGW_OK && out->failed ? AIGW_E_NOMEM : rc;
}
