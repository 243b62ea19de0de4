/*
 * What a decision costs: in memory by threads, over a Redis waiting for each, many at once, and with leases.
 * Not a test: it says nothing of right or wrong but that the work was done.
 *
 * Usage: bench_limit memory THREADS N KEYS | bench_limit redis ADDRESS N one|many|lease
 */
#include <aigw/limit.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const aigw_limit_rule rules[] = {
    {.name = "ip", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 2000, .window_ms = 300000},
    {.name = "leased",
     .kind = AIGW_LIMIT_SLIDING_WINDOW,
     .limit = 2000000000,
     .window_ms = 60000,
     .lease = 100,
     .lease_ms = 1000},
    {.name = "wide", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 2000000000, .window_ms = 60000},
};

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(const char *what, long n, double wall, double cpu)
{
    printf("%s: %ld decisions, %.0f ns CPU each, %.0f a second\n", what, n, cpu / (double)n * 1e9,
           (double)n / wall);
}

typedef struct job {
    aigw_limiter *limiter;
    long n, keys, seed;
} job;

static void *run(void *user)
{
    job *j = user;
    unsigned long x = (unsigned long)j->seed * 0x9e3779b97f4a7c15u + 1;
    for (long i = 0; i < j->n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        unsigned long key = x % (unsigned long)j->keys;
        aigw_limit_ask ask = {.rule = 0, .key = {(const char *)&key, sizeof key}, .n = 1};
        aigw_limiter_take(j->limiter, &ask, 1, i / 1000, NULL);
    }
    return NULL;
}

static void in_memory(aigw_limiter *limiter, int threads, long n, long keys)
{
    pthread_t ids[64];
    job jobs[64];
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < threads; i++) {
        jobs[i] = (job){limiter, n / threads, keys, i + 1};
        pthread_create(&ids[i], NULL, run, &jobs[i]);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    say("memory", n / threads * threads, seconds(CLOCK_MONOTONIC) - wall,
        seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

static void one_less(void *user)
{
    --*(long *)user;
}

static void over_redis(aigw_limit_link *link, long n, const char *how)
{
    enum { DEPTH = 64 };
    aigw_limit_ask asks[DEPTH];
    aigw_limit_link_stats stats;
    size_t rule = strcmp(how, "lease") == 0 ? 1 : 2;
    long depth = strcmp(how, "many") == 0 ? DEPTH : 1, done = 0;
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

    while (done < n) {
        long waits = 0;
        for (long i = 0; i < depth; i++, done++) {
            asks[i] = (aigw_limit_ask){.rule = rule, .key = aigw_slice_of("bench"), .n = 1};
            if (depth == 1)
                aigw_limit_link_take(link, asks, 1, NULL);
            else if (aigw_limit_link_start(link, &asks[i], 1, one_less, &waits, NULL) == AIGW_AGAIN)
                waits++;
        }
        while (waits > 0) {
            struct pollfd fd = {.fd = aigw_limit_link_fd(link), .events = POLLIN};
            poll(&fd, 1, aigw_limit_link_timeout_ms(link));
            aigw_limit_link_step(link);
        }
    }
    say(how, n, seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    aigw_limit_link_get_stats(link, &stats);
    printf("%llu round trips, %llu by lease, %llu by policy\n",
           (unsigned long long)stats.round_trips, (unsigned long long)stats.by_lease,
           (unsigned long long)stats.by_policy);
}

int main(int argc, char **argv)
{
    aigw_limiter_options options = {.size = sizeof options,
                                    .rules = rules,
                                    .rule_count = 3,
                                    .rule_size = sizeof *rules,
                                    .max_keys = 1000000};
    aigw_limiter *limiter = NULL;
    aigw_limit_link *link = NULL;
    bool memory = argc == 5 && strcmp(argv[1], "memory") == 0;
    bool redis = argc == 5 && strcmp(argv[1], "redis") == 0;

    if ((!memory && !redis) || aigw_limiter_new(&options, &limiter, NULL) != AIGW_OK) {
        fprintf(stderr, "usage: %s memory THREADS N KEYS | redis ADDRESS N one|many|lease\n",
                argv[0]);
        return 1;
    }
    if (memory) {
        int threads = atoi(argv[2]);
        in_memory(limiter, threads < 1 || threads > 64 ? 1 : threads, atol(argv[3]), atol(argv[4]));
    } else {
        aigw_limit_link_options o = {.size = sizeof o, .address = argv[2], .deadline_ms = 5000};
        if (aigw_limit_link_new(limiter, &o, NULL, &link, NULL) == AIGW_OK)
            over_redis(link, atol(argv[3]), argv[4]);
    }
    aigw_limit_link_free(link);
    aigw_limiter_free(limiter);
    return 0;
}
