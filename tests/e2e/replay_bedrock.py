"""AWS Bedrock Converse as a provider. What a request may hold is botocore's word, not ours; the rest are
documented rules. Answers, event-stream frames, errors."""
import base64
import binascii
import copy
import functools
import json
import re
import struct
import urllib.parse

import botocore.loaders
import botocore.model
import botocore.validate

import replay_anthropic
from replay_parts import CACHED, FRESH, OUT, TOTAL, WRITTEN, Ask, as_text, members, need, pieces

SIGNATURE = replay_anthropic.SIGNATURE  # Claude's signatures are the same on every platform
ERRORS = {400: "ValidationException", 401: "UnrecognizedClientException", 403: "AccessDeniedException",
          404: "ResourceNotFoundException", 413: "ValidationException", 429: "ThrottlingException",
          500: "InternalServerException", 503: "ServiceUnavailableException"}


@functools.cache
def service():
    loaded = botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    return botocore.model.ServiceModel(loaded)


def unblob(value, shape, where):
    """JSON as botocore sees it: blobs as bytes; a member that the API does not have is refused."""
    kind = shape.type_name
    if kind == "blob":
        return base64.b64decode(value, validate=True)
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        members(value, list(shape.members), where)
        return {k: unblob(v, shape.members[k], f"{where}/{k}") for k, v in value.items()}
    if kind == "list":
        need(isinstance(value, list), f"{where}: a list is expected")
        return [unblob(v, shape.member, f"{where}/{i}") for i, v in enumerate(value)]
    return value


def read(path, headers, raw):
    sent = headers.get("authorization", "")
    need(sent == "Bearer k" or re.match(r"AWS4-HMAC-SHA256 Credential=AKIDREPLAY/\d{8}/eu-west-1/bedrock/aws4_request,"
                                        r" ?SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, ?Signature=[0-9a-f]{64}$", sent),
         f"The security token included in the request is invalid: {sent[:60]}")
    found = re.fullmatch(r"/model/([^/]+)/(converse|converse-stream)", path)
    need(found and ":" not in found.group(1), f"no such operation: {path}")
    body = json.loads(raw)
    shape = service().operation_model("Converse").input_shape
    params = {**unblob(body, shape, "body"), "modelId": urllib.parse.unquote(found.group(1))}
    report = botocore.validate.ParamValidator().validate(params, shape)
    need(not report.has_errors(), report.generate_report())
    ask = Ask(params["modelId"], found.group(2) == "converse-stream", body, headers)
    ask.system = "\n\n".join(s["text"] for s in body.get("system") or [] if "text" in s)
    more = body.get("additionalModelRequestFields") or {}
    ask.thinking = (more.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    form = ((body.get("outputConfig") or {}).get("textFormat") or {}).get("structure") or {}
    if form:
        given = form["jsonSchema"]["schema"]
        need(isinstance(given, str), "outputConfig: the schema is a JSON text")
        ask.schema = json.loads(given)
    tools(body, ask)
    turns(params["messages"], ask, "toolConfig" in body)
    return ask


def tools(body, ask):
    for tool in (body.get("toolConfig") or {}).get("tools") or []:
        if "toolSpec" not in tool:
            continue
        spec = tool["toolSpec"]
        need(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", spec["name"]), "toolSpec: name")
        need(spec["inputSchema"]["json"].get("type") == "object", "toolSpec: type must be object")
        need(spec.get("description") != "", "toolSpec: description must not be empty")
        ask.tools.append(spec["name"])


def turns(messages, ask, has_tools):
    need(messages and messages[0]["role"] == "user", "A conversation must start with a user message")
    waiting, names, last = {}, {}, None
    for at, message in enumerate(messages):
        where = f"messages.{at}"
        need(message["role"] != last, f"{where}: roles must alternate between user and assistant")
        last = message["role"]
        need(message["content"], f"{where}: The content field is empty")
        if last == "assistant":
            ask.results = []
            waiting = assistant(message["content"], where, ask)
            names.update(waiting)
        else:
            user(message["content"], where, ask, waiting, names)
            waiting = {}
    need(last == "user" or not names and not messages[-1]["content"][-1]["text"].endswith((" ", "\n")),
         "the last turn must be the user's, or a prefill without white space at its end")
    need(has_tools or not names, "The toolConfig field must be defined when using toolUse and toolResult blocks")


def assistant(content, where, ask):
    calls = {}
    for block in content:
        if "text" in block:
            need(block["text"].strip(), f"{where}: The text field in the ContentBlock object is blank")
        if "reasoningContent" in block:
            inner = block["reasoningContent"].get("reasoningText")
            if inner:
                need(inner.get("signature") == SIGNATURE, f"{where}: Invalid `signature` in `thinking` block")
                ask.signed.append(inner["signature"])
            if "redactedContent" in block["reasoningContent"]:
                ask.signed.append(block["reasoningContent"]["redactedContent"].decode())
            need(not calls, f"{where}: thinking after toolUse")
        if "toolUse" in block:
            use = block["toolUse"]
            need(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", use["toolUseId"]), f"{where}: toolUseId {use['toolUseId']}")
            need(isinstance(use["input"], dict), f"{where}: input must be an object")
            calls[use["toolUseId"]] = use["name"]
    need(not (ask.thinking and calls) or "reasoningContent" in content[0],
         f"{where}: Expected thinking, but found tool_use")
    return calls


def user(content, where, ask, waiting, names):
    answered = []
    for block in content:
        if "text" in block:
            need(block["text"].strip(), f"{where}: The text field in the ContentBlock object is blank")
            ask.first = ask.first or block["text"]
        if "image" in block:
            need(block["image"]["format"] == "png", f"{where}: image format")
            ask.images.append(block["image"]["source"]["bytes"])
        if "toolResult" in block:
            result = block["toolResult"]
            need(result["toolUseId"] in waiting, f"{where}: unexpected toolUseId {result['toolUseId']}")
            answered.append(result["toolUseId"])
            text = "".join(as_text(p.get("text", p.get("json", ""))) for p in result["content"])
            ask.results.append((names[result["toolUseId"]], text))
    need(sorted(answered) == sorted(waiting), f"{where}: toolUse without toolResult: {sorted(waiting)}")


USAGE = {"inputTokens": FRESH, "outputTokens": OUT, "totalTokens": TOTAL, "cacheReadInputTokens": CACHED,
         "cacheWriteInputTokens": WRITTEN}
STOPS = {"stop": "end_turn", "tool": "tool_use", "length": "max_tokens"}


def block_of(block):
    if block.kind == "text":
        return {"text": block.text}
    if block.kind == "thinking":
        return {"reasoningContent": {"reasoningText": {"text": block.text, "signature": block.signature}}}
    if block.kind == "redacted":
        return {"reasoningContent": {"redactedContent": base64.b64encode(block.signature.encode()).decode()}}
    return {"toolUse": {"toolUseId": "tooluse_" + block.id, "name": block.name, "input": copy.deepcopy(block.input)}}


def answer(ask, reply):
    return {"output": {"message": {"role": "assistant", "content": [block_of(b) for b in reply.blocks]}},
            "stopReason": STOPS[reply.finish], "usage": USAGE, "metrics": {"latencyMs": 12}}


def deltas(block):
    if block.kind == "text":
        return [{"text": p} for p in pieces(block.text)]
    if block.kind == "thinking":
        return [{"reasoningContent": {"text": p}} for p in pieces(block.text)] + [
            {"reasoningContent": {"signature": block.signature}}]
    if block.kind == "redacted":
        return [{"reasoningContent": {"redactedContent": base64.b64encode(block.signature.encode()).decode()}}]
    return [{"toolUse": {"input": p}} for p in (pieces(json.dumps(block.input)) if block.input else [""])]


def events(reply):
    yield "messageStart", {"role": "assistant"}
    for index, block in enumerate(reply.blocks):
        if block.kind == "call":
            use = {"toolUseId": "tooluse_" + block.id, "name": block.name}
            yield "contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": use}}
        for delta in deltas(block):
            yield "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}
        if reply.cut:
            return
        if reply.fail:
            break
        yield "contentBlockStop", {"contentBlockIndex": index}
    if reply.fail:
        yield "!modelStreamErrorException", {"message": "overloaded in mid-stream"}
        return
    yield "messageStop", {"stopReason": STOPS[reply.finish]}
    yield "metadata", {"usage": USAGE, "metrics": {"latencyMs": 12}}


def frame(name, body):
    kind, word = ("exception", ":exception-type") if name.startswith("!") else ("event", ":event-type")
    headers = b"".join(
        struct.pack("!B", len(k)) + k.encode() + b"\x07" + struct.pack("!H", len(v)) + v.encode()
        for k, v in ((word, name.lstrip("!")), (":content-type", "application/json"), (":message-type", kind)))
    payload = json.dumps({**body, "p": "abcdefghij"[:len(name) % 10]}, ensure_ascii=False).encode()
    head = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    data = head + struct.pack("!I", binascii.crc32(head)) + headers + payload
    return data + struct.pack("!I", binascii.crc32(data))


def stream(ask, reply):
    return "application/vnd.amazon.eventstream", b"".join(frame(name, body) for name, body in events(reply))


def error(status, text, retry_after):
    headers = {"x-amzn-errortype": ERRORS[status] + ":http://internal.amazon.com/", "x-amzn-requestid": "req_upstream"}
    if retry_after:
        headers["retry-after"] = retry_after
    return {"message": text}, headers
