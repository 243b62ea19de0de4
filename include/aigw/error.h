/*
 * Result codes and the error record that a caller owns.
 *
 * Every function that can fail returns one of these codes and, when `err` is not NULL, fills it. There
 * is no thread-local state and nothing to free. An aigw_error never holds a secret, a token or a prompt.
 */
#ifndef AIGW_ERROR_H
#define AIGW_ERROR_H

#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum aigw_code {
    AIGW_OK = 0,
    AIGW_AGAIN = 1, /* nothing yet: wait for `ready`, or call the _wait form */
    AIGW_END = 2,   /* complete; nothing follows */

    AIGW_E_NOMEM = -1,    /* allocation failed */
    AIGW_E_INVALID = -2,  /* the caller broke the contract of the function */
    AIGW_E_PARSE = -3,    /* bytes that do not follow their grammar */
    AIGW_E_LIMIT = -4,    /* a stated bound was reached */
    AIGW_E_CONFIG = -5,   /* configuration refused; pointer and line say where */
    AIGW_E_DENIED = -6,   /* a credential or a policy said no; reason says which check */
    AIGW_E_NO_KEYS = -7,  /* no usable key set at hand */
    AIGW_E_IO = -8,       /* a file or a socket failed */
    AIGW_E_UPSTREAM = -9, /* the provider or the issuer failed or answered nonsense */
    AIGW_E_TIMEOUT = -10, /* a deadline passed */
    AIGW_E_CANCELLED = -11,
    AIGW_E_UNSUPPORTED = -12 /* cannot be expressed in the target format */
} aigw_code;

typedef struct aigw_error {
    int code;         /* an aigw_code */
    int http_status;  /* the status a server would answer, or the one that upstream gave; 0 if none */
    int line;         /* 1-based line of a config document; 0 if none */
    char reason[48];  /* one stable word for machines, e.g. "expired", "unknown_key" */
    char pointer[160]; /* JSON pointer (RFC 6901) to the offending member; "" if none */
    char message[256]; /* for people */
} aigw_error;

/* The name of a code, "AIGW_E_NOMEM". Static storage; "unknown" for a value outside the enum. */
AIGW_API const char *aigw_code_name(int code);

#ifdef __cplusplus
}
#endif
#endif
