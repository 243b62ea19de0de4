"""Guardrails from Python: kinds and actions, streams at every split, blocking, and who keeps whom alive."""
import gc
import json

import pytest

import aigw

TEXT = "Grüße 🌍: bob@example.com, 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, 078-05-1121, Projekt Ülm."
RULES = [aigw.GuardRule("email"), aigw.GuardRule("card", mask="****"), aigw.GuardRule("iban", "flag"),
         aigw.GuardRule("words", name="names", texts=["projekt ülm"])]
WANT = "Grüße 🌍: [EMAIL], ****, DE89 3704 0044 0532 0130 00, 078-05-1121, [REDACTED]."


@pytest.fixture(scope="module")
def guard():
    with aigw.Guard(RULES) as made:
        yield made


def test_a_text_is_masked_and_keeps_its_type(guard):
    out = guard.mask(TEXT)
    assert out.text == WANT
    assert out.verdict == ("mask", 4, {"email": 1, "card": 1, "iban": 1, "names": 1})
    assert guard.mask(TEXT.encode()).text == WANT.encode()
    assert guard.check(TEXT) == out.verdict
    assert guard.mask("nothing") == aigw.Masked("nothing", aigw.GuardVerdict("none", 0, {}))
    assert guard.mask("").text == "" and guard.mask(b"").text == b""
    assert guard.check("DE89 3704 0044 0532 0130 00").action == "flag"


def test_text_inside_of_json_is_read_through_its_escapes(guard):
    inside = json.dumps("x bob@example.com").strip('"').replace("@", "\\u0040")
    assert guard.mask(inside, form="json").text == "x [EMAIL]"
    assert guard.mask(inside).text == inside
    with pytest.raises(aigw.InvalidInput) as bad:
        guard.mask("\\u00g0", form="json")
    assert bad.value.reason == "bad_escape"


def test_a_stream_says_the_same_at_every_split(guard):
    data = TEXT.encode()
    for at in range(len(data) + 1):
        with guard.stream() as stream:
            assert stream.feed(data[:at]) + stream.feed(data[at:]) + stream.end() == WANT.encode()
            assert stream.verdict.total == 4
    for at in range(len(TEXT) + 1):
        with guard.text_stream() as text:
            assert text.feed(TEXT[:at]) + text.feed(TEXT[at:]) + text.end() == WANT
    ones = guard.text_stream()
    assert "".join(ones.feed(c) for c in TEXT) + ones.end() == WANT


def test_one_text_after_the_other(guard):
    stream = guard.text_stream()
    assert stream.feed("bob@exam") + stream.end() == "bob@exam"
    assert stream.feed("ple.com") + stream.end() == "ple.com"  # another text: no address
    assert stream.verdict.total == 0
    assert stream.feed("bob@example.com") + stream.end() == "[EMAIL]"
    assert stream.verdict.found == {"email": 1}


def test_what_blocks_raises_with_what_stands_before():
    guard = aigw.Guard([aigw.GuardRule("email"), aigw.GuardRule("patterns", "block", "codes", texts=["zx[0-9]{3}"])])
    for text in ("to bob@example.com: zx123 and more", "to bob@example.com: zx123 and more".encode()):
        with pytest.raises(aigw.Refused) as caught:
            guard.mask(text)
        assert caught.value.reason == "guard_blocked" and caught.value.code == "AIGW_E_DENIED"
        assert caught.value.verdict == ("block", 2, {"email": 1, "codes": 1})
        assert "zx123" not in str(caught.value)
    assert guard.check("zx123").action == "block"
    for stream, text in ((guard.stream(), b"\xc3\xbc bob@example.com: zx123 and"),
                         (guard.text_stream(), "ü bob@example.com: zx123 and")):
        before = []
        with pytest.raises(aigw.Refused) as caught:
            before += [stream.feed(text[i:i + 1]) for i in range(len(text))]
            stream.end()
        assert caught.value.verdict.action == "block"
        with pytest.raises(aigw.Refused) as again:
            stream.feed(text[:0])
        assert again.value.output == b""
    stream = guard.stream()
    with pytest.raises(aigw.Refused) as caught:
        stream.feed("ü bob@example.com: zx123 and more.".encode())
        stream.end()
    assert caught.value.output == "ü [EMAIL]: ".encode()


def test_a_stream_keeps_its_guard():
    guard = aigw.Guard([aigw.GuardRule("words", texts=["secret plan"])])
    bytewise, textwise = guard.stream(), guard.text_stream()
    guard.close()
    del guard
    gc.collect()
    assert bytewise.feed(b"a secret plan") + bytewise.end() == b"a [REDACTED]"
    assert textwise.feed("a secret plan") + textwise.end() == "a [REDACTED]"
    assert bytewise.verdict.found == {"words": 1}


def test_use_after_close_raises(guard):
    stream, text = guard.stream(), guard.text_stream()
    for s in (stream, text):
        s.close()
        s.close()
    closed = aigw.Guard(RULES)
    closed.close()
    closed.close()
    for call in (lambda: stream.feed(b"x"), stream.end, lambda: stream.verdict, lambda: text.feed("x"),
                 lambda: closed.mask("x"), lambda: closed.check("x"), closed.stream, closed.text_stream):
        with pytest.raises(aigw.InvalidInput) as gone:
            call()
        assert gone.value.reason == "closed"


def test_rules_that_cannot_be():
    rule = aigw.GuardRule
    for rules, reason, line in [([rule("email"), rule("email")], "bad_rule", 2), ([rule("words")], "bad_rule", 1),
                                ([rule("email", texts=["a"])], "bad_rule", 1), ([rule("email", mask='"')], "bad_mask", 1),
                                ([rule("email", "none")], "bad_rule", 1),
                                ([rule("phone"), rule("patterns", texts=["(a"])], "bad_pattern", 2),
                                ([rule("patterns", texts=["a+"])], "unbounded_pattern", 1),
                                ([rule("patterns", texts=["a?"])], "empty_pattern", 1)]:
        with pytest.raises(aigw.ConfigError) as caught:
            aigw.Guard(rules)
        assert (caught.value.reason, caught.value.line) == (reason, line)
    with pytest.raises(aigw.AigwError) as many:
        aigw.Guard([rule("words", texts=[f"w{i}"]) for i in range(65)])
    assert many.value.reason == "too_many_rules"
    for bad in ([rule("morse")], [rule("email", "maybe")]):
        with pytest.raises(aigw.InvalidInput):
            aigw.Guard(bad)
    with pytest.raises(TypeError):
        aigw.Guard([rule("words", texts="one")])
    with pytest.raises(TypeError):
        aigw.Guard([rule("words", texts=[5])])
    assert aigw.Guard([]).mask("bob@example.com").text == "bob@example.com"


def test_rules_that_share_a_name_are_counted_together():
    guard = aigw.Guard([aigw.GuardRule("words", "flag", texts=["one"]), aigw.GuardRule("words", "flag", texts=["two"])])
    assert guard.check("one two two").found == {"words": 3}
    assert guard.check(b"one \xff two").found == {"words": 2}
