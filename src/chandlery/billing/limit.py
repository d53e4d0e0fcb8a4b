"""The nouns of credit: a limit between two organisations, and what one order would take of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from chandlery.billing.errors import CreditExceeded
from chandlery.kernel.ids import CreditLimitId, OrganizationId

Period: TypeAlias = Literal["month", "open"]
Beyond: TypeAlias = Literal["refuse", "hold"]
PERIODS: Final = ("month", "open")
BEYONDS: Final = ("refuse", "hold")


@dataclass(frozen=True, slots=True)
class CreditLimit:
    """What `recipient_id` may owe `issuer_id` in one currency; an issuer that limits itself limits its spending.

    `open` counts orders placed and not settled yet, `month` all that were placed in the calendar month (UTC). An
    order counts with what the recipient pays for it. `beyond` says what becomes of one that does not fit.
    """

    id: CreditLimitId
    issuer_id: OrganizationId
    recipient_id: OrganizationId
    currency: str
    period: Period
    amount_minor: int
    beyond: Beyond
    created_at: datetime
    version: int = 1
    used_minor: int = 0

    @property
    def available_minor(self) -> int:
        return max(0, self.amount_minor - self.used_minor)


@dataclass(frozen=True, slots=True)
class Claim:
    """A limit, locked, that an order falls under: what is used of it, and what the order wants."""

    limit_id: CreditLimitId
    issuer_id: OrganizationId
    recipient_id: OrganizationId
    currency: str
    amount_minor: int
    beyond: Beyond
    used_minor: int
    wanted_minor: int
    wanted_currency: str

    @property
    def fits(self) -> bool:
        return self.used_minor + self.wanted_minor <= self.amount_minor

    @property
    def counts(self) -> bool:
        return self.currency == self.wanted_currency

    @property
    def between(self) -> tuple[OrganizationId, OrganizationId]:
        return self.issuer_id, self.recipient_id


def beyond(claims: Collection[Claim], released: Collection[CreditLimitId] = ()) -> list[Claim]:
    """The limits that the order goes beyond and that hold it; `released` ones let it pass. Refusing ones raise.

    Who limits somebody in one currency trusts them in that one: in a currency without a limit of the pair's, an order
    that costs anything is beyond all of the pair's limits.
    """
    trusted = {claim.between for claim in claims if claim.counts}
    found = [
        claim
        for claim in claims
        if claim.limit_id not in released
        and not (claim.fits if claim.counts else claim.between in trusted or not claim.wanted_minor)
    ]
    if any(claim.beyond == "refuse" for claim in found):
        raise CreditExceeded
    return found
