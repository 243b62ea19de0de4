/* Exchanges with the n-th allocation failing, once or from then on: an answer or an error, nothing is lost.
 * Must not know which exchanges. */
#ifndef TESTS_FAULT_NOMEM_H
#define TESTS_FAULT_NOMEM_H

#include "unit/gateway/fake.h"

typedef struct failing {
    long calls, fail_at, live;
    bool for_good;
} failing;

static inline void *failing_realloc(void *user, void *ptr, size_t bytes)
{
    failing *a = user;
    a->calls++;
    if (a->fail_at && (a->calls == a->fail_at || (a->for_good && a->calls > a->fail_at)))
        return NULL;
    void *got = realloc(ptr, bytes);
    a->live += got && !ptr;
    return got;
}

static inline void failing_free(void *user, void *ptr)
{
    failing *a = user;
    a->live -= ptr != NULL;
    free(ptr);
}

typedef struct scenario {
    const char *path, *ask;
    fake_answer answer;
} scenario;

/* What no client may ever read; NULL: nothing. */
static const char *nomem_never;

/* From the making of a loop to its end. True if nothing had failed. */
static inline bool nomem_run(aigw_gateway *gw, const scenario *s)
{
    fake *f = calloc(1, sizeof *f);
    const fake_answer script[] = {s->answer, s->answer, s->answer, s->answer};
    f->gw = gw;
    f->script = script;
    f->count = 4;
    bool whole = false;
    if (aigw_loop_new(gw, &f->loop, NULL) != AIGW_OK)
        goto done;
    gw_worker_set_transport(f->loop, &fake_transport, f);
    aigw_request request = fake_request(s->path, s->ask);
    aigw_exchange *x = NULL;
    aigw_error err;
    int rc = aigw_exchange_start(f->loop, &request, NULL, NULL, &x, &err);
    if (rc != AIGW_OK) {
        assert_int_equal(rc, AIGW_E_NOMEM);
        goto done;
    }
    size_t got = 0;
    bool error_event = false;
    aigw_slice bytes;
    for (int i = 0; i < 2000; i++) {
        aigw_loop_step(f->loop, NULL);
        while ((rc = aigw_exchange_read(x, &bytes, &err)) == AIGW_OK) {
            got += bytes.len;
            if (nomem_never && gw_find(bytes, aigw_slice_of(nomem_never)))
                fail_msg("it was given: %s", nomem_never);
            error_event = error_event || gw_find(bytes, GW_S("\"error\":{")) != NULL;
            aigw_exchange_consume(x, bytes.len);
        }
        if (rc != AIGW_AGAIN)
            break;
        if (f->running == 0 && x->phase == GW_X_PAUSE)
            break; /* it would try again; that is as good */
    }
    aigw_head head = {0};
    if (rc == AIGW_END) {
        /* Complete means a head, a body, and never half a stream. */
        assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
        assert_true(got > 0);
        whole = head.status == (s->answer.status ? s->answer.status : head.status);
        bool refused = head.status == 503 || head.status == 502 || head.status == 400 ||
                       (s->answer.status >= 400 && head.status == s->answer.status);
        if (error_event && !refused)
            fail_msg("an error under status %d", head.status);
    } else if (rc != AIGW_AGAIN) {
        assert_true(rc == AIGW_E_NOMEM || rc == AIGW_E_UPSTREAM);
    }
    aigw_exchange_free(x);
    assert_int_equal(f->running, 0);
done:
    aigw_loop_free(f->loop);
    for (size_t i = 0; i < FAKE_MAX; i++)
        free(f->bodies[i]);
    free(f);
    return whole;
}

/* Each scenario with each of its allocations failing, once or from then on. */
static inline void nomem_each(const char *config, const scenario *scenarios, size_t count,
                              bool for_good)
{
    failing a = {0};
    fake host = {0};
    aigw_gateway *gw = NULL;
    fake_host(&host);
    aigw_set_allocator(&(aigw_allocator){failing_realloc, failing_free, &a});
    assert_int_equal(aigw_gateway_new(aigw_slice_of(config), &host.host, &gw, NULL), AIGW_OK);
    for (size_t i = 0; i < count; i++) {
        const scenario *s = &scenarios[i];
        assert_true(nomem_run(gw, s)); /* fills what is made once per process */
        long live = a.live;
        for (long n = 1; n < 1000; n++) {
            a = (failing){.fail_at = n, .live = live, .for_good = for_good};
            nomem_run(gw, s);
            long calls = a.calls;
            a.fail_at = 0;
            if (a.live != live)
                fail_msg("scenario %zu, allocation %ld: %ld blocks lost", i, n, a.live - live);
            if (calls < n)
                break;
        }
    }
    aigw_gateway_free(gw);
    assert_int_equal(a.live, 0);
    aigw_set_allocator(NULL);
}

#endif
