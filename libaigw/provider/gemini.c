/* Google's Gemini API, by API key.
 * Addresses only; must not know the format, which is wire/gemini. */
#include "base/text.h"
#include "provider/rows.h"

static const char *const prefixes[] = {"gemini-", "gemma-", "learnlm-", NULL};
static const char *const endings[] = {"/v1beta", "/v1alpha", "/v1", NULL};

static const char *method_of(const gw_call *call)
{
    switch (call->op) {
    case GW_OP_CHAT:
        return call->stream ? ":streamGenerateContent?alt=sse" : ":generateContent";
    case GW_OP_COUNT:
        return ":countTokens";
    default:
        return call->many ? ":batchEmbedContents" : ":embedContent";
    }
}

/* A model is "gemini-x", "models/gemini-x" or "tunedModels/x". */
static int path(const gw_site *site, const gw_call *call, gw_buf *out)
{
    aigw_slice model = call->model;
    aigw_slice version = site->api_version.len ? site->api_version : GW_S("v1beta");
    bool tuned = gw_starts(model, GW_S("tunedModels/"));
    if (call->format != AIGW_FORMAT_GEMINI)
        return AIGW_E_UNSUPPORTED;
    if (tuned || gw_starts(model, GW_S("models/")))
        model = gw_skip(model, tuned ? sizeof "tunedModels/" - 1 : sizeof "models/" - 1);
    if (!gw_path_model(model))
        return AIGW_E_INVALID;
    gw_buf_putc(out, '/');
    gw_path_segment(out, version);
    gw_buf_puts(out, tuned ? "/tunedModels/" : "/models/");
    gw_path_segment(out, model);
    gw_buf_puts(out, method_of(call));
    return out->failed ? AIGW_E_NOMEM : AIGW_OK;
}

/* https://ai.google.dev/api. v1beta has what v1 has, and thinking, tools and schemas besides. */
const gw_provider gw_provider_gemini = {
    .name = "gemini",
    .formats = {AIGW_FORMAT_GEMINI},
    .base_url = "https://generativelanguage.googleapis.com",
    .base_endings = endings,
    .path = path,
    .uses = GW_USES_VERSION,
    .version_in_base = true,
    .auth = GW_AUTH_GOOG_API_KEY,
    .key_env = "GEMINI_API_KEY",
    .model_prefixes = prefixes,
};
