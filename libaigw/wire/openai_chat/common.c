/* The parts that whole OpenAI chat answers and streams share: usage, finish reasons, reasoning, ids. */
/* Must not know where the pieces go. */
#include "wire/openai_chat/openai_chat.h"

#include "base/text.h"
#include "chat/seal.h"

#include <stdio.h>

const char *const gw_oc_native_members[] = {"audio", "images", NULL};

static int64_t count_at(const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    int64_t value = -1;
    gw_json_ref ref = gw_json_get(doc, object, name);
    if (ref == GW_JSON_ABSENT || !gw_json_i64(doc, ref, &value) || value < 0)
        return -1;
    return value;
}

static gw_json_ref object_at(const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    gw_json_ref ref = gw_json_get(doc, object, name);
    return gw_json_typeof(doc, ref) == GW_JSON_OBJECT ? ref : GW_JSON_ABSENT;
}

bool gw_oc_read_usage(const gw_json_doc *doc, gw_json_ref usage, aigw_usage *out)
{
    if (gw_json_typeof(doc, usage) != GW_JSON_OBJECT)
        return false;
    gw_json_ref prompt = object_at(doc, usage, "prompt_tokens_details");
    gw_json_ref completion = object_at(doc, usage, "completion_tokens_details");
    *out = gw_usage_unknown();
    out->input_tokens = count_at(doc, usage, "prompt_tokens");
    out->output_tokens = count_at(doc, usage, "completion_tokens");
    if (prompt != GW_JSON_ABSENT) {
        out->cached_tokens = count_at(doc, prompt, "cached_tokens");
        out->cache_write_tokens = count_at(doc, prompt, "cache_write_tokens");
    }
    if (out->cached_tokens < 0)
        out->cached_tokens = count_at(doc, usage, "prompt_cache_hit_tokens"); /* DeepSeek */
    if (completion != GW_JSON_ABSENT)
        out->reasoning_tokens = count_at(doc, completion, "reasoning_tokens");
    return true;
}

gw_json_ref gw_oc_usage_of(const gw_json_doc *doc, gw_json_ref root)
{
    gw_json_ref usage = object_at(doc, root, "usage");
    if (usage != GW_JSON_ABSENT)
        return usage;
    gw_json_ref groq = object_at(doc, root, "x_groq");
    return groq == GW_JSON_ABSENT ? groq : object_at(doc, groq, "usage");
}

static int64_t or_zero(int64_t n)
{
    return n < 0 ? 0 : n;
}

static void put_count(gw_jw *w, const char *key, int64_t n)
{
    gw_jw_key(w, key);
    gw_jw_int(w, n);
}

bool gw_oc_write_usage(gw_jw *w, const char *key, const aigw_usage *usage, gw_raw raw)
{
    if (gw_has_raw(raw) && gw_find(raw.json, GW_S("\"prompt_tokens\"")) != NULL) {
        gw_jw_key(w, key);
        gw_jw_raw(w, raw.json);
        return true;
    }
    if (usage->input_tokens < 0 && usage->output_tokens < 0)
        return false;
    int64_t input = or_zero(usage->input_tokens), output = or_zero(usage->output_tokens);
    gw_jw_key(w, key);
    gw_jw_object(w);
    put_count(w, "prompt_tokens", input);
    put_count(w, "completion_tokens", output);
    put_count(w, "total_tokens", input + output);
    gw_jw_key(w, "prompt_tokens_details");
    gw_jw_object(w);
    put_count(w, "cached_tokens", or_zero(usage->cached_tokens));
    if (usage->cache_write_tokens >= 0)
        put_count(w, "cache_write_tokens", usage->cache_write_tokens);
    gw_jw_object_end(w);
    gw_jw_key(w, "completion_tokens_details");
    gw_jw_object(w);
    put_count(w, "reasoning_tokens", or_zero(usage->reasoning_tokens));
    gw_jw_object_end(w);
    gw_jw_object_end(w);
    return true;
}

/* length and content_filter beat tool calls: a call that was cut off must not look complete. */
gw_finish gw_oc_finish_of(gw_jstr word, bool saw_calls)
{
    if (gw_jstr_is(word, "length") || gw_jstr_is(word, "model_length"))
        return GW_FINISH_LENGTH;
    if (gw_jstr_is(word, "content_filter"))
        return GW_FINISH_CONTENT_FILTER;
    return saw_calls ? GW_FINISH_TOOL_CALLS : GW_FINISH_STOP;
}

const char *gw_oc_finish_word(gw_finish finish, bool saw_calls)
{
    switch (finish) {
    case GW_FINISH_LENGTH:
    case GW_FINISH_CONTEXT:
        return "length";
    case GW_FINISH_CONTENT_FILTER:
        return "content_filter";
    case GW_FINISH_TOOL_CALLS:
        return "tool_calls";
    default:
        return saw_calls ? "tool_calls" : "stop";
    }
}

/* The member `name` of each element that is a string, joined. */
static gw_jstr join_texts(gw_arena *arena, const gw_json_doc *doc, gw_json_ref list,
                          const char *name)
{
    gw_jstr out = {{NULL, 0}};
    size_t len = 0, found = 0;
    gw_json_ref ref = gw_json_first(doc, list);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        gw_jstr text = gw_jstr_of(doc, gw_json_get(doc, ref, name));
        if (!gw_has(text))
            continue;
        len += text.inner.len;
        if (found++ == 0)
            out = text;
    }
    if (found < 2)
        return out;
    char *to = gw_arena_alloc(arena, len);
    if (to == NULL)
        return (gw_jstr){{NULL, 0}};
    out.inner = (aigw_slice){to, len};
    for (ref = gw_json_first(doc, list); ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        aigw_slice text = gw_json_inner(doc, gw_json_get(doc, ref, name));
        if (text.data == NULL)
            continue;
        memcpy(to, text.data, text.len);
        to += text.len;
    }
    return out;
}

gw_jstr gw_oc_thinking_text(gw_arena *arena, const gw_json_doc *doc, gw_json_ref part)
{
    gw_json_ref thinking = gw_json_get(doc, part, "thinking");
    if (gw_json_typeof(doc, thinking) == GW_JSON_ARRAY)
        return join_texts(arena, doc, thinking, "text");
    return gw_jstr_of(doc, thinking);
}

gw_jstr gw_oc_reasoning_of(gw_arena *arena, const gw_json_doc *doc, gw_json_ref message)
{
    static const char *const names[] = {"reasoning_content", "reasoning"};
    for (size_t i = 0; i < 2; i++) {
        gw_jstr text = gw_jstr_of(doc, gw_json_get(doc, message, names[i]));
        if (text.inner.len > 0)
            return text;
    }
    gw_json_ref details = gw_json_get(doc, message, "reasoning_details");
    if (gw_json_typeof(doc, details) != GW_JSON_ARRAY)
        return (gw_jstr){{NULL, 0}};
    gw_jstr text = join_texts(arena, doc, details, "text");
    return gw_has(text) ? text : join_texts(arena, doc, details, "summary");
}

gw_jstr gw_oc_call_signature(const gw_json_doc *doc, gw_json_ref call)
{
    gw_json_ref extra = object_at(doc, call, "extra_content");
    gw_json_ref google = extra == GW_JSON_ABSENT ? extra : object_at(doc, extra, "google");
    if (google == GW_JSON_ABSENT)
        return (gw_jstr){{NULL, 0}};
    return gw_jstr_of(doc, gw_json_get(doc, google, "thought_signature"));
}

void gw_oc_read_call_signature(gw_arena *arena, const gw_json_doc *doc, gw_json_ref call,
                               gw_event *out)
{
    gw_jstr slot = gw_oc_call_signature(doc, call);
    if (slot.inner.len == 0)
        return;
    gw_sealed sealed = gw_seal_open(arena, slot, AIGW_FORMAT_GEMINI, false);
    out->signature = sealed.text;
    out->origin = sealed.origin;
}

void gw_oc_write_thought(gw_jw *w, const gw_oc_thought *thought, int64_t index)
{
    bool redacted = thought->redacted;
    gw_jw_object(w);
    if (index >= 0)
        put_count(w, "index", index);
    gw_jw_key(w, "type");
    gw_jw_str(w, redacted ? "redacted_thinking" : "thinking");
    gw_jw_key(w, redacted ? "data" : "thinking");
    if (redacted)
        gw_jw_slot(w, AIGW_FORMAT_ANTHROPIC, thought->origin, true, thought->text);
    else
        gw_jw_jstr(w, thought->text);
    if (!redacted && gw_has(thought->signature)) {
        gw_jw_key(w, "signature");
        gw_jw_slot(w, AIGW_FORMAT_ANTHROPIC, thought->origin, false, thought->signature);
    }
    gw_jw_object_end(w);
}

bool gw_oc_read_thought(gw_arena *arena, const gw_json_doc *doc, gw_json_ref block,
                        gw_oc_thought *out)
{
    if (gw_json_typeof(doc, block) != GW_JSON_OBJECT)
        return false;
    gw_jstr data = gw_jstr_of(doc, gw_json_get(doc, block, "data"));
    gw_jstr signature = gw_jstr_of(doc, gw_json_get(doc, block, "signature"));
    gw_jstr text = gw_jstr_of(doc, gw_json_get(doc, block, "thinking"));
    bool redacted = gw_has(data);
    *out = (gw_oc_thought){.text = text};
    if (!redacted && signature.inner.len == 0)
        return true;
    gw_sealed sealed =
        gw_seal_open(arena, redacted ? data : signature, AIGW_FORMAT_ANTHROPIC, redacted);
    *out = (gw_oc_thought){
        sealed.redacted, sealed.redacted ? sealed.text : text, {{NULL, 0}}, sealed.origin};
    if (!sealed.redacted)
        out->signature = sealed.text;
    return true;
}

void gw_oc_write_call_signature(gw_jw *w, aigw_format origin, gw_jstr signature)
{
    if (!gw_has(signature))
        return;
    gw_jw_key(w, "extra_content");
    gw_jw_object(w);
    gw_jw_key(w, "google");
    gw_jw_object(w);
    gw_jw_key(w, "thought_signature");
    gw_jw_slot(w, AIGW_FORMAT_GEMINI, origin, false, signature);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

static void write_annotation(gw_jw *w, const gw_json_doc *doc, gw_json_ref citation, int64_t start,
                             int64_t end)
{
    gw_json_ref url = gw_json_get(doc, citation, "url");
    if (gw_json_get(doc, citation, "url_citation") != GW_JSON_ABSENT) {
        gw_jw_raw(w, gw_json_raw(doc, citation)); /* OpenAI's own */
        return;
    }
    if (gw_json_typeof(doc, url) != GW_JSON_STRING)
        return; /* a place in a document: nothing here can say it */
    gw_jstr title = gw_jstr_of(doc, gw_json_get(doc, citation, "title"));
    int64_t first = count_at(doc, citation, "start_index"),
            last = count_at(doc, citation, "end_index");
    if (first >= 0 && last >= first && last <= end - start) { /* where in its block */
        end = start + last;
        start += first;
    }
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "url_citation");
    gw_jw_key(w, "url_citation");
    gw_jw_object(w);
    put_count(w, "start_index", start);
    put_count(w, "end_index", end);
    gw_jw_key(w, "url");
    gw_jw_raw(w, gw_json_raw(doc, url));
    gw_jw_key(w, "title");
    gw_jw_jstr(w, title);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

void gw_oc_write_annotations(gw_arena *arena, gw_jw *w, gw_raw citations, int64_t start,
                             int64_t end)
{
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    if (!gw_has_raw(citations) ||
        gw_json_parse(arena, citations.json, &limits, &doc, NULL) != AIGW_OK)
        return;
    if (gw_json_typeof(&doc, 0) == GW_JSON_OBJECT) {
        write_annotation(w, &doc, 0, start, end);
        return;
    }
    if (gw_json_typeof(&doc, 0) != GW_JSON_ARRAY)
        return;
    gw_json_ref ref = gw_json_first(&doc, 0);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(&doc, ref)) {
        if (gw_json_typeof(&doc, ref) == GW_JSON_OBJECT)
            write_annotation(w, &doc, ref, start, end);
    }
}

int64_t gw_oc_code_points(gw_jstr text)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.inner.len; i++) {
        unsigned char c = (unsigned char)text.inner.data[i];
        if (c == '\\' && i + 1 < text.inner.len) {
            bool low = false; /* the second half of a surrogate pair counts for nothing */
            if (text.inner.data[i + 1] == 'u' && i + 5 < text.inner.len) {
                char a = text.inner.data[i + 2], b = (char)(text.inner.data[i + 3] | 32);
                low = (a == 'd' || a == 'D') && b >= 'c' && b <= 'f';
                i += 4;
            }
            i++;
            n += low ? 0 : 1;
        } else if ((c & 0xc0) != 0x80) {
            n++;
        }
    }
    return n;
}

/* The id, or one from the answer's seed where the provider gave none. */
static void write_call_id(gw_jw *w, gw_jstr id, aigw_slice seed, uint32_t choice, uint32_t ordinal)
{
    char made[26];
    if (id.inner.len > 0) {
        gw_jw_jstr(w, id);
        return;
    }
    gw_oc_make_call_id(made, seed, choice, ordinal);
    gw_jw_str(w, made);
}

void gw_oc_write_sealed_id(gw_jw *w, gw_jstr id, aigw_slice seed, uint32_t choice, uint32_t ordinal,
                           const gw_oc_thought *signature)
{
    char made[26];
    if (signature->signature.inner.len == 0 || (int)signature->origin == 0) {
        write_call_id(w, id, seed, choice, ordinal);
        return;
    }
    if (id.inner.len == 0) {
        gw_oc_make_call_id(made, seed, choice, ordinal);
        id = gw_jstr_lit(made);
    }
    gw_jw_seal_id(w, id, signature->origin, signature->signature);
}

bool gw_oc_is_legacy(const gw_answer_options *options)
{
    const gw_json_doc *doc = options->request;
    if (doc == NULL || gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return false;
    return gw_json_typeof(doc, gw_json_get(doc, 0, "functions")) == GW_JSON_ARRAY &&
           gw_json_is_null(doc, gw_json_get(doc, 0, "tools"));
}

gw_jstr gw_oc_tier_of(gw_jstr tier)
{
    return gw_jstr_is(tier, "standard") || gw_jstr_is(tier, "batch") ? gw_jstr_lit("default")
                                                                     : tier;
}

void gw_oc_make_call_id(char *to, aigw_slice seed, uint32_t choice, uint32_t ordinal)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < seed.len; i++)
        h = (h ^ (unsigned char)seed.data[i]) * 1099511628211u;
    h ^= (uint64_t)choice << 32;
    snprintf(to, 26, "call_%016llx%04x", (unsigned long long)h, (unsigned)(ordinal & 0xffff));
}
