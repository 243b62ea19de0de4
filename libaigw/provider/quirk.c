/* The quirks by the names that the config has for them.
 * Must not know what a writer does about them. */
#include "base/text.h"
#include "provider/provider.h"

/* In the order of the bits of gw_quirk. */
const char *const gw_quirk_names[] = {"max_tokens",
                                      "no_developer",
                                      "no_usage_option",
                                      "no_json_schema",
                                      "no_strict",
                                      "no_parallel_flag",
                                      "no_reasoning",
                                      "reasoning_replay",
                                      "text_only",
                                      "no_metadata",
                                      "no_penalties",
                                      "no_logprobs",
                                      "no_named_choice",
                                      "openai",
                                      "no_sampling",
                                      "count_plain",
                                      NULL};

unsigned gw_quirk_named(aigw_slice name)
{
    for (unsigned i = 0; gw_quirk_names[i]; i++) {
        if (gw_eq(name, aigw_slice_of(gw_quirk_names[i])))
            return 1u << i;
    }
    return 0;
}
