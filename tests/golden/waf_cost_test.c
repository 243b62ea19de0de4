/* No input costs more than its size: a one-line body of 1 MB takes at most 4.5 times the instructions of one of
 * 256 KB, whatever it is made of. Runs itself under callgrind; skips where there is none. */
#include "base/text.h"
#include <aigw/waf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"
#define XML  "application/xml"
#define PART "multipart/form-data; boundary=b"

static const struct {
    const char *type, *head, *unit, *tail;
} bodies[] = {
    {FORM, "a=", "' or ", ""},
    {FORM, "a=", "(((((;|$({`", ""},
    {FORM, "a=", "/*", ""},
    {FORM, "a=", "%253Cscript ", ""},
    {FORM, "", "a=%26&", ""},
    {FORM, "a=", "sudo A=1 nohup ", ""},
    {FORM, "a=", "select union ${a ", ""},
    {XML, "", "<a b='", ""},
    {PART, "--b\r\n\r\n", "--b\r", ""},
    {JSON, "{\"x\":\"", "\\u0026lt;<a on", "\"}"},
    {JSON, "{\"x\":[", "\"../..\",", "1]}"},
    {JSON, "{\"x\":[", "{\"url\":\"http://0x7f.1\"},", "1]}"},
    {JSON, "{\"messages\":[{\"content\":\"", "' or 1; cat /etc <a ", "\"}]}"},
};
#define BODIES (sizeof bodies / sizeof bodies[0])

/* One check of body `which` with about `size` bytes. */
static int run(size_t which, size_t size)
{
    aigw_waf *waf = NULL;
    aigw_waf_result *result = calloc(1, sizeof *result);
    char *body = malloc(size + 256);
    aigw_waf_options options = {.size = sizeof options, .content = AIGW_WAF_CONTENT_COUNT_FULL};
    int code = aigw_waf_new(&options, &waf, NULL);
    if (code == AIGW_E_UNSUPPORTED)
        return 77;
    size_t at = (size_t)sprintf(body, "%s", bodies[which].head);
    size_t unit = strlen(bodies[which].unit);
    while (at + unit < size) {
        memcpy(body + at, bodies[which].unit, unit);
        at += unit;
    }
    at += (size_t)sprintf(body + at, "%s", bodies[which].tail);
    aigw_header headers[] = {{GW_S("Host"), GW_S("gw.example.com")},
                             {GW_S("User-Agent"), GW_S("t/1")},
                             {GW_S("Content-Length"), GW_S("1")}};
    aigw_waf_request request = {.size = sizeof request,
                                .method = GW_S("POST"),
                                .path = GW_S("/v1/chat/completions"),
                                .headers = headers,
                                .header_count = 3,
                                .body = {body, at},
                                .content_type = aigw_slice_of(bodies[which].type)};
    if (code == AIGW_OK)
        code = aigw_waf_check(waf, &request, result, NULL);
    aigw_waf_free(waf);
    free(result);
    free(body);
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
    for (size_t i = 0; i < BODIES; i++) {
        double small = counted(argv[0], i, 256 << 10);
        double large = counted(argv[0], i, 1 << 20);
        if (none == 0 || small == 0 || large == 0) {
            printf("skipped: callgrind does not count here\n");
            return 77;
        }
        /* A body that is hardly looked at has no ratio worth the name. */
        double base = small - none > 1e6 ? small - none : 1e6;
        double ratio = (large - none) / base;
        printf("%-20s %12.0f at 256 KB, %12.0f at 1 MB: %.2f\n", bodies[i].unit, small, large,
               ratio);
        if (ratio > 4.5) {
            printf("FAILED: more than 4.5 times\n");
            failures++;
        }
    }
    return failures ? 1 : 0;
}
