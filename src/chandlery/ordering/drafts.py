"""Orders in the making: opening a draft, filling it, changing its header, throwing it away, letting it expire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chandlery.catalog.offers import Offers, PlanRef, offers
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.identity.channels import Channel, channel_if_seen
from chandlery.identity.organizations import Organization, organization_query
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import LineId, OrderId, new_id
from chandlery.kernel.money import is_currency
from chandlery.ordering import events
from chandlery.ordering._store import lists
from chandlery.ordering._store import orders as store
from chandlery.ordering._store.terms import terms_of, terms_of_order
from chandlery.ordering.attributes import attribute_problems, merged
from chandlery.ordering.custom_field import CustomFields, Noun, with_values
from chandlery.ordering.errors import CustomerInactive, DraftFull, OrderInvalid
from chandlery.ordering.header import (
    DEFAULT_CURRENCY,
    DRAFT_LIFETIME,
    OpenDraft,
    channel_problems,
    header_problems,
    own_currency,
    po_number_problems,
)
from chandlery.ordering.line import Line
from chandlery.ordering.offered import LineRequest, can_be_looked_up, new_lines, offered_again
from chandlery.ordering.order import MAX_LINES, Order
from chandlery.ordering.terms import Terms

__all__ = [
    "DEFAULT_CURRENCY",
    "DRAFT_LIFETIME",
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


@dataclass(frozen=True, slots=True)
class AddLine:
    order_id: OrderId
    ref: PlanRef
    quantity: int = 1
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    expected_version: int | None = None
    custom_fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """What is None stays; characteristics are replaced as a whole, custom fields by name (None takes one away)."""

    order_id: OrderId
    line_id: LineId
    quantity: int | None = None
    characteristics: Mapping[str, Any] | None = None
    expected_version: int | None = None
    custom_fields: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DropLine:
    order_id: OrderId
    line_id: LineId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeDraft:
    """What is None stays; an empty PO number removes it. Attributes are replaced by namespace, an empty one goes.

    Custom fields are replaced by name; None takes one away.
    """

    order_id: OrderId
    po_number: str | None = None
    attributes: Mapping[str, Any] | None = None
    expected_version: int | None = None
    custom_fields: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DeleteDraft:
    order_id: OrderId
    expected_version: int | None = None


async def open_draft(unit: Unit, actor: Actor, command: OpenDraft) -> Order:
    """A new draft, with any number of lines at once."""
    actor.require(permissions.ORDERS_WRITE)
    problems = header_problems(command)
    if len(command.lines) > MAX_LINES or not is_currency(command.currency or DEFAULT_CURRENCY):
        raise OrderInvalid(*problems)  # no line of these could be looked up
    customer, serial, terms, channel = await _about(unit, command)
    fields = CustomFields() if terms is None else terms.fields
    if terms is not None:
        problems += fields.problems_with("order", command.custom_fields, unit.path, "custom_fields")
    if command.channel_id is not None:
        problems += channel_problems(channel, customer)
    if customer.kind == "supplier":
        problems.append(Problem("customer_id", "A supplier buys nothing here; name a customer.", "unfit"))
    if customer.status != "active":
        raise CustomerInactive(given=customer.name)
    order = Order(
        id=OrderId(new_id()),
        number=f"SO{serial}",
        serial=serial,
        customer_id=customer.id,
        seller_id=customer.parent_id,
        placed_by=actor.organization_id,
        currency=command.currency or own_currency(customer),
        created_at=unit.now,
        po_number=command.po_number or None,
        attributes=merged({}, command.attributes),
        custom_fields=with_values({}, command.custom_fields),
        channel_id=command.channel_id,
    )
    places = [f"lines.{index}" for index in range(len(command.lines))]
    for request, place in zip(command.lines, places, strict=True):
        problems += fields.problems_with("line", request.custom_fields, unit.path, f"{place}.custom_fields")
    lines = await _new_lines(unit, order, command.lines, places, problems)
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
    order, problems = await _open_with_fields(unit, command, "line")
    if len(order.lines) >= MAX_LINES:
        raise DraftFull(given=order.number)
    request = LineRequest(command.ref, command.quantity, command.characteristics, command.custom_fields)
    (line,) = await _new_lines(unit, order, (request,), ("",), problems)
    return _saved(unit, order.with_line(line), line, "line_added").seen_by(actor)


async def change_line(unit: Unit, actor: Actor, command: ChangeLine) -> Order:
    """The draft with another quantity or other characteristics in a line, at the price of this moment."""
    actor.require(permissions.ORDERS_WRITE)
    order, problems = await _open_with_fields(unit, command, "line")
    line = order.line(command.line_id)
    asked = replace(
        line,
        quantity=line.quantity if command.quantity is None else command.quantity,
        characteristics=line.characteristics if command.characteristics is None else command.characteristics,
        custom_fields=with_values(line.custom_fields, command.custom_fields or {}),
    )
    offered = await unit.fetch(offers(order.customer_id, [PlanRef(line.plan_id)], order.currency))
    (changed,) = offered_again(offered, (asked,), ("",), problems)
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
    problems = po_number_problems(command.po_number) + attribute_problems(command.attributes or {})
    if problems:
        raise OrderInvalid(*problems)
    order, wrong = await _open_with_fields(unit, command, "order")
    attributes = merged(order.attributes, command.attributes or {})
    problems = attribute_problems(attributes) + wrong
    if problems:
        raise OrderInvalid(*problems)
    po_number = order.po_number if command.po_number is None else command.po_number or None
    given = {
        "po_number": command.po_number,
        "attributes": command.attributes,
        "custom_fields": command.custom_fields,
    }
    order = order.headed(po_number, attributes, with_values(order.custom_fields, command.custom_fields or {}))
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


async def _about(unit: Unit, command: OpenDraft) -> tuple[Organization, int, Terms | None, Channel | None]:
    """What a new draft has to know, in one round trip: of terms and channels only where it names any."""
    wanted = organization_query(command.customer_id), store.next_serial()
    terms, channel_id = terms_of(command.customer_id), command.channel_id
    if channel_id is not None and command.sets_fields:
        return await unit.fetch(*wanted, terms, channel_if_seen(channel_id))
    if channel_id is not None:
        customer, serial, channel = await unit.fetch(*wanted, channel_if_seen(channel_id))
        return customer, serial, None, channel
    if command.sets_fields:
        return (*await unit.fetch(*wanted, terms), None)
    return (*await unit.fetch(*wanted), None, None)


async def _open_for_change(unit: Unit, order_id: OrderId, expected_version: int | None) -> Order:
    order = await load_for_change(unit, order_id)
    return order.open_for_change(unit.now).at_version(expected_version)


async def _open_with_fields(
    unit: Unit, command: AddLine | ChangeLine | ChangeDraft, noun: Noun
) -> tuple[Order, list[Problem]]:
    """The draft, and what is wrong with the custom fields given; their definitions are fetched only for those."""
    order_id, given = command.order_id, command.custom_fields
    if not given:
        return await _open_for_change(unit, order_id, command.expected_version), []
    _, order, terms = await unit.fetch(
        store.lock_order(order_id), store.order_query(order_id), terms_of_order(order_id)
    )
    order.open_for_change(unit.now).at_version(command.expected_version)
    return order, terms.fields.problems_with(noun, given, unit.path, "custom_fields")


async def _new_lines(
    unit: Unit,
    order: Order,
    requests: Sequence[LineRequest],
    places: Sequence[str],
    problems: Sequence[Problem],
) -> list[Line]:
    refs = [request.ref for request in requests if can_be_looked_up(request)]
    query = offers(order.customer_id, refs, order.currency)
    offered = await unit.fetch(query) if requests else Offers(order.customer_id, order.currency)
    return new_lines(offered, order, requests, places, problems)


def _saved(unit: Unit, order: Order, line: Line, what: str) -> Order:
    unit.write(store.save_order(order, (line,)), store.set_prices(order.id, (line,)))
    unit.emit(events.of_line(order, what, line))
    return order
