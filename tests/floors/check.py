#!/usr/bin/env python3
"""Holds the floors: who may include whom, who may use which library, clock, socket or environment.

Usage: check.py [ROOT]; prints each violation as file:line and exits 1 if there is one.
"""
import pathlib
import re
import sys

MAY = {
    "base": set(),
    "proto": {"base"},
    "chat": {"base"},
    "wire": {"base", "proto", "chat"},
    "gate": {"base"},
    "route": {"base", "chat"},
    "ledger": {"base", "chat"},
    "provider": {"base", "proto", "chat", "wire"},
    "rim": {"base", "proto", "gate", "ledger"},
    "gateway": {"base", "proto", "chat", "wire", "gate", "route", "ledger", "provider", "rim"},
    "server": {"base", "proto"},
}

# Inside wire/: each format has a room, and knows only the rooms named here (Responses has the errors and ids
# of Chat Completions; Bedrock's Claude speaks Anthropic's thinking and schemas).
FORMATS_SHARE = {
    "openai_responses": {"openai_chat"},
    "bedrock": {"anthropic"},
}

# Public headers below the rooms: plain data and codes everywhere, a room's own contract in that room.
PUBLIC_EVERYWHERE = {"types.h", "error.h", "host.h"}
PUBLIC = {
    "gate": {"verify.h", "limit.h", "guard.h", "iprep.h", "waf.h"},
    "rim": {"token.h", "limit.h"},
}
ALL_PUBLIC = {"gateway", "server"}

# A library's header and the only places that may include it.
EXTERNAL = {
    r"curl/": ["rim/http"],
    r"jwt\.h": ["gateway/jwt_sign"],
    r"yaml\.h": ["gateway/config/"],
    r"sqlite3\.h": ["rim/store"],
    r"hiredis/": ["rim/redis"],
    r"openssl/": ["base/crypto", "gate/", "gateway/issuer/", "server/tls"],
    r"hs(?:_\w+)?\.h$": ["gate/waf/match", "gate/guard_pattern"],
    r"json-c/": [],
    r"jansson\.h": [],
    r"sys/socket\.h|netinet/|arpa/inet\.h|netdb\.h|sys/un\.h": ["rim/", "server/"],
    r"sys/epoll\.h": ["rim/loop", "server/"],
    r"pthread\.h": ["gate/", "rim/", "gateway/", "server/", "ledger/"],
}

# A call and the only places that may make it.
CALLS = {
    r"\b(?:malloc|calloc|realloc|strdup|strndup|asprintf)\s*\(": ["base/mem"],
    r"\bfree\s*\(": ["base/mem", "gateway/jwt_sign"],
    r"\b(?:clock_gettime|gettimeofday|time)\s*\(": ["base/time"],
    r"\b(?:getenv|secure_getenv)\s*\(": ["gateway/config/", "rim/token", "rim/http_target"],
    r"\b(?:rand|random|srand|getrandom)\s*\(": ["base/crypto"],
    r"\b(?:socket|connect|accept4?|bind|listen)\s*\(": ["rim/", "server/"],
    r"\bpthread_create\s*\(": ["server/"],
    r"\b(?:atexit|signal|sigaction)\s*\(": [],
    r"\b(?:strcpy|strcat|sprintf|gets|strtok)\s*\(": [],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def code_only(text):
    """The text without comments and string contents, lines kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def allowed(places, where):
    return any(where.startswith(place) for place in places)


def check_format(target, where):
    """A format's room is its own: what all share lies in wire/ itself, which knows no format's fields."""
    if len(target) < 3 or (len(where) == 3 and where[1] == target[1]):
        return None
    mine = where[1] if len(where) == 3 else ""
    if target[1] in FORMATS_SHARE.get(mine, ()):
        return None
    return f"wire/{mine} may not include wire/{target[1]}/"


def check_include(kind, target, folder, where):
    if kind == "<" and target.startswith("aigw/"):
        name = target[5:]
        if folder in ALL_PUBLIC or name in PUBLIC_EVERYWHERE or name in PUBLIC.get(folder, ()):
            return None
        return f"{folder}/ may not include <{target}>"
    if kind == '"':
        room = target.split("/")[0]
        if room not in MAY:
            return f'"{target}" is not a path from libaigw/'
        if room != folder and room not in MAY[folder]:
            return f"{folder}/ may not include {room}/"
        if room == folder == "wire":
            return check_format(target.split("/"), where.split("/"))
        return None
    for pattern, places in EXTERNAL.items():
        if re.match(pattern, target) and not allowed(places, where):
            return f"<{target}> may be included in {places or 'no file'} only"
    return None


def check_library(root):
    for path in sorted((root / "libaigw").rglob("*.[ch]")):
        where = path.relative_to(root / "libaigw").as_posix()
        folder = where.split("/")[0]
        text = path.read_text()
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            fault = match and check_include(match.group(1), match.group(2), folder, where)
            if fault:
                yield f"libaigw/{where}:{number}: {fault}"
        for number, line in enumerate(code_only(text).splitlines(), 1):
            for pattern, places in CALLS.items():
                match = re.search(pattern, line)
                # A member or a field of that name is not the libc function.
                if match and not re.search(r"(?:->|\.)\s*$", line[: match.start()]) \
                        and not allowed(places, where):
                    yield f"libaigw/{where}:{number}: {match.group(0).strip()} belongs in {places or 'no file'}"


def check_outside(root):
    """cli, bindings and examples see public headers only."""
    for place in ("cli", "bindings", "examples"):
        for path in sorted((root / place).rglob("*")):
            if path.suffix not in (".c", ".h", ".i") or "build" in path.parts:
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if match and match.group(1) == '"' and not (path.parent / match.group(2)).exists():
                    yield f"{path.relative_to(root)}:{number}: reaches into the library"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults = [*check_library(root), *check_outside(root)]
    print("\n".join(faults) if faults else "the floors hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
