/* The strict JSON parser: one pass over the text, a tape of byte ranges out. */
/* Must not know what documents mean, nor change or copy their text. */
#include "base/json.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_string.h"
#include "base/text.h"

#define MAX_TEXT      (1u << 30)
#define DEFAULT_DEPTH 128u
#define DEFAULT_NODES 1000000u
#define MOST_NODES    ((1u << 27) - 1) /* gw_json_node.count */
#define LOCAL_NODES   128u
#define FEW_MEMBERS   16u
#define SHORT_NAME    64u

typedef struct name_slot {
    uint32_t key; /* 0: free */
    uint32_t hash;
} name_slot;

/*
 * While a container is open, its node's `end` holds the enclosing container and its `next` the last
 * child, so that depth costs no memory.
 */
typedef struct parser {
    const char *text, *at, *end;
    gw_json_node *nodes;
    uint32_t count, cap;
    uint32_t open; /* the innermost open container, or GW_JSON_ABSENT */
    uint32_t depth, max_depth, max_nodes;
    bool lone_surrogates;
    bool seeded;
    gw_json_node *heap; /* the tape once it has outgrown `local` */
    name_slot *slots;   /* scratch of the search for duplicates */
    size_t slot_cap;
    uint64_t seed[2];
    aigw_error *err;
    gw_json_node local[LOCAL_NODES];
} parser;

/* Gives open containers their final form, as if the text ended here, for the pointer of an error. */
static uint32_t close_all(parser *ps)
{
    uint32_t innermost = ps->open == GW_JSON_ABSENT ? 0 : ps->open;
    if (ps->open != GW_JSON_ABSENT && ps->nodes[ps->open].next != 0)
        innermost = ps->nodes[ps->open].next;
    while (ps->open != GW_JSON_ABSENT) {
        gw_json_node *node = &ps->nodes[ps->open];
        ps->open = node->end;
        node->end = (uint32_t)(ps->at - ps->text);
        node->next = 0;
    }
    return innermost;
}

/* `ref` is the member to point at; GW_JSON_ABSENT: the innermost. */
static int refuse_at(parser *ps, uint32_t ref, int code, const char *reason, const char *what)
{
    gw_fail(ps->err, code, reason, "invalid JSON: %s at byte %zu", what,
            (size_t)(ps->at - ps->text));
    uint32_t innermost = close_all(ps);
    if (ps->err == NULL)
        return code;
    ps->err->http_status = 400;
    gw_json_doc doc = {{ps->text, (size_t)(ps->end - ps->text)}, ps->nodes, ps->count};
    gw_json_pointer(&doc, ref == GW_JSON_ABSENT ? innermost : ref, ps->err->pointer,
                    sizeof(ps->err->pointer));
    return code;
}

static int refuse(parser *ps, const char *what)
{
    return refuse_at(ps, GW_JSON_ABSENT, AIGW_E_PARSE, "invalid_json", what);
}

static int refuse_end(parser *ps)
{
    return refuse(ps, "unexpected end");
}

static void skip_space(parser *ps)
{
    const char *p = ps->at;
    while (p < ps->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    ps->at = p;
}

static int grow(parser *ps)
{
    if (ps->count >= ps->max_nodes)
        return refuse_at(ps, GW_JSON_ABSENT, AIGW_E_LIMIT, "too_many_values", "too many values");
    uint32_t cap = ps->cap > ps->max_nodes / 2 ? ps->max_nodes : ps->cap * 2;
    gw_json_node *nodes = gw_realloc(ps->heap, (size_t)cap * sizeof(*nodes));
    if (nodes == NULL)
        return gw_fail_nomem(ps->err);
    if (ps->heap == NULL)
        memcpy(nodes, ps->local, (size_t)ps->count * sizeof(*nodes));
    ps->heap = ps->nodes = nodes;
    ps->cap = cap;
    return AIGW_OK;
}

/* Makes the last node of the tape a child of the open container. */
static void link_child(parser *ps)
{
    uint32_t ref = ps->count - 1;
    gw_json_node *parent = &ps->nodes[ps->open];
    if (parent->next != 0)
        ps->nodes[parent->next].next = ref;
    parent->next = ref;
    parent->count++;
}

static int add_node(parser *ps, gw_json_type type)
{
    if (ps->count == ps->cap) {
        int rc = grow(ps);
        if (rc != AIGW_OK)
            return rc;
    }
    ps->nodes[ps->count++] = (gw_json_node){.start = (uint32_t)(ps->at - ps->text), .type = type};
    return AIGW_OK;
}

/* The value of four hex digits at p, or -1. */
static int32_t read_hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c >= '0' && c <= '9')
            value = value << 4 | (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value << 4 | ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* ps->at stands on a backslash; moves behind the escape (of a surrogate pair, both). */
static int read_escape(parser *ps)
{
    const char *p = ps->at + 1;
    if (p == ps->end)
        return refuse_end(ps);
    if (*p != 'u') {
        if (!gw_json_short_escape[(unsigned char)*p])
            return refuse(ps, "unknown escape");
        ps->at = p + 1;
        return AIGW_OK;
    }
    int32_t unit = read_hex4(p + 1, ps->end);
    if (unit < 0)
        return refuse(ps, "bad \\u escape");
    p += 5;
    if (unit < 0xD800 || unit > 0xDFFF) {
        ps->at = p;
        return AIGW_OK;
    }
    int32_t low = unit < 0xDC00 && ps->end - p >= 6 && p[0] == '\\' && p[1] == 'u'
                      ? read_hex4(p + 2, ps->end)
                      : -1;
    if (low >= 0xDC00 && low <= 0xDFFF)
        p += 6;
    else if (!ps->lone_surrogates)
        return refuse(ps, "lone surrogate");
    ps->at = p;
    return AIGW_OK;
}

/* ps->at stands on the opening quote; fills the node `ref`. */
static int read_string(parser *ps, uint32_t ref)
{
    ps->at++;
    ps->nodes[ref].start = (uint32_t)(ps->at - ps->text);
    bool escaped = false;
    for (;;) {
        ps->at = gw_json_scan(ps->at, ps->end, &escaped);
        if (ps->at == ps->end)
            return refuse_end(ps);
        unsigned char c = (unsigned char)*ps->at;
        if (c == '"')
            break;
        if (c < 0x20)
            return refuse(ps, "control character in a string");
        if (c == '\\') {
            escaped = true;
            int rc = read_escape(ps);
            if (rc != AIGW_OK)
                return rc;
            continue;
        }
        do {
            size_t n = gw_utf8_sequence(ps->at, (size_t)(ps->end - ps->at));
            if (n == 0)
                return refuse(ps, "bad UTF-8");
            ps->at += n;
        } while (ps->at < ps->end && (unsigned char)*ps->at >= 0x80);
    }
    ps->nodes[ref].escaped = escaped;
    ps->nodes[ref].end = (uint32_t)(ps->at - ps->text);
    ps->at++;
    return AIGW_OK;
}

static bool skip_digits(parser *ps)
{
    const char *from = ps->at;
    while (ps->at < ps->end && (unsigned)(unsigned char)*ps->at - '0' < 10)
        ps->at++;
    return ps->at > from;
}

static int read_number(parser *ps, uint32_t ref)
{
    if (*ps->at == '-')
        ps->at++;
    const char *first = ps->at;
    if (!skip_digits(ps))
        return refuse(ps, "bad number");
    if (*first == '0' && ps->at - first > 1)
        return refuse(ps, "leading zero");
    if (ps->at < ps->end && *ps->at == '.') {
        ps->at++;
        if (!skip_digits(ps))
            return refuse(ps, "bad number");
    }
    if (ps->at < ps->end && (*ps->at == 'e' || *ps->at == 'E')) {
        ps->at++;
        if (ps->at < ps->end && (*ps->at == '+' || *ps->at == '-'))
            ps->at++;
        if (!skip_digits(ps))
            return refuse(ps, "bad number");
    }
    ps->nodes[ref].end = (uint32_t)(ps->at - ps->text);
    return AIGW_OK;
}

static int read_word(parser *ps, uint32_t ref, aigw_slice word)
{
    if (!gw_starts(gw_slice(ps->at, (size_t)(ps->end - ps->at)), word))
        return refuse(ps, "unexpected character");
    ps->at += word.len;
    ps->nodes[ref].end = (uint32_t)(ps->at - ps->text);
    return AIGW_OK;
}

static int open_container(parser *ps, uint32_t ref)
{
    if (ps->depth == ps->max_depth)
        return refuse_at(ps, ref, AIGW_E_LIMIT, "too_deep", "nested too deeply");
    ps->depth++;
    ps->at++;
    ps->nodes[ref].end = ps->open;
    ps->open = ref;
    return AIGW_OK;
}

static gw_json_type type_of_byte(char c)
{
    switch (c) {
    case '"':
        return GW_JSON_STRING;
    case '{':
        return GW_JSON_OBJECT;
    case '[':
        return GW_JSON_ARRAY;
    case 't':
        return GW_JSON_TRUE;
    case 'f':
        return GW_JSON_FALSE;
    case 'n':
        return GW_JSON_NULL;
    default:
        return c == '-' || (c >= '0' && c <= '9') ? GW_JSON_NUMBER : GW_JSON_NONE;
    }
}

/* Reads a scalar, or opens a container. `element`: it becomes a child of the open array. */
static int read_value(parser *ps, bool element)
{
    if (ps->at == ps->end)
        return refuse_end(ps);
    gw_json_type type = type_of_byte(*ps->at);
    if (type == GW_JSON_NONE)
        return refuse(ps, "unexpected character");
    int rc = add_node(ps, type);
    if (rc != AIGW_OK)
        return rc;
    if (element)
        link_child(ps);
    uint32_t ref = ps->count - 1;
    switch (type) {
    case GW_JSON_STRING:
        return read_string(ps, ref);
    case GW_JSON_NUMBER:
        return read_number(ps, ref);
    case GW_JSON_TRUE:
        return read_word(ps, ref, GW_S("true"));
    case GW_JSON_FALSE:
        return read_word(ps, ref, GW_S("false"));
    case GW_JSON_NULL:
        return read_word(ps, ref, GW_S("null"));
    default:
        return open_container(ps, ref);
    }
}

static aigw_slice name_of(const parser *ps, uint32_t key)
{
    const gw_json_node *node = &ps->nodes[key];
    return gw_slice(ps->text + node->start, node->end - node->start);
}

static int refuse_duplicate(parser *ps, uint32_t key)
{
    ps->at = ps->text + ps->nodes[key].start;
    return refuse_at(ps, key, AIGW_E_PARSE, "duplicate_member", "duplicate member");
}

/* A table twice as large as the members, and a seed that nobody outside can know. */
static int prepare_slots(parser *ps, uint32_t members, size_t *size)
{
    if (!ps->seeded && !gw_random(ps->seed, sizeof(ps->seed)))
        return gw_fail(ps->err, AIGW_E_IO, "no_random", "the random generator failed");
    ps->seeded = true;
    *size = 32;
    while (*size < (size_t)members * 2)
        *size *= 2;
    if (*size > ps->slot_cap) {
        name_slot *slots = gw_realloc(ps->slots, *size * sizeof(*slots));
        if (slots == NULL)
            return gw_fail_nomem(ps->err);
        ps->slots = slots;
        ps->slot_cap = *size;
    }
    memset(ps->slots, 0, *size * sizeof(*ps->slots));
    return AIGW_OK;
}

static int check_names_hashed(parser *ps, uint32_t first, uint32_t members)
{
    size_t size = 0;
    int rc = prepare_slots(ps, members, &size);
    if (rc != AIGW_OK)
        return rc;
    for (uint32_t key = first; key != 0; key = ps->nodes[key].next) {
        aigw_slice name = name_of(ps, key);
        uint32_t hash = (uint32_t)gw_json_inner_hash(ps->seed, name);
        size_t i = hash & (size - 1);
        for (; ps->slots[i].key != 0; i = (i + 1) & (size - 1)) {
            if (ps->slots[i].hash == hash &&
                gw_json_inner_equal(name_of(ps, ps->slots[i].key), name))
                return refuse_duplicate(ps, key);
        }
        ps->slots[i] = (name_slot){key, hash};
    }
    return AIGW_OK;
}

/* Pairs for a few short plain names; anything else goes through the table, to stay linear. */
static int check_names(parser *ps, uint32_t object)
{
    uint32_t members = ps->nodes[object].count, first = object + 1;
    if (members < 2)
        return AIGW_OK;
    if (members > FEW_MEMBERS)
        return check_names_hashed(ps, first, members);
    aigw_slice names[FEW_MEMBERS];
    uint32_t n = 0;
    for (uint32_t key = first; key != 0; key = ps->nodes[key].next) {
        aigw_slice name = name_of(ps, key);
        if (ps->nodes[key].escaped || name.len > SHORT_NAME)
            return check_names_hashed(ps, first, members);
        for (uint32_t i = 0; i < n; i++) {
            if (gw_eq(names[i], name))
                return refuse_duplicate(ps, key);
        }
        names[n++] = name;
    }
    return AIGW_OK;
}

static int close_container(parser *ps)
{
    uint32_t ref = ps->open;
    if (ps->nodes[ref].type == GW_JSON_OBJECT) {
        int rc = check_names(ps, ref);
        if (rc != AIGW_OK)
            return rc;
    }
    ps->at++;
    ps->open = ps->nodes[ref].end;
    ps->depth--;
    ps->nodes[ref].end = (uint32_t)(ps->at - ps->text);
    ps->nodes[ref].next = 0;
    return AIGW_OK;
}

/* One member of the open object, or its end. */
static int object_step(parser *ps)
{
    if (*ps->at == '}')
        return close_container(ps);
    if (ps->nodes[ps->open].count > 0) {
        if (*ps->at != ',')
            return refuse(ps, "expected , or }");
        ps->at++;
        skip_space(ps);
    }
    if (ps->at == ps->end)
        return refuse_end(ps);
    if (*ps->at != '"')
        return refuse(ps, "expected a member name");
    int rc = add_node(ps, GW_JSON_STRING);
    if (rc != AIGW_OK)
        return rc;
    uint32_t key = ps->count - 1;
    ps->nodes[key].key = 1;
    rc = read_string(ps, key);
    if (rc != AIGW_OK)
        return rc;
    link_child(ps);
    skip_space(ps);
    if (ps->at == ps->end)
        return refuse_end(ps);
    if (*ps->at != ':')
        return refuse(ps, "expected :");
    ps->at++;
    skip_space(ps);
    return read_value(ps, false);
}

/* One element of the open array, or its end. */
static int array_step(parser *ps)
{
    if (*ps->at == ']')
        return close_container(ps);
    if (ps->nodes[ps->open].count > 0) {
        if (*ps->at != ',')
            return refuse(ps, "expected , or ]");
        ps->at++;
        skip_space(ps);
    }
    return read_value(ps, true);
}

static int run(parser *ps)
{
    skip_space(ps);
    int rc = read_value(ps, false);
    while (rc == AIGW_OK && ps->open != GW_JSON_ABSENT) {
        skip_space(ps);
        if (ps->at == ps->end)
            return refuse_end(ps);
        rc = ps->nodes[ps->open].type == GW_JSON_OBJECT ? object_step(ps) : array_step(ps);
    }
    if (rc != AIGW_OK)
        return rc;
    skip_space(ps);
    return ps->at == ps->end ? AIGW_OK : refuse(ps, "bytes behind the document");
}

int gw_json_parse(gw_arena *arena, aigw_slice text, const gw_json_limits *limits, gw_json_doc *out,
                  aigw_error *err)
{
    if (text.len > MAX_TEXT)
        return gw_fail(err, AIGW_E_LIMIT, "too_large", "invalid JSON: larger than 1 GiB");
    parser ps; /* its local nodes stay unset until used */
    ps.text = ps.at = text.data ? text.data : "";
    ps.end = ps.text + text.len;
    ps.nodes = ps.local;
    ps.count = 0;
    ps.open = GW_JSON_ABSENT;
    ps.depth = 0;
    ps.max_depth = limits && limits->max_depth ? limits->max_depth : DEFAULT_DEPTH;
    ps.max_nodes = limits && limits->max_nodes ? limits->max_nodes : DEFAULT_NODES;
    if (ps.max_nodes > MOST_NODES)
        ps.max_nodes = MOST_NODES;
    ps.cap = ps.max_nodes < LOCAL_NODES ? ps.max_nodes : LOCAL_NODES;
    ps.lone_surrogates = limits && limits->lone_surrogates;
    ps.seeded = false;
    ps.heap = NULL;
    ps.slots = NULL;
    ps.slot_cap = 0;
    ps.err = err;
    int rc = run(&ps);
    if (rc == AIGW_OK) {
        gw_json_node *nodes = gw_arena_alloc(arena, (size_t)ps.count * sizeof(*nodes));
        if (nodes != NULL) {
            memcpy(nodes, ps.nodes, (size_t)ps.count * sizeof(*nodes));
            *out = (gw_json_doc){gw_slice(ps.text, text.len), nodes, ps.count};
        } else {
            rc = gw_fail_nomem(err);
        }
    }
    gw_free(ps.heap);
    gw_free(ps.slots);
    return rc;
}
