"""The plan: the one thing that can be ordered. A SKU for a term, billed in a cycle."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrganizationId, PlanId, ProductId, SkuId, VendorId

BillingCycle: TypeAlias = Literal["monthly", "annual", "term", "one_time", "usage"]
FulfilledBy: TypeAlias = Literal["provider", "shipment"]
Charge: TypeAlias = Literal["recurring", "one_time", "metered"]
CharacteristicKind: TypeAlias = Literal["text", "number", "boolean", "choice"]

MAX_QUANTITY = 1_000_000_000
MAX_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class Characteristic:
    """Something that must or may be said when the plan is ordered (a domain name, a data centre)."""

    name: str
    label: str
    kind: CharacteristicKind
    required: bool
    allowed: tuple[str, ...] = ()

    def problem_with(self, value: Any) -> str | None:
        """What is wrong with a value that was given, or None."""
        match self.kind:
            case "boolean":
                return None if isinstance(value, bool) else "Give true or false."
            case "number":
                if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
                    return "Give a number."
                return self._not_allowed(str(value))
            case "text" | "choice":
                if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
                    return f"Give a text of at most {MAX_TEXT} characters."
                return self._not_allowed(value)

    def _not_allowed(self, value: str) -> str | None:
        if value in self.allowed or not (self.allowed or self.kind == "choice"):
            return None
        return f"Give one of: {', '.join(self.allowed)}."


@dataclass(frozen=True, slots=True)
class Left:
    """How many pieces of a SKU are left, everywhere together; `oversell`: more may be sold than are there."""

    quantity: int
    oversell: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What can be ordered. `addon_of` names the plans of which one must be had first; empty for most.

    `fulfilled_by` says what completes a line of it: the vendor's provider, or that all pieces were shipped, by
    `supplier_id` where that is not the seller. `left` is None where nobody counts.
    """

    id: PlanId
    code: str
    sku_id: SkuId
    sku_code: str
    product_id: ProductId
    product_code: str
    product_name: str
    vendor_id: VendorId
    vendor_code: str
    provider: str
    name: str
    unit: str
    term: str
    billing_cycle: BillingCycle
    charge: Charge
    min_quantity: int = 1
    max_quantity: int | None = None
    status: Literal["active", "retired"] = "active"
    characteristics: tuple[Characteristic, ...] = ()
    addon_of: tuple[PlanId, ...] = ()
    segment: str = ""
    version: int = 1
    fulfilled_by: FulfilledBy = "provider"
    supplier_id: OrganizationId | None = None
    left: Left | None = None

    def stock_problem(self, wanted: int, field: str) -> Problem | None:
        """None, or how many are left, when an order wants so many pieces in all."""
        if self.left is None or self.left.oversell or wanted <= self.left.quantity:
            return None
        left = self.left.quantity
        message = (
            f"Only {left} of these are left; order that many at most." if left else "None of these are left."
        )
        return Problem(field, message, "stock_short")

    def quantity_problems(self, quantity: int, field: str) -> Iterator[Problem]:
        most = MAX_QUANTITY if self.max_quantity is None else self.max_quantity
        if not self.min_quantity <= quantity <= most:
            message = f"Order between {self.min_quantity} and {most}."
            yield Problem(field, message, "quantity_out_of_bounds")

    def characteristic_problems(self, given: Mapping[str, Any], field: str) -> Iterator[Problem]:
        known = {characteristic.name: characteristic for characteristic in self.characteristics}
        for name in given.keys() - known.keys():
            message = "This plan has no such characteristic; leave it out."
            yield Problem(f"{field}.{name}", message, "characteristic_unknown")
        for name, characteristic in known.items():
            if given.get(name) is not None:
                wrong = characteristic.problem_with(given[name])
                if wrong:
                    yield Problem(f"{field}.{name}", wrong, "characteristic_not_allowed")
            elif characteristic.required:
                message = f"This plan needs it: {characteristic.label}."
                yield Problem(f"{field}.{name}", message, "characteristic_missing")

    def addon_problem(self, others: Collection[PlanId], field: str) -> Problem | None:
        """None, or what is missing, when `others` are the plans of the same order and those already held."""
        if not self.addon_of or not set(self.addon_of).isdisjoint(others):
            return None
        listed = ", ".join(map(str, self.addon_of))
        return Problem(
            field, f"This is an add-on; order one of these plans with it: {listed}.", "base_missing"
        )
