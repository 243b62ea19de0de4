/* Words and regular expressions over a stream of text, by vectorscan: linear time, whatever the pattern. */
/* Must not know masks, verdicts or how the text was escaped. */
#include "gate/guard.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

#define CONTEXT 4u /* bytes behind a match that \b and $ look at */

#ifdef AIGW_HAVE_VECTORSCAN
#include <hs.h>

#define FLAGS (HS_FLAG_SOM_LEFTMOST | HS_FLAG_UTF8)

struct gw_patterns {
    hs_database_t *database;
    hs_scratch_t *scratch; /* cloned by each text */
    size_t ahead;
    uint8_t *rule_of; /* by vectorscan's id */
    size_t count;
};

struct gw_matching {
    const gw_patterns *patterns;
    hs_scratch_t *scratch;
    hs_stream_t *stream; /* NULL between texts */
};

/* What is compiled: expressions in an arena, parallel arrays as vectorscan wants them. */
typedef struct listing {
    gw_arena *arena;
    const char **texts;
    unsigned *flags, *ids;
    uint8_t *rule_of;
    size_t count;
} listing;

static bool is_word_char(char c)
{
    return gw_guard_is_alnum((unsigned char)c) || c == '_';
}

/* A word as an expression: what is no letter or digit is escaped; whole words where its ends are ones. */
static char *expression_of(gw_arena *arena, aigw_slice word)
{
    char *out = gw_arena_alloc(arena, word.len * 4 + 8);
    size_t n = 0;
    if (!out)
        return NULL;
    if (is_word_char(word.data[0])) {
        memcpy(out, "\\b", 2);
        n = 2;
    }
    for (size_t i = 0; i < word.len; i++) {
        char c = word.data[i];
        if ((unsigned char)c < 0x80 && !is_word_char(c))
            out[n++] = '\\';
        out[n++] = c;
    }
    if (is_word_char(word.data[word.len - 1])) {
        memcpy(out + n, "\\b", 2);
        n += 2;
    }
    out[n] = '\0';
    return out;
}

static int bad_pattern(aigw_error *err, size_t rule, const char *reason, const char *why)
{
    gw_fail(err, AIGW_E_CONFIG, reason, "rule %zu: %s", rule + 1, why);
    if (err)
        err->line = (int)(rule + 1);
    return AIGW_E_CONFIG;
}

/* What the compiler says, as our failure. It reports a lack of memory like any other error. */
static int refuse(hs_compile_error_t *why, size_t rule, aigw_error *err)
{
    int code;
    if (!why || strncmp(why->message, "Unable to allocate memory", 25) == 0)
        code = gw_fail_nomem(err);
    else
        code = bad_pattern(err, rule, "bad_pattern", why->message);
    hs_free_compile_error(why);
    return code;
}

/* One expression alone: is it sound, bounded, and never empty? *ahead grows to its width. */
static int examine(const char *text, unsigned flags, size_t rule, size_t *ahead, aigw_error *err)
{
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *why = NULL;
    if (hs_expression_info(text, flags, &info, &why) != HS_SUCCESS)
        return refuse(why, rule, err);
    unsigned least = info->min_width, most = info->max_width;
    gw_free(info); /* from our allocator: see gw_patterns_new */
    if (least == 0)
        return bad_pattern(err, rule, "empty_pattern", "it matches the empty text");
    if (most > AIGW_GUARD_PATTERN_BYTES)
        return bad_pattern(err, rule, "unbounded_pattern", "it may match too long a text");
    *ahead = most + CONTEXT > *ahead ? most + CONTEXT : *ahead;
    return AIGW_OK;
}

static int add(listing *l, const aigw_guard_rule *rule, size_t number, aigw_slice text,
               size_t *ahead, aigw_error *err)
{
    bool word = rule->kind == AIGW_GUARD_WORDS;
    if (text.len == 0 || !gw_utf8_valid(text) || memchr(text.data, '\0', text.len) ||
        (word && text.len > AIGW_GUARD_PATTERN_BYTES))
        return bad_pattern(err, number, "bad_pattern", "it is empty, too long, or no UTF-8");
    char *expression = word ? expression_of(l->arena, text)
                            : (char *)(uintptr_t)gw_arena_copy(l->arena, text).data;
    if (!expression)
        return gw_fail_nomem(err);
    unsigned flags = FLAGS | (word ? HS_FLAG_CASELESS : 0);
    int code = examine(expression, flags, number, ahead, err);
    if (code != AIGW_OK)
        return code;
    l->texts[l->count] = expression;
    l->flags[l->count] = flags;
    l->ids[l->count] = (unsigned)l->count;
    l->rule_of[l->count] = (uint8_t)number;
    l->count++;
    return AIGW_OK;
}

static int list_all(listing *l, const aigw_guard_rule *rules, size_t count, size_t *ahead,
                    aigw_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i].kind != AIGW_GUARD_WORDS && rules[i].kind != AIGW_GUARD_PATTERNS)
            continue;
        for (size_t k = 0; k < rules[i].text_count; k++) {
            int code = add(l, &rules[i], i, rules[i].texts[k], ahead, err);
            if (code != AIGW_OK)
                return code;
        }
    }
    return AIGW_OK;
}

static int compile(const listing *l, gw_patterns *p, aigw_error *err)
{
    hs_compile_error_t *why = NULL;
    hs_error_t rc =
        hs_compile_multi(l->texts, l->flags, l->ids, (unsigned)l->count,
                         HS_MODE_STREAM | HS_MODE_SOM_HORIZON_LARGE, NULL, &p->database, &why);
    if (rc != HS_SUCCESS)
        return refuse(why, why && why->expression >= 0 ? l->rule_of[why->expression] : 0, err);
    if (hs_alloc_scratch(p->database, &p->scratch) != HS_SUCCESS)
        return gw_fail_nomem(err);
    p->rule_of = gw_alloc(l->count);
    if (!p->rule_of)
        return gw_fail_nomem(err);
    memcpy(p->rule_of, l->rule_of, l->count);
    p->count = l->count;
    return AIGW_OK;
}

static int build(const aigw_guard_rule *rules, size_t count, size_t texts, gw_patterns *p,
                 aigw_error *err)
{
    listing l = {.arena = gw_arena_new(64u << 20)};
    int code = AIGW_OK;
    if (!l.arena)
        return gw_fail_nomem(err);
    l.texts = gw_arena_calloc(l.arena, texts, sizeof *l.texts);
    l.flags = gw_arena_calloc(l.arena, texts, sizeof *l.flags);
    l.ids = gw_arena_calloc(l.arena, texts, sizeof *l.ids);
    l.rule_of = gw_arena_calloc(l.arena, texts, 1);
    if (!l.texts || !l.flags || !l.ids || !l.rule_of)
        code = gw_fail_nomem(err);
    if (code == AIGW_OK)
        code = list_all(&l, rules, count, &p->ahead, err);
    if (code == AIGW_OK)
        code = compile(&l, p, err);
    gw_arena_free(l.arena);
    return code;
}

int gw_patterns_new(const aigw_guard_rule *rules, size_t count, gw_patterns **out, aigw_error *err)
{
    size_t texts = 0;
    for (size_t i = 0; i < count; i++) {
        if (rules[i].kind == AIGW_GUARD_WORDS || rules[i].kind == AIGW_GUARD_PATTERNS)
            texts += rules[i].text_count;
    }
    if (texts == 0) {
        *out = NULL;
        return AIGW_OK;
    }
    if (texts > AIGW_GUARD_TEXTS)
        return gw_fail(err, AIGW_E_LIMIT, "too_many_rules", "more than %d words and patterns",
                       AIGW_GUARD_TEXTS);
    hs_set_allocator(gw_alloc, gw_free);
    gw_patterns *p = gw_calloc(1, sizeof *p);
    if (!p)
        return gw_fail_nomem(err);
    int code = build(rules, count, texts, p, err);
    if (code != AIGW_OK) {
        gw_patterns_free(p);
        return code;
    }
    *out = p;
    return AIGW_OK;
}

void gw_patterns_free(gw_patterns *p)
{
    if (!p)
        return;
    hs_free_scratch(p->scratch);
    hs_free_database(p->database);
    gw_free(p->rule_of);
    gw_free(p);
}

size_t gw_patterns_ahead(const gw_patterns *p)
{
    return p ? p->ahead : 0;
}

int gw_matching_new(const gw_patterns *p, gw_matching **out, aigw_error *err)
{
    gw_matching *m = gw_calloc(1, sizeof *m);
    if (!m)
        return gw_fail_nomem(err);
    m->patterns = p;
    if (hs_clone_scratch(p->scratch, &m->scratch) != HS_SUCCESS) {
        gw_free(m);
        return gw_fail_nomem(err);
    }
    *out = m;
    return AIGW_OK;
}

void gw_matching_free(gw_matching *m)
{
    if (!m)
        return;
    if (m->stream)
        hs_close_stream(m->stream, m->scratch, NULL, NULL);
    hs_free_scratch(m->scratch);
    gw_free(m);
}

typedef struct forward {
    const gw_patterns *patterns;
    gw_match_fn *fn;
    void *user;
} forward;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *context)
{
    const forward *f = context;
    (void)flags;
    f->fn(f->user, f->patterns->rule_of[id], from, to);
    return 0;
}

int gw_matching_scan(gw_matching *m, const char *text, size_t len, gw_match_fn *fn, void *user)
{
    forward f = {m->patterns, fn, user};
    if (!m->stream && hs_open_stream(m->patterns->database, 0, &m->stream) != HS_SUCCESS)
        return AIGW_E_NOMEM;
    hs_error_t rc = hs_scan_stream(m->stream, text, (unsigned)len, 0, m->scratch, on_match, &f);
    return rc == HS_SUCCESS ? AIGW_OK : AIGW_E_INVALID;
}

int gw_matching_end(gw_matching *m, gw_match_fn *fn, void *user)
{
    forward f = {m->patterns, fn, user};
    hs_error_t rc = HS_SUCCESS;
    if (m->stream)
        rc = hs_close_stream(m->stream, m->scratch, on_match, &f);
    m->stream = NULL;
    return rc == HS_SUCCESS ? AIGW_OK : AIGW_E_INVALID;
}

#else /* without vectorscan there are no words and no patterns */

struct gw_patterns {
    size_t ahead;
};

int gw_patterns_new(const aigw_guard_rule *rules, size_t count, gw_patterns **out, aigw_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i].text_count)
            return gw_fail(err, AIGW_E_UNSUPPORTED, "no_vectorscan",
                           "words and patterns need a build with vectorscan");
    }
    *out = NULL;
    return AIGW_OK;
}

void gw_patterns_free(gw_patterns *p)
{
    (void)p;
}

size_t gw_patterns_ahead(const gw_patterns *p)
{
    return p ? p->ahead : 0;
}

int gw_matching_new(const gw_patterns *p, gw_matching **out, aigw_error *err)
{
    (void)p;
    (void)out;
    return gw_fail(err, AIGW_E_UNSUPPORTED, "no_vectorscan", "built without vectorscan");
}

void gw_matching_free(gw_matching *m)
{
    (void)m;
}

int gw_matching_scan(gw_matching *m, const char *text, size_t len, gw_match_fn *fn, void *user)
{
    (void)m;
    (void)text;
    (void)len;
    (void)fn;
    (void)user;
    return AIGW_E_UNSUPPORTED;
}

int gw_matching_end(gw_matching *m, gw_match_fn *fn, void *user)
{
    (void)m;
    (void)fn;
    (void)user;
    return AIGW_E_UNSUPPORTED;
}
#endif
