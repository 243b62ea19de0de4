/* Whose request it is: the peer, the PROXY header's address, forwarding headers; with the config's policy. */
#include "base/text.h"
#include "gateway/peer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#define ECHO  "providers: [{type: echo}]\n"
#define PROXY "server: {trusted_proxies: [10.0.0.0/8, 'fd00::/8']"

typedef struct row {
    const char *peer, *proxied, *first, *second, *expected; /* expected NULL: nobody */
} row;

static void expect(const char *document, const char *name, const row *rows, size_t count)
{
    gw_config *config = NULL;
    assert_int_equal(gw_config_load(aigw_slice_of(document), NULL, &config, NULL), AIGW_OK);
    for (size_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        gw_client_address found;
        char text[GW_IP_TEXT] = "";
        const aigw_header headers[] = {{aigw_slice_of(name), aigw_slice_of(r->first)},
                                       {aigw_slice_of(name), aigw_slice_of(r->second)}};
        const aigw_request request = {.size = sizeof request,
                                      .headers = headers,
                                      .header_count = r->second  ? 2u
                                                      : r->first ? 1u
                                                                 : 0u,
                                      .peer = aigw_slice_of(r->peer),
                                      .proxied = aigw_slice_of(r->proxied)};
        bool known = gw_peer_client(config, &request, &found);
        if (known)
            gw_ip_format(&found.ip, text);
        if (known != (r->expected != NULL) || (known && strcmp(text, r->expected) != 0))
            fail_msg("row %zu, %s, %s, %s: %s", i, r->peer, r->first, r->second, text);
    }
    gw_config_free(config);
}

#define EXPECT(document, name, rows) expect(document, name, rows, sizeof(rows) / sizeof *(rows))

static void x_forwarded_for(void **state)
{
    (void)state;
    static const row rows[] = {
        {"192.0.2.1", NULL, "198.51.100.1", NULL, "192.0.2.1"}, /* not believed */
        {"10.0.0.1", NULL, NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", NULL, "198.51.100.1", NULL, "198.51.100.1"},
        {"10.0.0.1", NULL, "203.0.113.9, 198.51.100.1", NULL, "198.51.100.1"}, /* forged head */
        {"10.0.0.1", NULL, "198.51.100.1, 10.0.0.2,10.0.0.3", NULL, "198.51.100.1"},
        {"10.0.0.1", NULL, "203.0.113.9", "198.51.100.1 , 10.0.0.2", "198.51.100.1"},
        {"10.0.0.1", NULL, "198.51.100.1", "10.0.0.2", "198.51.100.1"},
        {"::ffff:10.0.0.1", NULL, "::ffff:198.51.100.1", NULL, "198.51.100.1"},
        {"fd00::1", NULL, "2001:db8::5", NULL, "2001:db8::5"},
        {"10.0.0.1", NULL, "198.51.100.1, unknown", NULL, "10.0.0.1"},
        {"10.0.0.1", NULL, "198.51.100.1,", NULL, "10.0.0.1"},
        {"10.0.0.1", NULL, "", NULL, "10.0.0.1"},
        {"10.0.0.1", NULL, "198.51.100.1, x, 10.0.0.9", NULL, "10.0.0.9"}, /* the last good */
        {"", NULL, "198.51.100.1", NULL, NULL},
        {"unix:", NULL, "198.51.100.1", NULL, NULL},
    };
    EXPECT(PROXY "}\n" ECHO, "X-Forwarded-For", rows);
    EXPECT(PROXY "}\n" ECHO, "x-forwarded-for", rows);
    static const row ignored[] = {{"10.0.0.1", NULL, "198.51.100.1", NULL, "10.0.0.1"}};
    EXPECT(PROXY ", forwarded: none}\n" ECHO, "x-forwarded-for", ignored);
    EXPECT(PROXY ", forwarded: forwarded}\n" ECHO, "x-forwarded-for", ignored);
    EXPECT(ECHO, "x-forwarded-for", ignored); /* nobody is trusted */
    static const row capped[] = {
        {"10.0.0.1", NULL, "198.51.100.1, 10.0.0.3, 10.0.0.2", NULL, "10.0.0.3"}};
    EXPECT(PROXY ", forwarded_max_hops: 2}\n" ECHO, "x-forwarded-for", capped);
}

static void behind_a_proxy_header(void **state)
{
    (void)state;
    static const row rows[] = {
        {"10.0.0.1", "198.51.100.1", NULL, NULL, "198.51.100.1"},
        {"10.0.0.1", "198.51.100.1", "203.0.113.9", NULL, "198.51.100.1"}, /* a stranger's word */
        {"10.0.0.1", "10.0.0.7", "203.0.113.9", NULL, "203.0.113.9"},      /* two proxies */
        {"10.0.0.1", "::ffff:10.0.0.7", "203.0.113.9", NULL, "203.0.113.9"},
        {"10.0.0.1", "2001:db8::1", "203.0.113.9", NULL, "2001:db8::1"},
        {"10.0.0.1", "fd00::7", "203.0.113.9", NULL, "203.0.113.9"},
        {"10.0.0.1", "", "203.0.113.9", NULL, "203.0.113.9"}, /* LOCAL, UNKNOWN: the peer */
        {"10.0.0.1", "x", NULL, NULL, "10.0.0.1"},
        {"192.0.2.1", "198.51.100.1", NULL, NULL, "192.0.2.1"}, /* trusted no more */
        {"192.0.2.1", "10.0.0.7", "203.0.113.9", NULL, "192.0.2.1"},
    };
    EXPECT(PROXY "}\n" ECHO, "x-forwarded-for", rows);
}

static void other_headers(void **state)
{
    (void)state;
    static const row rfc[] = {
        {"10.0.0.1", NULL, "for=198.51.100.1;proto=https", NULL, "198.51.100.1"},
        {"10.0.0.1", NULL, "for=203.0.113.9, for=\"[2001:db8::5]:80\"", NULL, "2001:db8::5"},
        {"10.0.0.1", NULL, "for=_hidden", NULL, "10.0.0.1"},
        {"192.0.2.1", NULL, "for=198.51.100.1", NULL, "192.0.2.1"},
    };
    EXPECT(PROXY ", forwarded: forwarded}\n" ECHO, "Forwarded", rfc);
    static const row one[] = {
        {"10.0.0.1", NULL, "198.51.100.1", NULL, "198.51.100.1"},
        {"10.0.0.1", NULL, "198.51.100.1", "203.0.113.9", "10.0.0.1"}, /* twice */
        {"10.0.0.1", NULL, "198.51.100.1, 203.0.113.9", NULL, "10.0.0.1"},
        {"192.0.2.1", NULL, "198.51.100.1", NULL, "192.0.2.1"},
    };
    EXPECT(PROXY ", forwarded: header, forwarded_header: x-real-ip}\n" ECHO, "X-Real-IP", one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x_forwarded_for),
        cmocka_unit_test(behind_a_proxy_header),
        cmocka_unit_test(other_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
