"""The official OpenAI and Anthropic SDKs, Python and Node, through the gateway with a token: each
against an upstream of the other format (and of its own). The upstream is @copilotkit/aimock."""
import json
import subprocess

import anthropic
import openai
import pytest

import harness

pytestmark = pytest.mark.slow

TEXT = "Hello from the mock, grüße 🌍, and a second sentence to stream."
FIXTURES = [
    {"match": {"userMessage": "say hello"},
     "response": {"content": TEXT, "usage": {"prompt_tokens": 11, "completion_tokens": 7,
                                             "total_tokens": 18, "input_tokens": 11,
                                             "output_tokens": 7}}},
    {"match": {"userMessage": "weather", "hasToolResult": False},
     "response": {"toolCalls": [{"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"},
                                {"name": "get_weather", "arguments": "{\"city\":\"Rome\"}"}]}},
    {"match": {"userMessage": "weather", "hasToolResult": True},
     "response": {"content": "Oslo 3, Rome 21"}},
    {"match": {"userMessage": "too many"},
     "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429}},
]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
ANTHROPIC_TOOLS = [{"name": "get_weather", "input_schema": SCHEMA}]
UPSTREAMS = ["on-anthropic", "on-openai"]


@pytest.fixture(scope="module")
def road():
    """(gateway, token, aimock port): one gateway with JWT on in front of one aimock, both formats."""
    if harness.node() is None:
        pytest.skip("npm is absent or could not install the peers")
    with harness.aimock(FIXTURES) as port:
        config, secret = harness.secured(
            [{"name": "a", "type": "anthropic", "base_url": f"http://127.0.0.1:{port}",
              "api_key": "upstream-key", "max_retries": 0},
             {"name": "o", "type": "openai", "base_url": f"http://127.0.0.1:{port}/v1",
              "api_key": "upstream-key", "max_retries": 0}],
            [{"name": "on-anthropic", "targets": [{"provider": "a", "model": "claude-sonnet-4-5"}]},
             {"name": "on-openai", "targets": [{"provider": "o", "model": "gpt-4o-mini"}]}])
        with harness.Gateway(config) as gateway:
            yield gateway, harness.fetch_token(gateway, secret), port


def openai_client(road):
    gateway, token, _ = road
    return openai.OpenAI(base_url=gateway.base + "/v1", api_key=token, max_retries=0)


def anthropic_client(road):
    gateway, token, _ = road
    return anthropic.Anthropic(base_url=gateway.base, api_key=token, max_retries=0)


@pytest.mark.parametrize("model", UPSTREAMS)
def test_openai_plain(road, model):
    answer = openai_client(road).chat.completions.create(
        model=model, messages=[{"role": "user", "content": "say hello"}])
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens == 11 and answer.usage.completion_tokens == 7
    assert answer.usage.total_tokens == 18


@pytest.mark.parametrize("model", UPSTREAMS)
def test_openai_streamed(road, model):
    text, finish, usage, ids = "", None, None, set()
    stream = openai_client(road).chat.completions.create(
        model=model, messages=[{"role": "user", "content": "say hello"}], stream=True,
        stream_options={"include_usage": True})
    for chunk in stream:
        ids.add(chunk.id)
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
        usage = chunk.usage or usage
    assert text == TEXT and finish == "stop" and len(ids) == 1
    assert (usage.prompt_tokens, usage.completion_tokens) == (11, 7)


@pytest.mark.parametrize("model", UPSTREAMS)
def test_openai_usage_is_hidden_unless_asked_for(road, model):
    stream = openai_client(road).chat.completions.create(
        model=model, messages=[{"role": "user", "content": "say hello"}], stream=True)
    assert all(chunk.usage is None and chunk.choices for chunk in stream)


@pytest.mark.parametrize("model", UPSTREAMS)
@pytest.mark.parametrize("stream", [False, True])
def test_openai_tools_in_a_loop(road, model, stream):
    client = openai_client(road)
    messages = [{"role": "user", "content": "weather please"}]
    if stream:
        with client.chat.completions.stream(model=model, messages=messages, tools=OPENAI_TOOLS) as s:
            first = s.get_final_completion()
    else:
        first = client.chat.completions.create(model=model, messages=messages, tools=OPENAI_TOOLS)
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    calls = message.tool_calls
    assert [json.loads(c.function.arguments) for c in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert len({c.id for c in calls}) == 2
    messages.append({"role": "assistant", "content": None, "tool_calls": [
        {"id": c.id, "type": "function",
         "function": {"name": c.function.name, "arguments": c.function.arguments}} for c in calls]})
    messages += [{"role": "tool", "tool_call_id": c.id, "content": "3"} for c in calls]
    second = client.chat.completions.create(model=model, messages=messages, tools=OPENAI_TOOLS)
    assert second.choices[0].message.content == "Oslo 3, Rome 21"


@pytest.mark.parametrize("model", UPSTREAMS)
def test_openai_errors_are_its_own_classes(road, model):
    with pytest.raises(openai.RateLimitError):
        openai_client(road).chat.completions.create(
            model=model, messages=[{"role": "user", "content": "too many"}])
    if model == "on-anthropic":  # the same format is the provider's to judge
        with pytest.raises(openai.BadRequestError) as caught:
            openai_client(road).chat.completions.create(model=model, messages=[])
        assert "messages" in str(caught.value)
    with pytest.raises(openai.NotFoundError):
        openai_client(road).chat.completions.create(
            model="nobody-serves-this", messages=[{"role": "user", "content": "say hello"}])
    gateway, _, _ = road
    stranger = openai.OpenAI(base_url=gateway.base + "/v1", api_key="not-a-token", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "say hello"}])


@pytest.mark.parametrize("model", UPSTREAMS)
def test_anthropic_plain(road, model):
    answer = anthropic_client(road).messages.create(
        model=model, max_tokens=100, messages=[{"role": "user", "content": "say hello"}])
    assert "".join(b.text for b in answer.content if b.type == "text") == TEXT
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 7)


@pytest.mark.parametrize("model", UPSTREAMS)
def test_anthropic_streamed(road, model):
    with anthropic_client(road).messages.stream(
            model=model, max_tokens=100, messages=[{"role": "user", "content": "say hello"}]) as s:
        text = "".join(s.text_stream)
        final = s.get_final_message()
    assert text == TEXT and final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (11, 7)


@pytest.mark.parametrize("model", UPSTREAMS)
@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_tools_in_a_loop(road, model, stream):
    client = anthropic_client(road)
    messages = [{"role": "user", "content": "weather please"}]
    more = {"model": model, "max_tokens": 100, "tools": ANTHROPIC_TOOLS}
    if stream:
        with client.messages.stream(messages=messages, **more) as s:
            first = s.get_final_message()
    else:
        first = client.messages.create(messages=messages, **more)
    calls = [b for b in first.content if b.type == "tool_use"]
    assert first.stop_reason == "tool_use"
    assert [c.input for c in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    messages.append({"role": "assistant", "content": [
        {"type": "tool_use", "id": c.id, "name": c.name, "input": c.input} for c in calls]})
    messages.append({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": c.id, "content": "3"} for c in calls]})
    second = client.messages.create(messages=messages, **more)
    assert "".join(b.text for b in second.content if b.type == "text") == "Oslo 3, Rome 21"


@pytest.mark.parametrize("model", UPSTREAMS)
def test_anthropic_errors_are_its_own_classes(road, model):
    client = anthropic_client(road)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(model=model, max_tokens=10,
                               messages=[{"role": "user", "content": "too many"}])
    if model == "on-openai":
        with pytest.raises(anthropic.BadRequestError) as caught:
            client.messages.create(model=model, max_tokens=10, messages=[])
        assert "messages" in str(caught.value)
    gateway, _, _ = road
    stranger = anthropic.Anthropic(base_url=gateway.base, api_key="not-a-token", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        stranger.messages.create(model=model, max_tokens=10,
                                 messages=[{"role": "user", "content": "say hello"}])


def test_models_in_both_shapes(road):
    assert {"on-anthropic", "on-openai"} <= {m.id for m in openai_client(road).models.list()}
    assert {"on-anthropic", "on-openai"} <= {m.id for m in anthropic_client(road).models.list()}


def test_the_clients_token_never_reaches_the_upstream(road):
    gateway, token, port = road
    openai_client(road).chat.completions.create(
        model="on-anthropic", messages=[{"role": "user", "content": "say hello"}])
    entries = json.dumps(harness.journal(port))
    assert token not in entries
    assert token not in gateway.log() and "upstream-key" not in gateway.log()


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize("model", UPSTREAMS)
def test_node(road, sdk, model):
    gateway, token, _ = road
    result = subprocess.run(
        [harness.node(), harness.TOP / "tests" / "e2e" / "node_sdk.mjs", sdk, model],
        env={"BASE": gateway.base, "TOKEN": token, "PEERS": str(harness.NODE_DIR), "PATH": "/usr/bin"},
        capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    seen = json.loads(result.stdout)
    assert seen["plain"] == TEXT and seen["streamed"] == TEXT
    assert seen["usage"] == [11, 7]
    assert seen["calls"] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert seen["refused"] == 401 and seen["limited"] == 429
