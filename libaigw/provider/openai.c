/* OpenAI, and by another base URL every host that is compatible with it.
 * Data only; must not know the format, which is wire/openai_chat. */
#include "provider/rows.h"

static const char *const prefixes[] = {
    "gpt-", "chatgpt-", "o1", "o3", "o4", "codex-", "ft:gpt-", "ft:o", "computer-use-", NULL};

/* https://platform.openai.com/docs/api-reference/authentication. The base URL holds the version, as
 * the official clients have it; other hosts do not have "/v1" there. */
const gw_provider gw_provider_openai = {
    .name = "openai",
    .format = AIGW_FORMAT_OPENAI_CHAT,
    .base_url = "https://api.openai.com/v1",
    .chat_path = "/chat/completions",
    .auth = GW_AUTH_BEARER,
    .key_env = "OPENAI_API_KEY",
    .model_prefixes = prefixes,
};
