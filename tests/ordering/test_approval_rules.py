from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine
from chandlery.identity.errors import OrganizationUnknown
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import OrganizationId, UserId, new_id
from chandlery.ordering.approval import Approvers, Goods
from chandlery.ordering.approval_rules import (
    FindApprovalRules,
    RemoveApprovalRule,
    ReplaceApprovalRule,
    RuleTerms,
    find_rules,
    get_rule,
    remove_rule,
    replace_rule,
    set_rule,
)
from chandlery.ordering.checkout import Submit, submit
from chandlery.ordering.drafts import LineRequest
from chandlery.ordering.errors import ApprovalRuleInvalid, ApprovalRuleUnknown
from tests.catalog.builders import PlanSpec, a_plan
from tests.ordering.builders import Shop, a_draft, an_organization, may, some
from tests.ordering.terms import a_person, a_rule_of, a_ruled_shop

Owner = psycopg.Connection[Any]


async def preview(engine: Engine, shop: Shop, *lines: LineRequest, **header: Any) -> str:
    """What checking out such an order would lead to."""
    draft = await a_draft(engine, shop, *lines, **header)
    return (await engine.perform(shop.reseller, submit, Submit(draft.id), dry_run=True)).result.status


def catalogue_id(owner: Owner, shop: Shop, table: str, code: str) -> UUID:
    sql = f"SELECT id FROM {table} WHERE tenant_id = %s AND code = %s"
    found = owner.execute(sql.encode(), (shop.tenant.id, code)).fetchone()
    assert found is not None
    return UUID(str(found[0]))


async def test_an_order_above_the_amount_needs_an_approval_and_one_of_the_amount_does_not(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    # The reseller charges 13.20 for a suite-basic: 66.00 for five.
    await a_rule_of(engine, shop.reseller, above_minor={"USD": 6600})
    assert await preview(engine, shop, some("suite-basic", 5)) == "submitted"
    assert await preview(engine, shop, some("suite-basic", 6)) == "awaiting_approval"


async def test_the_amount_is_that_of_the_rule_s_owner(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    # What costs the customer 66.00 brings the operator 44.00.
    await a_rule_of(engine, shop.operator, above_minor={"USD": 4400})
    assert await preview(engine, shop, some("suite-basic", 5)) == "submitted"
    assert await preview(engine, shop, some("suite-basic", 6)) == "awaiting_approval"


async def test_an_amount_is_of_its_currency_and_a_currency_without_one_always_needs_an_approval(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    for currency in ("EUR", "JPY"):
        a_plan(owner, shop.tenant, PlanSpec(currency=currency))
    await a_rule_of(engine, shop.reseller, above_minor={"USD": 0, "EUR": 6600})
    assert await preview(engine, shop, some()) == "awaiting_approval"
    assert await preview(engine, shop, some("suite-basic", 5), currency="EUR") == "submitted"
    assert await preview(engine, shop, some(), currency="JPY") == "awaiting_approval"


@pytest.mark.parametrize(
    ("kind", "table", "code"),
    [
        ("vendor", "vendors", "freight"),
        ("product", "products", "hardware"),
        ("sku", "skus", "dock"),
        ("plan", "plans", "dock::one_time"),
    ],
)
async def test_a_rule_is_about_certain_goods(
    engine: Engine, owner: Owner, kind: Any, table: str, code: str
) -> None:
    shop = a_ruled_shop(owner)
    goods = Goods(kind, catalogue_id(owner, shop, table, code))
    await a_rule_of(engine, shop.reseller, goods=(goods,))
    assert await preview(engine, shop, some("suite-basic", 900)) == "submitted"
    assert await preview(engine, shop, some("suite-basic"), some("dock")) == "awaiting_approval"


async def test_only_the_lines_concerned_count_towards_the_amount(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    goods = Goods("sku", catalogue_id(owner, shop, "skus", "dock"))
    await a_rule_of(engine, shop.reseller, goods=(goods,), above_minor={"USD": 18480})
    assert await preview(engine, shop, some("suite-basic", 900), some("dock", 1)) == "submitted"
    assert await preview(engine, shop, some("dock", 2)) == "awaiting_approval"


async def test_a_rule_holds_for_the_organisation_it_concerns_and_all_below(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    other = an_organization(owner, shop.reseller)
    await a_rule_of(engine, shop.operator, target_id=shop.reseller.organization_id)
    assert await preview(engine, shop, some()) == "awaiting_approval"
    shop = a_ruled_shop(owner)
    other = an_organization(owner, shop.reseller)
    await a_rule_of(engine, shop.reseller, target_id=other.organization_id)
    assert await preview(engine, shop, some()) == "submitted"
    assert await preview(engine, replace(shop, customer=other), some()) == "awaiting_approval"


async def test_a_rule_that_sleeps_or_is_gone_wants_nothing(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    rule = await a_rule_of(engine, shop.reseller)
    asleep = ReplaceApprovalRule(rule.id, RuleTerms("Asleep", rule.steps, active=False), expected_version=1)
    changed = (await engine.perform(shop.reseller, replace_rule, asleep)).result
    assert (changed.name, changed.version) == ("Asleep", 2)
    assert await preview(engine, shop, some()) == "submitted"
    with pytest.raises(VersionStale):
        await engine.perform(shop.reseller, replace_rule, asleep)
    await engine.perform(shop.reseller, remove_rule, RemoveApprovalRule(rule.id, 2))
    assert list((await engine.read(shop.reseller, find_rules, FindApprovalRules())).items) == []


async def test_a_rule_is_read_by_its_owner_and_above_and_changed_by_its_owner(
    engine: Engine, owner: Owner
) -> None:
    shop, other = a_ruled_shop(owner), a_ruled_shop(owner)
    rule = await a_rule_of(engine, shop.reseller)
    for reader in (shop.operator, shop.reseller):
        assert await engine.read(reader, get_rule, rule.id) == rule
        assert list((await engine.read(reader, find_rules, FindApprovalRules())).items) == [rule]
    for stranger in (shop.customer, other.operator):
        with pytest.raises(ApprovalRuleUnknown):
            await engine.read(stranger, get_rule, rule.id)
    with pytest.raises(ApprovalRuleUnknown):
        await engine.perform(shop.operator, remove_rule, RemoveApprovalRule(rule.id))
    with pytest.raises(PermissionMissing):
        await a_rule_of(engine, may(shop.reseller, "orders:approve"))
    with pytest.raises(OrganizationUnknown):
        await a_rule_of(engine, shop.reseller, target_id=other.reseller.organization_id)


async def test_every_problem_of_a_rule_is_named_at_once(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    me = shop.reseller.organization_id
    terms = RuleTerms("", (), above_minor={"USD": -1, "dollars": 5})
    with pytest.raises(ApprovalRuleInvalid) as refused:
        await engine.perform(shop.reseller, set_rule, terms)
    assert [problem.field for problem in refused.value.problems] == [
        "name",
        "steps",
        "above_minor.USD",
        "above_minor.dollars",
    ]
    person = a_person(owner, shop.reseller)
    assert person.user_id is not None
    below = Approvers(shop.customer.organization_id, user_ids=(person.user_id,))
    unknown = Approvers(me, roles=("approver", "boss", str(new_id())), user_ids=(UserId(new_id()),))
    stranger = Approvers(OrganizationId(new_id()))
    goods = (Goods("plan", new_id()), Goods("plan", shop.plans["dock"]))
    with pytest.raises(ApprovalRuleInvalid) as refused:
        await a_rule_of(engine, shop.reseller, below, unknown, stranger, goods=goods)
    assert [problem.field for problem in refused.value.problems] == [
        "steps.0.organization_id",
        "steps.1.roles",
        "steps.1.roles",
        "steps.1.user_ids",
        "steps.2.organization_id",
        "goods.0.id",
    ]
