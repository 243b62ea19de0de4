/* PROXY protocol: the same at every split, and never a byte too many. The first byte seeds the splits. */
#include "base/text.h"
#include "proto/proxy.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static int run(gw_proxy *p, aigw_slice text, uint32_t seed, size_t *total, aigw_error *err)
{
    int code = AIGW_AGAIN;
    *p = (gw_proxy){.version = 0};
    *total = 0;
    for (size_t at = 0; at < text.len && code == AIGW_AGAIN;) {
        size_t n = text.len - at, used = 0;
        seed = seed * 1664525u + 1013904223u;
        if (seed != 1013904223u && n > (seed >> 24) % 9)
            n = (seed >> 24) % 9;
        char *exact = malloc(n + 1); /* so that a sanitizer sees reads too far */
        check(exact != NULL);
        memcpy(exact, text.data + at, n);
        code = gw_proxy_feed(p, gw_slice(exact, n), &used, err);
        free(exact);
        check(used <= n && (code != AIGW_AGAIN || used == n));
        *total += used;
        at += n;
    }
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gw_proxy whole, split;
    size_t all, parts;
    aigw_error a = {0}, b = {0};
    if (size < 1)
        return 0;
    aigw_slice text = {(const char *)data + 1, size - 1};
    int code = run(&whole, text, 0, &all, &a);
    for (uint32_t i = 1; i <= 4; i++) {
        check(run(&split, text, data[0] * 8u + i, &parts, &b) == code);
        check(code < 0 || parts == all);
        check(strcmp(a.reason, b.reason) == 0);
        check(code != AIGW_OK ||
              (split.kind == whole.kind && split.source_port == whole.source_port &&
               gw_ip_cmp(&split.source, &whole.source) == 0 &&
               gw_ip_cmp(&split.destination, &whole.destination) == 0));
    }
    check(all <= 16 + GW_PROXY_V2_BYTES);
    check((gw_proxy_end(&whole, NULL) == AIGW_OK) == (code == AIGW_OK));
    return 0;
}
