/* A growing byte buffer with a maximum, read from the front. Knows nothing of what the bytes mean. */
#ifndef GW_BASE_BUF_H
#define GW_BASE_BUF_H

#include <aigw/types.h>

/*
 * Appending past max, or without memory, sets `failed` and changes nothing; later appends fail too, so
 * that a writer may check once at its end. Reads take from the front.
 */
typedef struct gw_buf {
    char *data;   /* start of the allocation */
    size_t start; /* first unread byte */
    size_t end;   /* one past the last byte */
    size_t cap;
    size_t max;   /* most unread bytes it may hold */
    bool failed;
} gw_buf;

void gw_buf_init(gw_buf *buf, size_t max);
void gw_buf_free(gw_buf *buf);
bool gw_buf_append(gw_buf *buf, const void *data, size_t len);
bool gw_buf_add(gw_buf *buf, aigw_slice text);
bool gw_buf_puts(gw_buf *buf, const char *text);
bool gw_buf_putc(gw_buf *buf, char c);
bool gw_buf_int(gw_buf *buf, int64_t value);
bool gw_buf_printf(gw_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at the returned address (then gw_buf_grew); NULL and failed otherwise. */
char *gw_buf_reserve(gw_buf *buf, size_t n);
void gw_buf_grew(gw_buf *buf, size_t n);
aigw_slice gw_buf_slice(const gw_buf *buf); /* the unread bytes; borrowed until the next change */
size_t gw_buf_len(const gw_buf *buf);
void gw_buf_consume(gw_buf *buf, size_t n);
void gw_buf_clear(gw_buf *buf); /* empties and un-fails; keeps the memory */
void gw_buf_truncate(gw_buf *buf, size_t len); /* keeps the first len unread bytes; does not un-fail */
/* Hands the bytes over as one allocation of gw_alloc; the buffer is empty afterwards. */
aigw_slice gw_buf_steal(gw_buf *buf);

#endif
