/* What the edge cases are told with: a request, an answer or a stream goes in, text comes out. */
/* Must not know the cases. */
#ifndef TESTS_GOLDEN_EDGE_KIT_H
#define TESTS_GOLDEN_EDGE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <aigw/translate.h>

#define CC   AIGW_FORMAT_OPENAI_CHAT
#define MSG  AIGW_FORMAT_ANTHROPIC
#define RESP AIGW_FORMAT_OPENAI_RESPONSES
#define GEM  AIGW_FORMAT_GEMINI
#define CON  AIGW_FORMAT_BEDROCK

static inline aigw_slice str(const char *s)
{
    return (aigw_slice){s, strlen(s)};
}

static inline char *copy(aigw_slice s)
{
    char *to = malloc(s.len + 1);
    assert_non_null(to);
    if (s.len > 0) {
        memcpy(to, s.data, s.len);
    }
    to[s.len] = '\0';
    return to;
}

static inline char *stream(aigw_format from, aigw_format to, const char *text, int code,
                           aigw_usage *usage)
{
    aigw_stream *s = NULL;
    assert_int_equal(aigw_stream_new(from, to, NULL, &s, NULL), AIGW_OK);
    int rc = AIGW_OK;
    for (size_t i = 0; i < strlen(text) && rc == AIGW_OK; i++) { /* a byte at a time */
        rc = aigw_stream_feed(s, (aigw_slice){text + i, 1}, NULL);
    }
    if (rc == AIGW_OK) {
        rc = aigw_stream_finish(s, NULL);
    }
    char *out = copy(aigw_stream_output(s));
    if (rc != code) {
        fail_msg("code %d, wanted %d: %s", rc, code, out);
    }
    if (usage != NULL) {
        aigw_stream_usage(s, usage);
    }
    aigw_stream_free(s);
    return out;
}

static inline char *request(aigw_format from, aigw_format to, const char *text, const char *model,
                            size_t *drops)
{
    aigw_translation *t = NULL;
    aigw_error err = {0};
    aigw_translate_options options = {.size = sizeof options, .model = str(model)};
    if (aigw_translate_request(from, to, str(text), &options, &t, &err) != AIGW_OK) {
        fail_msg("%s %s", err.message, err.pointer);
    }
    char *out = copy(aigw_translation_body(t));
    if (drops != NULL) {
        *drops = aigw_translation_drop_count(t);
    }
    aigw_translation_free(t);
    return out;
}

static inline size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        n++;
    }
    return n;
}

static inline void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no %s in\n%s", part, text);
    }
}

static inline void lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("unwanted %s in\n%s", part, text);
    }
}

/* `first` stands before `second`. */
static inline void ordered(const char *text, const char *first, const char *second)
{
    has(text, first);
    has(text, second);
    assert_true(strstr(text, first) < strstr(text, second));
}

static inline char *answer(aigw_format from, aigw_format to, const char *text)
{
    aigw_translation *t = NULL;
    aigw_error err = {0};
    if (aigw_translate_answer(from, to, str(text), NULL, &t, &err) != AIGW_OK) {
        fail_msg("%s %s", err.message, err.pointer);
    }
    char *out = copy(aigw_translation_body(t));
    aigw_translation_free(t);
    return out;
}

#endif
