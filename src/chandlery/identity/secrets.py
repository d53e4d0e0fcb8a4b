"""The master key, and what hangs on it: sealed data, and random secrets of which only a MAC is stored.

One key per installation: `CHANDLERY_SECRET_KEY`, else a file in the data directory that only its owner may read. Every
use has a key of its own, derived by HKDF, so that no two purposes can be played off against each other.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chandlery.identity.errors import MasterKeyUnfit, MasterKeyWrong
from chandlery.kernel.errors import Problem

FILE_NAME: Final = "secret.key"
MIN_TEXT = 32
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class MasterKey:
    """What all other secrets hang on. It is never printed, stored in the database or sent anywhere."""

    _key: bytes = field(repr=False)
    _derived: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_text(cls, text: str) -> MasterKey:
        """From a setting: any text of 32 characters or more."""
        if len(text.strip()) < MIN_TEXT:
            message = f"Give at least {MIN_TEXT} random characters."
            raise MasterKeyUnfit(Problem("CHANDLERY_SECRET_KEY", message, "length"))
        return cls(text.strip().encode())

    @classmethod
    def in_folder(cls, folder: Path) -> MasterKey:
        """From the file of a data directory; made there, for its owner's eyes only, the first time."""
        path = folder / FILE_NAME
        if not path.exists():
            _create(path)
        return cls.from_text(path.read_text())

    def derive(self, purpose: str) -> bytes:
        """The 32-byte key for one purpose."""
        if purpose not in self._derived:
            hkdf = HKDF(SHA256(), 32, salt=None, info=b"chandlery " + purpose.encode())
            self._derived[purpose] = hkdf.derive(self._key)
        return self._derived[purpose]

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Encrypted and authenticated: what must be read back but must not lie about in clear."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self.derive(purpose)).encrypt(nonce, plain, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        try:
            nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return AESGCM(self.derive(purpose)).decrypt(nonce, rest, purpose.encode())
        except (InvalidTag, ValueError):
            raise MasterKeyWrong from None

    def mac(self, purpose: str, secret: str) -> bytes:
        """HMAC-SHA-256: how a random secret is stored, so that the database alone does not give it away."""
        return hmac.digest(self.derive(purpose), secret.encode("utf-8", "surrogatepass"), "sha256")


@dataclass(frozen=True, slots=True)
class Seal:
    """The master key's seal for one purpose: what machinery gets that must keep secrets and know no other."""

    _master: MasterKey
    _purpose: str

    def seal(self, plain: bytes) -> bytes:
        return self._master.seal(self._purpose, plain)

    def open(self, sealed: bytes) -> bytes:
        return self._master.open(self._purpose, sealed)


@dataclass(frozen=True, slots=True)
class MintedSecret:
    """A new random secret: `plain` is shown to its owner once, `mac` is stored."""

    plain: str = field(repr=False)
    mac: bytes = field(repr=False)


def mint(master: MasterKey, purpose: str, prefix: str) -> MintedSecret:
    """256 random bits; the prefix lets people and secret scanners tell what they found."""
    plain = prefix + secrets.token_urlsafe(32)
    return MintedSecret(plain, master.mac(purpose, plain))


def _create(path: Path) -> None:
    """Whole or not at all: of two servers that start at once one makes it and the other reads that."""
    draft = path.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
