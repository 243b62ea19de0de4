/*
 * Writing system and the turns of a Converse request: the user begins, turns alternate, results stand
 * before text, thinking before text before calls, and nothing is blank. Knows nothing of a block's members.
 */
#include "base/crypto.h"
#include "chat/wrap.h"
#include "wire/bedrock/bedrock.h"

typedef struct turn {
    gw_role role;
    gw_json_ref at;
    size_t first, count; /* in turns.parts */
} turn;

typedef struct turns {
    turn *items;
    size_t count;
    const gw_part **parts;
    size_t used;
} turns;

static bool is_system(const gw_message *m)
{
    return m->role == GW_ROLE_SYSTEM || m->role == GW_ROLE_DEVELOPER;
}

/* Leading system words go to `system`; the rest is the conversation, which must have a turn. */
static size_t leading(const gw_chat_request *r)
{
    size_t n = 0;
    while (n < r->message_count && is_system(&r->messages[n])) {
        n++;
    }
    bool alone = n > 0 && n == r->message_count && r->format != AIGW_FORMAT_BEDROCK;
    return alone ? n - 1 : n;
}

static int write_json_words(gw_bedrock_out *o)
{
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "text");
    gw_jw_begin_string(&o->w);
    gw_jw_part(&o->w, GW_S(GW_JSON_WORDS));
    if (gw_has_raw(o->r->schema)) {
        gw_jw_part(&o->w, GW_S(GW_SCHEMA_WORDS));
        gw_jw_part(&o->w, o->r->schema.json);
    }
    gw_jw_end_string(&o->w);
    gw_jw_object_end(&o->w);
    return gw_bedrock_note_member(o, "response_format text output_config generationConfig",
                                  "asked for in the system prompt");
}

static int write_system_part(gw_bedrock_out *o, const gw_part *part)
{
    int rc;
    if (part->kind == GW_PART_NATIVE && o->same) {
        rc = gw_bedrock_write_part(o, part);
    } else if (part->kind != GW_PART_TEXT) {
        return gw_json_fail(o->err, o->r->doc, part->at, AIGW_E_UNSUPPORTED, "unsupported_part",
                            "a system message holds text only");
    } else if (gw_jstr_blank(part->text)) {
        return AIGW_OK;
    } else {
        rc = gw_bedrock_write_part(o, part);
    }
    return rc != AIGW_OK ? rc : gw_bedrock_write_cache(o, part->cache, part->at, o->model.cache);
}

int gw_bedrock_write_system(gw_bedrock_out *o)
{
    size_t n = leading(o->r);
    if (n == 0 && !o->json_words) {
        return AIGW_OK;
    }
    gw_jw_key(&o->w, "system");
    gw_jw_array(&o->w);
    for (size_t m = 0; m < n; m++) {
        const gw_message *message = &o->r->messages[m];
        for (size_t i = 0; i < message->part_count; i++) {
            int rc = write_system_part(o, &message->parts[i]);
            if (rc != AIGW_OK) {
                return rc;
            }
        }
    }
    int rc = o->json_words ? write_json_words(o) : AIGW_OK;
    gw_jw_array_end(&o->w);
    return rc;
}

/* A blob must be base64, or the API refuses the whole request. */
static bool is_blob(gw_bedrock_out *o, gw_jstr data)
{
    aigw_slice text = gw_jstr_text(o->arena, data);
    uint8_t *to = text.len == 0 ? NULL : gw_arena_alloc(o->arena, text.len / 4 * 3 + 3);
    return to != NULL && gw_base64_decode(text, to) > 0;
}

/* Why a part is left out; NULL: it stays. */
static const char *why_dropped(gw_bedrock_out *o, gw_role role, const gw_part *part)
{
    bool own = gw_bedrock_own_signature(o, part) && role == GW_ROLE_ASSISTANT;
    switch (part->kind) {
    case GW_PART_THINKING:
        if (o->same && own) {
            return NULL;
        }
        return own && part->signature.inner.len > 0
                   ? NULL
                   : "thinking without a signature of its maker cannot be replayed";
    case GW_PART_REDACTED_THINKING:
        if (o->same && own) {
            return NULL;
        }
        return own && is_blob(o, part->data) ? NULL : "redacted thinking of another provider";
    case GW_PART_NATIVE:
        return o->same ? NULL : "not known to this provider";
    default:
        return NULL;
    }
}

static int add_part(gw_bedrock_out *o, turns *t, gw_role role, const gw_message *message,
                    const gw_part *part)
{
    bool text = part->kind == GW_PART_TEXT || part->kind == GW_PART_REFUSAL;
    if (text && gw_jstr_blank(part->text)) {
        return AIGW_OK; /* the API refuses it */
    }
    const char *why = why_dropped(o, role, part);
    if (why != NULL) {
        return gw_bedrock_note(o, part->at, why);
    }
    if (t->count == 0 || t->items[t->count - 1].role != role) {
        t->items[t->count++] = (turn){role, message->at, t->used, 0};
    }
    t->parts[t->used++] = part;
    t->items[t->count - 1].count++;
    return AIGW_OK;
}

static int add_message(gw_bedrock_out *o, turns *t, const gw_message *message)
{
    gw_role role = message->role == GW_ROLE_ASSISTANT ? GW_ROLE_ASSISTANT : GW_ROLE_USER;
    if (is_system(message) && o->same) {
        role = GW_ROLE_SYSTEM;
    }
    int rc = gw_has(message->name)
                 ? gw_bedrock_note(o, message->at, "the name of a message is not sent")
                 : AIGW_OK;
    if (rc == AIGW_OK && is_system(message) && !o->same) {
        rc = gw_bedrock_note(
            o, message->at,
            "a system message is said as the user's: there is no place for it there");
    }
    for (size_t i = 0; rc == AIGW_OK && i < message->part_count; i++) {
        rc = add_part(o, t, role, message, &message->parts[i]);
    }
    return rc;
}

static int add_range(gw_bedrock_out *o, turns *t, size_t from, size_t to)
{
    int rc = AIGW_OK;
    for (size_t i = from; rc == AIGW_OK && i < to; i++) {
        rc = add_message(o, t, &o->r->messages[i]);
    }
    return rc;
}

/* System words in mid-conversation never stand between a call and its result. */
static int collect(gw_bedrock_out *o, turns *t)
{
    const gw_message *m = o->r->messages;
    size_t n = o->r->message_count;
    int rc = AIGW_OK;
    for (size_t i = leading(o->r), next; rc == AIGW_OK && i < n; i = next) {
        size_t said = i;
        while (said < n && is_system(&m[said])) {
            said++;
        }
        next = said;
        while (next < n && m[next].role == GW_ROLE_TOOL) {
            next++;
        }
        next = next > i ? next : i + 1;
        rc = add_range(o, t, said, next);
        if (rc == AIGW_OK) {
            rc = add_range(o, t, i, said);
        }
    }
    return rc;
}

/* Without the white space at the end, escaped or not: the API refuses it in a prefill. */
static gw_jstr strip_end(gw_jstr text)
{
    aigw_slice s = text.inner;
    for (;;) {
        size_t cut = 0, slashes = 0;
        while (slashes + 1 < s.len && s.data[s.len - 2 - slashes] == '\\') {
            slashes++;
        }
        if (s.len > 0 && s.data[s.len - 1] == ' ' && slashes % 2 == 0) {
            cut = 1;
        } else if (slashes % 2 == 1 && memchr("ntrf", s.data[s.len - 1], 4) != NULL) {
            cut = 2;
        }
        if (cut == 0) {
            return (gw_jstr){s};
        }
        s.len -= cut;
    }
}

static int strip_prefill(gw_bedrock_out *o, turns *t)
{
    if (t->count == 0 || t->items[t->count - 1].role != GW_ROLE_ASSISTANT || o->same) {
        return AIGW_OK;
    }
    const gw_part **last = &t->parts[t->used - 1];
    if ((*last)->kind != GW_PART_TEXT) {
        return AIGW_OK;
    }
    gw_part *copy = gw_arena_alloc(o->arena, sizeof *copy);
    if (copy == NULL) {
        return gw_fail_nomem(o->err);
    }
    *copy = **last;
    copy->text = strip_end(copy->text);
    *last = copy;
    return AIGW_OK;
}

/* Where a part stands within its turn; our own turns keep their order, but results go first. */
static int rank(const gw_bedrock_out *o, gw_role role, const gw_part *part)
{
    if (role == GW_ROLE_USER) {
        return part->kind != GW_PART_TOOL_RESULT;
    }
    if (o->same) {
        return 0;
    }
    switch (part->kind) {
    case GW_PART_THINKING:
    case GW_PART_REDACTED_THINKING:
        return 0;
    case GW_PART_TOOL_CALL:
        return 2;
    default:
        return 1;
    }
}

/* The API wants a text beside a document. */
static bool lacks_text(const turns *t, const turn *it)
{
    bool document = false;
    for (size_t i = 0; i < it->count; i++) {
        const gw_part *part = t->parts[it->first + i];
        if (part->kind == GW_PART_TEXT) {
            return false;
        }
        document = document || part->kind == GW_PART_DOCUMENT;
    }
    return document && it->role == GW_ROLE_USER;
}

static int write_marked(gw_bedrock_out *o, const gw_part *part)
{
    bool thought = part->kind == GW_PART_THINKING || part->kind == GW_PART_REDACTED_THINKING;
    gw_cache_mark mark = part->cache;
    for (size_t i = 0; i < part->part_count; i++) { /* none may stand inside of a result */
        mark = mark == GW_CACHE_NONE ? part->parts[i].cache : mark;
    }
    int rc = gw_bedrock_write_part(o, part);
    return rc != AIGW_OK || (thought && !o->same)
               ? rc
               : gw_bedrock_write_cache(o, mark, part->at, o->model.cache);
}

static int write_turn(gw_bedrock_out *o, const turns *t, const turn *it)
{
    static const char *const roles[] = {
        [GW_ROLE_SYSTEM] = "system", [GW_ROLE_USER] = "user", [GW_ROLE_ASSISTANT] = "assistant"};
    int rc = AIGW_OK;
    o->turn++;
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "role");
    gw_jw_str(&o->w, roles[it->role]);
    gw_jw_key(&o->w, "content");
    gw_jw_array(&o->w);
    for (int wanted = 0; wanted < 3; wanted++) {
        for (size_t i = 0; rc == AIGW_OK && i < it->count; i++) {
            const gw_part *part = t->parts[it->first + i];
            rc = rank(o, it->role, part) == wanted ? write_marked(o, part) : AIGW_OK;
        }
    }
    if (rc == AIGW_OK && !o->same && lacks_text(t, it)) {
        gw_jw_raw(&o->w, GW_S("{\"text\":\"See the document.\"}"));
        rc = gw_bedrock_note(o, it->at, "a text was added: a document must not stand alone");
    }
    gw_jw_array_end(&o->w);
    gw_jw_object_end(&o->w);
    return rc;
}

static int write_all(gw_bedrock_out *o, const turns *t)
{
    int rc = AIGW_OK;
    gw_jw_key(&o->w, "messages");
    gw_jw_array(&o->w);
    if (t->items[0].role == GW_ROLE_ASSISTANT && !o->same) {
        gw_jw_raw(&o->w, GW_S("{\"role\":\"user\",\"content\":[{\"text\":\"Continue.\"}]}"));
        rc = gw_bedrock_note(o, t->items[0].at, "a user turn was added: the user must begin");
    }
    for (size_t i = 0; rc == AIGW_OK && i < t->count; i++) {
        rc = write_turn(o, t, &t->items[i]);
    }
    gw_jw_array_end(&o->w);
    return rc;
}

int gw_bedrock_write_messages(gw_bedrock_out *o)
{
    size_t parts = 0;
    for (size_t i = 0; i < o->r->message_count; i++) {
        parts += o->r->messages[i].part_count;
    }
    turns t = {.items = gw_arena_calloc(o->arena, parts + 1, sizeof *t.items),
               .parts = gw_arena_calloc(o->arena, parts + 1, sizeof *t.parts)};
    if (t.items == NULL || t.parts == NULL) {
        return gw_fail_nomem(o->err);
    }
    int rc = collect(o, &t);
    if (rc == AIGW_OK) {
        rc = strip_prefill(o, &t);
    }
    if (rc == AIGW_OK && t.count == 0) {
        gw_json_fail(o->err, o->r->doc, gw_request_end(o->r), AIGW_E_PARSE, "no_messages",
                     "there is no message with content");
        return AIGW_E_PARSE;
    }
    return rc == AIGW_OK ? write_all(o, &t) : rc;
}
