"""libaigw from Python: the AI gateway that you can link.

    import aigw

    gateway = aigw.Gateway({"providers": [{"type": "echo"}]})
    print(gateway.chat({"model": "echo", "messages": [{"role": "user", "content": "hi"}]}))
    for chunk in gateway.stream({"model": "echo", "messages": [{"role": "user", "content": "hi"}]}):
        print(chunk)

The gate's parts serve without a gateway, too: Waf, IpReputation, Limiter and Guard.

Every call that waits releases the GIL. A Gateway, a TokenSource, a KeySet and the gate's parts may be used from
any number of threads; a stream belongs to one.
"""
from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, Iterator, Mapping, Optional, Union
from urllib.parse import quote

from . import _core, errors
from .errors import (AigwError, ApiError, ConfigError, InvalidInput, Refused, RequestTimeout, TokenRejected,
                     Unsupported, UpstreamError)
from .guard import Guard, GuardRule, GuardStream, GuardTextStream, GuardVerdict, Masked
from .iprep import IpFacts, IpHit, IpReputation
from .limit import (Hold, LimitAnswer, LimitDecision, Limiter, LimiterStats, LimitLink, LimitRule, LinkStats)
from .translate import (Body, Drop, Format, StreamTranslator, Translation, Usage, body_bytes,
                        translate_answer, translate_error, translate_request)
from .waf import Waf, WafMatch, WafResult, WafRule, waf_route, waf_rules

__all__ = ["AigwError", "ApiError", "ChatStream", "ConfigError", "Drop", "Format", "Gateway", "Guard",
           "GuardRule", "GuardStream", "GuardTextStream", "GuardVerdict", "Hold", "InvalidInput", "IpFacts",
           "IpHit", "IpReputation", "KeySet", "LimitAnswer", "LimitDecision", "Limiter", "LimiterStats",
           "LimitLink", "LimitRule", "LinkStats", "Masked", "Refused", "RequestTimeout", "StreamTranslator",
           "TokenRejected", "TokenSource", "Translation", "Unsupported", "UpstreamError", "Usage", "Waf",
           "WafMatch", "WafResult", "WafRule", "translate_answer", "translate_error", "translate_request",
           "verify", "version", "waf_route", "waf_rules"]

_core.set_error_factory(errors.make)
_AGAIN, _END = 1, 2
_PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "responses": "/v1/responses"}

Json = Mapping[str, Any]


def version() -> str:
    """The version of the library that runs."""
    return str(_core.version())


def _call(body: Body, dialect: str, stream: bool) -> tuple[str, bytes]:
    """Path and body of a call. Gemini has the model and the stream in the path; here both are in the body."""
    if dialect != "gemini":
        if dialect not in _PATHS:
            raise InvalidInput(f"no such dialect: {dialect}", code="AIGW_E_INVALID")
        if not stream:
            return _PATHS[dialect], body_bytes(body)
        return _PATHS[dialect], body_bytes({**json.loads(body_bytes(body)), "stream": True})
    fields = dict(json.loads(body_bytes(body)))
    model = quote(str(fields.pop("model", "")), safe="")
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/{model}:{verb}", body_bytes(fields)


class _Exchange:
    """One request on a loop of its own; closes the upstream transfer when dropped."""

    def __init__(self, gateway: "Gateway", path: str, body: bytes, token: Optional[str],
                 timeout: float) -> None:
        self._x = self._loop = None
        self._body = body  # borrowed by the exchange
        self._deadline = time.monotonic() + timeout
        _, self._loop = _core.loop_new(gateway._handle())
        authorization = f"Bearer {token}" if token else ""
        _, self._x = _core.exchange_start(self._loop, path, authorization, body)

    def _wait(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0 or _core.exchange_wait(self._x, max(1, int(left * 1000))) == _AGAIN:
            if time.monotonic() >= self._deadline:
                raise RequestTimeout("the answer was not complete in time", code="AIGW_E_TIMEOUT")

    def status(self) -> int:
        while True:
            code, status = _core.exchange_head(self._x)
            if code != _AGAIN:
                return int(status)
            self._wait()

    def pieces(self) -> Iterator[bytes]:
        while True:
            code, data = _core.exchange_read(self._x)
            if code == _END:
                return
            if code == _AGAIN:
                self._wait()
                continue
            _core.exchange_consume(self._x, len(data))
            yield data

    def usage(self) -> Usage:
        return Usage(*_core.exchange_usage(self._x)[1:])

    def close(self) -> None:
        x, self._x = self._x, None
        loop, self._loop = self._loop, None
        if x is not None:
            _core.exchange_free(x)
        if loop is not None:
            _core.loop_free(loop)

    def __del__(self) -> None:
        self.close()


class ChatStream:
    """An iterator over the events of a streamed answer, each as a dict in the dialect asked for.

    Leaving the loop early, `close()` or the end of a `with` block cancels the upstream call at once.
    `usage` is complete when the stream has ended.
    """

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        self._events = self._read()
        self.usage: Optional[Usage] = None

    def _read(self) -> Iterator[dict[str, Any]]:
        pending = b""
        for piece in self._exchange.pieces():
            pending = (pending + piece).replace(b"\r\n", b"\n")
            *events, pending = pending.split(b"\n\n")
            for event in events:
                lines = [line[5:].lstrip(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
                data = b"\n".join(lines)
                if data and data != b"[DONE]":
                    yield json.loads(data)
        self.usage = self._exchange.usage()

    def __iter__(self) -> "ChatStream":
        return self

    def __next__(self) -> dict[str, Any]:
        try:
            return next(self._events)
        except StopIteration:
            self.close()
            raise

    def close(self) -> None:
        self._events = iter(())
        self._exchange.close()

    def __enter__(self) -> "ChatStream":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()


class Gateway:
    """A gateway inside this process. `config` is a YAML text or a mapping; empty: the environment."""

    def __init__(self, config: Union[str, bytes, Json] = "") -> None:
        self._gw = None
        _, self._gw = _core.gateway_new(self._text(config))

    @staticmethod
    def _text(config: Union[str, bytes, Json]) -> Union[str, bytes]:
        return config if isinstance(config, (str, bytes)) else json.dumps(config)

    @staticmethod
    def check(config: Union[str, bytes, Json]) -> None:
        """Raises ConfigError if a Gateway could not be made of it."""
        _core.config_check(Gateway._text(config))

    def _handle(self) -> Any:
        if self._gw is None:
            raise InvalidInput("the gateway is closed", code="AIGW_E_INVALID")
        return self._gw

    def reload(self, config: Union[str, bytes, Json]) -> None:
        """Replaces the configuration: all of it or, when this raises, nothing."""
        _core.gateway_reload(self._handle(), self._text(config))

    def chat(self, body: Body, *, dialect: str = "openai", token: Optional[str] = None,
             timeout: float = 600.0) -> dict[str, Any]:
        """One chat request and its whole answer, both in `dialect`: "openai", "anthropic", "responses", or
        "gemini" (whose body names the model here, as the others' do).

        With `token` the gateway checks it as it would at its door; without, this process is trusted.
        Raises ApiError when the answer is not a success.
        """
        exchange = _Exchange(self, *_call(body, dialect, False), token, timeout)
        try:
            status = exchange.status()
            answer = b"".join(exchange.pieces())
        finally:
            exchange.close()
        if status >= 300:
            raise ApiError(status, answer)
        result: dict[str, Any] = json.loads(answer)
        return result

    def stream(self, body: Body, *, dialect: str = "openai", token: Optional[str] = None,
               timeout: float = 600.0) -> ChatStream:
        """The same, streamed: sets `stream` and returns an iterator of events."""
        exchange = _Exchange(self, *_call(body, dialect, True), token, timeout)
        try:
            status = exchange.status()
            if status >= 300:
                raise ApiError(status, b"".join(exchange.pieces()))
        except BaseException:
            exchange.close()
            raise
        return ChatStream(exchange)

    def close(self) -> None:
        gw, self._gw = self._gw, None
        if gw is not None:
            _core.gateway_free(gw)

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class TokenSource:
    """Client-credentials tokens (RFC 6749 clause 4.4): fetched once, kept, refreshed early."""

    def __init__(self, endpoint: str, client_id: str, client_secret: str, *,
                 scope: Optional[str] = None, ca_file: Optional[str] = None,
                 allow_http: bool = False) -> None:
        self._source = None
        _, self._source = _core.token_source_new(endpoint, client_id, client_secret, scope, ca_file,
                                                 allow_http)

    def get(self) -> str:
        """The current token; fetches only when none is at hand or it is about to end."""
        _, token, _ = _core.token_get(self._source)
        return str(token.decode())

    def __del__(self) -> None:
        source, self._source = getattr(self, "_source", None), None
        if source is not None:
            _core.token_source_free(source)


class KeySet:
    """A parsed JSON Web Key Set. Parse once, verify often."""

    def __init__(self, jwks: Body) -> None:
        self._jwks = None
        _, self._jwks = _core.jwks_parse(body_bytes(jwks))

    def __del__(self) -> None:
        jwks, self._jwks = getattr(self, "_jwks", None), None
        if jwks is not None:
            _core.jwks_free(jwks)


def verify(token: str, jwks: Union[KeySet, Body], *, issuer: str = "", scope: str = "",
           audience: str = "", leeway: int = 60, now: Optional[int] = None) -> dict[str, Any]:
    """The claims of a token that passes every check; raises TokenRejected with `reason` otherwise."""
    keys = jwks if isinstance(jwks, KeySet) else KeySet(jwks)
    at = int(time.time()) if now is None else now
    _, claims = _core.jwt_verify(keys._jwks, token, issuer, scope, audience, leeway, at)
    try:
        result: dict[str, Any] = json.loads(_core.claims_json(claims))
        return result
    finally:
        _core.claims_free(claims)
