"""Endpoints in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chandlery.engine.statements import Query, Row, Write, many, maybe, one, scalar
from chandlery.engine.webhooks.endpoint import Endpoint
from chandlery.engine.webhooks.errors import EndpointUnknown
from chandlery.kernel.ids import OrganizationId

_OWNER = "SELECT path FROM organizations WHERE tenant_id = scope_tenant() AND id = %s"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('webhook_endpoints ' || %s::text, 0))::text"
_COUNT = "SELECT count(*) FROM webhook_endpoints WHERE tenant_id = scope_tenant() AND owner_id = %s"
_ADD = """
    INSERT INTO webhook_endpoints (id, tenant_id, owner_id, owner_path, url, description, events, secret, created_at)
    SELECT %s, o.tenant_id, o.id, o.path, %s, %s, %s::text[], %s, unit_now() FROM organizations o
    WHERE o.id = %s AND o.tenant_id = scope_tenant()"""
_OPEN_CURSOR = """
    INSERT INTO webhook_cursors (tenant_id, txid, event_id)
    SELECT scope_tenant(), w.txid, w.event_id FROM stream_window(0, %s::uuid, NULL) w
    ON CONFLICT (tenant_id) DO NOTHING"""
_GET = """
    SELECT id, owner_id, url, description, events, enabled, disabled_reason, failing_since, previous_until, created_at,
        version
    FROM webhook_endpoints WHERE tenant_id = scope_tenant() AND id = %s"""
_LOCK = """
    SELECT id, owner_id, url, description, events, enabled, disabled_reason, failing_since, previous_until, created_at,
        version
    FROM webhook_endpoints WHERE tenant_id = scope_tenant() AND id = %s FOR UPDATE"""
_FIND = """
    SELECT id, owner_id, url, description, events, enabled, disabled_reason, failing_since, previous_until, created_at,
        version
    FROM webhook_endpoints
    WHERE tenant_id = scope_tenant() AND owner_id = %s
        AND (%s::timestamptz IS NULL OR (created_at, id) > (%s::timestamptz, %s::uuid))
    ORDER BY created_at, id LIMIT %s"""
# An endpoint that is enabled again, or moved, starts afresh; what happened while it was disabled is not sent to it.
_SAVE = """
    UPDATE webhook_endpoints SET url = %s, description = %s, events = %s::text[], enabled = %s, disabled_reason = %s,
        failures = CASE WHEN %s THEN 0 ELSE failures END, failing_since = CASE WHEN %s THEN NULL ELSE failing_since END,
        since = CASE WHEN %s AND NOT enabled THEN pg_current_snapshot() ELSE since END, version = version + 1
    WHERE tenant_id = scope_tenant() AND id = %s"""
_ROTATE = """
    UPDATE webhook_endpoints SET previous_secret = CASE WHEN %s::timestamptz IS NULL THEN NULL ELSE secret END,
        previous_until = %s::timestamptz, secret = %s, version = version + 1
    WHERE tenant_id = scope_tenant() AND id = %s"""
_DELETE = "DELETE FROM webhook_endpoints WHERE tenant_id = scope_tenant() AND id = %s"


@dataclass(frozen=True, slots=True)
class Registration:
    """What a new endpoint's row needs from outside."""

    id: UUID
    organization_id: OrganizationId
    url: str
    description: str
    events: tuple[str, ...]
    sealed: bytes


def owner_path(organization_id: UUID) -> Query[str | None]:
    return maybe(_OWNER, (organization_id,), scalar)


def one_at_a_time(organization_id: UUID) -> Query[Any]:
    """Wait for whoever else adds an endpoint to this organisation, so that the count behind it holds."""
    return maybe(_ONE_AT_A_TIME, (str(organization_id),), scalar)


def count(organization_id: UUID) -> Query[int]:
    return Query(_COUNT, (organization_id,), lambda rows: int(rows[0][0]))


def add(new: Registration) -> tuple[Write, Write]:
    """The endpoint's row, and the tenant's place in the stream if it is the first."""
    row = (new.id, new.url, new.description, list(new.events), new.sealed, new.organization_id)
    return Write(_ADD, row), Write(_OPEN_CURSOR, (UUID(int=0),))


def get(endpoint_id: UUID) -> Query[Endpoint]:
    return one(_GET, (endpoint_id,), _endpoint, EndpointUnknown)


def lock(endpoint_id: UUID) -> Query[Endpoint]:
    """Load an endpoint to change it, or the order of its deliveries."""
    return one(_LOCK, (endpoint_id,), _endpoint, EndpointUnknown)


def find(organization_id: UUID, after: tuple[datetime, UUID] | None, limit: int) -> Query[list[Endpoint]]:
    at, row_id = after or (None, None)
    return many(_FIND, (organization_id, at, at, row_id, limit), _endpoint)


def save(endpoint: Endpoint, afresh: bool) -> Write:
    row: Sequence[Any] = (
        endpoint.url,
        endpoint.description,
        list(endpoint.events),
        endpoint.enabled,
        endpoint.disabled_reason,
        afresh,
        afresh,
        endpoint.enabled,
        endpoint.id,
    )
    return Write(_SAVE, row)


def rotate(endpoint_id: UUID, sealed: bytes, previous_until: datetime | None) -> Write:
    return Write(_ROTATE, (previous_until, previous_until, sealed, endpoint_id))


def delete(endpoint_id: UUID) -> Write:
    return Write(_DELETE, (endpoint_id,))


def _endpoint(row: Row) -> Endpoint:
    fields = list(row)
    fields[4] = tuple(fields[4])
    return Endpoint(*fields)
