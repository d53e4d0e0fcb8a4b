from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chandlery.engine.statements import Write
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.ids import LineId, new_id
from chandlery.kernel.page import PageRequest
from chandlery.ordering.drafts import DeleteDraft, delete_draft
from chandlery.ordering.errors import LineUnknown, NoteInvalid, OrderUnknown
from chandlery.ordering.notes import AddNote, FindNotes, Note, add_note, find_notes
from chandlery.ordering.order import Order
from chandlery.ordering.queries import OrderHistory, history
from tests.ordering.builders import a_draft, a_placed_order, a_shop, may, some

Owner = psycopg.Connection[Any]


async def run(unit: Unit, _actor: Actor, write: Write) -> None:
    unit.write(write)


async def noted(engine: Engine, actor: Actor, order: Order, text: str, **more: Any) -> Note:
    return (await engine.perform(actor, add_note, AddNote(order.id, text, **more))).result


async def texts(engine: Engine, actor: Actor, order: Order) -> list[str]:
    return [note.text for note in (await engine.read(actor, find_notes, FindNotes(order.id))).items]


async def test_a_public_note_is_read_by_all_who_see_the_order_an_internal_one_by_its_author_s_organisation(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    await noted(engine, shop.operator, order, "of the operator")
    await noted(engine, shop.reseller, order, "of the reseller")
    await noted(engine, shop.customer, order, "of the customer")
    await noted(engine, shop.reseller, order, "for all", visibility="public")
    assert await texts(engine, shop.operator, order) == ["of the operator", "for all"]
    assert await texts(engine, shop.reseller, order) == ["of the reseller", "for all"]
    assert await texts(engine, shop.customer, order) == ["of the customer", "for all"]


async def test_nobody_below_is_told_that_there_is_an_internal_note(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    await noted(engine, shop.operator, order, "secret")
    public = await noted(engine, shop.operator, order, "open", visibility="public")
    page = await engine.read(shop.customer, history, OrderHistory(order.id))
    notes = [entry.data for entry in page.items if entry.type == "order.note_added"]
    assert notes == [{"note_id": str(public.id), "visibility": "public"}]


async def test_a_note_belongs_to_the_order_or_to_one_of_its_lines(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order, other = await a_placed_order(engine, shop), await a_placed_order(engine, shop)
    note = await noted(engine, shop.reseller, order, "this one", line_id=order.lines[0].id)
    assert list((await engine.read(shop.reseller, find_notes, FindNotes(order.id))).items) == [note]
    for line_id in (other.lines[0].id, LineId(new_id())):
        with pytest.raises(LineUnknown):
            await noted(engine, shop.reseller, order, "which?", line_id=line_id)


async def test_a_note_stays_as_it_was_said(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    note = await noted(engine, shop.reseller, order, "said")
    for sql in (
        "UPDATE order_notes SET body = 'unsaid' WHERE id = %s",
        "DELETE FROM order_notes WHERE id = %s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await engine.perform(shop.reseller, run, Write(sql, (note.id,)))


async def test_notes_of_a_draft_go_with_it(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    await noted(engine, shop.reseller, draft, "soon gone", line_id=draft.lines[0].id)
    await engine.perform(shop.reseller, delete_draft, DeleteDraft(draft.id))
    assert owner.execute("SELECT count(*) FROM order_notes WHERE order_id = %s", (draft.id,)).fetchone() == (
        0,
    )


async def test_a_note_says_something_about_an_order_that_one_sees(engine: Engine, owner: Owner) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    order = await a_placed_order(engine, shop)
    for text in ("", "   ", "x" * 5001):
        with pytest.raises(NoteInvalid):
            await noted(engine, shop.reseller, order, text)
    with pytest.raises(OrderUnknown):
        await noted(engine, other.operator, order, "hello")
    with pytest.raises(OrderUnknown):
        await texts(engine, other.operator, order)
    with pytest.raises(PermissionMissing):
        await noted(engine, may(shop.reseller, "orders:read"), order, "hello")


async def test_notes_are_read_page_by_page(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    for index in range(3):
        await noted(engine, shop.reseller, order, str(index))
    page = await engine.read(shop.reseller, find_notes, FindNotes(order.id, PageRequest(2)))
    assert [note.text for note in page.items] == ["0", "1"]
    assert page.next_cursor is not None
