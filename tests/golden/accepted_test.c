/* No recorded request that its provider took is called malformed by the reader of its own format. */
/* Must not know what a fixture says. */
#include "golden/fixtures.h"

#include "wire/wire.h"

static const char *const folders[] = {
    "openai", "openai-compatible", "openai-responses", "azure", "anthropic", "gemini", "bedrock"};

static const struct {
    const char *path; /* part of the one that was asked */
    const gw_wire *wire;
    bool counting;
} paths[] = {{"/embeddings", NULL, false},
             {"count_tokens", &gw_wire_anthropic, true},
             {"countTokens", &gw_wire_gemini, true},
             {"count-tokens", &gw_wire_bedrock, true},
             {"/chat/completions", &gw_wire_openai_chat, false},
             {"/responses", &gw_wire_openai_responses, false},
             {"/messages", &gw_wire_anthropic, false},
             {"enerateContent", &gw_wire_gemini, false},
             {"/converse", &gw_wire_bedrock, false}};

static size_t seen, unknown;

static gw_json_doc parse(gw_arena *arena, const char *path, char **text)
{
    size_t len = 0;
    gw_json_doc doc = {{NULL, 0}, NULL, 0};
    *text = fixture_read(path, &len);
    if (*text != NULL && gw_json_parse(arena, gw_slice(*text, len), NULL, &doc, NULL) != AIGW_OK)
        fail_msg("%s is no JSON", path);
    return doc;
}

static void read_as(gw_arena *arena, size_t p, const char *path)
{
    gw_chat_request request;
    aigw_error err = {0};
    char *text;
    gw_json_doc doc = parse(arena, path, &text);
    const gw_wire *wire = paths[p].wire;
    assert_non_null(text);
    int rc = (paths[p].counting ? wire->read_count_request : wire->read_request)(arena, &doc,
                                                                                 &request, &err);
    seen++;
    unknown += rc == AIGW_E_UNSUPPORTED;
    if (rc != AIGW_OK && rc != AIGW_E_UNSUPPORTED)
        fail_msg("%s: %d %s at %s", path, rc, err.message, err.pointer);
    free(text);
}

/* One case: its meta file says where it went and whether that was taken. */
static void look_at(const char *folder, const char *file)
{
    char path[400], asked[400];
    int64_t status = 0;
    char *text;
    gw_arena *arena = gw_arena_new(64u << 20);
    int stem = (int)(strlen(file) - strlen(".request.json"));
    snprintf(path, sizeof path, FIXTURES "/%s/%.*s.meta.json", folder, stem, file);
    gw_json_doc meta = parse(arena, path, &text);
    aigw_slice where = gw_json_inner(&meta, gw_json_get(&meta, 0, "path"));
    gw_json_i64(&meta, gw_json_get(&meta, 0, "status"), &status);
    snprintf(asked, sizeof asked, "%.*s", (int)where.len, where.len > 0 ? where.data : "");
    snprintf(path, sizeof path, FIXTURES "/%s/%s", folder, file);
    for (size_t p = 0; status == 200 && p < sizeof paths / sizeof paths[0]; p++) {
        if (strstr(asked, paths[p].path) == NULL)
            continue;
        if (paths[p].wire != NULL)
            read_as(arena, p, path);
        break;
    }
    free(text);
    gw_arena_free(arena);
}

static void what_was_taken_is_not_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[300];
        snprintf(path, sizeof path, FIXTURES "/%s", folders[i]);
        DIR *dir = opendir(path);
        assert_non_null(dir);
        for (struct dirent *e; (e = readdir(dir)) != NULL;) {
            const char *tail = strstr(e->d_name, ".request.json");
            if (tail != NULL && strcmp(tail, ".request.json") == 0)
                look_at(folders[i], e->d_name);
        }
        closedir(dir);
    }
    printf("%zu requests, %zu with words that are not known here\n", seen, unknown);
    assert_true(seen >= 60);
    assert_true(unknown * 10 < seen);
}

int main(void)
{
    DIR *dir = opendir(FIXTURES);
    if (dir == NULL)
        return fixtures_absent();
    closedir(dir);
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_taken_is_not_malformed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
