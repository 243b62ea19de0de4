"""aigw-token's ways to authenticate, retries, formats, inspect and exec."""
import base64
import hashlib
import json
import os
import pathlib
import re
import shlex
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse

import pytest

from harness import TOKEN
from token_server import TokenServer

pytestmark = pytest.mark.skipif(not TOKEN.exists(), reason=f"{TOKEN} is not built")


def environment(url, **more):
    keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS") if name in os.environ}
    given = {"GATEWAY_CLIENT_ID": "agent", "GATEWAY_CLIENT_SECRET": "s3cret", "GATEWAY_TOKEN_ENDPOINT": url, **more}
    return {**keep, **{name: value for name, value in given.items() if value is not None}}


def run(url, *args, stdin=b"", **more):
    return subprocess.run([TOKEN, *args], env=environment(url, **more), input=stdin, capture_output=True, timeout=60)


@pytest.fixture
def server():
    with TokenServer() as s:
        yield s


def openssl(*args):
    made = subprocess.run(["openssl", *map(str, args)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("openssl: " + made.stderr.decode(errors="replace"))
    return made.stdout


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_jwt(claims, header=None):
    parts = [json.dumps(header or {"alg": "RS256", "kid": "k"}).encode(), json.dumps(claims).encode(), b"signature!"]
    return b".".join(base64.urlsafe_b64encode(p).rstrip(b"=") for p in parts)


# ---- ways to authenticate ----

@pytest.mark.parametrize("client, secret", [("agent", "s3cret"), ("a:b", "c:d e+f%"), ("\u00e4 b", "=&\u2603\n"),
                                            ("x", "yy"), ("x", "yyy"), ("x", "yyyy")])
def test_client_secret_basic_encodes_both_parts_first(server, client, secret):
    done = run(server.url, "--auth-method", "client_secret_basic", "--scope", "a b", GATEWAY_CLIENT_ID=client,
               GATEWAY_CLIENT_SECRET=secret)
    assert (done.returncode, done.stdout) == (0, b"t-1")
    _, headers, form = server.requests[0]
    scheme, _, value = headers["authorization"].partition(" ")
    parts = base64.b64decode(value, validate=True).decode("ascii").split(":")
    assert scheme == "Basic" and [urllib.parse.unquote_plus(part) for part in parts] == [client, secret]
    assert form == {"grant_type": "client_credentials", "scope": "a b"}  # and nowhere else


@pytest.fixture(scope="module")
def rsa(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rsa")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", folder / "key.pem")
    openssl("rsa", "-in", folder / "key.pem", "-pubout", "-out", folder / "public.pem")
    return folder


def signed_by(rsa, jwt, tmp_path):
    text, _, signature = jwt.rpartition(".")
    (tmp_path / "signature").write_bytes(unpadded(signature))
    (tmp_path / "text").write_text(text)
    return b"OK" in openssl("dgst", "-sha256", "-verify", rsa / "public.pem", "-signature", tmp_path / "signature",
                            tmp_path / "text")


def test_private_key_jwt(server, rsa, tmp_path):
    args = ["--private-key-file", rsa / "key.pem", "--key-id", "k-1"]
    seen = set()
    for _ in range(2):
        assert run(server.url, *args, GATEWAY_CLIENT_SECRET=None).returncode == 0
        form = server.requests[-1][2]
        assertion = form.pop("client_assertion")
        assert form == {"grant_type": "client_credentials", "client_id": "agent",
                        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
        assert signed_by(rsa, assertion, tmp_path)
        header, claims = (json.loads(unpadded(part)) for part in assertion.split(".")[:2])
        assert header["alg"] == "RS256" and header["kid"] == "k-1"
        assert claims["iss"] == claims["sub"] == "agent" and claims["aud"] == server.url
        assert abs(claims["iat"] - time.time()) < 60 and 0 < claims["exp"] - claims["iat"] <= 300
        seen.add(claims["jti"])
    assert len(seen) == 2 and min(map(len, seen)) >= 16


def test_a_second_try_signs_anew(rsa):
    def busy_once(form, headers, n):
        return (503, {}, {}) if n == 1 else (200, {"access_token": "t"}, {})

    with TokenServer(busy_once) as server:
        assert run(server.url, "--private-key-file", rsa / "key.pem").returncode == 0
        assert len({form["client_assertion"] for _, _, form in server.requests}) == 2


def test_keys_that_cannot_sign_are_wrong_usage(server, rsa, tmp_path):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", tmp_path / "ec.pem")
    openssl("rsa", "-in", rsa / "key.pem", "-aes256", "-passout", "pass:x", "-out", tmp_path / "locked.pem")
    (tmp_path / "empty").write_text("")
    for path in (tmp_path / "ec.pem", tmp_path / "locked.pem", tmp_path / "empty", rsa / "public.pem", "/nonexistent"):
        done = run(server.url, "--private-key-file", path)
        assert (done.returncode, done.stdout) == (1, b"") and done.stderr
    assert not server.requests


def test_a_client_certificate(tmp_path):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "server.key", "-out", tmp_path / "server.pem")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=team-a", "-keyout",
            tmp_path / "client.key", "-out", tmp_path / "client.pem")
    (tmp_path / "both.pem").write_bytes((tmp_path / "client.pem").read_bytes() + (tmp_path / "client.key").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED

    def who(form, headers, n):
        subject = dict(pair[0] for pair in headers["peer"]["subject"])
        return 200, {"access_token": "for-" + subject["commonName"]}, {}

    with TokenServer(who, context) as server:
        ca = ["--ca-file", tmp_path / "server.pem"]
        split = ["--client-cert", tmp_path / "client.pem", "--client-key", tmp_path / "client.key"]
        tls = ["--auth-method", "tls_client_auth"]
        assert run(server.url, *ca).returncode == 2  # no certificate, no handshake
        for args in (split, ["--client-cert", tmp_path / "both.pem"]):
            done = run(server.url, *ca, *args, *tls, GATEWAY_CLIENT_SECRET=None)
            assert (done.returncode, done.stdout) == (0, b"for-team-a"), done.stderr
            assert server.requests[-1][2] == {"grant_type": "client_credentials", "client_id": "agent"}
        assert run(server.url, *ca, *split).returncode == 0  # with the secret besides
        assert server.requests[-1][2]["client_secret"] == "s3cret"
        assert run(server.url, *ca, *tls, "--client-cert", "/nonexistent").returncode == 2
        assert run(server.url, *ca, *tls, *split[:2], "--client-key", tmp_path / "server.key").returncode == 2


def test_the_secret_may_come_from_a_file(server, tmp_path):
    path = tmp_path / "secret"
    for text, secret in ((b"from file", "from file"), (b"line\n", "line"), (b"dos\r\n", "dos"), (b"two\n\n", "two\n")):
        path.write_bytes(text)
        assert run(server.url, "--client-secret-file", path, GATEWAY_CLIENT_SECRET=None).returncode == 0
        assert server.requests[-1][2]["client_secret"] == secret
    run(server.url, "--client-secret-file", path)  # and then counts more than the variable
    assert server.requests[-1][2]["client_secret"] == "two\n"
    asked = len(server.requests)
    for bad in (b"", b"\n", b"a\0b", b"x" * 20000):
        path.write_bytes(bad)
        assert run(server.url, "--client-secret-file", path).returncode == 1
    assert run(server.url, "--client-secret-file", tmp_path / "none").returncode == 1
    assert len(server.requests) == asked


def test_audience_and_resource_are_sent(server):
    run(server.url, "--audience", "https://api.example/", "--resource", "urn:x&y")
    form = server.requests[0][2]
    assert form["audience"] == "https://api.example/" and form["resource"] == "urn:x&y"


def test_the_proxy_of_the_command_line_counts_most(server):
    proxy = server.url.removesuffix("/oauth2/token")
    done = run("http://gateway.invalid/token", "--allow-http", "--proxy", proxy, http_proxy="http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (0, b"t-1")
    assert server.requests[0][0] == "http://gateway.invalid/token"


@pytest.mark.parametrize("args", [
    ["--auth-method", "none"], ["--auth-method", "private_key_jwt"], ["--auth-method", "tls_client_auth"],
    ["--client-key", "x"], ["--key-id", "x"], ["--timeout", "0"], ["--timeout", "-1"], ["--timeout", "601"],
    ["--timeout", "1s"], ["--timeout", ""], ["--min-ttl", "x"], ["--min-ttl", "99999999999999999999"],
    ["--format", "xml"], ["--proxy", "http://user:hunter2@127.0.0.1:1"],
    ["--auth-method", "client_secret_post", "--private-key-file", "x"], ["exec"], ["exec", "--"], ["exec", "true"],
    ["inspect", "word"], ["verify"], ["verify", "--jwks", ""]])
def test_wrong_usage_is_1(server, args):
    done = run(server.url, *args)
    assert (done.returncode, done.stdout, server.requests) == (1, b"", [])
    assert done.stderr and b"hunter2" not in done.stderr


# ---- retries ----

@pytest.mark.parametrize("status, document, tries", [
    (500, {}, 2), (503, {}, 2), (429, {}, 2), (502, {"error": "server_error"}, 2),
    (400, {"error": "invalid_client"}, 1), (401, {"error": "invalid_client"}, 1), (403, {}, 1), (404, {}, 1),
    (500, {"error": "invalid_client"}, 1), (503, {"error": "invalid_client"}, 1), (307, {}, 1)])
def test_what_is_tried_again(status, document, tries):
    with TokenServer(lambda form, headers, n: (status, document, {})) as server:
        assert run(server.url).returncode == 2
        assert len(server.requests) == tries
    if tries == 2:
        with TokenServer(lambda form, headers, n: (status if n == 1 else 200, {"access_token": "t"}, {})) as server:
            assert run(server.url).stdout == b"t"


def test_retry_after_is_waited_for_when_there_is_time():
    times = []

    def busy(form, headers, n):
        times.append(time.monotonic())
        return (429 if n == 1 else 200), {"access_token": "t"}, {"Retry-After": "2"}

    with TokenServer(busy) as server:
        assert run(server.url).stdout == b"t"
        assert times[1] - times[0] >= 1.9
    with TokenServer(lambda form, headers, n: (503, {}, {"Retry-After": "3600"})) as server:
        assert run(server.url).returncode == 2  # at once: it would be too late
        assert len(server.requests) == 1


def test_a_connection_that_cannot_be_made_is_tried_again():
    """Nobody listens at first: the listener comes up between the two tries."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))  # bound but not listening: refused
        process = subprocess.Popen([TOKEN], env=environment(f"http://127.0.0.1:{s.getsockname()[1]}/"),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.25)
        s.listen()
        s.settimeout(20)
        try:
            peer, _ = s.accept()
        except socket.timeout:
            process.kill()
            pytest.skip("too slow a machine for this one")
        with peer:
            peer.recv(65536)
            peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"access_token":"t"}')
            assert process.communicate(timeout=60) == (b"t", b"")


def test_a_silent_endpoint_ends_in_time():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = run(f"http://127.0.0.1:{listener.getsockname()[1]}/", "--timeout", "1")
    assert (done.returncode, done.stdout) == (2, b"") and b"in time" in done.stderr


# ---- formats ----

@pytest.mark.parametrize("value", ["t-1", "it's \"so\" $HOME `x` \\n\u00e4", "a.b.c"])
def test_formats(value):
    with TokenServer(lambda form, headers, n: (200, {"access_token": value, "expires_in": 3600}, {})) as server:
        def shown(form):
            done = run(server.url, "--format", form)
            assert (done.returncode, done.stderr) == (0, b"")
            return done.stdout.decode()
        assert shown("token") == value
        assert shown("header") == f"Authorization: Bearer {value}\n"
        document = json.loads(shown("json"))
        assert document["access_token"] == value and document["token_type"] == "Bearer"
        assert 3000 < document["expires_in"] <= 3600 and abs(document["expires_at"] - time.time() - 3600) < 600
        assert shlex.split(shown("env")) == ["export", "GATEWAY_TOKEN=" + value]
        credential = json.loads(shown("exec-credential"))
        assert credential["apiVersion"] == "client.authentication.k8s.io/v1" and credential["kind"] == "ExecCredential"
        assert credential["status"]["token"] == value
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", credential["status"]["expirationTimestamp"])


def test_formats_of_a_token_of_unknown_life():
    with TokenServer(lambda form, headers, n: (200, {"access_token": "t"}, {})) as server:
        assert json.loads(run(server.url, "--format", "json").stdout) == {"access_token": "t", "token_type": "Bearer"}
        assert json.loads(run(server.url, "--format", "exec-credential").stdout)["status"] == {"token": "t"}


# ---- inspect ----

def test_inspect_shows_all_but_the_signature(server):
    claims = {"iss": "i", "exp": int(time.time()) + 3600, "x": "\u009b\u007f\u00e4 \x1b"}
    header = {"alg": "RS256", "typ": "at+jwt"}
    parts = [json.dumps(p, ensure_ascii=False).encode() for p in (header, claims)] + [b"signature!"]
    token = b".".join(base64.urlsafe_b64encode(p).rstrip(b"=") for p in parts)
    for stdin in (token, token + b"\n"):
        done = run(server.url, "inspect", stdin=stdin)
        assert (done.returncode, done.stderr) == (0, b"")
        document = json.loads(done.stdout)
        assert document["header"] == header and document["claims"] == claims
        assert 3000 < document["seconds_left"] <= 3600 and document["expired"] is False
        assert token.split(b".")[2] not in done.stdout and b"signature!" not in done.stdout
        assert b"\x7f" not in done.stdout and b"\xc2\x9b" not in done.stdout
    assert not server.requests


def test_inspect_of_the_current_token():
    token = make_jwt({"exp": int(time.time()) - 5}).decode()
    with TokenServer(lambda form, headers, n: (200, {"access_token": token, "expires_in": 60}, {})) as server:
        document = json.loads(run(server.url, "inspect").stdout)
        assert document["expired"] is True and document["seconds_left"] < 0
        assert len(server.requests) == 1
        assert run(server.url, "inspect", GATEWAY_CLIENT_ID=None).returncode == 1


@pytest.mark.parametrize("text", [b"opaque", b"a.b.c", b"e30.e30", b"e30.W10.x", b"..", b"e30.e30.x\n\n.", b"x" * 200000])
def test_inspect_of_what_is_no_jwt(server, text):
    done = run(server.url, "inspect", stdin=text)
    assert (done.returncode, done.stdout) == (4, b"") and text not in done.stderr


# ---- exec ----

def test_exec_gives_the_token_and_not_the_secret(server):
    script = "import os, json; print(json.dumps(dict(os.environ)))"
    done = run(server.url, "exec", "--scope", "a", "--", sys.executable, "-c", script, OTHER="kept")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["GATEWAY_TOKEN"] == "t-1" and seen["OTHER"] == "kept" and seen["GATEWAY_CLIENT_ID"] == "agent"
    assert "GATEWAY_CLIENT_SECRET" not in seen and "s3cret" not in done.stdout.decode()
    assert server.requests[0][2]["scope"] == "a"


def test_exec_is_the_command(server):
    assert run(server.url, "exec", "--", "sh", "-c", "exit 42").returncode == 42
    assert run(server.url, "exec", "--", "cat", "--", "/dev/stdin", stdin=b"through").stdout == b"through"
    pipe = run(server.url, "exec", "--", "sh", "-c", "trap '' CHLD; kill -PIPE $$; echo alive")
    assert pipe.returncode == -13 and b"alive" not in pipe.stdout  # SIGPIPE is as it should be
    assert run(server.url, "exec", "--", "/nonexistent/command").returncode == 127
    assert run(server.url, "exec", "--", "/etc/passwd").returncode == 126


def test_exec_does_not_run_without_a_token(tmp_path):
    with TokenServer(lambda form, headers, n: (400, {"error": "invalid_client"}, {})) as server:
        assert run(server.url, "exec", "--", "touch", tmp_path / "ran").returncode == 2
    assert not (tmp_path / "ran").exists()


def test_every_command_has_help():
    for args in (["--help"], ["inspect", "--help"], ["exec", "--help"], ["verify", "--help"]):
        done = subprocess.run([TOKEN, *args], env={"PATH": os.environ["PATH"]}, capture_output=True, timeout=60)
        assert done.returncode == 0 and done.stdout.startswith(b"usage: aigw-token")


def test_the_man_page_names_every_option():
    page = (pathlib.Path(__file__).resolve().parents[2] / "cli" / "aigw-token.1").read_text().replace("\\-", "-")
    for args in (["--help"], ["verify", "--help"]):
        told = subprocess.run([TOKEN, *args], env={"PATH": os.environ["PATH"]}, capture_output=True, timeout=60).stdout
        for option in re.findall(r"^  (--[a-z-]+)", told.decode(), re.M):
            assert option in page, option


def test_the_fingerprint_of_a_secret_is_not_the_secret(server, tmp_path):
    """The name of the cache file is a hash over more than the secret."""
    env = environment(server.url, HOME=str(tmp_path))
    subprocess.run([TOKEN], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    names = [path.name for path in (tmp_path / ".cache" / "aigw").iterdir()]
    assert names and not [name for name in names if hashlib.sha256(b"s3cret").hexdigest() in name]
