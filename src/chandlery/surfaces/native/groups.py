"""Groups of people within an organisation, for rules that name one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.identity import groups
from chandlery.identity.errors import GroupUnknown, UserUnknown
from chandlery.kernel.ids import GroupId, OrganizationId, UserId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id

GroupName = Annotated[str, Meta(examples=["Approvers"])]


class GroupBody(msgspec.Struct, kw_only=True):
    id: UUID
    organization_id: UUID
    name: str
    description: str
    created_at: datetime
    version: int


class GroupMemberBody(msgspec.Struct, kw_only=True):
    user_id: UUID
    name: str
    email: str
    added_at: datetime


class NewGroup(Body):
    """Of your own organisation, unless another one is given."""

    name: GroupName
    organization_id: Id | None = None
    description: str = ""


class GroupChange(Body):
    """What is left out stays."""

    name: GroupName | None = None
    description: str | None = None


class GroupQuery(PageQuery):
    """`user_id`: only the groups that this person is in."""

    organization_id: Id | None = None
    user_id: Id | None = None


async def list_groups(call: Call) -> Reply:
    query: GroupQuery = call.query
    command = groups.FindGroups(
        OrganizationId(query.organization_id) if query.organization_id else None,
        UserId(query.user_id) if query.user_id else None,
        query.page(),
    )
    return page_reply(await call.read(groups.find_groups, command), _body)


async def add_group(call: Call, body: NewGroup) -> Reply:
    organization_id = OrganizationId(body.organization_id or call.actor.organization_id)

    def added(new: groups.Group) -> Reply:
        return Reply(_body(new), etag=new.version, location=call.url(f"/v1/groups/{new.id}"))

    command = groups.AddGroup(organization_id, body.name, body.description)
    return await call.perform(groups.add_group, command, reply=added)


async def get_group(call: Call) -> Reply:
    return _reply(await call.read(groups.get_group, _id(call)))


async def change_group(call: Call, body: GroupChange) -> Reply:
    command = groups.ChangeGroup(_id(call), body.name, body.description, call.expected_version)
    return await call.perform(groups.change_group, command, reply=_reply)


async def remove_group(call: Call) -> Reply:
    return await call.perform(groups.remove_group, _id(call), reply=lambda _: Reply())


async def list_group_members(call: Call) -> Reply:
    query: PageQuery = call.query
    found = await call.read(groups.find_members, groups.FindMembers(_id(call), query.page()))
    return page_reply(found, lambda m: GroupMemberBody(**{f: getattr(m, f) for f in m.__slots__}))


async def add_group_member(call: Call) -> Reply:
    return await call.perform(groups.add_member, _membership(call), reply=lambda _: Reply())


async def remove_group_member(call: Call) -> Reply:
    return await call.perform(groups.remove_member, _membership(call), reply=lambda _: Reply())


def _id(call: Call) -> GroupId:
    return GroupId(call.id("group_id", missing=GroupUnknown))


def _membership(call: Call) -> groups.Membership:
    return groups.Membership(_id(call), UserId(call.id("user_id", missing=UserUnknown)))


def _reply(group: groups.Group) -> Reply:
    return Reply(_body(group), etag=group.version)


def _body(group: groups.Group) -> GroupBody:
    return GroupBody(
        id=group.id,
        organization_id=group.organization_id,
        name=group.name,
        description=group.description,
        created_at=group.created_at,
        version=group.version,
    )
