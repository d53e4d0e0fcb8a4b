from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from chandlery.catalog.browsing import GetPlan, get_plan
from chandlery.catalog.editing import SetFulfilment, set_fulfilment
from chandlery.catalog.errors import (
    NotTheOperator,
    PlanUnknown,
    ShippedOnceOnly,
    SkuUnknown,
    StockBelowZero,
    StockInvalid,
    StockLocationTaken,
    StockUnknown,
    SupplierUnfit,
)
from chandlery.catalog.offers import PlanRef, offers
from chandlery.catalog.plan import Left
from chandlery.catalog.stocking import (
    AddStock,
    ChangeStock,
    FindStock,
    RemoveStock,
    add_stock,
    change_stock,
    find_stock,
    get_stock,
    remove_stock,
)
from chandlery.engine.unit_of_work import Engine, Meter, Reader
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import StockId, new_id
from chandlery.kernel.page import PageRequest
from tests.builders import Tenant, a_tenant
from tests.catalog.builders import a_catalog, a_shipped_plan, a_stock
from tests.ordering.builders import an_organization

Owner = psycopg.Connection[Any]


def a_stocked_tenant(owner: Owner) -> Tenant:
    tenant = a_tenant(owner, permissions.EVERY)
    a_catalog(owner, tenant)
    return tenant


async def offered(reader: Reader, actor: Actor, sku: str) -> Left | None:
    found = await reader.fetch(offers(actor.organization_id, [PlanRef(sku=sku)], "USD"))
    return found.pick(PlanRef(sku=sku)).plan.left


async def test_pieces_are_counted_location_by_location_and_offered_together(
    engine: Engine, owner: Owner
) -> None:
    tenant = a_stocked_tenant(owner)
    assert await engine.read(tenant.customer, offered, "dock") is None
    north = (await engine.perform(tenant.operator, add_stock, AddStock("dock", "north", 5))).result
    await engine.perform(tenant.operator, add_stock, AddStock("dock", "south", 2))
    assert await engine.read(tenant.customer, offered, "dock") == Left(7, False)
    assert await engine.read(tenant.customer, offered, "suite-basic") is None
    found = await engine.read(tenant.reseller, get_stock, north.id)
    assert (found, found.version, found.is_low) == (north, 1, False)
    page = await engine.read(tenant.customer, find_stock, FindStock(sku="dock"))
    assert [(one.location, one.quantity) for one in page.items] == [("north", 5), ("south", 2)]
    one = await engine.read(tenant.customer, find_stock, FindStock(location="south"))
    assert [stock.location for stock in one.items] == ["south"]
    first = await engine.read(tenant.operator, find_stock, FindStock(page=PageRequest(1)))
    assert first.next_cursor is not None


async def test_pieces_are_booked_in_and_out(engine: Engine, owner: Owner) -> None:
    tenant = a_stocked_tenant(owner)
    stock = (
        await engine.perform(tenant.operator, add_stock, AddStock("dock", "main", 5, notify_at=3))
    ).result
    for change, quantity, low in (
        (ChangeStock(stock.id, adjust_by=-2, expected_version=1), 3, True),
        (ChangeStock(stock.id, adjust_by=10), 13, False),
        (ChangeStock(stock.id, quantity=4, adjust_by=1), 5, False),
        (ChangeStock(stock.id, notify_at=6), 5, True),
        (ChangeStock(stock.id, oversell=True, adjust_by=-7), -2, True),
    ):
        changed = (await engine.perform(tenant.operator, change_stock, change)).result
        assert (changed.quantity, changed.is_low) == (quantity, low)
        assert await engine.read(tenant.operator, get_stock, stock.id) == changed
    with pytest.raises(VersionStale):
        await engine.perform(
            tenant.operator, change_stock, ChangeStock(stock.id, adjust_by=1, expected_version=1)
        )
    with pytest.raises(StockBelowZero):
        await engine.perform(tenant.operator, change_stock, ChangeStock(stock.id, oversell=False))
    await engine.perform(tenant.operator, remove_stock, RemoveStock(stock.id))
    with pytest.raises(StockUnknown):
        await engine.read(tenant.operator, get_stock, stock.id)
    kinds = owner.execute("SELECT type FROM events WHERE subject_id = %s ORDER BY id", (stock.id,)).fetchall()
    assert [kind for (kind,) in kinds] == ["stock.added", *["stock.changed"] * 5, "stock.removed"]


async def test_stock_is_the_operator_s_business_and_everybody_s_to_see(engine: Engine, owner: Owner) -> None:
    tenant, other = a_stocked_tenant(owner), a_stocked_tenant(owner)
    stock = a_stock(owner, tenant, "dock", 5)
    with pytest.raises(NotTheOperator):
        await engine.perform(tenant.reseller, add_stock, AddStock("dock", "north", 5))
    with pytest.raises(NotTheOperator):
        await engine.perform(tenant.reseller, change_stock, ChangeStock(stock, 1))
    weak = replace(tenant.operator, permissions=frozenset({permissions.STOCK_READ}))
    with pytest.raises(PermissionMissing):
        await engine.perform(weak, remove_stock, RemoveStock(stock))
    for foreign in (other.operator, other.customer):
        with pytest.raises(StockUnknown):
            await engine.read(foreign, get_stock, stock)
    with pytest.raises(StockUnknown):
        await engine.perform(other.operator, change_stock, ChangeStock(stock, 1))
    assert (await engine.read(tenant.customer, get_stock, stock)).quantity == 5


async def test_what_cannot_be_counted_is_refused(engine: Engine, owner: Owner) -> None:
    tenant = a_stocked_tenant(owner)
    with pytest.raises(StockInvalid) as refused:
        await engine.perform(tenant.operator, add_stock, AddStock("dock", " x", 10**15, notify_at=10**15))
    assert [problem.field for problem in refused.value.problems] == ["location", "quantity", "notify_at"]
    with pytest.raises(StockBelowZero):
        await engine.perform(tenant.operator, add_stock, AddStock("dock", quantity=-1))
    for sku in ("nothing", "\0"):
        with pytest.raises(SkuUnknown):
            await engine.perform(tenant.operator, add_stock, AddStock(sku))
    await engine.perform(tenant.operator, add_stock, AddStock("dock"))
    with pytest.raises(StockLocationTaken):
        await engine.perform(tenant.operator, add_stock, AddStock("dock"))
    with pytest.raises(StockUnknown):
        await engine.perform(tenant.operator, change_stock, ChangeStock(StockId(new_id()), 1))


async def test_the_operator_says_what_completes_a_line_of_a_plan(engine: Engine, owner: Owner) -> None:
    tenant, other = a_stocked_tenant(owner), a_stocked_tenant(owner)
    dock = owner.execute(
        "SELECT id FROM plans WHERE tenant_id = %s AND charge = 'one_time'", (tenant.id,)
    ).fetchone()
    licence = owner.execute(
        "SELECT id FROM plans WHERE tenant_id = %s AND charge = 'recurring' LIMIT 1", (tenant.id,)
    ).fetchone()
    assert dock is not None
    assert licence is not None
    supplier = an_organization(owner, tenant.operator, "supplier").organization_id
    command = SetFulfilment(dock[0], "shipment", supplier, expected_version=1)
    await engine.perform(tenant.operator, set_fulfilment, command)
    plan = (await engine.read(tenant.customer, get_plan, GetPlan(dock[0]))).plan
    assert (plan.fulfilled_by, plan.supplier_id, plan.version) == ("shipment", supplier, 2)
    with pytest.raises(VersionStale):
        await engine.perform(tenant.operator, set_fulfilment, command)
    with pytest.raises(ShippedOnceOnly):
        await engine.perform(tenant.operator, set_fulfilment, SetFulfilment(licence[0], "shipment"))
    for unfit in (
        SetFulfilment(dock[0], "provider", supplier),
        SetFulfilment(dock[0], "shipment", tenant.customer.organization_id),
    ):
        with pytest.raises(SupplierUnfit):
            await engine.perform(tenant.operator, set_fulfilment, unfit)
    with pytest.raises(NotTheOperator):
        await engine.perform(tenant.reseller, set_fulfilment, SetFulfilment(dock[0], "provider"))
    with pytest.raises(PlanUnknown):
        await engine.perform(other.operator, set_fulfilment, SetFulfilment(dock[0], "provider"))


async def test_stock_costs_an_offer_nothing(engine: Engine, owner: Owner, meters: list[Meter]) -> None:
    tenant = a_stocked_tenant(owner)
    a_shipped_plan(owner, tenant)
    a_stock(owner, tenant, "scanner", 5)
    assert await engine.read(tenant.customer, offered, "scanner") == Left(5, False)
    assert (meters[-1].round_trips, meters[-1].statements) == (1, 2)
    await engine.read(tenant.customer, find_stock, FindStock())
    assert meters[-1].round_trips == 1
