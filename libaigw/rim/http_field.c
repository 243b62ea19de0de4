/* May a header go out as it is? Both transports ask. Must not know where it goes. */
#include "rim/http_field.h"

bool gw_http_field_ok(const aigw_header *h)
{
    if (h->name.len == 0)
        return false;
    for (size_t i = 0; i < h->name.len; i++) {
        unsigned char c = (unsigned char)h->name.data[i];
        if (c <= ' ' || c >= 0x7f || c == ':' || c == ';' || c == ',')
            return false;
    }
    for (size_t i = 0; i < h->value.len; i++) {
        unsigned char c = (unsigned char)h->value.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}
