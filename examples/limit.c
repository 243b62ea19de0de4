/*
 * Limits and nothing else: no gateway, no network. Three requests a second and a thousand tokens a day
 * for each client; tokens are reserved before the work and settled after it.
 *
 * With the address of a Redis ("127.0.0.1:6379" or "unix:/path") as argument, all processes share the counts.
 */
#include <aigw/limit.h>
#include <stdio.h>
#include <time.h>

static const aigw_limit_rule rules[] = {
    {.name = "requests", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 3, .window_ms = 1000},
    {.name = "tokens-day",
     .kind = AIGW_LIMIT_SLIDING_WINDOW,
     .on_fail = AIGW_LIMIT_FAIL_OPEN,
     .limit = 1000,
     .window_ms = 86400000},
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* link: NULL without a Redis. */
static void serve(aigw_limiter *limiter, aigw_limit_link *link, const char *client)
{
    aigw_limit_ask asks[2] = {{.rule = 0, .key = aigw_slice_of(client), .n = 1},
                              {.rule = 1, .key = aigw_slice_of(client), .n = 300}};
    int code = link ? aigw_limit_link_take(link, asks, 2, NULL)
                    : aigw_limiter_take(limiter, asks, 2, now_ms(), NULL);
    if (code != AIGW_OK)
        return;
    for (int i = 0; i < 2; i++) {
        if (!asks[i].allowed) {
            printf("%s: %s says no, come back in %lld ms\n", client, rules[i].name,
                   (long long)asks[i].retry_after_ms);
            return;
        }
    }
    /* ... the work, which used 250 of the 300 tokens reserved ... */
    if (link)
        aigw_limit_link_settle(link, &asks[1].hold, 250);
    else
        aigw_limiter_settle(limiter, &asks[1].hold, 250, now_ms());
    printf("%s: served, %lld requests left in this second\n", client, (long long)asks[0].remaining);
}

int main(int argc, char **argv)
{
    aigw_limiter_options options = {
        .size = sizeof options, .rules = rules, .rule_count = 2, .rule_size = sizeof *rules};
    aigw_limit_link_options redis = {.size = sizeof redis, .address = argc > 1 ? argv[1] : NULL};
    aigw_limiter *limiter = NULL;
    aigw_limit_link *link = NULL;
    aigw_error err;

    if (aigw_limiter_new(&options, &limiter, &err) != AIGW_OK ||
        (argc > 1 && aigw_limit_link_new(limiter, &redis, NULL, &link, &err) != AIGW_OK)) {
        fprintf(stderr, "%s\n", err.message);
        aigw_limiter_free(limiter);
        return 1;
    }
    for (int i = 0; i < 4; i++)
        serve(limiter, link, "team-a");
    serve(limiter, link, "team-b");
    aigw_limit_link_free(link);
    aigw_limiter_free(limiter);
    return 0;
}
