"""Drafts whose time is over are deleted, tenant by tenant, each by its own clock, a bounded number at a time.

It runs again and again. Cut short or run twice it does no harm: what is deleted is gone, the rest comes next time.
"""

from __future__ import annotations

from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.actor import system
from chandlery.ordering.drafts import expire
from chandlery.ordering.queries import tenants_with_expired_drafts

BATCH = 100
BATCHES_PER_TENANT = 10
TENANTS_AT_ONCE = 1_000


async def expire_drafts(engine: Engine) -> None:
    """At most so many per tenant and run, so that one tenant's thousands do not hold up the others."""
    tenants = await engine.look_up(tenants_with_expired_drafts(engine.clock.now(), TENANTS_AT_ONCE))
    for tenant_id in tenants:
        for _ in range(BATCHES_PER_TENANT):
            expired = await engine.perform(system(tenant_id, "expire_drafts"), expire, BATCH)
            if expired.result < BATCH:
                break
