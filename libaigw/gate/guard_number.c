/* Finds numbers that are somebody's: cards, US social security numbers, telephones. */
/* Must not know streams, rules or masks. */
#include "gate/guard.h"

#include "base/text.h"

enum { DIGITS_MAX = 19, GROUPS_MAX = 10 };

/* Groups of digits with one separator between two of them, as they stand from a place on. */
typedef struct groups {
    char digits[DIGITS_MAX + 1];
    size_t count; /* digits */
    size_t group_count;
    size_t len[GROUPS_MAX];  /* digits of each group */
    size_t upto[GROUPS_MAX]; /* digits up to its end */
    size_t end[GROUPS_MAX];  /* bytes up to its end */
    char sep[GROUPS_MAX];    /* before it: ' ', '-', '.', '/' */
} groups;

/* A separator: space, hyphen, dot, slash, or one of their wide forms. *kind is the plain one. */
static size_t separator(const char *text, size_t len, char *kind)
{
    static const struct {
        const char *bytes;
        char kind;
    } wide[] = {{"\xC2\xA0", ' '},     {"\xE2\x80\xAF", ' '}, {"\xE2\x80\x90", '-'},
                {"\xE2\x80\x91", '-'}, {"\xE2\x80\x93", '-'}, {"\xE2\x88\x92", '-'}};
    if (len && memchr(" -./", text[0], 4)) {
        *kind = text[0];
        return 1;
    }
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        size_t n = strlen(wide[i].bytes);
        if (len >= n && memcmp(text, wide[i].bytes, n) == 0) {
            *kind = wide[i].kind;
            return n;
        }
    }
    return 0;
}

/* Reads what is there. False when more bytes could change it. */
static bool read_groups(const gw_spot *spot, size_t from, groups *g)
{
    size_t at = from;
    *g = (groups){.count = 0};
    while (g->group_count < GROUPS_MAX) {
        size_t start = at, i = g->group_count;
        while (at < spot->len && gw_guard_is_digit((unsigned char)spot->text[at])) {
            if (g->count == DIGITS_MAX)
                return true; /* a group that does not fit is none */
            g->digits[g->count++] = spot->text[at++];
        }
        if (at == spot->len && !spot->ended)
            return false;
        if (at == start)
            return true;
        g->len[i] = at - start;
        g->upto[i] = g->count;
        g->end[i] = at;
        g->group_count++;
        if (g->group_count == GROUPS_MAX)
            return true;
        size_t n = separator(spot->text + at, spot->len - at, &g->sep[i + 1]);
        /* the first bytes of a wide separator, or nothing behind one */
        if (!spot->ended &&
            ((n == 0 && spot->len - at < 3 && (unsigned char)spot->text[at] >= 0xC2) ||
             at + n == spot->len))
            return false;
        if (n == 0)
            return true;
        at += n;
    }
    return true;
}

/* May a number end behind group i? Not where a letter goes on. */
static bool closes(const gw_spot *spot, const groups *g, size_t i)
{
    size_t end = g->end[i];
    return end >= spot->len ||
           (!gw_guard_is_alnum((unsigned char)spot->text[end]) && spot->text[end] != '_');
}

static bool begins(const gw_spot *spot)
{
    return !gw_guard_is_alnum(spot->before) && spot->before != '_';
}

/* ---- Cards ---- */

static bool luhn(const char *digits, size_t count)
{
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned d = (unsigned)(digits[count - 1 - i] - '0');
        sum += i % 2 == 0 ? d : d > 4 ? 2 * d - 9 : 2 * d;
    }
    return sum % 10 == 0;
}

/* The issuers' ranges, by the first four digits. */
static bool issued(const char *digits, size_t count)
{
    unsigned head = 0;
    for (size_t i = 0; i < 4; i++)
        head = head * 10 + (unsigned)(digits[i] - '0');
    unsigned two = head / 100;
    if (two == 34 || two == 37) /* American Express */
        return count == 15;
    if (head / 1000 == 4) /* Visa */
        return count == 13 || count == 16 || count == 19;
    if ((two >= 51 && two <= 55) || (head >= 2221 && head <= 2720)) /* Mastercard */
        return count == 16;
    if (head == 6011 || two == 65 || two == 64 || two == 62 || two == 35 || two == 60 ||
        two == 81 || two == 82) /* Discover, UnionPay, JCB, RuPay */
        return count >= 16;
    if (two == 36 || two == 38 || two == 39 || two == 30) /* Diners Club */
        return count >= 14;
    return (two == 50 || (two >= 56 && two <= 69)) && count >= 13; /* Maestro */
}

gw_see gw_guard_card(gw_spot *spot)
{
    groups g;
    if (!gw_guard_is_digit(spot->len ? (unsigned char)spot->text[0] : 0) || !begins(spot))
        return GW_SEE_NO;
    if (!read_groups(spot, 0, &g))
        return GW_SEE_MORE;
    for (size_t i = g.group_count; i-- > 0;) {
        size_t count = g.upto[i];
        bool plain = true; /* one kind of separator */
        for (size_t k = 1; k <= i; k++)
            plain &= g.sep[k] == g.sep[1] && g.sep[k] != '/';
        if (plain && count >= 13 && count <= 19 && closes(spot, &g, i) && issued(g.digits, count) &&
            luhn(g.digits, count)) {
            spot->match_len = g.end[i];
            return GW_SEE_YES;
        }
    }
    return GW_SEE_NO;
}

/* ---- Social security numbers ---- */

gw_see gw_guard_ssn(gw_spot *spot)
{
    groups g;
    if (!gw_guard_is_digit(spot->len ? (unsigned char)spot->text[0] : 0) || !begins(spot) ||
        spot->before == '-')
        return GW_SEE_NO;
    if (!read_groups(spot, 0, &g))
        return GW_SEE_MORE;
    const char *d = g.digits;
    if (g.group_count < 3 || g.len[0] != 3 || g.len[1] != 2 || g.len[2] != 4 ||
        g.sep[1] != g.sep[2] || g.sep[1] == '/' || !closes(spot, &g, 2))
        return GW_SEE_NO;
    if (g.group_count > 3 && g.sep[3] == g.sep[1] && g.sep[1] != ' ')
        return GW_SEE_NO; /* a longer number */
    if (d[0] == '9' || memcmp(d, "000", 3) == 0 || memcmp(d, "666", 3) == 0 ||
        memcmp(d + 3, "00", 2) == 0 || memcmp(d + 5, "0000", 4) == 0)
        return GW_SEE_NO;
    spot->match_len = g.end[2];
    return GW_SEE_YES;
}

/* ---- Telephones ---- */

/* The last group that a number of these many digits may end with; -1 if none. */
static int last_group(const gw_spot *spot, const groups *g, size_t least, size_t most)
{
    for (size_t i = g->group_count; i-- > 0;) {
        if (g->upto[i] >= least && g->upto[i] <= most && closes(spot, g, i))
            return (int)i;
    }
    return -1;
}

/* North America: area and exchange begin with 2 to 9; `skip` groups before the area. */
static bool american(const groups *g, size_t skip)
{
    if (g->group_count < skip + 3 || g->len[skip] != 3 || g->len[skip + 1] != 3 ||
        g->len[skip + 2] != 4 || (skip == 1 && (g->len[0] != 1 || g->digits[0] != '1')))
        return false;
    return g->digits[skip] >= '2' && g->digits[skip + 3] >= '2' && g->sep[skip + 1] != '/' &&
           g->sep[skip + 2] != '/';
}

/* France: five groups of two, the first one 01 to 09. Germany and others: an area code with 0, a separator,
 * 5 to 9 digits. Returns the last group; -1 if none. */
static int national(const gw_spot *spot, const groups *g)
{
    bool pairs = g->group_count >= 5;
    if (g->digits[0] != '0' || g->count < 2 || g->digits[1] == '0')
        return -1;
    for (size_t i = 0; pairs && i < 5; i++)
        pairs = g->len[i] == 2 && (i == 0 || (g->sep[i] == g->sep[1] && g->sep[i] != '/'));
    if (pairs && closes(spot, g, 4))
        return 4;
    if (g->group_count < 2 || g->len[0] < 3 || g->len[0] > 5 || g->sep[1] == '.')
        return -1;
    size_t last = g->len[1] >= 5 ? 1 : 2;
    if (g->group_count <= last || g->upto[last] < 9 || g->upto[last] > 12 || g->len[1] < 3 ||
        g->sep[last] == '.' || !closes(spot, g, last))
        return -1;
    return (int)last;
}

static gw_see yes(gw_spot *spot, size_t len)
{
    spot->match_len = len;
    return GW_SEE_YES;
}

/* "(212) 555-0142", "(212)5550142" is not one. */
static gw_see see_bracketed(gw_spot *spot)
{
    groups g;
    size_t n = 0;
    const char *t = spot->text;
    while (n < 5 && n < spot->len &&
           (n == 0 || n == 4 ? t[n] == (n ? ')' : '(') : gw_guard_is_digit((unsigned char)t[n])))
        n++;
    if (n == spot->len && !spot->ended)
        return GW_SEE_MORE;
    if (n < 5 || t[1] < '2')
        return GW_SEE_NO;
    if (n < spot->len && (t[n] == ' ' || t[n] == '-'))
        n++;
    if (n == spot->len && !spot->ended)
        return GW_SEE_MORE;
    if (!read_groups(spot, n, &g))
        return GW_SEE_MORE;
    if (g.group_count < 2 || g.len[0] != 3 || g.len[1] != 4 || g.digits[0] < '2' ||
        g.sep[1] == '/' || !closes(spot, &g, 1))
        return GW_SEE_NO;
    return yes(spot, g.end[1]);
}

/* "+49 (0)30 1234567": the trunk zero in brackets is skipped; the groups begin behind it. */
static gw_see see_plus(gw_spot *spot)
{
    groups g;
    size_t from = 1, n = 1;
    const char *t = spot->text;
    if (spot->len == 1)
        return spot->ended ? GW_SEE_NO : GW_SEE_MORE;
    if (!gw_guard_is_digit((unsigned char)t[1]) || t[1] == '0')
        return GW_SEE_NO;
    while (n < spot->len && n < 5 && gw_guard_is_digit((unsigned char)t[n]))
        n++;
    if (n < spot->len && t[n] == ' ')
        n++;
    if (n == spot->len && !spot->ended)
        return GW_SEE_MORE;
    size_t code = 0;
    if (n < spot->len && t[n] == '(') {
        size_t close = n + 1;
        while (close < spot->len && close < n + 6 && gw_guard_is_digit((unsigned char)t[close]))
            close++;
        if (close == spot->len && !spot->ended)
            return GW_SEE_MORE;
        if (close == spot->len || t[close] != ')')
            return GW_SEE_NO;
        code = (n - 1) + (close - n - 1);
        from = close + 1;
        if (from < spot->len && (t[from] == ' ' || t[from] == '-'))
            from++;
        if (from == spot->len && !spot->ended)
            return GW_SEE_MORE;
    }
    if (!read_groups(spot, from, &g))
        return GW_SEE_MORE;
    size_t least = code >= 8 ? 0 : 8 - code, most = code >= 15 ? 0 : 16 - code;
    int last = last_group(spot, &g, least, most);
    return last < 0 ? GW_SEE_NO : yes(spot, g.end[last]);
}

gw_see gw_guard_phone(gw_spot *spot)
{
    groups g;
    char c = spot->len ? spot->text[0] : '\0';
    if (!begins(spot) || spot->before == '+' || spot->before == '-')
        return GW_SEE_NO;
    if (c == '(')
        return see_bracketed(spot);
    if (c == '+')
        return see_plus(spot);
    if (!gw_guard_is_digit((unsigned char)c))
        return GW_SEE_NO;
    if (!read_groups(spot, 0, &g))
        return GW_SEE_MORE;
    for (size_t skip = 0; skip < 2; skip++) {
        if (american(&g, skip) && closes(spot, &g, skip + 2))
            return yes(spot, g.end[skip + 2]);
    }
    /* Groups of a longer number often begin with zeros. */
    if (spot->before == ' ' && gw_guard_is_digit(spot->before_that))
        return GW_SEE_NO;
    int last = national(spot, &g);
    if (last < 0 && g.len[0] >= 3 && g.digits[0] == '0' && g.digits[1] == '0' && g.digits[2] != '0')
        last = last_group(spot, &g, 11, 17);
    return last < 0 ? GW_SEE_NO : yes(spot, g.end[last]);
}
