/* Finds commands in their places, by name. Must not know where the text came from. */
#include "gate/waf/shell.h"
#include "base/text.h"
#include "gate/waf/shell_words.h"

#define LEAD_MAX  24 /* quotes, brackets and blanks before a command */
#define NAME_MAX  24 /* of a command */
#define PATH_MAX_ 96 /* in front of one */

static bool blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '+' || c == '-';
}

static unsigned look_up(const char *name)
{
    size_t low = 0;
    size_t high = sizeof commands / sizeof commands[0];
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = name[0] - commands[mid].name[0];
        order = order ? order : strcmp(name, commands[mid].name);
        if (order == 0)
            return commands[mid].kind;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return 0;
}

/* By its name in lower case; else without .exe and the like, else without a version. */
static unsigned kind_of(aigw_slice token)
{
    static const char *const ends[] = {".exe", ".com", ".bat", ".cmd"};
    char name[NAME_MAX + 1];
    size_t n = token.len;
    if (n == 0 || n > NAME_MAX)
        return 0;
    for (size_t i = 0; i < n; i++) {
        char c = token.data[i];
        name[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    name[n] = 0;
    unsigned kind = look_up(name);
    for (size_t i = 0; i < 4 && !kind && n > 4; i++) {
        if (strcmp(name + n - 4, ends[i]) == 0) {
            name[n -= 4] = 0;
            kind = look_up(name);
        }
    }
    while (!kind && n > 3 && ((name[n - 1] >= '0' && name[n - 1] <= '9') || name[n - 1] == '.')) {
        name[--n] = 0;
        kind = look_up(name);
    }
    char *dash = kind ? NULL : memchr(name, '-', n);
    if (!dash) /* "ansible-doc" is one of ansible's */
        return kind;
    *dash = 0;
    return look_up(name) & SURE;
}

/* The token at *at, without the path before it; *at moves behind it. */
static aigw_slice token_at(aigw_slice text, size_t *at)
{
    size_t from = *at;
    size_t i = from;
    while (i < text.len && i - *at < PATH_MAX_ &&
           (name_char(text.data[i]) || (text.data[i] && strchr("/\\~*?$[]{}:%", text.data[i])))) {
        if (text.data[i] == '/' || text.data[i] == '\\')
            from = i + 1;
        i++;
    }
    size_t end = from;
    while (end < i && name_char(text.data[end]))
        end++;
    *at = end;
    return gw_slice(text.data + from, end - from);
}

static size_t skip_blanks(aigw_slice text, size_t at)
{
    size_t from = at;
    while (at < text.len && at - from < LEAD_MAX && blank(text.data[at]))
        at++;
    return at;
}

/* Past "-x", "-x 10" and "10" behind a wrapper; at most three. */
static size_t skip_options(aigw_slice text, size_t at)
{
    for (int i = 0; i < 4; i++) {
        size_t next = skip_blanks(text, at);
        if (next >= text.len || !(text.data[next] == '-' || text.data[next] == '/' ||
                                  (text.data[next] >= '0' && text.data[next] <= '9')))
            return next;
        size_t end = next;
        while (end < text.len && !blank(text.data[end]) && end - next < LEAD_MAX)
            end++;
        if (end >= text.len || (text.data[next] == '/' && end - next > 2))
            return next;
        at = end;
    }
    return skip_blanks(text, at);
}

/* Past NAME=value before a command. */
static size_t skip_assignment(aigw_slice text, size_t at)
{
    size_t i = at;
    while (i < text.len && i - at < NAME_MAX && name_char(text.data[i]))
        i++;
    if (i == at || i >= text.len || text.data[i] != '=')
        return at;
    while (i < text.len && i - at < PATH_MAX_ && !blank(text.data[i]))
        i++;
    return i < text.len && blank(text.data[i]) ? skip_blanks(text, i) : at;
}

/* Nothing but blanks up to the end or a separator. */
static bool ends_here(aigw_slice text, size_t at)
{
    at = skip_blanks(text, at);
    return at >= text.len || memchr(";|&`<>)}#\"'", text.data[at], 11);
}

/* Does what follows a word look like arguments? strict: at the start of a text, where prose begins too. */
static bool has_argument(aigw_slice text, size_t at, bool strict)
{
    if (at < text.len && memchr("$<>{", text.data[at], 4) && !strict)
        return true;
    if (at >= text.len || !blank(text.data[at]))
        return !strict && ends_here(text, at);
    at = skip_blanks(text, at);
    if (at >= text.len)
        return !strict;
    char c = text.data[at];
    char next = at + 1 < text.len ? text.data[at + 1] : 0;
    if (c == '-')
        return name_char(next);
    if (strchr(strict ? "/~$`<>|\\{*" : "/~$`<>|\\{*&;!", c) ||
        (c == '.' && (next == '/' || next == '.')))
        return true;
    size_t end = at;
    bool path = false;
    bool digits = true;
    while (end < text.len && end - at < PATH_MAX_ && !blank(text.data[end]) &&
           !strchr(";|&`)", text.data[end])) {
        path |= memchr("/=@:\\", text.data[end], 5) != NULL;
        path |= text.data[end] == '.' && end > at && end + 1 < text.len &&
                name_char(text.data[end + 1]);
        digits &= text.data[end] >= '0' && text.data[end] <= '9';
        end++;
    }
    return path || (!strict && digits);
}

/* cmd /c, net user, reg add: the second word decides. */
static bool paired(aigw_slice text, size_t at)
{
    static const char *const second[] = {
        "user",    "use",      "localgroup", "group",   "share", "view",  "start",  "stop",
        "session", "accounts", "time",       "config",  "query", "add",   "delete", "save",
        "export",  "import",   "create",     "failure", "qc",    "sdshow"};
    at = skip_blanks(text, at);
    if (at < text.len && text.data[at] == '/')
        return true;
    size_t end = at;
    while (end < text.len && end - at < NAME_MAX && name_char(text.data[end]))
        end++;
    for (size_t i = 0; i < sizeof second / sizeof second[0]; i++) {
        if (gw_eq_nocase(gw_slice(text.data + at, end - at), aigw_slice_of(second[i])))
            return true;
    }
    return false;
}

/* A word that a sentence goes on with, behind a name that is a command's too. */
static bool prose_word(aigw_slice text, size_t at)
{
    static const char *const words[] = {
        "a",    "about", "an",     "and",   "are",   "as",       "at",   "book",  "by",
        "can",  "code",  "course", "docs",  "error", "for",      "from", "guide", "has",
        "help", "how",   "in",     "is",    "it",    "of",       "on",   "or",    "that",
        "the",  "this",  "to",     "using", "vs",    "tutorial", "was",  "with"};
    at = skip_blanks(text, at);
    size_t end = at;
    while (end < text.len && end - at < NAME_MAX && name_char(text.data[end]))
        end++;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (gw_eq_nocase(gw_slice(text.data + at, end - at), aigw_slice_of(words[i])))
            return true;
    }
    return false;
}

/* As the whole start of an argument: a command that is no word of prose, and something behind it; or one of two
 * parts, alone. */
static bool starts_argument(aigw_slice text, aigw_slice token, size_t at)
{
    bool two = token.len > 5 && memchr(token.data, '-', token.len);
    size_t behind = skip_blanks(text, at);
    if (behind >= text.len)
        return two || at < text.len;
    return at < behind && !prose_word(text, at);
}

/* How a place in a text stands to a command: behind a separator, or at a start, of what. */
typedef enum begin { BEHIND, START, START_ARGUMENT } begin;

static int command_at(aigw_slice text, size_t at, begin how, size_t *end)
{
    bool start = how != BEHIND;
    bool wrapped = false;
    size_t from = at;
    while (at < text.len && at - from < LEAD_MAX &&
           (blank(text.data[at]) || memchr("'\"\\{(!@%^", text.data[at], 9)))
        at++;
    at = skip_assignment(text, at);
    for (int depth = 0; depth < 4; depth++) {
        aigw_slice token = token_at(text, &at);
        unsigned kind = kind_of(token);
        *end = at;
        bool edge = at >= text.len || !name_char(text.data[at]);
        if (!kind || !edge)
            return 0;
        int found = start ? GW_WAF_SHELL_START : GW_WAF_SHELL_BEHIND;
        bool follows = at >= text.len || blank(text.data[at]) ||
                       memchr(";|&`<>()}'\"#$,/%", text.data[at], 16);
        if (start && !wrapped && (kind & BARE) && ends_here(text, at))
            return GW_WAF_SHELL_BARE;
        if ((kind & PAIR) && paired(text, at))
            return found;
        if ((kind & SURE) && how == START_ARGUMENT && starts_argument(text, token, at))
            return found;
        if ((kind & SURE) && follows && (!start || wrapped || has_argument(text, at, true)))
            return found;
        if ((kind & (WORD | BARE)) && has_argument(text, at, start && !wrapped))
            return found;
        if (!(kind & WRAP) || at >= text.len || !blank(text.data[at]))
            return 0;
        wrapped = true;
        at = skip_options(text, at);
    }
    return 0;
}

static const bool separators[256] = {['\n'] = true, ['\r'] = true, [';'] = true, ['|'] = true,
                                     ['&'] = true,  ['`'] = true,  ['('] = true, ['{'] = true};

/* " & " as between words of a title: what stands behind is held to be prose as at a start. */
static bool is_and(aigw_slice text, size_t at)
{
    return text.data[at] == '&' && at > 0 && text.data[at - 1] == ' ' && at + 1 < text.len &&
           text.data[at + 1] == ' ';
}

int gw_waf_shell(aigw_slice text, gw_waf_shell_text is, size_t *end)
{
    begin first = is == GW_WAF_SHELL_ARGUMENT ? START_ARGUMENT : START;
    int found = is == GW_WAF_SHELL_INSIDE ? 0 : command_at(text, 0, first, end);
    for (size_t i = 0; i < text.len && !found; i++) {
        char c = text.data[i];
        if (!separators[(unsigned char)c])
            continue;
        bool line = c == '\n' || c == '\r';
        found = command_at(text, i + 1, line || is_and(text, i) ? START : BEHIND, end);
        if (found && !line)
            found = GW_WAF_SHELL_BEHIND;
    }
    return found;
}
