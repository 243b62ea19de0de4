/*
 * Does a text run a command? Looks where a shell would: at its start, and behind ; | & ` ( { and line ends.
 *
 * The text is in its command form (gw_waf_command). Linear. Knows commands by name, no rule.
 */
#ifndef GW_GATE_WAF_SHELL_H
#define GW_GATE_WAF_SHELL_H

#include <aigw/types.h>

/* The number of what it is, for reports, and the end of the match; 0 if nothing. `inside`: only behind
 * separators, not at the start. */
int gw_waf_shell(aigw_slice text, bool inside, size_t *end);

#define GW_WAF_SHELL_BEHIND 1300 /* a command behind a separator */
#define GW_WAF_SHELL_START  1301 /* a command at the start, with an argument that makes it one */
#define GW_WAF_SHELL_BARE   1302 /* nothing but a command */

#endif
