/*
 * The small pieces whose instructions the bench counts under callgrind: each runs N times the same work.
 * Not a test: it says nothing of right or wrong but that the work was done.
 *
 * Usage: bench_pieces list | bench_pieces NAME N
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "gate/jwt_cache.h"
#include "wire/read.h"
#include "wire/wire.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static char *request_of(size_t size)
{
    const char *head =
        "{\"model\":\"gpt-4o-mini\",\"max_tokens\":256,\"temperature\":0.2,\"messages\":["
        "{\"role\":\"system\",\"content\":\"You are a terse assistant.\"},"
        "{\"role\":\"user\",\"content\":\"";
    const char *line = "Summarise this paragraph: streams, budgets and \\\"quotes\\\" matter.\\n";
    char *text = malloc(size + 256);
    CHECK(text);
    size_t len = strlen(head);
    memcpy(text, head, len + 1);
    while (len + strlen(line) + 4 < size) {
        memcpy(text + len, line, strlen(line) + 1);
        len += strlen(line);
    }
    memcpy(text + len, "\"}]}", 5);
    return text;
}

/* What a same-format call costs before the upstream: read the body strictly, see that it is no malformed
 * request (`from`; NULL: without), replace the model name. */
static void patch(size_t size, const gw_wire *from, long times)
{
    char *body = request_of(size);
    gw_arena *arena = gw_arena_new(64 << 20);
    gw_buf out;
    gw_buf_init(&out, 64 << 20);
    const gw_patch model = {.member = "model", .value = GW_S("\"gpt-4o-mini-2024-07-18\"")};
    for (long i = 0; i < times; i++) {
        gw_json_doc doc;
        gw_arena_reset(arena);
        gw_buf_clear(&out);
        CHECK(gw_json_parse(arena, aigw_slice_of(body), NULL, &doc, NULL) == AIGW_OK);
        gw_chat_request chat;
        CHECK(from == NULL || from->read_request(arena, &doc, &chat, NULL) == AIGW_OK);
        CHECK(gw_patch_body(&doc, &model, 1, &out, NULL) == AIGW_OK);
    }
    gw_buf_free(&out);
    gw_arena_free(arena);
    free(body);
}

static void patch_600(long times)
{
    patch(600, NULL, times);
}

static void patch_256k(long times)
{
    patch(256 << 10, NULL, times);
}

static void read_600(long times)
{
    patch(600, &gw_wire_openai_chat, times);
}

static void read_256k(long times)
{
    patch(256 << 10, &gw_wire_openai_chat, times);
}

/* The base64 of a picture of a megabyte, held to be that. */
static void base64_1m(long times)
{
    size_t len = 1 << 20;
    char *text = malloc(len);
    CHECK(text);
    gw_json_doc doc = {{NULL, 0}, NULL, 0};
    for (size_t i = 0; i < len; i++)
        text[i] = "ABCDwxyz0189+/ab"[i % 16];
    for (long i = 0; i < times; i++) {
        gw_jstr data = {{text, len}};
        CHECK(gw_read_base64(NULL, &doc, 0, &data, NULL) == AIGW_OK);
    }
    free(text);
}

/* A call between two formats before the upstream: read strictly, into the middle, and out of it. */
static void request(size_t size, const gw_wire *from, const gw_wire *to, long times)
{
    char *body = request_of(size);
    gw_arena *arena = gw_arena_new(64 << 20);
    gw_buf out;
    gw_buf_init(&out, 64 << 20);
    const gw_write_options options = {.model = GW_S("claude-sonnet-4-5"),
                                      .default_max_tokens = 4096};
    for (long i = 0; i < times; i++) {
        gw_json_doc doc;
        gw_chat_request chat;
        gw_arena_reset(arena);
        gw_buf_clear(&out);
        gw_notes notes = {.arena = arena};
        CHECK(gw_json_parse(arena, aigw_slice_of(body), NULL, &doc, NULL) == AIGW_OK);
        CHECK(from->read_request(arena, &doc, &chat, NULL) == AIGW_OK);
        CHECK(gw_wire_request(to, arena, &chat, &options, &out, &notes, NULL) == AIGW_OK);
    }
    gw_buf_free(&out);
    gw_arena_free(arena);
    free(body);
}

static void request_600(long times)
{
    request(600, &gw_wire_openai_chat, &gw_wire_anthropic, times);
}

static void request_256k(long times)
{
    request(256 << 10, &gw_wire_openai_chat, &gw_wire_anthropic, times);
}

static void jwt_hit(long times)
{
    gw_jwt_cache *cache = gw_jwt_cache_new(8192);
    char token[860], room[1024];
    memset(token, 'x', sizeof token);
    gw_jwt_facts facts = {.key_id = "kid",
                          .issuer = GW_S("https://gateway.internal"),
                          .subject = GW_S("team-a"),
                          .team = GW_S("a"),
                          .scope = GW_S("https://gateway.internal/invoke"),
                          .has_expiry = true,
                          .expires_unix_s = 4000000000,
                          .not_before_unix_s = -1,
                          .issued_unix_s = 1};
    gw_jwt_cache_put(cache, gw_slice(token, sizeof token), 1, &facts);
    for (long i = 0; i < times; i++)
        CHECK(gw_jwt_cache_get(cache, gw_slice(token, sizeof token), 1, room, sizeof room, &facts));
    gw_jwt_cache_free(cache);
}

struct pipe {
    const gw_wire *to;
    void *writer;
    gw_buf out;
};

static int pass_on(void *user, const gw_event *event)
{
    struct pipe *pipe = user;
    return pipe->to->writer_event(pipe->writer, event, &pipe->out);
}

/* One event of a stream, from upstream bytes to the client's bytes. */
static void translate(const gw_wire *from, const gw_wire *to, const char *opening,
                      const char *event, long times)
{
    gw_answer_options options = {.id_seed = GW_S("00"), .created = 1};
    void *reader = aligned_alloc(16, (from->reader_size + 15) & ~(size_t)15);
    struct pipe pipe = {to, aligned_alloc(16, (to->writer_size + 15) & ~(size_t)15), {0}};
    CHECK(reader && pipe.writer);
    memset(reader, 0, from->reader_size);
    memset(pipe.writer, 0, to->writer_size);
    gw_buf_init(&pipe.out, 1 << 20);
    CHECK(from->reader_init(reader, 1 << 20) == AIGW_OK);
    CHECK(to->writer_init(pipe.writer, &options) == AIGW_OK);
    gw_event_sink sink = {pass_on, &pipe};
    CHECK(from->reader_feed(reader, aigw_slice_of(opening), &sink, NULL) == AIGW_OK);
    for (long i = 0; i < times; i++) {
        gw_buf_clear(&pipe.out);
        CHECK(from->reader_feed(reader, aigw_slice_of(event), &sink, NULL) == AIGW_OK);
        CHECK(gw_buf_len(&pipe.out) > 0);
    }
    from->reader_free(reader);
    to->writer_free(pipe.writer);
    gw_buf_free(&pipe.out);
    free(reader);
    free(pipe.writer);
}

static void anthropic_to_openai(long times)
{
    translate(
        &gw_wire_anthropic, &gw_wire_openai_chat,
        "event: message_start\ndata: "
        "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":"
        "\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],"
        "\"stop_reason\":null,\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
        "{\"type\":\"text_delta\",\"text\":\" and on it goes\"}}\n\n",
        times);
}

static void openai_to_anthropic(long times)
{
    translate(
        &gw_wire_openai_chat, &gw_wire_anthropic,
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":"
        "\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
        "\"\"},"
        "\"finish_reason\":null}]}\n\n",
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":"
        "\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" and on it goes\"},"
        "\"finish_reason\":null}]}\n\n",
        times);
}

static const struct {
    const char *name;
    void (*run)(long times);
} pieces[] = {
    {"patch-scan-600B", patch_600},
    {"patch-scan-256KB", patch_256k},
    {"read-request-600B", read_600},
    {"read-request-256KB", read_256k},
    {"read-base64-1MB", base64_1m},
    {"request-600B-openai-to-anthropic", request_600},
    {"request-256KB-openai-to-anthropic", request_256k},
    {"jwt-cache-hit", jwt_hit},
    {"stream-event-anthropic-to-openai", anthropic_to_openai},
    {"stream-event-openai-to-anthropic", openai_to_anthropic},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        if (argc == 2 && strcmp(argv[1], "list") == 0)
            puts(pieces[i].name);
        if (argc == 3 && strcmp(argv[1], pieces[i].name) == 0) {
            pieces[i].run(atol(argv[2]));
            return 0;
        }
    }
    return argc == 2 ? 0 : 1;
}
