from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.ids import OrderId
from chandlery.ordering.drafts import expire
from chandlery.ordering.queries import OrderHistory, history
from chandlery.processes.expire_drafts import expire_drafts
from tests.conftest import NOW
from tests.ordering.builders import a_draft, a_placed_order, a_shop, some

Owner = psycopg.Connection[Any]


def at(engine: Engine, passed: timedelta) -> Engine:
    return replace(engine, clock=FixedClock(NOW + passed))


def stored(owner: Owner, *ids: OrderId) -> list[bool]:
    found = {row[0] for row in owner.execute("SELECT id FROM orders WHERE id = ANY (%s)", (list(ids),))}
    return [order_id in found for order_id in ids]


async def test_drafts_whose_time_is_over_are_deleted_and_nothing_else_is(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    due = (await a_draft(engine, shop, some(), some("dock"), expires_after=timedelta(hours=1))).id
    later = (await a_draft(engine, shop, some(), expires_after=timedelta(hours=1, seconds=1))).id
    never = (await a_draft(engine, shop, some(), expires_after=None)).id
    placed = (await a_placed_order(engine, shop)).id
    await expire_drafts(at(engine, timedelta(hours=1)))
    assert stored(owner, due, later, never, placed) == [False, True, True, True]
    await expire_drafts(at(engine, timedelta(days=365)))
    assert stored(owner, due, later, never, placed) == [False, False, True, True]


async def test_the_history_survives_the_draft(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    await expire_drafts(at(engine, timedelta(days=7)))
    page = await engine.read(shop.customer, history, OrderHistory(draft.id))
    expired = next(entry for entry in page.items if entry.type == "order.expired")
    assert (expired.principal, expired.surface) == ("system", "expire_drafts")
    assert (expired.at, expired.data) == (NOW + timedelta(days=7), {"number": draft.number})


async def test_each_tenant_goes_by_its_own_clock(engine: Engine, owner: Owner) -> None:
    moved, still = a_shop(owner), a_shop(owner)
    drafts = [(await a_draft(engine, shop, some())).id for shop in (moved, still)]
    owner.execute(
        "UPDATE tenants SET is_sandbox = true, clock_offset = '8 days' WHERE id = %s", (moved.tenant.id,)
    )
    await expire_drafts(engine)
    assert stored(owner, *drafts) == [False, True]


async def test_running_twice_does_no_harm(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    await expire_drafts(at(engine, timedelta(days=7)))
    await expire_drafts(at(engine, timedelta(days=7)))
    expired = "SELECT count(*) FROM events WHERE subject_id = %s AND type = 'order.expired'"
    assert owner.execute(expired, (draft.id,)).fetchone() == (1,)


async def test_a_sweep_is_bounded(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    drafts = [(await a_draft(engine, shop, expires_after=timedelta(seconds=n + 1))).id for n in range(3)]
    outcome = await at(engine, timedelta(hours=1)).perform(shop.system, expire, 2)
    assert outcome.result == 2
    assert stored(owner, *drafts) == [False, False, True]


async def test_a_draft_that_somebody_is_changing_is_left_for_the_next_time(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    with owner.transaction():
        owner.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", (draft.id,))
        assert (await at(engine, timedelta(days=7)).perform(shop.system, expire, 10)).result == 0
    assert (await at(engine, timedelta(days=7)).perform(shop.system, expire, 10)).result == 1


async def test_the_database_itself_keeps_what_was_placed(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    for sql in ("DELETE FROM orders WHERE id = %s", "DELETE FROM order_lines WHERE order_id = %s"):
        with pytest.raises(psycopg.errors.CheckViolation):
            owner.execute(sql, (order.id,))
    assert stored(owner, order.id) == [True]
