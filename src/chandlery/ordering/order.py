"""What someone asked to buy: the header, its lines, and the rules for changing either.

Every method returns a new order or refuses; none knows the time, the database or who is asking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.ids import ChannelId, LineId, OrderId, OrganizationId
from chandlery.kernel.money import Money, total
from chandlery.ordering.approval import Approval
from chandlery.ordering.errors import (
    DraftExpired,
    LinesUnderWay,
    LineUnknown,
    OrderFinished,
    OrderNotDeclined,
    OrderNotDraft,
    OrderNotWaiting,
)
from chandlery.ordering.line import Line
from chandlery.ordering.status import FINISHED, ORDER_MOVES, UNDER_WAY, LineStatus, OrderStatus, derive_status

MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class Totals:
    """The sum over all lines of what a viewer charges (or, charging nobody, pays), and of what that costs it."""

    price: Money
    cost: Money | None


@dataclass(frozen=True, slots=True)
class Order:
    """An order belongs to its customer; `seller_id` is the organisation that sells to it, `placed_by` who ordered."""

    id: OrderId
    number: str
    serial: int
    customer_id: OrganizationId
    seller_id: OrganizationId | None
    placed_by: OrganizationId
    currency: str
    created_at: datetime
    status: OrderStatus = OrderStatus.DRAFT
    po_number: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None
    submitted_at: datetime | None = None
    completed_at: datetime | None = None
    version: int = 1
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    approval: Approval | None = None
    channel_id: ChannelId | None = None
    """None: the seller's default channel."""
    lines: tuple[Line, ...] = ()

    def totals(self, viewer: OrganizationId) -> Totals:
        prices = [price.amount for line in self.lines if (price := line.price(viewer))]
        costs = [cost.amount for line in self.lines if (cost := line.cost(viewer))]
        return Totals(total(prices, self.currency), total(costs, self.currency) if costs else None)

    def line(self, line_id: LineId) -> Line:
        for line in self.lines:
            if line.id == line_id:
                return line
        raise LineUnknown(given=str(line_id))

    def seen_by(self, actor: Actor) -> Order:
        """With those prices only that the actor is a party to: what the database would show it."""
        if actor.is_system:
            return self
        return replace(self, lines=tuple(line.seen_by(actor.organization_id) for line in self.lines))

    @property
    def next_position(self) -> int:
        return max((line.position for line in self.lines), default=0) + 1

    def at_version(self, expected: int | None) -> Order:
        """Itself, unless the caller has seen another version."""
        if expected is not None and expected != self.version:
            raise VersionStale(given=str(expected), version=str(self.version))
        return self

    def as_draft(self) -> Order:
        """Itself, if it is a draft."""
        if self.status is not OrderStatus.DRAFT:
            raise OrderNotDraft(given=self.status, status=self.status)
        return self

    def open_for_change(self, now: datetime) -> Order:
        """Itself, if it is a draft that has not expired."""
        self.as_draft()
        if self.expires_at is not None and self.expires_at <= now:
            raise DraftExpired(given=self.number)
        return self

    def with_line(self, line: Line) -> Order:
        """The draft with this line added, or in the place of the one with the same id."""
        if any(own.id == line.id for own in self.lines):
            return self._next(lines=tuple(line if own.id == line.id else own for own in self.lines))
        return self._next(lines=(*self.lines, line))

    def without_line(self, line_id: LineId) -> Order:
        dropped = self.line(line_id)
        return self._next(lines=tuple(line for line in self.lines if line is not dropped))

    def headed(
        self, po_number: str | None, attributes: Mapping[str, Any], custom_fields: Mapping[str, Any]
    ) -> Order:
        return self._next(po_number=po_number, attributes=attributes, custom_fields=custom_fields)

    def wait(self, lines: Sequence[Line], approval: Approval) -> Order:
        """The order at its final prices, not placed before somebody has decided."""
        return self._become(
            OrderStatus.AWAITING_APPROVAL, lines=tuple(lines), approval=approval, expires_at=None
        )

    @property
    def waiting(self) -> Approval:
        """How far its approval has come, if it waits for one."""
        if self.status is not OrderStatus.AWAITING_APPROVAL or self.approval is None:
            raise OrderNotWaiting(given=self.status, status=self.status)
        return self.approval

    def still_waiting(self, approval: Approval) -> Order:
        return self._next(approval=approval)

    def decline(self, approval: Approval) -> Order:
        return self._become(OrderStatus.DECLINED, approval=approval)

    def reopen(self) -> Order:
        """A declined order as a draft again, which whoever ordered changes and checks out anew."""
        if self.status is not OrderStatus.DECLINED:
            raise OrderNotDeclined(given=self.status, status=self.status)
        return self._become(OrderStatus.DRAFT, approval=None)

    def submit(self, now: datetime, lines: Sequence[Line], approval: Approval | None = None) -> Order:
        """The order as placed, with these lines at their final prices; from here on it is never deleted."""
        return self._become(
            OrderStatus.SUBMITTED,
            lines=tuple(line.submit() for line in lines),
            submitted_at=now,
            expires_at=None,
            approval=approval,
        )

    def cancel(self, now: datetime, reason: str | None = None) -> Order:
        """The order with every line cancelled that is not completed."""
        if self.status in FINISHED:
            raise OrderFinished(given=self.status, status=self.status)
        under_way = [line for line in self.lines if line.status in UNDER_WAY]
        if under_way:
            raise LinesUnderWay(given=", ".join(f"line {line.position} {line.status}" for line in under_way))
        kept = (LineStatus.COMPLETED, LineStatus.CANCELLED)
        return self._following(
            tuple(line if line.status in kept else line.cancel(reason) for line in self.lines), now
        )

    def progressed(self, line: Line, now: datetime) -> Order:
        """The order with this line further on, and in the status that follows from all of its lines."""
        if self.line(line.id) == line:
            return self
        return self._following(tuple(line if line.id == own.id else own for own in self.lines), now)

    def _following(self, lines: tuple[Line, ...], now: datetime) -> Order:
        status = derive_status([line.status for line in lines])
        if status is self.status:
            return self._next(lines=lines)
        return self._become(
            status, lines=lines, completed_at=now if status is OrderStatus.COMPLETED else None
        )

    def _become(self, status: OrderStatus, **changes: Any) -> Order:
        if status not in ORDER_MOVES[self.status]:
            raise OrderNotDraft(given=self.status, status=self.status)
        return self._next(status=status, **changes)

    def _next(self, **changes: Any) -> Order:
        return replace(self, version=self.version + 1, **changes)
