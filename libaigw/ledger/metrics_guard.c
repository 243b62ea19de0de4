/* Counts guardrails' verdicts and prints them in the Prometheus text format.
 * Must not know who decides. */
#include "ledger/metrics_guard.h"

#include "base/mem.h"
#include "base/text.h"
#include <stdatomic.h>

#define NAMES      64
#define NAME_BYTES 64
#define ACTIONS    4

/* A row is taken once: free, then being named, then named for good. */
enum { ROW_FREE, ROW_NAMING, ROW_NAMED };

typedef struct row {
    _Atomic int state;
    char name[NAME_BYTES];
    _Atomic uint64_t count[2][ACTIONS][2]; /* stage, action, failed */
} row;

struct gw_guard_counts {
    row rows[NAMES + 1]; /* the last is "other" */
};

static const char *const actions[ACTIONS] = {"pass", "flag", "mask", "block"};

gw_guard_counts *gw_guard_counts_new(void)
{
    gw_guard_counts *c = gw_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    memcpy(c->rows[NAMES].name, "other", sizeof "other");
    atomic_store(&c->rows[NAMES].state, ROW_NAMED);
    return c;
}

void gw_guard_counts_free(gw_guard_counts *c)
{
    gw_free(c);
}

static row *row_of(gw_guard_counts *c, aigw_slice name)
{
    if (name.len >= NAME_BYTES)
        return &c->rows[NAMES];
    for (size_t i = 0; i < NAMES; i++) {
        row *r = &c->rows[i];
        int state = ROW_FREE;
        if (atomic_compare_exchange_strong(&r->state, &state, ROW_NAMING)) {
            if (name.len)
                memcpy(r->name, name.data, name.len);
            atomic_store_explicit(&r->state, ROW_NAMED, memory_order_release);
            return r;
        }
        while (state == ROW_NAMING) /* a copy of a few bytes */
            state = atomic_load_explicit(&r->state, memory_order_acquire);
        if (gw_eq(aigw_slice_of(r->name), name))
            return r;
    }
    return &c->rows[NAMES];
}

void gw_guard_counts_add(gw_guard_counts *c, aigw_slice name, bool answer, const char *action,
                         bool failed)
{
    size_t a = 0;
    while (a < ACTIONS && strcmp(actions[a], action) != 0)
        a++;
    if (a < ACTIONS)
        atomic_fetch_add_explicit(&row_of(c, name)->count[answer][a][failed], 1,
                                  memory_order_relaxed);
}

static void render_row(const row *r, gw_buf *out)
{
    for (size_t i = 0; i < 2 * ACTIONS * 2; i++) {
        size_t stage = i / (2 * ACTIONS), action = i / 2 % ACTIONS, failed = i % 2;
        uint64_t n = atomic_load_explicit(&r->count[stage][action][failed], memory_order_relaxed);
        if (n)
            gw_buf_printf(out,
                          "aigw_guard_total{guard=\"%s\",stage=\"%s\",action=\"%s\",failed=\"%s\"} "
                          "%llu\n",
                          r->name, stage ? "answer" : "prompt", actions[action],
                          failed ? "true" : "false", (unsigned long long)n);
    }
}

void gw_guard_counts_render(gw_guard_counts *c, gw_buf *out)
{
    gw_buf_puts(out, "# HELP aigw_guard_total Verdicts of guardrails, by the strictest that was "
                     "found in a prompt or an answer.\n# TYPE aigw_guard_total counter\n");
    for (size_t i = 0; i <= NAMES; i++) {
        if (atomic_load_explicit(&c->rows[i].state, memory_order_acquire) == ROW_NAMED)
            render_row(&c->rows[i], out);
    }
}
