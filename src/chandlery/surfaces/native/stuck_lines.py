"""What a person decides about a line that waits for one: try it again, call it done, or call it refused."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chandlery.processes import stuck_lines
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.order_lines import line_id
from chandlery.surfaces.native.orders import order_id, order_reply

Note = Annotated[str, Meta(description="For those who look into it later.", examples=["By phone, 10:30."])]


class LineDone(Body):
    """What the vendor calls the thing that exists there, and what else there is to know of it."""

    vendor_reference: Annotated[str, Meta(examples=["SBX-00000042"])]
    facts: Annotated[dict[str, Any], Meta(examples=[{"console": "https://console.example.com/42"}])] = (
        msgspec.field(default_factory=dict)
    )
    note: Note = ""


class LineRefusal(Body):
    reason: Annotated[str, Meta(examples=["The vendor has withdrawn this plan."])]
    note: Note = ""


async def retry_line(call: Call) -> Reply:
    command = stuck_lines.RetryLine(order_id(call), line_id(call))
    return await call.perform(stuck_lines.retry_line, command, reply=lambda order: order_reply(call, order))


async def complete_line(call: Call, body: LineDone) -> Reply:
    command = stuck_lines.MarkLineDone(
        order_id(call), line_id(call), body.vendor_reference, body.facts, body.note
    )
    return await call.perform(
        stuck_lines.mark_line_done, command, reply=lambda order: order_reply(call, order)
    )


async def refuse_line(call: Call, body: LineRefusal) -> Reply:
    command = stuck_lines.RefuseLine(order_id(call), line_id(call), body.reason, body.note)
    return await call.perform(stuck_lines.refuse_line, command, reply=lambda order: order_reply(call, order))
