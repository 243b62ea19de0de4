"""URLs of images in a request, for providers that open none: refused, or fetched within bounds."""
import base64
import http.server
import json
import socket
import threading

import pytest

import harness

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
HOME = ["127.0.0.0/8", "::1"]


class Site:
    """A web server with pictures, and with everything that a picture should not be."""

    def __init__(self):
        site = self
        self.seen = []
        self.asked = threading.Event()
        self.gone = threading.Event()
        self.stop = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def give(self, data, kind="image/png", status=200, **headers):
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                site.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                site.asked.set()
                try:
                    getattr(self, "get_" + self.path.strip("/").split("/")[0].split("?")[0])()
                except (BrokenPipeError, ConnectionResetError):
                    site.gone.set()
                    self.close_connection = True

            def get_png(self):
                self.give(PNG)

            def get_pdf(self):
                self.give(PDF, "application/pdf")

            def get_html(self):
                self.give(b"<html>secret of the intranet</html>", "text/html")

            def get_lie(self):
                self.give(b"<html>secret of the intranet</html>", "image/png")

            def get_swapped(self):
                self.give(PDF, "image/png")

            def get_missing(self):
                self.give(PNG, status=404)

            def get_away(self):
                self.give(b"", status=302, Location="http://127.0.0.1:%d/png" % site.port)

            def get_metadata(self):
                self.give(b"", status=302, Location="http://169.254.169.254/latest/meta-data")

            def get_near(self):
                self.give(b"", status=307, Location="png")

            def get_loop(self):
                self.give(b"", status=301, Location="/loop")

            def get_huge(self):
                self.send_response(200)
                self.send_header("content-type", "image/png")
                self.send_header("content-length", str(1 << 30))
                self.end_headers()
                self.wfile.write(PNG)
                site.stop.wait(harness_patience)

            def get_endless(self):
                self.send_response(200)
                self.send_header("content-type", "image/png")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                block = PNG + bytes(65536)
                while not site.stop.is_set():
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))

            def get_drip(self):
                self.send_response(200)
                self.send_header("content-type", "image/png")
                self.send_header("content-length", "100000")
                self.end_headers()
                while not site.stop.wait(0.05):
                    self.wfile.write(b"x")
                    self.wfile.flush()

            def get_hang(self):
                self.connection.settimeout(harness_patience)
                if self.connection.recv(1) == b"":
                    site.gone.set()
                self.close_connection = True

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path, host="pictures.localhost"):
        return f"http://{host}:{self.port}/{path}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()


harness_patience = 30


def vendor(request, body):
    if "converse" in request.path:
        request.answer(200, {"output": {"message": {"role": "assistant", "content": [{"text": "seen"}]}},
                             "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}})
    else:
        request.answer(200, {"candidates": [{"content": {"role": "model", "parts": [{"text": "seen"}]},
                                             "finishReason": "STOP"}], "modelVersion": "g",
                             "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}})


def config(port, **fetch):
    providers = [{"name": "g", "type": "gemini", "base_url": f"http://127.0.0.1:{port}", "api_key": "k",
                  "models": ["gemini-2.5-pro"], "max_retries": 0},
                 {"name": "b", "type": "bedrock", "base_url": f"http://127.0.0.1:{port}", "region": "eu-west-1",
                  "api_key": "k", "models": ["anthropic.claude-sonnet-4-5-v1:0"], "formats": ["bedrock"],
                  "max_retries": 0}]
    allow = fetch.pop("allow_private", HOME)
    rule = {"enabled": True, "allow_http": True, **fetch}
    return harness.open_config(providers, enable_waf=False, egress={"allow_private": allow, "fetch_urls": rule})


MODELS = ["gemini-2.5-pro", "anthropic.claude-sonnet-4-5-v1:0"]


def ask(gateway, *urls, model=MODELS[0]):
    content = [{"type": "text", "text": "what is this?"}]
    content += [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    status, _, body = gateway.request("POST", "/v1/chat/completions",
                                      {"model": model, "messages": [{"role": "user", "content": content}]})
    return status, json.loads(body)


def refused(gateway, upstream, *urls, at=1, **more):
    """The error of a request that is refused at that part; nothing reached the provider, nothing is told."""
    status, body = ask(gateway, *urls, **more)
    assert status == 400, body
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["param"].startswith(f"/messages/0/content/{at}"), body
    assert upstream.seen == []
    for secret in ("127.0.0.1", "localhost", "intranet", "169.254"):
        assert secret not in json.dumps(body), body
    return body["error"]["message"]


@pytest.fixture
def upstream():
    with harness.Upstream(vendor) as running:
        yield running


@pytest.fixture
def site():
    with Site() as running:
        yield running


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_fetched_unless_it_is_switched_on(upstream, site, model):
    with harness.Gateway(config(upstream.port, enabled=False)) as gateway:
        assert ask(gateway, site.url("png"), model=model)[0] == 400
        assert site.seen == [] and upstream.seen == []


def test_gemini_gets_the_bytes(upstream, site):
    with harness.Gateway(config(upstream.port)) as gateway:
        status, body = ask(gateway, site.url("png"), site.url("png"), site.url("png?other"))
        assert status == 200, body
        parts = json.loads(upstream.seen[0][2])["contents"][0]["parts"]
        inline = [p.get("inlineData") or p.get("inline_data") for p in parts[1:]]
        assert [base64.b64decode(i["data"]) for i in inline] == [PNG] * 3
        assert len(site.seen) == 2  # one stands twice
        for _, headers in site.seen:
            assert not {"authorization", "cookie", "x-goog-api-key", "referer"} & set(headers)


def test_bedrock_gets_the_bytes(upstream, site):
    with harness.Gateway(config(upstream.port)) as gateway:
        status, body = ask(gateway, site.url("png"), model=MODELS[1])
        assert status == 200, body
        image = json.loads(upstream.seen[0][2])["messages"][0]["content"][1]["image"]
        assert image["format"] == "png" and base64.b64decode(image["source"]["bytes"]) == PNG


@pytest.mark.parametrize("model", MODELS)
def test_a_document_is_fetched_too(upstream, site, model):
    with harness.Gateway(config(upstream.port)) as gateway:
        status, _, body = gateway.request("POST", "/v1/messages", {
            "model": model, "max_tokens": 10, "messages": [{"role": "user", "content": [
                {"type": "document", "source": {"type": "url", "url": site.url("pdf")}},
                {"type": "text", "text": "?"}]}]}, {"anthropic-version": "2023-06-01"})
        assert status == 200, body
        assert base64.b64encode(PDF).decode() in upstream.seen[0][2].decode()


def test_a_private_name_is_refused(upstream, site):
    with harness.Gateway(config(upstream.port, allow_private=[])) as gateway:
        for host in ("pictures.localhost", "localhost", "127.0.0.1", "2130706433", "[::1]", "[::ffff:7f00:1]"):
            assert refused(gateway, upstream, site.url("png", host)) == "The URL could not be fetched."
        refused(gateway, upstream, "http://169.254.169.254/latest/meta-data/iam")
        refused(gateway, upstream, "http://[fd00:ec2::254]/latest")
        refused(gateway, upstream, "http://10.0.0.1/")
        assert site.seen == []
        log = gateway.log()
        assert '"failure":"egress_loopback"' in log and '"failure":"egress_metadata"' in log
        assert "/latest" not in log


def test_only_https_unless_said_otherwise(upstream, site):
    with harness.Gateway(config(upstream.port, allow_http=False)) as gateway:
        assert "https" in refused(gateway, upstream, site.url("png"))
        refused(gateway, upstream, "https://user:s3cr3t@example.com/a.png")
        assert "s3cr3t" not in gateway.log()
        assert site.seen == []


def test_only_from_the_hosts_that_are_named(upstream, site):
    with harness.Gateway(config(upstream.port, hosts=["*.pictures.localhost", "one.localhost"])) as gateway:
        refused(gateway, upstream, site.url("png"))
        refused(gateway, upstream, site.url("png", "xone.localhost"))
        assert site.seen == []
        assert ask(gateway, site.url("png", "a.pictures.localhost"), site.url("png", "ONE.localhost"))[0] == 200


def test_redirects(upstream, site):
    with harness.Gateway(config(upstream.port)) as gateway:
        refused(gateway, upstream, site.url("near"))
        assert [path for path, _ in site.seen] == ["/near"]
    only = ["127.0.0.1/32"]  # what a redirect leads to is judged like the first: here by its host
    with harness.Gateway(config(upstream.port, max_redirects=2, allow_private=only, hosts=["*.localhost"])) as gateway:
        site.seen.clear()
        refused(gateway, upstream, site.url("away"))
        refused(gateway, upstream, site.url("metadata"))
        refused(gateway, upstream, site.url("loop"))
        assert [path for path, _ in site.seen] == ["/away", "/metadata", "/loop", "/loop", "/loop"]
        assert ask(gateway, site.url("near"))[0] == 200
    with harness.Gateway(config(upstream.port, max_redirects=1, allow_private=only)) as gateway:
        site.seen.clear()
        upstream.seen.clear()
        refused(gateway, upstream, site.url("metadata"))
        assert '"failure":"egress_metadata"' in gateway.log()
        assert len(site.seen) == 1


def test_what_is_no_image_is_not_handed_on(upstream, site):
    with harness.Gateway(config(upstream.port)) as gateway:
        for path in ("html", "lie", "swapped", "pdf", "missing"):
            refused(gateway, upstream, site.url(path))
        refused(gateway, upstream, site.url("png"), site.url("lie"), at=2)
    with harness.Gateway(config(upstream.port, content_types=["application/pdf"])) as gateway:
        refused(gateway, upstream, site.url("png"))


def test_bytes_are_bounded(upstream, site):
    with harness.Gateway(config(upstream.port, max_bytes=100000, max_total_bytes=100000)) as gateway:
        assert "too large" in refused(gateway, upstream, site.url("huge"))
        before = gateway.rss_bytes()
        assert "too large" in refused(gateway, upstream, site.url("endless"))
        assert gateway.rss_bytes() - before < 20e6
        assert site.gone.wait(harness_patience)
    with harness.Gateway(config(upstream.port, max_bytes=len(PNG), max_total_bytes=2 * len(PNG))) as gateway:
        assert "together" in refused(gateway, upstream, *(site.url(f"png?{i}") for i in range(3)), at="")
        assert ask(gateway, site.url("png?a"), site.url("png?b"))[0] == 200


def test_their_number_is_bounded(upstream, site):
    with harness.Gateway(config(upstream.port, max_urls=3)) as gateway:
        assert "3" in refused(gateway, upstream, *(site.url(f"png?{i}") for i in range(4)), at=4)
        assert site.seen == []
        assert ask(gateway, *(site.url(f"png?{i % 3}") for i in range(9)))[0] == 200
    with harness.Gateway(config(upstream.port, max_urls=64)) as gateway:
        assert ask(gateway, *(site.url(f"png?n{i}") for i in range(40)))[0] == 200


def test_time_is_bounded(upstream, site):
    with harness.Gateway(config(upstream.port, timeout_ms=300)) as gateway:
        for path in ("hang", "drip"):
            assert "in time" in refused(gateway, upstream, site.url(path))
        assert "in time" in refused(gateway, upstream, site.url("png"), site.url("hang?2"), at=2)


def test_a_client_that_leaves_ends_it(upstream, site):
    with harness.Gateway(config(upstream.port, timeout_ms=600000)) as gateway:
        body = json.dumps({"model": MODELS[0], "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": site.url("hang")}}]}]}).encode()
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            assert site.asked.wait(harness_patience)
        assert site.gone.wait(harness_patience)
        assert upstream.seen == []
        assert ask(gateway, site.url("png"))[0] == 200


def test_the_next_target_gets_what_was_fetched(upstream, site):
    document = config(upstream.port)
    document["models"] = [{"name": "m", "targets": [{"provider": "g", "model": "gemini-2.5-pro"},
                                                    {"provider": "b", "model": MODELS[1]}]}]
    document["providers"][0]["base_url"] = f"http://127.0.0.1:{harness.free_port()}"
    with harness.Gateway(document) as gateway:
        status, body = ask(gateway, site.url("png"), model="m")
        assert status == 200, body
        assert len(site.seen) == 1 and "image" in json.loads(upstream.seen[0][2])["messages"][0]["content"][1]
