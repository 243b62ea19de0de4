/* Makes the WAF and the lists of a snapshot, or goes on with those of the one before. Must not know requests. */
#include "gateway/screen/live.h"

#include "base/error.h"
#include "base/mem.h"
#include <stdio.h>
#include <string.h>

struct gw_screen_rules {
    int refs; /* atomic */
    aigw_waf *waf;
};

static bool same_overrides(const aigw_waf_options *a, const aigw_waf_options *b)
{
    if (a->override_count != b->override_count)
        return false;
    for (size_t i = 0; i < a->override_count; i++) {
        if (strcmp(a->overrides[i].name, b->overrides[i].name) != 0 ||
            a->overrides[i].action != b->overrides[i].action)
            return false;
    }
    return true;
}

static bool same_options(const aigw_waf_options *a, const aigw_waf_options *b)
{
    return a->count_only == b->count_only && a->content == b->content &&
           memcmp(a->route_content, b->route_content, sizeof a->route_content) == 0 &&
           a->max_query_bytes == b->max_query_bytes && a->max_cookie_bytes == b->max_cookie_bytes &&
           a->max_path_bytes == b->max_path_bytes && a->max_body_bytes == b->max_body_bytes &&
           a->max_arguments == b->max_arguments && a->allow_private_urls == b->allow_private_urls &&
           a->any_content_type == b->any_content_type && same_overrides(a, b);
}

static int make_rules(const aigw_waf_options *options, gw_screen_rules **out, aigw_error *err)
{
    gw_screen_rules *rules = gw_calloc(1, sizeof *rules);
    if (!rules)
        return gw_fail_nomem(err);
    rules->refs = 1;
    int code = aigw_waf_new(options, &rules->waf, err);
    if (code != AIGW_OK) {
        gw_free(rules);
        if (code == AIGW_E_UNSUPPORTED && err) { /* built with -DAIGW_WAF=OFF */
            gw_fail(err, code, "waf_build", "built without the WAF: expected enable_waf: false");
            snprintf(err->pointer, sizeof err->pointer, "/enable_waf");
        }
        return code;
    }
    *out = rules;
    return AIGW_OK;
}

/* With the same files they are read again, and what is bad among them changes nothing. */
static int make_lists(gw_screen_live *live, const gw_config_waf *config, const gw_screen_live *old,
                      const gw_clock *clock, const gw_log *log, aigw_error *err)
{
    size_t files = 0;
    for (size_t i = 0; i < AIGW_IPREP_LISTS; i++)
        files += config->lists[i].file_count;
    if (files == 0)
        return AIGW_OK;
    if (old && old->lists && gw_screen_lists_same(old->lists, config)) {
        live->lists = gw_screen_lists_ref(old->lists);
        gw_screen_lists_reload(live->lists, clock, log);
        return AIGW_OK;
    }
    return gw_screen_lists_new(config, clock, &live->lists, err);
}

int gw_screen_live_open(gw_screen_live *live, const gw_config_waf *config,
                        const gw_screen_live *old, const gw_config_waf *before,
                        const gw_clock *clock, const gw_log *log, aigw_error *err)
{
    int code = AIGW_OK;
    if (!config->enabled)
        return AIGW_OK;
    if (old && old->rules && same_options(&config->options, &before->options)) {
        live->rules = old->rules;
        __atomic_add_fetch(&live->rules->refs, 1, __ATOMIC_RELAXED);
    } else {
        code = make_rules(&config->options, &live->rules, err);
    }
    if (code == AIGW_OK)
        code = make_lists(live, config, old, clock, log, err);
    if (code != AIGW_OK) {
        gw_screen_live_close(live);
        return code;
    }
    live->waf = live->rules->waf;
    live->iprep = live->lists ? gw_screen_lists_of(live->lists) : NULL;
    return AIGW_OK;
}

void gw_screen_live_close(gw_screen_live *live)
{
    if (live->rules && __atomic_sub_fetch(&live->rules->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        aigw_waf_free(live->rules->waf);
        gw_free(live->rules);
    }
    gw_screen_lists_free(live->lists);
    memset(live, 0, sizeof *live);
}
