/* Positive checks of the head: what a well-formed request for a JSON API looks like. Must not know the
 * signatures. */
#include "base/text.h"
#include "gate/waf/parts.h"
#include "gate/waf/url.h"

aigw_slice gw_waf_media_type(aigw_slice content_type)
{
    aigw_slice rest = content_type;
    return gw_trim(gw_cut(&rest, ';'));
}

aigw_slice gw_waf_parameter(aigw_slice header, aigw_slice name)
{
    aigw_slice rest = header;
    gw_cut(&rest, ';');
    while (rest.data) {
        aigw_slice value = gw_trim(gw_cut(&rest, ';'));
        aigw_slice is = gw_trim(gw_cut(&value, '='));
        value = gw_trim(value);
        if (!value.data || !gw_eq_nocase(is, name))
            continue;
        if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
            value = gw_slice(value.data + 1, value.len - 2);
        return value;
    }
    return gw_slice(NULL, 0);
}

static bool one_of(aigw_slice text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_eq_nocase(text, aigw_slice_of(list[i])))
            return true;
    }
    return false;
}
#define ONE_OF(text, list) one_of((text), (list), sizeof(list) / sizeof((list)[0]))

static void hit(gw_waf_scan *scan, gw_waf_code_rule rule, const char *name)
{
    gw_waf_scan_hit(scan, rule, "header", aigw_slice_of(name));
}

bool gw_waf_good_charset(aigw_slice charset)
{
    static const char *const known[] = {"utf-8",       "utf8",         "us-ascii", "iso-8859-1",
                                        "iso-8859-15", "windows-1252", "*"};
    return ONE_OF(charset, known);
}

bool gw_waf_good_charsets(aigw_slice value, bool single)
{
    static const char word[] = "charset";
    size_t found = 0;
    for (size_t i = 0; i + 8 <= value.len; i++) {
        aigw_slice rest = gw_skip(value, i);
        if (!gw_starts_nocase(rest, gw_slice(word, 7)))
            continue;
        rest = gw_trim(gw_skip(rest, 7));
        if (!gw_starts(rest, GW_S("=")))
            return false;
        rest = gw_trim(gw_skip(rest, 1));
        if (gw_starts(rest, GW_S("\"")) || gw_starts(rest, GW_S("'")))
            rest = gw_skip(rest, 1);
        size_t n = 0;
        while (n < rest.len && !memchr(";,\"' \t", rest.data[n], 6))
            n++;
        if (!gw_waf_good_charset(gw_slice(rest.data, n)) || (found++ && single))
            return false;
    }
    return true;
}

static bool media_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("-+._!#$&^", c, 9);
}

/* A parameter whose value is a media type: readers that search for one find the wrong one. */
static bool holds_media_type(aigw_slice parameter)
{
    static const char *const types[] = {"application/", "text/", "multipart/"};
    aigw_slice value = parameter;
    gw_cut(&value, '=');
    value = gw_trim(value);
    if (gw_starts(value, GW_S("\"")) || gw_starts(value, GW_S("'")))
        value = gw_skip(value, 1);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (gw_starts_nocase(value, aigw_slice_of(types[i])))
            return true;
    }
    return false;
}

/* type/subtype, then parameters that each are name=value. */
static bool good_media_syntax(aigw_slice value)
{
    aigw_slice type = gw_waf_media_type(value);
    size_t slashes = 0;
    for (size_t i = 0; i < type.len; i++) {
        slashes += type.data[i] == '/';
        if (type.data[i] != '/' && !media_char(type.data[i]))
            return false;
    }
    if (slashes != 1 || type.data[0] == '/' || type.data[type.len - 1] == '/')
        return false;
    aigw_slice rest = value;
    gw_cut(&rest, ';');
    while (rest.data) {
        aigw_slice one = gw_trim(gw_cut(&rest, ';'));
        bool boundary = gw_starts_nocase(one, GW_S("boundary=")); /* may hold a comma (RFC 2046) */
        if (one.len &&
            (!memchr(one.data, '=', one.len) || (!boundary && memchr(one.data, ',', one.len))))
            return false;
        if (!gw_starts_nocase(type, GW_S("multipart/")) && holds_media_type(one))
            return false;
    }
    return true;
}

static bool known_media(aigw_slice type)
{
    static const char *const known[] = {
        "application/json",     "application/x-ndjson",
        "application/jsonl",    "application/x-www-form-urlencoded",
        "application/xml",      "text/xml",
        "application/soap+xml", "multipart/form-data",
        "multipart/related",    "application/vnd.amazon.eventstream"};
    return ONE_OF(type, known) || gw_starts_nocase(type, GW_S("audio/")) ||
           gw_starts_nocase(type, GW_S("image/")) || gw_starts_nocase(type, GW_S("video/"));
}

static void check_content_type(gw_waf_scan *scan, const gw_waf_view *view)
{
    aigw_slice type = view->content_type;
    bool any = view->options->any_content_type || view->passes;
    if (!type.data || type.len == 0) {
        if (view->body_bytes > 0 && view->body_bytes != GW_WAF_BODY_UNKNOWN && !any)
            hit(scan, GW_WAF_R_CONTENT_TYPE, "content-type");
        return;
    }
    if (!good_media_syntax(type) || !gw_waf_good_charsets(type, true))
        hit(scan, GW_WAF_R_HEADER_SYNTAX, "content-type");
    if (!any && !known_media(gw_waf_media_type(type)))
        hit(scan, GW_WAF_R_CONTENT_TYPE, "content-type");
}

/* "bytes=0-10,20-": each range forward, five at most. */
static bool good_range(aigw_slice value)
{
    aigw_slice rest = value;
    size_t ranges = 0;
    if (memchr(value.data ? value.data : "", '=', value.len) &&
        !gw_starts_nocase(gw_trim(gw_cut(&rest, '=')), GW_S("bytes")))
        return false;
    while (rest.data) {
        aigw_slice last = gw_trim(gw_cut(&rest, ','));
        aigw_slice first = gw_cut(&last, '-');
        uint64_t a, b;
        bool has_a = gw_parse_u64(first, &a);
        bool has_b = gw_parse_u64(last, &b);
        if (++ranges > 5 || !last.data || (first.len && !has_a) || (last.len && !has_b) ||
            (!has_a && !has_b) || (has_a && has_b && a > b))
            return false;
    }
    return true;
}

static bool restricted(aigw_slice name)
{
    static const char *const names[] = {"proxy",
                                        "lock-token",
                                        "content-range",
                                        "if",
                                        "x-http-method",
                                        "x-http-method-override",
                                        "x-method-override",
                                        "x-middleware-subrequest",
                                        "x-original-url",
                                        "x-rewrite-url"};
    return ONE_OF(name, names);
}

/* How often a list header says a token. */
static size_t tokens(aigw_slice list, aigw_slice token)
{
    size_t count = 0;
    aigw_slice rest = list;
    while (rest.data)
        count += gw_eq_nocase(gw_trim(gw_cut(&rest, ',')), token);
    return count;
}

/* Names of headers that say what a file will be called. */
static bool names_file(aigw_slice name)
{
    for (size_t i = 0; i + 8 <= name.len; i++) {
        aigw_slice rest = gw_skip(name, i);
        if (!gw_starts_nocase(rest, GW_S("file")))
            continue;
        rest = gw_skip(rest, strchr("-_.", rest.data[4]) ? 5 : 4);
        if (gw_starts_nocase(rest, GW_S("name")))
            return true;
    }
    return false;
}

/* What uploads in parts, and packed ones, say of a body that is not ours. */
static bool of_the_body(aigw_slice name)
{
    return gw_eq_nocase(name, GW_S("content-range")) ||
           gw_eq_nocase(name, GW_S("content-encoding"));
}

static void check_field(gw_waf_scan *scan, const gw_waf_view *view, const aigw_header *header)
{
    aigw_slice name = header->name;
    aigw_slice value = header->value;
    uint64_t length;
    bool no = restricted(name) || (gw_eq_nocase(name, GW_S("content-encoding")) && value.len &&
                                   !gw_eq_nocase(value, GW_S("identity")));
    if (no && !(view->passes && of_the_body(name)))
        gw_waf_scan_hit(scan, GW_WAF_R_RESTRICTED_HEADER, "header", name);
    bool bad = memchr(value.data ? value.data : "", 0, value.len) ||
               memchr(value.data ? value.data : "", '\n', value.len) ||
               memchr(value.data ? value.data : "", '\r', value.len);
    if (gw_eq_nocase(name, GW_S("content-length")))
        bad |= !gw_parse_u64(value, &length);
    else if (gw_eq_nocase(name, GW_S("range")) || gw_eq_nocase(name, GW_S("request-range")))
        bad |= !good_range(value);
    else if (gw_eq_nocase(name, GW_S("accept")) || gw_eq_nocase(name, GW_S("accept-charset")))
        bad |= !gw_waf_good_charsets(value, false);
    else if (gw_eq_nocase(name, GW_S("connection")))
        bad |= tokens(value, GW_S("keep-alive")) + tokens(value, GW_S("close")) > 1;
    else if (gw_eq_nocase(name, GW_S("referer")))
        bad |= gw_find(value, GW_S("%00")) != NULL;
    if (bad)
        gw_waf_scan_hit(scan, GW_WAF_R_HEADER_SYNTAX, "header", name);
    if (names_file(name) && gw_waf_runs_on_a_server(value))
        gw_waf_scan_rule(scan, scan->index->family[GW_WAF_CODE][AIGW_WAF_HEADER], AIGW_WAF_HEADER,
                         "header", name);
}

/* Fields of which there must be one at most. */
static void check_repeats(gw_waf_scan *scan, const aigw_waf_request *request)
{
    static const char *const single[] = {"host",       "content-length", "content-type",
                                         "connection", "user-agent",     "transfer-encoding",
                                         "range",      "referer",        "authorization"};
    for (size_t s = 0; s < sizeof single / sizeof single[0]; s++) {
        size_t count = 0;
        for (size_t i = 0; i < request->header_count; i++)
            count += gw_eq_nocase(request->headers[i].name, aigw_slice_of(single[s]));
        if (count > 1)
            hit(scan, GW_WAF_R_HEADER_SYNTAX, single[s]);
    }
}

/* Who talks to a listener on loopback must call it something: its own address with its port is no attack. */
static bool names_listener(aigw_slice host, aigw_slice local)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    size_t colon = local.len;
    while (colon && local.data[colon - 1] != ':')
        colon--;
    aigw_slice port = gw_skip(local, colon);
    if (!colon || !port.len ||
        gw_waf_host_of(gw_slice(local.data, colon - 1)) != GW_WAF_HOST_LOOPBACK)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        aigw_slice name = aigw_slice_of(names[i]);
        if (gw_starts_nocase(host, name) && gw_starts(gw_skip(host, name.len), GW_S(":")) &&
            gw_eq(gw_skip(host, name.len + 1), port))
            return true;
    }
    return gw_eq(host, local);
}

static void check_host(gw_waf_scan *scan, const gw_waf_view *view)
{
    aigw_slice host =
        gw_header_get(view->request->headers, view->request->header_count, GW_S("host"));
    if (host.len == 0 && view->route == AIGW_WAF_ROUTE_HEALTH)
        return; /* load balancers probe by HTTP/1.0 */
    if (!host.data || host.len == 0) {
        hit(scan, GW_WAF_R_HOST, "host");
        return;
    }
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        if ((unsigned char)c <= ' ' || strchr("/\\?#@<>\"'`{}|^,;()", c)) {
            hit(scan, GW_WAF_R_HOST, "host");
            return;
        }
    }
    if (view->route != AIGW_WAF_ROUTE_HEALTH && gw_waf_host_of(host) == GW_WAF_HOST_LOOPBACK &&
        !names_listener(host, view->request->local))
        hit(scan, GW_WAF_R_HOST_LOCALHOST, "host");
}

static void check_method(gw_waf_scan *scan, const gw_waf_view *view)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    const aigw_waf_request *request = view->request;
    aigw_slice method = request->method;
    bool listed = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        listed |= gw_eq(method, aigw_slice_of(known[i]));
    if (gw_eq(method, GW_S("PROPFIND")))
        gw_waf_scan_hit(scan, GW_WAF_R_PROPFIND, "method", gw_slice(NULL, 0));
    else if (!listed)
        gw_waf_scan_hit(scan, GW_WAF_R_METHOD, "method", gw_slice(NULL, 0));
    bool bodyless = gw_eq(method, GW_S("GET")) || gw_eq(method, GW_S("HEAD"));
    aigw_slice coding =
        gw_header_get(request->headers, request->header_count, GW_S("transfer-encoding"));
    aigw_slice length =
        gw_header_get(request->headers, request->header_count, GW_S("content-length"));
    bool unframed = request->body.len && !coding.data && !length.data && !view->framed;
    if ((bodyless && (view->body_bytes > 0 || coding.data)) || (coding.data && length.data) ||
        unframed)
        gw_waf_scan_hit(scan, GW_WAF_R_BODY_LENGTH, "body", gw_slice(NULL, 0));
}

/* Missing, or nothing left without NULs and blanks. */
static void check_agent(gw_waf_scan *scan, const gw_waf_view *view)
{
    aigw_slice agent =
        gw_header_get(view->request->headers, view->request->header_count, GW_S("user-agent"));
    size_t seen = 0;
    for (size_t i = 0; i < agent.len; i++)
        seen += agent.data[i] != 0 && agent.data[i] != ' ';
    if (seen == 0 && view->route != AIGW_WAF_ROUTE_HEALTH)
        hit(scan, GW_WAF_R_NO_USER_AGENT, "user-agent");
}

void gw_waf_check_headers(gw_waf_scan *scan, const gw_waf_view *view)
{
    check_method(scan, view);
    check_host(scan, view);
    check_agent(scan, view);
    check_content_type(scan, view);
    check_repeats(scan, view->request);
    for (size_t i = 0; i < view->request->header_count; i++)
        check_field(scan, view, &view->request->headers[i]);
}
