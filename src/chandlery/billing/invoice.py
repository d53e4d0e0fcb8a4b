"""The nouns: an invoice or credit note, its lines, and the parties as they were when it was posted.

A posted one never changes but in how it is settled. What is wrong with it is put right by a credit note, which takes
back whole lines; taken together, the credit notes of an invoice come to exactly what it came to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

from chandlery.billing.assessment import Part, Tax, taxes_of
from chandlery.billing.charge import ChargeKind
from chandlery.billing.errors import InvoiceIsDraft, InvoiceLineUnknown, InvoicePosted
from chandlery.billing.policy import Policy
from chandlery.billing.tax import Kind as TaxKind
from chandlery.billing.tax import Treatment
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.ids import ChargeId, DocumentId, InvoiceId, LineId, OrderId, OrganizationId
from chandlery.kernel.money import Money
from chandlery.parties.address import Postal
from chandlery.parties.company import CompanyFacts

InvoiceKind = Literal["invoice", "credit_note"]
LineKind = Literal["line"] | ChargeKind
MAX_LINES: Final = 700
"""More than an order has lines and charges."""


class Status(StrEnum):
    DRAFT = "draft"
    UNPAID = "unpaid"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    CANCELLED = "cancelled"
    """All of it was credited."""


@dataclass(frozen=True, slots=True)
class Party:
    """Issuer or recipient as the paper names it."""

    id: OrganizationId
    name: str
    company: CompanyFacts = field(default_factory=CompanyFacts)
    postal: Postal = field(default_factory=Postal)


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A line of the order at a step of its price (`order_line_id`, `step`), or a charge."""

    position: int
    kind: LineKind
    name: str
    amount_minor: int
    taxable_minor: int
    details: tuple[str, ...] = ()
    quantity: int = 1
    unit: str = ""
    rate: Decimal | None = None
    tax_kind: TaxKind | None = None
    tax_rate: Decimal = Decimal(0)
    tax_note: str = ""
    order_line_id: LineId | None = None
    step: int | None = None
    charge_id: ChargeId | None = None
    corrects_position: int | None = None

    @property
    def part(self) -> Part:
        treatment = Treatment(self.tax_kind, self.tax_rate, self.tax_note)
        return Part(self.amount_minor, self.taxable_minor, treatment, self.order_line_id, self.charge_id)


@dataclass(frozen=True, slots=True)
class Invoice:
    """`net` is what its lines come to, discounts taken off. What is still `open` may be paid or credited."""

    id: InvoiceId
    kind: InvoiceKind
    issuer: Party
    recipient: Party
    order_id: OrderId
    order_number: str
    po_number: str | None
    currency: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    taxes: tuple[Tax, ...]
    created_at: datetime
    status: Status = Status.DRAFT
    serial: int | None = None
    number: str | None = None
    corrects_id: InvoiceId | None = None
    reason: str = ""
    note: str = ""
    paid_minor: int = 0
    credited_minor: int = 0
    posted_at: datetime | None = None
    due_on: date | None = None
    document_id: DocumentId | None = None
    version: int = 1
    lines: tuple[InvoiceLine, ...] = ()

    @property
    def gross(self) -> Money:
        return Money(self.gross_minor, self.currency)

    @property
    def open_minor(self) -> int:
        return self.gross_minor - self.paid_minor - self.credited_minor

    def at_version(self, expected: int | None) -> Invoice:
        if expected is not None and expected != self.version:
            raise VersionStale(given=str(expected))
        return self

    def as_draft(self) -> Invoice:
        if self.status is not Status.DRAFT:
            raise InvoicePosted(given=self.number)
        return self

    def as_posted(self) -> Invoice:
        if self.status is Status.DRAFT:
            raise InvoiceIsDraft
        return self

    def posted(self, serial: int, now: datetime, policy: Policy, parties: tuple[Party, Party]) -> Invoice:
        """With its number; from here on nothing that it says changes. A credit note is settled by being posted."""
        issuer, recipient = parties
        posted = replace(
            self.as_draft(),
            serial=serial,
            number=policy.number(self.kind, serial),
            issuer=issuer,
            recipient=recipient,
            posted_at=now,
            due_on=(now + timedelta(days=policy.due_days)).date() if self.kind == "invoice" else None,
            note=policy.note if self.kind == "invoice" else "",
            paid_minor=self.gross_minor if self.kind == "credit_note" else 0,
        )
        return _in_its_status(posted)

    def settled(self, paid_minor: int = 0, credited_minor: int = 0) -> Invoice:
        """With so much more (or, below zero, less) of it paid or credited, and in the status that follows."""
        self.as_posted()
        return _in_its_status(
            replace(
                self,
                paid_minor=self.paid_minor + paid_minor,
                credited_minor=self.credited_minor + credited_minor,
            )
        )

    def credit(
        self, invoice_id: InvoiceId, positions: Collection[int], earlier: Sequence[InvoiceLine], now: datetime
    ) -> Invoice:
        """A draft of a credit note for these lines of it; `earlier` are the lines of credit notes before."""
        lines = tuple(
            replace(
                line,
                position=number,
                amount_minor=line.taxable_minor,
                rate=line.rate if line.taxable_minor == line.amount_minor else None,
                corrects_position=line.position,
            )
            for number, line in enumerate(self.creditable(positions, earlier), 1)
        )
        net = sum(line.amount_minor for line in lines)
        taxes = self._taxes_of_credit(lines, earlier)
        tax = sum(part.tax_minor for part in taxes)
        return Invoice(
            invoice_id, "credit_note", self.issuer, self.recipient, self.order_id, self.order_number,
            self.po_number, self.currency, net, tax, net + tax, taxes, now, corrects_id=self.id, lines=lines,
        )  # fmt: skip

    def creditable(self, positions: Collection[int], earlier: Sequence[InvoiceLine]) -> list[InvoiceLine]:
        """The lines at these positions, none named: all that are left. A discount goes with what it was on."""
        gone = {line.corrects_position for line in earlier}
        left = {
            line.position: line
            for line in self.lines
            if line.kind != "discount" and line.position not in gone
        }
        unknown = [position for position in positions if position not in left]
        if unknown or not left:
            raise InvoiceLineUnknown(given=", ".join(map(str, unknown)) or None)
        return [left[position] for position in sorted(positions or left)]

    def _taxes_of_credit(
        self, lines: Sequence[InvoiceLine], earlier: Sequence[InvoiceLine]
    ) -> tuple[Tax, ...]:
        """The tax on all that was ever credited, less the tax on what was before: so cents never go astray."""
        before = {t.treatment: t for t in taxes_of([line.part for line in earlier], self.currency)}
        after = taxes_of([line.part for line in (*earlier, *lines)], self.currency)
        parts = []
        for tax in after:
            known = before.get(tax.treatment, Tax(tax.treatment, 0, 0))
            if tax.net_minor != known.net_minor:
                net, owed = tax.net_minor - known.net_minor, tax.tax_minor - known.tax_minor
                parts.append(Tax(tax.treatment, net, owed))
        return tuple(parts)


def status_of(invoice: Invoice) -> Status:
    """The status of a posted invoice, by the first rule that holds: all credited, nothing open, something paid."""
    if invoice.gross_minor and invoice.credited_minor == invoice.gross_minor:
        return Status.CANCELLED
    if invoice.open_minor == 0:
        return Status.PAID
    return Status.PARTLY_PAID if invoice.paid_minor else Status.UNPAID


def _in_its_status(invoice: Invoice) -> Invoice:
    return replace(invoice, status=status_of(invoice), version=invoice.version + 1)


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """Which invoices and credit notes of the actor's organisation a list shows; None means any."""

    side: Literal["issued", "received"] = "issued"
    status: Status | None = None
    kind: Literal["invoice", "credit_note"] | None = None
    order_id: OrderId | None = None
