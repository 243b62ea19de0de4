/*
 * What of an answer each format can say: one table, for the list of losses and for docs/formats.
 *
 * Pure. A golden test holds the table against the codecs: it writes each trait, reads it back, and compares.
 */
#ifndef GW_WIRE_CARRIES_H
#define GW_WIRE_CARRIES_H

#include "chat/event.h"
#include "chat/request.h"

typedef enum gw_trait {
    GW_TRAIT_ID,
    GW_TRAIT_MODEL,
    GW_TRAIT_CREATED,
    GW_TRAIT_CHOICES, /* more than one */
    GW_TRAIT_REFUSAL,
    GW_TRAIT_THINKING,
    GW_TRAIT_SIGNATURE, /* sealed where it is another vendor's: chat/seal.h */
    GW_TRAIT_REDACTED,
    GW_TRAIT_CUSTOM_TOOL, /* a call with free text */
    GW_TRAIT_CITATIONS,
    GW_TRAIT_LOGPROBS,
    GW_TRAIT_NATIVE, /* blocks of the vendor's own server tools */
    GW_TRAIT_SERVICE_TIER,
    GW_TRAIT_FINGERPRINT,
    GW_TRAIT_STOP_SEQUENCE, /* which one it was */
    GW_TRAIT_CACHED,
    GW_TRAIT_CACHE_WRITE,
    GW_TRAIT_REASONING, /* the count of its tokens */
    GW_TRAITS
} gw_trait;

typedef enum gw_carried { GW_LOST, GW_CHANGED, GW_KEPT } gw_carried;

/* From one format to another; within one format all is kept. */
gw_carried gw_carries(aigw_format from, aigw_format to, gw_trait trait);
const char *gw_trait_name(gw_trait trait);
/* Why, for a reader of the list: "this format has no log probabilities". NULL when it is kept. */
const char *gw_trait_reason(aigw_format to, gw_trait trait);

/* A sink between a reader and a writer that notes, once for each trait, what the writer's format loses. The
 * envelope (id, model, time) is none: every format has its own, and strict would refuse all. */
typedef struct gw_losses {
    aigw_format from, to;
    gw_notes *notes;
    gw_event_sink next;
    unsigned seen; /* a bit for each trait */
} gw_losses;

/* An event sink's emit: user is a gw_losses. With notes->strict a loss is AIGW_E_UNSUPPORTED. */
int gw_losses_event(void *losses, const gw_event *event);

#endif
