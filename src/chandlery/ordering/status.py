"""The two state machines, as data: what an order and a line may become, and how the one follows from the other.

    draft ──> submitted ──> in_progress ──> completed
      │           │              │
      │           └──> needs_attention <──> in_progress        a line was refused, failed or is unknown
      └──> awaiting_approval ──> submitted | declined ──> draft     somebody has to approve it, or to pay first

Nobody sets the status of a submitted order: `derive_status` reads it off its lines.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum


class OrderStatus(StrEnum):
    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    SUBMITTED = "submitted"
    IN_PROGRESS = "in_progress"
    NEEDS_ATTENTION = "needs_attention"
    COMPLETED = "completed"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class LineStatus(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_PROGRESS = "in_progress"
    ACCEPTED = "accepted"
    """The vendor took it; its answer comes later."""
    COMPLETED = "completed"
    REFUSED = "refused"
    """The vendor said no."""
    FAILED = "failed"
    """It did not work, and we gave up trying."""
    UNKNOWN = "unknown"
    """The vendor may or may not have done it: it is asked, never sent again blindly."""
    CANCELLED = "cancelled"


class WaitingFor(StrEnum):
    """Whose turn it is with a line that is not finished."""

    WORKER = "worker"
    VENDOR = "vendor"
    OPERATOR = "operator"


ORDER_MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.DRAFT: frozenset({OrderStatus.AWAITING_APPROVAL, OrderStatus.SUBMITTED}),
    OrderStatus.AWAITING_APPROVAL: frozenset(
        {OrderStatus.SUBMITTED, OrderStatus.DECLINED, OrderStatus.CANCELLED}
    ),
    OrderStatus.SUBMITTED: frozenset(
        {
            OrderStatus.IN_PROGRESS,
            OrderStatus.NEEDS_ATTENTION,
            OrderStatus.CANCELLED,
        }
    ),
    OrderStatus.IN_PROGRESS: frozenset({OrderStatus.NEEDS_ATTENTION, OrderStatus.COMPLETED}),
    OrderStatus.NEEDS_ATTENTION: frozenset(
        {OrderStatus.IN_PROGRESS, OrderStatus.COMPLETED, OrderStatus.CANCELLED}
    ),
    OrderStatus.COMPLETED: frozenset(),
    OrderStatus.DECLINED: frozenset({OrderStatus.DRAFT, OrderStatus.CANCELLED}),
    OrderStatus.CANCELLED: frozenset(),
}

_ANSWERS = frozenset(
    {
        LineStatus.ACCEPTED,
        LineStatus.COMPLETED,
        LineStatus.REFUSED,
        LineStatus.FAILED,
        LineStatus.UNKNOWN,
    }
)

LINE_MOVES: Mapping[LineStatus, frozenset[LineStatus]] = {
    LineStatus.DRAFT: frozenset({LineStatus.SUBMITTED, LineStatus.CANCELLED}),
    LineStatus.SUBMITTED: frozenset(
        {LineStatus.IN_PROGRESS, LineStatus.REFUSED, LineStatus.FAILED, LineStatus.CANCELLED}
    ),
    LineStatus.IN_PROGRESS: _ANSWERS,
    LineStatus.ACCEPTED: _ANSWERS - {LineStatus.ACCEPTED},
    LineStatus.UNKNOWN: _ANSWERS - {LineStatus.UNKNOWN} | {LineStatus.IN_PROGRESS},
    LineStatus.REFUSED: frozenset({LineStatus.IN_PROGRESS, LineStatus.CANCELLED}),
    LineStatus.FAILED: frozenset({LineStatus.IN_PROGRESS, LineStatus.CANCELLED}),
    LineStatus.COMPLETED: frozenset(),
    LineStatus.CANCELLED: frozenset(),
}

UNDER_WAY = frozenset({LineStatus.IN_PROGRESS, LineStatus.ACCEPTED, LineStatus.UNKNOWN})
"""The vendor has it, or may have it: cancelling here would not cancel it there."""

TROUBLED = frozenset({LineStatus.REFUSED, LineStatus.FAILED, LineStatus.UNKNOWN})
FINISHED = frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELLED})


def derive_status(lines: Collection[LineStatus]) -> OrderStatus:
    """The status of a submitted order, from the statuses of its lines; the first rule that holds.

    1. a line was refused, failed or is unknown      needs_attention
    2. every line was cancelled                      cancelled
    3. every line was completed or cancelled         completed
    4. no line has been started                      submitted
    5. otherwise                                     in_progress
    """
    found = set(lines)
    if found & TROUBLED:
        return OrderStatus.NEEDS_ATTENTION
    if found == {LineStatus.CANCELLED}:
        return OrderStatus.CANCELLED
    if found <= {LineStatus.COMPLETED, LineStatus.CANCELLED}:
        return OrderStatus.COMPLETED
    if found <= {LineStatus.SUBMITTED, LineStatus.CANCELLED}:
        return OrderStatus.SUBMITTED
    return OrderStatus.IN_PROGRESS
