/* Fuzzes embeddings: requests and answers of each dialect into each, and numbers to the last bit. */
/* What is written must be JSON and read as it was; see wire_fuzz.h for the helpers. */
#include "fuzz/wire_fuzz.h"
#include "wire/embed/embed.h"

static const gw_embed_wire *const wires[] = {&gw_embed_openai, &gw_embed_gemini, &gw_embed_vertex};

static void request(gw_arena *arena, const gw_json_doc *doc, const gw_embed_wire *from, bool one)
{
    gw_embed_request r, again;
    if (from->read_request(arena, doc, GW_S("m"), one, &r, NULL) != AIGW_OK)
        return;
    fuzz_check(r.input_count > 0, "no inputs", doc->text);
    for (size_t i = 0; i < sizeof wires / sizeof *wires; i++) {
        gw_embed_options options = {.model = GW_S("m"), .one = one && r.input_count == 1};
        gw_notes notes = {.arena = arena};
        gw_buf out;
        gw_json_doc written;
        gw_buf_init(&out, FUZZ_OUT);
        if (wires[i]->write_request(arena, &r, &options, &out, &notes, NULL) == AIGW_OK) {
            fuzz_is_json(gw_buf_slice(&out));
            if (wires[i]->read_request &&
                gw_json_parse(arena, gw_buf_slice(&out), NULL, &written, NULL) == AIGW_OK) {
                int rc =
                    wires[i]->read_request(arena, &written, GW_S("m"), options.one, &again, NULL);
                fuzz_check(rc == AIGW_E_NOMEM ||
                               (rc == AIGW_OK && again.input_count == r.input_count),
                           "reads otherwise", gw_buf_slice(&out));
            }
        }
        gw_buf_free(&out);
    }
}

static void same(const gw_embed_answer *a, const gw_embed_answer *b, aigw_slice text)
{
    fuzz_check(a->vector_count == b->vector_count, "another number of vectors", text);
    for (size_t i = 0; i < a->vector_count; i++) {
        size_t n = a->vectors[i].count;
        fuzz_check(n == b->vectors[i].count &&
                       (n == 0 ||
                        memcmp(a->vectors[i].values, b->vectors[i].values, n * sizeof(float)) == 0),
                   "another vector", text);
    }
}

static void answer(gw_arena *arena, const gw_json_doc *doc, const gw_embed_wire *from)
{
    gw_embed_answer a, again;
    if (from->read_answer(arena, doc, &a) != AIGW_OK)
        return;
    for (int way = 0; way < 3; way++) {
        const gw_embed_wire *to = wires[way / 2];
        gw_embed_options options = {.model = GW_S("m"), .base64 = way == 1};
        gw_buf out;
        gw_json_doc written;
        gw_buf_init(&out, FUZZ_OUT);
        to->write_answer(&a, &options, &out);
        if (!out.failed &&
            gw_json_parse(arena, gw_buf_slice(&out), NULL, &written, NULL) == AIGW_OK &&
            to->read_answer(arena, &written, &again) == AIGW_OK)
            same(&a, &again, gw_buf_slice(&out));
        else
            fuzz_is_json(gw_buf_slice(&out));
        gw_buf_free(&out);
    }
    gw_embed_normalise(&a);
}

static void number(const uint8_t *data)
{
    float value, back;
    char text[40];
    memcpy(&value, data, sizeof value);
    if (!(value - value == 0))
        return;
    aigw_slice slice = {text, gw_embed_decimal(value, text)};
    fuzz_check(slice.len < 32 && gw_embed_float(slice, &back) && back == value, "another number",
               slice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > FUZZ_INPUT)
        return 0;
    if (size >= sizeof(float))
        number(data);
    gw_json_doc doc;
    gw_arena *arena = gw_arena_new(FUZZ_ARENA);
    aigw_slice text = {(const char *)data, size};
    if (gw_json_parse(arena, text, NULL, &doc, NULL) == AIGW_OK) {
        for (size_t i = 0; i < sizeof wires / sizeof *wires; i++) {
            if (wires[i]->read_request) {
                request(arena, &doc, wires[i], false);
                request(arena, &doc, wires[i], true);
            }
            answer(arena, &doc, wires[i]);
        }
    }
    gw_embed_vector vector;
    gw_embed_unbase64(arena, text, &vector);
    gw_arena_free(arena);
    return 0;
}
