"""Which event starts which story, which task runs which, and what runs again and again: the one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chandlery.billing.processors import MANUAL, Manual, Processors
from chandlery.engine.jobs import Job, Triggers
from chandlery.engine.tasks import Task
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.worker import Periodic
from chandlery.fulfilment.events import PROVIDER_CHANGED
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox.callbacks import CallingBack
from chandlery.identity.sessions import sweep_identity
from chandlery.kernel.events import Event
from chandlery.processes import (
    fulfil_order,
    invoice_orders,
    render_invoice,
    settle_payment,
    ship_lines,
    wake_waiting,
)
from chandlery.processes.expire_drafts import expire_drafts
from chandlery.processes.wake_overdue import wake_overdue


def _submitted(event: Event) -> Job:
    return fulfil_order.job(event.subject_id)


def _answered(event: Event) -> Job:
    return fulfil_order.job(event.data["order_id"])


def _set_up_anew(event: Event) -> Job:
    return wake_waiting.job(event.subject_id)


def _asked(event: Event) -> Job:
    return settle_payment.job(event.subject_id)


def _captured(event: Event) -> Job:
    return Job(settle_payment.USE, {"payment_id": str(event.subject_id)}, lock=f"payment:{event.subject_id}")


TRIGGERS: Triggers = {
    "order.submitted": _submitted,
    "provisioning.answered": _answered,
    PROVIDER_CHANGED: _set_up_anew,
    "payment.asked": _asked,
    "payment.captured": _captured,
    "invoice.posted": render_invoice.job,
}
BY_HAND = Processors({MANUAL: Manual()})


def tasks(providers: Providers, processors: Processors = BY_HAND) -> Mapping[str, Task]:
    """Every kind of job that a worker must know."""
    return {
        fulfil_order.TASK: fulfil_order.task(providers),
        ship_lines.TASK: ship_lines.run_job,
        wake_waiting.TASK: wake_waiting.run,
        settle_payment.TASK: settle_payment.task(processors),
        settle_payment.USE: settle_payment.run_use,
        invoice_orders.TASK: invoice_orders.run,
        render_invoice.TASK: render_invoice.run,
    }


def periodic(calling_back: CallingBack | None = None) -> Sequence[Periodic]:
    """The sweeps of every worker; the sandbox vendor's own machine is among them where there is one."""
    sweeps = [
        Periodic("expire_drafts", 30, expire_drafts),
        Periodic("wake_overdue", 60, wake_overdue),
        Periodic("wake_payments", 60, settle_payment.wake_payments),
        Periodic("sweep_identity", 600, sweep_identity),
    ]
    if calling_back is not None:
        vendor = calling_back

        async def call_back(_engine: Engine) -> None:
            await vendor.deliver_due()

        sweeps.append(Periodic("sandbox_callbacks", 1, call_back))
    return sweeps
