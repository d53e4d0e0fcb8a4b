"""One order line's way through a provider: what has been sent, what was answered, and what comes next.

    in_flight ──> done | refused                        settled
        │  └────> accepted ──> done | refused | failed  waits for the vendor, or for the person who does it
        ├──> retrying ──> in_flight                     not done, or it does no harm twice: sent again, later
        ├──> failed                                     tried often enough
        └──> unknown ──> any of these, by asking        may be done: never sent again until the vendor denies it

`in_flight` is stored before the vendor is called. Found by somebody else, it means that a worker was cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

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
MAX_FACTS_BYTES = 16 * 1024
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
    facts: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def reference(self) -> str:
        """Our name for it at the provider, the same in every attempt: the id of the line."""
        return str(self.id)

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED

    @property
    def needs_operator(self) -> bool:
        """Nothing more happens by itself; with `accepted` that is a person's task."""
        return self.state in (State.REFUSED, State.FAILED) or (
            self.state in (State.UNKNOWN, State.ACCEPTED) and self.next_at is None
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
            case Done():
                return heard.done(outcome)
            case Accepted(vendor_reference, poll_after):
                wait = poll_after and policy.wait(self.reference, self.queries + 1, poll_after)
                return replace(
                    heard,
                    state=State.ACCEPTED,
                    vendor_reference=_kept(vendor_reference, MAX_REFERENCE) or self.vendor_reference,
                    reason="" if poll_after else "A person does this, and will say so.",
                    queries=self.queries + 1 if self.state is State.ACCEPTED else 0,
                    next_at=None if wait is None else now + wait,
                )
            case Refused(reason):
                return replace(heard, state=State.REFUSED, reason=_kept(reason), next_at=None)
            case Failed(reason, retry_after):
                reason = _kept(reason)
                if self.state is State.ACCEPTED or self.attempts >= policy.most_attempts:
                    return replace(heard, state=State.FAILED, reason=reason, next_at=None)
                wait = policy.wait(self.reference, self.attempts, retry_after)
                return replace(heard, state=State.RETRYING, reason=reason, next_at=now + wait)
            case Unknown(reason, may_repeat):
                if may_repeat and self.state is State.IN_FLIGHT and self.attempts < policy.most_attempts:
                    wait = policy.wait(self.reference, self.attempts)
                    return replace(heard, state=State.RETRYING, reason=_kept(reason), next_at=now + wait)
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
        """A person wants it tried now: from the beginning, or, where it may be done already, by asking first."""
        self._may_be_decided()
        again = self.state if self.state in (State.UNKNOWN, State.ACCEPTED) else State.RETRYING
        return replace(self, state=again, attempts=0, queries=0, next_at=now)

    def decided(self, outcome: Done | Refused, note: str = "") -> Provisioning:
        """A person has done it, or has found out what became of it, and says so."""
        self._may_be_decided()
        heard = replace(self, answer=None, note=note)
        if isinstance(outcome, Done):
            return heard.done(outcome)
        return replace(heard, state=State.REFUSED, reason=outcome.reason, next_at=None)

    def done(self, outcome: Done) -> Provisioning:
        name = _kept(outcome.vendor_reference, MAX_REFERENCE)
        facts = outcome.facts if can_be_kept(outcome.facts) else {}
        return replace(self, state=State.DONE, vendor_reference=name, facts=facts, reason="", next_at=None)

    def put_back(self, due: datetime, reason: str) -> Provisioning:
        """It was its turn, and the provider could not be called; why it wants to ask is kept."""
        told = reason if self.state is State.RETRYING else self.reason
        return replace(self, next_at=due, reason=_kept(told))

    def called(self, now: datetime) -> Provisioning:
        """Its turn has come earlier than it was told."""
        return replace(self, next_at=now)

    def _may_be_decided(self) -> None:
        """Not what is done, and not what is being sent right now: its answer would come to nobody."""
        if self.state is State.DONE or (self.state is State.IN_FLIGHT and self.next_at is None):
            raise NothingToDecide(given=self.state)

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


def waiting_for_turn(provisioning_id: ProvisioningId, line: Begin, now: datetime) -> Provisioning:
    """A line's provisioning that is not sent yet: its provider has to be asked for a turn first."""
    return replace(first_attempt(provisioning_id, line, now), state=State.RETRYING, attempts=0)


def _kept(text: str, most: int = MAX_REASON) -> str:
    """Vendors answer what they like; what we keep is one line of printable text."""
    return "".join(character if character.isprintable() else " " for character in text[:most]).strip()


def can_be_kept(facts: Mapping[str, Any]) -> bool:
    """Whether the database can hold what a vendor or a person tells, and not too much of it."""
    try:
        encoded = msgspec.json.encode(facts)
    except (TypeError, ValueError, RecursionError):
        return False
    return len(encoded) <= MAX_FACTS_BYTES and b"\\u0000" not in encoded
