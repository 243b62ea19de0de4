/* The events that the reading of text and the reading of tool calls both give: ends, and a broken stream. */
/* Must not know chunks. */
#include "wire/openai_chat/stream.h"

#include "base/error.h"

int gw_oc_stream_emit(const gw_oc_chunk *cr, gw_event_kind kind, gw_block_kind block_kind,
                      uint32_t block)
{
    gw_event ev = {
        .kind = kind, .choice = cr->choice->index, .block = block, .block_kind = block_kind};
    return gw_emit(cr->sink, &ev);
}

int gw_oc_stream_broken(const gw_oc_chunk *cr, const char *what)
{
    gw_event ev = {.kind = GW_EV_ERROR};
    ev.error.kind = GW_ERR_UPSTREAM;
    ev.error.message = gw_jstr_lit(what);
    cr->r->failed = true;
    int rc = gw_emit(cr->sink, &ev);
    return rc != AIGW_OK ? rc : gw_fail(cr->err, AIGW_E_UPSTREAM, "broken_stream", "%s", what);
}

int gw_oc_stream_close_plain(const gw_oc_chunk *cr)
{
    gw_oc_choice *choice = cr->choice;
    if (!choice->open)
        return AIGW_OK;
    choice->open = false;
    return gw_oc_stream_emit(cr, GW_EV_BLOCK_STOP, choice->open_kind, choice->open_block);
}
