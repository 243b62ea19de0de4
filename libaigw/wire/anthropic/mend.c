/*
 * A Messages request on its way to the same format: thinking blocks without a signature, or with a sealed
 * one, are ours, made from what a provider of another format thought; so are citations without an index.
 * The API refuses them, so they are left out. Knows nothing of what else a request says.
 */
#include "wire/anthropic/anthropic.h"

/* Thinking that this API did not sign. */
static bool is_foreign(const gw_json_doc *doc, gw_json_ref block)
{
    if (gw_json_typeof(doc, block) != GW_JSON_OBJECT) {
        return false;
    }
    gw_json_ref type = gw_json_get(doc, block, "type");
    if (gw_json_is(doc, type, "redacted_thinking")) {
        return gw_looks_sealed(gw_jstr_of(doc, gw_json_get(doc, block, "data")));
    }
    if (!gw_json_is(doc, type, "thinking")) {
        return false;
    }
    gw_json_ref signature = gw_json_get(doc, block, "signature");
    return gw_json_is_null(doc, signature) || gw_json_is(doc, signature, "") ||
           gw_looks_sealed(gw_jstr_of(doc, signature));
}

/* A text whose citations we made of another provider's: a search of this one has an index. */
static bool is_cited_by_us(const gw_json_doc *doc, gw_json_ref block)
{
    gw_json_ref citations = GW_JSON_ABSENT;
    if (gw_json_typeof(doc, block) == GW_JSON_OBJECT) {
        citations = gw_json_get(doc, block, "citations");
    }
    if (gw_json_typeof(doc, citations) != GW_JSON_ARRAY) {
        return false;
    }
    for (gw_json_ref r = gw_json_first(doc, citations); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        if (gw_json_typeof(doc, r) == GW_JSON_OBJECT &&
            gw_json_is(doc, gw_json_get(doc, r, "encrypted_index"), "")) {
            return true;
        }
    }
    return false;
}

/* The blocks of an assistant's turn; ABSENT for any other message. */
static gw_json_ref blocks_of(const gw_json_doc *doc, gw_json_ref message)
{
    if (gw_json_typeof(doc, message) != GW_JSON_OBJECT ||
        !gw_json_is(doc, gw_json_get(doc, message, "role"), "assistant")) {
        return GW_JSON_ABSENT;
    }
    gw_json_ref content = gw_json_get(doc, message, "content");
    return gw_json_typeof(doc, content) == GW_JSON_ARRAY ? content : GW_JSON_ABSENT;
}

/* How many blocks go, and how many are written otherwise. */
typedef struct mends {
    size_t gone, changed;
} mends;

static mends count_mends(const gw_json_doc *doc, gw_json_ref message)
{
    mends n = {0, 0};
    gw_json_ref blocks = blocks_of(doc, message);
    for (gw_json_ref r = gw_json_first(doc, blocks); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        n.gone += is_foreign(doc, r);
        n.changed += is_cited_by_us(doc, r);
    }
    return n;
}

static void write_uncited(gw_jw *w, const gw_json_doc *doc, gw_json_ref block)
{
    gw_jw_object(w);
    for (gw_json_ref key = gw_json_first(doc, block); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        if (!gw_json_key_is(doc, key, "citations")) {
            gw_jw_key_inner(w, gw_json_inner(doc, key));
            gw_jw_raw(w, gw_json_raw(doc, gw_json_value(doc, key)));
        }
    }
    gw_jw_object_end(w);
}

static void write_signed(gw_jw *w, const gw_json_doc *doc, gw_json_ref message)
{
    gw_json_ref blocks = blocks_of(doc, message);
    gw_jw_object(w);
    for (gw_json_ref key = gw_json_first(doc, message); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        gw_jw_key_inner(w, gw_json_inner(doc, key));
        if (value != blocks) {
            gw_jw_raw(w, gw_json_raw(doc, value));
            continue;
        }
        gw_jw_array(w);
        for (gw_json_ref r = gw_json_first(doc, blocks); r != GW_JSON_ABSENT;
             r = gw_json_next(doc, r)) {
            if (is_foreign(doc, r)) {
                continue;
            }
            if (is_cited_by_us(doc, r)) {
                write_uncited(w, doc, r);
            } else {
                gw_jw_raw(w, gw_json_raw(doc, r));
            }
        }
        gw_jw_array_end(w);
    }
    gw_jw_object_end(w);
}

/* A turn of nothing else goes as a whole: the API merges its neighbours. */
static int write_messages(gw_arena *arena, const gw_json_doc *doc, gw_json_ref messages,
                          aigw_slice *out)
{
    gw_buf buf;
    gw_buf_init(&buf, gw_json_raw(doc, messages).len + 2);
    gw_jw w = gw_jw_on(&buf);
    gw_jw_array(&w);
    for (gw_json_ref m = gw_json_first(doc, messages); m != GW_JSON_ABSENT;
         m = gw_json_next(doc, m)) {
        mends n = count_mends(doc, m);
        if (n.gone + n.changed == 0) {
            gw_jw_raw(&w, gw_json_raw(doc, m));
        } else if (n.gone < gw_json_count(doc, blocks_of(doc, m))) {
            write_signed(&w, doc, m);
        }
    }
    gw_jw_array_end(&w);
    if (!buf.failed) {
        *out = gw_arena_copy(arena, gw_buf_slice(&buf));
    }
    int rc = buf.failed || out->data == NULL ? AIGW_E_NOMEM : AIGW_OK;
    gw_buf_free(&buf);
    return rc;
}

static bool holds_results(const gw_json_doc *doc, gw_json_ref message)
{
    gw_json_ref content = GW_JSON_ABSENT;
    if (gw_json_typeof(doc, message) == GW_JSON_OBJECT) {
        content = gw_json_get(doc, message, "content");
    }
    if (gw_json_typeof(doc, content) != GW_JSON_ARRAY) {
        return false;
    }
    for (gw_json_ref r = gw_json_first(doc, content); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        if (gw_json_typeof(doc, r) == GW_JSON_OBJECT &&
            gw_json_is(doc, gw_json_get(doc, r, "type"), "tool_result")) {
            return true;
        }
    }
    return false;
}

/* In a tool loop "enabled" thinking must go on from signed thinking: without it there is none. */
static bool must_not_think(const gw_json_doc *doc, gw_json_ref last)
{
    gw_json_ref answer = gw_json_next(doc, last);
    gw_json_ref thinking = gw_json_get(doc, 0, "thinking");
    if (gw_json_typeof(doc, thinking) != GW_JSON_OBJECT ||
        !gw_json_is(doc, gw_json_get(doc, thinking, "type"), "enabled") ||
        count_mends(doc, last).gone == 0 || !holds_results(doc, answer)) {
        return false;
    }
    bool call = false;
    for (gw_json_ref r = gw_json_first(doc, blocks_of(doc, last)); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        gw_json_ref type = GW_JSON_ABSENT;
        if (gw_json_typeof(doc, r) == GW_JSON_OBJECT) {
            type = gw_json_get(doc, r, "type");
        }
        call = call || gw_json_is(doc, type, "tool_use");
        bool thought =
            gw_json_is(doc, type, "redacted_thinking") || gw_json_is(doc, type, "thinking");
        if (thought && !is_foreign(doc, r)) {
            return false;
        }
    }
    return call;
}

int gw_anthropic_mend_request(gw_arena *arena, const gw_json_doc *doc,
                              const gw_write_options *options, gw_patch out[GW_MEND_MAX],
                              size_t *count)
{
    gw_json_ref messages = GW_JSON_ABSENT, last = GW_JSON_ABSENT;
    size_t found = 0;
    (void)options;
    if (gw_json_typeof(doc, 0) == GW_JSON_OBJECT) {
        messages = gw_json_get(doc, 0, "messages");
    }
    if (gw_json_typeof(doc, messages) != GW_JSON_ARRAY) {
        return AIGW_OK;
    }
    for (gw_json_ref m = gw_json_first(doc, messages); m != GW_JSON_ABSENT;
         m = gw_json_next(doc, m)) {
        mends n = count_mends(doc, m);
        found += n.gone + n.changed;
        last = blocks_of(doc, m) != GW_JSON_ABSENT ? m : last;
    }
    if (found == 0) {
        return AIGW_OK;
    }
    aigw_slice value = {NULL, 0};
    int rc = write_messages(arena, doc, messages, &value);
    if (rc != AIGW_OK) {
        return rc;
    }
    out[(*count)++] = (gw_patch){.member = "messages", .value = value};
    if (must_not_think(doc, last)) {
        out[(*count)++] =
            (gw_patch){.member = "thinking", .value = GW_S("{\"type\":\"disabled\"}")};
    }
    return AIGW_OK;
}
