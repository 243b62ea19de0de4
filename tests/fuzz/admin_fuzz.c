/*
 * Fuzzes the bodies of the admin API: the first byte is the action, the rest the JSON. What was
 * accepted must be a client that can be listed, and nothing else may have been changed.
 */
#include "base/json.h"
#include "base/text.h"
#include "gateway/issuer/issuer.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];
static aigw_issuer *issuer;
static aigw_issuer_store *store;

static void clean_up(void)
{
    char name[80];
    aigw_issuer_free(issuer);
    aigw_issuer_store_free(store);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static void start(void)
{
    aigw_issuer_options options = {.size = sizeof options, .issuer = GW_S("i"), .max_failures = -1};
    snprintf(path, sizeof path, "/tmp/aigw-admin-fuzz-%ld", (long)getpid());
    if (aigw_issuer_store_open(aigw_slice_of(path), true, NULL, &store, NULL) != AIGW_OK)
        abort();
    options.store = store;
    if (aigw_issuer_new(&options, NULL, &issuer, NULL) != AIGW_OK)
        abort();
    atexit(clean_up);
}

/* The answer is JSON and names a client that is there: take it out again. */
static void check_added(gw_arena *arena, aigw_slice answer, aigw_slice who)
{
    gw_json_doc doc;
    aigw_slice json;
    if (gw_json_parse(arena, answer, NULL, &doc, NULL) != AIGW_OK ||
        gw_json_get(&doc, 0, "client_secret") == GW_JSON_ABSENT)
        abort();
    if (aigw_issuer_store_describe(store, who, &json, NULL) != AIGW_OK)
        abort();
    aigw_bytes_free(json);
    if (aigw_issuer_store_remove(store, who, NULL) != AIGW_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    aigw_error err = {0};
    aigw_slice who;
    gw_buf out;
    if (!issuer)
        start();
    if (size == 0)
        return 0;
    bool rotates = data[0] == 'r';
    gw_arena *arena = gw_arena_new((size_t)1 << 22);
    gw_buf_init(&out, (size_t)1 << 20);
    if (!arena)
        abort();
    int code = gw_issuer_admin(issuer, rotates ? GW_ADMIN_ROTATE : GW_ADMIN_ADD,
                               rotates ? GW_S("nobody") : GW_S(""),
                               gw_slice((const char *)data + 1, size - 1), arena, &out, &who, &err);
    if (rotates ? code == AIGW_OK : code != AIGW_OK && !err.reason[0])
        abort();
    if (code == AIGW_OK)
        check_added(arena, gw_buf_slice(&out), who);
    gw_buf_free(&out);
    gw_arena_free(arena);
    return 0;
}
