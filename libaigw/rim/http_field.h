/* May a header go out as it is? For rim/http and rim/direct. */
#ifndef GW_RIM_HTTP_FIELD_H
#define GW_RIM_HTTP_FIELD_H

#include <aigw/types.h>

bool gw_http_field_ok(const aigw_header *header);

#endif
