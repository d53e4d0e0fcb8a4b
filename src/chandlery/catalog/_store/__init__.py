"""The catalogue's cupboard: every statement of this room, by matter."""

from __future__ import annotations

from chandlery.catalog._store.browsing import (
    PlanFilter,
    plan,
    plans,
    prices,
    product,
    products,
    vendor,
    vendor_for_update,
    vendors,
)
from chandlery.catalog._store.editing import (
    attach_addon,
    characteristic_place,
    detach_addon,
    drop_characteristic,
    plan_status_for_update,
    retire_plan,
    save_characteristic,
    save_vendor,
)
from chandlery.catalog._store.importing import (
    COPY_STAGED,
    Contradiction,
    check_staged,
    discard_staged,
    merge_staged,
)
from chandlery.catalog._store.quoting import offers_query
from chandlery.catalog._store.rules import end_rule, lock_rules, rule_facts, rule_for_update, rules, save_rule

__all__ = [
    "COPY_STAGED",
    "Contradiction",
    "PlanFilter",
    "attach_addon",
    "characteristic_place",
    "check_staged",
    "detach_addon",
    "discard_staged",
    "drop_characteristic",
    "end_rule",
    "lock_rules",
    "merge_staged",
    "offers_query",
    "plan",
    "plan_status_for_update",
    "plans",
    "prices",
    "product",
    "products",
    "retire_plan",
    "rule_facts",
    "rule_for_update",
    "rules",
    "save_characteristic",
    "save_rule",
    "save_vendor",
    "vendor",
    "vendor_for_update",
    "vendors",
]
