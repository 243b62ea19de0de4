/* Command line options for the programs: --name value, --name=value, flags, --help, --version. */
#ifndef AIGW_CLI_OPT_H
#define AIGW_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* One option. Set exactly one of `value` (takes an argument) and `flag` (takes none). */
typedef struct opt {
    const char *name;       /* without the dashes: "config" */
    const char *value_name; /* as --help shows it: "FILE"; NULL for a flag */
    const char *help;       /* one line */
    const char **value;     /* points into argv afterwards; untouched when the option is absent */
    bool *flag;             /* set to true */
} opt;

typedef struct opt_program {
    const char *name;    /* "aigw-token" */
    const char *summary; /* one line under the usage */
    const char *notes;   /* behind the options; NULL: none */
    const opt *options;  /* --help and --version are added */
    size_t option_count;
} opt_program;

typedef enum opt_result {
    OPT_RUN,  /* go on */
    OPT_DONE, /* --help or --version was answered: exit 0 */
    OPT_BAD   /* message and usage are on stderr; or stdout could not be written */
} opt_result;

/*
 * Reads argv. Refuses unknown options, a missing or superfluous argument, an option given twice and
 * anything that is not an option. The messages never repeat an argument's value: it may be a secret
 * put in the wrong place.
 */
opt_result opt_parse(const opt_program *program, int argc, char **argv);

void opt_usage(const opt_program *program, FILE *out);

#endif
