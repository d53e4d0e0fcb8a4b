"""One order line's way through a provider: what has been sent, what was answered, and what comes next.

    in_flight ──> done | refused                        settled
        │  └────> accepted ──> done | refused | failed  waits for the vendor
        ├──> retrying ──> in_flight                     certainly not done: sent again, later
        ├──> failed                                     tried often enough
        └──> unknown ──> any of these, by asking        may be done: never sent again until the vendor denies it

`in_flight` is stored before the vendor is called. Found by somebody else, it means that a worker was cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chandlery.fulfilment.errors import NothingToDecide
from chandlery.fulfilment.port import Accepted, Done, Failed, Outcome, Refused, Unknown
from chandlery.fulfilment.retries import RetryPolicy
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, ProvisioningId


class State(StrEnum):
    IN_FLIGHT = "in_flight"
    RETRYING = "retrying"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Step(StrEnum):
    """What a provisioning wants next."""

    SEND = "send"
    ASK = "ask"
    READ_ANSWER = "read_answer"
    WAIT = "wait"


MAX_REASON = 1000
MAX_REFERENCE = 200
SETTLED = frozenset({State.DONE, State.REFUSED, State.FAILED})


@dataclass(frozen=True, slots=True)
class Provisioning:
    """`next_at` is when the worker turns to it again; None means it waits for a person, or for nothing."""

    id: ProvisioningId
    owner_id: OrganizationId
    order_id: OrderId
    line_id: LineId
    provider: str
    action: str
    state: State
    attempts: int
    queries: int
    sent_at: datetime
    next_at: datetime | None
    vendor_reference: str | None
    reason: str
    answer: Mapping[str, Any] | None
    created_at: datetime

    @property
    def reference(self) -> str:
        """Our name for it at the provider, the same in every attempt: the id of the line."""
        return str(self.id)

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED

    @property
    def needs_operator(self) -> bool:
        return self.state in (State.REFUSED, State.FAILED) or (
            self.state is State.UNKNOWN and self.next_at is None
        )

    def next_step(self, now: datetime) -> Step:
        if self.is_settled:
            return Step.WAIT
        if self.answer is not None:
            return Step.READ_ANSWER
        due = self.next_at is not None and self.next_at <= now
        if self.state is State.RETRYING:
            return Step.SEND if due else Step.WAIT
        if self.state is State.IN_FLIGHT:
            return Step.ASK if self.next_at is None or due else Step.WAIT
        return Step.ASK if due else Step.WAIT

    def sent(self, now: datetime) -> Provisioning:
        """About to be sent once more."""
        return replace(
            self, state=State.IN_FLIGHT, attempts=self.attempts + 1, sent_at=now, next_at=None, answer=None
        )

    def answered(self, outcome: Outcome, now: datetime, policy: RetryPolicy) -> Provisioning:
        """After an answer to a request, to a question, or by callback; what is settled stays as it is."""
        if self.is_settled:
            return self
        heard = replace(self, answer=None)
        match outcome:
            case Done(vendor_reference):
                name = _kept(vendor_reference, MAX_REFERENCE)
                return replace(heard, state=State.DONE, vendor_reference=name, reason="", next_at=None)
            case Accepted(vendor_reference, poll_after):
                wait = policy.wait(self.reference, self.queries + 1, poll_after)
                return replace(
                    heard,
                    state=State.ACCEPTED,
                    vendor_reference=_kept(vendor_reference, MAX_REFERENCE),
                    reason="",
                    queries=self.queries + 1 if self.state is State.ACCEPTED else 0,
                    next_at=now + wait,
                )
            case Refused(reason):
                return replace(heard, state=State.REFUSED, reason=_kept(reason), next_at=None)
            case Failed(reason, retry_after):
                reason = _kept(reason)
                if self.state is State.ACCEPTED or self.attempts >= policy.most_attempts:
                    return replace(heard, state=State.FAILED, reason=reason, next_at=None)
                wait = policy.wait(self.reference, self.attempts, retry_after)
                return replace(heard, state=State.RETRYING, reason=reason, next_at=now + wait)
            case Unknown(reason):
                return heard.unanswered(_kept(reason), now, policy)

    def never_seen(self, now: datetime, policy: RetryPolicy) -> Provisioning:
        """The vendor, asked, knows nothing of it: then it may be sent, once no earlier request can still arrive."""
        if self.is_settled:
            return self
        if self.state is State.ACCEPTED:
            reason = "The vendor had accepted this and no longer knows it."
            return replace(self, state=State.UNKNOWN, reason=reason, next_at=None)
        if now < self.sent_at + policy.lease:
            return replace(self, next_at=self.sent_at + policy.lease)
        if self.attempts >= policy.most_attempts:
            return replace(
                self, state=State.FAILED, reason="No request has arrived at the vendor.", next_at=None
            )
        return replace(self, state=State.RETRYING, next_at=now)

    def reopened(self, now: datetime) -> Provisioning:
        """A person wants it tried again: from the beginning, or, where it may be done already, by asking first."""
        if not self.needs_operator:
            raise NothingToDecide(given=self.state)
        again = State.UNKNOWN if self.state is State.UNKNOWN else State.RETRYING
        return replace(self, state=again, attempts=0, queries=0, next_at=now)

    def decided(self, outcome: Done | Refused) -> Provisioning:
        """A person has found out what became of it, and says so."""
        if not self.needs_operator:
            raise NothingToDecide(given=self.state)
        if isinstance(outcome, Done):
            return replace(
                self, state=State.DONE, vendor_reference=outcome.vendor_reference, reason="", next_at=None
            )
        return replace(self, state=State.REFUSED, reason=outcome.reason, next_at=None)

    def unanswered(self, reason: str, now: datetime, policy: RetryPolicy) -> Provisioning:
        """Nobody knows; the vendor is asked again, a bounded number of times."""
        queries = self.queries + 1
        next_at = now + policy.wait(self.reference, queries)
        if self.state is State.ACCEPTED:  # it has it; not being able to ask is no news
            return replace(self, reason=reason, queries=queries, next_at=next_at)
        return replace(
            self,
            state=State.UNKNOWN,
            reason=reason,
            queries=queries,
            next_at=next_at if queries <= policy.most_queries else None,
        )


@dataclass(frozen=True, slots=True)
class Begin:
    """A line that is to be provisioned: whose it is, by which provider, and whether it creates or changes something."""

    order_id: OrderId
    line_id: LineId
    owner_id: OrganizationId
    provider: str
    action: str = "create"


def first_attempt(provisioning_id: ProvisioningId, line: Begin, now: datetime) -> Provisioning:
    """A line's provisioning as it is stored before the first call."""
    return Provisioning(
        id=provisioning_id,
        owner_id=line.owner_id,
        order_id=line.order_id,
        line_id=line.line_id,
        provider=line.provider,
        action=line.action,
        state=State.IN_FLIGHT,
        attempts=1,
        queries=0,
        sent_at=now,
        next_at=None,
        vendor_reference=None,
        reason="",
        answer=None,
        created_at=now,
    )


def _kept(text: str, most: int = MAX_REASON) -> str:
    """Vendors answer what they like; what we keep is one line of printable text."""
    return "".join(character if character.isprintable() else " " for character in text[:most]).strip()
