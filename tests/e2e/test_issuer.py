"""The embedded issuer with a database: the commands, the admin API, and tokens as others verify them."""
import contextlib
import json
import pathlib
import re
import stat
import subprocess
import tempfile
import threading
import urllib.parse

import pytest

import harness
from harness import SERVE, Gateway

jwt = pytest.importorskip("jwt", reason="PyJWT is not installed")

URL = "https://gateway.internal"
ADMIN = URL + "/admin"
INVOKE = URL + "/invoke"
CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}


def client(db, verb, *args, status=0):
    result = subprocess.run([SERVE, "client", verb, "--db", str(db), *args], capture_output=True,
                            text=True, timeout=60)
    assert result.returncode == status, (verb, args, result.stdout, result.stderr)
    return result


def added(db, *args):
    told = json.loads(client(db, "add", "--format", "json", *args).stdout)
    return told["client_id"], told["client_secret"]


def config(db, **issuer):
    return {"auth": {"jwt": {"enabled": True}},
            "issuer": {"url": URL, "db": str(db), "max_failures": 1000, **issuer},
            "providers": [{"type": "echo"}]}


@pytest.fixture
def db():
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder) / "clients.db"


def ask(gateway, client_id, secret, scope=None, headers=None):
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    if scope:
        form["scope"] = scope
    status, head, body = gateway.request(
        "POST", "/oauth2/token", urllib.parse.urlencode(form),
        {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})})
    assert head["cache-control"] == "no-store"
    return status, head, json.loads(body)


def token(gateway, client_id, secret, scope=None):
    status, _, body = ask(gateway, client_id, secret, scope)
    assert status == 200, body
    return body["access_token"]


def call(gateway, method, path, bearer, body=None):
    headers = {"Authorization": "Bearer " + bearer} if bearer else {}
    status, head, text = gateway.request(method, path, body, headers)
    return status, head, json.loads(text)


def key_set(gateway):
    return {k.key_id: k for k in
            jwt.PyJWKSet.from_dict(json.loads(gateway.request("GET", "/.well-known/jwks.json")[2])).keys}


def decode(gateway, text):
    kid = jwt.get_unverified_header(text)["kid"]
    return jwt.decode(text, key_set(gateway)[kid].key, algorithms=["RS256"], issuer=URL,
                      options={"require": ["exp", "iat", "iss", "sub", "jti"]})


def test_a_team_from_the_command_to_the_call(db):
    client_id, secret = added(db, "--id", "team-a", "--team", "a", "--tier", "gold", "--lifetime", "300")
    assert stat.S_IMODE(db.stat().st_mode) == 0o600
    with Gateway(config(db)) as gateway:
        text = token(gateway, client_id, secret)
        claims = decode(gateway, text)
        assert claims["exp"] - claims["iat"] == 300 and claims["auth_time"] == claims["iat"]
        assert {k: claims[k] for k in ("sub", "client_id", "token_use", "scope", "version")} == {
            "sub": "team-a", "client_id": "team-a", "token_use": "access", "scope": INVOKE, "version": 2}
        assert claims["custom:team"] == "a" and claims["custom:tenant_tier"] == "gold"
        assert "aud" not in claims
        assert call(gateway, "POST", "/v1/chat/completions", text, CHAT)[0] == 200
        assert ask(gateway, client_id, secret, ADMIN)[2] == {"error": "invalid_scope"}
        # aigw-token sees the same thing.
        assert decode(gateway, harness.fetch_token(gateway, secret))["sub"] == "team-a"
        # Commands take effect while it runs.
        other, other_secret = added(db)
        assert decode(gateway, token(gateway, other, other_secret))["sub"] == other
        client(db, "disable", "--id", client_id)
        assert ask(gateway, client_id, secret)[2] == {"error": "invalid_client"}
        client(db, "enable", "--id", client_id)
        token(gateway, client_id, secret)
        fresh = json.loads(client(db, "rotate", "--id", client_id, "--format", "json").stdout)
        token(gateway, client_id, secret)
        token(gateway, client_id, fresh["client_secret"])
        fresh = json.loads(client(db, "rotate", "--id", client_id, "--grace", "0", "--format",
                                  "json").stdout)
        assert ask(gateway, client_id, secret)[0] == 400
        token(gateway, client_id, fresh["client_secret"])
        client(db, "remove", "--id", client_id)
        assert ask(gateway, client_id, fresh["client_secret"])[0] == 400
        log = gateway.log()
    for held in (secret, other_secret, fresh["client_secret"], text):
        assert held not in log


def test_the_admin_api(db):
    root, root_secret = added(db, "--id", "root", "--scope", "admin")
    user, user_secret = added(db, "--id", "user")
    with Gateway(config(db, clients=[{"id": "fixed", "secret": "s" * 40}])) as gateway:
        admin, invoke = token(gateway, root, root_secret), token(gateway, user, user_secret)
        # An admin token is none for models, nor the other way round.
        for bearer, status, fault in ((None, 401, None), (invoke, 401, "insufficient_scope"),
                                      (admin[:-4] + "AAAA", 401, "invalid_token")):
            got, head, _ = call(gateway, "GET", "/admin/clients", bearer)
            assert got == status and (fault is None or fault in head["www-authenticate"])
            assert call(gateway, "POST", "/admin/clients", bearer, {})[0] == status
        assert call(gateway, "POST", "/v1/chat/completions", admin, CHAT)[0] == 401
        status, head, made = call(gateway, "POST", "/admin/clients", admin, {
            "id": "team-b", "team": "b", "tenant_tier": "silver", "scopes": ["invoke", ADMIN],
            "token_lifetime_s": 600})
        assert status == 201 and head["cache-control"] == "no-store"
        assert made["scopes"] == [INVOKE, ADMIN] and made["disabled"] is False
        assert len(made["client_secret"]) == 43 and len(made["secrets"]) == 1
        claims = decode(gateway, token(gateway, "team-b", made["client_secret"], INVOKE))
        assert claims["custom:tenant_tier"] == "silver" and claims["exp"] - claims["iat"] == 600
        assert call(gateway, "POST", "/admin/clients", admin, {"id": "team-b"})[0] == 409
        assert call(gateway, "POST", "/admin/clients", admin, {"id": "fixed"})[0] == 409
        status, _, rotated = call(gateway, "POST", "/admin/clients/team-b/rotate", admin, {"grace_s": 60})
        assert status == 200 and len(rotated["secrets"]) == 2
        token(gateway, "team-b", made["client_secret"])
        token(gateway, "team-b", rotated["client_secret"])
        assert call(gateway, "POST", "/admin/clients/team-b/disable", admin)[2]["disabled"] is True
        assert ask(gateway, "team-b", rotated["client_secret"])[0] == 400
        assert call(gateway, "POST", "/admin/clients/team-b/enable", admin)[2]["disabled"] is False
        listed = call(gateway, "GET", "/admin/clients", admin)[2]["clients"]
        assert {c["id"]: c["source"] for c in listed} == {
            "root": "database", "user": "database", "team-b": "database", "fixed": "config"}
        assert "client_secret" not in json.dumps(listed)
        assert call(gateway, "DELETE", "/admin/clients/team-b", admin)[2] == {
            "id": "team-b", "removed": True}
        assert call(gateway, "DELETE", "/admin/clients/team-b", admin)[0] == 404
        assert call(gateway, "DELETE", "/admin/clients/fixed", admin)[0] == 409
        status, head, _ = call(gateway, "PUT", "/admin/clients", admin)
        assert status == 405 and head["allow"] == "GET, POST"
        assert call(gateway, "GET", "/admin/clients/x/y/rotate", admin)[0] == 404
        log = [json.loads(line) for line in gateway.log().splitlines() if '"event":"admin"' in line]
        done = [(x["action"], x["target"], x["by"]) for x in log if x["outcome"] == "done"]
        assert done[0] == ("admin_client_add", "team-b", "root")
        assert [d[0] for d in done[1:]] == ["admin_client_rotate", "admin_client_disable",
                                            "admin_client_enable", "admin_client_remove"]
        for secret in (made["client_secret"], rotated["client_secret"], root_secret, admin):
            assert secret not in gateway.log()


@pytest.mark.parametrize("body", [
    b"{", b"[]", b'"x"', b"null", b'{"id":1}', b'{"id":"a","id":"b"}', b'{"i\\u0064":"a","id":"b"}',
    b'{"id":"a b"}', b'{"id":"../x"}', b'{"id":"a\\u0000b"}', b'{"team":["x"]}', b'{"scopes":[]}',
    b'{"scopes":"invoke"}', b'{"scopes":["invok"]}', b'{"scopes":[1]}', b'{"token_lifetime_s":299}',
    b'{"token_lifetime_s":86401}', b'{"token_lifetime_s":"600"}', b'{"token_lifetime_s":600.0}',
    b'{"secret":"mine"}', b'{"id":"a"} x', b'{"team":"\xff"}', b'{"scopes":[["invoke"]]}',
])
def test_bad_bodies_change_nothing(db, body):
    root, secret = added(db, "--id", "root", "--scope", "admin")
    with Gateway({**config(db), "enable_waf": False}) as gateway:  # it refuses two of these before
        admin = token(gateway, root, secret)
        status, _, text = gateway.request("POST", "/admin/clients", body, {
            "Authorization": "Bearer " + admin, "Content-Type": "application/json"})
        assert status == 400 and json.loads(text)["error"]["message"]
        assert len(call(gateway, "GET", "/admin/clients", admin)[2]["clients"]) == 1


def test_no_database_no_admin_api_and_no_token_no_entry(db):
    root, secret = added(db, "--id", "root", "--scope", "admin")
    plain, _ = harness.secured([{"type": "echo"}], [])
    with Gateway(plain) as gateway:
        assert gateway.request("GET", "/admin/clients")[0] == 404
    # Token checks off: the admin API asks all the same.
    with Gateway({**config(db), "auth": {"jwt": {"enabled": False}}}) as gateway:
        assert gateway.request("POST", "/v1/chat/completions", CHAT)[0] == 200
        assert gateway.request("GET", "/admin/clients")[0] == 401
        assert call(gateway, "GET", "/admin/clients", token(gateway, root, secret))[0] == 200


def test_rotation_of_keys_is_seen_at_once(db):
    root, secret = added(db, "--id", "root", "--scope", "admin", "--scope", "invoke")
    with Gateway(config(db), args=()) as one, \
            Gateway({**config(db), "server": {"threads": 3}}) as two:
        old = token(one, root, secret)
        before = key_set(one)
        assert len(before) == 2
        failures, stop = [], threading.Event()

        def load():
            while not stop.is_set():
                for gateway in (one, two):
                    status = call(gateway, "POST", "/v1/chat/completions", old, CHAT)[0]
                    if status != 200:
                        failures.append(status)

        worker = threading.Thread(target=load)
        worker.start()
        try:
            for i in range(3):
                status, _, told = call(one, "POST", "/admin/keys/rotate", old)
                assert status == 200 and told["published"] == 3 + i
                fresh = token(one, root, secret)
                kid = jwt.get_unverified_header(fresh)["kid"]
                assert kid == told["current_kid"]
                for gateway in (two, one):  # the other process has not been told by anybody
                    assert call(gateway, "POST", "/v1/chat/completions", fresh, CHAT)[0] == 200
                    assert decode(gateway, fresh)["sub"] == "root"
        finally:
            stop.set()
            worker.join()
        assert not failures
        assert set(before) < set(key_set(two)) and len(key_set(two)) == 5
    # And they are still there after a restart.
    with Gateway(config(db)) as again:
        assert call(again, "POST", "/v1/chat/completions", old, CHAT)[0] == 200


def test_guesses_end_in_429(db):
    client_id, secret = added(db)
    other, other_secret = added(db)
    with Gateway({**config(db, max_failures=5), "server": {"trusted_proxies": ["127.0.0.0/8"]}}) as gateway:
        def from_(address):
            return {"X-Forwarded-For": "203.0.113.66, " + address}
        seen = [ask(gateway, client_id, "guess", headers=from_("198.51.100.1"))[0] for _ in range(7)]
        assert seen == [400] * 5 + [429] * 2
        status, head, body = ask(gateway, client_id, secret, headers=from_("198.51.100.2"))
        assert status == 429 and 1 <= int(head["retry-after"]) <= 60 and body["error"]
        # Another team is not hurt, until the address itself has failed too often.
        assert ask(gateway, other, other_secret, headers=from_("198.51.100.1"))[0] == 200
        for i in range(25):
            ask(gateway, f"nobody{i}", "guess", headers=from_("198.51.100.3"))
        assert ask(gateway, other, other_secret, headers=from_("198.51.100.3"))[0] == 429
        assert ask(gateway, other, other_secret, headers=from_("198.51.100.4"))[0] == 200


@pytest.mark.parametrize("compat,status", [(False, 401), (True, 400)])
def test_errors_as_the_rfc_or_as_cognito(db, compat, status):
    added(db, "--id", "a")
    with Gateway(config(db, cognito_compat=compat)) as gateway:
        got, head, body = gateway.request(
            "POST", "/oauth2/token", "grant_type=client_credentials",
            {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic YTp4"})
        assert got == status and json.loads(body) == {"error": "invalid_client"}
        assert ("www-authenticate" in head) == (status == 401)


def test_a_database_that_others_may_read_is_refused(db):
    added(db, "--id", "a")
    db.chmod(0o640)
    refused = client(db, "list", status=3)
    assert "0600" in refused.stderr
    with pytest.raises(RuntimeError, match="0600"):
        Gateway(config(db))


def test_what_the_command_refuses(db):
    client(db, "list", status=3)
    assert not db.exists()
    _, secret = added(db, "--id", "a")
    assert secret not in client(db, "list").stdout + client(db, "list", "--format", "json").stdout
    client(db, "add", "--id", "a", status=1)
    client(db, "add", "--scope", "everything", status=1)
    client(db, "add", "--lifetime", "299", status=1)
    client(db, "add", "--lifetime", "1h", status=2)
    client(db, "rotate", "--id", "b", status=1)
    client(db, "rotate", status=2)
    client(db, "rotate", "--id", "a", "--grace", "-1", status=2)
    client(db, "add", "--secret", "mine", status=2)
    client(db, "add", "--format", "xml", status=2)
    client(db, "explode", status=2)
    with contextlib.closing(subprocess.Popen([SERVE, "client", "--help"], stdout=subprocess.PIPE).stdout) as out:
        assert re.search(rb"rotate-keys", out.read())
