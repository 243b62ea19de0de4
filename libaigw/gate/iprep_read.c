/* Reads lists of addresses: plain lines, JSON lines, a JSON set. */
/* Must not know tables, slots or what the lists are for. */
#include "gate/iprep.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

#define LINE_MAX_BYTES 4096u
#define LINE_ARENA     65536u

void gw_ip_entries_free(gw_ip_entries *e)
{
    gw_free(e->v4);
    gw_free(e->v6);
    e->v4 = NULL;
    e->v6 = NULL;
    e->v4_count = e->v4_cap = e->v6_count = e->v6_cap = 0;
}

static bool grow(void **array, size_t *cap, size_t count, size_t size)
{
    if (count < *cap)
        return true;
    size_t wanted = *cap ? 2 * *cap : 1024;
    void *bigger = gw_realloc(*array, wanted * size);
    if (!bigger)
        return false;
    *array = bigger;
    *cap = wanted;
    return true;
}

int gw_ip_entries_add(gw_ip_entries *e, const gw_ip_range *range, aigw_error *err)
{
    if (e->v4_count + e->v6_count >= e->max)
        return gw_fail(err, AIGW_E_LIMIT, "too_many_entries", "more than %zu entries", e->max);
    if (gw_ip_is_v4(&range->first)) {
        void *array = e->v4;
        if (!grow(&array, &e->v4_cap, e->v4_count, sizeof *e->v4))
            return gw_fail_nomem(err);
        e->v4 = array;
        e->v4[e->v4_count++] =
            (uint64_t)gw_ip_to_v4(&range->first) << 32 | gw_ip_to_v4(&range->last);
        return AIGW_OK;
    }
    void *array = e->v6;
    if (!grow(&array, &e->v6_cap, e->v6_count, sizeof *e->v6))
        return gw_fail_nomem(err);
    e->v6 = array;
    e->v6[e->v6_count++] = *range;
    return AIGW_OK;
}

static int bad(aigw_error *err, size_t line)
{
    gw_fail(err, AIGW_E_PARSE, "bad_entry", "line %zu is no address, network or range", line);
    if (err)
        err->line = (int)line;
    return AIGW_E_PARSE;
}

/* A CIDR or an address. A list that has everybody in it, or every IPv4 address as an IPv6 network, is a
 * mistake. */
static bool read_net(aigw_slice text, gw_ip_range *out)
{
    gw_net net;
    if (!gw_net_parse(text, &net, NULL) || net.bits == 0)
        return false;
    gw_ip last = gw_net_last(&net);
    bool v4 = gw_ip_is_v4(&net.base);
    if (v4 != gw_ip_is_v4(&last) || (v4 && net.bits == 96))
        return false;
    gw_ip mapped = gw_ip_v4(0);
    if (!v4 && gw_ip_cmp(&net.base, &mapped) < 0 && gw_ip_cmp(&last, &mapped) > 0)
        return false;
    *out = (gw_ip_range){net.base, last};
    return true;
}

static bool read_range(aigw_slice first, aigw_slice last, gw_ip_range *out)
{
    gw_ip_range range;
    if (!gw_ip_parse(first, &range.first) || !gw_ip_parse(last, &range.last) ||
        gw_ip_is_v4(&range.first) != gw_ip_is_v4(&range.last) ||
        gw_ip_cmp(&range.first, &range.last) > 0)
        return false;
    *out = range;
    return true;
}

/* ---- Plain lines ---- */

static aigw_slice cut_word(aigw_slice *rest)
{
    size_t n = 0;
    *rest = gw_trim(*rest);
    while (n < rest->len && rest->data[n] != ' ' && rest->data[n] != '\t')
        n++;
    aigw_slice word = gw_slice(rest->data, n);
    *rest = gw_skip(*rest, n);
    return word;
}

static aigw_slice before_comment(aigw_slice line)
{
    size_t n = 0;
    while (n < line.len && line.data[n] != '#' && line.data[n] != ';')
        n++;
    return gw_trim(gw_slice(line.data, n));
}

/* "a", "a/n", "a-b", "a - b", "a b", and columns behind. */
static bool read_plain(aigw_slice line, gw_ip_range *out)
{
    aigw_slice first = cut_word(&line);
    aigw_slice second = first, head = gw_cut(&second, '-');
    gw_ip ip;
    if (second.data)
        return read_range(head, second, out);
    aigw_slice next = cut_word(&line);
    if (gw_eq(next, GW_S("-")))
        return read_range(first, cut_word(&line), out);
    if (gw_ip_parse(next, &ip))
        return read_range(first, next, out);
    return read_net(first, out);
}

static int read_lines(gw_ip_entries *e, aigw_slice file, aigw_error *err)
{
    size_t number = 0;
    while (file.data) {
        aigw_slice line = gw_cut(&file, '\n');
        number++;
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        line = before_comment(line);
        if (line.len == 0)
            continue;
        gw_ip_range range;
        if (line.len > LINE_MAX_BYTES || !read_plain(line, &range))
            return bad(err, number);
        int code = gw_ip_entries_add(e, &range, err);
        if (code != AIGW_OK)
            return code;
    }
    return AIGW_OK;
}

/* ---- JSON ---- */

static int add_json(gw_ip_entries *e, gw_arena *arena, const gw_json_doc *doc, gw_json_ref ref,
                    size_t line, aigw_error *err)
{
    gw_ip_range range;
    aigw_slice text = gw_json_text(arena, doc, ref);
    if (!text.data || !read_net(text, &range))
        return bad(err, line);
    return gw_ip_entries_add(e, &range, err);
}

static int read_json_line(gw_ip_entries *e, gw_arena *arena, aigw_slice line, size_t number,
                          aigw_error *err)
{
    gw_json_doc doc;
    int code = gw_json_parse(arena, line, NULL, &doc, err);
    if (code == AIGW_E_NOMEM)
        return code;
    if (code != AIGW_OK || gw_json_typeof(&doc, 0) != GW_JSON_OBJECT)
        return bad(err, number);
    gw_json_ref cidr = gw_json_get(&doc, 0, "cidr");
    if (cidr == GW_JSON_ABSENT)
        return gw_json_is(&doc, gw_json_get(&doc, 0, "type"), "metadata") ? AIGW_OK
                                                                          : bad(err, number);
    return add_json(e, arena, &doc, cidr, number, err);
}

static int read_json_lines(gw_ip_entries *e, aigw_slice file, aigw_error *err)
{
    size_t number = 0;
    int code = AIGW_OK;
    gw_arena *arena = gw_arena_new(LINE_ARENA);
    if (!arena)
        return gw_fail_nomem(err);
    while (file.data && code == AIGW_OK) {
        aigw_slice line = gw_cut(&file, '\n');
        number++;
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        line = gw_trim(line);
        if (line.len == 0)
            continue;
        gw_arena_reset(arena);
        code = line.len > LINE_MAX_BYTES ? bad(err, number)
                                         : read_json_line(e, arena, line, number, err);
    }
    gw_arena_free(arena);
    return code;
}

/* The whole file as one object with Addresses; AIGW_AGAIN when it is not that. */
static int read_json_set(gw_ip_entries *e, aigw_slice file, aigw_error *err)
{
    gw_json_doc doc;
    gw_json_limits limits = {.max_nodes = 4u << 20};
    gw_arena *arena = gw_arena_new(SIZE_MAX);
    if (!arena)
        return gw_fail_nomem(err);
    int code = gw_json_parse(arena, file, &limits, &doc, err);
    gw_json_ref set = GW_JSON_ABSENT;
    if (code == AIGW_OK) {
        gw_json_ref around = gw_json_get(&doc, 0, "IPSet");
        set = gw_json_get(&doc, around == GW_JSON_ABSENT ? 0 : around, "Addresses");
    }
    if (code != AIGW_E_NOMEM && gw_json_typeof(&doc, set) != GW_JSON_ARRAY)
        code = AIGW_AGAIN;
    if (code == AIGW_OK) {
        size_t number = 0;
        for (gw_json_ref r = gw_json_first(&doc, set); r != GW_JSON_ABSENT && code == AIGW_OK;
             r = gw_json_next(&doc, r))
            code = add_json(e, arena, &doc, r, ++number, err);
    }
    gw_arena_free(arena);
    return code;
}

int gw_iprep_read(gw_ip_entries *e, aigw_slice file, aigw_error *err)
{
    if (gw_starts(file, GW_S("\xef\xbb\xbf")))
        file = gw_skip(file, 3);
    size_t n = 0;
    while (n < file.len && memchr(" \t\r\n", file.data[n], 4))
        n++;
    if (n == file.len)
        return AIGW_OK;
    if (file.data[n] != '{')
        return read_lines(e, file, err);
    int code = read_json_set(e, file, err);
    return code == AIGW_AGAIN ? read_json_lines(e, file, err) : code;
}
