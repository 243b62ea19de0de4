"""Limits over a Redis from Python: exact over links, settled, and on_fail when the server dies or talks nonsense."""
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

import pytest

import aigw

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tests" / "e2e"))
import harness  # noqa: E402

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
RULES = [aigw.LimitRule("r", 40, 60_000), aigw.LimitRule("t", 100, 60_000), aigw.LimitRule("s", 2, kind="concurrency"),
         aigw.LimitRule("open", 40, 60_000, on_fail="open"), aigw.LimitRule("local", 2, 60_000, on_fail="local"),
         aigw.LimitRule("leased", 1000, 60_000, lease=20, lease_ms=5000)]
PATIENT = {"deadline_ms": 20_000, "connect_timeout_ms": 20_000}


@pytest.fixture()
def redis():
    if not SERVER:
        pytest.skip("no redis-server or valkey-server is installed")
    folder = tempfile.mkdtemp()
    path = f"{folder}/s"
    process = subprocess.Popen([SERVER, "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no",
                                "--dir", folder], stdout=subprocess.DEVNULL)

    def answers():
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                s.sendall(b"PING\r\n")
                return s.recv(16) == b"+PONG\r\n"
        except OSError:
            return False

    try:
        assert harness.wait_until(answers)
        yield f"unix:{path}", process
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def test_links_never_pass_the_limit_together(redis):
    limiters = [aigw.Limiter(RULES) for _ in range(4)]
    links = [aigw.LimitLink(limiter, redis[0], **PATIENT) for limiter in limiters]
    taken = []

    def work(link):
        answers = [link.take("r", "k") for _ in range(15)]
        assert all(a.by == "count" for a in answers)
        taken.append(sum(a.allowed for a in answers))

    threads = [threading.Thread(target=work, args=(link,)) for link in links for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(taken) == 8 and sum(taken) == 40
    assert all(link.stats.connected and link.stats.connects == 1 for link in links)
    denied = links[0].peek("r", "k")
    assert not denied and denied.remaining == 0 and 0 < denied.retry_after_ms <= 60_000


def test_settling_over_a_link(redis):
    limiter = aigw.Limiter(RULES)
    with aigw.LimitLink(limiter, redis[0], **PATIENT) as link, aigw.LimitLink(limiter, redis[0], **PATIENT) as other:
        both = link.take_all([("t", "k", 80), ("s", "k")])
        assert both and both.answers[0].remaining == 20
        assert not link.take_all([("s", "k"), ("t", "k", 21)])
        link.settle(both.answers[0].hold, 30)
        assert link.peek("t", "k", 0).remaining == 70 and other.peek("t", "k", 0).remaining == 70
        link.settle(both.answers[0].hold, 0)
        assert link.peek("t", "k", 0).remaining == 70
        assert link.take("s", "k") and not link.take("s", "k")
        link.give_back(both.answers[1].hold)
        link.step()
        assert link.take("s", "k")
        local = limiter.take("s", "elsewhere")
        link.give_back(local.hold)  # of its own limiter
        assert limiter.peek("s", "elsewhere", 0).remaining == 2
        with pytest.raises(aigw.InvalidInput):
            limiter.give_back(link.take("r", "x").hold)
        with pytest.raises(aigw.InvalidInput):
            other.give_back(link.take("r", "x").hold)
        assert link.fileno() >= 0 and link.timeout_ms >= -1


def test_leases_spare_round_trips_and_go_back_at_close(redis):
    first = aigw.LimitLink(aigw.Limiter(RULES), redis[0], **PATIENT)
    answers = [first.take("leased", "k") for _ in range(15)]
    assert all(answers) and "lease" in [a.by for a in answers] and first.stats.by_lease > 0
    assert first.stats.leased_units > 0 and first.stats.round_trips < 15
    first.close()
    second = aigw.LimitLink(aigw.Limiter(RULES), redis[0], **PATIENT)
    assert second.peek("leased", "k", 0).remaining == 1000 - 15


def test_on_fail_decides_when_the_server_is_gone(redis):
    link = aigw.LimitLink(aigw.Limiter(RULES), redis[0], **PATIENT)
    assert link.take("r", "k").by == "count"
    redis[1].kill()
    redis[1].wait()
    closed, opened = link.take("r", "k"), link.take("open", "k")
    assert (closed.allowed, closed.by) == (False, "policy") and (opened.allowed, opened.by) == (True, "policy")
    assert [link.take("local", "k").allowed for _ in range(3)] == [True, True, False]
    assert link.stats.by_policy >= 2 and not link.stats.connected
    link.close()


def test_a_link_keeps_its_limiter_and_says_when_it_is_closed(redis):
    limiter = aigw.Limiter(RULES)
    link = aigw.LimitLink(limiter, redis[0], **PATIENT)
    hold = link.take("s", "k").hold
    limiter.close()
    del limiter
    assert link.take("s", "k") and not link.take("s", "k")
    link.close()
    link.close()
    for call in (lambda: link.take("s", "k"), lambda: link.give_back(hold), link.step, lambda: link.stats, link.fileno):
        with pytest.raises(aigw.InvalidInput) as gone:
            call()
        assert gone.value.reason == "closed"


def test_the_gil_is_released_while_a_link_waits():
    with socket.create_server(("127.0.0.1", 0)) as server:
        heard = []

        def nonsense():  # a thread of this very process: it can only answer without the GIL held
            peer, _ = server.accept()
            with peer:
                heard.append(peer.recv(4096))
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=nonsense)
        thread.start()
        link = aigw.LimitLink(aigw.Limiter(RULES), f"127.0.0.1:{server.getsockname()[1]}", **PATIENT)
        answer = link.take("r", "k")
        thread.join(20)
        assert heard and heard[0] and not answer and answer.by == "policy"
        link.close()


def test_options_that_cannot_be():
    limiter = aigw.Limiter(RULES)
    for options in ({"address": "nonsense"}, {"address": "127.0.0.1:1", "deadline_ms": -1},
                    {"address": "127.0.0.1:1", "prefix": "p" * 65}):
        with pytest.raises(aigw.AigwError) as caught:
            aigw.LimitLink(limiter, **options)
        assert caught.value.code in ("AIGW_E_CONFIG", "AIGW_E_INVALID")
    with pytest.raises(TypeError):
        aigw.LimitLink(limiter, 5)
    limiter.close()
    with pytest.raises(aigw.InvalidInput) as gone:
        aigw.LimitLink(limiter, "127.0.0.1:1")
    assert gone.value.reason == "closed"
