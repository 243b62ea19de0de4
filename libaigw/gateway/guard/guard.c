/* The guardrails of an exchange: which ones are for it, what they do to its prompt, and what the books say.
 * Must not know transports. */
#include "gateway/guard/guard.h"

#include "base/text.h"
#include "gateway/guard/run.h"
#include <stdio.h>

/* ---- which ones ---- */

static bool listed(const aigw_slice *items, size_t count, aigw_slice text)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_eq(items[i], text))
            return true;
    }
    return count == 0;
}

static bool model_listed(const gw_guard_match *m, aigw_slice model)
{
    for (size_t i = 0; i < m->model_count; i++) {
        aigw_slice name = m->models[i];
        bool prefix = name.len > 0 && name.data[name.len - 1] == '*';
        name.len -= prefix;
        if (prefix ? gw_starts(model, name) : gw_eq(model, name))
            return true;
    }
    return m->model_count == 0;
}

/* any_model: it is not known which one. */
static bool is_for(const gw_guardrail *g, const aigw_exchange *x, bool any_model)
{
    const gw_guard_match *m = &g->match;
    return listed(m->clients, m->client_count, x->gate.subject) &&
           listed(m->teams, m->team_count, x->gate.team) &&
           listed(m->routes, m->route_count, aigw_slice_of(x->endpoint->name)) &&
           (any_model || model_listed(m, x->model));
}

/* NULL and *failed without memory; NULL alone: none is for it. */
static gw_guard_run *begin(aigw_exchange *x, bool *failed)
{
    const gw_guardrails *guards = &x->live->config->guards;
    uint32_t on[GW_GUARD_STAGES] = {0, 0};
    *failed = false;
    for (size_t i = 0; i < guards->count; i++) {
        const gw_guardrail *g = &guards->items[i];
        if (!is_for(g, x, false))
            continue;
        on[GW_GUARD_ON_PROMPT] |= g->prompt ? 1u << i : 0;
        on[GW_GUARD_ON_ANSWER] |= g->answer && x->op == GW_OP_CHAT ? 1u << i : 0;
    }
    if (!(on[0] | on[1]))
        return NULL;
    gw_guard_run *run = gw_arena_calloc(x->arena, 1, sizeof *run);
    *failed = !run;
    if (!run)
        return NULL;
    run->x = x;
    run->guards = guards;
    memcpy(run->on, on, sizeof on);
    return run;
}

/* ---- the books ---- */

void gw_guard_note(gw_guard_run *run, size_t stage, size_t guard, aigw_guard_action action)
{
    gw_guard_seen *seen = &run->seen[stage][guard];
    seen->looked = true;
    if (action > seen->action)
        seen->action = action;
}

aigw_guard_action gw_guard_note_asked(gw_guard_run *run)
{
    const gw_guard_ask *ask = &run->ask;
    aigw_guard_action action = ask->verdict.word == GW_REMOTE_REJECT ? AIGW_GUARD_BLOCK
                               : ask->verdict.word == GW_REMOTE_MASK ? AIGW_GUARD_MASK
                                                                     : AIGW_GUARD_NONE;
    gw_guard_note(run, ask->stage, ask->guard, action);
    if (ask->verdict.failed)
        run->seen[ask->stage][ask->guard].failed = true;
    return action;
}

static const char *const words[] = {"pass", "flag", "mask", "block"};

void gw_guard_settle(aigw_exchange *x)
{
    gw_guard_run *run = x->guard;
    if (!run || run->settled)
        return;
    run->settled = true;
    for (size_t stage = 0; stage < GW_GUARD_STAGES; stage++) {
        for (size_t i = 0; i < run->guards->count; i++) {
            const gw_guard_seen *seen = &run->seen[stage][i];
            if (seen->looked)
                gw_metrics_guard(x->loop->metrics, run->guards->items[i].name,
                                 stage == GW_GUARD_ON_ANSWER, words[seen->action], seen->failed);
        }
    }
}

aigw_slice gw_guard_word(const aigw_exchange *x)
{
    gw_guard_run *run = x->guard;
    size_t best = 0, from = 0;
    aigw_guard_action action = AIGW_GUARD_NONE;
    if (!run)
        return GW_S("");
    for (size_t stage = 0; stage < GW_GUARD_STAGES; stage++) {
        for (size_t i = 0; i < run->guards->count; i++) {
            if (run->seen[stage][i].action <= action)
                continue;
            action = run->seen[stage][i].action;
            best = i;
            from = stage;
        }
    }
    if (action == AIGW_GUARD_NONE)
        return GW_S("");
    aigw_slice name = run->guards->items[best].name;
    int n = snprintf(run->word, sizeof run->word, "%.*s:%s:%s", (int)name.len, name.data,
                     from == GW_GUARD_ON_ANSWER ? "answer" : "prompt", words[action]);
    return gw_slice(run->word, (size_t)n);
}

/* ---- the prompt ---- */

/* Never which rule it was, nor what was found. */
static gw_next refuse(aigw_exchange *x)
{
    const gw_guard_run *run = x->guard;
    gw_api_error error = {.kind = GW_ERR_INVALID_REQUEST,
                          .status = 400,
                          .message = gw_jstr_lit("The request was refused by a content policy."),
                          .code = gw_jstr_lit("content_policy_violation")};
    x->reason = "guard";
    if (run->ask.verdict.failed && run->ask.verdict.word == GW_REMOTE_REJECT) {
        x->reason = "guard_failed";
        error = (gw_api_error){.kind = GW_ERR_UNAVAILABLE,
                               .status = 503,
                               .message = gw_jstr_lit("The request could not be checked.")};
    }
    gw_respond_error(x, &error);
    return GW_NEXT_ANSWERED;
}

static gw_next no_memory(aigw_exchange *x)
{
    gw_respond_nomem(x);
    return GW_NEXT_ANSWERED;
}

/* The masked body takes the place of the client's; what was read of that is read anew. */
static bool take_body(gw_guard_run *run, gw_buf *body)
{
    gw_buf before = run->body;
    bool had = run->body_on;
    run->body = *body;
    run->body_on = true;
    bool ok = gw_prepare_again(run->x, gw_buf_slice(&run->body));
    if (had)
        gw_buf_free(&before);
    return ok;
}

static aigw_waf_route route_of(const aigw_exchange *x)
{
    if (x->op == GW_OP_EMBED)
        return AIGW_WAF_ROUTE_EMBEDDINGS;
    switch (x->endpoint->format) {
    case AIGW_FORMAT_ANTHROPIC:
        return AIGW_WAF_ROUTE_MESSAGES;
    case AIGW_FORMAT_OPENAI_RESPONSES:
        return AIGW_WAF_ROUTE_RESPONSES;
    case AIGW_FORMAT_GEMINI:
        return AIGW_WAF_ROUTE_GEMINI;
    case AIGW_FORMAT_BEDROCK:
        return AIGW_WAF_ROUTE_BEDROCK;
    case AIGW_FORMAT_OPENAI_CHAT:
        break;
    }
    return AIGW_WAF_ROUTE_CHAT;
}

/* Rules of our own. */
static gw_next look(gw_guard_run *run, size_t guard)
{
    aigw_exchange *x = run->x;
    const gw_guardrail *g = &run->guards->items[guard];
    gw_guard_reading pass;
    gw_buf out;
    size_t max = x->live->config->max_exchange_bytes;
    gw_buf_init(&out, max);
    int rc = gw_guard_pass_begin(&pass, g->local, x->arena, max);
    if (rc == AIGW_OK)
        rc = gw_guard_pass_body(&pass, &x->doc, route_of(x), &out);
    bool changed = pass.changed && g->strictest > AIGW_GUARD_FLAG;
    gw_guard_note(run, GW_GUARD_ON_PROMPT, guard, gw_guard_pass_end(&pass));
    if (rc == AIGW_OK && changed)
        return take_body(run, &out) ? GW_NEXT_ON : GW_NEXT_ANSWERED;
    gw_buf_free(&out);
    if (rc == AIGW_E_DENIED)
        return refuse(x);
    return rc == AIGW_OK ? GW_NEXT_ON : no_memory(x);
}

/* ---- asking about it ---- */

typedef struct collection {
    gw_arena *arena;
    aigw_slice *texts;
    size_t count, cap;
} collection;

static int collect(void *user, const gw_json_doc *doc, gw_json_ref at, gw_text_kind kind)
{
    collection *c = user;
    if (kind == GW_TEXT_KEY || kind == GW_TEXT_NUMBER || kind == GW_TEXT_FIXED)
        return AIGW_OK;
    if (c->count == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 16;
        aigw_slice *more = gw_arena_calloc(c->arena, cap, sizeof *more);
        if (!more)
            return AIGW_E_NOMEM;
        if (c->count)
            memcpy(more, c->texts, c->count * sizeof *more);
        c->texts = more;
        c->cap = cap;
    }
    c->texts[c->count++] = gw_json_inner(doc, at);
    return AIGW_OK;
}

/* Each text that was sent is replaced by what came back for it. */
static gw_next take_texts(gw_guard_run *run)
{
    aigw_exchange *x = run->x;
    const gw_guard_ask *ask = &run->ask;
    const char *at = x->body.data;
    gw_buf out;
    gw_buf_init(&out, x->live->config->max_exchange_bytes);
    for (size_t i = 0; i < ask->text_count; i++) {
        gw_buf_append(&out, at, (size_t)(ask->texts[i].data - at));
        gw_buf_add(&out, ask->verdict.texts[i]);
        at = ask->texts[i].data + ask->texts[i].len;
    }
    gw_buf_append(&out, at, (size_t)(x->body.data + x->body.len - at));
    if (!out.failed)
        return take_body(run, &out) ? GW_NEXT_ON : GW_NEXT_ANSWERED;
    gw_buf_free(&out);
    return no_memory(x);
}

static gw_next take_verdict(gw_guard_run *run)
{
    aigw_guard_action action = gw_guard_note_asked(run);
    gw_next next = action == AIGW_GUARD_BLOCK  ? refuse(run->x)
                   : action == AIGW_GUARD_MASK ? take_texts(run)
                                               : GW_NEXT_ON;
    gw_guard_ask_drop(run);
    return next;
}

static gw_next go_on(gw_guard_run *run);

static void prompt_asked(gw_guard_run *run)
{
    aigw_exchange *x = run->x;
    gw_next next = take_verdict(run);
    if (next == GW_NEXT_ON) {
        run->at++;
        next = go_on(run);
    }
    if (next == GW_NEXT_ON)
        gw_exchange_go_on(x);
    else if (next == GW_NEXT_ANSWERED)
        x->waiting = false;
}

static gw_next ask(gw_guard_run *run, size_t guard)
{
    collection all = {.arena = run->x->arena};
    if (gw_waf_texts(&run->x->doc, route_of(run->x), collect, &all) != AIGW_OK)
        return no_memory(run->x);
    if (all.count == 0)
        return GW_NEXT_ON;
    run->ask.guard = guard;
    run->ask.stage = GW_GUARD_ON_PROMPT;
    run->ask.texts = all.texts;
    run->ask.text_count = all.count;
    run->ask.done = prompt_asked;
    return gw_guard_ask_start(run) ? GW_NEXT_WAIT : take_verdict(run);
}

/* Rules of our own first, so that others get what these have masked. */
static gw_next go_on(gw_guard_run *run)
{
    size_t count = run->guards->count;
    for (; run->at < 2 * count; run->at++) {
        size_t i = run->at % count;
        const gw_guardrail *g = &run->guards->items[i];
        gw_next next = GW_NEXT_ON;
        if (!(run->on[GW_GUARD_ON_PROMPT] >> i & 1))
            continue;
        if (run->at < count && g->local)
            next = look(run, i);
        else if (run->at >= count && g->remote.asks != GW_ASKS_NOBODY)
            next = ask(run, i);
        if (next != GW_NEXT_ON)
            return next;
    }
    return GW_NEXT_ON;
}

gw_next gw_guard_prompt(aigw_exchange *x)
{
    bool failed;
    if (x->live->config->guards.count == 0)
        return GW_NEXT_ON;
    x->guard = begin(x, &failed);
    if (failed)
        return no_memory(x);
    return x->guard ? go_on(x->guard) : GW_NEXT_ON;
}

gw_next gw_guard_pass(aigw_exchange *x)
{
    const gw_guardrails *guards = &x->live->config->guards;
    for (size_t i = 0; i < guards->count; i++) {
        if (guards->items[i].allow_pass || !is_for(&guards->items[i], x, true))
            continue;
        x->reason = "guard";
        gw_respond_fail(x, GW_ERR_PERMISSION, 403,
                        "What passes through cannot be checked, and is not allowed here.");
        return GW_NEXT_ANSWERED;
    }
    return GW_NEXT_ON;
}

void gw_guard_drop(aigw_exchange *x)
{
    gw_guard_run *run = x->guard;
    if (!run)
        return;
    gw_guard_ask_drop(run);
    gw_guard_answer_drop(x);
    if (run->body_on)
        gw_buf_free(&run->body);
    run->body_on = false;
}
