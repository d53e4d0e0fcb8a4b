"""What can be done with an organisation's way of invoicing: put it, and read it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chandlery.billing._store import policies as store
from chandlery.billing._store.policies import policy as policy_query
from chandlery.billing.policy import INVOICING, Policy
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity.features import come_to_use
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.events import Event

__all__ = ["Policy", "PutPolicy", "get_policy", "policy_query", "put_policy"]


@dataclass(frozen=True, slots=True)
class PutPolicy:
    """Takes the place of the old one, for the actor's own organisation."""

    policy: Policy
    expected_version: int | None = None


async def put_policy(unit: Unit, actor: Actor, command: PutPolicy) -> Policy:
    actor.require(permissions.INVOICES_WRITE)
    wanted = command.policy.checked()
    old = await unit.fetch(policy_query(actor.organization_id))
    if command.expected_version is not None and command.expected_version != old.version:
        raise VersionStale
    new = replace(wanted, version=old.version + 1)
    unit.write(store.save(actor.organization_id, new))
    if new.invoices == "on_completion":
        come_to_use(unit, INVOICING)
    owner = actor.organization_id
    unit.emit(Event("invoicing_policy.changed", owner, owner, {"invoices": new.invoices}))
    return new


async def get_policy(reader: Reader, actor: Actor, _command: None) -> Policy:
    """The actor's own organisation's."""
    actor.require(permissions.INVOICES_READ)
    return await reader.fetch(policy_query(actor.organization_id))
