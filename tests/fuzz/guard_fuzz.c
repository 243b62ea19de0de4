/* Guardrails: any split gives the same text and verdict; what is flagged comes out as it went in; masked text of a
 * JSON string is one still. The first byte seeds the splits. */
#include "base/json.h"
#include "base/text.h"
#include <aigw/guard.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static aigw_guard *guards[3]; /* mask without lists, mask with them, flag */

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void make(void)
{
    static const aigw_slice words[] = {{"project falcon", 14}, {"c++", 3}};
    static const aigw_slice patterns[] = {{"EMP-[0-9]{2,4}", 14}, {"<[a-c]{1,9}>", 12}, {"x$", 2}};
    for (int g = 0; g < 3; g++) {
        aigw_guard_rule rules[8];
        for (int i = 0; i < 8; i++)
            rules[i] = (aigw_guard_rule){.kind = (aigw_guard_kind)i,
                                         .action = g == 2 ? AIGW_GUARD_FLAG : AIGW_GUARD_MASK};
        rules[6].texts = words;
        rules[6].text_count = 2;
        rules[7].texts = patterns;
        rules[7].text_count = 3;
        check(aigw_guard_new(rules, g == 0 ? 6 : 8, &guards[g], NULL) == AIGW_OK);
    }
}

static int run(const aigw_guard *g, aigw_guard_form form, aigw_slice text, uint32_t seed,
               gw_buf *all, aigw_guard_verdict *verdict)
{
    aigw_guard_stream *s = NULL;
    aigw_slice out;
    size_t at = 0;
    int code = aigw_guard_stream_new(g, form, &s, NULL);
    check(code == AIGW_OK);
    gw_buf_init(all, SIZE_MAX);
    while (at < text.len && code == AIGW_OK) {
        size_t n = text.len - at;
        seed = seed * 1664525u + 1013904223u;
        size_t most = (seed >> 8 & 3) ? 5 : 700, wanted = (seed >> 16) % most + 1;
        n = n < wanted ? n : wanted;
        char *exact = malloc(n); /* so that a sanitizer sees reads too far */
        check(exact != NULL);
        memcpy(exact, text.data + at, n);
        code = aigw_guard_stream_feed(s, gw_slice(exact, n), &out, NULL);
        free(exact);
        if (code == AIGW_OK)
            gw_buf_add(all, out);
        at += n;
    }
    if (code == AIGW_OK)
        code = aigw_guard_stream_end(s, &out, NULL);
    if (code == AIGW_OK)
        gw_buf_add(all, out);
    *verdict = *aigw_guard_stream_verdict(s);
    aigw_guard_stream_free(s);
    return code;
}

static void check_json(aigw_slice inner)
{
    gw_buf quoted;
    gw_json_doc doc;
    gw_json_limits limits = {.lone_surrogates = true};
    gw_buf_init(&quoted, SIZE_MAX);
    gw_buf_putc(&quoted, '"');
    gw_buf_add(&quoted, inner);
    gw_buf_putc(&quoted, '"');
    gw_arena *arena = gw_arena_new(1 << 20);
    if (gw_utf8_valid(inner))
        check(gw_json_parse(arena, gw_buf_slice(&quoted), &limits, &doc, NULL) == AIGW_OK);
    gw_arena_free(arena);
    gw_buf_free(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 16)
        return 0;
    if (!guards[0])
        make();
    aigw_slice text = {(const char *)data + 1, size - 1};
    for (int g = 0; g < 3; g++) {
        for (int form = 0; form < 2; form++) {
            aigw_slice whole = {NULL, 0};
            aigw_guard_verdict v, w;
            int code = aigw_guard_text(guards[g], (aigw_guard_form)form, text, &whole, &v, NULL);
            for (uint32_t i = 0; i < 2; i++) {
                gw_buf all;
                check(run(guards[g], (aigw_guard_form)form, text, data[0] * 4u + i, &all, &w) ==
                      code);
                if (code == AIGW_OK)
                    check(gw_eq(gw_buf_slice(&all), whole) && memcmp(&v, &w, sizeof v) == 0);
                gw_buf_free(&all);
            }
            if (code == AIGW_OK && (g == 2 || v.total == 0))
                check(gw_eq(whole, text));
            if (code == AIGW_OK && form == AIGW_GUARD_JSON && gw_utf8_valid(text))
                check_json(whole);
            check(code == AIGW_OK || (code == AIGW_E_PARSE && form == AIGW_GUARD_JSON));
            aigw_bytes_free(whole);
        }
    }
    return 0;
}
