/* The WAF over the corpora, tier by tier. Attack requests go through the HTTP parser first, as in the server:
 * what it refuses is blocked. "list" lists every request that went the wrong way; a second argument names another
 * directory with files of this form. */
#include "base/json.h"
#include "base/text.h"
#include "proto/http1.h"
#include <aigw/waf.h>
#include <stdio.h>
#include <stdlib.h>

#define DIR   AIGW_SHARED_DATA "/corpora/waf"
#define TIERS 8
#define CATS  16

typedef struct count {
    char name[24];
    int all, blocked, counted, anchor;
} count;

static count tiers[TIERS], must[CATS];
static aigw_waf *waf;
static bool list;
static const char *dir = DIR;

static count *count_for(count *table, size_t size, aigw_slice name)
{
    for (size_t i = 0; i < size; i++) {
        if (!table[i].name[0])
            snprintf(table[i].name, sizeof table[i].name, "%.*s", (int)name.len, name.data);
        if (gw_eq(aigw_slice_of(table[i].name), name))
            return &table[i];
    }
    abort();
}

typedef struct line {
    gw_arena *arena;
    gw_json_doc doc;
} line;

static aigw_slice text(line *l, const char *name)
{
    return gw_json_text(l->arena, &l->doc, gw_json_get(&l->doc, 0, name));
}

/* Does the server's parser take it? Also gives path and query. */
static bool parses(gw_http1 *http, line *l)
{
    gw_http1_limits limits = {65536, 64 << 20};
    gw_buf all;
    gw_buf_init(&all, 64 << 20);
    gw_buf_add(&all, text(l, "method"));
    gw_buf_putc(&all, ' ');
    gw_buf_add(&all, text(l, "uri"));
    gw_buf_putc(&all, ' ');
    gw_buf_add(&all, text(l, "version"));
    gw_buf_puts(&all, "\r\n");
    gw_json_ref headers = gw_json_get(&l->doc, 0, "headers");
    for (gw_json_ref r = gw_json_first(&l->doc, headers); r != GW_JSON_ABSENT;
         r = gw_json_next(&l->doc, r)) {
        gw_buf_add(&all, gw_json_text(l->arena, &l->doc, gw_json_at(&l->doc, r, 0)));
        gw_buf_puts(&all, ": ");
        gw_buf_add(&all, gw_json_text(l->arena, &l->doc, gw_json_at(&l->doc, r, 1)));
        gw_buf_puts(&all, "\r\n");
    }
    gw_buf_puts(&all, "\r\n");
    gw_buf_add(&all, text(l, "body"));
    aigw_slice bytes = gw_buf_slice(&all);
    gw_http1_init(http, &limits);
    while (bytes.len && http->state != GW_HTTP1_DONE && http->state != GW_HTTP1_FAILED)
        bytes = gw_skip(bytes, gw_http1_feed(http, bytes.data, bytes.len));
    gw_buf_free(&all);
    return http->state != GW_HTTP1_FAILED;
}

/* The WAF's answer: headers and body as in the corpus, which says a length that may be wrong. */
static void ask(line *l, const gw_http1 *http, aigw_waf_result *result)
{
    aigw_waf_request request = {.size = sizeof request,
                                .method = http->method,
                                .path = http->path,
                                .query = http->query,
                                .headers = http->headers,
                                .header_count = http->header_count,
                                .body = text(l, "body")};
    aigw_error err;
    if (aigw_waf_check(waf, &request, result, &err) != AIGW_OK) {
        printf("no verdict: %s\n", err.message);
        exit(1);
    }
}

static void say(line *l, const char *what, const aigw_waf_result *result)
{
    aigw_slice id = text(l, "id");
    const aigw_waf_match *m = result->block ? &result->matches[result->terminating] : NULL;
    printf("%s %.*s %s %d %s %s\n", what, (int)id.len, id.data, m ? m->rule : "",
           m ? m->pattern : 0, m ? m->location : "", m ? m->matched : "");
}

static void one(aigw_slice json, bool benign)
{
    static aigw_waf_result result;
    gw_http1 http;
    line l = {gw_arena_new(64 << 20), {{NULL, 0}, NULL, 0}};
    if (gw_json_parse(l.arena, json, &(gw_json_limits){.lone_surrogates = true}, &l.doc, NULL))
        abort();
    aigw_slice tier = benign ? GW_S("benign") : text(&l, "tier");
    bool good = parses(&http, &l);
    result.block = !good;
    result.terminating = 0;
    result.match_count = 0;
    result.matches[0] = (aigw_waf_match){.rule = "HTTP"};
    if (good)
        ask(&l, &http, &result);
    gw_http1_free(&http);
    gw_json_ref anchor = gw_json_get(&l.doc, gw_json_get(&l.doc, 0, "anchor"), "crs3.3.4_pl1");
    int64_t status = 0;
    bool expect = false;
    gw_json_i64(&l.doc, anchor, &status);
    gw_json_bool(&l.doc, gw_json_get(&l.doc, 0, "expect_block"), &expect);
    count *into[2] = {count_for(tiers, TIERS, tier), NULL};
    if (gw_eq(tier, GW_S("must")))
        into[1] = count_for(must, CATS, text(&l, "category"));
    bool content = false;
    for (size_t i = 0; i < result.match_count; i++)
        content |= result.matches[i].component == AIGW_WAF_CONTENT;
    for (int i = 0; i < 2 && into[i]; i++) {
        into[i]->all++;
        into[i]->blocked += result.block;
        into[i]->counted += content;
        into[i]->anchor += status == 403;
    }
    if (list && (result.block != expect || (gw_eq(tier, GW_S("json-content")) && !content)))
        say(&l, result.block ? "BLOCKED" : "PASSED", &result);
    gw_arena_free(l.arena);
}

static bool file(const char *name, bool benign)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *in = fopen(path, "r");
    if (!in)
        return false;
    char *bytes = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&bytes, &room, in)) > 0;)
        one(gw_slice(bytes, (size_t)n - (bytes[n - 1] == '\n')), benign);
    free(bytes);
    fclose(in);
    return true;
}

static int failures;

static void require(bool holds, const char *what, const count *c)
{
    if (holds)
        return;
    printf("FAILED: %s: %s: %d of %d\n", what, c->name, c->blocked, c->all);
    failures++;
}

static void judge_tiers(void)
{
    for (size_t i = 0; i < TIERS && tiers[i].name[0]; i++) {
        const count *c = &tiers[i];
        printf("%-14s blocked %4d of %4d (%5.1f %%), content counted %d\n", c->name, c->blocked,
               c->all, 100.0 * c->blocked / c->all, c->counted);
        if (strcmp(c->name, "benign") == 0)
            require(c->blocked == 0, "nothing benign", c);
        else if (strcmp(c->name, "must") == 0)
            require(c->blocked * 100 >= c->all * 85, "85 % of must", c);
        else if (strcmp(c->name, "near-miss") == 0)
            require(c->blocked * 100 <= c->all * 13, "13 % of near-miss", c);
        else if (strcmp(c->name, "json-key") == 0)
            require(c->blocked * 100 >= c->all * 70, "70 % of json-key", c);
        else if (strcmp(c->name, "json-content") == 0)
            require(c->blocked == 0 && c->counted * 100 >= c->all * 70, "70 % counted, 0 blocked",
                    c);
        else if (strncmp(c->name, "json-", 5) == 0)
            require(c->blocked * 100 >= c->all * 80, "80 %", c);
    }
}

int main(int argc, char **argv)
{
    list = argc > 1 && strcmp(argv[1], "list") == 0;
    dir = argc > 2 ? argv[2] : dir;
    aigw_waf_options options = {.size = sizeof options, .content = AIGW_WAF_CONTENT_COUNT_FULL};
    aigw_error err;
    if (aigw_waf_new(&options, &waf, &err) != AIGW_OK) {
        printf("%s\n", err.message);
        return err.code == AIGW_E_UNSUPPORTED ? 77 : 1;
    }
    if (!file("attacks.jsonl", false) || !file("benign.jsonl", true)) {
        printf("skipped: no corpora at %s\n", dir);
        aigw_waf_free(waf);
        return 77;
    }
    judge_tiers();
    for (size_t i = 0; i < CATS && must[i].name[0]; i++) {
        const count *c = &must[i];
        printf("  must %-9s blocked %4d of %4d, anchor %d\n", c->name, c->blocked, c->all,
               c->anchor);
        require(c->blocked >= c->anchor, "no less than the anchor", c);
    }
    printf("signatures %s\n", aigw_waf_info(waf));
    aigw_waf_free(waf);
    return failures ? 1 : 0;
}
