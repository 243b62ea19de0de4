/* Frames of AWS event streams: known bytes, every split, every flipped bit, bounds, no memory. */
#include "base/text.h"
#include "proto/eventstream.h"
#include "unit/base/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BOUND = 4096 };

/* What frames hold, as text. */
typedef struct trace {
    gw_buf text, raw;
    int count, stop_at;
} trace;

static int record(void *user, const gw_frame *frame)
{
    trace *t = user;
    for (size_t i = 0; i < frame->header_count; i++) {
        const gw_frame_header *h = &frame->headers[i];
        gw_buf_add(&t->text, h->name);
        gw_buf_printf(&t->text, "=%d:%lld:", (int)h->type, (long long)h->number);
        gw_buf_add(&t->text, h->value);
        gw_buf_putc(&t->text, ' ');
    }
    gw_buf_add(&t->text, frame->payload);
    gw_buf_putc(&t->text, ';');
    gw_buf_add(&t->raw, frame->raw);
    return ++t->count == t->stop_at ? 42 : 0;
}

/* Feeds in pieces of `step`; the result of the first call that is not OK, or of the end. */
static int run(trace *t, aigw_slice bytes, size_t step, size_t bound, aigw_error *err)
{
    gw_eventstream r;
    int rc = AIGW_OK;
    gw_buf_init(&t->text, 1 << 20);
    gw_buf_init(&t->raw, 1 << 20);
    gw_eventstream_init(&r, bound);
    for (size_t at = 0; rc == AIGW_OK && at < bytes.len; at += step) {
        size_t n = step < bytes.len - at ? step : bytes.len - at;
        char *exact = malloc(n); /* so that a sanitizer sees reads too far */
        memcpy(exact, bytes.data + at, n);
        rc = gw_eventstream_feed(&r, gw_slice(exact, n), record, t, err);
        free(exact);
    }
    if (rc == AIGW_OK)
        rc = gw_eventstream_end(&r, err);
    if (rc < 0) /* for ever */
        assert_int_equal(gw_eventstream_feed(&r, GW_S("x"), record, t, NULL), rc);
    gw_eventstream_free(&r);
    return rc;
}

static void done(trace *t)
{
    gw_buf_free(&t->text);
    gw_buf_free(&t->raw);
    *t = (trace){.count = 0};
}

/* All ten types, negative numbers among them. */
static void write_all_types(gw_buf *out)
{
    const gw_frame_header headers[] = {
        {GW_S("t"), GW_FRAME_TRUE, {NULL, 0}, 1},
        {GW_S("f"), GW_FRAME_FALSE, {NULL, 0}, 0},
        {GW_S("b"), GW_FRAME_BYTE, {NULL, 0}, -2},
        {GW_S("s"), GW_FRAME_SHORT, {NULL, 0}, -300},
        {GW_S("i"), GW_FRAME_INT, {NULL, 0}, INT32_MIN},
        {GW_S("l"), GW_FRAME_LONG, {NULL, 0}, INT64_MAX},
        {GW_S("bytes"), GW_FRAME_BYTES, GW_S("raw"), 0},
        {GW_S(":event-type"), GW_FRAME_STRING, GW_S("chunk"), 0},
        {GW_S("time"), GW_FRAME_TIMESTAMP, {NULL, 0}, 1700000000123},
        {GW_S("uuid"), GW_FRAME_UUID, GW_S("0123456789abcdef"), 0},
    };
    assert_int_equal(gw_eventstream_write(out, headers, 10, GW_S("{\"a\":1}")), AIGW_OK);
}

static const char all_types[] =
    "t=0:1: f=1:0: b=2:-2: s=3:-300: i=4:-2147483648: l=5:9223372036854775807: bytes=6:0:raw "
    ":event-type=7:0:chunk time=8:1700000000123: uuid=9:0:0123456789abcdef {\"a\":1};";

/* The check value of CRC-32, and the frames of the protocol's published examples. */
static void known_bytes(void **state)
{
    static const char empty[] = "\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff";
    static const char payload[] = "\x00\x00\x00\x1d\x00\x00\x00\x00\xfd\x52\x8c\x5a"
                                  "{'foo':'bar'}\xc3\x65\x39\x36";
    static const char headed[] = "\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xfd\x83\x96\x0c"
                                 "content-type\x07\x00\x10"
                                 "application/json{'foo':'bar'}\x8d\x9c\x08\xb1";
    (void)state;
    assert_int_equal(gw_crc32(0, GW_S("123456789")), 0xcbf43926);
    assert_int_equal(gw_crc32(gw_crc32(0, GW_S("1234")), GW_S("56789")), 0xcbf43926);
    gw_frame_header type = {GW_S("content-type"), GW_FRAME_STRING, GW_S("application/json"), 0};
    const struct {
        aigw_slice bytes, payload;
        size_t headers;
        const char *text;
    } cases[] = {
        {{empty, sizeof empty - 1}, GW_S(""), 0, ";"},
        {{payload, sizeof payload - 1}, GW_S("{'foo':'bar'}"), 0, "{'foo':'bar'};"},
        {{headed, sizeof headed - 1},
         GW_S("{'foo':'bar'}"),
         1,
         "content-type=7:0:application/json {'foo':'bar'};"},
    };
    for (size_t i = 0; i < 3; i++) {
        gw_buf out;
        trace t = {.count = 0};
        gw_buf_init(&out, BOUND);
        assert_int_equal(gw_eventstream_write(&out, &type, cases[i].headers, cases[i].payload), 0);
        assert_int_equal(gw_buf_len(&out), cases[i].bytes.len);
        assert_memory_equal(gw_buf_slice(&out).data, cases[i].bytes.data, cases[i].bytes.len);
        assert_int_equal(run(&t, cases[i].bytes, SIZE_MAX, BOUND, NULL), AIGW_OK);
        assert_true(gw_eq(gw_buf_slice(&t.text), aigw_slice_of(cases[i].text)));
        done(&t);
        gw_buf_free(&out);
    }
}

static void every_split(void **state)
{
    gw_buf out;
    (void)state;
    gw_buf_init(&out, BOUND);
    write_all_types(&out);
    assert_int_equal(gw_eventstream_write(&out, NULL, 0, GW_S("")), AIGW_OK);
    write_all_types(&out);
    aigw_slice bytes = gw_buf_slice(&out);
    for (size_t step = 1; step <= bytes.len; step++) {
        trace t = {.count = 0};
        assert_int_equal(run(&t, bytes, step, BOUND, NULL), AIGW_OK);
        assert_int_equal(t.count, 3);
        assert_true(gw_starts(gw_buf_slice(&t.text), GW_S(all_types)));
        assert_true(gw_eq(gw_buf_slice(&t.raw), bytes));
        done(&t);
    }
    gw_buf_free(&out);
}

/* Each bit of a frame matters; none goes by unseen, and each failure says where it was. */
static void every_flipped_bit(void **state)
{
    gw_buf out;
    (void)state;
    gw_buf_init(&out, BOUND);
    write_all_types(&out);
    size_t len = gw_buf_len(&out);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        char bytes[512];
        trace t = {.count = 0};
        aigw_error err = {0};
        memcpy(bytes, gw_buf_slice(&out).data, len);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << (bit % 8)));
        assert_int_equal(run(&t, gw_slice(bytes, len), 1 + bit % 50, BOUND, &err), AIGW_E_PARSE);
        assert_string_equal(err.reason, bit / 8 < 12 ? "prelude_crc" : "message_crc");
        assert_int_equal(t.count, 0);
        done(&t);
    }
    for (size_t n = 1; n < len; n++) { /* cut short */
        trace t = {.count = 0};
        aigw_error err = {0};
        assert_int_equal(run(&t, gw_slice(gw_buf_slice(&out).data, n), 7, BOUND, &err),
                         AIGW_E_PARSE);
        assert_string_equal(err.reason, "truncated_frame");
        done(&t);
    }
    gw_buf_free(&out);
}

static void be32(char *to, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(n >> (24 - 8 * i));
}

/* A frame whose sums are right whatever stands in it. */
static aigw_slice forge(char *to, uint32_t total, uint32_t headers, aigw_slice body)
{
    be32(to, total);
    be32(to + 4, headers);
    be32(to + 8, gw_crc32(0, gw_slice(to, 8)));
    memcpy(to + 12, body.data, body.len);
    be32(to + 12 + body.len, gw_crc32(0, gw_slice(to, 12 + body.len)));
    return gw_slice(to, 16 + body.len);
}

static void forged_lengths(void **state)
{
    static const struct {
        uint32_t total, headers;
        int code;
        const char *reason;
    } cases[] = {
        {0, 0, AIGW_E_PARSE, "frame_length"},
        {15, 0, AIGW_E_PARSE, "frame_length"},
        {16, 1, AIGW_E_PARSE, "frame_length"},
        {20, 0xffffffff, AIGW_E_PARSE, "frame_length"},
        {20, 5, AIGW_E_PARSE, "frame_length"},
        {BOUND + 1, 0, AIGW_E_LIMIT, "frame_too_large"},
        {0xffffffff, 0, AIGW_E_LIMIT, "frame_too_large"},
        {0xffffffff, 0xffffffef, AIGW_E_LIMIT, "frame_too_large"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 1; step < 20; step++) {
            char bytes[64];
            trace t = {.count = 0};
            aigw_error err = {0};
            aigw_slice frame = forge(bytes, cases[i].total, cases[i].headers, GW_S("abcd"));
            assert_int_equal(run(&t, frame, step, BOUND, &err), cases[i].code);
            assert_string_equal(err.reason, cases[i].reason);
            done(&t);
        }
    }
}

static void forged_headers(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x00\x00", 2},  /* no name */
        {"\x01", 1},      /* a name that is not there */
        {"\x01x", 2},     /* no type */
        {"\x01x\x0a", 3}, /* a type that is not known */
        {"\x01x\xff", 3},
        {"\x01x\x02", 3}, /* no value */
        {"\x01x\x05\x00\x00\x00", 6},
        {"\x01x\x07\x00", 4},      /* half a length */
        {"\x01x\x07\x00\x02z", 6}, /* a string longer than the rest */
        {"\x01x\x09"
         "0123456789abcde",
         18},
        {"\x01x\x00\x00", 4}, /* a byte too many */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bytes[64];
        trace t = {.count = 0};
        aigw_error err = {0};
        uint32_t len = (uint32_t)cases[i].len;
        aigw_slice frame = forge(bytes, 16 + len, len, gw_slice(cases[i].bytes, len));
        assert_int_equal(run(&t, frame, SIZE_MAX, BOUND, &err), AIGW_E_PARSE);
        assert_string_equal(err.reason, "frame_headers");
        done(&t);
    }
    char many[3 * (GW_FRAME_HEADERS + 1)], bytes[sizeof many + 16];
    for (size_t i = 0; i <= GW_FRAME_HEADERS; i++)
        memcpy(many + 3 * i, "\x01x\x00", 3);
    for (uint32_t n = GW_FRAME_HEADERS; n <= GW_FRAME_HEADERS + 1; n++) {
        trace t = {.count = 0};
        aigw_slice frame = forge(bytes, 16 + 3 * n, 3 * n, gw_slice(many, 3 * n));
        assert_int_equal(run(&t, frame, SIZE_MAX, BOUND, NULL),
                         n == GW_FRAME_HEADERS ? AIGW_OK : AIGW_E_PARSE);
        done(&t);
    }
}

static void bounds_and_stops(void **state)
{
    gw_buf out;
    trace t = {.count = 0};
    (void)state;
    gw_buf_init(&out, BOUND);
    write_all_types(&out);
    size_t one = gw_buf_len(&out);
    write_all_types(&out);
    assert_int_equal(run(&t, gw_buf_slice(&out), 3, one, NULL), AIGW_OK);
    done(&t);
    assert_int_equal(run(&t, gw_buf_slice(&out), 3, one - 1, NULL), AIGW_E_LIMIT);
    done(&t);
    for (size_t step = 1; step < 2 * one; step += 9) {
        t.stop_at = 1;
        assert_int_equal(run(&t, gw_buf_slice(&out), step, BOUND, NULL), 42);
        assert_int_equal(t.count, 1);
        done(&t);
    }
    gw_buf_free(&out);
}

static void written_wrongly(void **state)
{
    static char longest[0x8000];
    gw_frame_header h = {GW_S("n"), GW_FRAME_STRING, {longest, 0x7fff}, 0};
    gw_frame_header many[GW_FRAME_HEADERS + 1];
    gw_buf out;
    (void)state;
    gw_buf_init(&out, 1 << 20);
    assert_int_equal(gw_eventstream_write(&out, &h, 1, GW_S("")), AIGW_OK);
    gw_buf_clear(&out);
    h.value.len = 0x8000;
    assert_int_equal(gw_eventstream_write(&out, &h, 1, GW_S("")), AIGW_E_INVALID);
    h = (gw_frame_header){{longest, 256}, GW_FRAME_TRUE, {NULL, 0}, 1};
    assert_int_equal(gw_eventstream_write(&out, &h, 1, GW_S("")), AIGW_E_INVALID);
    h.name.len = 0;
    assert_int_equal(gw_eventstream_write(&out, &h, 1, GW_S("")), AIGW_E_INVALID);
    h = (gw_frame_header){GW_S("u"), GW_FRAME_UUID, {longest, 15}, 0};
    assert_int_equal(gw_eventstream_write(&out, &h, 1, GW_S("")), AIGW_E_INVALID);
    for (size_t i = 0; i <= GW_FRAME_HEADERS; i++)
        many[i] = (gw_frame_header){GW_S("t"), GW_FRAME_TRUE, {NULL, 0}, 1};
    assert_int_equal(gw_eventstream_write(&out, many, GW_FRAME_HEADERS + 1, GW_S("")),
                     AIGW_E_INVALID);
    assert_int_equal(gw_buf_len(&out), 0);
    gw_buf_free(&out);
    gw_buf_init(&out, 20);
    assert_int_equal(gw_eventstream_write(&out, many, 1, GW_S("abcd")), AIGW_E_LIMIT);
    gw_buf_free(&out);
}

static void no_memory(void **state)
{
    char bytes[64];
    gw_eventstream r;
    fault_alloc f;
    (void)state;
    aigw_slice frame = forge(bytes, 20, 0, GW_S("abcd"));
    trace t = {.count = 0};
    gw_buf_init(&t.text, BOUND);
    gw_buf_init(&t.raw, BOUND);
    fault_use(&f, 1);
    gw_eventstream_init(&r, BOUND);
    assert_int_equal(gw_eventstream_feed(&r, gw_slice(frame.data, 5), record, &t, NULL),
                     AIGW_E_NOMEM);
    assert_int_equal(gw_eventstream_end(&r, NULL), AIGW_E_NOMEM);
    gw_eventstream_free(&r);
    assert_int_equal(f.live, 0);
    fault_done();
    gw_buf_free(&t.text);
    gw_buf_free(&t.raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_bytes),       cmocka_unit_test(every_split),
        cmocka_unit_test(every_flipped_bit), cmocka_unit_test(forged_lengths),
        cmocka_unit_test(forged_headers),    cmocka_unit_test(bounds_and_stops),
        cmocka_unit_test(written_wrongly),   cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
