/*
 * Translation between formats: pure, no I/O, no config.
 *
 * The one-shot functions may be called from any thread; a translator (one stream) is single.
 */
#ifndef AIGW_TRANSLATE_H
#define AIGW_TRANSLATE_H

#include <aigw/error.h>
#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Something that the target format cannot say, or says otherwise. */
typedef struct aigw_drop {
    aigw_slice pointer; /* JSON pointer into the input; "" where it is the answer as a whole */
    aigw_slice reason;
} aigw_drop;

/* A translated document. */
typedef struct aigw_translation aigw_translation;

AIGW_API aigw_slice aigw_translation_body(const aigw_translation *t);
AIGW_API size_t aigw_translation_drop_count(const aigw_translation *t);
AIGW_API aigw_drop aigw_translation_drop(const aigw_translation *t, size_t i);
AIGW_API void aigw_translation_free(aigw_translation *t);

typedef struct aigw_translate_options {
    size_t size;
    aigw_slice model;          /* replaces the model name; "" keeps it */
    int64_t default_max_tokens; /* for formats that require one; 0: the most that the model is known
                                 * to give, else 4096 */
    bool strict;               /* refuse (AIGW_E_UNSUPPORTED) instead of dropping */
    int64_t created_unix_s;    /* for answers whose format has a creation time */
    /* For answers: the request that was translated, as the client sent it (in the answer's target
     * format). What went out wrapped (custom tools, long tool names, a schema) comes back unwrapped. */
    aigw_slice request;
    /* For requests whose format says it elsewhere (Gemini and Bedrock: in the path): a stream is asked. */
    bool stream;
} aigw_translate_options;

/*
 * A request body from one format to another. Errors carry a JSON pointer. `options` may be NULL. Gemini
 * and Bedrock name the model in the path: towards other formats options.model must say it (AIGW_E_INVALID),
 * and bodies in those formats hold none.
 */
AIGW_API int aigw_translate_request(aigw_format from, aigw_format to, aigw_slice body,
                                    const aigw_translate_options *options, aigw_translation **out,
                                    aigw_error *err);

/* A whole (not streamed) answer. */
AIGW_API int aigw_translate_answer(aigw_format from, aigw_format to, aigw_slice body,
                                   const aigw_translate_options *options, aigw_translation **out,
                                   aigw_error *err);

/* An error body; `status` is the HTTP status it came with, *status_out the one to answer. */
AIGW_API int aigw_translate_error(aigw_format from, aigw_format to, int status, aigw_slice body,
                                  int *status_out, aigw_translation **out, aigw_error *err);

/* A stream (server-sent events; a JSON array of Gemini; frames of Bedrock), fed in pieces of any size. */
typedef struct aigw_stream aigw_stream;

typedef struct aigw_stream_options {
    size_t size;
    bool include_usage;     /* OpenAI chat: send the usage chunk */
    int64_t created_unix_s;
    aigw_slice request;     /* as in aigw_translate_options; copied */
    bool json_array;        /* Gemini: one JSON array instead of server-sent events */
    bool strict;            /* what the target cannot say ends the stream: AIGW_E_UNSUPPORTED */
} aigw_stream_options;

AIGW_API int aigw_stream_new(aigw_format from, aigw_format to, const aigw_stream_options *options,
                             aigw_stream **out, aigw_error *err);
/*
 * Takes upstream bytes; appends what became ready to the output. An upstream that breaks the format
 * puts the target's error event into the output and returns AIGW_E_UPSTREAM; so does every later call.
 */
AIGW_API int aigw_stream_feed(aigw_stream *s, aigw_slice bytes, aigw_error *err);
/* The upstream body ended. AIGW_E_UPSTREAM if the format's terminal event had not come. */
AIGW_API int aigw_stream_finish(aigw_stream *s, aigw_error *err);
/* The output so far; borrowed until the next non-const call. */
AIGW_API aigw_slice aigw_stream_output(const aigw_stream *s);
AIGW_API void aigw_stream_consume(aigw_stream *s, size_t n);
AIGW_API void aigw_stream_usage(const aigw_stream *s, aigw_usage *out);
/* What the target could not say so far. Borrowed until the next non-const call. */
AIGW_API size_t aigw_stream_drop_count(const aigw_stream *s);
AIGW_API aigw_drop aigw_stream_drop(const aigw_stream *s, size_t i);
AIGW_API void aigw_stream_free(aigw_stream *s);

#ifdef __cplusplus
}
#endif
#endif
