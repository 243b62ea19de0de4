/* <aigw/issuer_store.h>: checks what is asked, makes secrets and ids, tells what there is.
 * Must not know SQL or HTTP. */
#include "base/error.h"
#include "base/json_write.h"
#include "base/text.h"
#include "gateway/issuer/issuer.h"
#include <aigw/issuer_store.h>

#define MAX_ARENA_BYTES    ((size_t)64 * 1024 * 1024)
#define MAX_JSON_BYTES     ((size_t)64 * 1024 * 1024)
#define MAX_SCOPES         32
#define MAX_SCOPE_BYTES    256
#define MAX_TEXT_BYTES     256
#define DEFAULT_LIFETIME_S 3600
#define MADE_ID_BYTES      26
#define SECRET_BYTES       32

/* ---- What is asked ---- */

static int refuse(aigw_error *err, const char *reason, const char *pointer, const char *message)
{
    int code = gw_fail(err, AIGW_E_INVALID, reason, "%s", message);
    if (err) {
        err->http_status = 400;
        memcpy(err->pointer, pointer, strlen(pointer) + 1);
    }
    return code;
}

bool gw_is_scope(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c < 0x21 || c > 0x7e || c == '"' || c == '\\')
            return false;
    }
    return text.len > 0;
}

/* RFC 3986 clause 2.3: what needs no escape in a path. */
static bool is_id(aigw_slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '.' || c == '_' || c == '~'))
            return false;
    }
    return id.len < AIGW_CLIENT_ID_SIZE && !gw_eq(id, GW_S(".")) && !gw_eq(id, GW_S(".."));
}

static bool is_label(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    }
    return text.len <= MAX_TEXT_BYTES && gw_utf8_valid(text);
}

/* The full name of a scope; data NULL for one that our resource server does not have. */
static aigw_slice full_scope(aigw_slice scope)
{
    if (gw_eq(scope, GW_S("invoke")))
        return GW_S(AIGW_SCOPE_INVOKE);
    if (gw_eq(scope, GW_S("admin")))
        return GW_S(AIGW_SCOPE_ADMIN);
    bool ours =
        gw_starts(scope, GW_S(AIGW_RESOURCE_SERVER "/")) || !memchr(scope.data, '/', scope.len);
    if (ours && !gw_eq(scope, GW_S(AIGW_SCOPE_INVOKE)) && !gw_eq(scope, GW_S(AIGW_SCOPE_ADMIN)))
        return (aigw_slice){NULL, 0};
    return scope;
}

static int write_scopes(const aigw_client_spec *spec, gw_buf *out, aigw_error *err)
{
    if (spec->scope_count > MAX_SCOPES)
        return refuse(err, "too_many_scopes", "/scopes", "a client has at most 32 scopes");
    for (size_t i = 0; i < spec->scope_count; i++) {
        aigw_slice scope = spec->scopes[i];
        bool sound = gw_is_scope(scope) && scope.len <= MAX_SCOPE_BYTES;
        scope = sound ? full_scope(scope) : (aigw_slice){NULL, 0};
        if (!scope.data)
            return refuse(err, "bad_scope", "/scopes",
                          "a scope is invoke, admin or the full name of another server's scope");
        if (gw_buf_len(out))
            gw_buf_putc(out, ' ');
        gw_buf_add(out, scope);
    }
    if (!spec->scope_count)
        gw_buf_puts(out, AIGW_SCOPE_INVOKE);
    return out->failed ? gw_fail_nomem(err) : AIGW_OK;
}

static int check_spec(const aigw_client_spec *spec, aigw_error *err)
{
    if (!is_id(spec->id))
        return refuse(err, "bad_client_id", "/id",
                      "a client id has at most 128 letters, digits and -._~");
    if (!is_label(spec->team))
        return refuse(err, "bad_team", "/team", "a team is text of at most 256 bytes");
    if (!is_label(spec->tenant_tier))
        return refuse(err, "bad_tenant_tier", "/tenant_tier",
                      "a tenant tier is text of at most 256 bytes");
    if (spec->token_lifetime_s && (spec->token_lifetime_s < AIGW_CLIENT_MIN_LIFETIME_S ||
                                   spec->token_lifetime_s > AIGW_CLIENT_MAX_LIFETIME_S))
        return refuse(err, "bad_token_lifetime", "/token_lifetime_s",
                      "a token lives 300 to 86400 seconds");
    return AIGW_OK;
}

/* ---- What is made ---- */

static bool make_secret(char text[AIGW_CLIENT_SECRET_SIZE], uint8_t hash[GW_SHA256_BYTES])
{
    uint8_t bytes[SECRET_BYTES];
    gw_buf buf;
    gw_buf_init(&buf, AIGW_CLIENT_SECRET_SIZE);
    bool made = gw_random(bytes, sizeof bytes) && gw_base64url_encode(&buf, bytes, sizeof bytes) &&
                gw_buf_len(&buf) == AIGW_CLIENT_SECRET_SIZE - 1;
    gw_wipe(bytes, sizeof bytes);
    if (made) {
        memcpy(text, gw_buf_slice(&buf).data, AIGW_CLIENT_SECRET_SIZE - 1);
        text[AIGW_CLIENT_SECRET_SIZE - 1] = '\0';
        gw_sha256(gw_buf_slice(&buf), hash);
    }
    if (buf.data)
        gw_wipe(buf.data, buf.cap);
    gw_buf_free(&buf);
    return made;
}

static int fail_random(aigw_error *err)
{
    return gw_fail(err, AIGW_E_IO, "random", "the random generator failed");
}

int aigw_issuer_store_add(aigw_issuer_store *store, const aigw_client_spec *spec,
                          char id[AIGW_CLIENT_ID_SIZE], char secret[AIGW_CLIENT_SECRET_SIZE],
                          aigw_error *err)
{
    if (!store || !spec || !id || !secret || spec->size < sizeof *spec)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "a store, a spec of full size");
    int code = check_spec(spec, err);
    if (code != AIGW_OK)
        return code;
    char made_id[MADE_ID_BYTES], text[AIGW_CLIENT_SECRET_SIZE];
    gw_buf scopes;
    gw_buf_init(&scopes, MAX_SCOPES * (MAX_SCOPE_BYTES + 1));
    gw_store_client row = {.id = spec->id.len ? spec->id : gw_slice(made_id, sizeof made_id),
                           .team = spec->team,
                           .tenant_tier = spec->tenant_tier,
                           .token_lifetime_s =
                               spec->token_lifetime_s ? spec->token_lifetime_s : DEFAULT_LIFETIME_S,
                           .created_unix_s = gw_unix_s(&store->clock)};
    code = write_scopes(spec, &scopes, err);
    row.scopes = gw_buf_slice(&scopes);
    if (code == AIGW_OK &&
        (!gw_random_hex(made_id, sizeof made_id) || !make_secret(text, row.secrets[0].hash)))
        code = fail_random(err);
    if (code == AIGW_OK)
        code = gw_store_add(store->db, &row, err);
    if (code == AIGW_OK) {
        memcpy(id, row.id.data, row.id.len);
        id[row.id.len] = '\0';
        memcpy(secret, text, sizeof text);
    }
    gw_wipe(text, sizeof text);
    gw_buf_free(&scopes);
    return code;
}

int aigw_issuer_store_rotate(aigw_issuer_store *store, aigw_slice id, int64_t grace_s,
                             char secret[AIGW_CLIENT_SECRET_SIZE], aigw_error *err)
{
    if (!store || !secret)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "a store, a place for the secret");
    if (grace_s < 0 || grace_s > AIGW_CLIENT_MAX_GRACE_S)
        return refuse(err, "bad_grace", "/grace_s", "the grace is 0 to 2592000 seconds");
    char text[AIGW_CLIENT_SECRET_SIZE];
    uint8_t hash[GW_SHA256_BYTES];
    if (!make_secret(text, hash))
        return fail_random(err);
    int code = gw_store_rotate(store->db, id, hash, gw_unix_s(&store->clock), grace_s, err);
    if (code == AIGW_OK)
        memcpy(secret, text, sizeof text);
    gw_wipe(text, sizeof text);
    return code;
}

int aigw_issuer_store_set_disabled(aigw_issuer_store *store, aigw_slice id, bool disabled,
                                   aigw_error *err)
{
    if (!store)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "no store");
    return gw_store_disable(store->db, id, disabled, gw_unix_s(&store->clock), err);
}

int aigw_issuer_store_remove(aigw_issuer_store *store, aigw_slice id, aigw_error *err)
{
    if (!store)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "no store");
    return gw_store_remove(store->db, id, err);
}

int aigw_issuer_store_rotate_keys(aigw_issuer_store *store, aigw_error *err)
{
    if (!store)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "no store");
    int64_t now = gw_unix_s(&store->clock);
    int code = gw_issuer_keys_first(store->db, GW_S(""), now, err);
    return code == AIGW_OK ? gw_issuer_keys_rotate(store->db, GW_S(""), now, err) : code;
}

/* ---- What there is ---- */

static aigw_client_info info_of(const gw_store_client *row, int64_t now_unix_s)
{
    aigw_client_info info = {.size = sizeof info,
                             .id = row->id,
                             .team = row->team,
                             .tenant_tier = row->tenant_tier,
                             .scopes = row->scopes,
                             .token_lifetime_s = row->token_lifetime_s,
                             .created_unix_s = row->created_unix_s,
                             .updated_unix_s = row->updated_unix_s,
                             .disabled = row->disabled};
    for (size_t i = 0; i < row->secret_count; i++) {
        const gw_store_secret *secret = &row->secrets[i];
        if (secret->expires_unix_s >= 0 && secret->expires_unix_s <= now_unix_s)
            continue;
        info.secret_created_unix_s[info.secret_count] = secret->created_unix_s;
        info.secret_expires_unix_s[info.secret_count++] = secret->expires_unix_s;
    }
    return info;
}

int aigw_issuer_store_each(aigw_issuer_store *store, aigw_client_fn *fn, void *user,
                           aigw_error *err)
{
    gw_store_client *rows;
    size_t count;
    if (!store || !fn)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "a store and a function");
    gw_arena *arena = gw_arena_new(MAX_ARENA_BYTES);
    if (!arena)
        return gw_fail_nomem(err);
    int code = gw_store_list(store->db, arena, &rows, &count, err);
    int64_t now = gw_unix_s(&store->clock);
    for (size_t i = 0; code == AIGW_OK && i < count; i++) {
        aigw_client_info info = info_of(&rows[i], now);
        fn(&info, user);
    }
    gw_arena_free(arena);
    return code;
}

static void text_member(gw_jw *w, const char *name, aigw_slice text)
{
    gw_jw_key(w, name);
    gw_jw_text(w, text);
}

static void number_member(gw_jw *w, const char *name, int64_t number)
{
    gw_jw_key(w, name);
    if (number < 0)
        gw_jw_null(w);
    else
        gw_jw_int(w, number);
}

static void write_client(gw_jw *w, const aigw_client_info *info, const char *source)
{
    gw_jw_object(w);
    text_member(w, "id", info->id);
    text_member(w, "team", info->team);
    text_member(w, "tenant_tier", info->tenant_tier);
    gw_jw_key(w, "scopes");
    gw_jw_array(w);
    aigw_slice rest = info->scopes;
    while (rest.len)
        gw_jw_text(w, gw_cut(&rest, ' '));
    gw_jw_array_end(w);
    number_member(w, "token_lifetime_s", info->token_lifetime_s);
    gw_jw_key(w, "disabled");
    gw_jw_bool(w, info->disabled);
    text_member(w, "source", aigw_slice_of(source));
    number_member(w, "created_at", info->created_unix_s);
    number_member(w, "updated_at", info->updated_unix_s);
    gw_jw_key(w, "secrets");
    gw_jw_array(w);
    for (size_t i = 0; i < info->secret_count; i++) {
        gw_jw_object(w);
        number_member(w, "created_at", info->secret_created_unix_s[i]);
        number_member(w, "expires_at", info->secret_expires_unix_s[i]);
        gw_jw_object_end(w);
    }
    gw_jw_array_end(w);
    gw_jw_object_end(w);
}

void gw_issuer_describe(const gw_issuer_client *client, gw_buf *out)
{
    gw_buf scopes;
    gw_jw w = gw_jw_on(out);
    gw_buf_init(&scopes, MAX_JSON_BYTES);
    for (size_t i = 0; i < client->scope_count; i++) {
        if (i)
            gw_buf_putc(&scopes, ' ');
        gw_buf_add(&scopes, client->scopes[i]);
    }
    out->failed = out->failed || scopes.failed;
    aigw_client_info info = {.id = client->id,
                             .team = client->team,
                             .tenant_tier = client->tenant_tier,
                             .scopes = gw_buf_slice(&scopes),
                             .token_lifetime_s = client->token_lifetime_s,
                             .created_unix_s = -1,
                             .updated_unix_s = -1,
                             .secret_count = 1,
                             .secret_created_unix_s = {-1},
                             .secret_expires_unix_s = {-1}};
    write_client(&w, &info, "config");
    gw_buf_free(&scopes);
}

static int describe_one(aigw_issuer_store *store, aigw_slice id, gw_arena *arena, gw_jw *w,
                        aigw_error *err)
{
    gw_store_client row;
    int code = gw_store_get(store->db, id, arena, &row, err);
    if (code == AIGW_OK) {
        aigw_client_info info = info_of(&row, gw_unix_s(&store->clock));
        write_client(w, &info, "database");
    }
    return code;
}

static int describe_all(aigw_issuer_store *store, gw_arena *arena, gw_jw *w, aigw_error *err)
{
    gw_store_client *rows;
    size_t count;
    int code = gw_store_list(store->db, arena, &rows, &count, err);
    if (code != AIGW_OK)
        return code;
    int64_t now = gw_unix_s(&store->clock);
    gw_jw_object(w);
    gw_jw_key(w, "clients");
    gw_jw_array(w);
    for (size_t i = 0; i < count; i++) {
        aigw_client_info info = info_of(&rows[i], now);
        write_client(w, &info, "database");
    }
    gw_jw_array_end(w);
    gw_jw_object_end(w);
    return AIGW_OK;
}

int aigw_issuer_store_describe(aigw_issuer_store *store, aigw_slice id, aigw_slice *json,
                               aigw_error *err)
{
    if (!store || !json)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "a store, a place for the text");
    gw_arena *arena = gw_arena_new(MAX_ARENA_BYTES);
    if (!arena)
        return gw_fail_nomem(err);
    gw_buf out;
    gw_buf_init(&out, MAX_JSON_BYTES);
    gw_jw w = gw_jw_on(&out);
    int code =
        id.len ? describe_one(store, id, arena, &w, err) : describe_all(store, arena, &w, err);
    if (code == AIGW_OK && out.failed)
        code = gw_fail_nomem(err);
    if (code == AIGW_OK)
        *json = gw_buf_steal(&out);
    gw_buf_free(&out);
    gw_arena_free(arena);
    return code;
}

/* ---- Opening ---- */

int aigw_issuer_store_open(aigw_slice path, bool create, const aigw_host *host,
                           aigw_issuer_store **out, aigw_error *err)
{
    if (!out)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "no place for the store");
    aigw_issuer_store *store = gw_calloc(1, sizeof *store);
    if (!store)
        return gw_fail_nomem(err);
    store->refs = 1;
    store->clock = gw_clock_of(host);
    int code = gw_store_open(path, create, &store->db, err);
    if (code == AIGW_OK)
        *out = store;
    else
        gw_free(store);
    return code;
}

aigw_issuer_store *gw_issuer_store_ref(aigw_issuer_store *store)
{
    __atomic_add_fetch(&store->refs, 1, __ATOMIC_RELAXED);
    return store;
}

void aigw_issuer_store_free(aigw_issuer_store *store)
{
    if (!store || __atomic_sub_fetch(&store->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    gw_store_free(store->db);
    gw_free(store);
}
