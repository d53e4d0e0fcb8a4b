"""How much one caller may ask of one process: the generic cell rate algorithm, one float per caller.

A caller's float is the moment at which all it has asked for would have been earned at the steady rate; the further
that lies ahead, the less is left. Callers whose moment has passed need no entry, so memory stays bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

MAX_CALLERS = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`requests` at once, earned back evenly over `seconds`."""

    requests: int
    seconds: float


API_RATE = Rate(500, 2.0)
"""250 a second and bursts of 500: leaves a client that asks for 200 a second alone."""
SIGN_IN_RATE = Rate(120, 60.0)
"""Two a second and bursts of 120 per address: leaves 60 sign-ins a minute alone, also beside a neighbour's."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left: `retry_after_seconds` is None as long as there is something."""

    limit: int
    remaining: int
    reset_seconds: int
    retry_after_seconds: int | None = None


class Limiter:
    """One rate, for any number of callers."""

    def __init__(self, rate: Rate, seconds: Callable[[], float]) -> None:
        self.rate = rate
        self._seconds = seconds
        self._interval = rate.seconds / rate.requests
        self._earned_at: dict[str, float] = {}

    def take(self, caller: str) -> Allowance:
        """Count one request of `caller`, or say when to come back."""
        now = self._seconds()
        ahead = max(self._earned_at.get(caller, now) - now, 0.0) + self._interval
        over = ahead - self.rate.seconds
        if over > 1e-9:
            reset = math.ceil(ahead - self._interval)
            return Allowance(self.rate.requests, 0, reset, max(1, math.ceil(over)))
        if len(self._earned_at) >= MAX_CALLERS and caller not in self._earned_at:
            self._make_room(now)
        self._earned_at[caller] = now + ahead
        return Allowance(self.rate.requests, int((1e-9 - over) / self._interval), math.ceil(ahead))

    def _make_room(self, now: float) -> None:
        owing = {caller: at for caller, at in self._earned_at.items() if at > now}
        while len(owing) > MAX_CALLERS // 2:
            owing.pop(next(iter(owing)))
        self._earned_at = owing
