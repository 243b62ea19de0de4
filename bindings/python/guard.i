/*
 * Guardrails for Python: rules come as tuples, verdicts go as tuples, never the text that was found.
 *
 * Knows no word of the Python side's but those of the kinds, which are C's own.
 */
%{
/* (kind, action, name, mask, [text]) */
static int guard_rule_from(PyObject *o, aigw_guard_rule *out)
{
    PyObject *name = NULL, *mask = NULL, *texts = NULL;
    int kind = 0, action = 0;
    if (!PyArg_ParseTuple(o, "iiOOO", &kind, &action, &name, &mask, &texts) ||
        slice_from(name, &out->name) != 0 || slice_from(mask, &out->mask) != 0)
        return -1;
    out->kind = (aigw_guard_kind)kind;
    out->action = (aigw_guard_action)action;
    out->texts = slices_from(texts, &out->text_count);
    return out->texts ? 0 : -1;
}

static void guard_rules_free(const aigw_guard_rule *rules, size_t count)
{
    for (size_t i = 0; rules && i < count; i++)
        PyMem_Free((void *)rules[i].texts);
    PyMem_Free((void *)rules);
}

static aigw_guard_rule *guard_rules_from(PyObject *list, size_t *count)
{
    aigw_guard_rule *rules = room_for(list, sizeof *rules, count);
    for (size_t i = 0; rules && i < *count; i++) {
        if (guard_rule_from(PyList_GET_ITEM(list, (Py_ssize_t)i), &rules[i]) != 0) {
            guard_rules_free(rules, *count);
            return NULL;
        }
    }
    return rules;
}

/* (action, total, [(rule, times)]) */
static PyObject *guard_verdict_of(const aigw_guard_verdict *v)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < AIGW_GUARD_RULES; i++) {
        if (v->found[i] == 0)
            continue;
        PyObject *item = Py_BuildValue("(nK)", (Py_ssize_t)i, (unsigned long long)v->found[i]);
        if (!item || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list ? Py_BuildValue("(iKN)", (int)v->action, (unsigned long long)v->total, list) : NULL;
}

/* The exception that is set gets what may still go on: what stands before the match. */
static void raise_with_output(int code, const aigw_error *err, aigw_slice output)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL, *bytes = bytes_of(output);
    if (!bytes)
        return;
    raise_error(code, err);
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value && PyObject_SetAttrString(value, "output", bytes) != 0)
        PyErr_Clear();
    PyErr_Restore(type, value, trace);
    Py_DECREF(bytes);
}
%}

%typemap(in) (const aigw_guard_rule *rules, size_t rule_count) {
    $1 = guard_rules_from($input, &$2);
    if (!$1)
        SWIG_fail;
}
%typemap(freearg) (const aigw_guard_rule *rules, size_t rule_count) { guard_rules_free($1, $2); }
%typemap(in, numinputs=0) (aigw_slice *fed_out, aigw_error *fed_err)
    (aigw_slice fed = {NULL, 0}, aigw_error error) {
    memset(&error, 0, sizeof error);
    $1 = &fed;
    $2 = &error;
}
%typemap(argout) (aigw_slice *fed_out, aigw_error *fed_err) {
    if (result < 0) {
        Py_CLEAR($result);
        raise_with_output(result, $2, *$1);
        SWIG_fail;
    }
    $result = SWIG_Python_AppendOutput($result, bytes_of(*$1));
}
VALUE_OUT(aigw_guard_verdict, verdict_out, guard_verdict_of)

%constant int GUARD_KINDS = AIGW_GUARD_KINDS;

%inline %{
static aigw_rc guard_new(aigw_error *err, const aigw_guard_rule *rules, size_t rule_count,
                         aigw_guard **out)
{
    return aigw_guard_new(rules, rule_count, out, err);
}

static aigw_slice guard_rule_name(aigw_guard *guard, size_t rule)
{
    return aigw_guard_rule_name(guard, rule);
}

static const char *guard_kind_word(int kind)
{
    return aigw_guard_kind_word((aigw_guard_kind)kind);
}

/* (code, verdict): to block is a verdict, too. */
static aigw_rc guard_check(aigw_error *err, aigw_guard *guard, int form, aigw_slice text,
                           aigw_guard_verdict *verdict_out)
{
    int rc = aigw_guard_text(guard, (aigw_guard_form)form, text, NULL, verdict_out, err);
    return rc == AIGW_E_DENIED ? AIGW_OK : rc;
}

/* (code, masked, verdict) */
static aigw_rc guard_mask(aigw_error *err, aigw_guard *guard, int form, aigw_slice text,
                          aigw_slice *owned_out, aigw_guard_verdict *verdict_out)
{
    return aigw_guard_text(guard, (aigw_guard_form)form, text, owned_out, verdict_out, err);
}

static aigw_rc guard_stream_new(aigw_error *err, aigw_guard *guard, int form,
                                aigw_guard_stream **out)
{
    return aigw_guard_stream_new(guard, (aigw_guard_form)form, out, err);
}

/* (code, bytes) */
static aigw_rc guard_stream_feed(aigw_guard_stream *s, aigw_slice bytes, aigw_slice *fed_out,
                                 aigw_error *fed_err)
{
    return aigw_guard_stream_feed(s, bytes, fed_out, fed_err);
}

static aigw_rc guard_stream_end(aigw_guard_stream *s, aigw_slice *fed_out, aigw_error *fed_err)
{
    return aigw_guard_stream_end(s, fed_out, fed_err);
}

/* (code, verdict) */
static aigw_rc guard_stream_verdict(aigw_error *err, aigw_guard_stream *s,
                                    aigw_guard_verdict *verdict_out)
{
    (void)err;
    *verdict_out = *aigw_guard_stream_verdict(s);
    return AIGW_OK;
}
%}
