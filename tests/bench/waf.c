/*
 * The WAF beside libmodsecurity with the OWASP core rule set: the same requests through both, in one process.
 * Not a test: it says nothing of right or wrong but that the work was done.
 *
 * Usage: bench_waf cost ROUNDS | bench_waf run ENGINE REQUEST TIMES | bench_waf share FILE [each]
 *   ENGINE: skip, signatures, full, peer. REQUEST: get, 1, 32, 256 (KB).
 */
#include "base/json.h"
#include "base/text.h"
#include <aigw/waf.h>
#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CRS "/etc/modsecurity/crs/crs-setup.conf"

/* As ModSecurity's recommended settings, but for the limits, which would end the comparison at 128 KB. */
static const char settings[] =
    "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess Off\n"
    "SecRequestBodyLimit 33554432\nSecRequestBodyNoFilesLimit 33554432\n"
    "SecRequestBodyLimitAction Reject\nSecPcreMatchLimit 500000\n"
    "SecPcreMatchLimitRecursion 500000\nSecAuditEngine Off\nSecDebugLogLevel 0\n"
    "SecArgumentSeparator &\nSecCookieFormat 0\n"
    "SecRule REQUEST_HEADERS:Content-Type \"^(?:application(?:/soap\\+|/)|text/)xml\" "
    "\"id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"^application/json\" "
    "\"id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON\"\n"
    "SecRule REQBODY_ERROR \"!@eq 0\" \"id:200002,phase:2,t:none,log,deny,status:400\"\n";

typedef struct sample {
    aigw_slice method, uri, version, body;
    aigw_header headers[64];
    size_t header_count;
} sample;

static ModSecurity *peer;
static RulesSet *peer_rules;
static aigw_waf *ours[3]; /* skip, signatures, full */
static const char *const engines[] = {"skip", "signatures", "full", "peer"};
static const aigw_waf_content policies[] = {
    AIGW_WAF_CONTENT_SKIP, AIGW_WAF_CONTENT_COUNT_SIGNATURES, AIGW_WAF_CONTENT_COUNT_FULL};

static void quiet(void *data, const void *message)
{
    (void)data;
    (void)message;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why ? why : "");
    exit(1);
}

static void start_peer(void)
{
    const char *why = NULL;
    static const char *const files[] = {CRS, "/usr/share/modsecurity-crs/rules/*.conf"};
    peer = msc_init();
    msc_set_log_cb(peer, quiet);
    peer_rules = msc_create_rules_set();
    if (msc_rules_add(peer_rules, settings, &why) < 0)
        die("settings", why);
    for (size_t i = 0; i < 2; i++) {
        char line[256];
        snprintf(line, sizeof line, "Include %s\n", files[i]);
        if (msc_rules_add(peer_rules, line, &why) < 0)
            die(files[i], why);
    }
}

static void start_ours(void)
{
    for (size_t i = 0; i < 3; i++) {
        aigw_waf_options options = {.size = sizeof options, .content = policies[i]};
        aigw_error err;
        if (aigw_waf_new(&options, &ours[i], &err) != AIGW_OK)
            die("the WAF", err.message);
    }
}

/* Not static and not inlined: callgrind is told to count in these two. True: it is blocked. */
bool bench_check_ours(const aigw_waf *waf, const sample *s);
bool bench_check_peer(const sample *s);

__attribute__((noinline)) bool bench_check_ours(const aigw_waf *waf, const sample *s)
{
    static aigw_waf_result result;
    aigw_slice query = s->uri;
    aigw_slice path = gw_cut(&query, '?');
    aigw_waf_request request = {.size = sizeof request,
                                .method = s->method,
                                .path = path,
                                .query = query,
                                .headers = s->headers,
                                .header_count = s->header_count,
                                .body = s->body};
    if (aigw_waf_check(waf, &request, &result, NULL) != AIGW_OK)
        die("no verdict", NULL);
    return result.block;
}

static bool intervened(Transaction *t)
{
    ModSecurityIntervention it = {.status = 200};
    bool yes = msc_intervention(t, &it) != 0 && it.disruptive;
    free(it.url);
    free(it.log);
    return yes;
}

__attribute__((noinline)) bool bench_check_peer(const sample *s)
{
    char uri[65536], method[32], version[16];
    Transaction *t = msc_new_transaction(peer, peer_rules, NULL);
    snprintf(uri, sizeof uri, "%.*s", (int)s->uri.len, s->uri.data);
    snprintf(method, sizeof method, "%.*s", (int)s->method.len, s->method.data);
    snprintf(version, sizeof version, "%.*s", (int)s->version.len, s->version.data);
    const char *number = strchr(version, '/');
    msc_process_connection(t, "192.0.2.1", 40000, "192.0.2.2", 8787);
    msc_process_uri(t, uri, method, number ? number + 1 : "1.1");
    for (size_t i = 0; i < s->header_count; i++) {
        const aigw_header *h = &s->headers[i];
        msc_add_n_request_header(t, (const unsigned char *)h->name.data, h->name.len,
                                 (const unsigned char *)h->value.data, h->value.len);
    }
    msc_process_request_headers(t);
    bool blocked = intervened(t);
    if (!blocked) {
        msc_append_request_body(t, (const unsigned char *)s->body.data, s->body.len);
        msc_process_request_body(t);
        blocked = intervened(t);
    }
    msc_transaction_cleanup(t);
    return blocked;
}

/* --- the requests --- */

/* Prose and code, as prompts are. */
static const char *const sentences[] = {
    "Please read the function below and tell me where it loses precision. ",
    "We saw this after the upgrade, only on the second replica, about once an hour. ",
    "for (size_t i = 0; i < count; i++) { total += price[i] * amount[i]; }\\n",
    "The table has the columns id, name, price and created_at; the index is on the last. ",
    "def mean(values):\\n    return sum(values) / len(values)\\n",
    "Answer in three short paragraphs and give an example for each of them. "};

static void add_header(sample *s, const char *name, const char *value)
{
    s->headers[s->header_count++] = (aigw_header){aigw_slice_of(name), aigw_slice_of(value)};
}

static void make_chat(sample *s, size_t size)
{
    static char length[24];
    char *body = malloc(size + 512);
    size_t at = (size_t)sprintf(
        body, "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (size_t i = 0; at + 128 < size; i++)
        at += (size_t)sprintf(body + at, "%s", sentences[i % 6]);
    at += (size_t)sprintf(body + at, "\"}],\"max_tokens\":256,\"temperature\":0.2,"
                                     "\"metadata\":{\"team\":\"search\",\"run\":\"r-118\"}}");
    snprintf(length, sizeof length, "%zu", at);
    s->method = GW_S("POST");
    s->uri = GW_S("/v1/chat/completions");
    s->body = gw_slice(body, at);
    add_header(s, "Content-Type", "application/json");
    add_header(s, "Content-Length", length);
    add_header(s, "Authorization", "Bearer sk-gw-0123456789abcdef0123456789abcdef");
}

static sample *make(const char *which)
{
    static sample s;
    memset(&s, 0, sizeof s);
    s.version = GW_S("HTTP/1.1");
    add_header(&s, "Host", "gw.example.com");
    add_header(&s, "User-Agent", "OpenAI/Python 1.51.0");
    add_header(&s, "Accept", "application/json");
    add_header(&s, "Accept-Encoding", "gzip, deflate");
    add_header(&s, "X-Stainless-Lang", "python");
    if (strcmp(which, "get") == 0) {
        s.method = GW_S("GET");
        s.uri = GW_S("/v1/models?limit=20&after=gpt-4o-mini&order=desc&q=small%20and%20fast");
        s.body = GW_S("");
    } else {
        make_chat(&s, strtoul(which, NULL, 10) << 10);
    }
    return &s;
}

static bool check(unsigned engine, const sample *s)
{
    return engine < 3 ? bench_check_ours(ours[engine], s) : bench_check_peer(s);
}

/* --- cost --- */

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds a request: of about 100 ms, but once at least. */
static double measure(unsigned engine, const sample *s)
{
    double begin = cpu_us();
    long n = 0;
    do {
        check(engine, s);
        n++;
    } while (cpu_us() - begin < 100e3);
    return (cpu_us() - begin) / (double)n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void cost(int rounds)
{
    static const char *const requests[] = {"get", "1", "32", "256"};
    static double all[4][64];
    if (rounds < 1 || rounds > 64)
        rounds = 5;
    printf(
        "| request | skip | count-signatures | count-full | libmodsecurity, CRS | ratio to skip |\n"
        "|---|---|---|---|---|---|\n");
    for (size_t r = 0; r < 4; r++) {
        sample *s = make(requests[r]);
        for (int i = 0; i < rounds; i++) {
            for (unsigned e = 0; e < 4; e++)
                all[e][i] = measure(e, s);
        }
        double median[4];
        for (unsigned e = 0; e < 4; e++) {
            qsort(all[e], (size_t)rounds, sizeof(double), by_value);
            median[e] = all[e][rounds / 2];
        }
        printf("| %s%s | %.1f us | %.1f us | %.1f us | %.0f us | %.0f |\n",
               r ? "chat, KB: " : "GET with a query", r ? requests[r] : "", median[0], median[1],
               median[2], median[3], median[3] / median[0]);
    }
}

/* --- shares --- */

static aigw_slice text(gw_arena *arena, const gw_json_doc *doc, const char *name)
{
    return gw_json_text(arena, doc, gw_json_get(doc, 0, name));
}

static void read_sample(gw_arena *arena, const gw_json_doc *doc, sample *s)
{
    *s = (sample){.method = text(arena, doc, "method"),
                  .uri = text(arena, doc, "uri"),
                  .version = text(arena, doc, "version"),
                  .body = text(arena, doc, "body")};
    gw_json_ref headers = gw_json_get(doc, 0, "headers");
    for (gw_json_ref r = gw_json_first(doc, headers); r != GW_JSON_ABSENT && s->header_count < 64;
         r = gw_json_next(doc, r))
        s->headers[s->header_count++] =
            (aigw_header){gw_json_text(arena, doc, gw_json_at(doc, r, 0)),
                          gw_json_text(arena, doc, gw_json_at(doc, r, 1))};
}

static void share(const char *path, bool each)
{
    FILE *in = fopen(path, "r");
    char *bytes = NULL;
    size_t room = 0;
    int all = 0, blocked[2] = {0, 0};
    if (!in)
        die(path, "cannot be read");
    for (ssize_t n; (n = getline(&bytes, &room, in)) > 0; all++) {
        gw_arena *arena = gw_arena_new(64 << 20);
        gw_json_doc doc;
        sample s;
        if (gw_json_parse(arena, gw_slice(bytes, (size_t)n - (bytes[n - 1] == '\n')),
                          &(gw_json_limits){.lone_surrogates = true}, &doc, NULL))
            die(path, "a line is not JSON");
        read_sample(arena, &doc, &s);
        bool a = check(0, &s), b = check(3, &s);
        blocked[0] += a;
        blocked[1] += b;
        aigw_slice id = text(arena, &doc, "id");
        if (each)
            printf("%.*s %d %d\n", (int)id.len, id.data, a, b);
        gw_arena_free(arena);
    }
    if (all && !each)
        printf("%s: %d requests, blocked: %d (%.1f %%) here, %d (%.1f %%) libmodsecurity\n", path,
               all, blocked[0], 100.0 * blocked[0] / all, blocked[1], 100.0 * blocked[1] / all);
    free(bytes);
    fclose(in);
}

static int run(char **argv)
{
    unsigned engine = 0;
    sample *s = make(argv[3]);
    while (engine < 4 && strcmp(engines[engine], argv[2]) != 0)
        engine++;
    if (engine == 4)
        die(argv[2], "no such engine");
    for (long i = strtol(argv[4], NULL, 10); i > 0; i--)
        check(engine, s);
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[1] : "";
    start_ours();
    if (strcmp(mode, "run") != 0 || strcmp(argv[2], "peer") == 0)
        start_peer();
    if (strcmp(mode, "cost") == 0)
        cost(atoi(argv[2]));
    else if (strcmp(mode, "run") == 0 && argc == 5)
        return run(argv);
    else if (strcmp(mode, "share") == 0)
        share(argv[2], argc > 3);
    else
        die("usage", "bench_waf cost ROUNDS | run ENGINE REQUEST TIMES | share FILE [each]");
    return 0;
}
