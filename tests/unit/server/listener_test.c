/* Addresses to listen on, and sockets that share the one port that was picked. */
#include "server/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void good_addresses(void **state)
{
    static const struct {
        const char *text, *printed;
        int port;
    } rows[] = {
        {"127.0.0.1:8787", "127.0.0.1:8787", 8787},
        {"localhost:1", "127.0.0.1:1", 1},
        {"0.0.0.0:65535", "0.0.0.0:65535", 65535},
        {"[::1]:0", "[::1]:0", 0},
        {"[::]:80", "[::]:80", 80},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gw_address address;
        char printed[80];
        aigw_error err = {0};
        assert_int_equal(gw_address_parse(rows[i].text, &address, &err), AIGW_OK);
        assert_int_equal(gw_address_port(&address), rows[i].port);
        gw_address_print(&address, printed, sizeof printed);
        assert_string_equal(printed, rows[i].printed);
    }
}

static void bad_addresses(void **state)
{
    static const char *const rows[] = {"",
                                       ":8787",
                                       "127.0.0.1",
                                       "127.0.0.1:",
                                       "127.0.0.1:65536",
                                       "::1:80",
                                       "127.0.0.1:-1",
                                       "127.0.0.1:+80",
                                       "127.0.0.1: 8",
                                       "example.com:80",
                                       "[::1]",
                                       "[]:80",
                                       "[::1:80",
                                       "127.1:80",
                                       "127.0.0.1:080x",
                                       "[1.2.3.4]:80",
                                       "127.0.0.1:99999999999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gw_address address;
        aigw_error err = {0};
        assert_int_equal(gw_address_parse(rows[i], &address, &err), AIGW_E_CONFIG);
        assert_string_equal(err.reason, "listen");
    }
}

static void peers_are_shown_bare(void **state)
{
    struct sockaddr_storage any;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char text[GW_PEER_TEXT];
    (void)state;
    memset(&any, 0, sizeof any);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr), 1);
    memcpy(&any, &v6, sizeof v6);
    gw_address_peer(&any, text);
    assert_string_equal(text, "192.0.2.7");
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr), 1);
    memcpy(&any, &v6, sizeof v6);
    gw_address_peer(&any, text);
    assert_string_equal(text, "2001:db8::1");
    any.ss_family = AF_UNIX;
    gw_address_peer(&any, text);
    assert_string_equal(text, "");
}

static int port_of(int fd)
{
    gw_address address;
    address.len = sizeof address.storage;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address.storage, &address.len), 0);
    return gw_address_port(&address);
}

static void threads_share_the_picked_port(void **state)
{
    gw_address address;
    int fds[3];
    aigw_error err = {0};
    (void)state;
    assert_int_equal(gw_address_parse("127.0.0.1:0", &address, &err), AIGW_OK);
    assert_int_equal(gw_listen(&address, 16, fds, 3, &err), AIGW_OK);
    int port = gw_address_port(&address);
    assert_true(port > 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(port_of(fds[i]), port);

    /* Somebody else is told, although SO_REUSEPORT would let him in. */
    for (int count = 1; count <= 2; count++) {
        int others[2];
        gw_address same = address;
        assert_int_equal(gw_listen(&same, 16, others, count, &err), AIGW_E_IO);
        assert_string_equal(err.reason, "address_in_use");
        assert_int_equal(others[0], -1);
    }
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses),
        cmocka_unit_test(bad_addresses),
        cmocka_unit_test(peers_are_shown_bare),
        cmocka_unit_test(threads_share_the_picked_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
