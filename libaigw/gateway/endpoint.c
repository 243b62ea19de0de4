/* Looking up what a method and a path mean. Must not know how any of it is answered. */
#include "gateway/endpoint.h"
#include "base/text.h"
#include "gateway/form.h"
#include "gateway/issuer/issuer.h"
#include "gateway/screen/evidence.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* What goes to an upstream: the model stands in the body ... */
#define CALL(path_, kind_, name_, format_)                                                         \
    {                                                                                              \
        .method = S("POST"), .path = S(path_), .kind = (kind_), .name = (name_),                   \
        .format = (format_), .body = true                                                          \
    }
/* ... or in the path. */
#define CALL_MODEL(path_, kind_, name_, format_, stream_, one_)                                    \
    {                                                                                              \
        .method = S("POST"), .path = S(path_), .kind = (kind_), .name = (name_),                   \
        .format = (format_), .body = true, .path_model = true, .stream = (stream_), .one = (one_)  \
    }
#define CHAT_MODEL(path_, name_, format_, stream_)                                                 \
    CALL_MODEL(path_, GW_END_CHAT, name_, format_, stream_, false)
#define GEMINI_MODEL(prefix, verb, kind_, name_, stream_, one_)                                    \
    CALL_MODEL(prefix "/models/{model}:" verb, kind_, name_, AIGW_FORMAT_GEMINI, stream_, one_)
/* clang-format off */
#define GEMINI(prefix)                                                                             \
    GEMINI_MODEL(prefix, "generateContent", GW_END_CHAT, "generate_content", false, false),        \
    GEMINI_MODEL(prefix, "streamGenerateContent", GW_END_CHAT, "generate_content", true, false),   \
    GEMINI_MODEL(prefix, "countTokens", GW_END_COUNT, "count_tokens", false, false),               \
    GEMINI_MODEL(prefix, "embedContent", GW_END_EMBED, "embeddings", false, true),                 \
    GEMINI_MODEL(prefix, "batchEmbedContents", GW_END_EMBED, "embeddings", false, false)
/* clang-format on */

#define GET(path_, kind_, name_, format_)                                                          \
    {                                                                                              \
        .method = S("GET"), .path = S(path_), .kind = (kind_), .name = (name_),                    \
        .format = (format_)                                                                        \
    }
#define MODELS(prefix, format_)                                                                    \
    GET(prefix "/models", GW_END_MODELS, "models", format_),                                       \
        GET(prefix "/models/{model}", GW_END_MODEL, "model", format_)

#define ISSUER(method_, path_, kind_, name_, body_)                                                \
    {                                                                                              \
        .method = S(method_), .path = S(path_), .kind = (kind_), .name = (name_),                  \
        .format = AIGW_FORMAT_OPENAI_CHAT, .open = true, .issuer = true, .body = (body_)           \
    }
#define ADMIN(method_, path_, name_, action_, body_, allow_)                                       \
    {                                                                                              \
        .method = S(method_), .path = S(path_), .kind = GW_END_ADMIN, .name = (name_),             \
        .format = AIGW_FORMAT_OPENAI_CHAT, .issuer = true, .store = true, .admin = true,           \
        .body = (body_), .action = (action_), .allow = (allow_)                                    \
    }

/* An admin's, whoever issues the tokens. */
#define WAF(path_, name_, action_)                                                                 \
    {                                                                                              \
        .method = S("GET"), .path = S(path_), .kind = GW_END_WAF, .name = (name_),                 \
        .format = AIGW_FORMAT_OPENAI_CHAT, .admin = true, .tokens = true, .action = (action_)      \
    }

#define PROBE(path_, kind_, name_)                                                                 \
    {                                                                                              \
        .method = S("GET"), .path = S(path_), .kind = (kind_), .name = (name_),                    \
        .format = AIGW_FORMAT_OPENAI_CHAT, .open = true, .probe = true, .allow = "GET, HEAD"       \
    }

/* Here {model} is a provider's name and the path there. */
#define PASS(method_)                                                                              \
    {                                                                                              \
        .method = S(method_), .path = S("/pass/{model}"), .kind = GW_END_PASS, .name = "pass",     \
        .format = AIGW_FORMAT_OPENAI_CHAT, .body = true,                                           \
        .allow = "GET, HEAD, POST, PUT, PATCH, DELETE"                                             \
    }

/* The first path that fits counts: what is more special stands first. */
static const gw_endpoint endpoints[] = {
    CALL("/v1/chat/completions", GW_END_CHAT, "chat_completions", AIGW_FORMAT_OPENAI_CHAT),
    CALL("/v1/messages", GW_END_CHAT, "messages", AIGW_FORMAT_ANTHROPIC),
    CALL("/v1/messages/count_tokens", GW_END_COUNT, "count_tokens", AIGW_FORMAT_ANTHROPIC),
    CALL("/v1/responses", GW_END_CHAT, "responses", AIGW_FORMAT_OPENAI_RESPONSES),
    CALL("/v1/responses/input_tokens", GW_END_COUNT, "count_tokens", AIGW_FORMAT_OPENAI_RESPONSES),
    CALL("/v1/embeddings", GW_END_EMBED, "embeddings", AIGW_FORMAT_OPENAI_CHAT),
    GEMINI("/v1beta"),
    GEMINI("/v1"),
    MODELS("/v1beta", AIGW_FORMAT_GEMINI),
    MODELS("/v1", AIGW_FORMAT_OPENAI_CHAT),
    /* As Azure shapes its paths: with the deployment in them, or the newer ones. */
    CHAT_MODEL("/openai/deployments/{model}/chat/completions", "chat_completions",
               AIGW_FORMAT_OPENAI_CHAT, false),
    CALL_MODEL("/openai/deployments/{model}/embeddings", GW_END_EMBED, "embeddings",
               AIGW_FORMAT_OPENAI_CHAT, false, false),
    CALL("/openai/responses", GW_END_CHAT, "responses", AIGW_FORMAT_OPENAI_RESPONSES),
    CALL("/openai/v1/chat/completions", GW_END_CHAT, "chat_completions", AIGW_FORMAT_OPENAI_CHAT),
    CALL("/openai/v1/responses", GW_END_CHAT, "responses", AIGW_FORMAT_OPENAI_RESPONSES),
    CALL("/openai/v1/responses/input_tokens", GW_END_COUNT, "count_tokens",
         AIGW_FORMAT_OPENAI_RESPONSES),
    CALL("/openai/v1/embeddings", GW_END_EMBED, "embeddings", AIGW_FORMAT_OPENAI_CHAT),
    MODELS("/openai/v1", AIGW_FORMAT_OPENAI_CHAT),
    MODELS("/openai", AIGW_FORMAT_OPENAI_CHAT),
    /* As Bedrock shapes them. */
    CHAT_MODEL("/model/{model}/converse", "converse", AIGW_FORMAT_BEDROCK, false),
    CHAT_MODEL("/model/{model}/converse-stream", "converse", AIGW_FORMAT_BEDROCK, true),
    CALL_MODEL("/model/{model}/count-tokens", GW_END_COUNT, "count_tokens", AIGW_FORMAT_BEDROCK,
               false, false),
    ISSUER("POST", "/oauth2/token", GW_END_TOKEN, "token", true),
    ISSUER("GET", "/.well-known/jwks.json", GW_END_JWKS, "jwks", false),
    ISSUER("GET", "/.well-known/openid-configuration", GW_END_DISCOVERY, "discovery", false),
    ADMIN("GET", "/admin/clients", "admin_client_list", GW_ADMIN_LIST, false, "GET, POST"),
    ADMIN("POST", "/admin/clients", "admin_client_add", GW_ADMIN_ADD, true, "GET, POST"),
    ADMIN("DELETE", "/admin/clients/{id}", "admin_client_remove", GW_ADMIN_REMOVE, false, NULL),
    ADMIN("POST", "/admin/clients/{id}/rotate", "admin_client_rotate", GW_ADMIN_ROTATE, true, NULL),
    ADMIN("POST", "/admin/clients/{id}/disable", "admin_client_disable", GW_ADMIN_DISABLE, true,
          NULL),
    ADMIN("POST", "/admin/clients/{id}/enable", "admin_client_enable", GW_ADMIN_ENABLE, true, NULL),
    ADMIN("POST", "/admin/keys/rotate", "admin_keys_rotate", GW_ADMIN_ROTATE_KEYS, true, NULL),
    WAF("/admin/waf/samples", "admin_waf_samples", GW_EVIDENCE_SAMPLES),
    WAF("/admin/waf/rules", "admin_waf_rules", GW_EVIDENCE_RULES),
    PROBE("/", GW_END_HEALTH, "health"),
    PROBE("/healthz", GW_END_HEALTH, "health"),
    PROBE("/metrics", GW_END_METRICS, "metrics"),
    PASS("GET"),
    PASS("HEAD"),
    PASS("POST"),
    PASS("PUT"),
    PASS("PATCH"),
    PASS("DELETE"),
};

/* What has no endpoint is still somebody's kind of path. */
static const struct {
    aigw_slice prefix;
    aigw_format format;
} dialects[] = {
    {S("/v1/messages"), AIGW_FORMAT_ANTHROPIC},
    {S("/v1/responses"), AIGW_FORMAT_OPENAI_RESPONSES},
    {S("/openai/responses"), AIGW_FORMAT_OPENAI_RESPONSES},
    {S("/openai/v1/responses"), AIGW_FORMAT_OPENAI_RESPONSES},
    {S("/v1beta/"), AIGW_FORMAT_GEMINI},
    {S("/model/"), AIGW_FORMAT_BEDROCK},
};

static aigw_slice path_of(aigw_slice target)
{
    aigw_slice rest = target;
    return gw_cut(&rest, '?');
}

/* A hole stands for text that is not empty; {id} for one segment of it. */
static bool fits(aigw_slice pattern, aigw_slice path, aigw_slice *id)
{
    static const aigw_slice id_hole = S("{id}"), model_hole = S("{model}");
    const char *at = gw_find(pattern, id_hole);
    bool segment = at != NULL;
    *id = gw_slice("", 0);
    if (!at)
        at = gw_find(pattern, model_hole);
    if (!at)
        return gw_eq(pattern, path);
    size_t before = (size_t)(at - pattern.data);
    aigw_slice after = gw_skip(pattern, before + (segment ? id_hole.len : model_hole.len));
    if (path.len < before + after.len + 1 || !gw_starts(path, gw_slice(pattern.data, before)) ||
        !gw_ends(path, after))
        return false;
    *id = gw_slice(path.data + before, path.len - before - after.len);
    return !segment || !memchr(id->data, '/', id->len);
}

const gw_endpoint *gw_endpoint_find(aigw_slice method, aigw_slice target, unsigned have,
                                    aigw_slice *id, int *status, const char **allow)
{
    aigw_slice path = path_of(target);
    const gw_endpoint *first = NULL;
    *status = 404;
    *allow = NULL;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        const gw_endpoint *e = &endpoints[i];
        if ((e->issuer && !(have & GW_HAVE_ISSUER)) || (e->store && !(have & GW_HAVE_STORE)) ||
            (e->tokens && !(have & GW_HAVE_TOKENS)) || (first && !gw_eq(first->path, e->path)) ||
            !fits(e->path, path, id))
            continue;
        if (gw_eq(method, e->method)) /* methods are case-sensitive: RFC 9110 clause 9.1 */
            return e;
        first = e;
        *status = 405;
        *allow = e->allow ? e->allow : e->method.data;
    }
    *id = gw_slice("", 0);
    return NULL;
}

aigw_format gw_endpoint_dialect(aigw_slice target)
{
    aigw_slice path = path_of(target), id;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        if (fits(endpoints[i].path, path, &id))
            return endpoints[i].format;
    }
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        if (gw_starts(path, dialects[i].prefix))
            return dialects[i].format;
    }
    return AIGW_FORMAT_OPENAI_CHAT;
}

bool gw_endpoint_is_call(const gw_endpoint *endpoint)
{
    return endpoint->kind == GW_END_CHAT || endpoint->kind == GW_END_COUNT ||
           endpoint->kind == GW_END_EMBED;
}

gw_op gw_endpoint_op(const gw_endpoint *endpoint)
{
    return endpoint->kind == GW_END_COUNT   ? GW_OP_COUNT
           : endpoint->kind == GW_END_EMBED ? GW_OP_EMBED
                                            : GW_OP_CHAT;
}

/* -- the model in a path -- */

static bool is_model(aigw_slice name)
{
    if (name.len == 0 || name.len > GW_MODEL_NAME_MAX || !gw_utf8_valid(name))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f || name.data[i] == '\\')
            return false;
    }
    while (name.data) {
        aigw_slice segment = gw_cut(&name, '/');
        if (segment.len == 0 || gw_eq(segment, (aigw_slice)S(".")) ||
            gw_eq(segment, (aigw_slice)S("..")))
            return false;
    }
    return true;
}

bool gw_endpoint_model(aigw_slice raw, char *out, size_t *len)
{
    char decoded[3 * GW_MODEL_NAME_MAX];
    if (raw.len > sizeof decoded || memchr(raw.data, '+', raw.len)) {
        /* In a path '+' is itself; the decoder of forms must not see it. No model has one. */
        return false;
    }
    ptrdiff_t n = gw_form_decode(raw, decoded);
    if (n < 0 || !is_model(gw_slice(decoded, (size_t)n)))
        return false;
    memcpy(out, decoded, (size_t)n);
    *len = (size_t)n;
    return true;
}
