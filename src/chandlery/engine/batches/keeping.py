"""Storing a batch with its job, and looking at how far it is and what came of it.

No permission is asked for a batch as such: each of its operations asks for its own. Nobody but the one who sent it
reads what was answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chandlery.engine.batches import _store
from chandlery.engine.batches.batch import MOST_OPERATIONS, Batch, BatchId, Item, ItemId, Operation, Result
from chandlery.engine.batches.carrying import job
from chandlery.engine.batches.errors import BatchUnfit
from chandlery.engine.unit import Reader, Unit
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import new_id
from chandlery.kernel.page import Page, PageRequest, page_of


@dataclass(frozen=True, slots=True)
class FindBatches:
    """The actor's own, newest first."""

    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class FindResults:
    """What came of the operations that are done, in their order; of those refused alone."""

    batch_id: BatchId
    failed_only: bool = False
    page: PageRequest = field(default_factory=PageRequest)


async def keep_batch(unit: Unit, actor: Actor, operations: Sequence[Operation]) -> Batch:
    """Carry them out soon, one after the other, as this actor."""
    if not 1 <= len(operations) <= MOST_OPERATIONS:
        raise BatchUnfit(Problem("operations", f"Give 1 to {MOST_OPERATIONS} operations.", "count"))
    batch_id = BatchId(new_id())
    items = [Item(ItemId(new_id()), position, operation) for position, operation in enumerate(operations)]
    batch = await unit.fetch(_store.add(batch_id, actor, len(items)))
    unit.write(_store.add_items(batch_id, items))
    unit.defer(job(batch_id, actor.tenant_id))
    return batch


async def get_batch(reader: Reader, actor: Actor, batch_id: BatchId) -> Batch:
    return await reader.fetch(_store.get(batch_id, actor))


async def find_batches(reader: Reader, actor: Actor, command: FindBatches) -> Page[Batch]:
    found = await reader.fetch(_store.find(actor, command.page))
    return page_of(found, command.page.limit, lambda batch: (batch.created_at, batch.id))


async def find_results(reader: Reader, actor: Actor, command: FindResults) -> Page[Result]:
    batch, found = await reader.fetch(
        _store.get(command.batch_id, actor),
        _store.results(command.batch_id, command.failed_only, command.page),
    )
    return page_of(found, command.page.limit, lambda result: (batch.created_at, result.id))
