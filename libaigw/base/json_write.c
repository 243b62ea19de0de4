/* Writes JSON into a gw_buf: commas, quotes and escapes. */
/* Must not know what the documents mean; failure stays in the buffer. */
#include "base/json_write.h"

#include "base/text.h"

static void separate(gw_jw *w)
{
    if (w->comma)
        gw_buf_putc(w->buf, ',');
    w->comma = true;
}

static void open_container(gw_jw *w, char c)
{
    separate(w);
    gw_buf_putc(w->buf, c);
    w->comma = false;
}

static void close_container(gw_jw *w, char c)
{
    gw_buf_putc(w->buf, c);
    w->comma = true;
}

void gw_jw_object(gw_jw *w)
{
    open_container(w, '{');
}

void gw_jw_object_end(gw_jw *w)
{
    close_container(w, '}');
}

void gw_jw_array(gw_jw *w)
{
    open_container(w, '[');
}

void gw_jw_array_end(gw_jw *w)
{
    close_container(w, ']');
}

void gw_jw_key_inner(gw_jw *w, aigw_slice inner)
{
    separate(w);
    char *to = gw_buf_reserve(w->buf, inner.len + 3);
    if (to != NULL) {
        to[0] = '"';
        if (inner.len > 0)
            memcpy(to + 1, inner.data, inner.len);
        memcpy(to + 1 + inner.len, "\":", 2);
        gw_buf_grew(w->buf, inner.len + 3);
    }
    w->comma = false;
}

void gw_jw_key(gw_jw *w, const char *plain)
{
    gw_jw_key_inner(w, aigw_slice_of(plain));
}

void gw_jw_text(gw_jw *w, aigw_slice plain)
{
    gw_jw_begin_string(w);
    gw_json_escape(w->buf, plain);
    gw_jw_end_string(w);
}

void gw_jw_str(gw_jw *w, const char *plain)
{
    gw_jw_text(w, aigw_slice_of(plain));
}

void gw_jw_inner(gw_jw *w, aigw_slice inner)
{
    gw_jw_begin_string(w);
    gw_buf_add(w->buf, inner);
    gw_jw_end_string(w);
}

void gw_jw_raw(gw_jw *w, aigw_slice value)
{
    separate(w);
    gw_buf_add(w->buf, value);
}

void gw_jw_int(gw_jw *w, int64_t value)
{
    separate(w);
    gw_buf_int(w->buf, value);
}

void gw_jw_bool(gw_jw *w, bool value)
{
    separate(w);
    gw_buf_puts(w->buf, value ? "true" : "false");
}

void gw_jw_null(gw_jw *w)
{
    separate(w);
    gw_buf_puts(w->buf, "null");
}

void gw_jw_begin_string(gw_jw *w)
{
    separate(w);
    gw_buf_putc(w->buf, '"');
}

void gw_jw_part(gw_jw *w, aigw_slice plain)
{
    gw_json_escape(w->buf, plain);
}

void gw_jw_part_inner(gw_jw *w, aigw_slice inner)
{
    gw_buf_add(w->buf, inner);
}

void gw_jw_end_string(gw_jw *w)
{
    gw_buf_putc(w->buf, '"');
}

/* The escape of a control character, quote or backslash (RFC 8259 clause 7). */
static void escape_byte(gw_buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    size_t len = 2;
    switch (c) {
    case '"':
    case '\\':
        text[1] = (char)c;
        break;
    case '\n':
        text[1] = 'n';
        break;
    case '\r':
        text[1] = 'r';
        break;
    case '\t':
        text[1] = 't';
        break;
    case '\b':
        text[1] = 'b';
        break;
    case '\f':
        text[1] = 'f';
        break;
    default:
        len = 6;
    }
    gw_buf_append(buf, text, len);
}

void gw_json_escape(gw_buf *buf, aigw_slice plain)
{
    size_t from = 0, i = 0;
    while (i < plain.len) {
        unsigned char c = (unsigned char)plain.data[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t n = c < 0x80 ? 0 : gw_utf8_sequence(plain.data + i, plain.len - i);
        if (n > 0) {
            i += n;
            continue;
        }
        gw_buf_append(buf, plain.data + from, i - from);
        if (c < 0x80)
            escape_byte(buf, c);
        else
            gw_buf_puts(buf, "\xEF\xBF\xBD");
        from = ++i;
    }
    if (from < plain.len)
        gw_buf_append(buf, plain.data + from, plain.len - from);
}
