"""A provider as an operator has set it up: which kind, how it is reached, and what it bears.

`sandbox` and `manual` are there without being set up, under those names. One of the same kind may be set up beside
them, to give it limits of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from chandlery.fulfilment.retries import RetryPolicy
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import ProviderId

Kind = Literal["http", "manual", "sandbox"]

BUILT_IN = frozenset({"manual", "sandbox"})
LONGEST_TIMEOUT_SECONDS = 60
MOST_CONCURRENCY = 1000
MOST_CALLS_PER_MINUTE = 60_000
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_GRACE = timedelta(seconds=1)
_UNDER_WAY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Sealed:
    """The secret that we share with a vendor, and the one before it while that is still good; both sealed."""

    current: bytes = field(repr=False)
    previous: bytes | None = field(default=None, repr=False)
    previous_until: datetime | None = None

    def valid(self, now: datetime) -> tuple[bytes, ...]:
        """The newest first."""
        still = self.previous is not None and self.previous_until is not None and now < self.previous_until
        return (self.current, self.previous) if still and self.previous is not None else (self.current,)


@dataclass(frozen=True, slots=True)
class ProviderSetup:
    """`concurrency` calls at once, `calls_per_minute` evenly spread; 0 is no limit.

    `idempotent`: the vendor recognises a reference that comes again, so that a lost answer may be asked for by sending
    anew. After `trips_after` calls in a row that went wrong, it is left alone for a while.
    """

    id: ProviderId
    name: str
    kind: Kind
    url: str | None
    secret: Sealed | None
    concurrency: int
    calls_per_minute: int
    timeout_seconds: int
    idempotent: bool
    trips_after: int
    created_at: datetime
    version: int

    @property
    def spacing(self) -> timedelta:
        """Between two calls; zero without a rate."""
        return timedelta(minutes=1) / self.calls_per_minute if self.calls_per_minute else timedelta(0)

    @property
    def lease(self) -> timedelta:
        """For how long a call may be under way, whatever became of its worker."""
        return timedelta(seconds=self.timeout_seconds) + _GRACE + _UNDER_WAY

    def policy(self, usual: RetryPolicy) -> RetryPolicy:
        """The provider itself is given `timeout_seconds`, and we a little more, to be told what happened."""
        timeout = timedelta(seconds=self.timeout_seconds) + _GRACE
        return replace(usual, call_timeout=timeout, lease=self.lease)

    def problems(self) -> list[Problem]:
        """Everything that is wrong with it, but for the URL, which only `Outbound` can judge."""
        found = []
        if not _NAME.fullmatch(self.name) or self.name in BUILT_IN:
            message = "Give 1 to 60 small letters, digits and hyphens; 'manual' and 'sandbox' are taken."
            found.append(Problem("name", message))
        if (self.url is None) == (self.kind == "http"):
            found.append(Problem("url", "Give a URL for the kind http, and none for any other."))
        for name, value, least, most in (
            ("concurrency", self.concurrency, 0, MOST_CONCURRENCY),
            ("calls_per_minute", self.calls_per_minute, 0, MOST_CALLS_PER_MINUTE),
            ("timeout_seconds", self.timeout_seconds, 1, LONGEST_TIMEOUT_SECONDS),
            ("trips_after", self.trips_after, 1, 1000),
        ):
            if not least <= value <= most:
                found.append(Problem(name, f"Give {least} to {most}.", "range"))
        return found
