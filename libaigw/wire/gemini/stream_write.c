/* Neutral events as a stream of the API: server-sent events, or the elements of one JSON array. */
/* Must not know where the events come from. */
#include "wire/gemini/stream.h"

#include "wire/gemini/answer.h"

enum {
    MAX_CHOICES = 128,
    MAX_CALLS = 256,
    WORDS_MAX = 64 << 10,
    ARGS_MAX = 16 << 20,
    CITATIONS_MAX = 16 << 20,
    ARENA_MAX = 512 << 20
};

int gw_gm_writer_init(void *state, const gw_answer_options *options)
{
    gw_gm_writer *wr = state;
    gw_buf_init(&wr->id, WORDS_MAX);
    gw_buf_init(&wr->model, WORDS_MAX);
    gw_buf_init(&wr->tier, WORDS_MAX);
    wr->seed_len = options->id_seed.len < sizeof wr->seed ? options->id_seed.len : sizeof wr->seed;
    if (wr->seed_len > 0)
        memcpy(wr->seed, options->id_seed.data, wr->seed_len);
    wr->created = options->created;
    wr->json_array = options->json_array;
    wr->usage = gw_usage_unknown();
    wr->arena = gw_arena_new(ARENA_MAX);
    return wr->arena == NULL ? AIGW_E_NOMEM : AIGW_OK;
}

static void free_call(gw_gm_open_call *call)
{
    gw_buf_free(&call->id);
    gw_buf_free(&call->name);
    gw_buf_free(&call->args);
    gw_buf_free(&call->signature);
}

void gw_gm_writer_free(void *state)
{
    gw_gm_writer *wr = state;
    for (uint32_t i = 0; i < wr->count; i++) {
        gw_gm_out_choice *c = &wr->choices[i];
        for (uint32_t k = 0; k < c->call_count; k++)
            free_call(&c->calls[k]);
        gw_free(c->calls);
        gw_buf_free(&c->signature);
        gw_buf_free(&c->citations);
        gw_buf_free(&c->native);
        gw_buf_free(&c->refusal);
    }
    gw_free(wr->choices);
    gw_buf_free(&wr->id);
    gw_buf_free(&wr->model);
    gw_buf_free(&wr->tier);
    gw_arena_free(wr->arena);
    *wr = (gw_gm_writer){0};
}

static int choice_at(gw_gm_writer *wr, uint32_t index, gw_gm_out_choice **out)
{
    if (index >= MAX_CHOICES)
        return AIGW_E_LIMIT;
    if (index >= wr->cap) {
        uint32_t cap = wr->cap == 0 ? 1 : wr->cap * 2;
        while (cap <= index)
            cap *= 2;
        gw_gm_out_choice *more = gw_realloc(wr->choices, cap * sizeof *more);
        if (more == NULL)
            return AIGW_E_NOMEM;
        wr->choices = more;
        wr->cap = cap;
    }
    while (wr->count <= index) {
        gw_gm_out_choice *c = &wr->choices[wr->count++];
        *c = (gw_gm_out_choice){0};
        gw_buf_init(&c->signature, ARGS_MAX);
        gw_buf_init(&c->citations, CITATIONS_MAX);
        gw_buf_init(&c->native, WORDS_MAX);
        gw_buf_init(&c->refusal, WORDS_MAX);
    }
    *out = &wr->choices[index];
    (*out)->seen = true;
    return AIGW_OK;
}

static void begin(gw_gm_writer *wr, gw_buf *out)
{
    if (!wr->json_array)
        gw_buf_puts(out, "data: ");
    else
        gw_buf_puts(out, wr->begun ? ",\r\n" : "[");
    wr->begun = true;
    wr->chunk = gw_buf_len(out);
}

/* An event is one line: what came as it stood (sources, parts of the vendor's) may have line ends between
 * its tokens. */
static void end(const gw_gm_writer *wr, gw_buf *out)
{
    if (wr->json_array || out->failed)
        return;
    char *at = out->data + out->start + wr->chunk, *stop = out->data + out->end;
    for (char *p = at; (p = memchr(p, '\n', (size_t)(stop - p))) != NULL;)
        *p = ' ';
    for (char *p = at; (p = memchr(p, '\r', (size_t)(stop - p))) != NULL;)
        *p = ' ';
    gw_buf_puts(out, "\r\n\r\n");
}

static gw_jstr text_of(const gw_buf *buf)
{
    return (gw_jstr){gw_buf_slice(buf)};
}

static void write_head(const gw_gm_writer *wr, gw_jw *w)
{
    gw_gm_write_ids(w, text_of(&wr->id), text_of(&wr->model), gw_slice(wr->seed, wr->seed_len));
    if (wr->created > 0) {
        gw_jw_key(w, "createTime");
        gw_gm_time_write(w, wr->created);
    }
}

/* A chunk with one candidate, up to its parts; what a part is follows. */
static gw_jw open_chunk(gw_gm_writer *wr, gw_buf *out)
{
    begin(wr, out);
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "candidates");
    gw_jw_array(&w);
    gw_jw_object(&w);
    gw_jw_key(&w, "content");
    gw_jw_object(&w);
    gw_jw_key(&w, "parts");
    gw_jw_array(&w);
    return w;
}

static void close_chunk(gw_gm_writer *wr, gw_jw *w, uint32_t index, gw_raw logprobs)
{
    gw_jw_array_end(w);
    gw_jw_key(w, "role");
    gw_jw_str(w, "model");
    gw_jw_object_end(w);
    gw_jw_key(w, "index");
    gw_jw_int(w, index);
    if (gw_has_raw(logprobs)) {
        gw_arena_reset(wr->arena);
        gw_gm_logprobs_write(wr->arena, w, logprobs);
    }
    gw_jw_object_end(w);
    gw_jw_array_end(w);
    write_head(wr, w);
    gw_jw_object_end(w);
    end(wr, w->buf);
}

static const gw_raw no_raw = {{NULL, 0}};

static void write_text(gw_gm_writer *wr, const gw_event *ev, gw_gm_out_choice *c, gw_buf *out)
{
    gw_jstr signature = ev->signature;
    aigw_format origin = ev->origin;
    if (signature.inner.len == 0 && gw_buf_len(&c->signature) > 0) {
        signature = text_of(&c->signature);
        origin = c->origin;
    }
    gw_jw w = open_chunk(wr, out);
    gw_gm_write_text_part(&w, ev->delta, ev->block_kind == GW_BLOCK_THINKING, signature, origin);
    close_chunk(wr, &w, ev->choice, ev->logprobs);
    gw_buf_clear(&c->signature);
}

static int keep(gw_buf *buf, gw_jstr text)
{
    return text.inner.len == 0 || gw_buf_add(buf, text.inner) ? AIGW_OK : AIGW_E_LIMIT;
}

static int open_call(gw_gm_out_choice *c, const gw_event *ev)
{
    if (c->call_count >= MAX_CALLS)
        return AIGW_E_LIMIT;
    if (c->call_count == c->call_cap) {
        uint32_t cap = c->call_cap == 0 ? 2 : c->call_cap * 2;
        gw_gm_open_call *more = gw_realloc(c->calls, cap * sizeof *more);
        if (more == NULL)
            return AIGW_E_NOMEM;
        c->calls = more;
        c->call_cap = cap;
    }
    gw_gm_open_call *call = &c->calls[c->call_count++];
    *call = (gw_gm_open_call){
        .block = ev->block, .open = true, .custom = ev->custom, .origin = ev->origin};
    gw_buf_init(&call->id, WORDS_MAX);
    gw_buf_init(&call->name, WORDS_MAX);
    gw_buf_init(&call->args, ARGS_MAX);
    gw_buf_init(&call->signature, ARGS_MAX);
    int rc = keep(&call->id, ev->call_id);
    if (rc == AIGW_OK)
        rc = keep(&call->name, ev->tool_name);
    return rc == AIGW_OK ? keep(&call->signature, ev->signature) : rc;
}

static gw_gm_open_call *find_call(gw_gm_out_choice *c, uint32_t block)
{
    for (uint32_t i = 0; i < c->call_count; i++) {
        if (c->calls[i].open && c->calls[i].block == block)
            return &c->calls[i];
    }
    return NULL;
}

static int write_call(gw_gm_writer *wr, gw_gm_open_call *call, uint32_t index, bool cut_short,
                      gw_buf *out)
{
    const gw_gm_called said = {text_of(&call->id), text_of(&call->name),      text_of(&call->args),
                               call->custom,       text_of(&call->signature), call->origin,
                               cut_short};
    size_t before = gw_buf_len(out);
    bool begun = wr->begun;
    gw_jw w = open_chunk(wr, out);
    gw_arena_reset(wr->arena);
    int rc = gw_gm_write_call_part(wr->arena, &w, &said, NULL);
    if (rc == AIGW_OK) {
        close_chunk(wr, &w, index, no_raw);
        return AIGW_OK;
    }
    gw_buf_truncate(out, before);
    wr->begun = begun;
    return rc;
}

/* A call goes out when it is complete. Arguments that are no object wait for the reason of the end. */
static int close_call(gw_gm_writer *wr, gw_gm_out_choice *c, const gw_event *ev, gw_buf *out)
{
    gw_gm_open_call *call = find_call(c, ev->block);
    if (call == NULL)
        return AIGW_OK;
    call->open = false;
    int rc = write_call(wr, call, ev->choice, false, out);
    if (rc == AIGW_E_UPSTREAM) {
        call->broken = true;
        return AIGW_OK;
    }
    free_call(call);
    *call = c->calls[--c->call_count];
    return rc;
}

/* Citations as the elements of one array, without its end. */
static void add_citations(gw_gm_out_choice *c, aigw_slice list)
{
    if (list.len < 2)
        return;
    bool array = list.data[0] == '[';
    if (array)
        list = gw_slice(list.data + 1, list.len - 2);
    size_t len = gw_buf_len(&c->citations);
    if (list.len == 0 || list.len + 2 > c->citations.max - len)
        return;
    gw_buf_putc(&c->citations, len == 0 ? '[' : ',');
    gw_buf_add(&c->citations, list);
}

static int on_start(gw_gm_writer *wr, gw_gm_out_choice *c, const gw_event *ev, gw_buf *out)
{
    gw_jw w;
    switch (ev->block_kind) {
    case GW_BLOCK_TOOL_CALL:
        return open_call(c, ev);
    case GW_BLOCK_REDACTED_THINKING:
        w = open_chunk(wr, out);
        gw_gm_write_redacted_part(&w, ev->delta, ev->origin);
        close_chunk(wr, &w, ev->choice, no_raw);
        return AIGW_OK;
    case GW_BLOCK_NATIVE:
        if (!gw_gm_own_part(ev->raw.json))
            return AIGW_OK;
        w = open_chunk(wr, out);
        gw_jw_raw(&w, ev->raw.json);
        close_chunk(wr, &w, ev->choice, no_raw);
        return AIGW_OK;
    default:
        add_citations(c, ev->raw.json);
        gw_buf_clear(&c->signature);
        c->origin = ev->origin;
        return keep(&c->signature, ev->signature);
    }
}

static int on_delta(gw_gm_writer *wr, gw_gm_out_choice *c, const gw_event *ev, gw_buf *out)
{
    if (ev->block_kind == GW_BLOCK_TOOL_CALL) {
        gw_gm_open_call *call = find_call(c, ev->block);
        if (call == NULL)
            return AIGW_OK;
        if (ev->signature.inner.len > 0) {
            gw_buf_clear(&call->signature);
            call->origin = ev->origin;
            keep(&call->signature, ev->signature);
        }
        return keep(&call->args, ev->delta);
    }
    if (ev->block_kind == GW_BLOCK_NATIVE || ev->block_kind == GW_BLOCK_REDACTED_THINKING)
        return AIGW_OK;
    if (ev->block_kind == GW_BLOCK_TEXT)
        add_citations(c, ev->raw.json);
    if (ev->delta.inner.len > 0 || ev->signature.inner.len > 0 || gw_has_raw(ev->logprobs))
        write_text(wr, ev, c, out);
    return AIGW_OK;
}

static int on_stop(gw_gm_writer *wr, gw_gm_out_choice *c, const gw_event *ev, gw_buf *out)
{
    if (ev->block_kind == GW_BLOCK_TOOL_CALL)
        return close_call(wr, c, ev, out);
    if (gw_buf_len(&c->signature) > 0) { /* signed, and nothing was said */
        gw_event empty = *ev;
        empty.delta = empty.signature = (gw_jstr){{NULL, 0}};
        write_text(wr, &empty, c, out);
    }
    return AIGW_OK;
}

static void write_failure(gw_gm_writer *wr, const gw_api_error *error, gw_buf *out)
{
    begin(wr, out);
    gw_gm_write_error(error, NULL, out, NULL);
    end(wr, out);
    if (wr->json_array)
        gw_buf_puts(out, "]");
    wr->ended = true;
}

static int on_finish(gw_gm_writer *wr, gw_gm_out_choice *c, const gw_event *ev, gw_buf *out)
{
    bool cut = ev->finish == GW_FINISH_LENGTH || ev->finish == GW_FINISH_CONTEXT;
    int rc = AIGW_OK;
    for (uint32_t i = 0; i < c->call_count && rc == AIGW_OK; i++) {
        if (c->calls[i].broken && !cut) {
            const gw_api_error error = {
                .kind = GW_ERR_UPSTREAM,
                .message = gw_jstr_lit("The provider called a tool with arguments that are no JSON "
                                       "object.")};
            write_failure(wr, &error, out);
            return AIGW_E_UPSTREAM;
        }
        if (c->calls[i].broken)
            rc = write_call(wr, &c->calls[i], ev->choice, true, out);
        c->calls[i].broken = false;
    }
    c->finished = true;
    c->finish = ev->finish;
    if (rc == AIGW_OK)
        rc = keep(&c->native, ev->native_finish);
    if (rc == AIGW_OK && gw_has_raw(ev->logprobs)) {
        gw_event last = *ev;
        last.delta = last.signature = (gw_jstr){{NULL, 0}};
        last.block_kind = GW_BLOCK_TEXT;
        write_text(wr, &last, c, out);
    }
    return rc == AIGW_OK ? keep(&c->refusal, ev->refusal) : rc;
}

static void write_last(gw_gm_writer *wr, gw_gm_out_choice *c, uint32_t index, gw_jw *w)
{
    gw_jw_object(w);
    gw_jw_key(w, "content");
    gw_jw_raw(w, GW_S("{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"}"));
    gw_gm_finish_write(w, c->finish, text_of(&c->native), text_of(&c->refusal));
    gw_jw_key(w, "index");
    gw_jw_int(w, index);
    if (gw_buf_len(&c->citations) > 0 && gw_buf_putc(&c->citations, ']')) {
        gw_arena_reset(wr->arena);
        gw_gm_citations_write(wr->arena, w, gw_buf_slice(&c->citations));
    }
    gw_jw_object_end(w);
}

/* The last chunk: how each candidate ended, and usage. */
static void on_end(gw_gm_writer *wr, gw_buf *out)
{
    begin(wr, out);
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "candidates");
    gw_jw_array(&w);
    for (uint32_t i = 0; i < wr->count; i++) {
        if (wr->choices[i].seen)
            write_last(wr, &wr->choices[i], i, &w);
    }
    gw_jw_array_end(&w);
    gw_gm_usage_write(&w, &wr->usage, text_of(&wr->tier));
    write_head(wr, &w);
    gw_jw_object_end(&w);
    end(wr, out);
    if (wr->json_array)
        gw_buf_puts(out, "]");
    wr->ended = true;
}

static int on_begin(gw_gm_writer *wr, const gw_event *ev)
{
    int rc = keep(&wr->id, ev->id);
    if (rc == AIGW_OK)
        rc = keep(&wr->model, ev->model);
    if (ev->created > 0)
        wr->created = ev->created;
    return rc == AIGW_OK ? keep(&wr->tier, ev->service_tier) : rc;
}

static int on_choice(gw_gm_writer *wr, const gw_event *ev, gw_buf *out)
{
    gw_gm_out_choice *c = NULL;
    int rc = choice_at(wr, ev->choice, &c);
    if (rc != AIGW_OK)
        return rc;
    switch (ev->kind) {
    case GW_EV_BLOCK_START:
        return on_start(wr, c, ev, out);
    case GW_EV_DELTA:
        return on_delta(wr, c, ev, out);
    case GW_EV_BLOCK_STOP:
        return on_stop(wr, c, ev, out);
    default:
        return on_finish(wr, c, ev, out);
    }
}

int gw_gm_writer_event(void *state, const gw_event *ev, gw_buf *out)
{
    gw_gm_writer *wr = state;
    int rc = AIGW_OK;
    if (wr->ended)
        return AIGW_OK;
    switch (ev->kind) {
    case GW_EV_START:
        rc = on_begin(wr, ev);
        break;
    case GW_EV_USAGE:
        gw_usage_merge(&wr->usage, &ev->usage);
        break;
    case GW_EV_PING: /* an empty line: Google's own SDK for Python takes a comment for an answer */
        gw_buf_puts(out, wr->json_array ? "\n" : "\r\n");
        break;
    case GW_EV_END:
        on_end(wr, out);
        break;
    case GW_EV_ERROR:
        write_failure(wr, &ev->error, out);
        break;
    default:
        rc = on_choice(wr, ev, out);
        break;
    }
    return rc == AIGW_OK && out->failed ? AIGW_E_LIMIT : rc;
}
