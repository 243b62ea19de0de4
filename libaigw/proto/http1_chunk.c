/* Reads chunk lines, the ends of chunks and trailers, byte by byte. */
/* Must not know who sends the body, nor its data. */
#include "proto/http1_chunk.h"

#include "proto/http1_field.h"

#define MAX_CHUNK_LINE   256u
#define MAX_CHUNK_DIGITS 16u

/* The places within the framing. */
enum phase {
    CHUNK_SIZE = 0,
    EXT_NAME_START,
    EXT_NAME,
    EXT_VALUE_START,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_QUOTED_PAIR,
    EXT_QUOTED_END,
    CHUNK_LF,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* The next phase of a chunk line in or behind its size; -1 if the byte may not stand there. */
static int size_byte(gw_http1_chunks *c, char byte)
{
    int digit = hex_digit(byte);
    if (digit >= 0) {
        if (c->line_len > MAX_CHUNK_DIGITS)
            return -1;
        c->size = c->size << 4 | (uint64_t)digit;
        return CHUNK_SIZE;
    }
    if (c->line_len == 1) /* no digit */
        return -1;
    return byte == ';' ? EXT_NAME_START : byte == '\r' ? CHUNK_LF : -1;
}

static int extension_end(char byte)
{
    return byte == ';' ? EXT_NAME_START : byte == '\r' ? CHUNK_LF : -1;
}

/* Chunk extensions are read and forgotten (RFC 9112 clause 7.1.1); blanks in them are refused. */
static int extension_byte(int phase, char byte)
{
    bool token = gw_http1_token_char(byte);
    switch (phase) {
    case EXT_NAME_START:
        return token ? EXT_NAME : -1;
    case EXT_NAME:
        return token ? EXT_NAME : byte == '=' ? EXT_VALUE_START : extension_end(byte);
    case EXT_VALUE_START:
        return token ? EXT_VALUE : byte == '"' ? EXT_QUOTED : -1;
    case EXT_VALUE:
        return token ? EXT_VALUE : extension_end(byte);
    case EXT_QUOTED:
        if (byte == '"')
            return EXT_QUOTED_END;
        if (byte == '\\')
            return EXT_QUOTED_PAIR;
        return gw_http1_value_char(byte) ? EXT_QUOTED : -1;
    case EXT_QUOTED_PAIR:
        return gw_http1_value_char(byte) ? EXT_QUOTED : -1;
    default:
        return extension_end(byte);
    }
}

/* Trailers are checked and forgotten: nothing of ours wants one. */
static int trailer_byte(int phase, char byte)
{
    switch (phase) {
    case TRAILER_START:
        return byte == '\r' ? LAST_LF : gw_http1_token_char(byte) ? TRAILER_NAME : -1;
    case TRAILER_NAME:
        return byte == ':' ? TRAILER_VALUE : gw_http1_token_char(byte) ? TRAILER_NAME : -1;
    case TRAILER_VALUE:
        return byte == '\r' ? TRAILER_LF : gw_http1_value_char(byte) ? TRAILER_VALUE : -1;
    default:
        return byte == '\n' ? TRAILER_START : -1;
    }
}

static gw_http1_framing bad(const char **reason, const char *why)
{
    *reason = why;
    return GW_HTTP1_CHUNK_BAD;
}

static gw_http1_framing chunk_line_byte(gw_http1_chunks *c, char byte, const char **reason)
{
    if (++c->line_len > MAX_CHUNK_LINE)
        return bad(reason, "chunk line too long");
    int next = c->phase == CHUNK_SIZE ? size_byte(c, byte) : extension_byte(c->phase, byte);
    if (next < 0)
        return bad(reason, c->phase == CHUNK_SIZE ? "bad chunk size" : "bad chunk extension");
    c->phase = next;
    return GW_HTTP1_CHUNK_MORE;
}

static gw_http1_framing trailer_line_byte(gw_http1_chunks *c, size_t max, char byte,
                                          const char **reason)
{
    if (++c->line_len > max) {
        *reason = "trailer fields too long";
        return GW_HTTP1_CHUNK_LONG;
    }
    int next = trailer_byte(c->phase, byte);
    if (next < 0)
        return bad(reason, "bad trailer field");
    c->phase = next;
    return GW_HTTP1_CHUNK_MORE;
}

/* A chunk line is complete: the last one has size 0. */
static gw_http1_framing start_chunk(gw_http1_chunks *c)
{
    c->left = c->size;
    c->size = 0;
    c->line_len = 0;
    c->phase = c->left > 0 ? DATA_CR : TRAILER_START;
    return c->left > 0 ? GW_HTTP1_CHUNK_DATA : GW_HTTP1_CHUNK_MORE;
}

static gw_http1_framing framing_byte(gw_http1_chunks *c, size_t max, char byte, const char **reason)
{
    switch (c->phase) {
    case CHUNK_LF:
        return byte == '\n' ? start_chunk(c) : bad(reason, "bad end of a chunk line");
    case DATA_CR:
        c->phase = DATA_LF;
        return byte == '\r' ? GW_HTTP1_CHUNK_MORE : bad(reason, "no CRLF behind a chunk");
    case DATA_LF:
        c->phase = CHUNK_SIZE;
        return byte == '\n' ? GW_HTTP1_CHUNK_MORE : bad(reason, "no CRLF behind a chunk");
    case LAST_LF:
        return byte == '\n' ? GW_HTTP1_CHUNK_END : bad(reason, "bad end of the last chunk");
    case TRAILER_START:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
        return trailer_line_byte(c, max, byte, reason);
    default:
        return chunk_line_byte(c, byte, reason);
    }
}

size_t gw_http1_chunks_feed(gw_http1_chunks *c, size_t max_trailer_bytes, aigw_slice bytes,
                            gw_http1_framing *out, const char **reason)
{
    size_t taken = 0;

    *out = GW_HTTP1_CHUNK_MORE;
    while (taken < bytes.len && *out == GW_HTTP1_CHUNK_MORE)
        *out = framing_byte(c, max_trailer_bytes, bytes.data[taken++], reason);
    return taken;
}
