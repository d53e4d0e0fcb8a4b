"""A subscription: what a customer keeps until it ends, and when that is."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chandlery.kernel.ids import LineId, OrderId, OrganizationId, PlanId, SubscriptionId
from chandlery.subscriptions.errors import SubscriptionNotActive, TermUnreadable

_TERM = re.compile(r"P(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?")


class Status(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who keeps what since when; `vendor_reference` is what the vendor calls it. No term: it runs until it is ended."""

    id: SubscriptionId
    customer_id: OrganizationId
    order_id: OrderId
    line_id: LineId
    plan_id: PlanId
    plan_code: str
    name: str
    quantity: int
    term: str
    billing_cycle: str
    provider: str
    vendor_reference: str
    status: Status
    auto_renew: bool
    started_at: datetime
    term_ends_at: datetime | None
    created_at: datetime
    version: int = 1

    def with_quantity(self, quantity: int) -> Subscription:
        if self.status is not Status.ACTIVE:
            raise SubscriptionNotActive(given=self.status)
        return replace(self, quantity=quantity, version=self.version + 1)


def term_end(started_at: datetime, term: str) -> datetime | None:
    """The moment at which a term that began then is over; a month after the 31st is the month's last day."""
    if not term:
        return None
    match = _TERM.fullmatch(term)
    if match is None or not any(match.groups()):
        raise TermUnreadable(given=term)
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    month = started_at.month - 1 + months
    year, month = started_at.year + years + month // 12, month % 12 + 1
    day = min(started_at.day, calendar.monthrange(year, month)[1])
    return started_at.replace(year=year, month=month, day=day) + timedelta(weeks=weeks, days=days)
