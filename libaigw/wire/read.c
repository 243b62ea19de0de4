/* What the request readers of all formats share: refusals, numbers, base64, and the whole request's sense. */
/* Must not know any format's fields. */
#include "wire/read.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

int gw_read_missing(aigw_error *err, const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    gw_json_fail(err, doc, object, AIGW_E_PARSE, "missing", "\"%s\" is required", name);
    if (err != NULL) {
        size_t len = strlen(err->pointer);
        snprintf(err->pointer + len, sizeof err->pointer - len, "/%s", name);
    }
    return AIGW_E_PARSE;
}

int gw_read_unknown(aigw_error *err, const gw_json_doc *doc, gw_json_ref ref, const char *what,
                    const char *known)
{
    if (gw_json_typeof(doc, ref) != GW_JSON_STRING)
        return gw_json_fail(err, doc, ref, AIGW_E_PARSE, "wrong_type", "%s must be a string", what);
    return gw_json_fail(err, doc, ref, AIGW_E_UNSUPPORTED, "unknown_value", "%s must be %s", what,
                        known);
}

bool gw_read_integer(const gw_json_doc *doc, gw_json_ref ref, int64_t *out)
{
    const double most = 9007199254740992.0;
    double value;
    if (gw_json_i64(doc, ref, out))
        return true;
    if (!gw_json_f64(doc, ref, &value) || value > most || value < -most ||
        (double)(int64_t)value != value)
        return false;
    *out = (int64_t)value;
    return true;
}

bool gw_read_finite(const gw_json_doc *doc, gw_json_ref ref)
{
    double value;
    aigw_slice raw = gw_json_raw(doc, ref);
    if (gw_json_typeof(doc, ref) != GW_JSON_NUMBER)
        return false;
    bool plain = raw.len <= 100; /* so few digits are always within a double */
    for (size_t i = 0; i < raw.len && plain; i++)
        plain = (raw.data[i] | 32) != 'e';
    return plain || gw_json_f64(doc, ref, &value);
}

/* -- base64 -- */

static bool is_digit(unsigned char c)
{
    unsigned char letter = (unsigned char)((c | 32) - 'a'), digit = (unsigned char)(c - '0');
    return (letter < 26) | (digit < 10) | (c == '+') | (c == '/');
}

/* Digits of the standard alphabet and padding, nothing else: it may go as it stands. The inner loop has no
 * branches, so that it runs in vector registers: images are large. */
static bool is_clean(aigw_slice data)
{
    enum { BLOCK = 64 };
    size_t n = data.len, i = 0;
    if (n == 0 || n % 4 != 0)
        return false;
    for (int pad = 0; pad < 2 && data.data[n - 1] == '='; pad++)
        n--;
    const unsigned char *text = (const unsigned char *)data.data;
    for (; i + BLOCK <= n; i += BLOCK) {
        unsigned char bad = 0;
        for (size_t k = 0; k < BLOCK; k++)
            bad |= (unsigned char)!is_digit(text[i + k]);
        if (bad)
            return false;
    }
    for (; i < n; i++) {
        if (!is_digit(text[i]))
            return false;
    }
    return true;
}

/* The digits of text in the standard alphabet, padded; 0: it is no base64. */
static size_t tidy(aigw_slice text, char *to)
{
    size_t n = 0, pad = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=') {
            pad++;
            continue;
        }
        c = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
        if (pad > 0 || !is_digit((unsigned char)c))
            return 0;
        to[n++] = c;
    }
    if (n % 4 == 1 || pad > 2 || (pad > 0 && (n + pad) % 4 != 0))
        return 0;
    while (n % 4 != 0)
        to[n++] = '=';
    return n;
}

int gw_read_base64(gw_arena *arena, const gw_json_doc *doc, gw_json_ref at, gw_jstr *data,
                   aigw_error *err)
{
    if (is_clean(data->inner))
        return AIGW_OK;
    size_t n = 0;
    if (data->inner.len > 0) {
        aigw_slice text = gw_jstr_text(arena, *data);
        char *to = text.data == NULL ? NULL : gw_arena_alloc(arena, text.len + 4);
        if (to == NULL)
            return gw_fail_nomem(err);
        n = tidy(text, to);
        data->inner = (aigw_slice){to, n};
    }
    return n > 0
               ? AIGW_OK
               : gw_json_fail(err, doc, at, AIGW_E_PARSE, "not_base64", "the data must be base64");
}

int gw_read_media_type(aigw_error *err, const gw_json_doc *doc, gw_json_ref at, gw_jstr type)
{
    static const char others[] = "!#$&^_.+-/;= ";
    bool slash = false, fine = type.inner.len > 0 && type.inner.len <= 255;
    for (size_t i = 0; i < type.inner.len && fine; i++) {
        char c = type.inner.data[i];
        slash = slash || c == '/';
        fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr(others, c) != NULL);
    }
    return fine && slash ? AIGW_OK
                         : gw_json_fail(err, doc, at, AIGW_E_PARSE, "media_type",
                                        "expected a media type, such as image/png");
}

int gw_read_url(aigw_error *err, const gw_json_doc *doc, gw_json_ref at, gw_jstr url)
{
    const char *scheme_end = url.inner.len > 0 ? memchr(url.inner.data, ':', url.inner.len) : NULL;
    if (url.inner.len == 0)
        return gw_json_fail(err, doc, at, AIGW_E_PARSE, "no_url", "the URL is empty");
    if (scheme_end == NULL || gw_starts_nocase(url.inner, GW_S("file:")))
        return gw_json_fail(err, doc, at, AIGW_E_UNSUPPORTED, "no_url",
                            "this is no URL that a provider could fetch");
    return AIGW_OK;
}

/* -- the request as a whole -- */

/* A set of texts: open addressing, at most half full. */
typedef struct names {
    gw_arena *arena;
    aigw_slice *slots;
    size_t mask;
    bool failed; /* no memory */
    gw_hash_key key;
} names;

static bool names_init(names *set, gw_arena *arena, size_t most)
{
    size_t slots = 16;
    while (slots < 2 * most)
        slots *= 2;
    *set = (names){.arena = arena,
                   .slots = gw_arena_calloc(arena, slots, sizeof *set->slots),
                   .mask = slots - 1};
    gw_hash_key_for(&set->key, slots);
    return set->slots != NULL;
}

/* That of the text, or the empty one where it belongs: escaped in two ways it is one text. */
static aigw_slice *slot_of(names *set, gw_jstr text, aigw_slice *plain)
{
    aigw_slice name = text.inner.len > 0 ? gw_jstr_text(set->arena, text) : GW_S("");
    if (name.data == NULL) {
        set->failed = true;
        name = GW_S("");
    }
    *plain = name;
    size_t at = (size_t)gw_hash(&set->key, name) & set->mask;
    while (set->slots[at].data != NULL && !gw_eq(set->slots[at], name))
        at = (at + 1) & set->mask;
    return &set->slots[at];
}

/* False: it was there already. */
static bool names_add(names *set, gw_jstr text)
{
    aigw_slice plain, *slot = slot_of(set, text, &plain);
    bool fresh = slot->data == NULL;
    *slot = plain;
    return fresh;
}

static bool names_has(names *set, gw_jstr text)
{
    aigw_slice plain;
    return slot_of(set, text, &plain)->data != NULL;
}

static int check_tools(const gw_chat_request *r, const gw_read_places *places, names *known,
                       aigw_error *err)
{
    for (size_t i = 0; i < r->tool_count; i++) {
        const gw_tool *tool = &r->tools[i];
        if (tool->native)
            continue;
        gw_json_ref at = gw_ref_of(r->doc, tool->name.inner);
        at = at == GW_JSON_ABSENT ? tool->at : at;
        if (tool->name.inner.len == 0)
            return gw_json_fail(err, r->doc, at, AIGW_E_PARSE, "empty", "a tool must have a name");
        if (!names_add(known, tool->name))
            return gw_json_fail(err, r->doc, at,
                                places->unique_names ? AIGW_E_PARSE : AIGW_E_UNSUPPORTED,
                                "duplicate", "two tools have this name");
    }
    return AIGW_OK;
}

static bool needs_tool(gw_tool_choice choice)
{
    return choice == GW_TOOL_REQUIRED || choice == GW_TOOL_NAMED ||
           choice == GW_TOOL_ALLOWED_AUTO || choice == GW_TOOL_ALLOWED_REQUIRED;
}

static int check_choice(const gw_chat_request *r, const gw_read_places *places, names *known,
                        aigw_error *err)
{
    bool hosted = false;
    for (size_t i = 0; i < r->tool_count; i++)
        hosted |= r->tools[i].native;
    /* What the provider keeps may hold tools; a hosted tool has names of its own. */
    if (!needs_tool(r->tool_choice) || hosted || r->stateful != GW_JSON_ABSENT)
        return AIGW_OK;
    if (r->tool_count == 0)
        return gw_json_fail(err, r->doc, places->tool_choice, AIGW_E_PARSE, "no_tools",
                            "a tool is to be called, and there are none");
    for (size_t i = 0; i < r->tool_name_count; i++) {
        gw_json_ref at = gw_ref_of(r->doc, r->tool_names[i].inner);
        if (!names_has(known, r->tool_names[i]))
            return gw_json_fail(err, r->doc, at == GW_JSON_ABSENT ? places->tool_choice : at,
                                AIGW_E_PARSE, "unknown_tool", "there is no tool of this name");
    }
    return AIGW_OK;
}

/* Which messages: from `first` up to, not with, `end`. */
typedef struct turns {
    size_t first, end;
} turns;

static size_t parts_in(const gw_chat_request *r, turns t, gw_part_kind kind)
{
    size_t n = 0;
    for (size_t m = t.first; m < t.end; m++) {
        for (size_t i = 0; i < r->messages[m].part_count; i++)
            n += r->messages[m].parts[i].kind == kind;
    }
    return n;
}

/* Is each call of the one part answered by a result of the other? */
static int check_turns(gw_arena *arena, const gw_chat_request *r, turns calls, turns results,
                       int code, aigw_error *err)
{
    names answered;
    if (parts_in(r, calls, GW_PART_TOOL_CALL) == 0)
        return AIGW_OK;
    if (!names_init(&answered, arena, parts_in(r, results, GW_PART_TOOL_RESULT)))
        return gw_fail_nomem(err);
    for (size_t m = results.first; m < results.end; m++) {
        for (size_t i = 0; i < r->messages[m].part_count; i++) {
            if (r->messages[m].parts[i].kind == GW_PART_TOOL_RESULT)
                names_add(&answered, r->messages[m].parts[i].id);
        }
    }
    for (size_t m = calls.first; m < calls.end; m++) {
        for (size_t i = 0; i < r->messages[m].part_count; i++) {
            const gw_part *part = &r->messages[m].parts[i];
            bool open = part->kind == GW_PART_TOOL_CALL && !names_has(&answered, part->id);
            if (open && !answered.failed)
                return gw_json_fail(err, r->doc, part->at, code, "no_result",
                                    "no result of this call follows its turn");
        }
    }
    return answered.failed ? gw_fail_nomem(err) : AIGW_OK;
}

/* Calls of one turn that share an id cannot be told apart by their results. */
static int check_ids(gw_arena *arena, const gw_chat_request *r, turns calls, int code,
                     aigw_error *err)
{
    names seen;
    size_t count = parts_in(r, calls, GW_PART_TOOL_CALL);
    if (count < 2)
        return AIGW_OK;
    if (!names_init(&seen, arena, count))
        return gw_fail_nomem(err);
    for (size_t m = calls.first; m < calls.end; m++) {
        for (size_t i = 0; i < r->messages[m].part_count; i++) {
            const gw_part *part = &r->messages[m].parts[i];
            if (part->kind == GW_PART_TOOL_CALL && !names_add(&seen, part->id) && !seen.failed)
                return gw_json_fail(err, r->doc, part->at, code, "duplicate",
                                    "two calls of a turn have this id");
        }
    }
    return seen.failed ? gw_fail_nomem(err) : AIGW_OK;
}

static size_t run_of(const gw_chat_request *r, size_t from, gw_role role)
{
    while (from < r->message_count && r->messages[from].role == role)
        from++;
    return from;
}

/* A call that is not answered before somebody else speaks; the last turn's calls may be open still. */
static int check_calls(gw_arena *arena, const gw_chat_request *r, const gw_read_places *places,
                       aigw_error *err)
{
    int rc = AIGW_OK;
    turns all = {0, r->message_count}, spoken = all;
    while (spoken.end > 0 && r->messages[spoken.end - 1].role == GW_ROLE_ASSISTANT)
        spoken.end--;
    int code = places->answered_calls ? AIGW_E_PARSE : AIGW_E_UNSUPPORTED;
    for (size_t m = 0; m < r->message_count && rc == AIGW_OK;) {
        turns calls = {m, run_of(r, m, GW_ROLE_ASSISTANT)};
        turns results = {calls.end, run_of(r, calls.end, GW_ROLE_TOOL)};
        rc = check_ids(arena, r, calls, code, err);
        if (rc == AIGW_OK && places->answered_calls && m < spoken.end)
            rc = check_turns(arena, r, calls, results, code, err);
        m = results.end > m ? results.end : m + 1;
    }
    return rc == AIGW_OK && !places->answered_calls ? check_turns(arena, r, spoken, all, code, err)
                                                    : rc;
}

int gw_read_check(gw_arena *arena, const gw_chat_request *r, const gw_read_places *places,
                  aigw_error *err)
{
    names known;
    if (r->tool_count == 0 && !needs_tool(r->tool_choice))
        return check_calls(arena, r, places, err);
    if (!names_init(&known, arena, r->tool_count))
        return gw_fail_nomem(err);
    int rc = check_tools(r, places, &known, err);
    if (rc == AIGW_OK)
        rc = check_choice(r, places, &known, err);
    if (known.failed)
        return gw_fail_nomem(err);
    return rc == AIGW_OK ? check_calls(arena, r, places, err) : rc;
}
