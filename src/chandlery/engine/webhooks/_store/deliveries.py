"""The log of deliveries in SQL, and the lanes in which they wait: one lane per endpoint and subject.

Of a lane's pending deliveries only the first, in the order of the stream, has a next attempt. Whoever changes a lane
holds the endpoint's row (FOR UPDATE, or by the foreign key of a new delivery), and calls `settle` last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chandlery.engine.statements import Query, Row, Write, many, one
from chandlery.engine.webhooks.delivery import Delivery
from chandlery.engine.webhooks.errors import DeliveryUnknown

_GET = """
    SELECT endpoint_id, event_id, event_type, subject_id, status, attempts, next_attempt_at, last_attempt_at,
        duration_ms, response_status, response_body, error, created_at
    FROM webhook_deliveries WHERE tenant_id = scope_tenant() AND endpoint_id = %s AND event_id = %s"""
_FIND = """
    SELECT endpoint_id, event_id, event_type, subject_id, status, attempts, next_attempt_at, last_attempt_at,
        duration_ms, response_status, response_body, error, created_at
    FROM webhook_deliveries d
    WHERE tenant_id = scope_tenant() AND endpoint_id = %s AND (%s::text IS NULL OR status = %s::text)
        AND ('*' = ANY(%s::text[]) OR event_type = ANY(%s::text[])
            OR split_part(event_type, '.', 1) || '.*' = ANY(%s::text[]))
        AND (%s::timestamptz IS NULL OR (created_at, event_id) < (%s::timestamptz, %s::uuid))
    ORDER BY created_at DESC, event_id DESC LIMIT %s"""
_SETTLE = """
    UPDATE webhook_deliveries d
    SET next_attempt_at = CASE WHEN l.is_first AND w.enabled THEN coalesce(d.next_attempt_at, %s::timestamptz) END
    FROM webhook_endpoints w, (
        SELECT p.endpoint_id, p.event_id,
            1 = row_number() OVER (
                PARTITION BY p.endpoint_id, p.subject_id ORDER BY p.event_txid, p.event_id
            ) AS is_first
        FROM webhook_deliveries p
        WHERE p.endpoint_id = ANY(%s::uuid[]) AND p.status = 'pending'
            AND (%s::uuid[] IS NULL OR p.subject_id = ANY(%s::uuid[]))
    ) l
    WHERE w.id = l.endpoint_id AND d.endpoint_id = l.endpoint_id AND d.event_id = l.event_id
        AND (d.next_attempt_at IS NOT NULL) <> (l.is_first AND w.enabled)"""
# Also an event that was never to be delivered, because the endpoint was disabled or did not exist yet.
_AGAIN = """
    WITH chosen AS (
        SELECT e.id, e.txid, e.type, e.subject_id, w.id AS endpoint_id, w.tenant_id, w.owner_id, w.owner_path
        FROM webhook_endpoints w JOIN events e ON e.tenant_id = w.tenant_id
            AND e.owner_path >= w.owner_path AND e.owner_path < path_end(w.owner_path)
        WHERE w.tenant_id = scope_tenant() AND w.id = %(endpoint)s AND e.tenant_id = (SELECT scope_tenant())
            AND e.at >= %(since)s::timestamptz AND e.at < %(until)s::timestamptz
            AND ('*' = ANY(w.events) OR e.type = ANY(w.events) OR e.subject || '.*' = ANY(w.events))
            AND ('*' = ANY(%(types)s::text[]) OR e.type = ANY(%(types)s::text[])
                OR e.subject || '.*' = ANY(%(types)s::text[]))
            AND (NOT %(failed)s OR EXISTS (SELECT FROM webhook_deliveries f
                WHERE f.endpoint_id = w.id AND f.event_id = e.id AND f.status = 'failed'))
        ORDER BY e.txid, e.id LIMIT %(limit)s
    ), again AS (
        INSERT INTO webhook_deliveries (endpoint_id, event_id, tenant_id, owner_id, owner_path, event_txid, event_type,
            subject_id, created_at)
        SELECT endpoint_id, id, tenant_id, owner_id, owner_path, txid, type, subject_id, %(now)s::timestamptz
        FROM chosen ORDER BY txid, id
        ON CONFLICT (endpoint_id, event_id) DO UPDATE SET status = 'pending', attempts = 0, next_attempt_at = NULL
        RETURNING 1
    )
    SELECT count(*) FROM again"""
_AGAIN_ONE = """
    UPDATE webhook_deliveries SET status = 'pending', attempts = 0, next_attempt_at = NULL
    WHERE tenant_id = scope_tenant() AND endpoint_id = %s AND event_id = %s"""


@dataclass(frozen=True, slots=True)
class Range:
    """Which events to send again: [since, until), of these types, or only what was given up."""

    endpoint_id: UUID
    since: datetime
    until: datetime
    types: tuple[str, ...]
    failed_only: bool
    limit: int


def get(endpoint_id: UUID, event_id: UUID) -> Query[Delivery]:
    return one(_GET, (endpoint_id, event_id), _delivery, DeliveryUnknown)


def find(
    endpoint_id: UUID,
    status: str | None,
    types: Sequence[str],
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Query[list[Delivery]]:
    at, event_id = before or (None, None)
    wanted = list(types)
    row: Sequence[Any] = (endpoint_id, status, status, wanted, wanted, wanted, at, at, event_id, limit)
    return many(_FIND, row, _delivery)


def settle(endpoints: Sequence[UUID], subjects: Sequence[UUID] | None, now: datetime) -> Write:
    """Give the first pending delivery of each lane its next attempt, at `now` unless it has one, and none to others."""
    lanes = None if subjects is None else list(subjects)
    return Write(_SETTLE, (now, list(endpoints), lanes, lanes))


def again(endpoint_id: UUID, event_id: UUID) -> Write:
    return Write(_AGAIN_ONE, (endpoint_id, event_id))


def again_range(chosen: Range, now: datetime) -> Query[int]:
    """Queue what is in the range once more; how many."""
    row = {
        "endpoint": chosen.endpoint_id,
        "since": chosen.since,
        "until": chosen.until,
        "types": list(chosen.types),
        "failed": chosen.failed_only,
        "limit": chosen.limit,
        "now": now,
    }
    return Query(_AGAIN, row, lambda rows: int(rows[0][0]))


def _delivery(row: Row) -> Delivery:
    return Delivery(*row)
