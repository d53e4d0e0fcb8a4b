"""The noun: money on its way from a payer to a payee, and what a payment allows in each of its states.

    pending ──> authorized ──> partly_captured ──> captured ──> partly_refunded ──> refunded
       │            └──> voided       (void: the rest is given up, what was captured stays)
       ├──> declined                  the processor said no
       └──> failed                    it did not work, and we gave up trying

Amounts move only when an operation is done. `refunding` is asked for and not answered yet; `allocated` is on invoices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from chandlery.billing.errors import PaymentNotSo, PaymentSpent
from chandlery.billing.processors import OperationKind
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.ids import InvoiceId, OrderId, OrganizationId, PaymentId, PaymentMethodId


class Status(StrEnum):
    PENDING = "pending"
    AUTHORIZED = "authorized"
    PARTLY_CAPTURED = "partly_captured"
    CAPTURED = "captured"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    DECLINED = "declined"
    FAILED = "failed"


_REFUND: Final[frozenset[OperationKind]] = frozenset({"refund"})
ALLOWS: Final[Mapping[Status, frozenset[OperationKind]]] = {
    Status.PENDING: frozenset({"authorize"}),
    Status.AUTHORIZED: frozenset({"capture", "void"}),
    Status.PARTLY_CAPTURED: frozenset({"capture", "void", "refund"}),
    Status.CAPTURED: _REFUND,
    Status.PARTLY_REFUNDED: _REFUND,
    Status.REFUNDED: frozenset(),
    Status.VOIDED: frozenset(),
    Status.DECLINED: frozenset(),
    Status.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Payment:
    """For an order or for an invoice, or for neither yet; `captures_itself` as soon as it is authorised."""

    id: PaymentId
    payer_id: OrganizationId
    payee_id: OrganizationId
    method_id: PaymentMethodId
    order_id: OrderId | None
    invoice_id: InvoiceId | None
    currency: str
    amount_minor: int
    captures_itself: bool
    created_at: datetime
    status: Status = Status.PENDING
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    refunding_minor: int = 0
    allocated_minor: int = 0
    reason: str = ""
    version: int = 1

    @property
    def available_minor(self) -> int:
        """What can still be put on invoices, or refunded."""
        return self.captured_minor - self.refunded_minor - self.refunding_minor - self.allocated_minor

    def at_version(self, expected: int | None) -> Payment:
        if expected is not None and expected != self.version:
            raise VersionStale(given=str(expected))
        return self

    def asked(self, kind: OperationKind, amount_minor: int | None) -> tuple[Payment, int]:
        """With an operation asked for, and its amount: all that there is unless one is named."""
        if kind not in ALLOWS[self.status]:
            raise PaymentNotSo(given=f"{kind} of a payment that is {self.status}")
        most = {
            "authorize": self.amount_minor,
            "capture": self.authorized_minor - self.captured_minor,
            "void": self.authorized_minor - self.captured_minor,
            "refund": self.available_minor,
        }[kind]
        amount = most if amount_minor is None else amount_minor
        if not 0 < amount <= most:
            raise PaymentSpent(
                Problem("amount_minor", PaymentSpent.message(), "out_of_range"), given=str(amount)
            )
        asked = replace(self, refunding_minor=self.refunding_minor + amount) if kind == "refund" else self
        return replace(asked, version=self.version + 1), amount

    def done(self, kind: OperationKind, amount_minor: int) -> Payment:
        """After the processor has done what it was asked."""
        changed = replace(self, reason="", version=self.version + 1)
        match kind:
            case "authorize":
                return replace(changed, status=Status.AUTHORIZED, authorized_minor=amount_minor)
            case "capture":
                captured = self.captured_minor + amount_minor
                whole = captured == self.authorized_minor
                status = Status.CAPTURED if whole else Status.PARTLY_CAPTURED
                return replace(changed, status=status, captured_minor=captured)
            case "void":
                status = Status.CAPTURED if self.captured_minor else Status.VOIDED
                return replace(changed, status=status, authorized_minor=self.captured_minor)
            case "refund":
                refunded = self.refunded_minor + amount_minor
                status = Status.REFUNDED if refunded == self.captured_minor else Status.PARTLY_REFUNDED
                rest = self.refunding_minor - amount_minor
                return replace(changed, status=status, refunded_minor=refunded, refunding_minor=rest)

    def not_done(self, kind: OperationKind, amount_minor: int, reason: str, declined: bool) -> Payment:
        """After the processor has refused, or we have given up: without an authorisation that is the end."""
        changed = replace(self, reason=reason, version=self.version + 1)
        if kind == "authorize":
            return replace(changed, status=Status.DECLINED if declined else Status.FAILED)
        if kind == "refund":
            return replace(changed, refunding_minor=self.refunding_minor - amount_minor)
        return changed


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """Which payments of the actor's organisation a list shows; None means any."""

    side: Literal["received", "made"] = "received"
    status: Status | None = None
    order_id: OrderId | None = None
