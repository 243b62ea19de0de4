"""Whom the gateway connects to: names that lead into its own network are refused, for providers, what passes
through, key sets and token endpoints. "*.localhost" is such a name, which no resolver need know."""
import json
import subprocess

import harness

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
OPEN = {"allow_private": ["127.0.0.0/8", "::1"]}
ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


def open_config(providers, models=(), **more):
    return harness.open_config(providers, models, enable_waf=False, **more)


def answer(request, _):
    request.answer(200, ANSWER)


def provider(port, host="home.localhost", **more):
    return {"name": "p", "type": "openai", "base_url": f"http://{host}:{port}/v1", "api_key": "k", "allow_http": True,
            "max_retries": 0, "models": ["m"], **more}


def ask(gateway):
    return gateway.request("POST", "/v1/chat/completions", CHAT)


def test_a_name_that_leads_home_is_refused():
    with harness.Upstream(answer) as upstream, \
            harness.Gateway(open_config([provider(upstream.port)])) as gateway:
        status, headers, body = ask(gateway)
        assert status == 502, body
        assert json.loads(body)["error"]["message"] == "The provider could not be reached."
        assert b"127.0.0.1" not in body and b"localhost" not in body and headers["x-request-id"]
        metrics = gateway.request("GET", "/metrics")[2].decode()
        assert "aigw_upstream_errors_total 1" in metrics, metrics
        line = next(line for line in gateway.log().splitlines() if "upstream_failed" in line)
        assert '"failure":"egress_loopback"' in line and '"host":"home.localhost"' in line
        assert upstream.seen == []


def test_tls_is_no_way_round():
    with harness.Upstream(answer) as upstream:
        one = provider(upstream.port, base_url=f"https://home.localhost:{upstream.port}/v1")
        with harness.Gateway(open_config([one])) as gateway:
            assert ask(gateway)[0] == 502
            assert '"failure":"egress_loopback"' in gateway.log()
        with harness.Gateway(open_config([one], egress=OPEN)) as gateway:
            assert ask(gateway)[0] == 502
            assert '"failure":"tls"' in gateway.log() or '"failure":"broken"' in gateway.log(), gateway.log()


def test_a_network_that_is_allowed_may_be_reached():
    with harness.Upstream(answer) as upstream, \
            harness.Gateway(open_config([provider(upstream.port)], egress=OPEN)) as gateway:
        for _ in range(3):
            assert ask(gateway)[0] == 200
        assert len(upstream.seen) == 3


def test_the_operators_addresses_stand():
    for host in ("127.0.0.1", "localhost"):
        with harness.Upstream(answer) as upstream, \
                harness.Gateway(open_config([provider(upstream.port, host)])) as gateway:
            assert ask(gateway)[0] == 200


def test_the_next_target_is_asked():
    with harness.Upstream(answer) as upstream:
        providers = [provider(upstream.port), {**provider(upstream.port, "127.0.0.1"), "name": "q"}]
        models = [{"name": "m", "targets": [{"provider": "p"}, {"provider": "q"}]}]
        with harness.Gateway(open_config(providers, models)) as gateway:
            assert ask(gateway)[0] == 200
            assert len(upstream.seen) == 1


def test_what_passes_through_is_no_way_round():
    with harness.Upstream(answer) as upstream, harness.Gateway(
            open_config([provider(upstream.port, pass_through=True)])) as gateway:
        status, _, body = gateway.request("POST", "/pass/p/v1/files", {"a": 1})
        assert status == 502 and b"127.0.0.1" not in body
        assert '"failure":"egress_loopback"' in gateway.log()
        assert upstream.seen == []


def test_a_reload_changes_the_rule():
    with harness.Upstream(answer) as upstream, \
            harness.Gateway(open_config([provider(upstream.port)], egress=OPEN)) as gateway:
        assert ask(gateway)[0] == 200
        config = json.loads(gateway.config_file.read_text())
        del config["egress"]
        gateway.config_file.write_text(json.dumps(config))
        gateway.process.send_signal(1)
        assert harness.wait_until(lambda: ask(gateway)[0] == 502), gateway.log()
        before = len(upstream.seen)
        assert ask(gateway)[0] == 502
        assert len(upstream.seen) == before


def test_a_token_endpoint_is_judged_too():
    def token(request, _):
        if request.path.startswith("/token"):
            request.answer(200, {"access_token": "t", "token_type": "bearer", "expires_in": 60})
        else:
            request.answer(200, ANSWER)

    with harness.Upstream(token) as upstream:
        one = provider(upstream.port, "127.0.0.1", auth={"token": {
            "endpoint": f"http://home.localhost:{upstream.port}/token?code=s3cr3t", "client_id": "c", "client_secret": "s3cr3t",
            "allow_http": True}})
        del one["api_key"]
        with harness.Gateway(open_config([one])) as gateway:
            status, _, body = ask(gateway)
            assert status == 502 and b"127.0.0.1" not in body
            assert "egress_loopback" in gateway.log() and "s3cr3t" not in gateway.log()
            assert upstream.seen == []
        with harness.Gateway(open_config([one], egress=OPEN)) as gateway:
            assert ask(gateway)[0] == 200


def test_metadata_needs_an_entry_of_its_own():
    for allowed, word in (([], "egress_metadata"), (["169.254.0.0/16"], "egress_metadata")):
        config = open_config([{"type": "echo"}], egress={
            "allow_private": allowed, "fetch_urls": {"enabled": True, "allow_http": True}})
        config["providers"].append({"name": "g", "type": "gemini", "base_url": "http://127.0.0.1:1", "api_key": "k",
                                    "models": ["gemini-2.5-pro"]})
        with harness.Gateway(config) as gateway:
            status, _, body = gateway.request("POST", "/v1/chat/completions", {
                "model": "gemini-2.5-pro", "messages": [{"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest/meta-data"}}]}]})
            assert status == 400 and b"169.254" not in body, body
            assert f'"failure":"{word}"' in gateway.log()


def test_the_command_line_client_can_be_held_to_public_addresses():
    def token(request, _):
        request.answer(200, {"access_token": "t0ken", "token_type": "bearer", "expires_in": 60})

    with harness.Upstream(token) as upstream:
        def run(*args):
            return subprocess.run([harness.TOKEN, "--allow-http", "--no-cache", *args], capture_output=True, text=True,
                                  timeout=60, env={"GATEWAY_CLIENT_ID": "c", "GATEWAY_CLIENT_SECRET": "s3cr3t",
                                                   "GATEWAY_TOKEN_ENDPOINT":
                                                       f"http://home.localhost:{upstream.port}/token"})
        assert run().stdout.strip() == "t0ken"  # as ever
        upstream.seen.clear()
        refused = run("--public-only")
        assert refused.returncode != 0 and refused.stdout == "" and "not allowed" in refused.stderr, refused
        assert "s3cr3t" not in refused.stderr and upstream.seen == []
        assert run("--public-only", "--allow-private", "127.0.0.0/8, ::1").stdout.strip() == "t0ken"
        for wrong in ("10.0.0.1/8", "home", "10.0.0.0/8,,"):
            assert run("--public-only", "--allow-private", wrong).returncode != 0, wrong
        assert run("--public-only", "--proxy", f"http://127.0.0.1:{upstream.port}").stdout.strip() == "t0ken"
