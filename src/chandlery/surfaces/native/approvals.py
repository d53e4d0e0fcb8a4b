"""Deciding about orders that wait, the same order again, and what people note beside one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.kernel.ids import LineId
from chandlery.ordering import approving, copying, drafts, notes
from chandlery.ordering.note import Note, Visibility
from chandlery.processes import decide_order
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Attributes, Id
from chandlery.surfaces.native.orders import LifeInDays, PoNumber, opened, order_id, order_reply

Reason = Annotated[str, Meta(examples=["Within this year's budget"])]


class ApprovalGiven(Body):
    reason: Reason | None = None


class Refusal(Body):
    """The reason is read by whoever ordered."""

    reason: Reason


class ReleaseGiven(Body):
    """`paid`: your organisation has its money, so the order takes nothing of its open limit."""

    paid: bool = False
    reason: Reason | None = None


class Copy(Body):
    """A PO number and attributes name one purchase, so the copy has only those given here."""

    po_number: PoNumber | None = None
    attributes: Attributes = msgspec.field(default_factory=dict)
    expires_in_days: LifeInDays = drafts.DRAFT_LIFETIME.days


class NewNote(Body):
    """`internal`: for your own organisation alone. `public`: for everybody who sees the order."""

    text: Annotated[str, Meta(examples=["The customer wants it by Friday."])]
    visibility: Visibility = "internal"
    line_id: Id | None = None


class NoteBody(msgspec.Struct, kw_only=True):
    id: UUID
    order_id: UUID
    line_id: UUID | None
    organization_id: UUID
    author: str
    visibility: Visibility
    text: str
    created_at: datetime


async def approve_order(call: Call, body: ApprovalGiven) -> Reply:
    command = decide_order.Approve(order_id(call), body.reason, call.expected_version)
    return await call.perform(decide_order.approve, command, reply=lambda order: order_reply(call, order))


async def decline_order(call: Call, body: Refusal) -> Reply:
    command = approving.Decline(order_id(call), body.reason, call.expected_version)
    return await call.perform(approving.decline, command, reply=lambda order: order_reply(call, order))


async def release_order(call: Call, body: ReleaseGiven) -> Reply:
    command = decide_order.Release(order_id(call), body.paid, body.reason, call.expected_version)
    return await call.perform(decide_order.release, command, reply=lambda order: order_reply(call, order))


async def resubmit_order(call: Call) -> Reply:
    command = approving.Reopen(order_id(call), call.expected_version)
    return await call.perform(approving.reopen, command, reply=lambda order: order_reply(call, order))


async def copy_order(call: Call, body: Copy) -> Reply:
    command = copying.CopyOrder(
        order_id(call), body.po_number, body.attributes, timedelta(days=body.expires_in_days)
    )
    return await call.perform(copying.copy_order, command, reply=lambda order: opened(call, order))


async def add_note(call: Call, body: NewNote) -> Reply:
    line_id = LineId(body.line_id) if body.line_id else None
    command = notes.AddNote(order_id(call), body.text, body.visibility, line_id)
    return await call.perform(notes.add_note, command, reply=lambda note: Reply(_note(note)))


async def list_notes(call: Call) -> Reply:
    query: PageQuery = call.query
    found = await call.read(notes.find_notes, notes.FindNotes(order_id(call), query.page()))
    return page_reply(found, _note)


def _note(note: Note) -> NoteBody:
    return NoteBody(
        id=note.id,
        order_id=note.order_id,
        line_id=note.line_id,
        organization_id=note.organization_id,
        author=note.author,
        visibility=note.visibility,
        text=note.text,
        created_at=note.created_at,
    )
