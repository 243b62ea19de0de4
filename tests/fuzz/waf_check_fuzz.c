/* A whole check of anything: the first byte picks the body's type and the policy; then lines of path, query,
 * one header; then the body. The same request gets the same verdict twice, and explaining agrees. No input may cost far more than its
 * length: run with -max_len=65536 to look for slow ones. */
#include "base/text.h"
#include <aigw/waf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static aigw_waf *waf_for(unsigned policy)
{
    static aigw_waf *wafs[2];
    unsigned i = policy & 1;
    if (!wafs[i]) {
        aigw_waf_options options = {.size = sizeof options,
                                    .content =
                                        i ? AIGW_WAF_CONTENT_BLOCK_FULL : AIGW_WAF_CONTENT_SKIP};
        if (aigw_waf_new(&options, &wafs[i], NULL) == AIGW_E_UNSUPPORTED)
            exit(0);
    }
    return wafs[i];
}

/* Of this thread. Far above what the dearest honest input takes, sanitizers and coverage included. */
#define MOST_US(bytes) (50e3 + 30.0 * (double)(bytes))

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The least of three, so that a busy machine is no finding. */
static void require_cheap(const aigw_waf *waf, const aigw_waf_request *request, size_t size)
{
    static aigw_waf_result result;
    double least = 1e12;
    for (int i = 0; i < 3 && least > MOST_US(size); i++) {
        double begin = cpu_us();
        if (aigw_waf_check(waf, request, &result, NULL) != AIGW_OK)
            abort();
        double took = cpu_us() - begin;
        least = took < least ? took : least;
    }
    if (least > MOST_US(size)) {
        fprintf(stderr, "slow unit: %.0f us for %zu bytes\n", least, size);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"application/json",
                                        "application/x-www-form-urlencoded",
                                        "multipart/form-data; boundary=b",
                                        "application/xml",
                                        "text/plain",
                                        ""};
    static aigw_waf_result first, second;
    if (size < 1)
        return 0;
    char *room = malloc(size);
    memcpy(room, data, size);
    aigw_slice rest = gw_slice(room + 1, size - 1);
    aigw_slice path = gw_cut(&rest, '\n');
    aigw_slice query = gw_cut(&rest, '\n');
    aigw_slice value = gw_cut(&rest, '\n');
    aigw_slice name = gw_cut(&value, ':');
    aigw_header headers[] = {{GW_S("Host"), GW_S("gw.example.com")}, {name, value}};
    aigw_waf_request request = {.size = sizeof request,
                                .method = GW_S("POST"),
                                .path = path,
                                .query = query,
                                .headers = headers,
                                .header_count = 2,
                                .body = rest,
                                .content_type = aigw_slice_of(types[data[0] % 6]),
                                .route = (aigw_waf_route)(data[0] / 6 % AIGW_WAF_ROUTES)};
    const aigw_waf *waf = waf_for(data[0] >> 7);
    aigw_slice text;
    if (aigw_waf_check(waf, &request, &first, NULL) != AIGW_OK ||
        aigw_waf_check(waf, &request, &second, NULL) != AIGW_OK ||
        aigw_waf_explain(waf, &request, &text, NULL) != AIGW_OK)
        abort();
    require_cheap(waf, &request, size);
    if (first.block != second.block || first.match_count != second.match_count ||
        first.terminating != second.terminating ||
        first.block != (gw_find(text, GW_S("verdict: block")) != NULL))
        abort();
    aigw_bytes_free(text);
    free(room);
    return 0;
}
