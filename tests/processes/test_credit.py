from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.billing.credit import SettleCredit, settle
from chandlery.billing.errors import CreditExceeded, CreditLimitUnknown, NothingToSettle
from chandlery.billing.limit import CreditLimit
from chandlery.billing.limits import ChangeLimit, SetLimit, change_limit, get_limit, set_limit
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.errors import PermissionMissing
from chandlery.ordering.approval import StepKind
from chandlery.ordering.approving import Decline, decline
from chandlery.ordering.errors import NotYoursToDecide, OrderNotWaiting, OwnOrder
from chandlery.ordering.order import Order
from chandlery.ordering.queries import OrderHistory, get_order, history
from chandlery.processes.cancel_order import Cancel, cancel_order
from chandlery.processes.checkout import Submit, checkout
from chandlery.processes.decide_order import Approve, Release, approve, release
from tests.catalog.builders import PlanSpec, a_plan
from tests.conftest import NOW
from tests.ordering.builders import Shop, a_draft, an_organization, may, some
from tests.ordering.terms import a_person, a_rule_of, a_ruled_shop

Owner = psycopg.Connection[Any]
# A suite-basic costs the operator 8.00, the reseller 8.80 and the customer 13.20 a month.
PRICE, COST = 1320, 880


async def a_limit(engine: Engine, issuer: Actor, recipient: Actor, amount: int, **more: Any) -> CreditLimit:
    command = SetLimit(recipient.organization_id, more.pop("currency", "USD"), amount, **more)
    return (await engine.perform(issuer, set_limit, command)).result


async def ordered(engine: Engine, shop: Shop, quantity: int = 1, **header: Any) -> Order:
    draft = await a_draft(engine, shop, some("suite-basic", quantity), **header)
    return (await engine.perform(shop.reseller, checkout, Submit(draft.id))).result


async def used(engine: Engine, limit: CreditLimit, shop: Shop) -> int:
    return (await engine.read(shop.system, get_limit, limit.id)).used_minor


async def test_orders_are_placed_up_to_the_limit_to_the_cent(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    limit = await a_limit(engine, shop.reseller, shop.customer, 3 * PRICE)
    assert (await ordered(engine, shop, 2)).status == "submitted"
    assert (await ordered(engine, shop, 1)).status == "submitted"
    assert await used(engine, limit, shop) == 3 * PRICE
    with pytest.raises(CreditExceeded):
        await ordered(engine, shop, 1)
    await engine.perform(shop.reseller, change_limit, ChangeLimit(limit.id, 4 * PRICE))
    assert (await ordered(engine, shop, 1)).status == "submitted"


async def test_what_a_limit_counts_is_what_its_recipient_pays_in_every_tier(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    limits = [
        await a_limit(engine, shop.operator, shop.reseller, 10**6),
        await a_limit(engine, shop.reseller, shop.customer, 10**6),
        await a_limit(engine, shop.customer, shop.customer, 10**6, period="month"),
    ]
    await ordered(engine, shop, 5)
    assert [await used(engine, limit, shop) for limit in limits] == [5 * COST, 5 * PRICE, 5 * PRICE]


async def test_a_limit_of_a_reseller_counts_the_orders_of_all_its_customers(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    other = replace(shop, customer=an_organization(owner, shop.reseller))
    await a_limit(engine, shop.operator, shop.reseller, 2 * COST)
    await ordered(engine, shop)
    await ordered(engine, other)
    for customer in (shop, other):
        with pytest.raises(CreditExceeded):
            await ordered(engine, customer)


async def test_of_many_orders_at_once_as_many_are_placed_as_the_limit_holds(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    own = await a_limit(engine, shop.reseller, shop.customer, 5 * PRICE)
    above = await a_limit(engine, shop.operator, shop.reseller, 4 * COST)
    outcomes = await asyncio.gather(*(ordered(engine, shop) for _ in range(20)), return_exceptions=True)
    placed = [outcome for outcome in outcomes if isinstance(outcome, Order)]
    refused = [type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)]
    assert (len(placed), set(refused)) == (4, {CreditExceeded})
    assert (await used(engine, own, shop), await used(engine, above, shop)) == (4 * PRICE, 4 * COST)


async def test_a_limit_that_holds_lets_the_order_wait_for_a_payment(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    limit = await a_limit(engine, shop.reseller, shop.customer, PRICE, beyond="hold")
    held = await ordered(engine, shop, 2)
    assert held.status == "awaiting_approval"
    (step,) = held.waiting.steps
    assert (step.kind, step.limit_id, step.waiting_for) == (StepKind.PAYMENT, limit.id, "operator")
    assert await used(engine, limit, shop) == 0
    page = await engine.read(shop.customer, history, OrderHistory(held.id))
    assert (page.items[-1].type, page.items[-1].data) == (
        "order.held",
        {"number": held.number, "kind": "payment", "waiting_for": "operator"},
    )
    # What is held takes nothing: a smaller order still fits.
    assert (await ordered(engine, shop, 1)).status == "submitted"


async def test_an_order_that_is_held_is_released_by_the_limit_s_issuer_alone(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    limit = await a_limit(engine, shop.operator, shop.reseller, COST, beyond="hold")
    held = await ordered(engine, shop, 2)
    for wrong in (shop.reseller, shop.customer):
        with pytest.raises(NotYoursToDecide):
            await engine.perform(wrong, release, Release(held.id))
    with pytest.raises(PermissionMissing):
        await engine.perform(may(shop.operator, "orders:approve"), release, Release(held.id))
    with pytest.raises(OrderNotWaiting):
        await engine.perform(shop.operator, approve, Approve(held.id))
    placed = (await engine.perform(shop.operator, release, Release(held.id, reason="On trust"))).result
    assert placed.status == "submitted"
    assert await used(engine, limit, shop) == 2 * COST
    with pytest.raises(OrderNotWaiting):
        await engine.perform(shop.operator, release, Release(held.id))


async def test_a_payment_places_the_order_and_uses_nothing_of_an_open_limit(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    limit = await a_limit(engine, shop.reseller, shop.customer, PRICE, beyond="hold")
    held = await ordered(engine, shop, 2)
    assert (
        await engine.perform(shop.reseller, release, Release(held.id, paid=True))
    ).result.status == "submitted"
    assert await used(engine, limit, shop) == 0


async def test_two_limits_are_two_releases_and_one_used_up_meanwhile_holds_as_well(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    await a_limit(engine, shop.operator, shop.reseller, 2 * COST, beyond="hold")
    await a_limit(engine, shop.reseller, shop.customer, 0, beyond="hold")
    first, second = await ordered(engine, shop, 2), await ordered(engine, shop, 1)
    assert [len(order.waiting.steps) for order in (first, second)] == [1, 1]
    assert (await engine.perform(shop.reseller, release, Release(first.id))).result.status == "submitted"
    waits = (await engine.perform(shop.reseller, release, Release(second.id))).result
    assert waits.status == "awaiting_approval"
    assert waits.waiting.pending is not None
    assert waits.waiting.pending.asked.organization_id == shop.operator.organization_id
    assert (await engine.perform(shop.operator, release, Release(second.id))).result.status == "submitted"


async def test_the_issuer_may_decline_what_it_holds(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_limit(engine, shop.reseller, shop.customer, 0, beyond="hold")
    held = await ordered(engine, shop)
    with pytest.raises(NotYoursToDecide):
        await engine.perform(shop.customer, decline, Decline(held.id, "No"))
    declined = (await engine.perform(shop.reseller, decline, Decline(held.id, "Pay first"))).result
    assert declined.status == "declined"
    page = await engine.read(shop.operator, history, OrderHistory(held.id))
    assert "Pay first" not in str([entry.data for entry in page.items])


async def test_nobody_exceeds_the_own_spending_limit_alone(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_limit(engine, shop.customer, shop.customer, 0, period="month", beyond="hold")
    buyer, colleague = a_person(owner, shop.customer), a_person(owner, shop.customer)
    held = await ordered(engine, replace(shop, reseller=buyer))
    with pytest.raises(OwnOrder):
        await engine.perform(buyer, release, Release(held.id))
    assert (await engine.perform(colleague, release, Release(held.id))).result.status == "submitted"


async def test_an_order_counts_when_it_is_approved(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_rule_of(engine, shop.reseller)
    limit = await a_limit(engine, shop.reseller, shop.customer, 2 * PRICE)
    approver = a_person(owner, shop.reseller)
    first, second = await ordered(engine, shop, 2), await ordered(engine, shop, 1)
    assert await used(engine, limit, shop) == 0
    with pytest.raises(CreditExceeded):
        await ordered(engine, shop, 3)
    assert (await engine.perform(approver, approve, Approve(first.id))).result.status == "submitted"
    with pytest.raises(CreditExceeded):
        await engine.perform(approver, approve, Approve(second.id))
    assert (await engine.read(shop.reseller, get_order, second.id)).status == "awaiting_approval"
    await engine.perform(shop.reseller, change_limit, ChangeLimit(limit.id, beyond="hold"))
    held = (await engine.perform(approver, approve, Approve(second.id))).result
    assert [step.kind for step in held.waiting.steps] == ["approval", "payment"]
    assert (await engine.perform(shop.reseller, release, Release(second.id))).result.status == "submitted"
    assert await used(engine, limit, shop) == 3 * PRICE


async def test_what_is_cancelled_is_given_back(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    own = await a_limit(engine, shop.reseller, shop.customer, 2 * PRICE)
    above = await a_limit(engine, shop.operator, shop.reseller, 2 * COST, period="month")
    order = await ordered(engine, shop, 2)
    await engine.perform(shop.customer, cancel_order, Cancel(order.id))
    assert (await used(engine, own, shop), await used(engine, above, shop)) == (0, 0)
    assert (await ordered(engine, shop, 2)).status == "submitted"


async def test_what_is_settled_takes_nothing_of_an_open_limit_and_stays_counted_in_its_month(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    open_limit = await a_limit(engine, shop.reseller, shop.customer, 2 * PRICE)
    monthly = await a_limit(engine, shop.reseller, shop.customer, 2 * PRICE, period="month")
    order = await ordered(engine, shop, 2)
    for limit in (open_limit, monthly):
        await engine.perform(shop.reseller, settle, SettleCredit(limit.id, order.id))
    assert (await used(engine, open_limit, shop), await used(engine, monthly, shop)) == (0, 2 * PRICE)
    with pytest.raises(NothingToSettle):
        await engine.perform(shop.reseller, settle, SettleCredit(open_limit.id, order.id))
    with pytest.raises(CreditLimitUnknown):
        await engine.perform(shop.customer, settle, SettleCredit(open_limit.id, order.id))


async def test_a_month_begins_anew_on_the_first(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_limit(engine, shop.reseller, shop.customer, PRICE, period="month")
    await ordered(engine, shop)
    with pytest.raises(CreditExceeded):
        await ordered(engine, shop)
    december = replace(engine, clock=FixedClock(NOW.replace(month=12, day=1, hour=0)))
    assert (await ordered(december, shop)).status == "submitted"
    last_moment = replace(engine, clock=FixedClock(december.clock.now() - timedelta(microseconds=1)))
    with pytest.raises(CreditExceeded):
        await ordered(last_moment, shop)


async def test_a_limit_in_one_currency_is_no_credit_in_another(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    a_plan(owner, shop.tenant, PlanSpec(currency="EUR"))
    dollars = await a_limit(engine, shop.reseller, shop.customer, 10**6)
    with pytest.raises(CreditExceeded):
        await ordered(engine, shop, currency="EUR")
    euros = await a_limit(engine, shop.reseller, shop.customer, PRICE, currency="EUR")
    assert (await ordered(engine, shop, currency="EUR")).status == "submitted"
    assert (await used(engine, dollars, shop), await used(engine, euros, shop)) == (0, PRICE)


async def test_a_preview_is_judged_like_the_order_and_takes_nothing(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    limit = await a_limit(engine, shop.reseller, shop.customer, PRICE)
    fits, exceeds = await a_draft(engine, shop, some()), await a_draft(engine, shop, some("suite-basic", 2))
    await engine.perform(shop.reseller, checkout, Submit(fits.id), dry_run=True)
    assert await used(engine, limit, shop) == 0
    with pytest.raises(CreditExceeded):
        await engine.perform(shop.reseller, checkout, Submit(exceeds.id), dry_run=True)
    await engine.perform(shop.reseller, change_limit, ChangeLimit(limit.id, beyond="hold"))
    seen = (await engine.perform(shop.reseller, checkout, Submit(exceeds.id), dry_run=True)).result
    assert seen.status == "awaiting_approval"


async def test_limits_cost_one_round_trip_where_there_are_any(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_ruled_shop(owner)
    await a_limit(engine, shop.reseller, an_organization(owner, shop.reseller), 1)
    await ordered(engine, shop)
    assert (meters[-1].round_trips, meters[-1].statements) == (3, 10)
    await a_limit(engine, shop.reseller, shop.customer, 10**6)
    await ordered(engine, shop)
    assert (meters[-1].round_trips, meters[-1].statements) == (4, 12)
