from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.catalog.errors import SkuAmbiguous, SkuUnknown
from chandlery.catalog.offers import PlanRef
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity import permissions
from chandlery.identity.errors import OrganizationUnknown
from chandlery.kernel.errors import Fault, PermissionMissing, VersionStale
from chandlery.kernel.ids import LineId, OrganizationId, new_id
from chandlery.kernel.money import Money
from chandlery.ordering.checkout import Submit, submit
from chandlery.ordering.drafts import (
    AddLine,
    ChangeDraft,
    ChangeLine,
    DeleteDraft,
    DropLine,
    OpenDraft,
    add_line,
    change_draft,
    change_line,
    delete_draft,
    drop_line,
    open_draft,
)
from chandlery.ordering.errors import (
    CustomerInactive,
    DraftExpired,
    LineUnknown,
    OrderInvalid,
    OrderNotDraft,
    OrderUnknown,
)
from chandlery.ordering.order import Totals
from chandlery.ordering.queries import OrderHistory, get_order, history
from chandlery.ordering.status import LineStatus, OrderStatus
from tests.catalog.builders import PlanSpec, a_plan
from tests.conftest import NOW
from tests.ordering.builders import a_draft, a_placed_order, a_shop, an_organization, may, some

Owner = psycopg.Connection[Any]


def fields(fault: Fault) -> list[tuple[str, str]]:
    return [(problem.field, problem.code) for problem in fault.problems]


async def test_a_new_draft_is_empty_and_expires_in_seven_days(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, po_number="PO-7")
    assert order.number == f"SO{order.serial}"
    assert order.serial >= 1000001
    assert (order.status, order.version, order.lines) == (OrderStatus.DRAFT, 1, ())
    assert (order.customer_id, order.seller_id, order.placed_by) == (
        shop.customer.organization_id,
        shop.reseller.organization_id,
        shop.reseller.organization_id,
    )
    assert (order.currency, order.po_number) == ("USD", "PO-7")
    assert (order.created_at, order.expires_at) == (NOW, NOW + timedelta(days=7))
    assert await engine.read(shop.reseller, get_order, order.id) == order


async def test_a_draft_can_be_told_when_to_expire_or_not_to(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    assert (await a_draft(engine, shop, expires_after=timedelta(hours=1))).expires_at == NOW + timedelta(
        hours=1
    )
    assert (await a_draft(engine, shop, expires_after=None)).expires_at is None


async def test_a_draft_is_in_the_currency_of_its_customer_unless_told_otherwise(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    owner.execute(
        'UPDATE organizations SET attributes = \'{"currency": "EUR"}\' WHERE id = %s',
        (shop.customer.organization_id,),
    )
    assert (await a_draft(engine, shop)).currency == "EUR"
    assert (await a_draft(engine, shop, currency="JPY")).currency == "JPY"


async def test_a_draft_with_lines_at_once_reads_back_as_it_was_answered(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(
        engine, shop, some("suite-basic", 5), some("dock", 2), attributes={"erp": {"ref": 9}}
    )
    first, second = order.lines
    assert (first.position, first.plan_code, first.quantity, first.status) == (
        1,
        "suite-basic:P1Y:monthly",
        5,
        LineStatus.DRAFT,
    )
    assert (first.unit, first.term, first.billing_cycle, first.charge, first.provider) == (
        "user",
        "P1Y",
        "monthly",
        "recurring",
        "sandbox",
    )
    assert (second.position, second.plan_id, second.quantity) == (2, shop.plans["dock"], 2)
    assert order.attributes == {"erp": {"ref": 9}}
    assert await engine.read(shop.reseller, get_order, order.id) == order


async def test_a_reseller_sees_what_it_charges_and_what_that_costs_it(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, some("suite-basic", 5), some("dock", 1))
    me = shop.reseller.organization_id
    # 8.00 from the vendor, 8.80 from the operator, 13.20 for the customer; the dock 112.00, 123.20, 184.80.
    price, cost = order.lines[0].price(me), order.lines[0].cost(me)
    assert price is not None
    assert (str(price.rate), price.amount) == ("13.20", Money(6600, "USD"))
    assert cost is not None
    assert (str(cost.rate), cost.amount) == ("8.80", Money(4400, "USD"))
    assert order.totals(me) == Totals(Money(6600 + 18480, "USD"), Money(4400 + 12320, "USD"))


async def test_each_tier_reads_its_own_steps_and_no_other(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, some("suite-basic", 5))
    assert [price.step for price in order.lines[0].prices] == [1, 2]
    for actor, steps, totals in (
        (shop.customer, [2], Totals(Money(6600, "USD"), None)),
        (shop.reseller, [1, 2], Totals(Money(6600, "USD"), Money(4400, "USD"))),
        (shop.operator, [0, 1], Totals(Money(4400, "USD"), Money(4000, "USD"))),
        (shop.system, [0, 1, 2], Totals(Money(4400, "USD"), Money(4000, "USD"))),
    ):
        seen = await engine.read(actor, get_order, order.id)
        assert [price.step for price in seen.lines[0].prices] == steps
        assert seen.totals(actor.organization_id) == totals


async def test_an_own_order_of_a_customer_is_priced_for_all_tiers(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    command = OpenDraft(shop.customer.organization_id, lines=(some("suite-basic", 5),))
    order = (await engine.perform(shop.customer, open_draft, command)).result
    assert order.totals(shop.customer.organization_id) == Totals(Money(6600, "USD"), None)
    seen = await engine.read(shop.operator, get_order, order.id)
    assert seen.totals(shop.operator.organization_id) == Totals(Money(4400, "USD"), Money(4000, "USD"))


async def test_a_reseller_orders_for_itself_at_its_own_cost(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    command = OpenDraft(shop.reseller.organization_id, lines=(some("suite-basic", 5),))
    order = (await engine.perform(shop.reseller, open_draft, command)).result
    assert order.seller_id == shop.operator.organization_id
    assert order.totals(shop.reseller.organization_id) == Totals(Money(4400, "USD"), None)


async def test_nobody_orders_for_somebody_elses_customer(engine: Engine, owner: Owner) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    sibling = an_organization(owner, shop.operator, "reseller")
    for actor, customer in (
        (shop.reseller, other.customer),
        (sibling, shop.customer),
        (shop.customer, shop.reseller),
    ):
        with pytest.raises(OrganizationUnknown):
            await engine.perform(actor, open_draft, OpenDraft(customer.organization_id))
    with pytest.raises(OrganizationUnknown):
        await engine.perform(shop.reseller, open_draft, OpenDraft(OrganizationId(new_id())))


async def test_nobody_orders_for_a_suspended_customer_or_a_supplier(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    suspended = an_organization(owner, shop.reseller, "customer", "suspended")
    with pytest.raises(CustomerInactive):
        await engine.perform(shop.reseller, open_draft, OpenDraft(suspended.organization_id))
    supplier = an_organization(owner, shop.operator, "supplier")
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.operator, open_draft, OpenDraft(supplier.organization_id))
    assert fields(refused.value) == [("customer_id", "unfit")]


async def test_every_problem_of_the_header_and_of_all_lines_is_named_at_once(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    with pytest.raises(OrderInvalid) as refused:
        await a_draft(
            engine,
            shop,
            some("suite-basic", 0),
            some("nothing"),
            some("suite-pro"),
            some("dock", 10**30, colour="red"),
            some("suite-basic", 3),
            po_number="a\0b",
            attributes={"No": {}},
            expires_after=timedelta(0),
        )
    assert fields(refused.value) == [
        ("po_number", "text"),
        ("attributes.No", "namespace"),
        ("expires_after", "out_of_range"),
        ("lines.0.quantity", "quantity_out_of_bounds"),
        ("lines.1.sku", "sku_unknown"),
        ("lines.2.sku", "sku_ambiguous"),
        ("lines.3.quantity", "quantity_out_of_bounds"),
        ("lines.3.characteristics.colour", "characteristic_unknown"),
    ]


async def test_a_currency_that_is_none_is_refused_with_the_rest_of_the_header(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    with pytest.raises(OrderInvalid) as refused:
        await a_draft(engine, shop, some(), currency="usd", po_number="x" * 101)
    assert fields(refused.value) == [("po_number", "text"), ("currency", "currency_unknown")]


async def test_one_refused_line_keeps_the_refusal_of_the_catalogue(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop)
    with pytest.raises(SkuAmbiguous) as ambiguous:
        await engine.perform(shop.reseller, add_line, AddLine(order.id, PlanRef(sku="suite-pro")))
    assert fields(ambiguous.value) == [("sku", "sku_ambiguous")]
    assert str(shop.plans["suite-pro"]) in ambiguous.value.problems[0].message
    for sku in ("none", "a\0b", "\ud800", ""):
        with pytest.raises(SkuUnknown):
            await engine.perform(shop.reseller, add_line, AddLine(order.id, PlanRef(sku=sku)))


@pytest.mark.parametrize("quantity", [0, -1, 10**9 + 1, 10**30])
async def test_a_quantity_is_between_one_and_a_thousand_million(
    engine: Engine, owner: Owner, quantity: int
) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop)
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, add_line, AddLine(order.id, PlanRef(sku="suite-basic"), quantity))
    assert fields(refused.value) == [("quantity", "quantity_out_of_bounds")]


async def test_a_line_that_comes_to_more_than_any_invoice_is_refused(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    a_plan(owner, shop.tenant, PlanSpec(sku="rocket", cost="2000000.00", retail="2000000.00"))
    with pytest.raises(OrderInvalid) as refused:
        await a_draft(engine, shop, some("dock"), some("rocket", 10**9))
    assert fields(refused.value) == [("lines.1.quantity", "amount_out_of_range")]


async def test_characteristics_are_checked_against_the_plan(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    spec = PlanSpec(
        sku="vm", characteristics=({"name": "region", "kind": "choice", "allowed": ("eu", "us")},)
    )
    a_plan(owner, shop.tenant, spec)
    order = await a_draft(engine, shop)

    async def add(**characteristics: Any) -> Any:
        command = AddLine(order.id, PlanRef(sku="vm"), 1, characteristics)
        return (await engine.perform(shop.reseller, add_line, command)).result

    for given, problem in (
        ({}, ("characteristics.region", "characteristic_missing")),
        ({"region": "moon"}, ("characteristics.region", "characteristic_not_allowed")),
        ({"region": "eu", "size": "l"}, ("characteristics.size", "characteristic_unknown")),
    ):
        with pytest.raises(OrderInvalid) as refused:
            await add(**given)
        assert fields(refused.value) == [problem]
    assert (await add(region="eu")).lines[0].characteristics == {"region": "eu"}


async def test_a_line_is_added_changed_and_dropped(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, some("suite-basic", 1))
    order = (await engine.perform(shop.reseller, add_line, AddLine(order.id, PlanRef(sku="dock"), 2))).result
    assert [(line.position, line.sku_code) for line in order.lines] == [(1, "suite-basic"), (2, "dock")]
    change = ChangeLine(order.id, order.lines[0].id, quantity=10)
    order = (await engine.perform(shop.reseller, change_line, change)).result
    assert order.lines[0].quantity == 10
    me = shop.reseller.organization_id
    assert order.totals(me) == Totals(Money(13200 + 36960, "USD"), Money(8800 + 24640, "USD"))
    assert await engine.read(shop.reseller, get_order, order.id) == order
    order = (await engine.perform(shop.reseller, drop_line, DropLine(order.id, order.lines[0].id))).result
    assert [(line.position, line.sku_code) for line in order.lines] == [(2, "dock")]
    order = (await engine.perform(shop.reseller, add_line, AddLine(order.id, PlanRef(sku="dock")))).result
    assert [line.position for line in order.lines] == [2, 3]
    assert order.version == 5
    assert await engine.read(shop.reseller, get_order, order.id) == order


async def test_the_history_tells_what_was_done_to_a_draft(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop)
    order = (await engine.perform(shop.reseller, add_line, AddLine(order.id, PlanRef(sku="dock")))).result
    line = order.lines[0].id
    await engine.perform(shop.customer, change_line, ChangeLine(order.id, line, quantity=2))
    await engine.perform(shop.reseller, change_draft, ChangeDraft(order.id, "PO-1"))
    await engine.perform(shop.reseller, drop_line, DropLine(order.id, line))
    await engine.perform(shop.reseller, delete_draft, DeleteDraft(order.id))
    page = await engine.read(shop.customer, history, OrderHistory(order.id))
    assert sorted(entry.type for entry in page.items) == [
        "order.changed",
        "order.created",
        "order.deleted",
        "order.line_added",
        "order.line_changed",
        "order.line_removed",
    ]
    changed = next(entry for entry in page.items if entry.type == "order.line_changed")
    assert changed.organization_id == shop.customer.organization_id
    assert changed.at == NOW
    assert changed.data == {
        "line_id": str(line),
        "position": 1,
        "plan_code": "dock::one_time",
        "name": "Dock",
        "quantity": 2,
    }


async def test_the_header_of_a_draft_can_be_changed(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, po_number="PO-1", attributes={"erp": {"a": 1}, "crm": {"b": 2}})

    async def change(**changes: Any) -> tuple[Any, Any, int]:
        await engine.perform(shop.reseller, change_draft, ChangeDraft(order.id, **changes))
        seen = await engine.read(shop.reseller, get_order, order.id)
        return seen.po_number, seen.attributes, seen.version

    assert await change(po_number="PO-2") == ("PO-2", {"erp": {"a": 1}, "crm": {"b": 2}}, 2)
    assert await change(attributes={"erp": {"c": [True, None, "x"]}, "crm": {}}) == (
        "PO-2",
        {"erp": {"c": [True, None, "x"]}},
        3,
    )
    assert await change(po_number="") == (None, {"erp": {"c": [True, None, "x"]}}, 4)


async def test_all_attributes_of_an_order_together_stay_within_the_bounds(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, attributes={"a": {"x": "y" * 9000}})
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(
            shop.reseller, change_draft, ChangeDraft(order.id, attributes={"b": {"x": "y" * 9000}})
        )
    assert fields(refused.value) == [("attributes", "unfit")]


async def test_a_change_to_another_version_than_expected_is_refused(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, some())
    line = order.lines[0].id
    for use_case, command in (
        (add_line, AddLine(order.id, PlanRef(sku="dock"), expected_version=2)),
        (change_line, ChangeLine(order.id, line, 2, expected_version=2)),
        (drop_line, DropLine(order.id, line, 2)),
        (change_draft, ChangeDraft(order.id, "x", expected_version=2)),
        (delete_draft, DeleteDraft(order.id, 2)),
        (submit, Submit(order.id, 2)),
    ):
        with pytest.raises(VersionStale):
            await engine.perform(shop.reseller, use_case, command)  # type: ignore[arg-type]
    assert await engine.read(shop.reseller, get_order, order.id) == order


async def test_a_submitted_order_is_no_draft_any_more(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    line = order.lines[0].id
    for use_case, command in (
        (add_line, AddLine(order.id, PlanRef(sku="dock"))),
        (change_line, ChangeLine(order.id, line, 2)),
        (drop_line, DropLine(order.id, line)),
        (change_draft, ChangeDraft(order.id, "x")),
        (delete_draft, DeleteDraft(order.id)),
        (submit, Submit(order.id)),
    ):
        with pytest.raises(OrderNotDraft) as refused:
            await engine.perform(shop.reseller, use_case, command)  # type: ignore[arg-type]
        assert refused.value.facts == {"status": "submitted"}
    assert await engine.read(shop.reseller, get_order, order.id) == order


async def test_an_expired_draft_can_only_be_read_and_deleted(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, some())
    owner.execute("UPDATE orders SET expires_at = %s WHERE id = %s", (NOW, order.id))
    for use_case, command in (
        (add_line, AddLine(order.id, PlanRef(sku="dock"))),
        (change_draft, ChangeDraft(order.id, "x")),
        (submit, Submit(order.id)),
    ):
        with pytest.raises(DraftExpired):
            await engine.perform(shop.reseller, use_case, command)  # type: ignore[arg-type]
    await engine.perform(shop.reseller, delete_draft, DeleteDraft(order.id))
    with pytest.raises(OrderUnknown):
        await engine.read(shop.reseller, get_order, order.id)


async def test_a_deleted_draft_takes_lines_and_prices_with_it(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, some(), some("dock"))
    await engine.perform(shop.reseller, delete_draft, DeleteDraft(order.id, expected_version=1))
    for table in ("order_lines", "order_line_prices"):
        assert owner.execute(f"SELECT count(*) FROM {table} WHERE order_id = %s", (order.id,)).fetchone() == (
            0,
        )


async def test_unknown_lines_and_foreign_orders_do_not_exist(engine: Engine, owner: Owner) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    order = await a_draft(engine, shop, some())
    with pytest.raises(LineUnknown):
        await engine.perform(shop.reseller, drop_line, DropLine(order.id, LineId(new_id())))
    sibling = an_organization(owner, shop.operator, "reseller")
    for actor in (other.operator, other.reseller, sibling):
        with pytest.raises(OrderUnknown):
            await engine.perform(actor, add_line, AddLine(order.id, PlanRef(sku="dock")))
        with pytest.raises(OrderUnknown):
            await engine.perform(actor, delete_draft, DeleteDraft(order.id))
        with pytest.raises(OrderUnknown):
            await engine.read(actor, get_order, order.id)
        with pytest.raises(OrderUnknown):
            await engine.read(actor, history, OrderHistory(order.id))
    assert await engine.read(shop.reseller, get_order, order.id) == order


async def test_every_use_case_asks_for_its_permission(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop, some())
    reader = may(shop.reseller, permissions.ORDERS_READ)
    for use_case, command in (
        (open_draft, OpenDraft(shop.customer.organization_id)),
        (add_line, AddLine(order.id, PlanRef(sku="dock"))),
        (change_line, ChangeLine(order.id, order.lines[0].id, 2)),
        (drop_line, DropLine(order.id, order.lines[0].id)),
        (change_draft, ChangeDraft(order.id, "x")),
        (delete_draft, DeleteDraft(order.id)),
    ):
        with pytest.raises(PermissionMissing) as refused:
            await engine.perform(reader, use_case, command)  # type: ignore[arg-type]
        assert refused.value.facts == {"permission": "orders:write"}
    with pytest.raises(PermissionMissing):
        await engine.read(may(shop.reseller), get_order, order.id)


async def test_a_draft_holds_five_hundred_lines_at_most(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    with pytest.raises(OrderInvalid) as refused:
        await a_draft(engine, shop, *[some()] * 501)
    assert fields(refused.value) == [("lines", "too_many")]
    full = await a_draft(engine, shop, *[some()] * 500)
    assert len(full.lines) == 500
    with pytest.raises(Fault) as no_more:
        await engine.perform(shop.reseller, add_line, AddLine(full.id, PlanRef(sku="dock")))
    assert no_more.value.code() == "draft_full"


async def test_two_lines_added_at_the_same_time_both_land(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop)
    await asyncio.gather(
        *(
            engine.perform(shop.reseller, add_line, AddLine(order.id, PlanRef(sku="dock"), quantity))
            for quantity in range(1, 9)
        )
    )
    seen = await engine.read(shop.reseller, get_order, order.id)
    assert [line.position for line in seen.lines] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert sorted(line.quantity for line in seen.lines) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert seen.version == 9


async def test_of_two_changes_to_the_same_version_one_is_refused(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop)
    outcomes = await asyncio.gather(
        *(
            engine.perform(
                shop.reseller, add_line, AddLine(order.id, PlanRef(sku="dock"), expected_version=1)
            )
            for _ in range(2)
        ),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Outcome", "VersionStale"]


async def test_what_a_draft_costs_in_round_trips(engine: Engine, owner: Owner, meters: list[Meter]) -> None:
    shop = a_shop(owner)

    def cost() -> tuple[int, int]:
        return meters[-1].round_trips, meters[-1].statements

    order = await a_draft(engine, shop)
    assert cost() == (2, 7)
    order = await a_draft(engine, shop, some(), some("dock"))
    assert cost() == (3, 9)
    order = (await engine.perform(shop.reseller, add_line, AddLine(order.id, PlanRef(sku="dock")))).result
    assert cost() == (3, 9)
    await engine.perform(shop.reseller, change_line, ChangeLine(order.id, order.lines[0].id, 2))
    assert cost() == (3, 9)
    await engine.perform(shop.reseller, change_draft, ChangeDraft(order.id, "x"))
    assert cost() == (2, 7)
    await engine.perform(shop.reseller, drop_line, DropLine(order.id, order.lines[0].id))
    assert cost() == (2, 8)
    await engine.read(shop.reseller, get_order, order.id)
    assert cost() == (1, 2)
    await engine.perform(shop.reseller, delete_draft, DeleteDraft(order.id))
    assert cost() == (2, 7)
