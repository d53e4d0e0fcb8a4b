"""What can be done with an organisation's address book: add, change, remove, read.

The history of an entry is the history of its organisation; events name the address by its id and say nothing personal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import AddressId, OrganizationId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.parties._store import addresses as store
from chandlery.parties._store.addresses import address as address_query
from chandlery.parties._store.addresses import defaults as default_addresses_query
from chandlery.parties._store.holders import holder, visible
from chandlery.parties.address import Address, Postal, check_address

__all__ = [
    "AddAddress",
    "Address",
    "ChangeAddress",
    "FindAddresses",
    "Postal",
    "RemoveAddress",
    "add_address",
    "address_query",
    "change_address",
    "default_addresses_query",
    "find_addresses",
    "get_address",
    "remove_address",
]


@dataclass(frozen=True, slots=True)
class AddAddress:
    """A new entry; where it becomes the default, another one ceases to be."""

    organization_id: OrganizationId
    postal: Postal
    kinds: tuple[str, ...] = ("billing", "shipping")
    default_for: tuple[str, ...] = ()
    label: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeAddress:
    """What is None stays as it is; `postal` is replaced as a whole."""

    address_id: AddressId
    postal: Postal | None = None
    kinds: tuple[str, ...] | None = None
    default_for: tuple[str, ...] | None = None
    label: str | None = None
    attributes: Mapping[str, Any] | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveAddress:
    """What was printed keeps its snapshot."""

    address_id: AddressId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindAddresses:
    """A page of one organisation's addresses, oldest first."""

    organization_id: OrganizationId
    kind: str | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def add_address(unit: Unit, actor: Actor, command: AddAddress) -> Address:
    actor.require(permissions.PARTIES_WRITE)
    check_address(command.postal, command.kinds, command.default_for, command.label)
    await unit.fetch(holder(command.organization_id))
    new = Address(
        AddressId(new_id()),
        command.organization_id,
        _distinct(command.kinds),
        _distinct(command.default_for),
        command.label,
        command.postal,
        unit.now,
        attributes=command.attributes,
    )
    unit.write(store.add(new))
    _settle(unit, new, "party.address_added")
    return new


async def change_address(unit: Unit, actor: Actor, command: ChangeAddress) -> Address:
    actor.require(permissions.PARTIES_WRITE)
    old = await _load(unit, command.address_id, command.expected_version)
    kinds = old.kinds if command.kinds is None else command.kinds
    default_for = command.default_for
    if default_for is None:  # what it is no longer for, it is no default for
        default_for = tuple(kind for kind in old.default_for if kind in kinds)
    label = old.label if command.label is None else command.label
    check_address(command.postal, kinds, default_for, label)
    changed = replace(
        old,
        postal=command.postal or old.postal,
        kinds=_distinct(kinds),
        default_for=_distinct(default_for),
        label=label,
        attributes=old.attributes if command.attributes is None else command.attributes,
        version=old.version + 1,
    )
    unit.write(store.save(changed))
    _settle(unit, changed, "party.address_changed")
    return changed


async def remove_address(unit: Unit, actor: Actor, command: RemoveAddress) -> None:
    actor.require(permissions.PARTIES_WRITE)
    address = await _load(unit, command.address_id, command.expected_version)
    unit.write(store.remove(address.id))
    unit.emit(_event("party.address_removed", address))


async def get_address(reader: Reader, actor: Actor, address_id: AddressId) -> Address:
    actor.require(permissions.PARTIES_READ)
    return await reader.fetch(address_query(address_id))


async def find_addresses(reader: Reader, actor: Actor, command: FindAddresses) -> Page[Address]:
    actor.require(permissions.PARTIES_READ)
    _, rows = await reader.fetch(
        visible(command.organization_id), store.find(command.organization_id, command.kind, command.page)
    )
    return page_of(rows, command.page.limit, lambda a: (a.created_at, a.id))


async def _load(unit: Unit, address_id: AddressId, expected_version: int | None) -> Address:
    _, address = await unit.fetch(store.lock_holder_of(address_id), address_query(address_id))
    if expected_version is not None and expected_version != address.version:
        raise VersionStale
    return address


def _settle(unit: Unit, address: Address, event: str) -> None:
    if address.default_for:
        unit.write(store.yield_defaults_to(address))
    unit.emit(_event(event, address))


def _event(name: str, address: Address) -> Event:
    data = {"address_id": str(address.id), "version": address.version}
    return Event(name, address.organization_id, address.organization_id, data)


def _distinct(kinds: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kinds))
