"""Translation from Python: documents, errors, streams at every split, and what is dropped or refused."""
import json

import pytest

import aigw

CHAT = {"model": "m", "messages": [{"role": "system", "content": "be brief"},
                                   {"role": "user", "content": "grüße 🌍 \"quoted\""}], "max_tokens": 7}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
           "stop_sequence": None, "content": [{"type": "text", "text": "salut 🌍"}],
           "usage": {"input_tokens": 3, "output_tokens": 4}}
STREAM = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "salut 🌍"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
    {"type": "message_stop"}]).encode()


def test_a_request_in_every_format():
    out = aigw.translate_request("openai-chat", aigw.Format.ANTHROPIC, CHAT).json()
    assert out["messages"] == [{"role": "user", "content": "grüße 🌍 \"quoted\""}] or \
        out["messages"][0]["content"][0]["text"] == "grüße 🌍 \"quoted\""
    assert out["max_tokens"] == 7 and "be brief" in json.dumps(out["system"])
    gemini = aigw.translate_request(aigw.Format.OPENAI_CHAT, "gemini", json.dumps(CHAT))
    assert gemini.json()["contents"][0]["parts"][0]["text"] == "grüße 🌍 \"quoted\""
    assert "model" not in gemini.json() and gemini.status == 0
    back = aigw.translate_request("gemini", "openai-responses", gemini.body, model="other", stream=True)
    assert back.json()["model"] == "other" and back.json()["stream"] is True
    bedrock = aigw.translate_request("openai-chat", "bedrock", CHAT).json()
    assert bedrock["inferenceConfig"]["maxTokens"] == 7


def test_what_is_dropped_is_told_or_refused():
    body = {**CHAT, "logit_bias": {"50256": -100}}
    out = aigw.translate_request("openai-chat", "anthropic", body)
    assert [d.pointer for d in out.drops] == ["/logit_bias"] and out.drops[0].reason
    with pytest.raises(aigw.Unsupported) as caught:
        aigw.translate_request("openai-chat", "anthropic", body, strict=True)
    assert caught.value.pointer == "/logit_bias" and caught.value.code == "AIGW_E_UNSUPPORTED"


def test_bad_input_raises_with_its_pointer():
    with pytest.raises(aigw.InvalidInput) as caught:
        aigw.translate_request("openai-chat", "anthropic", {**CHAT, "messages": [{"role": 5}]})
    assert caught.value.pointer.startswith("/messages/0")
    with pytest.raises(aigw.InvalidInput):
        aigw.translate_request("openai-chat", "anthropic", b"\xff")
    with pytest.raises(aigw.InvalidInput):
        aigw.translate_request("openai-chat", "morse", CHAT)
    with pytest.raises(aigw.InvalidInput):  # Gemini's body names no model
        aigw.translate_request("gemini", "anthropic", {"contents": [{"role": "user", "parts": [{"text": "x"}]}]})
    with pytest.raises(TypeError):
        aigw.translate_request("openai-chat", "anthropic", CHAT, model=5)


def test_an_answer():
    out = aigw.translate_answer("anthropic", "openai-chat", MESSAGE, created=1700000000).json()
    assert out["choices"][0]["message"]["content"] == "salut 🌍" and out["created"] == 1700000000
    assert out["usage"]["prompt_tokens"] == 3 and out["usage"]["completion_tokens"] == 4
    with pytest.raises(aigw.UpstreamError):
        aigw.translate_answer("anthropic", "openai-chat", {"nothing": 1})


def test_an_error_gets_the_targets_words_and_status():
    out = aigw.translate_error("anthropic", "gemini", 529, {
        "type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert out.status == 503 and out.json()["error"]["status"] == "UNAVAILABLE"
    assert aigw.translate_error("openai-chat", "anthropic", 502, "<html>").json()["type"] == "error"


@pytest.mark.parametrize("size", [1, 3, 7, 64, 4096])
def test_a_stream_says_the_same_at_every_split(size):
    with aigw.StreamTranslator("anthropic", "openai-chat", created=1700000000) as t:
        out = b"".join(t.feed(STREAM[i:i + size]) for i in range(0, len(STREAM), size)) + t.finish()
        assert (t.usage.input_tokens, t.usage.output_tokens) == (3, 4) and t.drops == []
    *chunks, last = [event[6:] for event in out.decode().strip().split("\n\n")]
    assert last == "[DONE]"
    chunks = [json.loads(c) for c in chunks]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]) == "salut 🌍"
    assert chunks[-1]["usage"]["total_tokens"] == 7 and chunks[-1]["choices"] == []


def test_a_stream_that_breaks_is_an_error_and_says_so_to_the_client():
    t = aigw.StreamTranslator("anthropic", "openai-chat")
    t.feed(STREAM[:STREAM.index(b"event: message_delta")])
    with pytest.raises(aigw.UpstreamError) as caught:
        t.finish()
    assert b'"error"' in caught.value.output and b"[DONE]" not in caught.value.output
    with pytest.raises(aigw.UpstreamError) as caught:
        t.feed(b"more")
    assert caught.value.output == b""
    t.close()
    t.close()
    with pytest.raises(aigw.InvalidInput):
        t.feed(b"")


def test_a_stream_as_one_array():
    t = aigw.StreamTranslator("anthropic", "gemini", json_array=True)
    chunks = json.loads(t.feed(STREAM) + t.finish())
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] == 7
    assert "".join(p.get("text", "") for c in chunks for p in c["candidates"][0]["content"].get("parts", [])) \
        == "salut 🌍"


def test_the_gateway_speaks_each_dialect():
    config = {"auth": {"jwt": {"enabled": False}}, "providers": [{"name": "echo", "type": "echo"}]}
    bodies = {
        "responses": {"model": "echo", "input": "hello there"},
        "gemini": {"model": "echo", "contents": [{"role": "user", "parts": [{"text": "hello there"}]}]},
    }
    with aigw.Gateway(config) as gateway:
        for dialect, body in bodies.items():
            assert "hello there" in json.dumps(gateway.chat(body, dialect=dialect))
            events = list(gateway.stream(body, dialect=dialect))
            assert len(events) > 1
            if dialect == "responses":
                assert [events[0]["type"], events[-1]["type"]] == ["response.created", "response.completed"]
        with pytest.raises(aigw.InvalidInput):
            gateway.chat({}, dialect="morse")
