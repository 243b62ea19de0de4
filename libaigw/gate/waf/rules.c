/* The rules as tables. AWS's groups carry AWS's names and labels; ours are under aigw:waf. Must not know what
 * a request looks like. */
#include "gate/waf/rules.h"
#include <string.h>

const gw_waf_group gw_waf_groups[GW_WAF_GROUPS] = {
    {"AigwProtocolRuleSet", "ai-gateway-protocol-rules", "aigw:waf:protocol:"},
    {"AWSManagedRulesCommonRuleSet", "ai-gateway-common-rules",
     "awswaf:managed:aws:core-rule-set:"},
    {"AWSManagedRulesKnownBadInputsRuleSet", "ai-gateway-known-bad-inputs",
     "awswaf:managed:aws:known-bad-inputs:"},
    {"AWSManagedRulesSQLiRuleSet", "ai-gateway-sqli-rules", "awswaf:managed:aws:sql-database:"},
    {"AigwInjectionRuleSet", "ai-gateway-injection-rules", "aigw:waf:injection:"},
};

/* group, family, component, code, action, name, label; in order of evaluation. */
#define PATTERN(group, family, component, name, label)                                             \
    {                                                                                              \
        (group), GW_WAF_##family, AIGW_WAF_##component, -1, AIGW_WAF_BLOCK, (name), (label)        \
    }
#define CODED(group, code, component, action, name, label)                                         \
    {                                                                                              \
        (group), GW_WAF_NO_FAMILY, AIGW_WAF_##component, GW_WAF_R_##code, AIGW_WAF_##action,       \
            (name), (label)                                                                        \
    }
#define CORE  "awswaf:managed:aws:core-rule-set:"
#define KNOWN "awswaf:managed:aws:known-bad-inputs:"
#define SQL   "awswaf:managed:aws:sql-database:"
#define PROTO "aigw:waf:protocol:"
#define INJ   "aigw:waf:injection:"

/* clang-format off */
const gw_waf_rule gw_waf_rules[] = {
    CODED(0, METHOD, METHOD, BLOCK, "Method_METHOD", PROTO "Method_Method"),
    CODED(0, HOST, HEADER, BLOCK, "Host_HEADER", PROTO "Host_Header"),
    CODED(0, HEADER_SYNTAX, HEADER, BLOCK, "HeaderSyntax_HEADER", PROTO "HeaderSyntax_Header"),
    CODED(0, RESTRICTED_HEADER, HEADER, BLOCK, "RestrictedHeader_HEADER", PROTO "RestrictedHeader_Header"),
    CODED(0, CONTENT_TYPE, HEADER, BLOCK, "ContentType_HEADER", PROTO "ContentType_Header"),
    CODED(0, BODY_LENGTH, BODY, BLOCK, "BodyLength_BODY", PROTO "BodyLength_Body"),
    CODED(0, URL_ENCODING, URIPATH, BLOCK, "UrlEncoding_URI", PROTO "UrlEncoding_URI"),
    CODED(0, ARGUMENTS, QUERYARGUMENTS, BLOCK, "ArgumentCount_QUERYARGUMENTS", PROTO "ArgumentCount_QueryArguments"),
    CODED(0, ARGUMENTS_BODY, BODY, BLOCK, "ArgumentCount_BODY", PROTO "ArgumentCount_Body"),
    CODED(0, BODY_SYNTAX, BODY, BLOCK, "BodySyntax_BODY", PROTO "BodySyntax_Body"),
    PATTERN(0, PROTO, URIPATH, "ProtocolAttack_URIPATH", PROTO "ProtocolAttack_URIPath"),
    PATTERN(0, PROTO, QUERYARGUMENTS, "ProtocolAttack_QUERYARGUMENTS", PROTO "ProtocolAttack_QueryArguments"),
    PATTERN(0, PROTO, HEADER, "ProtocolAttack_HEADER", PROTO "ProtocolAttack_Header"),
    PATTERN(0, PROTO, COOKIE, "ProtocolAttack_COOKIE", PROTO "ProtocolAttack_Cookie"),
    PATTERN(0, PROTO, BODY, "ProtocolAttack_BODY", PROTO "ProtocolAttack_Body"),
    CODED(1, NO_USER_AGENT, HEADER, BLOCK, "NoUserAgent_HEADER", CORE "NoUserAgent_Header"),
    PATTERN(1, BOTS, HEADER, "UserAgent_BadBots_HEADER", CORE "BadBots_Header"),
    CODED(1, SIZE_QUERY, QUERYSTRING, BLOCK, "SizeRestrictions_QUERYSTRING", CORE "SizeRestrictions_QueryString"),
    CODED(1, SIZE_COOKIE, COOKIE, BLOCK, "SizeRestrictions_Cookie_HEADER", CORE "SizeRestrictions_Cookie_Header"),
    CODED(1, SIZE_BODY, BODY, COUNT, "SizeRestrictions_BODY", CORE "SizeRestrictions_Body"),
    CODED(1, SIZE_PATH, URIPATH, BLOCK, "SizeRestrictions_URIPATH", CORE "SizeRestrictions_URIPath"),
    PATTERN(1, SSRF, BODY, "EC2MetaDataSSRF_BODY", CORE "EC2MetaDataSSRF_Body"),
    PATTERN(1, SSRF, COOKIE, "EC2MetaDataSSRF_COOKIE", CORE "EC2MetaDataSSRF_Cookie"),
    PATTERN(1, SSRF, URIPATH, "EC2MetaDataSSRF_URIPATH", CORE "EC2MetaDataSSRF_URIPath"),
    PATTERN(1, SSRF, QUERYARGUMENTS, "EC2MetaDataSSRF_QUERYARGUMENTS", CORE "EC2MetaDataSSRF_QueryArguments"),
    PATTERN(1, LFI, QUERYARGUMENTS, "GenericLFI_QUERYARGUMENTS", CORE "GenericLFI_QueryArguments"),
    PATTERN(1, LFI, URIPATH, "GenericLFI_URIPATH", CORE "GenericLFI_URIPath"),
    PATTERN(1, LFI, BODY, "GenericLFI_BODY", CORE "GenericLFI_Body"),
    PATTERN(1, EXT, URIPATH, "RestrictedExtensions_URIPATH", CORE "RestrictedExtensions_URIPath"),
    PATTERN(1, EXT, QUERYARGUMENTS, "RestrictedExtensions_QUERYARGUMENTS", CORE "RestrictedExtensions_QueryArguments"),
    PATTERN(1, RFI, QUERYARGUMENTS, "GenericRFI_QUERYARGUMENTS", CORE "GenericRFI_QueryArguments"),
    PATTERN(1, RFI, BODY, "GenericRFI_BODY", CORE "GenericRFI_Body"),
    PATTERN(1, RFI, URIPATH, "GenericRFI_URIPATH", CORE "GenericRFI_URIPath"),
    PATTERN(1, XSS, COOKIE, "CrossSiteScripting_COOKIE", CORE "CrossSiteScripting_Cookie"),
    PATTERN(1, XSS, QUERYARGUMENTS, "CrossSiteScripting_QUERYARGUMENTS", CORE "CrossSiteScripting_QueryArguments"),
    PATTERN(1, XSS, BODY, "CrossSiteScripting_BODY", CORE "CrossSiteScripting_Body"),
    PATTERN(1, XSS, URIPATH, "CrossSiteScripting_URIPATH", CORE "CrossSiteScripting_URIPath"),
    PATTERN(2, JAVA, HEADER, "JavaDeserializationRCE_HEADER", KNOWN "JavaDeserializationRCE_Header"),
    PATTERN(2, JAVA, BODY, "JavaDeserializationRCE_BODY", KNOWN "JavaDeserializationRCE_Body"),
    PATTERN(2, JAVA, URIPATH, "JavaDeserializationRCE_URIPATH", KNOWN "JavaDeserializationRCE_URIPath"),
    PATTERN(2, JAVA, QUERYARGUMENTS, "JavaDeserializationRCE_QUERYSTRING", KNOWN "JavaDeserializationRCE_QueryString"),
    CODED(2, HOST_LOCALHOST, HEADER, BLOCK, "Host_localhost_HEADER", KNOWN "Host_Localhost_Header"),
    CODED(2, PROPFIND, METHOD, BLOCK, "PROPFIND_METHOD", KNOWN "Propfind_Method"),
    PATTERN(2, PATHS, URIPATH, "ExploitablePaths_URIPATH", KNOWN "ExploitablePaths_URIPath"),
    PATTERN(2, LOG4J, HEADER, "Log4JRCE_HEADER", KNOWN "Log4JRCE_Header"),
    PATTERN(2, LOG4J, QUERYARGUMENTS, "Log4JRCE_QUERYSTRING", KNOWN "Log4JRCE_QueryString"),
    PATTERN(2, LOG4J, BODY, "Log4JRCE_BODY", KNOWN "Log4JRCE_Body"),
    PATTERN(2, LOG4J, URIPATH, "Log4JRCE_URIPATH", KNOWN "Log4JRCE_URIPath"),
    PATTERN(2, REACT, BODY, "ReactJSRCE_BODY", KNOWN "ReactJSRCE_Body"),
    PATTERN(3, SQLI, QUERYARGUMENTS, "SQLi_QUERYARGUMENTS", SQL "SQLi_QueryArguments"),
    PATTERN(3, SQLI, BODY, "SQLi_BODY", SQL "SQLi_Body"),
    PATTERN(3, SQLI, COOKIE, "SQLi_COOKIE", SQL "SQLi_Cookie"),
    PATTERN(3, SQLI, URIPATH, "SQLi_URIPATH", SQL "SQLi_URIPath"),
    PATTERN(3, SQLX, QUERYARGUMENTS, "SQLiExtendedPatterns_QUERYARGUMENTS", SQL "SQLiExtendedPatterns_QueryArguments"),
    PATTERN(3, SQLX, BODY, "SQLiExtendedPatterns_BODY", SQL "SQLiExtendedPatterns_Body"),
    PATTERN(3, SQLX, HEADER, "SQLiExtendedPatterns_HEADER", SQL "SQLiExtendedPatterns_Header"),
    PATTERN(3, SQLX, URIPATH, "SQLiExtendedPatterns_URIPATH", SQL "SQLiExtendedPatterns_UriPath"),
    CODED(4, URL_FIELD, BODY, BLOCK, "UrlField_BODY", INJ "UrlField_Body"),
    CODED(4, IDENTIFIER, BODY, BLOCK, "Identifier_BODY", INJ "Identifier_Body"),
    PATTERN(4, SHELL, QUERYARGUMENTS, "ShellInjection_QUERYARGUMENTS", INJ "ShellInjection_QueryArguments"),
    PATTERN(4, SHELL, BODY, "ShellInjection_BODY", INJ "ShellInjection_Body"),
    PATTERN(4, SHELL, HEADER, "ShellInjection_HEADER", INJ "ShellInjection_Header"),
    PATTERN(4, SHELL, COOKIE, "ShellInjection_COOKIE", INJ "ShellInjection_Cookie"),
    PATTERN(4, SHELL, URIPATH, "ShellInjection_URIPATH", INJ "ShellInjection_URIPath"),
    PATTERN(4, CODE, QUERYARGUMENTS, "CodeInjection_QUERYARGUMENTS", INJ "CodeInjection_QueryArguments"),
    PATTERN(4, CODE, BODY, "CodeInjection_BODY", INJ "CodeInjection_Body"),
    PATTERN(4, CODE, HEADER, "CodeInjection_HEADER", INJ "CodeInjection_Header"),
    PATTERN(4, CODE, COOKIE, "CodeInjection_COOKIE", INJ "CodeInjection_Cookie"),
    PATTERN(4, CODE, URIPATH, "CodeInjection_URIPATH", INJ "CodeInjection_URIPath"),
    PATTERN(4, LDAP, QUERYARGUMENTS, "LdapInjection_QUERYARGUMENTS", INJ "LdapInjection_QueryArguments"),
    PATTERN(4, LDAP, BODY, "LdapInjection_BODY", INJ "LdapInjection_Body"),
    PATTERN(4, LDAP, HEADER, "LdapInjection_HEADER", INJ "LdapInjection_Header"),
    PATTERN(4, LDAP, COOKIE, "LdapInjection_COOKIE", INJ "LdapInjection_Cookie"),
    PATTERN(4, LDAP, URIPATH, "LdapInjection_URIPATH", INJ "LdapInjection_URIPath"),
    PATTERN(4, SPLIT, QUERYARGUMENTS, "ResponseSplitting_QUERYARGUMENTS", INJ "ResponseSplitting_QueryArguments"),
    PATTERN(4, SPLIT, BODY, "ResponseSplitting_BODY", INJ "ResponseSplitting_Body"),
    PATTERN(4, SPLIT, HEADER, "ResponseSplitting_HEADER", INJ "ResponseSplitting_Header"),
    PATTERN(4, SPLIT, COOKIE, "ResponseSplitting_COOKIE", INJ "ResponseSplitting_Cookie"),
    PATTERN(4, SPLIT, URIPATH, "ResponseSplitting_URIPATH", INJ "ResponseSplitting_URIPath"),
    PATTERN(4, XSS, HEADER, "CrossSiteScripting_HEADER", INJ "CrossSiteScripting_Header"),
    PATTERN(4, SSRF, HEADER, "EC2MetaDataSSRF_HEADER", INJ "EC2MetaDataSSRF_Header"),
    PATTERN(4, LFI, HEADER, "GenericLFI_HEADER", INJ "GenericLFI_Header"),
    PATTERN(4, LFI, COOKIE, "GenericLFI_COOKIE", INJ "GenericLFI_Cookie"),
    PATTERN(4, RFI, HEADER, "GenericRFI_HEADER", INJ "GenericRFI_Header"),
    PATTERN(4, RFI, COOKIE, "GenericRFI_COOKIE", INJ "GenericRFI_Cookie"),
};
/* clang-format on */
const size_t gw_waf_rule_count = sizeof gw_waf_rules / sizeof gw_waf_rules[0];
_Static_assert(sizeof gw_waf_rules / sizeof gw_waf_rules[0] <= GW_WAF_MAX_RULES, "raise the bound");

/* What AWS has no rule of its own for is read by the nearest: a cookie is a header field. */
void gw_waf_index_fill(gw_waf_index *out)
{
    memset(out, GW_WAF_NO_RULE, sizeof *out);
    for (size_t i = 0; i < gw_waf_rule_count; i++) {
        const gw_waf_rule *rule = &gw_waf_rules[i];
        if (rule->code >= 0)
            out->code[rule->code] = (unsigned char)i;
        else
            out->family[rule->family][rule->component] = (unsigned char)i;
    }
    unsigned char(*f)[GW_WAF_COMPONENTS] = out->family;
    f[GW_WAF_JAVA][AIGW_WAF_COOKIE] = f[GW_WAF_JAVA][AIGW_WAF_HEADER];
    f[GW_WAF_LOG4J][AIGW_WAF_COOKIE] = f[GW_WAF_LOG4J][AIGW_WAF_HEADER];
    f[GW_WAF_SQLI][AIGW_WAF_HEADER] = f[GW_WAF_SQLX][AIGW_WAF_HEADER];
    f[GW_WAF_SQLX][AIGW_WAF_COOKIE] = f[GW_WAF_SQLI][AIGW_WAF_COOKIE];
    for (size_t i = 0; i < GW_WAF_FAMILIES; i++)
        f[i][AIGW_WAF_CONTENT] = f[i][AIGW_WAF_BODY];
}

const char *gw_waf_content_label(unsigned rule)
{
    static const char *const labels[GW_WAF_FAMILIES] = {
        [GW_WAF_SSRF] = "aigw:waf:content:EC2MetaDataSSRF",
        [GW_WAF_LFI] = "aigw:waf:content:GenericLFI",
        [GW_WAF_RFI] = "aigw:waf:content:GenericRFI",
        [GW_WAF_XSS] = "aigw:waf:content:CrossSiteScripting",
        [GW_WAF_JAVA] = "aigw:waf:content:JavaDeserializationRCE",
        [GW_WAF_LOG4J] = "aigw:waf:content:Log4JRCE",
        [GW_WAF_REACT] = "aigw:waf:content:ReactJSRCE",
        [GW_WAF_SQLI] = "aigw:waf:content:SQLi",
        [GW_WAF_SQLX] = "aigw:waf:content:SQLiExtendedPatterns",
        [GW_WAF_SHELL] = "aigw:waf:content:ShellInjection",
        [GW_WAF_CODE] = "aigw:waf:content:CodeInjection",
        [GW_WAF_LDAP] = "aigw:waf:content:LdapInjection",
        [GW_WAF_SPLIT] = "aigw:waf:content:ResponseSplitting",
        [GW_WAF_PROTO] = "aigw:waf:content:ProtocolAttack",
    };
    unsigned family = gw_waf_rules[rule].family;
    const char *label = family < GW_WAF_FAMILIES ? labels[family] : NULL;
    return label ? label : gw_waf_rules[rule].label;
}
