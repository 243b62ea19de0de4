/* Bedrock's ApplyGuardrail: the path, the question, and what its answer means. */
/* Must not know how it is reached and signed, nor what is done with the verdict. */
#include "gate/guard_remote.h"

#include "base/error.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/text.h"

#define REASON_MAX     200u
#define NAME_MAX_BYTES 2048u

/* The characters of identifiers and ARNs; ":" and "/" are escaped, since a signature is over the path. */
static bool put_name(gw_buf *out, aigw_slice name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-';
        if (plain)
            gw_buf_putc(out, c);
        else if (c == ':' || c == '/')
            gw_buf_puts(out, c == ':' ? "%3A" : "%2F");
        else
            return false;
    }
    return true;
}

bool gw_apply_guardrail_path(gw_buf *out, aigw_slice id, aigw_slice version)
{
    size_t before = gw_buf_len(out);
    gw_buf_puts(out, "/guardrail/");
    bool good = put_name(out, id) && gw_buf_puts(out, "/version/") && put_name(out, version) &&
                gw_buf_puts(out, "/apply");
    if (!good)
        gw_buf_truncate(out, before);
    return good;
}

void gw_apply_guardrail_write(gw_buf *out, const gw_remote_question *q)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "source");
    gw_jw_str(&w, q->answer ? "OUTPUT" : "INPUT");
    gw_jw_key(&w, "content");
    gw_jw_array(&w);
    for (size_t i = 0; i < q->text_count; i++) {
        gw_jw_object(&w);
        gw_jw_key(&w, "text");
        gw_jw_object(&w);
        gw_jw_key(&w, "text");
        gw_jw_inner(&w, q->texts[i]);
        gw_jw_object_end(&w);
        gw_jw_object_end(&w);
    }
    gw_jw_array_end(&w);
    gw_jw_object_end(&w);
}

/* What the assessments did. */
typedef struct deeds {
    bool masked, blocked;
} deeds;

/* One list of a policy: each item says what was done about it. */
static void read_items(const gw_json_doc *doc, gw_json_ref list, deeds *out)
{
    if (gw_json_typeof(doc, list) != GW_JSON_ARRAY)
        return;
    for (gw_json_ref r = gw_json_first(doc, list); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        gw_json_ref action = gw_json_typeof(doc, r) == GW_JSON_OBJECT
                                 ? gw_json_get(doc, r, "action")
                                 : GW_JSON_ABSENT;
        if (action == GW_JSON_ABSENT || gw_json_is(doc, action, "NONE"))
            continue;
        if (gw_json_is(doc, action, "ANONYMIZED"))
            out->masked = true;
        else
            out->blocked = true;
    }
}

/* An assessment is an object of policies, a policy one of lists. */
static void read_assessment(const gw_json_doc *doc, gw_json_ref assessment, deeds *out)
{
    if (gw_json_typeof(doc, assessment) != GW_JSON_OBJECT)
        return;
    for (gw_json_ref p = gw_json_first(doc, assessment); p != GW_JSON_ABSENT;
         p = gw_json_next(doc, p)) {
        gw_json_ref policy = gw_json_value(doc, p);
        if (gw_json_typeof(doc, policy) != GW_JSON_OBJECT)
            continue;
        for (gw_json_ref l = gw_json_first(doc, policy); l != GW_JSON_ABSENT;
             l = gw_json_next(doc, l))
            read_items(doc, gw_json_value(doc, l), out);
    }
}

/* The text of outputs[i]; data NULL if there is none. */
static aigw_slice output_text(const gw_json_doc *doc, gw_json_ref output)
{
    if (gw_json_typeof(doc, output) != GW_JSON_OBJECT)
        return gw_slice(NULL, 0);
    gw_json_ref text = gw_json_get(doc, output, "text");
    return gw_json_typeof(doc, text) == GW_JSON_STRING ? gw_json_inner(doc, text)
                                                       : gw_slice(NULL, 0);
}

static int read_masked(gw_arena *arena, const gw_json_doc *doc, gw_json_ref outputs, size_t count,
                       gw_remote_verdict *out, aigw_error *err)
{
    size_t n = 0;
    aigw_slice *texts = gw_arena_calloc(arena, count + 1, sizeof *texts);
    if (!texts)
        return gw_fail_nomem(err);
    for (gw_json_ref r = gw_json_first(doc, outputs); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        texts[n] = output_text(doc, r);
        if (!texts[n++].data)
            return gw_remote_odd(err, "an output without text");
    }
    *out = (gw_remote_verdict){.word = GW_REMOTE_MASK, .texts = texts, .text_count = count};
    return AIGW_OK;
}

int gw_apply_guardrail_read(gw_arena *arena, int status, aigw_slice body, size_t text_count,
                            gw_remote_verdict *out, aigw_error *err)
{
    gw_json_doc doc;
    deeds done = {false, false};
    int code = gw_remote_object(arena, status, body, &doc, err);
    if (code != AIGW_OK)
        return code;
    gw_json_ref action = gw_json_get(&doc, 0, "action"), outputs = gw_json_get(&doc, 0, "outputs");
    gw_json_ref assessments = gw_json_get(&doc, 0, "assessments");
    if (gw_json_is(&doc, action, "NONE")) {
        *out = (gw_remote_verdict){.word = GW_REMOTE_PASS};
        return AIGW_OK;
    }
    if (!gw_json_is(&doc, action, "GUARDRAIL_INTERVENED"))
        return gw_remote_odd(err, "the action is not known");
    if (gw_json_typeof(&doc, assessments) == GW_JSON_ARRAY) {
        for (gw_json_ref r = gw_json_first(&doc, assessments); r != GW_JSON_ABSENT;
             r = gw_json_next(&doc, r))
            read_assessment(&doc, r, &done);
    }
    bool listed = gw_json_typeof(&doc, outputs) == GW_JSON_ARRAY;
    if (done.masked && !done.blocked && listed && gw_json_count(&doc, outputs) == text_count)
        return read_masked(arena, &doc, outputs, text_count, out, err);
    aigw_slice reason =
        listed ? output_text(&doc, gw_json_at(&doc, outputs, 0)) : gw_slice(NULL, 0);
    if (!reason.data || reason.len > REASON_MAX)
        reason = GW_S("");
    *out = (gw_remote_verdict){.word = GW_REMOTE_REJECT, .reason = reason};
    return AIGW_OK;
}
