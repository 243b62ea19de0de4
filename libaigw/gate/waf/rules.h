/*
 * The rules: their groups, names, labels and default actions, and which family of patterns they read where.
 *
 * Plain tables. Knows nothing of requests.
 */
#ifndef GW_GATE_WAF_RULES_H
#define GW_GATE_WAF_RULES_H

#include <aigw/waf.h>

/* What a pattern is about. The order is that of the words in GW_WAF_FAMILY_NAMES. */
typedef enum gw_waf_family {
    GW_WAF_BOTS,
    GW_WAF_SSRF,
    GW_WAF_LFI,
    GW_WAF_RFI,
    GW_WAF_EXT,
    GW_WAF_XSS,
    GW_WAF_JAVA,
    GW_WAF_LOG4J,
    GW_WAF_REACT,
    GW_WAF_PATHS,
    GW_WAF_SQLI,
    GW_WAF_SQLX,
    GW_WAF_SHELL,
    GW_WAF_CODE,
    GW_WAF_LDAP,
    GW_WAF_SPLIT,
    GW_WAF_PROTO,
    GW_WAF_FAMILIES,
    GW_WAF_NO_FAMILY = GW_WAF_FAMILIES /* the rule is code */
} gw_waf_family;

/* As the patterns write them, in the order above. */
#define GW_WAF_FAMILY_NAMES                                                                        \
    {                                                                                              \
        "bots", "ssrf", "lfi", "rfi", "ext", "xss", "java", "log4j", "react", "paths", "sqli",     \
            "sqlx", "shell", "code", "ldap", "split", "proto"                                      \
    }

/* The rules that are code, by their place in the table. */
typedef enum gw_waf_code_rule {
    GW_WAF_R_NO_USER_AGENT,
    GW_WAF_R_SIZE_QUERY,
    GW_WAF_R_SIZE_COOKIE,
    GW_WAF_R_SIZE_BODY,
    GW_WAF_R_SIZE_PATH,
    GW_WAF_R_HOST_LOCALHOST,
    GW_WAF_R_PROPFIND,
    GW_WAF_R_METHOD,
    GW_WAF_R_HOST,
    GW_WAF_R_HEADER_SYNTAX,
    GW_WAF_R_RESTRICTED_HEADER,
    GW_WAF_R_CONTENT_TYPE,
    GW_WAF_R_BODY_LENGTH,
    GW_WAF_R_URL_ENCODING,
    GW_WAF_R_ARGUMENTS,
    GW_WAF_R_ARGUMENTS_BODY,
    GW_WAF_R_BODY_SYNTAX,
    GW_WAF_R_URL_FIELD,
    GW_WAF_R_IDENTIFIER,
    GW_WAF_CODE_RULES
} gw_waf_code_rule;

#define GW_WAF_COMPONENTS 8
#define GW_WAF_MAX_RULES  96
#define GW_WAF_NO_RULE    0xFFu

typedef struct gw_waf_group {
    const char *name, *metric, *prefix; /* prefix of labels */
} gw_waf_group;

typedef struct gw_waf_rule {
    unsigned char group;
    unsigned char family;    /* a gw_waf_family */
    unsigned char component; /* an aigw_waf_component */
    signed char code;        /* a gw_waf_code_rule, or -1 */
    unsigned char action;    /* an aigw_waf_action */
    const char *name, *label;
} gw_waf_rule;

#define GW_WAF_GROUPS 5
extern const gw_waf_group gw_waf_groups[GW_WAF_GROUPS];
extern const gw_waf_rule gw_waf_rules[];
extern const size_t gw_waf_rule_count;

/* Rules by what they read; GW_WAF_NO_RULE where none does. CONTENT reads as BODY. */
typedef struct gw_waf_index {
    unsigned char family[GW_WAF_FAMILIES][GW_WAF_COMPONENTS];
    unsigned char code[GW_WAF_CODE_RULES];
} gw_waf_index;

void gw_waf_index_fill(gw_waf_index *out);
/* "aigw:waf:content:Log4JRCE" for Log4JRCE_BODY: what a match in prompt text is labelled. */
const char *gw_waf_content_label(unsigned rule);

#endif
