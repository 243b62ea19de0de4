/* Event-stream frames: any split gives the same frames, and what is read is written as it was. */
#include "base/text.h"
#include "proto/eventstream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FRAME = 4096, PRELUDE = 12 };

static void check(bool ok)
{
    if (!ok)
        abort();
}

static int record(void *user, const gw_frame *frame)
{
    gw_buf *all = user, again;
    gw_buf_init(&again, 2 * MAX_FRAME);
    check(gw_eventstream_write(&again, frame->headers, frame->header_count, frame->payload) ==
          AIGW_OK);
    /* Booleans have no bytes of their own; all else is as it came. */
    check(gw_eq(gw_buf_slice(&again), frame->raw));
    gw_buf_add(all, frame->raw);
    gw_buf_free(&again);
    return 0;
}

static int run(gw_buf *all, aigw_slice text, size_t step)
{
    gw_eventstream r;
    int rc = 0;
    gw_eventstream_init(&r, MAX_FRAME);
    gw_buf_init(all, SIZE_MAX);
    for (size_t at = 0; rc == 0 && at < text.len; at += step) {
        size_t n = step < text.len - at ? step : text.len - at;
        char *exact = malloc(n); /* so that a sanitizer sees reads too far */
        check(exact != NULL);
        memcpy(exact, text.data + at, n);
        rc = gw_eventstream_feed(&r, gw_slice(exact, n), record, all, NULL);
        free(exact);
    }
    if (rc == 0)
        rc = gw_eventstream_end(&r, NULL);
    check(rc == 0 || gw_eventstream_feed(&r, GW_S("x"), record, all, NULL) == rc);
    gw_eventstream_free(&r);
    return rc;
}

static void be32(char *to, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(n >> (24 - 8 * i));
}

/* A fuzzer does not find sums: they are made right, frame by frame, as far as the lengths lead. */
static void mend(char *text, size_t len)
{
    while (len >= PRELUDE + 4) {
        size_t total = (size_t)(unsigned char)text[2] << 8 | (unsigned char)text[3];
        if (total < PRELUDE + 4 || total > len)
            total = len;
        be32(text, (uint32_t)total);
        text[4] = text[5] = 0;
        be32(text + 8, gw_crc32(0, gw_slice(text, 8)));
        be32(text + total - 4, gw_crc32(0, gw_slice(text, total - 4)));
        text += total;
        len -= total;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > MAX_FRAME)
        return 0;
    char *text = malloc(size - 1);
    check(text != NULL);
    memcpy(text, data + 1, size - 1);
    if (data[0] & 0x80)
        mend(text, size - 1);
    aigw_slice bytes = {text, size - 1};
    gw_buf whole, pieces;
    int a = run(&whole, bytes, SIZE_MAX), b = run(&pieces, bytes, 1 + (data[0] & 0x7f));
    check(a == b && gw_eq(gw_buf_slice(&whole), gw_buf_slice(&pieces)));
    check(gw_starts(bytes, gw_buf_slice(&whole)));
    gw_buf_free(&whole);
    gw_buf_free(&pieces);
    free(text);
    return 0;
}
