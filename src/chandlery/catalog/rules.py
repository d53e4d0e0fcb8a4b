"""Price rules: what an organisation asks of those directly below it.

A rule is between its issuer and its recipient. Its events therefore hold no figures: whoever is above the issuer reads
its events, and must not read its mark-up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from chandlery.catalog import _store
from chandlery.catalog.errors import RuleAlreadyEnded, RuleInvalid, RulesOverlap
from chandlery.catalog.plan import MAX_QUANTITY
from chandlery.catalog.price import PriceRule, RuleKind, TargetKind
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FOREVER
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, PriceRuleId, new_id
from chandlery.kernel.money import is_currency
from chandlery.kernel.page import Page, PageRequest, page_of

MAX_VALUE = Decimal(10) ** 9
MAX_DECIMALS = 12
_LOWEST = {
    "percent": Decimal(-100),
    "fixed": -MAX_VALUE,
    "override": Decimal(0),
    "list_percent": Decimal(0),
}


@dataclass(frozen=True, slots=True)
class SetRule:
    """A rule of the actor's organisation for one recipient directly below it, or (None) for all of them."""

    kind: RuleKind
    value: Decimal
    recipient_id: OrganizationId | None = None
    target_kind: TargetKind = "all"
    target_id: UUID | None = None
    currency: str | None = None
    min_quantity: int = 1
    effective_from: datetime | None = None
    effective_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndRule:
    """End a rule at a time, None for now. One that has not begun by then never holds."""

    rule_id: PriceRuleId
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FindRules:
    """Rules that the actor's organisation has issued, or those of others that name it."""

    side: Literal["issued", "received"] = "issued"
    page: PageRequest = field(default_factory=PageRequest)


async def set_rule(unit: Unit, actor: Actor, command: SetRule) -> PriceRule:
    actor.require(permissions.PRICES_WRITE)
    problems = _problems(command)
    if problems:
        raise RuleInvalid(*problems)
    rule = PriceRule(
        PriceRuleId(new_id()),
        actor.organization_id,
        command.recipient_id,
        command.target_kind,
        command.target_id,
        command.kind,
        command.value,
        command.currency,
        command.min_quantity,
        command.effective_from or FOREVER,
        command.effective_until or FOREVER,
    )
    _, facts = await unit.fetch(_store.lock_rules(), _store.rule_facts(rule, command.effective_from))
    recipient_known, target_known, overlapping = facts
    if command.effective_from is None:
        rule = replace(rule, effective_from=unit.now)
    if not recipient_known:
        problems.append(Problem("recipient_id", "Name an organisation directly below yours."))
    if not target_known:
        problems.append(Problem("target_id", f"There is no such {command.target_kind} in the catalogue."))
    if rule.effective_from < unit.now:
        problems.append(
            Problem("effective_from", "Let it begin now or later; prices are not changed afterwards.")
        )
    if rule.effective_until <= rule.effective_from:
        problems.append(Problem("effective_until", "Let it end after it begins."))
    if problems:
        raise RuleInvalid(*problems)
    if overlapping is not None:
        raise RulesOverlap(given=str(overlapping))
    unit.write(_store.save_rule(rule))
    unit.emit(Event("price_rule.set", rule.id, actor.organization_id, {"target_kind": rule.target_kind}))
    return rule


async def end_rule(unit: Unit, actor: Actor, command: EndRule) -> PriceRule:
    actor.require(permissions.PRICES_WRITE)
    rule = await unit.fetch(_store.rule_for_update(command.rule_id))
    ends = unit.now if command.at is None else command.at
    if ends < unit.now or rule.effective_until <= ends:
        raise RuleAlreadyEnded
    ended = replace(rule, effective_until=max(ends, rule.effective_from), version=rule.version + 1)
    unit.write(_store.end_rule(ended))
    unit.emit(Event("price_rule.ended", rule.id, actor.organization_id))
    return ended


async def find_rules(reader: Reader, actor: Actor, command: FindRules) -> Page[PriceRule]:
    """Oldest first. What an organisation pays by a rule for everybody below its seller is not among `received`."""
    actor.require(permissions.PRICES_READ)
    found = await reader.fetch(_store.rules(command.side, command.page))
    return page_of(found, command.page.limit, lambda one: (one[0], one[1].id)).map(lambda one: one[1])


def _problems(command: SetRule) -> list[Problem]:
    problems = []
    if not _fits(command.kind, command.value):
        lowest = _LOWEST[command.kind]
        message = f"Give a number from {lowest} to {MAX_VALUE}, with at most {MAX_DECIMALS} decimals."
        problems.append(Problem("value", message))
    if command.kind in ("fixed", "override"):
        if command.currency is None or not is_currency(command.currency):
            problems.append(Problem("currency", f"A {command.kind} rule needs the currency of its value."))
    elif command.currency is not None:
        problems.append(Problem("currency", "A percentage holds for every currency; leave it out."))
    if (command.target_kind == "all") != (command.target_id is None):
        problems.append(Problem("target_id", "Name what the rule is for, and nothing when it is for all."))
    if not 1 <= command.min_quantity <= MAX_QUANTITY:
        problems.append(Problem("min_quantity", f"Give a quantity from 1 to {MAX_QUANTITY}."))
    return problems


def _fits(kind: RuleKind, value: Decimal) -> bool:
    if not value.is_finite() or not _LOWEST[kind] <= value <= MAX_VALUE:
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_DECIMALS
