/*
 * IP reputation: lists of addresses that are blocked, counted or always let through.
 *
 * Pure: the caller reads the files and says the time; nothing is fetched. Shared: any thread may look up
 * while another one loads. A load builds a new table and swaps it in at once; if the new list is refused,
 * the last good one stays.
 */
#ifndef AIGW_IPREP_H
#define AIGW_IPREP_H

#include <aigw/error.h>
#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The slots. Rules and labels are those of AWSManagedRulesAmazonIpReputationList. */
typedef enum aigw_iprep_list {
    AIGW_IPREP_REPUTATION = 0, /* AWSManagedIPReputationList: block */
    AIGW_IPREP_RECONNAISSANCE, /* AWSManagedReconnaissanceList: block */
    AIGW_IPREP_DDOS,           /* AWSManagedIPDDoSList: count */
    AIGW_IPREP_ALLOW,          /* wins over the three */
    AIGW_IPREP_LISTS
} aigw_iprep_list;

typedef enum aigw_iprep_action {
    AIGW_IPREP_NONE = 0, /* in no list */
    AIGW_IPREP_ALLOWED,  /* in the allow list: the three are not asked */
    AIGW_IPREP_COUNT,
    AIGW_IPREP_BLOCK
} aigw_iprep_action;

typedef struct aigw_iprep_options {
    size_t size;        /* sizeof(aigw_iprep_options) */
    size_t max_entries; /* of each list; 0: 1,000,000 */
} aigw_iprep_options;

typedef struct aigw_iprep aigw_iprep;

/* `options` may be NULL. */
AIGW_API int aigw_iprep_new(const aigw_iprep_options *options, aigw_iprep **out, aigw_error *err);
/* No lookup may run any more. */
AIGW_API void aigw_iprep_free(aigw_iprep *iprep);

/*
 * Replaces one list by the contents of some files (Spamhaus has one for IPv4 and one for IPv6). Formats, told
 * apart by their first byte:
 *   - one address, CIDR or range a-b per line; behind it, after a space or a tab, anything; comments with
 *     # and ;. Where the second word is an address too, the two are a range (DShield).
 *   - one JSON object per line with "cidr" (Spamhaus drop_v4.json); {"type":"metadata"} is skipped
 *   - a JSON object with "Addresses", or "IPSet" around it (AWS)
 * IPv4 in IPv6 notation counts as IPv4. Bits behind a prefix length are ignored; a length of 0 is refused.
 *
 * Refused, and the last good list stays: AIGW_E_PARSE with err->line ("bad_entry", "bad_list"),
 * AIGW_E_LIMIT ("too_many_entries"), AIGW_E_DENIED ("empty_list": a file without an entry; "shrunk": less than
 * half of the entries before). `force` overrides the last two.
 */
AIGW_API int aigw_iprep_load(aigw_iprep *iprep, aigw_iprep_list list, const aigw_slice *files,
                             size_t file_count, bool force, int64_t now_unix_s, aigw_error *err);

typedef struct aigw_iprep_hit {
    aigw_iprep_action action; /* the strictest */
    unsigned lists;           /* bit 1u << aigw_iprep_list of each list that has it */
    /* Of the first list that has it, in the order of the slots; "" if none, or allowed. Static storage. */
    const char *rule, *label;
} aigw_iprep_hit;

/* `address` is a text without port or brackets. False (and *out untouched) if it is none. */
AIGW_API bool aigw_iprep_check(aigw_iprep *iprep, aigw_slice address, aigw_iprep_hit *out);

typedef struct aigw_iprep_facts {
    size_t entries;              /* as the files had them */
    size_t ranges_v4, ranges_v6; /* after merging */
    size_t bytes;                /* of the table */
    int64_t loaded_unix_s;       /* -1: never */
    uint64_t loads, refusals;
} aigw_iprep_facts;

AIGW_API void aigw_iprep_facts_of(aigw_iprep *iprep, aigw_iprep_list list, aigw_iprep_facts *out);

/* "AWSManagedIPReputationList", "awswaf:managed:aws:amazon-ip-list:AWSManagedIPReputationList"; "" for the
 * allow list. Static storage. */
AIGW_API const char *aigw_iprep_rule(aigw_iprep_list list);
AIGW_API const char *aigw_iprep_label(aigw_iprep_list list);

#ifdef __cplusplus
}
#endif
#endif
