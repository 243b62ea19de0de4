/* A growing byte buffer with a maximum, read from the front. */
/* Must not know what the bytes mean. */
#include "base/buf.h"

#include "base/mem.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define FIRST_CAP 256u

void gw_buf_init(gw_buf *buf, size_t max)
{
    *buf = (gw_buf){.max = max};
}

void gw_buf_free(gw_buf *buf)
{
    gw_free(buf->data);
    *buf = (gw_buf){.max = buf->max};
}

/*
 * Moves the unread bytes to the front of a large enough allocation. They slide within the present
 * one only when a quarter of them was consumed since, so that a byte moves a bounded number of
 * times; for that the allocation may exceed max by a quarter.
 */
static bool grow(gw_buf *buf, size_t needed)
{
    size_t len = buf->end - buf->start;
    size_t most = buf->max;
    if (buf->start > 0 && __builtin_add_overflow(most, most / 4 + 1, &most))
        most = SIZE_MAX;
    size_t cap = buf->cap ? buf->cap : FIRST_CAP;
    bool slide = needed <= buf->cap && buf->start > needed / 4;
    while (!slide && (cap < needed || cap == buf->cap) && cap < most)
        cap = cap > most / 2 ? most : cap * 2;
    if (cap > most)
        cap = most;
    if (buf->start > 0 && len > 0)
        memmove(buf->data, buf->data + buf->start, len);
    buf->start = 0;
    buf->end = len;
    if (cap <= buf->cap)
        return true;
    char *data = gw_realloc(buf->data, cap);
    if (data == NULL)
        return needed <= buf->cap;
    buf->data = data;
    buf->cap = cap;
    return true;
}

char *gw_buf_reserve(gw_buf *buf, size_t n)
{
    if (buf->failed)
        return NULL;
    size_t len = buf->end - buf->start;
    if (len > buf->max || n > buf->max - len) {
        buf->failed = true;
        return NULL;
    }
    if (n > buf->cap - buf->end || buf->data == NULL) {
        size_t needed = len + n ? len + n : 1;
        if (needed > buf->max || !grow(buf, needed)) {
            buf->failed = true;
            return NULL;
        }
    }
    return buf->data + buf->end;
}

void gw_buf_grew(gw_buf *buf, size_t n)
{
    buf->end += n;
}

bool gw_buf_append(gw_buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return !buf->failed;
    char *to = gw_buf_reserve(buf, len);
    if (to == NULL)
        return false;
    memcpy(to, data, len);
    buf->end += len;
    return true;
}

bool gw_buf_add(gw_buf *buf, aigw_slice text)
{
    return gw_buf_append(buf, text.data, text.len);
}

bool gw_buf_puts(gw_buf *buf, const char *text)
{
    return gw_buf_append(buf, text, strlen(text));
}

bool gw_buf_putc(gw_buf *buf, char c)
{
    return gw_buf_append(buf, &c, 1);
}

bool gw_buf_int(gw_buf *buf, int64_t value)
{
    char digits[24];
    char *at = digits + sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    return gw_buf_append(buf, at, (size_t)(digits + sizeof(digits) - at));
}

bool gw_buf_printf(gw_buf *buf, const char *fmt, ...)
{
    char small[256];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
        return false;
    }
    if ((size_t)n < sizeof(small))
        return gw_buf_append(buf, small, (size_t)n);
    size_t len = (size_t)n;
    char *large = gw_alloc(len + 1);
    if (large == NULL) {
        buf->failed = true;
        return false;
    }
    va_start(args, fmt);
    vsnprintf(large, len + 1, fmt, args);
    va_end(args);
    bool ok = gw_buf_append(buf, large, len);
    gw_free(large);
    return ok;
}

aigw_slice gw_buf_slice(const gw_buf *buf)
{
    if (buf->data == NULL)
        return (aigw_slice){"", 0};
    return (aigw_slice){buf->data + buf->start, buf->end - buf->start};
}

size_t gw_buf_len(const gw_buf *buf)
{
    return buf->end - buf->start;
}

void gw_buf_consume(gw_buf *buf, size_t n)
{
    if (n >= buf->end - buf->start)
        buf->start = buf->end = 0;
    else
        buf->start += n;
}

void gw_buf_clear(gw_buf *buf)
{
    buf->start = buf->end = 0;
    buf->failed = false;
}

void gw_buf_truncate(gw_buf *buf, size_t len)
{
    if (len < buf->end - buf->start)
        buf->end = buf->start + len;
}

aigw_slice gw_buf_steal(gw_buf *buf)
{
    size_t len = buf->end - buf->start;
    if (buf->start > 0 && len > 0)
        memmove(buf->data, buf->data + buf->start, len);
    aigw_slice bytes = {buf->data, len};
    *buf = (gw_buf){.max = buf->max};
    return bytes;
}
