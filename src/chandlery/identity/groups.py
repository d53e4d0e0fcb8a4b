"""Groups of people within an organisation, for rules that name a group: who may approve, who is told.

A member of a group is a member of its organisation, and leaves both at once. Rooms above ask with the queries
`group_query`, `is_member` and `groups_of`; all see what the actor's organisation may see.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import groups as store
from chandlery.identity._store import organizations as organization_store
from chandlery.identity._store.groups import Group, GroupMember, group_query, groups_of, is_member
from chandlery.identity.errors import GroupUnfit
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import GroupId, OrganizationId, UserId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.kernel.text import is_one_line

__all__ = ["Group", "GroupMember", "group_query", "groups_of", "is_member"]

MAX_NAME, MAX_DESCRIPTION = 100, 1000


@dataclass(frozen=True, slots=True)
class AddGroup:
    organization_id: OrganizationId
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """What is None stays as it is."""

    group_id: GroupId
    name: str | None = None
    description: str | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    group_id: GroupId
    user_id: UserId


@dataclass(frozen=True, slots=True)
class FindGroups:
    organization_id: OrganizationId | None = None
    user_id: UserId | None = None
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class FindMembers:
    group_id: GroupId
    page: PageRequest


async def add_group(unit: Unit, actor: Actor, command: AddGroup) -> Group:
    actor.require(permissions.GROUPS_WRITE)
    _check(command.name, command.description)
    organization = await unit.fetch(organization_store.organization_query(command.organization_id))
    group = Group(
        GroupId(new_id()), organization.id, command.name.strip(), command.description.strip(), unit.now
    )
    unit.write(store.add(group, organization.path))
    unit.emit(Event("group.added", group.id, group.organization_id, {"name": group.name}))
    return group


async def change_group(unit: Unit, actor: Actor, command: ChangeGroup) -> Group:
    actor.require(permissions.GROUPS_WRITE)
    _check(command.name, command.description)
    group = await unit.fetch(store.for_change(command.group_id))
    if command.expected_version not in (None, group.version):
        raise VersionStale
    changed = replace(
        group,
        name=group.name if command.name is None else command.name.strip(),
        description=group.description if command.description is None else command.description.strip(),
        version=group.version + 1,
    )
    unit.write(store.save(changed))
    unit.emit(Event("group.changed", group.id, group.organization_id, {"name": changed.name}))
    return changed


async def remove_group(unit: Unit, actor: Actor, group_id: GroupId) -> None:
    actor.require(permissions.GROUPS_WRITE)
    group = await unit.fetch(store.for_change(group_id))
    unit.write(store.remove(group_id))
    unit.emit(Event("group.removed", group.id, group.organization_id, {"name": group.name}))


async def add_member(unit: Unit, actor: Actor, command: Membership) -> None:
    """Somebody who is in already stays in."""
    actor.require(permissions.GROUPS_WRITE)
    group = await unit.fetch(store.for_change(command.group_id))
    if await unit.fetch(is_member(command.group_id, command.user_id)):
        return
    unit.write(store.add_member(group, command.user_id))
    unit.emit(_told("member_added", group, command))


async def remove_member(unit: Unit, actor: Actor, command: Membership) -> None:
    actor.require(permissions.GROUPS_WRITE)
    group = await unit.fetch(store.for_change(command.group_id))
    await unit.fetch(store.member(command.group_id, command.user_id))
    unit.write(store.remove_member(command.group_id, command.user_id))
    unit.emit(_told("member_removed", group, command))


async def get_group(reader: Reader, actor: Actor, group_id: GroupId) -> Group:
    actor.require(permissions.GROUPS_READ)
    return await reader.fetch(group_query(group_id))


async def find_groups(reader: Reader, actor: Actor, command: FindGroups) -> Page[Group]:
    actor.require(permissions.GROUPS_READ)
    rows = await reader.fetch(store.find(command.organization_id, command.user_id, command.page))
    return page_of(rows, command.page.limit, lambda group: (group.created_at, group.id))


async def find_members(reader: Reader, actor: Actor, command: FindMembers) -> Page[GroupMember]:
    actor.require(permissions.GROUPS_READ)
    _, rows = await reader.fetch(group_query(command.group_id), store.members(command.group_id, command.page))
    return page_of(rows, command.page.limit, lambda member: (member.added_at, member.user_id))


def _told(past: str, group: Group, command: Membership) -> Event:
    return Event(f"group.{past}", group.id, group.organization_id, {"user_id": str(command.user_id)})


def _check(name: str | None, description: str | None) -> None:
    problems = []
    if name is not None and not (1 <= len(name.strip()) <= MAX_NAME and is_one_line(name)):
        problems.append(Problem("name", f"Give a name of 1 to {MAX_NAME} characters.", "length"))
    if description is not None and len(description) > MAX_DESCRIPTION:
        problems.append(Problem("description", f"Give at most {MAX_DESCRIPTION} characters.", "length"))
    if problems:
        raise GroupUnfit(*problems)
