"""Custom fields: what an organisation wants to be told besides, for itself and for all below it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.kernel.ids import CustomFieldId, OrganizationId
from chandlery.ordering import custom_fields
from chandlery.ordering.custom_field import CustomField, Kind, Noun
from chandlery.ordering.errors import CustomFieldUnknown
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id

Allowed = Annotated[list[str], Meta(description="None: any value of that kind.", max_length=200)]


class CustomFieldBody(msgspec.Struct, kw_only=True):
    """`read_only`: only its owner and those above set it. `published`: storefronts show it."""

    id: UUID
    organization_id: UUID
    noun: Noun
    name: str
    label: str
    kind: Kind
    allowed: list[str]
    required: bool
    read_only: bool
    published: bool
    created_at: datetime
    version: int


class NewCustomField(Body):
    """It holds for the organisation (yours unless named) and all below it. A required one is needed at checkout."""

    noun: Annotated[Noun, Meta(examples=["order"])]
    name: Annotated[str, Meta(examples=["cost_centre"])]
    kind: Annotated[Kind, Meta(examples=["text"])]
    label: Annotated[str, Meta(description="The name unless given.", examples=["Cost centre"])] | None = None
    allowed: Allowed = msgspec.field(default_factory=list)
    required: bool = False
    read_only: bool = False
    published: bool = False
    organization_id: Id | None = None


class CustomFieldChange(Body):
    """What is left out stays. What it is for, its name and its kind are for good."""

    label: Annotated[str, Meta(examples=["Cost centre"])] | None = None
    allowed: Allowed | None = None
    required: bool | None = None
    read_only: bool | None = None
    published: bool | None = None


class CustomFieldQuery(PageQuery):
    organization_id: Annotated[Id, Meta(description="For whom they hold; yours unless given.")] | None = None
    noun: Noun | None = None


async def list_custom_fields(call: Call) -> Reply:
    query: CustomFieldQuery = call.query
    of = OrganizationId(query.organization_id) if query.organization_id else None
    wanted = custom_fields.FindFields(of, query.noun, query.page())
    return page_reply(await call.read(custom_fields.find_fields, wanted), _body)


async def define_custom_field(call: Call, body: NewCustomField) -> Reply:
    command = custom_fields.DefineField(
        body.noun,
        body.name,
        body.label or body.name,
        body.kind,
        tuple(body.allowed),
        body.required,
        body.read_only,
        body.published,
        OrganizationId(body.organization_id) if body.organization_id else None,
    )
    return await call.perform(custom_fields.define_field, command, reply=_reply)


async def get_custom_field(call: Call) -> Reply:
    return _reply(await call.read(custom_fields.get_field, _id(call)))


async def change_custom_field(call: Call, body: CustomFieldChange) -> Reply:
    command = custom_fields.ChangeField(
        _id(call),
        body.label,
        None if body.allowed is None else tuple(body.allowed),
        body.required,
        body.read_only,
        body.published,
        call.expected_version,
    )
    return await call.perform(custom_fields.change_field, command, reply=_reply)


async def remove_custom_field(call: Call) -> Reply:
    command = custom_fields.RemoveField(_id(call), call.expected_version)
    return await call.perform(custom_fields.remove_field, command, reply=lambda _: Reply())


def _id(call: Call) -> CustomFieldId:
    return CustomFieldId(call.id("custom_field_id", missing=CustomFieldUnknown))


def _reply(found: CustomField) -> Reply:
    return Reply(_body(found), etag=found.version)


def _body(found: CustomField) -> CustomFieldBody:
    return CustomFieldBody(
        id=found.id,
        organization_id=found.owner_id,
        noun=found.noun,
        name=found.name,
        label=found.label,
        kind=found.kind,
        allowed=list(found.allowed),
        required=found.required,
        read_only=found.read_only,
        published=found.published,
        created_at=found.created_at,
        version=found.version,
    )
