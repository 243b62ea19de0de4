/* Azure OpenAI, both of its addresses: by deployment and api-version, and the newer v1.
 * Addresses only; must not know the formats, which are OpenAI's. */
#include "base/text.h"
#include "provider/rows.h"

static const char *const prefixes[] = {NULL}; /* deployments have any name */
static const char *const endings[] = {"/openai/v1", "/openai", NULL};

/* No version, "v1" and "preview" are the v1 API; a date is the classic one. */
static bool is_classic(const gw_site *site)
{
    return site->api_version.len > 0 && site->api_version.data[0] >= '0' &&
           site->api_version.data[0] <= '9';
}

static int finish(const gw_buf *out)
{
    return out->failed ? AIGW_E_NOMEM : AIGW_OK;
}

/* Responses are not scoped to a deployment: the body names it. */
static int classic_path(const gw_site *site, const gw_call *call, gw_buf *out)
{
    bool chat = call->format == AIGW_FORMAT_OPENAI_CHAT;
    bool responses = call->format == AIGW_FORMAT_OPENAI_RESPONSES;
    if (call->op == GW_OP_COUNT || (!chat && !(responses && call->op == GW_OP_CHAT)))
        return AIGW_E_UNSUPPORTED;
    if (chat && !gw_path_model(call->model))
        return AIGW_E_INVALID;
    gw_buf_puts(out, chat ? "/openai/deployments/" : "/openai/responses");
    if (chat) {
        gw_path_segment(out, call->model);
        gw_buf_puts(out, call->op == GW_OP_EMBED ? "/embeddings" : "/chat/completions");
    }
    gw_buf_puts(out, "?api-version=");
    gw_path_segment(out, site->api_version);
    return finish(out);
}

static int path(const gw_site *site, const gw_call *call, gw_buf *out)
{
    if (is_classic(site))
        return classic_path(site, call, out);
    if (call->op == GW_OP_COUNT) /* not among the documented paths */
        return AIGW_E_UNSUPPORTED;
    size_t start = gw_buf_len(out);
    gw_buf_puts(out, "/openai/v1");
    int rc = gw_openai_path(site, call, out);
    if (rc != AIGW_OK) {
        gw_buf_truncate(out, start);
        return rc;
    }
    if (gw_eq(site->api_version, GW_S("preview")))
        gw_buf_puts(out, "?api-version=preview");
    return finish(out);
}

static bool is_before(aigw_slice version, const char *date)
{
    size_t n = version.len < 10 ? version.len : 10;
    int order = memcmp(version.data, date, n);
    return order < 0 || (order == 0 && version.len < 10);
}

/* The classic API has Responses since 2025-03-01-preview:
 * https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle */
static bool fits(const gw_site *site, aigw_format format, aigw_slice model)
{
    (void)model;
    return format != AIGW_FORMAT_OPENAI_RESPONSES || !is_classic(site) ||
           !is_before(site->api_version, "2025-03-01");
}

/* https://learn.microsoft.com/azure/ai-foundry/openai/reference. The base URL is the resource's endpoint. */
const gw_provider gw_provider_azure = {
    .name = "azure",
    .formats = {AIGW_FORMAT_OPENAI_CHAT, AIGW_FORMAT_OPENAI_RESPONSES},
    .base_endings = endings,
    .path = path,
    .fits = fits,
    .quirks = GW_QUIRK_OPENAI,
    .uses = GW_USES_VERSION | GW_USES_ENTRA,
    .auth = GW_AUTH_API_KEY,
    .key_env = "AZURE_API_KEY",
    .model_prefixes = prefixes,
};
