/* Health and metrics as requests, numbers of others among the metrics, and the notes of a server. */
#include "gateway/sources.h"
#include "unit/gateway/fake.h"
#include <aigw/metrics.h>

#define DOCUMENT                                                                                   \
    "server: {listen: '0.0.0.0:1', trusted_proxies: [10.0.0.0/8], allowed_peers: "                 \
    "[192.0.2.0/24]}\n"                                                                            \
    "auth: {jwt: {issuers: [{issuer: 'https://a', jwks: '{\"keys\":[]}'}]}}\n"                     \
    "providers: [{type: echo}]\n"

static int ask(aigw_gateway *gw, const char *method, const char *path, const char *peer,
               aigw_slice *body)
{
    const aigw_header headers[] = {{GW_S("host"), GW_S("gateway")},
                                   {GW_S("user-agent"), GW_S("kube-probe/1.31")}};
    const aigw_request request = {.size = sizeof request,
                                  .headers = headers,
                                  .header_count = 2,
                                  .method = aigw_slice_of(method),
                                  .target = aigw_slice_of(path),
                                  .peer = aigw_slice_of(peer),
                                  .channel = AIGW_CHANNEL_CLEAR};
    int status = 0;
    assert_int_equal(aigw_call(gw, &request, 10000, &status, body, NULL, NULL), AIGW_OK);
    return status;
}

static void expect(aigw_gateway *gw, const char *method, const char *path, int status,
                   const char *part)
{
    aigw_slice body = {NULL, 0};
    /* A stranger in clear text: who asks for a token is told 403. */
    assert_int_equal(ask(gw, method, path, "198.51.100.7", &body), status);
    if (!gw_find(body, aigw_slice_of(part)))
        fail_msg("%s: no %s in %.*s", path, part, (int)body.len, body.data);
    aigw_bytes_free(body);
}

static aigw_gateway *make(const aigw_host *host)
{
    aigw_gateway *gw = NULL;
    assert_int_equal(aigw_gateway_new(GW_S(DOCUMENT), host, &gw, NULL), AIGW_OK);
    return gw;
}

static void probes_are_for_everybody(void **state)
{
    (void)state;
    aigw_gateway *gw = make(NULL);
    expect(gw, "GET", "/", 200, "{\"status\":\"ok\"}");
    expect(gw, "GET", "/healthz", 200, "{\"status\":\"ok\"}");
    expect(gw, "GET", "/healthz?a=b", 200, "{\"status\":\"ok\"}");
    expect(gw, "GET", "/metrics", 200, "aigw_requests_in_flight 0\n");
    expect(gw, "GET", "/v1/models", 403, "error");
    expect(gw, "GET", "/metrics", 200, "aigw_requests_total{route=\"health\",status=\"2xx\"} 3\n");
    aigw_gateway_free(gw);
}

static void count(void *user, aigw_metric_fn *add, void *to)
{
    const uint64_t *n = user;
    const aigw_metric rows[] = {
        {sizeof *rows, "other_things_total", "counter", "Things.", "kind=\"a\"", *n, false},
        {sizeof *rows, "other_least", "gauge", "The least.", "", *n, true},
        {sizeof *rows, "other_things_total", "counter", "Things.", "kind=\"b\"", 1, false},
    };
    for (size_t i = 0; i < 3; i++)
        add(to, &rows[i]);
}

static void numbers_of_others(void **state)
{
    (void)state;
    aigw_gateway *gw = make(NULL);
    uint64_t three = 3, four = 4;
    aigw_error err;
    assert_int_equal(aigw_metrics_add_source(gw, NULL, NULL, &err), AIGW_E_INVALID);
    assert_int_equal(aigw_metrics_add_source(gw, count, &three, &err), AIGW_OK);
    expect(gw, "GET", "/metrics", 200, "\nother_things_total{kind=\"a\"} 3\n");
    assert_int_equal(aigw_metrics_add_source(gw, count, &four, &err), AIGW_OK);
    expect(gw, "GET", "/metrics", 200,
           "# HELP other_things_total Things.\n# TYPE other_things_total counter\n"
           "other_things_total{kind=\"a\"} 7\nother_things_total{kind=\"b\"} 2\n");
    expect(gw, "GET", "/metrics", 200, "\nother_least 3\n");
    aigw_metrics_remove_source(gw, count, &three);
    aigw_metrics_remove_source(gw, count, &three); /* once is enough */
    expect(gw, "GET", "/metrics", 200, "\nother_least 4\n");
    for (int i = 1; i < GW_SOURCES_MAX; i++)
        assert_int_equal(aigw_metrics_add_source(gw, count, &three, &err), AIGW_OK);
    assert_int_equal(aigw_metrics_add_source(gw, count, &three, &err), AIGW_E_LIMIT);
    aigw_gateway_free(gw);
}

static void many(void *user, aigw_metric_fn *add, void *to)
{
    static char labels[GW_SOURCE_METRICS_MAX + 10][16];
    (void)user;
    for (int i = 0; i < GW_SOURCE_METRICS_MAX + 10; i++) {
        snprintf(labels[i], sizeof labels[i], "n=\"%d\"", i);
        const aigw_metric m = {sizeof m, "many", "gauge", "Many.", labels[i], 1, false};
        add(to, &m);
    }
}

static void too_many_numbers_are_left_out(void **state)
{
    (void)state;
    aigw_gateway *gw = make(NULL);
    assert_int_equal(aigw_metrics_add_source(gw, many, NULL, NULL), AIGW_OK);
    expect(gw, "GET", "/metrics", 200, "many{n=\"255\"} 1\n");
    aigw_slice body = {NULL, 0};
    ask(gw, "GET", "/metrics", "", &body);
    assert_null(gw_find(body, GW_S("many{n=\"256\"}")));
    aigw_bytes_free(body);
    aigw_gateway_free(gw);
}

static void keep(void *user, aigw_log_level level, const char *line, size_t len)
{
    (void)level;
    snprintf(user, 512, "%.*s", (int)len, line);
}

static void notes_go_to_the_log(void **state)
{
    (void)state;
    char line[512] = "";
    const aigw_host host = {.size = sizeof host, .user = line, .log = keep};
    aigw_gateway *gw = make(&host);
    aigw_server_note note = {.size = sizeof note,
                             .event = "refused",
                             .reason = "a \"reason\"",
                             .peer = GW_S("192.0.2.1"),
                             .status = 400,
                             .more = 7};
    line[0] = '\0';
    aigw_gateway_note(gw, &note);
    assert_string_equal(line, "{\"level\":\"info\",\"event\":\"refused\",\"reason\":\"a "
                              "\\\"reason\\\"\",\"status\":400,\"peer\":\"192.0.2.1\",\"more\":7}");
    note.size = offsetof(aigw_server_note, peer); /* an older caller's */
    aigw_gateway_note(gw, &note);
    assert_null(strstr(line, "192.0.2.1"));
    line[0] = '\0';
    note.size = 0;
    aigw_gateway_note(gw, &note);
    aigw_gateway_note(gw, NULL);
    assert_string_equal(line, "");
    aigw_gateway_free(gw);
}

static void who_may_connect_follows_a_reload(void **state)
{
    (void)state;
    aigw_gateway *gw = make(NULL);
    assert_true(aigw_gateway_admits_peer(gw, GW_S("192.0.2.7")));
    assert_false(aigw_gateway_admits_peer(gw, GW_S("127.0.0.1")));
    assert_true(aigw_gateway_trusts_peer(gw, GW_S("10.1.1.1")));
    assert_int_equal(aigw_gateway_reload(gw, GW_S("providers: [{type: echo}]"), NULL), AIGW_OK);
    assert_true(aigw_gateway_admits_peer(gw, GW_S("127.0.0.1")));
    assert_false(aigw_gateway_trusts_peer(gw, GW_S("10.1.1.1")));
    aigw_gateway_free(gw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_are_for_everybody),         cmocka_unit_test(numbers_of_others),
        cmocka_unit_test(too_many_numbers_are_left_out),    cmocka_unit_test(notes_go_to_the_log),
        cmocka_unit_test(who_may_connect_follows_a_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
