/* Databases that do not fit this machine are compiled anew; no memory is an outcome and never a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "gate/waf/match.h"
#include <aigw/waf.h>
#include <stdio.h>
#include <stdlib.h>

static void count(void *user, unsigned pattern, size_t end)
{
    (void)pattern;
    assert_true(end > 0);
    ++*(int *)user;
}

static void compiles_what_does_not_load(void **state)
{
    (void)state;
    gw_waf_engine *engine = NULL;
    gw_waf_blob blobs[GW_WAF_SETS];
    memcpy(blobs, gw_waf_blobs, sizeof blobs);
    blobs[GW_WAF_SET_SMALL] = (gw_waf_blob){"not a database", 14};
    assert_int_equal(gw_waf_engine_new(blobs, &engine, NULL), AIGW_OK);
    assert_true(gw_waf_engine_compiled(engine));
    gw_waf_scratch *scratch = gw_waf_scratch_take(engine);
    assert_non_null(scratch);
    int found = 0;
    assert_int_equal(gw_waf_engine_scan(engine, scratch, GW_WAF_SET_SMALL,
                                        GW_S("x ${jndi:ldap://e} y"), count, &found),
                     AIGW_OK);
    assert_true(found > 0);
    found = 0;
    assert_int_equal(gw_waf_engine_scan(engine, scratch, GW_WAF_SET_SMALL, GW_S("nothing at all"),
                                        count, &found),
                     AIGW_OK);
    assert_int_equal(found, 0);
    gw_waf_scratch_give(engine, scratch);
    gw_waf_engine_free(engine);
}

/* --- allocations that fail --- */

static int left; /* until one fails; negative: none does */

static void *take(void *user, void *ptr, size_t bytes)
{
    (void)user;
    if (left == 0)
        return NULL;
    left -= left > 0;
    return realloc(ptr, bytes);
}

static void give(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static void no_memory(void **state)
{
    (void)state;
    static aigw_waf_result result;
    aigw_waf_options options = {.size = sizeof options};
    aigw_waf *waf = NULL;
    int fails = 0;
    for (;; fails++) {
        left = fails;
        int code = aigw_waf_new(&options, &waf, NULL);
        if (code == AIGW_OK)
            break;
        assert_int_equal(code, AIGW_E_NOMEM);
        assert_null(waf);
    }
    assert_true(fails > 2);
    aigw_header headers[] = {{GW_S("Host"), GW_S("gw.example.com")},
                             {GW_S("User-Agent"), GW_S("t/1")},
                             {GW_S("Content-Length"), GW_S("1")}};
    aigw_waf_request request = {.size = sizeof request,
                                .method = GW_S("POST"),
                                .path = GW_S("/v1/x"),
                                .headers = headers,
                                .header_count = 3,
                                .body = GW_S("{\"a\":\"\\u002e./../etc/passwd\"}"),
                                .content_type = GW_S("application/json")};
    for (fails = 0;; fails++) {
        left = fails;
        result.block = false;
        int code = aigw_waf_check(waf, &request, &result, NULL);
        if (code == AIGW_OK)
            break;
        assert_int_equal(code, AIGW_E_NOMEM);
    }
    assert_true(fails > 2);
    assert_true(result.block);
    for (fails = 0;; fails++) {
        aigw_slice text;
        left = fails;
        int code = aigw_waf_explain(waf, &request, &text, NULL);
        if (code == AIGW_OK) {
            aigw_bytes_free(text);
            break;
        }
        assert_int_equal(code, AIGW_E_NOMEM);
    }
    left = -1;
    aigw_waf_free(waf);
}

int main(void)
{
    aigw_waf *waf = NULL;
    aigw_error err;
    left = -1;
    aigw_set_allocator(&(aigw_allocator){take, give, NULL});
    if (aigw_waf_new(&(aigw_waf_options){.size = sizeof(aigw_waf_options)}, &waf, &err) ==
        AIGW_E_UNSUPPORTED) {
        printf("skipped: %s\n", err.message);
        return 0;
    }
    aigw_waf_free(waf);
    const struct CMUnitTest tests[] = {cmocka_unit_test(compiles_what_does_not_load),
                                       cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
