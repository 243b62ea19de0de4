/*
 * What the two files of the same-format patch share: the request at hand and its patches. Nobody else
 * includes this.
 */
#ifndef GW_WIRE_OPENAI_CHAT_MEND_H
#define GW_WIRE_OPENAI_CHAT_MEND_H

#include "wire/openai_chat/openai_chat.h"

typedef struct gw_oc_mending {
    gw_arena *arena;
    const gw_json_doc *doc;
    unsigned quirks;
    gw_patch *out;
    size_t *count;
    bool schema_in_words; /* the schema of the answer is to stand in the messages */
    gw_raw schema;
} gw_oc_mending;

static inline bool gw_oc_mends(const gw_oc_mending *m, gw_quirk quirk)
{
    return (m->quirks & (unsigned)quirk) != 0;
}

/* Keeps what the buffer holds as the value of a member, and frees the buffer. */
int gw_oc_mend_keep(gw_oc_mending *m, const char *member, gw_buf *buf);
/* Messages: roles, texts, sealed ids, and members that only other hosts know. */
int gw_oc_mend_messages(gw_oc_mending *m);

#endif
