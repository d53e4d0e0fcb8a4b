"""What a letter is about: one class per kind, with everything its template may say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from chandlery.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody is asked to join an organisation."""

    organization: str
    inviter: str
    link: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """Somebody, most likely the reader, wants to choose a new password."""

    link: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A line of an order, as the reader may see it; `amount` is None where the reader may not see prices."""

    name: str
    quantity: Decimal | int
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class OrderConfirmation:
    """An order was taken."""

    number: str
    lines: tuple[LetterLine, ...]
    total: Money | None = None
    po_number: str = ""
    customer: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalWanted:
    """An order waits until the reader says yes or no."""

    number: str
    customer: str
    requested_by: str
    total: Money | None
    reason: str
    link: str


@dataclass(frozen=True, slots=True)
class RenewalAhead:
    """A subscription will renew itself, or end; there is still time to decide."""

    product: str
    quantity: Decimal | int
    term_ends_at: datetime
    renews: bool
    decide_by: datetime | None = None
    amount: Money | None = None
    link: str = ""


Matter: TypeAlias = Invitation | PasswordReset | OrderConfirmation | ApprovalWanted | RenewalAhead
