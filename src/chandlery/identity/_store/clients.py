"""API clients in the database. Secrets go in as MACs and never come out: only `find_client` reads them."""

from __future__ import annotations

from chandlery.engine.statements import Query, Row, Write, one, scalar
from chandlery.identity._store.organizations import LOCK_SESSIONS
from chandlery.identity._store.select import listed, select
from chandlery.identity.client import ApiClient, TokenLifetimes
from chandlery.identity.errors import ClientUnknown
from chandlery.identity.role import columns, from_columns
from chandlery.kernel.ids import ClientId, OrganizationId, new_id
from chandlery.kernel.page import PageRequest

_COLUMNS = (
    "c.id, c.organization_id, c.name, c.surface, c.grants, c.role, c.role_id, c.is_public, c.status,"
    " c.access_seconds, c.refresh_seconds, c.origins, c.created_at, c.version,"
    " c.redirect_uris"
)

_SUBTREE = (
    "FROM api_clients c WHERE c.tenant_id = scope_tenant() AND c.owner_path >= scope_path()"
    " AND c.owner_path < scope_path_end() AND c.status <> 'removed'"
)


def _decode(row: Row) -> ApiClient:
    return ApiClient(
        id=row[0],
        organization_id=row[1],
        name=row[2],
        surface=row[3],
        grants=frozenset(row[4]),
        role=from_columns(row[5], row[6]),
        is_public=row[7],
        status=row[8],
        lifetimes=TokenLifetimes(row[9], row[10]),
        origins=tuple(row[11]),
        created_at=row[12],
        version=row[13],
        redirect_uris=tuple(row[14]),
    )


def client(client_id: ClientId) -> Query[ApiClient]:
    return one(
        select(_COLUMNS, "FROM api_clients c WHERE c.id = %s AND c.status <> 'removed'"),
        (client_id,),
        _decode,
        ClientUnknown,
    )


def for_change(client_id: ClientId) -> Query[tuple[ApiClient, list[str] | None]]:
    """A client, and the permissions of its role if that is not a built-in one."""
    return one(
        select(
            _COLUMNS,
            ", (SELECT r.permissions FROM roles r WHERE r.id = c.role_id) FROM api_clients c"
            " WHERE c.id = %s AND c.status <> 'removed' FOR NO KEY UPDATE OF c",
        ),
        (client_id,),
        lambda row: (_decode(row), row[15]),
        ClientUnknown,
    )


def find(organization_id: OrganizationId | None, page: PageRequest) -> Query[list[ApiClient]]:
    return listed(
        select(_COLUMNS, _SUBTREE),
        (("c.organization_id = %s", organization_id),),
        page,
        "c.created_at, c.id",
        _decode,
    )


def add(new: ApiClient, path: str) -> Write:
    return Write(
        "INSERT INTO api_clients (id, tenant_id, organization_id, owner_path, name, surface, grants, role, role_id,"
        " is_public, access_seconds, refresh_seconds, origins, created_at,"
        " redirect_uris) VALUES (%s, scope_tenant(), %s, %s::text, %s::text, %s::text, %s::text[], %s::text, %s::uuid,"
        " %s::boolean, %s::integer, %s::integer, %s::text[], %s, %s::text[])",
        (
            new.id,
            new.organization_id,
            path,
            new.name,
            new.surface,
            sorted(new.grants),
            *columns(new.role),
            new.is_public,
            new.lifetimes.access_seconds,
            new.lifetimes.refresh_seconds,
            list(new.origins),
            new.created_at,
            list(new.redirect_uris),
        ),
    )


def save(changed: ApiClient) -> Write:
    return Write(
        "UPDATE api_clients SET name = %s::text, grants = %s::text[], role = %s::text, role_id = %s::uuid,"
        " status = %s::text, access_seconds = %s::integer, refresh_seconds = %s::integer, origins = %s::text[],"
        " redirect_uris = %s::text[], version = %s WHERE id = %s",
        (
            changed.name,
            sorted(changed.grants),
            *columns(changed.role),
            changed.status,
            changed.lifetimes.access_seconds,
            changed.lifetimes.refresh_seconds,
            list(changed.origins),
            list(changed.redirect_uris),
            changed.version,
            changed.id,
        ),
    )


def add_secret(client_id: ClientId, mac: bytes) -> Write:
    return Write(
        "INSERT INTO client_secrets (id, tenant_id, client_id, mac) VALUES (%s, scope_tenant(), %s, %s::bytea)",
        (new_id(), client_id, mac),
    )


def retire_secrets(client_id: ClientId, overlap_seconds: int) -> tuple[Write, Write]:
    """The secrets of today end after the overlap at the latest; those that have ended are forgotten."""
    return (
        Write(
            "DELETE FROM client_secrets WHERE client_id = %s AND expires_at <= now()",
            (client_id,),
        ),
        Write(
            "UPDATE client_secrets SET expires_at = least(expires_at, now() + make_interval(secs => %s::integer))"
            " WHERE client_id = %s",
            (overlap_seconds, client_id),
        ),
    )


def move_epoch(client_id: ClientId) -> tuple[Write, Write]:
    """New rights: the access tokens of old rights are worth nothing from the commit on; sessions go on."""
    return LOCK_SESSIONS, Write(
        "UPDATE sessions SET epoch = epoch + 1 WHERE ended_at IS NULL AND client_id = %s", (client_id,)
    )


def end_sessions(client_id: ClientId) -> tuple[Write, Write]:
    return LOCK_SESSIONS, Write(
        "UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL AND client_id = %s", (client_id,)
    )


def origin_allowed(origin: str) -> Query[bool]:
    return one("SELECT origin_allowed(%s::text)", (origin,), scalar, ClientUnknown)
