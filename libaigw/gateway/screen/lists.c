/* Reads the files of IP reputation and notices when they change. Must not know requests, nor what an address is. */
#include "gateway/screen/lists.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)256 << 20)
#define STILL_MS 1000 /* a changed file is read when it is the same that much later */

static const char *const names[AIGW_IPREP_LISTS] = {"reputation", "reconnaissance", "ddos",
                                                    "allow"};

/* What tells one state of a file from another; all zero: it is not there. */
typedef struct mark {
    int64_t modified_s, modified_ns, bytes;
    uint64_t inode;
} mark;

typedef struct file {
    char *path;
    mark read, seen; /* when it was last read; when it was last looked at */
} file;

typedef struct slot {
    file *files;
    size_t count;
    bool pending;                    /* a change was seen, and waits for the file to stand still */
    atomic_uint_fast64_t unreadable; /* times that a file could not be read */
} slot;

struct gw_screen_lists {
    int refs; /* atomic */
    aigw_iprep *iprep;
    size_t max_entries;
    slot slots[AIGW_IPREP_LISTS];
    atomic_int_least64_t next_ms; /* of the next look */
    pthread_mutex_t lock;         /* of reading; whoever finds it taken goes on */
};

/* -- files -- */

static void fail_file(aigw_error *err, size_t list, size_t at, const char *what)
{
    gw_fail(err, AIGW_E_IO, "bad_file", "the file of an IP list %s", what);
    if (err)
        snprintf(err->pointer, sizeof err->pointer, "/waf/ip_reputation/%s/%zu", names[list], at);
}

static mark mark_of(const struct stat *st)
{
    return (mark){st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_size, st->st_ino};
}

static bool same(const mark *a, const mark *b)
{
    return a->modified_s == b->modified_s && a->modified_ns == b->modified_ns &&
           a->bytes == b->bytes && a->inode == b->inode;
}

static int read_fd(int fd, size_t bytes, aigw_slice *out)
{
    char *data = gw_alloc(bytes + 1);
    size_t len = 0;
    if (!data)
        return AIGW_E_NOMEM;
    while (len < bytes) {
        ssize_t n = read(fd, data + len, bytes - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            gw_free(data);
            return AIGW_E_IO;
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *out = gw_slice(data, len);
    return AIGW_OK;
}

static int read_file(size_t list, size_t at, file *f, aigw_slice *out, aigw_error *err)
{
    struct stat st;
    /* Not blocking: a FIFO must not stop a start. */
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *what = fd < 0 && errno == ENOENT ? "does not exist" : "cannot be read";
    int code = AIGW_E_IO;
    f->read = (mark){0};
    if (fd >= 0 && fstat(fd, &st) == 0) {
        f->read = mark_of(&st);
        if (!S_ISREG(st.st_mode))
            what = "is not a regular file";
        else if ((uintmax_t)st.st_size > FILE_MAX)
            what = "is too large";
        else
            code = read_fd(fd, (size_t)st.st_size, out);
    }
    if (fd >= 0)
        close(fd);
    if (code == AIGW_E_NOMEM)
        return gw_fail_nomem(err);
    if (code != AIGW_OK)
        fail_file(err, list, at, what);
    return code;
}

/* -- one list -- */

static int load(gw_screen_lists *l, size_t list, int64_t now_unix_s, aigw_error *err)
{
    slot *s = &l->slots[list];
    int code = AIGW_OK;
    aigw_slice *bytes = gw_calloc(s->count + 1, sizeof *bytes);
    if (!bytes)
        return gw_fail_nomem(err);
    s->pending = false;
    for (size_t i = 0; i < s->count; i++) {
        int rc = read_file(list, i, &s->files[i], &bytes[i], code == AIGW_OK ? err : NULL);
        code = code == AIGW_OK ? rc : code;
        s->files[i].seen = s->files[i].read;
    }
    if (code != AIGW_OK) {
        atomic_fetch_add(&s->unreadable, 1);
    } else {
        code = aigw_iprep_load(l->iprep, (aigw_iprep_list)list, bytes, s->count, false, now_unix_s,
                               err);
        if (code != AIGW_OK && err)
            snprintf(err->pointer, sizeof err->pointer, "/waf/ip_reputation/%s", names[list]);
    }
    for (size_t i = 0; i < s->count; i++) {
        aigw_bytes_free(bytes[i]);
        if (code == AIGW_E_NOMEM) /* says nothing about the files: they are tried again */
            s->files[i].read = (mark){0};
    }
    gw_free(bytes);
    return code;
}

static void load_and_tell(gw_screen_lists *l, size_t list, const gw_clock *clock, const gw_log *log)
{
    aigw_error err = {0};
    int code = load(l, list, gw_unix_s(clock), &err);
    aigw_iprep_facts facts;
    aigw_iprep_facts_of(l->iprep, (aigw_iprep_list)list, &facts);
    gw_log_field fields[5];
    size_t n = 0;
    fields[n++] = GW_LOG_TEXT("list", aigw_slice_of(names[list]));
    fields[n++] = GW_LOG_INT("entries", (int64_t)facts.entries);
    if (code == AIGW_OK) {
        gw_log_event(log, AIGW_LOG_INFO, "ip_list_loaded", fields, n);
        return;
    }
    fields[n++] = GW_LOG_TEXT("reason", aigw_slice_of(err.reason));
    fields[n++] = GW_LOG_TEXT("message", aigw_slice_of(err.message));
    fields[n++] = GW_LOG_INT("line", err.line);
    gw_log_event(log, AIGW_LOG_WARN, "ip_list_refused", fields, n);
}

/* -- all of them -- */

static int open_slot(gw_screen_lists *l, size_t list, const gw_config_waf_list *config,
                     int64_t now_unix_s, aigw_error *err)
{
    slot *s = &l->slots[list];
    if (config->file_count == 0)
        return AIGW_OK;
    s->files = gw_calloc(config->file_count, sizeof *s->files);
    if (!s->files)
        return gw_fail_nomem(err);
    s->count = config->file_count;
    for (size_t i = 0; i < s->count; i++) {
        s->files[i].path = gw_strdup(config->files[i]);
        if (!s->files[i].path)
            return gw_fail_nomem(err);
    }
    int code = load(l, list, now_unix_s, err);
    if (code == AIGW_OK || code == AIGW_E_NOMEM)
        return code;
    if (err) { /* what of a config is wrong, with the line of the list in words: the document has others */
        char message[sizeof err->message];
        memcpy(message, err->message, sizeof message);
        if (err->line)
            snprintf(err->message, sizeof err->message, "line %d of the list: %.200s", err->line,
                     message);
        err->line = 0;
        err->code = AIGW_E_CONFIG;
    }
    return AIGW_E_CONFIG;
}

int gw_screen_lists_new(const gw_config_waf *config, const gw_clock *clock, gw_screen_lists **out,
                        aigw_error *err)
{
    const aigw_iprep_options options = {.size = sizeof options, .max_entries = config->max_entries};
    gw_screen_lists *l = gw_calloc(1, sizeof *l);
    if (!l)
        return gw_fail_nomem(err);
    l->refs = 1;
    l->max_entries = config->max_entries;
    pthread_mutex_init(&l->lock, NULL);
    atomic_store(&l->next_ms, gw_now_ms(clock) + config->check_ms);
    int code = aigw_iprep_new(&options, &l->iprep, err);
    for (size_t i = 0; i < AIGW_IPREP_LISTS && code == AIGW_OK; i++)
        code = open_slot(l, i, &config->lists[i], gw_unix_s(clock), err);
    if (code != AIGW_OK) {
        gw_screen_lists_free(l);
        return code;
    }
    *out = l;
    return AIGW_OK;
}

gw_screen_lists *gw_screen_lists_ref(gw_screen_lists *lists)
{
    __atomic_add_fetch(&lists->refs, 1, __ATOMIC_RELAXED);
    return lists;
}

void gw_screen_lists_free(gw_screen_lists *lists)
{
    if (!lists || __atomic_sub_fetch(&lists->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < AIGW_IPREP_LISTS; i++) {
        for (size_t f = 0; f < lists->slots[i].count; f++)
            gw_free(lists->slots[i].files[f].path);
        gw_free(lists->slots[i].files);
    }
    aigw_iprep_free(lists->iprep);
    pthread_mutex_destroy(&lists->lock);
    gw_free(lists);
}

bool gw_screen_lists_same(const gw_screen_lists *lists, const gw_config_waf *config)
{
    if (lists->max_entries != config->max_entries)
        return false;
    for (size_t i = 0; i < AIGW_IPREP_LISTS; i++) {
        const gw_config_waf_list *list = &config->lists[i];
        if (lists->slots[i].count != list->file_count)
            return false;
        for (size_t f = 0; f < list->file_count; f++) {
            if (!gw_eq(aigw_slice_of(lists->slots[i].files[f].path), list->files[f]))
                return false;
        }
    }
    return true;
}

void gw_screen_lists_reload(gw_screen_lists *lists, const gw_clock *clock, const gw_log *log)
{
    pthread_mutex_lock(&lists->lock);
    for (size_t i = 0; i < AIGW_IPREP_LISTS; i++) {
        if (lists->slots[i].count)
            load_and_tell(lists, i, clock, log);
    }
    pthread_mutex_unlock(&lists->lock);
}

/* -- noticing changes -- */

/* Has a file changed since it was read, and is it now as it was at the last look? */
static bool is_due(slot *s)
{
    bool changed = false, still = s->pending;
    for (size_t i = 0; i < s->count; i++) {
        struct stat st;
        mark now = {0};
        if (stat(s->files[i].path, &st) == 0)
            now = mark_of(&st);
        changed |= !same(&now, &s->files[i].read);
        still = still && same(&now, &s->files[i].seen);
        s->files[i].seen = now;
    }
    s->pending = changed;
    return changed && still;
}

/* A look that is further away than check_ms is from before a reload, or from a clock that was set back. */
static bool is_time(gw_screen_lists *lists, int64_t now, int64_t check_ms)
{
    int64_t next = atomic_load_explicit(&lists->next_ms, memory_order_relaxed);
    return now >= next || next - now > check_ms;
}

void gw_screen_lists_tick(gw_screen_lists *lists, int64_t check_ms, const gw_clock *clock,
                          const gw_log *log)
{
    int64_t now = gw_now_ms(clock);
    if (!is_time(lists, now, check_ms) || pthread_mutex_trylock(&lists->lock) != 0)
        return;
    if (is_time(lists, now, check_ms)) {
        int64_t wait = check_ms;
        for (size_t i = 0; i < AIGW_IPREP_LISTS; i++) {
            if (is_due(&lists->slots[i]))
                load_and_tell(lists, i, clock, log);
            if (lists->slots[i].pending && wait > STILL_MS)
                wait = STILL_MS;
        }
        atomic_store(&lists->next_ms, gw_now_ms(clock) + wait);
    }
    pthread_mutex_unlock(&lists->lock);
}

/* -- what is known of them -- */

aigw_iprep *gw_screen_lists_of(gw_screen_lists *lists)
{
    return lists->iprep;
}

bool gw_screen_lists_has(const gw_screen_lists *lists, aigw_iprep_list list)
{
    return lists->slots[list].count > 0;
}

typedef enum measure { ENTRIES, AGE, LOADS, REFUSALS } measure;

static const struct {
    measure what;
    const char *name, *type, *help;
} rows[] = {
    {ENTRIES, "aigw_ip_list_entries", "gauge", "Entries of the IP list in use."},
    {AGE, "aigw_ip_list_age_seconds", "gauge", "Since the IP list in use was read."},
    {LOADS, "aigw_ip_list_loads_total", "counter", "Times that the IP list was read and taken."},
    {REFUSALS, "aigw_ip_list_refusals_total", "counter",
     "Times that it was refused and the last good one kept."},
};

void gw_screen_lists_metrics(gw_screen_lists *lists, int64_t now_unix_s, gw_buf *out)
{
    for (size_t row = 0; lists && row < sizeof rows / sizeof rows[0]; row++) {
        gw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[row].name, rows[row].help,
                      rows[row].name, rows[row].type);
        for (size_t i = 0; i < AIGW_IPREP_LISTS; i++) {
            aigw_iprep_facts facts;
            if (!lists->slots[i].count)
                continue;
            aigw_iprep_facts_of(lists->iprep, (aigw_iprep_list)i, &facts);
            uint64_t refusals = facts.refusals + atomic_load(&lists->slots[i].unreadable);
            int64_t age = now_unix_s > facts.loaded_unix_s ? now_unix_s - facts.loaded_unix_s : 0;
            uint64_t n = rows[row].what == ENTRIES ? facts.entries
                         : rows[row].what == AGE   ? (uint64_t)age
                         : rows[row].what == LOADS ? facts.loads
                                                   : refusals;
            gw_buf_printf(out, "%s{list=\"%s\"} %llu\n", rows[row].name, names[i],
                          (unsigned long long)n);
        }
    }
}
