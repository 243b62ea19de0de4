/*
 * The SWIG module aigw._core: the public C API in the shapes that Python holds well. The friendly side is
 * the package in aigw/; this file only moves bytes, errors and owned pointers across.
 *
 * threads="1": every call releases the GIL, so that a wait in C never stops other Python threads.
 */
%module(package="aigw", threads="1") _core

%{
#include <aigw/aigw.h>
#include <string.h>

/* Every wrapper returns one of these: negative raises, 0..2 goes to Python. */
typedef int aigw_rc;

static PyObject *error_factory; /* aigw.errors.make(code, name, http_status, line, reason, pointer, message) */

static void raise_error(int code, const aigw_error *err)
{
    PyObject *error = NULL;
    if (error_factory)
        error = PyObject_CallFunction(error_factory, "isiisss", code, aigw_code_name(code),
                                      err->http_status, err->line, err->reason, err->pointer,
                                      err->message);
    if (error) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    } else if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_RuntimeError, err->message);
    }
}

static PyObject *bytes_of(aigw_slice s)
{
    return PyBytes_FromStringAndSize(s.data ? s.data : "", (Py_ssize_t)s.len);
}
%}

/* bytes or str in; the object lives at least as long as the call. */
%typemap(in) aigw_slice {
    Py_ssize_t len = 0;
    if (PyBytes_Check($input)) {
        $1.data = PyBytes_AS_STRING($input);
        len = PyBytes_GET_SIZE($input);
    } else if (PyUnicode_Check($input)) {
        $1.data = PyUnicode_AsUTF8AndSize($input, &len);
        if (!$1.data)
            SWIG_fail;
    } else {
        SWIG_exception_fail(SWIG_TypeError, "$symname: argument $argnum must be bytes or str");
    }
    $1.len = (size_t)len;
}
%typemap(out) aigw_slice { $result = bytes_of($1); }

/* The error comes first in every wrapper, so that a failure raises before any other output is touched. */
%typemap(in, numinputs=0) aigw_error *err (aigw_error error) {
    memset(&error, 0, sizeof error);
    $1 = &error;
}
%typemap(argout) aigw_error *err {
    if (result < 0) {
        Py_CLEAR($result);
        raise_error(result, $1);
        SWIG_fail;
    }
}
%typemap(out) aigw_rc { $result = PyLong_FromLong($1); }

/* Owned pointers and values out, appended to the result. */
%define OWNED_OUT(type)
%typemap(in, numinputs=0) type **out (type *made = NULL) { $1 = &made; }
%typemap(argout) type **out {
    $result = SWIG_Python_AppendOutput($result, SWIG_NewPointerObj(*$1, $*1_descriptor, 0));
}
%enddef
OWNED_OUT(aigw_gateway)
OWNED_OUT(aigw_loop)
OWNED_OUT(aigw_exchange)
OWNED_OUT(aigw_jwks)
OWNED_OUT(aigw_claims)
OWNED_OUT(aigw_token_source)
OWNED_OUT(aigw_issuer)
OWNED_OUT(aigw_translation)
OWNED_OUT(aigw_stream)

%typemap(in, numinputs=0) int64_t *number_out (int64_t number = 0) { $1 = &number; }
%typemap(argout) int64_t *number_out {
    $result = SWIG_Python_AppendOutput($result, PyLong_FromLongLong(*$1));
}
%apply int64_t *number_out { int64_t *input, int64_t *output, int64_t *cached, int64_t *cache_write,
    int64_t *reasoning };
%typemap(in, numinputs=0) aigw_slice *bytes_out (aigw_slice bytes = {NULL, 0}) { $1 = &bytes; }
%typemap(argout) aigw_slice *bytes_out {
    $result = SWIG_Python_AppendOutput($result, bytes_of(*$1));
}
%typemap(in, numinputs=0) aigw_slice *owned_out (aigw_slice owned = {NULL, 0}) { $1 = &owned; }
%typemap(argout) aigw_slice *owned_out {
    $result = SWIG_Python_AppendOutput($result, bytes_of(*$1));
    aigw_bytes_free(*$1);
}
%include <stdint.i>

%constant int OPENAI_CHAT = AIGW_FORMAT_OPENAI_CHAT;
%constant int ANTHROPIC = AIGW_FORMAT_ANTHROPIC;
%constant int OPENAI_RESPONSES = AIGW_FORMAT_OPENAI_RESPONSES;
%constant int GEMINI = AIGW_FORMAT_GEMINI;
%constant int BEDROCK = AIGW_FORMAT_BEDROCK;

%include "owned.i"
%include "waf.i"
%include "iprep.i"
%include "guard.i"
%include "limit.i"

%nothread set_error_factory;
%inline %{
static void set_error_factory(PyObject *factory)
{
    Py_XINCREF(factory);
    Py_XSETREF(error_factory, factory);
}

static const char *version(void)
{
    return aigw_version();
}

/* Gateway. */
static aigw_rc gateway_new(aigw_error *err, aigw_slice config, aigw_gateway **out)
{
    return aigw_gateway_new(config, NULL, out, err);
}

static aigw_rc gateway_reload(aigw_error *err, aigw_gateway *gw, aigw_slice config)
{
    return aigw_gateway_reload(gw, config, err);
}

static void gateway_free(aigw_gateway *gw)
{
    aigw_gateway_free(gw);
}

static aigw_rc config_check(aigw_error *err, aigw_slice config)
{
    return aigw_config_check(config, NULL, err);
}

/* One exchange on a loop of its own. `authorization` empty: the caller is trusted, being this process. */
static aigw_rc loop_new(aigw_error *err, aigw_gateway *gw, aigw_loop **out)
{
    return aigw_loop_new(gw, out, err);
}

static void loop_free(aigw_loop *loop)
{
    aigw_loop_free(loop);
}

/* The body stays borrowed: the caller keeps its bytes object until exchange_free. */
static aigw_rc exchange_start(aigw_error *err, aigw_loop *loop, aigw_slice target,
                              aigw_slice authorization, aigw_slice body, aigw_exchange **out)
{
    aigw_header headers[2] = {{aigw_slice_of("content-type"), aigw_slice_of("application/json")},
                              {aigw_slice_of("authorization"), authorization}};
    aigw_request request = {.size = sizeof request, .method = aigw_slice_of("POST"),
                            .target = target, .headers = headers,
                            .header_count = authorization.len ? 2 : 1, .body = body,
                            .trusted = authorization.len == 0};
    return aigw_exchange_start(loop, &request, NULL, NULL, out, err);
}

static aigw_rc exchange_wait(aigw_error *err, aigw_exchange *x, int timeout_ms)
{
    return aigw_exchange_wait(x, timeout_ms, err);
}

/* (code, status): the status is 0 while there is no head. */
static aigw_rc exchange_head(aigw_error *err, aigw_exchange *x, int64_t *number_out)
{
    aigw_head head = {.size = sizeof head};
    int rc = aigw_exchange_head(x, &head, err);
    *number_out = rc == AIGW_OK ? head.status : 0;
    return rc;
}

/* (code, bytes): takes what is there. */
static aigw_rc exchange_read(aigw_error *err, aigw_exchange *x, aigw_slice *bytes_out)
{
    return aigw_exchange_read(x, bytes_out, err);
}

static void exchange_consume(aigw_exchange *x, size_t n)
{
    aigw_exchange_consume(x, n);
}

static aigw_rc exchange_usage(aigw_error *err, aigw_exchange *x, int64_t *input, int64_t *output,
                              int64_t *cached, int64_t *cache_write, int64_t *reasoning)
{
    aigw_usage usage;
    (void)err;
    aigw_exchange_usage(x, &usage);
    *input = usage.input_tokens;
    *output = usage.output_tokens;
    *cached = usage.cached_tokens;
    *cache_write = usage.cache_write_tokens;
    *reasoning = usage.reasoning_tokens;
    return AIGW_OK;
}

static void exchange_free(aigw_exchange *x)
{
    aigw_exchange_free(x);
}

/* Tokens. */
static aigw_rc token_source_new(aigw_error *err, const char *endpoint, const char *client_id,
                                const char *client_secret, const char *scope, const char *ca_file,
                                bool allow_http, aigw_token_source **out)
{
    aigw_token_options options = {.size = sizeof options, .endpoint = endpoint,
                                  .client_id = client_id, .client_secret = client_secret,
                                  .scope = scope, .ca_file = ca_file, .allow_http = allow_http};
    return aigw_token_source_new(&options, NULL, out, err);
}

/* (code, token, expires_unix_s) */
static aigw_rc token_get(aigw_error *err, aigw_token_source *source, aigw_slice *owned_out,
                         int64_t *number_out)
{
    aigw_token token = {NULL, 0};
    int rc = aigw_token_get(source, &token, err);
    if (rc == AIGW_OK) {
        *owned_out = (aigw_slice){token.value, strlen(token.value)};
        *number_out = token.expires_unix_s;
    }
    return rc;
}

static void token_source_free(aigw_token_source *source)
{
    aigw_token_source_free(source);
}

/* Verifying. */
static aigw_rc jwks_parse(aigw_error *err, aigw_slice json, aigw_jwks **out)
{
    return aigw_jwks_parse(json, out, err);
}

static void jwks_free(aigw_jwks *jwks)
{
    aigw_jwks_free(jwks);
}

static aigw_rc jwt_verify(aigw_error *err, aigw_jwks *jwks, aigw_slice token, aigw_slice issuer,
                          aigw_slice scope, aigw_slice audience, int leeway_s, int64_t now_unix_s,
                          aigw_claims **out)
{
    aigw_policy policy = {.size = sizeof policy, .issuer = issuer, .leeway_s = leeway_s};
    if (scope.len) {
        policy.scopes = &scope;
        policy.scope_count = 1;
    }
    if (audience.len) {
        policy.audiences = &audience;
        policy.audience_count = 1;
    }
    return aigw_jwt_verify(jwks, token, &policy, now_unix_s, out, err);
}

static aigw_slice claims_json(aigw_claims *claims)
{
    return aigw_claims_json(claims);
}

static void claims_free(aigw_claims *claims)
{
    aigw_claims_free(claims);
}

/* Translating. */
static aigw_rc translate_request(aigw_error *err, int from, int to, aigw_slice body, aigw_slice model,
                                 int64_t default_max_tokens, bool strict, bool stream,
                                 aigw_translation **out)
{
    aigw_translate_options options = {.size = sizeof options, .model = model,
                                      .default_max_tokens = default_max_tokens, .strict = strict,
                                      .stream = stream};
    return aigw_translate_request((aigw_format)from, (aigw_format)to, body, &options, out, err);
}

static aigw_rc translate_answer(aigw_error *err, int from, int to, aigw_slice body,
                                aigw_slice request, int64_t created_unix_s, bool strict,
                                aigw_translation **out)
{
    aigw_translate_options options = {.size = sizeof options, .created_unix_s = created_unix_s,
                                      .strict = strict, .request = request};
    return aigw_translate_answer((aigw_format)from, (aigw_format)to, body, &options, out, err);
}

/* (code, status, translation) */
static aigw_rc translate_error(aigw_error *err, int from, int to, int status, aigw_slice body,
                               int64_t *number_out, aigw_translation **out)
{
    int answer = 0;
    int rc = aigw_translate_error((aigw_format)from, (aigw_format)to, status, body, &answer, out,
                                  err);
    *number_out = answer;
    return rc;
}

static aigw_slice translation_body(aigw_translation *t)
{
    return aigw_translation_body(t);
}

static void translation_free(aigw_translation *t)
{
    aigw_translation_free(t);
}

static aigw_rc stream_new(aigw_error *err, int from, int to, bool include_usage,
                          int64_t created_unix_s, aigw_slice request, bool json_array, bool strict,
                          aigw_stream **out)
{
    aigw_stream_options options = {.size = sizeof options, .include_usage = include_usage,
                                   .created_unix_s = created_unix_s, .request = request,
                                   .json_array = json_array, .strict = strict};
    return aigw_stream_new((aigw_format)from, (aigw_format)to, &options, out, err);
}

static aigw_rc stream_feed(aigw_error *err, aigw_stream *s, aigw_slice bytes)
{
    return aigw_stream_feed(s, bytes, err);
}

static aigw_rc stream_finish(aigw_error *err, aigw_stream *s)
{
    return aigw_stream_finish(s, err);
}

static aigw_slice stream_output(aigw_stream *s)
{
    return aigw_stream_output(s);
}

static void stream_consume(aigw_stream *s, size_t n)
{
    aigw_stream_consume(s, n);
}

static aigw_rc stream_usage(aigw_error *err, aigw_stream *s, int64_t *input, int64_t *output,
                            int64_t *cached, int64_t *cache_write, int64_t *reasoning)
{
    aigw_usage usage;
    (void)err;
    aigw_stream_usage(s, &usage);
    *input = usage.input_tokens;
    *output = usage.output_tokens;
    *cached = usage.cached_tokens;
    *cache_write = usage.cache_write_tokens;
    *reasoning = usage.reasoning_tokens;
    return AIGW_OK;
}

static void stream_free(aigw_stream *s)
{
    aigw_stream_free(s);
}
%}

/* What was dropped, as a list of (pointer, reason): these build Python objects, so the GIL stays. */
%{
/* Takes the list: NULL where it could not grow. */
static PyObject *with_drop(PyObject *list, aigw_drop drop)
{
    PyObject *item = list ? Py_BuildValue("(NN)", text_of(drop.pointer), text_of(drop.reason)) : NULL;
    if (!item || PyList_Append(list, item) != 0)
        Py_CLEAR(list);
    Py_XDECREF(item);
    return list;
}
%}
%nothread translation_drops;
%nothread stream_drops;
%inline %{
static PyObject *translation_drops(aigw_translation *t)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < aigw_translation_drop_count(t); i++)
        list = with_drop(list, aigw_translation_drop(t, i));
    return list;
}

static PyObject *stream_drops(aigw_stream *s)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < aigw_stream_drop_count(s); i++)
        list = with_drop(list, aigw_stream_drop(s, i));
    return list;
}
%}
