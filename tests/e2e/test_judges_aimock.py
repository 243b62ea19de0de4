"""The same judges in front of an upstream that nobody here wrote: @copilotkit/aimock, in each format it speaks.
It enforces nothing, so this shows shapes; acceptance is shown by the replayer."""
import json

import pytest

import harness
import judges
import replay_scenes
from replay_scenes import CALLS, CITIES, FINAL
from test_judges import Matrix, entries

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("need_node"),
              pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Pydantic serializer")]
SCENES = ["plain", "plain/streamed", "tools", "tools/streamed", "error 429", "error 429/streamed"]
UPSTREAMS = ["on-openai", "on-responses", "on-anthropic", "on-gemini", "on-bedrock", "on-azure"]
TEXT = "Hello from the mock: grüße, 日本語, “quotes”, a second sentence to stream."  # its chunks split surrogate pairs
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "input_tokens": 11, "output_tokens": 7,
         "inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "promptTokenCount": 11, "candidatesTokenCount": 7,
         "totalTokenCount": 18}
FIXTURES = [
    {"match": {"userMessage": "[plain] go"}, "response": {"content": TEXT, "usage": USAGE}},
    {"match": {"userMessage": "[tools] go", "hasToolResult": False},
     "response": {"toolCalls": [{"name": n, "arguments": json.dumps(a)} for _, n, a in CALLS], "usage": USAGE}},
    {"match": {"userMessage": "[tools] go", "hasToolResult": True}, "response": {"content": FINAL, "usage": USAGE}},
    {"match": {"userMessage": "[error 429] go"},
     "response": {"error": {"message": replay_scenes.ERRORS[429], "type": "rate_limit_error"}, "status": 429}},
]


@pytest.fixture(scope="module")
def matrix():
    with harness.aimock(FIXTURES) as port:
        providers, models, refused = entries(port)
        with harness.Gateway(harness.open_config(providers, models)) as gateway:
            yield Matrix(gateway.base, [m["name"] for m in models if m["name"] in UPSTREAMS], refused, SCENES)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("judge", judges.DIALECTS)
def test_aimock(matrix, judge, upstream, scene):
    assert upstream not in matrix.refused, matrix.refused[upstream]
    out = matrix[judge, upstream, scene]
    assert "crash" not in out, out["crash"]
    if scene.startswith("error"):
        assert out["error"]["status"] == 429, out
        if upstream != "on-bedrock":  # its Bedrock errors have another provider's shape
            assert replay_scenes.ERRORS[429] in out["error"]["message"], out
        return
    assert "error" not in out, out["error"]["message"]
    if scene.startswith("tools") and (judge, upstream) == ("ai-google", "on-gemini"):
        assert out["finish"] == "other" and len(out["calls"]) == 3  # aimock says FUNCTION_CALL, which Gemini does not
        return
    assert out["finish"] == judges.finish(judge, "stop")
    assert (out["usage"]["prompt"], out["usage"]["completion"], out["usage"]["total"]) == (11, 7, 18)
    if scene.startswith("plain"):
        assert out["text"] == TEXT
        return
    assert out["text"] == FINAL
    if judges.DIALECTS[judge] != "gemini" or upstream != "on-gemini":  # it says FUNCTION_CALL, which Gemini does not
        assert out["first"]["finish"] == judges.finish(judge, "tool")
    assert [tuple(c) for c in out["first"]["calls"]] == [
        ("get_weather", {"city": CITIES[0]}), ("get_weather", {"city": CITIES[1]}), ("now", {})]
