"""An upstream that speaks every provider's format and obeys its documented rules: a request that breaks one
gets the provider's 400, and stands in `refused`. Scenes say what is answered; see replay_scenes.py. Streams go
out in odd pieces. Listens on 127.0.0.1 on a free port."""
import http.server
import itertools
import json
import socket
import threading
import traceback

import harness
import replay_anthropic
import replay_bedrock
import replay_gemini
import replay_openai
import replay_responses
import replay_scenes
from replay_parts import Failure, Refused

SPLITS = (997, 7, 1)


class Azure:
    """Classic deployments: the reader differs, nothing else."""
    SIGNATURE = replay_openai.SIGNATURE
    read = staticmethod(replay_openai.read_azure)
    answer = staticmethod(replay_openai.answer)
    stream = staticmethod(replay_openai.stream)
    error = staticmethod(replay_openai.error)


def maker_of(path):
    """The format that a path belongs to."""
    if path.startswith("/openai/deployments/"):
        return Azure
    if path.startswith("/model/"):
        return replay_bedrock
    if path.split("?")[0].endswith("/chat/completions"):
        return replay_openai
    if path.split("?")[0].endswith("/responses"):
        return replay_responses
    if path.startswith("/v1/messages"):
        return replay_anthropic
    if "/models/" in path:
        return replay_gemini
    return None


class Replayer:
    def __init__(self):
        self.refused, self.seen, self.lock = [], [], threading.Lock()
        self.splits = itertools.cycle(SPLITS)
        replayer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                try:
                    replayer.serve(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def whole(self, status, body, headers=None):
                data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def streamed(self, kind, data, size):
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for at in range(0, len(data), size):
                    piece = data[at:at + size]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def process_request(self, request, address):
                request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                super().process_request(request, address)

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self, request, body):
        headers = {k.lower(): v for k, v in request.headers.items()}
        with self.lock:
            self.seen.append((request.path, headers, body))
        maker = maker_of(request.path)
        if maker is None:
            return request.whole(404, {"error": {"message": f"no such path: {request.path}", "code": 404}})
        try:
            ask = maker.read(request.path, headers, body)
            ask.maker = maker
            if ask.scene.startswith("fixture "):
                return self.recorded(request, ask)
            reply = replay_scenes.play(ask)
        except Failure as failure:
            return request.whole(failure.status, *maker.error(failure.status, failure.message, failure.retry_after))
        except Refused as refusal:
            return self.refuse(request, maker, str(refusal), body)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            return self.refuse(request, maker, traceback.format_exc(limit=-2), body)
        if not ask.stream:
            return request.whole(200, maker.answer(ask, reply), {"request-id": "req_up", "x-request-id": "req_up"})
        return request.streamed(*maker.stream(ask, reply), next(self.splits))

    def refuse(self, request, maker, why, body):
        with self.lock:
            self.refused.append((request.path, why, body))
        return request.whole(400, *maker.error(400, "REFUSED: " + why, None))

    def recorded(self, request, ask):
        """The bytes of a recorded exchange, as they are."""
        path = harness.SHARED / "fixtures" / ask.scene.partition(" ")[2]
        data = path.read_bytes()
        meta = json.loads((path.parent / (path.name.split(".")[0] + ".meta.json")).read_bytes())
        if meta.get("status", 200) != 200:
            kept = {k: v for k, v in (meta.get("response_headers") or {}).items() if not k.startswith("content-")}
            return request.whole(meta["status"], data, kept)
        if path.name.endswith(".sse"):
            return request.streamed("text/event-stream", data, next(self.splits))
        if path.name.endswith(".bin"):
            return request.streamed("application/vnd.amazon.eventstream", data, next(self.splits))
        if "stream" in path.name:
            return request.streamed("application/json", data, next(self.splits))
        return request.whole(200, data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
