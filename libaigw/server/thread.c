/* What the parts of a thread ask it for: the date of the answers.
 * Must not know connections. */
#include "server/thread.h"

#include <stdio.h>
#include <time.h>

void gw_date_print(int64_t unix_s, char out[GW_DATE_BYTES])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t when = (time_t)unix_s;
    struct tm tm;
    out[0] = '\0';
    if (gmtime_r(&when, &tm))
        snprintf(out, GW_DATE_BYTES, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
                 days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
                 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

const char *gw_worker_date(gw_worker *worker)
{
    int64_t now = gw_unix_s(&worker->server->clock);
    if (now != worker->date_unix_s) {
        worker->date_unix_s = now;
        gw_date_print(now, worker->date);
    }
    return worker->date;
}
