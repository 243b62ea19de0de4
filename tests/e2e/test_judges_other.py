"""What SDKs do besides chatting: embeddings to the last bit, counts of tokens, lists of models, Azure's client."""
import base64
import json
import math
import struct

import anthropic
import boto3
import botocore.config
import google.genai
import google.genai.errors
import openai
import pytest

import harness
import judges_python
import replay
from replay_other import COUNT, vectors
from replay_scenes import SYSTEM, TEXT
from test_judges import entries

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
COUNTERS = ["on-responses", "on-anthropic", "on-gemini", "on-bedrock"]
ASK = [{"role": "user", "content": "[plain] go"}]


@pytest.fixture(scope="module")
def road():
    with replay.Replayer() as replayer:
        providers, models, refused = entries(replayer.port, replayer.service_account())
        assert not refused, refused
        # Google's SDK sends several texts as several inputs only if the name does not say gemini.
        models += [{**m, "name": embedding(m["name"])} for m in models]
        with harness.Gateway(harness.open_config(providers, models)) as gateway:
            yield gateway, replayer


def embedding(alias):
    return "text-embedding-" + alias.replace("gemini", "g")


@pytest.fixture
def sdk(road):
    return openai.OpenAI(base_url=road[0].base + "/v1", api_key="k", max_retries=0)


@pytest.fixture
def claude(road):
    return anthropic.Anthropic(base_url=road[0].base, api_key="k", max_retries=0)


@pytest.fixture
def genai(road):
    return judges_python.GenAI(road[0].base, "k").sdk


def rounded(numbers):
    """As float32, which is what they are: a shorter text of the same one is as good."""
    return struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers))


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
@pytest.mark.parametrize("model", ["on-openai", "on-azure", "on-gemini"])
def test_embeddings_keep_every_bit(sdk, model, encoding):
    more = {"encoding_format": encoding} if encoding else {}  # the SDK asks for base64 by itself, and decodes
    answer = sdk.embeddings.create(model=model, input=["one", "two", "three"], **more)
    found = [d.embedding for d in answer.data]
    assert [d.index for d in answer.data] == [0, 1, 2]
    if encoding == "base64":
        found = [list(struct.unpack(f"<{len(base64.b64decode(v)) // 4}f", base64.b64decode(v))) for v in found]
    assert [list(rounded(v)) for v in found] == vectors(3)
    if encoding != "float":  # minus zero: Python reads the text -0 as an integer
        assert math.copysign(1, found[0][5]) == -1


@pytest.mark.parametrize("model", ["on-openai", "on-azure", "on-gemini"])
def test_embeddings_of_gemini_clients(genai, model):
    answer = genai.models.embed_content(model=embedding(model), contents=["one", "two"])
    assert [list(rounded(e.values)) for e in answer.embeddings] == vectors(2)


@pytest.mark.parametrize("model", ["on-anthropic", "on-bedrock"])
def test_no_embeddings_there(sdk, model):
    with pytest.raises(openai.BadRequestError):
        sdk.embeddings.create(model=model, input="one")


@pytest.mark.parametrize("model", [*COUNTERS, "on-vertex-claude", "on-vertex"])
def test_counts_are_the_providers(road, sdk, claude, genai, model):
    tools = [{"name": n, "description": d, "input_schema": p} for n, d, p in judges_python.TOOLS]
    assert claude.messages.count_tokens(model=model, messages=ASK, system=SYSTEM, tools=tools).input_tokens == COUNT
    assert genai.models.count_tokens(model=model, contents="go").total_tokens == COUNT
    assert sdk.responses.input_tokens.count(model=model, input="go").input_tokens == COUNT
    assert road[1].refused == []


@pytest.mark.parametrize("model", ["on-openai", "on-azure"])
def test_counts_are_estimated_where_nobody_counts(claude, model):
    raw = claude.messages.with_raw_response.count_tokens(model=model, messages=[
        {"role": "user", "content": "The quick brown fox jumps over the lazy dog. " * 20}])
    assert raw.headers["x-aigw-estimate"] == "true"
    assert 150 <= raw.parse().input_tokens <= 260


def test_count_of_a_bedrock_client(road):
    client = boto3.client("bedrock-runtime", region_name="eu-west-1", endpoint_url=road[0].base,
                          aws_access_key_id="A", aws_secret_access_key="B",
                          config=botocore.config.Config(retries={"total_max_attempts": 1}))
    given = {"converse": {"messages": [{"role": "user", "content": [{"text": "go"}]}]}}
    for model in COUNTERS:
        assert client.count_tokens(modelId=model, input=given)["inputTokens"] == COUNT


def test_lists_of_models(sdk, claude, genai):
    names = {"on-openai", "on-anthropic", "on-gemini", "on-bedrock"}
    assert names <= {m.id for m in sdk.models.list()}
    assert names <= {m.id for m in claude.models.list(limit=2)}  # pages
    assert names <= {m.name.removeprefix("models/") for m in genai.models.list(config={"page_size": 2})}
    assert sdk.models.retrieve("on-gemini").id == claude.models.retrieve("on-gemini").id == "on-gemini"
    assert genai.models.get(model="on-gemini").name == "models/on-gemini"
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("nobody")
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("nobody")
    with pytest.raises(google.genai.errors.ClientError) as caught:
        genai.models.get(model="nobody")
    assert caught.value.code == 404


@pytest.mark.parametrize("model", ["on-openai", "on-anthropic", "on-gemini", "on-bedrock", "on-azure"])
def test_the_azure_client(road, model):
    client = openai.AzureOpenAI(azure_endpoint=road[0].base, api_key="k", api_version="2024-10-21", max_retries=0)
    messages = [{"role": "system", "content": SYSTEM}, *ASK]
    assert client.chat.completions.create(model=model, messages=messages).choices[0].message.content == TEXT
    streamed = client.chat.completions.create(model=model, messages=messages, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in streamed if c.choices) == TEXT
    assert client.responses.create(model=model, input="[plain] go", instructions=SYSTEM,
                                   store=False).output_text == TEXT


def test_a_gemini_client_that_wants_no_events(road):
    """streamGenerateContent without alt=sse is one JSON array, from every provider."""
    body = {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": [{"role": "user", "parts": [{"text": "[plain] go"}]}]}
    for model in ("on-openai", "on-anthropic", "on-gemini", "on-bedrock"):
        status, headers, answer = road[0].request("POST", f"/v1beta/models/{model}:streamGenerateContent", body)
        assert status == 200 and headers["content-type"].startswith("application/json"), answer
        candidates = [c["candidates"][0] for c in json.loads(answer)]
        assert "".join(p["text"] for c in candidates for p in c.get("content", {}).get("parts", [])) == TEXT
        assert candidates[-1]["finishReason"] == "STOP"
