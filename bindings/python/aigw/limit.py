"""Limits: how many units (requests, tokens, open streams) a key may use. Exact, in memory or over a Redis.

    limiter = aigw.Limiter([aigw.LimitRule("requests", 2000, 300_000),
                            aigw.LimitRule("tokens", 100_000, 60_000)])
    answer = limiter.take("requests", address)
    if not answer:
        retry_in(answer.retry_after_ms)

    both = limiter.take_all([("requests", team), ("tokens", team, 800)])   # all or nothing
    limiter.settle(both.answers[1].hold, 512)                              # what it really was

A Limiter may be used from any number of threads. A LimitLink is one connection: its calls wait for each other.
"""
from __future__ import annotations

import threading
import time
from typing import Any, Callable, Literal, NamedTuple, Optional, Sequence, Union

from . import _core
from ._owned import Owned, number_of
from .errors import InvalidInput

Key = Union[str, bytes]
Ask = Union["tuple[str, Key]", "tuple[str, Key, int]"]
LimitKind = Literal["sliding_window", "token_bucket", "concurrency"]
LimitPolicy = Literal["closed", "open", "local"]
LimitSource = Literal["count", "lease", "policy"]

# Their numbers in limit.h.
_KINDS = {"sliding_window": 1, "token_bucket": 2, "concurrency": 3}
_POLICIES = {"closed": 0, "open": 1, "local": 2}
_SOURCES: dict[int, LimitSource] = {1: "count", 2: "lease", 3: "policy"}


class LimitRule(NamedTuple):
    """At most `limit` units in any `window_ms`; of a bucket, `rate` units run into it per window.

    Of a concurrency, `window_ms` is after how long a holder is taken for dead (0: an hour). `on_fail`, `lease`
    and `lease_ms` are for a LimitLink.
    """

    name: str
    limit: int
    window_ms: int = 0
    kind: LimitKind = "sliding_window"
    rate: int = 0
    on_fail: LimitPolicy = "closed"
    lease: int = 0
    lease_ms: int = 0


class Hold:
    """What was taken: to be settled or given back, once, by whoever took it. Nothing happens if it is dropped."""

    __slots__ = ("_taker", "_raw")

    def __init__(self, taker: object, raw: bytes) -> None:
        self._taker = taker
        self._raw = [raw]

    def _spend(self, *takers: object) -> Optional[bytes]:
        if not any(self._taker is taker for taker in takers):
            raise InvalidInput("this hold is another limiter's", code="AIGW_E_INVALID", reason="foreign_hold")
        try:
            return self._raw.pop()  # by one thread only
        except IndexError:
            return None


class LimitAnswer(NamedTuple):
    """One rule and key. True when allowed. -1 of `reset_ms`, `retry_after_ms`: never, or not known."""

    rule: str
    allowed: bool
    by: LimitSource
    limit: int
    remaining: int
    reset_ms: int
    retry_after_ms: int
    hold: Hold

    def __bool__(self) -> bool:
        return self.allowed


class LimitDecision(NamedTuple):
    """All or nothing: True when every answer is."""

    allowed: bool
    answers: list[LimitAnswer]

    def __bool__(self) -> bool:
        return self.allowed


class LimiterStats(NamedTuple):
    """Keys remembered, bytes for them, and how many had to give way."""

    keys: int
    table_bytes: int
    event_bytes: int
    forgot_idle: int
    forgot_counting: int
    full: int


class LinkStats(NamedTuple):
    """How a LimitLink fared."""

    connected: bool
    round_trips: int
    by_lease: int
    by_policy: int
    lost_settlements: int
    connects: int
    leased_units: int


def _now(now_ms: Optional[int]) -> int:
    return time.monotonic_ns() // 1_000_000 if now_ms is None else now_ms


class Limiter(Owned):
    """Counts in memory, of fixed size. Raises ConfigError, with `pointer`, for a rule that cannot be.

    `now_ms` of its calls is a monotonic clock of any origin; by default the system's. Use one for all calls.
    `on_full`: what is said when a full table has no place for a new key.
    """

    _what = "limiter"

    def __init__(self, rules: Sequence[LimitRule], *, max_keys: int = 0, max_events: int = 0,
                 max_event_bytes: int = 0, keep_counting: bool = False,
                 on_full: Literal["closed", "open"] = "closed") -> None:
        rows: list[tuple[str, int, int, int, int, int, int, int]] = []
        for given in rules:
            r = LimitRule(*given)
            rows.append((r.name, number_of(_KINDS, r.kind, "kind"), number_of(_POLICIES, r.on_fail, "policy"),
                         r.limit, r.window_ms, r.rate, r.lease, r.lease_ms))
        self._places = {row[0]: i for i, row in enumerate(rows)}
        _, self._owned = _core.limiter_new((rows, max_keys, max_events, max_event_bytes, keep_counting,
                                            number_of(_POLICIES, on_full, "policy")))

    def _asks(self, asks: Sequence[Ask]) -> list[tuple[int, Key, int]]:
        return [(number_of(self._places, ask[0], "rule"), ask[1], ask[2] if len(ask) > 2 else 1)
                for ask in asks]

    def take(self, rule: str, key: Key, n: int = 1, *, now_ms: Optional[int] = None) -> LimitAnswer:
        """May `key` use n units of this rule? If so they are taken."""
        return self.take_all([(rule, key, n)], now_ms=now_ms).answers[0]

    def take_all(self, asks: Sequence[Ask], *, now_ms: Optional[int] = None) -> LimitDecision:
        """Up to 16 asks (rule, key[, n]): takes for each or, when one is denied, for none."""
        _, found = _core.limiter_take(self._handle(), self._asks(asks), _now(now_ms))
        return _decision(self, asks, found)

    def peek(self, rule: str, key: Key, n: int = 1, *, now_ms: Optional[int] = None) -> LimitAnswer:
        """The same answer, taking nothing. n may be 0."""
        _, found = _core.limiter_peek(self._handle(), self._asks([(rule, key, n)]), _now(now_ms))
        return _decision(self, [(rule, key, n)], found).answers[0]

    def settle(self, hold: Hold, actual: int, *, now_ms: Optional[int] = None) -> None:
        """Corrects a take to what was used, and spends the hold. More than was taken counts above the limit."""
        limiter = self._handle()
        raw = hold._spend(self)
        if raw is not None:
            _core.limiter_settle(limiter, raw, actual, _now(now_ms))

    def give_back(self, hold: Hold, *, now_ms: Optional[int] = None) -> None:
        """It was not used at all; of a concurrency: it is over."""
        self.settle(hold, 0, now_ms=now_ms)

    @property
    def stats(self) -> LimiterStats:
        _, fields = _core.limiter_stats(self._handle())
        return LimiterStats(*fields)


def _decision(taker: object, asks: Sequence[Ask], found: list[Any]) -> LimitDecision:
    answers = [LimitAnswer(ask[0], allowed, _SOURCES[by], limit, remaining, reset, retry, Hold(taker, hold))
               for ask, (allowed, by, limit, remaining, reset, retry, hold) in zip(asks, found)]
    return LimitDecision(all(answers), answers)


class LimitLink(Owned):
    """The same limits over all processes: a Redis or Valkey server counts, by its own clock.

    `address`: "host:port", "[::1]:port" or "unix:/path". Where the server does not answer within `deadline_ms`,
    `on_fail` of each rule decides. Keeps its limiter; `close` gives leases back and delivers settlements.
    """

    _what = "link"

    def __init__(self, limiter: Limiter, address: str, *, username: Optional[str] = None,
                 password: Optional[str] = None, prefix: Optional[str] = None, database: int = 0,
                 deadline_ms: int = 0, connect_timeout_ms: int = 0, max_waiting: int = 0,
                 max_leases: int = 0) -> None:
        self._limiter = limiter
        self._lock = threading.RLock()  # the GIL is released while C works on it
        counts = limiter._handle()
        _, link = _core.link_new(counts, (address, username, password, prefix, database, deadline_ms,
                                          connect_timeout_ms, max_waiting, max_leases))
        _core.keep(link, counts)
        self._owned = link

    def _ask(self, call: Callable[..., Any], asks: Sequence[Ask]) -> LimitDecision:
        rows = self._limiter._asks(asks)
        with self._lock:
            _, found = call(self._handle(), rows)
        return _decision(self, asks, found)

    def take(self, rule: str, key: Key, n: int = 1) -> LimitAnswer:
        return self._ask(_core.link_take, [(rule, key, n)]).answers[0]

    def take_all(self, asks: Sequence[Ask]) -> LimitDecision:
        return self._ask(_core.link_take, asks)

    def peek(self, rule: str, key: Key, n: int = 1) -> LimitAnswer:
        return self._ask(_core.link_peek, [(rule, key, n)]).answers[0]

    def settle(self, hold: Hold, actual: int) -> None:
        """Does not wait: it goes with the next call or step. Takes holds of its limiter, too."""
        with self._lock:
            link = self._handle()
            raw = hold._spend(self, self._limiter)
            if raw is not None:
                _core.link_settle(link, raw, actual)

    def give_back(self, hold: Hold) -> None:
        self.settle(hold, 0)

    def step(self) -> None:
        """Does what is due, without blocking: for programs that do not ask for long, so that leases go back."""
        with self._lock:
            _core.link_step(self._handle())

    def fileno(self) -> int:
        """To wait on for reading, for at most `timeout_ms`, before a step."""
        with self._lock:
            return int(_core.link_fd(self._handle()))

    @property
    def timeout_ms(self) -> int:
        with self._lock:
            return int(_core.link_timeout_ms(self._handle()))

    @property
    def stats(self) -> LinkStats:
        with self._lock:
            _, fields = _core.link_stats(self._handle())
        return LinkStats(*fields)

    def close(self) -> None:
        with self._lock:
            self._owned = None
