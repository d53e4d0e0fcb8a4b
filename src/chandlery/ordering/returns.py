"""Sending back: a customer asks, its seller answers, receives, and says what it refunds.

What has been received is no longer the customer's (`processes/take_back.py` tells its assets), and is put back on the
shelf unless it is not fit for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chandlery.catalog import stocking
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import LineId, OrderId, ReturnId, new_id
from chandlery.ordering import shipping
from chandlery.ordering._store import orders as order_store
from chandlery.ordering._store import returns as store
from chandlery.ordering.attributes import attribute_problems, merged
from chandlery.ordering.drafts import load_for_change
from chandlery.ordering.errors import OnlySellersShip, ReturnInvalid, ReturnNotReady
from chandlery.ordering.order import Order
from chandlery.ordering.return_request import (
    MAX_TEXT,
    RefundChoice,
    Return,
    ReturnItem,
    ReturnStatus,
    item_problems,
)

__all__ = [
    "MoveReturn",
    "ReceiveReturn",
    "RefundReturn",
    "RequestReturn",
    "move_return",
    "receive_return",
    "refund_return",
    "request_return",
]

_REFUNDABLE = frozenset(
    {ReturnStatus.APPROVED, ReturnStatus.RECEIVED, ReturnStatus.REFUNDED, ReturnStatus.COMPLETED}
)
_BY_THE_ASKER = frozenset({ReturnStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class RequestReturn:
    order_id: OrderId
    items: Sequence[ReturnItem]
    note: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MoveReturn:
    """Approve, reject, complete or cancel it; receiving and refunding are verbs of their own."""

    return_id: ReturnId
    to: ReturnStatus
    reason: str = ""
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ReceiveReturn:
    """The pieces have come back; `restock` puts them back on the shelves that they were taken from."""

    return_id: ReturnId
    restock: bool = True
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RefundReturn:
    """What the actor's organisation refunds to its buyer: all that was paid, but for what `refunds` says otherwise."""

    return_id: ReturnId
    refunds: Sequence[RefundChoice] = ()
    expected_version: int | None = None


async def request_return(unit: Unit, actor: Actor, command: RequestReturn) -> Return:
    """Ask to send pieces back; what was paid for them is worked out at once, for every seller of the chain."""
    actor.require(permissions.RETURNS_WRITE)
    problems = attribute_problems(command.attributes)
    if len(command.note) > MAX_TEXT or "\0" in command.note:
        problems.append(Problem("note", f"Give at most {MAX_TEXT} characters.", "text"))
    _, order, claimed, serial = await unit.fetch(
        order_store.lock_order(command.order_id),
        order_store.order_query(command.order_id),
        store.claimed(command.order_id),
        store.next_serial(),
    )
    problems += item_problems(order, command.items, claimed)
    if problems:
        raise ReturnInvalid(*problems)
    asked = Return(
        id=ReturnId(new_id()),
        number=f"RT{serial}",
        order_id=order.id,
        customer_id=order.customer_id,
        seller_id=order.seller_id,
        requested_by=actor.organization_id,
        created_at=unit.now,
        items=tuple(replace(item, position=n, refunds=()) for n, item in enumerate(command.items, 1)),
        note=command.note,
        attributes=merged({}, command.attributes),
    )
    unit.write(store.insert(asked), store.work_out_refunds(asked.id))
    unit.emit(_happened(asked))
    return await unit.fetch(store.by_id(asked.id))


async def move_return(unit: Unit, actor: Actor, command: MoveReturn) -> Return:
    by_asker = command.to in _BY_THE_ASKER
    actor.require(permissions.RETURNS_WRITE if by_asker else permissions.RETURNS_DECIDE)
    if command.to in (ReturnStatus.RECEIVED, ReturnStatus.REFUNDED):
        raise ReturnNotReady(given=f"moving to {command.to}")
    if len(command.reason) > MAX_TEXT or "\0" in command.reason:
        raise ReturnInvalid(Problem("reason", f"Give at most {MAX_TEXT} characters.", "text"))
    before = await _load(unit, command.return_id, command.expected_version)
    if not by_asker:
        _require_seller(actor, before)
    moved = before.become(command.to, unit.now, command.reason)
    unit.write(store.save(moved))
    unit.emit(_happened(moved))
    return moved


async def receive_return(unit: Unit, actor: Actor, command: ReceiveReturn) -> tuple[Return, Order]:
    """Count the pieces as returned, on the line and, where they are counted, on the shelf."""
    actor.require(permissions.RETURNS_DECIDE)
    before = await _load(unit, command.return_id, command.expected_version)
    _require_seller(actor, before)
    received = before.become(ReturnStatus.RECEIVED, unit.now)
    if before.refunded_at is not None:  # refunded first: it is still refunded
        received = replace(received, status=ReturnStatus.REFUNDED)
    order = shipping.take_back(unit, await load_for_change(unit, before.order_id), received.pieces)
    unit.write(store.save(received))
    counted: dict[LineId, int | None] = {
        line_id: count for line_id, count in received.pieces.items() if order.line(line_id).stocked
    }
    if command.restock and counted:
        unit.write(stocking.give_back(order.id, counted))
    unit.emit(_happened(received, "received"))
    return received, order


async def refund_return(unit: Unit, actor: Actor, command: RefundReturn) -> Return:
    """Say what is refunded. What the customer's own seller says makes the return refunded; others settle their step."""
    actor.require(permissions.RETURNS_DECIDE)
    before = await _load(unit, command.return_id, command.expected_version)
    _require_seller(actor, before)
    if before.status not in _REFUNDABLE:
        raise ReturnNotReady(given=f"{before.status} to refunded")
    issuer = before.seller_id if actor.is_system and before.seller_id else actor.organization_id
    changed = replace(before, items=before.refunded_by(issuer, command.refunds))
    if issuer == before.seller_id and before.status is not ReturnStatus.REFUNDED:
        changed = changed.become(ReturnStatus.REFUNDED, unit.now)
    else:
        changed = replace(changed, version=changed.version + 1)
    unit.write(store.save(changed), store.save_refunds(changed, issuer))
    unit.emit(_happened(changed, "refunded", issuer_id=str(issuer)))
    return changed


async def _load(unit: Unit, return_id: ReturnId, expected: int | None) -> Return:
    return (await unit.fetch(store.by_id(return_id, lock=True))).at_version(expected)


def _require_seller(actor: Actor, thing: Return) -> None:
    """Nobody answers its own request, unless nobody sells to it."""
    if actor.organization_id == thing.customer_id and thing.seller_id is not None and not actor.is_system:
        raise OnlySellersShip


def _happened(thing: Return, what: str | None = None, **facts: str) -> Event:
    items = [
        {"line_id": str(item.line_id), "quantity": item.quantity, "reason": item.reason.value}
        for item in thing.items
    ]
    data: dict[str, Any] = {"number": thing.number, "order_id": str(thing.order_id), "items": items, **facts}
    if thing.reason:
        data["reason"] = thing.reason
    return Event(f"return.{what or thing.status.value}", thing.id, thing.customer_id, data)
