/* Digests, base64 (canonical only), randomness, secrets. */
#include "base/crypto.h"
#include "base/text.h"
#include "unit/base/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void hex_of(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* FIPS 180-4 examples. */
static void test_sha256(void **state)
{
    (void)state;
    uint8_t digest[GW_SHA256_BYTES];
    char hex[65];
    gw_sha256((aigw_slice){NULL, 0}, digest);
    hex_of(digest, 32, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    gw_sha256(GW_S("abc"), digest);
    hex_of(digest, 32, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    gw_sha256(GW_S("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), digest);
    hex_of(digest, 32, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* RFC 4231, cases 1, 2, 4 and 6 (a key longer than a block), and an empty key. */
static void test_hmac_sha256(void **state)
{
    (void)state;
    static const uint8_t counting[25] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
                                         14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25};
    char key1[20], key6[131], data4[50], hex[65];
    uint8_t mac[GW_SHA256_BYTES];
    memset(key1, 0x0b, sizeof key1);
    memset(key6, 0xaa, sizeof key6);
    memset(data4, 0xcd, sizeof data4);
    const struct {
        aigw_slice key, data;
        const char *mac;
    } cases[] = {
        {{key1, 20},
         GW_S("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {GW_S("Jefe"), GW_S("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{(const char *)counting, 25},
         {data4, 50},
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {{key6, 131},
         GW_S("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {{NULL, 0},
         {NULL, 0},
         "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gw_hmac_sha256(cases[i].key, cases[i].data, mac);
        hex_of(mac, 32, hex);
        assert_string_equal(hex, cases[i].mac);
    }
    memcpy(mac, "Jefe", 4); /* in place */
    gw_hmac_sha256(gw_slice((const char *)mac, 4), cases[1].data, mac);
    hex_of(mac, 32, hex);
    assert_string_equal(hex, cases[1].mac);
}

static void test_random(void **state)
{
    (void)state;
    char one[33] = {0}, two[33] = {0};
    assert_true(gw_random_hex(one, 32));
    assert_true(gw_random_hex(two, 32));
    assert_string_not_equal(one, two);
    assert_int_equal(strspn(one, "0123456789abcdef"), 32);
    uint8_t bytes[64] = {0}, zero[64] = {0};
    assert_true(gw_random(bytes, sizeof(bytes)));
    assert_false(gw_equal_ct(bytes, zero, sizeof(bytes)));
    assert_true(gw_equal_ct(bytes, bytes, sizeof(bytes)));
    assert_true(gw_equal_ct(NULL, NULL, 0));
    gw_wipe(bytes, sizeof(bytes));
    assert_true(gw_equal_ct(bytes, zero, sizeof(bytes)));
}

static void test_random_pool(void **state)
{
    (void)state;
    gw_random_pool pool = {.left = 0};
    char seen[100][33] = {{0}}, large[2048];
    for (size_t i = 0; i < 100; i++) { /* over several fillings */
        assert_true(gw_random_pool_hex(&pool, seen[i], 32));
        assert_int_equal(strspn(seen[i], "0123456789abcdef"), 32);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
    assert_true(gw_random_pool_hex(&pool, large, sizeof large)); /* more than it holds */
}

/* RFC 4648 clause 10, without padding. */
static void test_base64url_vectors(void **state)
{
    (void)state;
    const char *plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    const char *coded[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
    for (size_t i = 0; i < 7; i++) {
        uint8_t out[16];
        ptrdiff_t n = gw_base64url_decode(aigw_slice_of(coded[i]), out);
        assert_int_equal(n, strlen(plain[i]));
        assert_memory_equal(out, plain[i], (size_t)n);
        gw_buf buf;
        gw_buf_init(&buf, 100);
        assert_true(gw_base64url_encode(&buf, plain[i], strlen(plain[i])));
        assert_true(gw_eq(gw_buf_slice(&buf), aigw_slice_of(coded[i])));
        gw_buf_free(&buf);
    }
    uint8_t out[16];
    assert_int_equal(gw_base64url_decode(GW_S("_-8"), out), 2);
    assert_int_equal(out[0], 0xFF);
    assert_int_equal(out[1], 0xEF);
}

static void test_base64url_refuses(void **state)
{
    (void)state;
    const char *bad[] = {
        "Z",     "Zg==", "Zg=", "Zh",    "Zm9",      "Zm8=",     "Zm9v\n", " Zm9v",
        "Zm 9v", "+-8",  "/-8", "Zm9vZ", "Zm9v====", "\xC3\xA4", "Zm.v",   "Zn8_Zx"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t out[32];
        if (gw_base64url_decode(aigw_slice_of(bad[i]), out) != -1)
            fail_msg("accepted %s", bad[i]);
    }
}

/* Of all texts of one to three digits exactly one decodes to each value: no second spelling. */
static void test_base64url_is_canonical(void **state)
{
    (void)state;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int two = 0, three = 0;
    for (int a = 0; a < 64 * 64 * 64; a++) {
        char text[3] = {digits[a >> 12], digits[a >> 6 & 63], digits[a & 63]};
        uint8_t out[8];
        three += gw_base64url_decode(gw_slice(text, 3), out) == 2;
        if (a < 64 * 64)
            two += gw_base64url_decode(gw_slice(text + 1, 2), out) == 1;
    }
    assert_int_equal(two, 256);
    assert_int_equal(three, 65536);
}

static void test_base64url_round_trip(void **state)
{
    (void)state;
    for (size_t len = 0; len < 70; len++) {
        uint8_t in[70], out[80];
        assert_true(gw_random(in, sizeof(in)));
        gw_buf buf;
        gw_buf_init(&buf, 200);
        assert_true(gw_base64url_encode(&buf, in, len));
        assert_int_equal(gw_base64url_decode(gw_buf_slice(&buf), out), len);
        assert_memory_equal(in, out, len);
        gw_buf_free(&buf);
    }
    gw_buf small;
    gw_buf_init(&small, 3);
    assert_false(gw_base64url_encode(&small, "abc", 3));
    assert_true(small.failed);
    gw_buf_free(&small);
}

static void test_base64_padded(void **state)
{
    (void)state;
    uint8_t out[32];
    assert_int_equal(gw_base64_decode(GW_S("Zg=="), out), 1);
    assert_int_equal(gw_base64_decode(GW_S("Zm8="), out), 2);
    assert_int_equal(gw_base64_decode(GW_S("Zm9v"), out), 3);
    assert_int_equal(gw_base64_decode(GW_S(""), out), 0);
    assert_int_equal(gw_base64_decode(GW_S("+/8="), out), 2);
    const char *bad[] = {"Zg",   "Zg=",      "Zh==", "Zm9=", "=",
                         "====", "Zg==Zg==", "-_8=", "A===", "Zm9v="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (gw_base64_decode(aigw_slice_of(bad[i]), out) != -1)
            fail_msg("accepted %s", bad[i]);
    }
}

static char last_freed[8];

static void watching_free(void *user, void *ptr)
{
    (void)user;
    if (ptr != NULL)
        memcpy(last_freed, ptr, sizeof(last_freed));
    free(ptr);
}

static void *plain_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    return realloc(ptr, bytes);
}

static void test_secret_is_wiped(void **state)
{
    (void)state;
    aigw_set_allocator(&(aigw_allocator){plain_realloc, watching_free, NULL});
    gw_secret secret = {NULL, 0};
    assert_true(gw_secret_set(&secret, GW_S("password")));
    assert_string_equal(secret.data, "password");
    memset(last_freed, 'x', sizeof(last_freed));
    assert_true(gw_secret_set(&secret, GW_S("another!")));
    assert_memory_equal(last_freed, "\0\0\0\0\0\0\0\0", 8);
    memset(last_freed, 'x', sizeof(last_freed));
    gw_secret_free(&secret);
    assert_memory_equal(last_freed, "\0\0\0\0\0\0\0\0", 8);
    assert_null(secret.data);
    gw_secret_free(&secret);
    aigw_set_allocator(NULL);
    fault_alloc f;
    fault_use(&f, 2);
    assert_true(gw_secret_set(&secret, GW_S("old")));
    assert_false(gw_secret_set(&secret, GW_S("new")));
    assert_string_equal(secret.data, "old"); /* untouched on failure */
    gw_secret_free(&secret);
    fault_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256), cmocka_unit_test(test_hmac_sha256),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_random_pool),
        cmocka_unit_test(test_base64url_vectors),
        cmocka_unit_test(test_base64url_refuses),
        cmocka_unit_test(test_base64url_is_canonical),
        cmocka_unit_test(test_base64url_round_trip),
        cmocka_unit_test(test_base64_padded),
        cmocka_unit_test(test_secret_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
