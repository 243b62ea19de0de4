/* Filling a caller's aigw_error. Knows nothing of who reads it. */
#ifndef GW_BASE_ERROR_H
#define GW_BASE_ERROR_H

#include <aigw/error.h>

/*
 * Fills *err (may be NULL) and returns code, so that a refusal is one line. `reason` is a stable word.
 * Never pass a secret, a token or prompt text into fmt. http_status, pointer and line are cleared.
 */
int gw_fail(aigw_error *err, int code, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* AIGW_E_NOMEM, with its one message. */
int gw_fail_nomem(aigw_error *err);

#endif
