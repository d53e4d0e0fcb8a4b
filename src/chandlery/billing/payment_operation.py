"""The noun: one thing asked of a processor, from before it is sent until it is known what became of it.

    waiting ──> in_flight ──> done | refused            settled
       ^            ├──> accepted, unknown ──> asked for by our reference, until it is known
       └────────────┴──> failed                         after several tries that were certainly not done

`in_flight` is stored before the processor is called. Found by somebody else, it means that a worker was cut off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chandlery.billing.processors import Accepted, Done, Failed, OperationKind, Outcome, Refused, Unknown
from chandlery.kernel.ids import OperationId, PaymentId

MOST_ATTEMPTS: Final = 6
LONGEST_WAIT: Final = timedelta(hours=1)
LEASE: Final = timedelta(seconds=30)
"""A request that was cut off may still be under way for this long; only then does "never seen" mean never."""
MAX_REASON: Final = 500


class State(StrEnum):
    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


SETTLED: Final = frozenset({State.DONE, State.REFUSED, State.FAILED})


class Step(StrEnum):
    """What an operation wants next."""

    SEND = "send"
    ASK = "ask"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Operation:
    """`next_at` is when a worker turns to it again; `principal` asked for it."""

    id: OperationId
    payment_id: PaymentId
    kind: OperationKind
    amount_minor: int
    principal: str
    created_at: datetime
    state: State = State.WAITING
    attempts: int = 0
    queries: int = 0
    sent_at: datetime | None = None
    next_at: datetime | None = None
    processor_reference: str | None = None
    reason: str = ""

    @property
    def reference(self) -> str:
        """Our name for it at the processor, the same in every attempt."""
        return str(self.id)

    def next_step(self, now: datetime) -> Step:
        if self.state in SETTLED or (self.next_at is not None and self.next_at > now):
            return Step.WAIT
        return Step.SEND if self.state is State.WAITING else Step.ASK

    def sent(self, now: datetime) -> Operation:
        return replace(self, state=State.IN_FLIGHT, attempts=self.attempts + 1, sent_at=now, next_at=None)

    def answered(self, outcome: Outcome | None, now: datetime) -> Operation:
        """After an answer, or (None) after the processor has said that it has never seen it."""
        match outcome:
            case Done(reference):
                return replace(
                    self, state=State.DONE, processor_reference=_kept(reference), reason="", next_at=None
                )
            case Accepted(reference, poll_after):
                return replace(
                    self,
                    state=State.ACCEPTED,
                    processor_reference=_kept(reference),
                    queries=self.queries + 1,
                    next_at=now + max(poll_after, timedelta(seconds=1)),
                )
            case Refused(reason):
                return replace(self, state=State.REFUSED, reason=_kept(reason), next_at=None)
            case Failed(reason, retry_after):
                return self._again(_kept(reason), now + max(_wait(self.attempts), retry_after))
            case Unknown(reason):
                queries = self.queries + 1
                return replace(
                    self,
                    state=State.UNKNOWN,
                    reason=_kept(reason),
                    queries=queries,
                    next_at=now + _wait(queries),
                )
            case None:
                return self._never_seen(now)

    def _never_seen(self, now: datetime) -> Operation:
        if self.sent_at is not None and now < self.sent_at + LEASE:
            return replace(self, state=State.UNKNOWN, next_at=self.sent_at + LEASE)
        return self._again("No request has arrived at the processor.", now)

    def _again(self, reason: str, at: datetime) -> Operation:
        if self.attempts >= MOST_ATTEMPTS:
            return replace(self, state=State.FAILED, reason=reason, next_at=None)
        return replace(self, state=State.WAITING, reason=reason, next_at=at)


def _wait(tries: int) -> timedelta:
    """Doubled each time, and never longer than an hour: what is unknown is asked for until it is known."""
    return min(timedelta(seconds=1 << min(tries, 16)), LONGEST_WAIT)


def _kept(text: str) -> str:
    """Processors answer what they like; what we keep is one line of printable text."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:MAX_REASON]).strip()
