"""The exceptions of the package. Each carries what the C library says: never a secret or a prompt."""
from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from .guard import GuardVerdict


class AigwError(Exception):
    """Base of all. `code` is the name of the C code, `reason` one stable word for machines.

    `output`: what a stream had ready when it failed; of a StreamTranslator with the target's error event at its
    end, of a GuardStream what stands before the match.
    """

    output: bytes = b""

    def __init__(self, message: str, *, code: str = "", http_status: int = 0, line: int = 0,
                 reason: str = "", pointer: str = "") -> None:
        super().__init__(message or reason or code)
        self.code = code
        self.http_status = http_status
        self.line = line
        self.reason = reason
        self.pointer = pointer


class ConfigError(AigwError):
    """The configuration was refused; `line` and `pointer` say where."""


class InvalidInput(AigwError, ValueError):
    """An argument or a document does not follow its grammar."""


class TokenRejected(AigwError):
    """A token did not pass; `reason` names the check, such as "expired"."""


class Refused(AigwError):
    """A guard blocks a text (`reason` "guard_blocked", with `verdict`), or a new address list is not taken
    ("empty_list", "shrunk")."""

    verdict: Optional[GuardVerdict] = None


class UpstreamError(AigwError):
    """A provider or an issuer failed; `http_status` is what it answered, 0 if nothing."""


class RequestTimeout(AigwError, TimeoutError):
    """A deadline passed."""


class Unsupported(AigwError):
    """The target format cannot say this (with strict), or needs what is not there; `pointer` says what."""


class ApiError(AigwError):
    """The gateway answered with an error; `http_status` and `body` (in the dialect asked for) say which."""

    def __init__(self, http_status: int, body: bytes) -> None:
        super().__init__(f"HTTP {http_status}: {body[:500].decode('utf-8', 'replace')}",
                         code="HTTP", http_status=http_status)
        self.body = body


_CLASSES: dict[str, type[AigwError]] = {
    "AIGW_E_CONFIG": ConfigError,
    "AIGW_E_INVALID": InvalidInput,
    "AIGW_E_PARSE": InvalidInput,
    "AIGW_E_DENIED": TokenRejected,
    "AIGW_E_NO_KEYS": TokenRejected,
    "AIGW_E_UPSTREAM": UpstreamError,
    "AIGW_E_TIMEOUT": RequestTimeout,
    "AIGW_E_UNSUPPORTED": Unsupported,
}

# What else says AIGW_E_DENIED.
_REFUSALS = ("guard_blocked", "empty_list", "shrunk")


def make(_number: int, code: str, http_status: int, line: int, reason: str, pointer: str,
         message: str) -> Exception:
    """Called by the C side with the members of an aigw_error."""
    if code == "AIGW_E_NOMEM":
        return MemoryError(message)
    if code == "AIGW_E_DENIED" and reason in _REFUSALS:
        return Refused(message, code=code, line=line, reason=reason, pointer=pointer)
    return _CLASSES.get(code, AigwError)(message, code=code, http_status=http_status, line=line,
                                         reason=reason, pointer=pointer)
