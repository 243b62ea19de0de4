"""A 20 MB request with images: what it costs the gateway at the peak, as a multiple of its own size."""
import base64
import json
import os
import pathlib
import re

import pytest

from harness import Gateway, Upstream

SIZE = 20_000_000
IMAGES = 5

pytestmark = pytest.mark.slow  # sanitizers keep freed memory: their peaks say nothing

SPEAK = {
    "openai_chat": "/v1/chat/completions",
    "anthropic": "/v1/messages",
}


def image():
    return base64.b64encode(os.urandom(SIZE * 3 // 4 // IMAGES)).decode()


def request_body(dialect, model):
    images = [image() for _ in range(IMAGES)]
    if dialect == "openai_chat":
        parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + i}} for i in images]
    else:
        parts = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": i}} for i in images]
    content = [{"type": "text", "text": "What is in these?"}, *parts]
    return json.dumps({"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": content}]}).encode()


def answer(handler, body):
    """The provider's answer in the format of its path. Reads nothing of the body but its length."""
    if "messages" in handler.path:
        handler.answer(200, {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                             "stop_sequence": None, "content": [{"type": "text", "text": "Noise."}],
                             "usage": {"input_tokens": 10, "output_tokens": 2}})
    else:
        handler.answer(200, {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
                             "choices": [{"index": 0, "finish_reason": "stop",
                                          "message": {"role": "assistant", "content": "Noise."}}],
                             "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}})


def peak_bytes(gateway):
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def config(url):
    return {"limits": {"max_exchange_bytes": 200_000_000}, "server": {"max_body_bytes": 64_000_000},
            "auth": {"jwt": {"enabled": False}},
            "providers": [{"type": "openai", "name": "openai_chat", "base_url": url + "/v1", "api_key": "k"},
                          {"type": "anthropic", "name": "anthropic", "base_url": url, "api_key": "k"}],
            "models": [{"name": f"{name}-{kind}", "targets": [{"provider": name, **more}]}
                       for name in ("openai_chat", "anthropic")
                       for kind, more in (("as-is", {"model": f"{name}-as-is"}), ("renamed", {"model": "m"}))]}


@pytest.mark.parametrize("kind", ["as-is", "renamed"])
@pytest.mark.parametrize("provider", SPEAK)
@pytest.mark.parametrize("dialect", SPEAK)
def test_a_large_request_costs_little_more_than_itself(dialect, provider, kind):
    with Upstream(answer) as upstream, Gateway(config(f"http://127.0.0.1:{upstream.port}")) as gateway:
        model = f"{provider}-{kind}"
        small = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        assert gateway.request("POST", SPEAK[dialect], small)[0] == 200
        body = request_body(dialect, model)
        before = gateway.rss_bytes()
        status, _, text = gateway.request("POST", SPEAK[dialect], body, {"content-type": "application/json"})
        assert status == 200, text
        assert len(upstream.seen[-1][2]) > 0.99 * len(body)
        ratio = (peak_bytes(gateway) - before) / len(body)
        print(f"{dialect} to {provider}, {kind}: {ratio:.2f} times its size")
        assert ratio <= (1.2 if dialect == provider else 2.5)
