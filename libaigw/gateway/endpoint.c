/* Looking up what a method and a path mean. Must not know how any of it is answered. */
#include "gateway/endpoint.h"
#include "base/text.h"
#include "gateway/issuer/issuer.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

#define ADMIN(method_, path_, name_, action_, body_, allow_)                                       \
    {                                                                                              \
        .method = S(method_), .path = S(path_), .kind = GW_END_ADMIN, .name = (name_),             \
        .format = AIGW_FORMAT_OPENAI_CHAT, .issuer = true, .store = true, .body = (body_),         \
        .action = (action_), .allow = (allow_)                                                     \
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
    ADMIN("GET", "/admin/clients", "admin_client_list", GW_ADMIN_LIST, false, "GET, POST"),
    ADMIN("POST", "/admin/clients", "admin_client_add", GW_ADMIN_ADD, true, "GET, POST"),
    ADMIN("DELETE", "/admin/clients/{id}", "admin_client_remove", GW_ADMIN_REMOVE, false, NULL),
    ADMIN("POST", "/admin/clients/{id}/rotate", "admin_client_rotate", GW_ADMIN_ROTATE, true, NULL),
    ADMIN("POST", "/admin/clients/{id}/disable", "admin_client_disable", GW_ADMIN_DISABLE, true,
          NULL),
    ADMIN("POST", "/admin/clients/{id}/enable", "admin_client_enable", GW_ADMIN_ENABLE, true, NULL),
    ADMIN("POST", "/admin/keys/rotate", "admin_keys_rotate", GW_ADMIN_ROTATE_KEYS, true, NULL),
};

static aigw_slice path_of(aigw_slice target)
{
    aigw_slice rest = target;
    return gw_cut(&rest, '?');
}

/* {id} stands for one segment that is not empty. */
static bool fits(aigw_slice pattern, aigw_slice path, aigw_slice *id)
{
    static const aigw_slice hole = S("{id}");
    const char *at = gw_find(pattern, hole);
    *id = gw_slice("", 0);
    if (!at)
        return gw_eq(pattern, path);
    size_t before = (size_t)(at - pattern.data);
    aigw_slice after = gw_skip(pattern, before + hole.len);
    if (path.len < before + after.len + 1 || !gw_starts(path, gw_slice(pattern.data, before)) ||
        !gw_ends(path, after))
        return false;
    *id = gw_slice(path.data + before, path.len - before - after.len);
    return !memchr(id->data, '/', id->len);
}

const gw_endpoint *gw_endpoint_find(aigw_slice method, aigw_slice target, unsigned have,
                                    aigw_slice *id, int *status, const char **allow)
{
    aigw_slice path = path_of(target);
    *status = 404;
    *allow = NULL;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        const gw_endpoint *e = &endpoints[i];
        if ((e->issuer && !(have & GW_HAVE_ISSUER)) || (e->store && !(have & GW_HAVE_STORE)) ||
            !fits(e->path, path, id))
            continue;
        if (gw_eq(method, e->method)) /* methods are case-sensitive: RFC 9110 clause 9.1 */
            return e;
        *status = 405;
        *allow = e->allow ? e->allow : e->method.data;
    }
    return NULL;
}

aigw_format gw_endpoint_dialect(aigw_slice target)
{
    return gw_starts(path_of(target), (aigw_slice)S("/v1/messages")) ? AIGW_FORMAT_ANTHROPIC
                                                                     : AIGW_FORMAT_OPENAI_CHAT;
}
