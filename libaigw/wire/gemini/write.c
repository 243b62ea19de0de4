/* Writes a generateContent request: what is decided about it, its top level, and its patches. */
/* Must not know which format it came from, except whether it was this one. */
#include "wire/gemini/gemini.h"

#include "chat/seal.h"

int gw_gm_note(gw_gm_out *o, gw_json_ref at, const char *reason)
{
    return gw_note_add(o->notes, o->r->doc, at, reason, o->err);
}

int gw_gm_note_member(gw_gm_out *o, const char *const *names, const char *reason)
{
    gw_json_ref at = GW_JSON_ABSENT;
    for (; *names != NULL && at == GW_JSON_ABSENT && o->r->doc != NULL; names++)
        at = gw_gm_get(o->r->doc, 0, *names);
    return gw_gm_note(o, at, reason);
}

/* Is the value a member of the object itself? */
static bool is_within(const gw_json_doc *doc, gw_json_ref value, gw_json_ref object)
{
    if (gw_json_typeof(doc, object) != GW_JSON_OBJECT)
        return false;
    const gw_json_node *in = &doc->nodes[value], *out = &doc->nodes[object];
    return in->start > out->start && in->end <= out->end;
}

void gw_gm_write_extras_of(gw_gm_out *o, gw_json_ref object)
{
    const gw_chat_request *r = o->r;
    for (size_t i = 0; i < r->extra_count && o->same; i++) {
        if (!is_within(r->doc, r->extras[i].value, object))
            continue;
        gw_jw_key_inner(&o->w, gw_json_inner(r->doc, r->extras[i].key));
        gw_jw_raw(&o->w, gw_json_raw(r->doc, r->extras[i].value));
    }
}

bool gw_gm_has_extras_of(const gw_gm_out *o, gw_json_ref object)
{
    bool found = false;
    for (size_t i = 0; i < o->r->extra_count && o->same && !found; i++)
        found = is_within(o->r->doc, o->r->extras[i].value, object);
    return found;
}

/* Those of the top level; of another format, each is told. */
static int write_extras(gw_gm_out *o)
{
    const gw_chat_request *r = o->r;
    int rc = AIGW_OK;
    gw_json_ref inner = o->same ? gw_gm_get(r->doc, 0, "generateContentRequest") : GW_JSON_ABSENT;
    gw_json_ref root = inner == GW_JSON_ABSENT ? 0 : inner;
    for (size_t i = 0; i < r->extra_count && rc == AIGW_OK; i++) {
        const gw_extra *extra = &r->extras[i];
        if (!o->same) {
            rc = gw_gm_note(o, extra->value, "Gemini has no such parameter");
            continue;
        }
        if (is_within(r->doc, extra->value, gw_gm_get(r->doc, root, "generationConfig")) ||
            is_within(r->doc, extra->value, gw_gm_get(r->doc, root, "toolConfig")))
            continue;
        gw_jw_key_inner(&o->w, gw_json_inner(r->doc, extra->key));
        gw_jw_raw(&o->w, gw_json_raw(r->doc, extra->value));
    }
    return rc;
}

static int write_tier(gw_gm_out *o)
{
    static const char *const words[][2] = {{"default", "standard"},
                                           {"standard_only", "standard"},
                                           {"standard", "standard"},
                                           {"flex", "flex"},
                                           {"priority", "priority"}};
    static const char *const names[] = {"service_tier", NULL};
    gw_jstr tier = o->r->service_tier;
    if (!gw_has(tier) || (!o->same && gw_jstr_is(tier, "auto")))
        return AIGW_OK;
    for (size_t i = 0; i < sizeof words / sizeof words[0] && !o->same; i++) {
        if (!gw_jstr_is(tier, words[i][0]))
            continue;
        gw_jw_key(&o->w, "serviceTier");
        gw_jw_str(&o->w, words[i][1]);
        return AIGW_OK;
    }
    if (!o->same)
        return gw_gm_note_member(o, names, "Gemini has no such service tier");
    gw_jw_key(&o->w, "serviceTier");
    gw_jw_jstr(&o->w, tier);
    return AIGW_OK;
}

static int note_unsaid(gw_gm_out *o)
{
    static const char *const user[] = {"safety_identifier", "user", "metadata", NULL};
    static const char *const metadata[] = {"metadata", NULL};
    static const char *const verbosity[] = {"verbosity", "text", NULL};
    static const char *const key[] = {"prompt_cache_key", NULL};
    const gw_chat_request *r = o->r;
    int rc = AIGW_OK;
    if (gw_has(r->user_id))
        rc = gw_gm_note_member(o, user, "Gemini has no name of an end user");
    if (rc == AIGW_OK && gw_has_raw(r->metadata))
        rc = gw_gm_note_member(o, metadata, "metadata is not sent on");
    if (rc == AIGW_OK && gw_has(r->verbosity))
        rc = gw_gm_note_member(o, verbosity, "Gemini has no verbosity");
    if (rc == AIGW_OK && gw_has(r->prompt_cache_key))
        rc = gw_gm_note_member(o, key, "Gemini caches by itself and takes no key");
    return rc;
}

static gw_gm_family family_of(aigw_slice model)
{
    if (!gw_starts(model, GW_S("gemini-")))
        return GW_GM_OTHER;
    aigw_slice rest = gw_skip(model, 7);
    if (gw_starts(rest, GW_S("2.5")))
        return GW_GM_2_5;
    bool latest = gw_ends(rest, GW_S("-latest")) && rest.data[0] > '9';
    bool later = rest.len > 0 && rest.data[0] >= '3' && rest.data[0] <= '9';
    return latest || later ? GW_GM_3 : GW_GM_OTHER;
}

static void decide(gw_gm_out *o)
{
    aigw_slice model = o->options->model.len > 0 ? o->options->model : o->r->model.inner;
    bool functions = false;
    o->model = gw_gm_model_name(model);
    o->family = family_of(o->model);
    o->same = o->r->format == AIGW_FORMAT_GEMINI;
    for (size_t i = 0; i < o->r->tool_count; i++)
        functions = functions || !o->r->tools[i].native;
    o->json_words = functions && !o->same && o->r->shape != GW_SHAPE_TEXT && o->family != GW_GM_3;
}

static int write_members(gw_gm_out *o)
{
    int rc = gw_gm_write_system(o);
    if (rc == AIGW_OK)
        rc = gw_gm_write_contents(o);
    if (rc == AIGW_OK)
        rc = gw_gm_write_tools(o);
    if (rc == AIGW_OK)
        rc = gw_gm_write_config(o);
    if (rc == AIGW_OK)
        rc = write_tier(o);
    if (rc == AIGW_OK && o->r->store >= 0) {
        gw_jw_key(&o->w, "store");
        gw_jw_bool(&o->w, o->r->store == 1);
    }
    if (rc == AIGW_OK)
        rc = note_unsaid(o);
    return rc == AIGW_OK ? write_extras(o) : rc;
}

int gw_gm_write_request(gw_arena *arena, const gw_chat_request *request,
                        const gw_write_options *options, gw_buf *out, gw_notes *notes,
                        aigw_error *err)
{
    gw_gm_out o = {.arena = arena,
                   .r = request,
                   .options = options,
                   .w = gw_jw_on(out),
                   .notes = notes,
                   .err = err};
    decide(&o);
    gw_jw_object(&o.w);
    int rc = write_members(&o);
    gw_jw_object_end(&o.w);
    if (rc == AIGW_OK && out->failed)
        rc = gw_fail(err, AIGW_E_LIMIT, "request_too_large", "the translated request is too large");
    return rc;
}

int gw_gm_write_count_request(gw_arena *arena, const gw_chat_request *request,
                              const gw_write_options *options, gw_buf *out, gw_notes *notes,
                              aigw_error *err)
{
    gw_gm_out o = {.arena = arena,
                   .r = request,
                   .options = options,
                   .w = gw_jw_on(out),
                   .notes = notes,
                   .err = err};
    if ((options->quirks & GW_QUIRK_COUNT_PLAIN) != 0)
        return gw_gm_write_request(arena, request, options, out, notes, err);
    decide(&o);
    gw_jw_object(&o.w);
    gw_jw_key(&o.w, "generateContentRequest");
    gw_jw_object(&o.w);
    gw_jw_key(&o.w, "model");
    gw_jw_begin_string(&o.w);
    gw_jw_part(&o.w, GW_S("models/"));
    if (options->model.len > 0)
        gw_jw_part(&o.w, o.model);
    else
        gw_jw_part_inner(&o.w, o.model);
    gw_jw_end_string(&o.w);
    int rc = write_members(&o);
    gw_jw_object_end(&o.w);
    gw_jw_object_end(&o.w);
    if (rc == AIGW_OK && out->failed)
        rc = gw_fail(err, AIGW_E_LIMIT, "request_too_large", "the translated request is too large");
    return rc;
}

/* A signature in a part that we sealed for another vendor: Gemini would refuse it. */
static bool is_foreign(gw_arena *arena, const gw_json_doc *doc, gw_json_ref part)
{
    gw_sealed sealed;
    gw_jstr signature = gw_gm_string_of(doc, part, "thoughtSignature");
    return gw_has(signature) && gw_unseal(arena, signature, &sealed);
}

static void mend_part(gw_jw *w, const gw_json_doc *doc, gw_json_ref part)
{
    gw_jw_object(w);
    gw_json_ref key = gw_json_first(doc, part);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        if (gw_json_key_is(doc, key, "thoughtSignature") ||
            gw_json_key_is(doc, key, "thought_signature"))
            continue;
        gw_jw_key_inner(w, gw_json_inner(doc, key));
        gw_jw_raw(w, gw_json_raw(doc, gw_json_value(doc, key)));
    }
    gw_jw_object_end(w);
}

static void mend_parts(gw_arena *arena, gw_jw *w, const gw_json_doc *doc, gw_json_ref parts)
{
    size_t written = 0;
    gw_jw_array(w);
    gw_json_ref ref = gw_json_first(doc, parts);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        bool foreign = is_foreign(arena, doc, ref);
        bool thought = gw_json_typeof(doc, gw_gm_get(doc, ref, "thought")) == GW_JSON_TRUE;
        if (foreign && thought)
            continue; /* another vendor's thought */
        written++;
        if (foreign)
            mend_part(w, doc, ref);
        else
            gw_jw_raw(w, gw_json_raw(doc, ref));
    }
    if (written == 0 && gw_json_count(doc, parts) > 0)
        gw_jw_raw(w, GW_S("{\"text\":\"\"}"));
    gw_jw_array_end(w);
}

static void mend_content(gw_arena *arena, gw_jw *w, const gw_json_doc *doc, gw_json_ref content)
{
    gw_json_ref parts = gw_gm_get(doc, content, "parts");
    if (gw_json_typeof(doc, parts) != GW_JSON_ARRAY) {
        gw_jw_raw(w, gw_json_raw(doc, content));
        return;
    }
    gw_jw_object(w);
    gw_json_ref key = gw_json_first(doc, content);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        gw_jw_key_inner(w, gw_json_inner(doc, key));
        if (value == parts)
            mend_parts(arena, w, doc, parts);
        else
            gw_jw_raw(w, gw_json_raw(doc, value));
    }
    gw_jw_object_end(w);
}

static bool needs_mending(gw_arena *arena, const gw_json_doc *doc, gw_json_ref contents)
{
    gw_json_ref content = gw_json_first(doc, contents);
    for (; content != GW_JSON_ABSENT; content = gw_json_next(doc, content)) {
        gw_json_ref parts = gw_gm_get(doc, content, "parts");
        if (gw_json_typeof(doc, parts) != GW_JSON_ARRAY)
            continue;
        gw_json_ref part = gw_json_first(doc, parts);
        for (; part != GW_JSON_ABSENT; part = gw_json_next(doc, part)) {
            if (is_foreign(arena, doc, part))
                return true;
        }
    }
    return false;
}

int gw_gm_mend_request(gw_arena *arena, const gw_json_doc *doc, const gw_write_options *options,
                       gw_patch out[GW_MEND_MAX], size_t *count)
{
    (void)options;
    *count = 0;
    gw_json_ref contents = gw_gm_get(doc, 0, "contents");
    if (gw_json_typeof(doc, contents) != GW_JSON_ARRAY || !needs_mending(arena, doc, contents))
        return AIGW_OK;
    gw_buf text;
    gw_buf_init(&text, gw_json_raw(doc, contents).len + 1024);
    gw_jw w = gw_jw_on(&text);
    gw_jw_array(&w);
    gw_json_ref content = gw_json_first(doc, contents);
    for (; content != GW_JSON_ABSENT; content = gw_json_next(doc, content))
        mend_content(arena, &w, doc, content);
    gw_jw_array_end(&w);
    aigw_slice copy = gw_arena_copy(arena, gw_buf_slice(&text));
    bool ok = !text.failed && copy.data != NULL;
    gw_buf_free(&text);
    if (!ok)
        return AIGW_E_NOMEM;
    out[(*count)++] = (gw_patch){.member = "contents", .value = copy};
    return AIGW_OK;
}
