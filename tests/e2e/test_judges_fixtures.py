"""Recorded answers of providers, sent again byte for byte in odd pieces, as the SDK of each dialect reads them:
no SDK may stumble, errors are its own classes, and the numbers are the provider's own."""
import json

import pytest

import harness
import judges_python
import replay
from test_judges import entries

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Pydantic serializer")]
FOLDERS = {"openai": "on-openai", "openai-compatible": "on-openai", "openai-responses": "on-responses",
           "anthropic": "on-anthropic", "gemini": "on-gemini", "bedrock": "on-bedrock", "azure": "on-azure"}
NO_CHAT = ("count-tokens", "embeddings")
ROOT = harness.SHARED / "fixtures"
# A stream that breaks with an error, or that no reader can trust: the SDK must raise.
BROKEN = {"anthropic/stream-error-overloaded-mid", "openai-compatible/openrouter-stream-error-mid",
          "openai-responses/stream-error", "openai/broken-sse"}


def recorded():
    """Every recorded answer and stream of a chat."""
    return [p for folder in FOLDERS for p in sorted((ROOT / folder).glob("*"))
            if ".response." in p.name or ".stream." in p.name
            if not p.name.startswith(NO_CHAT)]


def case(path):
    return f"{path.parent.name}/{path.name.split('.')[0]}"


def alias(path):
    return "on-azure-v1" if path.parent.name == "azure" and "responses" in path.name else FOLDERS[path.parent.name]


def documents(path):
    """The JSON documents of an answer or a stream."""
    data = path.read_bytes()
    if path.name.endswith(".sse"):
        lines = data.decode().replace("\r\n", "\n").split("\n")
        found = [line[5:].strip() for line in lines if line.startswith("data:")]
        return [json.loads(d) for d in found if d.startswith("{")]
    if path.name.endswith(".bin"):
        return frames(data)
    whole = json.loads(data)
    return whole if isinstance(whole, list) else [whole]


def frames(data):
    out = []
    while data:
        total, headers = int.from_bytes(data[:4]), int.from_bytes(data[4:8])
        out.append(json.loads(data[12 + headers:total - 4] or b"{}"))
        data = data[total:]
    return out


def of_openai(docs):
    for doc in reversed(docs):
        u = doc.get("usage") or (doc.get("x_groq") or {}).get("usage")
        if u:
            given, out = u.get("prompt_tokens_details") or {}, u.get("completion_tokens_details") or {}
            return [u.get("prompt_tokens"), given.get("cached_tokens"), given.get("cache_write_tokens"),
                    u.get("completion_tokens"), out.get("reasoning_tokens")]
    return None


def of_responses(docs):
    u = (docs[-1].get("response") or docs[-1]).get("usage")
    return u and [u["input_tokens"], u["input_tokens_details"].get("cached_tokens"),
                  u["input_tokens_details"].get("cache_write_tokens"), u["output_tokens"],
                  u["output_tokens_details"].get("reasoning_tokens")]


def of_anthropic(docs):
    u = {}
    for doc in docs:
        said = doc.get("usage") or (doc.get("message") or {}).get("usage") or {}
        u |= {k: v for k, v in said.items() if v is not None}
    cached, written = u.get("cache_read_input_tokens", 0), u.get("cache_creation_input_tokens", 0)
    return u and [u.get("input_tokens", 0) + cached + written, cached, written, u.get("output_tokens", 0),
                  (u.get("output_tokens_details") or {}).get("thinking_tokens")]


def of_gemini(docs):
    found = [d["usageMetadata"] for d in docs if "usageMetadata" in d]
    if not found:
        return None
    u = found[-1]
    prompt = max(d.get("promptTokenCount", 0) for d in found)  # the last may be smaller
    return [prompt + u.get("toolUsePromptTokenCount", 0), u.get("cachedContentTokenCount"), None,
            u.get("candidatesTokenCount", 0) + u.get("thoughtsTokenCount", 0), u.get("thoughtsTokenCount")]


def of_bedrock(docs):
    for doc in reversed(docs):
        if "usage" in doc:
            u = doc["usage"]
            cached, written = u.get("cacheReadInputTokens", 0), u.get("cacheWriteInputTokens", 0)
            return [u["inputTokens"] + cached + written, cached, written, u["outputTokens"], None]
    return None


READERS = {"on-openai": of_openai, "on-azure": of_openai, "on-responses": of_responses, "on-azure-v1": of_responses,
           "on-anthropic": of_anthropic, "on-gemini": of_gemini, "on-bedrock": of_bedrock}


@pytest.fixture(scope="module")
def gateway():
    with replay.Replayer() as replayer:
        providers, models, refused = entries(replayer.port, replayer.service_account())
        assert not refused, refused
        with harness.Gateway(harness.open_config(providers, models)) as it:
            yield it


@pytest.mark.parametrize("path", recorded(), ids=case)
@pytest.mark.parametrize("judge", judges_python.PYTHON, ids=lambda j: j.name)
def test_recorded(gateway, judge, path):
    made = judge(gateway.base, "k")
    scene, streamed = f"fixture {path.parent.name}/{path.name}", ".stream." in path.name
    if "error-" in path.name and not streamed or case(path) in BROKEN:
        with pytest.raises(judge.errors):
            made.ask(scene, alias(path), streamed)
        return
    view = made.ask(scene, alias(path), streamed)
    assert view["finish"]
    if alias(path) not in ("on-openai", "on-azure"):  # what is forwarded stays as the host wrote it
        assert not view.get("untidy")
    forwarded = judge.dialect == "gemini" and alias(path) == "on-gemini"  # a call in pieces stays in pieces
    for name, given in [] if forwarded else view["calls"]:
        assert name and isinstance(given if isinstance(given, dict) else as_object(given), (dict, str))
    own = READERS[alias(path)](documents(path))
    if own is None:
        return
    if forwarded:  # the SDK takes the last number as it is
        own[0] = documents(path)[-1]["usageMetadata"].get("promptTokenCount", 0) + (own[0] - max(
            d["usageMetadata"].get("promptTokenCount", 0) for d in documents(path) if "usageMetadata" in d))
    said = dict(zip(("prompt", "cached", "written", "completion", "reasoning"), (n or 0 for n in own)))
    if judge.dialect == "gemini":
        said["written"] = 0  # no place for it in this dialect
    if judge.dialect == "bedrock":
        said["reasoning"] = 0
    assert {k: view["usage"][k] for k in said} == said


def as_object(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_there_is_something_to_send():
    if not ROOT.exists():
        pytest.skip(f"{ROOT} is absent: recorded answers cannot be sent again")
    assert len(recorded()) > 90
