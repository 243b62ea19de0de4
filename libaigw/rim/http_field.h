/* May a header, or a path, go out as it is? For rim/http and rim/direct. */
#ifndef GW_RIM_HTTP_FIELD_H
#define GW_RIM_HTTP_FIELD_H

#include <aigw/types.h>

bool gw_http_field_ok(const aigw_header *header);
/*
 * Path and query of a request: printable ASCII from a slash on, without a fragment. What two readers could
 * take for another place is no path: a double slash, a backslash, a segment "." or ".." (also as %2e).
 */
bool gw_http_path_ok(aigw_slice path);

#endif
