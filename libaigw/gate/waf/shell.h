/*
 * Does a text run a command? Looks where a shell would: at its start, and behind ; | & ` ( { and line ends.
 *
 * The text is in its command form (gw_waf_command). Linear. Knows commands by name, no rule.
 */
#ifndef GW_GATE_WAF_SHELL_H
#define GW_GATE_WAF_SHELL_H

#include <aigw/types.h>

/* What a text is decides how sure its start must be of a command. */
typedef enum gw_waf_shell_text {
    GW_WAF_SHELL_PROSE, /* may be a title or a sentence: a command has arguments that no prose has */
    GW_WAF_SHELL_ARGUMENT, /* of a URL or a form: the name of a command and any word behind it */
    GW_WAF_SHELL_INSIDE    /* a path: not at the start, only behind separators */
} gw_waf_shell_text;

/* The number of what it is, for reports, and the end of the match; 0 if nothing. */
int gw_waf_shell(aigw_slice text, gw_waf_shell_text is, size_t *end);

#define GW_WAF_SHELL_BEHIND 1300 /* a command behind a separator */
#define GW_WAF_SHELL_START  1301 /* a command at the start, with an argument that makes it one */
#define GW_WAF_SHELL_BARE   1302 /* nothing but a command */

#endif
