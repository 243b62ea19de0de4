/* Reads a key set from a file and notices when the file has changed. */
/* Must not know of loops, fetching or threads. */
#include "rim/keys_file.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int gw_keys_file_open(gw_keys_file *file, aigw_slice path, aigw_error *err)
{
    if (path.len > 0 && memchr(path.data, 0, path.len))
        return gw_fail(err, AIGW_E_INVALID, "bad_path", "a file name holds a NUL");
    file->path = gw_strdup(path);
    return file->path ? AIGW_OK : gw_fail_nomem(err);
}

void gw_keys_file_free(gw_keys_file *file)
{
    gw_free(file->path);
    file->path = NULL;
}

static bool same(const gw_keys_file *file, const struct stat *st)
{
    return st->st_mtim.tv_sec == file->modified.tv_sec &&
           st->st_mtim.tv_nsec == file->modified.tv_nsec && st->st_size == file->bytes &&
           st->st_ino == file->inode;
}

/* A file that is gone counts as changed: the reading says so, and the old set stays. */
bool gw_keys_file_changed(const gw_keys_file *file)
{
    struct stat st;

    return stat(file->path, &st) != 0 || !same(file, &st);
}

static int read_all(int fd, gw_buf *buf)
{
    for (;;) {
        char *room = gw_buf_reserve(buf, 16 * 1024);
        if (!room)
            return AIGW_E_LIMIT;
        ssize_t n = read(fd, room, 16 * 1024);
        if (n == 0)
            return AIGW_OK;
        if (n < 0 && errno != EINTR)
            return AIGW_E_IO;
        if (n > 0)
            gw_buf_grew(buf, (size_t)n);
    }
}

int gw_keys_file_read(gw_keys_file *file, aigw_jwks **out, aigw_error *err)
{
    struct stat st;
    gw_buf buf;
    aigw_jwks *set = NULL;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return gw_fail(err, AIGW_E_IO, "file", "the key set file cannot be read");
    }
    gw_buf_init(&buf, GW_KEYS_MAX_BYTES + 16 * 1024);
    int code = read_all(fd, &buf);
    close(fd);
    if (code == AIGW_OK)
        code = aigw_jwks_parse(gw_buf_slice(&buf), &set, err);
    else
        gw_fail(err, code, "file",
                code == AIGW_E_IO ? "the key set file cannot be read"
                                  : "the key set file is too large");
    gw_buf_free(&buf);
    if (code != AIGW_OK)
        return code;
    file->modified = st.st_mtim;
    file->bytes = st.st_size;
    file->inode = st.st_ino;
    *out = set;
    return AIGW_OK;
}
