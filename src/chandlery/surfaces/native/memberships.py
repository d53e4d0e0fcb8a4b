"""Memberships: who belongs to which organisation, and in which role."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from chandlery.identity import memberships as members
from chandlery.identity.errors import MembershipUnknown
from chandlery.identity.roles import parse_role
from chandlery.identity.user import Membership
from chandlery.kernel.ids import MembershipId, OrganizationId, UserId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id, RoleName


class MembershipBody(msgspec.Struct, kw_only=True):
    id: UUID
    organization_id: UUID
    user_id: UUID
    role: RoleName
    created_at: datetime
    version: int


class NewMembership(Body):
    """Another place for somebody whom you can see already; your own organisation unless another is given."""

    user_id: Id
    role: RoleName
    organization_id: Id | None = None


class MembershipChange(Body):
    role: RoleName


class MembershipQuery(PageQuery):
    organization_id: Id | None = None
    user_id: Id | None = None


async def list_memberships(call: Call) -> Reply:
    query: MembershipQuery = call.query
    command = members.FindMemberships(
        OrganizationId(query.organization_id) if query.organization_id else None,
        UserId(query.user_id) if query.user_id else None,
        query.page(),
    )
    return page_reply(await call.read(members.find_memberships, command), _body)


async def add_membership(call: Call, body: NewMembership) -> Reply:
    organization_id = OrganizationId(body.organization_id or call.actor.organization_id)
    command = members.AddMembership(organization_id, UserId(body.user_id), parse_role(body.role))
    return await call.perform(members.add_membership, command, reply=_reply)


async def change_membership(call: Call, body: MembershipChange) -> Reply:
    command = members.ChangeMembership(_id(call), parse_role(body.role))
    return await call.perform(members.change_membership, command, reply=_reply)


async def remove_membership(call: Call) -> Reply:
    return await call.perform(members.remove_membership, _id(call), reply=lambda _: Reply())


def _id(call: Call) -> MembershipId:
    return MembershipId(call.id("membership_id", missing=MembershipUnknown))


def _reply(found: Membership) -> Reply:
    return Reply(_body(found), etag=found.version)


def _body(found: Membership) -> MembershipBody:
    return MembershipBody(
        id=found.id,
        organization_id=found.organization_id,
        user_id=found.user_id,
        role=str(found.role),
        created_at=found.created_at,
        version=found.version,
    )
