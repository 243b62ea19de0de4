"""Several gateways on one real Redis: never over the limit together, whatever dies, and what on_fail says when
the Redis is stopped, slow, gone or has lost its data."""
import concurrent.futures
import json
import secrets
import signal

import pytest

import harness
import redis_peer
import serve
from test_quota import ANSWER, ask, statuses, token_of, with_upstream

pytestmark = pytest.mark.skipif(redis_peer.program() is None, reason="no redis-server is installed")


def limits(address, *entries, **redis):
    return {"redis": {"address": address, "deadline_ms": 5000, **redis}, "rate_limits": list(entries)}


def config(address, *entries, server=None, **redis):
    c = harness.open_config([{"type": "echo"}], **limits(address, *entries, **redis))
    return {**c, "server": server} if server else c


def metric(gateway, name):
    text = gateway.request("GET", "/metrics")[2].decode()
    return sum(int(line.split()[-1]) for line in text.splitlines()
               if line.startswith(name) and 'of="call"' in line)


def many(gateways, n, threads=12):
    """n calls, spread over the gateways, many at a time."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda i: ask(gateways[i % len(gateways)])[0], range(n)))


# ---- together ----

@pytest.mark.parametrize("lease", [0, 10])
def test_three_processes_never_exceed_the_limit_together(lease):
    entry = {"name": "all", "requests_per_minute": 100, **({"lease": lease} if lease else {})}
    with redis_peer.Redis() as redis:
        c = config(redis.address, entry, server={"threads": 2})
        with harness.Gateway(c) as a, harness.Gateway(c) as b, harness.Gateway(c) as d:
            got = many([a, b, d], 300)
            assert set(got) == {200, 429}
            # A lease is at most a quarter of what is free, so hardly anything is left over.
            assert got.count(200) == 100 if not lease else 80 <= got.count(200) <= 100
            assert sum(metric(g, "aigw_redis_by_policy_total") for g in (a, b, d)) == 0
            if lease:
                assert harness.wait_until(
                    lambda: sum(metric(g, "aigw_redis_by_lease_total") for g in (a, b, d)) > 0)


def test_tokens_and_places_are_shared():
    def handler(h, _):
        h.answer(200, ANSWER)
    with redis_peer.Redis() as redis, harness.Upstream(handler) as upstream:
        c = with_upstream(upstream.port, **limits(
            redis.address, {"name": "t", "tokens_per_minute": 1000, "concurrent_requests": 1}))
        with harness.Gateway(c) as a, harness.Gateway(c) as b:
            def left(gateway):
                status, headers, _ = ask(gateway, "m", max_tokens=300)
                assert status == 200
                return int(headers["x-ratelimit-remaining-tokens"])
            first = left(a)
            assert harness.wait_until(lambda: left(b) <= first - 12)


def test_a_process_that_is_killed_loses_its_lease_at_most():
    entry = {"name": "all", "requests_per_minute": 100, "lease": 10, "lease_ms": 60000}
    with redis_peer.Redis() as redis:
        with harness.Gateway(config(redis.address, entry)) as b:
            a = harness.Gateway(config(redis.address, entry))
            try:
                assert ask(a)[0] == 200
                assert harness.wait_until(lambda: metric(a, "aigw_redis_leased_units") == 9)
            finally:
                a.process.send_signal(signal.SIGKILL)
                a.process.wait()
                a.folder.cleanup()
            got = many([b], 150)
            assert 100 - 1 - 9 <= got.count(200) <= 99


def test_a_process_that_ends_gives_its_lease_back():
    entry = {"name": "all", "requests_per_minute": 100, "lease": 10, "lease_ms": 60000}
    with redis_peer.Redis() as redis:
        with harness.Gateway(config(redis.address, entry)) as a:
            assert ask(a)[0] == 200
            assert harness.wait_until(lambda: metric(a, "aigw_redis_leased_units") == 9)
        plain = {"name": "all", "requests_per_minute": 100}
        with harness.Gateway(config(redis.address, plain)) as b:
            status, headers, _ = ask(b)
            assert status == 200 and headers["x-ratelimit-remaining-requests"] == "98"


def test_counts_outlive_a_restart():
    entry = {"name": "all", "requests_per_minute": 3}
    with redis_peer.Redis() as redis:
        with harness.Gateway(config(redis.address, entry)) as a:
            assert statuses(a, 2) == [200, 200]
        with harness.Gateway(config(redis.address, entry)) as b:
            assert statuses(b, 2) == [200, 429]


# ---- without it ----

WITHOUT = {"closed": [503, 503, 503, 503], "open": [200, 200, 200, 200], "local": [200, 200, 429, 429]}


def three(address, **more):
    """A gateway for each policy; each has its own limit of two."""
    return [harness.Gateway(config(address, {"name": policy, "requests_per_minute": 2, "on_fail": policy},
                                   **{"deadline_ms": 300, **more})) for policy in WITHOUT]


def end(gateways):
    for gateway in gateways:
        gateway.stop()
        gateway.folder.cleanup()


def counting(gateways):
    """All of them have a connection."""
    for gateway in gateways:
        assert harness.wait_until(lambda: metric(gateway, "aigw_redis_connected") == 1)  # noqa: B023


@pytest.mark.parametrize("trouble", ["stopped", "killed", "slow"])
def test_what_on_fail_says(trouble):
    with redis_peer.Redis() as redis, redis_peer.SlowRoad(redis.port) as road:
        gateways = three(road.address)
        try:
            counting(gateways)
            for gateway in gateways:
                assert statuses(gateway, 1) == [200]
            if trouble == "stopped":
                redis.stop()
            elif trouble == "killed":
                redis.kill()
            else:
                road.delay = 1.5
            for gateway, policy in zip(gateways, WITHOUT):
                assert statuses(gateway, 4) == WITHOUT[policy], policy
                assert metric(gateway, "aigw_redis_by_policy_total") >= 1 or harness.wait_until(
                    lambda: metric(gateway, "aigw_redis_by_policy_total") >= 1)  # noqa: B023
            if trouble == "killed":
                redis.start()
            redis.go_on()
            road.delay = 0.0
            # It counts again: one was taken before, and what was asked meanwhile may have arrived late.
            open_one = gateways[1]
            assert harness.wait_until(lambda: 429 in statuses(open_one, 3))
        finally:
            end(gateways)


def test_lost_data_is_noticed():
    with redis_peer.Redis() as redis:
        gateways = three(redis.address, deadline_ms=5000)
        try:
            counting(gateways)
            for gateway in gateways:
                assert statuses(gateway, 3) == [200, 200, 429]
            assert redis.do("FLUSHALL").startswith(b"+OK")
            closed, opened, local = gateways
            assert set(statuses(closed, 3)) <= {503, 429}  # nobody knows what was in the window
            assert statuses(opened, 3) == [200, 200, 429]  # these begin anew
            assert statuses(local, 3) == [200, 200, 429]
        finally:
            end(gateways)


def test_the_rate_by_address_goes_over_redis_too():
    with redis_peer.Redis() as redis:
        c = harness.open_config([{"type": "echo"}], redis={"address": redis.address, "deadline_ms": 5000},
                                waf={"rate_limit": {"limit": 3}})
        c["server"] = {"trusted_proxies": ["127.0.0.1"]}
        of = {"headers": {"X-Forwarded-For": "192.0.2.1"}}
        with harness.Gateway(c) as a, harness.Gateway(c) as b:
            assert statuses(a, 2, **of) == [200, 200]
            assert statuses(b, 2, **of) == [200, 429]
            assert statuses(a, 1, **of) == [429]
            assert statuses(a, 1, headers={"X-Forwarded-For": "192.0.2.2"}) == [200]


def test_tokens_are_looked_at_after_the_wait():
    """The headers of a request are there still when the Redis has answered about its address."""
    with redis_peer.Redis() as redis:
        c, secret = harness.secured([{"type": "echo"}], [], redis={"address": redis.address, "deadline_ms": 5000},
                                    rate_limits=[{"name": "c", "per": ["client", "key"], "requests_per_minute": 2}])
        with harness.Gateway(c) as a:
            token = token_of(a, "team-a", secret)
            assert statuses(a, 1) == [401]
            assert statuses(a, 1, token=token + "x") == [401]
            assert statuses(a, 1, token=token) == [200]
            assert statuses(a, 1, headers={"x-api-key": token}) == [200]
            assert statuses(a, 1, token=token) == [429]
            assert token not in a.log() and token.encode() not in redis.do("KEYS", "*")


def test_who_leaves_while_the_redis_thinks_has_taken_nothing():
    entry = {"name": "all", "requests_per_minute": 2, "concurrent_requests": 1}
    with redis_peer.Redis() as redis, redis_peer.SlowRoad(redis.port) as road:
        c = config(road.address, entry, deadline_ms=20000)
        c["waf"] = {"rate_limit": {"action": "none"}}
        with harness.Gateway(c) as gateway:
            counting([gateway])
            road.delay = 1.0
            with serve.wire(gateway.port) as w:
                w.send(serve.post("/v1/chat/completions", serve.chat("hi")))
                assert harness.wait_until(lambda: b":1\r\n" in redis.do("EXISTS", "aigw:epoch"))
            assert harness.wait_until(lambda: "cancelled" in gateway.log())
            road.delay = 0.0
            got = []
            assert harness.wait_until(lambda: got.append(ask(gateway)) or got[-1][0] == 200)
            assert got[-1][1]["x-ratelimit-remaining-requests"] == "1"
            assert statuses(gateway, 2) == [200, 429]


# ---- secrets ----

def test_the_password_is_used_and_never_told():
    right, wrong = secrets.token_hex(12), secrets.token_hex(12)
    entry = {"name": "all", "requests_per_minute": 2}
    with redis_peer.Redis(password=right) as redis:
        for password, expected in ((right, [200, 200, 429]), (wrong, [503, 503, 503])):
            with harness.Gateway(config(redis.address, entry, password=password, deadline_ms=2000)) as g:
                assert statuses(g, 3) == expected
                assert password not in g.log()
                assert password not in g.request("GET", "/metrics")[2].decode()
        assert right.encode() not in redis.do("KEYS", "*")


def test_a_password_in_a_file(tmp_path):
    word = secrets.token_hex(12)
    file = tmp_path / "redis"
    file.write_text(word + "\n")
    with redis_peer.Redis(password=word) as redis:
        with harness.Gateway(config(redis.address, {"name": "all", "requests_per_minute": 1},
                                    password_file=str(file), deadline_ms=2000)) as g:
            assert statuses(g, 2) == [200, 429]
        assert json.dumps(word) not in str(redis.do("KEYS", "*"))
