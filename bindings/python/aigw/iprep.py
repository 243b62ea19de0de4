"""IP reputation: lists of addresses that are blocked, counted or always let through.

    lists = aigw.IpReputation()
    lists.load("reputation", open("drop_v4.json", "rb").read(), open("drop_v6.json", "rb").read())
    lists.check("203.0.113.7").action

Reads no file and fetches nothing. Any thread may look up while another one loads.
"""
from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple, Optional, Union

from . import _core
from ._owned import Owned, number_of
from .errors import InvalidInput

IpList = Literal["reputation", "reconnaissance", "ddos", "allow"]
IpAction = Literal["none", "allowed", "count", "block"]

# In the order of iprep.h: their places are its numbers.
_LIST_WORDS: tuple[IpList, ...] = ("reputation", "reconnaissance", "ddos", "allow")
_ACTION_WORDS: tuple[IpAction, ...] = ("none", "allowed", "count", "block")
_LISTS: dict[str, int] = {word: i for i, word in enumerate(_LIST_WORDS)}


class IpHit(NamedTuple):
    """The strictest action, the lists that have the address, rule and label of the first of them."""

    action: IpAction
    lists: list[IpList]
    rule: str
    label: str


class IpFacts(NamedTuple):
    """One list: entries as the files had them, ranges after merging. `loaded_unix_s` is -1 before a load."""

    entries: int
    ranges_v4: int
    ranges_v6: int
    bytes: int
    loaded_unix_s: int
    loads: int
    refusals: int


class IpReputation(Owned):
    """Three lists under AWS's names, and one of addresses that are always let through."""

    _what = "address lists"

    def __init__(self, *, max_entries: int = 0) -> None:
        _, self._owned = _core.iprep_new(max_entries)

    def load(self, name: IpList, *files: Union[str, bytes], force: bool = False,
             now: Optional[int] = None) -> None:
        """Replaces one list by the contents of files; raises, and the last good one stays.

        InvalidInput: a bad entry, with `line`. Refused: an empty file, or less than half of what was there;
        `force` takes these.
        """
        at = int(time.time()) if now is None else now
        _core.iprep_load(self._handle(), number_of(_LISTS, name, "list"), list(files), force, at)

    def check(self, address: Union[str, IPv4Address, IPv6Address]) -> IpHit:
        """What the lists say. Raises InvalidInput for what is no address."""
        code, (action, lists, rule, label) = _core.iprep_check(self._handle(), str(address))
        if code != 0:
            raise InvalidInput("that is no address", code="AIGW_E_INVALID", reason="bad_address")
        return IpHit(_ACTION_WORDS[action], [w for i, w in enumerate(_LIST_WORDS) if lists >> i & 1], rule,
                     label)

    def facts(self, name: IpList) -> IpFacts:
        _, fields = _core.iprep_facts(self._handle(), number_of(_LISTS, name, "list"))
        return IpFacts(*fields)
