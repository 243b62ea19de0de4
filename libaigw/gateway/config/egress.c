/* Resolves the section egress: which private networks may be connected to, and what is fetched for clients.
 * Must not know a transport, nor who asks. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/config/build.h"

static int read_networks(gw_cfg_build *b, const gw_cfg_texts *texts)
{
    gw_net *nets = NULL;
    int code = gw_cfg_nets(b, texts, &nets);
    if (code == AIGW_OK)
        b->config->egress = (gw_egress_policy){nets, texts->count};
    return code;
}

/* ---- what is fetched ---- */

static bool is_name(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '.' || c == '-' || c == '_'))
            return false;
    }
    return text.len > 0 && text.data[0] != '.' && text.data[text.len - 1] != '.';
}

static int read_hosts(gw_cfg_build *b, const gw_cfg_texts *texts, gw_fetch_rule *rule)
{
    for (size_t i = 0; i < texts->count; i++) {
        aigw_slice host = texts->items[i];
        if (!is_name(gw_starts(host, GW_S("*.")) ? gw_skip(host, 2) : host))
            return gw_cfg_fail(b->err, gw_cfg_item(texts, i), "bad_host",
                               "expected a host such as img.example.com, or *.example.com");
    }
    rule->host_count = texts->count;
    return gw_cfg_keep_all(b, texts, &rule->hosts);
}

/* "image/png", or "image/" and a star, which is cut off. What formats can carry is no other. */
static int read_types(gw_cfg_build *b, const gw_cfg_texts *texts, gw_fetch_rule *rule)
{
    static const char *const usual[] = {"image/*", "application/pdf"};
    size_t count = texts->node ? texts->count : sizeof usual / sizeof *usual;
    aigw_slice *types = gw_arena_calloc(b->config->arena, count + 1, sizeof *types);
    if (!types)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < count; i++) {
        aigw_slice type = texts->node ? texts->items[i] : aigw_slice_of(usual[i]);
        if (!gw_starts(type, GW_S("image/")) && !gw_eq(type, GW_S("application/pdf")))
            return gw_cfg_fail(b->err, gw_cfg_item(texts, i), "bad_type",
                               "expected image/png, image/jpeg, image/gif, image/webp, image/* or "
                               "application/pdf");
        if (gw_ends(type, GW_S("/*")))
            type.len--;
        int code = gw_cfg_keep(b, type, &types[i]);
        if (code != AIGW_OK)
            return code;
    }
    rule->types = types;
    rule->type_count = count;
    return AIGW_OK;
}

static int read_fetch(gw_cfg_build *b, const gw_cfg_fetch *raw)
{
    gw_fetch_rule *rule = &b->config->fetch;
    *rule = (gw_fetch_rule){.enabled = raw->enabled,
                            .allow_http = raw->allow_http,
                            .max_bytes = (size_t)raw->max_bytes,
                            .max_total_bytes = (size_t)raw->max_total_bytes,
                            .max_urls = (size_t)raw->max_urls,
                            .max_redirects = (int)raw->max_redirects,
                            .timeout_ms = (int)raw->timeout_ms};
    if (rule->max_total_bytes < rule->max_bytes)
        return gw_cfg_fail_key(b->err, raw->node, "max_total_bytes", "out_of_range",
                               "expected at least max_bytes");
    int code = read_hosts(b, &raw->hosts, rule);
    return code == AIGW_OK ? read_types(b, &raw->content_types, rule) : code;
}

int gw_cfg_build_egress(gw_cfg_build *b)
{
    int code = read_networks(b, &b->raw->egress.allow_private);
    return code == AIGW_OK ? read_fetch(b, &b->raw->egress.fetch_urls) : code;
}

bool gw_fetch_host_ok(const gw_fetch_rule *rule, aigw_slice host)
{
    if (host.len > 0 && host.data[host.len - 1] == '.')
        host.len--;
    for (size_t i = 0; i < rule->host_count; i++) {
        aigw_slice one = rule->hosts[i];
        bool below = gw_starts(one, GW_S("*."));
        if (below)
            one = gw_skip(one, 1);
        if (below ? host.len > one.len && gw_eq_nocase(gw_skip(host, host.len - one.len), one)
                  : gw_eq_nocase(host, one))
            return true;
    }
    return rule->host_count == 0;
}

bool gw_fetch_type_ok(const gw_fetch_rule *rule, aigw_slice type)
{
    aigw_slice essence = gw_trim(gw_cut(&type, ';'));
    for (size_t i = 0; i < rule->type_count; i++) {
        aigw_slice one = rule->types[i];
        bool kind = one.data[one.len - 1] == '/';
        if (kind ? gw_starts_nocase(essence, one) : gw_eq_nocase(essence, one))
            return true;
    }
    return false;
}
