/* The items of an OpenAI Responses stream as neutral blocks, keyed on output_index. */
/* Must not know frames, nor how the stream ends. */
#include "wire/openai_responses/stream_items.h"

#include "base/error.h"
#include "base/text.h"

enum { MAX_ITEMS = 16384 };

static int64_t number_at(const gw_or_event *ev, const char *name, int64_t otherwise)
{
    int64_t n = otherwise;
    gw_json_ref ref = gw_json_get(ev->doc, 0, name);
    if (ref == GW_JSON_ABSENT || !gw_json_i64(ev->doc, ref, &n))
        return otherwise;
    return n;
}

static gw_jstr text_at(const gw_or_event *ev, const char *name)
{
    return gw_jstr_of(ev->doc, gw_json_get(ev->doc, 0, name));
}

static gw_json_ref object_at(const gw_or_event *ev, const char *name)
{
    gw_json_ref ref = gw_json_get(ev->doc, 0, name);
    return gw_json_typeof(ev->doc, ref) == GW_JSON_OBJECT ? ref : GW_JSON_ABSENT;
}

/* The item of the event, a new one if its index is new. A host that sends no index means the last. */
static int item_of(const gw_or_event *ev, gw_or_item **out)
{
    gw_or_reader *r = ev->r;
    int64_t last = r->item_count > 0 ? r->items[r->item_count - 1].index : 0;
    int64_t index = number_at(ev, "output_index", last);
    for (size_t i = r->item_count; i > 0; i--) {
        if (r->items[i - 1].index == index) {
            *out = &r->items[i - 1];
            return AIGW_OK;
        }
    }
    if (r->item_count >= MAX_ITEMS)
        return gw_or_stream_broken(ev, "The provider sent too many items.");
    if (r->item_count == r->item_cap) {
        size_t cap = r->item_cap == 0 ? 8 : r->item_cap * 2;
        gw_or_item *items = gw_realloc(r->items, cap * sizeof(*items));
        if (items == NULL)
            return gw_fail_nomem(ev->err);
        r->items = items;
        r->item_cap = cap;
    }
    *out = &r->items[r->item_count++];
    **out = (gw_or_item){.index = index, .part = -1};
    return AIGW_OK;
}

static int close_block(const gw_or_event *ev, gw_or_item *item)
{
    if (!item->open)
        return AIGW_OK;
    item->open = false;
    gw_event stop = {
        .kind = GW_EV_BLOCK_STOP, .block = item->block, .block_kind = item->block_kind};
    return gw_emit(ev->sink, &stop);
}

int gw_or_stream_close_all(const gw_or_event *ev)
{
    int rc = AIGW_OK;
    for (size_t i = 0; i < ev->r->item_count && rc == AIGW_OK; i++) {
        gw_or_item *item = &ev->r->items[i];
        if (item->open && item->kind == GW_OR_CALL)
            item->closed = true;
        rc = close_block(ev, item);
    }
    return rc;
}

/* Only calls may be open beside a call. */
static int make_way(const gw_or_event *ev, gw_block_kind kind)
{
    int rc = gw_or_stream_start(ev);
    for (size_t i = 0; i < ev->r->item_count && rc == AIGW_OK; i++) {
        gw_or_item *item = &ev->r->items[i];
        bool beside = kind == GW_BLOCK_TOOL_CALL && item->kind == GW_OR_CALL;
        if (!item->open || beside)
            continue;
        item->closed = item->kind == GW_OR_CALL || item->closed;
        rc = close_block(ev, item);
    }
    return rc;
}

/* `open` holds what BLOCK_START says besides the place. */
static int open_block(const gw_or_event *ev, gw_or_item *item, gw_event *open)
{
    int rc = make_way(ev, open->block_kind);
    if (rc != AIGW_OK)
        return rc;
    item->open = true;
    item->block = ev->r->next_block++;
    item->block_kind = open->block_kind;
    open->kind = GW_EV_BLOCK_START;
    open->block = item->block;
    return gw_emit(ev->sink, open);
}

static int emit_delta(const gw_or_event *ev, gw_or_item *item, gw_event *delta)
{
    delta->kind = GW_EV_DELTA;
    delta->block = item->block;
    delta->block_kind = item->block_kind;
    item->any = item->any || delta->delta.inner.len > 0;
    item->part_said = item->part_said || delta->delta.inner.len > 0;
    return gw_emit(ev->sink, delta);
}

/* The block of one content part of a message; a later part closes the one before. */
static int open_part(const gw_or_event *ev, gw_or_item *item, gw_block_kind kind, int64_t part)
{
    if (item->open && item->part == part && item->block_kind == kind)
        return AIGW_OK;
    int rc = close_block(ev, item);
    if (rc != AIGW_OK)
        return rc;
    if (item->part != part)
        item->part_said = item->cited = false;
    item->kind = GW_OR_MESSAGE;
    item->part = part;
    gw_event open = {.block_kind = kind};
    return open_block(ev, item, &open);
}

static int say_part(gw_or_event *ev, gw_block_kind kind, const char *member, bool whole)
{
    gw_or_item *item = NULL;
    gw_jstr text = text_at(ev, member);
    int64_t part = number_at(ev, "content_index", 0);
    int rc = item_of(ev, &item);
    if (rc != AIGW_OK || item->closed || text.inner.len == 0)
        return rc;
    if (whole && (part < item->part || (item->part == part && item->part_said)))
        return AIGW_OK; /* it came in deltas */
    rc = open_part(ev, item, kind, part);
    if (rc != AIGW_OK)
        return rc;
    gw_event delta = {.delta = text};
    if (kind == GW_BLOCK_TEXT)
        rc = gw_or_logprobs_object(ev->r->arena, ev->doc, gw_json_get(ev->doc, 0, "logprobs"),
                                   &delta.logprobs);
    return rc == AIGW_OK ? emit_delta(ev, item, &delta) : gw_fail_nomem(ev->err);
}

int gw_or_on_text_delta(gw_or_event *ev)
{
    return say_part(ev, GW_BLOCK_TEXT, "delta", false);
}

int gw_or_on_text_done(gw_or_event *ev)
{
    return say_part(ev, GW_BLOCK_TEXT, "text", true);
}

int gw_or_on_refusal_delta(gw_or_event *ev)
{
    return say_part(ev, GW_BLOCK_REFUSAL, "delta", false);
}

int gw_or_on_refusal_done(gw_or_event *ev)
{
    return say_part(ev, GW_BLOCK_REFUSAL, "refusal", true);
}

int gw_or_on_annotation(gw_or_event *ev)
{
    gw_or_item *item = NULL;
    gw_json_ref annotation = object_at(ev, "annotation");
    int rc = item_of(ev, &item);
    if (rc != AIGW_OK || annotation == GW_JSON_ABSENT || item->closed)
        return rc;
    rc = open_part(ev, item, GW_BLOCK_TEXT, number_at(ev, "content_index", 0));
    if (rc != AIGW_OK)
        return rc;
    gw_event delta = {.raw = gw_raw_of(ev->doc, annotation)};
    item->cited = true;
    return emit_delta(ev, item, &delta);
}

/* What of a finished content part did not come in events of its own. */
static int finish_part(const gw_or_event *ev, gw_or_item *item, gw_json_ref part, int64_t index)
{
    const gw_json_doc *doc = ev->doc;
    bool refusal = gw_json_is(doc, gw_json_get(doc, part, "type"), "refusal");
    gw_event delta = {.delta =
                          gw_jstr_of(doc, gw_json_get(doc, part, refusal ? "refusal" : "text"))};
    gw_json_ref annotations = gw_json_get(doc, part, "annotations");
    bool said = item->part == index && item->part_said;
    bool cites = gw_json_typeof(doc, annotations) == GW_JSON_ARRAY &&
                 gw_json_count(doc, annotations) > 0 && !(item->part == index && item->cited);
    if (index < item->part || !gw_has(delta.delta))
        return AIGW_OK;
    if (said) {
        delta.delta = (gw_jstr){{NULL, 0}};
        if (!cites || !item->open)
            return close_block(ev, item);
    } else if (delta.delta.inner.len == 0 && !cites) {
        return close_block(ev, item);
    }
    int rc = open_part(ev, item, refusal ? GW_BLOCK_REFUSAL : GW_BLOCK_TEXT, index);
    if (cites)
        delta.raw = gw_raw_of(doc, annotations);
    if (rc == AIGW_OK && !said)
        rc = gw_or_logprobs_object(ev->r->arena, doc, gw_json_get(doc, part, "logprobs"),
                                   &delta.logprobs);
    if (rc == AIGW_OK)
        rc = emit_delta(ev, item, &delta);
    item->part_said = true;
    item->cited = item->cited || cites;
    return rc == AIGW_OK ? close_block(ev, item) : rc;
}

int gw_or_on_part_done(gw_or_event *ev)
{
    gw_or_item *item = NULL;
    gw_json_ref part = object_at(ev, "part");
    int rc = item_of(ev, &item);
    if (rc != AIGW_OK || part == GW_JSON_ABSENT || item->closed)
        return rc;
    if (item->kind != GW_OR_MESSAGE && item->kind != GW_OR_UNKNOWN)
        return AIGW_OK; /* reasoning says its text in events of its own */
    if (gw_json_is(ev->doc, gw_json_get(ev->doc, part, "type"), "reasoning_text"))
        return AIGW_OK;
    return finish_part(ev, item, part, number_at(ev, "content_index", 0));
}

static int open_call(const gw_or_event *ev, gw_or_item *item, gw_json_ref ref)
{
    const gw_json_doc *doc = ev->doc;
    gw_event open = {.block_kind = GW_BLOCK_TOOL_CALL, .custom = item->custom};
    open.call_id = gw_jstr_of(doc, gw_json_get(doc, ref, "call_id"));
    if (!gw_has(open.call_id))
        open.call_id = gw_jstr_of(doc, gw_json_get(doc, ref, "id"));
    open.tool_name = gw_jstr_of(doc, gw_json_get(doc, ref, "name"));
    item->part = 0;
    ev->r->calls++;
    return open_block(ev, item, &open);
}

/* Arguments that come whole count only where no deltas came. */
static int say_args(gw_or_event *ev, const char *member, bool whole)
{
    gw_or_item *item = NULL;
    gw_jstr text = text_at(ev, member);
    int rc = item_of(ev, &item);
    if (rc != AIGW_OK || text.inner.len == 0 || (whole && item->any) || item->kind == GW_OR_UNKNOWN)
        return rc; /* without its name it is no call yet: output_item.done has all of it */
    if (item->kind != GW_OR_CALL)
        return AIGW_OK;
    if (!item->open)
        return whole ? AIGW_OK
                     : gw_or_stream_broken(ev, "The provider went on with a call that was over.");
    gw_event delta = {.delta = text};
    return emit_delta(ev, item, &delta);
}

int gw_or_on_args_delta(gw_or_event *ev)
{
    return say_args(ev, "delta", false);
}

int gw_or_on_args_done(gw_or_event *ev)
{
    return say_args(ev, "arguments", true);
}

int gw_or_on_input_done(gw_or_event *ev)
{
    return say_args(ev, "input", true);
}

static int open_thinking(const gw_or_event *ev, gw_or_item *item)
{
    gw_event open = {.block_kind = GW_BLOCK_THINKING, .origin = AIGW_FORMAT_OPENAI_RESPONSES};
    item->kind = GW_OR_REASONING;
    return item->open ? AIGW_OK : open_block(ev, item, &open);
}

/* The summary and the text itself are two ways to say it: whichever comes first is taken. Its parts are
 * joined with a blank line, as in whole answers. */
static int say_thinking(gw_or_event *ev, const char *member, const char *index, bool whole)
{
    gw_or_item *item = NULL;
    gw_jstr text = text_at(ev, member);
    bool from_content = strcmp(index, "content_index") == 0;
    int64_t part = number_at(ev, index, 0);
    int rc = item_of(ev, &item);
    if (rc != AIGW_OK || item->closed || text.inner.len == 0)
        return rc;
    if (item->any && item->from_content != from_content)
        return AIGW_OK;
    if (whole && (part < item->part || (part == item->part && item->part_said)))
        return AIGW_OK;
    rc = open_thinking(ev, item);
    gw_event blank = {.delta = gw_jstr_lit("\\n\\n"), .origin = AIGW_FORMAT_OPENAI_RESPONSES};
    if (rc == AIGW_OK && item->any && part != item->part)
        rc = emit_delta(ev, item, &blank);
    item->from_content = from_content;
    item->part = part;
    gw_event delta = {.delta = text, .origin = AIGW_FORMAT_OPENAI_RESPONSES};
    return rc == AIGW_OK ? emit_delta(ev, item, &delta) : rc;
}

int gw_or_on_summary_delta(gw_or_event *ev)
{
    return say_thinking(ev, "delta", "summary_index", false);
}

int gw_or_on_summary_done(gw_or_event *ev)
{
    return say_thinking(ev, "text", "summary_index", true);
}

int gw_or_on_reasoning_delta(gw_or_event *ev)
{
    return say_thinking(ev, "delta", "content_index", false);
}

int gw_or_on_reasoning_done(gw_or_event *ev)
{
    return say_thinking(ev, "text", "content_index", true);
}

static void set_kind(const gw_or_event *ev, gw_or_item *item, gw_json_ref ref)
{
    gw_json_ref type = gw_json_get(ev->doc, ref, "type");
    item->custom = gw_json_is(ev->doc, type, "custom_tool_call");
    if (item->custom || gw_json_is(ev->doc, type, "function_call"))
        item->kind = GW_OR_CALL;
    else if (gw_json_is(ev->doc, type, "message"))
        item->kind = GW_OR_MESSAGE;
    else if (gw_json_is(ev->doc, type, "reasoning"))
        item->kind = GW_OR_REASONING;
    else
        item->kind = GW_OR_NATIVE;
}

int gw_or_on_item_added(gw_or_event *ev)
{
    gw_or_item *item = NULL;
    gw_json_ref ref = object_at(ev, "item");
    int rc = item_of(ev, &item);
    if (rc != AIGW_OK || ref == GW_JSON_ABSENT || item->kind != GW_OR_UNKNOWN)
        return rc;
    set_kind(ev, item, ref);
    return item->kind == GW_OR_CALL ? open_call(ev, item, ref) : gw_or_stream_start(ev);
}

static int finish_message(const gw_or_event *ev, gw_or_item *item, gw_json_ref ref)
{
    gw_json_ref content = gw_json_get(ev->doc, ref, "content");
    int64_t index = 0;
    int rc = AIGW_OK;
    if (gw_json_typeof(ev->doc, content) == GW_JSON_ARRAY) {
        gw_json_ref part = gw_json_first(ev->doc, content);
        for (; part != GW_JSON_ABSENT && rc == AIGW_OK; part = gw_json_next(ev->doc, part)) {
            if (gw_json_typeof(ev->doc, part) == GW_JSON_OBJECT)
                rc = finish_part(ev, item, part, index);
            index++;
        }
    }
    return rc == AIGW_OK ? close_block(ev, item) : rc;
}

static int finish_call(const gw_or_event *ev, gw_or_item *item, gw_json_ref ref)
{
    const char *member = item->custom ? "input" : "arguments";
    gw_event delta = {.delta = gw_jstr_of(ev->doc, gw_json_get(ev->doc, ref, member))};
    int rc = AIGW_OK;
    if (item->part < 0)
        rc = open_call(ev, item, ref);
    if (rc == AIGW_OK && item->open && !item->any && delta.delta.inner.len > 0)
        rc = emit_delta(ev, item, &delta);
    return rc == AIGW_OK ? close_block(ev, item) : rc;
}

static int finish_reasoning(const gw_or_event *ev, gw_or_item *item, gw_json_ref ref)
{
    const gw_json_doc *doc = ev->doc;
    gw_event delta = {.origin = AIGW_FORMAT_OPENAI_RESPONSES};
    gw_jstr encrypted = gw_jstr_of(doc, gw_json_get(doc, ref, "encrypted_content"));
    if (encrypted.inner.len > 0) {
        delta.signature = gw_or_pack_signature(
            ev->r->arena, gw_jstr_of(doc, gw_json_get(doc, ref, "id")), encrypted);
        if (!gw_has(delta.signature))
            return gw_fail_nomem(ev->err);
    }
    int rc = AIGW_OK;
    if (!item->any)
        rc = gw_or_reasoning_text(ev->r->arena, doc, ref, &delta.delta);
    if (rc != AIGW_OK)
        return gw_fail_nomem(ev->err);
    /* Once its block is closed by what came between, its signature would stand in a second one: as well. */
    if (gw_has(delta.signature) || delta.delta.inner.len > 0) {
        rc = open_thinking(ev, item);
        if (rc == AIGW_OK)
            rc = emit_delta(ev, item, &delta);
    }
    return rc == AIGW_OK ? close_block(ev, item) : rc;
}

int gw_or_on_item_done(gw_or_event *ev)
{
    gw_or_item *item = NULL;
    gw_json_ref ref = object_at(ev, "item");
    int rc = item_of(ev, &item);
    if (rc != AIGW_OK || ref == GW_JSON_ABSENT || item->closed)
        return rc;
    if (item->kind == GW_OR_UNKNOWN)
        set_kind(ev, item, ref);
    switch (item->kind) {
    case GW_OR_MESSAGE:
        rc = finish_message(ev, item, ref);
        break;
    case GW_OR_CALL:
        rc = finish_call(ev, item, ref);
        break;
    case GW_OR_REASONING:
        rc = finish_reasoning(ev, item, ref);
        break;
    default: {
        gw_event open = {.block_kind = GW_BLOCK_NATIVE,
                         .origin = AIGW_FORMAT_OPENAI_RESPONSES,
                         .raw = gw_raw_of(ev->doc, ref)};
        rc = open_block(ev, item, &open);
        if (rc == AIGW_OK)
            rc = close_block(ev, item);
    }
    }
    item->closed = true;
    return rc;
}
