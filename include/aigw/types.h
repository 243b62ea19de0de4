/*
 * Plain data shared by every public header: slices, headers, usage, formats.
 *
 * Nothing here owns memory. A slice borrows; the function that hands it out says for how long.
 */
#ifndef AIGW_TYPES_H
#define AIGW_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AIGW_API __attribute__((visibility("default")))
#else
#define AIGW_API
#endif

/* Bytes that somebody else owns. Not NUL-terminated; data may be NULL when len is 0. */
typedef struct aigw_slice {
    const char *data;
    size_t len;
} aigw_slice;

/* One HTTP header field. Names compare without case (RFC 9110 clause 5.1). */
typedef struct aigw_header {
    aigw_slice name;
    aigw_slice value;
} aigw_header;

/* A wire format: the JSON dialect that a client speaks or a provider serves. */
typedef enum aigw_format {
    AIGW_FORMAT_OPENAI_CHAT = 1,      /* POST /v1/chat/completions */
    AIGW_FORMAT_ANTHROPIC = 2,        /* POST /v1/messages */
    AIGW_FORMAT_OPENAI_RESPONSES = 3, /* POST /v1/responses */
    AIGW_FORMAT_GEMINI = 4,           /* POST /v1beta/models/{model}:generateContent */
    AIGW_FORMAT_BEDROCK = 5           /* POST /model/{model}/converse */
} aigw_format;

/*
 * Tokens used by one exchange, as the provider counted them. -1 means that the provider did not say.
 * input_tokens contains the cached and the cache-written ones; output_tokens contains reasoning.
 */
typedef struct aigw_usage {
    int64_t input_tokens;
    int64_t output_tokens;
    int64_t cached_tokens;
    int64_t cache_write_tokens;
    int64_t reasoning_tokens;
} aigw_usage;

/* The version of the library that runs, "0.1.0". Static storage. */
AIGW_API const char *aigw_version(void);

/* A slice over a C string; NULL gives an empty slice. */
AIGW_API aigw_slice aigw_slice_of(const char *text);

/* Frees bytes that a function handed over as the caller's. An empty slice is fine. */
AIGW_API void aigw_bytes_free(aigw_slice bytes);

/*
 * Replaces malloc, realloc and free for the whole process. Call once, before anything else of the
 * library and before a second thread exists. realloc(NULL, n) must allocate; free(NULL) must be fine.
 */
typedef struct aigw_allocator {
    void *(*realloc)(void *user, void *ptr, size_t bytes);
    void (*free)(void *user, void *ptr);
    void *user;
} aigw_allocator;

AIGW_API void aigw_set_allocator(const aigw_allocator *allocator);

#ifdef __cplusplus
}
#endif
#endif
