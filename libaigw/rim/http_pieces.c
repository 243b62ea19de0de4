/*
 * A request body of rim/http that lies in several parts: libcurl asks for it, and may ask again from the start.
 *
 * Must not know what the parts hold.
 */
#include "rim/http_parts.h"

static size_t on_read(char *to, size_t size, size_t count, void *user)
{
    gw_transfer *t = user;
    size_t n = gw_pieces_copy(t->pieces, t->pieces_sent, to, size * count);

    t->pieces_sent += n;
    return n;
}

/* A connection that was dead already: the body goes out once more on another one. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    gw_transfer *t = user;

    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    t->pieces_sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

void gw_http_pieces_begin(gw_transfer *t, const gw_http_request *request)
{
    CURL *easy = t->easy;

    t->pieces = request->pieces;
    t->pieces_sent = 0;
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)gw_pieces_bytes(request->pieces));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, t);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
}
