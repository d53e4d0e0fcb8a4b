"""A fuse between us and a provider: after some calls in a row that went wrong, it is left alone for a while.

    closed ──(trips_after in a row)──> open ──(its time is up)──> half_open: one call alone may try
      ^                                 ^  ^                         │    │
      └────────── went well ────────────┼──┼─────────────────────────┘    │
                                        │  └── went wrong: twice as long ─┘

A vendor that is down then costs us one call every few minutes, and not a slot of the worker for each line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

CircuitState = Literal["closed", "open", "half_open"]

FIRST_OPENING = timedelta(seconds=30)
LONGEST_OPENING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Circuit:
    """`failures` and `openings` count in a row; `trouble` is what went wrong last."""

    failures: int = 0
    openings: int = 0
    open_until: datetime | None = None
    probing_until: datetime | None = None
    trouble: str = ""

    def state(self, now: datetime) -> CircuitState:
        if self.open_until is None:
            return "closed"
        return "open" if now < self.open_until else "half_open"

    def closed_until(self, now: datetime) -> datetime | None:
        """Until when nobody may call; None: somebody may."""
        if self.open_until is None:
            return None
        if now < self.open_until:
            return self.open_until
        probing = self.probing_until is not None and now < self.probing_until
        return self.probing_until if probing else None

    def tried(self, now: datetime, lease: timedelta) -> Circuit:
        """A call is about to be made; half open, it is the one that shows how things are."""
        if self.open_until is None:
            return self
        return replace(self, probing_until=now + lease)

    def went_well(self) -> Circuit:
        return Circuit()

    def went_wrong(self, trouble: str, now: datetime, trips_after: int) -> Circuit:
        failed = replace(self, failures=self.failures + 1, trouble=trouble)
        state = self.state(now)
        if state == "open" or (state == "closed" and failed.failures < trips_after):
            return failed  # open: a call that was under way before, and is no news
        wait = min(FIRST_OPENING * (1 << min(self.openings, 16)), LONGEST_OPENING)
        return replace(failed, openings=self.openings + 1, open_until=now + wait, probing_until=None)
