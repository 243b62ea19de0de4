/* Anthropic's own API.
 * Data only; must not know the format, which is wire/anthropic. */
#include "base/text.h"
#include "provider/rows.h"

static const char *const prefixes[] = {"claude-", NULL};

/* Version 2023-06-01 is the one that still takes sampling parameters. A header of this name in a
 * config entry replaces it. */
static const aigw_header headers[] = {
    {{"anthropic-version", sizeof "anthropic-version" - 1},
     {"2023-06-01", sizeof "2023-06-01" - 1}},
    {{NULL, 0}, {NULL, 0}},
};

/* https://docs.anthropic.com/en/api/overview. No version in the base URL, as official clients. */
const gw_provider gw_provider_anthropic = {
    .name = "anthropic",
    .format = AIGW_FORMAT_ANTHROPIC,
    .base_url = "https://api.anthropic.com",
    .chat_path = "/v1/messages",
    .auth = GW_AUTH_X_API_KEY,
    .key_env = "ANTHROPIC_API_KEY",
    .headers = headers,
    .model_prefixes = prefixes,
};
