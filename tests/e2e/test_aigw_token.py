"""aigw-token's contract, as its callers see it: variables, exit codes, what is on stdout and stderr."""
import http.server
import os
import pathlib
import socket
import subprocess
import threading
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("AIGW_BUILD", ROOT / "build")) / "bin" / "aigw-token"
NAMES = ["GATEWAY_CLIENT_ID", "GATEWAY_CLIENT_SECRET", "GATEWAY_TOKEN_ENDPOINT"]

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason=f"{BINARY} is not built")


class Endpoint:
    """A token endpoint that answers what the test says and keeps what it was asked."""

    def __init__(self):
        self.status, self.body, self.headers = 200, b'{"access_token":"t-1","expires_in":3600}', {}
        self.requests = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                names = {name.lower(): value for name, value in self.headers.items()}
                endpoint.requests.append((self.path, names, body))
                endpoint.arrived.set()
                endpoint.gate.wait(30)
                self.send_response(endpoint.status)
                for name, value in endpoint.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(endpoint.body)))
                self.end_headers()
                self.wfile.write(endpoint.body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/oauth2/token"

    def form(self, i=-1):
        return urllib.parse.parse_qs(self.requests[i][2].decode(), strict_parsing=True)

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def endpoint():
    server = Endpoint()
    yield server
    server.close()


def environment(url, client="agent", secret="s3cret", **more):
    keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS") if name in os.environ}
    given = dict(zip(NAMES, (client, secret, url)))
    return {**keep, **{k: v for k, v in given.items() if v is not None}, **more}


def run(url, *args, client="agent", secret="s3cret", **more):
    return subprocess.run([BINARY, *args], env=environment(url, client, secret, **more),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_the_token_and_nothing_else(endpoint):
    done = run(endpoint.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"t-1", b"")
    path, headers, _ = endpoint.requests[0]
    assert path == "/oauth2/token"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in headers
    assert endpoint.form() == {"grant_type": ["client_credentials"], "client_id": ["agent"],
                               "client_secret": ["s3cret"]}


@pytest.mark.parametrize("status", [200, 201, 299])
def test_any_2xx_will_do(endpoint, status):
    endpoint.status = status
    assert run(endpoint.url).stdout == b"t-1"


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize("missing", [[0], [1], [2], [0, 2], [1, 2], [0, 1, 2]])
def test_missing_variables_are_named_in_order(endpoint, missing, empty):
    values = ["agent", "s3cret", endpoint.url]
    for i in missing:
        values[i] = empty
    done = run(values[2], client=values[0], secret=values[1])
    assert (done.returncode, done.stdout, endpoint.requests) == (1, b"", [])
    lines = done.stderr.decode().splitlines()
    assert len(lines) == len(missing) + 1
    for line, i in zip(lines, missing):
        assert NAMES[i] in line
        assert not any(NAMES[k] in line for k in range(3) if k != i)
    assert "hint" in lines[-1].lower()


@pytest.mark.parametrize("status, body", [(404, b'{"error":"no such path"}'), (400, b'{"error":"invalid_client"}'),
                                          (401, b"no"), (500, b""), (302, b"moved"), (304, b"")])
def test_other_answers_are_2_with_their_body(endpoint, status, body):
    endpoint.status, endpoint.body = status, b"" if status == 304 else body
    endpoint.headers = {"Location": endpoint.url + "/elsewhere"} if status == 302 else {}
    done = run(endpoint.url)
    assert (done.returncode, done.stdout) == (2, b"")
    assert body in done.stderr
    assert len(endpoint.requests) == (2 if status == 500 else 1)
    assert b"s3cret" not in done.stderr


def test_bodies_are_made_safe_for_a_terminal(endpoint):
    endpoint.status, endpoint.body = 403, b"a\x1b[31mb\x00c\x07\r\n\xc2\x9bd\x7f" + "\u00e4".encode() + b"x" * 10000
    done = run(endpoint.url)
    assert done.returncode == 2
    assert not any(c < 32 and c != 10 for c in done.stderr) and b"\x7f" not in done.stderr
    assert b"\xc2\x9b" not in done.stderr
    assert b"a[31mbc\nd" + "\u00e4".encode() + b"xxx" in done.stderr
    assert 3000 < len(done.stderr) < 4300


@pytest.mark.parametrize("body", [
    b"", b"junk", b"<html></html>", b"[]", b"null", b"{}", b'{"access_token":""}', b'{"access_token":7}',
    b'{"access_token":null}', b'{"access_token":{"a":"b"}}', b'{"access_token":"t"', b'{"access_token":"t"}}',
    b'{"token":"t"}', b'{"access_token":"a","access_token":"b"}', b'{"access_token":"a\\nb"}',
    b'{"access_token":"' + b"x" * 70000 + b'"}'])
def test_answers_without_a_token_are_3(endpoint, body):
    endpoint.body = body
    done = run(endpoint.url)
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr


SECRETS = ["a&b=c+d%e", "%41%zz", "x y\tz", "\u00fcn\u00efc\u00f6de \u2603 \U0001f511", "'\"$`\\;|<>", "a#b?c/d:e@f",
           "&client_id=evil", "=" * 40, "line\nbreak"]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_arrive_intact(endpoint, secret):
    assert run(endpoint.url, secret=secret, client=secret[::-1]).returncode == 0
    assert endpoint.form() == {"grant_type": ["client_credentials"], "client_id": [secret[::-1]],
                               "client_secret": [secret]}


def test_tokens_leave_as_they_are(endpoint):
    endpoint.body = b'{"access_token":"a\\u002eb\\/\\u00e4 %s\\\\"}'
    assert run(endpoint.url).stdout == "a.b/\u00e4 %s\\".encode()


def test_nobody_listens():
    done = run(f"http://127.0.0.1:{closed_port()}/token")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr and b"s3cret" not in done.stderr


def test_an_answer_with_two_lengths(endpoint):
    endpoint.headers = {"Content-Length": "1000"}  # and the true one behind it
    assert run(endpoint.url).returncode == 2


def test_an_answer_that_breaks_off():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"access_token":"t"}')
        thread = threading.Thread(target=serve)
        thread.start()
        done = run(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize("url", ["not a url", "ftp://127.0.0.1/x", "file:///etc/passwd", "https://u:p@127.0.0.1/",
                                 "http://gateway.invalid/token", "https://gateway.invalid/token"])
def test_bad_endpoints_are_2(url):
    done = run(url)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr


def test_plain_http_needs_leave():
    done = run("http://gateway.invalid/token")
    assert b"https" in done.stderr and b"--allow-http" in done.stderr
    done = run("http://gateway.invalid/token", "--allow-http")
    assert done.returncode == 2
    assert b"--allow-http" not in done.stderr  # it got as far as the name


def test_no_proxy_is_asked_for_loopback(endpoint):
    proxy = f"http://127.0.0.1:{closed_port()}"
    done = run(endpoint.url, http_proxy=proxy, all_proxy=proxy, ALL_PROXY=proxy)
    assert (done.returncode, done.stdout) == (0, b"t-1")


def test_a_proxy_is_asked_for_others(endpoint):
    proxy = endpoint.url.removesuffix("/oauth2/token")
    done = run("http://gateway.invalid/token", "--allow-http", http_proxy=proxy)
    assert (done.returncode, done.stdout) == (0, b"t-1")
    assert endpoint.requests[0][0] == "http://gateway.invalid/token"


def test_scope_is_sent_when_asked_for(endpoint):
    for args in (["--scope", "a/invoke b"], ["--scope=a/invoke b"]):
        assert run(endpoint.url, *args).returncode == 0
        assert endpoint.form()["scope"] == ["a/invoke b"]


def test_help_and_version_need_no_environment():
    for option, word in (("--help", b"GATEWAY_TOKEN_ENDPOINT"), ("--version", b"aigw-token ")):
        done = subprocess.run([BINARY, option], env={"PATH": os.environ["PATH"]}, capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
        assert word in done.stdout


@pytest.mark.parametrize("args", [["--nonsense"], ["-h"], ["word"], ["--scope"], ["--allow-http=yes"], ["--"],
                                  ["--scope", "a", "--scope", "b"], ["--client-secret=hunter2"]])
def test_wrong_usage_is_1(endpoint, args):
    done = run(endpoint.url, *args)
    assert (done.returncode, done.stdout, endpoint.requests) == (1, b"", [])
    assert b"usage: aigw-token" in done.stderr
    assert b"hunter2" not in done.stderr


def test_the_secret_is_not_on_any_command_line(endpoint):
    endpoint.gate.clear()
    process = subprocess.Popen([BINARY], env=environment(endpoint.url, secret="very-s3cret"), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert endpoint.arrived.wait(30)
        proc = pathlib.Path("/proc")
        lines = {}
        for entry in proc.iterdir():
            if entry.name.isdigit():
                try:
                    lines[int(entry.name)] = (entry / "cmdline").read_bytes()
                except OSError:
                    pass
        assert b"aigw-token" in lines[process.pid]
        assert not [pid for pid, line in lines.items() if b"very-s3cret" in line]
    finally:
        endpoint.gate.set()
        out, _ = process.communicate(timeout=60)
    assert out == b"t-1"


def test_a_full_stdout_is_an_error(endpoint):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BINARY], env=environment(endpoint.url), stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 4
    assert b"could not be written" in done.stderr and b"t-1" not in done.stderr


def test_a_reader_that_is_gone_is_an_error(endpoint):
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run([BINARY], env=environment(endpoint.url), stdin=subprocess.DEVNULL, stdout=write,
                              stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(write)
    assert done.returncode == 4
    assert b"could not be written" in done.stderr


def test_untrusted_certificates_are_2(tmp_path):
    """A TLS endpoint is refused until its certificate is trusted by file or by variable."""
    import ssl
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                           "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem",
                           "-out", tmp_path / "cert.pem"], capture_output=True)
    if made.returncode != 0:
        pytest.skip("openssl cannot make a certificate")
    endpoint = Endpoint()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    endpoint.server.socket = context.wrap_socket(endpoint.server.socket, server_side=True)
    url = endpoint.url.replace("http:", "https:")
    cert = str(tmp_path / "cert.pem")
    try:
        assert run(url).returncode == 2
        assert endpoint.requests == []
        assert run(url, CURL_CA_BUNDLE=cert).stdout == b"t-1"
        assert run(url, SSL_CERT_FILE=cert).stdout == b"t-1"
        assert run(url, f"--ca-file={cert}").stdout == b"t-1"
        assert run(url, "--ca-file", "/nonexistent", CURL_CA_BUNDLE=cert).returncode == 2
    finally:
        endpoint.close()


def test_the_process_cannot_be_dumped(endpoint):
    endpoint.gate.clear()
    process = subprocess.Popen([BINARY], env=environment(endpoint.url), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert endpoint.arrived.wait(30)
        if os.geteuid() == 0:  # root reads anything: look at the owner of the files instead
            pytest.skip("runs as root")
        with pytest.raises(PermissionError):
            pathlib.Path(f"/proc/{process.pid}/environ").read_bytes()
    finally:
        endpoint.gate.set()
        process.wait(60)
