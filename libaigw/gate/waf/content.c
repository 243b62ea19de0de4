/* Prompt text for the signatures: without the base64 in it, which only costs. Must not know JSON. */
#include "base/text.h"
#include "gate/waf/parts.h"

#define RUN 512 /* shorter runs are scanned: a payload may be written in letters only */

static const bool base64[256] = {
    ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true,
    ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true,
    ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true,
    ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true, ['X'] = true,
    ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true,
    ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true,
    ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true,
    ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true,
    ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true, ['0'] = true, ['1'] = true,
    ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true,
    ['8'] = true, ['9'] = true, ['+'] = true, ['/'] = true, ['='] = true, ['-'] = true,
    ['_'] = true};

/* End of the next run of RUN base64 characters or more, its start in *run; both the text's length if there is
 * none. Looks at every RUNth place only: a run covers one. */
static size_t next_run(aigw_slice text, size_t from, size_t *run)
{
    for (size_t at = from + RUN - 1; at < text.len; at += RUN) {
        size_t start = at + 1;
        size_t end = at;
        while (start > from && at + 1 - start < RUN && base64[(unsigned char)text.data[start - 1]])
            start--;
        while (start <= at && end < text.len && base64[(unsigned char)text.data[end]])
            end++;
        if (end >= start + RUN) {
            *run = start;
            return end;
        }
    }
    *run = text.len;
    return text.len;
}

void gw_waf_read_content(gw_waf_scan *scan, const gw_waf_view *view, gw_waf_field field)
{
    aigw_slice text = field.text;
    field.component = AIGW_WAF_CONTENT;
    field.small = view->content == AIGW_WAF_CONTENT_COUNT_SIGNATURES ||
                  view->content == AIGW_WAF_CONTENT_BLOCK_SIGNATURES;
    for (size_t from = 0; from < text.len;) {
        size_t run;
        size_t end = next_run(text, from, &run);
        field.text = gw_slice(text.data + from, run - from);
        gw_waf_scan_field(scan, &field);
        from = end;
    }
}
