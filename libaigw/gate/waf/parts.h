/*
 * The parts of a request that are taken to fields: head, arguments, body, JSON. For the files of gate/waf.
 */
#ifndef GW_GATE_WAF_PARTS_H
#define GW_GATE_WAF_PARTS_H

#include "base/json.h"
#include "gate/waf.h"
#include "gate/waf/scan.h"

typedef struct gw_waf_view {
    const aigw_waf_request *request;
    const aigw_waf_options *options; /* with every limit filled in */
    aigw_waf_route route;            /* never BY_PATH */
    aigw_waf_content content;        /* never DEFAULT */
    aigw_slice content_type;         /* data NULL: none */
    const gw_json_doc *doc;          /* the body's, if the caller has parsed it; or NULL */
    uint64_t body_bytes;             /* there, or announced; GW_WAF_BODY_UNKNOWN */
    bool passes;      /* whose body is not ours: its type and encoding are not judged here */
    bool framed;      /* where a body ends is not judged here */
    bool no_json;     /* that it is called JSON and is none is not judged here */
    bool credentials; /* of a form, the values of credentials are not looked at */
} gw_waf_view;

/* Method, path, query, headers and cookies. */
void gw_waf_read_head(gw_waf_scan *scan, const gw_waf_view *view);
/* The checks of header fields that are code: syntax, restricted names, content type, size, host. */
void gw_waf_check_headers(gw_waf_scan *scan, const gw_waf_view *view);
/* name=value&name=value; returns how many there were. */
size_t gw_waf_read_arguments(gw_waf_scan *scan, aigw_waf_component component, const char *where,
                             aigw_slice text);
void gw_waf_read_body(gw_waf_scan *scan, const gw_waf_view *view);
void gw_waf_read_json(gw_waf_scan *scan, const gw_waf_view *view, const gw_json_doc *doc);
/* Prompt text, described by everything in the field but its component: base64 in it is passed over. */
void gw_waf_read_content(gw_waf_scan *scan, const gw_waf_view *view, gw_waf_field field);

/* The name of a file that a web server would run: shell.php, x.PHP5..., .htaccess */
bool gw_waf_runs_on_a_server(aigw_slice file);
bool gw_waf_good_charset(aigw_slice charset);
/* Every charset in a Content-Type or Accept-like list is one that is read here as everywhere. single: one at most. */
bool gw_waf_good_charsets(aigw_slice value, bool single);
/* A % that starts no escape, as readers decode differently. */
bool gw_waf_broken_escape(aigw_slice text);

/* The media type without its parameters, trimmed: "application/json". */
aigw_slice gw_waf_media_type(aigw_slice content_type);
/* A parameter's value without its quotes; data NULL if there is none. */
aigw_slice gw_waf_parameter(aigw_slice header, aigw_slice name);

#endif
