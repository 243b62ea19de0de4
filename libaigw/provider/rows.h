/* The rows of the vendor table. For provider.c, their files and tests only. */
#ifndef GW_PROVIDER_ROWS_H
#define GW_PROVIDER_ROWS_H

#include "provider/provider.h"

extern const gw_provider gw_provider_openai;
extern const gw_provider gw_provider_anthropic;
extern const gw_provider gw_provider_gemini;
extern const gw_provider gw_provider_azure;
extern const gw_provider gw_provider_bedrock;
extern const gw_provider gw_provider_vertex;
extern const gw_provider gw_provider_echo;

/* compatible.c */
extern const gw_provider gw_provider_vllm, gw_provider_ollama, gw_provider_llamacpp,
    gw_provider_lmstudio, gw_provider_groq, gw_provider_mistral, gw_provider_deepseek,
    gw_provider_xai, gw_provider_together, gw_provider_fireworks, gw_provider_openrouter,
    gw_provider_perplexity, gw_provider_cerebras, gw_provider_nvidia, gw_provider_huggingface,
    gw_provider_sambanova, gw_provider_moonshot, gw_provider_dashscope, gw_provider_zhipu,
    gw_provider_cohere, gw_provider_deepinfra, gw_provider_github;

/* OpenAI's paths behind a base URL that holds the version: openai.c. */
int gw_openai_path(const gw_site *site, const gw_call *call, gw_buf *out);

#endif
