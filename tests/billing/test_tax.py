from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from chandlery.billing.tax import UNTAXED, TaxParty, TaxRule, Treatment, treatment_of
from chandlery.kernel.clock import FOREVER
from chandlery.kernel.ids import TaxRuleId, new_id

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
HOME = TaxParty("DE", vat_number="DE136695976")
REVERSED = "The recipient owes the tax (reverse charge)."


def a_rule(kind: Any = "rate", rate: str = "0", **more: Any) -> TaxRule:
    return TaxRule(TaxRuleId(new_id()), kind, Decimal(rate), SINCE, FOREVER, **more)


RULES = (
    a_rule(rate="19", country="DE"),
    a_rule(rate="7", country="DE", product_class="books"),
    a_rule(rate="20", country="AT"),
    a_rule(rate="8.875", country="US", region="NY"),
    a_rule("reverse_charge", buyer="union_business", note=REVERSED),
    a_rule("exempt", country="CH", note="Export"),
    a_rule("zero", country="IE", product_class="books"),
)


@pytest.mark.parametrize(
    ("recipient", "product_class", "expected"),
    [
        (TaxParty("DE"), "", Treatment("rate", Decimal(19))),
        (TaxParty("DE"), "books", Treatment("rate", Decimal(7))),
        (TaxParty("DE"), "toys", Treatment("rate", Decimal(19))),
        (TaxParty("AT"), "books", Treatment("rate", Decimal(20))),
        (TaxParty("AT", vat_number="ATU13585627"), "", Treatment("reverse_charge", note=REVERSED)),
        (TaxParty("GR", vat_number="EL094259216"), "", Treatment("reverse_charge", note=REVERSED)),
        (TaxParty("DE", vat_number="DE136695976"), "", Treatment("rate", Decimal(19))),
        (TaxParty("CH", vat_number="CHE107787577MWST"), "", Treatment("exempt", note="Export")),
        (TaxParty("US", "NY"), "", Treatment("rate", Decimal("8.875"))),
        (TaxParty("US", "OR"), "", UNTAXED),
        (TaxParty("IE"), "books", Treatment("zero")),
        (TaxParty("IE"), "", UNTAXED),
        (TaxParty(""), "", Treatment("rate", Decimal(19))),
        (TaxParty("DE", tax_exempt=True, tax_exemption="Embassy, certificate 7"), "",
         Treatment("exempt", note="Embassy, certificate 7")),
    ],
)  # fmt: skip
def test_the_most_particular_rule_that_fits_holds(
    recipient: TaxParty, product_class: str, expected: Treatment
) -> None:
    assert treatment_of(RULES, HOME, recipient, product_class) == expected
    assert treatment_of(tuple(reversed(RULES)), HOME, recipient, product_class) == expected


def test_reverse_charge_needs_an_issuer_within_the_union_and_a_buyer_of_another_member_state() -> None:
    abroad = TaxParty("US")
    greek = TaxParty("GR", vat_number="EL094259216")
    assert treatment_of(RULES, abroad, greek) == UNTAXED
    assert treatment_of(RULES, replace(HOME, country="GR"), greek) == UNTAXED


def test_a_rule_for_businesses_passes_others_by() -> None:
    rules = (a_rule(rate="10"), a_rule("zero", buyer="business"))
    assert treatment_of(rules, HOME, TaxParty("DE")).rate == 10
    assert treatment_of(rules, HOME, TaxParty("DE", vat_number="DE136695976")).kind == "zero"


def test_of_two_rules_alike_the_newer_one_holds() -> None:
    later = replace(RULES[0], rate=Decimal(21), effective_from=SINCE.replace(year=2027))
    assert treatment_of((later, RULES[0]), HOME, TaxParty("DE")).rate == 21
