/* Fills a caller's error record and names the codes. */
/* Must not know who reads an error, nor log one. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int gw_fail(aigw_error *err, int code, const char *reason, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    err->code = code;
    err->http_status = 0;
    err->line = 0;
    err->pointer[0] = '\0';
    snprintf(err->reason, sizeof(err->reason), "%s", reason ? reason : "");
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    return code;
}

int gw_fail_nomem(aigw_error *err)
{
    return gw_fail(err, AIGW_E_NOMEM, "out_of_memory", "out of memory");
}

const char *aigw_code_name(int code)
{
    switch (code) {
    case AIGW_OK:
        return "AIGW_OK";
    case AIGW_AGAIN:
        return "AIGW_AGAIN";
    case AIGW_END:
        return "AIGW_END";
    case AIGW_E_NOMEM:
        return "AIGW_E_NOMEM";
    case AIGW_E_INVALID:
        return "AIGW_E_INVALID";
    case AIGW_E_PARSE:
        return "AIGW_E_PARSE";
    case AIGW_E_LIMIT:
        return "AIGW_E_LIMIT";
    case AIGW_E_CONFIG:
        return "AIGW_E_CONFIG";
    case AIGW_E_DENIED:
        return "AIGW_E_DENIED";
    case AIGW_E_NO_KEYS:
        return "AIGW_E_NO_KEYS";
    case AIGW_E_IO:
        return "AIGW_E_IO";
    case AIGW_E_UPSTREAM:
        return "AIGW_E_UPSTREAM";
    case AIGW_E_TIMEOUT:
        return "AIGW_E_TIMEOUT";
    case AIGW_E_CANCELLED:
        return "AIGW_E_CANCELLED";
    case AIGW_E_UNSUPPORTED:
        return "AIGW_E_UNSUPPORTED";
    default:
        return "unknown";
    }
}
