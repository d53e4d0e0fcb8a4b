"""What can happen to documents, for the event catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.event_stream.catalogue import EventType


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """Of what kind, and what it belongs to."""

    kind: str
    subject: str
    subject_id: str


@dataclass(frozen=True, slots=True)
class LimitFacts:
    """Whom the limit binds."""

    recipient_id: str


@dataclass(frozen=True, slots=True)
class SettledFacts:
    order_id: str


EVENT_TYPES = (
    EventType("credit_limit.set", "A credit or spending limit was set.", LimitFacts),
    EventType("credit_limit.changed", "A credit or spending limit was changed.", LimitFacts),
    EventType("credit_limit.removed", "A credit or spending limit was removed.", LimitFacts),
    EventType("credit_limit.settled", "What an order used of a limit was paid.", SettledFacts),
    EventType("document.added", "A document was made or uploaded.", DocumentFacts),
    EventType("document.removed", "An uploaded document was removed.", DocumentFacts),
)
