/* Rules of our own over an answer's events: what may go on goes on, whatever the cuts of the stream.
 * Must not know a format, nor who decides. */
#include "gateway/guard/run.h"

#include "base/text.h"

/* A block that is open. */
typedef struct open_block {
    struct open_block *next;
    uint32_t choice, block;
    gw_block_kind kind;
    bool json; /* arguments: collected, since a number that is masked becomes a string */
    aigw_guard_stream *stream;
    gw_buf held;
    /* A signature is told when all that it signs has been given. */
    aigw_slice signature; /* in the arena; data NULL: none */
    aigw_format origin;
} open_block;

typedef struct choice_state {
    uint32_t choice;
    bool finished;
} choice_state;

struct gw_guard_filter {
    gw_guard_run *run;
    size_t guard;
    const aigw_guard *rules;
    gw_event_sink next;
    bool only_looks; /* no rule of it changes anything */
    bool closed;     /* blocked: nothing goes on but what ends the answer */
    open_block *open, *spare;
    choice_state *choices;
    size_t choice_count, choice_cap;
};

gw_guard_filter *gw_guard_filter_new(gw_guard_run *run, size_t guard, gw_event_sink next)
{
    gw_guard_filter *f = gw_arena_calloc(run->x->arena, 1, sizeof *f);
    if (!f)
        return NULL;
    const gw_guardrail *g = &run->guards->items[guard];
    *f = (gw_guard_filter){.run = run,
                           .guard = guard,
                           .rules = g->local,
                           .next = next,
                           .only_looks = g->strictest <= AIGW_GUARD_FLAG};
    return f;
}

static void note(gw_guard_filter *f, aigw_guard_stream *stream)
{
    gw_guard_note(f->run, GW_GUARD_ON_ANSWER, f->guard, aigw_guard_stream_verdict(stream)->action);
}

static void shut(gw_guard_filter *f, open_block *b)
{
    if (b->stream) {
        note(f, b->stream);
        aigw_guard_stream_free(b->stream);
        b->stream = NULL;
    }
    gw_buf_free(&b->held);
}

void gw_guard_filter_drop(gw_guard_filter *f)
{
    for (open_block *b = f->open; b; b = b->next)
        shut(f, b);
    f->open = NULL;
}

static size_t most(const gw_guard_filter *f)
{
    return f->run->x->live->config->max_exchange_bytes;
}

/* ---- choices ---- */

static choice_state *choice_of(gw_guard_filter *f, uint32_t choice)
{
    for (size_t i = 0; i < f->choice_count; i++) {
        if (f->choices[i].choice == choice)
            return &f->choices[i];
    }
    if (f->choice_count == f->choice_cap) {
        size_t cap = f->choice_cap ? f->choice_cap * 2 : 4;
        choice_state *more = gw_arena_calloc(f->run->x->arena, cap, sizeof *more);
        if (!more)
            return NULL;
        if (f->choice_count)
            memcpy(more, f->choices, f->choice_count * sizeof *more);
        f->choices = more;
        f->choice_cap = cap;
    }
    f->choices[f->choice_count] = (choice_state){.choice = choice};
    return &f->choices[f->choice_count++];
}

/* ---- a rule has blocked ---- */

static int stop_block(gw_guard_filter *f, const open_block *b)
{
    const gw_event stop = {
        .kind = GW_EV_BLOCK_STOP, .choice = b->choice, .block = b->block, .block_kind = b->kind};
    return gw_emit(&f->next, &stop);
}

static int finish_filtered(gw_guard_filter *f, uint32_t choice)
{
    const gw_event finish = {
        .kind = GW_EV_FINISH, .choice = choice, .finish = GW_FINISH_CONTENT_FILTER};
    return gw_emit(&f->next, &finish);
}

/* In the order in which the blocks were begun, as a writer may rely on it. */
static int stop_all(gw_guard_filter *f)
{
    int rc = AIGW_OK;
    while (f->open && rc == AIGW_OK) {
        open_block **first = &f->open;
        for (open_block **at = &f->open; *at; at = &(*at)->next) {
            bool sooner = (*at)->choice < (*first)->choice ||
                          ((*at)->choice == (*first)->choice && (*at)->block < (*first)->block);
            if (sooner)
                first = at;
        }
        open_block *b = *first;
        *first = b->next;
        shut(f, b);
        rc = stop_block(f, b);
    }
    return rc;
}

/*
 * The answer ends here, for every choice: the provider is not listened to any longer. Of a document its usage
 * is still to come, and its end; a stream ends at once.
 */
static int close_answer(gw_guard_filter *f)
{
    f->closed = true;
    gw_guard_note(f->run, GW_GUARD_ON_ANSWER, f->guard, AIGW_GUARD_BLOCK);
    int rc = stop_all(f);
    for (size_t i = 0; i < f->choice_count && rc == AIGW_OK; i++) {
        if (!f->choices[i].finished)
            rc = finish_filtered(f, f->choices[i].choice);
        f->choices[i].finished = true;
    }
    if (rc != AIGW_OK || f->run->x->attempt.take == GW_TAKE_WHOLE)
        return rc;
    f->run->x->attempt.cut = true;
    const gw_event end = {.kind = GW_EV_END};
    return gw_emit(&f->next, &end);
}

/* ---- blocks ---- */

static bool has_text(const gw_event *e)
{
    return e->block_kind == GW_BLOCK_TEXT || e->block_kind == GW_BLOCK_REFUSAL ||
           e->block_kind == GW_BLOCK_THINKING || e->block_kind == GW_BLOCK_TOOL_CALL;
}

static open_block *find(gw_guard_filter *f, const gw_event *e)
{
    for (open_block *b = f->open; b; b = b->next) {
        if (b->choice == e->choice && b->block == e->block)
            return b;
    }
    return NULL;
}

static int open_one(gw_guard_filter *f, const gw_event *e)
{
    open_block *b = f->spare;
    if (b)
        f->spare = b->next;
    else
        b = gw_arena_alloc(f->run->x->arena, sizeof *b);
    if (!b)
        return AIGW_E_NOMEM;
    *b = (open_block){.next = f->open,
                      .choice = e->choice,
                      .block = e->block,
                      .kind = e->block_kind,
                      .json = e->block_kind == GW_BLOCK_TOOL_CALL && !e->custom};
    gw_buf_init(&b->held, most(f));
    f->open = b;
    return b->json ? AIGW_OK : aigw_guard_stream_new(f->rules, AIGW_GUARD_JSON, &b->stream, NULL);
}

static void forget(gw_guard_filter *f, open_block *b)
{
    open_block **at = &f->open;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    b->next = f->spare;
    f->spare = b;
}

/* A block's own document, and citations: gone over whole. */
static int pass_raw(gw_guard_filter *f, gw_raw *raw)
{
    gw_guard_reading pass;
    gw_buf out;
    if (!gw_has_raw(*raw))
        return AIGW_OK;
    gw_buf_init(&out, most(f));
    int rc = gw_guard_pass_begin(&pass, f->rules, f->run->x->arena, most(f));
    if (rc == AIGW_OK)
        rc = gw_guard_pass_value(&pass, raw->json, &out);
    if (rc == AIGW_OK && pass.changed && !f->only_looks) {
        raw->json = gw_arena_copy(f->run->x->arena, gw_buf_slice(&out));
        rc = raw->json.data ? AIGW_OK : AIGW_E_NOMEM;
    }
    gw_guard_note(f->run, GW_GUARD_ON_ANSWER, f->guard, gw_guard_pass_end(&pass));
    gw_buf_free(&out);
    return rc;
}

/* A text that came in one piece. */
static int pass_text(gw_guard_filter *f, gw_jstr *text)
{
    gw_guard_reading pass;
    gw_buf out;
    if (!gw_has(*text) || text->inner.len == 0)
        return AIGW_OK;
    gw_buf_init(&out, most(f));
    int rc = gw_guard_pass_begin(&pass, f->rules, f->run->x->arena, most(f));
    if (rc == AIGW_OK)
        rc = gw_guard_pass_text(&pass, text->inner, &out);
    if (rc == AIGW_OK && pass.changed && !f->only_looks) {
        text->inner = gw_arena_copy(f->run->x->arena, gw_buf_slice(&out));
        rc = text->inner.data ? AIGW_OK : AIGW_E_NOMEM;
    }
    gw_guard_note(f->run, GW_GUARD_ON_ANSWER, f->guard, gw_guard_pass_end(&pass));
    gw_buf_free(&out);
    return rc;
}

/* ---- events ---- */

static int on_start(gw_guard_filter *f, const gw_event *e)
{
    gw_event copy = *e;
    if (!choice_of(f, e->choice))
        return AIGW_E_NOMEM;
    int rc = pass_raw(f, &copy.raw);
    if (rc == AIGW_E_DENIED)
        return close_answer(f);
    if (rc == AIGW_OK && has_text(e))
        rc = open_one(f, e);
    return rc == AIGW_OK ? gw_emit(&f->next, &copy) : rc;
}

/* What may go on of a block's text, with what else its event says. */
static int give(gw_guard_filter *f, const gw_event *e, aigw_slice text)
{
    gw_event copy = *e;
    copy.delta.inner = text.len ? text : (aigw_slice){NULL, 0};
    if (!f->only_looks)
        copy.logprobs = (gw_raw){{NULL, 0}}; /* they would spell out what is masked */
    if (text.len == 0 && !gw_has(copy.signature) && !gw_has_raw(copy.raw) &&
        !gw_has_raw(copy.logprobs))
        return AIGW_OK;
    return gw_emit(&f->next, &copy);
}

/* It comes whole; copied, since it waits. */
static int keep_signature(gw_guard_filter *f, open_block *b, const gw_event *e)
{
    aigw_slice copy = gw_arena_copy(f->run->x->arena, e->signature.inner);
    if (!copy.data)
        return AIGW_E_NOMEM;
    b->signature = copy;
    b->origin = e->origin;
    return AIGW_OK;
}

static int on_delta(gw_guard_filter *f, const gw_event *e)
{
    gw_event copy = *e;
    aigw_slice given = {NULL, 0};
    open_block *b = find(f, e);
    if (!b)
        return gw_emit(&f->next, e);
    int rc = pass_raw(f, &copy.raw);
    if (rc == AIGW_E_DENIED)
        return close_answer(f);
    if (rc == AIGW_OK && gw_has(e->signature) && !f->only_looks) {
        rc = keep_signature(f, b, e);
        copy.signature = (gw_jstr){{NULL, 0}};
    }
    if (rc == AIGW_OK && b->json) {
        gw_buf_add(&b->held, e->delta.inner);
        rc = b->held.failed ? AIGW_E_NOMEM : AIGW_OK;
    } else if (rc == AIGW_OK && e->delta.inner.len) {
        rc = aigw_guard_stream_feed(b->stream, e->delta.inner, &given, NULL);
    }
    bool blocked = rc == AIGW_E_DENIED;
    if (rc != AIGW_OK && !blocked)
        return rc;
    if (f->only_looks)
        return gw_emit(&f->next, e);
    rc = give(f, &copy, given);
    return rc == AIGW_OK && blocked ? close_answer(f) : rc;
}

/* The arguments of a call are whole. AIGW_E_DENIED: none of them goes on. */
static int give_arguments(gw_guard_filter *f, open_block *b, const gw_event *stop)
{
    gw_guard_reading pass;
    gw_buf out;
    gw_event delta = *stop;
    delta.kind = GW_EV_DELTA;
    if (gw_buf_len(&b->held) == 0)
        return AIGW_OK;
    gw_buf_init(&out, most(f));
    int rc = gw_guard_pass_begin(&pass, f->rules, f->run->x->arena, most(f));
    if (rc == AIGW_OK)
        rc = gw_guard_pass_nested(&pass, gw_buf_slice(&b->held), &out);
    gw_guard_note(f->run, GW_GUARD_ON_ANSWER, f->guard, gw_guard_pass_end(&pass));
    delta.delta.inner = gw_buf_slice(&out);
    if (rc == AIGW_OK && !f->only_looks)
        rc = gw_emit(&f->next, &delta);
    gw_buf_free(&out);
    return rc;
}

static int on_stop(gw_guard_filter *f, const gw_event *e)
{
    aigw_slice rest = {NULL, 0};
    open_block *b = find(f, e);
    gw_event delta = *e;
    delta.kind = GW_EV_DELTA;
    if (!b)
        return gw_emit(&f->next, e);
    int rc = b->json ? give_arguments(f, b, e) : aigw_guard_stream_end(b->stream, &rest, NULL);
    bool blocked = rc == AIGW_E_DENIED;
    if (rc != AIGW_OK && !blocked)
        return rc;
    if (b->signature.data) {
        delta.signature.inner = b->signature;
        delta.origin = b->origin;
    }
    rc = f->only_looks ? AIGW_OK : give(f, &delta, rest);
    if (rc != AIGW_OK)
        return rc;
    if (blocked)
        return close_answer(f);
    shut(f, b);
    forget(f, b);
    return gw_emit(&f->next, e);
}

static int on_finish(gw_guard_filter *f, const gw_event *e)
{
    gw_event copy = *e;
    choice_state *choice = choice_of(f, e->choice);
    if (!choice)
        return AIGW_E_NOMEM;
    int rc = pass_text(f, &copy.refusal);
    if (rc == AIGW_E_DENIED)
        return close_answer(f);
    if (!f->only_looks)
        copy.logprobs = (gw_raw){{NULL, 0}};
    choice->finished = true;
    return rc == AIGW_OK ? gw_emit(&f->next, &copy) : rc;
}

int gw_guard_filter_event(void *filter, const gw_event *e)
{
    gw_guard_filter *f = filter;
    if (f->closed) {
        bool goes_on = e->kind == GW_EV_USAGE || e->kind == GW_EV_PING || e->kind == GW_EV_END;
        return goes_on ? gw_emit(&f->next, e) : AIGW_OK;
    }
    switch (e->kind) {
    case GW_EV_BLOCK_START:
        return on_start(f, e);
    case GW_EV_DELTA:
        return on_delta(f, e);
    case GW_EV_BLOCK_STOP:
        return on_stop(f, e);
    case GW_EV_FINISH:
        return on_finish(f, e);
    default:
        return gw_emit(&f->next, e);
    }
}
