/* Counts what the gateway does and prints it in the Prometheus text format (version 0.0.4).
 * Must not know who counts; a label value is a static word of ours, and their number is bounded. */
#include "ledger/metrics.h"

#include "base/mem.h"
#include "base/text.h"
#include "ledger/metrics_guard.h"
#include <stdatomic.h>

#define MAX_ROUTES  32 /* further ones are counted as "other" */
#define MAX_REASONS 48
#define CLASSES     6 /* 1xx to 5xx, and what is no status */

typedef _Atomic uint64_t cell;

/* Upper bounds in milliseconds, and as they are printed: seconds. LLM calls take long. */
static const struct {
    int64_t upper_ms;
    const char *label;
} buckets[] = {{5, "0.005"},  {10, "0.01"},  {25, "0.025"}, {50, "0.05"},    {100, "0.1"},
               {250, "0.25"}, {500, "0.5"},  {1000, "1"},   {2500, "2.5"},   {5000, "5"},
               {10000, "10"}, {30000, "30"}, {60000, "60"}, {120000, "120"}, {300000, "300"}};
#define BUCKETS (sizeof buckets / sizeof buckets[0])

typedef struct histogram {
    cell in[BUCKETS + 1]; /* not cumulative; the last one is +Inf */
    cell sum_ms;
} histogram;

typedef struct route {
    _Atomic(const char *) name; /* NULL: free; set once */
    cell classes[CLASSES];
    histogram duration, first_byte;
} route;

typedef struct reason {
    _Atomic(const char *) name, alb;
    cell count;
} reason;

struct gw_metrics {
    cell counters[GW_C_COUNT];
    _Atomic int64_t in_flight;
    route routes[MAX_ROUTES + 1]; /* the last is "other" */
    reason reasons[MAX_REASONS + 1];
    gw_guard_counts *guards;
};

static const char *const class_names[CLASSES] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};

/* The plain counters; the two with labels are not among them. */
static const struct {
    gw_counter counter;
    const char *name, *help;
} plain[] = {
    {GW_C_UPSTREAM_ERRORS, "aigw_upstream_errors_total", "Attempts that a provider failed."},
    {GW_C_RETRIES, "aigw_retries_total", "Attempts after the first one."},
    {GW_C_INPUT_TOKENS, "aigw_input_tokens_total", "Input tokens, cached ones among them."},
    {GW_C_OUTPUT_TOKENS, "aigw_output_tokens_total", "Output tokens, reasoning among them."},
    {GW_C_CACHED_TOKENS, "aigw_cached_tokens_total", "Input tokens read from a provider's cache."},
    {GW_C_REASONING_TOKENS, "aigw_reasoning_tokens_total", "Output tokens spent on reasoning."},
    {GW_C_STREAMS_BROKEN, "aigw_streams_broken_total", "Streams that ended in an error."},
    {GW_C_CANCELLED, "aigw_cancelled_total", "Exchanges whose client went away."},
    {GW_C_JWT_CACHE_HITS, "aigw_jwt_cache_hits_total", "Tokens found in the cache."},
    {GW_C_JWT_CACHE_MISSES, "aigw_jwt_cache_misses_total", "Tokens whose signature was checked."},
    {GW_C_TOKENS_ISSUED, "aigw_tokens_issued_total", "Tokens minted by the embedded issuer."},
    {GW_C_PASS_REQUEST_BYTES, "aigw_pass_request_bytes_total", "Bodies of requests passed through."},
    {GW_C_PASS_RESPONSE_BYTES, "aigw_pass_response_bytes_total", "Bodies of answers to them."},
};

static void add(cell *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static uint64_t get(const cell *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

/* Is this slot the word's, now or already? Slots are taken in order and never given back. */
static bool claim(_Atomic(const char *) *slot, const char *word)
{
    const char *seen = NULL;
    if (atomic_compare_exchange_strong_explicit(slot, &seen, word, memory_order_acq_rel,
                                                memory_order_acquire))
        return true;
    return seen == word || strcmp(seen, word) == 0;
}

static route *route_of(gw_metrics *m, const char *word)
{
    for (size_t i = 0; i < MAX_ROUTES; i++) {
        if (claim(&m->routes[i].name, word))
            return &m->routes[i];
    }
    return &m->routes[MAX_ROUTES];
}

static void observe(histogram *h, int64_t ms)
{
    size_t i = 0;
    while (i < BUCKETS && ms > buckets[i].upper_ms)
        i++;
    add(&h->in[i], 1);
    add(&h->sum_ms, (uint64_t)ms);
}

gw_metrics *gw_metrics_new(void)
{
    gw_metrics *m = gw_calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->guards = gw_guard_counts_new();
    if (!m->guards) {
        gw_free(m);
        return NULL;
    }
    atomic_store(&m->routes[MAX_ROUTES].name, "other");
    atomic_store(&m->reasons[MAX_REASONS].name, "other");
    return m;
}

void gw_metrics_free(gw_metrics *m)
{
    if (m)
        gw_guard_counts_free(m->guards);
    gw_free(m);
}

void gw_metrics_guard(gw_metrics *m, aigw_slice name, bool answer, const char *action, bool failed)
{
    gw_guard_counts_add(m->guards, name, answer, action, failed);
}

void gw_metrics_add(gw_metrics *m, gw_counter counter, uint64_t n)
{
    if (counter < GW_C_COUNT)
        add(&m->counters[counter], n);
}

void gw_metrics_request(gw_metrics *m, const char *word, int status, int64_t duration_ms,
                        int64_t first_byte_ms)
{
    route *r = route_of(m, word);
    add(&r->classes[status >= 100 && status <= 599 ? status / 100 : 0], 1);
    observe(&r->duration, duration_ms > 0 ? duration_ms : 0);
    if (first_byte_ms >= 0)
        observe(&r->first_byte, first_byte_ms);
}

void gw_metrics_denied(gw_metrics *m, const char *word)
{
    gw_metrics_denied_as(m, word, "");
}

void gw_metrics_denied_as(gw_metrics *m, const char *word, const char *alb_word)
{
    for (size_t i = 0; i < MAX_REASONS; i++) {
        if (claim(&m->reasons[i].name, word)) {
            atomic_store_explicit(&m->reasons[i].alb, alb_word, memory_order_release);
            add(&m->reasons[i].count, 1);
            return;
        }
    }
    add(&m->reasons[MAX_REASONS].count, 1);
}

void gw_metrics_in_flight(gw_metrics *m, int delta)
{
    atomic_fetch_add_explicit(&m->in_flight, delta, memory_order_relaxed);
}

static void head(gw_buf *out, const char *name, const char *type, const char *help)
{
    gw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void render_requests(gw_metrics *m, gw_buf *out)
{
    head(out, "aigw_requests_total", "counter", "Finished requests.");
    for (size_t i = 0; i <= MAX_ROUTES; i++) {
        const char *name = atomic_load_explicit(&m->routes[i].name, memory_order_acquire);
        for (size_t c = 0; name && c < CLASSES; c++) {
            uint64_t n = get(&m->routes[i].classes[c]);
            if (n)
                gw_buf_printf(out, "aigw_requests_total{route=\"%s\",status=\"%s\"} %llu\n", name,
                              class_names[c], (unsigned long long)n);
        }
    }
}

static void render_denied(gw_metrics *m, gw_buf *out)
{
    head(out, "aigw_denied_total", "counter", "Requests that the gate refused.");
    for (size_t i = 0; i <= MAX_REASONS; i++) {
        const char *name = atomic_load_explicit(&m->reasons[i].name, memory_order_acquire);
        uint64_t n = get(&m->reasons[i].count);
        const char *alb = atomic_load_explicit(&m->reasons[i].alb, memory_order_acquire);
        if (name && n && alb && *alb)
            gw_buf_printf(out, "aigw_denied_total{reason=\"%s\",alb_reason=\"%s\"} %llu\n", name,
                          alb, (unsigned long long)n);
        else if (name && n)
            gw_buf_printf(out, "aigw_denied_total{reason=\"%s\"} %llu\n", name,
                          (unsigned long long)n);
    }
}

static void render_histogram(const histogram *h, const char *metric, const char *name, gw_buf *out)
{
    uint64_t total = 0;
    uint64_t in[BUCKETS + 1];
    for (size_t i = 0; i <= BUCKETS; i++)
        total += in[i] = get(&h->in[i]);
    if (total == 0)
        return;
    uint64_t sum = 0;
    for (size_t i = 0; i <= BUCKETS; i++) {
        sum += in[i];
        gw_buf_printf(out, "%s_bucket{route=\"%s\",le=\"%s\"} %llu\n", metric, name,
                      i < BUCKETS ? buckets[i].label : "+Inf", (unsigned long long)sum);
    }
    uint64_t ms = get(&h->sum_ms);
    gw_buf_printf(out, "%s_sum{route=\"%s\"} %llu.%03u\n", metric, name,
                  (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
    gw_buf_printf(out, "%s_count{route=\"%s\"} %llu\n", metric, name, (unsigned long long)total);
}

static void render_histograms(gw_metrics *m, bool first_byte, gw_buf *out)
{
    const char *metric = first_byte ? "aigw_first_byte_seconds" : "aigw_request_duration_seconds";
    head(out, metric, "histogram",
         first_byte ? "From the request to the first byte of its answer."
                    : "From the request to the last byte of its answer.");
    for (size_t i = 0; i <= MAX_ROUTES; i++) {
        const route *r = &m->routes[i];
        const char *name = atomic_load_explicit(&r->name, memory_order_acquire);
        if (name)
            render_histogram(first_byte ? &r->first_byte : &r->duration, metric, name, out);
    }
}

void gw_metrics_render(gw_metrics *m, gw_buf *out)
{
    render_requests(m, out);
    render_denied(m, out);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        head(out, plain[i].name, "counter", plain[i].help);
        gw_buf_printf(out, "%s %llu\n", plain[i].name,
                      (unsigned long long)get(&m->counters[plain[i].counter]));
    }
    head(out, "aigw_requests_in_flight", "gauge", "Requests that run now.");
    long long running = atomic_load_explicit(&m->in_flight, memory_order_relaxed);
    gw_buf_printf(out, "aigw_requests_in_flight %lld\n", running);
    gw_guard_counts_render(m->guards, out);
    render_histograms(m, false, out);
    render_histograms(m, true, out);
}
