/* Writes the table of the config document as a JSON Schema (2020-12).
 * Must not know a key: what is not in the table is not in the schema. */
#include "gateway/config/schema.h"

#include "base/json_write.h"
#include "base/text.h"
#include <aigw/gateway.h>
#include <pthread.h>

#define VARIABLE "\\$\\{" /* a text with a variable stands for any scalar */

static void write_section(gw_jw *w, const gw_cfg_section *section, const char *doc);

static void pair_str(gw_jw *w, const char *name, const char *value)
{
    gw_jw_key(w, name);
    gw_jw_str(w, value);
}

static void pair_int(gw_jw *w, const char *name, int64_t value)
{
    gw_jw_key(w, name);
    gw_jw_int(w, value);
}

static void write_word(gw_jw *w, const char *word)
{
    int64_t number;
    if (gw_parse_i64(aigw_slice_of(word), &number))
        gw_jw_int(w, number);
    else
        gw_jw_str(w, word);
}

/* The value itself, or a text with a variable in it. */
static void write_scalar(gw_jw *w, const gw_cfg_key *key)
{
    gw_jw_key(w, "anyOf");
    gw_jw_array(w);
    gw_jw_object(w);
    if (key->kind == GW_CFG_WORD) {
        gw_jw_key(w, "enum");
        gw_jw_array(w);
        for (const char *const *word = key->words; *word; word++)
            write_word(w, *word);
        gw_jw_array_end(w);
    } else if (key->kind == GW_CFG_FLAG) {
        pair_str(w, "type", "boolean");
    } else {
        pair_str(w, "type", "integer");
        pair_int(w, "minimum", key->min);
        pair_int(w, "maximum", key->max);
    }
    gw_jw_object_end(w);
    gw_jw_object(w);
    pair_str(w, "type", "string");
    pair_str(w, "pattern", VARIABLE);
    gw_jw_object_end(w);
    gw_jw_array_end(w);
    if (key->computed || key->required)
        return;
    gw_jw_key(w, "default");
    if (key->kind == GW_CFG_WORD)
        write_word(w, key->words[key->preset]);
    else if (key->kind == GW_CFG_FLAG)
        gw_jw_bool(w, key->preset != 0);
    else
        gw_jw_int(w, key->preset);
}

static void write_text(gw_jw *w, const gw_cfg_key *key)
{
    pair_str(w, "type", "string");
    pair_int(w, "minLength", 1);
    pair_int(w, "maxLength", key->max);
    if (key->secret) {
        gw_jw_key(w, "writeOnly");
        gw_jw_bool(w, true);
    }
    if (key->preset_text)
        pair_str(w, "default", key->preset_text);
}

static void write_list(gw_jw *w, const gw_cfg_key *key)
{
    /* "key:" with nothing behind it is an empty list, unless the list must not be empty. */
    gw_jw_key(w, "type");
    if (key->min == 0)
        gw_jw_array(w);
    gw_jw_str(w, "array");
    if (key->min == 0) {
        gw_jw_str(w, "null");
        gw_jw_array_end(w);
    }
    pair_int(w, "minItems", key->min);
    pair_int(w, "maxItems", key->max);
    gw_jw_key(w, "items");
    if (key->kind == GW_CFG_SECTIONS) {
        write_section(w, key->section, NULL);
        return;
    }
    gw_jw_object(w);
    pair_str(w, "type", "string");
    pair_int(w, "minLength", 1);
    gw_jw_object_end(w);
    if (key->preset_text) {
        gw_jw_key(w, "default");
        gw_jw_array(w);
        gw_jw_str(w, key->preset_text);
        gw_jw_array_end(w);
    }
}

static void write_pairs(gw_jw *w, const gw_cfg_key *key)
{
    gw_jw_key(w, "type");
    gw_jw_array(w);
    gw_jw_str(w, "object");
    gw_jw_str(w, "null");
    gw_jw_array_end(w);
    pair_int(w, "maxProperties", key->max);
    gw_jw_key(w, "additionalProperties");
    gw_jw_object(w);
    if (key->numbers) {
        gw_jw_key(w, "type");
        gw_jw_array(w);
        gw_jw_str(w, "string");
        gw_jw_str(w, "number");
        gw_jw_array_end(w);
    } else {
        pair_str(w, "type", "string");
    }
    pair_int(w, "minLength", 1);
    gw_jw_object_end(w);
}

static void write_key(gw_jw *w, const gw_cfg_key *key)
{
    gw_jw_key(w, key->name);
    if (key->kind == GW_CFG_SECTION) {
        write_section(w, key->section, key->doc);
        return;
    }
    gw_jw_object(w);
    pair_str(w, "description", key->doc);
    switch (key->kind) {
    case GW_CFG_TEXT:
        write_text(w, key);
        break;
    case GW_CFG_TEXTS:
    case GW_CFG_SECTIONS:
        write_list(w, key);
        break;
    case GW_CFG_PAIRS:
        write_pairs(w, key);
        break;
    default:
        write_scalar(w, key);
        break;
    }
    gw_jw_object_end(w);
}

/* The members of an object schema; an element of a list must not be null. */
static void write_members(gw_jw *w, const gw_cfg_section *section, bool nullable)
{
    gw_jw_key(w, "type");
    if (nullable) {
        gw_jw_array(w);
        gw_jw_str(w, "object");
        gw_jw_str(w, "null");
        gw_jw_array_end(w);
    } else {
        gw_jw_str(w, "object");
    }
    gw_jw_key(w, "additionalProperties");
    gw_jw_bool(w, false);
    gw_jw_key(w, "required");
    gw_jw_array(w);
    for (const gw_cfg_key *key = section->keys; key->name; key++) {
        if (key->required)
            gw_jw_str(w, key->name);
    }
    gw_jw_array_end(w);
    gw_jw_key(w, "properties");
    gw_jw_object(w);
    for (const gw_cfg_key *key = section->keys; key->name; key++)
        write_key(w, key);
    gw_jw_object_end(w);
}

static void write_section(gw_jw *w, const gw_cfg_section *section, const char *doc)
{
    gw_jw_object(w);
    if (doc)
        pair_str(w, "description", doc);
    write_members(w, section, doc != NULL);
    gw_jw_object_end(w);
}

void gw_cfg_schema_json(gw_buf *out)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    pair_str(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    pair_str(&w, "title", "The configuration of the AI gateway");
    write_members(&w, &gw_cfg_schema, true);
    gw_jw_object_end(&w);
}

/* A constant that is computed: written once under the lock, never changed or freed. */
static char schema_text[64 * 1024];
static size_t schema_len;
static pthread_mutex_t schema_lock = PTHREAD_MUTEX_INITIALIZER;

aigw_slice aigw_config_schema(void)
{
    pthread_mutex_lock(&schema_lock);
    if (schema_len == 0) {
        gw_buf buf;
        gw_buf_init(&buf, sizeof schema_text);
        gw_cfg_schema_json(&buf);
        aigw_slice text = gw_buf_slice(&buf);
        if (!buf.failed) {
            memcpy(schema_text, text.data, text.len);
            schema_len = text.len;
        }
        gw_buf_free(&buf);
    }
    size_t len = schema_len;
    pthread_mutex_unlock(&schema_lock);
    return gw_slice(schema_text, len);
}
