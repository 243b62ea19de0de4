/* Event streams: the rules of the format, at every split, within bounds, without memory. */
#include "base/text.h"
#include "proto/sse.h"
#include "unit/base/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Events as text, "type|data;" (without data: "-;"), and the raw bytes. */
typedef struct trace {
    char events[4096];
    char raw[4096];
    size_t events_len, raw_len;
    int stop_at, count;
    const char *low, *high; /* raw within [low, high): not copied */
    int borrowed;
} trace;

static void put(char *to, size_t *len, const char *from, size_t n)
{
    assert_true(*len + n < 4096);
    memcpy(to + *len, from, n);
    *len += n;
    to[*len] = '\0';
}

static int record(void *user, const gw_sse_event *event)
{
    trace *t = user;
    if (event->has_data) {
        put(t->events, &t->events_len, event->type.data, event->type.len);
        put(t->events, &t->events_len, "|", 1);
        put(t->events, &t->events_len, event->data.data, event->data.len);
    } else {
        assert_int_equal(event->data.len, 0);
        put(t->events, &t->events_len, "-", 1);
    }
    put(t->events, &t->events_len, ";", 1);
    put(t->raw, &t->raw_len, event->raw.data, event->raw.len);
    t->borrowed += event->raw.data >= t->low && event->raw.data < t->high;
    return ++t->count == t->stop_at ? 77 : 0;
}

static int feed(gw_sse *r, aigw_slice bytes, trace *t)
{
    char *exact = malloc(bytes.len ? bytes.len : 1); /* a sanitizer sees any byte read too far */
    if (bytes.len > 0)
        memcpy(exact, bytes.data, bytes.len);
    t->low = exact;
    t->high = exact + bytes.len;
    int rc = gw_sse_feed(r, gw_slice(exact, bytes.len), record, t);
    free(exact);
    return rc;
}

static void check_run(aigw_slice text, const size_t cuts[2], const char *expected)
{
    gw_sse r;
    gw_sse_init(&r, 1000);
    trace t = {.count = 0};
    assert_int_equal(feed(&r, gw_slice(text.data, cuts[0]), &t), 0);
    assert_int_equal(feed(&r, gw_slice(text.data + cuts[0], cuts[1] - cuts[0]), &t), 0);
    assert_int_equal(feed(&r, gw_skip(text, cuts[1]), &t), 0);
    size_t left = gw_buf_len(&r.pending);
    assert_int_equal(t.raw_len + left, text.len);
    assert_int_equal(gw_sse_end(&r, record, &t), 0);
    assert_memory_equal(t.raw, text.data, t.raw_len);
    if (strcmp(t.events, expected) != 0)
        fail_msg("%s\ncut at %zu, %zu:\n%s\ninstead of\n%s", text.data, cuts[0], cuts[1], t.events,
                 expected);
    gw_sse_free(&r);
}

static void test_the_format_at_every_split(void **state)
{
    (void)state;
    const struct {
        const char *text, *events;
    } cases[] = {
        {"data: a\n\n", "|a;"},
        {"data: a\r\n\r\n", "|a;"},
        {"data: a\r\r", "|a;"},
        {"data: a\n\ndata: b\n\n", "|a;|b;"},
        {"data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;"},
        {"data: a\r\rdata: b\r\r", "|a;|b;"},
        {"data: a\r\n\ndata: b\n\r\n", "|a;|b;"},
        {"data: a\n\rdata: b\r\n\r", "|a;|b;"},
        {"data:a\n\n", "|a;"},
        {"data:  a \n\n", "| a ;"},
        {"data: a\ndata: b\ndata:\ndata: c\n\n", "|a\nb\n\nc;"},
        {"data: a\rdata: b\r\ndata: c\n\n", "|a\nb\nc;"},
        {"data\n\n", "|;"},
        {"data\ndata\n\n", "|\n;"},
        {"data:\n\n", "|;"},
        {"data: a:b: c\n\n", "|a:b: c;"},
        {"event: ping\ndata: x\n\n", "ping|x;"},
        {"data: x\nevent: late\n\n", "late|x;"},
        {"event: a\nevent: b\ndata: x\n\ndata: y\n\n", "b|x;|y;"},
        {"event\ndata: x\n\n", "|x;"},
        {"event: only\n\n", "-;"},
        {": comment\n\ndata: x\n\n", "-;|x;"},
        {": comment\ndata: x\n:y\n\n", "|x;"},
        {"id: 1\nretry: 5\nfoo: bar\nData: no\n data: no\n\n", "-;"},
        {"\n\n\ndata: x\n\n", "-;-;-;|x;"},
        {"\r\n\r\ndata: x\r\n\r\n", "-;-;|x;"},
        {"\357\273\277data: x\n\ndata: y\n\n", "|x;|y;"},
        {"\xEF\xBB\xBF\n", "-;"},
        {"\xEF\xBB\xBF\r\ndata: x\n\n", "-;|x;"},
        {"data: x\n\n\357\273\277data: y\n\n", "|x;-;"}, /* only the first is a mark */
        {"\xEF\xBB\xBF\357\273\277data: x\n\n", "-;"},
        {"\357\273data: x\n\n", "-;"},
        {"data: \xC3\xA4\xF0\x9F\x98\x80\n\n", "|\xC3\xA4\xF0\x9F\x98\x80;"},
        {"data: {\"long\":\"0123456789abcdef0123456789abcdef\"}\n\n",
         "|{\"long\":\"0123456789abcdef0123456789abcdef\"};"},
        /* without the last blank line */
        {"data: x", "|x;"},
        {"data: x\n", "|x;"},
        {"data: x\r", "|x;"},
        {"data: x\n\ndata: y\nevent: e", "|x;e|y;"},
        {"data: x\n\n: bye", "|x;"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        aigw_slice text = aigw_slice_of(cases[i].text);
        size_t cuts[2];
        for (cuts[0] = 0; cuts[0] <= text.len; cuts[0]++) {
            for (cuts[1] = cuts[0]; cuts[1] <= text.len; cuts[1]++)
                check_run(text, cuts, cases[i].events);
        }
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    aigw_slice text =
        GW_S("\xEF\xBB\xBF: c\r\n\r\nevent: a\rdata: 1\r\rdata: 2\n\r\ndata: 3\r\n\r\n");
    gw_sse r;
    gw_sse_init(&r, 100);
    trace t = {.count = 0};
    for (size_t i = 0; i < text.len; i++)
        assert_int_equal(feed(&r, gw_slice(text.data + i, 1), &t), 0);
    assert_string_equal(t.events, "-;a|1;|2;|3;");
    gw_sse_free(&r);
}

/* An event is given as soon as its blank line begins, not when the next byte shows what kind it was. */
static void test_no_waiting_behind_cr(void **state)
{
    (void)state;
    gw_sse r;
    gw_sse_init(&r, 100);
    trace t = {.count = 0};
    assert_int_equal(feed(&r, GW_S("data: a\r\n\r"), &t), 0);
    assert_string_equal(t.events, "|a;");
    assert_int_equal(feed(&r, GW_S("\n"), &t), 0);
    assert_int_equal(t.count, 1); /* the LF is no blank line of its own */
    assert_int_equal(feed(&r, GW_S("data: b\n\n"), &t), 0);
    assert_string_equal(t.events, "|a;|b;");
    gw_sse_free(&r);
}

static void test_complete_events_are_not_copied(void **state)
{
    (void)state;
    fault_alloc f;
    fault_use(&f, 0);
    gw_sse r;
    gw_sse_init(&r, 100);
    trace t = {.count = 0};
    assert_int_equal(feed(&r, GW_S("data: a\n\nevent: x\ndata: b\n\n: c\n\n"), &t), 0);
    assert_int_equal(t.borrowed, 3);
    assert_int_equal(f.calls, 0);
    assert_int_equal(feed(&r, GW_S("data: a\n\ndata: "), &t), 0);
    assert_int_equal(t.borrowed, 4);
    assert_int_equal(feed(&r, GW_S("b\n\ndata: c\n\n"), &t), 0);
    assert_int_equal(t.borrowed, 5); /* b spanned calls, c did not */
    assert_string_equal(t.events, "|a;x|b;-;|a;|b;|c;");
    gw_sse_free(&r);
    assert_int_equal(f.live, 0);
    fault_done();
}

static void test_stops_when_told(void **state)
{
    (void)state;
    for (int split = 0; split < 2; split++) {
        gw_sse r;
        gw_sse_init(&r, 100);
        trace t = {.stop_at = 2};
        if (split)
            assert_int_equal(feed(&r, GW_S("data: 0\n\nda"), &t), 0);
        assert_int_equal(
            feed(&r, split ? GW_S("ta: 1\n\ndata: 2\n\n") : GW_S("data: 0\n\ndata: 1\n\nx"), &t),
            77);
        assert_string_equal(t.events, "|0;|1;");
        gw_sse_free(&r);
    }
    gw_sse r;
    gw_sse_init(&r, 100);
    trace t = {.stop_at = 1};
    assert_int_equal(feed(&r, GW_S("data: x"), &t), 0);
    assert_int_equal(gw_sse_end(&r, record, &t), 77);
    gw_sse_free(&r);
}

/* The same verdict for every maximum, line end and way to cut. */
static void test_maximum(void **state)
{
    (void)state;
    const char *ends[] = {"\n\n", "\r\n\r\n", "\r\r"};
    for (size_t e = 0; e < 3; e++) {
        char text[128];
        int n = snprintf(text, sizeof(text), "data: ok%sdata: 0123456789%s", ends[e], ends[e]);
        size_t content = 16 + strlen(ends[e]) / 2; /* of the second event, blank line not counted */
        for (size_t max = 10; max < 24; max++) {
            for (size_t step = 1; step < 40; step++) {
                gw_sse r;
                gw_sse_init(&r, max);
                trace t = {.count = 0};
                int rc = 0;
                for (size_t at = 0; at < (size_t)n && rc == 0; at += step) {
                    size_t len = (size_t)n - at < step ? (size_t)n - at : step;
                    rc = feed(&r, gw_slice(text + at, len), &t);
                }
                assert_int_equal(rc, max < content ? AIGW_E_LIMIT : 0);
                assert_string_equal(t.events, max < content ? "|ok;" : "|ok;|0123456789;");
                if (rc != 0) {
                    assert_true(r.failed);
                    assert_int_equal(feed(&r, GW_S("data: x\n\n"), &t), AIGW_E_LIMIT);
                    assert_int_equal(gw_sse_end(&r, record, &t), AIGW_E_LIMIT);
                }
                gw_sse_free(&r);
            }
        }
    }
}

/* An event that is not complete fails as soon as it is too large, in one piece or many. */
static void test_maximum_of_an_open_event(void **state)
{
    (void)state;
    const char *text = "data: 1\ndata: 2\ndata: 3";
    for (size_t max = 10; max < 30; max++) {
        for (size_t step = 1; step < 30; step++) {
            gw_sse r;
            gw_sse_init(&r, max);
            trace t = {.count = 0};
            int rc = 0;
            for (size_t at = 0; at < 23 && rc == 0; at += step)
                rc = feed(&r, gw_slice(text + at, 23 - at < step ? 23 - at : step), &t);
            assert_int_equal(rc, max < 23 ? AIGW_E_LIMIT : 0);
            gw_sse_free(&r);
        }
    }
}

static void test_endless_line_stays_bounded(void **state)
{
    (void)state;
    fault_alloc f;
    fault_use(&f, 0);
    gw_sse r;
    gw_sse_init(&r, 10000);
    trace t = {.count = 0};
    char fill[1000];
    memset(fill, 'x', sizeof(fill));
    int rc = 0, feeds = 0;
    while (rc == 0 && feeds < 100) {
        rc = feed(&r, gw_slice(fill, sizeof(fill)), &t);
        feeds++;
    }
    assert_int_equal(rc, AIGW_E_LIMIT);
    assert_int_equal(feeds, 11);
    assert_true(f.largest < 20000);
    gw_sse_free(&r);
    fault_done();
}

static void test_allocation_failures(void **state)
{
    (void)state;
    int rc = AIGW_E_NOMEM;
    long n = 1;
    for (; rc != 0 && n < 50; n++) {
        fault_alloc f;
        fault_use(&f, n);
        gw_sse r;
        gw_sse_init(&r, 4000);
        trace t = {.count = 0};
        rc = feed(&r, GW_S("data: a\n\nda"), &t);
        char line[600];
        memset(line, 'x', sizeof(line));
        memcpy(line, "\ndata: ", 7);
        if (rc == 0)
            rc = feed(&r, GW_S("ta: 1\ndata: 2"), &t);
        for (int i = 0; i < 3 && rc == 0; i++)
            rc = feed(&r, gw_slice(line, sizeof(line)), &t);
        if (rc == 0)
            rc = feed(&r, GW_S("\n\n"), &t);
        assert_true(rc == 0 || rc == AIGW_E_NOMEM);
        assert_memory_equal(t.events, "|a;", 3);
        if (rc != 0)
            assert_int_equal(feed(&r, GW_S("data: b\n\n"), &t), AIGW_E_NOMEM);
        gw_sse_free(&r);
        assert_int_equal(f.live, 0);
        fault_done();
    }
    assert_int_equal(rc, 0);
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_format_at_every_split),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_no_waiting_behind_cr),
        cmocka_unit_test(test_complete_events_are_not_copied),
        cmocka_unit_test(test_stops_when_told),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_maximum_of_an_open_event),
        cmocka_unit_test(test_endless_line_stays_bounded),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
