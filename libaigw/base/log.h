/*
 * Structured log lines to the host's sink: one JSON object a line. No sink, no work.
 *
 * Values are escaped, so that no client can forge a line. A secret has no way in: there is no function
 * that takes one.
 */
#ifndef GW_BASE_LOG_H
#define GW_BASE_LOG_H

#include "base/buf.h"
#include <aigw/host.h>

typedef struct gw_log {
    void *user;
    void (*write)(void *user, aigw_log_level level, const char *line, size_t len);
    aigw_log_level max_level;
} gw_log;

gw_log gw_log_of(const aigw_host *host); /* level info */

typedef struct gw_log_field {
    const char *name;
    aigw_slice text; /* used when is_number is false */
    int64_t number;
    bool is_number;
} gw_log_field;

#define GW_LOG_TEXT(n, s) ((gw_log_field){(n), (s), 0, false})
#define GW_LOG_INT(n, v)  ((gw_log_field){(n), {NULL, 0}, (v), true})

/* {"level":"info","event":event, fields...}; at most 4 KiB, longer texts are cut. */
void gw_log_event(const gw_log *log, aigw_log_level level, const char *event,
                  const gw_log_field *fields, size_t count);

/* A text as events have it, quotes included, appended; of its escaped form at most `max` bytes, cut ones end
 * in three dots. */
void gw_log_text(gw_buf *out, aigw_slice text, size_t max);
/* A line that is made already: one JSON object, whose texts went through gw_log_text. */
void gw_log_line(const gw_log *log, aigw_log_level level, aigw_slice made);
const char *gw_log_level_name(aigw_log_level level); /* "warn" */

#endif
