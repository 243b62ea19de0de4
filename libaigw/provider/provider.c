/* The table of vendors, its look-up, and which of a vendor's formats a call takes.
 * Must not know what any of them says: that is in their rows. */
#include "provider/provider.h"

#include "base/text.h"
#include "provider/rows.h"

#define PATH_MAX_BYTES  4096
#define MODEL_MAX_BYTES 2048

const gw_provider *const gw_providers[] = {
    &gw_provider_openai,      &gw_provider_anthropic, &gw_provider_gemini,
    &gw_provider_azure,       &gw_provider_bedrock,   &gw_provider_vertex,
    &gw_provider_echo,        &gw_provider_vllm,      &gw_provider_ollama,
    &gw_provider_llamacpp,    &gw_provider_lmstudio,  &gw_provider_groq,
    &gw_provider_mistral,     &gw_provider_deepseek,  &gw_provider_xai,
    &gw_provider_together,    &gw_provider_fireworks, &gw_provider_openrouter,
    &gw_provider_perplexity,  &gw_provider_cerebras,  &gw_provider_nvidia,
    &gw_provider_huggingface, &gw_provider_sambanova, &gw_provider_moonshot,
    &gw_provider_dashscope,   &gw_provider_zhipu,     &gw_provider_cohere,
    &gw_provider_deepinfra,   &gw_provider_github,    NULL};

const gw_provider *gw_provider_named(aigw_slice name)
{
    for (const gw_provider *const *row = gw_providers; *row; row++) {
        if (gw_eq(name, aigw_slice_of((*row)->name)))
            return *row;
    }
    return NULL;
}

/* Has the provider such a call in this format? */
static bool has_call(const gw_provider *p, const gw_site *site, const gw_call *call)
{
    const gw_wire *wire = gw_wire_of(call->format);
    if (p->fits && !p->fits(site, call->format, call->model))
        return false;
    if (call->op != GW_OP_EMBED && (!wire || (call->op == GW_OP_COUNT && !wire->read_count)))
        return false;
    if (!p->path)
        return call->op == GW_OP_CHAT;
    gw_buf path;
    gw_buf_init(&path, PATH_MAX_BYTES);
    gw_buf_reserve(&path, 160); /* once, for most */
    int rc = p->path(site, call, &path);
    gw_buf_free(&path);
    return rc != AIGW_E_UNSUPPORTED;
}

aigw_format gw_provider_format(const gw_provider *provider, const gw_site *site,
                               const aigw_format *formats, aigw_format own, const gw_call *call)
{
    gw_call with = *call;
    aigw_format first = 0;
    for (; *formats; formats++) {
        if (first && *formats != own)
            continue;
        with.format = *formats;
        if (!has_call(provider, site, &with))
            continue;
        if (*formats == own)
            return own;
        first = first ? first : *formats;
    }
    return first;
}

bool gw_path_model(aigw_slice model)
{
    if (model.len == 0 || model.len > MODEL_MAX_BYTES)
        return false;
    for (size_t i = 0; i < model.len; i++) {
        unsigned char c = (unsigned char)model.data[i];
        if (c < 0x20 || c == 0x7f || c == '\\' || c == '%')
            return false;
    }
    while (model.data) {
        aigw_slice segment = gw_cut(&model, '/');
        if (segment.len == 0 || gw_eq(segment, GW_S(".")) || gw_eq(segment, GW_S("..")))
            return false;
    }
    return true;
}

void gw_path_segment(gw_buf *out, aigw_slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("-._~@", c));
        if (!plain)
            gw_buf_putc(out, '%');
        gw_buf_putc(out, plain ? (char)c : hex[c >> 4]);
        if (!plain)
            gw_buf_putc(out, hex[c & 15]);
    }
}
