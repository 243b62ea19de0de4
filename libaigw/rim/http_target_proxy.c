/*
 * Which proxy a target's connections go to: the one that is configured, or that of the environment.
 *
 * The rules are those of the curl tool. They are asked once, when a target is made, and not left to
 * libcurl: who is connected to must be known before an address can be judged. Must not know of transfers.
 */
#include "rim/http_parts.h"

#include "base/ip.h"
#include "base/text.h"
#include <stdlib.h>

/* An empty variable is none. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static const char *first_of(const char *const *names)
{
    const char *value = NULL;
    for (; *names && !value; names++)
        value = variable(*names);
    return value;
}

/* HTTP_PROXY is not among them: a CGI program has it from its client. */
static const char *of_environment(bool https)
{
    static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    static const char *const tls[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
    return first_of(https ? tls : plain);
}

/* One word of NO_PROXY: a name and all below it, an address, or a network. */
static bool matches(aigw_slice word, aigw_slice host, const gw_ip *ip)
{
    gw_net net;
    if (ip)
        return gw_net_parse(word, &net, NULL) && gw_net_has(&net, ip);
    while (word.len > 0 && word.data[word.len - 1] == '.')
        word.len--;
    if (word.len > 0 && word.data[0] == '.')
        word = gw_skip(word, 1);
    if (word.len == 0 || word.len > host.len)
        return false;
    aigw_slice tail = gw_skip(host, host.len - word.len);
    return gw_eq_nocase(tail, word) && (tail.data == host.data || tail.data[-1] == '.');
}

static bool is_exempt(aigw_slice host)
{
    static const char *const names[] = {"no_proxy", "NO_PROXY", NULL};
    const char *list = first_of(names);
    gw_ip ip;
    if (!list)
        return false;
    if (strcmp(list, "*") == 0)
        return true;
    if (host.len > 2 && host.data[0] == '[')
        host = gw_slice(host.data + 1, host.len - 2);
    while (host.len > 0 && host.data[host.len - 1] == '.')
        host.len--;
    bool address = gw_ip_parse(host, &ip);
    while (*list) {
        size_t len = strcspn(list, ", \t");
        if (len > 0 && matches(gw_slice(list, len), host, address ? &ip : NULL))
            return true;
        list += len + strspn(list + len, ", \t");
    }
    return false;
}

const char *gw_http_proxy_for(const char *configured, bool https, aigw_slice host)
{
    const char *proxy = configured ? configured : of_environment(https);
    return proxy && proxy[0] && !is_exempt(host) ? proxy : "";
}
