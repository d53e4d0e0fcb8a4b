"""The noun: a postal address that an organisation keeps, and the part of it that goes on a parcel or an invoice.

Documents and orders keep a snapshot, never a reference alone: what was printed stays true when somebody moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import AddressId, OrganizationId
from chandlery.kernel.text import is_mailbox, is_one_line
from chandlery.parties.countries import is_country
from chandlery.parties.errors import AddressUnfit

KINDS: Final = ("billing", "shipping", "sender", "returns", "legal")
MAX_TEXT: Final = 200
MAX_LINES: Final = 5
NEEDS_REGION: Final = frozenset({"US", "CA", "AU"})
"""Where a parcel without a state or province does not arrive."""
NO_POSTCODE: Final = frozenset(
    "AE AG AO BF BI BJ BO BS BW BZ CD CF CG CI CM DJ DM ER FJ GA GD GH GM GQ GY HK".split()
) | (
    frozenset(
        "JM KI KM KN KP LC LY ML MO MR MW NR PA QA RW SB SC SL SR ST SY TD TG TK TO TV UG VU YE ZW IE".split()
    )
)
"""Where there are none, or where people do not know theirs."""


@dataclass(frozen=True, slots=True)
class Postal:
    """To whom and where: everything that is printed, without an identity of its own."""

    lines: tuple[str, ...] = ()
    """Street, house number, suite, post box: from the most to the least specific, as the sender wrote them."""
    city: str = ""
    country: str = ""
    """ISO 3166-1, two letters."""
    postcode: str = ""
    region: str = ""
    district: str = ""
    company: str = ""
    salutation: str = ""
    title: str = ""
    given_name: str = ""
    family_name: str = ""
    phone: str = ""
    mobile: str = ""
    fax: str = ""
    email: str = ""

    @property
    def person(self) -> str:
        return " ".join(part for part in (self.title, self.given_name, self.family_name) if part)

    def as_snapshot(self) -> dict[str, Any]:
        """JSON values, empty ones left out: what an order or an invoice keeps."""
        return snapshot_of(self)

    @classmethod
    def from_snapshot(cls, snapshot: Mapping[str, Any]) -> Postal:
        return msgspec.convert(snapshot, cls)


@dataclass(frozen=True, slots=True)
class Address:
    """One entry of an organisation's address book."""

    id: AddressId
    organization_id: OrganizationId
    kinds: tuple[str, ...]
    """What it may be used for: several of billing, shipping, sender, returns, legal."""
    default_for: tuple[str, ...]
    """The kinds for which it is the organisation's first choice; one address at most for each."""
    label: str
    postal: Postal
    created_at: datetime
    version: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def as_snapshot(self) -> dict[str, Any]:
        """The printed part, and which address it was then."""
        return {**self.postal.as_snapshot(), "address_id": str(self.id)}


def postal_problems(postal: Postal, path: str = "") -> list[Problem]:
    """Everything that keeps mail from arriving; `path` prefixes the fields (`shipping_address.`)."""
    problems = [
        Problem(f"{path}{name}", f"Give at most {MAX_TEXT} characters, on one line.", "text")
        for name, value in postal.as_snapshot().items()
        if isinstance(value, str) and not is_text(value)
    ]
    if not 1 <= len(postal.lines) <= MAX_LINES or not any(line.strip() for line in postal.lines):
        problems.append(
            Problem(f"{path}lines", f"Give 1 to {MAX_LINES} lines: street and number first.", "required")
        )
    problems += [
        Problem(f"{path}lines.{number}", f"Give at most {MAX_TEXT} characters, on one line.", "text")
        for number, line in enumerate(postal.lines)
        if not is_text(line)
    ]
    if not postal.city.strip():
        problems.append(Problem(f"{path}city", "Give a city.", "required"))
    if not is_country(postal.country):
        problems.append(
            Problem(
                f"{path}country",
                "Give the country as two capital letters (ISO 3166-1), such as DE.",
                "country",
            )
        )
    if postal.country in NEEDS_REGION and not postal.region.strip():
        problems.append(
            Problem(f"{path}region", "Addresses in this country need a state or province.", "required")
        )
    if is_country(postal.country) and postal.country not in NO_POSTCODE and not postal.postcode.strip():
        problems.append(Problem(f"{path}postcode", "Addresses in this country need a postcode.", "required"))
    if postal.email and not is_mailbox(postal.email):
        problems.append(Problem(f"{path}email", "Give one mail address such as post@example.com.", "email"))
    return problems


def check_address(
    postal: Postal | None, kinds: Sequence[str], default_for: Sequence[str], label: str
) -> None:
    """Every problem with what a caller gave, at once."""
    problems = [] if postal is None else postal_problems(postal, "postal.")
    problems += _kind_problems("kinds", kinds, KINDS)
    problems += _kind_problems("default_for", default_for, kinds)
    if not kinds:
        problems.append(Problem("kinds", f"Give at least one of: {', '.join(KINDS)}.", "required"))
    if not is_text(label):
        problems.append(Problem("label", f"Give at most {MAX_TEXT} characters, on one line.", "text"))
    if problems:
        raise AddressUnfit(*problems)


def snapshot_of(value: Any) -> dict[str, Any]:
    """A value of this room as JSON, empty fields left out; `msgspec.convert` reads it, in every later release too."""
    values = msgspec.to_builtins(value).items()
    return {name: list(item) if isinstance(item, tuple) else item for name, item in values if item}


def is_text(text: str) -> bool:
    """Short, printable and on one line: fit for a label, a form field and a mail header."""
    return len(text) <= MAX_TEXT and is_one_line(text)


def _kind_problems(name: str, given: Sequence[str], allowed: Iterable[str]) -> list[Problem]:
    choice = ", ".join(allowed) or "nothing, as `kinds` is empty"
    return [
        Problem(f"{name}.{number}", f"One of: {choice}.", "choice")
        for number, kind in enumerate(given)
        if kind not in tuple(allowed)
    ]
