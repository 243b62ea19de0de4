/* What the provider's format could not say, as one header field for a client that asked for it. */
/* Must not know any format. */
#include "base/text.h"
#include "gateway/state.h"

enum { REPORT_MAX = 4096, TAIL_MAX = 32 };

/* The inside of a string of RFC 9651: printable ASCII, quotes escaped; the rest percent-encoded. */
static void add_string(gw_buf *out, aigw_slice text)
{
    gw_buf_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c > 0x7e || c == '%')
            gw_buf_printf(out, "%%%02x", c);
        else if (c == '"' || c == '\\')
            gw_buf_printf(out, "\\%c", c);
        else
            gw_buf_putc(out, (char)c);
    }
    gw_buf_putc(out, '"');
}

static bool add_note(gw_buf *list, const gw_note *note)
{
    gw_buf item;
    gw_buf_init(&item, REPORT_MAX - TAIL_MAX);
    add_string(&item, note->pointer);
    gw_buf_puts(&item, ";reason=");
    add_string(&item, aigw_slice_of(note->reason));
    bool room = !item.failed && gw_buf_len(list) + gw_buf_len(&item) + 2 <= REPORT_MAX - TAIL_MAX;
    if (room) {
        gw_buf_puts(list, gw_buf_len(list) ? ", " : "");
        gw_buf_add(list, gw_buf_slice(&item));
    }
    gw_buf_free(&item);
    return room;
}

bool gw_report_dropped(aigw_exchange *x, const gw_notes *notes)
{
    gw_buf list;
    size_t omitted = 0;
    if (!x->report || notes->count == 0)
        return true;
    gw_buf_init(&list, REPORT_MAX);
    for (size_t i = 0; i < notes->count; i++)
        omitted += !add_note(&list, &notes->items[i]);
    if (omitted)
        gw_buf_printf(&list, "%s\"\";omitted=%zu", gw_buf_len(&list) ? ", " : "", omitted);
    bool ok = !list.failed && gw_head_keep(x, GW_S("x-aigw-dropped"), gw_buf_slice(&list));
    gw_buf_free(&list);
    return ok;
}
