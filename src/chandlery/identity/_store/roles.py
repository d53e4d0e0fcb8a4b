"""Roles that organisations defined, and the sessions of those who have one."""

from __future__ import annotations

from chandlery.engine.statements import Query, Row, Write, one, refusals
from chandlery.identity._store.organizations import LOCK_SESSIONS
from chandlery.identity._store.select import listed, select
from chandlery.identity.errors import RoleInUse, RoleNameTaken, RoleUnknown
from chandlery.identity.role import Role
from chandlery.kernel.ids import OrganizationId, RoleId
from chandlery.kernel.page import PageRequest

_COLUMNS = "id, organization_id, name, permissions, created_at, version"


def _decode(row: Row) -> Role:
    return Role(row[0], row[1], row[2], frozenset(row[3]), row[4], row[5])


def with_path(role_id: RoleId) -> Query[tuple[Role, str]]:
    """A role, and the path of the organisation that defined it."""
    return one(
        select(_COLUMNS, ", owner_path FROM roles WHERE id = %s"),
        (role_id,),
        lambda row: (_decode(row), row[6]),
        RoleUnknown,
    )


def for_change(role_id: RoleId) -> Query[Role]:
    return one(select(_COLUMNS, "FROM roles WHERE id = %s FOR UPDATE"), (role_id,), _decode, RoleUnknown)


def find(organization_id: OrganizationId, page: PageRequest) -> Query[list[Role]]:
    return listed(
        select(_COLUMNS, "FROM roles WHERE tenant_id = scope_tenant()"),
        (("organization_id = %s", organization_id),),
        page,
        "created_at, id",
        _decode,
    )


def add(role: Role, path: str) -> Write:
    return Write(
        "INSERT INTO roles (id, tenant_id, organization_id, owner_path, name, permissions, created_at)"
        " VALUES (%s, scope_tenant(), %s, %s::text, %s::text, %s::text[], %s)",
        (role.id, role.organization_id, path, role.name, sorted(role.permissions), role.created_at),
        refusals(roles_name_key=RoleNameTaken),
    )


def save(role: Role) -> Write:
    return Write(
        "UPDATE roles SET name = %s::text, permissions = %s::text[], version = %s WHERE id = %s",
        (role.name, sorted(role.permissions), role.version, role.id),
        refusals(roles_name_key=RoleNameTaken),
    )


def remove(role_id: RoleId) -> Write:
    return Write(
        "DELETE FROM roles WHERE id = %s",
        (role_id,),
        refusals(memberships_role=RoleInUse, api_clients_role=RoleInUse),
    )


def move_epoch_of_holders(role_id: RoleId) -> tuple[Write, Write]:
    """Every access token that stands on this role is worth nothing from the commit on; sessions go on."""
    return LOCK_SESSIONS, Write(
        "UPDATE sessions s SET epoch = epoch + 1 WHERE s.ended_at IS NULL AND s.tenant_id = scope_tenant() AND ("
        " EXISTS (SELECT FROM memberships m WHERE m.user_id = s.user_id"
        "  AND m.organization_id = s.organization_id AND m.role_id = %s)"
        " OR s.client_id IN (SELECT c.id FROM api_clients c WHERE c.role_id = %s))",
        (role_id, role_id),
    )
