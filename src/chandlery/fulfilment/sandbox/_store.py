"""The sandbox vendor's own books, each statement committed by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from chandlery.engine.errors import DatabaseUnavailable
from chandlery.engine.statements import Query, many, one
from chandlery.fulfilment.port import Request
from chandlery.kernel.ids import TenantId


class Taken(msgspec.Struct, frozen=True, array_like=True):
    """What the vendor did with a request: which fault struck, and the ledger entry, if there is one."""

    behaviour: str | None
    seconds: float | None
    reason: str | None
    entry: int | None
    ready: bool | None = True


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A line of the vendor's books."""

    id: int
    reference: str
    action: str
    plan_code: str
    quantity: int
    at: datetime


def send(request: Request, action: str, now: datetime) -> Query[Taken]:
    return one(
        "SELECT * FROM sandbox_vendor.send(%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            request.account,
            request.reference,
            action,
            request.plan_code,
            request.sku_code,
            request.quantity,
            Jsonb(request.characteristics),
            now,
        ),
        lambda row: Taken(*row),
        DatabaseUnavailable,
    )


def query(account: TenantId, reference: str, now: datetime) -> Query[Taken]:
    return one(
        "SELECT * FROM sandbox_vendor.query(%s, %s, %s)",
        (account, reference, now),
        lambda row: Taken(*row),
        DatabaseUnavailable,
    )


def due_callbacks(now: datetime, again: datetime, limit: int) -> Query[list[tuple[int, str]]]:
    return many(
        "SELECT * FROM sandbox_vendor.due_callbacks(%s, %s, %s)",
        (now, again, limit),
        lambda row: (row[0], row[1]),
    )


def callback_delivered(entry: int) -> Query[list[None]]:
    return many("SELECT sandbox_vendor.callback_delivered(%s)", (entry,), lambda _: None)


def set_fault(account: UUID, fault: dict[str, Any]) -> Query[list[None]]:
    return many("SELECT sandbox_vendor.set_fault(%s, %s)", (account, Jsonb(fault)), lambda _: None)


def clear_faults(account: UUID) -> Query[list[None]]:
    return many("SELECT sandbox_vendor.clear_faults(%s)", (account,), lambda _: None)


def read_ledger(account: UUID, limit: int) -> Query[list[Entry]]:
    return many("SELECT * FROM sandbox_vendor.read_ledger(%s, %s)", (account, limit), lambda row: Entry(*row))
