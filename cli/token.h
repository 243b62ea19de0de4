/* What the files of aigw-token share: exit codes, settings, a held token, output. */
#ifndef AIGW_CLI_TOKEN_H
#define AIGW_CLI_TOKEN_H

#include "opt.h"

#include <aigw/token.h>

#define EXIT_USAGE    1 /* a variable is missing or empty, or the command line is wrong */
#define EXIT_ENDPOINT 2 /* no answer, or one that is not 2xx; verify: no key set */
#define EXIT_ANSWER   3 /* an answer without a token; verify: the key set is not JSON */
#define EXIT_OUTPUT   4 /* stdout could not be written */
#define EXIT_REJECTED 4 /* verify, inspect: the token is not accepted */

/* ---- token_settings.c: the command line, the environment, the files they name ---- */

#define SETTINGS_OPTIONS 24

typedef struct settings {
    aigw_token_options options; /* texts borrowed from argv, the environment, and the two below */
    char *secret, *pem;         /* from files; wiped */
    char *variable;             /* the secret in our own environment; wiped */
    int64_t min_ttl_s;          /* -1: by the rule of token_cache.h */
    bool no_cache, force;
    const char *auth_method, *secret_file, *key_file, *timeout, *min_ttl;
} settings;

/* Fills the table for opt_parse; the number of options. */
size_t settings_table(settings *s, opt table[SETTINGS_OPTIONS]);
/* After opt_parse. False: it has been said on stderr what is missing or wrong (EXIT_USAGE). */
bool settings_read(settings *s);
void settings_free(settings *s);

/* A whole number from 0 to max; false otherwise. */
bool read_number(const char *text, int64_t max, int64_t *out);
/* A file of at most max bytes with a NUL behind it; NULL: errno says why (EFBIG: too large). */
char *read_file(const char *path, size_t max, size_t *len);
void wipe_free(char *text, size_t len);

/* ---- token_get.c: from the cache, or fetched ---- */

/* Unix seconds by the clock that the library reads. time(3) lags behind it by up to a tick, and a token
 * just fetched would seem to live a second too long. */
int64_t unix_now(void);

typedef struct held {
    char *value; /* NUL-terminated; NULL: none */
    int64_t expires_unix_s;
} held;

/* 0, or the exit code; what went wrong is on stderr. */
int held_get(const settings *s, held *out);
void held_free(held *h);

/* ---- token_print.c ---- */

/* False: no such format. */
bool print_format_known(const char *format);
int print_held(const held *h, const char *format);
/* Writes all to stdout and closes it: 0 or EXIT_OUTPUT. Straight to the descriptor: stdio would leave a
 * copy behind. */
int print_bytes(const char *data, size_t len);
/* Text for a terminal, on stderr: no control characters, at most 4 KiB. */
void print_safely(aigw_slice text);

/* ---- token_inspect.c, token_exec.c, token_verify.c: the subcommands; argv[0] is their name ---- */

/* Standard input up to its end: at most max bytes are kept, *len tells how many came (max + 1: more). One
 * newline at the end is not counted. NULL: it cannot be read. */
char *read_stdin(size_t max, size_t *len);

int inspect_main(int argc, char **argv);
int exec_main(int argc, char **argv);
int verify_main(int argc, char **argv);

#endif
