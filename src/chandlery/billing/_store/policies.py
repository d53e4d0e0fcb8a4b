"""How organisations invoice, in the database."""

from __future__ import annotations

from chandlery.billing.errors import OwnerUnknown
from chandlery.billing.policy import Policy
from chandlery.engine.statements import Query, Row, Write, one
from chandlery.kernel.ids import OrganizationId

_OF = """
SELECT p.invoices, p.due_days, p.invoice_prefix, p.credit_note_prefix, p.note, p.version
FROM organizations o LEFT JOIN invoicing_policies p ON p.organization_id = o.id
WHERE o.tenant_id = scope_tenant() AND o.id = %s
"""
_SAVE = """
INSERT INTO invoicing_policies (organization_id, tenant_id, owner_path, invoices, due_days, invoice_prefix,
    credit_note_prefix, note, version)
SELECT o.id, o.tenant_id, o.path, %s, %s, %s, %s, %s, %s FROM organizations o WHERE o.id = %s
ON CONFLICT (organization_id) DO UPDATE SET invoices = EXCLUDED.invoices, due_days = EXCLUDED.due_days,
    invoice_prefix = EXCLUDED.invoice_prefix, credit_note_prefix = EXCLUDED.credit_note_prefix,
    note = EXCLUDED.note, version = EXCLUDED.version
"""


def _decode(row: Row) -> Policy:
    return Policy() if row[0] is None else Policy(*row)


def policy(organization_id: OrganizationId) -> Query[Policy]:
    return one(_OF, (organization_id,), _decode, OwnerUnknown)


def save(organization_id: OrganizationId, new: Policy) -> Write:
    return Write(
        _SAVE,
        (
            new.invoices, new.due_days, new.invoice_prefix, new.credit_note_prefix, new.note, new.version,
            organization_id,
        ),
    )  # fmt: skip
