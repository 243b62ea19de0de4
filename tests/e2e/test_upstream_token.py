"""A provider whose credential is a token: fetched once, renewed when refused, and nobody blocks meanwhile."""
import concurrent.futures
import json
import signal
import threading

from harness import Gateway, Upstream, wait_until
from token_server import TokenServer

ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def config(upstream, tokens, threads=1, **more):
    token = {"endpoint": tokens.url, "client_id": "gw", "client_secret": "s3cret", "scope": "models/invoke", **more}
    return {"server": {"threads": threads},
            "providers": [{"name": "inner", "type": "openai", "base_url": f"http://127.0.0.1:{upstream.port}/v1",
                           "auth": {"token": token}, "models": ["m"]}]}


def bearer(seen):
    headers = {name.lower(): value for name, value in seen[1].items()}
    return headers.get("authorization")


def chat(gateway):
    return gateway.request("POST", "/v1/chat/completions", ASK)[0]


def good(request, _):
    request.answer(200, ANSWER)


def test_one_fetch_for_many_requests_on_two_loops():
    gate = threading.Event()

    def slow(form, headers, n):
        gate.wait(20)
        return 200, {"access_token": f"t-{n}", "expires_in": 3600}, {}

    with Upstream(good) as upstream, TokenServer(slow) as tokens, Gateway(config(upstream, tokens, 2)) as gateway:
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            waiting = [pool.submit(chat, gateway) for _ in range(24)]
            assert wait_until(lambda: tokens.requests)
            assert gateway.request("GET", "/v1/models")[0] == 200  # the loops are free
            gate.set()
            assert [f.result() for f in waiting] == [200] * 24
        assert len(tokens.requests) == 1
        assert tokens.requests[0][2] == {"grant_type": "client_credentials", "client_id": "gw",
                                         "client_secret": "s3cret", "scope": "models/invoke"}
        assert {bearer(seen) for seen in upstream.seen} == {"Bearer t-1"}
        assert "s3cret" not in gateway.log() and "t-1" not in gateway.log()


def test_a_refused_token_is_dropped_once_and_fetched_anew():
    good_token = ["t-1"]

    def judge(request, _):
        if request.headers["authorization"] == f"Bearer {good_token[0]}":
            request.answer(200, ANSWER)
        else:
            request.answer(401, {"error": {"message": "expired", "type": "auth"}})

    with Upstream(judge) as upstream, TokenServer() as tokens, Gateway(config(upstream, tokens)) as gateway:
        assert chat(gateway) == 200
        good_token[0] = "t-2"  # rotated: the old one is refused
        assert chat(gateway) == 200
        assert len(tokens.requests) == 2
        assert [bearer(seen) for seen in upstream.seen] == ["Bearer t-1", "Bearer t-1", "Bearer t-2"]
        good_token[0] = "none"  # nothing helps: the client is told, and no storm of fetches follows
        assert [chat(gateway) for _ in range(10)] == [502] * 10
        assert len(tokens.requests) <= 3


def test_an_endpoint_that_fails_is_left_alone_for_a_while():
    def fail(form, headers, n):
        return 400, {"error": "invalid_client"}, {}

    with Upstream(good) as upstream, TokenServer(fail) as tokens, Gateway(config(upstream, tokens)) as gateway:
        statuses = [chat(gateway) for _ in range(8)]
        assert statuses == [502] * 8
        assert len(tokens.requests) < 8
        assert not upstream.seen
        lines = [json.loads(line) for line in gateway.log().splitlines() if "token_fetch_failed" in line]
        assert lines and lines[0]["status"] == 400 and lines[0]["phase"] == "token_status"


def test_renewed_before_its_end_and_the_old_one_bridges():
    state = {"fail": False}

    def short(form, headers, n):
        if state["fail"]:
            return 503, {}, {}
        return 200, {"access_token": f"t-{n}", "expires_in": 14}, {}

    with Upstream(good) as upstream, TokenServer(short) as tokens, Gateway(config(upstream, tokens)) as gateway:
        assert chat(gateway) == 200
        state["fail"] = True
        assert wait_until(lambda: chat(gateway) == 200 and len(tokens.requests) > 1)  # half of its life is over
        assert {bearer(seen) for seen in upstream.seen} == {"Bearer t-1"}
        state["fail"] = False
        assert wait_until(lambda: chat(gateway) == 200 and bearer(upstream.seen[-1]) != "Bearer t-1")


def test_a_reload_keeps_the_token_and_a_changed_section_does_not():
    with Upstream(good) as upstream, TokenServer() as tokens:
        first = config(upstream, tokens)
        with Gateway(first) as gateway:
            assert chat(gateway) == 200
            for change, expected in (({}, 1), ({"scope": "other"}, 2)):
                document = json.loads(gateway.config_file.read_text())
                document["providers"][0]["auth"]["token"].update(change)
                document["log"] = {"level": "debug"}
                gateway.config_file.write_text(json.dumps(document))
                before = gateway.log().count("reload")
                gateway.process.send_signal(signal.SIGHUP)
                assert wait_until(lambda: gateway.log().count("reload") > before)
                assert wait_until(lambda: chat(gateway) == 200 and len(tokens.requests) == expected)
        assert [form.get("scope") for _, _, form in tokens.requests] == ["models/invoke", "other"]


def test_a_stream_waits_for_its_token_too():
    def stream(request, _):
        request.start_stream()
        for word in ("a", "b"):
            request.chunk("data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1,
                                                 "model": "m", "choices": [{"index": 0, "delta": {"content": word},
                                                                            "finish_reason": None}]}) + "\n\n")
        request.chunk("data: [DONE]\n\n")
        request.end_stream()

    with Upstream(stream) as upstream, TokenServer() as tokens, Gateway(config(upstream, tokens)) as gateway:
        status, _, body = gateway.request("POST", "/v1/chat/completions", {**ASK, "stream": True})
        assert status == 200 and b'"a"' in body and b"[DONE]" in body
        assert bearer(upstream.seen[0]) == "Bearer t-1"


def test_a_client_that_hangs_up_while_its_token_is_fetched():
    import socket
    gate = threading.Event()

    def slow(form, headers, n):
        gate.wait(20)
        return 200, {"access_token": "t", "expires_in": 3600}, {}

    with Upstream(good) as upstream, TokenServer(slow) as tokens, Gateway(config(upstream, tokens)) as gateway:
        body = json.dumps(ASK).encode()
        with socket.create_connection(("127.0.0.1", gateway.port)) as s:
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nUser-Agent: raw/1\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert wait_until(lambda: tokens.requests)
        gate.set()
        assert chat(gateway) == 200
        assert len(tokens.requests) == 1


def test_a_stop_while_a_token_is_fetched():
    gate = threading.Event()

    def never(form, headers, n):
        gate.wait(30)
        return 200, {"access_token": "t"}, {}

    with Upstream(good) as upstream, TokenServer(never) as tokens:
        document = config(upstream, tokens, 2)
        document["server"]["drain_timeout_ms"] = 200
        with Gateway(document) as gateway:
            pool = concurrent.futures.ThreadPoolExecutor(4)
            asking = [pool.submit(lambda: chat(gateway)) for _ in range(4)]
            assert wait_until(lambda: tokens.requests)
            gateway.stop()  # and ends with 0
        gate.set()
        for f in asking:
            f.exception(30)
        pool.shutdown()
