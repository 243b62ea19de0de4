/* Google's Vertex AI: Gemini, Claude by Anthropic's own format, and the rest by OpenAI's.
 * Addresses only; must not know the formats, but for what Vertex wants of a body besides. */
#include "base/text.h"
#include "provider/rows.h"
#include "wire/embed/embed.h"

static const char *const prefixes[] = {NULL}; /* "gemini-" is the Gemini API's */
static const char *const endings[] = {"/v1beta1", "/v1", NULL};

typedef enum publisher { GOOGLE, ANTHROPIC, OTHER } publisher;

/* "gemini-x", "google/gemini-x", "claude-x@y", "anthropic/claude-x", "publishers/P/models/M"; with any
 * other maker before the slash the model is one of the OpenAI-compatible endpoint. */
static publisher split(aigw_slice *model)
{
    aigw_slice rest = *model;
    if (gw_starts(rest, GW_S("publishers/"))) {
        rest = gw_skip(rest, sizeof "publishers/" - 1);
        aigw_slice maker = gw_cut(&rest, '/');
        if (gw_starts(rest, GW_S("models/")))
            rest = gw_skip(rest, sizeof "models/" - 1);
        *model = rest;
        return gw_eq(maker, GW_S("google"))      ? GOOGLE
               : gw_eq(maker, GW_S("anthropic")) ? ANTHROPIC
                                                 : OTHER;
    }
    aigw_slice maker = gw_cut(&rest, '/');
    if (!rest.data)
        return gw_starts(*model, GW_S("claude-")) ? ANTHROPIC : GOOGLE;
    if (!gw_eq(maker, GW_S("google")) && !gw_eq(maker, GW_S("anthropic")))
        return OTHER;
    *model = rest;
    return gw_eq(maker, GW_S("google")) ? GOOGLE : ANTHROPIC;
}

static bool fits(const gw_site *site, aigw_format format, aigw_slice model)
{
    publisher maker = split(&model);
    (void)site;
    return format == (maker == GOOGLE      ? AIGW_FORMAT_GEMINI
                      : maker == ANTHROPIC ? AIGW_FORMAT_ANTHROPIC
                                           : AIGW_FORMAT_OPENAI_CHAT);
}

/* https://cloud.google.com/vertex-ai/docs/reference/rest#rest_endpoints. Without a project: express mode. */
static bool base(const gw_site *site, gw_buf *out)
{
    bool global = site->location.len == 0 || gw_eq(site->location, GW_S("global"));
    gw_buf_puts(out, "https://");
    if (!global) {
        gw_buf_add(out, site->location);
        gw_buf_putc(out, '-');
    }
    gw_buf_puts(out, "aiplatform.googleapis.com");
    return true;
}

static void put_place(const gw_site *site, gw_buf *out)
{
    gw_buf_putc(out, '/');
    gw_path_segment(out, site->api_version.len ? site->api_version : GW_S("v1"));
    if (site->project.len == 0)
        return;
    gw_buf_puts(out, "/projects/");
    gw_path_segment(out, site->project);
    gw_buf_puts(out, "/locations/");
    gw_path_segment(out, site->location.len ? site->location : GW_S("global"));
}

static void put_model(aigw_slice model, const char *maker, const char *method, gw_buf *out)
{
    gw_buf_puts(out, "/publishers/");
    gw_buf_puts(out, maker);
    gw_buf_puts(out, "/models/");
    gw_path_segment(out, model);
    gw_buf_puts(out, method);
}

/* https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference, .../count-tokens */
static void gemini_path(const gw_call *call, aigw_slice model, gw_buf *out)
{
    bool embeds = call->op == GW_OP_EMBED;
    put_model(model, "google",
              embeds ? gw_embed_vertex_predicts(model) ? ":predict" : ":embedContent"
              : call->op == GW_OP_COUNT ? ":countTokens"
              : call->stream            ? ":streamGenerateContent?alt=sse"
                                        : ":generateContent",
              out);
}

/* https://docs.anthropic.com/en/api/claude-on-vertex-ai; counting:
 * https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/count-tokens */
static void anthropic_path(const gw_call *call, aigw_slice model, gw_buf *out)
{
    if (call->op == GW_OP_COUNT)
        put_model(GW_S("count-tokens"), "anthropic", ":rawPredict", out);
    else
        put_model(model, "anthropic", call->stream ? ":streamRawPredict" : ":rawPredict", out);
}

static int path(const gw_site *site, const gw_call *call, gw_buf *out)
{
    aigw_slice model = call->model;
    publisher maker = split(&model);
    if ((call->op == GW_OP_EMBED && maker != GOOGLE) || !fits(site, call->format, call->model) ||
        (maker == OTHER && call->op != GW_OP_CHAT) || (maker != GOOGLE && !site->project.len))
        return AIGW_E_UNSUPPORTED;
    if (maker == OTHER ? model.len == 0 : !gw_path_model(model))
        return AIGW_E_INVALID;
    put_place(site, out);
    if (maker == GOOGLE)
        gemini_path(call, model, out);
    else if (maker == ANTHROPIC)
        anthropic_path(call, model, out);
    else /* https://cloud.google.com/vertex-ai/generative-ai/docs/start/openai */
        gw_buf_puts(out, "/endpoints/openapi/chat/completions");
    return out->failed ? AIGW_E_NOMEM : AIGW_OK;
}

/* A message's version stands in its body, its model in the path alone. */
static size_t body(const gw_site *site, const gw_call *call, gw_patch out[GW_BODY_PATCHES])
{
    size_t n = 0;
    (void)site;
    if (call->format != AIGW_FORMAT_ANTHROPIC)
        return 0;
    out[n++] = (gw_patch){.member = "anthropic_version", .value = GW_S("\"vertex-2023-10-16\"")};
    if (call->op != GW_OP_COUNT)
        out[n++] = (gw_patch){.member = "model", .remove = true};
    return n;
}

const gw_provider gw_provider_vertex = {
    .name = "vertex",
    .formats = {AIGW_FORMAT_GEMINI, AIGW_FORMAT_ANTHROPIC, AIGW_FORMAT_OPENAI_CHAT},
    .base_endings = endings,
    .base = base,
    .path = path,
    .fits = fits,
    .uses = GW_USES_VERSION | GW_USES_PROJECT | GW_USES_GOOGLE,
    .version_in_base = true,
    .auth = GW_AUTH_GOOG_API_KEY,
    .key_env = "GOOGLE_API_KEY",
    .model_prefixes = prefixes,
    .vertex_embeddings = true,
    .quirks = GW_QUIRK_COUNT_PLAIN,
    .body = body,
};
