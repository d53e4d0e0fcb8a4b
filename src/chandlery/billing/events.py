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


EVENT_TYPES = (
    EventType("document.added", "A document was made or uploaded.", DocumentFacts),
    EventType("document.removed", "An uploaded document was removed.", DocumentFacts),
)
