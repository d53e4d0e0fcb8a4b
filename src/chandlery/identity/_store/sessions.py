"""What is looked up before it is known whose it is: SECURITY DEFINER functions that answer with one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from chandlery.engine.statements import Query, Row, maybe, one, scalar
from chandlery.identity.client import TokenLifetimes
from chandlery.identity.errors import CredentialsWrong, RefreshTokenWrong
from chandlery.identity.session import Rights
from chandlery.kernel.ids import ClientId, OrganizationId, SessionId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class StoredClient:
    """What it takes to recognise a client."""

    id: ClientId
    organization_id: OrganizationId
    surface: str
    grants: frozenset[str]
    is_public: bool
    lifetimes: TokenLifetimes
    tenant_id: TenantId
    role: str | None
    permissions: Sequence[str] | None
    macs: tuple[bytes, ...] = field(repr=False)
    name: str
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """What it takes to recognise a person; a name that nobody has looks the same, without a user."""

    key: str
    user_id: UserId | None
    password_hash: str | None = field(repr=False)
    failures: int
    locked_until: datetime | None
    organizations: tuple[OrganizationId, ...]
    second_factor: bool


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be, and the proof on which it was granted a moment ago."""

    id: SessionId
    organization_id: OrganizationId
    user_id: UserId | None
    client_id: ClientId | None
    surface: str
    scope: frozenset[str] | None
    seconds: int
    proof: str | None = field(repr=False)
    refresh_mac: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of a refresh token; the rest is there when it was `fresh`."""

    outcome: str
    session_id: SessionId
    organization_id: OrganizationId
    user_id: UserId | None
    epoch: int
    scope: frozenset[str] | None
    rights: Rights


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that stands, for whoever may ask about it."""

    id: SessionId
    tenant_id: TenantId
    organization_id: OrganizationId
    user_id: UserId | None
    client_id: ClientId | None
    username: str | None
    surface: str
    scope: frozenset[str] | None
    created_at: datetime
    expires_at: datetime


def find_client(client_id: UUID) -> Query[StoredClient | None]:
    return maybe(
        "SELECT id, organization_id, surface, grants, is_public, access_seconds, refresh_seconds, tenant, role,"
        " permissions, macs, name, redirect_uris FROM find_client(%s)",
        (client_id,),
        lambda r: StoredClient(
            id=r[0],
            organization_id=r[1],
            surface=r[2],
            grants=frozenset(r[3]),
            is_public=r[4],
            lifetimes=TokenLifetimes(r[5], r[6]),
            tenant_id=r[7],
            role=r[8],
            permissions=r[9],
            macs=tuple(bytes(mac) for mac in r[10]),
            name=r[11],
            redirect_uris=tuple(r[12]),
        ),
    )


def find_login(login: str, user_id: UserId | None, client_id: ClientId | None) -> Query[StoredLogin]:
    return one(
        "SELECT key, user_id, password_hash, failures, locked_until, organizations, second_factor"
        " FROM find_login(%s::text, %s::uuid, %s::uuid)",
        (login, user_id, client_id),
        lambda r: StoredLogin(r[0], r[1], r[2], r[3] or 0, r[4], tuple(r[5]), r[6]),
        CredentialsWrong,
    )


def count_failure(key: str, now: datetime) -> Query[datetime | None]:
    """Counts a wrong password, and says until when the name is locked."""
    return one("SELECT count_sign_in_failure(%s::text, %s)", (key, now), scalar, CredentialsWrong)


def note_sign_in(login: StoredLogin, new_hash: str | None) -> Query[None]:
    return one(
        "SELECT note_sign_in(%s::text, %s::uuid, %s::text, %s::text)",
        (login.key, login.user_id, login.password_hash, new_hash),
        lambda _row: None,
        CredentialsWrong,
    )


def open_session(new: NewSession, now: datetime) -> Query[Rights | None]:
    return maybe(
        "SELECT tenant, user_role, user_permissions, client_role, client_permissions FROM open_session("
        "%s, %s, %s::uuid, %s::uuid, %s::text, %s::text[], %s::integer, %s::text, %s::bytea, %s)",
        (
            new.id,
            new.organization_id,
            new.user_id,
            new.client_id,
            new.surface,
            None if new.scope is None else sorted(new.scope),
            new.seconds,
            new.proof,
            new.refresh_mac,
            now,
        ),
        lambda r: Rights(*r),
    )


def rotate(mac: bytes, client_id: ClientId, successor: bytes, seconds: int, now: datetime) -> Query[Rotated]:
    return one(
        "SELECT outcome, session_id, organization_id, user_id, epoch, scope, tenant, user_role, user_permissions,"
        " client_role, client_permissions FROM rotate_refresh_token(%s::bytea, %s, %s::bytea, %s::integer, %s)",
        (mac, client_id, successor, seconds, now),
        lambda r: Rotated(r[0], r[1], r[2], r[3], r[4], _scope(r[5]), Rights(*r[6:])),
        RefreshTokenWrong,
    )


def revoke(session_id: SessionId | None, refresh_mac: bytes | None, client_id: ClientId) -> Query[None]:
    return one(
        "SELECT revoke_session(%s::uuid, %s::bytea, %s)",
        (session_id, refresh_mac, client_id),
        lambda _row: None,
        RefreshTokenWrong,
    )


def standing(
    session_id: SessionId | None, epoch: int | None, refresh_mac: bytes | None, asker: ClientId
) -> Query[LiveSession | None]:
    return maybe(
        "SELECT session_id, tenant, organization_id, user_id, client_id, username, surface, scope, created_at,"
        " expires_at FROM standing_of_session(%s::uuid, %s::integer, %s::bytea, %s)",
        (session_id, epoch, refresh_mac, asker),
        _live,
    )


def sweep(limit: int) -> Query[int]:
    return one("SELECT sweep_identity(%s::integer)", (limit,), scalar, RefreshTokenWrong)


def sweep_sign_in(now: datetime, limit: int) -> Query[int]:
    return one("SELECT sweep_sign_in(%s, %s::integer)", (now, limit), scalar, RefreshTokenWrong)


def _live(r: Row) -> LiveSession:
    return LiveSession(r[0], r[1], r[2], r[3], r[4], r[5], r[6], _scope(r[7]), r[8], r[9])


def _scope(stored: Sequence[str] | None) -> frozenset[str] | None:
    return None if stored is None else frozenset(stored)
