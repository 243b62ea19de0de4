/* Folds events into one whole answer, and unfolds an answer into events. */
/* Must not know any format; holds the order that chat/event.h promises. */
#include "chat/fold.h"

#include "base/error.h"
#include "base/text.h"

enum { MAX_CHOICES = 128, MAX_BLOCKS = 16384 };

/* Text that grows in doubling pieces, so that n deltas cost O(total bytes). */
typedef struct piece {
    struct piece *next;
    size_t len, cap;
    char data[];
} piece;

typedef struct rope {
    piece *first, *last;
    size_t len;
    bool present;
} rope;

typedef struct growing_block {
    gw_block head; /* everything but text and raw of TEXT */
    rope text;
    rope citations; /* elements with their commas, without brackets */
    bool open;
} growing_block;

typedef struct growing_choice {
    gw_choice head;
    growing_block *blocks;
    size_t count, cap;
    size_t open_calls, open_others;
    rope logprobs_content, logprobs_refusal;
    size_t logprobs_seen;
} growing_choice;

struct gw_fold {
    gw_arena *arena;
    gw_answer head;
    growing_choice *choices;
    size_t count, cap;
    bool started, ended, errored;
    gw_api_error error;
};

static int rope_add(gw_arena *arena, rope *r, aigw_slice bytes)
{
    r->present = true;
    if (bytes.len == 0)
        return AIGW_OK;
    piece *last = r->last;
    size_t fits = last == NULL ? 0 : last->cap - last->len;
    if (fits > bytes.len)
        fits = bytes.len;
    if (fits > 0) {
        memcpy(last->data + last->len, bytes.data, fits);
        last->len += fits;
    }
    size_t rest = bytes.len - fits;
    if (rest > 0) {
        size_t cap = last == NULL ? 96 : last->cap * 2;
        if (cap < rest)
            cap = rest;
        piece *fresh = gw_arena_alloc(arena, sizeof(*fresh) + cap);
        if (fresh == NULL)
            return AIGW_E_NOMEM;
        *fresh = (piece){NULL, rest, cap};
        memcpy(fresh->data, bytes.data + fits, rest);
        if (last == NULL)
            r->first = fresh;
        else
            last->next = fresh;
        r->last = fresh;
    }
    r->len += bytes.len;
    return AIGW_OK;
}

/* The whole text between `open` and `close` ("" for none); data NULL on no memory. */
static aigw_slice rope_join(gw_arena *arena, const rope *r, const char *open, const char *close)
{
    size_t a = strlen(open), b = strlen(close);
    if (a + b == 0 && r->len == 0)
        return (aigw_slice){"", 0};
    if (a + b == 0 && r->first->next == NULL)
        return (aigw_slice){r->first->data, r->len};
    char *to = gw_arena_alloc(arena, a + r->len + b);
    if (to == NULL)
        return (aigw_slice){NULL, 0};
    memcpy(to, open, a);
    size_t n = a;
    for (const piece *p = r->first; p != NULL; p = p->next) {
        memcpy(to + n, p->data, p->len);
        n += p->len;
    }
    memcpy(to + n, close, b);
    return (aigw_slice){to, n + b};
}

static int keep(gw_arena *arena, gw_jstr *to, gw_jstr from)
{
    if (!gw_has(from))
        return AIGW_OK;
    aigw_slice copy = gw_arena_copy(arena, from.inner);
    if (copy.data == NULL)
        return AIGW_E_NOMEM;
    to->inner = copy;
    return AIGW_OK;
}

static int keep_raw(gw_arena *arena, gw_raw *to, gw_raw from)
{
    if (!gw_has_raw(from))
        return AIGW_OK;
    aigw_slice copy = gw_arena_copy(arena, from.json);
    if (copy.data == NULL)
        return AIGW_E_NOMEM;
    to->json = copy;
    return AIGW_OK;
}

static aigw_slice trim_json(aigw_slice s)
{
    while (s.len > 0 && strchr(" \t\r\n", s.data[0]) != NULL)
        s = gw_skip(s, 1);
    while (s.len > 0 && strchr(" \t\r\n", s.data[s.len - 1]) != NULL)
        s.len--;
    return s;
}

/* Appends one value, or the elements of an array, to a list without brackets. */
static int list_add(gw_arena *arena, rope *list, aigw_slice value)
{
    value = trim_json(value);
    if (value.len >= 2 && value.data[0] == '[')
        value = trim_json((aigw_slice){value.data + 1, value.len - 2});
    int rc = AIGW_OK;
    if (value.len > 0 && list->len > 0)
        rc = rope_add(arena, list, GW_S(","));
    if (rc == AIGW_OK)
        rc = rope_add(arena, list, value);
    return rc;
}

/* The first object is kept as it stands; from the second on, the two known lists are joined. */
static int merge_logprobs(gw_arena *arena, growing_choice *choice, gw_raw logprobs)
{
    if (choice->logprobs_seen++ == 0)
        return keep_raw(arena, &choice->head.logprobs, logprobs);
    const aigw_slice sources[2] = {choice->head.logprobs.json, logprobs.json};
    for (size_t i = choice->logprobs_seen == 2 ? 0 : 1; i < 2; i++) {
        gw_json_limits limits = {0, 0, true};
        gw_json_doc doc;
        int rc = gw_json_parse(arena, sources[i], &limits, &doc, NULL);
        if (rc != AIGW_OK)
            return rc == AIGW_E_NOMEM ? rc : AIGW_E_UPSTREAM;
        gw_json_ref content = gw_json_get(&doc, 0, "content");
        gw_json_ref refusal = gw_json_get(&doc, 0, "refusal");
        if (gw_json_typeof(&doc, content) == GW_JSON_ARRAY)
            rc = list_add(arena, &choice->logprobs_content, gw_json_raw(&doc, content));
        if (rc == AIGW_OK && gw_json_typeof(&doc, refusal) == GW_JSON_ARRAY)
            rc = list_add(arena, &choice->logprobs_refusal, gw_json_raw(&doc, refusal));
        if (rc != AIGW_OK)
            return rc;
    }
    return AIGW_OK;
}

static int join_logprobs(gw_arena *arena, const growing_choice *choice, gw_raw *out)
{
    *out = choice->head.logprobs;
    if (choice->logprobs_seen < 2)
        return AIGW_OK;
    const rope *lists[2] = {&choice->logprobs_content, &choice->logprobs_refusal};
    static const char *const names[2] = {"{\"content\":", ",\"refusal\":"};
    rope all = {0};
    int rc = AIGW_OK;
    for (size_t i = 0; i < 2 && rc == AIGW_OK; i++) {
        aigw_slice list = GW_S("null");
        if (lists[i]->present)
            list = rope_join(arena, lists[i], "[", "]");
        rc = list.data == NULL ? AIGW_E_NOMEM : rope_add(arena, &all, aigw_slice_of(names[i]));
        if (rc == AIGW_OK)
            rc = rope_add(arena, &all, list);
    }
    if (rc != AIGW_OK)
        return rc;
    out->json = rope_join(arena, &all, "", "}");
    return out->json.data == NULL ? AIGW_E_NOMEM : AIGW_OK;
}

static int choice_at(gw_fold *f, uint32_t index, growing_choice **out)
{
    if (index >= MAX_CHOICES)
        return AIGW_E_LIMIT;
    if (index >= f->cap) {
        size_t cap = f->cap == 0 ? 1 : f->cap * 2;
        while (cap <= index)
            cap *= 2;
        growing_choice *choices = gw_arena_calloc(f->arena, cap, sizeof(*choices));
        if (choices == NULL)
            return AIGW_E_NOMEM;
        if (f->count > 0)
            memcpy(choices, f->choices, f->count * sizeof(*choices));
        f->choices = choices;
        f->cap = cap;
    }
    if (index >= f->count)
        f->count = index + 1;
    *out = &f->choices[index];
    return AIGW_OK;
}

/* Blocks of one choice may overlap only if both are tool calls. */
static bool may_open(const growing_choice *choice, gw_block_kind kind)
{
    return choice->open_others == 0 && (choice->open_calls == 0 || kind == GW_BLOCK_TOOL_CALL);
}

static size_t *open_counter(growing_choice *choice, gw_block_kind kind)
{
    return kind == GW_BLOCK_TOOL_CALL ? &choice->open_calls : &choice->open_others;
}

static bool any_open(const growing_choice *choice)
{
    return choice->open_calls + choice->open_others > 0;
}

static int block_start(gw_fold *f, growing_choice *choice, const gw_event *ev)
{
    if (ev->block != choice->count || !may_open(choice, ev->block_kind))
        return AIGW_E_UPSTREAM;
    if (choice->count >= MAX_BLOCKS)
        return AIGW_E_LIMIT;
    if (choice->count == choice->cap) {
        size_t cap = choice->cap == 0 ? 4 : choice->cap * 2;
        growing_block *blocks = gw_arena_calloc(f->arena, cap, sizeof(*blocks));
        if (blocks == NULL)
            return AIGW_E_NOMEM;
        if (choice->count > 0)
            memcpy(blocks, choice->blocks, choice->count * sizeof(*blocks));
        choice->blocks = blocks;
        choice->cap = cap;
    }
    growing_block *block = &choice->blocks[choice->count];
    memset(block, 0, sizeof(*block));
    block->head.kind = ev->block_kind;
    block->head.custom = ev->custom;
    block->head.origin = ev->origin;
    block->open = true;
    int rc = keep(f->arena, &block->head.call_id, ev->call_id);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &block->head.tool_name, ev->tool_name);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &block->head.signature, ev->signature);
    if (rc == AIGW_OK && ev->block_kind == GW_BLOCK_NATIVE)
        rc = keep_raw(f->arena, &block->head.raw, ev->raw);
    else if (rc == AIGW_OK)
        rc = rope_add(f->arena, &block->text, gw_has(ev->delta) ? ev->delta.inner : GW_S(""));
    if (rc == AIGW_OK && ev->block_kind == GW_BLOCK_TEXT && gw_has_raw(ev->raw))
        rc = list_add(f->arena, &block->citations, ev->raw.json);
    if (rc == AIGW_OK) {
        choice->count++;
        *open_counter(choice, ev->block_kind) += 1;
    }
    return rc;
}

static int block_delta(gw_fold *f, growing_choice *choice, const gw_event *ev)
{
    if (ev->block >= choice->count || !choice->blocks[ev->block].open)
        return AIGW_E_UPSTREAM;
    growing_block *block = &choice->blocks[ev->block];
    if (block->head.kind != ev->block_kind)
        return AIGW_E_UPSTREAM;
    int rc = AIGW_OK;
    if (gw_has(ev->delta))
        rc = rope_add(f->arena, &block->text, ev->delta.inner);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &block->head.signature, ev->signature);
    if (gw_has(ev->signature) && ev->origin != 0)
        block->head.origin = ev->origin;
    if (rc == AIGW_OK && gw_has_raw(ev->raw) && block->head.kind == GW_BLOCK_TEXT)
        rc = list_add(f->arena, &block->citations, ev->raw.json);
    if (rc == AIGW_OK && gw_has_raw(ev->logprobs))
        rc = merge_logprobs(f->arena, choice, ev->logprobs);
    return rc;
}

static int block_stop(growing_choice *choice, const gw_event *ev)
{
    if (ev->block >= choice->count || !choice->blocks[ev->block].open)
        return AIGW_E_UPSTREAM;
    choice->blocks[ev->block].open = false;
    *open_counter(choice, choice->blocks[ev->block].head.kind) -= 1;
    return AIGW_OK;
}

static int finish(gw_fold *f, growing_choice *choice, const gw_event *ev)
{
    if (any_open(choice))
        return AIGW_E_UPSTREAM;
    choice->head.finished = true;
    choice->head.finish = ev->finish;
    int rc = keep(f->arena, &choice->head.native_finish, ev->native_finish);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &choice->head.stop_sequence, ev->stop_sequence);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &choice->head.refusal, ev->refusal);
    if (rc == AIGW_OK && gw_has_raw(ev->logprobs))
        rc = merge_logprobs(f->arena, choice, ev->logprobs);
    return rc;
}

static int choice_event(gw_fold *f, const gw_event *ev)
{
    growing_choice *choice = NULL;
    int rc = choice_at(f, ev->choice, &choice);
    if (rc != AIGW_OK)
        return rc;
    if (choice->head.finished)
        return AIGW_E_UPSTREAM;
    switch (ev->kind) {
    case GW_EV_BLOCK_START:
        return block_start(f, choice, ev);
    case GW_EV_DELTA:
        return block_delta(f, choice, ev);
    case GW_EV_BLOCK_STOP:
        return block_stop(choice, ev);
    default:
        return finish(f, choice, ev);
    }
}

static int start(gw_fold *f, const gw_event *ev)
{
    if (f->started)
        return AIGW_E_UPSTREAM;
    f->started = true;
    f->head.created = ev->created;
    int rc = keep(f->arena, &f->head.id, ev->id);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &f->head.model, ev->model);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &f->head.service_tier, ev->service_tier);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &f->head.fingerprint, ev->fingerprint);
    return rc;
}

static int fail(gw_fold *f, const gw_event *ev)
{
    gw_api_error *to = &f->error;
    const gw_api_error *from = &ev->error;
    f->errored = true;
    to->kind = from->kind;
    to->status = from->status;
    to->retry_after_s = from->retry_after_s;
    int rc = keep(f->arena, &to->message, from->message);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &to->type, from->type);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &to->code, from->code);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &to->param, from->param);
    if (rc == AIGW_OK)
        rc = keep(f->arena, &to->request_id, from->request_id);
    return rc;
}

static int join_block(gw_arena *arena, const growing_block *from, gw_block *to)
{
    *to = from->head;
    if (from->text.present) {
        to->text.inner = rope_join(arena, &from->text, "", "");
        if (to->text.inner.data == NULL)
            return AIGW_E_NOMEM;
    }
    if (from->citations.present) {
        to->raw.json = rope_join(arena, &from->citations, "[", "]");
        if (to->raw.json.data == NULL)
            return AIGW_E_NOMEM;
    }
    return AIGW_OK;
}

static int join_choice(gw_arena *arena, const growing_choice *from, gw_choice *to)
{
    *to = from->head;
    to->block_count = from->count;
    if (from->count > 0) {
        to->blocks = gw_arena_calloc(arena, from->count, sizeof(*to->blocks));
        if (to->blocks == NULL)
            return AIGW_E_NOMEM;
    }
    int rc = AIGW_OK;
    for (size_t i = 0; i < from->count && rc == AIGW_OK; i++)
        rc = join_block(arena, &from->blocks[i], &to->blocks[i]);
    return rc == AIGW_OK ? join_logprobs(arena, from, &to->logprobs) : rc;
}

static int unfold_block(const gw_block *block, gw_event ev, gw_raw *logprobs,
                        const gw_event_sink *sink)
{
    ev.block_kind = block->kind;
    ev.origin = block->origin;
    bool thinking = block->kind == GW_BLOCK_THINKING;
    gw_event open = ev;
    open.kind = GW_EV_BLOCK_START;
    open.call_id = block->call_id;
    open.tool_name = block->tool_name;
    open.custom = block->custom;
    if (!thinking)
        open.signature = block->signature;
    if (block->kind == GW_BLOCK_REDACTED_THINKING)
        open.delta = block->text;
    if (block->kind == GW_BLOCK_NATIVE)
        open.raw = block->raw;
    int rc = gw_emit(sink, &open);

    gw_event delta = ev;
    delta.kind = GW_EV_DELTA;
    if (thinking)
        delta.signature = block->signature;
    if (block->kind != GW_BLOCK_REDACTED_THINKING && block->kind != GW_BLOCK_NATIVE)
        delta.delta = block->text;
    if (block->kind == GW_BLOCK_TEXT)
        delta.raw = block->raw;
    if (block->kind == GW_BLOCK_TEXT || block->kind == GW_BLOCK_REFUSAL) {
        delta.logprobs = *logprobs;
        *logprobs = (gw_raw){{NULL, 0}};
    }
    bool something = delta.delta.inner.len > 0 || gw_has(delta.signature) ||
                     gw_has_raw(delta.raw) || gw_has_raw(delta.logprobs);
    if (rc == AIGW_OK && something)
        rc = gw_emit(sink, &delta);
    ev.kind = GW_EV_BLOCK_STOP;
    return rc == AIGW_OK ? gw_emit(sink, &ev) : rc;
}

static int unfold_choice(const gw_choice *choice, uint32_t index, const gw_event_sink *sink)
{
    gw_raw logprobs = choice->logprobs;
    gw_event ev = {.choice = index, .usage = gw_usage_unknown()};
    int rc = AIGW_OK;
    for (size_t i = 0; i < choice->block_count && rc == AIGW_OK; i++) {
        ev.block = (uint32_t)i;
        rc = unfold_block(&choice->blocks[i], ev, &logprobs, sink);
    }
    if (rc != AIGW_OK || !choice->finished)
        return rc;
    ev.kind = GW_EV_FINISH;
    ev.block = 0;
    ev.finish = choice->finish;
    ev.native_finish = choice->native_finish;
    ev.stop_sequence = choice->stop_sequence;
    ev.refusal = choice->refusal;
    ev.logprobs = logprobs;
    return gw_emit(sink, &ev);
}

gw_fold *gw_fold_new(gw_arena *arena)
{
    gw_fold *f = gw_arena_calloc(arena, 1, sizeof(*f));
    if (f != NULL) {
        f->arena = arena;
        f->head.usage = gw_usage_unknown();
    }
    return f;
}

int gw_fold_event(void *fold, const gw_event *event)
{
    gw_fold *f = fold;
    if (f->ended || f->errored)
        return AIGW_E_UPSTREAM;
    if (event->kind == GW_EV_START)
        return start(f, event);
    if (event->kind == GW_EV_ERROR)
        return fail(f, event);
    if (event->kind == GW_EV_PING)
        return AIGW_OK;
    if (!f->started)
        return AIGW_E_UPSTREAM;
    switch (event->kind) {
    case GW_EV_USAGE:
        gw_usage_merge(&f->head.usage, &event->usage);
        return keep_raw(f->arena, &f->head.usage_raw, event->usage_raw);
    case GW_EV_END:
        for (size_t i = 0; i < f->count; i++) {
            if (any_open(&f->choices[i]))
                return AIGW_E_UPSTREAM;
        }
        f->ended = true;
        return AIGW_OK;
    default:
        return choice_event(f, event);
    }
}

int gw_fold_result(gw_fold *f, gw_answer *out, gw_api_error *api_error)
{
    if (f->errored) {
        if (api_error != NULL)
            *api_error = f->error;
        return AIGW_E_UPSTREAM;
    }
    if (!f->ended)
        return AIGW_AGAIN;
    gw_answer answer = f->head;
    answer.choice_count = f->count;
    if (f->count > 0) {
        answer.choices = gw_arena_calloc(f->arena, f->count, sizeof(*answer.choices));
        if (answer.choices == NULL)
            return AIGW_E_NOMEM;
    }
    for (size_t i = 0; i < f->count; i++) {
        int rc = join_choice(f->arena, &f->choices[i], &answer.choices[i]);
        if (rc != AIGW_OK)
            return rc;
    }
    *out = answer;
    return AIGW_OK;
}

int gw_unfold(const gw_answer *answer, const gw_event_sink *sink)
{
    gw_event ev = {.kind = GW_EV_START, .usage = gw_usage_unknown()};
    ev.id = answer->id;
    ev.model = answer->model;
    ev.created = answer->created;
    ev.service_tier = answer->service_tier;
    ev.fingerprint = answer->fingerprint;
    int rc = gw_emit(sink, &ev);
    for (size_t i = 0; i < answer->choice_count && rc == AIGW_OK; i++)
        rc = unfold_choice(&answer->choices[i], (uint32_t)i, sink);
    if (rc != AIGW_OK)
        return rc;
    ev = (gw_event){.kind = GW_EV_USAGE, .usage = answer->usage, .usage_raw = answer->usage_raw};
    rc = gw_emit(sink, &ev);
    if (rc != AIGW_OK)
        return rc;
    ev = (gw_event){.kind = GW_EV_END, .usage = gw_usage_unknown()};
    return gw_emit(sink, &ev);
}
