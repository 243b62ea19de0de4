/* The parts that requests, whole answers and streams of OpenAI Responses share: texts, usage, ids. */
/* Must not know where the pieces go. */
#include "wire/openai_responses/openai_responses.h"

#include "base/text.h"
#include "chat/seal.h"

#include <stdio.h>

/* The texts of a list of {"text":...}, a blank line between them. */
static int join_texts(gw_arena *arena, const gw_json_doc *doc, gw_json_ref list, gw_jstr *into)
{
    const aigw_slice between = GW_S("\\n\\n");
    gw_jstr out = {{NULL, 0}};
    size_t len = 0, found = 0;
    if (gw_json_typeof(doc, list) != GW_JSON_ARRAY)
        return AIGW_OK;
    gw_json_ref ref = gw_json_first(doc, list);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        if (gw_json_typeof(doc, ref) != GW_JSON_OBJECT)
            continue;
        gw_jstr text = gw_jstr_of(doc, gw_json_get(doc, ref, "text"));
        if (text.inner.len == 0)
            continue;
        len += text.inner.len + between.len;
        if (found++ == 0)
            out = text;
    }
    if (found < 2) {
        *into = out;
        return AIGW_OK;
    }
    char *to = gw_arena_alloc(arena, len);
    if (to == NULL)
        return AIGW_E_NOMEM;
    size_t n = 0;
    for (ref = gw_json_first(doc, list); ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        if (gw_json_typeof(doc, ref) != GW_JSON_OBJECT)
            continue;
        aigw_slice text = gw_json_inner(doc, gw_json_get(doc, ref, "text"));
        if (text.data == NULL || text.len == 0)
            continue;
        if (n > 0) {
            memcpy(to + n, between.data, between.len);
            n += between.len;
        }
        memcpy(to + n, text.data, text.len);
        n += text.len;
    }
    into->inner = (aigw_slice){to, n};
    return AIGW_OK;
}

int gw_or_reasoning_text(gw_arena *arena, const gw_json_doc *doc, gw_json_ref item, gw_jstr *out)
{
    *out = (gw_jstr){{NULL, 0}};
    int rc = join_texts(arena, doc, gw_json_get(doc, item, "summary"), out);
    return rc == AIGW_OK && !gw_has(*out)
               ? join_texts(arena, doc, gw_json_get(doc, item, "content"), out)
               : rc;
}

gw_jstr gw_or_pack_signature(gw_arena *arena, gw_jstr id, gw_jstr encrypted)
{
    if (id.inner.len > 0 && memchr(id.inner.data, ':', id.inner.len) != NULL)
        id.inner.len = 0;
    size_t before = id.inner.len, len = before + 1 + encrypted.inner.len;
    char *to = gw_arena_alloc(arena, len);
    if (to == NULL)
        return (gw_jstr){{NULL, 0}};
    if (before > 0)
        memcpy(to, id.inner.data, before);
    to[before] = ':';
    if (encrypted.inner.len > 0)
        memcpy(to + before + 1, encrypted.inner.data, encrypted.inner.len);
    return (gw_jstr){{to, len}};
}

void gw_or_unpack_signature(gw_jstr signature, gw_jstr *id, gw_jstr *encrypted)
{
    const char *colon =
        signature.inner.len > 0 ? memchr(signature.inner.data, ':', signature.inner.len) : NULL;
    *id = (gw_jstr){{NULL, 0}};
    *encrypted = signature;
    if (colon == NULL)
        return;
    size_t before = (size_t)(colon - signature.inner.data);
    if (before > 0)
        id->inner = gw_slice(signature.inner.data, before);
    encrypted->inner = gw_skip(signature.inner, before + 1);
}

static int64_t count_at(const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    int64_t value = -1;
    if (gw_json_typeof(doc, object) != GW_JSON_OBJECT)
        return -1;
    gw_json_ref ref = gw_json_get(doc, object, name);
    if (ref == GW_JSON_ABSENT || !gw_json_i64(doc, ref, &value) || value < 0)
        return -1;
    return value;
}

bool gw_or_read_usage(const gw_json_doc *doc, gw_json_ref usage, aigw_usage *out)
{
    if (gw_json_typeof(doc, usage) != GW_JSON_OBJECT)
        return false;
    gw_json_ref input = gw_json_get(doc, usage, "input_tokens_details");
    gw_json_ref output = gw_json_get(doc, usage, "output_tokens_details");
    *out = gw_usage_unknown();
    out->input_tokens = count_at(doc, usage, "input_tokens");
    out->output_tokens = count_at(doc, usage, "output_tokens");
    out->cached_tokens = count_at(doc, input, "cached_tokens");
    out->cache_write_tokens = count_at(doc, input, "cache_write_tokens");
    out->reasoning_tokens = count_at(doc, output, "reasoning_tokens");
    return true;
}

static void put_count(gw_jw *w, const char *key, int64_t n)
{
    gw_jw_key(w, key);
    gw_jw_int(w, n < 0 ? 0 : n);
}

void gw_or_write_usage(gw_jw *w, const aigw_usage *usage, gw_raw raw)
{
    if (gw_has_raw(raw) && gw_find(raw.json, GW_S("\"input_tokens_details\"")) != NULL &&
        gw_find(raw.json, GW_S("\"cache_write_tokens\"")) != NULL) {
        gw_jw_raw(w, raw.json);
        return;
    }
    if (usage == NULL || (usage->input_tokens < 0 && usage->output_tokens < 0)) {
        gw_jw_null(w);
        return;
    }
    int64_t input = usage->input_tokens < 0 ? 0 : usage->input_tokens;
    int64_t output = usage->output_tokens < 0 ? 0 : usage->output_tokens;
    gw_jw_object(w);
    put_count(w, "input_tokens", input);
    gw_jw_key(w, "input_tokens_details");
    gw_jw_object(w);
    put_count(w, "cached_tokens", usage->cached_tokens);
    put_count(w, "cache_write_tokens", usage->cache_write_tokens);
    gw_jw_object_end(w);
    put_count(w, "output_tokens", output);
    gw_jw_key(w, "output_tokens_details");
    gw_jw_object(w);
    put_count(w, "reasoning_tokens", usage->reasoning_tokens);
    gw_jw_object_end(w);
    put_count(w, "total_tokens", input > INT64_MAX - output ? INT64_MAX : input + output);
    gw_jw_object_end(w);
}

void gw_or_write_item_id(gw_jw *w, const char *prefix, aigw_slice seed, uint32_t index)
{
    char place[16];
    snprintf(place, sizeof(place), "%04x", (unsigned)index);
    gw_jw_begin_string(w);
    gw_jw_part(w, aigw_slice_of(prefix));
    gw_jw_part(w, seed);
    gw_jw_part(w, aigw_slice_of(place));
    gw_jw_end_string(w);
}

/* url, title, and where they stand in the text, from a citation of whatever vendor. */
static void write_flat(gw_jw *w, const gw_json_doc *doc, gw_json_ref from, int64_t end)
{
    gw_json_ref first = gw_json_get(doc, from, "start_index");
    gw_json_ref last = gw_json_get(doc, from, "end_index");
    int64_t a = 0, b = end;
    if (first == GW_JSON_ABSENT || last == GW_JSON_ABSENT || !gw_json_i64(doc, first, &a) ||
        !gw_json_i64(doc, last, &b)) {
        a = 0;
        b = end;
    }
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "url_citation");
    gw_jw_key(w, "start_index");
    gw_jw_int(w, a);
    gw_jw_key(w, "end_index");
    gw_jw_int(w, b);
    gw_jw_key(w, "url");
    gw_jw_raw(w, gw_json_raw(doc, gw_json_get(doc, from, "url")));
    gw_jw_key(w, "title");
    gw_jw_jstr(w, gw_jstr_of(doc, gw_json_get(doc, from, "title")));
    gw_jw_object_end(w);
}

static bool has_url(const gw_json_doc *doc, gw_json_ref object)
{
    return gw_json_typeof(doc, object) == GW_JSON_OBJECT &&
           gw_json_typeof(doc, gw_json_get(doc, object, "url")) == GW_JSON_STRING;
}

static void write_citation(gw_jw *w, const gw_json_doc *doc, gw_json_ref citation, int64_t end)
{
    static const char *const own[] = {"file_citation", "container_file_citation", "file_path"};
    if (gw_json_typeof(doc, citation) != GW_JSON_OBJECT)
        return;
    gw_json_ref type = gw_json_get(doc, citation, "type");
    gw_json_ref nested = gw_json_get(doc, citation, "url_citation"); /* OpenAI chat's */
    bool keep = gw_json_is(doc, type, "url_citation") && has_url(doc, citation) &&
                gw_json_get(doc, citation, "title") != GW_JSON_ABSENT &&
                gw_json_get(doc, citation, "start_index") != GW_JSON_ABSENT &&
                gw_json_get(doc, citation, "end_index") != GW_JSON_ABSENT;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        keep = keep || gw_json_is(doc, type, own[i]);
    if (keep)
        gw_jw_raw(w, gw_json_raw(doc, citation));
    else if (has_url(doc, nested))
        write_flat(w, doc, nested, end);
    else if (has_url(doc, citation))
        write_flat(w, doc, citation, end);
}

void gw_or_write_citations(gw_arena *arena, gw_jw *w, gw_raw citations, int64_t end)
{
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    if (!gw_has_raw(citations))
        return;
    int rc = gw_json_parse(arena, citations.json, &limits, &doc, NULL);
    w->buf->failed = w->buf->failed || rc == AIGW_E_NOMEM;
    if (rc != AIGW_OK)
        return;
    if (gw_json_typeof(&doc, 0) == GW_JSON_OBJECT)
        write_citation(w, &doc, 0, end);
    if (gw_json_typeof(&doc, 0) != GW_JSON_ARRAY)
        return;
    gw_json_ref ref = gw_json_first(&doc, 0);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(&doc, ref))
        write_citation(w, &doc, ref, end);
}

int gw_or_logprobs_list(gw_arena *arena, gw_raw logprobs, gw_raw *out)
{
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    *out = (gw_raw){{NULL, 0}};
    if (!gw_has_raw(logprobs))
        return AIGW_OK;
    int rc = gw_json_parse(arena, logprobs.json, &limits, &doc, NULL);
    if (rc != AIGW_OK || gw_json_typeof(&doc, 0) != GW_JSON_OBJECT)
        return rc == AIGW_E_NOMEM ? rc : AIGW_OK;
    gw_json_ref content = gw_json_get(&doc, 0, "content");
    if (gw_json_typeof(&doc, content) == GW_JSON_ARRAY && gw_json_count(&doc, content) > 0)
        *out = gw_raw_of(&doc, content);
    return AIGW_OK;
}

int gw_or_logprobs_object(gw_arena *arena, const gw_json_doc *doc, gw_json_ref list, gw_raw *out)
{
    static const char open[] = "{\"content\":";
    *out = (gw_raw){{NULL, 0}};
    if (gw_json_typeof(doc, list) != GW_JSON_ARRAY || gw_json_count(doc, list) == 0)
        return AIGW_OK;
    aigw_slice raw = gw_json_raw(doc, list);
    size_t head = sizeof(open) - 1;
    char *to = gw_arena_alloc(arena, head + raw.len + 1);
    if (to == NULL)
        return AIGW_E_NOMEM;
    memcpy(to, open, head);
    memcpy(to + head, raw.data, raw.len);
    to[head + raw.len] = '}';
    *out = (gw_raw){{to, head + raw.len + 1}};
    return AIGW_OK;
}

/* Reasoning of others is always sealed, even without a signature: so that it is known when it comes back. */
void gw_or_write_encrypted(gw_jw *w, const gw_block *block)
{
    gw_jstr id, bare;
    if (block->kind == GW_BLOCK_REDACTED_THINKING) {
        gw_jw_seal(w, block->origin != 0 ? block->origin : AIGW_FORMAT_OPENAI_CHAT, true,
                   block->text);
    } else if (block->origin == AIGW_FORMAT_OPENAI_RESPONSES) {
        gw_or_unpack_signature(block->signature, &id, &bare);
        if (bare.inner.len > 0)
            gw_jw_jstr(w, bare);
        else
            gw_jw_null(w);
    } else {
        gw_jstr text = gw_has(block->signature) ? block->signature : gw_jstr_lit("");
        gw_jw_seal(w, block->origin != 0 ? block->origin : AIGW_FORMAT_OPENAI_CHAT, false, text);
    }
}

const char *gw_or_incomplete_reason(gw_finish finish)
{
    if (finish == GW_FINISH_LENGTH || finish == GW_FINISH_CONTEXT)
        return "max_output_tokens";
    return finish == GW_FINISH_CONTENT_FILTER ? "content_filter" : NULL;
}

bool gw_or_read_count(const gw_json_doc *doc, int64_t *tokens)
{
    int64_t n = count_at(doc, 0, "input_tokens");
    if (n < 0)
        return false;
    *tokens = n;
    return true;
}

void gw_or_write_count(int64_t tokens, gw_buf *out)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "object");
    gw_jw_str(&w, "response.input_tokens");
    gw_jw_key(&w, "input_tokens");
    gw_jw_int(&w, tokens);
    gw_jw_object_end(&w);
}
