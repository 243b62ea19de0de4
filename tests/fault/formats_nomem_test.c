/* Every dialect from every format, whole and streamed, with each allocation failing. The texts of all are
 * written by the codecs from one request and one answer. */
#include "chat/fold.h"
#include "fault/nomem.h"
#include "unit/gateway/samples.h"

enum { FORMATS = 5, ROOM = 1 << 20 };

#define CONFIG                                                                                     \
    "auth: {jwt: {enabled: false}}\n"                                                              \
    "providers:\n"                                                                                 \
    "  - {name: o, type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1, "        \
    "max_retries: 0, formats: [openai-chat]}\n"                                                    \
    "  - {name: r, type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1, "        \
    "max_retries: 0, formats: [openai-responses]}\n"                                               \
    "  - {name: a, type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2, "        \
    "max_retries: 0}\n"                                                                            \
    "  - {name: g, type: gemini, base_url: 'http://127.0.0.1:9', api_key: up-secret-3, "           \
    "max_retries: 0}\n"                                                                            \
    "  - {name: b, type: bedrock, base_url: 'http://127.0.0.1:9', region: eu-west-1, "             \
    "max_retries: 0, auth: {aws: {access_key_id: A, secret_access_key: s, session_token: t}}}\n"

static const struct {
    const gw_wire *wire;
    const char *model, *path, *stream_path, *type;
} formats[FORMATS] = {
    {&gw_wire_openai_chat, "o/m", OPENAI_PATH, OPENAI_PATH, SSE},
    {&gw_wire_anthropic, "a/m", ANTHROPIC_PATH, ANTHROPIC_PATH, SSE},
    {&gw_wire_openai_responses, "r/m", "/v1/responses", "/v1/responses", SSE},
    {&gw_wire_gemini, "g/m", "/v1beta/models/%s:generateContent",
     "/v1beta/models/%s:streamGenerateContent", SSE},
    {&gw_wire_bedrock, "b/m", "/model/%s/converse", "/model/%s/converse-stream",
     "application/vnd.amazon.eventstream"},
};

#define RICH_ASK                                                                                   \
    "{\"model\":\"m\",\"max_tokens\":2000,\"system\":[{\"type\":\"text\",\"text\":\"s\"}],"        \
    "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\","      \
    "\"properties\":{\"a\":{\"type\":\"integer\"}}}}],\"messages\":["                              \
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Look\"},{\"type\":\"image\","   \
    "\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]},"  \
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"so\"},{\"type\":"          \
    "\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\":1}}]},"                            \
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","            \
    "\"content\":\"r\"}]}]}"
#define RICH_ANSWER                                                                                \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":["  \
    "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"U0lH\"},"                          \
    "{\"type\":\"text\",\"text\":\"Hello\"},{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"f\","  \
    "\"input\":{\"a\":2}}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,"                   \
    "\"usage\":{\"input_tokens\":9,\"output_tokens\":3}}"

typedef struct texts {
    gw_buf ask[FORMATS], ask_stream[FORMATS], answer[FORMATS], stream[FORMATS];
} texts;

typedef struct sending {
    const gw_wire *wire;
    void *writer;
    gw_buf *out;
} sending;

static int send_event(void *user, const gw_event *event)
{
    sending *s = user;
    return s->wire->writer_event(s->writer, event, s->out);
}

static void write_asks(gw_arena *arena, texts *t)
{
    gw_json_doc doc;
    gw_chat_request request;
    gw_notes notes = {.arena = arena};
    assert_int_equal(gw_json_parse(arena, GW_S(RICH_ASK), NULL, &doc, NULL), AIGW_OK);
    assert_int_equal(gw_wire_anthropic.read_request(arena, &doc, &request, NULL), AIGW_OK);
    for (int i = 0; i < FORMATS; i++) {
        /* Their own name of a model, which the gateway routes by. */
        gw_write_options options = {.default_max_tokens = 100};
        for (int stream = 0; stream < 2; stream++) {
            gw_buf *out = stream ? &t->ask_stream[i] : &t->ask[i];
            request.stream = stream;
            options.model = GW_S("MODEL");
            gw_buf_init(out, ROOM);
            assert_int_equal(
                formats[i].wire->write_request(arena, &request, &options, out, &notes, NULL),
                AIGW_OK);
            gw_buf_putc(out, '\0');
        }
    }
}

static void write_answers(gw_arena *arena, texts *t)
{
    gw_json_doc doc;
    gw_answer answer;
    gw_answer_options options = {.id_seed = GW_S("00"), .include_usage = true};
    gw_fold *fold = gw_fold_new(arena);
    gw_event_sink sink = {gw_fold_event, fold};
    assert_int_equal(gw_json_parse(arena, GW_S(RICH_ANSWER), NULL, &doc, NULL), AIGW_OK);
    assert_int_equal(gw_wire_anthropic.read_answer(arena, &doc, &sink, NULL), AIGW_OK);
    assert_int_equal(gw_fold_result(fold, &answer, NULL), AIGW_OK);
    for (int i = 0; i < FORMATS; i++) {
        const gw_wire *wire = formats[i].wire;
        sending s = {wire, calloc(1, wire->writer_size + 1), &t->stream[i]};
        gw_event_sink to = {send_event, &s};
        gw_buf_init(&t->answer[i], ROOM);
        gw_buf_init(&t->stream[i], ROOM);
        assert_int_equal(wire->write_answer(arena, &answer, &options, &t->answer[i], NULL),
                         AIGW_OK);
        assert_int_equal(wire->writer_init(s.writer, &options), AIGW_OK);
        assert_int_equal(gw_unfold(&answer, &to), AIGW_OK);
        wire->writer_free(s.writer);
        free(s.writer);
    }
}

/* The request with the model in it; free(). */
static char *ask_of(const gw_buf *ask, const char *model)
{
    aigw_slice text = gw_buf_slice(ask);
    const char *at = strstr(text.data, "\"MODEL\"");
    char *out = malloc(text.len + 32);
    if (at)
        sprintf(out, "%.*s\"%s\"%s", (int)(at - text.data), text.data, model, at + 7);
    else
        memcpy(out, text.data, text.len);
    return out;
}

static void pair(const texts *t, int client, int provider, bool stream, bool for_good)
{
    char path[200],
        *ask = ask_of(stream ? &t->ask_stream[client] : &t->ask[client], formats[provider].model);
    aigw_slice answer = gw_buf_slice(stream ? &t->stream[provider] : &t->answer[provider]);
    const char *shape = stream ? formats[client].stream_path : formats[client].path;
    const char *hole = strstr(shape, "%s");
    if (hole)
        snprintf(path, sizeof path, "%.*s%s%s", (int)(hole - shape), shape, formats[provider].model,
                 hole + 2);
    else
        snprintf(path, sizeof path, "%s", shape);
    if (stream && formats[client].wire->format == AIGW_FORMAT_GEMINI && provider % 2)
        strcat(path, "?alt=sse");
    const scenario s = {path,
                        ask,
                        {.status = 200,
                         .type = stream ? formats[provider].type : JSON,
                         .body = answer.data,
                         .body_len = answer.len,
                         .piece = 150}};
    nomem_each(CONFIG, &s, 1, for_good);
    free(ask);
}

static void all_pairs(bool for_good)
{
    texts t;
    gw_arena *arena = gw_arena_new((size_t)16 << 20);
    write_asks(arena, &t);
    write_answers(arena, &t);
    for (int client = 0; client < FORMATS; client++) {
        for (int provider = 0; provider < FORMATS; provider++) {
            pair(&t, client, provider, false, for_good);
            pair(&t, client, provider, true, for_good);
        }
    }
    for (int i = 0; i < FORMATS; i++) {
        gw_buf_free(&t.ask[i]);
        gw_buf_free(&t.ask_stream[i]);
        gw_buf_free(&t.answer[i]);
        gw_buf_free(&t.stream[i]);
    }
    gw_arena_free(arena);
}

static void one_allocation_fails(void **state)
{
    (void)state;
    all_pairs(false);
}

static void all_from_the_nth_fail(void **state)
{
    (void)state;
    all_pairs(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_allocation_fails),
        cmocka_unit_test(all_from_the_nth_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
