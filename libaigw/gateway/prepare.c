/* From the bytes of a request to a plan: parse, what routing needs to know, targets.
 * Must not know any format's fields beyond the few that every dialect has at the top. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/form.h"
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

int gw_prepare_parse(aigw_exchange *x, aigw_error *err)
{
    if (x->parsed)
        return AIGW_OK;
    if (x->body.len > x->live->config->max_exchange_bytes)
        return AIGW_E_NOMEM;
    int rc = gw_json_parse(x->arena, x->body, NULL, &x->doc, err);
    if (rc == AIGW_E_NOMEM)
        return rc;
    if (rc != AIGW_OK) {
        err->code = AIGW_E_PARSE; /* too deep is as bad a request as broken off */
        return AIGW_E_PARSE;
    }
    if (gw_json_typeof(&x->doc, 0) != GW_JSON_OBJECT)
        return gw_json_fail(err, &x->doc, 0, AIGW_E_PARSE, "not_object",
                            "The body must be a JSON object.");
    x->parsed = true;
    return AIGW_OK;
}

void gw_prepare_refuse(aigw_exchange *x, int code, const aigw_error *err)
{
    if (code == AIGW_E_NOMEM)
        refuse_memory(x);
    else
        gw_respond_refusal(x, err);
}

static bool parse(aigw_exchange *x)
{
    aigw_error err;
    int code = gw_prepare_parse(x, &err);
    if (code != AIGW_OK)
        gw_prepare_refuse(x, code, &err);
    return code == AIGW_OK;
}

/* -- the query -- */

static bool refuse_query(aigw_exchange *x, int status, const char *reason, const char *message)
{
    x->reason = reason;
    if (status == 401)
        x->extra = (aigw_header){GW_S("www-authenticate"), GW_S("Bearer realm=\"aigw\"")};
    gw_respond_fail(x, status == 401 ? GW_ERR_AUTHENTICATION : GW_ERR_INVALID_REQUEST, status,
                    message);
    return false;
}

/* Gemini's stream is one JSON array, unless the query says otherwise. */
static bool read_alt(aigw_exchange *x, const gw_form *form)
{
    aigw_slice alt = gw_form_get(form, "alt");
    if (!alt.len)
        alt = gw_form_get(form, "$alt");
    if (alt.len && !gw_eq(alt, GW_S("sse")) && !gw_eq(alt, GW_S("json")))
        return refuse_query(x, 400, "bad_request",
                            "The query's \\\"alt\\\" must be \\\"sse\\\" or \\\"json\\\".");
    x->json_array = x->endpoint->stream && !gw_eq(alt, GW_S("sse"));
    return true;
}

bool gw_prepare_query(aigw_exchange *x)
{
    gw_form form = {0};
    bool asks_alt = x->wire->array_streams;
    if (x->endpoint->open)
        return true;
    int rc = gw_form_parse(x->query, &form);
    if (rc == AIGW_E_NOMEM) {
        gw_respond_nomem(x);
        return false;
    }
    bool ok = true;
    if (gw_form_has(&form, "key") || gw_form_has(&form, "access_token"))
        ok = refuse_query(
            x, 401, "token_in_url",
            "A key in the URL ends in logs and is not looked at: send it in the header "
            "x-goog-api-key or authorization.");
    else if (rc != AIGW_OK && asks_alt)
        ok = refuse_query(x, 400, "bad_request",
                          "The query of the URL is malformed, or says something twice.");
    else if (asks_alt && x->endpoint->kind == GW_END_CHAT)
        ok = read_alt(x, &form);
    gw_form_free(&form);
    return ok;
}

/* -- the body -- */

/* The path is right, whatever the body says: from here on both say the same, for every reader. */
static bool name_in_body(aigw_exchange *x)
{
    gw_json_ref said = gw_json_get(&x->doc, 0, "model");
    aigw_slice text = gw_json_text(x->arena, &x->doc, said);
    x->path_model = x->wire->model_in_path;
    if (x->path_model || (text.data && gw_eq(text, x->model)))
        return true;
    gw_buf quoted, body;
    gw_buf_init(&quoted, x->model.len * 6 + 2);
    gw_buf_init(&body, x->body.len + x->model.len * 6 + 32);
    gw_jw w = gw_jw_on(&quoted);
    gw_jw_text(&w, x->model);
    const gw_patch patch = {.member = "model", .value = gw_buf_slice(&quoted)};
    aigw_slice named = {NULL, 0};
    if (!quoted.failed && gw_patch_body(&x->doc, &patch, 1, &body, NULL) == AIGW_OK && !body.failed)
        named = gw_arena_copy(x->arena, gw_buf_slice(&body));
    gw_buf_free(&quoted);
    gw_buf_free(&body);
    if (!named.data)
        return refuse_memory(x);
    x->body = named;
    x->parsed = false;
    return parse(x);
}

static bool read_path_model(aigw_exchange *x)
{
    char name[GW_MODEL_NAME_MAX];
    size_t len;
    if (!gw_endpoint_model(x->name, name, &len))
        return refuse_query(x, 400, "bad_request", "The model in the path is no name of a model.");
    x->model = gw_arena_copy(x->arena, gw_slice(name, len));
    return x->model.data ? name_in_body(x) : refuse_memory(x);
}

static bool read_model(aigw_exchange *x)
{
    aigw_error err;
    if (x->endpoint->path_model)
        return read_path_model(x);
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
    x->stream = x->endpoint->stream;
    x->include_usage = !x->wire->usage_on_demand;
    if (x->op != GW_OP_CHAT || x->wire->model_in_path)
        return true;
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

static bool has_call(const aigw_exchange *x, const gw_route_target *target)
{
    const gw_upstream *up = &x->live->config->upstreams[target->provider];
    const gw_call call = {
        .op = x->op, .model = target->model.len ? target->model : x->model, .stream = x->stream};
    return gw_provider_format(up->provider, &up->site, up->formats, x->endpoint->format, &call);
}

/* Of several targets, those that have such a call at all; when none has, the first one says so. Counting has
 * an answer everywhere. */
static void keep_able(aigw_exchange *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->target_count && x->op != GW_OP_COUNT; i++) {
        if (has_call(x, &x->targets[i]))
            x->targets[n++] = x->targets[i];
    }
    x->target_count = n ? n : x->target_count;
}

static bool plan(aigw_exchange *x)
{
    x->target_count = gw_plan(&x->live->config->routes, x->model, x->targets);
    if (x->target_count > 1)
        keep_able(x);
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

static bool read_inputs(aigw_exchange *x)
{
    aigw_error err;
    if (x->op != GW_OP_EMBED)
        return true;
    int rc = gw_embed_read(x, &err);
    if (rc == AIGW_E_NOMEM)
        return refuse_memory(x);
    return rc == AIGW_OK || refuse(x, &err);
}

/* Whoever is to answer, what is malformed goes nowhere. What is only unknown here may be a word of the
 * client's own vendor: a target of its format is given it as it stands, others refuse it then. */
static bool read_chat(aigw_exchange *x)
{
    aigw_error err;
    if (x->op != GW_OP_CHAT && x->op != GW_OP_COUNT)
        return true;
    int rc = gw_prepare_read(x, &err);
    if (rc == AIGW_E_NOMEM)
        return refuse_memory(x);
    return rc != AIGW_E_PARSE || refuse(x, &err);
}

bool gw_prepare_call(aigw_exchange *x)
{
    x->op = gw_endpoint_op(x->endpoint);
    return parse(x) && read_model(x) && read_stream(x) && read_inputs(x) && plan(x) && read_chat(x);
}

bool gw_prepare_again(aigw_exchange *x, aigw_slice body)
{
    x->body = body;
    x->parsed = false;
    x->read = false;
    x->embed = NULL;
    memset(&x->request, 0, sizeof x->request);
    return parse(x) && read_inputs(x) && read_chat(x);
}

int gw_prepare_read(aigw_exchange *x, aigw_error *err)
{
    if (x->read)
        return AIGW_OK;
    int rc = (x->op == GW_OP_COUNT ? x->wire->read_count_request
                                   : x->wire->read_request)(x->arena, &x->doc, &x->request, err);
    if (rc != AIGW_OK)
        return rc;
    if (x->wire->model_in_path) {
        x->request.stream = x->stream; /* the path has said it */
        x->request.include_usage = x->stream;
    }
    x->read = true;
    return AIGW_OK;
}

/* -- the body as it goes out, when it is the client's own -- */

int gw_prepare_renamed(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                       aigw_error *err)
{
    bool renamed = target->model.len && !gw_eq(target->model, x->model);
    aigw_slice name = renamed ? target->model : x->model;
    *body = x->body;
    if (x->wire->model_in_path || (!renamed && !x->path_model))
        return AIGW_OK;
    gw_buf quoted;
    gw_buf_init(&quoted, name.len * 6 + 2);
    gw_jw w = gw_jw_on(&quoted);
    gw_jw_text(&w, name);
    const gw_patch patch = {.member = "model", .value = gw_buf_slice(&quoted)};
    int rc = quoted.failed || !gw_buf_reserve(&x->send, x->body.len + 256)
                 ? gw_fail_nomem(err)
                 : gw_patch_body(&x->doc, &patch, 1, &x->send, err);
    gw_buf_free(&quoted);
    if (rc != AIGW_OK)
        return rc;
    *body = gw_buf_slice(&x->send);
    return x->send.failed ? gw_fail_nomem(err) : AIGW_OK;
}
