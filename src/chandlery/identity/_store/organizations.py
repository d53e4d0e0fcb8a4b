"""Organisations in the database; row-level security shows an actor its own organisation and those below."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, many, one, refusals
from chandlery.identity._store.select import listed, select
from chandlery.identity.errors import OrganizationUnknown, PathTaken
from chandlery.identity.organization import Organization
from chandlery.kernel.ids import OrganizationId, TenantId
from chandlery.kernel.page import PageRequest

_COLUMNS = "id, tenant_id, parent_id, kind, name, edition, status, path, created_at, version, attributes"
_SUBTREE = (
    "FROM organizations WHERE tenant_id = scope_tenant() AND path >= scope_path() AND path < scope_path_end()"
)
LOCK_SESSIONS = Write("SELECT lock_sessions(scope_tenant())", ())
"""Waits for tokens that are being issued in this tenant, and holds back new ones until this unit is through."""


@dataclass(frozen=True, slots=True)
class OrganizationFilter:
    """Which organisations a list shows; None means any."""

    kind: str | None = None
    parent_id: OrganizationId | None = None
    status: str | None = None


def _decode(row: Row) -> Organization:
    return Organization(*row)


def organization_query(organization_id: OrganizationId) -> Query[Organization]:
    """One organisation; outside the actor's subtree it does not exist."""
    return one(
        select(_COLUMNS, "FROM organizations WHERE id = %s"),
        (organization_id,),
        _decode,
        OrganizationUnknown,
    )


def for_change(organization_id: OrganizationId) -> Query[Organization]:
    return one(
        select(_COLUMNS, "FROM organizations WHERE id = %s FOR NO KEY UPDATE"),
        (organization_id,),
        _decode,
        OrganizationUnknown,
    )


def as_parent(organization_id: OrganizationId) -> Query[Organization]:
    """One that must not be suspended or closed while something is put below it."""
    return one(
        select(_COLUMNS, "FROM organizations WHERE id = %s FOR SHARE"),
        (organization_id,),
        _decode,
        OrganizationUnknown,
    )


def find(wanted: OrganizationFilter, page: PageRequest) -> Query[list[Organization]]:
    return listed(
        select(_COLUMNS, _SUBTREE),
        (
            ("parent_id = %s", wanted.parent_id),
            ("kind = %s::text", wanted.kind),
            ("status = %s::text", wanted.status),
        ),
        page,
        "created_at, id",
        _decode,
    )


def add(new: Organization) -> Write:
    return Write(
        "INSERT INTO organizations (id, tenant_id, parent_id, kind, name, edition, status, path, created_at,"
        " attributes) VALUES (%s, scope_tenant(), %s, %s::text, %s::text, %s::text, %s::text, %s::text, %s, %s)",
        (
            new.id,
            new.parent_id,
            new.kind,
            new.name,
            new.edition,
            new.status,
            new.path,
            new.created_at,
            Jsonb(new.attributes),
        ),
        refusals(organizations_path_key=PathTaken),
    )


def save(changed: Organization) -> Write:
    return Write(
        "UPDATE organizations SET name = %s::text, edition = %s::text, status = %s::text, attributes = %s, version = %s"
        " WHERE id = %s",
        (
            changed.name,
            changed.edition,
            changed.status,
            Jsonb(changed.attributes),
            changed.version,
            changed.id,
        ),
    )


def end_sessions_below(top: Organization) -> tuple[Write, Write]:
    """Nobody acts for this organisation, or one below it, from the commit on."""
    return LOCK_SESSIONS, Write(
        "UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL AND tenant_id = scope_tenant()"
        " AND organization_id IN (SELECT id FROM organizations WHERE tenant_id = scope_tenant()"
        " AND path >= %s::text AND path < path_end(%s::text))",
        (top.path, top.path),
    )


def found(new: Organization, is_sandbox: bool, principal: str) -> Query[Organization]:
    """A tenant and its operator, by the function that refuses inside any unit of work."""
    return one(
        "SELECT found_tenant(%s, %s::text, %s::text, %s::text, %s, %s::boolean, %s::text)",
        (new.id, new.name, new.edition, new.path, new.created_at, is_sandbox, principal),
        lambda _row: new,
        OrganizationUnknown,
    )


def founded(limit: int) -> Query[list[tuple[TenantId, str]]]:
    """Every operator's id and name, oldest first, by a function that refuses inside any unit of work."""
    return many(
        "SELECT id, name FROM founded_tenants(%s)", (limit,), lambda row: (TenantId(row[0]), str(row[1]))
    )


def note_feature(feature: str) -> Write:
    return Write(
        "UPDATE tenants SET features = features || %s::text"
        " WHERE id = scope_tenant() AND NOT %s::text = ANY (features)",
        (feature, feature),
    )
