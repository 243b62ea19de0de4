"""Edge cases of translation as official SDKs see them, named after their numbers in the list of known faults."""
import json

import anthropic
import openai
import pytest

import harness
import replay
from judges_python import TOOLS
from replay_parts import CACHED, OUT, PROMPT, WRITTEN, FRESH
from replay_scenes import SYSTEM, TEXT
from test_judges import entries

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
GO = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "[plain] go"}]


@pytest.fixture(scope="module")
def road():
    with replay.Replayer() as replayer:
        providers, models, refused = entries(replayer.port, replayer.service_account())
        assert not refused, refused
        newer = [p | {"name": "newer"} for p in providers if p["type"] == "anthropic"]
        models.append({"name": "newest", "targets": [{"provider": "newer", "model": "claude-opus-4-8"}]})
        with harness.Gateway(harness.open_config(providers + newer, models)) as gateway:
            yield gateway, replayer


def chat(road):
    return openai.OpenAI(base_url=road[0].base + "/v1", api_key="k", max_retries=0)


def claude(road):
    return anthropic.Anthropic(base_url=road[0].base, api_key="k", max_retries=0)


def sent(road):
    return json.loads(road[1].seen[-1][2])


@pytest.mark.parametrize("model", ["on-openai", "on-responses", "on-gemini", "on-azure", "on-bedrock"])
def test_06_an_anthropic_client_sees_the_input_tokens(road, model):
    asked = {"model": model, "max_tokens": 50, "system": SYSTEM, "messages": [{"role": "user", "content": "[plain] go"}]}
    with claude(road).messages.stream(**asked) as stream:
        usage = stream.get_final_message().usage
    fresh = FRESH + WRITTEN if model == "on-gemini" else FRESH
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (fresh, CACHED, OUT)


@pytest.mark.parametrize("model", ["on-openai", "on-azure"])
def test_06_usage_is_asked_for_upstream_and_hidden_from_who_did_not_ask(road, model):
    chunks = list(chat(road).chat.completions.create(model=model, messages=GO, stream=True))
    assert sent(road)["stream_options"]["include_usage"] is True
    assert all(c.choices and not c.usage for c in chunks)


@pytest.mark.parametrize("model", ["on-openai", "on-responses", "on-anthropic", "on-gemini", "on-bedrock"])
@pytest.mark.parametrize("turn", range(len(replay.SPLITS)))
def test_11_characters_split_between_reads(road, model, turn):
    text = "".join(c.choices[0].delta.content or "" for c in chat(road).chat.completions.create(
        model=model, messages=GO, stream=True) if c.choices)
    assert text == TEXT and "�" not in text


def test_18_temperature_is_clamped_where_it_is_taken(road):
    raw = chat(road).chat.completions.with_raw_response.create(
        model="on-anthropic", messages=GO, temperature=1.7, extra_headers={"x-aigw-report": "dropped"})
    assert sent(road)["temperature"] == 1
    assert "/temperature" in raw.headers["x-aigw-dropped"]


def test_18_temperature_is_dropped_where_it_is_refused(road):
    raw = chat(road).chat.completions.with_raw_response.create(
        model="newest", messages=GO, temperature=0.3, top_p=0.5, extra_headers={"x-aigw-report": "dropped"})
    assert not {"temperature", "top_p", "top_k"} & set(sent(road))
    assert "/temperature" in raw.headers["x-aigw-dropped"] and "/top_p" in raw.headers["x-aigw-dropped"]


def test_18_temperature_is_dropped_when_thinking_is_on(road):
    chat(road).chat.completions.create(model="on-anthropic", messages=GO, temperature=0.3, reasoning_effort="low")
    assert sent(road)["thinking"]["type"] == "enabled" and sent(road).get("temperature", 1) == 1


def declared(strict=None):
    return [{"type": "function", "function": {
        "name": n, "description": d, "parameters": p, **({"strict": strict} if strict is not None else {})}}
        for n, d, p in TOOLS]


def test_19_one_call_at_a_time(road):
    chat(road).chat.completions.create(model="on-anthropic", messages=GO, tools=declared(), parallel_tool_calls=False)
    assert sent(road)["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    chat(road).chat.completions.create(model="on-anthropic", messages=GO, tools=declared(), parallel_tool_calls=False,
                                       tool_choice="none")
    assert sent(road)["tool_choice"] == {"type": "none"}
    chat(road).chat.completions.create(model="on-responses", messages=GO, tools=declared(), parallel_tool_calls=False)
    assert sent(road)["parallel_tool_calls"] is False


def test_19_strict_reaches_who_knows_it(road):
    chat(road).chat.completions.create(model="on-anthropic", messages=GO, tools=declared(strict=True))
    assert [t["strict"] for t in sent(road)["tools"]] == [True, True]
    chat(road).chat.completions.create(model="on-responses", messages=GO, tools=declared())
    assert [t["strict"] for t in sent(road)["tools"]] == [False, False]  # the defaults differ
    chat(road).chat.completions.create(model="on-gemini", messages=GO, tools=declared(strict=True))
    assert "strict" not in json.dumps(sent(road)["tools"])


def test_19_allowed_tools(road):
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
        {"type": "function", "function": {"name": "now"}}]}}
    asked = {"messages": GO, "tools": declared(), "tool_choice": choice}
    chat(road).chat.completions.create(model="on-anthropic", **asked)
    assert [t["name"] for t in sent(road)["tools"]] == ["now"] and sent(road)["tool_choice"]["type"] == "any"
    chat(road).chat.completions.create(model="on-gemini", **asked)
    calling = sent(road)["toolConfig"]["functionCallingConfig"]
    assert calling["mode"] == "ANY" and calling["allowedFunctionNames"] == ["now"]
    chat(road).chat.completions.create(model="on-responses", **asked)
    assert sent(road)["tool_choice"] == {"type": "allowed_tools", "mode": "required",
                                         "tools": [{"type": "function", "name": "now"}]}


@pytest.mark.parametrize("model", ["on-anthropic", "on-gemini", "on-bedrock", "on-responses"])
def test_19_the_developer_is_the_system(road, model):
    answer = chat(road).chat.completions.create(
        model=model, messages=[{"role": "developer", "content": SYSTEM}, GO[1]])
    assert answer.choices[0].message.content == TEXT  # the scene demands the text as system text


def test_20_betas_are_merged_to_anthropic_and_kept_from_others(road):
    asked = {"max_tokens": 50, "system": SYSTEM, "messages": [{"role": "user", "content": "[plain] go"}],
             "extra_headers": {"anthropic-beta": "one-2025-01-01,two-2025-01-01,one-2025-01-01"}}
    claude(road).messages.create(model="on-anthropic", **asked)
    betas = road[1].seen[-1][1]["anthropic-beta"].replace(" ", "").split(",")
    assert sorted(betas) == ["one-2025-01-01", "two-2025-01-01"]
    claude(road).messages.create(model="on-openai", **asked)
    assert "anthropic-beta" not in road[1].seen[-1][1]


@pytest.mark.parametrize("model", ["on-openai", "on-responses", "on-anthropic", "on-gemini", "on-bedrock", "on-azure"])
def test_20_how_long_to_wait_reaches_every_client(road, model):
    asked = {"messages": [{"role": "user", "content": "[error 429] go"}]}
    with pytest.raises(openai.RateLimitError) as caught:
        chat(road).chat.completions.create(model=model, **asked)
    assert caught.value.response.headers["retry-after"] == "7"
    with pytest.raises(anthropic.RateLimitError) as caught:
        claude(road).messages.create(model=model, max_tokens=9, **asked)
    assert caught.value.response.headers["retry-after"] == "7"
    if model == "on-anthropic":
        assert caught.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"


def test_numbers_add_up(road):
    usage = chat(road).chat.completions.create(model="on-anthropic", messages=GO).usage
    assert usage.prompt_tokens == PROMPT and usage.total_tokens == PROMPT + OUT


# A conversation that changes its provider half-way: what only the first one understands must not reach the second.
CHANGES = [(a, b) for a in ("on-anthropic", "on-gemini", "on-responses", "on-bedrock")
           for b in ("on-anthropic", "on-gemini-2", "on-responses", "on-openai", "on-bedrock") if a != b]


def first_turn(road, model):
    tools = declared()
    messages = [GO[0], {"role": "user", "content": "[think-lossy] go"}]
    answer = chat(road).chat.completions.create(model=model, messages=messages, tools=tools, reasoning_effort="low",
                                                max_completion_tokens=9000).choices[0].message
    results = {"get_weather": iter(["3° ☁", "21° ☀"]), "now": iter(["12:00"])}
    return [*messages, answer.to_dict(), *({"role": "tool", "tool_call_id": c.id,
                                            "content": next(results[c.function.name])} for c in answer.tool_calls)]


@pytest.mark.parametrize("first, second", CHANGES)
def test_17_signatures_stay_with_their_maker(road, first, second):
    messages = first_turn(road, first)
    answer = chat(road).chat.completions.create(model=second, messages=messages, tools=declared(),
                                                reasoning_effort="low", max_completion_tokens=9000)
    assert answer.choices[0].message.content.startswith("Oslo")
    chat(road).chat.completions.create(model=first, messages=messages, tools=declared(), reasoning_effort="low",
                                       max_completion_tokens=9000)  # and the first one still takes them back
