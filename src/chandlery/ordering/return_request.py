"""What a customer sends back, and what it is worth: the noun of a return, its states as a table, its refunds.

    requested ──> approved ──> received ──> refunded ──> completed
        │            ├───────────────────────^  │  (refunded before, or without, anything coming back)
        │            │                          └──> received
        ├──> rejected <── approved, received
        └──> cancelled <── approved                  by the one who asked

Receiving is what counts pieces as returned; refunding says what is owed for them and moves no money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, ReturnId
from chandlery.ordering.errors import RefundNotYours, ReturnInvalid, ReturnNotReady
from chandlery.ordering.order import Order

MAX_ITEMS = 500
MAX_SERIALS = 1000
MAX_TEXT = 2000


class ReturnStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    RECEIVED = "received"
    REFUNDED = "refunded"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


RETURN_MOVES: Mapping[ReturnStatus, frozenset[ReturnStatus]] = {
    ReturnStatus.REQUESTED: frozenset({ReturnStatus.APPROVED, ReturnStatus.REJECTED, ReturnStatus.CANCELLED}),
    ReturnStatus.APPROVED: frozenset(
        {ReturnStatus.RECEIVED, ReturnStatus.REFUNDED, ReturnStatus.REJECTED, ReturnStatus.CANCELLED}
    ),
    ReturnStatus.RECEIVED: frozenset({ReturnStatus.REFUNDED, ReturnStatus.COMPLETED, ReturnStatus.REJECTED}),
    ReturnStatus.REFUNDED: frozenset({ReturnStatus.RECEIVED, ReturnStatus.COMPLETED}),
    ReturnStatus.COMPLETED: frozenset(),
    ReturnStatus.REJECTED: frozenset(),
    ReturnStatus.CANCELLED: frozenset(),
}


class ReturnReason(StrEnum):
    """Why; a channel's own finer code stands beside it."""

    CANCELLATION = "cancellation"
    """Called off before it was used."""
    RECALL = "recall"
    """The seller wants it back."""
    UNDELIVERED = "undelivered"
    """It did not arrive, or was not taken in."""
    WITHDRAWAL = "withdrawal"
    """The customer does not want it any more."""
    DEFECT = "defect"


@dataclass(frozen=True, slots=True)
class Refund:
    """What `issuer_id` owes `recipient_id` for the pieces of an item: at most what was paid. None: undecided."""

    step: int
    issuer_id: OrganizationId
    recipient_id: OrganizationId
    currency: str
    paid_minor: int
    refund_minor: int | None = None
    reduction_reason: str = ""
    reduction_text: str = ""


@dataclass(frozen=True, slots=True)
class RefundChoice:
    """How much of what was paid is refunded for an item; None: all of it. A reduction says why."""

    position: int
    refund_minor: int | None = None
    reduction_reason: str = ""
    reduction_text: str = ""


@dataclass(frozen=True, slots=True)
class ReturnItem:
    """So many pieces of a line. A line may stand in several items, where its pieces come back for several reasons."""

    line_id: LineId
    quantity: int
    reason: ReturnReason
    reason_code: str = ""
    note: str = ""
    serial_numbers: tuple[str, ...] = ()
    position: int = 0
    refunds: tuple[Refund, ...] = ()

    def issued(self, viewer: OrganizationId) -> Refund | None:
        """What the viewer owes for it, or, where it owes nobody, what it is owed."""
        issued = [refund for refund in self.refunds if refund.issuer_id == viewer]
        return issued[0] if issued else self._received(viewer)

    def recovered(self, viewer: OrganizationId) -> Refund | None:
        """What the viewer is owed for something that it owes somebody for."""
        owes = any(refund.issuer_id == viewer for refund in self.refunds)
        return self._received(viewer) if owes else None

    def _received(self, viewer: OrganizationId) -> Refund | None:
        return next((refund for refund in self.refunds if refund.recipient_id == viewer), None)


@dataclass(frozen=True, slots=True)
class Return:
    """It belongs to the customer of its one order. `refunds` of its items are those that the reader is a party to."""

    id: ReturnId
    number: str
    order_id: OrderId
    customer_id: OrganizationId
    seller_id: OrganizationId | None
    requested_by: OrganizationId
    created_at: datetime
    items: tuple[ReturnItem, ...]
    status: ReturnStatus = ReturnStatus.REQUESTED
    note: str = ""
    reason: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    approved_at: datetime | None = None
    received_at: datetime | None = None
    refunded_at: datetime | None = None
    closed_at: datetime | None = None
    version: int = 1

    @property
    def pieces(self) -> Mapping[LineId, int]:
        counted: Counter[LineId] = Counter()
        for item in self.items:
            counted[item.line_id] += item.quantity
        return counted

    def at_version(self, expected: int | None) -> Return:
        if expected not in (None, self.version):
            raise VersionStale(given=str(expected), version=str(self.version))
        return self

    def become(self, status: ReturnStatus, now: datetime, reason: str = "") -> Return:
        if status not in RETURN_MOVES[self.status]:
            raise ReturnNotReady(given=f"{self.status} to {status}")
        if status is ReturnStatus.RECEIVED and self.received_at is not None:
            raise ReturnNotReady(given="it was received before")
        if status is ReturnStatus.REJECTED and self.refunded_at is not None:
            raise ReturnNotReady(given="it was refunded before")
        stamp = {
            ReturnStatus.APPROVED: "approved_at",
            ReturnStatus.RECEIVED: "received_at",
            ReturnStatus.REFUNDED: "refunded_at",
        }.get(status, "closed_at")
        changes: dict[str, Any] = {stamp: now}
        return replace(self, status=status, reason=reason, version=self.version + 1, **changes)

    def refunded_by(
        self, issuer_id: OrganizationId, choices: Sequence[RefundChoice]
    ) -> tuple[ReturnItem, ...]:
        """The items with what the issuer refunds, once: all that was paid, where no choice names less."""
        chosen = {choice.position: choice for choice in choices}
        problems = [
            Problem(f"refunds.{index}.position", "There is no such item in this return.", "item_unknown")
            for index, choice in enumerate(choices)
            if choice.position not in {item.position for item in self.items}
        ]
        items, found = [], False
        for item in self.items:
            choice = chosen.get(item.position, RefundChoice(item.position))
            own = [refund for refund in item.refunds if refund.issuer_id == issuer_id]
            for refund in own:
                found = True
                if refund.refund_minor is not None:
                    raise ReturnNotReady(given="it was refunded before")
                problems += _refund_problems(choice, refund, choices)
            decided = (_decided(one, choice) if one in own else one for one in item.refunds)
            items.append(replace(item, refunds=tuple(decided)))
        if not found:
            raise RefundNotYours
        if problems:
            raise ReturnInvalid(*problems)
        return tuple(items)


def item_problems(order: Order, items: Sequence[ReturnItem], claimed: Mapping[LineId, int]) -> list[Problem]:
    """Everything that keeps these pieces from coming back; `claimed` are in other returns that are not refused."""
    if not 1 <= len(items) <= MAX_ITEMS:
        return [Problem("items", f"Name 1 to {MAX_ITEMS} items.", "too_many" if items else "empty")]
    lines = {line.id: line for line in order.lines}
    problems: list[Problem] = []
    wanted: Counter[LineId] = Counter()
    for index, item in enumerate(items):
        place, line = f"items.{index}", lines.get(item.line_id)
        problems += _text_problems(place, item)
        if line is None:
            problems.append(Problem(f"{place}.line_id", "This order has no such line.", "line_unknown"))
            continue
        left = line.returnable_quantity - claimed.get(line.id, 0) - wanted[line.id]
        wanted[line.id] += item.quantity
        if not 1 <= item.quantity <= left:
            message = f"Only {max(left, 0)} pieces of this line can come back."
            problems.append(Problem(f"{place}.quantity", message, "quantity_exceeded"))
    return problems


def _text_problems(place: str, item: ReturnItem) -> list[Problem]:
    problems = []
    if len(item.reason_code) > 50 or not item.reason_code.isprintable():
        problems.append(Problem(f"{place}.reason_code", "Give at most 50 printable characters.", "text"))
    if len(item.note) > MAX_TEXT or "\0" in item.note:
        problems.append(Problem(f"{place}.note", f"Give at most {MAX_TEXT} characters.", "text"))
    serials = item.serial_numbers
    if len(serials) > min(item.quantity, MAX_SERIALS) or len(set(serials)) < len(serials):
        problems.append(Problem(f"{place}.serial_numbers", "Give one serial number a piece.", "too_many"))
    if any(not (1 <= len(one) <= 200 and one.isprintable()) for one in serials):
        message = "Give serial numbers of 1 to 200 printable characters."
        problems.append(Problem(f"{place}.serial_numbers", message, "text"))
    return problems


def _refund_problems(choice: RefundChoice, refund: Refund, choices: Sequence[RefundChoice]) -> list[Problem]:
    place = f"refunds.{choices.index(choice)}" if choice in choices else "refunds"
    problems = []
    if choice.refund_minor is not None and not 0 <= choice.refund_minor <= refund.paid_minor:
        message = f"Refund between 0 and {refund.paid_minor}, which is what was paid for these pieces."
        problems.append(Problem(f"{place}.refund_minor", message, "refund_exceeded"))
    for name in ("reduction_reason", "reduction_text"):
        if len(getattr(choice, name)) > 500 or not getattr(choice, name).isprintable():
            problems.append(Problem(f"{place}.{name}", "Give at most 500 printable characters.", "text"))
    return problems


def _decided(refund: Refund, choice: RefundChoice) -> Refund:
    return replace(
        refund,
        refund_minor=refund.paid_minor if choice.refund_minor is None else choice.refund_minor,
        reduction_reason=choice.reduction_reason,
        reduction_text=choice.reduction_text,
    )
