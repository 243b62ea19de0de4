/* Same format on both ends: messages with what the host does not take, or what is sealed of ours. */
/* Must not touch a message that needs nothing: it goes as it stands. */
#include "wire/openai_chat/mend.h"

#include "base/text.h"
#include "chat/seal.h"

/* What is to be done with a message, as bits. */
enum { DO_ROLE = 1, DO_JOIN = 2, DO_STRIP = 4, DO_BLOCKS = 8, DO_CALLS = 16, DO_ID = 32 };

static bool is_strip(const gw_json_doc *doc, gw_json_ref key)
{
    return gw_json_key_is(doc, key, "reasoning_content") ||
           gw_json_key_is(doc, key, "thinking_blocks") || gw_json_key_is(doc, key, "reasoning") ||
           gw_json_key_is(doc, key, "reasoning_details");
}

static bool is_sealed_id(const gw_oc_mending *m, gw_json_ref id, gw_jstr *bare)
{
    gw_sealed sealed;
    gw_jstr text = gw_jstr_of(m->doc, id);
    *bare = text;
    return gw_has(text) && gw_unseal_id(m->arena, text, bare, &sealed);
}

static gw_jstr slot_of(const gw_json_doc *doc, gw_json_ref block)
{
    if (gw_json_typeof(doc, block) != GW_JSON_OBJECT)
        return (gw_jstr){{NULL, 0}};
    gw_jstr data = gw_jstr_of(doc, gw_json_get(doc, block, "data"));
    return gw_has(data) ? data : gw_jstr_of(doc, gw_json_get(doc, block, "signature"));
}

static bool any_sealed(const gw_json_doc *doc, gw_json_ref blocks)
{
    if (gw_json_typeof(doc, blocks) != GW_JSON_ARRAY)
        return false;
    for (gw_json_ref r = gw_json_first(doc, blocks); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        if (gw_looks_sealed(slot_of(doc, r)))
            return true;
    }
    return false;
}

/* extra_content of a call goes from OpenAI, and from anybody if it is sealed. */
static bool drops_extra(const gw_oc_mending *m, gw_json_ref call)
{
    gw_json_ref extra = gw_json_get(m->doc, call, "extra_content");
    if (extra == GW_JSON_ABSENT)
        return false;
    return gw_oc_mends(m, GW_QUIRK_OPENAI) || gw_looks_sealed(gw_oc_call_signature(m->doc, call));
}

static bool call_needs(const gw_oc_mending *m, gw_json_ref call)
{
    gw_jstr bare;
    return gw_json_typeof(m->doc, call) == GW_JSON_OBJECT &&
           (drops_extra(m, call) || is_sealed_id(m, gw_json_get(m->doc, call, "id"), &bare));
}

static bool any_call_needs(const gw_oc_mending *m, gw_json_ref calls)
{
    if (gw_json_typeof(m->doc, calls) != GW_JSON_ARRAY)
        return false;
    for (gw_json_ref r = gw_json_first(m->doc, calls); r != GW_JSON_ABSENT;
         r = gw_json_next(m->doc, r)) {
        if (call_needs(m, r))
            return true;
    }
    return false;
}

static bool only_text(const gw_json_doc *doc, gw_json_ref content)
{
    if (gw_json_typeof(doc, content) != GW_JSON_ARRAY)
        return false;
    for (gw_json_ref r = gw_json_first(doc, content); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        if (gw_json_typeof(doc, r) != GW_JSON_OBJECT ||
            !gw_json_is(doc, gw_json_get(doc, r, "type"), "text") ||
            gw_json_typeof(doc, gw_json_get(doc, r, "text")) != GW_JSON_STRING)
            return false;
    }
    return true;
}

/* One walk over the keys of the message: most have two. */
static unsigned look(const gw_oc_mending *m, gw_json_ref message)
{
    const gw_json_doc *doc = m->doc;
    gw_jstr bare;
    unsigned todo = 0;
    if (gw_json_typeof(doc, message) != GW_JSON_OBJECT)
        return 0;
    for (gw_json_ref key = gw_json_first(doc, message); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        if (gw_json_key_is(doc, key, "role")) {
            if (gw_oc_mends(m, GW_QUIRK_NO_DEVELOPER) && gw_json_is(doc, value, "developer"))
                todo |= DO_ROLE;
        } else if (gw_json_key_is(doc, key, "content")) {
            if (gw_oc_mends(m, GW_QUIRK_TEXT_ONLY) && only_text(doc, value))
                todo |= DO_JOIN;
        } else if (gw_json_key_is(doc, key, "tool_calls")) {
            todo |= any_call_needs(m, value) ? DO_CALLS : 0;
        } else if (gw_json_key_is(doc, key, "tool_call_id")) {
            todo |= is_sealed_id(m, value, &bare) ? DO_ID : 0;
        } else if (gw_oc_mends(m, GW_QUIRK_OPENAI) && is_strip(doc, key)) {
            todo |= DO_STRIP;
        } else if (gw_json_key_is(doc, key, "thinking_blocks")) {
            todo |= any_sealed(doc, value) ? DO_BLOCKS : 0;
        }
    }
    return todo;
}

static void write_joined(gw_jw *w, const gw_json_doc *doc, gw_json_ref content)
{
    bool first = true;
    gw_jw_begin_string(w);
    for (gw_json_ref r = gw_json_first(doc, content); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        if (!first)
            gw_jw_part_inner(w, GW_S("\\n\\n"));
        first = false;
        gw_jw_part_inner(w, gw_json_inner(doc, gw_json_get(doc, r, "text")));
    }
    gw_jw_end_string(w);
}

static void write_calls(const gw_oc_mending *m, gw_jw *w, gw_json_ref calls)
{
    const gw_json_doc *doc = m->doc;
    gw_jw_array(w);
    for (gw_json_ref r = gw_json_first(doc, calls); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        if (!call_needs(m, r)) {
            gw_jw_raw(w, gw_json_raw(doc, r));
            continue;
        }
        bool drop = drops_extra(m, r);
        gw_jw_object(w);
        for (gw_json_ref key = gw_json_first(doc, r); key != GW_JSON_ABSENT;
             key = gw_json_next(doc, key)) {
            gw_jstr bare;
            if (drop && gw_json_key_is(doc, key, "extra_content"))
                continue;
            gw_jw_key_inner(w, gw_json_inner(doc, key));
            if (gw_json_key_is(doc, key, "id") && is_sealed_id(m, gw_json_value(doc, key), &bare))
                gw_jw_jstr(w, bare);
            else
                gw_jw_raw(w, gw_json_raw(doc, gw_json_value(doc, key)));
        }
        gw_jw_object_end(w);
    }
    gw_jw_array_end(w);
}

/* Without the sealed ones; no member at all where nothing stays. */
static void write_blocks(gw_jw *w, const gw_json_doc *doc, gw_json_ref key, gw_json_ref blocks)
{
    bool any = false;
    for (gw_json_ref r = gw_json_first(doc, blocks); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        if (gw_looks_sealed(slot_of(doc, r)))
            continue;
        if (!any) {
            gw_jw_key_inner(w, gw_json_inner(doc, key));
            gw_jw_array(w);
        }
        any = true;
        gw_jw_raw(w, gw_json_raw(doc, r));
    }
    if (any)
        gw_jw_array_end(w);
}

static void write_message(const gw_oc_mending *m, gw_jw *w, gw_json_ref message, unsigned todo)
{
    const gw_json_doc *doc = m->doc;
    gw_jstr bare;
    gw_jw_object(w);
    for (gw_json_ref key = gw_json_first(doc, message); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        if ((todo & DO_STRIP) != 0 && is_strip(doc, key))
            continue;
        if ((todo & DO_BLOCKS) != 0 && gw_json_key_is(doc, key, "thinking_blocks")) {
            write_blocks(w, doc, key, value);
            continue;
        }
        gw_jw_key_inner(w, gw_json_inner(doc, key));
        if ((todo & DO_ROLE) != 0 && gw_json_key_is(doc, key, "role"))
            gw_jw_str(w, "system");
        else if ((todo & DO_JOIN) != 0 && gw_json_key_is(doc, key, "content"))
            write_joined(w, doc, value);
        else if ((todo & DO_CALLS) != 0 && gw_json_key_is(doc, key, "tool_calls"))
            write_calls(m, w, value);
        else if ((todo & DO_ID) != 0 && gw_json_key_is(doc, key, "tool_call_id") &&
                 is_sealed_id(m, value, &bare))
            gw_jw_jstr(w, bare);
        else
            gw_jw_raw(w, gw_json_raw(doc, value));
    }
    gw_jw_object_end(w);
}

int gw_oc_mend_messages(gw_oc_mending *m)
{
    const gw_json_doc *doc = m->doc;
    gw_json_ref messages = gw_json_get(doc, 0, "messages");
    unsigned todo = 0;
    if (gw_json_typeof(doc, messages) != GW_JSON_ARRAY)
        return AIGW_OK;
    for (gw_json_ref r = gw_json_first(doc, messages); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r))
        todo |= look(m, r);
    if (todo == 0 && !m->schema_in_words)
        return AIGW_OK;
    gw_buf buf;
    gw_buf_init(&buf, gw_json_raw(doc, messages).len + 6 * m->schema.json.len + 512);
    gw_jw w = gw_jw_on(&buf);
    gw_jw_array(&w);
    if (m->schema_in_words) {
        gw_jw_object(&w);
        gw_jw_key(&w, "role");
        gw_jw_str(&w, "system");
        gw_jw_key(&w, "content");
        gw_oc_write_schema_words(&w, m->schema);
        gw_jw_object_end(&w);
    }
    for (gw_json_ref r = gw_json_first(doc, messages); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        unsigned here = look(m, r);
        if (here == 0)
            gw_jw_raw(&w, gw_json_raw(doc, r));
        else
            write_message(m, &w, r, here);
    }
    gw_jw_array_end(&w);
    return gw_oc_mend_keep(m, "messages", &buf);
}
