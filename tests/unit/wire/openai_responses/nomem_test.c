/* Every allocation of the codec fails once: an outcome each time, never a crash or a leak. */
#include "unit/wire/openai_responses/help.h"

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

#define EV(rest) "data: {\"type\":\"response." rest "}\n\n"

static const char stream[] = EV("created\",\"response\":{\"id\":\"resp_1\",\"model\":\"m\"}") EV(
    "output_item.added\",\"output_index\":0,\"item\":{\"type\":\"reasoning\"}")
    EV("reasoning_summary_text.delta\",\"output_index\":0,\"summary_index\":0,\"delta\":\"t\"") EV(
        "output_item.done\",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"rs_1\","
        "\"encrypted_content\":\"gAAA\"}") EV("output_text.delta\",\"output_index\":1,\"content_"
                                              "index\":0,\"delta\":\"x\",\"logprobs\":[{"
                                              "\"token\":\"x\",\"logprob\":-1}]")
        EV("output_text.annotation.added\",\"output_index\":1,\"content_index\":0,\"annotation\":{"
           "\"type\":\"url_citation\",\"url\":\"u\",\"title\":\"t\",\"start_index\":0,\"end_"
           "index\":1}") EV("output_item.added\",\"output_index\":2,\"item\":{\"type\":\"function_"
                            "call\",\"call_id\":"
                            "\"c1\",\"name\":\"f\"}")
            EV("output_item.added\",\"output_index\":3,\"item\":{\"type\":\"custom_tool_call\","
               "\"call_id\":"
               "\"c2\",\"name\":\"g\"}")
                EV("custom_tool_call_input.delta\",\"output_index\":3,\"delta\":\"free\"")
                    EV("output_item.done\",\"output_index\":4,\"item\":{\"type\":\"web_search_"
                       "call\",\"id\":\"w\"}") EV("completed\",\"response\":{\"status\":"
                                                  "\"completed\",\"output\":[],\"usage\":{"
                                                  "\"input_tokens\":1}}");

typedef struct ends {
    void *writer;
    gw_buf out;
} ends;

static int write_it(void *user, const gw_event *ev)
{
    ends *e = user;
    return RESPONSES->writer_event(e->writer, ev, &e->out);
}

static int read_and_write(void)
{
    gw_answer_options options = kit_options();
    ends e = {.writer = calloc(1, RESPONSES->writer_size)};
    void *reader = calloc(1, RESPONSES->reader_size);
    gw_event_sink sink = {write_it, &e};
    gw_buf_init(&e.out, 1 << 20);
    int rc = RESPONSES->writer_init(e.writer, &options);
    if (rc == AIGW_OK)
        rc = RESPONSES->reader_init(reader, 1 << 16);
    for (size_t i = 0; i < sizeof(stream) - 1 && rc == AIGW_OK; i += 50) {
        size_t n = sizeof(stream) - 1 - i < 50 ? sizeof(stream) - 1 - i : 50;
        rc = RESPONSES->reader_feed(reader, gw_slice(stream + i, n), &sink, NULL);
    }
    if (rc == AIGW_OK)
        rc = RESPONSES->reader_end(reader, &sink, NULL);
    RESPONSES->reader_free(reader);
    RESPONSES->writer_free(e.writer);
    gw_buf_free(&e.out);
    free(reader);
    free(e.writer);
    return rc;
}

static void streams_survive(void **state)
{
    (void)state;
    long failures = 0;
    for (long n = 0; n < 2000; n++) {
        countdown = n;
        int rc = read_and_write();
        countdown = -1;
        if (rc == AIGW_OK)
            break;
        failures++;
        assert_true(rc == AIGW_E_NOMEM || rc == AIGW_E_LIMIT || rc == AIGW_E_UPSTREAM);
    }
    assert_true(failures > 10 && failures < 2000);
}

static const char request[] =
    "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
    "\"t\"},{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,QU J\"}]},{\"type\":"
    "\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"text\":\"a\"},{\"text\":\"b\"}],"
    "\"encrypted_content\":\"gAAA\"},{\"type\":\"function_call\",\"call_id\":\"c\\u0064\",\"name\":"
    "\"f\",\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"cd\",\"output\":"
    "\"x\"}],\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}"
    "]"
    ",\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},\"user\":\"u\"}";

static const char answer_text[] =
    "{\"id\":\"resp_1\",\"model\":\"m\",\"status\":\"completed\",\"output\":[{\"type\":"
    "\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"text\":\"a\"},{\"text\":\"b\"}],"
    "\"encrypted_content\":\"gAAA\"},{\"type\":\"message\",\"content\":[{\"type\":\"output_text\","
    "\"text\":\"x\",\"annotations\":[{\"type\":\"file_path\"}],\"logprobs\":[{\"token\":\"x\"}]}]}]"
    "}";

/* Arenas of every size: each ends in a refusal or in the same bytes. */
static void same_or_refused(const gw_wire *to, bool answer)
{
    kit full = kit_new();
    const char *whole = NULL;
    if (answer)
        kit_answer(&full, RESPONSES, to, aigw_slice_of(answer_text), NULL);
    else
        kit_request(&full, RESPONSES, to, aigw_slice_of(request));
    assert_int_equal(full.rc, AIGW_OK);
    whole = kit_text(&full);
    size_t same = 0, refused = 0;
    for (size_t size = 256; size < 65536; size += 64) {
        kit k = {.arena = gw_arena_new(size)};
        k.notes.arena = k.arena;
        gw_buf_init(&k.out, KIT_OUT);
        int rc = AIGW_E_NOMEM;
        gw_json_doc doc;
        if (answer)
            rc = kit_answer(&k, RESPONSES, to, aigw_slice_of(answer_text), NULL);
        else if (!answer && gw_arena_alloc(k.arena, sizeof(doc)) != NULL)
            rc = gw_json_parse(k.arena, aigw_slice_of(request), NULL, &doc, NULL);
        if (!answer && rc == AIGW_OK) {
            gw_chat_request r;
            gw_write_options options = {.default_max_tokens = 1000};
            rc = RESPONSES->read_request(k.arena, &doc, &r, NULL);
            if (rc == AIGW_OK)
                rc = to->write_request(k.arena, &r, &options, &k.out, &k.notes, NULL);
        }
        assert_true(rc == AIGW_OK || rc == AIGW_E_NOMEM || rc == AIGW_E_LIMIT);
        if (rc == AIGW_OK)
            assert_true(gw_eq(gw_buf_slice(&k.out), aigw_slice_of(whole)));
        same += rc == AIGW_OK;
        refused += rc != AIGW_OK;
        kit_free(&k);
    }
    assert_true(same > 0 && refused > 0);
    kit_free(&full);
}

static void requests_survive(void **state)
{
    (void)state;
    same_or_refused(CHAT, false);
    same_or_refused(RESPONSES, false);
}

static void answers_survive(void **state)
{
    (void)state;
    same_or_refused(RESPONSES, true);
}

int main(void)
{
    static const aigw_allocator allocator = {counted_realloc, counted_free, NULL};
    aigw_set_allocator(&allocator);
    const struct CMUnitTest tests[] = {cmocka_unit_test(streams_survive),
                                       cmocka_unit_test(requests_survive),
                                       cmocka_unit_test(answers_survive)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
