"""Pass-through: a vendor's own API behind /pass/{provider}, with bodies that flow by in either direction."""
import contextlib
import hashlib
import io
import json
import pathlib
import re
import socket
import subprocess
import threading

import openai
import pytest

import serve
from harness import Gateway, fetch_token, open_config, secured, wait_until
from pass_upstream import PIECE, Vendor, noise
from token_server import TokenServer

LARGE = 200_000_000
SPARE = 16_000_000  # what the gateway may grow by meanwhile


def providers(vendor, **more):
    common = {"type": "openai", "base_url": vendor.url + "/v1", "api_key": "up-secret",
              **({"ca_file": vendor.ca_file} if vendor.ca_file else {})}
    return [{"name": "openai", "pass_through": True, **common, **more}, {"name": "shut", **common}]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=vendor",
                           "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                          capture_output=True)
    if made.returncode:
        pytest.skip("openssl cannot make a certificate")
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(params=["clear", "tls"])
def vendor(request):
    """In clear the gateway speaks to it itself, over TLS by its library: the two transports."""
    with Vendor(request.getfixturevalue("certificate") if request.param == "tls" else None) as v:
        yield v


@pytest.fixture()
def gateway(vendor):
    with Gateway(open_config(providers(vendor))) as g:
        yield g


@pytest.fixture()
def bare(vendor):
    """Without the WAF, which refuses much of this before: what the pass-through refuses by itself."""
    with Gateway({**open_config(providers(vendor)), "enable_waf": False}) as g:
        yield g


@pytest.fixture()
def client(gateway):
    return openai.OpenAI(base_url=gateway.base + "/pass/openai/v1", api_key="none", max_retries=0)


def peak(gateway):
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def log_lines(gateway, route="pass"):
    lines = [json.loads(line) for line in gateway.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("route") == route]


def head(method, path, *fields):
    return ("\r\n".join([f"{method} {path} HTTP/1.1", "Host: gateway", "User-Agent: raw/1", *fields]) + "\r\n\r\n").encode()


# -- the SDK --

def test_sdk_files(client, vendor, gateway):
    data = noise(3_000_000)
    created = client.files.create(file=("a.jsonl", io.BytesIO(data)), purpose="batch")
    method, path, headers = vendor.seen[-1]
    assert (method, path) == ("POST", "/v1/files")
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    assert headers["authorization"] == "Bearer up-secret"
    assert created.bytes > len(data)
    assert client.files.content("file-1").read() == b"line one\nline two\n"
    assert wait_until(lambda: len(log_lines(gateway)) == 2)
    assert log_lines(gateway)[0]["request_bytes"] == created.bytes


def test_sdk_images_and_their_usage(client, gateway):
    image = client.images.generate(model="gpt-image-1", prompt="a cat")
    assert image.data[0].b64_json == "aGk=" and image.usage.total_tokens == 1050
    assert wait_until(lambda: len(log_lines(gateway)) == 1)
    line = log_lines(gateway)[0]
    assert (line["input_tokens"], line["output_tokens"], line["provider"]) == (50, 1000, "openai")
    metrics = gateway.request("GET", "/metrics")[2].decode()
    assert "aigw_output_tokens_total 1000" in metrics
    assert re.search(r'aigw_requests_total\{route="pass",[^}]*2xx[^}]*\} 1', metrics)


def test_sdk_audio(client):
    with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="hi") as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert answer.headers["transfer-encoding"] == "chunked"
        assert b"".join(answer.iter_bytes()) == b"ID3" * 4000


def test_sdk_errors_are_its_own_classes(client, gateway):
    shut = openai.OpenAI(base_url=gateway.base + "/pass/shut/v1", api_key="none", max_retries=0)
    with pytest.raises(openai.NotFoundError):
        shut.files.list()
    with pytest.raises(openai.InternalServerError):
        client.get("/denied?status=401", cast_to=object)


# -- size --

@pytest.mark.slow
def test_a_large_upload_with_a_length(gateway, vendor):
    gateway.request("POST", "/pass/openai/v1/files", b"warm", {"content-type": "text/plain"})
    before, sha = peak(gateway), hashlib.sha256()
    with serve.wire(gateway.port) as w:
        w.send(head("POST", "/pass/openai/v1/files", f"Content-Length: {LARGE}", "Content-Type: x/y"))
        left = LARGE
        while left:
            part = PIECE[:min(left, len(PIECE))]
            sha.update(part)
            w.send(part)
            left -= len(part)
        answer = w.answer()
    got = answer.json()
    assert answer.status == 200 and got["bytes"] == LARGE and got["sha256"] == sha.hexdigest()
    assert not got["chunked"]
    assert peak(gateway) - before < SPARE


@pytest.mark.slow
def test_a_large_upload_in_chunks(gateway):
    gateway.request("POST", "/pass/openai/v1/files", b"warm", {"content-type": "text/plain"})
    before, sha = peak(gateway), hashlib.sha256()
    with serve.wire(gateway.port) as w:
        w.send(head("PUT", "/pass/openai/v1/files", "Transfer-Encoding: chunked"))
        left = LARGE
        while left:
            part = PIECE[:min(left, 50_000)]
            sha.update(part)
            w.send(b"%x\r\n%s\r\n" % (len(part), part))
            left -= len(part)
        w.send(b"0\r\n\r\n")
        answer = w.answer()
    got = answer.json()
    assert got["bytes"] == LARGE and got["sha256"] == sha.hexdigest() and got["chunked"]
    assert got["method"] == "PUT"
    assert peak(gateway) - before < SPARE


@pytest.mark.slow
@pytest.mark.parametrize("chunked", ["", "&chunked=1"])
def test_a_large_download(gateway, chunked):
    size = LARGE // 5 if chunked else LARGE  # the test's own reader of chunks is slow
    gateway.request("GET", "/pass/openai/v1/big?size=1000")
    before, sha, want = peak(gateway), hashlib.sha256(), hashlib.sha256()
    with serve.wire(gateway.port) as w:
        w.send(head("GET", f"/pass/openai/v1/big?size={size}{chunked}"))
        status, headers = w.head()
        assert status == 200
        assert headers.get("content-length") == (None if chunked else str(size))
        if chunked:
            body = w.chunked(status, headers)
            assert body.complete and len(body.body) == size
            sha.update(body.body)
        else:
            left = size
            while left:
                part = w.rest or w.socket.recv(1 << 20)
                w.rest = b""
                sha.update(part)
                left -= len(part)
    left = size
    while left:
        want.update(PIECE[:min(left, len(PIECE))])
        left -= min(left, len(PIECE))
    assert sha.hexdigest() == want.hexdigest()
    assert peak(gateway) - before < SPARE


def test_more_than_max_body_bytes_passes(vendor):
    config = open_config(providers(vendor), server={"max_body_bytes": 10_000})
    with Gateway(config) as gateway:
        status, _, body = gateway.request("POST", "/pass/openai/v1/files", b"x" * 100_000, {"content-type": "x/y"})
        assert status == 200 and json.loads(body)["bytes"] == 100_000
        status, _, _ = gateway.request("POST", "/v1/chat/completions", serve.chat("x" * 100_000))
        assert status == 413


@pytest.mark.parametrize("chunked", [False, True])
def test_max_pass_bytes(vendor, chunked):
    config = open_config(providers(vendor), limits={"max_pass_bytes": 1_000_000})
    with Gateway(config) as gateway, serve.wire(gateway.port) as w:
        data = b"x" * 1_000_001
        if chunked:
            w.send(head("POST", "/pass/openai/v1/files", "Transfer-Encoding: chunked") +
                   b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
        else:
            w.send(head("POST", "/pass/openai/v1/files", f"Content-Length: {len(data)}"))
        assert w.answer().status == 413
        status, _, body = gateway.request("POST", "/pass/openai/v1/files", data[1:], {"content-type": "x/y"})
        assert status == 200 and json.loads(body)["bytes"] == 1_000_000


# -- heads --

def test_what_goes_up_and_what_comes_back(gateway, vendor):
    secret = {"authorization": "Bearer client", "cookie": "c=1", "x-forwarded-for": "10.0.0.1", "forwarded": "for=x",
              "x-aigw-report": "dropped", "te": "trailers", "user-agent": "me", "x-other": "1", "accept-encoding": "gzip"}
    kept = {"content-type": "text/x", "accept": "image/png", "openai-organization": "org", "openai-beta": "assistants=v2",
            "idempotency-key": "k1", "range": "bytes=0-9", "if-none-match": '"e"'}
    status, headers, _ = gateway.request("PATCH", "/pass/openai/v1/files/file-2?limit=2&after=x%20y", b"{}", {**secret, **kept})
    method, path, seen = vendor.seen[-1]
    assert status == 200 and (method, path) == ("PATCH", "/v1/files/file-2?limit=2&after=x%20y")
    assert {k: seen[k] for k in kept} == kept
    assert seen["authorization"] == "Bearer up-secret" and seen["host"] == f"127.0.0.1:{vendor.port}"
    assert seen["user-agent"].startswith("aigw/")
    assert not set(seen) & (set(secret) - {"authorization", "user-agent"})
    assert headers["etag"] == '"e"' and headers["x-ratelimit-remaining-requests"] == "7"
    assert headers["x-aigw-upstream-request-id"] == "req-up" and headers["x-request-id"] != "req-up"
    assert not {"set-cookie", "alt-svc", "server-secret"} & set(headers)


def test_the_config_wins_over_the_client(vendor):
    config = open_config(providers(vendor, headers={"OpenAI-Organization": "ours"}))
    with Gateway(config) as gateway:
        gateway.request("GET", "/pass/openai/v1/files", None, {"openai-organization": "theirs"})
        assert vendor.seen[-1][2]["openai-organization"] == "ours"


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "PUT", "PATCH"])
def test_methods_without_a_body(gateway, vendor, method):
    status, _, body = gateway.request(method, "/pass/openai/files/x")
    assert status == 200 and json.loads(body)["method"] == method and json.loads(body)["path"] == "/v1/files/x"
    assert "content-type" not in vendor.seen[-1][2]


def test_head_and_answers_without_a_body(gateway, vendor):
    with serve.wire(gateway.port) as w:  # all on one connection: nothing may be left behind in it
        w.send(head("HEAD", "/pass/openai/v1/files/x"))
        answer = w.answer(head_only=True)
        assert answer.status == 200 and int(answer.headers["content-length"]) > 10
        assert vendor.seen[-1][0] == "HEAD"
        w.send(head("GET", "/pass/openai/v1/nothing"))
        answer = w.answer()
        assert answer.status == 204 and "content-length" not in answer.headers and "content-type" not in answer.headers
        w.send(head("GET", "/pass/openai/v1/unchanged"))
        answer = w.answer()
        assert answer.status == 304 and answer.headers["etag"] == '"e"'
        w.send(head("GET", "/pass/openai/v1/files/x"))
        assert w.answer().json()["method"] == "GET"
    assert wait_until(lambda: len(log_lines(gateway)) == 4)
    assert {line["outcome"] for line in log_lines(gateway)} == {"ok"}


@pytest.mark.parametrize("to,want", [("same", "/pass/openai/files/moved?x=1"), ("full", "/pass/openai/files/moved"),
                                     ("far", None), ("odd", None), ("up", None), ("none", None)])
def test_redirects(gateway, vendor, to, want):
    status, headers, body = gateway.request("GET", f"/pass/openai/v1/redirect?to={to}")
    assert (status, headers.get("location")) == ((302, want) if want else (502, None))
    assert b"example" not in body
    if want:
        status, _, body = gateway.request("GET", want)
        assert status == 200 and json.loads(body)["path"].startswith("/v1/files/moved")
    assert len(vendor.seen) == (2 if want else 1)


@pytest.mark.parametrize("status", [401, 403])
def test_our_credentials_are_not_told(gateway, status):
    got, _, body = gateway.request("POST", f"/pass/openai/v1/denied?status={status}", b"{}", {"content-type": "application/json"})
    assert got == 502 and b"up-secret" not in body


def test_other_refusals_are_the_providers_own(gateway):
    got, _, body = gateway.request("POST", "/pass/openai/v1/denied?status=429", b"{}", {"content-type": "application/json"})
    assert got == 429 and b"Incorrect" in body


# -- paths --

BAD_PATHS = ["/v1/../admin", "/v1/%2e%2e/admin", "/v1/.%2E/admin", "/v1/..%2fadmin", "/v1/%252e%252e/admin", "/..", "/.",
             "//evil.example/x", "/v1//files", "/v1/%2f/files", "/v1/files/%00", "/v1/files/%0d%0aX: y", "/v1/a%5cb",
             "/v1/..;/admin", "/v1/%2e%2e;x=1/admin", "", "/http://evil.example/", "/v1/x%7f", "/v1/./files"]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_paths_that_two_servers_could_read_differently(bare, vendor, path):
    with serve.wire(bare.port) as w:
        w.send(head("GET", "/pass/openai" + path))
        assert w.answer().status in (400, 404)
    assert vendor.seen == []


@pytest.mark.parametrize("path", ["/pass/", "/pass", "/pass//v1/files", "/pass/nobody/v1/files", "/pass/shut/v1/files",
                                  "/pass/%6fpenai/v1/files", "/pass/../v1/files", "/pass/OPENAI/v1/files"])
def test_what_is_not_there(bare, vendor, path):
    with serve.wire(bare.port) as w:
        w.send(head("GET", path))
        assert w.answer().status == 404
    assert vendor.seen == []


def test_only_the_paths_of_the_list(vendor):
    config = open_config(providers(vendor, pass_through_paths=["/v1/files", "/v1/audio/"]))
    with Gateway(config) as gateway:
        for path, want in [("/v1/files", 200), ("/files/x", 200), ("/v1/audio/speech", 200), ("/v1/filesystem", 404),
                           ("/v1/batches", 404), ("/v1", 404), ("/v1/fil%65s", 404)]:
            assert gateway.request("GET", "/pass/openai" + path)[0] == want, path


def test_other_methods_and_keys_in_the_url(gateway, bare, vendor):
    status, headers, _ = gateway.request("OPTIONS", "/pass/openai/v1/files")
    assert status == 405 and "PATCH" in headers["allow"]
    assert gateway.request("GET", "/pass/openai/v1/files?key=abc")[0] in (400, 401)
    assert gateway.request("GET", "/pass/openai/v1/files?a=1&api%5Fkey=abc")[0] in (400, 401)
    assert bare.request("GET", "/pass/openai/v1/files", b"body", {"content-type": "x/y"})[0] == 400
    assert vendor.seen == []


def test_tokens_are_asked_for_before_a_body_is_read(vendor):
    config, secret = secured(providers(vendor), [])
    with Gateway(config) as gateway:
        with serve.wire(gateway.port) as w:
            w.send(head("POST", "/pass/openai/v1/files", f"Content-Length: {LARGE}", "Expect: 100-continue"))
            assert w.answer().status == 401
        assert vendor.seen == []
        token = fetch_token(gateway, secret)
        status, _, body = gateway.request("POST", "/pass/openai/v1/files", b"abc",
                                          {"authorization": "Bearer " + token, "content-type": "x/y"})
        assert status == 200 and json.loads(body)["bytes"] == 3
        assert vendor.seen[-1][2]["authorization"] == "Bearer up-secret"


def test_a_credential_that_is_fetched(vendor):
    vendor.token = "t-1"

    def post(gateway, size):
        return gateway.request("POST", "/pass/openai/v1/files", b"x" * size, {"content-type": "x/y"})[0]

    with TokenServer() as tokens:
        provider = {**providers(vendor)[0], "auth": {"token": {"endpoint": tokens.url, "client_id": "gw", "client_secret": "s"}}}
        del provider["api_key"]
        with Gateway(open_config([provider])) as gateway:
            assert post(gateway, 500_000) == 200 and post(gateway, 5) == 200
            vendor.token = "t-2"  # rotated: the old one is refused, and what is still there is sent again
            assert post(gateway, 5) == 200
            assert len(tokens.requests) == 2
            assert post(gateway, 500_000) == 200
            vendor.token = "t-3"  # what flowed by is not; and a second refusal so soon fetches nothing
            assert post(gateway, 500_000) == 502


# -- ends that are not the usual one --

def test_expect_continue(gateway, vendor):
    with serve.wire(gateway.port) as w:
        w.send(head("POST", "/pass/openai/v1/files", "Content-Length: 5", "Expect: 100-continue"))
        assert w.head()[0] == 100
        assert vendor.seen == []  # nobody is asked until there is something to send
        w.send(b"hello")
        assert w.answer().json()["bytes"] == 5
    assert "expect" not in vendor.seen[-1][2]


def test_an_early_refusal_reaches_the_client(gateway):
    with serve.wire(gateway.port) as w:
        w.send(head("POST", "/pass/openai/v1/refuse", f"Content-Length: {LARGE}") + b"x" * 1000)
        answer = w.answer()
        assert answer.status == 413 and answer.json()["error"]["message"] == "too much"
        assert answer.headers["connection"] == "close" and w.closed()


def test_a_client_that_goes_away_while_it_sends(gateway, vendor):
    with serve.wire(gateway.port) as w:
        w.send(head("POST", "/pass/openai/v1/files", f"Content-Length: {LARGE}") + b"x" * 100_000)
        assert wait_until(lambda: vendor.seen)
    assert vendor.gone.wait(20)
    assert wait_until(lambda: [line["outcome"] for line in log_lines(gateway)] == ["cancelled"])


def test_a_client_that_goes_away_while_it_reads(gateway, vendor):
    with serve.wire(gateway.port) as w:
        w.send(head("GET", f"/pass/openai/v1/big?size={LARGE}"))
        w.head()
    assert vendor.gone.wait(20)
    assert wait_until(lambda: [line["outcome"] for line in log_lines(gateway)] == ["cancelled"])


@pytest.mark.slow
def test_a_provider_that_reads_slowly_holds_the_client(gateway, vendor):
    before = peak(gateway)
    sent = [0]
    with serve.wire(gateway.port) as w:
        w.send(head("POST", "/pass/openai/v1/slow", f"Content-Length: {LARGE}"))

        def push():
            left = LARGE
            while left:
                n = w.socket.send(PIECE[:min(left, len(PIECE))])
                sent[0] += n
                left -= n
        thread = threading.Thread(target=push)
        thread.start()
        assert vendor.arrived.wait(20)
        stuck = serve.stands_still(lambda: sent[0])
        assert stuck < LARGE // 4  # what lies in the sockets' buffers, and a little here
        vendor.gate.set()
        thread.join()
        assert w.answer().json()["bytes"] == LARGE
    assert peak(gateway) - before < SPARE


@pytest.mark.slow
def test_a_client_that_reads_slowly_holds_the_provider(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port)) as s:
        before = peak(gateway)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.sendall(head("GET", f"/pass/openai/v1/big?size={LARGE}"))
        serve.stands_still(lambda: peak(gateway))
        s.settimeout(30)
        got = 0
        while got < LARGE:
            data = s.recv(1 << 20)
            assert data
            got += len(data)
        assert peak(gateway) - before < SPARE


def test_events_come_as_they_are_sent(gateway, vendor):
    with serve.wire(gateway.port) as w:
        w.send(head("POST", "/pass/openai/v1/events", "Content-Length: 2", "Content-Type: application/json") + b"{}")
        status, headers = w.head()
        assert status == 200 and headers["content-type"] == "text/event-stream"
        assert w.until(b"\n\n").endswith(b"data: one")  # the second waits for us
        vendor.gate.set()
        assert w.until(b"\n\n").endswith(b"data: two")
        w.until(b"0\r\n\r\n")


@pytest.mark.parametrize("chunked", ["", "?chunked=1"])
def test_an_answer_that_breaks_off_has_no_clean_end(gateway, chunked):
    with serve.wire(gateway.port) as w:
        w.send(head("GET", "/pass/openai/v1/cut" + chunked))
        answer = w.answer()
        assert answer.status == 200 and not answer.complete and answer.body == b"x" * 500
    assert wait_until(lambda: [line["outcome"] for line in log_lines(gateway)] == ["broken"])


def test_a_body_that_stops_coming(vendor):
    config = open_config(providers(vendor), server={"body_timeout_ms": 300})
    with Gateway(config) as gateway, serve.wire(gateway.port) as w:
        w.send(head("POST", "/pass/openai/v1/files", "Content-Length: 100000") + b"x" * 10)
        assert w.answer().status == 408
        assert vendor.gone.wait(20)


def test_a_provider_that_stops_taking(vendor):
    config = open_config(providers(vendor, timeouts={"idle_ms": 500}))
    with Gateway(config) as gateway, serve.wire(gateway.port) as w:
        w.send(head("POST", "/pass/openai/v1/slow", f"Content-Length: {LARGE}"))

        def push():
            try:
                for _ in range(LARGE // len(PIECE)):
                    w.socket.send(PIECE)
            except OSError:
                pass
        thread = threading.Thread(target=push)
        thread.start()
        assert w.answer().status == 504
        with contextlib.suppress(OSError):
            w.socket.shutdown(socket.SHUT_RDWR)
        thread.join()
        vendor.gate.set()


def test_many_requests_on_one_connection(gateway):
    with serve.wire(gateway.port) as w:
        for i in range(20):
            data = b"y" * (i * 1000)
            w.send(head("POST", "/pass/openai/v1/files", "Transfer-Encoding: chunked") +
                   (b"%x\r\n%s\r\n" % (len(data), data) if data else b"") + b"0\r\n\r\n")
            assert w.answer().json()["bytes"] == len(data)
            w.send(head("POST", "/pass/openai/v1/files", f"Content-Length: {len(data)}") + data +
                   head("GET", "/pass/openai/v1/files/z"))  # the next one right behind it
            assert w.answer().json()["bytes"] == len(data)
            assert w.answer().json()["method"] == "GET"
