/* From the bytes of a chat request to a plan: parse, what routing needs to know, targets.
 * Must not know any format's fields beyond the few that every dialect has at the top. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/state.h"

static bool refuse(aigw_exchange *x, aigw_error *err)
{
    gw_respond_refusal(x, err);
    return false;
}

/* The arena's cap or the machine's memory? What can never fit is the client's to know. */
static bool refuse_memory(aigw_exchange *x)
{
    size_t cap = x->live->config->max_exchange_bytes;
    size_t most = x->body.len / 2 + 1; /* nodes that so many bytes can make */
    if (most >= cap / sizeof(gw_json_node) ||
        gw_arena_used(x->arena) + most * sizeof(gw_json_node) >= cap) {
        x->reason = "too_large";
        gw_respond_fail(x, GW_ERR_TOO_LARGE, 413, "The request is too large.");
    } else {
        gw_respond_nomem(x);
    }
    return false;
}

static bool parse(aigw_exchange *x)
{
    aigw_error err;
    if (x->body.len > x->live->config->max_exchange_bytes)
        return refuse_memory(x);
    int rc = gw_json_parse(x->arena, x->body, NULL, &x->doc, &err);
    if (rc == AIGW_E_NOMEM)
        return refuse_memory(x);
    if (rc != AIGW_OK) {
        err.code = AIGW_E_PARSE; /* too deep is as bad a request as broken off */
        return refuse(x, &err);
    }
    if (gw_json_typeof(&x->doc, 0) != GW_JSON_OBJECT) {
        gw_json_fail(&err, &x->doc, 0, AIGW_E_PARSE, "not_object",
                     "The body must be a JSON object.");
        return refuse(x, &err);
    }
    return true;
}

static bool read_model(aigw_exchange *x)
{
    aigw_error err;
    gw_json_ref model = gw_json_get(&x->doc, 0, "model");
    if (gw_json_typeof(&x->doc, model) != GW_JSON_STRING || !gw_json_inner(&x->doc, model).len) {
        gw_json_fail(&err, &x->doc, 0, AIGW_E_PARSE, "model",
                     "\"model\" must be a non-empty string.");
        memcpy(err.pointer, "/model", sizeof "/model");
        return refuse(x, &err);
    }
    x->model = gw_json_text(x->arena, &x->doc, model);
    if (!x->model.data)
        return refuse_memory(x);
    return true;
}

static bool read_stream(aigw_exchange *x)
{
    aigw_error err;
    gw_json_ref stream = gw_json_get(&x->doc, 0, "stream");
    if (!gw_json_is_null(&x->doc, stream) && !gw_json_bool(&x->doc, stream, &x->stream)) {
        gw_json_fail(&err, &x->doc, stream, AIGW_E_PARSE, "stream",
                     "\"stream\" must be a boolean.");
        return refuse(x, &err);
    }
    gw_json_ref options = gw_json_get(&x->doc, 0, "stream_options");
    if (gw_json_typeof(&x->doc, options) == GW_JSON_OBJECT)
        gw_json_bool(&x->doc, gw_json_get(&x->doc, options, "include_usage"), &x->include_usage);
    return true;
}

static bool plan(aigw_exchange *x)
{
    x->target_count = gw_plan(&x->live->config->routes, x->model, x->targets);
    if (x->target_count)
        return true;
    gw_api_error error = {.kind = GW_ERR_NOT_FOUND,
                          .status = 404,
                          .message = gw_jstr_lit("No provider serves this model."),
                          .code = gw_jstr_lit("model_not_found"),
                          .param = gw_jstr_lit("model")};
    x->reason = "model_not_found";
    gw_respond_error(x, &error);
    return false;
}

bool gw_prepare_chat(aigw_exchange *x)
{
    return parse(x) && read_model(x) && read_stream(x) && plan(x);
}
