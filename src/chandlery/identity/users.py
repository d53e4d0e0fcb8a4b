"""What can be done with people: add, rename, change one's password, remove, read.

A person may belong to organisations of several tenants, so no organisation's administrator can set the password or
address of somebody who exists: that would be a way into all of them. An administrator adds newcomers and decides
about memberships; the rest is the person's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from chandlery.engine.statements import Query
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import organizations as organization_store
from chandlery.identity._store import users as store
from chandlery.identity._store.users import erase, held_on
from chandlery.identity.errors import UserBelongsElsewhere
from chandlery.identity.passwords import HashedPassword
from chandlery.identity.role import RoleRef
from chandlery.identity.roles import refuse_more_than_held, resolve, role_for
from chandlery.identity.user import Membership, User, check
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import MembershipId, OrganizationId, UserId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

__all__ = [
    "AddUser",
    "FindUsers",
    "RenameUser",
    "User",
    "add_user",
    "end_person",
    "erase",
    "find_users",
    "get_user",
    "held_on",
    "remove_user",
    "rename_user",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AddUser:
    """A newcomer, as a member of one organisation. Without a password they cannot sign in with one yet."""

    organization_id: OrganizationId
    email: str
    name: str
    role: RoleRef
    username: str | None = None
    password: HashedPassword | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RenameUser:
    user_id: UserId
    name: str


@dataclass(frozen=True, slots=True)
class FindUsers:
    """People who belong to the actor's subtree, or to one organisation of it."""

    organization_id: OrganizationId | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def add_user(unit: Unit, actor: Actor, command: AddUser) -> User:
    actor.require(permissions.USERS_WRITE)
    actor.require(permissions.MEMBERSHIPS_WRITE)
    email = command.email.strip()
    username = email if command.username is None else command.username
    check(email, username, command.name)
    organization = await unit.fetch(organization_store.as_parent(command.organization_id))
    refuse_more_than_held(actor, await role_for(unit, command.role, organization))
    user = User(UserId(new_id()), email, username, command.name.strip(), unit.now)
    membership = Membership(MembershipId(new_id()), organization.id, user.id, command.role, unit.now)
    unit.write(store.add_user(user, command.password), store.add_membership(membership, organization.path))
    unit.emit(Event("user.added", user.id, organization.id, {"membership_id": str(membership.id)}))
    unit.emit(
        Event(
            "membership.added",
            membership.id,
            organization.id,
            {"user_id": str(user.id), "role": str(command.role)},
        )
    )
    return user


async def rename_user(unit: Unit, actor: Actor, command: RenameUser) -> User:
    if actor.user_id != command.user_id:
        actor.require(permissions.USERS_WRITE)
    check(name=command.name)
    user = await unit.fetch(store.user_for_change(command.user_id))
    renamed = user.named(command.name.strip())
    unit.write(store.save_user(renamed))
    unit.emit(Event("user.changed", user.id, actor.organization_id, {"version": renamed.version}))
    return renamed


async def remove_user(unit: Unit, actor: Actor, user_id: UserId) -> User:
    """Out at once and everywhere; somebody who also belongs to organisations out of sight loses memberships only."""
    actor.require(permissions.USERS_WRITE)
    user, owner = await end_person(unit, actor, user_id, store.user_for_change(user_id))
    unit.write(*store.remove_user(user_id))
    unit.emit(Event("user.removed", user.id, owner))
    return user


async def end_person(unit: Unit, actor: Actor, user_id: UserId, known: Query[T]) -> tuple[T, OrganizationId]:
    """Everything they are signed in to ends; who `known` says they are, and where they belonged."""
    unit.write(
        store.end_sessions_of_user(user_id)
    )  # its lock first: who is signing in holds the person's row
    found, elsewhere, memberships = await unit.fetch(
        known, store.belongs_elsewhere(user_id), store.memberships_of(user_id)
    )
    if elsewhere:
        raise UserBelongsElsewhere
    for membership, custom in memberships:
        role = membership.role if isinstance(membership.role, str) else None
        refuse_more_than_held(actor, resolve(role, custom, membership.organization_id, actor.tenant_id))
    return found, memberships[0][0].organization_id if memberships else actor.organization_id


async def get_user(reader: Reader, actor: Actor, user_id: UserId) -> User:
    if actor.user_id != user_id:
        actor.require(permissions.USERS_READ)
    return await reader.fetch(store.user(user_id))


async def find_users(reader: Reader, actor: Actor, command: FindUsers) -> Page[User]:
    actor.require(permissions.USERS_READ)
    rows = await reader.fetch(store.find_users(command.organization_id, command.page))
    return page_of(rows, command.page.limit, lambda user: (user.created_at, user.id))
