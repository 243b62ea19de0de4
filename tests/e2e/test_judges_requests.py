"""Recorded requests of real clients, sent to each provider format: what arrives there must stand up to the
provider's documented rules, or the gateway must have refused it itself, saying where and why."""
import json

import pytest

import harness
import replay
from test_judges import UPSTREAMS, entries

pytestmark = pytest.mark.slow
ROOT = harness.SHARED / "fixtures"
DIALECTS = {"openai": "openai", "openai-compatible": "openai", "azure": "openai", "openai-responses": "responses",
            "anthropic": "anthropic", "gemini": "gemini", "bedrock": "bedrock"}
PATHS = {"openai": "/v1/chat/completions", "responses": "/v1/responses", "anthropic": "/v1/messages"}


def requests():
    return [p for folder in DIALECTS for p in sorted((ROOT / folder).glob("*.request.json"))
            if not p.name.startswith(("count-tokens", "embeddings"))]


def case(path):
    return f"{path.parent.name}/{path.name.split('.')[0]}"


@pytest.fixture(scope="module")
def road():
    with replay.Replayer() as replayer:
        providers, models, refused = entries(replayer.port, replayer.service_account())
        assert not refused, refused
        with harness.Gateway(harness.open_config(providers, models)) as gateway:
            yield gateway, replayer


def path_of(dialect, model, streamed):
    if dialect == "gemini":
        return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if streamed else "generateContent")
    if dialect == "bedrock":
        return f"/model/{model}/converse" + ("-stream" if streamed else "")
    return PATHS[dialect]


def same_words(sent, body, dialect):
    """Nothing of the client's is lost or changed; what the gateway needs may stand beside it."""
    told = {k: v for k, v in sent.items() if k in body or k not in ("stream_options", "anthropic_version")}
    asked = dict(body)
    for it in (told, asked):
        it.pop("model", None)
        if dialect == "openai" and "stream_options" in it:
            it["stream_options"] = {**it["stream_options"], "include_usage": True}
    return told == asked


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("path", requests(), ids=case)
def test_recorded_request(road, path, upstream):
    gateway, replayer = road
    dialect = DIALECTS[path.parent.name]
    body = json.loads(path.read_bytes())
    if dialect not in ("gemini", "bedrock"):
        body["model"] = upstream
    before, sent = len(replayer.refused), len(replayer.seen)
    status, headers, answer = gateway.request(
        "POST", path_of(dialect, upstream, "stream" in path.name), body,
        {"anthropic-version": "2023-06-01", "x-aigw-report": "dropped"})
    if path.name.startswith("error-400") and status == 400 and len(replayer.seen) == sent:
        return  # malformed whoever is to answer: it goes nowhere
    if dialect == UPSTREAMS[upstream][0]:  # as it came, but for the model: the provider's to judge
        assert same_words(json.loads(replayer.seen[-1][2]), body, dialect)
        return
    refused = [why for _, why, _ in replayer.refused[before:]]
    if refused and UPSTREAMS[upstream][1].startswith("gemini-3"):  # calls that it did not make: nobody can sign them
        assert all("missing a thought_signature" in why for why in refused), refused
        return
    assert refused == []
    assert status in (200, 400, 501), answer
    if status != 200:
        said = answer.decode()
        assert "REFUSED" not in said and "/" in said, said  # our own words, and a pointer
