"""Returns in the database. Whoever sees the order sees them; a refund is read by its two parties alone."""

# ruff: noqa: S608 - columns and conditions are written here; every value is a parameter

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, many, one
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, ReturnId
from chandlery.kernel.page import PageRequest
from chandlery.ordering._store.reach import Reach, newest
from chandlery.ordering.errors import ReturnUnknown
from chandlery.ordering.return_request import Return, ReturnItem, ReturnStatus

_ITEMS = """(
    SELECT json_agg(x ORDER BY x.position)::text FROM (
        SELECT i.position, i.line_id, i.quantity, i.serial_numbers, i.reason, i.reason_code, i.note,
            (SELECT coalesce(json_agg(y ORDER BY y.step), '[]') FROM (
                SELECT f.step, f.issuer_id, f.recipient_id, f.currency, f.paid_minor, f.refund_minor,
                    f.reduction_reason, f.reduction_text
                FROM return_refunds f WHERE f.return_id = i.return_id AND f.position = i.position
            ) y) AS refunds
        FROM return_items i WHERE i.return_id = r.id
    ) x
)"""
_COLUMNS = f"""r.id, r.number, r.order_id, r.owner_id, r.seller_id, r.requested_by, r.created_at, {_ITEMS}, r.status,
    r.note, r.reason, r.attributes, r.approved_at, r.received_at, r.refunded_at, r.closed_at,
    r.version"""  # sql: constants alone
_decode_items = msgspec.json.Decoder(tuple[ReturnItem, ...]).decode


def decode(row: Row) -> Return:
    values = list(row)
    values[7], values[8] = _decode_items(row[7] or "[]"), ReturnStatus(row[8])
    return Return(*values)


def by_id(return_id: ReturnId, lock: bool = False) -> Query[Return]:
    suffix = " FOR NO KEY UPDATE OF r" if lock else ""
    sql = f"SELECT {_COLUMNS} FROM returns r WHERE r.id = %s{suffix}"  # sql: constants alone
    return one(sql, (return_id,), decode, ReturnUnknown)


def find(reach: Reach, page: PageRequest) -> Query[list[Return]]:
    found, params = newest("returns", reach, page)
    return many(
        f"SELECT {_COLUMNS} FROM ({found}) r ORDER BY r.created_at DESC, r.id DESC",  # sql: fixed texts
        params,
        decode,
    )


def next_serial() -> Query[int]:
    return Query("SELECT nextval('return_serials')", (), lambda rows: int(rows[0][0]))


def claimed(order_id: OrderId) -> Query[dict[LineId, int]]:
    """Of each line of an order, the pieces that are in returns which nobody has refused or called off."""

    def read(rows: Sequence[Row]) -> dict[LineId, int]:
        return dict(rows)

    return Query(
        """SELECT i.line_id, sum(i.quantity)::bigint FROM return_items i JOIN returns r ON r.id = i.return_id
           WHERE i.order_id = %s AND r.status NOT IN ('rejected', 'cancelled') GROUP BY i.line_id""",
        (order_id,),
        read,
    )


def insert(new: Return) -> Write:
    return Write(
        """WITH r AS (
               INSERT INTO returns (id, tenant_id, number, order_id, owner_id, owner_path, seller_id, requested_by,
                   status, note, attributes, created_at)
               SELECT %s, o.tenant_id, %s, o.id, o.owner_id, o.owner_path, o.seller_id, %s, %s, %s, %s, %s
               FROM orders o WHERE o.id = %s
               RETURNING id, tenant_id, owner_id, owner_path, order_id
           ) INSERT INTO return_items (return_id, position, tenant_id, owner_id, owner_path, order_id, line_id,
                 quantity, serial_numbers, reason, reason_code, note)
             SELECT r.id, i.position, r.tenant_id, r.owner_id, r.owner_path, r.order_id, i.line_id, i.quantity,
                 i.serial_numbers, i.reason, i.reason_code, i.note
             FROM r CROSS JOIN jsonb_to_recordset(%s) AS i(position integer, line_id uuid, quantity bigint,
                 serial_numbers text[], reason text, reason_code text, note text)""",
        (
            new.id, new.number, new.requested_by, new.status.value, new.note, Jsonb(new.attributes), new.created_at,
            new.order_id, Jsonb(new.items),
        ),
    )  # fmt: skip


def work_out_refunds(return_id: ReturnId) -> Write:
    """What was paid for its pieces at every step, also at those that the actor cannot read."""
    return Write("SELECT set_return_refunds(%s)", (return_id,))


def save(changed: Return) -> Write:
    return Write(
        """UPDATE returns SET status = %s, reason = %s, approved_at = %s::timestamptz, received_at = %s::timestamptz,
               refunded_at = %s::timestamptz, closed_at = %s::timestamptz, version = %s WHERE id = %s""",
        (
            changed.status.value, changed.reason, changed.approved_at, changed.received_at, changed.refunded_at,
            changed.closed_at, changed.version, changed.id,
        ),
    )  # fmt: skip


def save_refunds(changed: Return, issuer_id: OrganizationId) -> Write:
    """What one issuer has decided."""
    refunds = [
        {
            "position": item.position,
            "refund": refund.refund_minor,
            "reason": refund.reduction_reason,
            "text": refund.reduction_text,
        }
        for item in changed.items
        for refund in item.refunds
        if refund.issuer_id == issuer_id
    ]
    return Write(
        """UPDATE return_refunds f SET refund_minor = d.refund, reduction_reason = d.reason, reduction_text = d.text
           FROM jsonb_to_recordset(%s) AS d(position integer, refund bigint, reason text, text text)
           WHERE f.return_id = %s AND f.issuer_id = %s AND f.position = d.position""",
        (Jsonb(refunds), changed.id, issuer_id),
    )
