from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from chandlery.engine.statements import Write, many
from chandlery.engine.unit_of_work import Engine, Reader, Unit
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import new_id
from tests.ordering.builders import a_draft, a_placed_order, a_shop, an_organization, some

Owner = psycopg.Connection[Any]


async def rows(reader: Reader, _actor: Actor, sql: str) -> list[tuple[Any, ...]]:
    """Whatever a careless query would read: no condition but the one that the database adds."""
    return await reader.fetch(many(sql, (), tuple))


async def run(unit: Unit, _actor: Actor, write: Write) -> None:
    unit.write(write)


TABLES = ("orders", "order_lines", "order_line_prices")


async def test_a_query_without_any_condition_reads_nothing_of_others(engine: Engine, owner: Owner) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    await a_placed_order(engine, shop, some(), some("dock"))
    sibling = an_organization(owner, shop.operator, "reseller")
    for actor in (other.operator, other.reseller, other.customer, other.system, sibling):
        for table in TABLES:
            assert await engine.read(actor, rows, f"SELECT * FROM {table} LIMIT 10") == []


async def test_a_price_is_read_by_its_two_parties_alone(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    await a_placed_order(engine, shop)
    sql = "SELECT step FROM order_line_prices ORDER BY step LIMIT 10"
    assert await engine.read(shop.operator, rows, sql) == [(0,), (1,)]
    assert await engine.read(shop.reseller, rows, sql) == [(1,), (2,)]
    assert await engine.read(shop.customer, rows, sql) == [(2,)]
    assert await engine.read(shop.system, rows, sql) == [(0,), (1,), (2,)]


async def test_a_supplier_reads_the_lines_assigned_to_it_and_nothing_else(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some(), some("dock"))
    supplier = an_organization(owner, shop.operator, "supplier")
    line = order.lines[1].id
    owner.execute("UPDATE order_lines SET supplier_id = %s WHERE id = %s", (supplier.organization_id, line))
    assert await engine.read(supplier, rows, "SELECT id FROM order_lines LIMIT 10") == [(line,)]
    assert await engine.read(supplier, rows, "SELECT id FROM orders LIMIT 10") == []
    assert await engine.read(supplier, rows, "SELECT step FROM order_line_prices LIMIT 10") == []
    grab = Write("UPDATE order_lines SET quantity = 9 WHERE order_id = %s", (order.id,))
    await engine.perform(supplier, run, grab)
    assert owner.execute(
        "SELECT DISTINCT quantity FROM order_lines WHERE order_id = %s", (order.id,)
    ).fetchall() == [(1,)]


async def test_nobody_moves_an_order_to_an_owner_beyond_its_own_tree(engine: Engine, owner: Owner) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    order = await a_draft(engine, shop, some())
    path = owner.execute(
        "SELECT path FROM organizations WHERE id = %s", (other.customer.organization_id,)
    ).fetchone()
    assert path is not None
    for sql, params in (
        ("UPDATE orders SET owner_path = %s WHERE id = %s", (path[0], order.id)),
        ("UPDATE orders SET tenant_id = %s WHERE id = %s", (other.tenant.id, order.id)),
        ("UPDATE order_lines SET owner_path = %s WHERE order_id = %s", (path[0], order.id)),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await engine.perform(shop.reseller, run, Write(sql, params))


async def test_prices_are_written_for_drafts_of_the_own_tree_only(engine: Engine, owner: Owner) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    draft, placed = await a_draft(engine, shop, some()), await a_placed_order(engine, shop)
    price = {"step": 0, "issuer_id": None, "recipient_id": new_id(), "rate": "1", "amount_minor": 1}

    def cheap(order_id: UUID, line_id: UUID) -> Write:
        return Write(
            "SELECT set_line_prices(%s, %s)", (order_id, Jsonb([{"id": line_id, "prices": [price]}]))
        )

    sibling = an_organization(owner, shop.operator, "reseller")
    for actor, order in (
        (other.operator, draft),
        (sibling, draft),
        (shop.reseller, placed),
        (shop.system, placed),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await engine.perform(actor, run, cheap(order.id, order.lines[0].id))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await engine.perform(shop.reseller, run, cheap(draft.id, placed.lines[0].id))
    write = Write("INSERT INTO order_line_prices SELECT * FROM order_line_prices", ())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await engine.perform(shop.reseller, run, write)


async def test_fewer_steps_leave_none_of_the_old_ones(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    line = draft.lines[0]
    price = {
        "step": 0,
        "issuer_id": None,
        "recipient_id": shop.customer.organization_id,
        "rate": "1.5",
        "amount_minor": 150,
    }
    write = Write("SELECT set_line_prices(%s, %s)", (draft.id, Jsonb([{"id": line.id, "prices": [price]}])))
    await engine.perform(shop.reseller, run, write)
    found = owner.execute(
        "SELECT step, rate::text, amount_minor, currency FROM order_line_prices WHERE order_id = %s",
        (draft.id,),
    ).fetchall()
    assert found == [(0, "1.5", 150, "USD")]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE orders SET status = 'lost' WHERE id = %s",
        "UPDATE orders SET status = 'submitted', expires_at = NULL WHERE id = %s",
        "UPDATE orders SET submitted_at = now() WHERE id = %s",
        "UPDATE orders SET completed_at = now() WHERE id = %s",
        "UPDATE order_lines SET quantity = 0 WHERE order_id = %s",
        "UPDATE order_lines SET status = 'lost' WHERE order_id = %s",
        "UPDATE order_lines SET position = 0 WHERE order_id = %s",
    ],
)
async def test_the_database_refuses_what_the_rules_would_never_write(
    engine: Engine, owner: Owner, sql: str
) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, some())
    with pytest.raises(psycopg.errors.CheckViolation):
        await engine.perform(shop.reseller, run, Write(sql, (order.id,)))


async def test_a_number_is_given_once_and_a_place_taken_once(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order, second = await a_draft(engine, shop, some(), some()), await a_draft(engine, shop)
    for sql, params in (
        ("UPDATE orders SET number = %s WHERE id = %s", (order.number, second.id)),
        ("UPDATE order_lines SET position = 1 WHERE id = %s", (order.lines[1].id,)),
    ):
        with pytest.raises(psycopg.errors.UniqueViolation):
            await engine.perform(shop.reseller, run, Write(sql, params))
