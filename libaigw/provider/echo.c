/* The provider that answers in process: it says the user's last text again, for demos and tests.
 * Must not know a gateway or a clock; text passes still escaped, as it stood. */
#include "base/crypto.h"
#include "base/error.h"
#include "base/text.h"
#include "chat/text.h"
#include "provider/rows.h"

#define MAX_TEXT_PARTS 64
#define PIECE_BYTES    1024 /* of one chunk: a "word" may be megabytes long */
#define PREFIX         "echo: "

/* What one answer needs to know of its request. */
typedef struct echo {
    gw_jstr model;
    gw_jstr parts[MAX_TEXT_PARTS]; /* the last user message, in order */
    size_t part_count;
    gw_jstr tool; /* a function that must be called; absent: none */
    int64_t input_words, output_words;
    int64_t created;
    char id[33];
    bool usage; /* stream_options.include_usage */
} echo;

/* Length of the escape sequence or UTF-8 character at the start of an escaped text. */
static size_t unit(aigw_slice text)
{
    unsigned char c = (unsigned char)text.data[0];
    size_t n = 1;
    if (c == '\\') {
        n = text.len > 1 && text.data[1] == 'u' ? 6 : 2;
        if (n == 6 && text.len >= 12 && (text.data[2] == 'd' || text.data[2] == 'D') &&
            text.data[6] == '\\')
            n = 12; /* the two halves of a pair stay together */
    } else if (c >= 0xc0) {
        n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    }
    return n < text.len ? n : text.len;
}

static bool is_blank(aigw_slice text)
{
    if (text.data[0] == ' ')
        return true;
    return text.data[0] == '\\' && text.len > 1 && strchr("ntr", text.data[1]) != NULL;
}

static int64_t count_words(aigw_slice text)
{
    int64_t words = 0;
    bool inside = false;
    while (text.len > 0) {
        bool blank = is_blank(text);
        words += !blank && !inside;
        inside = !blank;
        text = gw_skip(text, unit(text));
    }
    return words;
}

/* The next word with the blanks before it, at most about PIECE_BYTES. */
static aigw_slice next_piece(aigw_slice *rest)
{
    aigw_slice text = *rest;
    bool word = false;
    while (rest->len > 0) {
        bool blank = is_blank(*rest);
        if ((blank && word) || (size_t)(rest->data - text.data) >= PIECE_BYTES)
            break;
        word = word || !blank;
        *rest = gw_skip(*rest, unit(*rest));
    }
    return gw_slice(text.data, (size_t)(rest->data - text.data));
}

static void take_text(echo *e, gw_jstr text)
{
    if (gw_has(text) && e->part_count < MAX_TEXT_PARTS)
        e->parts[e->part_count++] = text;
}

/* Counts the words of a message; the texts of a user's message replace those of the one before. */
static void read_message(echo *e, const gw_json_doc *doc, gw_json_ref message)
{
    gw_json_ref content = gw_json_get(doc, message, "content");
    bool user = gw_json_is(doc, gw_json_get(doc, message, "role"), "user");
    if (user)
        e->part_count = 0;
    if (gw_json_typeof(doc, content) == GW_JSON_STRING) {
        e->input_words += count_words(gw_json_inner(doc, content));
        if (user)
            take_text(e, gw_jstr_of(doc, content));
        return;
    }
    for (gw_json_ref part = gw_json_first(doc, content);
         gw_json_typeof(doc, content) == GW_JSON_ARRAY && part != GW_JSON_ABSENT;
         part = gw_json_next(doc, part)) {
        gw_jstr text = gw_jstr_of(doc, gw_json_get(doc, part, "text"));
        e->input_words += gw_has(text) ? count_words(text.inner) : 0;
        if (user)
            take_text(e, text);
    }
}

/* The function that tool_choice demands, if any: the named one, or for "required" the first. */
static gw_jstr forced_tool(const gw_json_doc *doc)
{
    gw_json_ref tools = gw_json_get(doc, 0, "tools");
    gw_json_ref choice = gw_json_get(doc, 0, "tool_choice");
    if (gw_json_typeof(doc, tools) != GW_JSON_ARRAY || gw_json_count(doc, tools) == 0)
        return (gw_jstr){{NULL, 0}};
    gw_json_ref function = gw_json_get(doc, choice, "function");
    if (gw_json_is(doc, choice, "required"))
        function = gw_json_get(doc, gw_json_first(doc, tools), "function");
    return gw_jstr_of(doc, gw_json_get(doc, function, "name"));
}

static bool read_echo(const gw_json_doc *doc, aigw_slice body, int64_t unix_s, echo *e)
{
    gw_json_ref messages = gw_json_get(doc, 0, "messages");
    if (gw_json_typeof(doc, messages) != GW_JSON_ARRAY)
        return false;
    e->model = gw_jstr_of(doc, gw_json_get(doc, 0, "model"));
    if (!gw_has(e->model))
        e->model = gw_jstr_lit("echo");
    for (gw_json_ref m = gw_json_first(doc, messages); m != GW_JSON_ABSENT;
         m = gw_json_next(doc, m))
        read_message(e, doc, m);
    e->tool = forced_tool(doc);
    e->output_words = 1;
    for (size_t i = 0; i < e->part_count && !gw_has(e->tool); i++)
        e->output_words += count_words(e->parts[i].inner);
    gw_json_ref stream_options = gw_json_get(doc, 0, "stream_options");
    gw_json_bool(doc, gw_json_get(doc, stream_options, "include_usage"), &e->usage);
    e->created = unix_s;

    uint8_t digest[GW_SHA256_BYTES];
    gw_sha256(body, digest);
    memcpy(e->id, "chatcmpl-", 9);
    for (size_t i = 0; i < 11; i++) {
        e->id[9 + 2 * i] = "0123456789abcdef"[digest[i] >> 4];
        e->id[10 + 2 * i] = "0123456789abcdef"[digest[i] & 15];
    }
    return true;
}

static void write_common(gw_jw *w, const echo *e, const char *object)
{
    gw_jw_object(w);
    gw_jw_key(w, "id");
    gw_jw_str(w, e->id);
    gw_jw_key(w, "object");
    gw_jw_str(w, object);
    gw_jw_key(w, "created");
    gw_jw_int(w, e->created);
    gw_jw_key(w, "model");
    gw_jw_jstr(w, e->model);
    gw_jw_key(w, "choices");
    gw_jw_array(w);
}

static void write_usage(gw_jw *w, const echo *e)
{
    gw_jw_key(w, "usage");
    gw_jw_object(w);
    gw_jw_key(w, "prompt_tokens");
    gw_jw_int(w, e->input_words);
    gw_jw_key(w, "completion_tokens");
    gw_jw_int(w, e->output_words);
    gw_jw_key(w, "total_tokens");
    gw_jw_int(w, e->input_words + e->output_words);
    gw_jw_object_end(w);
}

/* "tool_calls":[...]; a stream's entries carry their index. */
static void write_tool_call(gw_jw *w, const echo *e, bool with_index)
{
    gw_jw_key(w, "tool_calls");
    gw_jw_array(w);
    gw_jw_object(w);
    if (with_index) {
        gw_jw_key(w, "index");
        gw_jw_int(w, 0);
    }
    gw_jw_key(w, "id");
    gw_jw_begin_string(w);
    gw_jw_part(w, GW_S("call_"));
    gw_jw_part(w, aigw_slice_of(e->id + 9));
    gw_jw_end_string(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "function");
    gw_jw_key(w, "function");
    gw_jw_object(w);
    gw_jw_key(w, "name");
    gw_jw_jstr(w, e->tool);
    gw_jw_key(w, "arguments");
    gw_jw_str(w, "{}");
    gw_jw_object_end(w);
    gw_jw_object_end(w);
    gw_jw_array_end(w);
}

static const char *finish_reason(const echo *e)
{
    return gw_has(e->tool) ? "tool_calls" : "stop";
}

static void write_whole(const echo *e, gw_buf *out)
{
    gw_jw jw = gw_jw_on(out), *w = &jw;
    write_common(w, e, "chat.completion");
    gw_jw_object(w);
    gw_jw_key(w, "index");
    gw_jw_int(w, 0);
    gw_jw_key(w, "message");
    gw_jw_object(w);
    gw_jw_key(w, "role");
    gw_jw_str(w, "assistant");
    gw_jw_key(w, "content");
    if (gw_has(e->tool)) {
        gw_jw_null(w);
        write_tool_call(w, e, false);
    } else {
        gw_jw_begin_string(w);
        gw_jw_part(w, GW_S(PREFIX));
        for (size_t i = 0; i < e->part_count; i++)
            gw_jw_part_inner(w, e->parts[i].inner);
        gw_jw_end_string(w);
    }
    gw_jw_key(w, "refusal");
    gw_jw_null(w);
    gw_jw_object_end(w);
    gw_jw_key(w, "logprobs");
    gw_jw_null(w);
    gw_jw_key(w, "finish_reason");
    gw_jw_str(w, finish_reason(e));
    gw_jw_object_end(w);
    gw_jw_array_end(w);
    write_usage(w, e);
    gw_jw_object_end(w);
}

/* One chunk up to its delta, which the caller fills. */
static gw_jw begin_chunk(const echo *e, gw_buf *out)
{
    gw_buf_puts(out, "data: ");
    gw_jw w = gw_jw_on(out);
    write_common(&w, e, "chat.completion.chunk");
    gw_jw_object(&w);
    gw_jw_key(&w, "index");
    gw_jw_int(&w, 0);
    gw_jw_key(&w, "delta");
    gw_jw_object(&w);
    return w;
}

static void end_chunk(gw_jw *w, const echo *e, const char *finish)
{
    gw_jw_object_end(w);
    gw_jw_key(w, "logprobs");
    gw_jw_null(w);
    gw_jw_key(w, "finish_reason");
    if (finish)
        gw_jw_str(w, finish);
    else
        gw_jw_null(w);
    gw_jw_object_end(w);
    gw_jw_array_end(w);
    if (e->usage) { /* every chunk but the last has it as null */
        gw_jw_key(w, "usage");
        gw_jw_null(w);
    }
    gw_jw_object_end(w);
    gw_buf_puts(w->buf, "\n\n");
}

static void write_piece(const echo *e, aigw_slice piece, gw_buf *out)
{
    gw_jw w = begin_chunk(e, out);
    gw_jw_key(&w, "content");
    gw_jw_inner(&w, piece);
    end_chunk(&w, e, NULL);
}

static void write_stream(const echo *e, gw_buf *out)
{
    gw_jw w = begin_chunk(e, out);
    gw_jw_key(&w, "role");
    gw_jw_str(&w, "assistant");
    gw_jw_key(&w, "content");
    if (gw_has(e->tool))
        gw_jw_null(&w);
    else
        gw_jw_str(&w, "");
    end_chunk(&w, e, NULL);
    if (gw_has(e->tool)) {
        w = begin_chunk(e, out);
        write_tool_call(&w, e, true);
        end_chunk(&w, e, NULL);
    } else {
        write_piece(e, GW_S(PREFIX), out);
        for (size_t i = 0; i < e->part_count; i++) {
            for (aigw_slice rest = e->parts[i].inner; rest.len > 0 && !out->failed;)
                write_piece(e, next_piece(&rest), out);
        }
    }
    w = begin_chunk(e, out);
    end_chunk(&w, e, finish_reason(e));
    if (e->usage) {
        gw_buf_puts(out, "data: ");
        w = gw_jw_on(out);
        write_common(&w, e, "chat.completion.chunk");
        gw_jw_array_end(&w);
        write_usage(&w, e);
        gw_jw_object_end(&w);
        gw_buf_puts(out, "\n\n");
    }
    gw_buf_puts(out, "data: [DONE]\n\n");
}

static void write_refusal(const char *message, gw_buf *out)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "error");
    gw_jw_object(&w);
    gw_jw_key(&w, "message");
    gw_jw_str(&w, message);
    gw_jw_key(&w, "type");
    gw_jw_str(&w, "invalid_request_error");
    gw_jw_key(&w, "param");
    gw_jw_null(&w);
    gw_jw_key(&w, "code");
    gw_jw_null(&w);
    gw_jw_object_end(&w);
    gw_jw_object_end(&w);
}

static int answer(gw_arena *arena, aigw_slice body, bool stream, int64_t unix_s, int *status,
                  gw_buf *out, aigw_error *err)
{
    gw_json_doc doc;
    echo *e = gw_arena_calloc(arena, 1, sizeof *e);
    if (!e)
        return gw_fail_nomem(err);
    int code = gw_json_parse(arena, body, NULL, &doc, err);
    if (code == AIGW_E_NOMEM)
        return code;
    int result = 200;
    if (code != AIGW_OK || !read_echo(&doc, body, unix_s, e)) {
        result = 400;
        write_refusal(code ? "the body is not valid JSON" : "messages must be an array", out);
    } else if (stream) {
        write_stream(e, out);
    } else {
        write_whole(e, out);
    }
    if (out->failed)
        return gw_fail(err, AIGW_E_LIMIT, "answer_too_large", "the echo does not fit its buffer");
    *status = result;
    return AIGW_OK;
}

static const char *const prefixes[] = {"echo-", "echo", NULL};

const gw_provider gw_provider_echo = {
    .name = "echo",
    .formats = {AIGW_FORMAT_OPENAI_CHAT},
    .auth = GW_AUTH_NONE,
    .model_prefixes = prefixes,
    .answer = answer,
};
