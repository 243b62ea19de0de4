/* The config snapshot: loads, counts references, frees; and the documents that are built in.
 * Must not know a key; the sections are resolved by config_*.c. */
#include "gateway/config.h"

#include "base/error.h"
#include "base/text.h"
#include "gateway/config_build.h"
#include "gateway/config_schema.h"
#include <aigw/gateway.h>

#define CONFIG_BYTES ((size_t)32 * 1024 * 1024)

int gw_cfg_keep(gw_cfg_build *b, aigw_slice text, aigw_slice *out)
{
    if (text.len == 0)
        return AIGW_OK;
    aigw_slice copy = gw_arena_copy(b->config->arena, text);
    if (!copy.data)
        return gw_fail_nomem(b->err);
    *out = copy;
    return AIGW_OK;
}

int gw_cfg_keep_all(gw_cfg_build *b, const gw_cfg_texts *texts, aigw_slice **out)
{
    aigw_slice *items = gw_arena_calloc(b->config->arena, texts->count + 1, sizeof *items);
    if (!items)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < texts->count; i++) {
        int code = gw_cfg_keep(b, texts->items[i], &items[i]);
        if (code != AIGW_OK)
            return code;
    }
    *out = items;
    return AIGW_OK;
}

static int new_config(gw_config **out, aigw_error *err)
{
    gw_arena *arena = gw_arena_new(CONFIG_BYTES);
    gw_config *config = arena ? gw_arena_calloc(arena, 1, sizeof *config) : NULL;
    if (!config) {
        gw_arena_free(arena);
        return gw_fail_nomem(err);
    }
    config->arena = arena;
    config->refs = 1;
    *out = config;
    return AIGW_OK;
}

/* The address that the document itself names; the line is its own. */
static int check_own_listen(gw_cfg_build *b)
{
    const gw_config *c = b->config;
    int code =
        gw_config_check_listen(c, c->server.listen, c->server.tls_cert_file[0] != '\0', b->err);
    if (code == AIGW_OK)
        return code;
    const gw_cfg_node *server = b->raw->server.node;
    const gw_cfg_node *listen = gw_cfg_member(server, "listen");
    return gw_cfg_place(b->err, listen ? listen : server, code);
}

static int resolve(gw_cfg_build *b)
{
    int code = gw_cfg_build_server(b);
    if (code == AIGW_OK)
        code = gw_cfg_build_auth(b);
    if (code == AIGW_OK)
        code = gw_cfg_build_upstreams(b);
    if (code == AIGW_OK)
        code = gw_cfg_build_routes(b);
    return code == AIGW_OK ? check_own_listen(b) : code;
}

static int load(gw_cfg_tree *tree, aigw_slice document, gw_config *config, aigw_error *err)
{
    int code = gw_cfg_parse(tree, document, err);
    if (code == AIGW_OK && !tree->root)
        code = gw_cfg_from_env(tree, err);
    if (code != AIGW_OK)
        return code;
    gw_cfg_root *raw = gw_arena_calloc(tree->arena, 1, sizeof *raw);
    if (!raw)
        return gw_fail_nomem(err);
    code = gw_cfg_bind(tree, &gw_cfg_schema, tree->root, raw, err);
    gw_cfg_build b = {raw, config, tree, err};
    return code == AIGW_OK ? resolve(&b) : code;
}

int gw_config_load(aigw_slice document, const aigw_host *host, gw_config **out, aigw_error *err)
{
    gw_cfg_tree tree;
    gw_config *config = NULL;
    int code = gw_cfg_tree_init(&tree, host, err);
    if (code != AIGW_OK)
        return code;
    code = new_config(&config, err);
    if (code == AIGW_OK) {
        code = load(&tree, document, config, err);
        if (code == AIGW_OK)
            *out = config;
        else
            gw_config_free(config);
    }
    gw_cfg_tree_free(&tree);
    return code;
}

gw_config *gw_config_ref(gw_config *config)
{
    __atomic_add_fetch(&config->refs, 1, __ATOMIC_RELAXED);
    return config;
}

void gw_config_free(gw_config *config)
{
    if (!config || __atomic_sub_fetch(&config->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    /* A load that failed half-way: upstreams are zeroed, so the one after the last is freed too. */
    for (size_t i = 0; config->upstreams && i <= config->upstream_count; i++) {
        gw_http_target_free(config->upstreams[i].target);
        aigw_token_source_free(config->upstreams[i].token);
    }
    for (size_t i = 0; i < config->secret_count; i++)
        gw_secret_free(&config->secrets[i]);
    gw_arena_free(config->arena);
}

int aigw_config_check(aigw_slice document, const aigw_host *host, aigw_error *err)
{
    gw_config *config = NULL;
    int code = gw_config_load(document, host, &config, err);
    if (code == AIGW_OK)
        gw_config_free(config);
    return code;
}

/* aigw-serve --dev sets AIGW_DEV_CLIENT_SECRET to a random text that it prints. */
static const char dev_document[] = "server:\n"
                                   "  listen: 127.0.0.1:8787\n"
                                   "auth:\n"
                                   "  jwt:\n"
                                   "    enabled: true\n"
                                   "issuer:\n"
                                   "  url: ${AIGW_DEV_URL:-http://127.0.0.1:8787}\n"
                                   "  clients:\n"
                                   "    - id: dev\n"
                                   "      secret: ${AIGW_DEV_CLIENT_SECRET}\n"
                                   "      team: dev\n"
                                   "      scopes:\n"
                                   "        - https://gateway.internal/invoke\n"
                                   "        - https://gateway.internal/admin\n"
                                   "providers:\n"
                                   "  - type: echo\n";

aigw_slice aigw_config_dev(void)
{
    return gw_slice(dev_document, sizeof dev_document - 1);
}
