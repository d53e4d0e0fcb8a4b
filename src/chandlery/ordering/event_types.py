"""The events of orders, declared for the event catalogue; `events.py` makes them."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.event_stream.catalogue import EventType


@dataclass(frozen=True, slots=True)
class OrderOpened:
    number: str
    currency: str


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """Which fields of the header."""

    fields: list[str]


@dataclass(frozen=True, slots=True)
class OrderSubmitted:
    """`lines` is their number."""

    number: str
    lines: int


@dataclass(frozen=True, slots=True)
class OrderFacts:
    number: str


@dataclass(frozen=True, slots=True)
class LineFacts:
    line_id: str
    position: int
    plan_code: str
    name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class LineProgress:
    """How far the line has come, why, whose turn it is, and when it is tried again."""

    line_id: str
    position: int
    reason: str | None = None
    waiting_for: str | None = None
    due: str | None = None
    subscription_id: str | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """Who is asked: people of that organisation, those with one of the roles or named by id; all where none is."""

    number: str
    step: str
    organization_id: str
    roles: list[str]
    user_ids: list[str]


@dataclass(frozen=True, slots=True)
class OrderHeld:
    """By what it is held, and whose turn it is."""

    number: str
    kind: str
    waiting_for: str


@dataclass(frozen=True, slots=True)
class StepTaken:
    number: str
    step: str


@dataclass(frozen=True, slots=True)
class OrderDeclined:
    number: str
    step: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class NoteAdded:
    note_id: str
    visibility: str


@dataclass(frozen=True, slots=True)
class FieldFacts:
    noun: str
    name: str


@dataclass(frozen=True, slots=True)
class RuleFacts:
    name: str


EVENT_TYPES = (
    EventType("order.created", "A draft was opened.", OrderOpened),
    EventType("order.changed", "The header of a draft was changed.", OrderChanged),
    EventType("order.line_added", "A line was added to a draft.", LineFacts),
    EventType("order.line_changed", "A line of a draft was changed.", LineFacts),
    EventType("order.line_removed", "A line was taken out of a draft.", LineFacts),
    EventType("order.deleted", "A draft was thrown away.", OrderFacts),
    EventType("order.expired", "A draft expired and was deleted.", OrderFacts),
    EventType("order.note_added", "A note was added to an order or a line.", NoteAdded),
    EventType("order.approval_requested", "An order waits for somebody's approval.", ApprovalRequested),
    EventType("order.approved", "A step of an order's approval was taken.", StepTaken),
    EventType("order.declined", "An order was declined.", OrderDeclined),
    EventType("order.held", "An order waits for a payment.", OrderHeld),
    EventType("order.released", "An order that was held goes on.", StepTaken),
    EventType("order.reopened", "A declined order is a draft again.", OrderFacts),
    EventType("order.submitted", "An order was placed.", OrderSubmitted),
    EventType("order.line_started", "The fulfilment of a line has begun.", LineProgress),
    EventType("order.line_accepted", "The vendor took a line; its answer comes later.", LineProgress),
    EventType("order.line_retrying", "A line did not work yet and is tried again.", LineProgress),
    EventType("order.line_completed", "A line is done.", LineProgress),
    EventType("order.line_refused", "The vendor refused a line.", LineProgress),
    EventType("order.line_failed", "A line was given up.", LineProgress),
    EventType("order.line_unknown", "A line may or may not be done; the vendor is asked.", LineProgress),
    EventType("order.line_cancelled", "A line was cancelled.", LineProgress),
    EventType("order.in_progress", "The fulfilment of an order has begun.", OrderFacts),
    EventType("order.needs_attention", "A line of an order waits for somebody's decision.", OrderFacts),
    EventType("order.completed", "Every line of an order is done.", OrderFacts),
    EventType("order.cancelled", "An order was cancelled.", OrderFacts),
    EventType("custom_field.defined", "A custom field was defined.", FieldFacts),
    EventType("custom_field.changed", "A custom field was changed.", FieldFacts),
    EventType("custom_field.removed", "A custom field was removed.", FieldFacts),
    EventType("approval_rule.set", "An approval rule was set.", RuleFacts),
    EventType("approval_rule.changed", "An approval rule was changed.", RuleFacts),
    EventType("approval_rule.removed", "An approval rule was removed.", RuleFacts),
)
