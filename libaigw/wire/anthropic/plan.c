/*
 * What a Messages request must decide before it is written: what the model takes, how much it may think,
 * how long it may answer. Knows no JSON syntax.
 */
#include "wire/anthropic/anthropic.h"

#include <string.h>

enum { MIN_BUDGET = 1024, DEFAULT_MAX_TOKENS = 4096, UNKNOWN_MAX_BUDGET = 60000 };

/* "claude-sonnet-4-5-20250929", "anthropic.claude-3-5-haiku-v1:0", "claude-opus-4.7": the version is the
 * first one or two numbers of at most two digits; words before or behind it name the family. */
typedef struct version {
    int major, minor; /* -1 unknown */
    bool haiku, opus;
} version;

static bool small_number(aigw_slice word, int *out)
{
    uint64_t n;
    if (word.len == 0 || word.len > 2 || !gw_parse_u64(word, &n)) {
        return false;
    }
    *out = (int)n;
    return true;
}

static version read_version(aigw_slice rest)
{
    version v = {-1, -1, false, false};
    bool in_version = false;
    while (rest.len > 0) {
        size_t n = 0;
        while (n < rest.len && strchr("-.@:_", rest.data[n]) == NULL) {
            n++;
        }
        aigw_slice word = {rest.data, n};
        rest = gw_skip(rest, n < rest.len ? n + 1 : n);
        int number;
        if (small_number(word, &number)) {
            if (v.major < 0) {
                v.major = number;
                in_version = true;
            } else if (in_version && v.minor < 0) {
                v.minor = number;
            }
        } else {
            in_version = false;
            v.haiku = v.haiku || gw_eq(word, GW_S("haiku"));
            v.opus = v.opus || gw_eq(word, GW_S("opus"));
        }
    }
    return v;
}

static bool at_least(version v, int major, int minor)
{
    return v.major > major || (v.major == major && v.minor >= minor);
}

gw_anthropic_model gw_anthropic_model_of(aigw_slice name)
{
    gw_anthropic_model plain = {.thinking = true, .sampling = true, .structured = true};
    const char *claude = gw_find(name, GW_S("claude-"));
    if (claude == NULL) {
        return plain;
    }
    size_t skip = (size_t)(claude - name.data) + strlen("claude-");
    version v = read_version(gw_skip(name, skip));
    if (v.major < 0) {
        return plain;
    }
    if (v.minor < 0) {
        v.minor = 0;
    }
    gw_anthropic_model m = {.known = true};
    m.thinking = at_least(v, 3, 7);
    m.adaptive = at_least(v, 4, 7) || (at_least(v, 4, 6) && !v.haiku);
    m.xhigh = at_least(v, 4, 7);
    m.sampling = !at_least(v, 4, 7); /* "models newer than Claude Opus 4.6" reject it */
    m.mid_system = at_least(v, 4, 8);
    m.structured = at_least(v, 4, 5) || (v.opus && at_least(v, 4, 1));
    m.max_output = 64000;
    if (!at_least(v, 3, 5)) {
        m.max_output = 4096;
    } else if (!at_least(v, 3, 7)) {
        m.max_output = 8192;
    } else if (v.opus && !at_least(v, 4, 5)) {
        m.max_output = 32000;
    }
    return m;
}

int gw_anthropic_note(gw_anthropic_out *o, gw_json_ref at, const char *reason)
{
    return gw_note_add(o->notes, o->r->doc, at, reason, o->err);
}

int gw_anthropic_note_value(gw_anthropic_out *o, aigw_slice value, const char *reason)
{
    return gw_anthropic_note(o, gw_ref_of(o->r->doc, value), reason);
}

int gw_anthropic_note_member(gw_anthropic_out *o, const char *member, const char *reason)
{
    gw_json_ref at = GW_JSON_ABSENT;
    if (o->r->doc != NULL) {
        at = gw_json_get(o->r->doc, 0, member);
    }
    return gw_anthropic_note(o, at, reason);
}

/* The names are those of any client's format. */
static int note_thinking(gw_anthropic_out *o, const char *reason)
{
    static const char *const names[] = {"reasoning_effort", "reasoning", "thinking",
                                        "generationConfig", NULL};
    gw_json_ref at = GW_JSON_ABSENT;
    for (size_t i = 0; names[i] != NULL && at == GW_JSON_ABSENT && o->r->doc != NULL; i++) {
        at = gw_json_get(o->r->doc, 0, names[i]);
    }
    return gw_anthropic_note(o, at, reason);
}

static int64_t default_of(int64_t n, int64_t most)
{
    if (n <= 0) {
        n = most > 0 ? most : (int64_t)DEFAULT_MAX_TOKENS;
    }
    return most > 0 && n > most ? most : n;
}

int64_t gw_anthropic_default_max_tokens(int64_t configured, aigw_slice model)
{
    return default_of(configured, gw_anthropic_model_of(model).max_output);
}

static int64_t default_max_tokens(const gw_anthropic_out *o)
{
    return default_of(o->options->default_max_tokens, o->plan.model.max_output);
}

/* Does the conversation stand inside of a tool loop whose assistant turn has no thinking to replay? The
 * API refuses thinking of the "enabled" kind there. */
static bool lacks_thinking(const gw_chat_request *r)
{
    size_t last = r->message_count;
    while (last > 0 && r->messages[last - 1].role != GW_ROLE_ASSISTANT) {
        last--;
    }
    if (last == 0 || last == r->message_count || r->messages[last].role != GW_ROLE_TOOL) {
        return false;
    }
    const gw_message *turn = &r->messages[last - 1];
    for (size_t i = 0; i < turn->part_count; i++) {
        const gw_part *part = &turn->parts[i];
        bool thinking = part->kind == GW_PART_REDACTED_THINKING || part->kind == GW_PART_THINKING;
        if (thinking && gw_anthropic_own_thinking(r, part)) {
            return false;
        }
    }
    return true;
}

static int64_t budget_of(const gw_anthropic_out *o)
{
    if (o->r->thinking == GW_THINKING_BUDGET && o->r->thinking_budget > 0) {
        return o->r->thinking_budget < MIN_BUDGET ? (int64_t)MIN_BUDGET : o->r->thinking_budget;
    }
    switch (o->r->effort) {
    case GW_EFFORT_MINIMAL:
        return MIN_BUDGET;
    case GW_EFFORT_LOW:
        return 2048;
    case GW_EFFORT_MEDIUM:
        return 8192;
    case GW_EFFORT_HIGH:
        return 16384;
    case GW_EFFORT_XHIGH:
        return 32768;
    case GW_EFFORT_UNSAID: /* thinking without a word of how much */
        return 8192;
    default:
        break;
    }
    int64_t most = o->plan.model.max_output;
    if (most == 0) {
        return UNKNOWN_MAX_BUDGET;
    }
    int64_t rest = default_max_tokens(o) < most ? default_max_tokens(o) : DEFAULT_MAX_TOKENS;
    return most - rest;
}

/* A budget is at least 1024 and less than max_tokens. The caller's own maximum stays what it is. */
static int fit_budget(gw_anthropic_out *o)
{
    gw_anthropic_plan *p = &o->plan;
    int64_t budget = budget_of(o), most = p->model.max_output;
    if (o->r->max_tokens >= 0) {
        if (budget >= o->r->max_tokens) {
            budget = o->r->max_tokens / 2;
        }
    } else {
        p->max_tokens = budget + default_max_tokens(o);
        if (most > 0 && p->max_tokens > most) {
            p->max_tokens = most;
            budget = budget < most ? budget : most / 2;
        }
    }
    if (budget < MIN_BUDGET) {
        return note_thinking(o, "max_tokens leaves no room for thinking");
    }
    p->thinking = GW_THINKING_BUDGET;
    p->budget = budget;
    return AIGW_OK;
}

/* The row of the budget table that is nearest. */
static gw_effort effort_of_budget(int64_t tokens)
{
    if (tokens <= 3072) {
        return GW_EFFORT_LOW;
    }
    if (tokens <= 12288) {
        return GW_EFFORT_MEDIUM;
    }
    return tokens <= 24576 ? GW_EFFORT_HIGH : GW_EFFORT_XHIGH;
}

static int adapt_effort(gw_anthropic_out *o)
{
    gw_anthropic_plan *p = &o->plan;
    p->thinking = GW_THINKING_ADAPTIVE;
    p->effort = o->r->effort == GW_EFFORT_MINIMAL ? GW_EFFORT_LOW : o->r->effort;
    if (p->effort == GW_EFFORT_UNSAID && o->r->thinking == GW_THINKING_BUDGET) {
        p->effort = effort_of_budget(o->r->thinking_budget);
    }
    if (p->effort == GW_EFFORT_XHIGH && !p->model.xhigh) {
        p->effort = GW_EFFORT_HIGH;
        return note_thinking(o, "the model takes at most high");
    }
    return AIGW_OK;
}

static bool forced_tool(const gw_chat_request *r)
{
    return r->tool_count > 0 &&
           (r->tool_choice == GW_TOOL_REQUIRED || r->tool_choice == GW_TOOL_NAMED ||
            r->tool_choice == GW_TOOL_ALLOWED_REQUIRED);
}

/* Effort, budget or mode of another format, as the model takes it. */
static int decide_thinking(gw_anthropic_out *o)
{
    const gw_chat_request *r = o->r;
    if (r->effort == GW_EFFORT_UNSAID && r->thinking == GW_THINKING_UNSAID) {
        return AIGW_OK;
    }
    bool off = r->thinking == GW_THINKING_OFF ||
               (r->thinking == GW_THINKING_UNSAID && r->effort == GW_EFFORT_NONE) ||
               (r->thinking == GW_THINKING_BUDGET && r->thinking_budget == 0);
    if (off) {
        o->plan.thinking = o->plan.model.thinking ? GW_THINKING_OFF : GW_THINKING_UNSAID;
        return AIGW_OK;
    }
    if (!o->plan.model.thinking) {
        return note_thinking(o, "the model does not think");
    }
    if (forced_tool(r) || o->plan.json_tool) {
        return note_thinking(o, "no thinking with a forced tool choice");
    }
    if (o->plan.model.adaptive) {
        return adapt_effort(o);
    }
    if (lacks_thinking(r)) {
        return note_thinking(o, "the tool loop holds no thinking to go on from");
    }
    return fit_budget(o);
}

/* Where the model knows no output_config.format: a tool of its own if there is no other, else words. */
static void decide_shape(gw_anthropic_out *o)
{
    const gw_chat_request *r = o->r;
    bool schema = r->shape == GW_SHAPE_SCHEMA && gw_has_raw(r->schema);
    bool can = o->plan.same || o->plan.model.structured;
    bool object = false;
    gw_json_doc doc;
    if (schema && !can && gw_json_parse(o->arena, r->schema.json, NULL, &doc, NULL) == AIGW_OK) {
        object = gw_json_is(&doc, gw_json_get(&doc, 0, "type"), "object");
    }
    o->plan.json_tool = schema && !can && object && r->tool_count == 0;
    o->plan.json_words = r->shape != GW_SHAPE_TEXT && !(schema && can) && !o->plan.json_tool;
}

int gw_anthropic_decide(gw_anthropic_out *o)
{
    const gw_chat_request *r = o->r;
    gw_anthropic_plan *p = &o->plan;
    aigw_slice name = o->options->model;
    if (name.len == 0) {
        name = gw_jstr_text(o->arena, r->model);
        if (name.data == NULL) {
            return gw_fail_nomem(o->err);
        }
    }
    p->model = gw_anthropic_model_of(name);
    if (o->options->quirks & GW_QUIRK_NO_SAMPLING) {
        p->model.sampling = false;
    }
    p->same = r->format == AIGW_FORMAT_ANTHROPIC;
    p->max_tokens = r->max_tokens >= 0 ? r->max_tokens : default_max_tokens(o);
    p->budget = r->thinking_budget;
    decide_shape(o);
    if (p->same) {
        p->thinking = r->thinking;
        p->effort = r->effort;
        return AIGW_OK;
    }
    return decide_thinking(o);
}
