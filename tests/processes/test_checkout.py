from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.catalog.errors import PlanNotSold
from chandlery.catalog.offers import PlanRef
from chandlery.engine.jobs import Job
from chandlery.engine.unit_of_work import Engine, Meter, Once
from chandlery.identity import permissions
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.money import Money
from chandlery.ordering.drafts import AddLine, add_line
from chandlery.ordering.errors import CustomerInactive, OrderInvalid, OrderNotDraft, OrderUnknown
from chandlery.ordering.order import Order, Totals
from chandlery.ordering.queries import OrderHistory, get_order, history
from chandlery.ordering.status import LineStatus, OrderStatus, WaitingFor
from chandlery.processes.checkout import Submit, checkout
from tests.catalog.builders import PlanSpec, a_plan, a_rule
from tests.conftest import NOW
from tests.ordering.builders import a_draft, a_shop, an_organization, may, some

Owner = psycopg.Connection[Any]
LATER = NOW + timedelta(hours=2)


def once(key: str) -> Once[Order]:
    return Once(key, "checkout", b"f", lambda order: order.number.encode())


async def test_a_placed_order_waits_for_the_worker_and_never_expires(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some("suite-basic", 5), some("dock", 2))
    later = replace(engine, clock=FixedClock(LATER))
    order = (await later.perform(shop.reseller, checkout, Submit(draft.id, expected_version=1))).result
    assert (order.status, order.submitted_at, order.expires_at, order.version) == (
        OrderStatus.SUBMITTED,
        LATER,
        None,
        2,
    )
    assert [(line.status, line.waiting_for) for line in order.lines] == [
        (LineStatus.SUBMITTED, WaitingFor.WORKER)
    ] * 2
    assert order.totals(shop.reseller.organization_id) == draft.totals(shop.reseller.organization_id)
    assert await engine.read(shop.reseller, get_order, order.id) == order
    page = await engine.read(shop.reseller, history, OrderHistory(order.id))
    submitted = next(entry for entry in page.items if entry.type == "order.submitted")
    assert (submitted.at, submitted.data) == (LATER, {"number": order.number, "lines": 2})


async def test_a_preview_is_the_same_call_and_leaves_everything_as_it_was(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some("suite-basic", 5))
    preview = (await engine.perform(shop.reseller, checkout, Submit(draft.id), dry_run=True)).result
    assert await engine.read(shop.reseller, get_order, draft.id) == draft
    placed = (await engine.perform(shop.reseller, checkout, Submit(draft.id))).result
    assert preview == placed


async def test_an_order_is_placed_at_the_prices_of_the_moment(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some("suite-basic", 5), some("dock"))
    me = shop.reseller.organization_id
    assert draft.totals(me) == Totals(Money(6600 + 18480, "USD"), Money(4400 + 12320, "USD"))
    a_rule(owner, shop.tenant, me, "25", shop.customer.organization_id)
    order = (await engine.perform(shop.reseller, checkout, Submit(draft.id))).result
    assert order.totals(me) == Totals(Money(5500 + 15400, "USD"), Money(4400 + 12320, "USD"))
    assert await engine.read(shop.reseller, get_order, order.id) == order
    seen = await engine.read(shop.customer, get_order, order.id)
    assert seen.totals(shop.customer.organization_id) == Totals(Money(20900, "USD"), None)


async def test_everything_that_stands_in_the_way_is_named_at_once(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    region = {"name": "region", "kind": "choice", "allowed": ("eu", "us"), "required": False}
    vm = a_plan(owner, shop.tenant, PlanSpec(sku="vm", characteristics=(region,)))
    draft = await a_draft(
        engine, shop, some("suite-basic", 5), some("dock", 3), some("vm", 1, region="eu"), some("dock")
    )
    owner.execute("UPDATE plans SET status = 'retired' WHERE id = %s", (shop.plans["suite-basic"],))
    owner.execute("UPDATE plans SET max_quantity = 2 WHERE id = %s", (shop.plans["dock"],))
    owner.execute("UPDATE characteristics SET allowed = ARRAY['us'] WHERE plan_id = %s", (vm,))
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, checkout, Submit(draft.id))
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [
        ("lines.0.plan_id", "plan_not_sold"),
        ("lines.1.quantity", "quantity_out_of_bounds"),
        ("lines.2.characteristics.region", "characteristic_not_allowed"),
    ]
    assert await engine.read(shop.reseller, get_order, draft.id) == draft


async def test_a_single_obstacle_keeps_its_own_name(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some("suite-basic", 5), some("dock"))
    owner.execute("UPDATE plans SET status = 'retired' WHERE id = %s", (shop.plans["dock"],))
    with pytest.raises(PlanNotSold) as refused:
        await engine.perform(shop.reseller, checkout, Submit(draft.id))
    assert [problem.field for problem in refused.value.problems] == ["lines.1.plan_id"]


async def test_an_addon_is_placed_together_with_its_base_only(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    owner.execute(
        "INSERT INTO addons (tenant_id, plan_id, base_plan_id) VALUES (%s, %s, %s)",
        (shop.tenant.id, shop.plans["dock"], shop.plans["suite-basic"]),
    )
    draft = await a_draft(engine, shop, some("dock"))
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, checkout, Submit(draft.id))
    assert [(p.field, p.code) for p in refused.value.problems] == [("lines.0.plan_id", "base_missing")]
    await engine.perform(shop.reseller, add_line, AddLine(draft.id, PlanRef(sku="suite-basic")))
    assert (await engine.perform(shop.reseller, checkout, Submit(draft.id))).result.status == "submitted"


async def test_an_empty_order_is_not_placed(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop)
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, checkout, Submit(draft.id))
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [("lines", "empty")]


async def test_nothing_is_placed_for_a_customer_suspended_since(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    owner.execute("UPDATE organizations SET status = 'suspended' WHERE id = %s", (draft.customer_id,))
    with pytest.raises(CustomerInactive):
        await engine.perform(shop.reseller, checkout, Submit(draft.id))


async def test_placing_needs_a_permission_of_its_own_and_an_order_of_ones_own(
    engine: Engine, owner: Owner
) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    draft = await a_draft(engine, shop, some())
    with pytest.raises(PermissionMissing) as refused:
        await engine.perform(may(shop.reseller, permissions.ORDERS_WRITE), checkout, Submit(draft.id))
    assert refused.value.facts == {"permission": "orders:checkout"}
    for actor in (other.operator, other.reseller, an_organization(owner, shop.operator, "reseller")):
        with pytest.raises(OrderUnknown):
            await engine.perform(actor, checkout, Submit(draft.id))


async def test_a_hundred_equal_checkouts_under_one_key_place_one_order(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some("suite-basic", 5), some("dock"))
    fulfilling = replace(
        engine, triggers={"order.submitted": lambda event: Job("fulfil", {"order_id": str(event.subject_id)})}
    )
    outcomes = await asyncio.gather(
        *(fulfilling.perform(shop.reseller, checkout, Submit(draft.id), once=once("key")) for _ in range(100))
    )
    assert {outcome.answer for outcome in outcomes} == {draft.number.encode()}
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    events = "SELECT count(*) FROM events WHERE subject_id = %s AND type = 'order.submitted'"
    assert owner.execute(events, (draft.id,)).fetchone() == (1,)
    jobs = "SELECT count(*) FROM procrastinate_jobs WHERE args->>'order_id' = %s"
    assert owner.execute(jobs, (str(draft.id),)).fetchone() == (1,)


async def test_of_two_checkouts_under_two_keys_one_finds_no_draft_any_more(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    outcomes = await asyncio.gather(
        *(engine.perform(shop.reseller, checkout, Submit(draft.id), once=once(key)) for key in ("a", "b")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [OrderNotDraft]


async def test_a_line_added_during_checkout_is_in_the_order_or_refused(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    for _ in range(5):
        draft = await a_draft(engine, shop, some())
        added, placed = await asyncio.gather(
            engine.perform(shop.reseller, add_line, AddLine(draft.id, PlanRef(sku="dock"))),
            engine.perform(shop.reseller, checkout, Submit(draft.id)),
            return_exceptions=True,
        )
        assert not isinstance(placed, BaseException)
        order = await engine.read(shop.reseller, get_order, draft.id)
        assert order == placed.result
        assert {line.status for line in order.lines} == {LineStatus.SUBMITTED}
        assert len(order.lines) == (1 if isinstance(added, OrderNotDraft) else 2)


async def test_what_a_checkout_costs_in_round_trips(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some(), some("dock"))
    await engine.perform(shop.reseller, checkout, Submit(draft.id), once=once("k"))
    assert (meters[-1].round_trips, meters[-1].statements) == (3, 10)
