/* No input costs more than its size: a text of one line takes at most 4.5 times the instructions of a quarter of
 * it, in any place of a request and whatever it is made of. Runs itself under callgrind; skips where there is none. */
#include "base/text.h"
#include <aigw/waf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"
#define XML  "application/xml"
#define PART "multipart/form-data; boundary=b"
#define TEXT "text/plain"

/* Where the long text stands: in a body of a type, or in the head. */
#define QUERY  "?"
#define PATH   "/"
#define COOKIE "cookie"
#define HEADER "x-long"

#define SKIP  AIGW_WAF_CONTENT_SKIP
#define SMALL AIGW_WAF_CONTENT_COUNT_SIGNATURES
#define FULL  AIGW_WAF_CONTENT_COUNT_FULL
#define BLOCK AIGW_WAF_CONTENT_BLOCK_FULL

static const struct {
    const char *type, *head, *unit, *tail;
    aigw_waf_content content;
} texts[] = {
    {FORM, "a=", "' or ", "", FULL},
    {FORM, "a=", "(((((;|$({`", "", FULL},
    {FORM, "a=", "/*", "", FULL},
    {FORM, "a=", "%253Cscript ", "", FULL},
    {FORM, "a=", "%25", "", FULL},
    {FORM, "", "a=%26&", "", FULL},
    {FORM, "", "a=http://&", "", FULL},
    {FORM, "a=", "sudo A=1 nohup ", "", FULL},
    {FORM, "a=", "select union ${a ", "", FULL},
    {TEXT, "", "${$a[{$b->c", "", FULL},
    {TEXT, "", "update set insert into select x ", "", FULL},
    {XML, "", "<a b='", "", FULL},
    {PART, "--b\r\n\r\n", "--b\r", "", FULL},
    {PART, "--b\r\n", "content-type: text/plain; charset=x;charset\r\n", "", FULL},
    {JSON, "{\"x\":\"", "\\u0026lt;<a on", "\"}", FULL},
    {JSON, "{\"x\":[", "\"../..\",", "1]}", FULL},
    {JSON, "{\"x\":[", "{\"url\":\"http://0x7f.1\"},", "1]}", FULL},
    {JSON, "{\"x\":[", "\"JHtqbmRpOmxkYXA6Ly94fQ\",", "1]}", FULL},
    {JSON, "{\"", "long-key <a on", "\":1}", FULL},
    {JSON, "{\"messages\":[{\"content\":\"", "' or 1; cat /etc <a ", "\"}]}", SKIP},
    {JSON, "{\"messages\":[{\"content\":\"", "' or 1; cat /etc <a ", "\"}]}", SMALL},
    {JSON, "{\"messages\":[{\"content\":\"", "' or 1; cat /etc <a ", "\"}]}", FULL},
    {JSON, "{\"messages\":[{\"content\":\"", "' or 1; cat /etc <a ", "\"}]}", BLOCK},
    {JSON, "{\"messages\":[{\"content\":\"", "\\u00e9\\u4e2d \\uff1c on", "\"}]}", FULL},
    {JSON, "{\"messages\":[{\"content\":\"", "${j${lower:n", "\"}]}", SMALL},
    {JSON, "{\"messages\":[{\"content\":\"", "AAAAAAAAAAAAAAAA", "\"}]}", FULL},
    {JSON, "{\"messages\":[{\"content\":\"", "class.module ${ <svg ; or ", "\"}]}", FULL},
    {QUERY, "a=", "' or ${a <a on", "", SKIP},
    {QUERY, "", "a=1&", "", SKIP},
    {QUERY, "", "a%0=://&", "", SKIP},
    {PATH, "/", "../a;sh/", "", SKIP},
    {COOKIE, "a=", "' or ${a <a on", "", SKIP},
    {COOKIE, "", "a=1;", "", SKIP},
    {HEADER, "", "' or ${a; charset <a", "", SKIP},
};
#define TEXTS (sizeof texts / sizeof texts[0])

static bool in_head(size_t which)
{
    const char *type = texts[which].type;
    return !strcmp(type, QUERY) || !strcmp(type, PATH) || !strcmp(type, COOKIE) ||
           !strcmp(type, HEADER);
}

/* One check of text `which` with about `size` bytes. */
static int run(size_t which, size_t size)
{
    aigw_waf *waf = NULL;
    aigw_waf_result *result = calloc(1, sizeof *result);
    char *text = malloc(size + 256);
    const char *type = texts[which].type;
    aigw_waf_options options = {.size = sizeof options, .content = texts[which].content};
    int code = aigw_waf_new(&options, &waf, NULL);
    if (code == AIGW_E_UNSUPPORTED)
        return 77;
    size_t at = (size_t)sprintf(text, "%s", texts[which].head);
    size_t unit = strlen(texts[which].unit);
    while (at + unit < size) {
        memcpy(text + at, texts[which].unit, unit);
        at += unit;
    }
    at += (size_t)sprintf(text + at, "%s", texts[which].tail);
    aigw_slice all = {text, at};
    aigw_header headers[] = {{GW_S("Host"), GW_S("gw.example.com")},
                             {GW_S("User-Agent"), GW_S("t/1")},
                             {GW_S("Content-Length"), GW_S("1")},
                             {GW_S("Accept"), GW_S("*/*")}};
    if (in_head(which))
        headers[3] = (aigw_header){aigw_slice_of(type), all};
    aigw_waf_request request = {.size = sizeof request,
                                .method = GW_S("POST"),
                                .path = strcmp(type, PATH) ? GW_S("/v1/chat/completions") : all,
                                .query = strcmp(type, QUERY) ? GW_S("") : all,
                                .headers = headers,
                                .header_count =
                                    !strcmp(type, COOKIE) || !strcmp(type, HEADER) ? 4 : 3,
                                .body = in_head(which) ? GW_S("") : all,
                                .content_type = aigw_slice_of(in_head(which) ? JSON : type)};
    if (code == AIGW_OK)
        code = aigw_waf_check(waf, &request, result, NULL);
    aigw_waf_free(waf);
    free(result);
    free(text);
    return code == AIGW_OK ? 0 : 1;
}

/* Instructions of a whole run; 0 if callgrind is not there or failed. */
static double counted(const char *self, size_t which, size_t size)
{
    char command[4096];
    char line[256];
    double count = 0;
    snprintf(command, sizeof command,
             "valgrind --tool=callgrind --callgrind-out-file=/dev/null "
             "--toggle-collect=aigw_waf_check '%s' %zu %zu 2>&1",
             self, which, size);
    FILE *out = popen(command, "r");
    while (out && fgets(line, sizeof line, out)) {
        const char *at = strstr(line, "Collected : ");
        if (at)
            count = strtod(at + 12, NULL);
    }
    return out && pclose(out) == 0 ? count : 0;
}

int main(int argc, char **argv)
{
    int failures = 0;
    if (argc == 3)
        return run(strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10));
    const char *wanted = getenv("AIGW_TEST_COST");
    if (!wanted || strcmp(wanted, "1") != 0) {
        printf("skipped: counts for two minutes; AIGW_TEST_COST=1 asks for it\n");
        return 77;
    }
    if (system("valgrind --version >/dev/null 2>&1") != 0) {
        printf("skipped: no valgrind\n");
        return 77;
    }
    /* What every check costs, such as the first one's scratch space, is taken off. */
    double none = counted(argv[0], 0, 64);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t size = in_head(i) ? 65536 : 261120; /* four times it is looked at whole */
        double small = counted(argv[0], i, size);
        double large = counted(argv[0], i, 4 * size);
        if (none == 0 || small == 0 || large == 0) {
            printf("skipped: callgrind does not count here\n");
            return 77;
        }
        /* A body that is hardly looked at has no ratio worth the name. */
        double base = small - none > 1e6 ? small - none : 1e6;
        double ratio = (large - none) / base;
        printf("%-32s %-28s %12.0f, %12.0f: %.2f\n", texts[i].type, texts[i].unit, small, large,
               ratio);
        if (ratio > 4.5) {
            printf("FAILED: more than 4.5 times\n");
            failures++;
        }
    }
    return failures ? 1 : 0;
}
