/*
 * The inside of an exchange: its state, shared by the files that each do one step of it.
 *
 * Single: its loop's thread.
 */
#ifndef GW_GATEWAY_STATE_H
#define GW_GATEWAY_STATE_H

#include "gateway/attempt.h"
#include "gateway/endpoint.h"
#include "gateway/guard/guard.h"
#include "gateway/quota/quota.h"
#include "gateway/screen/evidence.h"
#include "gateway/screen/screen.h"
#include "gateway/worker.h"
#include "wire/embed/embed.h"

#define GW_KEYS_WAIT_MS 3000
#define GW_PING_MS      15000
#define GW_LINGER_MS    1000 /* how long a complete stream may hold its connection open */
#define GW_HEAD_MAX     56

typedef enum gw_phase {
    GW_X_STEPS,  /* on its way through its steps: one of them may wait for something */
    GW_X_BODY,   /* waits for the body */
    GW_X_TRYING, /* an upstream is being asked */
    GW_X_PAUSE,  /* between two tries */
    GW_X_DONE,   /* the answer is complete (it may lie unread in `out`) */
    GW_X_FAILED  /* broke off: `code` and `failure` say how */
} gw_phase;

typedef struct gw_pass gw_pass;   /* pass.h */
typedef struct gw_fetch gw_fetch; /* fetch/parts.h */

/* What becomes of a request, one after the other: exchange.c has the tables. */
typedef gw_next gw_step(aigw_exchange *x);

struct aigw_exchange {
    aigw_exchange *pool_next;
    gw_arena *arena;
    gw_buf out;  /* what the client is to read */
    gw_buf send; /* the body as sent upstream, when it is not the client's own bytes */

    /* Everything from here on is zero at the start: gw_worker_take. */
    aigw_loop *loop;
    gw_held *held;
    const gw_live *live; /* held->live */
    gw_phase phase;
    gw_step *const *step; /* the one at work; the table ends with NULL */
    bool token_due;       /* the step that looks at the token is to come: headers are kept for it */
    bool waiting;         /* a step waits */
    aigw_ready_fn *ready;
    void *user;
    gw_task tell;  /* calls ready */
    gw_task later; /* concludes a failed try */
    gw_timer timer;
    bool *gone;   /* set when freed under aigw_exchange_wait */
    bool settled; /* in the books */

    /* The request */
    const gw_endpoint *endpoint;
    const gw_wire *wire;        /* the client's dialect */
    const aigw_header *headers; /* the caller's until start returns, else a copy */
    size_t header_count;
    aigw_slice body;
    bool headers_kept; /* they are copies, of the credentials only */
    bool body_due, trusted;
    bool json, form; /* what content-type says; json also when it says nothing */
    aigw_slice anthropic_version, anthropic_beta, authorization;
    aigw_slice tls_subject;
    aigw_slice peer;  /* whose request it is, proxies looked through; of the issuer's paths only */
    aigw_slice name;  /* the {id} or {model} in its path, as it stands there; "" */
    aigw_slice query; /* of the target, copied; "" */
    bool report;      /* x-aigw-report: dropped */
    bool strict;      /* x-aigw-strict: true */
    char id[128];
    size_t id_len;
    gw_ip client_ip; /* whose request it is, proxies looked through; set when has_client_ip */
    bool
        has_client_ip; /* false: an embedder that named no peer. Then no rule over addresses applies */

    /* The gate */
    gw_screened screen;
    gw_evidence evidence;
    gw_gate_result gate;
    gw_quota_held quota;
    gw_keys_waiter waiter;
    bool waits, fresh; /* on the loop's list for keys; sets were renewed once */
    aigw_exchange *wait_next, *wait_prev;
    int lost_status;        /* 404, 405: there is nothing at this path and method */
    const char *lost_allow; /* the methods of the path; or NULL */

    /* The request to an upstream */
    gw_op op;
    gw_json_doc doc;
    bool parsed; /* doc is the body's tape */
    aigw_slice model;
    bool
        path_model; /* it came from the path: what the body calls "model", if anything, is not it */
    bool json_array; /* a stream is wanted as one JSON array (Gemini without alt=sse) */
    bool stream, include_usage, read; /* read: `request` is filled */
    gw_chat_request request;
    gw_embed_request *embed; /* GW_OP_EMBED, read; in the arena */
    gw_route_target targets[GW_PLAN_MAX];
    size_t target_count, target; /* the next to ask */
    int round, tries;
    unsigned renewed; /* targets, a bit each, whose token was fetched anew since they refused it */
    gw_attempt attempt;
    gw_answer_options answer; /* seed empty: not yet made */
    gw_pass *pass;            /* of a pass-through; NULL else */
    gw_fetch *fetch;          /* of URLs in the request; NULL: none is to be fetched */
    gw_guard_run *guard;      /* NULL: no guardrail is for it */
    char seed[32];

    /* The answer */
    aigw_header head[GW_HEAD_MAX];
    size_t head_count;
    aigw_header extra; /* allow, www-authenticate: of an error's head */
    int head_status;
    int status; /* that of the head once it may be seen; 0: not yet */
    bool streaming, head_seen;
    int64_t body_bytes;
    aigw_usage usage;
    int code;
    const char *failure; /* static */
    const char *reason;  /* static; of a denial or failure, for the log */
    int64_t begun_ms, first_byte_ms;
    int64_t fed_ms; /* when a stream's client last got something */
};

/* exchange.c: what a step waited for has come; never called from inside a step. */
void gw_exchange_go_on(aigw_exchange *x);

/* settle.c: what ends an exchange, and the books: metrics and the access log, once. */
void gw_exchange_tell(aigw_exchange *x); /* `ready`, at the end of the step */
void gw_exchange_done(aigw_exchange *x); /* the answer is complete */
void gw_exchange_broke(aigw_exchange *x, int code, const char *failure);
void gw_settle(aigw_exchange *x, const char *outcome);

/* prepare.c: the query; then parses the body, reads what routing needs, plans. False: it has been answered. */
bool gw_prepare_query(aigw_exchange *x);
bool gw_prepare_call(aigw_exchange *x);
/* Parses the body into x->doc, once. AIGW_E_PARSE, _NOMEM: _refuse answers. */
int gw_prepare_parse(aigw_exchange *x, aigw_error *err);
void gw_prepare_refuse(aigw_exchange *x, int code, const aigw_error *err);
/* The same prompt with other words: what was read of the body is read anew. False: it has been answered. */
bool gw_prepare_again(aigw_exchange *x, aigw_slice body);
/* Reads the body as a chat request of the client's dialect, once: x->request. AIGW_E_..., 400. */
int gw_prepare_read(aigw_exchange *x, aigw_error *err);
/* The body as it came, but for the model's name where it stands in the body: *body is the client's own bytes
 * or x->send. */
int gw_prepare_renamed(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                       aigw_error *err);
/* models.c: the models of the config, in the dialect asked for. */
void gw_models_list(aigw_exchange *x);
void gw_models_one(aigw_exchange *x);

/*
 * count.c: counting the tokens of a request, by the provider or, where that cannot (a->wire is NULL or has no
 * counter), by estimate.
 *
 * _encode: AIGW_OK with the body to send; AIGW_END: nobody is to be asked, an answer has been given; or an
 * error. _end: the provider's answer has been collected; AIGW_OK: the client's is given; AIGW_E_UPSTREAM: it
 * was none; AIGW_E_NOMEM.
 */
int gw_count_encode(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                    aigw_error *err);
int gw_count_end(aigw_exchange *x, aigw_slice body);

/* embed.c: the same for embeddings. _read: x->embed, once. _many: is a path for several inputs needed? */
int gw_embed_read(aigw_exchange *x, aigw_error *err);
bool gw_embed_many(const aigw_exchange *x);
int gw_embed_encode(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                    aigw_error *err);
int gw_embed_end(aigw_exchange *x, aigw_slice body);

/* conceal.c: covers our credentials and private hosts in what a provider says of a failure. In place. */
void gw_conceal(const gw_upstream *up, char *text, size_t len);
void gw_conceal_tail(const gw_upstream *up, gw_buf *out,
                     size_t from); /* what stands behind `from` */

/* report.c: what a writer could not say, for a client that asked: x-aigw-dropped. False without memory. */
bool gw_report_dropped(aigw_exchange *x, const gw_notes *notes);

/* admin.c: the admin API. */
void gw_admin_give(aigw_exchange *x);

/* local.c: everything that is answered here. */
void gw_local_give(aigw_exchange *x);

/* probe.c: health and metrics. */
void gw_probe_health(aigw_exchange *x);
void gw_probe_metrics(aigw_exchange *x);

/* respond.c */
void gw_respond_id(aigw_exchange *x); /* chooses the request id */
void gw_respond_begin(aigw_exchange *x, int status, const char *content_type);
void gw_respond_header(aigw_exchange *x, aigw_slice name, aigw_slice value); /* borrowed */
void gw_respond_whole(aigw_exchange *x);  /* `out` holds the body: gives the head, done */
void gw_respond_stream(aigw_exchange *x); /* gives the head of a stream */
const char *gw_respond_stream_type(const aigw_exchange *x); /* its content-type */
/* An error in the client's dialect. */
void gw_respond_error(aigw_exchange *x, const gw_api_error *error);
void gw_respond_fail(aigw_exchange *x, gw_api_error_kind kind, int status, const char *message);
void gw_respond_nomem(aigw_exchange *x);
/* What an aigw_error says, as an error of the dialect; kind by the code. */
void gw_respond_refusal(aigw_exchange *x, const aigw_error *err);

#endif
