"""Tokens against OAuth2 software that nobody here wrote: two servers from npm, and two verifiers."""
import contextlib
import json
import os
import subprocess
import urllib.request

import pytest

import harness
from harness import NODE_DIR, SCOPE, TOKEN, TOP, Gateway, free_port, wait_until

HERE = TOP / "tests" / "e2e"
RESOURCE = "https://gateway.internal"
SCOPES = f"{SCOPE} {RESOURCE}/admin"
CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}

pytestmark = [pytest.mark.usefixtures("need_node"), pytest.mark.slow]


def up(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


@contextlib.contextmanager
def running(command, ready_url, folder):
    log = folder / "peer.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                   env={"PEERS": str(NODE_DIR), "PATH": "/usr/bin:/bin"})
    try:
        assert wait_until(lambda: up(ready_url) or process.poll() is not None, 60) and process.poll() is None, \
            log.read_text(errors="replace")
        yield
    finally:
        process.kill()
        process.wait()


def openssl(*args):
    made = subprocess.run(["openssl", *map(str, args)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("openssl cannot make a key: " + made.stderr.decode(errors="replace"))
    return made.stdout


def public_jwk(pem, kid):
    import base64
    modulus = bytes.fromhex(openssl("rsa", "-in", pem, "-noout", "-modulus").decode().strip().partition("=")[2])
    return {"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "e": "AQAB",
            "n": base64.urlsafe_b64encode(modulus).rstrip(b"=").decode()}


@pytest.fixture(scope="module")
def oidc(tmp_path_factory):
    """oidc-provider with one client for each way to authenticate."""
    if harness.node() is None:
        pytest.skip("npm is absent or could not install the peers")
    folder = tmp_path_factory.mktemp("oidc")
    key = folder / "key.pem"
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
    port = free_port()
    common = {"scope": SCOPES}
    clients = [{**common, "client_id": "post", "client_secret": "p&ost=s3cret+/%",
                "token_endpoint_auth_method": "client_secret_post"},
               {**common, "client_id": "basic", "client_secret": "ba:sic&s3cret+ /%=~",
                "token_endpoint_auth_method": "client_secret_basic"},
               {**common, "client_id": "signed", "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": "RS256", "jwks": {"keys": [public_jwk(key, "c-1")]}}]
    (folder / "config.json").write_text(json.dumps({"port": port, "clients": clients, "resource": RESOURCE,
                                                    "scopes": SCOPES}))
    issuer = f"http://127.0.0.1:{port}"
    with running([harness.node(), HERE / "node_oidc.mjs", folder / "config.json"],
                 issuer + "/.well-known/openid-configuration", folder):
        yield {"issuer": issuer, "url": issuer + "/token", "jwks": issuer + "/jwks", "key": str(key),
               "secrets": {c["client_id"]: c.get("client_secret") for c in clients}}


@pytest.fixture(scope="module")
def mock(tmp_path_factory):
    """oauth2-mock-server."""
    if harness.node() is None:
        pytest.skip("npm is absent or could not install the peers")
    folder = tmp_path_factory.mktemp("mock")
    port = free_port()
    script = NODE_DIR / "node_modules" / ".bin" / "oauth2-mock-server"
    issuer = f"http://localhost:{port}"
    base = f"http://127.0.0.1:{port}"
    with running([harness.node(), script.resolve(), "-a", "127.0.0.1", "-p", str(port)], base + "/jwks", folder):
        yield {"issuer": issuer, "url": base + "/token", "jwks": base + "/jwks"}


def aigw_token(*args, url=None, client="any", secret="any", stdin=None):
    env = {"PATH": os.environ["PATH"], "GATEWAY_CLIENT_ID": client, "GATEWAY_TOKEN_ENDPOINT": url or ""}
    if secret is not None:
        env["GATEWAY_CLIENT_SECRET"] = secret
    return subprocess.run([TOKEN, *args], env=env, input=stdin or b"", capture_output=True, timeout=60)


def token_of(*args, **more):
    done = aigw_token(*args, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def oidc_token(oidc, client, *args):
    more = {"post": [], "basic": ["--auth-method", "client_secret_basic"],
            "signed": ["--private-key-file", oidc["key"], "--key-id", "c-1"]}[client]
    return token_of("--scope", SCOPE, *more, *args, url=oidc["url"], client=client, secret=oidc["secrets"][client])


def verify(token, jwks, *args):
    return aigw_token("verify", "--jwks", jwks, *args, stdin=token.encode())


@pytest.mark.parametrize("client", ["post", "basic", "signed"])
def test_oidc_provider_gives_a_token_that_verifies(oidc, client):
    token = oidc_token(oidc, client)
    shown = json.loads(aigw_token("inspect", stdin=token.encode()).stdout)
    assert shown["header"]["typ"] == "at+jwt"
    assert shown["claims"]["client_id"] == client and 3000 < shown["seconds_left"] <= 3600
    assert token.rpartition(".")[2].encode() not in aigw_token("inspect", stdin=token.encode()).stdout
    good = ["--issuer", oidc["issuer"], "--scope", SCOPE, "--audience", RESOURCE]
    done = verify(token, oidc["jwks"], *good)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert b"wrong_issuer" in verify(token, oidc["jwks"], "--issuer", oidc["issuer"] + "/").stderr
    assert b"missing_scope" in verify(token, oidc["jwks"], "--scope", RESOURCE + "/admin").stderr
    head, _, signature = token.rpartition(".")
    forged = head + "." + ("B" if signature[0] == "A" else "A") + signature[1:]
    done = verify(forged, oidc["jwks"])
    assert done.returncode == 4 and b"bad_signature" in done.stderr


def test_oidc_provider_refuses_a_wrong_secret(oidc):
    for args in ([], ["--auth-method", "client_secret_basic"]):
        client = "basic" if args else "post"
        done = aigw_token(*args, url=oidc["url"], client=client, secret="wrong")
        assert done.returncode == 2 and done.stdout == b"" and b"invalid_client" in done.stderr


def test_oidc_provider_refuses_the_key_of_another(oidc, tmp_path):
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", tmp_path / "other.pem")
    done = aigw_token("--private-key-file", tmp_path / "other.pem", url=oidc["url"], client="signed", secret=None)
    assert done.returncode == 2 and b"invalid_client" in done.stderr


def test_oauth2_mock_server_gives_a_token_that_verifies(mock):
    token = token_of("--scope", "a b", url=mock["url"])
    done = verify(token, mock["jwks"], "--issuer", mock["issuer"])
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_gateway_trusts_both(oidc, mock):
    issuers = [{"issuer": oidc["issuer"], "jwks_url": oidc["jwks"], "audiences": [RESOURCE]},
               {"issuer": mock["issuer"], "jwks_url": mock["jwks"], "scopes": ["a"]}]
    with Gateway({"auth": {"jwt": {"issuers": issuers}}, "providers": [{"type": "echo"}]}) as gateway:
        def chat(token):
            return gateway.request("POST", "/v1/chat/completions", CHAT, {"Authorization": "Bearer " + token})[0]
        assert chat(oidc_token(oidc, "post")) == 200
        assert chat(token_of("--scope", "a b", url=mock["url"])) == 200
        assert chat(token_of("--scope", "b", url=mock["url"])) == 401


@pytest.mark.parametrize("which", ["oidc-post", "oidc-basic", "oidc-signed", "mock"])
def test_a_gateway_gets_its_upstream_token_from_them(oidc, mock, which):
    """The outer gateway fetches a token, the inner one, whose provider it is, verifies it."""
    if which == "mock":
        trust, token = {"issuer": mock["issuer"], "jwks_url": mock["jwks"], "scopes": ["a"]}, {
            "endpoint": mock["url"], "client_id": "x", "client_secret": "y", "scope": "a"}
    else:
        client = which.partition("-")[2]
        trust = {"issuer": oidc["issuer"], "jwks_url": oidc["jwks"]}
        token = {"endpoint": oidc["url"], "client_id": client, "scope": SCOPE}
        token.update({"post": {"client_secret": oidc["secrets"]["post"]},
                      "basic": {"client_secret": oidc["secrets"]["basic"], "auth_method": "client_secret_basic"},
                      "signed": {"private_key_file": oidc["key"], "key_id": "c-1", "auth_method": "private_key_jwt"}}
                     [client])
    with Gateway({"auth": {"jwt": {"issuers": [trust]}}, "providers": [{"type": "echo"}]}) as inner:
        outer = {"providers": [{"name": "inner", "type": "openai", "base_url": inner.base + "/v1",
                                "auth": {"token": token}, "models": ["echo"]}]}
        with Gateway(outer) as gateway:
            assert gateway.request("POST", "/v1/chat/completions", CHAT)[0] == 200
        assert inner.request("POST", "/v1/chat/completions", CHAT)[0] == 401


def test_jose_and_aws_jwt_verify_take_our_issuers_tokens():
    url = "https://gateway.internal"
    config = {"issuer": {"url": url, "clients": [{"id": "team", "secret": "s", "scopes": [SCOPE], "team": "a"}]},
              "providers": [{"type": "echo"}]}
    with Gateway(config) as gateway:
        token = token_of("--scope", SCOPE, url=gateway.base + "/oauth2/token", client="team", secret="s")
        jwks = gateway.base + "/.well-known/jwks.json"

        def judge(token, **change):
            given = {"token": token, "issuer": url, "jwks_url": jwks, "scope": SCOPE, **change}
            done = subprocess.run([harness.node(), HERE / "node_verify.mjs"], input=json.dumps(given),
                                  env={"PEERS": str(NODE_DIR), "PATH": "/usr/bin:/bin"}, capture_output=True,
                                  text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        taken = judge(token)
        for verifier in ("jose", "aws"):
            claims = taken[verifier]["claims"]
            assert claims["client_id"] == claims["sub"] == "team" and claims["custom:team"] == "a"
            assert claims["token_use"] == "access" and claims["scope"] == SCOPE
        assert "refused" in judge(token, issuer=url + "/x")["jose"]
        head, _, signature = token.rpartition(".")
        forged = judge(head + "." + ("B" if signature[0] == "A" else "A") + signature[1:])
        assert "refused" in forged["jose"] and "refused" in forged["aws"]
        assert "refused" in judge(token, scope="other")["aws"]
        assert verify(token, jwks, "--issuer", url, "--scope", SCOPE).returncode == 0
