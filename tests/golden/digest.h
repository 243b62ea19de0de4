/* A neutral request or answer as lines of text, each one fact: what two of them have in common can be told. */
/* Must not know any format. */
#ifndef TESTS_GOLDEN_DIGEST_H
#define TESTS_GOLDEN_DIGEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chat/fold.h"
#include "chat/request.h"

enum { DIGEST_LINES = 400, DIGEST_LINE = 4000 };

typedef struct digest {
    gw_arena *arena;
    char *lines[DIGEST_LINES];
    size_t count;
} digest;

static inline void fact(digest *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void fact(digest *d, const char *fmt, ...)
{
    char line[DIGEST_LINE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    assert_true(d->count < DIGEST_LINES);
    aigw_slice kept = gw_arena_copy(d->arena, (aigw_slice){line, strlen(line) + 1});
    assert_non_null(kept.data);
    d->lines[d->count++] = (char *)(uintptr_t)kept.data;
}

/* Unescaped, so that it does not matter who escaped what. Empty when absent. */
static inline const char *said(digest *d, gw_jstr s)
{
    if (!gw_has(s))
        return "";
    aigw_slice text = gw_jstr_text(d->arena, s);
    aigw_slice kept = gw_arena_copy(d->arena, text);
    char *out = gw_arena_alloc(d->arena, kept.len + 1);
    assert_non_null(out);
    memcpy(out, kept.data ? kept.data : "", kept.len);
    out[kept.len] = '\0';
    return out;
}

static inline void fact_jstr(digest *d, const char *where, const char *name, gw_jstr s)
{
    if (gw_has(s) && s.inner.len > 0)
        fact(d, "%s%s=%s", where, name, said(d, s));
}

/* Without the white space between tokens. */
static inline void fact_raw(digest *d, const char *where, const char *name, gw_raw r)
{
    char line[DIGEST_LINE];
    size_t n = 0;
    bool in_string = false;
    if (!gw_has_raw(r))
        return;
    for (size_t i = 0; i < r.json.len && n < sizeof line - 1; i++) {
        char c = r.json.data[i];
        if (c == '"' && (i == 0 || r.json.data[i - 1] != '\\'))
            in_string = !in_string;
        if (in_string || !strchr(" \t\r\n", c))
            line[n++] = c;
    }
    line[n] = '\0';
    fact(d, "%s%s=%s", where, name, line);
}

static inline void fact_number(digest *d, const char *name, int64_t value)
{
    if (value >= 0)
        fact(d, "%s=%lld", name, (long long)value);
}

static inline void digest_part(digest *d, const char *where, const gw_part *p)
{
    static const char *const kinds[] = {"text",      "image",       "audio",    "document",
                                        "tool_call", "tool_result", "thinking", "redacted",
                                        "refusal",   "native"};
    char at[128];
    snprintf(at, sizeof at, "%s %s ", where, kinds[p->kind]);
    fact_jstr(d, at, "text", p->text);
    fact_jstr(d, at, "media_type", p->media_type);
    fact_jstr(d, at, "data", p->data);
    fact_jstr(d, at, "url", p->url);
    fact_jstr(d, at, "file_id", p->file_id);
    fact_jstr(d, at, "name", p->name);
    if (p->kind != GW_PART_TEXT) { /* there a codec keeps what is its own */
        fact_jstr(d, at, "detail", p->detail);
        fact_jstr(d, at, "id", p->id);
    }
    if (p->kind == GW_PART_TOOL_CALL) /* a result's name is its call's */
        fact_jstr(d, at, "tool_name", p->tool_name);
    if (p->kind == GW_PART_TOOL_CALL) {
        aigw_slice args = {NULL, 0};
        if (p->custom)
            fact_jstr(d, at, "input", p->args_text);
        else if (gw_part_args_object(d->arena, NULL, p, &args, NULL) == AIGW_OK)
            fact_raw(d, at, "args", (gw_raw){args});
    }
    if (p->custom)
        fact(d, "%scustom", at);
    if (p->is_error)
        fact(d, "%sis_error", at);
    fact_jstr(d, at, "signature", p->signature);
    if (p->cache != GW_CACHE_NONE)
        fact(d, "%scache=%s", at, p->cache == GW_CACHE_1H ? "1h" : "5m");
    fact_raw(d, at, "citations", p->citations);
    if (p->kind == GW_PART_NATIVE)
        fact_raw(d, at, "raw", p->raw);
    for (size_t i = 0; i < p->part_count; i++)
        digest_part(d, at, &p->parts[i]);
}

static inline void digest_tools(digest *d, const gw_chat_request *r)
{
    for (size_t i = 0; i < r->tool_count; i++) {
        const gw_tool *t = &r->tools[i];
        char at[160];
        snprintf(at, sizeof at, "tool %s ", t->native ? "(native)" : said(d, t->name));
        fact(d, "%s", at);
        fact_jstr(d, at, "description", t->description);
        fact_raw(d, at, "schema", t->schema);
        if (t->strict == 1)
            fact(d, "%sstrict", at);
        if (t->custom)
            fact(d, "%scustom", at);
        fact_jstr(d, at, "grammar", t->grammar);
        fact_jstr(d, at, "grammar_syntax", t->grammar_syntax);
        if (t->cache != GW_CACHE_NONE)
            fact(d, "%scache=%s", at, t->cache == GW_CACHE_1H ? "1h" : "5m");
        if (t->native)
            fact_raw(d, at, "raw", t->raw);
    }
    if (r->tool_choice != GW_TOOL_UNSAID)
        fact(d, "tool_choice=%d", (int)r->tool_choice);
    for (size_t i = 0; i < r->tool_name_count; i++)
        fact(d, "tool_choice of %s", said(d, r->tool_names[i]));
    if (r->parallel_tool_calls >= 0)
        fact(d, "parallel_tool_calls=%d", r->parallel_tool_calls);
}

static inline void digest_messages(digest *d, const gw_chat_request *r)
{
    static const char *const roles[] = {"system", "system", "user", "assistant", "tool"};
    for (size_t i = 0; i < r->message_count; i++) {
        const gw_message *m = &r->messages[i];
        for (size_t k = 0; k < m->part_count; k++)
            digest_part(d, roles[m->role], &m->parts[k]);
        fact_jstr(d, roles[m->role], " name", m->name);
    }
}

static inline void digest_request(digest *d, const gw_chat_request *r)
{
    digest_messages(d, r);
    digest_tools(d, r);
    fact_number(d, "max_tokens", r->max_tokens);
    fact_raw(d, "", "temperature", r->temperature);
    fact_raw(d, "", "top_p", r->top_p);
    fact_raw(d, "", "top_k", r->top_k);
    fact_raw(d, "", "seed", r->seed);
    fact_raw(d, "", "presence_penalty", r->presence_penalty);
    fact_raw(d, "", "frequency_penalty", r->frequency_penalty);
    for (size_t i = 0; i < r->stop_count; i++)
        fact_jstr(d, "", "stop", r->stop[i]);
    fact_number(d, "n", r->n);
    if (r->shape != GW_SHAPE_TEXT)
        fact(d, "shape=%s", r->shape == GW_SHAPE_JSON ? "json" : "schema");
    fact_jstr(d, "", "schema_name", r->schema_name);
    fact_jstr(d, "", "schema_description", r->schema_description);
    fact_raw(d, "", "schema", r->schema);
    if (r->effort != GW_EFFORT_UNSAID)
        fact(d, "effort=%d", (int)r->effort);
    if (r->thinking != GW_THINKING_UNSAID)
        fact(d, "thinking=%d", (int)r->thinking);
    fact_number(d, "thinking_budget", r->thinking_budget);
    if (r->thinking_hidden)
        fact(d, "thinking_hidden");
    fact_jstr(d, "", "thinking_summary", r->thinking_summary);
    fact_jstr(d, "", "user_id", r->user_id);
    fact_raw(d, "", "metadata", r->metadata);
    fact_jstr(d, "", "service_tier", r->service_tier);
    fact_jstr(d, "", "verbosity", r->verbosity);
    if (r->logprobs)
        fact(d, "logprobs");
    fact_number(d, "top_logprobs", r->top_logprobs);
    fact_raw(d, "", "modalities", r->modalities);
    fact_raw(d, "", "audio", r->audio);
    fact_jstr(d, "", "prompt_cache_key", r->prompt_cache_key);
    fact_number(d, "store", r->store);
    if (r->stream)
        fact(d, "stream");
    if (r->include_usage)
        fact(d, "include_usage");
    for (size_t i = 0; i < r->extra_count; i++) {
        char name[160];
        aigw_slice key = gw_json_inner(r->doc, r->extras[i].key);
        snprintf(name, sizeof name, "extra %.*s", (int)key.len, key.data);
        fact_raw(d, "", name, gw_raw_of(r->doc, r->extras[i].value));
    }
    if (r->stateful != GW_JSON_ABSENT)
        fact_raw(d, "", "state", gw_raw_of(r->doc, r->stateful));
}

/* Two words for one tier are one. */
static inline const char *tier_of(digest *d, gw_jstr tier)
{
    return gw_jstr_is(tier, "standard") ? "default" : said(d, tier);
}

static inline void digest_block(digest *d, const char *choice, const gw_block *b)
{
    static const char *const kinds[] = {"text",     "refusal",   "thinking",
                                        "redacted", "tool_call", "native"};
    char at[128];
    snprintf(at, sizeof at, "%s %s ", choice, kinds[b->kind]);
    fact_jstr(d, at, "text", b->text);
    fact_jstr(d, at, "id", b->call_id);
    fact_jstr(d, at, "tool_name", b->tool_name);
    if (b->custom)
        fact(d, "%scustom", at);
    fact_jstr(d, at, "signature", b->signature);
    if (gw_has(b->signature) || b->kind == GW_BLOCK_REDACTED_THINKING)
        fact(d, "%sorigin=%d", at, (int)b->origin);
    fact_raw(d, at, "raw", b->raw);
}

/* An object without its last member, if that is the tail, and without its end. */
static inline aigw_slice without_tail(aigw_slice s, const char *tail)
{
    size_t n = strlen(tail);
    bool has = s.len >= n && memcmp(s.data + s.len - n, tail, n) == 0;
    return (aigw_slice){s.data, has ? s.len - n : s.len > 0 ? s.len - 1 : 0};
}

static inline void digest_answer(digest *d, const gw_answer *a)
{
    fact_jstr(d, "", "id", a->id);
    fact_jstr(d, "", "model", a->model);
    fact_number(d, "created", a->created > 0 ? a->created : -1);
    if (gw_has(a->service_tier))
        fact(d, "tier=%s", tier_of(d, a->service_tier));
    fact_jstr(d, "", "fingerprint", a->fingerprint);
    for (size_t i = 0; i < a->choice_count; i++) {
        const gw_choice *c = &a->choices[i];
        char at[40];
        snprintf(at, sizeof at, "choice %zu", i);
        for (size_t k = 0; k < c->block_count; k++)
            digest_block(d, at, &c->blocks[k]);
        fact(d, "%s finish=%d", at, (int)c->finish);
        fact_jstr(d, at, " stop_sequence", c->stop_sequence);
        fact_raw(d, at, " logprobs",
                 (gw_raw){without_tail(c->logprobs.json, ",\"refusal\":null}")});
    }
    fact_number(d, "input", a->usage.input_tokens);
    fact_number(d, "output", a->usage.output_tokens);
    fact_number(d, "cached", a->usage.cached_tokens > 0 ? a->usage.cached_tokens : -1);
    fact_number(d, "written", a->usage.cache_write_tokens > 0 ? a->usage.cache_write_tokens : -1);
    fact_number(d, "reasoning", a->usage.reasoning_tokens > 0 ? a->usage.reasoning_tokens : -1);
}

static inline bool digest_has(const digest *d, const char *line)
{
    for (size_t i = 0; i < d->count; i++) {
        if (strcmp(d->lines[i], line) == 0)
            return true;
    }
    return false;
}

#endif
