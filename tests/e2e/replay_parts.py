"""What the replayer's formats share: a request as the scenes see it, an answer as they say it, and the
rules for JSON schemas. Knows no format's fields."""
import base64
import dataclasses
import json
import re

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Refused(Exception):
    """The provider's documented rules forbid this request."""


class Failure(Exception):
    """The scene asks for an error: status, more headers, and how long to wait."""

    def __init__(self, status, message="scripted failure", retry_after=None):
        super().__init__(message)
        self.status, self.message, self.retry_after = status, message, retry_after


def need(condition, message):
    if not condition:
        raise Refused(message)


def members(value, known, where):
    need(isinstance(value, dict), f"{where}: an object is expected, not {value!r:.60}")
    extra = set(value) - set(known.split() if isinstance(known, str) else known)
    need(not extra, f"{where}: unknown members {sorted(extra)}")


@dataclasses.dataclass
class Ask:
    """A request, read."""
    model: str
    stream: bool
    body: dict
    headers: dict
    system: str = ""
    first: str = ""        # the first user text: its [scene] decides
    results: list = dataclasses.field(default_factory=list)  # (name, text) after the last assistant turn
    signed: list = dataclasses.field(default_factory=list)   # signatures that came back
    images: list = dataclasses.field(default_factory=list)   # bytes
    schema: object = None
    tools: list = dataclasses.field(default_factory=list)    # names
    thinking: bool = False

    @property
    def scene(self):
        found = re.match(r"\[([^\]]+)\]", self.first)
        return found.group(1) if found else "any"


@dataclasses.dataclass
class Block:
    kind: str  # text thinking call
    text: str = ""
    id: str = ""
    name: str = ""
    input: object = None
    signature: str = ""


@dataclasses.dataclass
class Reply:
    blocks: list
    finish: str = "stop"  # stop tool length
    fail: bool = False    # the stream breaks with an error after the blocks
    cut: bool = False     # the stream just ends


# The provider's own numbers: 50 fresh, 30 from the cache, 20 written to it; 40 out, 16 of them thought.
FRESH, CACHED, WRITTEN, OUT, THOUGHT = 50, 30, 20, 40, 16
PROMPT = FRESH + CACHED + WRITTEN
TOTAL = PROMPT + OUT


def pieces(text, count=3):
    """The text in a few deltas, cut between characters."""
    size = max(1, -(-len(text) // count))
    return [text[at:at + size] for at in range(0, len(text), size)] or [""]


def image_bytes(data, media_type, where):
    try:
        raw = base64.b64decode(data, validate=True)
    except (ValueError, TypeError):
        raise Refused(f"{where}: not base64") from None
    need(media_type == "image/png" and raw.startswith(b"\x89PNG"), f"{where}: {media_type} is not what it is")
    return raw


def data_uri(uri, where):
    found = re.fullmatch(r"data:([a-z]+/[a-z0-9.+-]+);base64,(.*)", uri, re.S)
    need(found, f"{where}: no data URI: {uri[:40]}")
    return image_bytes(found.group(2), found.group(1), where)


def nodes(schema, where="schema"):
    """Each schema node with its place."""
    if isinstance(schema, bool):
        return
    need(isinstance(schema, dict), f"{where}: a schema is an object")
    yield where, schema
    for holder in ("properties", "$defs", "definitions"):
        for name, child in (schema.get(holder) or {}).items():
            yield from nodes(child, f"{where}/{holder}/{name}")
    for one in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(one), dict):
            yield from nodes(schema[one], f"{where}/{one}")
    for many in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for at, child in enumerate(schema.get(many) or []):
            yield from nodes(child, f"{where}/{many}/{at}")


def closed_objects(schema, all_required):
    """Structured output of OpenAI (strict) and Anthropic: objects are closed."""
    for where, node in nodes(schema):
        if node.get("type") == "object" or "properties" in node:
            need(node.get("additionalProperties") is False, f"{where}: additionalProperties must be false")
            if all_required:
                need(set(node.get("required") or []) == set(node.get("properties") or {}),
                     f"{where}: all properties must be required")


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
