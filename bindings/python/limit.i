/*
 * Limits for Python: rules and asks come as tuples; holds are the bytes of the C struct.
 *
 * Knows no clock and no name of a rule: both are the Python side's.
 */
%{
/* [(name, kind, on_fail, limit, window_ms, rate, lease, lease_ms)]; names stay borrowed. */
static aigw_limit_rule *limit_rules_from(PyObject *list, size_t *count)
{
    aigw_limit_rule *rules = room_for(list, sizeof *rules, count);
    for (size_t i = 0; rules && i < *count; i++) {
        aigw_limit_rule *r = &rules[i];
        long long limit = 0, window = 0, rate = 0, lease = 0, lease_ms = 0;
        int kind = 0, on_fail = 0;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, (Py_ssize_t)i), "siiLLLLL", &r->name, &kind,
                              &on_fail, &limit, &window, &rate, &lease, &lease_ms)) {
            PyMem_Free(rules);
            return NULL;
        }
        r->kind = (aigw_limit_kind)kind;
        r->on_fail = (aigw_limit_policy)on_fail;
        r->limit = limit;
        r->window_ms = window;
        r->rate = rate;
        r->lease = lease;
        r->lease_ms = lease_ms;
    }
    return rules;
}

/* (rules, max_keys, max_events, max_event_bytes, keep_counting, on_full) */
static int limiter_options_from(PyObject *o, aigw_limiter_options *out)
{
    PyObject *rules = NULL, *sizes[3] = {NULL, NULL, NULL};
    int keep_counting = 0, on_full = 0;
    *out = (aigw_limiter_options){.size = sizeof *out, .rule_size = sizeof(aigw_limit_rule)};
    if (!PyArg_ParseTuple(o, "OOOOpi", &rules, &sizes[0], &sizes[1], &sizes[2], &keep_counting,
                          &on_full) ||
        !size_from(sizes[0], &out->max_keys) || !size_from(sizes[1], &out->max_events) ||
        !size_from(sizes[2], &out->max_event_bytes))
        return -1;
    out->keep_counting = keep_counting;
    out->on_full = (aigw_limit_policy)on_full;
    out->rules = limit_rules_from(rules, &out->rule_count);
    return out->rules ? 0 : -1;
}

/* (address, username, password, prefix, database, deadline_ms, connect_timeout_ms, max_waiting, max_leases) */
static int link_options_from(PyObject *o, aigw_limit_link_options *out)
{
    *out = (aigw_limit_link_options){.size = sizeof *out};
    return PyArg_ParseTuple(o, "szzziiiii", &out->address, &out->username, &out->password,
                            &out->prefix, &out->database, &out->deadline_ms,
                            &out->connect_timeout_ms, &out->max_waiting, &out->max_leases)
               ? 0
               : -1;
}

/* [(rule, key, n)]; keys stay borrowed. */
static aigw_limit_ask *asks_from(PyObject *list, size_t *count)
{
    aigw_limit_ask *asks = room_for(list, sizeof *asks, count);
    for (size_t i = 0; asks && i < *count; i++) {
        PyObject *rule = NULL, *key = NULL;
        long long n = 0;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, (Py_ssize_t)i), "OOL", &rule, &key, &n) ||
            !size_from(rule, &asks[i].rule) || slice_from(key, &asks[i].key) != 0) {
            PyMem_Free(asks);
            return NULL;
        }
        asks[i].n = n;
    }
    return asks;
}

static PyObject *ask_of(const aigw_limit_ask *a)
{
    return Py_BuildValue("(OiLLLLy#)", a->allowed ? Py_True : Py_False, (int)a->by,
                         (long long)a->limit, (long long)a->remaining, (long long)a->reset_ms,
                         (long long)a->retry_after_ms, (const char *)&a->hold,
                         (Py_ssize_t)sizeof a->hold);
}

/* [(allowed, by, limit, remaining, reset_ms, retry_after_ms, hold)] */
static PyObject *asks_of(const aigw_limit_ask *asks, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *item = ask_of(&asks[i]);
        if (item)
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *limiter_stats_of(const aigw_limiter_stats *s)
{
    return Py_BuildValue("(nnnKKK)", (Py_ssize_t)s->keys, (Py_ssize_t)s->table_bytes,
                         (Py_ssize_t)s->event_bytes, (unsigned long long)s->forgot_idle,
                         (unsigned long long)s->forgot_counting, (unsigned long long)s->full);
}

static PyObject *link_stats_of(const aigw_limit_link_stats *s)
{
    return Py_BuildValue("(OKKKKKn)", s->connected ? Py_True : Py_False,
                         (unsigned long long)s->round_trips, (unsigned long long)s->by_lease,
                         (unsigned long long)s->by_policy, (unsigned long long)s->lost_settlements,
                         (unsigned long long)s->connects, (Py_ssize_t)s->leased_units);
}
%}

%typemap(in) const aigw_limiter_options *options (aigw_limiter_options parsed) {
    $1 = &parsed;
    if (limiter_options_from($input, &parsed) != 0)
        SWIG_fail;
}
%typemap(freearg) const aigw_limiter_options *options {
    if ($1)
        PyMem_Free((void *)$1->rules);
}
%typemap(in) const aigw_limit_link_options *options (aigw_limit_link_options parsed) {
    $1 = &parsed;
    if (link_options_from($input, &parsed) != 0)
        SWIG_fail;
}
%typemap(in) (aigw_limit_ask *asks, size_t ask_count) {
    $1 = asks_from($input, &$2);
    if (!$1)
        SWIG_fail;
}
%typemap(freearg) (aigw_limit_ask *asks, size_t ask_count) { PyMem_Free($1); }
%typemap(argout) (aigw_limit_ask *asks, size_t ask_count) {
    PyObject *answers = asks_of($1, $2);
    if (!answers) {
        Py_CLEAR($result);
        SWIG_fail;
    }
    $result = SWIG_Python_AppendOutput($result, answers);
}
%typemap(in) aigw_limit_hold *hold (aigw_limit_hold copy) {
    if (!PyBytes_Check($input) || PyBytes_GET_SIZE($input) != (Py_ssize_t)sizeof copy)
        SWIG_exception_fail(SWIG_TypeError, "$symname: that is no hold");
    memcpy(&copy, PyBytes_AS_STRING($input), sizeof copy);
    $1 = &copy;
}
VALUE_OUT(aigw_limiter_stats, limiter_stats_out, limiter_stats_of)
VALUE_OUT(aigw_limit_link_stats, link_stats_out, link_stats_of)

%inline %{
static aigw_rc limiter_new(aigw_error *err, const aigw_limiter_options *options, aigw_limiter **out)
{
    return aigw_limiter_new(options, out, err);
}

static aigw_rc limiter_take(aigw_error *err, aigw_limiter *limiter, aigw_limit_ask *asks,
                            size_t ask_count, int64_t now_ms)
{
    return aigw_limiter_take(limiter, asks, ask_count, now_ms, err);
}

static aigw_rc limiter_peek(aigw_error *err, aigw_limiter *limiter, aigw_limit_ask *asks,
                            size_t ask_count, int64_t now_ms)
{
    return aigw_limiter_peek(limiter, asks, ask_count, now_ms, err);
}

static void limiter_settle(aigw_limiter *limiter, aigw_limit_hold *hold, int64_t actual,
                           int64_t now_ms)
{
    aigw_limiter_settle(limiter, hold, actual, now_ms);
}

/* (code, stats) */
static aigw_rc limiter_stats(aigw_error *err, aigw_limiter *limiter,
                             aigw_limiter_stats *limiter_stats_out)
{
    (void)err;
    aigw_limiter_get_stats(limiter, limiter_stats_out);
    return AIGW_OK;
}

static aigw_rc link_new(aigw_error *err, aigw_limiter *limiter,
                        const aigw_limit_link_options *options, aigw_limit_link **out)
{
    return aigw_limit_link_new(limiter, options, NULL, out, err);
}

static aigw_rc link_take(aigw_error *err, aigw_limit_link *link, aigw_limit_ask *asks,
                         size_t ask_count)
{
    return aigw_limit_link_take(link, asks, ask_count, err);
}

static aigw_rc link_peek(aigw_error *err, aigw_limit_link *link, aigw_limit_ask *asks,
                         size_t ask_count)
{
    return aigw_limit_link_peek(link, asks, ask_count, err);
}

static void link_settle(aigw_limit_link *link, aigw_limit_hold *hold, int64_t actual)
{
    aigw_limit_link_settle(link, hold, actual);
}

static int link_fd(aigw_limit_link *link)
{
    return aigw_limit_link_fd(link);
}

static int link_timeout_ms(aigw_limit_link *link)
{
    return aigw_limit_link_timeout_ms(link);
}

static void link_step(aigw_limit_link *link)
{
    aigw_limit_link_step(link);
}

/* (code, stats) */
static aigw_rc link_stats(aigw_error *err, aigw_limit_link *link,
                          aigw_limit_link_stats *link_stats_out)
{
    (void)err;
    aigw_limit_link_get_stats(link, link_stats_out);
    return AIGW_OK;
}
%}
