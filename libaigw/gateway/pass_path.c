/* Paths of the pass-through: which ones may go upstream, and where they lie there and here.
 * Must not know exchanges. Refuses what two servers could read differently. */
#include "gateway/pass.h"

#include "base/text.h"

#define ROUNDS 3 /* of percent-decoding, each looked at */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; a '%' without two digits stays. Returns the new length. */
static size_t decode(char *text, size_t len)
{
    size_t to = 0;
    for (size_t i = 0; i < len; i++) {
        int high = text[i] == '%' && i + 2 < len ? hex(text[i + 1]) : -1;
        int low = high >= 0 ? hex(text[i + 2]) : -1;
        if (low >= 0) {
            text[to++] = (char)(high * 16 + low);
            i += 2;
        } else {
            text[to++] = text[i];
        }
    }
    return to;
}

static bool escapes_ok(aigw_slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] == '%' &&
            (i + 2 >= path.len || hex(path.data[i + 1]) < 0 || hex(path.data[i + 2]) < 0))
            return false;
    }
    return true;
}

/* One reading of it. */
static const char *fault_of(aigw_slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c < 0x20 || c == 0x7f)
            return "The path has a control character.";
        if (c == '\\')
            return "The path has a backslash.";
    }
    if (!gw_utf8_valid(path)) /* overlong forms of '.' and '/' among them */
        return "The path is no UTF-8.";
    aigw_slice rest = gw_skip(path, 1);
    while (rest.data) {
        aigw_slice segment = gw_cut(&rest, '/');
        aigw_slice name = gw_cut(&segment, ';'); /* some servers read parameters behind it */
        if (name.len == 0 && rest.data)
            return "The path has an empty segment.";
        if (gw_eq(name, GW_S(".")) || gw_eq(name, GW_S("..")))
            return "The path has a dot segment.";
    }
    return NULL;
}

const char *gw_pass_path_fault(aigw_slice path)
{
    char text[GW_PASS_PATH_MAX];
    if (path.len == 0 || path.data[0] != '/')
        return "There is no path behind the provider's name.";
    if (path.len > sizeof text)
        return "The path is too long.";
    if (!escapes_ok(path))
        return "The path has a broken escape.";
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '?')
            return "The path has a character that must be escaped.";
    }
    memcpy(text, path.data, path.len);
    size_t len = path.len;
    for (int round = 0; round <= ROUNDS; round++) {
        const char *fault = fault_of(gw_slice(text, len));
        if (fault)
            return fault;
        size_t decoded = decode(text, len);
        if (decoded == len)
            return NULL;
        len = decoded;
    }
    return "The path is escaped too many times.";
}

bool gw_pass_query_has_key(aigw_slice query)
{
    static const aigw_slice names[] = {
        {"key", 3},   {"api_key", 7},          {"api-key", 7},       {"access_token", 12},
        {"token", 5}, {"x-amz-signature", 15}, {"authorization", 13}};
    char name[64];
    while (query.data) {
        aigw_slice pair = gw_cut(&query, '&');
        aigw_slice raw = gw_cut(&pair, '=');
        if (raw.len == 0 || raw.len > sizeof name)
            continue;
        memcpy(name, raw.data, raw.len);
        aigw_slice plain = gw_slice(name, decode(name, raw.len));
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (gw_eq_nocase(plain, names[i]))
                return true;
        }
    }
    return false;
}

static bool at_or_below(aigw_slice path, aigw_slice prefix)
{
    return gw_starts(path, prefix) && (path.len == prefix.len || path.data[prefix.len] == '/');
}

void gw_pass_join(aigw_slice base_path, aigw_slice rest, gw_buf *out)
{
    /* The longest ending of the base, whole segments, that the rest begins with. */
    size_t at = 0;
    while (at < base_path.len &&
           !(base_path.data[at] == '/' && at_or_below(rest, gw_skip(base_path, at))))
        at++;
    gw_buf_add(out, gw_slice(base_path.data, at));
    gw_buf_add(out, rest);
}

bool gw_pass_path_listed(const aigw_slice *prefixes, size_t count, aigw_slice path)
{
    for (size_t i = 0; i < count; i++) {
        aigw_slice prefix = prefixes[i];
        while (prefix.len > 0 && prefix.data[prefix.len - 1] == '/')
            prefix.len--;
        if (at_or_below(path, prefix))
            return true;
    }
    return false;
}

/* Path and query of an address at the same origin; false if it is elsewhere, or no plain address. */
static bool own_address(const gw_upstream *up, aigw_slice value, aigw_slice *path)
{
    *path = value;
    if (gw_starts_nocase(value, GW_S("https://")) || gw_starts_nocase(value, GW_S("http://"))) {
        aigw_slice rest = gw_skip(value, value.data[4] == ':' ? 7 : 8);
        size_t n = 0;
        while (n < rest.len && rest.data[n] != '/' && rest.data[n] != '?')
            n++;
        if (!gw_eq_nocase(gw_slice(rest.data, n), up->authority))
            return false;
        *path = gw_skip(rest, n);
    }
    return path->len > 0 && path->data[0] == '/';
}

static bool query_ok(aigw_slice query)
{
    for (size_t i = 0; i < query.len; i++) {
        unsigned char c = (unsigned char)query.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return false;
    }
    return !gw_pass_query_has_key(query);
}

bool gw_pass_location(const gw_upstream *up, aigw_slice value, gw_buf *out)
{
    aigw_slice query;
    if (!own_address(up, value, &query))
        return false;
    aigw_slice path = gw_cut(&query, '?');
    if (gw_pass_path_fault(path) || !query_ok(query))
        return false;
    if (up->pass_path_count && !gw_pass_path_listed(up->pass_paths, up->pass_path_count, path))
        return false;
    aigw_slice rest = path;
    if (up->base_path.len > 0) {
        if (!at_or_below(path, up->base_path) || path.len == up->base_path.len)
            return false;
        rest = gw_skip(path, up->base_path.len);
    }
    /* It must lead back to the same place. */
    gw_buf again;
    gw_buf_init(&again, GW_PASS_PATH_MAX);
    gw_pass_join(up->base_path, rest, &again);
    bool same = !again.failed && gw_eq(gw_buf_slice(&again), path);
    gw_buf_free(&again);
    if (!same)
        return false;
    gw_buf_puts(out, "/pass/");
    gw_buf_add(out, up->name);
    gw_buf_add(out, rest);
    if (query.data) {
        gw_buf_putc(out, '?');
        gw_buf_add(out, query);
    }
    return !out->failed;
}
