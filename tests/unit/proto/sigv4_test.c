/* Signatures of version 4: the public test suite, and requests signed by another implementation. */
#include "base/text.h"
#include "proto/sigv4.h"
#include "unit/base/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SUITE_ID     "AKIDEXAMPLE"
#define SUITE_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static const gw_sigv4 suite = {{SUITE_ID, sizeof SUITE_ID - 1},
                               {SUITE_SECRET, sizeof SUITE_SECRET - 1},
                               {NULL, 0},
                               {"us-east-1", sizeof "us-east-1" - 1},
                               {"service", sizeof "service" - 1}};

/* SHA-256 of nothing, and of "Param1=value1". */
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define PARAM1  "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"

/* "Signature Version 4 test suite" of the AWS General Reference: 2015-08-30T12:36:00Z. */
static void published_suite(void **state)
{
    static const struct {
        const char *name, *method, *path, *query, *type, *digest, *signature;
    } cases[] = {
        {"get-vanilla", "GET", "/", "", NULL, NOTHING,
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"post-vanilla", "POST", "/", "", NULL, NOTHING,
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1", NULL,
         NOTHING, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"get-relative", "GET", "/example/..", "", NULL, NOTHING,
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-slashes", "GET", "//example//", "", NULL, NOTHING,
         "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
        {"post-x-www-form-urlencoded", "POST", "/", "", "application/x-www-form-urlencoded", PARAM1,
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    };
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        aigw_header headers[3];
        size_t n = 0;
        if (cases[i].type != NULL)
            headers[n++] = (aigw_header){GW_S("content-type"), aigw_slice_of(cases[i].type)};
        headers[n++] = (aigw_header){GW_S("host"), GW_S("example.amazonaws.com")};
        headers[n++] = (aigw_header){GW_S("x-amz-date"), GW_S("20150830T123600Z")};
        gw_sigv4_request r = {.method = aigw_slice_of(cases[i].method),
                              .path = aigw_slice_of(cases[i].path),
                              .query = aigw_slice_of(cases[i].query),
                              .headers = headers,
                              .header_count = n,
                              .body_digest = aigw_slice_of(cases[i].digest),
                              .unix_s = 1440938160};
        aigw_slice out;
        assert_int_equal(gw_sigv4_authorize(arena, &suite, &r, &out, NULL), AIGW_OK);
        if (!gw_ends(out, aigw_slice_of(cases[i].signature)))
            fail_msg("%s: %.*s", cases[i].name, (int)out.len, out.data);
    }
    gw_arena_free(arena);
}

/* Signed by botocore 1.44 (an implementation that nobody here wrote) on random requests. */
static const struct vector {
    const char *id, *secret, *token, *region, *service, *method, *host, *path, *query, *body;
    size_t body_len;
    int64_t unix_s;
    const char *signature;
} vectors[] = {
    /* clang-format off */
    {"AKIAMPIHRAAXSNDTJIEK", "1Iqjyu1BY+wi/FAjtFysHiVkTJw83Cqp32VC4YQxggV7u7VTt6z9KAqCKnlD2BM/hWAgNM", "a1Z0X/bc9a=0ca911Z90a/+/00X9a9/a/X/Zac1=c1ccY90=b9bb=01ZXa90X1XcXX9/Z/=Y1++9XXYb+aa+Zb9/c19b0=c9a=cZ/=Z1=X01b0ZaYX+ZZ/ab10Y=cY=/X=ZZXaaa=c+1Z=aY+9Yb=/Xac0ZY1a0bY=0XX9+0+Yaac1=cZb+X9/9cc0c+==ZXcc+=bca+YYZac=ab1=0=0Y/c00Z1ZY1cYaYX=a1aab+1a/Xc=0=+0X++Yc=XcbZZbb9XXZ991=b0+Zcc+bZc/1+b10Xbb//YZ0Z+Z09++/bX", "ap-southeast-2", "bedrock", "GET", "127.0.0.1:9999", "/a%20b/(c);d=e,f!g*h'", "a=2&a=1", "", 0, INT64_C(1735689599), "88515bee9a204e98c26c18377fc21ee0a0ecd326db3e28ca4757b0081e4b2fe6"},
    {"AKIAOT2IMRCKTDHRHL4P", "3gs/ULWl3qD2+iUxhAycSEE01vEaChtldsIDUQrm", "", "ap-southeast-2", "bedrock", "GET", "127.0.0.1:9999", "/", "x=&y", "", 0, INT64_C(3667632112), "71faee1f7e3e03f49c538426a9d9870c65cd393e4ce2d974577fd2d3638d4c92"},
    {"AKIA7B6EA5UWW2JHG5UK", "iXc4arLJMh88hta/0eFoXdNacEXJUaB2B5gqIemYmg/+to+Gxhn7jxR7u+VGM9wMdwFnXj", "", "us-east-1", "bedrock", "PUT", "example.com:8443", "/%2F%2e/", "a=1", "\xb9", 1, INT64_C(459741089), "c797f16a230b8b0713dd1233935b2bbeadcd7a7c231d5b2a3775ae6196cd3d91"},
    {"AKIAUE43FH56QY56YYGY", "biw/3dkXQfda5w5M0jA2O+2YdnvZtGB/rRnu/cNe", "Y1=c0YZYZYc9+X++9b+c", "us-east-1", "execute-api", "GET", "bedrock-runtime.us-east-1.amazonaws.com", "/", "a=b=c", "\xe8", 1, INT64_C(0), "b59bf86a0706b268af622ed6430be725ed9d950e20a67810b4c5115cd571b4dc"},
    {"AKIAPL22KCVAUKJXPC2K", "BF9KI9CuiF6rWvcmheh/7d/HKJW9plNW3zEtiLAm", "", "eu-central-1", "service", "GET", "bedrock-runtime.eu-central-1.amazonaws.com", "/..", "a=2&a=1", "\x35", 1, INT64_C(951868799), "7eebce1cb14bf6444abb0216595f679d5a4ace294fea235c06a605fe73eb0c48"},
    {"AKIAPECVYNXE55VSVBFI", "cdFA3NxnWbziBuOAODHSYOg6zo7tXWAORE/7Za7T", "Za10/+=+/11=/Ya91Xb/Y/c1XYc9Y=0aX++1aY/=Y9Yb0a+9=aX=1X0ZY1+9Y=Y+c0019XX0+1b=0aa=XZXb=a1Xa/cZa/9YXX09b+cYaca=a+9X=cZcc=0+aa+Z9/aXb=11bcY9a0Y+9+XcZb=+Y=YX+9baYXXX9X1Z0+1=bZb1Y1=aaZ1=aX9ca0bXaY+ZbbYY=cX9=+c1a01=aaZ/0Y1a=1Z0/acYZXbc+=Z099+=Y9ZZ1c+X0Xbbca/ab19+bcZ99/cc=0b1ba1/Z0=c+Zc+X0ZX9/9bY1X+/1cYacX=", "eu-central-1", "service", "GET", "bedrock-runtime.eu-central-1.amazonaws.com", "/%E1%88%B4/x~y_z-1.2", "a=b=c", "\xf4\xd4\x71\x63\x29\x07\x4f\xfd\x6e\xfe\x89\xc9\x3f\x23\x32\xb1\x56\x65\xda\x9e\xd1\x83\x7d\xc1\xd0\x11\x14\x62\xbe\xcf\xa4\xd1\x8d\xe7\xc8\x59\x41\xdc\xb2\xbb\xbf\xde\x11\xbc\x3f\xab\x1b\x6c\xb7\x5b", 50, INT64_C(1709208000), "c82812793f6289f108c008fe216b4629704ab0f2ddb8ddc10b8a39f45134ba46"},
    {"AKIA73EUWNEN2H2IY235", "E2FidPSDI1OvSEyq+uvsCeWVR9VTD807EmsztCqR", "", "us-gov-west-1", "service", "PUT", "example.com:8443", "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream", "a=b=c", "\x01", 1, INT64_C(4102444800), "44d51e18db0326ad21c30b784d7cac66cb4f23e839de5b3e2f29179c7b01f211"},
    {"AKIAM4EK5TDYSLK4TTB6", "LU9Olk9w62yQJrHXRbk44S+KXMoagcsdHuf+30OY", "c++/a0/Z90//XXXc1X/+", "us-east-1", "execute-api", "GET", "bedrock-runtime.us-east-1.amazonaws.com", "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream", "", "", 0, INT64_C(1709208000), "f32bc6acc8679bde08bae6ef1d7718af82457b3844d912086429e2916a0b388e"},
    {"AKIAC3NM7BTOGVA72NO5", "usu6TmEL235aZs3GXUM29nQmvtMxl5/0m9XWUNM5", "", "us-gov-west-1", "service", "PUT", "example.com:8443", "/a//b///c", "x", "\xa8", 1, INT64_C(4102444800), "4a9e0216618c91d52ca253567783a0b24d934d45c5b6b4a738f54b8ba9a47722"},
    {"AKIAHCVY6GEH5VSYEXM7", "k5UQMpXhB78pKTFo9t3gfdemJnAmHckLv7rxzyY6", "b/c1ZYaYX+9c999c1c90", "us-gov-west-1", "execute-api", "PUT", "bedrock-runtime.us-gov-west-1.amazonaws.com", "/model/a:b@c$d&e+f=g/converse", "a=1", "", 0, INT64_C(1440938160), "dcdc35e81b0aa7e1015a4cf0679218463d6b60dbb361dd2f816789311b507b00"},
    {"AKIADLZ4JN5MGIGQSBWU", "KePcaX6wWBazs+gUX0w9uww7oBcHdUlO1S83GkK8+6D7MLqXhmz/Fd1MwrPeEUVpGR1hoD", "", "us-gov-west-1", "execute-api", "PUT", "bedrock-runtime.us-gov-west-1.amazonaws.com", "/a/./b/../c/", "a=2&a=1", "\x2b", 1, INT64_C(951868799), "a2af6ed283ac436beb92483dd03ccd3c0681a60e161b3ef1b7917ff2eb1e548b"},
    {"AKIARH6UROJ5E7B42265", "2faYjdgvoa6zxJ5b9JTp0c10XoSH4n6KA1Hm0+iw", "019+9Y0Yb19/a/90X0YXaZ=10YZZcY+1ca0+9=XZbZZ+XZb/a/Y91/01aZYYbYZ/ZZY9+X01=bX9c+==0ZcX9X/cba=b=11ca+/1Y1=+=b/aYcX19X=bYca0ccZ0Y0bb1a99+09Zc9=0/bY=Z9a=c/X++a0Y009009/+0=0Zb+0ZacXc==YcZ/a/0/+0Z/YbbX0YZXc9babY00++=Xba=a0/bYXZcc=ZZZc/=cY99YaXb91Z1ZZab/0=0cbYa/90+ZY/0Y0+a//ab1YYZYX91/Z+9++Zcb=bbac0+0190+c=", "us-east-1", "service", "PUT", "example.com:8443", "/x/..", "a=1", "\x24\xc5\x0b\x99\x6e\x83\x34\xdb\xa1\x51\x6e\x41\x00\x82\xe6\x84\x32\x83\x19\x55\xd5\x01\x87\x38\x73\x6e\x97\xfd\x5d\xba\x62\x9b\xdc\x23\x69\xaa\x7a\x89\xd4\x50\x8b\x78\x98\xaf\xc4\x2e\xcb\x44\xb0\x96", 50, INT64_C(951868799), "abbbbf29e46b9be9e19cafdb4ea6ccd77ca58229bb51bcb8fcc1355dadaaf552"},
    {"AKIAZENVQNTMA7T3KOCG", "DNssj9pPfZwPKlyAA8zhx5poRQIzZhmedBiogUjz", "aXbXbZbac9Ya09X9ccb+bZ/X//+0X1+==/aXaY+c=0X+Yc1aX0YX/bY+=+aXZb1Zb1Z+Zaa0Y1Yb=X+=/Y00+//9c0ccaXaY+X1b+110Xb9cYaacba0+ZXaYaaX/XZZ=ba9c99Yc1=ab9c=9=aa/a01ZY1ZaZ9ZZY9Y//=0XZbZY91+=91/Z9cZZ0+Y0bZ=aXY=b0/c=+bXb=1X+=aY19=aa90=91/+010b01YX=/0XY1ZabbX+9XY=Y1ZZ9b10/YZ1Y1=Y19XZ9ZXZ199X9=caZ=YX+YXY1Y/a=c0bY1XY9", "ap-southeast-2", "execute-api", "POST", "example.com:8443", "/a//b///c", "%E1%88%B4=bar", "", 0, INT64_C(0), "3ea9f77c832455644b9325c59735a87561aca4232395308c97272491e5f46c42"},
    {"AKIA6EUV6FRO4CSQS3UW", "FCTrtWouzMmc89Gv81L7oJKTyJwTujlytHqiCwkGVq4sqXoioEyGOhFi6YxOgXsZM0fqJh", "b9/9XXZ=b0+Z/YaZcYX+", "ap-southeast-2", "execute-api", "POST", "127.0.0.1:9999", "/x/..", "Param=v&param=V", "\x41", 1, INT64_C(951782400), "9f191154264350315ad7cd13bfa5f3a7ea3b766d7f8698231ddda1efcabc9616"},
    {"AKIAJFRUNRUZNNIDK7D3", "VqvYos7MdeMSGvV/hnC/UDO3nNK9vrEfgJ6tMVPJkoX/H7CxyJ/1Mz33SFhWQ8NCIfgWKl", "ZZ+=b+ZcYZY=c/9+aa0/", "us-east-1", "bedrock", "PUT", "bedrock-runtime.us-east-1.amazonaws.com", "/a//b///c", "b=2&a=1", "", 0, INT64_C(1735689599), "13ea63e15bf0d2febbda9b5b46ad878913601cf8ef775ec11e06bac3e3e5b8e1"},
    {"AKIA2NCWJ7WYWF4BPMHM", "Qglh8sFPVK6/B4fFb5N1xMxwKE/rTHe+43TiX7Yy", "", "us-east-1", "execute-api", "POST", "bedrock-runtime.us-east-1.amazonaws.com", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fabc/converse", "k=%20v%2B&j=~", "\xe8", 1, INT64_C(951868799), "97af11222379eb2ca28ff1dae00b5e891a789a7dc12769a73f4ce18732d4a03f"},
    {"AKIA2UN4P6V6L67IKWYQ", "Z+teApmtjJp/GK4XoFnCCgh0NqVwUj8dpPaauLN5", "", "us-gov-west-1", "execute-api", "GET", "127.0.0.1:9999", "/%E1%88%B4/x~y_z-1.2", "api-version=1", "\x12\x20\x48\xad\xfe\xb3\x43\xe1\xd8\x66\xd6\x5e\x75\xed\x36\x50\x59\xfa\x9e\x9e\x7b\xca\xdb\x27\x83\xba\x40\x86\xdb\xfe\xfc\xf8\x93\x7a\xaa\xc1\x43\xe7\x60\xcc\x7a\xff\x38\xa3\xac\x73\x2a\x4d\x32\x2b", 50, INT64_C(951782400), "9ad729041ea51e122931c69d4aadaa4b50169717e7bd046db9755932d076d02c"},
    /* clang-format on */
};

static int sign(gw_arena *arena, const struct vector *v, aigw_header out[GW_SIGV4_HEADERS],
                size_t *count, aigw_error *err)
{
    gw_sigv4 who = {aigw_slice_of(v->id), aigw_slice_of(v->secret), aigw_slice_of(v->token),
                    aigw_slice_of(v->region), aigw_slice_of(v->service)};
    return gw_sigv4_sign(arena, &who, aigw_slice_of(v->method), aigw_slice_of(v->host),
                         aigw_slice_of(v->path), aigw_slice_of(v->query),
                         gw_slice(v->body, v->body_len), v->unix_s, out, count, err);
}

static void as_another_signs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        gw_arena *arena = gw_arena_new(1 << 20);
        aigw_header out[GW_SIGV4_HEADERS];
        size_t count = 0;
        assert_int_equal(sign(arena, &vectors[i], out, &count, NULL), AIGW_OK);
        assert_int_equal(count, vectors[i].token[0] ? 4 : 3);
        aigw_slice got = gw_header_get(out, count, GW_S("authorization"));
        if (!gw_ends(got, aigw_slice_of(vectors[i].signature)))
            fail_msg("vector %zu: %.*s", i, (int)got.len, got.data);
        aigw_slice token = gw_header_get(out, count, GW_S("x-amz-security-token"));
        assert_true(gw_eq(token, aigw_slice_of(vectors[i].token)));
        gw_arena_free(arena);
    }
}

static const struct vector plain = {SUITE_ID, SUITE_SECRET, "",   "us-east-1", "bedrock",
                                    "POST",   "h",          "/a", "",          "{}",
                                    2,        951827696,    ""};

/* A leap day in a leap century, and what stands in the headers besides. */
static void headers(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    aigw_header out[GW_SIGV4_HEADERS];
    size_t count = 0;
    assert_int_equal(sign(arena, &plain, out, &count, NULL), AIGW_OK);
    assert_int_equal(count, 3);
    assert_true(gw_eq(gw_header_get(out, count, GW_S("x-amz-date")), GW_S("20000229T123456Z")));
    assert_true(gw_eq(gw_header_get(out, count, GW_S("x-amz-content-sha256")),
                      GW_S("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")));
    aigw_slice auth = gw_header_get(out, count, GW_S("authorization"));
    assert_true(gw_starts(auth, GW_S("AWS4-HMAC-SHA256 Credential=" SUITE_ID
                                     "/20000229/us-east-1/bedrock/aws4_request, SignedHeaders="
                                     "host;x-amz-content-sha256;x-amz-date, Signature=")));
    assert_null(gw_find(auth, GW_S(SUITE_SECRET)));
    gw_arena_free(arena);
}

/* What could smuggle a header or a scope into the request, or cannot be said. */
static void refused(void **state)
{
    (void)state;
    struct vector bad[16];
    size_t n = 0;
    for (size_t i = 0; i < 16; i++)
        bad[i] = plain;
    bad[n++].id = "";
    bad[n++].id = "A/B";
    bad[n++].id = "A\r\nx: y";
    bad[n++].secret = "";
    bad[n++].token = "a\nb";
    bad[n++].region = "";
    bad[n++].region = "us/east";
    bad[n++].service = "a, b";
    bad[n++].host = "";
    bad[n++].host = "h\r\nx: y";
    bad[n++].path = "";
    bad[n++].path = "a";
    bad[n++].path = "/a?b";
    bad[n++].query = "a b";
    bad[n++].unix_s = -1;
    bad[n++].unix_s = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        gw_arena *arena = gw_arena_new(1 << 20);
        aigw_header out[GW_SIGV4_HEADERS] = {{GW_S("mark"), GW_S("")}};
        size_t count = 77;
        aigw_error err;
        if (sign(arena, &bad[i], out, &count, &err) != AIGW_E_INVALID)
            fail_msg("case %zu was signed", i);
        assert_int_equal(err.http_status, 500);
        assert_null(strstr(err.message, SUITE_SECRET));
        assert_int_equal(count, 77);
        assert_true(gw_eq(out[0].name, GW_S("mark")));
        gw_arena_free(arena);
    }
}

static void no_memory(void **state)
{
    (void)state;
    bool done = false;
    for (long n = 1; n < 100 && !done; n++) {
        aigw_header out[GW_SIGV4_HEADERS];
        size_t count = 0;
        fault_alloc f;
        gw_arena *arena = gw_arena_new(1 << 20);
        fault_use(&f, n);
        int rc = sign(arena, &vectors[0], out, &count, NULL);
        fault_done();
        gw_arena_free(arena);
        assert_true(rc == AIGW_E_NOMEM || (rc == AIGW_OK && f.calls < n));
        done = rc == AIGW_OK;
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_suite), cmocka_unit_test(as_another_signs),
        cmocka_unit_test(headers),         cmocka_unit_test(refused),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
