/* Loading, compiling and running the signatures with Vectorscan. Must not know what a match means. */
#include "gate/waf/match.h"
#include "base/error.h"
#include "base/mem.h"
#include <pthread.h>
#include <string.h>

#ifdef AIGW_HAVE_VECTORSCAN
#include <hs.h>

/* What a check needs follows the length of its request; the cap only keeps a mistake from eating the machine. */
#define ARENA_MAX (SIZE_MAX / 4)
#define KEPT      ((size_t)16 << 10) /* of it, from check to check: most requests need no more */

struct gw_waf_scratch {
    hs_scratch_t *of;
    gw_arena *arena;
    gw_waf_scratch *next;
};

struct gw_waf_engine {
    hs_database_t *of[GW_WAF_SETS];
    bool compiled;
    pthread_mutex_t lock; /* of the pool */
    gw_waf_scratch *pool;
};

/* The database's numbers are indices into gw_waf_patterns. */
static int compile(gw_waf_set set, hs_database_t **out, aigw_error *err)
{
    int code = AIGW_E_NOMEM;
    unsigned n = 0;
    const char **text = gw_calloc(gw_waf_pattern_count, sizeof *text);
    unsigned *flags = gw_calloc(gw_waf_pattern_count, sizeof *flags);
    unsigned *ids = gw_calloc(gw_waf_pattern_count, sizeof *ids);
    if (!text || !flags || !ids)
        goto out;
    for (unsigned i = 0; i < gw_waf_pattern_count; i++) {
        if (!gw_waf_in_set(&gw_waf_patterns[i], set))
            continue;
        text[n] = gw_waf_patterns[i].expression;
        flags[n] = gw_waf_patterns[i].flags;
        ids[n++] = i;
    }
    hs_compile_error_t *why = NULL;
    hs_error_t rc = hs_compile_multi(text, flags, ids, n, HS_MODE_BLOCK, NULL, out, &why);
    code = rc == HS_SUCCESS ? AIGW_OK
                            : gw_fail(err, rc == HS_NOMEM ? AIGW_E_NOMEM : AIGW_E_UNSUPPORTED,
                                      "waf_patterns", "the signatures do not compile here: %s",
                                      why && why->message ? why->message : "no reason given");
    if (why)
        hs_free_compile_error(why);
out:
    gw_free(text);
    gw_free(flags);
    gw_free(ids);
    return code;
}

static int load(const gw_waf_blob *blob, gw_waf_set set, gw_waf_engine *engine, aigw_error *err)
{
    hs_error_t rc = hs_deserialize_database(blob->data, blob->len, &engine->of[set]);
    if (rc == HS_SUCCESS)
        return AIGW_OK;
    if (rc == HS_NOMEM)
        return gw_fail_nomem(err);
    engine->compiled = true; /* another CPU, or another version of the matcher */
    return compile(set, &engine->of[set], err);
}

/* The library refuses only when it runs: a database for more than this CPU has. */
static bool runs(const hs_database_t *database)
{
    hs_scratch_t *scratch = NULL;
    hs_error_t rc = hs_alloc_scratch(database, &scratch);
    hs_free_scratch(scratch);
    return rc == HS_SUCCESS || rc == HS_NOMEM;
}

int gw_waf_engine_new(const gw_waf_blob blobs[GW_WAF_SETS], gw_waf_engine **out, aigw_error *err)
{
    if (hs_valid_platform() != HS_SUCCESS)
        return gw_fail(err, AIGW_E_UNSUPPORTED, "waf_cpu", "this CPU lacks SSSE3");
    gw_waf_engine *engine = gw_calloc(1, sizeof *engine);
    if (!engine)
        return gw_fail_nomem(err);
    hs_set_allocator(gw_alloc, gw_free);
    pthread_mutex_init(&engine->lock, NULL);
    int code = AIGW_OK;
    for (unsigned set = 0; set < GW_WAF_SETS && code == AIGW_OK; set++) {
        code = load(&blobs[set], (gw_waf_set)set, engine, err);
        if (code == AIGW_OK && !engine->compiled && !runs(engine->of[set])) {
            hs_free_database(engine->of[set]);
            engine->of[set] = NULL;
            engine->compiled = true;
            code = compile((gw_waf_set)set, &engine->of[set], err);
        }
    }
    if (code != AIGW_OK) {
        gw_waf_engine_free(engine);
        return code;
    }
    *out = engine;
    return AIGW_OK;
}

static void free_scratch(gw_waf_scratch *scratch)
{
    hs_free_scratch(scratch->of);
    gw_arena_free(scratch->arena);
    gw_free(scratch);
}

void gw_waf_engine_free(gw_waf_engine *engine)
{
    if (!engine)
        return;
    while (engine->pool) {
        gw_waf_scratch *next = engine->pool->next;
        free_scratch(engine->pool);
        engine->pool = next;
    }
    for (unsigned set = 0; set < GW_WAF_SETS; set++)
        hs_free_database(engine->of[set]);
    pthread_mutex_destroy(&engine->lock);
    gw_free(engine);
}

gw_waf_scratch *gw_waf_scratch_take(gw_waf_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    gw_waf_scratch *scratch = engine->pool;
    if (scratch)
        engine->pool = scratch->next;
    pthread_mutex_unlock(&engine->lock);
    if (scratch)
        return scratch;
    scratch = gw_calloc(1, sizeof *scratch);
    if (!scratch)
        return NULL;
    scratch->arena = gw_arena_new(ARENA_MAX);
    bool made = scratch->arena && gw_arena_alloc(scratch->arena, KEPT);
    if (made)
        gw_arena_reset(scratch->arena);
    for (unsigned set = 0; set < GW_WAF_SETS && made; set++)
        made = hs_alloc_scratch(engine->of[set], &scratch->of) == HS_SUCCESS;
    if (made)
        return scratch;
    free_scratch(scratch);
    return NULL;
}

void gw_waf_scratch_give(gw_waf_engine *engine, gw_waf_scratch *scratch)
{
    gw_arena_reset(scratch->arena);
    pthread_mutex_lock(&engine->lock);
    scratch->next = engine->pool;
    engine->pool = scratch;
    pthread_mutex_unlock(&engine->lock);
}

gw_arena *gw_waf_scratch_arena(gw_waf_scratch *scratch)
{
    return scratch->arena;
}

typedef struct seen_by {
    gw_waf_seen_fn *seen;
    void *user;
} seen_by;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *user)
{
    (void)from;
    (void)flags;
    seen_by *by = user;
    by->seen(by->user, id, (size_t)to);
    return 0;
}

int gw_waf_engine_scan(const gw_waf_engine *engine, gw_waf_scratch *scratch, gw_waf_set set,
                       aigw_slice text, gw_waf_seen_fn *seen, void *user)
{
    if (text.len > (size_t)1 << 30)
        return AIGW_E_LIMIT;
    seen_by by = {seen, user};
    hs_error_t rc =
        hs_scan(engine->of[set], text.data, (unsigned)text.len, 0, scratch->of, on_match, &by);
    return rc == HS_SUCCESS ? AIGW_OK : AIGW_E_INVALID;
}

#else

int gw_waf_engine_new(const gw_waf_blob blobs[GW_WAF_SETS], gw_waf_engine **out, aigw_error *err)
{
    (void)blobs, (void)out;
    return gw_fail(err, AIGW_E_UNSUPPORTED, "waf_build", "built without the matcher of the WAF");
}

void gw_waf_engine_free(gw_waf_engine *engine)
{
    (void)engine;
}

gw_waf_scratch *gw_waf_scratch_take(gw_waf_engine *engine)
{
    (void)engine;
    return NULL;
}

void gw_waf_scratch_give(gw_waf_engine *engine, gw_waf_scratch *scratch)
{
    (void)engine;
    (void)scratch;
}

gw_arena *gw_waf_scratch_arena(gw_waf_scratch *scratch)
{
    (void)scratch;
    return NULL;
}

int gw_waf_engine_scan(const gw_waf_engine *engine, gw_waf_scratch *scratch, gw_waf_set set,
                       aigw_slice text, gw_waf_seen_fn *seen, void *user)
{
    (void)engine, (void)scratch, (void)set, (void)text, (void)seen, (void)user;
    return AIGW_E_UNSUPPORTED;
}

#endif

bool gw_waf_engine_compiled(const gw_waf_engine *engine)
{
#ifdef AIGW_HAVE_VECTORSCAN
    return engine->compiled;
#else
    (void)engine;
    return false;
#endif
}
