"""The package and a program that uses it are what a strict type checker takes, where one is installed."""
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_strictly_typed(tmp_path):
    def check(*what):
        return subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", *what],
                              env={**os.environ, "MYPYPATH": str(HERE.parent)}, capture_output=True, text=True)

    good = check(HERE.parent / "aigw", HERE / "typed_use.py")
    assert good.returncode == 0, good.stdout + good.stderr
    wrong = tmp_path / "wrong.py"
    wrong.write_text('import aigw\naigw.Waf(content="maybe")\naigw.Guard([]).mask("a").text + b"b"\n')
    bad = check(wrong)
    assert bad.returncode == 1 and "wrong.py:2" in bad.stdout and "wrong.py:3" in bad.stdout
