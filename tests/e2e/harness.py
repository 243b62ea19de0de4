"""Starting what an end-to-end test needs: aigw-serve, a mock upstream that nobody here wrote, and a
scripted upstream that records what reached it. Everything listens on 127.0.0.1 on a free port."""
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("AIGW_BUILD", TOP / "build"))
SERVE = BUILD / "bin" / "aigw-serve"
TOKEN = BUILD / "bin" / "aigw-token"
NODE_DIR = TOP / "build" / "node"
SHARED = TOP.parent / "shared"
SCOPE = "https://gateway.internal/invoke"


def wait_until(condition, seconds=20.0):
    """Polls until condition() is true; False when it never was."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Gateway:
    """A running aigw-serve on a free port; config is a dict (JSON is YAML)."""

    def __init__(self, config, env=None, args=()):
        config = dict(config)
        config["server"] = {"listen": "127.0.0.1:0", "threads": 1, **config.get("server", {})}
        # All tests come from one address; those of its rate say their own limit.
        config.setdefault("waf", {}).setdefault("rate_limit", {"limit": 1000000})
        self.folder = tempfile.TemporaryDirectory()
        self.config_file = pathlib.Path(self.folder.name) / "aigw.yaml"
        self.config_file.write_text(json.dumps(config))
        self.log_file = pathlib.Path(self.folder.name) / "log"
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith(("AIGW_", "OPENAI_", "ANTHROPIC_", "GATEWAY_"))}
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [SERVE, "--config", self.config_file, *args], stderr=log, stdout=log,
                env={**clean, **(env or {})})
        self.port = None
        wait_until(lambda: self._find_port() or self.process.poll() is not None)
        if self.port is None:
            self.stop()
            raise RuntimeError("aigw-serve did not start:\n" + self.log())

    def _find_port(self):
        match = re.search(r"listening on https?://[^\s]*:(\d+)", self.log())
        if match:
            self.port = int(match.group(1))
        return match

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def log(self):
        return self.log_file.read_text(errors="replace")

    def request(self, method, path, body=None, headers=None, timeout=30):
        """(status, headers, body bytes) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                headers = {"Content-Type": "application/json", **(headers or {})}
            headers = headers or {}
            if not any(k.lower() == "user-agent" for k in headers):
                headers = {"User-Agent": "aigw-test/1", **headers}  # the WAF wants one
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        finally:
            connection.close()

    def rss_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        log = self.log()
        self.folder.cleanup()
        if kind is None:
            assert self.process.returncode == 0, f"aigw-serve ended with {self.process.returncode}:\n{log}"
            assert "Sanitizer" not in log, log


class Upstream:
    """A scripted provider: handler(request) answers; `seen` keeps what came, `gone` who hung up."""

    def __init__(self, handler):
        upstream = self
        self.seen = []
        self.gone = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length)
                upstream.seen.append((self.path, dict(self.headers.items()), body))
                try:
                    handler(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    upstream.gone.set()
                    self.close_connection = True

            def answer(self, status, body, content_type="application/json", headers=None):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(data)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def start_stream(self, content_type="text/event-stream"):
                self.send_response(200)
                self.send_header("content-type", content_type)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()

            def chunk(self, data):
                data = data if isinstance(data, bytes) else data.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()

            def end_stream(self):
                self.wfile.write(b"0\r\n\r\n")

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 1024
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def node():
    """The Node to run peers with, or None."""
    binary = NODE_DIR / "node_modules" / ".bin" / "node"
    return binary if binary.exists() else None


@contextlib.contextmanager
def aimock(fixtures):
    """@copilotkit/aimock on a free port; yields the port. Needs node()."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "fixtures.json"
        path.write_text(json.dumps({"fixtures": fixtures}))
        port = free_port()
        log = open(pathlib.Path(folder) / "log", "wb")
        cli = NODE_DIR / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
        process = subprocess.Popen(
            [node(), cli, "-p", str(port), "-h", "127.0.0.1", "-f", path, "-c", "5",
             "--validate-on-load"], stdout=log, stderr=log)
        try:
            def up():
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    return True
                return False
            assert wait_until(up, 30), (pathlib.Path(folder) / "log").read_text()
            yield port
        finally:
            process.terminate()
            process.wait()
            log.close()


def journal(port):
    """What aimock was asked, oldest first."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/__aimock/journal")
    return json.loads(connection.getresponse().read())


def secured(providers, models, **more):
    """A config with JWT on and the embedded issuer; returns (config, client secret)."""
    secret = secrets.token_hex(16)
    config = {
        "auth": {"jwt": {"enabled": True}},
        "issuer": {"enabled": True, "url": "https://gateway.internal",
                   "clients": [{"id": "team-a", "secret": secret, "team": "a", "scopes": [SCOPE]}]},
        "providers": providers,
        "models": models,
        **more,
    }
    return config, secret


def open_config(providers, models=(), **more):
    """A config without token checks, for tests of other things."""
    return {"auth": {"jwt": {"enabled": False}}, "providers": list(providers), "models": list(models),
            **more}


def fetch_token(gateway, secret, client="team-a"):
    """A token by aigw-token, as a script would get it."""
    result = subprocess.run(
        [TOKEN], capture_output=True, text=True, timeout=30,
        env={"GATEWAY_CLIENT_ID": client, "GATEWAY_CLIENT_SECRET": secret,
             "GATEWAY_TOKEN_ENDPOINT": gateway.base + "/oauth2/token"})
    assert result.returncode == 0, result.stderr
    return result.stdout


def openai_chunk(delta, finish=None, **more):
    return "data: " + json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}) + "\n\n"
