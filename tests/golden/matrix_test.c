/* What survives of a request from each format to each other, found by doing it; docs/formats/requests.md is the
 * outcome. Something that is lost without a word fails. Must not know any format's fields: features.json does. */
#include "golden/digest.h"

#include "base/json_write.h"
#include "base/text.h"
#include "wire/wire.h"

#include <sys/stat.h>

#define FEATURES AIGW_SOURCE_DIR "/tests/golden/features.json"
#define DOCUMENT AIGW_SOURCE_DIR "/docs/formats/requests.md"

typedef struct target {
    const char *name, *title, *model;
    const gw_wire *wire;
    const char *home; /* another model, for the way back: what one takes the other may not */
} target;

static const target targets[] = {
    {"openai_chat", "Chat Completions", "gpt-5", &gw_wire_openai_chat, "gpt-5"},
    {"openai_responses", "Responses", "gpt-5", &gw_wire_openai_responses, "gpt-5"},
    {"anthropic", "Messages", "claude-sonnet-4-5", &gw_wire_anthropic, "claude-opus-4-8"},
    {"gemini", "Gemini", "gemini-3-pro-preview", &gw_wire_gemini, "gemini-2.5-flash"},
    {"bedrock", "Converse", "anthropic.claude-sonnet-4-5-20250929-v1:0", &gw_wire_bedrock,
     "anthropic.claude-opus-4-8-v1:0"},
};

enum { TARGETS = sizeof targets / sizeof *targets, REASONS = 400, REASON = 300 };

typedef struct outcome {
    const char *word; /* kept, changed, dropped, refused, silent */
    char reason[REASON];
} outcome;

static char *file_text(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
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

/* Reads a request of a wire into a digest; false (with the message) when it is refused. */
static bool take(const gw_wire *wire, gw_arena *arena, aigw_slice body, gw_chat_request *request,
                 digest *out, aigw_error *err)
{
    gw_json_doc *doc = gw_arena_calloc(arena, 1, sizeof *doc);
    assert_non_null(doc);
    *out = (digest){.arena = arena};
    if (gw_json_parse(arena, body, NULL, doc, err) != AIGW_OK ||
        wire->read_request(arena, doc, request, err) != AIGW_OK)
        return false;
    digest_request(out, request);
    return true;
}

static const char *first_reason(const gw_notes *notes)
{
    return notes->count ? notes->items[0].reason : "";
}

/* What a feature says beyond the plain request, and how much of that comes back from the target. */
static void judge(const digest *plain, const digest *full, const digest *back,
                  const gw_notes *notes, outcome *out)
{
    size_t said_lines = 0, missing = 0;
    for (size_t i = 0; i < full->count; i++) {
        if (digest_has(plain, full->lines[i]))
            continue;
        said_lines++;
        missing += !digest_has(back, full->lines[i]);
    }
    if (said_lines == 0)
        out->word = "empty"; /* the sample says nothing that its reader takes */
    else if (missing == 0)
        out->word = notes->count ? "changed" : "kept";
    else if (notes->count)
        out->word = missing == said_lines ? "dropped" : "changed";
    else
        out->word = "silent";
    snprintf(out->reason, sizeof out->reason, "%s", first_reason(notes));
}

/* The first fact that does not come back from there, for a model at home; NULL: none, or it is noted (which
 * is a row of its own). */
static const char *missing_at_home(const target *from, const char *model, gw_arena *arena,
                                   gw_chat_request *there, const digest *full)
{
    gw_buf body;
    gw_buf_init(&body, 16u << 20);
    gw_notes notes = {.arena = arena};
    gw_write_options options = {.model = aigw_slice_of(model), .default_max_tokens = 1000};
    gw_chat_request again;
    digest home;
    aigw_error err = {0};
    const char *missing = NULL;
    if (gw_wire_request(from->wire, arena, there, &options, &body, &notes, &err) != AIGW_OK ||
        !take(from->wire, arena, gw_buf_slice(&body), &again, &home, &err))
        fail_msg("back to %s: %s %s", from->name, err.pointer, err.message);
    for (size_t i = 0; i < full->count && notes.count == 0 && missing == NULL; i++)
        missing = digest_has(&home, full->lines[i]) ? NULL : full->lines[i];
    gw_buf_free(&body);
    return missing;
}

/* What is kept there comes back from there, if any model at home can be told so. */
static void back_again(const target *from, const target *to, gw_arena *arena,
                       gw_chat_request *there, const digest *full, outcome *out)
{
    const char *missing = missing_at_home(from, from->model, arena, there, full);
    if (missing != NULL)
        missing = missing_at_home(from, from->home, arena, there, full);
    if (missing == NULL)
        return;
    out->word = "one way";
    snprintf(out->reason, sizeof out->reason, "%s to %s and back: no %s", from->name, to->name,
             missing);
}

static outcome try_one(const target *from, const target *to, aigw_slice plain, aigw_slice sample)
{
    outcome out = {.word = "kept"};
    aigw_error err = {0};
    gw_arena *arena = gw_arena_new(64u << 20);
    gw_chat_request request, again;
    digest base, full, back;
    gw_buf body;
    gw_buf_init(&body, 16u << 20);
    assert_true(take(from->wire, arena, plain, &request, &base, &err));
    if (!take(from->wire, arena, sample, &request, &full, &err))
        fail_msg("%s: the sample is refused by its own reader: %s %s: %.*s", from->name,
                 err.pointer, err.message, (int)sample.len, sample.data);
    gw_notes notes = {.arena = arena};
    gw_write_options options = {.model = aigw_slice_of(to->model), .default_max_tokens = 1000};
    int rc = gw_wire_request(to->wire, arena, &request, &options, &body, &notes, &err);
    if (rc != AIGW_OK) {
        assert_int_equal(rc, AIGW_E_UNSUPPORTED);
        out.word = "refused";
        snprintf(out.reason, sizeof out.reason, "%s", err.message);
    } else if (!take(to->wire, arena, gw_buf_slice(&body), &again, &back, &err)) {
        fail_msg("%s to %s: what was written is refused by its reader: %s %s: %.*s", from->name,
                 to->name, err.pointer, err.message, (int)gw_buf_len(&body),
                 gw_buf_slice(&body).data);
    } else {
        judge(&base, &full, &back, &notes, &out);
        if (strcmp(out.word, "kept") == 0)
            back_again(from, to, arena, &again, &full, &out);
        if (getenv("AIGW_MATRIX_SHOW") &&
            (strcmp(out.word, "silent") == 0 || strcmp(out.word, "empty") == 0)) {
            printf("--- %s to %s\n%.*s\n%.*s\n", from->name, to->name, (int)sample.len, sample.data,
                   (int)gw_buf_len(&body), gw_buf_slice(&body).data);
            for (size_t i = 0; i < full.count; i++)
                printf("  %c %s\n", digest_has(&back, full.lines[i]) ? ' ' : '-', full.lines[i]);
        }
    }
    gw_buf_free(&body);
    gw_arena_free(arena);
    return out;
}

/* Reasons as notes below a table, each once. */
typedef struct footnotes {
    char text[REASONS][REASON];
    size_t count;
} footnotes;

static size_t footnote(footnotes *notes, const char *reason)
{
    size_t i = 0;
    while (i < notes->count && strcmp(notes->text[i], reason) != 0)
        i++;
    if (i == notes->count) {
        assert_true(notes->count < REASONS);
        snprintf(notes->text[notes->count++], REASON, "%s", reason);
    }
    return i + 1;
}

/* features.json may say in words what a target makes of it where nothing is noted since nothing is lost. */
static bool explained(const gw_json_doc *doc, gw_json_ref feature, const target *from,
                      const target *to, outcome *out)
{
    char key[80];
    snprintf(key, sizeof key, "%s to %s", from->name, to->name);
    gw_json_ref says = gw_json_get(doc, feature, "said_otherwise");
    gw_json_ref why = gw_json_get(doc, says, key);
    if (why == GW_JSON_ABSENT)
        why = gw_json_get(doc, says, to->name);
    aigw_slice text = gw_json_inner(doc, why);
    if (!text.data)
        return false;
    out->word = "changed";
    snprintf(out->reason, sizeof out->reason, "%.*s", (int)text.len, text.data);
    return true;
}

static size_t write_row(const gw_json_doc *doc, gw_json_ref feature, size_t from, aigw_slice plain,
                        footnotes *notes, gw_buf *out)
{
    size_t silent = 0;
    aigw_slice name = gw_json_inner(doc, gw_json_get(doc, feature, "feature"));
    aigw_slice sample =
        gw_json_raw(doc, gw_json_get(doc, gw_json_get(doc, feature, "said"), targets[from].name));
    gw_buf_printf(out, "| %.*s |", (int)name.len, name.data);
    for (size_t to = 0; to < TARGETS; to++) {
        if (to == from)
            continue;
        outcome o = try_one(&targets[from], &targets[to], plain, sample);
        bool words = strcmp(o.word, "dropped") == 0;
        if (words && explained(doc, feature, &targets[from], &targets[to], &o))
            o.word = "changed";
        bool unsaid = strcmp(o.word, "silent") == 0 || strcmp(o.word, "empty") == 0 ||
                      strcmp(o.word, "one way") == 0;
        if (unsaid && !explained(doc, feature, &targets[from], &targets[to], &o)) {
            printf("%s to %s: %.*s is %s\n", targets[from].name, targets[to].name, (int)name.len,
                   name.data,
                   o.word[0] == 's'   ? "lost without a word"
                   : o.word[0] == 'e' ? "nothing to its reader"
                                      : "not kept on its way back");
            silent++;
        }
        gw_buf_printf(out, " %s", o.word);
        if (o.reason[0])
            gw_buf_printf(out, " [%zu]", footnote(notes, o.reason));
        gw_buf_puts(out, " |");
    }
    gw_buf_putc(out, '\n');
    return silent;
}

static size_t write_table(const gw_json_doc *doc, size_t from, footnotes *notes, gw_buf *out)
{
    size_t silent = 0;
    gw_json_ref plain = gw_json_get(doc, gw_json_get(doc, 0, "plain"), targets[from].name);
    assert_true(plain != GW_JSON_ABSENT);
    gw_buf_printf(out, "\n## From %s\n\n| |", targets[from].title);
    for (size_t to = 0; to < TARGETS; to++) {
        if (to != from)
            gw_buf_printf(out, " %s |", targets[to].title);
    }
    gw_buf_puts(out, "\n|---|---|---|---|---|\n");
    gw_json_ref list = gw_json_get(doc, 0, "features");
    for (gw_json_ref f = gw_json_first(doc, list); f != GW_JSON_ABSENT; f = gw_json_next(doc, f)) {
        gw_json_ref said_here = gw_json_get(doc, gw_json_get(doc, f, "said"), targets[from].name);
        if (said_here != GW_JSON_ABSENT)
            silent += write_row(doc, f, from, gw_json_raw(doc, plain), notes, out);
    }
    return silent;
}

static const char head[] = "# What survives of a request\n\n"
                           "Made by `tests/golden/matrix_test.c`, which sends each feature of "
                           "`tests/golden/features.json` from each format to\n"
                           "each other one and reads it back there. *Kept*: it comes back as it "
                           "was. *Changed*: it comes back otherwise, or in part.\n"
                           "*Dropped*: left out, and on the list of `aigw_translation_drop` (and "
                           "of `x-aigw-dropped`). *Refused*: a 400 with a JSON\n"
                           "pointer. With `strict`, what is on the list is refused too. Towards "
                           "OpenAI the model was gpt-5, Anthropic\n"
                           "claude-sonnet-4-5, Gemini gemini-3-pro-preview, Bedrock Claude Sonnet "
                           "4.5: other models take more or less.\n";

static void test_requests(void **state)
{
    (void)state;
    size_t len = 0, silent = 0;
    char *text = file_text(FEATURES, &len);
    assert_non_null(text);
    gw_arena *arena = gw_arena_new(64u << 20);
    gw_json_doc doc;
    aigw_error err = {0};
    if (gw_json_parse(arena, gw_slice(text, len), NULL, &doc, &err) != AIGW_OK)
        fail_msg("%s: %s", err.pointer, err.message);
    static footnotes notes;
    gw_buf out;
    gw_buf_init(&out, 4u << 20);
    gw_buf_puts(&out, head);
    for (size_t from = 0; from < TARGETS; from++)
        silent += write_table(&doc, from, &notes, &out);
    gw_buf_puts(&out, "\n## Notes\n\n");
    for (size_t i = 0; i < notes.count; i++)
        gw_buf_printf(&out, "%zu. %s\n", i + 1, notes.text[i]);
    const char *update = getenv("AIGW_GOLDEN_UPDATE");
    if (update && strcmp(update, "1") == 0) {
        mkdir(AIGW_SOURCE_DIR "/docs/formats", 0755);
        FILE *f = fopen(DOCUMENT, "wb");
        assert_non_null(f);
        fwrite(gw_buf_slice(&out).data, 1, gw_buf_len(&out), f);
        assert_int_equal(fclose(f), 0);
    }
    size_t wanted_len = 0;
    char *wanted = file_text(DOCUMENT, &wanted_len);
    assert_non_null(wanted);
    assert_int_equal(silent, 0);
    assert_true(gw_eq(gw_slice(wanted, wanted_len), gw_buf_slice(&out)));
    free(wanted);
    gw_buf_free(&out);
    gw_arena_free(arena);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
