/*
 * What the request readers of all formats share: refusals that mean the same everywhere, numbers, base64, and
 * what is wrong with a request as a whole.
 *
 * The two codes are a promise. AIGW_E_PARSE: malformed, its own vendor refuses it too, so that nobody is asked.
 * AIGW_E_UNSUPPORTED: perhaps a word of the vendor's future; it cannot be said in another format, but may go to
 * a provider of its own as it stands. Knows no format's fields.
 */
#ifndef GW_WIRE_READ_H
#define GW_WIRE_READ_H

#include "chat/request.h"

/* AIGW_E_PARSE; the pointer names the member that is not there. */
int gw_read_missing(aigw_error *err, const gw_json_doc *doc, gw_json_ref object, const char *name);
/* A word that is not known: AIGW_E_PARSE when it is no string at all, else AIGW_E_UNSUPPORTED. */
int gw_read_unknown(aigw_error *err, const gw_json_doc *doc, gw_json_ref ref, const char *what,
                    const char *known);

/* An integer however it is written (100, 1e2, 100.0). False: it is none, or beyond 2^53. */
bool gw_read_integer(const gw_json_doc *doc, gw_json_ref ref, int64_t *out);
/* A number that a double holds: not 1e999. */
bool gw_read_finite(const gw_json_doc *doc, gw_json_ref ref);

/*
 * Base64 of either alphabet, with white space or without padding, as the standard one in one piece: *data is
 * left as it stands when it is that already. AIGW_E_PARSE at `at` for anything else, empty data too.
 */
int gw_read_base64(gw_arena *arena, const gw_json_doc *doc, gw_json_ref at, gw_jstr *data,
                   aigw_error *err);

/* A media type with its parameters (RFC 6838 clause 4.2), as it may stand in a data URI: else AIGW_E_PARSE. */
int gw_read_media_type(aigw_error *err, const gw_json_doc *doc, gw_json_ref at, gw_jstr type);

/* Where an image or a file is to be had. Empty: AIGW_E_PARSE; no URL, or one of the provider's own disk:
 * AIGW_E_UNSUPPORTED. */
int gw_read_url(aigw_error *err, const gw_json_doc *doc, gw_json_ref at, gw_jstr url);

/* Where a request says what gw_read_check looks at; ABSENT: it does not. */
typedef struct gw_read_places {
    gw_json_ref tools, tool_choice;
    bool unique_names;   /* the vendor refuses two tools of one name */
    bool answered_calls; /* ... calls that the turn behind them does not answer */
} gw_read_places;

/* The choice of a tool that is not there, tools without a name or of one name, calls without results. */
int gw_read_check(gw_arena *arena, const gw_chat_request *r, const gw_read_places *places,
                  aigw_error *err);

#endif
