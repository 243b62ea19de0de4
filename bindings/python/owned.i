/*
 * Shapes that the gate's modules share: pointers that Python owns, lists of slices, text.
 *
 * Knows nothing of what the pointers stand for; waf.i, iprep.i, limit.i and guard.i do.
 */
%{
static PyObject *text_of(aigw_slice s)
{
    return PyUnicode_DecodeUTF8(s.data ? s.data : "", (Py_ssize_t)s.len, "replace");
}

static PyObject *text_of_c(const char *text)
{
    return text_of(aigw_slice_of(text));
}

/* Borrowed from a bytes or str object. */
static int slice_from(PyObject *o, aigw_slice *out)
{
    Py_ssize_t len = 0;
    if (PyBytes_Check(o)) {
        out->data = PyBytes_AS_STRING(o);
        len = PyBytes_GET_SIZE(o);
    } else if (PyUnicode_Check(o)) {
        out->data = PyUnicode_AsUTF8AndSize(o, &len);
        if (!out->data)
            return -1;
    } else {
        PyErr_Format(PyExc_TypeError, "bytes or str expected, not %s", Py_TYPE(o)->tp_name);
        return -1;
    }
    out->len = (size_t)len;
    return 0;
}

/* The same; None is no bytes at all. */
static int slice_or_none_from(PyObject *o, aigw_slice *out)
{
    *out = (aigw_slice){NULL, 0};
    return o == Py_None ? 0 : slice_from(o, out);
}

/* Room for what a list holds, zeroed and never NULL but for an error; PyMem_Free it. */
static void *room_for(PyObject *list, size_t each, size_t *count)
{
    if (!PyList_Check(list)) {
        PyErr_SetString(PyExc_TypeError, "a list is expected");
        return NULL;
    }
    *count = (size_t)PyList_GET_SIZE(list);
    void *room = PyMem_Calloc(*count ? *count : 1, each);
    if (!room)
        PyErr_NoMemory();
    return room;
}

static aigw_slice *slices_from(PyObject *list, size_t *count)
{
    aigw_slice *slices = room_for(list, sizeof *slices, count);
    for (size_t i = 0; slices && i < *count; i++) {
        if (slice_from(PyList_GET_ITEM(list, (Py_ssize_t)i), &slices[i]) != 0) {
            PyMem_Free(slices);
            return NULL;
        }
    }
    return slices;
}

/*
 * A capsule frees what it holds when nobody uses it any more: neither its owner nor a call that still
 * runs in another thread. Its context is another capsule that must live as long (see `keep`).
 */
#define DROP(type, release)                                                                        \
    static void drop_##type(PyObject *capsule)                                                     \
    {                                                                                              \
        type *held = PyCapsule_GetPointer(capsule, #type);                                         \
        PyObject *kept = PyCapsule_GetContext(capsule);                                            \
        Py_BEGIN_ALLOW_THREADS;                                                                    \
        release(held);                                                                             \
        Py_END_ALLOW_THREADS;                                                                      \
        Py_XDECREF(kept);                                                                          \
    }
DROP(aigw_waf, aigw_waf_free)
DROP(aigw_iprep, aigw_iprep_free)
DROP(aigw_limiter, aigw_limiter_free)
DROP(aigw_limit_link, aigw_limit_link_free)
DROP(aigw_guard, aigw_guard_free)
DROP(aigw_guard_stream, aigw_guard_stream_free)
%}

%define CAPSULE(type, name, drop, release)
%typemap(in) type * {
    $1 = PyCapsule_GetPointer($input, name);
    if (!$1)
        SWIG_fail;
}
%typemap(in, numinputs=0) type **out (type *made = NULL) { $1 = &made; }
%typemap(argout) type **out {
    PyObject *capsule = PyCapsule_New(*$1, name, drop);
    if (!capsule) {
        release(*$1);
        Py_CLEAR($result);
        SWIG_fail;
    }
    $result = SWIG_Python_AppendOutput($result, capsule);
}
%enddef
CAPSULE(aigw_waf, "aigw_waf", drop_aigw_waf, aigw_waf_free)
CAPSULE(aigw_iprep, "aigw_iprep", drop_aigw_iprep, aigw_iprep_free)
CAPSULE(aigw_limiter, "aigw_limiter", drop_aigw_limiter, aigw_limiter_free)
CAPSULE(aigw_limit_link, "aigw_limit_link", drop_aigw_limit_link, aigw_limit_link_free)
CAPSULE(aigw_guard, "aigw_guard", drop_aigw_guard, aigw_guard_free)
CAPSULE(aigw_guard_stream, "aigw_guard_stream", drop_aigw_guard_stream, aigw_guard_stream_free)

%typemap(in) (const aigw_slice *slices, size_t slice_count) {
    $1 = slices_from($input, &$2);
    if (!$1)
        SWIG_fail;
}
%typemap(freearg) (const aigw_slice *slices, size_t slice_count) { PyMem_Free((void *)$1); }

/* Builds a value from what C filled in; NULL leaves its exception. */
%define VALUE_OUT(type, argument, build)
%typemap(in, numinputs=0) type *argument (type value) {
    memset(&value, 0, sizeof value);
    $1 = &value;
}
%typemap(argout) type *argument {
    PyObject *built = build($1);
    if (!built) {
        Py_CLEAR($result);
        SWIG_fail;
    }
    $result = SWIG_Python_AppendOutput($result, built);
}
%enddef

%nothread keep;
%inline %{
/* `kept` lives at least as long as the capsule. Once per capsule. */
static void keep(PyObject *capsule, PyObject *kept)
{
    Py_INCREF(kept);
    if (PyCapsule_SetContext(capsule, kept) != 0)
        Py_DECREF(kept);
}
%}
