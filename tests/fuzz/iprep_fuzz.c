/* Lists of addresses: what is read is found again, and a refusal says why. */
#include "base/text.h"
#include "gate/iprep.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gw_ip_entries e = {.max = 10000}, copy = {.max = 10000};
    gw_ip_table *table = NULL;
    aigw_error err = {0};
    aigw_slice file = {(const char *)data, size};
    int code = gw_iprep_read(&e, file, &err);
    check(code == AIGW_OK || (err.code == code && err.reason[0] != '\0'));
    check(code != AIGW_E_PARSE || err.line > 0);
    if (code == AIGW_OK) {
        check(gw_iprep_read(&copy, file, NULL) == AIGW_OK);
        check(gw_ip_table_build(&e, &table, NULL) == AIGW_OK);
        aigw_iprep_facts facts = {0};
        gw_ip_table_facts(table, &facts);
        check(facts.ranges_v4 <= copy.v4_count && facts.ranges_v6 <= copy.v6_count);
        for (size_t i = 0; i < copy.v4_count; i++) {
            gw_ip first = gw_ip_v4((uint32_t)(copy.v4[i] >> 32)),
                  last = gw_ip_v4((uint32_t)copy.v4[i]);
            check(gw_ip_table_has(table, &first) && gw_ip_table_has(table, &last));
        }
        for (size_t i = 0; i < copy.v6_count; i++)
            check(gw_ip_table_has(table, &copy.v6[i].first) &&
                  gw_ip_table_has(table, &copy.v6[i].last));
        gw_ip_table_free(table);
    }
    gw_ip_entries_free(&e);
    gw_ip_entries_free(&copy);
    return 0;
}
