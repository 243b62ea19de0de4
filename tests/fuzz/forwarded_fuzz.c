/* The client's address: whatever a stranger writes before what a trusted proxy appends, the answer is that of
 * the proxy's part alone; lines of the input are lines of the header. */
#include "base/text.h"
#include "gate/address.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void same(const gw_address_policy *policy, const gw_ip *peer, const char *name,
                 aigw_slice stranger, const char *appended)
{
    char joined[4200];
    gw_client_address out;
    size_t tail = strlen(appended);
    memcpy(joined, stranger.data, stranger.len);
    memcpy(joined + stranger.len, appended, tail);
    aigw_header header = {aigw_slice_of(name), {joined, stranger.len + tail}};
    gw_client_address_of(policy, peer, &header, 1, &out);
    check(out.end == GW_ADDRESS_FORWARDED && gw_ip_is_v4(&out.ip) &&
          gw_ip_to_v4(&out.ip) == 0xC6336407);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gw_net trusted[2];
    const aigw_slice texts[] = {GW_S("10.0.0.0/8"), GW_S("fd00::/8")};
    if (size > 4096 || gw_nets_parse(texts, 2, trusted, NULL) != AIGW_OK)
        return 0;
    gw_ip peer = gw_ip_v4(0x0a000001);
    gw_client_address out;
    aigw_header lines[16];
    for (int forward = GW_FORWARD_XFF; forward <= GW_FORWARD_HEADER; forward++) {
        static const char *const names[] = {"", "X-Forwarded-For", "Forwarded", "X-Real-IP"};
        gw_address_policy policy = {.trusted = trusted,
                                    .trusted_count = 2,
                                    .forward = (gw_forward)forward,
                                    .header = GW_S("x-real-ip")};
        aigw_slice rest = {(const char *)data, size};
        size_t count = 0;
        while (rest.data && count < 16)
            lines[count++] = (aigw_header){aigw_slice_of(names[forward]), gw_cut(&rest, '\n')};
        gw_client_address_of(&policy, &peer, lines, count, &out);
        check(out.hops <= GW_HOPS_DEFAULT);
        check(out.hops > 0 || gw_ip_cmp(&out.ip, &peer) == 0);
        check(out.end != GW_ADDRESS_FORWARDED || !gw_nets_have(trusted, 2, &out.ip));
        aigw_slice all = {(const char *)data, size};
        if (forward == GW_FORWARD_XFF)
            same(&policy, &peer, names[forward], all, ", 198.51.100.7, 10.0.0.3");
        if (forward == GW_FORWARD_RFC7239) {
            same(&policy, &peer, names[forward], all,
                 ", for=198.51.100.7;proto=https, for=10.0.0.3");
            same(&policy, &peer, names[forward], all, ", for=\"198.51.100.7:80\";host=\"a,\\\"b\"");
        }
    }
    return 0;
}
