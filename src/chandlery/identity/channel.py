"""The noun: a sales channel of a seller, and the words that it has for what we call otherwise.

An order without a channel belongs to the default channel of its seller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from chandlery.identity.errors import ChannelUnfit
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import ChannelId, OrganizationId
from chandlery.kernel.text import is_one_line

ChannelStatus = Literal["active", "closed"]
Naming = Mapping[str, Mapping[str, str]]
"""By kind: from the key by which we know something to the channel's own name for it."""

KINDS: Final = (
    "order_states",
    "line_states",
    "return_states",
    "payment_methods",
    "charges",
    "taxes",
    "carriers",
    "delivery_options",
    "delivery_types",
    "return_reasons",
    "return_types",
    "reduction_reasons",
    "response_codes",
    "note_types",
    "address_types",
    "suppliers",
)
MAX_NAME: Final = 200
MAX_KEY: Final = 100
MAX_OWN_NAME: Final = 512
MAX_NAMES: Final = 500
MAX_NUMBER: Final = 2**53
"""What a reader of JSON that has no integers can still hold."""


@dataclass(frozen=True, slots=True)
class Channel:
    """`number` is how other systems know it; closed, it takes no new orders and keeps those it has."""

    id: ChannelId
    organization_id: OrganizationId
    number: int
    name: str
    is_default: bool
    created_at: datetime
    status: ChannelStatus = "active"
    naming: Naming = field(default_factory=dict)
    version: int = 1

    def name_for(self, kind: str, key: str) -> str | None:
        """The channel's own name for something, if it has one."""
        return self.naming.get(kind, {}).get(key)

    def keys_for(self, kind: str, name: str) -> tuple[str, ...]:
        """What the channel means by a name of its own: several things may bear the same one."""
        return tuple(key for key, own in self.naming.get(kind, {}).items() if own == name)


def check_channel(name: str | None, number: int | None, naming: Naming | None) -> None:
    """Every problem with what a caller gave, at once."""
    problems = []
    if name is not None and not (1 <= len(name.strip()) <= MAX_NAME and is_one_line(name)):
        problems.append(Problem("name", f"Give a name of 1 to {MAX_NAME} characters, on one line.", "length"))
    if number is not None and not 1 <= number < MAX_NUMBER:
        problems.append(Problem("number", f"Give a number from 1 to {MAX_NUMBER - 1}.", "range"))
    for kind, names in (naming or {}).items():
        problems += _naming_problems(kind, names)
    if problems:
        raise ChannelUnfit(*problems)


def _naming_problems(kind: str, names: Mapping[str, str]) -> list[Problem]:
    place = f"naming.{kind[:MAX_KEY]}"
    if kind not in KINDS:
        return [Problem(place, f"There are names of: {', '.join(KINDS)}.", "choice")]
    if len(names) > MAX_NAMES:
        return [Problem(place, f"Give at most {MAX_NAMES} names of a kind.", "too_many")]
    return [
        Problem(
            f"{place}.{key[:MAX_KEY]}",
            f"Give a key of 1 to {MAX_KEY} characters and a name of 1 to {MAX_OWN_NAME}, each on one line.",
            "length",
        )
        for key, own in names.items()
        if not (_is_short(key, MAX_KEY) and _is_short(own, MAX_OWN_NAME))
    ]


def _is_short(text: str, most: int) -> bool:
    return 1 <= len(text) <= most and is_one_line(text)
