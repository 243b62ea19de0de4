/* The rules of a guard, checked and kept; whole texts. */
/* Must not know how a stream finds what it finds. */
#include "gate/guard.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

#define MASK_MAX 64u

static const char *const words[AIGW_GUARD_KINDS] = {"email", "phone",  "card",  "iban",
                                                    "ssn",   "secret", "words", "patterns"};
static const char *const masks[AIGW_GUARD_KINDS] = {
    "[EMAIL]", "[PHONE]", "[CARD]", "[IBAN]", "[SSN]", "[SECRET]", "[REDACTED]", "[REDACTED]"};

const char *aigw_guard_kind_word(aigw_guard_kind kind)
{
    return (unsigned)kind < AIGW_GUARD_KINDS ? words[kind] : "unknown";
}

static int refuse(aigw_error *err, size_t rule, const char *reason, const char *why)
{
    gw_fail(err, AIGW_E_CONFIG, reason, "rule %zu: %s", rule + 1, why);
    if (err)
        err->line = (int)(rule + 1);
    return AIGW_E_CONFIG;
}

/* It goes into text of any form as it is. */
static bool is_mask(aigw_slice mask)
{
    for (size_t i = 0; i < mask.len; i++) {
        char c = mask.data[i];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            return false;
    }
    return mask.len <= MASK_MAX;
}

static int keep(aigw_guard *g, const aigw_guard_rule *rule, aigw_error *err)
{
    size_t number = g->row_count;
    gw_guard_row *row = &g->rows[number];
    bool lists = rule->kind == AIGW_GUARD_WORDS || rule->kind == AIGW_GUARD_PATTERNS;
    if ((unsigned)rule->kind >= AIGW_GUARD_KINDS || rule->action < AIGW_GUARD_FLAG ||
        rule->action > AIGW_GUARD_BLOCK)
        return refuse(err, number, "bad_rule", "unknown kind or action");
    if (lists != (rule->text_count > 0))
        return refuse(err, number, "bad_rule", lists ? "it has no texts" : "texts are for lists");
    if (!lists && g->by_kind[rule->kind] >= 0)
        return refuse(err, number, "bad_rule", "this kind has a rule already");
    if (!is_mask(rule->mask))
        return refuse(err, number, "bad_mask", "a mask is printable ASCII, 64 bytes at most");
    if (rule->name.len >= sizeof row->name)
        return refuse(err, number, "bad_rule", "the name is too long");
    aigw_slice mask = rule->mask.len ? rule->mask : aigw_slice_of(masks[rule->kind]);
    aigw_slice name = rule->name.len ? rule->name : aigw_slice_of(words[rule->kind]);
    row->kind = rule->kind;
    row->action = rule->action;
    memcpy(row->mask, mask.data, mask.len);
    row->mask_len = mask.len;
    memcpy(row->name, name.data, name.len);
    row->name[name.len] = '\0';
    if (!lists)
        g->by_kind[rule->kind] = (int)number;
    g->row_count++;
    return AIGW_OK;
}

int aigw_guard_new(const aigw_guard_rule *rules, size_t rule_count, aigw_guard **out,
                   aigw_error *err)
{
    int code = AIGW_OK;
    if (rule_count > AIGW_GUARD_RULES)
        return gw_fail(err, AIGW_E_LIMIT, "too_many_rules", "more than %d rules", AIGW_GUARD_RULES);
    aigw_guard *g = gw_calloc(1, sizeof *g);
    if (!g)
        return gw_fail_nomem(err);
    for (size_t i = 0; i < AIGW_GUARD_KINDS; i++)
        g->by_kind[i] = -1;
    for (size_t i = 0; i < rule_count && code == AIGW_OK; i++)
        code = keep(g, &rules[i], err);
    if (code == AIGW_OK)
        code = gw_patterns_new(rules, rule_count, &g->patterns, err);
    if (code != AIGW_OK) {
        aigw_guard_free(g);
        return code;
    }
    *out = g;
    return AIGW_OK;
}

void aigw_guard_free(aigw_guard *guard)
{
    if (!guard)
        return;
    gw_patterns_free(guard->patterns);
    gw_free(guard);
}

size_t aigw_guard_rule_count(const aigw_guard *guard)
{
    return guard->row_count;
}

aigw_slice aigw_guard_rule_name(const aigw_guard *guard, size_t rule)
{
    return rule < guard->row_count ? aigw_slice_of(guard->rows[rule].name) : gw_slice("", 0);
}

/* Both parts of a text, into one buffer. */
static int run(aigw_guard_stream *s, aigw_slice text, gw_buf *all, aigw_error *err)
{
    aigw_slice part;
    int code = aigw_guard_stream_feed(s, text, &part, err);
    if (code != AIGW_OK)
        return code;
    gw_buf_add(all, part);
    code = aigw_guard_stream_end(s, &part, err);
    if (code != AIGW_OK)
        return code;
    gw_buf_add(all, part);
    return all->failed ? gw_fail_nomem(err) : AIGW_OK;
}

int aigw_guard_text(const aigw_guard *guard, aigw_guard_form form, aigw_slice text,
                    aigw_slice *masked, aigw_guard_verdict *verdict, aigw_error *err)
{
    aigw_guard_stream *s = NULL;
    gw_buf all;
    int code = aigw_guard_stream_new(guard, form, &s, err);
    if (code != AIGW_OK)
        return code;
    gw_buf_init(&all, SIZE_MAX);
    code = run(s, text, &all, err);
    if (verdict && (code == AIGW_OK || code == AIGW_E_DENIED))
        *verdict = *aigw_guard_stream_verdict(s);
    if (code == AIGW_OK && masked)
        *masked = gw_buf_steal(&all);
    gw_buf_free(&all);
    aigw_guard_stream_free(s);
    return code;
}
