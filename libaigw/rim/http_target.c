/*
 * Prepared origins: a URL parsed once, constant header lines built once, and who may be reached in clear.
 *
 * Must not know of transfers.
 */
#include "rim/http_parts.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <arpa/inet.h>

static char no_expect[] = "Expect:"; /* ask nobody for leave to send a body */

void gw_http_lines_free(gw_http_lines *l)
{
    if (l->block)
        gw_wipe(l->block, l->bytes);
    gw_free(l->block);
    *l = (gw_http_lines){0};
}

/* Does this line carry a field that one of the headers names? */
static bool is_replaced(const char *line, const aigw_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        aigw_slice name = headers[i].name;
        if (strlen(line) > name.len && (line[name.len] == ':' || line[name.len] == ';') &&
            gw_eq_nocase(gw_slice(line, name.len), name))
            return true;
    }
    return false;
}

/* The nodes of `tail` that are not replaced, copied to `to`; their texts stay where they are. */
static struct curl_slist *tail_without(struct curl_slist *tail, const aigw_header *headers,
                                       size_t count, struct curl_slist *to)
{
    struct curl_slist *first = NULL, *last = NULL;

    for (; tail; tail = tail->next) {
        if (is_replaced(tail->data, headers, count))
            continue;
        *to = (struct curl_slist){tail->data, NULL};
        *(last ? &last->next : &first) = to;
        last = to++;
    }
    return first;
}

int gw_http_lines_build(const aigw_header *headers, size_t count, char *fixed,
                        struct curl_slist *tail, gw_http_lines *out, aigw_error *err)
{
    size_t tail_count = 0;
    bool replaces = false;
    for (struct curl_slist *n = tail; n; n = n->next) {
        tail_count++;
        replaces = replaces || is_replaced(n->data, headers, count);
    }
    size_t node_count = count + 1 + (replaces ? tail_count : 0);
    size_t bytes = node_count * sizeof(struct curl_slist);

    for (size_t i = 0; i < count; i++) {
        if (!gw_http_field_ok(&headers[i]))
            return gw_fail(err, AIGW_E_INVALID, "bad_header", "a header for upstream is malformed");
        bytes += headers[i].name.len + headers[i].value.len + 3;
    }
    struct curl_slist *nodes = gw_alloc(bytes);
    if (!nodes)
        return gw_fail_nomem(err);
    char *text = (char *)(nodes + node_count);
    if (replaces)
        tail = tail_without(tail, headers, count, nodes + count + 1);
    for (size_t i = 0; i < count; i++) {
        const aigw_header *h = &headers[i];
        nodes[i] = (struct curl_slist){text, &nodes[i + 1]};
        memcpy(text, h->name.data, h->name.len);
        text += h->name.len;
        *text++ = h->value.len ? ':' : ';'; /* curl's way to send an empty value */
        if (h->value.len) {
            *text++ = ' ';
            memcpy(text, h->value.data, h->value.len);
            text += h->value.len;
        }
        *text++ = '\0';
    }
    struct curl_slist *end = tail;
    if (fixed) {
        nodes[count] = (struct curl_slist){fixed, tail};
        end = &nodes[count];
    }
    if (count > 0)
        nodes[count - 1].next = end;
    *out = (gw_http_lines){count > 0 ? nodes : end, nodes, bytes};
    return AIGW_OK;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;

    if (gw_eq_nocase(aigw_slice_of(host), GW_S("localhost")) || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

static int parse_url(const gw_http_target_options *options, CURLU *url, bool *loopback,
                     aigw_error *err)
{
    bool broken = memchr(options->url.data ? options->url.data : "", 0, options->url.len);
    char *text = broken ? NULL : gw_strdup(options->url);
    char *scheme = NULL, *host = NULL;
    int code = AIGW_OK;

    if (!broken && !text)
        return gw_fail_nomem(err);
    if (broken || curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        code = gw_fail(err, AIGW_E_CONFIG, "bad_url",
                       "not an absolute http(s) URL without credentials");
    } else {
        *loopback = is_loopback(host);
        bool https = strcmp(scheme, "https") == 0;
        if (!https && strcmp(scheme, "http") != 0)
            code = gw_fail(err, AIGW_E_CONFIG, "bad_url", "only http and https URLs are served");
        else if (!https && !*loopback && !options->insecure_http_ok)
            code = gw_fail(err, AIGW_E_CONFIG, "insecure_url",
                           "http is allowed to loopback only; use https");
    }
    curl_free(scheme);
    curl_free(host);
    gw_free(text);
    return code;
}

/* In clear and without a proxy: rim/direct may serve it. AIGW_OK without `direct` if it cannot. */
static int make_direct(gw_http_target *t, const gw_http_target_options *options, aigw_error *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *query = NULL;
    char *text = NULL;
    uint64_t number = 0;
    int code = AIGW_OK;

    if (options->by_library || t->proxy[0] != '\0')
        return AIGW_OK;
    bool ok = curl_url_get(t->url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              strcmp(scheme, "http") == 0 &&
              curl_url_get(t->url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(t->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              curl_url_get(t->url, CURLUPART_PATH, &path, 0) == CURLUE_OK &&
              gw_parse_u64(aigw_slice_of(port), &number) && number > 0 && number <= 65535;
    if (ok)
        curl_url_get(t->url, CURLUPART_QUERY, &query, 0);
    size_t path_len = ok ? strlen(path) : 0, query_len = query ? strlen(query) : 0;
    if (ok && !(text = gw_alloc(path_len + query_len + 2)))
        code = gw_fail_nomem(err);
    if (text) {
        memcpy(text, path, path_len + 1);
        if (query) {
            text[path_len++] = '?';
            memcpy(text + path_len, query, query_len);
        }
        gw_direct_place place = {.host = aigw_slice_of(host),
                                 .port = (uint16_t)number,
                                 .target = {text, path_len + query_len},
                                 .headers = options->headers,
                                 .header_count = options->header_count,
                                 .connect_timeout_ms = t->connect_timeout_ms,
                                 .egress = &t->egress};
        code = gw_direct_target_new(&place, &t->direct, NULL);
        if (code == AIGW_E_NOMEM)
            gw_fail_nomem(err);
        else
            code = AIGW_OK;
    }
    gw_free(text);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_free(query);
    return code;
}

static bool copy_client_files(const gw_http_target_options *options, gw_http_target *target)
{
    const char *cert = options->client_cert_file;
    const char *key = options->client_key_file ? options->client_key_file : cert;

    if (!cert)
        return true;
    target->client_cert_file = gw_strdup(aigw_slice_of(cert));
    target->client_key_file = gw_strdup(aigw_slice_of(key));
    return target->client_cert_file && target->client_key_file;
}

static bool same_host(const gw_http_target *a, const char *host)
{
    char *other = NULL;
    bool same = curl_url_get(a->url, CURLUPART_HOST, &other, 0) == CURLUE_OK &&
                gw_eq_nocase(aigw_slice_of(other), aigw_slice_of(host));
    curl_free(other);
    return same;
}

/*
 * Whom its connections go to, a proxy or the host itself, and what the latter's addresses must be. What
 * may travel in clear because it stays on this machine must not go to a proxy.
 */
static int set_route(gw_http_target *t, const gw_http_target_options *options, bool loopback,
                     aigw_error *err)
{
    char *host = NULL;
    int code = AIGW_OK;

    if (curl_url_get(t->url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return gw_fail_nomem(err);
    const char *wanted = options->proxy ? options->proxy : loopback ? "" : NULL;
    const char *proxy = gw_http_proxy_for(wanted, gw_starts_nocase(options->url, GW_S("https:")),
                                          aigw_slice_of(host));
    t->proxy = gw_strdup(aigw_slice_of(proxy));
    if (!t->proxy ||
        (options->resolve && !(t->resolve = curl_slist_append(NULL, options->resolve))))
        code = gw_fail_nomem(err);
    bool foreign = options->foreign && !(options->found_at && same_host(options->found_at, host));
    if (code == AIGW_OK)
        code = gw_egress_init(&t->egress, proxy[0] ? NULL : options->egress, aigw_slice_of(host),
                              foreign, err);
    curl_free(host);
    return code;
}

int gw_http_target_new(const gw_http_target_options *options, gw_http_target **out, aigw_error *err)
{
    gw_http_target *target = gw_calloc(1, sizeof *target);
    bool loopback = false;

    if (!target || !(target->url = curl_url())) {
        gw_free(target);
        return gw_fail_nomem(err);
    }
    int code = parse_url(options, target->url, &loopback, err);
    if (code == AIGW_OK)
        code = gw_http_lines_build(options->headers, options->header_count, no_expect, NULL,
                                   &target->headers, err);
    if (code != AIGW_OK)
        goto failed;
    code = set_route(target, options, loopback, err);
    if (code != AIGW_OK)
        goto failed;
    target->ca_file = options->ca_file ? gw_strdup(aigw_slice_of(options->ca_file)) : NULL;
    if ((options->ca_file && !target->ca_file) || !copy_client_files(options, target)) {
        code = gw_fail_nomem(err);
        goto failed;
    }
    target->connect_timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : 5000;
    target->content_type =
        gw_header_get(options->headers, options->header_count, GW_S("content-type")).data != NULL;
    target->origin_form =
        gw_starts_nocase(options->url, GW_S("https:")) || target->proxy[0] == '\0';
    code = make_direct(target, options, err);
    if (code != AIGW_OK)
        goto failed;
    *out = target;
    return AIGW_OK;
failed:
    gw_http_target_free(target);
    return code;
}

void gw_http_target_free(gw_http_target *target)
{
    if (!target)
        return;
    curl_url_cleanup(target->url);
    gw_direct_target_free(target->direct);
    gw_http_lines_free(&target->headers);
    gw_egress_clear(&target->egress);
    curl_slist_free_all(target->resolve);
    if (target->proxy)
        gw_wipe(target->proxy, strlen(target->proxy));
    gw_free(target->proxy);
    gw_free(target->ca_file);
    gw_free(target->client_cert_file);
    gw_free(target->client_key_file);
    gw_free(target);
}

bool gw_http_target_host(const gw_http_target *target, char out[GW_HTTP_HOST_BYTES])
{
    char *host = NULL;
    bool ok = curl_url_get(target->url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              strlen(host) < GW_HTTP_HOST_BYTES;

    if (ok)
        memcpy(out, host, strlen(host) + 1);
    curl_free(host);
    return ok;
}

int gw_http_url_join(const gw_http_target *target, aigw_slice url, char **out)
{
    bool broken = url.len == 0 || memchr(url.data, 0, url.len);
    char *text = broken ? NULL : gw_strdup(url), *whole = NULL;
    CURLU *joined = text ? curl_url_dup(target->url) : NULL;
    int code = AIGW_OK;

    if (broken)
        return AIGW_E_INVALID;
    if (!joined)
        code = AIGW_E_NOMEM;
    else if (curl_url_set(joined, CURLUPART_URL, text, 0) != CURLUE_OK ||
             curl_url_get(joined, CURLUPART_URL, &whole, 0) != CURLUE_OK)
        code = AIGW_E_INVALID;
    if (code == AIGW_OK && !(*out = gw_strdup(aigw_slice_of(whole))))
        code = AIGW_E_NOMEM;
    curl_free(whole);
    curl_url_cleanup(joined);
    gw_free(text);
    return code;
}
