"""The gate while everything around it changes: configs reloaded, lists replaced, Redis killed, webhooks that hang,
all under load. Every request gets a sound answer, no place is lost, and the process ends cleanly."""
import collections
import http.client
import json
import os
import pathlib
import signal
import socket
import threading
import time

import pytest

import harness
import redis_peer
from test_quota import ANSWER, AGENT, ask

SLOW = float(os.environ.get("AIGW_TEST_STORM_S", "4"))  # how long a storm lasts
PLACES = 6


def body_of(text, **more):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **more})


class Stage:
    """A provider, a webhook that passes, hangs or dies in turn, and lists in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.list = self.folder / "list.txt"
        self.list.write_text("203.0.113.0/24\n")
        self.asked = 0
        self.provider = harness.Upstream(self.answer)
        self.hook = harness.Upstream(self.judge)

    def answer(self, request, body):
        if json.loads(body).get("stream"):
            request.start_stream()
            for word in ("one ", "two ", "bob@exam", "ple.com"):
                request.chunk(harness.openai_chunk({"content": word}))
                time.sleep(0.005)
            request.chunk(harness.openai_chunk({}, "stop") + "data: [DONE]\n\n")
            request.end_stream()
        else:
            request.answer(200, ANSWER)

    def judge(self, request, _):
        self.asked += 1
        if self.asked % 7 == 0:
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if self.asked % 5 == 0:
            time.sleep(0.3)
        request.answer(200, {"verdict": "pass"})

    def config(self, turn, redis=None):
        """One of several that differ in what must be kept and what must be made anew."""
        limits = [{"name": "places", "concurrent_requests": PLACES},
                  {"name": "calls", "requests_per_minute": 1000000 + turn % 3, "tokens_per_minute": 100000000}]
        guards = [{"name": "pii", "on": ["prompt", "answer"], "rules": {"email": "mask", "card": "block"}},
                  {"name": "hook", "on": ["prompt"], "webhook": {
                      "url": f"http://127.0.0.1:{self.hook.port}/check", "timeout_ms": 100 + turn % 2,
                      "on_fail": "open"}}]
        if turn % 4 == 3:
            guards = []
        elif turn % 4 == 2:
            guards = guards[:1]
        config = harness.open_config(
            [{"name": "o", "type": "openai", "base_url": f"http://127.0.0.1:{self.provider.port}/v1",
              "api_key": "k", "max_retries": 0}], [{"name": "m", "targets": [{"provider": "o"}]}],
            rate_limits=limits, guardrails=guards, enable_waf=turn % 7 != 6,
            waf={"rate_limit": {"limit": 1000000 + turn % 2}, "log": "none",
                 "mode": "count" if turn % 5 == 4 else "block",
                 "ip_reputation": {"check_s": 1, "reputation": [str(self.list)],
                                   **({"max_entries": 1000 + turn % 3})}})
        config["server"] = {"listen": "127.0.0.1:0", "threads": 3}
        if redis:
            config["redis"] = {"address": redis.address, "deadline_ms": 200}
            for limit in limits:
                limit["on_fail"] = "open" if turn % 2 else "local"
        return config

    def __enter__(self):
        self.provider.__enter__()
        self.hook.__enter__()
        return self

    def __exit__(self, *_):
        self.provider.__exit__()
        self.hook.__exit__()


class Load:
    """Clients that ask until told to stop; every fourth hangs up at once."""

    def __init__(self, gateway, threads=8):
        self.gateway, self.over = gateway, threading.Event()
        self.statuses, self.faults, self.lock = collections.Counter(), [], threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(threads)]

    def once(self, i, n):
        if (i + n) % 4 == 0:
            body = body_of("hello", stream=True)
            with socket.create_connection(("127.0.0.1", self.gateway.port), 10) as s:
                s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nUser-Agent: t\r\n"
                          b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body.encode())
                s.settimeout(0.01 * (n % 3) or 0.001)
                try:
                    s.recv(1)
                except OSError:
                    pass
            return "hung up"
        text = "<script>alert(1)</script> x@y.example" if n % 3 else "4111 1111 1111 1111"
        status, _, answer = self.gateway.request("POST", "/v1/chat/completions",
                                                 body_of(text, stream=bool(n % 2)), AGENT)
        assert status in (200, 400, 429), (status, answer)
        assert status != 200 or answer
        return status

    def work(self, i):
        n = 0
        while not self.over.is_set():
            try:
                status = self.once(i, n)
            except (AssertionError, OSError, http.client.HTTPException) as fault:
                with self.lock:
                    self.faults.append(repr(fault))
                status = "fault"
            with self.lock:
                self.statuses[status] += 1
            n += 1

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join(60)
        assert not any(t.is_alive() for t in self.threads), "a request never ended"


def put(gateway, config):
    """A config in place of the one before, at once; then the signal."""
    fresh = gateway.config_file.with_suffix(".new")
    fresh.write_text(json.dumps(config))
    os.replace(fresh, gateway.config_file)
    gateway.process.send_signal(signal.SIGHUP)


def all_places_are_free(gateway):
    """As many at a time as there are places, again and again: each must find one."""
    return harness.wait_until(lambda: [ask(gateway, "m")[0] for _ in range(PLACES + 2)] == [200] * (PLACES + 2))


@pytest.mark.parametrize("shared", [False, True], ids=["memory", "redis"])
def test_reloads_under_load(tmp_path, shared):
    if shared and redis_peer.program() is None:
        pytest.skip("no redis-server is installed")
    redis = redis_peer.Redis() if shared else None
    try:
        with Stage(tmp_path) as stage, harness.Gateway(stage.config(0, redis)) as gateway:
            with Load(gateway) as load:
                end, turn = time.monotonic() + SLOW, 0
                while time.monotonic() < end:
                    turn += 1
                    put(gateway, stage.config(turn, redis))
                    fresh = stage.folder / "fresh.txt"
                    fresh.write_text(f"203.0.113.{turn % 256}\n")
                    fresh.replace(stage.list)
                    time.sleep(0.02)
            assert not load.faults, load.faults[:5]
            assert load.statuses[200] > 0, load.statuses
            put(gateway, stage.config(1, redis))
            assert all_places_are_free(gateway)
            refused = [line for line in gateway.log().splitlines() if "config_reload_refused" in line]
            assert not refused, refused[:3]
    finally:
        if redis:
            redis.__exit__()


@pytest.mark.skipif(redis_peer.program() is None, reason="no redis-server is installed")
def test_a_redis_that_comes_and_goes_under_load(tmp_path):
    with Stage(tmp_path) as stage, redis_peer.Redis() as redis:
        with harness.Gateway(stage.config(0, redis)) as gateway:
            with Load(gateway) as load:
                end, turn = time.monotonic() + SLOW, 0
                while time.monotonic() < end:
                    turn += 1
                    if turn % 3 == 0:
                        redis.do("FLUSHALL")
                    elif turn % 3 == 1:
                        redis.stop()
                        time.sleep(0.3)
                        redis.go_on()
                    else:
                        redis.kill()
                        time.sleep(0.3)
                        redis.start()
                    if turn % 2:
                        put(gateway, stage.config(turn, redis))
                    time.sleep(0.1)
            assert not load.faults, load.faults[:5]
            assert load.statuses[200] > 0, load.statuses
            redis.do("FLUSHALL")
            assert all_places_are_free(gateway)


@pytest.mark.parametrize("waits_for", ["webhook", "redis"])
def test_ending_while_requests_wait(tmp_path, waits_for):
    """SIGTERM with requests in the middle of a question: they are answered, or let go, and the end is clean."""
    if waits_for == "redis" and redis_peer.program() is None:
        pytest.skip("no redis-server is installed")
    redis = redis_peer.Redis() if waits_for == "redis" else None
    try:
        with Stage(tmp_path) as stage:
            hang = threading.Event()
            asked = threading.Event()

            def judge(request, _):
                asked.set()
                hang.wait(20)
                request.answer(200, {"verdict": "pass"})
            stage.judge = judge
            stage.hook.__exit__()
            stage.hook = harness.Upstream(judge).__enter__()
            config = stage.config(0, redis)
            config["guardrails"][1]["webhook"]["timeout_ms"] = 20000
            if redis:
                config["guardrails"] = []
                config["redis"]["deadline_ms"] = 20000
            with harness.Gateway(config) as gateway:
                got = []
                threads = [threading.Thread(target=lambda: got.append(ask(gateway, "m")[0]), daemon=True)
                           for _ in range(4)]
                if redis:
                    redis.stop()
                for t in threads:
                    t.start()
                if redis:
                    assert harness.wait_until(lambda: sum(
                        1 for line in pathlib.Path(f"/proc/{gateway.process.pid}/net/tcp").read_text().splitlines()
                        if f":{gateway.port:04X} " in line.split()[1] + " " and line.split()[3] == "01") >= 4)
                else:
                    assert asked.wait(20)
                put(gateway, stage.config(1, redis))
                gateway.process.send_signal(signal.SIGTERM)
                time.sleep(0.2)
                assert gateway.process.poll() is None  # it waits for them
                hang.set()
                if redis:
                    redis.go_on()
                for t in threads:
                    t.join(30)
                assert got == [200] * 4
                assert gateway.process.wait(30) == 0
    finally:
        if redis:
            redis.__exit__()


def test_a_list_that_becomes_something_else_blocks_nothing(tmp_path):
    """A directory, a FIFO, a file that nobody may read, half a file: the last good list goes on."""
    with Stage(tmp_path) as stage:
        stage.list.write_text("127.0.0.2\n203.0.113.0/24\n")
        config = stage.config(0)
        config["guardrails"] = []
        config["rate_limits"] = []
        config["server"]["trusted_proxies"] = ["127.0.0.1"]
        stand_ins = {
            "directory": lambda p: p.mkdir(),
            "fifo": os.mkfifo,
            "device": lambda p: p.symlink_to("/dev/zero"),
            "loop": lambda p: p.symlink_to(p),
            "half": lambda p: p.write_text("127.0.0.2\n203.0.1"),
            "empty": lambda p: p.write_text(""),
            "gone": lambda p: None,
        }
        with harness.Gateway(config) as gateway:
            def status(address):
                return ask(gateway, "m", headers={"X-Forwarded-For": address})[0]
            assert status("203.0.113.9") == 403 and status("192.0.2.1") == 200
            for name, make in stand_ins.items():
                refused = gateway.log().count('"event":"ip_list_refused"')
                if stage.list.is_dir() and not stage.list.is_symlink():
                    stage.list.rmdir()
                else:
                    stage.list.unlink(missing_ok=True)
                make(stage.list)
                gateway.process.send_signal(signal.SIGHUP)
                assert harness.wait_until(lambda: status("203.0.113.9") == 403 and gateway.log().count(
                    '"event":"ip_list_refused"') > refused), (name, gateway.log()[-2000:])
                assert status("192.0.2.1") == 200, name
