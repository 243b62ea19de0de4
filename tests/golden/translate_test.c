/* Every provider fixture, translated into each other format, against its expectation file. */
/* Must not decide what is right: people read the files. See README.md. */
#include "golden/fixtures.h"

#include "base/json_write.h"

#define EXPECT AIGW_SOURCE_DIR "/tests/golden/expect"

static fixtures all;

static void indent(gw_buf *out, int depth)
{
    gw_buf_putc(out, '\n');
    for (int i = 0; i < depth; i++) {
        gw_buf_putc(out, ' ');
    }
}

/* One member or element a line, so that a change shows as a small difference. */
static void pretty(gw_buf *out, const gw_json_doc *doc, gw_json_ref ref, int depth)
{
    gw_json_type type = gw_json_typeof(doc, ref);
    bool object = type == GW_JSON_OBJECT;
    if ((!object && type != GW_JSON_ARRAY) || gw_json_count(doc, ref) == 0) {
        gw_buf_add(out, gw_json_raw(doc, ref));
        return;
    }
    gw_buf_putc(out, object ? '{' : '[');
    bool first = true;
    for (gw_json_ref r = gw_json_first(doc, ref); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        if (!first) {
            gw_buf_putc(out, ',');
        }
        first = false;
        indent(out, depth + 1);
        if (object) {
            gw_buf_printf(out, "\"%.*s\": ", (int)gw_json_inner(doc, r).len,
                          gw_json_inner(doc, r).data);
        }
        pretty(out, doc, object ? gw_json_value(doc, r) : r, depth + 1);
    }
    indent(out, depth);
    gw_buf_putc(out, object ? '}' : ']');
}

static void add_pretty(gw_buf *out, aigw_slice json)
{
    gw_json_doc doc;
    gw_arena *arena = gw_arena_new(64u << 20);
    gw_json_limits lenient = {.lone_surrogates = true};
    assert_int_equal(gw_json_parse(arena, json, &lenient, &doc, NULL), AIGW_OK);
    pretty(out, &doc, 0, 0);
    gw_buf_putc(out, '\n');
    gw_arena_free(arena);
}

static void add_failure(gw_jw *w, int rc, const aigw_error *err)
{
    gw_jw_object(w);
    gw_jw_key(w, "refused");
    gw_jw_str(w, aigw_code_name(rc));
    gw_jw_key(w, "status");
    gw_jw_int(w, err->http_status);
    gw_jw_key(w, "pointer");
    gw_jw_str(w, err->pointer);
    gw_jw_key(w, "message");
    gw_jw_str(w, err->message);
    gw_jw_object_end(w);
}

static void add_success(gw_jw *w, const aigw_translation *t, int status)
{
    gw_jw_object(w);
    if (status != 0) {
        gw_jw_key(w, "status");
        gw_jw_int(w, status);
    }
    if (aigw_translation_drop_count(t) > 0) {
        gw_jw_key(w, "drops");
        gw_jw_array(w);
        for (size_t i = 0; i < aigw_translation_drop_count(t); i++) {
            aigw_drop drop = aigw_translation_drop(t, i);
            gw_jw_array(w);
            gw_jw_text(w, drop.pointer);
            gw_jw_text(w, drop.reason);
            gw_jw_array_end(w);
        }
        gw_jw_array_end(w);
    }
    gw_jw_key(w, "body");
    gw_jw_raw(w, aigw_translation_body(t));
    gw_jw_object_end(w);
}

static const char *translate_document(const fixture *f, const struct fixture_format *to,
                                      aigw_slice text, gw_buf *out)
{
    aigw_error err = {0};
    aigw_translation *t = NULL;
    gw_buf compact;
    gw_buf_init(&compact, 32u << 20);
    gw_jw w = gw_jw_on(&compact);
    const char *kind = "request.json";
    int rc, status = 0;
    if (strcmp(f->kind, "request.json") == 0) {
        aigw_translate_options options = {.size = sizeof options,
                                          .model = fixture_model(f->format, to)};
        rc = aigw_translate_request(f->format, to->format, text, &options, &t, &err);
    } else if (f->status >= 400) {
        kind = "error.json";
        rc = aigw_translate_error(f->format, to->format, f->status, text, &status, &t, &err);
    } else {
        kind = "answer.json";
        rc = aigw_translate_answer(f->format, to->format, text, NULL, &t, &err);
    }
    if (rc == AIGW_OK) {
        add_success(&w, t, status);
    } else {
        add_failure(&w, rc, &err);
    }
    add_pretty(out, gw_buf_slice(&compact));
    aigw_translation_free(t);
    gw_buf_free(&compact);
    return kind;
}

static void translate_stream(const fixture *f, aigw_format to, aigw_slice text, gw_buf *out)
{
    aigw_error err = {0};
    aigw_stream *s = NULL;
    aigw_stream_options options = {.size = sizeof options, .include_usage = true};
    assert_int_equal(aigw_stream_new(f->format, to, &options, &s, &err), AIGW_OK);
    int rc = aigw_stream_feed(s, text, &err);
    if (rc == AIGW_OK) {
        rc = aigw_stream_finish(s, &err);
    }
    gw_buf_add(out, aigw_stream_output(s));
    if (rc != AIGW_OK) {
        gw_buf_printf(out, ": %s %s\n", aigw_code_name(rc), err.message);
    }
    aigw_stream_free(s);
}

static void update(const char *path, const char *dir, aigw_slice text)
{
    mkdir(EXPECT, 0755);
    mkdir(dir, 0755);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text.data, 1, text.len, f), text.len);
    assert_int_equal(fclose(f), 0);
}

static bool agrees(const char *path, aigw_slice got)
{
    size_t len = 0;
    char *wanted = fixture_read(path, &len);
    if (wanted == NULL) {
        printf("missing expectation %s\n", path);
        return false;
    }
    bool same = gw_eq(gw_slice(wanted, len), got);
    if (!same) {
        size_t i = 0;
        while (i < len && i < got.len && wanted[i] == got.data[i]) {
            i++;
        }
        printf("%s differs at byte %zu:\n  wanted ...%.80s\n  got    ...%.*s\n", path, i,
               wanted + i, (int)(got.len - i < 80 ? got.len - i : 80), got.data + i);
    }
    free(wanted);
    return same;
}

/* False: it differs from its expectation. */
static bool check(const fixture *f, const struct fixture_format *to, aigw_slice text)
{
    const char *update_wanted = getenv("AIGW_GOLDEN_UPDATE");
    char dir[300], path[500];
    bool right = true;
    gw_buf out;
    gw_buf_init(&out, 32u << 20);
    const char *kind = "stream.sse";
    if (fixture_is_stream(f)) {
        translate_stream(f, to->format, text, &out);
    } else {
        kind = translate_document(f, to, text, &out);
    }
    snprintf(dir, sizeof dir, EXPECT "/%s", f->provider);
    snprintf(path, sizeof path, "%s/%s.%s.%s", dir, f->name, to->name, kind);
    if (update_wanted != NULL && strcmp(update_wanted, "1") == 0) {
        update(path, dir, gw_buf_slice(&out));
    } else {
        right = agrees(path, gw_buf_slice(&out));
    }
    gw_buf_free(&out);
    return right;
}

/* Bedrock is no client's dialect for streams: its frames are bytes, which stream_split holds. */
static void test_every_fixture(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < all.count; i++) {
        const fixture *f = &all.items[i];
        size_t len = 0;
        char *text = fixture_read(f->path, &len);
        assert_non_null(text);
        for (size_t k = 0; k < FORMATS; k++) {
            const struct fixture_format *to = &fixture_formats[k];
            bool frames = to->format == AIGW_FORMAT_BEDROCK && fixture_is_stream(f);
            if (to->format != f->format && !frames) {
                wrong += !check(f, to, gw_slice(text, len));
            }
        }
        free(text);
    }
    assert_int_equal(wrong, 0);
}

/* A skip must name a fixture that exists, or it hides nothing but a mistake. */
static void test_skips_name_fixtures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fixture_skips / sizeof fixture_skips[0]; i++) {
        char path[400];
        struct stat st;
        snprintf(path, sizeof path, FIXTURES "/%s/%s.meta.json", fixture_skips[i].provider,
                 fixture_skips[i].name);
        assert_int_equal(stat(path, &st), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fixture),
        cmocka_unit_test(test_skips_name_fixtures),
    };
    return fixtures_load(&all) ? cmocka_run_group_tests(tests, NULL, NULL) : fixtures_absent();
}
