"""Requests that are wrong: each is a 400 that points at the fault, in the dialect's own words, and nothing of it reaches a
provider, whatever format that provider speaks. What is only unknown reaches a provider of the same format, as it stands."""
import http.client
import json
import re

import pytest

from harness import Gateway, Upstream
from malformed import Unknown, place, written
from malformed_openai import CHAT, RESPONSES
from malformed_others import CONVERSE, COUNT, EMBED, GEMINI, GEMINI_EMBED, MESSAGES

DEEP = b"[" * 4000 + b"]" * 4000
TOOLS = b'"tools":[{"name":"f","input_schema":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}]"

RAW = {
    "empty": b"",
    "white space": b"  \n",
    "no JSON": b"hello",
    "a list": b"[]",
    "a string": b'"x"',
    "broken off": b'{"model":"M","messages":[{"role":"user","content":"hi',
    "bytes behind it": b'{"model":"M","messages":[]} x',
    "bad UTF-8": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"\xff\xfe"}]}',
    "an overlong character": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"\xc0\xaf"}]}',
    "half a surrogate pair": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"\\ud800"}]}',
    "a NUL": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"\x00"}]}',
    "a control character": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"\x01"}]}',
    "a member twice": b'{"model":"M","model":"N","max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
    "a member twice, escaped": b'{"model":"M","m\\u006fdel":"N","max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
    "a role twice": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","role":"system","content":"x"}]}',
    "too deep": b'{"model":"M","max_tokens":5,"messages":' + DEEP + b"}",
    "a comment": b'{"model":"M",/* hi */"max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
    "a comma too many": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"x"},]}',
    "a bare NaN": b'{"model":"M","max_tokens":NaN,"messages":[{"role":"user","content":"x"}]}',
    "a leading nought": b'{"model":"M","max_tokens":05,"messages":[{"role":"user","content":"x"}]}',
    "an unknown escape": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"\\q"}]}',
    "a byte order mark": b'\xef\xbb\xbf{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
    "UTF-16": '{"model":"M"}'.encode("utf-16"),
    "half a character": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"\xe2\x82"}]}',
    "a surrogate in UTF-8": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
    "an escaped key twice, deep": b'{"model":"M","max_tokens":5,"metadata":{"a":{"b":1,"\\u0062":2}},"messages":[]}',
    "single quotes": b"{'model':'M'}",
    "a hexadecimal number": b'{"model":"M","max_tokens":0x10,"messages":[]}',
    "a plus sign": b'{"model":"M","max_tokens":+1,"messages":[]}',
    "a schema too deep": b'{"model":"M","max_tokens":5,"messages":[{"role":"user","content":"x"}],' + TOOLS + b"}",
    "two documents": b'{"model":"M"}{"model":"M"}',
    "null": b"null",
    "a form": b"model=M&messages=x",
}

# dialect: (the path of a model, its table)
DIALECTS = {
    "openai_chat": ("/v1/chat/completions", CHAT),
    "openai_responses": ("/v1/responses", RESPONSES),
    "anthropic": ("/v1/messages", MESSAGES),
    "gemini": ("/v1beta/models/M:generateContent", GEMINI),
    "bedrock": ("/model/M/converse", CONVERSE),
}
# The same with an operation of its own; targets of any format.
OTHERS = {
    "streamed": ("gemini", "/v1beta/models/M:streamGenerateContent?alt=sse", GEMINI),
    "deployment": ("openai_chat", "/openai/deployments/M/chat/completions",
                   {name: row for name, row in CHAT.items() if row[1] != "/model"}),
    "count": ("anthropic", "/v1/messages/count_tokens", COUNT),
    "embeddings": ("openai_chat", "/v1/embeddings", EMBED),
    "gemini embedding": ("gemini", "/v1beta/models/M:embedContent", GEMINI_EMBED),
}
UPSTREAMS = tuple(DIALECTS)


def strings(value):
    """Every string in a document."""
    if isinstance(value, dict):
        return [w for v in value.values() for w in strings(v)]
    if isinstance(value, list):
        return [w for v in value for w in strings(v)]
    return [value] if isinstance(value, str) else []


def own_shape(dialect, body):
    """Is it an error as the dialect's own SDK expects one?"""
    if dialect == "anthropic":
        return body["type"] == "error" and body["error"]["type"] == "invalid_request_error" and body["error"]["message"]
    if dialect == "gemini":
        return body["error"]["code"] == 400 and body["error"]["status"] == "INVALID_ARGUMENT" and body["error"]["message"]
    if dialect == "bedrock":
        return bool(body["message"])
    return body["error"]["type"] == "invalid_request_error" and body["error"]["message"] and "param" in body["error"]


@pytest.fixture(scope="module")
def road():
    def teapot(handler, body):
        handler.answer(418, {"error": {"message": "it came through", "type": "teapot"}})

    with Upstream(teapot) as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        config = {"waf": {"rules": {"UrlField_BODY": "none", "ContentType_HEADER": "none"}},  # told better below
                  "auth": {"jwt": {"enabled": False}}, "providers": providers(url),
                  "models": [{"name": name, "targets": [{"provider": name}]} for name in UPSTREAMS]}
        with Gateway(config) as gateway:
            yield gateway, upstream


def providers(url):
    return [{"type": "openai", "name": "openai_chat", "base_url": url + "/v1", "api_key": "k", "formats": ["openai-chat"]},
            {"type": "openai", "name": "openai_responses", "base_url": url + "/v1", "api_key": "k",
             "formats": ["openai-responses"]},
            {"type": "anthropic", "name": "anthropic", "base_url": url, "api_key": "k"},
            {"type": "gemini", "name": "gemini", "base_url": url, "api_key": "k"},
            {"type": "bedrock", "name": "bedrock", "base_url": url, "region": "eu-west-1", "api_key": "k"}]


@pytest.fixture(scope="module")
def line(road):
    """One connection for all: there are thousands."""
    connection = http.client.HTTPConnection("127.0.0.1", road[0].port, timeout=30)
    yield connection
    connection.close()


def ask(line, path, body, content_type="application/json"):
    line.request("POST", path, body, {"content-type": content_type, "user-agent": "raw/1"})
    answer = line.getresponse()
    return answer.status, answer.getheader("content-type"), answer.read()


def check(road, line, dialect, path, body, pointer):
    road[1].seen.clear()
    status, content_type, text = ask(line, path, body)
    assert road[1].seen == [], f"reached the provider: {text!r}"
    assert status == 400, (status, text)
    assert content_type.startswith("application/json")
    error = json.loads(text)
    assert own_shape(dialect, error), error
    if pointer is not None:
        named = [p for word in strings(error) for p in re.findall(r"(?<![\w/])/[\w~/$-]+", word)]
        assert pointer in named, (pointer, error)
        if "param" in error.get("error", {}):
            assert error["error"]["param"].strip("/").replace("/", ".") == pointer.strip("/").replace("/", "."), error


def filled(row, upstream):
    """The body of a row, for that upstream, and where it is wrong."""
    base, where, what, pointer = row
    value = what.what if isinstance(what, Unknown) else what
    document = place(base(), where, value)
    if document.get("model") == "M":
        document["model"] = upstream
    return written(document), where if pointer == "=" else pointer


def rows(dialects, unknown_words=True):
    return [pytest.param(dialect, path, table[row], id=f"{name}: {row}")
            for name, (dialect, path, table) in dialects.items() for row in table
            if unknown_words or not isinstance(table[row][2], Unknown)]


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("dialect,path,row", rows({d: (d, *more) for d, more in DIALECTS.items()}))
def test_each_is_refused_where_it_is_wrong(road, line, upstream, dialect, path, row):
    body, pointer = filled(row, upstream)
    path = path.replace("/M", "/" + upstream)
    if isinstance(row[2], Unknown) and upstream == dialect:
        road[1].seen.clear()
        status, _, text = ask(line, path, body)
        assert [json.loads(sent) for _, _, sent in road[1].seen] == [json.loads(body)], (status, text)
    else:
        check(road, line, dialect, path, body, pointer)


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("dialect,path,row", rows(OTHERS, unknown_words=False))
def test_so_it_is_elsewhere(road, line, upstream, dialect, path, row):
    body, pointer = filled(row, upstream)
    check(road, line, dialect, path.replace("/M", "/" + upstream), body, pointer)


LIST = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"],
        "additionalProperties": False}
TREE = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a~1b"}}, "$defs": {
    "a/b": {"type": "array", "items": {"$ref": "#/$defs/c%20d"}}, "c d": {"anyOf": [{"$ref": "#/$defs/a~1b"}]}}}
ABROAD = {"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}}
SCHEMAS = {"of a list": (LIST, "/properties/next/anyOf/0/$ref"), "of a tree": (TREE, "/$defs/c d/anyOf/0/$ref"),
           "from elsewhere": (ABROAD, "/properties/a/$ref")}


@pytest.mark.parametrize("upstream", ["anthropic", "bedrock"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_that_cannot_be_enforced_is_refused(road, line, upstream, name):
    schema, where = SCHEMAS[name]
    place_of = {"/v1/chat/completions": ("openai_chat", "/response_format/json_schema/schema"),
                "/v1/responses": ("openai_responses", "/text/format/schema")}
    for path, (dialect, prefix) in place_of.items():
        model = {"anthropic": "anthropic", "bedrock": "bedrock/eu.anthropic.claude-opus-4-6-v1"}[upstream]
        body = {"/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}], "response_format": {
                    "type": "json_schema", "json_schema": {"name": "a", "schema": schema}}},
                "/v1/responses": {"input": "hi", "text": {"format": {"type": "json_schema", "name": "a", "schema": schema}}}}
        road[1].seen.clear()
        status, _, text = ask(line, path, json.dumps({"model": model, **body[path]}).encode())
        assert status == 400 and road[1].seen == [], (status, text)
        assert json.loads(text)["error"]["param"] == prefix + where


def paths():
    for dialect, (path, _) in DIALECTS.items():
        yield pytest.param(dialect, path, id=path)
    for dialect, path, _ in OTHERS.values():
        yield pytest.param(dialect, path, id=path)


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic"])
@pytest.mark.parametrize("dialect,path", paths())
@pytest.mark.parametrize("name", RAW)
def test_what_is_no_json_is_refused(road, line, upstream, dialect, path, name):
    body = RAW[name].replace(b'"M"', b'"%s"' % upstream.encode())
    check(road, line, dialect, path.replace("/M", "/" + upstream), body, None)


@pytest.mark.parametrize("dialect,path", paths())
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                                          "application/xml"])
def test_what_says_it_is_no_json_is_refused(road, line, dialect, path, content_type):
    road[1].seen.clear()
    status, _, text = ask(line, path.replace("/M", "/anthropic"), b'{"model":"anthropic"}', content_type)
    assert status in (400, 415) and road[1].seen == [], (status, text)
    json.loads(text)


def test_there_are_enough_of_them():
    assert all(len(table) >= 60 for table in (CHAT, RESPONSES, MESSAGES, GEMINI))


def test_a_deployment_names_the_model_in_its_path(road, line):
    road[1].seen.clear()
    body = b'{"messages":[{"role":"user","content":"hi"}]}'
    for upstream in UPSTREAMS:
        ask(line, f"/openai/deployments/{upstream}/chat/completions", body)
    assert len(road[1].seen) == len(UPSTREAMS)


# What clients send that is no fault: each reaches every provider.
TOLERATED = {
    "null members": {"model": "M", "max_tokens": 9, "temperature": None, "stop": None, "tools": None, "tool_choice": None,
                     "user": None, "metadata": None, "response_format": None, "stream": None,
                     "messages": [{"role": "user", "content": "hi", "name": None}]},
    "integers with a point": {"model": "M", "max_tokens": 9.0, "messages": [{"role": "user", "content": "hi"}]},
    "an SDK's own object": {"model": "M", "max_tokens": 9, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes", "refusal": None, "annotations": [], "audio": None, "function_call": None,
         "tool_calls": None, "parsed": None}, {"role": "user", "content": "go on"}]},
    "a picture in base64 with breaks": {"model": "M", "max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO\nRw0K\nGgo"}}]}]},
}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("name", TOLERATED)
def test_what_clients_do_is_no_fault(road, line, upstream, name):
    road[1].seen.clear()
    status, _, text = ask(line, "/v1/chat/completions", json.dumps({**TOLERATED[name], "model": upstream}).encode())
    assert len(road[1].seen) == 1, (status, text)
