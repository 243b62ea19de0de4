/* May a header, or a path, go out as it is? Both transports ask. Must not know where it goes. */
#include "rim/http_field.h"

#include "base/text.h"

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

/* "." or "..", in any of its spellings. */
static bool is_dots(aigw_slice segment)
{
    size_t dots = 0;
    while (segment.len > 0) {
        bool encoded = gw_starts_nocase(segment, GW_S("%2e"));
        if (!encoded && segment.data[0] != '.')
            return false;
        segment = gw_skip(segment, encoded ? 3 : 1);
        dots++;
    }
    return dots == 1 || dots == 2;
}

bool gw_http_path_ok(aigw_slice path)
{
    if (path.len == 0 || path.data[0] != '/')
        return false;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c <= ' ' || c >= 0x7f || c == '#' || c == '\\')
            return false;
    }
    aigw_slice rest = gw_skip(path, 1);
    rest = gw_cut(&rest, '?');
    while (rest.data) {
        aigw_slice segment = gw_cut(&rest, '/');
        if (is_dots(segment) || (segment.len == 0 && rest.data))
            return false;
    }
    return true;
}
