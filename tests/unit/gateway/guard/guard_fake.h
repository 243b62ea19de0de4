/* A gateway with guardrails and an upstream of each format, whose streams are written by the codecs themselves.
 * Must not know what a test looks for. */
#ifndef UNIT_GATEWAY_GUARD_FAKE_H
#define UNIT_GATEWAY_GUARD_FAKE_H

#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define GUARD_CONFIG                                                                               \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1, pass_through: "   \
    "true}\n"                                                                                      \
    "  - {type: openai, name: resp, base_url: 'http://127.0.0.1:9/v1', api_key: k, "               \
    "formats: [openai-responses]}\n"                                                               \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2}\n"                \
    "  - {type: gemini, base_url: 'http://127.0.0.1:9', api_key: up-secret-3}\n"                   \
    "  - {type: bedrock, base_url: 'http://127.0.0.1:9', region: us-east-1, auth: {aws: "          \
    "{access_key_id: AKIDEXAMPLE, secret_access_key: wJalr}}}\n"                                   \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: a, targets: [{provider: anthropic}]}\n"                                            \
    "  - {name: r, targets: [{provider: resp}]}\n"                                                 \
    "  - {name: g, targets: [{provider: gemini}]}\n"                                               \
    "  - {name: b, targets: [{provider: bedrock}]}\n"                                              \
    "guardrails:\n"

/* One dialect: as a client, and what an upstream of it is asked by. %s: the text, inside of a string. */
typedef struct guard_side {
    aigw_format format;
    const char *model, *path, *stream_path, *ask, *ask_stream, *type;
} guard_side;

#define O_ASK(m, more)                                                                             \
    "{\"model\":\"" m "\"," more "\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}"
#define R_ASK(m, more) "{\"model\":\"" m "\"," more "\"input\":\"%s\"}"
#define G_ASK          "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"%s\"}]}]}"
#define B_ASK          "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"%s\"}]}]}"
#define ON             "\"stream\":true,"
#define MAX            "\"max_tokens\":99,"

static const guard_side sides[] = {
    {AIGW_FORMAT_OPENAI_CHAT, "o", "/v1/chat/completions", "/v1/chat/completions", O_ASK("%s", ""),
     O_ASK("%s", ON), SSE},
    {AIGW_FORMAT_ANTHROPIC, "a", "/v1/messages", "/v1/messages", O_ASK("%s", MAX),
     O_ASK("%s", MAX ON), SSE},
    {AIGW_FORMAT_OPENAI_RESPONSES, "r", "/v1/responses", "/v1/responses", R_ASK("%s", ""),
     R_ASK("%s", ON), SSE},
    {AIGW_FORMAT_GEMINI, "g", "/v1beta/models/%s:generateContent",
     "/v1beta/models/%s:streamGenerateContent?alt=sse", G_ASK, G_ASK, SSE},
    {AIGW_FORMAT_BEDROCK, "b", "/model/%s/converse", "/model/%s/converse-stream", B_ASK, B_ASK,
     "application/vnd.amazon.eventstream"},
};
enum { SIDES = sizeof sides / sizeof *sides };

/* `what` with the model and the text put in. free() */
static inline char *guard_put(const char *what, const char *model, const char *text)
{
    size_t size = strlen(what) + strlen(model) + strlen(text) + 1;
    char *out = malloc(size), *at = out;
    const char *const parts[] = {strstr(what, "{\"model\"") == what || *what == '/' ? model : text,
                                 text};
    for (size_t n = 0; *what; what++) {
        if (what[0] == '%' && what[1] == 's') {
            const char *part = parts[n++ ? 1 : 0];
            memcpy(at, part, strlen(part));
            at += strlen(part);
            what++;
        } else {
            *at++ = *what;
        }
    }
    *at = '\0';
    return out;
}

/* Forgets what was sent, so that one fake serves any number of calls. */
static inline void guard_again(fake *f, const fake_answer *script, size_t count)
{
    for (size_t i = 0; i < FAKE_MAX; i++) {
        free(f->bodies[i]);
        f->bodies[i] = NULL;
        gw_buf_free(&f->transfers[i].taken);
    }
    f->next = 0;
    f->script = script;
    f->count = count;
    f->log_len = 0;
    f->log[0] = '\0';
}

static inline fake_result guard_ask(fake *f, const guard_side *client, const char *model,
                                    bool stream, const char *text)
{
    char *path = guard_put(stream ? client->stream_path : client->path, model, "");
    char *ask = guard_put(stream ? client->ask_stream : client->ask, model, text);
    fake_result r = fake_call(f, path, ask);
    free(path);
    free(ask);
    return r;
}

/* ---- streams, written and read by the codecs ---- */

typedef struct guard_stream {
    const gw_wire *wire;
    void *state;
    gw_buf out;
} guard_stream;

static inline void guard_emit(guard_stream *s, gw_event event)
{
    assert_int_equal(s->wire->writer_event(s->state, &event, &s->out), AIGW_OK);
}

static inline guard_stream guard_begin(aigw_format format)
{
    static const gw_answer_options options = {.id_seed = {"00112233445566778899aabbccddeeff", 32},
                                              .created = 1700000000,
                                              .include_usage = true};
    guard_stream s = {.wire = gw_wire_of(format)};
    s.state = calloc(1, s.wire->writer_size + 16);
    gw_buf_init(&s.out, 1 << 24);
    assert_int_equal(s.wire->writer_init(s.state, &options), AIGW_OK);
    guard_emit(&s, (gw_event){.kind = GW_EV_START,
                              .id = gw_jstr_lit("x-1"),
                              .model = gw_jstr_lit("real"),
                              .created = 1700000000});
    return s;
}

static inline void guard_delta(guard_stream *s, gw_block_kind kind, uint32_t block,
                               const char *text, size_t len)
{
    guard_emit(
        s, (gw_event){
               .kind = GW_EV_DELTA, .block_kind = kind, .block = block, .delta = {{text, len}}});
}

static inline void guard_start(guard_stream *s, gw_block_kind kind, uint32_t block)
{
    gw_event e = {.kind = GW_EV_BLOCK_START, .block_kind = kind, .block = block};
    if (kind == GW_BLOCK_TOOL_CALL) {
        e.call_id = gw_jstr_lit("call_1");
        e.tool_name = gw_jstr_lit("send");
    }
    guard_emit(s, e);
}

static inline void guard_stop(guard_stream *s, gw_block_kind kind, uint32_t block)
{
    guard_emit(s, (gw_event){.kind = GW_EV_BLOCK_STOP, .block_kind = kind, .block = block});
}

static inline void guard_end(guard_stream *s, gw_finish finish)
{
    aigw_usage usage = gw_usage_unknown();
    usage.input_tokens = 9;
    usage.output_tokens = 3;
    guard_emit(s, (gw_event){.kind = GW_EV_USAGE, .usage = usage});
    guard_emit(s, (gw_event){.kind = GW_EV_FINISH, .finish = finish});
    guard_emit(s, (gw_event){.kind = GW_EV_END});
    s->wire->writer_free(s->state);
    free(s->state);
}

/* A client's stream read again: in the arena. */
static inline gw_answer guard_read(gw_arena *arena, aigw_format format, aigw_slice bytes)
{
    const gw_wire *wire = gw_wire_of(format);
    void *reader = calloc(1, wire->reader_size + 16);
    gw_fold *fold = gw_fold_new(arena);
    const gw_event_sink sink = {gw_fold_event, fold};
    gw_answer answer = {0};
    gw_api_error error;
    aigw_error err = {0};
    assert_int_equal(wire->reader_init(reader, 1 << 20), AIGW_OK);
    int rc = wire->reader_feed(reader, bytes, &sink, &err);
    if (rc == AIGW_OK)
        rc = wire->reader_end(reader, &sink, &err);
    wire->reader_free(reader);
    free(reader);
    if (rc != AIGW_OK || gw_fold_result(fold, &answer, &error) != AIGW_OK)
        fail_msg("no whole stream of %s: %d %s\n%.*s", wire->name, rc, err.message, (int)bytes.len,
                 bytes.data);
    return answer;
}

/* All text of a kind, unescaped, of choice 0. */
static inline void guard_text_of(gw_arena *arena, const gw_answer *a, gw_block_kind kind, char *out,
                                 size_t size)
{
    size_t n = 0;
    for (size_t i = 0; a->choice_count && i < a->choices[0].block_count; i++) {
        const gw_block *b = &a->choices[0].blocks[i];
        if (b->kind != kind)
            continue;
        aigw_slice text = gw_json_unescape(arena, b->text.inner);
        assert_true(n + text.len < size);
        if (text.len)
            memcpy(out + n, text.data, text.len);
        n += text.len;
    }
    out[n] = '\0';
}

#endif
