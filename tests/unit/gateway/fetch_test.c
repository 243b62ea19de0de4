/* URLs in a request that are fetched for its provider: what is asked, at every split, and how it ends. */
#include "gateway/fetch/parts.h"
#include "unit/gateway/fake.h"

#define CONFIG(more)                                                                               \
    "enable_waf: false\n"                                                                          \
    "auth: {jwt: {enabled: false}}\n"                                                              \
    "egress: {fetch_urls: {enabled: true, timeout_ms: 1000" more "}}\n"                            \
    "providers:\n"                                                                                 \
    "  - {type: gemini, base_url: 'http://127.0.0.1:9', api_key: k, models: [gemini-x], "          \
    "max_retries: 0}\n"

#define PNG  "\x89PNG\r\n\x1a\n and more"
#define CHAT "/v1/chat/completions"

static const fake_answer picture = {.status = 200, .type = "image/png", .body = PNG};
static const fake_answer gemini = {
    .status = 200,
    .type = "application/json",
    .body = "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"seen\"}]},"
            "\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1,"
            "\"candidatesTokenCount\":1,\"totalTokenCount\":2}}"};

/* A request with these URLs (separated by blanks) as images. */
static const char *body_with(const char *urls)
{
    static char body[8192];
    aigw_slice rest = aigw_slice_of(urls);
    int at = snprintf(body, sizeof body,
                      "{\"model\":\"gemini-x\",\"messages\":[{\"role\":\"user\",\"content\":[{"
                      "\"type\":\"text\",\"text\":\"?\"}");
    while (rest.len > 0) {
        aigw_slice url = gw_cut(&rest, ' ');
        at += snprintf(body + at, sizeof body - (size_t)at,
                       ",{\"type\":\"image_url\",\"image_url\":{\"url\":\"%.*s\"}}", (int)url.len,
                       url.data);
    }
    snprintf(body + at, sizeof body - (size_t)at, "]}]}");
    return body;
}

/* The status of an exchange; what the client read goes to `got`. */
static int ask(fake *f, const char *urls, gw_buf *got)
{
    aigw_head head = {0};
    aigw_exchange *x = fake_open(f, CHAT, body_with(urls));
    gw_buf_init(got, 65536);
    assert_int_equal(fake_finish(f, x, got), AIGW_END);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    gw_buf_putc(got, '\0');
    aigw_exchange_free(x);
    return head.status;
}

static void the_bytes_go_to_the_provider(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= sizeof PNG; piece++) {
        fake_answer script[] = {picture, picture, gemini};
        gw_buf got;
        script[0].piece = script[1].piece = piece;
        fake *f = fake_new(CONFIG(""), script, 3);
        assert_int_equal(
            ask(f, "https://a.example/1 https://a.example/2 https://a.example/1", &got), 200);
        assert_int_equal(f->next, 3);
        assert_string_equal(f->methods[0], "GET");
        assert_string_equal(f->headers[0], "");
        assert_string_equal(f->bodies[0], "");
        const char *data = "\"data\":\"iVBORw0KGgogYW5kIG1vcmU=\"", *at = f->bodies[2];
        for (int i = 0; i < 3; i++) {
            at = strstr(at, data);
            assert_non_null(at);
            at++;
        }
        assert_non_null(strstr(f->bodies[2], "image/png"));
        assert_null(strstr(f->bodies[2], "example"));
        gw_buf_free(&got);
        fake_free(f);
    }
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *urls;
        fake_answer answer;
        const char *pointer, *message, *log;
    } rows[] = {
        {"http://a.example/", {0}, "content/1", "Only https", "scheme"},
        {"httpx://a.example/", {0}, "content/1", "Only https", "scheme"},
        {"https://u:s3cr3t@a.example/", {0}, "content/1", "not a URL", "bad_url"},
        {"https://", {0}, "content/1", "not a URL", "bad_url"},
        {"https://a.example/s3cr3t", {.status = 404}, "content/1", "could not", "status"},
        {"https://a.example/",
         {.status = 302, .headers = {"location", "/b"}},
         "content/1",
         "could not",
         "status"},
        {"https://a.example/", {.status = 200, .body = PNG}, "content/1", "type", "content_type"},
        {"https://a.example/",
         {.status = 200, .type = "image/png"},
         "content/1",
         "is not what",
         "content_type"},
        {"https://a.example/",
         {.status = 200, .type = "image/gif", .body = PNG},
         "content/1",
         "is not what",
         "content_type"},
        {"https://a.example/",
         {.status = 200, .type = "application/pdf", .body = "%PDF-1"},
         "content/1",
         "no image",
         "content_type"},
        {"https://a.example/",
         {.status = 200, .type = "image/png", .headers = {"content-length", "99999999"}},
         "content/1",
         "too large",
         "too_large"},
        {"https://a.example/",
         {.failure = GW_HTTP_TOO_LARGE},
         "content/1",
         "too large",
         "too_large"},
        {"https://a.example/",
         {.failure = GW_HTTP_EGRESS_METADATA},
         "content/1",
         "could not",
         "egress_metadata"},
        {"https://a.example/", {.failure = GW_HTTP_DNS}, "content/1", "could not", "dns"},
        {"https://a.example/", {.failure = GW_HTTP_TIMEOUT}, "content/1", "in time", "timeout"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        gw_buf got;
        fake *f = fake_new(CONFIG(""), &rows[i].answer, 1);
        if (ask(f, rows[i].urls, &got) != 400)
            fail_msg("row %zu: %s", i, got.data);
        if (!strstr(got.data, rows[i].pointer) || !strstr(got.data, rows[i].message))
            fail_msg("row %zu: %s", i, got.data);
        assert_null(strstr(got.data, "example"));
        assert_non_null(strstr(f->log, "fetch_failed"));
        assert_non_null(strstr(f->log, rows[i].log));
        assert_null(strstr(f->log, "s3cr3t"));
        gw_buf_free(&got);
        fake_free(f);
    }
}

/* The first that fails stops the others. */
static void one_failure_is_enough(void **state)
{
    const fake_answer script[] = {{.status = 200, .type = "image/png", .hang = true},
                                  {.status = 500},
                                  {.status = 200, .type = "image/png", .hang = true}};
    gw_buf got;
    (void)state;
    fake *f = fake_new(CONFIG(""), script, 3);
    assert_int_equal(ask(f, "https://a.example/1 https://a.example/2 https://a.example/3", &got),
                     400);
    assert_non_null(strstr(got.data, "content/2"));
    assert_int_equal(f->cancelled, 3);
    gw_buf_free(&got);
    fake_free(f);
}

static void only_some_at_once(void **state)
{
    fake_answer script[12];
    gw_buf got;
    (void)state;
    for (size_t i = 0; i < 12; i++)
        script[i] = picture;
    script[11] = gemini;
    fake *f = fake_new(CONFIG(", max_urls: 11"), script, 12);
    aigw_exchange *x = fake_open(
        f, CHAT,
        body_with("https://a/1 https://a/2 https://a/3 https://a/4 https://a/5 https://a/6 "
                  "https://a/7 https://a/8 https://a/9 https://a/10 https://a/11"));
    assert_int_equal(f->running, 8);
    gw_buf_init(&got, 65536);
    assert_int_equal(fake_finish(f, x, &got), AIGW_END);
    assert_int_equal(f->next, 12);
    aigw_exchange_free(x);
    gw_buf_free(&got);
    fake_free(f);
}

static void time_is_up_for_all_together(void **state)
{
    const fake_answer script[] = {picture, {.status = 200, .type = "image/png", .hang = true}};
    aigw_head head = {0};
    (void)state;
    fake *f = fake_new(CONFIG(""), script, 2);
    aigw_exchange *x = fake_open(f, CHAT, body_with("https://a.example/1 https://a.example/2"));
    fake_pass(f, 999);
    assert_int_equal(f->running, 1);
    fake_pass(f, 1);
    assert_int_equal(f->running, 0);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    assert_int_equal(head.status, 400);
    aigw_exchange_free(x);
    fake_free(f);
}

static void who_leaves_ends_it(void **state)
{
    const fake_answer script[] = {picture, {.status = 200, .type = "image/png", .hang = true}};
    (void)state;
    for (int steps = 0; steps < 4; steps++) {
        fake *f = fake_new(CONFIG(""), script, 2);
        aigw_exchange *x = fake_open(f, CHAT, body_with("https://a.example/1 https://a.example/2"));
        for (int i = 0; i < steps; i++)
            aigw_loop_step(f->loop, NULL);
        aigw_exchange_free(x);
        fake_free(f);
    }
}

/* Redirects: each is a URL like the first, and the last of those that are allowed is the last. */
static void redirects(void **state)
{
    static const struct {
        const char *to;
        size_t asked;
        int status;
    } rows[] = {
        {"/elsewhere", 4, 200},
        {"https://b.example/", 4, 200},
        {"//b.example/x", 4, 200},
        {"http://a.example/", 1, 400}, /* not in clear */
        {"https://u:p@a.example/", 1, 400},
        {"file:///etc/passwd", 1, 400},
        {"", 1, 400},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const fake_answer script[] = {{.status = 301, .headers = {"location", rows[i].to}},
                                      {.status = 307, .headers = {"location", rows[i].to}},
                                      picture,
                                      gemini};
        gw_buf got;
        fake *f = fake_new(CONFIG(", max_redirects: 2"), script, 4);
        int status = ask(f, "https://a.example/1", &got);
        if (status != rows[i].status || f->next != rows[i].asked)
            fail_msg("%s: %d after %zu: %s", rows[i].to, status, f->next, got.data);
        gw_buf_free(&got);
        fake_free(f);
    }
    const fake_answer again[] = {{.status = 302, .headers = {"location", "/b"}},
                                 {.status = 303, .headers = {"location", "/c"}},
                                 {.status = 308, .headers = {"location", "/d"}}};
    gw_buf got;
    fake *f = fake_new(CONFIG(", max_redirects: 2"), again, 3);
    assert_int_equal(ask(f, "https://a.example/1", &got), 400);
    assert_int_equal(f->next, 3);
    gw_buf_free(&got);
    fake_free(f);
}

static void types_by_their_first_bytes(void **state)
{
    const struct {
        aigw_slice bytes;
        const char *type;
    } rows[] = {
        {GW_S("\x89PNG\r\n\x1a\n"), "image/png"},
        {GW_S("\xff\xd8\xff"), "image/jpeg"},
        {GW_S("GIF87a"), "image/gif"},
        {GW_S("GIF89a"), "image/gif"},
        {GW_S("RIFFxxxxWEBP"), "image/webp"},
        {GW_S("%PDF-"), "application/pdf"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aigw_slice bytes = rows[i].bytes;
        assert_string_equal(gw_fetch_type_of(bytes), rows[i].type);
        for (size_t n = 0; n < bytes.len; n++)
            assert_null(gw_fetch_type_of(gw_slice(bytes.data, n)));
    }
    assert_null(gw_fetch_type_of(GW_S("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")));
    assert_null(gw_fetch_type_of(GW_S("RIFFxxxxWAVE")));
    assert_null(gw_fetch_type_of(GW_S(" %PDF-")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_go_to_the_provider),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(one_failure_is_enough),
        cmocka_unit_test(only_some_at_once),
        cmocka_unit_test(time_is_up_for_all_together),
        cmocka_unit_test(who_leaves_ends_it),
        cmocka_unit_test(redirects),
        cmocka_unit_test(types_by_their_first_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
