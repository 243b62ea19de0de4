/* Hosts that speak OpenAI's chat format: where they are and what they do not take.
 * Data only. A quirk stands here only where the host's own documentation, or its error, says so. */
#include "base/text.h"
#include "provider/rows.h"

/* Nobody imitates the counter of Responses: tokens are estimated instead. */
static int path(const gw_site *site, const gw_call *call, gw_buf *out)
{
    return call->op == GW_OP_COUNT ? AIGW_E_UNSUPPORTED : gw_openai_path(site, call, out);
}

#define ONLY_CHAT          .formats = {AIGW_FORMAT_OPENAI_CHAT}, .path = path, .auth = GW_AUTH_BEARER
#define PREFIXES(row, ...) static const char *const row##_prefixes[] = {__VA_ARGS__, NULL}

static const char *const any_name[] = {NULL}; /* it serves everybody's models */

/* -- on one's own machine: no key unless the host was started with one -- */

/* https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html; its API has /v1/responses too */
const gw_provider gw_provider_vllm = {
    .name = "vllm",
    .formats = {AIGW_FORMAT_OPENAI_CHAT, AIGW_FORMAT_OPENAI_RESPONSES},
    .path = path,
    .auth = GW_AUTH_BEARER,
    .base_url = "http://127.0.0.1:8000/v1",
    .imitated = true, /* elsewhere it may be an older one */
    .model_prefixes = any_name,
};

/* https://docs.ollama.com/api/openai-compatibility: the list of fields has max_tokens only */
const gw_provider gw_provider_ollama = {
    .name = "ollama",
    ONLY_CHAT,
    .base_url = "http://127.0.0.1:11434/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .model_prefixes = any_name,
};

/* https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md: max_tokens everywhere */
const gw_provider gw_provider_llamacpp = {
    .name = "llamacpp",
    ONLY_CHAT,
    .base_url = "http://127.0.0.1:8080/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .model_prefixes = any_name,
};

/* https://lmstudio.ai/docs/developer/openai-compat/chat-completions: the list has max_tokens only */
const gw_provider gw_provider_lmstudio = {
    .name = "lmstudio",
    ONLY_CHAT,
    .base_url = "http://127.0.0.1:1234/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .model_prefixes = any_name,
};

/* -- vendors of their own models -- */

/*
 * https://docs.mistral.ai/api: unknown members are a 422 (extra_forbidden), among them
 * max_completion_tokens, stream_options, user, store; the roles are system, user, assistant, tool.
 */
PREFIXES(mistral, "mistral-", "ministral-", "codestral-", "magistral-", "devstral-", "pixtral-",
         "voxtral-", "open-mistral-", "open-mixtral-");
const gw_provider gw_provider_mistral = {
    .name = "mistral",
    ONLY_CHAT,
    .base_url = "https://api.mistral.ai/v1",
    .quirks = GW_QUIRK_MAX_TOKENS | GW_QUIRK_NO_DEVELOPER | GW_QUIRK_NO_USAGE_OPTION |
              GW_QUIRK_NO_METADATA | GW_QUIRK_NO_LOGPROBS,
    .key_env = "MISTRAL_API_KEY",
    .model_prefixes = mistral_prefixes,
};

/*
 * https://api-docs.deepseek.com/api/create-chat-completion: max_tokens; response_format is text or
 * json_object. https://api-docs.deepseek.com/guides/thinking_mode: reasoning_content must come back.
 */
PREFIXES(deepseek, "deepseek-");
const gw_provider gw_provider_deepseek = {
    .name = "deepseek",
    ONLY_CHAT,
    .base_url = "https://api.deepseek.com",
    .quirks = GW_QUIRK_MAX_TOKENS | GW_QUIRK_NO_DEVELOPER | GW_QUIRK_NO_JSON_SCHEMA |
              GW_QUIRK_REASONING_REPLAY,
    .key_env = "DEEPSEEK_API_KEY",
    .model_prefixes = deepseek_prefixes,
};

/* https://docs.x.ai/docs/api-reference: max_completion_tokens is known; Responses are served */
PREFIXES(xai, "grok-");
const gw_provider gw_provider_xai = {
    .name = "xai",
    .formats = {AIGW_FORMAT_OPENAI_CHAT, AIGW_FORMAT_OPENAI_RESPONSES},
    .path = path,
    .auth = GW_AUTH_BEARER,
    .base_url = "https://api.x.ai/v1",
    .key_env = "XAI_API_KEY",
    .model_prefixes = xai_prefixes,
};

/* https://docs.perplexity.ai/api-reference/chat-completions-post: max_tokens */
PREFIXES(perplexity, "sonar");
const gw_provider gw_provider_perplexity = {
    .name = "perplexity",
    ONLY_CHAT,
    .base_url = "https://api.perplexity.ai",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "PERPLEXITY_API_KEY",
    .model_prefixes = perplexity_prefixes,
};

/* https://platform.moonshot.ai/docs/api/chat: max_tokens */
PREFIXES(moonshot, "kimi-", "moonshot-");
const gw_provider gw_provider_moonshot = {
    .name = "moonshot",
    ONLY_CHAT,
    .base_url = "https://api.moonshot.ai/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "MOONSHOT_API_KEY",
    .model_prefixes = moonshot_prefixes,
};

/* https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope: max_tokens */
PREFIXES(dashscope, "qwen-", "qwen3-", "qwq-", "qvq-");
const gw_provider gw_provider_dashscope = {
    .name = "dashscope",
    ONLY_CHAT,
    .base_url = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "DASHSCOPE_API_KEY",
    .model_prefixes = dashscope_prefixes,
};

/* https://docs.z.ai/api-reference/llm/chat-completion: max_tokens; response_format is text or
 * json_object; tool_choice is "auto" only */
PREFIXES(zhipu, "glm-");
const gw_provider gw_provider_zhipu = {
    .name = "zhipu",
    ONLY_CHAT,
    .base_url = "https://api.z.ai/api/paas/v4",
    .quirks = GW_QUIRK_MAX_TOKENS | GW_QUIRK_NO_JSON_SCHEMA | GW_QUIRK_NO_NAMED_CHOICE,
    .key_env = "ZAI_API_KEY",
    .model_prefixes = zhipu_prefixes,
};

/* https://docs.cohere.com/docs/compatibility-api: its list of supported parameters has max_tokens, and
 * none of logit_bias, parallel_tool_calls, store, metadata, service_tier, user */
PREFIXES(cohere, "command-", "c4ai-");
const gw_provider gw_provider_cohere = {
    .name = "cohere",
    ONLY_CHAT,
    .base_url = "https://api.cohere.ai/compatibility/v1",
    .quirks = GW_QUIRK_MAX_TOKENS | GW_QUIRK_NO_PARALLEL_FLAG | GW_QUIRK_NO_METADATA,
    .key_env = "COHERE_API_KEY",
    .model_prefixes = cohere_prefixes,
};

/* -- hosts of many models: one says which by the provider's name, or by `models` -- */

/* https://console.groq.com/docs/openai: logprobs, logit_bias and top_logprobs are a 400 */
const gw_provider gw_provider_groq = {
    .name = "groq",
    ONLY_CHAT,
    .base_url = "https://api.groq.com/openai/v1",
    .quirks = GW_QUIRK_NO_LOGPROBS,
    .key_env = "GROQ_API_KEY",
    .model_prefixes = any_name,
};

/* https://docs.together.ai/reference/chat-completions-1: max_tokens */
const gw_provider gw_provider_together = {
    .name = "together",
    ONLY_CHAT,
    .base_url = "https://api.together.xyz/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "TOGETHER_API_KEY",
    .model_prefixes = any_name,
};

/* https://docs.fireworks.ai/api-reference/post-chatcompletions */
PREFIXES(fireworks, "accounts/fireworks/");
const gw_provider gw_provider_fireworks = {
    .name = "fireworks",
    ONLY_CHAT,
    .base_url = "https://api.fireworks.ai/inference/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "FIREWORKS_API_KEY",
    .model_prefixes = fireworks_prefixes,
};

/* https://openrouter.ai/docs/api-reference/overview: what a model does not take is left out there */
const gw_provider gw_provider_openrouter = {
    .name = "openrouter",
    ONLY_CHAT,
    .base_url = "https://openrouter.ai/api/v1",
    .key_env = "OPENROUTER_API_KEY",
    .model_prefixes = any_name,
};

/* https://inference-docs.cerebras.ai/resources/openai: frequency_penalty, presence_penalty, logit_bias,
 * parallel_tool_calls and service_tier are a 400 */
const gw_provider gw_provider_cerebras = {
    .name = "cerebras",
    ONLY_CHAT,
    .base_url = "https://api.cerebras.ai/v1",
    .quirks = GW_QUIRK_NO_PENALTIES | GW_QUIRK_NO_PARALLEL_FLAG | GW_QUIRK_NO_METADATA,
    .key_env = "CEREBRAS_API_KEY",
    .model_prefixes = any_name,
};

/* https://docs.api.nvidia.com/nim/reference/llm-apis: max_tokens */
const gw_provider gw_provider_nvidia = {
    .name = "nvidia",
    ONLY_CHAT,
    .base_url = "https://integrate.api.nvidia.com/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "NVIDIA_API_KEY",
    .model_prefixes = any_name,
};

/* https://huggingface.co/docs/inference-providers/tasks/chat-completion: max_tokens */
const gw_provider gw_provider_huggingface = {
    .name = "huggingface",
    ONLY_CHAT,
    .base_url = "https://router.huggingface.co/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "HF_TOKEN",
    .model_prefixes = any_name,
};

/* https://docs.sambanova.ai/docs/en/api-reference/endpoints/chat: max_tokens */
const gw_provider gw_provider_sambanova = {
    .name = "sambanova",
    ONLY_CHAT,
    .base_url = "https://api.sambanova.ai/v1",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "SAMBANOVA_API_KEY",
    .model_prefixes = any_name,
};

/* https://deepinfra.com/docs/openai_api: max_tokens */
const gw_provider gw_provider_deepinfra = {
    .name = "deepinfra",
    ONLY_CHAT,
    .base_url = "https://api.deepinfra.com/v1/openai",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "DEEPINFRA_API_KEY",
    .model_prefixes = any_name,
};

/* https://docs.github.com/rest/models/inference: max_tokens */
const gw_provider gw_provider_github = {
    .name = "github",
    ONLY_CHAT,
    .base_url = "https://models.github.ai/inference",
    .quirks = GW_QUIRK_MAX_TOKENS,
    .key_env = "GITHUB_TOKEN",
    .model_prefixes = any_name,
};
