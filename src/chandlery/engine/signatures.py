"""Signed messages between systems, in the manner of Standard Webhooks: an id, a moment, a body, and an HMAC over all.

webhook-id: 0199...            the same in every delivery of one message
webhook-timestamp: 1763640000  Unix seconds; too old or too new is refused, so that a recording is worth little
webhook-signature: v1,K5oZ...  base64 of HMAC-SHA256 over "id.timestamp.body"; several, parted by spaces
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(minutes=5)


def sign(key: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers that go with this body."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{_mac(key, message_id, timestamp, body)}",
    }


def is_signed(key: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether this body was signed with this key, under these headers (names in lower case), and not long ago."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 11:
        return False
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > TOLERANCE:
        return False
    expected = f"v1,{_mac(key, message_id, timestamp, body)}".encode()
    given = headers.get("webhook-signature", "")[:2000].split(" ")
    return any(hmac.compare_digest(expected, one.encode(errors="replace")) for one in given)


def _mac(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(errors="replace"), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
