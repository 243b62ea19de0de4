/* The admin API as answers of an exchange, with a line in the log for each change.
 * Must not know what is asked for in a body: that is issuer_admin's. */
#include "base/text.h"
#include "gateway/issuer/issuer.h"
#include "gateway/state.h"

static gw_api_error_kind kind_of(int status)
{
    return status == 404   ? GW_ERR_NOT_FOUND
           : status == 413 ? GW_ERR_TOO_LARGE
           : status == 503 ? GW_ERR_UNAVAILABLE
           : status == 500 ? GW_ERR_SERVER
                           : GW_ERR_INVALID_REQUEST;
}

static int status_of(const aigw_error *err)
{
    if (err->http_status)
        return err->http_status;
    switch (err->code) {
    case AIGW_E_PARSE:
    case AIGW_E_INVALID:
    case AIGW_E_LIMIT:
        return 400;
    case AIGW_E_NOMEM:
    case AIGW_E_TIMEOUT:
        return 503;
    default:
        return 500;
    }
}

/* Who did what to whom, and what came of it. Never a secret. */
static void audit(const aigw_exchange *x, aigw_slice who, const char *outcome)
{
    const gw_log_field fields[] = {
        GW_LOG_TEXT("action", aigw_slice_of(x->endpoint->name)),
        GW_LOG_TEXT("target", who),
        GW_LOG_TEXT("outcome", aigw_slice_of(outcome)),
        GW_LOG_TEXT("by", x->gate.subject),
        GW_LOG_TEXT("peer", x->peer),
        GW_LOG_TEXT("request_id", gw_slice(x->id, x->id_len)),
    };
    gw_log_event(&x->live->log, AIGW_LOG_WARN, "admin", fields, sizeof fields / sizeof fields[0]);
}

static void refuse(aigw_exchange *x, const aigw_error *err)
{
    int status = status_of(err);
    gw_api_error error = {.kind = kind_of(status), .status = status};
    error.message = gw_jstr_plain(x->arena, aigw_slice_of(err->message));
    if (!gw_has(error.message))
        error.message = gw_jstr_lit("The request was refused.");
    if (err->pointer[0])
        error.param = gw_jstr_plain(x->arena, aigw_slice_of(err->pointer));
    x->reason = "admin_refused";
    gw_respond_error(x, &error);
}

void gw_admin_give(aigw_exchange *x)
{
    aigw_error err = {0};
    aigw_slice who = GW_S("");
    gw_admin_action action = (gw_admin_action)x->endpoint->action;
    gw_buf_clear(&x->out);
    if (x->body.len && !x->json) {
        x->reason = "content_type";
        gw_respond_fail(x, GW_ERR_INVALID_REQUEST, 415, "The body must be application/json.");
        return;
    }
    int rc =
        gw_issuer_admin(x->live->issuer, action, x->name, x->body, x->arena, &x->out, &who, &err);
    if (action != GW_ADMIN_LIST)
        audit(x, who, rc == AIGW_OK ? "done" : err.reason);
    if (rc != AIGW_OK) {
        refuse(x, &err);
        return;
    }
    gw_respond_begin(x, action == GW_ADMIN_ADD ? 201 : 200, "application/json");
    gw_respond_header(x, GW_S("cache-control"), GW_S("no-store"));
    gw_respond_whole(x);
}
