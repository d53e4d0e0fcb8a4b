"""People and memberships in the database. Passwords go in here and never come out: only `find_login` reads them."""

from __future__ import annotations

from typing import Any

from chandlery.engine.statements import Query, Row, Write, many, one, refusals, scalar
from chandlery.identity._store.organizations import LOCK_SESSIONS
from chandlery.identity._store.select import listed, select
from chandlery.identity.errors import EmailTaken, MemberAlready, MembershipUnknown, UsernameTaken, UserUnknown
from chandlery.identity.passwords import HashedPassword
from chandlery.identity.role import columns, from_columns
from chandlery.identity.user import Membership, User
from chandlery.kernel.ids import MembershipId, OrganizationId, SessionId, UserId
from chandlery.kernel.page import PageRequest

_USER = "u.id, u.email, u.username, u.name, u.created_at, u.version"
_MEMBERSHIP = "m.id, m.organization_id, m.user_id, m.role, m.role_id, m.created_at, m.version"

_PLACES = (
    "FROM memberships m WHERE m.tenant_id = scope_tenant() AND m.owner_path >= scope_path()"
    " AND m.owner_path < scope_path_end()"
)
_PEOPLE = (
    "FROM users u WHERE u.status = 'active' AND u.id IN (SELECT m.user_id FROM memberships m"
    " WHERE m.tenant_id = scope_tenant() AND m.owner_path >= scope_path() AND m.owner_path < scope_path_end())"
)


def _user(row: Row) -> User:
    return User(*row)


def _membership(row: Row) -> Membership:
    return Membership(row[0], row[1], row[2], from_columns(row[3], row[4]), row[5], row[6])


def user(user_id: UserId) -> Query[User]:
    return one(
        select(_USER, "FROM users u WHERE u.id = %s AND u.status = 'active'"), (user_id,), _user, UserUnknown
    )


def user_for_change(user_id: UserId) -> Query[User]:
    """Nobody can make the person a member of anything meanwhile."""
    return one(
        select(_USER, "FROM users u WHERE u.id = %s AND u.status = 'active' FOR UPDATE"),
        (user_id,),
        _user,
        UserUnknown,
    )


def belongs_elsewhere(user_id: UserId) -> Query[bool]:
    return one("SELECT user_belongs_elsewhere(%s)", (user_id,), scalar, UserUnknown)


def find_users(organization_id: OrganizationId | None, page: PageRequest) -> Query[list[User]]:
    return listed(
        select(_USER, _PEOPLE),
        (
            (
                "EXISTS (SELECT FROM memberships o WHERE o.user_id = u.id AND o.organization_id = %s)",
                organization_id,
            ),
        ),
        page,
        "u.created_at, u.id",
        _user,
    )


def add_user(new: User, password: HashedPassword | None) -> Write:
    return Write(
        "INSERT INTO users (id, email, username, name, password_hash, created_at)"
        " VALUES (%s, %s::text, %s::text, %s::text, %s::text, %s)",
        (new.id, new.email, new.username, new.name, password, new.created_at),
        refusals(users_email_key=EmailTaken, users_username_key=UsernameTaken),
    )


def save_user(changed: User) -> Write:
    return Write(
        "UPDATE users SET name = %s::text, version = %s WHERE id = %s",
        (changed.name, changed.version, changed.id),
    )


def set_password(user_id: UserId, password: HashedPassword) -> Write:
    return Write("UPDATE users SET password_hash = %s::text WHERE id = %s", (password, user_id))


def remove_user(user_id: UserId) -> tuple[Write, Write]:
    return (
        Write("UPDATE users SET status = 'removed', password_hash = NULL WHERE id = %s", (user_id,)),
        Write("DELETE FROM memberships WHERE user_id = %s", (user_id,)),
    )


def end_sessions_of_user(user_id: UserId, keep: SessionId | None = None) -> Write:
    """In every tenant; `keep` is the one through which the person asked for it."""
    return Write("SELECT end_sessions_of_user(%s, %s)", (user_id, keep))


def membership_for_change(membership_id: MembershipId) -> Query[tuple[Membership, list[str] | None]]:
    """A membership, and the permissions of its role if that is not a built-in one."""
    return one(
        select(
            _MEMBERSHIP,
            ", r.permissions FROM memberships m LEFT JOIN roles r ON r.id = m.role_id"
            " WHERE m.id = %s FOR UPDATE OF m",
        ),
        (membership_id,),
        lambda row: (_membership(row), row[7]),
        MembershipUnknown,
    )


def held_on(user_id: UserId, limit: int) -> Query[dict[str, Any]]:
    """Everything that is held on somebody; lists hold one more than the limit where there is more."""

    def read(row: Row) -> dict[str, Any]:
        if row[0] is None:
            raise UserUnknown
        return dict(row[0])

    return one("SELECT held_on_person(%s, %s::integer)", (user_id, limit), read, UserUnknown)


def erase(user_id: UserId) -> Write:
    return Write("SELECT erase_person(%s)", (user_id,))


def memberships_of(user_id: UserId) -> Query[list[tuple[Membership, list[str] | None]]]:
    return many(
        select(
            _MEMBERSHIP,
            ", r.permissions FROM memberships m LEFT JOIN roles r ON r.id = m.role_id"
            " WHERE m.user_id = %s ORDER BY m.created_at, m.id LIMIT 1000",
        ),
        (user_id,),
        lambda row: (_membership(row), row[7]),
    )


def find_memberships(
    organization_id: OrganizationId | None, user_id: UserId | None, page: PageRequest
) -> Query[list[Membership]]:
    return listed(
        select(_MEMBERSHIP, _PLACES),
        (("m.organization_id = %s", organization_id), ("m.user_id = %s", user_id)),
        page,
        "m.created_at, m.id",
        _membership,
    )


def add_membership(new: Membership, path: str) -> Write:
    return Write(
        "INSERT INTO memberships (id, tenant_id, organization_id, owner_path, user_id, role, role_id, created_at)"
        " VALUES (%s, scope_tenant(), %s, %s::text, %s, %s::text, %s::uuid, %s)",
        (new.id, new.organization_id, path, new.user_id, *columns(new.role), new.created_at),
        refusals(memberships_one_each=MemberAlready),
    )


def save_membership(changed: Membership) -> Write:
    return Write(
        "UPDATE memberships SET role = %s::text, role_id = %s::uuid, version = %s WHERE id = %s",
        (*columns(changed.role), changed.version, changed.id),
    )


def remove_membership(membership_id: MembershipId) -> Write:
    return Write("DELETE FROM memberships WHERE id = %s", (membership_id,))


def move_epoch_of_member(membership: Membership) -> tuple[Write, Write]:
    """New rights: the access tokens of old rights are worth nothing from the commit on; sessions go on."""
    return LOCK_SESSIONS, Write(
        "UPDATE sessions SET epoch = epoch + 1 WHERE ended_at IS NULL AND user_id = %s AND organization_id = %s",
        (membership.user_id, membership.organization_id),
    )


def end_sessions_of_member(membership: Membership) -> tuple[Write, Write]:
    return LOCK_SESSIONS, Write(
        "UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL AND user_id = %s AND organization_id = %s",
        (membership.user_id, membership.organization_id),
    )
