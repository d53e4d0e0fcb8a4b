"""Signing keys in the database; they belong to no tenant, and functions alone reach them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, many, one, scalar
from chandlery.identity.errors import TokenInvalid


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is stored: the private half sealed, the public one as a JWK."""

    kid: str
    algorithm: str
    sealed: bytes = field(repr=False)
    public: Mapping[str, Any]
    signs: bool


def live_keys() -> Query[list[StoredKey]]:
    return many(
        "SELECT kid, algorithm, sealed, public, signs FROM live_signing_keys()",
        (),
        lambda row: StoredKey(row[0], row[1], bytes(row[2]), row[3], row[4]),
    )


def add_key(key: StoredKey, replace: bool, verify_seconds: int) -> Query[bool]:
    return one(
        "SELECT add_signing_key(%s::text, %s::text, %s::bytea, %s, %s::boolean, %s::integer)",
        (key.kid, key.algorithm, key.sealed, Jsonb(key.public), replace, verify_seconds),
        scalar,
        TokenInvalid,
    )
