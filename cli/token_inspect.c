/* aigw-token inspect: what a token says, for its owner. Verifies nothing and never shows a signature. */
#include "token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TOKEN_BYTES ((size_t)128 * 1024)
#define DRAIN_BYTES ((size_t)64 * 1024 * 1024)

static const char notes[] =
    "The token comes from standard input; when that is a terminal or empty, it is the one\n"
    "that aigw-token would print. Nothing is verified.\n"
    "exit status: 0; 4: the token is no JWT; else as of aigw-token.\n";

char *read_stdin(size_t max, size_t *len)
{
    char *data = malloc(max + 2), spare[4096];
    size_t have = 0, total = 0;

    while (data && total < DRAIN_BYTES) { /* the rest is read, too: its writer should not break */
        bool room = have < max + 2;
        ssize_t n =
            read(STDIN_FILENO, room ? data + have : spare, room ? max + 2 - have : sizeof spare);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            wipe_free(data, max + 2);
            return NULL;
        }
        if (n == 0)
            break;
        have += room ? (size_t)n : 0;
        total += (size_t)n;
    }
    explicit_bzero(spare, sizeof spare);
    if (data && total == have && have > 0 && data[have - 1] == '\n')
        have--;
    *len = have < max + 1 ? have : max + 1;
    return data;
}

/* DEL and U+0080 to U+009F may stand in JSON texts as they are; a terminal would obey them. */
static void put_json(FILE *out, aigw_slice json)
{
    for (size_t i = 0; i < json.len; i++) {
        unsigned char c = (unsigned char)json.data[i];
        unsigned char next = i + 1 < json.len ? (unsigned char)json.data[i + 1] : 0;
        if (c == 0x7f) {
            fputs("\\u007f", out);
        } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
            fprintf(out, "\\u%04x", next);
            i++;
        } else {
            fputc(c == '\n' || c == '\r' || c == '\t' ? ' ' : c, out);
        }
    }
}

static void put_life(FILE *out, int64_t expires)
{
    char when[64];
    time_t at = (time_t)expires;
    struct tm utc;
    long long left = (long long)(expires - unix_now());

    if (gmtime_r(&at, &utc) && strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc))
        fprintf(out, ",\n \"expires_at\": \"%s\"", when);
    fprintf(out, ",\n \"seconds_left\": %lld,\n \"expired\": %s", left,
            left > 0 ? "false" : "true");
}

static int show(aigw_slice token)
{
    aigw_slice header, claims;
    aigw_error err = {0};
    int64_t expires = 0;

    if (aigw_token_decode(token, &header, &claims, &expires, &err) != AIGW_OK) {
        fprintf(stderr, "aigw-token: %s\n", err.message);
        return EXIT_REJECTED;
    }
    fputs("{\"header\": ", stdout);
    put_json(stdout, header);
    fputs(",\n \"claims\": ", stdout);
    put_json(stdout, claims);
    if (expires > 0)
        put_life(stdout, expires);
    fputs("}\n", stdout);
    aigw_bytes_free(header);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fprintf(stderr, "aigw-token: stdout could not be written: %s\n", strerror(errno));
    return EXIT_OUTPUT;
}

static int show_current(settings *s)
{
    held token = {0};
    int status = settings_read(s) ? held_get(s, &token) : EXIT_USAGE;

    if (status == EXIT_SUCCESS)
        status = show(aigw_slice_of(token.value));
    held_free(&token);
    settings_free(s);
    return status;
}

int inspect_main(int argc, char **argv)
{
    settings s = {.min_ttl_s = -1};
    opt table[SETTINGS_OPTIONS];
    size_t count = settings_table(&s, table), len = 0;
    const opt_program program = {"aigw-token inspect", "Shows what a token says.", notes, table,
                                 count};
    opt_result parsed = opt_parse(&program, argc, argv);

    if (parsed != OPT_RUN)
        return parsed == OPT_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    char *token = isatty(STDIN_FILENO) ? NULL : read_stdin(TOKEN_BYTES, &len);
    int status = token && len > 0 ? show((aigw_slice){token, len}) : show_current(&s);
    wipe_free(token, token ? TOKEN_BYTES + 2 : 0);
    return status;
}
