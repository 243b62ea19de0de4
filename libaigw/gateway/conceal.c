/* What a provider's words must not tell a client: our credentials, and where a private host stands.
 * Must not know formats: it overwrites in place, so that lengths and JSON stay as they were. */
#include "base/text.h"
#include "gateway/state.h"

#define SHORTEST 8 /* what is shorter is a word that could stand anywhere */

/* What begins a token that was fetched: its text is its source's alone. */
static const char *const beginnings[] = {"Bearer ", "eyJ", "ya29."};

static void cover(char *text, size_t len)
{
    memset(text, '*', len);
}

static void cover_each(char *text, size_t len, aigw_slice secret)
{
    aigw_slice rest = gw_slice(text, len);
    const char *at;
    if (secret.len < SHORTEST)
        return;
    while ((at = gw_find(rest, secret)) != NULL) {
        size_t before = (size_t)(at - text);
        cover(text + before, secret.len);
        rest = gw_slice(text + before + secret.len, len - before - secret.len);
    }
}

static bool token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-._~+=*", c);
}

static void cover_tokens(char *text, size_t len, aigw_slice beginning)
{
    aigw_slice rest = gw_slice(text, len);
    const char *at;
    while ((at = gw_find(rest, beginning)) != NULL) {
        size_t from = (size_t)(at - text) + beginning.len, to = from;
        while (to < len && text[to] != '\0' && token_char(text[to]))
            to++;
        if (to - from >= 2 * SHORTEST)
            cover(text + from, to - from);
        rest = gw_slice(text + to, len - to);
    }
}

void gw_conceal(const gw_upstream *up, char *text, size_t len)
{
    for (size_t i = 0; i < sizeof up->key_secrets / sizeof *up->key_secrets; i++)
        cover_each(text, len, gw_slice(up->key_secrets[i].data, up->key_secrets[i].len));
    if (up->private_host)
        cover_each(text, len, up->host);
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        cover_tokens(text, len, aigw_slice_of(beginnings[i]));
}

void gw_conceal_tail(const gw_upstream *up, gw_buf *out, size_t from)
{
    aigw_slice all = gw_buf_slice(out);
    if (!out->failed && from < all.len)
        gw_conceal(up, (char *)(uintptr_t)all.data + from, all.len - from);
}
