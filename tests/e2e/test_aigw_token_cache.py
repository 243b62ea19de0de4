"""aigw-token's cache file: private, whole or not there, one fetch for many processes, never a token about to end."""
import json
import os
import pathlib
import random
import signal
import stat
import subprocess
import threading
import time

import pytest

from harness import TOKEN, wait_until
from token_server import TokenServer

pytestmark = pytest.mark.skipif(not TOKEN.exists(), reason=f"{TOKEN} is not built")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def server():
    with TokenServer() as s:
        yield s


def environment(server, home, **more):
    keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS") if name in os.environ}
    if home is not None:
        home.mkdir(exist_ok=True)
        keep["HOME"] = str(home)
    return {**keep, "GATEWAY_CLIENT_ID": "agent", "GATEWAY_CLIENT_SECRET": "very-s3cret",
            "GATEWAY_TOKEN_ENDPOINT": server.url, **more}


def run(server, home, *args, **more):
    return subprocess.run([TOKEN, *args], env=environment(server, home, **more), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60)


def token(server, home, *args, **more):
    done = run(server, home, *args, **more)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def folder(home):
    return home / ".cache" / "aigw"


def the_file(home):
    files = sorted(folder(home).glob("token-*.json"))
    assert len(files) == 1
    return files[0]


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def rewrite(path, **change):
    document = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")


def test_the_second_call_asks_nobody(server, home):
    assert [token(server, home) for _ in range(3)] == ["t-1"] * 3
    assert len(server.requests) == 1
    assert mode(folder(home)) == 0o700
    assert [mode(path) for path in folder(home).iterdir()] == [0o600] * 2
    kept = json.loads(the_file(home).read_text())
    assert kept["access_token"] == "t-1" and kept["expires_at"] - kept["issued_at"] == 3600
    assert "very-s3cret" not in "".join(path.read_text() + path.name for path in folder(home).iterdir())


def test_xdg_cache_home_comes_first_if_it_is_absolute(server, home, tmp_path):
    token(server, home, XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert list((tmp_path / "xdg" / "aigw").glob("token-*.json")) and not (home / ".cache").exists()
    token(server, home, XDG_CACHE_HOME="relative")
    assert the_file(home).exists() and not pathlib.Path("relative").exists()


def test_what_decides_the_token_decides_the_file(server, home):
    ways = [[], ["--scope", "a"], ["--scope", "b"], ["--audience", "a"], ["--resource", "a"],
            ["--auth-method", "client_secret_basic"]]
    assert len({token(server, home, *way) for way in ways}) == len(ways)
    for name in ("GATEWAY_CLIENT_ID", "GATEWAY_CLIENT_SECRET"):
        token(server, home, **{name: "other"})
    assert len(server.requests) == len(ways) + 2 == len(list(folder(home).glob("token-*.json")))
    for way in ways:
        token(server, home, *way)
    assert len(server.requests) == len(ways) + 2


def test_no_cache_and_force(server, home):
    assert token(server, home, "--no-cache") == "t-1"
    assert not folder(home).exists()
    assert token(server, home) == "t-2"
    assert token(server, home, "--no-cache") == "t-3"
    assert token(server, home) == "t-2"
    assert token(server, home, "--force") == "t-4"
    assert token(server, home) == "t-4"


@pytest.mark.parametrize("life, left, kept", [(3600, 950, True), (3600, 850, False), (1800, 650, True),
                                              (1800, 550, False), (86400, 22000, True), (86400, 21000, False),
                                              (100, 60, True), (100, 40, False), (600, 310, True), (600, 290, False)])
def test_a_token_that_is_about_to_end_is_not_handed_out(server, home, life, left, kept):
    token(server, home)
    now = int(time.time())
    rewrite(the_file(home), issued_at=now + left - life, expires_at=now + left)
    assert token(server, home) == ("t-1" if kept else "t-2")


def test_min_ttl_is_a_rule_of_its_own(server, home):
    token(server, home)
    assert token(server, home, "--min-ttl", "3500") == "t-1"
    assert token(server, home, "--min-ttl", "3700") == "t-2"
    now = int(time.time())
    rewrite(the_file(home), issued_at=now - 3500, expires_at=now + 100)
    assert token(server, home, "--min-ttl", "0") == "t-2"
    rewrite(the_file(home), issued_at=now - 3600, expires_at=now)
    assert token(server, home, "--min-ttl", "0") == "t-3"


@pytest.mark.parametrize("change", [{"issued_at": 1 << 33, "expires_at": (1 << 33) + 3600},
                                    {"expires_at": 1 << 45}, {"issued_at": 0}, {"issued_at": 1 << 50}])
def test_a_clock_that_was_moved_back_and_other_nonsense(server, home, change):
    token(server, home)
    rewrite(the_file(home), **change)
    assert token(server, home) == "t-2"
    assert json.loads(the_file(home).read_text())["access_token"] == "t-2"


def damage_symlink(path):
    aside = path.with_name("elsewhere")
    path.rename(aside)
    path.symlink_to(aside)


def damage_link(path):
    os.link(path, path.with_name("second"))


def damage_mode(path):
    path.chmod(0o640)


def damage_owner(path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 12345, -1)


def damage_type(path):
    path.unlink()
    os.mkfifo(path, 0o600)


def damage_empty(path):
    path.write_bytes(b"")


def damage_junk(path):
    path.write_bytes(b"\0\xff not what anybody wrote")


def damage_tail(path):
    path.write_bytes(path.read_bytes() + b"{}")


def damage_nul(path):
    path.write_bytes(path.read_bytes().replace(b"t-1", b"t\0-1"))


def damage_newline(path):
    path.write_bytes(path.read_bytes().replace(b"t-1", b"t\n-1"))


def damage_escape(path):
    path.write_bytes(path.read_bytes().replace(b"t-1", b"t\\u002d1"))


def damage_huge(path):
    path.write_bytes(path.read_bytes().replace(b"t-1", b"x" * 300000))


DAMAGES = [f for name, f in sorted(globals().items()) if name.startswith("damage_")]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_a_file_that_is_not_ours_or_not_whole_is_ignored(server, home, damage):
    token(server, home)
    damage(the_file(home))
    assert token(server, home) == "t-2"
    assert token(server, home) == "t-2"  # and it was replaced
    assert stat.S_ISREG(the_file(home).lstat().st_mode) and mode(the_file(home)) == 0o600


def test_every_truncation_is_ignored(server, home):
    token(server, home)
    whole = the_file(home).read_bytes()
    for size in random.Random(7).sample(range(len(whole)), 12):
        path = the_file(home)
        path.write_bytes(whole[:size])
        assert token(server, home) != "t-1"


def test_a_symlink_to_another_file_is_neither_followed_nor_written(server, home, tmp_path):
    token(server, home)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o600)
    path = the_file(home)
    for name in (path.name, path.name.replace(".json", ".tmp")):
        path.with_name(name).unlink(missing_ok=True)
        path.with_name(name).symlink_to(victim)
    assert token(server, home) == "t-2"
    assert victim.read_text() == "precious"
    path.with_name(path.name.replace(".json", ".lock")).unlink()
    path.with_name(path.name.replace(".json", ".lock")).symlink_to(victim)
    path.unlink()
    assert token(server, home) == "t-3"  # without the lock, and so without writing
    assert victim.read_text() == "precious" and not path.exists()


def test_a_folder_that_others_can_enter_is_not_used(server, home):
    folder(home).mkdir(parents=True)
    folder(home).chmod(0o755)
    assert [token(server, home) for _ in range(2)] == ["t-1", "t-2"]
    assert not list(folder(home).iterdir())


def test_a_folder_that_is_a_symlink_is_not_used(server, home, tmp_path):
    home.mkdir()
    (home / ".cache").mkdir()
    (tmp_path / "other").mkdir(mode=0o700)
    folder(home).symlink_to(tmp_path / "other")
    token(server, home)
    assert not list((tmp_path / "other").iterdir())


def test_no_home_a_home_that_is_a_file_and_one_that_cannot_be_written(server, home, tmp_path):
    assert token(server, None) == "t-1"
    (tmp_path / "file").write_text("")
    assert token(server, None, HOME=str(tmp_path / "file")) == "t-2"
    assert token(server, None, HOME="/proc/1/nothing") == "t-3"
    assert token(server, None, HOME="relative") == "t-4"
    assert token(server, None, HOME="/" + "x" * 5000) == "t-5"
    home.mkdir(mode=0o500)
    if os.geteuid() != 0:  # root writes anywhere
        assert token(server, home) == "t-6"


def test_tokens_of_unknown_life_are_not_kept(home):
    with TokenServer(lambda form, headers, n: (200, {"access_token": f"opaque-{n}"}, {})) as server:
        assert [token(server, home) for _ in range(2)] == ["opaque-1", "opaque-2"]
        assert not list(folder(home).glob("*.json"))


def test_the_exp_claim_tells_a_life_when_the_answer_does_not(home):
    import base64

    def jwt(n):
        parts = [json.dumps(p).encode() for p in ({"alg": "RS256"}, {"exp": int(time.time()) + 3600, "n": n})]
        return b".".join(base64.urlsafe_b64encode(p).rstrip(b"=") for p in [*parts, b"sig"]).decode()

    with TokenServer(lambda form, headers, n: (200, {"access_token": jwt(n)}, {})) as server:
        assert token(server, home) == token(server, home)
        assert len(server.requests) == 1


def test_tokens_with_quotes_survive(home):
    strange = 'a"b\\c/\u00e4 %s {"'
    with TokenServer(lambda form, headers, n: (200, {"access_token": strange, "expires_in": 3600}, {})) as server:
        assert [token(server, home) for _ in range(2)] == [strange] * 2
        assert len(server.requests) == 1


def test_a_failure_is_not_kept(home):
    with TokenServer(lambda form, headers, n: (400, {"error": "invalid_client"}, {})) as server:
        for _ in range(2):
            assert run(server, home).returncode == 2
        assert len(server.requests) == 2 and not list(folder(home).glob("*.json"))


def start_many(server, home, count):
    return [subprocess.Popen([TOKEN], env=environment(server, home), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(count)]


def test_fifty_processes_fetch_once(home):
    gate = threading.Event()

    def slow(form, headers, n):
        gate.wait(30)
        return 200, {"access_token": f"t-{n}", "expires_in": 3600}, {}

    with TokenServer(slow) as server:
        processes = start_many(server, home, 50)
        assert wait_until(lambda: server.requests, 30)
        gate.set()
        outputs = [p.communicate(timeout=60) for p in processes]
        assert [p.returncode for p in processes] == [0] * 50
        assert set(outputs) == {(b"t-1", b"")}
        assert len(server.requests) == 1


def test_a_holder_of_the_lock_that_hangs_does_not_stop_the_others(home):
    import fcntl
    with TokenServer() as server:
        token(server, home)
        path = the_file(home)
        path.unlink()
        with open(path.with_name(path.name.replace(".json", ".lock"))) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert token(server, home, "--timeout", "1") == "t-2"
            assert not path.exists()
        assert token(server, home) == "t-3"


def test_killed_at_any_point_a_good_file_or_none_is_left(home):
    rng = random.Random(42)
    with TokenServer() as server:
        for _ in range(40):
            for path in folder(home).glob("*.json"):
                path.unlink()
            process = start_many(server, home, 1)[0]
            time.sleep(rng.random() * 0.04)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            for path in folder(home).glob("*.json"):
                kept = json.loads(path.read_text())
                assert kept["access_token"].startswith("t-") and mode(path) == 0o600
        assert token(server, home).startswith("t-")  # no lock and no half-written file is in the way
        assert token(server, home) == f"t-{len(server.requests)}"
        assert not list(folder(home).glob("*.tmp"))
