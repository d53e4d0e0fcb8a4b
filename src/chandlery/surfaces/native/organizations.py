"""Organisations: the tree of those who sell, buy and supply."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.identity import organizations as tree
from chandlery.identity.errors import OrganizationUnknown
from chandlery.identity.organization import Edition, Kind, Organization, Status
from chandlery.kernel.ids import OrganizationId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Attributes, Id, Name


class OrganizationBody(msgspec.Struct, kw_only=True):
    id: UUID
    parent_id: UUID | None
    kind: Kind
    name: str
    edition: Edition | None
    status: Status
    attributes: Attributes
    created_at: datetime
    version: int


class NewOrganization(Body):
    """An organisation below `parent_id`; without one, below your own."""

    kind: Annotated[Kind, Meta(examples=["customer"])]
    name: Name
    parent_id: Id | None = None
    edition: Edition | None = None
    attributes: Attributes = msgspec.field(default_factory=dict)


class OrganizationChange(Body):
    """What is left out stays; attributes are replaced as a whole."""

    name: Name | None = None
    edition: Edition | None = None
    attributes: Attributes | None = None


class OrganizationQuery(PageQuery):
    kind: Kind | None = None
    parent_id: Id | None = None
    status: Status | None = None


async def list_organizations(call: Call) -> Reply:
    query: OrganizationQuery = call.query
    parent_id = OrganizationId(query.parent_id) if query.parent_id else None
    wanted = tree.OrganizationFilter(query.kind, parent_id, query.status)
    found = await call.read(tree.find_organizations, tree.FindOrganizations(wanted, query.page()))
    return page_reply(found, organization_body)


async def add_organization(call: Call, body: NewOrganization) -> Reply:
    command = tree.AddOrganization(
        OrganizationId(body.parent_id or call.actor.organization_id),
        body.kind,
        body.name,
        body.edition,
        body.attributes,
    )

    def added(new: Organization) -> Reply:
        location = call.url(f"/v1/organizations/{new.id}")
        return Reply(organization_body(new), etag=new.version, location=location)

    return await call.perform(tree.add_organization, command, reply=added)


async def get_organization(call: Call) -> Reply:
    return organization_reply(await call.read(tree.get_organization, _id(call)))


async def change_organization(call: Call, body: OrganizationChange) -> Reply:
    command = tree.ChangeOrganization(
        _id(call), body.name, body.edition, body.attributes, call.expected_version
    )
    return await call.perform(tree.change_organization, command, reply=organization_reply)


async def suspend_organization(call: Call) -> Reply:
    return await _put(call, "suspended")


async def reactivate_organization(call: Call) -> Reply:
    return await _put(call, "active")


async def close_organization(call: Call) -> Reply:
    return await _put(call, "closed")


def organization_body(found: Organization) -> OrganizationBody:
    return OrganizationBody(
        id=found.id,
        parent_id=found.parent_id,
        kind=found.kind,
        name=found.name,
        edition=found.edition,
        status=found.status,
        attributes=dict(found.attributes),
        created_at=found.created_at,
        version=found.version,
    )


def organization_reply(found: Organization) -> Reply:
    return Reply(organization_body(found), etag=found.version)


async def _put(call: Call, status: Status) -> Reply:
    command = tree.PutOrganization(_id(call), status, call.expected_version)
    return await call.perform(tree.put_organization, command, reply=organization_reply)


def _id(call: Call) -> OrganizationId:
    return OrganizationId(call.id("organization_id", missing=OrganizationUnknown))
