/* The prompt of any JSON body through a guard: nothing but texts changes, and what changes is JSON still.
 * The first byte chooses the route and the guard. */
#include "gateway/guard/run.h"

#include "base/text.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static aigw_guard *guards[2]; /* mask, block */

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void make(void)
{
    static const aigw_slice words[] = {{"a", 1}, {"the", 3}};
    for (int g = 0; g < 2; g++) {
        aigw_guard_rule rules[] = {{.kind = AIGW_GUARD_EMAIL, .action = AIGW_GUARD_MASK},
                                   {.kind = AIGW_GUARD_CARD, .action = AIGW_GUARD_MASK},
                                   {.kind = AIGW_GUARD_PHONE, .action = AIGW_GUARD_MASK},
                                   {.kind = AIGW_GUARD_WORDS,
                                    .action = g ? AIGW_GUARD_BLOCK : AIGW_GUARD_MASK,
                                    .texts = words,
                                    .text_count = 2}};
        check(aigw_guard_new(rules, 4, &guards[g], NULL) == AIGW_OK);
    }
}

/* Node by node: a number may have become a string, and nothing else happens to the shape. */
static void same_shape(const gw_json_doc *a, const gw_json_doc *b)
{
    check(a->node_count == b->node_count);
    for (uint32_t i = 0; i < a->node_count; i++) {
        bool masked = a->nodes[i].type == GW_JSON_NUMBER && b->nodes[i].type == GW_JSON_STRING;
        check(masked || a->nodes[i].type == b->nodes[i].type);
        check(a->nodes[i].key == b->nodes[i].key && a->nodes[i].count == b->nodes[i].count);
    }
}

static void look(gw_arena *arena, const gw_json_doc *doc, unsigned route, const aigw_guard *guard)
{
    gw_guard_reading pass;
    gw_json_doc again;
    gw_buf out;
    gw_buf_init(&out, SIZE_MAX / 2);
    check(gw_guard_pass_begin(&pass, guard, arena, SIZE_MAX / 2) == AIGW_OK);
    int rc = gw_guard_pass_body(&pass, doc, (aigw_waf_route)route, &out);
    bool changed = pass.changed;
    aigw_guard_action found = gw_guard_pass_end(&pass);
    check(rc == AIGW_OK || rc == AIGW_E_NOMEM ||
          (rc == AIGW_E_DENIED && found == AIGW_GUARD_BLOCK));
    if (rc == AIGW_OK && changed) {
        aigw_error err = {0};
        check(found == AIGW_GUARD_MASK);
        rc = gw_json_parse(arena, gw_buf_slice(&out), NULL, &again, &err);
        if (rc == AIGW_OK)
            same_shape(doc, &again);
        else /* two keys have become the same */
            check(rc == AIGW_E_NOMEM || strcmp(err.reason, "duplicate_member") == 0);
    } else if (rc == AIGW_OK) {
        check(gw_buf_len(&out) == 0);
    }
    gw_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gw_json_doc doc;
    if (!guards[0])
        make();
    if (size < 2)
        return 0;
    gw_arena *arena = gw_arena_new((size_t)64 << 20);
    check(arena != NULL);
    aigw_slice text = {(const char *)data + 1, size - 1};
    if (gw_json_parse(arena, text, NULL, &doc, NULL) == AIGW_OK)
        look(arena, &doc, 1 + (data[0] >> 1) % (AIGW_WAF_ROUTES - 1), guards[data[0] & 1]);
    gw_arena_free(arena);
    return 0;
}
