/* Finds mail addresses (RFC 5321 in its common form) at one place of a text. */
/* Must not know streams, rules or masks. */
#include "gate/guard.h"

#include "base/text.h"

#define DOMAIN_MAX 255u
#define LABEL_MAX  63u

static bool is_letter(int c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c > 0;
}

/* A Latin letter of two bytes: U+00C0 to U+024F. */
static size_t latin(const char *text, size_t len)
{
    unsigned char lead = len ? (unsigned char)text[0] : 0;
    return len >= 2 && lead >= 0xC3 && lead <= 0xC9 ? 2 : 0;
}

size_t gw_guard_mail_char(const char *text, size_t len)
{
    char c = len ? text[0] : '\0';
    if (gw_guard_is_alnum((unsigned char)c))
        return 1;
    return c == '.' || c == '_' || c == '-' || c == '+' || c == '%' || c == '\'' ? 1
                                                                                 : latin(text, len);
}

/* The sign: @, its full-width form, or %40 as in an address within a URL. */
static size_t sign(const char *text, size_t len)
{
    if (len >= 1 && text[0] == '@')
        return 1;
    if (len >= 3 && (memcmp(text, "%40", 3) == 0 || memcmp(text, "\xEF\xBC\xA0", 3) == 0))
        return 3;
    return 0;
}

static bool may_be_sign(const char *text, size_t len)
{
    return len < 3 && (memcmp(text, "%40", len) == 0 || memcmp(text, "\xEF\xBC\xA0", len) == 0);
}

/* One label: letters, digits, hyphens within; *name says that it could be the last one. */
static size_t label_len(const char *text, size_t len, bool *name)
{
    size_t n = 0;
    *name = true;
    while (n < len && n <= LABEL_MAX) {
        size_t wide = latin(text + n, len - n);
        if (!wide && !gw_guard_is_alnum((unsigned char)text[n]) && text[n] != '-')
            break;
        *name &= wide || is_letter((unsigned char)text[n]);
        n += wide ? wide : 1;
    }
    if (n >= 4 && memcmp(text, "xn--", 4) == 0)
        *name = text[n - 1] != '-';
    *name &= n >= 2;
    return n;
}

/* The domain behind the sign: the longest run of labels that ends in a name of letters. */
static gw_see see_domain(const char *text, size_t len, bool ended, size_t *out)
{
    size_t at = 0, good = 0;
    for (size_t labels = 1;; labels++) {
        bool name;
        size_t n = label_len(text + at, len - at, &name);
        if (at + n > DOMAIN_MAX)
            break;
        if (at + n == len && !ended)
            return GW_SEE_MORE;
        /* a first byte of two letters may be all that is there */
        if (at + n + 1 == len && !ended && (unsigned char)text[at + n] >= 0xC3 &&
            (unsigned char)text[at + n] <= 0xC9)
            return GW_SEE_MORE;
        if (n == 0 || n > LABEL_MAX || text[at] == '-')
            break;
        if (name && labels > 1)
            good = at + n;
        at += n;
        if (at >= len || text[at] != '.')
            break;
        at++;
    }
    *out = good;
    return good ? GW_SEE_YES : GW_SEE_NO;
}

/*
 * The part before the sign is what stands there, at most 64 bytes. So a place within a run of its characters
 * begins a match only if the sign is as far away as can be: else an earlier place has done so.
 */
gw_see gw_guard_email(gw_spot *spot)
{
    bool within = spot->mail_before;
    size_t far = GW_GUARD_LOCAL_MAX, n = 0;
    if (within && spot->len > far + 2 && !sign(spot->text + far, spot->len - far) &&
        !sign(spot->text + far - 1, spot->len - far + 1))
        return GW_SEE_NO;
    while (n <= far) {
        const char *at = spot->text + n;
        size_t left = spot->len - n, skip = sign(at, left), domain = 0;
        if (skip && n > 0 && (!within || n >= far - 1)) {
            gw_see see = see_domain(at + skip, left - skip, spot->ended, &domain);
            spot->match_len = n + skip + domain;
            if (see != GW_SEE_NO || at[0] == '@')
                return see;
        }
        if (!spot->ended &&
            (left == 0 || may_be_sign(at, left) ||
             (left == 1 && (unsigned char)*at >= 0xC3 && (unsigned char)*at <= 0xC9)))
            return GW_SEE_MORE;
        size_t step = gw_guard_mail_char(at, left);
        if (step == 0)
            return GW_SEE_NO;
        n += step;
    }
    return GW_SEE_NO;
}
