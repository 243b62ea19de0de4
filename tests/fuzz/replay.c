/* Runs a fuzz target over files and directories (the seeds) and the empty input, under any compiler. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long replayed;

static void give(const char *bytes, size_t size)
{
    /* Exactly as large as the input, so that a sanitizer sees any byte read too far. */
    uint8_t *copy = malloc(size ? size : 1);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    replayed++;
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    char *bytes = NULL;
    size_t size = 0, cap = 0, got;
    do {
        if (size == cap) {
            cap = cap ? cap * 2 : 65536;
            char *larger = realloc(bytes, cap);
            if (larger == NULL)
                abort();
            bytes = larger;
        }
        got = fread(bytes + size, 1, cap - size, file);
        size += got;
    } while (got > 0);
    int failed = ferror(file);
    fclose(file);
    if (failed)
        fprintf(stderr, "%s: cannot be read\n", path);
    else
        give(bytes, size);
    free(bytes);
    return failed ? -1 : 0;
}

static int replay_path(const char *path);

static int replay_directory(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    if (count < 0) {
        perror(path);
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < count; i++) {
        char full[4096];
        int n = snprintf(full, sizeof(full), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && (n >= (int)sizeof(full) || replay_path(full) != 0))
            rc = -1;
        free(names[i]);
    }
    free(names);
    return rc;
}

static int replay_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return -1;
    }
    return S_ISDIR(info.st_mode) ? replay_directory(path) : replay_file(path);
}

int main(int argc, char **argv)
{
    int rc = 0;
    give(NULL, 0);
    for (int i = 1; i < argc; i++) {
        if (replay_path(argv[i]) != 0)
            rc = 1;
    }
    if (argc > 1 && replayed < 2) {
        fprintf(stderr, "no input found\n");
        rc = 1;
    }
    printf("%ld inputs replayed\n", replayed);
    return rc;
}
