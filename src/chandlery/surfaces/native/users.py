"""People: who they are. Where they belong is told by memberships."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.identity import users as people
from chandlery.identity.errors import UserUnknown
from chandlery.identity.roles import parse_role
from chandlery.identity.user import User
from chandlery.kernel.ids import OrganizationId, UserId
from chandlery.processes import personal_data
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id, RoleName
from chandlery.surfaces.native.wiring import wired


class UserBody(msgspec.Struct, kw_only=True):
    id: UUID
    email: str
    username: str
    name: str
    created_at: datetime
    version: int


class ExportBody(msgspec.Struct, kw_only=True):
    """What is held on somebody in your organisation and those below it; `truncated` names lists that go on."""

    user: dict[str, Any]
    memberships: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    personal_tokens: list[dict[str, Any]]
    sign_in_providers: list[dict[str, Any]]
    invitations: list[dict[str, Any]]
    contacts: list[dict[str, Any]]
    letters: list[dict[str, Any]]
    events: list[dict[str, Any]]
    truncated: list[str]


class NewUser(Body):
    """A newcomer in one organisation, your own unless another is given; without a password, none can be used yet."""

    email: Annotated[str, Meta(examples=["clerk@example.com"])]
    name: Annotated[str, Meta(examples=["Ada Clerk"])]
    role: RoleName
    organization_id: Id | None = None
    username: (
        Annotated[str, Meta(description="The e-mail address unless given.", examples=["clerk"])] | None
    ) = None
    password: Annotated[str, Meta(description="At least 10 characters.")] | None = None


class UserChange(Body):
    name: Annotated[str, Meta(examples=["Ada Clerk"])]


class UserQuery(PageQuery):
    organization_id: Id | None = None


async def list_users(call: Call) -> Reply:
    query: UserQuery = call.query
    organization_id = OrganizationId(query.organization_id) if query.organization_id else None
    return page_reply(
        await call.read(people.find_users, people.FindUsers(organization_id, query.page())), _body
    )


async def add_user(call: Call, body: NewUser) -> Reply:
    hashed = None
    if body.password is not None:
        hashed = await wired(call).gate.passwords.hash(body.password, body.email, body.username or "")
    command = people.AddUser(
        OrganizationId(body.organization_id or call.actor.organization_id),
        body.email,
        body.name,
        parse_role(body.role),
        body.username,
        hashed,
    )

    def added(new: User) -> Reply:
        return Reply(_body(new), etag=new.version, location=call.url(f"/v1/users/{new.id}"))

    return await call.perform(people.add_user, command, reply=added)


async def get_user(call: Call) -> Reply:
    return _reply(await call.read(people.get_user, _id(call)))


async def rename_user(call: Call, body: UserChange) -> Reply:
    return await call.perform(people.rename_user, people.RenameUser(_id(call), body.name), reply=_reply)


async def remove_user(call: Call) -> Reply:
    return await call.perform(people.remove_user, _id(call), reply=lambda _: Reply())


async def export_user(call: Call) -> Reply:
    return Reply(ExportBody(**await call.read(personal_data.export_person, _id(call))))


async def erase_user(call: Call) -> Reply:
    return await call.perform(personal_data.erase_person, _id(call), reply=lambda _: Reply())


def _id(call: Call) -> UserId:
    return UserId(call.id("user_id", missing=UserUnknown))


def _reply(user: User) -> Reply:
    return Reply(_body(user), etag=user.version)


def _body(user: User) -> UserBody:
    return UserBody(
        id=user.id,
        email=user.email,
        username=user.username,
        name=user.name,
        created_at=user.created_at,
        version=user.version,
    )
