/* Forwarded (RFC 7239): its elements from the right, and what one of them says with for=. */
/* Must not know who is trusted. */
#include "gate/address.h"

#include "base/text.h"

#define NODE_MAX 96 /* bytes of a node, unquoted */

/* Does the quote at `at` open or close a string? One with an odd number of backslashes before it stands
 * within. */
static bool is_plain_quote(aigw_slice text, size_t at)
{
    size_t slashes = 0;
    while (slashes < at && text.data[at - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 0;
}

/*
 * From the right, because that end was written by the proxy that we trust: the first quote met closes a
 * string, and the next plain one opens it. A stranger's open quote further left is never reached.
 */
aigw_slice gw_forwarded_cut_last(aigw_slice *list)
{
    size_t at = list->len;
    bool quoted = false;
    while (at > 0) {
        char c = list->data[at - 1];
        if (c == ',' && !quoted)
            break;
        /* A closing quote may follow a backslash, which then is the end of an escaped one. */
        if (c == '"' && (!quoted || is_plain_quote(*list, at - 1)))
            quoted = !quoted;
        at--;
    }
    aigw_slice last = gw_trim(gw_skip(*list, at));
    *list = at ? gw_slice(list->data, at - 1) : gw_slice(NULL, 0);
    return last;
}

/* RFC 9110 clause 5.6.2 */
static bool is_tchar(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Cuts a token off the front. */
static aigw_slice cut_token(aigw_slice *rest)
{
    size_t n = 0;
    while (n < rest->len && is_tchar(rest->data[n]))
        n++;
    aigw_slice token = gw_slice(rest->data, n);
    *rest = gw_skip(*rest, n);
    return token;
}

/* Cuts a quoted string off the front, unquoted into out; too long ones are read but not kept. */
static bool cut_quoted(aigw_slice *rest, char out[NODE_MAX], size_t *len)
{
    size_t i = 1, n = 0;
    for (; i < rest->len && rest->data[i] != '"'; i++) {
        if (rest->data[i] == '\\' && ++i == rest->len)
            return false;
        unsigned char c = (unsigned char)rest->data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
        if (n < NODE_MAX)
            out[n] = (char)c;
        n++;
    }
    if (i >= rest->len)
        return false;
    *rest = gw_skip(*rest, i + 1);
    *len = n;
    return true;
}

/* Bits for the parameters that RFC 7239 defines: each may occur once. */
static unsigned bit_of(aigw_slice name)
{
    static const aigw_slice known[] = {{"for", 3}, {"by", 2}, {"host", 4}, {"proto", 5}};
    for (unsigned i = 0; i < 4; i++) {
        if (gw_eq_nocase(name, known[i]))
            return 1u << i;
    }
    return 0;
}

/* "for=1.2.3.4:5" and "for=[::1]" must be quoted; many do not, and it has one meaning. */
static aigw_slice cut_node(aigw_slice *rest)
{
    size_t n = 0;
    while (n < rest->len && (is_tchar(rest->data[n]) || memchr(":[]", rest->data[n], 3)))
        n++;
    aigw_slice node = gw_slice(rest->data, n);
    *rest = gw_skip(*rest, n);
    return node;
}

/* Cuts a value off the front: borrowed from there, or unquoted in room. False if there is none. */
static bool cut_value(aigw_slice *rest, bool node, char room[NODE_MAX], aigw_slice *out)
{
    size_t len = 0;
    if (rest->len > 0 && rest->data[0] == '"') {
        if (!cut_quoted(rest, room, &len) || (node && len > NODE_MAX))
            return false;
        *out = gw_slice(room, len < NODE_MAX ? len : NODE_MAX);
        return true;
    }
    *out = node ? cut_node(rest) : cut_token(rest);
    return out->len > 0;
}

gw_hop gw_forwarded_hop(aigw_slice element, gw_ip *out)
{
    char room[NODE_MAX];
    gw_hop hop = GW_HOP_HIDDEN; /* no for= */
    unsigned seen = 0;
    aigw_slice rest = gw_trim(element), value;
    if (rest.len == 0)
        return GW_HOP_MALFORMED;
    while (rest.len > 0) {
        if (rest.data[0] != ';') {
            aigw_slice name = cut_token(&rest);
            unsigned bit = bit_of(name);
            if (name.len == 0 || rest.len < 2 || rest.data[0] != '=' || (seen & bit) != 0)
                return GW_HOP_MALFORMED;
            seen |= bit;
            rest = gw_skip(rest, 1);
            if (!cut_value(&rest, bit == 1, room, &value))
                return GW_HOP_MALFORMED;
            if (bit == 1)
                hop = gw_hop_read(value, out);
            rest = gw_trim(rest);
        }
        if (rest.len > 0 && rest.data[0] != ';')
            return GW_HOP_MALFORMED;
        rest = rest.len > 0 ? gw_trim(gw_skip(rest, 1)) : rest;
    }
    return hop;
}
