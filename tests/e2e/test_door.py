"""The door: what each kind of denial says to a client, in its dialect, and what TLS lets in."""
import base64
import concurrent.futures
import json
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from harness import SCOPE, Gateway, free_port, wait_until
from serve import Wire, chat, connect, get, post, wire

ISSUER = "https://issuer.door.example"
DOWN = "https://down.door.example"
AUDIENCE = "door-audience"
OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"


def openssl(*args, data=None):
    return subprocess.run(["openssl", *map(str, args)], input=data, check=True, capture_output=True).stdout


def b64(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# ---- Tokens ----

class Key:
    def __init__(self, folder, kid):
        self.kid, self.file = kid, folder / f"{kid}.pem"
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.file)

    def jwk(self):
        modulus = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode().strip().partition("=")[2]
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
                "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}

    def token(self, header=None, **claims):
        """A good token, but for what is named; None takes a claim out."""
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "client-1", "aud": AUDIENCE, "exp": now + 600, "iat": now,
                  "scope": SCOPE, **claims}
        text = (b64({"alg": "RS256", "kid": self.kid, **(header or {})}) + "." +
                b64({k: v for k, v in claims.items() if v is not None}))
        return text + "." + b64(openssl("dgst", "-sha256", "-sign", self.file, data=text.encode()))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    good = Key(folder, "door-kid-1")
    (folder / "secret-name.jwks").write_text(json.dumps({"keys": [good.jwk()]}))
    return good, Key(folder, "door-kid-2"), folder


def door_config(folder, **jwt):
    return {"auth": {"jwt": {"issuers": [
        {"issuer": ISSUER, "jwks_file": str(folder / "secret-name.jwks"), "audiences": [AUDIENCE]},
        {"issuer": DOWN, "jwks_url": f"http://127.0.0.1:{free_port()}/keys"}], **jwt}},
        "providers": [{"type": "echo"}], "enable_waf": False}  # it refuses some of these before


@pytest.fixture(scope="module")
def door(keys):
    with Gateway(door_config(keys[2])) as running:
        yield running


def bearer(token):
    return [f"Authorization: Bearer {token}"]


def denials(keys):
    """name: (header fields, status, error of WWW-Authenticate or None for none at all, reason of the books)"""
    good, other, _ = keys
    now = int(time.time())
    token = good.token()
    head, body, signature = token.split(".")
    stranger = Key.token(other, header={"kid": good.kid})
    return {
        "nothing": ([], 401, "", "no_token"),
        "a cookie": ([f"Cookie: access_token={token}"], 401, "", "no_token"),
        "basic": (["Authorization: Basic dTpw"], 400, "invalid_request", "not_bearer"),
        "bearer alone": (["Authorization: Bearer"], 400, "invalid_request", "not_bearer"),
        "bare token": ([f"Authorization: {token}"], 400, "invalid_request", "not_bearer"),
        "two words": (bearer(token + " x"), 400, "invalid_request", "malformed_credentials"),
        "two fields": (bearer(token) * 2, 400, "invalid_request", "several_credentials"),
        "two keys": ([f"x-api-key: {token}"] * 2, 400, "invalid_request", "several_credentials"),
        "two that differ": (bearer(token) + ["x-api-key: other"], 400, "invalid_request", "several_credentials"),
        "empty key": (["x-api-key: "], 400, "invalid_request", "malformed_credentials"),
        "junk": (bearer("junk"), 401, "invalid_token", "not_three_parts"),
        "a vendor's key": (["x-api-key: sk-ant-0123456789"], 401, "invalid_token", "not_three_parts"),
        "padding": (bearer(token + "="), 401, "invalid_token", "bad_base64"),
        "too long": (bearer(head + "." + body + "." + "A" * 9000), 401, "invalid_token", "token_too_large"),
        "forged": (bearer(stranger), 401, "invalid_token", "bad_signature"),
        "changed": (bearer(head + "." + b64({"iss": ISSUER, "exp": now + 9}) + "." + signature), 401,
                    "invalid_token", "bad_signature"),
        "no algorithm": (bearer(b64({"alg": "none"}) + "." + body + "."), 401, "invalid_token",
                         "algorithm_not_allowed"),
        "other algorithm": (bearer(good.token({"alg": "HS256"})), 401, "invalid_token", "algorithm_not_allowed"),
        "critical": (bearer(good.token({"crit": ["b64"], "b64": False})), 401, "invalid_token",
                     "critical_header"),
        "unknown key": (bearer(other.token()), 401, "invalid_token", "unknown_key"),
        "expired": (bearer(good.token(exp=now - 3600)), 401, "invalid_token", "expired"),
        "no end": (bearer(good.token(exp=None)), 401, "invalid_token", "bad_claims"),
        "too early": (bearer(good.token(nbf=now + 3600)), 401, "invalid_token", "not_yet_valid"),
        "foreign issuer": (bearer(good.token(iss="https://evil.example")), 401, "invalid_token", "wrong_issuer"),
        "foreign audience": (bearer(good.token(aud="others")), 401, "invalid_token", "wrong_audience"),
        "no scope": (bearer(good.token(scope=None)), 401, "insufficient_scope", "missing_scope"),
        "other scope": (bearer(good.token(scope=SCOPE + "2 invoke")), 401, "insufficient_scope",
                        "missing_scope"),
        "no keys": (bearer(good.token(iss=DOWN)), 503, None, "no_keys"),
    }


# Words that only the log and the metrics may say.
INSIDE = re.compile(r"door|secret-name|jwks|JWK|JWT|kid|key set|issuer|audience|signature|base64|RS256|algorithm|"
                    r"127\.0\.0\.1|\.c\b|errno|_E_|no_keys|bad_|wrong_|unknown_|not_bearer|malformed_cred", re.I)


def check_dialect(path, status, body, headers):
    assert headers["content-type"].startswith("application/json")
    assert headers["x-request-id"] == headers["request-id"] != ""
    error = body["error"]
    assert set(body) == ({"type", "error", "request_id"} if path == ANTHROPIC else {"error"})
    assert error["message"] and error["message"][0].isupper()
    if path == ANTHROPIC:
        assert body["type"] == "error" and body["request_id"] == headers["request-id"]
        assert error["type"] == {400: "invalid_request_error", 401: "authentication_error",
                                 403: "permission_error", 503: "api_error"}[status]
    else:
        assert {"message", "type", "param", "code"} <= set(error)
        assert (error["type"], error["code"]) == {
            400: ("invalid_request_error", None), 401: ("invalid_request_error", "invalid_api_key"),
            403: ("permission_error", None), 503: ("server_error", "service_unavailable")}[status]
        assert error["param"] is None


def expected_challenge(error):
    if error == "":
        return 'Bearer realm="aigw"'
    if error == "invalid_request":
        return 'Bearer realm="aigw", error="invalid_request"'
    if error == "insufficient_scope":
        return f'Bearer realm="aigw", error="insufficient_scope", scope="{SCOPE}"'
    return ('Bearer realm="aigw", error="invalid_token", '
            'error_description="The access token is invalid or has expired"')


def denied_count(gateway, reason):
    text = gateway.request("GET", "/metrics")[2].decode()
    found = re.search(r'^aigw_denied_total\{reason="' + reason + r'"[^}]*\} (\d+)$', text, re.M)
    return int(found.group(1)) if found else 0


def ask(gateway, path, fields):
    with wire(gateway.port) as w:
        w.send(post(path, chat("hello", max_tokens=9), *fields, "Connection: close"))
        return w.answer()


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_denials(door, keys, path):
    generic = {}
    for name, (fields, status, error, reason) in denials(keys).items():
        before = denied_count(door, reason)
        answer = ask(door, path, fields)
        assert answer.status == status, (name, answer.body)
        if error is None:
            assert "www-authenticate" not in answer.headers, name
            assert int(answer.headers["retry-after"]) > 0, name
        else:
            assert answer.headers["www-authenticate"] == expected_challenge(error), name
            assert "retry-after" not in answer.headers, name
        check_dialect(path, status, answer.json(), answer.headers)
        told = answer.body.decode() + "".join(v for k, v in answer.headers.items() if k != "www-authenticate")
        told = told.replace(answer.headers["request-id"], "")
        assert not INSIDE.search(told), (name, INSIDE.search(told))
        for field in fields:
            assert len(field) < 30 or field.split(" ")[-1][-20:] not in told, name
        generic.setdefault((status, error), set()).add(told.replace(answer.headers["date"], ""))
        assert denied_count(door, reason) == before + 1, (name, reason)
        assert f'"reason":"{reason}"' in door.log()
    for kind, texts in generic.items():
        assert len(texts) == 1, kind  # a client cannot tell two denials of one class apart


def test_a_denial_comes_before_the_body(door, keys):
    """Nothing of a body is read, and none is waited for."""
    with wire(door.port) as w:
        w.send(b"POST /v1/messages HTTP/1.1\r\nHost: g\r\nUser-Agent: raw/1\r\nContent-Type: application/json\r\n"
               b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n")
        assert w.answer().status == 401


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_what_passes(door, keys, path):
    token = keys[0].token()
    for fields in (bearer(token), [f"authorization: bEARER   {token}"], [f"X-Api-Key: {token}"],
                   bearer(token) + [f"x-api-key: {token}"]):
        answer = ask(door, path, fields)
        assert answer.status == 200, answer.body
        assert "www-authenticate" not in answer.headers
    for scope in (["a", SCOPE], f"a {SCOPE} b"):
        assert ask(door, path, bearer(keys[0].token(scope=scope))).status == 200


def test_a_token_in_the_query_is_none(door, keys):
    answer = ask(door, f"{OPENAI}?access_token={keys[0].token()}", [])
    assert answer.status == 401 and answer.headers["www-authenticate"] == 'Bearer realm="aigw"'


def test_a_missing_scope_may_be_403(keys):
    with Gateway(door_config(keys[2], insufficient_scope_status=403)) as g:
        for path in (OPENAI, ANTHROPIC):
            answer = ask(g, path, bearer(keys[0].token(scope="x")))
            assert answer.status == 403
            assert answer.headers["www-authenticate"] == expected_challenge("insufficient_scope")
            check_dialect(path, 403, answer.json(), answer.headers)
            assert ask(g, path, bearer("junk")).status == 401


def own_address():
    """An address of this machine beyond loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            address = s.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith(("127.", "0.")) else address


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_clear_text_from_a_stranger(keys, path):
    address = own_address()
    if not address:
        pytest.skip("this machine has no address beyond loopback")
    token = bearer(keys[0].token())
    request = post(path, chat("hello", max_tokens=9), *token, "X-Forwarded-For: 192.0.2.77",
                   "Connection: close")
    for proxy, status in (("192.0.2.77", 403), (address, 200)):
        config = door_config(keys[2])
        config["server"] = {"listen": "0.0.0.0:0", "trusted_proxies": [proxy]}
        with Gateway(config) as g:
            with Wire(socket.create_connection((address, g.port), 20)) as w:
                w.send(request)
                answer = w.answer()
            assert answer.status == status
            if status == 403:
                check_dialect(path, 403, answer.json(), answer.headers)
                assert "www-authenticate" not in answer.headers and not INSIDE.search(answer.body.decode())
                assert denied_count(g, "untrusted_peer") == 1
            assert ask(g, path, token).status == 200  # loopback


# ---- TLS ----

class Authority:
    def __init__(self, folder, name):
        self.folder, self.name, self.cert = folder, name, folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
                "-keyout", self.key, "-out", self.cert, "-subj", f"/CN={name}")

    def issue(self, name, days=5, usage="serverAuth"):
        """Certificate and key as the files NAME.pem and NAME.key."""
        key, cert, request, ext = (self.folder / f"{name}.{x}" for x in ("key", "pem", "csr", "ext"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", request, "-subj", f"/O=Door/CN={name}")
        ext.write_text(f"subjectAltName=DNS:localhost\nextendedKeyUsage={usage}\n")
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                "-days", days, "-extfile", ext, "-out", cert)
        return cert, key


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    made = {"first": ours.issue("first", 5), "second": ours.issue("second", 7),
            "client": ours.issue("client", usage="clientAuth"), "server-only": ours.issue("server-only"),
            "expired": ours.issue("expired", -1, "clientAuth"),
            "foreign": theirs.issue("foreign", usage="clientAuth")}
    return {"ca": ours.cert, "other_ca": theirs.cert, "folder": folder, **made}


def open_tls(port, pki, version=None, client=None):
    context = ssl.create_default_context(cafile=pki["ca"])
    if version:
        context.minimum_version = context.maximum_version = version
    if client:
        context.load_cert_chain(*pki[client])
    return Wire(context.wrap_socket(connect(port), server_hostname="localhost"))


def serial(w):
    return int(w.socket.getpeercert()["serialNumber"], 16)


def end_of(cert):
    text = openssl("x509", "-in", cert, "-noout", "-enddate").decode().strip().partition("=")[2]
    return int(ssl.cert_time_to_seconds(text))


def put(pki, name, folder):
    """Puts a pair where the server looks for it."""
    for source, target in zip(pki[name], (folder / "live.pem", folder / "live.key")):
        target.write_bytes(pathlib.Path(source).read_bytes())


def tls_config(folder, **tls):
    return {"server": {"tls": {"cert_file": str(folder / "live.pem"), "key_file": str(folder / "live.key"),
                               **tls}, "threads": 2},
            "auth": {"jwt": {"enabled": False}}, "providers": [{"type": "echo"}]}


def hangup(gateway, event):
    before = gateway.log().count(f'"event":"{event}"')
    gateway.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: gateway.log().count(f'"event":"{event}"') > before), gateway.log()


def expiry(w):
    w.send(get("/metrics"))
    found = re.search(rb"^aigw_tls_certificate_expires_unix_seconds (\d+)$", w.answer().body, re.M)
    return int(found.group(1))


def works(w):
    w.send(post(OPENAI, chat("still here")))
    answer = w.answer()
    return answer.status == 200 and answer.complete and b"still here" in answer.body


def test_certificate_is_replaced_without_dropping_anyone(pki, tmp_path):
    put(pki, "first", tmp_path)
    with Gateway(tls_config(tmp_path)) as g:
        with open_tls(g.port, pki) as old, open_tls(g.port, pki) as half, connect(g.port) as waiting:
            first = serial(old)
            assert expiry(old) == end_of(pki["first"][0])
            request = post(OPENAI, chat("two halves"))
            half.send(request[:40])  # a request that is on its way
            put(pki, "second", tmp_path)
            hangup(g, "tls_reloaded")
            with open_tls(g.port, pki) as fresh:
                assert serial(fresh) != first
                assert expiry(fresh) == expiry(old) == end_of(pki["second"][0])
                assert works(fresh)
            half.send(request[40:])
            assert b"two halves" in half.answer().body
            assert works(old) and serial(old) == first
            context = ssl.create_default_context(cafile=pki["ca"])
            with Wire(context.wrap_socket(waiting, server_hostname="localhost")) as w:
                assert works(w)  # accepted before, shaken hands after


def test_a_bad_pair_leaves_the_old_one(pki, tmp_path):
    put(pki, "first", tmp_path)
    with Gateway(tls_config(tmp_path)) as g:
        with open_tls(g.port, pki) as w:
            first = serial(w)
        bad = {"live.key": (pki["second"][1].read_bytes(), b"", b"-----BEGIN NONSENSE-----\n"),
               "live.pem": (pki["second"][0].read_bytes(), b"", None)}
        for name, contents in bad.items():
            for content in contents:
                put(pki, "first", tmp_path)
                if content is None:
                    (tmp_path / name).unlink()
                else:
                    (tmp_path / name).write_bytes(content)
                hangup(g, "tls_reload_refused")
                with open_tls(g.port, pki) as w:
                    assert serial(w) == first and works(w)
                    assert expiry(w) == end_of(pki["first"][0])
        assert "live.pem" in g.log() and "PRIVATE" not in g.log()
        put(pki, "second", tmp_path)
        g.config_file.write_text("providers: nonsense")  # a renewal does not wait for the config
        hangup(g, "tls_reloaded")
        assert '"event":"config_reload_refused"' in g.log()
        with open_tls(g.port, pki) as w:
            assert serial(w) != first and works(w)


def test_files_may_get_other_names_but_tls_stays(pki, tmp_path):
    put(pki, "first", tmp_path)
    config = tls_config(tmp_path)
    with Gateway(config) as g:
        with open_tls(g.port, pki) as w:
            first = serial(w)
        config["server"]["tls"] = dict(zip(("cert_file", "key_file"), map(str, pki["second"])))
        g.config_file.write_text(json.dumps(config))
        hangup(g, "tls_reloaded")
        with open_tls(g.port, pki) as w:
            assert serial(w) != first
        del config["server"]["tls"]
        g.config_file.write_text(json.dumps(config))
        hangup(g, "tls_reloaded" if "tls_reload_refused" in g.log() else "config_reloaded")
        with open_tls(g.port, pki) as w:
            assert works(w)


def test_reloads_under_load(pki, tmp_path):
    """Certificates come and go while clients do: nobody sees an error."""
    put(pki, "first", tmp_path)
    with Gateway(tls_config(tmp_path)) as g:
        done = []

        def client(_):
            served = 0
            while not done:
                with open_tls(g.port, pki) as w:
                    assert works(w) and works(w)
                served += 1
            return served

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(client, i) for i in range(4)]
            try:
                for i in range(12):
                    put(pki, "second" if i % 2 == 0 else "first", tmp_path)
                    hangup(g, "tls_reloaded")
            finally:
                done.append(True)
            assert sum(f.result() for f in running) > 0


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def served(port, pki, version, client):
    """True: an answer came. False: TLS refused, in the handshake or (1.3) right behind it."""
    try:
        with open_tls(port, pki, version, client) as w:
            w.send(get("/healthz"))
            return w.answer().status == 200
    except (ssl.SSLError, ConnectionError):
        return False
    except AssertionError:  # closed without an answer
        return False


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("auth", ["none", "request", "require", None])
def test_client_certificates(pki, tmp_path, auth, version):
    put(pki, "first", tmp_path)
    more = {"client_auth": auth} if auth else {}
    with Gateway(tls_config(tmp_path, client_ca_file=str(pki["ca"]), **more)) as g:
        asked = auth != "none"
        assert served(g.port, pki, version, "client")
        assert served(g.port, pki, version, None) == (auth in ("none", "request"))
        for bad in ("foreign", "expired", "server-only"):
            assert served(g.port, pki, version, bad) == (not asked), bad
        with open_tls(g.port, pki, version, "client") as w:
            assert works(w)
        subject = '"tls_subject":"CN=client,O=Door"'
        assert wait_until(lambda: not asked or subject in g.log())
        assert (subject in g.log()) == asked
        assert "CN=foreign" not in g.log()


def test_a_refused_client_hears_why(pki, tmp_path):
    put(pki, "first", tmp_path)
    with Gateway(tls_config(tmp_path, client_ca_file=str(pki["ca"]))) as g:
        for version in VERSIONS:
            with pytest.raises(ssl.SSLError, match="(?i)alert|required|unknown ca"):
                with open_tls(g.port, pki, version) as w:
                    w.send(get("/healthz"))
                    while w.more():
                        pass


def test_new_authorities_after_a_reload(pki, tmp_path):
    """A session of the old authority's client is not taken up under the new one."""
    put(pki, "first", tmp_path)
    authorities = tmp_path / "clients.pem"
    authorities.write_bytes(pki["ca"].read_bytes())
    with Gateway(tls_config(tmp_path, client_ca_file=str(authorities))) as g:
        context = ssl.create_default_context(cafile=pki["ca"])
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*pki["client"])
        with context.wrap_socket(connect(g.port), server_hostname="localhost") as s:
            session = s.session
        with Wire(context.wrap_socket(connect(g.port), server_hostname="localhost", session=session)) as w:
            assert w.socket.session_reused and works(w)
        subject = '"tls_subject":"CN=client,O=Door"'
        assert wait_until(lambda: subject in g.log())  # known of a resumed session, too
        authorities.write_bytes(pki["other_ca"].read_bytes())
        hangup(g, "tls_reloaded")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(connect(g.port), server_hostname="localhost", session=session).close()
        assert served(g.port, pki, ssl.TLSVersion.TLSv1_2, "foreign")


def test_least_version(pki, tmp_path):
    put(pki, "first", tmp_path)
    with Gateway(tls_config(tmp_path, min_version="TLSv1.3")) as g:
        assert served(g.port, pki, ssl.TLSVersion.TLSv1_3, None)
        assert not served(g.port, pki, ssl.TLSVersion.TLSv1_2, None)


def test_tls_that_cannot_be_is_refused_at_the_start(pki, tmp_path):
    put(pki, "first", tmp_path)
    empty = tmp_path / "empty"
    empty.write_text("")
    for more in ({"client_ca_file": str(tmp_path / "absent")}, {"client_ca_file": str(empty)},
                 {"key_file": str(pki["second"][1])}):
        with pytest.raises(RuntimeError, match="absent|empty|second.key"):
            Gateway(tls_config(tmp_path, **more))
