from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.ordering.approval import Approvers, StepStatus
from chandlery.ordering.approving import Decline, Reopen, decline, reopen
from chandlery.ordering.drafts import ChangeLine, DeleteDraft, change_line, delete_draft
from chandlery.ordering.errors import (
    CustomerInactive,
    NotYoursToDecide,
    OrderNotDeclined,
    OrderNotDraft,
    OrderNotWaiting,
    OrderUnknown,
    OwnOrder,
    ReasonMissing,
)
from chandlery.ordering.order import Order
from chandlery.ordering.queries import OrderHistory, get_order, history
from chandlery.processes.cancel_order import Cancel, cancel_order
from chandlery.processes.checkout import Submit, checkout
from chandlery.processes.decide_order import Approve, Release, approve, release
from chandlery.processes.triggers import TRIGGERS
from tests.conftest import NOW
from tests.ordering.builders import Shop, a_draft, a_shop, may, some
from tests.ordering.terms import a_person, a_rule_of, a_ruled_shop

Owner = psycopg.Connection[Any]
LATER = NOW + timedelta(hours=3)


async def ordered(engine: Engine, shop: Shop, buyer: Actor) -> Order:
    """An order that somebody has checked out."""
    draft = await a_draft(engine, shop, some("suite-basic", 5))
    return (await engine.perform(buyer, checkout, Submit(draft.id))).result


async def types(engine: Engine, shop: Shop, order: Order) -> list[str]:
    page = await engine.read(shop.system, history, OrderHistory(order.id))
    return [entry.type for entry in page.items]


async def test_an_order_that_needs_an_approval_waits_with_its_prices_and_starts_nothing(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    engine = replace(engine, triggers=TRIGGERS)
    rule = await a_rule_of(engine, shop.reseller)
    buyer = a_person(owner, shop.customer)
    order = await ordered(engine, shop, buyer)
    assert (order.status, order.expires_at, order.submitted_at) == ("awaiting_approval", None, None)
    assert {line.status for line in order.lines} == {"draft"}
    approval = order.waiting
    assert (approval.requested_by, approval.requested_at) == (buyer.principal, NOW)
    assert [(step.rule_id, step.asked.name, step.status) for step in approval.steps] == [
        (rule.id, "A rule", "pending")
    ]
    assert await engine.read(buyer, get_order, order.id) == order
    jobs = "SELECT count(*) FROM procrastinate_jobs WHERE args->>'order_id' = %s"
    assert owner.execute(jobs, (str(order.id),)).fetchone() == (0,)
    assert await types(engine, shop, order) == [
        "order.created",
        "order.line_added",
        "order.approval_requested",
    ]


async def test_the_approval_places_the_order_and_starts_its_fulfilment(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    engine = replace(engine, triggers=TRIGGERS)
    await a_rule_of(engine, shop.reseller)
    order = await ordered(engine, shop, a_person(owner, shop.customer))
    approver = a_person(owner, shop.reseller)
    later = replace(engine, clock=FixedClock(LATER))
    placed = (await later.perform(approver, approve, Approve(order.id, "Fine"))).result
    assert (placed.status, placed.submitted_at) == ("submitted", LATER)
    assert [(line.status, line.waiting_for) for line in placed.lines] == [("submitted", "worker")]
    assert placed.approval is not None
    (step,) = placed.approval.steps
    assert (step.status, step.decided_by, step.decided_at, step.reason) == (
        "approved",
        approver.principal,
        LATER,
        "Fine",
    )
    seen = await engine.read(approver, get_order, order.id)
    assert seen == placed
    assert seen.totals(approver.organization_id).price.minor == 6600
    jobs = "SELECT count(*) FROM procrastinate_jobs WHERE args->>'order_id' = %s"
    assert owner.execute(jobs, (str(order.id),)).fetchone() == (1,)
    assert (await types(engine, shop, order))[-2:] == ["order.approved", "order.submitted"]


async def test_steps_are_taken_in_order_those_nearest_to_the_customer_first(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    await a_rule_of(engine, shop.operator)
    me = shop.reseller.organization_id
    first, second = a_person(owner, shop.reseller), a_person(owner, shop.reseller, "owner")
    assert first.user_id is not None
    by_name, by_role = (
        Approvers(me, "Desk", user_ids=(first.user_id,)),
        Approvers(me, "Head", roles=("owner",)),
    )
    await a_rule_of(engine, shop.reseller, by_name, by_role)
    order = await ordered(engine, shop, a_person(owner, shop.customer))
    assert [step.asked.name for step in order.waiting.steps] == ["Desk", "Head", "A rule"]

    operator = a_person(owner, shop.operator)
    for not_yet in (second, operator):
        with pytest.raises(NotYoursToDecide):
            await engine.perform(not_yet, approve, Approve(order.id))
    order = (await engine.perform(first, approve, Approve(order.id))).result
    assert order.status == "awaiting_approval"
    with pytest.raises(NotYoursToDecide):
        await engine.perform(first, approve, Approve(order.id))
    await engine.perform(second, approve, Approve(order.id))
    assert (await engine.perform(operator, approve, Approve(order.id))).result.status == "submitted"
    assert (await types(engine, shop, order))[2:] == [
        "order.approval_requested",
        "order.approved",
        "order.approval_requested",
        "order.approved",
        "order.approval_requested",
        "order.approved",
        "order.submitted",
    ]


async def test_an_approver_needs_the_permission_the_organisation_and_the_role(
    engine: Engine, owner: Owner
) -> None:
    shop, other = a_ruled_shop(owner), a_ruled_shop(owner)
    await a_rule_of(engine, shop.reseller, Approvers(shop.reseller.organization_id, roles=("approver",)))
    order = await ordered(engine, shop, a_person(owner, shop.customer))
    with pytest.raises(PermissionMissing):
        await engine.perform(may(a_person(owner, shop.reseller), "orders:read"), approve, Approve(order.id))
    for wrong in (a_person(owner, shop.reseller, "reader"), a_person(owner, shop.operator)):
        with pytest.raises(NotYoursToDecide):
            await engine.perform(wrong, approve, Approve(order.id))
    with pytest.raises(OrderUnknown):
        await engine.perform(a_person(owner, other.reseller), approve, Approve(order.id))
    with pytest.raises(VersionStale):
        await engine.perform(a_person(owner, shop.reseller), approve, Approve(order.id, expected_version=1))
    approver = a_person(owner, shop.reseller)
    assert (await engine.perform(approver, approve, Approve(order.id))).result.status == "submitted"


async def test_nobody_approves_what_they_ordered_unless_the_rule_lets_them(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    me = shop.reseller.organization_id
    rule = await a_rule_of(engine, shop.reseller)
    person = a_person(owner, shop.reseller)
    order = await ordered(engine, shop, person)
    with pytest.raises(OwnOrder):
        await engine.perform(person, approve, Approve(order.id))
    colleague = a_person(owner, shop.reseller)
    assert (await engine.perform(colleague, approve, Approve(order.id))).result.status == "submitted"

    await a_rule_of(
        engine, shop.reseller, Approvers(me, own_orders=True), target_id=shop.customer.organization_id
    )
    owner.execute("DELETE FROM approval_rules WHERE id = %s", (rule.id,))
    order = await ordered(engine, shop, person)
    assert (await engine.perform(person, approve, Approve(order.id))).result.status == "submitted"


async def test_an_order_is_declined_with_a_reason_changed_and_ordered_anew(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    await a_rule_of(engine, shop.reseller)
    buyer, approver = a_person(owner, shop.customer), a_person(owner, shop.reseller)
    order = await ordered(engine, shop, buyer)
    with pytest.raises(ReasonMissing):
        await engine.perform(approver, decline, Decline(order.id, "  "))
    with pytest.raises(NotYoursToDecide):
        await engine.perform(buyer, decline, Decline(order.id, "No"))
    with pytest.raises(OrderNotDeclined):
        await engine.perform(buyer, reopen, Reopen(order.id))
    declined = (await engine.perform(approver, decline, Decline(order.id, "Too many"))).result
    assert declined.status == "declined"
    assert declined.approval is not None
    assert [(step.status, step.reason) for step in declined.approval.steps] == [
        (StepStatus.DECLINED, "Too many")
    ]
    with pytest.raises(OrderNotWaiting):
        await engine.perform(approver, approve, Approve(order.id))
    with pytest.raises(OrderNotDraft):
        await engine.perform(buyer, checkout, Submit(order.id))

    draft = (await engine.perform(buyer, reopen, Reopen(order.id))).result
    assert (draft.status, draft.approval, draft.number) == ("draft", None, order.number)
    await engine.perform(buyer, change_line, ChangeLine(order.id, order.lines[0].id, 2))
    again = (await engine.perform(buyer, checkout, Submit(order.id))).result
    assert (again.status, again.lines[0].quantity) == ("awaiting_approval", 2)
    assert (await engine.perform(approver, approve, Approve(order.id))).result.status == "submitted"
    entries = await engine.read(buyer, history, OrderHistory(order.id))
    assert [entry.data["reason"] for entry in entries.items if entry.type == "order.declined"] == ["Too many"]


async def test_what_waits_or_was_declined_can_be_cancelled_and_not_deleted(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    await a_rule_of(engine, shop.reseller)
    buyer, approver = a_person(owner, shop.customer), a_person(owner, shop.reseller)
    waiting, declined = await ordered(engine, shop, buyer), await ordered(engine, shop, buyer)
    await engine.perform(approver, decline, Decline(declined.id, "No"))
    for order in (waiting, declined):
        with pytest.raises(OrderNotDraft):
            await engine.perform(buyer, delete_draft, DeleteDraft(order.id))
        cancelled = (await engine.perform(buyer, cancel_order, Cancel(order.id))).result
        assert (cancelled.status, {line.status for line in cancelled.lines}) == ("cancelled", {"cancelled"})
        with pytest.raises(OrderNotWaiting):
            await engine.perform(approver, approve, Approve(order.id))


async def test_a_preview_says_that_an_approval_would_be_wanted(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_rule_of(engine, shop.reseller)
    buyer = a_person(owner, shop.customer)
    draft = await a_draft(engine, shop, some())
    seen = (await engine.perform(buyer, checkout, Submit(draft.id), dry_run=True)).result
    assert (seen.status, len(seen.waiting.steps)) == ("awaiting_approval", 1)
    assert (await engine.read(buyer, get_order, draft.id)).status == "draft"
    order = (await engine.perform(buyer, checkout, Submit(draft.id))).result
    approver = a_person(owner, shop.reseller)
    seen = (await engine.perform(approver, approve, Approve(order.id), dry_run=True)).result
    assert seen.status == "submitted"
    assert (await engine.read(buyer, get_order, draft.id)).status == "awaiting_approval"


async def test_of_two_approvals_at_once_one_counts(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_rule_of(engine, shop.reseller)
    order = await ordered(engine, shop, a_person(owner, shop.customer))
    approvers = [a_person(owner, shop.reseller) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(engine.perform(approver, approve, Approve(order.id)) for approver in approvers),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(outcome) for outcome in refused] == [OrderNotWaiting] * 3
    assert (await types(engine, shop, order)).count("order.submitted") == 1


async def test_nothing_is_approved_for_a_customer_suspended_since(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_rule_of(engine, shop.reseller)
    order = await ordered(engine, shop, a_person(owner, shop.customer))
    owner.execute("UPDATE organizations SET status = 'suspended' WHERE id = %s", (order.customer_id,))
    with pytest.raises(CustomerInactive):
        await engine.perform(a_person(owner, shop.reseller), approve, Approve(order.id))


async def test_an_approval_is_no_release_of_credit(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_rule_of(engine, shop.reseller)
    order = await ordered(engine, shop, a_person(owner, shop.customer))
    with pytest.raises(OrderNotWaiting):
        await engine.perform(a_person(owner, shop.reseller), release, Release(order.id))


async def test_what_an_approval_costs_in_round_trips(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_ruled_shop(owner)
    await a_rule_of(engine, shop.reseller)
    order = await ordered(engine, shop, a_person(owner, shop.customer))
    assert meters[-1].round_trips == 3
    await engine.perform(a_person(owner, shop.reseller), approve, Approve(order.id))
    assert meters[-1].round_trips == 2


async def test_where_nobody_has_set_a_rule_checkout_costs_what_it_did(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    placed = (await engine.perform(shop.reseller, checkout, Submit(draft.id))).result
    assert placed.approval is None
    assert (meters[-1].round_trips, meters[-1].statements) == (3, 10)
