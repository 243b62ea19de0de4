/* Token counts as events carry them: -1 is unknown and replaces nothing. */
/* Must not know any provider's names for the numbers. */
#include "chat/event.h"

static void take(int64_t *into, int64_t from)
{
    if (from >= 0)
        *into = from;
}

aigw_usage gw_usage_unknown(void)
{
    return (aigw_usage){-1, -1, -1, -1, -1};
}

void gw_usage_merge(aigw_usage *into, const aigw_usage *from)
{
    take(&into->input_tokens, from->input_tokens);
    take(&into->output_tokens, from->output_tokens);
    take(&into->cached_tokens, from->cached_tokens);
    take(&into->cache_write_tokens, from->cache_write_tokens);
    take(&into->reasoning_tokens, from->reasoning_tokens);
}
