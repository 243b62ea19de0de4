/* aigw-token exec: runs a command with the token in its environment. Must not outlive the exec. */
#include "token.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_NOT_RUN   126 /* as the shell has it */
#define EXIT_NOT_FOUND 127

static const char notes[] =
    "usage: aigw-token exec [options] -- CMD [ARG...]\n"
    "\n"
    "CMD takes the place of aigw-token. It finds the token in GATEWAY_TOKEN; it is not\n"
    "renewed. The rest of the environment is as it was, but for GATEWAY_CLIENT_SECRET,\n"
    "which CMD does not get.\n"
    "exit status: as of aigw-token until CMD runs; 126, 127: CMD could not be run.\n";

static int run(const held *token, char **command)
{
    if (setenv("GATEWAY_TOKEN", token->value, 1) != 0 || unsetenv("GATEWAY_CLIENT_SECRET") != 0) {
        fputs("aigw-token: out of memory\n", stderr);
        return EXIT_NOT_RUN;
    }
    signal(SIGPIPE, SIG_DFL);
    execvp(command[0], command);
    int status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
    fprintf(stderr, "aigw-token: the command could not be run: %s\n", strerror(errno));
    return status;
}

int exec_main(int argc, char **argv)
{
    settings s = {.min_ttl_s = -1};
    opt table[SETTINGS_OPTIONS];
    size_t count = settings_table(&s, table);
    held token = {0};
    const opt_program program = {"aigw-token exec", "Runs a command with an OAuth2 token.", notes,
                                 table, count};
    int own = 1;

    while (own < argc && strcmp(argv[own], "--") != 0)
        own++;
    opt_result parsed = opt_parse(&program, own, argv);
    if (parsed != OPT_RUN)
        return parsed == OPT_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    if (own + 1 >= argc) {
        fputs("aigw-token: exec: expected -- and a command\n\n", stderr);
        opt_usage(&program, stderr);
        return EXIT_USAGE;
    }
    int status = settings_read(&s) ? held_get(&s, &token) : EXIT_USAGE;
    settings_free(&s);
    if (status == EXIT_SUCCESS)
        status = run(&token, argv + own + 1);
    held_free(&token);
    return status;
}
