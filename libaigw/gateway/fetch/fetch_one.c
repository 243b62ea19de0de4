/* One URL: asked without a credential, a cookie or a proxy, its redirects followed as far as allowed. */
/* Must not know which part of a request wants it. */
#include "gateway/fetch/parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <stdio.h>

#define ACCEPT "image/png, image/jpeg, image/gif, image/webp, application/pdf"

static const char not_fetched[] = "The URL could not be fetched.";
static const char too_large[] = "What the URL holds is too large.";

static void begin(gw_fetch_item *item, aigw_slice url);

void gw_fetch_stop(gw_fetch_item *item)
{
    aigw_loop *w = item->fetch->x->loop;
    if (item->transfer)
        w->transport->cancel(w->transport_self, item->transfer);
    item->transfer = NULL;
    gw_loop_undefer(w->loop, &item->follow);
    gw_http_target_free(item->target);
    item->target = NULL;
    gw_free(item->location);
    item->location = NULL;
}

/* ---- the answer ---- */

static void follow(void *user)
{
    gw_fetch_item *item = user;
    char *location = item->location;
    item->location = NULL;
    gw_http_target_free(item->target);
    item->target = NULL;
    begin(item, aigw_slice_of(location));
    gw_free(location);
    gw_fetch_moved(item->fetch, false);
}

/* Never to where a cookie or a body would have to go: these are plain GETs. */
static bool is_redirect(const gw_fetch_item *item, int status, aigw_slice location)
{
    bool one = (status >= 301 && status <= 303) || status == 307 || status == 308;
    return one && location.len > 0 && item->redirects < item->fetch->rule->max_redirects;
}

/* Goes on from a task: the old transfer has its target until then. */
static void redirect(gw_fetch_item *item, aigw_slice location)
{
    aigw_loop *w = item->fetch->x->loop;
    int code = gw_http_url_join(item->target, location, &item->location);
    if (code == AIGW_OK) {
        item->redirects++;
        w->transport->cancel(w->transport_self, item->transfer);
        item->transfer = NULL;
        gw_loop_defer(w->loop, &item->follow, follow, item);
        return;
    }
    if (code == AIGW_E_NOMEM)
        gw_fetch_nomem(item->fetch);
    else
        gw_fetch_fail(item, "url_status", not_fetched, "location");
    gw_fetch_moved(item->fetch, false);
}

static void on_head(void *user, int status, const aigw_header *headers, size_t count)
{
    gw_fetch_item *item = user;
    uint64_t length;
    aigw_slice type = gw_header_get(headers, count, GW_S("content-type"));
    aigw_slice location = gw_header_get(headers, count, GW_S("location"));
    if (is_redirect(item, status, location)) {
        redirect(item, location);
        return;
    }
    if (status != 200) {
        gw_fetch_fail(item, "url_status", not_fetched, "status");
    } else if (!gw_fetch_type_ok(item->fetch->rule, type)) {
        gw_fetch_fail(item, "url_type", "What the URL holds is of a type that is not fetched.",
                      "content_type");
    } else if (gw_parse_u64(gw_header_get(headers, count, GW_S("content-length")), &length) &&
               length > item->fetch->rule->max_bytes) {
        gw_fetch_fail(item, "url_too_large", too_large, "too_large");
    } else {
        aigw_slice essence = gw_trim(gw_cut(&type, ';'));
        snprintf(item->said_type, sizeof item->said_type, "%.*s",
                 essence.len < sizeof item->said_type ? (int)essence.len : 0, essence.data);
        return;
    }
    gw_fetch_moved(item->fetch, false);
}

static bool on_data(void *user, aigw_slice bytes)
{
    gw_fetch_item *item = user;
    gw_fetch *f = item->fetch;
    f->bytes += bytes.len;
    if (f->bytes > f->rule->max_total_bytes) {
        gw_fetch_fail(item, "url_too_large", "What the URLs hold together is too large.",
                      "total_too_large");
    } else if (!gw_buf_add(&item->body, bytes)) {
        gw_fetch_nomem(f);
    } else {
        return true;
    }
    gw_fetch_moved(f, false);
    return true;
}

/* What it says it is, it is: a page that calls itself an image is not handed on. */
static bool agrees(const gw_fetch_item *item)
{
    aigw_slice said = aigw_slice_of(item->said_type);
    return item->type &&
           (gw_eq_nocase(said, aigw_slice_of(item->type)) ||
            (strcmp(item->type, "image/jpeg") == 0 && gw_eq_nocase(said, GW_S("image/jpg"))));
}

static void take(gw_fetch_item *item)
{
    gw_fetch *f = item->fetch;
    aigw_slice body = gw_buf_slice(&item->body);
    item->type = gw_fetch_type_of(body);
    if (!agrees(item)) {
        gw_fetch_fail(item, "url_type",
                      "What the URL holds is not what its content-type says, or of a type that is "
                      "not fetched.",
                      "content_type");
        return;
    }
    gw_buf_init(&item->text, body.len / 3 * 4 + 8);
    if (!gw_buf_reserve(&item->text, body.len / 3 * 4 + 4) ||
        !gw_base64_encode(&item->text, body.data, body.len)) {
        gw_fetch_nomem(f);
    }
    gw_buf_free(&item->body);
}

static void on_end(void *user, gw_http_failure failure, bool sent)
{
    gw_fetch_item *item = user;
    (void)sent;
    item->transfer = NULL;
    if (failure == GW_HTTP_OK)
        take(item);
    else if (failure == GW_HTTP_TIMEOUT)
        gw_fetch_fail(item, "url_timeout", "The URL did not answer in time.", "timeout");
    else if (failure == GW_HTTP_TOO_LARGE)
        gw_fetch_fail(item, "url_too_large", too_large, "too_large");
    else /* why is the operator's to know: a client could feel its way around our network by it */
        gw_fetch_fail(item, "url_failed", not_fetched, gw_http_failure_name(failure));
    gw_fetch_moved(item->fetch, failure == GW_HTTP_OK);
}

/* ---- the question ---- */

static bool scheme_ok(const gw_fetch_rule *rule, aigw_slice url)
{
    return gw_starts_nocase(url, GW_S("https://")) ||
           (rule->allow_http && gw_starts_nocase(url, GW_S("http://")));
}

static bool make_target(gw_fetch_item *item, aigw_slice url)
{
    const gw_fetch_rule *rule = item->fetch->rule;
    const aigw_header headers[] = {{GW_S("accept"), GW_S(ACCEPT)},
                                   {GW_S("user-agent"), GW_S("aigw/" AIGW_VERSION)}};
    gw_http_target_options options = {.url = url,
                                      .headers = headers,
                                      .header_count = 2,
                                      .proxy = "",
                                      .connect_timeout_ms = rule->timeout_ms,
                                      .insecure_http_ok = rule->allow_http,
                                      .egress = &item->fetch->x->live->config->egress,
                                      .foreign = true};
    char host[GW_HTTP_HOST_BYTES];
    if (!scheme_ok(rule, url)) {
        gw_fetch_fail(item, "url_scheme",
                      rule->allow_http ? "Only http and https URLs are fetched."
                                       : "Only https URLs are fetched.",
                      "scheme");
        return false;
    }
    int code = gw_http_target_new(&options, &item->target, NULL);
    if (code == AIGW_E_NOMEM) {
        gw_fetch_nomem(item->fetch);
        return false;
    }
    if (code != AIGW_OK || !gw_http_target_host(item->target, host)) {
        gw_fetch_fail(item, "bad_url", "This is not a URL that can be fetched.", "bad_url");
        return false;
    }
    if (!gw_fetch_host_ok(rule, aigw_slice_of(host))) {
        gw_fetch_fail(item, "url_host", not_fetched, "host");
        return false;
    }
    return true;
}

static void begin(gw_fetch_item *item, aigw_slice url)
{
    static const gw_http_handler handler = {on_head, on_data, on_end};
    aigw_loop *w = item->fetch->x->loop;
    if (!make_target(item, url))
        return;
    gw_http_request request = {.target = item->target,
                               .method = "GET",
                               .total_timeout_ms = item->fetch->rule->timeout_ms,
                               .max_body_bytes = item->fetch->rule->max_bytes};
    int code =
        w->transport->start(w->transport_self, &request, &handler, item, &item->transfer, NULL);
    if (code == AIGW_E_NOMEM)
        gw_fetch_nomem(item->fetch);
    else if (code != AIGW_OK)
        gw_fetch_fail(item, "url_failed", not_fetched, "start");
}

void gw_fetch_start(gw_fetch_item *item)
{
    gw_buf_init(&item->body, item->fetch->rule->max_bytes);
    begin(item, item->url);
}
