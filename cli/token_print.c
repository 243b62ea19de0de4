/* A token in the forms that other programs read. Must not know where it came from. */
#include "token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHOWN_BYTES 4096

static const char *const formats[] = {"token", "header", "json", "env", "exec-credential"};

bool print_format_known(const char *format)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(format, formats[i]) == 0)
            return true;
    }
    return false;
}

int print_bytes(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            goto failed;
        data += n;
        len -= (size_t)n;
    }
    if (close(STDOUT_FILENO) == 0)
        return EXIT_SUCCESS;
failed:
    fprintf(stderr, "aigw-token: stdout could not be written: %s\n", strerror(errno));
    return EXIT_OUTPUT;
}

void print_safely(aigw_slice text)
{
    size_t len = text.len < SHOWN_BYTES ? text.len : SHOWN_BYTES;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool c1 = c == 0xc2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xa0;
        if (c1)
            i++; /* U+0080 to U+009F are controls, too */
        else if ((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t')
            fputc(c, stderr);
    }
    if (len > 0 && text.data[len - 1] != '\n')
        fputc('\n', stderr);
}

/* ---- the forms ---- */

/* Room for a token whose every byte needs four. */
typedef struct text {
    char *data;
    size_t len;
} text;

static void add(text *t, const char *more)
{
    size_t len = strlen(more);

    memcpy(t->data + t->len, more, len);
    t->len += len;
}

/* A token is text without control characters: only these two need escaping in JSON. */
static void add_json(text *t, const char *value)
{
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            t->data[t->len++] = '\\';
        t->data[t->len++] = *value;
    }
}

static void add_quoted(text *t, const char *value)
{
    add(t, "'");
    for (; *value; value++) {
        if (*value == '\'')
            add(t, "'\\''");
        else
            t->data[t->len++] = *value;
    }
    add(t, "'");
}

static void add_json_document(text *t, const held *h)
{
    char life[96];
    int64_t left = h->expires_unix_s - unix_now();

    add(t, "{\"access_token\":\"");
    add_json(t, h->value);
    add(t, "\",\"token_type\":\"Bearer\"");
    if (h->expires_unix_s > 0) {
        snprintf(life, sizeof life, ",\"expires_in\":%lld,\"expires_at\":%lld",
                 (long long)(left > 0 ? left : 0), (long long)h->expires_unix_s);
        add(t, life);
    }
    add(t, "}\n");
}

/* client-go credential plugins: client.authentication.k8s.io/v1. */
static void add_exec_credential(text *t, const held *h)
{
    char when[64];
    time_t expires = (time_t)h->expires_unix_s;
    struct tm utc;

    add(t, "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
           "\"status\":{");
    if (h->expires_unix_s > 0 && gmtime_r(&expires, &utc) &&
        strftime(when, sizeof when, "\"expirationTimestamp\":\"%Y-%m-%dT%H:%M:%SZ\",", &utc))
        add(t, when);
    add(t, "\"token\":\"");
    add_json(t, h->value);
    add(t, "\"}}\n");
}

int print_held(const held *h, const char *format)
{
    size_t max = 4 * strlen(h->value) + 512;
    text t = {malloc(max), 0};

    if (!t.data) {
        fputs("aigw-token: out of memory\n", stderr);
        return EXIT_OUTPUT;
    }
    if (strcmp(format, "header") == 0) {
        add(&t, "Authorization: Bearer ");
        add(&t, h->value);
        add(&t, "\n");
    } else if (strcmp(format, "json") == 0) {
        add_json_document(&t, h);
    } else if (strcmp(format, "env") == 0) {
        add(&t, "export GATEWAY_TOKEN=");
        add_quoted(&t, h->value);
        add(&t, "\n");
    } else if (strcmp(format, "exec-credential") == 0) {
        add_exec_credential(&t, h);
    } else {
        add(&t, h->value);
    }
    int status = print_bytes(t.data, t.len);
    wipe_free(t.data, max);
    return status;
}
