"""Running all judges: the Python ones in process, the Node ones one process for each file, once for all models
and scenes. Says what must be seen, by dialect."""
import base64
import json
import subprocess

import harness
import judges_python
import replay_scenes
from replay_parts import CACHED, OUT, PNG, PROMPT, THOUGHT, TOTAL, WRITTEN

HERE = harness.TOP / "tests" / "e2e"
SCENES = ["plain", "plain/streamed", "tools", "tools/streamed", "think", "think/streamed", "schema", "image",
          "image/streamed", "long", "long/streamed", "broken", "early", "cut",
          *(f"error {n}" for n in (400, 401, 403, 404, 413, 429, 500, 503)), "error 429/streamed",
          "error 500/streamed"]
NODE = {"judge_openai.mjs": {"node-openai-chat": "openai", "node-openai-responses": "responses"},
        "judge_anthropic.mjs": {"node-anthropic": "anthropic"},
        "judge_genai.mjs": {"node-genai": "gemini", "node-genai-v1": "gemini"},
        "judge_ai.mjs": {"ai-responses": "responses", "ai-chat": "openai", "ai-anthropic": "anthropic",
                         "ai-google": "gemini"}}
DIALECTS = {**{j.name: j.dialect for j in judges_python.PYTHON},
            **{name: dialect for names in NODE.values() for name, dialect in names.items()}}


def run_python(judge, base, key, models, scenes):
    """{(judge, model, scene): what it saw}"""
    made = judge(base, key)
    out = {}
    for model in models:
        for scene in scenes:
            try:
                out[judge.name, model, scene] = made.run(scene, model)
            except Exception as crash:  # noqa: BLE001  anything else than the SDK's own error is a finding
                out[judge.name, model, scene] = {"crash": f"{type(crash).__name__}: {crash}"}
    return out


def run_node(script, base, key, models, scenes):
    """The same of a Node script."""
    given = {"base": base, "key": key, "models": list(models), "scenes": scenes, "system": replay_scenes.SYSTEM,
             "results": replay_scenes.RESULTS, "schema": replay_scenes.SCHEMA, "png": base64.b64encode(PNG).decode(),
             "peers": str(harness.NODE_DIR)}
    done = subprocess.run([harness.node(), HERE / script], capture_output=True, text=True, timeout=600,
                          env={"JUDGE": json.dumps(given), "PATH": "/usr/bin:/bin", "NODE_NO_WARNINGS": "1",
                               "AI_SDK_LOG_WARNINGS": "false"})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {(line["name"], line["model"], line["scene"]): line["out"] for line in lines}


FINISH = {
    "openai": {"stop": "stop", "tool": "tool_calls", "length": "length"},
    "responses": {"stop": "completed", "tool": "completed", "length": "incomplete:max_output_tokens"},
    "anthropic": {"stop": "end_turn", "tool": "tool_use", "length": "max_tokens"},
    "gemini": {"stop": "STOP", "tool": "STOP", "length": "MAX_TOKENS"},
    "bedrock": {"stop": "end_turn", "tool": "tool_use", "length": "max_tokens"},
    "ai": {"stop": "stop", "tool": "tool-calls", "length": "length"}}


def finish(judge, kind):
    return FINISH["ai" if judge.startswith("ai-") else DIALECTS[judge]][kind]


def numbers(judge, upstream):
    """The provider's own numbers as far as its format and the judge's have a place for them."""
    written = 0 if "gemini" in (upstream, DIALECTS[judge]) else WRITTEN
    reasoning = 0 if "bedrock" in (upstream, DIALECTS[judge]) else THOUGHT
    return {"prompt": PROMPT, "cached": CACHED, "written": written, "completion": OUT, "reasoning": reasoning,
            "total": TOTAL}
