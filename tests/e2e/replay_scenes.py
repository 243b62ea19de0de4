"""The scenes: what a provider answers to which request, said once for all formats. A scene stands in
brackets at the start of the first user text: "[tools] how is the weather?"."""
import json

from replay_parts import PNG, Block, Failure, Refused, Reply, need

TEXT = "Hello from the replayer: grüße, 日本語 🌍👩‍👩‍👧, “quotes”\n\tand \\ a last line."
SYSTEM = "You are terse: antworte kurz, bitte 🙂."
THOUGHT_TEXT = "Zürich first 🤔, then Oslo."
LOOK = "Let me look 👀."
CITIES = ["Oslo", "Zürich 🌧"]
RESULTS = {"Oslo": "3° ☁", "Zürich 🌧": "21° ☀", "now": "12:00"}
FINAL = "Oslo 3°, Zürich 21° at noon."
OBJECT = {"city": "Köln 🏰", "days": 3}
SCHEMA = {"type": "object", "additionalProperties": False, "required": ["city", "days"],
          "properties": {"city": {"type": "string", "description": "a town"},
                         "days": {"type": "integer"}}}
CALLS = [("call_a1", "get_weather", {"city": CITIES[0]}), ("call_b2", "get_weather", {"city": CITIES[1]}),
         ("call_c3", "now", {})]
ERRORS = {400: "bad scripted request", 401: "invalid key", 403: "not allowed", 404: "no such model here",
          413: "too large", 429: "slow down", 500: "broke inside", 503: "overloaded"}


def plain(ask):
    need(ask.system.strip() == SYSTEM, f"system text is {ask.system!r}")
    return Reply([Block("text", TEXT)])


def tools(ask):
    need(sorted(ask.tools) == ["get_weather", "now"], f"tools are {ask.tools}")
    if not ask.results:
        return Reply([Block("text", LOOK), *(Block("call", id=i, name=n, input=a) for i, n, a in CALLS)], "tool")
    check_results(ask)
    return Reply([Block("text", FINAL)])


def unwrapped(text):
    """Vercel's Google provider says {"name":..., "content":...}: an object stays one in other formats."""
    try:
        said = json.loads(text)
    except ValueError:
        return text
    return said["content"] if isinstance(said, dict) and set(said) == {"name", "content"} else text


def check_results(ask):
    wanted = [("get_weather", RESULTS[CITIES[0]]), ("get_weather", RESULTS[CITIES[1]]), ("now", RESULTS["now"])]
    came = [(name, unwrapped(text)) for name, text in ask.results]
    need(came == wanted, f"results are {ask.results}, not {wanted}")


def think(ask, must=True):
    """Thinking, a call, and the signature that must come back with it, unchanged."""
    if not ask.results:
        need(not must or ask.thinking, "no thinking was asked for")
        return Reply([Block("thinking", THOUGHT_TEXT, signature=ask.maker.SIGNATURE),
                      *(Block("call", id=i, name=n, input=a) for i, n, a in CALLS)], "tool")
    check_results(ask)
    back = [s for s in ask.signed if s != ask.maker.SIGNATURE]
    need(not back, f"signatures that nobody made here: {back}")
    need(not must or not ask.maker.SIGNATURE or ask.signed, "the signature did not come back")
    return Reply([Block("text", FINAL)])


def schema(ask):
    need(ask.schema is not None, "no schema came")
    wanted, came = json.loads(json.dumps(SCHEMA)), ask.schema
    need(set(came.get("properties", {})) == set(wanted["properties"])
         and set(came.get("required", [])) == set(wanted["required"]), f"the schema is {came}")
    return Reply([Block("text", json.dumps(OBJECT, ensure_ascii=False))])


def image(ask):
    need(ask.images == [PNG], f"images are {[len(i) for i in ask.images]} bytes long")
    return Reply([Block("text", f"{len(PNG)} bytes")])


def broken(ask):
    need(ask.stream, "this scene is a stream")
    return Reply([Block("text", TEXT)], fail=True)


def early(ask):
    """The error comes before any content."""
    need(ask.stream, "this scene is a stream")
    return Reply([], fail=True)


def cut(ask):
    need(ask.stream, "this scene is a stream")
    return Reply([Block("text", TEXT)], cut=True)


def long(_):
    return Reply([Block("text", LOOK)], "length")


def error(status):
    raise Failure(status, ERRORS[status], "7" if status in (429, 503) else None)


def anything(_):
    """A request that is no scene's: only the provider's rules count."""
    return Reply([Block("text", TEXT)])


def first_tool(ask):
    """A call of the first tool that was declared, by the name that reached the provider."""
    if ask.results:
        need([name for name, _ in ask.results] == ask.tools[:1], f"results are {ask.results}")
        return Reply([Block("text", FINAL)])
    return Reply([Block("call", id="call_d4", name=ask.tools[0], input={"x": 1})], "tool")


REDACTED = "EmwKAhgBEiByZWRhY3RlZCB0aGlua2luZyBvZiBDbGF1ZGU="


def redacted(ask):
    """Thinking that only its maker can read, before and between readable thinking."""
    if ask.results:
        check_results(ask)
        need(ask.signed == [REDACTED, ask.maker.SIGNATURE], f"came back: {ask.signed}")
        return Reply([Block("text", FINAL)])
    return Reply([Block("redacted", signature=REDACTED), *think(ask).blocks], "tool")


SCENES = {"first-tool": first_tool, "redacted": redacted, "any": anything, "plain": plain, "tools": tools, "think": think, "schema": schema, "image": image,
          "broken": broken, "early": early, "cut": cut, "long": long,
          "think-lossy": lambda ask: think(ask, must=False)}


def play(ask):
    """The reply to a request; raises Refused or Failure."""
    if ask.scene.startswith("error "):
        return error(int(ask.scene.split()[1]))
    if ask.scene not in SCENES:
        raise Refused(f"no such scene: {ask.scene}")
    return SCENES[ask.scene](ask)
