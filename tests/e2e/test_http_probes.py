"""What the HTTP server does with hostile, slow, greedy and vanishing clients, seen on raw sockets."""
import json
import os
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from harness import Gateway, Upstream, secured, wait_until
from serve import (PATIENCE, Wire, chat, connect, exchange, get, post, read_to_end, stands_still, wire)

CHAT = "/v1/chat/completions"
OPEN = {"auth": {"jwt": {"enabled": False}}, "log": {"access": False}}
LIMITS = {"max_header_bytes": 4096, "max_body_bytes": 65536}


def echo_config(**server):
    return {**OPEN, "providers": [{"type": "echo"}], "server": server}


def upstream_config(upstream, **server):
    return {**OPEN, "server": server,
            "providers": [{"name": "up", "type": "openai", "api_key": "k",
                           "base_url": f"http://127.0.0.1:{upstream.port}/v1", "models": ["m"]}]}


@pytest.fixture(scope="module")
def gateway():
    with Gateway(echo_config(**LIMITS)) as running:
        yield running


def raw(*lines, body=b""):
    return b"\r\n".join(line.encode("latin-1") for line in lines) + b"\r\n\r\n" + body


POST = f"POST {CHAT} HTTP/1.1"
HOST = "Host: gateway"
ASKS = ("User-Agent: raw/1", "Content-Type: application/json")  # what the WAF wants of a call
REFUSED = {
    "differing content-length": (400, raw(POST, HOST, "Content-Length: 5", "Content-Length: 6", body=b"hello!")),
    "content-length list": (400, raw(POST, HOST, "Content-Length: 5, 6", body=b"hello!")),
    "plus content-length": (400, raw(POST, HOST, "Content-Length: +5", body=b"hello")),
    "minus content-length": (400, raw(POST, HOST, "Content-Length: -5", body=b"hello")),
    "hex content-length": (400, raw(POST, HOST, "Content-Length: 0x5", body=b"hello")),
    "empty content-length": (400, raw(POST, HOST, "Content-Length:", body=b"hello")),
    "content-length and chunked": (400, raw(POST, HOST, "Content-Length: 5", "Transfer-Encoding: chunked",
                                            body=b"0\r\n\r\n")),
    "unknown transfer-encoding": ((400, 501), raw(POST, HOST, "Transfer-Encoding: gzip", body=b"0\r\n\r\n")),
    "chunked not last": ((400, 501), raw(POST, HOST, "Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n")),
    "disguised chunked": ((400, 501), raw(POST, HOST, "Transfer-Encoding: xchunked", body=b"0\r\n\r\n")),
    "chunked twice": ((400, 501), raw(POST, HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked",
                                      body=b"0\r\n\r\n")),
    "chunked in HTTP/1.0": (400, raw(f"POST {CHAT} HTTP/1.0", HOST, "Transfer-Encoding: chunked",
                                     body=b"0\r\n\r\n")),
    "space before colon": (400, raw(POST, HOST, "Content-Length : 0")),
    "space before colon of an unknown field": (400, raw(POST, HOST, "X-A : b", "Content-Length: 0")),
    "bare LF": (400, f"{POST}\n{HOST}\n\n".encode()),
    "one bare LF": (400, f"{POST}\r\n{HOST}\r\nX-A: b\nX-B: c\r\n\r\n".encode()),
    "bare CR in a value": (400, raw(POST, HOST, "X-A: b\rX-B: c")),
    "obs-fold": (400, raw(POST, HOST, "X-A: b", " folded", "Content-Length: 0")),
    "obs-fold by tab": (400, raw(POST, HOST, "X-A: b", "\tfolded", "Content-Length: 0")),
    "space before the first field": (400, raw(POST, " " + HOST)),
    "NUL in a value": (400, raw(POST, HOST, "X-A: b\0c")),
    "NUL in a name": (400, raw(POST, HOST, "X\0A: b")),
    "NUL in the target": (400, raw("GET /health\0z HTTP/1.1", HOST)),
    "missing Host": (400, raw(POST, "Content-Length: 0")),
    "double Host": (400, raw(POST, HOST, HOST, "Content-Length: 0")),
    "no field name": (400, raw(POST, HOST, ": b")),
    "no colon": (400, raw(POST, HOST, "X-A b")),
    "two spaces in the request line": (400, raw("GET  /healthz HTTP/1.1", HOST)),
    "no version": (400, raw("GET /healthz", HOST)),
    "odd version": ((400, 505), raw("GET /healthz HTTP/1.1x", HOST)),
    "HTTP/2 preface": ((400, 505), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "TLS hello in clear text": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n"),
    "chunk size overflow": ((400, 413), raw(POST, HOST, "Transfer-Encoding: chunked",
                                            body=b"10000000000000001\r\nx\r\n0\r\n\r\n")),
    "chunk size with sign": (400, raw(POST, HOST, *ASKS, "Transfer-Encoding: chunked", body=b"+1\r\nx\r\n0\r\n\r\n")),
    "chunk size with 0x": (400, raw(POST, HOST, *ASKS, "Transfer-Encoding: chunked", body=b"0x1\r\nx\r\n0\r\n\r\n")),
    "chunk without its CRLF": (400, raw(POST, HOST, *ASKS, "Transfer-Encoding: chunked", body=b"1\r\nxy\r\n0\r\n\r\n")),
    "chunk line ended by LF": (400, raw(POST, HOST, *ASKS, "Transfer-Encoding: chunked", body=b"1\nx\r\n0\r\n\r\n")),
    "header over the limit": (431, raw("GET /healthz HTTP/1.1", HOST, "X-Long: " + "a" * 5000)),
    "header over the limit, unfinished": (431, f"GET /healthz HTTP/1.1\r\nX-Long: {'a' * 9000}".encode()),
    "too many fields": (431, raw("GET /healthz HTTP/1.1", HOST, *(f"a{i}: b" for i in range(300)))),
    "request line over the limit": ((414, 431), raw(f"GET /{'a' * 9000} HTTP/1.1", HOST)),
    "body over the limit": (413, raw(POST, HOST, "Content-Length: 65537")),
    "huge content-length": ((400, 413), raw(POST, HOST, "Content-Length: 99999999999999999999999")),
    "chunked body over the limit": (413, raw(POST, HOST, "Transfer-Encoding: chunked",
                                             body=b"10001\r\n" + b"a" * 65537 + b"\r\n0\r\n\r\n")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_closed(gateway, name):
    expected, data = REFUSED[name]
    smuggled = get("/healthz") * 2
    answer = exchange(gateway.port, data + (smuggled if not name.endswith("unfinished") else b""))
    assert answer.startswith(b"HTTP/1.1 "), answer
    status = int(answer[9:12])
    assert status in (expected if isinstance(expected, tuple) else (expected,)), answer
    assert answer.count(b"HTTP/1.1 ") == 1, "a request behind the refused one was answered"
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert json.loads(body)["error"]["message"]


def test_refused_the_same_at_every_split(gateway):
    for name in ("differing content-length", "bare LF", "obs-fold", "chunk without its CRLF", "double Host"):
        expected, data = REFUSED[name]
        for at in range(1, len(data), 7):
            with connect(gateway.port) as s:
                s.sendall(data[:at])
                try:
                    s.sendall(data[at:])
                except (BrokenPipeError, ConnectionResetError):
                    pass
                assert read_to_end(s)[9:12] == b"%d" % expected, (name, at)


def test_errors_speak_the_dialect(gateway):
    body = exchange(gateway.port, raw("POST /v1/messages HTTP/1.1", HOST, "X-A : b")).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["type"] == "error"
    body = exchange(gateway.port, raw(POST, HOST, "X-A : b")).partition(b"\r\n\r\n")[2]
    assert "type" not in json.loads(body)


def test_too_large_body_is_refused_before_it_is_read(gateway):
    with wire(gateway.port) as w:
        w.send(raw(POST, HOST, "Content-Length: 10000000", "Expect: 100-continue"))
        answer = w.answer()
        assert answer.status == 413 and answer.headers["connection"] == "close"
        assert w.closed()


def test_refusal_reaches_a_client_that_goes_on_sending(gateway):
    """Without draining, a reset would meet the client's sending and could destroy our answer."""
    with wire(gateway.port) as w:
        w.send(raw(POST, HOST, "Content-Length: 400000"))
        assert w.answer().status == 413
        assert w.closed()  # its half; ours is read for a while yet
        for _ in range(10):
            w.send(b"x" * 40000)


def drip(port, data, seconds=0.05):
    """Sends a byte at a time until the server has had enough; returns (bytes sent, what it said)."""
    with connect(port) as s:
        s.settimeout(seconds)
        for sent in range(len(data)):
            try:
                s.sendall(data[sent:sent + 1])
                said = s.recv(4096)
                return sent, said
            except socket.timeout:
                continue
            except (BrokenPipeError, ConnectionResetError):
                return sent, b""
    return len(data), None


def test_dripped_header_is_closed_at_the_deadline():
    with Gateway(echo_config(header_timeout_ms=400)) as g:
        data = raw("GET /healthz HTTP/1.1", HOST, "X-Slow: " + "a" * 600)
        sent, said = drip(g.port, data)
        assert sent < len(data) - 1
        assert said == b"" or said.startswith(b"HTTP/1.1 408 ")
        with connect(g.port) as s:  # and one that never says anything
            assert read_to_end(s) == b""


def test_dripped_body_is_closed_at_the_deadline():
    with Gateway(echo_config(body_timeout_ms=400)) as g:
        with wire(g.port) as w:
            w.send(raw(POST, HOST, *ASKS, "Content-Length: 600"))
            sent, said = 0, b""
            w.socket.settimeout(0.05)
            while sent < 600:
                try:
                    w.send(b" ")
                    sent += 1
                    said = w.socket.recv(4096)
                    break
                except socket.timeout:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    break
            assert sent < 600
            assert said == b"" or said.startswith(b"HTTP/1.1 408 ")


def test_idle_connection_is_closed():
    with Gateway(echo_config(idle_timeout_ms=300)) as g:
        with wire(g.port) as w:
            w.send(get("/healthz"))
            assert w.answer().status == 200
            assert w.closed()


def test_request_byte_by_byte(gateway):
    with wire(gateway.port) as w:
        w.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post(CHAT, chat("slowly but surely")):
            w.send(bytes([byte]))
        answer = w.answer()
        assert answer.status == 200 and b"slowly but surely" in answer.body


def test_keep_alive_and_close(gateway):
    with wire(gateway.port) as w:
        for i in range(3):
            w.send(post(CHAT, chat(f"turn {i}")))
            answer = w.answer()
            assert answer.status == 200 and f"turn {i}".encode() in answer.body
            assert "connection" not in answer.headers
        w.send(post(CHAT, chat("last"), "Connection: close"))
        answer = w.answer()
        assert answer.status == 200 and answer.headers["connection"] == "close"
        assert w.closed()


def test_http10(gateway):
    with wire(gateway.port) as w:
        w.send(get("/healthz", "Connection: keep-alive", version="1.0"))
        answer = w.answer()
        assert answer.status == 200 and answer.headers["connection"] == "keep-alive"
        w.send(post(CHAT, chat("old", stream=True), version="1.0"))
        answer = w.answer()
        assert "transfer-encoding" not in answer.headers and answer.headers["connection"] == "close"
        assert answer.body.rstrip().endswith(b"[DONE]")


def test_pipelining_answers_in_order(gateway):
    count = 60
    with wire(gateway.port) as w:
        requests = []
        for i in range(count):
            kind = i % 3
            requests.append(get("/healthz") if kind == 0 else
                            post(CHAT, chat(f"mark-{i}-", stream=kind == 1)))
        sender = threading.Thread(target=w.send, args=(b"".join(requests),))
        sender.start()
        for i in range(count):
            answer = w.answer()
            assert answer.status == 200 and answer.complete
            if i % 3 == 0:
                assert answer.json() == {"status": "ok"}
            elif i % 3 == 2:
                assert f"mark-{i}-".encode() in answer.body
            else:
                text = "".join(json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
                               for line in answer.body.decode().splitlines()
                               if line.startswith("data: {") and json.loads(line[6:])["choices"])
                assert f"mark-{i}-" in text
        sender.join()


def test_a_thousand_pipelined_local_requests(gateway):
    with wire(gateway.port) as w:
        sender = threading.Thread(target=w.send, args=(get("/healthz") * 1000,))
        sender.start()
        for _ in range(1000):
            assert w.answer().status == 200
        sender.join()


def test_chunked_request_body(gateway):
    data = json.dumps(chat("in pieces")).encode()
    pieces = b"".join(b"%x;note=1\r\n%s\r\n" % (len(data[i:i + 7]), data[i:i + 7])
                      for i in range(0, len(data), 7))
    with wire(gateway.port) as w:
        for _ in range(2):
            w.send(raw(POST, HOST, *ASKS, "Transfer-Encoding: chunked",
                       body=pieces + b"0\r\nx-trailer: 1\r\n\r\n"))
            answer = w.answer()
            assert answer.status == 200 and b"in pieces" in answer.body


def test_expect_continue(gateway):
    data = json.dumps(chat("with permission")).encode()
    with wire(gateway.port) as w:
        w.send(raw(POST, HOST, *ASKS, f"Content-Length: {len(data)}",
                   "Expect: 100-continue"))
        assert w.answer().status == 100
        w.send(data)
        answer = w.answer()
        assert answer.status == 200 and b"with permission" in answer.body
        # A client that does not wait needs no permission any more.
        w.send(post(CHAT, chat("impatient"), "Expect: 100-continue"))
        answer = w.answer()
        if answer.status == 100:
            answer = w.answer()
        assert answer.status == 200 and b"impatient" in answer.body


def test_denied_at_the_head_before_the_body():
    config, _ = secured([{"type": "echo"}], [])
    with Gateway(config) as g:
        for expect in ([], ["Expect: 100-continue"]):
            with wire(g.port) as w:
                w.send(raw(POST, HOST, *ASKS, "Content-Length: 100000", *expect))
                answer = w.answer()  # though not one byte of the body was sent
                assert answer.status == 401 and answer.headers["connection"] == "close"
                assert w.closed()


def test_head(gateway):
    with wire(gateway.port) as w:
        for path in ("/", "/healthz", "/v1/models"):
            w.send(get(path))
            full = w.answer()
            w.send(get(path, method="HEAD"))
            head = w.answer(head_only=True)
            assert (head.status, head.headers["content-length"]) == (200, full.headers["content-length"])
        w.send(get("/healthz"))
        assert w.answer().json() == {"status": "ok"}


def test_local_routes(gateway):
    with wire(gateway.port) as w:
        w.send(get("/metrics"))
        answer = w.answer()
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert b"\naigw_server_connections " in answer.body
        w.send(post("/healthz", b"{}"))
        answer = w.answer()
        assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"
        w.send(get("/nowhere"))
        assert w.answer().status == 404


def test_connection_limit():
    with Gateway(echo_config(max_connections=4, threads=2)) as g:
        held = []
        for _ in range(4):
            held.append(wire(g.port))
            held[-1].send(get("/healthz"))
            assert held[-1].answer().status == 200
        said = exchange(g.port, b"")
        assert said == b"" or said.startswith(b"HTTP/1.1 503 ")
        for w in held[1:]:  # the others do not suffer
            w.send(get("/healthz"))
            assert w.answer().status == 200
        held.pop().socket.close()

        def served():
            with wire(g.port) as w:
                try:
                    w.send(get("/metrics", "Connection: close"))
                    data = read_to_end(w.socket)
                except (BrokenPipeError, ConnectionResetError):
                    return False
                return b"aigw_server_connections_refused_total" in data and \
                    b"aigw_server_connections_refused_total 0\n" not in data
        assert wait_until(served)
        for w in held:
            w.socket.close()


def piece(text, finish=None):
    return "data: " + json.dumps({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text} if text else {},
                     "finish_reason": finish}]}) + "\n\n"


def test_slow_reader_holds_back_its_upstream():
    total, text = 1024, "x" * 65536
    sent = [0]

    def handler(request, _):
        request.start_stream()
        for _ in range(total):
            request.chunk(piece(text))
            sent[0] += 1
        request.chunk(piece("", "stop") + "data: [DONE]\n\n")
        request.end_stream()

    # Memory that a sanitizer keeps back after it was freed would be counted, too.
    env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}
    with Upstream(handler) as up, Gateway(upstream_config(up), env) as g:
        before = g.rss_bytes()
        with wire(g.port) as w:
            w.send(post(CHAT, chat("go", "m", stream=True)))
            wait_until(lambda: sent[0] > 0)
            stuck = stands_still(lambda: sent[0])
            assert stuck < total, "the whole stream went somewhere though nobody read it"
            assert g.rss_bytes() - before < 24 * 1024 * 1024
            answer = w.answer()
            assert answer.complete and answer.body.endswith(b"[DONE]\n\n")
            assert answer.body.count(b"x" * 65536) == total
            assert g.rss_bytes() - before < 24 * 1024 * 1024


def wait_for_hangup(request, gone):
    """Ends when the gateway closes its side of the upstream connection."""
    request.connection.settimeout(30)
    try:
        if request.connection.recv(1) == b"":
            gone.set()
    except ConnectionResetError:
        gone.set()
    request.close_connection = True


@pytest.mark.parametrize("when", ["before the answer", "in the stream", "with bytes behind"])
def test_hangup_stops_the_upstream(when):
    gone, asked = threading.Event(), threading.Event()

    def handler(request, _):
        asked.set()
        if when == "in the stream":
            request.start_stream()
            request.chunk(piece("first"))
        wait_for_hangup(request, gone)

    with Upstream(handler) as up, Gateway(upstream_config(up)) as g:
        with wire(g.port) as w:
            w.send(post(CHAT, chat("go", "m", stream=True)))
            assert asked.wait(PATIENCE)
            if when == "with bytes behind":  # which the gateway leaves unread
                w.send(get("/healthz") * 1000)
            if when == "in the stream":
                w.until(b"first")
        assert gone.wait(PATIENCE)


def test_broken_upstream_stream_ends_in_an_error_that_no_client_loses():
    def handler(request, _):
        request.start_stream()
        request.chunk(piece("half"))
        request.close_connection = True  # no last chunk, no [DONE]

    with Upstream(handler) as up, Gateway(upstream_config(up)) as g, wire(g.port) as w:
        w.send(post(CHAT, chat("go", "m", stream=True)))
        answer = w.answer()
        assert b"half" in answer.body and b"error" in answer.body.rstrip().splitlines()[-1]
        assert answer.complete and b"[DONE]" not in answer.body


def stream_in_the_middle(release):
    def handler(request, _):
        request.start_stream()
        request.chunk(piece("first"))
        release.wait(PATIENCE)
        request.chunk(piece("second"))
        request.chunk(piece("", "stop") + "data: [DONE]\n\n")
        request.end_stream()
    return handler


def test_sigterm_drains_a_running_stream():
    release = threading.Event()
    with Upstream(stream_in_the_middle(release)) as up, \
            Gateway(upstream_config(up, threads=2, drain_timeout_ms=30000)) as g:
        with wire(g.port) as w, wire(g.port) as idle:
            idle.send(get("/healthz"))
            assert idle.answer().status == 200
            w.send(post(CHAT, chat("go", "m", stream=True)))
            w.head()
            w.until(b"first")
            g.process.send_signal(signal.SIGTERM)
            assert idle.closed()

            def refuses():
                try:
                    connect(g.port).close()
                    return False
                except OSError:
                    return True
            assert wait_until(refuses)
            assert g.process.poll() is None
            release.set()
            w.until(b"second")
            w.until(b"[DONE]\n\n\r\n0\r\n\r\n")
            assert w.closed()
        assert wait_until(lambda: g.process.poll() is not None)


def test_second_sigterm_and_drain_timeout_end_the_stream():
    for second in (True, False):
        release = threading.Event()
        with Upstream(stream_in_the_middle(release)) as up, \
                Gateway(upstream_config(up, drain_timeout_ms=30000 if second else 200)) as g:
            with wire(g.port) as w, wire(g.port) as idle:
                idle.send(get("/healthz"))
                idle.answer()
                w.send(post(CHAT, chat("go", "m", stream=True)))
                w.until(b"first")
                g.process.send_signal(signal.SIGTERM)
                assert idle.closed()
                if second:
                    g.process.send_signal(signal.SIGTERM)
                assert wait_until(lambda: g.process.poll() is not None)
                assert b"[DONE]" not in w.rest + read_to_end(w.socket)
            release.set()


def test_many_connections_over_two_threads():
    with Gateway(echo_config(threads=2)) as g:
        wires = [wire(g.port) for _ in range(200)]
        for i, w in enumerate(wires):
            w.send(post(CHAT, chat(f"number {i}.", stream=bool(i % 2))))
        for i, w in enumerate(wires):
            answer = w.answer()
            assert answer.status == 200 and answer.complete
            w.socket.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return folder


def tls_config(folder, **server):
    return echo_config(tls={"cert_file": str(folder / "cert.pem"), "key_file": str(folder / "key.pem")},
                       **server)


def tls_wire(port, folder, version, alpn=("http/1.1",)):
    context = ssl.create_default_context(cafile=folder / "cert.pem")
    context.minimum_version = context.maximum_version = version
    if version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(list(alpn))
    return Wire(context.wrap_socket(connect(port), server_hostname="localhost"))


@pytest.fixture(scope="module")
def tls_gateway(certificate):
    with Gateway(tls_config(certificate)) as running:
        yield running


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls(tls_gateway, certificate, version):
    big = "y" * 300000
    with tls_wire(tls_gateway.port, certificate, version) as w:
        assert w.socket.version() == version.name.replace("v1_", "v1.")
        assert w.socket.selected_alpn_protocol() == "http/1.1"
        w.send(get("/healthz"))
        assert w.answer().json() == {"status": "ok"}
        w.send(post(CHAT, chat(big)))
        answer = w.answer()
        assert answer.status == 200 and answer.complete and answer.body.count(b"y") >= len(big)
        w.send(post(CHAT, chat("streamed", stream=True)))
        answer = w.answer()
        assert answer.complete and answer.body.endswith(b"[DONE]\n\n")
        requests = b"".join(post(CHAT, chat(f"mark-{i}-")) for i in range(20))
        sender = threading.Thread(target=w.send, args=(requests,))
        sender.start()
        sender.join()
        for i in range(20):
            assert f"mark-{i}-".encode() in w.answer().body


def test_old_tls_is_refused(tls_gateway, certificate):
    with pytest.warns(DeprecationWarning), pytest.raises((ssl.SSLError, ConnectionResetError)):
        tls_wire(tls_gateway.port, certificate, ssl.TLSVersion.TLSv1_1)


def test_foreign_protocol_is_refused(tls_gateway, certificate):
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        with tls_wire(tls_gateway.port, certificate, ssl.TLSVersion.TLSv1_2, alpn=("h2",)):
            pass


def test_clear_text_to_a_tls_port_is_closed(tls_gateway):
    assert b"HTTP/1.1 200" not in exchange(tls_gateway.port, get("/healthz"))


def test_unfinished_handshake_is_closed_at_the_deadline(certificate):
    with Gateway(tls_config(certificate, header_timeout_ms=300)) as g:
        with connect(g.port) as s:
            s.sendall(b"\x16\x03\x01\x02\x00\x01")
            assert read_to_end(s) == b""
