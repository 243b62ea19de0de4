/* Reads server-sent events from any split of their bytes. */
/* Must not know what the data of an event means. */
#include "proto/sse.h"

#include "base/text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define TERMINATOR_BYTES 8u /* room for the blank line and the lead */

void gw_sse_init(gw_sse *r, size_t max_event_bytes)
{
    *r = (gw_sse){.max_event_bytes = max_event_bytes};
    size_t max = max_event_bytes;
    if (__builtin_add_overflow(max, TERMINATOR_BYTES, &max))
        max = SIZE_MAX;
    gw_buf_init(&r->pending, max);
    gw_buf_init(&r->joined, max);
}

void gw_sse_free(gw_sse *r)
{
    gw_buf_free(&r->pending);
    gw_buf_free(&r->joined);
}

static int failure_of(const gw_sse *r)
{
    return r->pending.failed || r->joined.failed ? AIGW_E_NOMEM : AIGW_E_LIMIT;
}

static int fail(gw_sse *r)
{
    r->failed = true;
    return failure_of(r);
}

/* The first CR or LF; len if there is none. */
static size_t find_eol(const char *text, size_t len, size_t from)
{
#if defined(__SSE2__)
    const __m128i cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
    for (; len - from >= 16; from += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(text + from));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, cr), _mm_cmpeq_epi8(v, lf));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask != 0)
            return from + (unsigned)__builtin_ctz(mask);
    }
#endif
    while (from < len && text[from] != '\r' && text[from] != '\n')
        from++;
    return from;
}

/* Bytes of the line end at `at`: 1, or 2 for CRLF. */
static size_t eol_len(aigw_slice text, size_t at)
{
    return text.data[at] == '\r' && at + 1 < text.len && text.data[at + 1] == '\n' ? 2 : 1;
}

/* Finds what stands before the first line: false if that cannot be told yet. */
static bool find_lead(gw_sse *r, aigw_slice text)
{
    if (!r->bom_checked) {
        size_t n = text.len < 3 ? text.len : 3;
        bool bom = memcmp(text.data, "\xEF\xBB\xBF", n) == 0;
        if (bom && n < 3)
            return false;
        r->bom_checked = true;
        if (bom)
            r->lead = r->line = r->scanned = 3;
    }
    if (r->after_cr && text.len > 0) {
        r->after_cr = false;
        if (text.data[0] == '\n')
            r->lead = r->line = r->scanned = 1;
    }
    return true;
}

/* The end of the first event of text, its blank line included; 0 if it is not complete. Goes on where
 * it stopped the last time. */
static size_t find_event(gw_sse *r, aigw_slice text)
{
    if (text.len == 0 || !find_lead(r, text))
        return 0;
    for (;;) {
        size_t at = find_eol(text.data, text.len, r->scanned);
        r->scanned = at;
        if (at == text.len)
            return 0;
        bool blank = at == r->line;
        if (text.data[at] == '\r' && at + 1 == text.len && !blank)
            return 0; /* whether a LF belongs to it is seen with the next byte */
        size_t next = at + eol_len(text, at);
        if (blank) {
            r->after_cr = text.data[next - 1] == '\r' && next == text.len;
            return next;
        }
        r->scanned = r->line = next;
    }
}

static void add_data(gw_sse *r, gw_sse_event *event, aigw_slice value, bool *joining)
{
    if (!event->has_data) {
        event->has_data = true;
        event->data = value;
        return;
    }
    if (!*joining) {
        gw_buf_clear(&r->joined);
        gw_buf_add(&r->joined, event->data);
        *joining = true;
    }
    gw_buf_putc(&r->joined, '\n');
    gw_buf_add(&r->joined, value);
}

/* The fields of one event; `text` is all of it, its meaningless lead included. */
static int read_event(gw_sse *r, aigw_slice text, gw_sse_event *event)
{
    *event = (gw_sse_event){.type = GW_S(""), .data = GW_S(""), .raw = text};
    bool joining = false;
    for (size_t at = r->lead; at < text.len;) {
        size_t end = find_eol(text.data, text.len, at);
        aigw_slice value = gw_slice(text.data + at, end - at);
        at = end < text.len ? end + eol_len(text, end) : end;
        aigw_slice name = gw_cut(&value, ':');
        if (value.len > 0 && value.data[0] == ' ')
            value = gw_skip(value, 1);
        if (value.data == NULL)
            value = GW_S("");
        if (gw_eq(name, GW_S("data")))
            add_data(r, event, value, &joining);
        else if (gw_eq(name, GW_S("event")))
            event->type = value;
    }
    if (joining) {
        if (r->joined.failed)
            return fail(r);
        event->data = gw_buf_slice(&r->joined);
    }
    return AIGW_OK;
}

static void next_event(gw_sse *r)
{
    r->scanned = r->line = r->lead = 0;
}

/* Gives the complete event `text` to fn; r->line is where its blank line starts. */
static int deliver(gw_sse *r, aigw_slice text, gw_sse_fn *fn, void *user)
{
    if (r->line - r->lead > r->max_event_bytes)
        return fail(r);
    gw_sse_event event;
    int rc = read_event(r, text, &event);
    next_event(r);
    return rc != AIGW_OK ? rc : fn(user, &event);
}

/* Keeps bytes of an event that is not complete. */
static int keep(gw_sse *r, aigw_slice bytes)
{
    size_t len = gw_buf_len(&r->pending);
    if (bytes.len > r->pending.max - len)
        return fail(r);
    return gw_buf_add(&r->pending, bytes) ? AIGW_OK : fail(r);
}

static bool outgrown(const gw_sse *r, size_t len)
{
    return len > r->lead && len - r->lead > r->max_event_bytes;
}

/* The event that spans calls: takes bytes line by line until it is complete. */
static int feed_pending(gw_sse *r, aigw_slice *bytes, gw_sse_fn *fn, void *user)
{
    size_t end = find_eol(bytes->data, bytes->len, 0);
    size_t take = end < bytes->len ? end + eol_len(*bytes, end) : end;
    int rc = keep(r, gw_slice(bytes->data, take));
    if (rc != AIGW_OK)
        return rc;
    *bytes = gw_skip(*bytes, take);
    aigw_slice text = gw_buf_slice(&r->pending);
    end = find_event(r, text);
    if (end == 0)
        return outgrown(r, text.len) ? fail(r) : AIGW_OK;
    /* The piece ended at a line end of the event's last line: nothing stands behind it. */
    rc = deliver(r, gw_slice(text.data, end), fn, user);
    gw_buf_consume(&r->pending, end);
    return rc;
}

int gw_sse_feed(gw_sse *r, aigw_slice bytes, gw_sse_fn *fn, void *user)
{
    if (r->failed)
        return failure_of(r);
    int rc = AIGW_OK;
    while (bytes.len > 0 && rc == AIGW_OK) {
        if (gw_buf_len(&r->pending) > 0) {
            rc = feed_pending(r, &bytes, fn, user);
            continue;
        }
        size_t end = find_event(r, bytes);
        if (end == 0) {
            rc = keep(r, bytes);
            if (rc == AIGW_OK && outgrown(r, bytes.len))
                rc = fail(r);
            return rc;
        }
        rc = deliver(r, gw_slice(bytes.data, end), fn, user);
        bytes = gw_skip(bytes, end);
    }
    return rc;
}

int gw_sse_end(gw_sse *r, gw_sse_fn *fn, void *user)
{
    if (r->failed)
        return failure_of(r);
    aigw_slice text = gw_buf_slice(&r->pending);
    if (text.len == 0)
        return AIGW_OK;
    gw_sse_event event;
    int rc = read_event(r, text, &event);
    next_event(r);
    if (rc == AIGW_OK && event.has_data)
        rc = fn(user, &event);
    gw_buf_clear(&r->pending);
    return rc;
}
