/* The table of what an answer keeps on its way from format to format, and the list of what it lost. */
/* Must not write any format: it knows that a field exists, not what it is called. */
#include "wire/carries.h"

/* One row for each trait: its name, what becomes of it in each target (a column for each aigw_format in its
 * order: + kept, ~ changed, - lost), why, and why it is lost where that is another reason. */
typedef struct row {
    const char *name;
    char to[GW_FORMATS];
    const char *reason, *lost;
} row;

static const row rows[GW_TRAITS] = {
    [GW_TRAIT_ID] = {"id", "++-+-", "this format's answers have no id, or one of ours", NULL},
    [GW_TRAIT_MODEL] = {"model", "++++-", "this format's answers do not name the model", NULL},
    [GW_TRAIT_CREATED] = {"created", "+-++-", "this format's answers have no time", NULL},
    [GW_TRAIT_CHOICES] = {"choices", "+--+-", "this format has one choice: the others are left out",
                          NULL},
    [GW_TRAIT_REFUSAL] = {"refusal", "+~+~~", "said as text: this format has no refusals", NULL},
    [GW_TRAIT_THINKING] = {"thinking", "+++++", NULL, NULL},
    [GW_TRAIT_SIGNATURE] = {"signature", "+++++", NULL, NULL},
    [GW_TRAIT_REDACTED] = {"redacted thinking", "+++++", NULL, NULL},
    [GW_TRAIT_CUSTOM_TOOL] = {"custom tool call", "+~+~~",
                              "said as a function's call: its text is the member \"input\"", NULL},
    [GW_TRAIT_CITATIONS] = {"citations", "~~~~-", "citations are said in this format's own way",
                            "citations of another provider cannot be said in this format"},
    [GW_TRAIT_LOGPROBS] = {"logprobs", "+-++-", "this format has no log probabilities", NULL},
    [GW_TRAIT_NATIVE] = {"server-side tools", "-----",
                         "what a vendor's own tools did cannot be said in another format", NULL},
    [GW_TRAIT_SERVICE_TIER] = {"service_tier", "+++++", NULL, NULL},
    [GW_TRAIT_FINGERPRINT] = {"system_fingerprint", "+----", "this format has no fingerprint",
                              NULL},
    [GW_TRAIT_STOP_SEQUENCE] = {"stop_sequence", "-+--~",
                                "this format does not say which stop sequence it was", NULL},
    [GW_TRAIT_CACHED] = {"usage: cached", "+++++", NULL, NULL},
    [GW_TRAIT_CACHE_WRITE] = {"usage: written to the cache", "+++-+",
                              "this format does not count what was written to the cache", NULL},
    [GW_TRAIT_REASONING] = {"usage: reasoning", "++++-",
                            "this format does not count reasoning apart", NULL},
};

gw_carried gw_carries(aigw_format from, aigw_format to, gw_trait trait)
{
    char sign = rows[trait].to[to - 1];
    return from == to || sign == '+' ? GW_KEPT : sign == '~' ? GW_CHANGED : GW_LOST;
}

const char *gw_trait_name(gw_trait trait)
{
    return rows[trait].name;
}

const char *gw_trait_reason(aigw_format to, gw_trait trait)
{
    const row *r = &rows[trait];
    char sign = r->to[to - 1];
    return sign == '+' ? NULL : sign == '-' && r->lost != NULL ? r->lost : r->reason;
}

static unsigned bit(gw_trait trait, bool there)
{
    return there ? 1u << trait : 0u;
}

static unsigned of_block(const gw_event *e)
{
    return bit(GW_TRAIT_REFUSAL, e->block_kind == GW_BLOCK_REFUSAL) |
           bit(GW_TRAIT_THINKING, e->block_kind == GW_BLOCK_THINKING) |
           bit(GW_TRAIT_REDACTED, e->block_kind == GW_BLOCK_REDACTED_THINKING) |
           bit(GW_TRAIT_NATIVE, e->block_kind == GW_BLOCK_NATIVE) |
           bit(GW_TRAIT_CUSTOM_TOOL, e->block_kind == GW_BLOCK_TOOL_CALL && e->custom) |
           bit(GW_TRAIT_CITATIONS, e->block_kind == GW_BLOCK_TEXT && gw_has_raw(e->raw)) |
           bit(GW_TRAIT_SIGNATURE, gw_has(e->signature));
}

static unsigned traits_of(const gw_event *e)
{
    unsigned found =
        bit(GW_TRAIT_CHOICES, e->choice > 0) | bit(GW_TRAIT_LOGPROBS, gw_has_raw(e->logprobs));
    switch (e->kind) {
    case GW_EV_START:
        return found | bit(GW_TRAIT_ID, gw_has(e->id)) | bit(GW_TRAIT_MODEL, gw_has(e->model)) |
               bit(GW_TRAIT_CREATED, e->created > 0) |
               bit(GW_TRAIT_SERVICE_TIER, gw_has(e->service_tier)) |
               bit(GW_TRAIT_FINGERPRINT, gw_has(e->fingerprint));
    case GW_EV_BLOCK_START:
    case GW_EV_DELTA:
        return found | of_block(e);
    case GW_EV_USAGE:
        return found | bit(GW_TRAIT_CACHED, e->usage.cached_tokens > 0) |
               bit(GW_TRAIT_CACHE_WRITE, e->usage.cache_write_tokens > 0) |
               bit(GW_TRAIT_REASONING, e->usage.reasoning_tokens > 0);
    case GW_EV_FINISH:
        return found | bit(GW_TRAIT_STOP_SEQUENCE, gw_has(e->stop_sequence));
    case GW_EV_BLOCK_STOP:
    case GW_EV_PING:
    case GW_EV_END:
    case GW_EV_ERROR:
        break;
    }
    return found;
}

int gw_losses_event(void *user, const gw_event *event)
{
    gw_losses *l = user;
    unsigned fresh = traits_of(event) & ~l->seen;
    l->seen |= fresh;
    for (gw_trait t = GW_TRAIT_CHOICES; fresh != 0 && t < GW_TRAITS; t++) {
        if (!(fresh & bit(t, true)) || gw_carries(l->from, l->to, t) == GW_KEPT)
            continue;
        int rc = gw_note_add(l->notes, NULL, GW_JSON_ABSENT, gw_trait_reason(l->to, t), NULL);
        if (rc != AIGW_OK)
            return rc;
    }
    return gw_emit(&l->next, event);
}
