"""An asset: what a customer bought once and owns, beside the subscriptions that it keeps.

active ──> returned      all of its pieces went back
   └─────> retired       its owner has no use for it any more
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chandlery.kernel.errors import VersionStale
from chandlery.kernel.ids import AssetId, LineId, OrderId, OrganizationId, PlanId
from chandlery.subscriptions.errors import AssetNotActive


class AssetStatus(StrEnum):
    ACTIVE = "active"
    RETURNED = "returned"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Asset:
    """All pieces of one order line; `serial_numbers` are those that are known, of pieces that are still owned."""

    id: AssetId
    customer_id: OrganizationId
    order_id: OrderId
    line_id: LineId
    plan_id: PlanId
    plan_code: str
    name: str
    quantity: int
    created_at: datetime
    returned_quantity: int = 0
    serial_numbers: tuple[str, ...] = ()
    vendor_reference: str = ""
    status: AssetStatus = AssetStatus.ACTIVE
    ended_at: datetime | None = None
    version: int = 1

    def at_version(self, expected: int | None) -> Asset:
        if expected not in (None, self.version):
            raise VersionStale(given=str(expected), version=str(self.version))
        return self

    def returned(self, pieces: int, serial_numbers: tuple[str, ...], now: datetime) -> Asset:
        """With so many pieces fewer to own; a retired one stays retired."""
        back = min(self.quantity, self.returned_quantity + pieces)
        gone = self.status is AssetStatus.ACTIVE and back == self.quantity
        return replace(
            self,
            returned_quantity=back,
            serial_numbers=tuple(one for one in self.serial_numbers if one not in serial_numbers),
            status=AssetStatus.RETURNED if gone else self.status,
            ended_at=now if gone else self.ended_at,
            version=self.version + 1,
        )

    def retire(self, now: datetime) -> Asset:
        if self.status is not AssetStatus.ACTIVE:
            raise AssetNotActive(given=self.status)
        return replace(self, status=AssetStatus.RETIRED, ended_at=now, version=self.version + 1)
