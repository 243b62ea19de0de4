/* The outgoing half of a connection: heads, framing, local answers, and the pump into the socket. */
#ifndef GW_SERVER_ANSWER_H
#define GW_SERVER_ANSWER_H

#include "server/conn.h"

/* What a head says beside the fields that the exchange gave. */
typedef struct gw_head_framing {
    int64_t body_bytes; /* -1: chunked, or ended by the close */
    bool chunked;
    bool close;
    bool keep_alive;  /* said aloud, for HTTP/1.0 */
    const char *date; /* NULL: none */
} gw_head_framing;

/* Appends status line and fields. A field with control characters or without a proper name is left out. */
void gw_answer_write_head(gw_buf *out, const aigw_head *head, const gw_head_framing *framing);

/* An error body in the dialect of the path, with its type from the status. */
void gw_answer_error_body(gw_buf *out, aigw_slice path, int status, const char *reason,
                          aigw_slice request_id);

/* Puts a whole answer of our own into conn->out. `extra` may be NULL. */
typedef struct gw_local_answer {
    int status;
    const char *content_type;
    aigw_slice body;
    const aigw_header *extra;
    size_t extra_count;
} gw_local_answer;

void gw_answer_local(gw_conn *conn, const gw_local_answer *answer);
void gw_answer_error(gw_conn *conn, int status, const char *reason);

/* Forgets the last answer. Keeps memory. */
void gw_answer_reset(gw_conn *conn);

typedef enum gw_pump_result {
    GW_PUMP_WAIT,    /* all that was there is sent; the exchange will say when there is more */
    GW_PUMP_BLOCKED, /* the socket is full; conn->blocked is set */
    GW_PUMP_DONE,    /* the answer is sent */
    GW_PUMP_BROKEN,  /* the answer broke off; what there was of it is sent */
    GW_PUMP_GONE     /* the peer is gone, or memory is */
} gw_pump_result;

/* Moves the answer from the exchange into the socket. *moved: at least one byte was taken. */
gw_pump_result gw_answer_pump(gw_conn *conn, bool *moved);

#endif
