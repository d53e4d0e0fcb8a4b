"""Password resets in the database: functions alone reach them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chandlery.engine.statements import Query, Row, maybe, one
from chandlery.identity.errors import TokenSpent
from chandlery.kernel.ids import OrganizationId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class Forgetful:
    """Somebody who asks for a new password, and the organisation that writes to them."""

    user_id: UserId
    tenant_id: TenantId
    organization_id: OrganizationId
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Resetting:
    """The holder of a token."""

    user_id: UserId
    tenant_id: TenantId
    email: str
    username: str


def find_forgetful(email: str, now: datetime) -> Query[Forgetful | None]:
    return maybe(
        "SELECT user_id, tenant, organization_id, email, name FROM find_forgetful(%s::text, %s)",
        (email, now),
        lambda row: Forgetful(*row),
    )


def note(mac: bytes, user_id: UserId, now: datetime, expires_at: datetime) -> Query[None]:
    return maybe(
        "SELECT note_password_reset(%s::bytea, %s, %s, %s)",
        (mac, user_id, now, expires_at),
        lambda _row: None,
    )


def find(mac: bytes, now: datetime) -> Query[Resetting | None]:
    return maybe(
        "SELECT user_id, tenant, email, username FROM find_password_reset(%s::bytea, %s)",
        (mac, now),
        lambda row: Resetting(*row),
    )


def take(mac: bytes, now: datetime) -> Query[UserId]:
    """The person whose it is, once."""

    def read(row: Row) -> UserId:
        if row[0] is None:
            raise TokenSpent
        return UserId(row[0])

    return one("SELECT take_password_reset(%s::bytea, %s)", (mac, now), read, TokenSpent)
