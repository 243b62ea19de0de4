"""Limits from Python: windows to the millisecond, all or nothing, holds spent once, threads."""
import threading

import pytest

import aigw

RULES = [aigw.LimitRule("requests", 3, 1000), aigw.LimitRule("tokens", 100, 60_000),
         aigw.LimitRule("burst", 2, 1000, "token_bucket", rate=1), aigw.LimitRule("streams", 2, kind="concurrency")]


@pytest.fixture()
def limiter():
    with aigw.Limiter(RULES) as made:
        yield made


def test_a_window_to_the_millisecond(limiter):
    for i, left in enumerate((2, 1, 0)):
        answer = limiter.take("requests", "k", now_ms=i)
        assert answer and answer.allowed and (answer.limit, answer.remaining, answer.by) == (3, left, "count")
    denied = limiter.take("requests", "k", now_ms=10)
    assert not denied and (denied.remaining, denied.retry_after_ms, denied.reset_ms) == (0, 990, 992)
    assert limiter.take("requests", b"other", now_ms=10)
    assert not limiter.take("requests", "k", now_ms=999)
    assert limiter.peek("requests", "k", now_ms=1000) and limiter.take("requests", b"k", now_ms=1000)
    assert not limiter.take("requests", "k", now_ms=1000)


def test_a_bucket_and_streams_at_a_time(limiter):
    assert [bool(limiter.take("burst", "k", now_ms=t)) for t in (0, 0, 0, 999, 1000, 1000)] == \
        [True, True, False, False, True, False]
    first, second = limiter.take("streams", "k", now_ms=0), limiter.take("streams", "k", now_ms=0)
    third = limiter.take("streams", "k", now_ms=0)
    assert first and second and not third and third.retry_after_ms == -1
    limiter.give_back(first.hold, now_ms=1)
    assert limiter.take("streams", "k", now_ms=1) and not limiter.take("streams", "k", now_ms=1)


def test_all_or_nothing(limiter):
    both = limiter.take_all([("requests", "k"), ("tokens", "k", 90)], now_ms=0)
    assert both and [a.rule for a in both.answers] == ["requests", "tokens"]
    no = limiter.take_all([("requests", "k"), ("tokens", "k", 11)], now_ms=1)
    assert not no and [a.allowed for a in no.answers] == [True, False]
    assert limiter.peek("requests", "k", 0, now_ms=1).remaining == 2  # what was denied took nothing
    assert limiter.take_all([("tokens", "k", 10)], now_ms=1)


def test_settling_spends_a_hold_once(limiter):
    taken = limiter.take("tokens", "k", 80, now_ms=0)
    assert taken.remaining == 20
    limiter.settle(taken.hold, 30, now_ms=1)
    assert limiter.peek("tokens", "k", 0, now_ms=1).remaining == 70
    limiter.settle(taken.hold, 0, now_ms=1)
    limiter.give_back(taken.hold, now_ms=1)
    assert limiter.peek("tokens", "k", 0, now_ms=1).remaining == 70
    more = limiter.take("tokens", "k", 10, now_ms=2)
    limiter.settle(more.hold, 500, now_ms=2)
    assert limiter.peek("tokens", "k", 0, now_ms=2).remaining == 0 and not limiter.take("tokens", "k", now_ms=2)
    denied = limiter.take("tokens", "k", now_ms=3)
    limiter.give_back(denied.hold, now_ms=3)  # a hold of nothing
    assert limiter.peek("tokens", "k", 0, now_ms=3).remaining == 0


def test_the_systems_clock_by_default(limiter):
    assert [bool(limiter.take("tokens", "k", n)) for n in (60, 40, 1)] == [True, True, False]
    assert 0 < limiter.peek("tokens", "k").retry_after_ms <= 60_000


def test_a_full_table():
    small = {"max_keys": 1, "keep_counting": True}
    for policy, allowed in (("closed", False), ("open", True)):
        limiter = aigw.Limiter([aigw.LimitRule("r", 1, 1000)], on_full=policy, **small)
        answers = [limiter.take("r", str(i), now_ms=0) for i in range(20_000)]
        full = [a for a in answers if a.by == "policy"]
        assert full and all(a.allowed is allowed for a in full)
        assert limiter.stats.full == len(full) and limiter.stats.keys == len(answers) - len(full)


def test_threads_never_pass_the_limit():
    limiter = aigw.Limiter([aigw.LimitRule("r", 1000, 1000)])
    taken, start = [], threading.Barrier(8)

    def work():
        start.wait()
        taken.append(sum(limiter.take("r", "k", now_ms=5).allowed for _ in range(500)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(taken) == 1000


def test_threads_that_settle_one_hold_settle_it_once(limiter):
    for i in range(200):
        hold = limiter.take("streams", str(i), now_ms=0).hold
        assert limiter.take("streams", str(i), now_ms=0)
        start = threading.Barrier(2)
        threads = [threading.Thread(target=lambda: (start.wait(), limiter.give_back(hold, now_ms=0))) for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert limiter.peek("streams", str(i), 0, now_ms=0).remaining == 1


def test_what_is_refused(limiter):
    rule = aigw.LimitRule
    for rules, pointer in [([], "/rules"), ([rule("r", 0, 5)], "/rules/0/limit"),
                           ([rule("r", 1, 5), rule("r", 1, 5)], "/rules/1/name"), ([rule("a b", 1, 5)], "/rules/0/name"),
                           ([rule("r", 1, 5, rate=1)], "/rules/0/rate"), ([rule("r", 1)], "/rules/0/window_ms")]:
        with pytest.raises(aigw.ConfigError) as caught:
            aigw.Limiter(rules)
        assert caught.value.pointer == pointer
    for bad in ([rule("r", 1, 5, "pendulum")], [rule("r", 1, 5, on_fail="maybe")]):
        with pytest.raises(aigw.InvalidInput):
            aigw.Limiter(bad)
    with pytest.raises(aigw.ConfigError) as caught:
        aigw.Limiter(RULES, max_events=3)
    assert caught.value.pointer == "/max_events"
    for asks in ([], [("requests", "k")] * 2, [("requests", str(i)) for i in range(17)], [("requests", "k", 0)],
                 [("nothing", "k")]):
        with pytest.raises(aigw.InvalidInput):
            limiter.take_all(asks, now_ms=0)
    with pytest.raises(TypeError):
        limiter.take("requests", 5)
    with pytest.raises(OverflowError):
        limiter.take("requests", "k", 1 << 70)
    other = aigw.Limiter(RULES)
    with pytest.raises(aigw.InvalidInput) as foreign:
        other.give_back(limiter.take("streams", "k").hold)
    assert foreign.value.reason == "foreign_hold"
    hold = other.take("streams", "k").hold
    other.close()
    other.close()
    for call in (lambda: other.take("requests", "k"), lambda: other.give_back(hold), lambda: other.stats):
        with pytest.raises(aigw.InvalidInput) as gone:
            call()
        assert gone.value.reason == "closed"
