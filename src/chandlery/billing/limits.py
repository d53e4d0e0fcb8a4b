"""Setting limits: by whoever sells, for those directly below it; and by anybody for its own spending.

A limit counts the orders that are placed from then on. Its events hold no figures: whoever stands above the issuer
reads them, and must not read what is agreed below.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from chandlery.billing._store import credit as store
from chandlery.billing.errors import CreditLimitInvalid
from chandlery.billing.limit import BEYONDS, PERIODS, Beyond, CreditLimit, Period
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import CreditLimitId, OrganizationId, new_id
from chandlery.kernel.money import MAX_MINOR, is_currency
from chandlery.kernel.page import Page, PageRequest, page_of


@dataclass(frozen=True, slots=True)
class SetLimit:
    """A limit of the actor's organisation for one directly below it, or for itself."""

    recipient_id: OrganizationId
    currency: str
    amount_minor: int
    period: Period = "open"
    beyond: Beyond = "refuse"


@dataclass(frozen=True, slots=True)
class ChangeLimit:
    """What is None stays."""

    limit_id: CreditLimitId
    amount_minor: int | None = None
    beyond: Beyond | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveLimit:
    limit_id: CreditLimitId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindLimits:
    """Those that the actor's organisation has set, or those set for it."""

    side: Literal["issued", "received"] = "issued"
    page: PageRequest = field(default_factory=PageRequest)


async def set_limit(unit: Unit, actor: Actor, command: SetLimit) -> CreditLimit:
    actor.require(permissions.CREDIT_WRITE)
    problems = _problems(command)
    is_recipient = await unit.fetch(store.is_recipient(command.recipient_id))
    if not is_recipient:
        message = "Name an organisation directly below yours, or your own."
        problems.append(Problem("recipient_id", message, "unfit"))
    if problems:
        raise CreditLimitInvalid(*problems)
    limit = CreditLimit(
        CreditLimitId(new_id()),
        actor.organization_id,
        command.recipient_id,
        command.currency,
        command.period,
        command.amount_minor,
        command.beyond,
        unit.now,
    )
    unit.write(store.add_limit(limit))
    unit.emit(_event(limit, "set"))
    return limit


async def change_limit(unit: Unit, actor: Actor, command: ChangeLimit) -> CreditLimit:
    """Orders that this limit holds wait on until they are released or paid."""
    actor.require(permissions.CREDIT_WRITE)
    limit = await _load(unit, command.limit_id, command.expected_version)
    changed = replace(
        limit,
        amount_minor=limit.amount_minor if command.amount_minor is None else command.amount_minor,
        beyond=limit.beyond if command.beyond is None else command.beyond,
        version=limit.version + 1,
    )
    if problems := _problems(changed):
        raise CreditLimitInvalid(*problems)
    unit.write(store.save_limit(changed))
    unit.emit(_event(changed, "changed"))
    return changed


async def remove_limit(unit: Unit, actor: Actor, command: RemoveLimit) -> None:
    actor.require(permissions.CREDIT_WRITE)
    limit = await _load(unit, command.limit_id, command.expected_version)
    unit.write(store.remove_limit(limit.id))
    unit.emit(_event(limit, "removed"))


async def get_limit(reader: Reader, actor: Actor, limit_id: CreditLimitId) -> CreditLimit:
    actor.require(permissions.CREDIT_READ)
    return await reader.fetch(store.limit_query(limit_id))


async def find_limits(reader: Reader, actor: Actor, command: FindLimits) -> Page[CreditLimit]:
    """Oldest first."""
    actor.require(permissions.CREDIT_READ)
    found = await reader.fetch(store.limits(command.side, command.page))
    return page_of(found, command.page.limit, lambda limit: (limit.created_at, limit.id))


async def _load(unit: Unit, limit_id: CreditLimitId, expected_version: int | None) -> CreditLimit:
    limit = await unit.fetch(store.limit_for_change(limit_id))
    if expected_version is not None and expected_version != limit.version:
        raise VersionStale(given=str(expected_version), version=str(limit.version))
    return limit


def _problems(given: SetLimit | CreditLimit) -> list[Problem]:
    problems = []
    if not is_currency(given.currency):
        problems.append(Problem("currency", "Give an ISO 4217 code such as EUR.", "currency"))
    if not 0 <= given.amount_minor < MAX_MINOR:
        problems.append(Problem("amount_minor", f"Give 0 to {MAX_MINOR - 1} minor units.", "amount"))
    if given.period not in PERIODS:
        problems.append(Problem("period", f"One of: {', '.join(PERIODS)}.", "choice"))
    if given.beyond not in BEYONDS:
        problems.append(Problem("beyond", f"One of: {', '.join(BEYONDS)}.", "choice"))
    return problems


def _event(limit: CreditLimit, past: str) -> Event:
    data = {"recipient_id": str(limit.recipient_id)}
    return Event(f"credit_limit.{past}", limit.id, limit.issuer_id, data)
