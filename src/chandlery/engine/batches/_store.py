"""Batches in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from chandlery.engine.batches.batch import (
    FAILURE,
    Answer,
    Batch,
    BatchId,
    Item,
    ItemId,
    Operation,
    Result,
    recalled,
    remembered,
)
from chandlery.engine.batches.errors import BatchUnknown
from chandlery.engine.statements import Query, Row, Write, many, maybe, one
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import TenantId
from chandlery.kernel.page import PageRequest

_ADD = """
    INSERT INTO batches (id, tenant_id, owner_id, owner_path, principal, actor, status, total, created_at, touched_at)
    SELECT %s, o.tenant_id, o.id, o.path, %s::text, %s, 'running', %s, unit_now(), clock_timestamp()
    FROM organizations o WHERE o.id = scope_org()
    RETURNING id, owner_id, status, total, done, failed, created_at, completed_at"""
_ADD_ITEMS = """
    INSERT INTO batch_items (batch_id, id, tenant_id, position, method, path, body, key, if_match)
    SELECT %(batch)s, n.id, scope_tenant(), n.position - 1, n.method, n.path, n.body,
        coalesce(n.key, 'bulk.' || %(batch)s::text || '.' || n.position), n.if_match
    FROM unnest(%(ids)s::uuid[], %(methods)s::text[], %(paths)s::text[], %(bodies)s::bytea[], %(keys)s::text[],
        %(matches)s::text[]) WITH ORDINALITY AS n(id, method, path, body, key, if_match, position)"""
_GET = """
    SELECT id, owner_id, status, total, done, failed, created_at, completed_at FROM batches
    WHERE tenant_id = scope_tenant() AND id = %s AND owner_id = scope_org() AND principal = %s::text"""
_FIND = """
    SELECT id, owner_id, status, total, done, failed, created_at, completed_at FROM batches
    WHERE tenant_id = scope_tenant() AND owner_id = scope_org() AND principal = %s::text
        AND (%s::timestamptz IS NULL OR (created_at, id) < (%s::timestamptz, %s::uuid))
    ORDER BY created_at DESC, id DESC LIMIT %s"""
_RESULTS = """
    SELECT id, position, method, path, status, answer, location, etag, replayed FROM batch_items
    WHERE batch_id = %s AND status IS NOT NULL AND (NOT %s OR status >= %s) AND (%s::uuid IS NULL OR id > %s::uuid)
    ORDER BY id LIMIT %s"""
_TO_DO = """
    SELECT id, position, method, path, body, key, if_match FROM batch_items
    WHERE batch_id = %s AND status IS NULL ORDER BY id LIMIT %s"""
# The batch's row first: what is noted twice is counted once.
_NOTE = """
    WITH held AS MATERIALIZED (
        SELECT id FROM batches WHERE id = %(id)s FOR UPDATE
    ), noted AS (
        UPDATE batch_items i SET status = n.status, answer = n.answer, location = n.location, etag = n.etag,
            replayed = n.replayed, body = NULL
        FROM held, unnest(%(ids)s::uuid[], %(statuses)s::integer[], %(answers)s::bytea[], %(locations)s::text[],
            %(etags)s::text[], %(replayed)s::boolean[]) AS n(id, status, answer, location, etag, replayed)
        WHERE i.batch_id = held.id AND i.id = n.id AND i.status IS NULL
        RETURNING i.status
    )
    UPDATE batches b SET done = b.done + n.done, failed = b.failed + n.failed, touched_at = clock_timestamp(),
        status = CASE WHEN b.done + n.done = b.total THEN 'completed' ELSE b.status END,
        completed_at = CASE WHEN b.done + n.done = b.total THEN coalesce(b.completed_at, unit_now()) END
    FROM (SELECT count(*)::integer AS done, (count(*) FILTER (WHERE status >= %(failure)s))::integer AS failed
        FROM noted) n
    WHERE b.id = %(id)s
    RETURNING b.id, b.owner_id, b.status, b.total, b.done, b.failed, b.created_at, b.completed_at"""
_LEFT_ALONE = "SELECT tenant_id, batch_id FROM batches_left_alone(%s, %s)"
_PURGE = "SELECT purge_batches(%s, %s)"


def add(batch_id: BatchId, actor: Actor, total: int) -> Query[Batch]:
    params = (batch_id, actor.principal, Jsonb(remembered(actor)), total)
    return one(_ADD, params, _batch, BatchUnknown)


def add_items(batch_id: BatchId, items: Sequence[Item]) -> Write:
    operations = [item.operation for item in items]
    params = {
        "batch": batch_id,
        "ids": [item.id for item in items],
        "methods": [operation.method for operation in operations],
        "paths": [operation.path for operation in operations],
        "bodies": [operation.body for operation in operations],
        "keys": [operation.key for operation in operations],
        "matches": [operation.if_match for operation in operations],
    }
    return Write(_ADD_ITEMS, params)


def get(batch_id: BatchId, actor: Actor) -> Query[Batch]:
    return one(_GET, (batch_id, actor.principal), _batch, BatchUnknown)


def find(actor: Actor, page: PageRequest) -> Query[list[Batch]]:
    at, row_id = page.after or (None, None)
    return many(_FIND, (actor.principal, at, at, row_id, page.limit + 1), _batch)


def results(batch_id: BatchId, failed_only: bool, page: PageRequest) -> Query[list[Result]]:
    after = page.after[1] if page.after else None
    return many(_RESULTS, (batch_id, failed_only, FAILURE, after, after, page.limit + 1), _result)


def actor_of(batch_id: BatchId) -> Query[Actor | None]:
    """Who asked; None once the batch is gone."""
    return maybe(
        "SELECT actor FROM batches WHERE tenant_id = scope_tenant() AND id = %s",
        (batch_id,),
        lambda row: recalled(row[0]),
    )


def to_do(batch_id: BatchId, limit: int) -> Query[list[Item]]:
    return many(
        _TO_DO,
        (batch_id, limit),
        lambda row: Item(row[0], row[1], Operation(row[2], row[3], _bytes(row[4]), row[5], row[6])),
    )


def note(batch_id: BatchId, done: Sequence[tuple[Item, Answer]]) -> Query[Batch]:
    """Write down what came of them, and how far the batch is by that."""
    params: dict[str, Any] = {
        "id": batch_id,
        "ids": [item.id for item, _ in done],
        "statuses": [answer.status for _, answer in done],
        "answers": [answer.body for _, answer in done],
        "locations": [answer.location for _, answer in done],
        "etags": [answer.etag for _, answer in done],
        "replayed": [answer.replayed for _, answer in done],
        "failure": FAILURE,
    }
    return one(_NOTE, params, _batch, BatchUnknown)


def left_alone(before: datetime, limit: int) -> Query[list[tuple[TenantId, BatchId]]]:
    return many(_LEFT_ALONE, (before, limit), lambda row: (TenantId(row[0]), BatchId(row[1])))


def purge(before: datetime, limit: int) -> Query[int]:
    return Query(_PURGE, (before, limit), lambda rows: int(rows[0][0]))


def _batch(row: Row) -> Batch:
    return Batch(*row)


def _result(row: Row) -> Result:
    answer = Answer(row[4], _bytes(row[5]) or b"", row[6], row[7], bool(row[8]))
    return Result(ItemId(row[0]), row[1], row[2], row[3], answer)


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
