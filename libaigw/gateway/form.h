/*
 * Strict reading of application/x-www-form-urlencoded text, as RFC 6749 clause 3.2 wants it.
 *
 * The decoded text may hold secrets: it lies in one allocation that is wiped when freed.
 */
#ifndef GW_GATEWAY_FORM_H
#define GW_GATEWAY_FORM_H

#include <aigw/error.h>

#define GW_FORM_MAX_FIELDS 32
#define GW_FORM_MAX_BYTES  16384

typedef struct gw_form_field {
    aigw_slice name, value;
} gw_form_field;

typedef struct gw_form {
    char *text;
    size_t text_len;
    gw_form_field fields[GW_FORM_MAX_FIELDS];
    size_t count;
} gw_form;

/*
 * AIGW_E_PARSE: a bad escape, a NUL, bytes that are not UTF-8, a name that occurs twice;
 * AIGW_E_LIMIT: too much of it. *out is set on AIGW_OK only.
 */
int gw_form_parse(aigw_slice text, gw_form *out);
aigw_slice gw_form_get(const gw_form *form, const char *name); /* "" when absent */
bool gw_form_has(const gw_form *form, const char *name);
void gw_form_free(gw_form *form);

/* Decodes one piece ('+' is a space) to out, which holds text.len bytes; -1 on a bad escape or a
 * NUL. */
ptrdiff_t gw_form_decode(aigw_slice text, char *out);

#endif
