"""Payments: begun for an order or an invoice, captured, voided, refunded, and put on invoices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.billing import allocating, payment_methods, payments
from chandlery.billing.errors import InvoiceUnknown, PaymentMethodUnknown, PaymentUnknown
from chandlery.billing.payment import Payment, PaymentFilter, Status
from chandlery.billing.payment_method import MethodKind, PaymentMethod
from chandlery.billing.payment_operation import State
from chandlery.billing.processors import OperationKind
from chandlery.kernel.ids import InvoiceId, OrderId, OrganizationId, PaymentId, PaymentMethodId
from chandlery.processes.pay import Pay, pay
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id
from chandlery.surfaces.native.invoices import invoice_body
from chandlery.surfaces.native.wiring import wired

Amount = Annotated[int, Meta(ge=1, le=10**15, description="In minor units; all that there is unless given.")]


class MethodBody(msgspec.Struct, kw_only=True):
    """What an organisation pays with; the processor's token is shown to nobody."""

    id: UUID
    organization_id: UUID
    processor: str
    kind: MethodKind
    label: str
    created_at: datetime
    version: int


class NewMethod(Body):
    """`processor` is one that is set up here; `manual` is for money that people see come in."""

    kind: Annotated[MethodKind, Meta(examples=["card"])]
    label: Annotated[str, Meta(examples=["Company card, ending 4242"])]
    processor: Annotated[str, Meta(examples=["manual"])]
    token: Annotated[str, Meta(description="The processor's name for it; never a card's number.")] = ""
    organization_id: Annotated[Id, Meta(description="Whose it is; your own unless given.")] | None = None


class MethodQuery(PageQuery):
    organization_id: Id | None = None


class OperationBody(msgspec.Struct, kw_only=True):
    """Something asked of the processor, by whom, and what became of it."""

    id: UUID
    kind: OperationKind
    amount_minor: int
    state: State
    reason: str
    processor_reference: str | None
    principal: str
    created_at: datetime


class AllocationBody(msgspec.Struct, kw_only=True):
    """So much of the payment is for that invoice."""

    invoice_id: UUID
    amount_minor: int
    created_at: datetime


class PaymentBody(msgspec.Struct, kw_only=True):
    """Money from payer to payee. `available` is captured and neither refunded nor on an invoice."""

    id: UUID
    status: Status
    payer_id: UUID
    payee_id: UUID
    method_id: UUID
    order_id: UUID | None
    invoice_id: UUID | None
    currency: str
    amount_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    allocated_minor: int
    available_minor: int
    capture: bool
    reason: str
    created_at: datetime
    version: int


class PaymentHistory(PaymentBody, kw_only=True):
    """The payment, what was asked of its processor, oldest first, and the invoices it is for."""

    operations: list[OperationBody]
    allocations: list[AllocationBody]


class NewPayment(Body):
    """For an order or for an invoice; the processor is asked in a moment, so read the payment again."""

    method_id: Id
    invoice_id: Id | None = None
    order_id: Id | None = None
    amount_minor: Amount | None = None
    capture: Annotated[bool, Meta(description="Capture as soon as it is authorised.")] = True


class PaymentMove(Body):
    amount_minor: Amount | None = None


class NewAllocation(Body):
    """To an invoice of yours for the same payer; without an amount, as much as both have left."""

    invoice_id: Id
    amount_minor: Amount | None = None


class PaymentQuery(PageQuery):
    side: Annotated[Literal["received", "made"], Meta(description="What you receive, or what you pay.")] = (
        "received"
    )
    status: Status | None = None
    order_id: Id | None = None


async def list_payment_methods(call: Call) -> Reply:
    query: MethodQuery = call.query
    command = payment_methods.FindMethods(_owner(call, query.organization_id), query.page())
    return page_reply(await call.read(payment_methods.find_methods, command), _method)


async def add_payment_method(call: Call, body: NewMethod) -> Reply:
    command = payment_methods.AddMethod(
        _owner(call, body.organization_id),
        wired(call).processors.known(body.processor),
        body.kind,
        body.label,
        body.token,
    )
    return await call.perform(
        payment_methods.add_method, command, reply=lambda made: Reply(_method(made), etag=made.version)
    )


async def remove_payment_method(call: Call) -> Reply:
    method_id = PaymentMethodId(call.id("payment_method_id", missing=PaymentMethodUnknown))
    command = payment_methods.RemoveMethod(method_id, call.expected_version)
    return await call.perform(payment_methods.remove_method, command, reply=lambda _: Reply())


async def list_payments(call: Call) -> Reply:
    query: PaymentQuery = call.query
    order_id = OrderId(query.order_id) if query.order_id else None
    command = payments.FindPayments(PaymentFilter(query.side, query.status, order_id), query.page())
    return page_reply(
        await call.read(payments.find_payments, command), lambda found: PaymentBody(**_facts(found))
    )


async def add_payment(call: Call, body: NewPayment) -> Reply:
    command = Pay(
        PaymentMethodId(body.method_id),
        OrderId(body.order_id) if body.order_id else None,
        InvoiceId(body.invoice_id) if body.invoice_id else None,
        body.amount_minor,
        body.capture,
    )

    def begun(found: payments.History) -> Reply:
        reply = _reply(found)
        reply.location = call.url(f"/v1/payments/{found.payment.id}")
        return reply

    return await call.perform(pay, command, reply=begun)


async def get_payment(call: Call) -> Reply:
    return _reply(await call.read(payments.get_payment, payment_id(call)))


async def capture_payment(call: Call, body: PaymentMove) -> Reply:
    return await _move(call, "capture", body.amount_minor)


async def void_payment(call: Call) -> Reply:
    return await _move(call, "void", None)


async def refund_payment(call: Call, body: PaymentMove) -> Reply:
    return await _move(call, "refund", body.amount_minor)


async def allocate_payment(call: Call, body: NewAllocation) -> Reply:
    command = allocating.Allocate(payment_id(call), InvoiceId(body.invoice_id), body.amount_minor)
    return await call.perform(
        allocating.allocate, command, reply=lambda done: Reply(invoice_body(done), etag=done.version)
    )


async def take_payment_off(call: Call) -> Reply:
    invoice_id = InvoiceId(call.id("invoice_id", missing=InvoiceUnknown))
    command = allocating.TakeOff(payment_id(call), invoice_id)
    return await call.perform(
        allocating.take_off, command, reply=lambda done: Reply(invoice_body(done), etag=done.version)
    )


def payment_id(call: Call) -> PaymentId:
    return PaymentId(call.id("payment_id", missing=PaymentUnknown))


async def _move(call: Call, kind: OperationKind, amount_minor: int | None) -> Reply:
    command = payments.MovePayment(payment_id(call), kind, amount_minor, call.expected_version)
    return await call.perform(payments.move_payment, command, reply=_reply)


def _owner(call: Call, organization_id: UUID | None) -> OrganizationId:
    return OrganizationId(organization_id or call.actor.organization_id)


def _method(method: PaymentMethod) -> MethodBody:
    return MethodBody(
        id=method.id,
        organization_id=method.owner_id,
        processor=method.processor,
        kind=method.kind,
        label=method.label,
        created_at=method.created_at,
        version=method.version,
    )


def _reply(found: payments.History) -> Reply:
    body = PaymentHistory(
        **_facts(found.payment),
        operations=[
            OperationBody(
                id=one.id,
                kind=one.kind,
                amount_minor=one.amount_minor,
                state=one.state,
                reason=one.reason,
                processor_reference=one.processor_reference,
                principal=one.principal,
                created_at=one.created_at,
            )
            for one in found.operations
        ],
        allocations=[
            AllocationBody(
                invoice_id=one.invoice_id, amount_minor=one.amount_minor, created_at=one.created_at
            )
            for one in found.allocations
        ],
    )
    return Reply(body, etag=found.payment.version)


def _facts(payment: Payment) -> dict[str, Any]:
    names = (
        "id", "status", "payer_id", "payee_id", "method_id", "order_id", "invoice_id", "currency", "amount_minor",
        "authorized_minor", "captured_minor", "refunded_minor", "allocated_minor", "available_minor", "reason",
        "created_at", "version",
    )  # fmt: skip
    return {name: getattr(payment, name) for name in names} | {"capture": payment.captures_itself}
