/* Resolves what of a provider's own API passes through: a second target, the paths, whose headers win.
 * Must not know a vendor, nor keep a key. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"
#include "gateway/config/schema.h"
#include "rim/http_field.h"

#define MAX_HEADERS 64

static int check(gw_cfg_build *b, const gw_cfg_provider *raw, const gw_upstream *up)
{
    if (raw->pass_through_paths.count > 0 && !raw->pass_through)
        return gw_cfg_fail_key(b->err, raw->node, "pass_through_paths", "conflict",
                               "expected pass_through: true, too");
    if (raw->pass_through && up->key_pair.access_key_id.len > 0)
        return gw_cfg_fail_key(b->err, raw->node, "pass_through", "conflict",
                               "auth.aws signs the whole body, which passes by in pieces; use "
                               "api_key (a Bedrock API key) instead");
    const gw_cfg_node *n =
        raw->pass_through_paths.node ? raw->pass_through_paths.node->first : NULL;
    for (size_t i = 0; i < raw->pass_through_paths.count; i++, n = n->next) {
        aigw_slice path = raw->pass_through_paths.items[i];
        if (!gw_starts(path, GW_S("/")) || !gw_http_path_ok(path) ||
            memchr(path.data, '?', path.len))
            return gw_cfg_fail(b->err, n, "bad_path", "expected a path such as /v1/files");
    }
    return AIGW_OK;
}

/* What the config says of each request is not the client's to replace. */
static int keep_fixed(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up)
{
    size_t count = raw->headers.count;
    aigw_slice *names = gw_arena_calloc(b->config->arena, count + 1, sizeof *names);
    if (!names)
        return gw_fail_nomem(b->err);
    int code = AIGW_OK;
    for (size_t i = 0; i < count && code == AIGW_OK; i++)
        code = gw_cfg_keep(b, raw->headers.items[i].name, &names[i]);
    up->pass_fixed = names;
    up->pass_fixed_count = count;
    return code;
}

int gw_cfg_make_pass(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up,
                     const gw_http_target_options *options)
{
    aigw_header headers[MAX_HEADERS];
    gw_http_target_options ours = *options;
    int code = check(b, raw, up);
    if (code != AIGW_OK || !raw->pass_through)
        return code;
    ours.headers = headers;
    ours.header_count = 0;
    for (size_t i = 0; i < options->header_count && ours.header_count < MAX_HEADERS; i++) {
        const aigw_header *h = &options->headers[i];
        if (!gw_eq_nocase(h->name, GW_S("content-type")) && !gw_eq_nocase(h->name, GW_S("accept")))
            headers[ours.header_count++] = *h;
    }
    up->pass_path_count = raw->pass_through_paths.count;
    code = gw_cfg_keep_all(b, &raw->pass_through_paths, &up->pass_paths);
    if (code == AIGW_OK)
        code = keep_fixed(b, raw, up);
    return code == AIGW_OK ? gw_http_target_new(&ours, &up->pass, b->err) : code;
}
