"""Signed messages between systems, as Standard Webhooks has them: an id, a moment, a body, and an HMAC over all.

webhook-id: 0199...            the same in every delivery of one message
webhook-timestamp: 1763640000  Unix seconds; too old or too new is refused, so that a recording is worth little
webhook-signature: v1,K5oZ...  base64 of HMAC-SHA256 over "id.timestamp.body"; several, parted by spaces

While a secret is being replaced there are two keys: both sign what we send, and either proves what we receive.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

TOLERANCE = timedelta(minutes=5)
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with


class Sealer(Protocol):
    """Keeps secrets at rest: what is stored is sealed under the server's master key."""

    def seal(self, plain: bytes) -> bytes: ...

    def open(self, sealed: bytes) -> bytes: ...


def new_key() -> bytes:
    return os.urandom(SECRET_BYTES)


def secret_of(key: bytes) -> str:
    """The text form in which the other side is given a key."""
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def key_of(secret: str) -> bytes:
    """The key behind its text form; raises ValueError for anything else."""
    try:
        prefix, _, rest = secret.partition("_")
        if f"{prefix}_" == SECRET_PREFIX:
            return base64.b64decode(rest, validate=True)
    except ValueError:
        pass
    raise ValueError(f"a secret is {SECRET_PREFIX} and base64")


def sign(keys: Sequence[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers that go with this body, with a signature by each key."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_mac(key, message_id, timestamp, body)}" for key in keys),
    }


def is_signed(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether this body was signed with one of these keys, under these headers (names in lower case), not long ago."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 11:
        return False
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > TOLERANCE:
        return False
    given = headers.get("webhook-signature", "")[:2000].split(" ")
    expected = [f"v1,{_mac(key, message_id, timestamp, body)}".encode() for key in keys]
    return any(hmac.compare_digest(ours, one.encode(errors="replace")) for ours in expected for one in given)


def _mac(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(errors="replace"), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
