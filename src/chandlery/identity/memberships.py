"""Who belongs to which organisation, and in which role.

A new role takes effect with the member's next token and makes the present one worthless; a membership that ends takes
its sessions with it, in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import organizations as organization_store
from chandlery.identity._store import users as store
from chandlery.identity.errors import OwnMembership
from chandlery.identity.role import RoleRef
from chandlery.identity.roles import refuse_more_than_held, resolve, role_for
from chandlery.identity.user import Membership
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import MembershipId, OrganizationId, UserId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of


@dataclass(frozen=True, slots=True)
class AddMembership:
    """Another place for a person whom the actor can see already; strangers are invited."""

    organization_id: OrganizationId
    user_id: UserId
    role: RoleRef


@dataclass(frozen=True, slots=True)
class ChangeMembership:
    membership_id: MembershipId
    role: RoleRef


@dataclass(frozen=True, slots=True)
class FindMemberships:
    organization_id: OrganizationId | None = None
    user_id: UserId | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def add_membership(unit: Unit, actor: Actor, command: AddMembership) -> Membership:
    actor.require(permissions.MEMBERSHIPS_WRITE)
    organization, user = await unit.fetch(
        organization_store.as_parent(command.organization_id), store.user(command.user_id)
    )
    refuse_more_than_held(actor, await role_for(unit, command.role, organization))
    membership = Membership(MembershipId(new_id()), organization.id, user.id, command.role, unit.now)
    unit.write(store.add_membership(membership, organization.path))
    unit.emit(Event("membership.added", membership.id, organization.id, _data(membership)))
    return membership


async def change_membership(unit: Unit, actor: Actor, command: ChangeMembership) -> Membership:
    actor.require(permissions.MEMBERSHIPS_WRITE)
    membership = await _load(unit, actor, command.membership_id)
    organization = await unit.fetch(organization_store.organization_query(membership.organization_id))
    refuse_more_than_held(actor, await role_for(unit, command.role, organization))
    changed = membership.in_role(command.role)
    unit.write(store.save_membership(changed), *store.move_epoch_of_member(changed))
    unit.emit(Event("membership.changed", changed.id, changed.organization_id, _data(changed)))
    return changed


async def remove_membership(unit: Unit, actor: Actor, membership_id: MembershipId) -> Membership:
    actor.require(permissions.MEMBERSHIPS_WRITE)
    membership = await _load(unit, actor, membership_id)
    unit.write(store.remove_membership(membership_id), *store.end_sessions_of_member(membership))
    unit.emit(Event("membership.removed", membership.id, membership.organization_id, _data(membership)))
    return membership


async def find_memberships(reader: Reader, actor: Actor, command: FindMemberships) -> Page[Membership]:
    actor.require(permissions.MEMBERSHIPS_READ)
    rows = await reader.fetch(store.find_memberships(command.organization_id, command.user_id, command.page))
    return page_of(rows, command.page.limit, lambda m: (m.created_at, m.id))


async def _load(unit: Unit, actor: Actor, membership_id: MembershipId) -> Membership:
    """One that the actor may decide about: not its own, and of rights that it has itself."""
    membership, custom = await unit.fetch(store.membership_for_change(membership_id))
    if membership.user_id == actor.user_id:
        raise OwnMembership
    role = membership.role if isinstance(membership.role, str) else None
    refuse_more_than_held(actor, resolve(role, custom, membership.organization_id, actor.tenant_id))
    return membership


def _data(membership: Membership) -> dict[str, str]:
    return {"user_id": str(membership.user_id), "role": str(membership.role)}
