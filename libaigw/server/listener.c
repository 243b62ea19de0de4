/* Parses the address to listen on and opens one socket per thread on it.
 * Knows nothing of connections; what may be listened on is the gateway's say. */
#include "server/listener.h"

#include "base/error.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

static bool parse_port(aigw_slice text, int *out)
{
    uint64_t port;
    if (!gw_parse_u64(text, &port) || port > 65535)
        return false;
    *out = (int)port;
    return true;
}

static bool parse_host(const char *host, int port, gw_address *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    memset(out, 0, sizeof *out);
    if (host[0] == '[') {
        char inner[INET6_ADDRSTRLEN];
        size_t len = strlen(host);
        if (len < 3 || host[len - 1] != ']' || len - 2 >= sizeof inner)
            return false;
        memcpy(inner, host + 1, len - 2);
        inner[len - 2] = '\0';
        if (inet_pton(AF_INET6, inner, &v6.sin6_addr) != 1)
            return false;
        memcpy(&out->storage, &v6, sizeof v6);
        out->len = sizeof v6;
        return true;
    }
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &v4.sin_addr) != 1)
        return false;
    memcpy(&out->storage, &v4, sizeof v4);
    out->len = sizeof v4;
    return true;
}

int gw_address_parse(const char *text, gw_address *out, aigw_error *err)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    gw_address address;
    int port = 0;
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (!colon || len == 0 || len >= sizeof host ||
        !parse_port(gw_slice(colon + 1, strlen(colon + 1)), &port))
        return gw_fail(err, AIGW_E_CONFIG, "listen", "listen address must be ADDRESS:PORT");
    memcpy(host, text, len);
    host[len] = '\0';
    if (!parse_host(host, port, &address))
        return gw_fail(err, AIGW_E_CONFIG, "listen",
                       "listen address must be an IPv4 address, a [bracketed] IPv6 address or "
                       "localhost, then :PORT");
    *out = address;
    return AIGW_OK;
}

int gw_address_port(const gw_address *address)
{
    const struct sockaddr_storage *any = &address->storage;
    if (any->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)any)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)any)->sin_port);
}

void gw_address_print(const gw_address *address, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_storage *any = &address->storage;
    bool v6 = any->ss_family == AF_INET6;
    const void *bytes =
        v6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)any)->sin6_addr
           : (const void *)&((const struct sockaddr_in *)(const void *)any)->sin_addr;
    inet_ntop(any->ss_family, bytes, text, sizeof text);
    snprintf(out, size, v6 ? "[%s]:%d" : "%s:%d", text, gw_address_port(address));
}

void gw_address_peer(const struct sockaddr_storage *peer, char out[GW_PEER_TEXT])
{
    out[0] = '\0';
    if (peer->ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, out,
                  GW_PEER_TEXT);
    } else if (peer->ss_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(v6))
            inet_ntop(AF_INET, v6->s6_addr + 12, out, GW_PEER_TEXT);
        else
            inet_ntop(AF_INET6, v6, out, GW_PEER_TEXT);
    }
}

void gw_address_local(int fd, char *out, size_t size)
{
    gw_address address = {.len = sizeof address.storage};
    char text[GW_PEER_TEXT];
    out[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&address.storage, &address.len) != 0)
        return;
    gw_address_peer(&address.storage, text);
    if (text[0])
        snprintf(out, size, strchr(text, ':') ? "[%s]:%d" : "%s:%d", text,
                 gw_address_port(&address));
}

/* TCP_NODELAY set here is inherited by every accepted connection (Linux). */
static int open_one(const gw_address *address, bool share, int *out)
{
    static const int on = 1, off = 0;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        (address->storage.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, (const struct sockaddr *)&address->storage, address->len) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    *out = fd;
    return 0;
}

/* SO_REUSEPORT would silently share the port with another process of the same user: ask without it. */
static int probe(const gw_address *address)
{
    int fd;
    if (open_one(address, false, &fd) != 0)
        return -1;
    int result = listen(fd, 1);
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}

static int open_all(gw_address *address, int backlog, int *fds, int count)
{
    bool share = count > 1;
    if (share && gw_address_port(address) != 0 && probe(address) != 0)
        return -1;
    for (int i = 0; i < count; i++) {
        if (open_one(address, share, &fds[i]) != 0)
            return -1;
        if (i == 0) {
            socklen_t len = sizeof address->storage;
            if (getsockname(fds[0], (struct sockaddr *)&address->storage, &len) != 0)
                return -1;
        }
    }
    /* Only when all are bound: a connection is never hashed to a socket that is closed again. */
    for (int i = 0; i < count; i++)
        if (listen(fds[i], backlog) != 0)
            return -1;
    return 0;
}

int gw_listen(gw_address *address, int backlog, int *fds, int count, aigw_error *err)
{
    gw_address bound = *address;
    for (int i = 0; i < count; i++)
        fds[i] = -1;
    if (open_all(&bound, backlog, fds, count) == 0) {
        *address = bound;
        return AIGW_OK;
    }
    int saved = errno;
    char text[80], why[64];
    for (int i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
    gw_address_print(address, text, sizeof text);
    return gw_fail(err, AIGW_E_IO, saved == EADDRINUSE ? "address_in_use" : "listen",
                   "cannot listen on %s: %s", text, strerror_r(saved, why, sizeof why));
}
