"""The sandbox vendor: foreign enough to prove things with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.errors import FaultUnknown
from chandlery.fulfilment.port import Done, Failed, Refused, Request, Unknown
from chandlery.fulfilment.sandbox.faults import Fault, clear_faults, set_fault
from chandlery.fulfilment.sandbox.vendor import Sandbox
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.errors import PermissionMissing
from tests.builders import Tenant, a_tenant
from tests.conftest import NOW

Owner = psycopg.Connection[Any]


@pytest.fixture
def vendor(engine: Engine) -> Sandbox:
    return Sandbox(engine.pool, FixedClock(NOW))


def a_request(tenant: Tenant, reference: str = "r-1", **said: Any) -> Request:
    request = Request(reference, tenant.id, tenant.customer.organization_id, "mail:P1Y:monthly", "mail", 3)
    return replace(request, **said)


async def test_what_it_does_stands_in_its_books(vendor: Sandbox, tenant: Tenant) -> None:
    done = await vendor.provision(a_request(tenant))
    assert isinstance(done, Done)
    entry = (await vendor.ledger(tenant.id))[0]
    assert (entry.reference, entry.action, entry.plan_code, entry.quantity, entry.at) == (
        "r-1",
        "create",
        "mail:P1Y:monthly",
        3,
        NOW,
    )
    assert await vendor.query(tenant.id, "r-1") == done
    assert await vendor.query(tenant.id, "r-2") is None


async def test_it_does_not_notice_that_a_request_comes_twice(vendor: Sandbox, tenant: Tenant) -> None:
    await vendor.provision(a_request(tenant))
    await vendor.provision(a_request(tenant))
    assert [entry.reference for entry in await vendor.ledger(tenant.id)] == ["r-1", "r-1"]


async def test_a_fault_strikes_what_fits_as_often_as_it_was_told(vendor: Sandbox, tenant: Tenant) -> None:
    await set_fault(
        vendor, tenant.system, Fault("fail", times=2, plan_code="mail:P1Y:monthly", reason="Busy.")
    )
    await set_fault(vendor, tenant.system, Fault("refuse", quantity=99))
    await set_fault(vendor, tenant.system, Fault("lose_answer", characteristic="domain", value="example.com"))
    told = [await vendor.provision(a_request(tenant)) for _ in range(3)]
    assert told[:2] == [Failed("Busy.")] * 2
    assert isinstance(told[2], Done)
    assert isinstance(await vendor.provision(a_request(tenant, "r-2", plan_code="x")), Done)
    assert isinstance(await vendor.provision(a_request(tenant, "r-3", plan_code="x", quantity=99)), Refused)
    lost = a_request(tenant, "r-4", plan_code="x", characteristics={"domain": "example.com"})
    assert isinstance(await vendor.provision(lost), Unknown)
    assert isinstance(await vendor.query(tenant.id, "r-4"), Done)
    assert [entry.reference for entry in await vendor.ledger(tenant.id)] == ["r-4", "r-2", "r-1"]


async def test_accounts_do_not_share_faults_or_books(vendor: Sandbox, tenant: Tenant, owner: Owner) -> None:
    other = a_tenant(owner)
    await set_fault(vendor, other.system, Fault("refuse"))
    await vendor.provision(a_request(tenant))
    assert await vendor.ledger(other.id) == []
    assert isinstance(await vendor.provision(a_request(other)), Refused)
    await clear_faults(vendor, other.system)
    assert isinstance(await vendor.provision(a_request(other)), Done)


async def test_faults_are_set_by_operators_and_are_of_a_known_kind(vendor: Sandbox, tenant: Tenant) -> None:
    with pytest.raises(PermissionMissing):
        await set_fault(vendor, tenant.operator, Fault("fail"))
    with pytest.raises(FaultUnknown):
        await set_fault(vendor, tenant.system, Fault("explode"))  # type: ignore[arg-type]


async def test_the_app_may_talk_to_the_vendor_and_not_read_its_books(engine: Engine) -> None:
    async with engine.pool.connection() as conn:
        for table in ("ledger", "faults", "strikes"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await conn.execute(f"SELECT * FROM sandbox_vendor.{table}")
