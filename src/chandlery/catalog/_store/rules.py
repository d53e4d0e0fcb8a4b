"""Price rules in the database: each is seen by its issuer and its recipient alone."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from chandlery.catalog._store.browsing import bounds
from chandlery.catalog.errors import RuleUnknown
from chandlery.catalog.price import PriceRule
from chandlery.engine.statements import Query, Row, Write, many, one
from chandlery.kernel.errors import NotFound
from chandlery.kernel.ids import OrganizationId, PriceRuleId
from chandlery.kernel.page import PageRequest

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(concat('price rules of ', scope_org()), 0))"

_FACTS = """
    SELECT
        %(recipient)s::uuid IS NULL OR EXISTS (
            SELECT FROM organizations o WHERE o.tenant_id = scope_tenant() AND o.id = %(recipient)s::uuid
              AND o.parent_id = scope_org() AND o.kind IN ('reseller', 'customer')),
        CASE %(kind)s::text
            WHEN 'all' THEN true
            WHEN 'vendor' THEN EXISTS (
                SELECT FROM vendors x WHERE x.tenant_id = scope_tenant() AND x.id = %(target)s::uuid)
            WHEN 'product' THEN EXISTS (
                SELECT FROM products x WHERE x.tenant_id = scope_tenant() AND x.id = %(target)s::uuid)
            WHEN 'sku' THEN EXISTS (SELECT FROM skus x WHERE x.tenant_id = scope_tenant() AND x.id = %(target)s::uuid)
            ELSE EXISTS (SELECT FROM plans x WHERE x.tenant_id = scope_tenant() AND x.id = %(target)s::uuid) END,
        (SELECT r.id FROM price_rules r
         WHERE r.tenant_id = scope_tenant() AND r.issuer_id = scope_org()
           AND r.recipient_id IS NOT DISTINCT FROM %(recipient)s::uuid
           AND r.target_kind = %(kind)s::text AND r.target_id IS NOT DISTINCT FROM %(target)s::uuid
           AND r.currency IS NOT DISTINCT FROM %(currency)s::text AND r.min_quantity = %(least)s::integer
           AND r.effective_from < r.effective_until
           AND r.effective_from < coalesce(%(until)s::timestamptz, '9999-12-31Z')
           AND r.effective_until > coalesce(%(since)s::timestamptz, unit_now())
         LIMIT 1)"""

_SAVE = """
    INSERT INTO price_rules (id, tenant_id, issuer_id, recipient_id, target_kind, target_id, kind, value, currency,
                             min_quantity, effective_from, effective_until, created_at)
    VALUES (%s, scope_tenant(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, unit_now())"""

_FOR_UPDATE = """
    SELECT created_at, id, issuer_id, recipient_id, target_kind, target_id, kind, value, currency, min_quantity,
           effective_from, effective_until, version
    FROM price_rules WHERE tenant_id = scope_tenant() AND issuer_id = scope_org() AND id = %s FOR NO KEY UPDATE"""

_END = """
    UPDATE price_rules SET effective_until = %s, version = version + 1
    WHERE tenant_id = scope_tenant() AND issuer_id = scope_org() AND id = %s"""

_ISSUED = """
    SELECT created_at, id, issuer_id, recipient_id, target_kind, target_id, kind, value, currency, min_quantity,
           effective_from, effective_until, version
    FROM price_rules
    WHERE tenant_id = scope_tenant() AND issuer_id = scope_org()
      AND (created_at, id) > (%(at)s::timestamptz, %(id)s::uuid)
    ORDER BY created_at, id LIMIT %(most)s"""

_RECEIVED = """
    SELECT created_at, id, issuer_id, recipient_id, target_kind, target_id, kind, value, currency, min_quantity,
           effective_from, effective_until, version
    FROM price_rules
    WHERE tenant_id = scope_tenant() AND recipient_id = scope_org()
      AND (created_at, id) > (%(at)s::timestamptz, %(id)s::uuid)
    ORDER BY created_at, id LIMIT %(most)s"""


def lock_rules() -> Query[int]:
    """Whoever sets rules for the same issuer waits here, so that no two of them overlap unseen."""
    return Query(_LOCK, (), len)


def rule_facts(rule: PriceRule, since: datetime | None) -> Query[tuple[bool, bool, UUID | None]]:
    """Is the recipient directly below, does the target exist, and which rule is in the way of one since then?"""
    params = {
        "recipient": rule.recipient_id,
        "kind": rule.target_kind,
        "target": rule.target_id,
        "currency": rule.currency,
        "least": rule.min_quantity,
        "since": since,
        "until": rule.effective_until,
    }
    return one(_FACTS, params, lambda row: (row[0], row[1], row[2]), NotFound)


def save_rule(rule: PriceRule) -> Write:
    return Write(
        _SAVE,
        (
            rule.id, rule.issuer_id, rule.recipient_id, rule.target_kind, rule.target_id, rule.kind, rule.value,
            rule.currency, rule.min_quantity, rule.effective_from, rule.effective_until,
        ),
    )  # fmt: skip


def rule_for_update(rule_id: PriceRuleId) -> Query[PriceRule]:
    return one(_FOR_UPDATE, (rule_id,), lambda row: _rule(row)[1], RuleUnknown)


def end_rule(rule: PriceRule) -> Write:
    return Write(_END, (rule.effective_until, rule.id))


def rules(side: Literal["issued", "received"], page: PageRequest) -> Query[list[tuple[datetime, PriceRule]]]:
    """Each rule with when it was made, which is what pages are cut by."""
    return many(_ISSUED if side == "issued" else _RECEIVED, bounds(page), _rule)


def _rule(row: Row) -> tuple[datetime, PriceRule]:
    created_at, rule_id, issuer, recipient, *rest = row
    found = PriceRule(
        PriceRuleId(rule_id),
        OrganizationId(issuer),
        OrganizationId(recipient) if recipient else None,
        *rest,
    )
    return created_at, found
