/* From a document to a snapshot, in order: parse, bind, resolve; and the documents that are built in.
 * Must not know a key; the sections are resolved by the other config_*.c. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/config/build.h"
#include "gateway/config/schema.h"
#include "gateway/screen/live.h"
#include <aigw/gateway.h>

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
        code = gw_cfg_build_waf(b);
    if (code == AIGW_OK)
        code = gw_cfg_build_egress(b);
    if (code == AIGW_OK)
        code = gw_cfg_build_auth(b);
    if (code == AIGW_OK)
        code = gw_cfg_build_upstreams(b);
    if (code == AIGW_OK)
        code = gw_cfg_build_routes(b);
    if (code == AIGW_OK)
        code = gw_cfg_build_guards(b);
    if (code == AIGW_OK)
        code = gw_cfg_build_quota(b);
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
    code = gw_cfg_new(&config, err);
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

int aigw_config_check(aigw_slice document, const aigw_host *host, aigw_error *err)
{
    gw_config *config = NULL;
    gw_screen_live screen = {0};
    const gw_clock clock = gw_clock_of(host);
    const gw_log silent = {0};
    int code = gw_config_load(document, host, &config, err);
    if (code != AIGW_OK)
        return code;
    /* A start would read the lists of addresses, too, and say no to a bad one. */
    code = gw_screen_live_open(&screen, &config->waf, NULL, NULL, &clock, &silent, err);
    gw_screen_live_close(&screen);
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
                                   "  - type: echo\n"
                                   "enable_waf: false\n";

aigw_slice aigw_config_dev(void)
{
    return gw_slice(dev_document, sizeof dev_document - 1);
}
