"""The sandbox processor's own books, each statement committed by itself."""

from __future__ import annotations

from datetime import datetime

import msgspec

from chandlery.billing.processors import Request
from chandlery.engine.errors import DatabaseUnavailable
from chandlery.engine.statements import Query, many, one
from chandlery.kernel.ids import TenantId


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A line of the processor's books."""

    id: int
    reference: str
    operation: str
    amount_minor: int
    currency: str
    at: datetime


def send(request: Request, behaviour: str, number: int, now: datetime) -> Query[tuple[str, int | None]]:
    return one(
        "SELECT * FROM sandbox_processor.send(%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            request.account,
            request.reference,
            request.kind,
            request.amount.minor,
            request.amount.currency,
            now,
            behaviour,
            number,
        ),
        lambda row: (row[0], row[1]),
        DatabaseUnavailable,
    )


def query(account: TenantId, reference: str, now: datetime) -> Query[list[tuple[int, bool]]]:
    return many(
        "SELECT * FROM sandbox_processor.query(%s, %s, %s)",
        (account, reference, now),
        lambda row: (row[0], row[1]),
    )


def read_ledger(account: TenantId, limit: int) -> Query[list[Entry]]:
    return many(
        "SELECT * FROM sandbox_processor.read_ledger(%s, %s)", (account, limit), lambda row: Entry(*row)
    )
