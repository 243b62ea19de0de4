/*
 * AWS Signature Version 4: the canonical request, its digest, the key of the day, the header.
 * Must not know any service; reads no clock.
 */
#include "proto/sigv4.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/text.h"

enum { MAX_CANONICAL = 1 << 20, STAMP_LEN = 16, DATE_LEN = 8, HEX_LEN = 2 * GW_SHA256_BYTES };

#define ALGORITHM "AWS4-HMAC-SHA256"

static bool is_plain(aigw_slice text, const char *refused)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c >= 0x7f || strchr(refused, c) != NULL)
            return false;
    }
    return true;
}

/* A year of four digits: what the stamp can say. */
static bool good_time(int64_t unix_s)
{
    return unix_s >= 0 && unix_s < INT64_C(253402300800);
}

static int check(const gw_sigv4 *who, const gw_sigv4_request *r, aigw_error *err)
{
    const char *wrong = NULL;
    if (who->access_key_id.len == 0 || !is_plain(who->access_key_id, "/,"))
        wrong = "the access key id";
    else if (who->secret_access_key.len == 0)
        wrong = "the secret access key";
    else if (who->region.len == 0 || !is_plain(who->region, "/,"))
        wrong = "the region";
    else if (who->service.len == 0 || !is_plain(who->service, "/,"))
        wrong = "the service";
    else if (!is_plain(who->session_token, ""))
        wrong = "the session token";
    else if (r->method.len == 0 || !is_plain(r->method, ""))
        wrong = "the method";
    else if (r->path.len == 0 || r->path.data[0] != '/' || !is_plain(r->path, "?#"))
        wrong = "the path";
    else if (!is_plain(r->query, "#"))
        wrong = "the query";
    else if (!good_time(r->unix_s))
        wrong = "the time";
    if (wrong == NULL)
        return AIGW_OK;
    gw_fail(err, AIGW_E_INVALID, "sigv4", "%s cannot be signed with", wrong);
    if (err != NULL)
        err->http_status = 500;
    return AIGW_E_INVALID;
}

static void digits(char *to, int64_t n, size_t count)
{
    for (; count > 0; n /= 10)
        to[--count] = (char)('0' + n % 10);
}

/* "20150830T123600Z" of seconds since 1970, by the civil calendar counted in eras of 400 years. */
static void stamp_of(int64_t unix_s, char to[STAMP_LEN])
{
    int64_t days = unix_s / 86400 + 719468, rest = unix_s % 86400;
    int64_t era = days / 146097, day_of_era = days % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    digits(to, era * 400 + year_of_era + (month <= 2), 4);
    digits(to + 4, month, 2);
    digits(to + 6, day_of_year - (153 * month_from_march + 2) / 5 + 1, 2);
    to[8] = 'T';
    digits(to + 9, rest / 3600, 2);
    digits(to + 11, rest / 60 % 60, 2);
    digits(to + 13, rest % 60, 2);
    to[15] = 'Z';
}

static void put_hex(gw_buf *out, const uint8_t bytes[GW_SHA256_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < GW_SHA256_BYTES; i++) {
        gw_buf_putc(out, hex[bytes[i] >> 4]);
        gw_buf_putc(out, hex[bytes[i] & 15]);
    }
}

/* RFC 3986 encoding of a segment that is encoded already: its percent signs are encoded once more. */
static void put_segment(gw_buf *out, aigw_slice segment)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < segment.len; i++) {
        unsigned char c = (unsigned char)segment.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-._~", c) != NULL) {
            gw_buf_putc(out, (char)c);
            continue;
        }
        gw_buf_putc(out, '%');
        gw_buf_putc(out, hex[c >> 4]);
        gw_buf_putc(out, hex[c & 15]);
    }
}

/* Without dot segments and doubled slashes; a slash at the end stays. */
static int put_path(gw_arena *arena, gw_buf *out, aigw_slice path)
{
    size_t count = 0, room = 1;
    for (size_t i = 0; i < path.len; i++)
        room += path.data[i] == '/';
    aigw_slice *kept = gw_arena_calloc(arena, room, sizeof *kept);
    if (kept == NULL)
        return AIGW_E_NOMEM;
    for (aigw_slice rest = path; rest.data != NULL;) {
        aigw_slice segment = gw_cut(&rest, '/');
        if (gw_eq(segment, GW_S("..")))
            count -= count > 0;
        else if (segment.len > 0 && !gw_eq(segment, GW_S(".")))
            kept[count++] = segment;
    }
    for (size_t i = 0; i < count; i++) {
        gw_buf_putc(out, '/');
        put_segment(out, kept[i]);
    }
    if (count == 0 || path.data[path.len - 1] == '/')
        gw_buf_putc(out, '/');
    return AIGW_OK;
}

typedef struct pair {
    aigw_slice name, value;
} pair;

static int compare(aigw_slice a, aigw_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n == 0 ? 0 : memcmp(a.data, b.data, n);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static bool before(const pair *a, const pair *b)
{
    int c = compare(a->name, b->name);
    return c != 0 ? c < 0 : compare(a->value, b->value) < 0;
}

/* Sorted by name, then value. A query is the caller's own and short: insertion does. */
static int put_query(gw_arena *arena, gw_buf *out, aigw_slice query)
{
    size_t count = 0, room = 1;
    for (size_t i = 0; i < query.len; i++)
        room += query.data[i] == '&';
    pair *pairs = gw_arena_calloc(arena, room, sizeof *pairs);
    if (pairs == NULL)
        return AIGW_E_NOMEM;
    for (aigw_slice rest = query; query.len > 0 && rest.data != NULL;) {
        aigw_slice value = gw_cut(&rest, '&');
        pair one = {gw_cut(&value, '='), value};
        size_t at = count++;
        for (; at > 0 && before(&one, &pairs[at - 1]); at--)
            pairs[at] = pairs[at - 1];
        pairs[at] = one;
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            gw_buf_putc(out, '&');
        gw_buf_add(out, pairs[i].name);
        gw_buf_putc(out, '=');
        gw_buf_add(out, pairs[i].value);
    }
    return AIGW_OK;
}

static void put_names(gw_buf *out, const gw_sigv4_request *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (i > 0)
            gw_buf_putc(out, ';');
        gw_buf_add(out, r->headers[i].name);
    }
}

/* The digest of the canonical request. */
static int request_digest(gw_arena *arena, const gw_sigv4_request *r, uint8_t out[GW_SHA256_BYTES])
{
    size_t size = 1024 + r->method.len + 3 * r->path.len + 2 * r->query.len;
    gw_buf text;
    for (size_t i = 0; i < r->header_count; i++)
        size += 2 * r->headers[i].name.len + r->headers[i].value.len + 3;
    gw_buf_init(&text, MAX_CANONICAL);
    gw_buf_reserve(&text, size); /* at once: the session token is in it, and leaves no stale copy */
    gw_buf_add(&text, r->method);
    gw_buf_putc(&text, '\n');
    int rc = put_path(arena, &text, r->path);
    gw_buf_putc(&text, '\n');
    if (rc == AIGW_OK)
        rc = put_query(arena, &text, r->query);
    gw_buf_putc(&text, '\n');
    for (size_t i = 0; i < r->header_count; i++) {
        gw_buf_add(&text, r->headers[i].name);
        gw_buf_putc(&text, ':');
        gw_buf_add(&text, gw_trim(r->headers[i].value));
        gw_buf_putc(&text, '\n');
    }
    gw_buf_putc(&text, '\n');
    put_names(&text, r);
    gw_buf_putc(&text, '\n');
    gw_buf_add(&text, r->body_digest);
    if (text.failed)
        rc = AIGW_E_NOMEM;
    gw_sha256(gw_buf_slice(&text), out);
    gw_wipe(text.data, text.cap);
    gw_buf_free(&text);
    return rc;
}

static aigw_slice bytes_of(const uint8_t digest[GW_SHA256_BYTES])
{
    return gw_slice((const char *)digest, GW_SHA256_BYTES);
}

/* The key of the day, region and service. */
static bool signing_key(const gw_sigv4 *who, aigw_slice date, uint8_t key[GW_SHA256_BYTES])
{
    gw_buf secret;
    gw_buf_init(&secret, who->secret_access_key.len + 4);
    char *start =
        gw_buf_reserve(&secret, who->secret_access_key.len + 4); /* at once: no stale copy */
    bool ok = start != NULL;
    if (ok) {
        gw_buf_puts(&secret, "AWS4");
        gw_buf_add(&secret, who->secret_access_key);
        gw_hmac_sha256(gw_buf_slice(&secret), date, key);
        gw_hmac_sha256(bytes_of(key), who->region, key);
        gw_hmac_sha256(bytes_of(key), who->service, key);
        gw_hmac_sha256(bytes_of(key), GW_S("aws4_request"), key);
    }
    gw_wipe(secret.data, secret.cap);
    gw_buf_free(&secret);
    return ok;
}

static void put_scope(gw_buf *out, const gw_sigv4 *who, aigw_slice date)
{
    gw_buf_add(out, date);
    gw_buf_putc(out, '/');
    gw_buf_add(out, who->region);
    gw_buf_putc(out, '/');
    gw_buf_add(out, who->service);
    gw_buf_puts(out, "/aws4_request");
}

static int authorize(gw_arena *arena, const gw_sigv4 *who, const gw_sigv4_request *r,
                     aigw_slice stamp, gw_buf *text, aigw_slice *out)
{
    uint8_t digest[GW_SHA256_BYTES], key[GW_SHA256_BYTES];
    aigw_slice date = gw_slice(stamp.data, DATE_LEN);
    int rc = request_digest(arena, r, digest);
    if (rc != AIGW_OK)
        return rc;
    gw_buf_puts(text, ALGORITHM "\n");
    gw_buf_add(text, stamp);
    gw_buf_putc(text, '\n');
    put_scope(text, who, date);
    gw_buf_putc(text, '\n');
    put_hex(text, digest);
    if (text->failed || !signing_key(who, date, key))
        return AIGW_E_NOMEM;
    gw_hmac_sha256(bytes_of(key), gw_buf_slice(text), digest);
    gw_wipe(key, sizeof key);
    gw_buf_clear(text);
    gw_buf_puts(text, ALGORITHM " Credential=");
    gw_buf_add(text, who->access_key_id);
    gw_buf_putc(text, '/');
    put_scope(text, who, date);
    gw_buf_puts(text, ", SignedHeaders=");
    put_names(text, r);
    gw_buf_puts(text, ", Signature=");
    put_hex(text, digest);
    *out = text->failed ? (aigw_slice){NULL, 0} : gw_arena_copy(arena, gw_buf_slice(text));
    return out->data == NULL ? AIGW_E_NOMEM : AIGW_OK;
}

int gw_sigv4_authorize(gw_arena *arena, const gw_sigv4 *who, const gw_sigv4_request *request,
                       aigw_slice *out, aigw_error *err)
{
    char stamp[STAMP_LEN];
    gw_buf text;
    int rc = check(who, request, err);
    if (rc != AIGW_OK)
        return rc;
    stamp_of(request->unix_s, stamp);
    gw_buf_init(&text, MAX_CANONICAL);
    rc = authorize(arena, who, request, gw_slice(stamp, STAMP_LEN), &text, out);
    gw_buf_free(&text);
    return rc == AIGW_OK ? AIGW_OK : gw_fail_nomem(err);
}

static aigw_slice body_digest(gw_arena *arena, aigw_slice body)
{
    uint8_t digest[GW_SHA256_BYTES];
    gw_buf hex;
    gw_sha256(body, digest);
    gw_buf_init(&hex, HEX_LEN);
    put_hex(&hex, digest);
    aigw_slice out = hex.failed ? (aigw_slice){NULL, 0} : gw_arena_copy(arena, gw_buf_slice(&hex));
    gw_buf_free(&hex);
    return out;
}

int gw_sigv4_sign(gw_arena *arena, const gw_sigv4 *who, aigw_slice method, aigw_slice host,
                  aigw_slice path, aigw_slice query, aigw_slice body, int64_t unix_s,
                  aigw_header out[GW_SIGV4_HEADERS], size_t *count, aigw_error *err)
{
    char stamp[STAMP_LEN] = {0};
    if (host.len == 0 || !is_plain(host, "/")) {
        gw_fail(err, AIGW_E_INVALID, "sigv4", "the host cannot be signed with");
        if (err != NULL)
            err->http_status = 500;
        return AIGW_E_INVALID;
    }
    if (good_time(unix_s))
        stamp_of(unix_s, stamp);
    bool session = who->session_token.len > 0;
    aigw_slice date = gw_arena_copy(arena, gw_slice(stamp, STAMP_LEN));
    aigw_slice digest = body_digest(arena, body);
    aigw_slice token = gw_arena_copy(arena, session ? who->session_token : GW_S(""));
    if (date.data == NULL || digest.data == NULL || token.data == NULL)
        return gw_fail_nomem(err);
    const aigw_header headers[] = {{GW_S("host"), host},
                                   {GW_S("x-amz-content-sha256"), digest},
                                   {GW_S("x-amz-date"), date},
                                   {GW_S("x-amz-security-token"), token}};
    gw_sigv4_request request = {.method = method,
                                .path = path,
                                .query = query,
                                .headers = headers,
                                .header_count = session ? 4 : 3,
                                .body_digest = digest,
                                .unix_s = unix_s};
    aigw_slice authorization;
    int rc = gw_sigv4_authorize(arena, who, &request, &authorization, err);
    if (rc != AIGW_OK)
        return rc;
    out[0] = (aigw_header){GW_S("authorization"), authorization};
    out[1] = headers[2];
    out[2] = headers[1];
    if (session)
        out[3] = headers[3];
    *count = session ? 4 : 3;
    return AIGW_OK;
}
