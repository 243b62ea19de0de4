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

enum { FIXTURE_SKIPPED = 77, MAX_CASES = 512 };

typedef struct fixture {
    char provider[40];
    char name[120]; /* the case */
    char kind[24];  /* "request.json", "response.json", "stream.sse" */
    char path[400];
    aigw_format format, other;
    int status; /* of a response; 200 where no meta file tells */
} fixture;

typedef struct fixtures {
    fixture items[MAX_CASES];
    size_t count;
} fixtures;

static const struct {
    const char *provider;
    aigw_format format;
} fixture_providers[] = {{"openai", AIGW_FORMAT_OPENAI_CHAT},
                         {"openai-compatible", AIGW_FORMAT_OPENAI_CHAT},
                         {"azure", AIGW_FORMAT_OPENAI_CHAT},
                         {"anthropic", AIGW_FORMAT_ANTHROPIC}};

static const struct {
    const char *provider, *name, *reason;
} fixture_skips[] = {
    {"openai", "embeddings-dimensions", "embeddings are not chat"},
    {"anthropic", "count-tokens", "counting tokens is not chat"},
    {"azure", "responses-stream-text", "the Responses format"},
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
    static const char *const kinds[] = {".request.json", ".response.json", ".stream.sse"};
    for (size_t k = 0; k < 3; k++) {
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
        f->format = fixture_providers[p].format;
        f->other =
            f->format == AIGW_FORMAT_ANTHROPIC ? AIGW_FORMAT_OPENAI_CHAT : AIGW_FORMAT_ANTHROPIC;
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
