/* Exchanges that wait for a Redis that never answers: freed, outlived by a reload, or left to the deadline. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ECHO                                                                                       \
    "providers: [{type: echo}]\n"                                                                  \
    "models: [{name: e, targets: [{provider: echo}]}]\n"                                           \
    "rate_limits: [{name: held, concurrent_requests: 1, requests_per_minute: 100%s}]\n"

typedef struct silence {
    char folder[32], config[512];
    int fd;
} silence;

/* Takes connections, as a kernel does, and says nothing. */
static void silence_start(silence *s, const char *policy)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char on_fail[32];
    snprintf(s->folder, sizeof s->folder, "/tmp/aigw_wait_XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(un.sun_path, sizeof un.sun_path, "%s/s", s->folder);
    s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&un, sizeof un), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    snprintf(on_fail, sizeof on_fail, ", on_fail: %s", policy);
    snprintf(s->config, sizeof s->config, ECHO "redis: {address: 'unix:%s', deadline_ms: 500}\n",
             on_fail, un.sun_path);
}

static void silence_end(silence *s)
{
    char path[64];
    close(s->fd);
    snprintf(path, sizeof path, "%s/s", s->folder);
    unlink(path);
    rmdir(s->folder);
}

static aigw_exchange *waits(fake *f)
{
    aigw_head head = {0};
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("e"));
    fake_steps(f);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
    assert_non_null(x->quota.waiting);
    return x;
}

static int status_of(fake *f, aigw_exchange *x)
{
    aigw_head head = {0};
    fake_steps(f);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    aigw_exchange_free(x);
    return head.status;
}

static void freed_in_any_order(void **state)
{
    (void)state;
    silence s;
    silence_start(&s, "open");
    fake *f = fake_new(s.config, NULL, 0);
    aigw_exchange *x[4];
    for (int i = 0; i < 4; i++)
        x[i] = waits(f);
    aigw_exchange_free(x[2]);
    aigw_exchange_free(x[0]);
    fake_steps(f);
    aigw_exchange_free(x[3]);
    fake_pass(f, 499);
    assert_non_null(x[1]->quota.waiting);
    fake_pass(f, 1);
    assert_int_equal(status_of(f, x[1]), 200); /* the policy of the limit */
    silence_end(&s);
    fake_pass(f, 1000);
    fake_free(f);
}

/* It waits where it asked, whatever comes after it; new ones ask nobody. */
static void outlived_by_a_reload(void **state)
{
    (void)state;
    silence s;
    char memory[512];
    silence_start(&s, "closed");
    snprintf(memory, sizeof memory, ECHO, "");
    fake *f = fake_new(s.config, NULL, 0);
    aigw_exchange *one = waits(f), *two = waits(f);
    assert_int_equal(aigw_gateway_reload(f->gw, aigw_slice_of(memory), NULL), AIGW_OK);
    assert_int_equal(status_of(f, fake_open(f, OPENAI_PATH, ASK("e"))), 200);
    assert_non_null(one->quota.waiting);
    aigw_exchange_free(one);
    fake_pass(f, 500);
    assert_int_equal(status_of(f, two), 503);
    assert_int_equal(aigw_gateway_reload(f->gw, aigw_slice_of(s.config), NULL), AIGW_OK);
    aigw_exchange *three = waits(f);
    aigw_exchange_free(three);
    fake_free(f);
    silence_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_in_any_order),
        cmocka_unit_test(outlived_by_a_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
