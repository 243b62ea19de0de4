/* Counting the tokens of a request: asked of a provider that counts, else estimated here and marked so. */
/* Must not know a transport or a format's fields. */
#include "base/error.h"
#include "base/text.h"
#include "chat/estimate.h"
#include "gateway/state.h"

static int estimate(aigw_exchange *x, aigw_error *err)
{
    int rc = gw_prepare_read(x, err);
    if (rc != AIGW_OK)
        return rc;
    x->attempt.upstream = NULL; /* in the log it was nobody */
    x->tries--;
    gw_buf_clear(&x->out);
    x->wire->write_count(gw_estimate_tokens(&x->request), &x->out);
    gw_respond_begin(x, 200, "application/json");
    gw_respond_header(x, GW_S("x-aigw-estimate"), GW_S("true"));
    gw_respond_whole(x);
    return AIGW_END;
}

static int translate(aigw_exchange *x, const gw_route_target *target, aigw_error *err)
{
    gw_attempt *a = &x->attempt;
    int rc = gw_prepare_read(x, err);
    if (rc != AIGW_OK)
        return rc;
    gw_write_options options = {.model = target->model.len ? target->model : x->model,
                                .default_max_tokens = a->upstream->default_max_tokens};
    gw_notes notes = {.arena = x->arena, .strict = x->strict};
    rc = a->wire->write_count_request(x->arena, &x->request, &options, &x->send, &notes, err);
    if (x->send.failed || (rc == AIGW_OK && !gw_report_dropped(x, &notes)))
        return gw_fail_nomem(err);
    return rc;
}

/* As it came, but for the name of the model; false: that stands where no patch reaches it. */
static bool is_patched(const aigw_exchange *x, const gw_route_target *target)
{
    bool renamed = target->model.len && !gw_eq(target->model, x->model);
    return x->attempt.same &&
           (!renamed || gw_json_get(&x->doc, 0, "generateContentRequest") == GW_JSON_ABSENT);
}

int gw_count_encode(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                    aigw_error *err)
{
    gw_attempt *a = &x->attempt;
    if (!a->wire || !a->wire->read_count || a->upstream->provider->answer)
        return estimate(x, err);
    if (is_patched(x, target))
        return gw_prepare_renamed(x, target, body, err);
    int rc = translate(x, target, err);
    if (rc == AIGW_OK)
        *body = gw_buf_slice(&x->send);
    return rc;
}

int gw_count_end(aigw_exchange *x, aigw_slice body)
{
    gw_attempt *a = &x->attempt;
    gw_json_doc doc;
    int64_t tokens;
    int rc = gw_json_parse(x->arena, body, NULL, &doc, NULL);
    if (rc != AIGW_OK)
        return rc == AIGW_E_NOMEM ? rc : AIGW_E_UPSTREAM;
    if (!a->wire->read_count(&doc, &tokens) || tokens < 0)
        return AIGW_E_UPSTREAM;
    gw_buf_clear(&x->out);
    if (a->same)
        gw_buf_add(&x->out, body);
    else
        x->wire->write_count(tokens, &x->out);
    gw_respond_begin(x, 200, "application/json");
    gw_respond_whole(x);
    return AIGW_OK;
}
