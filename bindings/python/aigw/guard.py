"""Guardrails: personal data, secrets, words and patterns, flagged, masked or blocked.

    guard = aigw.Guard([aigw.GuardRule("email"), aigw.GuardRule("words", "block", texts=["project x"])])
    guard.mask("write to bob@example.com").text     # "write to [EMAIL]"

    stream = guard.text_stream()
    for piece in answer:
        show(stream.feed(piece))                    # the same for every way of cutting it
    show(stream.end())

A Guard may be used from any number of threads; a stream is for one text after the other.
"""
from __future__ import annotations

import codecs
import threading
from dataclasses import dataclass
from typing import Any, AnyStr, Generic, Literal, NamedTuple, Sequence, Union, cast

from . import _core
from ._owned import Owned, number_of
from .errors import Refused

GuardKind = Literal["email", "phone", "card", "iban", "ssn", "secret", "words", "patterns"]
GuardAction = Literal["none", "flag", "mask", "block"]
GuardForm = Literal["plain", "json"]

# In the order of guard.h: their places are its numbers.
_ACTION_WORDS: tuple[GuardAction, ...] = ("none", "flag", "mask", "block")
_ACTIONS: dict[str, int] = {word: i for i, word in enumerate(_ACTION_WORDS)}
_FORMS = {"plain": 0, "json": 1}
_KINDS: dict[str, int] = {_core.guard_kind_word(i): i for i in range(_core.GUARD_KINDS)}


class GuardRule(NamedTuple):
    """What to look for. `texts`: the words, or the regular expressions. An empty `mask` is the kind's own."""

    kind: GuardKind
    action: GuardAction = "mask"
    name: str = ""
    mask: str = ""
    texts: Sequence[str] = ()


class GuardVerdict(NamedTuple):
    """The strictest action of what was found, how much that was, and by name of the rule; never the text."""

    action: GuardAction
    total: int
    found: dict[str, int]


@dataclass(frozen=True)
class Masked(Generic[AnyStr]):
    """A text without what was masked, of the type of the one that went in."""

    text: AnyStr
    verdict: GuardVerdict


def _verdict(guard: Any, fields: tuple[Any, ...]) -> GuardVerdict:
    action, total, counts = fields
    found: dict[str, int] = {}
    for rule, times in counts:
        name = cast(bytes, _core.guard_rule_name(guard, rule)).decode("utf-8", "replace")
        found[name] = found.get(name, 0) + times  # rules may share a name
    return GuardVerdict(_ACTION_WORDS[action], total, found)


class Guard(Owned):
    """Immutable. Raises ConfigError, whose `line` is the rule from 1, for a rule that cannot be."""

    _what = "guard"

    def __init__(self, rules: Sequence[GuardRule]) -> None:
        rows: list[tuple[int, int, str, str, list[str]]] = []
        for given in rules:
            rule = GuardRule(*given)
            if isinstance(rule.texts, (str, bytes)):
                raise TypeError("texts is a list of texts, not one")
            rows.append((number_of(_KINDS, rule.kind, "kind"), number_of(_ACTIONS, rule.action, "action"),
                         rule.name, rule.mask, list(rule.texts)))
        _, self._owned = _core.guard_new(rows)

    def mask(self, text: AnyStr, *, form: GuardForm = "plain") -> Masked[AnyStr]:
        """The text with what is to be masked replaced. `form` "json": the inside of a JSON string.

        Raises Refused, with its `verdict`, where a rule blocks.
        """
        guard = self._handle()
        try:
            _, masked, fields = _core.guard_mask(guard, number_of(_FORMS, form, "form"), text)
        except Refused as error:
            error.verdict = self.check(text, form=form)
            raise
        out = masked.decode() if isinstance(text, str) else masked
        return Masked(cast(AnyStr, out), _verdict(guard, fields))

    def check(self, text: Union[str, bytes], *, form: GuardForm = "plain") -> GuardVerdict:
        """What is in the text, up to a match that blocks; to block is a verdict here, no error."""
        guard = self._handle()
        _, fields = _core.guard_check(guard, number_of(_FORMS, form, "form"), text)
        return _verdict(guard, fields)

    def stream(self, form: GuardForm = "plain") -> "GuardStream":
        """For a text in pieces of bytes."""
        return GuardStream(self, form)

    def text_stream(self, form: GuardForm = "plain") -> "GuardTextStream":
        """For a text in pieces of str."""
        return GuardTextStream(self, form)


class GuardStream(Owned):
    """One text after the other, in pieces of any size. Holds back at most 512 bytes of text. Keeps its guard.

    Where a rule blocks, feed and end raise Refused: `output` is what stands before the match, `verdict` says
    what was found. The stream takes no more then.
    """

    _what = "stream"

    def __init__(self, guard: Guard, form: GuardForm = "plain") -> None:
        self._guard = guard._handle()
        self._lock = threading.RLock()  # the GIL is released while C works on it
        _, stream = _core.guard_stream_new(self._guard, number_of(_FORMS, form, "form"))
        _core.keep(stream, self._guard)
        self._owned = stream

    def _found(self) -> GuardVerdict:
        _, fields = _core.guard_stream_verdict(self._handle())
        return _verdict(self._guard, fields)

    def feed(self, data: bytes) -> bytes:
        """Takes bytes; gives what may go on now."""
        with self._lock:
            try:
                _, out = _core.guard_stream_feed(self._handle(), data)
            except Refused as error:
                error.verdict = self._found()
                raise
            return bytes(out)

    def end(self) -> bytes:
        """The text is complete: the rest of it. The next feed begins another; the verdict goes on."""
        with self._lock:
            try:
                _, out = _core.guard_stream_end(self._handle())
            except Refused as error:
                error.verdict = self._found()
                raise
            return bytes(out)

    @property
    def verdict(self) -> GuardVerdict:
        """What was found so far."""
        with self._lock:
            return self._found()

    def close(self) -> None:
        with self._lock:
            self._owned = None


class GuardTextStream:
    """A GuardStream over str. A character is passed on when all of it may be."""

    def __init__(self, guard: Guard, form: GuardForm = "plain") -> None:
        self._stream = GuardStream(guard, form)
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, text: str) -> str:
        try:
            return self._decoder.decode(self._stream.feed(text.encode()))
        except Refused as error:
            error.output = self._decoder.decode(error.output).encode()
            raise

    def end(self) -> str:
        try:
            return self._decoder.decode(self._stream.end(), True)
        except Refused as error:
            error.output = self._decoder.decode(error.output).encode()
            raise

    @property
    def verdict(self) -> GuardVerdict:
        return self._stream.verdict

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> "GuardTextStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
