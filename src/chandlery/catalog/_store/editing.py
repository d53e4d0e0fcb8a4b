"""Writing characteristics, add-ons and the status of plans. Row-level security lets the operator alone through."""

from __future__ import annotations

from chandlery.catalog.errors import CharacteristicUnknown, PlanUnknown, ProductUnknown
from chandlery.catalog.listing import Vendor
from chandlery.catalog.plan import Characteristic
from chandlery.engine.statements import Query, Write, one, scalar
from chandlery.kernel.ids import PlanId, ProductId, new_id

_PLACE = """
    SELECT true FROM products r WHERE r.tenant_id = scope_tenant() AND r.id = %s AND (%s::uuid IS NULL OR EXISTS (
        SELECT FROM plans p JOIN skus s ON s.id = p.sku_id WHERE p.id = %s::uuid AND s.product_id = r.id))"""
_SAVE = """
    INSERT INTO characteristics (id, tenant_id, product_id, plan_id, name, label, kind, required, allowed, position)
    VALUES (%s, scope_tenant(), %s, %s, %s, %s, %s, %s, %s::text[], %s)
    ON CONFLICT ON CONSTRAINT characteristics_name_key DO UPDATE
    SET label = excluded.label, kind = excluded.kind, required = excluded.required, allowed = excluded.allowed,
        position = excluded.position"""
_DROP = """
    DELETE FROM characteristics WHERE tenant_id = scope_tenant() AND product_id = %s
        AND plan_id IS NOT DISTINCT FROM %s::uuid AND name = %s RETURNING id"""
_ATTACH = """
    INSERT INTO addons (tenant_id, plan_id, base_plan_id) VALUES (scope_tenant(), %s, %s) ON CONFLICT DO NOTHING"""
_DETACH = "DELETE FROM addons WHERE tenant_id = scope_tenant() AND plan_id = %s AND base_plan_id = %s"
_STATUS = "SELECT status, version FROM plans WHERE tenant_id = scope_tenant() AND id = %s FOR NO KEY UPDATE"
_RETIRE = (
    "UPDATE plans SET status = 'retired', version = version + 1 WHERE tenant_id = scope_tenant() AND id = %s"
)


def save_vendor(vendor: Vendor) -> Write:
    sql = "UPDATE vendors SET name = %s, provider = %s WHERE tenant_id = scope_tenant() AND id = %s"
    return Write(sql, (vendor.name, vendor.provider, vendor.id))


def characteristic_place(product_id: ProductId, plan_id: PlanId | None) -> Query[bool]:
    """Refuses unless the product exists and the plan, if one is named, is one of its plans."""
    missing = ProductUnknown if plan_id is None else PlanUnknown
    return one(_PLACE, (product_id, plan_id, plan_id), scalar, missing)


def save_characteristic(
    product_id: ProductId, plan_id: PlanId | None, defined: Characteristic, position: int
) -> Write:
    return Write(
        _SAVE,
        (
            new_id(), product_id, plan_id, defined.name, defined.label, defined.kind, defined.required,
            list(defined.allowed), position,
        ),
    )  # fmt: skip


def drop_characteristic(product_id: ProductId, plan_id: PlanId | None, name: str) -> Query[bool]:
    return one(_DROP, (product_id, plan_id, name), lambda _: True, CharacteristicUnknown)


def attach_addon(plan_id: PlanId, base_plan_id: PlanId) -> Write:
    return Write(_ATTACH, (plan_id, base_plan_id))


def detach_addon(plan_id: PlanId, base_plan_id: PlanId) -> Write:
    return Write(_DETACH, (plan_id, base_plan_id))


def plan_status_for_update(plan_id: PlanId) -> Query[tuple[str, int]]:
    return one(_STATUS, (plan_id,), lambda row: (row[0], row[1]), PlanUnknown)


def retire_plan(plan_id: PlanId) -> Write:
    return Write(_RETIRE, (plan_id,))
