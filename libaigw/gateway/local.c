/* What the gateway answers itself: models, tokens, keys, discovery. Must not know any upstream. */
#include "base/text.h"
#include "gateway/issuer/issuer.h"
#include "gateway/state.h"

static void give_document(aigw_exchange *x, aigw_slice body, const char *cache_control)
{
    gw_buf_clear(&x->out);
    gw_buf_add(&x->out, body);
    gw_respond_begin(x, 200, "application/json");
    if (cache_control)
        gw_respond_header(x, GW_S("cache-control"), aigw_slice_of(cache_control));
    gw_respond_whole(x);
}

/* RFC 6749 clause 5: what a token endpoint answers is never cached. */
static void token_head(aigw_exchange *x, int status, const char *www_authenticate)
{
    gw_respond_begin(x, status, "application/json");
    gw_respond_header(x, GW_S("cache-control"), GW_S("no-store"));
    gw_respond_header(x, GW_S("pragma"), GW_S("no-cache"));
    if (www_authenticate)
        gw_respond_header(x, GW_S("www-authenticate"), aigw_slice_of(www_authenticate));
}

static void retry_after(aigw_exchange *x, int64_t seconds)
{
    gw_buf number;
    gw_buf_init(&number, 32);
    gw_buf_int(&number, seconds);
    aigw_slice text = gw_arena_copy(x->arena, gw_buf_slice(&number));
    gw_buf_free(&number);
    if (text.len)
        gw_respond_header(x, GW_S("retry-after"), text);
}

static void give_token(aigw_exchange *x)
{
    gw_buf_clear(&x->out);
    if (!x->form) {
        x->reason = "not_a_form";
        gw_buf_puts(&x->out, "{\"error\":\"invalid_request\",\"error_description\":"
                             "\"the body must be application/x-www-form-urlencoded\"}");
        token_head(x, 400, NULL);
        gw_respond_whole(x);
        return;
    }
    aigw_issuer_answer answer = {0};
    aigw_error err;
    int rc =
        aigw_issuer_token_from(x->live->issuer, x->authorization, x->body, x->peer, &answer, &err);
    if (rc == AIGW_E_TIMEOUT) {
        x->reason = "store_busy";
        gw_respond_fail(x, GW_ERR_UNAVAILABLE, 503, "The issuer is busy, try again.");
        return;
    }
    if (rc != AIGW_OK) {
        const gw_log_field why = GW_LOG_TEXT("reason", aigw_slice_of(err.reason));
        gw_log_event(&x->live->log, AIGW_LOG_ERROR, "issuer_failed", &why, 1);
        x->reason = "issuer";
        gw_respond_fail(x, GW_ERR_SERVER, 500, "The token could not be made.");
        return;
    }
    if (answer.status == 200)
        gw_metrics_add(x->loop->metrics, GW_C_TOKENS_ISSUED, 1);
    gw_buf_add(&x->out, answer.body);
    aigw_bytes_free(answer.body);
    token_head(x, answer.status, answer.www_authenticate);
    if (answer.status == 429) {
        x->reason = "too_many_failures";
        retry_after(x, answer.retry_after_s);
    } else if (answer.status != 200) {
        x->reason = "token_refused";
    }
    gw_respond_whole(x);
}

static void give_keys(aigw_exchange *x)
{
    gw_issuer_keys *keys = gw_issuer_keys_now(x->live->issuer);
    give_document(x, keys->jwks_json, "public, max-age=300");
    gw_issuer_keys_free(keys);
}

void gw_local_give(aigw_exchange *x)
{
    switch (x->endpoint->kind) {
    case GW_END_MODELS:
        gw_models_list(x);
        break;
    case GW_END_MODEL:
        gw_models_one(x);
        break;
    case GW_END_TOKEN:
        give_token(x);
        break;
    case GW_END_JWKS:
        give_keys(x);
        break;
    case GW_END_DISCOVERY:
        give_document(x, x->live->discovery, "public, max-age=300");
        break;
    case GW_END_ADMIN:
        gw_admin_give(x);
        break;
    case GW_END_HEALTH:
        gw_probe_health(x);
        break;
    case GW_END_METRICS:
        gw_probe_metrics(x);
        break;
    case GW_END_WAF:
        gw_evidence_give(x);
        break;
    case GW_END_CHAT:
    case GW_END_COUNT:
    case GW_END_EMBED:
    case GW_END_PASS:
        break; /* never: they have an upstream */
    }
}
