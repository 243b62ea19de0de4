/*
 * Reading the content blocks and turns of a Messages request into neutral parts and messages.
 * Knows nothing of tools' definitions or of other top-level members.
 */
#include "wire/anthropic/anthropic.h"
#include "wire/read.h"

#include <string.h>

static int read_source_data(const gw_anthropic_in *in, gw_json_ref source, gw_part *part)
{
    int rc = gw_anthropic_string(in, source, "media_type", true, &part->media_type);
    if (rc == AIGW_OK) {
        rc = gw_read_media_type(in->err, in->doc, gw_json_get(in->doc, source, "media_type"),
                                part->media_type);
    }
    if (rc == AIGW_OK) {
        rc = gw_anthropic_string(in, source, "data", true, &part->data);
    }
    return rc != AIGW_OK ? rc
                         : gw_read_base64(in->arena, in->doc, gw_json_get(in->doc, source, "data"),
                                          &part->data, in->err);
}

/* Texts only: joined with blank lines into the part's text. Else the part stays as it is, native. */
static int join_texts(const gw_anthropic_in *in, const gw_part *parts, size_t count, gw_part *part)
{
    static const char gap[] = "\\n\\n";
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].kind != GW_PART_TEXT) {
            part->kind = GW_PART_NATIVE;
            return AIGW_OK;
        }
        len += parts[i].text.inner.len + sizeof gap;
    }
    char *to = gw_arena_alloc(in->arena, len + 1);
    if (to == NULL) {
        return gw_fail_nomem(in->err);
    }
    part->text.inner = (aigw_slice){to, 0};
    for (size_t i = 0; i < count; i++) {
        aigw_slice text = parts[i].text.inner;
        if (i > 0) {
            memcpy(to, gap, sizeof gap - 1);
            to += sizeof gap - 1;
        }
        if (text.len > 0) {
            memcpy(to, text.data, text.len);
        }
        to += text.len;
    }
    part->text.inner.len = (size_t)(to - part->text.inner.data);
    return AIGW_OK;
}

/* A document whose source is itself content: text when it is only text, else the whole block stays. */
static int read_source_content(const gw_anthropic_in *in, gw_json_ref source, gw_part *part)
{
    gw_json_ref content = gw_json_get(in->doc, source, "content");
    if (content == GW_JSON_ABSENT) {
        return gw_anthropic_missing(in, source, "content");
    }
    gw_part *parts = NULL;
    size_t count = 0;
    int rc = gw_anthropic_read_content(in, content, GW_ROLE_TOOL, &parts, &count);
    if (rc != AIGW_OK) {
        return rc;
    }
    return join_texts(in, parts, count, part);
}

static int read_source(const gw_anthropic_in *in, gw_json_ref block, gw_part *part)
{
    gw_json_ref source = gw_json_get(in->doc, block, "source");
    if (source == GW_JSON_ABSENT) {
        return gw_anthropic_missing(in, block, "source");
    }
    if (gw_json_typeof(in->doc, source) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, source, "an object");
    }
    gw_json_ref type = gw_json_get(in->doc, source, "type");
    if (gw_json_is(in->doc, type, "base64")) {
        return read_source_data(in, source, part);
    }
    if (gw_json_is(in->doc, type, "url")) {
        int rc = gw_anthropic_string(in, source, "url", true, &part->url);
        return rc != AIGW_OK
                   ? rc
                   : gw_read_url(in->err, in->doc, gw_json_get(in->doc, source, "url"), part->url);
    }
    if (gw_json_is(in->doc, type, "file")) {
        return gw_anthropic_string(in, source, "file_id", true, &part->file_id);
    }
    if (part->kind == GW_PART_DOCUMENT && gw_json_is(in->doc, type, "text")) {
        int rc = gw_anthropic_string(in, source, "media_type", false, &part->media_type);
        if (rc == AIGW_OK && gw_has(part->media_type)) {
            rc = gw_read_media_type(in->err, in->doc, gw_json_get(in->doc, source, "media_type"),
                                    part->media_type);
        }
        return rc != AIGW_OK ? rc : gw_anthropic_string(in, source, "data", true, &part->text);
    }
    if (part->kind == GW_PART_DOCUMENT && gw_json_is(in->doc, type, "content")) {
        return read_source_content(in, source, part);
    }
    return type == GW_JSON_ABSENT ? gw_anthropic_missing(in, source, "type")
                                  : gw_anthropic_unknown(in, type, "a known kind of source");
}

static int read_text(const gw_anthropic_in *in, gw_json_ref block, gw_part *part)
{
    part->kind = GW_PART_TEXT;
    gw_json_ref citations = gw_json_get(in->doc, block, "citations");
    if (!gw_json_is_null(in->doc, citations)) {
        if (gw_json_typeof(in->doc, citations) != GW_JSON_ARRAY) {
            return gw_anthropic_wrong(in, citations, "an array");
        }
        part->citations = gw_raw_of(in->doc, citations);
    }
    return gw_anthropic_string(in, block, "text", true, &part->text);
}

static int read_image(const gw_anthropic_in *in, gw_json_ref block, gw_part *part)
{
    part->kind = GW_PART_IMAGE;
    return read_source(in, block, part);
}

static int read_document(const gw_anthropic_in *in, gw_json_ref block, gw_part *part)
{
    part->kind = GW_PART_DOCUMENT;
    int rc = gw_anthropic_string(in, block, "title", false, &part->name);
    if (rc == AIGW_OK) {
        rc = gw_anthropic_string(in, block, "context", false, &part->detail);
    }
    gw_json_ref citations = gw_json_get(in->doc, block, "citations");
    bool enabled = false;
    if (rc == AIGW_OK && gw_json_typeof(in->doc, citations) == GW_JSON_OBJECT &&
        gw_json_bool(in->doc, gw_json_get(in->doc, citations, "enabled"), &enabled) && enabled) {
        part->citations = gw_raw_of(in->doc, citations);
    }
    return rc != AIGW_OK ? rc : read_source(in, block, part);
}

/* A passage that a search found: to another format it is a document of that text. */
static int read_search_result(const gw_anthropic_in *in, gw_json_ref block, gw_part *part)
{
    part->kind = GW_PART_DOCUMENT;
    if (gw_json_is_null(in->doc, gw_json_get(in->doc, block, "content"))) {
        part->kind = GW_PART_NATIVE;
        return AIGW_OK;
    }
    int rc = gw_anthropic_string(in, block, "title", false, &part->name);
    return rc != AIGW_OK ? rc : read_source_content(in, block, part);
}

static int read_tool_use(const gw_anthropic_in *in, gw_json_ref block, gw_part *part)
{
    part->kind = GW_PART_TOOL_CALL;
    int rc = gw_anthropic_string(in, block, "id", true, &part->id);
    if (rc == AIGW_OK) {
        rc = gw_anthropic_string(in, block, "name", true, &part->tool_name);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_json_ref input = gw_json_get(in->doc, block, "input");
    if (input == GW_JSON_ABSENT) {
        return gw_anthropic_missing(in, block, "input");
    }
    if (gw_json_typeof(in->doc, input) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, input, "an object");
    }
    part->args = gw_raw_of(in->doc, input);
    return AIGW_OK;
}

static int read_tool_result(const gw_anthropic_in *in, gw_json_ref block, gw_part *part)
{
    part->kind = GW_PART_TOOL_RESULT;
    int rc = gw_anthropic_string(in, block, "tool_use_id", true, &part->id);
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_json_ref flag = gw_json_get(in->doc, block, "is_error");
    if (!gw_json_is_null(in->doc, flag) && !gw_json_bool(in->doc, flag, &part->is_error)) {
        return gw_anthropic_wrong(in, flag, "true or false");
    }
    gw_json_ref content = gw_json_get(in->doc, block, "content");
    if (gw_json_is_null(in->doc, content)) {
        return AIGW_OK;
    }
    return gw_anthropic_read_content(in, content, GW_ROLE_TOOL, &part->parts, &part->part_count);
}

/* What is sealed may be another vendor's, and of another kind than its block says. */
static void take_seal(gw_sealed sealed, gw_part *part)
{
    part->origin = sealed.origin;
    part->kind = sealed.redacted ? GW_PART_REDACTED_THINKING : GW_PART_THINKING;
    if (sealed.redacted) {
        part->data = sealed.text;
    } else {
        part->signature = sealed.text;
    }
}

static int read_thinking(const gw_anthropic_in *in, gw_json_ref block, gw_part *part)
{
    gw_jstr slot = {{NULL, 0}};
    part->kind = GW_PART_THINKING;
    int rc = gw_anthropic_string(in, block, "thinking", true, &part->text);
    if (rc == AIGW_OK) {
        rc = gw_anthropic_string(in, block, "signature", false, &slot);
    }
    if (rc == AIGW_OK && slot.inner.len > 0) {
        take_seal(gw_seal_open(in->arena, slot, AIGW_FORMAT_ANTHROPIC, false), part);
    }
    return rc;
}

static int read_redacted(const gw_anthropic_in *in, gw_json_ref block, gw_part *part)
{
    gw_jstr slot = {{NULL, 0}};
    part->kind = GW_PART_REDACTED_THINKING;
    int rc = gw_anthropic_string(in, block, "data", true, &slot);
    if (rc == AIGW_OK) {
        take_seal(gw_seal_open(in->arena, slot, AIGW_FORMAT_ANTHROPIC, true), part);
    }
    return rc;
}

/* Where a block may stand, as bits of (1 << role); TOOL means inside of a tool_result. */
#define IN(role)     (1u << (role))
#define IN_USER      (IN(GW_ROLE_USER))
#define IN_ASSISTANT (IN(GW_ROLE_ASSISTANT))
#define IN_RESULT    (IN(GW_ROLE_TOOL))

static const struct block_reader {
    const char *type;
    unsigned roles;
    bool fixed; /* nowhere else, ever; media may be allowed in more places one day */
    int (*read)(const gw_anthropic_in *in, gw_json_ref block, gw_part *part);
} block_readers[] = {
    {"text", IN(GW_ROLE_SYSTEM) | IN_USER | IN_ASSISTANT | IN_RESULT, false, read_text},
    {"image", IN_USER | IN_RESULT, false, read_image},
    {"document", IN_USER | IN_RESULT, false, read_document},
    {"search_result", IN_USER | IN_RESULT, false, read_search_result},
    {"tool_use", IN_ASSISTANT, true, read_tool_use},
    {"tool_result", IN_USER, true, read_tool_result},
    {"thinking", IN_ASSISTANT, true, read_thinking},
    {"redacted_thinking", IN_ASSISTANT, true, read_redacted},
};

static int read_block(const gw_anthropic_in *in, gw_json_ref block, gw_role role, gw_part *part)
{
    if (gw_json_typeof(in->doc, block) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, block, "an object");
    }
    part->at = block;
    part->raw = gw_raw_of(in->doc, block);
    gw_json_ref type = gw_json_get(in->doc, block, "type");
    if (gw_json_typeof(in->doc, type) != GW_JSON_STRING) {
        return type == GW_JSON_ABSENT ? gw_anthropic_missing(in, block, "type")
                                      : gw_anthropic_wrong(in, type, "a string");
    }
    int rc = gw_anthropic_read_cache(in, block, &part->cache);
    if (rc != AIGW_OK) {
        return rc;
    }
    for (size_t i = 0; i < sizeof block_readers / sizeof block_readers[0]; i++) {
        if (gw_json_is(in->doc, type, block_readers[i].type)) {
            if ((block_readers[i].roles & IN(role)) != 0) {
                return block_readers[i].read(in, block, part);
            }
            static const char *const place = "a block that may stand in this place";
            return block_readers[i].fixed ? gw_anthropic_wrong(in, type, place)
                                          : gw_anthropic_unknown(in, type, place);
        }
    }
    if (role == GW_ROLE_SYSTEM) {
        return gw_anthropic_unknown(in, type, "\"text\"");
    }
    part->kind = GW_PART_NATIVE;
    return AIGW_OK;
}

int gw_anthropic_read_content(const gw_anthropic_in *in, gw_json_ref content, gw_role role,
                              gw_part **parts, size_t *count)
{
    gw_json_type type = gw_json_typeof(in->doc, content);
    if (type != GW_JSON_STRING && type != GW_JSON_ARRAY) {
        return gw_anthropic_wrong(in, content, "a string or an array");
    }
    size_t room = type == GW_JSON_STRING ? 1 : gw_json_count(in->doc, content);
    gw_part *list = gw_arena_calloc(in->arena, room + 1, sizeof *list);
    if (list == NULL) {
        return gw_fail_nomem(in->err);
    }
    if (type == GW_JSON_STRING) {
        list[0].kind = GW_PART_TEXT;
        list[0].at = content;
        list[0].text = gw_jstr_of(in->doc, content);
        list[0].raw = gw_raw_of(in->doc, content);
    } else {
        size_t i = 0;
        for (gw_json_ref r = gw_json_first(in->doc, content); r != GW_JSON_ABSENT;
             r = gw_json_next(in->doc, r)) {
            int rc = read_block(in, r, role, &list[i++]);
            if (rc != AIGW_OK) {
                return rc;
            }
        }
    }
    *parts = list;
    *count = room;
    return AIGW_OK;
}

/* A user turn with tool results is two messages here: the results, then what the user says. */
static int add_user_turn(const gw_anthropic_in *in, const gw_message *turn, gw_chat_request *out)
{
    size_t results = 0;
    for (size_t i = 0; i < turn->part_count; i++) {
        results += turn->parts[i].kind == GW_PART_TOOL_RESULT;
    }
    if (results == 0) {
        out->messages[out->message_count++] = *turn;
        return AIGW_OK;
    }
    gw_part *sorted = gw_arena_calloc(in->arena, turn->part_count, sizeof *sorted);
    if (sorted == NULL) {
        return gw_fail_nomem(in->err);
    }
    size_t at[2] = {0, results};
    for (size_t i = 0; i < turn->part_count; i++) {
        sorted[at[turn->parts[i].kind != GW_PART_TOOL_RESULT]++] = turn->parts[i];
    }
    gw_message tool = {
        .role = GW_ROLE_TOOL, .at = turn->at, .parts = sorted, .part_count = results};
    out->messages[out->message_count++] = tool;
    if (results < turn->part_count) {
        gw_message rest = *turn;
        rest.parts = sorted + results;
        rest.part_count = turn->part_count - results;
        out->messages[out->message_count++] = rest;
    }
    return AIGW_OK;
}

static int read_turn(const gw_anthropic_in *in, gw_json_ref ref, gw_chat_request *out)
{
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, ref, "an object");
    }
    gw_message turn = {.at = ref};
    gw_json_ref role = gw_json_get(in->doc, ref, "role");
    if (gw_json_is(in->doc, role, "user")) {
        turn.role = GW_ROLE_USER;
    } else if (gw_json_is(in->doc, role, "assistant")) {
        turn.role = GW_ROLE_ASSISTANT;
    } else if (gw_json_is(in->doc, role, "system")) {
        turn.role = GW_ROLE_SYSTEM;
    } else {
        return role == GW_JSON_ABSENT ? gw_anthropic_missing(in, ref, "role")
                                      : gw_anthropic_unknown(in, role, "user, assistant or system");
    }
    gw_json_ref content = gw_json_get(in->doc, ref, "content");
    if (content == GW_JSON_ABSENT) {
        return gw_anthropic_missing(in, ref, "content");
    }
    int rc = gw_anthropic_read_content(in, content, turn.role, &turn.parts, &turn.part_count);
    if (rc == AIGW_OK && turn.role == GW_ROLE_USER) {
        return add_user_turn(in, &turn, out);
    }
    if (rc == AIGW_OK) {
        gw_message_join_signatures(&turn);
        out->messages[out->message_count++] = turn;
    }
    return rc;
}

/* A call's id and where in the order of all parts it stood. */
typedef struct known_call {
    aigw_slice id;
    size_t order;
} known_call;

static int compare_calls(const known_call *a, const known_call *b)
{
    if (a->id.len != b->id.len) {
        return a->id.len < b->id.len ? -1 : 1;
    }
    int c = a->id.len == 0 ? 0 : memcmp(a->id.data, b->id.data, a->id.len);
    return c != 0 ? c : (a->order > b->order) - (a->order < b->order);
}

static void sift_down(known_call *calls, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare_calls(&calls[child], &calls[child + 1]) < 0) {
            child++;
        }
        if (compare_calls(&calls[root], &calls[child]) >= 0) {
            return;
        }
        known_call swap = calls[root];
        calls[root] = calls[child];
        calls[child] = swap;
    }
}

/* Heapsort: a client chooses the ids, so the bound must hold for any, and qsort may allocate. */
static void sort_calls(known_call *calls, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(calls, i, count);
    }
    for (size_t end = count; end-- > 1;) {
        known_call swap = calls[0];
        calls[0] = calls[end];
        calls[end] = swap;
        sift_down(calls, 0, end);
    }
}

/* Is there a call of this id before `order`? The first one of an id sorts first. */
static bool has_call(const known_call *calls, size_t count, aigw_slice id, size_t order)
{
    known_call probe = {id, 0};
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (compare_calls(&calls[middle], &probe) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && gw_eq(calls[low].id, id) && calls[low].order < order;
}

/* Every tool_result answers an earlier tool_use; the API says 400 otherwise. */
static int check_results(const gw_anthropic_in *in, const gw_chat_request *r)
{
    size_t total = 0, count = 0, order = 0;
    for (size_t m = 0; m < r->message_count; m++) {
        total += r->messages[m].part_count;
    }
    known_call *calls = gw_arena_calloc(in->arena, total + 1, sizeof *calls);
    if (calls == NULL) {
        return gw_fail_nomem(in->err);
    }
    for (size_t m = 0; m < r->message_count; m++) {
        for (size_t i = 0; i < r->messages[m].part_count; i++, order++) {
            const gw_part *part = &r->messages[m].parts[i];
            if (part->kind == GW_PART_TOOL_CALL) {
                calls[count++] = (known_call){part->id.inner, order};
            }
        }
    }
    sort_calls(calls, count);
    order = 0;
    for (size_t m = 0; m < r->message_count; m++) {
        for (size_t i = 0; i < r->messages[m].part_count; i++, order++) {
            const gw_part *part = &r->messages[m].parts[i];
            if (part->kind == GW_PART_TOOL_RESULT &&
                !has_call(calls, count, part->id.inner, order)) {
                return gw_json_fail(in->err, in->doc, gw_json_get(in->doc, part->at, "tool_use_id"),
                                    AIGW_E_PARSE, "unknown_tool_use_id",
                                    "no earlier tool_use has this id");
            }
        }
    }
    return AIGW_OK;
}

int gw_anthropic_read_messages(const gw_anthropic_in *in, gw_json_ref array, gw_chat_request *out)
{
    for (gw_json_ref r = gw_json_first(in->doc, array); r != GW_JSON_ABSENT;
         r = gw_json_next(in->doc, r)) {
        int rc = read_turn(in, r, out);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    return check_results(in, out);
}
