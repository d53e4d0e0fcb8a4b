"""Invoices in the database: read whole, with their lines, in one statement; written once, then only settled."""

# ruff: noqa: S608 - columns are written here; every value is a parameter

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from chandlery.billing.assessment import Tax
from chandlery.billing.errors import AlreadyInvoiced, InvoiceUnknown
from chandlery.billing.invoice import MAX_LINES, Invoice, InvoiceFilter, InvoiceLine, Party, Status
from chandlery.engine.statements import Query, Row, Write, many, one, refusals
from chandlery.kernel.ids import DocumentId, InvoiceId, OrganizationId
from chandlery.kernel.page import PageRequest

_read_party = msgspec.json.Decoder(Party).decode
_read_taxes = msgspec.json.Decoder(tuple[Tax, ...]).decode
_read_lines = msgspec.json.Decoder(tuple[InvoiceLine, ...]).decode

_LINE_COLUMNS = """l.position, l.kind, l.name, l.amount_minor, l.taxable_minor, l.details, l.quantity, l.unit,
    l.rate::text AS rate, l.tax_kind, l.tax_rate::text AS tax_rate, l.tax_note, l.order_line_id, l.step, l.charge_id,
    l.corrects_position"""
_LINES = f"""(SELECT json_agg(x ORDER BY x.position)::text FROM (
    SELECT {_LINE_COLUMNS} FROM invoice_lines l WHERE l.invoice_id = i.id
) x)"""  # sql: constants alone
_COLUMNS = f"""i.id, i.kind, i.issuer::text, i.recipient::text, i.order_id, i.order_number, i.po_number, i.currency,
    i.net_minor, i.tax_minor, i.gross_minor, i.taxes::text, i.created_at, i.status, i.serial, i.number, i.corrects_id,
    i.reason, i.note, i.paid_minor, i.credited_minor, i.posted_at, i.due_on, i.document_id, i.version,
    {_LINES}"""  # sql: constants alone
_ONE = f"SELECT {_COLUMNS} FROM invoices i WHERE i.id = %s"  # sql: constants alone
_LOCK = "SELECT 1 FROM invoices WHERE id = %s FOR NO KEY UPDATE"
_FOUND = """
    AND (%(status)s::text IS NULL OR i.status = %(status)s::text)
    AND (%(kind)s::text IS NULL OR i.kind = %(kind)s::text)
    AND (%(order)s::uuid IS NULL OR i.order_id = %(order)s::uuid)
    AND (%(after)s::timestamptz IS NULL OR (i.created_at, i.id) < (%(after)s::timestamptz, %(after_id)s::uuid))
ORDER BY i.created_at DESC, i.id DESC LIMIT %(limit)s"""
_ISSUED = f"""SELECT {_COLUMNS} FROM invoices i
WHERE i.tenant_id = scope_tenant() AND i.issuer_id = scope_org() {_FOUND}"""  # sql: constants alone
_RECEIVED = f"""SELECT {_COLUMNS} FROM invoices i
WHERE i.tenant_id = scope_tenant() AND i.recipient_id = scope_org() AND i.status <> 'draft' {_FOUND}"""  # sql: the same
_NEXT = """
INSERT INTO invoice_counters AS c (issuer_id, kind, tenant_id, last) VALUES (%s, %s, scope_tenant(), 1)
ON CONFLICT (issuer_id, kind) DO UPDATE SET last = c.last + 1 RETURNING last
"""
_CREDITED = f"""SELECT json_agg(x)::text FROM (
    SELECT {_LINE_COLUMNS} FROM invoices n JOIN invoice_lines l ON l.invoice_id = n.id WHERE n.corrects_id = %s LIMIT %s
) x"""  # sql: constants alone
_INSERT = """
INSERT INTO invoices (id, tenant_id, issuer_id, recipient_id, kind, status, corrects_id, reason, order_id,
    order_number, po_number, currency, net_minor, tax_minor, gross_minor, taxes, issuer, recipient, created_at, version)
VALUES (%s, scope_tenant(), %s, %s, %s, 'draft', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_INSERT_LINES = """
INSERT INTO invoice_lines (invoice_id, position, tenant_id, kind, name, details, quantity, unit, rate, amount_minor,
    taxable_minor, tax_kind, tax_rate, tax_note, order_line_id, step, charge_id, corrects_position)
SELECT %s, l.position, scope_tenant(), l.kind, l.name, l.details, l.quantity, l.unit, l.rate, l.amount_minor,
    l.taxable_minor, l.tax_kind, l.tax_rate, l.tax_note, l.order_line_id, l.step, l.charge_id, l.corrects_position
FROM jsonb_to_recordset(%s) AS l(position integer, kind text, name text, details text[], quantity bigint, unit text,
    rate numeric, amount_minor bigint, taxable_minor bigint, tax_kind text, tax_rate numeric, tax_note text,
    order_line_id uuid, step integer, charge_id uuid, corrects_position integer)
"""
_POST = """
UPDATE invoices SET status = %s, serial = %s, number = %s, issuer = %s, recipient = %s, posted_at = %s,
    due_on = %s, note = %s, paid_minor = %s, version = %s WHERE id = %s
"""
_PARTIES = """
SELECT o.id, jsonb_build_object('id', o.id, 'name', o.name, 'company', coalesce(c.facts, '{}'),
    'postal', coalesce(a.postal, '{}'))::text
FROM organizations o
LEFT JOIN companies c ON c.organization_id = o.id
LEFT JOIN LATERAL (
    SELECT x.postal FROM addresses x
    WHERE x.tenant_id = o.tenant_id AND x.organization_id = o.id AND x.default_for && ARRAY['billing', 'legal']
    ORDER BY x.default_for @> ARRAY['billing'] DESC, x.created_at, x.id LIMIT 1
) a ON true
WHERE o.tenant_id = scope_tenant() AND o.id = ANY (%s::uuid[])
"""


def _decode(row: Row) -> Invoice:
    values = list(row)
    values[2], values[3] = _read_party(row[2]), _read_party(row[3])
    values[11], values[13] = _read_taxes(row[11]), Status(row[13])
    values[-1] = _read_lines(row[-1]) if row[-1] else ()
    return Invoice(*values)


def invoice(invoice_id: InvoiceId) -> Query[Invoice]:
    return one(_ONE, (invoice_id,), _decode, InvoiceUnknown)


def lock(invoice_id: InvoiceId) -> Query[int]:
    """Waits for whoever is changing it; what is read behind it, in a statement of its own, is current."""
    return one(_LOCK, (invoice_id,), lambda row: int(row[0]), InvoiceUnknown)


def find(wanted: InvoiceFilter, page: PageRequest) -> Query[list[Invoice]]:
    """Newest first."""
    after, after_id = page.after or (None, None)
    params = {
        "status": wanted.status and wanted.status.value,
        "kind": wanted.kind,
        "order": wanted.order_id,
        "after": after,
        "after_id": after_id,
        "limit": page.limit + 1,
    }
    return many(_ISSUED if wanted.side == "issued" else _RECEIVED, params, _decode)


def next_serial(issuer_id: OrganizationId, kind: str) -> Query[int]:
    """The next number of an issuer. Its row stays locked until the unit ends, and goes back with a roll-back."""
    return Query(_NEXT, (issuer_id, kind), lambda rows: int(rows[0][0]))


def credited_lines(invoice_id: InvoiceId) -> Query[tuple[InvoiceLine, ...]]:
    """What credit notes have taken back of an invoice."""
    return one(
        _CREDITED, (invoice_id, MAX_LINES), lambda row: _read_lines(row[0]) if row[0] else (), InvoiceUnknown
    )


def parties(ids: Sequence[OrganizationId]) -> Query[tuple[Party, ...]]:
    """Organisations as papers name them today, in the order asked for."""

    def read(rows: Sequence[Row]) -> tuple[Party, ...]:
        found = {row[0]: _read_party(row[1]) for row in rows}
        return tuple(found[one] for one in ids)

    return Query(_PARTIES, (list(ids),), read)


def billed(parts: Sequence[UUID], issuer_id: OrganizationId) -> Query[set[UUID]]:
    """Which of these parts the issuer has billed."""
    return Query(
        "SELECT part_id FROM billed_parts"
        " WHERE tenant_id = scope_tenant() AND issuer_id = %s AND part_id = ANY (%s::uuid[])",
        (issuer_id, list(parts)),
        lambda rows: {row[0] for row in rows},
    )


def claim(new: Invoice, parts: Sequence[UUID]) -> Write:
    return Write(
        "INSERT INTO billed_parts (part_id, issuer_id, tenant_id, invoice_id)"
        " SELECT p, %s, scope_tenant(), %s FROM unnest(%s::uuid[]) AS p",
        (new.issuer.id, new.id, list(parts)),
        refusals(billed_once=AlreadyInvoiced),
    )


def release(invoice_id: InvoiceId, parts: Sequence[UUID]) -> Write:
    """What a credit note takes back may be billed again."""
    return Write(
        "DELETE FROM billed_parts WHERE invoice_id = %s AND part_id = ANY (%s::uuid[])",
        (invoice_id, list(parts)),
    )


def insert(new: Invoice) -> tuple[Write, Write]:
    header = Write(
        _INSERT,
        (
            new.id, new.issuer.id, new.recipient.id, new.kind, new.corrects_id, new.reason, new.order_id,
            new.order_number, new.po_number, new.currency, new.net_minor, new.tax_minor, new.gross_minor,
            Jsonb(list(new.taxes)), Jsonb(new.issuer), Jsonb(new.recipient), new.created_at, new.version,
        ),
    )  # fmt: skip
    return header, Write(_INSERT_LINES, (new.id, Jsonb(list(new.lines))))


def post(posted: Invoice) -> Write:
    return Write(
        _POST,
        (
            posted.status.value, posted.serial, posted.number, Jsonb(posted.issuer), Jsonb(posted.recipient),
            posted.posted_at, posted.due_on, posted.note, posted.paid_minor, posted.version, posted.id,
        ),
    )  # fmt: skip


def settle(settled: Invoice) -> Write:
    return Write(
        "UPDATE invoices SET status = %s, paid_minor = %s, credited_minor = %s, version = %s WHERE id = %s",
        (settled.status.value, settled.paid_minor, settled.credited_minor, settled.version, settled.id),
    )


def set_document(invoice_id: InvoiceId, document_id: DocumentId) -> Write:
    return Write("UPDATE invoices SET document_id = %s WHERE id = %s", (document_id, invoice_id))


def delete(invoice_id: InvoiceId) -> Write:
    """A draft, with its lines and its claims; a trigger refuses what is posted."""
    return Write("DELETE FROM invoices WHERE id = %s", (invoice_id,))
