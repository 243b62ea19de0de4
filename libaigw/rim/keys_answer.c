/* Reads what an issuer's answers say of its keys: Cache-Control, and the discovery document. */
/* Must not know how answers come, nor what becomes of them. */
#include "rim/keys_answer.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define ARENA_BYTES (1024 * 1024)

/* Seconds in a directive's value, quoted or not (RFC 9111 clause 5.2.2.1); -1: none. */
static int64_t seconds_of(aigw_slice text)
{
    uint64_t value;

    text = gw_trim(text);
    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
        text = gw_slice(text.data + 1, text.len - 2);
    if (text.len == 0 || text.len > 18 || !gw_parse_u64(text, &value))
        return -1;
    return value > GW_KEYS_LIFE_MAX_MS / 1000 ? GW_KEYS_LIFE_MAX_MS / 1000 : (int64_t)value;
}

static void read_directives(aigw_slice value, int64_t *life_s, bool *now)
{
    while (value.data) {
        aigw_slice rest = gw_cut(&value, ',');
        aigw_slice name = gw_trim(gw_cut(&rest, '='));
        if (gw_eq_nocase(name, GW_S("max-age")) && rest.data) {
            int64_t seconds = seconds_of(rest);
            if (seconds >= 0 && (*life_s < 0 || seconds < *life_s))
                *life_s = seconds;
        } else if (gw_eq_nocase(name, GW_S("no-store")) || gw_eq_nocase(name, GW_S("no-cache"))) {
            *now = true;
        }
    }
}

int64_t gw_keys_life_ms(const aigw_header *headers, size_t count)
{
    int64_t life_s = -1, age_s = -1;
    bool now = false;

    for (size_t i = 0; i < count; i++) {
        if (gw_eq_nocase(headers[i].name, GW_S("cache-control")))
            read_directives(headers[i].value, &life_s, &now);
        else if (gw_eq_nocase(headers[i].name, GW_S("age")))
            age_s = seconds_of(headers[i].value);
    }
    if (now)
        return GW_KEYS_LIFE_MIN_MS;
    if (life_s < 0)
        return GW_KEYS_LIFE_MS;
    if (age_s > 0)
        life_s -= age_s;
    return life_s * 1000 < GW_KEYS_LIFE_MIN_MS ? GW_KEYS_LIFE_MIN_MS : life_s * 1000;
}

static int read_document(gw_arena *arena, aigw_slice json, aigw_slice issuer, bool http_ok,
                         char **out, aigw_error *err)
{
    static const gw_json_limits limits = {.max_depth = 16, .max_nodes = 8192};
    gw_json_doc doc;
    int code = gw_json_parse(arena, json, &limits, &doc, err);

    if (code == AIGW_E_NOMEM)
        return code;
    if (code != AIGW_OK)
        return gw_fail(err, AIGW_E_PARSE, "bad_discovery", "the document is not sound JSON");
    aigw_slice name = gw_json_text(arena, &doc, gw_json_get(&doc, 0, "issuer"));
    aigw_slice uri = gw_json_text(arena, &doc, gw_json_get(&doc, 0, "jwks_uri"));
    if (!name.data || !uri.data || memchr(uri.data, 0, uri.len))
        return gw_fail(err, AIGW_E_PARSE, "bad_discovery", "issuer or jwks_uri is no string");
    if (!gw_eq(name, issuer))
        return gw_fail(err, AIGW_E_PARSE, "wrong_issuer", "the document is another issuer's");
    if (!gw_starts_nocase(uri, GW_S("https://")) &&
        !(http_ok && gw_starts_nocase(uri, GW_S("http://"))))
        return gw_fail(err, AIGW_E_PARSE, "bad_discovery", "jwks_uri is not https");
    *out = gw_strdup(uri);
    return *out ? AIGW_OK : gw_fail_nomem(err);
}

int gw_keys_discovered(aigw_slice json, aigw_slice issuer, bool http_ok, char **out,
                       aigw_error *err)
{
    gw_arena *arena = gw_arena_new(ARENA_BYTES);

    if (!arena)
        return gw_fail_nomem(err);
    int code = read_document(arena, json, issuer, http_ok, out, err);
    gw_arena_free(arena);
    return code;
}
