/* Runs the signatures over the forms of one field and adds up what they say. Must not know HTTP or JSON. */
#include "gate/waf/scan.h"
#include "base/text.h"
#include "gate/waf/norm.h"
#include "gate/waf/shell.h"
#include <stdio.h>

static void printable(char *out, size_t size, aigw_slice text)
{
    size_t n = text.len < size - 1 ? text.len : size - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text.data[i];
        out[i] = c >= 0x20 && c < 0x7F ? (char)c : '.';
    }
    out[n] = 0;
}

static void place(char *out, size_t size, const char *where, aigw_slice name)
{
    size_t n = strlen(where);
    if (n > size - 1)
        n = size - 1;
    memcpy(out, where, n);
    out[n] = 0;
    if (name.len && n + 2 < size) {
        if (n)
            out[n++] = ':';
        printable(out + n, size - n, name);
    }
}

/* A rule keeps one hit in prompt text and one elsewhere: the first must not hide the second. */
static gw_waf_hit *slot(gw_waf_scan *scan, unsigned rule, aigw_waf_component component)
{
    return &scan->hits[rule + (component == AIGW_WAF_CONTENT ? GW_WAF_MAX_RULES : 0)];
}

static void record(gw_waf_scan *scan, unsigned rule, const gw_waf_hit *hit)
{
    scan->any = true;
    if (scan->each)
        scan->each(scan->user, rule, hit);
    gw_waf_hit *kept = slot(scan, rule, hit->component);
    if (!kept->seen)
        *kept = *hit;
}

void gw_waf_scan_rule(gw_waf_scan *scan, unsigned rule, aigw_waf_component component,
                      const char *where, aigw_slice name)
{
    if (rule == GW_WAF_NO_RULE || (slot(scan, rule, component)->seen && !scan->each))
        return;
    gw_waf_hit hit = {.seen = true, .component = component};
    place(hit.location, sizeof hit.location, where, name);
    record(scan, rule, &hit);
}

void gw_waf_scan_hit(gw_waf_scan *scan, gw_waf_code_rule rule, const char *where, aigw_slice name)
{
    unsigned i = scan->index->code[rule];
    gw_waf_scan_rule(scan, i, (aigw_waf_component)gw_waf_rules[i].component, where, name);
}

/* A pattern counts once a field, whatever number of forms shows it, and of rows that have its number. */
static bool first_time(gw_waf_scan *scan, unsigned pattern)
{
    int number = gw_waf_patterns[pattern].number;
    for (unsigned i = 0; i < scan->seen_count; i++) {
        if (gw_waf_patterns[scan->seen[i]].number == number)
            return false;
    }
    if (scan->seen_count == GW_WAF_SEEN_MAX)
        return gw_waf_patterns[pattern].score >= GW_WAF_THRESHOLD;
    scan->seen[scan->seen_count++] = (unsigned short)pattern;
    return true;
}

/* The best one's place is kept for reports. */
static void add(gw_waf_scan *scan, unsigned family, unsigned score, int number, size_t end)
{
    unsigned sum = scan->score[family] + score;
    scan->score[family] = (unsigned char)(sum > 200 ? 200 : sum);
    if (score <= scan->best_score[family])
        return;
    scan->best_score[family] = (unsigned char)score;
    scan->best[family] = number;
    size_t from = end > 48 ? end - 48 : 0;
    size_t to = end + 8 < scan->text.len ? end + 8 : scan->text.len;
    printable(scan->matched[family], sizeof scan->matched[0],
              gw_slice(scan->text.data + from, to - from));
}

static void on_seen(void *user, unsigned pattern, size_t end)
{
    gw_waf_scan *scan = user;
    const gw_waf_pattern *is = &gw_waf_patterns[pattern];
    if (!(is->forms & scan->form) || !(is->components >> scan->component & 1) ||
        (scan->except >> is->family & 1) || !first_time(scan, pattern))
        return;
    add(scan, is->family, is->score, is->number, end);
}

/* What the signatures cannot say in little room: hundreds of names in a few places. Not in headers, whose lists
 * have semicolons too. */
static void look_for_commands(gw_waf_scan *scan)
{
    size_t end = 0;
    if (scan->component == AIGW_WAF_HEADER || (scan->except >> GW_WAF_SHELL & 1))
        return;
    gw_waf_shell_text is = scan->component == AIGW_WAF_URIPATH ? GW_WAF_SHELL_INSIDE
                           : scan->argument                    ? GW_WAF_SHELL_ARGUMENT
                                                               : GW_WAF_SHELL_PROSE;
    int number = gw_waf_shell(scan->text, is, &end);
    if (number)
        add(scan, GW_WAF_SHELL, GW_WAF_THRESHOLD, number, end);
}

static void look(gw_waf_scan *scan, const char *text, size_t len, unsigned form)
{
    if (len == 0 || scan->failed)
        return;
    gw_waf_set set = scan->set;
    if (set == GW_WAF_SET_FULL && form == GW_WAF_FORM_PATH)
        set = GW_WAF_SET_PATH;
    else if (set == GW_WAF_SET_FULL && form == GW_WAF_FORM_SQUEEZE)
        set = GW_WAF_SET_SQUEEZE;
    scan->form = form;
    scan->text = gw_slice(text, len);
    scan->failed = gw_waf_engine_scan(scan->engine, scan->scratch, set, scan->text, on_seen, scan);
    if ((form & GW_WAF_FORM_COMMAND) && scan->set != GW_WAF_SET_SMALL)
        look_for_commands(scan);
}

/* Two buffers of at least len bytes. */
static bool make_room(gw_waf_scan *scan, size_t len)
{
    if (len <= scan->room_size)
        return true;
    size_t size = len < 4096 ? 4096 : len;
    char *both = gw_arena_alloc(scan->arena, 2 * size);
    if (!both) {
        scan->failed = AIGW_E_NOMEM;
        return false;
    }
    scan->room[0] = both;
    scan->room[1] = both + size;
    scan->room_size = size;
    return true;
}

/* Which characters a text has, so that forms which change nothing are not made. */
enum {
    HAS_SLASH = 1,
    HAS_STAR = 2,
    HAS_BACKSLASH = 4,
    HAS_QUOTE = 8,
    HAS_DOLLAR = 16,
    HAS_ANGLE = 32,
    HAS_BLANK = 64,
    HAS_AMP = 128,
    HAS_PERCENT = 256,
    HAS_SPECIAL = 512
};

static const unsigned short traits[128] = {
    ['/'] = HAS_SLASH,   ['*'] = HAS_STAR,    ['\\'] = HAS_BACKSLASH, ['"'] = HAS_QUOTE,
    ['\''] = HAS_QUOTE,  ['^'] = HAS_QUOTE,   ['`'] = HAS_QUOTE,      ['$'] = HAS_DOLLAR,
    ['<'] = HAS_ANGLE,   [' '] = HAS_BLANK,   ['\t'] = HAS_BLANK,     ['\n'] = HAS_BLANK,
    ['\v'] = HAS_BLANK,  ['\f'] = HAS_BLANK,  ['\r'] = HAS_BLANK,     ['&'] = HAS_AMP,
    ['%'] = HAS_PERCENT, ['+'] = HAS_PERCENT, [0] = HAS_SPECIAL};

static unsigned traits_of(const char *text, size_t len)
{
    unsigned seen = 0;
    unsigned all = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        all |= c;
        seen |= c < 0x80 ? traits[c] : 0u;
    }
    return seen | (all & 0x80 ? HAS_SPECIAL : 0);
}

/* One form made from `from` in room 1. */
static void look_as(gw_waf_scan *scan, const char *from, size_t len, unsigned form,
                    size_t (*make)(char *, size_t, bool *))
{
    bool changed = false;
    memcpy(scan->room[1], from, len);
    size_t n = make(scan->room[1], len, &changed);
    if (changed || form == GW_WAF_FORM_PATH)
        look(scan, scan->room[1], n, form);
}

/* The forms beside the text itself. A command line or a path without anything to undo is the text. */
static void look_at_forms(gw_waf_scan *scan, const char *text, size_t len, unsigned t)
{
    if (t & (HAS_SLASH | HAS_BACKSLASH))
        look_as(scan, text, len, GW_WAF_FORM_PATH, gw_waf_path);
    if (t & (HAS_QUOTE | HAS_BACKSLASH | HAS_DOLLAR))
        look_as(scan, text, len, GW_WAF_FORM_COMMAND, gw_waf_command);
    if ((t & HAS_SLASH) && (t & HAS_STAR))
        look_as(scan, text, len, GW_WAF_FORM_TEXT, gw_waf_comments);
    if ((t & HAS_ANGLE) && (t & HAS_BLANK))
        look_as(scan, text, len, GW_WAF_FORM_SQUEEZE, gw_waf_squeeze);
}

/* A value that is text in base64 as a whole: what it says is looked at for exploits. Tokens and ids decode to
 * bytes that no text has. */
static void look_into_base64(gw_waf_scan *scan, aigw_slice text)
{
    size_t n = gw_waf_base64_decode(text, scan->room[1]);
    if (n == 0)
        return;
    gw_waf_set set = scan->set;
    scan->set = GW_WAF_SET_SMALL;
    look(scan, scan->room[1], n,
         GW_WAF_FORM_TEXT | GW_WAF_FORM_COMMAND | GW_WAF_FORM_PATH | GW_WAF_FORM_SQUEEZE);
    scan->set = set;
}

/* Prompt text is long, and is counted at most unless the operator says otherwise: it is read once, as it stands.
 * What its other forms would show besides is not worth as many passes. */
static void look_at_prompt(gw_waf_scan *scan, const gw_waf_field *field)
{
    bool changed = false;
    aigw_slice text = field->text;
    if (!gw_waf_is_plain(text)) {
        memcpy(scan->room[0], text.data, text.len);
        text = gw_slice(scan->room[0], gw_waf_clean(scan->room[0], text.len, &changed));
    }
    look(scan, text.data, text.len,
         GW_WAF_FORM_TEXT | GW_WAF_FORM_COMMAND | GW_WAF_FORM_PATH | GW_WAF_FORM_SQUEEZE);
}

static void look_at(gw_waf_scan *scan, const gw_waf_field *field)
{
    bool changed = false;
    const char *text = field->text.data;
    size_t len = field->text.len;
    unsigned t = traits_of(text, len);
    if ((field->url && (t & HAS_PERCENT)) || (t & HAS_SPECIAL)) {
        memcpy(scan->room[0], text, len);
        text = scan->room[0];
        if (field->url) {
            len = gw_waf_url_decode(scan->room[0], len, field->plus, &changed);
            /* As often as somebody behind us might; each time it gets shorter. */
            for (int again = 0, more = 1; more && again < 4; again++) {
                bool shorter = false;
                len = gw_waf_url_decode(scan->room[0], len, false, &shorter);
                more = shorter;
            }
        }
        len = gw_waf_clean(scan->room[0], len, &changed);
        t = traits_of(text, len);
    }
    unsigned form = GW_WAF_FORM_TEXT;
    if (!(t & (HAS_QUOTE | HAS_BACKSLASH | HAS_DOLLAR)))
        form |= GW_WAF_FORM_COMMAND;
    look(scan, text, len, form);
    look_at_forms(scan, text, len, t);
    look_into_base64(scan, gw_slice(text, len));
    if (!(t & (HAS_AMP | HAS_BACKSLASH)))
        return;
    changed = false;
    memmove(scan->room[0], text, len);
    len = gw_waf_html_decode(scan->room[0], len, &changed);
    len = gw_waf_js_decode(scan->room[0], len, &changed);
    len = gw_waf_clean(scan->room[0], len, &changed);
    if (!changed)
        return;
    look(scan, scan->room[0], len, GW_WAF_FORM_TEXT);
    look_at_forms(scan, scan->room[0], len, traits_of(scan->room[0], len));
}

void gw_waf_scan_field(gw_waf_scan *scan, const gw_waf_field *field)
{
    if (field->text.len < 2 || scan->failed)
        return;
    if (field->component != AIGW_WAF_CONTENT &&
        (++scan->fields > GW_WAF_FIELDS_MAX || field->text.len > GW_WAF_BYTES_MAX - scan->bytes)) {
        gw_waf_scan_hit(scan, GW_WAF_R_BODY_SYNTAX, field->where, gw_slice(NULL, 0));
        return;
    }
    if (field->component != AIGW_WAF_CONTENT)
        scan->bytes += field->text.len;
    if (!make_room(scan, field->text.len))
        return;
    scan->component = field->component;
    scan->set = field->small                           ? GW_WAF_SET_SMALL
                : field->component == AIGW_WAF_CONTENT ? GW_WAF_SET_PROMPT
                                                       : GW_WAF_SET_FULL;
    scan->except = field->except;
    scan->argument = field->plus;
    scan->seen_count = 0;
    memset(scan->score, 0, sizeof scan->score);
    memset(scan->best_score, 0, sizeof scan->best_score);
    if (field->component == AIGW_WAF_CONTENT)
        look_at_prompt(scan, field);
    else
        look_at(scan, field);
    for (unsigned f = 0; f < GW_WAF_FAMILIES && !scan->failed; f++) {
        unsigned rule = scan->index->family[f][field->component];
        if (scan->score[f] < GW_WAF_THRESHOLD || rule == GW_WAF_NO_RULE ||
            (slot(scan, rule, field->component)->seen && !scan->each))
            continue;
        gw_waf_hit hit = {.seen = true, .component = field->component, .pattern = scan->best[f]};
        char name[sizeof hit.location];
        if (field->describe)
            field->describe(field->of, field->at, name, sizeof name);
        place(hit.location, sizeof hit.location, field->where,
              field->describe ? aigw_slice_of(name) : field->name);
        if (field->component != AIGW_WAF_CONTENT)
            memcpy(hit.matched, scan->matched[f], sizeof hit.matched);
        record(scan, rule, &hit);
    }
}
