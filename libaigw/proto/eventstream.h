/*
 * Frames of application/vnd.amazon.eventstream: a reader that takes any split, and a writer.
 *
 * A frame: total length, headers length, CRC-32 of these eight bytes; headers; payload; CRC-32 of all that
 * stands before it. Numbers are big-endian. Knows nothing of what a frame means, nor of JSON.
 */
#ifndef GW_PROTO_EVENTSTREAM_H
#define GW_PROTO_EVENTSTREAM_H

#include "base/buf.h"
#include <aigw/error.h>

typedef enum gw_frame_type {
    GW_FRAME_TRUE = 0,
    GW_FRAME_FALSE = 1,
    GW_FRAME_BYTE = 2,
    GW_FRAME_SHORT = 3,
    GW_FRAME_INT = 4,
    GW_FRAME_LONG = 5,
    GW_FRAME_BYTES = 6,
    GW_FRAME_STRING = 7,
    GW_FRAME_TIMESTAMP = 8, /* milliseconds since 1970 */
    GW_FRAME_UUID = 9       /* 16 bytes */
} gw_frame_type;

typedef struct gw_frame_header {
    aigw_slice name; /* 1 to 255 bytes */
    gw_frame_type type;
    aigw_slice value; /* BYTES, STRING, UUID */
    int64_t number;   /* BYTE to LONG, TIMESTAMP; 1 and 0 for TRUE and FALSE */
} gw_frame_header;

enum { GW_FRAME_HEADERS = 32 }; /* most headers in one frame; real ones have three */

typedef struct gw_frame {
    gw_frame_header headers[GW_FRAME_HEADERS];
    size_t header_count;
    aigw_slice payload;
    aigw_slice raw; /* the whole frame */
} gw_frame;

/* A header of type STRING by name; data NULL when there is none. */
aigw_slice gw_frame_string(const gw_frame *frame, const char *name);

typedef struct gw_eventstream {
    gw_buf pending; /* bytes of the frame that is not complete */
    size_t max_frame_bytes;
    int failed; /* the code of the first failure, for ever after */
} gw_eventstream;

void gw_eventstream_init(gw_eventstream *r, size_t max_frame_bytes);
void gw_eventstream_free(gw_eventstream *r);

/* Gives a frame whose checksums are right. Slices live during the call only. */
typedef int gw_frame_fn(void *user, const gw_frame *frame);

/*
 * Calls fn for each complete frame, in order; stops at the first non-zero result and returns it (what
 * follows in `bytes` is then dropped). AIGW_E_PARSE: a checksum is wrong, or lengths or headers that no
 * frame has; `reason` says which ("prelude_crc", "message_crc", "frame_length", "frame_headers").
 * AIGW_E_LIMIT when a frame says it is larger than max_frame_bytes; AIGW_E_NOMEM. All three for ever after.
 * Bytes are copied only when a frame spans calls.
 */
int gw_eventstream_feed(gw_eventstream *r, aigw_slice bytes, gw_frame_fn *fn, void *user,
                        aigw_error *err);
/* The body ended: AIGW_E_PARSE ("truncated_frame") if it did within a frame. */
int gw_eventstream_end(gw_eventstream *r, aigw_error *err);

/*
 * Appends one frame. AIGW_E_INVALID (nothing is written): a name or value that is too long, too many
 * headers, more than 2 GiB; AIGW_E_LIMIT when out is full.
 */
int gw_eventstream_write(gw_buf *out, const gw_frame_header *headers, size_t header_count,
                         aigw_slice payload);

/* CRC-32 (IEEE 802.3) of data, continued from `crc`; 0 to begin with. */
uint32_t gw_crc32(uint32_t crc, aigw_slice data);

#endif
