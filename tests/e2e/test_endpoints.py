"""Embeddings, token counts, model lists and paths of other vendors' shapes, through the official SDKs with a
token in whatever header each of them sends. The upstream is scripted and speaks every provider's shape."""
import base64
import json
import math
import struct

import anthropic
import boto3
import botocore
import botocore.config
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types

import harness

pytestmark = pytest.mark.slow

VECTOR = [0.039718185, -1.5122982e-06, 0.5, 3.0]  # each the shortest text of its float32
SHORT = [3.0, 4.0]


def float32(values):
    return [struct.unpack("<f", struct.pack("<f", v))[0] for v in values]


def embeddings(request, body):
    ask = json.loads(body)
    inputs = ask["input"] if isinstance(ask["input"], list) else [ask["input"]]
    values = VECTOR[:ask.get("dimensions", 4)]
    if ask.get("encoding_format") == "base64":
        values = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
    request.answer(200, {
        "object": "list", "model": ask["model"],
        "data": [{"object": "embedding", "index": i, "embedding": values} for i in range(len(inputs))],
        "usage": {"prompt_tokens": 6, "total_tokens": 6}})


def gemini_embeddings(request, ask, many):
    def one(part):
        return {"values": SHORT if part.get("outputDimensionality") else VECTOR}
    if many:
        return request.answer(200, {"embeddings": [one(p) for p in ask["requests"]]})
    return request.answer(200, {"embedding": one(ask)})


CHAT = {"id": "c", "object": "chat.completion", "created": 1, "model": "real", "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "fine"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


def upstream(request, body):
    path = request.path.partition("?")[0]
    if path.endswith("/embeddings"):
        embeddings(request, body)
    elif path.endswith(":embedContent") or path.endswith(":batchEmbedContents"):
        gemini_embeddings(request, json.loads(body), path.endswith("Contents"))
    elif path.endswith("/count_tokens"):
        request.answer(200, {"input_tokens": 41})
    elif path.endswith(":countTokens"):
        request.answer(200, {"totalTokens": 42})
    elif path.endswith("/input_tokens"):
        request.answer(200, {"object": "response.input_tokens", "input_tokens": 43})
    elif path.endswith("/chat/completions"):
        request.answer(200, CHAT)
    else:
        request.answer(404, {"error": {"message": "no " + path}})


@pytest.fixture(scope="module")
def road():
    with harness.Upstream(upstream) as up:
        base = f"http://127.0.0.1:{up.port}"
        more = {"max_retries": 0, "api_key": "upstream-key"}
        config, secret = harness.secured(
            [{"name": "o", "type": "openai", "base_url": base + "/v1",
              "formats": ["openai-chat", "openai-responses"], **more},
             {"name": "a", "type": "anthropic", "base_url": base, **more},
             {"name": "g", "type": "gemini", "base_url": base, **more},
             {"name": "z", "type": "azure", "base_url": base, "api_version": "2024-10-21", **more}],
            [{"name": f"on-{p}", "targets": [{"provider": p, "model": "real"}]} for p in "oagz"] +
            [{"name": f"extra/{i}", "targets": [{"provider": "o"}]} for i in range(30)])
        with harness.Gateway(config) as gateway:
            gateway.up = up
            yield gateway, harness.fetch_token(gateway, secret)


@pytest.fixture
def oai(road):
    return openai.OpenAI(base_url=road[0].base + "/v1", api_key=road[1], max_retries=0)


@pytest.fixture
def claude(road):
    return anthropic.Anthropic(base_url=road[0].base, api_key=road[1], max_retries=0)


@pytest.fixture(params=["v1beta", "v1"])
def gem(road, request):
    return genai.Client(api_key=road[1], http_options=types.HttpOptions(
        base_url=road[0].base, api_version=request.param))


@pytest.fixture
def azure(road):
    return openai.AzureOpenAI(azure_endpoint=road[0].base, api_key=road[1], max_retries=0,
                              api_version="2024-10-21")


def last(road):
    path, headers, body = road[0].up.seen[-1]
    assert road[1] not in json.dumps(headers) + body.decode() + path  # the client's token stays here
    return path, json.loads(body)


@pytest.mark.parametrize("model", ["on-o", "on-g", "on-z"])
def test_openai_embeddings(road, oai, model):
    answer = oai.embeddings.create(model=model, input=["one", "two"])  # the SDK asks for base64
    assert [d.index for d in answer.data] == [0, 1]
    assert all(d.embedding == pytest.approx(float32(VECTOR), abs=0) for d in answer.data)
    assert answer.usage.prompt_tokens > 0
    plain = oai.embeddings.create(model=model, input="one", encoding_format="float")
    assert float32(plain.data[0].embedding) == float32(VECTOR)
    path, _ = last(road)
    assert path == {"on-o": "/v1/embeddings", "on-g": "/v1beta/models/real:embedContent",
                    "on-z": "/openai/deployments/real/embeddings?api-version=2024-10-21"}[model]


def test_openai_embeddings_of_fewer_dimensions(road, oai):
    assert oai.embeddings.create(model="on-o", input="x", dimensions=2).data[0].embedding == float32(VECTOR[:2])
    short = oai.embeddings.create(model="on-g", input="x", dimensions=2).data[0].embedding
    assert short == pytest.approx([0.6, 0.8]) and math.isclose(math.hypot(*short), 1, rel_tol=1e-6)
    assert last(road)[1]["outputDimensionality"] == 2


def test_openai_embeddings_that_nobody_makes(oai):
    with pytest.raises(openai.BadRequestError, match="embeddings"):
        oai.embeddings.create(model="on-a", input="x")
    with pytest.raises(openai.BadRequestError, match="token numbers"):
        oai.embeddings.create(model="on-g", input=[1, 2, 3])


@pytest.mark.parametrize("model", ["on-o", "on-g"])
def test_gemini_embeddings(road, gem, model):
    one = gem.models.embed_content(model=model, contents="one")
    assert float32(one.embeddings[0].values) == float32(VECTOR)
    many = gem.models.embed_content(
        model=model, contents=["one", "two"],
        config=types.EmbedContentConfig(task_type="RETRIEVAL_QUERY"))
    assert len(many.embeddings) == 2
    path, body = last(road)
    if model == "on-g":
        assert path == "/v1beta/models/real:batchEmbedContents"
        assert [r["model"] for r in body["requests"]] == ["models/real"] * 2
    else:
        assert body["input"] == ["one", "two"]


@pytest.mark.parametrize("model,tokens", [("on-a", 41), ("on-g", 42), ("on-o", 43)])
def test_counts(road, oai, claude, gem, model, tokens):
    said = claude.messages.count_tokens(model=model, messages=[{"role": "user", "content": "Hi"}])
    assert said.input_tokens == tokens
    assert gem.models.count_tokens(model=model, contents="Hi").total_tokens == tokens
    assert oai.responses.input_tokens.count(model=model, input="Hi").input_tokens == tokens


def test_counts_that_nobody_makes_are_marked(claude):
    raw = claude.messages.with_raw_response.count_tokens(
        model="on-z", messages=[{"role": "user", "content": "Hi there, how are you?"}])
    assert raw.headers["x-aigw-estimate"] == "true"
    assert 5 <= raw.parse().input_tokens <= 30


def test_models(road, oai, claude, gem):
    names = ["on-o", "on-a", "on-g", "on-z"] + [f"extra/{i}" for i in range(30)]
    assert [m.id for m in oai.models.list()] == names
    assert [m.id for m in claude.models.list(limit=7)] == names  # page by page
    assert [m.name for m in gem.models.list(config={"page_size": 7})] == ["models/" + n for n in names]
    assert oai.models.retrieve("extra/3").id == "extra/3"
    assert claude.models.retrieve("on-a").id == "on-a"
    assert gem.models.get(model="on-g").name == "models/on-g"
    with pytest.raises(openai.NotFoundError):
        oai.models.retrieve("nobody")
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("nobody")
    with pytest.raises(genai_errors.ClientError) as caught:
        gem.models.get(model="nobody")
    assert caught.value.code == 404


def test_azure_clients(road, azure):
    chat = azure.chat.completions.create(model="on-o", messages=[{"role": "user", "content": "Hi"}])
    assert chat.choices[0].message.content == "fine"
    assert last(road)[1]["model"] == "real"
    vector = azure.embeddings.create(model="on-z", input="x").data[0].embedding
    assert vector == pytest.approx(float32(VECTOR), abs=0)
    assert len(list(azure.models.list())) == 34
    with pytest.raises(openai.NotFoundError):
        azure.chat.completions.create(model="nobody", messages=[{"role": "user", "content": "Hi"}])
    v1 = openai.OpenAI(base_url=road[0].base + "/openai/v1", api_key=road[1], max_retries=0)
    assert v1.chat.completions.create(
        model="on-o", messages=[{"role": "user", "content": "Hi"}]).choices[0].message.content == "fine"


def test_bedrock_clients(road):
    # botocore sends its own bearer tokens over https only: here the field is put in by hand
    client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=road[0].base,
                          config=botocore.config.Config(signature_version=botocore.UNSIGNED,
                                                        retries={"max_attempts": 1}))
    client.meta.events.register("before-send.bedrock-runtime", lambda request, **_:
                                request.headers.__setitem__("Authorization", "Bearer " + road[1]))
    answer = client.converse(modelId="extra/3", messages=[{"role": "user", "content": [{"text": "Hi"}]}])
    assert answer["output"]["message"]["content"] == [{"text": "fine"}]
    events = client.converse_stream(
        modelId="on-o", messages=[{"role": "user", "content": [{"text": "Hi"}]}])["stream"]
    assert "".join(e["contentBlockDelta"]["delta"]["text"]
                   for e in events if "contentBlockDelta" in e) == "fine"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.converse(modelId="nobody", messages=[{"role": "user", "content": [{"text": "Hi"}]}])


def test_strangers_are_refused_in_their_dialect(road):
    stranger = genai.Client(api_key="wrong", http_options=types.HttpOptions(base_url=road[0].base))
    with pytest.raises(genai_errors.ClientError) as caught:
        stranger.models.count_tokens(model="on-g", contents="x")
    assert caught.value.code == 401 and caught.value.status == "UNAUTHENTICATED"
    status, headers, body = road[0].request(
        "POST", f"/v1beta/models/on-g:countTokens?key={road[1]}", {"contents": []})
    assert status == 401 and b"header" in body and "www-authenticate" in headers
    assert road[1] not in road[0].log()
