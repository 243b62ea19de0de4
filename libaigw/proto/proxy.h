/*
 * The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): the header that a load balancer puts
 * before the bytes of a connection, to say whose it is.
 *
 * For listeners that require it, and only from peers that are trusted: anybody can write one. Bytes in, any
 * split; nothing is allocated. Knows no sockets.
 */
#ifndef GW_PROTO_PROXY_H
#define GW_PROTO_PROXY_H

#include "base/ip.h"

enum {
    GW_PROXY_V1_BYTES = 107, /* longest line, CR LF included */
    GW_PROXY_V2_BYTES =
        2048, /* most that is taken behind the 16 bytes of version 2 (its addresses and TLVs) */
    GW_PROXY_ROOM = 16 + 216 /* what is kept: the longest addresses are those of AF_UNIX */
};

typedef enum gw_proxy_kind {
    GW_PROXY_ADDRESS, /* source and destination are set */
    GW_PROXY_LOCAL,   /* the proxy's own connection (a health check): the peer is the client */
    GW_PROXY_UNKNOWN /* v1 UNKNOWN, v2 AF_UNSPEC, AF_UNIX and datagrams: no address; the peer is the client */
} gw_proxy_kind;

/* Zeroed at first. */
typedef struct gw_proxy {
    uint8_t room[GW_PROXY_ROOM];
    size_t seen;   /* bytes of the header so far */
    size_t needed; /* v2: 16 and the length; 0 until it is known */
    int version;   /* 0 until it is known */
    int failed;    /* the code of the first failure, for ever after */
    bool done;
    gw_proxy_kind kind;
    gw_ip source, destination;
    uint16_t source_port, destination_port;
} gw_proxy;

/*
 * Takes bytes; *used says how many were the header's: what follows is the connection's. AIGW_OK when the
 * header is complete (later calls take nothing), AIGW_AGAIN when more is needed. AIGW_E_PARSE with reason
 * proxy_missing (the bytes begin no header), proxy_v1_line, proxy_v1_address, proxy_v2_version,
 * proxy_v2_command, proxy_v2_family, proxy_v2_length; AIGW_E_LIMIT proxy_too_long. Never more bytes are read
 * than belong to the header. TLVs are skipped, whatever they hold.
 */
int gw_proxy_feed(gw_proxy *p, aigw_slice bytes, size_t *used, aigw_error *err);

/* The connection ended: AIGW_OK if the header is complete, else AIGW_E_PARSE ("proxy_truncated"). */
int gw_proxy_end(const gw_proxy *p, aigw_error *err);

#endif
