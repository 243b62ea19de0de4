/* Fuzzes Converse requests through all writers. */
/* See wire_fuzz.h for what must hold. */
#include "fuzz/wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_request(&gw_wire_bedrock, data, size);
}
