"""The turnstiles that one unit of work passes: each is locked when it is first met and stays so until the unit ends.

Providers without a setup have none, and cost nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from chandlery.engine.statements import Query
from chandlery.engine.unit_of_work import Unit
from chandlery.fulfilment._store import providers as _store
from chandlery.fulfilment.circuit import Circuit
from chandlery.fulfilment.events import CIRCUIT_CLOSED, CIRCUIT_OPENED, CIRCUIT_PROBED
from chandlery.fulfilment.port import Failed, Outcome, Unknown
from chandlery.fulfilment.provisioning import Provisioning
from chandlery.fulfilment.turnstile import Turnstile, Verdict
from chandlery.kernel.clock import rfc3339
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrderId, OrganizationId, ProviderId, ProvisioningId


@dataclass(slots=True)
class Turns:
    """`unlimited` names the providers that have no turnstile."""

    unit: Unit
    order_id: OrderId
    unlimited: Collection[str]
    _found: dict[str, Turnstile] = field(default_factory=dict)
    _now: dict[str, Turnstile | None] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)

    async def at(self, provider: str) -> Turnstile | None:
        """A provider's turnstile as this unit has left it; None where there is none."""
        if provider in self.unlimited:
            return None
        if provider not in self._now:
            self._now[provider] = await self._load(provider)
        return self._now[provider]

    async def enter(self, provider: str, provisioning_id: ProvisioningId) -> Verdict | None:
        """Ask for a turn; None where nobody has to ask."""
        turnstile = await self.at(provider)
        if turnstile is None:
            return None
        verdict = turnstile.enter(provisioning_id, self.order_id, self.unit.now)
        self._now[provider] = verdict.turnstile
        return verdict

    async def leave(self, found: Provisioning, outcome: Outcome | None, *, asked: bool) -> None:
        """A call is over; what came of it says how the provider is."""
        turnstile = await self.at(found.provider)
        if turnstile is None:
            return
        left = turnstile.leave(found.id)
        circuit = _after(left, outcome, asked, self.unit)
        self._now[found.provider] = Turnstile(
            left.setup, circuit, left.next_call_at, left.turns, left.waiting
        )
        self._left.add(found.provider)

    def save(self) -> Sequence[OrderId]:
        """Store what has changed, tell how the providers are, and name the orders whose lines may come now."""
        called: list[OrderId] = []
        for provider, after in self._now.items():
            if after is None:
                continue
            before = self._found[provider]
            if (after.circuit, after.next_call_at) != (before.circuit, before.next_call_at):
                self.unit.write(_store.save_condition(after.setup.id, after.circuit, after.next_call_at))
                self._tell(before, after)
            gone = [key for key in before.turns if key not in after.turns]
            if gone:
                self.unit.write(_store.drop_turns(gone))
            for key, turn in after.turns.items():
                if turn != before.turns.get(key):
                    self.unit.write(_store.save_turn(after.setup.id, turn))
            if provider in self._left:
                called.extend(after.to_call(self.unit.now))
        return called

    async def _load(self, provider: str) -> Turnstile | None:
        found, turns, waiting = await self.unit.fetch(
            _store.locked_if_set_up(provider),
            _store.turns(provider, self.order_id),
            _store.waiting(provider),
        )
        if found is None:
            return None
        setup, circuit, next_call_at = found
        turnstile = Turnstile(
            setup, circuit, next_call_at, {turn.provisioning_id: turn for turn in turns}, waiting
        )
        self._found[provider] = turnstile
        return turnstile

    def _tell(self, before: Turnstile, after: Turnstile) -> None:
        name, was, now = after.setup.name, before.circuit, after.circuit
        owner_id = OrganizationId(self.unit.actor.tenant_id)
        if now.openings > was.openings and now.open_until is not None:
            data = {"name": name, "failures": now.failures, "open_until": rfc3339(now.open_until)}
            self.unit.emit(Event(CIRCUIT_OPENED, after.setup.id, owner_id, data))
        elif was.open_until is not None and now.open_until is None:
            self.unit.emit(Event(CIRCUIT_CLOSED, after.setup.id, owner_id, {"name": name}))
        if now.probing_until is not None and now.probing_until != was.probing_until:
            self.unit.emit(Event(CIRCUIT_PROBED, after.setup.id, owner_id, {"name": name}))


def first_waiting(provider_id: ProviderId) -> Query[list[OrderId]]:
    """Orders with the lines that have waited longest at a provider."""
    return _store.first_waiting(provider_id)


def forget(unit: Unit, provisioning_id: ProvisioningId) -> None:
    """A line does not want a turn any more: a person has decided about it."""
    unit.write(_store.drop_turns([provisioning_id]))


def _after(turnstile: Turnstile, outcome: Outcome | None, asked: bool, unit: Unit) -> Circuit:
    """Refused is an answer, and so is every answer to a question: the provider works."""
    went_wrong = isinstance(outcome, Unknown) or (isinstance(outcome, Failed) and not asked)
    if not went_wrong:
        return turnstile.circuit.went_well()
    assert isinstance(outcome, Failed | Unknown)
    return turnstile.circuit.went_wrong(outcome.reason, unit.now, turnstile.setup.trips_after)
