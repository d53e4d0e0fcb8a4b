"""Second factors in the database: functions alone reach them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chandlery.engine.statements import Query, maybe, one, scalar
from chandlery.identity.errors import SecondFactorMissing
from chandlery.kernel.ids import UserId


@dataclass(frozen=True, slots=True)
class FactorStanding:
    sealed: bytes = field(repr=False)
    is_confirmed: bool
    last_step: int
    locked_until: datetime | None
    codes_left: int


def find(user_id: UserId) -> Query[FactorStanding | None]:
    return maybe(
        "SELECT sealed, is_confirmed, last_step, locked_until, codes_left FROM find_second_factor(%s)",
        (user_id,),
        lambda row: FactorStanding(bytes(row[0]), *row[1:]),
    )


def put(user_id: UserId, sealed: bytes) -> Query[bool]:
    return one("SELECT put_second_factor(%s, %s::bytea)", (user_id, sealed), scalar, SecondFactorMissing)


def confirm(user_id: UserId, sealed: bytes, step: int, macs: Sequence[bytes]) -> Query[bool]:
    return one(
        "SELECT confirm_second_factor(%s, %s::bytea, %s::bigint, %s::bytea[])",
        (user_id, sealed, step, list(macs)),
        scalar,
        SecondFactorMissing,
    )


def use(user_id: UserId, step: int | None, mac: bytes | None) -> Query[bool]:
    return one(
        "SELECT use_second_factor(%s, %s::bigint, %s::bytea)",
        (user_id, step, mac),
        scalar,
        SecondFactorMissing,
    )


def remove(user_id: UserId) -> Query[bool]:
    return one("SELECT remove_second_factor(%s)", (user_id,), scalar, SecondFactorMissing)
