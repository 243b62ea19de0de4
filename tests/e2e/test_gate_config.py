"""What `aigw-serve --check` says of the gate's sections: every bad value is refused at its place, a start agrees,
and the examples of the documentation load as they stand."""
import json
import os
import re
import signal
import subprocess

import pytest

from harness import SERVE, TOP, Gateway, wait_until

ECHO = "providers: [{type: echo}]\n"
GUARD = "guardrails: [{name: a, on: [prompt], %s}]"
LIMIT = "rate_limits: [{name: a, %s}]"
BAD = {
    "waf: {rules: {SizeRestrictions_BODY: block, SizeRestrictions_BODY: count}}": "/waf/rules/SizeRestrictions_BODY",
    "waf: {rules: {sizerestrictions_body: block}}": "/waf/rules/sizerestrictions_body",
    "waf: {rules: {SizeRestrictions_BODY: BLOCK}}": "/waf/rules/SizeRestrictions_BODY",
    "waf: {rules: []}": "/waf/rules",
    "waf: {max_query_bytes: -1}": "/waf/max_query_bytes",
    "waf: {max_body_bytes: 99999999999999999999}": "/waf/max_body_bytes",
    "waf: {rate_limit: {ipv6_prefix: 0}}": "/waf/rate_limit/ipv6_prefix",
    "waf: {rate_limit: {limit: -5}}": "/waf/rate_limit/limit",
    "waf: {rate_limit: {lease: 10}}": "/waf/rate_limit/lease",
    "waf: {rate_limit: {lease: 6, limit: 5}}\nredis: {address: 'a:1'}": "/waf/rate_limit/lease",
    "waf: {routes: {chatt: skip}}": "/waf/routes/chatt",
    "enable_waf: 0": "/enable_waf",
    "enable_waf: false\nwaf: {rules: {Nonsense: block}}": "/waf/rules/Nonsense",
    "server: {allowed_peers: ['fe80::1%eth0']}": "/server/allowed_peers/0",
    "server: {allowed_peers: ['10.0.0.0/-1']}": "/server/allowed_peers/0",
    "server: {allowed_peers: [null]}": "/server/allowed_peers/0",
    "server: {proxy_protocol: true, trusted_proxies: []}": "/server/proxy_protocol",
    "server: {forwarded_header: x}": "/server/forwarded_header",
    "egress: {fetch_urls: {hosts: ['*']}}": "/egress/fetch_urls/hosts/0",
    "egress: {fetch_urls: {max_bytes: 100, max_total_bytes: 10}}": "/egress/fetch_urls/max_total_bytes",
    "egress: {allow_private: ['10.0.0.1/8']}": "/egress/allow_private/0",
    LIMIT % "requests_per_minute: 0": "/rate_limits/0/requests_per_minute",
    LIMIT % "requests_per_minute: 1, per: [client, client]": "/rate_limits/0/per/1",
    LIMIT % "requests_per_minute: 1, on_fail: open": "/rate_limits/0/on_fail",
    LIMIT % "concurrent_requests: 1, algorithm: token_bucket": "/rate_limits/0/algorithm",
    "redis: {address: 'x:65536'}": "/redis/address",
    'redis: {address: "a\\0b:1"}': "/redis/address",
    "redis: {address: 'a:1', database: -1}": "/redis/database",
    GUARD % "openai_moderation: {provider: nope}": "/guardrails/0/openai_moderation/provider",
    GUARD % "bedrock_guardrail: {provider: echo, id: a}": "/guardrails/0/bedrock_guardrail/provider",
    GUARD % "webhook: {url: 'http://example.com/'}": "/guardrails/0/webhook/url",
    GUARD % "rules: {patterns: [{texts: ['a+']}]}": "/guardrails/0/rules/patterns/0",
    GUARD % "rules: {email: none}": "/guardrails/0/rules",
}


def check(path, **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AIGW_")}
    return subprocess.run([SERVE, "--check", "--config", path], capture_output=True, text=True, timeout=60,
                          env={**clean, **env})


@pytest.mark.parametrize("section", BAD, ids=lambda s: s[:60])
def test_what_is_wrong_and_where(tmp_path, section):
    path = tmp_path / "c.yaml"
    path.write_text("# one\n" + ECHO + section + "\n")
    result = check(path)
    key = BAD[section].split("/")[1]  # of the line that names it
    line = 3 + next(i for i, text in enumerate(section.splitlines()) if text.startswith(key + ":"))
    assert result.returncode == 1 and result.stdout == "", result
    assert f"c.yaml:{line}: {BAD[section]}: " in result.stderr


LISTS = {
    "nothing there": (lambda p: None, "does not exist"),
    "directory": (lambda p: p.mkdir(), "not a regular file"),
    "fifo": (os.mkfifo, "not a regular file"),
    "device": (lambda p: p.symlink_to("/dev/zero"), "not a regular file"),
    "binary": (lambda p: p.write_bytes(bytes(range(256)) * 99), "line 1"),
    "only comments": (lambda p: p.write_text("# none\n"), ""),
    "everybody": (lambda p: p.write_text("192.0.2.1\n0.0.0.0/0\n"), "line 2"),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_bad_list_is_seen_before_a_start(tmp_path, kind):
    make, words = LISTS[kind]
    make(tmp_path / "list")
    path = tmp_path / "c.yaml"
    path.write_text(ECHO + f"waf: {{ip_reputation: {{ddos: [{tmp_path}/list]}}}}\n")
    result = check(path)
    assert result.returncode == 1 and result.stdout == "", result
    assert "/waf/ip_reputation/ddos" in result.stderr and words in result.stderr
    started = subprocess.run([SERVE, "--config", path, "--listen", "127.0.0.1:0"], capture_output=True, text=True,
                             timeout=60)
    assert started.returncode == 1 and "/waf/ip_reputation/ddos" in started.stderr, started
    path.write_text(ECHO + f"enable_waf: false\nwaf: {{ip_reputation: {{ddos: [{tmp_path}/list]}}}}\n")
    assert check(path).stdout == "ok\n"  # what is off reads nothing


def test_a_reload_with_a_bad_list_changes_nothing(tmp_path):
    config = {"auth": {"jwt": {"enabled": False}}, "providers": [{"type": "echo"}], "waf": {}}
    with Gateway(config) as g:
        config["waf"] = {"ip_reputation": {"reputation": [str(tmp_path / "none")]}, "mode": "count"}
        g.config_file.write_text(json.dumps(config))
        g.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "config_reload_refused" in g.log())
        assert "/waf/ip_reputation/reputation/0" in g.log()
        assert g.request("GET", "/v1/models?q=%3Cscript%3Ealert(1)%3C/script%3E")[0] == 403  # still blocks


# -- the examples --

def examples(page):
    """The YAML of a page: fenced, or indented by four and beginning with a key that opens a section."""
    text = (TOP / "docs" / page).read_text()
    found = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    fenced_out = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for block in re.findall(r"(?:^    .*\n)+", fenced_out, re.M):
        if re.match(r"    (waf|enable_waf|rate_limits|redis|server|egress|guardrails|providers):", block):
            found.append(re.sub(r"^    ", "", block, flags=re.M))
    return found


PAGES = {page: examples(page) for page in ("waf.md", "limits.md", "network.md", "guardrails.md")}
EXAMPLES = [(page, i) for page, blocks in PAGES.items() for i in range(len(blocks))]


def test_there_are_examples():
    assert len(PAGES["waf.md"]) >= 3 and len(PAGES["guardrails.md"]) >= 3


@pytest.mark.parametrize("page,i", EXAMPLES)
def test_the_examples_load(tmp_path, page, i):
    text = PAGES[page][i]

    def local(match):
        """Files that an example names are there, with something in them."""
        path = tmp_path / match.group(0).strip("/").replace("/", "_")
        path.write_text("192.0.2.1\n" if "etc" not in path.name or "aigw" in path.name else "x\n")
        return str(path)
    text = re.sub(r"(?<![\w.:/])/(?:var/lib|etc|run)/[\w./-]+", local, text)
    if "providers:" not in text:
        text += "\nproviders:\n  - {name: openai, type: openai, api_key: a}\n" \
                "  - {name: bedrock, type: bedrock, region: eu-central-1, models: [none], auth: {aws: " \
                "{access_key_id: a, secret_access_key: b}}}\n"
    if "redis:" not in text and re.search(r"on_fail|lease", text) and "rate_limits" in text:
        text += "redis: {address: '127.0.0.1:6379'}\n"
    path = tmp_path / "c.yaml"
    path.write_text(text)
    result = check(path, OPENAI_API_KEY="a", REDIS_PASSWORD="b")
    assert result.stdout == "ok\n", (result.stderr, text)
