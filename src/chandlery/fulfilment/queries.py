"""What waits at a provider, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chandlery.engine.statements import Query
from chandlery.engine.unit import Reader
from chandlery.fulfilment._store import provisionings as _store
from chandlery.fulfilment.provisioning import Provisioning, State
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, TenantId
from chandlery.kernel.page import Page, PageRequest


@dataclass(frozen=True, slots=True)
class FindWaiting:
    """Provisionings that are not done, oldest first; all of them, or those that fit every member given.

    `needs_operator`: those that wait for a person alone.
    """

    owner_id: OrganizationId | None = None
    needs_operator: bool = False
    provider: str | None = None
    states: tuple[State, ...] = ()
    page: PageRequest = field(default_factory=PageRequest)


async def find_waiting(reader: Reader, actor: Actor, command: FindWaiting) -> Page[Provisioning]:
    actor.require(permissions.FULFILMENT_READ)
    wanted = _store.WaitingFilter(command.owner_id, command.provider, command.states, command.needs_operator)
    return await reader.fetch(_store.waiting(wanted, command.page))


def overdue_orders(now: datetime, late: timedelta, limit: int) -> Query[list[tuple[TenantId, OrderId]]]:
    """Orders of all tenants with a provisioning whose turn was that long ago; for `engine.look_up`."""
    return _store.overdue(now, late, limit)


async def get_provisioning(reader: Reader, actor: Actor, line: tuple[OrderId, LineId]) -> Provisioning:
    actor.require(permissions.FULFILMENT_READ)
    return await reader.fetch(_store.by_line(*line))
