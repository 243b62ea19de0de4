/* The table of vendors and its look-up.
 * Must not know what any of them says: that is in their rows. */
#include "provider/provider.h"

#include "base/text.h"
#include "provider/rows.h"

const gw_provider *const gw_providers[] = {&gw_provider_openai, &gw_provider_anthropic,
                                           &gw_provider_echo, NULL};

const gw_provider *gw_provider_named(aigw_slice name)
{
    for (const gw_provider *const *row = gw_providers; *row; row++) {
        if (gw_eq(name, aigw_slice_of((*row)->name)))
            return *row;
    }
    return NULL;
}
