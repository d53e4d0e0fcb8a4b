"""The noun: what a seller puts on top of the lines of an order, or takes off: delivery, handling, payment, discount."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from chandlery.kernel.ids import ChargeId, LineId

ChargeKind = Literal["delivery", "handling", "payment", "discount"]
MAX_CHARGES: Final = 100


@dataclass(frozen=True, slots=True)
class Charge:
    """Either `percent` of what it is on, or `amount_minor`: always positive, a discount takes it off.

    With a `line_id` it is on that line, without on all of them.
    """

    id: ChargeId
    kind: ChargeKind
    label: str
    percent: Decimal | None = None
    amount_minor: int | None = None
    line_id: LineId | None = None
    product_class: str = ""
    """Which tax rules it falls under; a discount lowers what its lines are taxed on."""
