/* What the heads of requests and of answers have in common; for the files of proto/http1 only. */
#ifndef GW_PROTO_HTTP1_FIELD_H
#define GW_PROTO_HTTP1_FIELD_H

#include <aigw/types.h>

/* These say what is wrong, in static text; NULL if nothing is. */

/* `line` without its CRLF; name and value without the blanks around it. */
const char *gw_http1_field(aigw_slice line, aigw_header *out);
/* Content-Length; -1 if there is none. A second one is refused even if it is the same. */
const char *gw_http1_length(const aigw_header *headers, size_t count, int64_t *out);
/* Transfer-Encoding: nothing, or one `chunked`, alone. *unknown: well-formed, but another coding. */
const char *gw_http1_encoding(const aigw_header *headers, size_t count, bool *chunked,
                              bool *unknown);
/* May the connection carry another message? By Connection and the version HTTP/1.minor. */
bool gw_http1_persists(const aigw_header *headers, size_t count, int minor);

/* How often a field occurs, and its last value. */
size_t gw_http1_count(const aigw_header *headers, size_t count, aigw_slice name, aigw_slice *last);

bool gw_http1_token_char(char c);

/* Of a field value: HTAB, SP, visible, obs-text. */
static inline bool gw_http1_value_char(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 0x20 ? u != 0x7F : u == '\t';
}

bool gw_http1_is_token(aigw_slice text);
bool gw_http1_is_value(aigw_slice text); /* of value characters only; may be empty */

#endif
