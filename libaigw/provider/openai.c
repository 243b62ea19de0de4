/* OpenAI, and by another base URL every host that is compatible with it.
 * Addresses only; must not know the formats, which are wire/openai_chat and wire/openai_responses. */
#include "base/text.h"
#include "provider/rows.h"

static const char *const prefixes[] = {
    "gpt-",          "chatgpt-",        "o1", "o3", "o4", "codex-", "ft:gpt-", "ft:o",
    "computer-use-", "text-embedding-", NULL};

int gw_openai_path(const gw_site *site, const gw_call *call, gw_buf *out)
{
    bool chat = call->format == AIGW_FORMAT_OPENAI_CHAT;
    bool responses = call->format == AIGW_FORMAT_OPENAI_RESPONSES;
    (void)site;
    if (call->op == GW_OP_CHAT && chat)
        gw_buf_puts(out, "/chat/completions");
    else if (call->op == GW_OP_CHAT && responses)
        gw_buf_puts(out, "/responses");
    else if (call->op == GW_OP_COUNT && responses)
        gw_buf_puts(out, "/responses/input_tokens");
    else if (call->op == GW_OP_EMBED && chat)
        gw_buf_puts(out, "/embeddings");
    else
        return AIGW_E_UNSUPPORTED;
    return out->failed ? AIGW_E_NOMEM : AIGW_OK;
}

/* https://platform.openai.com/docs/api-reference/authentication. The base URL holds the version, as
 * the official clients have it; other hosts do not have "/v1" there. */
const gw_provider gw_provider_openai = {
    .name = "openai",
    .formats = {AIGW_FORMAT_OPENAI_CHAT, AIGW_FORMAT_OPENAI_RESPONSES},
    .base_url = "https://api.openai.com/v1",
    .path = gw_openai_path,
    .quirks = GW_QUIRK_OPENAI,
    .imitated = true,
    .auth = GW_AUTH_BEARER,
    .key_env = "OPENAI_API_KEY",
    .model_prefixes = prefixes,
};
