/* Which URLs of a request are to be fetched, all of them at once, and what becomes of the request then. */
/* Must not know what an answer looks like. */
#include "gateway/fetch/parts.h"

#include "base/error.h"
#include "base/text.h"

#define AT_ONCE 8

/* ---- looking for them ---- */

typedef bool visit_fn(gw_fetch *f, gw_part *part);

static bool wanted(const gw_part *part, const gw_wire *to)
{
    return (part->kind == GW_PART_IMAGE || part->kind == GW_PART_DOCUMENT) && gw_has(part->url) &&
           gw_starts_nocase(part->url.inner, GW_S("http")) && !to->opens_url(part->url);
}

static bool walk(gw_fetch *f, gw_part *parts, size_t count, const gw_wire *to, visit_fn *visit)
{
    for (size_t i = 0; i < count; i++) {
        if (wanted(&parts[i], to) && !visit(f, &parts[i]))
            return false;
        for (size_t k = 0; k < parts[i].part_count; k++) { /* results of tools hold no others */
            gw_part *inner = &parts[i].parts[k];
            if (wanted(inner, to) && !visit(f, inner))
                return false;
        }
    }
    return true;
}

static bool walk_all(gw_fetch *f, const gw_wire *to, visit_fn *visit)
{
    const gw_chat_request *r = &f->x->request;
    for (size_t i = 0; i < r->message_count; i++) {
        if (!walk(f, r->messages[i].parts, r->messages[i].part_count, to, visit))
            return false;
    }
    return true;
}

static bool count_it(gw_fetch *f, gw_part *part)
{
    (void)part;
    f->use_count++;
    return true;
}

bool gw_fetch_nomem(gw_fetch *f)
{
    if (!f->failed)
        gw_fail_nomem(&f->err);
    f->failed = true;
    return false;
}

static bool note_it(gw_fetch *f, gw_part *part)
{
    aigw_slice url = gw_jstr_text(f->x->arena, part->url);
    size_t i = 0;
    if (!url.data)
        return gw_fetch_nomem(f);
    while (i < f->count && !gw_eq(f->items[i].url, url))
        i++;
    gw_fetch_item *item = &f->items[i];
    if (i == f->room) {
        f->failed = true;
        gw_json_fail(&f->err, f->x->request.doc, part->at, AIGW_E_INVALID, "too_many_urls",
                     "At most %zu URLs of a request are fetched.", f->room);
        return false;
    }
    if (i == f->count) {
        *item = (gw_fetch_item){.fetch = f, .url = url, .at = part->at};
        f->count++;
    }
    f->uses[f->use_count++] = (gw_fetch_use){part, item};
    return true;
}

/* ---- the end ---- */

/* The host only: paths and queries of such URLs hold credentials. */
static void log_failure(const gw_fetch_item *item, const char *detail)
{
    const aigw_exchange *x = item->fetch->x;
    char host[GW_HTTP_HOST_BYTES] = "";
    if (item->target)
        gw_http_target_host(item->target, host);
    gw_log_field fields[] = {GW_LOG_TEXT("request_id", gw_slice(x->id, x->id_len)),
                             GW_LOG_TEXT("host", aigw_slice_of(host)),
                             GW_LOG_TEXT("failure", aigw_slice_of(detail))};
    gw_log_event(&x->live->log, AIGW_LOG_WARN, "fetch_failed", fields, 3);
}

void gw_fetch_fail(gw_fetch_item *item, const char *reason, const char *message, const char *detail)
{
    gw_fetch *f = item->fetch;
    if (f->failed)
        return;
    f->failed = true;
    gw_json_fail(&f->err, f->x->request.doc, item->at, AIGW_E_INVALID, reason, "%s", message);
    log_failure(item, detail);
}

void gw_fetch_cancel(aigw_exchange *x)
{
    gw_fetch *f = x->fetch;
    if (!f)
        return;
    for (size_t i = 0; i < f->started; i++) {
        gw_fetch_stop(&f->items[i]);
        gw_buf_free(&f->items[i].body);
    }
    gw_loop_timer_clear(x->loop->loop, &f->timer);
}

void gw_fetch_free(aigw_exchange *x)
{
    gw_fetch_cancel(x);
    for (size_t i = 0; x->fetch && i < x->fetch->started; i++)
        gw_buf_free(&x->fetch->items[i].text);
    x->fetch = NULL;
}

static void refuse(gw_fetch *f)
{
    aigw_exchange *x = f->x;
    gw_fetch_cancel(x);
    gw_respond_refusal(x, &f->err);
    x->reason = f->err.code == AIGW_E_NOMEM ? "out_of_memory" : "fetch_url";
}

/* An image stays an image: what a part was said to be is what its provider is told. */
static bool fill(gw_fetch *f)
{
    for (size_t i = 0; i < f->use_count; i++) {
        gw_part *part = f->uses[i].part;
        gw_fetch_item *item = f->uses[i].item;
        bool image = gw_starts(aigw_slice_of(item->type), GW_S("image/"));
        if (image != (part->kind == GW_PART_IMAGE)) {
            item->at = part->at;
            gw_fetch_fail(item, "url_type",
                          part->kind == GW_PART_IMAGE ? "What the URL holds is no image."
                                                      : "What the URL holds is no document.",
                          "content_type");
            return false;
        }
        part->url = (gw_jstr){{NULL, 0}};
        part->media_type = gw_jstr_lit(item->type);
        part->data = (gw_jstr){gw_buf_slice(&item->text)};
    }
    return true;
}

static void start_some(gw_fetch *f)
{
    while (!f->failed && f->started < f->count && f->started - f->done < AT_ONCE)
        gw_fetch_start(&f->items[f->started++]);
}

void gw_fetch_moved(gw_fetch *f, bool item_done)
{
    aigw_exchange *x = f->x;
    f->done += item_done;
    start_some(f);
    bool all = !f->failed && f->done == f->count;
    if (all && fill(f)) {
        gw_fetch_cancel(x);
        gw_attempt_fetched(x);
    } else if (f->failed) {
        refuse(f);
    }
}

static void too_late(void *user)
{
    gw_fetch *f = user;
    size_t i = 0;
    while (i + 1 < f->started && f->items[i].text.data)
        i++;
    gw_fetch_fail(&f->items[i], "url_timeout", "The URL did not answer in time.", "timeout");
    gw_fetch_moved(f, false);
}

/* ---- the beginning ---- */

static bool prepare(gw_fetch *f, const gw_wire *to)
{
    aigw_exchange *x = f->x;
    size_t uses = f->use_count;
    f->room = uses < f->rule->max_urls ? uses : f->rule->max_urls;
    f->items = gw_arena_calloc(x->arena, f->room + 1, sizeof *f->items);
    f->uses = gw_arena_calloc(x->arena, uses, sizeof *f->uses);
    f->use_count = 0;
    if (!f->items || !f->uses)
        return gw_fetch_nomem(f);
    int64_t due = gw_loop_now_ms(x->loop->loop) + f->rule->timeout_ms;
    return walk_all(f, to, note_it) &&
           (gw_loop_timer_set(x->loop->loop, &f->timer, due, too_late, f) || gw_fetch_nomem(f));
}

gw_next gw_fetch_urls(aigw_exchange *x, const gw_wire *to)
{
    gw_fetch found = {.x = x, .rule = &x->live->config->fetch};
    if (!found.rule->enabled || !to->opens_url || !x->read)
        return GW_NEXT_ON;
    walk_all(&found, to, count_it);
    if (found.use_count == 0)
        return GW_NEXT_ON;
    gw_fetch *f = gw_arena_calloc(x->arena, 1, sizeof *f);
    if (!f) {
        gw_respond_nomem(x);
        return GW_NEXT_ANSWERED;
    }
    *f = found;
    x->fetch = f;
    if (prepare(f, to))
        start_some(f);
    if (!f->failed)
        return GW_NEXT_WAIT;
    refuse(f);
    return GW_NEXT_ANSWERED;
}
