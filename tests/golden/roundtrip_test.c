/* read, write, read again: each codec says what it has read, over every fixture of its format. */
/* Must not know what a fixture says, only that it says the same twice. */
#include "golden/fixtures.h"

#include "wire/wire.h"

static fixtures all;

static void put(gw_buf *b, const char *name, aigw_slice value)
{
    if (value.data != NULL) {
        gw_buf_printf(b, " %s=", name);
        gw_buf_add(b, value);
    }
}

static void put_number(gw_buf *b, const char *name, int64_t n)
{
    gw_buf_printf(b, " %s=%lld", name, (long long)n);
}

/* A value without white space: a writer may leave it out. */
static void put_raw(gw_buf *b, const char *name, gw_raw raw)
{
    bool in_string = false;
    if (!gw_has_raw(raw))
        return;
    gw_buf_printf(b, " %s=", name);
    for (size_t i = 0; i < raw.json.len; i++) {
        char c = raw.json.data[i];
        if (c == '\\' && i + 1 < raw.json.len) {
            gw_buf_append(b, raw.json.data + i++, 2);
            continue;
        }
        in_string = in_string != (c == '"');
        if (in_string || strchr(" \t\r\n", c) == NULL)
            gw_buf_putc(b, c);
    }
}

static void dump_part(gw_buf *b, gw_arena *arena, const gw_part *p, int depth)
{
    gw_jstr args = {{NULL, 0}};
    gw_buf_printf(b, "%*s%d", depth, "", (int)p->kind);
    put(b, "text", p->text.inner);
    put(b, "type", p->media_type.inner);
    put(b, "data", p->data.inner);
    put(b, "url", p->url.inner);
    put(b, "file", p->file_id.inner);
    put(b, "name", p->name.inner);
    put(b, "detail", p->detail.inner);
    put(b, "id", p->id.inner);
    put(b, "tool", p->tool_name.inner);
    if (p->kind == GW_PART_TOOL_CALL)
        assert_int_equal(gw_part_args_text(arena, p, &args, NULL), AIGW_OK);
    put(b, "args", args.inner);
    put_number(b, "custom", p->custom);
    put_number(b, "error", p->is_error);
    put(b, "signature", p->signature.inner);
    put_number(b, "origin", (int)p->origin);
    put_number(b, "cache", (int)p->cache);
    put_raw(b, "citations", p->citations);
    if (p->kind == GW_PART_NATIVE)
        put_raw(b, "raw", p->raw);
    gw_buf_putc(b, '\n');
    for (size_t i = 0; i < p->part_count; i++)
        dump_part(b, arena, &p->parts[i], depth + 1);
}

static void dump_tools(gw_buf *b, const gw_chat_request *r)
{
    for (size_t i = 0; i < r->tool_count; i++) {
        const gw_tool *t = &r->tools[i];
        put(b, "tool", t->name.inner);
        put(b, "description", t->description.inner);
        put_raw(b, "schema", t->schema);
        put_number(b, "strict", t->strict);
        put_number(b, "custom", t->custom);
        put_number(b, "cache", (int)t->cache);
        if (t->native)
            put_raw(b, "raw", t->raw);
        gw_buf_putc(b, '\n');
    }
    put_number(b, "choice", (int)r->tool_choice);
    for (size_t i = 0; i < r->tool_name_count; i++)
        put(b, "of", r->tool_names[i].inner);
    put_number(b, "parallel", r->parallel_tool_calls);
}

static void dump_settings(gw_buf *b, const gw_chat_request *r)
{
    put_number(b, "max", r->max_tokens);
    put_raw(b, "temperature", r->temperature);
    put_raw(b, "top_p", r->top_p);
    put_raw(b, "top_k", r->top_k);
    put_raw(b, "seed", r->seed);
    put_raw(b, "presence", r->presence_penalty);
    put_raw(b, "frequency", r->frequency_penalty);
    for (size_t i = 0; i < r->stop_count; i++)
        put(b, "stop", r->stop[i].inner);
    put_number(b, "n", r->n);
    put_number(b, "shape", (int)r->shape);
    put(b, "schema_name", r->schema_name.inner);
    put_raw(b, "schema", r->schema);
    put_number(b, "strict", r->schema_strict);
    put_number(b, "effort", (int)r->effort);
    put_number(b, "thinking", (int)r->thinking);
    put_number(b, "budget", r->thinking_budget);
    put_number(b, "hidden", r->thinking_hidden);
    put(b, "user", r->user_id.inner);
    put_raw(b, "metadata", r->metadata);
    put(b, "tier", r->service_tier.inner);
    put(b, "verbosity", r->verbosity.inner);
    put_number(b, "logprobs", r->logprobs);
    put_number(b, "top_logprobs", r->top_logprobs);
    put_raw(b, "modalities", r->modalities);
    put_raw(b, "audio", r->audio);
    put(b, "cache_key", r->prompt_cache_key.inner);
    put_number(b, "store", r->store);
    put_number(b, "stream", r->stream);
    put_number(b, "usage", r->include_usage);
    for (size_t i = 0; i < r->extra_count; i++) {
        put(b, "extra", gw_json_inner(r->doc, r->extras[i].key));
        put_raw(b, "is", gw_raw_of(r->doc, r->extras[i].value));
    }
}

static void dump_request(gw_buf *b, gw_arena *arena, const gw_chat_request *r)
{
    int role = -1;
    put(b, "model", r->model.inner);
    gw_buf_putc(b, '\n');
    for (size_t i = 0; i < r->message_count; i++) {
        const gw_message *m = &r->messages[i];
        /* Neighbours of one role are one turn to Anthropic. */
        if (m->part_count > 0 && (r->format != AIGW_FORMAT_ANTHROPIC || role != (int)m->role)) {
            gw_buf_printf(b, "role %d", role = (int)m->role);
            put(b, "name", m->name.inner);
            gw_buf_putc(b, '\n');
        }
        for (size_t k = 0; k < m->part_count; k++)
            dump_part(b, arena, &m->parts[k], 1);
    }
    dump_tools(b, r);
    dump_settings(b, r);
}

static void dump_answer(gw_buf *b, const gw_answer *a)
{
    put(b, "id", a->id.inner);
    put(b, "model", a->model.inner);
    put(b, "tier", a->service_tier.inner);
    put(b, "fingerprint", a->fingerprint.inner);
    put_number(b, "created", a->created);
    put_number(b, "input", a->usage.input_tokens);
    put_number(b, "output", a->usage.output_tokens);
    put_number(b, "cached", a->usage.cached_tokens < 0 ? 0 : a->usage.cached_tokens);
    put_number(b, "written", a->usage.cache_write_tokens < 0 ? 0 : a->usage.cache_write_tokens);
    put_number(b, "reasoning", a->usage.reasoning_tokens < 0 ? 0 : a->usage.reasoning_tokens);
    for (size_t i = 0; i < a->choice_count; i++) {
        const gw_choice *c = &a->choices[i];
        gw_buf_printf(b, "\nchoice finish=%d", (int)c->finish);
        put(b, "sequence", c->stop_sequence.inner);
        put(b, "refusal", c->refusal.inner);
        put_raw(b, "logprobs", c->logprobs);
        for (size_t k = 0; k < c->block_count; k++) {
            const gw_block *block = &c->blocks[k];
            gw_buf_printf(b, "\n block %d", (int)block->kind);
            put(b, "text", block->text.inner);
            put(b, "id", block->call_id.inner);
            put(b, "tool", block->tool_name.inner);
            put_number(b, "custom", block->custom);
            put(b, "signature", block->signature.inner);
            put_number(b, "origin", (int)block->origin);
            put_raw(b, "raw", block->raw);
        }
    }
}

typedef struct trip {
    gw_arena *arena;
    gw_buf first, second, wire;
    gw_json_doc doc;
} trip;

static void trip_open(trip *t)
{
    t->arena = gw_arena_new(256u << 20);
    assert_non_null(t->arena);
    gw_buf_init(&t->first, 64u << 20);
    gw_buf_init(&t->second, 64u << 20);
    gw_buf_init(&t->wire, 64u << 20);
}

static void trip_close(trip *t)
{
    gw_buf_free(&t->first);
    gw_buf_free(&t->second);
    gw_buf_free(&t->wire);
    gw_arena_free(t->arena);
}

static bool same(const trip *t, const fixture *f)
{
    aigw_slice a = gw_buf_slice(&t->first), b = gw_buf_slice(&t->second);
    if (gw_eq(a, b))
        return true;
    size_t i = 0;
    while (i < a.len && i < b.len && a.data[i] == b.data[i])
        i++;
    size_t from = i < 40 ? 0 : i - 40;
    printf("%s/%s.%s:\n  first  %.*s\n  second %.*s\n", f->provider, f->name, f->kind,
           (int)(a.len - from < 160 ? a.len - from : 160), a.data + from,
           (int)(b.len - from < 160 ? b.len - from : 160), b.data + from);
    return false;
}

static bool parse(trip *t, aigw_slice text)
{
    gw_json_limits lenient = {.lone_surrogates = true};
    return gw_json_parse(t->arena, text, &lenient, &t->doc, NULL) == AIGW_OK;
}

static bool trip_request(trip *t, const gw_wire *wire, aigw_slice text)
{
    gw_chat_request r;
    gw_notes notes = {.arena = t->arena};
    gw_write_options options = {0};
    aigw_error err = {0};
    if (!parse(t, text) || wire->read_request(t->arena, &t->doc, &r, &err) != AIGW_OK)
        return false; /* a request that is bad on purpose */
    dump_request(&t->first, t->arena, &r);
    gw_json_doc kept = t->doc;
    r.doc = &kept;
    if (wire->write_request(t->arena, &r, &options, &t->wire, &notes, &err) != AIGW_OK)
        fail_msg("%s %s", err.message, err.pointer);
    assert_int_equal(notes.count, 0); /* its own format says everything */
    assert_true(parse(t, gw_buf_slice(&t->wire)));
    if (wire->read_request(t->arena, &t->doc, &r, &err) != AIGW_OK)
        fail_msg("%s %s", err.message, err.pointer);
    dump_request(&t->second, t->arena, &r);
    return true;
}

static bool fold_answer(trip *t, const gw_wire *wire, gw_answer *out)
{
    gw_fold *fold = gw_fold_new(t->arena);
    gw_event_sink sink = {gw_fold_event, fold};
    aigw_error err = {0};
    return wire->read_answer(t->arena, &t->doc, &sink, &err) == AIGW_OK &&
           gw_fold_result(fold, out, NULL) == AIGW_OK;
}

static bool trip_answer(trip *t, const gw_wire *wire, aigw_slice text)
{
    gw_answer a;
    gw_answer_options options = {.id_seed = {"0123456789abcdef", 16}};
    aigw_error err = {0};
    if (!parse(t, text) || !fold_answer(t, wire, &a))
        return false;
    dump_answer(&t->first, &a);
    if (wire->write_answer(t->arena, &a, &options, &t->wire, &err) != AIGW_OK)
        fail_msg("%s", err.message);
    assert_true(parse(t, gw_buf_slice(&t->wire)));
    assert_true(fold_answer(t, wire, &a));
    dump_answer(&t->second, &a);
    return true;
}

typedef struct rewriting {
    gw_fold *fold;
    const gw_wire *wire;
    void *writer;
    gw_buf *out; /* NULL: only folded */
} rewriting;

static int on_event(void *user, const gw_event *event)
{
    rewriting *rw = user;
    int rc = gw_fold_event(rw->fold, event);
    if (rc == AIGW_OK && rw->out != NULL)
        rc = rw->wire->writer_event(rw->writer, event, rw->out);
    return rc;
}

static bool fold_stream(trip *t, const gw_wire *wire, aigw_slice text, gw_buf *out, gw_answer *a)
{
    gw_answer_options options = {.id_seed = {"0123456789abcdef", 16}, .include_usage = true};
    rewriting rw = {gw_fold_new(t->arena), wire, calloc(1, wire->writer_size), out};
    void *reader = calloc(1, wire->reader_size);
    gw_event_sink sink = {on_event, &rw};
    assert_int_equal(wire->writer_init(rw.writer, &options), AIGW_OK);
    assert_int_equal(wire->reader_init(reader, 4u << 20), AIGW_OK);
    int rc = wire->reader_feed(reader, text, &sink, NULL);
    if (rc == AIGW_OK)
        rc = wire->reader_end(reader, &sink, NULL);
    wire->reader_free(reader);
    wire->writer_free(rw.writer);
    free(reader);
    free(rw.writer);
    return rc == AIGW_OK && gw_fold_result(rw.fold, a, NULL) == AIGW_OK;
}

/* What a stream cannot say as early as it must: a written Gemini stream tells its tier with the usage, at
 * its end; a Responses item has its id before its signature, which holds the provider's, is known. */
static void forget_late_words(gw_answer *a, aigw_format format)
{
    if (format == AIGW_FORMAT_GEMINI)
        a->service_tier = (gw_jstr){{NULL, 0}};
    for (size_t i = 0; format == AIGW_FORMAT_OPENAI_RESPONSES && i < a->choice_count; i++) {
        for (size_t k = 0; k < a->choices[i].block_count; k++) {
            aigw_slice *s = &a->choices[i].blocks[k].signature.inner;
            const char *colon = s->len > 0 ? memchr(s->data, ':', s->len) : NULL;
            if (colon != NULL)
                *s = gw_skip(*s, (size_t)(colon - s->data));
        }
    }
}

static bool trip_stream(trip *t, const gw_wire *wire, aigw_slice text)
{
    gw_answer a;
    if (!fold_stream(t, wire, text, &t->wire, &a))
        return false; /* a stream that is bad on purpose */
    forget_late_words(&a, wire->format);
    dump_answer(&t->first, &a);
    assert_true(fold_stream(t, wire, gw_buf_slice(&t->wire), NULL, &a));
    forget_late_words(&a, wire->format);
    dump_answer(&t->second, &a);
    return true;
}

static void test_read_write_read(void **state)
{
    (void)state;
    size_t wrong = 0, done = 0;
    for (size_t i = 0; i < all.count; i++) {
        const fixture *f = &all.items[i];
        const gw_wire *wire = gw_wire_of(f->format);
        size_t len = 0;
        char *text = fixture_read(f->path, &len);
        assert_non_null(text);
        trip t;
        trip_open(&t);
        bool read = strcmp(f->kind, "request.json") == 0
                        ? trip_request(&t, wire, gw_slice(text, len))
                    : fixture_is_stream(f) ? trip_stream(&t, wire, gw_slice(text, len))
                    : f->status < 400      ? trip_answer(&t, wire, gw_slice(text, len))
                                           : false;
        wrong += read && !same(&t, f);
        done += read;
        trip_close(&t);
        free(text);
    }
    assert_int_equal(wrong, 0);
    assert_true(done * 4 > all.count * 3); /* the rest are errors, or bad on purpose */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read_write_read)};
    return fixtures_load(&all) ? cmocka_run_group_tests(tests, NULL, NULL) : fixtures_absent();
}
