"""Setting which orders need an approval, and whose. A rule is data: it holds for what is checked out from then on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity.organizations import Organization, organization_query
from chandlery.identity.roles import BUILT_IN
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import ApprovalRuleId, OrganizationId, new_id, parse_id
from chandlery.kernel.money import MAX_MINOR, is_currency
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.ordering._store import approval_rules as store
from chandlery.ordering.approval import ApprovalRule, Approvers, Goods
from chandlery.ordering.errors import ApprovalRuleInvalid

MAX_NAME = 200
MAX_STEPS = 10
MAX_NAMED = 100
MAX_CURRENCIES = 50


@dataclass(frozen=True, slots=True)
class RuleTerms:
    """What a rule says. `target_id` None: its owner and all below."""

    name: str
    steps: tuple[Approvers, ...]
    target_id: OrganizationId | None = None
    above_minor: Mapping[str, int] = field(default_factory=dict)
    goods: tuple[Goods, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True)
class ReplaceApprovalRule:
    rule_id: ApprovalRuleId
    terms: RuleTerms
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveApprovalRule:
    rule_id: ApprovalRuleId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindApprovalRules:
    owner_id: OrganizationId | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def set_rule(unit: Unit, actor: Actor, terms: RuleTerms) -> ApprovalRule:
    """A rule of the actor's own organisation."""
    actor.require(permissions.APPROVAL_RULES_WRITE)
    owner_id = actor.organization_id
    await _check(unit, owner_id, terms)
    rule = ApprovalRule(
        ApprovalRuleId(new_id()),
        owner_id,
        terms.target_id or owner_id,
        terms.name.strip(),
        terms.steps,
        unit.now,
        terms.active,
        terms.above_minor,
        terms.goods,
    )
    unit.write(store.add_rule(rule))
    unit.emit(_event(rule, "set"))
    return rule


async def replace_rule(unit: Unit, actor: Actor, command: ReplaceApprovalRule) -> ApprovalRule:
    """Orders that wait already go on as they were told."""
    actor.require(permissions.APPROVAL_RULES_WRITE)
    rule, terms = await _load(unit, command.rule_id, command.expected_version), command.terms
    await _check(unit, rule.owner_id, terms)
    changed = replace(
        rule,
        name=terms.name.strip(),
        steps=terms.steps,
        target_id=terms.target_id or rule.owner_id,
        above_minor=terms.above_minor,
        goods=terms.goods,
        active=terms.active,
        version=rule.version + 1,
    )
    unit.write(store.save_rule(changed))
    unit.emit(_event(changed, "changed"))
    return changed


async def remove_rule(unit: Unit, actor: Actor, command: RemoveApprovalRule) -> None:
    actor.require(permissions.APPROVAL_RULES_WRITE)
    rule = await _load(unit, command.rule_id, command.expected_version)
    unit.write(store.remove_rule(rule.id))
    unit.emit(_event(rule, "removed"))


async def get_rule(reader: Reader, actor: Actor, rule_id: ApprovalRuleId) -> ApprovalRule:
    actor.require(permissions.APPROVAL_RULES_READ)
    return await reader.fetch(store.rule_query(rule_id))


async def find_rules(reader: Reader, actor: Actor, command: FindApprovalRules) -> Page[ApprovalRule]:
    """Oldest first: those of the actor's organisation and of all below it."""
    actor.require(permissions.APPROVAL_RULES_READ)
    found = await reader.fetch(store.find_rules(command.owner_id, command.page))
    return page_of(found, command.page.limit, lambda rule: (rule.created_at, rule.id))


async def _load(unit: Unit, rule_id: ApprovalRuleId, expected_version: int | None) -> ApprovalRule:
    rule = await unit.fetch(store.rule_for_change(rule_id))
    if expected_version is not None and expected_version != rule.version:
        raise VersionStale(given=str(expected_version), version=str(rule.version))
    return rule


async def _check(unit: Unit, owner_id: OrganizationId, terms: RuleTerms) -> None:
    """Every problem at once; what is named must be there, and be in a place to decide."""
    problems = list(_problems(terms))
    if problems:
        raise ApprovalRuleInvalid(*problems)
    target_id = terms.target_id or owner_id
    named = _named(owner_id, terms)
    owner, target, known = await unit.fetch(
        organization_query(owner_id), organization_query(target_id), store.rule_facts(target_id, named)
    )
    problems += _unknown(terms, owner, target, known)
    if problems:
        raise ApprovalRuleInvalid(*problems)


def _problems(terms: RuleTerms) -> Iterator[Problem]:
    if not (1 <= len(terms.name.strip()) <= MAX_NAME and terms.name.isprintable()):
        yield Problem("name", f"Give a name of 1 to {MAX_NAME} characters.", "text")
    if not 1 <= len(terms.steps) <= MAX_STEPS:
        yield Problem("steps", f"Name the approvers of 1 to {MAX_STEPS} steps.", "out_of_range")
    if len(terms.goods) > MAX_NAMED:
        yield Problem("goods", f"Name at most {MAX_NAMED}; leave it out for everything.", "too_many")
    if len(terms.above_minor) > MAX_CURRENCIES:
        yield Problem("above_minor", f"Name at most {MAX_CURRENCIES} currencies.", "too_many")
    for currency, amount in terms.above_minor.items():
        if not is_currency(currency) or not 0 <= amount < MAX_MINOR:
            message = "Give an amount in minor units for an ISO 4217 currency."
            yield Problem(f"above_minor.{currency[:10]}", message, "amount")
    for index, step in enumerate(terms.steps):
        if len(step.name) > MAX_NAME or not step.name.isprintable():
            yield Problem(f"steps.{index}.name", f"Give at most {MAX_NAME} characters.", "text")
        if len(step.roles) > MAX_NAMED or len(step.user_ids) > MAX_NAMED:
            yield Problem(f"steps.{index}", f"Name at most {MAX_NAMED} roles and people.", "too_many")


def _named(owner_id: OrganizationId, terms: RuleTerms) -> store.Named:
    return store.Named(
        [owner_id, *(step.organization_id for step in terms.steps)],
        [user_id for step in terms.steps for user_id in step.user_ids],
        [role_id for step in terms.steps for role in step.roles if (role_id := parse_id(role))],
        [goods.id for goods in terms.goods],
    )


def _unknown(
    terms: RuleTerms, owner: Organization, target: Organization, known: store.Named
) -> Iterator[Problem]:
    if not owner.contains(target):
        yield Problem("organization_id", "Name the rule's owner or an organisation below it.", "unfit")
    for index, step in enumerate(terms.steps):
        place = f"steps.{index}"
        if step.organization_id not in known.organizations:
            message = "Name an organisation of yours that stands at or above the one whose orders these are."
            yield Problem(f"{place}.organization_id", message, "unfit")
        for role in step.roles:
            if role not in BUILT_IN and parse_id(role) not in known.roles:
                yield Problem(f"{place}.roles", f"There is no role {role[:60]}.", "unknown")
        if missing := _missing(step.user_ids, known.users):
            message = f"Not a member of an organisation that decides: {missing}."
            yield Problem(f"{place}.user_ids", message, "unknown")
    for index, goods in enumerate(terms.goods):
        if goods.id not in known.goods:
            yield Problem(f"goods.{index}.id", f"There is no such {goods.kind} in the catalogue.", "unknown")


def _missing(named: tuple[UUID, ...], known: object) -> str:
    assert isinstance(known, list)
    return ", ".join(str(one) for one in named if one not in known)


def _event(rule: ApprovalRule, past: str) -> Event:
    return Event(f"approval_rule.{past}", rule.id, rule.owner_id, {"name": rule.name})
