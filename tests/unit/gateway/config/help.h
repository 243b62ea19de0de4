/* Helpers of the config tests: a host with its own variables, and loading with an error record. */
#ifndef CONFIG_HELP_H
#define CONFIG_HELP_H

#include "base/text.h"
#include "gateway/config/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Pairs of name and value, NULL-ended: the whole environment that a config sees. */
static const char *const *help_env;

static inline const char *help_getenv(void *user, const char *name)
{
    (void)user;
    for (const char *const *p = help_env; p && *p; p += 2) {
        if (strcmp(p[0], name) == 0)
            return p[1];
    }
    return NULL;
}

static const aigw_host help_host = {.size = sizeof(aigw_host), .env = help_getenv};
static aigw_error help_err;

static inline gw_config *help_load(const char *document)
{
    gw_config *config = NULL;
    memset(&help_err, 0, sizeof help_err);
    int code = gw_config_load(aigw_slice_of(document), &help_host, &config, &help_err);
    if (code != AIGW_OK)
        fail_msg("refused: line %d, %s: %s", help_err.line, help_err.pointer, help_err.message);
    return config;
}

/* Refused, at this pointer and line (-1: any), with this in the message. */
static inline void help_refused(const char *document, int line, const char *pointer,
                                const char *message)
{
    gw_config *config = NULL;
    memset(&help_err, 0, sizeof help_err);
    int code = gw_config_load(aigw_slice_of(document), &help_host, &config, &help_err);
    if (code == AIGW_OK)
        fail_msg("accepted: %s", document);
    assert_null(config);
    assert_int_equal(help_err.code, code);
    if (line >= 0 && help_err.line != line)
        fail_msg("line %d instead of %d: %s", help_err.line, line, help_err.message);
    if (strcmp(help_err.pointer, pointer) != 0)
        fail_msg("pointer %s instead of %s: %s", help_err.pointer, pointer, help_err.message);
    if (!strstr(help_err.message, message))
        fail_msg("message without \"%s\": %s", message, help_err.message);
}

#define ECHO "providers: [{type: echo}]\n"

#endif
