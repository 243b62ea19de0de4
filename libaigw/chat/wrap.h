/*
 * What is wrapped for a provider that cannot say it, and unwrapped in its answer.
 *
 * A custom tool goes out as a function with the one member "input"; a schema for the answer, where the
 * provider knows none, as a tool that must be called; a tool's name, where it is none for the provider,
 * as another one. Knows no format: a writer decides whether it wraps, the request tells what to look for.
 */
#ifndef GW_CHAT_WRAP_H
#define GW_CHAT_WRAP_H

#include "chat/event.h"
#include "chat/request.h"

/* The tool that stands for a schema of the answer. */
#define GW_JSON_TOOL "json_response"

/* What asks for JSON where a provider has no parameter for it; the schema stands behind the second one. */
#define GW_JSON_WORDS   "Answer with one valid JSON object and nothing else."
#define GW_SCHEMA_WORDS "\n\nThe JSON object must fit this JSON Schema:\n"

/* Longest names of tools: what every provider takes, and what the long-winded ones take. */
enum { GW_TOOL_NAME_SHORT = 64, GW_TOOL_NAME_LONG = 128 };

/* The name as it is if it is [a-zA-Z0-9_-]{1,max}; else one made of it, the same each time. */
void gw_jw_tool_name(gw_jw *w, gw_jstr name, size_t max);
/* The same for a provider whose names begin with a letter or an underscore. */
void gw_jw_tool_name_lettered(gw_jw *w, gw_jstr name, size_t max);

/* A sink between a reader and `next`. One answer each; the request outlives it. */
typedef struct gw_unwrapped {
    uint32_t choice, block;
    bool json;   /* the answer's schema, as text; else a custom tool */
    gw_buf args; /* of a custom tool, until they are whole */
} gw_unwrapped;

typedef struct gw_unwrap {
    const gw_chat_request *request;
    gw_event_sink next;
    gw_arena *arena;    /* of the arguments of one call; made on first need */
    gw_unwrapped *open; /* gw_alloc */
    size_t count, cap;
    uint64_t has_json[2], has_calls[2]; /* a bit for each choice */
} gw_unwrap;

/* Can an answer to this request hold anything to unwrap? */
bool gw_unwrap_needed(const gw_chat_request *request);
void gw_unwrap_init(gw_unwrap *u, const gw_chat_request *request, gw_event_sink next);
void gw_unwrap_free(gw_unwrap *u);
/* An event sink's emit: user is the gw_unwrap. */
int gw_unwrap_event(void *unwrap, const gw_event *event);

#endif
