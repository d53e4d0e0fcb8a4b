from __future__ import annotations

from typing import Any

import pytest

from chandlery.billing.errors import CreditExceeded
from chandlery.billing.limit import Claim, beyond
from chandlery.kernel.ids import CreditLimitId, OrganizationId, new_id

SELLER, BUYER, OTHER = (OrganizationId(new_id()) for _ in range(3))


def a_claim(used: int = 0, wanted: int = 0, **more: Any) -> Claim:
    """An order in US dollars under a limit of 1000 that holds."""
    found: dict[str, Any] = {
        "limit_id": CreditLimitId(new_id()),
        "issuer_id": SELLER,
        "recipient_id": BUYER,
        "currency": "USD",
        "amount_minor": 1000,
        "beyond": "hold",
        "used_minor": used,
        "wanted_minor": wanted,
        "wanted_currency": "USD",
    }
    return Claim(**{**found, **more})


@pytest.mark.parametrize(
    ("used", "wanted", "fits"),
    [(0, 1000, True), (0, 1001, False), (999, 1, True), (999, 2, False), (1000, 0, True), (1200, 1, False)],
)
def test_an_order_fits_to_the_cent(used: int, wanted: int, fits: bool) -> None:
    assert (beyond([a_claim(used, wanted)]) == []) is fits


def test_one_that_refuses_refuses_whatever_the_others_say() -> None:
    refusing = a_claim(1000, 1, beyond="refuse")
    with pytest.raises(CreditExceeded):
        beyond([a_claim(1000, 1), refusing])
    assert beyond([a_claim(1000, 1, beyond="refuse")][:0]) == []


def test_every_limit_that_holds_is_named_but_those_released() -> None:
    first, second, fits = a_claim(1000, 1), a_claim(500, 501), a_claim(0, 1)
    assert beyond([first, second, fits]) == [first, second]
    assert beyond([first, second, fits], {first.limit_id}) == [second]
    assert beyond([first, second, fits], {first.limit_id, second.limit_id}) == []


def test_in_a_currency_without_a_limit_of_the_pair_there_is_no_credit() -> None:
    in_euros = a_claim(0, 1, currency="EUR", amount_minor=10**9)
    assert beyond([in_euros]) == [in_euros]
    assert beyond([in_euros, a_claim(0, 1)]) == []
    of_others = a_claim(0, 1, issuer_id=OTHER)
    assert beyond([in_euros, of_others]) == [in_euros]
    assert beyond([a_claim(0, 0, currency="EUR")]) == []
