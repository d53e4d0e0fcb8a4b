"""What can be done with tax rules: set one, end one, see them; and say by which class a product is taxed.

A rule never changes: what was reckoned by it stays explicable. A new rate is a new rule from its first day on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from chandlery.billing._store import tax_rules as store
from chandlery.billing.charges import class_problems, is_percentage
from chandlery.billing.errors import TaxRuleEnded, TaxRulesOverlap, TaxRuleUnfit
from chandlery.billing.tax import Buyer, Kind, TaxRule
from chandlery.billing.terms import ASSESSMENT
from chandlery.catalog.errors import ProductUnknown
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity.features import come_to_use
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FOREVER
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, ProductId, TaxRuleId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.kernel.text import is_one_line
from chandlery.parties.countries import is_country

MAX_NOTE = 300
MAX_REGION = 50


@dataclass(frozen=True, slots=True)
class SetTaxRule:
    """A rule of the actor's organisation for what it sells; from now on unless it begins later."""

    kind: Kind
    rate: Decimal = Decimal(0)
    country: str = ""
    region: str = ""
    product_class: str = ""
    buyer: Buyer = "any"
    note: str = ""
    effective_from: datetime | None = None
    effective_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndTaxRule:
    """End a rule at a time, None for now."""

    rule_id: TaxRuleId
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClassifyProduct:
    """An empty class takes the product out of the one it was in."""

    product_id: ProductId
    product_class: str


@dataclass(frozen=True, slots=True)
class FindTaxRules:
    """Those of the actor's organisation, oldest first."""

    page: PageRequest = field(default_factory=PageRequest)


async def set_tax_rule(unit: Unit, actor: Actor, command: SetTaxRule) -> TaxRule:
    actor.require(permissions.TAXES_WRITE)
    problems = _problems(command)
    if problems:
        raise TaxRuleUnfit(*problems)
    rule = TaxRule(
        TaxRuleId(new_id()), command.kind, command.rate, command.effective_from or FOREVER,
        command.effective_until or FOREVER, command.country, command.region, command.product_class,
        command.buyer, command.note,
    )  # fmt: skip
    _, other = await unit.fetch(store.lock_rules(), store.overlapping(rule, command.effective_from))
    if command.effective_from is None:
        rule = replace(rule, effective_from=unit.now)
    if rule.effective_from < unit.now:
        problems.append(Problem("effective_from", "Let it begin now or later.", "past"))
    if rule.effective_until <= rule.effective_from:
        problems.append(Problem("effective_until", "Let it end after it begins.", "order"))
    if problems:
        raise TaxRuleUnfit(*problems)
    if other is not None:
        raise TaxRulesOverlap(given=str(other))
    unit.write(store.save(rule))
    come_to_use(unit, ASSESSMENT)
    unit.emit(Event("tax_rule.set", rule.id, actor.organization_id, {"kind": rule.kind}))
    return rule


async def end_tax_rule(unit: Unit, actor: Actor, command: EndTaxRule) -> TaxRule:
    actor.require(permissions.TAXES_WRITE)
    rule = await unit.fetch(store.for_update(command.rule_id))
    ends = unit.now if command.at is None else command.at
    until = max(ends, rule.effective_from)  # one that has not begun by then never holds
    if ends < unit.now or rule.effective_until <= until:
        raise TaxRuleEnded
    ended = replace(rule, effective_until=until, version=rule.version + 1)
    unit.write(store.end(ended))
    unit.emit(Event("tax_rule.ended", rule.id, actor.organization_id))
    return ended


async def find_tax_rules(reader: Reader, actor: Actor, command: FindTaxRules) -> Page[TaxRule]:
    actor.require(permissions.TAXES_READ)
    found = await reader.fetch(store.find(command.page))
    return page_of(found, command.page.limit, lambda one: (one[0], one[1].id)).map(lambda one: one[1])


async def classify_product(unit: Unit, actor: Actor, command: ClassifyProduct) -> ClassifyProduct:
    """The catalogue is the whole tenant's, and so is the class of a product."""
    actor.require(permissions.CATALOG_WRITE)
    problems = class_problems(command.product_class)
    if problems:
        raise TaxRuleUnfit(*problems)
    await unit.fetch(store.product(command.product_id, ProductUnknown))
    if command.product_class:
        unit.write(store.classify(command.product_id, command.product_class))
    else:
        unit.write(store.declassify(command.product_id))
    owner = OrganizationId(actor.tenant_id)
    unit.emit(Event("product.tax_class_set", command.product_id, owner, {"tax_class": command.product_class}))
    return command


def _problems(command: SetTaxRule) -> list[Problem]:
    problems = class_problems(command.product_class)
    if command.country and not is_country(command.country):
        message = "Give the country as two capital letters (ISO 3166-1), such as DE."
        problems.append(Problem("country", message, "country"))
    if command.region and (not command.country or not is_one_line(command.region)):
        problems.append(Problem("region", "A region is part of a country: give both.", "region"))
    if len(command.region) > MAX_REGION:
        problems.append(Problem("region", f"Give at most {MAX_REGION} characters.", "text"))
    if command.kind == "rate" and not is_percentage(command.rate):
        problems.append(Problem("rate", "Give a rate in percent, above 0 and up to 100.", "out_of_range"))
    if command.kind != "rate" and command.rate != 0:
        problems.append(
            Problem("rate", f"A rule of the kind {command.kind} has no rate; leave it out.", "none")
        )
    if command.kind in ("exempt", "reverse_charge") and not command.note.strip():
        problems.append(Problem("note", "Say why no tax is charged; it is printed on invoices.", "required"))
    if len(command.note) > MAX_NOTE or not is_one_line(command.note):
        problems.append(Problem("note", f"Give at most {MAX_NOTE} characters, on one line.", "text"))
    return problems
