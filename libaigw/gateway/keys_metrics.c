/* Prints the state of each issuer's key set for monitoring. Must not know what a request is. */
#include "gateway/gateway.h"

/* A label's value, escaped as the format wants it. */
static void put_label(gw_buf *out, aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '\n')
            gw_buf_puts(out, "\\n");
        else if (c == '\\' || c == '"')
            gw_buf_printf(out, "\\%c", c);
        else
            gw_buf_putc(out, c);
    }
}

static void head(gw_buf *out, const char *name, const char *type, const char *help)
{
    gw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void line(gw_buf *out, const char *name, aigw_slice issuer, const char *phase, uint64_t n)
{
    gw_buf_printf(out, "%s{issuer=\"", name);
    put_label(out, issuer);
    if (phase)
        gw_buf_printf(out, "\",phase=\"%s", phase);
    gw_buf_printf(out, "\"} %llu\n", (unsigned long long)n);
}

typedef enum what { AGE, KEYS, FETCHES, FAILURES } what;

static const struct {
    what what;
    const char *name, *type, *help;
} rows[] = {
    {AGE, "aigw_jwks_age_seconds", "gauge",
     "Since the issuer's key set came; absent: there is none."},
    {KEYS, "aigw_jwks_keys", "gauge", "Keys in the issuer's key set."},
    {FETCHES, "aigw_jwks_fetches_total", "counter", "Attempts to fetch the issuer's key set."},
    {FAILURES, "aigw_jwks_failures_total", "counter", "Failures of that, by phase."},
};

static void put(gw_buf *out, size_t row, aigw_slice issuer, const gw_keys_stats *stats)
{
    const char *name = rows[row].name;
    switch (rows[row].what) {
    case AGE:
        if (stats->age_ms >= 0)
            line(out, name, issuer, NULL, (uint64_t)stats->age_ms / 1000);
        break;
    case KEYS:
        line(out, name, issuer, NULL, stats->keys);
        break;
    case FETCHES:
        line(out, name, issuer, NULL, stats->fetches);
        break;
    case FAILURES:
        for (size_t i = 0; i < GW_KEYS_PHASES; i++) {
            if (stats->failures_by[i])
                line(out, name, issuer, gw_keys_phase(i), stats->failures_by[i]);
        }
    }
}

void gw_keys_metrics(const gw_live *live, gw_buf *out)
{
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        head(out, rows[row].name, rows[row].type, rows[row].help);
        for (size_t i = 0; i < live->config->issuer_count; i++) {
            gw_keys_stats stats;
            gw_keys_stats_get(live->keys[i], &stats);
            put(out, row, live->config->issuers[i].gate.issuer, &stats);
        }
    }
}
