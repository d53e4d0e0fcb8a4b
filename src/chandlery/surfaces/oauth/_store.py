"""Browser sessions and authorization codes in the database: functions alone reach them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from chandlery.engine.statements import Query, Row, many, maybe, one, scalar
from chandlery.identity.errors import CredentialsWrong
from chandlery.identity.session import Rights
from chandlery.kernel.ids import ClientId, IdentityProviderId, OrganizationId, SessionId, UserId


@dataclass(frozen=True, slots=True)
class Browser:
    """Who is signed in; still `is_pending` when only the password was shown. `provider_id` vouched, if any did."""

    user_id: UserId
    email: str
    name: str
    is_pending: bool
    provider_id: IdentityProviderId | None


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation that somebody may act for."""

    id: OrganizationId
    name: str


@dataclass(frozen=True, slots=True)
class NewBrowser:
    mac: bytes = field(repr=False)
    user_id: UserId
    proof: str | None = field(repr=False)
    provider_id: IdentityProviderId | None
    is_pending: bool
    instead: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewCode:
    mac: bytes = field(repr=False)
    browser: bytes = field(repr=False)
    client_id: ClientId
    organization_id: OrganizationId
    redirect_uri: str
    challenge: str
    scope: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Redeeming:
    mac: bytes = field(repr=False)
    client_id: ClientId
    redirect_uri: str | None
    challenge: str
    session_id: SessionId
    surface: str
    seconds: int
    refresh_mac: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redeemed:
    organization_id: OrganizationId
    user_id: UserId
    scope: frozenset[str] | None
    rights: Rights


def open_session(new: NewBrowser, now: datetime, expires_at: datetime) -> Query[bool]:
    return one(
        "SELECT open_browser_session(%s::bytea, %s, %s::text, %s::uuid, %s::boolean, %s::bytea, %s, %s)",
        (new.mac, new.user_id, new.proof, new.provider_id, new.is_pending, new.instead, now, expires_at),
        scalar,
        CredentialsWrong,
    )


def find(mac: bytes, now: datetime) -> Query[Browser | None]:
    return maybe(
        "SELECT user_id, email, name, is_pending, provider_id FROM find_browser_session(%s::bytea, %s)",
        (mac, now),
        lambda row: Browser(*row),
    )


def end(mac: bytes) -> Query[None]:
    return maybe("SELECT end_browser_session(%s::bytea)", (mac,), lambda _row: None)


def places(
    user_id: UserId, client_id: ClientId, provider_id: IdentityProviderId | None
) -> Query[list[Place]]:
    return many(
        "SELECT id, name FROM places_of_user(%s, %s, %s::uuid)",
        (user_id, client_id, provider_id),
        lambda row: Place(*row),
    )


def add_code(new: NewCode, now: datetime, expires_at: datetime) -> Query[bool]:
    return one(
        "SELECT add_authorization_code(%s::bytea, %s::bytea, %s, %s, %s::text, %s::text, %s::text[], %s, %s)",
        (
            new.mac,
            new.browser,
            new.client_id,
            new.organization_id,
            new.redirect_uri,
            new.challenge,
            None if new.scope is None else sorted(new.scope),
            now,
            expires_at,
        ),
        scalar,
        CredentialsWrong,
    )


def redeem(asked: Redeeming, now: datetime) -> Query[Redeemed | None]:
    return maybe(
        "SELECT organization_id, user_id, scope, tenant, user_role, user_permissions, client_role, client_permissions"
        " FROM redeem_authorization_code(%s::bytea, %s, %s::text, %s::text, %s, %s::text, %s::integer, %s::bytea, %s)",
        (
            asked.mac,
            asked.client_id,
            asked.redirect_uri,
            asked.challenge,
            asked.session_id,
            asked.surface,
            asked.seconds,
            asked.refresh_mac,
            now,
        ),
        _redeemed,
    )


def _redeemed(row: Row) -> Redeemed:
    return Redeemed(row[0], row[1], None if row[2] is None else frozenset(row[2]), Rights(*row[3:]))
