"""The dispatcher's statements: from events to deliveries, and from a lease on an endpoint to what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from chandlery.engine.event_stream.stored import Place, StoredEvent
from chandlery.engine.statements import Query, Row, Write, many, maybe, scalar
from chandlery.kernel.ids import OrganizationId, TenantId

_BEHIND = "SELECT t FROM webhook_tenants_behind(%s::uuid) t"
_DUE = "SELECT tenant_id, endpoint_id FROM webhook_endpoints_due(%s::timestamptz, %s::uuid)"
_PURGE = "SELECT purge_webhook_deliveries(%s::timestamptz, %s::integer)"
_LOCK_CURSOR = "SELECT txid FROM webhook_cursors WHERE tenant_id = scope_tenant() FOR UPDATE"
_FAN_OUT = """
    WITH reach AS MATERIALIZED (
        SELECT c.txid AS from_txid, c.event_id AS from_id, w.txid, w.event_id, w.is_end
        FROM webhook_cursors c CROSS JOIN LATERAL stream_window(c.txid, c.event_id, %s::integer) w
        WHERE c.tenant_id = (SELECT scope_tenant())
    ), moved AS (
        UPDATE webhook_cursors c SET txid = r.txid, event_id = r.event_id FROM reach r
        WHERE c.tenant_id = (SELECT scope_tenant())
    ), added AS (
        INSERT INTO webhook_deliveries (endpoint_id, event_id, tenant_id, owner_id, owner_path, event_txid, event_type,
            subject_id, created_at)
        SELECT w.id, e.id, w.tenant_id, w.owner_id, w.owner_path, e.txid, e.type, e.subject_id, %s::timestamptz
        FROM reach r JOIN events e ON e.tenant_id = (SELECT scope_tenant())
            AND (e.txid, e.id) > (r.from_txid, r.from_id) AND (e.txid, e.id) <= (r.txid, r.event_id)
        JOIN webhook_endpoints w ON w.tenant_id = (SELECT scope_tenant()) AND w.enabled
            AND e.owner_path >= w.owner_path AND e.owner_path < path_end(w.owner_path)
            AND ('*' = ANY(w.events) OR e.type = ANY(w.events) OR e.subject || '.*' = ANY(w.events))
            AND NOT pg_visible_in_snapshot(e.txid::text::xid8, w.since)
        JOIN organizations o ON o.id = w.owner_id AND o.status = 'active'
        ON CONFLICT (endpoint_id, event_id) DO NOTHING
        RETURNING endpoint_id, subject_id
    )
    SELECT r.is_end, a.endpoint_id, a.subject_id
    FROM reach r LEFT JOIN (SELECT DISTINCT endpoint_id, subject_id FROM added) a ON true"""
_LEASE = """
    UPDATE webhook_endpoints SET leased_by = %s, leased_until = %s::timestamptz
    WHERE tenant_id = scope_tenant() AND id = %s AND enabled
        AND (leased_until IS NULL OR leased_until <= %s::timestamptz)
    RETURNING url, secret, CASE WHEN previous_until > %s::timestamptz THEN previous_secret END"""
_TAKE = """
    SELECT d.attempts, e.id, e.txid, e.at, e.type, e.subject_id, e.owner_id, e.principal, e.organization_id, e.surface,
        e.request_id, e.data
    FROM webhook_deliveries d
    JOIN events e ON e.tenant_id = d.tenant_id AND e.subject_id = d.subject_id AND e.id = d.event_id
    WHERE d.tenant_id = scope_tenant() AND d.endpoint_id = %s AND d.next_attempt_at <= %s::timestamptz
    ORDER BY d.event_txid, d.event_id LIMIT %s"""
_STANDING = """
    SELECT owner_id, enabled, failures, failing_since FROM webhook_endpoints
    WHERE tenant_id = scope_tenant() AND id = %s AND leased_by = %s FOR UPDATE"""
_RECORD = """
    UPDATE webhook_deliveries d SET status = r.status, attempts = r.attempts, next_attempt_at = r.next_attempt_at,
        last_attempt_at = r.last_attempt_at, duration_ms = r.duration_ms, response_status = r.response_status,
        response_body = r.response_body, error = r.error
    FROM jsonb_to_recordset(%s) AS r(event_id uuid, status text, attempts integer, next_attempt_at timestamptz,
        last_attempt_at timestamptz, duration_ms integer, response_status integer, response_body text, error text)
    WHERE d.tenant_id = scope_tenant() AND d.endpoint_id = %s AND d.event_id = r.event_id AND d.status = 'pending'"""
# The lease ends now and stays as the time of the last turn, so that the endpoints take turns.
_RELEASE = """
    UPDATE webhook_endpoints SET leased_by = NULL, leased_until = %s::timestamptz, failures = %s, failing_since = %s,
        enabled = enabled AND %s::text IS NULL,
        disabled_reason = CASE WHEN enabled THEN %s::text ELSE disabled_reason END
    WHERE tenant_id = scope_tenant() AND id = %s"""
_GIVE_BACK = """
    UPDATE webhook_endpoints SET leased_by = NULL, leased_until = %s::timestamptz
    WHERE tenant_id = scope_tenant() AND id = %s"""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a leased endpoint is, and its sealed secrets: the present one first."""

    url: str
    sealed: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to attempt: its event, and how many attempts there were."""

    attempts: int
    event: StoredEvent


@dataclass(frozen=True, slots=True)
class Standing:
    """How a leased endpoint stands when the attempts come back."""

    organization_id: OrganizationId
    enabled: bool
    failures: int
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the attempts mean for the endpoint; `disable` names the reason if it is to be called no more."""

    failures: int
    failing_since: datetime | None
    disable: str | None


def tenants_behind(tenant_id: TenantId | None) -> Query[list[TenantId]]:
    return many(_BEHIND, (tenant_id,), scalar)


def endpoints_due(now: datetime, tenant_id: TenantId | None) -> Query[list[tuple[TenantId, UUID]]]:
    return many(_DUE, (now, tenant_id), lambda row: (row[0], row[1]))


def purge(before: datetime, limit: int) -> Query[int]:
    return Query(_PURGE, (before, limit), lambda rows: int(rows[0][0]))


def lock_cursor() -> Query[Any]:
    return maybe(_LOCK_CURSOR, (), scalar)


def fan_out(limit: int, now: datetime) -> Query[tuple[bool, list[tuple[UUID, UUID]]]]:
    """Turn up to `limit` further events into deliveries: whether that was all, and the lanes that have new ones."""

    def read(rows: Sequence[Row]) -> tuple[bool, list[tuple[UUID, UUID]]]:
        return all(row[0] for row in rows), [(row[1], row[2]) for row in rows if row[1] is not None]

    return Query(_FAN_OUT, (limit, now), read)


def lease(endpoint_id: UUID, turn_id: UUID, now: datetime, until: datetime) -> Query[Target | None]:
    return maybe(
        _LEASE,
        (turn_id, until, endpoint_id, now, now),
        lambda row: Target(row[0], tuple(bytes(sealed) for sealed in row[1:] if sealed is not None)),
    )


def give_back(endpoint_id: UUID, now: datetime) -> Write:
    return Write(_GIVE_BACK, (now, endpoint_id))


def take_due(endpoint_id: UUID, now: datetime, limit: int) -> Query[list[Due]]:
    return many(
        _TAKE,
        (endpoint_id, now, limit),
        lambda row: Due(row[0], StoredEvent(row[1], Place(row[2], row[1]), *row[3:])),
    )


def standing(endpoint_id: UUID, turn_id: UUID) -> Query[Standing | None]:
    """The endpoint, if the lease is still the one that was given out."""
    return maybe(_STANDING, (endpoint_id, turn_id), lambda row: Standing(*row))


def record(endpoint_id: UUID, results: Sequence[dict[str, Any]]) -> Write:
    return Write(_RECORD, (Jsonb(list(results)), endpoint_id))


def release(endpoint_id: UUID, now: datetime, verdict: Verdict) -> Write:
    row = (now, verdict.failures, verdict.failing_since, verdict.disable, verdict.disable, endpoint_id)
    return Write(_RELEASE, row)
