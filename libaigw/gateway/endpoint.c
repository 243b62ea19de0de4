/* Looking up what a method and a path mean. Must not know how any of it is answered. */
#include "gateway/endpoint.h"
#include "base/text.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const gw_endpoint endpoints[] = {
    {.method = S("POST"),
     .path = S("/v1/chat/completions"),
     .kind = GW_END_CHAT,
     .name = "chat_completions",
     .format = AIGW_FORMAT_OPENAI_CHAT,
     .body = true},
    {.method = S("POST"),
     .path = S("/v1/messages"),
     .kind = GW_END_CHAT,
     .name = "messages",
     .format = AIGW_FORMAT_ANTHROPIC,
     .body = true},
    {.method = S("GET"),
     .path = S("/v1/models"),
     .kind = GW_END_MODELS,
     .name = "models",
     .format = AIGW_FORMAT_OPENAI_CHAT},
    {.method = S("POST"),
     .path = S("/oauth2/token"),
     .kind = GW_END_TOKEN,
     .name = "token",
     .format = AIGW_FORMAT_OPENAI_CHAT,
     .open = true,
     .issuer = true,
     .body = true},
    {.method = S("GET"),
     .path = S("/.well-known/jwks.json"),
     .kind = GW_END_JWKS,
     .name = "jwks",
     .format = AIGW_FORMAT_OPENAI_CHAT,
     .open = true,
     .issuer = true},
    {.method = S("GET"),
     .path = S("/.well-known/openid-configuration"),
     .kind = GW_END_DISCOVERY,
     .name = "discovery",
     .format = AIGW_FORMAT_OPENAI_CHAT,
     .open = true,
     .issuer = true},
};

static aigw_slice path_of(aigw_slice target)
{
    aigw_slice rest = target;
    return gw_cut(&rest, '?');
}

const gw_endpoint *gw_endpoint_find(aigw_slice method, aigw_slice target, bool issuer, int *status,
                                    const char **allow)
{
    aigw_slice path = path_of(target);
    *status = 404;
    *allow = NULL;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        const gw_endpoint *e = &endpoints[i];
        if (!gw_eq(path, e->path) || (e->issuer && !issuer))
            continue;
        if (gw_eq(method, e->method)) /* methods are case-sensitive: RFC 9110 clause 9.1 */
            return e;
        *status = 405;
        *allow = e->method.data;
    }
    return NULL;
}

aigw_format gw_endpoint_dialect(aigw_slice target)
{
    return gw_starts(path_of(target), (aigw_slice)S("/v1/messages")) ? AIGW_FORMAT_ANTHROPIC
                                                                     : AIGW_FORMAT_OPENAI_CHAT;
}
