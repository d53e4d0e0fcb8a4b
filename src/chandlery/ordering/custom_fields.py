"""Defining custom fields: for an organisation, and so for all below it.

What a field is for and which kind of value it takes is for good, because values of it are kept; the rest changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity.organizations import organization_query
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import CustomFieldId, OrganizationId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.ordering._store import custom_fields as store
from chandlery.ordering.custom_field import CustomField, Kind, Noun
from chandlery.ordering.errors import CustomFieldInvalid, CustomFieldTaken

MAX_FIELDS = 100
"""Per organisation and noun: what is asked of everybody who orders must fit on a page."""


@dataclass(frozen=True, slots=True)
class DefineField:
    """A field of an organisation (None: the actor's own) for a noun."""

    noun: Noun
    name: str
    label: str
    kind: Kind
    allowed: tuple[str, ...] = ()
    required: bool = False
    read_only: bool = False
    published: bool = False
    organization_id: OrganizationId | None = None


@dataclass(frozen=True, slots=True)
class ChangeField:
    """What is None stays."""

    field_id: CustomFieldId
    label: str | None = None
    allowed: tuple[str, ...] | None = None
    required: bool | None = None
    read_only: bool | None = None
    published: bool | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveField:
    field_id: CustomFieldId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindFields:
    """The fields in force for an organisation (None: the actor's own): its own, and those of all above it."""

    organization_id: OrganizationId | None = None
    noun: Noun | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def define_field(unit: Unit, actor: Actor, command: DefineField) -> CustomField:
    actor.require(permissions.CUSTOM_FIELDS_WRITE)
    owner_id = command.organization_id or actor.organization_id
    owner, (taken, count) = await unit.fetch(
        organization_query(owner_id), store.field_facts(owner_id, command.noun, command.name)
    )
    defined = CustomField(
        CustomFieldId(new_id()),
        owner.id,
        owner.path,
        command.noun,
        command.name,
        command.label.strip(),
        command.kind,
        command.allowed,
        command.required,
        command.read_only,
        command.published,
        unit.now,
    )
    problems = defined.problems()
    if count >= MAX_FIELDS:
        problems.append(
            Problem("noun", f"There are {MAX_FIELDS} fields for it; remove one first.", "too_many")
        )
    if problems:
        raise CustomFieldInvalid(*problems)
    if taken:
        raise CustomFieldTaken(given=defined.name)
    unit.write(store.add_field(defined))
    unit.emit(_event(defined, "defined"))
    return defined


async def change_field(unit: Unit, actor: Actor, command: ChangeField) -> CustomField:
    actor.require(permissions.CUSTOM_FIELDS_WRITE)
    found = await _load(unit, command.field_id, command.expected_version)
    changed = found.changed(
        label=None if command.label is None else command.label.strip(),
        allowed=command.allowed,
        required=command.required,
        read_only=command.read_only,
        published=command.published,
    )
    if problems := changed.problems():
        raise CustomFieldInvalid(*problems)
    unit.write(store.save_field(changed))
    unit.emit(_event(changed, "changed"))
    return changed


async def remove_field(unit: Unit, actor: Actor, command: RemoveField) -> None:
    """Nobody is asked for it any more; values given so far stay where they are."""
    actor.require(permissions.CUSTOM_FIELDS_WRITE)
    found = await _load(unit, command.field_id, command.expected_version)
    unit.write(store.remove_field(found.id))
    unit.emit(_event(found, "removed"))


async def get_field(reader: Reader, actor: Actor, field_id: CustomFieldId) -> CustomField:
    actor.require(permissions.CUSTOM_FIELDS_READ)
    return await reader.fetch(store.field_query(field_id))


async def find_fields(reader: Reader, actor: Actor, command: FindFields) -> Page[CustomField]:
    """Oldest first."""
    actor.require(permissions.CUSTOM_FIELDS_READ)
    organization_id = command.organization_id or actor.organization_id
    _, found = await reader.fetch(
        organization_query(organization_id),
        store.fields_in_force(organization_id, command.noun, command.page),
    )
    return page_of(found, command.page.limit, lambda one: (one.created_at, one.id))


async def _load(unit: Unit, field_id: CustomFieldId, expected_version: int | None) -> CustomField:
    found = await unit.fetch(store.field_for_change(field_id))
    if expected_version is not None and expected_version != found.version:
        raise VersionStale(given=str(expected_version), version=str(found.version))
    return found


def _event(defined: CustomField, past: str) -> Event:
    data = {"noun": defined.noun, "name": defined.name}
    return Event(f"custom_field.{past}", defined.id, defined.owner_id, data)
