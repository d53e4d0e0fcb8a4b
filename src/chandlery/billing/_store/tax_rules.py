"""Tax rules and the tax classes of products in the database; rules are seen by their issuer alone."""

# ruff: noqa: S608 - columns are written here; every value is a parameter

from __future__ import annotations

from datetime import datetime

from chandlery.billing.errors import TaxRuleUnknown
from chandlery.billing.tax import TaxRule
from chandlery.engine.statements import Query, Row, Write, many, maybe, one, scalar
from chandlery.kernel.errors import Fault
from chandlery.kernel.ids import ProductId, TaxRuleId
from chandlery.kernel.page import PageRequest

_COLUMNS = """created_at, id, kind, rate, effective_from, effective_until, country, region, product_class, buyer, note,
    version"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(concat('tax rules of ', scope_org()), 0))"
_OVERLAPPING = """
SELECT id FROM tax_rules
WHERE tenant_id = scope_tenant() AND issuer_id = scope_org() AND country = %s AND region = %s
    AND product_class = %s AND buyer = %s AND effective_from < effective_until
    AND effective_from < %s::timestamptz AND effective_until > coalesce(%s::timestamptz, unit_now())
LIMIT 1
"""
_SAVE = """
INSERT INTO tax_rules (id, tenant_id, issuer_id, country, region, product_class, buyer, kind, rate, note,
    effective_from, effective_until, created_at)
VALUES (%s, scope_tenant(), scope_org(), %s, %s, %s, %s, %s, %s, %s, %s, %s, unit_now())
"""
_FOR_UPDATE = f"""SELECT {_COLUMNS} FROM tax_rules
WHERE tenant_id = scope_tenant() AND issuer_id = scope_org() AND id = %s FOR NO KEY UPDATE"""  # sql: constants alone
_END = """
UPDATE tax_rules SET effective_until = %s, version = version + 1
WHERE tenant_id = scope_tenant() AND issuer_id = scope_org() AND id = %s
"""
_FIND = f"""SELECT {_COLUMNS} FROM tax_rules WHERE tenant_id = scope_tenant() AND issuer_id = scope_org()
    AND (created_at, id) > (coalesce(%s::timestamptz, '-infinity'),
                            coalesce(%s::uuid, '00000000-0000-0000-0000-000000000000'))
ORDER BY created_at, id LIMIT %s"""  # sql: constants alone


def _decode(row: Row) -> tuple[datetime, TaxRule]:
    return row[0], TaxRule(*row[1:])


def lock_rules() -> Query[int]:
    """Whoever sets rules for the same issuer waits here, so that no two of them overlap unseen."""
    return Query(_LOCK, (), len)


def overlapping(rule: TaxRule, since: datetime | None) -> Query[TaxRuleId | None]:
    """A rule for the very same sales that holds at the same time."""
    params = (rule.country, rule.region, rule.product_class, rule.buyer, rule.effective_until, since)
    return maybe(_OVERLAPPING, params, scalar)


def save(rule: TaxRule) -> Write:
    return Write(
        _SAVE,
        (
            rule.id, rule.country, rule.region, rule.product_class, rule.buyer, rule.kind, rule.rate, rule.note,
            rule.effective_from, rule.effective_until,
        ),
    )  # fmt: skip


def for_update(rule_id: TaxRuleId) -> Query[TaxRule]:
    return one(_FOR_UPDATE, (rule_id,), lambda row: _decode(row)[1], TaxRuleUnknown)


def end(rule: TaxRule) -> Write:
    return Write(_END, (rule.effective_until, rule.id))


def find(page: PageRequest) -> Query[list[tuple[datetime, TaxRule]]]:
    after, after_id = page.after or (None, None)
    return many(_FIND, (after, after_id, page.limit + 1), _decode)


def product(product_id: ProductId, missing: type[Fault]) -> Query[ProductId]:
    return one(
        "SELECT id FROM products WHERE tenant_id = scope_tenant() AND id = %s", (product_id,), scalar, missing
    )


def classify(product_id: ProductId, product_class: str) -> Write:
    return Write(
        "INSERT INTO product_tax_classes (product_id, tenant_id, product_class) VALUES (%s, scope_tenant(), %s)"
        " ON CONFLICT (product_id) DO UPDATE SET product_class = EXCLUDED.product_class",
        (product_id, product_class),
    )


def declassify(product_id: ProductId) -> Write:
    return Write("DELETE FROM product_tax_classes WHERE product_id = %s", (product_id,))
