/* Fuzzes Gemini streams, in both framings, answers and errors through all writers. */
/* See wire_fuzz.h for what must hold. */
#include "fuzz/wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_response(&gw_wire_gemini, data, size);
}
