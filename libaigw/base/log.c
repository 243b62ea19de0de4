/* Structured log lines to the host's sink, one JSON object a line. */
/* Must not know where lines go, and has no way to take a secret. */
#include "base/log.h"

#include "base/text.h"

#define LINE_BYTES  4096u
#define TAIL_BYTES  2u /* the closing quote and brace always fit */
#define NUMBER_ROOM 24u

gw_log gw_log_of(const aigw_host *host)
{
    gw_log log = {NULL, NULL, AIGW_LOG_INFO};
    if (host != NULL && host->size >= offsetof(aigw_host, log) + sizeof(host->log)) {
        log.user = host->user;
        log.write = host->log;
    }
    return log;
}

const char *gw_log_level_name(aigw_log_level level)
{
    switch (level) {
    case AIGW_LOG_ERROR:
        return "error";
    case AIGW_LOG_WARN:
        return "warn";
    case AIGW_LOG_INFO:
        return "info";
    case AIGW_LOG_DEBUG:
        return "debug";
    }
    return "info";
}

/* The line lies in an array, so that logging works without memory. */
typedef struct line {
    char bytes[LINE_BYTES];
    size_t len;
} line;

static size_t room(const line *l)
{
    return LINE_BYTES - TAIL_BYTES - l->len;
}

static void put(line *l, const char *text, size_t len)
{
    memcpy(l->bytes + l->len, text, len);
    l->len += len;
}

/* C1 controls, separators of lines, and what turns the direction of writing: good JSON, but whoever looks
 * at a log would be shown another line than it is. */
static bool moves_a_terminal(unsigned point)
{
    return (point >= 0x80 && point < 0xA0) || point == 0x61C || point == 0x200E ||
           point == 0x200F || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069);
}

/* The code point of a good UTF-8 sequence of two or three bytes. */
static unsigned short_point(const char *at, size_t n)
{
    unsigned point = (unsigned char)at[0] & (n == 2 ? 0x1Fu : 0x0Fu);
    for (size_t i = 1; i < n; i++)
        point = point << 6 | ((unsigned char)at[i] & 0x3Fu);
    return point;
}

/* One character of text, escaped, into out (at most 6 bytes); *used is how many bytes it read. */
static size_t escape_one(aigw_slice text, char out[8], size_t *used)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char c = (unsigned char)text.data[0];
    *used = 1;
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    if (c < 0x20 || c == 0x7F) {
        const char code[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        memcpy(out, code, sizeof(code));
        return sizeof(code);
    }
    size_t n = gw_utf8_sequence(text.data, text.len);
    if (n == 0) {
        memcpy(out, "\xEF\xBF\xBD", 3);
        return 3;
    }
    unsigned point = n == 2 || n == 3 ? short_point(text.data, n) : 0;
    if (moves_a_terminal(point)) {
        const char code[6] = {
            '\\',           'u', hex[point >> 12], hex[point >> 8 & 15], hex[point >> 4 & 15],
            hex[point & 15]};
        memcpy(out, code, sizeof(code));
        *used = n;
        return sizeof(code);
    }
    memcpy(out, text.data, n);
    *used = n;
    return n;
}

/* The escaped text between quotes, cut (with three dots) to what is left but `reserve`. */
static void put_text(line *l, aigw_slice text, size_t reserve)
{
    size_t limit = l->len + room(l) - reserve - 5; /* two quotes, three dots */
    put(l, "\"", 1);
    while (text.len > 0) {
        char one[8];
        size_t used;
        size_t n = escape_one(text, one, &used);
        if (l->len + n > limit) {
            put(l, "...", 3);
            break;
        }
        put(l, one, n);
        text = gw_skip(text, used);
    }
    put(l, "\"", 1);
}

static void put_number(line *l, int64_t value)
{
    char digits[NUMBER_ROOM];
    char *at = digits + sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    put(l, at, (size_t)(digits + sizeof(digits) - at));
}

/* False when the name and a short value no longer fit: the line ends with what it has. */
static bool put_name(line *l, const char *name)
{
    aigw_slice text = aigw_slice_of(name);
    if (room(l) < text.len * 6 + NUMBER_ROOM + 16)
        return false;
    put(l, ",", 1);
    put_text(l, text, 0);
    put(l, ":", 1);
    return true;
}

void gw_log_event(const gw_log *log, aigw_log_level level, const char *event,
                  const gw_log_field *fields, size_t count)
{
    if (log == NULL || log->write == NULL || level > log->max_level)
        return;
    line l;
    l.len = 0;
    put(&l, "{\"level\":", 9);
    put_text(&l, aigw_slice_of(gw_log_level_name(level)), 0);
    put(&l, ",\"event\":", 9);
    put_text(&l, aigw_slice_of(event), LINE_BYTES / 2);
    for (size_t i = 0; i < count && put_name(&l, fields[i].name); i++) {
        if (fields[i].is_number)
            put_number(&l, fields[i].number);
        else
            put_text(&l, fields[i].text, 0);
    }
    put(&l, "}", 1);
    log->write(log->user, level, l.bytes, l.len);
}

void gw_log_text(gw_buf *out, aigw_slice text, size_t max)
{
    char one[8];
    size_t used, wrote = 0;
    gw_buf_putc(out, '"');
    while (text.len > 0) {
        size_t n = escape_one(text, one, &used);
        if (wrote + n > max) {
            gw_buf_puts(out, "...");
            break;
        }
        gw_buf_append(out, one, n);
        wrote += n;
        text = gw_skip(text, used);
    }
    gw_buf_putc(out, '"');
}

void gw_log_line(const gw_log *log, aigw_log_level level, aigw_slice made)
{
    if (log != NULL && log->write != NULL && level <= log->max_level && made.len > 0)
        log->write(log->user, level, made.data, made.len);
}
