"""Guardrails through the running server: official SDKs as clients, a scripted provider, and guardrail services that
check what they are asked, hang, lie and die."""
import json
import re
import socket
import time

import anthropic
import boto3
import botocore.config
import botocore.exceptions
import google.genai
import google.genai.errors
import openai
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from google.genai import types

import harness

PERSONAL = "Write bob@example.com (é) or 4111 1111 1111 1111 now."
MASKED = "Write [EMAIL] (é) or [CARD] now."
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token==")
REGION = "eu-central-1"


class Provider:
    """Speaks OpenAI's chat: a stream in pieces of `piece` characters, each an event, cut anywhere on the wire."""

    def __init__(self):
        self.text, self.piece, self.call, self.hang = PERSONAL, 3, None, False
        self.released = []

    def __call__(self, request, body):
        asked = json.loads(body)
        if "input" in asked:  # embeddings
            request.answer(200, {"object": "list", "model": "m", "data": [
                {"object": "embedding", "index": i, "embedding": [0.5]} for i in range(len(asked["input"]))],
                "usage": {"prompt_tokens": 1, "total_tokens": 1}})
        elif asked.get("stream"):
            self.stream(request)
        else:
            message = {"role": "assistant", "content": self.text}
            request.answer(200, {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
                {"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}})

    def stream(self, request):
        request.start_stream()
        events = [harness.openai_chunk({"content": self.text[i:i + self.piece]})
                  for i in range(0, len(self.text), self.piece)]
        if self.call:
            events += [harness.openai_chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
                                                             "function": {"name": "send", "arguments": ""}}]})]
            events += [harness.openai_chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
                       for part in self.call]
        data = "".join(events).encode()
        for i in range(0, len(data), 97):
            request.chunk(data[i:i + 97])
        end = time.monotonic() + 20
        while self.hang and time.monotonic() < end:
            request.chunk(harness.openai_chunk({"content": "more "}))
            time.sleep(0.02)
        request.chunk(harness.openai_chunk({}, "tool_calls" if self.call else "stop") + "data: [DONE]\n\n")
        request.end_stream()


class Services:
    """A webhook, a moderation endpoint and ApplyGuardrail in one server; `hook` says what the webhook does."""

    def __init__(self):
        self.hook = lambda request, asked: request.answer(200, {"verdict": "pass"})
        self.faults = []

    def __call__(self, request, body):
        try:
            self.serve(request, json.loads(body), body)
        except AssertionError as fault:
            self.faults.append(fault)
            request.answer(500, {"fault": str(fault)})

    def serve(self, request, asked, body):
        if request.path == "/check":
            assert request.headers["authorization"] == "Bearer hook-secret"
            assert asked["version"] == 1 and asked["stage"] in ("prompt", "answer")
            assert set(asked) <= {"version", "stage", "request_id", "client", "model", "texts"}
            self.hook(request, asked)
        elif request.path == "/v1/moderations":
            assert request.headers["authorization"] == "Bearer mod-key"
            assert asked["model"] == "omni-moderation-latest"
            score = [0.9 if "fight" in text else 0.01 for text in asked["input"]]
            request.answer(200, {"id": "m", "model": "x", "results": [
                {"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": s}}
                for s in score]})
        else:
            self.apply(request, asked, body)

    def apply(self, request, asked, body):
        assert request.path == "/guardrail/gr1/version/3/apply", request.path
        verify_sigv4(request, body)
        texts = [part["text"]["text"] for part in asked["content"]]
        assert asked["source"] in ("INPUT", "OUTPUT")
        if any("forbidden" in t for t in texts):
            request.answer(200, {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "No."}], "assessments": [
                {"topicPolicy": {"topics": [{"name": "x", "type": "DENY", "action": "BLOCKED"}]}}]})
        elif any("Ada" in t for t in texts):
            request.answer(200, {"action": "GUARDRAIL_INTERVENED",
                                 "outputs": [{"text": t.replace("Ada", "{NAME}")} for t in texts], "assessments": [
                                     {"sensitiveInformationPolicy": {"piiEntities": [
                                         {"type": "NAME", "match": "Ada", "action": "ANONYMIZED"}]}}]})
        else:
            request.answer(200, {"action": "NONE", "outputs": [], "assessments": []})


def verify_sigv4(request, body):
    """The signature is the one that AWS's own code computes over what came."""
    given = request.headers["authorization"]
    scope, signed, signature = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\S+), ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})",
        given).groups()
    date = request.headers["x-amz-date"]
    assert scope == f"{date[:8]}/{REGION}/bedrock/aws4_request"
    assert "host" in signed.split(";")
    again = AWSRequest("POST", f"http://{request.headers['host']}{request.path}", data=body,
                       headers={name: request.headers[name] for name in signed.split(";")})
    again.context["timestamp"] = date
    auth = SigV4Auth(KEYS, "bedrock", REGION)
    assert request.headers["x-amz-security-token"] == KEYS.token
    headers = {name: request.headers[name] for name in signed.split(";")}
    canonical = "\n".join([
        "POST", auth._normalize_url_path(request.path), "",
        "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed.split(";")), signed,
        auth.payload(again)])
    assert auth.signature(auth.string_to_sign(again, canonical), again) == signature


class Stage:
    pass


def config_of(provider, services, guardrails):
    return harness.open_config(
        [{"name": "o", "type": "openai", "base_url": f"http://127.0.0.1:{provider.port}/v1", "api_key": "k",
          "max_retries": 0, "pass_through": True},
         {"name": "mod", "type": "openai", "base_url": f"http://127.0.0.1:{services.port}/v1", "api_key": "mod-key",
          "models": ["none"]},
         {"name": "aws", "type": "bedrock", "base_url": f"http://127.0.0.1:{services.port}", "region": REGION,
          "models": ["none-either"],
          "auth": {"aws": {"access_key_id": KEYS.access_key, "secret_access_key": KEYS.secret_key,
                           "session_token": KEYS.token}}}],
        [{"name": name, "targets": [{"provider": "o", "model": "m"}]} for name in
         ("plain", "masked", "blocked", "hooked", "hooked-open", "answer-hooked", "moderated", "applied")],
        guardrails=guardrails)


def guard(name, on, **more):
    return {"name": name, "on": on, "match": {"models": [name]}, "pass_through": "allow", **more}


@pytest.fixture(scope="module")
def stage():
    it = Stage()
    it.provider, it.services = Provider(), Services()
    with harness.Upstream(it.provider) as it.o, harness.Upstream(it.services) as it.s:
        hook = {"url": f"http://127.0.0.1:{it.s.port}/check", "secret": "hook-secret", "timeout_ms": 1500}
        guards = [
            guard("masked", ["prompt", "answer"], rules={"email": "mask", "card": "mask"}),
            guard("blocked", ["prompt", "answer"], rules={"card": "block", "email": "flag"}),
            guard("hooked", ["prompt"], webhook=hook),
            guard("hooked-open", ["prompt"], webhook={**hook, "on_fail": "open"}),
            guard("answer-hooked", ["answer"], webhook=hook),
            guard("moderated", ["prompt"], openai_moderation={"provider": "mod", "categories": {"violence": "0.5"}}),
            guard("applied", ["prompt", "answer"], bedrock_guardrail={"provider": "aws", "id": "gr1", "version": "3"}),
        ]
        with harness.Gateway(config_of(it.o, it.s, guards)) as gateway:
            it.gateway = gateway
            it.openai = openai.OpenAI(base_url=gateway.base + "/v1", api_key="x", max_retries=0)
            it.anthropic = anthropic.Anthropic(base_url=gateway.base, api_key="x", max_retries=0)
            it.genai = google.genai.Client(api_key="x", vertexai=False, http_options=types.HttpOptions(
                base_url=gateway.base, api_version="v1beta", retry_options=types.HttpRetryOptions(attempts=1)))
            it.boto = boto3.client("bedrock-runtime", region_name=REGION, endpoint_url=gateway.base,
                                   aws_access_key_id="a", aws_secret_access_key="b",
                                   config=botocore.config.Config(retries={"total_max_attempts": 1}))
            yield it
        assert not it.services.faults, it.services.faults


@pytest.fixture(autouse=True)
def fresh(stage):
    stage.provider.__init__()
    stage.services.hook = lambda request, asked: request.answer(200, {"verdict": "pass"})
    stage.o.seen.clear()
    stage.s.seen.clear()
    stage.o.gone.clear()


# ---- one call of each SDK: (text, finish) ----

def chat(stage, model, text, stream):
    ask = {"model": model, "messages": [{"role": "user", "content": text}]}
    if not stream:
        choice = stage.openai.chat.completions.create(**ask).choices[0]
        return choice.message.content or "", choice.finish_reason
    got, finish = "", None
    for chunk in stage.openai.chat.completions.create(stream=True, **ask):
        got += chunk.choices[0].delta.content or ""
        finish = chunk.choices[0].finish_reason or finish
    return got, finish


def responses(stage, model, text, stream):
    if not stream:
        answer = stage.openai.responses.create(model=model, input=text)
    else:
        last = list(stage.openai.responses.create(model=model, input=text, stream=True))[-1]
        if last.type == "error":
            raise openai.APIError(last.message, None, body=None)
        answer = last.response
    return answer.output_text, (answer.incomplete_details.reason if answer.incomplete_details else answer.status)


def messages(stage, model, text, stream):
    ask = {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": text}]}
    if not stream:
        answer = stage.anthropic.messages.create(**ask)
    else:
        with stage.anthropic.messages.stream(**ask) as s:
            answer = s.get_final_message()
    return "".join(b.text for b in answer.content), answer.stop_reason


def gemini(stage, model, text, stream):
    if not stream:
        answers = [stage.genai.models.generate_content(model=model, contents=text)]
    else:
        answers = list(stage.genai.models.generate_content_stream(model=model, contents=text))
    parts = [p.text or "" for a in answers for c in (a.candidates or [])
             for p in ((c.content and c.content.parts) or [])]
    reasons = [c.finish_reason for a in answers for c in (a.candidates or []) if c.finish_reason]
    return "".join(parts), reasons[-1].name


def bedrock(stage, model, text, stream):
    ask = {"modelId": model, "messages": [{"role": "user", "content": [{"text": text}]}]}
    if not stream:
        answer = stage.boto.converse(**ask)
        return "".join(b["text"] for b in answer["output"]["message"]["content"]), answer["stopReason"]
    got, stop = "", None
    for event in stage.boto.converse_stream(**ask)["stream"]:
        got += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
        stop = event.get("messageStop", {}).get("stopReason", stop)
    return got, stop


SDKS = {"chat": (chat, "stop", "content_filter"), "responses": (responses, "completed", "content_filter"),
        "messages": (messages, "end_turn", "refusal"), "gemini": (gemini, "STOP", "SAFETY"),
        "bedrock": (bedrock, "end_turn", "content_filtered")}
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
each = pytest.mark.parametrize("sdk", SDKS)


@each
@both
def test_masked_both_ways(stage, sdk, stream):
    call, stop, _ = SDKS[sdk]
    assert call(stage, "masked", "I am eve@example.org", stream) == (MASKED, stop)
    sent = stage.o.seen[-1][2].decode()
    assert "[EMAIL]" in sent and "eve@" not in sent


@pytest.mark.parametrize("piece", [1, 2, 5, 7, 16, 60])
def test_masked_whatever_the_pieces(stage, piece):
    stage.provider.piece = piece
    assert chat(stage, "masked", "hi", True) == (MASKED, "stop")


@each
@both
def test_blocked_answers_end_properly(stage, sdk, stream):
    call, _, filtered = SDKS[sdk]
    text, finish = call(stage, "blocked", "hi", stream)
    assert finish == filtered
    assert text in ("Write bob@example.com (é) or ", "")
    if stream:
        assert text


def test_a_blocked_stream_lets_the_provider_go(stage):
    stage.provider.hang = True
    assert chat(stage, "blocked", "hi", True)[1] == "content_filter"
    assert stage.o.gone.wait(10)


@each
@both
def test_blocked_prompts_are_each_sdks_own_error(stage, sdk, stream):
    expected = {"chat": openai.BadRequestError, "responses": openai.BadRequestError,
                "messages": anthropic.BadRequestError, "gemini": google.genai.errors.ClientError,
                "bedrock": botocore.exceptions.ClientError}[sdk]
    with pytest.raises(expected) as caught:
        SDKS[sdk][0](stage, "blocked", "my card is 4111-1111-1111-1111", stream)
    assert "refused by a content policy" in str(caught.value)
    assert "4111" not in str(caught.value) and "blocked" not in str(caught.value)
    assert not stage.o.seen
    if sdk in ("chat", "responses"):
        assert caught.value.code == "content_policy_violation"


def test_tool_arguments_in_a_stream(stage):
    stage.provider.text = "ok "
    stage.provider.call = ['{"to": "bo', 'b\\u0040exam', 'ple.com", "card": 41111111', '11111111}']
    tools = [{"type": "function", "function": {"name": "send", "parameters": {"type": "object"}}}]
    with stage.openai.chat.completions.stream(model="masked", tools=tools,
                                              messages=[{"role": "user", "content": "go"}]) as s:
        final = s.get_final_completion()
    call = final.choices[0].message.tool_calls[0].function
    assert json.loads(call.arguments) == {"to": "[EMAIL]", "card": "[CARD]"}


def test_embeddings_and_counts(stage):
    stage.openai.embeddings.create(model="masked", input=["x", "eve@example.org"], encoding_format="float")
    assert json.loads(stage.o.seen[-1][2])["input"] == ["x", "[EMAIL]"]
    with pytest.raises(openai.BadRequestError):
        stage.openai.embeddings.create(model="blocked", input="4111111111111111")


@both
def test_a_large_prompt(stage, stream):
    """Large enough to go out in pieces around what was patched."""
    text = "plain words, " * 20000 + "eve@example.org" + " and more" * 20000
    assert chat(stage, "masked", text, stream) == (MASKED, "stop")
    sent = json.loads(stage.o.seen[-1][2])
    assert sent["model"] == "m"
    assert sent["messages"][0]["content"] == text.replace("eve@example.org", "[EMAIL]")


# ---- the webhook ----

def test_webhook_masks_and_rejects(stage):
    stage.services.hook = lambda r, asked: r.answer(200, {
        "verdict": "mask", "texts": [t.replace("secret", "\"ok\"\n") for t in asked["texts"]]})
    assert chat(stage, "hooked", "a secret", False)[1] == "stop"
    assert json.loads(stage.o.seen[-1][2])["messages"][0]["content"] == "a \"ok\"\n"
    stage.services.hook = lambda r, asked: r.answer(200, {"verdict": "reject", "reason": "a secret"})
    with pytest.raises(openai.BadRequestError) as caught:
        chat(stage, "hooked", "a secret", True)
    assert "secret" not in str(caught.value)


def hangs(request, asked):
    time.sleep(4)


def dies(request, asked):
    request.connection.shutdown(socket.SHUT_RDWR)


def dies_midway(request, asked):
    request.send_response(200)
    request.send_header("content-length", "20")
    request.end_headers()
    request.wfile.write(b'{"verdict":')
    request.wfile.flush()
    request.connection.shutdown(socket.SHUT_RDWR)


def drips(request, asked):
    request.send_response(200)
    request.send_header("content-length", "2000")
    request.end_headers()
    for _ in range(80):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.05)


def giant(request, asked):
    request.answer(200, b" " * (4 << 20))


def lies_about_length(request, asked):
    data = b'{"verdict":"pass"}'
    request.send_response(200)
    request.send_header("content-length", str(len(data) + 10))
    request.end_headers()
    request.wfile.write(data)
    request.wfile.flush()
    request.connection.shutdown(socket.SHUT_RDWR)


def says(status, body):
    return lambda request, asked: request.answer(status, body)


BAD = {"hangs": hangs, "dies": dies, "dies midway": dies_midway, "drips": drips, "giant": giant,
       "length": lies_about_length, "500": says(500, {"verdict": "pass"}), "no json": says(200, b"<html>"),
       "redirect": lambda r, a: r.answer(302, b"", headers={"location": "http://127.0.0.1:1/"}),
       "count": says(200, {"verdict": "mask", "texts": []}), "word": says(200, {"verdict": "maybe"})}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_webhook_is_what_the_policy_says(stage, bad):
    stage.services.hook = BAD[bad]
    with pytest.raises(openai.InternalServerError) as caught:
        chat(stage, "hooked", "hi", False)
    assert caught.value.status_code == 503 and not stage.o.seen
    assert chat(stage, "hooked-open", "hi", False) == (PERSONAL, "stop")
    with pytest.raises(openai.InternalServerError):
        chat(stage, "answer-hooked", "hi", False)
    with pytest.raises((openai.APIError, anthropic.APIError)):  # an error event: the stream has begun
        messages(stage, "answer-hooked", "hi", True)


def test_a_webhook_that_is_not_there(stage):
    hook = {"url": f"http://127.0.0.1:{harness.free_port()}/check", "timeout_ms": 1500}
    guards = [guard("hooked", ["prompt"], webhook=hook),
              guard("hooked-open", ["prompt"], webhook={**hook, "on_fail": "open"})]
    with harness.Gateway(config_of(stage.o, stage.s, guards)) as gateway:
        def status(model):
            return gateway.request("POST", "/v1/chat/completions", {
                "model": model, "messages": [{"role": "user", "content": "hi"}]})[0]
        assert status("hooked") == 503 and not stage.o.seen
        assert status("hooked-open") == 200
        assert '"event":"guard_failed"' in gateway.log() and '"failure":"connect"' in gateway.log()
        metrics = gateway.request("GET", "/metrics")[2].decode()
        assert 'guard="hooked",stage="prompt",action="block",failed="true"} 1' in metrics
        assert 'guard="hooked-open",stage="prompt",action="pass",failed="true"} 1' in metrics


@each
@both
def test_webhook_on_answers(stage, sdk, stream):
    call, stop, filtered = SDKS[sdk]
    stage.services.hook = lambda r, asked: r.answer(200, {
        "verdict": "mask", "texts": [t.replace("bob@example.com", "***") for t in asked["texts"]]})
    assert call(stage, "answer-hooked", "hi", stream) == (PERSONAL.replace("bob@example.com", "***"), stop)
    stage.services.hook = lambda r, asked: r.answer(200, {"verdict": "reject"})
    assert call(stage, "answer-hooked", "hi", stream) == ("", filtered)


# ---- moderation, ApplyGuardrail ----

def test_moderation(stage):
    assert chat(stage, "moderated", "hello", False)[1] == "stop"
    with pytest.raises(openai.BadRequestError):
        chat(stage, "moderated", "let us fight", False)


@both
def test_apply_guardrail(stage, stream):
    stage.provider.text = "Ada was here"
    assert chat(stage, "applied", "who is Ada?", stream) == ("{NAME} was here", "stop")
    assert json.loads(stage.o.seen[-1][2])["messages"][0]["content"] == "who is {NAME}?"
    with pytest.raises(openai.BadRequestError) as caught:
        chat(stage, "applied", "forbidden", stream)
    assert "No." not in str(caught.value)
    stage.provider.text = "something forbidden"
    assert chat(stage, "applied", "hi", stream) == ("", "content_filter")
    assert not stage.services.faults


# ---- the rest ----

def test_the_books(stage):
    chat(stage, "masked", "eve@example.org", True)
    assert harness.wait_until(lambda: '"guard":"masked:prompt:mask"' in stage.gateway.log())
    metrics = stage.gateway.request("GET", "/metrics")[2].decode()
    for line in ('guard="masked",stage="prompt",action="mask",failed="false"',
                 'guard="masked",stage="answer",action="mask",failed="false"'):
        assert "aigw_guard_total{" + line + "}" in metrics
    told = [line for line in stage.gateway.log().splitlines() if "@example" in line or "4111 " in line or "4111-" in line]
    assert not told, told[:2]


def test_pass_through_is_refused_unless_allowed(stage):
    allowed = stage.gateway.request("POST", "/pass/o/x", {"a": 1})[0]
    assert allowed == 200
    guards = [{"name": "g", "on": ["prompt"], "rules": {"email": "mask"}}]
    with harness.Gateway(config_of(stage.o, stage.s, guards)) as gateway:
        status, _, body = gateway.request("POST", "/pass/o/x", {"a": 1})
        assert status == 403 and b"cannot be checked" in body


@pytest.mark.slow  # a sanitizer keeps what was freed
def test_memory_does_not_grow(stage):
    def round_trip():
        for _ in range(60):
            chat(stage, "masked", "eve@example.org " * 200, True)
            chat(stage, "answer-hooked", "hi " * 500, True)
    round_trip()
    before = stage.gateway.rss_bytes()
    round_trip()
    round_trip()
    assert stage.gateway.rss_bytes() - before < 3 << 20
