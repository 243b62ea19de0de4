/* Anthropic's own API.
 * Addresses only; must not know the format, which is wire/anthropic. */
#include "base/text.h"
#include "provider/rows.h"

static const char *const prefixes[] = {"claude-", NULL};
static const char *const endings[] = {"/v1", NULL};

/* Version 2023-06-01 is the one that still takes sampling parameters. A config entry's api_version, or a
 * header of this name, replaces it. */
static const aigw_header headers[] = {
    {{"anthropic-version", sizeof "anthropic-version" - 1},
     {"2023-06-01", sizeof "2023-06-01" - 1}},
    {{NULL, 0}, {NULL, 0}},
};

static int path(const gw_site *site, const gw_call *call, gw_buf *out)
{
    (void)site;
    if (call->format != AIGW_FORMAT_ANTHROPIC || call->op == GW_OP_EMBED)
        return AIGW_E_UNSUPPORTED;
    gw_buf_puts(out, call->op == GW_OP_COUNT ? "/v1/messages/count_tokens" : "/v1/messages");
    return out->failed ? AIGW_E_NOMEM : AIGW_OK;
}

/* Newer versions are dates that sort behind the first. */
static unsigned site_quirks(const gw_site *site)
{
    static const char first[] = "2023-06-01";
    aigw_slice version = site->api_version;
    size_t n = version.len < sizeof first - 1 ? version.len : sizeof first - 1;
    return n > 0 && memcmp(version.data, first, n) > 0 ? (unsigned)GW_QUIRK_NO_SAMPLING : 0u;
}

/* https://docs.anthropic.com/en/api/overview. No version in the base URL, as official clients. */
const gw_provider gw_provider_anthropic = {
    .name = "anthropic",
    .formats = {AIGW_FORMAT_ANTHROPIC},
    .base_url = "https://api.anthropic.com",
    .base_endings = endings,
    .path = path,
    .site_quirks = site_quirks,
    .uses = GW_USES_VERSION,
    .auth = GW_AUTH_X_API_KEY,
    .key_env = "ANTHROPIC_API_KEY",
    .headers = headers,
    .version_header = "anthropic-version",
    .model_prefixes = prefixes,
};
