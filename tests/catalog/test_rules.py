"""Setting price rules, who may read them, and how a figure came about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import psycopg
import pytest

from chandlery.catalog import errors
from chandlery.catalog.explain import Explain, explain
from chandlery.catalog.offer import PlanRef
from chandlery.catalog.price import PriceRule
from chandlery.catalog.rules import EndRule, FindRules, SetRule, end_rule, find_rules, set_rule
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity.permissions import PRICES_READ, PRICES_WRITE
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.ids import new_id
from chandlery.kernel.money import Money
from chandlery.kernel.page import PageRequest, decode_cursor
from tests.builders import Tenant, a_tenant, allowed
from tests.catalog.builders import PlanSpec, a_plan, a_rule
from tests.conftest import NOW

TEN = SetRule("percent", Decimal(10))


def pricing(actor: Actor) -> Actor:
    return allowed(actor, PRICES_READ, PRICES_WRITE)


@pytest.fixture
def trading(tenant: Tenant) -> Tenant:
    return replace(
        tenant,
        operator=pricing(tenant.operator),
        reseller=pricing(tenant.reseller),
        customer=pricing(tenant.customer),
    )


async def read_ids(
    engine: Engine, actor: Actor, side: Literal["issued", "received"] = "issued"
) -> set[object]:
    return {rule.id for rule in (await engine.read(actor, find_rules, FindRules(side))).items}


async def test_a_rule_is_set_in_two_round_trips_and_holds_from_now_on(
    engine: Engine, trading: Tenant, meters: list[Meter]
) -> None:
    rule = (await engine.perform(trading.reseller, set_rule, TEN)).result
    assert meters[-1].round_trips == 2
    assert (rule.issuer_id, rule.effective_from) == (trading.reseller.organization_id, NOW)
    (found,) = (await engine.read(trading.reseller, find_rules, FindRules())).items
    assert found == rule


async def test_a_rule_is_read_by_its_issuer_and_the_recipient_it_names_and_nobody_else(
    engine: Engine, trading: Tenant
) -> None:
    for_one = replace(TEN, recipient_id=trading.customer.organization_id)
    special = (await engine.perform(trading.reseller, set_rule, for_one)).result
    general = (await engine.perform(trading.reseller, set_rule, TEN)).result
    assert await read_ids(engine, trading.reseller) == {special.id, general.id}
    assert await read_ids(engine, trading.customer, "received") == {special.id}
    assert await read_ids(engine, trading.operator) == set()
    assert await read_ids(engine, trading.operator, "received") == set()


async def test_the_events_of_a_rule_tell_those_above_no_figure(
    engine: Engine, trading: Tenant, owner: psycopg.Connection[Any]
) -> None:
    rule = (await engine.perform(trading.reseller, set_rule, TEN)).result
    events = owner.execute("SELECT type, data FROM events WHERE subject_id = %s", (rule.id,)).fetchall()
    assert events == [("price_rule.set", {"target_kind": "all"})]


async def test_every_problem_of_a_rule_is_named(engine: Engine, trading: Tenant) -> None:
    wrong = SetRule("fixed", Decimal("NaN"), currency="XXX", target_kind="plan", min_quantity=0)
    with pytest.raises(errors.RuleInvalid) as refused:
        await engine.perform(trading.reseller, set_rule, wrong)
    assert [problem.field for problem in refused.value.problems] == [
        "value", "currency", "target_id", "min_quantity",
    ]  # fmt: skip
    yesterday = NOW - timedelta(days=1)
    unknown = SetRule(
        "percent",
        Decimal(1),
        recipient_id=trading.operator.organization_id,
        target_kind="plan",
        target_id=new_id(),
        effective_from=yesterday,
        effective_until=yesterday,
    )
    with pytest.raises(errors.RuleInvalid) as refused:
        await engine.perform(trading.reseller, set_rule, unknown)
    assert [problem.field for problem in refused.value.problems] == [
        "recipient_id", "target_id", "effective_from", "effective_until",
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["1e400", "-100.5", "1e-13", "Infinity"])
async def test_a_value_out_of_bounds_is_refused(engine: Engine, trading: Tenant, value: str) -> None:
    with pytest.raises(errors.RuleInvalid):
        await engine.perform(trading.reseller, set_rule, SetRule("percent", Decimal(value)))


async def test_two_rules_for_the_same_question_at_the_same_time_are_refused(
    engine: Engine, trading: Tenant
) -> None:
    first = (await engine.perform(trading.reseller, set_rule, TEN)).result
    with pytest.raises(errors.RulesOverlap):
        await engine.perform(trading.reseller, set_rule, replace(TEN, value=Decimal(12)))
    next_year = NOW + timedelta(days=60)
    ended = (await engine.perform(trading.reseller, end_rule, EndRule(first.id, next_year))).result
    assert (ended.effective_until, ended.version) == (next_year, 2)
    await engine.perform(trading.reseller, set_rule, replace(TEN, effective_from=next_year))
    await engine.perform(trading.reseller, set_rule, replace(TEN, min_quantity=10))


async def test_a_rule_that_has_not_begun_can_be_withdrawn(engine: Engine, trading: Tenant) -> None:
    coming = replace(TEN, effective_from=NOW + timedelta(days=60))
    rule = (await engine.perform(trading.reseller, set_rule, coming)).result
    await engine.perform(trading.reseller, end_rule, EndRule(rule.id))
    await engine.perform(trading.reseller, set_rule, coming)
    with pytest.raises(errors.RuleAlreadyEnded):
        await engine.perform(trading.reseller, end_rule, EndRule(rule.id, NOW - timedelta(days=1)))


async def test_only_the_issuer_ends_a_rule(
    engine: Engine, trading: Tenant, owner: psycopg.Connection[Any]
) -> None:
    for_one = replace(TEN, recipient_id=trading.customer.organization_id)
    rule = (await engine.perform(trading.reseller, set_rule, for_one)).result
    for stranger in (trading.customer, trading.operator, pricing(a_tenant(owner).operator)):
        with pytest.raises(errors.RuleUnknown):
            await engine.perform(stranger, end_rule, EndRule(rule.id))
    with pytest.raises(PermissionMissing):
        await engine.perform(allowed(trading.reseller, PRICES_READ), end_rule, EndRule(rule.id))


async def test_rules_come_in_pages(engine: Engine, trading: Tenant) -> None:
    made: list[PriceRule] = []
    for tier in range(1, 6):
        made.append(
            (await engine.perform(trading.reseller, set_rule, replace(TEN, min_quantity=tier))).result
        )
    seen: list[object] = []
    request = PageRequest(2)
    while True:
        page = await engine.read(trading.reseller, find_rules, FindRules(page=request))
        seen += [rule.id for rule in page.items]
        if page.next_cursor is None:
            break
        request = PageRequest(2, decode_cursor(page.next_cursor))
    assert seen == sorted(rule.id for rule in made)


async def test_each_party_is_told_its_own_steps_and_how_they_came_about(
    engine: Engine, trading: Tenant, owner: psycopg.Connection[Any], meters: list[Meter]
) -> None:
    plan_id = a_plan(owner, trading, PlanSpec(cost="57.60", retail="72.00", periods=12))
    operator, reseller, customer = (
        actor.organization_id for actor in (trading.operator, trading.reseller, trading.customer)
    )
    a_rule(owner, trading, operator, "10")
    a_rule(owner, trading, reseller, "25", customer)

    async def told(actor: Actor) -> list[tuple[object, ...]]:
        command = Explain(PlanRef(plan_id), "USD", customer, 10)
        steps = (await engine.read(actor, explain, command)).steps
        return [(step.side, step.rate, step.amount, step.because) for step in steps]

    assert await told(trading.operator) == [
        ("buy", Decimal("4.8"), Money(4800, "USD"), "the vendor's list price of 57.6 for 12 billing periods"),
        (
            "sell",
            Decimal("5.28"),
            Money(5280, "USD"),
            "your price rule 10 % on the buy rate, where you pay 4.8",
        ),
    ]
    assert meters[-1].round_trips == 1
    assert await told(trading.reseller) == [
        ("buy", Decimal("5.28"), Money(5280, "USD"), "your seller's price"),
        (
            "sell",
            Decimal("6.6"),
            Money(6600, "USD"),
            "your price rule 25 % on the buy rate, where you pay 5.28",
        ),
    ]
    assert await told(trading.customer) == [
        ("buy", Decimal("6.6"), Money(6600, "USD"), "your seller's price rule for you: 25 % on the buy rate"),
    ]
    with pytest.raises(errors.CustomerUnknown):
        await engine.read(trading.customer, explain, Explain(PlanRef(plan_id), "USD", reseller))


async def test_two_sellers_who_set_the_same_rule_at_once_do_not_both_succeed(
    engine: Engine, trading: Tenant
) -> None:
    import asyncio

    outcomes = await asyncio.gather(
        *(engine.perform(trading.reseller, set_rule, TEN) for _ in range(5)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Outcome"] + ["RulesOverlap"] * 4
