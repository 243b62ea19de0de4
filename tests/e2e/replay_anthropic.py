"""Anthropic Messages as a provider: its documented rules, its answers, its streams, its errors."""
import json
import re
import urllib.parse

from replay_parts import (CACHED, FRESH, OUT, THOUGHT, WRITTEN, Ask, closed_objects, image_bytes,
                          members, need, nodes, pieces)

SIGNATURE = "RXFRQ0NrZ0lDQkFCR0FJcVFBeU9uLWFudGhyb3BpYw=="
TOP = ("model messages max_tokens system metadata stop_sequences stream temperature top_k top_p thinking tools"
       " tool_choice service_tier output_config cache_control container inference_geo")
BLOCKS = {
    "text": "type text cache_control citations", "image": "type source cache_control",
    "document": "type source cache_control citations context title",
    "tool_use": "type id name input cache_control caller",
    "tool_result": "type tool_use_id content is_error cache_control",
    "thinking": "type thinking signature", "redacted_thinking": "type data"}
ERROR_TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
               404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error",
               500: "api_error", 503: "overloaded_error", 529: "overloaded_error"}
NO_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
             "maxLength", "maxItems", "pattern"}


VERTEX = re.compile(r"/v1/projects/p-1/locations/europe-west4/publishers/anthropic/models/([^:/]+)"
                    r":(rawPredict|streamRawPredict)")


def read_vertex(path, headers, raw):
    """Claude on Vertex AI: the model stands in the path, the version in the body."""
    found = VERTEX.fullmatch(path)
    need(found, f"no such method: {path}")
    need(headers.get("authorization") == "Bearer fetched", "Request had invalid authentication credentials")
    body = json.loads(raw)
    need(body.pop("anthropic_version", None) == "vertex-2023-10-16", "anthropic_version is required")
    need("model" not in body, "model: Extra inputs are not permitted")
    need(bool(body.get("stream")) == (found.group(2) == "streamRawPredict"), "stream and method differ")
    return request({**body, "model": urllib.parse.unquote(found.group(1))}, headers)


def read(path, headers, raw):
    body = json.loads(raw)
    need(headers.get("anthropic-version") in ("2023-06-01", "2026-10-21"), "anthropic-version is missing")
    need(headers.get("x-api-key") == "k" or headers.get("authorization") == "Bearer k", "no key")
    return request(body, headers)


def request(body, headers):
    members(body, TOP, "body")
    need(isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 0, "max_tokens: Field required")
    ask = Ask(body["model"], bool(body.get("stream")), body, headers)
    system = body.get("system") or []
    ask.system = system if isinstance(system, str) else "".join(b["text"] for b in system)
    sampling(body)
    tools(body, ask)
    turns(body, ask)
    marks = json.dumps(body).count('"cache_control"')
    need(marks <= 4, f"{marks} blocks with cache_control: at most 4")
    output = (body.get("output_config") or {}).get("format")
    if output:
        members(output, "type schema", "output_config/format")
        closed_objects(output["schema"], all_required=False)
        for where, node in nodes(output["schema"]):
            need(not NO_BOUNDS & set(node), f"{where}: {sorted(NO_BOUNDS & set(node))} is not supported")
        ask.schema = output["schema"]
    return ask


def sampling(body):
    thinking = body.get("thinking") or {}
    on = thinking.get("type") in ("enabled", "adaptive")
    if "temperature" in body:
        need(0 <= body["temperature"] <= 1, "temperature: at most 1")
        need("top_p" not in body, "temperature and top_p cannot both be specified")
        need(not on or body["temperature"] == 1, "temperature may only be 1 when thinking is enabled")
    need(not on or "top_k" not in body, "top_k may not be set when thinking is enabled")
    if thinking.get("type") == "enabled":
        need(1024 <= thinking["budget_tokens"] < body["max_tokens"], "thinking.budget_tokens")
        need((body.get("tool_choice") or {}).get("type") not in ("any", "tool"),
             "Thinking may not be enabled when tool_choice forces tool use")
    for stop in body.get("stop_sequences") or []:
        need(stop.strip(), "stop_sequences: each must contain non-whitespace")
    if "metadata" in body:
        members(body["metadata"], "user_id", "metadata")


def tools(body, ask):
    for tool in body.get("tools") or []:
        members(tool, "type name description input_schema strict cache_control eager_input_streaming", "tools")
        need(re.fullmatch("[a-zA-Z0-9_-]{1,128}", tool["name"]), "tools: name")
        need(tool["input_schema"].get("type") == "object", "tools: input_schema.type must be object")
        ask.tools.append(tool["name"])
    choice = body.get("tool_choice")
    if choice:
        need(ask.tools, "tool_choice may only be specified while providing tools")
        allowed = {"auto": "type disable_parallel_tool_use", "any": "type disable_parallel_tool_use",
                   "tool": "type name disable_parallel_tool_use", "none": "type"}
        members(choice, allowed[choice["type"]], "tool_choice")


def turns(body, ask):
    messages = body["messages"]
    need(messages, "messages: at least one message is required")
    need(messages[0]["role"] == "user", "messages: first message must use the user role")
    open_calls, names, seen, last = {}, {}, set(), None
    for at, message in enumerate(messages):
        where = f"messages.{at}"
        members(message, "role content", where)
        need(message["role"] in ("user", "assistant"), f"{where}: role {message['role']}")
        need(message["role"] != last, f"{where}: roles must alternate")
        last = message["role"]
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        need(blocks, f"{where}: content must not be empty")
        if last == "assistant":
            ask.results = []
            open_calls = assistant(blocks, where, ask, seen)
            names.update(open_calls)
        else:
            user(blocks, where, ask, open_calls, names)
            open_calls = {}
    need(not open_calls, f"tool_use ids without tool_result: {sorted(open_calls)}")
    ask.thinking = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    calls = [m for m in messages if m["role"] == "assistant" and isinstance(m["content"], list)
             and any(b["type"] == "tool_use" for b in m["content"])]
    if (body.get("thinking") or {}).get("type") == "enabled" and calls and ask.results:
        need(calls[-1]["content"][0]["type"] in ("thinking", "redacted_thinking"),
             "When thinking is enabled, a final assistant message must start with a thinking block")
    if last == "assistant":
        need(not blocks[-1].get("text", "x").endswith((" ", "\n")), "final assistant content: trailing whitespace")


def assistant(blocks, where, ask, seen):
    calls = {}
    for block in blocks:
        need(block.get("type") in BLOCKS, f"{where}: block {block.get('type')}")
        members(block, BLOCKS[block["type"]], where)
        if block["type"] == "text":
            need(block["text"].strip(), f"{where}: text content blocks must be non-empty")
        elif block["type"] == "tool_use":
            need(re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]), f"{where}: id {block['id']}")
            need(block["id"] not in seen, f"{where}: tool_use ids must be unique")
            need(isinstance(block["input"], dict), f"{where}: input should be a valid dictionary")
            seen.add(block["id"])
            calls[block["id"]] = block["name"]
        elif block["type"] == "thinking":
            need(block["signature"] == SIGNATURE, f"{where}: Invalid `signature` in `thinking` block")
            need(not calls, f"{where}: thinking after tool_use")
            ask.signed.append(block["signature"])
        elif block["type"] == "redacted_thinking":
            ask.signed.append(block["data"])
    return calls


def user(blocks, where, ask, open_calls, names):
    answered, other = [], False
    for block in blocks:
        need(block.get("type") in BLOCKS, f"{where}: block {block.get('type')}")
        members(block, BLOCKS[block["type"]], where)
        if block["type"] == "tool_result":
            need(not other, f"{where}: tool_result blocks must come first")
            need(block["tool_use_id"] in open_calls, f"{where}: unexpected tool_use_id {block['tool_use_id']}")
            answered.append(block["tool_use_id"])
            content = block.get("content", "")
            texts = [content] if isinstance(content, str) else [p.get("text", "") for p in content]
            ask.results.append((names[block["tool_use_id"]], "".join(texts)))
            continue
        other = True
        if block["type"] == "text":
            need(block["text"].strip(), f"{where}: text content blocks must be non-empty")
            ask.first = ask.first or block["text"]
        elif block["type"] == "image":
            source = block["source"]
            need(source["type"] in ("base64", "url"), f"{where}: image source {source['type']}")
            if source["type"] == "url":
                continue
            ask.images.append(image_bytes(source["data"], source["media_type"], where))
    need(sorted(answered) == sorted(open_calls), f"{where}: tool_use without tool_result: {sorted(open_calls)}")


USAGE = {"input_tokens": FRESH, "cache_read_input_tokens": CACHED, "cache_creation_input_tokens": WRITTEN,
         "output_tokens": OUT, "output_tokens_details": {"thinking_tokens": THOUGHT}, "service_tier": "standard"}
STOPS = {"stop": "end_turn", "tool": "tool_use", "length": "max_tokens"}


def block_of(block, empty=False):
    if block.kind == "text":
        return {"type": "text", "text": "" if empty else block.text}
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": "" if empty else block.text,
                "signature": "" if empty else block.signature}
    if block.kind == "redacted":
        return {"type": "redacted_thinking", "data": block.signature}
    return {"type": "tool_use", "id": "toolu_" + block.id, "name": block.name, "input": {} if empty else block.input}


def message(ask, content, stop, usage):
    return {"id": "msg_01Replay", "type": "message", "role": "assistant", "model": ask.model,
            "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}


def answer(ask, reply):
    return message(ask, [block_of(b) for b in reply.blocks], STOPS[reply.finish], USAGE)


def deltas(block):
    if block.kind == "text":
        return [{"type": "text_delta", "text": p} for p in pieces(block.text)]
    if block.kind == "thinking":
        return [{"type": "thinking_delta", "thinking": p} for p in pieces(block.text)] + [
            {"type": "signature_delta", "signature": block.signature}]
    if block.kind == "redacted":
        return []
    given = pieces(json.dumps(block.input)) if block.input else []
    return [{"type": "input_json_delta", "partial_json": p} for p in ["", *given]]


def events(ask, reply):
    start = {**USAGE, "output_tokens": 1}
    start.pop("output_tokens_details")
    yield "message_start", {"message": message(ask, [], None, start)}
    yield "ping", {}
    for index, block in enumerate(reply.blocks):
        yield "content_block_start", {"index": index, "content_block": block_of(block, empty=True)}
        for delta in deltas(block):
            yield "content_block_delta", {"index": index, "delta": delta}
        if reply.cut:
            return
        if reply.fail:
            break
        yield "content_block_stop", {"index": index}
    if reply.fail:
        yield "error", {"error": {"type": "overloaded_error", "message": "overloaded in mid-stream"}}
        return
    yield "message_delta", {"delta": {"stop_reason": STOPS[reply.finish], "stop_sequence": None},
                            "usage": {"output_tokens": OUT, "output_tokens_details": {"thinking_tokens": THOUGHT}}}
    yield "message_stop", {}


def stream(ask, reply):
    data = "".join(f"event: {kind}\ndata: {json.dumps({'type': kind, **more}, ensure_ascii=False)}\n\n"
                   for kind, more in events(ask, reply))
    return "text/event-stream; charset=utf-8", data.encode()


def error(status, text, retry_after):
    headers = {"request-id": "req_upstream", "anthropic-ratelimit-requests-limit": "50",
               "anthropic-ratelimit-requests-remaining": "0"}
    if retry_after:
        headers["retry-after"] = retry_after
    return {"type": "error", "error": {"type": ERROR_TYPES[status], "message": text},
            "request_id": "req_upstream"}, headers
