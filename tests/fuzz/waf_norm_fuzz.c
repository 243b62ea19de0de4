/* The WAF's forms of a text: none grows, none reads outside, decoding ends; hosts and commands are read of
 * anything. */
#include "base/text.h"
#include "gate/waf/norm.h"
#include "gate/waf/shell.h"
#include "gate/waf/url.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t url(char *text, size_t len, bool *changed)
{
    return gw_waf_url_decode(text, len, false, changed);
}

static size_t form_url(char *text, size_t len, bool *changed)
{
    return gw_waf_url_decode(text, len, true, changed);
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* In a block of exactly that size, so that a byte too far is found. */
static void apply(size_t (*make)(char *, size_t, bool *), const uint8_t *data, size_t size)
{
    char *room = malloc(size + !size);
    bool changed = false;
    memcpy(room, data, size);
    size_t len = make(room, size, &changed);
    require(len <= size);
    require(changed || (len == size && memcmp(room, data, size) == 0));
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t (*const all[])(char *, size_t, bool *) = {
        url,         form_url,        gw_waf_html_decode, gw_waf_js_decode, gw_waf_clean,
        gw_waf_path, gw_waf_comments, gw_waf_command,     gw_waf_squeeze};
    if (size == 0)
        return 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        apply(all[i], data, size);
    char *room = malloc(size);
    memcpy(room, data, size);
    aigw_slice text = gw_slice(room, size);
    size_t end = 0;
    int found = gw_waf_shell(text, (gw_waf_shell_text)(data[0] % 3), &end);
    require(end <= size && (found == 0 || end > 0));
    char *out = malloc(size);
    bool changed = false;
    require(gw_waf_base64_decode(text, out) < size);
    memcpy(out, data, size);
    gw_waf_clean(out, size, &changed);
    require(!gw_waf_is_plain(text) || !changed);
    free(out);
    require(gw_waf_url_host(text) <= GW_WAF_HOST_ODD);
    require(gw_waf_host_of(text) <= GW_WAF_HOST_ODD);
    free(room);
    return 0;
}
