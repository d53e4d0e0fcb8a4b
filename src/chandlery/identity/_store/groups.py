"""Groups and who is in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chandlery.engine.statements import Query, Row, Write, many, one, refusals, scalar
from chandlery.identity._store.select import listed, select
from chandlery.identity.errors import GroupMemberElsewhere, GroupNameTaken, GroupUnknown, UserUnknown
from chandlery.kernel.ids import GroupId, OrganizationId, UserId
from chandlery.kernel.page import PageRequest

_COLUMNS = "g.id, g.organization_id, g.name, g.description, g.created_at, g.version"
_SUBTREE = (
    "FROM user_groups g WHERE g.tenant_id = scope_tenant() AND g.owner_path >= scope_path()"
    " AND g.owner_path < scope_path_end()"
)
_OF_USER = "EXISTS (SELECT FROM group_members m WHERE m.group_id = g.id AND m.user_id = %s)"


@dataclass(frozen=True, slots=True)
class Group:
    """People of one organisation under a name."""

    id: GroupId
    organization_id: OrganizationId
    name: str
    description: str
    created_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class GroupMember:
    user_id: UserId
    name: str
    email: str
    added_at: datetime


def _decode(row: Row) -> Group:
    return Group(*row)


def group_query(group_id: GroupId) -> Query[Group]:
    return one(select(_COLUMNS, "FROM user_groups g WHERE g.id = %s"), (group_id,), _decode, GroupUnknown)


def for_change(group_id: GroupId) -> Query[Group]:
    return one(
        select(_COLUMNS, "FROM user_groups g WHERE g.id = %s FOR NO KEY UPDATE"),
        (group_id,),
        _decode,
        GroupUnknown,
    )


def is_member(group_id: GroupId, user_id: UserId) -> Query[bool]:
    return one(
        "SELECT EXISTS (SELECT FROM group_members WHERE group_id = %s AND user_id = %s)",
        (group_id, user_id),
        scalar,
        GroupUnknown,
    )


def groups_of(user_id: UserId) -> Query[list[GroupId]]:
    """Of the groups in sight, those that somebody is in."""
    return many(
        "SELECT group_id FROM group_members WHERE tenant_id = scope_tenant() AND user_id = %s LIMIT 1000",
        (user_id,),
        scalar,
    )


def find(
    organization_id: OrganizationId | None, user_id: UserId | None, page: PageRequest
) -> Query[list[Group]]:
    return listed(
        select(_COLUMNS, _SUBTREE),
        (("g.organization_id = %s", organization_id), (_OF_USER, user_id)),
        page,
        "g.created_at, g.id",
        _decode,
    )


def members(group_id: GroupId, page: PageRequest) -> Query[list[GroupMember]]:
    return listed(
        "SELECT m.user_id, u.name, u.email, m.added_at FROM group_members m JOIN users u ON u.id = m.user_id"
        " WHERE m.tenant_id = scope_tenant()",
        (("m.group_id = %s", group_id),),
        page,
        "m.added_at, m.user_id",
        lambda row: GroupMember(*row),
    )


def member(group_id: GroupId, user_id: UserId) -> Query[UserId]:
    return one(
        "SELECT user_id FROM group_members WHERE group_id = %s AND user_id = %s",
        (group_id, user_id),
        scalar,
        UserUnknown,
    )


def add(new: Group, path: str) -> Write:
    return Write(
        "INSERT INTO user_groups (id, tenant_id, organization_id, owner_path, name, description, created_at)"
        " VALUES (%s, scope_tenant(), %s, %s::text, %s::text, %s::text, %s)",
        (new.id, new.organization_id, path, new.name, new.description, new.created_at),
        refusals(user_groups_name_key=GroupNameTaken),
    )


def save(changed: Group) -> Write:
    return Write(
        "UPDATE user_groups SET name = %s::text, description = %s::text, version = %s WHERE id = %s",
        (changed.name, changed.description, changed.version, changed.id),
        refusals(user_groups_name_key=GroupNameTaken),
    )


def remove(group_id: GroupId) -> Write:
    return Write("DELETE FROM user_groups WHERE id = %s", (group_id,))


def add_member(group: Group, user_id: UserId) -> Write:
    return Write(
        "INSERT INTO group_members (group_id, tenant_id, organization_id, user_id, added_at)"
        " VALUES (%s, scope_tenant(), %s, %s, unit_now())",
        (group.id, group.organization_id, user_id),
        refusals(group_members_belong=GroupMemberElsewhere),
    )


def remove_member(group_id: GroupId, user_id: UserId) -> Write:
    return Write("DELETE FROM group_members WHERE group_id = %s AND user_id = %s", (group_id, user_id))
