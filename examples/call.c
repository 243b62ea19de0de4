/* A blocking call: one gateway, one request, one answer. Usage: example_call TEXT */
#include <aigw/exchange.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    /* Any YAML of docs/config.md; "" would take OPENAI_API_KEY and friends from the environment. */
    aigw_slice config = aigw_slice_of("{auth: {jwt: {enabled: false}}, providers: [{type: echo}]}");
    aigw_gateway *gw;
    aigw_error err;
    if (aigw_gateway_new(config, NULL, &gw, &err) != AIGW_OK) {
        fprintf(stderr, "line %d %s: %s\n", err.line, err.pointer, err.message);
        return 1;
    }

    char body[1024]; /* a real program would build its JSON with a library */
    snprintf(body, sizeof body,
             "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"%.500s\"}]}",
             argc > 1 ? argv[1] : "hello");
    aigw_request request = {
        .size = sizeof request,
        .method = aigw_slice_of("POST"),
        .target = aigw_slice_of("/v1/chat/completions"),
        .body = aigw_slice_of(body),
        .trusted = true, /* this process vouches for itself: no token */
    };
    int status;
    aigw_slice answer;
    aigw_usage usage;
    int rc = aigw_call(gw, &request, 30000, &status, &answer, &usage, &err);
    if (rc == AIGW_OK) {
        printf("HTTP %d\n%.*s\n%lld tokens in, %lld out\n", status, (int)answer.len, answer.data,
               (long long)usage.input_tokens, (long long)usage.output_tokens);
        aigw_bytes_free(answer);
    } else {
        fprintf(stderr, "%s: %s\n", aigw_code_name(rc), err.message);
    }
    aigw_gateway_free(gw);
    return rc == AIGW_OK ? 0 : 1;
}
