"""Lines that wait for their turn at a provider are called when the provider was set up differently.

Its limits may be wider now and its circuit is closed; without this they would come back when they were told to. Some
are called, and each that leaves calls the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from chandlery.engine.jobs import Job
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.fulfilment import turns
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.ids import ProviderId, TenantId
from chandlery.processes import fulfil_order

TASK = "wake_waiting"


def job(provider_id: UUID) -> Job:
    return Job(TASK, {"provider_id": str(provider_id)}, key=f"{TASK}:{provider_id}")


async def run(engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
    await engine.perform(system(tenant_id, TASK), call_in, ProviderId(UUID(args["provider_id"])))


async def call_in(unit: Unit, actor: Actor, provider_id: ProviderId) -> None:
    actor.require(permissions.FULFILMENT_OPERATE)
    for order_id in await unit.fetch(turns.first_waiting(provider_id)):
        unit.defer(fulfil_order.job(order_id))
