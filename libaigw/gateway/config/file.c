/* Reads the small files that a config names: keys and secrets.
 * Must not know what is in them, nor put a byte of them into an error. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_file(gw_cfg_build *b, const gw_cfg_node *map, const char *key, const char *what)
{
    const gw_cfg_node *member = gw_cfg_member(map, key);
    gw_fail(b->err, AIGW_E_IO, "bad_file", "%s: %s", key, what);
    return gw_cfg_place(b->err, member ? member : map, AIGW_E_IO);
}

/* Up to max + 1 bytes; -1 on error. */
static ssize_t read_all(int fd, char *data, size_t max)
{
    size_t len = 0;
    while (len <= max) {
        ssize_t n = read(fd, data + len, max + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

int gw_cfg_read_file(gw_cfg_build *b, const gw_cfg_node *map, const char *key, aigw_slice path,
                     size_t max, gw_secret *out)
{
    struct stat info;
    /* The path is NUL-terminated in its arena. Not blocking: a FIFO must not stop a start. */
    int fd = open(path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_file(b, map, key,
                         errno == ENOENT ? "the file does not exist" : "the file cannot be opened");
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return fail_file(b, map, key, "it is not a regular file");
    }
    char *data = gw_alloc(max + 1);
    if (!data) {
        close(fd);
        return gw_fail_nomem(b->err);
    }
    ssize_t len = read_all(fd, data, max);
    close(fd);
    int code = AIGW_OK;
    if (len < 0)
        code = fail_file(b, map, key, "the file cannot be read");
    else if (len == 0 || (size_t)len > max)
        code = fail_file(b, map, key, len ? "the file is too large" : "the file is empty");
    else if (!gw_secret_set(out, gw_slice(data, (size_t)len)))
        code = gw_fail_nomem(b->err);
    gw_wipe(data, max + 1);
    gw_free(data);
    return code;
}
