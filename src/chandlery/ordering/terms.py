"""What binds an order beyond the catalogue: custom fields, approval rules, and whether anybody limits its credit."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.ordering.approval import ApprovalRule
from chandlery.ordering.custom_field import CustomFields
from chandlery.ordering.errors import CustomerInactive


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one customer's orders right now, set by itself and by those above it; mostly nothing."""

    customer_name: str
    customer_is_active: bool
    fields: CustomFields = CustomFields()  # noqa: RUF009 - frozen
    rules: tuple[ApprovalRule, ...] = ()
    limited: bool = False

    def require_active(self) -> None:
        if not self.customer_is_active:
            raise CustomerInactive(given=self.customer_name)
