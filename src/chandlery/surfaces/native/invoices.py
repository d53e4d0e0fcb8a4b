"""Invoices and credit notes: drawn up from orders, posted, settled, credited."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.billing import invoices, policies
from chandlery.billing.errors import InvoiceUnknown
from chandlery.billing.invoice import (
    Invoice,
    InvoiceFilter,
    InvoiceKind,
    InvoiceLine,
    LineKind,
    Party,
    Status,
)
from chandlery.billing.tax import Kind as TaxKind
from chandlery.kernel.ids import InvoiceId, OrderId
from chandlery.processes.invoice_orders import InvoiceOrder, invoice_order
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id
from chandlery.surfaces.native.order_totals import TaxBody, tax_body


class PartyBody(msgspec.Struct, kw_only=True):
    """Issuer or recipient as they were when the invoice was posted; `company` and `address` hold what was given."""

    organization_id: UUID
    name: str
    company: dict[str, Any]
    address: dict[str, Any]


class InvoiceLineBody(msgspec.Struct, kw_only=True):
    """A line of the order at a step of its price, or a charge; a discount's amount is below zero."""

    position: int
    kind: LineKind
    name: str
    details: list[str]
    quantity: int
    unit: str
    rate: Decimal | None
    amount_minor: int
    taxable_minor: int
    tax_kind: TaxKind | None
    tax_rate: Decimal
    order_line_id: UUID | None
    price_step: int | None
    charge_id: UUID | None
    corrects_position: int | None


class InvoiceBody(msgspec.Struct, kw_only=True):
    """`open` is what can still be paid or credited. A credit note is settled by being posted."""

    id: UUID
    kind: InvoiceKind
    status: Status
    number: str | None
    order_id: UUID
    order_number: str
    po_number: str | None
    corrects_id: UUID | None
    reason: str
    issuer: PartyBody
    recipient: PartyBody
    currency: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    paid_minor: int
    credited_minor: int
    open_minor: int
    taxes: list[TaxBody]
    lines: list[InvoiceLineBody]
    note: str
    created_at: datetime
    posted_at: datetime | None
    due_on: date | None
    document_id: Annotated[UUID | None, Meta(description="The PDF; made a moment after posting.")]
    version: int


class NewInvoice(Body):
    """What you sell in an order, is fulfilled, and is on no other invoice of yours."""

    order_id: Id
    post: Annotated[bool, Meta(description="Post it at once; else it is a draft.")] = True


class NewCreditNote(Body):
    """For lines of the invoice, by position; for all that is left of it unless some are named."""

    reason: Annotated[str, Meta(examples=["Delivered broken"])]
    positions: Annotated[list[Annotated[int, Meta(ge=1, le=1000)]], Meta(max_length=700)] = msgspec.field(
        default_factory=list
    )


class InvoiceQuery(PageQuery):
    side: Annotated[Literal["issued", "received"], Meta(description="Your own, or those you are to pay.")] = (
        "issued"
    )
    status: Status | None = None
    kind: InvoiceKind | None = None
    order_id: Id | None = None


class PolicyBody(Body):
    """When you invoice, with which numbers, payable until when; `note` is printed below."""

    invoices: Annotated[
        Literal["on_demand", "on_completion"],
        Meta(description="`on_completion`: as soon as all of an order is fulfilled."),
    ] = "on_demand"
    due_days: Annotated[int, Meta(ge=0, le=365, examples=[14])] = 14
    invoice_prefix: Annotated[str, Meta(examples=["INV-"])] = "INV-"
    credit_note_prefix: Annotated[str, Meta(examples=["CN-"])] = "CN-"
    note: Annotated[str, Meta(examples=["Please pay within 14 days."])] = ""


async def list_invoices(call: Call) -> Reply:
    query: InvoiceQuery = call.query
    order_id = OrderId(query.order_id) if query.order_id else None
    wanted = InvoiceFilter(query.side, query.status, query.kind, order_id)
    command = invoices.FindInvoices(wanted, query.page())
    return page_reply(await call.read(invoices.find_invoices, command), invoice_body)


async def add_invoice(call: Call, body: NewInvoice) -> Reply:
    return await call.perform(
        invoice_order, InvoiceOrder(OrderId(body.order_id), body.post), reply=lambda made: _made(call, made)
    )


async def get_invoice(call: Call) -> Reply:
    return _reply(await call.read(invoices.get_invoice, invoice_id(call)))


async def delete_invoice(call: Call) -> Reply:
    command = invoices.DeleteInvoice(invoice_id(call), call.expected_version)
    return await call.perform(invoices.delete_invoice, command, reply=lambda _: Reply())


async def post_invoice(call: Call) -> Reply:
    command = invoices.PostInvoice(invoice_id(call), call.expected_version)
    return await call.perform(invoices.post_invoice, command, reply=_reply)


async def credit_invoice(call: Call, body: NewCreditNote) -> Reply:
    command = invoices.CreditInvoice(
        invoice_id(call), body.reason, tuple(dict.fromkeys(body.positions)), call.expected_version
    )
    return await call.perform(invoices.credit_invoice, command, reply=lambda made: _made(call, made))


async def get_invoicing_policy(call: Call) -> Reply:
    return _policy(await call.read(policies.get_policy, None))


async def put_invoicing_policy(call: Call, body: PolicyBody) -> Reply:
    policy = policies.Policy(
        body.invoices, body.due_days, body.invoice_prefix, body.credit_note_prefix, body.note
    )
    return await call.perform(
        policies.put_policy, policies.PutPolicy(policy, call.expected_version), reply=_policy
    )


def invoice_id(call: Call) -> InvoiceId:
    return InvoiceId(call.id("invoice_id", missing=InvoiceUnknown))


def invoice_body(found: Invoice) -> InvoiceBody:
    return InvoiceBody(
        id=found.id,
        kind=found.kind,
        status=found.status,
        number=found.number,
        order_id=found.order_id,
        order_number=found.order_number,
        po_number=found.po_number,
        corrects_id=found.corrects_id,
        reason=found.reason,
        issuer=_party(found.issuer),
        recipient=_party(found.recipient),
        currency=found.currency,
        net_minor=found.net_minor,
        tax_minor=found.tax_minor,
        gross_minor=found.gross_minor,
        paid_minor=found.paid_minor,
        credited_minor=found.credited_minor,
        open_minor=found.open_minor,
        taxes=[tax_body(tax) for tax in found.taxes],
        lines=[_line(line) for line in found.lines],
        note=found.note,
        created_at=found.created_at,
        posted_at=found.posted_at,
        due_on=found.due_on,
        document_id=found.document_id,
        version=found.version,
    )


def _reply(found: Invoice) -> Reply:
    return Reply(invoice_body(found), etag=found.version)


def _made(call: Call, made: Invoice) -> Reply:
    reply = _reply(made)
    reply.location = call.url(f"/v1/invoices/{made.id}")
    return reply


def _policy(found: policies.Policy) -> Reply:
    body = PolicyBody(
        invoices=found.invoices,
        due_days=found.due_days,
        invoice_prefix=found.invoice_prefix,
        credit_note_prefix=found.credit_note_prefix,
        note=found.note,
    )
    return Reply(body, etag=found.version)


def _party(party: Party) -> PartyBody:
    return PartyBody(
        organization_id=party.id,
        name=party.name,
        company=party.company.as_snapshot(),
        address=party.postal.as_snapshot(),
    )


def _line(line: InvoiceLine) -> InvoiceLineBody:
    return InvoiceLineBody(
        position=line.position,
        kind=line.kind,
        name=line.name,
        details=list(line.details),
        quantity=line.quantity,
        unit=line.unit,
        rate=line.rate,
        amount_minor=line.amount_minor,
        taxable_minor=line.taxable_minor,
        tax_kind=line.tax_kind,
        tax_rate=line.tax_rate,
        order_line_id=line.order_line_id,
        price_step=line.step,
        charge_id=line.charge_id,
        corrects_position=line.corrects_position,
    )
