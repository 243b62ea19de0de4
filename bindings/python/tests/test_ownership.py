"""The gate's objects under stress: nothing leaks on any path, closing under a running call is safe, no GIL is held."""
import ctypes
import gc
import sys
import threading
import time

import pytest

import aigw

HEADERS = {"host": "a.example", "user-agent": "mine/1", "content-type": "application/json"}
BLOCKING = [aigw.GuardRule("email"), aigw.GuardRule("words", "block", texts=["forbidden"])]


def heap_bytes():
    """What malloc has given out and not got back."""
    class Info(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks",
                                                         "fsmblks", "uordblks", "fordblks", "keepcost")]
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        pytest.skip("this C library does not tell what malloc has given out")
    mallinfo2.restype = Info
    info = mallinfo2()
    return info.uordblks + info.hblkhd


def raises(kind, call):
    with pytest.raises(kind):
        call()


def use_waf(shared=aigw.Waf()):
    shared.check("POST", "/v1/chat/completions?a=../../etc/passwd", headers=HEADERS, body='{"messages":[]}')
    shared.explain("GET", "/?a=../../etc/passwd", headers=HEADERS)
    aigw.waf_rules()
    raises(TypeError, lambda: shared.check("GET", "/", headers=[("a", "b"), ("c", 5)]))
    raises(aigw.ConfigError, lambda: aigw.Waf(overrides={"GenericLFI_BODY": "count", "Nothing": "count"}))


def make_waf():
    aigw.Waf(overrides={"GenericLFI_BODY": "count"}).check("GET", "/", headers=HEADERS)


def use_lists():
    with aigw.IpReputation() as lists:
        lists.load("reputation", "203.0.113.0/24\n", b"2001:db8::/32\n")
        lists.check("203.0.113.1")
        lists.facts("reputation")
        raises(aigw.InvalidInput, lambda: lists.load("ddos", "nonsense"))
        raises(aigw.InvalidInput, lambda: lists.check("nonsense"))
        raises(TypeError, lambda: lists.load("ddos", "203.0.113.1", 5))


def use_guard():
    guard = aigw.Guard(BLOCKING)
    guard.mask("to bob@example.com " * 20)
    raises(aigw.Refused, lambda: guard.mask("all that is forbidden. "))
    raises(aigw.InvalidInput, lambda: guard.mask("\\q", form="json"))
    stream = guard.text_stream()
    stream.feed("to bob@exam")
    half = guard.stream()
    half.feed(b"bob@exam")
    guard.close()
    stream.feed("ple.com")
    raises(aigw.Refused, lambda: (stream.feed(" forbidden "), stream.end()))
    raises(aigw.ConfigError, lambda: aigw.Guard([aigw.GuardRule("patterns", texts=["a{2}", "(a"])]))
    raises(TypeError, lambda: aigw.Guard([aigw.GuardRule("words", texts=["a", 5])]))


def use_limiter():
    limiter = aigw.Limiter([aigw.LimitRule("r", 100, 1000)], max_keys=10)
    for i in range(20):
        limiter.take("r", "k", now_ms=i)
    limiter.settle(limiter.take_all([("r", "k", 2), ("r", "l")], now_ms=30).answers[0].hold, 1, now_ms=31)
    raises(aigw.InvalidInput, lambda: limiter.take_all([("r", "k"), ("r", "k")]))
    raises(aigw.ConfigError, lambda: aigw.Limiter([aigw.LimitRule("r", 1, 1), aigw.LimitRule("", 1, 1)]))
    raises(TypeError, lambda: limiter.take_all([("r", "k"), ("r", 5)]))
    aigw.LimitLink(limiter, "127.0.0.1:1", deadline_ms=1)  # never connects; keeps the limiter until it goes


@pytest.mark.parametrize("use, times", [(use_waf, 100), (make_waf, 20), (use_lists, 100), (use_guard, 40),
                                        (use_limiter, 60)])
def test_nothing_leaks(use, times):
    def grown():
        gc.collect()
        heap, blocks = heap_bytes(), sys.getallocatedblocks()
        for _ in range(times):
            use()
        gc.collect()
        return heap_bytes() - heap, sys.getallocatedblocks() - blocks

    grown()
    # A leak shows in every round; a cache that grows once does not.
    rounds = [grown() for _ in range(4)]
    assert min(heap for heap, _ in rounds) < times * 16
    assert min(blocks for _, blocks in rounds) < times / 2


def test_closing_under_a_running_call_is_safe():
    text = "to bob@example.com, and more of the same; " * 2000
    guard, waf = aigw.Guard([aigw.GuardRule("email")]), aigw.Waf(content="count-full")
    lists, limiter = aigw.IpReputation(), aigw.Limiter([aigw.LimitRule("r", 1_000_000, 1000)])
    stream = guard.stream()
    owners = [guard, waf, lists, limiter, stream]
    calls = [lambda: guard.mask(text), lambda: waf.check("POST", "/x", headers=HEADERS, body=text),
             lambda: lists.load("ddos", "203.0.113.1\n" * 5000), lambda: limiter.take("r", "k"),
             lambda: stream.feed(text.encode())]
    ended, running = [], [threading.Event() for _ in calls]

    def work(i):
        try:
            while True:
                calls[i]()
                running[i].set()
        except aigw.InvalidInput as error:
            ended.append(error.reason)
        except BaseException as error:
            ended.append(error)
            running[i].set()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(calls)) for _ in range(2)]
    for t in threads:
        t.start()
    for event in running:
        assert event.wait(60)
    for owner in owners:
        owner.close()
    for t in threads:
        t.join(60)
    assert ended == ["closed"] * len(threads)


def test_the_gil_is_released():
    """With switching by time as good as off another thread runs only where a call lets the GIL go."""
    guard, waf = aigw.Guard([aigw.GuardRule("email")]), aigw.Waf()
    lists, limiter = aigw.IpReputation(), aigw.Limiter([aigw.LimitRule("r", 1, 1000)])
    stream = guard.stream()
    text, count, stop = "a b@c.example " * 1000, [0], [False]

    def other():
        while not stop[0]:
            count[0] += 1
            time.sleep(0)

    before = sys.getswitchinterval()
    thread = threading.Thread(target=other)
    thread.start()
    try:
        sys.setswitchinterval(1000)
        for call in (lambda: guard.mask(text), lambda: stream.feed(text.encode()),
                     lambda: waf.check("POST", "/x", headers=HEADERS, body=text),
                     lambda: lists.load("ddos", "203.0.113.1\n" * 1000, force=True), lambda: limiter.take("r", "k")):
            seen, end = count[0], time.monotonic() + 30
            while count[0] == seen and time.monotonic() < end:
                call()
            assert count[0] > seen
    finally:
        sys.setswitchinterval(before)
        stop[0] = True
        thread.join()
