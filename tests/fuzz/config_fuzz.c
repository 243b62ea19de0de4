/* Config documents of any bytes: no crash, and every error has a place that exists. */
#include "base/text.h"
#include "gateway/config/config.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A few variables are set, so that expansion is reached. */
static const char *env(void *user, const char *name)
{
    (void)user;
    if (strcmp(name, "A") == 0)
        return "HIDDEN-VALUE";
    return strcmp(name, "E") == 0 ? "" : NULL;
}

static int count_lines(const uint8_t *data, size_t size)
{
    int lines = 1;
    for (size_t i = 0; i < size; i++) /* CR, NEL, LS and PS break lines too */
        lines += data[i] == '\n' || data[i] == '\r' || data[i] == 0x85 || data[i] == 0xa8 ||
                 data[i] == 0xa9;
    return lines;
}

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    aigw_host host = {.size = sizeof host, .env = env};
    gw_config *config = NULL;
    aigw_error err = {0};
    int code = gw_config_load(gw_slice((const char *)data, size), &host, &config, &err);
    if (code == AIGW_OK) {
        check(config != NULL && config->upstream_count > 0);
        check(gw_config_check_listen(config, config->server.listen,
                                     config->server.tls_cert_file[0] != '\0', NULL) == AIGW_OK);
        gw_config_free(config);
        return 0;
    }
    check(config == NULL && err.code == code);
    check(code == AIGW_E_CONFIG || code == AIGW_E_IO || code == AIGW_E_NOMEM);
    check(err.message[0] != '\0' && err.reason[0] != '\0');
    check(err.line >= 0 && err.line <= count_lines(data, size) + 1);
    check(err.pointer[0] == '\0' || err.pointer[0] == '/');
    /* An unknown key is shown, and it may be this very word, or escapes that make it. */
    bool said = gw_find(gw_slice((const char *)data, size), GW_S("HIDDEN")) ||
                (size > 0 && memchr(data, '\\', size));
    check(said || strstr(err.message, "HIDDEN-VALUE") == NULL);
    return 0;
}
