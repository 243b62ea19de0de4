/* Tokens in files: private, replaced at once, locked over processes. Must not know how one is fetched. */
#include "token_cache.h"
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES  ((size_t)160 * 1024) /* a token is at most 64 KiB; escaped it may double */
#define LEAST_S     600
#define MAX_LIFE_S  (10LL * 366 * 24 * 3600)
#define POLL_MS     10
#define HEAD_FORMAT "{\"version\":1,\"issued_at\":%lld,\"expires_at\":%lld,\"access_token\":\""

static void wipe_free_bytes(char *data, size_t len)
{
    if (data)
        explicit_bzero(data, len);
    free(data);
}

/* ---- the directory ---- */

/* A directory of ours, closed to others; -1 otherwise. */
static int open_private(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 077) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_dir(void)
{
    char base[4096], path[4200];
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;

    if (xdg && xdg[0] == '/') /* the XDG specification: others are to be ignored */
        n = snprintf(base, sizeof base, "%s", xdg);
    else if (home && home[0] == '/')
        n = snprintf(base, sizeof base, "%s/.cache", home);
    else
        return -1;
    if (n < 0 || (size_t)n >= sizeof base)
        return -1;
    snprintf(path, sizeof path, "%s/aigw", base);
    int fd = open_private(path);
    if (fd >= 0)
        return fd;
    mkdir(base, 0700); /* one that exists stays as it is */
    return mkdir(path, 0700) == 0 || errno == EEXIST ? open_private(path) : -1;
}

bool cache_open(cache *c, const char *fingerprint)
{
    c->lock = -1;
    c->dir = open_dir();
    snprintf(c->file, sizeof c->file, "token-%.64s.json", fingerprint);
    snprintf(c->lock_name, sizeof c->lock_name, "token-%.64s.lock", fingerprint);
    snprintf(c->temp, sizeof c->temp, "token-%.64s.tmp", fingerprint);
    return c->dir >= 0;
}

void cache_close(cache *c)
{
    if (c->lock >= 0)
        close(c->lock);
    if (c->dir >= 0)
        close(c->dir);
    c->lock = c->dir = -1;
}

/* A regular file of ours with mode 0600 and one name. */
static bool is_private(int fd, off_t *size)
{
    struct stat info;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid() ||
        (info.st_mode & 07777) != 0600 || info.st_nlink != 1)
        return false;
    *size = info.st_size;
    return true;
}

/* ---- reading ---- */

static bool whole_read(int fd, char *data, size_t len)
{
    size_t have = 0;

    while (have < len) {
        ssize_t n = read(fd, data + have, len - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return true;
}

/* The whole file with a NUL behind it; NULL if it is not what we would have written. */
static char *read_private(const cache *c, size_t *len)
{
    int fd = openat(c->dir, c->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    off_t size = 0;
    char *data = NULL;

    if (fd < 0)
        return NULL;
    if (is_private(fd, &size) && size > 0 && (size_t)size <= FILE_BYTES)
        data = malloc((size_t)size + 1);
    if (data && !whole_read(fd, data, (size_t)size)) {
        wipe_free_bytes(data, (size_t)size);
        data = NULL;
    }
    if (data)
        data[size] = '\0';
    close(fd);
    *len = (size_t)size;
    return data;
}

static bool take(const char **at, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

static bool take_number(const char **at, int64_t *out)
{
    int64_t value = 0;
    int digits = 0;

    for (; **at >= '0' && **at <= '9' && digits < 15; digits++)
        value = value * 10 + (*(*at)++ - '0');
    *out = value;
    return digits > 0;
}

/* The text up to its quote, unescaped in place: what cache_write wrote, and no other spelling. */
static bool take_text(const char **at, char *out)
{
    const char *from = *at;

    for (; *from && *from != '"'; from++) {
        unsigned char c = (unsigned char)*from;
        if (c < ' ' || c == 0x7f)
            return false;
        if (c == '\\' && *++from != '"' && *from != '\\')
            return false;
        *out++ = *from;
    }
    *out = '\0';
    *at = from;
    return true;
}

static bool enough_left(int64_t issued, int64_t expires, int64_t min_ttl_s)
{
    int64_t now = unix_now(), life = expires - issued, left = expires - now;

    if (now < issued || life <= 0 ||
        life > MAX_LIFE_S) /* a clock that was moved back, or nonsense */
        return false;
    int64_t least = life / 4 > LEAST_S ? life / 4 : LEAST_S;
    if (least > life / 2)
        least = life / 2;
    if (min_ttl_s >= 0)
        least = min_ttl_s;
    return left > 0 && left >= least;
}

char *cache_read(const cache *c, int64_t min_ttl_s, int64_t *expires_unix_s)
{
    size_t len = 0;
    char *data = read_private(c, &len);
    const char *at = data;
    int64_t issued, expires;

    if (!data)
        return NULL;
    char *token = malloc(len + 1);
    bool good = token && strlen(data) == len && take(&at, "{\"version\":1,\"issued_at\":") &&
                take_number(&at, &issued) && take(&at, ",\"expires_at\":") &&
                take_number(&at, &expires) && take(&at, ",\"access_token\":\"") &&
                take_text(&at, token) && take(&at, "\"}\n") && *at == '\0' && *token &&
                enough_left(issued, expires, min_ttl_s);
    wipe_free_bytes(data, len);
    if (!good) {
        wipe_free_bytes(token, len);
        return NULL;
    }
    *expires_unix_s = expires;
    return token;
}

/* ---- locking ---- */

static int64_t running_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Polled, since a wait in flock has no end when its holder hangs. */
bool cache_lock(cache *c, int64_t wait_ms)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    int64_t until = running_ms() + wait_ms;
    off_t size;
    int fd =
        openat(c->dir, c->lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

    if (fd < 0)
        return false;
    bool locked = false;
    while (is_private(fd, &size) && !(locked = flock(fd, LOCK_EX | LOCK_NB) == 0) &&
           (errno == EWOULDBLOCK || errno == EINTR) && running_ms() < until)
        nanosleep(&pause, NULL);
    if (!locked) {
        close(fd);
        return false;
    }
    c->lock = fd;
    return true;
}

/* ---- writing ---- */

static char *compose(const char *token, int64_t expires, size_t *len)
{
    size_t max = 2 * strlen(token) + 160;
    char *data = malloc(max);

    if (!data)
        return NULL;
    int head = snprintf(data, max, HEAD_FORMAT, (long long)unix_now(), (long long)expires);
    char *at = data + head;
    for (; *token; token++) {
        if (*token == '"' || *token == '\\')
            *at++ = '\\';
        *at++ = *token;
    }
    memcpy(at, "\"}\n", 3);
    *len = (size_t)(at + 3 - data);
    return data;
}

static bool whole_write(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

void cache_write(const cache *c, const char *token, int64_t expires_unix_s)
{
    size_t len = 0;
    char *data = compose(token, expires_unix_s, &len);

    if (!data)
        return;
    unlinkat(c->dir, c->temp, 0); /* of one who was killed; the lock is ours */
    int fd = openat(c->dir, c->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool good = fchmod(fd, 0600) == 0 && whole_write(fd, data, len) && fsync(fd) == 0;
        good = close(fd) == 0 && good;
        if (!good || renameat(c->dir, c->temp, c->dir, c->file) != 0)
            unlinkat(c->dir, c->temp, 0);
        else
            fsync(c->dir);
    }
    wipe_free_bytes(data, len);
}
