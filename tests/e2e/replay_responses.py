"""OpenAI Responses as a provider: its documented rules, answers, streams, errors."""
import json

from replay_openai import error  # noqa: F401  the shape is the same
from replay_parts import (CACHED, NAME, OUT, PROMPT, THOUGHT, TOTAL, WRITTEN, Ask, closed_objects, data_uri,
                          members, need, pieces)

SIGNATURE = "gAAAAABreplayEncryptedReasoning=="
TOP = ("model input instructions max_output_tokens temperature top_p stream stream_options tools tool_choice"
       " parallel_tool_calls text reasoning metadata service_tier user safety_identifier prompt_cache_key"
       " prompt_cache_retention prompt_cache_options top_logprobs store include truncation max_tool_calls background"
       " previous_response_id conversation prompt")
ITEMS = {
    "message": "type role content id status phase", "function_call": "type call_id name arguments id status",
    "function_call_output": "type call_id output id status",
    "reasoning": "type id summary content encrypted_content status"}
PARTS = {"input_text": "type text prompt_cache_breakpoint", "input_image": "type image_url file_id detail prompt_cache_breakpoint",
         "input_file": "type file_data filename file_id file_url detail prompt_cache_breakpoint",
         "output_text": "type text annotations logprobs", "refusal": "type refusal"}


def read(path, headers, raw):
    body = json.loads(raw)
    need(headers.get("authorization") == "Bearer k" or headers.get("api-key") == "k", "Incorrect API key provided")
    members(body, TOP, "body")
    ask = Ask(body["model"], bool(body.get("stream")), body, headers)
    reasoning = body.get("reasoning") or {}
    members(reasoning, "effort summary generate_summary", "reasoning")
    ask.thinking = reasoning.get("effort") not in (None, "none")
    need(body.get("store") is False or "previous_response_id" in body or headers.get("x-own"),
         "this upstream is asked by a stateless gateway: store must be false")
    tools(body, ask)
    turns(body, ask)
    form = (body.get("text") or {}).get("format") or {}
    if form.get("type") == "json_schema":
        members(form, "type name schema strict description", "text/format")
        need(NAME.fullmatch(form["name"]), "text/format: name")
        if form.get("strict"):
            closed_objects(form["schema"], all_required=True)
        ask.schema = form["schema"]
    return ask


def tools(body, ask):
    for tool in body.get("tools") or []:
        need(tool["type"] == "function", f"tools: {tool['type']}")
        members(tool, "type name description parameters strict", "tools")
        need(NAME.fullmatch(tool["name"]), "tools: name")
        if tool.get("strict", True) and tool.get("parameters"):  # true is the default of this API
            closed_objects(tool["parameters"], all_required=True)
        ask.tools.append(tool["name"])
    need(ask.tools or body.get("tool_choice", "auto") in ("auto", "none"), "tool_choice without tools")


def message(item, where, ask, systems):
    role = item["role"]
    need(role in ("user", "assistant", "system", "developer"), f"{where}: role {role}")
    kinds = ("output_text", "refusal") if role == "assistant" else ("input_text", "input_image", "input_file")
    content = item["content"]
    if isinstance(content, str):
        content = [{"type": kinds[0], "text": content}]
    need(content, f"{where}: content is empty")
    for part in content:
        need(part.get("type") in kinds, f"{where}: part {part.get('type')} is not allowed for {role}")
        members(part, PARTS[part["type"]], where)
        if part["type"] == "input_image" and not (part.get("image_url") or "").startswith("https://"):
            ask.images.append(data_uri(part["image_url"], where))
    text = "".join(p.get("text", "") for p in content)
    if role == "user":
        ask.first = ask.first or text
    elif role != "assistant":
        systems.append(text)


def turns(body, ask):
    items = body["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    need(items, "input: must not be empty")
    systems = [body["instructions"]] if body.get("instructions") else []
    waiting, names, before = {}, {}, {}
    for at, item in enumerate(items):
        where = f"input[{at}]"
        kind = item.get("type", "message")
        need(kind in ITEMS, f"{where}: type {kind}")
        members(item, ITEMS[kind], where)
        if kind == "message":
            need(not waiting, f"{where}: No tool output found for function call {sorted(waiting)}")
            message(item, where, ask, systems)
            if item["role"] == "assistant":
                ask.results = []
        elif kind == "reasoning":
            reasoning(item, where, ask)
        elif kind == "function_call":
            call(item, where, before)
            ask.results = []
            need(item["call_id"] not in waiting, f"{where}: call_id twice")
            waiting[item["call_id"]] = names[item["call_id"]] = item["name"]
        else:
            need(item["call_id"] in waiting, f"{where}: No tool call found for function call output")
            waiting.pop(item["call_id"])
            ask.results.append((names[item["call_id"]], output(item["output"], where)))
        before = item if kind in ("reasoning", "function_call") else {}
    need(not waiting, f"No tool output found for function call {sorted(waiting)}")
    ask.system = "\n\n".join(systems)


def reasoning(item, where, ask):
    need(item.get("id", "rs_").startswith("rs_"), f"{where}: id must begin with rs_")
    need(isinstance(item.get("summary"), list), f"{where}: summary is required")
    if item.get("encrypted_content"):
        need(item["encrypted_content"] == SIGNATURE, f"{where}: The encrypted content could not be verified")
        ask.signed.append(item["encrypted_content"])


def call(item, where, before):
    need(0 < len(item["call_id"]) <= 64, f"{where}: call_id")
    need(item.get("id", "fc_").startswith("fc_"), f"{where}: id must begin with fc_")
    need(isinstance(json.loads(item["arguments"]), dict), f"{where}: arguments")
    if item.get("id") == "fc_with_reasoning":
        need(before.get("type") in ("reasoning", "function_call"),
             f"{where}: function_call was provided without its required reasoning item")


def output(value, where):
    if isinstance(value, str):
        return value
    for part in value:
        need(part.get("type") in ("input_text", "input_image", "input_file"), f"{where}: {part.get('type')}")
    return "".join(p.get("text", "") for p in value)


USAGE = {"input_tokens": PROMPT, "output_tokens": OUT, "total_tokens": TOTAL,
         "input_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": WRITTEN},
         "output_tokens_details": {"reasoning_tokens": THOUGHT}}


def items_of(ask, reply):
    thought = any(b.kind == "thinking" for b in reply.blocks)
    for at, block in enumerate(reply.blocks):
        if block.kind == "text":
            yield {"id": f"msg_r{at}", "type": "message", "status": "completed", "role": "assistant",
                   "content": [{"type": "output_text", "text": block.text, "annotations": [], "logprobs": []}]}
        elif block.kind == "thinking":
            item = {"id": f"rs_r{at}", "type": "reasoning",
                    "summary": [{"type": "summary_text", "text": block.text}]}
            if "reasoning.encrypted_content" in (ask.body.get("include") or []):
                item["encrypted_content"] = block.signature
            yield item
        else:
            first = reply.blocks[at - 1].kind == "thinking"
            yield {"id": "fc_with_reasoning" if thought and first else f"fc_r{at}", "type": "function_call",
                   "status": "completed", "call_id": block.id, "name": block.name,
                   "arguments": json.dumps(block.input, ensure_ascii=False)}


def response(ask, output, status="in_progress", **more):
    body = ask.body
    return {"id": "resp_replay", "object": "response", "created_at": 1760000000, "status": status,
            "background": False, "error": None, "incomplete_details": None,
            "instructions": body.get("instructions"), "max_output_tokens": body.get("max_output_tokens"),
            "model": ask.model, "output": output, "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "previous_response_id": None, "reasoning": {"effort": None, "summary": None}, "service_tier": "default",
            "store": False, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
            "tools": body.get("tools", []), "top_p": 1.0, "truncation": "disabled", "usage": None, "user": None,
            "metadata": {}, **more}


def final(ask, reply):
    if reply.finish == "length":
        return response(ask, list(items_of(ask, reply)), "incomplete", usage=USAGE,
                        incomplete_details={"reason": "max_output_tokens"})
    return response(ask, list(items_of(ask, reply)), "completed", usage=USAGE)


answer = final


def inner(item, index):
    """The events between an item's added and done."""
    at = {"item_id": item["id"], "output_index": index}
    if item["type"] == "message":
        part = item["content"][0]
        at["content_index"] = 0
        yield "response.content_part.added", {**at, "part": {**part, "text": ""}}
        for piece in pieces(part["text"]):
            yield "response.output_text.delta", {**at, "delta": piece, "logprobs": []}
        yield "response.output_text.done", {**at, "text": part["text"], "logprobs": []}
        yield "response.content_part.done", {**at, "part": part}
    elif item["type"] == "reasoning":
        part = item["summary"][0]
        at["summary_index"] = 0
        yield "response.reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}
        for piece in pieces(part["text"]):
            yield "response.reasoning_summary_text.delta", {**at, "delta": piece}
        yield "response.reasoning_summary_text.done", {**at, "text": part["text"]}
        yield "response.reasoning_summary_part.done", {**at, "part": part}
    else:
        for piece in pieces(item["arguments"]):
            yield "response.function_call_arguments.delta", {**at, "delta": piece}
        yield "response.function_call_arguments.done", {**at, "arguments": item["arguments"], "name": item["name"]}


def opened(item):
    empty = {"message": {"content": [], "status": "in_progress"}, "reasoning": {"summary": []},
             "function_call": {"arguments": "", "status": "in_progress"}}[item["type"]]
    return {**{k: v for k, v in item.items() if k != "encrypted_content"}, **empty}


def events(ask, reply):
    yield "response.created", {"response": response(ask, [])}
    yield "response.in_progress", {"response": response(ask, [])}
    for index, item in enumerate(items_of(ask, reply)):
        yield "response.output_item.added", {"output_index": index, "item": opened(item)}
        for kind, more in inner(item, index):
            yield kind, more
            if (reply.cut or reply.fail) and kind.endswith("text.delta"):
                break
        if reply.cut:
            return
        if reply.fail:
            break
        yield "response.output_item.done", {"output_index": index, "item": item}
    if reply.fail:
        failed = {"code": "server_error", "message": "overloaded in mid-stream"}
        yield "response.failed", {"response": response(ask, [], "failed", error=failed)}
        return
    end = final(ask, reply)
    yield "response." + end["status"], {"response": end}


def stream(ask, reply):
    data = "".join(
        f"event: {kind}\ndata: {json.dumps({'type': kind, 'sequence_number': n, **more}, ensure_ascii=False)}\n\n"
        for n, (kind, more) in enumerate(events(ask, reply)))
    return "text/event-stream; charset=utf-8", data.encode()
