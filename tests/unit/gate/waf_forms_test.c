/* The normaliser, the reader of URLs and the reader of command lines, each alone, with what is meant to fool
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "gate/waf/norm.h"
#include "gate/waf/shell.h"
#include "gate/waf/url.h"

typedef size_t form(char *text, size_t len, bool *changed);

static size_t url(char *text, size_t len, bool *changed)
{
    return gw_waf_url_decode(text, len, true, changed);
}

static void forms(void **state)
{
    (void)state;
    static const struct {
        form *make;
        const char *in, *out;
    } cases[] = {
        {url, "%3Cscript%3E", "<script>"},
        {url, "a+b%2b", "a b+"},
        {url, "%u003c%uFF1cx%", "<<x%"},
        {url, "%zz%4", "%zz%4"},
        {url, "%%33%63", "%3c"},
        {gw_waf_html_decode, "&lt;&#60;&#x3C;&#60&#x3Cz", "<<<<<z"},
        {gw_waf_html_decode, "&LT;&nope;&", "<&nope;&"},
        {gw_waf_html_decode, "j&Tab;a&colon;", "j\ta:"},
        {gw_waf_html_decode, "&#1;", "\x01"},
        {gw_waf_js_decode, "\\x3c\\u003c\\u{3c}\\74", "<<<<"},
        {gw_waf_js_decode, "\\x3\\u{}\\q\\", "\\x3\\u{}\\q\\"},
        {gw_waf_clean, "\xEF\xBC\x9Cs\xE2\x80\x8B\xC0\xAE\xC2\xAD.", "<s.."},
        {gw_waf_path, "..\\..//.//etc\\passwd", "../../etc/passwd"},
        {gw_waf_path, "/a/./b/../c", "/a/b/../c"},
        {gw_waf_comments, "un/**/ion/* x", "un ion "},
        {gw_waf_command, "c\\a't' \t /e\"t\"c$@/pa^sswd", "cat /etc/passwd"},
        {gw_waf_command, "cat${IFS}x$IFS$9y``z", "cat x yz"},
        {gw_waf_squeeze, "< f o\tr\nm", "<form"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char room[64];
        size_t len = strlen(cases[i].in);
        bool changed = false;
        memcpy(room, cases[i].in, len);
        len = cases[i].make(room, len, &changed);
        if (!gw_eq(gw_slice(room, len), aigw_slice_of(cases[i].out)))
            fail_msg("%zu: %.*s", i, (int)len, room);
        assert_int_equal(changed, strcmp(cases[i].in, cases[i].out) != 0);
    }
    bool changed = false;
    char nul[] = {'a', 0, 'b'};
    assert_int_equal(gw_waf_clean(nul, 3, &changed), 2);
    assert_true(changed);
}

static void base64(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* "": not decoded */
    } cases[] = {
        {"JHtqbmRpOmxkYXA6Ly94fQ==", "${jndi:ldap://x}"},
        {"JHtqbmRpOmxkYXA6Ly94fQ", "${jndi:ldap://x}"},
        {"PHNjcmlwdD8-Pz4_", "<script?>?>?"},
        {"bGluZTEKbGluZTI=", "line1\nline2"},
        {"aGVsbG8=", ""},               /* short */
        {"resp_68a1b2c3d4e5f6", ""},    /* an id: decodes to bytes */
        {"gpt-4o-mini-2024-07-18", ""}, /* a name of a model */
        {"JHtqbmRpOmxkYXA6 Ly94fQ==", ""},
        {"JHtqbmRpOmxkYXA6Ly94fQ=x", ""},
    };
    char out[4200];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = gw_waf_base64_decode(aigw_slice_of(cases[i].in), out);
        if (!gw_eq(gw_slice(out, n), aigw_slice_of(cases[i].out)))
            fail_msg("%zu: %.*s", i, (int)n, out);
    }
    char most[4104];
    memset(most, 'a', sizeof most);
    for (size_t i = 0; i + 4 <= sizeof most; i += 4)
        memcpy(most + i, "YWFh", 4);
    assert_int_equal(gw_waf_base64_decode(gw_slice(most, 4096), out), 3072);
    assert_int_equal(gw_waf_base64_decode(gw_slice(most, 4097), out), 0);
}

static void plain(void **state)
{
    (void)state;
    char room[40];
    for (size_t len = 0; len <= sizeof room; len++) {
        memset(room, 'a', sizeof room);
        assert_true(gw_waf_is_plain(gw_slice(room, len)));
        for (size_t at = 0; at < len; at++) {
            const char odd[] = {0, (char)0x80, (char)0xEF};
            for (size_t i = 0; i < sizeof odd; i++) {
                room[at] = odd[i];
                assert_false(gw_waf_is_plain(gw_slice(room, len)));
            }
            room[at] = 1;
            assert_true(gw_waf_is_plain(gw_slice(room, len)));
            room[at] = 'a';
        }
    }
}

static void hosts(void **state)
{
    (void)state;
    enum { F = GW_WAF_HOST_FINE, M = GW_WAF_HOST_METADATA, L = GW_WAF_HOST_LOOPBACK };
    enum { P = GW_WAF_HOST_PRIVATE, O = GW_WAF_HOST_ODD };
    static const struct {
        const char *url;
        int host;
    } cases[] = {
        {"https://example.com/a.png", F},
        {"http://169.254.169.254/latest", M},
        {"http://169.254.43518/", M},
        {"http://2852039166/", M},
        {"http://0xA9FEA9FE/", M},
        {"http://0251.0376.0251.0376/", M},
        {"http://[::ffff:169.254.169.254]/", M},
        {"http://[fe80::1%25eth0]/", M},
        {"http://metadata.google.internal./", M},
        {"http://user:pw@169.254.169.254/", M},
        {"http://example.com@169.254.169.254", M},
        {"http:\\\\169.254.169.254\\x", M},
        {"http://localhost:80/", L},
        {"http://LOCALHOST.", L},
        {"http://127.1/", L},
        {"http://0/", L},
        {"http://017700000001/", L},
        {"http://0x7f.0.0.1/", L},
        {"http://[::1]/", L},
        {"http://[0:0:0:0:0:0:0:1]/", L},
        {"http://[::ffff:7f00:1]/", L},
        {"http://127.0.0.1.nip.io/", L},
        {"http://app-127-0-0-1.nip.io/", L},
        {"http://x.localhost/", L},
        {"http://%6cocalhost/", L},
        {"http://\xEF\xBD\x8C"
         "ocalhost/",
         L},
        {"http://10.1.2.3/", P},
        {"http://172.31.0.1/", P},
        {"http://172.32.0.1/", F},
        {"http://192.168.0.1:8080", P},
        {"http://100.64.0.1/", P},
        {"http://[fc00::1]/", P},
        {"http://[64:ff9b::a00:1]/", P},
        {"http://[2002:a00:1::]/", P},
        {"http://[2001:db8::1]/", F},
        {"http://[::1/", O},
        {"http://1.2.3.4/", F},
        {"http://16909060/", O},
        {"http://\xE2\x91\xA0.2.3.4/", O},
        {"http://", O},
        {"file:///etc/passwd", O},
        {"gopher://x", O},
        {"jar:http://x!/", O},
        {"file-abc123", F},
        {"gs://bucket/x", F},
        {"s3://bucket/x", F},
        {"data:image/png;base64,AA", F},
        {"//127.0.0.1/x", L},
        {" \thttp://127.0.0.1/", L},
        {"", F},
        {"http://256.1.1.1/", F},
        {"http://[1:2:3:4:5:6:7:8:9]/", O},
        {"http://224.0.0.1/", O},
        {"http://100.100.100.200/", M},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int host = (int)gw_waf_url_host(aigw_slice_of(cases[i].url));
        if (host != cases[i].host)
            fail_msg("%s: %d", cases[i].url, host);
    }
    assert_int_equal(gw_waf_host_of(GW_S("[::1]:8787")), L);
    assert_int_equal(gw_waf_host_of(GW_S("gw.example.com:8787")), F);
}

static void commands(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int is;
    } cases[] = {
        {"x;wget e", GW_WAF_SHELL_BEHIND},
        {"x | ( /usr/bin/id )", GW_WAF_SHELL_BEHIND},
        {"x && A=1 nohup nice -n 10 sh -c y", GW_WAF_SHELL_BEHIND},
        {"$(PYTHON3.11 -c x)", GW_WAF_SHELL_BEHIND},
        {"x & net user bob", GW_WAF_SHELL_BEHIND},
        {"x & cmd.exe /c dir", GW_WAF_SHELL_BEHIND},
        {"cat /etc/x", GW_WAF_SHELL_START},
        {"curl -s e", GW_WAF_SHELL_START},
        {"sudo rm -rf x", GW_WAF_SHELL_START},
        {"hello\nls -l", GW_WAF_SHELL_START},
        {"whoami", GW_WAF_SHELL_BARE},
        {"the cat; the dog", 0},
        {"time warner", 0},
        {"find me a cat; who is it?", 0},
        {"cat", 0},
        {"id", 0},
        {"make it so", 0},
        {"a net; a user", 0},
        {"wgetx /a;xwget", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t end = 0;
        int is = gw_waf_shell(aigw_slice_of(cases[i].text), GW_WAF_SHELL_PROSE, &end);
        if (is != cases[i].is || end > strlen(cases[i].text))
            fail_msg("%s: %d", cases[i].text, is);
    }
    size_t end;
    assert_int_equal(gw_waf_shell(GW_S("whoami"), GW_WAF_SHELL_INSIDE, &end), 0);
    /* An argument of a URL is no title: less will do. */
    static const struct {
        const char *text;
        bool prose, argument;
    } starts[] = {{"kubectl get pods", false, true},
                  {"python3.10 cmd", false, true},
                  {"ansible-console", false, true},
                  {"time bsdtar ", true, true},
                  {"visudo", true, true},
                  {"gunzip -c /x.gz", true, true},
                  {"python and ruby", false, false},
                  {"terraform tutorial", false, false},
                  {"python", false, false},
                  {"time warner ", false, false},
                  {"perlak", false, false},
                  {"sandboxing x", false, false}};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        aigw_slice text = aigw_slice_of(starts[i].text);
        if ((gw_waf_shell(text, GW_WAF_SHELL_PROSE, &end) != 0) != starts[i].prose ||
            (gw_waf_shell(text, GW_WAF_SHELL_ARGUMENT, &end) != 0) != starts[i].argument)
            fail_msg("%s", starts[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(base64),
                                       cmocka_unit_test(plain), cmocka_unit_test(hosts),
                                       cmocka_unit_test(commands)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
