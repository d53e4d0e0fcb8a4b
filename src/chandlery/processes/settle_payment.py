"""Asking a payment processor: exactly what fulfilment does with vendors, for money.

    advance   one transaction: take the last answer, find what is open, store that it is in flight
    call      outside of any transaction, within a time-out
    ... until nothing is left to call

What is captured goes to the invoices that it is for by a job of its own, which the capture stores with it.

A call found in flight was cut off: the processor is asked what became of it, by our reference, and it is sent again
only when the processor says that it never came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from chandlery.billing import payments
from chandlery.billing.allocating import use_payment
from chandlery.billing.payment_operation import Step
from chandlery.billing.payments import Work
from chandlery.billing.processors import Outcome, Processors, Unknown
from chandlery.engine.jobs import Job
from chandlery.engine.tasks import Task
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.ids import OperationId, PaymentId, TenantId

log = structlog.get_logger(__name__)

TASK = "settle_payment"
USE = "use_payment"
LATE = timedelta(minutes=15)
AT_ONCE = 100


def job(payment_id: UUID | str, due: datetime | None = None) -> Job:
    """The job for a payment: one runs at a time, and one more may wait."""
    return Job(TASK, {"payment_id": str(payment_id)}, f"payment:{payment_id}", f"{TASK}:{payment_id}", due)


def task(processors: Processors) -> Task:
    async def settle(engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
        await settle_payment(engine, processors, tenant_id, PaymentId(UUID(args["payment_id"])))

    return settle


@dataclass(frozen=True, slots=True)
class Reply:
    """What the processor said to which attempt; None: it was asked and has never seen it."""

    operation_id: OperationId
    attempt: int
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Advance:
    payment_id: PaymentId
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What to do next: send the request, or (`ask_only`) ask what became of it."""

    work: Work
    attempt: int
    ask_only: bool


async def settle_payment(
    engine: Engine, processors: Processors, tenant_id: TenantId, payment_id: PaymentId
) -> None:
    """Take a payment as far as it comes now; timers bring the job back for the rest."""
    actor = system(tenant_id, TASK)
    reply: Reply | None = None
    while True:
        step = await engine.perform(actor, advance, Advance(payment_id, reply))
        if step.value is None:
            return
        reply = await _make(processors, step.value)


async def run_use(engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
    """After a capture, once: what the payee takes off an invoice later stays off."""
    await engine.perform(system(tenant_id, USE), use_payment, PaymentId(UUID(args["payment_id"])))


async def wake_payments(engine: Engine) -> None:
    """Payments that nobody turns to any more are woken: a job can be given up, money cannot."""
    for tenant_id, payment_id in await engine.look_up(
        payments.overdue_payments(engine.clock.now(), LATE, AT_ONCE)
    ):
        await engine.perform(system(tenant_id, "wake_payments"), wake, payment_id)


async def wake(unit: Unit, actor: Actor, payment_id: PaymentId) -> None:
    actor.require(permissions.PAYMENTS_WRITE)
    unit.defer(job(payment_id))


async def advance(unit: Unit, actor: Actor, command: Advance) -> Call | None:
    """Take the reply, or find what is open and store that it is about to be sent; None when nothing is due."""
    work = await payments.open_work(unit, actor, command.payment_id)
    if work is None:
        return None
    reply, operation = command.reply, work.operation
    if reply is not None and (reply.operation_id, reply.attempt) == (operation.id, operation.attempts):
        after = payments.answered(unit, actor, work, reply.outcome)
        if after.next_at is not None:
            unit.defer(job(command.payment_id, after.next_at))
        return None  # what follows from it (a capture by itself) has a job of its own
    step = operation.next_step(unit.now)
    if step is Step.WAIT:
        return None
    if step is Step.ASK:
        return Call(work, operation.attempts, ask_only=True)
    return Call(work, payments.sent(unit, work).attempts, ask_only=False)


async def _make(processors: Processors, call: Call) -> Reply:
    work = call.work
    outcome: Outcome | None
    try:
        if call.ask_only:
            outcome = await processors.ask(work.processor, work.request.account, work.request.reference)
        else:
            outcome = await processors.send(work.processor, work.request)
    except Exception as error:  # edge: a processor is foreign code, and may have acted before it raised
        log.warning(
            "processor_raised", processor=work.processor, operation=work.request.reference, exc_info=error
        )
        outcome = Unknown(f"The call to the processor broke off ({type(error).__name__}).")
    return Reply(work.operation.id, call.attempt, outcome)
