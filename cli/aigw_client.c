/* aigw-serve client add|list|rotate|disable|enable|remove: arguments and output only.
 * Knows the public API only; a secret goes to standard output and nowhere else. */
#include "client.h"
#include "opt.h"

#include <aigw/issuer_store.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCOPES      64
#define DEFAULT_GRACE_S 86400

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_WRONG_USE = 2, EXIT_CANNOT = 3 };

typedef struct command {
    const char *db, *id, *team, *tier, *lifetime, *grace, *format;
    const char *scope; /* listed for --help: the scopes are taken out before */
    aigw_slice scopes[MAX_SCOPES];
    size_t scope_count;
    bool json;
    aigw_issuer_store *store;
} command;

typedef struct verb {
    const char *name, *summary;
    int (*run)(command *c, aigw_error *err);
    bool needs_id, creates;
} verb;

/* ---- Output ---- */

static int written(void)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_DONE : EXIT_CANNOT;
}

static int print_secret(const command *c, const char *id, char *secret)
{
    if (c->json)
        printf("{\"client_id\":\"%s\",\"client_secret\":\"%s\"}\n", id, secret);
    else
        printf("client_id: %s\nclient_secret: %s\n", id, secret);
    explicit_bzero(secret, AIGW_CLIENT_SECRET_SIZE);
    int status = written();
    if (status != EXIT_DONE)
        fputs("the secret could not be written: rotate the client to get another one\n", stderr);
    return status;
}

static void print_slice(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) { /* names come from others: keep the terminal sane */
        unsigned char byte = (unsigned char)text.data[i];
        putchar(byte >= 0x20 && byte != 0x7f ? byte : '?');
    }
    if (!text.len)
        putchar('-');
}

static void print_client(const aigw_client_info *info, void *user)
{
    const aigw_slice texts[] = {info->id, info->team, info->tenant_tier, info->scopes};
    (void)user;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        print_slice(texts[i]);
        putchar('\t');
    }
    printf("%lld\t%s\t%zu\n", (long long)info->token_lifetime_s,
           info->disabled ? "disabled" : "enabled", info->secret_count);
}

static int fail(const char *verb_name, const aigw_error *err)
{
    fprintf(stderr, "aigw-serve client %s: %s\n", verb_name,
            err->message[0] ? err->message : aigw_code_name(err->code));
    return err->code == AIGW_E_INVALID || err->code == AIGW_E_LIMIT ? EXIT_REFUSED : EXIT_CANNOT;
}

/* ---- Verbs: an exit status, or -1 with *err ---- */

static bool read_seconds(const char *text, int64_t *out)
{
    char *end = NULL;
    if (!text[0] || strlen(text) > 10 || strspn(text, "0123456789") != strlen(text))
        return false;
    *out = strtoll(text, &end, 10);
    return true;
}

static int wrong(const char *message)
{
    fprintf(stderr, "aigw-serve client: %s\n", message);
    return EXIT_WRONG_USE;
}

static int add(command *c, aigw_error *err)
{
    char id[AIGW_CLIENT_ID_SIZE], secret[AIGW_CLIENT_SECRET_SIZE];
    aigw_client_spec spec = {.size = sizeof spec,
                             .id = aigw_slice_of(c->id),
                             .team = aigw_slice_of(c->team),
                             .tenant_tier = aigw_slice_of(c->tier),
                             .scopes = c->scopes,
                             .scope_count = c->scope_count};
    if (c->lifetime &&
        (!read_seconds(c->lifetime, &spec.token_lifetime_s) || spec.token_lifetime_s == 0))
        return wrong("--lifetime takes a number of seconds");
    if (aigw_issuer_store_add(c->store, &spec, id, secret, err) != AIGW_OK)
        return -1;
    return print_secret(c, id, secret);
}

static int list(command *c, aigw_error *err)
{
    aigw_slice json = {NULL, 0};
    if (!c->json) {
        puts("id\tteam\ttier\tscopes\tlifetime_s\tstate\tsecrets");
        return aigw_issuer_store_each(c->store, print_client, NULL, err) == AIGW_OK ? written()
                                                                                    : -1;
    }
    if (aigw_issuer_store_describe(c->store, aigw_slice_of(""), &json, err) != AIGW_OK)
        return -1;
    fwrite(json.data, 1, json.len, stdout);
    putchar('\n');
    aigw_bytes_free(json);
    return written();
}

static int rotate(command *c, aigw_error *err)
{
    char secret[AIGW_CLIENT_SECRET_SIZE];
    int64_t grace_s = DEFAULT_GRACE_S;
    if (c->grace && !read_seconds(c->grace, &grace_s))
        return wrong("--grace takes a number of seconds");
    if (aigw_issuer_store_rotate(c->store, aigw_slice_of(c->id), grace_s, secret, err) != AIGW_OK)
        return -1;
    return print_secret(c, c->id, secret);
}

static int done(const command *c, const char *what)
{
    if (c->json)
        printf("{\"client_id\":\"%s\",\"%s\":true}\n", c->id, what);
    else
        printf("%s: %s\n", c->id, what);
    return written();
}

static int disable(command *c, aigw_error *err)
{
    int code = aigw_issuer_store_set_disabled(c->store, aigw_slice_of(c->id), true, err);
    return code == AIGW_OK ? done(c, "disabled") : -1;
}

static int enable(command *c, aigw_error *err)
{
    int code = aigw_issuer_store_set_disabled(c->store, aigw_slice_of(c->id), false, err);
    return code == AIGW_OK ? done(c, "enabled") : -1;
}

static int drop(command *c, aigw_error *err)
{
    int code = aigw_issuer_store_remove(c->store, aigw_slice_of(c->id), err);
    return code == AIGW_OK ? done(c, "removed") : -1;
}

static int rotate_keys(command *c, aigw_error *err)
{
    if (aigw_issuer_store_rotate_keys(c->store, err) != AIGW_OK)
        return -1;
    puts(c->json ? "{\"rotated\":true}" : "rotated");
    return written();
}

static const verb verbs[] = {
    {"add", "Adds a client and prints its secret, this once.", add, false, true},
    {"list", "Lists the clients.", list, false, false},
    {"rotate", "Gives a client a new secret; the old one lives for --grace seconds.", rotate, true,
     false},
    {"disable", "A disabled client gets no tokens.", disable, true, false},
    {"enable", "Lets a disabled client in again.", enable, true, false},
    {"remove", "Removes a client.", drop, true, false},
    {"rotate-keys", "Makes the next signing key the current one.", rotate_keys, false, false},
};

/* ---- The command line ---- */

static int usage(FILE *out)
{
    fputs("usage: aigw-serve client VERB --db FILE [options]\n", out);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        fprintf(out, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
    fputs("aigw-serve client VERB --help tells the options.\n", out);
    return out == stdout ? written() : EXIT_WRONG_USE;
}

/* --scope may stand several times: takes each out of argv. False: too many, or one without a value. */
static bool take_scopes(command *c, int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        const char *value = NULL;
        if (strncmp(argv[i], "--scope=", 8) == 0)
            value = argv[i] + 8;
        else if (strcmp(argv[i], "--scope") == 0 && i + 1 < *argc)
            value = argv[++i];
        if (!value) {
            argv[kept++] = argv[i];
            continue;
        }
        if (c->scope_count == MAX_SCOPES)
            return false;
        c->scopes[c->scope_count++] = aigw_slice_of(value);
    }
    *argc = kept;
    return true;
}

static int run(const verb *v, command *c)
{
    aigw_error err = {0};
    int code = aigw_issuer_store_open(aigw_slice_of(c->db), v->creates, NULL, &c->store, &err);
    int status = code == AIGW_OK ? v->run(c, &err) : -1;
    aigw_issuer_store_free(c->store);
    return status < 0 ? fail(v->name, &err) : status;
}

static int check(const verb *v, command *c)
{
    if (!c->db || !c->db[0])
        return wrong("--db FILE is needed");
    if (v->needs_id && (!c->id || !c->id[0]))
        return wrong("--id ID is needed");
    if (c->format && strcmp(c->format, "text") != 0 && strcmp(c->format, "json") != 0)
        return wrong("--format is text or json");
    c->json = c->format && strcmp(c->format, "json") == 0;
    return EXIT_DONE;
}

static int run_verb(const verb *v, int argc, char **argv)
{
    static command c;
    char name[64];
    const opt options[] = {
        {"db", "FILE", "the issuer's database; add makes it", &c.db, NULL},
        {"format", "F", "text (default) or json", &c.format, NULL},
        {"id", "ID", "the client; add makes one up", &c.id, NULL},
        {"team", "T", "add: its team", &c.team, NULL},
        {"tier", "T", "add: its tenant tier", &c.tier, NULL},
        {"scope", "S", "add: invoke (default), admin or a full name; may be repeated", &c.scope,
         NULL},
        {"lifetime", "SECONDS", "add: of its tokens, 300 to 86400; default 3600", &c.lifetime,
         NULL},
        {"grace", "SECONDS", "rotate: life of the old secret; default 86400", &c.grace, NULL},
    };
    snprintf(name, sizeof name, "aigw-serve client %s", v->name);
    const opt_program program = {
        name, v->summary,
        "Exit status: 0 done, 1 refused, 2 wrong command line, 3 the database cannot be used.\n",
        options, sizeof options / sizeof options[0]};
    if (!take_scopes(&c, &argc, argv))
        return wrong("too many scopes");
    opt_result result = opt_parse(&program, argc, argv);
    if (result != OPT_RUN)
        return result == OPT_DONE ? EXIT_DONE : EXIT_WRONG_USE;
    int status = check(v, &c);
    return status == EXIT_DONE ? run(v, &c) : status;
}

int client_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return run_verb(&verbs[i], argc - 1, argv + 1);
    }
    return usage(stderr);
}
