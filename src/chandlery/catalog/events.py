"""What can happen to the catalogue and its prices, for the event catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.event_stream.catalogue import EventType


@dataclass(frozen=True, slots=True)
class Nothing:
    """The event says it all."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What the rule is for: everything, a vendor, a product, a SKU or a plan."""

    target_kind: str


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows there were and what became of them."""

    rows: int
    added: int
    changed: int
    ended: int
    unchanged: int
    bad_rows: int
    products_added: int
    plans_added: int


@dataclass(frozen=True, slots=True)
class CharacteristicFacts:
    """`plan_id` is null for a characteristic of the whole product."""

    name: str
    plan_id: str | None


@dataclass(frozen=True, slots=True)
class AddonFacts:
    base_plan_id: str


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """`provider` is who fulfils what is bought of the vendor."""

    name: str
    provider: str


EVENT_TYPES = (
    EventType("price_rule.set", "A price rule was set.", RuleSet),
    EventType("price_rule.ended", "A price rule was ended.", Nothing),
    EventType("catalog.imported", "A price sheet was imported.", Imported),
    EventType(
        "product.characteristic_defined", "What a product wants to be told was defined.", CharacteristicFacts
    ),
    EventType(
        "product.characteristic_dropped", "A product wants to be told one thing less.", CharacteristicFacts
    ),
    EventType("plan.addon_attached", "A plan became an add-on of another.", AddonFacts),
    EventType("plan.addon_detached", "A plan is no add-on of that other any more.", AddonFacts),
    EventType("vendor.changed", "A vendor was renamed, or is fulfilled by another provider.", VendorFacts),
    EventType("plan.retired", "A plan was taken off sale.", Nothing),
)
