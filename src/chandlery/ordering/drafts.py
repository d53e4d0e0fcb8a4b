"""Orders in the making: opening a draft, filling it, changing its header, throwing it away, letting it expire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chandlery.catalog.offers import Offers, PlanRef, offers
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.identity.channels import Channel, channel_if_seen
from chandlery.identity.organizations import Organization, organization_query
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import ChannelId, LineId, OrderId, OrganizationId, new_id
from chandlery.kernel.money import CurrencyUnknown, is_currency
from chandlery.ordering import events
from chandlery.ordering._store import lists
from chandlery.ordering._store import orders as store
from chandlery.ordering.attributes import attribute_problems, merged
from chandlery.ordering.errors import CustomerInactive, DraftFull, OrderInvalid
from chandlery.ordering.line import Line
from chandlery.ordering.offered import LineRequest, can_be_looked_up, new_lines, offered_again
from chandlery.ordering.order import MAX_LINES, Order

__all__ = [
    "AddLine",
    "ChangeDraft",
    "ChangeLine",
    "DeleteDraft",
    "DropLine",
    "LineRequest",
    "OpenDraft",
    "add_line",
    "change_draft",
    "change_line",
    "delete_draft",
    "drop_line",
    "expire",
    "open_draft",
]

DRAFT_LIFETIME = timedelta(days=7)
MAX_LIFETIME = timedelta(days=3660)
MAX_PO_NUMBER = 100
DEFAULT_CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """A draft for `customer_id`. No currency: the customer's own, else US dollars. No lifetime: it never expires. No
    channel: the seller's default one.
    """

    customer_id: OrganizationId
    currency: str | None = None
    po_number: str | None = None
    lines: Sequence[LineRequest] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    expires_after: timedelta | None = DRAFT_LIFETIME
    channel_id: ChannelId | None = None


@dataclass(frozen=True, slots=True)
class AddLine:
    order_id: OrderId
    ref: PlanRef
    quantity: int = 1
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """What is None stays; characteristics are replaced as a whole."""

    order_id: OrderId
    line_id: LineId
    quantity: int | None = None
    characteristics: Mapping[str, Any] | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class DropLine:
    order_id: OrderId
    line_id: LineId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeDraft:
    """What is None stays; an empty PO number removes it. Attributes are replaced by namespace, an empty one goes."""

    order_id: OrderId
    po_number: str | None = None
    attributes: Mapping[str, Any] | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteDraft:
    order_id: OrderId
    expected_version: int | None = None


async def open_draft(unit: Unit, actor: Actor, command: OpenDraft) -> Order:
    """A new draft, with any number of lines at once."""
    actor.require(permissions.ORDERS_WRITE)
    problems = _header_problems(command)
    if len(command.lines) > MAX_LINES or not is_currency(command.currency or DEFAULT_CURRENCY):
        raise OrderInvalid(*problems)  # no line of these could be looked up
    about = organization_query(command.customer_id), store.next_serial()
    if command.channel_id is None:
        customer, serial = await unit.fetch(*about)
    else:
        customer, serial, channel = await unit.fetch(*about, channel_if_seen(command.channel_id))
        problems += _channel_problems(channel, customer)
    if customer.kind == "supplier":
        problems.append(Problem("customer_id", "A supplier buys nothing here; name a customer.", "unfit"))
    require_active(customer)
    order = Order(
        id=OrderId(new_id()),
        number=f"SO{serial}",
        serial=serial,
        customer_id=customer.id,
        seller_id=customer.parent_id,
        placed_by=actor.organization_id,
        currency=command.currency or _own_currency(customer),
        created_at=unit.now,
        po_number=command.po_number or None,
        attributes=merged({}, command.attributes),
        channel_id=command.channel_id,
    )
    lines = await _new_lines(unit, order, command.lines, "lines.", problems)
    expires_at = None if command.expires_after is None else unit.now + command.expires_after
    order = replace(order, expires_at=expires_at, lines=tuple(lines))
    unit.write(store.insert_order(order))
    if lines:
        unit.write(store.set_prices(order.id, lines))
    unit.emit(events.happened(order, "created", number=order.number, currency=order.currency))
    for line in lines:
        unit.emit(events.of_line(order, "line_added", line))
    return order.seen_by(actor)


async def add_line(unit: Unit, actor: Actor, command: AddLine) -> Order:
    """The draft with one more line, its last."""
    actor.require(permissions.ORDERS_WRITE)
    order = await _open_for_change(unit, command.order_id, command.expected_version)
    if len(order.lines) >= MAX_LINES:
        raise DraftFull(given=order.number)
    request = LineRequest(command.ref, command.quantity, command.characteristics)
    (line,) = await _new_lines(unit, order, (request,))
    return _saved(unit, order.with_line(line), line, "line_added").seen_by(actor)


async def change_line(unit: Unit, actor: Actor, command: ChangeLine) -> Order:
    """The draft with another quantity or other characteristics in a line, at the price of this moment."""
    actor.require(permissions.ORDERS_WRITE)
    order = await _open_for_change(unit, command.order_id, command.expected_version)
    line = order.line(command.line_id)
    asked = replace(
        line,
        quantity=line.quantity if command.quantity is None else command.quantity,
        characteristics=line.characteristics if command.characteristics is None else command.characteristics,
    )
    offered = await unit.fetch(offers(order.customer_id, [PlanRef(line.plan_id)], order.currency))
    (changed,) = offered_again(offered, (asked,), ("",))
    return _saved(unit, order.with_line(changed), changed, "line_changed").seen_by(actor)


async def drop_line(unit: Unit, actor: Actor, command: DropLine) -> Order:
    """The draft without a line; the others keep their positions."""
    actor.require(permissions.ORDERS_WRITE)
    order = await _open_for_change(unit, command.order_id, command.expected_version)
    dropped = order.line(command.line_id)
    order = order.without_line(dropped.id)
    unit.write(store.delete_line(order.id, dropped.id), store.save_order(order))
    unit.emit(events.of_line(order, "line_removed", dropped))
    return order


async def change_draft(unit: Unit, actor: Actor, command: ChangeDraft) -> Order:
    """The draft with another header."""
    actor.require(permissions.ORDERS_WRITE)
    problems = _po_number_problems(command.po_number) + attribute_problems(command.attributes or {})
    if problems:
        raise OrderInvalid(*problems)
    order = await _open_for_change(unit, command.order_id, command.expected_version)
    attributes = merged(order.attributes, command.attributes or {})
    if problems := attribute_problems(attributes):
        raise OrderInvalid(*problems)
    po_number = order.po_number if command.po_number is None else command.po_number or None
    given = {"po_number": command.po_number, "attributes": command.attributes}
    order = order.headed(po_number, attributes)
    unit.write(store.save_order(order))
    unit.emit(
        events.happened(order, "changed", fields=[name for name, value in given.items() if value is not None])
    )
    return order


async def delete_draft(unit: Unit, actor: Actor, command: DeleteDraft) -> None:
    """Gone for good, but for its history."""
    actor.require(permissions.ORDERS_WRITE)
    order = await load_for_change(unit, command.order_id)
    discard(unit, order.at_version(command.expected_version).as_draft())


async def expire(unit: Unit, actor: Actor, limit: int) -> int:
    """Delete up to `limit` drafts whose time is over; how many there were."""
    actor.require(permissions.ORDERS_WRITE)
    expired = await unit.fetch(lists.expired_drafts(limit))
    if expired:
        unit.write(store.delete_drafts([draft.id for draft in expired]))
    for draft in expired:
        unit.emit(Event("order.expired", draft.id, draft.customer_id, {"number": draft.number}))
    return len(expired)


async def load_for_change(unit: Unit, order_id: OrderId) -> Order:
    """The order as it is once nobody else is changing it."""
    _, order = await unit.fetch(store.lock_order(order_id), store.order_query(order_id))
    return order


def discard(unit: Unit, draft: Order) -> None:
    unit.write(store.delete_drafts([draft.id]))
    unit.emit(events.happened(draft, "deleted", number=draft.number))


def require_active(customer: Organization) -> None:
    if customer.status != "active":
        raise CustomerInactive(given=customer.name)


async def _open_for_change(unit: Unit, order_id: OrderId, expected_version: int | None) -> Order:
    order = await load_for_change(unit, order_id)
    return order.open_for_change(unit.now).at_version(expected_version)


async def _new_lines(
    unit: Unit,
    order: Order,
    requests: Sequence[LineRequest],
    below: str | None = None,
    problems: Sequence[Problem] = (),
) -> list[Line]:
    places = ["" if below is None else f"{below}{index}" for index in range(len(requests))]
    refs = [request.ref for request in requests if can_be_looked_up(request)]
    query = offers(order.customer_id, refs, order.currency)
    offered = await unit.fetch(query) if requests else Offers(order.customer_id, order.currency)
    return new_lines(offered, order, requests, places, problems)


def _saved(unit: Unit, order: Order, line: Line, what: str) -> Order:
    unit.write(store.save_order(order, (line,)), store.set_prices(order.id, (line,)))
    unit.emit(events.of_line(order, what, line))
    return order


def _header_problems(command: OpenDraft) -> list[Problem]:
    problems = _po_number_problems(command.po_number) + attribute_problems(command.attributes)
    if command.currency is not None and not is_currency(command.currency):
        problems.append(Problem("currency", CurrencyUnknown.message(), CurrencyUnknown.code()))
    lifetime = command.expires_after
    if lifetime is not None and not timedelta(0) < lifetime <= MAX_LIFETIME:
        message = "Let a draft expire within the next ten years."
        problems.append(Problem("expires_after", message, "out_of_range"))
    if len(command.lines) > MAX_LINES:
        problems.append(Problem("lines", f"A draft holds {MAX_LINES} lines at most.", "too_many"))
    return problems


def _channel_problems(channel: Channel | None, customer: Organization) -> list[Problem]:
    if channel is None or channel.organization_id != customer.parent_id:
        return [
            Problem("channel_id", "The customer's seller has no such channel; list its channels.", "unknown")
        ]
    if channel.status != "active":
        return [Problem("channel_id", "This channel is closed; choose another.", "closed")]
    return []


def _po_number_problems(po_number: str | None) -> list[Problem]:
    if not po_number or (po_number.isprintable() and len(po_number) <= MAX_PO_NUMBER):
        return []
    message = f"Give a PO number of at most {MAX_PO_NUMBER} printable characters."
    return [Problem("po_number", message, "text")]


def _own_currency(customer: Organization) -> str:
    own = customer.attributes.get("currency")
    return own if isinstance(own, str) and is_currency(own) else DEFAULT_CURRENCY
