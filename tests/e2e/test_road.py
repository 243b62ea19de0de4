"""The promises of the main road over real sockets: same-format calls byte for byte, broken streams,
hang-ups, retries, failover, many streams at once, and the quick start itself."""
import asyncio
import http.client
import json
import os
import re
import socket
import subprocess
import threading

import pytest

import harness

CHAT = "/v1/chat/completions"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
           "content": [{"type": "text", "text": "ok"}], "usage": {"input_tokens": 3, "output_tokens": 2}}


def provider(upstream, kind="openai", **more):
    base = f"http://127.0.0.1:{upstream.port}" + ("/v1" if kind == "openai" else "")
    return {"name": "up", "type": kind, "base_url": base, "api_key": "upstream-secret", **more}


def test_unknown_fields_survive_byte_for_byte():
    odd = ('{ "model" : "m",\t"messages":[{"role":"user","content":"\\u00e9 \\ud83c\\udf0d \\/"}],'
           '"x_unknown":{"deep":[1.0,1e5,-0.0,12345678901234567890]},"temperature":1.00}').encode()
    reply = (b'{"id":"x","x_new":{"a":[1.50,"\\u00e9"]},"choices":[ {"index":0,"message":{"role":"assistant",'
             b'"content":"ok","x_more":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,'
             b'"completion_tokens":2,"x_detail":1}}\n')
    with harness.Upstream(lambda r, b: r.answer(200, reply)) as up, \
            harness.Gateway(harness.open_config([provider(up)])) as gw:
        status, headers, body = gw.request("POST", CHAT, odd, {"content-type": "application/json"})
        assert status == 200 and body == reply
        path, sent, seen = up.seen[0]
        assert path == "/v1/chat/completions" and seen == odd
        assert sent["authorization" if "authorization" in sent else "Authorization"] == "Bearer upstream-secret"
        assert headers["x-request-id"]


def test_only_the_model_name_differs_behind_an_alias():
    odd = b'{"x":[1, 2 ],"mod\\u0065l":"alias" ,"messages":[{"role":"user","content":"hi"}]}'
    with harness.Upstream(lambda r, b: r.answer(200, ANSWER)) as up:
        config = harness.open_config([provider(up)],
                                     [{"name": "alias", "targets": [{"provider": "up", "model": "real"}]}])
        with harness.Gateway(config) as gw:
            assert gw.request("POST", CHAT, odd, {"content-type": "application/json"})[0] == 200
            assert up.seen[0][2] == odd.replace(b'"alias"', b'"real"')


def test_an_anthropic_call_keeps_its_fields_and_betas():
    body = (b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}],'
            b'"context_management":{"edits":[]},"x":1}')
    with harness.Upstream(lambda r, b: r.answer(200, MESSAGE)) as up, \
            harness.Gateway(harness.open_config([provider(up, "anthropic")])) as gw:
        status, _, answer = gw.request("POST", "/v1/messages", body, {
            "content-type": "application/json", "anthropic-version": "2023-06-01",
            "anthropic-beta": "one,two", "x-api-key": "the-clients-own", "cookie": "c=1"})
        assert status == 200 and json.loads(answer) == MESSAGE
        path, headers, seen = up.seen[0]
        headers = {k.lower(): v for k, v in headers.items()}
        assert path == "/v1/messages" and seen == body
        assert headers["x-api-key"] == "upstream-secret" and "cookie" not in headers
        assert {b.strip() for b in headers["anthropic-beta"].split(",")} >= {"one", "two"}


def test_stream_events_pass_as_they_came():
    events = [": a comment\n\n", harness.openai_chunk({"role": "assistant", "content": ""}, x_new=[1.0]),
              "data:   {\"choices\" : [{\"index\":0,\"delta\":{\"content\":\"é🌍\"}}]}\r\n\r\n",
              harness.openai_chunk({}, "stop"), "data: [DONE]\n\n"]

    def stream(request, _):
        request.start_stream()
        for byte in "".join(events).encode():
            request.chunk(bytes([byte]))
        request.end_stream()

    with harness.Upstream(stream) as up, harness.Gateway(harness.open_config([provider(up)])) as gw:
        status, headers, body = gw.request("POST", CHAT, {**HELLO, "stream": True})
        assert status == 200 and headers["content-type"].startswith("text/event-stream")
        assert body.decode() == "".join(events)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("cut", ["clean end", "connection cut"])
def test_a_truncated_upstream_stream_is_an_error(dialect, cut):
    def stream(request, _):
        request.start_stream()
        request.chunk(harness.openai_chunk({"role": "assistant", "content": "half"}))
        if cut == "clean end":
            request.end_stream()
        else:
            request.connection.shutdown(socket.SHUT_RDWR)
        request.close_connection = True

    with harness.Upstream(stream) as up, harness.Gateway(harness.open_config([provider(up)])) as gw:
        connection = http.client.HTTPConnection("127.0.0.1", gw.port, timeout=20)
        path = CHAT if dialect == "openai" else "/v1/messages"
        connection.request("POST", path, json.dumps({**HELLO, "stream": True, "max_tokens": 9}),
                           {"content-type": "application/json", "user-agent": "raw/1"})
        answer = connection.getresponse()
        assert answer.status == 200
        body = answer.read().decode()  # whole: a client drops what it has not read of a body that is cut
        assert "half" in body and '"error"' in body.rstrip().splitlines()[-1]
        assert "[DONE]" not in body and "message_stop" not in body
        connection.close()


def test_an_error_before_the_first_event_is_a_status_not_a_stream():
    def refuse(request, _):
        request.answer(429, {"error": {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded"}},
                       headers={"retry-after": "7", "x-request-id": "up-1"})

    with harness.Upstream(refuse) as up, \
            harness.Gateway(harness.open_config([provider(up, max_retries=0)])) as gw:
        for path in (CHAT, "/v1/messages"):
            status, headers, body = gw.request("POST", path, {**HELLO, "stream": True, "max_tokens": 9})
            assert status == 429 and headers["retry-after"] == "7"
            assert "slow down" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize("status", [401, 403])
def test_our_bad_key_is_not_the_clients_fault(status):
    with harness.Upstream(lambda r, b: r.answer(status, {"error": {"message": "bad key upstream-secret"}})) as up, \
            harness.Gateway(harness.open_config([provider(up)])) as gw:
        got, _, body = gw.request("POST", CHAT, HELLO)
        assert got == 502 and b"upstream-secret" not in body
        assert "upstream-secret" not in gw.log()


def test_retry_then_success_and_failover():
    answers = iter([503, 200])
    with harness.Upstream(lambda r, b: r.answer(s := next(answers), ANSWER if s == 200 else {})) as flaky, \
            harness.Upstream(lambda r, b: r.answer(500, {})) as dead:
        config = harness.open_config(
            [{**provider(flaky), "name": "flaky"}, {**provider(dead, max_retries=0), "name": "dead"}],
            [{"name": "retried", "targets": [{"provider": "flaky"}]},
             {"name": "failed-over", "targets": [{"provider": "dead"}, {"provider": "flaky"}]}])
        with harness.Gateway(config) as gw:
            assert gw.request("POST", CHAT, {**HELLO, "model": "retried"})[0] == 200
            assert len(flaky.seen) == 2
            answers = iter([200])
            assert gw.request("POST", CHAT, {**HELLO, "model": "failed-over"})[0] == 200
            assert len(dead.seen) == 1 and len(flaky.seen) == 3


def test_nothing_answers_means_502_and_silence_means_504():
    port = harness.free_port()
    config = harness.open_config([{"name": "gone", "type": "openai", "api_key": "k", "max_retries": 0,
                                   "base_url": f"http://127.0.0.1:{port}/v1"}])
    with harness.Gateway(config) as gw:
        status, _, body = gw.request("POST", CHAT, HELLO)
        assert status == 502 and str(port) not in body.decode()
    hold = threading.Event()
    with harness.Upstream(lambda r, b: hold.wait(20)) as up:
        with harness.Gateway(harness.open_config(
                [provider(up, max_retries=0, timeouts={"first_byte_ms": 300})])) as gw:
            assert gw.request("POST", CHAT, HELLO)[0] == 504
        hold.set()


def test_a_client_that_hangs_up_stops_the_upstream():
    def endless(request, _):
        request.start_stream()
        while True:
            request.chunk(harness.openai_chunk({"content": "x" * 1000}))

    with harness.Upstream(endless) as up, harness.Gateway(harness.open_config([provider(up)])) as gw:
        client = socket.create_connection(("127.0.0.1", gw.port))
        body = json.dumps({**HELLO, "stream": True}).encode()
        client.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nUser-Agent: raw/1\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (CHAT.encode(), len(body), body))
        assert b"200 OK" in client.recv(4096)
        client.close()
        assert up.gone.wait(20), "the upstream was left running"


def test_a_slow_reader_costs_bounded_memory():
    def flood(request, _):
        request.start_stream()
        while True:
            request.chunk(harness.openai_chunk({"content": "x" * 60000}))

    with harness.Upstream(flood) as up, harness.Gateway(harness.open_config([provider(up)])) as gw:
        before = gw.rss_bytes()
        client = socket.create_connection(("127.0.0.1", gw.port))
        body = json.dumps({**HELLO, "stream": True}).encode()
        client.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nUser-Agent: raw/1\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (CHAT.encode(), len(body), body))
        client.recv(10)
        # The upstream writes for ever and is stopped by back-pressure; the client takes nothing.
        assert not up.gone.wait(2)
        assert gw.rss_bytes() - before < 16 << 20
        client.close()
        assert up.gone.wait(20)


def test_secrets_stay_out_of_the_log_and_metrics_are_there():
    with harness.Upstream(lambda r, b: r.answer(200, ANSWER)) as up:
        config, secret = harness.secured([provider(up)], [])
        with harness.Gateway(config) as gw:
            token = harness.fetch_token(gw, secret)
            headers = {"authorization": f"Bearer {token}"}
            assert gw.request("POST", CHAT, HELLO, headers)[0] == 200
            assert gw.request("POST", CHAT, HELLO)[0] == 401
            assert gw.request("GET", "/healthz")[0] == 200 and gw.request("GET", "/")[0] == 200
            text = gw.request("GET", "/metrics")[2].decode()
            assert re.search(r"^aigw_requests_total\{[^}]*\} [1-9]", text, re.M)
            log = gw.log()
            assert token not in log and secret not in log and "upstream-secret" not in log


def test_exp_scope_and_issuer_at_the_door():
    with harness.Upstream(lambda r, b: r.answer(200, ANSWER)) as up:
        config, secret = harness.secured([provider(up)], [])
        config["issuer"]["clients"].append(
            {"id": "admin-only", "secret": secret, "scopes": ["https://gateway.internal/admin"]})
        with harness.Gateway(config) as gw:
            status, headers, body = gw.request("POST", CHAT, HELLO)
            assert status == 401 and headers["www-authenticate"].startswith("Bearer")
            assert json.loads(body)["error"]["message"]
            bad = harness.fetch_token(gw, secret, "admin-only")
            status, headers, _ = gw.request("POST", CHAT, HELLO, {"authorization": f"Bearer {bad}"})
            assert status == 401 and "insufficient_scope" in headers["www-authenticate"]
            status, headers, body = gw.request("POST", "/v1/messages", HELLO, {"x-api-key": "a.b.c"})
            assert status == 401 and json.loads(body)["type"] == "error"
            good = harness.fetch_token(gw, secret)
            assert gw.request("POST", CHAT, HELLO, {"x-api-key": good})[0] == 200
            document = json.loads(gw.request("GET", "/.well-known/openid-configuration")[2])
            assert document["issuer"] == "https://gateway.internal"
            # A forged signature with the right shape.
            head, payload, signature = good.split(".")
            forged = ".".join([head, payload, signature[:-8] + "AAAAAAAA"])
            assert gw.request("POST", CHAT, HELLO, {"authorization": f"Bearer {forged}"})[0] == 401


STREAMS = 1000
EVENTS = 20


async def _thousand(gateway, rss):
    """A thousand clients whose streams are all open at once before the first event is sent."""
    arrived, go = asyncio.Semaphore(0), asyncio.Event()

    async def upstream(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head, re.I).group(1))
            marker = json.loads(await reader.readexactly(length))["messages"][0]["content"]
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                         b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n")
            arrived.release()
            await go.wait()
            for i in range(EVENTS):
                event = harness.openai_chunk({"content": f"{marker}-{i} "},
                                             "stop" if i == EVENTS - 1 else None).encode()
                writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                await writer.drain()
                await asyncio.sleep(0)
            writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
            await writer.drain()
        finally:
            writer.close()

    async def client(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = json.dumps({"model": "m", "stream": True,
                           "messages": [{"role": "user", "content": f"s{number}"}]}).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nUser-Agent: raw/1\r\nConnection: close\r\n"
                     b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        data = await reader.read(-1)
        writer.close()
        return data.decode()

    server = await asyncio.start_server(upstream, "127.0.0.1", gateway.upstream_port, backlog=2048)
    async with server:
        clients = [asyncio.create_task(client(n)) for n in range(STREAMS)]
        for _ in range(STREAMS):
            await asyncio.wait_for(arrived.acquire(), 60)
        rss.append(gateway.rss_bytes())
        go.set()
        return await asyncio.wait_for(asyncio.gather(*clients), 120)


@pytest.mark.slow
def test_a_thousand_streams_each_complete_and_in_order(record_property):
    port = harness.free_port()
    config = harness.open_config([{"name": "up", "type": "openai", "api_key": "k",
                                   "base_url": f"http://127.0.0.1:{port}/v1"}],
                                 log={"access": False})
    with harness.Gateway(config) as gw:
        gw.upstream_port = port
        rss = [gw.rss_bytes()]
        bodies = asyncio.run(_thousand(gw, rss))
    for number, body in enumerate(bodies):
        found = re.findall(r'"content": "([^"]*)"', body)
        assert found == [f"s{number}-{i} " for i in range(EVENTS)], (number, body[-500:])
        assert "[DONE]" in body
    per_stream = (rss[1] - rss[0]) / STREAMS
    record_property("rss_bytes_per_stream", per_stream)
    print(f"\nresident memory per open stream: {per_stream / 1024:.1f} KiB")
    assert per_stream < 200 << 10  # a bound, not a figure: nothing may keep a megabyte a stream


@pytest.mark.slow
@pytest.mark.skipif("AIGW_BUILD" in os.environ, reason="the quick start builds its own")
def test_the_quick_start():
    result = subprocess.run(["sh", harness.TOP / "examples" / "quickstart.sh"], capture_output=True, text=True,
                            timeout=570, env={**os.environ, "AIGW_PORT": str(harness.free_port())},
                            stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stdout + result.stderr
    for sign in ('"chat.completion"', "data: [DONE]", '"type":"message"', "message_stop", "HTTP 401",
                 "curl -N http://127.0.0.1:"):
        assert sign in result.stdout, result.stdout
    token = re.search(r"eyJ[\w-]+\.eyJ[\w-]+\.", result.stdout + result.stderr)
    assert token is None
