"""The tenant that a command works on: the one that was named, or the only one there is."""

from __future__ import annotations

from chandlery.engine.children import CannotStart
from chandlery.engine.unit_of_work import Engine
from chandlery.identity.founding import founded_tenants
from chandlery.kernel.ids import TenantId, parse_id


async def chosen_tenant(engine: Engine, given: str | None) -> TenantId:
    if given is not None:
        found = parse_id(given)
        if found is None:
            raise CannotStart(f"{given} is not the id of an operator's organisation.")
        return TenantId(found)
    tenants = await founded_tenants(engine)
    if len(tenants) == 1:
        return tenants[0][0]
    if not tenants:
        raise CannotStart("There is no tenant yet; found one with: chandlery found --name NAME")
    listed = "\n".join(f"  --tenant {tenant_id}   {name}" for tenant_id, name in tenants)
    raise CannotStart(f"There is more than one tenant; name one:\n{listed}")
