/* URLs of a request fetched with the n-th allocation failing, once and from then on: an answer or an error,
 * and nothing is lost. */
#include "fault/nomem.h"

#define CONFIG                                                                                     \
    "enable_waf: false\n"                                                                          \
    "auth: {jwt: {enabled: false}}\n"                                                              \
    "egress: {allow_private: [10.0.0.0/8], fetch_urls: {enabled: true, max_redirects: 1}}\n"       \
    "providers:\n"                                                                                 \
    "  - {type: gemini, base_url: 'http://127.0.0.1:9', api_key: k, models: [gemini-x], "          \
    "max_retries: 0}\n"
#define ASK                                                                                        \
    "{\"model\":\"gemini-x\",\"messages\":[{\"role\":\"user\",\"content\":["                       \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a.example/1\"}},"                    \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a.example/2\"}}]}]}"

static const fake_answer script[] = {
    {.status = 200, .type = "image/png", .body = "\x89PNG\r\n\x1a\n...", .piece = 3},
    {.status = 302, .headers = {"location", "/3"}},
    {.status = 200, .type = "image/png", .body = "\x89PNG\r\n\x1a\n..."},
    {.status = 200,
     .type = "application/json",
     .body = "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"seen\"}]},"
             "\"finishReason\":\"STOP\"}]}"},
};

/* The status of the answer; 0 without one. */
static int run(aigw_gateway *gw)
{
    fake *f = calloc(1, sizeof *f);
    aigw_exchange *x = NULL;
    int status = 0;
    f->gw = gw;
    f->script = script;
    f->count = 4;
    if (aigw_loop_new(gw, &f->loop, NULL) == AIGW_OK) {
        gw_worker_set_transport(f->loop, &fake_transport, f);
        aigw_request request = fake_request("/v1/chat/completions", ASK);
        if (aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL) == AIGW_OK) {
            aigw_head head = {0};
            fake_steps(f);
            if (aigw_exchange_head(x, &head, NULL) == AIGW_OK)
                status = head.status;
            aigw_exchange_free(x);
        }
        aigw_loop_free(f->loop);
    }
    assert_int_equal(f->running, 0);
    for (size_t i = 0; i < FAKE_MAX; i++)
        free(f->bodies[i]);
    free(f);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int for_good = 0; for_good < 2; for_good++) {
        failing memory = {.for_good = for_good};
        aigw_gateway *gw = NULL;
        fake host = {0};
        int failures = 0;
        fake_host(&host);
        aigw_set_allocator(&(aigw_allocator){failing_realloc, failing_free, &memory});
        assert_int_equal(aigw_gateway_new(aigw_slice_of(CONFIG), &host.host, &gw, NULL), AIGW_OK);
        assert_int_equal(run(gw), 200);
        long live = memory.live;
        for (long n = 1;; n++) {
            memory.calls = 0;
            memory.fail_at = n;
            int status = run(gw);
            if (status != 0 && status != 200 && status != 503 && status != 502)
                fail_msg("status %d at allocation %ld", status, n);
            failures += status == 503;
            assert_int_equal(memory.live, live);
            if (memory.calls < n)
                break;
        }
        print_message("%d answered without memory\n", failures);
        assert_true(for_good || failures > 5); /* no memory at all: no answer either */
        memory.fail_at = 0;
        aigw_gateway_free(gw);
        assert_int_equal(memory.live, 0);
        aigw_set_allocator(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
