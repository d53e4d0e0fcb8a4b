"""Which event starts which story, which task runs which, and what runs again and again: the one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chandlery.engine import mail
from chandlery.engine.batches import carrying
from chandlery.engine.batches.carrying import Carry
from chandlery.engine.jobs import Job, Triggers
from chandlery.engine.tasks import Task
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.webhooks.dispatch import Dispatcher, purge_deliveries
from chandlery.engine.worker import Periodic
from chandlery.fulfilment.events import PROVIDER_CHANGED
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox.callbacks import CallingBack
from chandlery.identity.sessions import sweep_identity
from chandlery.kernel.events import Event
from chandlery.processes import fulfil_order, wake_waiting
from chandlery.processes.expire_drafts import expire_drafts
from chandlery.processes.wake_overdue import wake_overdue


def _submitted(event: Event) -> Job:
    return fulfil_order.job(event.subject_id)


def _answered(event: Event) -> Job:
    return fulfil_order.job(event.data["order_id"])


def _set_up_anew(event: Event) -> Job:
    return wake_waiting.job(event.subject_id)


TRIGGERS: Triggers = {
    "order.submitted": _submitted,
    "provisioning.answered": _answered,
    PROVIDER_CHANGED: _set_up_anew,
}


def tasks(
    providers: Providers, send_letter: Task | None = None, carry: Carry | None = None
) -> Mapping[str, Task]:
    """Every kind of job that a worker must know; `carry` is the way of a bulk's operations, which surfaces know."""
    found: dict[str, Task] = {
        fulfil_order.TASK: fulfil_order.task(providers),
        wake_waiting.TASK: wake_waiting.run,
    }
    if send_letter is not None:
        found[mail.TASK] = send_letter
    if carry is not None:
        found[carrying.TASK] = carrying.task(carry)
    return found


def periodic(
    calling_back: CallingBack | None = None, webhooks: Dispatcher | None = None
) -> Sequence[Periodic]:
    """The sweeps of every worker; the sandbox vendor's own machine is among them where there is one."""
    sweeps = [
        Periodic("expire_drafts", 30, expire_drafts),
        Periodic("wake_overdue", 60, wake_overdue),
        Periodic("sweep_identity", 600, sweep_identity),
        Periodic("wake_batches", 60, carrying.wake_batches),
        Periodic("purge_batches", 3600, carrying.purge_batches),
    ]
    if webhooks is not None:
        sweeps.append(Periodic("webhooks", 1, webhooks.sweep))
        sweeps.append(Periodic("purge_deliveries", 3600, purge_deliveries))
    if calling_back is not None:
        vendor = calling_back

        async def call_back(_engine: Engine) -> None:
            await vendor.deliver_due()

        sweeps.append(Periodic("sandbox_callbacks", 1, call_back))
    return sweeps
