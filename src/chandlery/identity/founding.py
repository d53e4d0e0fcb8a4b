"""How a tenant comes into being: the one act that no tenant can authorise.

There is no actor yet and no permission to ask for, so this is not a use case: `perform` cannot carry it out, and the
database function beneath it refuses inside a unit of work. It is for the operator commands of `app`, whoever runs
those holds the data directory anyway. A contract of the house keeps `surfaces` from importing this module.

Everything after it (the first users and API clients) is done by use cases under `kernel.actor.system(tenant_id, ...)`.
"""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.unit_of_work import Engine
from chandlery.identity._store import organizations as store
from chandlery.identity.organization import Edition, Organization, check, path_label
from chandlery.kernel.ids import OrganizationId, TenantId, new_id


@dataclass(frozen=True, slots=True)
class FoundTenant:
    """An operator: the root of a tree of its own. A sandbox may move its clock."""

    name: str
    edition: Edition | None = None
    is_sandbox: bool = False
    by: str = "system"


async def found_tenant(engine: Engine, command: FoundTenant) -> Organization:
    """A new tenant; the id of its operator's organisation is the tenant's id."""
    check(command.name, command.edition)
    operator_id = OrganizationId(new_id())
    operator = Organization(
        operator_id,
        TenantId(operator_id),
        None,
        "operator",
        command.name.strip(),
        command.edition,
        "active",
        path_label(operator_id),
        engine.clock.now(),
    )
    return await engine.look_up(store.found(operator, command.is_sandbox, command.by))


async def founded_tenants(engine: Engine, limit: int = 20) -> list[tuple[TenantId, str]]:
    """Which tenants there are, by id and operator's name: for commands that were not told on which to work."""
    return await engine.look_up(store.founded(limit))
