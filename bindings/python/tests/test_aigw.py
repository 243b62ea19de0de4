"""The Python module over the real library: chat, stream, token, verify, errors, and the GIL."""
import json
import pathlib
import sys
import threading
import time

import pytest

import aigw

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tests" / "e2e"))
import harness  # noqa: E402

ECHO = {"auth": {"jwt": {"enabled": False}}, "providers": [{"name": "echo", "type": "echo"}]}
HELLO = {"model": "echo", "messages": [{"role": "user", "content": "grüße 🌍 \"quoted\""}]}


@pytest.fixture(scope="module")
def gateway():
    with aigw.Gateway(ECHO) as gw:
        yield gw


def test_chat_in_both_dialects(gateway):
    answer = gateway.chat(HELLO)
    assert "grüße 🌍 \"quoted\"" in answer["choices"][0]["message"]["content"]
    answer = gateway.chat({**HELLO, "max_tokens": 50}, dialect="anthropic")
    assert answer["type"] == "message" and "grüße 🌍" in answer["content"][0]["text"]


def test_stream_in_both_dialects(gateway):
    stream = gateway.stream(HELLO)
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in stream if c["choices"])
    assert "grüße 🌍 \"quoted\"" in text
    assert stream.usage.output_tokens > 0
    events = list(gateway.stream({**HELLO, "max_tokens": 50}, dialect="anthropic"))
    assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop"


def test_leaving_a_stream_early_frees_it(gateway):
    for _ in range(50):
        with gateway.stream(HELLO) as stream:
            next(stream)
        with pytest.raises(StopIteration):
            next(stream)


def test_an_error_answer_raises_with_its_status(gateway):
    with pytest.raises(aigw.ApiError) as caught:
        gateway.chat('{"model": "echo", "model": "twice", "messages": []}')
    assert caught.value.http_status == 400
    assert json.loads(caught.value.body)["error"]["type"] == "invalid_request_error"


def test_a_bad_config_says_where():
    with pytest.raises(aigw.ConfigError) as caught:
        aigw.Gateway('{"providers": [{"type": "echo", "colour": "red"}]}')
    assert caught.value.pointer == "/providers/0/colour" and caught.value.line == 1
    with pytest.raises(aigw.ConfigError):
        aigw.Gateway.check({"nonsense": 1})
    aigw.Gateway.check(ECHO)


def test_reload_is_all_or_nothing():
    with aigw.Gateway(ECHO) as gw:
        with pytest.raises(aigw.ConfigError):
            gw.reload({"nonsense": 1})
        assert gw.chat(HELLO)
        gw.reload({**ECHO, "models": [{"name": "alias", "targets": [{"provider": "echo", "model": "echo"}]}]})
        assert gw.chat({**HELLO, "model": "alias"})


def test_a_closed_gateway_says_so():
    gw = aigw.Gateway(ECHO)
    gw.close()
    gw.close()
    with pytest.raises(aigw.InvalidInput):
        gw.chat(HELLO)


def test_token_and_verify_against_a_running_gateway():
    config, secret = harness.secured([{"name": "echo", "type": "echo"}], [])
    with harness.Gateway(config) as server:
        source = aigw.TokenSource(server.base + "/oauth2/token", "team-a", secret)
        token = source.get()
        assert source.get() == token
        keys = aigw.KeySet(server.request("GET", "/.well-known/jwks.json")[2])
        claims = aigw.verify(token, keys, issuer="https://gateway.internal", scope=harness.SCOPE)
        assert claims["client_id"] == "team-a" and claims["token_use"] == "access"
        for more, reason in [({"issuer": "https://else.where"}, "wrong_issuer"),
                             ({"scope": "other"}, "missing_scope"),
                             ({"now": int(time.time()) + 100000}, "expired"),
                             ({"audience": "someone"}, "wrong_audience")]:
            with pytest.raises(aigw.TokenRejected) as caught:
                aigw.verify(token, keys, **more)
            assert caught.value.reason == reason
        with pytest.raises(aigw.TokenRejected):
            aigw.verify(token[:-5] + "AAAAA", keys)
        trust = {"issuer": "https://gateway.internal",
                 "jwks": bytes(server.request("GET", "/.well-known/jwks.json")[2]).decode()}
        with aigw.Gateway({**ECHO, "auth": {"jwt": {"enabled": True, "issuers": [trust]}}}) as gw:
            assert gw.chat(HELLO, token=token)["choices"]  # judged at the door of a gateway in this process
            with pytest.raises(aigw.ApiError) as refused:
                gw.chat(HELLO, token=token[:-5] + "AAAAA")
            assert refused.value.http_status == 401
        with pytest.raises(aigw.UpstreamError) as caught:
            aigw.TokenSource(server.base + "/oauth2/token", "team-a", "wrong").get()
        assert caught.value.http_status in (400, 401) and "wrong" not in str(caught.value)


def test_the_gil_is_released_while_waiting():
    release = threading.Event()

    def slow(request, _body):
        release.wait(20)
        request.answer(200, {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "late"}, "finish_reason": "stop"}]})

    with harness.Upstream(slow) as upstream:
        config = harness.open_config([{"name": "o", "type": "openai", "api_key": "k",
                                       "base_url": f"http://127.0.0.1:{upstream.port}/v1"}])
        with aigw.Gateway(config) as gw:
            answers = []
            thread = threading.Thread(target=lambda: answers.append(gw.chat({**HELLO, "model": "m"})))
            thread.start()
            # The upstream is a thread of this very process: it can only have answered without the GIL held.
            assert harness.wait_until(lambda: upstream.seen)
            release.set()
            thread.join(20)
            assert answers and answers[0]["choices"][0]["message"]["content"] == "late"


def test_a_timeout_raises_and_cancels():
    def never(request, _body):
        request.start_stream()
        while True:  # ends when the gateway hangs up
            request.chunk(": still here\n\n")
            time.sleep(0.02)

    with harness.Upstream(never) as upstream:
        config = harness.open_config([{"name": "o", "type": "openai", "api_key": "k",
                                       "base_url": f"http://127.0.0.1:{upstream.port}/v1"}])
        with aigw.Gateway(config) as gw, pytest.raises(aigw.RequestTimeout):
            gw.chat({**HELLO, "model": "m"}, timeout=0.3)
        assert upstream.gone.wait(20)


def test_threads_share_a_gateway(gateway):
    failures = []

    def work():
        try:
            for _ in range(20):
                assert gateway.chat(HELLO)["choices"]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
