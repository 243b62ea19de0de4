/*
 * The JSON Schema and the loader are the same: every key of the schema is accepted where the schema
 * has it, an unknown one beside it is refused with its line and pointer; docs/ agrees.
 */
#include "base/json.h"
#include "base/json_write.h"
#include "gateway/config/schema.h"
#include "help.h"
#include "unit/gate/mint.h"
#include <aigw/gateway.h>
#include <stdlib.h>

#define MAX_PATH 8

typedef struct walk {
    gw_arena *arena;
    gw_json_doc schema;
    const char *names[MAX_PATH]; /* keys on the way, list steps left out */
    size_t depth;
    int keys;
    /* The document that is being written */
    gw_buf buf;
    int line, extra_line;
    const char *extra; /* a key to add to the section at the path; NULL: none */
} walk;

static void emit_section(walk *w, gw_json_ref schema, size_t level);

static bool has_type(walk *w, gw_json_ref schema, const char *type)
{
    gw_json_ref t = gw_json_get(&w->schema, schema, "type");
    if (gw_json_typeof(&w->schema, t) == GW_JSON_ARRAY)
        t = gw_json_first(&w->schema, t);
    return gw_json_is(&w->schema, t, type);
}

/* The section below a property: its own, or that of a list's elements; ABSENT for a scalar. */
static gw_json_ref inner_section(walk *w, gw_json_ref schema)
{
    if (has_type(w, schema, "array"))
        schema = gw_json_get(&w->schema, schema, "items");
    return gw_json_get(&w->schema, schema, "properties") == GW_JSON_ABSENT ? GW_JSON_ABSENT
                                                                           : schema;
}

/* Any value that the schema allows. */
static void emit_sample(walk *w, gw_json_ref schema, size_t level)
{
    gw_json_ref any = gw_json_get(&w->schema, schema, "anyOf");
    if (any != GW_JSON_ABSENT)
        schema = gw_json_first(&w->schema, any);
    gw_json_ref words = gw_json_get(&w->schema, schema, "enum");
    if (words != GW_JSON_ABSENT) {
        gw_json_ref last = gw_json_at(&w->schema, words, gw_json_count(&w->schema, words) - 1);
        gw_buf_add(&w->buf, gw_json_raw(&w->schema, last));
    } else if (has_type(w, schema, "boolean")) {
        gw_buf_puts(&w->buf, "true");
    } else if (has_type(w, schema, "integer")) {
        gw_buf_add(&w->buf, gw_json_raw(&w->schema, gw_json_get(&w->schema, schema, "maximum")));
    } else if (has_type(w, schema, "string")) {
        gw_buf_puts(&w->buf, "\"x\"");
    } else if (has_type(w, schema, "array")) {
        gw_buf_putc(&w->buf, '[');
        emit_sample(w, gw_json_get(&w->schema, schema, "items"), level);
        gw_buf_putc(&w->buf, ']');
    } else if (inner_section(w, schema) != GW_JSON_ABSENT) {
        emit_section(w, schema, level);
    } else {
        gw_buf_puts(&w->buf, "{\"any-name\": \"x\"}");
    }
}

static bool is_required(walk *w, gw_json_ref schema, gw_json_ref key)
{
    gw_json_ref list = gw_json_get(&w->schema, schema, "required");
    for (gw_json_ref r = gw_json_first(&w->schema, list); r != GW_JSON_ABSENT;
         r = gw_json_next(&w->schema, r)) {
        if (gw_eq(gw_json_raw(&w->schema, r), gw_json_raw(&w->schema, key)))
            return true;
    }
    return false;
}

/* The required keys, the one on the path, and at the path's end the extra one; each on its line. */
static void emit_section(walk *w, gw_json_ref schema, size_t level)
{
    gw_json_ref properties = gw_json_get(&w->schema, schema, "properties");
    const char *comma = "";
    gw_buf_putc(&w->buf, '{');
    for (gw_json_ref key = gw_json_first(&w->schema, properties); key != GW_JSON_ABSENT;
         key = gw_json_next(&w->schema, key)) {
        bool on_path = level < w->depth && gw_json_key_is(&w->schema, key, w->names[level]);
        if (!on_path && !is_required(w, schema, key))
            continue;
        w->line++;
        gw_buf_printf(&w->buf, "%s\n", comma);
        gw_buf_add(&w->buf, gw_json_raw(&w->schema, key));
        gw_buf_puts(&w->buf, ": ");
        emit_sample(w, gw_json_value(&w->schema, key), on_path ? level + 1 : MAX_PATH + 1);
        comma = ",";
    }
    if (w->extra && level == w->depth) {
        w->extra_line = ++w->line;
        gw_buf_printf(&w->buf, "%s\n\"%s\": 1", comma, w->extra);
    }
    gw_buf_putc(&w->buf, '}');
}

/* Writes a document and lets the loader's table read it. */
static int try_document(walk *w, const char *extra)
{
    gw_cfg_tree tree;
    gw_cfg_root raw;
    gw_buf_init(&w->buf, 1 << 20);
    w->line = 1;
    w->extra = extra;
    emit_section(w, 0, 0);
    assert_false(w->buf.failed);
    memset(&help_err, 0, sizeof help_err);
    assert_int_equal(gw_cfg_tree_init(&tree, &help_host, NULL), AIGW_OK);
    int code = gw_cfg_parse(&tree, gw_buf_slice(&w->buf), &help_err);
    if (code == AIGW_OK)
        code = gw_cfg_bind(&tree, &gw_cfg_schema, tree.root, &raw, &help_err);
    gw_cfg_tree_free(&tree);
    gw_buf_free(&w->buf);
    return code;
}

/* Puts the pointer's names without list indexes: "/providers/0/x" is "/providers/x". */
static void without_indexes(const char *pointer, char *out)
{
    for (; *pointer; pointer++) {
        if (pointer[0] == '/' && pointer[1] >= '0' && pointer[1] <= '9') {
            pointer++;
            continue;
        }
        *out++ = *pointer;
    }
    *out = '\0';
}

static void expect_refusal(walk *w)
{
    char expected[160] = "", found[160];
    if (try_document(w, "zz_unknown") == AIGW_OK)
        fail_msg("an unknown key was accepted at depth %zu", w->depth);
    for (size_t i = 0; i < w->depth; i++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "/%s",
                 w->names[i]);
    snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "/zz_unknown");
    without_indexes(help_err.pointer, found);
    assert_string_equal(found, expected);
    assert_int_equal(help_err.line, w->extra_line);
    assert_string_equal(help_err.reason, "unknown_key");
}

static void walk_section(walk *w, gw_json_ref schema)
{
    gw_json_ref properties = gw_json_get(&w->schema, schema, "properties");
    expect_refusal(w);
    for (gw_json_ref key = gw_json_first(&w->schema, properties); key != GW_JSON_ABSENT;
         key = gw_json_next(&w->schema, key)) {
        aigw_slice name = gw_json_text(w->arena, &w->schema, key);
        aigw_slice copy = gw_arena_copy(w->arena, name);
        assert_true(w->depth < MAX_PATH);
        w->names[w->depth++] = copy.data;
        w->keys++;
        if (try_document(w, NULL) != AIGW_OK)
            fail_msg("%s refused: %s: %s", copy.data, help_err.pointer, help_err.message);
        gw_json_ref inner = inner_section(w, gw_json_value(&w->schema, key));
        if (inner != GW_JSON_ABSENT)
            walk_section(w, inner);
        w->depth--;
    }
}

static int count_keys(const gw_cfg_section *section)
{
    int count = 0;
    for (const gw_cfg_key *key = section->keys; key->name; key++)
        count += 1 + (key->section ? count_keys(key->section) : 0);
    return count;
}

static void every_key_of_the_schema_is_the_loaders(void **state)
{
    (void)state;
    help_env = NULL;
    walk w = {.arena = gw_arena_new(64 << 20)};
    assert_int_equal(gw_json_parse(w.arena, aigw_config_schema(), NULL, &w.schema, NULL), AIGW_OK);
    walk_section(&w, 0);
    assert_int_equal(w.keys, count_keys(&gw_cfg_schema));
    assert_true(w.keys > 60);
    gw_arena_free(w.arena);
}

static char *read_doc(const char *path)
{
    static char text[256 * 1024];
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is missing", path);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    return text;
}

/* After a change of the table: AIGW_WRITE_SCHEMA=1 unit_gateway_config_schema, then git diff. */
static void the_stored_schema_is_the_tables(void **state)
{
    (void)state;
    const char *path = AIGW_SOURCE_DIR "/docs/config.schema.json";
    aigw_slice schema = aigw_config_schema();
    assert_true(schema.len > 0);
    if (getenv("AIGW_WRITE_SCHEMA")) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fwrite(schema.data, 1, schema.len, file);
        fputc('\n', file);
        assert_int_equal(fclose(file), 0);
    }
    const char *stored = read_doc(path);
    assert_int_equal(strlen(stored), schema.len + 1);
    assert_memory_equal(stored, schema.data, schema.len);
}

static void expect_documented(const gw_cfg_section *section, const char *text)
{
    for (const gw_cfg_key *key = section->keys; key->name; key++) {
        char quoted[80];
        snprintf(quoted, sizeof quoted, "`%s`", key->name);
        if (!strstr(text, quoted))
            fail_msg("docs/config.md does not name %s", quoted);
        if (key->section)
            expect_documented(key->section, text);
    }
}

static void every_key_is_documented(void **state)
{
    (void)state;
    expect_documented(&gw_cfg_schema, read_doc(AIGW_SOURCE_DIR "/docs/config.md"));
}

static char *account_of(EVP_PKEY *key)
{
    gw_buf out;
    char *pem = mint_pem(key, true);
    gw_buf_init(&out, 16384);
    gw_buf_puts(&out, "{\"type\":\"service_account\",\"private_key\":\"");
    gw_json_escape(&out, aigw_slice_of(pem));
    gw_buf_puts(&out, "\",\"client_email\":\"a@b\",\"token_uri\":\"https://o/t\"}");
    free(pem);
    return mint_text(&out);
}

/* The YAML blocks of the page load as they stand. */
static void the_examples_load(void **state)
{
    (void)state;
    EVP_PKEY *key = mint_rsa(2048);
    char *account = account_of(key);
    const char *const env[] = {"OPENAI_API_KEY",
                               "a",
                               "ANTHROPIC_API_KEY",
                               "b",
                               "AZURE_API_KEY",
                               "c",
                               "TEAM_A_SECRET",
                               "d",
                               "GATEWAY_CLIENT_SECRET",
                               "e",
                               "GEMINI_API_KEY",
                               "f",
                               "ENTRA_SECRET",
                               "g",
                               "AWS_ACCESS_KEY_ID",
                               "h",
                               "AWS_SECRET_ACCESS_KEY",
                               "i",
                               "MISTRAL_API_KEY",
                               "j",
                               "GOOGLE_SERVICE_ACCOUNT",
                               account,
                               "AIGW_PUBLIC_URL",
                               "https://gw",
                               NULL};
    help_env = env;
    char *text = read_doc(AIGW_SOURCE_DIR "/docs/config.md");
    int examples = 0;
    for (char *at = text; (at = strstr(at, "```yaml\n")); examples++) {
        at += 8;
        char *end = strstr(at, "```");
        assert_non_null(end);
        *end = '\0';
        gw_config_free(help_load(at));
        at = end + 1;
    }
    assert_true(examples >= 4);
    free(account);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_the_schema_is_the_loaders),
        cmocka_unit_test(the_stored_schema_is_the_tables),
        cmocka_unit_test(every_key_is_documented),
        cmocka_unit_test(the_examples_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
