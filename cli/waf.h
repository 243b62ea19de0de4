/* aigw-serve waf ...: the rules of the firewall, and what they see in a request. */
#ifndef AIGW_CLI_WAF_H
#define AIGW_CLI_WAF_H

/* argv[0] is "waf". Returns the exit status: 0 done, 1 config or request refused, 2 wrong command line, 3 cannot. */
int waf_main(int argc, char **argv);

#endif
