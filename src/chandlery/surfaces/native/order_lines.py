"""Lines of a draft. Every change answers the whole order: its totals and version have changed, too."""

from __future__ import annotations

from chandlery.kernel.ids import LineId
from chandlery.ordering import drafts
from chandlery.ordering.errors import LineUnknown
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.fields import Characteristics, CustomFieldValues, Quantity
from chandlery.surfaces.native.orders import NewLine, order_id, order_reply


class LineChange(Body):
    """What is left out stays; characteristics are replaced as a whole. The price is that of this moment."""

    quantity: Quantity | None = None
    characteristics: Characteristics | None = None
    custom_fields: CustomFieldValues | None = None


async def add_line(call: Call, body: NewLine) -> Reply:
    command = drafts.AddLine(
        order_id(call),
        body.ref,
        body.quantity,
        body.characteristics,
        call.expected_version,
        body.custom_fields,
    )
    return await call.perform(drafts.add_line, command, reply=lambda order: order_reply(call, order))


async def change_line(call: Call, body: LineChange) -> Reply:
    command = drafts.ChangeLine(
        order_id(call),
        line_id(call),
        body.quantity,
        body.characteristics,
        call.expected_version,
        body.custom_fields,
    )
    return await call.perform(drafts.change_line, command, reply=lambda order: order_reply(call, order))


async def drop_line(call: Call) -> Reply:
    command = drafts.DropLine(order_id(call), line_id(call), call.expected_version)
    return await call.perform(drafts.drop_line, command, reply=lambda order: order_reply(call, order))


def line_id(call: Call) -> LineId:
    return LineId(call.id("line_id", missing=LineUnknown))
