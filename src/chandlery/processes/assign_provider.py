"""Which provider fulfils what a vendor sells: the catalogue keeps the word, fulfilment knows whether it means one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from chandlery.catalog import editing
from chandlery.catalog.listing import Vendor
from chandlery.engine.unit_of_work import Unit
from chandlery.fulfilment.setting_up import is_set_up
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Invalid, Problem
from chandlery.kernel.ids import VendorId


class ProviderNotSetUp(Invalid):
    """There is no such provider; set it up first, or use manual or one that is listed."""


@dataclass(frozen=True, slots=True)
class ChangeVendor:
    """What is None stays as it is. `built_in` names the providers that are there without being set up.

    Another provider takes the lines that are added from now on: those that were ordered keep theirs.
    """

    vendor_id: VendorId
    name: str | None = None
    provider: str | None = None
    built_in: Collection[str] = ()


async def change_vendor(unit: Unit, actor: Actor, command: ChangeVendor) -> Vendor:
    actor.require(permissions.CATALOG_WRITE)
    editing.require_operator(actor)
    known = command.provider is None or command.provider in command.built_in
    if not known and not await unit.fetch(is_set_up(command.provider or "")):
        problem = Problem("provider", ProviderNotSetUp.message(), ProviderNotSetUp.code())
        raise ProviderNotSetUp(problem, given=command.provider)
    return await editing.change_vendor(
        unit, actor, editing.ChangeVendor(command.vendor_id, command.name, command.provider)
    )
