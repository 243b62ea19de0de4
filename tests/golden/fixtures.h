/* The provider fixtures of the shared data: found, read, and told apart. Skips where there are none. */
/* Must not know what a translation should give. */
#ifndef TESTS_GOLDEN_FIXTURES_H
#define TESTS_GOLDEN_FIXTURES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include <aigw/translate.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIXTURES AIGW_SHARED_DATA "/fixtures"

enum { FIXTURE_SKIPPED = 77, MAX_CASES = 512, FORMATS = 5 };

typedef struct fixture {
    char provider[40];
    char name[120]; /* the case */
    char kind[24];  /* "request.json", "response.json", "stream.sse", ".jsonarray.json", ".bin" */
    char path[400];
    aigw_format format;
    int status; /* of a response; 200 where no meta file tells */
} fixture;

typedef struct fixtures {
    fixture items[MAX_CASES];
    size_t count;
} fixtures;

static const struct {
    const char *provider;
    aigw_format format;
} fixture_providers[] = {
    {"openai", AIGW_FORMAT_OPENAI_CHAT},  {"openai-compatible", AIGW_FORMAT_OPENAI_CHAT},
    {"azure", AIGW_FORMAT_OPENAI_CHAT},   {"openai-responses", AIGW_FORMAT_OPENAI_RESPONSES},
    {"anthropic", AIGW_FORMAT_ANTHROPIC}, {"gemini", AIGW_FORMAT_GEMINI},
    {"bedrock", AIGW_FORMAT_BEDROCK}};

/* What fixtures are translated to, and the model that a request is sent to where it must be said. */
static const struct fixture_format {
    const char *name, *model;
    aigw_format format;
} fixture_formats[FORMATS] = {
    {"openai_chat", "gpt-5", AIGW_FORMAT_OPENAI_CHAT},
    {"openai_responses", "gpt-5", AIGW_FORMAT_OPENAI_RESPONSES},
    {"anthropic", "claude-sonnet-4-5", AIGW_FORMAT_ANTHROPIC},
    {"gemini", "gemini-3-pro-preview", AIGW_FORMAT_GEMINI},
    {"bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", AIGW_FORMAT_BEDROCK},
};

static inline bool fixture_is_stream(const fixture *f)
{
    return strncmp(f->kind, "stream", 6) == 0;
}

/* Gemini and Bedrock say the model in the path: a request to them or from them needs one. */
static inline aigw_slice fixture_model(aigw_format from, const struct fixture_format *to)
{
    bool path = from == AIGW_FORMAT_GEMINI || from == AIGW_FORMAT_BEDROCK ||
                to->format == AIGW_FORMAT_GEMINI || to->format == AIGW_FORMAT_BEDROCK;
    return path ? aigw_slice_of(to->model) : (aigw_slice){NULL, 0};
}

static const struct {
    const char *provider, *name, *reason;
} fixture_skips[] = {
    {"openai", "embeddings-dimensions", "embeddings are not chat"},
    {"anthropic", "count-tokens", "counting tokens is not chat"},
    {"gemini", "embeddings-single", "embeddings are not chat"},
};

/* The bytes of a file with a NUL behind them; the caller frees. NULL if it cannot be read. */
static inline char *fixture_read(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return NULL;
    }
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    *len = fread(text, 1, (size_t)size, f);
    text[*len] = '\0';
    fclose(f);
    return text;
}

static inline int fixture_status(const char *provider, const char *name)
{
    char path[400];
    size_t len;
    int64_t status = 200;
    gw_json_doc doc;
    snprintf(path, sizeof path, FIXTURES "/%s/%s.meta.json", provider, name);
    char *text = fixture_read(path, &len);
    if (text == NULL) {
        return 200;
    }
    gw_arena *arena = gw_arena_new(1u << 20);
    assert_int_equal(gw_json_parse(arena, gw_slice(text, len), NULL, &doc, NULL), AIGW_OK);
    gw_json_i64(&doc, gw_json_get(&doc, 0, "status"), &status);
    gw_arena_free(arena);
    free(text);
    return (int)status;
}

static inline bool fixture_skipped(const char *provider, const char *name)
{
    for (size_t i = 0; i < sizeof fixture_skips / sizeof fixture_skips[0]; i++) {
        if (strcmp(fixture_skips[i].provider, provider) == 0 &&
            strcmp(fixture_skips[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static inline void fixture_add(fixtures *all, size_t p, const char *file)
{
    static const char *const kinds[] = {".request.json", ".response.json", ".stream.sse",
                                        ".stream.jsonarray.json", ".stream.bin"};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        size_t len = strlen(file), tail = strlen(kinds[k]);
        if (len <= tail || strcmp(file + len - tail, kinds[k]) != 0) {
            continue;
        }
        assert_true(all->count < MAX_CASES);
        fixture *f = &all->items[all->count];
        snprintf(f->provider, sizeof f->provider, "%s", fixture_providers[p].provider);
        snprintf(f->name, sizeof f->name, "%.*s", (int)(len - tail), file);
        snprintf(f->kind, sizeof f->kind, "%s", kinds[k] + 1);
        snprintf(f->path, sizeof f->path, FIXTURES "/%s/%s", fixture_providers[p].provider, file);
        bool responses = strncmp(f->name, "responses-", 10) == 0; /* of Azure */
        f->format = responses ? AIGW_FORMAT_OPENAI_RESPONSES : fixture_providers[p].format;
        if (fixture_skipped(f->provider, f->name)) {
            return;
        }
        f->status = k == 1 ? fixture_status(f->provider, f->name) : 200;
        all->count++;
    }
}

static inline int fixture_order(const void *a, const void *b)
{
    return strcmp(((const fixture *)a)->path, ((const fixture *)b)->path);
}

/* False where the shared data is not there. */
static inline bool fixtures_load(fixtures *all)
{
    all->count = 0;
    for (size_t p = 0; p < sizeof fixture_providers / sizeof fixture_providers[0]; p++) {
        char path[300];
        snprintf(path, sizeof path, FIXTURES "/%s", fixture_providers[p].provider);
        DIR *dir = opendir(path);
        if (dir == NULL) {
            return false;
        }
        for (struct dirent *e; (e = readdir(dir)) != NULL;) {
            fixture_add(all, p, e->d_name);
        }
        closedir(dir);
    }
    qsort(all->items, all->count, sizeof all->items[0], fixture_order);
    return all->count > 0;
}

static inline int fixtures_absent(void)
{
    printf("skipped: no provider fixtures in %s\n", FIXTURES);
    return FIXTURE_SKIPPED;
}

#endif
