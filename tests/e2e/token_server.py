"""A token endpoint for tests: answers what the test says, checks nothing on its own, keeps what it was asked."""
import http.server
import json
import ssl
import threading
import urllib.parse


class TokenServer:
    """`answer(form, headers, number)` gives (status, document or bytes, headers)."""

    def __init__(self, answer=None, context: ssl.SSLContext | None = None):
        self.requests = []  # (path, lower-case headers, form)
        self.lock = threading.Lock()
        self.answer = answer or (lambda form, headers, n: (200, {"access_token": f"t-{n}", "expires_in": 3600}, {}))
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True))
                headers = {name.lower(): value for name, value in self.headers.items()}
                peer = self.connection.getpeercert() if context else None
                with server.lock:
                    server.requests.append((self.path, headers, form))
                    number = len(server.requests)
                self.give(*server.answer(form, {**headers, "peer": peer}, number))

            def give(self, status, document, headers):
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.server.server_port}/oauth2/token"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
