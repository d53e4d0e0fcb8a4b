"""One thing asked for: what, how many, at which prices, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from chandlery.kernel.ids import LineId, OrderId, OrganizationId, PlanId, SubscriptionId
from chandlery.kernel.money import Money
from chandlery.ordering.errors import LineNotReady
from chandlery.ordering.status import LINE_MOVES, LineStatus, WaitingFor


@dataclass(frozen=True, slots=True)
class LinePrice:
    """What one pair of parties agreed on for a line: `recipient_id` owes it to `issuer_id` (None is the vendor)."""

    step: int
    issuer_id: OrganizationId | None
    recipient_id: OrganizationId
    rate: Decimal
    amount_minor: int
    currency: str

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    def concerns(self, party: OrganizationId) -> bool:
        return party in (self.issuer_id, self.recipient_id)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order. It keeps what the plan was called when it was taken, whatever the catalogue says later.

    `reason`, `waiting_for` and `due` answer "why is it waiting": what happened last, whose turn it is, and when
    the next try is planned. `prices` holds the steps that the reader may see.
    """

    id: LineId
    order_id: OrderId
    position: int
    plan_id: PlanId
    plan_code: str
    sku_code: str
    name: str
    provider: str
    quantity: int
    unit: str
    term: str
    billing_cycle: str
    charge: str
    action: str = "create"
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    status: LineStatus = LineStatus.DRAFT
    reason: str | None = None
    waiting_for: WaitingFor | None = None
    due: datetime | None = None
    subscription_id: SubscriptionId | None = None
    supplier_id: OrganizationId | None = None
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    prices: tuple[LinePrice, ...] = ()

    def price(self, viewer: OrganizationId) -> LinePrice | None:
        """What the viewer charges for this line, or, where it charges nobody, what it pays."""
        issued = [price for price in self.prices if price.issuer_id == viewer]
        return issued[0] if issued else self._paid(viewer)

    def cost(self, viewer: OrganizationId) -> LinePrice | None:
        """What the viewer pays for a line that it charges somebody for."""
        return self._paid(viewer) if any(price.issuer_id == viewer for price in self.prices) else None

    def _paid(self, viewer: OrganizationId) -> LinePrice | None:
        return next((price for price in self.prices if price.recipient_id == viewer), None)

    def seen_by(self, party: OrganizationId) -> Line:
        return replace(self, prices=tuple(price for price in self.prices if price.concerns(party)))

    def submit(self) -> Line:
        return self.become(LineStatus.SUBMITTED, waiting_for=WaitingFor.WORKER)

    def cancel(self, reason: str | None = None) -> Line:
        return self.become(LineStatus.CANCELLED, reason)

    def become(
        self,
        status: LineStatus,
        reason: str | None = None,
        waiting_for: WaitingFor | None = None,
        due: datetime | None = None,
        subscription_id: SubscriptionId | None = None,
    ) -> Line:
        """The line in its next state, or in the same one for another reason; a finished line stays as it is."""
        if status != self.status and status not in LINE_MOVES[self.status]:
            raise LineNotReady(given=f"{self.status} to {status}", line_id=str(self.id))
        if status == self.status and not LINE_MOVES[status]:
            return self
        return replace(
            self,
            status=status,
            reason=reason,
            waiting_for=waiting_for,
            due=due,
            subscription_id=subscription_id or self.subscription_id,
        )
