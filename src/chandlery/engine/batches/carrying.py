"""The job's side of a batch: the next few operations, and what came of them.

One job carries out a stretch and queues the next, so that no batch keeps a worker from other work; the batches of one
tenant take turns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

from chandlery.engine.batches import _store
from chandlery.engine.batches.batch import Answer, BatchId, Item, Operation
from chandlery.engine.batches.errors import BatchInterrupted
from chandlery.engine.event_stream.catalogue import EventType
from chandlery.engine.jobs import Job
from chandlery.engine.tasks import Task
from chandlery.engine.unit import Reader, Unit
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.events import Event
from chandlery.kernel.ids import TenantId

TASK: Final = "carry_out_batch"
STRETCH: Final = 100
"""So many operations in one job,"""
AT_ONCE: Final = 10
"""and so many between one note of what came of them and the next."""
KEPT: Final = timedelta(days=7)
LATE: Final = timedelta(minutes=15)
_BITE: Final = 100
_NOT_NOW: Final = 503


Carry: TypeAlias = Callable[[Actor, Operation], Awaitable[Answer]]
"""Carries out one operation as somebody; whatever it is answered is an answer, refusals too."""


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """How many operations there were, and how many of them were refused."""

    total: int
    failed: int


EVENT_TYPES = (EventType("bulk.completed", "All operations of a bulk are done.", BatchFacts),)


@dataclass(frozen=True, slots=True)
class Next:
    """Who asked, and what is to be done next."""

    actor: Actor
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of some operations; `pause` when others shall have their turn now."""

    batch_id: BatchId
    answers: Sequence[tuple[Item, Answer]]
    pause: bool = False


def job(batch_id: BatchId, tenant_id: TenantId) -> Job:
    return Job(TASK, {"batch_id": str(batch_id)}, f"batches:{tenant_id}", f"{TASK}:{batch_id}")


def task(carry: Carry) -> Task:
    """The task `carry_out_batch`. What was done and not yet noted when a worker died, is answered by its key."""

    async def carry_out_batch(engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
        server = system(tenant_id, TASK)
        batch_id = BatchId(UUID(args["batch_id"]))
        for begun in range(0, STRETCH, AT_ONCE):
            found = await engine.read(server, _next, batch_id)
            if found is None or not found.items:
                return
            answers: list[tuple[Item, Answer]] = []
            for item in found.items:
                answer = await carry(found.actor, item.operation)
                if answer.status == _NOT_NOW:
                    await engine.perform(server, _note, Done(batch_id, answers))
                    raise BatchInterrupted
                answers.append((item, answer))
            pause = begun + AT_ONCE == STRETCH
            await engine.perform(server, _note, Done(batch_id, answers, pause))

    return carry_out_batch


async def wake_batches(engine: Engine) -> None:
    """A job can be given up; a batch is taken up again for as long as it is not completed."""
    before = engine.clock.now() - LATE
    for tenant_id, batch_id in await engine.look_up(_store.left_alone(before, _BITE)):
        await engine.perform(system(tenant_id, "wake_batches"), _wake, batch_id)


async def purge_batches(engine: Engine) -> None:
    before = engine.clock.now() - KEPT
    while await engine.look_up(_store.purge(before, _BITE)):
        pass


async def _next(reader: Reader, _actor: Actor, batch_id: BatchId) -> Next | None:
    actor, items = await reader.fetch(_store.actor_of(batch_id), _store.to_do(batch_id, AT_ONCE))
    return None if actor is None else Next(actor, items)


async def _note(unit: Unit, actor: Actor, done: Done) -> None:
    if not done.answers:
        return
    batch = await unit.fetch(_store.note(done.batch_id, done.answers))
    if batch.status == "completed":
        facts = {"total": batch.total, "failed": batch.failed}
        unit.emit(Event("bulk.completed", batch.id, batch.organization_id, facts))
    elif done.pause:
        unit.defer(job(batch.id, actor.tenant_id))


async def _wake(unit: Unit, actor: Actor, batch_id: BatchId) -> None:
    unit.defer(job(batch_id, actor.tenant_id))
