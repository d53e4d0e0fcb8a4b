from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import psycopg
import pytest

from chandlery.catalog.offers import PlanRef
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrderId
from chandlery.ordering.approval_rules import RemoveApprovalRule, remove_rule
from chandlery.ordering.approving import Decline, Reopen, decline, reopen
from chandlery.ordering.cancellation import Cancel, cancel
from chandlery.ordering.drafts import AddLine, ChangeLine, add_line, change_line
from chandlery.ordering.errors import OrderInvalid
from chandlery.ordering.order import Order
from chandlery.processes.checkout import Submit, checkout
from chandlery.processes.decide_order import Approve, approve
from tests.catalog.builders import a_shipped_plan, a_stock
from tests.ordering.builders import Shop, a_draft, a_placed_order, a_shop, some
from tests.ordering.terms import a_person, a_rule_of, a_ruled_shop

Owner = psycopg.Connection[Any]


def shelves(owner: Owner, shop: Shop) -> dict[str, int]:
    """Pieces left, by SKU and location."""
    rows = owner.execute(
        "SELECT s.code || ' ' || k.location, k.quantity FROM stock k JOIN skus s ON s.id = k.sku_id"
        " WHERE k.tenant_id = %s ORDER BY 1",
        (shop.tenant.id,),
    ).fetchall()
    return dict(rows)


def taken(owner: Owner, shop: Shop) -> int:
    row = owner.execute(
        "SELECT coalesce(sum(quantity), 0)::bigint FROM stock_taken WHERE tenant_id = %s", (shop.tenant.id,)
    ).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_line_is_taken_only_if_there_is_enough(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    a_stock(owner, shop.tenant, "dock", 2, "north")
    a_stock(owner, shop.tenant, "dock", 1, "south")
    draft = await a_draft(engine, shop, some("dock", 2))
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, add_line, AddLine(draft.id, PlanRef(sku="dock"), 2))
    assert refused.value.problems == (
        Problem("quantity", "Only 3 of these are left; order that many at most.", "stock_short"),
    )
    line = draft.lines[0].id
    with pytest.raises(OrderInvalid):
        await engine.perform(shop.reseller, change_line, ChangeLine(draft.id, line, 4))
    await engine.perform(shop.reseller, change_line, ChangeLine(draft.id, line, 3))
    with pytest.raises(OrderInvalid) as several:
        await a_draft(engine, shop, some("dock", 2), some("suite-basic"), some("dock", 2))
    assert [(p.field, p.code) for p in several.value.problems] == [("lines.2.quantity", "stock_short")]
    assert shelves(owner, shop) == {"dock north": 2, "dock south": 1}


async def test_a_placed_order_takes_its_pieces_and_a_preview_does_not(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    a_stock(owner, shop.tenant, "dock", 2, "north")
    a_stock(owner, shop.tenant, "dock", 3, "south")
    draft = await a_draft(engine, shop, some("dock", 3), some("suite-basic"), some("dock", 1))
    await engine.perform(shop.reseller, checkout, Submit(draft.id), dry_run=True)
    assert shelves(owner, shop) == {"dock north": 2, "dock south": 3}
    order = (await engine.perform(shop.reseller, checkout, Submit(draft.id))).result
    assert shelves(owner, shop) == {"dock north": 0, "dock south": 1}
    assert [line.stocked for line in order.lines] == [True, False, True]
    assert taken(owner, shop) == 4


async def test_what_is_gone_by_checkout_is_named_line_by_line(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    a_stock(owner, shop.tenant, "dock", 5)
    draft = await a_draft(engine, shop, some("dock", 2), some("dock", 2))
    owner.execute("UPDATE stock SET quantity = 3 WHERE tenant_id = %s", (shop.tenant.id,))
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, checkout, Submit(draft.id))
    assert refused.value.problems == (
        Problem("lines.1.quantity", "Only 3 of these are left; order that many at most.", "stock_short"),
    )
    owner.execute("UPDATE stock SET quantity = 0 WHERE tenant_id = %s", (shop.tenant.id,))
    with pytest.raises(OrderInvalid) as nothing:
        await engine.perform(shop.reseller, checkout, Submit(draft.id))
    assert [p.message for p in nothing.value.problems] == ["None of these are left."] * 2
    assert taken(owner, shop) == 0


async def test_a_cancelled_order_puts_its_pieces_back_where_they_were(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    a_stock(owner, shop.tenant, "dock", 2, "north")
    a_stock(owner, shop.tenant, "dock", 3, "south")
    order = await a_placed_order(engine, shop, some("dock", 4))
    assert shelves(owner, shop) == {"dock north": 0, "dock south": 1}
    await engine.perform(shop.reseller, cancel, Cancel(order.id))
    assert shelves(owner, shop) == {"dock north": 2, "dock south": 3}
    assert taken(owner, shop) == 0


async def test_more_is_sold_than_there_is_only_where_that_is_allowed(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    a_stock(owner, shop.tenant, "dock", 2, "main")
    a_stock(owner, shop.tenant, "dock", 1, "on order", oversell=True)
    order = await a_placed_order(engine, shop, some("dock", 10))
    assert shelves(owner, shop) == {"dock main": 0, "dock on order": -7}
    await engine.perform(shop.reseller, cancel, Cancel(order.id))
    assert shelves(owner, shop) == {"dock main": 2, "dock on order": 1}


async def test_what_is_not_counted_costs_nothing_and_what_is_one_statement(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_shop(owner)
    a_shipped_plan(owner, shop.tenant)
    a_stock(owner, shop.tenant, "scanner", 9)

    async def cost(*skus: str) -> tuple[int, int]:
        draft = await a_draft(engine, shop, *(some(sku) for sku in skus))
        await engine.perform(shop.reseller, checkout, Submit(draft.id))
        return meters[-1].round_trips, meters[-1].statements

    assert await cost("suite-basic", "dock") == (3, 10)
    assert await cost("suite-basic", "scanner", "scanner") == (3, 11)


async def test_fifty_who_want_the_last_pieces_at_once(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    a_stock(owner, shop.tenant, "dock", 20)
    drafts = [await a_draft(engine, shop, some("dock", 1)) for _ in range(50)]
    outcomes = await asyncio.gather(
        *(engine.perform(shop.reseller, checkout, Submit(draft.id)) for draft in drafts),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert (len(outcomes) - len(refused), {type(error) for error in refused}) == (20, {OrderInvalid})
    assert shelves(owner, shop) == {"dock main": 0}
    assert taken(owner, shop) == 20


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_is_bought_and_called_off_at_once_no_piece_is_sold_twice_or_lost(
    engine: Engine, owner: Owner, seed: int
) -> None:
    """Fifty checkouts of several lines in any order, and cancellations among them, over shelves with few pieces."""
    chance = random.Random(seed)
    shop = a_shop(owner)
    skus = ("dock", "scanner", "lamp")
    for sku in skus[1:]:
        a_shipped_plan(owner, shop.tenant, sku)
    before = Counter[str]()
    for sku in skus:
        for location in ("east", "west"):
            pieces = 9 + chance.randint(0, 40)  # enough for each draft on its own
            before[sku] += pieces
            a_stock(owner, shop.tenant, sku, pieces, location)

    async def buy(draft: Order) -> OrderId:
        await engine.perform(shop.reseller, checkout, Submit(draft.id))
        if draft.serial % 3 == 0:
            await engine.perform(shop.reseller, cancel, Cancel(draft.id))
        return draft.id

    drafts = [
        await a_draft(
            engine,
            shop,
            *(some(chance.choice(skus), chance.randint(1, 6)) for _ in range(chance.randint(1, 3))),
        )
        for _ in range(50)
    ]
    outcomes = await asyncio.gather(*(buy(draft) for draft in drafts), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)} <= {OrderInvalid}
    bought = {outcome for outcome in outcomes if not isinstance(outcome, BaseException)}
    kept = [draft for draft in drafts if draft.id in bought and draft.serial % 3]
    sold = Counter[str]()
    for draft in kept:
        for line in draft.lines:
            sold[line.sku_code] += line.quantity
    left = Counter[str]()
    for name, pieces in shelves(owner, shop).items():
        assert pieces >= 0
        left[name.split()[0]] += pieces
    assert {sku: left[sku] + sold[sku] for sku in skus} == {sku: before[sku] for sku in skus}
    assert taken(owner, shop) == sum(sold.values())
    per_line = owner.execute(
        "SELECT l.quantity - coalesce((SELECT sum(t.quantity) FROM stock_taken t WHERE t.line_id = l.id), 0)"
        " FROM order_lines l WHERE l.order_id = ANY (%s)",
        ([draft.id for draft in kept],),
    ).fetchall()
    assert {missing for (missing,) in per_line} <= {0}


async def test_an_order_that_waits_keeps_its_pieces_until_it_is_declined(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    a_stock(owner, shop.tenant, "dock", 5)
    boss, rule = a_person(owner, shop.operator), await a_rule_of(engine, shop.operator)
    draft = await a_draft(engine, shop, some("dock", 2))
    waiting = (await engine.perform(shop.reseller, checkout, Submit(draft.id))).result
    assert (waiting.status, shelves(owner, shop)) == ("awaiting_approval", {"dock main": 3})
    await engine.perform(boss, decline, Decline(draft.id, "Too many."))
    assert shelves(owner, shop) == {"dock main": 5}
    await engine.perform(shop.reseller, reopen, Reopen(draft.id))
    await engine.perform(shop.reseller, checkout, Submit(draft.id))
    await engine.perform(boss, approve, Approve(draft.id))
    assert shelves(owner, shop) == {"dock main": 3}
    await engine.perform(shop.operator, remove_rule, RemoveApprovalRule(rule.id))
    await engine.perform(shop.reseller, cancel, Cancel(draft.id))
    assert shelves(owner, shop) == {"dock main": 5}
