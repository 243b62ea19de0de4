"""Key sets over real sockets: rotation under load, floods, issuers that are down, slow, broken or huge,
discovery, and the denials as logs and metrics show them. Keys and signatures come from the openssl tool."""
import base64
import contextlib
import http.server
import json
import re
import subprocess
import tempfile
import threading
import time

import pytest

import harness

SLOW = 3.5  # seconds; more than a request waits for keys


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*args, data=b""):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout


class Key:
    """An RSA or P-256 key with a kid, that signs tokens."""

    def __init__(self, kid, alg="RS256"):
        self.kid, self.alg = kid, alg
        kind = ("RSA", "rsa_keygen_bits:2048") if alg == "RS256" else ("EC", "ec_paramgen_curve:P-256")
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(openssl("genpkey", "-algorithm", kind[0], "-pkeyopt", kind[1]))
        self.file.flush()

    def jwk(self):
        more = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if self.alg == "RS256":
            text = openssl("rsa", "-in", self.file.name, "-noout", "-modulus").decode()
            modulus = bytes.fromhex(text.strip().split("=")[1])
            return {"kty": "RSA", "n": b64(modulus), "e": "AQAB", **more}
        point = openssl("pkey", "-in", self.file.name, "-pubout", "-outform", "DER")[-64:]
        return {"kty": "EC", "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:]), **more}

    def sign(self, text):
        signature = openssl("dgst", "-sha256", "-sign", self.file.name, data=text.encode())
        if self.alg == "RS256":
            return signature
        numbers, at = [], 2
        for _ in range(2):
            size = signature[at + 1]
            numbers.append(int.from_bytes(signature[at + 2:at + 2 + size], "big").to_bytes(32, "big"))
            at += 2 + size
        return b"".join(numbers)

    def token(self, issuer, kid=None, **claims):
        header = {"alg": self.alg, "kid": kid or self.kid}
        body = {"iss": issuer, "client_id": "c", "scope": harness.SCOPE, "exp": int(time.time()) + 600, **claims}
        text = ".".join(b64(json.dumps(part).encode()) for part in (header, body))
        return text + "." + b64(self.sign(text))


class Issuer:
    """Serves a key set and a discovery document; `answer` replaces both."""

    def __init__(self, *keys, port=0):
        issuer = self
        self.keys, self.answer, self.seen, self.document = list(keys), None, [], {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                issuer.seen.append(self.path)
                status, body, headers = 200, issuer.body(self.path), {}
                if issuer.answer:
                    status, body, headers = issuer.answer()
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def body(self, path):
        if "openid-configuration" in path:
            return json.dumps({"issuer": self.url, "jwks_uri": self.url + "/other/keys", **self.document}).encode()
        return json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def config(url, **more):
    return {"auth": {"jwt": {"issuers": [{"issuer": url, **more}]}}, "providers": [{"type": "echo"}],
            "server": {"threads": 2}}


def ask(gateway, token):
    return gateway.request("GET", "/v1/models", headers={"authorization": "Bearer " + token})[0]


def metrics(gateway):
    return gateway.request("GET", "/metrics")[2].decode()


def failures(gateway, phase):
    match = re.search(r'aigw_jwks_failures_total\{[^}]*phase="%s"\} (\d+)' % phase, metrics(gateway))
    return int(match.group(1)) if match else 0


@pytest.fixture(scope="module")
def keys():
    return [Key("one"), Key("two"), Key("three")]


def test_rotation_under_load(keys):
    one, two, three = keys
    with Issuer(one, two) as issuer, harness.Gateway(config(issuer.url)) as gw:
        phase, stop = {"now": "first"}, threading.Event()
        refused, wrong = [], []
        tokens = [[key.token(issuer.url, n=n) for n in range(8)] for key in keys]

        def load(number):
            n = number
            while not stop.is_set():
                n += 1
                before = phase["now"]
                status = ask(gw, tokens[1][n % 8])  # signed by the key that stays
                if status != 200:
                    refused.append(status)
                status = ask(gw, tokens[0][n % 8])
                if before == "first" and phase["now"] == "first" and status != 200:
                    refused.append(status)
                if before == "last" and status != 401:
                    wrong.append(status)
                time.sleep(0.01)

        assert ask(gw, tokens[0][0]) == 200
        begun = time.monotonic()
        threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        try:
            time.sleep(10.5)  # the cooldown since the first fetch
            phase["now"] = "change"
            issuer.keys = [two, three]
            # The first token of the new key brings the new set, and is let in itself.
            assert ask(gw, tokens[2][0]) == 200
            # Each loop of the gateway takes the set over within a second.
            assert harness.wait_until(lambda: all(ask(gw, tokens[0][n]) == 401 for n in range(8)))
            time.sleep(1.5)
            phase["now"] = "last"
            time.sleep(1)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not refused and not wrong
        # The first one, and at most one per cooldown since.
        assert 2 <= len(issuer.seen) <= 2 + (time.monotonic() - begun) / 10
        assert 'aigw_jwks_keys{issuer="%s"} 2' % issuer.url in metrics(gw)


def test_flood_of_unknown_kids(keys):
    with Issuer(keys[0]) as issuer, harness.Gateway(config(issuer.url)) as gw:
        begun = time.monotonic()
        assert ask(gw, keys[0].token(issuer.url)) == 200
        head, body, signature = keys[0].token(issuer.url).split(".")
        seen = []

        def flood(number):
            for n in range(100):
                header = b64(json.dumps({"alg": "RS256", "kid": f"{number}-{n}"}).encode())
                seen.append(ask(gw, f"{header}.{body}.{signature}"))

        threads = [threading.Thread(target=flood, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [401] * 800
        assert len(issuer.seen) <= 1 + (time.monotonic() - begun) / 10
        assert ask(gw, f"{head}.{body}.{signature}") == 200


def test_issuer_down_at_start_and_down_later(keys):
    port = harness.free_port()
    url = f"http://127.0.0.1:{port}"
    with harness.Gateway(config(url)) as gw:
        token = keys[0].token(url)
        status, headers, _ = gw.request("GET", "/v1/models", headers={"x-api-key": token})
        assert status == 503 and headers["retry-after"] == "10"
        assert failures(gw, "connect") == 1
        issuer = Issuer(keys[0], port=port)
        try:
            assert harness.wait_until(lambda: ask(gw, token) == 200, 30)
        finally:
            issuer.stop()
        # Down later: known and new tokens pass by the keys that are there.
        assert ask(gw, token) == 200
        assert ask(gw, keys[0].token(url, jti="new")) == 200
        assert ask(gw, keys[1].token(url)) == 401


def answers():
    yield "status", lambda: (500, b"{}", {})
    yield "status", lambda: (302, b"", {"location": "https://example.com/"})
    yield "parse", lambda: (200, b"<html>junk</html>", {})
    yield "parse", lambda: (200, b'{"keys":[]}', {})
    yield "too_large", lambda: (200, b'{"keys":[' + b" " * 200_000 + b"]}", {})
    yield "broken", lambda: (200, b'{"keys":', {"content-length": "1000", "connection": "close"})


@pytest.mark.parametrize("phase, answer", list(answers()))
def test_broken_issuers(keys, phase, answer):
    with Issuer(keys[0]) as issuer, harness.Gateway(config(issuer.url)) as gw:
        issuer.answer = answer
        token = keys[0].token(issuer.url)
        assert ask(gw, token) == 503
        assert failures(gw, phase) == 1
        assert '"phase":"%s"' % phase in gw.log()
        assert ask(gw, token) == 503  # and no second fetch at once
        assert len(issuer.seen) == 1
        assert 'alb_reason="JWKSRequestError"' in metrics(gw)


def test_slow_issuer(keys):
    with Issuer(keys[0]) as issuer, harness.Gateway(config(issuer.url)) as gw:
        def late():
            time.sleep(SLOW)
            return 200, issuer.body("/"), {}
        issuer.answer = late
        token = keys[0].token(issuer.url)
        assert ask(gw, token) == 503
        assert harness.wait_until(lambda: ask(gw, token) == 200)
        assert len(issuer.seen) == 1


def test_discovery(keys):
    with Issuer(keys[0]) as issuer, harness.Gateway(config(issuer.url, discovery=True)) as gw:
        assert ask(gw, keys[0].token(issuer.url)) == 200
        assert issuer.seen == ["/.well-known/openid-configuration", "/other/keys"]


def test_discovery_of_another_issuer(keys):
    with Issuer(keys[0]) as issuer:
        issuer.document = {"issuer": issuer.url + "/"}
        where = issuer.url + "/.well-known/openid-configuration"
        with harness.Gateway(config(issuer.url, discovery_url=where)) as gw:
            assert ask(gw, keys[0].token(issuer.url)) == 503
            assert failures(gw, "issuer") == 1
            assert len(issuer.seen) == 1


def test_what_an_issuer_entry_asks_for(keys):
    curve = Key("curve", "ES256")
    with Issuer(curve, keys[0]) as issuer:
        entry = {"algorithms": ["ES256"], "client_ids": ["c"], "token_use": "access", "audiences": ["gw"],
                 "scope_match": "all", "scopes": ["a", "b"],
                 "claims": [{"name": "groups", "format": "string-array", "values": ["dev", "ops"]}]}
        good = {"token_use": "access", "aud": ["x", "gw"], "scope": "b a", "groups": ["ops"]}
        rows = [({}, None), ({"client_id": "d"}, "wrong_client"), ({"token_use": "id"}, "wrong_token_use"),
                ({"aud": "x"}, "wrong_audience"), ({"scope": "a"}, "missing_scope"),
                ({"groups": "ops"}, "claim_mismatch"), ({"groups": None}, "claim_mismatch"),
                ({"exp": 1}, "expired")]
        with harness.Gateway(config(issuer.url, **entry)) as gw:
            for change, reason in rows:
                token = curve.token(issuer.url, **{**good, **change})
                for _ in range(2):  # the second time from the cache
                    assert ask(gw, token) == (401 if reason else 200), change
                if reason:
                    assert f'"reason":"{reason}","alb_reason":"JWTClaimValueInvalid"' in gw.log()
                    assert f'reason="{reason}",alb_reason="JWTClaimValueInvalid"' in metrics(gw)
            assert ask(gw, keys[0].token(issuer.url, **good)) == 401
            assert '"reason":"algorithm_not_allowed"' in gw.log()


def test_an_odd_config_is_refused():
    for entry, word in [({"algorithms": ["HS256"]}, "HS256"), ({"algorithms": ["none"]}, "none"),
                        ({"discovery": True, "jwks": "{}"}, "only one"),
                        ({"claims": [{"name": "exp", "values": ["1"]}]}, "checked anyway")]:
        with pytest.raises(RuntimeError) as refusal:
            harness.Gateway(config("https://issuer.example", **entry))
        assert "/auth/jwt/issuers/0" in str(refusal.value)
        assert word in str(refusal.value) or "expected RS" in str(refusal.value)
