"""Asking somebody to join an organisation: invite, send again, revoke, accept, read.

The token is minted outside, stands in the letter alone, and is stored as a MAC. Whoever accepts proves by it that the
address is theirs; somebody who has an account at that address also has to be signed in to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import invitations as store
from chandlery.identity._store import organizations as organization_store
from chandlery.identity._store import users as user_store
from chandlery.identity.errors import ParentInactive, TokenSpent
from chandlery.identity.gate import Gate
from chandlery.identity.invitation import Invitation, OpenInvitation, check
from chandlery.identity.passwords import HashedPassword
from chandlery.identity.role import RoleRef
from chandlery.identity.roles import refuse_more_than_held, role_for
from chandlery.identity.secrets import MintedSecret, mint
from chandlery.identity.user import Membership
from chandlery.identity.users import AddUser, add_user
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.events import Event
from chandlery.kernel.ids import InvitationId, MembershipId, OrganizationId, UserId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

PURPOSE: Final = "invitation"


@dataclass(frozen=True, slots=True)
class Invite:
    organization_id: OrganizationId
    email: str
    role: RoleRef
    mac: bytes = field(repr=False)
    expires_at: datetime
    name: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Resend:
    invitation_id: InvitationId
    mac: bytes = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FindInvitations:
    organization_id: OrganizationId | None = None
    status: str | None = None
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What somebody without an account says about themselves."""

    name: str
    password: HashedPassword = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accept:
    """By whoever has the account of that address, who is signed in to it; or by a newcomer."""

    mac: bytes = field(repr=False)
    by: UserId | Newcomer
    now: datetime


def mint_token(gate: Gate) -> MintedSecret:
    return mint(gate.master, PURPOSE, "chi_")


async def invite(unit: Unit, actor: Actor, command: Invite) -> Invitation:
    _require(actor)
    email = command.email.strip()
    check(email, command.name.strip(), command.language)
    organization, _ = await unit.fetch(
        organization_store.as_parent(command.organization_id),
        store.no_member(command.organization_id, email),
    )
    if organization.status != "active":
        raise ParentInactive
    refuse_more_than_held(actor, await role_for(unit, command.role, organization))
    invitation = Invitation(
        id=InvitationId(new_id()),
        organization_id=organization.id,
        email=email,
        name=command.name.strip(),
        language=command.language,
        role=command.role,
        status="open",
        user_id=None,
        created_at=unit.now,
        expires_at=command.expires_at,
    )
    unit.write(store.add(invitation, organization.path, command.mac))
    unit.emit(_event("sent", invitation))
    return invitation


async def resend(unit: Unit, actor: Actor, command: Resend) -> Invitation:
    _require(actor)
    invitation = (await _load(unit, actor, command.invitation_id)).resent(command.expires_at)
    unit.write(store.renew(invitation, command.mac))
    unit.emit(_event("sent", invitation))
    return invitation


async def revoke(unit: Unit, actor: Actor, invitation_id: InvitationId) -> Invitation:
    _require(actor)
    invitation = (await _load(unit, actor, invitation_id)).revoked()
    unit.write(store.save(invitation))
    unit.emit(_event("revoked", invitation))
    return invitation


async def get_invitation(reader: Reader, actor: Actor, invitation_id: InvitationId) -> Invitation:
    actor.require(permissions.MEMBERSHIPS_READ)
    return await reader.fetch(store.invitation(invitation_id))


async def find_invitations(reader: Reader, actor: Actor, command: FindInvitations) -> Page[Invitation]:
    actor.require(permissions.MEMBERSHIPS_READ)
    rows = await reader.fetch(store.find(command.organization_id, command.status, command.page))
    return page_of(rows, command.page.limit, lambda found: (found.created_at, found.id))


async def look_at(gate: Gate, token: str) -> OpenInvitation:
    """What the holder of a token is invited to."""
    mac = gate.master.mac(PURPOSE, token)
    found = await gate.engine.look_up(store.by_token(mac, gate.engine.clock.now()))
    if found is None:
        raise TokenSpent
    return found


async def accept(gate: Gate, token: str, found: OpenInvitation, by: UserId | Newcomer) -> UserId:
    """The person who has joined. The server acts: whoever accepts belongs nowhere yet."""
    actor = replace(system(found.tenant_id, "invitation"), user_id=None if isinstance(by, Newcomer) else by)
    command = Accept(gate.master.mac(PURPOSE, token), by, gate.engine.clock.now())
    return (await gate.engine.perform(actor, accept_invitation, command)).result


async def accept_invitation(unit: Unit, actor: Actor, command: Accept) -> UserId:
    actor.require(permissions.MEMBERSHIPS_WRITE)
    taken = await unit.fetch(store.take(command.mac, command.now))
    if isinstance(command.by, Newcomer):
        newcomer = AddUser(
            taken.organization_id, taken.email, command.by.name, taken.role, password=command.by.password
        )
        user_id = (await add_user(unit, actor, newcomer)).id
    else:
        user_id = command.by
        organization = await unit.fetch(organization_store.as_parent(taken.organization_id))
        await role_for(unit, taken.role, organization)
        membership = Membership(MembershipId(new_id()), organization.id, user_id, taken.role, unit.now)
        unit.write(user_store.add_membership(membership, organization.path))
        data = {"user_id": str(user_id), "role": str(taken.role)}
        unit.emit(Event("membership.added", membership.id, organization.id, data))
    unit.write(store.accepted_by(taken.id, user_id))
    data = {"user_id": str(user_id), "role": str(taken.role)}
    unit.emit(Event("invitation.accepted", taken.id, taken.organization_id, data))
    return user_id


async def _load(unit: Unit, actor: Actor, invitation_id: InvitationId) -> Invitation:
    """One that the actor may decide about: to rights that it has itself."""
    invitation = await unit.fetch(store.for_change(invitation_id))
    organization = await unit.fetch(organization_store.organization_query(invitation.organization_id))
    refuse_more_than_held(actor, await role_for(unit, invitation.role, organization))
    return invitation


def _require(actor: Actor) -> None:
    actor.require(permissions.USERS_WRITE)
    actor.require(permissions.MEMBERSHIPS_WRITE)


def _event(past: str, invitation: Invitation) -> Event:
    """The address is personal and stays in the row."""
    data = {"role": str(invitation.role), "expires_at": invitation.expires_at.isoformat()}
    return Event(f"invitation.{past}", invitation.id, invitation.organization_id, data)
