/* Whose counts a call meets: which limits are for it, and the key of each.
 * Must not know how much is asked for or what is answered. */
#include "base/crypto.h"
#include "base/text.h"
#include "gate/address.h"
#include "gateway/pass.h"

#define KEY_BYTES ((size_t)4096)

/* -- the credential -- */

static aigw_slice credential(const aigw_exchange *x)
{
    const aigw_slice fields[] = {GW_S("authorization"), GW_S("x-api-key"), GW_S("x-goog-api-key"),
                                 GW_S("api-key")};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        aigw_slice value = gw_trim(gw_header_get(x->headers, x->header_count, fields[i]));
        if (i == 0 && gw_starts_nocase(value, GW_S("Bearer ")))
            value = gw_trim(gw_skip(value, sizeof "Bearer " - 1));
        if (value.len)
            return value;
    }
    return (aigw_slice){NULL, 0};
}

void gw_quota_note_key(aigw_exchange *x)
{
    if (x->live->config->quota.per & GW_PER_KEY)
        gw_sha256(credential(x), x->quota.key);
}

/* -- which limits -- */

static bool listed(const gw_quota_words *words, aigw_slice word)
{
    for (size_t i = 0; i < words->count; i++) {
        if (gw_eq(words->items[i], word))
            return true;
    }
    return words->count == 0;
}

static bool model_listed(const gw_quota_words *words, aigw_slice model)
{
    for (size_t i = 0; i < words->count; i++) {
        aigw_slice word = words->items[i];
        bool rest = word.data[word.len - 1] == '*';
        word.len -= rest;
        if (rest ? gw_starts(model, word) : gw_eq(model, word))
            return true;
    }
    return words->count == 0;
}

static bool concerns(const gw_quota_entry *e, const aigw_exchange *x)
{
    return listed(&e->clients, x->gate.subject) && listed(&e->teams, x->gate.team) &&
           model_listed(&e->models, x->model);
}

/* -- keys -- */

/* With its length before it, so that no two lists of parts are the same bytes. */
static void put(gw_buf *out, char what, aigw_slice part)
{
    gw_buf_putc(out, what);
    gw_buf_int(out, (int64_t)part.len);
    gw_buf_putc(out, ':');
    gw_buf_add(out, part);
}

/* What is not known (no token, no model) is one and the same unknown. */
static aigw_slice key_of(const gw_quota_entry *e, aigw_exchange *x)
{
    gw_buf out;
    gw_buf_init(&out, KEY_BYTES);
    gw_ip ip = {0};
    if (x->has_client_ip)
        ip = gw_rate_key(&x->client_ip, x->live->config->waf.rate.ipv6_prefix);
    if (e->per & GW_PER_CLIENT)
        put(&out, 'c', x->gate.subject);
    if (e->per & GW_PER_TEAM)
        put(&out, 't', x->gate.team);
    if (e->per & GW_PER_KEY)
        put(&out, 'k', gw_slice((const char *)x->quota.key, sizeof x->quota.key));
    if (e->per & GW_PER_MODEL)
        put(&out, 'm', x->model);
    if (e->per & GW_PER_ADDRESS)
        put(&out, 'a', gw_slice((const char *)ip.b, x->has_client_ip ? sizeof ip.b : 0));
    if (e->per == 0)
        gw_buf_putc(&out, '*');
    aigw_slice key = {NULL, 0};
    if (!out.failed)
        key = gw_arena_copy(x->arena, gw_buf_slice(&out));
    gw_buf_free(&out);
    return key;
}

static bool add_asks(aigw_exchange *x, const gw_quota_entry *e)
{
    gw_quota_held *q = &x->quota;
    aigw_slice key = key_of(e, x);
    if (!key.data)
        return false;
    bool counts_tokens = x->pass ? !x->pass->fetches : x->op != GW_OP_COUNT;
    int64_t tokens = -1;
    for (int kind = 0; kind < GW_QUOTA_KINDS; kind++) {
        bool of_tokens = kind == GW_QUOTA_TOKENS || kind == GW_QUOTA_DAY;
        if (e->rules[kind] == SIZE_MAX || (of_tokens && !counts_tokens) ||
            q->count == AIGW_LIMIT_MAX_ASKS)
            continue;
        if (of_tokens && tokens < 0)
            tokens = gw_quota_estimate(x, e->assume_output_tokens);
        q->kinds[q->count] = (gw_quota_kind)kind;
        q->asks[q->count++] =
            (aigw_limit_ask){.rule = e->rules[kind], .key = key, .n = of_tokens ? tokens : 1};
    }
    return true;
}

bool gw_quota_asks(aigw_exchange *x)
{
    const gw_quota_config *config = &x->live->config->quota;
    gw_quota_held *q = &x->quota;
    for (size_t i = 0; i < config->entry_count; i++) {
        if (!concerns(&config->entries[i], x))
            continue;
        if (!q->asks) {
            q->asks = gw_arena_calloc(x->arena, AIGW_LIMIT_MAX_ASKS, sizeof *q->asks);
            q->kinds = gw_arena_calloc(x->arena, AIGW_LIMIT_MAX_ASKS, sizeof *q->kinds);
        }
        if (!q->asks || !q->kinds || !add_asks(x, &config->entries[i])) {
            q->count = 0;
            return false;
        }
    }
    return true;
}
