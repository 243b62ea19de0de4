/* aigw-serve client ...: the clients of the embedded issuer's database. */
#ifndef AIGW_CLI_CLIENT_H
#define AIGW_CLI_CLIENT_H

/* argv[0] is "client". Returns the exit status: 0 done, 1 refused, 2 wrong command line, 3 cannot. */
int client_main(int argc, char **argv);

#endif
