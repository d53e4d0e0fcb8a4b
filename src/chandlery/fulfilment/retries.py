"""How long to wait before sending or asking again, and when to stop and call a person.

Exponential, with a jitter that spreads a crowd and yet is the same for the same attempt, so that it can be tested.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    most_attempts: int = 6
    most_queries: int = 6
    first_wait: timedelta = timedelta(seconds=1)
    longest_wait: timedelta = timedelta(minutes=10)
    call_timeout: timedelta = timedelta(seconds=10)
    lease: timedelta = timedelta(seconds=15)
    """A request that was cut off may still be under way for this long; only then does "never seen" mean never."""

    def wait(self, seed: str, tries: int, least: timedelta = timedelta(0)) -> timedelta:
        """Before try number `tries + 1`: doubled each time, and up to a quarter longer."""
        digest = hashlib.blake2b(f"{seed}:{tries}".encode(), digest_size=2).digest()
        jitter = int.from_bytes(digest) / 0xFFFF / 4
        doubled = self.first_wait * (1 << min(tries - 1, 32))
        return max(min(doubled, self.longest_wait) * (1 + jitter), least)
