"""One event on its way to one endpoint: what was tried, how it went, and when to try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from chandlery.engine.webhooks.endpoint import EndpointId
from chandlery.kernel.ids import EventId

DeliveryStatus = Literal["pending", "delivered", "failed"]

PAUSES = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""How long after each failed attempt the next one is: nine attempts within a day. Then the delivery is given up."""
JITTER = 0.2
"""A pause is up to this part longer, so that what failed together does not come back together."""

GIVE_UP_AFTER = timedelta(days=3)
GIVE_UP_FAILURES = 10
"""An endpoint where nothing got through for so long, and in so many attempts, is disabled."""

MOST_RESPONSE_CHARACTERS = 1000
GONE = 410


@dataclass(frozen=True, slots=True)
class Delivery:
    """An entry of the delivery log; the figures and the response are those of the last attempt."""

    endpoint_id: EndpointId
    event_id: EventId
    event_type: str
    subject_id: UUID
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    duration_ms: int | None
    response_status: int | None
    response_body: str | None
    error: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt went: an answer, or the reason why there was none."""

    at: datetime
    duration_ms: int
    response_status: int | None = None
    response_body: str | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.response_status is not None and 200 <= self.response_status < 300

    @property
    def is_gone(self) -> bool:
        return self.response_status == GONE


def next_attempt(attempts: int, at: datetime, chance: float) -> datetime | None:
    """When to try again after the `attempts`-th failed attempt; None: never. `chance` is between 0 and 1."""
    if attempts > len(PAUSES):
        return None
    return at + PAUSES[attempts - 1] * (1 + JITTER * chance)


def readable(body: bytes) -> str:
    """What is kept of a response: its beginning, as text that the database takes."""
    return body.decode("utf-8", "replace").replace("\0", "�")[:MOST_RESPONSE_CHARACTERS]
