"""What can be done with organisations: add below, change, suspend, reactivate, close, read.

Suspending or closing one ends every session of the whole subtree in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import organizations as store
from chandlery.identity._store.organizations import OrganizationFilter, organization_query
from chandlery.identity.errors import OwnOrganization
from chandlery.identity.organization import Edition, Kind, Organization, Status, check
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

__all__ = [
    "AddOrganization",
    "ChangeOrganization",
    "FindOrganizations",
    "Organization",
    "OrganizationFilter",
    "PutOrganization",
    "add_organization",
    "change_organization",
    "find_organizations",
    "get_organization",
    "organization_query",
    "put_organization",
]


@dataclass(frozen=True, slots=True)
class AddOrganization:
    """A new organisation below `parent_id`."""

    parent_id: OrganizationId
    kind: Kind
    name: str
    edition: Edition | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeOrganization:
    """What is None stays as it is."""

    organization_id: OrganizationId
    name: str | None = None
    edition: Edition | None = None
    attributes: Mapping[str, Any] | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutOrganization:
    """Suspend, reactivate or close."""

    organization_id: OrganizationId
    status: Status
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindOrganizations:
    """A page of the actor's organisation and all below it, oldest first."""

    wanted: OrganizationFilter = OrganizationFilter()
    page: PageRequest = PageRequest()


async def add_organization(unit: Unit, actor: Actor, command: AddOrganization) -> Organization:
    actor.require(permissions.ORGANIZATIONS_WRITE)
    check(command.name, command.edition)
    parent = await unit.fetch(store.as_parent(command.parent_id))
    new = replace(
        parent.below(OrganizationId(new_id()), command.kind, command.name.strip(), unit.now),
        edition=command.edition,
        attributes=command.attributes,
    )
    unit.write(store.add(new))
    unit.emit(
        Event("organization.added", new.id, new.id, {"kind": new.kind, "parent_id": str(command.parent_id)})
    )
    return new


async def change_organization(unit: Unit, actor: Actor, command: ChangeOrganization) -> Organization:
    actor.require(permissions.ORGANIZATIONS_WRITE)
    check(command.name, command.edition)
    organization = await _load(unit, command.organization_id, command.expected_version)
    if command.edition is not None and command.edition != organization.edition:
        _refuse_own(actor, organization)
    name = None if command.name is None else command.name.strip()
    changed = organization.changed(name, command.edition, command.attributes)
    unit.write(store.save(changed))
    unit.emit(Event("organization.changed", changed.id, changed.id, {"version": changed.version}))
    return changed


async def put_organization(unit: Unit, actor: Actor, command: PutOrganization) -> Organization:
    """Suspend, reactivate or close; whoever acts below a suspended or closed one is out at once."""
    actor.require(permissions.ORGANIZATIONS_WRITE)
    organization = await _load(unit, command.organization_id, command.expected_version)
    _refuse_own(actor, organization)
    if organization.status == command.status:
        return organization
    changed = organization.put(command.status)
    unit.write(store.save(changed))
    if changed.status != "active":
        unit.write(*store.end_sessions_below(changed))
    past = {"active": "reactivated", "suspended": "suspended", "closed": "closed"}[changed.status]
    unit.emit(Event(f"organization.{past}", changed.id, changed.id, {"version": changed.version}))
    return changed


async def get_organization(reader: Reader, actor: Actor, organization_id: OrganizationId) -> Organization:
    actor.require(permissions.ORGANIZATIONS_READ)
    return await reader.fetch(organization_query(organization_id))


async def find_organizations(reader: Reader, actor: Actor, command: FindOrganizations) -> Page[Organization]:
    actor.require(permissions.ORGANIZATIONS_READ)
    rows = await reader.fetch(store.find(command.wanted, command.page))
    return page_of(rows, command.page.limit, lambda o: (o.created_at, o.id))


async def _load(unit: Unit, organization_id: OrganizationId, expected_version: int | None) -> Organization:
    organization = await unit.fetch(store.for_change(organization_id))
    if expected_version is not None and expected_version != organization.version:
        raise VersionStale
    return organization


def _refuse_own(actor: Actor, organization: Organization) -> None:
    """What an organisation is worth is for the one above to say, else the free edition would not stay free."""
    if organization.id == actor.organization_id and not actor.is_system:
        raise OwnOrganization
