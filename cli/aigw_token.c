/*
 * aigw-token: fetches one OAuth2 token and prints it, nothing else, on stdout; and its subcommands.
 *
 * Knows the contract of its callers (exit codes, variable names); the library knows the protocol.
 */
#include "token.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static const char notes[] =
    "commands, each with --help of its own:\n"
    "  inspect                  show what a token says\n"
    "  exec -- CMD [ARG...]     run a command with the token in GATEWAY_TOKEN\n"
    "  verify --jwks FILE|URL   check a token\n"
    "\n"
    "environment:\n"
    "  GATEWAY_CLIENT_ID        the client's id\n"
    "  GATEWAY_CLIENT_SECRET    the client's secret\n"
    "  GATEWAY_TOKEN_ENDPOINT   URL of the token endpoint\n"
    "  CURL_CA_BUNDLE, SSL_CERT_FILE, HTTPS_PROXY, NO_PROXY, ... as for curl\n"
    "\n"
    "exit status: 0 the token is on stdout; 1 a variable is missing or the command\n"
    "line is wrong; 2 the endpoint did not answer with 2xx; 3 its answer holds no\n"
    "token; 4 stdout could not be written. See aigw-token(1).\n";

static int print_main(int argc, char **argv)
{
    settings s = {.min_ttl_s = -1};
    opt table[SETTINGS_OPTIONS + 1];
    size_t count = settings_table(&s, table);
    const char *format = "token";
    held token = {0};

    table[count++] = (opt){"format", "FORM", "token (default), header, json, env, exec-credential",
                           &format, NULL};
    const opt_program program = {"aigw-token",
                                 "Prints an OAuth2 token (client_credentials) on stdout.", notes,
                                 table, count};
    opt_result parsed = opt_parse(&program, argc, argv);
    if (parsed != OPT_RUN)
        return parsed == OPT_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    if (!print_format_known(format)) {
        fputs("aigw-token: --format: expected token, header, json, env or exec-credential\n",
              stderr);
        return EXIT_USAGE;
    }
    int status = settings_read(&s) ? held_get(&s, &token) : EXIT_USAGE;
    if (status == EXIT_SUCCESS)
        status = print_held(&token, format);
    held_free(&token);
    settings_free(&s);
    return status;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {{"inspect", inspect_main}, {"exec", exec_main}, {"verify", verify_main}};

    /* No core file, no /proc/PID/mem for others: secrets inside. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return print_main(argc, argv);
}
