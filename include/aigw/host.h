/*
 * What an embedding program may supply: clock, log sink, secrets. All optional.
 *
 * A NULL host, or a NULL member, means the default: the system clock, no log, the environment.
 */
#ifndef AIGW_HOST_H
#define AIGW_HOST_H

#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum aigw_log_level {
    AIGW_LOG_ERROR = 0,
    AIGW_LOG_WARN = 1,
    AIGW_LOG_INFO = 2,
    AIGW_LOG_DEBUG = 3
} aigw_log_level;

typedef struct aigw_host {
    size_t size; /* sizeof(aigw_host) */
    void *user;  /* handed to each function below */

    /* Monotonic milliseconds. Any thread. */
    int64_t (*now_ms)(void *user);
    /* Seconds since 1970-01-01 UTC. Any thread. */
    int64_t (*unix_s)(void *user);
    /* One line without its newline: a JSON object. Any thread; must not call back into the library. */
    void (*log)(void *user, aigw_log_level level, const char *line, size_t len);
    /*
     * The value of an environment-like variable, or NULL. Used for ${NAME} in the config. The string
     * must stay valid until the next call. Default: getenv.
     */
    const char *(*env)(void *user, const char *name);
} aigw_host;

#ifdef __cplusplus
}
#endif
#endif
