/* The counters, and their text read by a strict reader of the Prometheus format 0.0.4. */
#include "base/text.h"
#include "ledger/metrics.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char text[256 * 1024];

static void render(gw_metrics *m)
{
    gw_buf buf;
    gw_buf_init(&buf, sizeof text - 1);
    gw_metrics_render(m, &buf);
    assert_false(buf.failed);
    aigw_slice all = gw_buf_slice(&buf);
    memcpy(text, all.data, all.len);
    text[all.len] = '\0';
    gw_buf_free(&buf);
}

/* The value of a sample by its exact name and labels; -1: absent. */
static double sample(const char *name)
{
    size_t n = strlen(name);
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        if (strncmp(line, name, n) == 0 && line[n] == ' ')
            return strtod(line + n + 1, NULL);
    }
    return -1;
}

static bool name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

static size_t read_name(const char *s)
{
    size_t n = 0;
    while (name_char(s[n], n == 0))
        n++;
    assert_true(n > 0);
    return n;
}

typedef struct family {
    char name[80], type[16];
    bool helped, open;
} family;

/* Does the sample belong to the family, by the type's rules? */
static bool belongs(const family *f, const char *name, size_t len)
{
    size_t n = strlen(f->name);
    if (len < n || strncmp(name, f->name, n) != 0)
        return false;
    aigw_slice suffix = {name + n, len - n};
    if (strcmp(f->type, "histogram") != 0)
        return suffix.len == 0;
    return gw_eq(suffix, GW_S("_bucket")) || gw_eq(suffix, GW_S("_sum")) ||
           gw_eq(suffix, GW_S("_count"));
}

static const char *check_labels(const char *p)
{
    do {
        p++;
        p += read_name(p);
        assert_memory_equal(p, "=\"", 2);
        for (p += 2; *p != '"'; p++) {
            assert_true(*p != '\n' && *p != '\0');
            if (*p == '\\')
                p++;
        }
        p++;
    } while (*p == ',');
    assert_true(*p == '}');
    return p + 1;
}

static void check_sample(const family *f, const char *line)
{
    size_t n = read_name(line);
    assert_true(f->open && belongs(f, line, n));
    const char *p = line + n;
    if (*p == '{')
        p = check_labels(p);
    assert_true(*p == ' ');
    char *end;
    double value = strtod(p + 1, &end);
    assert_true(end > p + 1 && *end == '\n');
    assert_true(value >= 0 || strcmp(f->type, "gauge") == 0);
}

/* Every family once, HELP then TYPE then its samples, each line well formed. Returns families. */
static int check_text(void)
{
    static char seen[64][80];
    family f = {"", "", false, false};
    int families = 0;
    size_t len = strlen(text);
    assert_true(len > 0 && text[len - 1] == '\n');
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            size_t n = read_name(line + 7);
            snprintf(f.name, sizeof f.name, "%.*s", (int)n, line + 7);
            assert_true(line[7 + n] == ' ');
            for (int i = 0; i < families; i++)
                assert_string_not_equal(seen[i], f.name);
            memcpy(seen[families++], f.name, sizeof f.name);
            f.helped = true;
            f.open = false;
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_true(f.helped && !f.open);
            size_t n = strlen(f.name);
            assert_memory_equal(line + 7, f.name, n);
            assert_int_equal(sscanf(line + 7 + n, " %15s", f.type), 1);
            assert_true(!strcmp(f.type, "counter") || !strcmp(f.type, "gauge") ||
                        !strcmp(f.type, "histogram"));
            f.open = true;
        } else {
            check_sample(&f, line);
        }
    }
    return families;
}

static void an_unused_one_is_valid(void **state)
{
    (void)state;
    gw_metrics *m = gw_metrics_new();
    assert_non_null(m);
    render(m);
    assert_int_equal(check_text(), 19);
    assert_true(sample("aigw_retries_total") == 0);
    assert_true(sample("aigw_requests_in_flight") == 0);
    gw_metrics_free(m);
}

static void requests_have_route_and_class(void **state)
{
    (void)state;
    gw_metrics *m = gw_metrics_new();
    gw_metrics_request(m, "chat", 200, 30, 7);
    gw_metrics_request(m, "chat", 201, 31, 8);
    gw_metrics_request(m, "chat", 429, 1, -1);
    gw_metrics_request(m, "messages", 0, 1, -1);
    render(m);
    check_text();
    assert_true(sample("aigw_requests_total{route=\"chat\",status=\"2xx\"}") == 2);
    assert_true(sample("aigw_requests_total{route=\"chat\",status=\"4xx\"}") == 1);
    assert_true(sample("aigw_requests_total{route=\"messages\",status=\"other\"}") == 1);
    assert_true(sample("aigw_requests_total{route=\"chat\",status=\"5xx\"}") == -1);
    gw_metrics_free(m);
}

static void histograms_are_cumulative(void **state)
{
    (void)state;
    gw_metrics *m = gw_metrics_new();
    gw_metrics_request(m, "chat", 200, 5, 5);
    gw_metrics_request(m, "chat", 200, 6, -1);
    gw_metrics_request(m, "chat", 200, 1000000, 400000);
    gw_metrics_request(m, "chat", 200, -3, -1);
    render(m);
    check_text();
    assert_true(sample("aigw_request_duration_seconds_bucket{route=\"chat\",le=\"0.005\"}") == 2);
    assert_true(sample("aigw_request_duration_seconds_bucket{route=\"chat\",le=\"0.01\"}") == 3);
    assert_true(sample("aigw_request_duration_seconds_bucket{route=\"chat\",le=\"300\"}") == 3);
    assert_true(sample("aigw_request_duration_seconds_bucket{route=\"chat\",le=\"+Inf\"}") == 4);
    assert_true(sample("aigw_request_duration_seconds_count{route=\"chat\"}") == 4);
    assert_non_null(strstr(text, "aigw_request_duration_seconds_sum{route=\"chat\"} 1000.011\n"));
    assert_true(sample("aigw_first_byte_seconds_count{route=\"chat\"}") == 2);
    assert_non_null(strstr(text, "aigw_first_byte_seconds_sum{route=\"chat\"} 400.005\n"));
    gw_metrics_free(m);
}

static void plain_counters_and_gauge(void **state)
{
    (void)state;
    gw_metrics *m = gw_metrics_new();
    gw_metrics_add(m, GW_C_INPUT_TOKENS, 40);
    gw_metrics_add(m, GW_C_INPUT_TOKENS, 2);
    gw_metrics_add(m, GW_C_TOKENS_ISSUED, 1);
    gw_metrics_in_flight(m, 3);
    gw_metrics_in_flight(m, -1);
    gw_metrics_denied(m, "expired");
    gw_metrics_denied(m, "expired");
    render(m);
    check_text();
    assert_true(sample("aigw_input_tokens_total") == 42);
    assert_true(sample("aigw_tokens_issued_total") == 1);
    assert_true(sample("aigw_requests_in_flight") == 2);
    assert_true(sample("aigw_denied_total{reason=\"expired\"}") == 2);
    gw_metrics_free(m);
}

static void labels_are_bounded(void **state)
{
    (void)state;
    static char words[100][8];
    gw_metrics *m = gw_metrics_new();
    for (int i = 0; i < 100; i++) {
        snprintf(words[i], sizeof words[i], "w%d", i);
        gw_metrics_request(m, words[i], 200, 1, 1);
        gw_metrics_denied(m, words[i]);
    }
    render(m);
    check_text();
    assert_true(sample("aigw_requests_total{route=\"other\",status=\"2xx\"}") == 68);
    assert_true(sample("aigw_denied_total{reason=\"other\"}") == 52);
    assert_true(sample("aigw_requests_total{route=\"w0\",status=\"2xx\"}") == 1);
    gw_metrics_free(m);
}

static void *hammer(void *user)
{
    static const char *const routes[] = {"a", "b", "c"};
    for (int i = 0; i < 3000; i++) {
        gw_metrics_request(user, routes[i % 3], 200, i, i);
        gw_metrics_denied(user, routes[i % 3]);
        gw_metrics_add(user, GW_C_RETRIES, 1);
    }
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    (void)state;
    gw_metrics *m = gw_metrics_new();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, m), 0);
    render(m);
    check_text();
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    render(m);
    check_text();
    assert_true(sample("aigw_retries_total") == 12000);
    assert_true(sample("aigw_denied_total{reason=\"b\"}") == 4000);
    assert_true(sample("aigw_request_duration_seconds_count{route=\"c\"}") == 4000);
    gw_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unused_one_is_valid),
        cmocka_unit_test(requests_have_route_and_class),
        cmocka_unit_test(histograms_are_cumulative),
        cmocka_unit_test(plain_counters_and_gauge),
        cmocka_unit_test(labels_are_bounded),
        cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
