/* Prompt text for the signatures: without the base64 in it, which only costs. Must not know JSON. */
#include "base/text.h"
#include "gate/waf/parts.h"

#define RUN 512 /* shorter runs are scanned: a payload may be written in letters only */

static bool base64_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=' || c == '-' || c == '_';
}

void gw_waf_read_content(gw_waf_scan *scan, const gw_waf_view *view, aigw_slice where,
                         aigw_slice text)
{
    aigw_waf_content policy = view->content;
    gw_waf_field field = {
        .component = AIGW_WAF_CONTENT, .where = "json", .name = where, .url = true};
    field.small =
        policy == AIGW_WAF_CONTENT_COUNT_SIGNATURES || policy == AIGW_WAF_CONTENT_BLOCK_SIGNATURES;
    size_t from = 0;
    size_t run = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && base64_char(text.data[i])) {
            run++;
            continue;
        }
        if (run >= RUN) {
            field.text = gw_slice(text.data + from, i - run - from);
            gw_waf_scan_field(scan, &field);
            from = i;
        }
        run = 0;
    }
    field.text = gw_skip(text, from);
    gw_waf_scan_field(scan, &field);
}
