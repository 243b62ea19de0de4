"""An upstream that speaks every provider's format and obeys its documented rules: a request that breaks one
gets the provider's 400, and stands in `refused`. Scenes say what is answered; see replay_scenes.py. Streams go
out in odd pieces. Listens on 127.0.0.1 on a free port."""
import http.server
import itertools
import json
import socket
import threading
import traceback
import urllib.parse

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import harness
import replay_anthropic
import replay_bedrock
import replay_gemini
import replay_openai
import replay_other
import replay_responses
import replay_scenes
from replay_parts import Failure, Refused, need

SPLITS = (997, 7, 1)


class Other:
    """A format elsewhere: the reader differs, nothing else."""

    def __init__(self, maker, read):
        self.SIGNATURE, self.read = maker.SIGNATURE, read
        self.answer, self.stream, self.error = maker.answer, maker.stream, maker.error


AZURE = Other(replay_openai, replay_openai.read_azure)
VERTEX = Other(replay_anthropic, replay_anthropic.read_vertex)


def maker_of(path):
    """The format that a path belongs to."""
    if path.startswith("/openai/deployments/"):
        return AZURE
    if "/publishers/anthropic/" in path:
        return VERTEX
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
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
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
        if request.path.endswith("/token"):
            return self.token(request, dict(urllib.parse.parse_qsl(body.decode())))
        maker = maker_of(request.path)
        try:
            other = replay_other.answer(request.path, headers, body)
        except (Refused, KeyError, TypeError, ValueError, IndexError) as why:
            return self.refuse(request, maker or replay_openai, repr(why), body)
        if other is not None:
            return request.whole(200, other)
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

    def service_account(self):
        """A key file as Google gives it, for this server's token endpoint."""
        pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption())
        return json.dumps({"type": "service_account", "project_id": "p-1", "private_key_id": "kid-1",
                           "private_key": pem.decode(), "client_email": "judge@p-1.iam.gserviceaccount.com",
                           "token_uri": f"http://127.0.0.1:{self.port}/google/token"})

    def token(self, request, form):
        """Google's endpoint (a signed assertion, RFC 7523) and Entra's (client credentials)."""
        try:
            if request.path == "/google/token":
                need(form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer", "grant_type")
                claims = jwt.decode(form["assertion"], self.key.public_key(), ["RS256"],
                                    audience=f"http://127.0.0.1:{self.port}/google/token",
                                    options={"require": ["iss", "aud", "exp", "iat", "scope"]})
                need(claims["iss"] == "judge@p-1.iam.gserviceaccount.com", "iss")
                need(jwt.get_unverified_header(form["assertion"])["kid"] == "kid-1", "kid")
            else:
                need(request.path == "/tenant-1/oauth2/v2.0/token", f"no such path: {request.path}")
                need(form["grant_type"] == "client_credentials" and form["client_id"] == "app-1"
                     and form["client_secret"] == "not-a-secret"
                     and form["scope"] == "https://cognitiveservices.azure.com/.default", f"{sorted(form)}")
        except (Refused, KeyError, jwt.PyJWTError) as why:
            self.refused.append((request.path, repr(why), b""))
            return request.whole(400, {"error": "invalid_request", "error_description": repr(why)})
        return request.whole(200, {"access_token": "fetched", "expires_in": 3600, "token_type": "Bearer"})

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
