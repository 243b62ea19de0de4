/* Heads of answers and error bodies in the client's dialect. Must not know why something failed. */
#include "base/crypto.h"
#include "base/text.h"
#include "gateway/state.h"

static const struct {
    int code;
    gw_api_error_kind kind;
    int status;
} refusals[] = {
    {AIGW_E_PARSE, GW_ERR_INVALID_REQUEST, 400},
    {AIGW_E_UNSUPPORTED, GW_ERR_INVALID_REQUEST, 400},
    {AIGW_E_INVALID, GW_ERR_INVALID_REQUEST, 400},
    {AIGW_E_LIMIT, GW_ERR_TOO_LARGE, 413},
    {AIGW_E_NOMEM, GW_ERR_UNAVAILABLE, 503},
    {AIGW_E_TIMEOUT, GW_ERR_TIMEOUT, 504},
};

static bool id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool usable_id(aigw_slice id, size_t room)
{
    if (id.len == 0 || id.len > room)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        if (!id_char(id.data[i]))
            return false;
    }
    return true;
}

void gw_respond_id(aigw_exchange *x)
{
    aigw_slice theirs = gw_header_get(x->headers, x->header_count, GW_S("x-request-id"));
    if (usable_id(theirs, sizeof x->id)) {
        memcpy(x->id, theirs.data, theirs.len);
        x->id_len = theirs.len;
        return;
    }
    x->id_len = 32;
    if (!gw_random_pool_hex(&x->loop->ids, x->id, x->id_len))
        memset(x->id, '0', x->id_len); /* an id is no secret */
}

void gw_respond_header(aigw_exchange *x, aigw_slice name, aigw_slice value)
{
    if (x->head_count < GW_HEAD_MAX)
        x->head[x->head_count++] = (aigw_header){name, value};
}

void gw_respond_begin(aigw_exchange *x, int status, const char *content_type)
{
    aigw_slice id = {x->id, x->id_len};
    x->head_count = 0;
    x->head_status = status;
    gw_respond_header(x, GW_S("content-type"), aigw_slice_of(content_type));
    gw_respond_header(x, GW_S("x-request-id"), id);
    gw_respond_header(x, GW_S("request-id"), id);
    if (x->extra.name.len)
        gw_respond_header(x, x->extra.name, x->extra.value);
    for (size_t i = 0; i < x->attempt.kept_count; i++)
        gw_respond_header(x, x->attempt.kept[i].name, x->attempt.kept[i].value);
    gw_quota_headers(x);
}

static void give_head(aigw_exchange *x)
{
    x->status = x->head_status;
    x->first_byte_ms = gw_now_ms(x->loop->clock);
}

void gw_respond_whole(aigw_exchange *x)
{
    if (x->out.failed) {
        gw_exchange_broke(x, AIGW_E_NOMEM, "no memory for the answer");
        return;
    }
    give_head(x);
    x->body_bytes = (int64_t)gw_buf_len(&x->out);
    gw_exchange_done(x);
}

const char *gw_respond_stream_type(const aigw_exchange *x)
{
    return x->json_array ? "application/json" : x->wire->stream_type;
}

void gw_respond_stream(aigw_exchange *x)
{
    give_head(x);
    x->streaming = true;
    x->body_bytes = -1;
    gw_exchange_tell(x);
}

void gw_respond_error(aigw_exchange *x, const gw_api_error *error)
{
    gw_answer_options options = {.request_id = {x->id, x->id_len}};
    int status = 0;
    gw_buf_clear(&x->out);
    x->wire->write_error(error, &options, &x->out, &status);
    gw_respond_begin(x, status, "application/json");
    gw_respond_whole(x);
}

void gw_respond_fail(aigw_exchange *x, gw_api_error_kind kind, int status, const char *message)
{
    gw_api_error error = {.kind = kind, .status = status, .message = gw_jstr_lit(message)};
    gw_respond_error(x, &error);
}

void gw_respond_nomem(aigw_exchange *x)
{
    x->reason = "out_of_memory";
    gw_respond_fail(x, GW_ERR_UNAVAILABLE, 503, "The gateway is out of memory for this request.");
}

void gw_respond_refusal(aigw_exchange *x, const aigw_error *err)
{
    gw_api_error error = {.kind = GW_ERR_SERVER, .status = 500};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (refusals[i].code == err->code) {
            error.kind = refusals[i].kind;
            error.status = refusals[i].status;
        }
    }
    error.message = gw_jstr_plain(x->arena, aigw_slice_of(err->message));
    if (!gw_has(error.message))
        error.message = gw_jstr_lit("The request was refused.");
    if (err->pointer[0])
        error.param = gw_jstr_plain(x->arena, aigw_slice_of(err->pointer));
    x->reason = "bad_request";
    gw_respond_error(x, &error);
}
