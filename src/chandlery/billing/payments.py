"""What can be done with payments: begin one, ask for more with it, put it on invoices, read.

None of this talks to a processor: what is wanted is stored as an operation, and a job makes the call. Whoever receives
a payment captures, voids and refunds it; whoever pays may begin it. Events name no amount: organisations above the
two read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chandlery.billing._store import allocations
from chandlery.billing._store import payments as store
from chandlery.billing._store.allocations import Allocation
from chandlery.billing.errors import PaymentMethodUnknown, PaymentUnfit, PaymentUnknown
from chandlery.billing.payment import Payment, PaymentFilter, Status
from chandlery.billing.payment_operation import SETTLED, Operation, State
from chandlery.billing.processors import MANUAL, OperationKind, Outcome, Request
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import (
    InvoiceId,
    OperationId,
    OrderId,
    OrganizationId,
    PaymentId,
    PaymentMethodId,
    new_id,
)
from chandlery.kernel.money import MAX_MINOR, Money, is_currency
from chandlery.kernel.page import Page, PageRequest, page_of

ASKED: Final = "payment.asked"
"""The event that starts the job: something is wanted of a processor."""
_DONE: Final[Mapping[OperationKind, str]] = {
    "authorize": "payment.authorized",
    "capture": "payment.captured",
    "void": "payment.voided",
    "refund": "payment.refunded",
}


@dataclass(frozen=True, slots=True)
class BeginPayment:
    """So much from payer to payee. Who calls knows the order or invoice, and that the two are its parties."""

    payer_id: OrganizationId
    payee_id: OrganizationId
    method_id: PaymentMethodId
    amount: Money
    order_id: OrderId | None = None
    invoice_id: InvoiceId | None = None
    captures_itself: bool = True


@dataclass(frozen=True, slots=True)
class MovePayment:
    """Capture, void or refund so much of a payment; all that there is unless an amount is given."""

    payment_id: PaymentId
    kind: OperationKind
    amount_minor: int | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A payment with what was asked of its processor, and the invoices it is for."""

    payment: Payment
    operations: Sequence[Operation]
    allocations: Sequence[Allocation]


@dataclass(frozen=True, slots=True)
class FindPayments:
    """A page of those that the actor's organisation received or made, newest first."""

    wanted: PaymentFilter = field(default_factory=PaymentFilter)
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class Work:
    """The operation of a payment that is open, and how it is sent."""

    payment: Payment
    operation: Operation
    processor: str
    request: Request


async def begin_payment(unit: Unit, actor: Actor, command: BeginPayment) -> History:
    """A payment and its authorisation, to be asked for by a job."""
    actor.require(permissions.PAYMENTS_WRITE)
    _check_amount(command.amount)
    method = await unit.fetch(store.method(command.method_id))
    if method.owner_id != command.payer_id:
        raise PaymentMethodUnknown(Problem("method_id", "Name a payment method of whoever pays."))
    if method.processor == MANUAL and not _is(actor, command.payee_id):
        message = "Only who receives money writes down by hand that it came."
        raise PaymentUnfit(Problem("method_id", message, "manual"))
    new = Payment(
        PaymentId(new_id()), command.payer_id, command.payee_id, method.id, command.order_id,
        command.invoice_id, command.amount.currency, command.amount.minor, command.captures_itself, unit.now,
    )  # fmt: skip
    unit.write(store.add(new))
    unit.emit(_event("payment.created", new))
    operation = ask(unit, actor, new, "authorize", new.amount_minor)
    return History(new, (operation,), ())


async def move_payment(unit: Unit, actor: Actor, command: MovePayment) -> History:
    """Ask for a capture, a void or a refund; only the payee may."""
    actor.require(permissions.PAYMENTS_WRITE)
    found, operations, kept = await unit.fetch(
        store.payment_for_update(command.payment_id),
        store.operations(command.payment_id),
        allocations.of_payment(command.payment_id),
    )
    if not _is(actor, found.payee_id):
        raise PaymentUnknown
    found.at_version(command.expected_version)
    payment, amount = found.asked(command.kind, command.amount_minor)
    unit.write(store.save(payment))
    operation = ask(unit, actor, payment, command.kind, amount)
    return History(payment, (*operations, operation), kept)


def ask(unit: Unit, actor: Actor, payment: Payment, kind: OperationKind, amount_minor: int) -> Operation:
    """Store that something is wanted of the processor; the event starts the job that asks it."""
    operation = Operation(OperationId(new_id()), payment.id, kind, amount_minor, actor.principal, unit.now)
    unit.write(store.add_operation(operation))
    unit.emit(_event(ASKED, payment, kind=kind))
    return operation


async def open_work(unit: Unit, actor: Actor, payment_id: PaymentId) -> Work | None:
    """What is open of a payment, which stays locked until the unit ends; for the job alone."""
    actor.require(permissions.PAYMENTS_WRITE)
    payment, operations, method = await unit.fetch(
        store.payment_for_update(payment_id), store.operations(payment_id), store.method_of(payment_id)
    )
    operation = next((one for one in operations if one.state not in SETTLED), None)
    if operation is None:
        return None
    authorization = next((one.processor_reference for one in operations if one.kind == "authorize"), None)
    request = Request(
        operation.reference,
        actor.tenant_id,
        operation.kind,
        Money(operation.amount_minor, payment.currency),
        method.token,
        None if operation.kind == "authorize" else authorization,
    )
    return Work(payment, operation, method.processor, request)


def sent(unit: Unit, work: Work) -> Operation:
    """Store that the operation is about to be sent; only when this is committed may the processor be called."""
    operation = work.operation.sent(unit.now)
    unit.write(store.save_operation(operation))
    return operation


def answered(unit: Unit, actor: Actor, work: Work, outcome: Outcome | None) -> Operation:
    """Take the processor's answer; a payment that captures itself goes on by itself."""
    operation = work.operation.answered(outcome, unit.now)
    unit.write(store.save_operation(operation))
    payment, kind, amount = work.payment, operation.kind, operation.amount_minor
    if operation.state is State.DONE:
        payment = payment.done(kind, amount)
        unit.write(store.save(payment))
        unit.emit(_event(_DONE[kind], payment))
        if kind == "authorize" and payment.captures_itself:
            ask(unit, actor, payment, "capture", payment.authorized_minor)
    elif operation.state in SETTLED:
        declined = operation.state is State.REFUSED
        payment = payment.not_done(kind, amount, operation.reason, declined)
        unit.write(store.save(payment))
        end = (
            payment.status.value if payment.status in (Status.DECLINED, Status.FAILED) else f"{kind}_refused"
        )
        unit.emit(_event(f"payment.{end}", payment, reason=operation.reason))
    return operation


async def get_payment(reader: Reader, actor: Actor, payment_id: PaymentId) -> History:
    actor.require(permissions.PAYMENTS_READ)
    return History(
        *await reader.fetch(
            store.payment(payment_id), store.operations(payment_id), allocations.of_payment(payment_id)
        )
    )


async def find_payments(reader: Reader, actor: Actor, command: FindPayments) -> Page[Payment]:
    actor.require(permissions.PAYMENTS_READ)
    found = await reader.fetch(store.find(command.wanted, command.page))
    return page_of(found, command.page.limit, lambda payment: (payment.created_at, payment.id))


overdue_payments = store.overdue
"""Payments of all tenants that nobody has turned to for long; for `engine.look_up`."""


def _check_amount(amount: Money) -> None:
    problems = []
    if not 0 < amount.minor < MAX_MINOR:
        problems.append(Problem("amount_minor", "Give an amount above zero, in minor units.", "out_of_range"))
    if not is_currency(amount.currency):
        problems.append(Problem("currency", "Give a currency of ISO 4217, such as EUR.", "currency"))
    if problems:
        raise PaymentUnfit(*problems)


def _is(actor: Actor, organization_id: OrganizationId) -> bool:
    return actor.is_system or actor.organization_id == organization_id


def _event(name: str, payment: Payment, **more: str) -> Event:
    facts = {
        "payee_id": str(payment.payee_id),
        "order_id": payment.order_id and str(payment.order_id),
        "invoice_id": payment.invoice_id and str(payment.invoice_id),
    }
    kept = {key: fact for key, fact in facts.items() if fact}
    return Event(name, payment.id, payment.payer_id, kept | more)
