/* Reads the command line of a program by a table of its options. Knows no particular program. */
#include "opt.h"

#include <aigw/types.h>
#include <string.h>

#define MAX_OPTIONS 64

static void print_option(FILE *out, const char *name, const char *value_name, const char *help)
{
    char left[64];

    snprintf(left, sizeof left, "--%s%s%s", name, value_name ? " " : "",
             value_name ? value_name : "");
    fprintf(out, "  %-24s %s\n", left, help);
}

static opt_result bad(const opt_program *program, const char *what, const char *name, size_t len)
{
    fprintf(stderr, "%s: %s", program->name, what);
    if (len > 0) {
        fputs(" --", stderr);
        for (size_t i = 0; i < len && i < 40;
             i++) /* a name may hold anything: keep the terminal sane */
            fputc(name[i] > ' ' && name[i] < 0x7f ? name[i] : '?', stderr);
    }
    fputs("\n\n", stderr);
    opt_usage(program, stderr);
    return OPT_BAD;
}

static opt_result answered(void)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? OPT_DONE : OPT_BAD;
}

static const opt *find(const opt_program *program, const char *name, size_t len, size_t *index)
{
    for (size_t i = 0; i < program->option_count && i < MAX_OPTIONS; i++) {
        const opt *option = &program->options[i];
        if (strlen(option->name) == len && memcmp(option->name, name, len) == 0) {
            *index = i;
            return option;
        }
    }
    return NULL;
}

/* Handles argv[*at]; on OPT_RUN *at is at the last word that was used. */
static opt_result take(const opt_program *program, int argc, char **argv, int *at, bool *seen)
{
    const char *word = argv[*at];
    size_t index = 0;

    if (strncmp(word, "--", 2) != 0 || word[2] == '\0')
        return bad(program, "unexpected argument", NULL, 0);
    const char *name = word + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const opt *option = find(program, name, len, &index);

    if (!option)
        return bad(program, "unknown option", name, len);
    if (seen[index])
        return bad(program, "option given twice:", name, len);
    seen[index] = true;
    if (option->flag) {
        if (equals)
            return bad(program, "option takes no value:", name, len);
        *option->flag = true;
        return OPT_RUN;
    }
    if (!equals && *at + 1 >= argc)
        return bad(program, "option needs a value:", name, len);
    *option->value = equals ? equals + 1 : argv[++*at];
    return OPT_RUN;
}

void opt_usage(const opt_program *program, FILE *out)
{
    fprintf(out, "usage: %s [options]\n%s\n\n", program->name, program->summary);
    for (size_t i = 0; i < program->option_count; i++) {
        const opt *option = &program->options[i];
        print_option(out, option->name, option->value_name, option->help);
    }
    print_option(out, "help", NULL, "print this and exit");
    print_option(out, "version", NULL, "print the version and exit");
    if (program->notes)
        fprintf(out, "\n%s", program->notes);
}

opt_result opt_parse(const opt_program *program, int argc, char **argv)
{
    bool seen[MAX_OPTIONS] = {false};

    for (int at = 1; at < argc; at++) {
        if (strcmp(argv[at], "--help") == 0) {
            opt_usage(program, stdout);
            return answered();
        }
        if (strcmp(argv[at], "--version") == 0) {
            printf("%s %s\n", program->name, aigw_version());
            return answered();
        }
        opt_result result = take(program, argc, argv, &at, seen);
        if (result != OPT_RUN)
            return result;
    }
    return OPT_RUN;
}
