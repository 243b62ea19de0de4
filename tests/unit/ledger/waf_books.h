/* Books of the WAF with a few groups and labels, and requests for them: for tests of the evidence. */
#ifndef UNIT_LEDGER_WAF_BOOKS_H
#define UNIT_LEDGER_WAF_BOOKS_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "ledger/waf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWN, COMMON, REPUTATION, RATE, KNOWN, GROUPS };

static const gw_waf_book_group groups[GROUPS] = {
    {"OwnRuleSet", "own-rules", GW_WAF_OWN},
    {"AWSManagedRulesCommonRuleSet", "common-rules", GW_WAF_MANAGED},
    {"AWSManagedRulesAmazonIpReputationList", "ip-reputation", GW_WAF_MANAGED},
    {"RateLimitPerIP", "rate-limit", GW_WAF_RATE},
    {"AWSManagedRulesKnownBadInputsRuleSet", "known-bad", GW_WAF_MANAGED},
};
static const char *const labels[] = {"l:xss", "l:lfi", "l:log4j", "l:rate", "l:xss"};

static inline gw_waf_books *books_new(void)
{
    gw_waf_books *b = gw_waf_books_new(groups, GROUPS, labels, 5);
    assert_non_null(b);
    return b;
}

static inline gw_waf_fact fact_of(size_t group, const char *rule, const char *label, bool block)
{
    return (gw_waf_fact){.group = group,
                         .rule = rule,
                         .label = label,
                         .block = block,
                         .condition = "XSS",
                         .place = "ALL_QUERY_ARGS",
                         .location = "args:q",
                         .matched = "<script"};
}

static inline gw_waf_event event_of(const gw_waf_fact *facts, size_t count, bool ended)
{
    return (gw_waf_event){.unix_s = 1700000000,
                          .status = ended ? 403 : 200,
                          .facts = facts,
                          .fact_count = count,
                          .terminating = ended ? &facts[count - 1] : NULL,
                          .acl = GW_S("ai-gateway"),
                          .id = GW_S("req-1")};
}

/* A JSON text, held until doc_free. */
typedef struct doc {
    gw_arena *arena;
    gw_json_doc json;
} doc;

static inline doc doc_of(aigw_slice text)
{
    doc d = {.arena = gw_arena_new((size_t)64 << 20)};
    aigw_error err = {0};
    if (gw_json_parse(d.arena, text, NULL, &d.json, &err) != AIGW_OK)
        fail_msg("%s: %.*s", err.message, (int)(text.len < 2000 ? text.len : 2000), text.data);
    return d;
}

static inline void doc_free(doc *d)
{
    gw_arena_free(d->arena);
}

/* By members and numbers: "ruleGroupList/1/terminatingRule". */
static inline gw_json_ref doc_at(const doc *d, const char *path)
{
    char copy[256];
    gw_json_ref at = 0;
    assert_true(strlen(path) < sizeof copy);
    memcpy(copy, path, strlen(path) + 1);
    for (char *part = copy; part && *part;) {
        char *slash = strchr(part, '/');
        if (slash)
            *slash = '\0';
        at = gw_json_typeof(&d->json, at) == GW_JSON_ARRAY
                 ? gw_json_at(&d->json, at, (uint32_t)strtoul(part, NULL, 10))
                 : gw_json_get(&d->json, at, part);
        part = slash ? slash + 1 : NULL;
    }
    return at;
}

static inline void doc_is(const doc *d, const char *path, const char *raw)
{
    aigw_slice got = gw_json_raw(&d->json, doc_at(d, path));
    if (!gw_eq(got, aigw_slice_of(raw)))
        fail_msg("%s is %.*s, not %s", path, (int)got.len, got.data ? got.data : "", raw);
}

#endif
