/*
 * Writing one neutral part as a Converse content block. Knows nothing of turns.
 */
#include "chat/wrap.h"
#include "wire/bedrock/bedrock.h"

void gw_bedrock_write_tool_name(gw_bedrock_out *o, gw_jstr name)
{
    gw_jw_key(&o->w, "name");
    if (o->same) {
        gw_jw_jstr(&o->w, name);
    } else {
        gw_jw_tool_name(&o->w, name, GW_TOOL_NAME_SHORT);
    }
}

int gw_bedrock_write_cache(gw_bedrock_out *o, gw_cache_mark mark, gw_json_ref at, bool takes)
{
    enum { MOST_MARKS = 4 };
    if (mark == GW_CACHE_NONE) {
        return AIGW_OK;
    }
    o->marks_seen++;
    if (!o->same && !takes) {
        return gw_bedrock_note(o, at, "the model takes no cache point here");
    }
    if (!o->same && o->marks_total > MOST_MARKS && o->marks_seen <= o->marks_total - MOST_MARKS) {
        /* The API takes four; the last ones hold the longest prefixes. */
        return gw_bedrock_note(o, at, "only the last four cache marks are sent");
    }
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "cachePoint");
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "type");
    gw_jw_str(&o->w, "default");
    if (mark == GW_CACHE_1H && (o->same || o->model.cache_1h)) {
        gw_jw_key(&o->w, "ttl");
        gw_jw_str(&o->w, "1h");
    } else if (mark == GW_CACHE_5M && o->same) {
        gw_jw_key(&o->w, "ttl");
        gw_jw_str(&o->w, "5m");
    }
    gw_jw_object_end(&o->w);
    gw_jw_object_end(&o->w);
    return AIGW_OK;
}

bool gw_bedrock_own_signature(const gw_bedrock_out *o, const gw_part *part)
{
    aigw_format origin = part->origin != 0 ? part->origin : o->r->format;
    bool claudes = origin == GW_BEDROCK_ORIGIN || origin == AIGW_FORMAT_BEDROCK;
    return claudes && (o->same || o->model.claude || !o->model.known);
}

/* [a-zA-Z0-9_-]{1,64}, the same for a call and its result; the second call of an id gets _2 behind it. */
static int write_id(gw_bedrock_out *o, gw_jstr id, size_t number)
{
    enum { DIGITS = 24 };
    gw_jw_key(&o->w, "toolUseId");
    if (number <= 1) {
        gw_jw_tool_name(&o->w, id, GW_TOOL_NAME_SHORT);
        return AIGW_OK;
    }
    char *made = gw_arena_alloc(o->arena, id.inner.len + DIGITS), digits[DIGITS];
    if (made == NULL) {
        return gw_fail_nomem(o->err);
    }
    size_t at = DIGITS;
    for (; number > 0; number /= 10) {
        digits[--at] = (char)('0' + number % 10);
    }
    digits[--at] = '_';
    if (id.inner.len > 0) {
        memcpy(made, id.inner.data, id.inner.len);
    }
    memcpy(made + id.inner.len, digits + at, DIGITS - at);
    gw_jw_tool_name(&o->w, (gw_jstr){{made, id.inner.len + DIGITS - at}}, GW_TOOL_NAME_SHORT);
    return AIGW_OK;
}

static int write_call_id(gw_bedrock_out *o, gw_jstr id)
{
    gw_bedrock_id *known = gw_bedrock_id_of(o->arena, &o->ids, id.inner);
    if (known == NULL) {
        return gw_fail_nomem(o->err);
    }
    if (known->turn != o->turn) {
        known->answered = known->calls; /* what an earlier turn asked is not answered any more */
    }
    known->turn = o->turn;
    return write_id(o, id, ++known->calls);
}

static int write_result_id(gw_bedrock_out *o, gw_jstr id)
{
    gw_bedrock_id *known = gw_bedrock_id_of(o->arena, &o->ids, id.inner);
    if (known == NULL) {
        return gw_fail_nomem(o->err);
    }
    known->answered += known->answered < known->calls;
    return write_id(o, id, known->answered);
}

static int write_tool_use(gw_bedrock_out *o, const gw_part *part)
{
    aigw_slice args;
    int rc = gw_part_args_object(o->arena, o->r->doc, part, &args, o->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_jw_key(&o->w, "toolUse");
    gw_jw_object(&o->w);
    rc = write_call_id(o, part->id);
    gw_bedrock_write_tool_name(o, part->tool_name);
    gw_jw_key(&o->w, "input");
    gw_jw_raw(&o->w, args);
    gw_jw_object_end(&o->w);
    return rc;
}

static int write_result_parts(gw_bedrock_out *o, const gw_part *result)
{
    for (size_t i = 0; i < result->part_count; i++) {
        const gw_part *part = &result->parts[i];
        int rc = AIGW_OK;
        if (part->kind == GW_PART_TEXT && gw_jstr_blank(part->text)) {
            continue;
        }
        if (part->kind == GW_PART_NATIVE && !o->same) {
            rc = gw_bedrock_note(o, part->at, "not known to this provider");
        } else {
            rc = gw_bedrock_write_part(o, part);
        }
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    return AIGW_OK;
}

static int write_tool_result(gw_bedrock_out *o, const gw_part *part)
{
    gw_jw_key(&o->w, "toolResult");
    gw_jw_object(&o->w);
    int rc = write_result_id(o, part->id);
    gw_jw_key(&o->w, "content");
    gw_jw_array(&o->w);
    if (part->is_error && !o->model.status) {
        gw_jw_raw(&o->w, GW_S("{\"text\":\"The tool failed.\"}"));
        rc = rc != AIGW_OK ? rc : gw_bedrock_note(o, part->at, "a failure is told in words");
    }
    if (rc == AIGW_OK) {
        rc = write_result_parts(o, part);
    }
    gw_jw_array_end(&o->w);
    if (part->is_error && o->model.status) {
        gw_jw_key(&o->w, "status");
        gw_jw_str(&o->w, "error");
    }
    gw_jw_object_end(&o->w);
    return rc;
}

static void write_reasoning(gw_bedrock_out *o, const gw_part *part)
{
    gw_jw_key(&o->w, "reasoningContent");
    gw_jw_object(&o->w);
    if (part->kind == GW_PART_REDACTED_THINKING) {
        gw_jw_key(&o->w, "redactedContent");
        gw_jw_jstr(&o->w, part->data);
    } else {
        gw_jw_key(&o->w, "reasoningText");
        gw_jw_object(&o->w);
        gw_jw_key(&o->w, "text");
        gw_jw_jstr(&o->w, part->text);
        if (part->signature.inner.len > 0) {
            gw_jw_key(&o->w, "signature");
            gw_jw_jstr(&o->w, part->signature);
        }
        gw_jw_object_end(&o->w);
    }
    gw_jw_object_end(&o->w);
}

static int write_members(gw_bedrock_out *o, const gw_part *part)
{
    switch (part->kind) {
    case GW_PART_TEXT:
    case GW_PART_REFUSAL:
        gw_jw_key(&o->w, "text");
        gw_jw_jstr(&o->w, part->text);
        return gw_has_raw(part->citations)
                   ? gw_bedrock_note(o, part->at, "citations of another provider are not sent on")
                   : AIGW_OK;
    case GW_PART_IMAGE:
    case GW_PART_DOCUMENT:
    case GW_PART_AUDIO:
        return gw_bedrock_write_media(o, part);
    case GW_PART_TOOL_CALL:
        return write_tool_use(o, part);
    case GW_PART_TOOL_RESULT:
        return write_tool_result(o, part);
    case GW_PART_THINKING:
    case GW_PART_REDACTED_THINKING:
        write_reasoning(o, part);
        return AIGW_OK;
    default:
        return gw_json_fail(o->err, o->r->doc, part->at, AIGW_E_UNSUPPORTED, "unsupported_part",
                            "this provider does not know such a part");
    }
}

int gw_bedrock_write_part(gw_bedrock_out *o, const gw_part *part)
{
    if (o->same && part->raw.json.len > 0 && part->raw.json.data[0] == '{') {
        gw_jw_raw(&o->w, part->raw.json);
        return AIGW_OK;
    }
    if (o->same && part->kind == GW_PART_NATIVE) {
        return AIGW_OK; /* a cache point at the beginning: written as what it marks */
    }
    if (part->kind != GW_PART_THINKING && gw_has(part->signature)) {
        int rc = gw_bedrock_note(o, part->at, "the signature belongs to another provider");
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    gw_jw_object(&o->w);
    int rc = write_members(o, part);
    gw_jw_object_end(&o->w);
    return rc;
}
