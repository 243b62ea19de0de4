/*
 * Citations of a text block: this API's own as they are, those of a URL as results of a web search.
 * Knows neither whole answers nor streams.
 */
#include "wire/anthropic/anthropic.h"

/* How many bytes the first `points` code points of escaped text take. */
static size_t bytes_of(aigw_slice s, int64_t points)
{
    size_t i = 0;
    while (i < s.len && points > 0) {
        unsigned char c = (unsigned char)s.data[i];
        size_t n = 1;
        if (c == '\\') {
            n = i + 1 < s.len && s.data[i + 1] == 'u' ? 6 : 2;
            /* a surrogate pair is one code point */
            bool high = n == 6 && i + 11 < s.len && (s.data[i + 2] | 32) == 'd' &&
                        strchr("89abAB", s.data[i + 3]) != NULL && s.data[i + 6] == '\\';
            n = high ? 12 : n;
        } else {
            while (i + n < s.len && ((unsigned char)s.data[i + n] & 0xc0) == 0x80) {
                n++;
            }
        }
        i = i + n < s.len ? i + n : s.len;
        points--;
    }
    return i;
}

/* The cited span; "" where the text does not hold it. */
static gw_jstr span_of(const gw_json_doc *doc, gw_json_ref citation, gw_jstr text)
{
    int64_t first = -1, last = -1;
    if (!gw_json_i64(doc, gw_json_get(doc, citation, "start_index"), &first) ||
        !gw_json_i64(doc, gw_json_get(doc, citation, "end_index"), &last) || first < 0 ||
        last <= first || text.inner.len == 0) {
        return gw_jstr_lit("");
    }
    size_t from = bytes_of(text.inner, first), to = bytes_of(text.inner, last);
    return (gw_jstr){gw_slice(text.inner.data + from, to - from)};
}

static bool is_own(const gw_json_doc *doc, gw_json_ref citation)
{
    return gw_ends(gw_json_inner(doc, gw_json_get(doc, citation, "type")), GW_S("_location"));
}

bool gw_anthropic_write_citation(gw_jw *w, const gw_json_doc *doc, gw_json_ref ref, gw_jstr text)
{
    if (gw_json_typeof(doc, ref) != GW_JSON_OBJECT) {
        return false;
    }
    if (is_own(doc, ref)) {
        gw_jw_raw(w, gw_json_raw(doc, ref));
        return true;
    }
    gw_json_ref nested = gw_json_get(doc, ref, "url_citation");
    if (gw_json_typeof(doc, nested) == GW_JSON_OBJECT) {
        ref = nested;
    }
    gw_jstr url = gw_jstr_of(doc, gw_json_get(doc, ref, "url"));
    gw_jstr title = gw_jstr_of(doc, gw_json_get(doc, ref, "title"));
    if (url.inner.len == 0) {
        return false;
    }
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "web_search_result_location");
    gw_jw_key(w, "cited_text");
    gw_jw_jstr(w, span_of(doc, ref, text));
    gw_jw_key(w, "url");
    gw_jw_jstr(w, url);
    gw_jw_key(w, "title");
    if (title.inner.len > 0) {
        gw_jw_jstr(w, title);
    } else {
        gw_jw_null(w);
    }
    gw_jw_key(w, "encrypted_index"); /* empty: no search of this provider found it */
    gw_jw_str(w, "");
    gw_jw_object_end(w);
    return true;
}

void gw_anthropic_write_citations(gw_arena *arena, gw_jw *w, gw_raw citations, gw_jstr text)
{
    gw_json_limits lenient = {.lone_surrogates = true};
    gw_json_doc doc;
    if (!gw_has_raw(citations) ||
        gw_json_parse(arena, citations.json, &lenient, &doc, NULL) != AIGW_OK) {
        return;
    }
    size_t start = gw_buf_len(w->buf), written = 0;
    bool list = gw_json_typeof(&doc, 0) == GW_JSON_ARRAY, comma = w->comma;
    gw_jw_key(w, "citations");
    gw_jw_array(w);
    for (gw_json_ref r = list ? gw_json_first(&doc, 0) : 0; r != GW_JSON_ABSENT;
         r = list ? gw_json_next(&doc, r) : GW_JSON_ABSENT) {
        written += gw_anthropic_write_citation(w, &doc, r, text);
    }
    gw_jw_array_end(w);
    if (written == 0) {
        gw_buf_truncate(w->buf, start);
        w->comma = comma;
    }
}
