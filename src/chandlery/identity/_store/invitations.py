"""Invitations in the database. Tokens go in as MACs and never come out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chandlery.engine.statements import Query, Row, Write, maybe, one, refusals
from chandlery.identity._store.select import listed, select
from chandlery.identity.errors import InvitationUnknown, InvitedAlready, MemberAlready, TokenSpent
from chandlery.identity.invitation import Invitation, OpenInvitation
from chandlery.identity.role import RoleRef, columns, from_columns
from chandlery.kernel.ids import InvitationId, OrganizationId, UserId
from chandlery.kernel.page import PageRequest

_COLUMNS = "id, organization_id, email, name, language, role, role_id, status, user_id, created_at, expires_at, version"
_SUBTREE = (
    "FROM invitations WHERE tenant_id = scope_tenant() AND owner_path >= scope_path()"
    " AND owner_path < scope_path_end()"
)
_ONE = select(_COLUMNS, "FROM invitations WHERE id = %s")


@dataclass(frozen=True, slots=True)
class Taken:
    """An invitation at the moment of its acceptance."""

    id: InvitationId
    organization_id: OrganizationId
    email: str
    role: RoleRef


def _decode(row: Row) -> Invitation:
    role = from_columns(row[5], row[6])
    return Invitation(row[0], row[1], row[2], row[3], row[4], role, *row[7:])


def invitation(invitation_id: InvitationId) -> Query[Invitation]:
    return one(_ONE, (invitation_id,), _decode, InvitationUnknown)


def for_change(invitation_id: InvitationId) -> Query[Invitation]:
    return one(
        select(_COLUMNS, "FROM invitations WHERE id = %s FOR NO KEY UPDATE"),
        (invitation_id,),
        _decode,
        InvitationUnknown,
    )


def find(
    organization_id: OrganizationId | None, status: str | None, page: PageRequest
) -> Query[list[Invitation]]:
    return listed(
        select(_COLUMNS, _SUBTREE),
        (("organization_id = %s", organization_id), ("status = %s::text", status)),
        page,
        "created_at, id",
        _decode,
    )


def no_member(organization_id: OrganizationId, email: str) -> Query[None]:
    """Refuses when somebody of that address belongs there already."""

    def read(_row: Row) -> None:
        raise MemberAlready

    return maybe(
        "SELECT 1 FROM memberships m JOIN users u ON u.id = m.user_id"
        " WHERE m.organization_id = %s AND lower(u.email) = lower(%s::text)",
        (organization_id, email),
        read,
    )


def add(new: Invitation, path: str, mac: bytes) -> Write:
    return Write(
        "INSERT INTO invitations (id, tenant_id, organization_id, owner_path, email, name, language, role, role_id,"
        " mac, created_at, expires_at) VALUES (%s, scope_tenant(), %s, %s::text, %s::text, %s::text, %s::text,"
        " %s::text, %s::uuid, %s::bytea, %s, %s)",
        (
            new.id,
            new.organization_id,
            path,
            new.email,
            new.name,
            new.language,
            *columns(new.role),
            mac,
            new.created_at,
            new.expires_at,
        ),
        refusals(invitations_open_key=InvitedAlready),
    )


def renew(changed: Invitation, mac: bytes) -> Write:
    return Write(
        "UPDATE invitations SET mac = %s::bytea, expires_at = %s, version = %s WHERE id = %s",
        (mac, changed.expires_at, changed.version, changed.id),
    )


def save(changed: Invitation) -> Write:
    return Write(
        "UPDATE invitations SET status = %s::text, version = %s WHERE id = %s",
        (changed.status, changed.version, changed.id),
    )


def accepted_by(invitation_id: InvitationId, user_id: UserId) -> Write:
    return Write("UPDATE invitations SET user_id = %s WHERE id = %s", (user_id, invitation_id))


def by_token(mac: bytes, now: datetime) -> Query[OpenInvitation | None]:
    return maybe(
        "SELECT id, tenant, organization_id, organization, email, name, user_id"
        " FROM find_invitation(%s::bytea, %s)",
        (mac, now),
        lambda row: OpenInvitation(*row),
    )


def take(mac: bytes, now: datetime) -> Query[Taken]:
    return one(
        "SELECT id, organization_id, email, role, role_id FROM take_invitation(%s::bytea, %s)",
        (mac, now),
        lambda row: Taken(row[0], row[1], row[2], from_columns(row[3], row[4])),
        TokenSpent,
    )
