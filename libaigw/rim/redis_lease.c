/*
 * A hash table of fixed size over an array.
 *
 * Must not know who counts the units.
 */
#include "rim/redis_lease.h"

#include "base/mem.h"

bool gw_leases_init(gw_lease_table *table, size_t max)
{
    uint32_t buckets = 1;
    while (buckets < max)
        buckets *= 2;
    *table = (gw_lease_table){.cap = (uint32_t)max, .mask = buckets - 1, .first_ms = INT64_MAX};
    table->list = gw_calloc(max, sizeof *table->list);
    table->index = gw_calloc(buckets, sizeof *table->index);
    return table->list && table->index;
}

void gw_leases_free(gw_lease_table *table)
{
    gw_free(table->list);
    gw_free(table->index);
    *table = (gw_lease_table){.cap = 0};
}

static uint32_t *bucket(gw_lease_table *table, uint32_t rule, const uint64_t id[2])
{
    return &table->index[(id[0] ^ rule) & table->mask];
}

gw_lease *gw_leases_find(gw_lease_table *table, uint32_t rule, const uint64_t id[2])
{
    for (uint32_t at = *bucket(table, rule, id); at != 0; at = table->list[at - 1].next) {
        gw_lease *l = &table->list[at - 1];
        if (l->id[0] == id[0] && l->id[1] == id[1] && l->rule == rule)
            return l;
    }
    return NULL;
}

bool gw_leases_add(gw_lease_table *table, const gw_lease *lease)
{
    if (table->count == table->cap)
        return false;
    uint32_t self = table->free_head;
    if (self)
        table->free_head = table->list[self - 1].next;
    else
        self = ++table->touched;
    uint32_t *head = bucket(table, lease->rule, lease->id);
    gw_lease *l = &table->list[self - 1];
    *l = *lease;
    l->used = true;
    l->next = *head;
    *head = self;
    table->count++;
    if (l->until_ms < table->first_ms)
        table->first_ms = l->until_ms;
    return true;
}

void gw_leases_remove(gw_lease_table *table, gw_lease *lease)
{
    uint32_t self = (uint32_t)(lease - table->list) + 1;
    uint32_t *link = bucket(table, lease->rule, lease->id);
    while (*link != self)
        link = &table->list[*link - 1].next;
    *link = lease->next;
    lease->used = false;
    lease->next = table->free_head;
    table->free_head = self;
    if (--table->count == 0)
        table->first_ms = INT64_MAX;
}

bool gw_leases_pop(gw_lease_table *table, int64_t now_ms, gw_lease *out)
{
    int64_t first = INT64_MAX;
    if (table->count == 0 || now_ms < table->first_ms)
        return false;
    for (uint32_t i = 0; i < table->touched; i++) {
        gw_lease *l = &table->list[i];
        if (!l->used)
            continue;
        if (l->until_ms <= now_ms) {
            *out = *l;
            gw_leases_remove(table, l);
            return true;
        }
        if (l->until_ms < first)
            first = l->until_ms;
    }
    table->first_ms = first;
    return false;
}

size_t gw_leases_units(const gw_lease_table *table)
{
    size_t units = 0;
    for (uint32_t i = 0; i < table->touched; i++)
        units += table->list[i].used ? (size_t)table->list[i].left : 0;
    return units;
}
