"""What can be done with an organisation's contacts: add, change, remove, read.

Events name a contact by its id and say nothing personal: erasing the row erases the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import ContactId, OrganizationId, UserId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.parties._store import contacts as store
from chandlery.parties._store.contacts import contact as contact_query
from chandlery.parties._store.holders import holder, visible
from chandlery.parties.contact import Contact, Person, check_contact
from chandlery.parties.errors import ContactUnfit

__all__ = [
    "AddContact",
    "ChangeContact",
    "Contact",
    "FindContacts",
    "Person",
    "RemoveContact",
    "add_contact",
    "change_contact",
    "contact_query",
    "find_contacts",
    "get_contact",
    "remove_contact",
]


@dataclass(frozen=True, slots=True)
class AddContact:
    """Somebody new; a new primary contact takes the place of the old one."""

    organization_id: OrganizationId
    person: Person
    roles: tuple[str, ...] = ("general",)
    is_primary: bool = False
    user_id: UserId | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeContact:
    """What is None stays as it is; `person` is replaced as a whole."""

    contact_id: ContactId
    person: Person | None = None
    roles: tuple[str, ...] | None = None
    is_primary: bool | None = None
    user_id: UserId | None = None
    attributes: Mapping[str, Any] | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveContact:
    """For good: nothing personal remains."""

    contact_id: ContactId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindContacts:
    """A page of one organisation's contacts, oldest first."""

    organization_id: OrganizationId
    role: str | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def add_contact(unit: Unit, actor: Actor, command: AddContact) -> Contact:
    actor.require(permissions.PARTIES_WRITE)
    check_contact(command.person, command.roles)
    _, known = await unit.fetch(holder(command.organization_id), store.account(command.user_id))
    _refuse_strangers(command.user_id, known)
    new = Contact(
        ContactId(new_id()),
        command.organization_id,
        tuple(dict.fromkeys(command.roles)),
        command.is_primary,
        command.person,
        unit.now,
        command.user_id,
        attributes=command.attributes,
    )
    _make_way(unit, new)
    unit.write(store.add(new))
    unit.emit(_event("party.contact_added", new))
    return new


async def change_contact(unit: Unit, actor: Actor, command: ChangeContact) -> Contact:
    actor.require(permissions.PARTIES_WRITE)
    check_contact(command.person, command.roles or ())
    old = await _load(unit, command.contact_id, command.expected_version)
    if command.user_id is not None:
        _refuse_strangers(command.user_id, await unit.fetch(store.account(command.user_id)))
    changed = replace(
        old,
        person=command.person or old.person,
        roles=old.roles if command.roles is None else tuple(dict.fromkeys(command.roles)),
        is_primary=old.is_primary if command.is_primary is None else command.is_primary,
        user_id=command.user_id or old.user_id,
        attributes=old.attributes if command.attributes is None else command.attributes,
        version=old.version + 1,
    )
    _make_way(unit, changed)
    unit.write(store.save(changed))
    unit.emit(_event("party.contact_changed", changed))
    return changed


async def remove_contact(unit: Unit, actor: Actor, command: RemoveContact) -> None:
    actor.require(permissions.PARTIES_WRITE)
    contact = await _load(unit, command.contact_id, command.expected_version)
    unit.write(store.remove(contact.id))
    unit.emit(_event("party.contact_removed", contact))


async def get_contact(reader: Reader, actor: Actor, contact_id: ContactId) -> Contact:
    actor.require(permissions.PARTIES_READ)
    return await reader.fetch(contact_query(contact_id))


async def find_contacts(reader: Reader, actor: Actor, command: FindContacts) -> Page[Contact]:
    actor.require(permissions.PARTIES_READ)
    _, rows = await reader.fetch(
        visible(command.organization_id), store.find(command.organization_id, command.role, command.page)
    )
    return page_of(rows, command.page.limit, lambda c: (c.created_at, c.id))


async def _load(unit: Unit, contact_id: ContactId, expected_version: int | None) -> Contact:
    _, contact = await unit.fetch(store.lock_holder_of(contact_id), contact_query(contact_id))
    if expected_version is not None and expected_version != contact.version:
        raise VersionStale
    return contact


def _refuse_strangers(given: UserId | None, known: UserId | None) -> None:
    if given is not None and known is None:
        raise ContactUnfit(Problem("user_id", "There is no such person; check the id.", "unknown"))


def _make_way(unit: Unit, contact: Contact) -> None:
    if contact.is_primary:
        unit.write(store.yield_primary_to(contact))


def _event(name: str, contact: Contact) -> Event:
    data = {"contact_id": str(contact.id), "version": contact.version}
    return Event(name, contact.organization_id, contact.organization_id, data)
