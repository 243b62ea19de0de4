/* The words for the end of an answer and for its usage, from each format to each: found by translating. */
/* Must not decide what is right: it holds one answer of each format, and looks where words stand. */
#ifndef TESTS_GOLDEN_CARRIES_WORDS_H
#define TESTS_GOLDEN_CARRIES_WORDS_H

#include <aigw/translate.h>

#define CHAT(message, finish)                                                                      \
    "{\"id\":\"a\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{"    \
    "\"index\":0,\"message\":{\"role\":\"assistant\"," message "},\"finish_reason\":\"" finish     \
    "\"}],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":50,\"total_tokens\":1050,"       \
    "\"prompt_tokens_details\":{\"cached_tokens\":300,\"cache_write_tokens\":200},"                \
    "\"completion_tokens_details\":{\"reasoning_tokens\":20}}}"
#define CHAT_HI "\"content\":\"hi\""
#define CHAT_CALL                                                                                  \
    "\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","                        \
    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]"
#define RESP(item, status, why)                                                                    \
    "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"model\":\"m\",\"status\":"      \
    "\"" status "\"," why "\"output\":[" item                                                      \
    "],\"usage\":{\"input_tokens\":1000,\"input_tokens_details\":{"                                \
    "\"cached_tokens\":300,\"cache_write_tokens\":200},\"output_tokens\":50,"                      \
    "\"output_tokens_details\":{\"reasoning_tokens\":20},\"total_tokens\":1050}}"
#define RESP_HI                                                                                    \
    "{\"type\":\"message\",\"id\":\"m\",\"role\":\"assistant\",\"status\":\"completed\","          \
    "\"content\":[{\"type\":\"output_text\",\"text\":\"hi\",\"annotations\":[]}]}"
#define RESP_CALL                                                                                  \
    "{\"type\":\"function_call\",\"id\":\"f1\",\"call_id\":\"c\",\"name\":\"f\","                  \
    "\"arguments\":\"{}\",\"status\":\"completed\"}"
#define RESP_WHY(word) "\"incomplete_details\":{\"reason\":\"" word "\"},"
#define MSG(block, stop)                                                                           \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":"   \
    "[" block "],\"stop_reason\":\"" stop                                                          \
    "\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":500,"                                   \
    "\"cache_creation_input_tokens\":200,\"cache_read_input_tokens\":300,\"output_tokens\":50,"    \
    "\"output_tokens_details\":{\"thinking_tokens\":20}}}"
#define MSG_HI   "{\"type\":\"text\",\"text\":\"hi\"}"
#define MSG_CALL "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}}"
#define GEM(part, finish)                                                                          \
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" part                           \
    "]},\"finishReason\":\"" finish                                                                \
    "\",\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r\",\"usageMetadata\":{"             \
    "\"promptTokenCount\":1000,\"candidatesTokenCount\":30,\"thoughtsTokenCount\":20,"             \
    "\"cachedContentTokenCount\":300,\"totalTokenCount\":1050}}"
#define GEM_HI   "{\"text\":\"hi\"}"
#define GEM_CALL "{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{}}}"
#define CON(block, stop)                                                                           \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[" block                         \
    "]}},\"stopReason\":\"" stop                                                                   \
    "\",\"usage\":{\"inputTokens\":500,\"outputTokens\":50,\"totalTokens\":1050,"                  \
    "\"cacheReadInputTokens\":300,\"cacheWriteInputTokens\":200},\"metrics\":{\"latencyMs\":1}}"
#define CON_HI   "{\"text\":\"hi\"}"
#define CON_CALL "{\"toolUse\":{\"toolUseId\":\"c\",\"name\":\"f\",\"input\":{}}}"

static const struct ending {
    size_t from; /* of `targets` */
    const char *word, *answer;
} endings[] = {
    {0, "stop", CHAT(CHAT_HI, "stop")},
    {0, "stop, with a call", CHAT(CHAT_CALL, "stop")},
    {0, "tool_calls", CHAT(CHAT_CALL, "tool_calls")},
    {0, "length", CHAT(CHAT_HI, "length")},
    {0, "length, with a call", CHAT(CHAT_CALL, "length")},
    {0, "content_filter", CHAT(CHAT_HI, "content_filter")},
    {1, "completed", RESP(RESP_HI, "completed", "")},
    {1, "completed, with a call", RESP(RESP_CALL, "completed", "")},
    {1, "incomplete: max_output_tokens",
     RESP(RESP_HI, "incomplete", RESP_WHY("max_output_tokens"))},
    {1, "incomplete: content_filter", RESP(RESP_HI, "incomplete", RESP_WHY("content_filter"))},
    {2, "end_turn", MSG(MSG_HI, "end_turn")},
    {2, "stop_sequence", MSG(MSG_HI, "stop_sequence")},
    {2, "tool_use", MSG(MSG_CALL, "tool_use")},
    {2, "max_tokens", MSG(MSG_HI, "max_tokens")},
    {2, "max_tokens, with a call", MSG(MSG_CALL, "max_tokens")},
    {2, "model_context_window_exceeded", MSG(MSG_HI, "model_context_window_exceeded")},
    {2, "refusal", MSG(MSG_HI, "refusal")},
    {2, "pause_turn", MSG(MSG_HI, "pause_turn")},
    {3, "STOP", GEM(GEM_HI, "STOP")},
    {3, "STOP, with a call", GEM(GEM_CALL, "STOP")},
    {3, "MAX_TOKENS", GEM(GEM_HI, "MAX_TOKENS")},
    {3, "MAX_TOKENS, with a call", GEM(GEM_CALL, "MAX_TOKENS")},
    {3, "SAFETY", GEM(GEM_HI, "SAFETY")},
    {3, "RECITATION", GEM(GEM_HI, "RECITATION")},
    {3, "PROHIBITED_CONTENT", GEM(GEM_HI, "PROHIBITED_CONTENT")},
    {3, "MODEL_ARMOR", GEM(GEM_HI, "MODEL_ARMOR")},
    {3, "LANGUAGE", GEM(GEM_HI, "LANGUAGE")},
    {3, "OTHER", GEM(GEM_HI, "OTHER")},
    {3, "MALFORMED_FUNCTION_CALL", GEM(GEM_HI, "MALFORMED_FUNCTION_CALL")},
    {3, "a word of tomorrow", GEM(GEM_HI, "TOMORROW")},
    {4, "end_turn", CON(CON_HI, "end_turn")},
    {4, "stop_sequence", CON(CON_HI, "stop_sequence")},
    {4, "tool_use", CON(CON_CALL, "tool_use")},
    {4, "max_tokens", CON(CON_HI, "max_tokens")},
    {4, "content_filtered", CON(CON_HI, "content_filtered")},
    {4, "guardrail_intervened", CON(CON_HI, "guardrail_intervened")},
    {4, "model_context_window_exceeded", CON(CON_HI, "model_context_window_exceeded")},
};

/* The member at a path of names and indexes; ABSENT where there is none. */
static gw_json_ref words_at(const gw_json_doc *doc, const char *const *path)
{
    gw_json_ref at = 0;
    for (size_t i = 0; path[i] != NULL && at != GW_JSON_ABSENT; i++) {
        gw_json_type type = gw_json_typeof(doc, at);
        if (type == GW_JSON_OBJECT)
            at = gw_json_get(doc, at, path[i]);
        else
            at = type == GW_JSON_ARRAY ? gw_json_first(doc, at) : GW_JSON_ABSENT;
    }
    return at;
}

static void words_put(gw_buf *out, const gw_json_doc *doc, const char *const *path)
{
    aigw_slice word = gw_json_inner(doc, words_at(doc, path));
    gw_buf_add(out, word);
}

/* Translates an answer and gives its document; false: it is a failure there. */
static bool words_translate(gw_arena *arena, const struct ending *e, size_t to, gw_json_doc *doc)
{
    aigw_translation *t = NULL;
    int rc = aigw_translate_answer(targets[e->from].wire->format, targets[to].wire->format,
                                   aigw_slice_of(e->answer), NULL, &t, NULL);
    if (rc != AIGW_OK)
        return false;
    aigw_slice body = gw_arena_copy(arena, aigw_translation_body(t));
    aigw_translation_free(t);
    return gw_json_parse(arena, body, NULL, doc, NULL) == AIGW_OK;
}

static void words_put_ending(gw_buf *out, const gw_json_doc *doc, size_t to)
{
    static const char *const paths[TARGETS][4] = {{"choices", "0", "finish_reason", NULL},
                                                  {"status", NULL},
                                                  {"stop_reason", NULL},
                                                  {"candidates", "0", "finishReason", NULL},
                                                  {"stopReason", NULL}};
    static const char *const why[] = {"incomplete_details", "reason", NULL};
    words_put(out, doc, paths[to]);
    if (to == 1 && gw_json_inner(doc, words_at(doc, why)).data != NULL) {
        gw_buf_puts(out, ": ");
        words_put(out, doc, why);
    }
}

static void words_write_finishes(gw_buf *out)
{
    gw_buf_puts(out,
                "\n## How answers end\n\nFrom left to right; a row for each word of a format.\n");
    size_t last = TARGETS;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const struct ending *e = &endings[i];
        if (e->from != last) {
            gw_buf_printf(out, "\n| %s |", targets[e->from].title);
            for (size_t k = 0; k < TARGETS; k++) {
                if (k != e->from)
                    gw_buf_printf(out, " %s |", targets[k].title);
            }
            gw_buf_puts(out, "\n|---|---|---|---|---|\n");
            last = e->from;
        }
        gw_buf_printf(out, "| %s |", e->word);
        for (size_t k = 0; k < TARGETS; k++) {
            gw_arena *arena = gw_arena_new(4u << 20);
            gw_json_doc doc;
            if (k == e->from) {
                gw_arena_free(arena);
                continue;
            }
            gw_buf_putc(out, ' ');
            if (words_translate(arena, e, k, &doc))
                words_put_ending(out, &doc, k);
            else
                gw_buf_puts(out, "an error, 502");
            gw_buf_puts(out, " |");
            gw_arena_free(arena);
        }
        gw_buf_putc(out, '\n');
    }
}

static void words_write_usage(gw_buf *out)
{
    static const char *const members[TARGETS] = {"usage", "usage", "usage", "usageMetadata",
                                                 "usage"};
    gw_buf_puts(out, "\n## Usage\n\nA thousand tokens in, 300 of them from the cache and 200 "
                     "written to it, and 50 out, 20 "
                     "of them thinking. Chat Completions, Responses\nand Gemini count the cache "
                     "within the input, Messages "
                     "and Converse beside it. Gemini counts thinking beside the output.\n");
    size_t last = TARGETS;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const struct ending *e = &endings[i];
        if (e->from == last)
            continue;
        last = e->from;
        gw_buf_printf(out, "\nFrom %s:\n\n", targets[e->from].title);
        for (size_t k = 0; k < TARGETS; k++) {
            gw_arena *arena = gw_arena_new(4u << 20);
            gw_json_doc doc;
            const char *const path[] = {members[k], NULL};
            if (k != e->from && words_translate(arena, e, k, &doc)) {
                gw_buf_printf(out, "- %s: `", targets[k].title);
                gw_buf_add(out, gw_json_raw(&doc, words_at(&doc, path)));
                gw_buf_puts(out, "`\n");
            }
            gw_arena_free(arena);
        }
    }
}

#endif
