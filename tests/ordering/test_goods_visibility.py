from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chandlery.engine.statements import Write, many
from chandlery.engine.unit_of_work import Engine, Reader, Unit
from chandlery.kernel.actor import Actor
from tests.ordering.builders import an_organization
from tests.ordering.goods import a_goods_shop, a_parcel, a_sold_order, asked_back, handling, shipped

Owner = psycopg.Connection[Any]
TABLES = ("shipments", "shipment_items", "returns", "return_items", "return_refunds", "assets")


async def rows(reader: Reader, _actor: Actor, sql: str) -> list[tuple[Any, ...]]:
    """Whatever a careless query would read: no condition but the one that the database adds."""
    return await reader.fetch(many(sql, (), tuple))


async def run(unit: Unit, _actor: Actor, write: Write) -> None:
    unit.write(write)


async def test_a_query_without_any_condition_reads_nothing_of_others(engine: Engine, owner: Owner) -> None:
    shop, other = a_goods_shop(owner), a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 2)
    await shipped(engine, shop.reseller, order, 2)
    await asked_back(engine, shop, order, 1)
    sibling = an_organization(owner, shop.operator, "reseller")
    for table in TABLES:
        sql = f"SELECT * FROM {table} LIMIT 10"
        assert await engine.read(shop.customer, rows, sql)
        for stranger in (other.operator, other.customer, other.system, sibling):
            assert await engine.read(stranger, rows, sql) == []


async def test_a_refund_is_read_and_decided_by_its_parties_alone(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 2)
    await shipped(engine, shop.reseller, order, 2)
    await asked_back(engine, shop, order, 1)
    sql = "SELECT step FROM return_refunds ORDER BY step LIMIT 10"
    for actor, steps in (
        (shop.operator, [(1,)]),
        (shop.reseller, [(1,), (2,)]),
        (shop.customer, [(2,)]),
        (shop.system, [(1,), (2,)]),
    ):
        assert await engine.read(actor, rows, sql) == steps
    grab = Write("UPDATE return_refunds SET refund_minor = paid_minor", ())
    await engine.perform(shop.customer, run, grab)
    assert owner.execute("SELECT DISTINCT refund_minor FROM return_refunds WHERE tenant_id = %s",
                         (shop.tenant.id,)).fetchall() == [(None,)]  # fmt: skip
    with pytest.raises(psycopg.errors.CheckViolation):
        await engine.perform(
            shop.reseller, run, Write("UPDATE return_refunds SET refund_minor = paid_minor + 1", ())
        )


async def test_a_supplier_reads_and_writes_its_own_parcels_and_no_others(
    engine: Engine, owner: Owner
) -> None:
    shop = a_goods_shop(owner)
    supplier = handling(an_organization(owner, shop.operator, "supplier"))
    order = await a_sold_order(engine, shop, 2)
    own = await a_parcel(engine, shop.operator, order, 1, supplier_id=supplier.organization_id)
    other = await a_parcel(engine, shop.operator, order, 1)
    assert await engine.read(supplier, rows, "SELECT id FROM shipments LIMIT 10") == [(own.id,)]
    assert await engine.read(supplier, rows, "SELECT shipment_id FROM shipment_items LIMIT 10") == [(own.id,)]
    await engine.perform(supplier, run, Write("UPDATE shipments SET carrier = 'X'", ()))
    assert owner.execute("SELECT carrier FROM shipments WHERE id = %s", (other.id,)).fetchone() == (None,)
    steal = Write("UPDATE shipments SET supplier_id = NULL WHERE id = %s", (own.id,))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await engine.perform(supplier, run, steal)


async def test_shelves_are_changed_through_their_functions_alone(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 1)
    stranger = a_goods_shop(owner)
    for sql in ("SELECT take_stock(%s, '[]')", "SELECT give_back_stock(%s, '[]')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await engine.perform(stranger.operator, run, Write(sql, (order.id,)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await engine.read(shop.system, rows, "SELECT * FROM stock_taken LIMIT 1")
