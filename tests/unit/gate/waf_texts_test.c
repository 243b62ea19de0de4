/* Which texts of a request are prompt, and of what kind. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/text.h"
#include "gate/waf/texts.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct seen {
    char text[4096];
    size_t len;
    int stop_at;
} seen;

static int note(void *user, const gw_json_doc *doc, gw_json_ref at, gw_text_kind kind)
{
    seen *s = user;
    aigw_slice raw = kind == GW_TEXT_NUMBER ? gw_json_raw(doc, at) : gw_json_inner(doc, at);
    s->len += (size_t)snprintf(s->text + s->len, sizeof s->text - s->len, "%c:%.*s|", "pfnk#"[kind],
                               (int)raw.len, raw.data);
    return --s->stop_at == 0 ? AIGW_E_DENIED : AIGW_OK;
}

static int texts_of(const char *json, aigw_waf_route route, int stop_at, seen *out)
{
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_json_doc doc;
    assert_int_equal(gw_json_parse(arena, aigw_slice_of(json), NULL, &doc, NULL), AIGW_OK);
    *out = (seen){.stop_at = stop_at};
    int rc = route == AIGW_WAF_ROUTE_OTHER ? gw_waf_value_texts(&doc, note, out)
                                           : gw_waf_texts(&doc, route, note, out);
    gw_arena_free(arena);
    return rc;
}

#define RUN64 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"

static void every_dialect(void **state)
{
    (void)state;
    static const struct {
        aigw_waf_route route;
        const char *json, *want;
    } rows[] = {
        {AIGW_WAF_ROUTE_CHAT,
         "{\"model\":\"m\",\"user\":\"u\",\"stop\":[\"s\"],\"messages\":[{\"role\":\"user\","
         "\"name\":\"bob\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\","
         "\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}},{\"type\":\"image_url\","
         "\"image_url\":{\"url\":\"https://x/"
         "y\"}}]},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":"
         "\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
         "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r\"}],\"tools\":[{\"type\":"
         "\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":"
         "\"object\",\"maximum\":7,\"title\":\"e\"}}}],\"n\":2}",
         "f:s|f:bob|p:a|p:https://x/y|f:f|n:{}|p:r|f:f|p:d|f:object|p:e|"},
        {AIGW_WAF_ROUTE_MESSAGES,
         "{\"system\":[{\"type\":\"text\",\"text\":\"s\"}],\"metadata\":{\"user_id\":\"u\"},"
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"title\":\"t\","
         "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"" RUN64 "\"}},"
         "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
         "\"data\":\"" RUN64 "\"}}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
         "\"thinking\":\"h\",\"signature\":\"sig\"},{\"type\":\"tool_use\",\"id\":\"i\",\"name\":"
         "\"f\",\"input\":{\"mail\":\"x\",\"n\":[12]}}]},{\"role\":\"user\",\"content\":[{\"type\":"
         "\"tool_result\",\"tool_use_id\":\"i\",\"content\":\"r\"}]}]}",
         "p:s|p:t|p:" RUN64 "|f:h|f:f|k:mail|p:x|k:n|#:12|p:r|"},
        {AIGW_WAF_ROUTE_RESPONSES,
         "{\"instructions\":\"i\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":["
         "{\"type\":\"input_text\",\"text\":\"a\"}]},{\"type\":\"function_call\",\"call_id\":\"c\","
         "\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":"
         "\"c\","
         "\"output\":\"o\"},{\"type\":\"reasoning\",\"id\":\"r\",\"encrypted_content\":\"zzz\","
         "\"summary\":[{\"type\":\"summary_text\",\"text\":\"h\"}]}]}",
         "p:i|p:a|f:f|n:{}|p:o|p:h|"},
        {AIGW_WAF_ROUTE_RESPONSES, "{\"input\":\"a\"}", "p:a|"},
        {AIGW_WAF_ROUTE_GEMINI,
         "{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[{\"role\":\"user\","
         "\"parts\":[{\"text\":\"a\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
         "\"" RUN64 "\"}},{\"functionCall\":{\"name\":\"f\",\"args\":{\"q\":\"x\"}}},"
         "{\"functionResponse\":{\"name\":\"f\",\"response\":{\"r\":\"y\"}},\"thoughtSignature\":"
         "\"zz\"}]}],\"generationConfig\":{\"stopSequences\":[\"z\"]}}",
         "p:s|p:a|f:f|k:q|p:x|f:f|k:r|p:y|f:z|"},
        {AIGW_WAF_ROUTE_BEDROCK,
         "{\"system\":[{\"text\":\"s\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
         "\"a\"},{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"" RUN64 "\"}}}]},{\"role\":"
         "\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"h\","
         "\"signature\":\"sg\"}}},{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"f\",\"input\":{"
         "\"k\":"
         "\"v\"}}}]},{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"i\","
         "\"content\":[{\"text\":\"r\"},{\"json\":{\"j\":\"w\"}}]}}]}],\"toolConfig\":{\"tools\":[{"
         "\"toolSpec\":{\"name\":\"f\",\"description\":\"d\",\"inputSchema\":{\"json\":{}}}}]}}",
         "p:s|p:a|f:h|f:f|k:k|p:v|p:r|k:j|p:w|f:f|p:d|"},
        {AIGW_WAF_ROUTE_BEDROCK,
         "{\"input\":{\"converse\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]"
         "}"
         "]}}}",
         "p:a|"},
        {AIGW_WAF_ROUTE_EMBEDDINGS, "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"user\":\"u\"}",
         "p:a|p:b|"},
        {AIGW_WAF_ROUTE_EMBEDDINGS,
         "{\"requests\":[{\"model\":\"m\",\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}", "p:a|"},
        {AIGW_WAF_ROUTE_EMBEDDINGS, "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"title\":\"t\"}",
         "p:a|p:t|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        seen s;
        assert_int_equal(texts_of(rows[i].json, rows[i].route, 0, &s), AIGW_OK);
        if (strcmp(s.text, rows[i].want) != 0)
            fail_msg("row %zu:\n got %s\nwant %s", i, s.text, rows[i].want);
    }
}

static void a_value(void **state)
{
    (void)state;
    seen s;
    assert_int_equal(texts_of("{\"model\":\"m\",\"x\":[1.5,\"y\",{\"z\":\"\"}],\"id\":true}",
                              AIGW_WAF_ROUTE_OTHER, 0, &s),
                     AIGW_OK);
    assert_string_equal(s.text, "k:model|p:m|k:x|#:1.5|p:y|k:z|k:id|");
}

static void who_has_seen_enough_ends_it(void **state)
{
    (void)state;
    seen s;
    assert_int_equal(texts_of("{\"input\":[\"a\",\"b\",\"c\"]}", AIGW_WAF_ROUTE_EMBEDDINGS, 2, &s),
                     AIGW_E_DENIED);
    assert_string_equal(s.text, "p:a|p:b|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_dialect), cmocka_unit_test(a_value),
                                       cmocka_unit_test(who_has_seen_enough_ends_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
