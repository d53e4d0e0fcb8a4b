"""Contacts of organisations: whom to turn to, and in which matters."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.kernel.ids import ContactId, UserId
from chandlery.parties import contacts
from chandlery.parties.errors import ContactUnknown
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.addresses import organization_id
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Attributes, Id

ContactRole = Literal["general", "billing", "technical", "ordering", "legal", "executive"]
ContactRoles = Annotated[list[ContactRole], Meta(examples=[["ordering"]])]
Account = Annotated[Id, Meta(description="Their account, where they have one.")]


class PersonBody(Body):
    """Somebody: a name or a mail address at least."""

    family_name: Annotated[str, Meta(examples=["Clerk"])] = ""
    given_name: Annotated[str, Meta(examples=["Ada"])] = ""
    salutation: str = ""
    title: str = ""
    position: Annotated[str, Meta(examples=["Head of Purchasing"])] = ""
    email: str = ""
    other_email: str = ""
    phone: str = ""
    mobile: str = ""
    fax: str = ""
    language: Annotated[str, Meta(examples=["de-AT"])] = ""

    def noun(self) -> contacts.Person:
        return contacts.Person(**msgspec.structs.asdict(self))


Person = Annotated[PersonBody, Meta(examples=[{"given_name": "Ada", "family_name": "Clerk"}])]


class ContactBody(msgspec.Struct, kw_only=True):
    """`is_primary` is the one to turn to first; at most one of an organisation."""

    id: UUID
    organization_id: UUID
    roles: list[str]
    is_primary: bool
    person: PersonBody
    user_id: UUID | None
    attributes: Attributes
    created_at: datetime
    version: int


class NewContact(Body):
    """A new primary contact takes the place of the old one."""

    person: Person
    roles: ContactRoles = msgspec.field(default_factory=lambda: ["general"])
    is_primary: bool = False
    user_id: Account | None = None
    attributes: Attributes = msgspec.field(default_factory=dict)


class ContactChange(Body):
    """What is left out stays; `person` is replaced as a whole."""

    person: Person | None = None
    roles: ContactRoles | None = None
    is_primary: bool | None = None
    user_id: Account | None = None
    attributes: Attributes | None = None


class ContactQuery(PageQuery):
    role: ContactRole | None = None


async def list_contacts(call: Call) -> Reply:
    query: ContactQuery = call.query
    command = contacts.FindContacts(organization_id(call), query.role, query.page())
    return page_reply(await call.read(contacts.find_contacts, command), _body)


async def add_contact(call: Call, body: NewContact) -> Reply:
    command = contacts.AddContact(
        organization_id(call),
        body.person.noun(),
        tuple(body.roles),
        body.is_primary,
        _account(body.user_id),
        body.attributes,
    )

    def added(new: contacts.Contact) -> Reply:
        return Reply(_body(new), etag=new.version, location=call.url(f"/v1/contacts/{new.id}"))

    return await call.perform(contacts.add_contact, command, reply=added)


async def get_contact(call: Call) -> Reply:
    return _reply(await call.read(contacts.get_contact, _id(call)))


async def change_contact(call: Call, body: ContactChange) -> Reply:
    command = contacts.ChangeContact(
        _id(call),
        None if body.person is None else body.person.noun(),
        None if body.roles is None else tuple(body.roles),
        body.is_primary,
        _account(body.user_id),
        body.attributes,
        call.expected_version,
    )
    return await call.perform(contacts.change_contact, command, reply=_reply)


async def remove_contact(call: Call) -> Reply:
    command = contacts.RemoveContact(_id(call), call.expected_version)
    return await call.perform(contacts.remove_contact, command, reply=lambda _: Reply())


def _id(call: Call) -> ContactId:
    return ContactId(call.id("contact_id", missing=ContactUnknown))


def _account(given: UUID | None) -> UserId | None:
    return None if given is None else UserId(given)


def _reply(contact: contacts.Contact) -> Reply:
    return Reply(_body(contact), etag=contact.version)


def _body(contact: contacts.Contact) -> ContactBody:
    return ContactBody(
        id=contact.id,
        organization_id=contact.organization_id,
        roles=list(contact.roles),
        is_primary=contact.is_primary,
        person=msgspec.convert(msgspec.to_builtins(contact.person), PersonBody),
        user_id=contact.user_id,
        attributes=dict(contact.attributes),
        created_at=contact.created_at,
        version=contact.version,
    )
