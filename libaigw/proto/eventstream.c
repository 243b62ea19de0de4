/*
 * Frames of AWS event streams: reading at any split, checking both sums, writing.
 * Must not know what a frame means, nor JSON.
 */
#include "proto/eventstream.h"

#include "base/error.h"
#include "base/text.h"

enum { PRELUDE = 12, TRAILER = 4, SMALLEST = PRELUDE + TRAILER, NAME_MAX_BYTES = 255 };

#define LONGEST_VALUE 0x7fffu
#define LARGEST_FRAME 0x7fffffffu

/* One byte's worth of the polynomial 0xedb88320 (reflected), for each byte. */
static const uint32_t crc_of_byte[256] = {
    0x00000000, 0x77073096, 0xee0e612c, 0x990951ba, 0x076dc419, 0x706af48f, 0xe963a535, 0x9e6495a3,
    0x0edb8832, 0x79dcb8a4, 0xe0d5e91e, 0x97d2d988, 0x09b64c2b, 0x7eb17cbd, 0xe7b82d07, 0x90bf1d91,
    0x1db71064, 0x6ab020f2, 0xf3b97148, 0x84be41de, 0x1adad47d, 0x6ddde4eb, 0xf4d4b551, 0x83d385c7,
    0x136c9856, 0x646ba8c0, 0xfd62f97a, 0x8a65c9ec, 0x14015c4f, 0x63066cd9, 0xfa0f3d63, 0x8d080df5,
    0x3b6e20c8, 0x4c69105e, 0xd56041e4, 0xa2677172, 0x3c03e4d1, 0x4b04d447, 0xd20d85fd, 0xa50ab56b,
    0x35b5a8fa, 0x42b2986c, 0xdbbbc9d6, 0xacbcf940, 0x32d86ce3, 0x45df5c75, 0xdcd60dcf, 0xabd13d59,
    0x26d930ac, 0x51de003a, 0xc8d75180, 0xbfd06116, 0x21b4f4b5, 0x56b3c423, 0xcfba9599, 0xb8bda50f,
    0x2802b89e, 0x5f058808, 0xc60cd9b2, 0xb10be924, 0x2f6f7c87, 0x58684c11, 0xc1611dab, 0xb6662d3d,
    0x76dc4190, 0x01db7106, 0x98d220bc, 0xefd5102a, 0x71b18589, 0x06b6b51f, 0x9fbfe4a5, 0xe8b8d433,
    0x7807c9a2, 0x0f00f934, 0x9609a88e, 0xe10e9818, 0x7f6a0dbb, 0x086d3d2d, 0x91646c97, 0xe6635c01,
    0x6b6b51f4, 0x1c6c6162, 0x856530d8, 0xf262004e, 0x6c0695ed, 0x1b01a57b, 0x8208f4c1, 0xf50fc457,
    0x65b0d9c6, 0x12b7e950, 0x8bbeb8ea, 0xfcb9887c, 0x62dd1ddf, 0x15da2d49, 0x8cd37cf3, 0xfbd44c65,
    0x4db26158, 0x3ab551ce, 0xa3bc0074, 0xd4bb30e2, 0x4adfa541, 0x3dd895d7, 0xa4d1c46d, 0xd3d6f4fb,
    0x4369e96a, 0x346ed9fc, 0xad678846, 0xda60b8d0, 0x44042d73, 0x33031de5, 0xaa0a4c5f, 0xdd0d7cc9,
    0x5005713c, 0x270241aa, 0xbe0b1010, 0xc90c2086, 0x5768b525, 0x206f85b3, 0xb966d409, 0xce61e49f,
    0x5edef90e, 0x29d9c998, 0xb0d09822, 0xc7d7a8b4, 0x59b33d17, 0x2eb40d81, 0xb7bd5c3b, 0xc0ba6cad,
    0xedb88320, 0x9abfb3b6, 0x03b6e20c, 0x74b1d29a, 0xead54739, 0x9dd277af, 0x04db2615, 0x73dc1683,
    0xe3630b12, 0x94643b84, 0x0d6d6a3e, 0x7a6a5aa8, 0xe40ecf0b, 0x9309ff9d, 0x0a00ae27, 0x7d079eb1,
    0xf00f9344, 0x8708a3d2, 0x1e01f268, 0x6906c2fe, 0xf762575d, 0x806567cb, 0x196c3671, 0x6e6b06e7,
    0xfed41b76, 0x89d32be0, 0x10da7a5a, 0x67dd4acc, 0xf9b9df6f, 0x8ebeeff9, 0x17b7be43, 0x60b08ed5,
    0xd6d6a3e8, 0xa1d1937e, 0x38d8c2c4, 0x4fdff252, 0xd1bb67f1, 0xa6bc5767, 0x3fb506dd, 0x48b2364b,
    0xd80d2bda, 0xaf0a1b4c, 0x36034af6, 0x41047a60, 0xdf60efc3, 0xa867df55, 0x316e8eef, 0x4669be79,
    0xcb61b38c, 0xbc66831a, 0x256fd2a0, 0x5268e236, 0xcc0c7795, 0xbb0b4703, 0x220216b9, 0x5505262f,
    0xc5ba3bbe, 0xb2bd0b28, 0x2bb45a92, 0x5cb36a04, 0xc2d7ffa7, 0xb5d0cf31, 0x2cd99e8b, 0x5bdeae1d,
    0x9b64c2b0, 0xec63f226, 0x756aa39c, 0x026d930a, 0x9c0906a9, 0xeb0e363f, 0x72076785, 0x05005713,
    0x95bf4a82, 0xe2b87a14, 0x7bb12bae, 0x0cb61b38, 0x92d28e9b, 0xe5d5be0d, 0x7cdcefb7, 0x0bdbdf21,
    0x86d3d2d4, 0xf1d4e242, 0x68ddb3f8, 0x1fda836e, 0x81be16cd, 0xf6b9265b, 0x6fb077e1, 0x18b74777,
    0x88085ae6, 0xff0f6a70, 0x66063bca, 0x11010b5c, 0x8f659eff, 0xf862ae69, 0x616bffd3, 0x166ccf45,
    0xa00ae278, 0xd70dd2ee, 0x4e048354, 0x3903b3c2, 0xa7672661, 0xd06016f7, 0x4969474d, 0x3e6e77db,
    0xaed16a4a, 0xd9d65adc, 0x40df0b66, 0x37d83bf0, 0xa9bcae53, 0xdebb9ec5, 0x47b2cf7f, 0x30b5ffe9,
    0xbdbdf21c, 0xcabac28a, 0x53b39330, 0x24b4a3a6, 0xbad03605, 0xcdd70693, 0x54de5729, 0x23d967bf,
    0xb3667a2e, 0xc4614ab8, 0x5d681b02, 0x2a6f2b94, 0xb40bbe37, 0xc30c8ea1, 0x5a05df1b, 0x2d02ef8d,
};

uint32_t gw_crc32(uint32_t crc, aigw_slice data)
{
    crc = ~crc;
    for (size_t i = 0; i < data.len; i++)
        crc = crc_of_byte[(crc ^ (unsigned char)data.data[i]) & 0xff] ^ crc >> 8;
    return ~crc;
}

static uint64_t big_endian(const char *at, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | (unsigned char)at[i];
    return n;
}

static uint32_t u32(const char *at)
{
    return (uint32_t)big_endian(at, 4);
}

void gw_eventstream_init(gw_eventstream *r, size_t max_frame_bytes)
{
    *r = (gw_eventstream){.max_frame_bytes = max_frame_bytes};
    gw_buf_init(&r->pending, max_frame_bytes < PRELUDE ? PRELUDE : max_frame_bytes);
}

void gw_eventstream_free(gw_eventstream *r)
{
    gw_buf_free(&r->pending);
}

aigw_slice gw_frame_string(const gw_frame *frame, const char *name)
{
    for (size_t i = 0; i < frame->header_count; i++) {
        const gw_frame_header *h = &frame->headers[i];
        if (h->type == GW_FRAME_STRING && gw_eq(h->name, aigw_slice_of(name)))
            return h->value;
    }
    return (aigw_slice){NULL, 0};
}

static int bad_frame(gw_eventstream *r, const char *reason, const char *why, aigw_error *err)
{
    r->failed = AIGW_E_PARSE;
    return gw_fail(err, AIGW_E_PARSE, reason, "%s", why);
}

/* The sum of the prelude first: lengths that were hit by an error must not be believed. */
static int check_prelude(gw_eventstream *r, const char *head, aigw_error *err)
{
    if (gw_crc32(0, gw_slice(head, 8)) != u32(head + 8))
        return bad_frame(r, "prelude_crc", "the checksum of a frame's lengths is wrong", err);
    uint32_t total = u32(head), headers = u32(head + 4);
    if (total < SMALLEST || headers > total - SMALLEST)
        return bad_frame(r, "frame_length", "a frame's lengths do not fit together", err);
    if (total > r->max_frame_bytes) {
        r->failed = AIGW_E_LIMIT;
        return gw_fail(err, AIGW_E_LIMIT, "frame_too_large", "a frame is larger than allowed");
    }
    return AIGW_OK;
}

/* Bytes of a value whose type says them; -1: they are said in two bytes before it; -2: no such type. */
static int fixed_size(unsigned type)
{
    static const signed char sizes[] = {
        [GW_FRAME_TRUE] = 0,     [GW_FRAME_FALSE] = 0,   [GW_FRAME_BYTE] = 1,
        [GW_FRAME_SHORT] = 2,    [GW_FRAME_INT] = 4,     [GW_FRAME_LONG] = 8,
        [GW_FRAME_BYTES] = -1,   [GW_FRAME_STRING] = -1, [GW_FRAME_UUID] = 16,
        [GW_FRAME_TIMESTAMP] = 8};
    return type < sizeof sizes ? sizes[type] : -2;
}

static int64_t number_of(const gw_frame_header *h, const char *at, size_t bytes)
{
    if (h->type == GW_FRAME_TRUE || h->type == GW_FRAME_FALSE)
        return h->type == GW_FRAME_TRUE;
    unsigned unused = 64 - 8 * (unsigned)bytes;
    uint64_t n = big_endian(at, bytes) << unused;
    return (int64_t)n >> unused; /* carries the sign */
}

/* One header off the front of *rest. */
static bool read_header(aigw_slice *rest, gw_frame_header *out)
{
    size_t name = rest->len > 0 ? (unsigned char)rest->data[0] : 0;
    if (name == 0 || rest->len < 1 + name + 1)
        return false;
    unsigned type = (unsigned char)rest->data[1 + name];
    int fixed = fixed_size(type);
    *out = (gw_frame_header){.name = gw_slice(rest->data + 1, name), .type = (gw_frame_type)type};
    *rest = gw_skip(*rest, name + 2);
    size_t size = fixed > 0 ? (size_t)fixed : 0;
    if (fixed == -2 || (fixed == -1 && rest->len < 2))
        return false;
    if (fixed == -1) {
        size = (size_t)big_endian(rest->data, 2);
        *rest = gw_skip(*rest, 2);
    }
    if (size > rest->len)
        return false;
    if (fixed == -1 || type == GW_FRAME_UUID)
        out->value = gw_slice(rest->data, size);
    else
        out->number = number_of(out, rest->data, size);
    *rest = gw_skip(*rest, size);
    return true;
}

static bool read_headers(aigw_slice rest, gw_frame *frame)
{
    while (rest.len > 0) {
        if (frame->header_count == GW_FRAME_HEADERS ||
            !read_header(&rest, &frame->headers[frame->header_count]))
            return false;
        frame->header_count++;
    }
    return true;
}

/* `raw` is one frame whose prelude is right. */
static int give(gw_eventstream *r, aigw_slice raw, gw_frame_fn *fn, void *user, aigw_error *err)
{
    size_t body = raw.len - TRAILER, headers = u32(raw.data + 4);
    if (gw_crc32(0, gw_slice(raw.data, body)) != u32(raw.data + body))
        return bad_frame(r, "message_crc", "the checksum of a frame is wrong", err);
    gw_frame frame = {.raw = raw, .header_count = 0};
    if (!read_headers(gw_slice(raw.data + PRELUDE, headers), &frame))
        return bad_frame(r, "frame_headers", "the headers of a frame are malformed", err);
    frame.payload = gw_slice(raw.data + PRELUDE + headers, body - PRELUDE - headers);
    return fn(user, &frame);
}

/* Completes the frame that began in an earlier call, as far as `bytes` goes; takes what it uses. */
static int complete(gw_eventstream *r, aigw_slice *bytes, gw_frame_fn *fn, void *user,
                    aigw_error *err)
{
    size_t have = gw_buf_len(&r->pending);
    size_t wanted = have < PRELUDE ? PRELUDE : u32(gw_buf_slice(&r->pending).data);
    size_t n = wanted - have < bytes->len ? wanted - have : bytes->len;
    if (!gw_buf_append(&r->pending, bytes->data, n)) {
        r->failed = AIGW_E_NOMEM;
        return gw_fail_nomem(err);
    }
    *bytes = gw_skip(*bytes, n);
    if (have + n < wanted)
        return AIGW_OK;
    if (wanted == PRELUDE)
        return check_prelude(r, gw_buf_slice(&r->pending).data, err);
    int rc = give(r, gw_buf_slice(&r->pending), fn, user, err);
    gw_buf_clear(&r->pending);
    return rc;
}

int gw_eventstream_feed(gw_eventstream *r, aigw_slice bytes, gw_frame_fn *fn, void *user,
                        aigw_error *err)
{
    if (r->failed != 0)
        return gw_fail(err, r->failed, "failed_before", "the event stream has failed before");
    while (bytes.len > 0) {
        bool whole_head = gw_buf_len(&r->pending) == 0 && bytes.len >= PRELUDE;
        int rc = whole_head ? check_prelude(r, bytes.data, err) : AIGW_OK;
        if (rc == AIGW_OK && whole_head && bytes.len >= u32(bytes.data)) {
            aigw_slice raw = gw_slice(bytes.data, u32(bytes.data));
            rc = give(r, raw, fn, user, err);
            bytes = gw_skip(bytes, raw.len);
        } else if (rc == AIGW_OK) {
            rc = complete(r, &bytes, fn, user, err);
        }
        if (rc != AIGW_OK)
            return rc;
    }
    return AIGW_OK;
}

int gw_eventstream_end(gw_eventstream *r, aigw_error *err)
{
    if (r->failed != 0)
        return gw_fail(err, r->failed, "failed_before", "the event stream has failed before");
    if (gw_buf_len(&r->pending) > 0)
        return bad_frame(r, "truncated_frame", "the body ended within a frame", err);
    return AIGW_OK;
}

static void put(char **to, uint64_t n, size_t bytes)
{
    while (bytes-- > 0)
        *(*to)++ = (char)(n >> (8 * bytes));
}

static void put_bytes(char **to, aigw_slice bytes)
{
    if (bytes.len > 0)
        memcpy(*to, bytes.data, bytes.len);
    *to += bytes.len;
}

/* Bytes of a header on the wire; 0 if it cannot be one. */
static size_t header_size(const gw_frame_header *h)
{
    int fixed = fixed_size((unsigned)h->type);
    bool bad_value = (fixed == -1 && h->value.len > LONGEST_VALUE) ||
                     (h->type == GW_FRAME_UUID && h->value.len != 16);
    if (fixed == -2 || bad_value || h->name.len == 0 || h->name.len > NAME_MAX_BYTES)
        return 0;
    return 2 + h->name.len + (fixed == -1 ? 2 + h->value.len : (size_t)fixed);
}

static void put_header(char **to, const gw_frame_header *h)
{
    int fixed = fixed_size((unsigned)h->type);
    put(to, h->name.len, 1);
    put_bytes(to, h->name);
    put(to, (uint64_t)h->type, 1);
    if (fixed == -1)
        put(to, h->value.len, 2);
    if (fixed == -1 || h->type == GW_FRAME_UUID)
        put_bytes(to, h->value);
    else
        put(to, (uint64_t)h->number, (size_t)fixed);
}

int gw_eventstream_write(gw_buf *out, const gw_frame_header *headers, size_t header_count,
                         aigw_slice payload)
{
    size_t head = 0;
    if (header_count > GW_FRAME_HEADERS || payload.len > LARGEST_FRAME)
        return AIGW_E_INVALID;
    for (size_t i = 0; i < header_count; i++) {
        size_t size = header_size(&headers[i]);
        if (size == 0)
            return AIGW_E_INVALID;
        head += size;
    }
    size_t total = SMALLEST + head + payload.len;
    if (total > LARGEST_FRAME)
        return AIGW_E_INVALID;
    char *start = gw_buf_reserve(out, total), *to = start;
    if (start == NULL)
        return AIGW_E_LIMIT;
    put(&to, total, 4);
    put(&to, head, 4);
    put(&to, gw_crc32(0, gw_slice(start, 8)), 4);
    for (size_t i = 0; i < header_count; i++)
        put_header(&to, &headers[i]);
    put_bytes(&to, payload);
    put(&to, gw_crc32(0, gw_slice(start, (size_t)(to - start))), 4);
    gw_buf_grew(out, total);
    return AIGW_OK;
}
