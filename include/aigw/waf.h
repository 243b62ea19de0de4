/*
 * A web application firewall that knows which bytes of a request are prompt.
 *
 * Rules carry the names and labels of AWS WAFv2's managed groups, plus two groups of our own for what those do
 * not name (injection into shells and code, protocol abuse). Default action allow. An aigw_waf is immutable and
 * shared: any number of threads check with it at once. It does no I/O, reads no clock and keeps no request.
 *
 * Start: the signatures were compiled when the library was built (x86: for CPUs with AVX2). aigw_waf_new only
 * loads them, in under a millisecond. Where the CPU or the matcher's version differs from the build's, it
 * compiles them anew, once per aigw_waf_new, which takes some seconds; aigw_waf_info says which of the two it was.
 * There is no state in between: a WAF either has all its signatures or is not made.
 */
#ifndef AIGW_WAF_H
#define AIGW_WAF_H

#include <aigw/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum aigw_waf_action {
    AIGW_WAF_DEFAULT = 0, /* what the rule does by itself */
    AIGW_WAF_BLOCK = 1,
    AIGW_WAF_COUNT = 2, /* labels, goes on */
    AIGW_WAF_NONE = 3   /* not evaluated; of a group: no override */
} aigw_waf_action;

/*
 * What is done with prompt text (messages, input, tool arguments and results, schemas of tools, ...). Signatures is
 * the small set that means an exploit wherever it stands; full is every pattern. block_full breaks most
 * honest traffic that holds code; it is there for parity.
 */
typedef enum aigw_waf_content {
    AIGW_WAF_CONTENT_DEFAULT = 0, /* of a route: the WAF's; of the WAF: skip */
    AIGW_WAF_CONTENT_SKIP = 1,
    AIGW_WAF_CONTENT_COUNT_SIGNATURES = 2,
    AIGW_WAF_CONTENT_COUNT_FULL = 3,
    AIGW_WAF_CONTENT_BLOCK_SIGNATURES = 4,
    AIGW_WAF_CONTENT_BLOCK_FULL = 5
} aigw_waf_content;

/* Which schema says what a JSON member is. On OTHER nothing is prompt. */
typedef enum aigw_waf_route {
    AIGW_WAF_ROUTE_BY_PATH = 0, /* see aigw_waf_route_of */
    AIGW_WAF_ROUTE_OTHER = 1,
    AIGW_WAF_ROUTE_HEALTH = 2, /* health and metrics: exempt from NoUserAgent and Host_localhost */
    AIGW_WAF_ROUTE_CHAT = 3,   /* OpenAI chat and text completions */
    AIGW_WAF_ROUTE_MESSAGES = 4,
    AIGW_WAF_ROUTE_RESPONSES = 5,
    AIGW_WAF_ROUTE_GEMINI = 6,
    AIGW_WAF_ROUTE_BEDROCK = 7,
    AIGW_WAF_ROUTE_EMBEDDINGS = 8
} aigw_waf_route;
#define AIGW_WAF_ROUTES 9

typedef enum aigw_waf_component {
    AIGW_WAF_METHOD = 0,
    AIGW_WAF_URIPATH = 1,
    AIGW_WAF_QUERYSTRING = 2,
    AIGW_WAF_QUERYARGUMENTS = 3, /* names and values, decoded */
    AIGW_WAF_HEADER = 4,         /* names and values; credentials are never looked at */
    AIGW_WAF_COOKIE = 5,
    AIGW_WAF_BODY = 6, /* form fields, text, and of JSON: keys, identifiers, URLs, other scalars */
    AIGW_WAF_CONTENT = 7 /* prompt text in a JSON body */
} aigw_waf_component;

/* name: a group ("AWSManagedRulesCommonRuleSet") or a rule ("GenericLFI_BODY"). Of a group, COUNT leaves the
 * evaluation inside as it is and turns its block into a count; BLOCK and NONE mean no override. */
typedef struct aigw_waf_override {
    const char *name;
    aigw_waf_action action;
} aigw_waf_override;

/* Zero everything but size: the profile of a gateway (SizeRestrictions_BODY counts, all else blocks). */
typedef struct aigw_waf_options {
    size_t size;     /* sizeof(aigw_waf_options) */
    bool count_only; /* mode count: nothing is blocked */
    const aigw_waf_override
        *overrides; /* the last one for a name wins; read during the call only */
    size_t override_count;
    aigw_waf_content content;                        /* prompt text, everywhere */
    aigw_waf_content route_content[AIGW_WAF_ROUTES]; /* and per route */
    size_t max_query_bytes;                          /* SizeRestrictions_QUERYSTRING; 0: 2,048 */
    size_t max_cookie_bytes;                         /* SizeRestrictions_Cookie_HEADER; 0: 10,240 */
    size_t max_path_bytes;                           /* SizeRestrictions_URIPATH; 0: 1,024 */
    size_t max_body_bytes;                           /* SizeRestrictions_BODY; 0: 8,192 */
    size_t max_arguments;    /* ArgumentCount_QUERYARGUMENTS and _BODY; 0: 255 */
    bool allow_private_urls; /* a URL member may name a host of RFC 1918 or fc00::/7 */
    bool any_content_type;   /* ContentType_HEADER is content with any type */
} aigw_waf_options;

/* One request, borrowed during the call. path and query as received, still percent-encoded; query without its ?,
 * data NULL if there is none. The body is whole and decoded; an empty one is fine. */
typedef struct aigw_waf_request {
    size_t size;
    aigw_slice method, path, query;
    const aigw_header *headers;
    size_t header_count;
    aigw_slice body;
    aigw_slice content_type; /* data NULL: the header's */
    aigw_waf_route route;
    /* Our end of the connection, "127.0.0.1:8787"; or "". A Host that names exactly this listener is no attack
     * where it lies on loopback. */
    aigw_slice local;
} aigw_waf_request;

/* A rule that saw something. group, rule and label are static text. */
typedef struct aigw_waf_match {
    const char *group;
    const char *rule;
    const char *label;
    aigw_waf_action
        action; /* as configured, after overrides: BLOCK, COUNT, or NONE (explain only) */
    aigw_waf_component component;
    int pattern; /* the signature's number; 0 for rules that are code */
    char location
        [96]; /* "args:q", "header:referer", "/metadata/x": for operators, not for clients */
    char matched[64]; /* printable excerpt around the match; "" for content and for code rules */
} aigw_waf_match;

#define AIGW_WAF_MATCHES 64

/*
 * BLOCK names the terminating rule: the first in priority order (protocol, common, known bad inputs, SQLi,
 * injection), matches[terminating]. The others were counted before it. A client is told none of this.
 */
typedef struct aigw_waf_result {
    bool block;
    size_t terminating; /* index into matches; AIGW_WAF_MATCHES if none */
    size_t match_count; /* each rule once, at its first location */
    bool more;          /* there were more than fit */
    aigw_waf_match matches[AIGW_WAF_MATCHES];
} aigw_waf_result;

typedef struct aigw_waf aigw_waf;

/* Errors: AIGW_E_CONFIG (unknown name in an override: pointer says which), AIGW_E_INVALID, AIGW_E_NOMEM,
 * AIGW_E_UNSUPPORTED (this CPU cannot run the matcher). */
AIGW_API int aigw_waf_new(const aigw_waf_options *options, aigw_waf **out, aigw_error *err);
AIGW_API void aigw_waf_free(aigw_waf *waf);

/*
 * AIGW_OK with a verdict, also when that is to block. Outside prompts at most 8,192 texts of 1 MiB together are looked
 * at; of a request with more, BodySyntax_BODY says so, and blocks it. A failure (AIGW_E_NOMEM, AIGW_E_INVALID) is no verdict:
 * the caller must not let the request pass. Memory used meanwhile: twice the longest
 * scanned field, what is unescaped, and the tape of a JSON body; 64 KiB or so for most requests.
 */
AIGW_API int aigw_waf_check(const aigw_waf *waf, const aigw_waf_request *request,
                            aigw_waf_result *out, aigw_error *err);

/*
 * The same without an end: every rule that saw something, at every place, whatever its action, those behind the
 * terminating one too; content is scanned with every pattern. One line of text each; free with aigw_bytes_free.
 * At most 1 MiB: then "... and N more" stands before the verdict.
 */
AIGW_API int aigw_waf_explain(const aigw_waf *waf, const aigw_waf_request *request, aigw_slice *out,
                              aigw_error *err);

AIGW_API aigw_waf_route aigw_waf_route_of(aigw_slice path);
/* "compiled" (at start), "loaded" (from the build); static. */
AIGW_API const char *aigw_waf_info(const aigw_waf *waf);

/* The rules, in order of evaluation: index from 0 until false. action is the one without options. */
typedef struct aigw_waf_rule {
    const char *group;
    const char *metric; /* the group's metric name, "ai-gateway-common-rules" */
    const char *rule;
    const char *label;
    aigw_waf_action action;
} aigw_waf_rule;

AIGW_API bool aigw_waf_rule_at(size_t index, aigw_waf_rule *out);
AIGW_API const char *aigw_waf_component_name(aigw_waf_component component); /* "QUERYARGUMENTS" */

#ifdef __cplusplus
}
#endif
#endif
