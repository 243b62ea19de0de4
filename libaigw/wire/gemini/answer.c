/* A whole generateContent answer, read as events and written from a folded answer. */
/* Must not know framing. */
#include "wire/gemini/answer.h"

#include "chat/seal.h"
#include "wire/gemini/turn.h"

int gw_gm_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                      aigw_error *err)
{
    gw_gm_turn turn;
    gw_gm_turn_init(&turn, doc->text.len + 64, true);
    turn.arena = arena;
    turn.sink = sink;
    turn.err = err;
    turn.doc = doc;
    int rc = gw_gm_turn_chunk(&turn, doc, 0);
    if (rc == AIGW_OK)
        rc = gw_gm_turn_end(&turn);
    gw_gm_turn_free(&turn);
    return rc == AIGW_E_NOMEM ? gw_fail_nomem(err) : rc;
}

/* thoughtSignature: bare when it is Gemini's, else sealed; nothing when it is empty. */
static void write_signature(gw_jw *w, gw_jstr signature, aigw_format origin, bool redacted)
{
    if (signature.inner.len == 0)
        return;
    gw_jw_key(w, "thoughtSignature");
    if (origin == AIGW_FORMAT_GEMINI && !redacted)
        gw_jw_jstr(w, signature);
    else if (origin == 0)
        gw_jw_jstr(w, signature);
    else
        gw_jw_seal(w, origin, redacted, signature);
}

void gw_gm_write_text_part(gw_jw *w, gw_jstr text, bool thought, gw_jstr signature,
                           aigw_format origin)
{
    /* What holds nothing but Gemini's own signature was no thought. */
    bool bare = text.inner.len == 0 && origin == AIGW_FORMAT_GEMINI;
    gw_jw_object(w);
    gw_jw_key(w, "text");
    gw_jw_jstr(w, text);
    if (thought && !bare) {
        gw_jw_key(w, "thought");
        gw_jw_bool(w, true);
    }
    write_signature(w, signature, origin, false);
    gw_jw_object_end(w);
}

void gw_gm_write_redacted_part(gw_jw *w, gw_jstr data, aigw_format origin)
{
    gw_jw_object(w);
    gw_jw_key(w, "text");
    gw_jw_str(w, "");
    gw_jw_key(w, "thought");
    gw_jw_bool(w, true);
    write_signature(w, data, origin == 0 ? AIGW_FORMAT_ANTHROPIC : origin, true);
    gw_jw_object_end(w);
}

int gw_gm_write_call_part(gw_arena *arena, gw_jw *w, const gw_gm_called *call, aigw_error *err)
{
    gw_part part = {.kind = GW_PART_TOOL_CALL,
                    .at = GW_JSON_ABSENT,
                    .args_text = gw_has(call->args) ? call->args : gw_jstr_lit(""),
                    .custom = call->custom};
    aigw_slice args;
    int rc = gw_part_args_object(arena, NULL, &part, &args, err);
    if (rc == AIGW_E_PARSE && call->cut_short) {
        args = GW_S("{}");
    } else if (rc == AIGW_E_PARSE) {
        gw_fail(err, AIGW_E_UPSTREAM, "bad_arguments",
                "the provider called a tool with arguments that are no JSON object");
        if (err != NULL)
            err->http_status = 502;
        return AIGW_E_UPSTREAM;
    } else if (rc != AIGW_OK) {
        return rc;
    }
    gw_jw_object(w);
    gw_jw_key(w, "functionCall");
    gw_jw_object(w);
    if (call->id.inner.len > 0) {
        gw_jw_key(w, "id");
        gw_jw_jstr(w, call->id);
    }
    gw_jw_key(w, "name");
    gw_jw_jstr(w, call->name);
    gw_jw_key(w, "args");
    gw_jw_raw(w, args);
    gw_jw_object_end(w);
    write_signature(w, call->signature, call->origin, false);
    gw_jw_object_end(w);
    return AIGW_OK;
}

static bool is_cut(gw_finish finish)
{
    return finish == GW_FINISH_LENGTH || finish == GW_FINISH_CONTEXT;
}

static int write_block(gw_arena *arena, gw_jw *w, const gw_block *block, bool cut_short,
                       aigw_error *err)
{
    switch (block->kind) {
    case GW_BLOCK_TEXT:
    case GW_BLOCK_REFUSAL:
    case GW_BLOCK_THINKING:
        if (block->text.inner.len > 0 || block->signature.inner.len > 0)
            gw_gm_write_text_part(w, block->text, block->kind == GW_BLOCK_THINKING,
                                  block->signature, block->origin);
        return AIGW_OK;
    case GW_BLOCK_REDACTED_THINKING:
        gw_gm_write_redacted_part(w, block->text, block->origin);
        return AIGW_OK;
    case GW_BLOCK_TOOL_CALL: {
        const gw_gm_called call = {block->call_id,   block->tool_name, block->text, block->custom,
                                   block->signature, block->origin,    cut_short};
        return gw_gm_write_call_part(arena, w, &call, err);
    }
    default:
        if (gw_gm_own_part(block->raw.json))
            gw_jw_raw(w, block->raw.json);
        return AIGW_OK;
    }
}

/* The citations of all blocks, as one array. */
static void write_citations(gw_arena *arena, gw_jw *w, const gw_choice *choice)
{
    gw_buf all;
    gw_buf_init(&all, (size_t)64 << 20);
    for (size_t i = 0; i < choice->block_count; i++) {
        aigw_slice list = choice->blocks[i].raw.json;
        if (choice->blocks[i].kind != GW_BLOCK_TEXT || list.len < 3 || list.data[0] != '[')
            continue;
        gw_buf_putc(&all, gw_buf_len(&all) == 0 ? '[' : ',');
        gw_buf_append(&all, list.data + 1, list.len - 2);
    }
    if (gw_buf_len(&all) > 0 && gw_buf_putc(&all, ']'))
        gw_gm_citations_write(arena, w, gw_buf_slice(&all));
    gw_buf_free(&all);
}

static int write_choice(gw_arena *arena, gw_jw *w, const gw_choice *choice, size_t index,
                        aigw_error *err)
{
    int rc = AIGW_OK;
    gw_jw_object(w);
    gw_jw_key(w, "content");
    gw_jw_object(w);
    if (choice->block_count > 0) {
        gw_jw_key(w, "parts");
        gw_jw_array(w);
        for (size_t i = 0; i < choice->block_count && rc == AIGW_OK; i++)
            rc = write_block(arena, w, &choice->blocks[i], is_cut(choice->finish), err);
        gw_jw_array_end(w);
    }
    gw_jw_key(w, "role");
    gw_jw_str(w, "model");
    gw_jw_object_end(w);
    gw_gm_finish_write(w, choice->finish, choice->native_finish, choice->refusal);
    gw_jw_key(w, "index");
    gw_jw_int(w, (int64_t)index);
    write_citations(arena, w, choice);
    gw_gm_logprobs_write(arena, w, choice->logprobs);
    gw_jw_object_end(w);
    return rc;
}

int gw_gm_write_answer(gw_arena *arena, const gw_answer *answer, const gw_answer_options *options,
                       gw_buf *out, aigw_error *err)
{
    static const gw_choice nothing = {.finish = GW_FINISH_STOP};
    gw_jw w = gw_jw_on(out);
    int rc = AIGW_OK;
    gw_jw_object(&w);
    gw_jw_key(&w, "candidates");
    gw_jw_array(&w);
    for (size_t i = 0; i < answer->choice_count && rc == AIGW_OK; i++)
        rc = write_choice(arena, &w, &answer->choices[i], i, err);
    if (answer->choice_count == 0)
        rc = write_choice(arena, &w, &nothing, 0, err);
    gw_jw_array_end(&w);
    if (rc != AIGW_OK)
        return rc;
    gw_gm_usage_write(&w, &answer->usage, answer->service_tier);
    gw_gm_write_ids(&w, answer->id, answer->model, options->id_seed);
    int64_t created = answer->created > 0 ? answer->created : options->created;
    if (created > 0) {
        gw_jw_key(&w, "createTime");
        gw_gm_time_write(&w, created);
    }
    gw_jw_object_end(&w);
    return out->failed ? gw_fail(err, AIGW_E_LIMIT, "too_large", "the answer outgrew its buffer")
                       : AIGW_OK;
}

void gw_gm_write_ids(gw_jw *w, gw_jstr id, gw_jstr model, aigw_slice seed)
{
    gw_jw_key(w, "modelVersion");
    gw_jw_jstr(w, model);
    gw_jw_key(w, "responseId");
    if (id.inner.len > 0)
        gw_jw_jstr(w, id);
    else
        gw_jw_text(w, seed);
}
