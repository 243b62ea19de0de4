/* The rows of the vendor table, one file each. For provider.c, their files and tests only. */
#ifndef GW_PROVIDER_ROWS_H
#define GW_PROVIDER_ROWS_H

#include "provider/provider.h"

extern const gw_provider gw_provider_openai;
extern const gw_provider gw_provider_anthropic;
extern const gw_provider gw_provider_echo;

#endif
