#!/usr/bin/env python3
"""The floors test must be able to fail: plants one violation of each sort and expects it to be seen."""
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).with_name("check.py")
PLANTS = {
    "libaigw/base/a.c": '#include "wire/wire.h"\n',
    "libaigw/wire/a.c": '#include "gate/gate.h"\n',
    "libaigw/wire/b.c": '#include "wire/gemini/gemini.h"\n',
    "libaigw/wire/gemini/a.c": '#include "wire/anthropic/anthropic.h"\n',
    "libaigw/chat/a.c": "#include <aigw/gateway.h>\n",
    "libaigw/server/a.c": '#include "gateway/gateway.h"\n',
    "libaigw/gateway/a.c": "#include <curl/curl.h>\n",
    "libaigw/proto/a.c": "#include <sys/socket.h>\n",
    "libaigw/route/a.c": "void f(void) { char *p = malloc(3); }\n",
    "libaigw/ledger/a.c": "long f(void) { return time (0); }\n",
    "cli/a.c": '#include "base/buf.h"\n',
}
CLEAN = {
    "libaigw/base/a.c": '#include "base/buf.h"\n/* malloc(3) */ const char *s = "malloc(3)";\n',
    "libaigw/wire/bedrock/a.c": '#include "wire/wire.h"\n#include "wire/bedrock/bedrock.h"\n#include "wire/anthropic/anthropic.h"\n',
    "libaigw/wire/a.c": '#include "chat/event.h"\nvoid f(struct x *x) { x->free(3); }\n',
}


def run(files):
    with tempfile.TemporaryDirectory() as root:
        for place in ("libaigw", "cli", "bindings", "examples"):
            (pathlib.Path(root) / place).mkdir()
        for name, text in files.items():
            path = pathlib.Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True)


failed = 0
for name, text in PLANTS.items():
    result = run({name: text})
    if result.returncode != 1 or f"{name}:1:" not in result.stdout:
        print(f"not seen: {name}: {text.strip()}: {result.stdout}")
        failed += 1
if run(CLEAN).returncode != 0:
    print("clean files were refused:", run(CLEAN).stdout)
    failed += 1
print(f"{len(PLANTS) + 1 - failed} of {len(PLANTS) + 1} as expected")
sys.exit(1 if failed else 0)
