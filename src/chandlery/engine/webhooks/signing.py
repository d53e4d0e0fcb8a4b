"""Secrets and signatures of Standard Webhooks: HMAC-SHA256 over id, timestamp and body, one per valid secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Protocol

SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with


class Sealer(Protocol):
    """Keeps secrets at rest: what is stored is sealed under the server's master key."""

    def seal(self, plain: bytes) -> bytes: ...

    def open(self, sealed: bytes) -> bytes: ...


def new_key() -> bytes:
    return os.urandom(SECRET_BYTES)


def secret_of(key: bytes) -> str:
    """The text form by which receivers know a key."""
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def signed_headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove a message; while a secret is being rotated, it has two signatures."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signatures = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii") for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
