/*
 * The gateway: one immutable config snapshot and the state shared by all loops.
 *
 * Shared between threads: every function here may be called from any thread.
 */
#ifndef AIGW_GATEWAY_H
#define AIGW_GATEWAY_H

#include <aigw/error.h>
#include <aigw/host.h>
#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aigw_gateway aigw_gateway;

/*
 * Makes a gateway from a YAML (or JSON) document; see docs/config.md. An empty document takes
 * everything from the environment (OPENAI_API_KEY, AIGW_...). `host` may be NULL; it is copied.
 * *out is the caller's; aigw_gateway_free drops it. Errors: AIGW_E_CONFIG with line and pointer,
 * AIGW_E_NOMEM, AIGW_E_IO (a key file that cannot be read).
 */
AIGW_API int aigw_gateway_new(aigw_slice config, const aigw_host *host, aigw_gateway **out,
                              aigw_error *err);

/* Replaces the config: all of it or, on error, nothing. Running exchanges keep the old one. */
AIGW_API int aigw_gateway_reload(aigw_gateway *gw, aigw_slice config, aigw_error *err);

/* One more owner. Returns gw. Each owner calls aigw_gateway_free once. */
AIGW_API aigw_gateway *aigw_gateway_ref(aigw_gateway *gw);
AIGW_API void aigw_gateway_free(aigw_gateway *gw);

/* Checks a document as aigw_gateway_new would, without keeping anything or any I/O but key files
 * and lists of addresses. */
AIGW_API int aigw_config_check(aigw_slice config, const aigw_host *host, aigw_error *err);

/* The JSON Schema (2020-12) of the config document, for editors. Static storage. */
AIGW_API aigw_slice aigw_config_schema(void);

/* The document that `aigw-serve --dev` runs: loopback, embedded issuer, echo provider. Static. */
AIGW_API aigw_slice aigw_config_dev(void);

/*
 * For operators: the rules of the WAF with their actions as this document sets them, a line each; and what they see
 * in a request, a line for each rule and place, then "verdict: ...". `request` is a raw HTTP/1.1 request, or
 * a JSON object {"method","uri","headers":[[name,value],...],"body"}. An empty document: the WAF as it is by itself.
 * No list of addresses and no rate is asked; values of credentials are not shown. *out: aigw_bytes_free.
 */
AIGW_API int aigw_config_waf_rules(aigw_slice config, const aigw_host *host, aigw_slice *out,
                                   aigw_error *err);
AIGW_API int aigw_config_waf_explain(aigw_slice config, const aigw_host *host, aigw_slice request,
                                     aigw_slice *out, aigw_error *err);

#ifdef __cplusplus
}
#endif
#endif
