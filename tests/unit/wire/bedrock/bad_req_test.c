/* Converse requests that are none: each a 400 with its pointer. */
#include "unit/wire/bedrock/kit.h"

#define MESSAGES        "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]"
#define CONTENT(blocks) "{\"messages\":[{\"role\":\"user\",\"content\":[" blocks "]}]}"
#define SAID(blocks)    "{\"messages\":[{\"role\":\"assistant\",\"content\":[" blocks "]}]}"

static void malformed(void **state)
{
    static const struct {
        const char *json, *pointer;
    } cases[] = {
        {"[]", ""},
        {"{}", "/messages"},
        {"{\"messages\":{}}", "/messages"},
        {"{\"messages\":[]}", "/messages"},
        {"{\"messages\":[1]}", "/messages/0"},
        {"{\"messages\":[{\"content\":[]}]}", "/messages/0/role"},

        {"{\"messages\":[{\"role\":\"user\"}]}", "/messages/0/content"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "/messages/0/content"},
        {CONTENT("1"), "/messages/0/content/0"},
        {CONTENT("{}"), "/messages/0/content/0"},
        {CONTENT("{\"text\":\"a\",\"image\":{}}"), "/messages/0/content/0"},
        {CONTENT("{\"text\":1}"), "/messages/0/content/0/text"},
        {CONTENT("{\"image\":{\"source\":{\"bytes\":\"\"}}}"),
         "/messages/0/content/0/image/format"},

        {CONTENT("{\"image\":{\"format\":\"png\"}}"), "/messages/0/content/0/image/source"},
        {CONTENT("{\"image\":{\"format\":\"png\",\"source\":{}}}"),
         "/messages/0/content/0/image/source"},
        {CONTENT("{\"image\":{\"format\":\"png\",\"source\":{\"s3Location\":{}}}}"),
         "/messages/0/content/0/image/source/s3Location/uri"},
        {CONTENT("{\"document\":{\"format\":\"pdf\",\"source\":{\"bytes\":\"AAAA\"}}}"),
         "/messages/0/content/0/document/name"},
        {CONTENT("{\"toolUse\":{}}"), "/messages/0/content/0"},
        {CONTENT("{\"toolResult\":{\"toolUseId\":\"x\",\"content\":[]}}"), "/messages/0/content/0"},
        {CONTENT("{\"toolResult\":{\"content\":[]}}"),
         "/messages/0/content/0/toolResult/toolUseId"},

        {CONTENT("{\"cachePoint\":{}}"), "/messages/0/content/0/cachePoint/type"},
        {CONTENT("{\"text\":\"a\"},{\"cachePoint\":{}}"), "/messages/0/content/1/cachePoint/type"},

        {SAID("{\"toolUse\":{\"name\":\"f\",\"input\":{}}}"),
         "/messages/0/content/0/toolUse/toolUseId"},
        {SAID("{\"toolUse\":{\"toolUseId\":\"x\",\"name\":\"f\",\"input\":\"{}\"}}"),
         "/messages/0/content/0/toolUse/input"},
        {SAID("{\"reasoningContent\":{}}"), "/messages/0/content/0/reasoningContent"},
        {SAID("{\"reasoningContent\":{\"reasoningText\":{}}}"),
         "/messages/0/content/0/reasoningContent/reasoningText/text"},
        {"{" MESSAGES ",\"system\":\"a\"}", "/system"},
        {"{" MESSAGES ",\"system\":[{\"image\":{}}]}", "/system/0"},
        {"{" MESSAGES ",\"inferenceConfig\":1}", "/inferenceConfig"},
        {"{" MESSAGES ",\"inferenceConfig\":{\"maxTokens\":0}}", "/inferenceConfig/maxTokens"},
        {"{" MESSAGES ",\"inferenceConfig\":{\"maxTokens\":1e99}}", "/inferenceConfig/maxTokens"},
        {"{" MESSAGES ",\"inferenceConfig\":{\"temperature\":\"1\"}}",
         "/inferenceConfig/temperature"},
        {"{" MESSAGES ",\"inferenceConfig\":{\"stopSequences\":[1]}}",
         "/inferenceConfig/stopSequences/0"},
        {"{" MESSAGES ",\"toolConfig\":{}}", "/toolConfig/tools"},
        {"{" MESSAGES ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\"}}]}}",
         "/toolConfig/tools/0/toolSpec/inputSchema"},

        {"{" MESSAGES ",\"requestMetadata\":{\"a\":1}}", "/requestMetadata/a"},
        {"{" MESSAGES ",\"serviceTier\":{}}", "/serviceTier/type"},

        {"{" MESSAGES ",\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{"
         "\"jsonSchema\":{\"schema\":\"{\"}}}}}",
         "/outputConfig/textFormat/structure/jsonSchema/schema"},
        {"{" MESSAGES ",\"additionalModelRequestFields\":[]}", "/additionalModelRequestFields"},
    };
    /* Perhaps of the vendor's future: a provider of its own may know it. */
    static const struct {
        const char *json, *pointer;
    } unknown[] = {
        {"{\"messages\":[{\"role\":\"tool\",\"content\":[]}]}", "/messages/0/role"},
        {CONTENT("{\"image\":{\"format\":\"tiff\",\"source\":{\"bytes\":\"\"}}}"),
         "/messages/0/content/0/image/format"},
        {CONTENT("{\"toolResult\":{\"toolUseId\":\"x\",\"status\":\"odd\",\"content\":[]}}"),
         "/messages/0/content/0/toolResult/status"},
        {CONTENT("{\"text\":\"a\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"2h\"}}"),
         "/messages/0/content/1/cachePoint/ttl"},
        {"{" MESSAGES ",\"toolConfig\":{\"tools\":[],\"toolChoice\":{\"none\":{}}}}",
         "/toolConfig/toolChoice"},
        {"{" MESSAGES ",\"outputConfig\":{\"effort\":\"much\"}}", "/outputConfig/effort"},
    };
    kit k;
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gw_chat_request r;
        kit_parse(&k, aigw_slice_of(cases[i].json));
        int rc = gw_wire_bedrock.read_request(k.arena, &k.doc, &r, &k.err);
        if (rc != AIGW_E_PARSE || strcmp(k.err.pointer, cases[i].pointer) != 0)
            fail_msg("%d at %s: %s", rc, k.err.pointer, cases[i].json);
        assert_int_equal(k.err.http_status, 400);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        gw_chat_request r;
        kit_parse(&k, aigw_slice_of(unknown[i].json));
        int rc = gw_wire_bedrock.read_request(k.arena, &k.doc, &r, &k.err);
        if (rc != AIGW_E_UNSUPPORTED || strcmp(k.err.pointer, unknown[i].pointer) != 0)
            fail_msg("%d at %s: %s", rc, k.err.pointer, unknown[i].json);
    }
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(malformed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
