/* Pass-through with the n-th allocation failing, once and from then on: an answer or an error, and nothing
 * is lost, whether the body comes whole or in pieces. */
#include "gateway/pass.h"
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define CONFIG                                                                                     \
    "auth: {jwt: {enabled: false}}\n"                                                              \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1, "                 \
    "pass_through: true, pass_through_paths: [/v1], headers: {openai-organization: o}}\n"

typedef struct failing {
    long calls, fail_at, live;
    bool for_good;
} failing;

static void *failing_realloc(void *user, void *ptr, size_t bytes)
{
    failing *a = user;
    a->calls++;
    if (a->fail_at && (a->calls == a->fail_at || (a->for_good && a->calls > a->fail_at)))
        return NULL;
    void *got = realloc(ptr, bytes);
    a->live += got && !ptr;
    return got;
}

static void failing_free(void *user, void *ptr)
{
    failing *a = user;
    a->live -= ptr != NULL;
    free(ptr);
}

static const fake_answer answers[] = {
    {.status = 200,
     .type = JSON,
     .body = "{\"usage\":{\"input_tokens\":5,\"output_tokens\":7}}",
     .piece = 9,
     .headers = {"etag", "x", "location", "/v1/files/x", "x-request-id", "r"}},
    {.status = 302, .headers = {"location", "https://elsewhere.example/"}},
};

static int write_pieces(aigw_loop *loop, aigw_exchange *x)
{
    for (int i = 0; i < 50; i++) {
        size_t taken;
        int rc = aigw_exchange_write(x, GW_S("0123456789"), &taken, NULL);
        if (rc != AIGW_OK)
            return rc;
        aigw_loop_step(loop, NULL);
    }
    return aigw_exchange_write_end(x, NULL);
}

/* From the making of a loop to its end. The status of the answer, 0 without one. */
static int run(aigw_gateway *gw, const fake_answer *answer, bool in_pieces)
{
    fake *f = calloc(1, sizeof *f);
    f->gw = gw;
    f->script = answer;
    f->count = 1;
    int status = 0;
    if (aigw_loop_new(gw, &f->loop, NULL) != AIGW_OK)
        goto done;
    gw_worker_set_transport(f->loop, &fake_transport, f);
    aigw_header type = {GW_S("content-type"), GW_S("multipart/form-data; boundary=x")};
    aigw_request request = fake_request("/pass/openai/v1/files?a=b", "the body");
    request.headers = &type;
    request.header_count = 1;
    request.body_follows = in_pieces;
    aigw_exchange *x = NULL;
    if (aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL) == AIGW_OK) {
        if (in_pieces)
            write_pieces(f->loop, x);
        gw_buf got;
        gw_buf_init(&got, 100000);
        fake_steps(f);
        aigw_head head = {0};
        if (aigw_exchange_head(x, &head, NULL) == AIGW_OK)
            status = head.status;
        fake_read(x, &got);
        gw_buf_free(&got);
        aigw_exchange_free(x);
    }
    aigw_loop_free(f->loop);
done:
    assert_int_equal(f->running, 0);
    for (size_t i = 0; i < FAKE_MAX; i++) {
        free(f->bodies[i]);
        gw_buf_free(&f->transfers[i].taken);
    }
    free(f);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        failing memory = {.for_good = i & 1};
        const fake_answer *answer = &answers[i >> 2 & 1];
        bool in_pieces = i >> 1 & 1;
        aigw_gateway *gw = NULL;
        fake host = {0};
        long last = 0;
        fake_host(&host);
        aigw_set_allocator(&(aigw_allocator){failing_realloc, failing_free, &memory});
        assert_int_equal(aigw_gateway_new(aigw_slice_of(CONFIG), &host.host, &gw, NULL), AIGW_OK);
        int want = answer->status == 200 ? 200 : 502;
        assert_int_equal(run(gw, answer, in_pieces), want);
        long live = memory.live;
        for (long n = 1; memory.calls >= last || n == 1; n++) {
            last = n;
            memory.calls = 0;
            memory.fail_at = n;
            int status = run(gw, answer, in_pieces);
            if (status != 0 && status != want && status != 503 && status != 502)
                fail_msg("status %d at allocation %ld", status, n);
            assert_int_equal(memory.live, live);
            if (memory.calls < n)
                break;
        }
        memory.fail_at = 0;
        aigw_gateway_free(gw);
        assert_int_equal(memory.live, 0);
        aigw_set_allocator(NULL);
    }
}

static void configs_without_memory(void **state)
{
    (void)state;
    failing memory = {0};
    fake host = {0};
    fake_host(&host);
    aigw_set_allocator(&(aigw_allocator){failing_realloc, failing_free, &memory});
    int rc = AIGW_E_NOMEM;
    for (long n = 1; rc == AIGW_E_NOMEM; n++) {
        aigw_gateway *gw = NULL;
        memory.calls = 0;
        memory.fail_at = n;
        rc = aigw_gateway_new(aigw_slice_of(CONFIG), &host.host, &gw, NULL);
        aigw_gateway_free(gw);
        assert_int_equal(memory.live, 0);
    }
    assert_int_equal(rc, AIGW_OK);
    aigw_set_allocator(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(configs_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
