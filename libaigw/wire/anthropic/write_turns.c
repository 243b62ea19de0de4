/*
 * Writing system and the turns of a Messages request: the API wants alternating turns, results before
 * text, thinking before text before calls, and nothing blank. Knows nothing of a block's members.
 */
#include "chat/wrap.h"
#include "wire/anthropic/anthropic.h"

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

/* Leading system and developer messages; the rest is the conversation. */
static size_t count_leading(const gw_chat_request *r)
{
    size_t n = 0;
    while (n < r->message_count && is_system(&r->messages[n])) {
        n++;
    }
    /* A conversation of system words only: the API wants a turn, so the last ones are the user's. */
    bool alone = n > 0 && n == r->message_count && r->format != AIGW_FORMAT_ANTHROPIC;
    return alone ? n - 1 : n;
}

static bool is_block(const gw_part *part)
{
    return part->raw.json.len > 0 && part->raw.json.data[0] == '{';
}

/* One string is enough when nothing came as a block and no cache mark must be kept. */
static bool system_is_string(const gw_chat_request *r, size_t leading)
{
    for (size_t m = 0; m < leading; m++) {
        const gw_message *message = &r->messages[m];
        for (size_t i = 0; i < message->part_count; i++) {
            if (is_block(&message->parts[i]) || message->parts[i].cache != GW_CACHE_NONE) {
                return false;
            }
        }
    }
    return true;
}

static size_t count_system(const gw_chat_request *r, size_t leading)
{
    size_t n = 0;
    for (size_t m = 0; m < leading; m++) {
        for (size_t i = 0; i < r->messages[m].part_count; i++) {
            const gw_part *part = &r->messages[m].parts[i];
            n += part->kind == GW_PART_TEXT && !gw_jstr_blank(part->text);
        }
    }
    return n;
}

static int write_system_parts(gw_anthropic_out *o, size_t leading, bool as_string)
{
    size_t written = 0;
    for (size_t m = 0; m < leading; m++) {
        const gw_message *message = &o->r->messages[m];
        for (size_t i = 0; i < message->part_count; i++) {
            const gw_part *part = &message->parts[i];
            if (part->kind != GW_PART_TEXT) {
                return gw_json_fail(o->err, o->r->doc, part->at, AIGW_E_UNSUPPORTED,
                                    "unsupported_part", "a system message holds text only");
            }
            if (gw_jstr_blank(part->text)) {
                continue;
            }
            if (!as_string) {
                int rc = gw_anthropic_write_part(o, part);
                if (rc != AIGW_OK) {
                    return rc;
                }
                continue;
            }
            if (written++ > 0) {
                gw_jw_part_inner(&o->w, GW_S("\\n\\n"));
            }
            gw_jw_part_inner(&o->w, part->text.inner);
        }
    }
    return AIGW_OK;
}

static void write_json_words(gw_anthropic_out *o)
{
    gw_jw_part(&o->w, GW_S(GW_JSON_WORDS));
    if (gw_has_raw(o->r->schema)) {
        gw_jw_part(&o->w, GW_S(GW_SCHEMA_WORDS));
        gw_jw_part(&o->w, o->r->schema.json);
    }
}

int gw_anthropic_write_system(gw_anthropic_out *o)
{
    size_t leading = count_leading(o->r);
    size_t texts = count_system(o->r, leading);
    bool json = o->plan.json_words;
    int rc = json ? gw_anthropic_note_member(o, "response_format", "asked for in the system prompt")
                  : AIGW_OK;
    if (rc != AIGW_OK || (texts == 0 && !json)) {
        return rc;
    }
    gw_jw_key(&o->w, "system");
    if (system_is_string(o->r, leading)) {
        gw_jw_begin_string(&o->w);
        rc = write_system_parts(o, leading, true);
        if (json && texts > 0) {
            gw_jw_part_inner(&o->w, GW_S("\\n\\n"));
        }
        if (json) {
            write_json_words(o);
        }
        gw_jw_end_string(&o->w);
        return rc;
    }
    gw_jw_array(&o->w);
    rc = write_system_parts(o, leading, false);
    if (json) {
        gw_jw_raw(&o->w, GW_S("{\"type\":\"text\",\"text\":"));
        o->w.comma = false;
        gw_jw_begin_string(&o->w);
        write_json_words(o);
        gw_jw_end_string(&o->w);
        gw_jw_object_end(&o->w);
    }
    gw_jw_array_end(&o->w);
    return rc;
}

bool gw_anthropic_own_thinking(const gw_chat_request *r, const gw_part *part)
{
    aigw_format maker = (int)part->origin != 0 ? part->origin : r->format;
    gw_jstr proof = part->kind == GW_PART_REDACTED_THINKING ? part->data : part->signature;
    return maker == AIGW_FORMAT_ANTHROPIC && proof.inner.len > 0;
}

/* AIGW_OK to keep it, AIGW_END to leave it out. */
static int keep_part(gw_anthropic_out *o, gw_role role, const gw_part *part)
{
    int rc;
    bool thinking = part->kind == GW_PART_THINKING || part->kind == GW_PART_REDACTED_THINKING;
    if (!thinking && part->signature.inner.len > 0) {
        rc = gw_anthropic_note(o, part->at, "the signature is another provider's");
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    switch (part->kind) {
    case GW_PART_TEXT:
    case GW_PART_REFUSAL:
        return gw_jstr_blank(part->text) ? AIGW_END : AIGW_OK;
    case GW_PART_THINKING:
    case GW_PART_REDACTED_THINKING:
        if (role == GW_ROLE_ASSISTANT && gw_anthropic_own_thinking(o->r, part)) {
            return AIGW_OK;
        }
        rc = gw_anthropic_note(o, part->at,
                               "thinking without a signature of this provider cannot be replayed");
        return rc == AIGW_OK ? AIGW_END : rc;
    case GW_PART_NATIVE:
        if (o->plan.same) {
            return AIGW_OK;
        }
        rc = gw_anthropic_note(o, part->at, "not known to this provider");
        return rc == AIGW_OK ? AIGW_END : rc;
    default:
        return AIGW_OK;
    }
}

static int note_moved(gw_anthropic_out *o, const gw_message *message)
{
    return gw_anthropic_note(
        o, message->at, "a system message is said as the user's: there is no place for it there");
}

static int add_message(gw_anthropic_out *o, turns *t, const gw_message *message)
{
    gw_role role = message->role;
    if (role == GW_ROLE_TOOL) {
        role = GW_ROLE_USER;
    } else if (is_system(message)) {
        bool may = (o->plan.model.mid_system || o->plan.same) && t->count > 0;
        role = may ? GW_ROLE_SYSTEM : GW_ROLE_USER;
        int rc = may ? AIGW_OK : note_moved(o, message);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    if (gw_has(message->name)) {
        int rc = gw_anthropic_note(o, message->at, "the name of a message is not sent");
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    for (size_t i = 0; i < message->part_count; i++) {
        const gw_part *part = &message->parts[i];
        int rc = keep_part(o, role, part);
        if (rc == AIGW_END) {
            continue;
        }
        if (rc != AIGW_OK) {
            return rc;
        }
        if (t->count == 0 || t->items[t->count - 1].role != role) {
            t->items[t->count++] = (turn){role, message->at, t->used, 0};
        }
        t->parts[t->used++] = part;
        t->items[t->count - 1].count++;
    }
    return AIGW_OK;
}

static int add_range(gw_anthropic_out *o, turns *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        int rc = add_message(o, t, &o->r->messages[i]);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    return AIGW_OK;
}

/* System words in mid-conversation never stand between a call and its result. */
static int collect(gw_anthropic_out *o, turns *t)
{
    const gw_message *m = o->r->messages;
    size_t n = o->r->message_count;
    for (size_t i = count_leading(o->r); i < n;) {
        size_t said = i;
        while (said < n && is_system(&m[said])) {
            said++;
        }
        size_t results = said;
        while (results < n && m[results].role == GW_ROLE_TOOL) {
            results++;
        }
        size_t next = results > i ? results : i + 1;
        int rc = add_range(o, t, said, next);
        if (rc == AIGW_OK) {
            rc = add_range(o, t, i, said);
        }
        if (rc != AIGW_OK) {
            return rc;
        }
        i = next;
    }
    return AIGW_OK;
}

/* Without the white space at the end, escaped or not; an escaped backslash before an n stays. */
static gw_jstr strip_end(gw_jstr text)
{
    aigw_slice s = text.inner;
    for (;;) {
        if (s.len > 0 && s.data[s.len - 1] == ' ') {
            s.len--;
            continue;
        }
        size_t slashes = 0;
        while (slashes + 1 < s.len && s.data[s.len - 2 - slashes] == '\\') {
            slashes++;
        }
        char c = s.len > 0 ? s.data[s.len - 1] : 'x';
        if (slashes % 2 == 0 || (c != 'n' && c != 't' && c != 'r' && c != 'f')) {
            return (gw_jstr){s};
        }
        s.len -= 2;
    }
}

/* A last assistant turn is a prefill, which the API refuses when it ends in white space. */
static int strip_prefill(gw_anthropic_out *o, turns *t)
{
    if (t->count == 0 || t->items[t->count - 1].role != GW_ROLE_ASSISTANT || o->plan.same) {
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
static int rank(const gw_anthropic_out *o, gw_role role, const gw_part *part)
{
    if (role == GW_ROLE_USER) {
        return part->kind != GW_PART_TOOL_RESULT;
    }
    if (o->plan.same) {
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

static int write_turn(gw_anthropic_out *o, const turns *t, const turn *it)
{
    static const char *const roles[] = {
        [GW_ROLE_SYSTEM] = "system", [GW_ROLE_USER] = "user", [GW_ROLE_ASSISTANT] = "assistant"};
    o->turn++;
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "role");
    gw_jw_str(&o->w, roles[it->role]);
    gw_jw_key(&o->w, "content");
    gw_jw_array(&o->w);
    for (int wanted = 0; wanted < 3; wanted++) {
        for (size_t i = 0; i < it->count; i++) {
            const gw_part *part = t->parts[it->first + i];
            int rc = rank(o, it->role, part) == wanted ? gw_anthropic_write_part(o, part) : AIGW_OK;
            if (rc != AIGW_OK) {
                return rc;
            }
        }
    }
    gw_jw_array_end(&o->w);
    gw_jw_object_end(&o->w);
    return AIGW_OK;
}

int gw_anthropic_write_messages(gw_anthropic_out *o)
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
    if (rc != AIGW_OK) {
        return rc;
    }
    if (t.count == 0) {
        return gw_json_fail(o->err, o->r->doc, gw_request_end(o->r), AIGW_E_PARSE, "no_messages",
                            "there is no message with content");
    }
    gw_jw_key(&o->w, "messages");
    gw_jw_array(&o->w);
    for (size_t i = 0; i < t.count && rc == AIGW_OK; i++) {
        rc = write_turn(o, &t, &t.items[i]);
    }
    gw_jw_array_end(&o->w);
    return rc;
}
