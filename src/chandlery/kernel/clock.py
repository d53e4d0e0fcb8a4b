"""Time, as the rooms see it: always UTC and aware, and always handed in.

`Clock` is the seam: the system's clock in production, a fixed one in tests. A sandbox tenant has an offset, which
the unit of work adds; nothing below ever asks the operating system for the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Open ends: price sheets write it, and a comparison needs no special case for it."""


class Clock(Protocol):
    def now(self) -> datetime: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands until somebody moves it."""

    at: datetime

    def now(self) -> datetime:
        return self.at


def rfc3339(moment: datetime) -> str:
    """`2026-11-20T09:30:00.123456Z`: the one text form of a moment on our wires and in our events."""
    text = moment.astimezone(UTC).isoformat()
    return text[:-6] + "Z"
