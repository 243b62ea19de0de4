/* How many tokens a call will use, before it is sent, and how many it has used.
 * Must not know limits. */
#include "base/text.h"
#include "chat/estimate.h"
#include "gateway/pass.h"
#include "wire/anthropic/anthropic.h"

#define BYTES_A_TOKEN 4 /* of a list of token numbers, commas and all: rather too many */

/* -- before -- */

static int64_t embed_tokens(const gw_embed_request *r)
{
    int64_t tokens = 0;
    for (size_t i = 0; i < r->input_count; i++) {
        const gw_embed_input *in = &r->inputs[i];
        tokens += gw_has(in->text) ? gw_estimate_text(in->text.inner)
                                   : (int64_t)(in->tokens.json.len / BYTES_A_TOKEN) + 1;
    }
    return tokens;
}

/* The first of these numbers that a body says, whose vendor may know better than we how to read the rest of it. */
static int64_t said(const aigw_exchange *x, const char *const (*names)[2], size_t count)
{
    int64_t n;
    for (size_t i = 0; i < count; i++) {
        gw_json_ref in = names[i][0] ? gw_json_get(&x->doc, 0, names[i][0]) : 0;
        if (in != GW_JSON_ABSENT &&
            gw_json_i64(&x->doc, gw_json_get(&x->doc, in, names[i][1]), &n) && n >= 0)
            return n;
    }
    return -1;
}

static int64_t said_maximum(const aigw_exchange *x)
{
    static const char *const names[][2] = {{NULL, "max_completion_tokens"},
                                           {NULL, "max_output_tokens"},
                                           {NULL, "max_tokens"},
                                           {"generationConfig", "maxOutputTokens"},
                                           {"generation_config", "max_output_tokens"},
                                           {"inferenceConfig", "maxTokens"}};
    return x->read ? x->request.max_tokens : said(x, names, sizeof names / sizeof *names);
}

static int64_t said_answers(const aigw_exchange *x)
{
    static const char *const names[][2] = {{NULL, "n"},
                                           {"generationConfig", "candidateCount"},
                                           {"generation_config", "candidate_count"}};
    int64_t n = x->read ? x->request.n : said(x, names, sizeof names / sizeof *names);
    return n > 1 ? n : 1;
}

/* The maximum that we put in ourselves for this target; 0: none. */
static int64_t our_maximum(const aigw_exchange *x, const gw_route_target *target)
{
    const gw_upstream *up = &x->live->config->upstreams[target->provider];
    aigw_slice model = target->model.len ? target->model : x->model;
    const gw_call call = {.op = x->op, .model = model, .stream = x->stream};
    aigw_format format =
        gw_provider_format(up->provider, &up->site, up->formats, x->endpoint->format, &call);
    if (format != AIGW_FORMAT_ANTHROPIC || format == x->endpoint->format)
        return 0;
    return gw_anthropic_default_max_tokens(up->default_max_tokens, model);
}

static int64_t output_tokens(const aigw_exchange *x, int64_t assume)
{
    int64_t most = said_maximum(x), answers = said_answers(x);
    for (size_t i = 0; most < 0 && i < x->target_count; i++) {
        int64_t ours = our_maximum(x, &x->targets[i]);
        assume = ours > assume ? ours : assume;
    }
    most = most < 0 ? assume : most;
    if (most > AIGW_LIMIT_MAX_UNITS || answers > AIGW_LIMIT_MAX_UNITS / (most + 1))
        return AIGW_LIMIT_MAX_UNITS;
    return most * answers;
}

int64_t gw_quota_estimate(const aigw_exchange *x, int64_t assume)
{
    int64_t n = 1; /* of a pass-through: nobody knows, but who has none left must not pass */
    if (x->op == GW_OP_EMBED && x->embed)
        n = embed_tokens(x->embed);
    else if (!x->pass)
        n = (x->read ? gw_estimate_tokens(&x->request) : gw_estimate_text(x->body)) +
            output_tokens(x, assume);
    return n < 1 ? 1 : n > AIGW_LIMIT_MAX_UNITS ? AIGW_LIMIT_MAX_UNITS : n;
}

/* -- after -- */

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

static int64_t at_least(int64_t n, int64_t reserved)
{
    return n > reserved ? n : -1;
}

/* An upstream has it, or had, and nobody said that it was refused. */
static bool may_have_run(const aigw_exchange *x)
{
    if (x->quota.unsure || x->phase == GW_X_FAILED)
        return x->tries > 0;
    return x->phase == GW_X_TRYING && (x->attempt.transfer || x->status);
}

int64_t gw_quota_used(const aigw_exchange *x, int64_t reserved)
{
    int64_t in = x->usage.input_tokens, out = x->usage.output_tokens;
    int64_t sum = known(in) + known(out);
    if (x->phase == GW_X_DONE && x->status < 400 && x->tries > 0) {
        /* Of a stream that a guardrail cut, the provider has said the beginning of its usage at most. */
        bool whole = in >= 0 && (out >= 0 || x->op == GW_OP_EMBED) && !x->attempt.cut;
        if (x->pass)
            return sum; /* what has no usage (files, lists) uses no tokens */
        return whole ? sum : at_least(sum, reserved);
    }
    return may_have_run(x) ? at_least(sum, reserved) : 0;
}
