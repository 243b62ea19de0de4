"""The official Python SDKs as judges: each drives all scenes in its own dialect and says what it saw in
words that are the same for all. Knows nothing of the gateway but a base URL and a key."""
import base64
import json

import anthropic
import boto3
import botocore.config
import botocore.exceptions
import google.genai
import google.genai.errors
import openai
import pydantic
from google.genai import types

from replay_parts import PNG
from replay_scenes import RESULTS, SCHEMA, SYSTEM


class Place(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    city: str
    days: int


WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
           "additionalProperties": False}
NOTHING = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
TOOLS = [("get_weather", "The weather of a city.", WEATHER), ("now", "The time.", NOTHING)]


def result_of(name, arguments):
    return RESULTS[arguments["city"]] if name == "get_weather" else RESULTS["now"]


def seen(text, finish, usage, calls=(), thinking=""):
    return {"text": text, "finish": finish, "usage": usage, "calls": list(calls), "thinking": thinking}


def usage(prompt, cached, written, completion, reasoning, total):
    return {"prompt": prompt, "cached": cached or 0, "written": written or 0, "completion": completion,
            "reasoning": reasoning or 0, "total": total}


class Judge:
    """run(scene, model) for each scene; an SDK's exception becomes {"error": ...}."""
    streams = True

    def prompt(self, scene):
        return f"[{scene}] go"

    def run(self, scene, model):
        name, _, how = scene.partition("/")
        try:
            if name in ("tools", "think"):
                return self.loop(name, model, how == "streamed")
            if name == "schema":
                return self.schema(model)
            if name in ("broken", "early", "cut"):
                return self.ask(name, model, True)
            return self.ask(name, model, how == "streamed")
        except self.errors as error:
            return {"error": self.told(error)}

    def told(self, error):
        response = getattr(error, "response", None)
        headers = getattr(response, "headers", None) or {}
        return {"class": type(error).__name__, "status": getattr(error, "status_code", None),
                "message": str(error), "retry_after": headers.get("retry-after"),
                "classes": [c.__name__ for c in type(error).__mro__]}


class OpenAIChat(Judge):
    name, dialect, errors = "py-openai-chat", "openai", (openai.OpenAIError,)

    def __init__(self, base, key):
        self.sdk = openai.OpenAI(base_url=base + "/v1", api_key=key, max_retries=0)

    def call(self, streamed, **asked):
        chat = self.sdk.chat.completions
        if not streamed:
            return chat.create(**asked)
        with chat.stream(stream_options={"include_usage": True}, **asked) as stream:
            return stream.get_final_completion()

    def chunks(self, **asked):
        """Without the SDK's own adding up: each chunk as it came. Usage comes last and once."""
        text, finish, reports, ids, calls, thought, untidy = "", None, [], set(), {}, "", []
        for chunk in self.sdk.chat.completions.create(stream=True, stream_options={"include_usage": True}, **asked):
            ids.add((chunk.id, chunk.created, chunk.model))
            for choice in chunk.choices or []:
                untidy += [f"a choice after its end: {chunk}"] if finish else []
                text += choice.delta.content or ""
                thought += choice.delta.to_dict().get("reasoning_content") or ""
                for call in choice.delta.tool_calls or []:
                    said = call.to_dict()
                    said = said.get("function") or said.get("custom") or {}
                    known = calls.setdefault(call.index, {"name": "", "arguments": ""})
                    known["name"] += said.get("name") or ""
                    known["arguments"] += said.get("arguments") or said.get("input") or ""
                finish = choice.finish_reason or finish
            reports += [chunk.usage] if chunk.usage else []
        if len(ids) != 1 or len(reports) > 1 or sorted(calls) != list(range(len(calls))):
            untidy.append(f"{ids} {reports} {sorted(calls)}")
        return {**seen(text, finish, self.counted(reports[-1] if reports else None),
                       [(c["name"], c["arguments"]) for _, c in sorted(calls.items())], thought), "untidy": untidy}

    def counted(self, u):
        if u is None:
            return None
        details, out = u.prompt_tokens_details, u.completion_tokens_details
        written = (details.to_dict() if details else {}).get("cache_write_tokens")
        return usage(u.prompt_tokens, details and details.cached_tokens, written, u.completion_tokens,
                     out and out.reasoning_tokens, u.total_tokens)

    def view(self, final):
        choice = final.choices[0]
        calls = [(c.function.name, json.loads(c.function.arguments)) if c.type == "function" else
                 (c.custom.name, c.custom.input) for c in choice.message.tool_calls or []]
        return seen(choice.message.content or "", choice.finish_reason, self.counted(final.usage), calls,
                    choice.message.to_dict().get("reasoning_content", ""))

    def content(self, scene):
        text = {"type": "text", "text": self.prompt(scene)}
        uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
        return [text, {"type": "image_url", "image_url": {"url": uri}}] if scene == "image" else text["text"]

    def messages(self, scene):
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": self.content(scene)}]

    def ask(self, scene, model, streamed):
        asked = {"model": model, "messages": self.messages(scene), "max_completion_tokens": 500}
        return self.chunks(**asked) if streamed else self.view(self.call(False, **asked))

    def schema(self, model):
        final = self.sdk.chat.completions.parse(model=model, messages=self.messages("schema"), response_format=Place)
        return {**self.view(final), "parsed": final.choices[0].message.parsed.model_dump()}

    def loop(self, scene, model, streamed):
        asked = {"model": model, "tools": [{"type": "function", "function": {
            "name": n, "description": d, "parameters": p}} for n, d, p in TOOLS], "max_completion_tokens": 9000}
        if scene == "think":
            asked["reasoning_effort"] = "medium"
        messages = self.messages(scene)
        first = self.call(streamed, messages=messages, **asked)
        message = first.choices[0].message
        messages.append({k: v for k, v in message.to_dict().items() if k != "parsed"})
        for call in messages[-1].get("tool_calls") or []:
            call["function"].pop("parsed_arguments", None)
            call.pop("index", None)
        messages += [{"role": "tool", "tool_call_id": c.id, "content": result_of(
            c.function.name, json.loads(c.function.arguments))} for c in message.tool_calls or []]
        return {"first": self.view(first), **self.view(self.call(streamed, messages=messages, **asked))}


class OpenAIResponses(Judge):
    name, dialect, errors = "py-openai-responses", "responses", (openai.OpenAIError,)

    def __init__(self, base, key):
        self.sdk = openai.OpenAI(base_url=base + "/v1", api_key=key, max_retries=0)

    def call(self, streamed, **asked):
        asked = {"store": False, "instructions": SYSTEM, **asked}
        if not streamed:
            return self.sdk.responses.create(**asked)
        with self.sdk.responses.stream(**asked) as stream:
            for event in stream:
                if event.type == "error":
                    raise openai.APIError(event.message, request=None, body=None)
                if event.type == "response.failed":
                    raise openai.APIError(event.response.error.message, request=None, body=None)
                if event.type == "response.incomplete":
                    return event.response
            return stream.get_final_response()

    def view(self, final):
        u = final.usage
        given = u.input_tokens_details.to_dict() if u and u.input_tokens_details else {}
        reasoning = u.output_tokens_details.reasoning_tokens if u and u.output_tokens_details else 0
        calls = [(i.name, json.loads(i.arguments) if i.type == "function_call" else i.input)
                 for i in final.output if i.type in ("function_call", "custom_tool_call")]
        thoughts = "".join(s.text for i in final.output if i.type == "reasoning" for s in i.summary)
        why = final.incomplete_details and final.incomplete_details.reason
        return seen(final.output_text, f"{final.status}:{why}" if why else final.status,
                    u and usage(u.input_tokens, given.get("cached_tokens"), given.get("cache_write_tokens"),
                                u.output_tokens, reasoning, u.total_tokens), calls, thoughts)

    def input(self, scene):
        if scene != "image":
            return [{"role": "user", "content": self.prompt(scene)}]
        uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
        return [{"role": "user", "content": [{"type": "input_text", "text": self.prompt(scene)},
                                             {"type": "input_image", "image_url": uri, "detail": "auto"}]}]

    def ask(self, scene, model, streamed):
        return self.view(self.call(streamed, model=model, input=self.input(scene), max_output_tokens=500))

    def schema(self, model):
        final = self.sdk.responses.parse(model=model, input=self.input("schema"), instructions=SYSTEM,
                                         store=False, text_format=Place)
        return {**self.view(final), "parsed": final.output_parsed.model_dump()}

    def loop(self, scene, model, streamed):
        asked = {"model": model, "max_output_tokens": 9000, "tools": [
            {"type": "function", "name": n, "description": d, "parameters": p, "strict": True} for n, d, p in TOOLS]}
        if scene == "think":
            asked |= {"reasoning": {"effort": "medium", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
        given = self.input(scene)
        first = self.call(streamed, input=given, **asked)
        given += [strip(i.to_dict()) for i in first.output]
        given += [{"type": "function_call_output", "call_id": i.call_id, "output": result_of(
            i.name, json.loads(i.arguments))} for i in first.output if i.type == "function_call"]
        return {"first": self.view(first), **self.view(self.call(streamed, input=given, **asked))}


def strip(item):
    """The SDK's stream helper adds what it parsed; that is not for the wire."""
    item.pop("parsed_arguments", None)
    for part in item.get("content") or []:
        part.pop("parsed", None)
    return item


class Anthropic(Judge):
    name, dialect, errors = "py-anthropic", "anthropic", (anthropic.AnthropicError,)

    def __init__(self, base, key):
        self.sdk = anthropic.Anthropic(base_url=base, api_key=key, max_retries=0)

    def call(self, streamed, **asked):
        asked = {"system": SYSTEM, "max_tokens": 500, **asked}
        if not streamed:
            return self.sdk.messages.create(**asked)
        with self.sdk.messages.stream(**asked) as stream:
            return stream.get_final_message()

    def view(self, final):
        u = final.usage
        prompt = u.input_tokens + (u.cache_read_input_tokens or 0) + (u.cache_creation_input_tokens or 0)
        details = u.to_dict().get("output_tokens_details") or {}
        return seen("".join(b.text for b in final.content if b.type == "text"), final.stop_reason,
                    usage(prompt, u.cache_read_input_tokens, u.cache_creation_input_tokens, u.output_tokens,
                          details.get("thinking_tokens"), prompt + u.output_tokens),
                    [(b.name, b.input) for b in final.content if b.type == "tool_use"],
                    "".join(b.thinking for b in final.content if b.type == "thinking"))

    def messages(self, scene):
        text = {"type": "text", "text": self.prompt(scene)}
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
        return [{"role": "user", "content": [text, {"type": "image", "source": source}] if scene == "image"
                 else text["text"]}]

    def ask(self, scene, model, streamed):
        return self.view(self.call(streamed, model=model, messages=self.messages(scene)))

    def schema(self, model):
        final = self.sdk.messages.parse(model=model, messages=self.messages("schema"), system=SYSTEM, max_tokens=500,
                                        output_format=Place)
        return {**self.view(final), "parsed": final.parsed_output.model_dump()}

    def loop(self, scene, model, streamed):
        asked = {"model": model, "max_tokens": 9000,
                 "tools": [{"name": n, "description": d, "input_schema": p} for n, d, p in TOOLS]}
        if scene == "think":
            asked["thinking"] = {"type": "enabled", "budget_tokens": 4096}
        messages = self.messages(scene)
        first = self.call(streamed, messages=messages, **asked)
        messages.append({"role": "assistant", "content": [b.to_dict() for b in first.content]})
        for block in messages[-1]["content"]:
            block.pop("parsed_output", None)
        messages.append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": b.id, "content": result_of(b.name, b.input)}
            for b in first.content if b.type == "tool_use"]})
        return {"first": self.view(first), **self.view(self.call(streamed, messages=messages, **asked))}


class GenAI(Judge):
    name, dialect, errors, version = "py-genai", "gemini", (google.genai.errors.APIError,), "v1beta"

    def __init__(self, base, key):
        self.sdk = google.genai.Client(api_key=key, vertexai=False, http_options=types.HttpOptions(
            base_url=base, api_version=self.version, retry_options=types.HttpRetryOptions(attempts=1)))

    def told(self, error):
        response = error.response
        headers = getattr(response, "headers", None) or {}
        return {**super().told(error), "status": error.code, "retry_after": headers.get("retry-after")}

    def call(self, streamed, model, contents, **config):
        config = types.GenerateContentConfig(system_instruction=SYSTEM, **config)
        if not streamed:
            return self.sdk.models.generate_content(model=model, contents=contents, config=config)
        parts, last, reason = [], None, None
        for last in self.sdk.models.generate_content_stream(model=model, contents=contents, config=config):
            candidate = last.candidates[0] if last.candidates else types.Candidate()
            parts += (candidate.content.parts if candidate.content else None) or []
            reason = candidate.finish_reason or reason
        last.candidates = [types.Candidate(content=types.Content(role="model", parts=parts), finish_reason=reason)]
        return last

    def view(self, final):
        u, candidate = final.usage_metadata, final.candidates[0]
        u = u or types.GenerateContentResponseUsageMetadata()
        parts = (candidate.content.parts if candidate.content else None) or []
        return seen("".join(p.text for p in parts if p.text and not p.thought), candidate.finish_reason.value,
                    usage((u.prompt_token_count or 0) + (u.tool_use_prompt_token_count or 0),
                          u.cached_content_token_count, None,
                          (u.candidates_token_count or 0) + (u.thoughts_token_count or 0), u.thoughts_token_count,
                          u.total_token_count),
                    [(p.function_call.name, p.function_call.args or {}) for p in parts if p.function_call],
                    "".join(p.text for p in parts if p.text and p.thought))

    def contents(self, scene):
        parts = [types.Part(text=self.prompt(scene))]
        if scene == "image":
            parts.append(types.Part.from_bytes(data=PNG, mime_type="image/png"))
        return [types.Content(role="user", parts=parts)]

    def ask(self, scene, model, streamed):
        return self.view(self.call(streamed, model, self.contents(scene), max_output_tokens=500))

    def schema(self, model):
        final = self.call(False, model, self.contents("schema"), response_mime_type="application/json",
                          response_json_schema=SCHEMA)
        return {**self.view(final), "parsed": json.loads(final.text)}

    def loop(self, scene, model, streamed):
        declared = [types.FunctionDeclaration(name=n, description=d, parameters_json_schema=p) for n, d, p in TOOLS]
        config = {"tools": [types.Tool(function_declarations=declared)], "max_output_tokens": 9000,
                  "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True)}
        if scene == "think":
            config["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_budget=4096)
        contents = self.contents(scene)
        first = self.call(streamed, model, contents, **config)
        contents.append(first.candidates[0].content)
        contents.append(types.Content(role="user", parts=[
            types.Part(function_response=types.FunctionResponse(
                id=p.function_call.id, name=p.function_call.name,
                response={"output": result_of(p.function_call.name, p.function_call.args or {})}))
            for p in contents[-1].parts if p.function_call]))
        return {"first": self.view(first), **self.view(self.call(streamed, model, contents, **config))}


class Bedrock(Judge):
    name, dialect = "py-boto3", "bedrock"
    errors = (botocore.exceptions.ClientError, botocore.exceptions.EventStreamError)

    def __init__(self, base, key):
        self.sdk = boto3.client(
            "bedrock-runtime", region_name="eu-west-1", endpoint_url=base, aws_access_key_id="AKIDREPLAY",
            aws_secret_access_key="not-a-secret", config=botocore.config.Config(retries={"total_max_attempts": 1}))

        def bearer(request, **_):
            request.headers["Authorization"] = "Bearer " + key
        self.sdk.meta.events.register("before-send.bedrock-runtime", bearer)

    def told(self, error):
        meta = error.response.get("ResponseMetadata") or {}
        return {"class": error.response["Error"]["Code"], "status": meta.get("HTTPStatusCode"), "message": str(error),
                "retry_after": meta.get("HTTPHeaders", {}).get("retry-after"),
                "classes": [c.__name__ for c in type(error).__mro__]}

    def call(self, streamed, **asked):
        asked = {"system": [{"text": SYSTEM}], "inferenceConfig": {"maxTokens": 500}, **asked}
        if not streamed:
            return self.sdk.converse(**asked)
        return self.fold(self.sdk.converse_stream(**asked)["stream"])

    @staticmethod
    def fold(events):
        blocks, whole = {}, {}
        for event in events:
            (kind, value), = event.items()
            at = blocks.setdefault(value["contentBlockIndex"], {}) if "contentBlockIndex" in value else None
            if kind == "contentBlockStart":
                at["toolUse"] = {**value["start"]["toolUse"], "input": ""}
            elif kind == "contentBlockDelta":
                delta = value["delta"]
                if "text" in delta:
                    at["text"] = at.get("text", "") + delta["text"]
                elif "toolUse" in delta:
                    at["toolUse"]["input"] += delta["toolUse"]["input"]
                elif "reasoningContent" in delta:
                    inner = at.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
                    inner["text"] += delta["reasoningContent"].get("text", "")
                    if "signature" in delta["reasoningContent"]:
                        inner["signature"] = delta["reasoningContent"]["signature"]
            elif kind == "messageStop":
                whole["stopReason"] = value["stopReason"]
            elif kind == "metadata":
                whole["usage"] = value["usage"]
        for block in blocks.values():
            if "toolUse" in block:
                block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
        content = [blocks[i] for i in sorted(blocks)]
        return {**whole, "output": {"message": {"role": "assistant", "content": content}}}

    def view(self, final):
        u, content = final["usage"], final["output"]["message"]["content"]
        cached, written = u.get("cacheReadInputTokens", 0), u.get("cacheWriteInputTokens", 0)
        return seen("".join(b["text"] for b in content if "text" in b), final["stopReason"],
                    usage(u["inputTokens"] + cached + written, cached, written, u["outputTokens"], None,
                          u["totalTokens"]),
                    [(b["toolUse"]["name"], b["toolUse"]["input"]) for b in content if "toolUse" in b],
                    "".join(b["reasoningContent"].get("reasoningText", {}).get("text", "")
                            for b in content if "reasoningContent" in b))

    def messages(self, scene):
        content = [{"text": self.prompt(scene)}]
        if scene == "image":
            content.append({"image": {"format": "png", "source": {"bytes": PNG}}})
        return [{"role": "user", "content": content}]

    def ask(self, scene, model, streamed):
        return self.view(self.call(streamed, modelId=model, messages=self.messages(scene)))

    def schema(self, model):
        form = {"type": "json_schema", "structure": {"jsonSchema": {"name": "place", "schema": json.dumps(SCHEMA)}}}
        final = self.call(False, modelId=model, messages=self.messages("schema"), outputConfig={"textFormat": form})
        view = self.view(final)
        return {**view, "parsed": json.loads(view["text"])}

    def loop(self, scene, model, streamed):
        asked = {"modelId": model, "inferenceConfig": {"maxTokens": 9000}, "toolConfig": {"tools": [
            {"toolSpec": {"name": n, "description": d, "inputSchema": {"json": p}}} for n, d, p in TOOLS]}}
        if scene == "think":
            asked["additionalModelRequestFields"] = {"thinking": {"type": "enabled", "budget_tokens": 4096}}
        messages = self.messages(scene)
        first = self.call(streamed, messages=messages, **asked)
        messages.append(first["output"]["message"])
        messages.append({"role": "user", "content": [
            {"toolResult": {"toolUseId": b["toolUse"]["toolUseId"], "content": [
                {"text": result_of(b["toolUse"]["name"], b["toolUse"]["input"])}]}}
            for b in messages[-1]["content"] if "toolUse" in b]})
        return {"first": self.view(first), **self.view(self.call(streamed, messages=messages, **asked))}


PYTHON = [OpenAIChat, OpenAIResponses, Anthropic, GenAI, Bedrock]
