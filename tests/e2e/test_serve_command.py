"""The aigw-serve command: its options, exit codes, --check, --dev and the reload by SIGHUP."""
import json
import os
import re
import signal
import subprocess

from harness import SCOPE, SERVE, TOKEN, Gateway, wait_until
from serve import chat, get, wire

PLAIN = {"auth": {"jwt": {"enabled": False}}, "providers": [{"type": "echo"}]}


def run(*args, **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIGW_", "OPENAI_", "ANTHROPIC_"))}
    return subprocess.run([SERVE, *args], capture_output=True, text=True, timeout=60,
                          env={**clean, **env})


def test_help_version_and_schema():
    assert "--listen ADDR" in run("--help").stdout
    assert re.search(r"\d+\.\d+\.\d+", run("--version").stdout)
    schema = json.loads(run("--schema").stdout)
    assert "server" in schema["properties"]


def test_wrong_command_line():
    for args in (["--nonsense"], ["stray"], ["--config"], ["--dev", "--config", "x"]):
        result = run(*args)
        assert result.returncode == 2 and result.stdout == "" and result.stderr


def test_check(tmp_path):
    good = tmp_path / "good.yaml"
    good.write_text(json.dumps(PLAIN))
    result = run("--check", "--config", good)
    assert (result.returncode, result.stdout) == (0, "ok\n"), result.stderr
    assert run("--check", AIGW_CONFIG=str(good)).stdout == "ok\n"

    bad = tmp_path / "bad.yaml"
    bad.write_text("providers:\n  - type: echo\nserver:\n  lisen: 127.0.0.1:1\n")
    result = run("--check", "--config", bad)
    assert result.returncode == 1 and result.stdout == ""
    assert re.match(re.escape(f"{bad}:4: /server/lisen: ") + ".*unknown key", result.stderr), result.stderr

    result = run("--check", "--config", tmp_path / "absent.yaml")
    assert result.returncode == 1 and "absent.yaml" in result.stderr


def test_refuses_to_listen_beyond_loopback_without_tokens(tmp_path):
    config = tmp_path / "aigw.yaml"
    config.write_text(json.dumps(PLAIN))
    result = run("--config", config, "--listen", "0.0.0.0:0")
    assert result.returncode == 1 and "listening on" not in result.stderr, result.stderr


def test_taken_address():
    with Gateway(PLAIN) as g:
        for threads in (1, 2):
            config = {**PLAIN, "server": {"threads": threads}}
            path = g.config_file.with_name("other.yaml")
            path.write_text(json.dumps(config))
            result = run("--config", path, "--listen", f"127.0.0.1:{g.port}")
            assert result.returncode == 3 and "Address already in use" in result.stderr, result.stderr


def test_dev_prints_a_client_that_works(tmp_path):
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen([SERVE, "--dev", "--listen", "127.0.0.1:0"], stderr=out, stdout=out,
                                   env={"PATH": os.environ["PATH"]})
    try:
        assert wait_until(lambda: "curl " in log.read_text() or process.poll() is not None)
        text = log.read_text()
        client, secret, endpoint = (re.search(pattern, text).group(1) for pattern in (
            r"client id:\s+(\S+)", r"client secret:\s+(\S+)", r"token endpoint:\s+(\S+)"))
        token = subprocess.run([TOKEN], capture_output=True, text=True, timeout=60, env={
            "GATEWAY_CLIENT_ID": client, "GATEWAY_CLIENT_SECRET": secret,
            "GATEWAY_TOKEN_ENDPOINT": endpoint})
        assert token.returncode == 0, token.stderr
        body = json.dumps(chat("hello")).encode()
        for fields, status in ((["Authorization: Bearer " + token.stdout], 200), ([], 401)):
            with wire(int(re.search(r":(\d+)/oauth2/token", endpoint).group(1))) as w:
                w.send("\r\n".join(["POST /v1/chat/completions HTTP/1.1", "Host: gateway", "User-Agent: raw/1",
                                    "Content-Type: application/json",
                                    f"Content-Length: {len(body)}", *fields, "", ""]).encode() + body)
                assert w.answer().status == status
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def models(w):
    w.send(get("/v1/models"))
    return {row["id"] for row in w.answer().json()["data"]}


def named(name):
    return {**PLAIN, "models": [{"name": name, "targets": [{"provider": "echo"}]}]}


def test_reload_is_all_or_nothing():
    with Gateway(named("alpha")) as g, wire(g.port) as w:
        assert "alpha" in models(w)
        g.config_file.write_text(json.dumps(named("beta")))
        g.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "config_reloaded" in g.log())
        assert "beta" in models(w) and "alpha" not in models(w)  # on the same connection
        g.config_file.write_text(json.dumps({**named("gamma"), "nonsense": 1}))
        g.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "config_reload_refused" in g.log())
        line = next(x for x in g.log().splitlines() if "config_reload_refused" in x)
        assert json.loads(line)["pointer"] == "/nonsense"
        assert "beta" in models(w)


def test_settings_from_the_environment_alone(tmp_path):
    result = run("--check", OPENAI_API_KEY="sk-test", AIGW_ENABLE_JWT_AUTH="true",
                 AIGW_ISSUER="https://issuer.example", AIGW_REQUIRED_SCOPE=SCOPE)
    assert (result.returncode, result.stdout) == (0, "ok\n"), result.stderr
    assert run("--check").returncode == 1  # no provider at all
