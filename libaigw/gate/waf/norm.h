/*
 * Transformations that undo what hides an attack. Each works in place, never grows its text, and is bounded by
 * its length. Knows no rule.
 */
#ifndef GW_GATE_WAF_NORM_H
#define GW_GATE_WAF_NORM_H

#include <aigw/types.h>

/* The result's length; *changed is set when it differs from the input, and left alone otherwise. */

/* %XX, %uXXXX (full-width forms become ASCII), + as space if plus. What is no escape stays. */
size_t gw_waf_url_decode(char *text, size_t len, bool plus, bool *changed);
/* &lt; &#60; &#x3c; with or without the semicolon. */
size_t gw_waf_html_decode(char *text, size_t len, bool *changed);
/* \x3c \u003c \u{3c} \74. Other escapes stay. */
size_t gw_waf_js_decode(char *text, size_t len, bool *changed);
/* Removes NUL, soft hyphens and zero-width characters; full-width and overlong UTF-8 become ASCII. */
size_t gw_waf_clean(char *text, size_t len, bool *changed);
/* Backslashes to slashes; runs of slashes and "/./" to one slash. ".." stays: it is what is looked for. */
size_t gw_waf_path(char *text, size_t len, bool *changed);
/* Comments as SQL, JS and CSS have them become one space each; an open one goes to the end. */
size_t gw_waf_comments(char *text, size_t len, bool *changed);
/* As a shell reads it: quotes, backslashes, carets and empty expansions removed, $IFS and runs of blanks
 * to one space. */
size_t gw_waf_command(char *text, size_t len, bool *changed);
/* Without any white space. */
size_t gw_waf_squeeze(char *text, size_t len, bool *changed);

/* Text that is base64 as a whole, of either alphabet: decoded to out, which has room for text.len bytes. 0 if it is
 * none, is short or long, or does not decode to printable text. */
size_t gw_waf_base64_decode(aigw_slice text, char *out);

/* Nothing but ASCII without NUL: gw_waf_clean would change nothing. */
bool gw_waf_is_plain(aigw_slice text);

int gw_waf_hex(char c); /* 0-15, or -1 */

#endif
