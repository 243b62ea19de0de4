/* Event streams: any split gives the same events, and raw bytes put together are the input. */
#include "base/text.h"
#include "proto/sse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_EVENT 200u

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* What a run has seen: events with data as one text, and the raw bytes. */
typedef struct trace {
    gw_buf events;
    gw_buf raw;
} trace;

static int record(void *user, const gw_sse_event *event)
{
    trace *t = user;
    check(event->type.data != NULL && event->data.data != NULL);
    check(event->has_data || event->data.len == 0);
    gw_buf_printf(&t->events, "%d %zu %zu:", event->has_data, event->type.len, event->data.len);
    gw_buf_add(&t->events, event->type);
    gw_buf_add(&t->events, event->data);
    gw_buf_add(&t->raw, event->raw);
    return 0;
}

/* The first byte of the input seeds where it is cut. */
static int run(trace *t, aigw_slice text, uint32_t seed, bool whole)
{
    gw_sse r;
    gw_sse_init(&r, MAX_EVENT);
    gw_buf_init(&t->events, SIZE_MAX);
    gw_buf_init(&t->raw, SIZE_MAX);
    int rc = 0;
    size_t given = 0;
    while (given < text.len && rc == 0) {
        seed = seed * 1664525u + 1013904223u;
        size_t n = whole ? text.len : (seed >> 24) % ((seed >> 8 & 1) ? 3 : 40);
        n = n < text.len - given ? n : text.len - given;
        char *exact = malloc(n + 1); /* so that a sanitizer sees reads too far */
        check(exact != NULL);
        memcpy(exact, text.data + given, n);
        rc = gw_sse_feed(&r, gw_slice(exact, n), record, t);
        free(exact);
        given += n;
    }
    if (rc == 0) {
        check(gw_buf_len(&t->raw) + gw_buf_len(&r.pending) == text.len);
        check(gw_sse_end(&r, record, t) == 0);
    } else {
        check(r.failed && gw_sse_feed(&r, GW_S("x"), record, t) == rc);
    }
    aigw_slice raw = gw_buf_slice(&t->raw);
    check(gw_starts(text, raw));
    gw_sse_free(&r);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    aigw_slice text = {(const char *)data + 1, size - 1};
    trace whole, split;
    int rc = run(&whole, text, 0, true);
    for (uint32_t i = 0; i < 4; i++) {
        check(run(&split, text, data[0] * 4u + i, false) == rc);
        check(gw_eq(gw_buf_slice(&whole.events), gw_buf_slice(&split.events)));
        gw_buf_free(&split.events);
        gw_buf_free(&split.raw);
    }
    gw_buf_free(&whole.events);
    gw_buf_free(&whole.raw);
    return 0;
}
