"""What vendors tell us, for the event catalogue; what it means for a line is told by the order's own events."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.event_stream.catalogue import EventType


@dataclass(frozen=True, slots=True)
class Answered:
    """`status` is the vendor's word: done, refused or failed."""

    order_id: str
    line_id: str
    status: str


EVENT_TYPES = (
    EventType("provisioning.answered", "A vendor answered for a line that it had accepted.", Answered),
)
