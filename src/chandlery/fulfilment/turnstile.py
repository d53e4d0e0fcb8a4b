"""The way in to a provider that bears only so much: who may call now, and when the others shall come back.

Nobody waits in a loop. Whoever is held goes away with a moment at which it is worth coming back: the reserved start
where the rate holds it, else the moment at which a place must have become free even if those inside never come back.
Usually it is called earlier, by the one that leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chandlery.fulfilment.circuit import Circuit
from chandlery.fulfilment.setup import ProviderSetup
from chandlery.kernel.clock import rfc3339
from chandlery.kernel.ids import OrderId, ProvisioningId

CALLED_AT_ONCE = 20
"""How many of those that wait one that leaves calls in at most."""
_LATE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Turn:
    """A line that calls (`held_until` is set) or waits. `starts_at` is the start that the rate reserved for it."""

    provisioning_id: ProvisioningId
    order_id: OrderId
    came_at: datetime
    starts_at: datetime | None = None
    held_until: datetime | None = None

    def waits(self, now: datetime) -> bool:
        """For somebody to leave, and not for the clock."""
        return self.held_until is None and (self.starts_at is None or self.starts_at <= now)

    def calls(self, now: datetime) -> bool:
        return self.held_until is not None and now < self.held_until


@dataclass(frozen=True, slots=True)
class Turnstile:
    """`turns` holds those that call, those of the order at hand and the first that wait; `waiting` counts them all."""

    setup: ProviderSetup
    circuit: Circuit
    next_call_at: datetime | None
    turns: Mapping[ProvisioningId, Turn]
    waiting: int = 0

    def waits(self, provisioning_id: ProvisioningId, now: datetime) -> bool:
        turn = self.turns.get(provisioning_id)
        return turn is not None and turn.waits(now)

    def has_room(self, now: datetime) -> bool:
        return self.circuit.closed_until(now) is None and self.free(now) > 0

    def enter(self, provisioning_id: ProvisioningId, order_id: OrderId, now: datetime) -> Verdict:
        """Let a line call, or hold it."""
        known = self.turns.get(provisioning_id) or Turn(provisioning_id, order_id, now)
        others = self.leave(provisioning_id)
        turn = replace(known, held_until=None, starts_at=others.kept(known.starts_at, now))
        shut = self.circuit.closed_until(now)
        if shut is not None:
            reason = f"The vendor is left alone until {rfc3339(shut)}: {self.circuit.trouble}"
            due = shut + timedelta(
                seconds=others.waiting
            )  # one after the other: the first shows how things are
            return Verdict(others.with_turn(turn), due, reason)
        if others.free(now) <= 0:
            reason = f"The vendor takes {self.setup.concurrency} calls at once, and these are under way."
            return Verdict(others.with_turn(turn), others.free_at(now), reason)
        start = turn.starts_at or max(now, others.next_call_at or now)
        if turn.starts_at is None and self.setup.calls_per_minute:
            others = replace(others, next_call_at=start + self.setup.spacing)
        if self.setup.calls_per_minute and start > now:
            reason = f"The vendor takes {self.setup.calls_per_minute} calls a minute."
            return Verdict(others.with_turn(replace(turn, starts_at=start)), start, reason)
        if self.setup.concurrency:
            others = others.with_turn(replace(turn, held_until=now + self.setup.lease))
        return Verdict(replace(others, circuit=self.circuit.tried(now, self.setup.lease)))

    def leave(self, provisioning_id: ProvisioningId) -> Turnstile:
        before = self.turns.get(provisioning_id)
        if before is None:
            return self
        turns = {key: one for key, one in self.turns.items() if key != provisioning_id}
        return replace(self, turns=turns, waiting=self.waiting - (before.held_until is None))

    def to_call(self, now: datetime) -> list[OrderId]:
        """Orders with lines that may come now, those first that came first."""
        if self.circuit.state(now) != "closed":
            return []
        first = sorted((t for t in self.turns.values() if t.waits(now)), key=lambda t: t.came_at)
        return list(dict.fromkeys(turn.order_id for turn in first[: self.free(now)]))

    def with_turn(self, turn: Turn) -> Turnstile:
        turns = {**self.turns, turn.provisioning_id: turn}
        return replace(self, turns=turns, waiting=self.waiting + (turn.held_until is None))

    def kept(self, start: datetime | None, now: datetime) -> datetime | None:
        """A start that was reserved is good for a moment; missed by far, it is given up."""
        late = max(self.setup.spacing, _LATE)
        return start if start is not None and now < start + late else None

    def free(self, now: datetime) -> int:
        if not self.setup.concurrency:
            return CALLED_AT_ONCE
        return max(self.setup.concurrency - sum(turn.calls(now) for turn in self.turns.values()), 0)

    def free_at(self, now: datetime) -> datetime:
        """When there is room for one more behind those that wait, should nobody inside ever come back."""
        ends = [turn.held_until for turn in self.turns.values() if turn.held_until and turn.calls(now)]
        rounds = self.waiting // max(self.setup.concurrency, 1)
        return min(ends, default=now) + self.setup.lease * rounds


@dataclass(frozen=True, slots=True)
class Verdict:
    """`due` None: it may call now. Else it shall come back then."""

    turnstile: Turnstile
    due: datetime | None = None
    reason: str = ""
