/* Every stream fixture, whole and in pieces, with LF and CRLF: the translated stream is the same. */
/* Must not know what the translation is. */
#include "golden/fixtures.h"

static fixtures all;

typedef struct result {
    int code;
    char *text;
    size_t len;
    aigw_usage usage;
} result;

/* Sizes of pieces: all of it, a fixed step, or random ones from a seed. */
typedef struct cut {
    size_t step;
    uint32_t seed;
} cut;

static size_t next_piece(cut *c)
{
    if (c->seed == 0) {
        return c->step;
    }
    c->seed ^= c->seed << 13; /* xorshift32 */
    c->seed ^= c->seed >> 17;
    c->seed ^= c->seed << 5;
    return 1 + c->seed % c->step;
}

static result run(aigw_format from, aigw_format to, aigw_slice text, cut c)
{
    result r = {.code = AIGW_OK};
    aigw_stream_options options = {.size = sizeof options, .include_usage = true};
    aigw_stream *s = NULL;
    gw_buf out;
    gw_buf_init(&out, 64u << 20);
    assert_int_equal(aigw_stream_new(from, to, &options, &s, NULL), AIGW_OK);
    while (text.len > 0 && r.code == AIGW_OK) {
        size_t n = next_piece(&c);
        n = n < text.len ? n : text.len;
        r.code = aigw_stream_feed(s, gw_slice(text.data, n), NULL);
        text = gw_skip(text, n);
        /* Taking the output early must not change it. */
        gw_buf_add(&out, aigw_stream_output(s));
        aigw_stream_consume(s, aigw_stream_output(s).len);
    }
    if (r.code == AIGW_OK) {
        r.code = aigw_stream_finish(s, NULL);
    }
    gw_buf_add(&out, aigw_stream_output(s));
    aigw_stream_usage(s, &r.usage);
    r.len = gw_buf_len(&out);
    r.text = malloc(r.len + 1);
    assert_non_null(r.text);
    memcpy(r.text, gw_buf_slice(&out).data != NULL ? gw_buf_slice(&out).data : "", r.len);
    r.text[r.len] = '\0';
    gw_buf_free(&out);
    aigw_stream_free(s);
    return r;
}

static char *to_crlf(aigw_slice text, size_t *len)
{
    char *to = malloc(text.len * 2 + 1);
    assert_non_null(to);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n' && (i == 0 || text.data[i - 1] != '\r')) {
            to[n++] = '\r';
        }
        to[n++] = text.data[i];
    }
    to[n] = '\0';
    *len = n;
    return to;
}

static void same(const fixture *f, const result *whole, const result *other, const char *how)
{
    if (other->code != whole->code || other->len != whole->len ||
        memcmp(other->text, whole->text, whole->len) != 0 ||
        memcmp(&other->usage, &whole->usage, sizeof whole->usage) != 0) {
        fail_msg("%s/%s %s: code %d, whole %d; %zu bytes, whole %zu:\n%s", f->provider, f->name,
                 how, other->code, whole->code, other->len, whole->len, other->text);
    }
}

static const cut cuts[] = {{1, 0},  {2, 0},   {3, 0},    {7, 0},     {997, 0},
                           {9, 11}, {64, 12}, {500, 13}, {4000, 14}, {20, 15}};

/* CRLF and CR as LF. A CR that ends a piece ends its event at once; the LF behind it may be left out. */
static void to_lf(result *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->len; i++) {
        bool pair = r->text[i] == '\r' && i + 1 < r->len && r->text[i + 1] == '\n';
        if (!pair) {
            r->text[n++] = r->text[i] == '\r' ? '\n' : r->text[i];
        }
    }
    r->text[n] = '\0';
    r->len = n;
}

static void check_cuts(const fixture *f, aigw_format to, aigw_slice text, const result *whole,
                       const char *how)
{
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        result r = run(f->format, to, text, cuts[i]);
        if (to == f->format && strcmp(f->kind, "stream.sse") ==
                                   0) { /* the bytes pass as they came, with their line ends */
            to_lf(&r);
        }
        same(f, whole, &r, how);
        free(r.text);
    }
}

static const char *skip_reason(const fixture *f, bool crlf)
{
    /* Line ends mean nothing in frames, and in one JSON array they are white space of ours. */
    return crlf && strcmp(f->kind, "stream.sse") != 0 ? "no event stream" : NULL;
}

static void check_fixture(const fixture *f, aigw_format to)
{
    size_t len = 0, crlf_len = 0;
    char *text = fixture_read(f->path, &len);
    assert_non_null(text);
    char *crlf = to_crlf(gw_slice(text, len), &crlf_len);
    const cut all_of_it = {SIZE_MAX, 0};
    result whole = run(f->format, to, gw_slice(text, len), all_of_it);
    if (to == f->format && strcmp(f->kind, "stream.sse") == 0) {
        to_lf(&whole);
    }
    check_cuts(f, to, gw_slice(text, len), &whole, "LF");
    if (skip_reason(f, true) == NULL) {
        check_cuts(f, to, gw_slice(crlf, crlf_len), &whole, "CRLF");
    }
    free(whole.text);
    free(crlf);
    free(text);
}

static void test_translated_streams(void **state)
{
    (void)state;
    size_t seen = 0;
    for (size_t i = 0; i < all.count * FORMATS; i++) {
        const fixture *f = &all.items[i / FORMATS];
        aigw_format to = fixture_formats[i % FORMATS].format;
        if (fixture_is_stream(f) && to != f->format) {
            check_fixture(f, to);
            seen++;
        }
    }
    assert_true(seen > 100);
}

static void test_passed_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < all.count; i++) {
        if (fixture_is_stream(&all.items[i])) {
            check_fixture(&all.items[i], all.items[i].format);
        }
    }
}

/* There and back: what one writer makes, the other reader takes, at every split. */
static void test_written_streams_are_readable(void **state)
{
    (void)state;
    const cut all_of_it = {SIZE_MAX, 0};
    for (size_t i = 0; i < all.count * FORMATS; i++) {
        const fixture *f = &all.items[i / FORMATS];
        aigw_format other = fixture_formats[i % FORMATS].format;
        size_t len = 0;
        if (!fixture_is_stream(f) || other == f->format) {
            continue;
        }
        char *text = fixture_read(f->path, &len);
        result there = run(f->format, other, gw_slice(text, len), all_of_it);
        result back = run(other, f->format, gw_slice(there.text, there.len), all_of_it);
        if (back.code != there.code) {
            fail_msg("%s/%s: code %d there, %d back:\n%s", f->provider, f->name, there.code,
                     back.code, there.text);
        }
        free(back.text);
        free(there.text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translated_streams),
        cmocka_unit_test(test_passed_streams),
        cmocka_unit_test(test_written_streams_are_readable),
    };
    return fixtures_load(&all) ? cmocka_run_group_tests(tests, NULL, NULL) : fixtures_absent();
}
