"""What is said to a vendor over HTTP, and what its answers mean. Pure: bytes in, outcomes out.

    2xx             what the body says; a body that cannot be read says nothing: unknown
    400 402 422 451 501
                    refused: sending it again changes nothing
    429             failed: not done, and to be sent again after Retry-After
    408 409 425     unknown: something of it may have happened
    other 4xx       failed: the vendor did not let us in (address, secret), and so did nothing
    all others      unknown, 3xx too: a redirect is often the answer to what was done

Where it is unknown and the vendor recognises references that come again, it may be sent again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from chandlery.engine.outbound import Answer
from chandlery.fulfilment.port import Accepted, Done, Failed, Outcome, Refused, Request, Unknown

Action = Literal["provision", "change", "suspend", "resume", "cancel", "query"]

REFUSES = frozenset({400, 402, 422, 451, 501})
UNCLEAR = frozenset({408, 409, 425})
LONGEST_WAIT = timedelta(days=7)
_DIGITS = re.compile(r"\d{1,9}")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as the vendor reads it."""

    action: Action
    reference: str
    account: UUID
    customer_id: UUID
    plan_code: str
    sku: str
    quantity: int
    characteristics: Mapping[str, Any]
    vendor_reference: str | None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a reference?"""

    action: Literal["query"] = "query"
    reference: str
    account: UUID


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's answer, in the body of a 2xx. `never_seen` answers questions alone."""

    status: Literal["done", "accepted", "refused", "failed", "unknown", "never_seen"]
    vendor_reference: str = ""
    reason: str = ""
    retry_after_seconds: float = 0
    poll_after_seconds: float = 60
    facts: dict[str, Any] = {}


class _Reasons(msgspec.Struct, frozen=True):
    """Where vendors usually say why: in our own word, or in that of a problem document."""

    reason: str = ""
    detail: str = ""


_read_said = msgspec.json.Decoder(Said).decode
_read_reasons = msgspec.json.Decoder(_Reasons).decode


def wanted(action: Action, request: Request) -> bytes:
    return msgspec.json.encode(
        Wanted(
            action=action,
            reference=request.reference,
            account=request.account,
            customer_id=request.customer_id,
            plan_code=request.plan_code,
            sku=request.sku_code,
            quantity=request.quantity,
            characteristics=request.characteristics,
            vendor_reference=request.vendor_reference,
        )
    )


def question(account: UUID, reference: str) -> bytes:
    return msgspec.json.encode(Question(reference=reference, account=account))


def outcome_of(answer: Answer, may_repeat: bool) -> Outcome:
    """What the answer to a request says."""
    if 200 <= answer.status < 300:
        said = _said(answer.body)
        if said is None or said.status in ("unknown", "never_seen"):
            reason = (
                said and said.reason
            ) or f"The vendor answered {answer.status}, and nothing that tells more."
            return Unknown(reason, may_repeat)
        return _outcome(said)
    reason = _reason(answer)
    if answer.status in REFUSES:
        return Refused(reason)
    if answer.status == 429:
        return Failed(reason, _retry_after(answer.headers))
    if 400 <= answer.status < 500 and answer.status not in UNCLEAR:
        return Failed(reason)
    return Unknown(reason, may_repeat)


def report_of(answer: Answer) -> Outcome | None:
    """What the answer to a question says; only a vendor's own word counts, for a status alone may be a proxy's."""
    said = _said(answer.body) if 200 <= answer.status < 300 else None
    if said is None:
        return Unknown(_reason(answer))
    if said.status == "never_seen":
        return None
    return Unknown(said.reason or "The vendor does not know.") if said.status == "unknown" else _outcome(said)


def _outcome(said: Said) -> Outcome:
    reason = said.reason or "The vendor gave no reason."
    match said.status:
        case "done" if said.vendor_reference.strip():
            return Done(said.vendor_reference, said.facts)
        case "done":
            return Unknown("The vendor answered that it is done, but not under which vendor_reference.")
        case "accepted":
            return Accepted(
                said.vendor_reference, max(_seconds(said.poll_after_seconds), timedelta(seconds=1))
            )
        case "refused":
            return Refused(reason)
        case _:
            return Failed(reason, _seconds(said.retry_after_seconds))


def _said(body: bytes) -> Said | None:
    try:
        return _read_said(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _reason(answer: Answer) -> str:
    try:
        found = _read_reasons(answer.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        found = _Reasons()
    told = found.reason or found.detail
    return f"The vendor answered {answer.status}" + (f": {told}" if told else ".")


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    given = headers.get("retry-after", "").strip()
    return _seconds(int(given)) if given.isascii() and _DIGITS.fullmatch(given) else timedelta(0)


def _seconds(given: float) -> timedelta:
    return timedelta(seconds=min(max(given, 0), LONGEST_WAIT.total_seconds()))
