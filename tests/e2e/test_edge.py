"""The incoming edge: PROXY headers, allowed peers, whose request it is, probes, and what is said of refusals."""
import json
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

from harness import Gateway, wait_until
from serve import PATIENCE, Wire, exchange, get, post, read_to_end, wire

ECHO = {"auth": {"jwt": {"enabled": False}}, "providers": [{"type": "echo"}]}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TRUSTED = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"]


def v2(command=1, family=0x11, body=b"", version=2, length=None):
    return SIGNATURE + struct.pack("!BBH", version << 4 | command, family, len(body) if length is None else length) + body


def v4_body(source, port=5000):
    return socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack("!HH", port, 443)


def v6_body(source, port=5000):
    return (socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, "2001:db8::f") +
            struct.pack("!HH", port, 443))


def v1(source, family="TCP4"):
    there = "192.0.2.1" if family == "TCP4" else "2001:db8::f"
    return f"PROXY {family} {source} {there} 5000 443\r\n".encode()


def edge(**server):
    return Gateway({**ECHO, "server": {"trusted_proxies": TRUSTED, "threads": 2, **server}})


def proxied(**server):
    return edge(proxy_protocol=True, **server)


@pytest.fixture(scope="module")
def behind():
    with proxied() as g:
        yield g


def connect_from(port, source="127.0.0.1", to="127.0.0.1"):
    s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET)
    s.settimeout(PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if ":" not in to:
        s.bind((source, 0))
    s.connect((to, port))
    return s


def lines(gateway, event):
    found = []
    for line in gateway.log().splitlines():
        if line.startswith("{"):
            entry = json.loads(line)
            if entry.get("event") == event:
                found.append(entry)
    return found


serial = iter(range(1, 1 << 30))


def client_of(gateway, send, *fields):
    """Whose request the gateway takes it for: send(request) returns the answer's status."""
    name = f"edge-{next(serial)}"
    assert send(get("/v1/models", f"X-Request-Id: {name}", *fields)) == 200
    found = []

    def logged():
        found[:] = [e for e in lines(gateway, "request") if e["request_id"] == name]
        return found
    assert wait_until(logged)
    assert len(found) == 1
    return found[0]["client"]


def sender(gateway, header):
    def send(request):
        with Wire(connect_from(gateway.port)) as w:
            w.send(header + request)
            return w.answer().status
    return send


def metric(gateway, name, header=v1("198.51.100.7")):
    """A counter, asked for through the listener that wants a PROXY header (or none)."""
    with Wire(connect_from(gateway.port)) as w:
        w.send(header + get("/metrics"))
        body = w.answer().body.decode()
    found = re.search(rf"^{re.escape(name)} (\d+)$", body, re.M)
    return int(found.group(1)) if found else 0


def errors(gateway, reason):
    return metric(gateway, f'aigw_server_proxy_errors_total{{reason="{reason}"}}')


# ---- whose request it is ----

XFF = "X-Forwarded-For: 203.0.113.9"
TLV = b"\x04\x00\x03abc" + b"\xee\x00\x00"
CLIENTS = {
    "v1": (v1("198.51.100.7"), [], "198.51.100.7"),
    "v1 IPv6": (v1("2001:db8::7", "TCP6"), [], "2001:db8::7"),
    "v1 mapped": (v1("::ffff:198.51.100.7", "TCP6"), [], "198.51.100.7"),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", [], "127.0.0.1"),
    "v1 UNKNOWN, addresses ignored": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", [], "127.0.0.1"),
    "v2": (v2(body=v4_body("198.51.100.7")), [], "198.51.100.7"),
    "v2 IPv6": (v2(family=0x21, body=v6_body("2001:db8::7")), [], "2001:db8::7"),
    "v2 mapped": (v2(family=0x21, body=v6_body("::ffff:198.51.100.7")), [], "198.51.100.7"),
    "v2 with TLVs": (v2(body=v4_body("198.51.100.7") + TLV), [], "198.51.100.7"),
    "v2 with 2048 bytes": (v2(body=v4_body("198.51.100.7") + b"\xee" * 2036), [], "198.51.100.7"),
    "v2 LOCAL": (v2(command=0, family=0), [], "127.0.0.1"),
    "v2 LOCAL, addresses ignored": (v2(command=0, body=v4_body("198.51.100.7")), [], "127.0.0.1"),
    "v2 UNSPEC": (v2(family=0), [], "127.0.0.1"),
    "v2 UNIX": (v2(family=0x31, body=b"/x".ljust(216, b"\0")), [], "127.0.0.1"),
    "v2 datagram": (v2(family=0x12, body=v4_body("198.51.100.7")), [], "127.0.0.1"),
    "v1, a stranger's X-Forwarded-For": (v1("198.51.100.7"), [XFF], "198.51.100.7"),
    "v1 of a trusted proxy, X-Forwarded-For": (v1("10.1.2.3"), [XFF], "203.0.113.9"),
    "v1 of a trusted proxy, forged left": (v1("10.1.2.3"), [XFF + ", 198.51.100.8"], "198.51.100.8"),
    "v1 of a trusted proxy, three hops": (v1("10.1.2.3"), [XFF + ", 10.0.0.9,10.0.0.8"], "203.0.113.9"),
    "v1 of a trusted proxy, malformed": (v1("10.1.2.3"), [XFF + ", x"], "10.1.2.3"),
    "v1 mapped trusted, X-Forwarded-For": (v1("::ffff:10.1.2.3", "TCP6"), [XFF], "203.0.113.9"),
    "v2 IPv6 trusted, X-Forwarded-For": (v2(family=0x21, body=v6_body("fd00::7")), [XFF], "203.0.113.9"),
    "v2 stranger, X-Forwarded-For twice": (v2(body=v4_body("198.51.100.7")), [XFF, XFF], "198.51.100.7"),
    "v2 LOCAL of a trusted peer, X-Forwarded-For": (v2(command=0, family=0), [XFF], "203.0.113.9"),
    "v1, Forwarded is not read": (v1("10.1.2.3"), ["Forwarded: for=203.0.113.9"], "10.1.2.3"),
}


@pytest.mark.parametrize("case", CLIENTS)
def test_who_it_is(behind, case):
    header, fields, expected = CLIENTS[case]
    assert client_of(behind, sender(behind, header), *fields) == expected


PLAIN = {
    "no header": ([], "127.0.0.1"),
    "X-Forwarded-For": ([XFF], "203.0.113.9"),
    "two lines": (["X-Forwarded-For: 203.0.113.1", "x-forwarded-for: 198.51.100.8, 10.0.0.1"], "198.51.100.8"),
    "with a port": (["X-Forwarded-For: 203.0.113.9:1234"], "203.0.113.9"),
    "IPv6 in brackets": (["X-Forwarded-For: [2001:db8::7]:99"], "2001:db8::7"),
    "mapped": (["X-Forwarded-For: ::ffff:203.0.113.9"], "203.0.113.9"),
    "all trusted": (["X-Forwarded-For: 10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    "hidden": (["X-Forwarded-For: 203.0.113.9, unknown"], "127.0.0.1"),
}


@pytest.mark.parametrize("case", PLAIN)
def test_who_it_is_without_proxy_headers(case, plain):
    fields, expected = PLAIN[case]
    assert client_of(plain, sender(plain, b""), *fields) == expected


@pytest.fixture(scope="module")
def plain():
    with edge() as g:
        yield g


def test_other_headers():
    with edge(forwarded="forwarded") as g:
        assert client_of(g, sender(g, b""), 'Forwarded: for=203.0.113.1, for="[2001:db8::7]:99";proto=https', XFF) == "2001:db8::7"
    with edge(forwarded="header", forwarded_header="X-Real-IP") as g:
        assert client_of(g, sender(g, b""), "x-real-ip: 203.0.113.9", "X-Forwarded-For: 198.51.100.1") == "203.0.113.9"
        assert client_of(g, sender(g, b""), "x-real-ip: 203.0.113.9", "x-real-ip: 203.0.113.8") == "127.0.0.1"
    with edge(forwarded="none") as g:
        assert client_of(g, sender(g, b""), XFF) == "127.0.0.1"
    with edge(forwarded_max_hops=1) as g:
        assert client_of(g, sender(g, b""), "X-Forwarded-For: 203.0.113.9, 10.0.0.1") == "10.0.0.1"


def test_the_connection_keeps_its_client(behind):
    """The header is said once; each of the requests behind it is its client's."""
    with Wire(connect_from(behind.port)) as w:
        def again(request):
            w.send(request)
            return w.answer().status
        w.send(v1("198.51.100.77"))
        for _ in range(3):
            assert client_of(behind, again) == "198.51.100.77"


def test_mapped_peers_are_ipv4():
    config = {**ECHO, "server": {"listen": "[::]:0", "insecure_no_auth": True, "proxy_protocol": True,
                                 "trusted_proxies": TRUSTED}}
    with Gateway(config) as g:
        assert client_of(g, sender(g, b"PROXY UNKNOWN\r\n")) == "127.0.0.1"
        assert client_of(g, sender(g, v1("198.51.100.7"))) == "198.51.100.7"
        with connect_from(g.port, to="::1") as s:  # ::1 is not among the trusted
            s.sendall(v1("198.51.100.7") + get("/healthz"))
            assert read_to_end(s) == b""


# ---- the rules see that address, and no other ----

def test_rules_see_the_client(tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("198.51.100.66\n2001:db8:bad::/48\n")
    config = {**ECHO, "server": {"trusted_proxies": TRUSTED, "proxy_protocol": True},
              "waf": {"ip_reputation": {"reputation": [str(bad)]}}}
    listed = "X-Forwarded-For: 198.51.100.66"
    cases = [(v1("198.51.100.66"), [], 403), (v1("198.51.100.67"), [], 200),
             (v1("::ffff:198.51.100.66", "TCP6"), [], 403),
             (v2(family=0x21, body=v6_body("2001:db8:bad::1")), [], 403),
             (v2(command=0, body=v4_body("198.51.100.66")), [], 200),
             (v1("10.1.2.3"), [listed], 403),  # a trusted proxy's word
             (v1("198.51.100.67"), [listed], 200),  # a stranger's
             (v1("198.51.100.66"), [XFF], 403),  # who is listed does not talk himself out
             (v1("10.1.2.3"), ["X-Forwarded-For: 198.51.100.66, 203.0.113.9"], 200)]
    with Gateway(config) as g:
        for header, fields, status in cases:
            with Wire(connect_from(g.port)) as w:
                w.send(header + get("/v1/models", *fields))
                assert w.answer().status == status, (header, fields)


def test_the_rate_is_the_clients():
    """Addresses behind one proxy have a rate each; the proxy itself is not counted for them."""
    config = {**ECHO, "server": {"trusted_proxies": TRUSTED, "proxy_protocol": True},
              "waf": {"rate_limit": {"limit": 10, "window_s": 300}}}
    with Gateway(config) as g:
        for header, fields in ((v1("198.51.100.1"), []), (v1("10.1.2.3"), ["X-Forwarded-For: 198.51.100.2"]),
                               (v2(family=0x21, body=v6_body("2001:db8::1")), [])):
            with Wire(connect_from(g.port)) as w:
                w.send(header)
                seen = []
                for _ in range(12):
                    w.send(get("/v1/models", *fields))
                    seen.append(w.answer().status)
                assert seen == [200] * 10 + [429] * 2
        with Wire(connect_from(g.port)) as w:  # another address of the same /64
            w.send(v2(family=0x21, body=v6_body("2001:db8::2")) + get("/v1/models"))
            assert w.answer().status == 429


# ---- splits ----

@pytest.mark.parametrize("header", [v1("198.51.100.7"), v2(family=0x21, body=v6_body("2001:db8::7") + TLV),
                                    v2(command=0, family=0)], ids=["v1", "v2", "local"])
def test_every_split(behind, header):
    data = header + get("/healthz") + get("/v1/models")
    waiting = []
    for cut in range(1, len(header) + 20):  # all at once: each waits for its second half
        w = Wire(connect_from(behind.port))
        w.send(data[:cut])
        waiting.append((w, cut))
    for w, cut in waiting:
        with w:
            w.send(data[cut:])
            assert w.answer().json() == {"status": "ok"}, cut
            assert w.answer().status == 200
    with Wire(connect_from(behind.port)) as w:
        for byte in data:
            w.send(bytes([byte]))
        assert w.answer().status == 200 and w.answer().status == 200


def test_pipelined_behind_the_header(behind):
    with Wire(connect_from(behind.port)) as w:
        w.send(v2(body=v4_body("198.51.100.7")) + get("/healthz") * 50)
        for _ in range(50):
            assert w.answer().status == 200


# ---- TLS behind it ----

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edge-tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out",
                    folder / "cert.pem"], check=True, capture_output=True)
    return folder


def test_tls_behind_the_header(certificate):
    files = {"cert_file": str(certificate / "cert.pem"), "key_file": str(certificate / "key.pem")}
    with proxied(tls=files) as g:
        context = ssl.create_default_context(cafile=certificate / "cert.pem")
        for header, client in ((v1("198.51.100.7"), "198.51.100.7"), (v2(family=0x21, body=v6_body("2001:db8::7")), "2001:db8::7"),
                               (v2(command=0, family=0), "127.0.0.1")):
            for cut in (0, 1, 11, len(header) - 1, len(header)):
                raw = connect_from(g.port)
                raw.sendall(header[:cut])
                raw.sendall(header[cut:])
                with Wire(context.wrap_socket(raw, server_hostname="localhost")) as w:
                    def send(request):
                        w.send(request)
                        return w.answer().status
                    assert client_of(g, send) == client
        hello = ssl.MemoryBIO()
        half = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            half.do_handshake()
        with connect_from(g.port) as s:  # header and ClientHello in one packet: the latter stays for TLS
            first = hello.read()
            s.sendall(v1("198.51.100.7") + first)
            assert s.recv(5)[:2] == b"\x16\x03"
        for data in (first, v1("198.51.100.7")[:-2] + first, b"GET / HTTP/1.1\r\n\r\n"):
            with connect_from(g.port) as s:
                try:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # closed already
                assert read_to_end(s) == b""  # not even an alert


# ---- what is no header ----

BAD = {
    "a request": (get("/healthz"), "missing"),
    "garbage": (b"\xff\x00garbage", "missing"),
    "lower case": (b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "missing"),
    "wrong signature": (SIGNATURE[:11] + b"\r" + b"\x21\x11\0\0", "missing"),
    "v1 family": (b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "v1_line"),
    "v1 without CR": (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "v1_line"),
    "v1 address": (b"PROXY TCP4 1.2.3.400 1.2.3.4 1 2\r\n", "v1_address"),
    "v1 IPv6 as TCP4": (b"PROXY TCP4 ::1 ::1 1 2\r\n", "v1_address"),
    "v1 port": (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "v1_address"),
    "v1 two spaces": (b"PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "v1_address"),
    "v1 too long": (b"PROXY UNKNOWN " + b"x" * 100, "too_long"),
    "v2 version": (v2(version=3, body=v4_body("1.2.3.4")), "v2_version"),
    "v2 command": (v2(command=2, body=v4_body("1.2.3.4")), "v2_command"),
    "v2 family": (v2(family=0x41, body=v4_body("1.2.3.4")), "v2_family"),
    "v2 too short": (v2(body=b"\x01\x02\x03\x04"), "v2_length"),
    "v2 too long": (v2(length=2049), "too_long"),
    "v1 cut": (b"PROXY TCP4 1.2", "truncated"),
    "v2 cut": (v2(body=v4_body("1.2.3.4"))[:-1], "truncated"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_headers_are_closed_without_an_answer(behind, case):
    data, reason = BAD[case]
    before = errors(behind, reason)
    with connect_from(behind.port) as s:
        s.sendall(data)
        if reason == "truncated":
            s.shutdown(socket.SHUT_WR)
        assert read_to_end(s) == b""
    assert errors(behind, reason) == before + 1


def test_a_probe_of_the_port_is_no_error(behind):
    before = errors(behind, "truncated"), errors(behind, "missing")
    for _ in range(3):
        with connect_from(behind.port) as s:
            s.shutdown(socket.SHUT_WR)
            assert read_to_end(s) == b""
    assert (errors(behind, "truncated"), errors(behind, "missing")) == before


def test_only_trusted_peers_may_send_one(behind):
    before = errors(behind, "untrusted_peer")
    for data in (v1("198.51.100.7") + get("/healthz"), get("/healthz"), b""):
        with connect_from(behind.port, "127.0.0.2") as s:
            try:
                s.sendall(data)
            except OSError:
                pass  # it is closed already
            assert read_to_end(s) == b""
    assert errors(behind, "untrusted_peer") == before + 3


def test_half_a_header_ends_at_the_deadline():
    with proxied(header_timeout_ms=300) as g:
        for data in (b"", b"PROXY TCP4 1.", v2(body=v4_body("1.2.3.4"))[:-1]):
            with connect_from(g.port) as s:
                s.sendall(data)
                assert read_to_end(s) == b""
        assert errors(g, "timeout") == 3
        with connect_from(g.port) as s:  # dripping does not help
            with pytest.raises(OSError):
                for byte in SIGNATURE + b"\x21\x11\x07\xff" + b"x" * 2000:
                    s.sendall(bytes([byte]))
                    time.sleep(0.02)
        assert errors(g, "timeout") == 4
        with Wire(connect_from(g.port)) as w:  # the deadline is of the header and of the request's head
            w.send(v1("198.51.100.7") + get("/healthz"))
            assert w.answer().status == 200


def test_a_second_header_is_no_request(behind):
    with Wire(connect_from(behind.port)) as w:
        w.send(v1("198.51.100.7") + v1("10.0.0.1") + get("/healthz"))
        assert w.answer().status == 400 and w.closed()
    with Wire(connect_from(behind.port)) as w:
        w.send(v1("198.51.100.7") + get("/healthz"))
        assert w.answer().status == 200
        w.send(v2(body=v4_body("10.0.0.1")) + get("/healthz"))
        assert w.answer().status == 400 and w.closed()


def test_a_header_that_nobody_expects(plain):
    name = 'aigw_server_requests_refused_total{status="400"}'
    before = metric(plain, name, b"")
    for header in (v1("198.51.100.7"), v2(body=v4_body("198.51.100.7"))):
        assert exchange(plain.port, header + get("/healthz")).startswith(b"HTTP/1.1 400 ")
    assert metric(plain, name, b"") == before + 2
    assert any(e["status"] == 400 and e["peer"] == "127.0.0.1" and e["reason"] for e in lines(plain, "refused"))


def test_the_log_is_not_flooded():
    with proxied() as g:
        for _ in range(200):
            with connect_from(g.port) as s:
                s.sendall(b"x")
                assert read_to_end(s) == b""
        assert errors(g, "missing") == 200

        def told():
            return sum(1 - (e["reason"] == "more_of_them") + e.get("more", 0) for e in lines(g, "proxy_refused")) == 200
        assert wait_until(told)
        assert len(lines(g, "proxy_refused")) < 100


def test_refused_requests_are_counted_and_logged():
    with edge(threads=1, header_timeout_ms=300, max_header_bytes=1024) as g:
        assert exchange(g.port, b"GET / HTTP/1.1\r\nHost: x\r\nX: ").startswith(b"HTTP/1.1 408 ")
        assert exchange(g.port, get("/", "X: " + "a" * 2000)).startswith(b"HTTP/1.1 431 ")
        for _ in range(60):
            assert exchange(g.port, b"\x01\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        for status, n in ((408, 1), (431, 1), (400, 60)):
            assert metric(g, f'aigw_server_requests_refused_total{{status="{status}"}}', b"") == n

        def told():
            seen = lines(g, "refused")
            return sum((e["reason"] != "more_of_them") + e.get("more", 0) for e in seen) == 62
        assert wait_until(told)
        assert {408, 431, 400} >= {e["status"] for e in lines(g, "refused") if "status" in e} >= {408}


# ---- allowed peers ----

def refused_at_once(port, source):
    with connect_from(port, source) as s:
        try:
            s.sendall(get("/healthz", "Connection: close"))
        except OSError:
            pass
        return read_to_end(s) == b""


def test_allowed_peers_follow_a_reload():
    config = {**ECHO, "server": {"allowed_peers": ["127.0.0.0/30", "192.0.2.0/24"]}}
    with Gateway(config) as g:
        assert refused_at_once(g.port, "127.0.0.5")
        assert g.request("GET", "/healthz")[0] == 200  # from 127.0.0.1
        with Wire(connect_from(g.port, "127.0.0.2")) as w:
            w.send(get("/healthz"))
            assert w.answer().status == 200
            config["server"] = {"listen": "127.0.0.1:0", "allowed_peers": ["127.0.0.1", "127.0.0.5"]}
            g.config_file.write_text(json.dumps(config))
            g.process.send_signal(signal.SIGHUP)
            assert wait_until(lambda: not refused_at_once(g.port, "127.0.0.5"))
            assert refused_at_once(g.port, "127.0.0.2")
            w.send(get("/healthz"))  # who is in stays
            assert w.answer().status == 200
        assert metric(g, "aigw_server_peers_refused_total", b"") >= 2
        assert any(e["peer"] == "127.0.0.5" for e in lines(g, "peer_refused"))
        config["server"]["allowed_peers"] = ["127.0.0.1/8"]  # a document that is refused changes nothing
        g.config_file.write_text(json.dumps(config))
        g.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "/server/allowed_peers/0" in g.log())
        assert refused_at_once(g.port, "127.0.0.2")


def test_loopback_is_no_exception_and_mapped_peers_are_ipv4():
    config = {**ECHO, "server": {"listen": "[::]:0", "insecure_no_auth": True, "allowed_peers": ["127.0.0.1"]}}
    with Gateway(config) as g:
        assert g.request("GET", "/healthz")[0] == 200
        with connect_from(g.port, to="::1") as s:
            assert read_to_end(s) == b""


def test_allowed_peers_come_before_tls(certificate):
    files = {"cert_file": str(certificate / "cert.pem"), "key_file": str(certificate / "key.pem")}
    with edge(tls=files, allowed_peers=["192.0.2.0/24"]) as g:
        with connect_from(g.port) as s:
            assert read_to_end(s) == b""  # before a byte of ours


# ---- probes ----

def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            address = s.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith(("127.", "0.")) else address


def test_probes_need_neither_token_nor_trust():
    """As a kubelet asks: in clear text, from the node's address, with a GET and a HEAD."""
    address = own_address()
    if not address:
        pytest.skip("this machine has no address beyond loopback")
    config = {"issuer": {"url": "http://gateway", "clients": [{"id": "a", "secret": "b" * 32}]}, "providers": [{"type": "echo"}],
              "server": {"listen": "0.0.0.0:0", "trusted_proxies": ["192.0.2.77"]}}

    def ask(path, method="GET"):
        return (f"{method} {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: kube-probe/1.31\r\n"
                "Accept: */*\r\n\r\n").encode()
    with Gateway(config) as g, Wire(socket.create_connection((address, g.port), PATIENCE)) as w:
        for path in ("/", "/healthz"):
            w.send(ask(path))
            assert w.answer().json() == {"status": "ok"}
            w.send(ask(path, "HEAD"))
            head = w.answer(head_only=True)
            assert head.status == 200 and head.headers["content-length"] == "15"
        w.send(ask("/metrics"))
        answer = w.answer()
        assert answer.status == 200 and b"aigw_server_connections 1\n" in answer.body
        assert b"aigw_requests_in_flight 0\n" in answer.body
        assert len(re.findall(rb"^# TYPE aigw_server_connections ", answer.body, re.M)) == 1
        w.send(ask("/v1/models"))
        assert w.answer().status == 403


def test_probes_take_get_only(plain):
    for method in ("PUT", "DELETE", "POST"):
        for path in ("/", "/healthz", "/metrics"):
            status, headers, body = plain.request(method, path, b"")
            assert status == 405 and headers["allow"] == "GET, HEAD"
            assert json.loads(body)["error"]["message"]
    assert plain.request("GET", "/healthz?verbose=1")[0] == 200
    assert plain.request("GET", "/healthz/")[0] == 404
    assert b'aigw_requests_total{route="health"' in plain.request("GET", "/metrics")[2]
    assert not [e for e in lines(plain, "request") if e["route"] in ("health", "metrics") and e["status"] == 200]


def test_draining_is_said():
    with edge(threads=1, drain_timeout_ms=30000, idle_timeout_ms=30000) as g:
        body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "x"}]}).encode()
        request = post("/v1/chat/completions", body)
        with wire(g.port) as held, wire(g.port) as probe:
            held.send(request[:-5])  # keeps the server from its end
            probe.send(b"GET /heal")  # under way
            assert wait_until(lambda: metric(g, "aigw_server_connections", b"") >= 3)
            g.process.send_signal(signal.SIGTERM)

            def refuses():
                try:
                    connect_from(g.port).close()
                    return False
                except OSError:
                    return True
            assert wait_until(refuses)  # it drains
            probe.send(b"thz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = probe.answer()
            assert answer.status == 503 and answer.json() == {"status": "draining"}
            held.send(request[-5:])
            assert held.answer().status == 200
