/* Every allocation of the codec fails once: an outcome each time, never a crash or a leak. */
#include "unit/wire/gemini/kit.h"

static long countdown = -1; /* allocations until all fail; negative: none fails */

static void *counted_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    if (countdown == 0)
        return NULL;
    if (countdown > 0)
        countdown--;
    return realloc(ptr, bytes);
}

static void counted_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static const char stream[] =
    "data: "
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\",\"thought\":true},{\"text\":\"x\","
    "\"thoughtSignature\":\"s\"}]},\"logprobsResult\":{\"chosenCandidates\":[{\"token\":\"x\"}]}},{"
    "\"index\":1,\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}]"
    "}}],"
    "\"responseId\":\"R\"}\r\n\r\n"
    "data: "
    "{\"candidates\":[{\"index\":1,\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":[{"
    "\"jsonPath\":\"$.a[0]\",\"stringValue\":\"v\"}]}}]},\"finishReason\":\"STOP\"},{"
    "\"finishReason\":"
    "\"SAFETY\",\"finishMessage\":\"m\",\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{"
    "\"uri\":"
    "\"u\"}}]}}],\"usageMetadata\":{\"promptTokenCount\":1}}\r\n\r\n";

typedef struct ends {
    void *writer;
    gw_buf out;
} ends;

static int write_it(void *user, const gw_event *ev)
{
    ends *e = user;
    return GEM->writer_event(e->writer, ev, &e->out);
}

static int read_and_write(void)
{
    gw_answer_options options = {.include_usage = true};
    ends e = {.writer = calloc(1, GEM->writer_size)};
    void *reader = calloc(1, GEM->reader_size);
    gw_event_sink sink = {write_it, &e};
    gw_buf_init(&e.out, 1 << 20);
    int rc = GEM->writer_init(e.writer, &options);
    if (rc == AIGW_OK)
        rc = GEM->reader_init(reader, 1 << 16);
    for (size_t i = 0; i < sizeof stream - 1 && rc == AIGW_OK; i += 50) {
        size_t n = sizeof stream - 1 - i < 50 ? sizeof stream - 1 - i : 50;
        rc = GEM->reader_feed(reader, gw_slice(stream + i, n), &sink, NULL);
    }
    if (rc == AIGW_OK)
        rc = GEM->reader_end(reader, &sink, NULL);
    GEM->reader_free(reader);
    GEM->writer_free(e.writer);
    gw_buf_free(&e.out);
    free(reader);
    free(e.writer);
    return rc;
}

static void streams_survive(void **state)
{
    (void)state;
    long failures = 0;
    for (long n = 0; n < 1000; n++) {
        countdown = n;
        int rc = read_and_write();
        countdown = -1;
        if (rc == AIGW_OK)
            break;
        failures++;
        assert_true(rc == AIGW_E_NOMEM || rc == AIGW_E_LIMIT || rc == AIGW_E_UPSTREAM);
    }
    assert_true(failures > 5 && failures < 1000);
}

static const char request[] =
    "{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[{\"parts\":[{\"text\":"
    "\"t\"},{"
    "\"inlineData\":{\"mimeType\":\"text/"
    "plain\",\"data\":\"aGk\"}}]},{\"role\":\"model\",\"parts\":[{"
    "\"text\":\"a\",\"thought\":true},{\"text\":\"b\",\"thought\":true,\"thoughtSignature\":"
    "\"YWlndzEyc1NJRw==\"},{\"functionCall\":{\"name\":\"f\"}}]},{\"parts\":[{\"functionResponse\":"
    "{"
    "\"name\":\"f\",\"response\":{\"a\":1}}},{\"text\":\"u\"}]}],\"tools\":[{"
    "\"functionDeclarations\":[{"
    "\"name\":\"f\",\"parameters\":{\"type\":\"OBJECT\"}}]},{\"googleSearch\":{},\"urlContext\":{}}"
    "],"
    "\"generationConfig\":{\"stopSequences\":[\"e\"],\"responseModalities\":[\"TEXT\"],"
    "\"responseSchema\":{\"type\":\"STRING\"}}}";

/* Arenas of every size: each ends in a refusal or in the same bytes. */
static void requests_survive(void **state)
{
    (void)state;
    bool whole = false;
    for (size_t size = 4096; size < 131072; size += 64) {
        gw_arena *arena = gw_arena_new(size);
        gw_json_doc doc;
        gw_chat_request r;
        gw_write_options options = {.model = GW_S("m")};
        gw_notes notes = {.arena = arena};
        gw_patch patches[GW_MEND_MAX];
        size_t count = 0;
        gw_buf out;
        gw_buf_init(&out, 1 << 16);
        int rc = gw_json_parse(arena, aigw_slice_of(request), NULL, &doc, NULL);
        if (rc == AIGW_OK)
            rc = GEM->read_request(arena, &doc, &r, NULL);
        if (rc == AIGW_OK)
            rc = GEM->write_request(arena, &r, &options, &out, &notes, NULL);
        if (rc == AIGW_OK)
            rc = GEM->mend_request(arena, &doc, &options, patches, &count);
        assert_true(rc == AIGW_OK || rc == AIGW_E_NOMEM || rc == AIGW_E_LIMIT);
        whole = whole || rc == AIGW_OK;
        gw_buf_free(&out);
        gw_arena_free(arena);
    }
    assert_true(whole);
}

int main(void)
{
    static const aigw_allocator allocator = {counted_realloc, counted_free, NULL};
    aigw_set_allocator(&allocator);
    const struct CMUnitTest tests[] = {cmocka_unit_test(streams_survive),
                                       cmocka_unit_test(requests_survive)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
