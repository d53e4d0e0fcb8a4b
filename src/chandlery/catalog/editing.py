"""Changing the catalogue by hand: characteristics, add-ons, and taking a plan off sale. The operator's business."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chandlery.catalog import _store
from chandlery.catalog.errors import AddonInvalid, CharacteristicInvalid, NotTheOperator, VendorInvalid
from chandlery.catalog.listing import Vendor
from chandlery.catalog.plan import Characteristic, CharacteristicKind, Plan
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, PlanId, ProductId, VendorId
from chandlery.kernel.text import is_one_line

MAX_ALLOWED = 500


@dataclass(frozen=True, slots=True)
class DefineCharacteristic:
    """For all plans of a product, or (`plan_id`) for one of them, where it then takes the other's place."""

    product_id: ProductId
    name: str
    label: str
    kind: CharacteristicKind = "text"
    required: bool = False
    allowed: tuple[str, ...] = ()
    plan_id: PlanId | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class DropCharacteristic:
    product_id: ProductId
    name: str
    plan_id: PlanId | None = None


@dataclass(frozen=True, slots=True)
class Addon:
    """`plan_id` can be bought only with `base_plan_id`, or with another of its bases."""

    plan_id: PlanId
    base_plan_id: PlanId


@dataclass(frozen=True, slots=True)
class RetirePlan:
    plan_id: PlanId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeVendor:
    """What is None stays as it is. Whether there is such a provider, the catalogue cannot know."""

    vendor_id: VendorId
    name: str | None = None
    provider: str | None = None


def require_operator(actor: Actor) -> None:
    """Refuse everybody who does not act for the organisation at the root of the tree."""
    if actor.organization_id != actor.tenant_id:
        raise NotTheOperator


async def define_characteristic(unit: Unit, actor: Actor, command: DefineCharacteristic) -> Characteristic:
    """Define a characteristic, or redefine the one of that name."""
    actor.require(permissions.CATALOG_WRITE)
    require_operator(actor)
    problems = _characteristic_problems(command)
    if problems:
        raise CharacteristicInvalid(*problems)
    await unit.fetch(_store.characteristic_place(command.product_id, command.plan_id))
    defined = Characteristic(command.name, command.label, command.kind, command.required, command.allowed)
    unit.write(_store.save_characteristic(command.product_id, command.plan_id, defined, command.position))
    data = {"name": command.name, "plan_id": str(command.plan_id) if command.plan_id else None}
    unit.emit(Event("product.characteristic_defined", command.product_id, _owner(actor), data))
    return defined


async def drop_characteristic(unit: Unit, actor: Actor, command: DropCharacteristic) -> None:
    actor.require(permissions.CATALOG_WRITE)
    require_operator(actor)
    await unit.fetch(_store.drop_characteristic(command.product_id, command.plan_id, command.name))
    data = {"name": command.name, "plan_id": str(command.plan_id) if command.plan_id else None}
    unit.emit(Event("product.characteristic_dropped", command.product_id, _owner(actor), data))


async def attach_addon(unit: Unit, actor: Actor, command: Addon) -> Plan:
    """Say that a plan is an add-on of another; a plan may have several bases, of which one is needed."""
    actor.require(permissions.CATALOG_WRITE)
    require_operator(actor)
    plan, base = await unit.fetch(_store.plan(command.plan_id), _store.plan(command.base_plan_id))
    if plan.id == base.id or base.addon_of:
        message = "Name a plan that is no add-on, and not the plan itself."
        raise AddonInvalid(Problem("base_plan_id", message))
    unit.write(_store.attach_addon(plan.id, base.id))
    unit.emit(Event("plan.addon_attached", plan.id, _owner(actor), {"base_plan_id": str(base.id)}))
    return plan


async def detach_addon(unit: Unit, actor: Actor, command: Addon) -> Plan:
    actor.require(permissions.CATALOG_WRITE)
    require_operator(actor)
    plan = await unit.fetch(_store.plan(command.plan_id))
    unit.write(_store.detach_addon(command.plan_id, command.base_plan_id))
    data = {"base_plan_id": str(command.base_plan_id)}
    unit.emit(Event("plan.addon_detached", plan.id, _owner(actor), data))
    return plan


async def change_vendor(unit: Unit, actor: Actor, command: ChangeVendor) -> Vendor:
    """Rename a vendor, or have another provider fulfil what is ordered of it from now on."""
    actor.require(permissions.CATALOG_WRITE)
    require_operator(actor)
    if command.name is not None and not (1 <= len(command.name.strip()) <= 200 and is_one_line(command.name)):
        raise VendorInvalid(Problem("name", "Give a name of 1 to 200 characters, on one line."))
    before = await unit.fetch(_store.vendor_for_update(command.vendor_id))
    after = replace(
        before,
        name=before.name if command.name is None else command.name.strip(),
        provider=before.provider if command.provider is None else command.provider,
    )
    if after != before:
        unit.write(_store.save_vendor(after))
        data = {"name": after.name, "provider": after.provider}
        unit.emit(Event("vendor.changed", after.id, _owner(actor), data))
    return after


async def retire_plan(unit: Unit, actor: Actor, command: RetirePlan) -> PlanId:
    """Take a plan off sale: it cannot be ordered any more; what was bought of it goes on."""
    actor.require(permissions.CATALOG_WRITE)
    require_operator(actor)
    status, version = await unit.fetch(_store.plan_status_for_update(command.plan_id))
    if command.expected_version not in (None, version):
        raise VersionStale
    if status == "active":
        unit.write(_store.retire_plan(command.plan_id))
        unit.emit(Event("plan.retired", command.plan_id, _owner(actor)))
    return command.plan_id


def _characteristic_problems(command: DefineCharacteristic) -> list[Problem]:
    problems = []
    if not 1 <= len(command.name.strip()) <= 100:
        problems.append(Problem("name", "Give a name of 1 to 100 characters."))
    if not 1 <= len(command.label.strip()) <= 200:
        problems.append(Problem("label", "Give a label of 1 to 200 characters."))
    if command.kind == "choice" and not command.allowed:
        problems.append(Problem("allowed", "A choice needs the values that are allowed."))
    if command.kind in ("boolean", "number") and command.allowed:
        problems.append(Problem("allowed", f"A {command.kind} takes no list of values; leave it out."))
    if len(command.allowed) > MAX_ALLOWED or len(set(command.allowed)) < len(command.allowed):
        problems.append(Problem("allowed", f"Give at most {MAX_ALLOWED} values, each once."))
    if any(not 1 <= len(value) <= 200 for value in command.allowed):
        problems.append(Problem("allowed", "Give values of 1 to 200 characters."))
    return problems


def _owner(actor: Actor) -> OrganizationId:
    return OrganizationId(actor.tenant_id)
