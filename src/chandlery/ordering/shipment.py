"""A parcel, or several on one note: pieces of lines on their way to a customer.

    planned ──> dispatched ──> delivered
       └──────> cancelled

A line may be spread over several shipments, a shipment may hold lines of several orders of one customer. Planning
reserves pieces, so that none is shipped twice; only dispatching moves lines (`Line.shipped`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, ShipmentId
from chandlery.ordering.errors import ShipmentInvalid, ShipmentNotReady
from chandlery.ordering.status import LineStatus
from chandlery.parties.address import Postal

MAX_ITEMS = 500
MAX_SERIALS = 1000


class ShipmentStatus(StrEnum):
    PLANNED = "planned"
    DISPATCHED = "dispatched"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


SHIPMENT_MOVES: Mapping[ShipmentStatus, frozenset[ShipmentStatus]] = {
    ShipmentStatus.PLANNED: frozenset({ShipmentStatus.DISPATCHED, ShipmentStatus.CANCELLED}),
    ShipmentStatus.DISPATCHED: frozenset({ShipmentStatus.DELIVERED}),
    ShipmentStatus.DELIVERED: frozenset(),
    ShipmentStatus.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class ShipmentItem:
    """So many pieces of a line; a serial number for each that has one."""

    order_id: OrderId
    line_id: LineId
    quantity: int
    serial_numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dispatched:
    """How many pieces of a line have left, in all its shipments, and their serial numbers."""

    quantity: int
    serial_numbers: tuple[str, ...]

    def with_item(self, item: ShipmentItem) -> Dispatched:
        serials = sorted((*self.serial_numbers, *item.serial_numbers))
        return Dispatched(self.quantity + item.quantity, tuple(serials))


@dataclass(frozen=True, slots=True)
class Waybill:
    """What is written on it. Addresses are as they were printed: nobody's later move changes them."""

    carrier: str | None = None
    service: str | None = None
    packages: int = 1
    tracking_number: str | None = None
    tracking_url: str | None = None
    delivery_note_number: str | None = None
    from_address: Postal | None = None
    to_address: Postal | None = None
    expected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """The customer that a shipment goes to."""

    id: OrganizationId
    path: str
    seller_id: OrganizationId | None


@dataclass(frozen=True, slots=True)
class ShippableLine:
    """What a shipper has to know of a line: whose it is, how many it wants, how many are in other shipments."""

    order_id: OrderId
    line_id: LineId
    position: int
    customer_id: OrganizationId
    supplier_id: OrganizationId | None
    status: LineStatus
    fulfilled_by: str
    quantity: int
    planned: int
    serial_numbers: frozenset[str]

    def problem(self) -> str | None:
        """Why nothing of it can be shipped now, or None."""
        if self.fulfilled_by != "shipment":
            return "This line is fulfilled by its provider, not shipped; leave it out."
        if self.status not in (LineStatus.SUBMITTED, LineStatus.IN_PROGRESS):
            return (
                f"This line is {self.status}; only lines of placed orders that are not finished are shipped."
            )
        return None


@dataclass(frozen=True, slots=True)
class Shipment:
    """It belongs to the customer; `supplier_id` is who ships, where that is not the seller."""

    id: ShipmentId
    number: str
    customer_id: OrganizationId
    customer_path: str
    seller_id: OrganizationId | None
    supplier_id: OrganizationId | None
    created_at: datetime
    items: tuple[ShipmentItem, ...]
    waybill: Waybill = field(default_factory=Waybill)
    status: ShipmentStatus = ShipmentStatus.PLANNED
    attributes: Mapping[str, Any] = field(default_factory=dict)
    dispatched_at: datetime | None = None
    delivered_at: datetime | None = None
    version: int = 1

    @property
    def order_ids(self) -> tuple[OrderId, ...]:
        return tuple(sorted({item.order_id for item in self.items}))

    def at_version(self, expected: int | None) -> Shipment:
        if expected not in (None, self.version):
            raise VersionStale(given=str(expected), version=str(self.version))
        return self

    def dispatch(self, at: datetime) -> Shipment:
        if not self.items:
            raise ShipmentInvalid(
                Problem("items", "There is nothing in this shipment; add pieces first.", "empty")
            )
        return self._become(ShipmentStatus.DISPATCHED, dispatched_at=at)

    def deliver(self, at: datetime) -> Shipment:
        if self.dispatched_at is not None and at < self.dispatched_at:
            problem = Problem("delivered_at", "Nothing arrives before it was dispatched.", "out_of_range")
            raise ShipmentInvalid(problem)
        return self._become(ShipmentStatus.DELIVERED, delivered_at=at)

    def cancel(self) -> Shipment:
        return self._become(ShipmentStatus.CANCELLED)

    def labelled(self, waybill: Waybill, attributes: Mapping[str, Any]) -> Shipment:
        """With another waybill: carriers and tracking are often known late, so at any time but after a cancellation."""
        if self.status is ShipmentStatus.CANCELLED:
            raise ShipmentNotReady(given=self.status)
        return replace(self, waybill=waybill, attributes=attributes, version=self.version + 1)

    def packed(self, items: Sequence[ShipmentItem]) -> Shipment:
        """With other pieces in it, as long as it has not left."""
        if self.status is not ShipmentStatus.PLANNED:
            raise ShipmentNotReady(given=self.status)
        return replace(self, items=tuple(items))

    def _become(self, status: ShipmentStatus, **changes: Any) -> Shipment:
        if status not in SHIPMENT_MOVES[self.status]:
            raise ShipmentNotReady(given=f"{self.status} to {status}")
        return replace(self, status=status, version=self.version + 1, **changes)


def item_problems(
    items: Sequence[ShipmentItem], lines: Mapping[LineId, ShippableLine], customer_id: OrganizationId
) -> list[Problem]:
    """All that keeps these pieces from being shipped together to that customer."""
    problems: list[Problem] = []
    if len(items) > MAX_ITEMS:
        return [Problem("items", f"A shipment holds {MAX_ITEMS} lines at most.", "too_many")]
    seen: set[LineId] = set()
    for index, item in enumerate(items):
        place, line = f"items.{index}", lines.get(item.line_id)
        if line is None or line.order_id != item.order_id:
            problems.append(
                Problem(f"{place}.line_id", "There is no such line in that order.", "line_unknown")
            )
            continue
        if item.line_id in seen:
            problems.append(Problem(f"{place}.line_id", "Name a line once in a shipment.", "twice"))
        seen.add(item.line_id)
        if line.customer_id != customer_id:
            problems.append(
                Problem(f"{place}.order_id", "A shipment goes to one customer.", "other_customer")
            )
        if unfit := line.problem():
            problems.append(Problem(f"{place}.line_id", unfit, "line_not_shippable"))
        elif not 1 <= item.quantity <= (left := line.quantity - line.planned):
            message = f"Only {left} pieces of this line are in no shipment yet; ship between 1 and that many."
            problems.append(Problem(f"{place}.quantity", message, "quantity_exceeded"))
        problems += _serial_problems(f"{place}.serial_numbers", item, line)
    return problems


def _serial_problems(place: str, item: ShipmentItem, line: ShippableLine) -> list[Problem]:
    given = item.serial_numbers
    if len(given) > min(item.quantity, MAX_SERIALS):
        return [Problem(place, f"Give one serial number a piece, and {MAX_SERIALS} at most.", "too_many")]
    if any(not (1 <= len(one) <= 200 and one.isprintable()) for one in given):
        return [Problem(place, "Give serial numbers of 1 to 200 printable characters.", "text")]
    if len(set(given)) < len(given) or not line.serial_numbers.isdisjoint(given):
        return [Problem(place, "Each piece of a line has a serial number of its own.", "twice")]
    return []
