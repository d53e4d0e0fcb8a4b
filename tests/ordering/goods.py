"""Builders of what is shipped: a shop that sells a scanner piece by piece, parcels of it, and what comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg

from chandlery.engine.unit_of_work import Engine
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrderId
from chandlery.ordering.order import Order
from chandlery.ordering.queries import get_order
from chandlery.ordering.return_request import Return, ReturnItem, ReturnReason
from chandlery.ordering.returns import RequestReturn, request_return
from chandlery.ordering.shipment import Shipment, ShipmentItem
from chandlery.ordering.shipments import PlanShipment, plan_shipment
from chandlery.processes.ship_lines import DispatchShipment, dispatch
from tests.catalog.builders import a_shipped_plan
from tests.ordering.builders import Shop, a_placed_order, a_shop, some

GOODS = frozenset(
    {
        permissions.SHIPMENTS_READ,
        permissions.SHIPMENTS_WRITE,
        permissions.RETURNS_READ,
        permissions.RETURNS_WRITE,
        permissions.RETURNS_DECIDE,
        permissions.ASSETS_READ,
        permissions.STOCK_READ,
    }
)


def handling(actor: Actor) -> Actor:
    """The same actor, who may also ship and answer to returns."""
    return replace(actor, permissions=actor.permissions | GOODS)


def a_goods_shop(owner: psycopg.Connection[Any]) -> Shop:
    """A piece of `scanner` costs the operator 100.00, the reseller 110.00 and the customer 165.00."""
    shop = a_shop(owner)
    plan = a_shipped_plan(owner, shop.tenant)
    return Shop(
        shop.tenant,
        handling(shop.operator),
        handling(shop.reseller),
        handling(shop.customer),
        {**shop.plans, "scanner": plan},
    )


async def a_sold_order(engine: Engine, shop: Shop, *quantities: int) -> Order:
    """A placed order with a line of scanners for each quantity."""
    return await a_placed_order(engine, shop, *(some("scanner", quantity) for quantity in quantities))


def pieces(order: Order, *quantities: int, serials: tuple[str, ...] = ()) -> list[ShipmentItem]:
    """So many pieces of the order's lines, in their order; 0 leaves a line out."""
    pairs = zip(order.lines, quantities, strict=False)
    return [ShipmentItem(order.id, line.id, count, serials) for line, count in pairs if count]


async def a_parcel(
    engine: Engine, by: Actor, order: Order, *quantities: int, serials: tuple[str, ...] = (), **waybill: Any
) -> Shipment:
    """A planned shipment of these pieces."""
    command = PlanShipment(order.customer_id, pieces(order, *quantities, serials=serials), **waybill)
    return (await engine.perform(by, plan_shipment, command)).result


async def shipped(
    engine: Engine, by: Actor, order: Order, *quantities: int, serials: tuple[str, ...] = ()
) -> Shipment:
    """The same, and off it goes."""
    parcel = await a_parcel(engine, by, order, *quantities, serials=serials)
    return (await engine.perform(by, dispatch, DispatchShipment(parcel.id))).result


async def now(engine: Engine, shop: Shop, order_id: OrderId) -> Order:
    return await engine.read(shop.system, get_order, order_id)


async def asked_back(
    engine: Engine, shop: Shop, order: Order, *quantities: int, serials: tuple[str, ...] = ()
) -> Return:
    """The customer asks to send back so many pieces of each line."""
    items = [
        ReturnItem(line.id, count, ReturnReason.DEFECT, "DEF010", "Does not switch on.", serials)
        for line, count in zip(order.lines, quantities, strict=False)
        if count
    ]
    return (await engine.perform(shop.customer, request_return, RequestReturn(order.id, items))).result
