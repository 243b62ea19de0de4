"""Translation between formats: pure functions over bytes, no network and no gateway.

    import aigw

    out = aigw.translate_request("openai-chat", "anthropic", {"model": "m", "messages": [...]})
    print(out.json(), out.drops)

A body is a mapping, a str or bytes. Nothing here is shared: a StreamTranslator belongs to one thread.
"""
from __future__ import annotations

import enum
import json
import time
from typing import Any, Mapping, NamedTuple, Optional, Union

from . import _core
from .errors import AigwError, InvalidInput

Body = Union[Mapping[str, Any], str, bytes]


class Format(enum.IntEnum):
    """A wire format; its name with dashes serves as well: "openai-chat", "gemini"."""

    OPENAI_CHAT = _core.OPENAI_CHAT
    ANTHROPIC = _core.ANTHROPIC
    OPENAI_RESPONSES = _core.OPENAI_RESPONSES
    GEMINI = _core.GEMINI
    BEDROCK = _core.BEDROCK


class Drop(NamedTuple):
    """Something that the target cannot say, or says otherwise: a JSON pointer into the input, and why."""

    pointer: str
    reason: str


class Usage(NamedTuple):
    """Tokens as the provider counted them; -1 where it did not say."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int


class Translation(NamedTuple):
    """A translated document. `status`: of an error, the HTTP status to answer with; else 0."""

    body: bytes
    drops: list[Drop]
    status: int = 0

    def json(self) -> Any:
        return json.loads(self.body)


def body_bytes(body: Body) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def _format(name: Union[Format, str]) -> int:
    if isinstance(name, Format):
        return int(name)
    try:
        return int(Format[str(name).replace("-", "_").upper()])
    except KeyError:
        raise InvalidInput(f"no such format: {name}", code="AIGW_E_INVALID") from None


def _drops(pairs: list[tuple[str, str]]) -> list[Drop]:
    return [Drop(*pair) for pair in pairs]


def _taken(handle: Any, status: int = 0) -> Translation:
    try:
        return Translation(bytes(_core.translation_body(handle)), _drops(_core.translation_drops(handle)),
                           status)
    finally:
        _core.translation_free(handle)


def translate_request(source: Union[Format, str], target: Union[Format, str], body: Body, *,
                      model: str = "", default_max_tokens: int = 0, strict: bool = False,
                      stream: bool = False) -> Translation:
    """A request body from one format to another.

    `model` replaces the name; Gemini and Bedrock name it in the path, so from these it must be given, and
    `stream` says what their path says. `strict` raises Unsupported instead of dropping.
    """
    _, out = _core.translate_request(_format(source), _format(target), body_bytes(body), model,
                                     default_max_tokens, strict, stream)
    return _taken(out)


def translate_answer(source: Union[Format, str], target: Union[Format, str], body: Body, *,
                     request: Body = b"", created: Optional[int] = None,
                     strict: bool = False) -> Translation:
    """A whole answer. `request` is what the client sent, in `target`: what was wrapped for it is unwrapped."""
    at = int(time.time()) if created is None else created
    _, out = _core.translate_answer(_format(source), _format(target), body_bytes(body),
                                    body_bytes(request), at, strict)
    return _taken(out)


def translate_error(source: Union[Format, str], target: Union[Format, str], status: int,
                    body: Body) -> Translation:
    """An error body that came with `status`; the translation's `status` is the one to answer."""
    _, answer, out = _core.translate_error(_format(source), _format(target), status, body_bytes(body))
    return _taken(out, int(answer))


class StreamTranslator:
    """One streamed answer, fed in pieces of any size: bytes of `source` in, bytes of `target` out.

        t = aigw.StreamTranslator("anthropic", "openai-chat")
        for piece in upstream:
            client.write(t.feed(piece))
        client.write(t.finish())

    A stream that breaks raises UpstreamError, whose `output` ends with the target's own error event.
    """

    def __init__(self, source: Union[Format, str], target: Union[Format, str], *,
                 include_usage: bool = True, request: Body = b"", created: Optional[int] = None,
                 json_array: bool = False, strict: bool = False) -> None:
        self._stream = None
        at = int(time.time()) if created is None else created
        _, self._stream = _core.stream_new(_format(source), _format(target), include_usage, at,
                                           body_bytes(request), json_array, strict)

    def _handle(self) -> Any:
        if self._stream is None:
            raise InvalidInput("the stream is closed", code="AIGW_E_INVALID")
        return self._stream

    def _take(self) -> bytes:
        out = bytes(_core.stream_output(self._handle()))
        _core.stream_consume(self._handle(), len(out))
        return out

    def feed(self, data: bytes) -> bytes:
        """Takes bytes of the upstream's body; gives what became ready."""
        try:
            _core.stream_feed(self._handle(), data)
        except AigwError as error:
            error.output = self._take()
            raise
        return self._take()

    def finish(self) -> bytes:
        """The upstream's body has ended: gives what is left, or raises if that was too early."""
        try:
            _core.stream_finish(self._handle())
        except AigwError as error:
            error.output = self._take()
            raise
        return self._take()

    @property
    def usage(self) -> Usage:
        return Usage(*_core.stream_usage(self._handle())[1:])

    @property
    def drops(self) -> list[Drop]:
        return _drops(_core.stream_drops(self._handle()))

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            _core.stream_free(stream)

    def __enter__(self) -> "StreamTranslator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_stream", None) is not None:
            self.close()
