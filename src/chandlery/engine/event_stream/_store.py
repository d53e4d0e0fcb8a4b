"""The stream in SQL. `stream_window` (0009) says how far one read may look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chandlery.engine.event_stream.stored import Place, StoredEvent
from chandlery.engine.statements import Query, Row

_NEXT = """
    SELECT w.txid, w.event_id, w.is_end, e.*
    FROM stream_window(%s::bigint, %s::uuid, %s::integer) w
    LEFT JOIN LATERAL (
        SELECT e.id, e.txid AS place, e.at, e.type, e.subject_id, e.owner_id, e.principal, e.organization_id,
            e.surface, e.request_id, e.data
        FROM events e
        WHERE e.tenant_id = (SELECT scope_tenant())
            AND (e.txid, e.id) > (%s::bigint, %s::uuid) AND (e.txid, e.id) <= (w.txid, w.event_id)
            AND ('*' = ANY(%s::text[]) OR e.type = ANY(%s::text[]) OR e.subject || '.*' = ANY(%s::text[]))
            AND (%s::uuid IS NULL OR e.subject_id = %s::uuid)
        ORDER BY e.txid, e.id LIMIT %s
    ) e ON true
    ORDER BY e.place, e.id"""
_END = "SELECT txid, event_id FROM stream_window(0, %s::uuid, NULL)"


def next_events(
    after: Place, rows: int | None, patterns: Sequence[str], subject_id: UUID | None, limit: int
) -> Query[tuple[list[StoredEvent], Place, bool]]:
    """Up to `limit` events, how far was looked, and whether that is the end; `rows` bounds how many are looked at."""
    wanted = list(patterns)

    def read(found: Sequence[Row]) -> tuple[list[StoredEvent], Place, bool]:
        txid, event_id, is_end = found[0][:3]
        events = [stored_event(row[3:]) for row in found if row[3] is not None]
        return events, Place(txid, event_id), is_end

    params: list[Any] = [after.txid, after.event_id, rows, after.txid, after.event_id]
    params += [wanted, wanted, wanted, subject_id, subject_id, limit]
    return Query(_NEXT, params, read)


def end_of_stream() -> Query[Place]:
    return Query(_END, (UUID(int=0),), lambda rows: Place(*rows[0]))


def stored_event(row: Row) -> StoredEvent:
    """From id, txid, at, type, subject_id, owner_id, principal, organization_id, surface, request_id, data."""
    return StoredEvent(row[0], Place(row[1], row[0]), *row[2:11])
