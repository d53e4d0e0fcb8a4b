"""Shipments in the database: seen by the customer's sellers, by the customer, and by the supplier who ships."""

# ruff: noqa: S608 - columns and conditions are written here; every value is a parameter

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, many, one
from chandlery.identity.errors import OrganizationUnknown
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, ShipmentId
from chandlery.kernel.page import PageRequest
from chandlery.ordering._store.reach import Reach, newest
from chandlery.ordering.errors import ShipmentUnknown
from chandlery.ordering.shipment import (
    Dispatched,
    Receiver,
    Shipment,
    ShipmentItem,
    ShipmentStatus,
    ShippableLine,
    Waybill,
)
from chandlery.ordering.status import LineStatus
from chandlery.parties.address import Postal

_ITEMS = """(
    SELECT coalesce(json_agg(i ORDER BY i.order_id, i.line_id), '[]')::text FROM (
        SELECT x.order_id, x.line_id, x.quantity, x.serial_numbers FROM shipment_items x WHERE x.shipment_id = s.id
    ) i
)"""
_COLUMNS = f"""s.id, s.number, s.owner_id, s.owner_path, s.seller_id, s.supplier_id, s.created_at, s.status,
    s.attributes, s.dispatched_at, s.delivered_at, s.version, s.carrier, s.service, s.packages, s.tracking_number,
    s.tracking_url, s.delivery_note_number, s.from_address, s.to_address, s.expected_at,
    {_ITEMS}"""  # sql: constants alone
_decode_items = msgspec.json.Decoder(tuple[ShipmentItem, ...]).decode


def decode(row: Row) -> Shipment:
    carrier, service, packages, number, url, note, sent_from, sent_to, expected = row[12:21]
    return Shipment(
        id=row[0],
        number=row[1],
        customer_id=row[2],
        customer_path=row[3],
        seller_id=row[4],
        supplier_id=row[5],
        created_at=row[6],
        items=_decode_items(row[21]),
        waybill=Waybill(
            carrier, service, packages, number, url, note, _postal(sent_from), _postal(sent_to), expected
        ),
        status=ShipmentStatus(row[7]),
        attributes=row[8],
        dispatched_at=row[9],
        delivered_at=row[10],
        version=row[11],
    )


def by_id(shipment_id: ShipmentId, lock: bool = False) -> Query[Shipment]:
    suffix = " FOR NO KEY UPDATE OF s" if lock else ""
    sql = f"SELECT {_COLUMNS} FROM shipments s WHERE s.id = %s{suffix}"  # sql: constants alone
    return one(sql, (shipment_id,), decode, ShipmentUnknown)


def find(reach: Reach, page: PageRequest) -> Query[list[Shipment]]:
    found, params = newest("shipments", reach, page)
    return many(
        f"SELECT {_COLUMNS} FROM ({found}) s ORDER BY s.created_at DESC, s.id DESC",  # sql: fixed texts
        params,
        decode,
    )


def next_serial() -> Query[int]:
    return Query("SELECT nextval('shipment_serials')", (), lambda rows: int(rows[0][0]))


def lines_to_ship(
    order_ids: Sequence[OrderId], but: ShipmentId | None = None
) -> Query[dict[LineId, ShippableLine]]:
    """The lines of these orders that the actor may ship, and what other shipments hold of them; locks the orders."""

    def read(rows: Sequence[Row]) -> dict[LineId, ShippableLine]:
        lines = {}
        for row in rows:
            values = list(row)
            values[5], values[9] = LineStatus(row[5]), frozenset(row[9])
            line = ShippableLine(*values)
            lines[line.line_id] = line
        return lines

    return Query("SELECT * FROM lines_to_ship(%s::uuid[], %s::uuid)", (list(order_ids), but), read)


def receiver(customer_id: OrganizationId, order_ids: Sequence[OrderId]) -> Query[Receiver]:
    """The customer, where the actor sees it or supplies something of these orders of it."""
    sql = "SELECT * FROM receiver_of_shipment(%s, %s::uuid[])"
    return one(sql, (customer_id, list(order_ids)), lambda row: Receiver(*row), OrganizationUnknown)


def dispatched(order_ids: Sequence[OrderId]) -> Query[dict[LineId, Dispatched]]:
    """Of every line of these orders, the pieces that have left."""

    def read(rows: Sequence[Row]) -> dict[LineId, Dispatched]:
        return {row[0]: Dispatched(row[1], tuple(row[2])) for row in rows}

    return Query(
        """SELECT i.line_id, sum(i.quantity)::bigint,
               coalesce((SELECT array_agg(n.serial ORDER BY n.serial)
                   FROM shipment_items x JOIN shipments z ON z.id = x.shipment_id
                   CROSS JOIN LATERAL unnest(x.serial_numbers) AS n(serial)
                   WHERE x.order_id = i.order_id AND x.line_id = i.line_id AND z.status IN ('dispatched', 'delivered')
               ), '{}')
           FROM shipment_items i JOIN shipments s ON s.id = i.shipment_id
           WHERE i.order_id = ANY (%s::uuid[]) AND s.status IN ('dispatched', 'delivered')
           GROUP BY i.order_id, i.line_id""",
        (list(order_ids),),
        read,
    )


_INSERT_ITEMS = """INSERT INTO shipment_items (shipment_id, line_id, order_id, tenant_id, owner_id, owner_path,
        supplier_id, quantity, serial_numbers)
    SELECT s.id, i.line_id, i.order_id, s.tenant_id, s.owner_id, s.owner_path, s.supplier_id, i.quantity,
        i.serial_numbers
    FROM s CROSS JOIN jsonb_to_recordset(%s)
        AS i(line_id uuid, order_id uuid, quantity bigint, serial_numbers text[])"""


def insert(new: Shipment) -> Write:
    return Write(
        f"""WITH s AS (
    INSERT INTO shipments (id, tenant_id, number, owner_id, owner_path, seller_id, supplier_id, status, attributes,
        created_at, carrier, service, packages, tracking_number, tracking_url, delivery_note_number, from_address,
        to_address, expected_at)
    VALUES (%s, scope_tenant(), %s, %s, %s, %s, %s::uuid, %s, %s, %s, %s::text, %s::text, %s, %s::text, %s::text,
        %s::text, %s::jsonb, %s::jsonb, %s::timestamptz)
    RETURNING id, tenant_id, owner_id, owner_path, supplier_id
) {_INSERT_ITEMS}""",  # sql: constants alone
        (
            new.id, new.number, new.customer_id, new.customer_path, new.seller_id, new.supplier_id, new.status.value,
            Jsonb(new.attributes), new.created_at, *_waybill(new.waybill), Jsonb(new.items),
        ),
    )  # fmt: skip


def save(changed: Shipment) -> Write:
    return Write(
        """UPDATE shipments SET status = %s, attributes = %s, dispatched_at = %s::timestamptz,
               delivered_at = %s::timestamptz, version = %s, carrier = %s::text, service = %s::text, packages = %s,
               tracking_number = %s::text, tracking_url = %s::text, delivery_note_number = %s::text,
               from_address = %s::jsonb, to_address = %s::jsonb, expected_at = %s::timestamptz
           WHERE id = %s""",
        (
            changed.status.value, Jsonb(changed.attributes), changed.dispatched_at, changed.delivered_at,
            changed.version, *_waybill(changed.waybill), changed.id,
        ),
    )  # fmt: skip


def repack(changed: Shipment) -> tuple[Write, Write]:
    """Its items, all of them anew."""
    return (
        Write("DELETE FROM shipment_items WHERE shipment_id = %s", (changed.id,)),
        Write(
            f"WITH s AS (SELECT * FROM shipments WHERE id = %s) {_INSERT_ITEMS}",  # sql: constants alone
            (changed.id, Jsonb(changed.items)),
        ),
    )


def _waybill(waybill: Waybill) -> tuple[Any, ...]:
    return (
        waybill.carrier,
        waybill.service,
        waybill.packages,
        waybill.tracking_number,
        waybill.tracking_url,
        waybill.delivery_note_number,
        _snapshot(waybill.from_address),
        _snapshot(waybill.to_address),
        waybill.expected_at,
    )


def _snapshot(address: Postal | None) -> Jsonb | None:
    return None if address is None else Jsonb(address.as_snapshot())


def _postal(snapshot: dict[str, Any] | None) -> Postal | None:
    return None if snapshot is None else Postal.from_snapshot(snapshot)
