/* Writes answers: takes bytes from the exchange as fast as the socket does, framed for HTTP/1.1.
 * Knows nothing of how requests are read or routed. */
#include "server/answer.h"

#include "base/crypto.h"
#include "base/json_write.h"
#include "base/text.h"
#include "proto/http1_field.h"

#define COPY_BYTES 8192          /* a piece up to this size is copied behind its framing */
#define FILL_BYTES (16 * 1024)   /* stop collecting pieces when so much is waiting */
#define TURN_BYTES (1024 * 1024) /* then let other connections have their turn */
#define KEEP_BYTES (64 * 1024)   /* memory that an idle connection may keep for its next answer */

static bool field_is_safe(const aigw_header *h)
{
    return gw_http1_is_value(h->value) && gw_http1_is_token(h->name);
}

static bool bodiless(int status)
{
    return status == 204 || status == 304 || status < 200;
}

void gw_answer_write_head(gw_buf *out, const aigw_head *head, const gw_head_framing *framing)
{
    gw_buf_puts(out, "HTTP/1.1 ");
    gw_buf_int(out, head->status);
    gw_buf_putc(out, ' ');
    gw_buf_puts(out, gw_http1_reason(head->status));
    gw_buf_puts(out, "\r\n");
    for (size_t i = 0; i < head->header_count; i++) {
        if (!field_is_safe(&head->headers[i]))
            continue;
        gw_buf_add(out, head->headers[i].name);
        gw_buf_puts(out, ": ");
        gw_buf_add(out, head->headers[i].value);
        gw_buf_puts(out, "\r\n");
    }
    if (framing->date) {
        gw_buf_puts(out, "date: ");
        gw_buf_puts(out, framing->date);
        gw_buf_puts(out, "\r\n");
    }
    if (framing->chunked) {
        gw_buf_puts(out, "transfer-encoding: chunked\r\n");
    } else if (framing->body_bytes >= 0 && !bodiless(head->status)) {
        gw_buf_puts(out, "content-length: ");
        gw_buf_int(out, framing->body_bytes);
        gw_buf_puts(out, "\r\n");
    }
    if (framing->close)
        gw_buf_puts(out, "connection: close\r\n");
    else if (framing->keep_alive)
        gw_buf_puts(out, "connection: keep-alive\r\n");
    gw_buf_puts(out, "\r\n");
}

static const char *error_type(int status)
{
    switch (status) {
    case 404:
        return "not_found_error";
    case 408:
        return "timeout_error";
    case 413:
        return "request_too_large";
    case 503:
        return "overloaded_error";
    default:
        return status >= 500 ? "api_error" : "invalid_request_error";
    }
}

typedef enum dialect { OPENAI, ANTHROPIC, GEMINI, BEDROCK } dialect;

static dialect dialect_of(aigw_slice path)
{
    if (gw_eq(path, GW_S("/v1/messages")) || gw_starts(path, GW_S("/v1/messages/")))
        return ANTHROPIC;
    if (gw_starts(path, GW_S("/model/")))
        return BEDROCK;
    /* Gemini's calls stand behind a colon; under /v1 its models share their path with OpenAI's. */
    bool call = gw_starts(path, GW_S("/v1/models/")) && gw_find(path, GW_S(":")) &&
                (gw_ends(path, GW_S("Content")) || gw_ends(path, GW_S("Contents")) ||
                 gw_ends(path, GW_S("Tokens")));
    return call || gw_starts(path, GW_S("/v1beta/")) ? GEMINI : OPENAI;
}

/* https://google.aip.dev/193 */
static const char *gemini_status(int status)
{
    switch (status) {
    case 404:
        return "NOT_FOUND";
    case 408:
        return "DEADLINE_EXCEEDED";
    case 503:
        return "UNAVAILABLE";
    default:
        return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
    }
}

static void gemini_body(gw_jw *w, int status, const char *reason)
{
    gw_jw_object(w);
    gw_jw_key(w, "error");
    gw_jw_object(w);
    gw_jw_key(w, "code");
    gw_jw_int(w, status);
    gw_jw_key(w, "message");
    gw_jw_str(w, reason);
    gw_jw_key(w, "status");
    gw_jw_str(w, gemini_status(status));
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

static void bedrock_body(gw_jw *w, int status, const char *reason)
{
    gw_jw_object(w);
    gw_jw_key(w, "message");
    gw_jw_str(w, reason);
    gw_jw_key(w, "__type");
    gw_jw_str(w, status == 404   ? "ResourceNotFoundException"
                 : status == 503 ? "ServiceUnavailableException"
                 : status >= 500 ? "InternalServerException"
                                 : "ValidationException");
    gw_jw_object_end(w);
}

static void openai_body(gw_jw *w, int status, const char *reason)
{
    gw_jw_object(w);
    gw_jw_key(w, "error");
    gw_jw_object(w);
    gw_jw_key(w, "message");
    gw_jw_str(w, reason);
    gw_jw_key(w, "type");
    gw_jw_str(w, status >= 500 || status == 404 ? error_type(status) : "invalid_request_error");
    gw_jw_key(w, "param");
    gw_jw_null(w);
    gw_jw_key(w, "code");
    gw_jw_null(w);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

static void anthropic_body(gw_jw *w, int status, const char *reason, aigw_slice request_id)
{
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "error");
    gw_jw_key(w, "error");
    gw_jw_object(w);
    gw_jw_key(w, "message");
    gw_jw_str(w, reason);
    gw_jw_key(w, "type");
    gw_jw_str(w, error_type(status));
    gw_jw_object_end(w);
    if (request_id.len) {
        gw_jw_key(w, "request_id");
        gw_jw_text(w, request_id);
    }
    gw_jw_object_end(w);
}

void gw_answer_error_body(gw_buf *out, aigw_slice path, int status, const char *reason,
                          aigw_slice request_id)
{
    gw_jw w = gw_jw_on(out);
    switch (dialect_of(path)) {
    case OPENAI:
        openai_body(&w, status, reason);
        break;
    case ANTHROPIC:
        anthropic_body(&w, status, reason, request_id);
        break;
    case GEMINI:
        gemini_body(&w, status, reason);
        break;
    case BEDROCK:
        bedrock_body(&w, status, reason);
        break;
    }
}

/* Everything that decides the framing of the answer to the current request stands here. */
static void begin(gw_conn *c, const aigw_head *head)
{
    const gw_http1 *request = &c->request;
    bool http11 = request->minor >= 1;
    c->chunked = head->streaming && http11;
    if (request->state != GW_HTTP1_DONE || !request->keep_alive || (head->streaming && !http11) ||
        gw_worker_draining(c->worker))
        c->close = true;
    c->no_body = bodiless(head->status) || gw_eq(request->method, GW_S("HEAD"));
    gw_head_framing framing = {head->streaming ? -1 : head->body_bytes, c->chunked, c->close,
                               !http11, gw_worker_date(c->worker)};
    gw_answer_write_head(&c->out, head, &framing);
    c->head_done = true;
}

void gw_answer_local(gw_conn *c, const gw_local_answer *answer)
{
    aigw_header headers[8];
    size_t count = 0;
    headers[count++] = (aigw_header){GW_S("content-type"), aigw_slice_of(answer->content_type)};
    for (size_t i = 0; i < answer->extra_count && count < 8; i++)
        headers[count++] = answer->extra[i];
    aigw_head head = {sizeof head, answer->status, headers,
                      count,       false,          (int64_t)answer->body.len};
    begin(c, &head);
    if (!c->no_body)
        gw_buf_add(&c->out, answer->body);
    c->complete = true;
}

/* The path of the request, also of one whose head never became whole. */
static aigw_slice path_of(const gw_http1 *request)
{
    if (request->path.data)
        return request->path;
    aigw_slice line = gw_buf_slice(&request->head);
    line = gw_cut(&line, '\r');
    (void)gw_cut(&line, ' ');
    if (!line.data)
        return line;
    aigw_slice target = gw_cut(&line, ' ');
    return gw_cut(&target, '?');
}

void gw_answer_error(gw_conn *c, int status, const char *reason)
{
    char id[4 + 24];
    gw_buf body;
    memcpy(id, "req_", 4);
    size_t id_len = gw_random_hex(id + 4, 24) ? sizeof id : 0;
    aigw_slice id_text = gw_slice(id, id_len);
    aigw_header extra[] = {{GW_S("x-request-id"), id_text}, {GW_S("request-id"), id_text}};
    gw_buf_init(&body, 4096);
    gw_answer_error_body(&body, path_of(&c->request), status, reason, id_text);
    gw_local_answer answer = {status, "application/json", gw_buf_slice(&body), extra,
                              id_len ? 2 : 0};
    gw_answer_local(c, &answer);
    gw_buf_free(&body);
}

void gw_answer_reset(gw_conn *c)
{
    gw_buf_clear(&c->out);
    if (c->out.cap > KEEP_BYTES)
        gw_buf_free(&c->out);
    c->direct = 0;
    c->direct_chunk = c->blocked = c->head_done = c->no_body = c->chunked = false;
    c->complete = c->broken = c->close = false;
}

/* False: nothing to send yet. */
static bool take_head(gw_conn *c)
{
    aigw_head head = {.size = sizeof head};
    aigw_error err = {0};
    int code = aigw_exchange_head(c->x, &head, &err);
    if (code == AIGW_AGAIN)
        return false;
    if (code == AIGW_OK) {
        begin(c, &head);
        c->complete = c->no_body;
    } else {
        gw_answer_error(c, err.http_status >= 400 ? err.http_status : 502,
                        "the gateway could not answer");
    }
    return true;
}

static void add_chunk_line(gw_buf *out, size_t len)
{
    char text[2 * sizeof len + 2];
    size_t at = sizeof text;
    text[--at] = '\n';
    text[--at] = '\r';
    do {
        text[--at] = "0123456789abcdef"[len & 15];
        len >>= 4;
    } while (len > 0);
    gw_buf_append(out, text + at, sizeof text - at);
}

/* One piece of the body behind its framing. */
static void add_piece(gw_conn *c, aigw_slice piece)
{
    if (c->chunked)
        add_chunk_line(&c->out, piece.len);
    if (piece.len > COPY_BYTES) {
        c->direct = piece.len;
        c->direct_chunk = c->chunked;
        return;
    }
    gw_buf_add(&c->out, piece);
    if (c->chunked)
        gw_buf_puts(&c->out, "\r\n");
    aigw_exchange_consume(c->x, piece.len);
}

/* Collects what can go out in one write. */
static void fill(gw_conn *c)
{
    if (!c->x || (!c->head_done && !take_head(c)))
        return;
    while (!c->complete && !c->broken && c->direct == 0 && gw_buf_len(&c->out) < FILL_BYTES) {
        aigw_slice piece = {NULL, 0};
        aigw_error err;
        int code = aigw_exchange_read(c->x, &piece, &err);
        if (code == AIGW_AGAIN)
            return;
        if (code == AIGW_OK) {
            add_piece(c, piece);
        } else if (code == AIGW_END || (c->chunked && aigw_exchange_told(c->x))) {
            /* Clients drop what they have not read yet of a body that is cut: the error event, too. */
            if (c->chunked)
                gw_buf_puts(&c->out, "0\r\n\r\n");
            c->complete = true;
        } else {
            c->broken = true;
        }
    }
}

/* The parts of one write; the bytes of x are asked for again, since they may have moved. */
static int gather(gw_conn *c, struct iovec parts[3], size_t *total)
{
    static char crlf[] = "\r\n";
    int count = 0;
    aigw_slice out = gw_buf_slice(&c->out), piece = {NULL, 0};
    *total = 0;
    if (out.len)
        parts[count++] = (struct iovec){(void *)(uintptr_t)out.data, out.len};
    if (c->direct) {
        if (aigw_exchange_read(c->x, &piece, NULL) != AIGW_OK || piece.len == 0)
            return -1;
        if (piece.len > c->direct)
            piece.len = c->direct;
        parts[count++] = (struct iovec){(void *)(uintptr_t)piece.data, piece.len};
        if (c->direct_chunk && piece.len == c->direct)
            parts[count++] = (struct iovec){crlf, 2};
    }
    for (int i = 0; i < count; i++)
        *total += parts[i].iov_len;
    return count;
}

/* Takes n sent bytes off the front: of `out`, then of x, then of the CRLF behind its chunk. */
static void sent(gw_conn *c, size_t n)
{
    size_t part = n < gw_buf_len(&c->out) ? n : gw_buf_len(&c->out);
    gw_buf_consume(&c->out, part);
    n -= part;
    if (!c->direct || gw_buf_len(&c->out) > 0)
        return;
    part = n < c->direct ? n : c->direct;
    if (part)
        aigw_exchange_consume(c->x, part);
    c->direct -= part;
    n -= part;
    if (c->direct == 0 && c->direct_chunk) {
        c->direct_chunk = false;
        gw_buf_append(&c->out, &"\r\n"[n], 2 - n);
    }
}

gw_pump_result gw_answer_pump(gw_conn *c, bool *moved)
{
    size_t turn = 0;
    *moved = c->blocked = false;
    for (;;) {
        struct iovec parts[3];
        size_t total;
        fill(c);
        if (c->out.failed)
            return GW_PUMP_GONE;
        int count = gather(c, parts, &total);
        if (count < 0)
            return GW_PUMP_GONE;
        if (count == 0)
            return c->broken ? GW_PUMP_BROKEN : c->complete ? GW_PUMP_DONE : GW_PUMP_WAIT;
        ptrdiff_t n = gw_io_write(&c->io, parts, count, c->worker->gather);
        if (n < 0 && n != GW_IO_AGAIN)
            return GW_PUMP_GONE;
        if (n > 0) {
            *moved = true;
            sent(c, (size_t)n);
            turn += (size_t)n;
        }
        if (n < 0 || turn > TURN_BYTES || (!c->io.tls && (size_t)n < total)) {
            c->blocked = true;
            return GW_PUMP_BLOCKED;
        }
    }
}
