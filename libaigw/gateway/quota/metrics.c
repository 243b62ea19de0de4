/* Prints the state of the counts and of the Redis for monitoring. Must not know what a request is. */
#include "gateway/gateway.h"
#include "gateway/quota/quota.h"
#include <inttypes.h>

typedef struct row {
    const char *name, *labels, *type, *help;
    uint64_t (*get)(const gw_tally_stats *stats);
    bool redis; /* only where there is one */
} row;

#define GET(name, member)                                                                          \
    static uint64_t name(const gw_tally_stats *s)                                                  \
    {                                                                                              \
        return s->member;                                                                          \
    }
GET(keys, limiter.keys)
GET(table_bytes, limiter.table_bytes)
GET(event_bytes, limiter.event_bytes)
GET(forgot_idle, limiter.forgot_idle)
GET(forgot_counting, limiter.forgot_counting)
GET(full, limiter.full)
GET(links, links)
GET(connected, connected)
GET(leased, leased_units)
GET(trips, round_trips)
GET(by_lease, by_lease)
GET(by_policy, by_policy)
GET(lost, lost_settlements)
GET(connects, connects)

static const row rows[] = {
    {"aigw_limit_keys", "", "gauge", "Counts that are kept in memory.", keys, false},
    {"aigw_limit_table_bytes", "", "gauge", "Memory for them.", table_bytes, false},
    {"aigw_limit_event_bytes", "", "gauge", "Memory of busy ones besides.", event_bytes, false},
    {"aigw_limit_forgotten_total", ",counting=\"no\"", "counter", "Counts that gave way to others.",
     forgot_idle, false},
    {"aigw_limit_forgotten_total", ",counting=\"yes\"", NULL, NULL, forgot_counting, false},
    {"aigw_limit_full_total", "", "counter", "Requests that found no place to be counted.", full,
     false},
    {"aigw_redis_links", "", "gauge", "Connections to the Redis that there should be.", links,
     true},
    {"aigw_redis_connected", "", "gauge", "Those that are up.", connected, true},
    {"aigw_redis_connects_total", "", "counter", "Connections that came up.", connects, true},
    {"aigw_redis_round_trips_total", "", "counter", "Decisions that the Redis made in time.", trips,
     true},
    {"aigw_redis_by_lease_total", "", "counter", "Decisions by units that were taken ahead.",
     by_lease, true},
    {"aigw_redis_by_policy_total", "", "counter",
     "Decisions that on_fail made, since the Redis did not.", by_policy, true},
    {"aigw_redis_lost_settlements_total", "", "counter", "Corrections that could not be delivered.",
     lost, true},
    {"aigw_redis_leased_units", "", "gauge", "Units that were taken ahead and are left.", leased,
     true},
};

void gw_quota_metrics(const gw_live *live, gw_buf *out)
{
    static const char *const names[GW_TALLIES] = {"address", "call"};
    gw_tally_stats stats[GW_TALLIES] = {0};
    bool any = false, redis = false;
    for (int i = 0; i < GW_TALLIES; i++) {
        if (!live->tallies[i])
            continue;
        gw_tally_get_stats(live->tallies[i], &stats[i]);
        any = true;
        redis = redis || stats[i].redis;
    }
    for (size_t r = 0; any && r < sizeof rows / sizeof *rows; r++) {
        if (rows[r].redis && !redis)
            continue;
        if (rows[r].type)
            gw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[r].name, rows[r].help,
                          rows[r].name, rows[r].type);
        for (int i = 0; i < GW_TALLIES; i++) {
            if (live->tallies[i])
                gw_buf_printf(out, "%s{of=\"%s\"%s} %" PRIu64 "\n", rows[r].name, names[i],
                              rows[r].labels, rows[r].get(&stats[i]));
        }
    }
}
