#!/usr/bin/env python3
"""Adds up what the stages of tests/run.sh left: JUnit files, `passed failed skipped` counts, fuzz runs.

A stage that was asked for and left no result counts as a failure: no result is not a pass.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml

LEAVES = {
    "release": ["release.xml"],
    "asan": ["asan.xml"],
    "tsan": ["tsan.xml"],
    "fuzz": ["fuzz.txt"],
    "valgrind": ["valgrind.count"],
    "install": ["install.count"],
    "e2e": ["e2e.xml"],
}


def junit(path):
    passed = failed = skipped = 0
    for case in xml.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None \
                or case.get("status") == "fail":
            failed += 1
            print(f"  failed: {case.get('classname') or ''} {case.get('name')}")
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            skipped += 1
            reason = case.find("skipped")
            print(f"  skipped: {case.get('name')}: {(reason.get('message') if reason is not None else '') or ''}")
        else:
            passed += 1
    return passed, failed, skipped


def count(path):
    if path.suffix == ".xml":
        return junit(path)
    text = path.read_text().split("\n")
    if path.suffix == ".count":
        return tuple(int(n) for n in text[0].split())
    verdicts = [line for line in text if line.startswith(("ok ", "FAILED "))]
    bad = [line for line in verdicts if line.startswith("FAILED ")]
    print(*bad, sep="\n", end="\n" if bad else "")
    return len(verdicts) - len(bad), len(bad), 0


def main():
    results = pathlib.Path(sys.argv[1])
    total = [0, 0, 0]
    names = [name for stage in sys.argv[2:] for name in LEAVES[stage]]
    names += sorted(p.name for p in results.glob("*-asan.xml"))
    for name in names:
        path = results / name
        try:
            numbers = count(path)
        except (OSError, ValueError, xml.ParseError) as error:
            print(f"{name}: no result: {error}")
            numbers = (0, 1, 0)
        if sum(numbers) == 0:
            print(f"{name}: no test ran")
            numbers = (0, 1, 0)
        print(f"{name}: {numbers[0]} passed, {numbers[1]} failed, {numbers[2]} skipped")
        total = [a + b for a, b in zip(total, numbers)]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
