/* Classes of attack that no one signature is about, each with samples of our own and with what is like it and is
 * honest. Through a whole check, with prompts skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include <aigw/waf.h>
#include <stdio.h>
#include <stdlib.h>

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"
#define PART "multipart/form-data; boundary=b"

typedef struct sample {
    const char *path, *query, *header, *value, *type, *body;
} sample;

static aigw_waf *waf;

static bool blocked(const sample *s, aigw_waf_match *by)
{
    static aigw_waf_result result;
    aigw_header headers[] = {{GW_S("Host"), GW_S("gw.example.com")},
                             {GW_S("User-Agent"), GW_S("t/1")},
                             {GW_S("Content-Length"), GW_S("1")},
                             {GW_S("Content-Type"), aigw_slice_of(s->type ? s->type : JSON)},
                             {GW_S("Accept"), GW_S("*/*")}};
    aigw_waf_request request = {.size = sizeof request,
                                .method = s->body ? GW_S("POST") : GW_S("GET"),
                                .path = aigw_slice_of(s->path ? s->path : "/v1/x"),
                                .query = aigw_slice_of(s->query),
                                .headers = headers,
                                .header_count = 5,
                                .body = aigw_slice_of(s->body)};
    if (s->header)
        headers[4] = (aigw_header){aigw_slice_of(s->header), aigw_slice_of(s->value)};
    assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
    if (result.block)
        *by = result.matches[result.terminating];
    return result.block;
}

static void expect(const sample *samples, size_t count, bool block)
{
    aigw_waf_match by = {0};
    for (size_t i = 0; i < count; i++) {
        if (blocked(&samples[i], &by) != block)
            fail_msg("sample %zu: %s by %s (%d) near \"%s\"", i, block ? "not blocked" : "blocked",
                     block ? "" : by.rule, by.pattern, by.matched);
    }
}
#define BLOCKED(list) expect((list), sizeof(list) / sizeof((list)[0]), true)
#define PASSES(list)  expect((list), sizeof(list) / sizeof((list)[0]), false)

static void scanners(void **state)
{
    (void)state;
    const sample bad[] = {{.header = "Acunetix-Scan", .value = "1"},
                          {.header = "X-Scanner", .value = "Some"},
                          {.header = "X-Sqlmap-Run", .value = "1"},
                          {.path = "/nessus-check-12"},
                          {.path = "/appscan_fingerprint/mac"},
                          {.query = "x=w00tw00t.at.somewhere"},
                          {.query = "nessus12=1"}};
    const sample good[] = {{.header = "X-Scan-Id", .value = "nightly"},
                           {.path = "/v1/models/nmt-large"},
                           {.query = "q=what+nessus+finds"}};
    BLOCKED(bad);
    PASSES(good);
}

static void includes(void **state)
{
    (void)state;
    const sample bad[] = {{.query = "x=https://other.example/a.txt?"},
                          {.query = "x=https%3A%2F%2Fother.example%2Fa%3Fb=1%3F%3F"},
                          {.query = "x=http?"},
                          {.query = "theme_path=http://other.example/a"},
                          {.query = "cfg%5Broot%5D=https://other.example/a"},
                          {.query = "x=ftp://other.example/a"},
                          {.type = FORM, .body = "include_dir=http%3A%2F%2Fother.example%2Fa"}};
    const sample good[] = {{.query = "redirect_uri=https://app.example.com/back"},
                           {.query = "url=https%3A%2F%2Fdocs.example.com%2Fa%3Fb%3D1"},
                           {.query = "q=is+it+http?"},
                           {.type = FORM, .body = "resource=https%3A%2F%2Fgw.example.com%2F"}};
    BLOCKED(bad);
    PASSES(good);
}

static void php(void **state)
{
    (void)state;
    const sample bad[] = {{.query = "f=File_Put_Contents"},
                          {.query = "f=$fn(7)"},
                          {.query = "f=$$fn[0]{1}('ls')"},
                          {.query = "f=$o->run%20();"},
                          {.query = "d=mbstring.func_overload%3D7"},
                          {.query = "d=open_basedir=/"},
                          {.header = "X-File-Name", .value = "a.PHP7..."},
                          {.header = "X.Filename", .value = "b.phtml"},
                          {.body = "{\"x\":{\"y\":\"$f ('id')\"}}"},
                          {.query = "a=__JS_function"}};
    const sample good[] = {{.query = "f=put_file"},
                           {.query = "p=$5+(about)"},
                           {.body = "{\"metadata\":{\"price\":\"in $USD (about)\"}}"},
                           {.header = "X-File-Name", .value = "php.pdf"},
                           {.query = "d=session.length"}};
    BLOCKED(bad);
    PASSES(good);
}

static void encodings(void **state)
{
    (void)state;
    const sample bad[] = {
        {.query = "a=%25252e%25252e%25252fx%25252f"},
        {.query = "a=%25252bADw-script%25252bAD4-"},
        {.query = "a=JHtqbmRpOmxkYXA6Ly94LmV4YW1wbGUvYX0"},
        {.body = "{\"x\":\"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==\"}"},
        {.query = "a%0d%0ab=1"},
        {.query = "a=x%0d%0aX-Forwarded-For:%20127.0.0.1"},
        {.type = FORM, .body = "a=%7x"},
        {.header = "Referer", .value = "https://app.example.com/%00"},
        {.type = "application/x-www-form-urlencoded;boundary=\"text/xml\"", .body = "a=1"},
        {.type = PART,
         .body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; "
                 "charset=utf-7\r\n\r\nx\r\n--b--"},
        {.type = PART,
         .body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: "
                 "base64\r\n\r\nx\r\n--b--"},
        {.type = PART,
         .body =
             "--b\r\nContent-Disposition: form-data; name=\"_charset_\"\r\n\r\nutf-7\r\n--b--"}};
    const sample good[] = {
        {.query = "pageToken=ChFtb2RlbHMvZ2VtaW5pLTEuNQ%3D%3D"},
        {.query = "a=100%25"},
        {.body = "{\"x\":\"aGVsbG8gd29ybGQsIGhvdyBhcmUgeW91\"}"},
        {.type = FORM, .body = "a=%7B%7D&b=100%25"},
        {.type = "multipart/form-data; boundary=\"a,b\"",
         .body = "--a,b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--a,b--"},
        {.type = PART,
         .body = "--b\r\nContent-Disposition: form-data; name=\"_charset_\"\r\n\r\nutf-8\r\n--b\r\n"
                 "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; "
                 "charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\n--b--"}};
    BLOCKED(bad);
    PASSES(good);
}

static void files(void **state)
{
    (void)state;
    const sample bad[] = {
        {.path = "/v1/proc/kallsyms"},  {.path = "/dump.sql.xz"},
        {.path = "/a/db-2024.tar.gz"},  {.path = "/@vite/client"},
        {.query = "f=/proc/diskstats"}, {.body = "{\"x\":\"$&lbracejndi:rmi://e\"}"}};
    const sample good[] = {{.path = "/v1/files/file-1/content"},
                           {.path = "/pass/p/v1/report.tar.gz"},
                           {.path = "/v1/models/@cf/meta/llama-3-8b-instruct"},
                           {.path = "/v1/process/stat"}};
    BLOCKED(bad);
    PASSES(good);
}

static void sessions_and_quotes(void **state)
{
    (void)state;
    const sample bad[] = {{.query = "JSESSIONID=1234"},
                          {.type = FORM, .body = "phpsessid=abc"},
                          {.query = "a=x'+or+name+like+'a"},
                          {.query = "a=x\"+and+sleep(5)"},
                          {.query = "a=x'+or+not+1"},
                          {.query = "a=pg_sleep"},
                          {.query = "a=b;+cat+/etc/hosts+%26+id"}};
    const sample good[] = {{.query = "session=1234"},
                           {.body = "{\"metadata\":{\"note\":\"He said \\\"hello\\\" and left\"}}"},
                           {.query = "q=C%23+%26+Java"},
                           {.query = "q=Tom+%26+Cat"}};
    BLOCKED(bad);
    PASSES(good);
}

static int set_up(void **state)
{
    (void)state;
    aigw_waf_options options = {.size = sizeof options};
    aigw_error err;
    int code = aigw_waf_new(&options, &waf, &err);
    if (code == AIGW_E_UNSUPPORTED) {
        printf("skipped: %s\n", err.message);
        exit(0);
    }
    return code;
}

static int tear_down(void **state)
{
    (void)state;
    aigw_waf_free(waf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scanners), cmocka_unit_test(includes),
        cmocka_unit_test(php),      cmocka_unit_test(encodings),
        cmocka_unit_test(files),    cmocka_unit_test(sessions_and_quotes)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
