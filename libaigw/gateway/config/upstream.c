/* Resolves providers: which row, where at the vendor, in which formats; then credential and target.
 * Must not know a vendor: what a key means is said by its row. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"
#include "gateway/config/schema.h"

static int check_name(gw_cfg_build *b, const gw_cfg_provider *raw, aigw_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '_' || c == '.'))
            return gw_cfg_fail_key(b->err, raw->node, "name", "bad_name",
                                   "expected letters, digits, '-', '_' and '.' only");
    }
    for (size_t i = 0; i < b->config->upstream_count; i++) {
        if (gw_eq(b->config->upstreams[i].name, name))
            return gw_cfg_fail_key(b->err, raw->node, "name", "duplicate",
                                   "two providers have this name; give one a \"name\" of its own");
    }
    return AIGW_OK;
}

/* What stands in a host name or a path; never "..", never a colon (projects of old domains apart). */
static bool is_place(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool inner = i > 0 && (c == '-' || c == '.' || c == '_' || c == ':');
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || inner))
            return false;
    }
    return true;
}

static int set_place(gw_cfg_build *b, const gw_cfg_provider *raw, const char *key, aigw_slice text,
                     aigw_slice *out)
{
    bool host = strcmp(key, "region") == 0 || strcmp(key, "location") == 0;
    if (!is_place(text) || (host && text.len > 0 && strpbrk(text.data, "._:")))
        return gw_cfg_fail_key(b->err, raw->node, key, "bad_value",
                               "expected letters, digits and '-'%s", host ? "" : ", '.', '_', ':'");
    return gw_cfg_keep(b, text, out);
}

/* A key that means nothing to this vendor is a mistake. */
static int check_uses(gw_cfg_build *b, const gw_cfg_provider *raw, const gw_provider *row)
{
    const gw_cfg_node *auth = raw->auth.node;
    const struct {
        unsigned use;
        bool there;
        const gw_cfg_node *map;
        const char *key;
    } keys[] = {
        {GW_USES_VERSION, raw->api_version.len > 0, raw->node, "api_version"},
        {GW_USES_REGION, raw->region.len > 0, raw->node, "region"},
        {GW_USES_PROJECT, raw->project.len > 0, raw->node, "project"},
        {GW_USES_PROJECT, raw->location.len > 0, raw->node, "location"},
        {GW_USES_ENTRA, raw->auth.entra.node != NULL, auth, "entra"},
        {GW_USES_AWS, raw->auth.aws.node != NULL, auth, "aws"},
        {GW_USES_GOOGLE, raw->auth.google.node != NULL, auth, "google"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i].there && !(row->uses & keys[i].use))
            return gw_cfg_fail_key(b->err, keys[i].map, keys[i].key, "conflict",
                                   "a provider of type %s has no %s", row->name, keys[i].key);
    }
    return AIGW_OK;
}

static int set_site(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up)
{
    int code = check_uses(b, raw, up->provider);
    if (code == AIGW_OK)
        code = set_place(b, raw, "api_version", raw->api_version, &up->site.api_version);
    if (code == AIGW_OK)
        code = set_place(b, raw, "region", raw->region, &up->site.region);
    if (code == AIGW_OK)
        code = set_place(b, raw, "project", raw->project, &up->site.project);
    if (code == AIGW_OK)
        code = set_place(b, raw, "location", raw->location, &up->site.location);
    if (code == AIGW_OK && (up->provider->uses & GW_USES_AWS) && raw->auth.aws.node &&
        up->site.region.len == 0)
        code = gw_cfg_fail(b->err, raw->node, "missing_key",
                           "auth.aws needs region: signatures are for one");
    return code;
}

static aigw_format format_named(aigw_slice name)
{
    for (const gw_wire *const *wire = gw_wires; *wire; wire++) {
        if (gw_eq(name, aigw_slice_of((*wire)->name)))
            return (*wire)->format;
    }
    return (aigw_format)0;
}

/* Somebody else's host, which only imitates the vendor. */
static bool is_imitation(const gw_cfg_provider *raw, const gw_provider *row)
{
    aigw_slice base = raw->base_url;
    while (base.len > 0 && base.data[base.len - 1] == '/')
        base.len--;
    return row->imitated && base.len > 0 && !gw_eq_nocase(base, aigw_slice_of(row->base_url));
}

/* Those of the config, else of the row; a host that imitates the vendor serves the first. */
static int set_formats(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up)
{
    const gw_provider *row = up->provider;
    bool imitation = is_imitation(raw, row);
    size_t n = 0;
    for (size_t i = 0; i < raw->formats.count; i++) {
        aigw_format format = format_named(raw->formats.items[i]);
        const aigw_format *known = row->formats;
        while (*known && *known != format)
            known++;
        if (!format || !*known) {
            const gw_cfg_node *node = raw->formats.node->first;
            for (size_t k = 0; k < i; k++)
                node = node->next;
            return gw_cfg_fail(b->err, node, "unknown_word",
                               "expected a format that a provider of type %s may serve", row->name);
        }
        up->formats[n++] = format;
    }
    for (; raw->formats.count == 0 && row->formats[n] && !(imitation && n > 0); n++)
        up->formats[n] = row->formats[n];
    return AIGW_OK;
}

static int set_quirks(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up)
{
    bool imitation = is_imitation(raw, up->provider);
    up->quirks = raw->quirks.node || imitation ? 0 : up->provider->quirks;
    if (!raw->quirks.node && up->provider->site_quirks)
        up->quirks |= up->provider->site_quirks(&up->site);
    const gw_cfg_node *node = raw->quirks.node ? raw->quirks.node->first : NULL;
    for (size_t i = 0; i < raw->quirks.count; i++, node = node->next) {
        unsigned bit = gw_quirk_named(raw->quirks.items[i]);
        if (!bit)
            return gw_cfg_fail(b->err, node, "unknown_word",
                               "no such quirk; docs/config.md has their names");
        up->quirks |= bit;
    }
    if (raw->max_tokens_field == 1)
        up->quirks |= GW_QUIRK_MAX_TOKENS;
    return AIGW_OK;
}

/* What makes no sense for a provider that answers in process. NULL: nothing. */
static const char *useless_key(const gw_cfg_provider *raw)
{
    if (raw->base_url.len > 0)
        return "base_url";
    if (raw->api_key.len > 0)
        return "api_key";
    if (raw->api_key_file.len > 0)
        return "api_key_file";
    if (raw->headers.count > 0)
        return "headers";
    if (raw->auth.node)
        return "auth";
    if (raw->pass_through || raw->pass_through_paths.count > 0)
        return "pass_through";
    return raw->ca_file.len > 0 ? "ca_file" : NULL;
}

static int build_upstream(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up)
{
    aigw_slice type = aigw_slice_of(gw_cfg_provider_types[raw->type]);
    aigw_slice name = raw->name.len ? raw->name : type;
    up->provider = gw_provider_named(type);
    if (!up->provider)
        return gw_cfg_fail_key(b->err, raw->node, "type", "unknown_word", "no such provider");
    int code = check_name(b, raw, name);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, name, &up->name);
    if (code != AIGW_OK)
        return code;
    up->connect_timeout_ms = (int)raw->timeouts.connect_ms;
    up->first_byte_timeout_ms = (int)raw->timeouts.first_byte_ms;
    up->first_event_timeout_ms = (int)raw->timeouts.first_event_ms;
    up->idle_timeout_ms = (int)raw->timeouts.idle_ms;
    up->total_timeout_ms = (int)raw->timeouts.total_ms;
    up->max_retries = (int)raw->max_retries;
    up->default_max_tokens = raw->default_max_tokens;
    code = set_site(b, raw, up);
    if (code == AIGW_OK)
        code = set_formats(b, raw, up);
    if (code == AIGW_OK)
        code = set_quirks(b, raw, up);
    if (code == AIGW_OK && !up->provider->answer)
        code = gw_cfg_make_credential(b, raw, up);
    if (code != AIGW_OK)
        return code;
    if (!up->provider->answer)
        return gw_cfg_make_target(b, raw, up);
    const char *useless = useless_key(raw);
    if (useless)
        return gw_cfg_fail_key(b->err, raw->node, useless, "conflict",
                               "this provider answers in process and has no %s", useless);
    up->host = GW_S("in-process");
    return AIGW_OK;
}

int gw_cfg_build_upstreams(gw_cfg_build *b)
{
    const gw_cfg_list *list = &b->raw->providers;
    const gw_cfg_provider *raw = list->items;
    gw_config *c = b->config;
    /* One more than needed: gw_config_free looks one past the last that was made. */
    c->upstreams = gw_arena_calloc(c->arena, list->count + 1, sizeof *c->upstreams);
    if (!c->upstreams)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < list->count; i++) {
        int code = build_upstream(b, &raw[i], &c->upstreams[i]);
        if (code != AIGW_OK)
            return code;
        c->upstream_count++;
    }
    return AIGW_OK;
}
