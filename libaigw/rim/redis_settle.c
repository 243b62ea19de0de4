/*
 * What goes back to the server: corrections of takes, and units of leases that nobody used.
 *
 * Must not know how a call is decided.
 */
#include "base/mem.h"
#include "rim/redis_limit_parts.h"
#include <string.h>

/* ---- corrections ---- */

static void unlink_debt(gw_redis_limit *s, gw_redis_debt *d)
{
    if (d->prev)
        d->prev->next = d->next;
    else
        s->debts = d->next;
    if (d->next)
        d->next->prev = d->prev;
    else
        s->last_debt = d->prev;
    s->debt_count--;
    gw_free(d);
}

static bool send_debt(gw_redis_debt *d);

/* One that was on its way when the connection ended may have arrived: it is not sent twice, which
 * could give back what others took. */
static void on_settled(void *user, const redisReply *reply)
{
    gw_redis_debt *d = user;
    gw_redis_limit *s = d->store;
    bool unknown = reply && reply->type == REDIS_REPLY_ERROR && !d->whole_script &&
                   strncmp(reply->str, "NOSCRIPT", 8) == 0;
    if (unknown) {
        d->whole_script = true;
        d->sent = false;
        if (send_debt(d))
            return;
    }
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        s->stats.lost_settlements++;
    unlink_debt(s, d);
}

static bool send_debt(gw_redis_debt *d)
{
    gw_redis_limit *s = d->store;
    gw_redis_args args;
    d->sent = gw_redis_settle_args(&args, d->whole_script ? "" : s->settle_sha, s->prefix,
                                   &s->rules[d->hold.rule], &d->hold, d->actual) &&
              gw_redis_send(s->redis, args.list, args.count, on_settled, d);
    gw_redis_args_free(&args);
    return d->sent;
}

void gw_redis_settle(gw_redis_limit *s, const aigw_limit_hold *hold, int64_t actual)
{
    gw_redis_debt *d = s->debt_count < s->max_waiting ? gw_calloc(1, sizeof *d) : NULL;
    if (!d) {
        s->stats.lost_settlements++;
        return;
    }
    d->store = s;
    d->hold = *hold;
    d->actual = actual;
    d->prev = s->last_debt;
    if (s->last_debt)
        s->last_debt->next = d;
    else
        s->debts = d;
    s->last_debt = d;
    s->debt_count++;
    send_debt(d);
}

void gw_redis_settle_all(gw_redis_limit *s)
{
    for (gw_redis_debt *d = s->debts; d; d = d->next) {
        if (!d->sent && !send_debt(d))
            return;
    }
}

void gw_redis_settle_free(gw_redis_limit *s)
{
    while (s->debts)
        unlink_debt(s, s->debts);
}

/* ---- leases ---- */

static void give_lease_back(gw_redis_limit *s, const gw_lease *l)
{
    aigw_limit_hold hold = {
        {l->id[0], l->id[1]}, l->stamp_ms, l->left, l->rule, 0, GW_HOLD_REDIS, 0};
    if (l->left > 0)
        gw_redis_settle(s, &hold, 0);
}

bool gw_redis_lease_take(gw_redis_limit *s, aigw_limit_ask *ask, const uint64_t id[2],
                         int64_t now_ms)
{
    const gw_limit_rule *rule = &s->rules[ask->rule];
    if (rule->lease == 0)
        return false;
    gw_lease *l = gw_leases_find(&s->leases, (uint32_t)ask->rule, id);
    if (!l)
        return false;
    if (l->until_ms <= now_ms || l->left < ask->n) {
        gw_lease old = *l; /* goes back first, so that the server has it for this ask */
        gw_leases_remove(&s->leases, l);
        give_lease_back(s, &old);
        return false;
    }
    l->left -= ask->n;
    ask->allowed = true;
    ask->by = AIGW_LIMIT_BY_LEASE;
    ask->limit = rule->limit;
    ask->remaining = l->remaining + l->left;
    ask->reset_ms = l->reset_ms;
    ask->retry_after_ms = 0;
    ask->hold = (aigw_limit_hold){
        {id[0], id[1]}, l->stamp_ms, ask->n, (uint32_t)ask->rule, 0, GW_HOLD_REDIS, 0};
    s->stats.by_lease++;
    return true;
}

void gw_redis_lease_return(gw_redis_limit *s, aigw_limit_hold *hold)
{
    gw_lease *l = gw_leases_find(&s->leases, hold->rule, hold->id);
    if (l && l->stamp_ms == hold->at_ms)
        l->left += hold->n;
    else
        gw_redis_settle(s, hold, 0);
    hold->where = GW_HOLD_NONE;
}

static void on_lease_timer(void *user)
{
    gw_redis_limit *s = user;
    gw_redis_lease_expire(s, gw_now_ms(&s->clock));
}

void gw_redis_lease_expire(gw_redis_limit *s, int64_t now_ms)
{
    gw_lease gone;
    while (gw_leases_pop(&s->leases, now_ms, &gone))
        give_lease_back(s, &gone);
    if (s->leases.count > 0)
        gw_loop_timer_set(s->loop, &s->lease_timer, s->leases.first_ms, on_lease_timer, s);
    else
        gw_loop_timer_clear(s->loop, &s->lease_timer);
}

void gw_redis_lease_put(gw_redis_limit *s, const gw_lease *lease)
{
    gw_lease *old = gw_leases_find(&s->leases, lease->rule, lease->id);
    if (old) {
        gw_lease gone = *old;
        gw_leases_remove(&s->leases, old);
        give_lease_back(s, &gone);
    }
    bool late = lease->until_ms <= gw_now_ms(&s->clock);
    if (late || !gw_leases_add(&s->leases, lease)) {
        give_lease_back(s, lease);
        return;
    }
    if (s->lease_timer.slot == 0 || s->lease_timer.due_ms > lease->until_ms)
        gw_loop_timer_set(s->loop, &s->lease_timer, lease->until_ms, on_lease_timer, s);
}
