/* Takes the head of a request apart: path, arguments, header fields, cookies. Must not know what a body is. */
#include "base/text.h"
#include "gate/waf/norm.h"
#include "gate/waf/parts.h"

/* An encoded line end in a name: somebody writes header fields. */
static bool has_line_end(aigw_slice name)
{
    for (size_t i = 0; i + 3 <= name.len; i++) {
        aigw_slice rest = gw_skip(name, i);
        if (gw_starts_nocase(rest, GW_S("%0a")) || gw_starts_nocase(rest, GW_S("%0d")))
            return true;
    }
    return false;
}

/* A scheme and two slashes, near the start, whatever way they are written. */
static bool names_a_url(aigw_slice value)
{
    for (size_t i = 2; i + 3 <= value.len && i < 16; i++) {
        aigw_slice rest = gw_skip(value, i);
        if (gw_starts(rest, GW_S("://")) || gw_starts_nocase(rest, GW_S("%3a")))
            return true;
    }
    return false;
}

size_t gw_waf_read_arguments(gw_waf_scan *scan, aigw_waf_component component, const char *where,
                             aigw_slice text)
{
    size_t count = 0;
    aigw_slice rest = text;
    while (rest.len) {
        aigw_slice pair = gw_cut(&rest, '&');
        aigw_slice value = pair;
        aigw_slice name = gw_cut(&value, '=');
        count += pair.len > 0;
        if (component == AIGW_WAF_QUERYARGUMENTS && has_line_end(name))
            gw_waf_scan_hit(scan, GW_WAF_R_URL_ENCODING, where, name);
        gw_waf_field field = {.component = component,
                              .where = where,
                              .name = name,
                              .text = name,
                              .url = true,
                              .plus = true};
        gw_waf_scan_field(scan, &field);
        field.text = value;
        gw_waf_scan_field(scan, &field);
        /* Together, where the name says what the URL in the value is for. */
        field.text = pair;
        if (names_a_url(value))
            gw_waf_scan_field(scan, &field);
    }
    return count;
}

bool gw_waf_broken_escape(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '%')
            continue;
        aigw_slice rest = gw_skip(text, i + 1);
        bool u = rest.len >= 5 && (rest.data[0] | 0x20) == 'u';
        if (!u && (rest.len < 2 || gw_waf_hex(rest.data[0]) < 0 || gw_waf_hex(rest.data[1]) < 0))
            return true;
    }
    return false;
}

/* %00, %uFF1C (a full-width form: only ever there to hide), a control character, a % that starts nothing. */
static bool bad_encoding(aigw_slice text, bool in_path)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7F || c == '#')
            return true;
        if (c != '%')
            continue;
        aigw_slice rest = gw_skip(text, i + 1);
        bool two = rest.len >= 2 && gw_waf_hex(rest.data[0]) >= 0 && gw_waf_hex(rest.data[1]) >= 0;
        if (two ? rest.data[0] == '0' && rest.data[1] == '0' : in_path)
            return true;
        if (gw_starts_nocase(rest, GW_S("uff")) || gw_starts_nocase(rest, GW_S("u00")))
            return true;
    }
    return false;
}

static void read_target(gw_waf_scan *scan, const gw_waf_view *view)
{
    const aigw_waf_request *request = view->request;
    const aigw_waf_options *limit = view->options;
    aigw_slice none = {NULL, 0};
    if (request->path.len > limit->max_path_bytes)
        gw_waf_scan_hit(scan, GW_WAF_R_SIZE_PATH, "path", none);
    if (request->query.len > limit->max_query_bytes)
        gw_waf_scan_hit(scan, GW_WAF_R_SIZE_QUERY, "query", none);
    if (bad_encoding(request->path, true) || bad_encoding(request->query, false))
        gw_waf_scan_hit(scan, GW_WAF_R_URL_ENCODING, "target", none);
    gw_waf_field path = {
        .component = AIGW_WAF_URIPATH, .where = "path", .text = request->path, .url = true};
    gw_waf_scan_field(scan, &path);
    size_t count = gw_waf_read_arguments(scan, AIGW_WAF_QUERYARGUMENTS, "args", request->query);
    if (count > limit->max_arguments)
        gw_waf_scan_hit(scan, GW_WAF_R_ARGUMENTS, "query", none);
}

/* A letter-case blind list of names; the value of these is never looked at, or is looked at elsewhere. */
static bool passed_over(aigw_slice name)
{
    static const char *const names[] = {"authorization",
                                        "proxy-authorization",
                                        "x-api-key",
                                        "x-goog-api-key",
                                        "api-key",
                                        "content-length",
                                        "cookie",
                                        "host",
                                        "x-amz-security-token",
                                        "x-amz-content-sha256",
                                        "x-amz-date"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (gw_eq_nocase(name, aigw_slice_of(names[i])))
            return true;
    }
    return false;
}

/* A list of plain tokens, as most headers are: letters, digits and - . _ / * = , ; : blanks, with no two dots
 * together, no leading slash, and behind a ; only name=value. No pattern of ours is made of that. */
static bool plain_value(aigw_slice value)
{
    if (value.len > 256 || gw_starts(value, GW_S("/")))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c == '.' && i + 1 < value.len && value.data[i + 1] == '.')
            return false;
        if (c == ';') {
            size_t at = i + 1;
            while (at < value.len && value.data[at] == ' ')
                at++;
            while (at < value.len && value.data[at] >= 'a' && value.data[at] <= 'z')
                at++;
            if (at >= value.len || value.data[at] != '=')
                return false;
        } else if (!alnum && !memchr("-._/*=, :+", c, 10)) {
            return false;
        }
    }
    return true;
}

static bool common_header(aigw_slice name)
{
    static const char *const names[] = {
        "accept",     "accept-encoding", "accept-language",   "connection",        "content-type",
        "user-agent", "cache-control",   "anthropic-version", "anthropic-beta",    "openai-beta",
        "keep-alive", "x-request-id",    "x-forwarded-for",   "x-forwarded-proto", "date"};
    if (gw_starts_nocase(name, GW_S("x-stainless-")))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (gw_eq_nocase(name, aigw_slice_of(names[i])))
            return true;
    }
    return false;
}

/* Where a page stands is told, not fetched: in a private network, or in a program's own files. */
static uint32_t page_of(aigw_slice name)
{
    if (gw_eq_nocase(name, GW_S("referer")))
        return GW_WAF_EXCEPT(GW_WAF_RFI);
    return gw_eq_nocase(name, GW_S("origin"))
               ? GW_WAF_EXCEPT(GW_WAF_RFI) | GW_WAF_EXCEPT(GW_WAF_LFI)
               : 0;
}

static void read_header(gw_waf_scan *scan, const aigw_header *header)
{
    bool agent = gw_eq_nocase(header->name, GW_S("user-agent"));
    bool common = common_header(header->name);
    gw_waf_field field = {.component = AIGW_WAF_HEADER,
                          .where = "header",
                          .name = header->name,
                          .text = header->name,
                          .except = agent ? 0 : GW_WAF_EXCEPT(GW_WAF_BOTS)};
    if (!common)
        gw_waf_scan_field(scan, &field);
    if (passed_over(header->name) || (common && !agent && plain_value(header->value)))
        return;
    field.text = header->value;
    field.url = true;
    field.except |= page_of(header->name);
    gw_waf_scan_field(scan, &field);
}

/* Names and values; a cookie without = is a value. */
static void read_cookies(gw_waf_scan *scan, const gw_waf_view *view, aigw_slice text)
{
    if (text.len > view->options->max_cookie_bytes)
        gw_waf_scan_hit(scan, GW_WAF_R_SIZE_COOKIE, "header", GW_S("cookie"));
    aigw_slice rest = text;
    while (rest.len) {
        aigw_slice value = gw_trim(gw_cut(&rest, ';'));
        aigw_slice name = gw_cut(&value, '=');
        gw_waf_field field = {.component = AIGW_WAF_COOKIE,
                              .where = "cookie",
                              .name = name,
                              .text = name,
                              .url = true};
        gw_waf_scan_field(scan, &field);
        field.text = value;
        gw_waf_scan_field(scan, &field);
    }
}

void gw_waf_read_head(gw_waf_scan *scan, const gw_waf_view *view)
{
    const aigw_waf_request *request = view->request;
    gw_waf_check_headers(scan, view);
    read_target(scan, view);
    for (size_t i = 0; i < request->header_count; i++) {
        const aigw_header *header = &request->headers[i];
        read_header(scan, header);
        if (gw_eq_nocase(header->name, GW_S("cookie")))
            read_cookies(scan, view, header->value);
    }
}
