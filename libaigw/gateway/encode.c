/* What goes upstream: the body, patched in place or translated, and its headers.
 * Must not know a transport. The client's credentials and cookies have no way in here. */
#include "base/crypto.h"
#include "base/error.h"
#include "base/text.h"
#include "chat/estimate.h"
#include "gateway/state.h"

#define BETAS_MAX      ((size_t)16 << 10)
#define PATH_MAX_BYTES ((size_t)8 << 10)
#define PIECES_FROM    ((size_t)64 << 10) /* a copy of less costs nothing */

static aigw_slice quoted(gw_arena *arena, aigw_slice plain)
{
    gw_jstr inner = gw_jstr_plain(arena, plain);
    char *out = gw_has(inner) ? gw_arena_alloc(arena, inner.inner.len + 2) : NULL;
    if (!out)
        return (aigw_slice){NULL, 0};
    out[0] = '"';
    memcpy(out + 1, inner.inner.data, inner.inner.len);
    out[inner.inner.len + 1] = '"';
    return gw_slice(out, inner.inner.len + 2);
}

/* The client's stream_options with include_usage set: what else it said stays. */
static aigw_slice usage_options(aigw_exchange *x)
{
    gw_json_ref options = gw_json_get(&x->doc, 0, "stream_options");
    if (gw_json_typeof(&x->doc, options) != GW_JSON_OBJECT || !gw_json_count(&x->doc, options))
        return GW_S("{\"include_usage\":true}");
    gw_buf buf;
    gw_buf_init(&buf, gw_json_raw(&x->doc, options).len + 64);
    gw_jw w = gw_jw_on(&buf);
    gw_jw_object(&w);
    for (gw_json_ref key = gw_json_first(&x->doc, options); key != GW_JSON_ABSENT;
         key = gw_json_next(&x->doc, key)) {
        if (gw_json_key_is(&x->doc, key, "include_usage"))
            continue;
        gw_jw_key_inner(&w, gw_json_inner(&x->doc, key));
        gw_jw_raw(&w, gw_json_raw(&x->doc, gw_json_value(&x->doc, key)));
    }
    gw_jw_key(&w, "include_usage");
    gw_jw_bool(&w, true);
    gw_jw_object_end(&w);
    aigw_slice value = {NULL, 0};
    if (!buf.failed)
        value = gw_arena_copy(x->arena, gw_buf_slice(&buf));
    gw_buf_free(&buf);
    return value;
}

static gw_call call_of(const aigw_exchange *x, const gw_route_target *target)
{
    const gw_wire *wire = x->attempt.wire;
    return (gw_call){.op = x->op,
                     .format = wire ? wire->format : (aigw_format)0,
                     .model = target->model.len ? target->model : x->model,
                     .stream = x->stream,
                     .many = x->op == GW_OP_EMBED && gw_embed_many(x)};
}

/* Where somebody wants to see the body as a whole, it is copied: to sign it, to change it, to answer it. */
static bool may_be_in_pieces(const aigw_exchange *x, const gw_route_target *target)
{
    const gw_upstream *up = x->attempt.upstream;
    gw_call call = call_of(x, target);
    gw_patch unused[GW_BODY_PATCHES];
    return !up->provider->answer && !up->provider->sign &&
           (!up->provider->body || up->provider->body(&up->site, &call, unused) == 0);
}

static int patch(aigw_exchange *x, const gw_route_target *target, aigw_slice *body, aigw_error *err)
{
    gw_attempt *a = &x->attempt;
    gw_patch patches[2 + GW_MEND_MAX];
    size_t n = 0;
    bool renamed = target->model.len && !gw_eq(target->model, x->model);
    if ((renamed || x->path_model) && !x->wire->model_in_path)
        patches[n++] = (gw_patch){.member = "model",
                                  .value = quoted(x->arena, renamed ? target->model : x->model)};
    /* Usage is ours to count whether the client wants to see it or not; the tap hides the rest. */
    if (x->stream && !x->include_usage && a->wire->usage_on_demand &&
        !(a->upstream->quirks & GW_QUIRK_NO_USAGE_OPTION))
        patches[n++] = (gw_patch){.member = "stream_options", .value = usage_options(x)};
    size_t mends = 0;
    const gw_write_options options = {.quirks = a->upstream->quirks};
    if (a->wire->mend_request &&
        a->wire->mend_request(x->arena, &x->doc, &options, &patches[n], &mends) != AIGW_OK)
        return gw_fail_nomem(err);
    n += mends;
    for (size_t i = 0; i < n; i++) {
        if (!patches[i].value.data && !patches[i].remove)
            return gw_fail_nomem(err);
    }
    if (n == 0) {
        *body = x->body;
        return AIGW_OK;
    }
    if (x->body.len >= PIECES_FROM && may_be_in_pieces(x, target)) {
        *body = GW_S("");
        return gw_patch_pieces(&x->doc, patches, n, x->arena, &a->pieces.items, &a->pieces.count,
                               err);
    }
    if (!gw_buf_reserve(&x->send, x->body.len + 256))
        return gw_fail_nomem(err);
    int rc = gw_patch_body(&x->doc, patches, n, &x->send, err);
    if (rc != AIGW_OK)
        return rc;
    *body = gw_buf_slice(&x->send);
    return x->send.failed ? gw_fail_nomem(err) : AIGW_OK;
}

static int translate(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                     aigw_error *err)
{
    gw_attempt *a = &x->attempt;
    int rc = gw_prepare_read(x, err);
    if (rc != AIGW_OK)
        return rc;
    gw_write_options options = {.model = target->model.len ? target->model : x->model,
                                .default_max_tokens = a->upstream->default_max_tokens,
                                .quirks = a->upstream->quirks,
                                .force_usage = x->stream};
    gw_notes notes = {.arena = x->arena, .strict = x->strict};
    /* A large body is mostly carried as it stands: growing to its size step by step would hold it twice. */
    if (x->body.len >= PIECES_FROM && !gw_buf_reserve(&x->send, x->body.len + x->body.len / 16))
        gw_buf_clear(&x->send);
    rc = gw_wire_request(a->wire, x->arena, &x->request, &options, &x->send, &notes, err);
    if (x->send.failed)
        return gw_fail_nomem(err);
    if (rc == AIGW_OK)
        *body = gw_buf_slice(&x->send);
    return rc == AIGW_OK && !gw_report_dropped(x, &notes) ? gw_fail_nomem(err) : rc;
}

static int write_body(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                      aigw_error *err)
{
    if (x->op == GW_OP_COUNT)
        return gw_count_encode(x, target, body, err);
    if (x->op == GW_OP_EMBED)
        return gw_embed_encode(x, target, body, err);
    return x->attempt.same ? patch(x, target, body, err) : translate(x, target, body, err);
}

/* What the vendor wants of a body at this address besides its format. One more copy: few ask for it. */
static int adjust(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                  aigw_error *err)
{
    const gw_upstream *up = x->attempt.upstream;
    gw_call call = call_of(x, target);
    gw_patch patches[GW_BODY_PATCHES];
    size_t n = up->provider->body ? up->provider->body(&up->site, &call, patches) : 0;
    gw_json_doc doc;
    gw_buf out;
    if (n == 0)
        return AIGW_OK;
    int rc = gw_json_parse(x->arena, *body, NULL, &doc, err);
    if (rc != AIGW_OK)
        return rc == AIGW_E_NOMEM ? gw_fail_nomem(err) : rc;
    gw_buf_init(&out, x->live->config->max_exchange_bytes);
    if (gw_buf_reserve(&out, body->len + 256))
        rc = gw_patch_body(&doc, patches, n, &out, err);
    if (rc == AIGW_OK && out.failed)
        rc = gw_fail_nomem(err);
    if (rc != AIGW_OK) {
        gw_buf_free(&out);
        return rc;
    }
    gw_buf_free(&x->send);
    x->send = out;
    *body = gw_buf_slice(&x->send);
    return AIGW_OK;
}

int gw_encode_body(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                   aigw_error *err)
{
    gw_buf_clear(&x->send);
    if (x->op == GW_OP_CHAT && !x->attempt.wire)
        return gw_fail(err, AIGW_E_UNSUPPORTED, "no_format",
                       "The provider of this model serves it in no format that is known here.");
    int rc = write_body(x, target, body, err);
    return rc == AIGW_OK ? adjust(x, target, body, err) : rc;
}

/* -- where it goes -- */

const gw_wire *gw_encode_wire(const aigw_exchange *x, const gw_route_target *target)
{
    const gw_upstream *up = x->attempt.upstream;
    gw_call call = {
        .op = x->op, .model = target->model.len ? target->model : x->model, .stream = x->stream};
    aigw_format format =
        gw_provider_format(up->provider, &up->site, up->formats, x->endpoint->format, &call);
    return format ? gw_wire_of(format) : NULL;
}

int gw_encode_path(aigw_exchange *x, const gw_route_target *target, aigw_slice *path,
                   aigw_error *err)
{
    const gw_upstream *up = x->attempt.upstream;
    gw_call call = call_of(x, target);
    gw_buf out;
    gw_buf_init(&out, PATH_MAX_BYTES);
    gw_buf_reserve(&out, up->base_path.len + 160); /* once, for most */
    gw_buf_add(&out, up->base_path);
    int rc = up->provider->path(&up->site, &call, &out);
    if (rc == AIGW_OK) {
        *path = gw_arena_copy(x->arena, gw_buf_slice(&out));
        rc = path->data ? AIGW_OK : AIGW_E_NOMEM;
    }
    gw_buf_free(&out);
    if (rc == AIGW_E_NOMEM)
        return gw_fail_nomem(err);
    if (rc == AIGW_E_UNSUPPORTED)
        return gw_fail(err, rc, "no_such_call", "The provider of this model has no such call.");
    if (rc != AIGW_OK)
        return gw_fail(err, AIGW_E_PARSE, "model", "No model has such a name.");
    return AIGW_OK;
}

int gw_encode_sign(aigw_exchange *x, gw_http_request *request, aigw_header *headers,
                   aigw_error *err)
{
    const gw_upstream *up = x->attempt.upstream;
    size_t count = 0;
    if (!up->provider->sign || up->key_pair.access_key_id.len == 0)
        return AIGW_OK;
    const gw_signable what = {.site = &up->site,
                              .keys = &up->key_pair,
                              .method = aigw_slice_of(request->method),
                              .host = up->authority,
                              .path = request->path,
                              .body = request->body,
                              .unix_s = gw_unix_s(x->loop->clock)};
    int rc = up->provider->sign(x->arena, &what, headers + request->header_count, &count, err);
    request->header_count += count;
    return rc;
}

/* Appends the items of a comma list that are not in buf yet. */
static void add_items(gw_buf *buf, aigw_slice list)
{
    while (list.data) {
        aigw_slice item = gw_trim(gw_cut(&list, ','));
        aigw_slice seen = gw_buf_slice(buf);
        bool known = item.len == 0;
        while (!known && seen.data && seen.len)
            known = gw_eq(gw_cut(&seen, ','), item);
        if (known)
            continue;
        if (gw_buf_len(buf))
            gw_buf_putc(buf, ',');
        gw_buf_add(buf, item);
    }
}

static bool keep_list(aigw_exchange *x, const gw_buf *buf, aigw_slice *out)
{
    if (buf->failed)
        return false;
    if (gw_buf_len(buf) == 0)
        return true;
    aigw_slice copy = gw_arena_copy(x->arena, gw_buf_slice(buf));
    if (copy.data)
        *out = copy;
    return copy.data != NULL;
}

bool gw_encode_betas(aigw_exchange *x)
{
    gw_buf buf;
    gw_buf_init(&buf, BETAS_MAX);
    for (size_t i = 0; i < x->header_count; i++) {
        if (gw_eq_nocase(x->headers[i].name, GW_S("anthropic-beta")))
            add_items(&buf, x->headers[i].value);
    }
    bool ok = keep_list(x, &buf, &x->anthropic_beta);
    gw_buf_free(&buf);
    return ok;
}

void gw_encode_answer_options(aigw_exchange *x)
{
    if (x->answer.id_seed.len)
        return;
    if (!gw_random_pool_hex(&x->loop->ids, x->seed, sizeof x->seed))
        memset(x->seed, '0', sizeof x->seed);
    x->answer = (gw_answer_options){.id_seed = {x->seed, sizeof x->seed},
                                    .request_id = {x->id, x->id_len},
                                    .created = gw_unix_s(x->loop->clock),
                                    .include_usage = x->include_usage,
                                    .json_array = x->json_array,
                                    .request = &x->doc};
    if (!x->attempt.same && x->read && x->stream && x->wire->input_first)
        x->answer.input_estimate = gw_estimate_tokens(&x->request);
}

/* The client's list first, then what the config adds for this upstream. */
static bool merged_betas(aigw_exchange *x, aigw_slice *out)
{
    gw_buf buf;
    *out = x->anthropic_beta;
    if (!x->attempt.upstream->beta.len)
        return true;
    gw_buf_init(&buf, 2 * BETAS_MAX);
    add_items(&buf, x->anthropic_beta);
    add_items(&buf, x->attempt.upstream->beta);
    bool ok = keep_list(x, &buf, out);
    gw_buf_free(&buf);
    return ok;
}

int gw_encode_headers(aigw_exchange *x, aigw_header out[GW_SEND_HEADERS], size_t *count,
                      aigw_error *err)
{
    size_t n = 0;
    if (x->attempt.same && x->wire->format == AIGW_FORMAT_ANTHROPIC) {
        if (x->anthropic_version.len)
            out[n++] = (aigw_header){GW_S("anthropic-version"), x->anthropic_version};
        if (x->anthropic_beta.len) {
            out[n].name = GW_S("anthropic-beta");
            if (!merged_betas(x, &out[n++].value))
                return gw_fail_nomem(err);
        }
    }
    *count = n;
    return AIGW_OK;
}
