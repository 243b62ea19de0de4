"""OpenAI Chat Completions (and Azure's) as a provider: its documented rules, answers, streams, errors."""
import json

from replay_parts import (CACHED, NAME, OUT, PROMPT, THOUGHT, TOTAL, WRITTEN, Ask, closed_objects, data_uri,
                          members, need, pieces)

SIGNATURE = ""  # nothing is signed in this format
TOP = ("model messages max_tokens max_completion_tokens temperature top_p n stop stream stream_options tools"
       " tool_choice parallel_tool_calls response_format seed logprobs top_logprobs logit_bias user metadata store"
       " reasoning_effort verbosity service_tier presence_penalty frequency_penalty prediction modalities audio"
       " safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options web_search_options")
MESSAGE = {"system": "role content name", "developer": "role content name", "user": "role content name",
           "assistant": "role content name refusal audio tool_calls annotations function_call reasoning_content", "tool": "role content tool_call_id"}
PARTS = {"text": "type text prompt_cache_breakpoint", "image_url": "type image_url prompt_cache_breakpoint",
         "input_audio": "type input_audio", "file": "type file prompt_cache_breakpoint", "refusal": "type refusal"}


def read(path, headers, raw):
    body = json.loads(raw)
    need(headers.get("authorization") == "Bearer k" or headers.get("api-key") == "k", "Incorrect API key provided")
    return request(body, headers)


def read_azure(path, headers, raw):
    """/openai/deployments/D/chat/completions?api-version=V: the deployment decides, not the body."""
    body = json.loads(raw)
    need(headers.get("api-key") == "k" or headers.get("authorization") == "Bearer fetched", "Access denied due to invalid subscription key")
    need("api-version=20" in path, "api-version is required")
    deployment = path.split("/deployments/")[1].split("/")[0]
    return request({**body, "model": deployment}, headers)


def request(body, headers):
    members(body, TOP, "body")
    need(isinstance(body.get("model"), str) and body["model"], "you must provide a model parameter")
    need(not ("max_tokens" in body and "max_completion_tokens" in body), "max_tokens and max_completion_tokens")
    need("max_tokens" not in body, "Unsupported parameter: 'max_tokens' is not supported with this model."
                                   " Use 'max_completion_tokens' instead.")
    need("stream_options" not in body or body.get("stream"), "stream_options is only allowed when stream is true")
    need(len(body.get("stop") or []) <= 4 or isinstance(body["stop"], str), "stop: at most 4")
    ask = Ask(body["model"], bool(body.get("stream")), body, headers)
    ask.thinking = body.get("reasoning_effort") not in (None, "none")
    tools(body, ask)
    turns(body, ask)
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        wrapped = form["json_schema"]
        members(wrapped, "name schema strict description", "response_format")
        need(NAME.fullmatch(wrapped["name"]), "response_format: name")
        if wrapped.get("strict"):
            closed_objects(wrapped["schema"], all_required=True)
        ask.schema = wrapped["schema"]
    return ask


def tools(body, ask):
    for tool in body.get("tools") or []:
        members(tool, "type function", "tools")
        function = tool["function"]
        members(function, "name description parameters strict", "tools/function")
        need(NAME.fullmatch(function["name"]), "tools: name")
        need((function.get("parameters") or {"type": "object"}).get("type") == "object", "tools: parameters")
        if function.get("strict"):
            closed_objects(function["parameters"], all_required=True)
        ask.tools.append(function["name"])
    need(ask.tools or "tool_choice" not in body, "tool_choice is only allowed when tools are specified")
    need(ask.tools or "parallel_tool_calls" not in body,
         "parallel_tool_calls is only allowed when tools are specified")


def texts(content, where, kinds):
    if isinstance(content, str):
        return content
    need(isinstance(content, list) and content, f"{where}: content {content!r}")
    for part in content:
        need(part.get("type") in kinds, f"{where}: part {part.get('type')} is not allowed here")
        members(part, PARTS[part["type"]], where)
    return "".join(p["text"] for p in content if p["type"] == "text")


def turns(body, ask):
    need(body.get("messages"), "messages: too short")
    waiting, systems = {}, []
    for at, message in enumerate(body["messages"]):
        where = f"messages[{at}]"
        role = message.get("role")
        need(role in MESSAGE, f"{where}: role {role}")
        members(message, MESSAGE[role], where)
        if role == "tool":
            need(message["tool_call_id"] in waiting, f"{where}: tool without a preceding tool_calls")
            name = waiting.pop(message["tool_call_id"])
            ask.results.append((name, texts(message["content"], where, ("text",))))
            continue
        need(not waiting, f"{where}: tool_calls were not all followed by tool messages: {sorted(waiting)}")
        if role == "assistant":
            ask.results, waiting = [], calls(message, where)
        elif role == "user":
            text = texts(message["content"], where, PARTS)
            ask.first = ask.first or text
            images(message["content"], where, ask)
        else:
            systems.append(texts(message["content"], where, ("text",)))
    need(not waiting, f"tool_calls were not followed by tool messages: {sorted(waiting)}")
    ask.system = "\n\n".join(systems)


def images(content, where, ask):
    for part in content if isinstance(content, list) else []:
        if part["type"] == "image_url" and not part["image_url"]["url"].startswith("https://"):
            ask.images.append(data_uri(part["image_url"]["url"], where))


def calls(message, where):
    given = message.get("tool_calls")
    need(given is None or given, f"{where}: tool_calls must not be empty")
    need(given or message.get("content") is not None, f"{where}: content or tool_calls is needed")
    if message.get("content") is not None:
        texts(message["content"], where, ("text", "refusal"))
    out = {}
    for call in given or []:
        members(call, "id type function", f"{where}/tool_calls")
        members(call["function"], "name arguments", f"{where}/function")
        need(0 < len(call["id"]) <= 40 and call["id"] not in out, f"{where}: id {call['id']}")
        need(isinstance(json.loads(call["function"]["arguments"]), dict), f"{where}: arguments")
        out[call["id"]] = call["function"]["name"]
    return out


USAGE = {"prompt_tokens": PROMPT, "completion_tokens": OUT, "total_tokens": TOTAL,
         "prompt_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": WRITTEN, "audio_tokens": 0},
         "completion_tokens_details": {"reasoning_tokens": THOUGHT, "audio_tokens": 0,
                                       "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}
FINISH = {"stop": "stop", "tool": "tool_calls", "length": "length"}


def joined(reply, kind):
    return "".join(b.text for b in reply.blocks if b.kind == kind)


def call_of(block, arguments):
    return {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": arguments}}


def answer(ask, reply):
    message = {"role": "assistant", "content": joined(reply, "text") or None, "refusal": None, "annotations": []}
    if joined(reply, "thinking"):
        message["reasoning_content"] = joined(reply, "thinking")
    found = [call_of(b, json.dumps(b.input, ensure_ascii=False)) for b in reply.blocks if b.kind == "call"]
    if found:
        message["tool_calls"] = found
    return {"id": "chatcmpl-replay", "object": "chat.completion", "created": 1760000000, "model": ask.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH[reply.finish]}],
            "usage": USAGE, "service_tier": "default", "system_fingerprint": "fp_replay"}


def steps(reply):
    """The deltas in order."""
    yield {"role": "assistant", "content": "", "refusal": None}
    index = 0
    for block in reply.blocks:
        if block.kind == "call":
            yield {"tool_calls": [{"index": index, **call_of(block, "")}]}
            for piece in pieces(json.dumps(block.input, ensure_ascii=False)):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            index += 1
            continue
        for piece in pieces(block.text):
            yield {"content" if block.kind == "text" else "reasoning_content": piece}


def stream(ask, reply):
    usage = (ask.body.get("stream_options") or {}).get("include_usage")
    chunks = []

    def chunk(choices, **more):
        body = {"id": "chatcmpl-replay", "object": "chat.completion.chunk", "created": 1760000000,
                "model": ask.model, "service_tier": "default", "system_fingerprint": "fp_replay",
                "choices": choices, **({"usage": None} if usage else {}), **more}
        chunks.append("data: " + json.dumps(body, ensure_ascii=False) + "\n\n")

    for delta in steps(reply):
        chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])
    if reply.fail:
        chunks.append('data: {"error": {"message": "overloaded in mid-stream", "type": "server_error",'
                      ' "param": null, "code": null}}\n\n')
    elif not reply.cut:
        chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": FINISH[reply.finish]}])
        if usage:
            chunk([], usage=USAGE)
        chunks.append("data: [DONE]\n\n")
    return "text/event-stream; charset=utf-8", "".join(chunks).encode()


TYPES = {400: ("invalid_request_error", None), 401: ("invalid_request_error", "invalid_api_key"),
         403: ("permission_error", None), 404: ("invalid_request_error", "model_not_found"),
         413: ("invalid_request_error", None), 429: ("requests", "rate_limit_exceeded"),
         500: ("server_error", None), 503: ("server_error", None)}


def error(status, text, retry_after):
    kind, code = TYPES[status]
    headers = {"x-request-id": "req_upstream", "x-ratelimit-limit-requests": "50",
               "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7s"}
    if retry_after:
        headers["retry-after"] = retry_after
    return {"error": {"message": text, "type": kind, "param": None, "code": code}}, headers
