"""A vendor with an API of its own: files, images, audio, redirects, refusals; it records what reached it."""
import hashlib
import http.server
import json
import os
import re
import ssl
import threading

PIECE = b"0123456789abcdef" * 4096  # 64 KiB


class Body:
    """A request's body as it comes: with a length, or chunk by chunk. Nothing of it is kept but the start."""

    def __init__(self, handler):
        self.stream, self.headers = handler.rfile, handler.headers
        self.chunked = self.headers.get("transfer-encoding") == "chunked"
        self.left = int(self.headers.get("content-length", 0))
        self.bytes, self.sha, self.start, self.chunks = 0, hashlib.sha256(), b"", 0

    def _take(self, n):
        while n:
            data = self.stream.read(min(n, 65536))
            if not data:
                raise ConnectionResetError("the body broke off")
            self.sha.update(data)
            self.bytes += len(data)
            self.start += data[:max(0, 4096 - len(self.start))]
            n -= len(data)

    def read(self):
        if not self.chunked:
            self._take(self.left)
            return self
        while True:
            line = self.stream.readline(100)
            if not re.fullmatch(rb"[0-9a-f]+\r\n", line):
                raise ConnectionResetError(f"not a chunk: {line!r}")
            size = int(line, 16)
            self._take(size)
            assert self.stream.read(2) == b"\r\n"
            if size == 0:
                return self
            self.chunks += 1


class Vendor:
    def __init__(self, tls=None):
        """tls: (certificate file, key file); None: in clear."""
        vendor = self
        self.seen = []            # (method, path, headers) of each request
        self.token = None         # files want this one, if any
        self.gone = threading.Event()    # a request that broke off
        self.gate = threading.Event()    # what waits for it goes on when it is set
        self.arrived = threading.Event() # a request for /slow came

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            rbufsize = 0

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", content_type="application/json", **headers):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status != 204:
                    self.send_header("content-type", content_type)
                    self.send_header("content-length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def chunk(self, data):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

            def begin(self, content_type, length=None):
                self.send_response(200)
                self.send_header("content-type", content_type)
                self.send_header(*(("transfer-encoding", "chunked") if length is None
                                   else ("content-length", str(length))))
                self.end_headers()

            def handle_any(self):
                path = self.path.partition("?")[0]
                vendor.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
                try:
                    getattr(self, "on_" + re.sub(r"\W+", "_", path.removeprefix("/v1/")).split("__")[0],
                            self.on_other)()
                except (BrokenPipeError, ConnectionResetError):
                    vendor.gone.set()
                    self.close_connection = True

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def on_other(self):
                body = Body(self).read()
                if vendor.token and self.headers["authorization"] != "Bearer " + vendor.token:
                    return self.answer(401, {"error": {"message": "expired"}})
                self.answer(200, {"id": "file-1", "object": "file", "bytes": body.bytes, "created_at": 1,
                                  "filename": "f", "purpose": "batch", "status": "processed",
                                  "sha256": body.sha.hexdigest(), "chunked": body.chunked, "chunks": body.chunks,
                                  "method": self.command, "path": self.path},
                            x_request_id="req-up", set_cookie="a=b", alt_svc="h3", server_secret="s",
                            etag='"e"', x_ratelimit_remaining_requests="7")

            def on_big(self):
                size = int(self.path.partition("size=")[2].partition("&")[0])
                chunked = "chunked" in self.path
                self.begin("application/octet-stream", None if chunked else size)
                while size:
                    part = PIECE[:min(size, len(PIECE))]
                    self.chunk(part) if chunked else self.wfile.write(part)
                    size -= len(part)
                if chunked:
                    self.chunk(b"")

            def on_refuse(self):
                self.answer(413, {"error": {"message": "too much", "type": "invalid_request_error"}}, connection="close")
                self.wfile.flush()
                if not tls:
                    self.connection.shutdown(1)
                while self.rfile.read(65536):  # a reset would take the answer away
                    pass
                self.close_connection = True

            def on_slow(self):
                vendor.arrived.set()
                vendor.gate.wait(60)
                self.on_other()

            def on_events(self):
                self.begin("text/event-stream")
                self.chunk(b"data: one\n\n")
                self.wfile.flush()
                vendor.gate.wait(60)
                self.chunk(b"data: two\n\n")
                self.chunk(b"")

            def on_cut(self):
                self.begin("application/octet-stream", None if "chunked" in self.path else 1000)
                self.chunk(b"x" * 500) if "chunked" in self.path else self.wfile.write(b"x" * 500)
                self.close_connection = True

            def on_redirect(self):
                where = {"same": "/v1/files/moved?x=1", "full": vendor.url + "/v1/files/moved",
                         "far": "https://files.example.net/secret", "odd": "//evil.example/x",
                         "up": "/v1/../admin", "none": None}[self.path.partition("to=")[2]]
                self.answer(302, b"", **({"location": where} if where else {}))

            def on_denied(self):
                Body(self).read()
                self.answer(int(self.path.partition("status=")[2]), {"error": {"message": "Incorrect API key: up-secret"}})

            def on_nothing(self):
                self.answer(204)

            def on_unchanged(self):
                self.send_response(304)
                self.send_header("etag", '"e"')
                self.end_headers()

            def on_images_generations(self):
                Body(self).read()
                self.answer(200, {"created": 1, "data": [{"b64_json": "aGk="}],
                                  "usage": {"input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050,
                                            "input_tokens_details": {"text_tokens": 40, "image_tokens": 10}}})

            def on_audio_speech(self):
                Body(self).read()
                self.begin("audio/mpeg")
                for _ in range(4):
                    self.chunk(b"ID3" * 1000)
                self.chunk(b"")

            def on_files_file_1_content(self):
                self.answer(200, b"line one\nline two\n", "application/octet-stream",
                            content_disposition='attachment; filename="a.jsonl"')

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                vendor.gone.set()

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.ca_file = str(tls[0]) if tls else None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


def noise(size, seed=b"x"):
    """Bytes that no compression makes small."""
    return (hashlib.sha256(seed).digest() + os.urandom(1024)) * (size // 1056 + 1)
