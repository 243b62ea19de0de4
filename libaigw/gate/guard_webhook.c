/* The webhook's question and answer, and what the three remote guardrails share. */
/* Must not know how they are reached, nor what is done with the verdict. */
#include "gate/guard_remote.h"

#include "base/error.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/text.h"

#define REASON_MAX 200u

int gw_remote_odd(aigw_error *err, const char *what)
{
    return gw_fail(err, AIGW_E_UPSTREAM, "guard_answer", "the guardrail's answer: %s", what);
}

int gw_remote_object(gw_arena *arena, int status, aigw_slice body, gw_json_doc *doc,
                     aigw_error *err)
{
    if (status != 200)
        return gw_fail(err, AIGW_E_UPSTREAM, "guard_status", "the guardrail answered %d", status);
    int code = gw_json_parse(arena, body, NULL, doc, NULL);
    if (code == AIGW_E_NOMEM)
        return gw_fail_nomem(err);
    if (code != AIGW_OK || gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return gw_fail(err, AIGW_E_UPSTREAM, "guard_json",
                       "the guardrail's answer is no JSON object");
    return AIGW_OK;
}

void gw_remote_settle(int code, gw_remote_policy policy, gw_remote_verdict *verdict)
{
    if (code == AIGW_OK)
        return;
    *verdict = (gw_remote_verdict){
        .word = policy == GW_REMOTE_FAIL_OPEN ? GW_REMOTE_PASS : GW_REMOTE_REJECT, .failed = true};
}

static void write_named(gw_jw *w, const char *name, aigw_slice text)
{
    if (text.len == 0)
        return;
    gw_jw_key(w, name);
    gw_jw_text(w, text);
}

void gw_webhook_write(gw_buf *out, const gw_remote_question *q)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "version");
    gw_jw_int(&w, 1);
    gw_jw_key(&w, "stage");
    gw_jw_str(&w, q->answer ? "answer" : "prompt");
    write_named(&w, "request_id", q->request_id);
    write_named(&w, "client", q->client);
    write_named(&w, "model", q->model);
    gw_jw_key(&w, "texts");
    gw_jw_array(&w);
    for (size_t i = 0; i < q->text_count; i++)
        gw_jw_inner(&w, q->texts[i]);
    gw_jw_array_end(&w);
    gw_jw_object_end(&w);
}

/* The masked texts: strings, as many as were asked about. */
static int read_texts(gw_arena *arena, const gw_json_doc *doc, gw_json_ref list, size_t count,
                      gw_remote_verdict *out, aigw_error *err)
{
    if (gw_json_typeof(doc, list) != GW_JSON_ARRAY || gw_json_count(doc, list) != count)
        return gw_remote_odd(err, "not as many texts as were sent");
    aigw_slice *texts = gw_arena_calloc(arena, count + 1, sizeof *texts);
    if (!texts)
        return gw_fail_nomem(err);
    size_t n = 0;
    for (gw_json_ref r = gw_json_first(doc, list); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        texts[n] = gw_json_inner(doc, r);
        if (!texts[n++].data)
            return gw_remote_odd(err, "a text is no string");
    }
    *out = (gw_remote_verdict){.word = GW_REMOTE_MASK, .texts = texts, .text_count = count};
    return AIGW_OK;
}

static int read_reason(const gw_json_doc *doc, gw_json_ref ref, gw_remote_verdict *out,
                       aigw_error *err)
{
    aigw_slice reason = {"", 0};
    if (ref != GW_JSON_ABSENT)
        reason = gw_json_inner(doc, ref);
    if (!reason.data || reason.len > REASON_MAX)
        return gw_remote_odd(err, "the reason is no short string");
    *out = (gw_remote_verdict){.word = GW_REMOTE_REJECT, .reason = reason};
    return AIGW_OK;
}

int gw_webhook_read(gw_arena *arena, int status, aigw_slice body, size_t text_count,
                    gw_remote_verdict *out, aigw_error *err)
{
    gw_json_doc doc;
    int code = gw_remote_object(arena, status, body, &doc, err);
    if (code != AIGW_OK)
        return code;
    gw_json_ref verdict = gw_json_get(&doc, 0, "verdict"), texts = gw_json_get(&doc, 0, "texts");
    gw_json_ref reason = gw_json_get(&doc, 0, "reason");
    uint32_t known =
        (verdict != GW_JSON_ABSENT) + (texts != GW_JSON_ABSENT) + (reason != GW_JSON_ABSENT);
    if (known != gw_json_count(&doc, 0))
        return gw_remote_odd(err, "it has an unknown member");
    bool mask = gw_json_is(&doc, verdict, "mask"), reject = gw_json_is(&doc, verdict, "reject");
    if ((texts != GW_JSON_ABSENT) != mask || (reason != GW_JSON_ABSENT && !reject))
        return gw_remote_odd(err, "texts belong to mask, a reason to reject");
    if (mask)
        return read_texts(arena, &doc, texts, text_count, out, err);
    if (reject)
        return read_reason(&doc, reason, out, err);
    if (!gw_json_is(&doc, verdict, "pass"))
        return gw_remote_odd(err, "the verdict is not pass, mask or reject");
    *out = (gw_remote_verdict){.word = GW_REMOTE_PASS};
    return AIGW_OK;
}
