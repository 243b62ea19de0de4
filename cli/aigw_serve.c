/* aigw-serve: the gateway behind a socket. Arguments, the config file, signals and exit codes.
 * Knows the public API only. */
#include "client.h"
#include "opt.h"
#include "waf.h"

#include <aigw/aigw.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_CONFIG_BYTES (4 * 1024 * 1024)

enum { EXIT_STOPPED = 0, EXIT_CONFIG = 1, EXIT_USAGE = 2, EXIT_SERVING = 3 };

typedef struct serve {
    const char *config_file; /* NULL: the environment alone */
    const char *listen;
    bool check, dev, schema;
    char dev_secret[65]; /* "" unless made here */
    char dev_url[128];   /* of the issuer of --dev, once the address is known */
    aigw_host host;
    aigw_gateway *gateway;
    aigw_server *server;
    bool tls;          /* the server was started with it */
    atomic_bool ended; /* the server has returned: the signal thread may go */
} serve;

/* One write per line, so that lines of two threads do not mix. */
static void log_line(void *user, aigw_log_level level, const char *line, size_t len)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)line, len}, {(void *)(uintptr_t) "\n", 1}};
    (void)user, (void)level;
    (void)!writev(STDERR_FILENO, parts, 2);
}

static const char *look_up(void *user, const char *name)
{
    const serve *s = user;
    if (s->dev_secret[0] && strcmp(name, "AIGW_DEV_CLIENT_SECRET") == 0)
        return s->dev_secret;
    if (s->dev_url[0] && strcmp(name, "AIGW_DEV_URL") == 0)
        return s->dev_url;
    if (s->listen && strcmp(name, "AIGW_LISTEN") == 0)
        return s->listen; /* so that addresses made from it, as the issuer's, are right */
    if (s->listen && strcmp(name, "AIGW_PORT") == 0)
        return NULL;
    return getenv(name);
}

static void print_error(const serve *s, const aigw_error *err)
{
    const char *file = s->config_file ? s->config_file : s->dev ? "--dev" : "environment";
    if (err->line > 0)
        fprintf(stderr, "%s:%d: ", file, err->line);
    else
        fprintf(stderr, "%s: ", file);
    if (err->pointer[0])
        fprintf(stderr, "%s: ", err->pointer);
    fprintf(stderr, "%s\n", err->message[0] ? err->message : aigw_code_name(err->code));
}

static int fail_file(aigw_error *err, const char *what)
{
    *err = (aigw_error){.code = AIGW_E_IO};
    snprintf(err->message, sizeof err->message, "%s", what);
    return AIGW_E_IO;
}

/* The document into a buffer that the caller frees. */
static int read_file(const char *path, char **text, size_t *len, aigw_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail_file(err, strerror(errno));
    char *data = malloc(MAX_CONFIG_BYTES + 1);
    size_t n = data ? fread(data, 1, MAX_CONFIG_BYTES + 1, file) : 0;
    bool failed = ferror(file) != 0;
    fclose(file);
    if (!data || failed || n > MAX_CONFIG_BYTES) {
        free(data);
        return fail_file(err, !data ? "out of memory" : failed ? "cannot be read" : "is too large");
    }
    *text = data;
    *len = n;
    return AIGW_OK;
}

typedef int with_document(serve *s, aigw_slice document, aigw_error *err);

static int on_document(serve *s, with_document *use, aigw_error *err)
{
    char *text = NULL;
    aigw_slice document = s->dev ? aigw_config_dev() : aigw_slice_of("");
    *err = (aigw_error){0};
    if (s->config_file) {
        int code = read_file(s->config_file, &text, &document.len, err);
        if (code != AIGW_OK)
            return code;
        document.data = text;
    }
    int code = use(s, document, err);
    if (text)
        explicit_bzero(text, document.len); /* it may hold keys */
    free(text);
    return code;
}

static int check(serve *s, aigw_slice document, aigw_error *err)
{
    return aigw_config_check(document, &s->host, err);
}

static int load(serve *s, aigw_slice document, aigw_error *err)
{
    return aigw_gateway_new(document, &s->host, &s->gateway, err);
}

static int load_again(serve *s, aigw_slice document, aigw_error *err)
{
    return aigw_gateway_reload(s->gateway, document, err);
}

/* Appends text to line as the inside of a JSON string; what does not fit is cut. */
static size_t add_escaped(char *line, size_t at, size_t size, const char *text)
{
    for (; *text && at + 8 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            line[at++] = '\\';
        if (c < 0x20)
            at += (size_t)snprintf(line + at, size - at, "\\u%04x", c);
        else
            line[at++] = (char)c;
    }
    line[at] = '\0';
    return at;
}

/* What a reload came to: {"level":...,"event":..., and on failure line, pointer, message}. */
static void log_outcome(const char *done, const char *refused, int code, const aigw_error *err)
{
    char line[1024];
    if (code == AIGW_OK) {
        int n = snprintf(line, sizeof line, "{\"level\":\"info\",\"event\":\"%s\"}", done);
        log_line(NULL, AIGW_LOG_INFO, line, (size_t)n);
        return;
    }
    size_t at = (size_t)snprintf(line, sizeof line,
                                 "{\"level\":\"error\",\"event\":\"%s\","
                                 "\"line\":%d,\"pointer\":\"",
                                 refused, err->line);
    at = add_escaped(line, at, sizeof line - 32, err->pointer);
    at += (size_t)snprintf(line + at, sizeof line - at, "\",\"message\":\"");
    at = add_escaped(line, at, sizeof line - 8, err->message);
    at += (size_t)snprintf(line + at, sizeof line - at, "\"}");
    log_line(NULL, AIGW_LOG_ERROR, line, at);
}

/* The certificate is read anew whatever became of the config: a renewal must not wait for that. */
static void reload(serve *s)
{
    aigw_error err = {0};
    aigw_server_options options;
    int code = on_document(s, load_again, &err);
    log_outcome("config_reloaded", "config_reload_refused", code, &err);
    bool named = code == AIGW_OK && aigw_gateway_server_options(s->gateway, &options, &err) == 0;
    if (!s->tls && !(named && options.tls_cert_file[0]))
        return;
    err = (aigw_error){0};
    code = aigw_server_reload_tls(s->server, named ? &options : NULL, &err);
    log_outcome("tls_reloaded", "tls_reload_refused", code, &err);
}

static sigset_t our_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

static void *signal_main(void *user)
{
    serve *s = user;
    sigset_t set = our_signals();
    for (;;) {
        int number = 0;
        if (sigwait(&set, &number) != 0 || atomic_load(&s->ended))
            return NULL;
        if (number == SIGHUP)
            reload(s);
        else
            aigw_server_stop(s->server); /* twice: at once */
    }
}

/* Started with one of the three closed, a socket would get its number, and log lines would go there. */
static bool fill_standard_files(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Idle clients must not take the descriptors that their neighbours' upstream connections need. */
static void leave_descriptors(aigw_server_options *options)
{
    enum { OWN = 64 }; /* listeners, event loops, databases */
    struct rlimit limit;
    char line[128];
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    long most = limit.rlim_cur > OWN + 2 ? (long)((limit.rlim_cur - OWN) / 2) : 1;
    if (options->max_connections <= most)
        return;
    options->max_connections = (int)most;
    int len = snprintf(line, sizeof line,
                       "{\"level\":\"warn\",\"event\":\"few_descriptors\","
                       "\"descriptors\":%llu,\"max_connections\":%d}",
                       (unsigned long long)limit.rlim_cur, options->max_connections);
    log_line(NULL, AIGW_LOG_WARN, line, (size_t)len);
}

/* A fresh secret for --dev, unless the environment brings one. */
static bool make_dev_secret(serve *s)
{
    unsigned char bytes[24];
    const char *given = getenv("AIGW_DEV_CLIENT_SECRET");
    if (given && given[0])
        return true;
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(s->dev_secret + 2 * i, 3, "%02x", bytes[i]);
    explicit_bzero(bytes, sizeof bytes);
    return true;
}

static void print_dev(const serve *s, const char *base)
{
    const char *secret = s->dev_secret[0] ? s->dev_secret : "$AIGW_DEV_CLIENT_SECRET";
    fprintf(stderr,
            "  client id:      dev\n"
            "  client secret:  %s\n"
            "  token endpoint: %s/oauth2/token\n"
            "try:\n"
            "  export GATEWAY_CLIENT_ID=dev GATEWAY_CLIENT_SECRET=%s\n"
            "  export GATEWAY_TOKEN_ENDPOINT=%s/oauth2/token\n"
            "  curl -N %s/v1/chat/completions -H \"Authorization: Bearer $(aigw-token)\" \\\n"
            "    -H 'Content-Type: application/json' \\\n"
            "    -d '{\"model\":\"echo\",\"stream\":true,"
            "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n",
            secret, base, secret, base, base);
}

static int open_server(serve *s, aigw_error *err)
{
    char address[96], base[128];
    aigw_server_options options;
    int code = aigw_gateway_server_options(s->gateway, &options, err);
    if (code != AIGW_OK)
        return code;
    if (s->listen) {
        if (strlen(s->listen) >= sizeof options.listen)
            return fail_file(err, "the address of --listen is too long");
        snprintf(options.listen, sizeof options.listen, "%s", s->listen);
    }
    leave_descriptors(&options);
    code = aigw_server_new(s->gateway, &options, &s->server, err);
    if (code != AIGW_OK)
        return code;
    s->tls = options.tls_cert_file[0] != '\0';
    aigw_server_address(s->server, address, sizeof address);
    snprintf(base, sizeof base, "%s://%s", s->tls ? "https" : "http", address);
    if (s->dev && s->listen) { /* the issuer goes by the address that was really bound */
        snprintf(s->dev_url, sizeof s->dev_url, "%s", base);
        code = on_document(s, load_again, err);
        if (code != AIGW_OK)
            return code;
    }
    fprintf(stderr, "aigw-serve listening on %s\n", base);
    if (s->dev)
        print_dev(s, base);
    return AIGW_OK;
}

/* Signals go to one thread that waits for them; all others have them blocked. */
static int run(serve *s, aigw_error *err)
{
    pthread_t signals;
    if (pthread_create(&signals, NULL, signal_main, s) != 0)
        return fail_file(err, "cannot start a thread");
    int code = aigw_server_run(s->server, err);
    atomic_store(&s->ended, true);
    pthread_kill(signals, SIGTERM);
    pthread_join(signals, NULL);
    return code;
}

static int serve_until_stopped(serve *s)
{
    aigw_error err;
    sigset_t set = our_signals();
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    raise_file_limit();
    if (on_document(s, load, &err) != AIGW_OK) {
        print_error(s, &err);
        return EXIT_CONFIG;
    }
    int code = open_server(s, &err);
    if (code == AIGW_OK)
        code = run(s, &err);
    aigw_server_free(s->server);
    aigw_gateway_free(s->gateway);
    if (code == AIGW_OK)
        return EXIT_STOPPED;
    fprintf(stderr, "aigw-serve: %s\n", err.message);
    return code == AIGW_E_CONFIG ? EXIT_CONFIG : EXIT_SERVING;
}

static int check_only(serve *s)
{
    aigw_error err;
    if (on_document(s, check, &err) != AIGW_OK) {
        print_error(s, &err);
        return EXIT_CONFIG;
    }
    return puts("ok") >= 0 && fflush(stdout) == 0 ? EXIT_STOPPED : EXIT_SERVING;
}

static int print_schema(void)
{
    aigw_slice schema = aigw_config_schema();
    bool written = fwrite(schema.data, 1, schema.len, stdout) == schema.len && putchar('\n') != EOF;
    return written && fflush(stdout) == 0 ? EXIT_STOPPED : EXIT_SERVING;
}

int main(int argc, char **argv)
{
    static serve s;
    if (argc > 1 && strcmp(argv[1], "client") == 0)
        return client_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "waf") == 0)
        return waf_main(argc - 1, argv + 1);
    const opt options[] = {
        {"config", "FILE", "config document (YAML or JSON); default: $AIGW_CONFIG", &s.config_file,
         NULL},
        {"check", NULL, "check the config, print \"ok\" or what is wrong, and end", NULL, &s.check},
        {"dev", NULL, "try it out: loopback, embedded issuer, echo provider", NULL, &s.dev},
        {"listen", "ADDR", "address to listen on, instead of the config's", &s.listen, NULL},
        {"schema", NULL, "print the JSON Schema of the config document and end", NULL, &s.schema},
    };
    const opt_program program = {
        "aigw-serve", "Serves the AI gateway over HTTP.",
        "Without a config file the settings come from the environment: OPENAI_API_KEY,\n"
        "ANTHROPIC_API_KEY, AIGW_... SIGTERM and SIGINT drain and stop, a second one stops\n"
        "at once; SIGHUP reloads the config, the TLS files and the IP lists.\n"
        "See also: aigw-serve client --help, aigw-serve waf --help.\n"
        "Exit status: 0 stopped, 1 config refused, 2 wrong command line, 3 cannot serve.",
        options, sizeof options / sizeof options[0]};
    if (!fill_standard_files())
        return EXIT_SERVING;
    opt_result result = opt_parse(&program, argc, argv);
    if (result != OPT_RUN)
        return result == OPT_DONE ? EXIT_STOPPED : EXIT_USAGE;
    if (s.schema)
        return print_schema();
    if (s.dev && s.config_file) {
        fputs("aigw-serve: --dev and --config exclude each other\n", stderr);
        return EXIT_USAGE;
    }
    if (!s.dev && !s.config_file) {
        const char *file = getenv("AIGW_CONFIG");
        s.config_file = file && file[0] ? file : NULL;
    }
    if (s.dev && !make_dev_secret(&s)) {
        fputs("aigw-serve: no random bytes from the system\n", stderr);
        return EXIT_SERVING;
    }
    if (!s.dev && !s.config_file && getenv("AZURE_API_KEY") && !getenv("AZURE_OPENAI_ENDPOINT"))
        fputs("aigw-serve: AZURE_API_KEY is not used: AZURE_OPENAI_ENDPOINT is not set\n", stderr);
    s.host = (aigw_host){.size = sizeof s.host, .user = &s, .log = log_line, .env = look_up};
    return s.check ? check_only(&s) : serve_until_stopped(&s);
}
