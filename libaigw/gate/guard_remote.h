/*
 * Guardrails that others decide: a webhook, OpenAI's moderation, Bedrock's ApplyGuardrail. The bodies only:
 * what is asked and what an answer means.
 *
 * Pure. Texts are the insides of JSON strings, as they stand in requests and answers. Who asks, how long it
 * waits and over what is not known here; what a failure means is said by the caller's policy.
 */
#ifndef GW_GATE_GUARD_REMOTE_H
#define GW_GATE_GUARD_REMOTE_H

#include "base/buf.h"
#include "base/mem.h"
#include <aigw/error.h>

typedef enum gw_remote_word { GW_REMOTE_PASS = 0, GW_REMOTE_MASK, GW_REMOTE_REJECT } gw_remote_word;

typedef struct gw_remote_question {
    bool answer;                          /* the texts are a model's answer; else a prompt */
    aigw_slice request_id, client, model; /* plain UTF-8; webhook only; "" is left out */
    const aigw_slice *texts;              /* insides of JSON strings */
    size_t text_count;
} gw_remote_question;

typedef struct gw_remote_verdict {
    gw_remote_word word;
    const aigw_slice *texts; /* MASK: as many as were asked about; insides of JSON strings */
    size_t text_count;
    aigw_slice reason; /* REJECT: the inside of a JSON string, at most 200 bytes; or "" */
    bool failed;       /* the word is the policy's: there was no answer, or none that is one */
} gw_remote_verdict;

/* What a question that got no sound answer means. */
typedef enum gw_remote_policy { GW_REMOTE_FAIL_CLOSED = 0, GW_REMOTE_FAIL_OPEN } gw_remote_policy;

/*
 * Readers: slices of the verdict lie in the body and the arena. AIGW_E_UPSTREAM with a reason: "guard_status" (not
 * 200), "guard_json" (no JSON object), "guard_answer" (JSON that does not follow the contract). AIGW_E_NOMEM.
 */

/*
 * Our webhook: POST of {"version":1,"stage":"prompt"|"answer","request_id":...,"client":...,"model":...,
 * "texts":[...]}. Answers 200 with {"verdict":"pass"}, {"verdict":"mask","texts":[...]} with as many texts, or
 * {"verdict":"reject","reason":"..."} (reason optional). No other members.
 */
void gw_webhook_write(gw_buf *out, const gw_remote_question *q);
int gw_webhook_read(gw_arena *arena, int status, aigw_slice body, size_t text_count,
                    gw_remote_verdict *out, aigw_error *err);

/* A score from which on a category rejects. */
typedef struct gw_moderation_limit {
    const char *category; /* "violence/graphic" */
    double score;
} gw_moderation_limit;

/* POST /v1/moderations. Without limits `flagged` rejects; with them only they do. The reason is the first
 * category, in the answer's order. A limit for a category that the answer lacks is "guard_answer". */
void gw_moderation_write(gw_buf *out, aigw_slice model, const gw_remote_question *q);
int gw_moderation_read(gw_arena *arena, int status, aigw_slice body, size_t text_count,
                       const gw_moderation_limit *limits, size_t limit_count,
                       gw_remote_verdict *out, aigw_error *err);

/*
 * POST /guardrail/{id}/version/{version}/apply of bedrock-runtime (to be signed). GUARDRAIL_INTERVENED rejects, unless
 * all that its assessments did is ANONYMIZED and there are as many outputs as texts: MASK. An action that is not
 * known counts as BLOCKED. The reason of a rejection is the first output.
 */
bool gw_apply_guardrail_path(gw_buf *out, aigw_slice id,
                             aigw_slice version); /* false: no such names */
void gw_apply_guardrail_write(gw_buf *out, const gw_remote_question *q);
int gw_apply_guardrail_read(gw_arena *arena, int status, aigw_slice body, size_t text_count,
                            gw_remote_verdict *out, aigw_error *err);

/* For the readers: a 200 that is a JSON object (*doc), or the failure. */
struct gw_json_doc;
int gw_remote_object(gw_arena *arena, int status, aigw_slice body, struct gw_json_doc *doc,
                     aigw_error *err);
int gw_remote_odd(aigw_error *err, const char *what); /* "guard_answer" */
/* The verdict of a code: AIGW_OK leaves *verdict; anything else (a timeout, a failed connection, an answer
 * that is none) becomes what the policy says. */
void gw_remote_settle(int code, gw_remote_policy policy, gw_remote_verdict *verdict);

#endif
