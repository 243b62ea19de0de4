"""Content of many sorts, from each Python SDK to each upstream format: what arrives obeys the provider's rules and
holds the same bytes; what comes back is what the client knows."""
import base64
import json

import pytest

import harness
import judges_python
import replay
from replay_parts import PNG
from replay_scenes import CITIES, FINAL, SYSTEM, TEXT
from test_judges import UPSTREAMS, entries

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Pydantic serializer")]
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
PNG64, PDF64 = base64.b64encode(PNG).decode(), base64.b64encode(PDF).decode()
ALL = ["on-openai", "on-responses", "on-anthropic", "on-gemini", "on-gemini-2", "on-bedrock", "on-azure"]
CLAUDE = ["on-anthropic", "on-bedrock", "on-vertex-claude"]


@pytest.fixture(scope="module")
def road():
    with replay.Replayer() as replayer:
        providers, models, refused = entries(replayer.port, replayer.service_account())
        assert not refused, refused
        with harness.Gateway(harness.open_config(providers, models)) as gateway:
            yield gateway, replayer


@pytest.fixture
def judge(road):
    return lambda kind: kind(road[0].base, "k")


def sent(road):
    return json.loads(road[1].seen[-1][2])


class Redacted:
    """The loop of thinking, with blocks that cannot be read."""

    def prompt(self, scene):
        return super().prompt("redacted" if scene == "think" else scene)


@pytest.mark.parametrize("how", ["think", "think/streamed"])
@pytest.mark.parametrize("model", CLAUDE)
@pytest.mark.parametrize("kind", judges_python.PYTHON, ids=lambda k: k.name)
def test_redacted_thinking_comes_back_to_its_maker(judge, kind, model, how):
    if kind is judges_python.Bedrock and how == "think/streamed":
        kind = type("Folded", (kind,), {"fold": staticmethod(fold_redacted)})
    out = judge(type("Judge", (Redacted, kind), {})).run(how, model)
    assert out.get("text") == FINAL, out
    assert [c[0] for c in out["first"]["calls"]] == ["get_weather", "get_weather", "now"]


def fold_redacted(events):
    """boto3 gives frames; adding up is the caller's: redacted content besides."""
    kept, rest = {}, []
    for event in events:
        content = event.get("contentBlockDelta", {})
        if "redactedContent" in content.get("delta", {}).get("reasoningContent", {}):
            kept[content["contentBlockIndex"]] = content["delta"]["reasoningContent"]
        else:
            rest.append(event)
    final = judges_python.Bedrock.fold(rest)
    blocks = final["output"]["message"]["content"]
    for index in sorted(kept):
        if blocks[index] == {}:
            blocks[index] = {"reasoningContent": kept[index]}
    return final


NAMES = {"openai": "mcp__a-very-long_server_name__" + "x" * 34, "anthropic": "mcp__" + "y" * 123,
         "gemini": "server.tools:read-file" + "z" * 90}


@pytest.mark.parametrize("model", ALL)
@pytest.mark.parametrize("kind", judges_python.PYTHON, ids=lambda k: k.name)
def test_names_of_tools_that_others_do_not_allow(judge, kind, model, monkeypatch):
    name = NAMES.get(kind.dialect, NAMES["openai"])
    monkeypatch.setattr(judges_python, "TOOLS", [(name, "A tool.", {
        "type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"],
        "additionalProperties": False})])
    monkeypatch.setattr(judges_python, "result_of", lambda *_: "done")
    for how in ("", "/streamed"):
        made = judge(type("Named", (kind,), {"prompt": lambda self, scene: "[first-tool] go"}))
        out = made.run("tools" + how, model)
        assert out.get("text") == FINAL, out
        assert out["first"]["calls"] == [(name, {"x": 1})]


def anthropic_loop(content, is_error=False):
    """A history with one call and its result."""
    return [{"role": "user", "content": "[any] go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": content,
                                          **({"is_error": True} if is_error else {})},
                                         {"type": "text", "text": "and?"}]}]


def ask_claude(judge, model, messages):
    tools = [{"name": "now", "input_schema": {"type": "object"}}]
    return judge(judges_python.Anthropic).call(False, model=model, messages=messages, tools=tools)


PLAIN = [m for m in ALL if m != "on-gemini"]  # Gemini 3 wants its own signature on every call of the turn


@pytest.mark.parametrize("model", PLAIN)
def test_images_in_results_of_tools(road, judge, model):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG64}}
    final = ask_claude(judge, model, anthropic_loop([{"type": "text", "text": "see"}, image]))
    assert final.content[0].text == TEXT
    assert PNG64 in json.dumps(sent(road))


@pytest.mark.parametrize("model", PLAIN)
def test_a_failed_tool_is_said_to_have_failed(road, judge, model):
    ask_claude(judge, model, anthropic_loop("disk full", is_error=True))
    body = json.dumps(sent(road))
    assert "disk full" in body
    said = {"on-anthropic": '"is_error": true', "on-bedrock": '"status": "error"', "on-gemini-2": '"error": "disk full"'}
    assert said.get(model, "rror") in body


@pytest.mark.parametrize("model", ALL)
def test_documents(road, judge, model):
    document = {"type": "document", "title": "paper.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF64}}
    final = judge(judges_python.Anthropic).call(False, model=model, messages=[
        {"role": "user", "content": [{"type": "text", "text": "[any] go"}, document]}])
    assert final.content[0].text == TEXT and PDF64 in json.dumps(sent(road))
    uri = "data:application/pdf;base64," + PDF64
    judge(judges_python.OpenAIChat).call(False, model=model, messages=[{"role": "user", "content": [
        {"type": "text", "text": "[any] go"}, {"type": "file", "file": {"file_data": uri, "filename": "paper.pdf"}}]}])
    assert PDF64 in json.dumps(sent(road))
    judge(judges_python.OpenAIResponses).call(False, model=model, input=[{"role": "user", "content": [
        {"type": "input_text", "text": "[any] go"},
        {"type": "input_file", "file_data": uri, "filename": "paper.pdf"}]}])
    assert PDF64 in json.dumps(sent(road))


@pytest.mark.parametrize("model", PLAIN)
def test_a_conversation_of_many_turns(road, judge, model):
    """Ids that come again, empty texts, results out of order: what clients really send."""
    calls = [{"id": f"call_{n}", "type": "function", "function": {"name": "get_weather", "arguments": json.dumps(
        {"city": city})}} for n, city in enumerate(CITIES)]
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "[any] go"}]
    for turn in range(3):
        messages += [{"role": "assistant", "content": ["", None, " "][turn], "tool_calls": calls},
                     *({"role": "tool", "tool_call_id": c["id"], "content": ""} for c in reversed(calls)),
                     {"role": "user", "content": f"turn {turn}"}]
    final = judge(judges_python.OpenAIChat).call(False, model=model, messages=messages, tools=[
        {"type": "function", "function": {"name": "get_weather", "parameters": judges_python.WEATHER}}])
    assert final.choices[0].message.content == TEXT
