/* The models of the config and their aliases, listed in the dialect that was asked in. */
/* Must not know any upstream beyond its name, nor what a model can do. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/form.h"
#include "gateway/state.h"

enum {
    ANTHROPIC_PAGE = 20, /* what its API gives to who does not say */
    GEMINI_PAGE = 50,
    PAGE_MAX = 1000
};

typedef struct model {
    aigw_slice id, owner;
} model;

typedef struct page {
    const model *models;
    size_t first, end, count; /* of all */
} page;

/* -- what there is -- */

/* The models that the config names; and providers that answer in process, under their own name. */
static bool model_at(const gw_config *c, size_t i, model *out)
{
    if (i < c->routes.model_count) {
        const gw_route_model *m = &c->routes.models[i];
        *out = (model){m->name,
                       m->target_count ? c->upstreams[m->targets[0].provider].name : GW_S("aigw")};
        return true;
    }
    const gw_upstream *up = &c->upstreams[i - c->routes.model_count];
    *out = (model){up->name, up->name};
    if (!up->provider->answer)
        return false;
    for (size_t k = 0; k < c->routes.model_count; k++) {
        if (gw_eq(c->routes.models[k].name, up->name))
            return false;
    }
    return true;
}

static model *all_models(aigw_exchange *x, size_t *count)
{
    const gw_config *c = x->live->config;
    size_t most = c->routes.model_count + c->upstream_count;
    model *models = gw_arena_calloc(x->arena, most + 1, sizeof *models);
    *count = 0;
    for (size_t i = 0; models && i < most; i++)
        *count += model_at(c, i, &models[*count]);
    return models;
}

static const model *find(const model *models, size_t count, aigw_slice id)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_eq(models[i].id, id))
            return &models[i];
    }
    return NULL;
}

/* -- one of them in each dialect -- */

static void openai_model(gw_jw *w, const model *m)
{
    gw_jw_object(w);
    gw_jw_key(w, "id");
    gw_jw_text(w, m->id);
    gw_jw_key(w, "object");
    gw_jw_str(w, "model");
    gw_jw_key(w, "created");
    gw_jw_int(w, 0);
    gw_jw_key(w, "owned_by");
    gw_jw_text(w, m->owner);
    gw_jw_object_end(w);
}

static void anthropic_model(gw_jw *w, const model *m)
{
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "model");
    gw_jw_key(w, "id");
    gw_jw_text(w, m->id);
    gw_jw_key(w, "display_name");
    gw_jw_text(w, m->id);
    gw_jw_key(w, "created_at");
    gw_jw_str(w, "1970-01-01T00:00:00Z");
    gw_jw_object_end(w);
}

static void gemini_model(gw_jw *w, const model *m)
{
    static const char *const methods[] = {"generateContent", "streamGenerateContent", "countTokens",
                                          "embedContent", "batchEmbedContents"};
    gw_jw_object(w);
    gw_jw_key(w, "name");
    gw_jw_begin_string(w);
    gw_jw_part(w, GW_S("models/"));
    gw_jw_part(w, m->id);
    gw_jw_end_string(w);
    gw_jw_key(w, "displayName");
    gw_jw_text(w, m->id);
    gw_jw_key(w, "supportedGenerationMethods");
    gw_jw_array(w);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        gw_jw_str(w, methods[i]);
    gw_jw_array_end(w);
    gw_jw_object_end(w);
}

static void write_model(gw_jw *w, aigw_format format, const model *m)
{
    if (format == AIGW_FORMAT_ANTHROPIC)
        anthropic_model(w, m);
    else if (format == AIGW_FORMAT_GEMINI)
        gemini_model(w, m);
    else
        openai_model(w, m);
}

/* -- pages -- */

static void write_anthropic_end(gw_jw *w, const page *p, bool more)
{
    gw_jw_key(w, "has_more");
    gw_jw_bool(w, more);
    const char *const keys[] = {"first_id", "last_id"};
    for (int i = 0; i < 2; i++) {
        gw_jw_key(w, keys[i]);
        if (p->first < p->end)
            gw_jw_text(w, p->models[i ? p->end - 1 : p->first].id);
        else
            gw_jw_null(w);
    }
}

/* more: there are others, in the direction in which the client goes. */
static void give_page(aigw_exchange *x, const page *p, bool more)
{
    aigw_format format = x->wire->format;
    gw_buf_clear(&x->out);
    gw_jw w = gw_jw_on(&x->out);
    gw_jw_object(&w);
    if (format != AIGW_FORMAT_ANTHROPIC && format != AIGW_FORMAT_GEMINI) {
        gw_jw_key(&w, "object");
        gw_jw_str(&w, "list");
    }
    gw_jw_key(&w, format == AIGW_FORMAT_GEMINI ? "models" : "data");
    gw_jw_array(&w);
    for (size_t i = p->first; i < p->end; i++)
        write_model(&w, format, &p->models[i]);
    gw_jw_array_end(&w);
    if (format == AIGW_FORMAT_ANTHROPIC) {
        write_anthropic_end(&w, p, more);
    } else if (format == AIGW_FORMAT_GEMINI && more) {
        gw_jw_key(&w, "nextPageToken");
        gw_jw_text(&w, p->models[p->end - 1].id);
    }
    gw_jw_object_end(&w);
    gw_respond_begin(x, 200, "application/json");
    gw_respond_whole(x);
}

static void refuse(aigw_exchange *x, const char *param, const char *message)
{
    gw_api_error error = {.kind = GW_ERR_INVALID_REQUEST,
                          .status = 400,
                          .message = gw_jstr_lit(message),
                          .param = param ? gw_jstr_lit(param) : (gw_jstr){{NULL, 0}}};
    x->reason = "bad_request";
    gw_respond_error(x, &error);
}

static bool read_size(const gw_form *form, const char *name, size_t *size)
{
    uint64_t n;
    aigw_slice text = gw_form_get(form, name);
    if (text.len == 0)
        return true;
    if (!gw_parse_u64(text, &n) || n < 1)
        return false;
    *size = n > PAGE_MAX ? PAGE_MAX : (size_t)n;
    return true;
}

static void give_anthropic(aigw_exchange *x, const gw_form *form, page *p)
{
    size_t limit = ANTHROPIC_PAGE;
    aigw_slice after = gw_form_get(form, "after_id"), before = gw_form_get(form, "before_id");
    const model *mark = find(p->models, p->count, after.len ? after : before);
    if (!read_size(form, "limit", &limit)) {
        refuse(x, "limit", "\\\"limit\\\" must be a positive integer.");
    } else if (after.len && before.len) {
        refuse(x, "before_id", "Only one of \\\"after_id\\\" and \\\"before_id\\\" may be given.");
    } else if ((after.len || before.len) && !mark) {
        refuse(x, after.len ? "after_id" : "before_id", "There is no such model.");
    } else if (before.len) {
        p->end = (size_t)(mark - p->models);
        p->first = p->end > limit ? p->end - limit : 0;
        give_page(x, p, p->first > 0);
    } else {
        p->first = after.len ? (size_t)(mark - p->models) + 1 : 0;
        p->end = p->count - p->first > limit ? p->first + limit : p->count;
        give_page(x, p, p->end < p->count);
    }
}

static void give_gemini(aigw_exchange *x, const gw_form *form, page *p)
{
    size_t size = GEMINI_PAGE;
    aigw_slice token = gw_form_get(form, "pageToken");
    const model *mark = find(p->models, p->count, token);
    if (!read_size(form, "pageSize", &size)) {
        refuse(x, "pageSize", "\\\"pageSize\\\" must be a positive integer.");
    } else if (token.len && !mark) {
        refuse(x, "pageToken", "This page token is not known any more.");
    } else {
        p->first = mark ? (size_t)(mark - p->models) + 1 : 0;
        p->end = p->count - p->first > size ? p->first + size : p->count;
        give_page(x, p, p->end < p->count);
    }
}

void gw_models_list(aigw_exchange *x)
{
    page p = {0};
    gw_form form = {0};
    p.models = all_models(x, &p.count);
    if (!p.models) {
        gw_respond_nomem(x);
        return;
    }
    /* OpenAI's list has no pages; the others read the query. */
    bool paged = x->wire->format == AIGW_FORMAT_ANTHROPIC || x->wire->format == AIGW_FORMAT_GEMINI;
    int rc = paged ? gw_form_parse(x->query, &form) : AIGW_OK;
    if (rc == AIGW_E_NOMEM) {
        gw_respond_nomem(x);
    } else if (rc != AIGW_OK) {
        refuse(x, NULL, "The query of the URL is malformed.");
    } else if (x->wire->format == AIGW_FORMAT_ANTHROPIC) {
        give_anthropic(x, &form, &p);
    } else if (x->wire->format == AIGW_FORMAT_GEMINI) {
        give_gemini(x, &form, &p);
    } else {
        p.end = p.count;
        give_page(x, &p, false);
    }
    gw_form_free(&form);
}

void gw_models_one(aigw_exchange *x)
{
    char name[GW_MODEL_NAME_MAX];
    size_t len, count;
    const model *models = all_models(x, &count), *m = NULL;
    if (!models) {
        gw_respond_nomem(x);
        return;
    }
    if (gw_endpoint_model(x->name, name, &len))
        m = find(models, count, gw_slice(name, len));
    if (!m) {
        gw_api_error error = {.kind = GW_ERR_NOT_FOUND,
                              .status = 404,
                              .message = gw_jstr_lit("There is no such model."),
                              .code = gw_jstr_lit("model_not_found"),
                              .param = gw_jstr_lit("model")};
        x->reason = "model_not_found";
        gw_respond_error(x, &error);
        return;
    }
    gw_buf_clear(&x->out);
    gw_jw w = gw_jw_on(&x->out);
    write_model(&w, x->wire->format, m);
    gw_respond_begin(x, 200, "application/json");
    gw_respond_whole(x);
}
