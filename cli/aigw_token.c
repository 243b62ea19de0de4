/*
 * aigw-token: fetches one OAuth2 token and prints it, nothing else, on stdout.
 *
 * Knows the contract of its callers (exit codes, variable names); the library knows the protocol.
 */
#include "opt.h"

#include <aigw/token.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EXIT_USAGE    1 /* a variable is missing or empty, or the command line is wrong */
#define EXIT_ENDPOINT 2 /* no answer, or one that is not 2xx */
#define EXIT_ANSWER   3 /* an answer without a token */
#define EXIT_OUTPUT   4 /* stdout could not take the token */

#define BODY_SHOWN 4096

static const char *const variables[] = {"GATEWAY_CLIENT_ID", "GATEWAY_CLIENT_SECRET",
                                        "GATEWAY_TOKEN_ENDPOINT"};

static const char notes[] =
    "environment:\n"
    "  GATEWAY_CLIENT_ID        the client's id\n"
    "  GATEWAY_CLIENT_SECRET    the client's secret\n"
    "  GATEWAY_TOKEN_ENDPOINT   URL of the token endpoint\n"
    "  CURL_CA_BUNDLE, SSL_CERT_FILE, HTTPS_PROXY, NO_PROXY, ... as for curl\n"
    "\n"
    "exit status: 0 the token is on stdout; 1 a variable is missing or the command\n"
    "line is wrong; 2 the endpoint did not answer with 2xx; 3 its answer holds no\n"
    "token; 4 stdout could not be written. See aigw-token(1).\n";

/* The values of the variables, in their order; false after naming each that is missing or empty. */
static bool read_environment(const char *values[3])
{
    bool complete = true;

    for (int i = 0; i < 3; i++) {
        values[i] = getenv(variables[i]);
        if (values[i] && *values[i])
            continue;
        fprintf(stderr, "aigw-token: %s is not set or empty\n", variables[i]);
        complete = false;
    }
    if (!complete)
        fputs("Hint: export GATEWAY_CLIENT_ID, GATEWAY_CLIENT_SECRET and GATEWAY_TOKEN_ENDPOINT, "
              "then run aigw-token again.\n",
              stderr);
    return complete;
}

/* What the endpoint said, made safe for a terminal: no control characters, at most 4 KiB. */
static void show_body(aigw_slice body)
{
    size_t len = body.len < BODY_SHOWN ? body.len : BODY_SHOWN;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)body.data[i];
        bool c1 = c == 0xc2 && i + 1 < body.len && (unsigned char)body.data[i + 1] < 0xa0;
        if (c1)
            i++; /* U+0080 to U+009F are controls, too */
        else if ((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t')
            fputc(c, stderr);
    }
    if (len > 0 && body.data[len - 1] != '\n')
        fputc('\n', stderr);
}

static int report(aigw_token_source *source, const aigw_error *err)
{
    fprintf(stderr, "aigw-token: %s\n", err->message);
    if (err->code == AIGW_E_PARSE)
        return EXIT_ANSWER;
    aigw_slice body = aigw_token_last_body(source);
    show_body(body);
    aigw_bytes_free(body);
    return EXIT_ENDPOINT;
}

/* Straight to the descriptor: stdio would leave a copy of the token behind. */
static int print_token(const char *token)
{
    size_t left = strlen(token);

    while (left > 0) {
        ssize_t n = write(STDOUT_FILENO, token, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            goto failed;
        token += n;
        left -= (size_t)n;
    }
    if (close(STDOUT_FILENO) == 0)
        return EXIT_SUCCESS;
failed:
    fprintf(stderr, "aigw-token: the token could not be written: %s\n", strerror(errno));
    return EXIT_OUTPUT;
}

static int run(aigw_token_options *options)
{
    aigw_token_source *source = NULL;
    aigw_token token = {0};
    aigw_error err = {0};

    if (aigw_token_source_new(options, NULL, &source, &err) != AIGW_OK) {
        fprintf(stderr, "aigw-token: GATEWAY_TOKEN_ENDPOINT: %s\n", err.message);
        if (strcmp(err.reason, "insecure_url") == 0)
            fputs("aigw-token: --allow-http sends the secret over http nevertheless\n", stderr);
        return EXIT_ENDPOINT;
    }
    int status = aigw_token_get(source, &token, &err) == AIGW_OK ? print_token(token.value)
                                                                 : report(source, &err);
    aigw_token_free(&token);
    aigw_token_source_free(source);
    return status;
}

int main(int argc, char **argv)
{
    const char *values[3];
    aigw_token_options options = {.size = sizeof options};
    const opt table[] = {
        {"scope", "SCOPES", "ask for these scopes, separated by spaces", &options.scope, NULL},
        {"ca-file", "FILE", "trust these certificates (PEM), none else", &options.ca_file, NULL},
        {"allow-http", NULL, "accept http to other than loopback", NULL, &options.allow_http},
    };
    const opt_program program = {"aigw-token",
                                 "Prints an OAuth2 token (client_credentials) on stdout.", notes,
                                 table, sizeof table / sizeof table[0]};

    prctl(PR_SET_DUMPABLE, 0, 0, 0,
          0); /* no core file, no /proc/PID/mem for others: secrets inside */
    signal(SIGPIPE, SIG_IGN);
    switch (opt_parse(&program, argc, argv)) {
    case OPT_DONE:
        return EXIT_SUCCESS;
    case OPT_BAD:
        return EXIT_USAGE;
    case OPT_RUN:
        break;
    }
    if (!read_environment(values))
        return EXIT_USAGE;
    options.client_id = values[0];
    options.client_secret = values[1];
    options.endpoint = values[2];
    int status = run(&options);
    explicit_bzero((char *)(size_t)values[1], strlen(values[1]));
    return status;
}
