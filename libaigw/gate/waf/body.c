/* Takes a body apart by its content type: forms, multipart, XML, text; JSON is handed on. Must not know the
 * schemas of JSON. */
#include "base/text.h"
#include "gate/waf/parts.h"

static void field_of(gw_waf_scan *scan, const char *where, aigw_slice name, aigw_slice text)
{
    gw_waf_field field = {.component = AIGW_WAF_BODY, .where = where, .name = name, .text = text};
    gw_waf_scan_field(scan, &field);
}

/* A body of no form we know: its beginning, as a text. */
static void raw(gw_waf_scan *scan, aigw_slice body)
{
    size_t left = GW_WAF_BYTES_MAX - scan->bytes;
    field_of(scan, "body", gw_slice(NULL, 0),
             gw_slice(body.data, body.len < left ? body.len : left));
}

/* JSON with a fault that its reader will tell: quotes and braces are no attack, what is an exploit anywhere is. */
static void raw_json(gw_waf_scan *scan, aigw_slice body)
{
    size_t left = GW_WAF_BYTES_MAX - scan->bytes;
    gw_waf_field field = {.component = AIGW_WAF_BODY,
                          .where = "body",
                          .text = gw_slice(body.data, body.len < left ? body.len : left),
                          .small = true};
    gw_waf_scan_field(scan, &field);
}

/* --- multipart/form-data (RFC 7578) --- */

/* A name or file name that readers read differently: more than letters, accents written as entities, or a
 * type that runs. */
static bool odd_name(aigw_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c == '&') { /* an entity of letters, as browsers send what a charset lacks */
            size_t n = i + 1;
            while (n < name.len && ((name.data[n] | 0x20) >= 'a' && (name.data[n] | 0x20) <= 'z'))
                n++;
            if (n < name.len && name.data[n] == ';' && n - i >= 4) {
                i = n;
                continue;
            }
        }
        if (strchr(";='\"\\", c) || (unsigned char)c < 0x20)
            return true;
    }
    return false;
}

/* The value of name="..." in a Content-Disposition; quotes end it, a backslash escapes nothing we accept. */
static aigw_slice quoted(aigw_slice line, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i + len + 2 <= line.len; i++) {
        aigw_slice rest = gw_skip(line, i);
        bool begins = i == 0 || strchr("; \t", line.data[i - 1]);
        if (!begins || !gw_starts_nocase(rest, gw_slice(name, len)) || rest.data[len] != '=')
            continue;
        rest = gw_skip(rest, len + 1);
        if (rest.len && rest.data[0] == '"') {
            const char *end = memchr(rest.data + 1, '"', rest.len - 1);
            return gw_slice(rest.data + 1, end ? (size_t)(end - rest.data) - 1 : rest.len - 1);
        }
        return gw_cut(&rest, ';');
    }
    return gw_slice(NULL, 0);
}

bool gw_waf_runs_on_a_server(aigw_slice file)
{
    static const char *const ends[] = {".jsp",  ".jspx", ".php", ".phtml", ".asp",      ".aspx",
                                       ".ashx", ".asmx", ".war", ".cgi",   ".htaccess", ".phar"};
    /* What servers drop from the end, and versions: "x.php7..." */
    while (file.len && strchr(". ", file.data[file.len - 1]))
        file.len--;
    size_t n = file.len;
    while (n && file.data[n - 1] >= '0' && file.data[n - 1] <= '9')
        n--;
    if (n >= 4 && gw_eq_nocase(gw_slice(file.data + n - 4, 4), GW_S(".php")))
        return true;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t len = strlen(ends[i]);
        if (file.len >= len &&
            gw_starts_nocase(gw_skip(file, file.len - len), aigw_slice_of(ends[i])))
            return true;
    }
    return false;
}

static aigw_slice line_of(aigw_slice *rest)
{
    aigw_slice line = gw_cut(rest, '\n');
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* A charset that changes what the bytes mean, or an encoding, which forms must not have (RFC 7578, 4.7). */
static bool good_part_header(aigw_slice line)
{
    aigw_slice value = line;
    aigw_slice name = gw_trim(gw_cut(&value, ':'));
    value = gw_trim(value);
    if (gw_eq_nocase(name, GW_S("content-transfer-encoding")))
        return gw_eq_nocase(value, GW_S("binary")) || gw_eq_nocase(value, GW_S("8bit")) ||
               gw_eq_nocase(value, GW_S("7bit"));
    return !gw_eq_nocase(name, GW_S("content-type")) || gw_waf_good_charsets(value, true);
}

static void read_part(gw_waf_scan *scan, aigw_slice part)
{
    aigw_slice name = {NULL, 0};
    bool is_file = false;
    while (part.data) {
        aigw_slice line = line_of(&part);
        if (line.len == 0)
            break;
        if (!gw_starts_nocase(line, GW_S("content-disposition:"))) {
            field_of(scan, "part", name, line);
            if (!good_part_header(line))
                gw_waf_scan_hit(scan, GW_WAF_R_BODY_SYNTAX, "part", name);
            continue;
        }
        name = quoted(line, "name");
        aigw_slice file = quoted(line, "filename");
        is_file = file.data != NULL || gw_find(line, GW_S("filename*")) != NULL;
        if (odd_name(name) || odd_name(file))
            gw_waf_scan_hit(scan, GW_WAF_R_BODY_SYNTAX, "part", name);
        if (gw_waf_runs_on_a_server(file))
            gw_waf_scan_rule(scan, scan->index->family[GW_WAF_CODE][AIGW_WAF_BODY], AIGW_WAF_BODY,
                             "part", file);
        field_of(scan, "part", name, name);
        field_of(scan, "part", name, file);
    }
    aigw_slice text = part;
    if (part.data && gw_eq_nocase(name, GW_S("_charset_")) &&
        !gw_waf_good_charset(gw_trim(line_of(&text))))
        gw_waf_scan_hit(scan, GW_WAF_R_BODY_SYNTAX, "part", name);
    if (!is_file && part.data)
        field_of(scan, "part", name, part);
}

static void read_multipart(gw_waf_scan *scan, const gw_waf_view *view)
{
    aigw_slice boundary = gw_waf_parameter(view->content_type, GW_S("boundary"));
    aigw_slice rest = view->request->body;
    char mark[80] = "--";
    bool inside = false;
    if (!boundary.data || boundary.len == 0 || boundary.len > 70) {
        gw_waf_scan_hit(scan, GW_WAF_R_BODY_SYNTAX, "body", gw_slice(NULL, 0));
        return;
    }
    memcpy(mark + 2, boundary.data, boundary.len);
    aigw_slice line = gw_slice(mark, boundary.len + 2);
    while (rest.len) {
        const char *next = gw_find(rest, line);
        size_t n = next ? (size_t)(next - rest.data) : rest.len;
        if (inside)
            read_part(scan, gw_slice(rest.data, n));
        if (!next)
            return;
        rest = gw_skip(rest, n + line.len);
        if (gw_starts(rest, GW_S("--")))
            return;
        line_of(&rest);
        inside = true;
    }
}

/* --- XML and text --- */

/* The quoted values in a tag; an unquoted rest is a value too. */
static void read_tag(gw_waf_scan *scan, aigw_slice tag)
{
    while (tag.len) {
        size_t n = 0;
        while (n < tag.len && tag.data[n] != '"' && tag.data[n] != '\'')
            n++;
        if (n == tag.len)
            return;
        aigw_slice rest = gw_skip(tag, n + 1);
        const char *end = rest.len ? memchr(rest.data, tag.data[n], rest.len) : NULL;
        size_t len = end ? (size_t)(end - rest.data) : rest.len;
        field_of(scan, "xml", gw_slice(NULL, 0), gw_slice(rest.data, len));
        tag = gw_skip(rest, len + (end != NULL));
    }
}

/* One past the > that ends the tag at text; quotes hide it. */
static size_t tag_end(aigw_slice text)
{
    char quote = 0;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.data[i];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '>')
            return i + 1;
    }
    return text.len;
}

static void read_xml(gw_waf_scan *scan, aigw_slice text)
{
    aigw_slice none = {NULL, 0};
    while (text.len) {
        const char *open = memchr(text.data, '<', text.len);
        size_t n = open ? (size_t)(open - text.data) : text.len;
        field_of(scan, "xml", none, gw_trim(gw_slice(text.data, n)));
        text = gw_skip(text, n);
        if (!text.len)
            return;
        size_t end = tag_end(text);
        aigw_slice tag = gw_slice(text.data, end);
        if (gw_starts(text, GW_S("<![CDATA["))) {
            const char *close = gw_find(text, GW_S("]]>"));
            end = close ? (size_t)(close - text.data) + 3 : text.len;
            field_of(scan, "xml", none, gw_slice(text.data + 9, end - 9));
        } else if (gw_starts(text, GW_S("<!"))) {
            /* A document type: entities are fetched, or expand. No API of ours takes one. */
            field_of(scan, "xml", none, tag);
            if (gw_starts_nocase(text, GW_S("<!DOCTYPE")) ||
                gw_starts_nocase(text, GW_S("<!ENTITY")))
                gw_waf_scan_hit(scan, GW_WAF_R_BODY_SYNTAX, "xml", none);
        } else if (!gw_starts(text, GW_S("<?"))) {
            read_tag(scan, tag);
        }
        text = gw_skip(text, end);
    }
}

/* --- by type --- */

/* Secrets are random texts: they look like anything, and no excerpt of one may stand in a log (RFC 6749, 7523). */
static bool is_credential(aigw_slice name)
{
    static const char *const names[] = {"client_secret", "client_assertion"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (gw_eq(name, aigw_slice_of(names[i])))
            return true;
    }
    return false;
}

static size_t read_form(gw_waf_scan *scan, const gw_waf_view *view)
{
    size_t count = 0;
    aigw_slice rest = view->request->body;
    if (!view->credentials)
        return gw_waf_read_arguments(scan, AIGW_WAF_BODY, "form", rest);
    while (rest.len) {
        aigw_slice value = gw_cut(&rest, '&');
        aigw_slice pair = value;
        if (is_credential(gw_cut(&value, '=')))
            count++;
        else
            count += gw_waf_read_arguments(scan, AIGW_WAF_BODY, "form", pair);
    }
    return count;
}

/* A JSON text by its first byte, whatever it is called. */
static bool looks_like_json(aigw_slice body)
{
    while (body.len && strchr(" \t\r\n", body.data[0]))
        body = gw_skip(body, 1);
    return body.len && (body.data[0] == '{' || body.data[0] == '[');
}

static void parse_json(gw_waf_scan *scan, const gw_waf_view *view, bool declared)
{
    gw_json_doc doc;
    int code = gw_json_parse(scan->arena, view->request->body, NULL, &doc, NULL);
    if (code == AIGW_OK) {
        gw_waf_read_json(scan, view, &doc);
    } else if (code == AIGW_E_NOMEM) {
        scan->failed = code;
    } else {
        if (declared && !view->no_json)
            gw_waf_scan_hit(scan, GW_WAF_R_BODY_SYNTAX, "body", gw_slice(NULL, 0));
        if (view->no_json)
            raw_json(scan, view->request->body);
        else
            raw(scan, view->request->body);
    }
}

static bool opaque(aigw_slice type)
{
    return gw_starts_nocase(type, GW_S("audio/")) || gw_starts_nocase(type, GW_S("image/")) ||
           gw_starts_nocase(type, GW_S("video/"));
}

void gw_waf_read_body(gw_waf_scan *scan, const gw_waf_view *view)
{
    aigw_slice body = view->request->body;
    aigw_slice type = gw_waf_media_type(view->content_type);
    aigw_slice none = {NULL, 0};
    if (body.len == 0)
        return;
    if (body.len > view->options->max_body_bytes)
        gw_waf_scan_hit(scan, GW_WAF_R_SIZE_BODY, "body", none);
    bool json = gw_eq_nocase(type, GW_S("application/json")) || gw_ends(type, GW_S("+json"));
    if (view->doc) {
        gw_waf_read_json(scan, view, view->doc);
    } else if (json || (looks_like_json(body) && !gw_starts_nocase(type, GW_S("multipart/")))) {
        parse_json(scan, view, json);
    } else if (gw_eq_nocase(type, GW_S("application/x-www-form-urlencoded"))) {
        size_t count = read_form(scan, view);
        if (count > view->options->max_arguments)
            gw_waf_scan_hit(scan, GW_WAF_R_ARGUMENTS_BODY, "body", none);
        if (gw_waf_broken_escape(body))
            gw_waf_scan_hit(scan, GW_WAF_R_BODY_SYNTAX, "form", none);
    } else if (gw_starts_nocase(type, GW_S("multipart/form-data"))) {
        read_multipart(scan, view);
    } else if (gw_ends(type, GW_S("xml")) || gw_starts(gw_trim(body), GW_S("<?xml"))) {
        read_xml(scan, body);
    } else if (!opaque(type)) {
        raw(scan, body);
    }
}
