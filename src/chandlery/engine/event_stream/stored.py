"""An event as it was stored: the noun of the stream, and the one form in which it leaves the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chandlery.kernel.clock import rfc3339
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import EventId, OrganizationId
from chandlery.kernel.page import CursorUnreadable

_LATEST_TRANSACTION = 2**63


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the stream: right behind the event `event_id` of transaction `txid`."""

    txid: int
    event_id: UUID

    def __str__(self) -> str:
        return f"{self.txid:x}.{self.event_id.hex}"


BEGINNING = Place(0, UUID(int=0))


def parse_place(cursor: str | None) -> Place:
    """The place that a cursor names; no cursor is the beginning of all."""
    if cursor is None:
        return BEGINNING
    txid, dot, event_id = cursor.partition(".")
    try:
        place = Place(int(txid, 16), UUID(hex=event_id))
    except ValueError:
        place = None
    if place is None or not dot or str(place) != cursor or not 0 <= place.txid < _LATEST_TRANSACTION:
        raise CursorUnreadable(Problem("cursor", CursorUnreadable.message()))
    return place


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One fact of the past: `organization_id` is whose it is, `for_organization_id` for whom it was done."""

    id: EventId
    place: Place
    at: datetime
    type: str
    subject_id: UUID
    organization_id: OrganizationId
    principal: str
    for_organization_id: OrganizationId
    surface: str
    request_id: str
    data: Mapping[str, Any]

    @property
    def cursor(self) -> str:
        """Where the stream goes on after this event."""
        return str(self.place)

    @property
    def subject(self) -> str:
        return self.type.partition(".")[0]

    def payload(self) -> dict[str, Any]:
        """What webhooks carry and the stream shows of every event."""
        return {
            "id": str(self.id),
            "type": self.type,
            "timestamp": rfc3339(self.at),
            "organization_id": str(self.organization_id),
            "subject": self.subject,
            "subject_id": str(self.subject_id),
            "data": self.data,
        }
