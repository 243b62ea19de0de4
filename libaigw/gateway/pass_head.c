/* Which fields of a passed-through request and of its answer go on: by lists, never by default.
 * Must not know bodies. Credentials, cookies and what is between two hops are on no list. */
#include "gateway/pass.h"

#include "base/text.h"

typedef struct rule {
    const char *name; /* a '*' at the end: what begins like that */
    bool many;        /* of a request: may stand several times; else the first counts */
} rule;

static const rule up_rules[] = {
    {"content-type", false},
    {"content-encoding", false},
    {"content-language", false},
    {"content-md5", false},
    {"content-range", false},
    {"digest", false},
    {"accept", true},
    {"accept-language", true},
    {"range", false},
    {"if-match", true},
    {"if-none-match", true},
    {"if-modified-since", false},
    {"if-unmodified-since", false},
    {"if-range", false},
    {"prefer", true},
    {"idempotency-key", false},
    {"openai-beta", true},
    {"openai-organization", false},
    {"openai-project", false},
    {"anthropic-version", false},
    {"anthropic-beta", true},
    {"x-goog-upload-*", false},
};

static const rule down_rules[] = {
    {"retry-after", false},
    {"retry-after-ms", false},
    {"x-should-retry", false},
    {"x-ratelimit-*", false},
    {"anthropic-ratelimit-*", false},
    {"content-encoding", false},
    {"content-language", false},
    {"content-disposition", false},
    {"content-range", false},
    {"accept-ranges", false},
    {"etag", false},
    {"last-modified", false},
    {"cache-control", false},
    {"expires", false},
    {"openai-processing-ms", false},
    {"openai-version", false},
    {"x-goog-upload-status", false},
    {"x-goog-upload-size-received", false},
    {"x-goog-upload-chunk-granularity", false},
};

static const rule *rule_for(const rule *rules, size_t count, aigw_slice name)
{
    for (size_t i = 0; i < count; i++) {
        aigw_slice listed = aigw_slice_of(rules[i].name);
        bool prefix = gw_ends(listed, GW_S("*"));
        listed.len -= prefix;
        if (prefix ? gw_starts_nocase(name, listed) : gw_eq_nocase(name, listed))
            return &rules[i];
    }
    return NULL;
}

/* What the config sets for this provider is not the client's to change; betas are added up. */
static bool is_fixed(const gw_upstream *up, aigw_slice name)
{
    for (size_t i = 0; i < up->pass_fixed_count; i++) {
        if (gw_eq_nocase(up->pass_fixed[i], name))
            return true;
    }
    return false;
}

static bool add(aigw_exchange *x, aigw_slice name, aigw_slice value)
{
    gw_pass *p = x->pass;
    if (p->header_count == GW_PASS_HEADERS)
        return true;
    aigw_header *h = &p->headers[p->header_count];
    h->name = gw_arena_copy(x->arena, name);
    h->value = gw_arena_copy(x->arena, value);
    p->header_count += h->name.data && h->value.data;
    return h->name.data && h->value.data;
}

bool gw_pass_headers(aigw_exchange *x)
{
    gw_pass *p = x->pass;
    const gw_upstream *up = p->upstream;
    bool betas = false;
    for (size_t i = 0; i < x->header_count; i++) {
        const aigw_header *h = &x->headers[i];
        const rule *r = rule_for(up_rules, sizeof up_rules / sizeof *up_rules, h->name);
        bool beta = gw_eq_nocase(h->name, GW_S("anthropic-beta"));
        if (!r || (is_fixed(up, h->name) && !beta) ||
            (!r->many && gw_header_get(p->headers, p->header_count, h->name).data))
            continue;
        betas = betas || beta;
        if (!add(x, h->name, h->value))
            return false;
    }
    return !betas || !up->beta.len || add(x, GW_S("anthropic-beta"), up->beta);
}

/* Where the answer points to, as an address here; a place elsewhere is not told. */
static bool keep_location(aigw_exchange *x, aigw_slice value, bool *safe)
{
    gw_buf address;
    gw_buf_init(&address, GW_PASS_PATH_MAX + 256);
    *safe = gw_pass_location(x->pass->upstream, value, &address);
    bool ok = !*safe || gw_head_keep(x, GW_S("location"), gw_buf_slice(&address));
    gw_buf_free(&address);
    return ok;
}

static bool take_field(aigw_exchange *x, const aigw_header *h, bool *located)
{
    gw_pass *p = x->pass;
    uint64_t n;
    if (gw_eq_nocase(h->name, GW_S("content-length"))) {
        if (gw_parse_u64(h->value, &n) && n < INT64_MAX)
            p->length_back = (int64_t)n;
    } else if (gw_eq_nocase(h->name, GW_S("content-type"))) {
        p->type_back = gw_arena_copy(x->arena, h->value);
        return p->type_back.data != NULL;
    } else if (gw_eq_nocase(h->name, GW_S("location"))) {
        return *located || keep_location(x, h->value, located);
    } else if (rule_for(down_rules, sizeof down_rules / sizeof *down_rules, h->name)) {
        return gw_head_keep(x, h->name, h->value);
    }
    return true;
}

bool gw_pass_take_head(aigw_exchange *x, int status, const aigw_header *headers, size_t count)
{
    gw_pass *p = x->pass;
    bool located = false;
    aigw_slice id = {NULL, 0};
    p->length_back = -1;
    for (size_t i = 0; i < count; i++) {
        const aigw_header *h = &headers[i];
        if (!id.data && (gw_eq_nocase(h->name, GW_S("x-request-id")) ||
                         gw_eq_nocase(h->name, GW_S("request-id"))))
            id = h->value;
        else if (!take_field(x, h, &located))
            goto no_memory;
    }
    if (id.data && !gw_head_keep(x, GW_S("x-aigw-upstream-request-id"), id))
        goto no_memory;
    p->bodiless = p->head_only || status == 204 || status == 304;
    if (status >= 300 && status < 400 && status != 304 && !located) {
        x->reason = "upstream_redirect";
        gw_attempt_drop(x);
        x->attempt.kept_count = 0;
        gw_respond_fail(x, GW_ERR_UPSTREAM, 502, "The provider answered with a redirect.");
        return false;
    }
    return true;
no_memory:
    gw_attempt_drop(x);
    x->attempt.kept_count = 0;
    gw_respond_nomem(x);
    return false;
}
