/*
 * The same-format patch of a Converse request: signatures that we sealed, because another vendor made
 * them, go before the provider sees them. Knows no other member.
 */
#include "wire/bedrock/bedrock.h"

enum { SLACK = 64 * 1024 };

static bool is_foreign(const gw_bedrock_out *o, const gw_part *part)
{
    bool thought = part->kind == GW_PART_THINKING || part->kind == GW_PART_REDACTED_THINKING;
    return thought ? !gw_bedrock_own_signature(o, part) : gw_has(part->signature);
}

static bool has_foreign(const gw_bedrock_out *o)
{
    for (size_t m = 0; m < o->r->message_count; m++) {
        for (size_t i = 0; i < o->r->messages[m].part_count; i++) {
            if (is_foreign(o, &o->r->messages[m].parts[i])) {
                return true;
            }
        }
    }
    return false;
}

int gw_bedrock_mend_request(gw_arena *arena, const gw_json_doc *doc,
                            const gw_write_options *options, gw_patch out[GW_MEND_MAX],
                            size_t *count)
{
    static const char key[] = "\"messages\":";
    gw_chat_request r;
    gw_notes notes = {.arena = arena};
    gw_buf text;
    *count = 0;
    /* What is sealed begins with these; a body without them is looked at no further. */
    if (gw_find(doc->text, GW_S("YWlndz")) == NULL ||
        gw_bedrock_read_request(arena, doc, &r, NULL) != AIGW_OK) {
        return AIGW_OK;
    }
    gw_buf_init(&text, 2 * doc->text.len + SLACK);
    gw_bedrock_out o = {.arena = arena,
                        .r = &r,
                        .options = options,
                        .w = gw_jw_on(&text),
                        .notes = &notes,
                        .same = true};
    aigw_slice value = {NULL, 0};
    bool mend = has_foreign(&o);
    int rc = mend ? gw_bedrock_write_messages(&o) : AIGW_OK;
    if (mend && rc == AIGW_OK && !text.failed) {
        value = gw_arena_copy(arena, gw_skip(gw_buf_slice(&text), sizeof key - 1));
    }
    bool nomem = rc == AIGW_E_NOMEM || (mend && rc == AIGW_OK && value.data == NULL);
    if (value.data != NULL) {
        out[(*count)++] = (gw_patch){.member = "messages", .value = value, .remove = false};
    }
    gw_buf_free(&text);
    return nomem ? AIGW_E_NOMEM : AIGW_OK; /* nothing but foreign thoughts: the provider says it */
}
