/*
 * The public translation of a stream: a reader, a writer, and between them nothing but a count of usage.
 * Within one format the bytes pass, watched by the tap. Knows no format's fields and no provider.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "chat/wrap.h"
#include "wire/carries.h"
#include "wire/wire.h"
#include <aigw/translate.h>

#include <string.h>

enum {
    MAX_EVENT_BYTES = 16 * 1024 * 1024,
    MAX_OUTPUT_BYTES = 256 * 1024 * 1024,
    MAX_REQUEST_BYTES = 256 * 1024 * 1024,
    ARENA_PER_BYTE = 96,
    ARENA_AT_LEAST = 1024 * 1024,
    NOTES_BYTES = 64 * 1024
};

struct aigw_stream {
    const gw_wire *from, *to;
    void *reader, *writer, *tap;
    gw_sse sse; /* of the tap */
    gw_buf out;
    aigw_usage usage;
    bool failed, done, ending;
    gw_arena *asked; /* of the request that is answered, if we were given it */
    gw_json_doc doc;
    gw_chat_request request;
    gw_unwrap unwrap;
    gw_losses losses;
    gw_notes notes;
    gw_arena *noted; /* of the notes */
};

static void *new_state(size_t bytes)
{
    return gw_calloc(1, bytes > 0 ? bytes : 1);
}

static int init_states(aigw_stream *s, const gw_answer_options *answer)
{
    s->writer = new_state(s->to->writer_size);
    int rc = s->writer == NULL ? AIGW_E_NOMEM : s->to->writer_init(s->writer, answer);
    if (rc != AIGW_OK) {
        gw_free(s->writer);
        s->writer = NULL;
        return rc;
    }
    if (s->from == s->to && s->from->tap_event != NULL) {
        s->tap = new_state(s->from->tap_size);
        if (s->tap == NULL) {
            return AIGW_E_NOMEM;
        }
        s->from->tap_init(s->tap, !answer->include_usage);
        return AIGW_OK;
    }
    s->reader = new_state(s->from->reader_size);
    rc = s->reader == NULL ? AIGW_E_NOMEM : s->from->reader_init(s->reader, MAX_EVENT_BYTES);
    if (rc != AIGW_OK) {
        gw_free(s->reader);
        s->reader = NULL;
    }
    return rc;
}

static int on_event(void *user, const gw_event *event)
{
    aigw_stream *s = user;
    if (event->kind == GW_EV_USAGE) {
        gw_usage_merge(&s->usage, &event->usage);
    }
    return s->to->writer_event(s->writer, event, &s->out);
}

static int read_asked(aigw_stream *s, aigw_slice request, aigw_error *err)
{
    if (request.len > MAX_REQUEST_BYTES) {
        return gw_fail(err, AIGW_E_LIMIT, "too_large", "the request is too large");
    }
    s->asked = gw_arena_new(request.len * ARENA_PER_BYTE + ARENA_AT_LEAST);
    aigw_slice text = {NULL, 0};
    if (s->asked != NULL) {
        text = gw_arena_copy(s->asked, request);
    }
    if (text.data == NULL) {
        return gw_fail_nomem(err);
    }
    int rc = gw_json_parse(s->asked, text, NULL, &s->doc, err);
    if (rc == AIGW_OK) {
        rc = s->to->read_request(s->asked, &s->doc, &s->request, err);
    }
    if (rc == AIGW_OK) {
        gw_unwrap_init(&s->unwrap, &s->request, (gw_event_sink){on_event, s});
    }
    return rc;
}

/* From the reader: what is lost, then what unwraps, then the writer. */
static gw_event_sink sink_of(aigw_stream *s)
{
    s->losses.next = s->unwrap.request != NULL ? (gw_event_sink){gw_unwrap_event, &s->unwrap}
                                               : (gw_event_sink){on_event, s};
    return (gw_event_sink){gw_losses_event, &s->losses};
}

int aigw_stream_new(aigw_format from, aigw_format to, const aigw_stream_options *options,
                    aigw_stream **out, aigw_error *err)
{
    aigw_stream_options given = {.include_usage = true};
    if (options != NULL) {
        size_t size = options->size < sizeof given ? options->size : sizeof given;
        memcpy(&given, options, size);
    }
    const gw_wire *source = gw_wire_of(from), *target = gw_wire_of(to);
    if (source == NULL || target == NULL) {
        return gw_fail(err, AIGW_E_INVALID, "unknown_format", "no such format");
    }
    aigw_stream *s = gw_calloc(1, sizeof *s);
    if (s == NULL) {
        return gw_fail_nomem(err);
    }
    s->from = source;
    s->to = target;
    s->usage = gw_usage_unknown();
    gw_sse_init(&s->sse, MAX_EVENT_BYTES);
    gw_buf_init(&s->out, MAX_OUTPUT_BYTES);
    gw_answer_options answer = {.id_seed = GW_S("00000000"),
                                .created = given.created_unix_s,
                                .include_usage = given.include_usage,
                                .json_array = given.json_array};
    s->noted = gw_arena_new(NOTES_BYTES);
    if (s->noted == NULL) {
        aigw_stream_free(s);
        return gw_fail_nomem(err);
    }
    s->notes = (gw_notes){.arena = s->noted, .strict = given.strict};
    s->losses = (gw_losses){.from = from, .to = to, .notes = &s->notes};
    int rc = given.request.len > 0 && from != to ? read_asked(s, given.request, err) : AIGW_OK;
    if (rc != AIGW_OK) {
        aigw_stream_free(s);
        return rc;
    }
    answer.request = s->asked != NULL ? &s->doc : NULL;
    rc = init_states(s, &answer) != AIGW_OK ? gw_fail_nomem(err) : AIGW_OK;
    if (rc != AIGW_OK) {
        aigw_stream_free(s);
        return rc;
    }
    *out = s;
    return AIGW_OK;
}

static int fail(aigw_stream *s, const char *why, aigw_error *err)
{
    gw_event event = {.kind = GW_EV_ERROR, .usage = gw_usage_unknown()};
    event.error = (gw_api_error){.kind = GW_ERR_UPSTREAM, .message = gw_jstr_lit(why)};
    s->to->writer_event(s->writer, &event, &s->out);
    gw_fail(err, AIGW_E_UPSTREAM, "broken_stream", "%s", why);
    if (err != NULL) {
        err->http_status = 502;
    }
    return AIGW_E_UPSTREAM;
}

static int on_raw_event(void *user, const gw_sse_event *event)
{
    aigw_stream *s = user;
    gw_tap_verdict verdict = s->from->tap_event(s->tap, event, &s->usage);
    if (verdict == GW_TAP_DROP) {
        return AIGW_OK;
    }
    if (verdict == GW_TAP_BROKEN) {
        return fail(s, "the stream holds data that is not of its format", NULL);
    }
    bool repair = (verdict == GW_TAP_REPAIR || verdict == GW_TAP_LAST) &&
                  s->from->tap_repair != NULL &&
                  s->from->tap_repair(s->tap, event, verdict, &s->out);
    if (!repair) {
        gw_buf_add(&s->out, event->raw);
    }
    if (s->ending) {
        gw_buf_puts(&s->out, "\n\n"); /* the event that lacked its blank line */
    }
    if (s->out.failed) {
        return AIGW_E_LIMIT;
    }
    s->done = s->done || verdict == GW_TAP_LAST;
    return verdict == GW_TAP_ERROR ? AIGW_E_UPSTREAM : AIGW_OK;
}

static int settle(aigw_stream *s, int rc, aigw_error *err)
{
    s->failed = s->failed || rc != AIGW_OK;
    switch (rc) {
    case AIGW_OK:
    case AIGW_E_UPSTREAM:
        return rc;
    case AIGW_E_UNSUPPORTED:
        return gw_fail(err, rc, "unsupported", "the answer holds what the format cannot say");
    case AIGW_E_LIMIT:
        return gw_fail(err, rc, "too_large", "the stream outgrew its buffer");
    default:
        return gw_fail_nomem(err);
    }
}

static int failed_before(aigw_error *err)
{
    return gw_fail(err, AIGW_E_UPSTREAM, "broken_stream", "the stream has failed");
}

int aigw_stream_feed(aigw_stream *s, aigw_slice bytes, aigw_error *err)
{
    if (s->failed) {
        return failed_before(err);
    }
    if (s->reader != NULL) {
        gw_event_sink sink = sink_of(s);
        return settle(s, s->from->reader_feed(s->reader, bytes, &sink, err), err);
    }
    int rc = gw_sse_feed(&s->sse, bytes, on_raw_event, s);
    if (rc == AIGW_E_LIMIT && s->sse.failed) {
        rc = fail(s, "The provider sent an event that is too large.", err);
    } else if (rc == AIGW_E_UPSTREAM) {
        gw_fail(err, rc, "upstream_error", "the provider broke off with an error");
    }
    return settle(s, rc, err);
}

int aigw_stream_finish(aigw_stream *s, aigw_error *err)
{
    if (s->failed) {
        return failed_before(err);
    }
    if (s->reader != NULL) {
        gw_event_sink sink = sink_of(s);
        return settle(s, s->from->reader_end(s->reader, &sink, err), err);
    }
    s->ending = true;
    int rc = gw_sse_end(&s->sse, on_raw_event, s);
    if (rc == AIGW_OK && !s->done && !s->from->tap_complete(s->tap)) {
        rc = fail(s, "The provider's stream ended before its answer did.", err);
    }
    return settle(s, rc, err);
}

aigw_slice aigw_stream_output(const aigw_stream *s)
{
    return gw_buf_slice(&s->out);
}

void aigw_stream_consume(aigw_stream *s, size_t n)
{
    gw_buf_consume(&s->out, n);
}

void aigw_stream_usage(const aigw_stream *s, aigw_usage *out)
{
    *out = s->usage;
}

size_t aigw_stream_drop_count(const aigw_stream *s)
{
    return s->notes.count;
}

aigw_drop aigw_stream_drop(const aigw_stream *s, size_t i)
{
    return (aigw_drop){s->notes.items[i].pointer, aigw_slice_of(s->notes.items[i].reason)};
}

void aigw_stream_free(aigw_stream *s)
{
    if (s == NULL) {
        return;
    }
    if (s->reader != NULL) {
        s->from->reader_free(s->reader);
    }
    if (s->writer != NULL) {
        s->to->writer_free(s->writer);
    }
    gw_unwrap_free(&s->unwrap);
    gw_arena_free(s->asked);
    gw_arena_free(s->noted);
    gw_free(s->reader);
    gw_free(s->writer);
    gw_free(s->tap);
    gw_sse_free(&s->sse);
    gw_buf_free(&s->out);
    gw_free(s);
}
