"""Google Gemini generateContent as a provider: its documented rules, answers, streams, errors."""
import json
import re
import urllib.parse

from replay_parts import (CACHED, OUT, PROMPT, THOUGHT, TOTAL, Ask, as_text, image_bytes, members, need, nodes,
                          pieces)

SIGNATURE = "CuMBAfvvvsjJysvMzc7P0NHS09TV1tfY2drb3N3e3+Dh4uPk5ebn6Onq6+zt7u/w8fLz9PX29/j5+vv8/f7///4="
TOP = ("contents systemInstruction tools toolConfig safetySettings cachedContent labels serviceTier store"
       " generationConfig continuationToken")
CONFIG = ("stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount"
          " maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs"
          " speechConfig thinkingConfig mediaResolution imageConfig enableEnhancedCivicAnswers")
DATA = ("text inlineData fileData functionCall functionResponse executableCode codeExecutionResult").split()
SCHEMA_WORDS = set("$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems"
                   " minimum maximum anyOf oneOf properties additionalProperties required propertyOrdering".split())
STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
          413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}


VERBATIM = {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels"}


def camel(value, key=""):
    """The API takes snake_case too; what is the caller's own stays."""
    if isinstance(value, list):
        return [camel(v) for v in value]
    if not isinstance(value, dict) or key in VERBATIM:
        return value
    named = {re.sub("_([a-z])", lambda m: m.group(1).upper(), k): v for k, v in value.items()}
    return {k: camel(v, k) for k, v in named.items()}


def read(path, headers, raw):
    body = camel(json.loads(raw))
    vertex = "/publishers/google/" in path
    need(headers.get("authorization") == "Bearer fetched" if vertex else headers.get("x-goog-api-key") == "k",
         "API key not valid")
    found = re.fullmatch(r"/(v1|v1beta1?)(?:/projects/p-1/locations/europe-west4/publishers/google)?/models/([^:/]+)"
                         r":(generateContent|streamGenerateContent)(\?alt=sse)?", path)
    need(found, f"no such method: {path}")
    members(body, TOP, "body")
    stream = found.group(3) == "streamGenerateContent"
    ask = Ask(urllib.parse.unquote(found.group(2)), stream, body, headers)
    ask.sse = bool(found.group(4))
    need(stream or not ask.sse, "alt=sse is for streams")
    instruction = body.get("systemInstruction") or {"parts": []}
    members(instruction, "role parts", "systemInstruction")
    ask.system = "\n\n".join(p["text"] for p in instruction["parts"])
    tools(body, ask)
    config(body.get("generationConfig") or {}, ask)
    turns(body.get("contents"), ask)
    return ask


def subset(schema, where):
    for at, node in nodes(schema, where):
        need(set(node) <= SCHEMA_WORDS, f"{at}: Unknown name {sorted(set(node) - SCHEMA_WORDS)}")
        if "$ref" in node:
            need(all(k.startswith("$") for k in node), f"{at}: $ref stands alone")


def tools(body, ask):
    for tool in body.get("tools") or []:
        members(tool, "functionDeclarations googleSearch codeExecution urlContext", "tools")
        for one in tool.get("functionDeclarations") or []:
            members(one, "name description parameters parametersJsonSchema response responseJsonSchema behavior",
                    "functionDeclarations")
            need(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}", one["name"]), "functionDeclarations: name")
            need(not ("parameters" in one and "parametersJsonSchema" in one), "parameters: only one of both")
            subset(one.get("parametersJsonSchema") or {}, one["name"])
            ask.tools.append(one["name"])
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig")
    if calling:
        members(calling, "mode allowedFunctionNames streamFunctionCallArguments", "functionCallingConfig")
        need(calling["mode"] in ("AUTO", "ANY", "NONE", "VALIDATED"), "functionCallingConfig: mode")
        need(set(calling.get("allowedFunctionNames") or []) <= set(ask.tools), "allowedFunctionNames")
        need(not calling.get("allowedFunctionNames") or calling["mode"] in ("ANY", "VALIDATED"), "allowed names: mode")


def config(given, ask):
    members(given, CONFIG, "generationConfig")
    thinking = given.get("thinkingConfig") or {}
    members(thinking, "includeThoughts thinkingBudget thinkingLevel", "thinkingConfig")
    need(not {"thinkingBudget", "thinkingLevel"} <= set(thinking), "thinkingConfig: only one of level and budget")
    need("thinkingLevel" not in thinking or ask.model.startswith("gemini-3"), "Thinking level is not supported")
    ask.thinking = bool(thinking.get("includeThoughts"))
    need(len(given.get("stopSequences") or []) <= 5, "stopSequences: at most 5")
    wanted = given.get("responseJsonSchema") or given.get("responseSchema")
    if wanted is not None:
        need(not {"responseJsonSchema", "responseSchema"} <= set(given), "responseSchema: only one of both")
        need(given.get("responseMimeType") == "application/json", "responseMimeType must be application/json")
        if "responseJsonSchema" in given:
            subset(wanted, "responseJsonSchema")
        ask.schema = wanted


def kind_of(part, where):
    members(part, [*DATA, "thought", "thoughtSignature", "videoMetadata", "mediaResolution"], where)
    found = [k for k in DATA if k in part]
    need(len(found) == 1, f"{where}: required oneof field 'data' must have one initialized field: {sorted(part)}")
    return found[0]


def turns(contents, ask):
    need(contents, "contents is not specified")
    calls, names, last, current = [], {}, None, len(contents)
    while current > 0 and not any("text" in p for p in contents[current - 1]["parts"]
                                  if contents[current - 1].get("role") == "user"):
        current -= 1
    for at, content in enumerate(contents):
        where = f"contents[{at}]"
        members(content, "role parts", where)
        role = content.get("role")
        need(role in ("user", "model"), f"{where}: Please use a valid role: user, model")
        need(role != last, f"{where}: roles must alternate")
        need(content.get("parts"), f"{where}: parts must not be empty")
        last = role
        if role == "model":
            need(at > 0, "the first turn must be the user's")
            ask.results = []
            calls = model(content["parts"], where, ask, at >= current)
        else:
            responses = user(content["parts"], where, ask)
            need(len(responses) == len(calls), f"{where}: the number of function response parts ({len(responses)})"
                 f" must equal the number of function call parts ({len(calls)}) of the function call turn")
            pair(calls, responses, where, ask)
            calls = []
    need(not calls, "function calls without their responses")


def model(parts, where, ask, current):
    calls = []
    for part in parts:
        kind = kind_of(part, where)
        if "thoughtSignature" in part:
            came = part["thoughtSignature"].replace("-", "+").replace("_", "/")
            need(came == SIGNATURE, f"{where}: Thought signature is not valid")
            ask.signed.append(came)
        need(kind in ("text", "functionCall"), f"{where}: {kind} in a model turn")
        if kind == "functionCall":
            members(part[kind], "id name args", where)
            need(isinstance(part[kind].get("args", {}), dict), f"{where}: args")
            first = not calls
            calls.append(part[kind])
            need(not (first and current and ask.model.startswith("gemini-3")) or "thoughtSignature" in part,
                 f"{where}: Function call is missing a thought_signature in functionCall parts")
    return calls


def user(parts, where, ask):
    responses = []
    for part in parts:
        kind = kind_of(part, where)
        if kind == "functionResponse":
            members(part[kind], "id name response parts willContinue scheduling", where)
            need(isinstance(part[kind].get("response"), dict), f"{where}: response must be an object")
            responses.append(part[kind])
        elif kind == "text":
            ask.first = ask.first or part["text"]
        elif kind == "inlineData":
            data = part[kind]["data"].replace("-", "+").replace("_", "/")  # bytes of the API: either alphabet
            if part[kind]["mimeType"].startswith("image/"):
                ask.images.append(image_bytes(data, part[kind]["mimeType"], where))
        else:
            need(False, f"{where}: {kind} in a user turn")
    return responses


def pair(calls, responses, where, ask):
    for call, response in zip(calls, responses):
        need(call["name"] == response["name"], f"{where}: {response['name']} answers {call['name']}")
        need(call.get("id") == response.get("id"), f"{where}: id {response.get('id')} answers {call.get('id')}")
        said = response["response"]
        text = said["output"] if set(said) == {"output"} else said
        ask.results.append((call["name"], as_text(text)))


USAGE = {"promptTokenCount": PROMPT - 10, "toolUsePromptTokenCount": 10, "cachedContentTokenCount": CACHED,
         "candidatesTokenCount": OUT - THOUGHT, "thoughtsTokenCount": THOUGHT, "totalTokenCount": TOTAL,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": PROMPT - 10}]}
FINISH = {"stop": "STOP", "tool": "STOP", "length": "MAX_TOKENS"}


def parts_of(reply, sign_calls):
    """Thoughts have no signature of their own here: it stands on the first call."""
    signature, signed = "", False
    for block in reply.blocks:
        if block.kind == "thinking":
            signature = block.signature
            yield {"text": block.text, "thought": True}
        elif block.kind == "text":
            yield {"text": block.text}
        else:
            part = {"functionCall": {"name": block.name, "args": block.input}}
            if not signed and (signature or sign_calls):
                part["thoughtSignature"] = SIGNATURE
                signed = True
            yield part


def chunk(ask, parts, finish=None, usage=None):
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    body = {"candidates": [candidate], "modelVersion": ask.model, "responseId": "resp-gem-1"}
    return {**body, "usageMetadata": usage} if usage else body


def answer(ask, reply):
    parts = list(parts_of(reply, ask.model.startswith("gemini-3")))
    return chunk(ask, parts, FINISH[reply.finish], USAGE)


def chunks(ask, reply):
    first = {"promptTokenCount": PROMPT - 10, "totalTokenCount": PROMPT - 10}
    for part in parts_of(reply, ask.model.startswith("gemini-3")):
        texts = pieces(part["text"]) if "text" in part else [None]
        for text in texts:
            yield chunk(ask, [{**part, "text": text} if text is not None else part], usage=first)
    if reply.fail:
        yield {"error": {"code": 503, "message": "overloaded in mid-stream", "status": "UNAVAILABLE"}}
    elif not reply.cut:
        yield chunk(ask, [{"text": ""}], FINISH[reply.finish], USAGE)


def stream(ask, reply):
    texts = [json.dumps(c, ensure_ascii=False) for c in chunks(ask, reply)]
    if ask.sse:
        return "text/event-stream", "".join(f"data: {t}\r\n\r\n" for t in texts).encode()
    return "application/json; charset=UTF-8", ("[" + ",\r\n".join(texts) + ("" if reply.cut else "]")).encode()


def error(status, text, retry_after):
    body = {"code": status, "message": text, "status": STATUS[status]}
    if retry_after:
        body["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after}s"}]
    return {"error": body}, {}
