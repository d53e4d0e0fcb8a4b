"""Charges and taxes meet an order: who may put them on, who sees them, and that nobody pays for their absence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from chandlery.billing.errors import ChargeUnfit, NotTheSeller, TaxRuleEnded, TaxRulesOverlap, TaxRuleUnfit
from chandlery.billing.tax_rules import (
    ClassifyProduct,
    EndTaxRule,
    FindTaxRules,
    SetTaxRule,
    classify_product,
    end_tax_rule,
    find_tax_rules,
    set_tax_rule,
)
from chandlery.catalog.offers import PlanRef
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.ids import ProductId
from chandlery.ordering.drafts import AddLine, add_line
from chandlery.ordering.errors import OrderNotDraft, OrderUnknown
from chandlery.ordering.order import Order
from chandlery.ordering.queries import FindOrders, find_orders, get_order
from chandlery.parties.companies import CompanyFacts, PutCompany, put_company
from chandlery.processes.checkout import Submit, checkout
from chandlery.processes.order_charges import AddCharge, RemoveCharge, add_charge, find_charges, remove_charge
from chandlery.processes.totals import Totalled, all_totalled, totalled
from tests.conftest import NOW
from tests.ordering.builders import Shop, a_draft, a_shop, an_organization, may, some

Owner = psycopg.Connection[Any]
TAXES = (permissions.TAXES_READ, permissions.TAXES_WRITE, permissions.CATALOG_WRITE)


async def seen(engine: Engine, actor: Actor, order: Order) -> Totalled:
    return await engine.read(actor, totalled(get_order), order.id)


async def figures(engine: Engine, actor: Actor, order: Order) -> tuple[int, int, int, int, int] | None:
    found = (await seen(engine, actor, order)).assessment
    if found is None:
        return None
    return found.net_minor, found.charges_minor, found.discounts_minor, found.tax_minor, found.gross_minor


async def tax_of(engine: Engine, actor: Actor, order: Order) -> int:
    found = await figures(engine, actor, order)
    assert found is not None
    return found[3]


async def taxed(engine: Engine, actor: Actor, kind: Any = "rate", rate: str = "0", **more: Any) -> None:
    await engine.perform(may(actor, *TAXES), set_tax_rule, SetTaxRule(kind, Decimal(rate), **more))


async def at_home(engine: Engine, shop: Shop, actor: Actor, **facts: Any) -> None:
    command = PutCompany(actor.organization_id, CompanyFacts(**facts))
    await engine.perform(shop.system, put_company, command)


async def test_without_charges_and_rules_nothing_is_asked_for_them(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    plain = []
    for with_totals in (False, True):
        add = totalled(add_line) if with_totals else add_line
        await engine.perform(shop.reseller, add, AddLine(draft.id, PlanRef(sku="dock")))
        plain.append((meters[-1].round_trips, meters[-1].statements))
    assert plain[0] == plain[1]
    assert (await seen(engine, shop.reseller, draft)).assessment is None
    assert (meters[-1].round_trips, meters[-1].statements) == (1, 2)


async def test_with_a_tax_rule_every_answer_has_its_totals_for_one_statement_more(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_shop(owner)
    await taxed(engine, shop.reseller, rate="19")
    draft = await a_draft(engine, shop, some("suite-basic", 5))
    added = await engine.perform(shop.reseller, totalled(add_line), AddLine(draft.id, PlanRef(sku="dock")))
    assert added.result.assessment is not None
    assert added.result.assessment.tax_minor == 4_765  # 19 % of 6600 + 18480 is 4765.2
    assert meters[-1].round_trips == 4
    placed = await engine.perform(shop.reseller, totalled(checkout), Submit(draft.id))
    assert meters[-1].round_trips == 4
    assert placed.result.assessment == added.result.assessment


async def test_each_pair_sees_its_own_charges_and_taxes(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some("suite-basic", 5))
    await taxed(engine, shop.reseller, rate="19")
    await taxed(engine, shop.operator, rate="10")
    delivery = AddCharge(draft.id, "delivery", "Courier", amount_minor=500)
    await engine.perform(shop.reseller, add_charge, delivery)
    await engine.perform(shop.operator, add_charge, AddCharge(draft.id, "discount", "Partner", Decimal(10)))
    for _ in ("as a draft", "as placed"):
        customer = await figures(engine, shop.customer, draft)
        assert customer == await figures(engine, shop.reseller, draft) == (6_600, 500, 0, 1_349, 8_449)
        assert await figures(engine, shop.operator, draft) == (4_400, 0, 440, 396, 4_356)
        if (await seen(engine, shop.reseller, draft)).order.status == "draft":
            await engine.perform(shop.customer, checkout, Submit(draft.id))
    labels = [
        [charge.label for charge in await engine.read(actor, find_charges, draft.id)]
        for actor in (shop.operator, shop.reseller, shop.customer)
    ]
    assert labels == [["Partner"], ["Courier", "Partner"], ["Courier"]]


async def test_a_business_elsewhere_in_the_union_owes_the_tax_itself(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some("suite-basic", 5))
    await at_home(engine, shop, shop.reseller, country="DE")
    await taxed(engine, shop.reseller, rate="19", country="DE")
    await taxed(engine, shop.reseller, "reverse_charge", buyer="union_business", note="Reverse charge")
    assert await tax_of(engine, shop.customer, draft) == 1_254
    await at_home(engine, shop, shop.customer, country="AT", vat_number="ATU13585627")
    found = (await seen(engine, shop.customer, draft)).assessment
    assert found is not None
    assert [(t.treatment.kind, t.treatment.note, t.tax_minor) for t in found.taxes] == [
        ("reverse_charge", "Reverse charge", 0)
    ]


async def test_a_class_of_products_has_a_rate_of_its_own(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some("suite-basic", 5), some("dock"))
    row = owner.execute(
        "SELECT s.product_id FROM plans p JOIN skus s ON s.id = p.sku_id WHERE p.id = %s",
        (shop.plans["dock"],),
    ).fetchone()
    assert row is not None
    operator = may(shop.operator, *TAXES)
    await engine.perform(operator, classify_product, ClassifyProduct(ProductId(row[0]), "goods"))
    await taxed(engine, shop.reseller, rate="20")
    await taxed(engine, shop.reseller, rate="5", product_class="goods")
    assert await tax_of(engine, shop.customer, draft) == 1_320 + 924
    await engine.perform(operator, classify_product, ClassifyProduct(ProductId(row[0]), ""))
    assert await tax_of(engine, shop.customer, draft) == (6_600 + 18_480) // 5


async def test_an_order_keeps_the_terms_it_was_placed_on(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    before = await a_draft(engine, shop, some())
    await engine.perform(shop.reseller, checkout, Submit(before.id))
    await taxed(engine, shop.reseller, rate="19")
    order = await a_draft(engine, shop, some("suite-basic", 5))
    await engine.perform(shop.reseller, checkout, Submit(order.id))
    page = await engine.read(may(shop.reseller, *TAXES), find_tax_rules, FindTaxRules())
    later = replace(engine, clock=FixedClock(NOW + timedelta(days=1)))
    ended = await later.perform(may(shop.reseller, *TAXES), end_tax_rule, EndTaxRule(page.items[0].id))
    assert ended.result.effective_until == NOW + timedelta(days=1)
    await at_home(later, shop, shop.customer, country="DE", tax_exempt=True, tax_exemption="A charity")
    assert await figures(later, shop.customer, order) == (6_600, 0, 0, 1_254, 7_854)
    assert await figures(later, shop.customer, before) is None  # placed when nobody had a rule
    found = await later.read(shop.customer, all_totalled(find_orders), FindOrders())
    assert [one.assessment and one.assessment.tax_minor for one in found.items] == [1_254, None]


async def test_a_preview_shows_the_taxes_and_keeps_nothing(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    await taxed(engine, shop.reseller, rate="19")
    draft = await a_draft(engine, shop, some("suite-basic", 5))
    preview = await engine.perform(shop.reseller, totalled(checkout), Submit(draft.id), dry_run=True)
    assert preview.result.assessment is not None
    assert preview.result.assessment.gross_minor == 7_854
    assert owner.execute("SELECT count(*) FROM order_terms WHERE order_id = %s", (draft.id,)).fetchone() == (
        0,
    )


async def test_only_who_sells_in_the_chain_puts_charges_on_a_draft(engine: Engine, owner: Owner) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    draft = await a_draft(engine, shop, some("suite-basic", 5))
    line = draft.lines[0].id
    command = AddCharge(draft.id, "discount", "Friend", Decimal(50), line_id=line, expected_version=1)
    with pytest.raises(NotTheSeller):
        await engine.perform(shop.customer, add_charge, command)
    for stranger in (other.operator, an_organization(owner, shop.operator, "reseller")):
        with pytest.raises(OrderUnknown):
            await engine.perform(stranger, add_charge, command)
    revised = (await engine.perform(shop.reseller, add_charge, command)).result
    assert revised.version == 2
    with pytest.raises(VersionStale):  # who has not seen the discount places nothing
        await engine.perform(shop.reseller, checkout, Submit(draft.id, expected_version=1))
    (charge,) = await engine.read(shop.customer, find_charges, draft.id)
    assert await figures(engine, shop.customer, draft) == (6_600, 0, 3_300, 0, 3_300)
    removed = await engine.perform(shop.reseller, totalled(remove_charge), RemoveCharge(draft.id, charge.id))
    assert removed.result.assessment is not None
    assert removed.result.assessment.gross_minor == 6_600
    await engine.perform(shop.reseller, checkout, Submit(draft.id))
    with pytest.raises(OrderNotDraft):
        await engine.perform(shop.reseller, add_charge, replace(command, expected_version=None))


async def test_everything_wrong_with_a_charge_or_a_rule_is_named_at_once(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    wrong = AddCharge(draft.id, "delivery", " ", Decimal("100.5"), 0, product_class="x" * 51)
    with pytest.raises(ChargeUnfit) as refused:
        await engine.perform(shop.reseller, add_charge, wrong)
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["label", "amount_minor", "percent", "amount_minor", "product_class"]
    actor = may(shop.reseller, *TAXES)
    with pytest.raises(TaxRuleUnfit) as unfit:
        await engine.perform(actor, set_tax_rule, SetTaxRule("rate", Decimal(0), "XX", note="a\nb"))
    assert [problem.field for problem in unfit.value.problems] == ["country", "rate", "note"]
    with pytest.raises(TaxRuleUnfit):
        await engine.perform(actor, set_tax_rule, SetTaxRule("exempt"))


async def test_no_two_rules_hold_for_the_same_sales_at_once(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    actor = may(shop.reseller, *TAXES)
    until = SetTaxRule("rate", Decimal(19), "DE", effective_until=NOW + timedelta(days=9))
    await engine.perform(actor, set_tax_rule, until)
    with pytest.raises(TaxRulesOverlap):
        await engine.perform(actor, set_tax_rule, SetTaxRule("rate", Decimal(21), "DE"))
    after = SetTaxRule("rate", Decimal(21), "DE", effective_from=NOW + timedelta(days=9))
    rule = (await engine.perform(actor, set_tax_rule, after)).result
    assert (await engine.read(may(shop.operator, *TAXES), find_tax_rules, FindTaxRules())).items == []
    await engine.perform(actor, end_tax_rule, EndTaxRule(rule.id))
    with pytest.raises(TaxRuleEnded):
        await engine.perform(actor, end_tax_rule, EndTaxRule(rule.id))


async def test_a_draft_goes_with_its_charges(engine: Engine, owner: Owner) -> None:
    from chandlery.ordering.drafts import DeleteDraft, DropLine, delete_draft, drop_line

    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some(), some("dock"))
    for line in (draft.lines[0].id, None):
        command = AddCharge(draft.id, "handling", "Handling", amount_minor=5, line_id=line)
        await engine.perform(shop.reseller, add_charge, command)
    await engine.perform(shop.reseller, drop_line, DropLine(draft.id, draft.lines[0].id))
    assert len(await engine.read(shop.reseller, find_charges, draft.id)) == 1
    await engine.perform(shop.reseller, delete_draft, DeleteDraft(draft.id))
    left = owner.execute("SELECT count(*) FROM order_charges WHERE order_id = %s", (draft.id,)).fetchone()
    assert left == (0,)
