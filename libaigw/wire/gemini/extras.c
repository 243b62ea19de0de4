/* What comes beside the text of a candidate: sources and log probabilities, read and written. */
/* Must not know streams. */
#include "wire/gemini/gemini.h"

enum { MAX_CITATIONS = 256 };

static const gw_json_limits lenient = {.lone_surrogates = true};

/* A place in the inside of a JSON string, counted in bytes and in code points. */
typedef struct place {
    size_t at;    /* in the escaped text */
    size_t bytes; /* of UTF-8, from the part's begin */
    int64_t points;
} place;

static uint32_t hex4(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)p[i];
        v = v * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return v;
}

/* Over one character. */
static void step(aigw_slice text, place *p)
{
    unsigned char c = (unsigned char)text.data[p->at];
    size_t taken = 1, bytes = 1;
    bool counts = true;
    if (c == '\\' && p->at + 5 < text.len && text.data[p->at + 1] == 'u') {
        uint32_t v = hex4(text.data + p->at + 2);
        bool low = v >= 0xdc00 && v < 0xe000;
        taken = 6;
        bytes = v < 0x80 ? 1 : v < 0x800 ? 2 : v >= 0xd800 && v < 0xe000 ? 2 : 3;
        counts = !low; /* two halves are four bytes and one character */
    } else if (c == '\\') {
        taken = 2;
    } else if (c >= 0x80) {
        taken = bytes = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    }
    p->at = p->at + taken > text.len ? text.len : p->at + taken;
    p->bytes += bytes;
    p->points += counts;
}

static int64_t points_at(const gw_gm_text *text, int64_t part, int64_t byte, place *last)
{
    size_t base = part > 0 && part < text->count ? text->starts[part] : 0;
    if (byte < 0)
        byte = 0;
    if (last->bytes > (size_t)byte || last->at < base || base > 0) {
        *last = (place){0, 0, 0};
        while (last->at < base && last->at < text->inner.len)
            step(text->inner, last);
        last->bytes = 0;
    }
    while (last->bytes < (size_t)byte && last->at < text->inner.len)
        step(text->inner, last);
    int64_t points = last->points;
    if (base > 0)
        *last = (place){0, SIZE_MAX, 0};
    return points;
}

/* The web page, file or place behind a chunk; ABSENT if it has no address. */
static gw_json_ref source_of(const gw_json_doc *doc, gw_json_ref chunk)
{
    static const char *const kinds[] = {"web", "retrievedContext", "maps"};
    for (size_t i = 0; i < 3; i++) {
        gw_json_ref source = gw_gm_get(doc, chunk, kinds[i]);
        if (gw_json_typeof(doc, gw_gm_get(doc, source, "uri")) == GW_JSON_STRING)
            return source;
    }
    return GW_JSON_ABSENT;
}

static void write_citation(gw_jw *w, const gw_json_doc *doc, gw_json_ref source, int64_t start,
                           int64_t end)
{
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "url_citation");
    gw_jw_key(w, "url_citation");
    gw_jw_object(w);
    gw_jw_key(w, "start_index");
    gw_jw_int(w, start);
    gw_jw_key(w, "end_index");
    gw_jw_int(w, end);
    gw_jw_key(w, "url");
    gw_jw_raw(w, gw_json_raw(doc, gw_gm_get(doc, source, "uri")));
    gw_jw_key(w, "title");
    gw_jw_jstr(w, gw_gm_string_of(doc, source, "title"));
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

static int64_t number_of(const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    int64_t n = 0;
    return gw_json_i64(doc, gw_gm_get(doc, object, name), &n) && n < INT32_MAX ? n : 0;
}

static void write_supports(gw_jw *w, const gw_json_doc *doc, gw_json_ref chunks,
                           gw_json_ref supports, const gw_gm_text *text)
{
    size_t written = 0;
    place last = {0, 0, 0};
    gw_json_ref ref = gw_json_first(doc, supports);
    for (; ref != GW_JSON_ABSENT && written < MAX_CITATIONS; ref = gw_json_next(doc, ref)) {
        gw_json_ref segment = gw_gm_get(doc, ref, "segment");
        gw_json_ref indices = gw_gm_get(doc, ref, "groundingChunkIndices");
        int64_t part = number_of(doc, segment, "partIndex");
        int64_t start = points_at(text, part, number_of(doc, segment, "startIndex"), &last);
        int64_t end = points_at(text, part, number_of(doc, segment, "endIndex"), &last);
        if (gw_json_typeof(doc, indices) != GW_JSON_ARRAY)
            continue;
        gw_json_ref index = gw_json_first(doc, indices);
        for (; index != GW_JSON_ABSENT && written < MAX_CITATIONS;
             index = gw_json_next(doc, index)) {
            int64_t i;
            if (!gw_json_i64(doc, index, &i) || i < 0 || i >= gw_json_count(doc, chunks) ||
                i > 10000)
                continue;
            gw_json_ref source = source_of(doc, gw_json_at(doc, chunks, (uint32_t)i));
            if (source == GW_JSON_ABSENT)
                continue;
            write_citation(w, doc, source, start, end);
            written++;
        }
    }
}

/* Sources without a word on what they are for: for all of the text. */
static void write_chunks(gw_jw *w, const gw_json_doc *doc, gw_json_ref chunks,
                         const gw_gm_text *text)
{
    size_t written = 0;
    place last = {0, 0, 0};
    int64_t end = points_at(text, 0, (int64_t)text->inner.len * 2, &last);
    gw_json_ref ref = gw_json_first(doc, chunks);
    for (; ref != GW_JSON_ABSENT && written < MAX_CITATIONS; ref = gw_json_next(doc, ref)) {
        gw_json_ref source = source_of(doc, ref);
        if (source == GW_JSON_ABSENT)
            continue;
        write_citation(w, doc, source, 0, end);
        written++;
    }
}

/* citationMetadata: {"citationSources":[{"startIndex","endIndex","uri"}]}, "citations" on Vertex. */
static void write_sources(gw_jw *w, const gw_json_doc *doc, const gw_gm_text *text)
{
    size_t written = 0;
    place last = {0, 0, 0};
    gw_json_ref sources = gw_gm_get(doc, 0, "citationSources");
    if (sources == GW_JSON_ABSENT)
        sources = gw_gm_get(doc, 0, "citations");
    if (gw_json_typeof(doc, sources) != GW_JSON_ARRAY)
        return;
    gw_json_ref ref = gw_json_first(doc, sources);
    for (; ref != GW_JSON_ABSENT && written < MAX_CITATIONS; ref = gw_json_next(doc, ref)) {
        if (gw_json_typeof(doc, gw_gm_get(doc, ref, "uri")) != GW_JSON_STRING)
            continue;
        int64_t start = points_at(text, 0, number_of(doc, ref, "startIndex"), &last);
        int64_t end = points_at(text, 0, number_of(doc, ref, "endIndex"), &last);
        write_citation(w, doc, ref, start, end);
        written++;
    }
}

gw_raw gw_gm_citations_read(gw_arena *arena, const char *member, aigw_slice json,
                            const gw_gm_text *text)
{
    gw_raw out = {{NULL, 0}};
    gw_json_doc doc;
    gw_buf buf;
    if (gw_json_parse(arena, json, &lenient, &doc, NULL) != AIGW_OK)
        return out;
    gw_buf_init(&buf, json.len + ((size_t)8 << 20));
    gw_jw w = gw_jw_on(&buf);
    gw_jw_array(&w);
    gw_jw_object(&w);
    gw_jw_key(&w, member);
    gw_jw_raw(&w, json);
    gw_jw_object_end(&w);
    gw_json_ref chunks = gw_gm_get(&doc, 0, "groundingChunks");
    gw_json_ref supports = gw_gm_get(&doc, 0, "groundingSupports");
    bool listed = gw_json_typeof(&doc, chunks) == GW_JSON_ARRAY;
    if (listed && gw_json_typeof(&doc, supports) == GW_JSON_ARRAY)
        write_supports(&w, &doc, chunks, supports, text);
    else if (listed)
        write_chunks(&w, &doc, chunks, text);
    write_sources(&w, &doc, text);
    gw_jw_array_end(&w);
    if (!buf.failed)
        out.json = gw_arena_copy(arena, gw_buf_slice(&buf));
    gw_buf_free(&buf);
    return out;
}

/* OpenAI's and Anthropic's citations of web pages: both have `url`, OpenAI's one level down. */
static gw_json_ref web_of(const gw_json_doc *doc, gw_json_ref citation)
{
    gw_json_ref inner = gw_gm_get(doc, citation, "url_citation");
    gw_json_ref at = inner != GW_JSON_ABSENT ? inner : citation;
    return gw_json_typeof(doc, gw_gm_get(doc, at, "url")) == GW_JSON_STRING ? at : GW_JSON_ABSENT;
}

/* Was this page among those already written? */
static bool is_known(const gw_json_doc *doc, const gw_json_ref *seen, size_t count, gw_json_ref web)
{
    aigw_slice url = gw_json_raw(doc, gw_gm_get(doc, web, "url"));
    for (size_t i = 0; i < count; i++) {
        if (gw_eq(gw_json_raw(doc, gw_gm_get(doc, seen[i], "url")), url))
            return true;
    }
    return false;
}

/* Each page once: here they are a list of sources, not of places. */
static void write_foreign(gw_jw *w, const gw_json_doc *doc)
{
    gw_json_ref seen[MAX_CITATIONS];
    size_t count = 0;
    bool any = false;
    gw_json_ref ref = gw_json_first(doc, 0);
    for (; ref != GW_JSON_ABSENT && count < MAX_CITATIONS; ref = gw_json_next(doc, ref)) {
        gw_json_ref web = web_of(doc, ref);
        if (web == GW_JSON_ABSENT || is_known(doc, seen, count, web))
            continue;
        seen[count++] = web;
        if (!any) {
            gw_jw_key(w, "groundingMetadata");
            gw_jw_object(w);
            gw_jw_key(w, "groundingChunks");
            gw_jw_array(w);
            any = true;
        }
        gw_jw_object(w);
        gw_jw_key(w, "web");
        gw_jw_object(w);
        gw_jw_key(w, "uri");
        gw_jw_raw(w, gw_json_raw(doc, gw_gm_get(doc, web, "url")));
        gw_jw_key(w, "title");
        gw_jw_jstr(w, gw_gm_string_of(doc, web, "title"));
        gw_jw_object_end(w);
        gw_jw_object_end(w);
    }
    if (any) {
        gw_jw_array_end(w);
        gw_jw_object_end(w);
    }
}

void gw_gm_citations_write(gw_arena *arena, gw_jw *w, aigw_slice citations)
{
    static const char *const own[] = {"groundingMetadata", "citationMetadata"};
    gw_json_doc doc;
    bool any = false;
    if (citations.len == 0 || gw_json_parse(arena, citations, &lenient, &doc, NULL) != AIGW_OK ||
        gw_json_typeof(&doc, 0) != GW_JSON_ARRAY)
        return;
    for (size_t i = 0; i < 2; i++) {
        gw_json_ref last = GW_JSON_ABSENT;
        gw_json_ref ref = gw_json_first(&doc, 0);
        for (; ref != GW_JSON_ABSENT; ref = gw_json_next(&doc, ref)) {
            gw_json_ref found = gw_gm_get(&doc, ref, own[i]);
            if (gw_json_typeof(&doc, found) == GW_JSON_OBJECT)
                last = found;
        }
        if (last == GW_JSON_ABSENT)
            continue;
        gw_jw_key(w, own[i]);
        gw_jw_raw(w, gw_json_raw(&doc, last));
        any = true;
    }
    if (!any)
        write_foreign(w, &doc);
}

/* {"token","logProbability"} as {"token","logprob","bytes"}; left open. */
static void read_token(gw_jw *w, const gw_json_doc *doc, gw_json_ref ref)
{
    gw_json_ref p = gw_gm_get(doc, ref, "logProbability");
    gw_jw_object(w);
    gw_jw_key(w, "token");
    gw_jw_jstr(w, gw_gm_string_of(doc, ref, "token"));
    gw_jw_key(w, "logprob");
    if (gw_json_typeof(doc, p) == GW_JSON_NUMBER)
        gw_jw_raw(w, gw_json_raw(doc, p));
    else
        gw_jw_int(w, 0);
    gw_jw_key(w, "bytes");
    gw_jw_null(w);
}

static void read_top(gw_jw *w, const gw_json_doc *doc, gw_json_ref top)
{
    gw_json_ref list = gw_gm_get(doc, top, "candidates");
    gw_jw_key(w, "top_logprobs");
    gw_jw_array(w);
    gw_json_ref ref =
        gw_json_typeof(doc, list) == GW_JSON_ARRAY ? gw_json_first(doc, list) : GW_JSON_ABSENT;
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        read_token(w, doc, ref);
        gw_jw_object_end(w);
    }
    gw_jw_array_end(w);
}

gw_raw gw_gm_logprobs_read(gw_arena *arena, const gw_json_doc *doc, gw_json_ref candidate)
{
    gw_raw out = {{NULL, 0}};
    gw_json_ref result = gw_gm_get(doc, candidate, "logprobsResult");
    gw_json_ref chosen = gw_gm_get(doc, result, "chosenCandidates");
    gw_json_ref tops = gw_gm_get(doc, result, "topCandidates");
    if (gw_json_typeof(doc, chosen) != GW_JSON_ARRAY || gw_json_count(doc, chosen) == 0)
        return out;
    gw_buf buf;
    gw_buf_init(&buf, gw_json_raw(doc, result).len * 8 + 256);
    gw_jw w = gw_jw_on(&buf);
    gw_jw_object(&w);
    gw_jw_key(&w, "content");
    gw_jw_array(&w);
    gw_json_ref top =
        gw_json_typeof(doc, tops) == GW_JSON_ARRAY ? gw_json_first(doc, tops) : GW_JSON_ABSENT;
    gw_json_ref ref = gw_json_first(doc, chosen);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        read_token(&w, doc, ref);
        read_top(&w, doc, top);
        gw_jw_object_end(&w);
        if (top != GW_JSON_ABSENT)
            top = gw_json_next(doc, top);
    }
    gw_jw_array_end(&w);
    gw_jw_key(&w, "refusal");
    gw_jw_null(&w);
    gw_jw_object_end(&w);
    if (!buf.failed)
        out.json = gw_arena_copy(arena, gw_buf_slice(&buf));
    gw_buf_free(&buf);
    return out;
}

static void write_token(gw_jw *w, const gw_json_doc *doc, gw_json_ref ref)
{
    gw_json_ref p = gw_json_typeof(doc, ref) == GW_JSON_OBJECT ? gw_json_get(doc, ref, "logprob")
                                                               : GW_JSON_ABSENT;
    gw_jw_object(w);
    gw_jw_key(w, "token");
    gw_jw_jstr(w, gw_gm_string_of(doc, ref, "token"));
    gw_jw_key(w, "logProbability");
    if (gw_json_typeof(doc, p) == GW_JSON_NUMBER)
        gw_jw_raw(w, gw_json_raw(doc, p));
    else
        gw_jw_int(w, 0);
    gw_jw_object_end(w);
}

bool gw_gm_logprobs_write(gw_arena *arena, gw_jw *w, gw_raw logprobs)
{
    gw_json_doc doc;
    if (!gw_has_raw(logprobs) ||
        gw_json_parse(arena, logprobs.json, &lenient, &doc, NULL) != AIGW_OK)
        return false;
    gw_json_ref content = gw_gm_get(&doc, 0, "content"), ref;
    if (gw_json_typeof(&doc, content) != GW_JSON_ARRAY || gw_json_count(&doc, content) == 0)
        return false;
    gw_jw_key(w, "logprobsResult");
    gw_jw_object(w);
    gw_jw_key(w, "chosenCandidates");
    gw_jw_array(w);
    for (ref = gw_json_first(&doc, content); ref != GW_JSON_ABSENT; ref = gw_json_next(&doc, ref))
        write_token(w, &doc, ref);
    gw_jw_array_end(w);
    gw_jw_key(w, "topCandidates");
    gw_jw_array(w);
    for (ref = gw_json_first(&doc, content); ref != GW_JSON_ABSENT; ref = gw_json_next(&doc, ref)) {
        gw_json_ref tops = gw_gm_get(&doc, ref, "top_logprobs");
        gw_jw_object(w);
        gw_jw_key(w, "candidates");
        gw_jw_array(w);
        gw_json_ref top = gw_json_typeof(&doc, tops) == GW_JSON_ARRAY ? gw_json_first(&doc, tops)
                                                                      : GW_JSON_ABSENT;
        for (; top != GW_JSON_ABSENT; top = gw_json_next(&doc, top))
            write_token(w, &doc, top);
        gw_jw_array_end(w);
        gw_jw_object_end(w);
    }
    gw_jw_array_end(w);
    gw_jw_object_end(w);
    return true;
}
