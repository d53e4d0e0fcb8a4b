from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.engine.database import Pool
from chandlery.engine.queue import open_jobs_pool, run_until_idle
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.fulfilment.providers import Providers
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.errors import Conflict, PermissionMissing, Problem, VersionStale
from chandlery.kernel.ids import LineId, OrderId, ShipmentId, new_id
from chandlery.ordering.cancellation import Cancel, cancel
from chandlery.ordering.errors import (
    LinesUnderWay,
    OnlySellersShip,
    ShipmentInvalid,
    ShipmentNotReady,
    ShipmentUnknown,
)
from chandlery.ordering.order import Order
from chandlery.ordering.parcels import FindShipments, find_shipments, get_shipment
from chandlery.ordering.queries import OrderHistory, history
from chandlery.ordering.shipment import Shipment, ShipmentItem, ShipmentStatus, Waybill
from chandlery.ordering.shipments import (
    CancelShipment,
    ChangeShipment,
    DeliverShipment,
    Label,
    PlanShipment,
    cancel_shipment,
    change_shipment,
    deliver_shipment,
    plan_shipment,
)
from chandlery.ordering.status import LineStatus, WaitingFor
from chandlery.parties.address import Postal
from chandlery.processes.ship_lines import DispatchShipment, dispatch
from chandlery.processes.triggers import tasks
from chandlery.subscriptions.asset import AssetStatus
from chandlery.subscriptions.assets import FindAssets, find_assets
from tests.conftest import NOW
from tests.ordering.builders import a_placed_order, an_organization, may, some
from tests.ordering.goods import a_goods_shop, a_parcel, a_sold_order, handling, now, pieces, shipped

Owner = psycopg.Connection[Any]
YARD = Postal(("Harbour Street 1",), "Hamburg", "DE", "20457", company="Harbour Distribution")


def progress(order: Order) -> tuple[str, list[tuple[str, int]]]:
    return order.status.value, [(line.status.value, line.shipped_quantity) for line in order.lines]


async def test_a_line_is_completed_once_all_of_its_pieces_have_left(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 5, 2)
    assert [line.waiting_for for line in order.lines] == [WaitingFor.SHIPPER] * 2
    await a_parcel(engine, shop.reseller, order, 1)
    assert progress(await now(engine, shop, order.id)) == ("submitted", [("submitted", 0), ("submitted", 0)])
    await shipped(engine, shop.reseller, order, 3)
    found = await now(engine, shop, order.id)
    assert progress(found) == ("in_progress", [("in_progress", 3), ("submitted", 0)])
    assert (found.lines[0].reason, found.lines[0].waiting_for) == ("3 of 5 shipped.", WaitingFor.SHIPPER)
    await shipped(engine, shop.reseller, order, 1, 2)
    assert progress(await now(engine, shop, order.id)) == (
        "in_progress",
        [("in_progress", 4), ("completed", 2)],
    )
    (planned,) = (
        await engine.read(shop.reseller, find_shipments, FindShipments(status=(ShipmentStatus.PLANNED,)))
    ).items
    later = replace(engine, clock=FixedClock(NOW + timedelta(hours=3)))
    await later.perform(shop.reseller, dispatch, DispatchShipment(planned.id))
    found = await now(engine, shop, order.id)
    assert progress(found) == ("completed", [("completed", 5), ("completed", 2)])
    assert found.completed_at == NOW + timedelta(hours=3)


async def test_each_parcel_is_in_the_history_of_the_order(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 3)
    await shipped(engine, shop.reseller, order, 2)
    await shipped(engine, shop.reseller, order, 1)
    page = await engine.read(shop.customer, history, OrderHistory(order.id))
    told = [(entry.type, entry.data.get("shipped_quantity")) for entry in page.items[3:]]
    assert told == [
        ("order.line_started", None),
        ("order.in_progress", None),
        ("order.line_shipped", 2),
        ("order.line_shipped", 3),
        ("order.line_completed", None),
        ("order.completed", None),
    ]
    line = str(order.lines[0].id)
    assert all(entry.data["line_id"] == line for entry in page.items[3:] if "line_" in entry.type)


async def test_what_is_written_on_a_parcel_is_kept_as_it_was(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 2)
    waybill = Waybill(
        "Parcel Express", "overnight", 2, "PX1", "https://parcels.example/PX1", "DN-7", YARD, YARD, NOW
    )
    planned = await a_parcel(
        engine,
        shop.reseller,
        order,
        2,
        serials=("S-1", "S-2"),
        waybill=waybill,
        attributes={"shop": {"cost": "4.90"}},
    )
    found = await engine.read(shop.customer, get_shipment, planned.id)
    assert found == planned
    assert (found.waybill, found.items) == (waybill, tuple(pieces(order, 2, serials=("S-1", "S-2"))))
    assert found.attributes == {"shop": {"cost": "4.90"}}
    left = NOW - timedelta(hours=1)
    command = DispatchShipment(planned.id, left, Label({"tracking_number": "PX2"}), expected_version=1)
    sent = (await engine.perform(shop.reseller, dispatch, command)).result
    assert (sent.status, sent.dispatched_at, sent.version) == (ShipmentStatus.DISPATCHED, left, 2)
    assert sent.waybill == replace(waybill, tracking_number="PX2")
    deliver = DeliverShipment(planned.id)
    there = (await engine.perform(shop.reseller, deliver_shipment, deliver)).result
    assert (there.status, there.delivered_at) == (ShipmentStatus.DELIVERED, NOW)
    assert await engine.read(shop.customer, get_shipment, planned.id) == there


async def test_no_piece_is_shipped_twice(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 5)
    first = await a_parcel(engine, shop.reseller, order, 3)
    with pytest.raises(ShipmentInvalid) as refused:
        await a_parcel(engine, shop.reseller, order, 3)
    assert refused.value.problems == (
        Problem(
            "items.0.quantity",
            "Only 2 pieces of this line are in no shipment yet; ship between 1 and that many.",
            "quantity_exceeded",
        ),
    )
    await engine.perform(shop.reseller, cancel_shipment, CancelShipment(first.id))
    await a_parcel(engine, shop.reseller, order, 5)


async def test_of_many_who_ship_the_same_pieces_at_once_only_as_many_as_there_are(
    engine: Engine, owner: Owner
) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 7)
    outcomes = await asyncio.gather(
        *(shipped(engine, shop.reseller, order, 2) for _ in range(12)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Shipment) for outcome in outcomes) == 3
    assert {type(o) for o in outcomes if isinstance(o, BaseException)} == {ShipmentInvalid}
    assert progress(await now(engine, shop, order.id)) == ("in_progress", [("in_progress", 6)])


async def test_everything_that_is_wrong_with_a_shipment_is_named_at_once(
    engine: Engine, owner: Owner
) -> None:
    shop = a_goods_shop(owner)
    order = await a_placed_order(engine, shop, some("scanner", 2), some("suite-basic"))
    await shipped(engine, shop.reseller, order, 1, serials=("S-1",))
    scanner, licence = (line.id for line in order.lines)
    items = [
        ShipmentItem(order.id, scanner, 1, ("S-1",)),
        ShipmentItem(order.id, licence, 1),
        ShipmentItem(order.id, LineId(new_id()), 1),
        ShipmentItem(order.id, scanner, 1, ("a", "b")),
    ]
    waybill = Waybill("", packages=0, tracking_url="parcels.example", to_address=Postal())
    with pytest.raises(ShipmentInvalid) as refused:
        await engine.perform(shop.reseller, plan_shipment, PlanShipment(order.customer_id, items, waybill))
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [
        ("carrier", "text"),
        ("packages", "out_of_range"),
        ("tracking_url", "url"),
        ("to_address.lines", "required"),
        ("to_address.city", "required"),
        ("to_address.country", "country"),
        ("items.0.serial_numbers", "twice"),
        ("items.1.line_id", "line_not_shippable"),
        ("items.2.line_id", "line_unknown"),
        ("items.3.line_id", "twice"),
        ("items.3.serial_numbers", "too_many"),
    ]


async def test_orders_of_one_customer_travel_together_and_those_of_two_do_not(
    engine: Engine, owner: Owner
) -> None:
    shop = a_goods_shop(owner)
    orders = [await a_sold_order(engine, shop, 1), await a_sold_order(engine, shop, 2)]
    items = [ShipmentItem(order.id, order.lines[0].id, 1) for order in orders]
    command = PlanShipment(orders[0].customer_id, items)
    parcel = (await engine.perform(shop.reseller, plan_shipment, command)).result
    await engine.perform(shop.reseller, dispatch, DispatchShipment(parcel.id))
    assert [progress(await now(engine, shop, order.id)) for order in orders] == [
        ("completed", [("completed", 1)]),
        ("in_progress", [("in_progress", 1)]),
    ]
    other = an_organization(owner, shop.reseller)
    wrong = PlanShipment(other.organization_id, [ShipmentItem(orders[1].id, orders[1].lines[0].id, 1)])
    with pytest.raises(ShipmentInvalid) as refused:
        await engine.perform(shop.reseller, plan_shipment, wrong)
    assert [problem.code for problem in refused.value.problems] == ["other_customer"]


async def test_a_parcel_is_packed_anew_until_it_leaves(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 3)
    empty = PlanShipment(order.customer_id)
    parcel = (await engine.perform(shop.reseller, plan_shipment, empty)).result
    with pytest.raises(ShipmentInvalid):
        await engine.perform(shop.reseller, dispatch, DispatchShipment(parcel.id))
    for count in (1, 3):
        change = ChangeShipment(parcel.id, pieces(order, count), Label({"carrier": "Cargo Bike"}))
        parcel = (await engine.perform(shop.reseller, change_shipment, change)).result
    assert await engine.read(shop.reseller, get_shipment, parcel.id) == parcel
    stale = ChangeShipment(parcel.id, label=Label({"carrier": None}), expected_version=1)
    with pytest.raises(VersionStale):
        await engine.perform(shop.reseller, change_shipment, stale)
    await engine.perform(shop.reseller, dispatch, DispatchShipment(parcel.id))
    again = ChangeShipment(parcel.id, pieces(order, 1))
    with pytest.raises(ShipmentNotReady):
        await engine.perform(shop.reseller, change_shipment, again)
    late = ChangeShipment(parcel.id, label=Label({"tracking_number": "PX9"}))
    assert (
        await engine.perform(shop.reseller, change_shipment, late)
    ).result.waybill.tracking_number == "PX9"


async def test_a_parcel_goes_its_way_once(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 2)
    parcel = await a_parcel(engine, shop.reseller, order, 1)
    with pytest.raises(ShipmentNotReady):
        await engine.perform(shop.reseller, deliver_shipment, DeliverShipment(parcel.id))
    tomorrow = DispatchShipment(parcel.id, NOW + timedelta(days=1))
    with pytest.raises(ShipmentInvalid):
        await engine.perform(shop.reseller, dispatch, tomorrow)
    await engine.perform(shop.reseller, dispatch, DispatchShipment(parcel.id))
    for again in (
        (dispatch, DispatchShipment(parcel.id)),
        (cancel_shipment, CancelShipment(parcel.id)),
    ):
        with pytest.raises(ShipmentNotReady):
            await engine.perform(shop.reseller, *again)
    early = DeliverShipment(parcel.id, NOW - timedelta(days=1))
    with pytest.raises(ShipmentInvalid):
        await engine.perform(shop.reseller, deliver_shipment, early)


async def test_what_has_left_is_not_cancelled_and_what_is_cancelled_does_not_leave(
    engine: Engine, owner: Owner
) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 2)
    await shipped(engine, shop.reseller, order, 1)
    with pytest.raises(LinesUnderWay):
        await engine.perform(shop.reseller, cancel, Cancel(order.id))
    other = await a_sold_order(engine, shop, 2)
    parcel = await a_parcel(engine, shop.reseller, other, 1)
    await engine.perform(shop.reseller, cancel, Cancel(other.id))
    with pytest.raises(ShipmentInvalid) as refused:
        await engine.perform(shop.reseller, dispatch, DispatchShipment(parcel.id))
    assert [problem.code for problem in refused.value.problems] == ["line_not_shippable"]


async def test_a_customer_looks_on_and_does_not_ship_to_itself(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 2)
    parcel = await a_parcel(engine, shop.reseller, order, 1)
    with pytest.raises(OnlySellersShip):
        await a_parcel(engine, shop.customer, order, 1)
    with pytest.raises(OnlySellersShip):
        await engine.perform(shop.customer, dispatch, DispatchShipment(parcel.id))
    weak = may(shop.reseller, permissions.SHIPMENTS_READ)
    with pytest.raises(PermissionMissing):
        await engine.perform(weak, dispatch, DispatchShipment(parcel.id))
    found = await engine.read(shop.customer, find_shipments, FindShipments())
    assert [one.id for one in found.items] == [parcel.id]


async def test_a_parcel_is_seen_by_its_customer_its_sellers_and_its_supplier(
    engine: Engine, owner: Owner
) -> None:
    shop, other = a_goods_shop(owner), a_goods_shop(owner)
    supplier = handling(an_organization(owner, shop.operator, "supplier"))
    order = await a_sold_order(engine, shop, 2)
    named = await a_parcel(engine, shop.operator, order, 1, supplier_id=supplier.organization_id)
    own = await a_parcel(engine, shop.reseller, order, 1)

    async def seen(actor: Actor, **wanted: Any) -> set[ShipmentId]:
        page = await engine.read(actor, find_shipments, FindShipments(**wanted))
        return {one.id for one in page.items}

    for actor in (shop.operator, shop.reseller, shop.customer, shop.system):
        assert await seen(actor) == {named.id, own.id}
        assert await seen(actor, order_id=order.id) == {named.id, own.id}
        assert await seen(actor, order_id=OrderId(new_id())) == set()
    assert await seen(supplier) == {named.id}
    for stranger in (other.operator, other.reseller, handling(an_organization(owner, shop.operator))):
        assert await seen(stranger) == set()
        with pytest.raises(ShipmentUnknown):
            await engine.read(stranger, get_shipment, named.id)
    with pytest.raises(ShipmentUnknown):
        await engine.read(supplier, get_shipment, own.id)


@pytest.fixture
async def jobs(database_url: str) -> Any:
    async with open_jobs_pool(database_url) as pool:
        yield pool


async def test_a_supplier_ships_its_lines_and_the_order_follows_a_moment_later(
    engine: Engine, owner: Owner, jobs: Pool
) -> None:
    shop = a_goods_shop(owner)
    supplier = handling(an_organization(owner, shop.operator, "supplier"))
    owner.execute(
        "UPDATE plans SET supplier_id = %s WHERE id = %s", (supplier.organization_id, shop.plans["scanner"])
    )
    order = await a_placed_order(engine, shop, some("scanner", 2), some("dock"))
    parcel = await a_parcel(engine, supplier, order, 2, serials=("S-1", "S-2"))
    assert parcel.supplier_id == supplier.organization_id
    with pytest.raises(ShipmentInvalid) as refused:  # nothing of the other line is its business
        await a_parcel(engine, supplier, order, 0, 1)
    assert [problem.code for problem in refused.value.problems] == ["line_unknown"]
    await engine.perform(supplier, dispatch, DispatchShipment(parcel.id))
    assert progress(await now(engine, shop, order.id))[1][0] == ("submitted", 0)
    with pytest.raises(Conflict):  # it has left, although the order does not know that yet
        await engine.perform(shop.reseller, cancel, Cancel(order.id))
    await run_until_idle(engine, jobs, tasks(Providers({}, {})), shop.tenant.id)
    assert progress(await now(engine, shop, order.id))[1][0] == ("completed", 2)
    assets = await engine.read(shop.customer, find_assets, FindAssets())
    assert [(one.line_id, one.serial_numbers) for one in assets.items] == [
        (order.lines[0].id, ("S-1", "S-2"))
    ]


async def test_what_was_shipped_is_the_customer_s(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 3)
    await shipped(engine, shop.reseller, order, 1, serials=("S-9",))
    assert (await engine.read(shop.customer, find_assets, FindAssets())).items == []
    await shipped(engine, shop.reseller, order, 2, serials=("S-2",))
    (asset,) = (await engine.read(shop.customer, find_assets, FindAssets())).items
    assert (asset.customer_id, asset.order_id, asset.line_id, asset.plan_id) == (
        order.customer_id,
        order.id,
        order.lines[0].id,
        shop.plans["scanner"],
    )
    assert (asset.quantity, asset.serial_numbers, asset.status) == (3, ("S-2", "S-9"), AssetStatus.ACTIVE)


async def test_fulfilling_an_order_leaves_alone_what_is_shipped(
    engine: Engine, owner: Owner, jobs: Pool
) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 2)
    await run_until_idle(engine, jobs, tasks(Providers({}, {})), shop.tenant.id)
    found = await now(engine, shop, order.id)
    assert found.lines[0].status is LineStatus.SUBMITTED
    assert owner.execute(
        "SELECT count(*) FROM provisionings WHERE order_id = %s", (order.id,)
    ).fetchone() == (0,)


async def test_what_shipping_costs_in_round_trips(engine: Engine, owner: Owner, meters: list[Meter]) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 2)
    parcel = await a_parcel(engine, shop.reseller, order, 2)
    assert meters[-1].round_trips == 2
    await engine.perform(shop.reseller, dispatch, DispatchShipment(parcel.id))
    assert meters[-1].round_trips == 3
    await engine.perform(shop.reseller, deliver_shipment, DeliverShipment(parcel.id))
    assert meters[-1].round_trips == 2
    await engine.read(shop.reseller, find_shipments, FindShipments())
    assert meters[-1].round_trips == 1
