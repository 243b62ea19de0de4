/*
 * The WAF for Python: options and requests come as tuples, verdicts go as lists of tuples.
 *
 * Knows no word of the Python side's: actions, policies and routes are numbers here.
 */
%{
static bool size_from(PyObject *o, size_t *out)
{
    *out = PyLong_AsSize_t(o);
    return !PyErr_Occurred();
}

/* [(name, action)]; names stay borrowed from the list. */
static int overrides_from(PyObject *list, aigw_waf_options *out)
{
    aigw_waf_override *overrides = room_for(list, sizeof *overrides, &out->override_count);
    out->overrides = overrides;
    for (size_t i = 0; overrides && i < out->override_count; i++) {
        int action = 0;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, (Py_ssize_t)i), "si", &overrides[i].name, &action))
            return -1;
        overrides[i].action = (aigw_waf_action)action;
    }
    return overrides ? 0 : -1;
}

static int routes_from(PyObject *list, aigw_waf_options *out)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list) && i < AIGW_WAF_ROUTES; i++) {
        out->route_content[i] = (aigw_waf_content)PyLong_AsLong(PyList_GET_ITEM(list, i));
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

/* (count_only, overrides, content, [content by route], [five sizes], allow_private_urls, any_content_type) */
static int waf_options_from(PyObject *o, aigw_waf_options *out)
{
    PyObject *overrides = NULL, *routes = NULL, *sizes = NULL;
    int count_only = 0, content = 0, private_urls = 0, any_type = 0;
    *out = (aigw_waf_options){.size = sizeof *out};
    if (!PyArg_ParseTuple(o, "pOiO!O!pp", &count_only, &overrides, &content, &PyList_Type, &routes,
                          &PyTuple_Type, &sizes, &private_urls, &any_type))
        return -1;
    out->count_only = count_only;
    out->content = (aigw_waf_content)content;
    out->allow_private_urls = private_urls;
    out->any_content_type = any_type;
    size_t *const to[] = {&out->max_query_bytes, &out->max_cookie_bytes, &out->max_path_bytes,
                          &out->max_body_bytes, &out->max_arguments};
    for (size_t i = 0; i < 5; i++) {
        PyObject *number = PyTuple_GetItem(sizes, (Py_ssize_t)i);
        if (!number || !size_from(number, to[i]))
            return -1;
    }
    return routes_from(routes, out) != 0 ? -1 : overrides_from(overrides, out);
}

static aigw_header *headers_from(PyObject *list, size_t *count)
{
    aigw_header *headers = room_for(list, sizeof *headers, count);
    for (size_t i = 0; headers && i < *count; i++) {
        PyObject *name = NULL, *value = NULL;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, (Py_ssize_t)i), "OO", &name, &value) ||
            slice_from(name, &headers[i].name) != 0 || slice_from(value, &headers[i].value) != 0) {
            PyMem_Free(headers);
            return NULL;
        }
    }
    return headers;
}

/* (method, path, query or None, headers, body, content type or None, route) */
static int waf_request_from(PyObject *o, aigw_waf_request *out)
{
    PyObject *method = NULL, *path = NULL, *query = NULL, *headers = NULL, *body = NULL, *type = NULL;
    int route = 0;
    *out = (aigw_waf_request){.size = sizeof *out};
    if (!PyArg_ParseTuple(o, "OOOOOOi", &method, &path, &query, &headers, &body, &type, &route) ||
        slice_from(method, &out->method) != 0 || slice_from(path, &out->path) != 0 ||
        slice_or_none_from(query, &out->query) != 0 || slice_from(body, &out->body) != 0 ||
        slice_or_none_from(type, &out->content_type) != 0)
        return -1;
    out->route = (aigw_waf_route)route;
    out->headers = headers_from(headers, &out->header_count);
    return out->headers ? 0 : -1;
}

static PyObject *waf_match_of(const aigw_waf_match *m)
{
    return Py_BuildValue("(sssisiNN)", m->group, m->rule, m->label, (int)m->action,
                         aigw_waf_component_name(m->component), m->pattern, text_of_c(m->location),
                         text_of_c(m->matched));
}

/* (block, terminating or -1, more, [match]) */
static PyObject *waf_result_of(const aigw_waf_result *r)
{
    PyObject *list = PyList_New((Py_ssize_t)r->match_count);
    for (size_t i = 0; list && i < r->match_count; i++) {
        PyObject *match = waf_match_of(&r->matches[i]);
        if (match)
            PyList_SET_ITEM(list, (Py_ssize_t)i, match);
        else
            Py_CLEAR(list);
    }
    Py_ssize_t first = r->terminating < r->match_count ? (Py_ssize_t)r->terminating : -1;
    return list ? Py_BuildValue("(OnON)", r->block ? Py_True : Py_False, first,
                                r->more ? Py_True : Py_False, list)
                : NULL;
}
%}

%typemap(in) const aigw_waf_options *options (aigw_waf_options parsed) {
    $1 = &parsed;
    if (waf_options_from($input, &parsed) != 0)
        SWIG_fail;
}
%typemap(freearg) const aigw_waf_options *options {
    if ($1)
        PyMem_Free((void *)$1->overrides);
}
%typemap(in) const aigw_waf_request *request (aigw_waf_request parsed) {
    $1 = &parsed;
    if (waf_request_from($input, &parsed) != 0)
        SWIG_fail;
}
%typemap(freearg) const aigw_waf_request *request {
    if ($1)
        PyMem_Free((void *)$1->headers);
}
VALUE_OUT(aigw_waf_result, waf_result, waf_result_of)

%inline %{
static aigw_rc waf_new(aigw_error *err, const aigw_waf_options *options, aigw_waf **out)
{
    return aigw_waf_new(options, out, err);
}

static aigw_rc waf_check(aigw_error *err, aigw_waf *waf, const aigw_waf_request *request,
                         aigw_waf_result *waf_result)
{
    return aigw_waf_check(waf, request, waf_result, err);
}

static aigw_rc waf_explain(aigw_error *err, aigw_waf *waf, const aigw_waf_request *request,
                           aigw_slice *owned_out)
{
    return aigw_waf_explain(waf, request, owned_out, err);
}

static const char *waf_info(aigw_waf *waf)
{
    return aigw_waf_info(waf);
}

static int waf_route_of(aigw_slice path)
{
    return (int)aigw_waf_route_of(path);
}
%}

%nothread waf_rules;
%inline %{
/* [(group, metric, rule, label, action)] */
static PyObject *waf_rules(void)
{
    PyObject *list = PyList_New(0);
    aigw_waf_rule r;
    for (size_t i = 0; list && aigw_waf_rule_at(i, &r); i++) {
        PyObject *item =
            Py_BuildValue("(ssssi)", r.group, r.metric, r.rule, r.label, (int)r.action);
        if (!item || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}
%}
