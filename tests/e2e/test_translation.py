"""The SDKs' own accumulators through the gateway, against scripted upstreams of the other format: what a
stream adds up to is what the whole answer says, and what was wrapped on the way out comes back unwrapped."""
import copy
import json

import anthropic
import openai
import pytest

import harness

THINKING = [
    ({"type": "thinking", "thinking": "", "signature": ""},
     [{"type": "thinking_delta", "thinking": "first é"}, {"type": "thinking_delta", "thinking": "🌍"},
      {"type": "signature_delta", "signature": "SIG1"}]),
    ({"type": "redacted_thinking", "data": "OPAQUE"}, []),
    ({"type": "thinking", "thinking": "", "signature": ""},
     [{"type": "thinking_delta", "thinking": "second"},
      {"type": "signature_delta", "signature": "SIG2"}]),
]


def text(*parts):
    return ({"type": "text", "text": ""}, [{"type": "text_delta", "text": p} for p in parts])


def tool(name, *parts, call="toolu_1"):
    return ({"type": "tool_use", "id": call, "name": name, "input": {}},
            [{"type": "input_json_delta", "partial_json": p} for p in ("", *parts)])


def cited(words, url):
    citation = {"type": "web_search_result_location", "url": url, "title": "T", "cited_text": "c",
                "encrypted_index": "e"}
    return ({"type": "text", "text": "", "citations": []},
            [{"type": "citations_delta", "citation": citation}, {"type": "text_delta", "text": words}])


def whole(blocks, stop):
    """The document that the stream of these blocks adds up to."""
    content = []
    for start, deltas in blocks:
        block = copy.deepcopy(start)
        joined = ""
        for delta in deltas:
            kind = delta["type"]
            if kind == "input_json_delta":
                joined += delta["partial_json"]
            elif kind == "citations_delta":
                block.setdefault("citations", []).append(delta["citation"])
            else:
                member = kind.removesuffix("_delta")
                block[member] = block[member] + delta[member]
        if block["type"] == "tool_use":
            block["input"] = json.loads(joined or "{}")
        content.append(block)
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
            "content": content, "stop_reason": stop, "stop_sequence": None,
            "usage": {"input_tokens": 10, "cache_read_input_tokens": 3, "output_tokens": 5}}


def events(blocks, stop):
    message = dict(whole(blocks, stop), content=[], stop_reason=None)
    message["usage"] = dict(message["usage"], output_tokens=1)
    yield "message_start", {"message": message}
    for index, (start, deltas) in enumerate(blocks):
        yield "content_block_start", {"index": index, "content_block": start}
        for delta in deltas:
            yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    yield "message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None},
                            "usage": {"output_tokens": 5}}
    yield "message_stop", {}


class Scene:
    """What the upstreams answer next; what reached them."""

    def anthropic(self, request, body):
        if json.loads(body).get("stream"):
            request.start_stream()
            for kind, members in events(self.blocks, self.stop):
                data = f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()
                request.chunk(data[:17])
                request.chunk(data[17:])
            request.end_stream()
        else:
            request.answer(200, whole(self.blocks, self.stop))

    def openai(self, request, body):
        if json.loads(body).get("stream"):
            request.start_stream()
            for chunk in self.chunks:
                request.chunk(chunk)
            request.end_stream()
        else:
            request.answer(200, self.answer)

    def sent(self, upstream):
        return json.loads(upstream.seen[-1][2])


@pytest.fixture(scope="module")
def scene():
    it = Scene()
    with harness.Upstream(lambda r, b: it.anthropic(r, b)) as a, \
            harness.Upstream(lambda r, b: it.openai(r, b)) as o:
        it.a, it.o = a, o
        config = harness.open_config(
            [{"name": "a", "type": "anthropic", "base_url": f"http://127.0.0.1:{a.port}",
              "api_key": "k", "max_retries": 0},
             {"name": "o", "type": "openai", "base_url": f"http://127.0.0.1:{o.port}/v1",
              "api_key": "k", "max_retries": 0}],
            [{"name": "claude", "targets": [{"provider": "a", "model": "claude-sonnet-4-5"}]},
             {"name": "old", "targets": [{"provider": "a", "model": "claude-3-5-haiku-20241022"}]},
             {"name": "gpt", "targets": [{"provider": "o", "model": "gpt-x"}]}])
        with harness.Gateway(config) as gateway:
            it.openai_client = openai.OpenAI(base_url=gateway.base + "/v1", api_key="x", max_retries=0)
            it.anthropic_client = anthropic.Anthropic(base_url=gateway.base, api_key="x", max_retries=0)
            yield it


def openai_message(scene, stream, model="claude", **more):
    """The final message as plain data; usage beside it."""
    more.setdefault("messages", [{"role": "user", "content": "go"}])
    chat = scene.openai_client.chat.completions
    if stream:
        with chat.stream(model=model, stream_options={"include_usage": True}, **more) as s:
            final = s.get_final_completion()
    else:
        final = chat.create(model=model, **more)
    assert (final.usage.prompt_tokens, final.usage.completion_tokens) == (13, 5)
    assert final.usage.prompt_tokens_details.cached_tokens == 3
    return final.choices[0].message.to_dict(), final.choices[0].finish_reason


def without_index(entries):
    return [{k: v for k, v in e.items() if k != "index"} for e in entries]


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_goes_round_with_tools(scene, stream):
    scene.blocks, scene.stop = [*THINKING, text("so"), tool("f", '{"a":"\\ud83d', '\\ude00"}')], "tool_use"
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    message, finish = openai_message(scene, stream, tools=tools)
    assert finish == "tool_calls" and message["content"] == "so"
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"a": "😀"}
    assert message["reasoning_content"] == "first é🌍second"
    signed = [{"type": "thinking", "thinking": "first é🌍", "signature": "SIG1"},
              {"type": "redacted_thinking", "data": "OPAQUE"},
              {"type": "thinking", "thinking": "second", "signature": "SIG2"}]
    assert without_index(message["thinking_blocks"]) == signed
    # The second turn, twice: what the SDK added up is sent back as it is.
    call = message["tool_calls"][0]["id"]
    history = [{"role": "user", "content": "go"}, message,
               {"role": "tool", "tool_call_id": call, "content": "r"}]
    for turn in range(2):
        openai_message(scene, stream, tools=tools, messages=history, reasoning_effort="low")
        sent = scene.sent(scene.a)
        assert sent["thinking"]["type"] == "enabled"
        replayed = sent["messages"][1]["content"]
        assert replayed[:3] == signed, replayed
        assert [b["type"] for b in replayed[3:]] == ["text", "tool_use"]
        history += [message, {"role": "tool", "tool_call_id": call, "content": "r2"}]
    ids = [b["id"] for m in sent["messages"] for b in m["content"] if b["type"] == "tool_use"]
    assert len(ids) == len(set(ids)) == 2  # the API takes no id twice
    assert [b["tool_use_id"] for m in sent["messages"] for b in m["content"]
            if b["type"] == "tool_result"] == ids


@pytest.mark.parametrize("stream", [False, True])
def test_citations_of_many_blocks(scene, stream):
    scene.blocks = [text("é🌍 "), cited("eins", "http://1"), text(" und "), cited("zwei", "http://2")]
    scene.stop = "end_turn"
    message, _ = openai_message(scene, stream)
    assert message["content"] == "é🌍 eins und zwei"
    spans = [(a["url_citation"]["url"], message["content"][a["url_citation"]["start_index"]:
                                                           a["url_citation"]["end_index"]])
             for a in message["annotations"]]
    assert spans == [("http://1", "eins"), ("http://2", "zwei")]


@pytest.mark.parametrize("stream", [False, True])
def test_a_custom_tool_is_unwrapped(scene, stream):
    wrapped = json.dumps({"input": 'print("é🌍\\n")\n'})
    scene.blocks, scene.stop = [tool("code", wrapped[:9], wrapped[9:14], wrapped[14:])], "tool_use"
    tools = [{"type": "custom", "custom": {"name": "code"}}]
    chat = scene.openai_client.chat.completions
    asked = {"model": "claude", "tools": tools, "messages": [{"role": "user", "content": "go"}]}
    if stream:
        name, given = None, ""
        for chunk in chat.create(stream=True, **asked):
            for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
                custom = call.to_dict()["custom"]
                name = custom.get("name") or name
                given += custom["input"]
    else:
        call = chat.create(**asked).choices[0].message.tool_calls[0]
        assert call.type == "custom"
        name, given = call.custom.name, call.custom.input
    assert (name, given) == ("code", 'print("é🌍\\n")\n')
    assert scene.sent(scene.a)["tools"][0]["input_schema"]["required"] == ["input"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_schema_for_a_model_that_knows_none(scene, stream):
    scene.blocks, scene.stop = [tool("json_response", '{"city"', ':"Köln"}')], "tool_use"
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    message, finish = openai_message(
        scene, stream, model="old", response_format={
            "type": "json_schema", "json_schema": {"name": "c", "schema": schema}})
    assert json.loads(message["content"]) == {"city": "Köln"} and finish == "stop"
    assert not message.get("tool_calls")
    assert scene.sent(scene.a)["tool_choice"] == {"type": "tool", "name": "json_response"}


@pytest.mark.parametrize("stream", [False, True])
def test_names_that_are_none_there(scene, stream):
    long = "mcp__server__" + "x" * 80
    tools = [{"name": long, "input_schema": {"type": "object"}}]
    asked = {"model": "gpt", "max_tokens": 9, "tools": tools,
             "messages": [{"role": "user", "content": "go"}]}
    scene.answer = {"id": "c", "choices": []}
    scene.chunks = []
    with pytest.raises(anthropic.APIStatusError):
        scene.anthropic_client.messages.create(**asked)
    short = scene.sent(scene.o)["tools"][0]["function"]["name"]
    assert len(short) <= 64 and short != long
    call = {"index": 0, "type": "function", "function": {"name": short, "arguments": "{}"}}
    # A host that gives no ids at all, neither to the answer nor to the call.
    scene.answer = {"choices": [{"message": {"role": "assistant", "tool_calls": [call]},
                                 "finish_reason": "tool_calls"}]}
    scene.chunks = ["data: " + json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}) + "\n\n",
                    'data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}\n\n']
    ids = set()
    for _ in range(2):
        if stream:
            with scene.anthropic_client.messages.stream(**asked) as s:
                final = s.get_final_message()
        else:
            final = scene.anthropic_client.messages.create(**asked)
        assert final.content[0].name == long and final.stop_reason == "tool_use"
        ids.add(final.content[0].id)
    assert len(ids) == 2  # they may meet in one conversation


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_that_nobody_signed_is_not_sent_to_claude(scene, stream):
    scene.answer = {"id": "c", "model": "m", "choices": [{"message": {
        "role": "assistant", "content": "x", "reasoning_content": "hm"}, "finish_reason": "stop"}]}
    scene.chunks = [harness.openai_chunk({"role": "assistant", "reasoning_content": "h"}),
                    harness.openai_chunk({"reasoning_content": "m"}),
                    harness.openai_chunk({"content": "x"}), harness.openai_chunk({}, "stop"),
                    "data: [DONE]\n\n"]
    asked = {"max_tokens": 2000, "messages": [{"role": "user", "content": "go"}]}
    messages = scene.anthropic_client.messages
    if stream:
        with messages.stream(model="gpt", **asked) as s:
            first = s.get_final_message()
    else:
        first = messages.create(model="gpt", **asked)
    assert [(b.type, getattr(b, "thinking", None)) for b in first.content] == [
        ("thinking", "hm"), ("text", None)]
    asked["messages"] += [{"role": "assistant", "content": [b.to_dict() for b in first.content]},
                          {"role": "user", "content": "more"}]
    scene.blocks, scene.stop = [text("y")], "end_turn"
    messages.create(model="claude", extra_body={"unknown_member": {"kept": 1.50}}, **asked)
    sent = scene.sent(scene.a)
    assert [b["type"] for b in sent["messages"][1]["content"]] == ["text"]
    assert b'"unknown_member":{"kept":1.5}' in scene.a.seen[-1][2].replace(b" ", b"")


def test_what_is_dropped_is_told(scene):
    scene.blocks, scene.stop = [text("y")], "end_turn"
    raw = scene.openai_client.chat.completions.with_raw_response.create(
        model="claude", seed=1, temperature=1.7, messages=[{"role": "user", "content": "go"}],
        extra_headers={"x-aigw-report": "dropped"})
    told = raw.headers["x-aigw-dropped"]
    assert told.startswith('"/seed";reason="') and ', "/temperature";reason="' in told


def streams(*providers):
    """Recorded streams that an SDK must be able to read to the end."""
    found = [p for name in providers
             for p in sorted((harness.SHARED / "fixtures" / name).glob("*.stream.sse"))]
    return [p for p in found if "responses" not in p.name]


def replay(path, client):
    """(final object, requests seen) of the SDK's own accumulator; raises what the SDK raises."""
    def handler(request, body):
        request.start_stream()
        data = path.read_bytes()
        for at in range(0, len(data), 997):
            request.chunk(data[at:at + 997])
        request.end_stream()

    kind = "anthropic" if path.parent.name == "anthropic" else "openai"
    with harness.Upstream(handler) as upstream:
        base = f"http://127.0.0.1:{upstream.port}" + ("/v1" if kind == "openai" else "")
        config = harness.open_config(
            [{"name": "p", "type": kind, "base_url": base, "api_key": "k", "max_retries": 0}],
            [{"name": "m", "targets": [{"provider": "p", "model": "m"}]}])
        with harness.Gateway(config) as gateway:
            asked = {"model": "m", "messages": [{"role": "user", "content": "go"}]}
            if client == "openai":
                sdk = openai.OpenAI(base_url=gateway.base + "/v1", api_key="x", max_retries=0)
                with sdk.chat.completions.stream(**asked) as s:
                    return s.get_final_completion()
            sdk = anthropic.Anthropic(base_url=gateway.base, api_key="x", max_retries=0)
            with sdk.messages.stream(max_tokens=9, **asked) as s:
                return s.get_final_message()


@pytest.mark.parametrize("client", ["openai", "anthropic"])
@pytest.mark.parametrize("path", streams("openai", "openai-compatible", "azure", "anthropic"),
                         ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_recorded_stream_can_be_read(path, client):
    if "error" in path.name or "broken" in path.name:
        with pytest.raises((openai.APIError, anthropic.APIError)):
            replay(path, client)
        return
    final = replay(path, client)
    if client == "anthropic":
        assert final.stop_reason and final.role == "assistant"
        names = [b.name for b in final.content if b.type == "tool_use"]
        assert ("tool_use" == final.stop_reason) == bool(names)
        return
    message = final.choices[0].message
    assert final.choices[0].finish_reason and message.role == "assistant"
    for call in message.tool_calls or []:
        assert isinstance(json.loads(call.function.arguments), dict)
        name = call.function.name  # not joined with itself where a host repeats it
        assert name and name[:len(name) // 2] * 2 != name
