/* aigw-serve waf explain|rules: arguments, files and output only.
 * Knows the public API only. */
#include "opt.h"
#include "waf.h"

#include <aigw/gateway.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX  ((size_t)4 << 20)
#define REQUEST_MAX ((size_t)64 << 20)

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_WRONG_USE = 2, EXIT_CANNOT = 3 };

typedef struct command {
    const char *config_file, *request_file;
    aigw_slice config, request;
} command;

static const char *look_up(void *user, const char *name)
{
    (void)user;
    return getenv(name);
}

static void complain(const char *file, const char *what)
{
    fprintf(stderr, "%s: %s\n", strcmp(file, "-") == 0 ? "standard input" : file, what);
}

/* "-": standard input. False: it has been said why. */
static bool read_all(const char *path, size_t max, aigw_slice *out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t room = 65536, len = 0;
    char *data = file ? malloc(room) : NULL;
    const char *fault = file ? NULL : strerror(errno);
    while (data && !fault) {
        len += fread(data + len, 1, room - len, file);
        if (len < room)
            break;
        char *more = len > max ? NULL : realloc(data, room *= 2);
        if (!more)
            fault = len > max ? "is too large" : "out of memory";
        data = more ? more : data;
    }
    if (!fault && !data)
        fault = "out of memory";
    if (!fault && ferror(file))
        fault = "cannot be read";
    if (file && file != stdin)
        fclose(file);
    if (fault) {
        free(data);
        complain(path, fault);
        return false;
    }
    *out = (aigw_slice){data, len};
    return true;
}

static void drop(aigw_slice bytes)
{
    char *data = (char *)(uintptr_t)bytes.data;
    if (data)
        explicit_bzero(data, bytes.len); /* it may hold keys */
    free(data);
}

static int fail(const char *file, const aigw_error *err)
{
    if (err->line > 0)
        fprintf(stderr, "%s:%d: ", file, err->line);
    else
        fprintf(stderr, "%s: ", file);
    if (err->pointer[0])
        fprintf(stderr, "%s: ", err->pointer);
    fprintf(stderr, "%s\n", err->message[0] ? err->message : aigw_code_name(err->code));
    return EXIT_REFUSED;
}

/* What is near a match came from a client: a terminal must not obey it. */
static int print(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        putchar(c == '\n' || (c >= 0x20 && c != 0x7f) ? c : '?');
    }
    aigw_bytes_free(text);
    return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_DONE : EXIT_CANNOT;
}

static int run(command *c, bool explain)
{
    const aigw_host host = {.size = sizeof host, .env = look_up};
    aigw_error err = {0};
    aigw_slice text = {NULL, 0};
    if (c->config_file && !read_all(c->config_file, CONFIG_MAX, &c->config))
        return EXIT_CANNOT;
    if (explain && !read_all(c->request_file, REQUEST_MAX, &c->request))
        return EXIT_CANNOT;
    int code = explain ? aigw_config_waf_explain(c->config, &host, c->request, &text, &err)
                       : aigw_config_waf_rules(c->config, &host, &text, &err);
    if (code == AIGW_OK)
        return print(text);
    bool config = err.line > 0 || code == AIGW_E_CONFIG || !explain;
    return fail(config && c->config_file ? c->config_file
                : c->request_file        ? c->request_file
                                         : "waf",
                &err);
}

static int explain_or_list(int argc, char **argv, bool explain)
{
    command c = {0};
    const opt options[] = {
        {"config", "FILE",
         "config document, for its rules; default: $AIGW_CONFIG, or the WAF's own", &c.config_file,
         NULL},
        {"request", "FILE", "a raw HTTP request, or a JSON object of one; - is standard input",
         &c.request_file, NULL},
    };
    const opt_program program = {
        explain ? "aigw-serve waf explain" : "aigw-serve waf rules",
        explain ? "Says which rules of the WAF see what in a request, and the verdict."
                : "Lists the rules of the WAF: action, group, rule, label, metric.",
        "Exit status: 0 done, whatever the verdict; 1 config or request refused, 2 wrong command "
        "line,\n"
        "3 a file cannot be read.",
        options, explain ? 2 : 1};
    opt_result result = opt_parse(&program, argc, argv);
    if (result != OPT_RUN)
        return result == OPT_DONE ? EXIT_DONE : EXIT_WRONG_USE;
    if (explain && !c.request_file) {
        fputs("aigw-serve waf explain: --request FILE is missing\n", stderr);
        return EXIT_WRONG_USE;
    }
    if (!c.config_file) {
        const char *file = getenv("AIGW_CONFIG");
        c.config_file = file && file[0] ? file : NULL;
    }
    int status = run(&c, explain);
    drop(c.config);
    drop(c.request);
    return status;
}

int waf_main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    bool help = strcmp(verb, "--help") == 0;
    if (strcmp(verb, "explain") == 0 || strcmp(verb, "rules") == 0)
        return explain_or_list(argc - 1, argv + 1, verb[0] == 'e');
    fputs("Usage: aigw-serve waf explain --request FILE [--config FILE]\n"
          "       aigw-serve waf rules [--config FILE]\n",
          help ? stdout : stderr);
    return help ? EXIT_DONE : EXIT_WRONG_USE;
}
