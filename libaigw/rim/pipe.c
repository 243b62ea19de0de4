/* A bounded buffer between a writer and a transfer, and who is told when it may go on.
 * Must not know what the bytes are, nor how they are sent. */
#include "rim/pipe.h"

#include "base/text.h"

void gw_pipe_init(gw_pipe *pipe)
{
    *pipe = (gw_pipe){0};
    gw_buf_init(&pipe->bytes, GW_PIPE_BYTES);
}

void gw_pipe_free(gw_pipe *pipe)
{
    gw_buf_free(&pipe->bytes);
}

size_t gw_pipe_room(const gw_pipe *pipe)
{
    return pipe->ended ? 0 : GW_PIPE_BYTES - gw_buf_len(&pipe->bytes);
}

bool gw_pipe_write(gw_pipe *pipe, aigw_slice bytes, size_t *taken)
{
    size_t room = gw_pipe_room(pipe);
    size_t n = bytes.len < room ? bytes.len : room;

    *taken = 0;
    if (n == 0)
        return true;
    if (!gw_buf_append(&pipe->bytes, bytes.data, n))
        return false;
    pipe->in += n;
    *taken = n;
    if (pipe->more)
        pipe->more(pipe->reader);
    return true;
}

void gw_pipe_end(gw_pipe *pipe)
{
    if (pipe->ended)
        return;
    pipe->ended = true;
    if (pipe->more)
        pipe->more(pipe->reader);
}

aigw_slice gw_pipe_peek(const gw_pipe *pipe)
{
    return gw_buf_slice(&pipe->bytes);
}

void gw_pipe_take(gw_pipe *pipe, size_t n)
{
    size_t before = gw_buf_len(&pipe->bytes);

    gw_buf_consume(&pipe->bytes, n);
    pipe->out += n < before ? n : before;
    size_t left = gw_buf_len(&pipe->bytes);
    bool low = before > GW_PIPE_LOW && left <= GW_PIPE_LOW;
    if (pipe->room && (low || gw_pipe_done(pipe)))
        pipe->room(pipe->writer);
}

bool gw_pipe_done(const gw_pipe *pipe)
{
    return pipe->ended && gw_buf_len(&pipe->bytes) == 0;
}
