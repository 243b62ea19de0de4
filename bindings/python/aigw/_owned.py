"""What the gate's classes share: one C object, freed when its last user has let go of it.

Knows nothing of what the object is.
"""
from __future__ import annotations

from typing import Any, Mapping, TypeVar

from .errors import InvalidInput

Self = TypeVar("Self", bound="Owned")


class Owned:
    """Holds one C object. `close()` lets go of it; a call that still runs in another thread ends safely."""

    _what = "object"
    _owned: Any = None

    def _handle(self) -> Any:
        owned = self._owned
        if owned is None:
            raise InvalidInput(f"the {self._what} is closed", code="AIGW_E_INVALID", reason="closed")
        return owned

    def close(self) -> None:
        self._owned = None

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def number_of(words: Mapping[str, int], word: str, what: str) -> int:
    """The C side's number of a word."""
    try:
        return words[word]
    except (KeyError, TypeError):
        raise InvalidInput(f"no such {what}: {word}", code="AIGW_E_INVALID", reason="unknown_word") from None
