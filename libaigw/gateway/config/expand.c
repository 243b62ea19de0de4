/* Expands variables in config scalars: ${NAME}, ${NAME:-default}, and $$ for a dollar sign.
 * Must not put a value into an error: a variable is how secrets come in. */
#include "gateway/config/tree.h"

#include "base/error.h"
#include "base/text.h"
#include <stdlib.h>

const char *gw_cfg_env(const aigw_host *host, const char *name)
{
    if (host && host->size >= offsetof(aigw_host, env) + sizeof host->env && host->env)
        return host->env(host->user, name);
    return getenv(name);
}

static bool is_name(aigw_slice name)
{
    if (name.len == 0 || name.len > 128 || (name.data[0] >= '0' && name.data[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
              (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

/* What stands between the braces, as its value. */
static int value_of(const aigw_host *host, aigw_slice inside, aigw_slice *out, aigw_error *err)
{
    aigw_slice name = inside, fallback = {NULL, 0};
    const char *mark = gw_find(inside, GW_S(":-"));
    if (mark) {
        name.len = (size_t)(mark - inside.data);
        fallback = gw_skip(inside, name.len + 2);
    }
    if (!is_name(name))
        return gw_fail(err, AIGW_E_CONFIG, "bad_variable",
                       "expected ${NAME} or ${NAME:-default}; $$ stands for a dollar sign");
    char text[129];
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    const char *value = gw_cfg_env(host, text);
    if (mark && (!value || !*value))
        *out = fallback;
    else if (value)
        *out = aigw_slice_of(value);
    else
        return gw_fail(err, AIGW_E_CONFIG, "unset_variable",
                       "the variable %s is not set; ${%s:-default} gives a default", text, text);
    return AIGW_OK;
}

/* One reference at the start of *rest, which begins with '$'. */
static int reference(const aigw_host *host, aigw_slice *rest, aigw_slice *value, bool *expanded,
                     aigw_error *err)
{
    if (rest->len > 1 && rest->data[1] == '$') {
        *value = GW_S("$");
        *rest = gw_skip(*rest, 2);
        return AIGW_OK;
    }
    const char *close = memchr(rest->data, '}', rest->len);
    if (rest->len < 2 || rest->data[1] != '{' || !close)
        return gw_fail(err, AIGW_E_CONFIG, "bad_variable",
                       "a lone $: write $$ for a dollar sign, ${NAME} for a variable");
    aigw_slice inside = gw_slice(rest->data + 2, (size_t)(close - rest->data) - 2);
    *rest = gw_skip(*rest, inside.len + 3);
    *expanded = true;
    return value_of(host, inside, value, err);
}

static int fill(gw_cfg_tree *tree, aigw_slice rest, size_t *len, bool *expanded, aigw_error *err)
{
    while (rest.len > 0) {
        const char *dollar = memchr(rest.data, '$', rest.len);
        aigw_slice piece = rest;
        if (dollar != rest.data) {
            piece.len = dollar ? (size_t)(dollar - rest.data) : rest.len;
            rest = gw_skip(rest, piece.len);
        } else {
            int code = reference(tree->host, &rest, &piece, expanded, err);
            if (code != AIGW_OK)
                return code;
        }
        if (piece.len > GW_CFG_MAX_SCALAR_BYTES - *len)
            return gw_fail(err, AIGW_E_CONFIG, "too_large", "the value is longer than 64 KiB");
        if (piece.len > 0)
            memcpy(tree->scratch + *len, piece.data, piece.len);
        *len += piece.len;
    }
    return AIGW_OK;
}

int gw_cfg_expand(gw_cfg_tree *tree, aigw_slice in, aigw_slice *out, bool *expanded,
                  aigw_error *err)
{
    if (!tree->scratch)
        tree->scratch = gw_arena_calloc(tree->arena, 1, GW_CFG_MAX_SCALAR_BYTES + 1);
    if (!tree->scratch)
        return gw_fail_nomem(err);
    size_t len = 0;
    *expanded = false;
    int code = fill(tree, in, &len, expanded, err);
    if (code != AIGW_OK)
        return code;
    tree->text_bytes += len;
    if (tree->text_bytes > GW_CFG_MAX_TEXT_BYTES)
        return gw_fail(err, AIGW_E_CONFIG, "too_large", "the values are longer than 4 MiB in all");
    if (*expanded && !gw_utf8_valid(gw_slice(tree->scratch, len)))
        return gw_fail(err, AIGW_E_CONFIG, "bad_variable", "a variable's value is not UTF-8");
    *out = gw_arena_copy(tree->arena, gw_slice(tree->scratch, len));
    return out->data ? AIGW_OK : gw_fail_nomem(err);
}
