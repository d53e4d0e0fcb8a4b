"""Personal tokens in the database. They go in as MACs and never come out; functions begin their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chandlery.engine.statements import Query, Row, Write, maybe, one, scalar
from chandlery.identity._store.select import listed, select
from chandlery.identity.errors import PersonalTokenUnknown
from chandlery.identity.session import Rights
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrganizationId, PersonalTokenId, SessionId, UserId
from chandlery.kernel.page import PageRequest

_COLUMNS = "id, session_id, organization_id, surface, name, created_at, expires_at"


@dataclass(frozen=True, slots=True)
class PersonalToken:
    id: PersonalTokenId
    session_id: SessionId
    organization_id: OrganizationId
    surface: str
    name: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LiveToken:
    """What a personal token stands for, now."""

    session_id: SessionId
    epoch: int
    organization_id: OrganizationId
    user_id: UserId
    scope: frozenset[str]
    rights: Rights


def _decode(row: Row) -> PersonalToken:
    return PersonalToken(*row)


def token(token_id: PersonalTokenId, user_id: UserId) -> Query[PersonalToken]:
    return one(
        select(_COLUMNS, "FROM personal_tokens WHERE id = %s AND user_id = %s"),
        (token_id, user_id),
        _decode,
        PersonalTokenUnknown,
    )


def find(user_id: UserId, page: PageRequest) -> Query[list[PersonalToken]]:
    return listed(
        select(_COLUMNS, "FROM personal_tokens WHERE tenant_id = scope_tenant()"),
        (("user_id = %s", user_id),),
        page,
        "created_at, id",
        _decode,
    )


def add(new: PersonalToken, actor: Actor, mac: bytes) -> Query[bool]:
    """With the rights that the actor has at this moment, at most."""
    return one(
        "SELECT add_personal_token(%s, %s, %s, %s, %s::text, %s::text[], %s::text, %s::bytea, %s, %s)",
        (
            new.id,
            new.session_id,
            actor.session_id,
            actor.user_id,
            new.surface,
            sorted(actor.permissions),
            new.name,
            mac,
            new.created_at,
            new.expires_at,
        ),
        scalar,
        PersonalTokenUnknown,
    )


def remove(gone: PersonalToken) -> tuple[Write, Write]:
    return (
        Write("UPDATE sessions SET ended_at = now() WHERE id = %s AND ended_at IS NULL", (gone.session_id,)),
        Write("DELETE FROM personal_tokens WHERE id = %s", (gone.id,)),
    )


def by_token(mac: bytes, surface: str) -> Query[LiveToken | None]:
    return maybe(
        "SELECT session_id, epoch, organization_id, user_id, scope, tenant, user_role, user_permissions, client_role,"
        " client_permissions FROM find_personal_token(%s::bytea, %s::text)",
        (mac, surface),
        lambda r: LiveToken(r[0], r[1], r[2], r[3], frozenset(r[4]), Rights(*r[5:])),
    )
