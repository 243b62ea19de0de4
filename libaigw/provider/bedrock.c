/* AWS Bedrock's Converse API: addresses of a region, and requests signed with a key pair.
 * Must not know the format, which is wire/bedrock, nor where a key pair comes from. */
#include "base/crypto.h"
#include "base/error.h"
#include "base/text.h"
#include "proto/sigv4.h"
#include "provider/rows.h"

/* Model ids begin with their maker, or with the area of an inference profile. */
static const char *const prefixes[] = {
    "amazon.",   "anthropic.",       "meta.", "mistral.", "cohere.", "ai21.",
    "deepseek.", "openai.",          "qwen.", "us.",      "eu.",     "apac.",
    "global.",   "arn:aws:bedrock:", NULL};

static bool base(const gw_site *site, gw_buf *out)
{
    if (site->region.len == 0)
        return false;
    gw_buf_puts(out, "https://bedrock-runtime.");
    gw_buf_add(out, site->region);
    gw_buf_puts(out, gw_starts(site->region, GW_S("cn-")) ? ".amazonaws.com.cn" : ".amazonaws.com");
    return true;
}

/* https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, _ConverseStream,
 * _CountTokens. A model may be an ARN: its colons and slashes are encoded. */
static int path(const gw_site *site, const gw_call *call, gw_buf *out)
{
    (void)site;
    if (call->format != AIGW_FORMAT_BEDROCK || call->op == GW_OP_EMBED)
        return AIGW_E_UNSUPPORTED;
    if (!gw_path_model(call->model))
        return AIGW_E_INVALID;
    gw_buf_puts(out, "/model/");
    gw_path_segment(out, call->model);
    gw_buf_puts(out, call->op == GW_OP_COUNT ? "/count-tokens"
                     : call->stream          ? "/converse-stream"
                                             : "/converse");
    return out->failed ? AIGW_E_NOMEM : AIGW_OK;
}

static int sign(gw_arena *arena, const gw_signable *what, aigw_header out[GW_SIGN_HEADERS],
                size_t *count, aigw_error *err)
{
    const gw_sigv4 who = {.access_key_id = what->keys->access_key_id,
                          .secret_access_key = what->keys->secret_access_key,
                          .session_token = what->keys->session_token,
                          .region = what->site->region,
                          .service = GW_S("bedrock")};
    aigw_slice query = what->path, path_only = gw_cut(&query, '?');
    _Static_assert((int)GW_SIGV4_HEADERS <= (int)GW_SIGN_HEADERS, "room for a signature");
    int rc = gw_sigv4_sign(arena, &who, what->method, what->host, path_only, query, what->body,
                           what->unix_s, out, count, err);
    /* No copy of a secret stays in the arena: the key pair lives longer than the request. */
    for (size_t i = 0; rc == AIGW_OK && who.session_token.len > 0 && i < *count; i++) {
        if (!gw_eq(out[i].value, who.session_token) || out[i].value.data == who.session_token.data)
            continue;
        gw_wipe((void *)(uintptr_t)out[i].value.data, out[i].value.len);
        out[i].value = who.session_token;
    }
    return rc;
}

/* https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html: an API key goes as Bearer. */
const gw_provider gw_provider_bedrock = {
    .name = "bedrock",
    .formats = {AIGW_FORMAT_BEDROCK},
    .base = base,
    .path = path,
    .uses = GW_USES_REGION | GW_USES_AWS,
    .auth = GW_AUTH_BEARER,
    .key_env = "AWS_BEARER_TOKEN_BEDROCK",
    .model_prefixes = prefixes,
    .sign = sign,
};
