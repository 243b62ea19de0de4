/* Every dialect at its paths: whole, streamed, in error; models from the path; keys in the URL. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define CONFIG                                                                                     \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1}\n"                \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2}\n"                \
    "  - {type: gemini, base_url: 'http://127.0.0.1:9', api_key: up-secret-3}\n"                   \
    "  - {type: azure, base_url: 'http://127.0.0.1:9', api_key: k, api_version: '2024-10-21'}\n"   \
    "  - {type: bedrock, base_url: 'http://127.0.0.1:9', region: us-east-1, api_key: k}\n"         \
    "  - {type: echo}\n"                                                                           \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: 'x/o', targets: [{provider: openai, model: gpt-real}]}\n"                          \
    "  - {name: a, targets: [{provider: anthropic}]}\n"                                            \
    "  - {name: g, targets: [{provider: gemini, model: gemini-real}]}\n"                           \
    "  - {name: az, targets: [{provider: azure, model: dep}]}\n"                                   \
    "  - {name: b, targets: [{provider: bedrock, model: 'anthropic.claude-v1:0'}]}\n"              \
    "  - {name: e, targets: [{provider: echo}]}\n"

#define R_ASK(m)        "{\"model\":\"" m "\",\"input\":\"Hi\"}"
#define R_ASK_STREAM(m) "{\"model\":\"" m "\",\"input\":\"Hi\",\"stream\":true}"
#define G_ASK           "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hi\"}]}]}"
#define B_ASK           "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]}"

#define G_CHUNK(text, rest)                                                                        \
    "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"" text                              \
    "\"}],\"role\": \"model\"}" rest                                                               \
    ",\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 9,\"candidatesTokenCount\": 3,"     \
    "\"totalTokenCount\": 12},\"modelVersion\": \"gemini-real\",\"odd\" : 1}"
#define G_1      G_CHUNK("Hel", "")
#define G_2      G_CHUNK("lo \\u00e9", ",\"finishReason\": \"STOP\"")
#define G_STREAM "data: " G_1 "\r\n\r\ndata: " G_2 "\r\n\r\n"

/* -- one request in each dialect -- */

typedef struct client {
    const char *target, *stream_target, *array_target, *ask, *ask_stream;
    const char *type;  /* of its streams */
    const char *end;   /* what its streams end with when they are whole */
    const char *error; /* what its error events hold */
} client;

static const client clients[] = {
    {"/v1/chat/completions", "/v1/chat/completions", NULL, ASK("%"), ASK_STREAM("%"),
     "text/event-stream; charset=utf-8", "data: [DONE]\n\n", "data: {\"error\":{"},
    {"/v1/messages", "/v1/messages", NULL, ASK_A("%"), ASK_A_STREAM("%"),
     "text/event-stream; charset=utf-8", "data: {\"type\":\"message_stop\"}\n\n",
     "event: error\ndata: {\"type\":\"error\""},
    {"/v1/responses", "/v1/responses", NULL, R_ASK("%"), R_ASK_STREAM("%"), NULL, NULL,
     "\"error\""},
    {"/v1beta/models/%:generateContent", "/v1beta/models/%:streamGenerateContent?alt=sse",
     "/v1/models/%:streamGenerateContent", G_ASK, G_ASK, NULL, NULL, "{\"error\":{"},
    {"/model/%/converse", NULL, NULL, B_ASK, B_ASK, NULL, NULL, NULL},
};

enum { CLIENTS = sizeof clients / sizeof *clients };

static const char *with(const char *text, const char *model)
{
    static char ring[4][2048];
    static unsigned next;
    char *out = ring[next++ % 4], *at = out;
    for (; *text; text++) {
        if (*text == '%')
            at += sprintf(at, "%s", model);
        else
            *at++ = *text;
    }
    *at = '\0';
    return out;
}

static const struct {
    const char *model, *path, *stream_path;
    fake_answer whole, stream;
} providers[] = {
    {"o",
     "/v1/chat/completions",
     "/v1/chat/completions",
     {.status = 200, .type = JSON, .body = O_ANSWER},
     {.status = 200, .type = SSE, .body = O_STREAM}},
    {"a",
     "/v1/messages",
     "/v1/messages",
     {.status = 200, .type = JSON, .body = A_ANSWER},
     {.status = 200, .type = SSE, .body = A_STREAM}},
    {"g",
     "/v1beta/models/gemini-real:generateContent",
     "/v1beta/models/gemini-real:streamGenerateContent?alt=sse",
     {.status = 200, .type = JSON, .body = G_CHUNK("Hello", ",\"finishReason\": \"STOP\"")},
     {.status = 200, .type = SSE, .body = G_STREAM}},
};

static void whole_answers_in_every_dialect(void **state)
{
    (void)state;
    for (size_t c = 0; c < CLIENTS; c++) {
        for (size_t p = 0; p < 3; p++) {
            fake *f = fake_new(CONFIG, &providers[p].whole, 1);
            fake_result r = fake_call(f, with(clients[c].target, providers[p].model),
                                      with(clients[c].ask, providers[p].model));
            if (r.status != 200)
                fail_msg("%s from %s: %s", clients[c].target, providers[p].model, r.body);
            assert_has(r.body, "Hello");
            assert_string_equal(f->paths[0], providers[p].path);
            assert_int_equal(r.usage.input_tokens, 9);
            assert_int_equal(r.usage.output_tokens, 3);
            assert_has_not(r.body, "up-secret");
            free(r.body);
            fake_free(f);
        }
    }
}

static void streams_in_every_dialect(void **state)
{
    (void)state;
    for (size_t c = 0; c < CLIENTS; c++) {
        for (size_t p = 0; p < 3 && clients[c].stream_target; p++) {
            fake *f = fake_new(CONFIG, &providers[p].stream, 1);
            aigw_exchange *x = fake_open(f, with(clients[c].stream_target, providers[p].model),
                                         with(clients[c].ask_stream, providers[p].model));
            fake_steps(f);
            aigw_slice type = fake_header(x, "content-type");
            assert_true(gw_starts(type, GW_S("text/event-stream")));
            fake_result r = fake_take(f, x);
            assert_int_equal(r.code, AIGW_END);
            assert_int_equal(r.status, 200);
            assert_true(r.streaming);
            assert_has(r.body, "Hel");
            assert_string_equal(f->paths[0], providers[p].stream_path);
            if (clients[c].end)
                assert_true(gw_ends(aigw_slice_of(r.body), aigw_slice_of(clients[c].end)));
            assert_int_equal(r.usage.input_tokens, 9);
            assert_int_equal(r.usage.output_tokens, 3);
            free(r.body);
            fake_free(f);
        }
    }
}

/* Without alt=sse: one JSON array, from any provider, whole at every split. */
static void a_stream_as_one_array(void **state)
{
    (void)state;
    for (size_t p = 0; p < 3; p++) {
        for (size_t piece = 1; piece < 400; piece = piece * 3 + 1) {
            fake_answer script = providers[p].stream;
            script.piece = piece;
            fake *f = fake_new(CONFIG, &script, 1);
            aigw_exchange *x =
                fake_open(f, with(clients[3].array_target, providers[p].model), G_ASK);
            fake_result r = fake_take(f, x);
            assert_int_equal(r.code, AIGW_END);
            gw_arena *arena = gw_arena_new(1 << 20);
            gw_json_doc doc;
            assert_int_equal(gw_json_parse(arena, aigw_slice_of(r.body), NULL, &doc, NULL),
                             AIGW_OK);
            assert_int_equal(gw_json_typeof(&doc, 0), GW_JSON_ARRAY);
            assert_true(gw_json_count(&doc, 0) >= 2);
            if (p == 2) /* its own events, as they came */
                assert_string_equal(r.body, "[" G_1 ",\r\n" G_2 "]");
            gw_arena_free(arena);
            free(r.body);
            fake_free(f);
        }
    }
    fake *f = fake_new(CONFIG, &providers[2].stream, 1);
    aigw_exchange *x = fake_open(f, "/v1/models/g:streamGenerateContent?alt=json", G_ASK);
    fake_steps(f);
    assert_slice(fake_header(x, "content-type"), "application/json");
    fake_result r = fake_take(f, x);
    free(r.body);
    fake_free(f);
}

/* Bedrock's streams are frames: to its clients from anybody, and from it to anybody's. */
static void frames_go_out(void **state)
{
    (void)state;
    for (size_t p = 0; p < 3; p++) {
        fake *f = fake_new(CONFIG, &providers[p].stream, 1);
        aigw_exchange *x =
            fake_open(f, with("/model/%/converse-stream", providers[p].model), B_ASK);
        gw_buf out;
        gw_buf_init(&out, 1 << 20);
        fake_steps(f);
        assert_slice(fake_header(x, "content-type"), "application/vnd.amazon.eventstream");
        assert_int_equal(fake_finish(f, x, &out), AIGW_END);
        aigw_slice bytes = gw_buf_slice(&out);
        assert_non_null(gw_find(bytes, GW_S("messageStart")));
        assert_non_null(gw_find(bytes, GW_S("messageStop")));
        assert_non_null(gw_find(bytes, GW_S("metadata")));
        size_t frames = 0;
        while (bytes.len >= 4) { /* each says its length first */
            const unsigned char *b = (const unsigned char *)bytes.data;
            size_t n = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
            assert_in_range(n, 16, bytes.len);
            bytes = gw_skip(bytes, n);
            frames++;
        }
        assert_int_equal(bytes.len, 0);
        assert_true(frames >= 4);
        gw_buf_free(&out);
        aigw_exchange_free(x);
        fake_free(f);
    }
}

static void frames_come_in(void **state)
{
    (void)state;
    gw_buf frames;
    gw_buf_init(&frames, 1 << 20);
    fake *f = fake_new(CONFIG, &providers[1].stream, 1);
    aigw_exchange *x = fake_open(f, "/model/a/converse-stream", B_ASK);
    assert_int_equal(fake_finish(f, x, &frames), AIGW_END);
    aigw_exchange_free(x);
    fake_free(f);
    for (size_t c = 0; c < CLIENTS; c++) {
        for (size_t piece = 0; piece < 40; piece = piece * 3 + 1) {
            const fake_answer script = {.status = 200,
                                        .type = "application/vnd.amazon.eventstream",
                                        .body = frames.data + frames.start,
                                        .body_len = gw_buf_len(&frames),
                                        .piece = piece};
            bool bedrock = !clients[c].stream_target;
            f = fake_new(CONFIG, &script, 1);
            x = fake_open(
                f, bedrock ? "/model/b/converse-stream" : with(clients[c].stream_target, "b"),
                with(clients[c].ask_stream, "b"));
            fake_result r = fake_take(f, x);
            assert_int_equal(r.code, AIGW_END);
            assert_int_equal(r.usage.input_tokens, 9);
            assert_int_equal(r.usage.output_tokens, 3);
            if (!bedrock)
                assert_has(r.body, "Hel");
            assert_string_equal(f->paths[0], "/model/anthropic.claude-v1%3A0/converse-stream");
            free(r.body);
            fake_free(f);
        }
    }
    gw_buf_free(&frames);
}

/* An upstream that answers with an array although events were asked for. */
static void an_array_from_upstream(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 200, .type = JSON, .body = "[" G_1 "\n,\r\n" G_2 "\n]\n"}};
    for (size_t c = 0; c < 4; c++) {
        fake *f = fake_new(CONFIG, script, 1);
        fake_result r =
            fake_call(f, with(clients[c].stream_target, "g"), with(clients[c].ask_stream, "g"));
        assert_int_equal(r.code, AIGW_END);
        assert_has(r.body, "Hel");
        assert_int_equal(r.usage.input_tokens, 9);
        free(r.body);
        fake_free(f);
    }
}

static void broken_streams_end_in_the_dialects_error(void **state)
{
    (void)state;
    const fake_answer cut[] = {
        {.status = 200, .type = SSE, .body = O_FIRST},
        {.status = 200, .type = SSE, .body = A_START A_BLOCK A_TEXT("Hel") A_OVERLOADED},
        {.status = 200, .type = SSE, .body = "data: " G_1 "\r\n\r\n", .failure = GW_HTTP_BROKEN}};
    for (size_t c = 0; c < 4; c++) {
        for (size_t p = 0; p < 3; p++) {
            fake *f = fake_new(CONFIG, &cut[p], 1);
            fake_result r = fake_call(f, with(clients[c].stream_target, providers[p].model),
                                      with(clients[c].ask_stream, providers[p].model));
            assert_int_equal(r.code, AIGW_E_UPSTREAM);
            assert_int_equal(r.status, 200);
            if (!strstr(r.body, clients[c].error))
                fail_msg("%s from %s: %s", clients[c].target, providers[p].model, r.body);
            assert_has_not(r.body, "[DONE]");
            assert_has_not(r.body, "message_stop");
            assert_has_not(r.body, "response.completed");
            free(r.body);
            fake_free(f);
        }
    }
}

static void a_broken_array_holds_its_error(void **state)
{
    (void)state;
    const fake_answer cut[] = {
        {.status = 200, .type = SSE, .body = O_FIRST},
        {.status = 200, .type = SSE, .body = A_START A_BLOCK A_TEXT("Hel") A_OVERLOADED},
        {.status = 200, .type = SSE, .body = "data: " G_1 "\r\n\r\n", .failure = GW_HTTP_BROKEN}};
    for (size_t p = 0; p < 3; p++) {
        fake *f = fake_new(CONFIG, &cut[p], 1);
        fake_result r = fake_call(f, with(clients[3].array_target, providers[p].model), G_ASK);
        assert_int_equal(r.code, AIGW_E_UPSTREAM);
        gw_arena *arena = gw_arena_new(1 << 20);
        gw_json_doc doc;
        if (gw_json_parse(arena, aigw_slice_of(r.body), NULL, &doc, NULL) != AIGW_OK)
            fail_msg("no JSON: %s", r.body);
        uint32_t n = gw_json_count(&doc, 0);
        assert_true(n >= 1);
        assert_int_equal(
            gw_json_typeof(&doc, gw_json_get(&doc, gw_json_at(&doc, 0, n - 1), "error")),
            GW_JSON_OBJECT);
        gw_arena_free(arena);
        free(r.body);
        fake_free(f);
    }
}

static void quiet_streams_get_pings(void **state)
{
    (void)state;
    const fake_answer quiet[] = {
        {.status = 200, .type = SSE, .body = O_FIRST, .hang = true},
        {.status = 200, .type = SSE, .body = A_START A_BLOCK A_TEXT("Hel"), .hang = true},
        {.status = 200, .type = SSE, .body = "data: " G_1 "\r\n\r\n", .hang = true}};
    for (size_t c = 0; c < 5; c++) {
        for (size_t p = 0; p < 3; p++) {
            const client *k = &clients[c < 4 ? c : 3];
            fake *f = fake_new(CONFIG, &quiet[p], 1);
            gw_buf out;
            gw_buf_init(&out, 1 << 20);
            aigw_exchange *x =
                fake_open(f, with(c < 4 ? k->stream_target : k->array_target, providers[p].model),
                          with(k->ask_stream, providers[p].model));
            fake_steps(f);
            assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
            size_t before = gw_buf_len(&out);
            fake_pass(f, GW_PING_MS + 1);
            assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
            if (gw_buf_len(&out) == before)
                fail_msg("no ping at %s from %s", k->target, providers[p].model);
            gw_buf_free(&out);
            aigw_exchange_free(x);
            fake_free(f);
        }
    }
}

/* -- what goes wrong before -- */

static const struct {
    const char *target, *shape;
} shapes[] = {{"/v1/chat/completions", "{\"error\":{\"message\":"},
              {"/v1/embeddings", "{\"error\":{\"message\":"},
              {"/openai/deployments/d/chat/completions", "{\"error\":{\"message\":"},
              {"/v1/messages", "{\"type\":\"error\",\"error\":{\"type\":"},
              {"/v1/messages/count_tokens", "{\"type\":\"error\",\"error\":{\"type\":"},
              {"/v1/responses", "{\"error\":{\"message\":"},
              {"/v1beta/models/g:generateContent", "{\"error\":{\"code\":"},
              {"/v1/models/g:streamGenerateContent", "{\"error\":{\"code\":"},
              {"/v1beta/models/g:countTokens", "{\"error\":{\"code\":"},
              {"/model/m/converse", "\"message\":"}};

static void refusals_have_the_shape_of_the_path(void **state)
{
    (void)state;
    const char *const text[] = {"content-type", "text/plain", NULL};
    const struct {
        const char *method, *body;
        const char *const *fields;
        int status;
    } faults[] = {{"GET", NULL, NULL, 405},  {"DELETE", NULL, NULL, 405},
                  {"POST", "{}", text, 415}, {"POST", "{", NULL, 400},
                  {"POST", "[]", NULL, 400}, {"POST", "{\"a\":1,\"a\":2}", NULL, 400}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (size_t k = 0; k < sizeof faults / sizeof *faults; k++) {
            fake *f = fake_new(CONFIG, NULL, 0);
            aigw_exchange *x =
                fake_ask(f, faults[k].method, shapes[i].target, faults[k].fields, faults[k].body);
            fake_steps(f);
            if (faults[k].status == 405)
                assert_slice(fake_header(x, "allow"), "POST");
            fake_result r = fake_take(f, x);
            assert_int_equal(r.status, faults[k].status);
            assert_has(r.body, shapes[i].shape);
            free(r.body);
            fake_free(f);
        }
    }
}

static void a_key_in_the_url_is_refused(void **state)
{
    (void)state;
    const char *const targets[] = {"/v1beta/models/g:generateContent?key=up-secret-9",
                                   "/v1beta/models/g:generateContent?alt=sse&key=up-secret-9",
                                   "/v1beta/models/g:generateContent?%6bey=up-secret-9",
                                   "/v1beta/models?key=up-secret-9",
                                   "/v1/models?key",
                                   "/v1/chat/completions?key=up-secret-9",
                                   "/v1beta/models/g:generateContent?access_token=up-secret-9"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        fake *f = fake_new(CONFIG, NULL, 0);
        bool models = strstr(targets[i], "models?") != NULL;
        aigw_exchange *x =
            fake_ask(f, models ? "GET" : "POST", targets[i], NULL, models ? NULL : G_ASK);
        fake_steps(f);
        assert_slice(fake_header(x, "www-authenticate"), "Bearer realm=\"aigw\"");
        fake_result r = fake_take(f, x);
        assert_int_equal(r.status, 401);
        assert_has(r.body, "header");
        assert_has_not(r.body, "up-secret-9");
        assert_has_not(f->log, "up-secret-9");
        free(r.body);
        fake_free(f);
    }
}

static void odd_queries_of_gemini_are_refused(void **state)
{
    (void)state;
    const char *const queries[] = {"alt=sse&alt=json", "alt=xml", "alt=sse&alt=sse", "alt=%zz",
                                   "alt=sse%00",       "a=%ff",   "alt=SSE"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char target[128];
        snprintf(target, sizeof target, "/v1beta/models/g:streamGenerateContent?%s", queries[i]);
        fake *f = fake_new(CONFIG, NULL, 0);
        fake_result r = fake_call(f, target, G_ASK);
        if (r.status != 400)
            fail_msg("%s: %d", queries[i], r.status);
        assert_has(r.body, "INVALID_ARGUMENT");
        free(r.body);
        fake_free(f);
    }
}

/* -- the model in the path -- */

static void the_path_names_the_model(void **state)
{
    (void)state;
    const struct {
        const char *target, *body, *sent;
    } cases[] = {
        {"/openai/deployments/o/chat/completions?api-version=2024-10-21",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"x\":1.0}",
         "{\"model\":\"o\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"x\":1.0}"},
        {"/openai/deployments/o/chat/completions",
         "{\"model\":\"other\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
         "{\"model\":\"o\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}"},
        {"/openai/deployments/x%2Fo/chat/completions",
         "{\"model\":5,\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
         "{\"model\":\"gpt-real\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}"},
        {"/openai/deployments/x/o/chat/completions",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
         "{\"model\":\"gpt-real\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}"},
        {"/openai/v1/chat/completions",
         "{\"model\":\"o\", \"messages\":[{\"role\":\"user\",\"content\":\"\"}]}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake *f = fake_new(CONFIG, &providers[0].whole, 1);
        fake_result r = fake_call(f, cases[i].target, cases[i].body);
        assert_int_equal(r.status, 200);
        assert_string_equal(f->bodies[0], cases[i].sent ? cases[i].sent : cases[i].body);
        free(r.body);
        fake_free(f);
    }
}

/* No model in the body, and a provider of another format. */
static void the_path_names_it_for_every_provider(void **state)
{
    (void)state;
    fake *f = fake_new(CONFIG, &providers[1].whole, 1);
    fake_result r = fake_call(f, "/openai/deployments/a/chat/completions",
                              "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
    assert_int_equal(r.status, 200);
    assert_has(f->bodies[0], "\"model\":\"a\"");
    free(r.body);
    fake_free(f);
}

static void gemini_bodies_get_no_model(void **state)
{
    (void)state;
    fake *f = fake_new(CONFIG, &providers[2].whole, 1);
    fake_result r = fake_call(f, "/v1/models/g:generateContent", G_ASK);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, providers[2].whole.body);
    assert_string_equal(f->bodies[0], G_ASK);
    assert_string_equal(f->paths[0], "/v1beta/models/gemini-real:generateContent");
    free(r.body);
    fake_free(f);
}

static void odd_models_in_paths_are_refused(void **state)
{
    (void)state;
    const char *const names[] = {"..",       "%2e%2e",     "a/../b",    "%2e%2e%2fo",
                                 "o%00",     "o%0d%0aX:1", "%ff",       "%",
                                 "a%2f%2fb", "a//b",       "o\\..\\..", "%c0%ae%c0%ae"};
    const char *const paths[] = {"/v1beta/models/%:generateContent", "/model/%/converse",
                                 "/openai/deployments/%/chat/completions",
                                 "/v1/models/%:countTokens", "/v1beta/models/%:embedContent"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
            fake *f = fake_new(CONFIG, NULL, 0);
            fake_result r = fake_call(f, with(paths[p], names[i]), G_ASK);
            assert_int_equal(r.status, 400);
            free(r.body);
            fake_free(f);
        }
    }
    char target[1024] = "/v1beta/models/";
    memset(target + strlen(target), 'm', 300);
    strcpy(target + strlen(target), ":generateContent");
    fake *f = fake_new(CONFIG, NULL, 0);
    fake_result r = fake_call(f, target, G_ASK);
    assert_int_equal(r.status, 400);
    free(r.body);
    fake_free(f);
}

static void unknown_models_are_404(void **state)
{
    (void)state;
    fake *f = fake_new(CONFIG, NULL, 0);
    fake_result r = fake_call(f, "/v1beta/models/nobody:generateContent", G_ASK);
    assert_int_equal(r.status, 404);
    assert_has(r.body, "\"NOT_FOUND\"");
    free(r.body);
    r = fake_call(f, "/v1/responses", R_ASK("nobody"));
    assert_int_equal(r.status, 404);
    assert_has(r.body, "\"model_not_found\"");
    free(r.body);
    fake_free(f);
}

static void echo_answers_every_dialect(void **state)
{
    (void)state;
    for (size_t c = 0; c < CLIENTS; c++) {
        fake *f = fake_new(CONFIG, NULL, 0);
        fake_result r = fake_call(f, with(clients[c].target, "e"), with(clients[c].ask, "e"));
        if (r.status != 200)
            fail_msg("%s: %s", clients[c].target, r.body);
        assert_has(r.body, "Hi");
        free(r.body);
        fake_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answers_in_every_dialect),
        cmocka_unit_test(streams_in_every_dialect),
        cmocka_unit_test(a_stream_as_one_array),
        cmocka_unit_test(frames_go_out),
        cmocka_unit_test(frames_come_in),
        cmocka_unit_test(an_array_from_upstream),
        cmocka_unit_test(broken_streams_end_in_the_dialects_error),
        cmocka_unit_test(a_broken_array_holds_its_error),
        cmocka_unit_test(quiet_streams_get_pings),
        cmocka_unit_test(refusals_have_the_shape_of_the_path),
        cmocka_unit_test(a_key_in_the_url_is_refused),
        cmocka_unit_test(odd_queries_of_gemini_are_refused),
        cmocka_unit_test(the_path_names_the_model),
        cmocka_unit_test(the_path_names_it_for_every_provider),
        cmocka_unit_test(gemini_bodies_get_no_model),
        cmocka_unit_test(odd_models_in_paths_are_refused),
        cmocka_unit_test(unknown_models_are_404),
        cmocka_unit_test(echo_answers_every_dialect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
