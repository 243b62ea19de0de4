/*
 * The lists of addresses of a snapshot: read from files when it is made, again on a reload, and when a file has
 * changed and then stood still for one more look. What is refused leaves the last good list.
 *
 * Shared: any thread may look for changes; one does, the others go on. Opens files; knows no request.
 */
#ifndef GW_GATEWAY_SCREEN_LISTS_H
#define GW_GATEWAY_SCREEN_LISTS_H

#include "base/log.h"
#include "base/time.h"
#include "gateway/config/waf.h"

typedef struct gw_screen_lists gw_screen_lists;

/* A missing file or a bad list: AIGW_E_CONFIG with the pointer of the list. */
int gw_screen_lists_new(const gw_config_waf *config, const gw_clock *clock, gw_screen_lists **out,
                        aigw_error *err);
gw_screen_lists *gw_screen_lists_ref(gw_screen_lists *lists);
void gw_screen_lists_free(gw_screen_lists *lists);

/* Do they read these files, with this limit? */
bool gw_screen_lists_same(const gw_screen_lists *lists, const gw_config_waf *config);
/* Reads all files again. */
void gw_screen_lists_reload(gw_screen_lists *lists, const gw_clock *clock, const gw_log *log);
/* For every step of a loop: looks at the files' times and sizes every check_ms. The loop that finds a change
 * reads, parses and builds, and stands still meanwhile; look-ups go on with the old list. */
void gw_screen_lists_tick(gw_screen_lists *lists, int64_t check_ms, const gw_clock *clock,
                          const gw_log *log);

aigw_iprep *gw_screen_lists_of(gw_screen_lists *lists);
/* Has the list any files? */
bool gw_screen_lists_has(const gw_screen_lists *lists, aigw_iprep_list list);
/* Entries, age and refusals of each list that has files, in the Prometheus text format. lists may be NULL. */
void gw_screen_lists_metrics(gw_screen_lists *lists, int64_t now_unix_s, gw_buf *out);

#endif
