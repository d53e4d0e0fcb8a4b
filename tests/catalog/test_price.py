"""One step of the waterfall, and a whole quote: pure, exact, in any order of the rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.catalog.errors import QuantityNotPriced
from chandlery.catalog.explain import explained
from chandlery.catalog.offer import Offer
from chandlery.catalog.plan import Characteristic, Plan
from chandlery.catalog.price import ListPrice, Price, PriceRule, RuleKind, TargetKind
from chandlery.kernel.ids import OrganizationId, PlanId, PriceRuleId, ProductId, SkuId, VendorId
from chandlery.kernel.money import Money

AT = datetime(2026, 11, 20, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
OPERATOR, RESELLER, DEALER, CUSTOMER = (OrganizationId(UUID(int=n)) for n in range(1, 5))
CHAIN = (OPERATOR, RESELLER, DEALER, CUSTOMER)
PLAN = Plan(
    id=PlanId(UUID(int=10)), code="s:P1Y:monthly", sku_id=SkuId(UUID(int=11)), sku_code="s",
    product_id=ProductId(UUID(int=12)), product_code="p", product_name="P", vendor_id=VendorId(UUID(int=13)),
    vendor_code="v", provider="sandbox", name="S", unit="user", term="P1Y", billing_cycle="monthly", charge="recurring",
)  # fmt: skip
TARGETS: dict[TargetKind, UUID | None] = {
    "all": None, "vendor": PLAN.vendor_id, "product": PLAN.product_id, "sku": PLAN.sku_id, "plan": PLAN.id,
}  # fmt: skip


def a_rule(
    number: int,
    value: str = "10",
    kind: RuleKind = "percent",
    issuer: OrganizationId = OPERATOR,
    recipient: OrganizationId | None = None,
    target: TargetKind = "all",
    tier: int = 1,
    since: datetime = SINCE,
) -> PriceRule:
    currency = "USD" if kind in ("fixed", "override") else None
    return PriceRule(
        PriceRuleId(UUID(int=number)), issuer, recipient, target, TARGETS[target], kind, Decimal(value), currency,
        tier, since,
    )  # fmt: skip


def an_offer(
    *rules: PriceRule,
    cost: str = "8.00",
    retail: str = "10.00",
    periods: int = 1,
    chain: tuple[OrganizationId, ...] = (OPERATOR, RESELLER),
    plan: Plan = PLAN,
) -> Offer:
    listed = ListPrice(plan.id, "", 1, None, Decimal(cost), Decimal(retail), periods)
    return Offer(plan, "USD", AT, chain, (listed,), rules)


@pytest.mark.parametrize(
    ("kind", "value", "rate"),
    [
        ("percent", "12.5", "9"),
        ("percent", "-25", "6"),
        ("percent", "-100", "0"),
        ("fixed", "0.75", "8.75"),
        ("fixed", "-9", "0"),
        ("override", "7.77", "7.77"),
        ("list_percent", "95", "9.5"),
    ],
)
def test_each_kind_of_rule(kind: RuleKind, value: str, rate: str) -> None:
    assert an_offer(a_rule(1, value, kind)).quote(1).charged.rate == Decimal(rate)


@pytest.mark.parametrize(
    ("kind", "value", "rate"),
    [
        ("percent", "10", "5.28"),
        ("fixed", "0.20", "5"),
        ("override", "6", "6"),
        ("list_percent", "90", "5.4"),
    ],
)
def test_a_rule_speaks_of_one_period_when_the_price_is_for_twelve(
    kind: RuleKind, value: str, rate: str
) -> None:
    offer = an_offer(a_rule(1, value, kind), cost="57.60", retail="72.00", periods=12)
    charged = offer.quote(10).charged
    assert (charged.rate, charged.amount.minor) == (Decimal(rate), int(Decimal(rate) * 1000))


def test_no_rule_passes_the_buy_rate_on() -> None:
    quote = an_offer(chain=CHAIN).quote(2)
    assert [step.amount for step in quote.steps] == [Money(1600, "USD")] * 4
    assert [step.basis for step in quote.steps] == ["vendor", "unchanged", "unchanged", "unchanged"]


def test_a_metered_plan_owes_nothing_until_it_is_used() -> None:
    from dataclasses import replace

    metered = replace(PLAN, charge="metered", billing_cycle="usage")
    charged = an_offer(cost="0.018", plan=metered).quote(5).charged
    assert (charged.rate, charged.amount) == (Decimal("0.018"), Money(0, "USD"))


def test_a_year_that_cannot_be_divided_keeps_its_half_cents() -> None:
    price = Price(Decimal("0.01"), 12)
    assert price.owed_for(6, "USD") == Money(1, "USD")
    assert price.owed_for(5, "USD") == Money(0, "USD")
    assert price.rate == Decimal("0.000833333333333333")


def test_the_more_specific_rule_holds() -> None:
    by_rank = [
        a_rule(1),
        a_rule(2, since=SINCE + timedelta(days=1)),
        a_rule(3, tier=5),
        a_rule(4, target="vendor"),
        a_rule(5, target="product"),
        a_rule(6, target="sku"),
        a_rule(7, target="plan"),
        a_rule(8, recipient=RESELLER),
        a_rule(9, recipient=RESELLER, target="plan", tier=5),
    ]
    while by_rank:
        assert an_offer(*by_rank).quote(5).charged.rule_id == by_rank.pop().id


def test_a_rule_holds_in_its_time_from_its_quantity_and_in_its_currency() -> None:
    from dataclasses import replace

    rule = a_rule(1, "5", "override", tier=10)
    assert an_offer(rule).quote(9).charged.rule_id is None
    assert an_offer(rule).quote(10).charged.rule_id == rule.id
    assert an_offer(replace(rule, effective_from=AT)).quote(10).charged.rule_id == rule.id
    assert an_offer(replace(rule, effective_until=AT)).quote(10).charged.rule_id is None
    assert an_offer(replace(rule, currency="EUR")).quote(10).charged.rule_id is None


def test_quantity_tiers_of_the_list_price() -> None:
    tiers = (
        ListPrice(PLAN.id, "", 1, 9, Decimal(10), Decimal(12)),
        ListPrice(PLAN.id, "", 10, 99, Decimal(9), Decimal(11)),
    )
    offer = Offer(PLAN, "USD", AT, (OPERATOR,), tiers, ())
    assert [offer.quote(quantity).charged.rate for quantity in (1, 9, 10, 99)] == [10, 10, 9, 9]
    with pytest.raises(QuantityNotPriced):
        offer.quote(100)
    assert [problem.code for problem in offer.check(100, {})] == ["quantity_not_priced"]


def test_every_problem_of_a_line_is_named_at_once() -> None:
    from dataclasses import replace

    plan = replace(
        PLAN,
        min_quantity=2,
        max_quantity=10,
        characteristics=(
            Characteristic("domain", "Domain", "text", required=True),
            Characteristic("region", "Region", "choice", required=True, allowed=("eu", "us")),
            Characteristic("seats", "Seats", "number", required=False),
            Characteristic("trial", "Trial", "boolean", required=False),
        ),
    )
    given_values = {"region": "mars", "seats": "many", "trial": 1, "colour": "red"}
    problems = an_offer(plan=plan).check(10**30, given_values, "lines.0")
    assert {(problem.field, problem.code) for problem in problems} == {
        ("lines.0.quantity", "quantity_out_of_bounds"),
        ("lines.0.characteristics.colour", "characteristic_unknown"),
        ("lines.0.characteristics.domain", "characteristic_missing"),
        ("lines.0.characteristics.region", "characteristic_not_allowed"),
        ("lines.0.characteristics.seats", "characteristic_not_allowed"),
        ("lines.0.characteristics.trial", "characteristic_not_allowed"),
    }
    good = {"domain": "example.com", "region": "eu", "seats": 3, "trial": False}
    assert an_offer(plan=plan).check(2, good) == []


def test_an_addon_needs_one_of_its_bases() -> None:
    from dataclasses import replace

    base, other = PlanId(UUID(int=20)), PlanId(UUID(int=21))
    addon = replace(PLAN, addon_of=(base, other))
    problem = addon.addon_problem([PLAN.id], "lines.1.plan_id")
    assert problem is not None
    assert problem.code == "base_missing"
    assert addon.addon_problem([other], "lines.1.plan_id") is None
    assert PLAN.addon_problem([], "lines.1.plan_id") is None


# ------------------------------------------------------------------------------------------------------- properties

rates = st.decimals(min_value=0, max_value=10**6, places=6)
quantities = st.integers(1, 10**5)
periods = st.sampled_from([1, 3, 12, 36])
percents = st.decimals(min_value=0, max_value=300, places=3)


@given(rates, quantities, periods)
def test_an_amount_is_rate_times_quantity_rounded_once(rate: Decimal, quantity: int, over: int) -> None:
    exact = Fraction(rate) * quantity * 100 / over
    rounded = (exact + Fraction(1, 2)).__floor__()
    assert Price(rate, over).owed_for(quantity, "USD") == Money(rounded, "USD")


@given(rates, periods)
def test_the_price_of_the_term_can_be_had_back_from_the_shown_rate(rate: Decimal, over: int) -> None:
    shown = Price(rate, over).rate * over
    assert shown.quantize(Decimal("1e-12"), ROUND_HALF_UP) == rate


@given(rates, quantities, st.lists(percents, min_size=3, max_size=3), periods)
def test_with_mark_ups_nobody_pays_less_than_the_one_above(
    cost: Decimal, quantity: int, marked: list[Decimal], over: int
) -> None:
    rules = [
        a_rule(number, str(value), issuer=issuer)
        for number, (issuer, value) in enumerate(zip(CHAIN, marked, strict=False))
    ]
    steps = an_offer(*rules, cost=str(cost), periods=over, chain=CHAIN).quote(quantity).steps
    assert [step.rate for step in steps] == sorted(step.rate for step in steps)
    assert [step.amount.minor for step in steps] == sorted(step.amount.minor for step in steps)


some_rules = st.lists(
    st.builds(
        a_rule,
        st.integers(1, 10**6),
        percents.map(str),
        st.sampled_from(["percent", "fixed", "override", "list_percent"]),
        st.sampled_from(CHAIN),
        st.sampled_from([None, *CHAIN]),
        st.sampled_from(sorted(TARGETS)),
        st.integers(1, 20),
        st.integers(0, 400).map(lambda days: SINCE + timedelta(days=days)),
    ),
    max_size=12,
    unique_by=lambda rule: rule.id,
)


@given(some_rules, st.randoms(use_true_random=False), st.integers(1, 30))
def test_the_order_of_rules_does_not_matter(rules: list[PriceRule], chance: object, quantity: int) -> None:
    shuffled = list(rules)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    quotes = [an_offer(*order, chain=CHAIN).quote(quantity) for order in (rules, shuffled)]
    assert quotes[0] == quotes[1]


@given(some_rules, st.sampled_from(CHAIN), st.integers(1, 30))
def test_nobody_is_shown_a_step_or_a_rule_of_others(
    rules: list[PriceRule], me: OrganizationId, quantity: int
) -> None:
    for step in explained(an_offer(*rules, chain=CHAIN), quantity, me).steps:
        assert me in (step.issuer_id, step.recipient_id)
        assert step.rule is None or me in (step.rule.issuer_id, step.rule.recipient_id)
