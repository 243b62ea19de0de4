/* Guardrails on an answer: its filters, and what others say of the whole.
 * Must not know a transport or a format. */
#include "gateway/guard/run.h"

#include "base/text.h"

static bool asks(const gw_guard_run *run, size_t i)
{
    return (run->on[GW_GUARD_ON_ANSWER] >> i & 1) &&
           run->guards->items[i].remote.asks != GW_ASKS_NOBODY;
}

bool gw_guard_reads(const aigw_exchange *x)
{
    return x->guard && x->guard->on[GW_GUARD_ON_ANSWER] != 0 && x->op == GW_OP_CHAT;
}

bool gw_guard_collects(const aigw_exchange *x)
{
    for (size_t i = 0; x->guard && i < x->guard->guards->count; i++) {
        if (asks(x->guard, i))
            return x->op == GW_OP_CHAT;
    }
    return false;
}

/* ---- rules of our own ---- */

static int no_memory(void *user, const gw_event *event)
{
    (void)user;
    (void)event;
    return AIGW_E_NOMEM;
}

static bool make_filters(gw_guard_run *run, gw_event_sink last)
{
    run->filter_count = 0;
    run->filters_made = true;
    for (size_t i = run->guards->count; i > 0; i--) {
        if (!(run->on[GW_GUARD_ON_ANSWER] >> (i - 1) & 1) || !run->guards->items[i - 1].local)
            continue;
        gw_guard_filter *f = gw_guard_filter_new(run, i - 1, last);
        if (!f)
            return false;
        run->filters[run->filter_count++] = f;
        last = (gw_event_sink){gw_guard_filter_event, f};
    }
    return true;
}

gw_event_sink gw_guard_sink(aigw_exchange *x, gw_event_sink next)
{
    gw_guard_run *run = x->guard;
    if (!gw_guard_reads(x))
        return next;
    if (!run->filters_made && !make_filters(run, next)) {
        run->filters_made = false;
        return (gw_event_sink){no_memory, NULL};
    }
    if (run->filter_count == 0)
        return next;
    return (gw_event_sink){gw_guard_filter_event, run->filters[run->filter_count - 1]};
}

void gw_guard_answer_drop(aigw_exchange *x)
{
    gw_guard_run *run = x->guard;
    if (!run)
        return;
    for (size_t i = 0; i < run->filter_count; i++)
        gw_guard_filter_drop(run->filters[i]);
    run->filter_count = 0;
    run->filters_made = false;
}

/* ---- the whole, collected ---- */

static bool has_text(const gw_block *b)
{
    return b->text.inner.len > 0 && (b->kind == GW_BLOCK_TEXT || b->kind == GW_BLOCK_REFUSAL ||
                                     b->kind == GW_BLOCK_THINKING || b->kind == GW_BLOCK_TOOL_CALL);
}

static size_t texts_of(const gw_answer *answer, aigw_slice *out)
{
    size_t n = 0;
    for (size_t c = 0; c < answer->choice_count; c++) {
        for (size_t i = 0; i < answer->choices[c].block_count; i++) {
            if (!has_text(&answer->choices[c].blocks[i]))
                continue;
            if (out)
                out[n] = answer->choices[c].blocks[i].text.inner;
            n++;
        }
    }
    return n;
}

/* Arguments that are no JSON any more would be no call. */
static bool fits(const gw_guard_run *run, const gw_block *b, aigw_slice text)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    gw_json_doc doc;
    if (b->kind != GW_BLOCK_TOOL_CALL || b->custom)
        return true;
    aigw_slice plain = gw_json_unescape(run->x->arena, text);
    return plain.data && gw_json_parse(run->x->arena, plain, &lenient, &doc, NULL) == AIGW_OK &&
           gw_json_typeof(&doc, 0) == GW_JSON_OBJECT;
}

static bool fit_all(const gw_guard_run *run)
{
    const gw_answer *a = run->answer;
    size_t n = 0;
    for (size_t c = 0; c < a->choice_count; c++) {
        for (size_t i = 0; i < a->choices[c].block_count; i++) {
            const gw_block *b = &a->choices[c].blocks[i];
            if (!has_text(b))
                continue;
            aigw_slice text = run->ask.verdict.texts[n++];
            if (!gw_eq(text, b->text.inner) && !fits(run, b, text))
                return false;
        }
    }
    return true;
}

/* What the texts were spelled out in besides goes with them. */
static bool replace(gw_guard_run *run)
{
    gw_answer *a = run->answer;
    size_t n = 0;
    for (size_t c = 0; c < a->choice_count; c++) {
        gw_choice *choice = &a->choices[c];
        for (size_t i = 0; i < choice->block_count; i++) {
            gw_block *b = &choice->blocks[i];
            if (!has_text(b))
                continue;
            aigw_slice text = run->ask.verdict.texts[n++];
            if (gw_eq(text, b->text.inner))
                continue;
            b->text.inner = gw_arena_copy(run->x->arena, text);
            if (!b->text.inner.data)
                return false;
            b->raw = (gw_raw){{NULL, 0}};
            choice->logprobs = (gw_raw){{NULL, 0}};
        }
    }
    return true;
}

static void empty(gw_answer *a)
{
    for (size_t c = 0; c < a->choice_count; c++) {
        gw_choice *choice = &a->choices[c];
        *choice = (gw_choice){
            .blocks = choice->blocks, .finished = true, .finish = GW_FINISH_CONTENT_FILTER};
    }
}

/* ---- asking ---- */

/* The next one who is to be asked. False: nobody is left. */
static bool ask_next(gw_guard_run *run);

static void give(gw_guard_run *run)
{
    gw_answer *answer = run->answer;
    gw_guard_ask_drop(run);
    run->answer = NULL;
    gw_whole_give(run->x, answer);
}

/* False: the answer has been given, or refused. */
static bool take_verdict(gw_guard_run *run)
{
    gw_remote_verdict *v = &run->ask.verdict;
    if (v->word == GW_REMOTE_MASK && !fit_all(run))
        gw_remote_settle(AIGW_E_UPSTREAM, run->guards->items[run->ask.guard].remote.policy, v);
    aigw_guard_action action = gw_guard_note_asked(run);
    if (action == AIGW_GUARD_BLOCK && v->failed) {
        gw_guard_ask_drop(run);
        run->x->reason = "guard_failed";
        gw_whole_refuse(run->x);
        return false;
    }
    if (action == AIGW_GUARD_MASK && !replace(run)) {
        gw_guard_ask_drop(run);
        gw_attempt_fail_nomem(run->x);
        return false;
    }
    if (action == AIGW_GUARD_BLOCK) {
        empty(run->answer);
        give(run);
        return false;
    }
    return true;
}

static void answer_asked(gw_guard_run *run)
{
    if (!take_verdict(run))
        return;
    run->at++;
    if (!ask_next(run))
        give(run);
}

/* Asks run->at or who comes behind. */
static bool ask_next(gw_guard_run *run)
{
    aigw_exchange *x = run->x;
    size_t n = texts_of(run->answer, NULL);
    for (; n > 0 && run->at < run->guards->count; run->at++) {
        if (!asks(run, run->at))
            continue;
        aigw_slice *texts = gw_arena_calloc(x->arena, n, sizeof *texts);
        if (!texts) {
            gw_attempt_fail_nomem(x);
            return true;
        }
        texts_of(run->answer, texts);
        run->ask.guard = run->at;
        run->ask.stage = GW_GUARD_ON_ANSWER;
        run->ask.texts = texts;
        run->ask.text_count = n;
        run->ask.done = answer_asked;
        if (gw_guard_ask_start(run) || !take_verdict(run))
            return true;
    }
    return false;
}

bool gw_guard_answer(aigw_exchange *x, gw_answer *answer)
{
    gw_guard_run *run = x->guard;
    if (!gw_guard_collects(x))
        return false;
    run->answer = gw_arena_alloc(x->arena, sizeof *answer);
    if (!run->answer) {
        gw_attempt_fail_nomem(x);
        return true;
    }
    *run->answer = *answer;
    run->at = 0;
    return ask_next(run);
}
