/* Embeddings: asked in the client's dialect, made by the provider in its own, given back in the client's. */
/* Must not know a transport or a dialect's fields. */
#include "base/error.h"
#include "base/text.h"
#include "chat/estimate.h"
#include "gateway/state.h"

/* Thousands of vectors with thousands of numbers; the arena's cap bounds what is really taken. */
static const gw_json_limits answer_limits = {.max_nodes = 1u << 26, .lone_surrogates = true};

static const gw_embed_wire *clients(const aigw_exchange *x)
{
    return gw_embed_wire_of(x->endpoint->format);
}

/* NULL: the upstream makes none. */
static const gw_embed_wire *theirs(const aigw_exchange *x)
{
    const gw_attempt *a = &x->attempt;
    if (!a->wire || a->upstream->provider->answer)
        return NULL;
    return a->upstream->provider->vertex_embeddings ? &gw_embed_vertex
                                                    : gw_embed_wire_of(a->wire->format);
}

/* Nothing has to be written: the client's own bytes are right. */
static bool is_same(const aigw_exchange *x)
{
    return x->attempt.same && theirs(x) == clients(x);
}

int gw_embed_read(aigw_exchange *x, aigw_error *err)
{
    gw_embed_request *r = gw_arena_calloc(x->arena, 1, sizeof *r);
    if (!r)
        return gw_fail_nomem(err);
    int rc = clients(x)->read_request(x->arena, &x->doc, x->model, x->endpoint->one, r, err);
    if (rc == AIGW_OK)
        x->embed = r;
    return rc;
}

bool gw_embed_many(const aigw_exchange *x)
{
    bool batch = x->endpoint->format == AIGW_FORMAT_GEMINI && !x->endpoint->one;
    return x->embed && (batch || x->embed->input_count > 1);
}

int gw_embed_encode(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                    aigw_error *err)
{
    const gw_embed_wire *wire = theirs(x);
    if (!wire) {
        int rc = gw_fail(err, AIGW_E_UNSUPPORTED, "embeddings",
                         "The provider of this model makes no embeddings.");
        if (err && gw_json_get(&x->doc, 0, "model") != GW_JSON_ABSENT)
            memcpy(err->pointer, "/model", sizeof "/model");
        return rc;
    }
    bool renamed = target->model.len && !gw_eq(target->model, x->model);
    /* Gemini's requests may say the model again, each of them. */
    if (is_same(x) && (!renamed || wire->format != AIGW_FORMAT_GEMINI))
        return gw_prepare_renamed(x, target, body, err);
    gw_embed_options options = {.model = target->model.len ? target->model : x->model,
                                .one = !gw_embed_many(x)};
    gw_notes notes = {.arena = x->arena, .strict = x->strict};
    int rc = wire->write_request(x->arena, x->embed, &options, &x->send, &notes, err);
    if (x->send.failed || (rc == AIGW_OK && !gw_report_dropped(x, &notes)))
        return gw_fail_nomem(err);
    if (rc == AIGW_OK)
        *body = gw_buf_slice(&x->send);
    return rc;
}

/* Where the provider says nothing and the dialect must. */
static int64_t estimate(const gw_embed_request *r)
{
    int64_t tokens = 0;
    for (size_t i = 0; i < r->input_count; i++)
        tokens += gw_estimate_text(r->inputs[i].text.inner);
    return tokens;
}

static bool wants_length_one(const aigw_exchange *x)
{
    return x->attempt.wire->format == AIGW_FORMAT_GEMINI &&
           x->endpoint->format != AIGW_FORMAT_GEMINI && x->embed->inputs[0].dimensions > 0;
}

static void write_answer(aigw_exchange *x, gw_embed_answer *answer)
{
    bool guessed = false;
    if (wants_length_one(x))
        gw_embed_normalise(answer);
    if (answer->usage.input_tokens < 0 && x->endpoint->format == AIGW_FORMAT_OPENAI_CHAT) {
        answer->usage.input_tokens = estimate(x->embed);
        guessed = true;
    }
    gw_embed_options options = {
        .model = x->model, .one = x->endpoint->one, .base64 = x->embed->base64};
    clients(x)->write_answer(answer, &options, &x->out);
    gw_respond_begin(x, 200, "application/json");
    if (guessed)
        gw_respond_header(x, GW_S("x-aigw-estimate"), GW_S("true"));
    gw_respond_whole(x);
}

int gw_embed_end(aigw_exchange *x, aigw_slice body)
{
    gw_json_doc doc;
    gw_embed_answer answer;
    int rc = gw_json_parse(x->arena, body, &answer_limits, &doc, NULL);
    if (rc == AIGW_OK)
        rc = theirs(x)->read_answer(x->arena, &doc, &answer);
    if (rc != AIGW_OK)
        return rc == AIGW_E_NOMEM ? rc : AIGW_E_UPSTREAM;
    if (answer.vector_count != x->embed->input_count)
        return AIGW_E_UPSTREAM;
    gw_usage_merge(&x->usage, &answer.usage);
    gw_buf_clear(&x->out);
    /* Some hosts know one encoding only, and clients decode the one that they asked for. */
    if (is_same(x) && answer.base64 == x->embed->base64) {
        gw_buf_add(&x->out, body);
        gw_respond_begin(x, 200, "application/json");
        gw_respond_whole(x);
    } else {
        write_answer(x, &answer);
    }
    return AIGW_OK;
}
