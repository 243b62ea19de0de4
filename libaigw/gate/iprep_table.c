/* An immutable table of address ranges: sorted, merged, with an index over their first bits. */
/* Must not know where the ranges came from, nor what being in them means. */
#include "gate/iprep.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

#define SLOTS 65536u
#define PAGES 8u  /* dense /16 of IPv6 that get an index of their own */
#define DENSE 64u /* from this many ranges on */

typedef struct range4 {
    uint32_t first, last;
} range4;

typedef struct page {
    uint32_t top;    /* the /16 */
    uint32_t *index; /* over bits 16 to 31 */
} page;

struct gw_ip_table {
    range4 *v4;
    gw_ip_range *v6;
    uint32_t *index4, *index6; /* [SLOTS + 1]: the first range that does not end before the slot */
    page pages[PAGES];
    size_t v4_count, v6_count, page_count;
};

/* ---- Sorting in place (heapsort: no memory, no bad input) ---- */

static void sink4(uint64_t *a, size_t at, size_t count)
{
    uint64_t value = a[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && a[child + 1] > a[child])
            child++;
        if (a[child] <= value)
            break;
        a[at] = a[child];
    }
    a[at] = value;
}

static void sort4(uint64_t *a, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sink4(a, i, count);
    while (count > 1) {
        uint64_t top = a[0];
        a[0] = a[--count];
        a[count] = top;
        sink4(a, 0, count);
    }
}

static int cmp6(const gw_ip_range *a, const gw_ip_range *b)
{
    return gw_ip_cmp(&a->first, &b->first);
}

static void sink6(gw_ip_range *a, size_t at, size_t count)
{
    gw_ip_range value = a[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && cmp6(&a[child + 1], &a[child]) > 0)
            child++;
        if (cmp6(&a[child], &value) <= 0)
            break;
        a[at] = a[child];
    }
    a[at] = value;
}

static void sort6(gw_ip_range *a, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sink6(a, i, count);
    while (count > 1) {
        gw_ip_range top = a[0];
        a[0] = a[--count];
        a[count] = top;
        sink6(a, 0, count);
    }
}

/* ---- Merging: overlapping and adjacent ranges become one ---- */

static size_t merge4(uint64_t *a, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t first = (uint32_t)(a[i] >> 32), last = (uint32_t)a[i];
        uint32_t before = n ? (uint32_t)a[n - 1] : 0;
        if (n && (first <= before || first - 1 == before)) {
            if (last > before)
                a[n - 1] = (a[n - 1] & ~(uint64_t)UINT32_MAX) | last;
            continue;
        }
        a[n++] = a[i];
    }
    return n;
}

static bool follows(const gw_ip *last, const gw_ip *first)
{
    gw_ip next = *last;
    for (size_t i = GW_IP_BYTES; i-- > 0;) {
        if (++next.b[i] != 0)
            return gw_ip_cmp(&next, first) == 0;
    }
    return false;
}

static size_t merge6(gw_ip_range *a, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (n &&
            (gw_ip_cmp(&a[i].first, &a[n - 1].last) <= 0 || follows(&a[n - 1].last, &a[i].first))) {
            if (gw_ip_cmp(&a[i].last, &a[n - 1].last) > 0)
                a[n - 1].last = a[i].last;
            continue;
        }
        a[n++] = a[i];
    }
    return n;
}

/* ---- The index ---- */

static bool index_v4(gw_ip_table *t)
{
    t->index4 = gw_alloc((SLOTS + 1) * sizeof *t->index4);
    if (!t->index4)
        return false;
    size_t at = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        while (at < t->v4_count && t->v4[at].last >> 16 < slot)
            at++;
        t->index4[slot] = (uint32_t)at;
    }
    t->index4[SLOTS] = (uint32_t)t->v4_count;
    return true;
}

static uint32_t group(const gw_ip *ip, size_t i)
{
    return (uint32_t)ip->b[2 * i] << 8 | ip->b[2 * i + 1];
}

/* Over bits 16 to 31 of the addresses that begin with `top`. */
static bool index_page(gw_ip_table *t, uint32_t top)
{
    page *p = &t->pages[t->page_count];
    *p = (page){top, gw_alloc((SLOTS + 1) * sizeof *p->index)};
    if (!p->index)
        return false;
    t->page_count++;
    size_t at = t->index6[top];
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uint32_t start = top << 16 | slot;
        while (at < t->v6_count &&
               (group(&t->v6[at].last, 0) << 16 | group(&t->v6[at].last, 1)) < start)
            at++;
        p->index[slot] = (uint32_t)at;
    }
    p->index[SLOTS] = t->index6[top + 1];
    return true;
}

static bool index_v6(gw_ip_table *t)
{
    t->index6 = gw_alloc((SLOTS + 1) * sizeof *t->index6);
    if (!t->index6)
        return false;
    size_t at = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        while (at < t->v6_count && group(&t->v6[at].last, 0) < slot)
            at++;
        t->index6[slot] = (uint32_t)at;
    }
    t->index6[SLOTS] = (uint32_t)t->v6_count;
    /* The densest first. */
    while (t->page_count < PAGES) {
        uint32_t best = SLOTS, most = DENSE;
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            uint32_t n = t->index6[slot + 1] - t->index6[slot];
            bool taken = false;
            for (size_t i = 0; i < t->page_count; i++)
                taken |= t->pages[i].top == slot;
            if (n >= most && !taken) {
                best = slot;
                most = n + 1;
            }
        }
        if (best == SLOTS)
            return true;
        if (!index_page(t, best))
            return false;
    }
    return true;
}

/* ---- Building ---- */

/* An array of its own size; the entries are dropped as soon as they are copied. */
static bool take_v4(gw_ip_table *t, gw_ip_entries *e)
{
    sort4(e->v4, e->v4_count);
    t->v4_count = merge4(e->v4, e->v4_count);
    t->v4 = gw_alloc(t->v4_count * sizeof *t->v4);
    if (!t->v4)
        return false;
    for (size_t i = 0; i < t->v4_count; i++)
        t->v4[i] = (range4){(uint32_t)(e->v4[i] >> 32), (uint32_t)e->v4[i]};
    gw_free(e->v4);
    e->v4 = NULL;
    e->v4_count = e->v4_cap = 0;
    return index_v4(t);
}

static bool take_v6(gw_ip_table *t, gw_ip_entries *e)
{
    sort6(e->v6, e->v6_count);
    t->v6_count = merge6(e->v6, e->v6_count);
    t->v6 = gw_alloc(t->v6_count * sizeof *t->v6);
    if (!t->v6)
        return false;
    memcpy(t->v6, e->v6, t->v6_count * sizeof *t->v6);
    gw_free(e->v6);
    e->v6 = NULL;
    e->v6_count = e->v6_cap = 0;
    return index_v6(t);
}

int gw_ip_table_build(gw_ip_entries *e, gw_ip_table **out, aigw_error *err)
{
    gw_ip_table *t = gw_calloc(1, sizeof *t);
    if (!t)
        return gw_fail_nomem(err);
    if ((e->v4_count && !take_v4(t, e)) || (e->v6_count && !take_v6(t, e))) {
        gw_ip_table_free(t);
        return gw_fail_nomem(err);
    }
    *out = t;
    return AIGW_OK;
}

void gw_ip_table_free(gw_ip_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->page_count; i++)
        gw_free(table->pages[i].index);
    gw_free(table->index4);
    gw_free(table->index6);
    gw_free(table->v4);
    gw_free(table->v6);
    gw_free(table);
}

void gw_ip_table_facts(const gw_ip_table *table, aigw_iprep_facts *out)
{
    size_t indexes = (table->index4 != NULL) + (table->index6 != NULL) + table->page_count;
    out->ranges_v4 = table->v4_count;
    out->ranges_v6 = table->v6_count;
    out->bytes = sizeof *table + table->v4_count * sizeof *table->v4 +
                 table->v6_count * sizeof *table->v6 + indexes * (SLOTS + 1) * sizeof(uint32_t);
}

/* ---- Looking up ---- */

static bool has_v4(const gw_ip_table *t, uint32_t address)
{
    uint32_t slot = address >> 16;
    size_t low = t->index4[slot], high = t->index4[slot + 1];
    /* The first range that does not end before the address: within the slot, or the one behind it. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->v4[middle].last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->v4_count && t->v4[low].first <= address;
}

static bool has_v6(const gw_ip_table *t, const gw_ip *ip)
{
    uint32_t top = group(ip, 0);
    size_t low = t->index6[top], high = t->index6[top + 1];
    for (size_t i = 0; i < t->page_count && high - low >= DENSE; i++) {
        if (t->pages[i].top == top) {
            uint32_t slot = group(ip, 1);
            low = t->pages[i].index[slot];
            high = t->pages[i].index[slot + 1];
            break;
        }
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (gw_ip_cmp(&t->v6[middle].last, ip) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->v6_count && gw_ip_cmp(&t->v6[low].first, ip) <= 0;
}

bool gw_ip_table_has(const gw_ip_table *table, const gw_ip *ip)
{
    if (gw_ip_is_v4(ip))
        return table->index4 && has_v4(table, gw_ip_to_v4(ip));
    return table->index6 && has_v6(table, ip);
}
