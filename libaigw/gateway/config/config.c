/* The config snapshot as a thing: made empty, keeps what is put in, counts references, frees.
 * Must not know a key or a document. */
#include "gateway/config/config.h"

#include "base/error.h"
#include "gateway/config/build.h"

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

int gw_cfg_new(gw_config **out, aigw_error *err)
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
        gw_http_target_free(config->upstreams[i].pass);
        aigw_token_source_free(config->upstreams[i].token);
        for (size_t k = 0; k < 3; k++)
            gw_secret_free(&config->upstreams[i].key_secrets[k]);
    }
    gw_guardrails_free(&config->guards);
    for (size_t i = 0; i < config->secret_count; i++)
        gw_secret_free(&config->secrets[i]);
    gw_secret_free(&config->redis.password);
    gw_arena_free(config->arena);
}
