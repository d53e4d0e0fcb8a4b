"""The gate: what it takes to let somebody in, wired once by `app` and handed to whatever signs somebody in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from chandlery.engine.unit_of_work import Engine
from chandlery.identity.passwords import Passwords
from chandlery.identity.secrets import MasterKey, MintedSecret, mint
from chandlery.identity.signing import KeyRing
from chandlery.identity.tokens import Tokens

CLIENT_SECRET: Final = "client-secret"  # noqa: S105 - what a key is derived for
REFRESH_TOKEN: Final = "refresh-token"  # noqa: S105 - the same


@dataclass(frozen=True, slots=True)
class Gate:
    """Engine, master key, passwords and tokens."""

    engine: Engine
    master: MasterKey
    passwords: Passwords
    tokens: Tokens
    _queues: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    @classmethod
    def open(cls, engine: Engine, master: MasterKey, issuer: str) -> Gate:
        """`issuer` is the public URL of this installation."""
        return cls(engine, master, Passwords(), Tokens(KeyRing(engine, master), issuer))

    def mint_client_secret(self) -> MintedSecret:
        """For AddClient and RotateSecret: store the MAC, show the plain secret once."""
        return mint(self.master, CLIENT_SECRET, "chs_")

    def mint_refresh_token(self) -> MintedSecret:
        return mint(self.master, REFRESH_TOKEN, "chr_")

    def queue(self, key: str) -> asyncio.Lock:
        """Guesses at one name go one after the other, so that a burst of them is counted like a trickle."""
        return self._queues.setdefault(key, asyncio.Lock())
