"""Official SDKs as judges: each dialect against each upstream format, through one gateway, in all scenes. The
upstream is the replayer, which holds every request to its provider's rules. First the judges are judged: each
against the replayer of its own format with nothing in between."""
import json
import subprocess
import tempfile

import pytest

import harness
import judges
import judges_python
import replay
from replay_scenes import CITIES, ERRORS, FINAL, LOOK, OBJECT, TEXT, THOUGHT_TEXT
from replay_parts import PNG

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("need_node"),
              pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Pydantic serializer")]

VERTEX = {"type": "vertex", "project": "p-1", "location": "europe-west4", "auth": {"google": {}}}
# alias: (format of the upstream, its model, its provider entry without name and base URL, path of the base URL)
UPSTREAMS = {
    "on-openai": ("openai", "gpt-5-mini", {"type": "openai", "formats": ["openai-chat"], "quirks": ["openai"]}, "/v1"),
    "on-responses": ("responses", "gpt-5-mini", {"type": "openai", "formats": ["openai-responses"]}, "/v1"),
    "on-anthropic": ("anthropic", "claude-sonnet-4-5", {"type": "anthropic"}, ""),
    "on-gemini": ("gemini", "gemini-3-pro-preview", {"type": "gemini"}, ""),
    "on-gemini-2": ("gemini", "gemini-2.5-flash", {"type": "gemini", "api_version": "v1"}, ""),
    "on-bedrock": ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
                   {"type": "bedrock", "region": "eu-west-1", "auth": {"aws": {
                       "access_key_id": "AKIDREPLAY", "secret_access_key": "not-a-secret"}}}, ""),
    "on-azure": ("openai", "gpt-5-mini", {"type": "azure", "api_version": "2024-10-21"}, ""),
    "on-azure-v1": ("responses", "gpt-5-mini", {"type": "azure", "api_version": "v1", "formats": ["openai-responses"]},
                    ""),
    "on-azure-entra": ("openai", "gpt-5-mini", {"type": "azure", "api_version": "2024-10-21", "auth": {"entra": {
        "tenant": "tenant-1", "client_id": "app-1", "client_secret": "not-a-secret"}}}, ""),
    "on-vertex": ("gemini", "gemini-3-pro-preview", VERTEX, ""),
    "on-vertex-claude": ("anthropic", "claude-sonnet-4-5", VERTEX, ""),
}
DIRECT = {"openai": "gpt-5-mini", "responses": "gpt-5-mini", "anthropic": "claude-sonnet-4-5",
          "gemini": "gemini-3-pro-preview", "bedrock": UPSTREAMS["on-bedrock"][1]}
GONE = {401, 403}  # the provider refuses our key: not the client's to see


class Matrix:
    """Runs each judge once, when it is first asked for, over all models and scenes."""

    def __init__(self, base, models, refused, scenes=judges.SCENES):
        self.base, self.models, self.refused, self.scenes = base, models, refused, scenes
        self.done, self.seen = set(), {}

    def __getitem__(self, key):
        judge = key[0]
        if judge not in self.done:
            self.run(judge)
        return self.seen[key]

    def run(self, judge):
        for script, names in judges.NODE.items():
            if judge in names:
                self.done |= set(names)
                self.seen |= judges.run_node(script, self.base, "k", self.models, self.scenes)
                return
        self.done.add(judge)
        made = next(j for j in judges_python.PYTHON if j.name == judge)
        self.seen |= judges.run_python(made, self.base, "k", self.models, self.scenes)


@pytest.fixture(scope="module")
def replayer():
    with replay.Replayer() as it:
        yield it


@pytest.fixture(scope="module")
def direct(replayer):
    """The replayer itself; the model decides nothing there but its own format's rules."""
    made = {}

    def get(judge):
        dialect = judges.DIALECTS[judge]
        if dialect not in made:
            made[dialect] = Matrix(f"http://127.0.0.1:{replayer.port}", [DIRECT[dialect]], [])
        return made[dialect]
    return get


def accepted(config):
    """Does aigw-serve take this config?"""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(json.dumps(config))
        file.flush()
        done = subprocess.run([harness.SERVE, "--check", "--config", file.name], capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr


def entries(port, service_account="{}"):
    """(providers, models, {alias: why its provider is refused})"""
    providers, models, refused = [], [], {}
    for alias, (_, model, entry, path) in UPSTREAMS.items():
        entry = json.loads(json.dumps(entry))
        if "google" in entry.get("auth", {}):
            entry["auth"]["google"]["service_account"] = service_account.replace("$", "$$")
        if "entra" in entry.get("auth", {}):
            entry["auth"]["entra"]["authority"] = f"http://127.0.0.1:{port}"
        provider = {"name": "p-" + alias, "base_url": f"http://127.0.0.1:{port}{path}", "max_retries": 0, **entry}
        if "auth" not in entry:
            provider["api_key"] = "k"
        target = {"name": alias, "targets": [{"provider": provider["name"], "model": model}]}
        why = accepted(harness.open_config([provider], [target]))
        if why:
            refused[alias] = why
        else:
            providers.append(provider)
            models.append(target)
    return providers, models, refused


@pytest.fixture(scope="module")
def matrix(replayer):
    providers, models, refused = entries(replayer.port, replayer.service_account())
    with harness.Gateway(harness.open_config(providers, models)) as gateway:
        yield Matrix(gateway.base, [m["name"] for m in models], refused)


def check(judge, upstream, scene, out):
    """Whether the judge saw what the scene says."""
    assert "crash" not in out, out["crash"]
    kind, _, how = scene.partition("/")
    if kind in ("broken", "early", "cut") or kind.startswith("error"):
        return check_error(judge, kind, out)
    assert "error" not in out, out["error"]["message"]
    assert out["usage"] == judges.numbers(judge, upstream)
    assert not out.get("untidy")
    if kind == "plain":
        assert out["text"] == TEXT
    elif kind == "long":
        assert (out["text"], out["finish"]) == (LOOK, judges.finish(judge, "length"))
        return None
    elif kind == "image":
        assert out["text"] == f"{len(PNG)} bytes"
    elif kind == "schema":
        assert out["parsed"] == OBJECT
    else:
        assert out["text"] == FINAL
        check_first(judge, upstream, kind, out["first"])
    assert out["finish"] == judges.finish(judge, "stop")
    return None


def check_first(judge, upstream, kind, first):
    assert [tuple(c) for c in first["calls"]] == [
        ("get_weather", {"city": CITIES[0]}), ("get_weather", {"city": CITIES[1]}), ("now", {})]
    assert first["finish"] == judges.finish(judge, "tool")
    assert first["usage"] == judges.numbers(judge, upstream)
    if kind == "tools":
        assert first["text"] == LOOK
    elif judge != "ai-chat":  # its format has no reasoning, and it keeps no extensions
        assert first["thinking"] == THOUGHT_TEXT


STATUS = {400: {400}, 401: {500, 502}, 403: {500, 502}, 404: {404}, 413: {413}, 429: {429}, 500: {500, 502},
          503: {503, 529}}
CLASSES = {
    "openai": {400: "BadRequestError", 404: "NotFoundError", 413: "APIStatusError", 429: "RateLimitError",
               500: "InternalServerError"},
    "anthropic": {400: "BadRequestError", 404: "NotFoundError", 429: "RateLimitError", 500: "InternalServerError",
                  413: "APIStatusError"},
    "bedrock": {400: "ValidationException", 404: "ResourceNotFoundException", 413: "ClientError",
                429: "ThrottlingException", 500: "ClientError"}}
ROOTS = {"openai": {"OpenAIError"}, "responses": {"OpenAIError"}, "anthropic": {"AnthropicError"},
         "gemini": {"APIError", "ApiError"}, "bedrock": {"ClientError"}}


def check_error(judge, kind, out):
    assert "error" in out, f"an answer instead of an error: {out}"
    error, dialect = out["error"], judges.DIALECTS[judge]
    if judge.startswith("ai-"):
        assert error["class"].startswith("AI_")
    else:
        assert ROOTS[dialect] & set(error["classes"]), error
    if not kind.startswith("error"):
        assert kind == "cut" or "overloaded in mid-stream" in error["message"], error
        return
    status = int(kind.split()[1])
    allowed = {424} if dialect == "bedrock" and status in GONE and len(STATUS[status]) > 1 else STATUS[status]
    assert error["status"] in allowed, error  # 424 is ModelErrorException: the model's side failed
    if status not in GONE:
        assert ERRORS[status] in error["message"], error
    if status == 429 and judge not in ("node-genai", "node-genai-v1"):  # these two show no headers
        assert error["retry_after"] == "7", error
    named = CLASSES.get({"responses": "openai"}.get(dialect, dialect), {})
    wanted = named.get(error["status"] if error["status"] < 500 else 500)
    if wanted and not judge.startswith("ai-"):
        own = wanted.replace("APIStatusError", "APIError") if judge.startswith("node") else wanted
        assert own in {error["class"], *error["classes"]}, error


@pytest.mark.parametrize("scene", [s for s in judges.SCENES if s != "cut"])
@pytest.mark.parametrize("judge", judges.DIALECTS)
def test_the_judge_alone(direct, judge, scene, monkeypatch):
    monkeypatch.setitem(STATUS, 401, {401})  # nobody in between hides it
    monkeypatch.setitem(STATUS, 403, {403})
    dialect = judges.DIALECTS[judge]
    out = direct(judge)[judge, DIRECT[dialect], scene]
    if dialect == "gemini" and scene.startswith("error 429"):
        out["error"]["retry_after"] = "7"  # Gemini says it in the body only
    check(judge, dialect, scene, out)


@pytest.mark.parametrize("scene", judges.SCENES)
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("judge", judges.DIALECTS)
def test_matrix(matrix, judge, upstream, scene):
    assert upstream not in matrix.refused, matrix.refused[upstream]
    check(judge, UPSTREAMS[upstream][0], scene, matrix[judge, upstream, scene])
