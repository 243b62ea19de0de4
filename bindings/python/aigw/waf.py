"""The web application firewall: AWS's rule names, and it knows which bytes of a request are prompt.

    import aigw

    waf = aigw.Waf(overrides={"SizeRestrictions_BODY": "none"}, content="count-signatures")
    seen = waf.check("POST", "/v1/chat/completions", headers=received, body=body)
    if seen.block:
        log(seen.terminating.rule)  # for the operator; a client learns nothing of it

A Waf may be used from any number of threads; each check releases the GIL.
"""
from __future__ import annotations

from typing import Any, Iterable, Literal, Mapping, NamedTuple, Optional, Union, cast

from . import _core
from ._owned import Owned, number_of

Bytes = Union[str, bytes]
Headers = Union[Mapping[str, str], Iterable["tuple[Bytes, Bytes]"]]
WafAction = Literal["default", "block", "count", "none"]
WafContent = Literal["default", "skip", "count-signatures", "count-full", "block-signatures", "block-full"]
WafRoute = Literal["by-path", "other", "health", "chat", "messages", "responses", "gemini", "bedrock",
                   "embeddings"]

# In the order of waf.h: their places are its numbers.
_ACTION_WORDS: tuple[WafAction, ...] = ("default", "block", "count", "none")
_ROUTE_WORDS: tuple[WafRoute, ...] = ("by-path", "other", "health", "chat", "messages", "responses", "gemini",
                                      "bedrock", "embeddings")
_CONTENT_WORDS: tuple[WafContent, ...] = ("default", "skip", "count-signatures", "count-full",
                                          "block-signatures", "block-full")
_ACTIONS: dict[str, int] = {word: i for i, word in enumerate(_ACTION_WORDS)}
_ROUTES: dict[str, int] = {word: i for i, word in enumerate(_ROUTE_WORDS)}
_CONTENTS: dict[str, int] = {word: i for i, word in enumerate(_CONTENT_WORDS)}


class WafRule(NamedTuple):
    """A rule as it is without options. `metric`: its group's metric name."""

    group: str
    metric: str
    rule: str
    label: str
    action: WafAction


class WafMatch(NamedTuple):
    """A rule that saw something; `matched` is empty for prompts. For operators, not for clients."""

    group: str
    rule: str
    label: str
    action: WafAction
    component: str
    pattern: int
    location: str
    matched: str


class WafResult(NamedTuple):
    """A verdict. `terminating`: the rule that blocks. `more`: there were more matches than fit."""

    block: bool
    terminating: Optional[WafMatch]
    matches: list[WafMatch]
    more: bool


def waf_rules() -> list[WafRule]:
    """Every rule, in order of evaluation."""
    return [WafRule(group, metric, rule, label, _ACTION_WORDS[action])
            for group, metric, rule, label, action in _core.waf_rules()]


def waf_route(path: Bytes) -> WafRoute:
    """The route that a path is on: which schema says what is prompt."""
    return _ROUTE_WORDS[int(_core.waf_route_of(path))]


def _match(fields: tuple[Any, ...]) -> WafMatch:
    group, rule, label, action, component, pattern, location, matched = fields
    return WafMatch(group, rule, label, _ACTION_WORDS[action], component, pattern, location, matched)


def _pairs(headers: Headers) -> list[tuple[Bytes, Bytes]]:
    if isinstance(headers, Mapping):
        return list(cast(Mapping[str, str], headers).items())
    return [(name, value) for name, value in headers]


class Waf(Owned):
    """Immutable, with all its signatures or not made at all.

    `overrides`: by the name of a rule or a group. `content`: what is done with prompt text, `route_content`
    per route. A size of 0 is AWS's. Raises ConfigError for a name that is none.
    """

    _what = "WAF"

    def __init__(self, *, count_only: bool = False, overrides: Optional[Mapping[str, WafAction]] = None,
                 content: WafContent = "default",
                 route_content: Optional[Mapping[WafRoute, WafContent]] = None, max_query_bytes: int = 0,
                 max_cookie_bytes: int = 0, max_path_bytes: int = 0, max_body_bytes: int = 0,
                 max_arguments: int = 0, allow_private_urls: bool = False,
                 any_content_type: bool = False) -> None:
        actions = [(name, number_of(_ACTIONS, action, "action")) for name, action in (overrides or {}).items()]
        routes = [0] * len(_ROUTE_WORDS)
        for route, policy in (route_content or {}).items():
            routes[number_of(_ROUTES, route, "route")] = number_of(_CONTENTS, policy, "content policy")
        sizes = (max_query_bytes, max_cookie_bytes, max_path_bytes, max_body_bytes, max_arguments)
        _, self._owned = _core.waf_new((count_only, actions, number_of(_CONTENTS, content, "content policy"),
                                        routes, sizes, allow_private_urls, any_content_type))

    @staticmethod
    def _request(method: Bytes, path: Bytes, query: Optional[Bytes], headers: Headers, body: Bytes,
                 content_type: Optional[Bytes], route: WafRoute) -> tuple[Any, ...]:
        if query is None:
            # Whoever hands over a whole target must not have its arguments go unseen.
            if isinstance(path, bytes):
                path, mark, rest = path.partition(b"?")
                query = rest if mark else None
            else:
                path, sign, tail = path.partition("?")
                query = tail if sign else None
        return (method, path, query, _pairs(headers), body, content_type, number_of(_ROUTES, route, "route"))

    def check(self, method: Bytes, path: Bytes, *, query: Optional[Bytes] = None, headers: Headers = (),
              body: Bytes = b"", content_type: Optional[Bytes] = None,
              route: WafRoute = "by-path") -> WafResult:
        """The verdict on one request. `path` and `query` are as received, still percent-encoded; so are `headers`,
        all of them: a body whose length no header tells is a reason to block.

        A query may stand in `path`, behind its ?. When this raises there is no verdict: do not let it pass.
        """
        request = self._request(method, path, query, headers, body, content_type, route)
        _, (block, terminating, more, found) = _core.waf_check(self._handle(), request)
        matches = [_match(fields) for fields in found]
        return WafResult(block, matches[terminating] if terminating >= 0 else None, matches, more)

    def explain(self, method: Bytes, path: Bytes, *, query: Optional[Bytes] = None, headers: Headers = (),
                body: Bytes = b"", content_type: Optional[Bytes] = None, route: WafRoute = "by-path") -> str:
        """Every rule that saw something, everywhere, whatever its action: a line of text each."""
        request = self._request(method, path, query, headers, body, content_type, route)
        _, text = _core.waf_explain(self._handle(), request)
        return cast(bytes, text).decode("utf-8", "replace")

    @property
    def info(self) -> str:
        """ "loaded" (signatures of the build) or "compiled" (anew, at the start)."""
        return str(_core.waf_info(self._handle()))
