"""Invitations: somebody is asked to join, by a letter whose link lets them in once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.identity import invitations as invited
from chandlery.identity.errors import InvitationUnknown
from chandlery.identity.invitation import GOOD_FOR, Invitation, InvitationStatus
from chandlery.identity.roles import parse_role
from chandlery.identity.second_factor import confirm_person
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import InvitationId, OrganizationId, UserId
from chandlery.processes import invite
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.errors import FieldsRefused
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id, RoleName
from chandlery.surfaces.native.wiring import wired

PAGE = "/oauth/invitation"


class InvitationBody(msgspec.Struct, kw_only=True):
    """`user_id` is who accepted."""

    id: UUID
    organization_id: UUID
    email: str
    name: str
    language: str
    role: RoleName
    status: InvitationStatus
    user_id: UUID | None
    created_at: datetime
    expires_at: datetime
    version: int


class NewInvitation(Body):
    """To your own organisation, unless another one is given."""

    email: Annotated[str, Meta(examples=["clerk@example.com"])]
    role: RoleName
    organization_id: Id | None = None
    name: Annotated[str, Meta(examples=["Ada Clerk"])] = ""
    language: Annotated[str, Meta(description="Of the letter; the organisation's unless given.")] = ""


class Acceptance(Body):
    """Somebody new gives a name and chooses a password; somebody with an account at that address signs in with it."""

    token: Annotated[str, Meta(description="From the letter.", examples=["chi_..."])]
    password: Annotated[str, Meta(examples=["correct horse battery"])]
    name: str | None = None
    code: Annotated[str, Meta(description="Of a second factor, where there is one.")] | None = None


class AcceptedBody(msgspec.Struct, kw_only=True):
    user_id: UUID
    organization_id: UUID


class InvitationQuery(PageQuery):
    organization_id: Id | None = None
    status: InvitationStatus | None = None


async def list_invitations(call: Call) -> Reply:
    query: InvitationQuery = call.query
    organization_id = OrganizationId(query.organization_id) if query.organization_id else None
    command = invited.FindInvitations(organization_id, query.status, query.page())
    return page_reply(await call.read(invited.find_invitations, command), _body)


async def add_invitation(call: Call, body: NewInvitation) -> Reply:
    gate = wired(call).gate
    token = invited.mint_token(gate)
    command = invited.Invite(
        OrganizationId(body.organization_id or call.actor.organization_id),
        body.email,
        parse_role(body.role),
        token.mac,
        gate.engine.clock.now() + GOOD_FOR,
        body.name,
        body.language,
    )

    def added(new: Invitation) -> Reply:
        return Reply(_body(new), etag=new.version, location=call.url(f"/v1/invitations/{new.id}"))

    posted = invite.Posted(command, f"{call.url(PAGE)}?token={token.plain}")
    return await call.perform(invite.invite, posted, reply=added)


async def get_invitation(call: Call) -> Reply:
    return _reply(await call.read(invited.get_invitation, _id(call)))


async def resend_invitation(call: Call) -> Reply:
    gate = wired(call).gate
    token = invited.mint_token(gate)
    command = invited.Resend(_id(call), token.mac, gate.engine.clock.now() + GOOD_FOR)
    posted = invite.Posted(command, f"{call.url(PAGE)}?token={token.plain}")
    return await call.perform(invite.invite, posted, reply=_reply)


async def revoke_invitation(call: Call) -> Reply:
    return await call.perform(invited.revoke, _id(call), reply=lambda _: Reply())


async def accept_invitation(call: Call, body: Acceptance) -> Reply:
    gate = wired(call).gate
    found = await invited.look_at(gate, body.token)
    by: invited.Newcomer | UserId
    if found.user_id is None:
        if body.name is None:
            raise FieldsRefused(Problem("name", "Say what you are called.", "missing"))
        hashed = await gate.passwords.hash(body.password, found.email.partition("@")[0])
        by = invited.Newcomer(body.name, hashed)
    else:
        by = await confirm_person(gate, found.user_id, body.password, body.code)
    user_id = await invited.accept(gate, body.token, found, by)
    return Reply(AcceptedBody(user_id=user_id, organization_id=found.organization_id))


def _id(call: Call) -> InvitationId:
    return InvitationId(call.id("invitation_id", missing=InvitationUnknown))


def _reply(found: Invitation) -> Reply:
    return Reply(_body(found), etag=found.version)


def _body(found: Invitation) -> InvitationBody:
    return InvitationBody(
        id=found.id,
        organization_id=found.organization_id,
        email=found.email,
        name=found.name,
        language=found.language,
        role=str(found.role),
        status=found.status,
        user_id=found.user_id,
        created_at=found.created_at,
        expires_at=found.expires_at,
        version=found.version,
    )
