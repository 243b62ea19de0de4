/* The table of what answers keep (wire/carries.c), held against the codecs; docs/formats/answers.md is its text. */
/* Must not know why a format cannot say something: the table says it. */
#include "golden/digest.h"

#include "base/text.h"
#include "chat/seal.h"
#include "wire/carries.h"
#include "wire/wire.h"

#include <sys/stat.h>

#define DOCUMENT AIGW_SOURCE_DIR "/docs/formats/answers.md"

static const struct target {
    const char *title;
    const gw_wire *wire;
} targets[] = {{"Chat Completions", &gw_wire_openai_chat},
               {"Responses", &gw_wire_openai_responses},
               {"Messages", &gw_wire_anthropic},
               {"Gemini", &gw_wire_gemini},
               {"Converse", &gw_wire_bedrock}};

enum { TARGETS = sizeof targets / sizeof *targets, INPUT = 1000, OUTPUT = 50 };

/* An answer that lies here, to be added to. */
typedef struct sample {
    gw_block blocks[2][3];
    gw_choice choices[2];
    gw_answer answer;
} sample;

static void plain(sample *s)
{
    *s = (sample){.answer = {.choice_count = 1, .usage = gw_usage_unknown()}};
    s->answer.choices = s->choices;
    s->answer.usage.input_tokens = INPUT;
    s->answer.usage.output_tokens = OUTPUT;
    for (size_t i = 0; i < 2; i++) {
        s->blocks[i][0] = (gw_block){.kind = GW_BLOCK_TEXT, .text = gw_jstr_lit("hello")};
        s->choices[i] = (gw_choice){
            .blocks = s->blocks[i], .block_count = 1, .finished = true, .finish = GW_FINISH_STOP};
    }
}

/* One block before the text. */
static void put_first(sample *s, gw_block block)
{
    s->blocks[0][1] = s->blocks[0][0];
    s->blocks[0][0] = block;
    s->choices[0].block_count = 2;
}

static void add_block(sample *s, gw_trait trait)
{
    gw_block call = {.kind = GW_BLOCK_TOOL_CALL,
                     .call_id = gw_jstr_lit("call_1"),
                     .tool_name = gw_jstr_lit("f"),
                     .text = gw_jstr_lit("two words"),
                     .custom = true};
    switch (trait) {
    case GW_TRAIT_REFUSAL:
        s->blocks[0][0] = (gw_block){.kind = GW_BLOCK_REFUSAL, .text = gw_jstr_lit("I will not")};
        break;
    case GW_TRAIT_THINKING:
        put_first(s, (gw_block){.kind = GW_BLOCK_THINKING, .text = gw_jstr_lit("let me see")});
        break;
    case GW_TRAIT_SIGNATURE:
        put_first(s, (gw_block){.kind = GW_BLOCK_THINKING,
                                .text = gw_jstr_lit("let me see"),
                                .signature = gw_jstr_lit("EqQBCgIYAg=="),
                                .origin = AIGW_FORMAT_ANTHROPIC});
        break;
    case GW_TRAIT_REDACTED:
        put_first(s, (gw_block){.kind = GW_BLOCK_REDACTED_THINKING,
                                .text = gw_jstr_lit("EqQBCgIYAg=="),
                                .origin = AIGW_FORMAT_ANTHROPIC});
        break;
    case GW_TRAIT_CUSTOM_TOOL:
        s->blocks[0][0] = call;
        s->choices[0].finish = GW_FINISH_TOOL_CALLS;
        break;
    case GW_TRAIT_NATIVE:
        put_first(s, (gw_block){.kind = GW_BLOCK_NATIVE,
                                .raw = {GW_S("{\"type\":\"other\",\"id\":\"x\"}")}});
        break;
    default:
        break;
    }
}

/* In the words of another format than the target's. */
static gw_raw citations_for(const gw_wire *to)
{
    static const char chat[] = "[{\"type\":\"url_citation\",\"url_citation\":{\"url\":"
                               "\"https://example.com\",\"title\":\"A\",\"start_index\":0,"
                               "\"end_index\":5}}]";
    static const char messages[] =
        "[{\"type\":\"web_search_result_location\",\"cited_text\":\"hello\",\"url\":"
        "\"https://example.com\",\"title\":\"A\",\"encrypted_index\":\"x\"}]";
    return (gw_raw){aigw_slice_of(to->format == AIGW_FORMAT_OPENAI_CHAT ? messages : chat)};
}

static void add_trait(sample *s, gw_trait trait, const gw_wire *to)
{
    gw_answer *a = &s->answer;
    switch (trait) {
    case GW_TRAIT_ID:
        a->id = gw_jstr_lit("answer_1");
        break;
    case GW_TRAIT_MODEL:
        a->model = gw_jstr_lit("model-1");
        break;
    case GW_TRAIT_CREATED:
        a->created = 1700000000;
        break;
    case GW_TRAIT_CHOICES:
        a->choice_count = 2;
        break;
    case GW_TRAIT_CITATIONS:
        s->blocks[0][0].raw = citations_for(to);
        break;
    case GW_TRAIT_LOGPROBS:
        s->choices[0].logprobs =
            (gw_raw){GW_S("{\"content\":[{\"token\":\"hello\",\"logprob\":-0.5,\"bytes\":null,"
                          "\"top_logprobs\":[]}],\"refusal\":null}")};
        break;
    case GW_TRAIT_SERVICE_TIER:
        a->service_tier = gw_jstr_lit("default");
        break;
    case GW_TRAIT_FINGERPRINT:
        a->fingerprint = gw_jstr_lit("fp_1");
        break;
    case GW_TRAIT_STOP_SEQUENCE:
        s->choices[0].finish = GW_FINISH_STOP_SEQUENCE;
        s->choices[0].stop_sequence = gw_jstr_lit("END");
        break;
    case GW_TRAIT_CACHED:
        a->usage.cached_tokens = 300;
        break;
    case GW_TRAIT_CACHE_WRITE:
        a->usage.cache_write_tokens = 200;
        break;
    case GW_TRAIT_REASONING:
        a->usage.reasoning_tokens = 20;
        break;
    default:
        add_block(s, trait);
        break;
    }
}

/* A plain answer that has what the trait needs beside itself. */
static void without(sample *s, gw_trait trait)
{
    plain(s);
    if (trait == GW_TRAIT_SIGNATURE)
        add_block(s, GW_TRAIT_THINKING);
}

/* A sealed signature is opened where its client sends it back, in a request: here instead. */
static void open_seals(gw_arena *arena, gw_answer *answer)
{
    for (size_t i = 0; i < answer->choice_count; i++) {
        for (size_t k = 0; k < answer->choices[i].block_count; k++) {
            gw_block *b = &answer->choices[i].blocks[k];
            aigw_slice slot = b->signature.inner;
            const char *colon = slot.len > 0 ? memchr(slot.data, ':', slot.len) : NULL;
            gw_sealed opened;
            if (colon != NULL) /* the id of a reasoning item stands before it */
                slot = gw_skip(slot, (size_t)(colon + 1 - slot.data));
            if (!gw_unseal(arena, (gw_jstr){slot}, &opened))
                continue;
            b->origin = opened.origin;
            b->kind = opened.redacted ? GW_BLOCK_REDACTED_THINKING : b->kind;
            b->text = opened.redacted ? opened.text : b->text;
            b->signature = opened.redacted ? (gw_jstr){{NULL, 0}} : opened.text;
        }
    }
}

static void take(gw_arena *arena, const gw_wire *wire, gw_fold *fold, digest *out)
{
    gw_answer back;
    if (gw_fold_result(fold, &back, NULL) != AIGW_OK)
        fail_msg("%s: what was written is no answer", wire->name);
    open_seals(arena, &back);
    *out = (digest){.arena = arena};
    digest_answer(out, &back);
}

static void whole(gw_arena *arena, const gw_wire *wire, const gw_answer *answer, digest *out)
{
    gw_answer_options options = {.id_seed = GW_S("0123456789abcdef")};
    gw_json_doc *doc = gw_arena_calloc(arena, 1, sizeof *doc);
    gw_fold *fold = gw_fold_new(arena);
    gw_event_sink sink = {gw_fold_event, fold};
    gw_buf body;
    gw_buf_init(&body, 1u << 20);
    assert_int_equal(wire->write_answer(arena, answer, &options, &body, NULL), AIGW_OK);
    aigw_slice kept = gw_arena_copy(arena, gw_buf_slice(&body));
    gw_buf_free(&body);
    assert_int_equal(gw_json_parse(arena, kept, NULL, doc, NULL), AIGW_OK);
    assert_int_equal(wire->read_answer(arena, doc, &sink, NULL), AIGW_OK);
    take(arena, wire, fold, out);
}

typedef struct writing {
    const gw_wire *wire;
    void *state;
    gw_buf *out;
} writing;

static int on_event(void *user, const gw_event *event)
{
    writing *w = user;
    return w->wire->writer_event(w->state, event, w->out);
}

static void streamed(gw_arena *arena, const gw_wire *wire, const gw_answer *answer, digest *out)
{
    gw_answer_options options = {.id_seed = GW_S("0123456789abcdef"), .include_usage = true};
    gw_buf body;
    gw_buf_init(&body, 1u << 20);
    writing w = {wire, calloc(1, wire->writer_size), &body};
    void *reader = calloc(1, wire->reader_size);
    gw_event_sink to_writer = {on_event, &w};
    gw_fold *fold = gw_fold_new(arena);
    gw_event_sink to_fold = {gw_fold_event, fold};
    assert_int_equal(wire->writer_init(w.state, &options), AIGW_OK);
    assert_int_equal(wire->reader_init(reader, 1u << 20), AIGW_OK);
    assert_int_equal(gw_unfold(answer, &to_writer), AIGW_OK);
    assert_int_equal(wire->reader_feed(reader, gw_buf_slice(&body), &to_fold, NULL), AIGW_OK);
    assert_int_equal(wire->reader_end(reader, &to_fold, NULL), AIGW_OK);
    take(arena, wire, fold, out);
    wire->writer_free(w.state);
    wire->reader_free(reader);
    free(w.state);
    free(reader);
    gw_buf_free(&body);
}

static bool same(const digest *a, const digest *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = digest_has(b, a->lines[i]);
    return equal;
}

typedef void (*sender)(gw_arena *, const gw_wire *, const gw_answer *, digest *);

/* What becomes of a trait: all its facts come back, or the answer says something for it, or nothing. */
static gw_carried try_one(gw_trait trait, const gw_wire *to, sender send)
{
    gw_arena *arena = gw_arena_new(16u << 20);
    assert_non_null(arena);
    sample full, bare;
    digest bare_said = {.arena = arena}, full_said = {.arena = arena}, bare_back, full_back;
    without(&bare, trait);
    without(&full, trait);
    if (trait == GW_TRAIT_SIGNATURE)
        plain(&full);
    add_trait(&full, trait, to);
    digest_answer(&bare_said, &bare.answer);
    digest_answer(&full_said, &full.answer);
    send(arena, to, &bare.answer, &bare_back);
    send(arena, to, &full.answer, &full_back);
    size_t missing = 0;
    for (size_t i = 0; i < full_said.count; i++)
        missing += !digest_has(&bare_said, full_said.lines[i]) &&
                   !digest_has(&full_back, full_said.lines[i]);
    gw_carried got = missing == 0 ? GW_KEPT : same(&bare_back, &full_back) ? GW_LOST : GW_CHANGED;
    for (size_t i = 0; getenv("AIGW_MATRIX_SHOW") && i < full_back.count; i++)
        printf("    %s %s: %s\n", to->name, gw_trait_name(trait), full_back.lines[i]);
    gw_arena_free(arena);
    return got;
}

/* Converse and Gemini tell the tier at the end of a stream, where our own readers have passed it. */
static bool only_at_the_end(gw_trait trait, const gw_wire *to)
{
    return trait == GW_TRAIT_SERVICE_TIER &&
           (to->format == AIGW_FORMAT_GEMINI || to->format == AIGW_FORMAT_BEDROCK);
}

static void test_table(void **state)
{
    (void)state;
    static const char *const words[] = {"lost", "changed", "kept"};
    size_t wrong = 0;
    for (gw_trait t = 0; t < GW_TRAITS; t++) {
        for (size_t k = 0; k < TARGETS; k++) {
            const gw_wire *to = targets[k].wire;
            aigw_format from =
                to->format == AIGW_FORMAT_ANTHROPIC ? AIGW_FORMAT_GEMINI : AIGW_FORMAT_ANTHROPIC;
            gw_carried said_so = gw_carries(from, to->format, t);
            gw_carried got = try_one(t, to, whole), got_streamed = try_one(t, to, streamed);
            if (only_at_the_end(t, to))
                got_streamed = got;
            if (got != said_so || got_streamed != said_so) {
                printf("%s in %s: %s, and %s in streams; the table says %s\n", gw_trait_name(t),
                       targets[k].title, words[got], words[got_streamed], words[said_so]);
                wrong++;
            }
            assert_int_equal(said_so == GW_KEPT, gw_trait_reason(to->format, t) == NULL);
        }
    }
    assert_int_equal(wrong, 0);
}

#include "golden/carries_words.h"

static void write_table(gw_buf *out)
{
    static const char *const words[] = {"lost", "changed", "kept"};
    gw_buf_puts(out, "\n| |");
    for (size_t k = 0; k < TARGETS; k++)
        gw_buf_printf(out, " %s |", targets[k].title);
    gw_buf_puts(out, " why not |\n|---|---|---|---|---|---|---|\n");
    for (gw_trait t = 0; t < GW_TRAITS; t++) {
        const char *why = "";
        gw_buf_printf(out, "| %s |", gw_trait_name(t));
        for (size_t k = 0; k < TARGETS; k++) {
            aigw_format to = targets[k].wire->format;
            aigw_format from =
                to == AIGW_FORMAT_ANTHROPIC ? AIGW_FORMAT_GEMINI : AIGW_FORMAT_ANTHROPIC;
            const char *reason = gw_trait_reason(to, t);
            why = reason != NULL && why[0] == '\0' ? reason : why;
            gw_buf_printf(out, " %s |", words[gw_carries(from, to, t)]);
        }
        gw_buf_printf(out, " %s |\n", why);
    }
}

static void test_document(void **state)
{
    (void)state;
    static const char head[] = "# What survives of an answer\n\n"
                               "Made by `tests/golden/carries_test.c` from the table in "
                               "`libaigw/wire/carries.c`, which it holds against the\n"
                               "codecs: each trait is written in each format, whole and streamed, "
                               "and read back. What is lost or changed is on\n"
                               "the list of `aigw_translation_drop` and of `x-aigw-dropped`. "
                               "Within one format everything passes as it is.\n";
    gw_buf out;
    gw_buf_init(&out, 1u << 20);
    gw_buf_puts(&out, head);
    write_table(&out);
    words_write_finishes(&out);
    words_write_usage(&out);
    const char *update = getenv("AIGW_GOLDEN_UPDATE");
    FILE *f = fopen(DOCUMENT, update && strcmp(update, "1") == 0 ? "w+b" : "rb");
    assert_non_null(f);
    if (update && strcmp(update, "1") == 0)
        fwrite(gw_buf_slice(&out).data, 1, gw_buf_len(&out), f);
    rewind(f);
    char *wanted = malloc(1u << 20);
    assert_non_null(wanted);
    size_t len = fread(wanted, 1, 1u << 20, f);
    fclose(f);
    assert_true(gw_eq(gw_slice(wanted, len), gw_buf_slice(&out)));
    free(wanted);
    gw_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
