/* Fetches one key set and waits for it: for programs that verify a token now and then. */
/* Must not parse what it fetched. */
#include "rim/token_parts.h"

#include "base/error.h"
#include "base/text.h"
#include "rim/keys_file.h"

#define CONNECT_MS 5000
#define TOTAL_MS   15000

typedef struct answer {
    gw_buf body;
    int status;
    gw_http_failure failure;
    bool over;
} answer;

static void on_head(void *user, int status, const aigw_header *headers, size_t header_count)
{
    answer *a = user;

    (void)headers;
    (void)header_count;
    a->status = status;
}

static bool on_data(void *user, aigw_slice bytes)
{
    answer *a = user;

    gw_buf_add(&a->body, bytes);
    return true;
}

static void on_end(void *user, gw_http_failure failure, bool sent)
{
    answer *a = user;

    (void)sent;
    a->failure = failure;
    a->over = true;
}

static int judge(answer *a, aigw_slice *out, aigw_error *err)
{
    if (a->failure != GW_HTTP_OK)
        return gw_fail(err, a->failure == GW_HTTP_TIMEOUT ? AIGW_E_TIMEOUT : AIGW_E_UPSTREAM,
                       gw_http_failure_name(a->failure), "the key set could not be fetched: %s",
                       gw_http_failure_name(a->failure));
    if (a->status != 200) {
        int code = gw_fail(err, AIGW_E_UPSTREAM, "keys_status",
                           "the key set's address answered with status %d", a->status);
        if (err)
            err->http_status = a->status;
        return code;
    }
    if (a->body.failed)
        return gw_fail_nomem(err);
    *out = gw_buf_steal(&a->body);
    return AIGW_OK;
}

int aigw_jwks_fetch(const char *url, const char *ca_file, int timeout_ms, aigw_slice *out,
                    aigw_error *err)
{
    static const gw_http_handler handler = {on_head, on_data, on_end};
    const aigw_header headers[] = {{GW_S("accept"), GW_S("application/json")},
                                   {GW_S("user-agent"), GW_S("aigw/" AIGW_VERSION)}};
    gw_http_target_options options = {.url = aigw_slice_of(url),
                                      .headers = headers,
                                      .header_count = 2,
                                      .ca_file = gw_token_ca_file(ca_file, NULL),
                                      .connect_timeout_ms = CONNECT_MS};
    gw_http_request request = {.method = "GET",
                               .total_timeout_ms = timeout_ms > 0 ? timeout_ms : TOTAL_MS,
                               .max_body_bytes = GW_KEYS_MAX_BYTES};
    gw_clock clock = gw_clock_of(NULL);
    gw_http_target *target = NULL;
    gw_http *http = NULL;
    gw_loop *loop = NULL;
    gw_transfer *transfer;
    answer a = {.status = 0};

    if (!url || !out)
        return gw_fail(err, AIGW_E_INVALID, "argument", "aigw_jwks_fetch wants a URL and an out");
    gw_buf_init(&a.body, GW_KEYS_MAX_BYTES);
    int code = gw_http_target_new(&options, &target, err);
    request.target = target;
    if (code == AIGW_OK)
        code = (loop = gw_loop_new(&clock)) ? gw_http_new(loop, &http, err) : gw_fail_nomem(err);
    if (code == AIGW_OK)
        code = gw_http_transport.start(http, &request, &handler, &a, &transfer, err);
    while (code == AIGW_OK && !a.over)
        gw_loop_wait(loop, -1);
    if (code == AIGW_OK)
        code = judge(&a, out, err);
    gw_http_free(http);
    gw_loop_free(loop);
    gw_http_target_free(target);
    gw_buf_free(&a.body);
    return code;
}
