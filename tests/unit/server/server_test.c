/* The server object as an embedder uses it: options, refusals, running in threads, stopping. */
#include <aigw/aigw.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char document[] = "server:\n"
                               "  listen: 127.0.0.1:0\n"
                               "  threads: 2\n"
                               "auth:\n"
                               "  jwt:\n"
                               "    enabled: false\n"
                               "providers:\n"
                               "  - type: echo\n";

static int make_gateway(void **state)
{
    aigw_gateway *gw = NULL;
    aigw_error err = {0};
    if (aigw_gateway_new(aigw_slice_of(document), NULL, &gw, &err) != AIGW_OK)
        fprintf(stderr, "%s\n", err.message);
    *state = gw;
    return gw ? 0 : -1;
}

static int free_gateway(void **state)
{
    aigw_gateway_free(*state);
    return 0;
}

static aigw_server_options defaults(aigw_gateway *gw)
{
    aigw_server_options options;
    aigw_error err = {0};
    assert_int_equal(aigw_server_options_init(gw, &options, &err), AIGW_OK);
    assert_int_equal(options.size, sizeof options);
    assert_string_equal(options.listen, "127.0.0.1:0");
    assert_int_equal(options.threads, 2);
    return options;
}

static void refuse(aigw_gateway *gw, const aigw_server_options *options, int code)
{
    aigw_server *server = NULL;
    aigw_error err = {0};
    assert_int_equal(aigw_server_new(gw, options, &server, &err), code);
    assert_null(server);
    assert_int_equal(err.code, code);
    assert_true(err.message[0] != '\0');
}

static void refusals(void **state)
{
    aigw_server_options options = defaults(*state);
    options.size = 0;
    refuse(*state, &options, AIGW_E_INVALID);

    options = defaults(*state);
    strcpy(options.listen, "example.com:80");
    refuse(*state, &options, AIGW_E_CONFIG);

    options = defaults(*state);
    strcpy(options.listen, "0.0.0.0:0"); /* no tokens are asked for */
    refuse(*state, &options, AIGW_E_CONFIG);

    options = defaults(*state);
    strcpy(options.tls_cert_file, "/nonexistent.pem");
    refuse(*state, &options, AIGW_E_CONFIG);
    strcpy(options.tls_key_file, "/nonexistent.pem");
    refuse(*state, &options, AIGW_E_CONFIG);
}

static void *run(void *server)
{
    static aigw_error err;
    memset(&err, 0, sizeof err);
    aigw_server_run(server, &err);
    return &err;
}

static int connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* One request on a connection that stays open. */
static void ask(int fd, const char *path, const char *expected)
{
    char text[1024];
    size_t got = 0;
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    do {
        ssize_t n = recv(fd, text + got, sizeof text - 1 - got, 0);
        assert_true(n > 0);
        got += (size_t)n;
        text[got] = '\0';
    } while (!strstr(text, expected) && got < sizeof text - 1);
    assert_non_null(strstr(text, expected));
}

static void serves_until_stopped(void **state)
{
    for (int stops = 1; stops <= 2; stops++) {
        aigw_server_options options = defaults(*state);
        aigw_server *server = NULL;
        aigw_error err = {0};
        char address[64], byte;
        void *result;
        pthread_t thread;
        assert_int_equal(aigw_server_new(*state, &options, &server, &err), AIGW_OK);
        int port = aigw_server_port(server);
        assert_true(port > 0);
        aigw_server_address(server, address, sizeof address);
        assert_int_equal(strncmp(address, "127.0.0.1:", 10), 0);
        assert_int_equal(pthread_create(&thread, NULL, run, server), 0);
        int fds[8];
        for (int i = 0; i < 8; i++) {
            fds[i] = connect_to(port);
            ask(fds[i], "/healthz", "{\"status\":\"ok\"}");
        }
        for (int i = 0; i < stops; i++)
            aigw_server_stop(server);
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_int_equal(((aigw_error *)result)->code, AIGW_OK);
        for (int i = 0; i < 8; i++) {
            assert_int_equal(recv(fds[i], &byte, 1, 0), 0); /* idle ones are closed */
            close(fds[i]);
        }
        aigw_server_free(server);
    }
}

static void stopped_before_it_runs(void **state)
{
    aigw_server_options options = defaults(*state);
    aigw_server *server = NULL;
    aigw_error err = {0};
    assert_int_equal(aigw_server_new(*state, &options, &server, &err), AIGW_OK);
    aigw_server_stop(server);
    assert_int_equal(aigw_server_run(server, &err), AIGW_OK);
    aigw_server_free(server);
    aigw_server_free(NULL);
}

/* A caller that was compiled against a struct that ended sooner gets defaults for the rest. */
/* Reloads with certificates are tested end to end; this is what is refused, and that nothing changes. */
static void reloads_of_tls(void **state)
{
    aigw_server_options options = defaults(*state);
    aigw_server *server = NULL;
    aigw_error err = {0};
    assert_int_equal(aigw_server_new(*state, &options, &server, &err), AIGW_OK);
    assert_int_equal(aigw_server_reload_tls(server, NULL, &err), AIGW_OK); /* clear text: nothing */
    assert_int_equal(aigw_server_reload_tls(server, &options, &err), AIGW_OK);
    strcpy(options.tls_cert_file, "/nonexistent.pem");
    assert_int_equal(aigw_server_reload_tls(server, &options, &err), AIGW_E_CONFIG);
    strcpy(options.tls_key_file, "/nonexistent.pem");
    assert_int_equal(aigw_server_reload_tls(server, &options, &err), AIGW_E_CONFIG);
    assert_non_null(strstr(err.message, "restart"));
    options.size = 0;
    assert_int_equal(aigw_server_reload_tls(server, &options, &err), AIGW_E_INVALID);
    options = defaults(*state);
    options.tls_client_auth = AIGW_TLS_CLIENT_REQUIRE;
    assert_int_equal(aigw_server_reload_tls(server, &options, &err), AIGW_E_CONFIG);
    assert_int_equal(aigw_server_reload_tls(server, NULL, &err), AIGW_OK);
    aigw_server_free(server);
    refuse(*state, &options, AIGW_E_CONFIG); /* certificates of clients without TLS */
}

static void a_shorter_struct_is_fine(void **state)
{
    aigw_server_options options = defaults(*state);
    aigw_server *server = NULL;
    aigw_error err = {0};
    options.size = offsetof(aigw_server_options, threads);
    assert_int_equal(aigw_server_new(*state, &options, &server, &err), AIGW_OK);
    aigw_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(serves_until_stopped),
        cmocka_unit_test(stopped_before_it_runs),
        cmocka_unit_test(reloads_of_tls),
        cmocka_unit_test(a_shorter_struct_is_fine),
    };
    return cmocka_run_group_tests(tests, make_gateway, free_gateway);
}
