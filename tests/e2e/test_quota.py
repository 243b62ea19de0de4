"""Limits in the running server, counted in memory: whose they are, what is settled, and that the official
SDKs wait by themselves."""
import json
import secrets
import subprocess
import time

import pytest

import harness
import serve

AGENT = {"User-Agent": "quota-test/1", "Content-Type": "application/json"}
ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"},
                       "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}


def ask(gateway, model="echo", token=None, path="/v1/chat/completions", headers=None, **more):
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
    fields = {**AGENT, **(headers or {})}
    if token:
        fields["Authorization"] = "Bearer " + token
    return gateway.request("POST", path, json.dumps(body), fields)


def statuses(gateway, n, **more):
    return [ask(gateway, **more)[0] for _ in range(n)]


def access(gateway):
    """The access log's lines of calls, as objects."""
    lines = (line for line in gateway.log().splitlines() if line.startswith("{"))
    return [e for e in map(json.loads, lines) if e.get("event") == "request"]


def upstream_answers(handler, _):
    handler.answer(200, ANSWER)


def with_upstream(port, **more):
    return harness.open_config(
        [{"name": "o", "type": "openai", "base_url": f"http://127.0.0.1:{port}/v1", "api_key": "k",
          "max_retries": 0}],
        [{"name": "m", "targets": [{"provider": "o"}]}, {"name": "n", "targets": [{"provider": "o"}]}],
        **more)


def token_of(gateway, client, word):
    form = f"grant_type=client_credentials&client_id={client}&client_secret={word}"
    status, _, body = gateway.request(
        "POST", "/oauth2/token", form, {**AGENT, "Content-Type": "application/x-www-form-urlencoded"})
    assert status == 200, body
    return json.loads(body)["access_token"]


# ---- whose counts ----

def test_clients_and_teams_have_their_own():
    config, _ = harness.secured([{"type": "echo"}], [])
    words = {name: secrets.token_hex(8) for name in ("a1", "a2", "b1")}
    config["issuer"]["clients"] = [
        {"id": name, "secret": word, "team": name[0], "scopes": [harness.SCOPE]}
        for name, word in words.items()]
    config["rate_limits"] = [
        {"name": "client", "per": ["client"], "requests_per_minute": 2},
        {"name": "team", "per": ["team"], "requests_per_minute": 3},
        {"name": "b-only", "match": {"clients": ["b1"], "models": ["echo/small*"]},
         "requests_per_minute": 1}]
    with harness.Gateway(config) as gateway:
        token = {n: token_of(gateway, n, w) for n, w in words.items()}
        assert statuses(gateway, 3, token=token["a1"]) == [200, 200, 429]
        assert statuses(gateway, 2, token=token["a2"]) == [200, 429]  # the team has had its three
        assert statuses(gateway, 2, token=token["b1"], model="echo/small-1") == [200, 429]
        assert statuses(gateway, 2, token=token["b1"]) == [200, 429]
        log = gateway.log()
        assert not any(t in log for t in token.values())
        assert not any(w in log for w in words.values())


def test_keys_models_and_addresses_have_their_own():
    config = harness.open_config([{"type": "echo"}], rate_limits=[
        {"name": "k", "per": ["key", "model", "address"], "requests_per_minute": 1}])
    with harness.Gateway(config) as gateway:
        assert statuses(gateway, 2, token="one") == [200, 429]
        assert statuses(gateway, 1, headers={"x-api-key": "one"}) == [429]
        assert statuses(gateway, 2, token="two") == [200, 429]
        assert statuses(gateway, 1, token="two", model="echo/x") == [200]


def test_the_rate_by_address():
    config = harness.open_config([{"type": "echo"}], waf={"rate_limit": {"limit": 3, "window_s": 300}})
    config["server"] = {"trusted_proxies": ["127.0.0.1"]}
    with harness.Gateway(config) as gateway:
        def of(address):
            return ask(gateway, headers={"X-Forwarded-For": address})
        assert [of("192.0.2.1")[0] for _ in range(4)] == [200, 200, 200, 429]
        status, headers, body = of("198.51.100.1, 192.0.2.1")
        assert status == 429 and 0 < int(headers["retry-after"]) <= 300
        assert b"RateLimitPerIP" not in body and headers["x-request-id"]
        assert of("192.0.2.2")[0] == 200
        for _ in range(5):
            assert gateway.request("GET", "/healthz", headers={"X-Forwarded-For": "192.0.2.1"})[0] == 200


# ---- tokens and places ----

def test_usage_settles_and_refusals_cost_nothing():
    script = ["good", "refuse", "good", "good"]

    def handler(h, _):
        if script.pop(0) == "refuse":
            h.answer(400, {"error": {"message": "no", "type": "invalid_request_error"}})
        else:
            h.answer(200, ANSWER)
    with harness.Upstream(handler) as upstream, harness.Gateway(with_upstream(
            upstream.port, rate_limits=[{"name": "t", "tokens_per_minute": 1000}])) as gateway:
        def left(status=200):
            got, headers, _ = ask(gateway, "m", max_tokens=300)
            assert got == status
            return int(headers["x-ratelimit-remaining-tokens"])
        first = left()
        assert first < 700
        assert left(400) == first - 12
        assert left() == first - 12
        assert left() == first - 24
        status, headers, body = ask(gateway, "m", max_tokens=1001)
        assert status == 429 and headers["x-should-retry"] == "false"
        assert b"above the limit of 1000" in body


def stream_slowly(h, _):
    h.start_stream()
    for _ in range(600):
        h.chunk(harness.openai_chunk({"content": "x"}))
        time.sleep(0.05)


def test_who_hangs_up_frees_the_place_and_keeps_the_tokens():
    with harness.Upstream(stream_slowly) as upstream, harness.Gateway(with_upstream(
            upstream.port, rate_limits=[
                {"name": "c", "concurrent_requests": 1, "match": {"models": ["m"]}},
                {"name": "t", "tokens_per_minute": 10000}])) as gateway:
        with serve.wire(gateway.port) as w:
            w.send(serve.post("/v1/chat/completions", serve.chat("hi", "m", stream=True, max_tokens=4000)))
            assert w.head()[0] == 200
            w.until(b"data:")
            status, headers, body = ask(gateway, "m")
            assert status == 429 and headers["retry-after"] == "1" and b"at a time" in body
        assert upstream.gone.wait(20)

        def again():
            with serve.wire(gateway.port) as w:
                w.send(serve.post("/v1/chat/completions", serve.chat("hi", "m", stream=True, max_tokens=3000)))
                status, headers = w.head()
                return int(headers["x-ratelimit-remaining-tokens"]) if status == 200 else None
        seen = []
        assert harness.wait_until(lambda: seen.append(again()) or seen[-1] is not None)
        assert seen[-1] < 10000 - 4000 - 3000  # what broke off may have been made


def test_monitoring():
    config = harness.open_config([{"type": "echo"}], rate_limits=[{"name": "x", "requests_per_minute": 1}])
    with harness.Gateway(config) as gateway:
        assert statuses(gateway, 3) == [200, 429, 429]
        text = gateway.request("GET", "/metrics")[2].decode()
        assert 'aigw_denied_total{reason="rate_limit_requests"} 2' in text
        assert 'aigw_limit_keys{of="call"} 1' in text
        assert [e.get("reason") for e in access(gateway)][1:3] == ["rate_limit_requests"] * 2


# ---- the official SDKs ----

def call_openai(base, n):
    import openai
    client = openai.OpenAI(base_url=base + "/v1", api_key="k", max_retries=6)
    return [client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
            .choices[0].message.content for _ in range(n)]


def call_anthropic(base, n):
    import anthropic
    client = anthropic.Anthropic(base_url=base, api_key="k", max_retries=6)
    return [client.messages.create(model="m", max_tokens=20,
                                   messages=[{"role": "user", "content": "hello"}])
            .content[0].text for _ in range(n)]


def call_genai(base, n):
    from google import genai
    from google.genai import types
    client = genai.Client(api_key="k", http_options=types.HttpOptions(
        base_url=base, retry_options=types.HttpRetryOptions(attempts=6)))
    return [client.models.generate_content(model="m", contents="hello").text for _ in range(n)]


def call_node(sdk):
    def call(base, n):
        if harness.node() is None:
            pytest.skip("npm is absent or could not install the peers")
        result = subprocess.run(
            [harness.node(), harness.TOP / "tests" / "e2e" / "quota_node.mjs", sdk, "m", str(n)],
            capture_output=True, text=True, timeout=120,
            env={"BASE": base, "TOKEN": "k", "PEERS": str(harness.NODE_DIR), "PATH": "/usr/bin:/bin"})
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)
    return call


SDKS = {"python-openai": (call_openai, True), "python-anthropic": (call_anthropic, True),
        "python-genai": (call_genai, False), "node-openai": (call_node("openai"), True),
        "node-anthropic": (call_node("anthropic"), True), "node-genai": (call_node("genai"), False)}


@pytest.mark.parametrize("name", SDKS)
def test_sdks_wait_by_themselves(name):
    call, heeds = SDKS[name]
    arrived = []

    def handler(h, _):
        arrived.append(time.monotonic())
        h.answer(200, ANSWER)
    with harness.Upstream(handler) as upstream, harness.Gateway(with_upstream(
            upstream.port, rate_limits=[{"name": "slow", "requests_per_minute": 30, "burst": 1,
                                         "algorithm": "token_bucket"}])) as gateway:
        assert call(gateway.base, 3) == ["Hello"] * 3
        codes = [e["status"] for e in access(gateway) if e["status"] in (200, 429)]
        assert codes.count(200) == 3 and codes.count(429) >= 2
        # Who reads Retry-After is refused once and comes when it is time; half a second later would be too early.
        if heeds:
            assert codes == [200, 429, 200, 429, 200]
        for before, after in zip(arrived, arrived[1:]):
            assert after - before > 1.9  # every two seconds, less what lies between the two clocks
