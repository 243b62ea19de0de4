"""aigw-token verify: the published vectors, what is refused and why, and every exit status."""
import base64
import http.server
import json
import os
import subprocess
import threading
import time

import pytest

from harness import TOKEN

pytestmark = pytest.mark.skipif(not TOKEN.exists(), reason=f"{TOKEN} is not built")

# Name, algorithm, token, key set: RFC 7515 appendix A.2 and A.3, RFC 8037 appendix A.4.
VECTORS = [
    ("RFC 7515 A.2", "RS256",
     "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
     "yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt"
     "_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
     "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI"
     "8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
     {"keys": [{"kty": "RSA",
         "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR"
              "T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXB"
              "dQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia"
              "GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
         "e": "AQAB"}]}),
    ("RFC 7515 A.3", "ES256",
     "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
     "yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU"
     "1Q",
     {"keys": [{"kty": "EC",
         "crv": "P-256",
         "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}),
    ("RFC 8037 A.4", "EdDSA",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6"
     "dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
     {"keys": [{"kty": "OKP",
         "crv": "Ed25519",
         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}),
]
IDS = [name for name, *_ in VECTORS]


def segment(text):
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def payload(token):
    text = token.split(".")[1]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def run(token, *args, **env):
    keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS") if name in os.environ}
    return subprocess.run([TOKEN, "verify", *args], env={**keep, **env}, capture_output=True, timeout=60,
                          input=token if isinstance(token, bytes) else token.encode())


@pytest.fixture
def keys(tmp_path):
    def write(document):
        path = tmp_path / "keys.json"
        path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        return str(path)
    return write


def rejected(done, reason, token=None):
    assert (done.returncode, done.stdout) == (4, b""), done.stderr
    assert done.stderr == f"aigw-token: rejected: {reason}\n".encode()


@pytest.mark.parametrize("name, alg, token, jwks", VECTORS, ids=IDS)
def test_published_vectors(keys, name, alg, token, jwks):
    path = keys(jwks)
    for ending in ("", "\n"):
        done = run(token + ending, "--jwks", path, "--allow-alg", alg, "--raw")
        assert (done.returncode, done.stdout, done.stderr) == (0, payload(token), b"")
    done = run(token, "--jwks", path, "--allow-alg", "RS512,PS256,ES512,ES384", "--raw")
    rejected(done, "algorithm_not_allowed")
    for i, other in enumerate("BA"):
        head, text, signature = token.split(".")
        if signature[3] != other:
            rejected(run(".".join((head, text, signature[:3] + other + signature[4:])), "--jwks", path, "--allow-alg",
                         alg, "--raw"), "bad_signature")
    changed = token.split(".")
    changed[1] = segment(payload(token) + b" ")
    rejected(run(".".join(changed), "--jwks", path, "--allow-alg", alg, "--raw"), "bad_signature")


def test_rs256_alone_without_allow_alg(keys):
    for name, alg, token, jwks in VECTORS:
        done = run(token, "--jwks", keys(jwks), "--raw")
        assert done.returncode == (0 if alg == "RS256" else 4)


RSA, EC = VECTORS[0], VECTORS[1]


@pytest.mark.parametrize("change, reason", [
    (lambda t: "", "not_three_parts"), (lambda t: "\n", "not_three_parts"), (lambda t: "a.b", "not_three_parts"),
    (lambda t: t + ".x", "not_three_parts"), (lambda t: t + "=", "bad_base64"), (lambda t: t + "\n\n", "bad_base64"),
    (lambda t: t + "\r\n", "bad_base64"), (lambda t: " " + t, "bad_base64"), (lambda t: t + "\0", "bad_base64"),
    (lambda t: t[:-1] + "x", "bad_base64"), (lambda t: "e30" + t[t.index("."):], "bad_header"),
    (lambda t: segment(b'{"alg":"none"}') + t[t.index("."):], "algorithm_not_allowed"),
    (lambda t: segment(b'{"alg":"HS256"}') + t[t.index("."):], "algorithm_not_allowed"),
    (lambda t: segment(b'{"alg":"RS256","alg":"RS256"}') + t[t.index("."):], "bad_header"),
    (lambda t: segment(b'{"alg":"RS256","crit":["x"],"x":1}') + t[t.index("."):], "critical_header"),
    (lambda t: segment(b'{"alg":"RS256","b64":false}') + t[t.index("."):], "critical_header"),
    (lambda t: segment(b'{"alg":"RS256","kid":"other"}') + t[t.index("."):], "unknown_key"),
    (lambda t: "A" * 9 * 1024 * 1024 + t[t.index("."):], "token_too_large")])
def test_what_is_rejected(keys, change, reason):
    token = change(RSA[2])
    for raw in ([], ["--raw"]):
        done = run(token, "--jwks", keys(RSA[3]), *raw)
        if reason == "unknown_key":
            assert done.returncode == 4
        else:
            rejected(done, reason)
        assert len(token) < 20 or token[:20].encode() not in done.stderr


def test_claims_and_policy_come_after_the_signature(keys):
    """The payload of RFC 7515 A.2 is a claims set of joe's that ended in 2011."""
    path = keys(RSA[3])
    rejected(run(RSA[2], "--jwks", path), "expired")
    rejected(run(RSA[2], "--jwks", path, "--issuer", "joe", "--leeway", "300"), "expired")
    rejected(run(RSA[2], "--jwks", path, "--issuer", "jo"), "wrong_issuer")
    rejected(run(EC[2], "--jwks", path), "algorithm_not_allowed")


def sign(tmp_path, claims, header=None):
    """An RS256 token of openssl's making, and the set of its key."""
    key = tmp_path / "key.pem"
    def openssl(*args, **more):
        made = subprocess.run(["openssl", *map(str, args)], capture_output=True, **more)
        if made.returncode != 0:
            pytest.skip("openssl: " + made.stderr.decode(errors="replace"))
        return made.stdout
    if not key.exists():
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
    text = ".".join(segment(json.dumps(p).encode()) for p in (header or {"alg": "RS256", "kid": "k"}, claims))
    signature = openssl("dgst", "-sha256", "-sign", key, "-binary", input=text.encode())
    modulus = bytes.fromhex(openssl("rsa", "-in", key, "-noout", "-modulus").decode().strip().partition("=")[2])
    return text + "." + segment(signature), {"keys": [{"kty": "RSA", "kid": "k", "e": "AQAB", "n": segment(modulus)}]}


def test_policy(keys, tmp_path):
    now = int(time.time())
    claims = {"iss": "https://i", "exp": now + 600, "aud": ["a", "b"], "scope": "x/invoke y"}
    token, jwks = sign(tmp_path, claims)
    path = keys(jwks)

    def check(*args, token=token):
        return run(token, "--jwks", path, *args)

    done = check("--issuer", "https://i", "--audience", "b", "--scope", "x/invoke")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert check().returncode == 0
    assert check("--scope", "y x/invoke").returncode == 0
    rejected(check("--scope", "y z"), "missing_scope")
    rejected(check("--scope", "x"), "missing_scope")
    rejected(check("--issuer", "https://i/"), "wrong_issuer")
    rejected(check("--audience", "c"), "wrong_audience")
    late, _ = sign(tmp_path, {**claims, "exp": now - 30})
    assert check(token=late).returncode == 0
    rejected(check("--leeway", "0", token=late), "expired")
    early, _ = sign(tmp_path, {**claims, "nbf": now + 200})
    rejected(check(token=early), "not_yet_valid")
    assert check("--leeway", "300", token=early).returncode == 0
    for bad in ({**claims, "exp": str(now + 600)}, {k: v for k, v in claims.items() if k != "exp"}):
        rejected(check(token=sign(tmp_path, bad)[0]), "bad_claims")
    typed, _ = sign(tmp_path, claims, {"alg": "RS256", "kid": "k", "typ": "at+jwt"})
    assert check(token=typed).returncode == 0
    wrong, _ = sign(tmp_path, claims, {"alg": "RS256", "kid": "k", "typ": "dpop+jwt"})
    rejected(check(token=wrong), "wrong_type")
    assert check("--raw", token=wrong).returncode == 0
    long, _ = sign(tmp_path, {**claims, "x": "y" * 9000})
    rejected(check(token=long), "token_too_large")
    done = check("--raw", token=long)
    assert done.returncode == 0 and json.loads(done.stdout)["x"] == "y" * 9000
    inside, _ = sign(tmp_path, claims, {"alg": "RS256", "jwk": jwks["keys"][0]})
    other = keys(RSA[3])
    assert run(inside, "--jwks", other).returncode == 4  # a key in the token is nobody's


@pytest.mark.parametrize("document, status", [
    (b"", 3), (b"junk", 3), (b"{", 3), (b'{"keys":[]}x', 3), (b'{"keys":[]} ', 4), (b"{}", 4), (b"[]", 4), (b"null", 4),
    (b'{"keys":{}}', 4), (b'{"keys":[1]}', 4), (json.dumps({"keys": []}).encode(), 4),
    (json.dumps(EC[3]).encode(), 4), (json.dumps({"keys": [{"kty": "oct", "k": "AA"}]}).encode(), 4),
    (json.dumps({"keys": [{**RSA[3]["keys"][0], "use": "enc"}]}).encode(), 4),
    (json.dumps({"keys": [{**RSA[3]["keys"][0], "alg": "RS512"}]}).encode(), 4),
    (b" " * 200000, 2)])
def test_key_sets_that_do_not_do(keys, document, status):
    done = run(RSA[2], "--jwks", keys(document), "--raw")
    assert (done.returncode, done.stdout) == (status, b"") and done.stderr


def test_no_key_set(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        assert run(RSA[2], "--jwks", str(path)).returncode == 2
    for url in ("http://127.0.0.1:1/jwks", "https://127.0.0.1:1/jwks", "http://issuer.invalid/jwks",
                "https://issuer.invalid/jwks", "https://u:p@127.0.0.1/"):
        done = run(RSA[2], "--jwks", url, "--timeout", "5")
        assert (done.returncode, done.stdout) == (2, b"") and done.stderr


class KeyServer:
    def __init__(self):
        self.status, self.body, self.headers, self.paths = 200, json.dumps(RSA[3]).encode(), {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.paths.append(self.path)
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@pytest.fixture
def key_server():
    server = KeyServer()
    yield server
    server.server.shutdown()
    server.server.server_close()


def test_a_key_set_by_url(key_server):
    assert run(RSA[2], "--jwks", key_server.url, "--raw").stdout == payload(RSA[2])
    key_server.headers = {"Location": "/elsewhere"}
    for status in (301, 302, 307, 404, 500, 204, 201):
        key_server.status = status
        assert run(RSA[2], "--jwks", key_server.url, "--raw").returncode == 2
    key_server.status = 200
    key_server.body = b"<html>"
    assert run(RSA[2], "--jwks", key_server.url, "--raw").returncode == 3
    key_server.body = b'{"keys":[' + b" " * 160000 + b"]}"
    assert run(RSA[2], "--jwks", key_server.url, "--raw").returncode == 2
    assert set(key_server.paths) == {"/keys"}  # no redirect was followed


@pytest.mark.parametrize("args", [
    [], ["--jwks"], ["--jwks", "x", "--allow-alg", "none"], ["--jwks", "x", "--allow-alg", "HS256"],
    ["--jwks", "x", "--allow-alg", "RS256,"], ["--jwks", "x", "--allow-alg", "rs256"],
    ["--jwks", "x", "--allow-alg", "RS256, ES256"], ["--jwks", "x", "--raw", "--issuer", "y"],
    ["--jwks", "x", "--raw", "--scope", "y"], ["--jwks", "x", "--leeway", "301"], ["--jwks", "x", "--timeout", "0"],
    ["--jwks", "x", "--scope", "a  b"], ["--jwks", "x", "token"], ["--jwks", "x", "--nonsense"]])
def test_wrong_usage_is_1(args):
    done = run(RSA[2], *args)
    assert (done.returncode, done.stdout) == (1, b"") and done.stderr


def test_a_full_stdout_is_an_error(keys):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([TOKEN, "verify", "--jwks", keys(RSA[3]), "--raw"], input=RSA[2].encode(), stdout=full,
                              stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 4 and b"could not be written" in done.stderr
