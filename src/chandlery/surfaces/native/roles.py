"""Roles: the built-in ones, and those that an organisation has defined for itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.identity import roles
from chandlery.identity.errors import RoleUnknown
from chandlery.identity.role import Role
from chandlery.kernel.ids import OrganizationId, RoleId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery
from chandlery.surfaces.native.fields import Id

Permissions = Annotated[list[str], Meta(examples=[["orders:read", "catalog:read"]])]
RoleTitle = Annotated[str, Meta(examples=["Auditors"])]


class BuiltInRole(msgspec.Struct, kw_only=True):
    """A role that every organisation has; it is given by its name."""

    name: str
    permissions: list[str]


class RoleBody(msgspec.Struct, kw_only=True):
    """A role of an organisation's own; it is given by its id, there and below."""

    id: UUID
    organization_id: UUID
    name: str
    permissions: list[str]
    created_at: datetime
    version: int


class RolesBody(msgspec.Struct, kw_only=True):
    """One organisation's own roles, and beside them those that every organisation has."""

    items: list[RoleBody]
    next_cursor: str | None
    built_in: list[BuiltInRole]


class NewRole(Body):
    """A role of your own organisation, unless another one is given."""

    name: RoleTitle
    permissions: Permissions
    organization_id: Id | None = None


class RoleChange(Body):
    """What is left out stays."""

    name: RoleTitle | None = None
    permissions: Permissions | None = None


class RoleQuery(PageQuery):
    organization_id: Id | None = None


_BUILT_IN = [
    BuiltInRole(name=name, permissions=sorted(permissions)) for name, permissions in roles.BUILT_IN.items()
]


async def list_roles(call: Call) -> Reply:
    query: RoleQuery = call.query
    organization_id = OrganizationId(query.organization_id or call.actor.organization_id)
    found = await call.read(roles.find_roles, roles.FindRoles(organization_id, query.page()))
    items = [_body(role) for role in found.items]
    return Reply(RolesBody(items=items, next_cursor=found.next_cursor, built_in=_BUILT_IN))


async def add_role(call: Call, body: NewRole) -> Reply:
    organization_id = OrganizationId(body.organization_id or call.actor.organization_id)
    command = roles.AddRole(organization_id, body.name, frozenset(body.permissions))

    def added(new: Role) -> Reply:
        return Reply(_body(new), etag=new.version, location=call.url(f"/v1/roles/{new.id}"))

    return await call.perform(roles.add_role, command, reply=added)


async def get_role(call: Call) -> Reply:
    return _reply(await call.read(roles.get_role, _id(call)))


async def change_role(call: Call, body: RoleChange) -> Reply:
    permissions = None if body.permissions is None else frozenset(body.permissions)
    command = roles.ChangeRole(_id(call), body.name, permissions)
    return await call.perform(roles.change_role, command, reply=_reply)


async def remove_role(call: Call) -> Reply:
    return await call.perform(roles.remove_role, _id(call), reply=lambda _: Reply())


def _id(call: Call) -> RoleId:
    return RoleId(call.id("role_id", missing=RoleUnknown))


def _reply(role: Role) -> Reply:
    return Reply(_body(role), etag=role.version)


def _body(role: Role) -> RoleBody:
    return RoleBody(
        id=role.id,
        organization_id=role.organization_id,
        name=role.name,
        permissions=sorted(role.permissions),
        created_at=role.created_at,
        version=role.version,
    )
