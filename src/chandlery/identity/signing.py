"""The keys that sign our tokens: made at the first start, rotated by command, published as a JWKS.

The private half is stored sealed under the master key. After a rotation the new key signs, and the old one verifies
until the last token it may have signed has expired. Every process holds the ring in memory: an unknown key id makes
it look again (at most once in five seconds), and a signer looks every minute whether it still is the one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc.jwk import RSAKey

from chandlery.engine.unit_of_work import Engine
from chandlery.identity._store import signing as store
from chandlery.identity.client import MAX_ACCESS_SECONDS
from chandlery.identity.secrets import MasterKey

PURPOSE: Final = "signing-keys"
BITS = 2048
RELOAD_AFTER = timedelta(seconds=60)
LOOK_AGAIN_AFTER = timedelta(seconds=5)
VERIFY_SECONDS = MAX_ACCESS_SECONDS + 2 * int(RELOAD_AFTER.total_seconds())


@dataclass(slots=True)
class _Ring:
    """What the database held at `at`: who signs, by algorithm, and everything that verifies."""

    at: datetime
    signers: dict[str, RSAKey]
    verifiers: dict[str, RSAKey]
    published: list[Mapping[str, Any]]


@dataclass(slots=True)
class KeyRing:
    """The signing keys as this process knows them."""

    engine: Engine
    master: MasterKey
    _ring: _Ring | None = None
    _loading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def signer(self, algorithm: str = "RS256") -> RSAKey:
        ring = await self._fresh(RELOAD_AFTER)
        if algorithm not in ring.signers:
            await self._add(algorithm, replace=False)
            ring = await self._load()
        return ring.signers[algorithm]

    async def verifier(self, kid: str) -> RSAKey | None:
        """The public key of that id; a name we do not know may be newer than what we know."""
        if self._ring is not None and kid in self._ring.verifiers:
            return self._ring.verifiers[kid]
        return (await self._fresh(LOOK_AGAIN_AFTER)).verifiers.get(kid)

    async def jwks(self) -> dict[str, Any]:
        """RFC 7517, with every key that may have signed a token that is still good."""
        await self.signer()
        return {"keys": list((await self._fresh(RELOAD_AFTER)).published)}

    async def rotate(self, algorithm: str = "RS256") -> str:
        """From now on a new key signs; answers its id. Instance-wide, so it is for the operator's commands."""
        kid = await self._add(algorithm, replace=True)
        await self._load()
        return kid

    async def _fresh(self, age: timedelta) -> _Ring:
        ring = self._ring
        if ring is None or self.engine.clock.now() - ring.at >= age:
            async with self._loading:
                if self._ring is not ring and self._ring is not None:
                    return self._ring  # somebody else looked while we waited
                return await self._load()
        return ring

    async def _load(self) -> _Ring:
        rows = await self.engine.look_up(store.live_keys())
        known = self._ring.signers if self._ring else {}
        signers = {}
        for row in rows:
            if row.signs:
                now = known.get(row.algorithm)
                signers[row.algorithm] = now if now is not None and now.kid == row.kid else self._open(row)
        self._ring = _Ring(
            self.engine.clock.now(),
            signers,
            {row.kid: RSAKey.import_key(dict(row.public)) for row in rows},
            [row.public for row in rows],
        )
        return self._ring

    def _open(self, row: store.StoredKey) -> RSAKey:
        return RSAKey.import_key(self.master.open(PURPOSE, row.sealed), {"kid": row.kid})

    async def _add(self, algorithm: str, replace: bool) -> str:
        kid = secrets.token_hex(8)
        key = await asyncio.to_thread(RSAKey.generate_key, BITS, {"kid": kid, "use": "sig", "alg": algorithm})
        stored = store.StoredKey(
            kid,
            algorithm,
            self.master.seal(PURPOSE, key.as_pem(private=True)),
            dict(key.as_dict(private=False)),
            signs=True,
        )
        await self.engine.look_up(store.add_key(stored, replace, VERIFY_SECONDS))
        return kid
