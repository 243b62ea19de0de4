/* The table of the section waf. Data only; what several keys mean together is in waf.c. */
#include "gateway/config/schema_keys.h"

#define MIB ((int64_t)1024 * 1024)

static const char *const actions[] = {"block", "count", "none", NULL};
static const char *const statuses[] = {"403", "429", NULL};
static const char *const on_fails[] = {"closed", "open", "local", NULL};
static const gw_cfg_key rate_keys[] = {
    {NUMBER(gw_cfg_waf_rate, limit, 2000, 1, 1000000000),
     .doc = "RateLimitPerIP: requests of one address in the window."},
    {NUMBER(gw_cfg_waf_rate, window_s, 300, 1, 86400), .doc = "The window; it slides."},
    {WORD(gw_cfg_waf_rate, action, actions, 0), .doc = "What becomes of a request over the limit."},
    {WORD(gw_cfg_waf_rate, status, statuses, 1),
     .doc = "How it is refused: 429 with Retry-After, or 403."},
    {NUMBER(gw_cfg_waf_rate, ipv6_prefix, 64, 1, 128),
     .doc = "IPv6 addresses are counted by so many bits: one client owns all behind them."},
    {WORD(gw_cfg_waf_rate, on_fail, on_fails, 1),
     .doc = "When the Redis that counts does not answer: refuse, let pass, or count here."},
    {NUMBER(gw_cfg_waf_rate, lease, 0, 0, 1000000),
     .doc = "Requests that this process takes from Redis at a time; 0: one by one."},
    {NUMBER(gw_cfg_waf_rate, lease_ms, 1000, 1, 60000), .doc = "How long it keeps them."},
    END};
static const gw_cfg_section rate = {"the rate_limit section", sizeof(gw_cfg_waf_rate), rate_keys};

#define FILES(field_, doc_)                                                                        \
    {                                                                                              \
        TEXTS(gw_cfg_waf_lists, field_, 16), .doc = (doc_)                                         \
    }
static const gw_cfg_key lists_keys[] = {
    FILES(reputation, "Files with addresses for the rule AWSManagedIPReputationList: block."),
    FILES(reconnaissance, "Files for AWSManagedReconnaissanceList: block."),
    FILES(ddos, "Files for AWSManagedIPDDoSList: count."),
    FILES(allow, "Files with addresses that none of the three lists is asked about."),
    {NUMBER(gw_cfg_waf_lists, max_entries, 1000000, 1, 10000000), .doc = "Entries of one list."},
    {NUMBER(gw_cfg_waf_lists, check_s, 60, 1, 86400),
     .doc = "How often the files are looked at for a change."},
    END};
static const gw_cfg_section lists = {"the ip_reputation section", sizeof(gw_cfg_waf_lists),
                                     lists_keys};

static const char *const modes[] = {"block", "count", NULL};
/* In the order of aigw_waf_content, without its first. */
static const char *const contents[] = {
    "skip", "count-signatures", "count-full", "block-signatures", "block-full", NULL};
#define ROUTE(field_, doc_)                                                                        \
    {                                                                                              \
        WORD(gw_cfg_waf_routes, field_, contents, -1), .computed = true, .doc = (doc_)             \
    }
static const gw_cfg_key route_keys[] = {
    ROUTE(chat, "Chat Completions."),   ROUTE(messages, "Anthropic's Messages."),
    ROUTE(responses, "Responses."),     ROUTE(gemini, "Gemini's paths."),
    ROUTE(bedrock, "Bedrock's paths."), ROUTE(embeddings, "Embeddings."),
    ROUTE(other, "Everything else."),   END};
static const gw_cfg_section routes = {"the routes section", sizeof(gw_cfg_waf_routes), route_keys};

static const char *const logs[] = {"none", "matches", "all", NULL};
static const gw_cfg_key keys[] = {
    {WORD(gw_cfg_waf, mode, modes, 0), .doc = "count: nothing is blocked, everything is counted."},
    {WORD(gw_cfg_waf, content, contents, 0),
     .doc = "What is done with prompt text: not looked at; counted, or blocked, by the small set "
            "of exploits or by every pattern. block-full breaks honest requests that hold code."},
    {SECTION(gw_cfg_waf, routes, routes), .doc = "content for a kind of path."},
    {KEY(GW_CFG_PAIRS, gw_cfg_waf, rules), .max = 128,
     .doc = "An action, block, count or none, for a rule or a group, by its name. Of a group, "
            "count turns what it blocks into a count."},
    {NUMBER(gw_cfg_waf, max_query_bytes, 2048, 1, 65536), .doc = "SizeRestrictions_QUERYSTRING."},
    {NUMBER(gw_cfg_waf, max_cookie_bytes, 10240, 1, 65536),
     .doc = "SizeRestrictions_Cookie_HEADER."},
    {NUMBER(gw_cfg_waf, max_path_bytes, 1024, 1, 65536), .doc = "SizeRestrictions_URIPATH."},
    {NUMBER(gw_cfg_waf, max_body_bytes, 8192, 1, 1024 * MIB),
     .doc = "SizeRestrictions_BODY, which only counts unless rules say otherwise."},
    {NUMBER(gw_cfg_waf, max_arguments, 255, 1, 65536), .doc = "Arguments of a query or a form."},
    {FLAG(gw_cfg_waf, allow_private_urls, 0),
     .doc = "URLs in requests may name hosts in private networks."},
    {FLAG(gw_cfg_waf, any_content_type, 0), .doc = "Any content-type may be sent."},
    {SECTION(gw_cfg_waf, rate_limit, rate), .doc = "The rule RateLimitPerIP."},
    {SECTION(gw_cfg_waf, ip_reputation, lists), .doc = "Lists of addresses."},
    {WORD(gw_cfg_waf, log, logs, 1),
     .doc = "Which requests get a line with AWS's fields: those in which a rule saw something, "
            "or all."},
    {FLAG(gw_cfg_waf, samples, 1), .doc = "Keep samples of requests for the admin API, 3 hours."},
    {TEXT(gw_cfg_waf, name, 128), .preset_text = "ai-gateway", .doc = "webaclId of its log lines."},
    END};
const gw_cfg_section gw_cfg_waf_section = {"the waf section", sizeof(gw_cfg_waf), keys};
