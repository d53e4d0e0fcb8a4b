"""What can be done with payment methods: keep one, remove it, see them."""

from __future__ import annotations

from dataclasses import dataclass, field

from chandlery.billing._store import payments as store
from chandlery.billing.payment_method import MethodKind, PaymentMethod
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, PaymentMethodId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

__all__ = [
    "AddMethod",
    "FindMethods",
    "PaymentMethod",
    "RemoveMethod",
    "add_method",
    "find_methods",
    "remove_method",
]


@dataclass(frozen=True, slots=True)
class AddMethod:
    """`processor` names one that is set up: the caller has looked. `token` is that processor's."""

    owner_id: OrganizationId
    processor: str
    kind: MethodKind
    label: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RemoveMethod:
    """No new payment is made with it; those under way go on."""

    method_id: PaymentMethodId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindMethods:
    """Those of one organisation, oldest first."""

    owner_id: OrganizationId
    page: PageRequest = field(default_factory=PageRequest)


async def add_method(unit: Unit, actor: Actor, command: AddMethod) -> PaymentMethod:
    actor.require(permissions.PAYMENTS_WRITE)
    await unit.fetch(store.owner(command.owner_id))
    new = PaymentMethod(
        PaymentMethodId(new_id()), command.owner_id, command.processor, command.kind, command.label, command.token,
        unit.now,
    ).checked()  # fmt: skip
    unit.write(store.add_method(new))
    unit.emit(_event("payment_method.added", new))
    return new


async def remove_method(unit: Unit, actor: Actor, command: RemoveMethod) -> None:
    actor.require(permissions.PAYMENTS_WRITE)
    found = await unit.fetch(store.method_for_update(command.method_id))
    if command.expected_version is not None and command.expected_version != found.version:
        raise VersionStale
    unit.write(store.remove_method(found.id))
    unit.emit(_event("payment_method.removed", found))


async def find_methods(reader: Reader, actor: Actor, command: FindMethods) -> Page[PaymentMethod]:
    actor.require(permissions.PAYMENTS_READ)
    _, found = await reader.fetch(
        store.owner(command.owner_id), store.methods(command.owner_id, command.page)
    )
    return page_of(found, command.page.limit, lambda one: (one.created_at, one.id))


def _event(name: str, method: PaymentMethod) -> Event:
    return Event(name, method.id, method.owner_id, {"kind": method.kind, "processor": method.processor})
