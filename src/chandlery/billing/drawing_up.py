"""From what of an order is due to an invoice in exact figures: pure, so that it can be read and tested alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chandlery.billing.assessment import Item, Part
from chandlery.billing.charge import Charge
from chandlery.billing.errors import NothingToInvoice
from chandlery.billing.invoice import Invoice, InvoiceLine, Party
from chandlery.billing.terms import Terms
from chandlery.kernel.ids import InvoiceId, LineId, OrderId, OrganizationId, PlanId


@dataclass(frozen=True, slots=True)
class BillLine:
    """A line of an order, and what it comes to at one step of its price."""

    line_id: LineId
    plan_id: PlanId
    step: int
    name: str
    quantity: int
    unit: str
    rate: Decimal
    amount_minor: int
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """What one party of an order's chain has to ask of the next: lines that are due, and the terms between the two."""

    issuer_id: OrganizationId
    recipient_id: OrganizationId
    order_id: OrderId
    order_number: str
    po_number: str | None
    currency: str
    lines: tuple[BillLine, ...]
    terms: Terms = field(default_factory=Terms)

    @property
    def parts(self) -> list[UUID]:
        """What is billed once: lines, and charges that are an amount. A percentage follows the lines."""
        return [
            *(line.line_id for line in self.lines),
            *(charge.id for charge in self.terms.charges if charge.percent is None),
        ]


def draw_up(
    invoice_id: InvoiceId, bill: Bill, billed: Collection[UUID], parties: tuple[Party, Party], now: datetime
) -> Invoice:
    """A draft of all parts of the bill that are not billed yet."""
    lines = [line for line in bill.lines if line.line_id not in billed]
    if not lines:
        raise NothingToInvoice
    charges = [charge for charge in bill.terms.charges if charge.id not in billed]
    items = [
        Item(line.line_id, line.amount_minor, bill.terms.classes.get(line.plan_id, "")) for line in lines
    ]
    found = bill.terms.assess(bill.currency, items, charges)
    by_id = {charge.id: charge for charge in charges}
    drawn = [_line(n, line, part) for n, (line, part) in enumerate(zip(lines, found.lines, strict=True), 1)]
    for part in (*found.discounts, *found.charges):
        if part.amount_minor and part.charge_id is not None:
            drawn.append(_charge(len(drawn) + 1, by_id[part.charge_id], part))
    issuer, recipient = parties
    return Invoice(
        invoice_id, "invoice", issuer, recipient, bill.order_id, bill.order_number, bill.po_number,
        bill.currency, found.taxable_minor, found.tax_minor, found.gross_minor, found.taxes, now,
        lines=tuple(drawn),
    )  # fmt: skip


def _line(position: int, line: BillLine, part: Part) -> InvoiceLine:
    how = part.treatment
    return InvoiceLine(
        position, "line", line.name, part.amount_minor, part.taxable_minor, line.details, line.quantity,
        line.unit, line.rate, how.kind, how.rate, how.note, line.line_id, line.step,
    )  # fmt: skip


def _charge(position: int, charge: Charge, part: Part) -> InvoiceLine:
    how = part.treatment
    return InvoiceLine(
        position,
        charge.kind,
        charge.label,
        part.amount_minor,
        part.taxable_minor,
        tax_kind=how.kind,
        tax_rate=how.rate,
        tax_note=how.note,
        charge_id=charge.id,
    )
