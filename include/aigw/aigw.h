/* Everything. A program that wants one thing includes that one header. */
#ifndef AIGW_H
#define AIGW_H

#include <aigw/error.h>
#include <aigw/exchange.h>
#include <aigw/gateway.h>
#include <aigw/guard.h>
#include <aigw/host.h>
#include <aigw/iprep.h>
#include <aigw/issuer.h>
#include <aigw/issuer_store.h>
#include <aigw/limit.h>
#include <aigw/loop.h>
#include <aigw/metrics.h>
#include <aigw/server.h>
#include <aigw/token.h>
#include <aigw/translate.h>
#include <aigw/types.h>
#include <aigw/verify.h>
#include <aigw/waf.h>

#endif
