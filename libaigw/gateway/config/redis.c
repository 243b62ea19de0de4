/* Resolves the section redis: where limits are counted for several processes.
 * Must not connect, and must not know what is counted. */
#include "rim/redis.h"
#include "base/error.h"
#include "base/text.h"
#include "gateway/config/build.h"

#define SECRET_BYTES ((size_t)16 * 1024)

static int fail(gw_cfg_build *b, const char *key, const char *reason, const char *what)
{
    return gw_cfg_fail_key(b->err, b->raw->redis.node, key, reason, "%s", what);
}

static int read_password(gw_cfg_build *b, const gw_cfg_redis *raw, gw_secret *out)
{
    int code = AIGW_OK;
    if (raw->password.len && raw->password_file.len)
        return fail(b, "password_file", "conflict",
                    "expected only one of password and password_file");
    if (raw->password.len && !gw_secret_set(out, raw->password))
        return gw_fail_nomem(b->err);
    if (raw->password_file.len)
        code =
            gw_cfg_read_file(b, raw->node, "password_file", raw->password_file, SECRET_BYTES, out);
    while (code == AIGW_OK && raw->password_file.len && out->len > 0 &&
           strchr("\r\n", out->data[out->len - 1]))
        out->data[--out->len] = '\0';
    if (code == AIGW_OK && out->data && (out->len == 0 || strlen(out->data) != out->len))
        code = fail(b, raw->password.len ? "password" : "password_file", "bad_value",
                    "it is empty, or has a NUL character");
    return code;
}

int gw_cfg_build_redis(gw_cfg_build *b)
{
    const gw_cfg_redis *raw = &b->raw->redis;
    gw_redis_config *out = &b->config->redis;
    if (!raw->node)
        return AIGW_OK;
    if (!gw_redis_address_good(raw->address))
        return fail(b, "address", "bad_address",
                    "expected HOST:PORT, [ADDRESS]:PORT or unix:/PATH");
    if (raw->username.len && !raw->password.len && !raw->password_file.len)
        return fail(b, "username", "incomplete", "expected password or password_file, too");
    out->database = (int)raw->database;
    out->deadline_ms = (int)raw->deadline_ms;
    out->connect_timeout_ms = (int)raw->connect_timeout_ms;
    int code = gw_cfg_keep(b, raw->address, &out->address);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, raw->username, &out->username);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, raw->prefix, &out->prefix);
    return code == AIGW_OK ? read_password(b, raw, &out->password) : code;
}
