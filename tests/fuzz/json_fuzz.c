/* JSON: what is accepted holds together: ranges nest, values parse again, text comes back. */
#include "base/error.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_number(const gw_json_doc *doc, gw_json_ref ref)
{
    int64_t integer;
    double number;
    bool whole = gw_json_i64(doc, ref, &integer);
    if (gw_json_f64(doc, ref, &number) && whole)
        check((double)integer == number);
}

/* Unescaped and escaped again, a string means the same. */
static void check_string(gw_arena *arena, const gw_json_doc *doc, gw_json_ref ref, bool lone)
{
    aigw_slice plain = gw_json_text(arena, doc, ref);
    check(plain.data != NULL);
    check(gw_utf8_valid(plain));
    gw_buf buf;
    gw_buf_init(&buf, SIZE_MAX);
    gw_jw w = gw_jw_on(&buf);
    gw_jw_text(&w, plain);
    gw_json_doc again;
    check(!buf.failed);
    check(gw_json_parse(arena, gw_buf_slice(&buf), NULL, &again, NULL) == AIGW_OK);
    check(gw_eq(gw_json_text(arena, &again, 0), plain));
    if (!lone && memchr(plain.data, '\0', plain.len) == NULL) {
        aigw_slice copy = gw_arena_copy(arena, plain);
        check(gw_json_is(doc, ref, copy.data));
    }
    gw_buf_free(&buf);
}

static void check_children(const gw_json_doc *doc, gw_json_ref ref)
{
    uint32_t count = 0;
    bool object = gw_json_typeof(doc, ref) == GW_JSON_OBJECT;
    const gw_json_node *parent = &doc->nodes[ref];
    uint32_t behind = parent->start;
    for (gw_json_ref c = gw_json_first(doc, ref); c != GW_JSON_ABSENT; c = gw_json_next(doc, c)) {
        check(c > ref && c < doc->node_count);
        check(doc->nodes[c].key == object);
        const gw_json_node *last = &doc->nodes[object ? gw_json_value(doc, c) : c];
        check(doc->nodes[c].start > behind && last->end < parent->end && last->end >= last->start);
        behind = last->end;
        count++;
    }
    check(count == gw_json_count(doc, ref));
}

static void check_pointer(const gw_json_doc *doc, gw_json_ref ref)
{
    char small[9], large[160];
    gw_json_pointer(doc, ref, large, sizeof(large));
    gw_json_pointer(doc, ref, small, sizeof(small));
    check(strncmp(small, large, strlen(small)) == 0);
    check((ref == 0) == (large[0] == '\0'));
    check(gw_utf8_valid(aigw_slice_of(small)) && gw_utf8_valid(aigw_slice_of(large)));
}

static void walk(gw_arena *arena, const gw_json_doc *doc, const gw_json_limits *limits)
{
    for (gw_json_ref ref = 0; ref < doc->node_count && ref < 200; ref++) {
        gw_json_doc part;
        aigw_slice raw = gw_json_raw(doc, ref);
        check(gw_json_parse(arena, raw, limits, &part, NULL) == AIGW_OK);
        check(gw_json_typeof(&part, 0) == gw_json_typeof(doc, ref));
        check(gw_eq(gw_json_raw(&part, 0), raw));
        check_pointer(doc, ref);
        switch (gw_json_typeof(doc, ref)) {
        case GW_JSON_STRING:
            check_string(arena, doc, ref, limits->lone_surrogates);
            break;
        case GW_JSON_NUMBER:
            check_number(doc, ref);
            break;
        case GW_JSON_ARRAY:
        case GW_JSON_OBJECT:
            check_children(doc, ref);
            break;
        default:
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    gw_json_limits limits = {.max_depth = data[0] & 1 ? 0 : 5,
                             .max_nodes = data[0] & 2 ? 0 : 40,
                             .lone_surrogates = (data[0] & 4) != 0};
    aigw_slice text = {(const char *)data + 1, size - 1};
    gw_arena *arena = gw_arena_new(64 << 20);
    gw_json_doc doc;
    aigw_error err = {.code = 0};
    int rc = gw_json_parse(arena, text, &limits, &doc, &err);
    if (rc == AIGW_OK) {
        check(limits.max_nodes == 0 || doc.node_count <= limits.max_nodes);
        walk(arena, &doc, &limits);
    } else {
        check(rc == AIGW_E_PARSE || rc == AIGW_E_LIMIT);
        check(err.code == rc && err.http_status == 400 && err.message[0] != '\0');
        check(gw_utf8_valid(aigw_slice_of(err.pointer)));
        check(gw_json_parse(arena, text, &limits, &doc, NULL) == rc);
    }
    gw_arena_free(arena);
    return 0;
}
