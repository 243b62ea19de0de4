"""Attacks that once worked, or nearly: each of these failed before the gateway was made to withstand it."""
import json
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import harness
from harness import SERVE, Gateway, Upstream, open_config, openai_chunk, secured, wait_until
from serve import PATIENCE, Wire, chat, connect, get, post, wire

CHAT = "/v1/chat/completions"
KEY = "sk-not-for-clients-0123456789"
OPEN = {"auth": {"jwt": {"enabled": False}}}


def behind(upstream, **more):
    return open_config([{"name": "up", "type": "openai", "api_key": KEY, "max_retries": 0,
                         "base_url": f"http://127.0.0.1:{upstream.port}/v1"}], **more)


def test_absolute_targets_are_taken_on_every_path():
    with Gateway({**OPEN, "providers": [{"type": "echo"}]}) as g, wire(g.port) as w:
        for target in ("http://gateway", "http://gateway/healthz", "HTTP://other:80/v1/models?a=b"):
            w.send(get(target))
            assert w.answer().status == 200, target
        w.send(post("https://gateway" + CHAT, chat("hi")))
        assert w.answer().status == 200


def test_a_stream_that_goes_on_behind_its_end_does_not_hold_the_client():
    """Asked for a document, the provider streams, ends the stream, and never ends the transfer."""
    leave = threading.Event()

    def handler(request, _):
        request.start_stream()
        request.chunk(openai_chunk({"content": "all of it"}) + openai_chunk({}, "stop") +
                      "data: [DONE]\n\n")
        leave.wait(PATIENCE)

    with Upstream(handler) as up, Gateway(behind(up)) as g:
        for path in (CHAT, "/v1/messages"):
            status, _, body = g.request("POST", path, chat("go", "m", max_tokens=9), timeout=10)
            assert status == 200 and b"all of it" in body
        leave.set()


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
def test_a_stream_cut_anywhere_is_never_whole(path):
    """The upstream ends its body by closing, so that a cut looks like an end."""
    stream = (openai_chunk({"content": "a"}) + openai_chunk({"content": "b"}) + openai_chunk({}, "stop") +
              "data: [DONE]\n\n").encode()
    finished = stream.index(b'"stop"') + len(b'"stop"}]}')
    at = []

    def handler(request, _):
        request.send_response(200)
        request.send_header("content-type", "text/event-stream")
        request.end_headers()
        request.wfile.write(stream[:at[0]])
        request.close_connection = True

    with Upstream(handler) as up, Gateway(behind(up)) as g:
        for cut in range(1, finished):
            at[:] = [cut]
            with wire(g.port) as w:
                w.send(post(path, chat("go", "m", max_tokens=9, stream=True)))
                answer = w.answer()
            assert answer.status == 502 or b"error" in answer.body.rstrip().splitlines()[-1], cut


REFUSED_KEY = {"error": {"message": f"Incorrect API key provided: {KEY}", "type": "invalid_request_error",
                         "code": "invalid_api_key"}}


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
def test_an_error_that_quotes_our_key_stays_here(path):
    in_stream = []

    def handler(request, _):
        if not in_stream:
            request.answer(400, REFUSED_KEY)  # not every provider says 401
            return
        request.start_stream()
        request.chunk(openai_chunk({"content": "begun"}))
        request.chunk("data: " + json.dumps(REFUSED_KEY) + "\n\n")
        request.end_stream()

    with Upstream(handler) as up, Gateway(behind(up)) as g:
        for stream in (False, True):
            status, _, body = g.request("POST", path, chat("go", "m", max_tokens=9, stream=stream))
            assert status == 502 and KEY.encode() not in body and b"credentials" in body
        in_stream.append(True)
        with wire(g.port) as w:
            w.send(post(path, chat("go", "m", max_tokens=9, stream=True)))
            answer = w.answer()
            assert b"begun" in answer.body and b"[DONE]" not in answer.body and b"_stop" not in answer.body
            assert KEY.encode() not in answer.body and b"credentials" in answer.body
        assert KEY not in g.log()


def test_control_characters_of_an_upstream_head_stay_here():
    def handler(request, _):
        request.wfile.write(b"HTTP/1.1 429 Slow\r\ncontent-length: 2\r\nretry-after: 1\x01\r\n"
                            b"x-ratelimit-a b: 1\r\nx-ratelimit-good: 1\r\nx-request-id: a\x7f\r\n\r\n{}")

    with Upstream(handler) as up, Gateway(behind(up)) as g, wire(g.port) as w:
        w.send(post(CHAT, chat("go", "m")))
        answer = w.answer()
        assert answer.status in (429, 502)  # by the transport that was asked
        for name in ("retry-after", "x-ratelimit-a b", "x-aigw-upstream-request-id"):
            assert name not in answer.headers


def test_a_token_request_may_not_bring_megabytes():
    """Nobody has shown a credential yet, so nobody's memory may be filled."""
    config, _ = secured([{"type": "echo"}], [])
    head = ["POST /oauth2/token HTTP/1.1", "Host: gateway", "User-Agent: raw/1",
            "Content-Type: application/x-www-form-urlencoded"]
    with Gateway(config) as g:
        for framing in ("Content-Length: 1000000", "Transfer-Encoding: chunked"):
            with wire(g.port) as w:
                w.send("\r\n".join([*head, framing, "", ""]).encode())
                if "chunked" in framing:
                    w.send(b"10000\r\n" + b"a" * 65536 + b"\r\n1\r\n")
                answer = w.answer()
                assert answer.status == 413 and answer.headers["connection"] == "close"
                assert w.closed()
        with wire(g.port) as w:  # the limit is that of one request, not of its connection
            w.send(post("/oauth2/token", b"{}", version="1.1"))
            assert w.answer().status == 400
            w.send("\r\n".join([f"POST {CHAT} HTTP/1.1", "Host: gateway", "User-Agent: raw/1",
                                "Content-Type: application/json", "Content-Length: 100000",
                                "", ""]).encode())
            assert w.answer().status == 401


def test_log_lines_cannot_be_dressed_up():
    """A model name that turns the writing round, breaks lines or speaks to the terminal."""
    name = "m‮ko‬ \x9b31m\x85 \x1b[0m\n{\"level\":\"error\"}\x00 ü 漢"
    with Gateway({**OPEN, "providers": [{"type": "echo"}], "enable_waf": False}) as g:
        g.request("POST", CHAT, chat("hi", "echo/" + name))
        assert wait_until(lambda: '"request"' in g.log())
        log = g.log()
        line = [part for part in log.split("\n") if '"event":"request"' in part][0]
        assert json.loads(line)["model"] == "echo/" + name
        assert "ü 漢" in line
        assert all(c.isprintable() for c in line), ascii(line)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_without_descriptors_the_listener_rests():
    with Gateway({**OPEN, "providers": [{"type": "echo"}]}) as g:
        pid = g.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
        with wire(g.port) as w:
            w.send(get("/healthz"))
            before, begun = cpu_seconds(pid), time.monotonic()
            time.sleep(1)
            assert cpu_seconds(pid) - before < (time.monotonic() - begun) / 2
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
            assert w.answer().status == 200


def test_idle_clients_do_not_take_the_upstreams_descriptors(tmp_path, monkeypatch):
    wrapper = tmp_path / "serve"
    wrapper.write_text(f'#!/bin/sh\nulimit -n 128\nexec {SERVE} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(harness, "SERVE", wrapper)
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "here"}}]}
    with Upstream(lambda request, _: request.answer(200, answer)) as up, Gateway(behind(up)) as g:
        with wire(g.port) as w:
            w.send(get("/healthz"))
            assert w.answer().status == 200
            idle = [connect(g.port) for _ in range(140)]
            w.send(post(CHAT, chat("go", "m")))
            answer = w.answer()
            assert answer.status == 200 and b"here" in answer.body
            for s in idle:
                s.close()
        assert "few_descriptors" in g.log()


def waits_for(pid, number):
    """Is the signal blocked, as it is while a thread waits for it?"""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"SigBlk:\s+([0-9a-f]+)", status).group(1), 16) >> (number - 1) & 1


def test_closed_standard_files_are_not_given_to_sockets(tmp_path):
    config = tmp_path / "aigw.yaml"
    config.write_text(json.dumps({**OPEN, "server": {"listen": "127.0.0.1:0"},
                                  "providers": [{"type": "echo"}]}))
    process = subprocess.Popen(["sh", "-c", 'exec "$0" --config "$1" <&- >&- 2>&-', SERVE, config])
    files = pathlib.Path(f"/proc/{process.pid}/fd")
    try:
        # Not before it is aigw-serve: the shell has the test's own files open.
        assert wait_until(lambda: waits_for(process.pid, signal.SIGTERM))
        assert wait_until(lambda: sum("socket:" in os.readlink(f) for f in files.iterdir()) > 0)
        for number in "012":
            assert os.readlink(files / number) == "/dev/null"
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_slow_but_steady_reader_is_not_gone():
    """The kernel calls a socket writable again only when much of its buffer has gone."""
    document = json.dumps({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "y" * 12000000}}]})

    with Upstream(lambda request, _: request.answer(200, document.encode())) as up, \
            Gateway(behind(up, server={"write_timeout_ms": 400})) as g:
        def ask():
            s = socket.socket()
            s.settimeout(PATIENCE)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", g.port))
            s.sendall(post(CHAT, chat("go", "m")))
            return s

        def connections():
            line = b"\naigw_server_connections "
            return int(g.request("GET", "/metrics")[2].partition(line)[2].split()[0])

        with ask() as s:
            end = time.monotonic() + 2
            while time.monotonic() < end:
                assert s.recv(4096)
                time.sleep(0.01)
            assert connections() == 2  # what is read now comes from the kernel, not from a gateway gone
        with ask() as s:  # and one that reads nothing is
            assert wait_until(lambda: '"outcome":"ok"' in g.log())
            assert wait_until(lambda: connections() == 1)


def test_a_broken_answer_over_tls_is_not_ended_with_a_farewell(tmp_path):
    """HTTP/1.0 has no chunks: only a missing close_notify says that something is missing."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem", "-days",
                    "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
    whole = []

    def handler(request, _):
        request.start_stream()
        request.chunk(openai_chunk({"content": "half"}))
        if whole:
            request.chunk(openai_chunk({}, "stop") + "data: [DONE]\n\n")
            request.end_stream()
        request.close_connection = True

    def read(port):
        context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        context.check_hostname = False
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # some builds of Python set it
        s = context.wrap_socket(connect(port), suppress_ragged_eofs=False)
        with Wire(s) as w:
            w.send(post(CHAT, chat("go", "m", stream=True), version="1.0"))
            while w.more():
                pass
            return w.rest

    with Upstream(handler) as up:
        tls = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
        with Gateway(behind(up, server={"tls": tls})) as g:
            with pytest.raises(ssl.SSLError):
                read(g.port)
            whole.append(True)
            assert b"[DONE]" in read(g.port)
