/* Addresses and listening sockets. */
#ifndef GW_SERVER_LISTENER_H
#define GW_SERVER_LISTENER_H

#include <aigw/error.h>
#include <sys/socket.h>

typedef struct gw_address {
    struct sockaddr_storage storage;
    socklen_t len;
} gw_address;

#define GW_PEER_TEXT  48
#define GW_LOCAL_TEXT 56

/* "127.0.0.1:8787", "[::1]:0", "localhost:8787". No name is resolved. AIGW_E_CONFIG otherwise. */
int gw_address_parse(const char *text, gw_address *out, aigw_error *err);
int gw_address_port(const gw_address *address);
/* "127.0.0.1:8787" or "[::1]:8787". */
void gw_address_print(const gw_address *address, char *out, size_t size);
/* The address alone, an IPv4-mapped one as IPv4; "" for other families. */
void gw_address_peer(const struct sockaddr_storage *peer, char out[GW_PEER_TEXT]);

/* Our end of a connection, "127.0.0.1:8787" or "[::1]:8787", an IPv4-mapped one as IPv4; "" if unknown. */
void gw_address_local(int fd, char *out, size_t size);

/*
 * `count` sockets that listen on one address, one per thread (SO_REUSEPORT). Port 0 is picked once and
 * written back. Refuses an address on which somebody else listens. On failure nothing stays open.
 */
int gw_listen(gw_address *address, int backlog, int *fds, int count, aigw_error *err);

#endif
