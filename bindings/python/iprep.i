/*
 * Lists of addresses for Python.
 *
 * Knows no file and no clock: both are the caller's.
 */
%{
static PyObject *iprep_hit_of(const aigw_iprep_hit *h)
{
    return Py_BuildValue("(iIss)", (int)h->action, h->lists, h->rule, h->label);
}

static PyObject *iprep_facts_of(const aigw_iprep_facts *f)
{
    return Py_BuildValue("(nnnnLKK)", (Py_ssize_t)f->entries, (Py_ssize_t)f->ranges_v4,
                         (Py_ssize_t)f->ranges_v6, (Py_ssize_t)f->bytes,
                         (long long)f->loaded_unix_s, (unsigned long long)f->loads,
                         (unsigned long long)f->refusals);
}
%}
VALUE_OUT(aigw_iprep_hit, hit_out, iprep_hit_of)
VALUE_OUT(aigw_iprep_facts, facts_out, iprep_facts_of)

%inline %{
static aigw_rc iprep_new(aigw_error *err, size_t max_entries, aigw_iprep **out)
{
    aigw_iprep_options options = {.size = sizeof options, .max_entries = max_entries};
    return aigw_iprep_new(&options, out, err);
}

static aigw_rc iprep_load(aigw_error *err, aigw_iprep *iprep, int list, const aigw_slice *slices,
                          size_t slice_count, bool force, int64_t now_unix_s)
{
    return aigw_iprep_load(iprep, (aigw_iprep_list)list, slices, slice_count, force, now_unix_s, err);
}

/* (code, hit); AIGW_END: that is no address. */
static aigw_rc iprep_check(aigw_error *err, aigw_iprep *iprep, aigw_slice address,
                           aigw_iprep_hit *hit_out)
{
    (void)err;
    hit_out->rule = hit_out->label = "";
    return aigw_iprep_check(iprep, address, hit_out) ? AIGW_OK : AIGW_END;
}

static aigw_rc iprep_facts(aigw_error *err, aigw_iprep *iprep, int list, aigw_iprep_facts *facts_out)
{
    (void)err;
    aigw_iprep_facts_of(iprep, (aigw_iprep_list)list, facts_out);
    return AIGW_OK;
}
%}
