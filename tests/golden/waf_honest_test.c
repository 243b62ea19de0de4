/* What clients, SDKs and agents really send is not blocked, whatever the policy for prompts but block: requests of
 * our own in waf_honest.jsonl. Must not need the shared corpora. "list" as argument says what saw each. */
#include "base/json.h"
#include "base/text.h"
#include "proto/http1.h"
#include <aigw/waf.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_NAME AIGW_SOURCE_DIR "/tests/golden/waf_honest.jsonl"

static const aigw_waf_content policies[] = {
    AIGW_WAF_CONTENT_SKIP, AIGW_WAF_CONTENT_COUNT_SIGNATURES, AIGW_WAF_CONTENT_COUNT_FULL};
#define POLICIES (sizeof policies / sizeof policies[0])
static aigw_waf *wafs[POLICIES];

static aigw_slice text(gw_arena *arena, const gw_json_doc *doc, const char *name)
{
    return gw_json_text(arena, doc, gw_json_get(doc, 0, name));
}

static void add_header(gw_buf *out, aigw_slice name, aigw_slice value)
{
    gw_buf_add(out, name);
    gw_buf_puts(out, ": ");
    gw_buf_add(out, value);
    gw_buf_puts(out, "\r\n");
}

/* The line's own headers; what it does not say is as most clients say it. */
static void add_headers(gw_buf *out, gw_arena *arena, const gw_json_doc *doc, size_t body)
{
    bool agent = false, type = false;
    gw_json_ref headers = gw_json_get(doc, 0, "headers");
    for (gw_json_ref r = gw_json_first(doc, headers); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        aigw_slice name = gw_json_text(arena, doc, gw_json_at(doc, r, 0));
        add_header(out, name, gw_json_text(arena, doc, gw_json_at(doc, r, 1)));
        agent |= gw_eq_nocase(name, GW_S("user-agent"));
        type |= gw_eq_nocase(name, GW_S("content-type"));
    }
    add_header(out, GW_S("Host"), GW_S("gw.example.com"));
    add_header(out, GW_S("Accept"), GW_S("application/json"));
    if (!agent)
        add_header(out, GW_S("User-Agent"), GW_S("OpenAI/Python 1.51.0"));
    if (!type && body)
        add_header(out, GW_S("Content-Type"), GW_S("application/json"));
    if (body)
        gw_buf_printf(out, "Content-Length: %zu\r\n", body);
    gw_buf_puts(out, "\r\n");
}

/* A body that is an object is sent as it stands in the file. */
static aigw_slice body_of(gw_arena *arena, const gw_json_doc *doc)
{
    gw_json_ref body = gw_json_get(doc, 0, "body");
    if (body == GW_JSON_ABSENT)
        return gw_slice("", 0);
    return gw_json_typeof(doc, body) == GW_JSON_STRING ? gw_json_text(arena, doc, body)
                                                       : gw_json_raw(doc, body);
}

static int check(const gw_http1 *http, aigw_slice body, aigw_slice id, bool list)
{
    static aigw_waf_result result;
    int blocked = 0;
    aigw_waf_request request = {.size = sizeof request,
                                .method = http->method,
                                .path = http->path,
                                .query = http->query,
                                .headers = http->headers,
                                .header_count = http->header_count,
                                .body = body};
    for (size_t p = 0; p < POLICIES; p++) {
        if (aigw_waf_check(wafs[p], &request, &result, NULL) != AIGW_OK)
            abort();
        const aigw_waf_match *m = &result.matches[result.block ? result.terminating : 0];
        if (result.block || (list && result.match_count))
            printf("%s %.*s: %s %d at %s near \"%s\"\n", result.block ? "FAILED" : "counted",
                   (int)id.len, id.data, m->rule, m->pattern, m->location, m->matched);
        blocked |= result.block;
    }
    return blocked;
}

static int one(aigw_slice line, bool list)
{
    gw_http1_limits limits = {65536, 64 << 20};
    gw_http1 http;
    gw_json_doc doc;
    gw_buf head;
    gw_arena *arena = gw_arena_new(16 << 20);
    if (gw_json_parse(arena, line, NULL, &doc, NULL)) {
        printf("FAILED: not JSON: %.60s\n", line.data);
        gw_arena_free(arena);
        return 1;
    }
    aigw_slice body = body_of(arena, &doc);
    gw_buf_init(&head, 1 << 20);
    gw_buf_add(&head, text(arena, &doc, "method"));
    gw_buf_putc(&head, ' ');
    gw_buf_add(&head, text(arena, &doc, "target"));
    gw_buf_puts(&head, " HTTP/1.1\r\n");
    add_headers(&head, arena, &doc, body.len);
    aigw_slice bytes = gw_buf_slice(&head);
    gw_http1_init(&http, &limits);
    while (bytes.len && http.state != GW_HTTP1_FAILED && http.state != GW_HTTP1_DONE)
        bytes = gw_skip(bytes, gw_http1_feed(&http, bytes.data, bytes.len));
    aigw_slice id = text(arena, &doc, "id");
    int bad = http.state == GW_HTTP1_FAILED;
    if (bad)
        printf("FAILED %.*s: refused by the parser\n", (int)id.len, id.data);
    else
        bad = check(&http, body, id, list);
    gw_http1_free(&http);
    gw_buf_free(&head);
    gw_arena_free(arena);
    return bad;
}

int main(int argc, char **argv)
{
    bool list = argc > 1 && strcmp(argv[1], "list") == 0;
    int failures = 0, count = 0;
    for (size_t p = 0; p < POLICIES; p++) {
        aigw_waf_options options = {.size = sizeof options, .content = policies[p]};
        aigw_error err;
        if (aigw_waf_new(&options, &wafs[p], &err) != AIGW_OK) {
            printf("%s\n", err.message);
            return err.code == AIGW_E_UNSUPPORTED ? 77 : 1;
        }
    }
    FILE *in = fopen(FILE_NAME, "r");
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; in && (n = getline(&line, &room, in)) > 0; count++)
        failures += one(gw_slice(line, (size_t)n - (line[n - 1] == '\n')), list);
    free(line);
    if (in)
        fclose(in);
    for (size_t p = 0; p < POLICIES; p++)
        aigw_waf_free(wafs[p]);
    printf("%d honest requests, %d blocked\n", count, failures);
    return failures || count < 300;
}
