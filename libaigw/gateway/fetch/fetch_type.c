/* What bytes are, by how they begin: the few types that providers take. */
/* Must not believe anybody's content-type. */
#include "gateway/fetch/parts.h"

#include "base/text.h"

const char *gw_fetch_type_of(aigw_slice bytes)
{
    if (gw_starts(bytes, GW_S("\x89PNG\r\n\x1a\n")))
        return "image/png";
    if (gw_starts(bytes, GW_S("\xff\xd8\xff")))
        return "image/jpeg";
    if (gw_starts(bytes, GW_S("GIF87a")) || gw_starts(bytes, GW_S("GIF89a")))
        return "image/gif";
    if (bytes.len >= 12 && gw_starts(bytes, GW_S("RIFF")) &&
        gw_starts(gw_skip(bytes, 8), GW_S("WEBP")))
        return "image/webp";
    if (gw_starts(bytes, GW_S("%PDF-")))
        return "application/pdf";
    return NULL;
}
