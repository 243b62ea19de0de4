/* What the WAF of a config says of a request in a file, and its rules as they are set: for operators. Must not serve. */
#include "base/error.h"
#include "base/text.h"
#include "gate/waf.h"
#include "gateway/config/config.h"
#include "gateway/screen/screen.h"
#include "proto/http1.h"
#include <aigw/gateway.h>
#include <stdio.h>

#define FILE_MAX ((size_t)64 << 20)

/* -- the rules of a config -- */

/* An empty document: the WAF as it is by itself. */
static int load(aigw_slice config, const aigw_host *host, gw_config **out, aigw_error *err)
{
    return gw_config_load(config.len ? config : GW_S("providers: [{type: echo}]"), host, out, err);
}

static const char *action_name(aigw_waf_action action)
{
    static const char *const names[] = {"default", "block", "count", "none"};
    return names[action];
}

aigw_waf_action gw_screen_action_of(const aigw_waf_options *options, const aigw_waf_rule *rule)
{
    aigw_waf_action action = rule->action;
    bool counts = options->count_only;
    for (size_t i = 0; i < options->override_count; i++) {
        const aigw_waf_override *o = &options->overrides[i];
        if (strcmp(o->name, rule->rule) == 0)
            action = o->action;
        else if (strcmp(o->name, rule->group) == 0)
            counts = options->count_only || o->action == AIGW_WAF_COUNT;
    }
    return action == AIGW_WAF_BLOCK && counts ? AIGW_WAF_COUNT : action;
}

static void put_rule(gw_buf *out, const aigw_waf_rule *rule)
{
    gw_buf_printf(out, "%-5s %s/%s label=%s metric=%s\n", action_name(rule->action), rule->group,
                  rule->rule, rule->label, rule->metric);
}

static void put_rules(gw_buf *out, const gw_config_waf *waf)
{
    aigw_waf_rule rule;
    for (size_t i = 0; aigw_waf_rule_at(i, &rule); i++) {
        rule.action = gw_screen_action_of(&waf->options, &rule);
        put_rule(out, &rule);
    }
    for (size_t i = 0; i < AIGW_IPREP_ALLOW; i++) {
        aigw_iprep_list list = (aigw_iprep_list)i;
        put_rule(out, &(aigw_waf_rule){GW_SCREEN_REPUTATION_GROUP, GW_SCREEN_REPUTATION_METRIC,
                                       aigw_iprep_rule(list), aigw_iprep_label(list),
                                       waf->lists[i].action});
    }
    put_rule(out, &(aigw_waf_rule){GW_SCREEN_RATE_RULE, GW_SCREEN_RATE_METRIC, GW_SCREEN_RATE_RULE,
                                   GW_SCREEN_RATE_LABEL, waf->rate.action});
    if (!waf->enabled)
        gw_buf_puts(out, "enable_waf is false: none of them is asked\n");
}

static int give(gw_buf *text, aigw_slice *out, aigw_error *err)
{
    bool ok = !text->failed;
    if (ok)
        *out = gw_buf_steal(text);
    gw_buf_free(text);
    return ok ? AIGW_OK : gw_fail_nomem(err);
}

int aigw_config_waf_rules(aigw_slice config, const aigw_host *host, aigw_slice *out,
                          aigw_error *err)
{
    gw_config *c = NULL;
    gw_buf text;
    if (!out)
        return gw_fail(err, AIGW_E_INVALID, "argument", "aigw_config_waf_rules wants an out");
    int code = load(config, host, &c, err);
    if (code != AIGW_OK)
        return code;
    gw_buf_init(&text, (size_t)1 << 20);
    put_rules(&text, &c->waf);
    gw_config_free(c);
    return give(&text, out, err);
}

/* -- a request from a file -- */

typedef struct asked {
    gw_arena *arena;
    gw_http1 http;
    aigw_waf_request request;
    const char *refused; /* by the HTTP parser; or NULL */
} asked;

/* {"method","uri","headers":[[name,value],...],"body"}, as corpora of samples have it. */
static int read_json(asked *a, aigw_slice text, aigw_error *err)
{
    gw_json_doc doc;
    int code = gw_json_parse(a->arena, text, &(gw_json_limits){.lone_surrogates = true}, &doc, err);
    if (code != AIGW_OK)
        return code;
    gw_json_ref list = gw_json_get(&doc, 0, "headers");
    aigw_slice path = gw_json_text(a->arena, &doc, gw_json_get(&doc, 0, "uri"));
    size_t count = gw_json_typeof(&doc, list) == GW_JSON_ARRAY ? gw_json_count(&doc, list) : 0,
           n = 0;
    aigw_header *headers = gw_arena_calloc(a->arena, count + 1, sizeof *headers);
    a->request.method = gw_json_text(a->arena, &doc, gw_json_get(&doc, 0, "method"));
    a->request.body = gw_json_text(a->arena, &doc, gw_json_get(&doc, 0, "body"));
    if (!headers)
        return gw_fail_nomem(err);
    if (!a->request.method.data || !path.data)
        return gw_fail(err, AIGW_E_PARSE, "request", "the object needs \"method\" and \"uri\"");
    for (gw_json_ref r = gw_json_first(&doc, list); count && r != GW_JSON_ABSENT;
         r = gw_json_next(&doc, r)) {
        headers[n].name = gw_json_text(a->arena, &doc, gw_json_at(&doc, r, 0));
        headers[n].value = gw_json_text(a->arena, &doc, gw_json_at(&doc, r, 1));
        n += headers[n].name.data && headers[n].value.data;
    }
    a->request.path = gw_cut(&path, '?');
    a->request.query = path;
    a->request.headers = headers;
    a->request.header_count = n;
    return AIGW_OK;
}

/* Editors end lines with LF alone, which no server takes: where no line of the head ends with CR LF, all do. */
static aigw_slice with_crlf(gw_arena *arena, aigw_slice text)
{
    const char *end = gw_find(text, GW_S("\n\n"));
    size_t head = end ? (size_t)(end - text.data) + 2 : text.len, n = 0;
    if (gw_find(gw_slice(text.data, head), GW_S("\r\n")))
        return text;
    char *out = gw_arena_alloc(arena, text.len + head + 1);
    for (size_t i = 0; out && i < text.len; i++) {
        if (i < head && text.data[i] == '\n')
            out[n++] = '\r';
        out[n++] = text.data[i];
    }
    return gw_slice(out, out ? n : 0);
}

/* A file says no length, or that of another body: it ends where the body does. */
static int set_length(asked *a, size_t length, aigw_error *err)
{
    aigw_header *headers = gw_arena_calloc(a->arena, a->request.header_count + 1, sizeof *headers);
    char text[24];
    size_t n = 0;
    snprintf(text, sizeof text, "%zu", length);
    const aigw_header own = {GW_S("content-length"), gw_arena_copy(a->arena, aigw_slice_of(text))};
    if (!headers || !own.value.data)
        return gw_fail_nomem(err);
    for (size_t i = 0; i < a->request.header_count; i++) {
        if (!gw_eq_nocase(a->request.headers[i].name, own.name))
            headers[n++] = a->request.headers[i];
    }
    headers[n++] = own;
    a->request.headers = headers;
    a->request.header_count = n;
    return AIGW_OK;
}

/* As the server reads it; what stands behind the head is the body, whatever length it says, unless it is chunked. */
static int read_http(asked *a, aigw_slice text, aigw_error *err)
{
    const gw_http1_limits limits = {1 << 20, FILE_MAX};
    aigw_slice rest = with_crlf(a->arena, text);
    if (!rest.data)
        return gw_fail_nomem(err);
    gw_http1_init(&a->http, &limits);
    while (rest.len && a->http.state == GW_HTTP1_HEAD)
        rest = gw_skip(rest, gw_http1_feed(&a->http, rest.data, rest.len));
    aigw_slice body = rest;
    while (rest.len && a->http.chunked && a->http.state == GW_HTTP1_BODY)
        rest = gw_skip(rest, gw_http1_feed(&a->http, rest.data, rest.len));
    if (a->http.state == GW_HTTP1_FAILED) {
        a->refused = a->http.reason;
        return AIGW_OK;
    }
    if (a->http.state == GW_HTTP1_HEAD)
        return gw_fail(err, AIGW_E_PARSE, "request", "the head has no end: an empty line");
    a->request.method = a->http.method;
    a->request.path = a->http.path;
    a->request.query = a->http.query;
    a->request.headers = a->http.headers;
    a->request.header_count = a->http.header_count;
    a->request.body = a->http.chunked ? gw_buf_slice(&a->http.body) : body;
    return a->http.chunked || !body.len ? AIGW_OK : set_length(a, body.len, err);
}

static int explain(const gw_config *c, asked *a, aigw_slice text, gw_buf *out, aigw_error *err)
{
    aigw_slice start = gw_trim(text);
    aigw_slice lines = {NULL, 0};
    aigw_waf *waf = NULL;
    int code = gw_starts(start, GW_S("{")) ? read_json(a, start, err) : read_http(a, text, err);
    if (code != AIGW_OK)
        return code;
    if (a->refused) {
        gw_buf_printf(out, "verdict: refused by the HTTP parser with %d: %s\n", a->http.status,
                      a->refused);
        return AIGW_OK;
    }
    code = aigw_waf_new(&c->waf.options, &waf, err);
    if (code == AIGW_OK)
        code = aigw_waf_explain(waf, &a->request, &lines, err);
    aigw_waf_free(waf);
    if (code != AIGW_OK)
        return code;
    gw_buf_add(out, lines);
    aigw_bytes_free(lines);
    if (!c->waf.enabled)
        gw_buf_puts(out, "enable_waf is false: nobody asks\n");
    return AIGW_OK;
}

int aigw_config_waf_explain(aigw_slice config, const aigw_host *host, aigw_slice request,
                            aigw_slice *out, aigw_error *err)
{
    gw_config *c = NULL;
    gw_buf text;
    asked a = {.request = {.size = sizeof a.request}};
    if (!out || !request.data || request.len > FILE_MAX)
        return gw_fail(err, AIGW_E_INVALID, "argument", "a request of at most 64 MiB, and an out");
    int code = load(config, host, &c, err);
    if (code != AIGW_OK)
        return code;
    gw_buf_init(&text, (size_t)2 << 20);
    gw_http1_init(&a.http, &(gw_http1_limits){1 << 20, FILE_MAX});
    a.arena = gw_arena_new((request.len + 65536) * 32);
    code = a.arena ? explain(c, &a, request, &text, err) : gw_fail_nomem(err);
    gw_http1_free(&a.http);
    gw_arena_free(a.arena);
    gw_config_free(c);
    if (code == AIGW_OK)
        return give(&text, out, err);
    gw_buf_free(&text);
    return code;
}
