/* A streamed answer in the Anthropic dialect, pulled piece by piece. Usage: example_stream TEXT */
#include <aigw/exchange.h>
#include <stdio.h>

/* Waits for the next piece and prints it; AIGW_OK while there is more. */
static int print_piece(aigw_exchange *x, aigw_error *err)
{
    aigw_slice piece;
    int rc = aigw_exchange_read(x, &piece, err);
    if (rc == AIGW_AGAIN) {
        rc = aigw_exchange_wait(x, 30000, err);
        return rc == AIGW_AGAIN ? AIGW_E_TIMEOUT : rc;
    }
    if (rc == AIGW_OK) {
        fwrite(piece.data, 1, piece.len, stdout);
        aigw_exchange_consume(x, piece.len); /* what is not consumed stays, and slows the provider down */
    }
    return rc;
}

int main(int argc, char **argv)
{
    aigw_gateway *gw = NULL;
    aigw_loop *loop = NULL;
    aigw_exchange *x = NULL;
    aigw_error err = {0};
    char body[1024];
    snprintf(body, sizeof body,
             "{\"model\":\"echo\",\"max_tokens\":100,\"stream\":true,"
             "\"messages\":[{\"role\":\"user\",\"content\":\"%.500s\"}]}",
             argc > 1 ? argv[1] : "hello");
    aigw_request request = {
        .size = sizeof request,
        .method = aigw_slice_of("POST"),
        .target = aigw_slice_of("/v1/messages"),
        .body = aigw_slice_of(body), /* borrowed until the exchange is freed */
        .trusted = true,
    };

    aigw_slice config = aigw_slice_of("{auth: {jwt: {enabled: false}}, providers: [{type: echo}]}");
    int rc = aigw_gateway_new(config, NULL, &gw, &err);
    if (rc == AIGW_OK)
        rc = aigw_loop_new(gw, &loop, &err);
    if (rc == AIGW_OK)
        rc = aigw_exchange_start(loop, &request, NULL, NULL, &x, &err);
    while (rc == AIGW_OK)
        rc = print_piece(x, &err);
    if (rc != AIGW_END)
        fprintf(stderr, "%s: %s\n", aigw_code_name(rc), err.message);

    aigw_exchange_free(x); /* before its end this would cancel the provider's transfer */
    aigw_loop_free(loop);
    aigw_gateway_free(gw);
    return rc == AIGW_END ? 0 : 1;
}
