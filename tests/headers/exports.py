#!/usr/bin/env python3
"""The exported symbols of the shared library are exactly the functions that the public headers declare."""
import pathlib
import re
import subprocess
import sys

headers, library = pathlib.Path(sys.argv[1]), sys.argv[2]
declared = set()
for path in headers.glob("*.h"):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    for statement in re.findall(r"AIGW_API[^;]*;", text):
        declared.add(re.search(r"\b(aigw_\w+)\s*\(", statement).group(1))
nm = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True)
exported = {line.split()[-1].split("@")[0] for line in nm.stdout.splitlines() if " A " not in line}
exported = {name for name in exported if not name.startswith("__")}
for name in sorted(declared - exported):
    print("declared but not exported:", name)
for name in sorted(exported - declared):
    print("exported but not declared:", name)
print(len(declared), "functions declared,", len(exported), "exported")
sys.exit(0 if declared and declared == exported else 1)
