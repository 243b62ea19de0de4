/* Keeps the list of metric sources, and renders what they say as one text without repetitions.
 * Must not know what is counted. */
#include "gateway/sources.h"

#include "base/error.h"
#include <string.h>

typedef struct rows {
    aigw_metric items[GW_SOURCE_METRICS_MAX];
    size_t count;
} rows;

void gw_sources_init(gw_sources *s)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
}

void gw_sources_free(gw_sources *s)
{
    pthread_mutex_destroy(&s->lock);
}

int gw_sources_add(gw_sources *s, aigw_metrics_source_fn *fn, void *user, aigw_error *err)
{
    int code = AIGW_OK;
    pthread_mutex_lock(&s->lock);
    if (s->count < GW_SOURCES_MAX)
        s->items[s->count++] = (struct gw_source){fn, user};
    else
        code = gw_fail(err, AIGW_E_LIMIT, "too_many", "too many sources of metrics");
    pthread_mutex_unlock(&s->lock);
    return code;
}

void gw_sources_remove(gw_sources *s, aigw_metrics_source_fn *fn, void *user)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].fn == fn && s->items[i].user == user) {
            s->items[i] = s->items[--s->count];
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
}

/* The same number of two sources is one. */
static void add(void *to, const aigw_metric *m)
{
    rows *all = to;
    for (size_t i = 0; i < all->count; i++) {
        aigw_metric *row = &all->items[i];
        if (strcmp(row->name, m->name) != 0 || strcmp(row->labels, m->labels) != 0)
            continue;
        if (!m->least)
            row->value += m->value;
        else if (m->value < row->value)
            row->value = m->value;
        return;
    }
    if (all->count < GW_SOURCE_METRICS_MAX)
        all->items[all->count++] = *m;
}

static void render_name(const rows *all, size_t first, gw_buf *out)
{
    const aigw_metric *head = &all->items[first];
    gw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", head->name, head->help, head->name,
                  head->type);
    for (size_t i = first; i < all->count; i++) {
        const aigw_metric *m = &all->items[i];
        if (strcmp(m->name, head->name) != 0)
            continue;
        bool bare = m->labels[0] == '\0';
        gw_buf_printf(out, "%s%s%s%s %llu\n", m->name, bare ? "" : "{", m->labels, bare ? "" : "}",
                      (unsigned long long)m->value);
    }
}

void gw_sources_render(gw_sources *s, gw_buf *out)
{
    rows all = {.count = 0};
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++)
        s->items[i].fn(s->items[i].user, add, &all);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < all.count; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(all.items[k].name, all.items[i].name) == 0;
        if (!seen)
            render_name(&all, i, out);
    }
}
