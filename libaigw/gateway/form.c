/* Reading application/x-www-form-urlencoded text (WHATWG URL clause 5.1, refusing instead of
 * repairing).
 * Knows nothing of what the fields mean. */
#include "gateway/form.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

ptrdiff_t gw_form_decode(aigw_slice text, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i] == '+' ? ' ' : text.data[i];
        if (c == '%') {
            if (text.len - i < 3)
                return -1;
            int high = hex_digit(text.data[i + 1]), low = hex_digit(text.data[i + 2]);
            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return -1;
        out[len++] = c;
    }
    return (ptrdiff_t)len;
}

static bool take(aigw_slice raw, char **room, aigw_slice *out)
{
    ptrdiff_t len = gw_form_decode(raw, *room);
    if (len < 0)
        return false;
    *out = gw_slice(*room, (size_t)len);
    *room += len;
    return gw_utf8_valid(*out);
}

static bool has_name(const gw_form *form, aigw_slice name)
{
    for (size_t i = 0; i < form->count; i++) {
        if (gw_eq(form->fields[i].name, name))
            return true;
    }
    return false;
}

static int read_fields(aigw_slice text, gw_form *form)
{
    char *room = form->text;
    while (text.len) {
        aigw_slice value = gw_cut(&text, '&');
        if (value.len == 0)
            continue;
        gw_form_field field;
        aigw_slice name = gw_cut(&value, '=');
        if (form->count == GW_FORM_MAX_FIELDS)
            return AIGW_E_LIMIT;
        if (!take(name, &room, &field.name) || !take(value, &room, &field.value) ||
            has_name(form, field.name))
            return AIGW_E_PARSE;
        form->fields[form->count++] = field;
    }
    return AIGW_OK;
}

int gw_form_parse(aigw_slice text, gw_form *out)
{
    gw_form form = {.text_len = text.len};
    if (text.len > GW_FORM_MAX_BYTES)
        return AIGW_E_LIMIT;
    form.text = gw_alloc(text.len + 1);
    if (!form.text)
        return AIGW_E_NOMEM;
    int code = read_fields(text, &form);
    if (code == AIGW_OK)
        *out = form;
    else
        gw_form_free(&form);
    return code;
}

aigw_slice gw_form_get(const gw_form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++) {
        if (gw_eq(form->fields[i].name, gw_slice(name, strlen(name))))
            return form->fields[i].value;
    }
    return GW_S("");
}

bool gw_form_has(const gw_form *form, const char *name)
{
    return has_name(form, gw_slice(name, strlen(name)));
}

void gw_form_free(gw_form *form)
{
    if (form->text)
        gw_wipe(form->text, form->text_len);
    gw_free(form->text);
    form->text = NULL;
    form->count = 0;
}
