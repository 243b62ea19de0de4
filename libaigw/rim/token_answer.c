/* Reads the answer of a token endpoint. */
/* Must not know how it came, nor keep a trace of the token in freed memory. */
#include "rim/token_answer.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "gate/jwt.h"

#define MAX_LIFE_S (10LL * 366 * 24 * 3600)

static bool printable(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c == 0x7f)
            return false;
    }
    return text.len > 0;
}

static int64_t life_of(gw_arena *arena, const gw_json_doc *doc)
{
    gw_json_ref ref = gw_json_get(doc, 0, "expires_in");
    int64_t life = 0;

    if (!gw_json_i64(doc, ref, &life) && gw_json_typeof(doc, ref) == GW_JSON_STRING &&
        !gw_parse_i64(gw_json_text(arena, doc, ref), &life))
        life = 0;
    return life < 0 ? 0 : life > MAX_LIFE_S ? MAX_LIFE_S : life;
}

/* Until the exp claim, which nobody has verified: it only decides how long we keep the token. */
static int64_t life_by_claim(gw_arena *arena, aigw_slice token, int64_t now)
{
    aigw_slice part[3], payload;
    gw_jwt_facts facts = {0};

    if (token.len > GW_JWT_MAX_BYTES || !gw_jws_split(token, part) ||
        gw_jws_decode(arena, part[1], &payload, NULL) != AIGW_OK)
        return 0;
    bool known = gw_jwt_read_claims(arena, payload, &facts, NULL) == AIGW_OK && facts.has_expiry;
    gw_wipe((void *)(uintptr_t)payload.data, payload.len);
    int64_t life = known && facts.expires_unix_s > now ? facts.expires_unix_s - now : 0;
    return life > MAX_LIFE_S ? MAX_LIFE_S : life;
}

int gw_token_answer_parse(aigw_slice body, int64_t now_unix_s, gw_secret *token, int64_t *life_s,
                          aigw_error *err)
{
    gw_json_limits limits = {.max_depth = 32, .max_nodes = 10000};
    gw_arena *arena = gw_arena_new((size_t)1 << 20);
    gw_json_doc doc;
    aigw_error detail;
    aigw_slice text = {NULL, 0}, inner = {NULL, 0};
    int code = AIGW_OK;

    if (!arena)
        return gw_fail_nomem(err);
    if (gw_json_parse(arena, body, &limits, &doc, &detail) != AIGW_OK) {
        code = gw_fail(err, AIGW_E_PARSE, "token_answer",
                       "the token endpoint's answer is not valid JSON");
    } else if (gw_json_typeof(&doc, 0) == GW_JSON_OBJECT) {
        gw_json_ref ref = gw_json_get(&doc, 0, "access_token");
        inner = gw_json_inner(&doc, ref);
        text = gw_json_text(arena, &doc, ref);
    }
    if (code == AIGW_OK && !printable(text))
        code = gw_fail(err, AIGW_E_PARSE, "token_answer",
                       "the token endpoint's answer has no usable access_token");
    if (code == AIGW_OK && !gw_secret_set(token, text))
        code = gw_fail_nomem(err);
    if (code == AIGW_OK) {
        *life_s = life_of(arena, &doc);
        if (*life_s == 0)
            *life_s = life_by_claim(arena, text, now_unix_s);
    }
    if (text.data &&
        text.data != inner.data) /* an unescaped copy, in the arena's memory: ours to wipe */
        gw_wipe((void *)(uintptr_t)text.data, text.len);
    gw_arena_free(arena);
    return code;
}
