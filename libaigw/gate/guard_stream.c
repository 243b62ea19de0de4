/* One text through a guard: a window that holds back only what may be the beginning of something. */
/* Must not know what personal data looks like, nor how patterns are matched. */
#include "gate/guard.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

enum {
    WINDOW = 1024, /* bytes of text: what is held, and as much again to work on */
    RAW_MAX = 12,  /* bytes of one character as it stands: two escapes */
    OUT_MAX = 1 << 28
};

struct aigw_guard_stream {
    const aigw_guard *guard;
    aigw_guard_form form;
    int failed;
    char partial[RAW_MAX]; /* bytes of a character that is not complete */
    size_t partial_len;
    /* The window: text as it means, and as it stands. */
    char text[WINDOW];
    uint8_t raw_len[WINDOW]; /* at the first byte of a character all of it, else 0 */
    char raw[6 * WINDOW];
    size_t len, raw_total;
    size_t kept, kept_from; /* bytes of raw that may go on, and where they begin */
    size_t scanned;         /* bytes of the window that the patterns have seen */
    uint64_t base;          /* where the window begins in the text */
    /* Where we are. */
    int before, before_that;
    bool mail_before, mail_now;
    uint64_t found_end; /* of the last detector's match */
    bool found_masks;
    gw_tail tail;
    unsigned dashes, runs; /* of a PEM block: hyphens in a row, rows of five */
    uint64_t cover_end;    /* of masked pattern matches */
    /* Patterns: which rules match at a place, and how far. */
    gw_matching *matching; /* NULL: the guard has none */
    uint64_t *hits;        /* [WINDOW]: a bit for each rule */
    uint16_t *widths;      /* [rule][WINDOW] */
    uint64_t last_end[AIGW_GUARD_RULES];
    aigw_guard_verdict verdict;
    gw_buf out;
};

/* ---- Making ---- */

static void begin_text(aigw_guard_stream *s)
{
    s->partial_len = s->len = s->raw_total = s->scanned = 0;
    s->base = s->found_end = s->cover_end = 0;
    s->before = s->before_that = -1;
    s->mail_before = s->mail_now = s->found_masks = false;
    s->tail = GW_TAIL_NONE;
    memset(s->last_end, 0, sizeof s->last_end);
    if (s->hits)
        memset(s->hits, 0, WINDOW * sizeof *s->hits);
}

int aigw_guard_stream_new(const aigw_guard *guard, aigw_guard_form form, aigw_guard_stream **out,
                          aigw_error *err)
{
    if (form != AIGW_GUARD_PLAIN && form != AIGW_GUARD_JSON)
        return gw_fail(err, AIGW_E_INVALID, "bad_form", "unknown form of text");
    aigw_guard_stream *s = gw_calloc(1, sizeof *s);
    if (!s)
        return gw_fail_nomem(err);
    s->guard = guard;
    s->form = form;
    gw_buf_init(&s->out, OUT_MAX);
    if (guard->patterns) {
        s->hits = gw_calloc(WINDOW, sizeof *s->hits);
        s->widths = gw_calloc(guard->row_count * WINDOW, sizeof *s->widths);
        int code = s->hits && s->widths ? gw_matching_new(guard->patterns, &s->matching, err)
                                        : gw_fail_nomem(err);
        if (code != AIGW_OK) {
            aigw_guard_stream_free(s);
            return code;
        }
    }
    begin_text(s);
    *out = s;
    return AIGW_OK;
}

void aigw_guard_stream_free(aigw_guard_stream *s)
{
    if (!s)
        return;
    gw_matching_free(s->matching);
    gw_free(s->hits);
    gw_free(s->widths);
    gw_buf_free(&s->out);
    gw_free(s);
}

const aigw_guard_verdict *aigw_guard_stream_verdict(const aigw_guard_stream *s)
{
    return &s->verdict;
}

/* ---- What was found ---- */

static bool masked(const aigw_guard_stream *s, uint64_t place)
{
    return place < s->cover_end || (place < s->found_end && s->found_masks);
}

/* Lets go what was passed and not masked. */
static void flush(aigw_guard_stream *s)
{
    if (s->kept > 0)
        gw_buf_append(&s->out, s->raw + s->kept_from, s->kept);
    s->kept = 0;
}

/* Writes a rule's mask unless the place is covered already. */
static void write_mask(aigw_guard_stream *s, const gw_guard_row *row, uint64_t place)
{
    if (masked(s, place))
        return;
    flush(s);
    gw_buf_append(&s->out, row->mask, row->mask_len);
}

/* Counts a match; false when it blocks. */
static bool count(aigw_guard_stream *s, size_t rule)
{
    const gw_guard_row *row = &s->guard->rows[rule];
    s->verdict.found[rule]++;
    s->verdict.total++;
    if (row->action > s->verdict.action)
        s->verdict.action = row->action;
    return row->action != AIGW_GUARD_BLOCK;
}

/* Does the byte belong to a match that goes on? */
static bool goes_on(aigw_guard_stream *s, char c)
{
    bool word = gw_guard_is_alnum((unsigned char)c) || c == '-' || c == '_';
    switch (s->tail) {
    case GW_TAIL_KEY:
        return word;
    case GW_TAIL_BASE64:
        return word || c == '+' || c == '/' || c == '=';
    case GW_TAIL_JWT:
        return word || c == '.';
    case GW_TAIL_PEM: /* five hyphens close the BEGIN line, open the END line and close it */
        if (s->runs == 3 || (!word && (c == '\0' || !strchr("+/= \t\r\n\\:,.", c))))
            return false;
        s->dashes = c == '-' ? s->dashes + 1 : 0;
        if (s->dashes == 5) {
            s->dashes = 0;
            s->runs++;
        }
        return true;
    case GW_TAIL_NONE:
        break;
    }
    return false;
}

/* Asks the detectors at index i, in order of how much they say. */
static gw_see detect(aigw_guard_stream *s, size_t i, bool ended, gw_spot *spot, size_t *rule)
{
    static const struct {
        aigw_guard_kind kind;
        gw_detector *see;
    } order[] = {{AIGW_GUARD_SECRET, gw_guard_secret}, {AIGW_GUARD_EMAIL, gw_guard_email},
                 {AIGW_GUARD_IBAN, gw_guard_iban},     {AIGW_GUARD_CARD, gw_guard_card},
                 {AIGW_GUARD_SSN, gw_guard_ssn},       {AIGW_GUARD_PHONE, gw_guard_phone}};
    size_t left = s->len - i, len = left < AIGW_GUARD_HOLD ? left : AIGW_GUARD_HOLD;
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        int row = s->guard->by_kind[order[k].kind];
        if (row < 0)
            continue;
        *spot = (gw_spot){.text = s->text + i,
                          .len = len,
                          .before = s->before,
                          .before_that = s->before_that,
                          .mail_before = s->mail_before,
                          .ended = ended && left == len};
        gw_see see = order[k].see(spot);
        if (see == GW_SEE_MORE && len == AIGW_GUARD_HOLD)
            continue; /* longer than we hold: none */
        *rule = (size_t)row;
        if (see != GW_SEE_NO)
            return see;
    }
    return GW_SEE_NO;
}

/* A space or a letter's second byte begins nothing. */
static bool may_begin(unsigned char c)
{
    return (c > ' ' && c < 0x80) || c >= 0xC0;
}

/*
 * Within a word only a mail address may begin, and only if its sign is as far away as can be: most places are
 * decided here.
 */
static bool within_word(const aigw_guard_stream *s, size_t i)
{
    size_t far = i + GW_GUARD_LOCAL_MAX;
    return gw_guard_is_alnum(s->before) && gw_guard_is_alnum((unsigned char)s->text[i]) &&
           far < s->len && !gw_guard_may_be_sign(s->text[far]) &&
           !gw_guard_may_be_sign(s->text[far - 1]);
}

/* The detectors' part at index i. AIGW_AGAIN: more text is needed; AIGW_E_DENIED: blocked. */
static int take_found(aigw_guard_stream *s, size_t i, bool ended)
{
    uint64_t place = s->base + i;
    gw_spot spot;
    size_t rule = 0;
    if (place == s->found_end && s->tail != GW_TAIL_NONE) {
        if (goes_on(s, s->text[i]))
            s->found_end++;
        else
            s->tail = GW_TAIL_NONE;
    }
    if (place < s->found_end || !may_begin((unsigned char)s->text[i]) || within_word(s, i))
        return AIGW_OK;
    gw_see see = detect(s, i, ended, &spot, &rule);
    if (see != GW_SEE_YES)
        return see == GW_SEE_MORE ? AIGW_AGAIN : AIGW_OK;
    if (!count(s, rule))
        return AIGW_E_DENIED;
    const gw_guard_row *row = &s->guard->rows[rule];
    if (row->action == AIGW_GUARD_MASK)
        write_mask(s, row, place);
    s->found_end = place + spot.match_len;
    s->found_masks = row->action == AIGW_GUARD_MASK;
    s->tail = spot.tail;
    s->dashes = s->runs = 0;
    return AIGW_OK;
}

/* The patterns' part. */
static int take_hits(aigw_guard_stream *s, size_t i)
{
    uint64_t place = s->base + i;
    uint64_t *hits = &s->hits[place % WINDOW];
    for (; *hits != 0; *hits &= *hits - 1) {
        size_t rule = (size_t)__builtin_ctzll(*hits);
        uint16_t *width = &s->widths[rule * WINDOW + place % WINDOW];
        uint64_t end = place + *width;
        *width = 0;
        /* What begins within a match of the same rule is part of it. */
        if (place >= s->last_end[rule] && !count(s, rule))
            return AIGW_E_DENIED;
        if (end > s->last_end[rule])
            s->last_end[rule] = end;
        if (s->guard->rows[rule].action != AIGW_GUARD_MASK)
            continue;
        write_mask(s, &s->guard->rows[rule], place);
        if (end > s->cover_end)
            s->cover_end = end;
    }
    return AIGW_OK;
}

static void on_match(void *user, size_t rule, uint64_t from, uint64_t to)
{
    aigw_guard_stream *s = user;
    if (from < s->base || to <= from || to - from > AIGW_GUARD_PATTERN_BYTES)
        return;
    uint16_t *width = &s->widths[rule * WINDOW + from % WINDOW];
    s->hits[from % WINDOW] |= UINT64_C(1) << rule;
    if (to - from > *width)
        *width = (uint16_t)(to - from);
}

/* ---- The window ---- */

/* Forgets the first n bytes of text, which are raw_n as they stood. */
static void advance(aigw_guard_stream *s, size_t n, size_t raw_n)
{
    s->len -= n;
    s->raw_total -= raw_n;
    s->scanned -= n;
    s->base += n;
    memmove(s->text, s->text + n, s->len);
    memmove(s->raw_len, s->raw_len + n, s->len);
    memmove(s->raw, s->raw + raw_n, s->raw_total);
}

/* What one character leaves behind for the next place. */
static void pass(aigw_guard_stream *s, size_t i)
{
    if (s->raw_len[i] > 0)
        s->mail_now = gw_guard_mail_char(s->text + i, s->len - i) > 0;
    s->mail_before = s->mail_now;
    s->before_that = s->before;
    s->before = (unsigned char)s->text[i];
}

/* Decides as many places as can be decided. */
static int decide(aigw_guard_stream *s, bool ended)
{
    size_t ahead = gw_patterns_ahead(s->guard->patterns), i = 0, raw_at = 0;
    int code = AIGW_OK;
    if (s->matching && s->scanned < s->len) {
        size_t from = s->scanned;
        s->scanned = s->len;
        code = gw_matching_scan(s->matching, s->text + from, s->len - from, on_match, s);
    }
    s->scanned = s->len;
    if (ended && s->matching && code == AIGW_OK)
        code = gw_matching_end(s->matching, on_match, s);
    for (; i < s->len && code == AIGW_OK; i++) {
        if (s->matching && !ended && s->len - i <= ahead)
            break;
        code = take_found(s, i, ended);
        if (code == AIGW_OK && s->matching)
            code = take_hits(s, i);
        if (code != AIGW_OK)
            break;
        if (!masked(s, s->base + i)) {
            s->kept_from = s->kept ? s->kept_from : raw_at;
            s->kept += s->raw_len[i];
        }
        raw_at += s->raw_len[i];
        pass(s, i);
    }
    flush(s);
    advance(s, i, raw_at);
    if (s->out.failed)
        return AIGW_E_NOMEM;
    return code == AIGW_AGAIN ? AIGW_OK : code;
}

static int push(aigw_guard_stream *s, const char *raw, const gw_unit *unit)
{
    if (s->len + unit->len > WINDOW) {
        int code = decide(s, false);
        if (code != AIGW_OK)
            return code;
    }
    memcpy(s->raw + s->raw_total, raw, unit->raw_len);
    memcpy(s->text + s->len, unit->bytes, unit->len);
    memset(s->raw_len + s->len, 0, unit->len);
    s->raw_len[s->len] = (uint8_t)unit->raw_len;
    s->raw_total += unit->raw_len;
    s->len += unit->len;
    return AIGW_OK;
}

/* A character that began in an earlier piece. Takes what it needs off *bytes; AIGW_AGAIN: all of them. */
static int finish_partial(aigw_guard_stream *s, aigw_slice *bytes, bool ended)
{
    char room[RAW_MAX];
    while (s->partial_len > 0) {
        gw_unit unit;
        size_t had = s->partial_len, n = RAW_MAX - had;
        n = bytes->len < n ? bytes->len : n;
        memcpy(room, s->partial, had);
        if (n > 0)
            memcpy(room + had, bytes->data, n);
        int code = gw_unit_read(gw_slice(room, had + n), s->form, ended, &unit);
        if (code == AIGW_AGAIN) {
            memcpy(s->partial, room, had + n);
            s->partial_len = had + n;
            *bytes = gw_skip(*bytes, n);
            return AIGW_AGAIN;
        }
        if (code == AIGW_OK)
            code = push(s, room, &unit);
        if (code != AIGW_OK)
            return code;
        if (unit.raw_len >= had) {
            s->partial_len = 0;
            *bytes = gw_skip(*bytes, unit.raw_len - had);
        } else {
            s->partial_len = had - unit.raw_len;
            memmove(s->partial, room + unit.raw_len, s->partial_len);
        }
    }
    return AIGW_OK;
}

/* Bytes that are characters by themselves, as far as the window has room; returns how many. */
static size_t take_plain(aigw_guard_stream *s, aigw_slice bytes)
{
    size_t room = WINDOW - s->len, n = 0;
    room = bytes.len < room ? bytes.len : room;
    for (; n < room; n++) {
        unsigned char c = (unsigned char)bytes.data[n];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
        s->raw_len[s->len + n] = 1;
    }
    memcpy(s->text + s->len, bytes.data, n);
    memcpy(s->raw + s->raw_total, bytes.data, n);
    s->len += n;
    s->raw_total += n;
    return n;
}

static int take_bytes(aigw_guard_stream *s, aigw_slice bytes)
{
    int code = finish_partial(s, &bytes, false);
    while (code == AIGW_OK && bytes.len > 0) {
        gw_unit unit;
        bytes = gw_skip(bytes, take_plain(s, bytes));
        if (bytes.len == 0)
            break;
        code = gw_unit_read(bytes, s->form, false, &unit);
        if (code == AIGW_AGAIN) {
            memcpy(s->partial, bytes.data, bytes.len);
            s->partial_len = bytes.len;
            break;
        }
        if (code == AIGW_OK)
            code = push(s, bytes.data, &unit);
        if (code == AIGW_OK)
            bytes = gw_skip(bytes, unit.raw_len);
    }
    return code == AIGW_AGAIN ? AIGW_OK : code;
}

/* ---- Public ---- */

static int fail(aigw_guard_stream *s, int code, aigw_error *err)
{
    s->failed = code;
    switch (code) {
    case AIGW_E_DENIED:
        return gw_fail(err, code, "guard_blocked", "a guardrail has blocked the text");
    case AIGW_E_PARSE:
        return gw_fail(err, code, "bad_escape", "this is not the inside of a JSON string");
    case AIGW_E_NOMEM:
        return gw_fail_nomem(err);
    default:
        return gw_fail(err, code, "guard_failed", "the text could not be scanned");
    }
}

int aigw_guard_stream_feed(aigw_guard_stream *s, aigw_slice bytes, aigw_slice *out, aigw_error *err)
{
    if (s->failed)
        return fail(s, s->failed, err);
    gw_buf_clear(&s->out);
    int code = take_bytes(s, bytes);
    if (code == AIGW_OK)
        code = decide(s, false);
    if (out && (code == AIGW_OK || code == AIGW_E_DENIED))
        *out = gw_buf_slice(&s->out);
    return code == AIGW_OK ? AIGW_OK : fail(s, code, err);
}

int aigw_guard_stream_end(aigw_guard_stream *s, aigw_slice *out, aigw_error *err)
{
    aigw_slice none = {NULL, 0};
    if (s->failed)
        return fail(s, s->failed, err);
    gw_buf_clear(&s->out);
    int code = finish_partial(s, &none, true);
    /* What can be decided without the end is, as it would have been with more bytes. */
    if (code == AIGW_OK)
        code = decide(s, false);
    if (code == AIGW_OK)
        code = decide(s, true);
    if (out && (code == AIGW_OK || code == AIGW_E_DENIED))
        *out = gw_buf_slice(&s->out);
    if (code != AIGW_OK)
        return fail(s, code, err);
    begin_text(s);
    return AIGW_OK;
}
