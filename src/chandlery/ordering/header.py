"""The header of a draft: what may stand in it, and what it is when nobody says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chandlery.identity.channels import Channel
from chandlery.identity.organizations import Organization
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import ChannelId, OrganizationId
from chandlery.kernel.money import CurrencyUnknown, is_currency
from chandlery.ordering.attributes import attribute_problems
from chandlery.ordering.offered import LineRequest
from chandlery.ordering.order import MAX_LINES

DRAFT_LIFETIME = timedelta(days=7)
MAX_LIFETIME = timedelta(days=3660)
MAX_PO_NUMBER = 100
DEFAULT_CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """A draft for `customer_id`. No currency: the customer's own, else US dollars. No lifetime: it never expires. No
    channel: the seller's default one.
    """

    customer_id: OrganizationId
    currency: str | None = None
    po_number: str | None = None
    lines: Sequence[LineRequest] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    expires_after: timedelta | None = DRAFT_LIFETIME
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    channel_id: ChannelId | None = None

    @property
    def sets_fields(self) -> bool:
        return bool(self.custom_fields) or any(line.custom_fields for line in self.lines)


def header_problems(command: OpenDraft) -> list[Problem]:
    problems = po_number_problems(command.po_number) + attribute_problems(command.attributes)
    if command.currency is not None and not is_currency(command.currency):
        problems.append(Problem("currency", CurrencyUnknown.message(), CurrencyUnknown.code()))
    lifetime = command.expires_after
    if lifetime is not None and not timedelta(0) < lifetime <= MAX_LIFETIME:
        message = "Let a draft expire within the next ten years."
        problems.append(Problem("expires_after", message, "out_of_range"))
    if len(command.lines) > MAX_LINES:
        problems.append(Problem("lines", f"A draft holds {MAX_LINES} lines at most.", "too_many"))
    return problems


def channel_problems(channel: Channel | None, customer: Organization) -> list[Problem]:
    """What is wrong with the channel that a draft names; None is one that the actor does not see."""
    if channel is None or channel.organization_id != customer.parent_id:
        message = "The customer's seller has no such channel; list its channels."
        return [Problem("channel_id", message, "unknown")]
    if channel.status != "active":
        return [Problem("channel_id", "This channel is closed; choose another.", "closed")]
    return []


def po_number_problems(po_number: str | None) -> list[Problem]:
    if not po_number or (po_number.isprintable() and len(po_number) <= MAX_PO_NUMBER):
        return []
    message = f"Give a PO number of at most {MAX_PO_NUMBER} printable characters."
    return [Problem("po_number", message, "text")]


def own_currency(customer: Organization) -> str:
    own = customer.attributes.get("currency")
    return own if isinstance(own, str) and is_currency(own) else DEFAULT_CURRENCY
