"""Raw sockets against a gateway: bytes out, bytes in, nothing in between that could repair them."""
import json
import os
import re
import socket
import time

PATIENCE = int(os.environ.get("AIGW_TEST_PATIENCE", "30"))  # seconds; only reached when something is broken


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), PATIENCE)
    s.settimeout(PATIENCE)
    return s


def read_to_end(s):
    """Everything until the server closes. A reset counts as closed."""
    data = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more


def exchange(port, data):
    """Sends data, then reads until the server closes."""
    with connect(port) as s:
        s.sendall(data)
        return read_to_end(s)


class Answer:
    """One response as it came: status, headers (lower case), body, and whether its end was seen."""

    def __init__(self, status, headers, body, complete=True):
        self.status, self.headers, self.body, self.complete = status, headers, body, complete

    def json(self):
        return json.loads(self.body)


class Wire:
    """A connection whose answers are read one by one."""

    def __init__(self, s):
        self.socket, self.rest = s, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.rest += data
        return bool(data)

    def until(self, mark):
        while mark not in self.rest:
            assert self.more(), f"closed before {mark!r}: {self.rest[-300:]!r}"
        head, _, self.rest = self.rest.partition(mark)
        return head

    def take(self, n):
        while len(self.rest) < n:
            if not self.more():
                break
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def closed(self):
        """True when the server ends the connection without another byte."""
        return self.rest == b"" and not self.more()

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", lines[0]).group(1))
        return status, dict(map(str.strip, (k.lower(), v)) for k, v in
                            (line.split(":", 1) for line in lines[1:]))

    def answer(self, head_only=False):
        status, headers = self.head()
        if head_only or status in (100, 204, 304):
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return self.chunked(status, headers)
        if "content-length" in headers:
            length = int(headers["content-length"])
            body = self.take(length)
            return Answer(status, headers, body, len(body) == length)
        body, self.rest = self.rest + read_to_end(self.socket), b""
        return Answer(status, headers, body)

    def chunked(self, status, headers):
        body = b""
        while True:
            while b"\r\n" not in self.rest:
                if not self.more():
                    return Answer(status, headers, body, complete=False)
            size = int(self.until(b"\r\n"), 16)
            piece = self.take(size + 2)
            if len(piece) < size + 2:
                return Answer(status, headers, body + piece, complete=False)
            assert piece.endswith(b"\r\n")
            if size == 0:
                return Answer(status, headers, body)
            body += piece[:-2]


def wire(port):
    return Wire(connect(port))


def agent(fields):
    """The WAF wants one; and no more than one."""
    return [] if any(f.lower().startswith("user-agent:") for f in fields) else ["User-Agent: raw/1"]


def post(path, body, *fields, version="1.1"):
    """A request as bytes. body: a dict, or bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: gateway", *agent(fields),
             "Content-Type: application/json", f"Content-Length: {len(data)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def get(path, *fields, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: gateway", *agent(fields), *fields, "", ""]).encode()


def chat(text, model="echo", **more):
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def stands_still(value, seconds=1.0):
    """Waits until value() has not changed for a while; returns it."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.05)
        if value() != last:
            last, since = value(), time.monotonic()
    return last
