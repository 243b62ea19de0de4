/* What the dialects of embeddings share: vectors as decimal text, as base64, and of length 1. */
/* Must not know any dialect's fields. */
#include "wire/embed/embed.h"
#include "base/crypto.h"
#include "base/text.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXACT_DIGITS = 15, EXACT_POWER = 22, MOST_DIGITS = 9 };

/* The powers of ten that a double holds exactly. */
static const double tens[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                             1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                             1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

const gw_embed_wire *gw_embed_wire_of(aigw_format format)
{
    return format == AIGW_FORMAT_OPENAI_CHAT ? &gw_embed_openai
           : format == AIGW_FORMAT_GEMINI    ? &gw_embed_gemini
                                             : NULL;
}

/* -- reading numbers -- */

/* The next double away from zero (+1) or towards it (-1); of none that is zero. */
static double neighbour(double value, int step)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits += (uint64_t)(int64_t)step;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

/* A double that is right to the last bit gives the right float32, unless it lies between two of them. */
static bool narrow(double value, float *out)
{
    float result = (float)value;
    if (value != 0 &&
        ((float)neighbour(value, 1) != result || (float)neighbour(value, -1) != result))
        return false;
    *out = result;
    return true;
}

/* The few digits that nearly every number has. False: look closer. */
static bool quick(aigw_slice text, float *out)
{
    uint64_t mantissa = 0;
    int digits = 0, power = 0;
    bool point = false, negative = text.len && text.data[0] == '-';
    size_t i = negative ? 1 : 0;
    for (; i < text.len && text.data[i] != 'e' && text.data[i] != 'E'; i++) {
        if (text.data[i] == '.') {
            point = true;
            continue;
        }
        if (mantissa || text.data[i] != '0')
            digits++;
        if (digits > EXACT_DIGITS)
            return false;
        mantissa = mantissa * 10 + (uint64_t)(text.data[i] - '0');
        power -= point;
    }
    if (i < text.len) {
        aigw_slice exponent = gw_skip(text, i + 1);
        int64_t more;
        if (gw_starts(exponent, GW_S("+")))
            exponent = gw_skip(exponent, 1);
        if (!gw_parse_i64(exponent, &more) || more < -1000 || more > 1000)
            return false;
        power += (int)more;
    }
    if (power < -EXACT_POWER || power > EXACT_POWER)
        return false;
    double value = (double)mantissa;
    value = power < 0 ? value / tens[-power] : value * tens[power];
    return narrow(negative ? -value : value, out) && isfinite(*out);
}

bool gw_embed_float(aigw_slice number, float *out)
{
    char text[512];
    if (quick(number, out))
        return true;
    if (number.len >= sizeof text)
        return false;
    memcpy(text, number.data, number.len);
    text[number.len] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return false;
    float value = strtof_l(text, NULL, plain);
    freelocale(plain);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

int gw_embed_floats(gw_arena *arena, const gw_json_doc *doc, gw_json_ref array,
                    gw_embed_vector *out)
{
    if (gw_json_typeof(doc, array) != GW_JSON_ARRAY)
        return AIGW_E_UPSTREAM;
    size_t count = gw_json_count(doc, array), n = 0;
    float *values = gw_arena_alloc(arena, (count ? count : 1) * sizeof *values);
    if (!values)
        return AIGW_E_NOMEM;
    for (gw_json_ref at = gw_json_first(doc, array); at != GW_JSON_ABSENT;
         at = gw_json_next(doc, at)) {
        if (gw_json_typeof(doc, at) != GW_JSON_NUMBER ||
            !gw_embed_float(gw_json_raw(doc, at), &values[n++]))
            return AIGW_E_UPSTREAM;
    }
    *out = (gw_embed_vector){values, n};
    return AIGW_OK;
}

int gw_embed_unbase64(gw_arena *arena, aigw_slice text, gw_embed_vector *out)
{
    uint8_t *bytes = gw_arena_alloc(arena, text.len / 4 * 3 + 3);
    if (!bytes)
        return AIGW_E_NOMEM;
    ptrdiff_t len = gw_base64_decode(text, bytes);
    if (len < 0 || len % 4 != 0)
        return AIGW_E_UPSTREAM;
    size_t count = (size_t)len / 4;
    float *values = gw_arena_alloc(arena, (count ? count : 1) * sizeof *values);
    if (!values)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *b = bytes + 4 * i;
        uint32_t bits =
            (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        memcpy(&values[i], &bits, sizeof bits);
        if (!isfinite(values[i]))
            return AIGW_E_UPSTREAM; /* no JSON number, and no use to anybody */
    }
    *out = (gw_embed_vector){values, count};
    return AIGW_OK;
}

/* -- writing them -- */

static size_t put_digits(uint64_t n, char *out)
{
    char reversed[24];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    for (size_t i = 0; i < len; i++)
        out[i] = reversed[len - 1 - i];
    return len;
}

/* digits * 10^power, as JavaScript would write it: plain while that is short. */
static size_t put_decimal(uint64_t digits, int power, char *out)
{
    char text[24];
    while (digits && digits % 10 == 0) {
        digits /= 10;
        power++;
    }
    int len = (int)put_digits(digits, text), point = len + power; /* digits before the point */
    size_t n = 0;
    if (point > 0 && point <= 15) {
        for (int i = 0; i < (len > point ? len : point); i++) {
            if (i == point)
                out[n++] = '.';
            out[n++] = i < len ? text[i] : '0';
        }
    } else if (point <= 0 && point > -6) {
        out[n++] = '0';
        out[n++] = '.';
        for (int i = point; i < 0; i++)
            out[n++] = '0';
        for (int i = 0; i < len; i++)
            out[n++] = text[i];
    } else {
        out[n++] = text[0];
        if (len > 1)
            out[n++] = '.';
        for (int i = 1; i < len; i++)
            out[n++] = text[i];
        out[n++] = 'e';
        if (point - 1 < 0)
            out[n++] = '-';
        n += put_digits((uint64_t)abs(point - 1), out + n);
    }
    return n;
}

/* How many digits a number of this size has before its point, less one. */
static int exponent_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    int two = (int)(bits >> 23) - 127, ten = two * 30103 / 100000 - (two < 0);
    while (ten >= 0 && ten < EXACT_POWER && (double)value >= tens[ten + 1])
        ten++;
    while (ten >= EXACT_POWER && (double)value / tens[EXACT_POWER] >= tens[ten - EXACT_POWER + 1])
        ten++;
    while (ten < 0 && ten >= -EXACT_POWER && (double)value * tens[-ten] >= 10)
        ten++;
    return ten;
}

/* With so many digits: is it the value again? */
static bool try_digits(float value, int exponent, int count, uint64_t *digits, int *power)
{
    int shift = count - 1 - exponent; /* value * 10^shift has `count` digits before its point */
    float back;
    *power = -shift;
    if (shift >= -EXACT_POWER && shift <= EXACT_POWER) {
        double scaled = shift >= 0 ? (double)value * tens[shift] : (double)value / tens[-shift];
        *digits = (uint64_t)(scaled + 0.5);
        double again = shift >= 0 ? (double)*digits / tens[shift] : (double)*digits * tens[-shift];
        return narrow(again, &back) && back == value;
    }
    char text[40], number[40];
    snprintf(text, sizeof text, "%.*e", count - 1,
             (double)value); /* its point may be another sign */
    const char *e = strchr(text, 'e');
    *digits = 0;
    for (const char *c = text; c < e; c++) {
        if (*c >= '0' && *c <= '9')
            *digits = *digits * 10 + (uint64_t)(*c - '0');
    }
    *power = (int)strtol(e + 1, NULL, 10) - (count - 1);
    size_t len = put_decimal(*digits, *power, number);
    return gw_embed_float(gw_slice(number, len), &back) && back == value;
}

size_t gw_embed_decimal(float value, char *out)
{
    size_t n = 0;
    if (signbit(value)) {
        out[n++] = '-';
        value = -value;
    }
    if (!(value > 0) || !isfinite(value)) {
        out[n] = '0';
        return n + 1;
    }
    uint64_t digits = 0;
    int power = 0, exponent = exponent_of(value);
    /* What has fewer than six digits comes out of six with zeros at its end; but the smallest have not so many. */
    for (int count = value < FLT_MIN ? 1 : 6; count <= MOST_DIGITS; count++) {
        if (try_digits(value, exponent, count, &digits, &power))
            break;
    }
    return n + put_decimal(digits, power, out + n);
}

void gw_embed_write_floats(gw_jw *w, const gw_embed_vector *vector)
{
    gw_jw_array(w);
    for (size_t i = 0; i < vector->count; i++) {
        char text[40];
        gw_jw_raw(w, gw_slice(text, gw_embed_decimal(vector->values[i], text)));
    }
    gw_jw_array_end(w);
}

void gw_embed_write_base64(gw_jw *w, const gw_embed_vector *vector)
{
    /* Three floats are twelve bytes, which are sixteen signs without a rest. */
    uint8_t bytes[12];
    size_t n = 0;
    gw_jw_begin_string(w);
    for (size_t i = 0; i < vector->count; i++) {
        uint32_t bits;
        memcpy(&bits, &vector->values[i], sizeof bits);
        for (int k = 0; k < 4; k++)
            bytes[n++] = (uint8_t)(bits >> 8 * k);
        if (n == sizeof bytes || i + 1 == vector->count) {
            gw_base64_encode(w->buf, bytes, n);
            n = 0;
        }
    }
    gw_jw_end_string(w);
}

/* -- the length -- */

/* Newton's way: from a guess that halves the exponent, each step doubles the right digits. */
static double square_root(double value)
{
    uint64_t bits;
    double root;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits >> 1) + ((uint64_t)0x3ff << 51);
    memcpy(&root, &bits, sizeof root);
    for (int i = 0; i < 6; i++)
        root = (root + value / root) / 2;
    return root;
}

void gw_embed_normalise(gw_embed_answer *answer)
{
    for (size_t i = 0; i < answer->vector_count; i++) {
        gw_embed_vector *v = &answer->vectors[i];
        double sum = 0;
        for (size_t k = 0; k < v->count; k++)
            sum += (double)v->values[k] * (double)v->values[k];
        if (!(sum > 0) || (sum > 0.9998 && sum < 1.0002))
            continue;
        double length = square_root(sum);
        float *values = (float *)(uintptr_t)v->values; /* in the arena, made by a reader */
        for (size_t k = 0; k < v->count; k++)
            values[k] = (float)((double)values[k] / length);
    }
}
