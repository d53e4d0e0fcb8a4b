"""What the machinery itself may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Invalid, Unauthenticated, Unavailable


class SessionEnded(Unauthenticated):
    """Your session has ended or your rights have changed; ask for a new access token."""


class IdempotencyKeyReused(Invalid):
    """This Idempotency-Key was used for a different request; use a new key for a new request."""


class Busy(Conflict):
    """Somebody else is changing this right now; repeat the same request in a moment."""

    retry_after_seconds = 1


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached right now; repeat the same request, with the same Idempotency-Key."""

    retry_after_seconds = 2


class CommitUnconfirmed(Unavailable):
    """The connection broke while saving: the outcome is unknown; repeat with the same Idempotency-Key or read it."""

    retry_after_seconds = 2
