"""What providers do besides chatting, for the replayer: embeddings, and counting tokens. Same rules: what their
documents forbid is refused."""
import base64
import json
import re
import struct

from replay_parts import members, need

COUNT = 321
# float32 numbers that are easily lost: short, long, tiny, huge, a denormal, minus zero.
VECTOR = list(struct.unpack("<8f", struct.pack("<8f", 0.1, -0.30000001192092896, 2.5e-8, 1e30, 1.401298464324817e-45,
                                               -0.0, 16777217.0, 1 / 3)))


def vectors(count):
    """One for each input: the first number tells them apart."""
    return [[float(n), *VECTOR[1:]] for n in range(count)]


def openai_embeddings(body):
    members(body, "model input encoding_format dimensions user", "body")
    given = body["input"] if isinstance(body["input"], list) else [body["input"]]
    need(given and all(isinstance(t, str) and t for t in given), "input: texts")
    found = vectors(len(given))
    if body.get("encoding_format") == "base64":
        found = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in found]
    return {"object": "list", "model": body.get("model", "m"), "usage": {"prompt_tokens": 6, "total_tokens": 6},
            "data": [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(found)]}


def gemini_embedding(body, where="body"):
    members(body, "model content taskType title outputDimensionality embedContentConfig", where)
    need(body["content"]["parts"][0]["text"], f"{where}: content")
    return body


def gemini_embeddings(path, body):
    if path.endswith(":embedContent"):
        gemini_embedding(body)
        return {"embedding": {"values": vectors(1)[0]}}
    members(body, "requests", "body")
    for one in body["requests"]:
        need(gemini_embedding(one, "requests")["model"].startswith("models/"), "requests: model")
    return {"embeddings": [{"values": v} for v in vectors(len(body["requests"]))]}


def count(path, body):
    """The counters. What only an answer needs is not theirs."""
    if path == "/v1/messages/count_tokens":
        members(body, "model messages system tools tool_choice thinking output_config cache_control", "body")
        return {"input_tokens": COUNT}
    if path.endswith("/publishers/anthropic/models/count-tokens:rawPredict"):
        members(body, "anthropic_version model messages system tools tool_choice thinking", "body")
        need(body["model"] and body["anthropic_version"] == "vertex-2023-10-16", "model, anthropic_version")
        return {"input_tokens": COUNT}
    if path.endswith("/responses/input_tokens"):
        members(body, "model input instructions tools tool_choice text reasoning parallel_tool_calls truncation"
                      " conversation previous_response_id", "body")
        return {"object": "response.input_tokens", "input_tokens": COUNT}
    if path.endswith(":countTokens"):
        members(body, "contents generateContentRequest", "body")
        need(len(body) == 1, "contents and generateContentRequest")
        need(body.get("contents") or body["generateContentRequest"]["model"].startswith("models/"), "model")
        return {"totalTokens": COUNT}
    members(body["input"], "converse invokeModel", "input")
    members(body["input"]["converse"], "messages system toolConfig additionalModelRequestFields", "converse")
    return {"inputTokens": COUNT}


def answer(path, headers, raw):
    """The body of an answer; None: not such a path. Raises Refused."""
    path = path.partition("?")[0]
    if re.search(r"/count_tokens$|/input_tokens$|:countTokens$|/count-tokens(:rawPredict)?$", path):
        return count(path, json.loads(raw))
    if path.endswith("/embeddings"):
        return openai_embeddings(json.loads(raw))
    if re.search(r":(embedContent|batchEmbedContents)$", path):
        return gemini_embeddings(path, json.loads(raw))
    return None
