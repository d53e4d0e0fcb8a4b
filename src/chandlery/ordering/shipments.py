"""Shipping: planning a shipment, packing and labelling it, sending it off, and hearing that it has arrived.

Whoever sells or supplies ships; a customer never ships to itself. What a dispatch means for the order is told by
`shipping.py`, in the same transaction where the shipper sees the order, else by a story (`processes/ship_lines.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.identity.organizations import organization_query
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import LineId, OrganizationId, ShipmentId, new_id
from chandlery.ordering._store import shipments as store
from chandlery.ordering.attributes import attribute_problems, merged
from chandlery.ordering.errors import OnlySellersShip, ShipmentInvalid
from chandlery.ordering.order import Order
from chandlery.ordering.shipment import (
    Dispatched,
    Shipment,
    ShipmentItem,
    ShippableLine,
    Waybill,
    item_problems,
)
from chandlery.ordering.shipping import dispatched_orders
from chandlery.parties.address import postal_problems

__all__ = [
    "CancelShipment",
    "ChangeShipment",
    "DeliverShipment",
    "DispatchShipment",
    "Label",
    "PlanShipment",
    "cancel_shipment",
    "change_shipment",
    "deliver_shipment",
    "dispatch_shipment",
    "plan_shipment",
]

_TEXTS = {
    "carrier": 200,
    "service": 200,
    "tracking_number": 3000,
    "tracking_url": 3000,
    "delivery_note_number": 200,
}


@dataclass(frozen=True, slots=True)
class PlanShipment:
    """Reserve pieces for a shipment to a customer; they can also be packed later (`ChangeShipment`).

    Without `supplier_id` whoever supplies all its lines ships it, or the seller.
    """

    customer_id: OrganizationId
    items: Sequence[ShipmentItem] = ()
    waybill: Waybill = field(default_factory=Waybill)
    supplier_id: OrganizationId | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Label:
    """What of a waybill is written anew: by the names of its fields; None empties one."""

    given: Mapping[str, Any] = field(default_factory=dict)

    def on(self, waybill: Waybill) -> Waybill:
        return replace(waybill, **self.given)


@dataclass(frozen=True, slots=True)
class ChangeShipment:
    """What is None stays; items are replaced as a whole, the waybill by field, attributes by namespace."""

    shipment_id: ShipmentId
    items: Sequence[ShipmentItem] | None = None
    label: Label = field(default_factory=Label)
    attributes: Mapping[str, Any] | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class DispatchShipment:
    """It has left, at `dispatched_at` or now; only then the tracking number is often known."""

    shipment_id: ShipmentId
    dispatched_at: datetime | None = None
    label: Label = field(default_factory=Label)
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Departed:
    """A shipment that has left, and what its orders (those that the actor sees, locked) have to be told."""

    shipment: Shipment
    orders: Sequence[Order]
    dispatched: Mapping[LineId, Dispatched]


@dataclass(frozen=True, slots=True)
class DeliverShipment:
    shipment_id: ShipmentId
    delivered_at: datetime | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class CancelShipment:
    """It will not leave; its pieces can go into another one."""

    shipment_id: ShipmentId
    expected_version: int | None = None


async def plan_shipment(unit: Unit, actor: Actor, command: PlanShipment) -> Shipment:
    actor.require(permissions.SHIPMENTS_WRITE)
    problems = _waybill_problems(command.waybill) + attribute_problems(command.attributes)
    orders = sorted({item.order_id for item in command.items})
    lines, customer, serial = await unit.fetch(
        store.lines_to_ship(orders), store.receiver(command.customer_id, orders), store.next_serial()
    )
    problems += item_problems(command.items, lines, command.customer_id)
    _require_shipper(actor, customer.id, customer.seller_id)
    if problems:
        raise ShipmentInvalid(*problems)
    await _check_supplier(unit, actor, command.supplier_id)
    shipment = Shipment(
        id=ShipmentId(new_id()),
        number=f"SH{serial}",
        customer_id=customer.id,
        customer_path=customer.path,
        seller_id=customer.seller_id,
        supplier_id=command.supplier_id or _common_supplier([lines[item.line_id] for item in command.items]),
        created_at=unit.now,
        items=tuple(command.items),
        waybill=command.waybill,
        attributes=merged({}, command.attributes),
    )
    unit.write(store.insert(shipment))
    unit.emit(_happened(shipment, "planned"))
    return shipment


async def change_shipment(unit: Unit, actor: Actor, command: ChangeShipment) -> Shipment:
    """Pack a shipment differently before it leaves, or correct its waybill at any time."""
    actor.require(permissions.SHIPMENTS_WRITE)
    before = await _load(unit, actor, command.shipment_id, command.expected_version)
    attributes = merged(before.attributes, command.attributes or {})
    waybill = command.label.on(before.waybill)
    problems = _waybill_problems(waybill) + attribute_problems(attributes)
    changed = before
    if command.items is not None:
        changed = before.packed(command.items)
        lines = await unit.fetch(store.lines_to_ship(changed.order_ids, but=before.id))
        problems += item_problems(changed.items, lines, before.customer_id)
    if problems:
        raise ShipmentInvalid(*problems)
    changed = changed.labelled(waybill, attributes)
    unit.write(store.save(changed))
    if command.items is not None:
        unit.write(*store.repack(changed))
    unit.emit(_happened(changed, "changed"))
    return changed


async def dispatch_shipment(unit: Unit, actor: Actor, command: DispatchShipment) -> Departed:
    """Send it off; from here on it is not called back. Surfaces call the process, which moves the lines, too."""
    actor.require(permissions.SHIPMENTS_WRITE)
    before = await _load(unit, actor, command.shipment_id, command.expected_version)
    at = command.dispatched_at or unit.now
    problems = []
    if at > unit.now:
        problems.append(Problem("dispatched_at", "Say so once it has left, not before.", "out_of_range"))
    dispatched = replace(before.dispatch(at), waybill=command.label.on(before.waybill))
    problems += _waybill_problems(dispatched.waybill)
    lines, _, orders, gone = await unit.fetch(
        store.lines_to_ship(before.order_ids, but=before.id), *dispatched_orders(before.order_ids)
    )
    problems += item_problems(before.items, lines, before.customer_id)
    if problems:
        raise ShipmentInvalid(*problems)
    unit.write(store.save(dispatched))
    unit.emit(_happened(dispatched, "dispatched"))
    nothing = Dispatched(0, ())
    for item in dispatched.items:
        gone[item.line_id] = gone.get(item.line_id, nothing).with_item(item)
    return Departed(dispatched, orders, gone)


async def deliver_shipment(unit: Unit, actor: Actor, command: DeliverShipment) -> Shipment:
    """It has arrived; its lines were completed when it left."""
    actor.require(permissions.SHIPMENTS_WRITE)
    before = await _load(unit, actor, command.shipment_id, command.expected_version)
    delivered = before.deliver(command.delivered_at or unit.now)
    unit.write(store.save(delivered))
    unit.emit(_happened(delivered, "delivered"))
    return delivered


async def cancel_shipment(unit: Unit, actor: Actor, command: CancelShipment) -> Shipment:
    actor.require(permissions.SHIPMENTS_WRITE)
    before = await _load(unit, actor, command.shipment_id, command.expected_version)
    cancelled = before.cancel()
    unit.write(store.save(cancelled))
    unit.emit(_happened(cancelled, "cancelled"))
    return cancelled


async def _load(unit: Unit, actor: Actor, shipment_id: ShipmentId, expected: int | None) -> Shipment:
    found = (await unit.fetch(store.by_id(shipment_id, lock=True))).at_version(expected)
    _require_shipper(actor, found.customer_id, found.seller_id)
    return found


def _require_shipper(actor: Actor, customer_id: OrganizationId, seller_id: OrganizationId | None) -> None:
    """The customer itself may look on; where nobody stands above it, it is its own seller."""
    if actor.organization_id == customer_id and seller_id is not None and not actor.is_system:
        raise OnlySellersShip


async def _check_supplier(unit: Unit, actor: Actor, supplier_id: OrganizationId | None) -> None:
    """A supplier ships for itself; a seller may name any organisation that it sees, but no customer."""
    if supplier_id is None or supplier_id == actor.organization_id:
        return
    if (await unit.fetch(organization_query(supplier_id))).kind == "customer":
        raise ShipmentInvalid(Problem("supplier_id", "A customer supplies nothing.", "unfit"))


def _common_supplier(lines: Sequence[ShippableLine]) -> OrganizationId | None:
    suppliers = {line.supplier_id for line in lines}
    return suppliers.pop() if len(suppliers) == 1 else None


def _waybill_problems(waybill: Waybill) -> list[Problem]:
    problems = []
    for name, most in _TEXTS.items():
        text = getattr(waybill, name)
        if text is not None and not (1 <= len(text) <= most and text.isprintable()):
            problems.append(Problem(name, f"Give 1 to {most} printable characters.", "text"))
    if not 1 <= waybill.packages <= 100_000:
        problems.append(Problem("packages", "Count 1 to 100000 packages.", "out_of_range"))
    if waybill.tracking_url is not None and not waybill.tracking_url.startswith(("https://", "http://")):
        problems.append(Problem("tracking_url", "Give a URL that begins with https:// or http://.", "url"))
    for name in ("from_address", "to_address"):
        address = getattr(waybill, name)
        problems += [] if address is None else postal_problems(address, f"{name}.")
    return problems


def _happened(shipment: Shipment, what: str) -> Event:
    """Its pieces by line, so that nobody has to read the shipment to know what it is about."""
    items = [
        {"order_id": str(item.order_id), "line_id": str(item.line_id), "quantity": item.quantity}
        for item in shipment.items
    ]
    data = {
        "number": shipment.number,
        "carrier": shipment.waybill.carrier,
        "tracking_number": shipment.waybill.tracking_number,
        "supplier_id": str(shipment.supplier_id) if shipment.supplier_id else None,
        "items": items,
    }
    return Event(
        f"shipment.{what}",
        shipment.id,
        shipment.customer_id,
        {key: value for key, value in data.items() if value is not None},
    )
