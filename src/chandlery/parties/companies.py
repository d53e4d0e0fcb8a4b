"""What can be done with an organisation's company data and letterhead: put, and read.

Both exist once an organisation does, at first empty; so there is nothing to add and nothing to remove.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId
from chandlery.parties._store import companies as store
from chandlery.parties._store.companies import company as company_query
from chandlery.parties._store.companies import letterhead_in_use
from chandlery.parties._store.holders import holder, visible
from chandlery.parties.company import Company, CompanyFacts
from chandlery.parties.letterhead import Letterhead

__all__ = [
    "Company",
    "CompanyFacts",
    "Letterhead",
    "PutCompany",
    "PutLetterhead",
    "company_query",
    "get_company",
    "get_letterhead",
    "letterhead_in_use",
    "put_company",
    "put_letterhead",
]


@dataclass(frozen=True, slots=True)
class PutCompany:
    """`facts` take the place of the old ones; attributes stay where they are None."""

    organization_id: OrganizationId
    facts: CompanyFacts
    attributes: Mapping[str, Any] | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutLetterhead:
    """Takes the place of the old one; empty fields are filled from above when a letter is written."""

    organization_id: OrganizationId
    letterhead: Letterhead


async def put_company(unit: Unit, actor: Actor, command: PutCompany) -> Company:
    actor.require(permissions.PARTIES_WRITE)
    facts = command.facts.checked()
    _, found = await unit.fetch(holder(command.organization_id), company_query(command.organization_id))
    old = found or Company(command.organization_id)
    if command.expected_version is not None and command.expected_version != old.version:
        raise VersionStale
    attributes = old.attributes if command.attributes is None else command.attributes
    changed = Company(command.organization_id, facts, unit.now, old.version + 1, attributes)
    unit.write(store.save(changed))
    unit.emit(_event("party.company_changed", command.organization_id, {"version": changed.version}))
    return changed


async def get_company(reader: Reader, actor: Actor, organization_id: OrganizationId) -> Company:
    actor.require(permissions.PARTIES_READ)
    _, found = await reader.fetch(visible(organization_id), company_query(organization_id))
    return found or Company(organization_id)


async def put_letterhead(unit: Unit, actor: Actor, command: PutLetterhead) -> Letterhead:
    actor.require(permissions.PARTIES_WRITE)
    letterhead = command.letterhead.checked()
    await unit.fetch(holder(command.organization_id))
    unit.write(store.save_letterhead(command.organization_id, letterhead))
    unit.emit(_event("party.letterhead_changed", command.organization_id, {}))
    return letterhead


async def get_letterhead(reader: Reader, actor: Actor, organization_id: OrganizationId) -> Letterhead:
    """The organisation's own; `letterhead_in_use` is the query for what its letters bear."""
    actor.require(permissions.PARTIES_READ)
    _, found = await reader.fetch(visible(organization_id), store.letterhead(organization_id))
    return found or Letterhead()


def _event(name: str, organization_id: OrganizationId, data: Mapping[str, Any]) -> Event:
    return Event(name, organization_id, organization_id, data)
