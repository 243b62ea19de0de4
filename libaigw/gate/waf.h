/*
 * The WAF inside the gate: aigw/waf.h in two steps, since a body comes later than its head.
 */
#ifndef GW_GATE_WAF_H
#define GW_GATE_WAF_H

#include "base/json.h"
#include "base/mem.h"
#include <aigw/waf.h>

/* Of a body that comes in chunks: nobody knows how long it will be. */
#define GW_WAF_BODY_UNKNOWN UINT64_MAX

typedef struct gw_waf_kept gw_waf_kept;

/* What the head has said, for the body's check. Plain data; what it points to is in the arena. */
typedef struct gw_waf_step {
    aigw_waf_route route;
    aigw_slice content_type;
    bool credentials; /* of a form, some values are not looked at */
    bool untyped;     /* a body of unknown length would need a type */
    size_t fields, bytes;
    const gw_waf_kept *kept;
    size_t kept_count;
} gw_waf_step;

/* What only the caller knows of a request whose body is not there yet. */
typedef struct gw_waf_about {
    uint64_t body_bytes; /* as the head announces; or GW_WAF_BODY_UNKNOWN */
    bool passes;     /* the body is somebody else's: its type and encoding are theirs to judge */
    gw_arena *arena; /* holds what the body's check will need */
} gw_waf_about;

typedef struct gw_waf_body {
    aigw_slice bytes;
    const gw_json_doc *
        doc; /* its tape, where the caller has parsed it; it is read, not kept. NULL: parsed here */
    bool
        no_json; /* it says to be JSON and is none, as the caller will tell: that alone is no attack */
} gw_waf_body;

/*
 * The head alone; request->body is not looked at, SizeRestrictions_BODY is judged by what is announced. Framing is the
 * caller's: that a body has no length is not judged here. Head, then body is the same verdict as aigw_waf_check, unless
 * the head's alone is to block.
 */
int gw_waf_check_head(const aigw_waf *waf, const aigw_waf_request *request,
                      const gw_waf_about *about, gw_waf_step *step, aigw_waf_result *out,
                      aigw_error *err);
/* The body; *out is the verdict on head and body, with the head's counts. */
int gw_waf_check_body(const aigw_waf *waf, const gw_waf_step *step, const gw_waf_body *body,
                      aigw_waf_result *out, aigw_error *err);

#endif
