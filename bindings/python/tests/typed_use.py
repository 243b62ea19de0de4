"""How a typed program uses the gate's parts: test_types checks it, nobody runs it."""
from ipaddress import ip_address
from typing import Iterable, Optional

import aigw


def firewall(body: bytes) -> Optional[str]:
    with aigw.Waf(count_only=True, overrides={"SizeRestrictions_BODY": "none"}, content="count-full",
                  route_content={"chat": "skip"}) as waf:
        seen: aigw.WafResult = waf.check("POST", "/v1/messages", headers={"host": "a.example"}, body=body)
        again = waf.check(b"GET", b"/", headers=[("host", b"a.example")], route="other")
        names: list[str] = [m.rule for m in again.matches] + [r.metric for r in aigw.waf_rules()]
        return seen.terminating.rule if seen.terminating else waf.explain("GET", "/" + names[0])


def limits(key: str) -> int:
    limiter = aigw.Limiter([aigw.LimitRule("r", 5, 1000), aigw.LimitRule("t", 9, 1000, "token_bucket", rate=3)])
    decision = limiter.take_all([("r", key), ("t", key.encode(), 4)], now_ms=1)
    for answer in decision.answers:
        limiter.give_back(answer.hold)
    link = aigw.LimitLink(limiter, "127.0.0.1:6379")
    return link.take("r", key).retry_after_ms if decision else limiter.stats.keys


def rails(pieces: Iterable[str]) -> bytes:
    guard = aigw.Guard([aigw.GuardRule("email"), aigw.GuardRule("words", "flag", texts=["a", "b"])])
    text: str = guard.mask("a").text
    data: bytes = guard.mask(b"a", form="json").text
    stream = guard.text_stream()
    out: str = "".join(stream.feed(p) for p in pieces) + stream.end() + text
    try:
        return guard.stream().feed(data)
    except aigw.Refused as error:
        return out.encode() if error.verdict and error.verdict.found["email"] else error.output


def lists(text: str) -> bool:
    reputation = aigw.IpReputation(max_entries=10)
    reputation.load("ddos", text, b"203.0.113.1", force=True)
    hit: aigw.IpHit = reputation.check(ip_address("203.0.113.1"))
    return hit.action == "count" and reputation.facts("ddos").entries > 0
