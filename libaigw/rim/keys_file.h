/* A key set in a file: reading it, and telling whether it changed. Knows nothing of who uses the keys. */
#ifndef GW_RIM_KEYS_FILE_H
#define GW_RIM_KEYS_FILE_H

#include "gate/jwks.h"
#include <time.h>

#define GW_KEYS_MAX_BYTES (150 * 1024)

/* One thread at a time. */
typedef struct gw_keys_file {
    char *path;
    struct timespec modified; /* of the contents that were read last and were good */
    int64_t bytes;
    uint64_t inode;
} gw_keys_file;

int gw_keys_file_open(gw_keys_file *file, aigw_slice path, aigw_error *err);
void gw_keys_file_free(gw_keys_file *file);
bool gw_keys_file_changed(const gw_keys_file *file);
/* AIGW_E_IO, or what aigw_jwks_parse says. *out is the caller's. */
int gw_keys_file_read(gw_keys_file *file, aigw_jwks **out, aigw_error *err);

#endif
