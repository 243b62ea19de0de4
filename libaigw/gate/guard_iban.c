/* Finds international bank account numbers (ISO 13616) with their checksum. */
/* Must not know streams, rules or masks. */
#include "gate/guard.h"

#include "base/text.h"

/* Countries and the length of their numbers (SWIFT IBAN registry). */
static const char countries[] =
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI"
    "18"
    "FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT"
    "20"
    "LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA"
    "24"
    "SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static size_t length_of(const char *text)
{
    for (const char *at = countries; *at; at += 4) {
        if (at[0] == upper(text[0]) && at[1] == upper(text[1]))
            return (size_t)(at[2] - '0') * 10 + (size_t)(at[3] - '0');
    }
    return 0;
}

/* Modulo 97 of the number with its first four characters moved to the end: 1 if it is right. */
static bool checks(const char *iban, size_t len)
{
    unsigned rest = 0;
    for (size_t i = 0; i < len; i++) {
        char c = upper(iban[(i + 4) % len]);
        rest = gw_guard_is_digit((unsigned char)c) ? (rest * 10 + (unsigned)(c - '0')) % 97
                                                   : (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
    }
    return rest == 1;
}

/* A space (or a no-break one), or a hyphen. */
static size_t gap(const char *text, size_t len)
{
    if (len && (text[0] == ' ' || text[0] == '-'))
        return 1;
    return len >= 2 && memcmp(text, "\xC2\xA0", 2) == 0 ? 2 : 0;
}

gw_see gw_guard_iban(gw_spot *spot)
{
    char iban[40];
    size_t count = 0, want = 0, at = 0;
    if (gw_guard_is_alnum(spot->before) || spot->before == '_')
        return GW_SEE_NO;
    while (want == 0 || count < want) {
        if (at == spot->len)
            return spot->ended ? GW_SEE_NO : GW_SEE_MORE;
        size_t n = count >= 4 ? gap(spot->text + at, spot->len - at) : 0;
        if (!spot->ended && n == 0 && count >= 4 && at + 1 == spot->len && spot->text[at] == '\xC2')
            return GW_SEE_MORE;
        at += n;
        if (at == spot->len)
            return spot->ended ? GW_SEE_NO : GW_SEE_MORE;
        char c = spot->text[at++];
        bool digit = gw_guard_is_digit((unsigned char)c);
        if (!gw_guard_is_alnum((unsigned char)c) || (count < 2 && digit) ||
            (count >= 2 && count < 4 && !digit))
            return GW_SEE_NO;
        iban[count++] = c;
        if (count == 4 && (want = length_of(iban)) == 0)
            return GW_SEE_NO;
    }
    if (at == spot->len && !spot->ended)
        return GW_SEE_MORE;
    if ((at < spot->len && gw_guard_is_alnum((unsigned char)spot->text[at])) || !checks(iban, want))
        return GW_SEE_NO;
    spot->match_len = at;
    return GW_SEE_YES;
}
