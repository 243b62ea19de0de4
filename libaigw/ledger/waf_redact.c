/* What is kept of a request for samples and the log: bounded, and without secrets. Must not know what for. */
#include "base/text.h"
#include "ledger/waf.h"

enum {
    HEADERS_MAX = 32,
    NAME_MAX_BYTES = 64,
    VALUE_MAX = 256,
    PATH_MAX_BYTES = 512,
    QUERY_MAX = 768,
    WORD_MAX = 64, /* method, version, address */
    SLACK = 16     /* what cutting may add */
};

static const aigw_slice redacted = {"REDACTED", 8};
static const aigw_slice dots = {"...", 3};

/* -- names of secrets -- */

/* By their first letters. What begins with a bar is a secret's name only between marks: "x-sig", not "design". */
static const char *const secret_words[26][6] = {
    ['a' - 'a'] = {"auth", "assertion"},
    ['b' - 'a'] = {"bearer"},
    ['c' - 'a'] = {"cookie", "credential", "|cred", "code_verifier"},
    ['j' - 'a'] = {"|jwt"},
    ['k' - 'a'] = {"key"},
    ['o' - 'a'] = {"|otp"},
    ['p' - 'a'] = {"passw", "passphrase", "|pwd"},
    ['s' - 'a'] = {"secret", "session", "signature", "|sid", "|sig"},
    ['t' - 'a'] = {"token"},
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10
                                                : -1;
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool word_at(const char *text, size_t len, size_t at, const char *word)
{
    bool marked = word[0] == '|';
    size_t n = strlen(word + marked);
    if (at + n > len || memcmp(text + at, word + marked, n) != 0)
        return false;
    return !marked ||
           ((at == 0 || !is_letter(text[at - 1])) && (at + n == len || !is_letter(text[at + n])));
}

static bool plain_secret(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_letter(text[i]))
            continue;
        for (const char *const *word = secret_words[text[i] - 'a']; *word; word++) {
            if (word_at(text, len, i, *word))
                return true;
        }
    }
    return false;
}

/* Lower case, percent-encoding undone. SIZE_MAX: encoded twice, or longer than any name. */
static size_t plain_name(aigw_slice name, char *text, size_t room)
{
    size_t n = 0;
    if (name.len > room)
        return SIZE_MAX;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c == '%') {
            bool escaped =
                i + 2 < name.len && hex(name.data[i + 1]) >= 0 && hex(name.data[i + 2]) >= 0;
            c = escaped ? (char)(hex(name.data[i + 1]) * 16 + hex(name.data[i + 2])) : '%';
            if (c == '%')
                return SIZE_MAX;
            i += 2;
        }
        text[n++] = lower(c);
    }
    return n;
}

bool gw_waf_secret_name(aigw_slice name)
{
    char text[256];
    size_t n = plain_name(name, text, sizeof text);
    return n == SIZE_MAX || plain_secret(text, n);
}

/* Behind a word: the rest of its name, a closing quote, and what gives it a value. */
static bool is_given(const char *text, size_t len, size_t at)
{
    while (at < len && (is_letter(text[at]) || (text[at] >= '0' && text[at] <= '9') ||
                        (text[at] && strchr("_-\"'\\", text[at]))))
        at++;
    while (at < len && text[at] == ' ')
        at++;
    if (at + 2 < len && text[at] == '%' && text[at + 1] == '3')
        return text[at + 2] == 'd' || text[at + 2] == 'a';
    return at < len && (text[at] == '=' || text[at] == ':');
}

static bool assigns(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_letter(text[i]))
            continue;
        for (const char *const *word = secret_words[text[i] - 'a']; *word; word++) {
            if (word_at(text, len, i, *word) && is_given(text, len, i))
                return true;
        }
    }
    return false;
}

/* A URL with somebody's name and password: "//user:password@host". */
static bool has_userinfo(const char *text, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        bool plain = text[i] == '/' && text[i + 1] == '/';
        bool coded = i + 6 < len && memcmp(text + i, "%2f%2f", 6) == 0;
        if (!plain && !coded)
            continue;
        for (i += plain ? 2 : 6; i < len && !strchr("/?# \"", text[i]); i++) {
            if (text[i] == '@' || (i + 2 < len && memcmp(text + i, "%40", 3) == 0))
                return true;
        }
    }
    return false;
}

bool gw_waf_tells_secret(aigw_slice text)
{
    static const char *const marks[] = {"sk-", "eyj", "basic ", "bearer ", "akia", "ghp_", "xox"};
    char small[512];
    size_t n = 0;
    while (n < text.len && n < sizeof small) {
        small[n] = lower(text.data[n]);
        n++;
    }
    for (size_t at = 0; at < n; at++) {
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
            size_t len = strlen(marks[i]);
            if (at + len <= n && memcmp(small + at, marks[i], len) == 0)
                return true;
        }
    }
    return has_userinfo(small, n) || assigns(small, n);
}

/* -- copying -- */

typedef struct pen {
    char *at;
    size_t used;
    bool raw; /* only well-known credentials are left out */
} pen;

static void put(pen *p, aigw_slice text)
{
    if (text.len)
        memcpy(p->at + p->used, text.data, text.len);
    p->used += text.len;
}

/* At most max bytes, and the dots of what was cut; a character is not cut in two. */
static void put_cut(pen *p, aigw_slice text, size_t max)
{
    if (text.len <= max) {
        put(p, text);
        return;
    }
    while (max > 0 && ((unsigned char)text.data[max] & 0xC0) == 0x80)
        max--;
    put(p, gw_slice(text.data, max));
    put(p, dots);
}

/* name=value&...: the values of secrets are left out. */
static void put_query(pen *p, aigw_slice query, size_t max)
{
    size_t begin = p->used;
    bool first = true;
    if (p->raw) {
        put_cut(p, query, max);
        return;
    }
    while (query.data) {
        aigw_slice pair = gw_cut(&query, '&');
        aigw_slice value = pair;
        aigw_slice name = gw_cut(&value, '=');
        bool hide = value.data && (gw_waf_secret_name(name) || gw_waf_tells_secret(value));
        size_t need = !first + (hide ? name.len + 1 + redacted.len : pair.len);
        if (p->used - begin + need > max) {
            if (!first)
                put(p, GW_S("&"));
            if (!hide && p->used - begin < max)
                put_cut(p, pair, max - (p->used - begin) < pair.len ? max - (p->used - begin) : 0);
            else
                put(p, dots);
            return;
        }
        if (!first)
            put(p, GW_S("&"));
        first = false;
        put(p, hide ? name : pair);
        if (hide) {
            put(p, GW_S("="));
            put(p, redacted);
        }
    }
}

static bool is_credential(aigw_slice name)
{
    static const aigw_slice names[] = {{"authorization", 13},
                                       {"cookie", 6},
                                       {"x-api-key", 9},
                                       {"api-key", 7},
                                       {"x-goog-api-key", 14},
                                       {"proxy-authorization", 19},
                                       {"x-amz-security-token", 20}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (name.len == names[i].len && gw_eq_nocase(name, names[i]))
            return true;
    }
    return false;
}

static bool hides(const pen *p, const aigw_header *h)
{
    if (p->raw)
        return is_credential(h->name);
    return gw_waf_secret_name(h->name);
}

/* A value may be a URL, with a query of its own. */
static void put_value(pen *p, const aigw_header *h)
{
    if (hides(p, h)) {
        put(p, redacted);
        return;
    }
    if (p->raw) {
        put_cut(p, h->value, VALUE_MAX);
        return;
    }
    aigw_slice rest = h->value;
    aigw_slice head = gw_cut(&rest, '?');
    if (gw_waf_tells_secret(head)) {
        put(p, redacted);
        return;
    }
    if (!rest.data || head.len >= VALUE_MAX) {
        put_cut(p, h->value, VALUE_MAX);
        return;
    }
    put(p, head);
    put(p, GW_S("?"));
    put_query(p, rest, VALUE_MAX - head.len);
}

static aigw_slice since(const pen *p, size_t begin)
{
    return gw_slice(p->at + begin, p->used - begin);
}

static void copy(const gw_waf_request *from, pen *p, aigw_header *headers, gw_waf_request *out)
{
    const struct {
        aigw_slice from, *to;
        size_t max;
    } words[] = {{from->client, &out->client, WORD_MAX},
                 {from->method, &out->method, WORD_MAX},
                 {from->version, &out->version, WORD_MAX},
                 {from->path, &out->path, PATH_MAX_BYTES}};
    size_t begin;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        begin = p->used;
        put_cut(p, words[i].from, words[i].max);
        *words[i].to = since(p, begin);
    }
    begin = p->used;
    put_query(p, from->query, QUERY_MAX);
    out->query = since(p, begin);
    size_t n = 0;
    for (; n < from->header_count && n < HEADERS_MAX; n++) {
        if (p->used + NAME_MAX_BYTES + VALUE_MAX + 16 > GW_WAF_KEEP_MAX)
            break;
        size_t name = p->used;
        put_cut(p, from->headers[n].name, NAME_MAX_BYTES);
        size_t value = p->used;
        put_value(p, &from->headers[n]);
        headers[n].name = gw_slice(p->at + name, value - name);
        headers[n].value = since(p, value);
    }
    out->headers = headers;
    out->header_count = n;
    out->omitted = from->omitted + from->header_count - n;
}

static size_t array_bytes(const gw_waf_request *from)
{
    size_t n = from->header_count < HEADERS_MAX ? from->header_count : HEADERS_MAX;
    return n * sizeof(aigw_header);
}

static size_t cut_bytes(size_t len, size_t max)
{
    return len <= max ? len : max + dots.len;
}

/* Rather more than less: it is asked for many requests, and looks at no name. */
size_t gw_waf_keep_bytes(const gw_waf_request *from)
{
    size_t sum = array_bytes(from) + cut_bytes(from->client.len, WORD_MAX) +
                 cut_bytes(from->method.len, WORD_MAX) + cut_bytes(from->version.len, WORD_MAX) +
                 cut_bytes(from->path.len, PATH_MAX_BYTES) +
                 (from->query.len ? QUERY_MAX + SLACK : 0) + 1;
    for (size_t i = 0; i < from->header_count && i < HEADERS_MAX; i++) {
        aigw_slice value = from->headers[i].value;
        bool url = value.len && memchr(value.data, '?', value.len);
        size_t most = url || value.len > VALUE_MAX ? VALUE_MAX + SLACK : value.len;
        sum += cut_bytes(from->headers[i].name.len, NAME_MAX_BYTES) +
               (most < redacted.len ? redacted.len : most);
    }
    return sum;
}

static void keep(const gw_waf_request *from, void *room, gw_waf_request *out, bool raw)
{
    size_t array = array_bytes(from);
    pen p = {(char *)room + array, 0, raw};
    copy(from, &p, array ? room : NULL, out);
}

void gw_waf_keep(const gw_waf_request *from, void *room, gw_waf_request *out)
{
    keep(from, room, out, false);
}

void gw_waf_keep_raw(const gw_waf_request *from, void *room, gw_waf_request *out)
{
    keep(from, room, out, true);
}
